"""The command `video`: check the input, paint frame by frame, keep what is painted, and write a film."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from stylelab import images
from stylelab.base.files import expand_home, file_kind, printable, quoted, temporary_files
from stylelab.base.values import number
from stylelab.cli.edge import tell
from stylelab.cli.progress import progress
from stylelab.errors import InputError, Interrupted, StylelabError
from stylelab.languages import say
from stylelab.run.backends import check_backend
from stylelab.run.checksums import sha256_of
from stylelab.run.one_pass import choose_network
from stylelab.run.options import VideoOptions
from stylelab.tools.video.film import Kept, paint_film
from stylelab.tools.video.frames import Film, open_film
from stylelab.tools.video.paint import make_painter
from stylelab.tools.video.write import check_out, write_film

SLOWEST, FASTEST = 0.1, 120.0  # frames a second


def video(
    source: str, styles: list[str], out: str, *, backend: str, resume: bool, fps: float | None, report: bool, options: VideoOptions
) -> int:  # fmt: skip
    """Paint a film; returns the exit status.

    Args:
        source: a folder of frames, an animation, or a video file.
        styles: names, paths; several are blended.
        out: a .gif, .mp4 or .webm file, or a folder. Until the end the painted frames are kept next to it.
        backend: 'torch' or 'tensorflow'.
        resume: continue a film that was stopped.
        fps: frames a second; None for those of the source.
        report: measure also the flicker of frames painted by themselves.
        options: network or recipe, size and so on.

    Raises:
        InputError, MachineError: one line for stderr. The frames that are painted are kept.
    """
    check_backend(backend)
    if fps is not None and not SLOWEST <= number("fps", fps) <= FASTEST:
        raise InputError(f"fps is {fps:g}: give {SLOWEST:g} to {FASTEST:g} frames a second")
    film, target = open_film(source), check_out(out, resume)
    if file_kind(target) and target.samefile(expand_home(source)):
        raise InputError(f"'{printable(target)}' is the film itself: choose another name to save to")
    shape, first = _first(film, options)
    painter = make_painter(styles, first, options, backend)
    kept = Kept(Path(f"{target}.state"), _settings(film, styles, backend, options), resume)
    if resume:
        done = kept.progress.painted
        tell(f"going on after frame {done} of {film.count}" if done else "no stopped film here: this one starts at frame 1")
    for note in film.notes:
        tell(note)
    began, smooth = time.perf_counter(), options.temporal_weight != 0
    try:
        with progress(film.count) as show, temporary_files(target.parent):
            paint_film(film, painter, kept, shape=shape, size=first.shape[:2], smooth=smooth, compare=report, show=show)
            write_film(kept.files(), target, fps=fps or film.fps, names=film.names)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: {_done(kept, film)}") from None
    except StylelabError as error:
        raise type(error)(f"{error}; {_done(kept, film)}" if kept.progress.painted else str(error)) from None
    kept.remove()
    print(_summary(kept, target, first.shape[:2], time.perf_counter() - began, report))
    return 0


def _first(film: Film, options: VideoOptions) -> tuple[tuple[int, ...], np.ndarray]:
    """The height and width of the first frame, and that frame, as large as all will be painted."""
    with closing(film.read(0)) as frames:
        frame = next(frames, None)
    if frame is None:
        raise InputError("the film has no frame that can be read: choose another")
    first = frame if options.size is None else images.resize(frame, options.size)
    images.check_size(first, "the first frame")
    return frame.shape[:2], first


def _settings(film: Film, styles: list[str], backend: str, options: VideoOptions) -> dict[str, Any]:
    """What decides the painted frames."""
    chosen = {name: value if isinstance(value, int | float | None) else str(value) for name, value in vars(options).items()}
    path = None if options.recipe else getattr(choose_network(styles, options), "path", None)
    weights = sha256_of(path) if path else ""
    digests = [sha256_of(images.find_image(style)) for style in styles]
    return {"film": film.digest, "style": digests, "backend": backend, **chosen, "network": [chosen["network"], weights]}


def _done(kept: Kept, film: Film) -> str:
    return f"{kept.progress.painted} of {film.count} frames are painted; repeat the command with --resume to continue"


def _summary(kept: Kept, target: Path, size: tuple[int, ...], seconds: float, report: bool) -> str:
    painted = kept.progress
    frames = f"{painted.painted} frames of {size[1]} x {size[0]} pixels"
    lines = [say(f"saved {quoted(target)} ({frames}), painted in {seconds:.1f} s")]
    if painted.resized:
        lines.append(say(f"{painted.resized} frames of another size than the first were resized to it"))
    if painted.flicker:
        alone = f"; of frames painted by themselves {np.mean(painted.alone):.2e}" if report and painted.alone else ""
        lines.append(say(f"flicker {np.mean(painted.flicker):.2e}") + say(alone))
    return "\n".join(lines)
