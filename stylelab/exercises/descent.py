"""Exercises on moving a picture: the gradient with respect to it, and a loop of steps that keeps it in 0..1."""

from functools import partial

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.image import slope, step, vanishes
from stylelab.exercises.random_inputs import number, picture_shape, random_picture

# The loss is 1/2 sum w (picture - target)^2: its gradient is w (picture - target), with respect to the target the opposite.


def _gradient_cases(rng):
    shape = picture_shape(rng)
    picture, target = random_picture(rng, shape), random_picture(rng, shape)
    plain = {"picture": picture, "target": target, "loss": random_picture(rng, shape, 0.5, 2)}
    return {
        "plain": plain,
        "arrived": plain | {"picture": target.copy()},
        "nearly": plain | {"picture": target + (picture - target) / 100},
        "twice as far": plain | {"picture": target + 2 * (picture - target)},
    }


_TARGET = (
    "It has the opposite sign: it is the gradient with respect to the target, or minus the gradient, or the two are swapped. "
    "Take it with respect to the picture."
)

PICTURE_GRADIENT = Exercise(
    id="picture_gradient",
    title="The gradient of loss(picture, target) with respect to the picture: the network and the target stay as they are.",
    arguments={"picture": "picture", "target": "picture", "loss": "loss"},
    result="picture",
    cases=_gradient_cases,
    reference=slope,
    mistakes=(
        Mistake(_TARGET, lambda picture, target, loss: -slope(picture, target, loss)),
        Mistake("That is the loss: take its gradient with respect to the picture.",
                lambda picture, target, loss: np.sum(loss * (picture - target) ** 2) / 2),
        Mistake("That is the picture itself: return its gradient.", lambda picture, target, loss: picture),
        Mistake("That is the target itself: return the gradient with respect to the picture.", lambda picture, target, loss: target),
        Mistake("That is the moved picture: return the gradient alone.",
                lambda picture, target, loss: picture - slope(picture, target, loss)),
        Mistake("That is the moved picture: return the gradient alone.", lambda picture, target, loss: step(picture, target, loss, 1)),
        Mistake("That is the difference to the target: it is the given loss that must be differentiated.",
                lambda picture, target, loss: picture - target),
        Mistake("That is the difference to the target: it is the given loss that must be differentiated.",
                lambda picture, target, loss: target - picture),
        Mistake("That is the gradient of a loss of your own: differentiate the one that is given.",
                lambda picture, target, loss: 2 * (picture - target)),
        Mistake("That is the gradient of a loss of your own: differentiate the one that is given.",
                lambda picture, target, loss: 2 * (picture - target) / picture.size),
        Mistake("That is the gradient of a loss of your own: differentiate the one that is given.",
                lambda picture, target, loss: (picture - target) / picture.size),
        Mistake("That is twice the gradient: two calls of backward add up, so clear the gradient or call it once.",
                lambda picture, target, loss: 2 * slope(picture, target, loss)),
        Mistake("Only the sign of the gradient is left.", lambda picture, target, loss: np.sign(slope(picture, target, loss))),
        Mistake("The gradient is clipped to 0..1: it may be negative, for it is no picture.",
                lambda picture, target, loss: np.clip(slope(picture, target, loss), 0, 1)),
        Mistake("The gradient without its sign: keep the sign, it says which way is up.",
                lambda picture, target, loss: np.abs(slope(picture, target, loss))),
        Mistake("The gradient is divided by its size: return it as it is.",
                lambda picture, target, loss: _unit(slope(picture, target, loss))),
        Mistake("The gradient is divided by the number of pixels: return it as it is.",
                lambda picture, target, loss: slope(picture, target, loss) / picture.size),
        Mistake("The gradient is 0 everywhere: is the loss taken at the target, or of a picture that nothing records?",
                lambda picture, target, loss: np.zeros_like(picture)),
        Mistake("The gradient is summed up: every pixel has its own.",
                lambda picture, target, loss: np.sum(slope(picture, target, loss))),
    ),
    properties=(
        Property("0 at the target", "Where picture and target agree the gradient must be 0.",
                 lambda cases, outputs: vanishes(outputs, "arrived", "nearly")),
        Property("steeper further away", "This loss is twice as steep at twice the distance.",
                 lambda cases, outputs: np.allclose(outputs["twice as far"], 2 * outputs["plain"], rtol=1e-3, atol=1e-5)),
    ),
)  # fmt: skip


def _unit(gradient):
    return gradient / np.sqrt(np.sum(gradient**2))


def _reconstruct_cases(rng):
    # steps so long that they leave 0..1 again and again: where the picture is clipped then shows
    shape = picture_shape(rng)
    plain = {
        "picture": random_picture(rng, shape), "target": random_picture(rng, shape), "loss": random_picture(rng, shape, 0.5, 2),
        "steps": int(rng.integers(4, 6)), "learning_rate": number(rng, 1.1, 1.3),
    }  # fmt: skip
    return {
        "plain": plain,
        "slow": plain | {"learning_rate": number(rng, 0.08, 0.12)},
        "one": plain | {"steps": 1},
        "none": plain | {"steps": 0},
        "hardly": plain | {"learning_rate": number(rng, 1e-4, 2e-4)},
    }


def _reconstruct(picture, target, loss, steps, learning_rate):
    for _ in range(steps):
        picture = step(picture, target, loss, learning_rate)
    return picture


def _free(picture, target, loss, steps, learning_rate):
    """Never clipped."""
    for _ in range(steps):
        picture = picture - learning_rate * slope(picture, target, loss)
    return picture


