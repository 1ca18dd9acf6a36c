"""Devices, and arrays in and out: an image or an activation as a tensor, a tensor as an array."""

import os
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.base.values import check_axes, kind_of, numbers, shown
from stylelab.errors import InputError, MachineError, unknown
from stylelab.run.numerics.precision import check_precision, cpu_has_bfloat16
from stylelab.tensorflow.engine.passes import fault

DEVICES = ("cpu", "gpu", "cuda", "mps")
LARGE = 128 * 96  # pixels from which bfloat16 was measured to be faster


def find_device(name: str | None = None) -> str:
    """The device of that name, or the fastest there is.

    >>> str(sl.find_device("cpu")).partition(":")[0]
    'cpu'

    Args:
        name: 'cpu', 'gpu', 'gpu:1', or 'cuda' and 'mps' as in PyTorch, which mean the same as 'gpu' here; None for a
            GPU that works, else the CPU.

    Returns:
        TensorFlow's name of it, such as 'gpu:0'.

    Raises:
        InputError: not the name of a device.
        MachineError: a GPU asked for by name that is not there, or does not work.

    Source: ours.
    """
    gpus = len(tf.config.list_logical_devices("GPU"))
    if name is None:
        return "gpu:0" if gpus and not fault("float32", "gpu:0") else "cpu:0"
    kind, _, index = str(name).partition(":")
    if kind not in DEVICES or not (index or "0").isdecimal():
        raise unknown("device", shown(name), DEVICES)
    if int(index or 0) >= (1 if kind == "cpu" else gpus):
        raise MachineError(f"no '{name}' on this machine: leave the device out, or choose 'cpu'")
    device = f"{'cpu' if kind == 'cpu' else 'gpu'}:{int(index or 0)}"
    if kind != "cpu" and (reason := fault("float32", device)):
        raise MachineError(f"'{name}' does not work ({reason}): leave the device out, or choose 'cpu'")
    return device


def find_precision(name: str, device: str | None = None, pixels: int | None = None) -> str:
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
        kind, _, index = device.partition(":")
        if kind == "gpu":
            details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[int(index)])
            wanted = details.get("compute_capability", (0, 0)) >= (8, 0)  # Ampere
        else:  # without oneDNN it is slower than float32
            wanted = cpu_has_bfloat16() and os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() not in ("0", "false")
    return "bfloat16" if wanted and not fault("bfloat16", device) else "float32"


def as_tensor(value: Any, name: str, axes: str = "") -> Tensor:
    """What is given as a tensor of floating-point numbers, if it has these axes, such as `(B, H, W, 3)`.

    Raises:
        InputError: it is something else; the message calls it `name`.
    """
    try:
        tensor = tf.convert_to_tensor(value)
    except (TypeError, ValueError, tf.errors.OpError):
        raise InputError(f"{name} must be a tensor; got {kind_of(value)}: make one of an image with to_tensor") from None
    if not tensor.dtype.is_floating:
        raise InputError(f"{name} must hold floating-point numbers; got {tensor.dtype.name}: use tf.cast(..., tf.float32)")
    check_axes(tuple(tensor.shape), name, axes)
    return tensor


def to_tensor(image: np.ndarray, device: str | None = None) -> Tensor:
    """An image as an encoder takes it.

    >>> tuple(sl.to_tensor(cat).shape)
    (1, 40, 60, 3)

    Args:
        image: `(H, W, 3)` array in 0..1, or uint8; it is copied.
        device: where to put the tensor; by default the fastest there is, as for `load_encoder`.

    Returns:
        `(1, H, W, 3)` float32.

    Raises:
        InputError: another shape, NaN or no numbers at all, or not the name of a device.
        MachineError: a GPU asked for by name that is not there.

    Source: ours; the seeds do it with their framework's image loaders.
    """
    array = numbers(image, "image")
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise InputError(f"image must be (H, W, 3); got {array.shape}")
    with tf.device(find_device(device)):
        return tf.constant(array[None])


def to_image(tensor: Tensor) -> np.ndarray:
    """The inverse of `to_tensor`, clipped.

    >>> np.array_equal(sl.to_image(sl.to_tensor(cat)), cat)
    True

    Args:
        tensor: `(1, H, W, 3)`, on any device.

    Returns:
        `(H, W, 3)` float32 array in 0..1.

    Raises:
        InputError: another shape.

    Source: ours; as `deprocess_img` of the Keras example, without the way through 8 bits.
    """
    tensor = as_tensor(tensor, "tensor", "(1, H, W, 3)")
    with tf.device(tensor.device):
        return np.clip(np.array(tensor[0], dtype=np.float32), 0, 1)


def to_array(tensor: Tensor) -> np.ndarray:
    """Numbers to look at: an activation or a gradient, channels last, neither clipped nor scaled.

    >>> sl.to_array(sl.to_tensor(cat)).shape
    (40, 60, 3)

    Args:
        tensor: `(1, H, W, C)`, on any device.

    Returns:
        `(H, W, C)` float32 array; `[..., 3]` is filter 3's activation map.

    Raises:
        InputError: not one image's.

    Source: ours.
    """
    tensor = as_tensor(tensor, "tensor", "(1, H, W, C)")
    with tf.device(tensor.device):
        return np.array(tensor[0], dtype=np.float32)
