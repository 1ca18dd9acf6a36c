"""Style as a distance between two clouds of points: a point for each position, with a coordinate for each filter.

Activations are `(B, H, W, C)`, x of the generated and y of the style image, of any two sizes. A cloud is `(M, C)`. The losses of
the first half need only sums over positions; those of the second need the points.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.errors import InputError
from stylelab.recipes import (
    MMD,
    MOST_SAMPLES,
    BatchNorm,
    Histogram,
    Loss,
    MeanCovariance,
    NearestNeighbour,
    RelaxedEarthMover,
    Sliced,
    Wasserstein,
)
from stylelab.run.numerics import clouds
from stylelab.tensorflow.losses import Sums, distance, renew, statistics, sums, wide
from stylelab.tensorflow.tensors import as_tensor

PROCESSOR = "CPU:0"


def mmd_loss(
    activation: Tensor,
    target: Tensor,
    kernel: str = "polynomial",
    *,
    offset: float = 0.0,
    degree: int = 2,
    gamma: float | str | None = None,
    estimate: str = "biased",
    samples: int = 0,
    seed: int = 0,
) -> Tensor:
    """How far apart two clouds' means are, squared, in the space of a kernel's features: 0 when they match.

    >>> dark, light = sl.to_tensor(np.zeros((2, 2, 3))), sl.to_tensor(np.ones((3, 3, 3)))
    >>> float(sl.mmd_loss(dark, light, "linear"))
    3.0
    >>> float(sl.mmd_loss(dark, light, "polynomial"))
    9.0

    Args:
        activation: `(B, H, W, C)` of the generated image.
        target: `(B, H', W', C)` of the style image.
        kernel: 'linear' x.y; 'polynomial' (x.y + offset)^degree; 'gaussian' exp(-gamma |x - y|^2).
        offset, degree, gamma, estimate, samples, seed: as of `stylelab.recipes.MMD`; without a gamma it is 'median', and all
            positions are compared unless `samples` says how many.

    Returns:
        Scalar, 0 or more unless the estimate is 'unbiased' or 'linear', summed over the batch.

    Raises:
        InputError: the numbers of filters differ, an unknown kernel, or a number out of range.

    Source: Gretton et al. 2012; Li, Wang, Liu and Hou, 'Demystifying neural style transfer', IJCAI 2017. 'polynomial' is
        4 C^2 times Gatys' layer loss.
    """
    width = "median" if gamma is None else gamma
    return _compare(MMD(kernel, degree, offset, width, estimate, samples, seed), activation, target)


def batch_norm_loss(activation: Tensor, target: Tensor) -> Tensor:
    """How far two clouds' means and standard deviations are apart, filter by filter: 0 when they match.

    >>> dark, light = sl.to_tensor(np.zeros((2, 2, 3))), sl.to_tensor(np.ones((3, 3, 3)))
    >>> float(sl.batch_norm_loss(dark, light))
    1.0

    Args:
        activation: `(B, H, W, C)` of the generated image.
        target: `(B, H', W', C)` of the style image.

    Returns:
        Scalar, mean over the filters of (difference of means)^2 + (difference of deviations)^2, summed over the batch.

    Raises:
        InputError: the numbers of filters differ.

    Source: Li et al. 2017, section 4; the two numbers that AdaIN carries over (Huang and Belongie 2017).
    """
    return _compare(BatchNorm(), activation, target)


def covariance_loss(activation: Tensor, target: Tensor, *, relative: bool = True) -> Tensor:
    """How far two clouds' means and covariance matrices are apart: 0 when they match.

    >>> dark, light = sl.to_tensor(np.zeros((2, 2, 3))), sl.to_tensor(np.ones((3, 3, 3)))
    >>> float(sl.covariance_loss(dark, light, relative=False))
    3.0

    Args:
        activation: `(B, H, W, C)` of the generated image.
        target: `(B, H', W', C)` of the style image.
        relative: divide the sum over covariances by the target's own sum of squares, that over means by its trace.

    Returns:
        Scalar, sum of the squared differences, summed over the batch.

    Raises:
        InputError: the numbers of filters differ.

    Source: ours; the covariance is the Gram matrix of centred activations.
    """
    return _compare(MeanCovariance(relative), activation, target)


def wasserstein_loss(activation: Tensor, target: Tensor, *, relative: bool = False) -> Tensor:
    """How much work it takes to move the one cloud onto the other, if both were Gaussians: 0 when they match.

    >>> dark, light = sl.to_tensor(np.zeros((2, 2, 3))), sl.to_tensor(np.ones((3, 3, 3)))
    >>> round(float(sl.wasserstein_loss(dark, light)), 6)
    3.0

    Args:
        activation: `(B, H, W, C)` of the generated image.
        target: `(B, H', W', C)` of the style image.
        relative: divide by the trace of the target's covariance.

    Returns:
        Scalar, |m - m'|^2 + tr(A + B - 2 (A^1/2 B A^1/2)^1/2), the squared distance, summed over the batch.

    Raises:
        InputError: the numbers of filters differ.

    Source: Gelbrich 1990; after K. Crowson's 'style-transfer-pytorch', which averages over the C filters.
    """
    return _compare(Wasserstein(relative), activation, target)


def sliced_wasserstein_loss(activation: Tensor, target: Tensor, directions: Tensor) -> Tensor:
    """How far two clouds are apart along lines, point by point in their order there: 0 when they match.

    >>> dark, light = sl.to_tensor(np.zeros((2, 2, 3))), sl.to_tensor(np.ones((3, 3, 3)))
    >>> import tensorflow as tf
    >>> float(sl.sliced_wasserstein_loss(dark, light, tf.eye(3)))
    1.0

    Args:
        activation: `(B, H, W, C)` of the generated image.
        target: `(B, H', W', C)` of the style image. Of any number of positions: quantile functions are compared.
        directions: `(K, C)`, of length 1 each; `stylelab.recipes.Sliced` draws them at random.

    Returns:
        Scalar, mean over directions and points of the squared difference, summed over the batch.

    Raises:
        InputError: the numbers of filters differ.

    Source: Heitz, Vanhoey, Chambon and Belcour, 'A sliced Wasserstein loss for neural texture synthesis', CVPR 2021.
    """
    directions = as_tensor(directions, "directions", "(K, C)")
    return _compare(Sliced(len(directions)), activation, target, directions)


def histogram_loss(activation: Tensor, target: Tensor) -> Tensor:
    """How far an activation is from itself with the target's histogram, filter by filter: 0 when they match.

    >>> dark, light = sl.to_tensor(np.zeros((2, 2, 3))), sl.to_tensor(np.ones((3, 3, 3)))
    >>> float(sl.histogram_loss(dark, light))
    1.0

    Args:
        activation: `(B, H, W, C)` of the generated image.
        target: `(B, H', W', C)` of the style image.

    Returns:
        Scalar, mean squared difference of the sorted responses, which is that to `match_histogram` if both have as many
            positions; summed over the batch.

    Raises:
        InputError: the numbers of filters differ.

    Source: Risser, Wilmot and Barnes 2017, who take the sum.
    """
    return _compare(Histogram(), activation, target)


def match_histogram(activation: Tensor, target: Tensor) -> Tensor:
    """The activation with each filter's responses replaced by the target's of the same rank. No gradient passes.

    >>> colours = sl.match_histogram(sl.to_tensor(cat), sl.to_tensor(painting))
    >>> abs(float(sl.to_array(colours).mean() - painting.mean())) < 0.01
    True

    Args:
        activation: `(B, H, W, C)`.
        target: `(B, H', W', C)`.

    Returns:
        `(B, H, W, C)`; of equal responses the earlier position gets the smaller value. A target with another number of
            positions gives each rank the mean of the values that share it.

    Raises:
        InputError: the numbers of filters differ.

    Source: sort and place; Risser et al. 2017, section 4.
    """
    matched = []
    for one, other in zip(*_checked(activation, target), strict=True):
        values, wanted = tf.transpose(points(one)), tf.transpose(points(other))  # (C, M), (C, M')
        ranks = tf.argsort(tf.argsort(values, axis=1, stable=True), axis=1)
        placed = tf.gather(_ranked(tf.sort(wanted, axis=1), values.shape[1]), ranks, batch_dims=1)
        matched.append(tf.reshape(tf.transpose(placed), one.shape[1:]))
    return tf.stop_gradient(tf.stack(matched))


def nearest_neighbour_loss(activation: Tensor, target: Tensor, *, samples: int = 0, seed: int = 0) -> Tensor:
    """How far every point is from the nearest of the target's, by the angle between them: 0 when they match.

    >>> image = sl.to_tensor(cat)
    >>> abs(round(float(sl.nearest_neighbour_loss(image, image)), 5))
    0.0

    Args:
        activation: `(B, H, W, C)` of the generated image.
        target: `(B, H', W', C)` of the style image.
        samples: the most points that are drawn of each; 0 for all.
        seed: of the points drawn.

    Returns:
        Scalar in 0..2, mean over points of 1 - cos, with each cloud centred on its own mean; summed over the batch.

    Raises:
        InputError: the numbers of filters differ, or a number out of range.

    Source: Kolkin et al., 'Neural neighbor style transfer', 2022.
    """
    return _compare(NearestNeighbour(samples, seed), activation, target)


def nearest_neighbours(activation: Tensor, target: Tensor) -> Tensor:
    """Which of the target's positions has the most similar response to each of the activation's, by the angle between them.

    >>> image = sl.to_tensor(np.random.default_rng(0).uniform(size=(2, 3, 3)))
    >>> [int(index) for index in sl.nearest_neighbours(image, image)[0]]
    [0, 1, 2, 3, 4, 5]

    Args:
        activation: `(B, H, W, C)`.
        target: `(B, H', W', C)`.

    Returns:
        `(B, H W)` indices of positions, counted row by row; each cloud is centred on its own mean first.

    Raises:
        InputError: the numbers of filters differ.

    Source: as `nearest_neighbour_loss`. The cosines are computed in chunks.
    """
    images = zip(*_checked(activation, target), strict=True)
    pairs = [(_unit(points(one), True), _unit(points(other), True)) for one, other in images]
    return tf.stack([_nearest(one, other) for one, other in pairs])


def relaxed_emd_loss(activation: Tensor, target: Tensor, *, samples: int = 0, seed: int = 0) -> Tensor:
    """How far two clouds are apart, if each point moves to the nearest of the other cloud: 0 when they match.

    >>> image = sl.to_tensor(cat)
    >>> abs(round(float(sl.relaxed_emd_loss(image, image)), 5))
    0.0

    Args:
        activation: `(B, H, W, C)` of the generated image.
        target: `(B, H', W', C)` of the style image.
        samples: the most points that are drawn of each; 0 for all.
        seed: of the points drawn.

    Returns:
        Scalar in 0..2, the larger of the two mean cosine distances, there and back; summed over the batch.

    Raises:
        InputError: the numbers of filters differ, or a number out of range.

    Source: Kusner et al. 2015; Kolkin, Salavon and Shakhnarovich, 'Style transfer by relaxed optimal transport and
        self-similarity', CVPR 2019.
    """
    return _compare(RelaxedEarthMover(samples, seed), activation, target)


# losses that need only sums over positions


@statistics.register
def _(loss: MMD, activation: Any) -> Any:
    if "activation" in loss.needs:
        cloud = points(activation)
        drawn = _samples(loss, cloud.shape[0])
        return Cloud(cloud, drawn, clouds.width(_numbers(loss, tf.gather(cloud, drawn[1])), loss.gamma))
    own = sums(activation)
    return [None if part is None else part / _positions(own) for part in (own.total, own.gram)]


@distance.register
def _(loss: MMD, activation: Any, statistics: Any) -> Tensor:
    if isinstance(statistics, Cloud):
        x, y = _drawn(loss, points(activation), statistics)
        return _discrepancy(loss, x, y, statistics.width)
    own, (total, gram) = sums(activation), statistics
    means = 0.0 if own.total is None else _squares(own.total / _positions(own) - total)
    if loss.kernel == "linear" or loss.degree == 1:
        return means
    return _squares(own.gram / _positions(own) - gram) + 2 * loss.offset * means  # offset^2 cancels


@statistics.register
def _(loss: BatchNorm, activation: "Tensor | Sums") -> tuple[Tensor, Tensor]:
    return _mean_deviation(sums(activation))


@distance.register
def _(loss: BatchNorm, activation: "Tensor | Sums", statistics: tuple[Tensor, Tensor]) -> Tensor:
    mean, deviation = _mean_deviation(sums(activation))
    squared = tf.square(mean - statistics[0]) + tf.square(deviation - statistics[1])
    return tf.reduce_sum(tf.reduce_mean(squared, 1))


@statistics.register
def _(loss: MeanCovariance, activation: "Tensor | Sums") -> tuple[Tensor, ...]:
    mean, covariance = moments(activation)
    return mean, covariance, _size(mean, covariance), _size(mean, covariance, _squares(covariance))


@distance.register
def _(loss: MeanCovariance, activation: "Tensor | Sums", statistics: tuple[Tensor, ...]) -> Tensor:
    mean, covariance = moments(activation)
    means, covariances = _squares(mean - statistics[0]), _squares(covariance - statistics[1])
    if loss.relative:
        means, covariances = means / statistics[2], covariances / statistics[3]
    return means + covariances


@statistics.register
def _(loss: Wasserstein, activation: "Tensor | Sums") -> tuple[Tensor, ...]:
    mean, covariance = moments(activation)
    ridge = np.finfo(mean.dtype.as_numpy_dtype).eps * _trace(
        covariance
    )  # as much as rounding may have taken from its least eigenvalue
    with tf.device(PROCESSOR):
        mean, covariance, ridge, size = _in_double(mean, covariance, ridge, _size(mean, covariance))
        values, vectors = tf.linalg.eigh(covariance + ridge * _identity(covariance))
        root = tf.matmul(vectors * tf.sqrt(tf.maximum(values, 0))[:, None, :], vectors, transpose_b=True)  # A^1/2
        return mean, root, _trace(covariance), ridge, size


@distance.register
def _(loss: Wasserstein, activation: "Tensor | Sums", statistics: tuple[Tensor, ...]) -> Tensor:
    target, root, trace, ridge, size = statistics

    @tf.custom_gradient
    def work(*given: Tensor) -> tuple[Tensor, Any]:
        """With its gradient by hand: TensorFlow's would find the eigenvalues anew, and has more to trace."""
        with tf.device(PROCESSOR):
            mean, covariance = _in_double(*given)
            both = root @ (covariance + ridge * _identity(covariance)) @ root  # A^1/2 B A^1/2
            values, vectors = tf.linalg.eigh((both + tf.linalg.matrix_transpose(both)) / 2)
            roots, share = _root(values, 0), 1 / size if loss.relative else tf.ones_like(size)
            spread = _trace(covariance) + trace + 2 * root.shape[1] * ridge - 2 * tf.reduce_sum(roots)
            value = tf.cast(share * (_squares(mean - target) + tf.maximum(spread, 0)), given[0].dtype)

        def gradient(upstream: Tensor) -> tuple[Tensor, ...]:
            """That of the trace of (A^1/2 B A^1/2)^1/2 by B is half of A^1/2 (A^1/2 B A^1/2)^-1/2 A^1/2."""
            with tf.device(PROCESSOR):
                factor, turned = share * tf.cast(upstream, tf.float64), root @ vectors
                inverse = tf.math.divide_no_nan(tf.ones_like(roots), roots)[:, None, :]
                of_spread = _identity(covariance) - tf.matmul(turned * inverse, turned, transpose_b=True)
                of_mean, of_covariance = 2 * (mean - target), tf.where(spread > 0, of_spread, tf.zeros_like(of_spread))
                return tuple(tf.cast(factor * one, own.dtype) for one, own in zip((of_mean, of_covariance), given, strict=True))

        return value, gradient

    return work(*moments(activation))


