"""Exercises on what a picture must match: content, Gram matrices, style."""

import numpy as np

from stylelab.exercises.definition import Exercise, Mistake, Property

B, H, W, C = 2, 5, 4, 3  # four different numbers, so that a mixed-up axis shows in the shape


def _activation(rng: np.random.Generator) -> np.ndarray:
    """After a ReLU nothing is negative."""
    return rng.uniform(0.1, 2, (B, H, W, C)).astype(np.float32)


def _shuffled(rng: np.random.Generator, activation: np.ndarray) -> np.ndarray:
    """The same answers of the filters at other places."""
    return rng.permutation(activation.reshape(B, H * W, C), axis=1).reshape(activation.shape)


def _content_cases(rng):
    activation, target = _activation(rng), _activation(rng)
    return {
        "plain": {"activation": activation, "target": target},
        "same": {"activation": target.copy(), "target": target},
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
                lambda activation, target: _mean_square(activation, target) * C),
        Mistake("That is the length of the difference, the root of the sum of squares: take the mean of the squares.",
                lambda activation, target: np.sqrt(np.sum((activation - target) ** 2))),
        Mistake("The squares are subtracted: subtract first, then square.",
                lambda activation, target: np.mean(activation**2 - target**2)),
        Mistake("The activations are added: square their difference.", lambda activation, target: np.mean((activation + target) ** 2)),
        Mistake("Only the first picture of the batch counts: take the mean over all.",
                lambda activation, target: _mean_square(activation[0], target[0])),
        Mistake("That compares what each filter answers on the average, and forgets places: compare place by place.",
                lambda activation, target: np.mean((activation.mean((1, 2)) - target.mean((1, 2))) ** 2)),
        Mistake("Divided by C H W but not by the batch: take the mean over all entries.",
                lambda activation, target: np.sum((activation - target) ** 2) / (H * W * C)),
        Mistake("Divided by H W only, so the normalisation by the number of filters and pictures is forgotten.",
                lambda activation, target: np.sum((activation - target) ** 2) / (H * W)),
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
                 lambda cases, outputs: abs(outputs["same"]) < 1e-5),
        Property("quadratic", "Twice the difference must give four times the loss.",
                 lambda cases, outputs: np.isclose(outputs["double"], 4 * outputs["plain"], rtol=1e-3)),
    ),
)  # fmt: skip


def _product(activation, axes="bhwi,bhwj->bij"):
    return np.einsum(axes, activation, activation)


def gram(activation):
    return _product(activation) / np.prod(activation.shape[1:3])


def _scrambled_first(activation):
    """(B, H, W, C) memory read as (B, C, H W): a reshape where a transpose was needed."""
    rows = activation.reshape(len(activation), activation.shape[3], -1)
    return rows @ rows.transpose(0, 2, 1) / rows.shape[2]


def _scrambled_last(activation):
    """(B, C, H, W) memory read as (B, H W, C)."""
    rows = np.moveaxis(activation, 3, 1).reshape(len(activation), -1, activation.shape[3])
    return rows.transpose(0, 2, 1) @ rows / rows.shape[1]


def _gram_cases(rng):
    activation = _activation(rng)
    return {
        "plain": {"activation": activation},
        "tripled": {"activation": 3 * activation},
        "shuffled": {"activation": _shuffled(rng, activation)},
        "constant": {"activation": np.ones((1, H, W, C), np.float32)},
    }


_AXES = "The sums run over the wrong axis: {} stand where the filters should. Mind where your framework keeps the channels."
_RESHAPE = (
    "The shape is right but the entries are scrambled: reshape does not move axes, so transpose first (channels last or first?)."
)
_BATCH = "The pictures of a batch are mixed: keep the batch axis apart, one matrix for each picture."

GRAM_MATRIX = Exercise(
    id="gram_matrix",
    title="Which filters answer together: F F^T / (H W) for each picture of a batch.",
    arguments={"activation": "activation"},
    result="matrix",
    cases=_gram_cases,
    reference=gram,
    differentiable="activation",
    mistakes=(
        Mistake("The normalisation is forgotten: divide by H W, the number of places.", _product),
        Mistake("Divided by C H W: divide by the number of places H W alone.", lambda activation: gram(activation) / C),
        Mistake("Divided by B H W: divide by the number of places H W alone.", lambda activation: gram(activation) / B),
        Mistake("Divided by B C H W: divide by the number of places H W alone.", lambda activation: gram(activation) / B / C),
        Mistake("Divided by B: divide by the number of places H W.", lambda activation: _product(activation) / B),
        Mistake("Each filter's answers are brought to length 1: that is the cosine, and the Gram matrix keeps their size.",
                lambda activation: _product(activation / np.sqrt(np.sum(activation**2, (1, 2), keepdims=True)))),
        Mistake("Divided by C: divide by the number of places H W.", lambda activation: _product(activation) / C),
        Mistake("That is the transposed product F^T F, place by place: the Gram matrix is F F^T, filter by filter.",
                lambda activation: _places(activation)),
        Mistake("That is the transposed product F^T F, place by place: the Gram matrix is F F^T, filter by filter.",
                lambda activation: _places(activation) / (H * W)),
        *(Mistake(_AXES.format("columns"), lambda activation, d=d: _product(activation, "bhic,bhjc->bij") / d)
          for d in (1, H * W, H * C, C)),
        *(Mistake(_AXES.format("rows"), lambda activation, d=d: _product(activation, "biwc,bjwc->bij") / d)
          for d in (1, H * W, W * C, C)),
        *(Mistake(_RESHAPE, lambda activation, d=d: _scrambled_first(activation) * d) for d in (1, H * W, 1 / C)),
        *(Mistake(_RESHAPE, lambda activation, d=d: _scrambled_last(activation) * d) for d in (1, H * W, 1 / C)),
        *(Mistake(_BATCH, lambda activation, d=d: _product(activation).sum(0) / d) for d in (1, H * W, B * H * W, B * C * H * W)),
        *(Mistake(_BATCH, lambda activation, d=d: _stacked(activation) / d) for d in (1, H * W, B * H * W, B * C * H * W)),
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
        Property("one for ones", "Wrong for a constant picture of ones: every entry must be 1, so divide by H W.",
                 lambda cases, outputs: np.allclose(outputs["constant"], 1, rtol=1e-4)),
    ),
)  # fmt: skip


