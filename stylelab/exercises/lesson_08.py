"""Lesson 08: what a network that paints in one pass is made of, and what a film needs: normalised filters, and images that are moved."""

import numpy as np

from stylelab.exercises.checking.definition import Case, Exercise, Property
from stylelab.exercises.common import SIZES_DIFFER, activation_shape, number, random_activation, random_image


def _deviation(activation, axes, epsilon):
    return np.sqrt(activation.var(axes, keepdims=True) + epsilon)


def _normalised(activation, epsilon, axes=(1, 2), scale=_deviation):
    """Mean 0 and variance 1 over these axes; `scale` is what the distance from the mean is divided by."""
    return (activation - activation.mean(axes, keepdims=True)) / scale(activation, axes, epsilon)


def _conditional(activation, gain, bias, epsilon, **how):
    return _per_filter(gain) * _normalised(activation, epsilon, **how) + _per_filter(bias)


def _per_filter(numbers):
    """(B, C) as (B, 1, 1, C)."""
    return numbers[:, None, None]


def _outside(activation, axes, epsilon):
    return activation.std(axes, keepdims=True) + epsilon


def _variance(activation, axes, epsilon):
    return activation.var(axes, keepdims=True) + epsilon


def _without(activation, axes, epsilon):
    return activation.std(axes, keepdims=True)


def _less_one(activation, axes, epsilon):
    return np.sqrt(activation.var(axes, keepdims=True, ddof=1) + epsilon)


def _length(activation, axes, epsilon):
    return np.sqrt((activation**2).mean(axes, keepdims=True) + epsilon)


def _absolute(activation, axes, epsilon):
    return np.abs(activation - activation.mean(axes, keepdims=True)).mean(axes, keepdims=True) + epsilon


def _one(activation, axes, epsilon):
    return 1


def _upside_down(activation, axes, epsilon):
    return 1 / _deviation(activation, axes, epsilon)


_OTHER_AXES = ((3, 1), (2, 3))  # what are height and width in the one framework's layout, in the other's
_SLIPS = {  # hint -> how the activation is normalised instead
    "Mean and variance are those of the whole batch: each image has its own.": ({"axes": (0, 1, 2)},),
    "Mean and variance are those of all filters together: each filter has its own.": ({"axes": (1, 2, 3)}, {"axes": (0, 1, 2, 3)}),
    "Mean and variance are taken over the filters of a position: take them over the positions of a filter.": ({"axes": (3,)},),
    "Mean and variance are taken over the wrong axes: where does your framework keep the channels?": [{"axes": axes} for axes in _OTHER_AXES],
    "Mean and variance are those of each row or column: take them over height and width at once.": ({"axes": (1,)}, {"axes": (2,)}),
    "Epsilon is added to the deviation: add it to the variance, inside the root.": ({"scale": _outside},),
    "Epsilon is missing: add it to the variance.": ({"scale": _without},),
    "That divides by the variance: divide by its root.": ({"scale": _variance},),
    "The variance is divided by the number of positions less one: divide it by their number.": ({"scale": _less_one},),
    "That divides by the root of the mean square: a variance is taken of what is left after the mean is subtracted.": ({"scale": _length},),
    "That divides by the mean distance from the mean: take the root of the mean square.": ({"scale": _absolute},),
    "Only the mean is subtracted: divide by the root of the variance too.": ({"scale": _one},),
    "That multiplies by the deviation: divide by it.": ({"scale": _upside_down},),
}  # fmt: skip
_ADVICE = {
    SIZES_DIFFER: "Two sizes do not fit: keep the axes of height and width, with "
    "length 1, when you take a mean, and give one number for each filter two such axes.",
}  # fmt: skip


def _inputs(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[str, Case]]:
    """A batch, other images in its place, and cases that every normalisation has."""
    activation = random_activation(rng, activation_shape(rng))
    others = 1.5 * random_activation(rng, activation.shape) + 0.3
    silent = activation.copy()
    silent[..., rng.integers(silent.shape[3])] = 0
    plain, tiny = {"activation": activation, "epsilon": number(rng, 0.1, 0.3)}, number(rng, 5e-7, 2e-6)
    return activation, others, {
        "plain": plain,
        "plain: one image": plain | {"activation": activation[:1]},
        "plain: a filter that does not respond": plain | {"activation": silent},
        "company": plain | {"activation": np.concatenate([activation[:1], others[1:]])},
        "flat": plain | {"activation": np.full(activation.shape, number(rng, 0.5, 0.9), np.float32)},
        "sharp": plain | {"activation": activation, "epsilon": tiny},
        "faint": plain | {"activation": np.float32(0.5) * activation + np.float32(number(rng, 0.2, 0.4)), "epsilon": tiny},
    }  # fmt: skip


