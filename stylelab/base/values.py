"""Check what a caller gives: a name, a number, a list. Anything else costs one line that says what to give."""

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from stylelab.base.files import printable
from stylelab.errors import InputError, unknown

MOST = 2**63  # beyond, a number fits into no settings file and no random generator


def one_of(kind: str, name: object, choices: Iterable[str]) -> Any:
    """The name, if it is one of `choices`.

    Raises:
        InputError: it is not, or not even text; the nearest choice is suggested.
    """
    choices = list(choices)
    if not isinstance(name, str) or name not in choices:
        raise unknown(kind, printable(name, 60), choices)
    return name


def whole(name: str, value: Any, least: int | None = None) -> int:
    """The whole number that is given, in whatever type: 3, 3.0, or NumPy's; but neither True nor '3'.

    Raises:
        InputError: it is none, is less than `least`, or does not fit into 64 bits.
    """
    given: Any = value if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if given % 1 == 0 and (least is None or given >= least):
        if -MOST < given < MOST:
            return int(given)
        raise InputError(f"{name} is {printable(value, 40)}: give a whole number below {MOST:.2g}")
    at_least = "" if least is None else f" of at least {least}"
    raise InputError(f"{name} is {printable(value, 40)}: give a whole number{at_least}")


def number(name: str, value: object, least: float = -math.inf) -> float:
    """The number that is given, in whatever type, as a float.

    Raises:
        InputError: it is none, not finite, or less than `least`.
    """
    result = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not (math.isfinite(result) and result >= least):
        words = {-math.inf: "a number", 0.0: "a number, zero or more"}
        raise InputError(f"{name} is {printable(value, 60)}: give {words.get(least, f'a number of at least {least}')}")
    return result


def several(name: str, values: object, example: str) -> list[Any]:
    """The things in a list, a tuple, an array or whatever else can be gone through; text is not taken apart.

    Raises:
        InputError: it is text, or nothing that can be gone through.
    """
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise InputError(f"{name} must be a list, such as {example}; got {kind_of(values)}")
    return list(values)


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


def kind_of(value: object) -> str:
    """What a value is, in few words, for a message: a short one as it is written, of others the type."""
    short = isinstance(value, str | bytes | int | float | type(None))
    return printable(repr(value), 40) if short else type(value).__name__
