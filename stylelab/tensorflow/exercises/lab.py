"""What a check needs from TensorFlow: `stylelab.exercises.checking.call.Lab`.

This file contains no answer, because it is copied into a grader's sandbox; the rest of this folder is not.
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

NOT_WATCHED = "tape.gradient returned None: call tape.watch(image) before the loss is taken, inside the `with`."


class Lab:
    """Tensors from channels-last arrays and back, and gradients."""

    name = "TensorFlow"
    advice: Mapping[str, str] = {
        "None": "It returns None: end it with `return` and the result. (tape.gradient returns None for what the tape does not watch: "
        "call tape.watch(image) before the loss is taken, inside the `with`.)",
        "'NoneType' and": NOT_WATCHED,
        "unsupported operand type(s) for *: 'float' and 'NoneType'": NOT_WATCHED,
        "Attempt to convert a value (None)": NOT_WATCHED,
        "None values not supported": NOT_WATCHED,
        "Incompatible shapes": "Print both shapes: four axes are (B, H, W, C) in TensorFlow, so channels are the last axis, and one "
        "number for each channel is (C,).",
        "non-persistent GradientTape": "Each step needs its own tape: open it inside the loop.",
        "no attribute 'assign": "A tensor cannot be changed: make a new one, or a tf.Variable of your own.",
        "has no attribute 'numpy'": "Use tensors throughout: no gradient can pass through NumPy.",
    }

    def give(self, kind: str, value: np.ndarray) -> "Tensor | Callable":
        if kind == "loss":
            return partial(_weighted_loss, self.give("image", value))
        return tf.constant(np.array(value, dtype=np.float32))

    def take(self, kind: str, tensor: Tensor) -> np.ndarray:
        return np.array(tf.convert_to_tensor(tensor)).astype(np.float64)  # here, as not every GPU has float64

    def is_tensor(self, value) -> bool:
        return isinstance(value, (tf.Tensor, tf.Variable))

    def gradients(self, function: Callable, given: Mapping[str, object], names: tuple[str, ...]) -> dict[str, object]:
        tensors = {name: given[name] for name in names}
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            total = tf.reduce_sum(function(*given.values()))
        return tape.gradient(total, tensors)

    def usable(self, function: Callable, given: Mapping[str, object]) -> bool:
        try:  # `optimise` turns the loss into a graph
            tf.function(lambda: function(*given.values()), autograph=False).get_concrete_function()
        except Exception:  # noqa: BLE001  whatever fails here would fail in a transfer
            return False
        return True


def _weighted_loss(weights: Tensor, image: Tensor, target: Tensor) -> Tensor:
    return tf.reduce_sum(weights * tf.square(image - target)) / 2
