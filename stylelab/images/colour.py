"""What an image file says of its colours, and the way from there to sRGB.

A profile is judged by what it does, never by its name. What a file says without a profile (gAMA, cHRM and cICP of PNG, nclx of
HEIC and AVIF, Adobe RGB in EXIF) is made into one, so that littleCMS converts everything.
"""

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

Curve = Callable[[np.ndarray], np.ndarray]  # values in 0..1 -> light in 0..1

CLOSE = 2  # of 255: a profile that changes no colour by more is taken for sRGB, so that most files keep their numbers
BAND = 2**17  # pixels that are interpolated at a time
D50 = np.array([0.9642, 1.0, 0.8249])  # the white of every ICC profile
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # colour space of a profile -> the mode that its transform takes
D65 = (0.3127, 0.3290)
REC709 = (D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))  # (x, y) of white, red, green and blue
ADOBE = (D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PAPER_WHITE = 203  # cd/m2 of white paper in an HDR image, by ITU-R BT.2408

# Code points of ITU-T H.273, as cICP and nclx use them; what is not here is read as sRGB.
PRIMARIES = {
    1: REC709,
    5: (D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: (D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: (D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.314, 0.351), (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: (D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}


def _srgb(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _power(exponent: float) -> Curve:
    return lambda values: values**exponent


def _pq(values: np.ndarray) -> np.ndarray:
    root = values ** (1 / 78.84375)
    return 10000 / PAPER_WHITE * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)


def _hlg(values: np.ndarray) -> np.ndarray:
    scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    return 1000 / PAPER_WHITE * scene**1.2


CURVES: dict[int, Curve] = {4: _power(2.2), 5: _power(2.8), 8: _power(1), 16: _pq, 18: _hlg}
HDR = (16, 18)


@dataclass(frozen=True)
class Conversion:
    """The way from an image's colours to sRGB.

    Attributes:
        mode: what `transform` takes: 'RGB', 'L' or 'CMYK'. It gives 'RGB'.
    """

    mode: str
    transform: ImageCms.ImageCmsTransform

    def __call__(self, image: Image.Image) -> Image.Image:
        """An image of 8 bits in sRGB. It has no transparency."""
        if self.mode == "L" and image.mode not in ("1", "L"):
            image = image.convert("RGB").getchannel("R")  # it is grey: all three are the same
        return self.transform.apply(image if image.mode == self.mode else image.convert(self.mode))

    def deep(self, values: np.ndarray) -> np.ndarray:
        """Values of more than 8 bits in sRGB: each lies between colours of 8 bits, and is interpolated.

        Args:
            values: `(H, W, 1)` or `(H, W, 3)` float32 in 0..1.

        Returns:
            `(H, W, 3)` float32 in 0..1.
        """
        rows = max(1, BAND // values.shape[1])
        return np.concatenate([self._band(values[start : start + rows]) for start in range(0, len(values), rows)])

    def _band(self, values: np.ndarray) -> np.ndarray:
        scaled = values * np.float32(255)
        lower = np.minimum(scaled.astype(np.uint8), 254)
        result = base = self._floats(lower)
        for channel, fraction in enumerate(np.moveaxis(scaled - lower, -1, 0)):
            upper = lower.copy()
            upper[..., channel] += 1
            result = result + fraction[..., None] * (self._floats(upper) - base)
        return result.clip(0, 1)

    def _floats(self, colours: np.ndarray) -> np.ndarray:
        """The sRGB values, float32 in 0..1, of colours in 8 bits."""
        image = self(Image.fromarray(colours if colours.shape[-1] == 3 else colours[..., 0]))
        return np.asarray(image, np.float32) / np.float32(255)


def find_conversion(image: Image.Image) -> tuple[Conversion | None, str | None]:
    """How an image's colours become sRGB: None if they are sRGB already, or nothing usable is said of them.

    Args:
        image: as a file gave it, with its `info`. To what Pillow finds there, `decode` adds 'cicp' of PNG and 'nclx_profile'.

    Returns:
        The conversion, and a note if there is something that a user may not expect.
    """
    if image.mode == "LAB":  # which Pillow itself takes to sRGB
        return None, None
    without = f"so its colours are read {'without it' if image.mode == 'CMYK' else 'as sRGB'}"
    try:
        profile, note = _said(image)
        if profile is None:
            return None, note
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        mode = SPACES.get(space)
        fits = image.mode == "CMYK" if mode == "CMYK" else image.mode != "CMYK" and (mode == "RGB" or _is_grey(image))
        if mode is None or not fits:
            return None, f"its colour profile is for {space}, which its colours are not, {without}"
        conversion = Conversion(mode, ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB"))
        return (None if mode != "CMYK" and _changes_nothing(conversion) else conversion), note
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError):
        return None, f"its colour profile is broken, {without}"
    except ImportError:
        return None, f"this Pillow lacks littleCMS, {without}"


def _is_grey(image: Image.Image) -> bool:
    if image.mode[0] in "1LIF":
        return True
    red, green, blue = image.convert("RGB").split()
    return red.tobytes() == green.tobytes() == blue.tobytes()


def _changes_nothing(conversion: Conversion) -> bool:
    """Whether a conversion leaves colours from the whole range as they are, but for rounding.

    Raises:
        ValueError: it makes all of them black.
    """
    grid = np.linspace(0, 255, 16).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(64, 64, 3)
    if conversion.mode == "L":
        colours = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=-1)
    converted = np.asarray(conversion(Image.fromarray(colours)), int)
    if converted.max() < 128:
        raise ValueError
    return bool(np.abs(converted - colours).max() <= CLOSE)


def _said(image: Image.Image) -> tuple[bytes | None, str | None]:
    """The profile of an image, None for sRGB, and a note. Of several statements, the one counts that its format puts first.

    Source: PNG specification, third edition, section 4.3: cICP, then iCCP, sRGB, gAMA and cHRM.
    """
    info: dict[Any, Any] = image.info
    if "cicp" in info:
        return _of_code_points(*info["cicp"][:2])
    if "icc_profile" in info:
        if not info["icc_profile"]:  # Pillow found one that it could not put together
            raise ValueError
        return info["icc_profile"], None
    if nclx := info.get("nclx_profile"):
        return _of_code_points(nclx["color_primaries"], nclx["transfer_characteristics"])
    if "srgb" in info:
        return None, None
    if "gamma" in info or "chromaticity" in info:
        gamma = info.get("gamma", 1 / 2.2)
        if not 0.1 <= gamma <= 10:  # a slip of some program, by which all would be black or white
            raise ValueError
        curve = _srgb if abs(gamma - 1 / 2.2) < 0.01 else _power(1 / gamma)  # 1/2.2 is how a PNG file says sRGB
        given = info.get("chromaticity")
        return _make_profile(list(zip(given[::2], given[1::2], strict=True)) if given else REC709, curve), None
    with suppress(Exception):  # a broken EXIF block says nothing
        exif = image.getexif()
        interoperability = exif.get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex)
        if exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace) == 2 or interoperability == "R03":  # as cameras say it
            return _make_profile(ADOBE, _power(563 / 256)), None
    return None, None


def _of_code_points(primaries: int, transfer: int) -> tuple[bytes | None, str | None]:
    """The profile of an image that names its primaries and its curve by number.

    The curves of video (1, 6, 14, 15) describe a camera; on a screen such an image is shown as sRGB is.
    """
    if PRIMARIES.get(primaries, REC709) == REC709 and transfer not in CURVES:
        return None, None
    note = "it is an HDR image: what is brighter than white paper becomes white" if transfer in HDR else None
    return _make_profile(PRIMARIES.get(primaries, REC709), CURVES.get(transfer, _srgb)), note


def _make_profile(chromaticities: Any, curve: Curve) -> bytes:
    """An ICC profile of a screen.

    Args:
        chromaticities: (x, y) of white, red, green and blue.
        curve: from values to light, the same for all three.

    Raises:
        ArithmeticError, LinAlgError: the chromaticities are not those of three colours.
    """
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in chromaticities])
    white, colours = xyz[0], xyz[1:].T
    adaptation = np.linalg.solve(BRADFORD, np.diag(BRADFORD @ D50 / (BRADFORD @ white)) @ BRADFORD)
    colours = adaptation @ (colours * np.linalg.solve(colours, white))
    light = curve(np.linspace(0, 1, 4096)).clip(0, 1)
    tags = {
        name: b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * value) for value in column))
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colours.T, strict=True)
    }
    samples = np.round(65535 * light).astype(">u2").tobytes()
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), b"curv\0\0\0\0" + struct.pack(">I", len(light)) + samples)
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    head = struct.pack(">I4xI4s4s4s12x4s28x3i", start + len(body), 0x04300000, b"mntr", b"RGB ", b"XYZ ", b"acsp", *(
        round(65536 * value) for value in D50
    ))  # fmt: skip
    return head.ljust(128, b"\0") + table + body
