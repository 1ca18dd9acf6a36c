"""Named settings, as data: the kit's own, the paper, five tutorials, and four later ideas of style, each as its author meant it.

A recipe's loss is `weights.content * sum_l w_l C_l + weights.style * sum_l w_l E_l + weights.tv * TV`, where C, E and TV are
its `content_loss`, `style_loss` and `tv`. Images are in 0..1 wherever a recipe is applied; an author's number for images in
0..255 is written with its conversion. No framework is imported here: `losses.py` of each half computes what is described.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args, get_origin

from stylelab.base.values import instance, number, one_of, whole
from stylelab.errors import InputError

REDUCTIONS = ("half_sum", "sum", "mean", "quarter_mean", "quarter_sum")
GRAM_NORMALISATIONS = ("raw", "per_location", "per_element", "per_pixel")
TV_KINDS = ("l1", "l2", "keras")
KERNELS = ("linear", "polynomial", "gaussian")
ESTIMATES = ("biased", "unbiased", "linear")
GAMMAS = ("median", "mean")
MOST_SAMPLES = 8192  # a kernel matrix of so many positions takes 270 MB
OPTIMISERS = ("lbfgs", "adam", "sgd")
STARTS = ("content", "noise", "blend")
NOTICED = 2.3  # difference of two colours that an eye just notices, in CIELAB: Mahy et al., Color Research & Application 19, 1994
SOFTNESS = 0.35  # found by trial, at 112 to 192 px on two encoders
PAPER = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
SHALLOW = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")


class _Checked:
    """A dataclass whose values are checked by their annotations when it is made.

    Raises:
        InputError: a value of another kind.
    """

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type]
            _check(f"{each.name} of {type(self).__name__}", getattr(self, each.name), each.type)


def _check(name: str, value: object, kind: Any) -> None:
    kinds = get_args(kind)
    if type(None) in kinds:
        kind, kinds = kinds[0], get_args(kinds[0])
        if value is None:
            return
    if kind == str | float:
        kind = str if isinstance(value, str) else float
    if get_origin(kind) is Mapping:
        for key, share in instance(name, value, Mapping, words="a dict such as {'conv4_2': 1.0}").items():
            _check(f"{name}: {key}", share, kinds[1])
    elif get_origin(kind) is tuple:
        for one in instance(name, value, tuple, list, words="a tuple"):
            _check(name, one, kinds[0])
    elif kind in (float, int):
        number(name, value) if kind is float else whole(name, value)
    else:
        instance(name, value, kind, words=f"a {kind.__name__}" if kind is not str else "text")


@dataclass(frozen=True)
class Loss(_Checked):
    """What is compared of one layer, or of the image itself. Each half's `losses.py` computes it.

    Losses add up and scale, and print as they are written:

    >>> from stylelab.recipes import Gram, TotalVariation
    >>> 0.5 * Gram("per_location") + TotalVariation("l2")
    0.5 * Gram('per_location') + TotalVariation('l2')
    """

    @property
    def needs(self) -> frozenset[str]:
        """What it needs of a layer's activation F: all of it, 'activation', or only sums over positions, which makes a step
        quicker: 'gram', F F^T, and 'total', the sum of F. 'content' is for a loss that also looks at the content image."""
        return frozenset({"activation"})

    def at_size(self, positions: int, pixels: int) -> "Loss":
        """The same loss for a layer with that number of positions, of a generated image with that number of pixels."""
        return self

    def __add__(self, other: "Loss") -> "Loss":
        return Sum((*_terms(self), *_terms(other)))

    def __mul__(self, factor: float) -> "Loss":
        return Scale(factor, self)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        """As a reader would type it: settings that have their default are left out, but for a word or a loss that comes first."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        first = [repr(value) for value, _ in list(values.values())[:1] if isinstance(value, str | Loss)]
        others = [f"{name}={value!r}" for name, (value, default) in list(values.items())[len(first) :] if value != default]
        return f"{type(self).__name__}({', '.join(first + others)})"


