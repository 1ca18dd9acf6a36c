"""Lesson 02: how close an image is to another, in pixels and in activations, and a loop of steps that brings it closer."""

from functools import partial

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.common import (
    activation_shape,
    gradient,
    gram,
    image_shape,
    loss_value,
    lowers_the_loss,
    number,
    one_step,
    positions,
    random_activation,
    random_image,
    random_loss,
    stays_in_range,
    swapped_gradient,
    target_gradient,
    vanishes,
)


def _mean_square(one, other):
    return np.mean((one - other) ** 2)


def _psnr(image, original):
    return -10 * np.log10(_mean_square(image, original))


def _psnr_cases(rng):
    shape = image_shape(rng)
    original, noise = random_image(rng, shape, 0.2, 0.8), random_image(rng, shape, -0.2, 0.2)
    # a different error in each image, and in each colour
    noise *= np.outer(np.linspace(0.4, 1, len(noise)), (0.5, 1, 0.75)).astype(np.float32)[:, None, None]
    black = np.zeros((1, *shape[1:]), np.float32)
    return {
        "plain": {"image": original + noise, "original": original},
        "plain: one black image": {"image": black, "original": black + np.float32(number(rng, 0.3, 0.9))},
        "shifted": {"image": original + np.float32(number(rng, 0.05, 0.2)), "original": original},
        "half the error": {"image": original + noise / 2, "original": original},
        "swapped": {"image": original, "original": original + noise},
    }


