"""Answers to masked_gram and match_colours."""

from words import (
    at_least,
    cloud_like,
    constant,
    detached,
    double,
    eigh,
    filters,
    gram,
    inverse,
    mean,
    positions,
    rows,
    selected,
    stack,
    total,
    transposed,
)

# masked_gram


def product(activation, mask):
    f = rows(activation) * rows(mask)
    return f @ transposed(f)


def region(mask):
    """How many positions it has, (B, 1, 1)."""
    return total(rows(mask), 2)[:, :, None]


def masked_both(activation, mask):
    return product(activation, mask) / region(mask)


def masked_one_factor(activation, mask):
    f = rows(activation)
    return (f * rows(mask)) @ transposed(f) / region(mask)


def masked_roots(activation, mask):
    """The Gram matrix per position, of positions that are weighted so that their mean square is 1."""
    share = region(mask) / positions(activation)
    return gram(activation * mask) / share


def masked_image_by_image(activation, mask):
    matrices = []
    for i in range(activation.shape[0]):
        f = selected(rows(activation)[i], rows(mask)[i, 0] > 0)  # (C, n)
        matrices.append(f @ transposed(f) / f.shape[1])
    return stack(matrices)


def masked_double(activation, mask):
    return masked_both(double(activation), double(mask))


# match_colours


def cloud(image):
    return transposed(rows(image))[0]


def moments(points):
    middle = mean(points, 0)
    return middle, transposed(points - middle) @ (points - middle) / points.shape[0]


def matrix_root(matrix, power=0.5):
    values, vectors = eigh(matrix)
    return (vectors * at_least(values, 0) ** power) @ transposed(vectors)


def monge(covariance, target):
    half, undone = matrix_root(covariance), matrix_root(covariance, -0.5)
    return undone @ matrix_root(half @ target @ half) @ undone


def mapped(image, target, of_covariances=monge, offset=lambda m, n: n, start=lambda m, n: m):
    (m, s), (n, t) = moments(cloud(image)), moments(cloud(target))
    moved = (cloud(image) - start(m, n)) @ transposed(of_covariances(s, t)) + offset(m, n)
    return cloud_like(moved, image)


def colours_inverse(image, target):
    (m, s), (n, t) = moments(cloud(image)), moments(cloud(target))
    half = matrix_root(s)
    middle = matrix_root(half @ t @ half)
    return cloud_like((cloud(image) - m) @ inverse(half) @ middle @ inverse(half) + n, image)


def colours_double(image, target):
    return mapped(double(image), double(target))


RIGHT = {
    "masked_gram": {
        "both factors": masked_both,
        "one factor": masked_one_factor,
        "roots": masked_roots,
        "torch: image by image": masked_image_by_image,
        "double": masked_double,
    },
    "match_colours": {
        "roots": mapped,
        "inverse": colours_inverse,
        "double": colours_double,
    },
}

WRONG = {
    "masked_gram": [
        (lambda activation, mask: product(activation, mask) / positions(activation), "all positions"),
        (product, "is not divided"),
        (lambda activation, mask: gram(activation), "mask is not used"),
        (lambda activation, mask: masked_both(activation, 1 - mask), "rest of the image"),
        (lambda activation, mask: product(activation, mask) / total(mask), "all regions of the batch"),
        (lambda activation, mask: masked_both(activation, mask) / filters(activation), "C times"),
        (lambda activation, mask: masked_both(activation, mask)[:1], "Only the first image"),
        (lambda activation, mask: product(activation, mask) / (region(mask) - 1), "less one"),
        (lambda activation, mask: gram(activation) * positions(activation) / region(mask), "mask the activation too"),
        (lambda activation, mask: product(activation, mask) / region(mask) ** 2, "twice"),
        (lambda activation, mask: masked_both(detached(activation), mask), "passes through `mask`"),
        (lambda activation, mask: total(product(activation, mask), 0) / total(mask), "mixed"),
        (lambda activation, mask: masked_both(activation, mask).numpy(), "NumPy where"),
        (lambda activation, mask: rows(activation) * rows(mask), "multiply by the transposed"),
        (lambda activation, mask: (activation * mask) @ (activation * mask), "do not fit"),
    ],
    "match_colours": [
        (lambda image, target: image - mean(image) + mean(target), "one number is added"),
        (lambda image, target: mapped(image, target, lambda s, t: constant([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])), "Only the mean"),
        (lambda image, target: mapped(image, target, offset=lambda m, n: 0), "mean is not added"),
        (lambda image, target: mapped(image, target, offset=lambda m, n: m), "add the target's"),
        (lambda image, target: mapped(image, target, start=lambda m, n: 0), "not subtracted first"),
        (lambda image, target: mapped(image, target, lambda s, t: matrix_root(t) @ matrix_root(s, -0.5)), "whitens with one root"),
        (lambda image, target: mapped(image, target, lambda s, t: t @ inverse(s)), "roots are missing"),
        (lambda image, target: mapped(image, target, lambda s, t: matrix_root(t)), "not whitened"),
        (lambda image, target: mapped(image, target, lambda s, t: matrix_root(s, -0.5)), "whitened only"),
        (lambda image, target: mapped(image, target, lambda s, t: t), "root in the middle"),
        (lambda image, target: cloud_like(cloud(mapped(image, target)), image)[0], "Keep all four axes"),
        (lambda image, target: cloud(mapped(image, target)), "expected the shape of the input image"),
        (lambda image, target: image, "comes back as it is"),
        (lambda image, target: mapped(image, target).numpy(), "NumPy where"),
    ],
}  # fmt: skip

# a graph does not know how many positions a region has
UNUSABLE = {"masked_gram": masked_image_by_image}
