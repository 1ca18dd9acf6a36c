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
from stylelab.base.values import number, one_of, several, whole
from stylelab.errors import InputError, MachineError
from stylelab.images import Opened, Source
from stylelab.recipes import Recipe, Weights, find_recipe, with_layers, with_weights
from stylelab.run.checksums import sha256_of
from stylelab.run.numerics import memory
from stylelab.run.numerics.precision import check_precision
from stylelab.run.options import WAYS_TO_KEEP_COLOURS, Options, keywords, numbered
from stylelab.run.regions import Mask, Regions, find_regions
from stylelab.run.state import Keeper, Progress

COARSEST = 40  # pixels of the short side: below, the deepest layers have next to nothing to respond to
FINEST = 0.4  # share of the steps at the last size


@dataclass(frozen=True)
class Style:
    """A style image of a job, `(H, W, 3)` float32 in 0..1, and its weight among all of them."""

    image: np.ndarray
    weight: float = 1.0


@dataclass(frozen=True)
class Previous:
    """The frame before a job's in a film.

    Attributes:
        warped: `(H, W, 3)`, as it was painted, moved to where the job's frame is.
        reliable: `(H, W)` booleans: where both frames show the same.
        weight: of the temporal loss in the total.
    """

    warped: np.ndarray
    reliable: np.ndarray
    weight: float


@dataclass(frozen=True)
class Job:
    """One pair at one size, checked and ready. Images are `(H, W, 3)` float32 in 0..1.

    Attributes:
        recipe: with this run's layers, weights and steps.
        encoder: what is known of the network before it is loaded.
        weights: the recipe's weights that fit the encoder's activations.
        normalised: whether the encoder must be scaled to a mean activation of 1.
        content, start: images of one size, as the network sees them.
        styles: the style images, as the network sees them; at less than full strength the content image is the last of them.
        photograph: the content image in its own colours.
        in_grey: whether only luminance is painted: then all these images are grey.
        regions: of the content and the style images; None if there are none.
        strength: of the styles; at 0 the photograph stays as it is.
        previous: the frame before it, if it is one of a film.
        notes: remarks on the images as they were given.
    """

    recipe: Recipe
    encoder: encoders.Encoder
    weights: Weights
    normalised: bool
    content: np.ndarray
    styles: tuple[Style, ...]
    start: np.ndarray
    photograph: np.ndarray
    in_grey: bool = False
    regions: Regions | None = None
    strength: float = 1.0
    previous: Previous | None = None
    notes: tuple[str, ...] = ()

    @property
    def style(self) -> np.ndarray:
        """The first style image."""
        return self.styles[0].image

    @property
    def whole_layers(self) -> tuple[str, ...]:
        """The layers whose activations are needed whole: with regions, also every style layer."""
        own = self.recipe.whole_layers
        return own if self.regions is None else tuple(dict.fromkeys((*own, *self.recipe.style)))

    @property
    def painted(self) -> "np.ndarray | None":
        """Where the image is painted, `(H, W)`; None for everywhere."""
        size = self.content.shape[:2]
        if self.strength == 0:
            return np.zeros(size, bool)
        return None if self.regions is None else self.regions.painted(size)

    @property
    def settle(self) -> float:
        """The recipe's, for the mean over all pixels, of which only some may be painted."""
        return self.recipe.settle * (1.0 if self.painted is None else float(self.painted.mean()))

    def enlarge(self, image: np.ndarray) -> np.ndarray:
        """An image painted at a smaller size, to continue from at this one: details too fine for it are the content image's.

        Lanczos alone would leave it blurred, and the steps that sharpen it are the dearest of a run (docs/speed.md).
        """
        size = self.content.shape[:2]
        larger = images.enlarge(image, size)
        if not self.weights.content:
            return larger
        return larger + self.content - images.enlarge(images.fit(self.content, image.shape[:2]), size)

    def finish(self, image: np.ndarray) -> np.ndarray:
        """What is shown of an image on the way: with the photograph's chroma, if only luminance is painted, and as the photograph
        is where nothing is painted."""
        if self.in_grey:
            image = images.with_luminance(self.photograph, images.luminance(image))
        painted = self.painted
        return image if painted is None else np.where(painted[..., None], image, self.photograph)