def _instance_cases(rng):
    return _inputs(rng)[2]


def _follows(cases, outputs):
    """Whether each filter's result rises and falls with its activation, and in proportion."""
    given, result = (array - array.mean((1, 2), keepdims=True) for array in (cases["plain"]["activation"], outputs["plain"]))
    lengths = np.sqrt((given**2).sum((1, 2)) * (result**2).sum((1, 2)))
    return np.all((given * result).sum((1, 2)) > 0.999 * lengths)


def _one_by_one(cases, outputs):
    return _follows(cases, outputs) and np.allclose(outputs["company"][:1], outputs["plain"][:1], rtol=1e-3, atol=1e-4)


def _ignores_contrast(cases, outputs):
    return _follows(cases, outputs) and np.allclose(outputs["faint"], outputs["sharp"], rtol=2e-3, atol=2e-3)


_ALONE = Property("each image by itself", "An image's result should not depend on the other images of the batch.", _one_by_one)
_CONTRAST = Property(
    "ignores contrast", "With half the contrast and more brightness, the result should be the same.", _ignores_contrast
)

INSTANCE_NORM = Exercise(
    id="instance_norm",
    title="Bring each filter of each image to mean 0 and variance 1.",
    arguments={"activation": "activation", "epsilon": "number"},
    result="activation",
    cases=_instance_cases,
    reference=_normalised,
    differentiable=("activation",),
    advice=_ADVICE,
    hints=(
        "Each filter of each image is measured by itself: take away its mean, and divide by how far its responses usually are "
        "from it. Epsilon keeps that from being 0.",
        "Take mean and variance of [activation] over height and width, and keep both axes with length 1. The variance is "
        "divided by HW. The result has the activation's shape.",
    ),
    mistakes={
        hint: [lambda activation, epsilon, how=how: _normalised(activation, epsilon, **how) for how in slips]
        for hint, slips in _SLIPS.items()
    } | {
        "The mean is not subtracted.": [
            lambda activation, epsilon: activation / _deviation(activation, (1, 2), epsilon),
            lambda activation, epsilon: activation / _length(activation, (1, 2), epsilon),
        ],
        "What is negative is cut off: half of what is normalised is below 0.": lambda activation, epsilon: np.maximum(_normalised(activation, epsilon), 0),
        "Each filter is stretched to 0..1: give it mean 0 and variance 1.": lambda activation, epsilon: (
            (activation - activation.min((1, 2), keepdims=True)) / (np.ptp(activation, (1, 2), keepdims=True) + epsilon)),
        "The activation comes back as it is.": lambda activation, epsilon: activation,
    },
    properties=(
        Property("mean 0", "The mean of each filter over its positions should be 0.",
                 lambda cases, outputs: _follows(cases, outputs) and np.abs(outputs["plain"].mean((1, 2))).max() < 1e-4),
        Property("variance 1", "Where epsilon is negligible, the variance of each filter should be 1.",
                 lambda cases, outputs: np.allclose(outputs["sharp"].var((1, 2)), 1, atol=2e-3)),
        _ALONE,
        _CONTRAST,
        Property("nothing out of nothing", "If a filter responds the same everywhere, the result should be 0.",
                 lambda cases, outputs: _follows(cases, outputs) and np.abs(outputs["flat"]).max() < 1e-3),
    ),
)  # fmt: skip


def _conditional_cases(rng):
    activation, _, cases = _inputs(rng)
    styles = [
        {name: rng.uniform(low, high, (len(activation), activation.shape[3])).astype(np.float32)
         for name, low, high in (("gain", 0.4, 1.6), ("bias", -0.8, 0.8))}
        for _ in range(2)
    ]  # fmt: skip
    for name, case in cases.items():
        code = {key: numbers[: len(case["activation"])] for key, numbers in styles[0].items()}
        cases[name] = {"activation": case["activation"], **code, "epsilon": case["epsilon"]}  # in the arguments' order
    mixed = {name: (styles[0][name] + styles[1][name]) / 2 for name in styles[0]}
    bare = {"gain": np.ones_like(mixed["gain"]), "bias": np.zeros_like(mixed["bias"])}
    return cases | {"other": cases["plain"] | styles[1], "mixed": cases["plain"] | mixed, "bare": cases["plain"] | bare}


