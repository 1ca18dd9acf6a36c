"""Style transfer in PyTorch: a loss made of two images, and a loop that lowers it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stylelab import encoders
from stylelab import images as files
from stylelab.encoders import EncoderName
from stylelab.errors import InputError, NotFiniteError
from stylelab.images import Source
from stylelab.recipes import Optimiser, Recipe, Weights
from stylelab.result import Result, Step
from stylelab.run import prepare as jobs
from stylelab.run.numerics import memory
from stylelab.run.options import PairOptions, Watch, WatchBatch
from stylelab.run.provenance import sign, take_down
from stylelab.torch.engine import tiles
from stylelab.torch.engine.optimisers import make_method
from stylelab.torch.features import Encoder, find_device, find_precision, load_encoder
from stylelab.torch.losses import content_loss, normalised_gram, style_distance, total_variation

Loss = Callable[[Tensor], "Tensor | dict[str, Tensor]"]


def to_tensor(image: np.ndarray, device: "str | torch.device | None" = None) -> Tensor:
    """An image as an encoder takes it.

    Args:
        image: `(H, W, 3)` array in 0..1; it is copied.
        device: where to put the tensor; by default the fastest there is, as for `load_encoder`.

    Returns:
        `(1, 3, H, W)` float32.

    Raises:
        InputError: another shape, or not the name of a device.
        MachineError: a GPU asked for by name that is not there.

    Source: ours; the seeds do it with their framework's image loaders.
    """
    array = np.array(image, dtype=np.float32)  # a copy: the tensor must not share the caller's memory
    if array.ndim != 3 or array.shape[2] != 3:
        raise InputError(f"image must be (H, W, 3); got {array.shape}")
    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous().to(find_device(device))


def to_image(tensor: Tensor) -> np.ndarray:
    """The inverse of `to_tensor`, clipped.

    Args:
        tensor: `(1, 3, H, W)`, on any device.

    Returns:
        `(H, W, 3)` float32 array in 0..1.

    Raises:
        InputError: another shape.

    Source: ours; as `deprocess_img` of the Keras example, without the way through 8 bits.
    """
    if tensor.ndim != 4 or tensor.shape[:2] != (1, 3):
        raise InputError(f"tensor must be (1, 3, H, W); got {tuple(tensor.shape)}")
    return tensor.detach()[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy().copy()


def transfer_loss(
    encoder: Encoder,
    content: Tensor,
    style: "Tensor | Sequence[Tensor]",
    recipe: Recipe,
    weights: Weights | None = None,
    tile: int | None = None,
) -> Loss:
    """The total loss of a recipe, in its parts. Targets are computed here, once.

    Args:
        encoder: must give the recipe's layers.
        content: `(B, 3, H, W)` in 0..1.
        style: `(1, 3, H', W')` in 0..1, of any size; for a batch a sequence of B such images.
        recipe: layers and normalisations.
        weights: of the parts; by default the author's.
        tile: side in pixels of the tiles to work in; None for whole images.

    Returns:
        A function: images `(B, 3, H, W)` -> `{"content", "style", "tv"}`, weighted: scalars, for a batch `(B,)`.

    Raises:
        InputError: the encoder was loaded without one of the recipe's layers, or an unknown normalisation.

    Source: Gatys et al. 2016, equations 1 to 7.
    """
    if missing := [layer for layer in recipe.layers if layer not in encoder.layers]:
        raise InputError(f"the encoder was loaded without {', '.join(missing)}: load it with layers=recipe.layers")
    weights = weights or recipe.weights
    image_size, styles = tuple(content.shape[2:]), [style] if isinstance(style, Tensor) else list(style)
    sizes = {layer: encoders.layer_size(layer, *image_size) for layer in recipe.style}
    look = encoder.look if tile is None else partial(tiles.look, encoder, tile=tile)
    with torch.no_grad():
        content_targets, _ = look(content, recipe.content, ())
        grams = [_target_grams(look, each, recipe, sizes) for each in styles]

    def of_one(index: int, image: Tensor, activations: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
        content_part = sum(
            share * content_loss(activations[layer], content_targets[layer][index : index + 1], recipe.content_loss)
            for layer, share in recipe.content.items()
        )
        style_part = sum(
            share * _style_distance(own[layer], grams[index][layer], recipe, sizes[layer], image_size)
            for layer, share in recipe.style.items()
        )
        parts: dict[str, Any] = {"content": weights.content * content_part, "style": weights.style * style_part}
        if weights.tv:
            parts["tv"] = weights.tv * total_variation(image, recipe.tv)
        return parts

    def loss(images: Tensor) -> dict[str, Tensor]:
        activations, own = look(images, recipe.content, recipe.style)
        parts = [
            of_one(index, images[index : index + 1], _slice(activations, index), _slice(own, index))
            for index in range(len(images))
        ]
        return parts[0] if len(parts) == 1 else {name: torch.stack([each[name] for each in parts]) for name in parts[0]}

    return loss


def _target_grams(look: Callable, style: Tensor, recipe: Recipe, sizes: dict) -> dict[str, Tensor]:
    """The style image's Gram matrices, as if it had as many places as the image being painted."""
    _, grams = look(style, (), recipe.style)
    targets = {}
    for layer, gram in grams.items():
        places, own_places = (height * width for height, width in (sizes[layer], encoders.layer_size(layer, *style.shape[2:])))
        mean = recipe.style_loss == "mean"
        targets[layer] = normalised_gram(gram, recipe.gram, own_places) if mean else gram * (places / own_places)
    return targets