@dataclass(frozen=True, repr=False)
class SquaredError(Loss):
    """Squared differences d^2 of two activations, position by position and filter by filter.

    >>> recipes.SquaredError("half_sum")
    SquaredError('half_sum')

    Attributes:
        reduce: what becomes of them: 'half_sum' sum / 2, as in the paper; 'sum'; 'mean' over all entries; 'quarter_mean' a
            quarter of that; 'quarter_sum' sum / 4.
    """

    reduce: str = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("reduction", self.reduce, REDUCTIONS)


@dataclass(frozen=True, repr=False)
class Gram(Loss):
    """Squared differences of two Gram matrices: which filters respond together, regardless of position.

    >>> recipes.find_recipe("gatys").style_loss
    Gram('per_location', reduce='quarter_mean')

    Attributes:
        normalisation: what a Gram matrix is divided by. 'raw' 1; 'per_location' H W, the number of positions of the layer;
            'per_element' C H W; 'per_pixel' three times the number of pixels of the image, whatever the layer.
        reduce: of the squared differences of their C C entries, as in `SquaredError`.
        positions: of the generated image in this layer. The Gram matrix of a style image of another size counts as if it had
            as many. `at_size` fills this in.
        pixels: of the generated image, for 'per_pixel'; by default as many as the positions, which is right in the first
            block. `at_size` fills this in.
    """

    normalisation: str = "per_location"
    reduce: str = "mean"
    positions: int | None = None
    pixels: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("Gram normalisation", self.normalisation, GRAM_NORMALISATIONS)
        one_of("reduction", self.reduce, REDUCTIONS)

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"gram"})

    def at_size(self, positions: int, pixels: int) -> "Gram":
        return replace(self, positions=positions, pixels=pixels)


STYLE_LOSSES = {
    "gatys": Gram("per_location", reduce="quarter_mean"),
    "mean": Gram("per_location", reduce="mean"),
    "keras": Gram("per_pixel", reduce="quarter_sum"),
}


@dataclass(frozen=True, repr=False)
class TotalVariation(Loss):
    """How much neighbours differ; of an image, how rough it is. It compares with nothing.

    >>> recipes.TotalVariation("l3")
    Traceback (most recent call last):
    stylelab.errors.InputError: unknown total variation 'l3': did you mean 'l2'?

    Attributes:
        kind: 'l1' sum |d|; 'l2' sum d^2; 'keras' sum of (dx^2 + dy^2)^1.25.
    """

    kind: str = "l1"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("total variation", self.kind, TV_KINDS)


# A layer's activation is also a cloud of points: one for each position, with one coordinate for each filter. The losses below
# compare the clouds x of the generated image and y of the style image, each in its own way, whatever their numbers of points.


