"""Style as a distance between two clouds of points: a point for each position, with a coordinate for each filter.

Activations are `(B, C, H, W)`, x of the generated and y of the style image, of any two sizes. A cloud is `(M, C)`. The losses of
the first half need only sums over positions; those of the second need the points.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

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
from stylelab.torch.losses import Sums, distance, renew, statistics, sums, wide
from stylelab.torch.tensors import as_tensor


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
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H', W')` of the style image.
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
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H', W')` of the style image.

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
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H', W')` of the style image.
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
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H', W')` of the style image.
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
    >>> import torch
    >>> float(sl.sliced_wasserstein_loss(dark, light, torch.eye(3)))
    1.0

    Args:
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H', W')` of the style image. Of any number of positions: quantile functions are compared.
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
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H', W')` of the style image.

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
        activation: `(B, C, H, W)`.
        target: `(B, C, H', W')`.

    Returns:
        `(B, C, H, W)`; of equal responses the earlier position gets the smaller value. A target with another number of
            positions gives each rank the mean of the values that share it.

    Raises:
        InputError: the numbers of filters differ.

    Source: sort and place; Risser et al. 2017, section 4.
    """
    matched = []
    with torch.no_grad():
        for one, other in _pairs(activation, target):
            values, wanted = points(one).T, points(other).T  # (C, M), (C, M')
            order = values.argsort(dim=1, stable=True)
            placed = torch.empty_like(values).scatter_(1, order, _ranked(wanted.sort(1).values, values.shape[1]))
            matched.append(placed.reshape(one.shape[1:]))
    return torch.stack(matched)


def nearest_neighbour_loss(activation: Tensor, target: Tensor, *, samples: int = 0, seed: int = 0) -> Tensor:
    """How far every point is from the nearest of the target's, by the angle between them: 0 when they match.

    >>> image = sl.to_tensor(cat)
    >>> abs(round(float(sl.nearest_neighbour_loss(image, image)), 5))
    0.0

    Args:
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H', W')` of the style image.
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
        activation: `(B, C, H, W)`.
        target: `(B, C, H', W')`.

    Returns:
        `(B, H W)` indices of positions, counted row by row; each cloud is centred on its own mean first.

    Raises:
        InputError: the numbers of filters differ.

    Source: as `nearest_neighbour_loss`. The cosines are computed in chunks.
    """
    with torch.no_grad():
        pairs = [(_unit(points(one), True), _unit(points(other), True)) for one, other in _pairs(activation, target)]
        return torch.stack([_nearest(one, other) for one, other in pairs])


