"""Answers to mmd, mean_covariance, wasserstein and sliced_wasserstein."""

from words import (
    absolute,
    at_least,
    constant,
    detached,
    double,
    eigh,
    eigvalsh,
    einsum,
    in_order,
    inverse,
    matmul,
    mean,
    misread,
    root,
    rows,
    singular,
    square,
    stack,
    total,
    trace,
    transposed,
)


def cloud(activation):
    return transposed(rows(activation))[0]


def squared(one, other):
    return total(square(one - other))


# mmd


def mmd_three_means(activation, target, kernel):
    x, y = cloud(activation), cloud(target)
    return mean(kernel(x, x)) + mean(kernel(y, y)) - 2 * mean(kernel(x, y))


def mmd_of_batches(activation, target, kernel):
    x, y = transposed(rows(activation)), transposed(rows(target))
    return mean(kernel(x, x)) - mean(kernel(x, y)) - mean(kernel(y, x)) + mean(kernel(y, y))


def mmd_pair_by_pair(activation, target, kernel):
    x, y = cloud(activation), cloud(target)

    def between(one, other):
        """A row of the matrix at a time."""
        return mean(stack([mean(kernel(one[i : i + 1], other)) for i in range(one.shape[0])]))

    return between(x, x) + between(y, y) - 2 * between(x, y)


def mmd_by_signs(activation, target, kernel):
    clouds = {1: cloud(activation), -1: cloud(target)}
    return sum(i * j * mean(kernel(clouds[i], clouds[j])) for i in clouds for j in clouds)


def mmd_of_sums(activation, target, kernel):
    x, y = cloud(activation), cloud(target)
    m, n = x.shape[0], y.shape[0]
    return total(kernel(x, x)) / m**2 + total(kernel(y, y)) / n**2 - 2 * total(kernel(x, y)) / (m * n)


def mmd_of(x, y, kernel, how=mean, factor=2):
    return how(kernel(x, x)) + how(kernel(y, y)) - factor * how(kernel(x, y))


def each_with_itself(points, kernel):
    matrix = kernel(points, points)
    return trace(matrix) / matrix.shape[0]


def two(distance, of=cloud, **settings):
    """A distance of two clouds, as one of two activations."""
    return lambda activation, target, *rest: distance(of(activation), of(target), *rest, **settings)


def scrambled(activation):
    return transposed(misread(activation))[0]


def average(points):
    return mean(points, 0)


def mean_point(points):
    return mean(points, 0)[None]


# mean_covariance


def moments(points):
    middle = average(points)
    return middle, transposed(points - middle) @ (points - middle) / points.shape[0]


def apart(x, y):
    """Squared distance of the means."""
    return squared(average(x), average(y))


def mc_centred(activation, target):
    (m, s), (n, t) = moments(cloud(activation)), moments(cloud(target))
    return total((m - n) ** 2) + total((s - t) ** 2)


def mc_from_second_moments(activation, target):
    def both(activation):
        """Mean, and E[x x^T] less the mean's product with itself."""
        points = cloud(activation)
        middle = average(points)
        return middle, transposed(points) @ points / points.shape[0] - middle[:, None] * middle[None]

    (m, s), (n, t) = both(activation), both(target)
    return squared(m, n) + squared(s, t)


def mc_einsum(activation, target):
    parts = []
    for each in (activation, target):
        f = rows(each)
        middle = mean(f, 2)
        centred = f - middle[:, :, None]
        parts.append((middle, einsum("bip,bjp->bij", centred, centred) / f.shape[2]))
    (m, s), (n, t) = parts
    return total(square(m - n)) + total(square(s - t))


def mc_double(activation, target):
    return mc_centred(double(activation), double(target))


def mc_of(x, y, covariance):
    return apart(x, y) + squared(covariance(x), covariance(y))


def covariance(points):
    return moments(points)[1]


def second_moment(points):
    return transposed(points) @ points / points.shape[0]


# wasserstein

TINY = 1e-12


def matrix_root(matrix):
    values, vectors = eigh(matrix)
    return (vectors * root(at_least(values, 0))) @ transposed(vectors)


def w_eigenvalues(activation, target):
    (m, s), (n, t) = moments(cloud(activation)), moments(cloud(target))
    half = matrix_root(t)
    paired = total(root(at_least(eigvalsh(half @ s @ half), TINY)))
    return squared(m, n) + trace(s) + trace(t) - 2 * paired


def w_double(activation, target):
    return w_eigenvalues(double(activation), double(target))


def w_singular(activation, target):
    """The root's trace is the sum of the singular values of the centred clouds' product."""
    x, y = cloud(activation), cloud(target)
    both = (x - average(x)) @ transposed(y - average(y))
    paired = total(singular(both)) / (x.shape[0] * y.shape[0]) ** 0.5
    return apart(x, y) + trace(covariance(x)) + trace(covariance(y)) - 2 * paired


