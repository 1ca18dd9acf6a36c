"""Lesson 03: Gram matrices, and the style loss of one layer and of several."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.common import (
    activation_shape,
    gram,
    gram_product,
    number,
    positions,
    random_activation,
    vanishes,
)


def _shuffled(rng: np.random.Generator, activation: np.ndarray) -> np.ndarray:
    """The same responses of the filters at other positions."""
    batch, _, _, filters = activation.shape
    return rng.permutation(activation.reshape(batch, -1, filters), axis=1).reshape(activation.shape)


def _gram_cases(rng):
    activation = random_activation(rng, activation_shape(rng))
    return {
        "plain": {"activation": activation},
        "tripled": {"activation": 3 * activation},
        "shuffled": {"activation": _shuffled(rng, activation)},
        "constant": {"activation": np.full(activation.shape, number(rng, 0.5, 0.9), np.float32)},
    }


def _divided(product, *divisors: str):
    """The mistakes that divide this product by sides of the activation, such as 'HW'."""

    def by(sides: str):
        return lambda activation: product(activation) / np.prod([activation.shape["BHWC".index(side)] for side in sides])

    return [by(sides) for sides in divisors]


def _channels_last_read_as_first(activation):
    """(B, H, W, C) memory read as (B, C, H W): a reshape where a transpose was needed."""
    rows = activation.reshape(len(activation), activation.shape[3], -1)
    return rows @ rows.transpose(0, 2, 1)


def _channels_first_read_as_last(activation):
    """(B, C, H, W) memory read as (B, H W, C)."""
    rows = np.moveaxis(activation, 3, 1).reshape(len(activation), -1, activation.shape[3])
    return rows.transpose(0, 2, 1) @ rows


def _batch_in_one_matrix(activation):
    rows = np.moveaxis(activation, 3, 1).reshape(-1, positions(activation))  # (B C, H W)
    return rows @ rows.T


def _transposed(activation):
    rows = activation.reshape(len(activation), -1, activation.shape[3])
    return rows @ rows.transpose(0, 2, 1)


_SCRAMBLED = (
    "The shape is right but the entries are scrambled: reshape does not move axes. Where does your framework keep the channels?"
)

GRAM_MATRIX = Exercise(
    id="gram_matrix",
    title="Compute which filters respond together: F F^T / (H W) for each image of a batch.",
    arguments={"activation": "activation"},
    result="matrix",
    cases=_gram_cases,
    reference=gram,
    differentiable="activation",
    mistakes={
        "The normalisation is forgotten: divide by H W, the number of positions.": gram_product,
        "The product is divided by C H W: divide it by the number of positions alone.": _divided(gram_product, "HWC"),
        "The product is divided by B H W: divide it by the number of positions alone.": _divided(gram_product, "BHW"),
        "The product is divided by B C H W: divide it by the number of positions alone.": _divided(gram_product, "BHWC"),
        "The product is divided by B: divide it by the number of positions.": _divided(gram_product, "B"),
        "Each filter's responses are scaled to length 1, which gives cosines: the Gram matrix keeps their size.":
            lambda activation: gram_product(activation / np.sqrt(np.sum(activation**2, (1, 2), keepdims=True))),
        "The product is divided by C: divide it by the number of positions.": _divided(gram_product, "C"),
        "That is the transposed product, which compares positions: the Gram matrix compares filters.": _divided(_transposed, "", "HW"),
        "The sums run over the wrong axis: columns take the place of the filters. Where does your framework keep the channels?":
            _divided(lambda activation: gram_product(activation, "bhic,bhjc->bij"), "", "HW", "HC", "C"),
        "The sums run over the wrong axis: rows take the place of the filters. Where does your framework keep the channels?":
            _divided(lambda activation: gram_product(activation, "biwc,bjwc->bij"), "", "HW", "WC", "C"),
        _SCRAMBLED: [
            *_divided(_channels_last_read_as_first, "HW", "", "HWC"),
            *_divided(_channels_first_read_as_last, "HW", "", "HWC"),
        ],
        "The images of the batch are mixed: keep the batch axis, with one matrix for each image.": [
            *_divided(lambda activation: gram_product(activation).sum(0), "", "HW", "BHW", "BHWC"),
            *_divided(_batch_in_one_matrix, "", "HW", "BHW", "BHWC"),
        ],
        "The mean is subtracted, which gives the covariance: the Gram matrix keeps the mean.":
            lambda activation: gram(activation - activation.mean((1, 2), keepdims=True)),
        "The responses of each filter are only added up: a Gram matrix holds products of two filters.":
            lambda activation: activation.mean((1, 2)),
        "Each filter is summed over all positions before two filters are multiplied: multiply first, position by position.":
            lambda activation: np.einsum("bi,bj->bij", activation.mean((1, 2)), activation.mean((1, 2))),
    },
    properties=(
        Property("symmetric", "The matrix should be symmetric: filter i with j is the same as filter j with i.",
                 lambda cases, outputs: np.allclose(outputs["plain"], outputs["plain"].swapaxes(1, 2), rtol=1e-4)),
        Property("quadratic", "Three times the activation should give nine times the matrix.",
                 lambda cases, outputs: np.allclose(outputs["tripled"], 9 * outputs["plain"], rtol=1e-3)),
        Property("ignores positions", "Shuffling the positions should not change a Gram matrix.",
                 lambda cases, outputs: np.allclose(outputs["shuffled"], outputs["plain"], rtol=1e-3)),
        Property("one for ones", "For an activation that is x everywhere, each entry should be x^2, so 1 for ones.",
                 lambda cases, outputs: np.allclose(outputs["constant"], gram(cases["constant"]["activation"]), rtol=1e-4)),
    ),
)  # fmt: skip


def _layer_loss(activation, target_gram):
    return np.mean((gram(activation) - target_gram) ** 2)


def _layer_cases(rng):
    shape = activation_shape(rng)
    activation, style = random_activation(rng, shape), random_activation(rng, shape)
    target = gram(style).astype(np.float32)
    own = gram(activation.astype(float)).astype(np.float32)
    return {
        "plain": {"activation": activation, "target_gram": target},
        "same": {"activation": activation, "target_gram": own},
        "near": {"activation": activation, "target_gram": own + (target - own) / 100},
        "shuffled": {"activation": _shuffled(rng, activation), "target_gram": target},
        "louder": {"activation": activation * np.float32(number(rng, 1.3, 1.6)), "target_gram": target},
    }


def _gatys_denominator(activation):
    """4 N^2 M^2, for raw Gram matrices."""
    return 4 * float(activation[0].size) ** 2


STYLE_LAYER_LOSS = Exercise(
    id="style_layer_loss",
    title="Compute the mean squared difference between an activation's Gram matrix (per location) and a target.",
    arguments={"activation": "activation", "target_gram": "matrix"},
    result="scalar",
    cases=_layer_cases,
    reference=_layer_loss,
    differentiable="activation",
    mistakes={
        "That is the sum: take the mean over all entries, B C C.":
            lambda activation, target_gram: _layer_loss(activation, target_gram) * target_gram.size,
        "The loss is summed over the batch: take the mean over all entries, B C C.":
            lambda activation, target_gram: _layer_loss(activation, target_gram) * len(activation),
        "That is Gatys's loss, with 4 in the denominator: here, take the plain mean.":
            lambda activation, target_gram: _layer_loss(activation, target_gram) * len(activation) / 4,
        "That is Gatys's loss, for Gram matrices that are not divided by H W. The target is divided: compare like with like.":
            lambda activation, target_gram: np.sum((gram_product(activation) - target_gram) ** 2) / _gatys_denominator(activation),
        "Gatys's denominator 4 N^2 M^2 is for Gram matrices that are not yet divided: here, take the mean.":
            lambda activation, target_gram: np.sum((gram(activation) - target_gram) ** 2) / _gatys_denominator(activation),
        "That is half the sum: take the mean.":
            lambda activation, target_gram: _layer_loss(activation, target_gram) * target_gram.size / 2,
        "That is the length of the difference, the root of the sum of squares: take the mean of the squares.":
            lambda activation, target_gram: np.sqrt(_layer_loss(activation, target_gram) * target_gram.size),
        "That is a quarter of the mean: take the plain mean, without a factor.":
            lambda activation, target_gram: _layer_loss(activation, target_gram) / 4,
        "The normalisation is forgotten: the target is divided by H W, but your Gram matrix is not.":
            lambda activation, target_gram: np.mean((gram_product(activation) - target_gram) ** 2),
        "Your Gram matrix is divided by C H W, but the target by H W: use the same normalisation.":
            lambda activation, target_gram: np.mean((gram(activation) / activation.shape[3] - target_gram) ** 2),
        "The differences are not squared, so errors of opposite sign cancel.": [
            lambda activation, target_gram: np.mean(gram(activation) - target_gram),
            lambda activation, target_gram: np.mean(target_gram - gram(activation)),
        ],
        "That is the mean absolute difference: square the differences instead.":
            lambda activation, target_gram: np.mean(np.abs(gram(activation) - target_gram)),
        "That is the root of the mean square: leave the root out.":
            lambda activation, target_gram: np.sqrt(_layer_loss(activation, target_gram)),
        _SCRAMBLED: [
            lambda activation, target_gram, scrambled=scrambled: np.mean(
                (scrambled(activation) / positions(activation) - target_gram) ** 2)
            for scrambled in (_channels_last_read_as_first, _channels_first_read_as_last)
        ],
        "A Gram matrix is taken of the target too, but it is a Gram matrix already.":
            lambda activation, target_gram: np.mean((gram(activation) - target_gram @ target_gram) ** 2),
    },
    properties=(
        Property("zero at the target", "The loss should be 0 when the Gram matrix is the target.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("ignores positions", "Shuffling the positions should not change the loss: style ignores where things are.",
                 lambda cases, outputs: np.isclose(outputs["shuffled"], outputs["plain"], rtol=1e-3)
                 and not np.isclose(outputs["louder"], outputs["plain"], rtol=1e-3)),
    ),
)  # fmt: skip


def _style_cases(rng):
    odd = rng.choice(["conv2_2", "conv3_2"])  # not one of the paper's five, so a fixed list of those is wrong in every draw
    deeper = [odd, *rng.permutation(["conv2_1", "conv3_1", "conv4_1"])[: rng.integers(1, 3)]]
    batch, wider = int(rng.integers(2, 4)), int(rng.integers(0, 2))
    layers = ["conv1_1", *sorted(str(layer) for layer in deeper)]  # (B, H, W, C): deeper ones are smaller, with more filters
    sizes = {layer: (batch, 7 + wider - depth, 5 + wider - depth, 2 + depth + wider) for depth, layer in enumerate(layers)}
    activations = {layer: random_activation(rng, size) for layer, size in sizes.items()}
    styles = {layer: rng.uniform(0.1, 2, size) for layer, size in sizes.items()}
    own = {layer: gram(activation).astype(np.float32) for layer, activation in activations.items()}
    targets = {layer: gram(style).astype(np.float32) for layer, style in styles.items()}
    far_apart = rng.permutation(np.geomspace(0.3, 3, len(sizes)) * rng.uniform(0.8, 1.2, len(sizes)))
    # the weights come in another order than the activations: only their names say what belongs together
    weights = dict(zip(reversed(sizes), (float(weight) for weight in far_apart), strict=True))
    plain = {"activations": activations, "target_grams": targets, "weights": weights}
    alone = str(rng.choice(list(sizes)))
    return {
        "plain": plain,
        "same": plain | {"target_grams": own},
        "near": plain | {"target_grams": {layer: own[layer] + (targets[layer] - own[layer]) / 100 for layer in sizes}},
        "doubled": plain | {"weights": {layer: 2 * weight for layer, weight in weights.items()}},
        "one": {name: {alone: by_layer[alone]} for name, by_layer in plain.items()},
    }


def _losses(activations, target_grams, layer_loss=_layer_loss):
    return {layer: layer_loss(activations[layer], target_grams[layer]) for layer in activations}


def _style_loss(activations, target_grams, weights, layer_loss=_layer_loss):
    losses = _losses(activations, target_grams, layer_loss)
    return sum(weights[layer] * losses[layer] for layer in weights)


def _with_loss(layer_loss):
    """The mistake of using another loss in each layer."""
    return lambda **case: _style_loss(**case, layer_loss=layer_loss)


def _with_weight(change):
    """The mistake of using other weights."""
    return lambda weights, **case: _style_loss(**case, weights={layer: change(weight) for layer, weight in weights.items()})


STYLE_LOSS = Exercise(
    id="style_loss",
    title="Sum weight times style_layer_loss over the layers.",
    arguments={"activations": "activations", "target_grams": "matrices", "weights": "numbers"},
    result="scalar",
    cases=_style_cases,
    reference=_style_loss,
    differentiable="activations",
    mistakes={
        "The layers are added up without their weights.": lambda weights, **case: sum(_losses(**case).values()),
        "That is the mean over the layers, without their weights: what does each layer count?":
            lambda weights, **case: np.mean(list(_losses(**case).values())),
        "The sum is divided by the number of layers: leave it as it is, the weights say what each layer counts.":
            lambda **case: _style_loss(**case) / len(case["weights"]),
        "The sum is divided by the sum of the weights: leave it as it is.":
            lambda **case: _style_loss(**case) / sum(case["weights"].values()),
        "The weights are matched with the layers by their order: look each one up by its name.":
            lambda weights, **case: np.dot(list(weights.values()), list(_losses(**case).values())),
        "Only one layer counts: add up the layers inside the loop, and return after it.": [
            lambda activations, target_grams, weights, index=index: None if len(activations) == 1 else
                weights[layer := list(activations)[index]] * _layer_loss(activations[layer], target_grams[layer])
            for index in (-1, 0, 1)
        ],
        "The weights are squared: multiply each loss by its weight once.": _with_weight(lambda weight: weight**2),
        "The weights are inside the square: multiply the finished loss of each layer.":
            lambda activations, target_grams, weights: sum(
                np.mean((weights[layer] * gram(activations[layer]) - target_grams[layer]) ** 2) for layer in weights),
        "The losses are divided by the weights: multiply by them.": _with_weight(lambda weight: 1 / weight),
        "The normalisation is forgotten: the targets are divided by H W, but your Gram matrices are not.":
            _with_loss(lambda activation, target: np.mean((gram_product(activation) - target) ** 2)),
        "Your Gram matrices are divided by C H W, but the targets by H W: use the same normalisation.":
            _with_loss(lambda activation, target: np.mean((gram(activation) / activation.shape[3] - target) ** 2)),
        "The squares are summed over the entries of each matrix: style_layer_loss takes their mean.":
            _with_loss(lambda activation, target: np.sum((gram(activation) - target) ** 2)),
        "The loss is summed over the batch: style_layer_loss takes the mean over all entries.":
            _with_loss(lambda activation, target: len(activation) * _layer_loss(activation, target)),
        "That is Gatys's loss of raw Gram matrices, but the targets are divided by H W: take the mean of the squared differences.":
            _with_loss(lambda activation, target: np.sum((gram_product(activation) - target) ** 2) / _gatys_denominator(activation)),
        "That is a quarter of it: style_layer_loss is the plain mean.": _with_loss(lambda *pair: _layer_loss(*pair) / 4),
        "The differences are not squared, so errors of opposite sign cancel.": [
            _with_loss(lambda activation, target: np.mean(gram(activation) - target)),
            _with_loss(lambda activation, target: np.mean(target - gram(activation))),
        ],
        "Those are mean absolute differences: square them.":
            _with_loss(lambda activation, target: np.mean(np.abs(gram(activation) - target))),
        "The root of each layer's loss is taken: leave the roots out.": _with_loss(lambda *pair: np.sqrt(_layer_loss(*pair))),
        "A root is taken at the end: leave it out.": lambda **case: np.sqrt(_style_loss(**case)),
        "The losses of the layers are multiplied: add them.":
            lambda weights, **case: np.prod([weights[layer] * loss for layer, loss in _losses(**case).items()]),
        "That is one number for each layer: add them up.":
            lambda weights, **case: [weights[layer] * loss for layer, loss in _losses(**case).items()],
    },
    properties=(
        Property("zero at the target", "The loss should be 0 when every Gram matrix is its target.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("linear in the weights", "Twice the weights should give twice the loss.",
                 lambda cases, outputs: np.isclose(outputs["doubled"], 2 * outputs["plain"], rtol=1e-3)),
        Property("any number of layers", "With a single layer, the loss should be its weight times its loss: do not count on certain "
                 "layers.", lambda cases, outputs: np.isclose(outputs["one"], _style_loss(**cases["one"]), rtol=1e-3), case="one"),
    ),
)  # fmt: skip