def relaxed_emd_loss(activation: Tensor, target: Tensor, *, samples: int = 0, seed: int = 0) -> Tensor:
    """How far two clouds are apart, if each point moves to the nearest of the other cloud: 0 when they match.

    >>> image = sl.to_tensor(cat)
    >>> abs(round(float(sl.relaxed_emd_loss(image, image)), 5))
    0.0

    Args:
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H', W')` of the style image.
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
        drawn = _samples(loss, len(cloud))
        return Cloud(cloud, drawn, clouds.width(cloud[drawn[1]].detach().cpu().numpy(), loss.gamma))
    own = sums(activation)
    return [None if part is None else part / own.positions for part in (own.total, own.gram)]


@distance.register
def _(loss: MMD, activation: Any, statistics: Any) -> Tensor:
    if isinstance(statistics, Cloud):
        x, y = _drawn(loss, points(activation), statistics)
        return _discrepancy(loss, x, y, statistics.width)
    own: Any = sums(activation)
    total, gram = statistics
    means: Any = 0 if own.total is None else (own.total / own.positions - total).square().sum()
    if loss.kernel == "linear" or loss.degree == 1:
        return means
    return (own.gram / own.positions - gram).square().sum() + 2 * loss.offset * means  # offset^2 cancels


@statistics.register
def _(loss: BatchNorm, activation: "Tensor | Sums") -> tuple[Tensor, Tensor]:
    return _mean_deviation(sums(activation))


@distance.register
def _(loss: BatchNorm, activation: "Tensor | Sums", statistics: tuple[Tensor, Tensor]) -> Tensor:
    mean, deviation = _mean_deviation(sums(activation))
    return ((mean - statistics[0]).square() + (deviation - statistics[1]).square()).mean(1).sum()


@statistics.register
def _(loss: MeanCovariance, activation: "Tensor | Sums") -> tuple[Tensor, ...]:
    mean, covariance = moments(activation)
    return mean, covariance, _size(mean, covariance), _size(mean, covariance, covariance.square().sum())


@distance.register
def _(loss: MeanCovariance, activation: "Tensor | Sums", statistics: tuple[Tensor, ...]) -> Tensor:
    mean, covariance = moments(activation)
    means, covariances = (mean - statistics[0]).square().sum(), (covariance - statistics[1]).square().sum()
    if loss.relative:
        means, covariances = means / statistics[2], covariances / statistics[3]
    return means + covariances


@statistics.register
def _(loss: Wasserstein, activation: "Tensor | Sums") -> tuple[Tensor, ...]:
    mean, covariance = moments(activation)
    ridge = torch.finfo(mean.dtype).eps * _trace(covariance)  # as much as rounding may have taken from its least eigenvalue
    mean, covariance, ridge, size = _in_double(mean, covariance, ridge, _size(mean, covariance))
    values, vectors = torch.linalg.eigh(covariance + ridge * _identity(covariance))
    root = (vectors * values.clamp(min=0).sqrt()[:, None, :]) @ vectors.mT  # A^1/2
    return mean, root, _trace(covariance), ridge, size


@distance.register
def _(loss: Wasserstein, activation: "Tensor | Sums", statistics: tuple[Tensor, ...]) -> Tensor:
    given, (target, root, trace, ridge, size) = moments(activation), statistics
    mean, covariance = _in_double(*given)
    both = root @ (covariance + ridge * _identity(covariance)) @ root  # A^1/2 B A^1/2
    values = torch.linalg.eigvalsh((both + both.mT) / 2)
    spread = _trace(covariance) + trace + 2 * root.shape[1] * ridge - 2 * _root(values, 0).sum()
    work = (mean - target).square().sum() + spread.clamp(min=0)
    return (work / size if loss.relative else work).to(given[0])


def moments(activation: "Tensor | Sums") -> tuple[Tensor, Tensor]:
    """Mean `(B, C)` and covariance `(B, C, C)` of an activation over its positions, divided by their number."""
    own = sums(activation)
    assert own.gram is not None and own.total is not None
    mean = own.total / own.positions
    return mean, own.gram / own.positions - mean[:, :, None] * mean[:, None, :]


def _mean_deviation(own: Sums) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each filter, `(B, C)`. A deviation that is only rounding is 0."""
    assert own.gram is not None and own.total is not None
    mean, square = own.total / own.positions, own.gram.diagonal(dim1=1, dim2=2) / own.positions
    return mean, _root(square - mean.square(), 8 * torch.finfo(mean.dtype).eps * square.detach())


def _root(value: Tensor, least: "Tensor | float") -> Tensor:
    """The square root of what is above `least`, and 0 of the rest, where a root's gradient would be infinite."""
    above = value > least
    return torch.where(above, torch.where(above, value, 1).sqrt(), 0)


def _in_double(*matrices: Tensor) -> tuple[Tensor, ...]:
    """In float64, on the CPU if their device has none."""
    return tuple(each.to("cpu" if each.device.type == "mps" else each.device, torch.float64) for each in matrices)


def _identity(matrix: Tensor) -> Tensor:
    return torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def _trace(matrices: Tensor) -> Tensor:
    return matrices.diagonal(dim1=-2, dim2=-1).sum()


def _size(mean: Tensor, covariance: Tensor, value: Tensor | None = None) -> Tensor:
    """What to divide by: the trace of a covariance or another value; 1 for an image of one colour, where they are rounding."""
    trace = _trace(covariance)
    there = trace > 100 * torch.finfo(mean.dtype).eps * mean.square().sum()
    return torch.where(there, trace if value is None else value, 1)


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
    drawn: list[Tensor]
    width: float = 1.0


@statistics.register
def _(loss: Sliced, activation: Tensor) -> Cloud:
    cloud = points(activation)
    return Cloud(cloud, _tensors([clouds.directions(cloud.shape[1], loss.directions, loss.seed)], cloud))


