"""A film on its way: each painted frame is kept in a folder until all are there, so that it can be stopped and resumed."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from stylelab import images
from stylelab.base.files import file_kind, folder_errors, printable, read_file, write_text
from stylelab.errors import InputError
from stylelab.tools.video.frames import Film
from stylelab.tools.video.paint import Painter

RECORD = "film.json"
ALIKE = 0.15  # where a frame differs more from the one before it, moved, the flow is wrong, as at a cut


@dataclass
class Progress:
    """How far a film is.

    Attributes:
        settings: the options and the checksums of the inputs.
        painted: frames that are kept, as 000001.png and so on.
        flicker: of each of them but the first, compared with the one before it.
        alone: the same of frames painted by themselves, if that was asked for.
        scale: of the painter, see there.
        resized: how many frames had another size than the first.
    """

    settings: dict[str, Any]
    painted: int = 0
    flicker: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    scale: float | None = None
    resized: int = 0


class Kept:
    """The folder in which the painted frames of a film are kept, with a record of how far it is."""

    def __init__(self, folder: Path, settings: Mapping[str, Any], resume: bool):
        """Find what is kept of a film.

        Raises:
            InputError: the folder holds a film that was not to be resumed, or was made with other settings.
        """
        self.folder, self.progress = folder, Progress(json.loads(json.dumps(settings)))
        if not file_kind(folder / RECORD):
            return
        name = f"'{printable(folder)}'"
        try:
            found = Progress(**json.loads(read_file(folder / RECORD, "the record of a film", 10**8)))
            differs = [key for key, value in self.progress.settings.items() if found.settings.get(key) != value]
        except (ValueError, TypeError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"the record in {name} is damaged: remove the folder to begin again") from None
        if not resume:
            raise InputError(
                f"{name} holds {found.painted} painted frames: add --resume to continue, or remove it to begin again"
            )
        if differs:
            raise InputError(f"{name} was made with another {differs[0]}: repeat the command as it was, or remove the folder")
        self.progress = found

    def frame(self, index: int) -> Path:
        """The file of a painted frame, counted from 0."""
        return self.folder / f"{index + 1:06d}.png"

    def files(self) -> list[Path]:
        """Of all frames that are painted."""
        return [self.frame(index) for index in range(self.progress.painted)]

    def add(self, image: np.ndarray) -> None:
        """Keep one more frame. It counts only when it is completely written."""
        with folder_errors(self.folder):
            self.folder.mkdir(exist_ok=True)
        images.save(image, self.frame(self.progress.painted))
        self.progress.painted += 1
        write_text(self.folder / RECORD, json.dumps(asdict(self.progress)))

    def remove(self) -> None:
        """Remove the frames, when the film is there."""
        shutil.rmtree(self.folder, ignore_errors=True)


def paint_film(
    film: Film, painter: Painter, kept: Kept, *, shape: tuple[int, ...], size: tuple[int, ...], smooth: bool, compare: bool,
    show: Callable[[int], object],
) -> None:  # fmt: skip
    """Paint the frames of a film that are not painted yet. Two frames and two painted ones are in memory, whatever its length.

    Args:
        film: to be read from the frame before the first one that is missing.
        painter: of the frames.
        kept: where the painted ones go, and how many there are.
        shape: (height, width) of the first frame.
        size: (height, width) in which all are painted.
        smooth: whether a frame heeds the one before it.
        compare: measure also the flicker of frames that are painted by themselves.
        show: called with the number of frames that are painted.

    Raises:
        InputError, MachineError: a frame cannot be read, painted or saved. Those before it are kept.
    """
    progress = kept.progress
    painter.scale = progress.scale if progress.painted else painter.scale
    before: Any = None
    painted: Any = None
    alone: Any = None
    for index, frame in enumerate(film.read(max(0, progress.painted - 1)), max(0, progress.painted - 1)):
        images.check_size(frame, f"frame {index + 1}")
        resized, frame = frame.shape[:2] != shape, images.fit(frame, (size[0], size[1]))
        if index < progress.painted:  # the last one that is kept
            painted, alone = images.open_image(kept.frame(index)), painter.alone(frame) if compare else None
            before = frame
            continue
        if before is None:
            painted = alone = images.from_array(_rounded(painter.alone(frame)))
        else:
            backward = images.optical_flow(frame, before)
            mask = images.reliable(images.optical_flow(before, frame), backward)
            mask &= np.abs(frame - images.warp(before, backward)).max(-1) < ALIKE
            warped = images.warp(painted, backward)
            own: Any = painter.alone(frame) if compare or not smooth else None
            image = painter.after(frame, warped, mask) if smooth else own
            if compare:
                progress.alone.append(images.flicker(own, images.warp(alone, backward), mask))
                alone = own
            painted = images.from_array(_rounded(image))
            progress.flicker.append(images.flicker(painted, warped, mask))
        progress.scale, progress.resized = painter.scale, progress.resized + resized
        kept.add(painted)
        before = frame
        show(progress.painted)


def _rounded(image: np.ndarray) -> np.ndarray:
    """To 8 bits, as it is saved: a film that was stopped continues from the same image."""
    return (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
