"""The exercises' model answers in TensorFlow, for those that no other file of this folder has.

Pictures are `(B, H, W, 3)` float32.
"""

from collections.abc import Callable, Mapping

import tensorflow as tf
from tensorflow import Tensor

from stylelab.encoders import OXFORD
from stylelab.tensorflow.losses import style_layer_loss


def preprocess(picture: Tensor) -> Tensor:
    """A picture as the Oxford weights of VGG want it.

    Args:
        picture: `(B, H, W, 3)` RGB in 0..1.

    Returns:
        `(B, H, W, 3)` BGR in 0..255 less the mean of each colour.

    Source: Simonyan and Zisserman 2015; `keras.applications.vgg19.preprocess_input`, which starts from 0..255.
    """
    return picture[..., ::-1] * 255 - tf.constant(OXFORD["mean"], picture.dtype)  # B, G, R


def deprocess(pixels: Tensor) -> Tensor:
    """The inverse of `preprocess`, clipped.

    Args:
        pixels: `(B, H, W, 3)` BGR in 0..255 less the mean.

    Returns:
        `(B, H, W, 3)` RGB in 0..1.

    Source: the Keras example.
    """
    return tf.clip_by_value((pixels + tf.constant(OXFORD["mean"], pixels.dtype))[..., ::-1] / 255, 0, 1)


def picture_gradient(picture: Tensor, target: Tensor, loss: Callable) -> Tensor:
    """Which way each pixel must go to raise the loss fastest. The network and the target stay as they are.

    Args:
        picture, target: `(B, H, W, 3)`.
        loss: (picture, target) -> scalar.

    Returns:
        `(B, H, W, 3)`, d loss / d picture.

    Source: Gatys et al. 2016, section 2.
    """
    picture = tf.convert_to_tensor(picture)
    with tf.GradientTape() as tape:
        tape.watch(picture)
        value = loss(picture, target)
    return tape.gradient(value, picture)


def one_step(picture: Tensor, target: Tensor, loss: Callable, learning_rate: float) -> Tensor:
    """One step of gradient descent on the picture.

    Args:
        picture, target: `(B, H, W, 3)` in 0..1.
        loss: (picture, target) -> scalar.
        learning_rate: how far to go for a gradient of 1.

    Returns:
        `(B, H, W, 3)` in 0..1, a new tensor.

    Source: Gatys et al. 2016, section 2, with plain gradient descent.
    """
    return tf.clip_by_value(picture - learning_rate * picture_gradient(picture, target, loss), 0, 1)


def reconstruct(picture: Tensor, target: Tensor, loss: Callable, steps: int, learning_rate: float) -> Tensor:
    """Several steps of gradient descent on the picture.

    Args:
        picture, target: `(B, H, W, 3)` in 0..1.
        loss: (picture, target) -> scalar.
        steps: how many.
        learning_rate: how far to go for a gradient of 1.

    Returns:
        `(B, H, W, 3)`, in 0..1 after every step.

    Source: Mahendran and Vedaldi 2015 for the idea; Gatys et al. 2016, figure 1.
    """
    for _ in range(steps):
        picture = one_step(picture, target, loss, learning_rate)
    return picture


def psnr(picture: Tensor, original: Tensor) -> Tensor:
    """How close a picture is to the original, in decibels; more is closer, infinite when they are the same.

    Args:
        picture, original: `(B, H, W, 3)` in 0..1, so that the peak is 1.

    Returns:
        Scalar, 10 log10(1 / mean squared error).

    Source: Huynh-Thu and Ghanbari 2008.
    """
    error = tf.reduce_mean(tf.square(picture - original))
    return -10 * tf.math.log(error) / tf.math.log(tf.constant(10, error.dtype))


def style_loss(activations: Mapping[str, Tensor], target_grams: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """How far the picture's style is from the style picture's, over several layers.

    Args:
        activations: layer -> `(B, H, W, C)` of the picture being painted.
        target_grams: layer -> `(B, C, C)` of the style picture, divided by H W.
        weights: layer -> what it counts.

    Returns:
        Scalar, the weighted sum of the layers' losses.

    Raises:
        InputError: the numbers of filters differ in a layer, or an activation has not four dimensions.

    Source: Gatys et al. 2016, equation 5.
    """
    return sum(weight * style_layer_loss(activations[layer], target_grams[layer], "mean") for layer, weight in weights.items())
