"""The loop that lowers a loss by changing an image, one step at a time."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab import images as files
from stylelab.errors import NotFiniteError
from stylelab.recipes import Optimiser
from stylelab.result import Step
from stylelab.run import prepare as jobs
from stylelab.tensorflow.engine.graph import compiled
from stylelab.tensorflow.engine.optimisers import make_method
from stylelab.tensorflow.features import Encoder
from stylelab.tensorflow.objective import Objective, transfer_loss
from stylelab.tensorflow.tensors import to_image, to_tensor

Evaluate = Callable[[], tuple[dict[str, Tensor], Tensor]]  # -> parts of the loss, (B,) each, and the gradient of their sum


def optimise(image: Tensor, loss: Objective, *, optimiser: "str | Optimiser" = "lbfgs", steps: int) -> Iterator[Step]:
    """Lower a loss by changing an image, one step at a time. The reader of the iterator may stop whenever it likes.

    >>> target = sl.to_tensor(cat)
    >>> start = sl.to_tensor(np.zeros((40, 60, 3)))
    >>> losses = [step.loss for step in sl.optimise(start, lambda image: sl.content_loss(image, target), steps=5)]
    >>> losses[-1] < losses[0]
    True

    Args:
        image: `(1, H, W, 3)` in 0..1, where to start; it is not changed.
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
    start = _variable(image)
    run = _walk(start, _evaluation(loss, start), make_method(settings, start), settings.clip, range(1, steps + 1))
    return (jobs.only(steps) for steps in run)


_LEARNING_RATES = {"adam": (0.02,), "sgd": (0.1,)}


def _walk(
    images: tf.Variable, evaluate: Evaluate, method: Any, clip: bool, indices: range
) -> Iterator[list["Step | NotFiniteError"]]:
    """Move a batch of images, in place. An image whose loss is no number stays where it was last good."""
    good = before = tf.identity(images)
    broken: dict[int, NotFiniteError] = {}
    for index in indices:
        parts, gradient = evaluate()
        names, values = list(parts), [part.numpy().astype(float).tolist() for part in parts.values()]
        totals = [sum(column) for column in zip(*values, strict=True)]
        for each, total in enumerate(totals):
            if each not in broken and not np.isfinite(total):
                broken[each] = NotFiniteError(index, total, to_image(good[each : each + 1]))
        if broken:
            stays = np.isin(range(len(totals)), list(broken)).reshape(-1, 1, 1, 1)
            gradient = tf.where(stays, tf.zeros_like(gradient), gradient)
            totals = [0.0 if each in broken else total for each, total in enumerate(totals)]
        moved = method.step(before, totals, gradient)
        images.assign(tf.clip_by_value(moved, 0.0, 1.0) if clip else moved)
        if index == indices[-1]:
            images.assign(method.check(tf.identity(images), lambda: tf.add_n(list(evaluate()[0].values())).numpy().tolist()))
        good, before = before, tf.identity(images)
        yield [
            broken.get(each) or _step(index, names, [row[each] for row in values], before[each : each + 1])
            for each in range(len(totals))
        ]


def _evaluation(loss: Objective, images: tf.Variable, tile: int | None = None) -> Evaluate:
    def evaluate() -> tuple[dict[str, Tensor], Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            leaf = tf.identity(images)
            tape.watch(leaf)
            parts = _named(loss(leaf))
            total = tf.add_n([tf.reduce_sum(part) for part in parts.values()])
        return parts, tape.gradient(total, leaf)

    return compiled(evaluate, tile=tile)


def _variable(images: Tensor) -> tf.Variable:
    with tf.device(images.device):
        return tf.Variable(images)


def _step(index: int, names: list[str], values: list[float], after: Tensor) -> Step:
    return Step(index, sum(values), dict(zip(names, values, strict=True)), lambda: to_image(after))


def _named(loss: "Tensor | dict[str, Tensor]") -> dict[str, Tensor]:
    parts = loss if isinstance(loss, dict) else {"loss": loss}
    return {name: tf.reshape(part, (-1,)) for name, part in parts.items()}


def _climb(
    stages: list[list[jobs.Job]], network: Encoder, device: str, tile: int | None
) -> Iterator[list["Step | NotFiniteError"]]:
    """One size after the other; images and what the optimiser has learnt are enlarged in between."""
    images = method = None
    done = 0
    for batch in stages:
        recipe = batch[0].recipe
        content, start = (tf.concat([to_tensor(getattr(job, name), device) for job in batch], 0) for name in ("content", "start"))
        styles = [to_tensor(job.style, device) for job in batch]
        loss = transfer_loss(network, content, styles, recipe, batch[0].weights, tile=tile)
        if recipe.optimiser.name == "lbfgs":  # its images are not clipped as they go
            loss = partial(_inside, loss)
        images = _variable(start if images is None else _enlarge(images, start.shape[1:3]))
        method = make_method(recipe.optimiser, images) if method is None else method.enlarged(recipe.optimiser, images)
        evaluate = _evaluation(loss, images, tile=tile)
        del content, start, styles  # the loss has what it needs of them
        indices = range(done + 1, done + recipe.steps + 1)
        yield from _walk(images, evaluate, method, recipe.optimiser.clip, indices)
        done += recipe.steps


def _inside(loss: Objective, images: Tensor) -> "Tensor | dict[str, Tensor]":
    """The loss of the images as they will be saved, in 0..1."""
    return loss(_into_range(images))


@tf.custom_gradient
def _into_range(images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Pixels brought into 0..1. Beyond, they feel only what draws them back: plain clamping would leave them there."""

    def backward(gradient: Tensor) -> Tensor:
        outwards = ((images < 0) & (gradient > 0)) | ((images > 1) & (gradient < 0))
        return tf.where(outwards, tf.zeros_like(gradient), gradient)

    return tf.clip_by_value(images, 0.0, 1.0), backward


def _enlarge(images: tf.Variable, size: Sequence[int]) -> Tensor:
    height, width = size
    with tf.device(images.device):
        return tf.constant(np.stack([files.enlarge(array, (height, width)) for array in images.numpy()]))
