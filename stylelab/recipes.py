"""Named settings, as data: the paper and the five tutorials, each as its author meant it.

A loss is `weights.content * sum_l w_l C_l + weights.style * sum_l w_l E_l + weights.tv * TV`. Images are in 0..1
wherever a recipe is applied; an author's number for images in 0..255 is written with its conversion.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

from stylelab.base.files import printable
from stylelab.errors import InputError, unknown

CONTENT_NORMALISATIONS = ("half_sum", "sum", "mean", "quarter_mean")
GRAM_NORMALISATIONS = ("raw", "per_location", "per_element")
STYLE_NORMALISATIONS = ("gatys", "mean", "keras")
TV_KINDS = ("l1", "l2", "keras")
OPTIMISERS = ("lbfgs", "adam", "sgd")
STARTS = ("content", "noise", "blend")
SOFTNESS = 0.35  # found by trial, at 112 to 192 px on two encoders
PAPER = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


@dataclass(frozen=True)
class Weights:
    """How much each part counts in the total.

    Attributes:
        pixels: the size of image, in pixels, that `tv` was chosen for. A total variation is a sum over pixels and a
            style loss a mean over places, so one weight would smooth large images more than small ones. None leaves
            `tv` as it is.
    """

    content: float
    style: float
    tv: float = 0.0
    pixels: int | None = None


@dataclass(frozen=True)
class Optimiser:
    """Which method moves the image, for images in 0..1.

    Attributes:
        name: 'lbfgs', 'adam' or 'sgd'.
        learning_rate: the first step's; L-BFGS scales its own steps and takes it as 1.
        beta1: Adam's memory of past gradients.
        decay: the learning rate is multiplied by this every 100 steps, smoothly.
        pixels: the size of image, in pixels, that the learning rate was chosen for. Plain gradient descent needs a
            rate in proportion to it: a style loss is a mean over places, so each pixel's share of it falls with their
            number. None for methods that find their own scale.
        clip: bring the image back into 0..1 after every step. Never with L-BFGS, whose memory of past gradients
            a moved image would make false.
        softness: of L-BFGS, how much more readily an image's coarse structures move than its fine ones: an exponent of
            their size. 0 is the textbook's; 0.35 saves a third of the steps of a style transfer (`stylelab.run.numerics.lbfgs`).
    """

    name: str
    learning_rate: float = 1.0
    beta1: float = 0.9
    decay: float = 1.0
    pixels: int | None = None
    clip: bool = False
    softness: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """All that a run needs beside two images and an encoder.

    Attributes:
        content, style: layer -> share of that layer.
        content_loss, style_loss, gram, tv: normalisations, as named in `stylelab.torch.losses`.
        weights: what the author used, for the activations of `weights_for`.
        normalised: a like balance for filters of mean activation 1, found by trial.
        mini: the same for the embedded encoder, where it needs some total variation: its few filters leave a grain that
            the paper's do not. None where `normalised` will do.
        start: 'content', 'noise', or 'blend' (`noise` parts of noise, the rest content).
        size, side: pixels of the 'long' side or of the 'height'.
        style_fit: 'aspect' keeps the style image's shape and gives it the content's short side, 'stretch' the
            content's shape too.
        differs: where and why this is not what the author's code says, a sentence each.
    """

    name: str
    source: str
    content: Mapping[str, float]
    style: Mapping[str, float]
    content_loss: str
    style_loss: str
    weights: Weights
    normalised: Weights
    weights_for: str
    optimiser: Optimiser
    size: int
    steps: int
    mini: Weights | None = None
    gram: str = "raw"
    tv: str = "l1"
    start: str = "content"
    noise: float = 0.0
    side: str = "long"
    style_fit: str = "aspect"
    pooling: str | None = None
    differs: tuple[str, ...] = field(default=())

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that a run looks at."""
        return tuple(dict.fromkeys([*self.content, *self.style]))

    @property
    def summary(self) -> str:
        """One line for a table."""
        return (
            f"{self.content_loss} at {', '.join(self.content)}; {self.style_loss} at {len(self.style)} layers; "
            f"{self.optimiser.name}, {self.steps} steps from {self.start}"
        )

    def long_side(self, height: int, width: int) -> int:
        """The long side in pixels at which this recipe runs on an image of that shape."""
        if self.side == "long":
            return self.size
        return round(self.size * max(height, width) / height)


