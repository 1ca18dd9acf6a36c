"""Exercises on the way of an image into an encoder and back: the Oxford weights want BGR, 0..255, less the mean."""

import numpy as np

from stylelab.encoders import OXFORD, TORCHVISION
from stylelab.exercises.checking.definition import Exercise, Mistake, Property
from stylelab.exercises.random_inputs import image_shape, number, random_image

MEAN = np.array(OXFORD["mean"])  # B, G, R, in 0..255


def _turned(image):
    """RGB to BGR, or back."""
    return image[..., ::-1]


def _preprocess(image):
    return 255 * _turned(image) - MEAN


def _deprocess(pixels):
    return np.clip(_unclipped(pixels), 0, 1)


def _unclipped(pixels):
    return _turned(pixels + MEAN) / 255


def _preprocess_cases(rng):
    shape = image_shape(rng)
    image = random_image(rng, shape)
    return {
        "plain": {"image": image},
        "less red": {"image": image * np.array([0.5, 1, 1], np.float32)},
        "grey": {"image": np.full(shape, number(rng, 0.2, 0.8), np.float32)},
    }


_STILL_RGB = "RGB and BGR are swapped: the colours are still in RGB order. Turn the channels round before the mean is subtracted."
_MEAN_ORDER = (
    "RGB and BGR are swapped in the mean: 103.939 belongs to blue, 116.779 to green, 123.680 to red, and blue comes first."
)
_EARLY = "The mean is subtracted before scaling: it is in 0..255, so multiply by 255 first."
_SIDEWAYS = "The wrong axis is turned round, so the image is mirrored: turn the axis of the channels."

PREPROCESS = Exercise(
    id="preprocess",
    title="RGB in 0..1 to what the Oxford weights want: BGR in 0..255, less the mean of each colour.",
    arguments={"image": "image"},
    result="image",
    cases=_preprocess_cases,
    reference=_preprocess,
    differentiable="image",
    atol=1e-3,
    mistakes=(
        Mistake("The image comes back as it went in: scale, turn, subtract.", lambda image: image),
        Mistake(_STILL_RGB, lambda image: 255 * image - MEAN),
        Mistake(_STILL_RGB, lambda image: 255 * image - _turned(MEAN)),
        Mistake(_MEAN_ORDER, lambda image: 255 * _turned(image) - _turned(MEAN)),
        *(Mistake(_EARLY, lambda image, mean=mean: 255 * (_turned(image) - mean)) for mean in (MEAN, _turned(MEAN))),
        *(Mistake(_EARLY, lambda image, mean=mean: 255 * (image - mean)) for mean in (MEAN, _turned(MEAN))),
        *(Mistake("It is not scaled: multiply by 255, for the mean is in 0..255.",
                  lambda image, mean=mean: _turned(image) - mean) for mean in (MEAN, _turned(MEAN))),
        *(Mistake("It is neither scaled to 0..255 nor turned to BGR.", lambda image, mean=mean: image - mean)
          for mean in (MEAN, _turned(MEAN))),
        *(Mistake("The mean is not subtracted.", lambda image, scale=scale: scale * _turned(image)) for scale in (1, 255)),
        *(Mistake("Only the range is right: turn RGB to BGR and subtract the mean.", lambda image, by=by: by * image)
          for by in (255, 256)),
        Mistake("The mean is added: subtract it.", lambda image: 255 * _turned(image) + MEAN),
        Mistake("The mean is divided by 255, but the image is multiplied by it: keep both in 0..255.",
                lambda image: 255 * _turned(image) - MEAN / 255),
        Mistake("Both are in 0..1: the Oxford weights want 0..255.", lambda image: _turned(image) - MEAN / 255),
        Mistake("Divided by 255 where it must be multiplied: the image comes in 0..1.",
                lambda image: _turned(image) / 255 - MEAN),
        Mistake("The factor is 256: white is 255.", lambda image: 256 * _turned(image) - MEAN),
        Mistake("That is torchvision's preprocessing, with its mean and std: the Oxford weights want BGR in 0..255.",
                lambda image: (image - TORCHVISION["mean"]) / TORCHVISION["std"]),
        Mistake("That is the range -1..1 of other networks: the Oxford weights want BGR in 0..255, less the mean.",
                lambda image: 2 * image - 1),
        Mistake("It is clipped after the mean was subtracted: negative numbers are meant to be there.",
                lambda image: np.clip(_preprocess(image), 0, 255)),
        Mistake("It is rounded to whole numbers: stay with floating point.", lambda image: np.round(255 * _turned(image)) - MEAN),
        Mistake("It is rounded to whole numbers: stay with floating point.", lambda image: np.floor(255 * _turned(image)) - MEAN),
        Mistake("One mean for all colours is subtracted: each colour has its own.",
                lambda image: 255 * _turned(image) - MEAN.mean()),
        Mistake("The image's own mean is subtracted: the network wants that of the images that it learned from.",
                lambda image: 255 * _turned(image) - 255 * _turned(image).mean((0, 1, 2))),
        Mistake("The channels are shifted by one place, as roll does: turn their order round.",
                lambda image: 255 * np.roll(image, 1, -1) - MEAN),
        Mistake("The channels are shifted by one place, as roll does: turn their order round.",
                lambda image: 255 * np.roll(image, -1, -1) - MEAN),
        *(Mistake(_SIDEWAYS, lambda image, axis=axis: 255 * np.flip(image, axis) - MEAN) for axis in (0, 1, 2)),
        *(Mistake(_SIDEWAYS, lambda image, axes=axes: 255 * np.flip(image, axes) - MEAN)
          for axes in ((2, 3), (1, 3), (1, 2), (0, 1, 2, 3))),
    ),
    properties=(
        Property("red comes last", "Less red must show in the last channel, and in no other: turn RGB to BGR.",
                 lambda cases, outputs: _only_last(outputs["plain"] - outputs["less red"])),
        Property("grey loses the mean", "An image of one grey x must become 255 x minus the mean, in the order B, G, R.",
                 lambda cases, outputs: np.allclose(outputs["grey"], 255 * cases["grey"]["image"] - MEAN, atol=1e-2)),
    ),
)  # fmt: skip


