"""Regions of an image, from masks: one colour a region. In NumPy, so that both frameworks see the same positions.

Source: Gatys et al., 'Controlling perceptual factors in neural style transfer', CVPR 2017, section 4. A region's positions are
counted here, not weighted, and its statistics are divided by its own number of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from stylelab.base.files import printable
from stylelab.errors import InputError
from stylelab.images import Opened

MOST_REGIONS = 64
FLAT = 16  # a mask with more colours than this may have been blurred or saved as JPEG
NEAR = 60.0  # of 255: how far colours may then be from a region's own
MAIN = 0.002  # share of the pixels that a region has at least, of such a mask
GREY = 24  # how far red, green and blue may be apart in a mask of black and white


@dataclass(frozen=True)
class Region:
    """One region at one layer.

    Attributes:
        positions: of the generated image, counted row by row; at least one.
        share: of all of its positions.
        styles: number of a style image -> its positions; only of those that have the region.
    """

    positions: np.ndarray
    share: float
    styles: Mapping[int, np.ndarray]


@dataclass(frozen=True)
class Regions:
    """The regions of a content image and of its style images. Labels are `(H, W)` whole numbers; -1 is for no region.

    Attributes:
        content: labels of the content image, which need not have its size.
        styles: of each style image, or None if all of it is for every region.
        names: colours, such as '#ff0000', by label.
        kept: the label where the photograph stays as it is; None if it is painted everywhere.
    """

    content: np.ndarray
    styles: tuple["np.ndarray | None", ...]
    names: tuple[str, ...]
    kept: int | None = None

    def at(self, size: Sequence[int], style_sizes: Sequence[Sequence[int]]) -> list[Region]:
        """The regions at a layer that has (height, width) `size` for the content image, and those for the style images."""
        painted = [label for label in range(len(self.names)) if label != self.kept]
        own = positions(self.content, size, len(self.names))
        others = [
            dict.fromkeys(painted, np.arange(shape[0] * shape[1])) if labels is None else positions(labels, shape, len(self.names))
            for labels, shape in zip(self.styles, style_sizes, strict=True)
        ]  # fmt: skip
        return [
            Region(
                own[label],
                len(own[label]) / (size[0] * size[1]),
                {index: other[label] for index, other in enumerate(others) if len(other[label])},
            )
            for label in painted
        ]

    def painted(self, size: Sequence[int]) -> "np.ndarray | None":
        """Where an image of (height, width) `size` is painted; None for everywhere."""
        return None if self.kept is None else _resized(self.content, size) != self.kept


def positions(labels: np.ndarray, size: Sequence[int], number: int) -> dict[int, np.ndarray]:
    """Which positions of a map of (height, width) `size` belong to each region, counted row by row.

    A position belongs to the region that has most of the pixels behind it. A region that has most of none, but is in the image,
    gets the one position where its share is largest, which another region may have too.
    """
    shares = np.stack([_averages(labels == label, size).ravel() for label in range(-1, number)])
    owner = shares.argmax(0) - 1
    found = {}
    for label in range(number):
        own = np.flatnonzero(owner == label)
        found[label] = own if len(own) or not (labels == label).any() else shares[label + 1].argmax(keepdims=True)
    return found


def _averages(values: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Means over the rectangles into which a grid of (height, width) `size` divides an array `(H, W)`; parts of a pixel count."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0).astype(float)
        ends = np.linspace(0, len(values), size[axis] + 1)
        whole = np.minimum(ends.astype(int), len(values) - 1)
        sums = np.concatenate([np.zeros_like(values[:1]), values.cumsum(0)])
        below = sums[whole] + (ends - whole)[:, None] * values[whole]
        values = np.moveaxis(np.diff(below, axis=0) * size[axis] / len(values), 0, axis)
    return values


def _resized(labels: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Labels for (height, width) `size`, each that of the nearest pixel."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for old, new in zip(labels.shape, size, strict=True)
    )  # fmt: skip
    return labels[rows[:, None], columns]


@dataclass(frozen=True)
class Mask:
    """A mask that has been opened.

    Attributes:
        colours: `(H, W)`, 65536 red + 256 green + blue.
        name: what a message calls it, such as 'the content mask'.
    """

    colours: np.ndarray
    name: str

    @classmethod
    def of(cls, opened: Opened, name: str, image: np.ndarray, called: str) -> "Mask":
        """The mask of an image, as both were opened.

        Raises:
            InputError: they have different shapes.
        """
        (height, width), (own_height, own_width) = image.shape[:2], opened.image.shape[:2]
        scale = max(own_height, own_width) / max(height, width)
        if abs(own_height - scale * height) > max(1, scale) or abs(own_width - scale * width) > max(1, scale):
            raise InputError(
                f"{name} has {own_width} x {own_height} pixels and {called} {width} x {height}: "
                "draw the mask over the image, so that it has the same proportions"
            )
        levels = np.rint(opened.image * 255).astype(np.int32)
        return cls(levels @ np.array([65536, 256, 1], np.int32), name)


def find_regions(
    content: Mask, styles: "Sequence[Mask]", size: Sequence[int], style_sizes: Sequence[Sequence[int]], number: int
) -> tuple["Regions | None", tuple[str, ...]]:  # fmt: skip
    """The regions that masks say, and notes on them.

    Args:
        content: the mask of the content image; alone it is white where the style belongs, and black where the photograph stays.
        styles: a mask for each style image, or none at all.
        size: (height, width) of the content image in the run; `style_sizes` those of the style images.
        number: of style images.

    Returns:
        None if there is but one region, which is everywhere.

    Raises:
        InputError: a region without its like, or of which nothing is left at this size; too many of them.
    """
    if not styles:
        labels = _black_and_white(content)
        resized = _resized(labels, size)
        if not (resized == 1).any():
            raise InputError(f"{content.name} is black everywhere: paint white where the style belongs")
        if not (resized == 0).any():
            return None, ()
        return Regions(resized, (None,) * number, ("#000000", "#ffffff"), kept=0), ()
    names, (own, *others), notes = _match(content, styles)
    own, sizes = _resized(own, size), zip(others, style_sizes, strict=True)
    others = [_resized(labels, shape) for labels, shape in sizes]
    for label, name in enumerate(names):
        if not (own == label).any():
            raise InputError(_lost(name, content.name, size))
        if not any((labels == label).any() for labels in others):
            raise InputError(_lost(name, styles[0].name if len(styles) == 1 else "all style masks", style_sizes[0]))
    if len(names) == 1 and all((labels == 0).all() for labels in others):
        return None, notes
    return Regions(own, tuple(others), names), notes


def _lost(name: str, mask: str, size: Sequence[int]) -> str:
    return f"region {name} of {mask} has no pixel left at {size[1]} x {size[0]} pixels: choose a larger size, or draw it larger"


def _match(content: Mask, styles: Sequence[Mask]) -> tuple[tuple[str, ...], list[np.ndarray], tuple[str, ...]]:
    """Names of the content mask's regions; the labels of it and of the style masks; notes."""
    masks = (content, *styles)
    colours = [np.unique(mask.colours) for mask in masks]
    there = np.unique(np.concatenate(colours[1:]))
    main, notes = colours[0], []
    missing = [colour for colour in main if colour not in there]
    if len(missing) or len(main) > MOST_REGIONS:
        if len(main) <= FLAT and all(len(own) <= FLAT for own in colours):
            raise InputError(
                f"region {_name(missing[0])} of {content.name} is in no style mask: give it to a style, or another colour to the region"
            )
        main = _main_colours(content)
        if len(main) > MOST_REGIONS:
            raise InputError(f"{content.name} has {len(colours[0])} colours: save it as PNG, in one flat colour for each region")
        notes.append(
            f"{content.name} has {len(colours[0])} colours: taken as {', '.join(map(_name, main))}, whichever is nearest"
        )
        lost = [colour for colour in main if not any(_nearest(mask, main, colour) for mask in styles)]
        if lost:
            raise InputError(
                f"region {_name(lost[0])} of {content.name} is in no style mask: save masks as PNG, in one flat colour for each region"
            )
        labels = [_label(mask, main, NEAR) for mask in masks]
        labels[0] = _label(content, main, np.inf)
    else:
        labels = [_label(mask, main, 0) for mask in masks]
    for mask, own, known in zip(masks[1:], labels[1:], colours[1:], strict=True):
        if (own < 0).any() and not notes:
            unknown = next(colour for colour in known if colour not in main)
            notes.append(f"region {_name(unknown)} of {mask.name} is not in {content.name}: it is left out")
    return tuple(map(_name, main)), labels, tuple(notes)


