"""Lesson 07: where, and in what colour: the Gram matrix of a region, and the colours of another image."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.common import (
    PRODUCT_DIFFERS,
    activation_shape,
    cloud,
    gram,
    gram_product,
    matrix_root,
    moments,
    number,
    positions,
    random_activation,
    random_image,
)


def _masked_product(activation, mask):
    return gram_product(activation * mask)  # a mask of 0 and 1 is its own square


def _masked_gram(activation, mask):
    return _masked_product(activation, mask) / _region(mask)


def _region(mask):
    """How many positions each image's region has, (B, 1, 1)."""
    return mask.sum((1, 2))[:, :, None]


def _masked_cases(rng):
    activation = random_activation(rng, activation_shape(rng))
    batch, height, width, _ = activation.shape
    ranks = np.stack([rng.permutation(height * width) for _ in range(batch)])
    sizes = rng.permutation(np.arange(4, 4 + batch))[:, None]  # each image's region has another one
    mask = (ranks < sizes).astype(np.float32).reshape(batch, height, width, 1)
    one = (ranks < 1).astype(np.float32).reshape(mask.shape)
    more = random_activation(rng, activation.shape)
    return {
        "plain": {"activation": activation, "mask": mask},
        "plain: a region of one position": {"activation": activation, "mask": one},
        "plain: one image": {"activation": activation[:1], "mask": mask[:1]},
        "elsewhere": {"activation": activation + (1 - mask) * more, "mask": mask},
        "inside": {"activation": activation + mask * more, "mask": mask},
        "whole": {"activation": activation, "mask": np.ones_like(mask)},
        "constant": {"activation": np.full(activation.shape, number(rng, 0.5, 0.9), np.float32), "mask": mask},
    }


def _centred_in_region(activation, mask):
    mean = (activation * mask).sum((1, 2), keepdims=True) / mask.sum((1, 2), keepdims=True)
    return (activation - mean) * mask


MASKED_GRAM = Exercise(
    id="masked_gram",
    title="Compute the Gram matrix of a region: of the positions that a mask selects, divided by their number.",
    arguments={"activation": "activation", "mask": "image"},
    result="matrix",
    cases=_masked_cases,
    reference=_masked_gram,
    differentiable=("activation",),
    advice={
        r"size for first two dimensions|[Mm]atrix size": "The two factors do not fit: flatten height and width first, and swap the last two axes "
        "of one factor.",
        r"must match|must be equal|[Ii]ncompatible shapes|[Ss]hape mismatch|does not match the shape|broadcast": "Two sizes do not fit. The mask "
        "has one channel, which fits any number of filters as long as all four axes are there.",
    },
    hints=(
        "Positions outside the region should add nothing to the products of the filters. What is left is a sum over the region: "
        "divide it by the number of that region's positions.",
        "Flatten height and width of [activation] and of its mask to HW positions, and mask one of the two factors. The "
        "product over positions is (B, C, C); each image's mask sums to one number, (B, 1, 1).",
    ),
    mistakes={
        "The product is divided by H W, the number of all positions: divide it by the number of the region's.":
            lambda activation, mask: _masked_product(activation, mask) / positions(activation),
        "The product is not divided: divide it by the number of the region's positions.": _masked_product,
        "The mask is not used: that is the Gram matrix of the whole.": [
            lambda activation, mask: gram(activation), lambda activation, mask: gram_product(activation),
        ],
        "That multiplies all positions, and divides by the number of the region's: mask the activation too.":
            lambda activation, mask: gram_product(activation) / _region(mask),
        "That is the rest of the image: the region is where the mask is 1.": [
            lambda activation, mask: _masked_product(activation, 1 - mask) / _region(1 - mask),
            lambda activation, mask: _masked_product(activation, 1 - mask) / _region(mask),
        ],
        "The product is divided by the positions of all regions of the batch: each image has a mask of its own.":
            lambda activation, mask: _masked_product(activation, mask) / mask.sum(),
        "The product is divided by the mean number of positions of the batch: each image has a mask of its own.":
            lambda activation, mask: _masked_product(activation, mask) / (mask.sum() / len(mask)),
        "It is divided by the number of the region's positions twice: divide the product once, not both of its factors.":
            lambda activation, mask: _masked_product(activation, mask) / _region(mask) ** 2,
        "The product is divided by C times the number of positions: divide it by the number of positions alone.":
            lambda activation, mask: _masked_gram(activation, mask) / activation.shape[3],
        "The product is divided by the number of positions less one: divide it by the number of positions.":
            lambda activation, mask: _masked_product(activation, mask) / (_region(mask) - 1),
        "The product is multiplied by the region's share: divide it by the number of its positions.":
            lambda activation, mask: _masked_product(activation, mask) / positions(activation) * _region(mask) / positions(activation),
        "The region's mean is subtracted, which gives its covariance: a Gram matrix keeps the mean.":
            lambda activation, mask: gram_product(_centred_in_region(activation, mask)) / _region(mask),
        "Every image is masked with the first mask: each has its own.":
            lambda activation, mask: _masked_gram(activation, mask[:1].repeat(len(mask), 0)),
        "Only the first image of the batch is used: keep the batch axis, with one matrix for each image.": [
            lambda activation, mask: _masked_gram(activation, mask)[:1],
            lambda activation, mask: _masked_gram(activation, mask)[0],
        ],
        "The images of the batch are mixed: keep the batch axis, with one matrix for each image.": [
            lambda activation, mask: _masked_product(activation, mask).sum(0) / mask.sum(),
            lambda activation, mask: _masked_product(activation, mask).sum(0),
        ],
        "Only the diagonal is filled: each filter should meet every other filter too.":
            lambda activation, mask: _masked_gram(activation, mask) * np.eye(activation.shape[3]),
        "Each filter is summed over the region before two filters are multiplied: multiply first, position by position.":
            lambda activation, mask: np.einsum("bi,bj->bij", *2 * ((activation * mask).sum((1, 2)) / mask.sum((1, 2)),)),
    },
    properties=(
        Property("symmetric", "The matrix should be symmetric: filter i with j is the same as filter j with i.",
                 lambda cases, outputs: np.allclose(outputs["plain"], outputs["plain"].swapaxes(1, 2), rtol=1e-4)),
        Property("ignores the rest", "What the filters respond outside the region should not matter.",
                 lambda cases, outputs: np.allclose(outputs["elsewhere"], outputs["plain"], rtol=1e-3)
                 and not np.allclose(outputs["inside"], outputs["plain"], rtol=1e-2)),
        Property("the Gram matrix, of the whole", "If the mask is 1 everywhere, it should be the ordinary Gram matrix per position.", case="whole"),
        Property("as large for a small region", "For an activation that is x everywhere, each entry should be x^2, whatever the region's size.",
                 lambda cases, outputs: np.allclose(outputs["constant"], gram(cases["constant"]["activation"]), rtol=1e-4)),
    ),
)  # fmt: skip


