"""What an exercise cell's answer is worth, in words: the part of `stylelab.exercises` that needs PyTorch."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from stylelab import exercises
from stylelab.exercises import costs
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

    def gradients(self, function: Callable, given: Mapping[str, object], names: tuple[str, ...]) -> dict[str, Tensor | None]:
        tensors = {name: given[name].requires_grad_(True) for name in names}
        total = function(*given.values()).sum()
        if not total.requires_grad:
            return dict.fromkeys(names)
        return dict(zip(names, torch.autograd.grad(total, tensors.values(), allow_unused=True), strict=True))

    def usable(self, function: Callable, given: Mapping[str, object]) -> bool:
        return True  # PyTorch runs line by line, in a transfer as in the check


def _weighted_loss(weights: Tensor, picture: Tensor, target: Tensor) -> Tensor:
    return (weights * (picture - target).square()).sum() / 2


def _one_step(picture: Tensor, target: Tensor, loss: Callable, learning_rate: float) -> Tensor:
    picture = picture.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(picture, target), picture)
    return (picture.detach() - learning_rate * gradient).clamp(0, 1)


LIBRARY = {
    "balance": costs.balance,
    "content_loss": content_loss,
    "gram_matrix": gram_matrix,
    "one_step": _one_step,
    "style_layer_loss": partial(style_layer_loss, normalisation="mean"),
    "total_cost": costs.total_cost,
    "total_variation": total_variation,
}
