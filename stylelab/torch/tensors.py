"""Devices, and arrays in and out: an image or an activation as a tensor, a tensor as an array."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylelab.base.values import check_axes, kind_of, numbers, shown
from stylelab.errors import InputError, MachineError, unknown
from stylelab.run.numerics.precision import check_precision, cpu_has_bfloat16
from stylelab.torch.engine.passes import fault

DEVICES = ("cpu", "gpu", "cuda", "mps")
LARGE = 128 * 96  # pixels from which bfloat16 was measured to be faster


def find_device(name: "str | torch.device | None" = None) -> torch.device:
    """The device of that name, or the fastest there is.

    >>> str(sl.find_device("cpu")).partition(":")[0]
    'cpu'

    Args:
        name: 'cpu', 'cuda', 'cuda:1', 'mps', or 'gpu' for whichever GPU there is; None for CUDA, else Apple's MPS,
            else the CPU: the first that works.

    Returns:
        A torch.device.

    Raises:
        InputError: not the name of a device.
        MachineError: a GPU asked for by name that is not there, or does not work.

    Source: ours.
    """
    there = {"cuda": torch.cuda.is_available() and torch.cuda.device_count(), "mps": torch.backends.mps.is_available(), "cpu": 1}
    best = next((kind for kind in ("cuda", "mps") if there[kind] and not fault("float32", torch.device(kind))), "cpu")
    if name is None:
        return torch.device(best)
    kind, _, index = str(name).partition(":")
    if kind not in DEVICES or not (index or "0").isdecimal():
        raise unknown("device", name if isinstance(name, str | torch.device) else shown(name), DEVICES)
    if kind == "gpu" and best != "cpu":
        kind = best
    if int(index or 0) >= there.get(kind, 0):
        raise MachineError(f"no '{name}' on this machine: leave the device out, or choose 'cpu'")
    device = torch.device(kind, int(index)) if index else torch.device(kind)
    if kind != "cpu" and (reason := fault("float32", device)):
        raise MachineError(f"'{name}' does not work ({reason}): leave the device out, or choose 'cpu'")
    return device


def find_precision(name: str, device: "str | torch.device | None" = None, pixels: int | None = None) -> str:
    """The precision that a device computes in: for 'auto' bfloat16 where that is faster and the image is large enough to gain.

    >>> sl.find_precision("float32")
    'float32'

    Args:
        name: 'auto', 'float32' or 'bfloat16'.
        device: as for `load_encoder`.
        pixels: of the image, height times width; None for a large one.

    Returns:
        'float32' or 'bfloat16'; the latter only where a trial of it succeeds.

    Raises:
        InputError: another name.
        MachineError: a GPU asked for by name that is not there.

    Source: ours; the figures are in docs/speed.md.
    """
    device, wanted = find_device(device), check_precision(name) == "bfloat16"
    if name == "auto" and (pixels is None or pixels >= LARGE):
        if device.type == "cuda":
            wanted = torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere
        else:
            wanted = device.type == "cpu" and cpu_has_bfloat16()
    return "bfloat16" if wanted and not fault("bfloat16", device) else "float32"


def as_tensor(value: Any, name: str, axes: str = "") -> Tensor:
    """What is given as a tensor of floating-point numbers, if it has these axes, such as `(B, 3, H, W)`.

    Raises:
        InputError: it is something else; the message calls it `name`.
    """
    if not isinstance(value, Tensor):
        raise InputError(f"{name} must be a tensor; got {kind_of(value)}: make one of an image with to_tensor")
    if not value.is_floating_point():
        raise InputError(f"{name} must hold floating-point numbers; got {value.dtype}: use .float()")
    check_axes(tuple(value.shape), name, axes)
    return value


def to_tensor(image: np.ndarray, device: "str | torch.device | None" = None) -> Tensor:
    """An image as an encoder takes it.

    >>> tuple(sl.to_tensor(cat).shape)
    (1, 3, 40, 60)

    Args:
        image: `(H, W, 3)` array in 0..1, or uint8; it is copied.
        device: where to put the tensor; by default the fastest there is, as for `load_encoder`.

    Returns:
        `(1, 3, H, W)` float32.

    Raises:
        InputError: another shape, NaN or no numbers at all, or not the name of a device.
        MachineError: a GPU asked for by name that is not there.

    Source: ours; the seeds do it with their framework's image loaders.
    """
    array = numbers(image, "image")
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise InputError(f"image must be (H, W, 3); got {array.shape}")
    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous().to(find_device(device))


def to_image(tensor: Tensor) -> np.ndarray:
    """The inverse of `to_tensor`, clipped.

    >>> np.array_equal(sl.to_image(sl.to_tensor(cat)), cat)
    True

    Args:
        tensor: `(1, 3, H, W)`, on any device.

    Returns:
        `(H, W, 3)` float32 array in 0..1.

    Raises:
        InputError: another shape.

    Source: ours; as `deprocess_img` of the Keras example, without the way through 8 bits.
    """
    tensor = as_tensor(tensor, "tensor", "(1, 3, H, W)")
    return tensor.detach()[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy().copy()


def to_array(tensor: Tensor) -> np.ndarray:
    """Numbers to look at: an activation or a gradient, channels last, neither clipped nor scaled.

    >>> sl.to_array(sl.to_tensor(cat)).shape
    (40, 60, 3)

    Args:
        tensor: `(1, C, H, W)`, on any device.

    Returns:
        `(H, W, C)` float32 array; `[..., 3]` is filter 3's activation map.

    Raises:
        InputError: not one image's.

    Source: ours.
    """
    tensor = as_tensor(tensor, "tensor", "(1, C, H, W)")
    return tensor.detach()[0].permute(1, 2, 0).float().cpu().numpy().copy()