def _clipped_before(picture, target, loss, steps, learning_rate):
    for _ in range(steps):
        picture = np.clip(picture, 0, 1) - learning_rate * slope(np.clip(picture, 0, 1), target, loss)
    return picture


def _uphill(picture, target, loss, steps, learning_rate):
    return _reconstruct(picture, target, loss, steps, -learning_rate)


def _added_up(picture, target, loss, steps, learning_rate):
    """PyTorch's `.grad`, never cleared."""
    total = 0
    for _ in range(steps):
        total = total + slope(picture, target, loss)
        picture = np.clip(picture - learning_rate * total, 0, 1)
    return picture


def _fixed_slope(picture, target, loss, steps, learning_rate):
    gradient = slope(picture, target, loss)
    for _ in range(steps):
        picture = np.clip(picture - learning_rate * gradient, 0, 1)
    return picture


def _always_from_the_start(picture, target, loss, steps, learning_rate):
    return step(picture, target, loss, learning_rate) if steps else picture


def _signs(picture, target, loss, steps, learning_rate):
    for _ in range(steps):
        picture = np.clip(picture - learning_rate * np.sign(slope(picture, target, loss)), 0, 1)
    return picture


def _adam(picture, target, loss, steps, learning_rate, keras=False):
    """As PyTorch has it, or with epsilon where and as large as Keras has it."""
    first = second = 0
    for index in range(1, steps + 1):
        gradient = slope(picture, target, loss)
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        scale = np.sqrt(1 - 0.999**index)
        move = first / (1 - 0.9**index) / (np.sqrt(second) / scale + (1e-7 / scale if keras else 1e-8))
        picture = np.clip(picture - learning_rate * move, 0, 1)
    return picture


def _other_steps(change):
    return lambda picture, target, loss, steps, learning_rate: _reconstruct(
        picture, target, loss, max(0, change(steps)), learning_rate
    )


_STAY = "The picture leaves its range 0..1 along the way: clip it after each step."
_ONE = (
    "Only one step is made: repeat it `steps` times, each from the picture that the last one gave. (Or the return stands inside "
    "the loop, or every step starts from the first picture.)"
)

RECONSTRUCT = Exercise(
    id="reconstruct",
    title="Several steps of gradient descent on the picture, which is in 0..1 after each of them.",
    arguments={"picture": "picture", "target": "picture", "loss": "loss", "steps": "whole", "learning_rate": "number"},
    result="picture",
    cases=_reconstruct_cases,
    reference=_reconstruct,
    mistakes=(
        Mistake("The picture does not move: put the moved one in its place, and return it.",
                lambda picture, target, loss, steps, learning_rate: picture),
        Mistake("That is the target itself: come closer to it step by step.",
                lambda picture, target, loss, steps, learning_rate: target),
        Mistake(_ONE, _always_from_the_start),
        Mistake("Off by one: one step too few.", _other_steps(lambda steps: steps - 1)),
        Mistake("Off by one: one step too many.", _other_steps(lambda steps: steps + 1)),
        Mistake("The picture is clipped only at the end: clip it after each step.",
                lambda **case: np.clip(_free(**case), 0, 1)),
        Mistake("The picture is never clipped and leaves its range 0..1: clip it after each step.", _free),
        Mistake("The picture is clipped before each step, so the last one may leave the range 0..1: clip it after.", _clipped_before),
        Mistake("It goes uphill: subtract the gradient of the picture. (The gradient of the target is its opposite.)", _uphill),
        Mistake("It goes uphill: subtract the gradient of the picture. (The gradient of the target is its opposite.)",
                lambda learning_rate, **case: _free(**case, learning_rate=-learning_rate)),
        Mistake("The gradients of all steps add up: clear `.grad` after each step, or ask for the gradient alone.", _added_up),
        Mistake("The same gradient is used at every step: take it anew where the picture now is.", _fixed_slope),
        Mistake("The learning rate is not used: multiply the gradient by it.",
                lambda learning_rate, **case: _reconstruct(**case, learning_rate=1)),
        Mistake("Only the sign of the gradient is used: subtract the gradient itself.", _signs),
        *(Mistake("That is Adam: here plain gradient descent is asked for.", partial(_adam, keras=keras)) for keras in (False, True)),
        Mistake("That is the loss: return the picture.",
                lambda **case: np.sum(case["loss"] * (_reconstruct(**case) - case["target"]) ** 2) / 2),
        Mistake("That is the gradient: return the picture.",
                lambda **case: slope(_reconstruct(**case), case["target"], case["loss"])),
        Mistake("It is the target that moved: take the gradient with respect to the picture, and keep the target.",
                lambda picture, target, **case: _reconstruct(picture=target, target=picture, **case)),
    ),
    properties=(
        Property("comes closer", "The loss is not lower after these steps.", lambda cases, outputs: _closer(cases, outputs, "slow")),
        Property("stays in 0..1", _STAY, lambda cases, outputs: all(
            outputs[name].min() >= 0 and outputs[name].max() <= 1 for name in cases)),
        Property("one step", "With steps = 1 it must make one step.", lambda cases, outputs: np.allclose(
            outputs["one"], _reconstruct(**cases["one"]), atol=1e-4), case="one"),
        Property("no step", "With steps = 0 the picture must come back as it was.", lambda cases, outputs: all(
            np.allclose(outputs[name], cases[name]["picture"], atol=atol) for name, atol in (("none", 1e-5), ("hardly", 0.05))),
                 case="none"),
    ),
)  # fmt: skip


def _closer(cases, outputs, name: str) -> bool:
    case = cases[name]
    before, after = (np.sum(case["loss"] * (at - case["target"]) ** 2) for at in (case["picture"], outputs[name]))
    return bool(after < before)