def _equally(layers: tuple[str, ...], total: float = 1.0) -> dict[str, float]:
    return dict.fromkeys(layers, total / len(layers))


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="gatys",
            source="Gatys, Ecker and Bethge, 'Image style transfer using convolutional neural networks', CVPR 2016",
            content={"conv4_2": 1.0},
            style=_equally(PAPER),
            content_loss="half_sum",
            style_loss="gatys",
            weights=Weights(content=1.0, style=1e8),
            normalised=Weights(content=1.0, style=1e8),
            mini=Weights(content=1.0, style=1e8, tv=20.0, pixels=256 * 192),
            weights_for="normalised",
            optimiser=Optimiser("lbfgs", softness=SOFTNESS),
            size=512,
            steps=500,
            differs=(
                "starts from the content image; the paper also shows runs from noise",
                "alpha and beta are for filters of mean activation 1; on the embedded encoder there is a total variation",
                "the style image keeps its own shape, with the content's short side: its Gram matrices are scaled to "
                "the content's number of places",
            ),
        ),
        Recipe(
            name="keras",
            source="after F. Chollet's 'Neural style transfer' in the Keras examples",
            content={"conv5_2": 1.0},
            style=_equally(PAPER),
            content_loss="sum",
            style_loss="keras",
            weights=Weights(content=2.5e-9, style=1e-6, tv=1e-8 * 255**2.5),
            normalised=Weights(content=1e-3, style=300.0, tv=0.15),
            weights_for="vgg19",
            optimiser=Optimiser("sgd", learning_rate=100 / 255**2, decay=0.96, pixels=400 * 600),
            tv="keras",
            size=400,
            side="height",
            steps=4000,
            style_fit="stretch",
            differs=(
                "the second difference of the total variation is a slice, where the code has an index",
                "learning rate and total variation are written for images in 0..1 and act as the author's on 0..255",
                "at sizes other than 600 x 400 the learning rate follows the number of pixels",
            ),
        ),
        Recipe(
            name="tf-tutorial",
            source="after TensorFlow's tutorial 'Neural style transfer'",
            content={"conv5_2": 1.0},
            style=_equally(PAPER),
            content_loss="mean",
            style_loss="mean",
            gram="per_location",
            weights=Weights(content=1e4, style=1e-2, tv=30.0),
            normalised=Weights(content=2.0, style=1.0, tv=5e-6),
            weights_for="vgg19",
            optimiser=Optimiser("adam", learning_rate=0.02, beta1=0.99, clip=True),
            size=512,
            steps=200,
        ),
        Recipe(
            name="coursera",
            source="after deeplearning.ai's 'Art generation with neural style transfer'",
            content={"conv4_2": 1.0},
            style=_equally(PAPER),
            content_loss="quarter_mean",
            style_loss="gatys",
            weights=Weights(content=10.0, style=40.0),
            normalised=Weights(content=0.1, style=40.0),
            weights_for="vgg19",
            optimiser=Optimiser("adam", learning_rate=2.0 / 255),
            start="blend",
            noise=0.6,
            size=400,
            steps=200,
            style_fit="stretch",
            pooling="average",
        ),
        Recipe(
            name="pytorch-adam",
            source="after A. Jacq's PyTorch tutorial 'Neural transfer'",
            content={"conv2_2": 1.0},
            style=dict.fromkeys(("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"), 1.0),
            content_loss="mean",
            style_loss="mean",
            gram="per_element",
            weights=Weights(content=1.0, style=1e5, tv=1.0 / 256**4),
            normalised=Weights(content=1.0, style=1e6, tv=5e-4),
            weights_for="vgg19-torchvision",
            optimiser=Optimiser("adam", learning_rate=0.02),
            tv="l2",
            size=256,
            steps=5000,
            style_fit="stretch",
            differs=(
                "alpha and beta are weights, where the code raises the losses to these powers and multiplies them",
                "the factor 1e5 stands at the style, as in the tutorial it follows; at the content it forbids any change",
                "the undefined `smoothness` is the sum of squared differences between neighbours",
            ),
        ),
        Recipe(
            name="lab",
            source="a laboratory report after Gatys, Ecker and Bethge 2016",
            content={"conv4_2": 1.0},
            style=_equally(PAPER, total=5.0),
            content_loss="mean",
            style_loss="mean",
            gram="per_element",
            weights=Weights(content=1.0, style=1e5),
            normalised=Weights(content=1.0, style=5e5),
            mini=Weights(content=1.0, style=5e5, tv=1e-4, pixels=256 * 192),
            weights_for="vgg19-torchvision",
            optimiser=Optimiser("lbfgs", softness=SOFTNESS),
            size=512,
            steps=300,
            differs=("the image is clamped to 0..1 when it is read, where the code clamps it inside the closure",),
        ),
    )
}

