"""The commands `transfer` and `gallery`: check the input, show progress, save, and report how it went."""

import os
import tempfile
from collections.abc import Collection
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from stylelab import images
from stylelab.base.files import expand_home, file_kind, printable, quoted, temporary_files
from stylelab.base.frameworks import check_installed
from stylelab.base.interrupts import interrupts
from stylelab.cli.edge import tell
from stylelab.cli.progress import progress
from stylelab.errors import InputError, Interrupted, MachineError, StylelabError
from stylelab.images.film import check_film_path, save_film, snapshot_steps
from stylelab.languages import say
from stylelab.result import Result
from stylelab.run import settings_file
from stylelab.run.backends import check_backend, load_backend
from stylelab.run.prepare import Run, prepare_run
from stylelab.run.resume import keep
from stylelab.run.settings import Settings


def find_settings(values: dict[str, Any], given: Collection[str], file: Path | None) -> Settings:
    """The settings of a run: the command's own values, or those of a file where the command line does not override them.

    Args:
        values: content, style, backend and the options of the command.
        given: the names of those that were given on the command line.
        file: settings to repeat; None if there is none.

    Raises:
        InputError: an image is missing, or the file holds no settings.
    """
    if file is not None:
        return Settings.load(file).changed(**{name: value for name, value in values.items() if name in given})
    for role in ("content", "style"):
        if not values[role]:
            raise InputError(f"missing {role.upper()} (see `stylelab transfer --help`)")
    return Settings(**values)


def transfer(
    settings: Settings, out: Path | None, *, file: Path | None = None, save_settings: Path | None = None, film: Path | None = None,
    resume: bool = False,
) -> int:  # fmt: skip
    """Paint one image and save it; returns the exit status.

    Everything that can be wrong in the input is found before the framework is imported, which takes seconds.

    Args:
        settings: what to paint, and how.
        out: the image to write; None to name it after the settings file, in the working folder.
        file: the settings file, if the settings come from one.
        save_settings: where to save the settings with what 'auto' came to, as .json.
        film: where to save an animation, as .gif, or a filmstrip, as .png.
        resume: continue the run that was stopped.

    Raises:
        InputError, MachineError: one line for stderr.
    """
    if out is None:
        if file is None:
            raise InputError("missing -o / --out (see `stylelab transfer --help`)")
        out = Path(f"{file.stem}.png")
        if file_kind(out) and not resume:
            raise InputError(f"'{printable(out)}' exists: use -o to name another file")
    settings = settings.found()
    styles = settings.style if isinstance(settings.style, tuple) else (settings.style,)
    read = [settings.content, *styles, settings.content_mask, *(settings.style_mask or ())]
    targets = [images.check_writable(out)]
    targets += [settings_file.check_path(save_settings)] if save_settings else []
    targets += [check_film_path(film)] if film else []
    if len({os.path.realpath(target) for target in targets}) < len(targets):
        raise InputError(f"'{printable(targets[-1])}' would be written twice: choose another name")
    _check_not_read(targets, "one of the input images", *read)
    _check_not_read(targets, "the file of the settings", file)
    check_backend(settings.backend)
    run = _kept(prepare_run([settings.content], [settings.style], settings), Path(f"{out}.state"), settings.backend, resume)
    snapshots = snapshot_steps(film, run.steps, run.job.content[..., 0].size) if film else None
    # From the first Ctrl-C until everything is saved, further ones wait.
    with temporary_files(out.parent), interrupts() as signals:
        try:
            with progress(run.steps) as show:
                half = load_backend(settings.backend)
                (result,) = half.paint(run, watch=lambda steps: show(steps[0].index, steps[0].loss), snapshots=snapshots)
        except KeyboardInterrupt:
            when = "" if signals.once else " before the first step"
            raise Interrupted(f"interrupted{when}: {_going_on(run) or 'nothing was saved'}") from None
        stopped = Interrupted if signals.numbers else StylelabError
        try:
            place, trouble = _save_image(result, out, run)
        except KeyboardInterrupt:
            raise Interrupted(f"given up: '{printable(out)}' was not saved") from None
        print(summary(result, place, settings.encoder))
        try:
            if film:
                first = run.stages[0][0]
                save_film(film, {0: first.finish(first.start)} | result.snapshots)
            if save_settings:
                result.settings.save(save_settings)
        except KeyboardInterrupt:
            raise Interrupted("given up: the image is saved, but not what else was asked for") from None
    if trouble:
        raise trouble
    with suppress(StylelabError):  # the encoder's file may be gone by now; the image is there
        for difference in settings.differences(result.settings if settings.versions else None):
            print(say(difference))
    if result.stopped:
        raise stopped("; ".join(filter(None, (result.stopped, _going_on(run)))))
    return 0


