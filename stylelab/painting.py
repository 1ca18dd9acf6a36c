"""What the commands `transfer` and `gallery` do: check, show progress, save, say how it went."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from stylelab import BACKENDS, pictures
from stylelab.errors import InputError, StylelabError, unknown
from stylelab.files import shown
from stylelab.job import check_run, prepare_stages
from stylelab.result import Result, Step

INTERRUPTED = 130  # what a shell expects of a command that was ended with Ctrl-C


class Interrupted(StylelabError):
    """Ctrl-C before there was anything to save."""

    exit_status = INTERRUPTED


def paint(
    content: str, style: str, out: Path, *, backend: str, device: str | None, precision: str, scales: int, tile: int | None,
    **options,
) -> int:
    """One transfer from file to file; returns the exit status.

    All that can be wrong in the input is found before the framework is imported, which takes seconds.

    Raises:
        InputError, MachineError: one line for stderr.
    """
    out = pictures.check_writable(out)
    _check_not_an_input(out, content, style)
    _check_backend(backend)
    check_run(precision, tile)
    stages = prepare_stages([content], [style], scales=scales, **options)
    if (precision, scales, tile) != ("auto", 1, None):
        options |= dict(precision=precision, scales=scales, tile=tile)
    with interrupts() as interrupted, progress(sum(batch[0].recipe.steps for batch in stages)) as watch:
        try:
            result = _transfer(content, style, backend=backend, device=device, watch=watch, **options)
        except KeyboardInterrupt:
            raise Interrupted("interrupted before the first step: nothing was saved") from None
    result.save(out)
    print(summary(result, out, options["encoder"]))
    if result.stopped is None:
        return 0
    print(f"stylelab: {result.stopped}", file=sys.stderr)
    return INTERRUPTED if interrupted else 1


def _transfer(content: str, style: str, **options) -> Result:
    import stylelab

    return stylelab.transfer(content, style, **options)


def _check_not_an_input(out: Path, *sources: str) -> None:
    for source in sources:
        if out.exists() and Path(source).expanduser().exists() and out.samefile(Path(source).expanduser()):
            raise InputError(f"'{shown(out)}' is one of the two input pictures: choose another name to save to")


def _check_backend(name: str) -> None:
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)


def summary(result: Result, out: Path, encoder: str) -> str:
    """Two lines about a run, where the picture is and how the run went, and what there is to note."""
    height, width = result.picture.shape[:2]
    chosen = f"{result.encoder} (chosen by 'auto')" if encoder == "auto" else result.encoder
    lines = [
        f"saved {out} ({width} x {height} pixels), recipe {result.recipe.name}, encoder {chosen}",
        f"{len(result.history)} steps in {result.seconds:.1f} s on {result.device} in {result.precision}{_pace(result)}",
        *result.notes,
    ]
    return "\n".join(lines)


def _pace(result: Result) -> str:
    """Time per step and loss. The first step is left out of the time: it waits for what is loaded or compiled once."""
    total, seconds = result.history["total"], result.history["seconds"]
    if not len(total):
        return ""
    each = (seconds[-1] - seconds[0]) / (len(seconds) - 1) if len(seconds) > 1 else seconds[0]
    if len(result.scales) > 1:  # losses at different sizes say nothing of each other
        return f", at {', '.join(map(str, result.scales))} px, loss at the last {total[-1]:.4g}"
    return f", {1000 * each:.{0 if each > 0.01 else 1}f} ms per step, loss {total[0]:.4g} -> {total[-1]:.4g}"


@contextmanager
def interrupts() -> Iterator[list]:
    """Ctrl-C still raises KeyboardInterrupt, and the list that is yielded is no longer empty afterwards."""
    seen = []

    def note(number, frame):
        seen.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # a shell ignores it for what runs in the background
        signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress(steps: int):
    """A bar on stderr with step, loss and ms per step, if stderr is a terminal. Yields what to call with each Step."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("starting", total=steps, note="")

        def watch(step: Step) -> None:
            elapsed = bar.tasks[0].elapsed or 0.0
            began = bar.tasks[0].fields.setdefault("began", elapsed)  # the first step pays for the imports
            pace = f"{1000 * (elapsed - began) / (step.index - 1):.0f} ms per step" if step.index > 1 else ""
            bar.update(task, completed=step.index, description="painting", note=f"loss {step.loss:.4g}  {pace}")

        yield watch


def paint_all(content: str, style: str, out: Path, *, backend: str, scheduler: str | None, **options) -> int:
    """Every pair into a folder; returns the exit status: that of the worst pair.

    Raises:
        InputError, MachineError: nothing could be painted at all; one line for stderr.
    """
    _check_backend(backend)
    from stylelab import gallery

    plan = gallery.plan(content, style, out, backend=backend, **options)
    console, told = Console(stderr=True), set()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("painting", total=len(plan.pairs))
        try:
            for pair in gallery.paint(plan, scheduler=scheduler):
                bar.advance(task)
                if pair.error and pair.error not in told:  # a broken picture fails in every style
                    told.add(pair.error)
                    print(f"stylelab: {pair.name}: {pair.error}", file=sys.stderr)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: {gallery.summary(plan)}; the same command goes on from here") from None
    print(gallery.summary(plan))
    return max(pair.exit_status for pair in plan.pairs)
