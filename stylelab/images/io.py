"""Open, resize and save images. An image is an (H, W, 3) float32 array, red, green, blue, in 0..1.

Every usual kind of image can be opened: grey, palette, alpha, CMYK, 16-bit, rotated by EXIF, animated, in the colours that its
profile says. Anything else is refused in one line. No framework is imported here.
"""

import difflib
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylelab.base.files import check_target, expand_home, file_kind, printable, write_file
from stylelab.base.values import check_axes, numbers, pair
from stylelab.errors import InputError
from stylelab.images.builtin import find_built_in, names
from stylelab.images.decode import MOST_PIXELS, ImageFile, Opened, decode_image, from_array, read_image

Source: TypeAlias = "str | os.PathLike[str] | Image.Image | np.ndarray | ImageFile"  # what can be opened as an image
SMALLEST = 16  # pixels on the short side: five poolings leave nothing of a smaller image
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".webp": {"format": "WEBP", "quality": 95},
}


def open_image(source: Source, size: int | None = None) -> np.ndarray:
    """Open an image as an array.

    >>> image = images.open_image("cat", size=60)
    >>> image.shape, image.dtype
    ((40, 60, 3), dtype('float32'))

    Args:
        source: a path, the name of a built-in image, a PIL image, an array `(H, W, 3)`, float in 0..1 or uint8, or an
            `ImageFile`. A file takes precedence over a built-in image of the same name. Transparent parts become white.
        size: long side in pixels; None keeps the image as it is.

    Returns:
        `(H, W, 3)` float32 in 0..1. A Python warning says what may not be expected, such as rows that the file lacks.

    Raises:
        InputError: no such image, a broken one, one of more than 100 million pixels, or a wrong size.
        MachineError: a HEIC image without pi-heif to open it.
    """
    if size is not None:
        _check_length(size)
    opened = open_with_notes(source)
    for note in opened.notes:
        warnings.warn(note, stacklevel=2)
    return opened.image if size is None else resize(opened.image, size)


def open_with_notes(source: Source) -> Opened:
    """`open_image` with notes instead of warnings, and the SHA-256 of the file.

    >>> images.open_with_notes("cat").notes
    ()

    Raises:
        InputError, MachineError: as `open_image`.
    """
    if isinstance(source, Image.Image):
        return decode_image(source, "the image")
    if isinstance(source, (str, os.PathLike)):
        path = find_image(source)
        return replace(read_image(path, f"'{printable(path)}'"), name=path.name)
    return replace(source.read(), name=source.name) if isinstance(source, ImageFile) else Opened(from_array(source))


def find_image(source: "str | os.PathLike") -> Path:
    """The file that `source` names: a path, or the name of a built-in image.

    >>> images.find_image("chelsea").name
    'chelsea.png'
    >>> images.find_image("astronaught")
    Traceback (most recent call last):
    stylelab.errors.InputError: no image 'astronaught': did you mean 'astronaut'?

    Raises:
        InputError: no such file or name; the message suggests the nearest one.
    """
    text = os.fspath(source) if isinstance(source, str | os.PathLike) else source
    if not isinstance(text, str):
        raise InputError(f"a path must be text; got {printable(text)}")
    path = expand_home(text)
    kind = file_kind(path, "no image")
    if kind == "file":
        return path
    if built_in := find_built_in(text):
        return built_in
    if kind == "folder":
        raise InputError(f"'{printable(path)}' is a folder: name one image in it")
    if kind == "other":
        raise InputError(f"'{printable(path)}' is not a regular file: name an image file")
    if "://" in text:
        raise InputError(f"'{printable(text)}' is a web address: download the image first, then name the file")
    folder = path.parent
    files = [entry.name for entry in folder.iterdir()] if folder.is_dir() and os.access(folder, os.R_OK) else []
    choices = {name: name for name in names()} if str(folder) == "." else {}
    choices |= {name: str(folder / name) for name in files}
    nearest = difflib.get_close_matches(path.name, choices, n=1, cutoff=0.6)
    if nearest:
        raise InputError(f"no image '{printable(text)}': did you mean '{printable(choices[nearest[0]])}'?")
    raise InputError(f"no image '{printable(text)}': name a file, or a built-in image such as {', '.join(names()[:3])}")


def _check_length(length: object, name: str = "size") -> None:
    if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < 1:
        raise InputError(f"{name} must be a whole number of pixels, 1 or more; got {printable(repr(length))}")
    if length > MOST_PIXELS:
        raise InputError(
            f"{name} is {printable(length, 40)}: more than {MOST_PIXELS // 10**6} million pixels; choose a smaller one"
        )


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resize an image to a long side of `size` pixels, keeping its proportions, without aliasing.

    >>> images.resize(np.ones((200, 300, 3)), 60).shape
    (40, 60, 3)

    Args:
        image: `(H, W, 3)` in 0..1.
        size: long side in pixels.

    Returns:
        `(H', W', 3)` float32 in 0..1, where `max(H', W') == size`.

    Raises:
        InputError: the size is not a whole number of at least 1, or makes more than 100 million pixels; or it is no image.
    """
    _check_length(size)
    check_axes(np.shape(image), "image", "(H, W, 3)")
    height, width = image.shape[:2]
    return fit(image, tuple(max(1, round(side * size / max(height, width))) for side in (height, width)))


def enlarge(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Enlarge an image with sharp edges. No value is clipped, so a run can continue from it.

    >>> images.enlarge(np.full((2, 3, 3), 7, np.float32), (4, 6)).max().round(3)
    np.float32(7.0)

    Args:
        image: `(H, W, 3)` float32, of any range.
        shape: (height, width) in pixels.

    Returns:
        `(height, width, 3)` float32, by Lanczos resampling.

    Raises:
        InputError: as for `fit`.
    """
    return _enlarge(_array(image), _check_shape(shape))


