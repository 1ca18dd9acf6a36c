"""What an exercise cell's answer is worth, in words: the part of `stylelab.exercises` that needs PyTorch."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from stylelab import exercises
from stylelab.exercises import costs, layers, tutorials
from stylelab.torch import answers
from stylelab.torch.losses import content_loss, gram_matrix, style_layer_loss, total_variation


def check(exercise_id: str, function: Callable) -> Callable:
    """Say in one sentence what an answer is worth, and hand back the function to go on with.

    Args:
        exercise_id: such as 'gram_matrix'.
        function: the answer itself, not its result.

    Returns:
        `function` when it is right, else the library's own.

    Raises:
        InputError: no such exercise; the nearest name is suggested.
        AssertionError: a wrong or missing answer, while nbgrader runs the notebook.

    Source: the exercises follow Gatys et al. 2016 and seeds/002; `stylelab.exercises` has what they ask.
    """
    return exercises.check_answer(exercises.find_exercise(exercise_id), function, Lab(), LIBRARY)


class Lab:
    """Tensors from channels-last arrays and back, and gradients."""

    name = "PyTorch"
    advice = {
        "None": "It returns None: end it with `return` and the result. (`.grad` is None before backward(), and for a picture that "
        "PyTorch made from others: start from picture.detach().clone().requires_grad_(True).)",
        "does not require grad": "Nothing was recorded for it: start from picture.detach().clone().requires_grad_(True).",
        "non-singleton dimension": "Print both shapes: four axes are (B, C, H, W) in PyTorch, so channels are axis 1, and one "
        "number for each channel is (1, C, 1, 1).",
        "negative step": "PyTorch has no [::-1]: use flip.",
        "step must be greater than zero": "PyTorch has no [::-1]: use flip.",
        "backward through the graph a second time": "Each step needs a loss of its own: call loss inside the loop.",
        "leaf Variable that requires grad": "A picture that records its gradient is not changed in place: make a new one from "
        "picture.detach(), or work inside torch.no_grad().",
        "that requires grad. Use tensor.detach().numpy()": "Stay with tensors: no gradient can pass through NumPy.",
    }

    def give(self, kind: str, value: np.ndarray) -> "Tensor | Callable":
        if kind == "loss":
            return partial(_weighted_loss, self.give("picture", value))
        if kind in ("activation", "picture"):
            value = np.moveaxis(value, -1, 1)  # (B, H, W, C) -> (B, C, H, W)
        return torch.from_numpy(np.array(value, dtype=np.float32, order="C"))

    def take(self, kind: str, tensor: Tensor) -> np.ndarray:
        array = tensor.detach().cpu().to(torch.float64).numpy()
        return np.moveaxis(array, 1, -1) if kind in ("activation", "picture") and array.ndim == 4 else array

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


def _weighted_loss(weights: Tensor, picture: Tensor, target: Tensor) -> Tensor:
    return (weights * (picture - target).square()).sum() / 2


LIBRARY = {
    "balance": costs.balance,
    "blend": tutorials.blend,
    "content_loss": content_loss,
    "decayed_rate": tutorials.decayed_rate,
    "deprocess": answers.deprocess,
    "gram_matrix": gram_matrix,
    "keras_variation": partial(total_variation, kind="keras"),
    "layer_name": layers.layer_name,
    "one_step": answers.one_step,
    "picture_gradient": answers.picture_gradient,
    "preprocess": answers.preprocess,
    "psnr": answers.psnr,
    "receptive_field": layers.receptive_field,
    "reconstruct": answers.reconstruct,
    "style_layer_loss": partial(style_layer_loss, normalisation="mean"),
    "style_loss": answers.style_loss,
    "total_cost": costs.total_cost,
    "total_variation": total_variation,
}
