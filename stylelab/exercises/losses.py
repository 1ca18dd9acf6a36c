"""Exercises on what an image must match: content, Gram matrices, style."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.image import vanishes
from stylelab.exercises.random_inputs import activation_shape, number, random_image


def _activation(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """After a ReLU nothing is negative."""
    return random_image(rng, shape, 0.1, 2)


def _places(activation) -> int:
    """H W."""
    return activation.shape[1] * activation.shape[2]


def _shuffled(rng: np.random.Generator, activation: np.ndarray) -> np.ndarray:
    """The same answers of the filters at other places."""
    batch, _, _, filters = activation.shape
    return rng.permutation(activation.reshape(batch, -1, filters), axis=1).reshape(activation.shape)


def _content_cases(rng):
    shape = activation_shape(rng)
    activation, target = _activation(rng, shape), _activation(rng, shape)
    return {
        "plain": {"activation": activation, "target": target},
        "same": {"activation": target.copy(), "target": target},
        "near": {"activation": target + (activation - target) / 100, "target": target},
        "double": {"activation": target + 2 * (activation - target), "target": target},
    }


def _mean_square(activation, target):
    return np.mean((activation - target) ** 2)


CONTENT_LOSS = Exercise(
    id="content_loss",
    title="The mean squared difference between two activations.",
    arguments={"activation": "activation", "target": "activation"},
    result="scalar",
    cases=_content_cases,
    reference=_mean_square,
    differentiable="activation",
    mistakes=(
        Mistake("That is the sum where the mean is asked for: divide by the number of entries.",
                lambda activation, target: np.sum((activation - target) ** 2)),
        Mistake("That is half the sum, as Gatys has it: here the mean is asked for.",
                lambda activation, target: np.sum((activation - target) ** 2) / 2),
        Mistake("That is half of it: here the plain mean is asked for, without 1/2 or 1/4.",
                lambda activation, target: _mean_square(activation, target) / 2),
        Mistake("That is a quarter of it: here the plain mean is asked for, without 1/2 or 1/4.",
                lambda activation, target: _mean_square(activation, target) / 4),
        Mistake("Summed over the filters: take the mean over all entries.",
                lambda activation, target: _mean_square(activation, target) * activation.shape[3]),
        Mistake("That is the length of the difference, the root of the sum of squares: take the mean of the squares.",
                lambda activation, target: np.sqrt(np.sum((activation - target) ** 2))),
        Mistake("The squares are subtracted: subtract first, then square.",
                lambda activation, target: np.mean(activation**2 - target**2)),
        Mistake("The activations are added: square their difference.", lambda activation, target: np.mean((activation + target) ** 2)),
        Mistake("Only the first image of the batch counts: take the mean over all.",
                lambda activation, target: _mean_square(activation[0], target[0])),
        Mistake("That compares what each filter answers on the average, and forgets places: compare place by place.",
                lambda activation, target: np.mean((activation.mean((1, 2)) - target.mean((1, 2))) ** 2)),
        Mistake("Divided by C H W but not by the batch: take the mean over all entries.",
                lambda activation, target: np.sum((activation - target) ** 2) / activation[0].size),
        Mistake("Divided by H W only, so the normalisation by the number of filters and images is forgotten.",
                lambda activation, target: np.sum((activation - target) ** 2) / _places(activation)),
        Mistake("The differences are not squared, so errors of opposite sign cancel.",
                lambda activation, target: np.mean(activation - target)),
        Mistake("The differences are not squared, so errors of opposite sign cancel.",
                lambda activation, target: np.mean(target - activation)),
        Mistake("That is the mean absolute difference: square instead of taking the absolute value.",
                lambda activation, target: np.mean(np.abs(activation - target))),
        Mistake("That is the root of the mean square: leave the root out.",
                lambda activation, target: np.sqrt(_mean_square(activation, target))),
        Mistake("That squares the difference of the means: square every difference first, then take the mean.",
                lambda activation, target: (activation.mean() - target.mean()) ** 2),
        Mistake("That compares Gram matrices, which forget places: content is compared place by place.",
                lambda activation, target: np.mean((gram(activation) - gram(target)) ** 2)),
    ),
    properties=(
        Property("zero at the target", "It is not 0 when activation and target are the same.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("quadratic", "Twice the difference must give four times the loss.",
                 lambda cases, outputs: np.isclose(outputs["double"], 4 * outputs["plain"], rtol=1e-3)),
    ),
)  # fmt: skip


def _product(activation, axes="bhwi,bhwj->bij"):
    return np.einsum(axes, activation, activation)


def gram(activation):
    return _product(activation) / _places(activation)


def _scrambled_first(activation):
    """(B, H, W, C) memory read as (B, C, H W): a reshape where a transpose was needed."""
    rows = activation.reshape(len(activation), activation.shape[3], -1)
    return rows @ rows.transpose(0, 2, 1)


def _scrambled_last(activation):
    """(B, C, H, W) memory read as (B, H W, C)."""
    rows = np.moveaxis(activation, 3, 1).reshape(len(activation), -1, activation.shape[3])
    return rows.transpose(0, 2, 1) @ rows


def _stacked(activation):
    rows = np.moveaxis(activation, 3, 1).reshape(-1, _places(activation))  # (B C, H W): the filters of all images in one matrix
    return rows @ rows.T


def _transposed(activation):
    rows = activation.reshape(len(activation), -1, activation.shape[3])
    return rows @ rows.transpose(0, 2, 1)


def _divided(hint: str, product, by: str) -> Mistake:
    """The mistake that gives this product divided by sides of the activation, such as 'HW'."""
    return Mistake(hint, lambda activation: product(activation) / np.prod([activation.shape["BHWC".index(side)] for side in by]))


def _gram_cases(rng):
    activation = _activation(rng, activation_shape(rng))
    return {
        "plain": {"activation": activation},
        "tripled": {"activation": 3 * activation},
        "shuffled": {"activation": _shuffled(rng, activation)},
        "constant": {"activation": np.full(activation.shape, number(rng, 0.5, 0.9), np.float32)},
    }


_AXES = "The sums run over the wrong axis: {} stand where the filters should. Mind where your framework keeps the channels."
_RESHAPE = (
    "The shape is right but the entries are scrambled: reshape does not move axes, so transpose first (channels last or first?)."
)
_BATCH = "The images of a batch are mixed: keep the batch axis apart, one matrix for each image."

GRAM_MATRIX = Exercise(
    id="gram_matrix",
    title="Which filters answer together: F F^T / (H W) for each image of a batch.",
    arguments={"activation": "activation"},
    result="matrix",
    cases=_gram_cases,
    reference=gram,
    differentiable="activation",
    mistakes=(
        Mistake("The normalisation is forgotten: divide by H W, the number of places.", _product),
        Mistake("Divided by C H W: divide by the number of places H W alone.", lambda activation: gram(activation) / activation.shape[3]),
        Mistake("Divided by B H W: divide by the number of places H W alone.", lambda activation: gram(activation) / len(activation)),
        Mistake("Divided by B C H W: divide by the number of places H W alone.",
                lambda activation: gram(activation) / len(activation) / activation.shape[3]),
        Mistake("Divided by B: divide by the number of places H W.", lambda activation: _product(activation) / len(activation)),
        Mistake("Each filter's answers are brought to length 1: that is the cosine, and the Gram matrix keeps their size.",
                lambda activation: _product(activation / np.sqrt(np.sum(activation**2, (1, 2), keepdims=True)))),
        Mistake("Divided by C: divide by the number of places H W.", lambda activation: _product(activation) / activation.shape[3]),
        Mistake("That is the transposed product F^T F, place by place: the Gram matrix is F F^T, filter by filter.",
                _transposed),
        Mistake("That is the transposed product F^T F, place by place: the Gram matrix is F F^T, filter by filter.",
                lambda activation: _transposed(activation) / _places(activation)),
        *(_divided(_AXES.format("columns"), lambda activation: _product(activation, "bhic,bhjc->bij"), by) for by in ("", "HW", "HC", "C")),
        *(_divided(_AXES.format("rows"), lambda activation: _product(activation, "biwc,bjwc->bij"), by) for by in ("", "HW", "WC", "C")),
        *(_divided(_RESHAPE, scrambled, by) for scrambled in (_scrambled_first, _scrambled_last) for by in ("HW", "", "HWC")),
        *(_divided(_BATCH, mixed, by) for mixed in (lambda activation: _product(activation).sum(0), _stacked)
          for by in ("", "HW", "BHW", "BHWC")),
        Mistake("The mean is subtracted: that is the covariance, and the Gram matrix keeps the mean.",
                lambda activation: gram(activation - activation.mean((1, 2), keepdims=True))),
        Mistake("That sums the filters' answers without multiplying them: a Gram matrix holds products of two filters.",
                lambda activation: activation.mean((1, 2))),
        Mistake("The two dimensions of places are summed one before the other: flatten H and W first, then multiply.",
                lambda activation: np.einsum("bi,bj->bij", activation.mean((1, 2)), activation.mean((1, 2)))),
    ),
    properties=(
        Property("symmetric", "It is not symmetric, but filter i with j is filter j with i.",
                 lambda cases, outputs: np.allclose(outputs["plain"], outputs["plain"].swapaxes(1, 2), rtol=1e-4)),
        Property("quadratic", "Three times the activations must give nine times the matrix.",
                 lambda cases, outputs: np.allclose(outputs["tripled"], 9 * outputs["plain"], rtol=1e-3)),
        Property("blind to places", "Shuffling the places changes it, but a Gram matrix forgets where things are.",
                 lambda cases, outputs: np.allclose(outputs["shuffled"], outputs["plain"], rtol=1e-3)),
        Property("one for ones", "Wrong for a constant image: for x everywhere each entry must be x^2, 1 for ones, so divide by H W.",
                 lambda cases, outputs: np.allclose(outputs["constant"], gram(cases["constant"]["activation"]), rtol=1e-4)),
    ),
)  # fmt: skip


def _style_cases(rng):
    shape = activation_shape(rng)
    activation, style = _activation(rng, shape), _activation(rng, shape)
    target = gram(style).astype(np.float32)
    own = gram(activation.astype(float)).astype(np.float32)
    return {
        "plain": {"activation": activation, "target_gram": target},
        "same": {"activation": activation, "target_gram": own},
        "near": {"activation": activation, "target_gram": own + (target - own) / 100},
        "shuffled": {"activation": _shuffled(rng, activation), "target_gram": target},
        "louder": {"activation": activation * np.float32(number(rng, 1.3, 1.6)), "target_gram": target},
    }


def _style(activation, target_gram):
    return np.mean((gram(activation) - target_gram) ** 2)


def _gatys(activation):
    """4 N^2 M^2, of raw Gram matrices."""
    return 4 * float(activation[0].size) ** 2


STYLE_LAYER_LOSS = Exercise(
    id="style_layer_loss",
    title="The mean squared difference between an activation's Gram matrix (per location) and a target's.",
    arguments={"activation": "activation", "target_gram": "matrix"},
    result="scalar",
    cases=_style_cases,
    reference=_style,
    differentiable="activation",
    mistakes=(
        Mistake("That is the sum where the mean is asked for: divide by the number of entries, B C C.",
                lambda activation, target_gram: _style(activation, target_gram) * target_gram.size),
        Mistake("Summed over the batch: take the mean over all entries, B C C.",
                lambda activation, target_gram: _style(activation, target_gram) * len(activation)),
        Mistake("That is Gatys's loss, with 4 in the denominator: here the plain mean is asked for.",
                lambda activation, target_gram: _style(activation, target_gram) * len(activation) / 4),
        Mistake("That is Gatys's loss, of Gram matrices that are not divided by H W, but the target is: compare like with like, "
                "and take the mean.",
                lambda activation, target_gram: np.sum((_product(activation) - target_gram) ** 2) / _gatys(activation)),
        Mistake("Gatys's denominator 4 N^2 M^2 is for Gram matrices that are not divided yet: here take the mean.",
                lambda activation, target_gram: np.sum((gram(activation) - target_gram) ** 2) / _gatys(activation)),
        Mistake("That is half the sum: here the mean is asked for.",
                lambda activation, target_gram: _style(activation, target_gram) * target_gram.size / 2),
        Mistake("That is the length of the difference, the root of the sum of squares: take the mean of the squares.",
                lambda activation, target_gram: np.sqrt(_style(activation, target_gram) * target_gram.size)),
        Mistake("That is a quarter of the mean: here the plain mean is asked for.",
                lambda activation, target_gram: _style(activation, target_gram) / 4),
        Mistake("The Gram matrix is not divided by H W, but the target's is: the normalisation is forgotten.",
                lambda activation, target_gram: np.mean((_product(activation) - target_gram) ** 2)),
        Mistake("The Gram matrix is divided by C H W, but the target's by H W: use the same normalisation.",
                lambda activation, target_gram: np.mean((gram(activation) / activation.shape[3] - target_gram) ** 2)),
        Mistake("The differences are not squared, so errors of opposite sign cancel.",
                lambda activation, target_gram: np.mean(gram(activation) - target_gram)),
        Mistake("The differences are not squared, so errors of opposite sign cancel.",
                lambda activation, target_gram: np.mean(target_gram - gram(activation))),
        Mistake("That is the mean absolute difference: square instead of taking the absolute value.",
                lambda activation, target_gram: np.mean(np.abs(gram(activation) - target_gram))),
        Mistake("That is the root of the mean square: leave the root out.",
                lambda activation, target_gram: np.sqrt(_style(activation, target_gram))),
        Mistake(_RESHAPE, lambda activation, target_gram: np.mean((_scrambled_first(activation) / _places(activation) - target_gram) ** 2)),
        Mistake(_RESHAPE, lambda activation, target_gram: np.mean((_scrambled_last(activation) / _places(activation) - target_gram) ** 2)),
        Mistake("The target is squared too: it is a Gram matrix already.",
                lambda activation, target_gram: np.mean((gram(activation) - target_gram @ target_gram) ** 2)),
    ),
    properties=(
        Property("zero at the target", "It is not 0 when the Gram matrix is the target.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("blind to places", "Shuffling the places changes it, but style forgets where things are.",
                 lambda cases, outputs: np.isclose(outputs["shuffled"], outputs["plain"], rtol=1e-3)
                 and not np.isclose(outputs["louder"], outputs["plain"], rtol=1e-3)),
    ),
)  # fmt: skip