def moments(activation: "Tensor | Sums") -> tuple[Tensor, Tensor]:
    """Mean `(B, C)` and covariance `(B, C, C)` of an activation over its positions, divided by their number."""
    own = sums(activation)
    mean = own.total / _positions(own)
    return mean, own.gram / _positions(own) - mean[:, :, None] * mean[:, None, :]


def _mean_deviation(own: Sums) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each filter, `(B, C)`. A deviation that is only rounding is 0."""
    mean, square = own.total / _positions(own), tf.linalg.diag_part(own.gram) / _positions(own)
    return mean, _root(square - tf.square(mean), 8 * np.finfo(mean.dtype.as_numpy_dtype).eps * tf.stop_gradient(square))


def _root(value: Tensor, least: "Tensor | float") -> Tensor:
    """The square root of what is above `least`, and 0 of the rest, where a root's gradient would be infinite."""
    above = value > least
    return tf.where(above, tf.sqrt(tf.where(above, value, tf.ones_like(value))), tf.zeros_like(value))


def _in_double(*matrices: Tensor) -> tuple[Tensor, ...]:
    """In float64, which not every GPU has: to be called on the CPU."""
    return tuple(tf.cast(each, tf.float64) for each in matrices)


def _on_processor(function: Any, *given: Tensor) -> Tensor:
    """`function(*given)`, it and its gradient on the CPU."""

    @tf.custom_gradient
    def run(*given: Tensor) -> tuple[Tensor, Any]:
        with tf.device(PROCESSOR), tf.GradientTape(persistent=True) as tape:
            tape.watch(given)
            value = function(*given)

        def gradient(upstream: Tensor) -> Any:
            with tf.device(PROCESSOR):
                return tape.gradient(value, given, upstream)

        return value, gradient

    return run(*given)


