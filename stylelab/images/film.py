"""A run to look at: its images side by side on a strip, or one after the other as a GIF."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from stylelab.base.files import check_folder, expand_home, printable, write_file
from stylelab.errors import InputError
from stylelab.images.decode import from_array
from stylelab.images.io import fit, save

ENDINGS = (".gif", ".png")
SIDE = 480  # pixels of the long side at most, in a film and on a strip: a run is looked at, not printed
GAP = 6  # white pixels between images
FRAMES, STRIP = 24, 8
MEMORY = 2**28  # bytes at most that the images of a run are kept in
LEAST = 0.04  # seconds of a frame: browsers slow down what is faster
LAST = 0.3  # share of the time that the last image is held
COLOURS = 256

Images = "Sequence[np.ndarray] | Mapping[int, np.ndarray]"


def filmstrip(images: "Images", columns: int | None = None) -> np.ndarray:
    """Images in rows, from left to right, on white.

    Args:
        images: `(H, W, 3)` in 0..1 each, or `{step: image}` as in `Result.snapshots`. All take the last one's shape.
        columns: how many to a row; None for a strip about twice as wide as high with few empty places.

    Returns:
        `(H', W', 3)` float32 in 0..1. The images on it have 480 pixels on their long side, or less.

    Raises:
        InputError: no image, no images in 0..1, or no number of columns.
    """
    frames = _frames(images)
    count, (height, width) = len(frames), frames[0].shape[:2]
    columns = _columns(count, height / width) if columns is None else min(_whole(columns), count)
    rows = math.ceil(count / columns)
    strip = np.ones((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), np.float32)
    for index, frame in enumerate(frames):
        top, left = (GAP + place * (side + GAP) for place, side in zip(divmod(index, columns), (height, width), strict=True))
        strip[top : top + height, left : left + width] = frame
    return strip


def save_gif(path: "str | Path", images: "Images", seconds: float = 4) -> Path:
    """Write images as a GIF that starts again at its end. The last image is held longer than the others.

    Args:
        path: ends in .gif; an existing file is replaced.
        images: as for `filmstrip`.
        seconds: of one round. More images than fit into it, at 25 a second, are thinned out.

    Returns:
        The path.

    Raises:
        InputError: another ending, no image, no time, or a place that cannot be written.
    """
    path = check_film_path(path, (".gif",))
    if not 0.1 <= seconds <= 600:
        raise InputError(f"a film of {seconds} seconds: give 0.1 to 600")
    frames = _frames(images)
    most = max(1, int(seconds * (1 - LAST) / LEAST))
    frames = [*_thinned(frames[:-1], most), frames[-1]]
    first, *rest = _indexed(frames)
    write_file(path, lambda stream: first.save(
        stream, format="GIF", save_all=True, append_images=rest, duration=_durations(len(frames), seconds), loop=0,
        optimize=False, disposal=1,
    ))  # fmt: skip
    return path


def save_film(path: "str | Path", images: "Images", seconds: float = 4) -> Path:
    """Write a GIF, or a filmstrip as PNG, as the file's ending says.

    Raises:
        InputError: as `save_gif`.
    """
    if check_film_path(path).suffix.lower() == ".gif":
        return save_gif(path, images, seconds)
    return save(filmstrip(images), path)


def check_film_path(path: "str | Path", endings: Sequence[str] = ENDINGS) -> Path:
    """The path, if a film can be saved there.

    Raises:
        InputError: another ending, a folder, or no such folder.
    """
    path = expand_home(path)
    if path.suffix.lower() not in endings:
        raise InputError(f"cannot save a film as '{printable(path)}': its ending must be {' or '.join(endings)}")
    if path.is_dir():
        raise InputError(f"'{printable(path)}' is a folder: name a file in it")
    check_folder(path.parent)
    return path


def snapshot_steps(path: "str | Path", steps: int, pixels: int) -> list[int]:
    """The steps whose images a film should show: closer together at the start, where an image changes most.

    Args:
        path: of the film.
        steps: of the run.
        pixels: of one image; of large ones fewer are kept.
    """
    count = FRAMES if Path(path).suffix.lower() == ".gif" else STRIP
    count = max(2, min(count, MEMORY // (12 * pixels)))
    return sorted({round(float(step)) for step in np.geomspace(1, steps, count)})


def _frames(images: "Images") -> list[np.ndarray]:
    """All of one shape, the last one's, made smaller where it is large."""
    given = list(images.values() if isinstance(images, Mapping) else images)
    if not given:
        raise InputError("no image: a film needs one at least")
    given = [from_array(image) for image in given]
    shrink = min(1.0, SIDE / max(given[-1].shape[:2]))
    shape = tuple(max(1, round(side * shrink)) for side in given[-1].shape[:2])
    return [fit(image, shape) for image in given]


def _columns(count: int, ratio: float) -> int:
    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns / (2 * rows * ratio))) + 1.5 * (rows * columns - count) / count

    return min(range(1, count + 1), key=cost)


def _whole(columns: int) -> int:
    if isinstance(columns, bool) or columns != int(columns) or columns < 1:
        raise InputError(f"columns is {columns}: give a whole number of at least 1")
    return int(columns)


def _thinned(frames: list, most: int) -> list:
    if len(frames) <= most:
        return frames
    return [frames[round(index)] for index in np.linspace(0, len(frames) - 1, most)]


def _durations(count: int, seconds: float) -> list[int]:
    """Milliseconds of each frame."""
    if count == 1:
        return [round(1000 * seconds)]
    return [round(1000 * seconds * (1 - LAST) / (count - 1))] * (count - 1) + [round(1000 * seconds * LAST)]


def _indexed(frames: list[np.ndarray]) -> list[Image.Image]:
    """Frames with a palette each. Seen from afar, an octree's with dithering is nearer than a median cut, and ten times as fast."""
    whole = [Image.fromarray(np.round(frame * 255).astype(np.uint8)) for frame in frames]
    palettes = [frame.quantize(COLOURS, method=Image.Quantize.FASTOCTREE) for frame in whole]
    return [
        frame.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        for frame, palette in zip(whole, palettes, strict=True)
    ]
