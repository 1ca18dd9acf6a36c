"""What losses on clouds of points draw at random or look up once, in NumPy, so that both frameworks use the same numbers.

A cloud is `(M, C)`: a point for each of M positions, with a coordinate for each of C filters.
"""

from collections.abc import Sequence

import numpy as np

ENTRIES = 2**24  # most entries of a matrix of distances that exists at one time: 64 MB
PAIRED = 1024  # most points whose distances to each other decide a kernel's width


def directions(filters: int, number: int, seed: int, step: int = 0) -> np.ndarray:
    """Random unit vectors, uniform in all directions, as columns: `(filters, number)`; as many as filters if number is 0."""
    vectors = np.random.default_rng([seed, step]).standard_normal((filters, number or filters))
    return (vectors / np.linalg.norm(vectors, axis=0)).astype(np.float32)


def samples(positions: tuple[int, ...], most: int, seed: int, step: int = 0) -> list[np.ndarray]:
    """Which positions are drawn of each cloud, in random order, none of them twice; all of them if `most` is 0."""
    random = np.random.default_rng([seed, step])
    return [random.permutation(number)[: most or number].astype(np.int64) for number in positions]


def shares(numbers: Sequence[int], weights: Sequence[float]) -> list[np.ndarray]:
    """Which positions of several clouds make up one in which each has its weight's share: as many as there can be.

    Of each cloud at least one; they are drawn at random, with one seed for ever, as a regular pattern would see only some columns.
    """
    most = min(number / weight for number, weight in zip(numbers, weights, strict=True))
    wanted = [min(number, max(1, round(weight * most))) for number, weight in zip(numbers, weights, strict=True)]
    drawn = samples(tuple(numbers), 0, 0)
    return [np.sort(own[:count]) for own, count in zip(drawn, wanted, strict=True)]


def width(points: np.ndarray, gamma: str | float) -> float:
    """1 / gamma of a Gaussian kernel; for 'median' or 'mean' that of the squared distances between points.

    Points that are all alike, or most of them, have no distance to speak of: then the mean is used for the median, and 1 for 0.
    """
    if not isinstance(gamma, str):
        return 1 / float(gamma)
    points = points[:PAIRED].astype(float)
    squares = (points**2).sum(1)
    distances = np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)[np.triu_indices(len(points), 1)]
    if not distances.size:
        return 1.0
    return float(gamma == "median" and np.median(distances)) or float(np.mean(distances)) or 1.0


def shared_ranks(number: int, other: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How to compare the sorted values of two clouds of different sizes: which value of each, and the share of this pair.

    The quantile functions are steps of length 1 / number and 1 / other; between two neighbouring steps of either, both are flat.
    """
    ends = np.union1d(np.arange(1, number + 1) * other, np.arange(1, other + 1) * number)  # in parts of 1 / (number other)
    shares = np.diff(ends, prepend=0) / (number * other)
    return (ends - 1) // other, (ends - 1) // number, shares
