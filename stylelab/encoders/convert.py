"""Convert weights files of other libraries, once, into the safetensors file that both frameworks read.

Torchvision's .pth, Keras's .h5 and MatConvNet's .mat each have their own names for layers, order of axes and colours. All
of them become OIHW kernels with a description.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from stylelab.base.files import error_text, printable
from stylelab.base.processes import exit_status, module_command, module_environment
from stylelab.encoders.file import check_shapes, layer_keys, save, shapes_of
from stylelab.encoders.spec import LAYERS, OXFORD, TORCHVISION, Encoder, Weights, cache_dir
from stylelab.encoders.weights import is_intact
from stylelab.errors import InputError, MachineError

ACCEPTED = ".safetensors, torchvision's .pth or .pt, Keras's .h5, MatConvNet's .mat"
MATCONVNET = {"channels": "RGB", "scale": 255.0, "mean": (123.68, 116.779, 103.939), "std": (1.0, 1.0, 1.0)}
SECONDS = 600  # for PyTorch to read a .pth file
Converted = tuple[Weights, dict, str]  # weights, preprocessing, scale of the activations


def kind_of(path: Path) -> str:
    """'safetensors', 'pth', 'h5' or 'mat', by the first bytes of the file; its name may be wrong.

    Raises:
        InputError: it is none of these.
    """
    with path.open("rb") as file:
        start = file.read(16)
    if start[8:9] == b"{" or path.suffix == ".safetensors":
        return "safetensors"
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "h5"
    if start.startswith(b"MATLAB 5.0"):
        return "mat"
    if start.startswith(b"MATLAB 7.3"):
        raise InputError(f"'{printable(path)}' is in MATLAB's 7.3 format: save it with -v7")
    if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1] in range(2, 6)):  # a zip, or a bare pickle
        return "pth"
    raise InputError(f"'{printable(path)}' is not a weights file that stylelab can read: give {ACCEPTED}")


def convert(path: Path) -> Path:
    """The safetensors file made from `path`; it is kept in the cache under the checksum of `path`.

    Raises:
        InputError: nothing in the file is of use to VGG-19.
        MachineError: the cache folder cannot be written, or PyTorch, which a .pth file needs, is missing.
    """
    status = path.stat()
    target = cache_dir() / "converted" / f"{_sha256(path, status.st_mtime_ns, status.st_size)}.safetensors"
    if is_intact(target):
        return target
    if kind_of(path) != "pth":
        convert_to(path, target)
        return target
    # torch is imported in another process: one that has imported TensorFlow must never do so
    try:
        done = subprocess.run(
            module_command("stylelab.encoders.convert", str(path), str(target)),
            env=module_environment(), check=False, timeout=SECONDS,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise MachineError(f"PyTorch has not read '{printable(path)}' within {SECONDS} s: try again on an idle machine") from None
    if done.returncode:
        message = (done.stderr.strip().splitlines() or ["it was stopped"])[-1]
        error = InputError if done.returncode == 1 else MachineError
        raise error(message if done.returncode in (1, 2) else f"PyTorch cannot read '{printable(path)}': {message}")
    return target


def convert_to(path: Path, target: Path) -> None:
    """Convert in this process; torch is imported to read a .pth file."""
    readers: dict[str, Callable[[Path], Converted]] = {"pth": read_pth, "h5": read_h5, "mat": read_mat}
    weights, preprocessing, activations = readers[kind_of(path)](path)
    check_shapes(path, shapes_of(weights))
    encoder = Encoder(path.stem, None, **preprocessing, activations=activations, source=f"converted from {path.name}")
    save(target, weights, encoder)


def read_pth(path: Path) -> Converted:
    """A state dictionary with torchvision's names of VGG-19 (`features.0.weight`), or with the paper's.

    Raises:
        InputError: it is unreadable, not a state dictionary, or more than weights: pickled code is never run.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zipfile and torch each raise their own
        raise InputError(
            f"'{printable(path)}' does not hold plain PyTorch weights ({error_text(error)[:80]}...): save model.state_dict() again"
        ) from None
    state = state.get("state_dict", state) if isinstance(state, Mapping) else {}
    return from_state_dict({name: value for name, value in state.items() if isinstance(value, torch.Tensor)})


