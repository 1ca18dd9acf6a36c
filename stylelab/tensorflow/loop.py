"""The loop that lowers a loss by changing an image, one step at a time."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.base.values import instance, kind_of, one_of, whole
from stylelab.errors import InputError, NotFiniteError
from stylelab.recipes import OPTIMISERS, Optimiser
from stylelab.result import Step
from stylelab.run.numerics.settling import Settling
from stylelab.run.prepare import Job
from stylelab.run.state import Progress
from stylelab.tensorflow.engine.graph import compiled, placed
from stylelab.tensorflow.engine.optimisers import make_method
from stylelab.tensorflow.features import Encoder
from stylelab.tensorflow.losses import temporal_loss
from stylelab.tensorflow.objective import Objective, transfer_loss
from stylelab.tensorflow.tensors import as_tensor, to_image, to_tensor

LEARNING_RATES = {"lbfgs": 1.0, "adam": 0.02, "sgd": 0.1}
Evaluate = Callable[[], tuple[dict[str, Tensor], Tensor]]  # -> parts of the loss, (B,) each, and the gradient of their sum
KEPT = 20  # steps for which L-BFGS keeps what a loss draws at random: it compares one step's gradient with the next one's
Steps = list["Step | NotFiniteError | None"]  # of a batch: one for each image; None for one that has settled
Finish = Callable[[np.ndarray], np.ndarray]  # an image of the run -> the image to show


def optimise(image: Tensor, loss: Objective, *, optimiser: "str | Optimiser" = "lbfgs", steps: int) -> Iterator[Step]:
    """Lower a loss by changing an image, one step at a time. The caller may stop at any step.

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
        InputError: an unknown optimiser, not an image, or a loss that does not depend on it.
        NotFiniteError: the loss is NaN or infinite; it carries the last good image.

    Source: Gatys et al. 2016 for L-BFGS; Liu and Nocedal 1989; Kingma and Ba 2015 for Adam.
    """
    if not isinstance(optimiser, Optimiser):
        optimiser = Optimiser(one_of("optimiser", optimiser, OPTIMISERS), LEARNING_RATES[optimiser])
    image, steps = as_tensor(image, "image", "(1, H, W, 3)"), whole("steps", steps, 0)
    instance("loss", loss, Callable, words="a function of the image")
    start = _variable(image)
    with tf.device(start.device):
        method = make_method(optimiser, start)
    evaluate = _evaluation(loss, start)

    renew = getattr(loss, "renew", lambda step: False)

    def run() -> Iterator[Step]:
        for (step,) in _descend(
            start, evaluate, method, optimiser, range(1, steps + 1), renew, [_as_it_is], Settling([0]), Progress()
        ):
            if isinstance(step, NotFiniteError):
                raise step
            assert step is not None  # with no limit, none settles
            yield step

    return placed(start.device, run())


def paint_stages(
    stages: list[list[Job]], encoder: Encoder, device: str, tile: int | None = None, progress: Progress | None = None
) -> Iterator[Steps]:
    """Paint a batch of images at one size after the other, each starting from the last one's result.

    Args:
        stages: for each size, from coarse to fine, a job for each pair of images.
        encoder: must give the recipe's layers.
        device: where to keep the images.
        tile: side in pixels of the tiles to work in; None for whole images.
        progress: where to start, and where to say how far the run is; by default it starts at the first step.

    Yields:
        For each step a list: each image's Step, the NotFiniteError that ended it, or None if it has settled.

    Source: Gatys et al. 2017, section 6, for the sizes.
    """
    images = method = None
    first, progress = 1, progress or Progress()
    for jobs in stages:
        recipe = jobs[0].recipe
        steps = range(first, first + recipe.steps)
        first += recipe.steps
        if steps.stop <= progress.step:  # of a run that continues at a larger size
            continue
        content, start = (tf.concat([to_tensor(getattr(job, name), device) for job in jobs], 0) for name in ("content", "start"))
        styles = [[to_tensor(style.image, device) for style in job.styles] for job in jobs]
        blend = [[style.weight for style in job.styles] for job in jobs]
        regions = [job.regions for job in jobs]
        loss: Any = transfer_loss(encoder, content, styles, recipe, jobs[0].weights, tile=tile, blend=blend, regions=regions)
        drawn = loss
        if jobs[0].previous is not None:
            loss = _following(loss, jobs, device)
        if jobs[0].in_grey:
            loss = partial(_in_grey, loss)
        if any(job.painted is not None for job in jobs):
            loss = partial(_beside, loss, [job.painted for job in jobs], content)
        if recipe.optimiser.name == "lbfgs":  # its images are not clipped from step to step
            loss = partial(_as_saved, loss)
        images = _variable(start if images is None else _enlarged(images, jobs))
        method = make_method(recipe.optimiser, images) if method is None else method.enlarged(recipe.optimiser, images)
        evaluate = _evaluation(loss, images, tile=tile)
        del content, start, styles  # the loss has what it needs of them
        finish = [job.finish for job in jobs]
        settling = Settling([job.settle if jobs is stages[-1] else 0.0 for job in jobs])
        yield from _descend(images, evaluate, method, recipe.optimiser, steps, drawn.renew, finish, settling, progress)


def _descend(
    images: tf.Variable, evaluate: Evaluate, method: Any, optimiser: Optimiser, indices: range, renew: Callable[[int], bool],
    finish: Sequence[Finish], settling: Settling, progress: Progress,
) -> Iterator[Steps]:  # fmt: skip
    """Move a batch of images, in place. One whose loss is not finite stays where it was last good; one that settles gives no more Steps.

    `finish` makes of each image what its steps show.
    """
    good = before = tf.identity(images)
    failures: dict[int, NotFiniteError] = {}
    kept = KEPT if optimiser.name == "lbfgs" else 1
    if progress.step in indices:  # the run continues after this step
        good, before, failures = _restore(progress, images, method, settling)
        renew((progress.step - 1) // kept)
    for index in indices[max(0, progress.step + 1 - indices.start) :]:
        if (index == indices[0] or (index - 1) % kept == 0) and renew((index - 1) // kept):
            method.renewed()
        parts, gradient = evaluate()
        settled = set(settling.settled)  # before this step
        values = [part.numpy().astype(float).tolist() for part in parts.values()]  # a row for each part, a column for each image
        totals = [sum(column) for column in zip(*values, strict=True)]
        for i, total in enumerate(totals):
            if i not in failures and i not in settled and not np.isfinite(total):
                failures[i] = NotFiniteError(index, total, finish[i](to_image(good[i : i + 1])))
        if ended := failures.keys() | settled:
            stays = np.isin(range(len(totals)), list(ended)).reshape(-1, 1, 1, 1)
            gradient = tf.where(stays, tf.zeros_like(gradient), gradient)
            totals = [0.0 if i in ended else total for i, total in enumerate(totals)]
        progress.read = None
        moved = method.step(before, totals, gradient)
        images.assign(tf.clip_by_value(moved, 0.0, 1.0) if optimiser.clip else moved)
        if settling.due(index + 1 - indices.start):
            settling.look([own(to_image(images[i : i + 1])) for i, own in enumerate(finish)])
        if over := index == indices[-1] or settling.ended(failures):
            images.assign(method.check(tf.identity(images), lambda: tf.add_n(list(evaluate()[0].values())).numpy().tolist()))
        good, before = before, tf.identity(images)
        progress.step, progress.ended, progress.read = index, failures, partial(_state, before, good, method, settling)
        yield [
            failures.get(i)
            or (None if i in settled else _step(index, dict(zip(parts, column, strict=True)), before[i : i + 1], finish[i]))
            for i, column in enumerate(zip(*values, strict=True))
        ]
        if over:
            return


def _state(images: Tensor, good: Tensor, method: Any, settling: Settling) -> dict[str, np.ndarray]:
    """Everything that the next steps depend on."""
    still = {f"settling.{name}": array for name, array in settling.state().items()}
    return {"images": images.numpy(), "good": good.numpy(), **method.state(), **still}


def _restore(
    progress: Progress, images: tf.Variable, method: Any, settling: Settling
) -> tuple[Tensor, Tensor, dict[int, NotFiniteError]]:
    """Bring images and method back to where a run was stopped, in place; also its last two images, and those that had ended."""
    arrays, progress.arrays = progress.arrays, {}
    images.assign(arrays["images"])
    method.restore(arrays)
    settling.restore({name.removeprefix("settling."): array for name, array in arrays.items() if name.startswith("settling.")})
    with tf.device(images.device):
        return tf.constant(arrays["good"]), tf.identity(images), dict(progress.ended)


def _evaluation(loss: Objective, images: tf.Variable, tile: int | None = None) -> Evaluate:
    """The loss and the gradient of the images as they are when this is called: as one graph, unless in tiles."""

    def evaluate() -> tuple[dict[str, Tensor], Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            leaf = tf.identity(images)
            tape.watch(leaf)
            parts = _named(loss(leaf))
            total = tf.add_n([tf.reduce_sum(part) for part in parts.values()])
        gradient = tape.gradient(total, leaf)
        if gradient is None:
            raise InputError("the loss does not depend on the image: compute it from the image that it is given, with TensorFlow")
        return parts, gradient

    return compiled(evaluate, tile=tile)


def _named(loss: "Tensor | dict[str, Tensor]") -> dict[str, Tensor]:
    parts = loss if isinstance(loss, dict) else {"loss": loss}
    try:
        parts = {name: tf.convert_to_tensor(part) for name, part in parts.items()}
        widest = max((part.dtype for part in parts.values()), key=lambda dtype: (dtype.is_floating, dtype.size))
    except (TypeError, ValueError):
        widest = tf.string
    if not widest.is_floating:
        raise InputError(f"the loss must return a tensor, or a dict of them; got {kind_of(loss)}")
    return {name: tf.reshape(tf.cast(part, widest), (-1,)) for name, part in parts.items()}


def _step(index: int, parts: dict[str, float], image: Tensor, finish: Finish) -> Step:
    return Step(index, sum(parts.values()), parts, lambda: finish(to_image(image)))


def _as_it_is(image: np.ndarray) -> np.ndarray:
    return image


def _variable(images: Tensor) -> tf.Variable:
    with tf.device(images.device):
        return tf.Variable(images)


def _in_grey(loss: Objective, images: Tensor) -> "Tensor | dict[str, Tensor]":
    """The loss of images that start grey, and stay so: red, green and blue get one gradient."""
    return loss(tf.concat([tf.reduce_mean(images, -1, keepdims=True)] * 3, -1))


def _following(loss: Objective, jobs: list[Job], device: str) -> Objective:
    """The loss of frames of a film: how much each differs from the one before it is one more part."""
    previous = [job.previous for job in jobs if job.previous]
    warped = [to_tensor(one.warped, device) for one in previous]
    masks = [tf.constant(one.reliable[None, ..., None], tf.float32) for one in previous]

    def loss_with_temporal(images: Tensor) -> dict[str, Tensor]:
        values = [one.weight * temporal_loss(images[i : i + 1], warped[i], masks[i]) for i, one in enumerate(previous)]
        return {**_named(loss(images)), "temporal": tf.stack(values)}

    return loss_with_temporal


def _beside(loss: Objective, painted: "list[np.ndarray | None]", content: Tensor, images: Tensor) -> "Tensor | dict[str, Tensor]":
    """The loss of images that are painted only in some places: elsewhere they are the content images, and get no gradient."""
    places = [np.ones(images.shape[1:3], bool) if one is None else one for one in painted]
    return loss(tf.where(np.stack(places)[..., None], images, content))


def _as_saved(loss: Objective, images: Tensor) -> "Tensor | dict[str, Tensor]":
    """The loss of the images as they will be saved, in 0..1."""
    return loss(inside(images))


def inside(images: Tensor) -> Tensor:
    """Pixels brought into 0..1. One beyond gets only the gradient that draws it back: plain clamping would give it none."""
    return _inside(images)


@tf.custom_gradient
def _inside(images: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    def backward(gradient: Tensor) -> Tensor:
        outwards = ((images < 0) & (gradient > 0)) | ((images > 1) & (gradient < 0))
        return tf.where(outwards, tf.zeros_like(gradient), gradient)

    return tf.clip_by_value(images, 0.0, 1.0), backward


def _enlarged(images: tf.Variable, jobs: Sequence[Job]) -> Tensor:
    with tf.device(images.device):
        return tf.constant(np.stack([job.enlarge(array) for job, array in zip(jobs, images.numpy(), strict=True)]))