def _monge(covariance, target):
    """The symmetric A with A covariance A = target."""
    root = matrix_root(covariance)
    inverse = np.linalg.inv(root)
    return inverse @ matrix_root(root @ target @ root) @ inverse


def _mapped(of_covariances, offset=lambda mean, target: target, start=lambda mean: mean):
    """x' = A (x - mean) + target's mean, with A of the two covariances."""

    def match(image, target):
        (mean, covariance), (wanted, wanted_covariance) = moments(cloud(image)), moments(cloud(target))
        moved = (cloud(image) - start(mean)) @ of_covariances(covariance, wanted_covariance).T + offset(mean, wanted)
        return moved.reshape(image.shape)

    return match


_match_colours = _mapped(_monge)


def _coloured(rng: np.random.Generator, shape: tuple[int, ...], widest: float) -> np.ndarray:
    """Pixels whose colours hang together: noise along three axes that are not the channels, well within 0..1."""
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0] * (widest * np.array([[1.0], [0.7], [0.45]]))
    return (rng.uniform(0.42, 0.58, 3) + random_image(rng, shape, -1, 1) @ axes).astype(np.float32)


def _grey(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random_image(rng, (*shape[:3], 1), 0.3, 0.7).repeat(3, -1)


def _colour_cases(rng):
    (height, width), (other_height, other_width) = rng.permutation([5, 6, 7])[:2], rng.permutation([8, 9, 4])[:2]
    image = _coloured(rng, (1, int(height), int(width), 3), 0.24)
    target = _coloured(rng, (1, int(height), int(width), 3), 0.16)
    plain = {"image": image, "target": target}
    own = rng.permutation(cloud(image)).reshape(image.shape)
    return {
        "plain": plain,
        "plain: a target of another size": plain | {"target": _coloured(rng, (1, int(other_height), int(other_width), 3), 0.16)},
        "plain: a grey target": plain | {"target": _grey(rng, image.shape)},
        "own": plain | {"target": own},
        "turned": plain | {"image": np.ascontiguousarray(image[:, ::-1, ::-1])},
    }


def _squared_way(one, other):
    """How far pixels are apart on average, squared."""
    return np.mean(np.sum((one - other) ** 2, -1))


def _has_moments(output, target, which):
    return np.allclose(moments(cloud(output))[which], moments(cloud(target))[which], rtol=5e-3, atol=2e-4)


def _shortest(cases, outputs):
    case = cases["plain"]
    right = _match_colours(**case)
    return np.isclose(_squared_way(case["image"], outputs["plain"]), _squared_way(case["image"], right), rtol=5e-3)


def _moves(cases, outputs):
    """Whether there is a change at all: an image that comes back as it is has some properties of the right one."""
    return not np.allclose(outputs["plain"], cases["plain"]["image"], atol=2e-2)


def _principal(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0)), values


