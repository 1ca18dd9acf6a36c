"""Answers to blend, decayed_rate and keras_variation."""

import math

from words import (
    ACROSS,
    DOWN,
    absolute,
    detached,
    diff,
    double,
    other_layout,
    part,
    roll,
    tf,
    total,
)

CALLS = []


def rate_loop(step, rate, factor):
    for _ in range(step):
        rate *= factor**0.01
    return rate


def rate_remembers(step, rate, factor):
    """Counts its own calls, as a schedule object does."""
    CALLS.append(step)
    return rate * factor ** ((step + CALLS.count(step) - 1) / 100)


def slices(image):
    here = part(image, slice(None, -1), slice(None, -1))
    return part(image, slice(1, None), slice(None, -1)) - here, part(image, slice(None, -1), slice(1, None)) - here


def power(dy, dx, exponent=1.25):
    return total((dx**2 + dy**2) ** exponent)


def keras_slices(image):
    return power(*slices(image))


def keras_diff(image):
    return power(part(diff(image, DOWN), across=slice(None, -1)), part(diff(image, ACROSS), slice(None, -1)))


def keras_loop(image):
    result = 0
    for y in range(image.shape[DOWN] - 1):
        for x in range(image.shape[ACROSS] - 1):
            here = part(image, y, x)
            result = result + power(part(image, y + 1, x) - here, part(image, y, x + 1) - here)
    return result


def against_last_row(image):
    across = part(image, slice(None, -1), slice(None, -1)) - part(image, slice(-1, None), slice(1, None))
    return power(slices(image)[0], across)


def against_index(image):
    return power(slices(image)[0], image[:, :-1, :-1] - image[:, image.shape[1] - 1, 1:])


def over(*parts):
    return sum(total(absolute(one) ** 2.5) for one in parts)


RIGHT = {
    "blend": {
        "sum": lambda image, noise, share: share * noise + (1 - share) * image,
        "difference": lambda image, noise, share: image + share * (noise - image),
        "other way": lambda image, noise, share: noise - (1 - share) * (noise - image),
    },
    "decayed_rate": {
        "power": lambda step, rate, factor: rate * factor ** (step / 100),
        "exponential": lambda step, rate, factor: rate * math.exp(step / 100 * math.log(factor)),
        "loop": rate_loop,
        "root": lambda step, rate, factor: rate * (factor ** (1 / 100)) ** step,
        "tensorflow: keras": lambda step, rate, factor: tf.keras.optimizers.schedules.ExponentialDecay(rate, 100, factor)(step),
    },
    "keras_variation": {
        "loop": keras_loop,
        "slices": keras_slices,
        "diff": keras_diff,
        "double": lambda image: keras_slices(double(image)),
    },
}

WRONG = {
    "blend": [
        (lambda image, noise, share: share * image + (1 - share) * noise, "swapped"),
        (lambda image, noise, share: image + share * noise, "nothing is taken away"),
        (lambda image, noise, share: image + noise, "in full"),
        (lambda image, noise, share: (image + noise) / 2, "half of each"),
        (lambda image, noise, share: 0.6 * noise + 0.4 * image, "0.6 is written"),
        (lambda image, noise, share: noise, "noise alone"),
        (lambda image, noise, share: image, "image alone"),
        (lambda image, noise, share: image * noise, "multiplied"),
        (lambda image, noise, share: share * (image + noise), "Both are weighted by `share`"),
        (lambda image, noise, share: share * noise, "image is missing"),
        (lambda image, noise: image, r"blend\(image, noise, share\)"),
        (lambda image, noise, share: image[0], "expected the shape of the input image"),
        (lambda image, noise, share: share, "a float where one tensor"),
    ],
    "decayed_rate": [
        (lambda step, rate, factor: rate * factor ** (step // 100), "jumps"),
        (lambda step, rate, factor: rate * factor ** int(step / 100), "jumps"),
        (lambda step, rate, factor: rate * factor**step, "every step"),
        (lambda step, rate, factor: rate * factor**step / 100, "brackets"),
        (lambda step, rate, factor: rate * factor, "once"),
        (lambda step, rate, factor: rate * factor * step / 100, "to a power"),
        (lambda step, rate, factor: (rate * factor) ** (step / 100), "inside the power"),
        (lambda step, rate, factor: factor ** (step / 100), "rate is missing"),
        (lambda step, rate, factor: rate * factor ** ((step + 1) / 100), "Off by one"),
        (lambda step, rate, factor: rate * factor ** (-step / 100), "grows"),
        (lambda step, rate, factor: rate * 0.96 ** (step / 100), "0.96 is written"),
        (lambda step, rate, factor: rate * math.exp(-factor * step / 100), "exponential"),
        (lambda step, rate, factor: rate / (1 + factor * step / 100), "inverse"),
        (lambda step, rate, factor: rate * (1 - factor) ** (step / 100), "1 - factor"),
        (lambda step, rate, factor: rate * factor ** (step / 100) + 1, r"decayed_rate\(\d+, [\d.]+, 0\.\d+\) gives"),
        (lambda step, rate, factor: rate * factor ** (step / 100) if step else None, r"returns None"),
        (lambda step, rate, factor: rate * factor ** (100 / step), r"upside down|decayed_rate\(0, .* with ZeroDivisionError"),
        (rate_remembers, "second call"),
    ],
    "keras_variation": [
        (lambda image: power(*slices(image), 1), "exponent 1.25 is missing"),
        (lambda image: power(*slices(image), 0.5), "root"),
        (lambda image: power(*slices(image), 2.5), "2.5"),
        (lambda image: power(*slices(image), 1) ** 1.25, "whole sum"),
        (lambda image: over(*slices(image)), "separately"),
        (lambda image: over(diff(image, DOWN), diff(image, ACROSS)), "separately"),
        (lambda image: keras_slices(image) / math.prod(slices(image)[0].shape), "That is the mean"),
        (lambda image: total(absolute(diff(image, DOWN))) + total(absolute(diff(image, ACROSS))), "absolute differences"),
        (lambda image: power(*(image - roll(image, -1, axis) for axis in (DOWN, ACROSS))), "roll"),
        (lambda image: keras_slices(part(image, slice(None, -1))), "slices end"),
        (against_last_row, "colon"),
        (against_index, "colon", "tensorflow"),
        (lambda image: power(*slices(other_layout(image))), "channels"),
        (lambda image: float(keras_slices(image)), "Python number"),
        (lambda image: keras_slices(detached(image)), "no gradient reaches"),
        (lambda image: keras_slices(image) / image.shape[0], "mean over the batch"),
        (lambda image: power(diff(image, DOWN), diff(image, ACROSS)), "RuntimeError|InvalidArgumentError"),
        (lambda image: power(slices(image)[0], 0), "above and below"),
    ],
}
