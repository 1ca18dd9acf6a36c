"""Exercises on numbers that say something about an image: how close it is to another, how rough it is."""

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.image import COLUMN, ROW, vanishes
from stylelab.exercises.random_inputs import edge, image_shape, number, random_image


def _error(image, original):
    return np.mean((image - original) ** 2)


def psnr(image, original):
    return -10 * np.log10(_error(image, original))


def _psnr_cases(rng):
    one = (1, *image_shape(rng)[1:])  # one image: with more, PSNR could mean two things
    original, noise = random_image(rng, one, 0.2, 0.8), random_image(rng, one, -0.2, 0.2)
    return {
        "plain": {"image": original + noise, "original": original},
        "shifted": {"image": original + np.float32(number(rng, 0.05, 0.2)), "original": original},
        "half the error": {"image": original + noise / 2, "original": original},
        "swapped": {"image": original, "original": original + noise},
    }


_NATURAL = "That is the natural logarithm: decibels need log10, which is log(x) / log(10)."

PSNR = Exercise(
    id="psnr",
    title="The peak signal-to-noise ratio of two images in 0..1, in decibels: 10 log10(1 / mean squared error).",
    arguments={"image": "image", "original": "image"},
    result="scalar",
    cases=_psnr_cases,
    reference=psnr,
    mistakes=(
        Mistake("The sign is wrong: a smaller error must give a larger PSNR.", lambda **case: -psnr(**case)),
        Mistake(_NATURAL, lambda **case: -10 * np.log(_error(**case))),
        Mistake(_NATURAL, lambda **case: -np.log(_error(**case))),
        Mistake(_NATURAL, lambda **case: -20 * np.log(_error(**case))),
        Mistake("That is the natural logarithm, with the wrong sign: decibels need log10.", lambda **case: 10 * np.log(_error(**case))),
        Mistake("That is the logarithm to base 2: decibels need log10.", lambda **case: -10 * np.log2(_error(**case))),
        Mistake("That is the logarithm of 1 + x: take log10 of 1 / error alone.", lambda **case: 10 * np.log10(1 + 1 / _error(**case))),
        Mistake("The factor 10 is missing: that is in bels.", lambda **case: -np.log10(_error(**case))),
        Mistake("Twice too much: 20 goes with the root of the mean squared error, 10 with the mean squared error.",
                lambda **case: 2 * psnr(**case)),
        Mistake("Half of it: with the root of the mean squared error the factor is 20.", lambda **case: psnr(**case) / 2),
        Mistake("Peak and range do not agree: 255 is the peak of 8 bits, these images are in 0..1, so their peak is 1.",
                lambda **case: psnr(**case) + 20 * np.log10(255)),
        Mistake("Peak and range do not agree: 255 is the peak of 8 bits, these images are in 0..1, so their peak is 1.",
                lambda **case: psnr(**case) + 10 * np.log10(255)),
        Mistake("Peak and range do not agree: the images are multiplied by 255, but the peak is left at 1.",
                lambda **case: psnr(**case) - 20 * np.log10(255)),
        Mistake("The peak is taken from the image: it is 1, the most that an image can have.",
                lambda image, original: psnr(image, original) + 20 * np.log10(original.max())),
        Mistake("The peak is taken from the image: it is 1, the most that an image can have.",
                lambda image, original: psnr(image, original) + 20 * np.log10(image.max())),
        Mistake("The sum of the squares where their mean is asked for.",
                lambda image, original: -10 * np.log10(np.sum((image - original) ** 2))),
        Mistake("The mean absolute error where the mean squared error is asked for.",
                lambda image, original: -10 * np.log10(np.mean(np.abs(image - original)))),
        Mistake("The mean absolute error where the root of the mean squared error belongs.",
                lambda image, original: -20 * np.log10(np.mean(np.abs(image - original)))),
        Mistake("That is the mean squared error alone: take 10 log10(1 / error).", _error),
        Mistake("That is the root of the mean squared error: take 10 log10(1 / error).", lambda **case: np.sqrt(_error(**case))),
        Mistake("The logarithm is forgotten.", lambda **case: 10 / _error(**case)),
        Mistake("The logarithm is forgotten.", lambda **case: 1 / _error(**case)),
        Mistake("The logarithm is taken of every pixel's error: take the mean first.",
                lambda image, original: np.mean(-10 * np.log10((image - original) ** 2))),
        Mistake("One value for each colour, then their mean: take the mean of the error over all colours first.",
                lambda image, original: np.mean(-10 * np.log10(np.mean((image - original) ** 2, (0, 1, 2))))),
        Mistake("That is a signal-to-noise ratio, with the original's own power: the peak is 1.",
                lambda image, original: 10 * np.log10(np.mean(original**2) / _error(image, original))),
    ),
    properties=(
        Property("a tenth is 20 dB", "An image that is off by x everywhere must have -20 log10(x) dB: 20 for 0.1.",
                 lambda cases, outputs: np.isclose(outputs["shifted"], psnr(**cases["shifted"]), rtol=1e-3)),
        Property("half the error, 6 dB", "Half the error must give 6.02 dB more.",
                 lambda cases, outputs: np.isclose(outputs["half the error"] - outputs["plain"], 20 * np.log10(2), rtol=1e-3)),
        Property("symmetric", "image and original swapped must give the same.",
                 lambda cases, outputs: np.isclose(outputs["swapped"], outputs["plain"], rtol=1e-4)),
    ),
)  # fmt: skip


