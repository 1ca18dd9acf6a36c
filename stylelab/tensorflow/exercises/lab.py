"""What a check needs from TensorFlow: `stylelab.exercises.checking.call.Lab`.

This file contains no answer, because it is copied into a grader's sandbox; the rest of this folder is not.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.exercises.checking.definition import Exercise, Unreadable

NOT_WATCHED = (
    "the tape did not watch the image: call tape.watch(image) before the loss is taken, inside the `with`. A variable that is assigned "
    "with = becomes a tensor, which no tape watches by itself."
)

ODD = (tf.SparseTensor, tf.RaggedTensor, tf.IndexedSlices)  # the last is what a gradient through tf.gather is
UNREADABLE = {  # what a tensor is, and what to do -> a test of it
    "a sparse tensor: tf.sparse.to_dense makes an ordinary one of it.": lambda tensor: isinstance(tensor, tf.SparseTensor),
    "a ragged tensor, with rows of different lengths: its to_tensor() makes an ordinary one of it.": lambda tensor: isinstance(
        tensor, tf.RaggedTensor
    ),
    "a symbolic tensor, which belongs to a graph and has no numbers: return what the graph's function returns.": tf.is_symbolic_tensor,
    "complex numbers: return real ones, such as tf.math.real or tf.abs of them.": lambda tensor: tensor.dtype.is_complex,
    "True or False, where numbers are expected.": lambda tensor: tensor.dtype.is_bool,
    "a tensor whose entries are not numbers: use floats.": lambda tensor: (
        not (tensor.dtype.is_floating or tensor.dtype.is_integer)
    ),
}
NO_GRAPH = (
    "TensorFlow cannot make a graph of it, which a transfer needs (no loops over tensors, no `int()` or `float()` of them)."
)
FUNCTIONS = (
    "TensorFlow has functions where NumPy has methods: tf.reshape(x, ...), tf.transpose(x, ...), tf.reduce_sum(x), tf.abs(x)."
)
SAME_TYPE = "Both must have the same dtype: stay with float32, or use tf.cast."


class Lab:
    """Tensors from channels-last arrays and back, and gradients."""

    name = "TensorFlow"
    noun = "tensor"
    advice: Mapping[str, str] = {
        "'NoneType' and": NOT_WATCHED,
        "unsupported operand type(s) for *: 'float' and 'NoneType'": NOT_WATCHED,
        "Attempt to convert a value (None)": NOT_WATCHED,
        "None values not supported": NOT_WATCHED,
        "Incompatible shapes": "Print both shapes: four axes are (B, H, W, C) in TensorFlow, so channels are the last axis, and one "
        "number for each channel is (C,).",
        "item assignment": "A tensor cannot be changed: make a new one, with tf.stack or tf.concat.",
        "of int32 is not in the list of allowed values": "It needs a float, such as 10.0, instead of a whole number.",
        "no attribute 'log10'": "TensorFlow has only the natural logarithm: divide by the logarithm of 10.0.",
        "non-persistent GradientTape": "Each step needs its own tape: open it inside the loop.",
        "no attribute 'assign": "A tensor cannot be changed: make a new one, or a tf.Variable of your own.",
        "has no attribute 'numpy'": "Use tensors throughout: no gradient can pass through NumPy.",
        "Tensor object has no attribute": FUNCTIONS,
        "Tensor' object has no attribute": FUNCTIONS,
        "tensor but is a": SAME_TYPE,
        "must have the same dtype": SAME_TYPE,
        "can't multiply sequence": "tape.gradient returns a list for a list of images: ask for the gradient of one image.",
    }

    nothing: Mapping[tuple[str, ...], str] = {
        (
            "gradient",
            "watch",
        ): "the tape must watch the very image that goes into the loss, before the loss is taken, and both inside "
        "the `with`: a copy that is made afterwards is another image.",
        ("gradient", "Variable"): "the loss must be taken of the variable itself, inside the `with`, and not of the image.",
        ("gradient",): NOT_WATCHED,
    }

    def give(self, kind: str, value: np.ndarray) -> "Tensor | Callable":
        if kind == "loss":
            return _network_loss(np.array(value, dtype=np.float32))
        if kind == "kernel":
            return _kernel(*map(float, value))
        return tf.constant(np.array(value, dtype=np.float32))

    def take(self, kind: str, tensor: Tensor) -> np.ndarray:
        for what, holds in UNREADABLE.items():
            if holds(tensor):
                raise Unreadable(what)
        return np.array(tf.convert_to_tensor(tensor)).astype(np.float64)  # here, as not every GPU has float64

    def is_tensor(self, value) -> bool:
        return isinstance(value, (tf.Tensor, tf.Variable, *ODD))

    def loss(self, evaluate: Callable, uses_target: bool) -> Callable[[Tensor, Tensor], Tensor]:
        @tf.custom_gradient
        def elsewhere(*images: Tensor) -> tuple[Tensor, Callable]:
            """Nothing is here but the value and the gradients at the images that it is asked about."""
            kinds = [images[0].dtype, *(image.dtype for image in images)]

            def ask(*images: np.ndarray) -> list[np.ndarray]:
                found = evaluate(*(image.astype(np.float64) for image in images))
                return [np.asarray(each, kind.as_numpy_dtype) for each, kind in zip(found, kinds, strict=True)]

            value, *slopes = tf.numpy_function(ask, images, kinds)
            for each, shape in zip((value, *slopes), ((), *(image.shape for image in images)), strict=True):
                each.set_shape(shape)
            return value, lambda weight: [tf.cast(weight, slope.dtype) * slope for slope in slopes]

        def loss(image: Tensor, target: Tensor) -> Tensor:
            """A loss that is computed elsewhere."""
            return elsewhere(*map(tf.convert_to_tensor, (image, target) if uses_target else (image,)))

        return loss

    def recorded(
        self, function: Callable, given: Mapping[str, object], names: Sequence[str]
    ) -> tuple[object, Callable[[np.ndarray], dict[str, object]]]:
        tensors = {name: given[name] for name in names}
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(tensors)
            output = function(*given.values())

        def pull(weights: np.ndarray) -> dict[str, object]:
            onto = tf.reshape(tf.constant(weights.astype(output.dtype.as_numpy_dtype)), output.shape)
            return tape.gradient(output, tensors, output_gradients=onto)

        return output, pull

    def obstacle(self, exercise: Exercise, function: Callable, given: Mapping[str, object]) -> str | None:
        if exercise.differentiable:
            try:  # `optimise` turns the loss into a graph
                tf.function(lambda: function(*given.values()), autograph=False).get_concrete_function()
            except Exception:  # noqa: BLE001  whatever fails here would fail in a transfer
                return NO_GRAPH
        return None  # TensorFlow moves tensors between devices by itself


def _network_loss(weights: np.ndarray) -> Callable[[Tensor, Tensor], Tensor]:
    """`loss_value` of `stylelab.exercises.common` for these weights, as a function of two images."""

    def mixed(image: Tensor, rows: slice) -> Tensor:
        return tf.tensordot(image, tf.constant(weights[rows], image.dtype), 1)

    def seen(image: Tensor) -> Tensor:
        return tf.tanh(mixed(image, slice(3)) + tf.constant(weights[3:4].sum(0), image.dtype))

    def loss(image: Tensor, target: Tensor) -> Tensor:
        target = tf.cast(target, image.dtype)
        if len(weights) == 3:
            return 2 * tf.reduce_sum(seen(image))
        if len(weights) == 4:
            return tf.reduce_sum(tf.square(seen(image) - target))
        return tf.reduce_sum(tf.exp(mixed(target, slice(4, 7))) * tf.square(seen(image) - seen(target)))

    return loss


def _kernel(power: float, constant: float, gamma: float) -> Callable[[Tensor, Tensor], Tensor]:
    """`kernel_matrix` of `stylelab.exercises.common` for these numbers, as a function of two clouds."""

    def kernel(points: Tensor, others: Tensor) -> Tensor:
        """k of each of the points `(M, C)` with each of the others `(N, C)`: `(M, N)`."""
        products = tf.matmul(points, others, transpose_b=True)
        apart = (
            tf.reduce_sum(tf.square(points), -1)[..., :, None] + tf.reduce_sum(tf.square(others), -1)[..., None, :] - 2 * products
        )
        values = tf.exp(-gamma * apart)
        for _ in range(int(power)):
            values = values * (products + constant)
        return values

    return kernel
