"""What a decoder is: convolutions that lead from one layer of the embedded encoder back to the image, and their file.

The file is one safetensors file for each layer, which both frameworks read. A convolution is named after the block of the
encoder at whose size it works: between block 3 and block 2 the feature maps are doubled. No framework is imported here.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from stylelab.base.course import ASSETS
from stylelab.base.files import error_text, printable, write_file
from stylelab.base.values import check_axes, number, numbers
from stylelab.encoders.file import check_file, digest, serialise
from stylelab.encoders.spec import Weights, layer_name, layer_names
from stylelab.errors import InputError, unknown

# decoder -> convolution -> (filters, channels); every one is 3 x 3
DECODERS: dict[str, dict[str, tuple[int, int]]] = {
    "conv3_1": {"block3_1": (128, 256), "block2_1": (64, 128), "block1_1": (32, 64), "block1_2": (3, 32)},
    "conv2_1": {"block2_1": (48, 96), "block1_1": (32, 48), "block1_2": (3, 32)},
    "conv1_1": {"block1_1": (32, 32), "block1_2": (3, 32)},
}
SMALLEST = 16  # px, the side of the smallest image that an encoder takes


def decoder_name(layer: str | int) -> str:
    """The paper's name of a layer that has a decoder, from any of its spellings.

    Raises:
        InputError: it has none, or VGG-19 has no such layer.
    """
    name = layer_name(layer)
    if name not in DECODERS:
        raise unknown("layer with a decoder", name, tuple(DECODERS))
    return name


def decoder_path(layer: str | int) -> Path:
    """Where the embedded decoder of a layer is."""
    return ASSETS / f"decoder-{decoder_name(layer)}.safetensors"


def write_decoder(path: Path, layer: str, weights: Weights, source: str) -> None:
    """Write a decoder in float16, with a checksum."""
    tensors = {
        f"{name}.{part}": np.ascontiguousarray(array, np.float16)
        for name, pair in weights.items()
        for part, array in zip(("weight", "bias"), pair, strict=True)
    }
    description = {"layer": layer, "layout": "OIHW", "source": source, "sha256": digest(tensors)}
    write_file(path, lambda stream: stream.write(serialise(tensors, description)))


def read_decoder(layer: str | int, path: Path | None = None) -> Weights:
    """Kernels and biases of the decoder of a layer.

    Args:
        layer: 'conv1_1', 'conv2_1' or 'conv3_1'.
        path: of its file; by default the embedded one.

    Returns:
        `{convolution: (kernel (O, I, 3, 3), bias (O,))}` in the order in which they are applied, float32.

    Raises:
        InputError: another layer, no such file, or one that is damaged or not the decoder of this layer.
    """
    layer, path = decoder_name(layer), path or decoder_path(layer)
    check_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            expected = (file.metadata() or {}).get("sha256")
    except (SafetensorError, OSError) as error:
        raise InputError(f"'{printable(path)}' is not a complete safetensors file ({error_text(error)}): install again") from None
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (out, into) in DECODERS[layer].items():
        shapes |= {f"{name}.weight": (out, into, 3, 3), f"{name}.bias": (out,)}
    if {key: array.shape for key, array in tensors.items()} != shapes or digest(tensors) != expected:
        raise InputError(f"'{printable(path)}' is damaged or not a decoder of {layer}: install again")
    return {
        name: (tensors[f"{name}.weight"].astype(np.float32), tensors[f"{name}.bias"].astype(np.float32))
        for name in DECODERS[layer]
    }


def cascade_inputs(
    image: np.ndarray, style: np.ndarray, layers: "str | Iterable[str]", strength: float
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], float]:
    """What `move_statistics` is given, checked: images of sides that the poolings can halve, layers from coarse to fine.

    Raises:
        InputError: no image or a small one, a layer without a decoder, or a strength outside 0..1.
    """
    images = []
    for name, given in (("image", image), ("style", style)):
        array = numbers(given, name)
        check_axes(array.shape, name, "(H, W, 3)")
        if min(array.shape[:2]) < SMALLEST:
            raise InputError(f"{name} must be at least {SMALLEST} px high and wide; got {array.shape[0]} x {array.shape[1]}")
        images.append(np.pad(array, ((0, -array.shape[0] % 4), (0, -array.shape[1] % 4), (0, 0)), "symmetric"))
    names = {decoder_name(layer) for layer in layer_names(layers)}
    strength = number("strength", strength, 0)
    if strength > 1:
        raise InputError(f"strength must be 0..1; got {strength:g}")
    return images[0], images[1], tuple(sorted(names, reverse=True)), strength