def _positions(own: Sums) -> Tensor:
    return tf.cast(own.positions, (own.total if own.gram is None else own.gram).dtype)


def _squares(differences: Tensor) -> Tensor:
    return tf.reduce_sum(tf.square(differences))


def _identity(matrix: Tensor) -> Tensor:
    return tf.eye(matrix.shape[-1], dtype=matrix.dtype)


def _trace(matrices: Tensor) -> Tensor:
    return tf.reduce_sum(tf.linalg.trace(matrices))


def _size(mean: Tensor, covariance: Tensor, value: Tensor | None = None) -> Tensor:
    """What to divide by: the trace of a covariance or another value; 1 for an image of one colour, where they are rounding."""
    trace = _trace(covariance)
    there = trace > 100 * np.finfo(mean.dtype.as_numpy_dtype).eps * _squares(mean)
    return tf.where(there, trace if value is None else value, tf.ones_like(trace))


# losses that need the points


@dataclass
class Cloud:
    """What the losses below keep of a style image.

    Attributes:
        points: `(M, C)`.
        drawn: at random: directions, or the positions that are looked at of the generated and of the style image.
        width: 1 / gamma of a Gaussian kernel.
    """

    points: Tensor
    drawn: "list[Tensor | tf.Variable]"
    width: float = 1.0


