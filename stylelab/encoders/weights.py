"""An encoder's weights: described from a file's header, read as NumPy arrays, normalised on request.

Both frameworks take their weights from here, so that the same encoder gives the same activations in both.
"""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from stylelab.base.files import expand_home, printable
from stylelab.encoders.calibrate import normalise
from stylelab.encoders.file import Header, check_file, digest, one_line, opened, save
from stylelab.encoders.spec import LAYERS, OXFORD, TORCHVISION, Encoder, Weights, check_layers
from stylelab.errors import InputError

__all__ = ["describe", "digest", "normalise", "random_weights", "read", "save"]
SMALL = 16e6  # bytes of a file
WIDTHS = {"1": 32, "2": 64, "3": 128, "4": 256, "5": 128}  # of random weights, block by block: those of `mini`


def describe(path: str | Path, name: str | None = None) -> Encoder:
    """What a safetensors file says of its encoder; the numbers are not read.

    Without a description of ours in the header, the Oxford preprocessing is assumed for layers called `conv1_1`,
    torchvision's for layers called `features.0`, and in both cases zero padding and max pooling.

    Raises:
        InputError: no such file, truncated, no convolutions of VGG-19's shape, or a damaged description.
    """
    path = expand_home(path).absolute()
    with opened(path) as (header, _):
        metadata = header.metadata
    try:
        settings = _preprocessing(header) | {
            "pooling": _one_of(metadata, "pooling", "max", "average"),
            "padding": _one_of(metadata, "padding", "zeros", "replicate"),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{printable(path)}' has a damaged description ({one_line(error)}): fetch or save it again") from None
    return Encoder(
        name=name or metadata.get("name") or path.stem,
        path=path,
        layers=tuple(header.keys),
        activations=_activations(metadata, settings["scale"]),
        source=metadata.get("source", ""),
        **settings,
    )


def read(encoder: Encoder, layers: Iterable[str], *, normalised: bool = False) -> Weights:
    """Kernels and biases of `layers`, the first kernel turned to RGB order.

    Args:
        encoder: from `find_encoder` or `describe`.
        layers: an unbroken run from 'conv1_1'.
        normalised: scale the filters to a mean activation of 1, unless they are already.

    Returns:
        `{layer: (kernel (O, I, 3, 3), bias (O,))}`, float32, contiguous, the caller's own copy.

    Raises:
        InputError: the file is corrupt, lacks a layer, differs from its checksum, or holds NaN or infinity.
    """
    layers = check_layers(encoder, layers)
    if layers != LAYERS[: len(layers)]:
        raise InputError(f"layers {', '.join(layers)} are no unbroken run from conv1_1: ask for a trunk")
    computed = encoder.path is None or (normalised and encoder.activations != "normalised")
    found = (_normalised if computed else _turned)(encoder, _stamp(encoder.path), layers)
    return {layer: (kernel.copy(), bias.copy()) for layer, (kernel, bias) in found.items()}


def is_whole(path: Path) -> bool:
    """Whether `path` is a safetensors file that can be read to its end and agrees with its checksum."""
    try:
        return bool(_whole(path, _stamp(path)))
    except InputError:
        return False


def random_weights(seed: int, layers: Iterable[str] = LAYERS) -> Weights:
    """He's initialisation in the widths of `mini`, not normalised yet; a deeper trunk begins with the same numbers.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
    """
    rng, channels, weights = np.random.default_rng(seed), 3, {}
    for layer in layers:
        width = WIDTHS[layer[4]]
        kernel = rng.standard_normal((width, channels, 3, 3), np.float32) * np.float32(np.sqrt(2 / (9 * channels)))
        weights[layer], channels = (kernel, np.zeros(width, np.float32)), width
    return weights


@lru_cache(maxsize=4)
def _normalised(encoder: Encoder, stamp: tuple, layers: tuple[str, ...]) -> Weights:
    raw = _turned(encoder, stamp, layers) if encoder.path else random_weights(encoder.seed, layers)
    return normalise(raw, encoder)


def _turned(encoder: Encoder, stamp: tuple, layers: tuple[str, ...]) -> Weights:
    """The layers asked for, the first kernel in RGB order."""
    found = _whole(encoder.path, stamp)
    if missing := [layer for layer in layers if layer not in found]:
        raise InputError(f"'{printable(encoder.path)}' has no {missing[0]} any more: fetch or save it again")
    weights = {layer: found[layer] for layer in layers}
    if encoder.channels == "BGR":
        kernel, bias = weights["conv1_1"]
        weights["conv1_1"] = np.ascontiguousarray(kernel[:, ::-1]), bias
    return weights


def _stamp(path: Path | None) -> tuple:
    """What changes when a file does, so that an old reading is never served for a new file."""
    if path is None:
        return ()
    check_file(path)
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _whole(path: Path, stamp: tuple) -> Weights:
    """All layers of a file, checked. Small files are remembered: VGG-19's 80 MB would weigh on every run."""
    return (_remembered if path.stat().st_size <= SMALL else _read_all)(path, stamp)


@lru_cache(maxsize=2)
def _remembered(path: Path, stamp: tuple) -> Weights:
    """`stamp` makes a new file a new reading."""
    return _read_all(path, stamp)


def _read_all(path: Path, stamp: tuple) -> Weights:
    with opened(path) as (header, file):
        if expected := header.metadata.get("sha256"):
            _check_digest(path, expected, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        weights = {}
        for layer, keys in header.keys.items():
            kernel, bias = (file.get_tensor(key) for key in keys)
            weights[layer] = _float32(kernel.transpose(3, 2, 0, 1) if header.hwio else kernel), _float32(bias)
    for layer, arrays in weights.items():
        if not all(np.isfinite(array).all() for array in arrays):
            raise InputError(f"'{printable(path)}' holds NaN or infinity in {layer}: fetch or save it again")
    return weights


def _float32(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # a float64 too large for float32 is caught as infinity
        return np.ascontiguousarray(array, np.float32)


def _check_digest(path: Path, expected: str, tensors: Mapping[str, np.ndarray]) -> None:
    if (found := digest(tensors)) != expected:
        raise InputError(
            f"'{printable(path)}' is damaged: its checksum is {found[:12]}..., its header says {expected[:12]}...: "
            "fetch or save it again"
        )


def _preprocessing(header: Header) -> dict:
    metadata = header.metadata
    if "channels" not in metadata:
        return TORCHVISION if header.torchvision else OXFORD
    mean, std = (tuple(float(value) for value in json.loads(metadata[key])) for key in ("mean", "std"))
    scale = float(metadata["scale"])
    if not (len(mean) == len(std) == 3 and np.isfinite((*mean, *std, scale)).all() and 0 not in (*std, scale)):
        raise ValueError(f"scale {scale}, mean {mean}, std {std} are not one, three and three usable numbers")
    return {"channels": _one_of(metadata, "channels", "RGB", "BGR"), "scale": scale, "mean": mean, "std": std}


def _one_of(metadata: Mapping[str, str], key: str, *choices: str) -> str:
    value = metadata.get(key, choices[0])
    if value not in choices:
        raise ValueError(f"{key} is '{value}', neither '{choices[0]}' nor '{choices[1]}'")
    return value


def _activations(metadata: Mapping[str, str], scale: float) -> str:
    says = metadata.get("normalised")
    if says is None and "channels" not in metadata:  # not ours: only its own words can tell
        says = "yes" if "normalised" in metadata.get("source", "").lower().replace("z", "s") else "no"
    if says == "yes":
        return "normalised"
    return metadata.get("activations") or ("vgg19" if scale > 1 else "vgg19-torchvision")