def w_rooted_cloud(activation, target):
    """As many rows as filters: T^1/2 X."""
    (m, s), (n, t) = moments(cloud(activation)), moments(cloud(target))
    x = cloud(activation)
    paired = total(singular(matrix_root(t) @ transposed(x - m))) / x.shape[0] ** 0.5
    return squared(m, n) + trace(s) + trace(t) - 2 * paired


def w_of(x, y, paired, means=1):
    (m, s), (n, t) = moments(x), moments(y)
    return means * squared(m, n) + trace(s) + trace(t) - paired(s, t)


def twice_root(s, t):
    half = matrix_root(t)
    return 2 * total(root(at_least(eigvalsh(half @ s @ half), TINY)))


def w_no_floor(activation, target):
    """Roots of eigenvalues that may come out below 0."""
    (m, s), (n, t) = moments(cloud(activation)), moments(cloud(target))
    return squared(m, n) + trace(s) + trace(t) - 2 * total(root(eigvalsh(t @ s) - 1e-6))


def w_inverted(activation, target):
    (m, s), (n, t) = moments(cloud(activation)), moments(cloud(target))
    half = matrix_root(t)
    return squared(m, n) + trace(half @ inverse(s) @ half)


# sliced_wasserstein


def sw_sorted(activation, target, directions):
    along = in_order(matmul(cloud(activation), transposed(directions)))
    wanted = in_order(matmul(cloud(target), transposed(directions)))
    return mean(square(along - wanted))


def sw_rows(activation, target, directions):
    along, wanted = directions @ rows(activation)[0], directions @ rows(target)[0]
    return mean(square(in_order(transposed(along)) - in_order(transposed(wanted))))


def sw_line_by_line(activation, target, directions):
    x, y = cloud(activation), cloud(target)
    losses = []
    for line in range(directions.shape[0]):
        one, other = total(x * directions[line], 1), total(y * directions[line], 1)
        losses.append(mean(square(in_order(one) - in_order(other))))
    return sum(losses) / len(losses)


def sw_double(activation, target, directions):
    return sw_sorted(double(activation), double(target), double(directions))


def sw_of(x, y, directions, one=in_order, other=in_order, how=square, over=mean):
    along, wanted = matmul(x, transposed(directions)), matmul(y, transposed(directions))
    return over(how(one(along) - other(wanted)))


def as_is(x):
    return x


RIGHT = {
    "mmd": {
        "three means": mmd_three_means,
        "a batch of clouds": mmd_of_batches,
        "torch: pair by pair": mmd_pair_by_pair,
        "signs": mmd_by_signs,
        "sums": mmd_of_sums,
    },
    "mean_covariance": {
        "centred": mc_centred,
        "second moments": mc_from_second_moments,
        "einsum": mc_einsum,
        "double": mc_double,
    },
    "wasserstein": {
        "eigenvalues": w_eigenvalues,
        "double": w_double,
        "singular values": w_singular,
        "a rooted cloud": w_rooted_cloud,
    },
    "sliced_wasserstein": {"sorted": sw_sorted, "rows": sw_rows, "line by line": sw_line_by_line, "double": sw_double},
}

