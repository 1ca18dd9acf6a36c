"""Keep an image's colours: give them to another image, or change only how bright each pixel is.

Computed in float64; no framework is imported here. Source: Gatys, Bethge, Hertzmann and Shechtman, 'Preserving color in neural
artistic style transfer', arXiv 1606.05897, 2016.
"""

from typing import Any

import numpy as np

from stylelab.base.values import check_axes, numbers
from stylelab.errors import InputError

LUMINANCE = np.array([0.299, 0.587, 0.114])  # shares of red, green and blue; they add up to 1
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])  # of red, green, blue, in columns
NOISE = 1 / 255**2  # variance along an axis of colour that may be noise: a spread of one level of 8 bits


def match_colours(image: np.ndarray, target: np.ndarray, *, clip: bool = True) -> np.ndarray:
    """Give an image the mean colour of another and the same spread of colours, moving every pixel as little as possible.

    >>> red = images.match_colours(painting, cat * [1, 0.5, 0.5])
    >>> red.shape, bool(red[..., 0].mean() > red[..., 1].mean())
    ((64, 64, 3), True)

    Before the clip, mean and covariance are exactly the target's, and the mean squared move is the squared 2-Wasserstein
    distance of the two Gaussians. Colours that hardly spread along some axis, by less than a level of 8 bits, cannot be pulled
    apart without their noise: a grey image gets, for each brightness, the tint that is most likely there in the target.

    Args:
        image: `(H, W, 3)` in 0..1.
        target: `(H', W', 3)` in 0..1, of any size: the image whose colours are wanted.
        clip: whether to bring the colours into 0..1; without it, some may lie beyond.

    Returns:
        `(H, W, 3)` float32.

    Raises:
        InputError: something that is not an image.

    Source: Gatys et al. 2016, section 3, with the linear map of optimal transport (Monge) in place of Cholesky factors.
    """
    colours, wanted = _colours(image, "image"), _colours(target, "target")
    (centre, before), (goal, after) = _moments(colours), _moments(wanted)
    return _as_image((colours - centre) @ _monge_map(before, after) + goal, clip)


def colour_difference(image: np.ndarray, other: np.ndarray) -> float:
    """How different two images look: the mean distance of their pixels' colours in CIELAB, delta E of 1976.

    Of two colours side by side, an eye notices a distance of about 2.3 (Mahy, Van Eycken and Oosterlinck 1994).

    >>> white = np.ones((1, 1, 3))
    >>> round(images.colour_difference(white, 0 * white), 3), round(images.colour_difference(white, white * [1, 1, 0.97]), 2)
    (100.0, 3.88)

    Args:
        image, other: `(H, W, 3)` sRGB in 0..1, of one size.

    Returns:
        0 for images that are the same, 100 for black and white.

    Raises:
        InputError: something that is not an image, or two sizes.

    Source: CIE 15, 'Colorimetry', for the light D65; IEC 61966-2-1 for sRGB.
    """
    first, second = _colours(image, "image"), _colours(other, "other")
    if np.shape(image) != np.shape(other):
        raise InputError(f"images of {np.shape(image)} and {np.shape(other)}: give two of one size")
    return float(np.sqrt(np.square(_lab(first) - _lab(second)).sum(-1)).mean())


def _lab(colours: np.ndarray) -> np.ndarray:
    """sRGB in 0..1 as CIELAB."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    xyz = linear @ XYZ.T / XYZ.sum(1)  # white is at (1, 1, 1)
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def luminance(image: np.ndarray) -> np.ndarray:
    """How bright each pixel is: 0.299 red + 0.587 green + 0.114 blue.

    >>> images.luminance(np.ones((2, 3, 3)) * [0, 1, 0])[0]
    array([0.587, 0.587, 0.587], dtype=float32)

    Args:
        image: `(H, W, 3)` in 0..1.

    Returns:
        `(H, W)` float32 in 0..1.

    Raises:
        InputError: it is no image.

    Source: ITU-R BT.601, as Gatys et al. 2016, section 4, use it.
    """
    return (_colours(image, "image") @ LUMINANCE).astype(np.float32)


def with_luminance(image: np.ndarray, luminance: np.ndarray, *, clip: bool = True) -> np.ndarray:
    """The image with another luminance and its own chroma: each pixel's red, green and blue change by one and the same amount.

    >>> np.allclose(images.with_luminance(cat, images.luminance(cat)), cat)
    True

    Args:
        image: `(H, W, 3)` in 0..1.
        luminance: `(H, W)`, what `images.luminance` says of the result, except where it is clipped.
        clip: whether to bring the colours into 0..1; without it, some may lie beyond.

    Returns:
        `(H, W, 3)` float32.

    Raises:
        InputError: it is no image, or the luminance has another size.

    Source: Gatys et al. 2016, section 4. Rounded matrices from YIQ or YUV and back leave an error of a level of 8 bits; this has none.
    """
    colours, wanted = _colours(image, "image"), numbers(luminance, "luminance").astype(np.float64)
    if wanted.shape != colours.shape[:2]:
        raise InputError(f"luminance must be {colours.shape[:2]}, as the image is; got {wanted.shape}")
    return _as_image(colours + (wanted - colours @ LUMINANCE)[..., None], clip)


def _colours(image: Any, name: str) -> np.ndarray:
    colours = numbers(image, name)
    check_axes(colours.shape, name, "(H, W, 3)")
    if not colours.size:
        raise InputError(f"{name} has no pixels: {colours.shape}")
    return colours.astype(np.float64)


def _as_image(colours: np.ndarray, clip: bool) -> np.ndarray:
    return (colours.clip(0, 1) if clip else colours).astype(np.float32)


def _moments(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (3,) and covariance (3, 3) of all pixels."""
    pixels = colours.reshape(-1, 3)
    mean = pixels.mean(0)
    return mean, (pixels - mean).T @ (pixels - mean) / len(pixels)


def _monge_map(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The symmetric matrix A with A before A = after.

    Where the colours before hardly spread, both are taken to spread a little more, so that noise is not blown up; equal ones
    still give the identity.
    """
    spreads, axes = np.linalg.eigh(before)
    lacking = (axes * np.maximum(NOISE - spreads, 0)) @ axes.T
    before, after = before + lacking, after + lacking
    root, inverse = _power(before, 0.5), _power(before, -0.5)
    return inverse @ _power(root @ after @ root, 0.5) @ inverse


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a symmetric positive matrix; rounding may leave an eigenvalue just below 0."""
    values, axes = np.linalg.eigh(matrix)
    return (axes * np.maximum(values, 0) ** exponent) @ axes.T
