"""What a check needs from PyTorch: `stylelab.exercises.checking.call.Lab`.

This file contains no answer, because it is copied into a grader's sandbox; the rest of this folder is not.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stylelab.exercises.checking.definition import Exercise, Unreadable

OTHER_DEVICE = "it fails on this machine's device '{}', where the lesson runs: make new tensors on the device of your input."
UNREADABLE = {  # what a tensor is, and what to do -> a test of it
    "a nested tensor, which holds several: put them together with torch.stack, or return one.": lambda tensor: tensor.is_nested,
    "a sparse tensor: to_dense() makes an ordinary one of it.": lambda tensor: tensor.layout is not torch.strided,
    "a tensor without numbers, on the device 'meta': make new tensors on the device of your input.": lambda tensor: (
        tensor.is_meta and not _has_numbers(tensor)
    ),
    "a quantized tensor: dequantize() makes an ordinary one of it.": lambda tensor: tensor.is_quantized,
    "complex numbers: return real ones, such as their real part or their abs().": Tensor.is_complex,
    "True or False, where numbers are expected.": lambda tensor: tensor.dtype is torch.bool,
}
NO_GRAD = (
    "`.grad` is None for every image that was computed from another, as `x` is after x = x - ... or image = image.clone(). Start each "
    "step from image.detach().clone().requires_grad_(True), and keep that one."
)


class Lab:
    """Tensors from channels-last arrays and back, and gradients."""

    name = "PyTorch"
    noun = "tensor"
    advice: Mapping[str, str] = {
        "'NoneType'": NO_GRAD,
        "is not a leaf Tensor": NO_GRAD,
        "appears to not have been used": "A loss may ignore its target: ask for the gradient with respect to the image alone.",
        "does not require grad": "Nothing was recorded for it: start from image.detach().clone().requires_grad_(True).",
        "non-singleton dimension": "Print both shapes: four axes are (B, C, H, W) in PyTorch, so channels are axis 1, and one "
        "number for each channel is (1, C, 1, 1).",
        "view size is not compatible": "An encoder's activation is laid out differently in memory: use reshape or flatten instead of view.",
        "negative step": "PyTorch has no [::-1]: use flip.",
        "step must be greater than zero": "PyTorch has no [::-1]: use flip.",
        "backward through the graph a second time": "Each step needs its own loss, of an image that is not computed from another: call loss "
        "inside the loop, and start each step from image.detach().clone().requires_grad_(True).",
        "leaf Variable that requires grad": "An image that records its gradient cannot be changed in place: make a new one from "
        "image.detach(), or work inside torch.no_grad().",
        "that requires grad. Use tensor.detach().numpy()": "Use tensors throughout: no gradient can pass through NumPy.",
        "'builtin_function_or_method' object is not subscriptable": "Sizes are in shape, as in x.shape[0]; size and the like are functions.",
        "can't multiply sequence": "torch.autograd.grad returns a tuple, with one gradient for each input: take the first.",
    }

    nothing: Mapping[tuple[str, ...], str] = {
        ("backward", "grad"): NO_GRAD,
        ("backward",): "backward() returns nothing. It leaves the gradient in `.grad` of the image that requires it.",
        ("grad",): "`.grad` is filled in by backward(): call that on the loss first.",
    }

    def give(self, kind: str, value: np.ndarray) -> Any:
        if kind == "loss":
            return _network_loss(torch.from_numpy(np.array(value, dtype=np.float32)))
        if kind == "kernel":
            return _kernel(*map(float, value))
        if kind in ("activation", "image"):
            value = np.moveaxis(value, -1, 1)  # (B, H, W, C) -> (B, C, H, W)
        # an encoder leaves the channels of a single image last in memory
        as_encoded = kind == "activation" and len(value) == 1
        return torch.from_numpy(np.array(value, dtype=np.float32, order="K" if as_encoded else "C"))

    def take(self, kind: str, tensor: Tensor) -> np.ndarray:
        for what, holds in UNREADABLE.items():
            if holds(tensor):
                raise Unreadable(what)
        array = tensor.detach().cpu().to(torch.float64).resolve_neg().numpy()
        return np.moveaxis(array, 1, -1) if kind in ("activation", "image") and array.ndim == 4 else array

    def is_tensor(self, value) -> bool:
        return isinstance(value, Tensor)

    def loss(self, evaluate: Callable, uses_target: bool) -> Callable[[Tensor, Tensor], Tensor]:
        def loss(image: Tensor, target: Tensor) -> Tensor:
            """A loss that is computed elsewhere."""
            return _Elsewhere.apply(evaluate, image, *([target] if uses_target else []))[0]

        return loss

    def recorded(
        self, function: Callable, given: Mapping[str, Any], names: Sequence[str]
    ) -> tuple[Any, Callable[[np.ndarray], dict[str, Any]]]:
        by_layer = {name: given[name] if isinstance(given[name], dict) else {"": given[name]} for name in names}
        tensors = [tensor.requires_grad_(True) for layers in by_layer.values() for tensor in layers.values()]
        output = function(*given.values())

        def pull(weights: np.ndarray) -> dict[str, Any]:
            flat: Sequence[Tensor | None] = [None] * len(tensors)
            if output.requires_grad:
                onto = self.give("image" if output.dim() == 4 else "scalar", weights).to(output).reshape(output.shape)
                flat = torch.autograd.grad(output, tensors, onto, retain_graph=True, allow_unused=True)
            rest = iter(flat)
            gradients = {name: {layer: next(rest) for layer in layers} for name, layers in by_layer.items()}
            return {name: layers.get("", layers) for name, layers in gradients.items()}

        return output, pull

    def obstacle(self, exercise: Exercise, function: Callable, given: Mapping[str, Any]) -> str | None:
        from stylelab.torch.tensors import find_device  # the grader's copy of this file has none

        device = find_device()
        if exercise.on_processor or device.type == "cpu":
            return None  # PyTorch runs line by line, both here and in a transfer

        def moved(value):
            if isinstance(value, dict):
                return {layer: moved(inner) for layer, inner in value.items()}
            return value.to(device) if isinstance(value, Tensor) else value

        try:
            output = function(*map(moved, given.values()))
        except Exception:  # noqa: BLE001  whatever fails here would fail in the lesson
            return OTHER_DEVICE.format(device.type)
        stays = isinstance(output, Tensor) and output.ndim and output.device.type != device.type
        return OTHER_DEVICE.format(device.type) if stays else None


def _has_numbers(tensor: Tensor) -> bool:
    with suppress(NotImplementedError):
        return tensor.detach().cpu() is not None
    return False


class _Elsewhere(torch.autograd.Function):
    """A loss of which nothing is here but its value and its gradients at the images that it is asked about."""

    generate_vmap_rule = True  # torch.func may differentiate it

    @staticmethod
    def forward(evaluate: Callable, *images: Tensor) -> tuple[Tensor, ...]:
        value, *slopes = evaluate(*(image.detach().cpu().to(torch.float64).movedim(-3, -1).numpy() for image in images))
        moved = (torch.from_numpy(slope).movedim(-1, -3).to(image) for slope, image in zip(slopes, images, strict=True))
        return torch.as_tensor(value).to(images[0]), *moved

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*output[1:])
        ctx.save_for_forward(*output[1:])
        ctx.mark_non_differentiable(*output[1:])

    @staticmethod
    def backward(ctx, weight, *_):
        return None, *(weight * slope for slope in ctx.saved_tensors)

    @staticmethod
    def jvp(ctx, _, *changes):
        """Forward mode."""
        slopes = ctx.saved_tensors
        parts = [(slope * change).sum() for slope, change in zip(slopes, changes, strict=True) if change is not None]
        return sum(parts), *(None for _ in slopes)


def _network_loss(weights: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """`loss_value` of `stylelab.exercises.common` for these weights, as a function of two images."""

    def mixed(image: Tensor, rows: slice) -> Tensor:
        return torch.tensordot(image, weights[rows].to(image), ([-3], [0]))  # the channels come last

    def seen(image: Tensor) -> Tensor:
        return (mixed(image, slice(3)) + weights[3:4].sum(0).to(image)).tanh()

    def loss(image: Tensor, target: Tensor) -> Tensor:
        if len(weights) == 3:
            return 2 * seen(image).sum()
        if len(weights) == 4:
            return (seen(image) - target.movedim(-3, -1)).square().sum()
        return (mixed(target, slice(4, 7)).exp() * (seen(image) - seen(target)).square()).sum()

    return loss


def _kernel(power: float, constant: float, gamma: float) -> Callable[[Tensor, Tensor], Tensor]:
    """`kernel_matrix` of `stylelab.exercises.common` for these numbers, as a function of two clouds."""

    def kernel(points: Tensor, others: Tensor) -> Tensor:
        """k of each of the points `(M, C)` with each of the others `(N, C)`: `(M, N)`."""
        products = points @ others.mT
        apart = points.square().sum(-1)[..., :, None] + others.square().sum(-1)[..., None, :] - 2 * products
        values = (-gamma * apart).exp()
        for _ in range(int(power)):
            values = values * (products + constant)
        return values

    return kernel
