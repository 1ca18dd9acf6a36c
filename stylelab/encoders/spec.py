"""Which network looks at the images: layer names, preprocessing, and where its weights come from.

An encoder is VGG-19's sixteen convolutions, whatever their width. Its weights are one safetensors file
(`conv4_2.weight` in OIHW order, `conv4_2.bias`), which both frameworks read, so that the same file gives the
same activations in both. No framework is imported here.

Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeAlias

import numpy as np
import platformdirs

from stylelab.errors import InputError, unknown

CONVOLUTIONS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}  # how many in each of VGG-19's blocks
LAYERS = tuple(f"conv{block}_{n}" for block, count in CONVOLUTIONS.items() for n in range(1, count + 1))
POOL_AFTER = frozenset(f"conv{block}_{count}" for block, count in CONVOLUTIONS.items())
DOWNLOADS = ("vgg19", "vgg19-torchvision")
NAMES = ("mini", *DOWNLOADS, "random")

Weights = dict[str, tuple[np.ndarray, np.ndarray]]  # layer -> (kernel OIHW, bias), float32


@dataclass(frozen=True)
class Encoder:
    """What must be known of a network before it is loaded. An image in 0..1 enters as (image * scale - mean) / std.

    Attributes:
        name: what the user called it.
        path: the safetensors file; None when the weights are computed from `seed`.
        layers: the layers that the file has, in order; a file may stop early.
        channels: 'RGB' or 'BGR', the order in which the first convolution expects colours.
        scale, mean, std: preprocessing, `mean` and `std` in the order of `channels`.
        pooling: 'max' or 'average', between the blocks.
        padding: 'zeros' or 'replicate', around every convolution.
        activations: the scale of the activations. Encoders of one scale can share a recipe's weights: 'vgg19',
            'vgg19-torchvision', or 'normalised' (every filter's mean activation is 1, as in Gatys et al. 2015).
        source: where the weights come from.
    """

    name: str
    path: Path | None
    layers: tuple[str, ...] = LAYERS
    channels: str = "RGB"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pooling: str = "max"
    padding: str = "zeros"
    activations: str = "normalised"
    seed: int = 0
    source: str = ""


EncoderName: TypeAlias = "str | os.PathLike[str] | Encoder"
OXFORD = dict(channels="BGR", scale=255.0, mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0))
TORCHVISION = dict(channels="RGB", scale=1.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def layer_name(spelling: str | int) -> str:
    """The paper's name of a layer: 'conv4_2' for 'conv4_2', 'relu4_2', 'block4_conv2' or torchvision's 21 or 22.

    Raises:
        InputError: no such layer in VGG-19; the nearest name is suggested.
    """
    text = str(spelling).strip().lower()
    if text.isdigit():
        return _torchvision_layers().get(int(text)) or _no_layer(spelling)
    found = re.fullmatch(r"(?:conv|relu)(\d)_(\d)|block(\d)_conv(\d)", text)
    name = "conv{}_{}".format(*[part for part in found.groups() if part]) if found else text
    return name if name in LAYERS else _no_layer(spelling)


def _no_layer(spelling: object) -> NoReturn:
    raise unknown("layer", spelling, LAYERS)


def _torchvision_layers() -> dict[int, str]:
    """torchvision numbers convolution, ReLU and pooling alike: both numbers of a layer lead to its name."""
    names, index = {}, 0
    for layer in LAYERS:
        names[index] = names[index + 1] = layer
        index += 3 if layer in POOL_AFTER else 2
    return names


def check_layers(encoder: Encoder, layers: Iterable[str | int]) -> tuple[str, ...]:
    """The paper's names of `layers`, all of which the encoder has.

    Raises:
        InputError: an unknown layer, none at all, or one that a short weights file lacks.
    """
    names = tuple(layer_name(layer) for layer in layers)
    if not names:
        raise InputError("no layer asked for: name at least one, such as 'conv4_2'")
    for name in names:
        if name not in encoder.layers:
            raise InputError(
                f"encoder '{encoder.name}' has no {name}: it stops at {encoder.layers[-1]}; choose layers up to there"
            )
    return names


def trunk(layers: Iterable[str]) -> tuple[str, ...]:
    """The layers that must be computed to reach the deepest of `layers`, in order."""
    return LAYERS[: max(LAYERS.index(layer) for layer in layers) + 1]


def layer_size(layer: str, height: int, width: int) -> tuple[int, int]:
    """How many places a layer has on an image of that size, (H, W): each pooling before it halves them."""
    halvings = int(layer[4]) - 1
    return height >> halvings, width >> halvings


def input_transform(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """Preprocessing as one multiply and one add per RGB colour: (factor, offset), each (3,) float32."""
    factor = encoder.scale / np.array(encoder.std)
    offset = -np.array(encoder.mean) / np.array(encoder.std)
    if encoder.channels == "BGR":  # kernels are turned to RGB on reading, so the constants are too
        factor, offset = factor[::-1], offset[::-1]
    return factor.astype(np.float32), offset.astype(np.float32)


def cache_dir() -> Path:
    """The folder for converted weights: `$STYLELAB_CACHE`, else the user's cache folder. It may not exist yet."""
    return Path(os.environ.get("STYLELAB_CACHE") or platformdirs.user_cache_path("stylelab"))
