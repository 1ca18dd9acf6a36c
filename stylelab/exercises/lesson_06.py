"""Lesson 06: how far apart two clouds of points are, a point for each position: by a kernel, by moments, by the work of a move."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.common import (
    activation_shape,
    cloud,
    kernel_matrix,
    matrix_root,
    moments,
    number,
    random_activation,
    vanishes,
)


def _pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Activations of one image each, of the same filters and of different sizes; the target responds more."""
    _, height, width, filters = activation_shape(rng)
    return random_activation(rng, (1, height, width, filters)), 0.4 + random_activation(rng, (1, 7, 2, filters))


def _moved(rng: np.random.Generator, activation: np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The same points at other positions."""
    return rng.permutation(cloud(activation)).reshape(shape or activation.shape)


def _few(rng: np.random.Generator, activation: np.ndarray) -> np.ndarray:
    """Two positions of these filters: fewer than filters."""
    return random_activation(rng, (1, 1, 2, activation.shape[3]))


def _dead(rng: np.random.Generator, activation: np.ndarray) -> np.ndarray:
    """The activation, with a filter that does not respond."""
    silent = activation.copy()
    silent[..., rng.integers(silent.shape[3])] = 0
    return silent


def _step(rng: np.random.Generator, filters: int) -> np.ndarray:
    """A vector that all points are moved by."""
    return rng.uniform(0.4, 1.2, filters).astype(np.float32)


def _nearly(rng: np.random.Generator, activation: np.ndarray) -> np.ndarray:
    """With a little noise, without reaching below 0."""
    return activation + rng.uniform(0, 0.04, activation.shape).astype(np.float32)


def _same_and_near(rng: np.random.Generator, target: np.ndarray, shape: tuple[int, ...] | None = None, **rest) -> dict:
    """Cases in which the points are the target's, in another order, and nearly so."""
    own = _moved(rng, target, shape)
    return {
        "same": {"activation": own, "target": target} | rest,
        "near": {"activation": _nearly(rng, own), "target": target} | rest,
    }


def _as_the_other_half_has_it(activation):
    """The points that a reshape gives where a transpose was needed, in the one framework and in the other."""
    filters = activation.shape[3]
    return [activation.reshape(filters, -1).T, np.moveaxis(activation, 3, 1).reshape(-1, filters)]


def _scrambled(distance):
    """The mistakes that measure this distance between clouds of scrambled numbers."""
    return [
        lambda activation, target, index=index, **rest: distance(
            _as_the_other_half_has_it(activation)[index], _as_the_other_half_has_it(target)[index], **rest
        )
        for index in (0, 1)
    ]


_SCRAMBLED = "The numbers of a point are scrambled: reshape does not move axes. Where does your framework keep the channels?"
_ADVICE = {
    r"must match|must be equal|[Ii]ncompatible shapes|size-incompatible|mat1 and mat2|In\[0\]|[Mm]atrix size|batch dimensions|Expected size":
        "Two sizes do not fit: print the shapes. A cloud is (M, C), a point in each row, and two clouds may have different M.",
    r"linalg\.(eigh|cholesky|inv)|not invertible|not positive|Cholesky": "A covariance may have no inverse and no Cholesky factor, "
        "as with fewer positions than filters: take roots of eigenvalues.",
}  # fmt: skip


def _discrepancy(x, y, kernel, within=np.mean, across=np.mean, factor=-2):
    """The means within each cloud, and `factor` times that across."""
    return (
        within(kernel_matrix(x, x, kernel)) + within(kernel_matrix(y, y, kernel)) + factor * across(kernel_matrix(x, y, kernel))
    )


def _between(distance, **settings):
    """A distance of two clouds, as one of two activations."""
    return lambda activation, target, **rest: distance(cloud(activation), cloud(target), **rest, **settings)


def _numbers(power: int, constant: float, gamma: float) -> np.ndarray:
    """A kernel, as `kernel_matrix` reads it."""
    return np.array([power, constant, gamma], np.float32)


def _mmd_cases(rng):
    activation, target = _pair(rng)
    gaussian, linear = _numbers(0, 0, number(rng, 0.15, 0.4)), _numbers(1, 0, 0)
    plain = {"activation": activation, "target": target, "kernel": _numbers(1, number(rng, 1.2, 2), number(rng, 0.1, 0.3))}
    step = _step(rng, activation.shape[3])
    return {
        "plain": plain,
        "plain: fewer positions than filters": plain | {"activation": _few(rng, activation), "kernel": gaussian},
        **_same_and_near(rng, target, kernel=gaussian),
        "swapped": plain | {"activation": target, "target": activation},
        "gaussian": plain | {"kernel": gaussian},
        "shifted": {"activation": activation + step, "target": target + step, "kernel": gaussian},
        "linear": plain | {"kernel": linear},
    }


def _unpaired(matrix):
    """The mean without the diagonal."""
    return (matrix.sum() - np.trace(matrix)) / (len(matrix) * (len(matrix) - 1))


MMD = Exercise(
    id="mmd",
    title="Compute how far two clouds of points are apart by a kernel: the squared maximum mean discrepancy, over all pairs.",
    arguments={"activation": "activation", "target": "activation", "kernel": "kernel"},
    result="scalar",
    cases=_mmd_cases,
    reference=_between(_discrepancy),
    differentiable=("activation",),
    advice=_ADVICE,
    hints=(
        "If two clouds are alike, a pair across them looks like a pair within one of them. So compare means of the kernel: "
        "within the first, within the second, and across.",
        "From [activation], with one image each, make tables (M, C) and (N, C). The kernel gives (M, M), (N, N) and (M, N). "
        "Take the mean of each: the one across counts twice, and is subtracted.",
    ),
    mistakes={
        "The pairs across the clouds are added: they make the distance smaller, so subtract them.": _between(_discrepancy, factor=2),
        "The pairs across the clouds count once: multiplied out, a square has its mixed term twice.": _between(_discrepancy, factor=-1),
        "The pairs across the clouds are missing.": _between(_discrepancy, factor=0),
        "Only pairs across the clouds are counted: pairs within each cloud belong to it too.": [
            _between(lambda x, y, kernel, factor=factor: factor * kernel_matrix(x, y, kernel).mean()) for factor in (1, -2, 2, -1)
        ],
        "The pairs within one of the clouds are missing.": [
            _between(lambda x, y, kernel: kernel_matrix(x, x, kernel).mean() - 2 * kernel_matrix(x, y, kernel).mean()),
            _between(lambda x, y, kernel: kernel_matrix(y, y, kernel).mean() - 2 * kernel_matrix(x, y, kernel).mean()),
        ],
        "The signs are all the other way round.": lambda **case: -_between(_discrepancy)(**case),
        "That is the sum over all pairs: take means, because clouds have different numbers of points.":
            _between(_discrepancy, within=np.sum, across=np.sum),
        "The sum over pairs is divided once by a number of points: divide it by the number of pairs.":
            _between(_discrepancy, within=lambda matrix: matrix.sum() / len(matrix), across=lambda matrix: matrix.sum() / len(matrix)),
        "Pairs of a point with itself are left out: here, take the mean over all pairs.": _between(_discrepancy, within=_unpaired),
        "Within a cloud, each point meets only itself: it should meet all the others too.":
            _between(_discrepancy, within=lambda matrix: np.trace(matrix) / len(matrix)),
        "That is the root: leave it out.": lambda **case: np.sqrt(np.abs(_between(_discrepancy)(**case))),
        "The kernel is given the two mean points: give it all points, and take the mean afterwards.":
            _between(lambda x, y, kernel: _discrepancy(x.mean(0, keepdims=True), y.mean(0, keepdims=True), kernel)),
        "The kernel is not used: that is the distance of the two means.": [
            _between(lambda x, y, kernel: np.sum((x.mean(0) - y.mean(0)) ** 2)),
            _between(lambda x, y, kernel: np.mean((x.mean(0) - y.mean(0)) ** 2)),
        ],
        "The kernel is not used: that compares two Gram matrices.":
            _between(lambda x, y, kernel: np.sum((x.T @ x / len(x) - y.T @ y / len(y)) ** 2)),
        "The mean is halved: take the means as they are.": lambda **case: _between(_discrepancy)(**case) / 2,
        _SCRAMBLED: _scrambled(_discrepancy),
    },
    properties=(
        Property("zero for the same points", "Two clouds of the same points should be at distance 0, whatever the order of the points.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("symmetric", "Swapping activation and target should not change the distance.",
                 lambda cases, outputs: np.isclose(outputs["swapped"], outputs["plain"], rtol=1e-3)),
        Property("ignores a common move", "If both clouds move together, a Gaussian kernel should not notice.",
                 lambda cases, outputs: np.isclose(outputs["shifted"], outputs["gaussian"], rtol=2e-3)
                 and not np.isclose(outputs["gaussian"], outputs["plain"], rtol=1e-3)),
        Property("means, with a linear kernel", "With the kernel u.v, it should be the squared distance of the two means.", case="linear"),
    ),
)  # fmt: skip


def _moment_loss(x, y, means=1.0, covariances=1.0, spread=lambda points: moments(points)[1]):
    """Squared differences of means and covariances, summed with these weights."""
    apart = np.sum((moments(x)[0] - moments(y)[0]) ** 2)
    return means * apart + covariances * np.sum((spread(x) - spread(y)) ** 2)


def _chessboard(rng):
    """Risser's pair: 1/sqrt 2 everywhere, and 0 at one half of the positions, 1 at the other; both times a number."""
    squares = np.indices((4, 3)).sum(0) % 2
    board = np.float32(squares[None, ..., None].repeat(2, -1)) * np.float32(number(rng, 1.1, 1.9))
    return {"activation": np.full_like(board, board.max() * np.sqrt(np.float32(0.5))), "target": board}


def _moment_cases(rng):
    activation, target = _pair(rng)
    plain, step = {"activation": activation, "target": target}, _step(rng, activation.shape[3])
    return {
        "plain": plain,
        "plain: fewer positions than filters": plain | {"activation": _few(rng, activation)},
        "plain: a filter that does not respond": plain | {"activation": _dead(rng, activation)},
        **_same_and_near(rng, target),
        "swapped": {"activation": target, "target": activation},
        "shifted": {"activation": activation + step, "target": target + step},
        "chessboard": _chessboard(rng),
    }


def _correlation(points):
    deviation = points - points.mean(0)
    length = np.sqrt((deviation**2).sum(0))
    return deviation.T @ deviation / np.outer(length, length)


def _unbiased(points):
    return moments(points)[1] * len(points) / (len(points) - 1)


def _summed(points):
    return moments(points)[1] * len(points)


def _second_moment(points):
    return points.T @ points / len(points)


def _variances(points):
    return moments(points)[1].diagonal()


MEAN_COVARIANCE = Exercise(
    id="mean_covariance",
    title="Compare two clouds by mean and covariance: the squared differences of both, summed.",
    arguments={"activation": "activation", "target": "activation"},
    result="scalar",
    cases=_moment_cases,
    reference=_between(_moment_loss),
    differentiable=("activation",),
    advice=_ADVICE,
    hints=(
        "Where a cloud lies and how it spreads are two things. Compare the means with each other, and the covariances with each "
        "other; then add the two.",
        "Make points (M, C) of each [activation]; the mean is (C,). The centred points, transposed and times themselves, are "
        "(C, C): divide by M. Each of the two sums of squares is a scalar.",
    ),
    mistakes={
        "The mean is not subtracted, which gives Gram matrices: a covariance is taken of the deviations from the mean.": [
            _between(_moment_loss, spread=_second_moment), _between(_moment_loss, spread=_second_moment, means=0),
        ],
        "The covariance is divided by M - 1: divide it by the number of positions.": _between(_moment_loss, spread=_unbiased),
        "The covariance is not divided: divide it by the number of positions.": _between(_moment_loss, spread=_summed),
        "Only the means are compared: compare the covariances too.": _between(_moment_loss, covariances=0),
        "Only the covariances are compared: compare the means too.": _between(_moment_loss, means=0),
        "Only the variances are compared: a covariance also says which filters respond together.": _between(_moment_loss, spread=_variances),
        "Standard deviations are compared, filter by filter: take the whole covariance matrix.":
            _between(_moment_loss, spread=lambda points: points.std(0)),
        "That is the correlation: the covariance keeps the size of the responses.": _between(_moment_loss, spread=_correlation),
        "That is the mean over the entries: take the sums.": [
            _between(lambda x, y: np.mean((moments(x)[0] - moments(y)[0]) ** 2) + np.mean((moments(x)[1] - moments(y)[1]) ** 2)),
            _between(lambda x, y: np.sum((moments(x)[0] - moments(y)[0]) ** 2) + np.mean((moments(x)[1] - moments(y)[1]) ** 2)),
            _between(lambda x, y: np.mean((moments(x)[0] - moments(y)[0]) ** 2) + np.sum((moments(x)[1] - moments(y)[1]) ** 2)),
        ],
        "The differences are not squared.": [
            _between(lambda x, y: sum(np.sum(one - other) for one, other in zip(moments(x), moments(y), strict=True))),
            _between(lambda x, y: sum(np.sum(np.abs(one - other)) for one, other in zip(moments(x), moments(y), strict=True))),
        ],
        "That is the root of a sum of squares: leave the root out.": [
            _between(lambda x, y: np.sqrt(_moment_loss(x, y))),
            _between(lambda x, y: np.sqrt(_moment_loss(x, y, covariances=0)) + np.sqrt(_moment_loss(x, y, means=0))),
        ],
        "Both clouds are centred on the target's mean: each has its own.":
            _between(lambda x, y: _moment_loss(x, y, covariances=0) + np.sum((_second_moment(x - y.mean(0)) - moments(y)[1]) ** 2)),
        "One number is subtracted from all filters: each filter has a mean of its own.":
            _between(_moment_loss, spread=lambda points: _second_moment(points - points.mean())),
        "The mean of each point over its filters is subtracted: take means over the positions.":
            _between(_moment_loss, spread=lambda points: _second_moment(points - points.mean(1, keepdims=True))),
        "The means are compared by one number for all filters: each filter has a mean of its own.":
            _between(lambda x, y: (x.mean() - y.mean()) ** 2 + _moment_loss(x, y, means=0)),
        "Both parts are divided by the number of filters: take the sums.": lambda **case: _between(_moment_loss)(**case) / case["target"].shape[3],
        _SCRAMBLED: _scrambled(_moment_loss),
    },
    properties=(
        Property("zero for the same points", "Two clouds of the same points should be at distance 0, whatever the order of the points.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("symmetric", "Swapping activation and target should not change the distance.",
                 lambda cases, outputs: np.isclose(outputs["swapped"], outputs["plain"], rtol=1e-3)),
        Property("ignores a common move", "If both clouds move together, neither the covariances nor the difference of the means should change.",
                 lambda cases, outputs: np.isclose(outputs["shifted"], outputs["plain"], rtol=1e-3)),
        Property("tells a chessboard from grey", "A chessboard and the grey with the same Gram matrix should be apart, in mean and in covariance.",
                 case="chessboard"),
    ),
)  # fmt: skip


def _work(x, y):
    """W^2 of two Gaussians. The trace of the root is a sum of singular values, which are exact where a root of a matrix is not."""
    (mean, covariance), (other, target) = moments(x), moments(y)
    paired = np.linalg.svd((x - mean) @ (y - other).T, compute_uv=False).sum() / np.sqrt(len(x) * len(y))
    return np.sum((mean - other) ** 2) + np.trace(covariance) + np.trace(target) - 2 * paired


def _work_with(paired, of=moments, means=1.0):
    """The mistake of another matrix in place of the root in the formula, or of other moments."""

    def distance(x, y):
        (mean, covariance), (other, target) = of(x), of(y)
        apart = means * np.sum((mean - other) ** 2)
        return apart + np.trace(covariance) + np.trace(target) + np.trace(np.atleast_2d(paired(covariance, target)))

    return _between(distance)


def _paired(covariance, target):
    root = matrix_root(target)
    return -2 * matrix_root(root @ covariance @ root)


def _work_cases(rng):
    activation, target = _pair(rng)
    plain, step = {"activation": activation, "target": target}, _step(rng, activation.shape[3])
    return {
        "plain": plain,
        "plain: fewer positions than filters": plain | {"activation": _few(rng, activation)},
        "plain: a filter that does not respond": plain | {"activation": _dead(rng, activation)},
        **_same_and_near(rng, target),
        "swapped": {"activation": target, "target": activation},
        "doubled": {"activation": 2 * activation, "target": 2 * target},
        "moved": {"activation": _moved(rng, target) + step, "target": target},
    }


WASSERSTEIN = Exercise(
    id="wasserstein",
    title="Compute the squared Wasserstein distance of two clouds, as if both were Gaussians, from their means and covariances.",
    arguments={"activation": "activation", "target": "activation"},
    result="scalar",
    cases=_work_cases,
    reference=_between(_work),
    differentiable=("activation",),
    rtol=2e-3,
    atol=3e-3,  # an eigenvalue that should be 0 is 1e-7 in float32, and its root 3e-4
    advice=_ADVICE,
    hints=(
        "Two things cost work: the way from mean to mean, and the change of the spread. For the spread, add both traces, and "
        "subtract twice the trace of a root that joins the two covariances.",
        "Each cloud has a mean (C,) and a covariance (C, C). Build the root (C, C) of one from its eigenvectors, and put it on "
        "both sides of the other covariance. Of that you need C eigenvalues: sum their roots.",
    ),
    mistakes={
        "The distance of the means is missing.": _work_with(_paired, means=0),
        "Only the distance of the means is there: the covariances belong to it too.": _between(lambda x, y: _moment_loss(x, y, covariances=0)),
        "The root's trace is subtracted once: the formula has it twice.": _work_with(lambda covariance, target: _paired(covariance, target) / 2),
        "The root's trace is added: subtract it.": _work_with(lambda covariance, target: -_paired(covariance, target)),
        "The root's trace is missing.": _work_with(lambda covariance, target: 0 * target),
        "The root is taken of each entry: the root of a matrix is the one that gives the matrix when multiplied by itself.": [
            _work_with(lambda covariance, target: -2 * np.sqrt(np.abs((root := np.sqrt(np.abs(target))) @ covariance @ root))),
            _work_with(lambda covariance, target: -2 * np.sqrt(np.abs((root := matrix_root(target)) @ covariance @ root))),
        ],
        "The outer root is missing: take the root of the product once more.": _work_with(lambda covariance, target: -2 * target @ covariance),
        "The target itself is multiplied from both sides: multiply its root.":
            _work_with(lambda covariance, target: -2 * matrix_root(target @ covariance @ target)),
        "That multiplies the roots of both covariances, which is right only if the two have the same axes.":
            _work_with(lambda covariance, target: -2 * matrix_root(covariance) @ matrix_root(target)),
        "Only the variances are used: a covariance also says which filters respond together.": [
            _work_with(lambda covariance, target: -2 * np.diag(np.sqrt(np.diag(covariance) * np.diag(target)))),
            _between(lambda x, y: np.sum((x.mean(0) - y.mean(0)) ** 2) + np.sum((x.std(0) - y.std(0)) ** 2)),
        ],
        "The mean is not subtracted, which gives Gram matrices: a covariance is taken of the deviations from the mean.":
            _work_with(_paired, of=lambda points: (points.mean(0), _second_moment(points))),
        "The covariance is divided by M - 1: divide it by the number of positions.":
            _work_with(_paired, of=lambda points: (points.mean(0), _unbiased(points))),
        "The covariance is not divided: divide it by the number of positions.":
            _work_with(_paired, of=lambda points: (points.mean(0), _summed(points))),
        "The trace of one covariance is missing.": [
            _work_with(lambda covariance, target: _paired(covariance, target) - target),
            _work_with(lambda covariance, target: _paired(covariance, target) - covariance),
        ],
        "That is the distance itself: leave the last root out, the formula is for its square.": lambda **case: np.sqrt(np.abs(_between(_work)(**case))),
        "It is divided by the number of filters: here, take the whole.": lambda **case: _between(_work)(**case) / case["target"].shape[3],
        "The squared differences of the covariances are summed: that is the distance of the exercise before, which has another unit.":
            _between(_moment_loss),
        "The distance of the means is not squared.":
            _between(lambda x, y: _work(x, y) + np.sqrt(apart := _moment_loss(x, y, covariances=0)) - apart),
        _SCRAMBLED: _scrambled(_work),
    },
    properties=(
        Property("zero for the same points", "Two clouds of the same points should be at distance 0, whatever the order of the points.",
                 lambda cases, outputs: vanishes(outputs, "same", "near", 2e-3)),
        Property("symmetric", "Swapping activation and target should not change the distance.",
                 lambda cases, outputs: np.isclose(outputs["swapped"], outputs["plain"], rtol=2e-3)),
        Property("quadratic", "If all responses are twice as large, the squared distance should be four times as large.",
                 lambda cases, outputs: np.isclose(outputs["doubled"], 4 * outputs["plain"], rtol=2e-3)),
        Property("the way, for a move", "If one cloud is the other, moved, it should be the squared length of the move.", case="moved"),
    ),
)  # fmt: skip


def _sliced(x, y, directions, how=np.square, over=np.mean, sort=lambda lines: np.sort(lines, axis=0)):
    """The mean squared difference of the clouds' projections, each sorted; directions in rows."""
    return over(how(sort(x @ directions.T) - sort(y @ directions.T)))


def _sliced_cases(rng):
    _, height, width, filters = activation_shape(rng)
    activation = random_activation(rng, (1, height, width, filters))
    target = 0.4 + random_activation(rng, (1, width, height, filters))  # as many points in another shape
    lines = rng.normal(size=(int(rng.integers(7, 10)), filters))
    directions = (lines / np.linalg.norm(lines, axis=1, keepdims=True)).astype(np.float32)
    plain = {"activation": activation, "target": target, "directions": directions}
    tied = {
        "activation": np.round(activation) * np.float32(number(rng, 0.8, 1.3)),
        "target": target,
        "directions": np.eye(filters, dtype=np.float32)[: filters - 1],
    }
    few = {"activation": activation[:, :1, :2], "target": target[:, :2, :1], "directions": directions[:2]}
    moved = _moved(rng, target, activation.shape) + _step(rng, filters)
    return {
        "plain": plain,
        "plain: fewer positions than filters": few,
        "plain: responses that are equal": tied,
        **_same_and_near(rng, target, activation.shape, directions=directions),
        "swapped": plain | {"activation": target, "target": activation},
        "doubled": plain | {"activation": 2 * activation, "target": 2 * target},
        "moved": plain | {"activation": moved},
    }


def _sorted_before(x, y, directions):
    return np.mean((np.sort(x, 0) @ directions.T - np.sort(y, 0) @ directions.T) ** 2)


SLICED_WASSERSTEIN = Exercise(
    id="sliced_wasserstein",
    title="Project two clouds onto lines, sort, and take the mean squared difference: the sliced Wasserstein distance.",
    arguments={"activation": "activation", "target": "activation", "directions": "matrix"},
    result="scalar",
    cases=_sliced_cases,
    reference=_between(_sliced),
    differentiable=("activation",),
    advice=_ADVICE,
    hints=(
        "On a line the cheapest plan keeps the order: the smallest goes to the smallest, the largest to the largest. Do that on "
        "every line by itself, and average.",
        "Make points (M, C) of each [activation]; projected onto n lines they are (M, n). Sort each column, along the axis of "
        "the points. The difference is (M, n) too, and its mean square a scalar.",
    ),
    mistakes={
        "Nothing is sorted: along a line, the smallest number goes to the smallest.": _between(_sliced, sort=lambda lines: lines),
        "Only one of the two clouds is sorted: sort both.": [
            _between(lambda x, y, directions: np.mean((np.sort(x @ directions.T, 0) - y @ directions.T) ** 2)),
            _between(lambda x, y, directions: np.mean((x @ directions.T - np.sort(y @ directions.T, 0)) ** 2)),
        ],
        "One is sorted upwards and the other downwards.":
            _between(lambda x, y, directions: np.mean((np.sort(x @ directions.T, 0) - np.sort(y @ directions.T, 0)[::-1]) ** 2)),
        "The lines are sorted instead of the points: sort along the axis of the positions.": _between(_sliced, sort=lambda lines: np.sort(lines, 1)),
        "All lines are sorted together: sort each line by itself.": _between(_sliced, sort=lambda lines: np.sort(lines, None)),
        "Each filter is sorted before the projection: project first, then sort.": _between(_sorted_before),
        "The directions are not used: that compares each filter's histogram.":
            _between(lambda x, y, directions: _sliced(x, y, np.eye(x.shape[1]))),
        "That is the sum: take the mean over lines and points.": _between(_sliced, over=np.sum),
        "It is summed over the lines: take the mean over them too.": _between(_sliced, over=lambda apart: apart.mean(0).sum()),
        "It is summed over the points: take the mean over them too.": _between(_sliced, over=lambda apart: apart.sum(0).mean()),
        "The differences are not squared, so they cancel.": _between(_sliced, how=lambda apart: apart),
        "The absolute differences are taken: square them.": _between(_sliced, how=np.abs),
        "That is the root: leave it out.": [
            _between(lambda x, y, directions: np.sqrt(_sliced(x, y, directions))),
            _between(_sliced, over=lambda apart: np.sqrt(apart.mean(0)).mean()),
        ],
        "Only the line along which the clouds differ most counts: take the mean over all lines.":
            _between(_sliced, over=lambda apart: apart.mean(0).max()),
        "Only the first line is used: take the mean over all.": _between(lambda x, y, directions: _sliced(x, y, directions[:1])),
        "Only the means of the projections are compared: compare all points, in their order.":
            _between(_sliced, sort=lambda lines: lines.mean(0)),
        "Each projection is squared by itself: subtract first, then square.":
            _between(lambda x, y, directions: np.mean(np.sort(x @ directions.T, 0) ** 2 - np.sort(y @ directions.T, 0) ** 2)),
        "It is multiplied by the number of filters: here, take the plain mean.": lambda **case: _between(_sliced)(**case) * case["target"].shape[3],
        _SCRAMBLED: _scrambled(_sliced),
    },
    properties=(
        Property("zero for the same points", "Two clouds of the same points should be at distance 0, whatever the order of the points.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("symmetric", "Swapping activation and target should not change the distance.",
                 lambda cases, outputs: np.isclose(outputs["swapped"], outputs["plain"], rtol=1e-3)),
        Property("quadratic", "If all responses are twice as large, the squared distance should be four times as large.",
                 lambda cases, outputs: np.isclose(outputs["doubled"], 4 * outputs["plain"], rtol=1e-3)),
        Property("the way along each line, for a move",
                 "If one cloud is the other, moved, it should be the mean square of the move along the lines.", case="moved"),
    ),
)  # fmt: skip