def _nearest(mask: Mask, main: np.ndarray, colour: int) -> bool:
    return bool((_label(mask, main, NEAR) == list(main).index(colour)).any())


def _main_colours(mask: Mask) -> np.ndarray:
    """The commonest colours, none of them near another."""
    colours, counts = np.unique(mask.colours, return_counts=True)
    main: list[int] = []
    for index in np.argsort(-counts, kind="stable"):
        if counts[index] < MAIN * mask.colours.size or len(main) > MOST_REGIONS:
            break
        if not main or _distances(colours[index : index + 1], np.array(main)).min() > NEAR:
            main.append(int(colours[index]))
    return np.array(main or [int(colours[counts.argmax()])])


def _label(mask: Mask, main: np.ndarray, most: float) -> np.ndarray:
    """For each pixel the number of the nearest main colour, or -1 if that is further than `most`."""
    colours, where = np.unique(mask.colours, return_inverse=True)
    distances = _distances(colours, main)
    labels = np.where(distances.min(1) <= most, distances.argmin(1), -1)
    return labels[where].reshape(mask.colours.shape)


def _distances(colours: np.ndarray, main: np.ndarray) -> np.ndarray:
    return np.linalg.norm(_levels(colours)[:, None] - _levels(main), axis=-1)


def _levels(colours: np.ndarray) -> np.ndarray:
    """Red, green and blue in 0..255, along a last axis."""
    return np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(float)


def _name(colour: int) -> str:
    return f"#{int(colour):06x}"


def _black_and_white(mask: Mask) -> np.ndarray:
    """1 where a mask is white, 0 where it is black."""
    levels = _levels(np.unique(mask.colours))
    coloured = levels.max(1) - levels.min(1) > GREY
    if coloured.any():
        found = printable(_name(np.unique(mask.colours)[coloured][0]))
        raise InputError(f"{mask.name} has the colour {found}: without a style mask it must be black and white; add one")
    return (_levels(mask.colours).mean(-1) >= 128).astype(int)
