"""Lesson 03: Gram matrices, and the style loss of one layer and of several."""

import numpy as np

from stylelab.encoders import LAYERS
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
from stylelab.recipes import PAPER


def _shuffled(rng: np.random.Generator, activation: np.ndarray) -> np.ndarray:
    """The same responses of the filters at other positions."""
    batch, _, _, filters = activation.shape
    return rng.permutation(activation.reshape(batch, -1, filters), axis=1).reshape(activation.shape)


def _gram_cases(rng):
    activation = random_activation(rng, activation_shape(rng))
    row = random_activation(rng, (1, 1, *activation.shape[2:]))
    row[..., rng.integers(row.shape[-1])] = 0  # a filter that does not respond: at some entries a root has no slope
    return {
        "plain": {"activation": activation},
        "plain: one image with one row of positions": {"activation": row},
        "tripled": {"activation": 3 * activation},
        "shuffled": {"activation": _shuffled(rng, activation)},
        "constant": {"activation": np.full(activation.shape, number(rng, 0.5, 0.9), np.float32)},
    }


def _divided(product, *divisors: str):
    """The mistakes that divide this product by sides of the activation, such as 'HW'."""

    def by(sides: str):
        return lambda activation: product(activation) / np.prod([activation.shape["BHWC".index(side)] for side in sides])

    return [by(sides) for sides in divisors]


def _centred(activation):
    return activation - activation.mean((1, 2), keepdims=True)


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