PSNR = Exercise(
    id="psnr",
    title="Compute the peak signal-to-noise ratio of two images in 0..1, in decibels: 10 log10(1 / mean squared error).",
    arguments={"image": "image", "original": "image"},
    result="scalar",
    cases=_psnr_cases,
    reference=_psnr,
    hints=(
        "First one number for how wrong the pixels are. Then put it on a logarithmic scale, with the sign that makes a "
            "smaller error a larger result.",
        "The difference is [image], the mean of its squares a scalar. A mean of 0.1 gives 10 dB, of 0.01 20 dB; a "
            "natural logarithm has to be divided by that of 10.",
    ),
    mistakes={
        "The sign is wrong: a smaller error should give a larger PSNR.": lambda **case: -_psnr(**case),
        "That is the natural logarithm, but decibels use the logarithm to base 10.": [
            lambda image, original: -10 * np.log(_mean_square(image, original)),
            lambda image, original: -np.log(_mean_square(image, original)),
            lambda image, original: -20 * np.log(_mean_square(image, original)),
        ],
        "That is the natural logarithm, with the wrong sign as well: decibels use the logarithm to base 10.":
            lambda image, original: 10 * np.log(_mean_square(image, original)),
        "That is the logarithm to base 2, but decibels use the logarithm to base 10.":
            lambda image, original: -10 * np.log2(_mean_square(image, original)),
        "That is the logarithm of 1 + x: take the logarithm of 1 / error alone.":
            lambda image, original: 10 * np.log10(1 + 1 / _mean_square(image, original)),
        "The factor 10 is missing: that is in bels.": lambda **case: _psnr(**case) / 10,
        "That is twice as much: 20 belongs to the root of the mean squared error. Which factor belongs to the error itself?":
            lambda **case: 2 * _psnr(**case),
        "That is half as much: which factor belongs to the root of the mean squared error?": lambda **case: _psnr(**case) / 2,
        "The peak does not match the range: 255 is the peak of 8-bit images, but these are in 0..1.": [
            lambda **case: _psnr(**case) + 20 * np.log10(255),
            lambda **case: _psnr(**case) + 10 * np.log10(255),
            lambda image, original: np.mean(-10 * np.log10(np.mean((image - original) ** 2, (1, 2, 3)))) + 20 * np.log10(255),
        ],
        "The peak does not match the range: the images are multiplied by 255, but the peak is left at 1.":
            lambda **case: _psnr(**case) - 20 * np.log10(255),
        "The peak is taken from an image, but it is the largest value that any image can have.": [
            lambda image, original: _psnr(image, original) + 20 * np.log10(original.max()),
            lambda image, original: _psnr(image, original) + 20 * np.log10(image.max()),
        ],
        "That uses the sum of the squares: take their mean.": lambda image, original: -10 * np.log10(np.sum((image - original) ** 2)),
        "That uses the mean absolute error: take the mean squared error.":
            lambda image, original: -10 * np.log10(np.mean(np.abs(image - original))),
        "That uses the mean absolute error: take the root of the mean squared error.":
            lambda image, original: -20 * np.log10(np.mean(np.abs(image - original))),
        "That is the mean squared error alone: convert it to decibels.": lambda image, original: _mean_square(image, original),
        "That is the root of the mean squared error: convert it to decibels.":
            lambda image, original: np.sqrt(_mean_square(image, original)),
        "The logarithm is missing.": [
            lambda image, original: 10 / _mean_square(image, original),
            lambda image, original: 1 / _mean_square(image, original),
        ],
        "The logarithm is taken of every pixel's error: average the errors first.":
            lambda image, original: np.mean(-10 * np.log10((image - original) ** 2)),
        "Only the first image of the batch counts: average the squared errors of all images.": [
            lambda image, original: _psnr(image[0], original[0]),
            lambda image, original: [_psnr(image[0], original[0])],
        ],
        "Each image gets its own value: average the squared errors of all images, then take one logarithm.": [
            lambda image, original: np.mean(-10 * np.log10(np.mean((image - original) ** 2, (1, 2, 3)))),
            lambda image, original: np.sum(-10 * np.log10(np.mean((image - original) ** 2, (1, 2, 3)))),
            lambda image, original: -10 * np.log10(np.mean((image - original) ** 2, (1, 2, 3))),
        ],
        "The mean is squared: square every difference first, then take the mean.":
            lambda image, original: -10 * np.log10(np.mean(image - original) ** 2),
        "Each colour gets its own value before they are averaged: average the error over all colours first.":
            lambda image, original: np.mean(-10 * np.log10(np.mean((image - original) ** 2, (0, 1, 2)))),
        "That is a signal-to-noise ratio, which uses the original's own power: use the peak, which is 1.":
            lambda image, original: 10 * np.log10(np.mean(original**2) / _mean_square(image, original)),
    },
    properties=(
        Property("a tenth is 20 dB", "An image that is off by x everywhere should have -20 log10(x) dB: 20 dB for 0.1.",
                 lambda cases, outputs: np.isclose(outputs["shifted"], _psnr(**cases["shifted"]), rtol=1e-3)),
        Property("half the error, 6 dB", "Half the error should give 6.02 dB more.",
                 lambda cases, outputs: np.isclose(outputs["half the error"] - outputs["plain"], 20 * np.log10(2), rtol=1e-3)),
        Property("symmetric", "Swapping `image` and `original` should not change the value.",
                 lambda cases, outputs: np.isclose(outputs["swapped"], outputs["plain"], rtol=1e-4)),
    ),
)  # fmt: skip


def _content_cases(rng):
    shape = activation_shape(rng)
    activation, target = random_activation(rng, shape), random_activation(rng, shape) / 2
    return {
        "plain": {"activation": activation, "target": target},
        "plain: a batch of one": {"activation": activation[:1] / 2, "target": target[:1]},
        "plain: no response": {
            "activation": np.zeros((1, 1, 2, 3), np.float32),
            "target": random_activation(rng, (1, 1, 2, 3)) + 1,
        },
        "same": {"activation": target.copy(), "target": target},
        "near": {"activation": target + (activation - target) / 100, "target": target},
        "double": {"activation": target + 2 * (activation - target), "target": target},
    }


