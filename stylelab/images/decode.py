"""Turn files, PIL images and arrays into images: (H, W, 3) float32 in 0..1."""

import hashlib
import io
import logging
import re
import struct
import warnings
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from stylelab.base.files import printable
from stylelab.base.values import instance
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.images.colour import Conversion, find_conversion
from stylelab.images.formats import BY_PILLOW, HEAD, find_format, refusal

MOST_PIXELS = 100_000_000  # 1.2 GB as float32
MOST_BYTES = 20 * 2**20  # of an image file that is kept in memory; a photograph has 3 to 15 MB
BROKEN = (
    OSError, ValueError, TypeError, SyntaxError, EOFError, LookupError, ArithmeticError, RuntimeError, MemoryError, struct.error,
)  # fmt: skip
PAGES = {"TIFF": "pages", "GIF": "frames", "PNG": "frames", "WEBP": "frames", "AVIF": "frames"}
LOW_BYTES = {"16B": "16L", "16L": "16B", "16N": "16B"}  # Pillow keeps the high byte of a colour; this reads the other one
PngImagePlugin.MAX_TEXT_CHUNK = MOST_BYTES  # Pillow refuses a file with a profile of more than 1 MB, as printers have them
logging.getLogger("PIL").addHandler(logging.NullHandler())  # what is wrong with a file is said in one line, which is ours
TiffImagePlugin.OPEN_INFO.setdefault((TiffImagePlugin.MM, 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))  # as (II, 0, ...)


@dataclass(frozen=True)
class Opened:
    """An image that was opened, and what there is to say of it.

    >>> opened = images.open_with_notes("cat")
    >>> opened.image.shape, opened.notes, opened.name
    ((300, 451, 3), (), 'chelsea.png')

    Attributes:
        image: `(H, W, 3)` float32 in 0..1.
        notes: sentences about what a user may not expect, such as a part that is missing.
        sha256: of the file, if it is one.
        name: of the file, without its folder.
    """

    image: np.ndarray
    notes: tuple[str, ...] = ()
    sha256: str | None = None
    name: str = ""


@dataclass(frozen=True)
class ImageFile:
    """The content of an image file, uploaded or embedded in a settings file. Its name is used in messages only.

    >>> images.ImageFile("notes.txt", b"Dear diary").open()
    Traceback (most recent call last):
    stylelab.errors.InputError: 'notes.txt' is not an image: PNG, JPEG, WebP, HEIC, AVIF, GIF, TIFF and BMP can be opened

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
        """The image, `(H, W, 3)` float32 in 0..1.

        Raises:
            InputError: as `read`.
        """
        return self.read().image

    def read(self) -> Opened:
        """The image with notes, as from `read_image`. A file that NumPy saved can be opened too.

        Raises:
            InputError, MachineError: as `read_image`.
        """
        name = f"'{printable(self.name)}'"
        if not self.data.startswith(b"\x93NUMPY"):
            return read_image(io.BytesIO(self.data), name)
        try:
            with warnings.catch_warnings(action="ignore"):
                values = np.load(io.BytesIO(self.data), allow_pickle=False)
        except (*BROKEN, RecursionError) as error:
            raise _broken(name, error, "NumPy") from None
        return Opened(from_array(values), sha256=hashlib.sha256(self.data).hexdigest())


def read_image(source: "Path | BinaryIO", name: str) -> Opened:
    """The image in a file, upright; of several pages or frames, the first. The file is opened only once.

    Args:
        source: a path, or an open file.
        name: what messages call it.

    Raises:
        InputError: it is empty, not an image, broken, unreadable, or has more than 100 million pixels.
        MachineError: it is a HEIC image, and pi-heif is not installed.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                return read_image(file, name)
        except OSError as error:
            raise _broken(name, error) from None
    head = b""
    try:
        source.seek(0)
        head = source.read(HEAD)
        if not head:
            raise InputError(f"{name} is empty: copy it again")
        with warnings.catch_warnings(action="ignore"), _open(source, name, head) as image:
            opened = decode_image(image, name, source)
        source.seek(0)
        return replace(opened, sha256=hashlib.file_digest(source, "sha256").hexdigest())  # type: ignore[arg-type]
    except StylelabError:
        raise
    except UnidentifiedImageError:
        raise refusal(name, head) from None
    except Image.DecompressionBombError as error:
        raise _too_large(name, re.sub(r"\D*(\d+) pixels.*", r"\1", str(error))) from None
    except BROKEN as error:
        raise _broken(name, error, find_format(head)) from None


