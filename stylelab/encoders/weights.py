"""Read an encoder: its description from the header of a file, its weights as NumPy arrays, normalised on request.

Both frameworks get their weights from here, so the same encoder computes the same activations in both.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from stylelab.base.files import error_text, expand_home, printable
from stylelab.encoders.calibrate import normalise
from stylelab.encoders.file import check_file, digest, open_weights
from stylelab.encoders.spec import LAYERS, OXFORD, TORCHVISION, Encoder, Weights, check_layers, trunk
from stylelab.errors import InputError

SMALL_FILE = 16e6  # bytes of a file whose weights are cached
RANDOM_WIDTHS = {"1": 32, "2": 64, "3": 128, "4": 256, "5": 128}  # block -> filters in each layer


def read_encoder(path: str | Path, name: str | None = None) -> Encoder:
    """The encoder that a safetensors file describes; its weights are not read yet.

    If the header has no description of ours, the preprocessing is assumed to be the Oxford one for layers named
    `conv1_1`, torchvision's for layers named `features.0`, with zero padding and max pooling.

    >>> encoders.read_encoder(encoders.find_encoder("mini").path, "my copy").name
    'my copy'

    Raises:
        InputError: no such file, a truncated one, another network than VGG-19, or a damaged description.
    """
    path = expand_home(path).absolute()
    with open_weights(path) as (header, _):
        metadata = header.metadata
    try:
        if "channels" in metadata:
            mean, std = (tuple(float(value) for value in json.loads(metadata[key])) for key in ("mean", "std"))
            scale = float(metadata["scale"])
            if not (len(mean) == len(std) == 3 and np.isfinite((*mean, *std, scale)).all() and 0 not in (*std, scale)):
                raise ValueError(f"scale {scale}, mean {mean}, std {std} are not one, three and three usable numbers")
            channels = _one_of(metadata, "channels", "RGB", "BGR")
            preprocessing: dict[str, Any] = {"channels": channels, "scale": scale, "mean": mean, "std": std}
        else:
            preprocessing = TORCHVISION if header.torchvision else OXFORD
        pooling = _one_of(metadata, "pooling", "max", "average")
        padding = _one_of(metadata, "padding", "zeros", "replicate")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"'{printable(path)}' has a damaged description ({error_text(error)}): download or save it again"
        ) from None
    normalised = metadata.get("normalised")
    if normalised is None and "channels" not in metadata:  # not written by us: only its source can tell
        normalised = "yes" if "normalised" in metadata.get("source", "").lower().replace("z", "s") else "no"
    activations = metadata.get("activations") or ("vgg19" if preprocessing["scale"] > 1 else "vgg19-torchvision")
    return Encoder(
        name=name or metadata.get("name") or path.stem,
        path=path,
        layers=tuple(header.keys),
        pooling=pooling,
        padding=padding,
        activations="normalised" if normalised == "yes" else activations,
        source=metadata.get("source", ""),
        **preprocessing,
    )


def _one_of(metadata: Mapping[str, str], key: str, *choices: str) -> str:
    value = metadata.get(key, choices[0])
    if value not in choices:
        raise ValueError(f"{key} is '{value}', neither '{choices[0]}' nor '{choices[1]}'")
    return value


def read_weights(encoder: Encoder, layers: Iterable[str | int], *, normalised: bool = False) -> Weights:
    """Kernels and biases from conv1_1 up to the deepest of `layers`.

    >>> weights = encoders.read_weights(encoders.find_encoder("mini"), ["conv2_1"])
    >>> {layer: kernel.shape for layer, (kernel, bias) in weights.items()}
    {'conv1_1': (32, 3, 3, 3), 'conv1_2': (48, 32, 3, 3), 'conv2_1': (96, 48, 3, 3)}

    Args:
        encoder: from `find_encoder` or `read_encoder`.
        layers: names of layers, in any order.
        normalised: scale the filters to a mean activation of 1, unless they already are.

    Returns:
        `{layer: (kernel (O, I, 3, 3), bias (O,))}`, float32, contiguous copies; the first kernel is in RGB order.

    Raises:
        InputError: the file is corrupt, lacks a layer, does not match its checksum, or holds NaN or infinity.
    """
    layers = trunk(check_layers(encoder, layers))
    computed = encoder.path is None or (normalised and encoder.activations != "normalised")
    weights = (_normalised if computed else _in_rgb_order)(encoder, _version(encoder.path), layers)
    return {layer: (kernel.copy(), bias.copy()) for layer, (kernel, bias) in weights.items()}


def is_intact(path: Path) -> bool:
    """Whether `path` is a complete safetensors file that matches its checksum."""
    try:
        return bool(_read(path, _version(path)))
    except InputError:
        return False


def random_weights(seed: int, layers: Iterable[str] = LAYERS) -> Weights:
    """He's initialisation, not normalised yet. A deeper network starts with the same numbers.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
    """
    rng, channels, weights = np.random.default_rng(seed), 3, {}
    for layer in layers:
        width = RANDOM_WIDTHS[layer[4]]
        kernel = rng.standard_normal((width, channels, 3, 3), np.float32) * np.float32(np.sqrt(2 / (9 * channels)))
        weights[layer], channels = (kernel, np.zeros(width, np.float32)), width
    return weights


def _version(path: Path | None) -> tuple:
    """A cache key that changes whenever the file does."""
    if path is None:
        return ()
    check_file(path)
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


@lru_cache(maxsize=4)
def _normalised(encoder: Encoder, version: tuple, layers: tuple[str, ...]) -> Weights:
    raw = _in_rgb_order(encoder, version, layers) if encoder.path else random_weights(encoder.seed, layers)
    return normalise(raw, encoder)


def _in_rgb_order(encoder: Encoder, version: tuple, layers: tuple[str, ...]) -> Weights:
    assert encoder.path is not None
    in_file = _read(encoder.path, version)
    if missing := [layer for layer in layers if layer not in in_file]:
        raise InputError(f"'{printable(encoder.path)}' no longer has {missing[0]}: download or save it again")
    weights = {layer: in_file[layer] for layer in layers}
    if encoder.channels == "BGR":
        kernel, bias = weights["conv1_1"]
        weights["conv1_1"] = np.ascontiguousarray(kernel[:, ::-1]), bias
    return weights


def _read(path: Path, version: tuple) -> Weights:
    """All layers of a file, checked. Small files are cached; VGG-19's 80 MB would take too much memory in every run."""
    return (_read_cached if path.stat().st_size <= SMALL_FILE else _read_file)(path, version)


def _read_file(path: Path, version: tuple) -> Weights:
    with open_weights(path) as (header, file):
        if expected := header.metadata.get("sha256"):
            computed = digest({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
            if computed != expected:
                raise InputError(
                    f"'{printable(path)}' is damaged: its checksum is {computed[:12]}..., its header says "
                    f"{expected[:12]}...: download or save it again"
                )
        weights = {}
        for layer, keys in header.keys.items():
            kernel, bias = (file.get_tensor(key) for key in keys)
            kernel = kernel.transpose(3, 2, 0, 1) if header.hwio else kernel
            with np.errstate(over="ignore"):  # a float64 that is too large becomes infinite, which is reported below
                weights[layer] = np.ascontiguousarray(kernel, np.float32), np.ascontiguousarray(bias, np.float32)
    for layer, arrays in weights.items():
        if not all(np.isfinite(array).all() for array in arrays):
            raise InputError(f"'{printable(path)}' holds NaN or infinity in {layer}: download or save it again")
    return weights


_read_cached = lru_cache(maxsize=2)(_read_file)  # `version` is part of the key, so a changed file is read again
