"""What a network that paints in one pass is: its convolutions, and the code that tells it which style to paint.

An image goes down to a quarter of its size, through residual blocks, and up again; with it go waves, for strokes to begin at
where the image is even. Every convolution but the last is followed by instance normalisation, whose gains and biases are not the
network's but the style's (conditional instance normalisation). Last, the three channels are given the style's mean colour and the
covariance of its colours. Gains, biases and colours together are the style's code: codes can be mixed, and a new style needs no
more than a new code.

Sources: Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016; Ulyanov,
Vedaldi and Lempitsky, "Instance normalization", 2016; Dumoulin, Shlens and Kudlur, "A learned representation for artistic
style", ICLR 2017; Ghiasi et al., "Exploring the structure of a real-time, arbitrary neural artistic stylization network", 2017,
for codes that are read from the style image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from stylelab.base.values import number, several
from stylelab.errors import InputError

STYLE_LAYERS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")  # of the embedded encoder, the teacher
EPSILON = 1e-5  # added to a variance
COLOURS = 12  # the last numbers of a code: a matrix of 3 x 3, row by row, and the mean colour
STYLE_SIZE = 256  # pixels on the short side at which a style image is read
BAND = 2**16  # positions of an activation that a convolution is given at once
LEAST = 16  # pixels on the short side that a network is given
PLANES = 24  # waves of one length
STEPS = (0.8191725134, 0.6710436067, 0.5497004779)  # the fractions of their multiples fill a cube evenly (Roberts 2018)
TWICE = np.array(  # even and odd positions, twice as many: three positions before (rows), under each filter's three (columns)
    [[[3, 1, 0], [1, 3, 3], [0, 0, 1]], [[1, 0, 0], [3, 3, 1], [0, 1, 3]]], np.float32
) / 4  # fmt: skip

Weights = dict[str, np.ndarray]


@dataclass(frozen=True)
class Shape:
    """The convolutions of a network.

    >>> from stylelab import networks
    >>> kernels = networks.SHAPES["ordinary"].convolutions.values()
    >>> sum(filters * channels * side**2 for filters, channels, side in kernels)
    1674432

    Attributes:
        fold: a square of this many pixels in both directions is one position with as many channels, before the first
            convolution and, unfolded again, after the last.
        widths: channels at the first size, and at each half of it.
        blocks: residual blocks of two convolutions each, at the smallest size.
        kernel: side of the first and the last filters; all others are 3 x 3.
        waves: lengths in pixels of the waves that the first convolution is given besides the image.
    """

    fold: int
    widths: tuple[int, ...]
    blocks: int
    kernel: int
    waves: tuple[float, ...] = ()

    @property
    def convolutions(self) -> dict[str, tuple[int, int, int]]:
        """Filters, channels and side of the kernel of each, by name, in the order in which they are applied."""
        colours, deepest = 3 * self.fold**2, self.widths[-1]
        down = {f"down{i}": (self.widths[i], self.widths[i - 1], 3) for i in range(1, len(self.widths))}
        blocks = {f"block{i}{part}": (deepest, deepest, 3) for i in range(1, self.blocks + 1) for part in "ab"}
        up = {f"up{i}": (self.widths[i - 1], self.widths[i], 3) for i in range(len(self.widths) - 1, 0, -1)}
        first, last = (self.widths[0], colours + len(self.waves), self.kernel), (colours, self.widths[0], self.kernel)
        return {"first": first, **down, **blocks, **up, "last": last}

    @property
    def normalised(self) -> dict[str, int]:
        """The number of filters of each convolution that is normalised, by name; the last one is not."""
        return {name: filters for name, (filters, _, _) in self.convolutions.items() if name != "last"}

    @property
    def channels(self) -> int:
        """How many gains a code has, and as many biases."""
        return sum(self.normalised.values())

    @cached_property
    def spans(self) -> dict[str, tuple[slice, slice]]:
        """Where in a code the gains and the biases of each normalised convolution are, by its name."""
        ends = list(accumulate(self.normalised.values(), initial=0))
        gains = dict(zip(self.normalised, map(slice, ends, ends[1:]), strict=False))
        return {name: (gain, slice(gain.start + self.channels, gain.stop + self.channels)) for name, gain in gains.items()}

    @property
    def code(self) -> int:
        """How many numbers a code has, which are gains, biases and colours."""
        return 2 * self.channels + COLOURS

    @property
    def multiple(self) -> int:
        """Height and width of what the convolutions are given are multiples of this."""
        return self.fold * 2 ** (len(self.widths) - 1)

    def waves_along(self, height: int, width: int, start: tuple[float, float] = (0, 0)) -> tuple[np.ndarray, np.ndarray]:
        """The waves, as two factors: their product is, for each length, the sum of `PLANES` plane waves in all directions.

        Without them, even areas of an image would get the same marks everywhere, as nothing tells one position from the next
        (Ulyanov et al. 2016 give their network noise).

        >>> from stylelab import networks
        >>> y, x = networks.SHAPES["small"].waves_along(480, 640)
        >>> (y @ x).shape
        (4, 240, 320)

        Args:
            height, width: of the image in pixels, multiples of `fold`.
            start: row and column of its first pixel: elsewhere the waves are other ones.

        Returns:
            `(N, height / fold, 2 PLANES)` and `(N, 2 PLANES, width / fold)` float32; the product has mean 0 and variance 1.
        """
        along_y, along_x, phase = (part[..., None] for part in self.planes.transpose(1, 0, 2))  # (N, PLANES, 1)
        y = along_y * (start[0] + np.arange(0, height, self.fold)) + phase
        x = along_x * (start[1] + np.arange(0, width, self.fold))
        rows = np.concatenate([np.sin(y), np.cos(y)], 1).transpose(0, 2, 1)  # sin(y + x) = sin y cos x + cos y sin x
        columns = (2 / PLANES) ** 0.5 * np.concatenate([np.cos(x), np.sin(x)], 1)
        return rows.astype(np.float32), columns.astype(np.float32)

    @cached_property
    def planes(self) -> np.ndarray:
        """Radians a pixel down, radians a pixel to the right, and the phase of each length's plane waves, `(N, 3, PLANES)`."""
        index = np.arange(1, len(self.waves) * PLANES + 1).reshape(-1, PLANES)
        turn, phase, longer = (index * step % 1 for step in STEPS)
        radians = 2 * np.pi / (np.array(self.waves)[:, None] * (0.8 + 0.4 * longer))
        return np.stack([radians * np.sin(2 * np.pi * turn), radians * np.cos(2 * np.pi * turn), 2 * np.pi * phase], 1)

    def check(self, images: int | None, height: int | None, width: int | None, codes: int | None) -> None:
        """Raise InputError unless that many images of this size can be painted with that many codes. None is not yet known."""
        if any(side is not None and (side % self.multiple or side < LEAST) for side in (height, width)):
            raise InputError(
                f"images are {height} x {width} pixels: give multiples of {self.multiple}, at least {LEAST}; paint takes any size"
            )
        if codes not in (1, images):
            raise InputError(f"{codes} codes for {images} images: give one for all, or one for each")


