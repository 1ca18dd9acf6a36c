"""Exercises on the picture itself: how rough it is, and how it is moved one step."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.random_inputs import edge, number, picture_shape, random_picture

COLUMN, ROW, CHANNEL = 1, 2, 3  # axes along which neighbours differ


def _differences(picture, *axes, power=1):
    return sum(np.sum(np.abs(np.diff(picture, axis=axis)) ** power) for axis in axes)


def _variation(picture):
    return _differences(picture, COLUMN, ROW)


def _each(picture):
    return np.array([_variation(one[None]) for one in picture])


def _wrapped(picture):
    return sum(np.sum(np.abs(picture - np.roll(picture, 1, axis=axis))) for axis in (COLUMN, ROW))


def _lengths(picture):
    down, right = np.diff(picture, axis=COLUMN)[:, :, :-1], np.diff(picture, axis=ROW)[:, :-1]
    return np.sum(np.sqrt(down**2 + right**2))


def _shared_places(picture):
    down, right = np.diff(picture, axis=COLUMN)[:, :, :-1], np.diff(picture, axis=ROW)[:, :-1]
    return np.sum(np.abs(down) + np.abs(right))


def _variation_cases(rng):
    picture = random_picture(rng, picture_shape(rng))
    flat = np.full(picture.shape, number(rng, 0.2, 0.8), np.float32)
    return {
        "plain": {"picture": picture},
        "flat": {"picture": flat},
        "nearly flat": {"picture": flat + picture / 100},
        "half": {"picture": picture / 2},
        "brighter": {"picture": picture + np.float32(number(rng, 0.15, 0.35))},
        "edge": {"picture": edge(rng)[0]},
    }


_AXES = "Differences are taken between colours instead of between neighbours: mind where your framework keeps the channels."

TOTAL_VARIATION = Exercise(
    id="total_variation",
    title="The sum of absolute differences between neighbouring pixels, down and right.",
    arguments={"picture": "picture"},
    result="scalar",
    cases=_variation_cases,
    reference=_variation,
    differentiable="picture",
    mistakes=(
        Mistake("That is one value for each picture of the batch: add them up.", _each),
        Mistake("The differences are squared: take their absolute values.",
                lambda picture: _differences(picture, COLUMN, ROW, power=2)),
        Mistake("That is the mean where the sum is asked for.",
                lambda picture: sum(np.mean(np.abs(np.diff(picture, axis=axis))) for axis in (COLUMN, ROW))),
        Mistake("That is the mean where the sum is asked for.", lambda picture: _variation(picture) / picture.size),
        Mistake("That is the mean over the batch where the sum is asked for.", lambda picture: _variation(picture) / len(picture)),
        Mistake("Only neighbours above and below are compared: add those left and right.",
                lambda picture: _differences(picture, COLUMN)),
        Mistake("Only neighbours left and right are compared: add those above and below.",
                lambda picture: _differences(picture, ROW)),
        Mistake("Opposite borders are compared, as roll does: a picture's last column has no right neighbour.", _wrapped),
        Mistake("Steps up and down cancel: take the absolute value of each difference, before the sum.",
                lambda picture: np.sum(np.diff(picture, axis=COLUMN)) + np.sum(np.diff(picture, axis=ROW))),
        Mistake("Steps up and down cancel: take the absolute value of each difference, before the sum.",
                lambda picture: -np.sum(np.diff(picture, axis=COLUMN)) - np.sum(np.diff(picture, axis=ROW))),
        Mistake("Steps up and down cancel: take the absolute value of each difference, before the sum.",
                lambda picture: abs(np.sum(np.diff(picture, axis=COLUMN))) + abs(np.sum(np.diff(picture, axis=ROW)))),
        Mistake(_AXES, lambda picture: _differences(picture, COLUMN, CHANNEL)),
        Mistake(_AXES, lambda picture: _differences(picture, ROW, CHANNEL)),
        Mistake(_AXES, lambda picture: _differences(picture, COLUMN, ROW, CHANNEL)),
        Mistake("That is the length of each gradient, the root of the sum of squares: add absolute values instead.", _lengths),
        Mistake("The last row and column are dropped from both differences: each keeps its own full size.", _shared_places),
        Mistake("That compares each pixel with its neighbour across the corner: compare down and right, each for itself.",
                lambda picture: np.sum(np.abs(picture[:, 1:, 1:] - picture[:, :-1, :-1]))),
        Mistake("Every second pixel is left out: compare each pixel with the very next one.",
                lambda picture: sum(np.sum(np.abs(each)) for each in (picture[:, 2:] - picture[:, :-2], picture[:, :, 2:] - picture[:, :, :-2]))),
        Mistake("Those are differences of differences: take them once.",
                lambda picture: sum(np.sum(np.abs(np.diff(picture, n=2, axis=axis))) for axis in (COLUMN, ROW))),
        Mistake("Both sums run down: one must run to the right.", lambda picture: 2 * _differences(picture, COLUMN)),
        Mistake("Both sums run to the right: one must run down.", lambda picture: 2 * _differences(picture, ROW)),
        Mistake("Only steps upwards count, as after a ReLU: take absolute values.",
                lambda picture: sum(np.sum(np.maximum(np.diff(picture, axis=axis), 0)) for axis in (COLUMN, ROW))),
        Mistake("The colours are averaged first: each colour has its own differences.",
                lambda picture: _differences(picture.mean(CHANNEL, keepdims=True), COLUMN, ROW)),
        Mistake("That is for pictures in 0..255: here they are in 0..1, and the value is not scaled.",
                lambda picture: 255 * _variation(picture)),
        Mistake("That is half of it: each pair of neighbours counts once, with factor 1.", lambda picture: _variation(picture) / 2),
        Mistake("Each pair of neighbours is counted twice.", lambda picture: 2 * _variation(picture)),
    ),
    properties=(
        Property("zero for one colour", "It is not 0 for a picture of one flat colour.",
                 lambda cases, outputs: vanishes(outputs, "flat", "nearly flat", 1e-4)),
        Property("proportional", "Half the contrast must give half the total variation.",
                 lambda cases, outputs: np.isclose(2 * outputs["half"], outputs["plain"], rtol=1e-3)),
        Property("blind to brightness", "A brighter picture has the same differences, so the same total variation.",
                 lambda cases, outputs: np.isclose(outputs["brighter"], outputs["plain"], rtol=1e-3)),
        Property("counts edges", "One upright edge in 3 colours must give its height in pixels times 3 times the step.",
                 lambda cases, outputs: np.isclose(outputs["edge"], _variation(cases["edge"]["picture"]), rtol=1e-4)),
    ),
)  # fmt: skip


def vanishes(outputs, at: str, near: str, atol: float = 1e-5) -> bool:
    """Whether a result is 0 in one case, and small close by: an answer that only knows the case itself does not pass."""
    return bool(np.abs(outputs[at]).max() < atol and np.abs(outputs[near]).max() <= 0.2 * np.abs(outputs["plain"]).max())


def _step_cases(rng):
    shape = picture_shape(rng)
    picture, target = random_picture(rng, shape), np.clip(random_picture(rng, shape, -0.3, 1.3), 0, 1)
    # steps that end far outside 0..1, where a picture cannot go
    plain = {
        "picture": picture, "target": target, "loss": random_picture(rng, shape, 0.5, 2), "learning_rate": number(rng, 0.8, 1),
    }  # fmt: skip
    slow = plain | {"learning_rate": number(rng, 0.08, 0.15)}
    return {
        "plain": plain,
        "small": slow,
        "arrived": slow | {"picture": target.copy()},
        "nearly": slow | {"picture": target + (picture - target) / 100},
    }


def slope(picture, target, loss):
    return loss * (picture - target)


def _moved(picture, target, loss, learning_rate):
    return picture - learning_rate * slope(picture, target, loss)


def step(picture, target, loss, learning_rate):
    return np.clip(_moved(picture, target, loss, learning_rate), 0, 1)


def _lowered(cases, outputs) -> bool:
    case = cases["small"]
    before, after = (np.sum(case["loss"] * (at - case["target"]) ** 2) for at in (case["picture"], outputs["small"]))
    return bool(after < before)


_UPHILL = "It goes uphill: subtract the gradient of the picture. (The gradient of the target is its opposite.)"

ONE_STEP = Exercise(
    id="one_step",
    title="One step of gradient descent on the picture, which stays in 0..1; the target stays where it is.",
    arguments={"picture": "picture", "target": "picture", "loss": "loss", "learning_rate": "number"},
    result="picture",
    cases=_step_cases,
    reference=step,
    mistakes=(
        Mistake("The picture leaves its range 0..1: clip it after the step.", _moved),
        Mistake(_UPHILL, lambda picture, target, loss, learning_rate: np.clip(
            picture + learning_rate * slope(picture, target, loss), 0, 1)),
        Mistake(_UPHILL, lambda picture, target, loss, learning_rate: picture + learning_rate * slope(picture, target, loss)),
        Mistake("The picture does not move: return the moved one.", lambda picture, target, loss, learning_rate: picture),
        Mistake("The learning rate is not used: multiply the gradient by it.",
                lambda picture, target, loss, learning_rate: np.clip(picture - slope(picture, target, loss), 0, 1)),
        Mistake("The learning rate is not used, and the picture leaves its range 0..1: clip it after the step.",
                lambda picture, target, loss, learning_rate: picture - slope(picture, target, loss)),
        Mistake("That is the gradient: subtract it, times the learning rate, from the picture.",
                lambda picture, target, loss, learning_rate: slope(picture, target, loss)),
        Mistake("It is the target that moved: take the gradient with respect to the picture, and keep the target.",
                lambda picture, target, loss, learning_rate: np.clip(
                    target + learning_rate * slope(picture, target, loss), 0, 1)),
        Mistake("It is the target that moved: take the gradient with respect to the picture, and keep the target.",
                lambda picture, target, loss, learning_rate: target + learning_rate * slope(picture, target, loss)),
        Mistake("That is the target itself: move the picture towards it by one step only.",
                lambda picture, target, loss, learning_rate: target),
        *(Mistake("That follows the gradient of a loss of your own: differentiate the one that is given.",
                  lambda picture, target, loss, learning_rate, by=by: np.clip(picture - by * learning_rate * (picture - target), 0, 1))
          for by in (1, 2)),
        *(Mistake("That follows the gradient of a loss of your own: differentiate the one that is given.",
                  lambda picture, target, loss, learning_rate, by=by: np.clip(
                      picture - by / picture.size * learning_rate * (picture - target), 0, 1))
          for by in (1, 2)),
        Mistake("The loss itself is subtracted: subtract its gradient.",
                lambda picture, target, loss, learning_rate: np.clip(
                    picture - learning_rate * np.sum(loss * (picture - target) ** 2) / 2, 0, 1)),
        Mistake("Only the sign of the gradient is used: subtract the gradient itself.",
                lambda picture, target, loss, learning_rate: np.clip(
                    picture - learning_rate * np.sign(slope(picture, target, loss)), 0, 1)),
        Mistake("That is the loss: return the moved picture.",
                lambda picture, target, loss, learning_rate: np.sum(loss * (picture - target) ** 2) / 2),
    ),
    properties=(
        Property("lowers the loss", "The loss is not lower after a small step.", _lowered),
        Property("stays in 0..1", "The picture leaves its range 0..1: clip it after the step.",
                 lambda cases, outputs: outputs["plain"].min() >= 0 and outputs["plain"].max() <= 1),
        Property("rests at the target", "Where the gradient is 0 the picture must stay as it is.",
                 lambda cases, outputs: all(np.allclose(outputs[name], cases[name]["picture"], atol=atol)
                                            for name, atol in (("arrived", 1e-5), ("nearly", 0.05)))),
    ),
)  # fmt: skip