def _places(activation):
    rows = activation.reshape(len(activation), -1, activation.shape[3])
    return rows @ rows.transpose(0, 2, 1)


def _stacked(activation):
    rows = np.moveaxis(activation, 3, 1).reshape(-1, H * W)  # (B C, H W): the filters of all pictures in one matrix
    return rows @ rows.T


def _style_cases(rng):
    activation, style = _activation(rng), _activation(rng)
    target = gram(style).astype(np.float32)
    own = gram(activation.astype(float)).astype(np.float32)
    return {
        "plain": {"activation": activation, "target_gram": target},
        "same": {"activation": activation, "target_gram": own},
        "shuffled": {"activation": _shuffled(rng, activation), "target_gram": target},
    }


def _style(activation, target_gram):
    return np.mean((gram(activation) - target_gram) ** 2)


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
                lambda activation, target_gram: _style(activation, target_gram) * B * C * C),
        Mistake("Summed over the batch: take the mean over all entries, B C C.",
                lambda activation, target_gram: _style(activation, target_gram) * B),
        Mistake("That is Gatys's loss, with 4 in the denominator: here the plain mean is asked for.",
                lambda activation, target_gram: _style(activation, target_gram) * B / 4),
        Mistake("That is Gatys's loss, of Gram matrices that are not divided by H W, but the target is: compare like with like, "
                "and take the mean.",
                lambda activation, target_gram: np.sum((_product(activation) - target_gram) ** 2) / (4 * C**2 * (H * W) ** 2)),
        Mistake("Gatys's denominator 4 N^2 M^2 is for Gram matrices that are not divided yet: here take the mean.",
                lambda activation, target_gram: _style(activation, target_gram) * B / 4 / (H * W) ** 2),
        Mistake("That is half the sum: here the mean is asked for.",
                lambda activation, target_gram: _style(activation, target_gram) * B * C * C / 2),
        Mistake("That is the length of the difference, the root of the sum of squares: take the mean of the squares.",
                lambda activation, target_gram: np.sqrt(_style(activation, target_gram) * B * C * C)),
        Mistake("That is a quarter of the mean: here the plain mean is asked for.",
                lambda activation, target_gram: _style(activation, target_gram) / 4),
        Mistake("The Gram matrix is not divided by H W, but the target's is: the normalisation is forgotten.",
                lambda activation, target_gram: np.mean((_product(activation) - target_gram) ** 2)),
        Mistake("The Gram matrix is divided by C H W, but the target's by H W: use the same normalisation.",
                lambda activation, target_gram: np.mean((gram(activation) / C - target_gram) ** 2)),
        Mistake("The differences are not squared, so errors of opposite sign cancel.",
                lambda activation, target_gram: np.mean(gram(activation) - target_gram)),
        Mistake("The differences are not squared, so errors of opposite sign cancel.",
                lambda activation, target_gram: np.mean(target_gram - gram(activation))),
        Mistake("That is the mean absolute difference: square instead of taking the absolute value.",
                lambda activation, target_gram: np.mean(np.abs(gram(activation) - target_gram))),
        Mistake("That is the root of the mean square: leave the root out.",
                lambda activation, target_gram: np.sqrt(_style(activation, target_gram))),
        Mistake(_RESHAPE, lambda activation, target_gram: np.mean((_scrambled_first(activation) - target_gram) ** 2)),
        Mistake(_RESHAPE, lambda activation, target_gram: np.mean((_scrambled_last(activation) - target_gram) ** 2)),
        Mistake("The target is squared too: it is a Gram matrix already.",
                lambda activation, target_gram: np.mean((gram(activation) - target_gram @ target_gram) ** 2)),
    ),
    properties=(
        Property("zero at the target", "It is not 0 when the Gram matrix is the target.",
                 lambda cases, outputs: abs(outputs["same"]) < 1e-5),
        Property("blind to places", "Shuffling the places changes it, but style forgets where things are.",
                 lambda cases, outputs: np.isclose(outputs["shuffled"], outputs["plain"], rtol=1e-3)),
    ),
)  # fmt: skip
