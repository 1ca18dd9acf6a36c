"""Files of the page: images that it uploads, and what it can download of a run."""

import io
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stylelab.base.files import printable
from stylelab.errors import InputError
from stylelab.images import from_image
from stylelab.images.decode import MOST_BYTES, ImageFile
from stylelab.images.film import STRIP, filmstrip, save_gif
from stylelab.tools import encode
from stylelab.tools.studio.runs import Run

ENDINGS = {"image": ".png", "settings": ".json", "filmstrip": "-filmstrip.png", "film": "-film.gif"}
TYPES = {".png": "image/png", ".json": "application/json", ".gif": "image/gif", ".jpg": "image/jpeg"}
FILM_SECONDS = 6.0


class Uploads:
    """Puts uploaded files together. They arrive in pieces because a server may refuse a message of ten megabytes."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[bytes]] = {}

    def add(self, role: str, name: str, index: int, count: int, data: bytes) -> ImageFile | None:
        """Add one piece. Returns the file if it was the last one.

        Args:
            role: such as 'content' or 'style_2'. A new file replaces an unfinished one of the same role.
            name: of the file, for messages.
            index: of the piece, from 0.
            count: how many pieces the file has.

        Raises:
            InputError: a piece is missing, or the file is larger than 20 MB.
        """
        pieces = self._pieces.setdefault(role, [])
        if index == 0:
            pieces.clear()
        if index != len(pieces):
            self._pieces.pop(role)
            raise InputError(f"'{printable(name)}' did not arrive completely: choose it again")
        pieces.append(bytes(data))
        if index + 1 < count and sum(map(len, pieces)) <= MOST_BYTES:
            return None
        return ImageFile(printable(name) or "image", b"".join(self._pieces.pop(role)))


def download(run: Run, kind: str) -> tuple[str, str, bytes]:
    """A file of a run: its name, media type and content. An image during the run is a JPEG.

    Args:
        kind: 'image', 'settings', 'filmstrip' or 'film'.

    Raises:
        InputError: another kind, or the run has no image yet.
    """
    if kind not in ENDINGS:
        raise InputError(f"'{kind}' cannot be saved: choose one of {', '.join(ENDINGS)}")
    ending = ENDINGS[kind]
    if kind == "settings":
        data = run.final_settings.text().encode()
    elif not (run.shown if kind == "image" else run.frames):
        raise InputError("the run has no image yet: wait for the first step")
    elif kind == "image":
        ending, data = "-so-far.jpg" if run.shown is run.preview else ending, run.shown
    else:
        frames = sorted(dict(run.frames).items())
        if kind == "filmstrip":
            frames = [frames[round(index)] for index in np.linspace(0, len(frames) - 1, min(STRIP, len(frames)))]
        images = {step: from_image(Image.open(io.BytesIO(frame))) for step, frame in frames}
        if kind == "filmstrip":
            data = encode.png(filmstrip(images))
        else:
            with tempfile.TemporaryDirectory() as folder:
                data = save_gif(Path(folder, "film.gif"), images, seconds=FILM_SECONDS).read_bytes()
    return _base_name(run) + ending, TYPES[Path(ending).suffix or ending], data


def image_names(images: Any) -> list[str]:
    """The name of an image of settings, or of each of several."""
    return [str(getattr(image, "name", image)) for image in (images if isinstance(images, tuple) else (images,))]


def _base_name(run: Run) -> str:
    """For example 'china-as-brushstrokes-gatys-256px-100steps-1'."""
    settings = run.final_settings
    content, style = (
        "-".join(Path(name).stem for name in image_names(images))[:40] for images in (settings.content, settings.style)
    )
    steps = run.rows[-1][0] if run.rows else settings.steps
    name = f"{content}-as-{style}-{settings.recipe}-{settings.size}px-{steps}steps-{run.id}"
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")
