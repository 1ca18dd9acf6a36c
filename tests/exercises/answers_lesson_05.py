"""Answers to blend, decayed_rate and keras_variation."""

import math

import numpy as np
from words import (
    ACROSS,
    DOWN,
    absolute,
    clip,
    constant,
    detached,
    diff,
    double,
    exp,
    log,
    mean,
    other_layout,
    part,
    roll,
    root,
    stack,
    tf,
    torch,
    total,
)

CALLS = []


def rate_loop(step, rate, factor):
    for _ in range(step):
        rate *= factor**0.01
    return rate


def rate_calls_itself(step, rate, factor):
    return rate_calls_itself(step - 1, rate, factor) * factor**0.01 if step else rate


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


def keras_windows(image):
    windows = image.unfold(2, 2, 1).unfold(3, 2, 1)
    here = windows[..., 0, 0]
    return power(windows[..., 1, 0] - here, windows[..., 0, 1] - here)


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


def against_first_column(image):
    across = part(image, slice(None, -1), slice(None, -1)) - part(image, slice(None, -1), slice(-1, None))
    return power(slices(image)[0], across)


def against_diagonal(image):
    return power(slices(image)[0], part(image, slice(1, None), slice(1, None)) - part(image, slice(None, -1), slice(None, -1)))


def total_squares(image):
    return sum(change**2 for change in slices(image))


def random_noise(image):
    return torch.rand_like(image) if torch else tf.random.uniform(image.shape)


def over(*parts):
    return sum(total(absolute(one) ** 2.5) for one in parts)


