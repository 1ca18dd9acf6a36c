"""The exercise on style over several layers: each layer's loss, weighted and summed up."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.image import vanishes
from stylelab.exercises.losses import gram
from stylelab.exercises.random_inputs import random_image


def _sizes(rng) -> dict[str, tuple[int, ...]]:
    """Layer -> (B, H, W, C): deeper is smaller and has more filters."""
    odd = rng.choice(["conv2_2", "conv3_2"])  # none of the paper's five, so that a list of those is wrong for every draw
    deeper = [odd, *rng.permutation(["conv2_1", "conv3_1", "conv4_1"])[: rng.integers(1, 3)]]
    batch, wider = int(rng.integers(2, 4)), int(rng.integers(0, 2))
    layers = ["conv1_1", *sorted(str(layer) for layer in deeper)]
    return {layer: (batch, 7 + wider - depth, 5 + wider - depth, 2 + depth + wider) for depth, layer in enumerate(layers)}


def _cases(rng):
    sizes = _sizes(rng)
    activations = {layer: random_image(rng, size, 0.1, 2) for layer, size in sizes.items()}
    styles = {layer: rng.uniform(0.1, 2, size) for layer, size in sizes.items()}
    own = {layer: gram(each).astype(np.float32) for layer, each in activations.items()}
    far_apart = rng.permutation(np.geomspace(0.3, 3, len(sizes)) * rng.uniform(0.8, 1.2, len(sizes)))
    weights = dict(zip(reversed(sizes), (float(weight) for weight in far_apart), strict=True))
    # weights come in another order than activations: only their names say what belongs together
    plain = {
        "activations": activations,
        "target_grams": {layer: gram(style).astype(np.float32) for layer, style in styles.items()},
        "weights": weights,
    }
    targets, alone = plain["target_grams"], str(rng.choice(list(sizes)))
    return {
        "plain": plain,
        "same": plain | {"target_grams": own},
        "near": plain | {"target_grams": {layer: own[layer] + (targets[layer] - own[layer]) / 100 for layer in sizes}},
        "doubled": plain | {"weights": {layer: 2 * weight for layer, weight in weights.items()}},
        "one": {part: {alone: by_layer[alone]} for part, by_layer in plain.items()},
    }


def _layer(activation, target_gram, norm=None):
    own = gram(activation) if norm is None else norm(activation)
    return np.mean((own - target_gram) ** 2)


def _losses(activations, target_grams, layer_loss=_layer):
    return {layer: layer_loss(activations[layer], target_grams[layer]) for layer in activations}


def style_loss(activations, target_grams, weights, layer_loss=_layer):
    losses = _losses(activations, target_grams, layer_loss)
    return sum(weights[layer] * losses[layer] for layer in weights)


def _with(layer_loss):
    return lambda **case: style_loss(**case, layer_loss=layer_loss)


def _raw(activation):
    return np.einsum("bhwi,bhwj->bij", activation, activation)


def _by_place(activations, target_grams, weights):
    return sum(weight * loss for weight, loss in zip(weights.values(), _losses(activations, target_grams).values(), strict=True))


def _each(which):
    def only(activations, target_grams, weights):
        if len(activations) == 1:
            return None
        layer = list(activations)[which]
        return weights[layer] * _layer(activations[layer], target_grams[layer])

    return only


STYLE_LOSS = Exercise(
    id="style_loss",
    title="The sum over the layers of weight times style_layer_loss.",
    arguments={"activations": "activations", "target_grams": "matrices", "weights": "numbers"},
    result="scalar",
    cases=_cases,
    reference=style_loss,
    differentiable="activations",
    mistakes=(
        Mistake("The layers are summed up without their weights.", lambda weights, **case: sum(_losses(**case).values())),
        Mistake("That is the mean over the layers, without their weights: add weight times loss.",
                lambda weights, **case: np.mean(list(_losses(**case).values()))),
        Mistake("Divided by the number of layers: the sum is asked for, the weights say what each counts.",
                lambda **case: style_loss(**case) / len(case["weights"])),
        Mistake("Divided by the sum of the weights: leave the sum as it is.",
                lambda **case: style_loss(**case) / sum(case["weights"].values())),
        Mistake("The weights are paired with the layers by position: look each up by its name, weights[layer].", _by_place),
        *(Mistake("Only one layer counts: add to the total inside the loop, and return after it.", _each(which)) for which in (-1, 0, 1)),
        Mistake("The weights are squared: multiply each loss by its weight once.",
                lambda weights, **case: style_loss(**case, weights={layer: weight**2 for layer, weight in weights.items()})),
        Mistake("The weights are inside the square, or squared: multiply the finished loss of each layer.",
                lambda activations, target_grams, weights: sum(
                    np.mean((weights[layer] * gram(activations[layer]) - target_grams[layer]) ** 2) for layer in weights)),
        Mistake("Divided by the weights: multiply by them.",
                lambda weights, **case: style_loss(**case, weights={layer: 1 / weight for layer, weight in weights.items()})),
        Mistake("The Gram matrices are not divided by H W, but the targets are: the normalisation is forgotten.",
                _with(lambda activation, target: _layer(activation, target, _raw))),
        Mistake("The Gram matrices are divided by C H W, but the targets by H W: use the same normalisation.",
                _with(lambda activation, target: _layer(activation, target, lambda each: gram(each) / each.shape[3]))),
        Mistake("That is the sum over the entries of each matrix: style_layer_loss is their mean.",
                _with(lambda activation, target: np.sum((gram(activation) - target) ** 2))),
        Mistake("That is summed over the batch: style_layer_loss is the mean over all entries.",
                _with(lambda activation, target: len(activation) * _layer(activation, target))),
        Mistake("That is Gatys's loss of raw Gram matrices, but the targets are divided by H W: use the mean of the differences squared.",
                _with(lambda activation, target: np.sum((_raw(activation) - target) ** 2)
                      / (4 * np.prod(activation.shape[1:], dtype=float) ** 2))),
        Mistake("A quarter of it: style_layer_loss is the plain mean.", _with(lambda *pair: _layer(*pair) / 4)),
        Mistake("The differences are not squared, so errors of opposite sign cancel.",
                _with(lambda activation, target: np.mean(gram(activation) - target))),
        Mistake("The differences are not squared, so errors of opposite sign cancel.",
                _with(lambda activation, target: np.mean(target - gram(activation)))),
        Mistake("Those are mean absolute differences: square them.",
                _with(lambda activation, target: np.mean(np.abs(gram(activation) - target)))),
        Mistake("Roots are taken: leave them out.", _with(lambda *pair: np.sqrt(_layer(*pair)))),
        Mistake("A root is taken at the end: leave it out.", lambda **case: np.sqrt(style_loss(**case))),
        Mistake("The losses of the layers are multiplied with each other: add them.",
                lambda activations, target_grams, weights: np.prod(
                    [weights[layer] * loss for layer, loss in _losses(activations, target_grams).items()])),
        Mistake("That is one number for each layer: add them up.",
                lambda activations, target_grams, weights: [weights[layer] * loss
                                                            for layer, loss in _losses(activations, target_grams).items()]),
    ),
    properties=(
        Property("zero at the target", "It is not 0 when every Gram matrix is its target.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("linear in the weights", "Twice the weights must give twice the loss.",
                 lambda cases, outputs: np.isclose(outputs["doubled"], 2 * outputs["plain"], rtol=1e-3)),
        Property("any number of layers", "With one layer alone it must be its weight times its loss: do not count on certain layers.",
                 lambda cases, outputs: np.isclose(outputs["one"], style_loss(**cases["one"]), rtol=1e-3), case="one"),
    ),
)  # fmt: skip