@dataclass(frozen=True)
class Inputs:
    """The images of one pair as they were given.

    Attributes:
        content, styles: paths, names, arrays, PIL images or `ImageFile`s.
        sha256: of the files and of the encoder's weights, where there are any, when they were opened.
    """

    content: Source
    styles: Sequence[Source]
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
        """Where the run starts: at its first step, unless it continues from what was kept."""
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

        With those, the least difference in rounding leads to another image. A run that continues keeps its precision.
        """
        if self.keeper and self.keeper.found:
            return self.keeper.found.about["precision"]
        return precision_for(self.job, self.options.precision)


def prepare_run(contents: Sequence[Source], styles: "Sequence[Source | Sequence[Source]]", options: Options) -> Run:
    """Make a run ready. All mistakes in its images and options are found here.

    Args:
        contents, styles: as many of the one as of the other; all pairs are painted together. An item of `styles` may be a list
            of images to blend.
        options: the same for all pairs.

    Raises:
        InputError: one line about the image, recipe, encoder, layer, weight or number at fault; or the content images of a
            batch do not have the same size.
    """
    check_run(options.precision, options.tile)
    recipe, encoder = _resolve(options)
    contents, styles = several("contents", contents, "['cat', 'coffee']"), several("styles", styles, "['fluid', 'leaves']")
    if not contents or len(contents) != len(styles):
        raise InputError(f"{len(contents)} content and {len(styles)} style images: give as many of the one as of the other")
    several_each = [_as_list(style) for style in styles]
    opened = [_open(content, some, options) for content, some in zip(contents, several_each, strict=True)]
    stages = [[_job(recipe, encoder, pair, options.size, options) for pair in opened]]
    if len(shapes := {job.content.shape[:2] for job in stages[0]}) > 1:
        sizes = ", ".join(f"{width} x {height}" for height, width in sorted(shapes))
        raise InputError(f"the content images of a batch have different sizes ({sizes}): paint them one by one")
    height, width = shapes.pop()
    scales = recipe.scales(max(height, width)) if options.scales is None else whole("scales", options.scales, 1)
    if options.strength == 0:  # enlarged from a smaller one, it would not be the photograph
        scales = 1
    for coarser in range(1, scales):
        side = round(max(height, width) / 2**coarser)
        if side * min(height, width) / max(height, width) < COARSEST:
            break
        finest = zip(opened, stages[-1], strict=True)
        stages.insert(0, [_job(recipe, encoder, pair, side, options, job.regions) for pair, job in finest])
    for batch, steps in zip(stages, share_steps(recipe.steps, len(stages)), strict=True):
        batch[:] = [replace(job, recipe=replace(job.recipe, steps=steps)) for job in batch]

    weights = sha256_of(encoder)
    inputs = []
    for content, some, pair in zip(contents, several_each, opened, strict=True):
        sums = {"encoder": weights} | {name: each.sha256 for name, each in pair.named()}
        inputs.append(Inputs(content, tuple(some), {name: digest for name, digest in sums.items() if digest}))
    return Run(options, [batch for batch in stages if batch[0].recipe.steps], inputs)


def follow(run: Run, previous: Previous, steps: int) -> Run:
    """The run of a frame that follows another in a film: it starts from that, and from the photograph where something is new.

    There is only the final size: what is painted at smaller ones is there already.

    Args:
        run: of one pair.
        previous: the frame before it, of the run's final size.
        steps: of the optimiser.
    """
    job = run.job
    if previous.warped.shape != job.content.shape:
        raise InputError(
            f"the frame before is {previous.warped.shape} but this one is {job.content.shape}: paint both in one size"
        )
    if job.in_grey:
        previous = replace(previous, warped=_in_grey(previous.warped))
    start = np.where(previous.reliable[..., None], previous.warped, job.content)
    recipe = replace(job.recipe, steps=whole("steps", steps, 1), settle=0.0)  # what is new may be a small part
    return replace(run, stages=[[replace(job, recipe=recipe, start=start, previous=previous)]], keeper=None)


@keywords(Options)
def prepare(content: Source, style: "Source | Sequence[Source]", options: Options) -> Job:
    """Make one pair ready at its final size, with all the steps.

    Args:
        content, style: as for `stylelab.transfer`.
        options: the fields of `stylelab.run.options.Options`, as keywords.

    Raises:
        InputError: as `prepare_run`.
    """
    return _job(*_resolve(options), _open(content, _as_list(style), options), options.size, options)


@dataclass(frozen=True)
class _Pair:
    """A content image and its styles, opened, and their masks."""

    content: Opened
    styles: list[Opened]
    content_mask: Opened | None
    style_masks: list[Opened]

    def named(self) -> list[tuple[str, Opened]]:
        """All of them, by the names that settings give them: 'style', 'style 2' and so on."""
        own = [("content", self.content)] + ([("content_mask", self.content_mask)] if self.content_mask else [])
        for role, opened in (("style", self.styles), ("style_mask", self.style_masks)):
            own += [(numbered(role, index), each) for index, each in enumerate(opened)]
        return own


def _as_list(style: Any) -> list[Source]:
    styles = list(style) if isinstance(style, list | tuple) else [style]
    if not styles:
        raise InputError("no style image: give at least one")
    return styles


def _open(content: Source, styles: Sequence[Source], options: Options) -> _Pair:
    masks = () if options.style_mask is None else options.style_mask
    if masks and options.content_mask is None:
        raise InputError("a style mask needs a content mask in the same colours: give both, or none")
    if masks and len(masks) != len(styles):
        raise InputError(f"{_count(len(masks), 'style mask')} for {_count(len(styles), 'style')}: give one for each style")
    if options.blend is not None and len(options.blend) != len(styles):
        raise InputError(
            f"blend has {_count(len(options.blend), 'weight')} for {_count(len(styles), 'style')}: give one for each style"
        )
    opened = [images.open_with_notes(each) for each in (content, *styles, *masks)]
    mask = None if options.content_mask is None else images.open_with_notes(options.content_mask)
    return _Pair(opened[0], opened[1 : 1 + len(styles)], mask, opened[1 + len(styles) :])


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _blend(number: int, options: Options) -> list[float]:
    """The weights of styles, which add up to 1."""
    if options.blend is None:
        return [1 / number] * number
    total = sum(options.blend)
    if abs(total - 1) > 0.005:  # 0.33, 0.33 and 0.33 are meant well
        raise InputError(f"the weights of blend add up to {total:.4g}: give weights that add up to 1, such as 0.7 and 0.3")
    return [weight / total for weight in options.blend]


def _resolve(options: Options) -> tuple[Recipe, encoders.Encoder]:
    """The recipe with the options' layers, weights and steps; and the encoder, which has these layers."""
    recipe = with_layers(find_recipe(options.recipe), options.content_layers, options.style_layers)
    recipe = with_weights(recipe, options.content_weight, options.style_weight, options.tv_weight)
    recipe = replace(recipe, steps=whole("steps", recipe.steps if options.steps is None else options.steps, 1))
    recipe = replace(recipe, settle=number("settle", recipe.settle if options.settle is None else options.settle, 0.0))
    whole("seed", options.seed, 0)
    if not 0 <= number("strength", options.strength) <= 1:
        raise InputError(f"strength is {options.strength:g}: give a number from 0, the photograph as it is, to 1, the full style")
    if number("style_scale", options.style_scale) <= 0:
        raise InputError(f"style_scale is {options.style_scale:g}: give a number above 0, such as 0.5")
    if options.keep_colours is not None:
        one_of("way to keep colours", options.keep_colours, WAYS_TO_KEEP_COLOURS)
    encoder = encoders.find_encoder(options.encoder)
    encoders.check_layers(encoder, recipe.layers)
    return recipe, encoder


