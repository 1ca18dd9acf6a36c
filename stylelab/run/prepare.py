"""Check everything that a run needs and make it ready, before a framework is imported.

`prepare_run` opens and resizes the images, resolves recipe and encoder, and lays out the sizes from coarse to fine. The result,
a `Run`, is what `stylelab.torch.transfer.paint` and its twin take.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stylelab import encoders, images
from stylelab.base.files import printable
from stylelab.base.values import one_of, several, whole
from stylelab.errors import InputError, MachineError
from stylelab.images import Opened, Source
from stylelab.recipes import Recipe, Weights, find_recipe, with_layers, with_weights
from stylelab.run.checksums import sha256_of
from stylelab.run.numerics import memory
from stylelab.run.numerics.precision import check_precision
from stylelab.run.options import Options, keywords
from stylelab.run.state import Keeper, Progress

COARSEST = 40  # pixels of the short side: below, the deepest layers have next to nothing to respond to
FINEST = 0.4  # share of the steps at the last size
WAYS_TO_KEEP_COLOURS = ("luminance", "match")


@dataclass(frozen=True)
class Job:
    """One pair at one size, checked and ready. Images are `(H, W, 3)` float32 in 0..1.

    Attributes:
        recipe: with this run's layers, weights and steps.
        encoder: what is known of the network before it is loaded.
        weights: the recipe's weights that fit the encoder's activations.
        normalised: whether the encoder must be scaled to a mean activation of 1.
        content, style, start: three images, as the network sees them; `content` and `start` have one size.
        photograph: the content image in its own colours.
        in_grey: whether only luminance is painted: then `content`, `style` and `start` are grey.
        notes: remarks on the images as they were given.
    """

    recipe: Recipe
    encoder: encoders.Encoder
    weights: Weights
    normalised: bool
    content: np.ndarray
    style: np.ndarray
    start: np.ndarray
    photograph: np.ndarray
    in_grey: bool = False
    notes: tuple[str, ...] = ()

    def finish(self, image: np.ndarray) -> np.ndarray:
        """What is shown of an image on the way: with the photograph's chroma, if only luminance is painted."""
        return images.with_luminance(self.photograph, images.luminance(image)) if self.in_grey else image


@dataclass(frozen=True)
class Inputs:
    """The images of one pair as they were given.

    Attributes:
        content, style: paths, names, arrays, PIL images or `ImageFile`s.
        sha256: of the two files and of the encoder's weights, where there are any, when they were opened.
    """

    content: Source
    style: Source
    sha256: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """A run that is checked and ready to be painted.

    Attributes:
        options: as they were given.
        stages: for each size, from coarse to fine, a job for each pair. The steps are shared out among the sizes.
        inputs: for each pair.
        keeper: of the file that the run is kept in, if it is; from `stylelab.run.resume.keep`.
    """

    options: Options
    stages: list[list[Job]]
    inputs: list[Inputs]
    keeper: Keeper | None = None

    @property
    def progress(self) -> Progress:
        """Where the run starts: at its first step, unless it goes on from what was kept."""
        return self.keeper.progress if self.keeper else Progress()

    @property
    def job(self) -> Job:
        """The first pair at its final size."""
        return self.stages[-1][0]

    @property
    def steps(self) -> int:
        """Steps of the optimiser at all sizes together."""
        return sum(batch[0].recipe.steps for batch in self.stages)

    def device(self, find: Callable[[str | None], Any]) -> Any:
        """What `find` finds for the device asked for; the fastest there is, if settings of another machine name one that is not here.

        Raises:
            MachineError: a GPU asked for by name that is not there.
        """
        try:
            return find(self.options.device)
        except MachineError:
            if not getattr(self.options, "elsewhere", False):
                raise
            return find(None)

    @property
    def precision(self) -> str:
        """As asked for, but float32 when 'auto' meets random filters.

        With those, the least difference in rounding leads to another image. A run that goes on keeps its precision.
        """
        if self.keeper and self.keeper.found:
            return self.keeper.found.about["precision"]
        return precision_for(self.job, self.options.precision)


def prepare_run(contents: Sequence[Source], styles: Sequence[Source], options: Options) -> Run:
    """Make a run ready. All mistakes in its images and options are found here.

    Args:
        contents, styles: as many of the one as of the other; all pairs are painted together.
        options: the same for all pairs.

    Raises:
        InputError: one line about the image, recipe, encoder, layer, weight or number at fault; or the content images of a
            batch do not have the same size.
    """
    check_run(options.precision, options.tile)
    scales = whole("scales", options.scales, 1)
    recipe, encoder = _resolve(options)
    contents, styles = several("contents", contents, "['cat', 'coffee']"), several("styles", styles, "['fluid', 'leaves']")
    if not contents or len(contents) != len(styles):
        raise InputError(f"{len(contents)} content and {len(styles)} style images: give as many of the one as of the other")
    opened = [tuple(map(images.open_with_notes, pair)) for pair in zip(contents, styles, strict=True)]

    def jobs(size: int | None) -> list[Job]:
        return [_job(recipe, encoder, content, style, size, options) for content, style in opened]

    stages = [jobs(options.size)]
    if len(shapes := {job.content.shape[:2] for job in stages[0]}) > 1:
        sizes = ", ".join(f"{width} x {height}" for height, width in sorted(shapes))
        raise InputError(f"the content images of a batch have different sizes ({sizes}): paint them one by one")
    height, width = shapes.pop()
    for coarser in range(1, scales):
        side = round(max(height, width) / 2 ** (coarser / 2))
        if side * min(height, width) / max(height, width) < COARSEST:
            break
        stages.insert(0, jobs(side))
    for batch, steps in zip(stages, share_steps(recipe.steps, len(stages)), strict=True):
        batch[:] = [replace(job, recipe=replace(job.recipe, steps=steps)) for job in batch]

    weights = sha256_of(encoder)
    inputs = []
    for content, style, (opened_content, opened_style) in zip(contents, styles, opened, strict=True):
        sums = {"content": opened_content.sha256, "style": opened_style.sha256, "encoder": weights}
        inputs.append(Inputs(content, style, {name: digest for name, digest in sums.items() if digest}))
    return Run(options, [batch for batch in stages if batch[0].recipe.steps], inputs)


