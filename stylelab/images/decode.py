"""Turn files, PIL images and arrays into images: (H, W, 3) float32 in 0..1."""

import hashlib
import io
import os
import re
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from stylelab.base.files import printable
from stylelab.errors import InputError

MOST_PIXELS = 100_000_000  # 1.2 GB as float32
READ = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000", "ICO")  # not EPS: it is a program to run
MOST_BYTES = 20 * 2**20  # of an image file that is kept in memory; a photograph has 3 to 15 MB
BROKEN = (OSError, ValueError, TypeError, SyntaxError, EOFError, IndexError, KeyError, struct.error, MemoryError)


@dataclass(frozen=True)
class ImageFile:
    """The content of an image file, uploaded or embedded in a settings file. Its name is used in messages only.

    >>> images.ImageFile("notes.txt", b"Dear diary").open()
    Traceback (most recent call last):
    stylelab.errors.InputError: 'notes.txt' is not an image: PNG, JPEG, WebP, GIF, TIFF and BMP can be opened

    Raises:
        InputError: it is larger than 20 MB.
    """

    name: str
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.data) > MOST_BYTES:
            size = f"{len(self.data) / 2**20:.0f} MB, more than {MOST_BYTES // 2**20}"
            raise InputError(f"'{printable(self.name)}' has {size}: save it smaller, such as a JPEG of 4000 pixels")

    def open(self) -> np.ndarray:
        """The image, as `read_image` returns it. A file that NumPy saved can be opened too.

        Raises:
            InputError: as `read_image`.
        """
        name = f"'{printable(self.name)}'"
        if not self.data.startswith(b"\x93NUMPY"):
            return read_image(io.BytesIO(self.data), name)
        try:
            with warnings.catch_warnings(action="ignore"):
                values = np.load(io.BytesIO(self.data), allow_pickle=False)
        except (*BROKEN, RecursionError) as error:
            raise _broken(name, error) from None
        return from_array(values)


def read_with_sha256(path: Path) -> tuple[np.ndarray, str]:
    """The image in a file, and the SHA-256 of the file, which is opened only once.

    Raises:
        InputError: as `read_image`.
    """
    name = f"'{printable(path)}'"
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return read_image(file, name), digest
    except OSError as error:
        raise _broken(name, error) from None


def read_image(source: "Path | BinaryIO", name: str) -> np.ndarray:
    """The image in a file, upright; of an animation, the first frame.

    Args:
        source: a path, or an open file.
        name: what messages call it.

    Raises:
        InputError: it is empty, not an image, broken, unreadable, or has more than 100 million pixels.
    """
    try:
        if (source.stat().st_size if isinstance(source, Path) else source.seek(0, os.SEEK_END)) == 0:
            raise InputError(f"{name} is empty: copy it again")
        with warnings.catch_warnings(action="ignore"), Image.open(source, formats=READ) as image:
            return from_image(image, name)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name} is not an image: PNG, JPEG, WebP, GIF, TIFF and BMP can be opened") from None
    except Image.DecompressionBombError as error:
        raise _too_large(name, re.sub(r"\D*(\d+) pixels.*", r"\1", str(error))) from None
    except BROKEN as error:
        raise _broken(name, error) from None


def from_image(image: Image.Image, name: str = "the image") -> np.ndarray:
    """A PIL image as an array: upright, in sRGB, its transparent parts white.

    >>> from PIL import Image
    >>> images.from_image(Image.new("L", (3, 2), 255)).shape
    (2, 3, 3)

    Args:
        image: of any mode.
        name: what messages call it.

    Returns:
        `(H, W, 3)` float32 in 0..1.

    Raises:
        InputError: it has no pixels, more than 100 million, or cannot be decoded.
    """
    width, height = image.size
    if width * height > MOST_PIXELS:  # known from the header, before anything is decoded
        raise _too_large(name, width * height)
    if width * height == 0:
        raise InputError(f"{name} has no pixels: it is {width} x {height}")
    try:
        with warnings.catch_warnings(action="ignore"):
            image.load()
            upright = image
            with suppress(*BROKEN):  # a broken EXIF block says nothing about the pixels: leave them unturned
                upright = ImageOps.exif_transpose(image)
            if image.mode[0] not in "IF":
                return _colours(upright)
            return _deep_grey(np.asarray(upright, np.float32), image, name)
    except InputError:
        raise
    except BROKEN as error:
        raise _broken(name, error) from None