RIGHT = {
    "blend": {
        "sum": lambda image, noise, share: share * noise + (1 - share) * image,
        "difference": lambda image, noise, share: image + share * (noise - image),
        "clipped": lambda image, noise, share: clip(image + share * (noise - image), 0, 1),
        "stack": lambda image, noise, share: total(stack([share * noise, (1 - share) * image], -1), -1),
        "torch: lerp": lambda image, noise, share: torch.lerp(image, noise, share),
        "torch: einsum": lambda image, noise, share: torch.einsum(
            "kbchw,k->bchw", torch.stack([noise, image]), torch.tensor([share, 1 - share])
        ),
        "tensorflow: constant": lambda image, noise, share: tf.constant(share) * noise + tf.constant(1 - share) * image,
        "other way": lambda image, noise, share: noise - (1 - share) * (noise - image),
    },
    "decayed_rate": {
        "power": lambda step, rate, factor: rate * factor ** (step / 100),
        "exponential": lambda step, rate, factor: rate * math.exp(step / 100 * math.log(factor)),
        "loop": rate_loop,
        "float32": lambda step, rate, factor: constant(rate) * constant(factor) ** (step / 100),
        "NumPy": lambda step, rate, factor: np.float32(rate) * np.power(np.float32(factor), np.float32(step / 100)),
        "root": lambda step, rate, factor: rate * (factor ** (1 / 100)) ** step,
        "tensorflow: keras": lambda step, rate, factor: tf.keras.optimizers.schedules.ExponentialDecay(rate, 100, factor)(step),
    },
    "keras_variation": {
        "loop": keras_loop,
        "slices": keras_slices,
        "diff": keras_diff,
        "roll": lambda image: power(
            *(part(roll(image, -1, axis) - image, slice(None, -1), slice(None, -1)) for axis in (DOWN, ACROSS))
        ),
        "under a root": lambda image: total(root(total_squares(image) + 1e-12) ** 2.5),
        "torch: windows": keras_windows,
        "tensorflow: gradients": lambda image: power(
            *(part(d, slice(None, -1), slice(None, -1)) for d in tf.image.image_gradients(image))
        ),
        "tensorflow: root": lambda image: tf.reduce_sum(tf.sqrt(total_squares(image)) ** 2.5),  # whose slope is 0 there
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
        (
            lambda image, noise, share: (share / (1 - share) * noise + image) * (1 - share),
            "not for a share of 1: .*ZeroDivisionError",
        ),
        (
            lambda image, noise, share: (image * (1 - share) / share + noise) * share,
            "not for a share of 0: .*(ZeroDivisionError|not finite)",
        ),
        (lambda image, noise, share: image + share * random_noise(image), "draw nothing at random"),
        (lambda image, noise, share: share * noise + 1 - share * image, "brackets"),
        (lambda image, noise, share: image + share * (noise - 0.5), "centred"),
        (lambda image, noise, share: share * noise[:1] + (1 - share) * image, "noise of the first image"),
        (lambda image, noise, share: share * mean(noise) + (1 - share) * image, "averaged"),
        (lambda image, noise, share: noise**share * image ** (1 - share), "powers or roots"),
        (lambda image, noise, share: share**0.5 * noise + (1 - share) ** 0.5 * image, "powers or roots"),
        (lambda image, noise, share: 255 * (share * noise + (1 - share) * image), "0..255"),
        (lambda image, noise, share: share / 100 * noise + (1 - share / 100) * image, "divided by 100"),
        (lambda image, noise, share: [share * noise, (1 - share) * image], "returns a list"),
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
        (
            lambda step, rate, factor: round(rate * factor ** (step / 100), 2),
            "Right for one input, but not for another: The result is rounded",
        ),
        (
            lambda step, rate, factor: round(rate * factor ** (step / 100), 4),
            "Right for one input, but not for another: The result is rounded",
        ),
        (lambda step, rate, factor: int(rate * factor ** (step / 100)), "rounded"),
        (lambda step, rate, factor: rate * (factor**step) ** 0.01, "Right for one input, but not for another"),
        (rate_calls_itself, "RecursionError"),
        (
            lambda step, rate, factor: rate * factor ** (step // 100) * (1 - (1 - factor) * (step % 100) / 100),
            "Within every 100 steps",
        ),
        (lambda step, rate, factor: rate * factor ** (step / factor), "divided by the factor"),
        (lambda step, rate, factor: rate * factor * step, "to a power"),
        (lambda step, rate, factor: rate * math.exp(-step / 100), "exponential"),
        (lambda step, rate, factor: rate - factor * step / 100, "straight line"),
        (lambda step, rate, factor: rate ** (factor * step / 100), "only the factor belongs there"),
        (lambda step, rate, factor: rate * factor ^ (step / 100), r"written \*\*"),
        (
            lambda step, rate, factor: tf.keras.optimizers.schedules.ExponentialDecay(rate, 100, factor),
            "an ExponentialDecay",
            "tensorflow",
        ),
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
        (against_index, "colon"),
        (lambda image: power(*slices(other_layout(image))), "channels"),
        (lambda image: float(keras_slices(image)), "Python number"),
        (lambda image: keras_slices(detached(image)), "no gradient reaches"),
        (lambda image: keras_slices(image) / image.shape[0], "mean over the batch"),
        (lambda image: power(diff(image, DOWN), diff(image, ACROSS)), "RuntimeError|InvalidArgumentError"),
        (lambda image: power(slices(image)[0], 0), "above and below"),
        (lambda image: keras_slices(image[:1]), "Only the first image"),
        (lambda image: stack([keras_slices(image[i : i + 1]) for i in range(len(image))]), "one value for each image"),
        (lambda image: total(root(total_squares(image)) ** 2.5), "gradient is not finite where neighbours are equal", "torch"),
        (lambda image: total(total_squares(image) * total_squares(image) ** 0.25), "gradient is not finite"),
        (lambda image: total(exp(1.25 * log(total_squares(image)))), "gradient is not finite where neighbours are equal"),
        (lambda image: power(*slices(image), 1.5), "not the 1.25"),
        (lambda image: power(*slices(image), 0.8), "not the 1.25"),
        (lambda image: total(slices(image)[0] ** 2 + (slices(image)[1] ** 2) ** 1.25), "brackets"),
        (lambda image: power(slices(image)[0] + slices(image)[1], 0), "added before squaring"),
        (against_first_column, "stretched over all others"),
        (against_diagonal, "diagonal"),
    ],
}
