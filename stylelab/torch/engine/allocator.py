"""How tensors lie in memory, and what the C library does with memory that is freed between two steps."""

import mmap

import torch
from torch import Tensor

from stylelab.run.numerics import memory


def layout(device: torch.device) -> torch.memory_format:
    """The order of axes in memory: channels last, except on Apple's MPS, which then pools and convolves wrongly or crashes."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def copy_apart(tensor: Tensor) -> Tensor:
    """A copy that lives on while steps come and go: on a CPU, outside of the memory that they need in the same large pieces."""
    if tensor.device.type != "cpu":
        return tensor.clone()
    room = mmap.mmap(-1, tensor.numel() * tensor.element_size(), access=mmap.ACCESS_COPY)
    return torch.frombuffer(room, dtype=tensor.dtype).view(tensor.shape).copy_(tensor)


def settle(device: torch.device, tile: int | None = None) -> None:
    """Get ready for many steps: give back what is free now, and from here on keep what each whole step needs again."""
    memory.give_back()
    if tile is None and device.type == "cpu":  # tiles need less, and not the same each time
        memory.keep_freed()