PRESETS = {"full": (None, 1.0), "cpu": (256, 0.2), "ci": (96, 0.04)}  # largest size in pixels, share of the steps


def find_recipe(recipe: "str | Recipe") -> Recipe:
    """The recipe of that name; a Recipe is returned as it is.

    Raises:
        InputError: no such recipe; the nearest name is suggested.
    """
    if isinstance(recipe, Recipe):
        return recipe
    if recipe not in RECIPES:
        raise unknown("recipe", recipe, RECIPES)
    return RECIPES[recipe]


def scaled(recipe: "str | Recipe", preset: str) -> Recipe:
    """A recipe made small enough for a laptop ('cpu') or a test ('ci'); 'full' leaves it as its author meant it."""
    recipe = find_recipe(recipe)
    if preset not in PRESETS:
        raise unknown("preset", preset, PRESETS)
    largest, share = PRESETS[preset]
    if largest is None:
        return recipe
    steps = max(10, min(300, round(recipe.steps * share)))
    return replace(recipe, size=min(recipe.size, largest), steps=steps)


def with_layers(recipe: Recipe, content: Iterable[str | int] | None = None, style: Iterable[str | int] | None = None) -> Recipe:
    """The same recipe on other layers, the old total shared equally among them. None keeps a recipe's own.

    Raises:
        InputError: an empty list or an unknown layer.
    """
    from stylelab.encoders import layer_name

    def spread(old: Mapping[str, float], new: Iterable[str | int] | None) -> Mapping[str, float]:
        if new is None:
            return old
        names = tuple(layer_name(layer) for layer in new)
        if not names:
            raise InputError("no layer given: name at least one, such as 'conv3_1'")
        return _equally(names, sum(old.values()))

    return replace(recipe, content=spread(recipe.content, content), style=spread(recipe.style, style))


def with_weights(recipe: Recipe, content: float | None = None, style: float | None = None, tv: float | None = None) -> Recipe:
    """The same recipe with other weights, whatever the encoder. None keeps a recipe's own.

    Raises:
        InputError: a weight below zero or not finite.
    """
    asked = dict(content=content, style=style, tv=tv).items()
    given: dict[str, Any] = {name: _weight(name, weight) for name, weight in asked if weight is not None}
    if tv is not None:
        given["pixels"] = None  # a weight that was asked for is left as it is
    mini = recipe.mini and replace(recipe.mini, **given)
    return replace(recipe, weights=replace(recipe.weights, **given), normalised=replace(recipe.normalised, **given), mini=mini)


def _weight(name: str, weight: object) -> float:
    number = float(weight) if isinstance(weight, Real) and not isinstance(weight, bool) else math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"the {name} weight is {printable(weight)}: give a number, zero or more")
    return number
