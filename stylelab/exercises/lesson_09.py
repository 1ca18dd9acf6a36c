"""Lesson 09: move a cloud of points: its means and deviations, its whole covariance, and the shortest way there."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.common import (
    PRODUCT_DIFFERS,
    SIZES_DIFFER,
    activation_shape,
    cloud,
    matrix_root,
    moments,
    number,
    random_activation,
    random_image,
)

_MIXED = "The numbers of a point are scrambled: reshape does not move axes. Where does your framework keep the channels?"


def _spread(points, over):
    """Means and deviations, with their axes kept."""
    return points.mean(over, keepdims=True), points.std(over, keepdims=True)


def _at_least(deviation):
    return np.maximum(deviation, 1e-5)


def _rescaled(scale, over=(1, 2), start=lambda mean, wanted: mean, offset=lambda mean, wanted: wanted):
    """scale(own deviation, style's deviation) (x - start) + offset, with means and deviations over these axes."""

    def move(content, style):
        (mean, own), (wanted, deviation) = _spread(content, over), _spread(style, over)
        return scale(_at_least(own), deviation) * (content - start(mean, wanted)) + offset(mean, wanted)

    return move


def _ratio(own, wanted):
    return wanted / own


_adain = _rescaled(_ratio)


def _adain_cases(rng):
    shape = activation_shape(rng)
    batch, height, width, filters = shape
    gains = rng.uniform(0.5, 1.5, (batch, 1, 1, filters)).astype(np.float32)
    content, style = random_activation(rng, shape), gains * (0.3 + random_activation(rng, (batch, 7, 2, filters)))
    silent = content.copy()
    silent[..., rng.integers(filters)] = 0
    own = np.stack([rng.permutation(cloud(one[None])).reshape(height, width, filters) for one in content])
    gain, step = (rng.uniform(low, 1.6, (1, 1, 1, filters)).astype(np.float32) for low in (0.6, 0.2))
    plain = {"content": content, "style": style}
    return {
        "plain": plain,
        "plain: a filter that does not respond": plain | {"content": silent},
        "plain: one image": {"content": content[:1], "style": style[:1]},
        "own": plain | {"style": own},
        "another contrast": plain | {"content": gain * content + step},
    }


def _has_spread(which):
    """Whether the output has the style's means (0) or deviations (1)."""

    def holds(cases, outputs):
        found, wanted = (_spread(array, (1, 2))[which] for array in (outputs["plain"], cases["plain"]["style"]))
        return np.allclose(found, wanted, rtol=2e-3, atol=1e-4)

    return holds


def _moves(cases, outputs, name="content"):
    """Whether there is a change at all: an activation that comes back as it is has some properties of the right one."""
    return not np.allclose(outputs["plain"], cases["plain"][name], atol=2e-2)


def _unbiased(deviation, array):
    number_of = array.shape[1] * array.shape[2]
    return deviation * np.sqrt(number_of / (number_of - 1))


def _from_roots(content, style):
    """The mistake of a root of the mean square in place of a deviation."""
    (mean, _), (wanted, _) = _spread(content, (1, 2)), _spread(style, (1, 2))
    own, length = (np.sqrt(np.mean(array**2, (1, 2), keepdims=True)) for array in (content, style))
    return length / _at_least(own) * (content - mean) + wanted


def _adain_unbiased(content, style, both=True):
    (mean, own), (wanted, deviation) = _spread(content, (1, 2)), _spread(style, (1, 2))
    own = _unbiased(own, content) if both else own
    return _unbiased(deviation, style) / _at_least(own) * (content - mean) + wanted


ADAIN = Exercise(
    id="adain",
    title="Give each filter the mean and the standard deviation that it has in the style: adaptive instance normalisation.",
    arguments={"content": "activation", "style": "activation"},
    result="activation",
    cases=_adain_cases,
    reference=_adain,
    rtol=1e-3,
    atol=1e-3,
    advice={
        SIZES_DIFFER: "Two sizes do not fit. Content and style have different numbers "
        "of positions: compute means over the positions, and keep those axes, with length 1.",
    },
    hints=(
        "First take from each filter of the content its own mean and deviation; then give it those that the same filter has in "
        "the style.",
        "Content and style are [activation]. Means and deviations are taken over height and width, which stay as axes of "
        "length 1: one number for each filter of each image. The result has the content's shape.",
    ),
    mistakes={
        "Only the means are moved: give each filter the style's deviation too.": _rescaled(lambda own, wanted: 1),
        "Only the deviations are right: the content's mean is added at the end, where the style's belongs.":
            _rescaled(_ratio, offset=lambda mean, wanted: mean),
        "The style's mean is not added.": _rescaled(_ratio, offset=lambda mean, wanted: 0),
        "The content's mean is not subtracted before it is rescaled.": [
            _rescaled(_ratio, start=lambda mean, wanted: 0),
            _rescaled(_ratio, start=lambda mean, wanted: 0, offset=lambda mean, wanted: wanted - mean),
            _rescaled(_ratio, start=lambda mean, wanted: 0, offset=lambda mean, wanted: 0),
        ],
        "The style's mean is subtracted from the content: subtract the content's own.": _rescaled(_ratio, start=lambda mean, wanted: wanted),
        "The content is not divided by its own deviation.": _rescaled(lambda own, wanted: wanted),
        "The style's deviation is missing: the result has deviation 1.": _rescaled(lambda own, wanted: 1 / own),
        "That only normalises, which is instance normalisation: give it the style's mean and deviation next.":
            _rescaled(lambda own, wanted: 1 / own, offset=lambda mean, wanted: 0),
        "The two deviations are swapped: divide by the content's, multiply by the style's.": _rescaled(lambda own, wanted: own / _at_least(wanted)),
        "Variances are used where deviations belong: a deviation is the root of a variance.": [
            _rescaled(lambda own, wanted: wanted**2 / own**2),
            _rescaled(lambda own, wanted: wanted**2 / own),
            _rescaled(lambda own, wanted: wanted / own**2),
        ],
        "The deviations are divided by M - 1: divide by the number of positions. Some functions do that only if asked.": [
            _adain_unbiased, lambda content, style: _adain_unbiased(content, style, both=False),
        ],
        "The root of the mean square is not the deviation: subtract the mean before you square.": _from_roots,
        "One mean and one deviation are used for all filters: each filter has its own.": _rescaled(_ratio, over=(1, 2, 3)),
        "Means and deviations are taken over the batch as well: each image has its own.": _rescaled(_ratio, over=(0, 1, 2)),
        "Means and deviations are taken over everything: each filter of each image has its own.": _rescaled(_ratio, over=(0, 1, 2, 3)),
        "Every image gets the statistics of the first style: each has its own.": lambda content, style: _adain(content, style[:1]),
        "Content and style are swapped: the content is moved.": lambda content, style: _adain(style, content),
        "The content comes back as it is.": lambda content, style: content,
        "The style comes back: move the content.": lambda content, style: style,
    },
    properties=(
        Property("the style's means", "Each filter's mean should be the style's.", _has_spread(0)),
        Property("the style's deviations", "Each filter's standard deviation should be the style's.", _has_spread(1)),
        Property("nothing to do", "If means and deviations are the style's already, the content should stay as it is, and only then.",
                 lambda cases, outputs: _moves(cases, outputs) and np.allclose(outputs["own"], cases["own"]["content"], atol=2e-3)),
        Property("ignores contrast", "If a filter of the content responds more strongly, or with more everywhere, the result should not change.",
                 lambda cases, outputs: np.allclose(outputs["another contrast"], outputs["plain"], rtol=5e-3, atol=5e-3)
                 and not np.allclose(outputs["own"], outputs["plain"], atol=2e-2)),
    ),
)  # fmt: skip


def _inverse_root(matrix):
    """The inverse of the root, and 0 in directions without spread."""
    values, vectors = np.linalg.eigh(matrix)
    spread = values > 1e-7 * values[-1]
    return vectors * np.where(spread, np.where(spread, values, 1) ** -0.5, 0) @ vectors.T


def _whitened(of_covariance, covariance=lambda points: moments(points)[1], start=lambda points: points.mean(0), points=cloud):
    """of_covariance(S) (x - mean), of an activation's points."""

    def move(activation):
        x = points(activation)
        return ((x - start(x)) @ of_covariance(covariance(x)).T).reshape(activation.shape)

    return move


_whiten = _whitened(_inverse_root)


def _tangled(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Responses of filters that respond together, each with a spread of its own; enough points that their covariance is well behaved."""
    filters = shape[3]
    mixing = 0.55 * np.eye(filters) + rng.uniform(0, 0.4, (filters, filters))
    mixing *= rng.uniform(0.7, 1.4, (1, filters))
    return (random_image(rng, shape, 0, 2) @ mixing).astype(np.float32)


def _wide_shape(rng: np.random.Generator) -> tuple[int, int, int, int]:
    height, width = rng.permutation([5, 6, 7, 8])[:2]
    return 1, int(height), int(width), int(rng.integers(3, 5))


def _whiten_cases(rng):
    activation = _tangled(rng, _wide_shape(rng))
    filters = activation.shape[3]
    silent = activation.copy()
    silent[..., rng.integers(filters)] = 0
    white = _whiten(activation.astype(float)) + rng.uniform(0.5, 1.5, filters)
    plain = {"activation": activation}
    return {
        "plain": plain,
        "plain: another size": {"activation": _tangled(rng, (1, 4, 9, filters))},
        "plain: a filter that does not respond": {"activation": silent},
        "white": {"activation": white.astype(np.float32)},
        "brighter": {"activation": activation + rng.uniform(0.4, 1.2, filters).astype(np.float32)},
        "doubled": {"activation": np.float32(number(rng, 1.5, 3)) * activation},
    }


def _squared_way(one, other):
    """How far points have moved, on average, squared."""
    return np.mean(np.sum((one - other) ** 2, -1))


def _white(cases, outputs):
    return np.allclose(moments(cloud(outputs["plain"]))[1], np.eye(outputs["plain"].shape[3]), atol=5e-3)


def _moved_least(cases, outputs):
    """No other white cloud with mean 0 is nearer."""
    activation = cases["plain"]["activation"]
    return _white(cases, outputs) and np.isclose(
        _squared_way(activation, outputs["plain"]), _squared_way(activation, _whiten(activation)), rtol=2e-3
    )


def _scrambled(activation):
    return activation.reshape(activation.shape[3], -1).T


def _as_the_other_half_reads(activation):
    return np.moveaxis(activation, 3, 1).reshape(-1, activation.shape[3])


def _turned(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return (vectors / np.sqrt(np.maximum(values, 1e-9))).T


_FURTHER = "It is white, but points have moved further than they have to: after the division, turn back to the filters' own axes."

WHITEN = Exercise(
    id="whiten",
    title="Whiten an activation: make every mean 0 and the covariance 1, and move the points as little as possible.",
    arguments={"activation": "activation"},
    result="activation",
    cases=_whiten_cases,
    reference=_whiten,
    rtol=2e-3,
    atol=3e-3,
    advice={
        r"linalg\.(inv|cholesky)|not invertible|not positive|[Ss]ingular|Cholesky": "A filter that never responds leaves a covariance without an inverse "
        "and without a Cholesky factor: take eigenvalues, and raise those near 0.",
        PRODUCT_DIFFERS:
            "Two sizes do not fit: print the shapes. Make points (M, C) first, one in each row, and go back to the activation's axes at the end.",
    },
    hints=(
        "Turn the centred cloud to the axes along which nothing responds together, divide by the deviation along each of them, "
        "and turn it back.",
        "From [activation] make points (M, C), with mean (C,) and covariance (C, C). Its C eigenvalues and C eigenvectors, in "
        "columns, make a matrix (C, C). Times it, points are (M, C) again: restore the axes.",
    ),
    mistakes={
        "Only the mean is subtracted.": _whitened(lambda covariance: np.eye(len(covariance))),
        "Each filter is divided by its own deviation, so filters still respond together: use the whole covariance.":
            _whitened(lambda covariance: np.diag(1 / _at_least(np.sqrt(np.diag(covariance))))),
        "The mean is not subtracted from the points.": _whitened(_inverse_root, start=lambda points: 0),
        "The mean is not subtracted before the covariance is taken: that is a Gram matrix.": [
            _whitened(_inverse_root, covariance=lambda points: points.T @ points / len(points)),
            _whitened(_inverse_root, covariance=lambda points: points.T @ points / len(points), start=lambda points: 0),
        ],
        "The root is multiplied where its inverse belongs.": _whitened(matrix_root),
        "The root is missing: that divides by the covariance itself.": _whitened(lambda covariance: np.linalg.pinv(covariance, rcond=1e-6)),
        "The points are multiplied by the covariance: divide by its root.": _whitened(lambda covariance: covariance),
        "The points are only turned onto the principal axes: divide by the deviations along them.":
            _whitened(lambda covariance: np.linalg.eigh(covariance)[1].T),
        _FURTHER: [
            _whitened(_turned),
            _whitened(lambda covariance: np.linalg.inv(np.linalg.cholesky(covariance + 1e-12 * np.eye(len(covariance))))),
            _whitened(lambda covariance: np.linalg.inv(np.linalg.cholesky(covariance + 1e-12 * np.eye(len(covariance)))).T),
        ],
        "The root is taken of each entry: the root of a matrix is the one that gives the matrix when multiplied by itself.":
            _whitened(lambda covariance: np.linalg.pinv(np.sqrt(np.abs(covariance)), rcond=1e-6)),
        "The covariance is divided by M - 1: divide it by the number of positions.":
            _whitened(_inverse_root, covariance=lambda points: np.cov(points.T)),
        "The covariance is not divided by the number of positions.":
            _whitened(_inverse_root, covariance=lambda points: moments(points)[1] * len(points)),
        "One number is subtracted from all filters: each filter has a mean of its own.": [
            _whitened(_inverse_root, start=lambda points: points.mean()),
            _whitened(_inverse_root, start=lambda points: points.mean(), covariance=lambda points: (
                points - points.mean()).T @ (points - points.mean()) / len(points)),
        ],
        "The mean is added again at the end: leave every mean at 0.": lambda activation: _whiten(activation) + activation.mean((1, 2)),
        _MIXED: [_whitened(_inverse_root, points=_scrambled), _whitened(_inverse_root, points=_as_the_other_half_reads)],
        "The activation comes back as it is.": lambda activation: activation,
    },
    properties=(
        Property("mean 0", "Every filter's mean should be 0.",
                 lambda cases, outputs: np.allclose(outputs["plain"].mean((1, 2)), 0, atol=2e-3) and np.abs(outputs["plain"]).max() > 0.5),
        Property("covariance 1", "Every filter's variance should be 1, and no two should respond together.", _white),
        Property("the shortest way", "It should be white, and the points moved as little as that allows.", _moved_least),
        Property("nothing to do", "If the covariance is 1 already, only the mean should change.",
                 lambda cases, outputs: _moves(cases, outputs, "activation") and np.allclose(
                     outputs["white"], cases["white"]["activation"] - cases["white"]["activation"].mean((1, 2), keepdims=True), atol=5e-3)
                 and not np.allclose(outputs["plain"] + cases["plain"]["activation"].mean((1, 2)), cases["plain"]["activation"], atol=2e-2)),
        Property("ignores brightness and contrast", "If all filters respond with more, or all more strongly, the result should not change.",
                 lambda cases, outputs: all(np.allclose(outputs[name], outputs["plain"], atol=5e-3) for name in ("brighter", "doubled"))
                 and np.ptp(outputs["plain"]) > 0.5),
    ),
)  # fmt: skip


def _transport_map(covariance, target):
    root, inverse = matrix_root(covariance), np.linalg.inv(matrix_root(covariance))
    return inverse @ matrix_root(root @ target @ root) @ inverse


def _covariance(rng: np.random.Generator, filters: int, low: float, high: float) -> np.ndarray:
    """A covariance with deviations in this range along axes that are not the filters'."""
    axes = np.linalg.qr(rng.normal(size=(filters, filters)))[0]
    deviations = np.linspace(low, high, filters) * rng.uniform(0.9, 1.1, filters)
    return (axes * deviations**2 @ axes.T).astype(np.float32)


def _transport_cases(rng):
    filters = int(rng.integers(3, 6))
    covariance, target = _covariance(rng, filters, 0.6, 1.4), _covariance(rng, filters, 0.5, 1.9)
    direction = rng.normal(size=(filters, 1))
    line = (number(rng, 1, 2) * direction @ direction.T / np.sum(direction**2)).astype(np.float32)
    other = {2: 4, 3: 4, 4: 3, 5: 3}[filters]
    plain = {"covariance": covariance, "target": target}
    return {
        "plain": plain,
        "plain: another number of filters": {
            "covariance": _covariance(rng, other, 0.6, 1.4), "target": _covariance(rng, other, 0.5, 1.9)
        },
        "plain: a style whose points lie on a line": plain | {"target": line},
        "own": {"covariance": covariance, "target": covariance.copy()},
        "back": {"covariance": target, "target": covariance},
        "four times": plain | {"target": 4 * target},
    }  # fmt: skip


def _reaches(cases, outputs):
    case, found = cases["plain"], outputs["plain"]
    return np.allclose(found @ case["covariance"] @ found.T, case["target"], atol=5e-3)


def _undone(covariance, target):
    """The map that whitens by one root and colours by the other."""
    return matrix_root(target) @ np.linalg.inv(matrix_root(covariance))


def _lower(covariance):
    return np.linalg.cholesky(covariance + 1e-12 * np.eye(len(covariance)))


def _axes(covariance):
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 0)), vectors / np.sqrt(np.maximum(values, 1e-9))