_FACTORS = {  # what goes wrong before there is a product; NumPy's and both frameworks' words
    r"must match|must be equal|Expected size for first two dimensions|mat1 and mat2|batch1|In\[0\]|[Mm]atrix size|batch dimensions":
        "The two factors do not fit. Flatten height and width first, then swap the last two axes of one factor and no others: "
        "`.T`, or a transpose without numbers, reverses all three.",
    r"must be a matrix|2D tensors? expected|1D tensors expected": "That multiplies two matrices, but here is a batch of them: use @.",
    r"Dimension out of range|out of bounds|too many indices": "There are fewer axes than that: flatten height and width alone, not the filters.",
    r"is invalid for input of size|Input to reshape": "These sizes do not fit all the numbers: several images come at once, and each has "
        "C filters and H W positions.",
    r"to unpack|expects a vector of size": "An activation has four axes: the batch, and then height, width and filters in your framework's order.",
}  # fmt: skip
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
    differentiable=("activation",),
    advice=_FACTORS,
    hints=(
        "Forget where things are: for each pair of filters, multiply their responses at the same position, and take the "
            "mean over all positions.",
        "Flatten height and width of [activation] to one axis of HW positions. The product of this with its own "
            "transpose, summed over positions, is (B, C, C); divide by HW.",
    ),
    mistakes={
        "The normalisation is forgotten: divide by H W, the number of positions.": gram_product,
        "The product is multiplied by H W: divide it by the number of positions.":
            lambda activation: gram_product(activation) * positions(activation),
        "`/ H * W` divides by H and then multiplies by W: where do you need brackets?": [
            lambda activation: gram_product(activation) / activation.shape[1] * activation.shape[2],
            lambda activation: gram_product(activation) / activation.shape[2] * activation.shape[1],
        ],
        "The product is divided by one side of the image: divide it by H W, the number of positions.": _divided(gram_product, "H", "W"),
        "It is divided by H W twice: divide the product once, not both of its factors.": _divided(gram_product, "HWHW"),
        "The product is divided by H + W: the number of positions is H W.":
            lambda activation: gram_product(activation) / sum(activation.shape[1:3]),
        "The product is divided by H W - 1, as in a covariance: divide it by the number of positions.":
            lambda activation: gram_product(activation) / (positions(activation) - 1),
        "The product is divided by C H W: divide it by the number of positions alone.": _divided(gram_product, "HWC"),
        "Only the first image of the batch is used: keep the batch axis, with one matrix for each image.": [
            *(of_one for cut in (lambda matrices: matrices[0], lambda matrices: matrices[:1], lambda matrices: 0 * matrices + matrices[:1])
              for of_one in _divided(lambda activation, cut=cut: cut(gram_product(activation)), "HW", "", "HWC")),
        ],
        "Only half of the matrix is filled: filter i with j is the same as j with i.": [
            lambda activation: np.triu(gram(activation)),
            lambda activation: np.tril(gram(activation)),
        ],
        "Only the diagonal is filled: each filter should meet every other filter too.":
            lambda activation: gram(activation) * np.eye(activation.shape[3]),
        "The product is divided by B H W: divide it by the number of positions alone.": _divided(gram_product, "BHW"),
        "The product is divided by B C H W: divide it by the number of positions alone.": _divided(gram_product, "BHWC"),
        "The product is divided by B: divide it by the number of positions.": _divided(gram_product, "B"),
        "Each filter's responses are scaled to length 1, which gives cosines: the Gram matrix keeps their size.":
            lambda activation: gram_product(activation / np.sqrt(np.sum(activation**2, (1, 2), keepdims=True))),
        "The product is divided by the number of filters: divide it by the number of positions.": _divided(gram_product, "C", "CC"),
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
        "The mean is subtracted, which gives the covariance: the Gram matrix keeps the mean.": [
            lambda activation: gram(_centred(activation)),
            lambda activation: gram_product(_centred(activation)) / (positions(activation) - 1),
        ],
        "That is the correlation: the Gram matrix keeps each filter's mean, and its size.":
            lambda activation: gram_product((deviation := _centred(activation)) / np.sqrt(np.sum(deviation**2, (1, 2), keepdims=True))),
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
    activation, style = random_activation(rng, shape), random_activation(rng, (shape[0], 8, 7, shape[3]))  # of another size
    target = gram(style).astype(np.float32)
    own = gram(activation.astype(float)).astype(np.float32)
    # whole numbers, so small that no Gram matrix of them is rounded
    whole = rng.integers(0, rng.integers(3, 6), (shape[0], 2, 4, shape[3])).astype(np.float32)
    return {
        "plain": {"activation": activation, "target_gram": target},
        "plain: one image": {"activation": activation[:1], "target_gram": target[:1]},
        "plain: an activation of zeros": {"activation": 0 * activation, "target_gram": target},
        "plain: an image that has the style already": {"activation": whole, "target_gram": gram(whole)},
        "same": {"activation": activation, "target_gram": own},
        "near": {"activation": activation, "target_gram": own + (target - own) / 100},
        "shuffled": {"activation": _shuffled(rng, activation), "target_gram": target},
        "louder": {"activation": activation * np.float32(number(rng, 1.3, 1.6)), "target_gram": target},
    }


def _gatys_denominator(activation):
    """4 N^2 M^2, for raw Gram matrices."""
    return 4 * float(activation[0].size) ** 2


def _sum_over(divisor):
    """The mistake of dividing the sum of squares by something else than the number of entries."""
    return lambda activation, target_gram: np.sum((gram(activation) - target_gram) ** 2) / divisor(*activation.shape)


_NO_GRAM = {  # an activation, four axes, is compared with a Gram matrix, three
    r"must match|[Ii]ncompatible shapes|must be equal": "An activation cannot be compared with a Gram matrix: take its Gram matrix first.",
    r"expected 4, got 3|activation must": "A Gram matrix is taken of the target too, but it is a Gram matrix already.",
}

STYLE_LAYER_LOSS = Exercise(
    id="style_layer_loss",
    title="Compute the mean squared difference between an activation's Gram matrix (per location) and a target.",
    arguments={"activation": "activation", "target_gram": "matrix"},
    result="scalar",
    cases=_layer_cases,
    reference=_layer_loss,
    differentiable=("activation",),
    advice=_NO_GRAM,
    hints=(
        "Styles are compared by their Gram matrices. Only the target is one already: make the other, then compare the two "
            "entry by entry.",
        "`gram_matrix` turns [activation] into (B, C, C), like the target. The squared difference is (B, C, C) too, and "
            "its mean over everything a scalar.",
    ),
    mistakes={
        "That is the sum: take the mean over all entries, B C C.":
            lambda activation, target_gram: _layer_loss(activation, target_gram) * target_gram.size,
        "The loss is summed over the batch: take the mean over all entries, B C C.":
            lambda activation, target_gram: _layer_loss(activation, target_gram) * len(activation),
        "That is half the sum, or the sum over a matrix's entries: take the mean over all entries, B C C.": [
            lambda activation, target_gram: _layer_loss(activation, target_gram) * target_gram.size / 2,
            _sum_over(lambda b, h, w, c: b),
        ],
        "The sum is divided by C, but a Gram matrix has C C entries: take the mean over all of them.": [
            _sum_over(lambda b, h, w, c: c),
            _sum_over(lambda b, h, w, c: b * c),
        ],
        "Only the first image of the batch is used: take the mean over all.":
            lambda activation, target_gram: _layer_loss(activation[:1], target_gram[:1]),
        "Every image is compared with the first target: each has its own.":
            lambda activation, target_gram: _layer_loss(activation, target_gram[:1]),
        "Only the diagonals are compared: compare all entries.":
            lambda activation, target_gram: np.mean(np.einsum("bii->bi", gram(activation) - target_gram) ** 2),
        "The mean is taken before the square, so errors of opposite sign cancel: square each difference first.":
            lambda activation, target_gram: np.mean(gram(activation) - target_gram) ** 2,
        "Each matrix is squared by itself: subtract first, then square.":
            lambda activation, target_gram: np.mean(gram(activation) ** 2 - target_gram**2),
        "Only the target is squared: where do you need brackets?": lambda activation, target_gram: np.mean(gram(activation) - target_gram**2),
        "The loss is divided by that of the target, as a share: here, take the plain mean.": [
            lambda activation, target_gram: _layer_loss(activation, target_gram) / np.mean(target_gram**2),
            lambda activation, target_gram: _layer_loss(activation, target_gram) / np.sum(target_gram**2),
        ],
        "That is Gatys's loss, with 4 in the denominator: here, take the plain mean.": [
            lambda activation, target_gram: _layer_loss(activation, target_gram) * len(activation) / 4,
            _sum_over(lambda b, h, w, c: 4 * h * w * c),
            _sum_over(lambda b, h, w, c: 4 * b * h * w * c),
        ],
        "That is Gatys's loss, for Gram matrices that are not divided by H W. The target is divided: compare like with like.":
            lambda activation, target_gram: np.sum((gram_product(activation) - target_gram) ** 2) / _gatys_denominator(activation),
        "That is a quarter of the mean: take the plain mean, without a factor.":
            lambda activation, target_gram: _layer_loss(activation, target_gram) / 4,
        "The sum is divided by a size of the activation: take the mean over the entries of the Gram matrices, B C C.": [
            _sum_over(lambda b, h, w, c: h * w),
            _sum_over(lambda b, h, w, c: h * w * c),
            _sum_over(lambda b, h, w, c: b * h * w),
            _sum_over(lambda b, h, w, c: b * h * w * c),
            _sum_over(lambda b, h, w, c: h * w * c * c),
            _sum_over(lambda b, h, w, c: b * h * w * c * c),
        ],
        "Gatys's denominator 4 N^2 M^2 is for Gram matrices that are not yet divided: here, take the mean.": [
            lambda activation, target_gram: np.sum((gram(activation) - target_gram) ** 2) / _gatys_denominator(activation),
            lambda activation, target_gram: _layer_loss(activation, target_gram) / _gatys_denominator(activation),
        ],
        "That is the length of the difference, the root of the sum of squares: take the mean of the squares.": [
            lambda activation, target_gram: np.sqrt(_layer_loss(activation, target_gram) * target_gram.size),
            lambda activation, target_gram: np.sqrt(_layer_loss(activation, target_gram) / target_gram.size),
        ],
        "The normalisation is forgotten: the target is divided by H W, but your Gram matrix is not.": [
            lambda activation, target_gram: np.mean((gram_product(activation) - target_gram) ** 2),
            lambda activation, target_gram: np.sum((gram_product(activation) - target_gram) ** 2),
        ],
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
        "A Gram matrix is taken of the target too, but it is a Gram matrix already.": [
            lambda activation, target_gram: np.mean((gram(activation) - target_gram @ target_gram) ** 2),
            lambda activation, target_gram: np.mean((gram(activation) - target_gram @ target_gram / activation.shape[3]) ** 2),
        ],
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
    # no list of names is right, neither the paper's five nor all sixteen
    layers = ["conv1_1", f"conv{rng.integers(6, 10)}_1", str(rng.choice(["conv2_1", "conv3_1", "conv4_1"]))]
    layers += sorted(str(layer) for layer in rng.permutation(["conv2_2", "conv3_2"])[: rng.integers(1, 3)])
    wider = int(rng.integers(0, 2))
    # (B, H, W, C): later ones are smaller, with more filters
    sizes = {layer: (2, 6 + wider - depth, 4 - depth // 2, 2 + depth + wider) for depth, layer in enumerate(layers)}
    activations = {layer: random_activation(rng, size) for layer, size in sizes.items()}
    styles = {layer: rng.uniform(0.1, 2, size) for layer, size in sizes.items()}
    own = {layer: gram(activation).astype(np.float32) for layer, activation in activations.items()}
    targets = {layer: gram(style).astype(np.float32) for layer, style in styles.items()}
    far_apart = rng.permutation(np.geomspace(0.3, 3, len(sizes)) * rng.uniform(0.8, 1.2, len(sizes)))
    # the weights come in another order than the activations: only their names say what belongs together
    weights = dict(zip(reversed(sizes), (float(weight) for weight in far_apart), strict=True))
    plain = {"activations": activations, "target_grams": targets, "weights": weights}
    alone = str(rng.choice(list(sizes)))
    one_image = {name: {layer: array[:1] for layer, array in plain[name].items()} for name in ("activations", "target_grams")}
    silent = {name: {layer: 0 * array for layer, array in plain[name].items()} for name in one_image}
    return {
        "plain": plain,
        "plain: one image and large weights": plain | one_image | {"weights": {layer: 100 * weights[layer] for layer in sizes}},
        "plain: zeros in every layer": plain | silent,
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


_ONE_LAYER_AT_A_TIME = {  # what goes wrong with three dicts
    r"KeyError: '|NameError: name '(LAYERS|PAPER|STYLE)'": "Certain layers are written into the function, or taken from the lesson: use the names in the dicts that you are "
        "given. There may be others, or only one.",
    r"KeyError: \d|'dict_(values|keys|items)' object is not subscriptable":
        "The dicts are not numbered: look up what you need by the name of its layer.",
    r"'str'|\bstr\b|of string|too many values to unpack|not enough values to unpack \(expected 3, got 2\)":
        "A loop over a dict, or zip of dicts, gives the names of the layers: look up what belongs to each name.",
    r"'dict(_\w+)?'|\bdict\b": "That is a whole dict: take the activation, the target and the weight of one layer at a time.",
    r"'NoneType'": "The sum starts from None: start from 0.",
    r"must be Tensor, not (list|generator)|'generator'": "Tensors in a list are added up by Python's own sum, or by stack and then sum.",
}  # fmt: skip

STYLE_LOSS = Exercise(
    id="style_loss",
    title="Sum weight times style_layer_loss over the layers.",
    arguments={"activations": "activations", "target_grams": "matrices", "weights": "numbers"},
    result="scalar",
    cases=_style_cases,
    reference=_style_loss,
    differentiable=("activations",),
    advice=_ONE_LAYER_AT_A_TIME | _NO_GRAM,
    hints=(
        "Each layer pays its own loss times its own weight. The layer's name finds what belongs together in the three "
            "dictionaries.",
        "For each layer, [activation] and (B, C, C) give one scalar by `style_layer_loss`, and its weight is one number. "
            "The sum of the products is a scalar.",
    ),
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
        "The weights are added up by themselves: multiply each layer's loss by its own weight before you add.": [
            lambda weights, **case: sum(weights.values()) * sum(_losses(**case).values()),
            lambda weights, **case: sum(weights.values()) / len(weights) * sum(_losses(**case).values()),
        ],
        "The weight 0.2 is written into the function: use `weights`.": lambda weights, **case: 0.2 * sum(_losses(**case).values()),
        "Certain layers are written into the function: use the names in the dicts that you are given.": [
            lambda weights, known=known, **case: None if len(weights) == 1 else
                sum(weights[layer] * loss for layer, loss in _losses(**case).items() if layer in known)
            for known in (PAPER, LAYERS)
        ],
        "One layer is left out: check where the loop begins and ends.": [
            lambda weights, index=index, **case: None if len(weights) == 1 else
                _style_loss(**case, weights={layer: weights[layer] for layer in weights if layer != list(weights)[index]})
            for index in (0, -1)
        ],
        "The sum starts from 1: start from 0.": lambda **case: 1 + _style_loss(**case),
        "Only the first image of the batch is used: take the mean over all.":
            _with_loss(lambda activation, target: _layer_loss(activation[:1], target[:1])),
        "The activations are multiplied by the weights: multiply the finished loss of each layer.":
            lambda activations, target_grams, weights: _style_loss(
                {layer: weights[layer] * activation for layer, activation in activations.items()}, target_grams, dict.fromkeys(weights, 1)),
        "The losses are divided by those of the targets, as shares: style_layer_loss is the plain mean.": [
            _with_loss(lambda activation, target: _layer_loss(activation, target) / np.mean(target**2)),
            _with_loss(lambda activation, target: _layer_loss(activation, target) / np.sum(target**2)),
        ],
        "That is half of it: style_layer_loss is the plain mean.": _with_loss(lambda *pair: _layer_loss(*pair) / 2),
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