def _mixes(cases, outputs):
    between = (outputs["plain"] + outputs["other"]) / 2
    differ = not np.allclose(outputs["plain"], outputs["other"], atol=0.05)
    return differ and _follows(cases, outputs) and np.allclose(outputs["mixed"], between, rtol=1e-3, atol=1e-4)


CONDITIONAL_INSTANCE_NORM = Exercise(
    id="conditional_instance_norm",
    title="Normalise each filter of each image, then give it the gain and the bias of a style.",
    arguments={"activation": "activation", "gain": "matrix", "bias": "matrix", "epsilon": "number"},
    result="activation",
    cases=_conditional_cases,
    reference=_conditional,
    differentiable=("activation", "gain", "bias"),
    advice=_ADVICE,
    hints=(
        "First make all filters alike, with mean 0 and variance 1. Then the style says how strongly each one counts, and where "
        "its middle lies.",
        "The normalised activation is [activation]. Gain and bias are (B, C): give them axes of length 1 for height and width, "
        "where your framework keeps these. The result has the activation's shape.",
    ),
    mistakes={
        "Gain and bias are swapped.": lambda activation, gain, bias, epsilon: _conditional(activation, bias, gain, epsilon),
        "The gain is not used.": lambda activation, gain, bias, epsilon: _conditional(activation, np.ones_like(gain), bias, epsilon),
        "The bias is not added.": lambda activation, gain, bias, epsilon: _conditional(activation, gain, np.zeros_like(bias), epsilon),
        "The style is not used: multiply by the gain and add the bias.": lambda activation, gain, bias, epsilon: _normalised(activation, epsilon),
        "The gain is multiplied with the bias as well: add the bias last.":
            lambda activation, gain, bias, epsilon: _conditional(activation, gain, gain * bias, epsilon),
        "The bias is subtracted: add it.": lambda activation, gain, bias, epsilon: _conditional(activation, gain, -bias, epsilon),
        "That divides by the gain: multiply by it.": lambda activation, gain, bias, epsilon: _conditional(activation, 1 / gain, bias, epsilon),
        "The gain is 1 too large: take the gain as it is.": lambda activation, gain, bias, epsilon: _conditional(activation, 1 + gain, bias, epsilon),
        "The gain is squared, or its root is taken: take the gain as it is.": [
            lambda activation, gain, bias, epsilon: _conditional(activation, gain**2, bias, epsilon),
            lambda activation, gain, bias, epsilon: _conditional(activation, np.sqrt(gain), bias, epsilon),
        ],
        "The activation is not normalised first.": lambda activation, gain, bias, epsilon: _per_filter(gain) * activation + _per_filter(bias),
        "The mean is not subtracted before the gain is applied.": lambda activation, gain, bias, epsilon: (
            _per_filter(gain) * activation / _deviation(activation, (1, 2), epsilon) + _per_filter(bias)),
        "The activation's own mean is added again: the bias takes its place.": lambda activation, gain, bias, epsilon: (
            _conditional(activation, gain, bias, epsilon) + activation.mean((1, 2), keepdims=True)),
        "Every image gets the gain and the bias of the first: each has a style of its own.": lambda activation, gain, bias, epsilon: _conditional(
            activation, gain[:1], bias[:1], epsilon) if len(gain) > 1 else None,
        "The gains or the biases of several filters are averaged: each filter has its own.": lambda activation, gain, bias, epsilon: _conditional(
            activation, gain.mean(1, keepdims=True), bias.mean(1, keepdims=True), epsilon),
        **{
            hint: [lambda activation, gain, bias, epsilon, how=how: _conditional(activation, gain, bias, epsilon, **how) for how in slips]
            for hint, slips in _SLIPS.items()
        },
    },
    properties=(
        Property("instance normalisation, with gain 1 and bias 0", "If all gains are 1 and all biases 0, only the normalisation should be left.", case="bare"),
        _ALONE,
        _CONTRAST,
        Property("the bias, where nothing differs", "If a filter responds the same everywhere, the result should be its bias.", case="flat"),
        Property("styles mix", "With gains and biases halfway between two styles, the result should be halfway between both results.", _mixes),
    ),
)  # fmt: skip


