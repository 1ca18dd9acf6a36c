"""What an encoder is: the layers of VGG-19, how an image enters it, and the names of the known ones.

An encoder has VGG-19's sixteen convolutions, of any width. Its weights are one safetensors file (`conv4_2.weight` in OIHW
order, `conv4_2.bias`). Both frameworks read this file, so both compute the same activations. No framework is imported here.

Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import platformdirs

from stylelab.base.values import one_or_several, shown
from stylelab.errors import InputError, unknown

CONVOLUTIONS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}  # block -> how many convolutions it has
LAYERS = tuple(f"conv{block}_{n}" for block, count in CONVOLUTIONS.items() for n in range(1, count + 1))
POOL_AFTER = frozenset(f"conv{block}_{count}" for block, count in CONVOLUTIONS.items())
DOWNLOADS = ("vgg19", "vgg19-torchvision")
NAMES = ("mini", *DOWNLOADS, "random")

Weights = dict[str, tuple[np.ndarray, np.ndarray]]  # layer -> (kernel OIHW, bias), float32


@dataclass(frozen=True)
class Encoder:
    """What is known about a network before it is loaded. An image in 0..1 enters it as (image * scale - mean) / std.

    >>> encoder = encoders.find_encoder("mini")
    >>> encoder.pooling, encoder.padding, encoder.layers[-1]
    ('average', 'replicate', 'conv5_4')

    Attributes:
        name: what the user called it.
        path: the safetensors file; None if the weights are computed from `seed`.
        layers: the layers in the file, in order; a file may stop early.
        channels: 'RGB' or 'BGR', the colour order that the first convolution expects.
        scale, mean, std: preprocessing; `mean` and `std` are in the order of `channels`.
        pooling: 'max' or 'average', between the blocks.
        padding: 'zeros' or 'replicate', around every convolution.
        activations: the scale of the activations. Encoders with the same scale can share a recipe's weights: 'vgg19',
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
OXFORD: dict[str, Any] = dict(channels="BGR", scale=255.0, mean=(103.939, 116.779, 123.68), std=(1.0, 1.0, 1.0))
TORCHVISION: dict[str, Any] = dict(channels="RGB", scale=1.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def layer_name(spelling: str | int) -> str:
    """The paper's name of a layer, from any of its spellings.

    >>> [encoders.layer_name(spelling) for spelling in ("conv4_2", "relu4_2", "block4_conv2", 21)]
    ['conv4_2', 'conv4_2', 'conv4_2', 'conv4_2']

    Args:
        spelling: such as 'conv4_2', 'relu4_2', 'block4_conv2', or torchvision's number of the convolution or its ReLU.

    Raises:
        InputError: VGG-19 has no such layer; the message suggests the nearest name.
    """
    text = str(spelling).strip().lower()
    if text.isdecimal():  # torchvision counts convolutions, ReLUs and poolings alike
        index = 0
        for layer in LAYERS:
            if int(text) in (index, index + 1):
                return layer
            index += 3 if layer in POOL_AFTER else 2
    elif match := re.fullmatch(r"(?:conv|relu)(\d)_(\d)|block(\d)_conv(\d)", text):
        text = "conv{}_{}".format(*filter(None, match.groups()))
    if text in LAYERS:
        return text
    raise unknown("layer", shown(spelling), LAYERS)


def layer_names(layers: "str | int | Iterable[str | int]") -> tuple[str, ...]:
    """The paper's names of several layers, or of one.

    >>> encoders.layer_names(["relu3_1", 0]), encoders.layer_names("conv4_2")
    (('conv3_1', 'conv1_1'), ('conv4_2',))

    Raises:
        InputError: a layer is unknown, there is none, or it is not a list of layers.
    """
    names = tuple(layer_name(layer) for layer in one_or_several("layers", layers, "['conv3_1', 'conv4_1']"))
    if not names:
        raise InputError("no layer given: name at least one, such as 'conv4_2'")
    return names


def check_layers(encoder: Encoder, layers: "str | int | Iterable[str | int]") -> tuple[str, ...]:
    """The paper's names of `layers`, if the encoder has all of them.

    >>> encoders.check_layers(encoders.find_encoder("mini"), ["relu3_1", 0])
    ('conv3_1', 'conv1_1')

    Raises:
        InputError: a layer is unknown, `layers` is empty, or a weights file stops before one of them.
    """
    names = layer_names(layers)
    for name in names:
        if name not in encoder.layers:
            raise InputError(f"encoder '{encoder.name}' has no {name}: choose layers up to {encoder.layers[-1]}, its last")
    return names


def trunk(layers: Iterable[str]) -> tuple[str, ...]:
    """The layers that must be computed to reach the deepest of `layers`, in order.

    >>> encoders.trunk(["conv2_1", "conv1_1"])
    ('conv1_1', 'conv1_2', 'conv2_1')
    """
    return LAYERS[: max(LAYERS.index(layer) for layer in layer_names(layers)) + 1]


def layer_size(layer: str, height: int, width: int) -> tuple[int, int]:
    """The height and width of a layer's feature maps for an image of this size: each pooling before it halves them.

    >>> encoders.layer_size("conv3_1", 240, 321)
    (60, 80)
    """
    halvings = int(layer_name(layer)[4]) - 1
    return height >> halvings, width >> halvings


def input_transform(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """Preprocessing as one factor and one offset for each of red, green and blue.

    >>> factor, offset = encoders.input_transform(encoders.Encoder("oxford", None, **encoders.OXFORD))
    >>> offset
    array([-123.68 , -116.779, -103.939], dtype=float32)

    Returns:
        (factor, offset), each `(3,)` float32: an image in 0..1 enters the network as `image * factor + offset`.
    """
    factor = encoder.scale / np.array(encoder.std)
    offset = -np.array(encoder.mean) / np.array(encoder.std)
    if encoder.channels == "BGR":  # the kernels are reordered to RGB when they are read, so the constants are too
        factor, offset = factor[::-1], offset[::-1]
    return factor.astype(np.float32), offset.astype(np.float32)


def cache_dir() -> Path:
    """The folder for converted weights: `$STYLELAB_CACHE`, or else the user's cache folder. It may not exist yet.

    For a user without a home folder it begins with '~', and nothing can be found or written in it.

    >>> import os
    >>> os.environ["STYLELAB_CACHE"] = "/tmp/weights"
    >>> print(encoders.cache_dir())
    /tmp/weights
    """
    if folder := os.environ.get("STYLELAB_CACHE"):
        return Path(folder)
    try:
        return platformdirs.user_cache_path("stylelab")
    except RuntimeError:
        return Path("~/.cache/stylelab")
