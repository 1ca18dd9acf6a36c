"""What a run leaves to be saved: image, settings, filmstrip, film, each under a name that says what it is."""

import re
import tempfile
from pathlib import Path

import numpy as np

from stylelab.errors import InputError
from stylelab.tools.studio import images
from stylelab.tools.studio.runs import Run

KINDS = {"image": ".png", "settings": ".json", "filmstrip": "-filmstrip.png", "film": "-film.gif"}
TYPES = {".png": "image/png", ".json": "application/json", ".gif": "image/gif", ".jpg": "image/jpeg"}
FILM = 6.0  # seconds of one round


def keep(run: Run, kind: str) -> tuple[str, str, bytes]:
    """A file's name, its type and what is in it.

    Args:
        kind: 'image', 'settings', 'filmstrip' or 'film'.

    Raises:
        InputError: another kind, or there is no image yet.
    """
    if kind not in KINDS:
        raise InputError(f"'{kind}' cannot be saved: choose {', '.join(KINDS)}")
    ending = KINDS[kind]
    if kind == "settings":
        data = run.whole().text().encode()
    elif kind == "image":
        ending, data = _image(run)
    else:
        data = _strip(run) if kind == "filmstrip" else _film(run)
    return file_name(run) + ending, TYPES[Path(ending).suffix or ending], data


def file_name(run: Run) -> str:
    """Such as 'china-as-brushstrokes-gatys-256px-100steps'."""
    settings = run.whole()
    content, style = (Path(str(getattr(each, "name", each))).stem for each in (settings.content, settings.style))
    steps = run.rows[-1][0] if run.rows else settings.steps
    name = f"{content}-as-{style}-{settings.recipe}-{settings.size}px-{steps}steps-{run.id}"
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:120]


def _image(run: Run) -> tuple[str, bytes]:
    """The result; on the way there, the image as it is to be seen."""
    if run.image:
        return ".png", run.image
    if not run.preview:
        raise InputError("there is no image yet: wait for the first step")
    return "-so-far.jpg", run.preview


def _frames(run: Run) -> dict[int, np.ndarray]:
    """{step: image} along the run."""
    frames = {step: images.decoded(data) for step, data in sorted(dict(run.frames).items())}
    if not frames:
        raise InputError("there is no image yet: wait for the first step")
    return frames


def _strip(run: Run) -> bytes:
    from stylelab.images.film import STRIP, filmstrip

    frames = _frames(run)
    steps = list(frames)
    few = [steps[round(index)] for index in np.linspace(0, len(steps) - 1, min(STRIP, len(steps)))]
    return images.png(filmstrip({step: frames[step] for step in few}))


def _film(run: Run) -> bytes:
    from stylelab.images.film import save_gif

    frames = _frames(run)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film.gif")
        save_gif(path, frames, seconds=FILM)
        return path.read_bytes()
