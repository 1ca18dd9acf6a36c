"""Style in one step: maps that give an activation the mean and the covariance of another, in closed form.

All three are x' = A (x - m) + m', with m the content's mean and m' the style's. `adain` rescales each channel; the other two
give the whole covariance. A covariance S' is reached by every A = S'^1/2 Q S^-1/2 with Q orthogonal: `whiten_and_colour` takes
no rotation, `optimal_transport_map` the one that moves the points least. No gradient passes.
"""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.errors import InputError
from stylelab.tensorflow.clouds import PROCESSOR, _in_double
from stylelab.tensorflow.losses import wide
from stylelab.tensorflow.tensors import as_tensor

CHUNK = 2**15  # positions that are in float64 at a time, so that a large image needs little more memory than itself


def adain(content: Tensor, style: Tensor) -> Tensor:
    """The content's activation with each channel's mean and standard deviation replaced by the style's.

    >>> moved = sl.adain(sl.to_tensor(cat), sl.to_tensor(painting))
    >>> np.allclose(sl.to_array(moved).std((0, 1)), painting.std((0, 1)), atol=1e-5)
    True

    Args:
        content: `(B, H, W, C)`.
        style: `(B, H', W', C)`.

    Returns:
        `(B, H, W, C)`. A channel without spread in the content becomes the style's mean.

    Raises:
        InputError: the numbers of channels differ, or an activation is empty or holds NaN.

    Source: Huang and Belongie, 'Arbitrary style transfer in real-time with adaptive instance normalization', ICCV 2017,
        equation 8, with the biased deviation and without their epsilon, so that it is exact.
    """

    def rescale(x: "Points", y: "Points") -> Callable[[Tensor], Tensor]:
        own, wanted = x.variance(), y.variance()
        spread = own > x.rounding
        factor = tf.where(spread, tf.sqrt(wanted / tf.where(spread, own, tf.ones_like(own))), tf.zeros_like(own))
        return lambda centred: centred * factor

    return _moved(content, style, rescale)


def whiten_and_colour(content: Tensor, style: Tensor) -> Tensor:
    """The content's activation made uncorrelated, and given the mean and the covariance of the style's.

    >>> moved = sl.whiten_and_colour(sl.to_tensor(cat), sl.to_tensor(painting))
    >>> np.allclose(np.cov(sl.to_array(moved).reshape(-1, 3).T), np.cov(painting.reshape(-1, 3).T), atol=1e-4)
    True

    Args:
        content: `(B, H, W, C)`.
        style: `(B, H', W', C)`.

    Returns:
        `(B, H, W, C)`, S'^1/2 S^-1/2 (x - m) + m'. Directions in which the content has no spread become the style's mean.

    Raises:
        InputError: the numbers of channels differ, or an activation is empty or holds NaN.

    Source: Li et al., 'Universal style transfer via feature transforms', NeurIPS 2017, equations 1 and 2.
    """

    def recolour(x: "Points", y: "Points") -> Callable[[Tensor], Tensor]:
        _, inverse = x.roots()
        wanted, _ = y.roots()
        matrix = wanted @ inverse
        return lambda centred: tf.matmul(centred, matrix, transpose_b=True)

    return _moved(content, style, recolour)


