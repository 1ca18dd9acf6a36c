"""Take cases and replies apart into plain arrays and JSON, and put them together again: no pickles between processes."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from stylelab.exercises.checking.call import Reply
from stylelab.exercises.checking.definition import MOST

Arrays = dict[str, np.ndarray]

DEEP, MANY = 12, 64  # levels of a packed reply; names or axes in one part of it
LONG, WORD = 600, 100  # letters in a sentence; in a name
STAGES = ("open", "error", "type")


def pack(tree) -> tuple[Arrays, object]:
    """Arrays for `np.savez`, and the rest for `json.dumps`.

    Args:
        tree: dicts with names as keys, lists and tuples, of arrays, numbers, words and None.

    Returns:
        ({name: array}, plain), where `plain` says which array belongs where.

    Raises:
        TypeError: the tree contains anything else, or an array of objects.
    """
    arrays: Arrays = {}

    def without_arrays(tree):
        match tree:
            case np.ndarray() | np.generic():
                array = np.asarray(tree)
                if array.dtype.kind not in "fiubU":
                    raise TypeError(f"cannot serialise an array of {array.dtype}: numbers or words only")
                name = f"array{len(arrays)}"
                arrays[name] = array
                return {"array": name}
            case Mapping():
                return {"dict": {str(name): without_arrays(inner) for name, inner in tree.items()}}
            case list() | tuple():
                return [without_arrays(inner) for inner in tree]
            case None | bool() | int() | float() | str():
                return tree
        raise TypeError(f"cannot serialise a {type(tree).__name__}: arrays, numbers, words, dicts and lists only")

    return arrays, without_arrays(tree)


def unpack(arrays: Mapping[str, np.ndarray], plain):
    """The inverse of `pack`; tuples come back as lists.

    Raises:
        KeyError: an array is missing.
    """
    if isinstance(plain, dict):
        if "array" in plain:
            return arrays[plain["array"]]
        return {name: unpack(arrays, inner) for name, inner in plain["dict"].items()}
    return [unpack(arrays, inner) for inner in plain] if isinstance(plain, list) else plain


def pack_reply(reply: Reply) -> tuple[Arrays, object]:
    """A reply from a `Respondent`, packed."""
    return pack(asdict(reply))


def unpack_reply(arrays: Mapping[str, np.ndarray], plain) -> Reply:
    """The inverse of `pack_reply`, for data from a process that a student controls: sentences that are too long are cut.

    Raises:
        ValueError: the data is not a reply: it is not what `pack_reply` gives, is larger than a reply can be, or an array is missing.
    """

    def shallow(plain, levels: int) -> bool:
        inside = plain.values() if isinstance(plain, dict) else plain if isinstance(plain, list) else ()
        return levels > 0 and all(shallow(inner, levels - 1) for inner in inside)

    if not shallow(plain, DEEP):
        raise ValueError("not a reply: too deeply nested")
    try:
        tree = unpack(arrays, plain)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a reply: {type(error).__name__} where arrays are looked up") from error
    names = [part.name for part in fields(Reply)]
    if not isinstance(tree, dict) or tree.keys() != set(names):
        raise ValueError(f"not a reply: it must have {', '.join(names)}")
    parts: dict[str, Any] = {}
    for name in names:
        try:
            parts[name] = _checked(name, tree[name])
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a reply: '{name}' has the wrong type") from error
    return Reply(**parts)


def _checked(part: str, value):
    """One attribute of a reply, if it has the right type. Long sentences and names in it are cut."""
    match part:
        case "output" if value is not None:
            return _array(value)
        case "shape":
            _require(isinstance(value, list | tuple) and len(value) <= MANY, "a shape is not a list of numbers")
            _require(all(type(side) is int and 0 <= side < 1 << 40 for side in value), "a shape is not a list of whole numbers")
            return tuple(value)
        case "trouble" if value is not None:
            _require(isinstance(value, list | tuple) and len(value) == 2, "trouble is not a pair")
            stage, sentence = value
            _require(
                isinstance(stage, str) and stage in STAGES and isinstance(sentence, str), "trouble is not a stage and a sentence"
            )
            return stage, _one_line(sentence, LONG)
        case "changed":
            _require(isinstance(value, list | tuple) and len(value) <= MANY, "the changed arguments are not a list, or too many")
            _require(all(isinstance(name, str) for name in value), "a changed argument has no name")
            return tuple(_one_line(name, WORD) for name in value)
        case "gradients":
            return _by_name(value, _gradient)
    return None


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(f"not a reply: {message}")


def _by_name(value, check: Callable) -> dict:
    """A dict with few and short names, and its entries checked."""
    _require(isinstance(value, dict) and len(value) <= MANY, "a part without names, or with too many")
    _require(all(len(name) <= WORD for name in value), "a name is too long")
    return {name: check(inner) for name, inner in value.items()}


def _array(value) -> np.ndarray:
    _require(isinstance(value, np.ndarray | np.generic), "an array was expected")
    _require(value.dtype.kind in "fiubU" and value.size <= MOST, f"an array of {value.size} {value.dtype}")
    return np.asarray(value)


def _gradient(value):
    if isinstance(value, dict):
        return _by_name(value, lambda inner: None if inner is None else _array(inner))
    return None if value is None else _array(value)


def _one_line(text: str, longest: int) -> str:
    """One line of printable letters."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 2 * longest]).split())
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