@statistics.register
def _(loss: Sliced, activation: Tensor) -> Cloud:
    cloud = points(activation)
    return Cloud(cloud, _tensors([clouds.directions(cloud.shape[1], loss.directions, loss.seed)]))


@distance.register
def _(loss: Sliced, activation: Tensor, statistics: Cloud) -> Tensor:
    (directions,) = statistics.drawn
    directions = tf.cast(directions, statistics.points.dtype)
    return _sorted_distance(tf.transpose(points(activation) @ directions), tf.transpose(statistics.points @ directions))


@statistics.register
def _(loss: Histogram, activation: Tensor) -> Cloud:
    return Cloud(points(activation), [])


@distance.register
def _(loss: Histogram, activation: Tensor, statistics: Cloud) -> Tensor:
    return _sorted_distance(tf.transpose(points(activation)), tf.transpose(statistics.points))


@statistics.register
def _(loss: NearestNeighbour, activation: Tensor) -> Cloud:
    cloud = points(activation)
    return Cloud(_unit(cloud, not isinstance(loss, RelaxedEarthMover)), _samples(loss, cloud.shape[0]))


@distance.register
def _(loss: NearestNeighbour, activation: Tensor, statistics: Cloud) -> Tensor:
    x, y = _drawn(loss, _unit(points(activation), True), statistics)
    return _to_nearest(x, y)