SHAPES = {
    "small": Shape(fold=2, widths=(32, 64), blocks=7, kernel=3, waves=(16, 32, 64, 128)),
    "ordinary": Shape(fold=1, widths=(32, 64, 128), blocks=5, kernel=9),  # Johnson et al. 2016
}


@dataclass(frozen=True)
class Network:
    """What is known about a network before it is loaded.

    Attributes:
        name: what the user called it.
        shape: its convolutions.
        styles: the styles that it has a code for, in order; empty for a network that reads the code from any style image.
        path: its safetensors file; None before it is saved.
        source: how it was made.
    """

    name: str
    shape: Shape
    styles: tuple[str, ...] = ()
    path: Path | None = None
    source: str = ""


def colours_of(image: np.ndarray) -> np.ndarray:
    """The part of a code that needs no network: what gives three uncorrelated channels the colours of a style image.

    >>> from stylelab import networks
    >>> numbers = networks.colours_of(painting)
    >>> np.allclose(numbers[9:], painting.mean((0, 1)), atol=1e-5)
    True

    Args:
        image: `(H, W, 3)` in 0..1.

    Returns:
        `(12,)` float32: the symmetric square root of the colours' covariance, row by row, and their mean.
    """
    pixels = np.asarray(image, np.float64).reshape(-1, 3)
    values, vectors = np.linalg.eigh(np.cov(pixels.T, bias=True))
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.concatenate([root.ravel(), pixels.mean(0)]).astype(np.float32)


def plain_code(shape: Shape, colours: np.ndarray) -> np.ndarray:
    """The code of a network that has learned nothing: gains 1, biases 0, and these colours."""
    return np.concatenate([np.ones(shape.channels), np.zeros(shape.channels), colours]).astype(np.float32)


def mix(codes: "Sequence[np.ndarray]", blend: "Sequence[float] | None" = None) -> np.ndarray:
    """The code of a mixture of styles.

    >>> from stylelab import networks
    >>> networks.mix([np.array([0.0, 2.0]), np.array([4.0, 2.0])], [0.75, 0.25])
    array([1., 2.], dtype=float32)

    Args:
        codes: `(N,)` each.
        blend: their weights, which are divided by their sum; by default equal.

    Raises:
        InputError: no codes, not as many weights as codes, a negative one, or none above zero.
    """
    if not len(codes):
        raise InputError("no style is given: name at least one")
    given: Any = [1.0] * len(codes) if blend is None else several("blend", blend, "[0.7, 0.3]")
    weights = np.array([number("a weight of blend", weight, 0.0) for weight in given])
    if len(weights) != len(codes):
        raise InputError(f"blend has {len(weights)} weights for {len(codes)} styles: give as many")
    if not weights.sum() > 0:
        raise InputError("blend is all zero: give at least one style a weight")
    return np.tensordot(weights / weights.sum(), np.stack(codes), 1).astype(np.float32)


def read_size(style: np.ndarray) -> int:
    """The long side of a style image whose short side is `STYLE_SIZE`."""
    return round(STYLE_SIZE * max(style.shape[:2]) / min(style.shape[:2]))


def fit_size(image: np.ndarray, multiple: int) -> np.ndarray:
    """The image with its last rows and columns repeated until both sides are multiples, and at least `LEAST` pixels.

    >>> from stylelab import networks
    >>> networks.fit_size(np.zeros((17, 40, 3)), 4).shape
    (20, 40, 3)
    """
    margins = [(0, max(LEAST, -(-side // multiple) * multiple) - side) for side in image.shape[:2]]
    return np.pad(image, (*margins, (0, 0)), mode="edge") if image.size and any(more for _, more in margins) else image
