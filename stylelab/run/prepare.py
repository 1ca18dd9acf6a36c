"""The parts of a run that need no framework: what is asked for, made ready; and what comes back, written down."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stylelab import encoders, images
from stylelab.encoders import EncoderName
from stylelab.errors import InputError, NotFiniteError
from stylelab.images import Source
from stylelab.recipes import Optimiser, Recipe, Weights, find_recipe, with_layers, with_weights
from stylelab.result import History, Result, Step
from stylelab.run.numerics import memory
from stylelab.run.numerics.precision import check_precision
from stylelab.run.options import WatchBatch

COARSEST = 40  # pixels of the short side: below, the deepest layers see next to nothing
FINEST = 0.4  # share of the steps at the last size


@dataclass(frozen=True)
class Job:
    """A run, checked and ready. Images are `(H, W, 3)` float32 in 0..1.

    Attributes:
        recipe: with this run's layers and steps.
        encoder: what is known of the network.
        weights: the recipe's weights that fit the encoder's activations.
        normalised: whether the encoder must be scaled to a mean activation of 1.
        content, style, start: three images; `content` and `start` have one size.
    """

    recipe: Recipe
    encoder: encoders.Encoder
    weights: Weights
    normalised: bool
    content: np.ndarray
    style: np.ndarray
    start: np.ndarray


def prepare(
    content: Source,
    style: Source,
    *,
    recipe: "str | Recipe" = "gatys",
    encoder: EncoderName = "auto",
    size: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    content_layers: Sequence[str] | None = None,
    style_layers: Sequence[str] | None = None,
    content_weight: float | None = None,
    style_weight: float | None = None,
    tv_weight: float | None = None,
) -> Job:
    """Everything that can be wrong in what the user asks for is found here, before a framework is imported.

    Raises:
        InputError: one line about the image, recipe, encoder, layer, weight, size, steps or seed at fault.
    """
    recipe = with_layers(find_recipe(recipe), content_layers, style_layers)
    recipe = with_weights(recipe, content_weight, style_weight, tv_weight)
    recipe = replace(recipe, steps=_whole("steps", recipe.steps if steps is None else steps, 1))
    seed = _whole("seed", seed, 0)
    encoder = encoders.find_encoder(encoder)
    encoders.check_layers(encoder, recipe.layers)
    content, style = images.open_image(content), images.open_image(style)
    long_side = recipe.long_side(*content.shape[:2]) if size is None else size
    content = images.resize(content, long_side)
    if recipe.style_fit == "stretch":
        style = images.fit(style, content.shape[:2])
    else:
        style = images.resize(style, _style_side(style, content))
    images.check_size(content, "the content image")
    images.check_size(style, "the style image")
    recipe = replace(recipe, optimiser=_at_size(recipe.optimiser, content))
    return Job(
        recipe=recipe,
        encoder=encoder,
        weights=weights_for(recipe, encoder, content.shape[:2]),
        normalised=recipe.weights_for == "normalised" or encoder.activations != recipe.weights_for,
        content=content,
        style=style,
        start=start_image(recipe, content, seed),
    )


def weights_for(recipe: Recipe, encoder: encoders.Encoder, shape: tuple[int, int]) -> Weights:
    """A recipe's weights that fit an encoder's activations, for an image of (height, width) pixels.

    Raises:
        InputError: all are zero.
    """
    if encoder.name == "mini" and recipe.mini is not None:
        weights = recipe.mini
    else:
        weights = recipe.weights if encoder.activations == recipe.weights_for else recipe.normalised
    if not (weights.content or weights.style or weights.tv):
        raise InputError("the weights of content, style and total variation are all zero: give at least one above it")
    if weights.pixels is None:
        return weights
    return replace(weights, tv=weights.tv * weights.pixels / (shape[0] * shape[1]), pixels=None)


def start_image(recipe: Recipe, content: np.ndarray, seed: int) -> np.ndarray:
    """The image at step 0. Noise is uniform, from NumPy, so that both frameworks start from the same one."""
    if recipe.start == "content":
        return content
    noise = np.random.default_rng(seed).uniform(size=content.shape).astype(np.float32)
    if recipe.start == "noise":
        return noise
    # deeplearning.ai's exercise draws 20 grey levels of 255 to both sides of ImageNet's mean colour, not the whole range
    noise = np.array([0.485, 0.456, 0.406], np.float32) + (2 * noise - 1) * np.float32(20 / 255)
    return np.clip(recipe.noise * noise + (1 - recipe.noise) * content, 0, 1).astype(np.float32)


def prepare_stages(
    contents: Sequence[Source], styles: Sequence[Source], *, scales: int = 1, size: int | None = None, **options: Any
) -> list[list[Job]]:
    """The jobs of a run from coarse to fine: for each size, smallest first, one job for each pair. Steps are shared out.

    Args:
        contents, styles: as many of the one as of the other.
        scales: how many sizes, each sqrt 2 larger than the one before. Sizes below the smallest that an image may have
            are left out.
        size, options: as for `prepare`.

    Raises:
        InputError: as `prepare`; or the images of a batch have not one size.
    """
    scales, pairs = _whole("scales", scales, 1), list(zip(contents, styles, strict=False))
    if not pairs or len(contents) != len(styles):
        raise InputError(f"{len(contents)} content and {len(styles)} style images: give as many of the one as of the other")
    pairs = [(images.open_image(content), images.open_image(style)) for content, style in pairs]
    stages = [[prepare(*pair, size=size, **options) for pair in pairs]]
    if len(shapes := {job.content.shape[:2] for job in stages[0]}) > 1:
        sizes = ", ".join(f"{width} x {height}" for height, width in sorted(shapes))
        raise InputError(f"the content images of a batch come to different sizes ({sizes}): paint them one by one")
    height, width = shapes.pop()
    for step in range(1, scales):
        side = round(max(height, width) / 2 ** (step / 2))
        if side * min(height, width) / max(height, width) < COARSEST:
            break
        stages.insert(0, [prepare(*pair, size=side, **options) for pair in pairs])
    for batch, steps in zip(stages, share_steps(stages[0][0].recipe.steps, len(stages)), strict=True):
        batch[:] = [replace(job, recipe=replace(job.recipe, steps=steps)) for job in batch]
    return [batch for batch in stages if batch[0].recipe.steps]


def check_run(precision: str, tile: int | None) -> None:
    """What a run is asked beside its images and its recipe, checked before a framework is imported.

    Raises:
        InputError: an unknown precision, or a tile that is neither a number of pixels nor 0.
    """
    check_precision(precision)
    if tile is not None:
        _whole("tile", tile, 0 if tile == 0 else 16)


def precision_for(job: Job, precision: str) -> str:
    """'auto' is float32 for random filters: there two runs part ways at the least difference, and bfloat16 is one."""
    return "float32" if precision == "auto" and job.encoder.path is None else precision


def plan_memory(batch: list[Job], widths: Mapping[str, int], precision: str) -> memory.Run:
    """What decides how much memory a batch takes, with the number of filters of each layer."""
    job = batch[0]
    height, width = job.content.shape[:2]
    return memory.Run(
        height, width, tuple(job.recipe.content), tuple(job.recipe.style), widths, precision,
        job.recipe.optimiser.name, len(batch),
    )  # fmt: skip


def share_steps(steps: int, scales: int) -> list[int]:
    """How many steps each size gets, smallest first: the last gets most, as those before cost less and less."""
    if scales == 1:
        return [steps]
    last = max(1, round(steps * FINEST))
    before = [(steps - last) // (scales - 1)] * (scales - 1)
    before[-1] += steps - last - sum(before)
    return [*before, last]


def only(steps: "list[Step | NotFiniteError]") -> Step:
    """The one image's step of a batch of one.

    Raises:
        NotFiniteError: it has ended with that.
    """
    (step,) = steps
    if isinstance(step, NotFiniteError):
        raise step
    return step


def collect_all(
    run: "Iterable[list[Step | NotFiniteError]]",
    stages: list[list[Job]],
    *,
    device: str,
    precision: str,
    tile: int | None = None,
    notes: Sequence[str] = (),
    watch: "WatchBatch | None" = None,
    snapshots: Sequence[int] | None = None,
) -> list[Result]:
    """Read a run to its end: write down every step, stop cleanly on Ctrl-C or at a loss that is no number.

    Args:
        run: an iterator over the steps of a batch.
        stages: from `prepare_stages`.
        device, precision, tile, notes: for the Results.
        watch: called with the steps of the whole batch.
        snapshots: the steps whose images are kept; by default eight, closer together at the start.
    """
    counts = [batch[0].recipe.steps for batch in stages]
    keep = set(_snapshot_steps(sum(counts), stages[-1][0].content) if snapshots is None else snapshots)
    starts = {1 + sum(counts[:index]) for index in range(len(counts))}  # a loss says nothing of those at other sizes
    records, began, interrupted = [_Record(job) for job in stages[0]], time.perf_counter(), False
    try:
        for steps in run:
            seconds = time.perf_counter() - began
            for record, step in zip(records, steps, strict=True):
                record.add(step, seconds, keep, starts)
            if all(record.stopped for record in records):
                break
            if watch is not None:
                watch(steps)
    except KeyboardInterrupt:
        interrupted = True
    except NotFiniteError as error:
        records[0].add(error, 0.0, keep, starts)
    for record in records:
        record.end(interrupted)
    seconds = time.perf_counter() - began
    sides = tuple(max(batch[0].content.shape[:2]) for batch in stages)
    return [
        Result(
            record.full_size(job), record.history, record.kept, seconds, device,
            replace(job.recipe, steps=sum(counts)), job.encoder.name, record.stopped, precision=precision, scales=sides,
            tile=tile, notes=tuple(notes), taken=record.taken if len(stages) == 1 else 0,
        )
        for record, job in zip(records, stages[-1], strict=True)
    ]  # fmt: skip


class _Record:
    """What is written down of one image's run."""

    def __init__(self, job: Job):
        self.history = History()
        self.kept: dict[int, np.ndarray] = {}
        self.stopped: str | None = None
        self.image = job.start
        self.best: Step | np.ndarray = job.start
        self.last: Step | np.ndarray = job.start
        self.lowest, self.taken = np.inf, 0

    def add(self, step: "Step | NotFiniteError", seconds: float, keep: set[int], starts: set[int]) -> None:
        if self.stopped:
            return
        if isinstance(step, NotFiniteError):
            self.stopped, self.image = str(step), step.image
            self.taken = max(0, step.index - 2)  # the last step whose image's loss was a number
            return
        if step.index in starts:
            self.lowest = np.inf
        self.history.append(step, seconds)
        if step.loss < self.lowest:  # a step's loss belongs to the image that it started from
            self.lowest, self.best = step.loss, self.last
        self.last = step
        if step.index in keep:
            self.kept[step.index] = step.image

    def end(self, interrupted: bool) -> None:
        if self.stopped is None:
            chosen = self.best if interrupted else self.last
            self.image, self.taken = _image(chosen), getattr(chosen, "index", 0)
            if interrupted:
                self.stopped = f"stopped after {len(self.history)} steps: this is the best image so far"
        self.kept[len(self.history)] = self.image

    def full_size(self, job: Job) -> np.ndarray:
        """The image as large as asked for, though the run ended at a smaller size."""
        if self.image.shape == job.content.shape:
            return self.image
        return images.fit(self.image, job.content.shape[:2])


