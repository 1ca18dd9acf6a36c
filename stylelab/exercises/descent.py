"""Exercises on moving an image: the gradient with respect to it, and a loop of steps that keeps it in 0..1."""

from functools import partial

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.image import slope, step, vanishes
from stylelab.exercises.random_inputs import image_shape, number, random_image

# The loss is 1/2 sum w (image - target)^2: its gradient is w (image - target), with respect to the target the opposite.


def _gradient_cases(rng):
    shape = image_shape(rng)
    image, target = random_image(rng, shape), random_image(rng, shape)
    plain = {"image": image, "target": target, "loss": random_image(rng, shape, 0.5, 2)}
    return {
        "plain": plain,
        "arrived": plain | {"image": target.copy()},
        "nearly": plain | {"image": target + (image - target) / 100},
        "twice as far": plain | {"image": target + 2 * (image - target)},
    }


_TARGET = (
    "It has the opposite sign: it is the gradient with respect to the target, or minus the gradient, or the two are swapped. "
    "Take it with respect to the image."
)

IMAGE_GRADIENT = Exercise(
    id="picture_gradient",
    title="The gradient of loss(image, target) with respect to the image: the network and the target stay as they are.",
    arguments={"image": "image", "target": "image", "loss": "loss"},
    result="image",
    cases=_gradient_cases,
    reference=slope,
    mistakes=(
        Mistake(_TARGET, lambda image, target, loss: -slope(image, target, loss)),
        Mistake("That is the loss: take its gradient with respect to the image.",
                lambda image, target, loss: np.sum(loss * (image - target) ** 2) / 2),
        Mistake("That is the image itself: return its gradient.", lambda image, target, loss: image),
        Mistake("That is the target itself: return the gradient with respect to the image.", lambda image, target, loss: target),
        Mistake("That is the moved image: return the gradient alone.",
                lambda image, target, loss: image - slope(image, target, loss)),
        Mistake("That is the moved image: return the gradient alone.", lambda image, target, loss: step(image, target, loss, 1)),
        Mistake("That is the difference to the target: it is the given loss that must be differentiated.",
                lambda image, target, loss: image - target),
        Mistake("That is the difference to the target: it is the given loss that must be differentiated.",
                lambda image, target, loss: target - image),
        Mistake("That is the gradient of a loss of your own: differentiate the one that is given.",
                lambda image, target, loss: 2 * (image - target)),
        Mistake("That is the gradient of a loss of your own: differentiate the one that is given.",
                lambda image, target, loss: 2 * (image - target) / image.size),
        Mistake("That is the gradient of a loss of your own: differentiate the one that is given.",
                lambda image, target, loss: (image - target) / image.size),
        Mistake("That is twice the gradient: two calls of backward add up, so clear the gradient or call it once.",
                lambda image, target, loss: 2 * slope(image, target, loss)),
        Mistake("Only the sign of the gradient is left.", lambda image, target, loss: np.sign(slope(image, target, loss))),
        Mistake("The gradient is clipped to 0..1: it may be negative, for it is no image.",
                lambda image, target, loss: np.clip(slope(image, target, loss), 0, 1)),
        Mistake("The gradient without its sign: keep the sign, it says which way is up.",
                lambda image, target, loss: np.abs(slope(image, target, loss))),
        Mistake("The gradient is divided by its size: return it as it is.",
                lambda image, target, loss: _unit(slope(image, target, loss))),
        Mistake("The gradient is divided by the number of pixels: return it as it is.",
                lambda image, target, loss: slope(image, target, loss) / image.size),
        Mistake("The gradient is 0 everywhere: is the loss taken at the target, or of an image that nothing records?",
                lambda image, target, loss: np.zeros_like(image)),
        Mistake("The gradient is summed up: every pixel has its own.",
                lambda image, target, loss: np.sum(slope(image, target, loss))),
    ),
    properties=(
        Property("0 at the target", "Where image and target agree the gradient must be 0.",
                 lambda cases, outputs: vanishes(outputs, "arrived", "nearly")),
        Property("steeper further away", "This loss is twice as steep at twice the distance.",
                 lambda cases, outputs: np.allclose(outputs["twice as far"], 2 * outputs["plain"], rtol=1e-3, atol=1e-5)),
    ),
)  # fmt: skip


def _unit(gradient):
    return gradient / np.sqrt(np.sum(gradient**2))


def _reconstruct_cases(rng):
    # steps so long that they leave 0..1 again and again: where the image is clipped then shows
    shape = image_shape(rng)
    plain = {
        "image": random_image(rng, shape), "target": random_image(rng, shape), "loss": random_image(rng, shape, 0.5, 2),
        "steps": int(rng.integers(4, 6)), "learning_rate": number(rng, 1.1, 1.3),
    }  # fmt: skip
    return {
        "plain": plain,
        "slow": plain | {"learning_rate": number(rng, 0.08, 0.12)},
        "one": plain | {"steps": 1},
        "none": plain | {"steps": 0},
        "hardly": plain | {"learning_rate": number(rng, 1e-4, 2e-4)},
    }