@distance.register
def _(loss: Sliced, activation: Tensor, statistics: Cloud) -> Tensor:
    (directions,) = statistics.drawn
    return _sorted_distance((points(activation) @ directions).T, (statistics.points @ directions).T)


@statistics.register
def _(loss: Histogram, activation: Tensor) -> Cloud:
    return Cloud(points(activation), [])


@distance.register
def _(loss: Histogram, activation: Tensor, statistics: Cloud) -> Tensor:
    return _sorted_distance(points(activation).T, statistics.points.T)


@statistics.register
def _(loss: NearestNeighbour, activation: Tensor) -> Cloud:
    cloud = points(activation)
    return Cloud(_unit(cloud, not isinstance(loss, RelaxedEarthMover)), _samples(loss, len(cloud)))


@distance.register
def _(loss: NearestNeighbour, activation: Tensor, statistics: Cloud) -> Tensor:
    x, y = _drawn(loss, _unit(points(activation), True), statistics)
    return _to_nearest(x, y)


@distance.register
def _(loss: RelaxedEarthMover, activation: Tensor, statistics: Cloud) -> Tensor:
    x, y = _drawn(loss, _unit(points(activation), False), statistics)
    return torch.maximum(_to_nearest(x, y), _to_nearest(y, x))


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
        old.copy_(torch.from_numpy(new))
    return True


def points(activation: Tensor) -> Tensor:
    """One image's activation `(1, C, H, W)` as a cloud `(H W, C)`."""
    return wide(activation).permute(0, 2, 3, 1).flatten(1, 2)[0]


