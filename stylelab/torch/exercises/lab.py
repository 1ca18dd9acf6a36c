"""What asking a function needs of PyTorch: `stylelab.exercises.checking.call.Lab`.

No answer is in this file: a grader's sandbox has it, and nothing else of this folder.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor


class Lab:
    """Tensors from channels-last arrays and back, and gradients."""

    name = "PyTorch"
    advice: Mapping[str, str] = {
        "None": "It returns None: end it with `return` and the result. (`.grad` is None before backward(), and for an image that "
        "PyTorch made from others: start from image.detach().clone().requires_grad_(True).)",
        "does not require grad": "Nothing was recorded for it: start from image.detach().clone().requires_grad_(True).",
        "non-singleton dimension": "Print both shapes: four axes are (B, C, H, W) in PyTorch, so channels are axis 1, and one "
        "number for each channel is (1, C, 1, 1).",
        "negative step": "PyTorch has no [::-1]: use flip.",
        "step must be greater than zero": "PyTorch has no [::-1]: use flip.",
        "backward through the graph a second time": "Each step needs a loss of its own: call loss inside the loop.",
        "leaf Variable that requires grad": "An image that records its gradient is not changed in place: make a new one from "
        "image.detach(), or work inside torch.no_grad().",
        "that requires grad. Use tensor.detach().numpy()": "Stay with tensors: no gradient can pass through NumPy.",
    }

    def give(self, kind: str, value: np.ndarray) -> "Tensor | Callable":
        if kind == "loss":
            return partial(_weighted_loss, self.give("image", value))
        if kind in ("activation", "image"):
            value = np.moveaxis(value, -1, 1)  # (B, H, W, C) -> (B, C, H, W)
        return torch.from_numpy(np.array(value, dtype=np.float32, order="C"))

    def take(self, kind: str, tensor: Tensor) -> np.ndarray:
        array = tensor.detach().cpu().to(torch.float64).numpy()
        return np.moveaxis(array, 1, -1) if kind in ("activation", "image") and array.ndim == 4 else array

    def is_tensor(self, value) -> bool:
        return isinstance(value, Tensor)

    def gradients(self, function: Callable, given: Mapping[str, object], names: tuple[str, ...]) -> dict[str, object]:
        tensors = [tensor.requires_grad_(True) for name in names for tensor in _tensors(given[name])]
        total = function(*given.values()).sum()
        found = [None] * len(tensors)
        if total.requires_grad:
            found = torch.autograd.grad(total, tensors, allow_unused=True)
        rest = iter(found)
        return {
            name: {layer: next(rest) for layer in given[name]} if isinstance(given[name], dict) else next(rest) for name in names
        }

    def usable(self, function: Callable, given: Mapping[str, object]) -> bool:
        return True  # PyTorch runs line by line, in a transfer as in the check


def _tensors(value) -> list[Tensor]:
    return list(value.values()) if isinstance(value, dict) else [value]


def _weighted_loss(weights: Tensor, image: Tensor, target: Tensor) -> Tensor:
    return (weights * (image - target).square()).sum() / 2
