"""Lesson 00: an image on its way into an encoder and back. The Oxford weights want BGR in 0..255, less the mean."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stylelab.encoders import OXFORD, TORCHVISION
from stylelab.exercises.checking.definition import Exercise, Property
from stylelab.exercises.common import image_shape, number, random_image, stays_in_range

MEAN = np.array(OXFORD["mean"])  # B, G, R, in 0..255


def _reversed(image):
    """RGB to BGR, or back."""
    return image[..., ::-1]


def _preprocess(image):
    return 255 * _reversed(image) - MEAN


def _preprocess_cases(rng):
    shape = image_shape(rng)
    image = random_image(rng, shape)
    return {
        "plain": {"image": image},
        "plain: one image of one pixel": {"image": random_image(rng, (1, 1, 1, 3))},
        "plain: black and white": {"image": np.round(image)},
        "less red": {"image": image * np.array([0.5, 1, 1], np.float32)},
        "grey": {"image": np.full(shape, number(rng, 0.1, 0.35), np.float32)},
    }


_MIRRORED = "The image is mirrored: reverse the axis of the channels, not another one."

PREPROCESS = Exercise(
    id="preprocess",
    title="Convert RGB in 0..1 to what the Oxford weights want: BGR in 0..255, less the mean of each colour.",
    arguments={"image": "image"},
    result="image",
    cases=_preprocess_cases,
    reference=_preprocess,
    differentiable=("image",),
    on_processor=True,
    atol=1e-3,
    hints=(
        "Three things change, one after the other: the order of the colours, the range, and the colour that counts as 0. "
            "The mean is given in the new order and the new range.",
        "The shape stays [image] at every line. Red (1, 0, 0) becomes (0, 0, 1), then (0, 0, 255); only then the mean "
            "goes off, one number for each channel.",
    ),
    mistakes={
        "The image comes back unchanged: scale it, reverse its channels and subtract the mean.": lambda image: image,
        "RGB and BGR are swapped: the result is still in RGB order. Reverse the channels before you subtract the mean.": [
            lambda image: 255 * image - MEAN,
            lambda image: 255 * image - _reversed(MEAN),
        ],
        "RGB and BGR are swapped in the mean: 103.939 belongs to blue, 116.779 to green and 123.680 to red.":
            lambda image: 255 * _reversed(image) - _reversed(MEAN),
        "The mean is subtracted before scaling, but it is in the range 0..255: scale the image first.": [
            lambda image: 255 * (_reversed(image) - MEAN),
            lambda image: 255 * (_reversed(image) - _reversed(MEAN)),
            lambda image: 255 * (image - MEAN),
            lambda image: 255 * (image - _reversed(MEAN)),
        ],
        "The image is not scaled, but the mean is in the range 0..255: bring both to the same range.": [
            lambda image: _reversed(image) - MEAN,
            lambda image: _reversed(image) - _reversed(MEAN),
        ],
        "The image is neither scaled to 0..255 nor converted to BGR.": [
            lambda image: image - MEAN,
            lambda image: image - _reversed(MEAN),
        ],
        "The mean is not subtracted.": [_reversed, lambda image: 255 * _reversed(image)],
        "Only the range is right: convert RGB to BGR and subtract the mean as well.": [
            lambda image: 255 * image,
            lambda image: 256 * image,
        ],
        "The mean is added: it should be subtracted.": lambda image: 255 * _reversed(image) + MEAN,
        "The image is multiplied by 255 but the mean is divided by it: keep both in 0..255.":
            lambda image: 255 * _reversed(image) - MEAN / 255,
        "Everything is in 0..1, but the Oxford weights want 0..255.": lambda image: _reversed(image) - MEAN / 255,
        "The image is divided by 255, but it arrives in 0..1: which way do you need to scale it?":
            lambda image: _reversed(image) / 255 - MEAN,
        "The scale is 256, but white should become 255.": lambda image: 256 * _reversed(image) - MEAN,
        "That is torchvision's preprocessing, with its own mean and std: the Oxford weights want BGR in 0..255.":
            lambda image: (image - TORCHVISION["mean"]) / TORCHVISION["std"],
        "That is the range -1..1 of other networks: the Oxford weights want BGR in 0..255, less the mean.": lambda image: 2 * image - 1,
        "The result is clipped after the mean is subtracted, but negative numbers belong there.":
            lambda image: np.clip(_preprocess(image), 0, 255),
        "The pixels are rounded to whole numbers: stay with floating point.": [
            lambda image: np.round(255 * _reversed(image)) - MEAN,
            lambda image: np.floor(255 * _reversed(image)) - MEAN,
        ],
        "One mean is subtracted from all colours, but each colour has its own.": lambda image: 255 * _reversed(image) - MEAN.mean(),
        "The image's own mean is subtracted: the network wants the mean of the images that it was trained on.":
            lambda image: 255 * _reversed(image) - 255 * _reversed(image).mean((0, 1, 2)),
        "The channels are shifted by one, as roll does: reverse their order instead.": [
            lambda image: 255 * np.roll(image, 1, -1) - MEAN,
            lambda image: 255 * np.roll(image, -1, -1) - MEAN,
        ],
        _MIRRORED: [
            lambda image, axes=axes: 255 * np.flip(image, axes) - MEAN
            for axes in (0, 1, 2, (2, 3), (1, 3), (1, 2), (0, 1, 2, 3))
        ],
    },
    properties=(
        Property("red comes last", "With less red in the image, only the last channel should change: convert RGB to BGR.", lambda cases, outputs:
                 (change := np.abs(outputs["plain"] - outputs["less red"]).max((0, 1, 2)))[2] > 1e-3
                 and change[:2].max() <= 1e-3 * change[2]),
        Property("grey loses the mean", "A grey image of value x should become 255 x minus the mean, in the order B, G, R.",
                 lambda cases, outputs: np.allclose(outputs["grey"], 255 * cases["grey"]["image"] - MEAN, atol=1e-2)),
    ),
)  # fmt: skip


def _unclipped(pixels):
    return _reversed(pixels + MEAN) / 255


def _deprocess(pixels):
    return np.clip(_unclipped(pixels), 0, 1)


def _deprocess_cases(rng):
    shape = image_shape(rng)
    return {
        "plain": {"pixels": _preprocess(random_image(rng, shape, -0.6, 1.6)).astype(np.float32)},
        "plain: one image, all zeros": {"pixels": np.zeros((1, 4, int(rng.integers(5, 9)), 3), np.float32)},
        "there and back": {"pixels": _preprocess(random_image(rng, shape)).astype(np.float32)},
        "flat": {"pixels": np.full(shape, number(rng, -60, -20), np.float32)},
    }


_NOT_CLIPPED = "The image leaves its range 0..1: clip it."
_UNCLIPPED_MISTAKES: dict[str, list[Callable[..., Any]]] = {  # each is made with a clip at the end, or without
    "RGB and BGR are swapped: the colours are still in BGR order. Reverse the channels.": [
        lambda pixels: (pixels + MEAN) / 255,
        lambda pixels: (pixels + _reversed(MEAN)) / 255,
    ],
    "RGB and BGR are swapped for the mean: it is in the order B, G, R. In which order are the channels when you add it?": [
        lambda pixels: (_reversed(pixels) + MEAN) / 255,
    ],
    "The mean is not added.": [lambda pixels: _reversed(pixels) / 255],
    "Only the range is right: add the mean and convert BGR to RGB as well.": [lambda pixels: pixels / 255],
    "The mean is subtracted a second time: add it.": [lambda pixels: _reversed(pixels - MEAN) / 255],
    "The mean is added after dividing, but it is in the range 0..255.": [
        lambda pixels: _reversed(pixels / 255 + MEAN),
        lambda pixels: _reversed(pixels) / 255 + MEAN,
    ],
    "The pixels are divided by 256, but white is 255.": [lambda pixels: _reversed(pixels + MEAN) / 256],
    _MIRRORED: [lambda pixels, axis=axis: np.flip(pixels + MEAN, axis) / 255 for axis in (1, 2, 0)],
}

DEPROCESS = Exercise(
    id="deprocess",
    title="Invert preprocess and clip: from BGR in 0..255 less the mean back to RGB in 0..1.",
    arguments={"pixels": "image"},
    result="image",
    cases=_deprocess_cases,
    reference=_deprocess,
    on_processor=True,
    hints=(
        "Undo the steps of preprocess, the last one first, and clip only at the very end.",
        "The shape stays [image] at every line. A pixel (0, 0, 0) becomes (103.939, 116.779, 123.680), then (123.680, "
            "116.779, 103.939), and at the end about (0.49, 0.46, 0.41).",
    ),
    mistakes={
        "The pixels come back unchanged: add the mean, reverse the channels, scale and clip.": lambda pixels: pixels,
        _NOT_CLIPPED: _unclipped,
        "The pixels are clipped to 0..1 without being divided by 255, so nearly everything is white.":
            lambda pixels: np.clip(_reversed(pixels + MEAN), 0, 1),
        **{
            hint: [*(lambda pixels, back=back: np.clip(back(pixels), 0, 1) for back in wrong), *wrong]
            for hint, wrong in _UNCLIPPED_MISTAKES.items()
        },
        "The pixels are multiplied by 255: they should be divided by it.": lambda pixels: 255 * _reversed(pixels + MEAN),
        "The pixels are not divided by 255, so the image leaves its range 0..1.": lambda pixels: _reversed(pixels + MEAN),
        "The pixels are not divided by 255: an image is in 0..1.": [
            lambda pixels, how=how: how(np.clip(_reversed(pixels + MEAN), 0, 255)) for how in (np.positive, np.floor, np.round)
        ],
        "A sigmoid changes every pixel: clip instead.": lambda pixels: 1 / (1 + np.exp(-_unclipped(pixels))),
        "The pixels are clipped to 0..1 before they are divided by 255, so everything is nearly black.":
            lambda pixels: np.clip(_reversed(pixels + MEAN), 0, 1) / 255,
        "The pixels are clipped before the mean is added: clip at the end.": [
            lambda pixels: np.clip(_unclipped(np.clip(pixels, 0, 255)), 0, 1),
            lambda pixels: _unclipped(np.clip(pixels, 0, 255)),
        ],
        "Only the lower end is clipped, so the image leaves its range 0..1.": lambda pixels: np.maximum(_unclipped(pixels), 0),
        "Only the upper end is clipped, so the image leaves its range 0..1.": lambda pixels: np.minimum(_unclipped(pixels), 1),
        "The image is stretched from its darkest to its brightest pixel, which changes every image: clip instead.":
            lambda pixels: (_unclipped(pixels) - _unclipped(pixels).min()) / np.ptp(_unclipped(pixels)),
        "The image is rounded to 8 bits: stay with floating point.": [
            lambda pixels: np.floor(255 * _deprocess(pixels)) / 255,
            lambda pixels: np.round(255 * _deprocess(pixels)) / 255,
        ],
        "Numbers above 255 start again at 0, as 8-bit numbers do: clip before you convert.":
            lambda pixels: np.floor(255 * _unclipped(pixels)) % 256 / 255,
        "That inverts torchvision's preprocessing: the Oxford weights use BGR in 0..255, less the mean.":
            lambda pixels: np.clip(pixels * TORCHVISION["std"] + TORCHVISION["mean"], 0, 1),
    },
    properties=(
        Property("there and back", "deprocess(preprocess(image)) should give the image back.",
                 lambda cases, outputs: np.allclose(outputs["there and back"], _deprocess(cases["there and back"]["pixels"]), atol=1e-4)),
        Property("stays in 0..1", _NOT_CLIPPED, lambda cases, outputs: stays_in_range(outputs["plain"])),
        Property("flat pixels", "If every channel is x, red should become (123.680 + x) / 255, green (116.779 + x) / 255 and blue "
                 "(103.939 + x) / 255.",
                 lambda cases, outputs: np.allclose(outputs["flat"], _deprocess(cases["flat"]["pixels"]), atol=1e-4)),
    ),
)  # fmt: skip