def _open(file: BinaryIO, name: str, head: bytes) -> Image.Image:
    """An image file with what Pillow does not read of it in `info`. Its pixels are decoded later, if they are not too many."""
    if find_format(head) == "HEIC":
        return _open_heic(file, name)
    image = Image.open(file, formats=BY_PILLOW)
    if image.format == "PNG":
        depth, colour_type = head[24:26]
        if colour_type == 0 and depth in (2, 4) and "transparency" in image.info:  # Pillow scales the greys, but not this one
            image.info["transparency"] *= 255 // (2**depth - 1)
        file.seek(8)
        while (kind := (chunk := file.read(8))[4:]) and kind not in (b"IDAT", b"IEND"):
            data = file.read(int.from_bytes(chunk[:4]) + 4)
            if kind == b"cICP" and len(data) >= 4:
                image.info["cicp"] = tuple(data[:4])
    elif image.format == "AVIF":
        file.seek(0)
        box = re.search(rb"colrnclx(..)(..)", file.read(2**16), re.DOTALL)
        if box:
            primaries, transfer = map(int.from_bytes, box.groups())
            image.info["nclx_profile"] = {"color_primaries": primaries, "transfer_characteristics": transfer}
    elif image.format == "BMP" and head[14] == 124 and head[70:74] == b"DEBM":  # version 5, with a profile of its own
        start, length = struct.unpack_from("<II", head, 126)
        file.seek(14 + start)
        image.info["icc_profile"] = file.read(min(length, MOST_BYTES))
    elif image.format == "TIFF":
        tags, raw = image.tag_v2, image.tile[0][0] == "raw"  # type: ignore[attr-defined]
        if 50706 in tags or head[8:10] == b"CR" or (tags.get(254) == 1 and 330 in tags):  # the first image is only a preview
            raise InputError(f"{name} is a raw camera image, which cannot be opened: save it as PNG or JPEG first")
        if tags.get(284) == 2 and raw and max(tags.get(258, (8,))) > 8:  # as read by Pillow, it would be noise
            raise UnidentifiedImageError
    return image