def _style_distance(own: Tensor, target: Tensor, recipe: Recipe, size: tuple, image_size: tuple) -> Tensor:
    if recipe.style_loss == "mean":
        own = normalised_gram(own, recipe.gram, size[0] * size[1])
    return style_distance(own, target, recipe.style_loss, size, image_size)


def _slice(tensors: dict[str, Tensor], index: int) -> dict[str, Tensor]:
    return {layer: tensor[index : index + 1] for layer, tensor in tensors.items()}


def optimise(image: Tensor, loss: Loss, *, optimiser: "str | Optimiser" = "lbfgs", steps: int) -> Iterator[Step]:
    """Lower a loss by changing an image, one step at a time. The reader of the iterator may stop whenever it likes.

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


def _walk(images: Tensor, loss: Loss, method: Any, clip: bool, indices: range) -> Iterator[list["Step | NotFiniteError"]]:
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


def _evaluate(loss: Loss, images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
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


def transfer(
    content: Source,
    style: Source,
    *,
    recipe: "str | Recipe" = "gatys",
    encoder: EncoderName = "auto",
    size: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str | None = None,
    content_layers: Sequence[str] | None = None,
    style_layers: Sequence[str] | None = None,
    precision: str = "auto",
    scales: int = 1,
    tile: int | None = None,
    content_weight: float | None = None,
    style_weight: float | None = None,
    tv_weight: float | None = None,
    watch: "Watch | None" = None,
    snapshots: Sequence[int] | None = None,
) -> Result:
    """Paint one image's content in another's style.

    Args:
        content, style: path, built-in name, PIL image, or float array `(H, W, 3)` in 0..1.
        recipe: a name of `stylelab.recipes.RECIPES`, or a Recipe.
        encoder: 'auto' (`vgg19` when it is in the cache, else `mini`), another name, or a path.
        size: long side in pixels; by default the recipe's.
        steps: by default the recipe's.
        seed: of the noise that some recipes start from.
        device: 'cpu', 'gpu', 'cuda', 'mps'; by default the fastest there is.
        content_layers, style_layers: instead of the recipe's, for an encoder that stops early, say.
        precision: of the network, 'float32' or 'bfloat16'; 'auto' is bfloat16 where that is faster.
        scales: how many sizes to paint one after the other, each sqrt 2 larger than the one before; the last is `size`.
        tile: side in pixels of the tiles to work in, for images too large to be held as a whole; exact. 0: whole. By
            default whole, and in tiles when that would not fit, or on a CPU take more than 6 GB: `Result.notes` says so.
        content_weight, style_weight, tv_weight: alpha, beta and the total variation's weight instead of the recipe's, as
            they stand in the loss: `stylelab recipes NAME` prints a recipe's own, which depend on the encoder.
        watch: called with every Step.
        snapshots: the steps whose images are kept.

    Returns:
        Result: image, history, snapshots, seconds, device. On Ctrl-C the best image so far, at a loss that is
        not finite the last good one; `stopped` says so.

    Raises:
        InputError: something about the images, names or numbers given.
        MachineError: a GPU asked for by name that is not there.

    Source: Gatys, Ecker and Bethge 2016; from coarse to fine: Gatys et al. 2017.
    """
    return transfer_batch(
        [content], [style], recipe=recipe, encoder=encoder, size=size, steps=steps, seed=seed, scales=scales,
        content_layers=content_layers, style_layers=style_layers, content_weight=content_weight, style_weight=style_weight,
        tv_weight=tv_weight, device=device, precision=precision, tile=tile, snapshots=snapshots,
        watch=None if watch is None else partial(_watch_one, watch),
    )[0]  # fmt: skip


def _watch_one(watch: Watch, steps: list["Step | NotFiniteError"]) -> object:
    return watch(jobs.only(steps))


def transfer_batch(
    contents: Sequence[Source],
    styles: Sequence[Source],
    *,
    device: str | None = None,
    precision: str = "auto",
    tile: int | None = None,
    watch: "WatchBatch | None" = None,
    snapshots: Sequence[int] | None = None,
    **options: Unpack[PairOptions],
) -> list[Result]:
    """Paint several pairs in one run, which a GPU likes better than one after the other. Each comes out as if alone.

    Args:
        contents, styles: as many of the one as of the other, each as for `transfer`; the content images have one size
            when they are resized.
        watch: called with the list of all pairs' Steps; a NotFiniteError stands for a pair that has ended.
        device, precision, tile, snapshots, options: as for `transfer` (recipe, encoder, size, steps, seed, content_layers,
            style_layers, scales, and the three weights), the same for all pairs.

    Returns:
        A Result for each pair.

    Raises:
        InputError: as `transfer`, or the images do not fit into a batch.
        MachineError: a GPU asked for by name that is not there.

    Source: as `transfer`.
    """
    stages = jobs.prepare_stages(contents, styles, **options)
    asked = take_down("torch", contents, styles, **options)
    return sign(_paint(stages, device, precision, tile, watch, snapshots), asked)


def _paint(
    stages: list[list[jobs.Job]], device: Any, precision: str, tile: int | None, watch: "WatchBatch | None",
    snapshots: Sequence[int] | None,
) -> list[Result]:  # fmt: skip
    jobs.check_run(precision, tile)
    last = stages[-1][0]
    device, notes = find_device(device), []
    precision = jobs.precision_for(last, precision)
    precision = find_precision(precision, device, last.content.shape[0] * last.content.shape[1])
    network = load_encoder(
        last.encoder, last.recipe.layers, pooling=last.recipe.pooling, normalised=last.normalised, device=device,
        precision=precision,
    )  # fmt: skip
    if tile is None:
        planned, free = jobs.plan_memory(stages[-1], network.widths, precision), _free_memory(device)
        tile = memory.choose_tile(planned, free, shared=device.type == "cpu")
        notes += [memory.note(planned, tile, free)] if tile else []
    run = _climb(stages, network, device, tile or None)
    try:
        return jobs.collect_all(
            run, stages, device=str(device), precision=precision, tile=tile, notes=notes, watch=watch, snapshots=snapshots
        )
    finally:
        memory.give_back()


def _free_memory(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory.free_memory()


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
        loss = transfer_loss(network, content, styles, recipe, batch[0].weights, tile)
        if recipe.optimiser.name == "lbfgs":  # its images are not clipped as they go
            loss = partial(_inside, loss)
        images = start if images is None else _enlarge(images, start.shape[2:])
        method = make_method(recipe.optimiser, images) if method is None else method.enlarged(recipe.optimiser, images)
        del content, start, styles  # the loss has what it needs of them
        memory.give_back()
        if tile is None and device.type == "cpu":  # the steps need the same again and again; tiles do not
            memory.keep_freed()
        indices = range(done + 1, done + recipe.steps + 1)
        yield from _walk(images, loss, method, recipe.optimiser.clip, indices)
        done += recipe.steps


def _inside(loss: Loss, images: Tensor) -> "Tensor | dict[str, Tensor]":
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