def _pixels(image, down, across, edge=np.clip):
    """The pixels of each image at whole positions (B, H, W); `edge` says which is meant beyond the edge."""
    _, height, width, _ = image.shape
    rows, columns = (edge(position.astype(int), 0, side - 1) for position, side in ((down, height), (across, width)))
    return image[np.arange(len(image))[:, None, None], rows, columns]


def _wrapped(position, low, high):
    return position % (high + 1)


def _between(image, down, across, edge=np.clip, swapped=False):
    """The image between its pixels, at any positions (B, H, W): bilinear."""
    top, left = np.floor(down), np.floor(across)
    lower, right = ((down - top)[..., None], (across - left)[..., None])
    if swapped:
        lower, right = 1 - lower, 1 - right
    above = (1 - right) * _pixels(image, top, left, edge) + right * _pixels(image, top, left + 1, edge)
    below = (1 - right) * _pixels(image, top + 1, left, edge) + right * _pixels(image, top + 1, left + 1, edge)
    return (1 - lower) * above + lower * below


def _sampled(at=lambda own, way, side: own + way, order=(0, 1), sample=_between, **how):
    """The mistake that looks up other positions: `at` makes them of a pixel's own position, its flow and the image's side."""

    def wrong(image, flow):
        _, height, width, _ = image.shape
        own_down, own_across = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        across, down = at(own_across, flow[..., order[0]], width), at(own_down, flow[..., order[1]], height)
        return sample(image, down, across, **how)

    return wrong


_warp = _sampled()


def _black_outside(image, down, across):
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return _between(padded, down + 1, across + 1)


def _half_clipped(image, down, across):
    """Black wherever a position is outside at all."""
    _, height, width, _ = image.shape
    inside = (down >= 0) & (down <= height - 1) & (across >= 0) & (across <= width - 1)
    return _between(image, down, across) * inside[..., None]


def _pushed(image, flow):
    """Every pixel is put where its flow points, rounded."""
    result = np.zeros_like(image)
    _, height, width, _ = image.shape
    for row, column in np.ndindex(height, width):
        across, down = np.rint(flow[0, row, column]).astype(int)
        if 0 <= row + down < height and 0 <= column + across < width:
            result[0, row + down, column + across] = image[0, row, column]
    return result


def _warp_cases(rng):
    height, width = (int(side) for side in rng.permutation([5, 6, 7])[:2])
    image = random_image(rng, (1, height, width, 3))
    flow = random_image(rng, (1, height, width, 2), -1.6, 1.6)
    plain = {"image": image, "flow": flow}
    steps = np.float32([rng.choice([-1, 1]), rng.choice([-2, 2])])
    return {
        "plain": plain,
        "plain: a flow that points far outside": plain | {"flow": 6 * flow},
        "still": plain | {"flow": np.zeros_like(flow)},
        "nearly still": plain | {"flow": np.float32(0.02) * flow},
        "moved": plain | {"flow": np.zeros_like(flow) + steps},
        "half": plain | {"flow": np.zeros_like(flow) + np.float32([0.5, 0])},
        "grey": plain | {"image": np.float32(number(rng, 0.3, 0.7)) + random_image(rng, image.shape, -0.01, 0.01)},
        "lighter": plain | {"image": np.float32(0.5) * image + np.float32(0.25)},
    }


def _moves(cases, outputs):
    """Whether there is an image, and another than the one that came in."""
    return np.ptp(outputs["plain"], axis=(1, 2)).min() > 0.1 and not np.allclose(
        outputs["plain"], cases["plain"]["image"], atol=0.05
    )