def optimal_transport_map(content: Tensor, style: Tensor) -> Tensor:
    """The content's activation with the style's mean and covariance, every point moved as little as that allows.

    >>> x, y = sl.to_tensor(cat), sl.to_tensor(painting)
    >>> squares = (sl.to_array(sl.optimal_transport_map(x, y)) - cat) ** 2
    >>> bool(abs(squares.sum(2).mean() - float(sl.wasserstein_loss(x, y))) < 1e-5)
    True

    Args:
        content: `(B, H, W, C)`.
        style: `(B, H', W', C)`.

    Returns:
        `(B, H, W, C)`, A (x - m) + m' with A = S^-1/2 (S^1/2 S' S^1/2)^1/2 S^-1/2. Directions in which the content has no
            spread become the style's mean.

    Raises:
        InputError: the numbers of channels differ, or an activation is empty or holds NaN.

    Source: the Monge map between two Gaussians; Peyré and Cuturi, 'Computational optimal transport', 2019, equation 2.40.
        For style transfer: Lu et al., 'A closed-form solution to universal style transfer', ICCV 2019.
    """

    def transport(x: "Points", y: "Points") -> Callable[[Tensor], Tensor]:
        root, inverse = x.roots()
        wanted, _ = y.roots()
        # A is S'^1/2 Q S^-1/2 with Q the rotation in S'^1/2 S^1/2, which is rounded far less than the root of a product
        values, left, right = tf.linalg.svd(wanted @ root)  # of which `right` is V, not its transpose
        there = tf.cast(values > len(values) * np.finfo(np.float64).eps * values[0], values.dtype)
        matrix = wanted @ tf.matmul(left * there, right, transpose_b=True) @ inverse
        return lambda centred: tf.matmul(centred, matrix, transpose_b=True)

    return _moved(content, style, transport)


class Points:
    """One image's activation `(1, H, W, C)` as points `(M, C)`, which are read in float64, some positions at a time."""

    def __init__(self, activation: Tensor, name: str):
        self.values = tf.reshape(wide(tf.stop_gradient(activation)), (-1, activation.shape[-1]))
        self.number = self.values.shape[0]
        self.mean = tf.add_n([tf.reduce_sum(part, 0) for part in self.parts()]) / self.number  # (C,)
        if not np.isfinite(self.mean).all():
            raise InputError(f"{name} holds NaN or infinity: compute it again")
        eps = max(np.finfo(self.values.dtype.as_numpy_dtype).eps, 1e-14)
        self.rounding = tf.square(4 * eps * self.mean)  # (C,), a variance below which a channel has one value

    def parts(self) -> Iterator[Tensor]:
        """`(m, C)` in float64, in order."""
        for start in range(0, self.number, CHUNK):
            yield from _in_double(self.values[start : start + CHUNK])

    def variance(self) -> Tensor:
        """`(C,)`, biased."""
        return tf.add_n([tf.reduce_sum(tf.square(part - self.mean), 0) for part in self.parts()]) / self.number

    def roots(self) -> tuple[Tensor, Tensor]:
        """The square root of the covariance, and its inverse where there is spread; `(C, C)`, both symmetric."""
        centred = (part - self.mean for part in self.parts())
        covariance = tf.add_n([tf.matmul(part, part, transpose_a=True) for part in centred]) / self.number
        values, vectors = tf.linalg.eigh(covariance)
        least = tf.reduce_sum(self.rounding) + len(values) * np.finfo(np.float64).eps * values[-1]
        spread, none = values > least, tf.zeros_like(values)
        roots = tf.sqrt(tf.where(spread, values, tf.ones_like(values)))
        both = (vectors * tf.where(spread, roots, none), vectors * tf.where(spread, 1 / roots, none))
        root, inverse = (tf.matmul(scaled, vectors, transpose_b=True) for scaled in both)
        return root, inverse


def _moved(content: Tensor, style: Tensor, between: Callable[[Points, Points], Callable[[Tensor], Tensor]]) -> Tensor:
    """Every image's points, moved around their mean by what `between` makes of the two images, and put around the style's."""
    content, style = as_tensor(content, "content", "(B, H, W, C)"), as_tensor(style, "style", "(B, H, W, C)")
    shapes = f"content is {tuple(content.shape)} but style is {tuple(style.shape)}"
    if (content.shape[0], content.shape[-1]) != (style.shape[0], style.shape[-1]):
        raise InputError(f"{shapes}: take both from one layer")
    if 0 in (*content.shape, *style.shape):
        raise InputError(f"{shapes}: one has no positions")
    moved = []
    with tf.device(PROCESSOR):
        for one, other in zip(content, style, strict=True):
            x, y = Points(one[None], "content"), Points(other[None], "style")
            move = between(x, y)
            parts = [tf.cast(move(part - x.mean) + y.mean, content.dtype) for part in x.parts()]
            moved.append(tf.reshape(tf.concat(parts, 0), one.shape))
    with tf.device(content.device):
        return tf.stack(moved)
