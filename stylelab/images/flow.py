"""How the images of a film move: optical flow, warping, and where both can be trusted. No framework is imported here.

A flow is `(H, W, 2)` float32 in pixels, rows first: what is at (y, x) of one image is at (y + flow[y, x, 0], x + flow[y, x, 1])
of the other.
"""

import numpy as np

from stylelab.base.values import check_axes, numbers
from stylelab.errors import InputError
from stylelab.images.io import resize
from stylelab.images.recolour import luminance

LARGEST = 256  # pixels of the long side at which a flow is estimated: at 256 x 192 it takes a second
WARPS = 5  # times that the estimate is linearised again, at each size


def optical_flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Where each pixel of the first image is in the second.

    >>> flow = images.optical_flow(cat, np.roll(cat, (2, -3), (0, 1)))
    >>> np.median(flow, (0, 1)).round()
    array([ 2., -3.], dtype=float32)

    Args:
        first, second: `(H, W, 3)` in 0..1, of one size. Only their luminance counts.

    Returns:
        `(H, W, 2)` float32 in pixels: rows down, columns to the right. Of images of more than 256 pixels it is estimated at
        that size and enlarged.

    Raises:
        InputError: not images, or not of one size.

    Source: Zach, Pock and Bischof 2007 (TV-L1), as in scikit-image.
    """
    from skimage.registration import optical_flow_tvl1  # late: it takes a second

    first, second = numbers(first, "first"), numbers(second, "second")
    check_axes(first.shape, "first", "(H, W, 3)")
    _check_same(first, second, "the first image", "the second")
    height, width = first.shape[:2]
    small = [luminance(resize(image, min(LARGEST, max(height, width)))) for image in (first, second)]
    if min(small[0].shape) < 2:
        return np.zeros((height, width, 2), np.float32)
    flow = np.stack(optical_flow_tvl1(*small, num_warp=WARPS, dtype=np.float32), axis=-1)
    return _resized(flow, (height, width))


def warp(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """An image moved: each pixel shows what is where its flow points to.

    With `flow = optical_flow(later, earlier)`, `warp(earlier, flow)` is the earlier image moved to where the later one is.

    >>> flow = np.zeros((40, 60, 2), np.float32)
    >>> flow[..., 1] = 3  # three pixels from the right
    >>> np.array_equal(images.warp(cat, flow)[:, :-3], cat[:, 3:])
    True

    Args:
        image: `(H, W, C)`, of any range.
        flow: `(H, W, 2)` in pixels, rows and columns.

    Returns:
        `(H, W, C)` float32: bilinear between pixels; beyond the border the border is repeated.

    Raises:
        InputError: the two do not have one size, or are not arrays of numbers.
    """
    image, flow = numbers(image, "image"), numbers(flow, "flow")
    check_axes(image.shape, "image", "(H, W, C)")
    check_axes(flow.shape, "flow", "(H, W, 2)")
    _check_same(image, flow, "image", "flow")
    (rows, columns), (height, width) = _target(flow), image.shape[:2]
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    top, left = rows.astype(int), columns.astype(int)
    down, right = (rows - top)[..., None].astype(np.float32), (columns - left)[..., None].astype(np.float32)
    bottom, end = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    upper = image[top, left] * (1 - right) + image[top, end] * right
    lower = image[bottom, left] * (1 - right) + image[bottom, end] * right
    return upper * (1 - down) + lower * down


def reliable(forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Where the later of two images shows what the earlier one shows too, and the flow can be trusted.

    Not where something has been uncovered: there the flow to the earlier image and the one back do not cancel. Not at the edge
    of a motion, where a flow is least exact. And not where the flow comes from outside the earlier image.

    >>> to_earlier = np.zeros((40, 60, 2), np.float32)
    >>> to_earlier[..., 1] = 3
    >>> mask = images.reliable(-to_earlier, to_earlier)
    >>> mask[:, :-3].all(), mask[:, -3:].any()
    (np.True_, np.False_)

    Args:
        forward: `(H, W, 2)`, `optical_flow(earlier, later)`.
        backward: `(H, W, 2)`, `optical_flow(later, earlier)`.

    Returns:
        `(H, W)` booleans, for the positions of the later image.

    Raises:
        InputError: these are not two flows of one size.

    Source: both tests of Ruder, Dosovitskiy and Brox 2016, after Sundaram, Brox and Keutzer 2010; that nothing is known beyond
        the border is ours.
    """
    forward, backward = numbers(forward, "forward"), numbers(backward, "backward")
    for name, flow in (("forward", forward), ("backward", backward)):
        check_axes(flow.shape, name, "(H, W, 2)")
    _check_same(forward, backward, "forward", "backward")
    warped = warp(forward, backward)
    lengths = _squared(warped) + _squared(backward)
    uncovered = _squared(warped + backward) >= 0.01 * lengths + 0.5
    changes = sum(_squared(np.gradient(backward, axis=axis)) for axis in (0, 1) if backward.shape[axis] > 1)
    edge = changes > 0.01 * _squared(backward) + 0.002
    outside = np.zeros_like(edge)
    for position, side in zip(_target(backward), backward.shape, strict=False):
        outside |= (position < -0.5) | (position > side - 0.5)
    return ~(uncovered | edge | outside)


def flicker(image: np.ndarray, warped: np.ndarray, mask: np.ndarray) -> float:
    """How much an image differs from the one before it in a film, apart from what has moved: 0 for a steady one.

    >>> images.flicker(cat, cat, np.ones((40, 60), bool))
    0.0

    Args:
        image: `(H, W, 3)` in 0..1.
        warped: `(H, W, 3)`, the image before it, moved to where this one is: see `warp`.
        mask: `(H, W)` booleans, as of `reliable`.

    Returns:
        Mean of the squared difference over the positions of the mask and all colours; 0 if there is none.

    Raises:
        InputError: the three do not have one size.

    Source: the temporal loss of Ruder, Dosovitskiy and Brox 2016, over the positions that count.
    """
    image, warped, mask = numbers(image, "image"), numbers(warped, "warped"), np.asarray(mask, bool)
    check_axes(image.shape, "image", "(H, W, 3)")
    check_axes(mask.shape, "mask", "(H, W)")
    _check_same(image, warped, "image", "warped")
    _check_same(image, mask, "image", "mask")
    difference = (image - warped)[mask]
    return float(np.square(difference).mean()) if difference.size else 0.0


def _target(flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows and the columns that a flow points to."""
    rows, columns = np.indices(flow.shape[:2])
    return rows + flow[..., 0], columns + flow[..., 1]


def _squared(flow: np.ndarray) -> np.ndarray:
    return np.square(flow).sum(-1)


def _resized(flow: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A flow for an image of another size, whose pixels are as many times as long."""
    if flow.shape[:2] == shape:
        return flow
    from skimage.transform import resize as stretch

    factors = np.array(shape, np.float32) / np.array(flow.shape[:2], np.float32)
    return (stretch(flow, (*shape, 2), order=1, mode="edge") * factors).astype(np.float32)


def _check_same(one: np.ndarray, other: np.ndarray, name: str, other_name: str) -> None:
    if one.shape[:2] != other.shape[:2]:
        sizes = [f"{array.shape[1]} x {array.shape[0]}" if array.ndim > 1 else str(array.shape) for array in (one, other)]
        raise InputError(f"{name} is {sizes[0]} but {other_name} is {sizes[1]}: give both in one size")