def _enlarge(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    channels = [Image.fromarray(np.ascontiguousarray(channel)) for channel in np.moveaxis(image, -1, 0)]
    return np.stack([np.asarray(channel.resize(shape[::-1], Image.Resampling.LANCZOS)) for channel in channels], axis=-1)


def fit(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Stretch an image to exactly `shape`, without aliasing.

    >>> images.fit(np.ones((200, 300, 3)), (50, 50)).shape
    (50, 50, 3)

    Args:
        image: `(H, W, 3)` in 0..1.
        shape: (height, width) in pixels.

    Returns:
        `(height, width, 3)` float32 in 0..1.

    Raises:
        InputError: it is no image; a side is not a whole number of at least 1; or there are more than 100 million pixels.
    """
    image, shape = _array(image), _check_shape(shape)
    return image if image.shape[:2] == shape else _enlarge(image, shape).clip(0, 1)


def _check_shape(shape: object) -> tuple[int, int]:
    height, width = pair("shape", shape)
    if height * width > MOST_PIXELS:
        raise InputError(f"{width} x {height} pixels are more than {MOST_PIXELS // 10**6} million: choose a smaller size")
    return height, width


def _array(image: object) -> np.ndarray:
    """A new float32 array (H, W, 3) of any range; uint8 becomes 0..1."""
    array = numbers(image, "image")
    check_axes(array.shape, "image", "(H, W, 3)")
    if not array.size:
        raise InputError(f"image has no pixels: {array.shape}")
    return array


def check_size(image: np.ndarray, name: str = "an image", original: tuple[int, int] | None = None) -> None:
    """Refuse an image with fewer than 16 pixels on a side, of which the encoder's poolings would leave nothing.

    >>> images.check_size(np.ones((8, 300, 3)), "the style image")
    Traceback (most recent call last):
    stylelab.errors.InputError: the style image of 300 x 8 pixels is too small: ...

    Args:
        image: `(H, W, 3)`.
        name: what the message calls it.
        original: height and width before it was resized, which the message names first.

    Raises:
        InputError: the image is too small, or too narrow for its length; or it is no array of this shape.
    """
    check_axes(np.shape(image), "image", "(H, W, 3)")
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        scaled = ""
        if original not in (None, (height, width)):
            scaled, (height, width) = f", scaled to {width} x {height},", original
        raise InputError(
            f"{name} of {width} x {height} pixels{scaled} is too small: both sides must have {SMALLEST} or more; "
            "choose a larger one, a larger size, or crop it"
        )


def save(image: np.ndarray, path: "str | os.PathLike", text: "dict[str, str] | None" = None) -> Path:
    """Save an image as PNG, JPEG or WebP, according to the file's ending. A half-written file is never left behind.

    >>> images.save(np.ones((16, 16, 3)), "white.gif")
    Traceback (most recent call last):
    stylelab.errors.InputError: cannot save 'white.gif': its ending must be .png, .jpg, .jpeg, .webp; got '.gif'

    Args:
        image: `(H, W, 3)` float in 0..1; values are rounded to 8 bits.
        path: where to save it; an existing file is replaced.
        text: texts to store in a PNG file, by keyword; the other formats leave them out.

    Returns:
        The path.

    Raises:
        InputError: an unknown ending, no such folder, or one that cannot be written.
    """
    path = expand_home(path)
    options = dict(_format(path))
    if text and options["format"] == "PNG":
        options["pnginfo"] = info = PngInfo()
        for keyword, value in text.items():
            info.add_text(keyword, value)
    encoded = Image.fromarray((from_array(image) * 255 + 0.5).astype(np.uint8))
    write_file(path, lambda stream: encoded.save(stream, **options))
    return path


def check_writable(path: "str | os.PathLike") -> Path:
    """Check, before a long run, that an image can be saved as `path`. Nothing is left behind.

    >>> images.check_writable("no/such/folder/a.png")
    Traceback (most recent call last):
    stylelab.errors.InputError: folder 'no/such/folder' does not exist: run `mkdir -p no/such/folder` first

    Raises:
        InputError: the ending is unknown, `path` is a folder, or its folder is missing or cannot be written.
    """
    path = expand_home(path)
    if file_kind(path) != "folder":
        _format(path)
    return check_target(path)


def _format(path: Path) -> dict[str, Any]:
    ending = path.suffix.lower()
    if ending not in FORMATS:
        found = f"'{printable(path.suffix)}'" if path.suffix else "no ending"
        raise InputError(f"cannot save '{printable(path)}': its ending must be {', '.join(FORMATS)}; got {found}")
    return FORMATS[ending]
