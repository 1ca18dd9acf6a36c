"""What the commands `transfer` and `gallery` do: check, show progress, save, say how it went."""

import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from stylelab import images
from stylelab.base.files import expand_home, printable
from stylelab.cli.progress import interrupts, progress
from stylelab.errors import INTERRUPTED, InputError, Interrupted, unknown
from stylelab.images.decode import ImageFile
from stylelab.images.film import check_film_path, save_film, snapshot_steps
from stylelab.result import Result
from stylelab.run import settings_file
from stylelab.run.backends import BACKENDS
from stylelab.run.prepare import Job, check_run, prepare_stages
from stylelab.run.settings import Settings


def paint(
    settings: Settings, out: Path, *, save_settings: Path | None = None, film: Path | None = None, source: Path | None = None
) -> int:
    """One transfer from file to file; returns the exit status.

    All that can be wrong in the input is found before the framework is imported, which takes seconds.

    Args:
        settings: what to paint, and how.
        out: the image to write.
        save_settings: the settings as they came to be, as .json.
        film: the way there, as .gif or .png.
        source: the file that the settings are from.

    Raises:
        InputError, MachineError: one line for stderr.
    """
    content, style = settings.images()
    targets = _check_targets(out, save_settings, film)
    _check_not_read(targets, "one of the two input images", content, style)
    _check_not_read(targets, "the file of the settings", source)
    options = settings.options()
    stages = _check(content, style, **options)
    if film:
        options["snapshots"] = snapshot_steps(film, _steps(stages), stages[-1][0].content[..., 0].size)
    result, interrupted = _run(content, style, options, _steps(stages))
    result.save(out)
    if film:
        save_film(film, {0: stages[0][0].start} | result.snapshots)
    if save_settings:
        result.settings.save(save_settings)
    again = result.settings if settings.versions else None
    print("\n".join([summary(result, out, settings.encoder), *settings.notes(again)]))
    if result.stopped is None:
        return 0
    print(f"stylelab: {result.stopped}", file=sys.stderr)
    return INTERRUPTED if interrupted else 1


def _run(content, style, options: dict, count: int) -> tuple[Result, bool]:
    """The run, watched, and whether Ctrl-C ended it."""
    import stylelab

    with interrupts() as interrupted, progress(count) as watch:
        try:
            return stylelab.transfer(content, style, watch=watch, **options), bool(interrupted)
        except KeyboardInterrupt:
            raise Interrupted("interrupted before the first step: nothing was saved") from None


def _check(
    content, style, *, backend: str, device: str | None, precision="auto", scales=1, tile=None, **options
) -> list[list[Job]]:
    _check_backend(backend)
    check_run(precision, tile)
    return prepare_stages([content], [style], scales=scales, **options)


def _steps(stages: list[list[Job]]) -> int:
    return sum(batch[0].recipe.steps for batch in stages)


def _check_targets(out: Path, save_settings: Path | None, film: Path | None) -> list[Path]:
    """Where everything goes, each in a file of its own that can be written."""
    targets = [images.check_writable(out)]
    targets += [settings_file.check_name(save_settings)] if save_settings else []
    targets += [check_film_path(film)] if film else []
    if len({os.path.realpath(target) for target in targets}) < len(targets):
        raise InputError(f"'{printable(targets[-1])}' is to be written twice: choose another name")
    return targets


def _check_not_read(targets: list[Path], what: str, *sources: "str | Path | ImageFile | None") -> None:
    for source in (expand_home(source) for source in sources if isinstance(source, (str, Path))):
        for target in targets:
            if target.exists() and source.exists() and target.samefile(source):
                raise InputError(f"'{printable(target)}' is {what}: choose another name to save to")


def _check_backend(name: str) -> None:
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)


def summary(result: Result, out: Path, encoder: str) -> str:
    """Two lines about a run, where the image is and how the run went, and what there is to note."""
    height, width = result.image.shape[:2]
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


def paint_all(content: str, style: str, out: Path, *, backend: str, scheduler: str | None, **options) -> int:
    """Every pair into a folder; returns the exit status: that of the worst pair.

    Raises:
        InputError, MachineError: nothing could be painted at all; one line for stderr.
    """
    _check_backend(backend)
    from stylelab.tools.gallery import paint as gallery
    from stylelab.tools.gallery.plan import plan as plan_gallery

    plan = plan_gallery(content, style, out, backend=backend, **options)
    console, told = Console(stderr=True), set()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("painting", total=len(plan.pairs))
        try:
            for pair in gallery.paint(plan, scheduler=scheduler):
                bar.advance(task)
                if pair.error and pair.error not in told:  # a broken image fails in every style
                    told.add(pair.error)
                    print(f"stylelab: {pair.name}: {pair.error}", file=sys.stderr)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: {gallery.summary(plan)}; the same command goes on from here") from None
    print(gallery.summary(plan))
    return max(pair.exit_status for pair in plan.pairs)
