"""Exercises on two settings of the tutorials: where the image starts, and how the learning rate shrinks."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.random_inputs import image_shape, random_image


def blend(image, noise, share):
    """Where a run starts: `share` (0..1) parts noise, the rest the image; tensors of any kind.

    Source: deeplearning.ai's exercise.
    """
    return share * noise + (1 - share) * image


def decayed_rate(step, rate, factor):
    """The learning rate at a step: it shrinks smoothly, by `factor` in every 100 steps. Source: the Keras example."""
    return rate * factor ** (step / 100)


def _blend_cases(rng):
    shape = image_shape(rng)
    plain = {"image": random_image(rng, shape), "noise": random_image(rng, shape), "share": float(rng.uniform(0.55, 0.7))}
    return {
        "plain": plain,
        "black noise": plain | {"noise": np.zeros(shape, np.float32), "share": float(rng.uniform(0.1, 0.4))},
        "black image": plain | {"image": np.zeros(shape, np.float32), "share": float(rng.uniform(0.1, 0.4))},
        "same": plain | {"noise": plain["image"].copy()},
    }


BLEND = Exercise(
    id="blend",
    title="`share` parts noise, the rest the image.",
    arguments={"image": "image", "noise": "image", "share": "number"},
    result="image",
    cases=_blend_cases,
    reference=blend,
    mistakes=(
        Mistake("share and 1 - share are swapped: share is how much noise there is.",
                lambda image, noise, share: share * image + (1 - share) * noise),
        Mistake("Noise is added and nothing taken away, so the image leaves its range 0..1: weigh the image by 1 - share.",
                lambda image, noise, share: image + share * noise),
        Mistake("Noise is added and nothing taken away: weigh the image by 1 - share.",
                lambda image, noise, share: np.clip(image + share * noise, 0, 1)),
        Mistake("The image is weighed, the noise is not, so it leaves its range 0..1: weigh the noise by share.",
                lambda image, noise, share: (1 - share) * image + noise),
        Mistake("Both are added in full, so the image leaves its range 0..1: weigh them by share and 1 - share.",
                lambda image, noise, share: image + noise),
        Mistake("Both are weighed by share: the image's weight is 1 - share.",
                lambda image, noise, share: share * (image + noise)),
        Mistake("Both are weighed by 1 - share: the noise's weight is share.",
                lambda image, noise, share: (1 - share) * (image + noise)),
        Mistake("The noise is subtracted: add it.", lambda image, noise, share: (1 - share) * image - share * noise),
        Mistake("That is half and half: share must enter.", lambda image, noise, share: (image + noise) / 2),
        Mistake("0.6 is written into the function: use the share that is given.",
                lambda image, noise, share: 0.6 * noise + 0.4 * image),
        Mistake("0.6 is written into the function, and noise and image are swapped: use the share that is given.",
                lambda image, noise, share: 0.6 * image + 0.4 * noise),
        Mistake("That is the image alone: mix the noise in.", lambda image, noise, share: image),
        Mistake("That is the noise alone: mix it with the image.", lambda image, noise, share: noise),
        Mistake("The image is missing: add (1 - share) parts of it.", lambda image, noise, share: share * noise),
        Mistake("The noise is missing: add share parts of it.", lambda image, noise, share: (1 - share) * image),
        Mistake("They are multiplied with each other: add them.", lambda image, noise, share: image * noise),
        Mistake("They are multiplied with each other: add them.", lambda image, noise, share: share * noise * (1 - share) * image),
        Mistake("Whole pixels are swapped for noise: mix both in every pixel.",
                lambda image, noise, share: np.where(noise < share, noise, image)),
        Mistake("The result is stretched or divided once more: the shares add up to 1 already.",
                lambda image, noise, share: blend(image, noise, share) / 2),
    ),
    properties=(
        Property("weight of the image", "With noise that is 0 everywhere, 1 - share parts of the image must be left.",
                 lambda cases, outputs: np.allclose(outputs["black noise"], blend(**cases["black noise"]), atol=1e-5)),
        Property("weight of the noise", "With an image that is 0 everywhere, share parts of the noise must be left.",
                 lambda cases, outputs: np.allclose(outputs["black image"], blend(**cases["black image"]), atol=1e-5)),
        Property("keeps what both have", "Where noise and image agree the blend must be the same as both.",
                 lambda cases, outputs: np.allclose(outputs["same"], cases["same"]["image"], atol=1e-5)),
    ),
)  # fmt: skip


def _rate_cases(rng):
    rate, factor = float(rng.uniform(20, 90)), float(rng.uniform(0.8, 0.95))
    plain = {"step": int(rng.integers(2, 6)) * 100 + int(rng.integers(20, 80)), "rate": rate, "factor": factor}
    return {
        "plain": plain,
        "start": plain | {"step": 0},
        "soon": plain | {"step": int(rng.integers(1, 3))},
        "later": plain | {"step": plain["step"] + 100},
        "next": plain | {"step": plain["step"] + 1},
    }


_STAIRS = "The rate jumps every 100 steps: divide with / and not with //, so that it shrinks smoothly."
_PLACES = "The power binds before the division: write the brackets, factor ** (step / 100)."


def _begins(cases, outputs) -> bool:
    rate = cases["start"]["rate"]
    return bool(np.isclose(outputs["start"], rate, rtol=1e-4) and 0.6 * rate < outputs["soon"] < 1.05 * rate)


DECAYED_RATE = Exercise(
    id="decayed_rate",
    title="The learning rate at a step: rate x factor^(step / 100), smoothly.",
    arguments={"step": "whole", "rate": "number", "factor": "number"},
    result="number",
    cases=_rate_cases,
    reference=decayed_rate,
    atol=0,
    mistakes=(
        Mistake(_STAIRS, lambda step, rate, factor: rate * factor ** (step // 100)),
        Mistake(_STAIRS, lambda step, rate, factor: rate * factor ** round(step / 100)),
        Mistake(_STAIRS, lambda step, rate, factor: rate * factor ** -(-step // 100)),
        Mistake("It shrinks by `factor` at every step: divide the step by 100.", lambda step, rate, factor: rate * factor**step),
        Mistake(_PLACES, lambda step, rate, factor: rate * factor**step / 100),
        Mistake("The rate stays as it is: multiply by factor ** (step / 100).", lambda step, rate, factor: rate),
        Mistake("It is multiplied by the factor once, whatever the step: the step is the exponent.",
                lambda step, rate, factor: rate * factor),
        Mistake("The factor is multiplied by step / 100: it is a power.", lambda step, rate, factor: rate * factor * step / 100),
        Mistake("The rate is inside the power: only the factor is.", lambda step, rate, factor: (rate * factor) ** (step / 100)),
        Mistake("That is the factor alone: multiply it by the rate.", lambda step, rate, factor: factor ** (step / 100)),
        Mistake("Off by one: at step 0 the rate is whole.", lambda step, rate, factor: decayed_rate(step + 1, rate, factor)),
        Mistake("Off by one: the exponent is step / 100, without -1.", lambda step, rate, factor: decayed_rate(step - 1, rate, factor)),
        Mistake("Off by one hundred: the exponent is step / 100.", lambda step, rate, factor: decayed_rate(step + 100, rate, factor)),
        Mistake("Off by one hundred: the exponent is step / 100.", lambda step, rate, factor: decayed_rate(step - 100, rate, factor)),
        Mistake("The exponent is upside down: step / 100.", lambda step, rate, factor: rate * factor ** (100 / step) if step else rate),
        Mistake("The exponent is multiplied by 100: divide by it.", lambda step, rate, factor: rate * factor ** (step * 100)),
        Mistake("It grows: multiply by factor ** (step / 100), without a minus sign.",
                lambda step, rate, factor: rate * factor ** (-step / 100)),
        Mistake("The exponent is step / 1000: it is step / 100.", lambda step, rate, factor: decayed_rate(step / 10, rate, factor)),
        Mistake("The exponent is step / 10: it is step / 100.", lambda step, rate, factor: decayed_rate(step * 10, rate, factor)),
        Mistake("That falls along a straight line: the same factor in every 100 steps is a power.",
                lambda step, rate, factor: rate * (1 - (1 - factor) * step / 100)),
        Mistake("That is the exponential function of the factor: the factor itself is the base.",
                lambda step, rate, factor: rate * np.exp(-factor * step / 100)),
        Mistake("That is the inverse decay, rate / (1 + factor x step / 100): here it is a power of the factor.",
                lambda step, rate, factor: rate / (1 + factor * step / 100)),
        Mistake("1 - factor stands where the factor belongs: 0.96 leaves 96 percent.",
                lambda step, rate, factor: decayed_rate(step, rate, 1 - factor)),
        Mistake("0.96 is written into the function: use the factor that is given.",
                lambda step, rate, factor: decayed_rate(step, rate, 0.96)),
        Mistake("100 and 0.96 are written into the function: use the rate and the factor that are given.",
                lambda step, rate, factor: decayed_rate(step, 100, 0.96)),
        Mistake("100 is written into the function as the rate: use the one that is given.",
                lambda step, rate, factor: decayed_rate(step, 100, factor)),
    ),
    properties=(
        Property("whole at the start", "At step 0 the rate must be whole, and soon after nearly so.", _begins, case="start"),
        Property("one factor in 100", "A hundred steps later it must be `factor` times as much.", lambda cases, outputs: np.isclose(
            outputs["later"], outputs["plain"] * cases["plain"]["factor"], rtol=1e-4)),
        Property("shrinks smoothly", "From one step to the next it must shrink by a little.", lambda cases, outputs: np.isclose(
            outputs["next"] / outputs["plain"], cases["plain"]["factor"] ** 0.01, rtol=1e-6)),
    ),
)  # fmt: skip
