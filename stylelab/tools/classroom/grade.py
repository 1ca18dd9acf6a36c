"""`stylelab grade`: plan a batch, show its progress, write the reports, and summarise."""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
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

from stylelab.base.files import printable, quoted
from stylelab.base.values import one_of
from stylelab.errors import InputError, Interrupted
from stylelab.tools.classroom.marking import batch
from stylelab.tools.classroom.marking.model import Mark
from stylelab.tools.classroom.marking.record import HIDDEN
from stylelab.tools.classroom.reports import write as reports
from stylelab.tools.classroom.reports.canvas import read_gradebook
from stylelab.tools.classroom.reports.gradebook import ATTEMPTS, Gradebook, Term
from stylelab.tools.classroom.reports.late import parse_late
from stylelab.tools.classroom.reports.lessons import parse_lessons, parse_weights
from stylelab.tools.classroom.reports.manual import read_manual
from stylelab.tools.classroom.reports.pages import LOOK_AT
from stylelab.tools.classroom.sandbox.sandbox import NONE, isolation_trouble

SLOW = "this machine cannot separate answers inside one sandbox, so each gets a sandbox of its own, with seconds of imports"
UNSAFE = "no sandbox: students' code runs as you, can read your files, and can forge marks"


def grade(
    sources: Sequence[Path],
    folder: Path,
    *,
    scheduler: str | None = None,
    due: list[str] | None = None,
    late: str = "none",
    canvas: Path | None = None,
    lessons: str | None = None,
    attempts: str = "best",
    weights: str | None = None,
    **options,
) -> int:
    """Grade all submissions and write the reports; returns the exit status.

    Args:
        sources: one or several, each as for `collect`.
        folder: for marks and reports.
        scheduler: address of a Dask scheduler; None starts workers on this machine.
        due, late: as for `parse_late`.
        canvas: a gradebook exported from Canvas.
        lessons: as for `parse_lessons`: those that count.
        attempts: which of several submissions of a lesson counts: 'best', 'last' or 'average'.
        weights: of lessons in the percentage, such as '03=2, 04=1'; by default each counts by its points.
        options: as for `batch.plan`, such as `anonymous`.

    Raises:
        InputError, MachineError: one line for stderr. Marks made so far are kept.
    """
    policy, chosen = parse_late(late, due), parse_lessons(lessons)
    term = Term(one_of("attempts", attempts, ATTEMPTS), parse_weights(weights))
    if canvas is not None:
        if options.get("anonymous"):
            raise InputError("--canvas fills in names: leave it out until the names are shown with --reveal")
        canvas = batch.expand_home(canvas)
        read_gradebook(canvas)  # a mistake in it is better reported before the marking than after
    try:
        plan = batch.plan(sources, folder, here=scheduler is None, **options)
        read_manual(plan.folder, anonymous=plan.record.names == HIDDEN)  # for the same reason
    except KeyboardInterrupt:
        raise Interrupted("interrupted before the first mark: nothing is lost, run it again") from None
    try:
        if plan.kind == NONE:
            print(f"stylelab: {UNSAFE}", file=sys.stderr)
        elif scheduler is None and len(plan.marks) < len(plan.submissions) and (why := isolation_trouble()):
            print(f"stylelab: {SLOW} ({printable(why)})", file=sys.stderr)
        _run(plan, scheduler)
        marks = plan.reported
        record = replace(
            plan.record, settings={**plan.record.settings, "late": policy.to_json(), "lessons": chosen, "term": asdict(term)}
        )
        written = reports.write(
            plan.folder, marks, record, late=policy, canvas_export=canvas, lessons=chosen, term=term, labels=plan.labels
        )
    except KeyboardInterrupt:
        counts = f"{len(plan.marks)} of {len(plan.submissions)} marked"
        raise Interrupted(f"interrupted: {counts}; run it again to resume and to write the reports") from None
    for warning in written.warnings:
        print(f"stylelab: {warning}", file=sys.stderr)
    print(summary(plan, marks, written.book))
    return 0


def _run(plan: batch.Batch, scheduler: str | None) -> None:
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
        closing(batch.run(plan, scheduler=scheduler)) as marked,  # stops its workers, also after an error
    ):
        task = bar.add_task("warming up", total=len(plan.submissions), completed=plan.kept)
        for mark in marked:
            bar.update(task, advance=1, description=f"{escape(printable(mark.student, 24))} {mark.earned}/{mark.points}")


def summary(plan: batch.Batch, marks: Sequence[Mark], book: Gradebook) -> str:
    """The result in a few lines."""
    graded = [mark for mark in marks if mark.points and mark.lesson in book.lessons]
    share = sum(mark.earned for mark in graded) / max(1, sum(mark.points for mark in graded))
    kept = f", {plan.kept} of them earlier" if plan.kept else ""
    students = len({mark.student for mark in marks})
    lines = [f"{len(marks)} submissions of {students} students marked{kept}: {share:.0%} of all points earned"]
    if waiting := [each.mark for student in book.students for each in student.submissions if not each.graded]:
        why = waiting[0].fault or next(each.reason for each in waiting[0].exercises if not each.graded)
        lines.append(
            f"{len(waiting)} not graded, through no fault of the student, for instance {printable(waiting[0].name, 60)}: {why}"
        )
        lines.append("  run the same command again, or enter points in manual.csv; no points were exported for them")
    if failed := [mark for mark in marks if not mark.exercises and not mark.fault]:
        why = failed[0].notes[-1].removeprefix("cannot be graded: ")
        lines.append(f"{len(failed)} could not be graded, for instance {printable(failed[0].name, 60)}: {why}")
    if looks := sum(any(exercise.stage in LOOK_AT for exercise in mark.exercises) for mark in marks):
        lines.append(f"{looks} need a look: an answer ran out of time or memory, ended early, or returned no result")
    lines.append(f"see {quoted(plan.folder / 'overview.html')}")
    return "\n".join(lines)
