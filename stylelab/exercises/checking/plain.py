"""What a check needs without a framework: `stylelab.exercises.checking.call.Lab` for NumPy and plain Python.

This file contains no answer, because it is copied into a grader's sandbox.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from stylelab.exercises.checking.definition import Exercise, Unreadable

UNSORTED = "It changes the list in place and returns None: `sorted` gives a new one."


class Lab:
    """Arrays as they are, without gradients."""

    name = "NumPy"
    noun = "array"
    advice: Mapping[str, str] = {
        "object is not callable": "A name that a function had stands for something else now: choose another name for that.",
        "only integer scalar arrays": "One array is used where one whole number is expected, as an index or a count.",
        "truth value of an array": "`if` needs one True or False: for a whole array, use all() or any().",
        "could not be broadcast": "Print both shapes: they are compared from the last axis on, and an axis of length 1 fits any.",
    }
    nothing: Mapping[tuple[str, ...], str] = {
        ("sort",): UNSORTED,
        ("append",): "`append` changes the list and returns None: return the list itself.",
        ("reverse",): "`reverse` changes the list in place and returns None: `reversed` or [::-1] give a new one.",
    }

    def give(self, kind: str, value: np.ndarray) -> Any:
        if kind in ("loss", "kernel"):
            raise TypeError(f"an argument of the kind '{kind}' needs PyTorch or TensorFlow")
        return np.array(value)

    def take(self, kind: str, tensor: np.ndarray) -> np.ndarray:
        array = np.asarray(tensor)
        if array.dtype.kind not in "fiub":
            raise Unreadable(f"an array of {array.dtype}, where numbers are expected.")
        return array.astype(float)

    def is_tensor(self, value) -> bool:
        return isinstance(value, np.ndarray | np.number | np.bool_)

    def loss(self, evaluate: Callable, uses_target: bool) -> Callable:
        raise TypeError("a loss needs PyTorch or TensorFlow")

    def recorded(self, function: Callable, given: Mapping[str, Any], names: Sequence[str]) -> Any:
        raise TypeError("a gradient needs PyTorch or TensorFlow")

    def obstacle(self, exercise: Exercise, function: Callable, given: Mapping[str, Any]) -> str | None:
        return None
