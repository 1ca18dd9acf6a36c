"""What stands in a safetensors file: layers, their shapes, a description, a checksum. Written and checked here."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from stylelab.base.files import printable, write_file
from stylelab.encoders.spec import LAYERS, Encoder, Weights, layer_name
from stylelab.errors import InputError, MachineError

DTYPES = ("F16", "F32", "F64")


@dataclass(frozen=True)
class Header:
    """What a file says before its numbers begin: `keys` is `{layer: (name of the kernel, name of the bias)}`."""

    metadata: dict[str, str]
    keys: dict[str, tuple[str, str]]

    @property
    def torchvision(self) -> bool:
        """Whether the layers are called as torchvision calls them: `features.0.weight`."""
        return "features." in self.keys["conv1_1"][0]

    @property
    def hwio(self) -> bool:
        """Whether the kernels lie as TensorFlow's do."""
        return self.metadata.get("layout", "OIHW").upper() == "HWIO"


def save(path: str | Path, weights: Weights, encoder: Encoder, dtype: type = np.float32) -> None:
    """Write our safetensors file, description and checksum included, under a temporary name first.

    Args:
        path: where to; its folder is made.
        weights: `{layer: (kernel (O, I, 3, 3), bias (O,))}`, the first kernel in the order of `encoder.channels`
            (`read` always turns it to RGB).
        encoder: all of it except `path`, `layers` and `seed` goes into the header.
        dtype: float16 halves the file.

    Raises:
        InputError: the layers are no VGG-19's, a number does not fit into `dtype` or is not finite, or the file
            cannot be written.
        MachineError: the folder cannot be made.
    """
    path = Path(path)
    check_shapes(path, shapes_of(weights))
    parts = {
        f"{layer}.{part}": array for layer, pair in weights.items() for part, array in zip(("weight", "bias"), pair, strict=True)
    }
    with np.errstate(over="ignore"):
        tensors = {key: np.ascontiguousarray(array, dtype) for key, array in parts.items()}
    for key, array in tensors.items():
        if not np.isfinite(array).all():
            raise InputError(f"{key} holds NaN, infinity or too large a number for {np.dtype(dtype)}: not saved")
    make_folder(path.parent)
    written = serialise(tensors, description(encoder) | {"sha256": digest(tensors)})
    write_file(path, lambda stream: stream.write(written))


def make_folder(folder: Path) -> None:
    """Raises MachineError if the folder is not there and cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"cannot make the folder '{printable(folder)}' ({one_line(error)}): choose another, for the cache with STYLELAB_CACHE"
        ) from None


def description(encoder: Encoder) -> dict[str, str]:
    """The header's text: safetensors knows strings only."""
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


def digest(tensors: Mapping[str, np.ndarray]) -> str:
    """The sha256 over names, dtypes, shapes and bytes of all tensors, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.data)
    return total.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[tuple[Header, safe_open]]:
    """Header and open file; whatever safetensors finds wrong becomes one line.

    Raises:
        InputError: no such file, a folder, empty, truncated, another format, or not of VGG-19's shape.
    """
    check_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            yield _header(path, file), file
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"'{printable(path)}' is no whole safetensors file ({one_line(error)}): fetch or save it again"
        ) from None


def _header(path: Path, file: safe_open) -> Header:
    header = Header(file.metadata() or {}, layer_keys(file.keys()))
    order = (3, 2, 0, 1) if header.hwio else (0, 1, 2, 3)
    shapes = {}
    for layer, keys in header.keys.items():
        for key in keys:
            if (dtype := file.get_slice(key).get_dtype()) not in DTYPES:
                raise InputError(f"'{printable(path)}' holds {key} as {dtype}: save it as one of {', '.join(DTYPES)}")
        kernel, bias = (tuple(file.get_slice(key).get_shape()) for key in keys)
        shapes[layer] = tuple(kernel[axis] for axis in order) if len(kernel) == 4 else kernel, bias
    check_shapes(path, shapes)
    return header


def check_file(path: Path) -> None:
    """Raises InputError unless `path` is a file that is not empty."""
    if path.is_dir():
        raise InputError(f"'{printable(path)}' is a folder: name the weights file inside it")
    if not path.is_file():
        raise InputError(f"no weights file '{printable(path)}': check the path")
    if path.stat().st_size == 0:
        raise InputError(f"'{printable(path)}' is empty: fetch it again")


def shapes_of(weights: Weights) -> dict[str, tuple[tuple, tuple]]:
    """`{layer: (shape of the kernel, shape of the bias)}`."""
    return {layer: (kernel.shape, bias.shape) for layer, (kernel, bias) in weights.items()}


def check_shapes(path: Path, shapes: Mapping[str, tuple[tuple, tuple]]) -> None:
    """Raises InputError unless kernels (O, I, 3, 3) and biases (O,) are a chain that starts with three colours."""
    if not shapes:
        raise InputError(f"'{printable(path)}' has no conv1_1 of a VGG-19 without batch norm: choose another file")
    channels = 3
    for layer, (kernel, bias) in shapes.items():
        if len(kernel) != 4 or tuple(kernel[1:]) != (channels, 3, 3) or tuple(bias) != (kernel[0],):
            raise InputError(
                f"'{printable(path)}' is no VGG-19: {layer} has a kernel {tuple(kernel)} and a bias {tuple(bias)}, "
                f"expected (O, {channels}, 3, 3) and (O,); choose another file"
            )
        channels = kernel[0]


def layer_keys(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Which names hold kernel and bias of each layer: the unbroken run from conv1_1, empty if there is none.

    Both 'conv1_2.weight' and torchvision's 'features.2.weight' are understood; batch norm is not.
    """
    names, found = list(names), {}
    if any(name.endswith("running_mean") for name in names):
        return {}
    for name in names:
        stem, _, part = name.removeprefix("module.").rpartition(".")
        try:
            found[f"{layer_name(stem.removeprefix('features.'))}.{part}"] = name
        except InputError:
            continue  # a classifier, an optimiser: not our business
    keys = {}
    for layer in LAYERS:
        if f"{layer}.weight" not in found or f"{layer}.bias" not in found:
            break
        keys[layer] = found[f"{layer}.weight"], found[f"{layer}.bias"]
    return keys


def one_line(error: BaseException) -> str:
    """An exception's text with its line breaks taken out."""
    return " ".join(str(error).split()) or type(error).__name__