CONTENT_LOSS = Exercise(
    id="content_loss",
    title="Compute the mean squared difference between two activations.",
    arguments={"activation": "activation", "target": "activation"},
    result="scalar",
    cases=_content_cases,
    reference=lambda activation, target: _mean_square(activation, target),
    differentiable=("activation",),
    hints=(
        "Compare the two activations entry by entry. Too much and too little should count alike, so square each "
            "difference, then average.",
        "The difference is [activation], and so is its square; the mean over all four axes is a scalar. A difference of "
            "3 everywhere gives 9.",
    ),
    mistakes={
        "That is the sum: take the mean.": lambda activation, target: np.sum((activation - target) ** 2),
        "That is half the sum, as Gatys has it: here, take the mean.": lambda activation, target: np.sum((activation - target) ** 2) / 2,
        "That is half of it: take the plain mean, without a factor.": lambda activation, target: _mean_square(activation, target) / 2,
        "That is a quarter of it: take the plain mean, without a factor.": lambda activation, target: _mean_square(activation, target) / 4,
        "The squares are summed over the filters: take the mean over all entries.":
            lambda activation, target: _mean_square(activation, target) * activation.shape[3],
        "That is the length of the difference, the root of the sum of squares: take the mean of the squares.":
            lambda activation, target: np.sqrt(np.sum((activation - target) ** 2)),
        "The squares are subtracted: subtract first, then square.": lambda activation, target: np.mean(activation**2 - target**2),
        "The activations are added: square their difference.": lambda activation, target: np.mean((activation + target) ** 2),
        "Only the first image of the batch counts: take the mean over all of them.":
            lambda activation, target: _mean_square(activation[0], target[0]),
        "That compares the average response of each filter and ignores positions: compare position by position.":
            lambda activation, target: _mean_square(activation.mean((1, 2)), target.mean((1, 2))),
        "The sum is divided by C H W but not by the batch size: take the mean over all entries.":
            lambda activation, target: np.sum((activation - target) ** 2) / activation[0].size,
        "The sum is divided by H W only: the number of filters and images is forgotten.":
            lambda activation, target: np.sum((activation - target) ** 2) / positions(activation),
        "The differences are not squared, so errors of opposite sign cancel.": [
            lambda activation, target: np.mean(activation - target),
            lambda activation, target: np.mean(target - activation),
        ],
        "That is the mean absolute difference: square the differences instead.":
            lambda activation, target: np.mean(np.abs(activation - target)),
        "That is the smooth L1 or Huber loss, which squares small differences only: square all of them.": [
            lambda activation, target: np.mean(np.where(np.abs(activation - target) < 1, (activation - target) ** 2 / 2,
                                                        np.abs(activation - target) - 0.5)),
        ],
        "That is the root of the mean square: leave the root out.":
            lambda activation, target: np.sqrt(_mean_square(activation, target)),
        "That squares the difference of the means: square every difference first, then take the mean.":
            lambda activation, target: (activation.mean() - target.mean()) ** 2,
        "That compares Gram matrices, which ignore positions: compare the activations position by position.":
            lambda activation, target: _mean_square(gram(activation), gram(target)),
    },
    properties=(
        Property("zero at the target", "The loss should be 0 when activation and target are the same.",
                 lambda cases, outputs: vanishes(outputs, "same", "near")),
        Property("quadratic", "Twice the difference should give four times the loss.",
                 lambda cases, outputs: np.isclose(outputs["double"], 4 * outputs["plain"], rtol=1e-3)),
    ),
)  # fmt: skip