def _at_size(optimiser: Optimiser, content: np.ndarray) -> Optimiser:
    """The optimiser with its learning rate for an image of that many pixels, where that matters."""
    if optimiser.pixels is None:
        return optimiser
    share = content.shape[0] * content.shape[1] / optimiser.pixels
    return replace(optimiser, learning_rate=optimiser.learning_rate * share)


def _style_side(style: np.ndarray, content: np.ndarray) -> int:
    """The long side of a style image whose short side is the content's, as in Gatys's own code; twice its long side
    at most, for a style image that is a narrow strip."""
    short, long = sorted(content.shape[:2])
    return min(round(short * max(style.shape[:2]) / min(style.shape[:2])), 2 * long)


def _image(step: "Step | np.ndarray") -> np.ndarray:
    return step.image if isinstance(step, Step) else step


def _snapshot_steps(steps: int, image: np.ndarray) -> list[int]:
    """Which steps' images are kept: eight, closer together at the start, or two of an image whose eight would take 0.1 GB."""
    count = 8 if image.nbytes < 1e8 / 8 else 2
    return sorted({round(float(step)) for step in np.geomspace(1, steps, count)})


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or int(value) != value or value < least:
        raise InputError(f"{name} is {value}: give a whole number of at least {least}")
    return int(value)