def _pairs(activation: Tensor, target: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Image by image, `(1, C, H, W)` and `(1, C, H', W')`."""
    activation, target = as_tensor(activation, "activation", "(B, C, H, W)"), as_tensor(target, "target", "(B, C, H, W)")
    if activation.shape[:2] != target.shape[:2]:
        raise InputError(f"activation is {tuple(activation.shape)} but target is {tuple(target.shape)}: use one layer")
    if not (activation.numel() and target.numel()):
        raise InputError(f"activation is {tuple(activation.shape)} and target {tuple(target.shape)}: one has no positions")
    target = target.to(activation.dtype)
    return [(activation[i : i + 1], target[i : i + 1]) for i in range(len(activation))]


def _compare(loss: Loss, activation: Tensor, target: Tensor, directions: Tensor | None = None) -> Tensor:
    """A described loss of two activations, summed over the batch; with directions in place of random ones."""
    values = []
    for one, other in _pairs(activation, target):
        sized = loss.at_size(one.shape[2:].numel(), one.shape[2:].numel())
        if "activation" not in loss.needs:  # their differences of large sums deserve it
            one, other = _in_double(one, other)
        own = statistics(sized, other)
        if directions is not None:
            if directions.shape[1] != one.shape[1]:
                raise InputError(
                    f"directions are {tuple(directions.shape)} for {one.shape[1]} filters: give a row of as many for each"
                )
            own.drawn = [directions.T.to(own.points)]
        values.append(distance(sized, one, own))
    return torch.stack(values).sum().to(activation)


def _samples(loss: "MMD | NearestNeighbour", number: int) -> list[Tensor]:
    """Positions of the generated image, and of a style image with that many."""
    most = max(loss.positions or number, number)
    if isinstance(loss, MMD) and not loss.samples and loss.estimate != "linear" and most > MOST_SAMPLES:
        raise InputError(f"{loss!r} compares each of {most} positions with each: give samples, at most {MOST_SAMPLES}")
    return [torch.from_numpy(own) for own in clouds.samples((loss.positions or number, number), loss.samples, loss.seed)]


def _drawn(loss: "MMD | NearestNeighbour", cloud: Tensor, statistics: Cloud) -> tuple[Tensor, Tensor]:
    own, other = statistics.drawn
    if len(cloud) != (loss.positions or len(statistics.points)):
        raise InputError(f"{loss!r} draws from another number of positions than {len(cloud)}: call its at_size first")
    return cloud.index_select(0, own.to(cloud.device)), statistics.points.index_select(0, other.to(cloud.device))


def _tensors(arrays: list, like: Tensor) -> list[Tensor]:
    return [torch.from_numpy(array).to(like) for array in arrays]


def _discrepancy(loss: MMD, x: Tensor, y: Tensor, width: float) -> Tensor:
    """MMD^2 of two clouds, by the estimate that the loss asks for."""
    if loss.estimate != "biased" and min(len(x), len(y)) < 2:
        raise InputError(f"the estimate '{loss.estimate}' needs two positions of each image: choose 'biased'")
    if loss.estimate == "linear":  # each point is in one pair
        number = min(len(x), len(y)) // 2
        (x, other_x), (y, other_y) = ((cloud[:number], cloud[number : 2 * number]) for cloud in (x, y))
        pairs = ((x, other_x), (y, other_y), (x, other_y), (other_x, y))
        xx, yy, xy, yx = (_kernel(loss, (a * b).sum(1), (a - b).square().sum(1), width) for a, b in pairs)
        return (xx + yy - xy - yx).mean()
    xx, yy, xy = (_kernel(loss, a @ b.T, _distances(a, b), width) for a, b in ((x, x), (y, y), (x, y)))
    if loss.estimate == "biased":
        return xx.mean() + yy.mean() - 2 * xy.mean()
    own = [(matrix.sum() - matrix.diagonal().sum()) / (len(matrix) * (len(matrix) - 1)) for matrix in (xx, yy)]
    return own[0] + own[1] - 2 * xy.mean()


def _kernel(loss: MMD, products: Tensor, distances: Tensor, width: float) -> Tensor:
    """k(x, y) from x.y and |x - y|^2."""
    match loss.kernel:
        case "linear":
            return products
        case "polynomial":
            return (products + loss.offset) ** loss.degree
        case _:  # 'gaussian'
            return torch.exp(-distances / width)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    """|x - y|^2 of all pairs."""
    return (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp(min=0)


def _sorted_distance(values: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of two sets of rows, `(n, M)` and `(n, M')`, each in order of size: exact transport on a line."""
    order = values.detach().argsort(dim=1, stable=True)  # as the other framework orders equal ones
    values, target = values.gather(1, order), target.sort(1).values
    if values.shape == target.shape:
        return (values - target).square().mean()
    own, other, shares = _shared_ranks(values, target.shape[1])
    return ((values.index_select(1, own) - target.index_select(1, other)).square() @ shares).mean()


def _ranked(target: Tensor, number: int) -> Tensor:
    """Sorted rows `(n, M')` as `(n, number)`: for each rank the mean of those that share it."""
    other, own, shares = _shared_ranks(target, number)
    ranked = target.new_zeros(len(target), number)
    return ranked.index_add_(1, own, target.index_select(1, other) * (shares * number))


def _shared_ranks(rows: Tensor, other: int) -> tuple[Tensor, ...]:
    own, theirs, shares = (torch.from_numpy(each) for each in clouds.shared_ranks(rows.shape[1], other))
    return own.to(rows.device), theirs.to(rows.device), shares.to(rows.dtype).to(rows.device)  # which may have no float64


def _unit(cloud: Tensor, centred: bool) -> Tensor:
    """Points `(M, C)` brought to length 1, `(M, C + 1)`. One at 0 has no direction, and so gets one of its own."""
    rounding = (10 * torch.finfo(cloud.dtype).eps) ** 2 * cloud.detach().square().sum(1).mean()
    if centred:
        cloud = cloud - cloud.mean(0)
    square = cloud.square().sum(1, keepdim=True)
    there = square > rounding
    unit = torch.where(there, cloud / torch.where(there, square, 1).sqrt(), 0)
    return torch.cat([unit, (~there).to(cloud.dtype)], 1)


def _to_nearest(x: Tensor, y: Tensor) -> Tensor:
    """Mean cosine distance of the points x, of length 1, to the nearest of y."""
    return 1 - (x * y[_nearest(x, y)]).sum(1).mean()


def _nearest(x: Tensor, y: Tensor) -> Tensor:
    """For each point of x, of length 1, the index of the point of y in the most similar direction."""
    with torch.no_grad():
        return torch.cat([(part @ y.T).argmax(1) for part in x.split(max(1, clouds.ENTRIES // len(y)))])
