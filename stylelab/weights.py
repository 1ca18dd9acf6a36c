"""The one file that both frameworks read: a safetensors file with a description and a checksum in its header.

Ours holds `conv4_2.weight` in OIHW order and `conv4_2.bias`, and says how a picture is to be prepared. Files by
others are read in place when they are safetensors, and converted once when they are not. No framework here.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from stylelab.calibration import normalise
from stylelab.encoders import LAYERS, OXFORD, TORCHVISION, Encoder, Weights, check_layers, layer_name
from stylelab.errors import InputError, MachineError

__all__ = ["describe", "digest", "normalise", "open_file", "random_weights", "read", "save"]
WIDTHS = {"1": 32, "2": 64, "3": 128, "4": 256, "5": 128}  # of random weights, block by block: those of `mini`
DTYPES = ("F16", "F32", "F64")


@dataclass(frozen=True)
class Header:
    """What a safetensors file says before its numbers begin: `{layer: (key of the kernel, key of the bias)}`."""

    metadata: dict[str, str]
    keys: dict[str, tuple[str, str]]

    @property
    def torchvision(self) -> bool:
        return "features." in self.keys["conv1_1"][0]

    @property
    def hwio(self) -> bool:
        return self.metadata.get("layout", "OIHW").upper() == "HWIO"


def describe(path: str | Path, name: str | None = None) -> Encoder:
    """What a safetensors file says of its encoder; the numbers are not read.

    Without a description of ours in the header, the Oxford preprocessing is assumed for layers called `conv1_1`,
    torchvision's for layers called `features.0`.

    Raises:
        InputError: no such file, truncated, no convolutions of VGG-19's shape, or a damaged description.
    """
    path = Path(path).expanduser().absolute()
    with _opened(path) as file:
        header = _header(path, file)
    metadata = header.metadata
    try:
        preprocessing = _preprocessing(metadata, TORCHVISION if header.torchvision else OXFORD)
        choices = _choices(metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}' has a damaged description ({_one_line(error)}): fetch or save it again") from None
    return Encoder(
        name=name or metadata.get("name") or path.stem,
        path=path,
        layers=tuple(header.keys),
        activations=_activations(metadata, preprocessing),
        source=metadata.get("source", ""),
        **preprocessing,
        **choices,
    )


def open_file(path: str | Path) -> Encoder:
    """The encoder in a weights file of any accepted format; other formats than safetensors are converted once.

    Args:
        path: .safetensors, torchvision's .pth or .pt, Keras's .h5, or MatConvNet's .mat. The content decides.

    Raises:
        InputError: no such file, or nothing in it that VGG-19 could use.
        MachineError: the cache folder cannot be written, or a .pth is given and PyTorch is missing.
    """
    from stylelab import formats

    path = Path(path).expanduser().absolute()
    check_file(path)
    if formats.kind_of(path) == "safetensors":
        return describe(path)
    return describe(formats.convert(path), path.stem)


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
        raise InputError(f"the layers {', '.join(layers)} are no unbroken run from conv1_1: ask for a trunk")
    found = _read(encoder, _stamp(encoder.path), layers, normalised)
    return {layer: (kernel.copy(), bias.copy()) for layer, (kernel, bias) in found.items()}


def save(path: str | Path, weights: Weights, encoder: Encoder, dtype: type = np.float32) -> None:
    """Write our safetensors file, description and checksum included, under a temporary name first.

    Args:
        weights: `{layer: (kernel (O, I, 3, 3), bias (O,))}`, the first kernel in the order of `encoder.channels`
            (`read` always turns it to RGB).
        encoder: everything about it except `path`, `layers` and `seed` goes into the header.
        dtype: float16 halves the file.

    Raises:
        InputError: a number does not fit into `dtype`, or is not finite.
    """
    path = Path(path)
    tensors = {}
    for layer, (kernel, bias) in weights.items():
        for part, array in (("weight", kernel), ("bias", bias)):
            with np.errstate(over="ignore"):
                tensors[f"{layer}.{part}"] = np.ascontiguousarray(array, dtype)
    for key, array in tensors.items():
        if not np.isfinite(array).all():
            raise InputError(f"{key} holds NaN, infinity or too large a number for {np.dtype(dtype)}: not saved")
    with replacing(path) as part:
        save_file(tensors, part, _metadata(encoder) | {"sha256": digest(tensors)})


def digest(tensors: Mapping[str, np.ndarray]) -> str:
    """The sha256 over names, dtypes, shapes and bytes of all tensors, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.data)
    return total.hexdigest()


@contextmanager
def replacing(path: Path):
    """A temporary name beside `path`, renamed at the end, or removed when anything goes wrong.

    Raises:
        MachineError: the folder cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise MachineError(f"cannot write '{path}' ({_one_line(error)}): make room, or set STYLELAB_CACHE") from None
    finally:
        part.unlink(missing_ok=True)


def check_file(path: Path) -> None:
    """Raises InputError unless `path` is a file that is not empty."""
    if path.is_dir():
        raise InputError(f"'{path}' is a folder: name the weights file inside it")
    if not path.is_file():
        raise InputError(f"no weights file '{path}': check the path")
    if path.stat().st_size == 0:
        raise InputError(f"'{path}' is empty: fetch it again")


def layer_keys(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Which names hold kernel and bias of each layer: the unbroken run from conv1_1, empty if there is none."""
    found: dict[str, str] = {}
    for name in names:
        stem, _, part = name.removeprefix("module.").rpartition(".")
        stem = stem.removeprefix("features.")
        try:
            found[f"{layer_name(stem)}.{part}"] = name
        except InputError:
            continue  # a classifier, an optimiser: not our business
    keys = {}
    for layer in LAYERS:
        if f"{layer}.weight" not in found or f"{layer}.bias" not in found:
            break
        keys[layer] = found[f"{layer}.weight"], found[f"{layer}.bias"]
    return keys