@dataclass(frozen=True, repr=False)
class MMD(Loss):
    """Maximum mean discrepancy: the squared distance between two clouds' means in the space of a kernel's features.

    >>> recipes.MMD("gaussian", estimate="unbiased")
    MMD('gaussian', estimate='unbiased')
    >>> sorted(recipes.MMD("polynomial", offset=1).needs), sorted(recipes.MMD("gaussian").needs)
    (['gram', 'total'], ['activation'])

    Attributes:
        kernel: 'linear' x.y; 'polynomial' (x.y + offset)^degree; 'gaussian' exp(-gamma |x - y|^2).
        degree, offset: of 'polynomial'; 2 and 0 make it a Gram loss, any offset above 0 adds the means.
        gamma: of 'gaussian': a number, or 'median' or 'mean', so that 1 / gamma is that of the squared distances between the
            style image's own points. They are taken once, so that the loss does not change during a run.
        estimate: 'biased' the mean of k(x, x') + k(y, y') - 2 k(x, y) over all pairs, never below 0; 'unbiased' leaves out the
            pairs of a point with itself; 'linear' takes each point once, in random pairs, at a cost linear in their number.
        samples: for what sums over positions do not give (another kernel than 'linear' and degree 1 or 2, or another estimate):
            the most points that are drawn of each cloud; 0 for all, if there are no more than 8192.
        seed: of what is drawn.
        positions: of the generated image in this layer, which points are drawn from. `at_size` fills this in; by default as many
            as the style image has.
    """

    kernel: str = "polynomial"
    degree: int = 2
    offset: float = 0.0
    gamma: str | float = "median"
    estimate: str = "biased"
    samples: int = 1024
    seed: int = 0
    positions: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("kernel", self.kernel, KERNELS)
        one_of("estimate", self.estimate, ESTIMATES)
        whole("degree of MMD", self.degree, 1)
        number("offset of MMD", self.offset, 0.0)
        if isinstance(self.gamma, str):
            one_of("gamma", self.gamma, GAMMAS)
        elif self.gamma <= 0:
            raise InputError(f"gamma of MMD is {self.gamma}: give a number above 0, 'median' or 'mean'")
        if whole("samples of MMD", self.samples, 4 if self.samples else 0) > MOST_SAMPLES:
            raise InputError(f"samples of MMD is {self.samples}: give at most {MOST_SAMPLES}, as each is compared with each")
        whole("seed of MMD", self.seed, 0)

    @property
    def needs(self) -> frozenset[str]:
        if self.estimate != "biased" or self.kernel == "gaussian" or (self.kernel == "polynomial" and self.degree > 2):
            return frozenset({"activation"})
        if self.kernel == "linear" or self.degree == 1:
            return frozenset({"total"})
        return frozenset({"gram", "total"}) if self.offset else frozenset({"gram"})

    def at_size(self, positions: int, pixels: int) -> "MMD":
        return replace(self, positions=positions)


@dataclass(frozen=True, repr=False)
class BatchNorm(Loss):
    """Squared differences of every filter's mean and standard deviation, averaged over the filters.

    >>> recipes.BatchNorm() + 0.1 * recipes.Histogram()
    BatchNorm() + 0.1 * Histogram()
    """

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"gram", "total"})


@dataclass(frozen=True, repr=False)
class MeanCovariance(Loss):
    """Squared differences of two clouds' means and of their covariance matrices, added up.

    >>> recipes.MeanCovariance()
    MeanCovariance()

    Attributes:
        relative: divide each by the style image's own size: the covariance's by the sum of its squares, the mean's by the trace
            of the covariance. Then it has no unit, and all layers have values of one order.
    """

    relative: bool = True

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"gram", "total"})


@dataclass(frozen=True, repr=False)
class Wasserstein(Loss):
    """Squared Wasserstein distance of two Gaussians with the clouds' means and covariances: the work of moving the one to the other.

    >>> recipes.Wasserstein()
    Wasserstein()

    Attributes:
        relative: divide by the trace of the style image's covariance.
    """

    relative: bool = False

    @property
    def needs(self) -> frozenset[str]:
        return frozenset({"gram", "total"})


@dataclass(frozen=True, repr=False)
class Sliced(Loss):
    """Sliced Wasserstein distance: two clouds projected onto many lines, sorted, and compared point by point.

    >>> recipes.Sliced(directions=64)
    Sliced(directions=64)

    Attributes:
        directions: how many lines; 0 for as many as there are filters. A run draws others as it continues.
        seed: of what is drawn.
    """

    directions: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("directions of Sliced", self.directions, 0)
        whole("seed of Sliced", self.seed, 0)


@dataclass(frozen=True, repr=False)
class Histogram(Loss):
    """Mean squared difference to the activation with the style image's histogram: the same as `Sliced` along the axes.

    >>> recipes.Histogram().needs == {"activation"}
    True
    """


@dataclass(frozen=True, repr=False)
class NearestNeighbour(Loss):
    """Mean cosine distance of every point to the nearest of the style image's, after each cloud's own mean is taken off.

    >>> recipes.NearestNeighbour(samples=4096)
    NearestNeighbour(samples=4096)

    Attributes:
        samples: the most points that are drawn of each cloud; 0 for all.
        seed, positions: as of `MMD`.
    """

    samples: int = 0
    seed: int = 0
    positions: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(f"samples of {type(self).__name__}", self.samples, 0)
        whole(f"seed of {type(self).__name__}", self.seed, 0)

    def at_size(self, positions: int, pixels: int) -> "NearestNeighbour":
        return replace(self, positions=positions)


