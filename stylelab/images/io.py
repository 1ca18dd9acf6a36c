"""Open, resize and save images. An image is an (H, W, 3) float32 array, red green blue, in 0..1.

Whatever can be seen as an image is opened: grey, palette, alpha, CMYK, 16-bit, turned by EXIF, animated.
Whatever cannot is refused in one line. No framework is imported here.
"""

import difflib
import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylelab.base.files import check_folder, error_text, expand_home, printable, write_file
from stylelab.errors import InputError
from stylelab.images.builtin import alt, content_names, credit, find_built_in, names, style_names
from stylelab.images.decode import MOST_PIXELS, ImageFile, from_array, from_image, read_image

__all__ = [
    "ImageFile", "alt", "check_size", "check_writable", "content_names", "credit", "find_image", "fit", "names", "open_image",
    "resize", "save", "style_names",
]  # fmt: skip

Source: TypeAlias = "str | os.PathLike[str] | Image.Image | np.ndarray | ImageFile"  # what is opened as an image
SMALLEST = 16  # pixels on the short side: five poolings leave nothing of less
FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG"},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".webp": {"format": "WEBP", "quality": 95},
}


def open_image(source: Source, size: int | None = None) -> np.ndarray:
    """An image as an array, whatever it comes from.

    Args:
        source: a path, the name of a built-in image, a PIL image, an array `(H, W, 3)`, float in 0..1 or uint8, or a
            `ImageFile`. A file wins over a built-in image of the same name. Transparent parts become white.
        size: long side in pixels; None leaves the image as it is.

    Returns:
        `(H, W, 3)` float32 in 0..1.

    Raises:
        InputError: nothing there, no image, a broken one, one of more than 100 million pixels, or a wrong size.
    """
    if size is not None:
        _check_length(size)
    if isinstance(source, Image.Image):
        image = from_image(source)
    elif isinstance(source, (str, os.PathLike)):
        image = read_image(find_image(source))
    elif isinstance(source, ImageFile):
        image = source.open()
    else:
        image = from_array(source)
    return image if size is None else resize(image, size)


def find_image(source: "str | os.PathLike") -> Path:
    """The file that `source` means: a path to a file, or a built-in image's name.

    Raises:
        InputError: no such file or name; the nearest one is suggested.
    """
    text = os.fspath(source)
    if not isinstance(text, str):
        raise InputError(f"a path must be text; got {printable(text)}")
    path = expand_home(text)
    try:
        if path.is_file():
            return path
        if found := find_built_in(text):
            return found
        if path.is_dir():
            raise InputError(f"'{printable(path)}' is a folder: name one image in it")
        if path.exists():
            raise InputError(f"'{printable(path)}' is not a regular file: name an image file")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"no image '{printable(text)}': {error_text(error)}") from None
    raise InputError(_not_found(text, path))


def _not_found(text: str, path: Path) -> str:
    if "://" in text:
        return f"'{printable(text)}' is a web address: download the image first, then name the file"
    folder = path.parent
    files = [entry.name for entry in folder.iterdir()] if folder.is_dir() and os.access(folder, os.R_OK) else []
    choices = {name: name for name in names()} if str(folder) == "." else {}
    choices |= {name: str(folder / name) for name in files}
    near = difflib.get_close_matches(path.name, choices, n=1, cutoff=0.6)
    if near:
        return f"no image '{printable(text)}': did you mean '{choices[near[0]]}'?"
    return f"no image '{printable(text)}': name a file, or a built-in image such as {', '.join(names()[:3])}"


def _check_length(size: object, what: str = "size") -> None:
    if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
        raise InputError(f"{what} must be a whole number of pixels, 1 or more; got {printable(repr(size))}")


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """The image with its long side `size` pixels and its proportions kept, without aliasing.

    Args:
        image: `(H, W, 3)` in 0..1.
        size: long side in pixels.

    Returns:
        `(H, W, 3)` float32 in 0..1, `max(H, W) == size`.

    Raises:
        InputError: the size is not a whole number from 1, or makes more than 100 million pixels.
    """
    _check_length(size)
    height, width = image.shape[:2]
    return fit(image, tuple(max(1, round(side * size / max(height, width))) for side in (height, width)))