def _neighbours(image):
    """Differences down and right at the places that have both neighbours."""
    down, right = np.diff(image, axis=COLUMN)[:, :, :-1], np.diff(image, axis=ROW)[:, :-1]
    return down, right


def _power(down, right, exponent=1.25):
    return np.sum((down**2 + right**2) ** exponent)


def _variation(image, exponent=1.25):
    return _power(*_neighbours(image), exponent)


def _slip(image):
    """The Keras example's second slice lacks a colon: every row is compared with the last one."""
    down, _ = _neighbours(image)
    return _power(down, image[:, :-1, :-1] - image[:, -1:, 1:])


def _variation_cases(rng):
    image = random_image(rng, (1, *image_shape(rng)[1:]))
    flat = np.full(image.shape, number(rng, 0.2, 0.8), np.float32)
    return {
        "plain": {"image": image},
        "several": {"image": np.concatenate([image] * int(rng.integers(2, 4)))},
        "half": {"image": image / 2},
        "flat": {"image": flat},
        "nearly flat": {"image": flat + image / 10},
        "edge": {"image": edge(rng)[0]},
    }


_APART = "The power is taken of each difference apart: add their squares first, then raise the sum to 1.25."
_CHANNEL = "Differences are taken between colours instead of between neighbours: mind where your framework keeps the channels."

