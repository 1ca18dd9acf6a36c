"""The safetensors file of an encoder: its layers, their shapes, a description, a checksum. Written and checked here."""

import errno
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

from stylelab.base.files import check_folder, error_text, file_kind, printable, refused, write_file
from stylelab.encoders.spec import LAYERS, Encoder, Weights, layer_name
from stylelab.errors import InputError, MachineError, StylelabError

DTYPES = ("F16", "F32", "F64")


@dataclass(frozen=True)
class Header:
    """What a file states before its numbers.

    Attributes:
        metadata: the description.
        keys: `{layer: (name of the kernel, name of the bias)}`.
    """

    metadata: dict[str, str]
    keys: dict[str, tuple[str, str]]

    @property
    def torchvision(self) -> bool:
        """Whether the tensors have torchvision's names: `features.0.weight`."""
        return "features." in self.keys["conv1_1"][0]

    @property
    def hwio(self) -> bool:
        """Whether the axes of the kernels are in TensorFlow's order."""
        return self.metadata.get("layout", "OIHW").upper() == "HWIO"


def save(path: str | Path, weights: Weights, encoder: Encoder, dtype: type = np.float32) -> None:
    """Write an encoder's safetensors file, with its description and a checksum.

    >>> encoders.save("a.safetensors", {}, encoders.Encoder("empty", None))
    Traceback (most recent call last):
    stylelab.errors.InputError: 'a.safetensors' has no conv1_1 of a VGG-19 without batch norm: choose another file

    Args:
        path: where to write it; its folder is created.
        weights: `{layer: (kernel (O, I, 3, 3), bias (O,))}`, the first kernel in the order of `encoder.channels`
            (`read_weights` always reorders it to RGB).
        encoder: its description; `path`, `layers` and `seed` are not written.
        dtype: float16 halves the file.

    Raises:
        InputError: the layers are not those of a VGG-19, a number is not finite or too large for `dtype`, or the file
            cannot be written.
        MachineError: the folder cannot be created.
    """
    path = Path(path)
    check_shapes(path, shapes_of(weights))
    with np.errstate(over="ignore"):
        tensors: dict[str, np.ndarray] = {
            f"{layer}.{part}": np.ascontiguousarray(array, dtype)
            for layer, pair in weights.items()
            for part, array in zip(("weight", "bias"), pair, strict=True)
        }
    for key, array in tensors.items():
        if not np.isfinite(array).all():
            raise InputError(f"{key} holds NaN, infinity or too large a number for {np.dtype(dtype)}: not saved")
    description = {  # safetensors allows strings only
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
        "sha256": digest(tensors),
    }
    make_folder(path.parent)
    write_file(path, lambda stream: stream.write(serialise(tensors, description)))


def serialise(tensors: Mapping[str, np.ndarray], description: Mapping[str, str]) -> bytes:
    """A safetensors file, the same bytes each time for the same numbers: safetensors writes a description in any order."""
    data = to_safetensors(dict(tensors), dict(description))
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def make_folder(folder: Path) -> None:
    """Create a folder if it does not exist; raise MachineError if files cannot be created in it."""
    try:
        if str(folder).startswith("~"):
            raise FileNotFoundError(errno.ENOENT, "this user has no home folder")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            f"cannot create the folder '{printable(folder)}' ({error_text(error)}): "
            "choose another; STYLELAB_CACHE names the one for the cache"
        ) from None
    try:
        check_folder(folder)
    except StylelabError as error:
        raise MachineError(f"{error}; STYLELAB_CACHE names the one for the cache") from None


def digest(tensors: Mapping[str, np.ndarray]) -> str:
    """The sha256 of names, dtypes, shapes and bytes of all tensors, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.data)
    return total.hexdigest()


@contextmanager
def open_weights(path: Path) -> Iterator[tuple[Header, safe_open]]:
    """The header of a safetensors file, checked, and the open file.

    Raises:
        InputError: no such file, or one that is a folder, empty, truncated, of another format, or not a VGG-19.
    """
    check_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
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
            yield header, file
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"'{printable(path)}' is not a complete safetensors file ({error_text(error)}): download or save it again"
        ) from None


def check_file(path: Path) -> None:
    """Raise InputError unless `path` is a file that is not empty."""
    kind = file_kind(path)
    if kind == "folder":
        raise InputError(f"'{printable(path)}' is a folder: name the weights file inside it")
    if kind != "file":
        raise InputError(f"no weights file '{printable(path)}': check the path")
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"'{printable(path)}' is empty: download it again")
    except OSError as error:
        raise refused(error, f"cannot read '{printable(path)}'") from None


def shapes_of(weights: Weights) -> dict[str, tuple[tuple, tuple]]:
    """`{layer: (shape of the kernel, shape of the bias)}`."""
    return {layer: (kernel.shape, bias.shape) for layer, (kernel, bias) in weights.items()}


def check_shapes(path: Path, shapes: Mapping[str, tuple[tuple, tuple]]) -> None:
    """Raise InputError unless kernels (O, I, 3, 3) and biases (O,) form a chain that starts with three colours."""
    if not shapes:
        raise InputError(f"'{printable(path)}' has no conv1_1 of a VGG-19 without batch norm: choose another file")
    channels = 3
    for layer, (kernel, bias) in shapes.items():
        if len(kernel) != 4 or tuple(kernel[1:]) != (channels, 3, 3) or tuple(bias) != (kernel[0],):
            raise InputError(
                f"'{printable(path)}' is not a VGG-19: {layer} has a kernel {tuple(kernel)} and a bias {tuple(bias)}, "
                f"expected (O, {channels}, 3, 3) and (O,); choose another file"
            )
        channels = kernel[0]


def layer_keys(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The names of each layer's kernel and bias, from conv1_1 up to the first layer that is missing.

    Both 'conv1_2.weight' and torchvision's 'features.2.weight' are understood. A network with batch norm has none.
    """
    names, by_part = list(names), {}
    if any(name.endswith("running_mean") for name in names):
        return {}
    for name in names:
        stem, _, part = name.removeprefix("module.").rpartition(".")
        try:
            by_part[f"{layer_name(stem.removeprefix('features.'))}.{part}"] = name
        except InputError:
            continue  # not a convolution: part of a classifier or an optimiser
    keys = {}
    for layer in LAYERS:
        if f"{layer}.weight" not in by_part or f"{layer}.bias" not in by_part:
            break
        keys[layer] = by_part[f"{layer}.weight"], by_part[f"{layer}.bias"]
    return keys
