"""What an exercise cell's answer is worth, in words: the part of `stylelab.exercises` that needs TensorFlow."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab import exercises
from stylelab.exercises import costs, layers, tutorials
from stylelab.tensorflow import answers
from stylelab.tensorflow.losses import content_loss, gram_matrix, style_layer_loss, total_variation


def check(exercise_id: str, function: Callable) -> Callable:
    """Say in one sentence what an answer is worth, and hand back the function to go on with.

    Args:
        exercise_id: such as 'gram_matrix'.
        function: the answer itself, not its result.

    Returns:
        `function` when it is right, else the library's own.

    Raises:
        InputError: no such exercise; the nearest name is suggested.
        AssertionError: a wrong or missing answer, while nbgrader runs the notebook.

    Source: the exercises follow Gatys et al. 2016 and seeds/002; `stylelab.exercises` has what they ask.
    """
    return exercises.check_answer(exercises.find_exercise(exercise_id), function, Lab(), LIBRARY)


class Lab:
    """Tensors from channels-last arrays and back, and gradients."""

    name = "TensorFlow"
    advice = {
        "None": "It returns None: end it with `return` and the result. (tape.gradient gives None for what the tape did not watch: "
        "tape.watch(picture) before the loss is taken, inside the `with`.)",
        "'NoneType' and": "tape.gradient gave None: tape.watch(picture) before the loss is taken, inside the `with`.",
        "unsupported operand type(s) for *: 'float' and 'NoneType'": "tape.gradient gave None: tape.watch(picture) before the loss "
        "is taken, inside the `with`.",
        "Attempt to convert a value (None)": "tape.gradient gave None: tape.watch(picture) before the loss is taken, inside the "
        "`with`.",
        "None values not supported": "tape.gradient gave None: tape.watch(picture) before the loss is taken, inside the `with`.",
        "Incompatible shapes": "Print both shapes: four axes are (B, H, W, C) in TensorFlow, so channels are the last axis, and one "
        "number for each channel is (C,).",
        "non-persistent GradientTape": "Each step needs a tape of its own: open it inside the loop.",
        "no attribute 'assign": "A tensor cannot be changed: make a new one, or a tf.Variable of your own.",
        "has no attribute 'numpy'": "Stay with tensors: no gradient can pass through NumPy.",
    }

    def give(self, kind: str, value: np.ndarray) -> "Tensor | Callable":
        if kind == "loss":
            return partial(_weighted_loss, self.give("picture", value))
        return tf.constant(np.array(value, dtype=np.float32))

    def take(self, kind: str, tensor: Tensor) -> np.ndarray:
        return np.array(tf.cast(tf.convert_to_tensor(tensor), tf.float64))

    def is_tensor(self, value) -> bool:
        return isinstance(value, (tf.Tensor, tf.Variable))

    def gradients(self, function: Callable, given: Mapping[str, object], names: tuple[str, ...]) -> dict[str, object]:
        tensors = {name: given[name] for name in names}
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            total = tf.reduce_sum(function(*given.values()))
        return tape.gradient(total, tensors)

    def usable(self, function: Callable, given: Mapping[str, object]) -> bool:
        try:  # `optimise` makes a graph of the loss
            tf.function(lambda: function(*given.values()), autograph=False).get_concrete_function()
        except Exception:  # noqa: BLE001  whatever stops it would stop the transfer
            return False
        return True


def _weighted_loss(weights: Tensor, picture: Tensor, target: Tensor) -> Tensor:
    return tf.reduce_sum(weights * tf.square(picture - target)) / 2


LIBRARY = {
    "balance": costs.balance,
    "blend": tutorials.blend,
    "content_loss": content_loss,
    "decayed_rate": tutorials.decayed_rate,
    "deprocess": answers.deprocess,
    "gram_matrix": gram_matrix,
    "keras_variation": partial(total_variation, kind="keras"),
    "layer_name": layers.layer_name,
    "one_step": answers.one_step,
    "picture_gradient": answers.picture_gradient,
    "preprocess": answers.preprocess,
    "psnr": answers.psnr,
    "receptive_field": layers.receptive_field,
    "reconstruct": answers.reconstruct,
    "style_layer_loss": partial(style_layer_loss, normalisation="mean"),
    "style_loss": answers.style_loss,
    "total_cost": costs.total_cost,
    "total_variation": total_variation,
}
