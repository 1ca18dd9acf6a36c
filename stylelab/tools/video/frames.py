"""Read a film frame by frame: a folder of images, an animation (GIF, WebP, PNG), or a video file."""

import hashlib
import importlib
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from stylelab import images
from stylelab.base.files import error_text, expand_home, file_kind, printable
from stylelab.errors import InputError, MachineError
from stylelab.images.decode import BROKEN
from stylelab.images.formats import ENDINGS
from stylelab.run.checksums import sha256_of

FPS = 12.0  # of a folder of frames, which says nothing of it
Frames: TypeAlias = "Generator[np.ndarray, None, None]"
ANIMATED = (".gif", ".webp", ".png", ".apng")


@dataclass(frozen=True)
class Film:
    """A film that can be read.

    Attributes:
        count: its frames; of a video file an estimate.
        fps: frames a second.
        names: of the frames, without ending; empty if they have none.
        digest: what it is recognised by.
        read: from the frame of a number on, counted from 0, one image `(H, W, 3)` in 0..1 after the other.
        notes: what may not be expected.
    """

    count: int
    fps: float
    names: tuple[str, ...]
    digest: str
    read: Callable[[int], Frames]
    notes: tuple[str, ...] = ()


def open_film(source: str) -> Film:
    """Find out what a film is; none of its frames is kept.

    Raises:
        InputError: no such film, one without frames, or one that cannot be read.
        MachineError: a video file without PyAV to read it.
    """
    path = expand_home(source)
    kind = file_kind(path, "no film")
    if kind == "folder":
        return _folder(path)
    if kind != "file":
        raise InputError(f"no film '{printable(source)}': name a folder of frames, a GIF, or a video file")
    if path.suffix.lower() in ANIMATED:
        return _animation(path)
    if path.suffix.lower() in ENDINGS:
        raise InputError(f"'{printable(path)}' is a single image: paint it with `stylelab fast`")
    return _video(path)


def import_av() -> ModuleType:
    """PyAV, which reads and writes video files.

    Raises:
        MachineError: it is not installed.
    """
    try:
        return importlib.import_module("av")
    except ImportError:
        raise MachineError("a video file needs PyAV: run `pip install av`, or use a GIF or a folder of frames") from None


def _folder(path: Path) -> Film:
    files = sorted(
        (file for file in path.iterdir() if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file()),
        key=lambda file: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", file.name)],  # 9 before 10
    )
    if not files:
        raise InputError(f"no frame in folder '{printable(path)}': put images into it, named in their order")
    stems = [file.stem for file in files]
    names = tuple(stems if len(set(stems)) == len(stems) else [file.name for file in files])

    def read(first: int) -> Frames:
        for file in files[first:]:
            yield images.open_with_notes(file).image

    digest = hashlib.sha256("\n".join(file.name for file in files).encode("utf-8", "surrogateescape")).hexdigest()
    return Film(len(files), FPS, names, digest, read)


def _animation(path: Path) -> Film:
    name = f"'{printable(path)}'"
    try:
        with Image.open(path) as film:
            count = getattr(film, "n_frames", 1)
            durations = []
            for index in range(count):
                film.seek(index)
                durations.append(film.info.get("duration", 0))
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise InputError(f"{name} cannot be read: {error_text(error)}") from None
    if count < 2:
        raise InputError(f"{name} is a single image: paint it with `stylelab fast`")

    def read(first: int) -> Frames:
        with Image.open(path) as film:
            for index in range(first, count):
                try:
                    film.seek(index)
                    frame = film.convert("RGBA")
                except BROKEN as error:
                    raise InputError(f"frame {index + 1} of {name} cannot be read: {error_text(error)}") from None
                yield images.from_image(frame, f"frame {index + 1} of {name}")

    fps = 1000 * count / sum(durations) if sum(durations) > 0 else FPS
    return Film(count, fps, (), str(sha256_of(path)), read)


def _video(path: Path) -> Film:
    av, name = import_av(), f"'{printable(path)}'"
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{name} has no pictures: name a folder of frames, a GIF, or a video file")
            stream = container.streams.video[0]
            fps = float(stream.average_rate or FPS)
            count = stream.frames or max(1, round((container.duration or 0) / av.time_base * fps))
            notes = ("the sound is left out",) if container.streams.audio else ()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} is not a film that can be read: {error_text(error)}") from None

    def read(first: int) -> Frames:
        try:
            with av.open(str(path)) as container:
                for index, frame in enumerate(container.decode(video=0)):
                    if index >= first:
                        yield _upright(frame)
        except av.error.FFmpegError as error:
            raise InputError(f"{name} cannot be read to its end: {error_text(error)}") from None

    return Film(count, fps, (), str(sha256_of(path)), read, notes)


def _upright(frame: Any) -> np.ndarray:
    """A frame of a video file, turned as a camera that was held upright says."""
    turned = np.rot90(frame.to_ndarray(format="rgb24"), round(getattr(frame, "rotation", 0) / 90))
    return images.from_array(np.ascontiguousarray(turned))
