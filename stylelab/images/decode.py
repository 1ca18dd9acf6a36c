"""Turn files, PIL images and arrays of every sort into images: (H, W, 3) float32 in 0..1."""

import io
import re
import struct
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from stylelab.base.files import printable
from stylelab.errors import InputError

MOST_PIXELS = 100_000_000  # 1.2 GB as float32
READ = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000", "ICO")  # EPS runs a program
MOST_BYTES = 20 * 2**20  # of an image's file that is held in memory: a photograph has 3 to 15 MB
BROKEN = (OSError, ValueError, TypeError, SyntaxError, EOFError, IndexError, KeyError, struct.error, MemoryError)


@dataclass(frozen=True)
class ImageFile:
    """An image's own file in memory: uploaded, or embedded in settings. Its name is only what it is called.

    Raises:
        InputError: it has more than 20 MB.
    """

    name: str
    data: bytes = field(repr=False)

    def __post_init__(self):
        if len(self.data) > MOST_BYTES:
            size = f"{len(self.data) / 2**20:.0f} MB, more than {MOST_BYTES // 2**20}"
            raise InputError(f"'{printable(self.name)}' has {size}: save it smaller, such as a JPEG of 4000 pixels")

    def open(self) -> np.ndarray:
        """The image, as `read_image` gives it; an array that NumPy saved is one too.

        Raises:
            InputError: as `read_image`.
        """
        if self.data.startswith(b"\x93NUMPY"):
            return from_array(_numbers(self))
        return _read(io.BytesIO(self.data), f"'{printable(self.name)}'")


def _numbers(file: ImageFile) -> np.ndarray:
    try:
        with warnings.catch_warnings(action="ignore"):
            return np.load(io.BytesIO(file.data), allow_pickle=False)
    except (*BROKEN, RecursionError) as error:
        raise _broken(f"'{printable(file.name)}'", error) from None


def read_image(path: Path) -> np.ndarray:
    """The image in a file, first frame, upright.

    Raises:
        InputError: empty, no image, broken, unreadable, or of more than 100 million pixels.
    """
    return _read(path, f"'{printable(path)}'")


def _read(source: "Path | io.BytesIO", name: str) -> np.ndarray:
    try:
        if (source.stat().st_size if isinstance(source, Path) else source.getbuffer().nbytes) == 0:
            raise InputError(f"{name} is empty: copy it again")
        with warnings.catch_warnings(action="ignore"), Image.open(source, formats=READ) as image:
            return from_image(image, name)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name} is not an image: PNG, JPEG, WebP, GIF, TIFF and BMP can be opened") from None
    except Image.DecompressionBombError as error:
        raise _too_large(name, re.sub(r"\D*(\d+) pixels.*", r"\1", str(error))) from None
    except PermissionError:
        raise InputError(f"{name} cannot be read: its permissions forbid it") from None
    except BROKEN as error:
        raise _broken(name, error) from None


def _too_large(name: str, pixels: object) -> InputError:
    return InputError(f"{name} has {pixels} pixels, more than {MOST_PIXELS // 10**6} million: make it smaller first")


def _broken(name: str, error: Exception) -> InputError:
    why = printable(error or type(error).__name__, 80)
    return InputError(f"{name} is a broken or truncated image ({why}): copy it again")


def from_image(image: Image.Image, name: str = "the image") -> np.ndarray:
    """A PIL image as `(H, W, 3)` float32 in 0..1: upright, in sRGB, transparent parts white.

    Raises:
        InputError: no pixels, more than 100 million, or data that cannot be decoded.
    """
    width, height = image.size
    if width * height > MOST_PIXELS:  # known from the header, before anything is decoded
        raise _too_large(name, width * height)
    if width * height == 0:
        raise InputError(f"{name} has no pixels: it is {width} x {height}")
    try:
        with warnings.catch_warnings(action="ignore"):
            image.load()
            return _colours(_upright(image), name)
    except InputError:
        raise
    except BROKEN as error:
        raise _broken(name, error) from None


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except BROKEN:  # a broken EXIF block says nothing about the pixels: leave them as they lie
        return image


def _colours(image: Image.Image, name: str) -> np.ndarray:
    if image.mode[0] in "IF":  # 'I', 'I;16', 'I;16B', 'F': one channel of more than 8 bits
        values = np.asarray(image, np.float32)
        return np.repeat((values / _full_scale(image, values, name)).clip(0, 1)[..., None], 3, axis=-1)
    if image.has_transparency_data:
        image = image.convert("RGBA")
    image = _to_srgb(image)
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    values = np.asarray(image.convert("RGB")).astype(np.float32)
    return np.divide(values, 255, out=values)


def _full_scale(image: Image.Image, values: np.ndarray, name: str) -> float:
    """What white is in a deep grey image: its bit depth says so, or else the smallest depth that holds its values."""
    if not np.isfinite(values).all() or values.min() < 0:
        raise InputError(f"{name} has values below 0 or not finite: rescale them to 0..1 first")
    bits = getattr(image, "tag_v2", {}).get(258)  # TIFF's BitsPerSample: 12 bits come in 16
    if image.mode.startswith("I;16"):
        return 2.0 ** (bits[0] if bits and bits[0] < 16 else 16) - 1
    if image.mode == "I" and image.format in ("PNG", "PPM"):
        return 65535.0
    scales = (1.0,) * (image.mode == "F") + (255.0, 65535.0, 2.0**31 - 1)
    return next((scale for scale in scales if values.max() <= scale), float(values.max()))


def _to_srgb(image: Image.Image) -> Image.Image:
    """Apply the colour profile, if there is one other than sRGB: cameras and presses use wider ones."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return image
        target = "RGBA" if image.mode == "RGBA" else "RGB"
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=target)
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return image  # a broken profile costs some colour fidelity, not the image


def from_array(values) -> np.ndarray:
    """An array as an image of its own: `(H, W, 3)`, float in 0..1, or uint8 in 0..255.

    Raises:
        InputError: another shape, another type, values outside the range or not finite.
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
        raise InputError(f"an image's values must be in 0..1; got {low:.3g} to {high:.3g}" + _hint(low, high))
    return np.clip(array, 0, 1, dtype=np.float32, casting="same_kind")


def _hint(low: float, high: float) -> str:
    return ": divide by 255" if 0 <= low and 1 < high <= 255 else ""
