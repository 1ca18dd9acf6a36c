"""Answers to gram_matrix, style_layer_loss and style_loss."""

from words import (
    ACROSS,
    DOWN,
    absolute,
    constant,
    detached,
    double,
    einsum,
    filters,
    gram,
    mean,
    misread,
    positions,
    root,
    rows,
    square,
    stack,
    tf,
    torch,
    total,
    transposed,
)

PAPER = [f"conv{block}_1" for block in range(1, 6)]
LAYERS = [f"conv{block}_{n}" for block, size in enumerate((2, 2, 4, 4, 4), 1) for n in range(1, size + 1)]


def mse(one, other):
    return mean(square(one - other))


def gram_loop(activation):
    f = rows(activation)
    entries = [[total(f[:, i] * f[:, j], 1) for j in range(f.shape[1])] for i in range(f.shape[1])]
    return stack([stack(row, -1) for row in entries], -2) / f.shape[2]


def gram_matmul(activation):
    f = rows(activation)
    return f @ transposed(f) / f.shape[2]


def gram_double(activation):
    return gram_matmul(double(activation))


def raw(activation):
    return positions(activation) * gram(activation)


def gram_fails(activation):
    f = rows(activation)
    return f @ f


def gram_takes_two(activation, channels):
    return activation


def gram_without_return(activation):
    rows(activation)


def gram_in_place(activation):
    product = gram(activation) + 0
    activation.mul_(0)
    return product


def flat(activation):
    return activation.reshape(len(activation), -1) if torch else tf.reshape(activation, (len(activation), -1))


def reversed_axes(x):
    return x.permute(*reversed(range(x.ndim))) if torch else tf.transpose(x)


def gram_unpacked(activation):
    _, _, _, _ = activation.shape
    return gram(activation)


def gram_of_one_image(activation):
    sides = (positions(activation), filters(activation))
    return activation.reshape(sides) if torch else tf.reshape(activation, sides)


def gram_of_three_axes(activation):
    height, width, channels = activation.shape
    return activation / (height * width)


def gram_empty(activation):
    """F F^T / (H W)."""


def styles_loop(activations, target_grams, weights):
    result = 0.0
    for layer, activation in activations.items():
        result = result + weights[layer] * mse(gram_matmul(activation), target_grams[layer])
    return result


def styles(activations, target_grams, weights, gram=gram, layer_loss=mse):
    return sum(weights[layer] * layer_loss(gram(activations[layer]), target_grams[layer]) for layer in weights)


def styles_stacked(activations, target_grams, weights):
    losses = stack([mse(gram(activations[layer]), target_grams[layer]) for layer in weights])
    return total(losses * constant(list(weights.values())))


def styles_double(activations, target_grams, weights):
    activations = {layer: double(activation) for layer, activation in activations.items()}
    return styles(activations, {layer: double(target) for layer, target in target_grams.items()}, weights)


def styles_of_names(activations, target_grams, weights):
    triples = zip(activations, target_grams, weights, strict=True)
    return sum(weight * mse(gram_unpacked(activation), target) for activation, target, weight in triples)


def styles_of_pairs(activations, target_grams, weights):
    return sum(weights[layer] * mse(gram(activation), target_grams[layer]) for layer, activation in activations)


def styles_from_none(activations, target_grams, weights):
    result = None
    for layer in weights:
        result += weights[layer] * mse(gram(activations[layer]), target_grams[layer])
    return result


def styles_overwritten(activations, target_grams, weights):
    for layer in activations:
        result = weights[layer] * mse(gram(activations[layer]), target_grams[layer])
    return result


def styles_by_order(activations, target_grams, weights):
    triples = zip(activations.values(), target_grams.values(), weights.values(), strict=True)
    return sum(weight * mse(gram(activation), target) for activation, target, weight in triples)


def styles_early(activations, target_grams, weights):
    for layer in activations:
        return weights[layer] * mse(gram(activations[layer]), target_grams[layer])


def styles_pop(activations, target_grams, weights):
    result = styles(activations, target_grams, weights)
    activations.pop("conv1_1", None)
    return result


def styles_partly_detached(activations, target_grams, weights):
    cut = {layer: detached(x) if layer == "conv1_1" and len(activations) > 1 else x for layer, x in activations.items()}
    return styles(cut, target_grams, weights)