@dataclass(frozen=True, repr=False)
class RelaxedEarthMover(NearestNeighbour):
    """Relaxed earth mover's distance: mean cosine distance to the nearest point, of the one cloud or the other, the larger.

    >>> recipes.RelaxedEarthMover(samples=1024)
    RelaxedEarthMover(samples=1024)
    """


@dataclass(frozen=True, repr=False)
class Relative(Loss):
    """A loss divided by its value at the content image: 1 there, at every layer, however large the layer's activations are.

    >>> recipes.Relative(recipes.Wasserstein())
    Relative(Wasserstein())
    """

    loss: Loss

    @property
    def needs(self) -> frozenset[str]:
        return self.loss.needs | {"content"}

    def at_size(self, positions: int, pixels: int) -> "Relative":
        return replace(self, loss=self.loss.at_size(positions, pixels))


@dataclass(frozen=True, repr=False)
class Scale(Loss):
    """A loss times a number. `0.5 * loss` is shorter.

    >>> 0.5 * recipes.SquaredError("sum") == recipes.Scale(0.5, recipes.SquaredError("sum"))
    True
    """

    factor: float
    loss: Loss

    @property
    def needs(self) -> frozenset[str]:
        return self.loss.needs

    def at_size(self, positions: int, pixels: int) -> "Scale":
        return replace(self, loss=self.loss.at_size(positions, pixels))

    def __repr__(self) -> str:
        loss = f"({self.loss!r})" if isinstance(self.loss, Scale | Sum) else repr(self.loss)
        return f"{self.factor!r} * {loss}"


@dataclass(frozen=True, repr=False)
class Sum(Loss):
    """Several losses of the same layer, added up. `one + another` is shorter.

    >>> recipes.Gram("raw") + recipes.SquaredError("sum")
    Gram('raw') + SquaredError('sum')
    """

    losses: tuple[Loss, ...]

    @property
    def needs(self) -> frozenset[str]:
        return frozenset().union(*(loss.needs for loss in self.losses))

    def at_size(self, positions: int, pixels: int) -> "Sum":
        return Sum(tuple(loss.at_size(positions, pixels) for loss in self.losses))

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.losses))


def _terms(loss: Loss) -> tuple[Loss, ...]:
    return loss.losses if isinstance(loss, Sum) else (loss,)


@dataclass(frozen=True)
class About:
    """What a loss compares, for a table.

    >>> recipes.LOSSES["Sliced()"].blind
    'positions'

    Attributes:
        function: its name in `stylelab.torch` and `stylelab.tensorflow`.
        sees, blind: what makes it grow, and what does not.
        cost: for C filters at M positions, in multiplications.
    """

    function: str
    sees: str
    blind: str
    cost: str
    source: str