def _reconstruct(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image = step(image, target, loss, learning_rate)
    return image


def _free(image, target, loss, steps, learning_rate):
    """Never clipped."""
    for _ in range(steps):
        image = image - learning_rate * slope(image, target, loss)
    return image


def _clipped_before(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image = np.clip(image, 0, 1) - learning_rate * slope(np.clip(image, 0, 1), target, loss)
    return image


def _uphill(image, target, loss, steps, learning_rate):
    return _reconstruct(image, target, loss, steps, -learning_rate)


def _added_up(image, target, loss, steps, learning_rate):
    """PyTorch's `.grad`, never cleared."""
    total = 0
    for _ in range(steps):
        total = total + slope(image, target, loss)
        image = np.clip(image - learning_rate * total, 0, 1)
    return image


def _fixed_slope(image, target, loss, steps, learning_rate):
    gradient = slope(image, target, loss)
    for _ in range(steps):
        image = np.clip(image - learning_rate * gradient, 0, 1)
    return image


def _always_from_the_start(image, target, loss, steps, learning_rate):
    return step(image, target, loss, learning_rate) if steps else image


def _signs(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image = np.clip(image - learning_rate * np.sign(slope(image, target, loss)), 0, 1)
    return image


def _adam(image, target, loss, steps, learning_rate, keras=False):
    """As PyTorch has it, or with epsilon where and as large as Keras has it."""
    first = second = 0
    for index in range(1, steps + 1):
        gradient = slope(image, target, loss)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        scale = np.sqrt(1 - 0.999**index)
        move = first / (1 - 0.9**index) / (np.sqrt(second) / scale + (1e-7 / scale if keras else 1e-8))
        image = np.clip(image - learning_rate * move, 0, 1)
    return image


def _other_steps(change):
    return lambda image, target, loss, steps, learning_rate: _reconstruct(
        image, target, loss, max(0, change(steps)), learning_rate
    )


_STAY = "The image leaves its range 0..1 along the way: clip it after each step."
_ONE = (
    "Only one step is made: repeat it `steps` times, each from the image that the last one gave. (Or the return stands inside "
    "the loop, or every step starts from the first image.)"
)

RECONSTRUCT = Exercise(
    id="reconstruct",
    title="Several steps of gradient descent on the image, which is in 0..1 after each of them.",
    arguments={"image": "image", "target": "image", "loss": "loss", "steps": "whole", "learning_rate": "number"},
    result="image",
    cases=_reconstruct_cases,
    reference=_reconstruct,
    mistakes=(
        Mistake("The image does not move: put the moved one in its place, and return it.",
                lambda image, target, loss, steps, learning_rate: image),
        Mistake("That is the target itself: come closer to it step by step.",
                lambda image, target, loss, steps, learning_rate: target),
        Mistake(_ONE, _always_from_the_start),
        Mistake("Off by one: one step too few.", _other_steps(lambda steps: steps - 1)),
        Mistake("Off by one: one step too many.", _other_steps(lambda steps: steps + 1)),
        Mistake("The image is clipped only at the end: clip it after each step.",
                lambda **case: np.clip(_free(**case), 0, 1)),
        Mistake("The image is never clipped and leaves its range 0..1: clip it after each step.", _free),
        Mistake("The image is clipped before each step, so the last one may leave the range 0..1: clip it after.", _clipped_before),
        Mistake("It goes uphill: subtract the gradient of the image. (The gradient of the target is its opposite.)", _uphill),
        Mistake("It goes uphill: subtract the gradient of the image. (The gradient of the target is its opposite.)",
                lambda learning_rate, **case: _free(**case, learning_rate=-learning_rate)),
        Mistake("The gradients of all steps add up: clear `.grad` after each step, or ask for the gradient alone.", _added_up),
        Mistake("The same gradient is used at every step: take it anew where the image now is.", _fixed_slope),
        Mistake("The learning rate is not used: multiply the gradient by it.",
                lambda learning_rate, **case: _reconstruct(**case, learning_rate=1)),
        Mistake("Only the sign of the gradient is used: subtract the gradient itself.", _signs),
        *(Mistake("That is Adam: here plain gradient descent is asked for.", partial(_adam, keras=keras)) for keras in (False, True)),
        Mistake("That is the loss: return the image.",
                lambda **case: np.sum(case["loss"] * (_reconstruct(**case) - case["target"]) ** 2) / 2),
        Mistake("That is the gradient: return the image.",
                lambda **case: slope(_reconstruct(**case), case["target"], case["loss"])),
        Mistake("It is the target that moved: take the gradient with respect to the image, and keep the target.",
                lambda image, target, **case: _reconstruct(image=target, target=image, **case)),
    ),
    properties=(
        Property("comes closer", "The loss is not lower after these steps.", lambda cases, outputs: _closer(cases, outputs, "slow")),
        Property("stays in 0..1", _STAY, lambda cases, outputs: all(
            outputs[name].min() >= 0 and outputs[name].max() <= 1 for name in cases)),
        Property("one step", "With steps = 1 it must make one step.", lambda cases, outputs: np.allclose(
            outputs["one"], _reconstruct(**cases["one"]), atol=1e-4), case="one"),
        Property("no step", "With steps = 0 the image must come back as it was.", lambda cases, outputs: all(
            np.allclose(outputs[name], cases[name]["image"], atol=atol) for name, atol in (("none", 1e-5), ("hardly", 0.05))),
                 case="none"),
    ),
)  # fmt: skip


def _closer(cases, outputs, name: str) -> bool:
    case = cases[name]
    before, after = (np.sum(case["loss"] * (at - case["target"]) ** 2) for at in (case["image"], outputs[name]))
    return bool(after < before)
