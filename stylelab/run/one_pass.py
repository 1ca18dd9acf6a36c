"""Painting in one pass: the choice of a network, and the steps before and after it. No framework is imported here."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from stylelab import images
from stylelab.base.values import one_of
from stylelab.errors import InputError
from stylelab.images import Source
from stylelab.networks import COLOURS, NAMES, colours_of, find_network, mix
from stylelab.run.options import OnePassOptions

STATISTICS = "statistics"  # no network: the statistics of activations are moved, in closed form
FINE = 0.6  # of a large painting's fine part: with all of it, small marks cover the large strokes
LARGER = 3  # how many times as large a painting may be as the one whose strokes it takes over
Paint = Callable[[np.ndarray], np.ndarray]  # (H, W, 3) in 0..1 -> the same


def choose_network(styles: "Sequence[Source]", options: OnePassOptions) -> Any:
    """The network that paints these styles, or 'statistics'.

    Raises:
        InputError: there is no such network, no style, or not as many weights as styles.
    """
    if not styles:
        raise InputError("no style given: name at least one")
    mix([np.zeros(1)] * len(styles), options.blend)
    if options.network == "auto":
        six = find_network("six")
        if all(isinstance(style, str) and style in six.styles for style in styles):
            return six
        for style in styles:
            if isinstance(style, str | os.PathLike):
                images.find_image(style)
        return find_network("any")
    if str(options.network).isidentifier():
        one_of("network", options.network, ("auto", *NAMES, STATISTICS))
    return STATISTICS if options.network == STATISTICS else find_network(options.network)


def around(one_pass: Paint, options: OnePassOptions) -> Paint:
    """A pass with what belongs around it: the image is resized before, and keeps what is to be kept of it after."""

    def paint(image: np.ndarray) -> np.ndarray:
        if options.size is not None:
            image = images.resize(image, options.size)
        images.check_size(image, "the image")
        painted = one_pass(image) if options.network == STATISTICS else in_strokes(one_pass, image, options.strokes)
        if options.keep_colours == "luminance":
            painted = images.with_luminance(image, images.luminance(painted))
        return painted if options.strength == 1 else (image + np.float32(options.strength) * (painted - image)).astype(np.float32)

    return paint


def in_strokes(one_pass: Paint, image: np.ndarray, strokes: int) -> np.ndarray:
    """An image in strokes that are as wide a part of it when it is large as when it is small.

    A network's strokes have a width in pixels. So a smaller painting is enlarged, and gets the fine part of the large painting.

    Args:
        one_pass: paints an image of any size.
        image: `(H, W, 3)` in 0..1.
        strokes: long side in pixels; an image that is up to a seventh longer is painted as it is.

    Returns:
        `(H, W, 3)` float32 in 0..1.
    """
    painted, sides = one_pass(image), image.shape[:2]
    if max(sides) <= strokes * 8 // 7:
        return painted
    smaller = images.resize(image, max(strokes, -(-max(sides) // LARGER)))
    if min(smaller.shape[:2]) < 16:  # too narrow to be painted
        return painted
    painted -= images.fit(images.fit(painted, smaller.shape[:2]), sides)  # the fine part is left
    painted *= np.float32(FINE)
    painted += images.fit(in_strokes(one_pass, smaller, strokes), sides)
    return painted.clip(0, 1, out=painted)


def coloured(code: np.ndarray, image: np.ndarray, options: OnePassOptions) -> np.ndarray:
    """A style's code, with the image's own colours in it if those are to be matched."""
    return np.concatenate([code[:-COLOURS], colours_of(image)]) if options.keep_colours == "match" else code


def average(paintings: "Sequence[np.ndarray]", options: OnePassOptions) -> np.ndarray:
    """One image painted in several styles, averaged by their weights."""
    return mix([painting.ravel() for painting in paintings], options.blend).reshape(paintings[0].shape)