def _job(
    recipe: Recipe, encoder: encoders.Encoder, pair: _Pair, size: int | None, options: Options, regions: Regions | None = None
) -> Job:  # fmt: skip
    """A pair at one size; with the `regions` that it has at its final size, or else with those that its masks say."""
    content = pair.content.image
    content = images.resize(content, recipe.long_side(*content.shape[:2]) if size is None else size)
    weights = _blend(len(pair.styles), options)
    used = [index for index, weight in enumerate(weights) if weight]
    styles = [_style_image(pair.styles[index].image, content.shape[:2], recipe, float(options.style_scale)) for index in used]
    notes = _check_images(pair, [("content", pair.content, content)] + [
        (numbered("style", index), pair.styles[index], image) for index, image in zip(used, styles, strict=True)
    ])  # fmt: skip
    if pair.content_mask and regions is None:
        regions, remarks = _find_regions(pair, used, content, styles)
        notes += remarks
        if regions and options.strength < 1:
            regions = replace(regions, styles=(*(regions.styles if options.strength else ()), regions.content))
    if (pixels := recipe.optimiser.pixels) is not None:  # the learning rate was chosen for this number of pixels
        share = content.shape[0] * content.shape[1] / pixels
        recipe = replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=recipe.optimiser.learning_rate * share))
    photograph, start = content, start_image(recipe, content, int(options.seed))
    if options.keep_colours == "match":
        styles = [images.match_colours(style, photograph) for style in styles]
    elif options.keep_colours == "luminance":
        content, start = map(_in_grey, (content, start))  # of grey images: the mean and the spread of their luminance
        styles = [images.match_colours(_in_grey(style), content) for style in styles]
    job = Job(
        recipe=recipe,
        encoder=encoder,
        weights=weights_for(recipe, encoder, content.shape[:2]),
        normalised=recipe.weights_for == "normalised" or encoder.activations != recipe.weights_for,
        content=content,
        styles=tuple(Style(image, weights[index]) for index, image in zip(used, styles, strict=True)),
        start=start,
        photograph=photograph,
        in_grey=options.keep_colours == "luminance",
        regions=regions,
        notes=notes,
    )
    return _weaker(job, float(options.strength))


