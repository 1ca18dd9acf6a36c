"""Take cases and answers apart into plain arrays and JSON, and put them together again: no pickles between processes."""

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from stylelab.exercises.asking import Answer

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
    """The inverse of `pack_answer`."""
    tree = unpack(arrays, plain)
    tree["shapes"] = {name: tuple(shape) for name, shape in tree["shapes"].items()}
    tree["trouble"] = tree["trouble"] and tuple(tree["trouble"])
    tree["changed"] = tuple(tree["changed"])
    return Answer(**tree)
