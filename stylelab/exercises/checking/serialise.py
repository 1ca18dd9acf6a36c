"""Take cases and answers apart into plain arrays and JSON, and put them together again: no pickles between processes."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from stylelab.exercises.checking.call import Answer

Arrays = dict[str, np.ndarray]


def pack(tree) -> tuple[Arrays, object]:
    """Arrays for `np.savez`, and the rest for `json.dumps`.

    Args:
        tree: dicts with names as keys, lists and tuples, of arrays, numbers, words and None.

    Returns:
        ({name: array}, plain), where `plain` says what stands where.

    Raises:
        TypeError: something else is in it, or an array of objects.
    """
    arrays: Arrays = {}
    return arrays, _apart(tree, arrays)


def _apart(tree, arrays: Arrays):
    match tree:
        case np.ndarray() | np.generic():
            array = np.asarray(tree)
            if array.dtype.kind not in "fiubU":
                raise TypeError(f"an array of {array.dtype} cannot travel: numbers or words only")
            name = f"array{len(arrays)}"
            arrays[name] = array
            return {"array": name}
        case Mapping():
            return {"dict": {str(name): _apart(each, arrays) for name, each in tree.items()}}
        case list() | tuple():
            return [_apart(each, arrays) for each in tree]
        case None | bool() | int() | float() | str():
            return tree
    raise TypeError(f"a {type(tree).__name__} cannot travel: arrays, numbers, words, dicts and lists only")


def unpack(arrays: Mapping[str, np.ndarray], plain):
    """The inverse of `pack`; tuples come back as lists.

    Raises:
        KeyError: an array that is named is not there.
    """
    if isinstance(plain, dict):
        if "array" in plain:
            return arrays[plain["array"]]
        return {name: unpack(arrays, each) for name, each in plain["dict"].items()}
    return [unpack(arrays, each) for each in plain] if isinstance(plain, list) else plain


def pack_answer(answer: Answer) -> tuple[Arrays, object]:
    """What `ask` wrote down, ready to travel."""
    return pack(asdict(answer))


def unpack_answer(arrays: Mapping[str, np.ndarray], plain) -> Answer:
    """The inverse of `pack_answer`, for what a process sent that a student controls: sentences that are too long are cut.

    Raises:
        ValueError: it is not an answer: something else than `pack_answer` gives, more than an answer can have, or an array
            that is not there.
    """
    if not _shallow(plain, DEEP):
        raise ValueError("not an answer: too much stands inside something else")
    try:
        tree = unpack(arrays, plain)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an answer: {type(error).__name__} where arrays are looked up") from error
    if not isinstance(tree, dict) or tree.keys() != _PARTS.keys():
        raise ValueError(f"not an answer: it must have {', '.join(_PARTS)}")
    return Answer(**{name: _checked(name, tree[name]) for name in _PARTS})


DEEP, MANY = 8, 64  # levels of an answer, with those of `pack`; names or axes in one part of it
LONG, WORD = 600, 100  # letters in a sentence; in a name
STAGES = ("open", "error", "type")


def _shallow(plain, levels: int) -> bool:
    inside = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ()
    return levels > 0 and all(_shallow(each, levels - 1) for each in inside)


def _checked(name: str, value):
    """One part of an answer as `Answer` has it."""
    try:
        return _PARTS[name](value)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"not an answer: '{name}' is something else") from error


def _need(holds: bool, words: str) -> None:
    if not holds:
        raise ValueError(f"not an answer: {words}")


def _named(value, check) -> dict:
    """A dict with few and short names, and what `check` makes of its entries."""
    _need(isinstance(value, dict) and len(value) <= MANY, "a part of it has no names, or too many")
    _need(all(len(name) <= WORD for name in value), "a name is too long")
    return {name: check(each) for name, each in value.items()}


def _array(value) -> np.ndarray:
    _need(isinstance(value, np.ndarray | np.generic), "an array is something else")
    _need(value.dtype.kind in "fiubU", f"an array of {value.dtype}")
    return np.asarray(value)


def _sides(value) -> tuple[int, ...]:
    _need(isinstance(value, list | tuple) and len(value) <= MANY, "a shape is no list of numbers")
    _need(all(type(side) is int and 0 <= side < 1 << 40 for side in value), "a shape is no list of whole numbers")
    return tuple(value)


def _trouble(value) -> tuple[str, str] | None:
    if value is None:
        return None
    _need(isinstance(value, list | tuple) and len(value) == 2, "trouble is no pair")
    stage, sentence = value
    _need(isinstance(stage, str) and stage in STAGES and isinstance(sentence, str), "trouble is no stage and sentence")
    return stage, _line(sentence, LONG)


def _changed(value) -> tuple[str, ...]:
    _need(isinstance(value, list | tuple) and len(value) <= MANY * MANY, "the changed arguments are no list, or too many")
    _need(all(isinstance(each, str) for each in value), "a changed argument has no name")
    return tuple(_line(each, WORD) for each in value)


def _drifts(value) -> bool:
    _need(isinstance(value, bool), "whether it drifts is neither true nor false")
    return value


def _gradient(value):
    if value is None:
        return None
    return _named(value, lambda each: None if each is None else _array(each)) if isinstance(value, dict) else _array(value)


def _line(words: str, longest: int) -> str:
    """One line of letters that can be shown."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in words[: 2 * longest]).split())
    return words if len(words) <= longest else f"{words[: longest - 3]}..."


_PARTS = {
    "outputs": lambda value: _named(value, _array),
    "shapes": lambda value: _named(value, _sides),
    "trouble": _trouble,
    "changed": _changed,
    "drifts": _drifts,
    "gradients": lambda value: _named(value, _gradient),
}
