"""Lesson 05: three settings of the tutorials: where the image starts, how the learning rate shrinks, how roughness is measured."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.common import (
    COLUMN,
    ROW,
    edge_image,
    image_shape,
    missed_sums,
    neighbours,
    number,
    random_image,
    vanishes,
)


def blend(image, noise, share):
    """Where a run starts: `share` (0..1) parts noise, the rest the image; tensors of any kind.

    Source: deeplearning.ai's exercise.
    """
    return share * noise + (1 - share) * image


def _blend_cases(rng):
    shape = image_shape(rng)
    plain = {"image": random_image(rng, shape), "noise": random_image(rng, shape), "share": float(rng.uniform(0.55, 0.7))}
    one = {"image": plain["image"][:1], "noise": plain["noise"][:1]}
    return {
        "plain": plain,
        "plain: one image": plain | one,
        "plain: a share of 0": plain | {"share": 0.0},
        "plain: a share of 1": plain | {"share": 1.0},
        "black noise": plain | {"noise": np.zeros(shape, np.float32), "share": float(rng.uniform(0.1, 0.4))},
        "black image": plain | {"image": np.zeros(shape, np.float32), "share": float(rng.uniform(0.1, 0.4))},
        "same": plain | {"noise": plain["image"].copy()},
    }


BLEND = Exercise(
    id="blend",
    title="Mix `share` parts of noise with the rest of the image.",
    arguments={"image": "image", "noise": "image", "share": "number"},
    result="image",
    cases=_blend_cases,
    reference=blend,
    hints=(
        "A mixture whose two parts together make up the whole: the noise counts for `share`, the image for whatever is left of "
        "1.",
        "Both are [image], and so is each part after it is multiplied by its number; add the two parts. A share of 0 gives the "
        "image, a share of 1 the noise.",
    ),
    mistakes={
        "`share` and 1 - share are swapped: `share` is how much noise there is.":
            lambda image, noise, share: share * image + (1 - share) * noise,
        "Noise is added but nothing is taken away, so the image leaves its range 0..1: how much of the image should be left?":
            lambda image, noise, share: image + share * noise,
        "Noise is added but nothing is taken away: how much of the image should be left?":
            lambda image, noise, share: np.clip(image + share * noise, 0, 1),
        "The image is weighted but the noise is not, so the result leaves its range 0..1.":
            lambda image, noise, share: (1 - share) * image + noise,
        "Both are added in full, so the result leaves its range 0..1: how much of each should there be?":
            lambda image, noise, share: image + noise,
        "Both are weighted by `share`: how much of the image should be left?": lambda image, noise, share: share * (image + noise),
        "Both are weighted by 1 - share: how much noise should there be?": lambda image, noise, share: (1 - share) * (image + noise),
        "The noise is subtracted: add it.": lambda image, noise, share: (1 - share) * image - share * noise,
        "That is half of each: `share` has to enter.": lambda image, noise, share: (image + noise) / 2,
        "The number 0.6 is written into the function: use the argument `share`.":
            lambda image, noise, share: 0.6 * noise + 0.4 * image,
        "The number 0.6 is written into the function, and noise and image are swapped: use the argument `share`.":
            lambda image, noise, share: 0.6 * image + 0.4 * noise,
        "That is the image alone: mix in the noise.": lambda image, noise, share: image,
        "That is the noise alone: mix it with the image.": lambda image, noise, share: noise,
        "The image is missing from the mix.": lambda image, noise, share: share * noise,
        "The noise is missing from the mix.": lambda image, noise, share: (1 - share) * image,
        "Image and noise are multiplied: add them.": [
            lambda image, noise, share: image * noise,
            lambda image, noise, share: share * noise * (1 - share) * image,
        ],
        "Whole pixels are replaced by noise: mix both in every pixel.":
            lambda image, noise, share: np.where(noise < share, noise, image),
        "The result is divided, but the shares already add up to 1.": [
            lambda image, noise, share: blend(image, noise, share) / 2,
            lambda image, noise, share: blend(image, noise, share) / (1 + share),
        ],
        "That is for images in 0..255: here they are in 0..1, and the value is not scaled.":
            lambda image, noise, share: 255 * blend(image, noise, share),
        "`share` is divided by 100, but it is between 0 and 1 already.": lambda image, noise, share: blend(image, noise, share / 100),
        "`1 - share * image` is 1 less a part of the image: where do you need brackets?": [
            lambda image, noise, share: share * noise + 1 - share * image,
            lambda image, noise, share: share * image + 1 - share * noise,
        ],
        "The noise is centred first: mix it as it is.": [
            lambda image, noise, share: image + share * (noise - 0.5),
            lambda image, noise, share: (1 - share) * image + share * (noise - 0.5),
            lambda image, noise, share: image + share * (2 * noise - 1),
        ],
        "The noise of the first image is used for all: each image has its own.": lambda image, noise, share: blend(image, noise[:1], share),
        "Only the first image of the batch is mixed: mix all of them.": [
            lambda image, noise, share: np.concatenate([blend(image, noise, share)[:1], image[1:]]),
            lambda image, noise, share: blend(image[:1], noise, share),
        ],
        "The noise is averaged first: each pixel has its own.": [
            lambda image, noise, share: blend(image, noise.mean(), share),
            lambda image, noise, share: blend(image, noise.mean((1, 2), keepdims=True), share),
        ],
        "The parts are powers or roots: multiply by `share` and by 1 - share, and add.": [
            lambda image, noise, share: noise**share * image ** (1 - share),
            lambda image, noise, share: np.sqrt(share) * noise + np.sqrt(1 - share) * image,
            lambda image, noise, share: share * noise + np.sqrt(1 - share**2) * image,
            lambda image, noise, share: share**2 * noise + (1 - share) ** 2 * image,
        ],
        "It is clipped, which changes some pixels: with the right shares, nothing leaves 0..1.": [
            lambda image, noise, share: np.clip((1 - share) * image + noise, 0, 1),
            lambda image, noise, share: np.clip(image + noise, 0, 1),
        ],
    },
    properties=(
        Property("weight of the image", "With noise that is 0 everywhere, 1 - share parts of the image should be left.",
                 lambda cases, outputs: np.allclose(outputs["black noise"], blend(**cases["black noise"]), atol=1e-5)),
        Property("weight of the noise", "With an image that is 0 everywhere, `share` parts of the noise should be left.",
                 lambda cases, outputs: np.allclose(outputs["black image"], blend(**cases["black image"]), atol=1e-5)),
        Property("keeps what both have", "Where noise and image agree, the blend should be the same as both.",
                 lambda cases, outputs: np.allclose(outputs["same"], cases["same"]["image"], atol=1e-5)),
    ),
)  # fmt: skip


def decayed_rate(step, rate, factor):
    """The learning rate at a step: it shrinks smoothly, by `factor` in every 100 steps. Source: the Keras example."""
    return rate * factor ** (step / 100)


def _rate_cases(rng):
    rate, factor = float(rng.uniform(20, 90)), float(rng.uniform(0.8, 0.87))
    plain = {"step": int(rng.integers(2, 6)) * 100 + int(rng.integers(20, 80)), "rate": rate, "factor": factor}
    return {
        "plain": plain,
        "plain: another": plain | {"step": int(rng.integers(3900, 4100)), "factor": float(rng.uniform(0.45, 0.55))},
        "start": plain | {"step": 0},
        "soon": plain | {"step": int(rng.integers(1, 3))},
        "later": plain | {"step": plain["step"] + 100},
        "next": plain | {"step": plain["step"] + 1},
    }


DECAYED_RATE = Exercise(
    id="decayed_rate",
    title="Compute the learning rate at a step: rate x factor^(step / 100), smoothly.",
    arguments={"step": "whole", "rate": "number", "factor": "number"},
    result="number",
    cases=_rate_cases,
    reference=decayed_rate,
    atol=0,
    hints=(
        "Every 100 steps multiply the rate by the factor once more; half as many steps multiply it by the factor's root. That is "
        "a power whose exponent may be a fraction.",
        "All are single numbers. The exponent is 0 at step 0, a half at step 50, and 1 at step 100; what the power gives scales "
        "the rate of the start.",
    ),
    mistakes={
        "The result is rounded, to 0 or another whole number: a rate can be any number, also a tiny one.": [
            lambda step, rate, factor: np.floor(decayed_rate(step, rate, factor)),
            lambda step, rate, factor: np.round(decayed_rate(step, rate, factor)),
        ],
        "The rate jumps every 100 steps, but it should shrink smoothly: divide without rounding.": [
            lambda step, rate, factor: rate * factor ** (step // 100),
            lambda step, rate, factor: rate * factor ** round(step / 100),
            lambda step, rate, factor: rate * factor ** -(-step // 100),
        ],
        "The rate shrinks by `factor` at every step: it should do so in 100 steps.": lambda step, rate, factor: rate * factor**step,
        "A power binds more tightly than a division: where do you need brackets?": lambda step, rate, factor: rate * factor**step / 100,
        "The rate stays as it is: make it shrink with the step.": lambda step, rate, factor: rate,
        "The rate is multiplied by the factor once, whatever the step: the step belongs in the exponent.":
            lambda step, rate, factor: rate * factor,
        "The factor is multiplied by step / 100: raise it to a power.": lambda step, rate, factor: rate * factor * step / 100,
        "The rate is inside the power: only the factor belongs there.": lambda step, rate, factor: (rate * factor) ** (step / 100),
        "That is the factor alone: the rate is missing.": lambda step, rate, factor: factor ** (step / 100),
        "Off by one: at step 0, nothing has shrunk yet.": lambda step, rate, factor: decayed_rate(step + 1, rate, factor),
        "Off by one: use the step itself in the exponent.": lambda step, rate, factor: decayed_rate(step - 1, rate, factor),
        "Off by one hundred: use the step itself in the exponent.": [
            lambda step, rate, factor: decayed_rate(step + 100, rate, factor),
            lambda step, rate, factor: decayed_rate(step - 100, rate, factor),
        ],
        "The exponent is upside down: it should grow with the step.":
            lambda step, rate, factor: rate * factor ** (100 / step) if step else rate,
        "The exponent is multiplied by 100: divide it.": lambda step, rate, factor: rate * factor ** (step * 100),
        "The rate grows: the exponent should not be negative.": lambda step, rate, factor: rate * factor ** (-step / 100),
        "The step is divided by 1000: `factor` applies to 100 steps.": lambda step, rate, factor: decayed_rate(step / 10, rate, factor),
        "The step is divided by 10: `factor` applies to 100 steps.": lambda step, rate, factor: decayed_rate(step * 10, rate, factor),
        "The rate falls along a straight line: the same factor in every 100 steps makes a power.": [
            lambda step, rate, factor: rate * (1 - (1 - factor) * step / 100),
            lambda step, rate, factor: rate * (1 - factor * step / 100),
            lambda step, rate, factor: rate - factor * step / 100,
            lambda step, rate, factor: rate - factor * step,
        ],
        "Within every 100 steps the rate falls along a straight line: use a power throughout, without rounding.":
            lambda step, rate, factor: rate * factor ** (step // 100) * (1 - (1 - factor) * (step % 100) / 100),
        "The rate is multiplied by the factor and the step: raise the factor to a power.": lambda step, rate, factor: rate * factor * step,
        "The whole product is raised to a power, or the rate is: only the factor belongs there.": [
            lambda step, rate, factor: rate ** (factor * step / 100),
            lambda step, rate, factor: rate ** (step / 100),
            lambda step, rate, factor: rate ** (step / 100) * factor,
        ],
        "Base and exponent are swapped: the factor is the base.": lambda step, rate, factor: rate * (step / 100) ** factor,
        "The step is divided by the factor: divide it by 100.": lambda step, rate, factor: rate * factor ** (step / factor),
        "The step is divided by 4000: `factor` applies to 100 steps.": lambda step, rate, factor: decayed_rate(step / 40, rate, factor),
        "That is the exponential function: the factor itself is the base.": [
            lambda step, rate, factor: rate * np.exp(-factor * step / 100),
            lambda step, rate, factor: rate * np.exp(-(1 - factor) * step / 100),
            lambda step, rate, factor: rate * np.exp(-step / 100),
            lambda step, rate, factor: rate * np.exp(factor * step / 100),
        ],
        "That is inverse decay, rate / (1 + factor x step / 100): here, use a power of the factor.": [
            lambda step, rate, factor: rate / (1 + factor * step / 100),
            lambda step, rate, factor: rate / (1 + step / 100),
        ],
        "The base is 1 - factor, but a factor of 0.96 leaves 96 per cent.": lambda step, rate, factor: decayed_rate(step, rate, 1 - factor),
        "The number 0.96 is written into the function: use the argument `factor`.":
            lambda step, rate, factor: decayed_rate(step, rate, 0.96),
        "The numbers 100 and 0.96 are written into the function: use the arguments `rate` and `factor`.":
            lambda step, rate, factor: decayed_rate(step, 100, 0.96),
        "The number 100 is written into the function as the rate: use the argument `rate`.":
            lambda step, rate, factor: decayed_rate(step, 100, factor),
    },
    properties=(
        Property("whole at the start", "At step 0 the full rate should be left, and soon after nearly all of it.", lambda cases, outputs:
                 np.isclose(outputs["start"], cases["start"]["rate"], rtol=1e-4)
                 and 0.6 * cases["start"]["rate"] < outputs["soon"] < 1.05 * cases["start"]["rate"], case="start"),
        Property("one factor in 100", "A hundred steps later, it should be `factor` times as much.", lambda cases, outputs: np.isclose(
            outputs["later"], outputs["plain"] * cases["plain"]["factor"], rtol=1e-4)),
        Property("shrinks smoothly", "From one step to the next, it should shrink a little.", lambda cases, outputs: np.isclose(
            outputs["next"] / outputs["plain"], cases["plain"]["factor"] ** 0.01, rtol=1e-5)),
    ),
)  # fmt: skip


def _power(down, right, exponent=1.25):
    return np.sum((down**2 + right**2) ** exponent)


def _variation(image, exponent=1.25):
    return _power(*neighbours(image), exponent)


def _full(image):
    """Differences down and right, each with its full size."""
    return np.diff(image, axis=COLUMN), np.diff(image, axis=ROW)


def _variation_cases(rng):
    image = random_image(rng, image_shape(rng))
    flat = np.full(image.shape, number(rng, 0.2, 0.8), np.float32)
    return {
        "plain": {"image": image},
        "plain: one image": {"image": image[:1]},
        "several": {"image": np.concatenate([image] * int(rng.integers(2, 4)))},
        "half": {"image": image / 2},
        "flat": {"image": flat},
        "nearly flat": {"image": flat + image / 10},
        "edge": {"image": edge_image(rng)},
    }


KERAS_VARIATION = Exercise(
    id="keras_variation",
    title="Sum (dx^2 + dy^2)^1.25 over the positions that have a neighbour to the right and one below.",
    arguments={"image": "image"},
    result="scalar",
    cases=_variation_cases,
    reference=_variation,
    differentiable=("image",),
    advice={
        r"must match|[Ii]ncompatible shapes|must be equal|broadcast": "Two sizes do not fit: dx has one column less than the image, and dy one row "
            "less; keep the positions that have both. An index drops an axis, a slice keeps it: is a colon missing?",
        r"expected 3\)|too many indices|Dimension out of range": "An image has four axes: the batch, and then height, width and colours in your framework's order.",
    },
    hints=(
        "Compare each pixel with the one below it and the one to its right, only where both exist. Add the two squares of a "
        "pixel before you take the power, and sum at the end.",
        "From [image], bring both differences to one shape, H - 1 rows and W - 1 columns: each has to drop a last row or "
        "column. Square, add, take the power 1.25: still that shape. The sum is a scalar.",
    ),
    mistakes={
        "The exponent 1.25 is missing.": lambda image: _variation(image, 1),
        "That is the length, the root of dx^2 + dy^2: the exponent is 1.25.": lambda image: _variation(image, 0.5),
        "The exponent is 2.5, twice what it should be: dx and dy are squared already.": lambda image: _variation(image, 2.5),
        "The exponent is not the 1.25 of the formula.": [
            lambda image, exponent=exponent: _variation(image, exponent) for exponent in (0.625, 0.8, 1.5, 2, 0.25, 0.125, 12.5)
        ],
        **missed_sums(_variation),
        "The power is taken of one difference alone: where do you need brackets?": [
            lambda image: np.sum((parts := neighbours(image))[0] ** 2 + np.abs(parts[1]) ** 2.5),
            lambda image: np.sum(np.abs((parts := neighbours(image))[0]) ** 2.5 + parts[1] ** 2),
        ],
        "The power is taken of the whole sum: take it at every position, then sum.": lambda image: _variation(image, 1) ** 1.25,
        "The power is taken of each difference separately: what is inside the brackets?": [
            lambda image: sum(np.sum(np.abs(part) ** 2.5) for part in neighbours(image)),
            lambda image: sum(np.sum(np.abs(part) ** 2.5) for part in _full(image)),
        ],
        "The sum is multiplied by 1.25: use it as an exponent.": lambda image: 1.25 * _variation(image, 1),
        "The differences are not squared: square each one before you add them.": [
            lambda image: np.sum(sum(np.abs(part) for part in neighbours(image)) ** 1.25),
            lambda image: np.sum(sum(np.abs(part) ** 1.25 for part in neighbours(image))),
        ],
        "That is the sum of absolute differences, as in total_variation: here, use (dx^2 + dy^2)^1.25.": [
            lambda image: sum(np.sum(np.abs(part)) for part in neighbours(image)),
            lambda image: sum(np.sum(np.abs(part)) for part in _full(image)),
        ],
        "The exponent 1.25 is missing, and positions without both neighbours are counted.":
            lambda image: sum(np.sum(part**2) for part in _full(image)),
        "The differences are added before squaring: square each one, then add.": [
            lambda image: np.sum(np.abs(sum(neighbours(image))) ** 2.5),
            lambda image: np.sum(np.abs(np.subtract(*neighbours(image))) ** 2.5),
        ],
        "That is the mean: take the sum.": [
            lambda image: _variation(image) / neighbours(image)[0].size,
            lambda image: _variation(image) / image.size,
        ],
        "Only neighbours above and below are compared.": lambda image: _power(neighbours(image)[0], 0),
        "Only neighbours left and right are compared.": lambda image: _power(0, neighbours(image)[1]),
        "The last difference is missing in one direction: check where the slices end.": [
            lambda image: _variation(image[:, :-1]),
            lambda image: _variation(image[:, :, :-1]),
        ],
        "The last differences are missing in both directions: check where the slices end.": lambda image: _variation(image[:, :-1, :-1]),
        "Opposite borders are compared, as roll does, but the last column has no neighbour to its right.": [
            lambda image: _power(*(image - np.roll(image, -1, axis) for axis in (COLUMN, ROW))),
            lambda image: _power(*(image - np.roll(image, 1, axis) for axis in (COLUMN, ROW))),
        ],
        "Neighbours on the wrong side are used: take those to the right and below each position.":
            lambda image: _power(_full(image)[0][:, :, 1:], _full(image)[1][:, 1:]),
        "dx and dy belong to different positions: which row and which column does each one have to drop?": [
            lambda image: _power(_full(image)[0][:, :, 1:], _full(image)[1][:, :-1]),
            lambda image: _power(_full(image)[0][:, :, :-1], _full(image)[1][:, 1:]),
        ],
        "Every row is compared with the last one: a colon is missing in the slice, as in the tutorial.":
            lambda image: _power(neighbours(image)[0], image[:, :-1, :-1] - image[:, -1:, 1:]),
        "One row or column is stretched over all others: an index, or a slice of length 1, stands where a longer slice should.": [
            lambda image: _power(neighbours(image)[0], image[:, :-1, :-1] - image[:, :1, 1:]),
            lambda image: _power(neighbours(image)[0], image[:, :-1, :-1] - image[:, :-1, -1:]),
            lambda image: _power(image[:, :-1, :-1] - image[:, -1:, :-1], neighbours(image)[1]),
            lambda image: _power(image[:, :-1, :-1] - image[:, -1:, :-1], image[:, :-1, :-1] - image[:, :-1, -1:]),
        ],
        "One of the neighbours is a diagonal one: one lies below, the other to the right.": [
            lambda image: _power(neighbours(image)[0], image[:, :-1, :-1] - image[:, 1:, 1:]),
            lambda image: _power(image[:, :-1, :-1] - image[:, 1:, 1:], neighbours(image)[1]),
            lambda image: _power(image[:, :-1, :-1] - image[:, 1:, 1:], 0),
        ],
        "The border is padded with itself: only positions with both neighbours count.":
            lambda image: _power(np.diff(image, axis=COLUMN, append=image[:, -1:]), np.diff(image, axis=ROW, append=image[:, :, -1:])),
        "The border is padded with zeros: only positions with both neighbours count.":
            lambda image: _power(np.diff(image, axis=COLUMN, append=0), np.diff(image, axis=ROW, append=0)),
        "The colours are added before the power, but each colour has its own.":
            lambda image: np.sum(np.sum(sum(part**2 for part in neighbours(image)), -1) ** 1.25),
        "Differences are taken between colours instead of neighbours: where does your framework keep the channels?": [
            lambda image: _power(*neighbours(image, COLUMN, 3)),
            lambda image: _power(*neighbours(image, ROW, 3)),
        ],
        "That is half of it: each position counts once, with factor 1.": lambda image: _variation(image) / 2,
    },
    properties=(
        Property("adds up over the batch", "The same image twice should give twice as much: sum over the batch as well.",
                 lambda cases, outputs: np.isclose(
                     outputs["several"], len(cases["several"]["image"]) / len(cases["plain"]["image"]) * outputs["plain"], rtol=1e-3)),
        Property("power 2.5", "Half the contrast should give 0.5^2.5 = 0.177 times as much.",
                 lambda cases, outputs: np.isclose(outputs["half"], 0.5**2.5 * outputs["plain"], rtol=1e-3)),
        Property("zero for one colour", "An image of one flat colour should give 0.",
                 lambda cases, outputs: vanishes(outputs, "flat", "nearly flat", 1e-4)),
        Property("counts edges", "One vertical edge in 3 colours should give 3 (height - 1) times the step to the power of 2.5.",
                 lambda cases, outputs: np.isclose(outputs["edge"], _variation(cases["edge"]["image"]), rtol=1e-4)),
    ),
)  # fmt: skip