def _open_heic(file: BinaryIO, name: str) -> Image.Image:
    """The main image of a HEIC file, upright. Of its bits, eight are kept."""
    try:
        import pi_heif  # only here, since it takes a while
    except ImportError:
        raise MachineError(f"{name} is a HEIC image: run `pip install pi-heif` to open it, or save it as JPEG first") from None
    heic = pi_heif.open_heif(file)
    _check_pixels(heic.size, name)
    image = heic.to_pillow()
    image.info["images"] = len(heic)
    return image


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
        InputError: it is no PIL image, has no pixels or more than 100 million, or cannot be decoded.
    """
    instance("image", image, Image.Image, words="a PIL image")
    return decode_image(image, name).image


def decode_image(image: Image.Image, name: str, file: BinaryIO | None = None) -> Opened:
    """`from_image` with notes.

    Args:
        image, name: as for `from_image`.
        file: where the image comes from, which is read again if that gives more.
    """
    _check_pixels(image.size, name)
    notes, original = [], image
    try:
        with warnings.catch_warnings(action="ignore"):
            if (pages := PAGES.get(image.format or "")) and (count := _count_frames(image)) > 1:
                notes.append(f"{name} has {count} {pages}: the first is used")
            if (count := image.info.get("images", 1)) > 1:
                notes.append(f"{name} has {count} images: the main one is used")
            low = _low_bytes(image, file)
            try:
                image.load()
            except OSError:
                if file is None or image.format not in ("JPEG", "MPO"):
                    raise
                image, cut = _open_cut_off(file, name)
                notes.append(cut)
            image = _upright(image.convert("LA") if image.mode == "La" else image)
            conversion, note = find_conversion(image)
            notes += [f"{name}: {note}"] if note else []
            if image.mode[0] in "IF":
                values = _deep_grey(image, original, name, conversion)
            elif low is not None:
                values = _deep_colours(image, low, conversion)
            else:
                values = _colours(image, conversion)
            return Opened(values, tuple(notes))
    except InputError:
        raise
    except BROKEN as error:
        raise _broken(name, error, original.format or "") from None


def _check_pixels(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MOST_PIXELS:  # known from the header, before anything is decoded
        raise _too_large(name, width * height)
    if width * height == 0:
        raise InputError(f"{name} has no pixels: it is {width} x {height}")


def _too_large(name: str, pixels: object) -> InputError:
    return InputError(f"{name} has {pixels} pixels, more than {MOST_PIXELS // 10**6} million: make it smaller first")


def _broken(name: str, error: Exception, format: str = "") -> InputError:
    if isinstance(error, PermissionError):
        return InputError(f"{name} cannot be read: you have no permission")
    cause = printable(error or type(error).__name__, 80)
    kind = f"{format} image".strip()
    return InputError(f"{name} is a broken or truncated {kind} ({cause}): copy it again, or save it anew as PNG or JPEG")


def _count_frames(image: Image.Image) -> int:
    with suppress(*BROKEN):
        return getattr(image, "n_frames", 1)
    return 1


def _upright(image: Image.Image) -> Image.Image:
    with suppress(*BROKEN):  # a broken EXIF block says nothing about the pixels: leave them unturned
        return ImageOps.exif_transpose(image)
    return image


def _open_cut_off(file: BinaryIO, name: str) -> tuple[Image.Image, str]:
    """A JPEG that ends too early, and a note. The lost rows are grey, as viewers show them.

    Rows are missing from the first one on that depends on what stands after the end of the file.

    Raises:
        OSError: more than a quarter of it is missing, besides rows that are stored together.
    """
    file.seek(0)
    data, end = file.read(), b"\xff\xd9"
    image, other = (Image.open(io.BytesIO(data + rest + end), formats=["JPEG"]) for rest in (b"", b"\x5a\x33\xc6\x17" * 64))
    differs = np.asarray(image) != np.asarray(other)
    rows = differs.reshape(image.height, -1).any(axis=1)
    missing = image.height - int(rows.argmax()) if rows.any() else 0
    if missing > min(16 + image.height // 4, image.height // 2):
        raise OSError(f"the last {missing} of its {image.height} rows are missing")
    if not missing:
        return image, f"{name} lacks its end marker, but no part of the image"
    return image, f"{name} is cut off: something is missing in the last {missing} of its {image.height} rows"


def _low_bytes(image: Image.Image, file: BinaryIO | None) -> np.ndarray | None:
    """The low bytes of colours of 16 bits, `(H, W, 3)`, upright; None for an image of 8 bits."""
    if file is None or image.format not in ("PNG", "TIFF") or image.mode not in ("RGB", "RGBA"):
        return None
    tiles = image.tile  # type: ignore[attr-defined]
    args = [(tile.args,) if isinstance(tile.args, str) else tile.args for tile in tiles]  # such as ('RGB;16B', 0, 1)
    colours, _, order = args[0][0].partition(";")
    if colours not in ("RGB", "RGBA") or order not in LOW_BYTES:
        return None
    with Image.open(file, formats=[image.format]) as again:
        low = f"{colours};{LOW_BYTES[order]}"
        again.tile = [tile._replace(args=(low, *rest)) for tile, (_, *rest) in zip(tiles, args, strict=True)]
        return np.asarray(_upright(again))[..., :3]


def _colours(image: Image.Image, conversion: Conversion | None) -> np.ndarray:
    """An image of 8 bits per channel in sRGB, white behind transparent parts."""
    if image.has_transparency_data:
        image = image.convert("RGBA")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    if conversion is not None:
        image = conversion(image)
    if alpha is not None:
        image.putalpha(alpha)
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    values = np.asarray(image.convert("RGB")).astype(np.float32)
    return np.divide(values, 255, out=values)


def _deep_colours(image: Image.Image, low: np.ndarray, conversion: Conversion | None) -> np.ndarray:
    """An image of 16 bits per channel in sRGB, white behind transparent parts, from its high and its low bytes."""
    values = (np.asarray(image.convert("RGB"), np.float32) * 256 + low) / 65535
    if conversion is not None:
        values = conversion.deep(values)
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"), np.float32)[..., None] / 255
        values = alpha * values + 1 - alpha
    return values


def _deep_grey(image: Image.Image, original: Image.Image, name: str, conversion: Conversion | None) -> np.ndarray:
    """One channel of more than 8 bits (mode 'I', 'I;16', 'I;16B' or 'F') as grey in sRGB, white scaled to 1.

    White follows from the bit depth that the file states, or else is the smallest usual one that no value exceeds.
    `original` is the image as it was opened, because an upright copy of it has lost its format and its tags.
    """
    tags, mode, values = getattr(original, "tag_v2", {}), original.mode, np.asarray(image)
    bits, signed = tags.get(258, (16,))[0], tags.get(339, (1,))[0] == 2  # BitsPerSample, SampleFormat
    if mode == "I" and bits == 32 and not signed:
        values = values.view(np.uint32)  # Pillow takes them for signed
    values = values.astype(np.float32)
    if not np.isfinite(values).all() or values.min() < 0:
        raise InputError(f"{name} has values that are negative or not finite: rescale them to 0..1 first")
    if mode.startswith("I;16"):
        white = 2.0 ** min(bits, 16) - 1  # a TIFF file stores 12 bits in 16
    elif mode == "I" and (tags or original.format in ("PNG", "PPM")) and bits == 16:
        white = 2.0**15 - 1 if signed else 2.0**16 - 1
    else:
        scales = (1.0,) * (mode == "F") + (255.0, 65535.0, 2.0**31 - 1, 2.0**32 - 1)
        white = next((scale for scale in scales if values.max() <= scale), float(values.max()))
    grey = (values / np.float32(white)).clip(0, 1)[..., None]
    if tags.get(262) == 0:  # WhiteIsZero, which Pillow heeds up to 8 bits only
        grey = 1 - grey
    colours = np.repeat(grey, 3, axis=-1) if conversion is None else conversion.deep(grey)
    if isinstance(clear := original.info.get("transparency"), int):
        colours[values == clear] = 1
    return colours


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