@distance.register
def _(loss: RelaxedEarthMover, activation: Tensor, statistics: Cloud) -> Tensor:
    x, y = _drawn(loss, _unit(points(activation), False), statistics)
    return tf.maximum(_to_nearest(x, y), _to_nearest(y, x))


@renew.register
def _(loss: MMD | Sliced | NearestNeighbour, statistics: Any, step: int) -> bool:
    if not isinstance(statistics, Cloud):
        return False
    number, filters = statistics.points.shape
    if isinstance(loss, Sliced):
        drawn = [clouds.directions(filters, loss.directions, loss.seed, step)]
    else:
        drawn = clouds.samples((loss.positions or number, number), loss.samples, loss.seed, step)
    for old, new in zip(statistics.drawn, drawn, strict=True):
        old.assign(new)
    return True


def points(activation: Tensor) -> Tensor:
    """One image's activation `(1, H, W, C)` as a cloud `(H W, C)`."""
    return tf.reshape(wide(activation), (-1, activation.shape[-1]))


def _checked(activation: Tensor, target: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Image by image, `(1, H, W, C)` and `(1, H', W', C)`."""
    activation = as_tensor(activation, "activation", "(B, H, W, C)")
    with _outside_graph(target):
        target = as_tensor(target, "target", "(B, H, W, C)")
    (batch, *_, filters), (other_batch, *_, other_filters) = activation.shape, target.shape
    if (batch, filters) != (other_batch, other_filters):
        raise InputError(f"activation is {tuple(activation.shape)} but target is {tuple(target.shape)}: use one layer")
    if 0 in (*activation.shape, *target.shape):
        raise InputError(f"activation is {tuple(activation.shape)} and target {tuple(target.shape)}: one has no positions")
    with _outside_graph(target):
        targets = [tf.cast(target[i : i + 1], activation.dtype) for i in range(batch)]
    return [activation[i : i + 1] for i in range(batch)], targets


def _outside_graph(tensor: Tensor) -> Any:
    """Where what is made of a tensor with numbers in it has numbers too, also while a graph is traced."""
    return tf.init_scope() if tf.inside_function() and hasattr(tensor, "numpy") else nullcontext()


def _compare(loss: Loss, activation: Tensor, target: Tensor, directions: Tensor | None = None) -> Tensor:
    """A described loss of two activations, summed over the batch; with directions in place of random ones."""
    values = []
    for one, other in zip(*_checked(activation, target), strict=True):
        number = one.shape[1] * one.shape[2]
        sized = loss.at_size(number, number)
        if "activation" not in loss.needs:  # their differences of large sums deserve doubles
            with _outside_graph(other), tf.device(PROCESSOR):
                own = statistics(sized, *_in_double(other))
            doubled = lambda one, loss=sized, own=own: tf.cast(distance(loss, *_in_double(one), own), one.dtype)  # noqa: E731
            values.append(_on_processor(doubled, one))
            continue
        with _outside_graph(other):
            own = statistics(sized, other)
        if directions is not None:
            if directions.shape[1] != one.shape[-1]:
                raise InputError(
                    f"directions are {tuple(directions.shape)} for {one.shape[-1]} filters: give a row of as many for each"
                )
            own.drawn = [tf.transpose(directions)]
        values.append(distance(sized, one, own))
    return tf.add_n(values)


def _samples(loss: "MMD | NearestNeighbour", number: int) -> "list[Tensor | tf.Variable]":
    """Positions of the generated image, and of a style image with that many."""
    most = max(loss.positions or number, number)
    if isinstance(loss, MMD) and not loss.samples and loss.estimate != "linear" and most > MOST_SAMPLES:
        raise InputError(f"{loss!r} compares each of {most} positions with each: give samples, at most {MOST_SAMPLES}")
    return _tensors(clouds.samples((loss.positions or number, number), loss.samples, loss.seed))


def _drawn(loss: "MMD | NearestNeighbour", cloud: Tensor, statistics: Cloud) -> tuple[Tensor, Tensor]:
    own, other = statistics.drawn
    if cloud.shape[0] != (loss.positions or statistics.points.shape[0]):
        raise InputError(f"{loss!r} draws from another number of positions than {cloud.shape[0]}: call its at_size first")
    return tf.gather(cloud, own), tf.gather(statistics.points, other)


def _tensors(arrays: list) -> "list[Tensor | tf.Variable]":
    """Variables, which `renew` can change; constants inside a graph, which cannot make any."""
    return [tf.constant(array) if tf.inside_function() else tf.Variable(array, trainable=False) for array in arrays]


def _numbers(loss: MMD, cloud: Tensor) -> np.ndarray:
    if not hasattr(cloud, "numpy"):
        raise InputError(f"the gamma of {loss!r} needs a target that is computed before, outside tf.function")
    return cloud.numpy()


def _discrepancy(loss: MMD, x: Tensor, y: Tensor, width: float) -> Tensor:
    """MMD^2 of two clouds, by the estimate that the loss asks for."""
    least = min(x.shape[0], y.shape[0])
    if loss.estimate != "biased" and least < 2:
        raise InputError(f"the estimate '{loss.estimate}' needs two positions of each image: choose 'biased'")
    if loss.estimate == "linear":  # each point is in one pair
        number = least // 2
        (x, other_x), (y, other_y) = ((cloud[:number], cloud[number : 2 * number]) for cloud in (x, y))
        pairs = ((x, other_x), (y, other_y), (x, other_y), (other_x, y))
        xx, yy, xy, yx = (_kernel(loss, tf.reduce_sum(a * b, 1), tf.reduce_sum(tf.square(a - b), 1), width) for a, b in pairs)
        return tf.reduce_mean(xx + yy - xy - yx)
    xx, yy, xy = (_kernel(loss, tf.matmul(a, b, transpose_b=True), _distances(a, b), width) for a, b in ((x, x), (y, y), (x, y)))
    if loss.estimate == "biased":
        return tf.reduce_mean(xx) + tf.reduce_mean(yy) - 2 * tf.reduce_mean(xy)
    own = [(tf.reduce_sum(matrix) - _trace(matrix)) / (matrix.shape[0] * (matrix.shape[0] - 1)) for matrix in (xx, yy)]
    return own[0] + own[1] - 2 * tf.reduce_mean(xy)


def _kernel(loss: MMD, products: Tensor, distances: Tensor, width: float) -> Tensor:
    """k(x, y) from x.y and |x - y|^2."""
    match loss.kernel:
        case "linear":
            return products
        case "polynomial":
            return (products + loss.offset) ** loss.degree
        case _:  # 'gaussian'
            return tf.exp(-distances / width)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """|x - y|^2 of all pairs."""
    squares = tf.reduce_sum(tf.square(x), 1)[:, None] + tf.reduce_sum(tf.square(y), 1)
    return tf.maximum(squares - 2 * tf.matmul(x, y, transpose_b=True), 0)


def _sorted_distance(values: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of two sets of rows, `(n, M)` and `(n, M')`, each in order of size: exact transport on a line."""
    order = tf.argsort(tf.stop_gradient(values), axis=1, stable=True)  # as the other framework orders equal ones
    values, target = tf.gather(values, order, batch_dims=1), tf.sort(target, axis=1)
    if values.shape == target.shape:
        return tf.reduce_mean(tf.square(values - target))
    own, other, shares = _shared_ranks(values, target.shape[1])
    squared = tf.square(tf.gather(values, own, axis=1) - tf.gather(target, other, axis=1))
    return tf.reduce_mean(tf.linalg.matvec(squared, shares))


def _ranked(target: Tensor, number: int) -> Tensor:
    """Sorted rows `(n, M')` as `(n, number)`: for each rank the mean of those that share it."""
    other, own, shares = _shared_ranks(target, number)
    values = tf.gather(target, other, axis=1) * (shares * number)
    return tf.transpose(tf.math.segment_sum(tf.transpose(values), own))


def _shared_ranks(rows: Tensor, other: int) -> tuple[Tensor, ...]:
    own, theirs, shares = clouds.shared_ranks(rows.shape[1], other)
    return tf.constant(own), tf.constant(theirs), tf.constant(shares, rows.dtype)


def _unit(cloud: Tensor, centred: bool) -> Tensor:
    """Points `(M, C)` brought to length 1, `(M, C + 1)`. One at 0 has no direction, and so gets one of its own."""
    mean_square = tf.reduce_mean(tf.reduce_sum(tf.square(tf.stop_gradient(cloud)), 1))
    rounding = (10 * np.finfo(cloud.dtype.as_numpy_dtype).eps) ** 2 * mean_square
    if centred:
        cloud = cloud - tf.reduce_mean(cloud, 0)
    square = tf.reduce_sum(tf.square(cloud), 1, keepdims=True)
    there = square > rounding
    unit = tf.where(there, cloud / tf.sqrt(tf.where(there, square, tf.ones_like(square))), tf.zeros_like(cloud))
    return tf.concat([unit, tf.cast(~there, cloud.dtype)], 1)


def _to_nearest(x: Tensor, y: Tensor) -> Tensor:
    """Mean cosine distance of the points x, of length 1, to the nearest of y."""
    return 1 - tf.reduce_mean(tf.reduce_sum(x * tf.gather(y, _nearest(x, y)), 1))


def _nearest(x: Tensor, y: Tensor) -> Tensor:
    """For each point of x, of length 1, the index of the point of y in the most similar direction."""
    x, y, rows, found = tf.stop_gradient(x), tf.stop_gradient(y), max(1, clouds.ENTRIES // y.shape[0]), []
    for start in range(0, x.shape[0], rows):
        with tf.control_dependencies(found[-1:]):  # a graph would hold all chunks at once
            found.append(tf.argmax(tf.matmul(x[start : start + rows], y, transpose_b=True), 1))
    return tf.concat(found, 0)