def _kept(run: Run, place: Path, backend: str, resume: bool) -> Run:
    """The run, which will be kept in a file; says on stderr what has been found there."""
    name = printable(place)
    try:
        run = keep(run, place, backend, afresh=not resume)
    except InputError as error:
        if resume:
            raise
        tell(f"{error}; this run is not kept")
    keeper = run.keeper
    if keeper and resume:
        step = keeper.progress.step
        tell(f"going on after step {step} of {run.steps}" if step else f"no stopped run in '{name}': this one starts at step 1")
    elif keeper and keeper.rival:
        what = "other settings, which this one replaces" if keeper.foreign else "these settings, which --resume continues with"
        tell(f"'{name}' holds a stopped run with {what}")
    return run


def _going_on(run: Run) -> str:
    """How to continue a run that has stopped; empty if it was not kept."""
    return "repeat the command with --resume to continue" if run.keeper and run.keeper.saved else ""


def _save_image(result: Result, out: Path, run: Run) -> tuple[Path, StylelabError | None]:
    """Save the image; if the disk has become full, in place of the run's state; else, or if the folder is gone, somewhere else.

    Returns:
        Where it is, and the error that kept it from `out`.

    Raises:
        InputError, MachineError: there is no room for it anywhere.
    """
    try:
        return result.save(out), None
    except StylelabError as error:
        trouble = error
    if run.keeper and run.keeper.saved and isinstance(trouble, MachineError):
        run.keeper.remove()
        with suppress(StylelabError):
            return result.save(out), None
    for folder in (tempfile.gettempdir, lambda: "/var/tmp", Path.home, lambda: "/dev/shm", Path.cwd):
        for ending in dict.fromkeys((out.suffix, ".jpg")):  # the smallest last
            with suppress(StylelabError, OSError, RuntimeError):
                place = result.save(Path(folder(), f"stylelab-{os.getpid()}{ending}"))
                return place, type(trouble)(f"{trouble}; the image is kept as {quoted(place)}")
    raise trouble


def _check_not_read(targets: list[Path], what: str, *sources: object) -> None:
    for source in (expand_home(source) for source in sources if isinstance(source, str | Path)):
        for target in targets:
            if file_kind(target) and file_kind(source) and target.samefile(source):
                raise InputError(f"'{printable(target)}' is {what}: choose another name to save to")


def summary(result: Result, out: Path, encoder: object) -> str:
    """Where the image is, how the run went, and the notes on it, a line each."""
    height, width = result.image.shape[:2]
    chosen = f"{result.encoder} (chosen by 'auto')" if encoder == "auto" else result.encoder
    total, seconds = result.history["total"], result.history["seconds"]
    pace = ""
    if len(result.scales) > 1 and len(total):  # losses at different sizes cannot be compared
        pace = f", at {', '.join(map(str, result.scales))} px, loss at the last {total[-1]:.4g}"
    elif len(total):  # the first step is left out of the time: it includes loading and compiling
        per_step = (seconds[-1] - seconds[0]) / (len(seconds) - 1) if len(seconds) > 1 else seconds[0]
        digits = 0 if per_step > 0.01 else 1
        pace = f", {1000 * per_step:.{digits}f} ms per step, loss {total[0]:.4g} -> {total[-1]:.4g}"
    steps = result.recipe.steps
    settled = not result.stopped and len(total) < steps
    lines = [
        say(f"saved {quoted(out)} ({width} x {height} pixels), recipe {result.recipe.name}, encoder {chosen}"),
        say(f"{len(result.history)} steps in {result.seconds:.1f} s on {result.device} in {result.precision}") + say(pace),
        *(
            [say(f"ended before step {steps}, because the image no longer changed visibly; --settle 0 makes all steps")]
            if settled
            else []
        ),
        *map(say, result.notes),
    ]
    return "\n".join(lines)


def gallery(content: str, style: str, out: Path, *, backend: str, scheduler: str | None, **options: Any) -> int:
    """Paint every pair into a folder; returns the exit status: that of the worst pair.

    Raises:
        InputError, MachineError: nothing could be painted at all; one line for stderr.
    """
    check_backend(backend)
    if scheduler is None:  # elsewhere it may be
        check_installed(backend)
    from stylelab.tools.gallery import paint as painting
    from stylelab.tools.gallery.plan import plan as plan_gallery

    plan = plan_gallery(content, style, out, backend=backend, **options)
    for note in plan.notes:
        tell(note)
    console, reported = Console(stderr=True), set()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(say("painting"), total=len(plan.pairs))
        try:
            with closing(painting.paint(plan, scheduler=scheduler)) as painted:  # stops its workers, also after an error
                for pair in painted:
                    bar.advance(task)
                    if pair.error and pair.error not in reported:  # a broken image fails in every style
                        reported.add(pair.error)
                        tell(f"{printable(pair.name)}: {pair.error}")
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: {painting.summary(plan)}; run it again to resume") from None
    for note in dict.fromkeys(note for pair in plan.pairs if pair.state == "done" for note in pair.facts.get("notes", [])):
        print(say(note))
    print(painting.summary(plan))
    return max(pair.exit_status for pair in plan.pairs)