def check_shapes(path: Path, shapes: Mapping[str, tuple[tuple, tuple]]) -> None:
    """Raises InputError unless the kernels (O, I, 3, 3) and biases (O,) are a chain that starts with 3 colours."""
    if not shapes:
        raise InputError(f"'{path}' has no layer conv1_1: it is no VGG-19, choose another file")
    channels = 3
    for layer, (kernel, bias) in shapes.items():
        if len(kernel) != 4 or tuple(kernel[1:]) != (channels, 3, 3) or tuple(bias) != (kernel[0],):
            raise InputError(
                f"'{path}' is no VGG-19: {layer} has a kernel {tuple(kernel)} and a bias {tuple(bias)}, "
                f"expected (O, {channels}, 3, 3) and (O,)"
            )
        channels = kernel[0]


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
def _read(encoder: Encoder, stamp: tuple, layers: tuple[str, ...], normalised: bool) -> Weights:
    if encoder.path is None:
        return normalise(random_weights(encoder.seed, layers), encoder)
    weights = _load(encoder.path, layers)
    if encoder.channels == "BGR":
        kernel, bias = weights["conv1_1"]
        weights["conv1_1"] = np.ascontiguousarray(kernel[:, ::-1]), bias
    return normalise(weights, encoder) if normalised and encoder.activations != "normalised" else weights


def _stamp(path: Path | None) -> tuple:
    """What changes when a file does, so that an old reading is not served for a new file."""
    if path is None:
        return ()
    check_file(path)
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _load(path: Path, layers: tuple[str, ...]) -> Weights:
    with _opened(path) as file:
        header = _header(path, file)
        if expected := header.metadata.get("sha256"):
            _check_digest(path, expected, {name: file.get_tensor(name) for name in file.keys()})
        if missing := [layer for layer in layers if layer not in header.keys]:
            raise InputError(f"'{path}' has no {missing[0]} any more: fetch or save it again")
        weights = {}
        for layer in layers:
            kernel, bias = (file.get_tensor(key) for key in header.keys[layer])
            weights[layer] = _float32(kernel.transpose(3, 2, 0, 1) if header.hwio else kernel), _float32(bias)
    for layer, arrays in weights.items():
        if not all(np.isfinite(array).all() for array in arrays):
            raise InputError(f"'{path}' holds NaN or infinity in {layer}: fetch or save it again")
    return weights


def _float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32)


def _check_digest(path: Path, expected: str, tensors: Mapping[str, np.ndarray]) -> None:
    if (found := digest(tensors)) != expected:
        raise InputError(
            f"'{path}' is damaged: its checksum is {found[:12]}..., its header says {expected[:12]}...: fetch it again"
        )


@contextmanager
def _opened(path: Path):
    check_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise InputError(f"'{path}' is no whole safetensors file ({_one_line(error)}): fetch or save it again") from None


def _header(path: Path, file) -> Header:
    header = Header(file.metadata() or {}, layer_keys(file.keys()))
    order = (3, 2, 0, 1) if header.hwio else (0, 1, 2, 3)
    shapes = {}
    for layer, keys in header.keys.items():
        slices = [file.get_slice(key) for key in keys]
        for key, found in zip(keys, slices, strict=True):
            if found.get_dtype() not in DTYPES:
                raise InputError(f"'{path}' holds {key} as {found.get_dtype()}: save it as one of {', '.join(DTYPES)}")
        kernel, bias = (found.get_shape() for found in slices)
        shapes[layer] = tuple(kernel[axis] for axis in order) if len(kernel) == 4 else tuple(kernel), tuple(bias)
    check_shapes(path, shapes)
    return header


def _metadata(encoder: Encoder) -> dict[str, str]:
    return {
        "name": encoder.name,
        "channels": encoder.channels,
        "scale": repr(float(encoder.scale)),
        "mean": json.dumps(encoder.mean),
        "std": json.dumps(encoder.std),
        "pooling": encoder.pooling,
        "padding": encoder.padding,
        "normalised": "yes" if encoder.activations == "normalised" else "no",
        "activations": encoder.activations,
        "layout": "OIHW",
        "source": encoder.source,
    }


def _preprocessing(metadata: Mapping[str, str], default: dict) -> dict:
    if "channels" not in metadata:
        return default
    mean, std = (tuple(float(value) for value in json.loads(metadata[key])) for key in ("mean", "std"))
    if len(mean) != 3 or len(std) != 3 or not np.isfinite(mean + std).all() or 0 in std:
        raise ValueError(f"mean {mean} and std {std} are not three numbers each")
    return dict(channels=_one_of(metadata, "channels", "RGB", "BGR"), scale=float(metadata["scale"]), mean=mean, std=std)


def _choices(metadata: Mapping[str, str]) -> dict[str, str]:
    return dict(
        pooling=_one_of(metadata, "pooling", "max", "average"), padding=_one_of(metadata, "padding", "zeros", "replicate")
    )


def _one_of(metadata: Mapping[str, str], key: str, *choices: str) -> str:
    value = metadata.get(key, choices[0])
    if value not in choices:
        raise ValueError(f"{key} is '{value}', neither '{choices[0]}' nor '{choices[1]}'")
    return value


def _activations(metadata: Mapping[str, str], preprocessing: dict) -> str:
    says = metadata.get("normalised")
    if says is None and "channels" not in metadata:  # not ours: only its own words can tell
        says = "yes" if "normalised" in metadata.get("source", "").lower().replace("z", "s") else "no"
    if says == "yes":
        return "normalised"
    return metadata.get("activations") or ("vgg19" if preprocessing["scale"] > 1 else "vgg19-torchvision")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