def _reconstruct_cases(rng):
    # the steps are so long that they often leave 0..1: it then shows where the image is clipped
    shape = image_shape(rng)
    plain = {
        "image": random_image(rng, shape), "target": random_image(rng, shape), "loss": random_loss(rng),
        "steps": int(rng.integers(3, 5)), "learning_rate": number(rng, 0.62, 0.72),
    }  # fmt: skip
    black = np.zeros((1, *shape[1:]), np.float32)
    return {
        "plain": plain,
        "plain: many steps": plain | {  # so small that none leaves 0..1
            "image": random_image(rng, black.shape, 0.4, 0.6), "target": random_image(rng, black.shape, 0.4, 0.6),
            "steps": int(rng.integers(21, 25)), "learning_rate": number(rng, 0.01, 0.02),
        },
        "plain: one black image": plain | {"image": black, "target": black + np.float32(number(rng, 0.5, 0.9)), "steps": 5},
        "plain: a target that is an activation": plain | {
            "target": random_activation(rng, (*shape[:3], 4)), "loss": random_loss(rng, "activation"), "steps": 4,
            "learning_rate": number(rng, 0.06, 0.15),
        },
        "slow": plain | {"learning_rate": number(rng, 2e-5, 4e-5)},
        "one": plain | {"steps": 1},
        "none": plain | {"steps": 0},
        "hardly": plain | {"learning_rate": number(rng, 5e-5, 1e-4)},
    }  # fmt: skip


