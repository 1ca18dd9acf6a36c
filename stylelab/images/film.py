"""Show a run as a filmstrip, its images next to each other, or as an animated GIF."""

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from stylelab.base.files import check_target, expand_home, printable, write_file
from stylelab.base.values import several, shown, whole
from stylelab.errors import InputError
from stylelab.images.decode import from_array
from stylelab.images.io import fit, save

ENDINGS = (".gif", ".png")
SIDE = 480  # pixels on the long side at most, of an image in a GIF or on a strip
GAP = 6  # white pixels between images
FRAMES, STRIP = 24, 8  # images in a GIF, on a strip
MEMORY = 2**28  # bytes at most for the images that are kept of a run
FRAME_SECONDS = 0.04  # at least: browsers slow down faster films
LAST = 0.3  # share of the time for which the last image stays
COLOURS = 256

Images: TypeAlias = "Sequence[np.ndarray] | Mapping[int, np.ndarray]"


def filmstrip(images: "Images", columns: int | None = None) -> np.ndarray:
    """Images in rows, from left to right, on white.

    >>> from stylelab.images.film import filmstrip
    >>> filmstrip([np.zeros((20, 30, 3)), np.ones((20, 30, 3))]).shape
    (32, 78, 3)

    Args:
        images: each `(H, W, 3)` in 0..1, or `{step: image}` as in `Result.snapshots`. All are fitted to the last one's shape.
        columns: images in a row; by default the strip is about twice as wide as high, with few empty cells.

    Returns:
        `(H', W', 3)` float32 in 0..1. An image on it has at most 480 pixels on its long side.

    Raises:
        InputError: no image, one that is not in 0..1, or `columns` is not a whole number of at least 1.
    """
    frames = _frames(images)
    count, (height, width) = len(frames), frames[0].shape[:2]

    def cost(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns / (2 * rows * (height / width)))) + 1.5 * (rows * columns - count) / count

    if columns is None:
        columns = min(range(1, count + 1), key=cost)
    columns = min(whole("columns", columns, 1), count)
    rows = math.ceil(count / columns)
    strip = np.ones((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), np.float32)
    for index, frame in enumerate(frames):
        row, column = divmod(index, columns)
        top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
        strip[top : top + height, left : left + width] = frame
    return strip


def save_gif(path: "str | Path", images: "Images", seconds: float = 4) -> Path:
    """Save images as a GIF that repeats for ever. The last image stays longer than the others.

    Args:
        path: ends in .gif; an existing file is replaced.
        images: as for `filmstrip`.
        seconds: length of the film. If there are too many images for 25 a second, some are left out.

    Returns:
        The path.

    Raises:
        InputError: another ending, no image, a wrong length, or a place that cannot be written.
    """
    path = check_film_path(path, (".gif",))
    if not isinstance(seconds, Real) or isinstance(seconds, bool) or not 0.1 <= seconds <= 600:
        raise InputError(f"a film of {shown(seconds)} seconds: give 0.1 to 600")
    frames = _frames(images)
    most = max(1, int(seconds * (1 - LAST) / FRAME_SECONDS))  # before the last one
    if len(frames) - 1 > most:
        frames = [*(frames[round(index)] for index in np.linspace(0, len(frames) - 2, most)), frames[-1]]
    durations = [round(1000 * seconds)]
    if len(frames) > 1:
        each = round(1000 * seconds * (1 - LAST) / (len(frames) - 1))
        durations = [each] * (len(frames) - 1) + [round(1000 * seconds * LAST)]
    # Seen from afar, an octree palette with dithering looks closer than a median cut, and takes a tenth of the time.
    full = [Image.fromarray(np.round(frame * 255).astype(np.uint8)) for frame in frames]
    palettes = [image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE) for image in full]
    first, *others = [
        image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for image, palette in zip(full, palettes, strict=True)
    ]
    write_file(path, lambda stream: first.save(
        stream, format="GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=False, disposal=1,
    ))  # fmt: skip
    return path


def save_film(path: "str | Path", images: "Images", seconds: float = 4) -> Path:
    """Save an animation (.gif) or a filmstrip (.png), according to the file's ending.

    Raises:
        InputError: as `save_gif`.
    """
    if check_film_path(path).suffix.lower() == ".gif":
        return save_gif(path, images, seconds)
    return save(filmstrip(images), path)


def check_film_path(path: "str | Path", endings: Sequence[str] = ENDINGS) -> Path:
    """The path, if a film can be saved there.

    Raises:
        InputError: the ending is another one, `path` is a folder, or its folder is missing or cannot be written.
    """
    path = expand_home(path)
    if path.suffix.lower() not in endings:
        raise InputError(f"cannot save a film as '{printable(path)}': its ending must be {' or '.join(endings)}")
    return check_target(path)


def snapshot_steps(path: "str | Path", steps: int, pixels: int) -> list[int]:
    """The steps whose images a film should show: closer together at the start, where an image changes most.

    >>> from stylelab.images.film import snapshot_steps
    >>> snapshot_steps("run.png", steps=200, pixels=256 * 256)
    [1, 2, 5, 10, 21, 44, 94, 200]

    Args:
        path: the file for the film, whose ending matters.
        steps: length of the run.
        pixels: in one image; of large images fewer are kept.
    """
    count = FRAMES if Path(path).suffix.lower() == ".gif" else STRIP
    count = max(2, min(count, MEMORY // (12 * pixels)))
    return sorted({round(float(step)) for step in np.geomspace(1, steps, count)})


def _frames(images: "Images") -> list[np.ndarray]:
    """The images in one shape, the last one's, made smaller if it is large."""
    frames = [
        from_array(image) for image in several("images", images.values() if isinstance(images, Mapping) else images, "[image]")
    ]
    if not frames:
        raise InputError("no image: a film needs at least one")
    height, width = frames[-1].shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    return [fit(frame, (max(1, round(height * scale)), max(1, round(width * scale)))) for frame in frames]