KERAS_VARIATION = Exercise(
    id="keras_variation",
    title="The sum of (dx^2 + dy^2)^1.25 over the places that have a neighbour to the right and one below.",
    arguments={"image": "image"},
    result="scalar",
    cases=_variation_cases,
    reference=_variation,
    differentiable="image",
    mistakes=(
        Mistake("The exponent 1.25 is missing.", lambda image: _variation(image, 1)),
        Mistake("That is the length, the root of dx^2 + dy^2: the exponent is 1.25.", lambda image: _variation(image, 0.5)),
        Mistake("The exponent 2.5 is for the length, 1.25 for its square.", lambda image: _variation(image, 2.5)),
        Mistake("The exponent is 0.625, as if the squares were squared again: it is 1.25.", lambda image: _variation(image, 0.625)),
        Mistake("The power is taken of the whole sum: take it at every place, then sum up.",
                lambda image: _variation(image, 1) ** 1.25),
        Mistake(_APART, lambda image: sum(np.sum(np.abs(part) ** 2.5) for part in _neighbours(image))),
        Mistake(_APART, lambda image: sum(np.sum(np.abs(np.diff(image, axis=axis)) ** 2.5) for axis in (COLUMN, ROW))),
        Mistake("The exponent is multiplied: it must be a power.", lambda image: 1.25 * _variation(image, 1)),
        Mistake("The differences are not squared: square each before they are added.",
                lambda image: np.sum(sum(np.abs(part) for part in _neighbours(image)) ** 1.25)),
        Mistake("That is the sum of absolute differences, as in total_variation: here it is (dx^2 + dy^2)^1.25.",
                lambda image: sum(np.sum(np.abs(part)) for part in _neighbours(image))),
        Mistake("That is the sum of absolute differences, as in total_variation: here it is (dx^2 + dy^2)^1.25.",
                lambda image: sum(np.sum(np.abs(np.diff(image, axis=axis))) for axis in (COLUMN, ROW))),
        Mistake("The exponent 1.25 is missing, and so is the last row and column of each difference's own.",
                lambda image: sum(np.sum(np.diff(image, axis=axis) ** 2) for axis in (COLUMN, ROW))),
        Mistake("The differences are added before squaring: square each, then add.",
                lambda image: np.sum(np.abs(sum(_neighbours(image))) ** 2.5)),
        Mistake("That is the mean where the sum is asked for.",
                lambda image: _variation(image) / _neighbours(image)[0].size),
        Mistake("That is the mean where the sum is asked for.", lambda image: _variation(image) / image.size),
        Mistake("Only neighbours above and below are compared.", lambda image: _power(_neighbours(image)[0], 0)),
        Mistake("Only neighbours left and right are compared.", lambda image: _power(0, _neighbours(image)[1])),
        Mistake("The last difference is missing in one direction: mind the ends of the slices.",
                lambda image: _variation(image[:, :-1])),
        Mistake("The last difference is missing in one direction: mind the ends of the slices.",
                lambda image: _variation(image[:, :, :-1])),
        Mistake("The last differences are missing in both directions: mind the ends of the slices.",
                lambda image: _variation(image[:, :-1, :-1])),
        Mistake("Opposite borders are compared, as roll does: an image's last column has no right neighbour.",
                lambda image: _power(*(image - np.roll(image, -1, axis) for axis in (COLUMN, ROW)))),
        Mistake("Opposite borders are compared, as roll does: an image's last column has no right neighbour.",
                lambda image: _power(*(image - np.roll(image, 1, axis) for axis in (COLUMN, ROW)))),
        Mistake("Neighbours on the wrong side: take those to the right and below of each place.",
                lambda image: _power(np.diff(image, axis=COLUMN)[:, :, 1:], np.diff(image, axis=ROW)[:, 1:])),
        Mistake("dx and dy are not of the same place: drop the last column of the one and the last row of the other.",
                lambda image: _power(np.diff(image, axis=COLUMN)[:, :, 1:], np.diff(image, axis=ROW)[:, :-1])),
        Mistake("dx and dy are not of the same place: drop the last column of the one and the last row of the other.",
                lambda image: _power(np.diff(image, axis=COLUMN)[:, :, :-1], np.diff(image, axis=ROW)[:, 1:])),
        Mistake("Every row is compared with the last one: a colon is missing in the slice, as in the tutorial. Shift by one column.", _slip),
        Mistake("The border is padded with itself: only places with both neighbours count.",
                lambda image: _power(np.diff(image, axis=COLUMN, append=image[:, -1:]),
                                       np.diff(image, axis=ROW, append=image[:, :, -1:]))),
        Mistake("The border is padded with zeros: only places with both neighbours count.",
                lambda image: _power(np.diff(image, axis=COLUMN, append=0), np.diff(image, axis=ROW, append=0))),
        Mistake("The colours are added before the power: each colour has its own.",
                lambda image: np.sum(sum(part**2 for part in _neighbours(image)).sum(-1) ** 1.25)),
        Mistake(_CHANNEL, lambda image: _between(image, COLUMN, 3)),
        Mistake(_CHANNEL, lambda image: _between(image, ROW, 3)),
        Mistake("That is for images in 0..255: here they are in 0..1, and the value is not scaled.",
                lambda image: _variation(255 * image)),
        Mistake("That is half of it: each place counts once, with factor 1.", lambda image: _variation(image) / 2),
    ),
    properties=(
        Property("adds up over the batch", "The same image twice must give twice as much: sum over the batch too.",
                 lambda cases, outputs: np.isclose(outputs["several"], len(cases["several"]["image"]) * outputs["plain"], rtol=1e-3)),
        Property("power 2.5", "Half the contrast must give 0.5^2.5 = 0.177 times as much.",
                 lambda cases, outputs: np.isclose(outputs["half"], 0.5**2.5 * outputs["plain"], rtol=1e-3)),
        Property("zero for one colour", "It is not 0 for an image of one flat colour.",
                 lambda cases, outputs: vanishes(outputs, "flat", "nearly flat", 1e-4)),
        Property("counts edges", "One upright edge in 3 colours must give 3 times its height less 1, for the last row has no neighbour "
                 "below, times the step to the power of 2.5.",
                 lambda cases, outputs: np.isclose(outputs["edge"], _variation(cases["edge"]["image"]), rtol=1e-4)),
    ),
)  # fmt: skip


def _between(image, first: int, second: int):
    """Both differences where both exist, along any two axes."""
    ends = {axis: slice(None, -1) for axis in (first, second)}
    here = image[tuple(ends.get(axis, slice(None)) for axis in range(4))]
    parts = []
    for axis in (first, second):
        shifted = ends | {axis: slice(1, None)}
        parts.append(image[tuple(shifted.get(each, slice(None)) for each in range(4))] - here)
    return _power(*parts)
