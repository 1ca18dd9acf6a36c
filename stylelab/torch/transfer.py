"""Style transfer in PyTorch: a loss made of two images, and a loop that lowers it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Unpack

import torch

from stylelab.encoders import EncoderName
from stylelab.errors import NotFiniteError
from stylelab.images import Source
from stylelab.recipes import Recipe
from stylelab.result import Result, Step
from stylelab.run import prepare as jobs
from stylelab.run.numerics import memory
from stylelab.run.options import PairOptions, Watch, WatchBatch
from stylelab.run.provenance import sign, take_down
from stylelab.torch.features import load_encoder
from stylelab.torch.loop import _climb
from stylelab.torch.tensors import find_device, find_precision


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
