"""The loop that lowers a loss by changing an image, one step at a time."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stylelab import images as files
from stylelab.errors import NotFiniteError
from stylelab.recipes import Optimiser
from stylelab.result import Step
from stylelab.run import prepare as jobs
from stylelab.torch.engine.allocator import settle
from stylelab.torch.engine.optimisers import make_method
from stylelab.torch.features import Encoder
from stylelab.torch.objective import Objective, transfer_loss
from stylelab.torch.tensors import to_image, to_tensor


def optimise(image: Tensor, loss: Objective, *, optimiser: "str | Optimiser" = "lbfgs", steps: int) -> Iterator[Step]:
    """Lower a loss by changing an image, one step at a time. The reader of the iterator may stop whenever it likes.

    >>> target = sl.to_tensor(cat)
    >>> start = sl.to_tensor(np.zeros((40, 60, 3)))
    >>> losses = [step.loss for step in sl.optimise(start, lambda image: sl.content_loss(image, target), steps=5)]
    >>> losses[-1] < losses[0]
    True

    Args:
        image: `(1, 3, H, W)` in 0..1, where to start; it is not changed.
        loss: image -> a scalar, or a dict of named scalars whose sum is lowered.
        optimiser: 'lbfgs', 'adam', 'sgd', or an `Optimiser` with its settings.
        steps: how many.

    Yields:
        Step(index from 1, the loss that the step started from, its parts, the image after the step).

    Raises:
        InputError: an unknown optimiser.
        NotFiniteError: the loss is NaN or infinite; it carries the last good image.

    Source: Gatys et al. 2016 for L-BFGS; Liu and Nocedal 1989; Kingma and Ba 2015 for Adam.
    """
    settings = optimiser if isinstance(optimiser, Optimiser) else Optimiser(optimiser, *_LEARNING_RATES.get(optimiser, ()))
    start = image.detach().clone(memory_format=torch.contiguous_format)
    run = _walk(start, loss, make_method(settings, start), settings.clip, range(1, steps + 1))
    return (jobs.only(steps) for steps in run)


_LEARNING_RATES = {"adam": (0.02,), "sgd": (0.1,)}


def _walk(images: Tensor, loss: Objective, method: Any, clip: bool, indices: range) -> Iterator[list["Step | NotFiniteError"]]:
    """Move a batch of images, in place. An image whose loss is no number stays where it was last good."""
    good = before = images.clone()
    broken: dict[int, NotFiniteError] = {}
    for index in indices:
        parts, gradient = _evaluate(loss, images)
        names, values = list(parts), torch.stack(list(parts.values())).double().tolist()
        totals = [sum(column) for column in zip(*values, strict=True)]
        for each, total in enumerate(totals):
            if each not in broken and not np.isfinite(total):
                broken[each] = NotFiniteError(index, total, to_image(good[each : each + 1]))
        with torch.no_grad():
            for each in broken:
                gradient[each], totals[each] = 0, 0.0
            method.step(images, totals, gradient)
            if clip:
                images.clamp_(0, 1)
            if index == indices[-1]:
                method.check(images, lambda: torch.stack(list(_named(loss(images)).values())).sum(0).tolist())
        good, before = before, images.clone()
        yield [
            broken.get(each) or _step(index, names, [row[each] for row in values], before[each : each + 1])
            for each in range(len(images))
        ]


def _evaluate(loss: Objective, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The parts of the loss, `(B,)` each, and the gradient of their sum."""
    leaf = images.detach().requires_grad_(True)
    parts = _named(loss(leaf))
    total: Any = sum(parts.values())
    (gradient,) = torch.autograd.grad(total.sum(), leaf)
    return {name: part.detach() for name, part in parts.items()}, gradient


def _step(index: int, names: list[str], values: list[float], after: Tensor) -> Step:
    return Step(index, sum(values), dict(zip(names, values, strict=True)), lambda: to_image(after))


def _named(loss: "Tensor | dict[str, Tensor]") -> dict[str, Tensor]:
    parts = loss if isinstance(loss, dict) else {"loss": loss}
    return {name: part.reshape(-1) for name, part in parts.items()}


def _climb(
    stages: list[list[jobs.Job]], network: Encoder, device: torch.device, tile: int | None
) -> Iterator[list["Step | NotFiniteError"]]:
    """One size after the other; images and what the optimiser has learnt are enlarged in between."""
    images = method = None
    done = 0
    for batch in stages:
        recipe = batch[0].recipe
        content, start = (torch.cat([to_tensor(getattr(job, name), device) for job in batch]) for name in ("content", "start"))
        styles = [to_tensor(job.style, device) for job in batch]
        loss = transfer_loss(network, content, styles, recipe, batch[0].weights, tile=tile)
        if recipe.optimiser.name == "lbfgs":  # its images are not clipped as they go
            loss = partial(_inside, loss)
        images = start if images is None else _enlarge(images, start.shape[2:])
        method = make_method(recipe.optimiser, images) if method is None else method.enlarged(recipe.optimiser, images)
        del content, start, styles  # the loss has what it needs of them
        settle(device, tile=tile)
        indices = range(done + 1, done + recipe.steps + 1)
        yield from _walk(images, loss, method, recipe.optimiser.clip, indices)
        done += recipe.steps


def _inside(loss: Objective, images: Tensor) -> "Tensor | dict[str, Tensor]":
    """The loss of the images as they will be saved, in 0..1."""
    return loss(_Inside.apply(images))


class _Inside(torch.autograd.Function):
    """Pixels brought into 0..1. Beyond, they feel only what draws them back: plain clamping would leave them there."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:
        ctx.save_for_backward(images)
        return images.clamp(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (images,) = ctx.saved_tensors
        outwards = ((images < 0) & (gradient > 0)) | ((images > 1) & (gradient < 0))
        return gradient.masked_fill(outwards, 0)


def _enlarge(images: Tensor, size: Sequence[int]) -> Tensor:
    height, width = size
    arrays = images.permute(0, 2, 3, 1).cpu().numpy()
    larger = np.stack([files.enlarge(array, (height, width)) for array in arrays])
    return torch.from_numpy(larger).permute(0, 3, 1, 2).contiguous().to(images.device)