WARP = Exercise(
    id="warp",
    title="Move an image by a flow: each pixel is taken from the position that its flow points to, between pixels too.",
    arguments={"image": "image", "flow": "image"},
    result="image",
    cases=_warp_cases,
    reference=_warp,
    rtol=1e-3,
    atol=1e-4,
    advice={
        r"out of bounds|out of range|not in \[0|index \S+ is out": "A position is outside the image: clip rows to 0..H - 1 and columns to 0..W - 1 before you look up pixels.",
        r"must be long, int|used as indices|tensors used as indices|Value for attr 'Tindices'|must be integers|indices must be": "Pixels are looked up by whole numbers: turn positions into "
            "integers after rounding down.",
        SIZES_DIFFER: "Two sizes do not fit: print the shapes. A weight is one number for each pixel, "
            "for all three colours.",
    },
    hints=(
        "Ask of every new pixel where it comes from: its own position plus its flow. Between pixels, the four around it share "
        "the answer, and a nearer one counts more.",
        "Positions across and down, rounded down, and the fractions left over: each is (H, W). Look up four images, clipped to "
        "the edge. Mix left and right by one fraction, then above and below by the other.",
    ),
    mistakes={
        "Across and down are swapped: the first number of a flow goes to the right, the second down.": _sampled(order=(1, 0)),
        "The flow is subtracted: look where it points to.": _sampled(lambda own, way, side: own - way),
        "Each pixel is pushed along its flow, which leaves holes: take each from the position that its flow points to.": _pushed,
        "The nearest pixel is taken: between pixels, mix the four around.": _sampled(sample=lambda image, down, across: _pixels(image, np.rint(down), np.rint(across))),
        "Positions are rounded down: between pixels, mix the four around.": [
            _sampled(sample=lambda image, down, across: _pixels(image, np.floor(down), np.floor(across))),
            _sampled(sample=lambda image, down, across: _pixels(image, np.trunc(down), np.trunc(across))),
        ],
        "The weights are swapped: the nearer a pixel, the more it counts.": _sampled(swapped=True),
        "Only pixels in one row are mixed: mix the rows above and below as well.": _sampled(sample=lambda image, down, across: _between(image, np.floor(down), across)),
        "Only pixels in one column are mixed: mix those to the left and right as well.": _sampled(sample=lambda image, down, across: _between(image, down, np.floor(across))),
        "The four pixels count the same: the nearer a pixel, the more it counts.":
            _sampled(sample=lambda image, down, across: _between(image, np.floor(down) + 0.5, np.floor(across) + 0.5)),
        "Beyond the edge it is black: take the nearest pixel of the edge.": [_sampled(sample=_black_outside), _sampled(sample=_half_clipped)],
        "Beyond the edge the image begins again at the other side: take the nearest pixel of the edge.": _sampled(edge=_wrapped),
        "The flow is used as the position itself: add the pixel's own position.": _sampled(lambda own, way, side: way),
        "Only the way across is used: a flow goes down as well.": _sampled(sample=lambda image, down, across: _between(
            image, np.zeros_like(down) + np.arange(image.shape[1])[:, None], across)),
        "Only the way down is used: a flow goes across as well.": _sampled(sample=lambda image, down, across: _between(
            image, down, np.zeros_like(across) + np.arange(image.shape[2]))),
        "Positions are off, more and more towards the edge: do -1 and 1 mean the middles of the outermost pixels, or their outer sides (`align_corners`)?": [
            _sampled(lambda own, way, side: (own + way) * side / (side - 1) - 0.5),
            _sampled(lambda own, way, side: (own + way + 0.5) * (side - 1) / side),
        ],
        "The flow is added to positions in -1..1: it is given in pixels.": _sampled(lambda own, way, side: own + way * (side - 1) / 2),
        "The flow is doubled or halved: it is given in pixels.": [
            _sampled(lambda own, way, side: own + 2 * way), _sampled(lambda own, way, side: own + way / 2),
        ],
        "The flow is not used: the image comes back as it is.": lambda image, flow: image,
    },
    properties=(
        Property("still", "If the flow is 0, the image should stay as it is, and only then.",
                 lambda cases, outputs: _moves(cases, outputs) and np.allclose(outputs["still"], cases["still"]["image"], atol=1e-4)
                 and np.allclose(outputs["nearly still"], cases["still"]["image"], atol=0.1)),
        Property("whole pixels", "A flow of whole pixels should shift the image, and repeat its edge.", case="moved"),
        Property("half a pixel", "Half a pixel to the right, each pixel should be the mean of two neighbours.", case="half"),
        Property("grey stays grey", "An image of nearly one colour should keep it, whatever the flow: weights add up to 1.",
                 lambda cases, outputs: _moves(cases, outputs) and np.abs(outputs["grey"] - cases["grey"]["image"].mean()).max() < 0.02),
        Property("colours mix", "With half the contrast, the result should have half the contrast.",
                 lambda cases, outputs: _moves(cases, outputs) and np.allclose(outputs["lighter"], 0.5 * outputs["plain"] + 0.25, atol=1e-3)),
    ),
)  # fmt: skip
