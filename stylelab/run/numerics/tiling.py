"""Large images in tiles: which tiles, and how far each must look beyond its own edge.

A Gram matrix is a sum over positions, so it can be summed tile by tile, and so can the gradient, exactly. The network
runs in stages. What leaves a stage is kept for the whole image (after two poolings it is small); what happens inside a
stage is kept only for the current tile. A tile contributes its core. Around the core lies a halo, as wide as the
stage's convolutions reach, which is read but not counted. Cores begin and end at multiples of 16 pixels, so that poolings
cover the same pixels as in the whole image. Boxes are in pixels of the image, whatever the stage. No framework is imported.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stylelab.base.values import shown, whole
from stylelab.encoders import trunk
from stylelab.errors import InputError

GRID = 16  # pixels to one position of the deepest block, conv5
BLOCKS = ((1, 2), (3,), (4,), (5,))  # a stage each. After the first a position is 4 x 4 pixels, and activations are small
WIDER = 2  # times the side: tiles of deeper stages, which have fewer positions and a wider halo


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels; `bottom` and `right` are the first that lie outside."""

    top: int
    bottom: int
    left: int
    right: int

    def at(self, stride: int, origin: "Box | None" = None) -> tuple[slice, slice]:
        """Rows and columns of this box in a layer of that stride, counted from the corner of `origin`."""
        top, left = (origin.top // stride, origin.left // stride) if origin else (0, 0)
        return (
            slice(self.top // stride - top, self.bottom // stride - top),
            slice(self.left // stride - left, self.right // stride - left),
        )


@dataclass(frozen=True)
class Tile:
    """One piece of work: `core` is the part of the image that it contributes, `outer` the part that it reads."""

    core: Box
    outer: Box

    def crop(self, layer: str) -> tuple[slice, slice]:
        """Where the core lies in a layer's activation of `outer`."""
        return self.core.at(stride(layer), self.outer)

    def region(self, layer: str) -> tuple[slice, slice]:
        """Where the core lies in a layer's activation of the whole image."""
        return self.core.at(stride(layer))


@dataclass(frozen=True)
class Stage:
    """A run of layers between two poolings. What leaves it is pooled, except at the network's end.

    Attributes:
        layers: in order.
        pooled: whether a stage follows.
    """

    layers: tuple[str, ...]
    pooled: bool

    @property
    def stride(self) -> int:
        """Pixels to a position of what enters the stage."""
        return stride(self.layers[0])

    @property
    def wider(self) -> int:
        """How many times larger the side of this stage's tiles is."""
        return 1 if self.stride == 1 else WIDER


def stride(layer: str) -> int:
    """Pixels to a position of a layer, along either side: 1 in the first block, twice as many after each pooling."""
    return 2 ** (int(layer[4]) - 1)


def stages(layers: Iterable[str]) -> list[Stage]:
    """The trunk that reaches the deepest of `layers`, cut after the second, third and fourth block."""
    run = trunk(layers)
    parts = [tuple(layer for layer in run if int(layer[4]) in blocks) for blocks in BLOCKS]
    parts = [part for part in parts if part]
    return [Stage(part, pooled=part is not parts[-1]) for part in parts]


def halo(layers: Iterable[str]) -> int:
    """How many pixels beyond its core a tile must read for these layers, rounded up to a multiple of 16.

    Each 3 x 3 convolution reaches one position further. A pooling does not, as cores end between its squares.
    """
    return _up(sum(stride(layer) for layer in layers))


def tiles(height: int, width: int, side: int, stage: Stage) -> list[Tile]:
    """Cores that cover an image once, row by row, each with its halo, which ends at the image's border.

    Args:
        height, width: of the image, at least 16.
        side: of a core in pixels, rounded to a multiple of 16; cores have equal sides, except
            that the last of a row or column also takes the remaining pixels, 15 at most.
        stage: from `stages`; its tiles are `stage.wider` times as large.

    Raises:
        InputError: the side is not a number of pixels.
    """
    reach = halo(stage.layers)
    rows, columns = (_cuts(length, stage.wider * whole_side(side)) for length in (height, width))
    return [
        Tile(
            Box(top, bottom, left, right),
            Box(max(0, top - reach), min(height, bottom + reach), max(0, left - reach), min(width, right + reach)),
        )
        for top, bottom in rows
        for left, right in columns
    ]


def whole_side(side: int) -> int:
    """A tile's side rounded to a multiple of 16.

    Raises:
        InputError: the side is not a number of pixels.
    """
    try:
        return max(GRID, round(whole("tile", side, 1) / GRID) * GRID)
    except InputError:
        raise InputError(f"tile is {shown(side)}: give its side in pixels, a multiple of {GRID}") from None


def _cuts(length: int, side: int) -> list[tuple[int, int]]:
    units = max(1, length // GRID)
    count = -(-units // (side // GRID))
    each = -(-units // count) * GRID
    edges = [*range(0, units * GRID, each), length]
    return list(zip(edges[:-1], edges[1:], strict=True))


def _up(pixels: int) -> int:
    return -(-pixels // GRID) * GRID
