"""Check what a caller gives: a name, a number, a list. Anything else costs one line that says what to give."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from stylelab.base.files import printable
from stylelab.errors import InputError, unknown

if TYPE_CHECKING:
    import numpy as np

MOST = 2**63  # beyond, a number fits into no settings file and no random generator


def one_of(kind: str, name: object, choices: Iterable[str]) -> Any:
    """The name, if it is one of `choices`.

    Raises:
        InputError: it is not, or not even text; the nearest choice is suggested.
    """
    choices = list(choices)
    if not isinstance(name, str) or name not in choices:
        raise unknown(kind, shown(name), choices)
    return name


def whole(name: str, value: Any, least: int | None = None) -> int:
    """The whole number that is given, in whatever type: 3, 3.0, or NumPy's; but neither True nor '3'.

    Raises:
        InputError: it is not one, is less than `least`, or does not fit into 64 bits.
    """
    given: Any = value if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if given % 1 == 0 and (least is None or given >= least):
        if -MOST < given < MOST:
            return int(given)
        raise InputError(f"{name} is {shown(value)}: give a whole number below {MOST:.2g}")
    at_least = "" if least is None else f" of at least {least}"
    raise InputError(f"{name} is {shown(value)}: give a whole number{at_least}")


def number(name: str, value: object, least: float = -math.inf) -> float:
    """The number that is given, in whatever type, as a float.

    Raises:
        InputError: it is not a number, not finite, or less than `least`.
    """
    result = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not (math.isfinite(result) and result >= least):
        words = {-math.inf: "a number", 0.0: "a number, zero or more"}
        raise InputError(f"{name} is {shown(value)}: give {words.get(least, f'a number of at least {least}')}")
    return result


def several(name: str, values: object, example: str) -> list[Any]:
    """The items of a list, a tuple, an array or another iterable; text is not taken apart.

    Raises:
        InputError: it is text, or not iterable.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InputError(f"{name} must be a list, such as {example}; got {kind_of(values)}")
    try:
        return list(values)
    except TypeError:  # an array or a tensor of a single value is not iterable after all
        raise InputError(f"{name} must be a list, such as {example}; got {shown(values)}") from None


def pair(name: str, value: object, least: int = 1) -> tuple[int, int]:
    """Two whole numbers, such as (height, width).

    Raises:
        InputError: as `whole`, or not two.
    """
    both = several(name, value, "(40, 60)")
    if len(both) != 2:
        raise InputError(f"{name} must be two numbers, such as (40, 60); got {len(both)}")
    return whole(name, both[0], least), whole(name, both[1], least)


def one_or_several(name: str, values: object, example: str) -> list[Any]:
    """As `several`, but text is split into names, and a whole number is a list of one.

    Raises:
        InputError: as `several`.
    """
    values = split_names(values) if isinstance(values, str) else [values] if isinstance(values, Integral) else values
    return several(name, values, example)


def split_names(text: str) -> tuple[str, ...]:
    """'conv1_1, conv2_1' as a tuple of names."""
    return tuple(text.replace(",", " ").split())


def instance(name: str, value: object, *kinds: Any, words: str) -> Any:
    """The value, if it is of one of these kinds, which the message calls `words`.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, kinds):
        raise InputError(f"{name} must be {words}; got {kind_of(value)}")
    return value


def check_axes(shape: Sequence[int | None], name: str, axes: str) -> None:
    """Compare a shape with axes such as '(B, 3, H, W)': their number, and the sizes that are numbers. '' is for any.

    Raises:
        InputError: they differ.
    """
    wanted = axes.strip("()").split(", ")
    if axes and (
        len(shape) != len(wanted) or any(axis.isdecimal() and int(axis) != size for axis, size in zip(wanted, shape, strict=True))
    ):
        raise InputError(f"{name} must be {axes}; got {tuple(shape)}")


def numbers(values: Any, name: str) -> "np.ndarray":
    """Values as a new float32 array; uint8 becomes 0..1.

    Raises:
        InputError: they are not numbers, or not finite.
    """
    import numpy as np  # `import stylelab` is quick without it

    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError):  # a tensor on a GPU or with a gradient refuses in its own words
        array = np.array(None)
    if array.dtype.kind not in "uif":
        raise InputError(f"{name} must be an array of numbers; got {kind_of(values)}")
    with np.errstate(over="ignore"):
        result = array.astype(np.float32)
    if not np.isfinite(result).all():
        raise InputError(f"{name} must be finite; got NaN or infinity")
    return result / 255 if array.dtype == np.uint8 else result


def shown(value: object) -> str:
    """A value for a message, without quotation marks: text or a number as it is, of others the type."""
    return printable(value, 40) if isinstance(value, str | Real | type(None)) else f"of type {type(value).__name__}"


def kind_of(value: object) -> str:
    """What a value is, in few words, for a message: a short one as it is written, of others the type."""
    short = isinstance(value, str | bytes | int | float | type(None))
    return printable(repr(value), 40) if short else type(value).__name__