def from_state_dict(state: Mapping[str, object]) -> Converted:
    """Weights with torchvision's names or the paper's; the values are tensors of torch, or arrays."""

    def to_array(value: Any) -> np.ndarray:
        value = value.detach().float().numpy() if hasattr(value, "detach") else value  # NumPy has no bfloat16
        return np.ascontiguousarray(value, np.float32)

    keys = layer_keys(state)
    weights = {layer: (to_array(state[kernel]), to_array(state[bias])) for layer, (kernel, bias) in keys.items()}
    if any("features." in kernel for kernel, _ in keys.values()):
        return weights, TORCHVISION, "vgg19-torchvision"
    return weights, OXFORD, "vgg19"


def read_h5(path: Path) -> Converted:
    """VGG-19 saved by any version of Keras. A group that holds one 4-D and one 1-D array is a convolution.

    Its name is in the group's `name` (Keras 3) or in the path (`block1_conv1/...`). If no group has one, the layers are
    numbered (`layers/conv2d_3`).
    """
    import h5py

    groups: dict[str, dict[int, np.ndarray]] = {}
    labels: dict[str, str] = {}

    def visit(key: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and not key.startswith("optimizer"):
            groups.setdefault(item.parent.name, {})[item.ndim] = item
            labels[item.parent.name] = f"{item.parent.attrs.get('name', '')} {key}"

    def layer_by_name(label: str) -> str | None:
        match = re.search(r"(?:block|conv)(\d)_(?:conv)?(\d)", label)
        name = f"conv{match[1]}_{match[2]}" if match else None
        return name if name in LAYERS else None

    def layer_by_number(label: str) -> str | None:
        match = re.search(r"conv2d(?:_(\d+))?/", label)
        index = int(match[1] or 0) if match else len(LAYERS)
        return LAYERS[index] if index < len(LAYERS) else None

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
            convolutions = {labels[group]: arrays for group, arrays in groups.items() if {1, 4} <= set(arrays)}
            layers = {layer_by_name(label): arrays for label, arrays in convolutions.items() if layer_by_name(label)}
            layers = layers or {layer_by_number(label): arrays for label, arrays in convolutions.items()}
            weights = {layer: (arrays[4][()], arrays[1][()]) for layer, arrays in layers.items()}
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(
            f"'{printable(path)}' is not a complete Keras file ({error_text(error)}): download or save it again"
        ) from None
    return from_hwio(weights), OXFORD, "vgg19"


def read_mat(path: Path) -> Converted:
    """MatConvNet's imagenet-vgg-verydeep-19: `layers` is a list of structs with a name, and weights if a convolution.

    MatConvNet reordered the kernels to RGB when it imported them. In 2014 it stored them as `filters` and `biases`.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, simplify_cells=True, variable_names=("layers", "net"))
    except Exception as error:  # SciPy may raise anything for a damaged file
        raise InputError(f"'{printable(path)}' is not a complete MATLAB file ({error_text(error)}): download it again") from None
    layers = content.get("layers", content.get("net"))
    layers = layers.get("layers", ()) if isinstance(layers, dict) else layers
    weights = {}
    for layer in layers if layers is not None else ():
        if isinstance(layer, dict) and str(layer.get("name")) in LAYERS:
            pair = layer["weights"] if "weights" in layer else (layer.get("filters"), layer.get("biases"))
            weights[str(layer["name"])] = tuple(np.asarray(array) for array in pair)
    return from_hwio(weights), MATCONVNET, "vgg19"


def from_hwio(arrays: Mapping[Any, Sequence[np.ndarray]]) -> Weights:
    """The layers from conv1_1 up to the first one missing, with kernels in OIHW order."""
    weights = {}
    for layer in LAYERS:
        if layer not in arrays:
            break
        kernel, bias = arrays[layer]
        kernel = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel
        weights[layer] = np.ascontiguousarray(kernel, np.float32), np.ravel(bias).astype(np.float32)
    return weights


@lru_cache(maxsize=8)
def _sha256(path: Path, modified: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(exit_status(lambda: convert_to(Path(sys.argv[1]), Path(sys.argv[2]))))