def _weaker(job: Job, strength: float) -> Job:
    """The job at less than full strength: the content image is one more style, and every loss that leads away from it has less weight."""
    if strength == 1:
        return job
    styles = [replace(style, weight=strength * style.weight) for style in job.styles if strength]
    start = (
        job.start if job.recipe.start == "content" else np.float32(strength) * job.start + np.float32(1 - strength) * job.content
    )
    return replace(
        job, strength=strength, styles=(*styles, Style(job.content, 1 - strength)), start=start,
        weights=replace(job.weights, tv=strength * job.weights.tv),
    )  # fmt: skip


def _style_image(style: np.ndarray, size: tuple[int, int], recipe: Recipe, scale: float) -> np.ndarray:
    """A style image as large as the recipe wants it for a content image of (height, width) `size`, times `scale`."""
    if recipe.style_fit == "stretch":
        return images.fit(style, (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
    # its short side becomes the content's, as in Gatys's own code; a narrow strip is at most twice as long as the content
    short, long = sorted(size)
    side = min(round(short * max(style.shape[:2]) / min(style.shape[:2])), 2 * long)
    return images.resize(style, max(1, round(side * scale)))


def _check_images(pair: _Pair, used: list[tuple[str, Opened, np.ndarray]]) -> tuple[str, ...]:
    """Notes on a pair's images as they were given, and on those that had to be enlarged.

    Raises:
        InputError: one is too small.
    """
    notes = tuple(note for _, opened in pair.named() for note in opened.notes)
    for name, opened, image in used:
        (height, width), (old_height, old_width) = image.shape[:2], opened.image.shape[:2]
        images.check_size(image, f"the {name.split()[0]} image", (old_height, old_width))
        if max(height, width) > max(old_height, old_width):
            called = f"the {name.split()[0]} image" + (f" '{printable(opened.name)}'" if opened.name else "")
            notes += (f"{called} of {old_width} x {old_height} pixels was enlarged to {width} x {height}, which adds no detail",)
    return notes


def _find_regions(
    pair: _Pair, used: list[int], content: np.ndarray, styles: list[np.ndarray]
) -> tuple[Regions | None, tuple[str, ...]]:
    """What the masks of a pair say of its content image and the styles that are used, and notes."""
    assert pair.content_mask is not None
    mask = Mask.of(pair.content_mask, "the content mask", pair.content.image, "the content image")
    masks = []
    for index in used if pair.style_masks else []:
        number = f" {index + 1}" if len(pair.styles) > 1 else ""
        opened, called = pair.style_masks[index], f"style image{number}" if number else "the style image"
        masks.append(Mask.of(opened, f"style mask{number}" if number else "the style mask", pair.styles[index].image, called))
    return find_regions(mask, masks, content.shape[:2], [style.shape[:2] for style in styles], len(styles))


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
        height, width, job.whole_layers, job.recipe.layers, widths, precision,
        job.recipe.optimiser.name, len(batch),
    )  # fmt: skip
