"""Exercises on the image itself: how rough it is, and how it is moved one step."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.random_inputs import edge, image_shape, number, random_image

COLUMN, ROW, CHANNEL = 1, 2, 3  # axes along which neighbours differ


def _differences(image, *axes, power=1):
    return sum(np.sum(np.abs(np.diff(image, axis=axis)) ** power) for axis in axes)


def _variation(image):
    return _differences(image, COLUMN, ROW)


def _each(image):
    return np.array([_variation(one[None]) for one in image])


def _wrapped(image):
    return sum(np.sum(np.abs(image - np.roll(image, 1, axis=axis))) for axis in (COLUMN, ROW))


def _lengths(image):
    down, right = np.diff(image, axis=COLUMN)[:, :, :-1], np.diff(image, axis=ROW)[:, :-1]
    return np.sum(np.sqrt(down**2 + right**2))


def _shared_places(image):
    down, right = np.diff(image, axis=COLUMN)[:, :, :-1], np.diff(image, axis=ROW)[:, :-1]
    return np.sum(np.abs(down) + np.abs(right))


def _variation_cases(rng):
    image = random_image(rng, image_shape(rng))
    flat = np.full(image.shape, number(rng, 0.2, 0.8), np.float32)
    return {
        "plain": {"image": image},
        "flat": {"image": flat},
        "nearly flat": {"image": flat + image / 100},
        "half": {"image": image / 2},
        "brighter": {"image": image + np.float32(number(rng, 0.15, 0.35))},
        "edge": {"image": edge(rng)[0]},
    }


_AXES = "Differences are taken between colours instead of between neighbours: mind where your framework keeps the channels."

TOTAL_VARIATION = Exercise(
    id="total_variation",
    title="The sum of absolute differences between neighbouring pixels, down and right.",
    arguments={"image": "image"},
    result="scalar",
    cases=_variation_cases,
    reference=_variation,
    differentiable="image",
    mistakes=(
        Mistake("That is one value for each image of the batch: add them up.", _each),
        Mistake("The differences are squared: take their absolute values.",
                lambda image: _differences(image, COLUMN, ROW, power=2)),
        Mistake("That is the mean where the sum is asked for.",
                lambda image: sum(np.mean(np.abs(np.diff(image, axis=axis))) for axis in (COLUMN, ROW))),
        Mistake("That is the mean where the sum is asked for.", lambda image: _variation(image) / image.size),
        Mistake("That is the mean over the batch where the sum is asked for.", lambda image: _variation(image) / len(image)),
        Mistake("Only neighbours above and below are compared: add those left and right.",
                lambda image: _differences(image, COLUMN)),
        Mistake("Only neighbours left and right are compared: add those above and below.",
                lambda image: _differences(image, ROW)),
        Mistake("Opposite borders are compared, as roll does: an image's last column has no right neighbour.", _wrapped),
        Mistake("Steps up and down cancel: take the absolute value of each difference, before the sum.",
                lambda image: np.sum(np.diff(image, axis=COLUMN)) + np.sum(np.diff(image, axis=ROW))),
        Mistake("Steps up and down cancel: take the absolute value of each difference, before the sum.",
                lambda image: -np.sum(np.diff(image, axis=COLUMN)) - np.sum(np.diff(image, axis=ROW))),
        Mistake("Steps up and down cancel: take the absolute value of each difference, before the sum.",
                lambda image: abs(np.sum(np.diff(image, axis=COLUMN))) + abs(np.sum(np.diff(image, axis=ROW)))),
        Mistake(_AXES, lambda image: _differences(image, COLUMN, CHANNEL)),
        Mistake(_AXES, lambda image: _differences(image, ROW, CHANNEL)),
        Mistake(_AXES, lambda image: _differences(image, COLUMN, ROW, CHANNEL)),
        Mistake("That is the length of each gradient, the root of the sum of squares: add absolute values instead.", _lengths),
        Mistake("The last row and column are dropped from both differences: each keeps its own full size.", _shared_places),
        Mistake("That compares each pixel with its neighbour across the corner: compare down and right, each for itself.",
                lambda image: np.sum(np.abs(image[:, 1:, 1:] - image[:, :-1, :-1]))),
        Mistake("Every second pixel is left out: compare each pixel with the very next one.",
                lambda image: sum(np.sum(np.abs(each)) for each in (image[:, 2:] - image[:, :-2], image[:, :, 2:] - image[:, :, :-2]))),
        Mistake("Those are differences of differences: take them once.",
                lambda image: sum(np.sum(np.abs(np.diff(image, n=2, axis=axis))) for axis in (COLUMN, ROW))),
        Mistake("Both sums run down: one must run to the right.", lambda image: 2 * _differences(image, COLUMN)),
        Mistake("Both sums run to the right: one must run down.", lambda image: 2 * _differences(image, ROW)),
        Mistake("Only steps upwards count, as after a ReLU: take absolute values.",
                lambda image: sum(np.sum(np.maximum(np.diff(image, axis=axis), 0)) for axis in (COLUMN, ROW))),
        Mistake("The colours are averaged first: each colour has its own differences.",
                lambda image: _differences(image.mean(CHANNEL, keepdims=True), COLUMN, ROW)),
        Mistake("That is for images in 0..255: here they are in 0..1, and the value is not scaled.",
                lambda image: 255 * _variation(image)),
        Mistake("That is half of it: each pair of neighbours counts once, with factor 1.", lambda image: _variation(image) / 2),
        Mistake("Each pair of neighbours is counted twice.", lambda image: 2 * _variation(image)),
    ),
    properties=(
        Property("zero for one colour", "It is not 0 for an image of one flat colour.",
                 lambda cases, outputs: vanishes(outputs, "flat", "nearly flat", 1e-4)),
        Property("proportional", "Half the contrast must give half the total variation.",
                 lambda cases, outputs: np.isclose(2 * outputs["half"], outputs["plain"], rtol=1e-3)),
        Property("blind to brightness", "A brighter image has the same differences, so the same total variation.",
                 lambda cases, outputs: np.isclose(outputs["brighter"], outputs["plain"], rtol=1e-3)),
        Property("counts edges", "One upright edge in 3 colours must give its height in pixels times 3 times the step.",
                 lambda cases, outputs: np.isclose(outputs["edge"], _variation(cases["edge"]["image"]), rtol=1e-4)),
    ),
)  # fmt: skip


def vanishes(outputs, at: str, near: str, atol: float = 1e-5) -> bool:
    """Whether a result is 0 in one case, and small close by: an answer that only knows the case itself does not pass."""
    return bool(np.abs(outputs[at]).max() < atol and np.abs(outputs[near]).max() <= 0.2 * np.abs(outputs["plain"]).max())


def _step_cases(rng):
    shape = image_shape(rng)
    image, target = random_image(rng, shape), np.clip(random_image(rng, shape, -0.3, 1.3), 0, 1)
    # steps that end far outside 0..1, where an image cannot go
    plain = {
        "image": image, "target": target, "loss": random_image(rng, shape, 0.5, 2), "learning_rate": number(rng, 0.8, 1),
    }  # fmt: skip
    slow = plain | {"learning_rate": number(rng, 0.08, 0.15)}
    return {
        "plain": plain,
        "small": slow,
        "arrived": slow | {"image": target.copy()},
        "nearly": slow | {"image": target + (image - target) / 100},
    }


def slope(image, target, loss):
    return loss * (image - target)


def _moved(image, target, loss, learning_rate):
    return image - learning_rate * slope(image, target, loss)


def step(image, target, loss, learning_rate):
    return np.clip(_moved(image, target, loss, learning_rate), 0, 1)


def _lowered(cases, outputs) -> bool:
    case = cases["small"]
    before, after = (np.sum(case["loss"] * (at - case["target"]) ** 2) for at in (case["image"], outputs["small"]))
    return bool(after < before)


_UPHILL = "It goes uphill: subtract the gradient of the image. (The gradient of the target is its opposite.)"

ONE_STEP = Exercise(
    id="one_step",
    title="One step of gradient descent on the image, which stays in 0..1; the target stays where it is.",
    arguments={"image": "image", "target": "image", "loss": "loss", "learning_rate": "number"},
    result="image",
    cases=_step_cases,
    reference=step,
    mistakes=(
        Mistake("The image leaves its range 0..1: clip it after the step.", _moved),
        Mistake(_UPHILL, lambda image, target, loss, learning_rate: np.clip(
            image + learning_rate * slope(image, target, loss), 0, 1)),
        Mistake(_UPHILL, lambda image, target, loss, learning_rate: image + learning_rate * slope(image, target, loss)),
        Mistake("The image does not move: return the moved one.", lambda image, target, loss, learning_rate: image),
        Mistake("The learning rate is not used: multiply the gradient by it.",
                lambda image, target, loss, learning_rate: np.clip(image - slope(image, target, loss), 0, 1)),
        Mistake("The learning rate is not used, and the image leaves its range 0..1: clip it after the step.",
                lambda image, target, loss, learning_rate: image - slope(image, target, loss)),
        Mistake("That is the gradient: subtract it, times the learning rate, from the image.",
                lambda image, target, loss, learning_rate: slope(image, target, loss)),
        Mistake("It is the target that moved: take the gradient with respect to the image, and keep the target.",
                lambda image, target, loss, learning_rate: np.clip(
                    target + learning_rate * slope(image, target, loss), 0, 1)),
        Mistake("It is the target that moved: take the gradient with respect to the image, and keep the target.",
                lambda image, target, loss, learning_rate: target + learning_rate * slope(image, target, loss)),
        Mistake("That is the target itself: move the image towards it by one step only.",
                lambda image, target, loss, learning_rate: target),
        *(Mistake("That follows the gradient of a loss of your own: differentiate the one that is given.",
                  lambda image, target, loss, learning_rate, by=by: np.clip(image - by * learning_rate * (image - target), 0, 1))
          for by in (1, 2)),
        *(Mistake("That follows the gradient of a loss of your own: differentiate the one that is given.",
                  lambda image, target, loss, learning_rate, by=by: np.clip(
                      image - by / image.size * learning_rate * (image - target), 0, 1))
          for by in (1, 2)),
        Mistake("The loss itself is subtracted: subtract its gradient.",
                lambda image, target, loss, learning_rate: np.clip(
                    image - learning_rate * np.sum(loss * (image - target) ** 2) / 2, 0, 1)),
        Mistake("Only the sign of the gradient is used: subtract the gradient itself.",
                lambda image, target, loss, learning_rate: np.clip(
                    image - learning_rate * np.sign(slope(image, target, loss)), 0, 1)),
        Mistake("That is the loss: return the moved image.",
                lambda image, target, loss, learning_rate: np.sum(loss * (image - target) ** 2) / 2),
    ),
    properties=(
        Property("lowers the loss", "The loss is not lower after a small step.", _lowered),
        Property("stays in 0..1", "The image leaves its range 0..1: clip it after the step.",
                 lambda cases, outputs: outputs["plain"].min() >= 0 and outputs["plain"].max() <= 1),
        Property("rests at the target", "Where the gradient is 0 the image must stay as it is.",
                 lambda cases, outputs: all(np.allclose(outputs[name], cases[name]["image"], atol=atol)
                                            for name, atol in (("arrived", 1e-5), ("nearly", 0.05)))),
    ),
)  # fmt: skip