def _reconstruct(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image = one_step(image, target, loss, learning_rate)
    return image


def _clipped(image):
    return np.clip(image, 0, 1)


def _plain(slopes, rate):
    return rate * slopes[-1]


def _walked(move=_plain, begin=np.positive, end=_clipped):
    """Descent by `move(slopes, learning_rate)`, with the gradients of all steps so far; `begin` and `end` enclose each step."""

    def wrong(image, target, loss, steps, learning_rate):
        slopes = []
        for _ in range(steps):
            image = begin(image)
            slopes.append(gradient(image, target, loss))
            image = end(image - move(slopes, learning_rate))
        return image

    return wrong


_never_clipped = _walked(end=np.positive)


def _descended(direction):
    """Descent along `direction(slopes)`."""
    return _walked(lambda slopes, rate: rate * direction(slopes))


def _along(slope):
    """Descent along another gradient."""

    def wrong(image, target, loss, steps, learning_rate):
        for _ in range(steps):
            if (found := slope(image, target, loss)) is None:
                return None
            image = np.clip(image - learning_rate * found, 0, 1)
        return image

    return wrong


def _faded(share):
    """Descent from an image that keeps only a share of itself at each step."""

    def wrong(image, target, loss, steps, learning_rate):
        for _ in range(steps):
            image = np.clip(share * image - learning_rate * gradient(image, target, loss), 0, 1)
        return image

    return wrong


def _momentum(share, dampening=0.0, nesterov=False):
    def velocity(slopes):
        moved = slopes[0]
        for slope in slopes[1:]:
            moved = share * moved + (1 - dampening) * slope
        return slopes[-1] + share * moved if nesterov else moved

    return _descended(velocity)


def _rms(slopes, rate, share=0.9, epsilon=1e-7):
    """RMSprop; with share None, Adagrad."""
    mean = np.zeros_like(slopes[0])
    for slope in slopes:
        mean = mean + slope**2 if share is None else share * mean + (1 - share) * slope**2
    return rate * slopes[-1] / (np.sqrt(mean) + epsilon)


def _adam(slopes, rate, fixed=None, keras=False):
    """PyTorch's Adam, or Keras's, whose epsilon is larger and in another place."""
    first = second = np.zeros_like(slopes[0])
    for slope in slopes:
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
    scale = np.sqrt(1 - 0.999 ** len(slopes))
    direction = first / (1 - 0.9 ** len(slopes)) / (np.sqrt(second) / scale + (1e-7 / scale if keras else 1e-8))
    return (fixed or rate) * direction


RECONSTRUCT = Exercise(
    id="reconstruct",
    title="Make several steps of gradient descent on the image, and keep it in 0..1 after each of them.",
    arguments={"image": "image", "target": "image", "loss": "loss", "steps": "whole", "learning_rate": "number"},
    result="image",
    cases=_reconstruct_cases,
    reference=_reconstruct,
    by_name=("learning_rate",),
    advice={"'int' object is not iterable": "`steps` is a number: loop over range(steps)."},
    rtol=5e-4,
    hints=(
        "One thing is repeated: take the gradient where the image is now, move against it by a small amount, and clip. The "
            "target stays where it is.",
        "In each of the `steps` rounds the loss is a scalar, and the gradient and the clipped image are [image]; the "
            "next round begins with that image.",
    ),
    mistakes={
        "The image does not move: replace it by the moved one, and return that.": lambda image, **_: image,
        "That is the target itself: approach it step by step.": lambda target, **_: target,
        "Only one step is made. Is the return inside the loop, or does every step start from the first image?":
            lambda steps, **case: one_step(**case) if steps else case["image"],
        "Off by one: one step too few.": lambda steps, **case: _reconstruct(**case, steps=steps - 1),
        "Off by one: one step too many.": lambda steps, **case: _reconstruct(**case, steps=steps + 1),
        "The image is clipped only at the end: clip it after each step.": lambda **case: np.clip(_never_clipped(**case), 0, 1),
        "The image is never clipped and leaves its range 0..1.": _never_clipped,
        "The image is clipped before each step, so the last step may leave the range 0..1.":
            _walked(begin=_clipped, end=np.positive),
        "The image goes uphill: which way does its gradient point?": [
            lambda learning_rate, **case: _reconstruct(**case, learning_rate=-learning_rate),
            lambda learning_rate, **case: _never_clipped(**case, learning_rate=-learning_rate),
        ],
        "Image and target are swapped: the loss is called as `loss(target, image)`.": _along(swapped_gradient),
        "The gradient is taken with respect to the target: take it with respect to the image.": _along(target_gradient),
        "Image and target are swapped: the gradient is taken at the target, of `loss(target, image)`.":
            _along(lambda image, target, loss: gradient(target, image, loss)),
        "Only the first image of the batch moves: move the whole batch at once.":
            lambda **case: np.concatenate((_reconstruct(**case)[:1], case["image"][1:])),
        "That follows the gradient of a loss of your own: differentiate the one that you are given.": [
            _along(lambda image, target, loss: image - target),
            _along(lambda image, target, loss: 2 * (image - target)),
            _along(lambda image, target, loss: 2 / image.size * (image - target)),
        ],
        "The gradient is divided by its length, or cut to a length of 1: subtract it as it is, times the learning rate.": [
            _descended(lambda slopes: slopes[-1] / np.sqrt(np.sum(slopes[-1] ** 2))),
            _descended(lambda slopes: slopes[-1] / np.sqrt(np.sum(slopes[-1] ** 2, (1, 2, 3), keepdims=True))),
        ],
        "The gradient is divided by its largest entry, its mean or its spread: subtract it as it is, times the learning rate.": [
            _descended(lambda slopes, how=how: slopes[-1] / how(slopes[-1]))
            for how in (lambda slope: np.abs(slope).max(), lambda slope: np.abs(slope).mean(), np.std, lambda slope: slope.std(ddof=1),
                        lambda slope: np.sqrt(np.mean(slope**2)) + 1e-5, lambda slope: np.abs(slope).sum())
        ],
        "The gradient is divided by the number of pixels: subtract it as it is, times the learning rate.":
            _descended(lambda slopes: slopes[-1] / slopes[-1].size),
        "The gradient is averaged over the batch: each image has its own.": _descended(lambda slopes: slopes[-1] / len(slopes[-1])),
        "The gradient is clipped: clip the image, and subtract the gradient as it is.": [
            _descended(lambda slopes, low=low, most=most: np.clip(slopes[-1], low, most))
            for low, most in ((0, 1), (-1, 1), (-0.5, 0.5), (-0.2, 0.2), (-0.1, 0.1), (-0.01, 0.01))
        ],
        "The gradient is divided by the learning rate: multiply.": _walked(lambda slopes, rate: slopes[-1] / rate),
        "The learning rate is squared: multiply by it once.": _walked(lambda slopes, rate: rate**2 * slopes[-1]),
        "That is descent with momentum: each step should follow the gradient where the image is now, and nothing else.": [
            *(_momentum(share, *how) for share in (0.9, 0.5, 0.99, 0.8, 0.7, 0.95) for how in ((), (share,), (0.0, True))),
            *(_descended(lambda slopes, share=share: sum((1 - share) * share**age * slope for age, slope in enumerate(slopes[::-1])))
              for share in (0.9, 0.5, 0.99)),
        ],
        "The learning rate gets smaller from step to step: use it as it is at every step.": [
            *(_walked(lambda slopes, rate, decay=decay: rate * decay ** (len(slopes) - 1) * slopes[-1]) for decay in (0.5, 0.9, 0.95, 0.96, 0.98, 0.99, 0.999)),
            _walked(lambda slopes, rate: rate / len(slopes) * slopes[-1]),
            lambda steps, **case: _walked(lambda slopes, rate: rate * (1 - (len(slopes) - 1) / steps) * slopes[-1])(steps=steps, **case),
            _walked(lambda slopes, rate: rate / np.sqrt(len(slopes)) * slopes[-1]),
        ],
        "That is RMSprop or Adagrad, which divide by the size of earlier gradients: use plain gradient descent.": [
            _walked(partial(_rms, share=share, epsilon=epsilon)) for share in (0.9, 0.99, None) for epsilon in (1e-7, 1e-8, 1e-10)
        ],
        "The gradients of all steps add up: clear `.grad` after each step, or ask for the gradient alone.": _descended(sum),
        "The same gradient is used at every step: take it again where the image is now.": _descended(lambda slopes: slopes[0]),
        "The learning rate is not used.": lambda learning_rate, **case: _reconstruct(**case, learning_rate=1),
        "Only the sign of the gradient is used: subtract the gradient itself.": _descended(lambda slopes: np.sign(slopes[-1])),
        "That is Adam: use plain gradient descent.": [
            _walked(partial(_adam, fixed=fixed, keras=keras)) for fixed in (None, 0.001) for keras in (False, True)
        ],
        "The image fades at every step, as with weight decay: subtract the gradient and nothing else.": [
            _faded(0.9), _faded(0.99), _faded(0.999),
        ],
        "The image is clipped to another range: it is in 0..1.": [
            _walked(end=lambda image, ends=ends: np.clip(image, *ends)) for ends in ((-1, 1), (0, 255))
        ],
        "A sigmoid changes every pixel at every step: clip instead.":
            _walked(end=lambda image: 1 / (1 + np.exp(-image))),
        "A number of steps is written into the function: make as many as `steps` says.": [
            lambda steps, count=count, **case: _reconstruct(steps=count, **case) for count in (10, 20, 50, 60, 100)
        ],
        "It starts from a black image: start from the one that you are given.":
            lambda image, **case: _reconstruct(image=0 * image, **case),
        "That is the loss: return the image.":
            lambda **case: loss_value(_reconstruct(**case), case["target"], case["loss"]),
        "That is the gradient: return the image.": lambda **case: gradient(_reconstruct(**case), case["target"], case["loss"]),
        "The target moves instead of the image: take the gradient with respect to the image.":
            lambda image, target, **case: _reconstruct(image=target, target=image, **case),
    },
    properties=(
        Property("comes closer", "The loss should be lower after these steps.",
                 lambda cases, outputs: lowers_the_loss(cases["slow"], outputs["slow"], _reconstruct(**cases["slow"]))),
        Property("stays in 0..1", "The image leaves its range 0..1 on the way: clip it after each step.",
                 lambda cases, outputs: all(stays_in_range(outputs[name]) for name in cases)),
        Property("one step", "With steps = 1, it should make exactly one step.",
                 lambda cases, outputs: np.allclose(outputs["one"], _reconstruct(**cases["one"]), atol=1e-4), case="one"),
        Property("no step", "With steps = 0, the image should come back as it was.", lambda cases, outputs: all(
            np.allclose(outputs[name], cases[name]["image"], atol=atol) for name, atol in (("none", 1e-5), ("hardly", 0.05))),
                 case="none"),
    ),
)  # fmt: skip