RIGHT = {
    "gram_matrix": {"loop": gram_loop, "einsum": gram, "matmul": gram_matmul, "double": gram_double},
    "style_layer_loss": {
        "loop": lambda activation, target_gram: mse(gram_loop(activation), target_gram),
        "einsum": lambda activation, target_gram: mse(gram(activation), target_gram),
        "double": lambda activation, target_gram: mse(gram_double(activation), double(target_gram)),
    },
    "style_loss": {"loop": styles_loop, "sum": styles, "stack": styles_stacked, "double": styles_double},
}

WRONG = {
    "gram_matrix": [
        (raw, "forgotten"),
        (lambda activation: gram(activation) / filters(activation), "divided by C H W"),
        (lambda activation: transposed(rows(activation)) @ rows(activation) / positions(activation), "transposed"),
        (lambda activation: einsum("bchi,bchj->bij", activation, activation), "wrong axis", "torch"),
        (lambda activation: einsum("bihw,bjhw->bij", activation, activation), "wrong axis", "tensorflow"),
        (
            lambda activation: einsum("bhwi,bhwj->bij", activation, activation) / activation[0, :, :, 0].numel(),
            "wrong axis",
            "torch",
        ),
        (
            lambda activation: einsum("bihw,bjhw->bij", activation, activation) / tf.size(activation[0, 0], tf.float32),
            "wrong axis",
            "tensorflow",
        ),
        (lambda activation: gram(activation.permute(0, 3, 1, 2)), "wrong axis", "torch"),
        (lambda activation: einsum("bhic,bhjc->bij", activation, activation), "wrong axis", "tensorflow"),
        (lambda activation: gram(activation.permute(0, 2, 3, 1).reshape(activation.shape)), "scrambled", "torch"),
        (lambda activation: misread(activation) @ transposed(misread(activation)) / positions(activation), "scrambled"),
        (lambda activation: total(gram(activation), 0) / activation.shape[0], "mixed"),
        (
            lambda activation: rows(activation).flatten(0, 1) @ rows(activation).flatten(0, 1).T / activation.numel(),
            "mixed",
            "torch",
        ),
        (lambda activation: gram(activation).numpy(), "NumPy where"),
        (lambda activation: detached(gram(activation)), "no gradient reaches"),
        (lambda activation: constant(detached(gram(activation)).numpy()), "no gradient reaches"),
        (lambda activation: rows(activation) @ transposed(rows(detached(activation))) / positions(activation), "cut off"),
        (lambda activation: root(gram(activation) ** 2), "gradient is not finite"),
        (lambda activation: gram(activation) * 1.5, "every value is 1.5 times"),
        (lambda activation: raw(activation) / 24, "Right for one input, but not for one image with one row of positions: "),
        (
            lambda activation: gram(activation.reshape(3, 5, 4, 6)),
            r"Right for one input, but not for one image with one row of positions: Line \d+ stops",
            "torch",
        ),
        (
            lambda activation: gram(tf.reshape(activation, (3, 4, 6, 5))),
            r"Right for one input, but not for one image with one row of positions: Line \d+ stops",
            "tensorflow",
        ),
        (lambda activation: torch.corrcoef(activation[0].flatten(1)), "Keep the batch axis", "torch"),
        (
            lambda activation: gram(torch.nn.functional.normalize(activation, dim=(2, 3))) * positions(activation),
            "cosine",
            "torch",
        ),
        (lambda activation: gram(tf.nn.l2_normalize(activation, (1, 2))) * positions(activation), "cosine", "tensorflow"),
        (gram_in_place, "changes its input `activation` in place", "torch"),
        (gram_fails, "stops with (RuntimeError|InvalidArgumentError|ValueError)"),
        (gram_takes_two, r"gram_matrix\(activation\)"),
        (gram_without_return, "returns None"),
        (lambda activation: gram(activation - activation.mean((2, 3), keepdims=True)), "mean is subtracted", "torch"),
        (lambda activation: gram(activation - tf.reduce_mean(activation, (1, 2), True)), "mean is subtracted", "tensorflow"),
        (lambda activation: gram(activation)[:, :1], r"expected \(\d, (\d), \1\)"),
        (lambda activation: activation @ transposed(activation), "Flatten height and width into one axis"),
        (lambda activation: transposed(activation) @ activation, "Flatten height and width into one axis"),
        (lambda activation: activation @ activation, "do not fit. Flatten"),
        (lambda activation: activation @ reversed_axes(activation), "do not fit. Flatten"),
        (
            lambda activation: rows(activation) @ reversed_axes(rows(activation)),
            "swap the last two axes of one factor and no others",
        ),
        (lambda activation: flat(activation) @ transposed(flat(activation)), "filters are flattened as well"),
        (
            lambda activation: transposed(flat(activation)) @ flat(activation) / positions(activation),
            "filters are flattened as well",
        ),
        (lambda activation: rows(activation), "multiply by the transposed activation"),
        (lambda activation: gram(activation)[0], "Only the first image"),
        (lambda activation: raw(activation)[:1], "Only the first image"),
        (lambda activation: gram(activation)[:1] + 0 * gram(activation), "Only the first image"),
        (lambda activation: raw(activation) / activation.shape[2], "one side of the image"),
        (lambda activation: gram(activation) / positions(activation), "twice"),
        (lambda activation: raw(activation) / activation.shape[DOWN] * activation.shape[ACROSS], "brackets"),
        (lambda activation: raw(activation) * positions(activation), "multiplied by H W"),
        (lambda activation: raw(activation) / (positions(activation) - 1), "H W - 1"),
        (lambda activation: torch.stack([torch.cov(image.flatten(1)) for image in activation]), "covariance", "torch"),
        (lambda activation: torch.stack([torch.corrcoef(image.flatten(1)) for image in activation]), "correlation", "torch"),
        (lambda activation: torch.triu(gram(activation)), "half of the matrix", "torch"),
        (lambda activation: tf.linalg.band_part(gram(activation), 0, -1), "half of the matrix", "tensorflow"),
        (lambda activation: torch.mm(activation.flatten(2), activation.flatten(2)), "a batch of them", "torch"),
        (lambda activation: gram(activation.half()), "nearly right", "torch"),
        (lambda activation: gram(tf.cast(activation, tf.float16)), "nearly right", "tensorflow"),
        (gram_of_one_image, "several images come at once"),
        (gram_of_three_axes, "four axes"),
        (lambda activation: gram(activation) * float("nan"), "not finite"),
        (lambda activation: (gram(activation), 1), "returns a tuple"),
    ],
    "style_layer_loss": [
        (lambda activation, target_gram: total(square(gram(activation) - target_gram)), "That is the sum"),
        (lambda activation, target_gram: mse(raw(activation), target_gram), "normalisation is forgotten"),
        (lambda activation, target_gram: mse(gram(activation) / filters(activation), target_gram), "divided by C H W"),
        (lambda activation, target_gram: mse(gram(activation), target_gram) * activation.shape[0] / 4, "Gatys"),
        (lambda activation, target_gram: mse(gram(activation), target_gram) / 4, "quarter"),
        (
            lambda activation, target_gram: (
                total(square(raw(activation) - target_gram)) / (4 * (filters(activation) * positions(activation)) ** 2)
            ),
            "Gatys.*like with like",
        ),
        (lambda activation, target_gram: mean(gram(activation) - target_gram), "not squared"),
        (lambda activation, target_gram: mean(absolute(gram(activation) - target_gram)), "absolute"),
        (lambda activation, target_gram: float(mse(gram(activation), target_gram)), "Python number"),
        (lambda activation, target_gram: mse(detached(gram(activation)), target_gram), "passes through `target_gram`"),
        (lambda activation, target_gram: square(gram(activation) - target_gram), "single number"),
        (lambda activation, target_gram: mse(activation, target_gram), "take its Gram matrix first"),
        (lambda activation, target_gram: mse(rows(activation), target_gram), "take its Gram matrix first"),
        (lambda activation, target_gram: mse(gram_unpacked(activation), gram_unpacked(target_gram)), "a Gram matrix already"),
        (lambda activation, target_gram: mse(gram(activation)[:1], target_gram[:1]), "Only the first image"),
        (lambda activation, target_gram: mse(gram(activation), target_gram[:1]), "each has its own"),
        (lambda activation, target_gram: total(square(gram(activation) - target_gram)) / filters(activation), "divided by C"),
        (
            lambda activation, target_gram: total(square(gram(activation) - target_gram)) / positions(activation),
            "a size of the activation",
        ),
        (lambda activation, target_gram: square(mean(gram(activation) - target_gram)), "before the square"),
        (lambda activation, target_gram: mean(square(gram(activation)) - square(target_gram)), "by itself"),
        (lambda activation, target_gram: mean(gram(activation) - target_gram**2), "brackets"),
        (lambda activation, target_gram: mse(gram(activation), target_gram) / mean(square(target_gram)), "as a share"),
        (lambda activation, target_gram: mean((gram(activation) - target_gram) ^ 2), r"written \*\*"),
    ],
    "style_loss": [
        (lambda a, t, w: styles(a, t, dict.fromkeys(w, 1.0)), "without their weights"),
        (lambda a, t, w: styles(a, t, w) / len(w), "number of layers"),
        (lambda a, t, w: styles(a, t, w) / sum(w.values()), "sum of the weights"),
        (styles_overwritten, "Only one layer"),
        (styles_early, "Only one layer"),
        (styles_by_order, "by their order"),
        (lambda a, t, w: styles(a, t, w, raw), "normalisation is forgotten"),
        (lambda a, t, w: styles(a, t, w, lambda x: gram(x) / filters(x)), "C H W"),
        (lambda a, t, w: styles(a, t, w, layer_loss=lambda x, y: total(square(x - y))), "summed over the entries"),
        (lambda a, t, w: styles(a, t, w, layer_loss=lambda x, y: mean(x - y)), "not squared"),
        (lambda a, t, w: float(styles(a, t, w)), "Python number"),
        (lambda a, t, w: styles({layer: detached(x) for layer, x in a.items()}, t, w), "passes through `target_grams`"),
        (styles_partly_detached, "cut off"),
        (styles_pop, "changes its input `activations` in place"),
        (
            lambda a, t, w: styles(a, t, {layer: w[layer] for layer in ("conv1_1", "conv2_1", "conv3_1")}),
            "KeyError.*Certain layers",
        ),
        (lambda a, t, w: styles(a, t, {layer: w[layer] for layer in PAPER if layer in w}), "Certain layers"),
        (lambda a, t, w: styles(a, t, {layer: w[layer] for layer in LAYERS if layer in w}), "Certain layers"),
        (lambda a, t, w: styles(a, t, {layer: w[layer] for layer in list(w)[1:]}), "One layer is left out"),
        (styles_of_names, "gives the names of the layers"),
        (styles_of_pairs, "gives the names of the layers"),
        (lambda a, t, w: sum(w[i] * mse(gram(a[i]), t[i]) for i in range(len(w))), "not numbered"),
        (lambda a, t, w: sum(w.values()[0] * mse(gram(a.values()[0]), t.values()[0]) for i in w), "not numbered"),
        (lambda a, t, w: w * mse(gram_unpacked(a), t), "whole dict"),
        (styles_from_none, "starts from None"),
        (lambda a, t, w: styles(a, t, w, gram=lambda x: x), "take its Gram matrix first"),
        (lambda a, t, w: sum(w.values()) * styles(a, t, dict.fromkeys(w, 1.0)), "added up by themselves"),
        (lambda a, t, w: 0.2 * styles(a, t, dict.fromkeys(w, 1.0)), "0.2 is written"),
        (
            lambda a, t, w: styles({layer: x[:1] for layer, x in a.items()}, {layer: x[:1] for layer, x in t.items()}, w),
            "first image",
        ),
        (
            lambda a, t, w: styles({layer: w[layer] * x for layer, x in a.items()}, t, dict.fromkeys(w, 1.0)),
            "activations are multiplied",
        ),
        (lambda a, t, w: 1 + styles(a, t, w), "starts from 1"),
        (lambda a, t, w: stack([w[layer] * mse(gram(a[layer]), t[layer]) for layer in a]), "one number for each layer"),
    ],
}
EMPTY = [gram_empty, lambda activation: ..., lambda activation: None, None, ...]
UNUSABLE = {
    "gram_matrix": lambda activation: tf.stack([gram(image[None])[0] for image in activation]),
}