_LONGER = ": it reaches the style's covariance, but it is not symmetric, so the points move further than they have to."

TRANSPORT_MAP = Exercise(
    id="transport_map",
    title="Find the matrix that moves a cloud's covariance to another one, and its points as little as possible.",
    arguments={"covariance": "matrix", "target": "matrix"},
    result="matrix",
    cases=_transport_cases,
    reference=_transport_map,
    rtol=2e-3,
    atol=3e-3,
    advice={
        r"linalg\.cholesky|not positive|Cholesky": "A style whose points lie on a line has a covariance without a Cholesky factor: take roots of eigenvalues.",
        r"singular|[Nn]ot invertible|linalg\.inv": "A style whose points lie on a line has a covariance without an inverse: only the content's is needed.",
    },
    hints=(
        "The equation in the text says what the square of some product is. So take a root to find the product, and then take "
        "from it, on both sides, what is not A.",
        "All matrices are (C, C). First comes the root of S; then a product of three, and its root; last the inverse of the "
        "first root, on the left and on the right.",
    ),
    mistakes={
        f"That whitens with one root and colours with the other{_LONGER}": [
            _undone, lambda covariance, target: np.linalg.inv(matrix_root(covariance)) @ matrix_root(target),
        ],
        f"That uses Cholesky factors{_LONGER}": lambda covariance, target: _lower(target) @ np.linalg.inv(_lower(covariance)),
        f"That maps along principal axes{_LONGER}": lambda covariance, target: _axes(target)[0] @ _axes(covariance)[1].T,
        "The map goes the wrong way, from the style to the content.": [
            lambda covariance, target: np.linalg.pinv(_transport_map(covariance, target), rcond=1e-6),
            lambda covariance, target: None if np.linalg.cond(target) > 1e6 else _transport_map(target, covariance),
        ],
        "The root in the middle is missing: what stands there is the square of what you look for.": [
            lambda covariance, target: target,
            lambda covariance, target: matrix_root(covariance) @ target @ matrix_root(covariance),
            lambda covariance, target: np.linalg.inv(matrix_root(covariance)) @ matrix_root(covariance) @ target,
        ],
        "The content's root is multiplied to both sides and not taken away again: that is not yet A.":
            lambda covariance, target: matrix_root((root := matrix_root(covariance)) @ target @ root),
        "The content's root is taken away on one side only: it stands on both sides of A.": [
            lambda covariance, target: _transport_map(covariance, target) @ matrix_root(covariance),
            lambda covariance, target: matrix_root(covariance) @ _transport_map(covariance, target),
        ],
        "The outer factors are the content's root: they should be its inverse.":
            lambda covariance, target: (root := matrix_root(covariance)) @ matrix_root(root @ target @ root) @ root,
        "The inner factors are the content's covariance, where its root belongs.": [
            lambda covariance, target: np.linalg.inv(covariance) @ matrix_root(covariance @ target @ covariance) @ np.linalg.inv(covariance),
            lambda covariance, target: np.linalg.inv(matrix_root(covariance)) @ matrix_root(covariance @ target @ covariance)
            @ np.linalg.inv(matrix_root(covariance)),
        ],
        "The inner factors are inverse roots: there the roots themselves belong.":
            lambda covariance, target: (inverse := np.linalg.inv(matrix_root(covariance))) @ matrix_root(inverse @ target @ inverse) @ inverse,
        "Only the variances are used: a covariance also says which filters respond together.":
            lambda covariance, target: np.diag(np.sqrt(np.diag(target) / np.diag(covariance))),
        "The roots are missing: a covariance is a square, so a map is like the root of a quotient.": [
            lambda covariance, target: target @ np.linalg.inv(covariance), lambda covariance, target: np.linalg.inv(covariance) @ target,
        ],
        "The style's root colours points that are not white: undo the content's covariance first.": lambda covariance, target: matrix_root(target),
        "The content's covariance is undone only: give it the style's next.": lambda covariance, target: np.linalg.inv(matrix_root(covariance)),
        "Roots are taken of each entry: the root of a matrix is the one that gives the matrix when multiplied by itself.":
            lambda covariance, target: np.linalg.pinv(root := np.sqrt(np.abs(covariance))) @ np.sqrt(np.abs(root @ target @ root)) @ np.linalg.pinv(root),
    },
    properties=(
        Property("reaches the style", "Moved by A, the content's covariance should be the style's: A S A' = T.", _reaches),
        Property("symmetric", "A should be symmetric, with no eigenvalue below 0, as the shortest way is.",
                 lambda cases, outputs: np.allclose(outputs["plain"], outputs["plain"].T, atol=2e-3)
                 and np.linalg.eigvalsh((outputs["plain"] + outputs["plain"].T) / 2).min() > -1e-3
                 and _reaches(cases, outputs)),
        Property("there and back", "The map back, from the style to the content, should undo it.",
                 lambda cases, outputs: np.allclose(outputs["back"] @ outputs["plain"], np.eye(len(outputs["plain"])), atol=1e-2)
                 and not np.allclose(outputs["plain"], np.eye(len(outputs["plain"])), atol=2e-2)),
        Property("nothing to do", "If the two covariances are the same, nothing should move, and only then.",
                 lambda cases, outputs: np.allclose(outputs["own"], np.eye(len(outputs["own"])), atol=3e-3)
                 and not np.allclose(outputs["plain"], np.eye(len(outputs["plain"])), atol=2e-2)),
        Property("twice as far, for twice the deviations", "If the style's deviations are twice as large, so should A be.",
                 lambda cases, outputs: np.allclose(outputs["four times"], 2 * outputs["plain"], rtol=5e-3, atol=5e-3)
                 and np.abs(outputs["plain"]).max() > 0.05),
    ),
)  # fmt: skip