MATCH_COLOURS = Exercise(
    id="match_colours",
    title="Give an image the mean and the covariance of another image's colours, and move its pixels as little as possible.",
    arguments={"image": "image", "target": "image"},
    result="image",
    cases=_colour_cases,
    reference=_match_colours,
    rtol=1e-3,
    atol=2e-3,  # less than a shade of 255
    advice={
        r"linalg\.cholesky|not positive|Cholesky": "A grey image's covariance has no Cholesky factor, and its map is not the shortest: take roots of eigenvalues.",
        r"singular|not invertible|linalg\.inv": "A grey target's covariance has no inverse: only the image's is needed.",
        PRODUCT_DIFFERS:
            "Two sizes do not fit. Make points (M, 3) of the pixels first: image and target may have different numbers of them.",
    },
    hints=(
        "First take the image's mean away, then move its spread by the matrix A, then add the target's mean. In A, roots of "
        "covariances stand inside, and inverse roots on both sides of them.",
        "From [image] make pixels (M, 3), with mean (3,) and covariance (3, 3), for both. Each root, and A, is (3, 3). Centred "
        "pixels times A are (M, 3) again: add the mean, and restore the axes.",
    ),
    mistakes={
        "Only the mean is matched: match the covariance too.": _mapped(lambda covariance, target: np.eye(3)),
        "Each colour is matched by itself, in mean and deviation: the covariance also says which colours go together.":
            _mapped(lambda covariance, target: np.diag(np.sqrt(np.diag(target) / np.diag(covariance)))),
        "The target's mean is not added.": _mapped(_monge, offset=lambda mean, target: 0),
        "The image's own mean is added at the end: add the target's.": _mapped(_monge, offset=lambda mean, target: mean),
        "The image's mean is not subtracted first.": _mapped(_monge, start=lambda mean: 0),
        "The target's mean is subtracted from the image: subtract the image's own.": lambda image, target: (
            (cloud(image) - (mean := moments(cloud(target))[0])) @ _monge(moments(cloud(image))[1], moments(cloud(target))[1]) + mean
        ).reshape(image.shape),
        "The two covariances are swapped: the map goes from the image's colours to the target's.":
            _mapped(lambda covariance, target: np.linalg.pinv(_monge(covariance, target), rcond=1e-4)),
        "That whitens with one root and colours with the other: mean and covariance are right, but the pixels move further than they have to.":
            _mapped(lambda covariance, target: matrix_root(target) @ np.linalg.inv(matrix_root(covariance))),
        "That maps along principal axes: mean and covariance are right, but the pixels move further than they have to.":
            _mapped(lambda covariance, target: _principal(target)[0] @ np.diag(_principal(covariance)[1] ** -0.5) @ np.linalg.eigh(covariance)[1].T),
        "That uses Cholesky factors: mean and covariance are right, but the pixels move further than they have to.": _mapped(
            lambda covariance, target: np.linalg.cholesky(target + 1e-12 * np.eye(3)) @ np.linalg.inv(np.linalg.cholesky(covariance))),
        "The pixels are whitened only: give them the target's covariance as well.": _mapped(
            lambda covariance, target: np.linalg.inv(matrix_root(covariance))),
        "The target's root is multiplied to pixels that are not whitened: undo the image's own covariance first.":
            _mapped(lambda covariance, target: matrix_root(target)),
        "The roots are missing: a covariance is a square, so take the root of the ratio.":
            _mapped(lambda covariance, target: target @ np.linalg.inv(covariance)),
        "The root in the middle is missing.": _mapped(lambda covariance, target: target),
        "One of the outer factors is missing: the inverse root stands on both sides.": [
            _mapped(lambda covariance, target: _monge(covariance, target) @ matrix_root(covariance)),
            _mapped(lambda covariance, target: matrix_root(covariance) @ _monge(covariance, target)),
        ],
        "The outer factors are not inverted.": _mapped(lambda covariance, target: (
            root := matrix_root(covariance)) @ matrix_root(root @ target @ root) @ root),
        "The colours are shifted by one number: each colour has a mean of its own.":
            _mapped(_monge, offset=lambda mean, target: target.mean(), start=lambda mean: mean.mean()),
        "To all colours, one number is added: each colour has a mean of its own, and the covariance is to be matched too.":
            lambda image, target: image - image.mean() + target.mean(),
        "The image comes back as it is.": lambda image, target: image,
        "The channels are in another order: where does your framework keep them?": lambda image, target: _match_colours(image, target)[..., ::-1],
    },
    properties=(
        Property("the target's mean", "The mean of each colour should be the target's.",
                 lambda cases, outputs: _has_moments(outputs["plain"], cases["plain"]["target"], 0)),
        Property("the target's covariance", "The covariance of the colours should be the target's.",
                 lambda cases, outputs: _has_moments(outputs["plain"], cases["plain"]["target"], 1)),
        Property("the shortest way", "The pixels should move as little as possible, and not less.", _shortest),
        Property("nothing to do", "If the colours are those of the target already, the image should stay as it is, and only then.",
                 lambda cases, outputs: _moves(cases, outputs) and np.allclose(outputs["own"], cases["own"]["image"], atol=2e-3)),
        Property("each pixel alone", "If the image is turned upside down, so should the result be: only a pixel's colour counts, not its place.",
                 lambda cases, outputs: _moves(cases, outputs)
                 and np.allclose(outputs["turned"][:, ::-1, ::-1], outputs["plain"], atol=2e-3)),
    ),
)  # fmt: skip
