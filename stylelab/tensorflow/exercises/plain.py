"""Functions of the library, written as plainly as an answer can be: what `solution` shows. Activations are `(B, H, W, C)`."""

import tensorflow as tf
from tensorflow import Tensor


def layer_name(name: str | int) -> str:
    """The paper's name of a layer: a number counts in the list of all sixteen, and in any other spelling two digits count."""
    names = [f"conv{block}_{number}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for number in range(1, count + 1)]
    if isinstance(name, int):
        return names[name - 1]
    block, number = (letter for letter in name if letter.isdigit())
    return f"conv{block}_{number}"


def content_loss(activation: Tensor, target: Tensor) -> Tensor:
    """The mean squared difference between two activations."""
    return tf.reduce_mean(tf.square(activation - target))


def gram_matrix(activation: Tensor) -> Tensor:
    """Which filters respond together, `(B, C, C)`: F F^T / (H W) for each image."""
    batch, height, width, filters = activation.shape
    rows = tf.reshape(activation, (batch, height * width, filters))
    return tf.matmul(rows, rows, transpose_a=True) / (height * width)


def style_layer_loss(activation: Tensor, target_gram: Tensor) -> Tensor:
    """The mean squared difference between an activation's Gram matrix and a target `(B, C, C)`."""
    return tf.reduce_mean(tf.square(gram_matrix(activation) - target_gram))


def total_variation(image: Tensor) -> Tensor:
    """The sum of the absolute differences between neighbouring pixels, down and right."""
    down = image[:, 1:] - image[:, :-1]
    right = image[:, :, 1:] - image[:, :, :-1]
    return tf.reduce_sum(tf.abs(down)) + tf.reduce_sum(tf.abs(right))


def keras_variation(image: Tensor) -> Tensor:
    """The sum of (dx^2 + dy^2)^1.25 over the positions that have both neighbours."""
    down = image[:, 1:, :-1] - image[:, :-1, :-1]
    right = image[:, :-1, 1:] - image[:, :-1, :-1]
    return tf.reduce_sum((tf.square(down) + tf.square(right)) ** 1.25)


def instance_norm(activation: Tensor, epsilon: float) -> Tensor:
    """Each filter of each image with mean 0 and variance 1."""
    centred = activation - tf.reduce_mean(activation, (1, 2), keepdims=True)
    return centred / tf.sqrt(tf.reduce_mean(tf.square(centred), (1, 2), keepdims=True) + epsilon)


def conditional_instance_norm(activation: Tensor, gain: Tensor, bias: Tensor, epsilon: float) -> Tensor:
    """Normalised, then given the gain and the bias of a style, each `(B, C)`."""
    return gain[:, None, None] * instance_norm(activation, epsilon) + bias[:, None, None]
