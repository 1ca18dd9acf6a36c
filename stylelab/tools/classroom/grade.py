"""What the command `grade` does: plan, show progress, write the reports, say how it went."""

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from stylelab.base.files import printable
from stylelab.errors import Interrupted
from stylelab.tools.classroom.marking import batch
from stylelab.tools.classroom.reports import write as reports
from stylelab.tools.classroom.reports.canvas import read_gradebook
from stylelab.tools.classroom.reports.late import parse_late
from stylelab.tools.classroom.reports.manual import read_manual
from stylelab.tools.classroom.sandbox.sandbox import NONE, isolation_trouble

LOOK = ("time", "memory", "lost", "forged", "load")  # stages of an answer at which a teacher should look
SLOW = "each answer gets a sandbox of its own, with seconds of imports: this machine cannot keep answers apart in one"
UNSAFE = "no sandbox: students' code runs as you, can read your files, and can forge marks"


def grade(
    source: Path,
    folder: Path,
    *,
    scheduler: str | None = None,
    due: list[str] | None = None,
    late: str = "none",
    canvas: Path | None = None,
    **options,
) -> int:
    """Grade everything that was handed in; returns the exit status.

    Args:
        source: as for `collect`.
        folder: for marks and reports.
        scheduler: of Dask.
        due, late: as for `parse_late`.
        canvas: a gradebook exported from Canvas.
        options: as for `batch.plan`.

    Raises:
        InputError, MachineError: one line for stderr. What is marked is kept.
    """
    policy = parse_late(late, due)
    if canvas is not None:
        canvas = batch.expand_home(canvas)
        read_gradebook(canvas)  # what is wrong with it is better told before than after
    try:
        made = batch.plan(source, folder, here=scheduler is None, **options)
        read_manual(made.folder)  # likewise
    except KeyboardInterrupt:
        raise Interrupted("interrupted before the first mark: nothing is lost, the same command begins again") from None
    try:
        _warn(made, scheduler)
        _run(made, scheduler)
        marks = [made.marks[key] for key in made.submissions]
        record = replace(made.record, settings={**made.record.settings, "late": policy.to_json()})
        written = reports.write(made.folder, marks, record, late=policy, canvas_export=canvas)
    except KeyboardInterrupt:
        counted = f"{len(made.marks)} of {len(made.submissions)} marked"
        raise Interrupted(f"interrupted: {counted}; the same command goes on from here and writes the reports") from None
    for warning in written.warnings:
        print(f"stylelab: {warning}", file=sys.stderr)
    print(summary(made, marks))
    return 0


def _warn(made: batch.Batch, scheduler: str | None) -> None:
    if made.kind == NONE:
        print(f"stylelab: {UNSAFE}", file=sys.stderr)
    elif scheduler is None and len(made.marks) < len(made.submissions) and (why := isolation_trouble()):
        print(f"stylelab: {SLOW} ({printable(why)})", file=sys.stderr)


def _run(made: batch.Batch, scheduler: str | None) -> None:
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with (
        Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar,
        closing(batch.run(made, scheduler=scheduler)) as marked,  # its workers end here, whatever happens
    ):
        task = bar.add_task("warming up", total=len(made.submissions), completed=made.kept)
        for mark in marked:
            bar.update(task, advance=1, description=f"{escape(printable(mark.student, 24))} {mark.earned}/{mark.points}")


def summary(made: batch.Batch, marks: list) -> str:
    """How it went, in a few lines."""
    graded = [mark for mark in marks if mark.exercises]
    share = sum(mark.earned for mark in graded) / max(1, sum(mark.points for mark in graded))
    kept = f", {made.kept} of them before" if made.kept else ""
    students = len({mark.student for mark in marks})
    lines = [f"{len(marks)} submissions of {students} students marked{kept}: {share:.0%} of all points earned"]
    if troubled := [mark for mark in marks if not mark.exercises]:
        why = troubled[0].notes[-1].removeprefix("cannot be graded: ")
        lines.append(f"{len(troubled)} could not be graded, for instance {printable(troubled[0].name, 60)}: {why}")
    looks = sum(any(each.stage in LOOK for each in mark.exercises) for mark in marks)
    if looks:
        lines.append(f"{looks} need a look: an answer ran out of time or memory, or did not run")
    lines.append(f"see {made.folder / 'overview.html'}")
    return "\n".join(lines)