WRONG = {
    "mmd": [
        (two(mmd_of, factor=1), "count once"),
        (two(mmd_of, factor=-2), "are added"),
        (two(mmd_of, factor=0), "across the clouds are missing"),
        (two(lambda x, y, kernel: mean(kernel(x, y))), "Only pairs across"),
        (two(lambda x, y, kernel: mean(kernel(x, x)) - 2 * mean(kernel(x, y))), "within one of the clouds"),
        (two(lambda x, y, kernel: -mmd_of(x, y, kernel)), "other way round"),
        (two(mmd_of, how=total), "take means"),
        (two(lambda x, y, kernel: root(mmd_of(x, y, kernel))), "the root"),
        (two(mmd_of, of=scrambled), "scrambled"),
        (two(lambda x, y, kernel: mmd_of(mean_point(x), mean_point(y), kernel)), "two mean points"),
        (two(lambda x, y, kernel: apart(x, y)), "kernel is not used"),
        (two(lambda x, y, kernel: squared(second_moment(x), second_moment(y))), "compares two Gram matrices"),
        (two(lambda x, y, kernel: each_with_itself(x, kernel) + each_with_itself(y, kernel) - 2 * mean(kernel(x, y))), "only itself"),
        (two(lambda x, y, kernel: float(mmd_of(x, y, kernel))), "Python number"),
        (two(lambda x, y, kernel: mmd_of(detached(x), y, kernel)), "passes through `target`"),
        (two(lambda x, y, kernel: kernel(x, y)), "single number"),
        (two(lambda x, y, kernel: mean((x - y) ** 2)), "do not fit"),
        (lambda activation, target: 0, r"mmd\(activation, target, kernel\)"),
    ],
    "mean_covariance": [
        (two(mc_of, covariance=second_moment), "The mean is not subtracted"),
        (two(mc_of, covariance=lambda x: covariance(x) * x.shape[0] / (x.shape[0] - 1)), "M - 1"),
        (two(mc_of, covariance=lambda x: covariance(x) * x.shape[0]), "is not divided"),
        (two(apart), "Only the means"),
        (two(lambda x, y: squared(covariance(x), covariance(y))), "Only the covariances"),
        (two(mc_of, covariance=lambda x: mean(square(x - average(x)), 0)), "Only the variances"),
        (two(lambda x, y: mean((average(x) - average(y)) ** 2) + mean((covariance(x) - covariance(y)) ** 2)), "take the sums"),
        (two(lambda x, y: root(mc_of(x, y, covariance))), "the root"),
        (two(lambda x, y: mc_of(x, y, lambda points: second_moment(points - average(y)))), "Both clouds are centred"),
        (two(mc_of, covariance=lambda x: second_moment(x - mean(x))), "One number"),
        (two(mc_of, covariance=covariance, of=scrambled), "scrambled"),
        (two(lambda x, y: float(mc_of(x, y, covariance))), "Python number"),
        (two(lambda x, y: mc_of(detached(x), y, covariance)), "passes through `target`"),
        (two(lambda x, y: apart(x, y) + squared(covariance(x), covariance(detached(x)))), "Only the means"),
        (two(lambda x, y: (average(x) - average(y)) ** 2), "single number"),
        (two(lambda x, y: total((x - y) ** 2)), "do not fit"),
    ],
    "wasserstein": [
        (two(w_of, paired=twice_root, means=0), "distance of the means is missing"),
        (two(w_of, paired=lambda s, t: twice_root(s, t) / 2), "subtracted once"),
        (two(w_of, paired=lambda s, t: -twice_root(s, t)), "is added"),
        (two(w_of, paired=lambda s, t: 0), "root's trace is missing"),
        (two(w_of, paired=lambda s, t: 2 * trace(t @ s)), "outer root"),
        (two(w_of, paired=lambda s, t: 2 * trace(matrix_root(t @ s @ t))), "target itself"),
        (two(w_of, paired=lambda s, t: 2 * trace(matrix_root(s) @ matrix_root(t))), "same axes"),
        (two(apart), "Only the distance of the means"),
        (two(mc_of, covariance=covariance), "another unit"),
        (two(lambda x, y: root(w_of(x, y, twice_root))), "distance itself"),
        (two(lambda x, y: w_of(x, y, twice_root) / x.shape[1]), "number of filters"),
        (two(w_of, paired=twice_root, of=scrambled), "scrambled"),
        (two(lambda x, y: w_of(detached(x), y, twice_root)), "passes through `target`"),
        (two(lambda x, y: float(w_of(x, y, twice_root))), "Python number"),
        (w_no_floor, "not finite"),
        (w_inverted, "have no inverse"),
    ],
    "sliced_wasserstein": [
        (two(sw_of, one=as_is, other=as_is), "Nothing is sorted"),
        (two(sw_of, other=as_is), "Only one of the two"),
        (two(sw_of, one=as_is), "Only one of the two"),
        (two(sw_of, one=lambda x: transposed(in_order(transposed(x))), other=lambda x: transposed(in_order(transposed(x)))), "lines are"),
        (two(sw_of, over=total), "That is the sum"),
        (two(sw_of, how=absolute), "absolute"),
        (two(sw_of, how=as_is), "not squared"),
        (two(lambda x, y, directions: root(sw_of(x, y, directions))), "the root"),
        (two(lambda x, y, directions: sw_of(in_order(x), in_order(y), directions, as_is, as_is)), "project first"),
        (two(lambda x, y, directions: mean((in_order(x) - in_order(y)) ** 2)), "directions are not used"),
        (two(lambda x, y, directions: sw_of(x, y, directions[:1])), "Only the first line"),
        (two(sw_of, of=scrambled), "scrambled"),
        (two(sw_of, over=lambda differences: total(mean(differences, 0))), "summed over the lines"),
        (two(sw_of, over=lambda differences: mean(total(differences, 0))), "summed over the points"),
        (two(lambda x, y, directions: sw_of(detached(x), y, directions)), "passes through `target`"),
        (two(lambda x, y, directions: x @ directions), "do not fit"),
        (two(sw_of, of=lambda activation: constant(detached(cloud(activation)).numpy())), "passes through `directions`"),
    ],
}  # fmt: skip