def _only_last(change) -> bool:
    size = np.abs(change).max((0, 1, 2))
    return bool(size[2] > 1e-3 and size[:2].max() <= 1e-3 * size[2])


def _deprocess_cases(rng):
    shape = image_shape(rng)
    return {
        "plain": {"pixels": _preprocess(random_image(rng, shape, -0.6, 1.6)).astype(np.float32)},
        "there and back": {"pixels": _preprocess(random_image(rng, shape)).astype(np.float32)},
        "flat": {"pixels": np.full(shape, number(rng, -30, 30), np.float32)},
    }


_NOT_CLIPPED = "The image leaves its range 0..1: clip it."
_RGB_AGAIN = "RGB and BGR are swapped: the colours are still in BGR order. Turn the channels round."
_MEAN_LATE = "RGB and BGR are swapped for the mean: it is in the order B, G, R, so add it before the channels are turned."

DEPROCESS = Exercise(
    id="deprocess",
    title="The inverse of preprocess, clipped: BGR in 0..255 less the mean, back to RGB in 0..1.",
    arguments={"pixels": "image"},
    result="image",
    cases=_deprocess_cases,
    reference=_deprocess,
    mistakes=(
        Mistake("The pixels come back as they went in: add the mean, turn, divide, clip.", lambda pixels: pixels),
        Mistake(_NOT_CLIPPED, _unclipped),
        Mistake("Clipped to 0..1 without dividing by 255: divide first, or nearly all is white.",
                lambda pixels: np.clip(_turned(pixels + MEAN), 0, 1)),
        *(Mistake(hint, lambda pixels, back=back, high=high: np.clip(back(pixels), 0, high) if high else back(pixels))
          for high in (1, None) for hint, back in (
              (_RGB_AGAIN, lambda pixels: (pixels + MEAN) / 255),
              (_RGB_AGAIN, lambda pixels: (pixels + _turned(MEAN)) / 255),
              (_MEAN_LATE, lambda pixels: (_turned(pixels) + MEAN) / 255),
              ("The mean is not added.", lambda pixels: _turned(pixels) / 255),
              ("Only the range is right: add the mean and turn BGR to RGB.", lambda pixels: pixels / 255),
              ("The mean is subtracted once more: add it.", lambda pixels: _turned(pixels - MEAN) / 255),
              ("The mean is added after dividing: it is in 0..255, so add it before.", lambda pixels: _turned(pixels / 255 + MEAN)),
              ("The mean is added after dividing: it is in 0..255, so add it before.", lambda pixels: _turned(pixels) / 255 + MEAN),
              ("Divided by 256: white is 255.", lambda pixels: _turned(pixels + MEAN) / 256),
              (_SIDEWAYS, lambda pixels: np.flip(pixels + MEAN, 1) / 255),
              (_SIDEWAYS, lambda pixels: np.flip(pixels + MEAN, 2) / 255),
              (_SIDEWAYS, lambda pixels: np.flip(pixels + MEAN, 0) / 255),
          )),
        Mistake("Multiplied by 255 where it must be divided.", lambda pixels: 255 * _turned(pixels + MEAN)),
        Mistake("It is not divided by 255, so the image leaves its range 0..1.", lambda pixels: _turned(pixels + MEAN)),
        Mistake("It is not divided by 255: the range is 0..1.", lambda pixels: np.clip(_turned(pixels + MEAN), 0, 255)),
        Mistake("Clipped to 0..1 before dividing by 255: nearly black. Divide first.",
                lambda pixels: np.clip(_turned(pixels + MEAN), 0, 1) / 255),
        Mistake("Clipped before the mean is added: clip at the end.",
                lambda pixels: np.clip(_turned(np.clip(pixels, 0, 255) + MEAN) / 255, 0, 1)),
        Mistake("Clipped before the mean is added: clip at the end.", lambda pixels: _turned(np.clip(pixels, 0, 255) + MEAN) / 255),
        Mistake("Only the lower end is clipped, so the image leaves its range 0..1.",
                lambda pixels: np.maximum(_unclipped(pixels), 0)),
        Mistake("Only the upper end is clipped, so the image leaves its range 0..1.",
                lambda pixels: np.minimum(_unclipped(pixels), 1)),
        Mistake("The image is stretched from its darkest to its brightest pixel: clip instead, or every image changes.",
                lambda pixels: _stretched(_unclipped(pixels))),
        Mistake("It is rounded to 8 bits: stay with floating point.", lambda pixels: np.floor(255 * _deprocess(pixels)) / 255),
        Mistake("It is rounded to 8 bits: stay with floating point.", lambda pixels: np.round(255 * _deprocess(pixels)) / 255),
        Mistake("Numbers beyond 255 begin at 0 again, as 8 bits do: clip before any conversion.",
                lambda pixels: np.floor(255 * _unclipped(pixels)) % 256 / 255),
        Mistake("That undoes torchvision's preprocessing: the Oxford weights have BGR in 0..255, less the mean.",
                lambda pixels: np.clip(pixels * TORCHVISION["std"] + TORCHVISION["mean"], 0, 1)),
    ),
    properties=(
        Property("there and back", "deprocess(preprocess(image)) is not the image.",
                 lambda cases, outputs: np.allclose(outputs["there and back"], _deprocess(cases["there and back"]["pixels"]), atol=1e-4)),
        Property("stays in 0..1", _NOT_CLIPPED,
                 lambda cases, outputs: outputs["plain"].min() >= 0 and outputs["plain"].max() <= 1),
        Property("flat pixels", "Pixels of x in all channels must become red (123.680 + x) / 255, green (116.779 + x) / 255, "
                 "blue (103.939 + x) / 255.",
                 lambda cases, outputs: np.allclose(outputs["flat"], _deprocess(cases["flat"]["pixels"]), atol=1e-4)),
    ),
)  # fmt: skip


def _stretched(image):
    return (image - image.min()) / (image.max() - image.min())