LI = "Li et al., 'Demystifying neural style transfer', IJCAI 2017"
# a loss as it is written -> what it is; from what sees least to what sees most
LOSSES = {
    "SquaredError('mean')": About(
        "content_loss", "every response at its position", "nothing", "C M", "Gatys et al. 2016, equation 1"
    ),
    "MMD('linear')": About("mmd_loss", "means", "all else", "C M", LI),
    "BatchNorm()": About("batch_norm_loss", "means and deviations", "correlations, shapes of distributions", "C^2 M", LI),
    "Gram('per_location')": About(
        "style_layer_loss", "raw second moments", "means traded for deviations", "C^2 M", "Gatys et al. 2016, equation 4"
    ),
    "MMD('polynomial', offset=1)": About(
        "mmd_loss", "means and raw second moments", "higher moments", "C^2 M", LI
    ),
    "MeanCovariance()": About("covariance_loss", "means and covariances", "higher moments", "C^2 M", "ours"),
    "Wasserstein()": About(
        "wasserstein_loss", "means and covariances", "higher moments", "C^2 M + C^3",
        "Gelbrich 1990; K. Crowson's 'style-transfer-pytorch'",
    ),
    "Histogram()": About(
        "histogram_loss", "each filter's distribution", "correlations", "C M log M", "Risser, Wilmot and Barnes 2017"
    ),
    "Sliced()": About(
        "sliced_wasserstein_loss", "the whole distribution, on average", "positions", "C^2 M + C M log M",
        "Heitz et al., CVPR 2021",
    ),
    "MMD('gaussian')": About(
        "mmd_loss", "the whole distribution", "positions; differences far from the kernel's width", "C M^2", LI
    ),
    "NearestNeighbour()": About(
        "nearest_neighbour_loss", "which responses occur", "how often, and whether all of the style's do", "C M^2",
        "Kolkin et al., 'Neural neighbor style transfer', 2022",
    ),
    "RelaxedEarthMover()": About(
        "relaxed_emd_loss", "which responses occur, in both images", "how often", "C M^2", "Kolkin et al., CVPR 2019"
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Weights(_Checked):
    """How much each part counts in the total.

    >>> recipes.find_recipe("coursera").weights
    Weights(content=10.0, style=40.0, tv=0.0, pixels=None)

    Attributes:
        pixels: the size of image, in pixels, that `tv` was chosen for. A total variation is a sum over pixels and a
            style loss a mean over positions, so one weight would smooth large images more than small ones. None leaves
            `tv` as it is.
    """

    content: float
    style: float
    tv: float = 0.0
    pixels: int | None = None


@dataclass(frozen=True)
class Optimiser(_Checked):
    """Which method moves the image, for images in 0..1.

    >>> recipes.find_recipe("tf-tutorial").optimiser.beta1
    0.99

    Attributes:
        name: 'lbfgs', 'adam' or 'sgd'.
        learning_rate: the first step's; L-BFGS scales its own steps and takes it as 1.
        beta1: Adam's memory of past gradients.
        decay: the learning rate is multiplied by this every 100 steps, smoothly.
        pixels: the size of image, in pixels, that the learning rate was chosen for. Plain gradient descent needs a
            rate in proportion to it: a style loss is a mean over positions, so each pixel's share of it falls with their
            number. None for methods that find their own scale.
        clip: bring the image back into 0..1 after every step. Never with L-BFGS: its memory of past gradients
            would no longer fit the image.
        softness: for L-BFGS, how much faster coarse structures of an image move than fine ones, as an exponent of their
            size. 0 is the textbook's; 0.35 saves a third of the steps of a style transfer (`stylelab.run.numerics.lbfgs`).
    """

    name: str
    learning_rate: float = 1.0
    beta1: float = 0.9
    decay: float = 1.0
    pixels: int | None = None
    clip: bool = False
    softness: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("optimiser", self.name, OPTIMISERS)


@dataclass(frozen=True, kw_only=True)
class Recipe(_Checked):
    """Everything that a run needs, except two images and an encoder.

    >>> recipe = recipes.find_recipe("gatys")
    >>> recipe.layers
    ('conv4_2', 'conv1_1', 'conv2_1', 'conv3_1', 'conv4_1', 'conv5_1')
    >>> recipe.steps
    500

    Attributes:
        content, style: layer -> share of that layer.
        content_loss, style_loss, tv: what is compared at those layers, and how rough the image may be.
        weights: what the author used, for the activations of `weights_for`.
        normalised: the same balance for filters of mean activation 1, found by trial.
        mini: the same for the embedded encoder, if it needs some total variation, as its few filters leave a grain that the
            paper's do not, or more style, as its deep layers change more slowly. None to use `normalised`.
        start: 'content', 'noise', or 'blend' (`noise` parts of noise, the rest content).
        size, side: pixels of the 'long' side or of the 'height'.
        coarsest: pixels of the long side at the first of several sizes, each twice the one before, up to the image's own.
            None for one size.
        settle: a run ends before its last step when ten steps at its last size have changed the image's colours by less than
            this on average, in CIELAB (`stylelab.images.colour_difference`); 0 to make all steps.
        style_fit: 'aspect' keeps the style image's shape and gives it the content's short side, 'stretch' the
            content's shape too.
        differs: where and why the recipe departs from the author's code, a sentence each.
    """

    name: str
    source: str
    content: Mapping[str, float]
    style: Mapping[str, float]
    content_loss: Loss = SquaredError("mean")
    style_loss: Loss
    weights: Weights
    normalised: Weights
    weights_for: str
    optimiser: Optimiser
    size: int = 512
    steps: int
    coarsest: int | None = None
    settle: float = 0.0
    mini: Weights | None = None
    tv: Loss = TotalVariation("l1")
    start: str = "content"
    noise: float = 0.0
    side: str = "long"
    style_fit: str = "aspect"
    pooling: str | None = None
    differs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("start", self.start, STARTS)
        one_of("side", self.side, ("long", "height"))
        one_of("style fit", self.style_fit, ("aspect", "stretch"))

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that a run looks at."""
        return tuple(dict.fromkeys([*self.content, *self.style]))

    @property
    def whole_layers(self) -> tuple[str, ...]:
        """The layers whose activations are needed whole, and not only their sums over positions."""
        parts = (self.content_loss, self.content), (self.style_loss, self.style)
        return tuple(dict.fromkeys(layer for loss, layers in parts if "activation" in loss.needs for layer in layers))

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

    def scales(self, long_side: int) -> int:
        """How many sizes this recipe paints on the way to an image of that long side in pixels.

        >>> recipe = recipes.find_recipe("stylelab")
        >>> recipe.coarsest, recipe.scales(256)
        (128, 2)
        """
        if self.coarsest is None:
            return 1
        return 1 + max(0, round(math.log2(long_side / self.coarsest)))


def _equally(layers: tuple[str, ...], total: float = 1.0) -> dict[str, float]:
    return dict.fromkeys(layers, total / len(layers))


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="stylelab",
            source="the kit's own, found by trial on the embedded encoder and judged by VGG-19's real filters",
            content={"conv3_1": 1.0},
            style=_equally(SHALLOW),
            style_loss=Relative(Wasserstein()),
            weights=Weights(content=0.04, style=1.0),
            normalised=Weights(content=0.04, style=1.0),
            weights_for="normalised",
            optimiser=Optimiser("lbfgs", softness=SOFTNESS),
            size=512,
            steps=180,
            coarsest=128,
            settle=NOTICED,
        ),
        Recipe(
            name="gatys",
            source="Gatys, Ecker and Bethge, 'Image style transfer using convolutional neural networks', CVPR 2016",
            content={"conv4_2": 1.0},
            style=_equally(PAPER),
            content_loss=SquaredError("half_sum"),
            style_loss=Gram("per_location", reduce="quarter_mean"),
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
                "the content's number of positions",
            ),
        ),
        Recipe(
            name="keras",
            source="after F. Chollet's 'Neural style transfer' in the Keras examples",
            content={"conv5_2": 1.0},
            style=_equally(PAPER),
            content_loss=SquaredError("sum"),
            style_loss=Gram("per_pixel", reduce="quarter_sum"),
            weights=Weights(content=2.5e-9, style=1e-6, tv=1e-8 * 255**2.5),
            normalised=Weights(content=1e-3, style=300.0, tv=0.15),
            mini=Weights(content=1e-2, style=2e4, tv=1.5),
            weights_for="vgg19",
            optimiser=Optimiser("sgd", learning_rate=100 / 255**2, decay=0.96, pixels=400 * 600),
            tv=TotalVariation("keras"),
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
            content_loss=SquaredError("mean"),
            style_loss=Gram("per_location", reduce="mean"),
            weights=Weights(content=1e4, style=1e-2, tv=30.0),
            normalised=Weights(content=2.0, style=1.0, tv=5e-6),
            mini=Weights(content=2.0, style=10.0, tv=5e-6),
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
            content_loss=SquaredError("quarter_mean"),
            style_loss=Gram("per_location", reduce="quarter_mean"),
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
            style=dict.fromkeys(SHALLOW, 1.0),
            content_loss=SquaredError("mean"),
            style_loss=Gram("per_element", reduce="mean"),
            weights=Weights(content=1.0, style=1e5, tv=1.0 / 256**4),
            normalised=Weights(content=1.0, style=1e6, tv=5e-4),
            weights_for="vgg19-torchvision",
            optimiser=Optimiser("adam", learning_rate=0.02),
            tv=TotalVariation("l2"),
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
            content_loss=SquaredError("mean"),
            style_loss=Gram("per_element", reduce="mean"),
            weights=Weights(content=1.0, style=1e5),
            normalised=Weights(content=1.0, style=5e5),
            mini=Weights(content=1.0, style=5e5, tv=1e-4, pixels=256 * 192),
            weights_for="vgg19-torchvision",
            optimiser=Optimiser("lbfgs", softness=SOFTNESS),
            size=512,
            steps=300,
            differs=("the image is clamped to 0..1 when it is read, where the code clamps it inside the closure",),
        ),
        Recipe(
            name="mmd",
            source="after Li, Wang, Liu and Hou, 'Demystifying neural style transfer', IJCAI 2017",
            content={"conv4_2": 1.0},
            style=_equally(PAPER),
            style_loss=Relative(MMD("polynomial", offset=1.0)),
            weights=Weights(content=0.02, style=1.0),
            normalised=Weights(content=0.02, style=1.0),
            weights_for="normalised",
            optimiser=Optimiser("lbfgs", softness=SOFTNESS),
            size=512,
            steps=300,
            differs=(
                "the kernel's offset is 1, where the paper's is 0: that is the Gram loss of `gatys`, and ours sees the means too",
                "each layer counts by its value at the content image, where the code scales each kernel's gradient by a number of "
                "its own",
                "L-BFGS, no total variation and no denoising at the end, where the code has descent with momentum and both",
            ),
        ),
        Recipe(
            name="wasserstein",
            source="after K. Crowson's 'style-transfer-pytorch'",
            content={"conv4_2": 1.0},
            style={layer: share / 341 for layer, share in zip(PAPER, (256, 64, 16, 4, 1), strict=True)},
            style_loss=Relative(Wasserstein()),
            weights=Weights(content=0.02, style=1.0),
            normalised=Weights(content=0.02, style=1.0),
            weights_for="normalised",
            optimiser=Optimiser("adam", learning_rate=0.02, clip=True),
            size=512,
            steps=500,
            differs=(
                "each layer counts by its value at the content image, so that the author's shares suit every encoder",
                "the root of a covariance is exact, where the code takes 12 steps of Newton and Schulz",
                "no total variation, and the last image, where the code takes a running average of the images",
                "one size unless `scales` asks for more; the code always begins at 128 pixels",
            ),
        ),
        Recipe(
            name="sliced",
            source="after Heitz, Vanhoey, Chambon and Belcour, 'A sliced Wasserstein loss for neural texture synthesis', CVPR 2021",
            content={"conv3_1": 1.0},
            style=_equally(SHALLOW),
            style_loss=Relative(Sliced(directions=32)),
            weights=Weights(content=0.04, style=1.0),
            normalised=Weights(content=0.04, style=1.0),
            weights_for="normalised",
            optimiser=Optimiser("lbfgs", softness=SOFTNESS),
            size=512,
            steps=300,
            differs=(
                "there is a content loss, as the paper makes textures",
                "five layers up to conv3_1 and 32 directions in each, where the code has twelve up to conv4_4 and as many "
                "directions as filters",
                "each layer counts by its value at the content image, where the code adds them up as they are",
            ),
        ),
        Recipe(
            name="nnst",
            source="after Kolkin, Kucera, Paris, Sykora, Shechtman and Shakhnarovich, 'Neural neighbor style transfer', 2022",
            content={"conv4_2": 1.0},
            style=_equally(("conv1_1", "conv2_1", "conv2_2", "conv3_1")),
            style_loss=Relative(NearestNeighbour(samples=2048)) + 0.5 * Relative(Wasserstein()),
            weights=Weights(content=0.1, style=1.0),
            normalised=Weights(content=0.1, style=1.0),
            weights_for="normalised",
            optimiser=Optimiser("lbfgs", softness=SOFTNESS),
            size=512,
            steps=400,
            differs=(
                "half of a Wasserstein loss keeps colours and how often a response occurs; the code matches the colours afterwards",
                "neighbours are found layer by layer, as in the code's last pass, among 2048 positions drawn at random",
                "the pixels move, by L-BFGS, where the code moves a Laplacian pyramid by Adam, at four sizes",
            ),
        ),
    )
}

# the largest size in pixels, the share of the steps, and the fewest, if the author has as many
PRESETS = {"full": (None, 1.0, 0), "cpu": (256, 0.2, 100), "ci": (96, 0.04, 10)}


def find_recipe(recipe: "str | Recipe") -> Recipe:
    """The recipe of that name; a Recipe is returned as it is.

    >>> recipes.find_recipe("gaty")
    Traceback (most recent call last):
    stylelab.errors.InputError: unknown recipe 'gaty': did you mean 'gatys'?

    Raises:
        InputError: no such recipe; the nearest name is suggested.
    """
    if isinstance(recipe, Recipe):
        return recipe
    return RECIPES[one_of("recipe", recipe, RECIPES)]


def scaled(recipe: "str | Recipe", preset: str) -> Recipe:
    """A recipe made small enough for a laptop ('cpu') or a test ('ci'); 'full' leaves it as its author meant it.

    >>> recipe = recipes.scaled("gatys", "ci")
    >>> recipe.size, recipe.steps
    (96, 20)
    """
    recipe = find_recipe(recipe)
    largest, share, least = PRESETS[one_of("preset", preset, PRESETS)]
    if largest is None:
        return recipe
    steps = min(recipe.steps, max(least, min(300, round(recipe.steps * share))))
    return replace(recipe, size=min(recipe.size, largest), steps=steps)


def with_layers(
    recipe: "str | Recipe", content: "str | Iterable[str | int] | None" = None, style: "str | Iterable[str | int] | None" = None
) -> Recipe:  # fmt: skip
    """The same recipe on other layers, the old total shared equally among them. None keeps a recipe's own.

    >>> recipes.with_layers(recipes.find_recipe("gatys"), style=["conv1_1", "relu2_1"]).style
    {'conv1_1': 0.5, 'conv2_1': 0.5}

    Raises:
        InputError: an empty list or an unknown layer.
    """
    from stylelab.encoders import layer_name, layer_names

    def spread(old: Mapping[str, float], new: "str | Iterable[str | int] | None") -> Mapping[str, float]:
        if new is None:
            return {layer_name(layer): share for layer, share in old.items()}
        return _equally(tuple(dict.fromkeys(layer_names(new))), sum(old.values()))

    recipe = find_recipe(recipe)
    return replace(recipe, content=spread(recipe.content, content), style=spread(recipe.style, style))


def with_weights(
    recipe: "str | Recipe", content: float | None = None, style: float | None = None, tv: float | None = None
) -> Recipe:
    """The same recipe with other weights, whatever the encoder. None keeps a recipe's own.

    >>> recipes.with_weights(recipes.find_recipe("gatys"), style=10).weights.style
    10.0

    Raises:
        InputError: a weight below zero or not finite.
    """
    recipe, named = find_recipe(recipe), dict(content=content, style=style, tv=tv).items()
    given: dict[str, Any] = {name: number(f"the {name} weight", weight, 0.0) for name, weight in named if weight is not None}
    if tv is not None:
        given["pixels"] = None  # a weight that was given is used as it is
    mini = recipe.mini and replace(recipe.mini, **given)
    return replace(recipe, weights=replace(recipe.weights, **given), normalised=replace(recipe.normalised, **given), mini=mini)
