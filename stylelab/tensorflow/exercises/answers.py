"""The exercises' model answers in TensorFlow, for those that no other file of this folder has.

Images are `(B, H, W, 3)` float32.
"""

from collections.abc import Callable, Mapping

import tensorflow as tf
from tensorflow import Tensor

from stylelab.encoders import OXFORD
from stylelab.tensorflow.losses import style_layer_loss


def preprocess(image: Tensor) -> Tensor:
    """An image as the Oxford weights of VGG want it.

    Args:
        image: `(B, H, W, 3)` RGB in 0..1.

    Returns:
        `(B, H, W, 3)` BGR in 0..255 less the mean of each colour.

    Source: Simonyan and Zisserman 2015; `keras.applications.vgg19.preprocess_input`, which starts from 0..255.
    """
    return image[..., ::-1] * 255 - tf.constant(OXFORD["mean"], image.dtype)  # B, G, R


def deprocess(pixels: Tensor) -> Tensor:
    """The inverse of `preprocess`, clipped.

    Args:
        pixels: `(B, H, W, 3)` BGR in 0..255 less the mean.

    Returns:
        `(B, H, W, 3)` RGB in 0..1.

    Source: the Keras example.
    """
    return tf.clip_by_value((pixels + tf.constant(OXFORD["mean"], pixels.dtype))[..., ::-1] / 255, 0, 1)


def picture_gradient(image: Tensor, target: Tensor, loss: Callable) -> Tensor:
    """Which way each pixel must go to raise the loss fastest. The network and the target stay as they are.

    Args:
        image, target: `(B, H, W, 3)`.
        loss: (image, target) -> scalar.

    Returns:
        `(B, H, W, 3)`, d loss / d image.

    Source: Gatys et al. 2016, section 2.
    """
    image = tf.convert_to_tensor(image)
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = loss(image, target)
    return tape.gradient(value, image)


def one_step(image: Tensor, target: Tensor, loss: Callable, learning_rate: float) -> Tensor:
    """One step of gradient descent on the image.

    Args:
        image, target: `(B, H, W, 3)` in 0..1.
        loss: (image, target) -> scalar.
        learning_rate: how far to go for a gradient of 1.

    Returns:
        `(B, H, W, 3)` in 0..1, a new tensor.

    Source: Gatys et al. 2016, section 2, with plain gradient descent.
    """
    return tf.clip_by_value(image - learning_rate * picture_gradient(image, target, loss), 0, 1)


def reconstruct(image: Tensor, target: Tensor, loss: Callable, steps: int, learning_rate: float) -> Tensor:
    """Several steps of gradient descent on the image.

    Args:
        image, target: `(B, H, W, 3)` in 0..1.
        loss: (image, target) -> scalar.
        steps: how many.
        learning_rate: how far to go for a gradient of 1.

    Returns:
        `(B, H, W, 3)`, in 0..1 after every step.

    Source: Mahendran and Vedaldi 2015 for the idea; Gatys et al. 2016, figure 1.
    """
    for _ in range(steps):
        image = one_step(image, target, loss, learning_rate)
    return image


def psnr(image: Tensor, original: Tensor) -> Tensor:
    """How close an image is to the original, in decibels; more is closer, infinite when they are the same.

    Args:
        image, original: `(B, H, W, 3)` in 0..1, so that the peak is 1.

    Returns:
        Scalar, 10 log10(1 / mean squared error).

    Source: Huynh-Thu and Ghanbari 2008.
    """
    error = tf.reduce_mean(tf.square(image - original))
    return -10 * tf.math.log(error) / tf.math.log(tf.constant(10, error.dtype))


def style_loss(activations: Mapping[str, Tensor], target_grams: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """How far the image's style is from the style image's, over several layers.

    Args:
        activations: layer -> `(B, H, W, C)` of the image being painted.
        target_grams: layer -> `(B, C, C)` of the style image, divided by H W.
        weights: layer -> what it counts.

    Returns:
        Scalar, the weighted sum of the layers' losses.

    Raises:
        InputError: the numbers of filters differ in a layer, or an activation has not four dimensions.

    Source: Gatys et al. 2016, equation 5.
    """
    return sum(weight * style_layer_loss(activations[layer], target_grams[layer], "mean") for layer, weight in weights.items())
