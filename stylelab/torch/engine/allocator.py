"""How tensors lie in memory, and what the C library does with memory that is freed between two steps."""

import torch

from stylelab.run.numerics import memory


def layout(device: torch.device) -> torch.memory_format:
    """The order of axes in memory: channels last, except on Apple's MPS, which then pools and convolves wrongly or crashes."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def settle(device: torch.device, tile: int | None = None) -> None:
    """Get ready for many steps: give back what is free now, and from here on keep what each whole step needs again."""
    memory.give_back()
    if tile is None and device.type == "cpu":  # tiles need less, and not the same each time
        memory.keep_freed()