@keywords(Options)
def prepare(content: Source, style: Source, options: Options) -> Job:
    """Make one pair ready at its final size, with all the steps.

    Args:
        content, style: as for `stylelab.transfer`.
        options: the fields of `stylelab.run.options.Options`, as keywords.

    Raises:
        InputError: as `prepare_run`.
    """
    opened = images.open_with_notes(content), images.open_with_notes(style)
    return _job(*_resolve(options), *opened, options.size, options)


def _resolve(options: Options) -> tuple[Recipe, encoders.Encoder]:
    """The recipe with the options' layers, weights and steps; and the encoder, which has these layers."""
    recipe = with_layers(find_recipe(options.recipe), options.content_layers, options.style_layers)
    recipe = with_weights(recipe, options.content_weight, options.style_weight, options.tv_weight)
    recipe = replace(recipe, steps=whole("steps", recipe.steps if options.steps is None else options.steps, 1))
    whole("seed", options.seed, 0)
    if options.keep_colours is not None:
        one_of("way to keep colours", options.keep_colours, WAYS_TO_KEEP_COLOURS)
    encoder = encoders.find_encoder(options.encoder)
    encoders.check_layers(encoder, recipe.layers)
    return recipe, encoder


def _job(
    recipe: Recipe, encoder: encoders.Encoder, opened_content: Opened, opened_style: Opened, size: int | None, options: Options
) -> Job:  # fmt: skip
    content, style = opened_content.image, opened_style.image
    content = images.resize(content, recipe.long_side(*content.shape[:2]) if size is None else size)
    if recipe.style_fit == "stretch":
        style = images.fit(style, content.shape[:2])
    else:  # its short side becomes the content's, as in Gatys's own code; a narrow strip is at most twice as long as the content
        short, long = sorted(content.shape[:2])
        style = images.resize(style, min(round(short * max(style.shape[:2]) / min(style.shape[:2])), 2 * long))
    notes = (*opened_content.notes, *opened_style.notes)
    for name, opened, image in (("content", opened_content, content), ("style", opened_style, style)):
        (height, width), (old_height, old_width) = image.shape[:2], opened.image.shape[:2]
        images.check_size(image, f"the {name} image", (old_height, old_width))
        if max(height, width) > max(old_height, old_width):
            called = f"the {name} image" + (f" '{printable(opened.name)}'" if opened.name else "")
            notes += (f"{called} of {old_width} x {old_height} pixels was enlarged to {width} x {height}, which adds no detail",)
    if (pixels := recipe.optimiser.pixels) is not None:  # the learning rate was chosen for this number of pixels
        share = content.shape[0] * content.shape[1] / pixels
        recipe = replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=recipe.optimiser.learning_rate * share))
    photograph, start = content, start_image(recipe, content, int(options.seed))
    if options.keep_colours == "match":
        style = images.match_colours(style, photograph)
    elif options.keep_colours == "luminance":
        content, style, start = map(_in_grey, (content, style, start))
        style = images.match_colours(style, content)  # of grey images: the mean and the spread of their luminance
    return Job(
        recipe=recipe,
        encoder=encoder,
        weights=weights_for(recipe, encoder, content.shape[:2]),
        normalised=recipe.weights_for == "normalised" or encoder.activations != recipe.weights_for,
        content=content,
        style=style,
        start=start,
        photograph=photograph,
        in_grey=options.keep_colours == "luminance",
        notes=notes,
    )


def _in_grey(image: np.ndarray) -> np.ndarray:
    return np.repeat(images.luminance(image)[..., None], 3, axis=-1)


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


def share_steps(steps: int, scales: int) -> list[int]:
    """How many steps each size gets, smallest first. The last gets most: those before cost less and less."""
    if scales == 1:
        return [steps]
    last = max(1, round(steps * FINEST))
    before = [(steps - last) // (scales - 1)] * (scales - 1)
    before[-1] += steps - last - sum(before)
    return [*before, last]


def check_run(precision: str, tile: int | None) -> None:
    """Check the options that say how to compute, not what.

    Raises:
        InputError: an unknown precision, or a tile that is neither 0 nor a whole number of pixels from 16.
    """
    check_precision(precision)
    if tile is not None:
        whole("tile", tile, 0 if tile == 0 else 16)


def precision_for(job: Job, precision: str) -> str:
    """`Run.precision` of a job."""
    return "float32" if precision == "auto" and job.encoder.path is None else precision


def plan_memory(batch: list[Job], widths: Mapping[str, int], precision: str) -> memory.Run:
    """What decides how much memory a batch takes, with the number of filters of each layer."""
    job = batch[0]
    height, width = job.content.shape[:2]
    return memory.Run(
        height, width, job.recipe.whole_layers, job.recipe.layers, widths, precision,
        job.recipe.optimiser.name, len(batch),
    )  # fmt: skip
