"""The options of a run. Keywords, command line, settings files and the docs are all made from the fields of `Options`.

A new option is one field, with its help line, and the code that uses it. Nothing heavy is imported here.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast

from stylelab.base.files import printable
from stylelab.base.values import instance, number, one_of, one_or_several, several, split_names, whole
from stylelab.errors import InputError
from stylelab.run.backends import USUAL

if TYPE_CHECKING:
    from stylelab.encoders import EncoderName
    from stylelab.images import Source
    from stylelab.recipes import Recipe


@dataclass(frozen=True)
class Kind:
    """A kind of value that an option may have.

    Attributes:
        name: as an error message says it, such as 'a whole number'.
        schema: JSON schema of the value in a settings file.
        type: what the command line reads it as.
        parse: turns what the command line has read into the option's value.
        check: turns what Python code gives into the option's value, or raises InputError; called with the option's name too.
    """

    name: str
    schema: Mapping[str, Any]
    type: type = str
    parse: Callable[[Any], Any] = lambda value: value
    check: Callable[[str, Any], Any] = lambda name, value: value


def _as_float(name: str, value: Any) -> Any:
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else value


def _names(name: str, layers: Any) -> tuple[str | int, ...]:
    return tuple(one_or_several(name, layers, "['conv3_1', 'conv4_1']"))


def _read_numbers(text: Any) -> tuple[float, ...] | None:
    """'0.7,0.3' as numbers."""
    try:
        return None if text is None else tuple(map(float, split_names(text)))
    except ValueError:
        raise InputError(f"'{printable(text, 60)}' is not a list of numbers: write it as 0.7,0.3") from None


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    return tuple(number(f"a weight of {name}", value, 0.0) for value in several(name, values, "[0.7, 0.3]"))


def _sources(name: str, values: Any) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, list | tuple) else (values,)


_NAME = {"type": "string", "format": "printable", "minLength": 1, "maxLength": 200}
NAME = Kind("a name", _NAME)
PATH = Kind("a name or a path", _NAME | {"maxLength": 4096})
WHOLE = Kind("a whole number", {"type": "integer", "exclusiveMinimum": -(2**63), "exclusiveMaximum": 2**63}, int, check=whole)
NUMBER = Kind("a number", {"type": "number", "exclusiveMinimum": -1e300, "exclusiveMaximum": 1e300}, float, check=_as_float)
IMAGE_SCHEMA = {
    "anyOf": [
        {"type": "string", "minLength": 1, "maxLength": 4096},  # any name that a file may have
        {"type": "object", "properties": {"file": PATH.schema}, "required": ["file"], "additionalProperties": False},
    ]
}
MOST_STYLES = 16
WAYS_TO_KEEP_COLOURS = ("luminance", "match")
FROM_NOTHING = ("small", "ordinary")  # the shapes of networks
FLAG = Kind(
    "true or false", {"type": "boolean"}, bool, check=lambda name, value: instance(name, value, bool, words="True or False")
)
MASK = Kind("a path, a name or a file", IMAGE_SCHEMA)
MASKS = Kind(
    "a list of paths, names or files", {"type": "array", "items": IMAGE_SCHEMA, "minItems": 1, "maxItems": MOST_STYLES},
    list[str], parse=lambda values: tuple(values) or None, check=_sources,
)  # fmt: skip
NUMBERS = Kind(
    "a list of numbers", {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": MOST_STYLES},
    parse=_read_numbers, check=_numbers,
)  # fmt: skip
LAYERS = Kind("a list of layers", {"type": "array", "items": _NAME, "maxItems": 16}, parse=split_names, check=_names)


def option(
    default: Any, help: str, kind: Kind | None = None, default_text: str = "", check: Any = None, one_pair: bool = False
) -> Any:
    """A field of `Options`.

    Args:
        default: the value when the option is not given.
        help: one line, for `--help` and the docs.
        kind: what the command line and settings files accept; None for an option that only Python code can give.
        default_text: what the default means, where None says too little.
        check: as of a `Kind`, whose own it replaces.
        one_pair: whether it says something about one content image or its styles, and so not in a gallery of many.
    """
    how = {"help": help, "kind": kind, "default_text": default_text, "check": check, "one_pair": one_pair}
    return field(default=default, metadata=MappingProxyType(how))


RECIPES_OWN = "the recipe's"


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A dataclass of options, whose values are checked and turned into their own types."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value, kind = getattr(self, each.name), each.metadata.get("kind")
            check = each.metadata.get("check") or (kind and kind.check)
            if check and value is not each.default:
                object.__setattr__(self, each.name, check(each.name, value))


@dataclass(frozen=True, kw_only=True)
class Options(Checked):
    """How to paint; see the help line of each field.

    Raises:
        InputError: a value of the wrong kind. Whether a name is known and a number in range is found when the run is prepared.
    """

    recipe: str | Recipe = option("stylelab", "Recipe to follow; `stylelab recipes` lists them.", NAME)
    encoder: EncoderName = option(
        "auto", "'auto' (vgg19 if downloaded, else mini), another name, or a weights file.", PATH
    )  # fmt: skip
    size: int | None = option(None, "Long side of the image in pixels.", WHOLE, RECIPES_OWN)
    steps: int | None = option(None, "Steps of the optimiser, 1 or more; see settle.", WHOLE, RECIPES_OWN)
    settle: float | None = option(
        None, "End early when 10 steps change the colours by less than this on average: 2.3 is just noticeable, 0 never ends early.", NUMBER,
        RECIPES_OWN,
    )  # fmt: skip
    seed: int = option(0, "Seed of the noise, 0 or more, for recipes that start from noise.", WHOLE)
    device: str | None = option(None, "'cpu', 'gpu', 'cuda', 'cuda:1' or 'mps'.", NAME, "a GPU if there is one")
    content_layers: Sequence[str] | None = option(None, "Layers that keep the scene, such as conv4_2.", LAYERS, RECIPES_OWN)
    style_layers: Sequence[str] | None = option(
        None, "Layers that carry the style, such as conv1_1,conv2_1,conv3_1.", LAYERS, RECIPES_OWN
    )  # fmt: skip
    content_weight: float | None = option(
        None, "Alpha, the weight of the content; `stylelab recipes NAME` prints a recipe's own.", NUMBER, RECIPES_OWN
    )  # fmt: skip
    style_weight: float | None = option(None, "Beta, the weight of the style.", NUMBER, RECIPES_OWN)
    tv_weight: float | None = option(None, "Weight of the total variation; more is smoother.", NUMBER, RECIPES_OWN)
    keep_colours: str | None = option(
        None, "Keep the photograph's colours: 'luminance' paints only brightness, 'match' recolours the style image first.",
        NAME, "the style's",
    )  # fmt: skip
    strength: float = option(1.0, "From 0, the photograph as it is, to 1, the full style.", NUMBER)
    style_scale: float = option(1.0, "Size of the style image, as a factor: below 1 its strokes come out smaller.", NUMBER)
    blend: Sequence[float] | None = option(
        None, "Weights of several styles, one for each, such as 0.7,0.3; they add up to 1.", NUMBERS, "equal", one_pair=True
    )  # fmt: skip
    content_mask: Source | None = option(
        None, "Image that divides the content image into regions by colour; alone: white where the style belongs, black elsewhere.",
        MASK, "the whole image", one_pair=True,
    )  # fmt: skip
    style_mask: Sequence[Source] | None = option(
        None, "Image that gives the regions of a style image, in the same colours; once for each style.", MASKS, "the whole image",
        one_pair=True,
    )  # fmt: skip
    precision: str = option("auto", "float32, bfloat16, or auto: bfloat16 where this machine multiplies it faster.", NAME)
    scales: int | None = option(
        None, "Number of sizes to paint, from coarse to fine, each twice the one before.", WHOLE, RECIPES_OWN
    )  # fmt: skip
    tile: int | None = option(
        None, "Side in pixels of the tiles to work in, for large images; 0 for no tiles.", WHOLE,
        "tiles if the whole image does not fit into memory, or takes over 6 GB on a CPU",
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class CallOptions(Options):
    """`Options`, and what Python code can ask to see of a run."""

    watch: Callable[[Any], object] | None = option(
        None, "Function to call with every Step; for a batch, with a list of them.",
        check=lambda name, value: instance(name, value, Callable, words="a function"),
    )  # fmt: skip
    snapshots: Sequence[int] | None = option(
        None, "Steps whose images are kept.", default_text="eight, closer at the start",
        check=lambda name, value: tuple(whole("a snapshot's step", step) for step in several(name, value, "[1, 10, 100]")),
    )  # fmt: skip
    resume: str | os.PathLike[str] | None = option(
        None, "File to keep the run in until it is finished; if it is there, the run that was stopped continues.",
        check=lambda name, value: instance(name, value, str, os.PathLike, words="a path"),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class BackendCallOptions(CallOptions):
    """`CallOptions`, and the framework."""

    backend: str = option(USUAL, "Framework: torch or tensorflow.")


def _above_zero(name: str, value: Any) -> float:
    if not number(name, value) > 0:
        raise InputError(f"{name} is {value:g}: give a number above 0")
    return float(value)


def _at_least(least: int) -> Callable[[str, Any], int]:
    return lambda name, value: whole(name, value, least)


def _share(name: str, value: Any) -> float:
    if not 0 <= number(name, value) <= 1:
        raise InputError(f"{name} is {value:g}: give a number from 0, the photograph as it is, to 1, the full style")
    return float(value)


@dataclass(frozen=True, kw_only=True)
class OnePassOptions(Checked):
    """How to paint in one pass of a trained network; see the help line of each field.

    Raises:
        InputError: a value of the wrong kind, or out of range.
    """

    network: str | os.PathLike[str] = option(
        "auto", "'six' (the built-in styles), 'any' (any style image), 'statistics' (no network: activations get the style's mean and "
        "covariance), a file that `stylelab train` wrote, or 'auto': six for its own styles, else any.", PATH,
    )  # fmt: skip
    size: int | None = option(None, "Long side of the image in pixels.", WHOLE, "the image's own", _at_least(16))
    strokes: int = option(
        448, "Long side in pixels at which strokes are painted; a larger image takes them from a painting of that size. A larger number "
        "gives finer strokes.", WHOLE, check=_at_least(64),
    )  # fmt: skip
    blend: Sequence[float] | None = option(
        None, "Weights of several styles, one for each, such as 0.7,0.3.", NUMBERS, "equal", one_pair=True
    )  # fmt: skip
    strength: float = option(1.0, "From 0, the photograph as it is, to 1, the full style.", NUMBER, check=_share)
    keep_colours: str | None = option(
        None, "Keep the photograph's colours: 'luminance' paints only brightness, 'match' gives the painting the mean and the "
        "covariance of the photograph's colours.", NAME, "the style's",
        check=lambda name, value: one_of("way to keep colours", value, WAYS_TO_KEEP_COLOURS),
    )  # fmt: skip
    device: str | None = option(None, "'cpu', 'gpu', 'cuda', 'cuda:1' or 'mps'.", NAME, "a GPU if there is one")


@dataclass(frozen=True, kw_only=True)
class VideoOptions(OnePassOptions):
    """How to paint a film, with a network or by optimisation; see the help line of each field.

    Raises:
        InputError: a value of the wrong kind, or out of range; or both a network and a recipe.
    """

    recipe: str | None = option(
        None, "Paint by optimisation, following this recipe; `stylelab recipes` lists them.", NAME, "with a network, in one pass"
    )  # fmt: skip
    encoder: EncoderName = option(
        "auto", "With a recipe: 'auto' (vgg19 if downloaded, else mini), another name, or a file.", PATH
    )
    steps: int | None = option(
        None, "With a recipe: steps of the optimiser for the first frame; each later one takes a third of them.", WHOLE,
        RECIPES_OWN, _at_least(1),
    )  # fmt: skip
    seed: int = option(0, "With a recipe: seed of the noise, the same for every frame.", WHOLE, check=_at_least(0))
    temporal_weight: float | None = option(
        None, "How strongly a frame is drawn to the one before it; 0 paints each by itself.", NUMBER, "1.5, with a recipe 100",
        lambda name, value: number(name, value, 0.0),
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.recipe is not None and self.network != "auto":
            raise InputError(f"a film is painted with the network '{self.network}' or with the recipe '{self.recipe}': give one")


@dataclass(frozen=True, kw_only=True)
class TrainingOptions(Checked):
    """How to train a network that paints in one pass; see the help line of each field.

    Raises:
        InputError: a value of the wrong kind, or out of range.
    """

    network: str | os.PathLike[str] = option(
        "six", "Whose filters to start from: 'six', or a file that `stylelab train` wrote; or 'small' or 'ordinary', to train all "
        "filters from nothing.", PATH,
    )  # fmt: skip
    steps: int = option(600, "Steps, 1 or more.", WHOLE, check=_at_least(1))
    minutes: float | None = option(None, "Stop after this time.", NUMBER, "after all steps", _above_zero)
    size: int = option(128, "Side in pixels of the square crops to practise on, a multiple of 8.", WHOLE, check=_at_least(32))
    batch: int = option(2, "Crops in a step.", WHOLE, check=_at_least(1))
    learning_rate: float | None = option(
        None, "At the start; it falls to 0 as half a cosine wave.", NUMBER, "0.01, or 0.001 if filters are trained too", _above_zero
    )  # fmt: skip
    content_weight: float = option(
        0.17, "Weight of the content, where the style has 1.", NUMBER, check=lambda name, value: number(name, value, 0.0)
    )
    scales: int = option(2, "Sizes at which the style is compared, each half of the one before.", WHOLE, check=_at_least(1))
    seed: int = option(0, "Seed of the crops, and of the first filters.", WHOLE, check=_at_least(0))
    whole: bool = option(False, "Train the filters too, not only the style's own numbers.", FLAG)
    device: str | None = option(None, "'cpu', 'gpu', 'cuda', 'cuda:1' or 'mps'.", NAME, "a GPU if there is one")
    resume: str | os.PathLike[str] | None = option(
        None, "File to keep the training in until it is finished; if it is there, the training that was stopped continues.",
        check=lambda name, value: instance(name, value, str, os.PathLike, words="a path"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size % 8:
            raise InputError(f"size is {self.size}: give a multiple of 8")
        if self.size >> self.scales < 8:
            raise InputError(
                f"crops of {self.size} pixels cannot be compared at {self.scales} scales: give fewer, or a larger size"
            )
        if self.network in FROM_NOTHING:
            object.__setattr__(self, "whole", True)
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", 0.001 if self.whole else 0.01)


def values_of(options: Checked, kind: type[Checked]) -> dict[str, Any]:
    """The fields that `kind` has, as keywords."""
    return {each.name: getattr(options, each.name) for each in fields(kind)}


def describe(field: Field[Any]) -> str:
    """The help line of an option, and what its default means, as one sentence."""
    text, default_text = field.metadata["help"], field.metadata["default_text"]
    return f"{text.removesuffix('.')}; by default {default_text}." if default_text else text


def numbered(role: str, index: int) -> str:
    """'style', 'style 2', 'style 3' and so on."""
    return f"{role} {index + 1}" if index else role


P = ParamSpec("P")
O_contra = TypeVar("O_contra", contravariant=True)
S_contra = TypeVar("S_contra", contravariant=True)
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class WithKeywords(Protocol[S_contra, T_contra, P, R_co]):
    """A function of content, style and keywords, as a type checker sees it."""

    def __call__(self, content: S_contra, style: T_contra, *args: P.args, **options: P.kwargs) -> R_co: ...


def keywords(
    kind: Callable[P, O_contra],
) -> Callable[[Callable[[S_contra, T_contra, O_contra], R_co]], WithKeywords[S_contra, T_contra, P, R_co]]:
    """Let a function of (content, style, options) be called as f(content, style, size=..., steps=...).

    Its signature shows the fields of `kind` as keywords, and the line of its docstring that begins with `options:` becomes
    their help lines. An unknown keyword raises a TypeError that suggests the nearest one.
    """

    def decorate(function: Callable[[S_contra, T_contra, O_contra], R_co]) -> WithKeywords[S_contra, T_contra, P, R_co]:
        options, images = cast("type[Checked]", kind), list(inspect.signature(function).parameters.values())[:2]
        parameters = images + [
            inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type)
            for each in fields(options)
        ]
        signature = inspect.Signature(parameters, return_annotation=function.__annotations__.get("return"))

        def call(*args: Any, **given: Any) -> R_co:
            for name in given.keys() - signature.parameters:
                near = difflib.get_close_matches(name, signature.parameters, n=1, cutoff=0.5)
                hint = f"did you mean '{near[0]}'?" if near else f"choose from {', '.join(signature.parameters)}"
                raise TypeError(f"{function.__name__}() got an unexpected keyword argument '{name}': {hint}")
            values = signature.bind(*args, **given).arguments
            content, style = (values.pop(image.name, image.default) for image in images)
            return function(content, style, kind(**values))  # type: ignore[call-arg]

        functools.update_wrapper(call, function)
        call.__doc__ = document(function.__doc__ or "", options)
        call.__signature__ = signature  # type: ignore[attr-defined]
        return cast("WithKeywords[S_contra, T_contra, P, R_co]", call)

    return decorate


def document(text: str, kind: type[Checked]) -> str:
    """A docstring whose entry `options: ...` is replaced by a line for each field of `kind`."""
    entry = re.search(r"^( *)options: .*\n(?:\1 +.*\n)*", text, re.M)
    if not entry:
        return text
    lines = "".join(f"{entry[1]}{each.name}: {describe(each)}\n" for each in fields(kind))
    return text[: entry.start()] + lines + text[entry.end() :]