def enlarge(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """An image at a larger size, edges kept sharp; nothing is clipped, so a run can go on with it.

    Args:
        image: `(H, W, 3)` float32, of any range.
        shape: (height, width) in pixels.

    Returns:
        `(height, width, 3)` float32, by Lanczos's filter.
    """
    size = shape[1], shape[0]
    planes = [
        Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.LANCZOS) for plane in np.moveaxis(image, 2, 0)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def fit(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The image stretched to exactly `shape`, without aliasing.

    Args:
        image: `(H, W, 3)` in 0..1.
        shape: (height, width) in pixels.

    Returns:
        `(height, width, 3)` float32 in 0..1.

    Raises:
        InputError: a side is not a whole number from 1, or there are more than 100 million pixels.
    """
    height, width = shape
    _check_length(height, "height")
    _check_length(width, "width")
    if height * width > MOST_PIXELS:
        raise InputError(f"{width} x {height} pixels are more than {MOST_PIXELS // 10**6} million: choose a smaller size")
    if image.shape[:2] == (height, width):
        return np.array(image, np.float32)
    colours = np.moveaxis(np.asarray(image, np.float32), -1, 0)  # (3, H, W): one by one, as 32-bit floats
    size = int(width), int(height)
    resized = [np.asarray(Image.fromarray(colour).resize(size, Image.Resampling.LANCZOS)) for colour in colours]
    return np.stack(resized, axis=-1).clip(0, 1)


def check_size(image: np.ndarray, what: str = "an image") -> None:
    """Refuse an image whose short side is under 16 pixels, which the encoder's poolings would use up.

    Args:
        image: `(H, W, 3)`.
        what: what to call it in the message, such as 'the style image'.

    Raises:
        InputError: the image is too small, or too narrow for its length.
    """
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST:
        raise InputError(
            f"{what} of {width} x {height} pixels is too small: both sides must have {SMALLEST} or more; "
            "choose a larger one, a larger size, or crop it"
        )


def save(image: np.ndarray, path: "str | os.PathLike", text: "dict[str, str] | None" = None) -> Path:
    """Write an image as PNG, JPEG or WebP, as the file's ending says. A half-written file is never left.

    Args:
        image: `(H, W, 3)` float in 0..1; values are rounded to 8 bits.
        path: an existing file is replaced.
        text: what a PNG says of itself, by keyword; other formats leave it out.

    Returns:
        The path.

    Raises:
        InputError: an unknown ending, no such folder, or a place that cannot be written.
    """
    path = expand_home(path)
    settings = dict(_format(path))
    if text and settings["format"] == "PNG":
        settings["pnginfo"] = notes = PngInfo()
        for keyword, value in text.items():
            notes.add_text(keyword, value)
    encoded = Image.fromarray((from_array(image) * 255 + 0.5).astype(np.uint8))
    write_file(path, lambda stream: encoded.save(stream, **settings))
    return path


def check_writable(path: "str | os.PathLike") -> Path:
    """Find out, before a long run, whether an image can be saved there. Nothing is left behind.

    Raises:
        InputError: an unknown ending, a folder, no such parent folder, or one that cannot be written.
    """
    path = expand_home(path)
    if path.is_dir():
        raise InputError(f"'{printable(path)}' is a folder: name a file in it, such as {printable(path / 'out.png')}")
    _format(path)
    check_folder(path.parent)
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"'{printable(path)}' is write-protected: choose another name")
    return path


def _format(path: Path) -> dict[str, Any]:
    if path.suffix.lower() not in FORMATS:
        came = f"'{printable(path.suffix)}'" if path.suffix else "no ending"
        raise InputError(f"cannot save '{printable(path)}': its ending must be {', '.join(FORMATS)}; got {came}")
    return FORMATS[path.suffix.lower()]
