"""Weights files by others, converted once into the safetensors file that both frameworks read.

Torchvision's .pth, Keras's .h5 and MatConvNet's .mat name their layers, order their axes and expect their colours each
in their own way; here all become OIHW kernels with a description.
"""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from stylelab.base.files import printable
from stylelab.base.processes import exit_status, module_command, module_environment
from stylelab.encoders.file import check_shapes, layer_keys, one_line, save, shapes_of
from stylelab.encoders.spec import LAYERS, OXFORD, TORCHVISION, Encoder, Weights, cache_dir
from stylelab.encoders.weights import is_whole
from stylelab.errors import InputError, MachineError

ACCEPTED = ".safetensors, torchvision's .pth or .pt, Keras's .h5, MatConvNet's .mat"
MATCONVNET = {"channels": "RGB", "scale": 255.0, "mean": (123.68, 116.779, 103.939), "std": (1.0, 1.0, 1.0)}
SECONDS = 600  # a .pth that PyTorch has not read by then is not read at all
Found = tuple[Weights, dict, str]  # weights, preprocessing, scale of the activations


def kind_of(path: Path) -> str:
    """'safetensors', 'pth', 'h5' or 'mat', by what the file begins with; its name may be wrong.

    Raises:
        InputError: none of these.
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
    if start.startswith(b"PK\x03\x04") or (start[:1] == b"\x80" and start[1] in range(2, 6)):  # zip, or a bare pickle
        return "pth"
    raise InputError(f"'{printable(path)}' is no weights file that stylelab reads: give it {ACCEPTED}")


def convert(path: Path) -> Path:
    """The safetensors file made of `path`, kept in the cache under the checksum of `path`.

    Raises:
        InputError: nothing in it that VGG-19 could use.
        MachineError: the cache folder cannot be written, or a .pth is given and PyTorch is missing.
    """
    status = path.stat()
    target = cache_dir() / "converted" / f"{_sha256(path, status.st_mtime_ns, status.st_size)}.safetensors"
    if not is_whole(target):
        if kind_of(path) == "pth":
            _run_torch(path, target)
        else:
            convert_to(path, target)
    return target


def convert_to(path: Path, target: Path) -> None:
    """Convert in this process; a .pth imports torch."""
    readers: dict[str, Callable[[Path], Found]] = {"pth": read_pth, "h5": read_h5, "mat": read_mat}
    weights, preprocessing, activations = readers[kind_of(path)](path)
    check_shapes(path, shapes_of(weights))
    encoder = Encoder(path.stem, None, **preprocessing, activations=activations, source=f"converted from {path.name}")
    save(target, weights, encoder)


def read_pth(path: Path) -> Found:
    """A state dictionary of torchvision's VGG-19 (`features.0.weight`) or one with the paper's names.

    Raises:
        InputError: unreadable, no state dictionary, or more than weights: pickled code is never run.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch each have their own
        raise InputError(
            f"'{printable(path)}' holds no plain PyTorch weights ({one_line(error)[:80]}...): save model.state_dict() again"
        ) from None
    state = state.get("state_dict", state) if isinstance(state, Mapping) else {}
    return from_state_dict({name: value for name, value in state.items() if isinstance(value, torch.Tensor)})


def from_state_dict(state: Mapping[str, object]) -> Found:
    """Weights by torchvision's or the paper's names; the values are tensors of torch or arrays."""
    keys = layer_keys(state)
    weights = {layer: tuple(_array(state[key]) for key in pair) for layer, pair in keys.items()}
    if any("features." in kernel for kernel, _ in keys.values()):
        return weights, TORCHVISION, "vgg19-torchvision"
    return weights, OXFORD, "vgg19"


def _array(value: object) -> np.ndarray:
    value = value.detach().float().numpy() if hasattr(value, "detach") else value  # NumPy knows no bfloat16
    return np.ascontiguousarray(value, np.float32)


def read_h5(path: Path) -> Found:
    """Keras's VGG-19, of whichever age: a group that holds one 4-D and one 1-D array is a layer.

    Its name is looked for in the group's `name` (Keras 3), then in the path (`block1_conv1/...`), and last the
    layers are counted (`layers/conv2d_3`).
    """
    import h5py

    groups: dict[str, dict[int, np.ndarray]] = {}
    names: dict[str, str] = {}

    def visit(key: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and not key.startswith("optimizer"):
            groups.setdefault(item.parent.name, {})[item.ndim] = item
            names[item.parent.name] = f"{item.parent.attrs.get('name', '')} {key}"

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
            whole = {names[group]: arrays for group, arrays in groups.items() if {1, 4} <= set(arrays)}
            layers = {_named(text): arrays for text, arrays in whole.items() if _named(text)}
            layers = layers or {_counted(text): arrays for text, arrays in whole.items()}
            found = {layer: (arrays[4][()], arrays[1][()]) for layer, arrays in layers.items()}
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"'{printable(path)}' is no whole Keras file ({one_line(error)}): fetch or save it again") from None
    return from_hwio(found), OXFORD, "vgg19"


def _named(text: str) -> str | None:
    found = re.search(r"(?:block|conv)(\d)_(?:conv)?(\d)", text)
    name = f"conv{found[1]}_{found[2]}" if found else None
    return name if name in LAYERS else None


def _counted(text: str) -> str | None:
    found = re.search(r"conv2d(?:_(\d+))?/", text)
    index = int(found[1] or 0) if found else len(LAYERS)
    return LAYERS[index] if index < len(LAYERS) else None


def read_mat(path: Path) -> Found:
    """MatConvNet's imagenet-vgg-verydeep-19: `layers` is a list of structs with a name, and weights if a convolution.

    MatConvNet turned the kernels to RGB when it imported them, and in 2014 kept them as `filters` and `biases`.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path, simplify_cells=True, variable_names=("layers", "net"))
    except Exception as error:  # SciPy raises whatever a damaged byte leads to
        raise InputError(f"'{printable(path)}' is no whole MATLAB file ({one_line(error)}): fetch it again") from None
    layers = content.get("layers", content.get("net"))
    layers = layers.get("layers", ()) if isinstance(layers, dict) else layers
    found = {}
    for layer in layers if layers is not None else ():
        if isinstance(layer, dict) and str(layer.get("name")) in LAYERS:
            pair = layer["weights"] if "weights" in layer else (layer.get("filters"), layer.get("biases"))
            found[str(layer["name"])] = tuple(np.asarray(array) for array in pair)
    return from_hwio(found), MATCONVNET, "vgg19"


def from_hwio(found: Mapping[str | None, tuple[np.ndarray, np.ndarray]]) -> Weights:
    """The unbroken run from conv1_1, as OIHW."""
    weights = {}
    for layer in LAYERS:
        if layer not in found:
            break
        kernel, bias = found[layer]
        kernel = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel
        weights[layer] = np.ascontiguousarray(kernel, np.float32), np.ravel(bias).astype(np.float32)
    return weights


@lru_cache(maxsize=8)
def _sha256(path: Path, modified: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run_torch(path: Path, target: Path) -> None:
    """Convert in a process of its own: one that has imported TensorFlow must never import torch."""
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


if __name__ == "__main__":
    sys.exit(exit_status(lambda: convert_to(Path(sys.argv[1]), Path(sys.argv[2]))))