def _too_large(name: str, pixels: object) -> InputError:
    return InputError(f"{name} has {pixels} pixels, more than {MOST_PIXELS // 10**6} million: make it smaller first")


def _broken(name: str, error: Exception) -> InputError:
    if isinstance(error, PermissionError):
        return InputError(f"{name} cannot be read: you have no permission")
    cause = printable(error or type(error).__name__, 80)
    return InputError(f"{name} is a broken or truncated image ({cause}): copy it again")


def _colours(image: Image.Image) -> np.ndarray:
    """An image of 8 bits per channel: its colour profile applied, white behind transparent parts."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):  # cameras and printers use wider colours than sRGB
        with suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):  # a broken profile costs some fidelity only
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                mode = "RGBA" if image.mode == "RGBA" else "RGB"
                image = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode) or image
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    values = np.asarray(image.convert("RGB")).astype(np.float32)
    return np.divide(values, 255, out=values)


def _deep_grey(values: np.ndarray, image: Image.Image, name: str) -> np.ndarray:
    """The values of one channel of more than 8 bits (mode 'I', 'I;16', 'I;16B' or 'F') in grey, white scaled to 1.

    White follows from the bit depth that the file states, or else is the smallest usual one that no value exceeds.
    `image` is as it was opened, because a copy of it has lost its format and its tags.
    """
    if not np.isfinite(values).all() or values.min() < 0:
        raise InputError(f"{name} has values that are negative or not finite: rescale them to 0..1 first")
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(258)  # BitsPerSample of a TIFF file, which stores 12 bits in 16
        white = 2.0 ** (bits[0] if bits and bits[0] < 16 else 16) - 1
    elif image.mode == "I" and image.format in ("PNG", "PPM"):
        white = 65535.0
    else:
        scales = (1.0,) * (image.mode == "F") + (255.0, 65535.0, 2.0**31 - 1)
        white = next((scale for scale in scales if values.max() <= scale), float(values.max()))
    return np.repeat((values / white).clip(0, 1)[..., None], 3, axis=-1)


def from_array(values: Any) -> np.ndarray:
    """An array as an image, in a copy.

    >>> images.from_array(np.full((2, 2, 3), 51, np.uint8))[0, 0]
    array([0.2, 0.2, 0.2], dtype=float32)

    Args:
        values: `(H, W, 3)`, float in 0..1, or uint8 in 0..255.

    Returns:
        `(H, W, 3)` float32 in 0..1.

    Raises:
        InputError: it has another shape or type, or values that are out of range or not finite.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):  # a tensor on a GPU or with a gradient refuses in its own words
        raise InputError(f"an image must be a path, a PIL image or an array; got {type(values).__name__}") from None
    if array.dtype.kind not in "uif" or array.ndim == 0:
        raise InputError(f"an image must be a path, a PIL image or an array; got {printable(repr(values), 60)}")
    if array.ndim != 3 or array.shape[-1] != 3 or array.size == 0:
        raise InputError(f"an image must be (H, W, 3); got {array.shape}")
    if array.dtype == np.uint8:
        return array.astype(np.float32) / 255
    if array.dtype.kind != "f":
        raise InputError(f"an image must be float in 0..1 or uint8; got {array.dtype}")
    if not np.isfinite(array).all():
        raise InputError("an image's values must be in 0..1; got NaN or infinity")
    low, high = float(array.min()), float(array.max())
    if low < -1e-3 or high > 1 + 1e-3:
        hint = ": divide by 255" if 0 <= low and 1 < high <= 255 else ""
        raise InputError(f"an image's values must be in 0..1; got {low:.3g} to {high:.3g}{hint}")
    return np.clip(array, 0, 1, dtype=np.float32, casting="same_kind")
