"""The parts of a run that need no framework: what is asked for, made ready; and what comes back, written down."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stylelab import encoders, pictures
from stylelab.errors import InputError, NotFiniteError
from stylelab.recipes import Optimiser, Recipe, Weights, find_recipe, with_layers
from stylelab.result import History, Result, Step

Watch = Callable[[Step], object]


@dataclass(frozen=True)
class Job:
    """A run, checked and ready. Pictures are `(H, W, 3)` float32 in 0..1.

    Attributes:
        recipe: with this run's layers and steps.
        encoder: what is known of the network.
        weights: the recipe's weights that fit the encoder's activations.
        normalised: whether the encoder must be scaled to a mean activation of 1.
        content, style, start: three pictures; `content` and `start` have one size.
    """

    recipe: Recipe
    encoder: encoders.Encoder
    weights: Weights
    normalised: bool
    content: np.ndarray
    style: np.ndarray
    start: np.ndarray


def prepare(
    content,
    style,
    *,
    recipe: "str | Recipe" = "gatys",
    encoder: "str | encoders.Encoder" = "auto",
    size: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    content_layers: Sequence[str] | None = None,
    style_layers: Sequence[str] | None = None,
) -> Job:
    """Everything that can be wrong in what the user asks for is found here, before a framework is imported.

    Raises:
        InputError: one line about the picture, recipe, encoder, layer, size, steps or seed at fault.
    """
    recipe = with_layers(find_recipe(recipe), content_layers, style_layers)
    recipe = replace(recipe, steps=_whole("steps", recipe.steps if steps is None else steps, 1))
    seed = _whole("seed", seed, 0)
    encoder = encoders.find_encoder(encoder)
    encoders.check_layers(encoder, recipe.layers)
    content, style = pictures.open_picture(content), pictures.open_picture(style)
    long_side = recipe.long_side(*content.shape[:2]) if size is None else size
    content = pictures.resize(content, long_side)
    if recipe.style_fit == "stretch":
        style = pictures.fit(style, content.shape[:2])
    else:
        style = pictures.resize(style, _style_side(style, content))
    pictures.check_size(content, "the content picture")
    pictures.check_size(style, "the style picture")
    recipe = replace(recipe, optimiser=_at_size(recipe.optimiser, content))
    return Job(
        recipe=recipe,
        encoder=encoder,
        weights=_weights_at_size(_weights(recipe, encoder), content),
        normalised=recipe.weights_for == "normalised" or encoder.activations != recipe.weights_for,
        content=content,
        style=style,
        start=start_picture(recipe, content, seed),
    )


def start_picture(recipe: Recipe, content: np.ndarray, seed: int) -> np.ndarray:
    """The picture at step 0. Noise is uniform, from NumPy, so that both frameworks start from the same one."""
    if recipe.start == "content":
        return content
    noise = np.random.default_rng(seed).uniform(size=content.shape).astype(np.float32)
    if recipe.start == "noise":
        return noise
    # seeds/002 draws 20 grey levels of 255 to both sides of ImageNet's mean colour, not the whole range
    noise = np.float32([0.485, 0.456, 0.406]) + (2 * noise - 1) * np.float32(20 / 255)
    return np.clip(recipe.noise * noise + (1 - recipe.noise) * content, 0, 1).astype(np.float32)


def collect(
    steps: Iterable[Step], job: Job, *, device: str, watch: Watch | None = None, snapshots: Sequence[int] | None = None
) -> Result:
    """Read a run to its end: write down every step, stop cleanly on Ctrl-C or at a loss that is no number.

    Args:
        steps: the iterator that `optimise` returns.
        watch: called with every Step.
        snapshots: the steps whose pictures are kept; by default eight, closer together at the start.
    """
    keep = set(_snapshot_steps(job.recipe.steps) if snapshots is None else snapshots)
    history, kept, stopped = History(), {}, None
    picture = best = last = job.start
    lowest, began = np.inf, time.perf_counter()
    try:
        for step in steps:
            history.append(step, time.perf_counter() - began)
            if step.loss < lowest:  # a step's loss belongs to the picture that it started from
                lowest, best = step.loss, last
            last = step
            if step.index in keep:
                kept[step.index] = step.picture
            if watch is not None:
                watch(step)
        picture = _picture(last)
    except KeyboardInterrupt:
        stopped, picture = f"stopped after {len(history)} steps: this is the best picture so far", _picture(best)
    except NotFiniteError as error:
        stopped, picture = str(error), error.picture
    seconds = time.perf_counter() - began
    kept[len(history)] = picture
    return Result(picture, history, kept, seconds, device, job.recipe, job.encoder.name, stopped)


def _weights(recipe: Recipe, encoder: encoders.Encoder) -> Weights:
    if encoder.name == "mini" and recipe.mini is not None:
        return recipe.mini
    return recipe.weights if encoder.activations == recipe.weights_for else recipe.normalised


def _weights_at_size(weights: Weights, content: np.ndarray) -> Weights:
    """The weights with that of the total variation for a picture of that many pixels, where that matters."""
    if weights.pixels is None:
        return weights
    return replace(weights, tv=weights.tv * weights.pixels / (content.shape[0] * content.shape[1]), pixels=None)


def _at_size(optimiser: Optimiser, content: np.ndarray) -> Optimiser:
    """The optimiser with its learning rate for a picture of that many pixels, where that matters."""
    if optimiser.pixels is None:
        return optimiser
    share = content.shape[0] * content.shape[1] / optimiser.pixels
    return replace(optimiser, learning_rate=optimiser.learning_rate * share)


def _style_side(style: np.ndarray, content: np.ndarray) -> int:
    """The long side of a style picture whose short side is the content's, as in Gatys's own code; twice its long side
    at most, for a style picture that is a narrow strip."""
    short, long = sorted(content.shape[:2])
    return min(round(short * max(style.shape[:2]) / min(style.shape[:2])), 2 * long)


def _picture(step: "Step | np.ndarray") -> np.ndarray:
    return step.picture if isinstance(step, Step) else step


def _snapshot_steps(steps: int, count: int = 8) -> list[int]:
    return sorted({round(float(step)) for step in np.geomspace(1, steps, count)})


def _whole(name: str, value, least: int) -> int:
    if isinstance(value, bool) or int(value) != value or value < least:
        raise InputError(f"{name} is {value}: give a whole number of at least {least}")
    return int(value)
