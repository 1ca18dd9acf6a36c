"""The library's own answers in TensorFlow, for exercises that are not functions of the library anyway.

Images are `(B, H, W, 3)` float32.
"""

from collections.abc import Callable, Mapping
from functools import partial

import tensorflow as tf
from tensorflow import Tensor

from stylelab.encoders import OXFORD
from stylelab.tensorflow import losses, networks

conditional_instance_norm = networks.conditional_instance_norm
instance_norm = networks.instance_norm
keras_variation = partial(losses.total_variation, kind="keras")
style_layer_loss = partial(losses.style_layer_loss, normalisation="mean")


def preprocess(image: Tensor) -> Tensor:
    """Prepare an image for the Oxford weights of VGG.

    Args:
        image: `(B, H, W, 3)` RGB in 0..1.

    Returns:
        `(B, H, W, 3)` BGR in 0..255, less the mean of each colour.

    Source: Simonyan and Zisserman 2015; `keras.applications.vgg19.preprocess_input`, which starts from 0..255.
    """
    return image[..., ::-1] * 255 - tf.constant(OXFORD["mean"], image.dtype)  # B, G, R


def deprocess(pixels: Tensor) -> Tensor:
    """Invert `preprocess` and clip.

    Args:
        pixels: `(B, H, W, 3)` BGR in 0..255, less the mean.

    Returns:
        `(B, H, W, 3)` RGB in 0..1.

    Source: the Keras example.
    """
    return tf.clip_by_value((pixels + tf.constant(OXFORD["mean"], pixels.dtype))[..., ::-1] / 255, 0, 1)


def picture_gradient(image: Tensor, target: Tensor, loss: Callable) -> Tensor:
    """The gradient of the loss with respect to the image: the way each pixel goes to raise the loss fastest.

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
    """Make one step of gradient descent on the image.

    Args:
        image, target: `(B, H, W, 3)` in 0..1.
        loss: (image, target) -> scalar.
        learning_rate: the step for a gradient of 1.

    Returns:
        `(B, H, W, 3)` in 0..1, a new tensor.

    Source: Gatys et al. 2016, section 2, with plain gradient descent.
    """
    return tf.clip_by_value(image - learning_rate * picture_gradient(image, target, loss), 0, 1)


def reconstruct(image: Tensor, target: Tensor, loss: Callable, steps: int, learning_rate: float) -> Tensor:
    """Make several steps of gradient descent on the image.

    Args:
        image, target: `(B, H, W, 3)` in 0..1.
        loss: (image, target) -> scalar.
        steps: the number of steps.
        learning_rate: the step for a gradient of 1.

    Returns:
        `(B, H, W, 3)`, in 0..1 after every step.

    Source: Mahendran and Vedaldi 2015 for the idea; Gatys et al. 2016, figure 1.
    """
    for _ in range(steps):
        image = one_step(image, target, loss, learning_rate)
    return image


def psnr(image: Tensor, original: Tensor) -> Tensor:
    """The peak signal-to-noise ratio in decibels: larger is closer, infinite if the images are the same.

    Args:
        image, original: `(B, H, W, 3)` in 0..1, so that the peak is 1.

    Returns:
        Scalar, 10 log10(1 / mean squared error).

    Source: Huynh-Thu and Ghanbari 2008.
    """
    error = tf.reduce_mean(tf.square(image - original))
    return -10 * tf.math.log(error) / tf.math.log(tf.constant(10, error.dtype))


def style_loss(activations: Mapping[str, Tensor], target_grams: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The style loss over several layers, weighted and summed.

    Args:
        activations: layer -> `(B, H, W, C)` of the generated image.
        target_grams: layer -> `(B, C, C)` of the style image, divided by H W.
        weights: layer -> weight.

    Returns:
        Scalar, the weighted sum of the layers' losses.

    Raises:
        InputError: the numbers of filters differ in a layer, or an activation does not have four dimensions.

    Source: Gatys et al. 2016, equation 5.
    """
    return sum(weight * style_layer_loss(activations[layer], target_grams[layer]) for layer, weight in weights.items())


def mmd(activation: Tensor, target: Tensor, kernel: Callable) -> Tensor:
    """How far two clouds are apart by a kernel: the squared maximum mean discrepancy, over all pairs.

    Args:
        activation, target: `(1, H, W, C)`, a point for each position.
        kernel: two clouds `(M, C)` and `(N, C)` -> k of every pair, `(M, N)`.

    Returns:
        Scalar.

    Source: Gretton et al. 2012.
    """
    x, y = _cloud(activation), _cloud(target)
    return tf.reduce_mean(kernel(x, x)) + tf.reduce_mean(kernel(y, y)) - 2 * tf.reduce_mean(kernel(x, y))


def mean_covariance(activation: Tensor, target: Tensor) -> Tensor:
    """How far two clouds' means and covariances are apart.

    Args:
        activation, target: `(1, H, W, C)`, a point for each position.

    Returns:
        Scalar, the squared differences, summed.

    Source: ours; the covariance is the Gram matrix of centred activations.
    """
    (mean, covariance), (target_mean, target_covariance) = _moments(_cloud(activation)), _moments(_cloud(target))
    return tf.reduce_sum(tf.square(mean - target_mean)) + tf.reduce_sum(tf.square(covariance - target_covariance))


def wasserstein(activation: Tensor, target: Tensor) -> Tensor:
    """How much work it takes to move one cloud onto the other, if both were Gaussians.

    Args:
        activation, target: `(1, H, W, C)`, a point for each position.

    Returns:
        Scalar, the squared distance.

    Source: Gelbrich 1990.
    """
    (mean, covariance), (target_mean, target_covariance) = _moments(_cloud(activation)), _moments(_cloud(target))
    root = _matrix_root(target_covariance)
    both = tf.linalg.eigvalsh(root @ covariance @ root)
    paired = tf.reduce_sum(tf.sqrt(tf.maximum(both, tf.constant(1e-12, both.dtype))))  # where it is 0, a root has no slope
    apart = tf.reduce_sum(tf.square(mean - target_mean))
    return apart + tf.linalg.trace(covariance) + tf.linalg.trace(target_covariance) - 2 * paired


def sliced_wasserstein(activation: Tensor, target: Tensor, directions: Tensor) -> Tensor:
    """How far two clouds are apart along lines, point by point in their order there.

    Args:
        activation, target: `(1, H, W, C)`, a point for each position, and as many in both.
        directions: `(n, C)`, each of length 1.

    Returns:
        Scalar, mean over lines and points of the squared difference.

    Source: Heitz et al. 2021.
    """
    along, wanted = (tf.matmul(_cloud(each), directions, transpose_b=True) for each in (activation, target))  # (M, n)
    return tf.reduce_mean(tf.square(tf.sort(along, 0) - tf.sort(wanted, 0)))


def masked_gram(activation: Tensor, mask: Tensor) -> Tensor:
    """Which filters respond together within a region.

    Args:
        activation: `(B, H, W, C)`.
        mask: `(B, H, W, 1)`, 1 in the region and 0 elsewhere.

    Returns:
        `(B, C, C)`, divided by the number of the region's positions.

    Source: Gatys et al. 2017, equation 3.
    """
    return tf.einsum("bhwi,bhwj->bij", activation * mask, activation) / tf.reduce_sum(mask, (1, 2))[:, :, None]


def match_colours(image: Tensor, target: Tensor) -> Tensor:
    """Give an image the mean and the covariance of another one's colours, by moving its colours as little as possible.

    Args:
        image, target: `(1, H, W, 3)`, of any two sizes.

    Returns:
        `(1, H, W, 3)`, not clipped.

    Source: Pitié and Kokaram 2007.
    """
    pixels = _cloud(image)
    (mean, covariance), (target_mean, target_covariance) = _moments(pixels), _moments(_cloud(target))
    root = _matrix_root(covariance)
    inverse = tf.linalg.inv(root)
    moved = (pixels - mean) @ (inverse @ _matrix_root(root @ target_covariance @ root) @ inverse) + target_mean
    return tf.reshape(moved, tf.shape(image))


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Move an image by a flow: take each pixel from the position that its flow points to.

    Args:
        image: `(1, H, W, 3)`.
        flow: `(1, H, W, 2)` in pixels: how far to the right, and how far down.

    Returns:
        `(1, H, W, 3)`, bilinear between pixels; beyond the edge, the edge's own pixels.

    Source: Jaderberg et al. 2015, equation 5.
    """
    height, width = image.shape[1:3]
    rows, columns = tf.range(height, dtype=flow.dtype), tf.range(width, dtype=flow.dtype)
    down, across = rows[:, None] + flow[0, ..., 1], columns + flow[0, ..., 0]  # (H, W)
    top, left = tf.floor(down), tf.floor(across)

    def pixels(row: Tensor, column: Tensor) -> Tensor:
        row = tf.clip_by_value(tf.cast(row, tf.int32), 0, height - 1)
        column = tf.clip_by_value(tf.cast(column, tf.int32), 0, width - 1)
        return tf.gather_nd(image[0], tf.stack([row, column], -1))

    right, lower = (across - left)[..., None], (down - top)[..., None]  # how far between two pixels, 0..1
    above = (1 - right) * pixels(top, left) + right * pixels(top, left + 1)
    below = (1 - right) * pixels(top + 1, left) + right * pixels(top + 1, left + 1)
    return ((1 - lower) * above + lower * below)[None]


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Give each filter the mean and the standard deviation that it has in the style.

    Args:
        content: `(B, H, W, C)`.
        style: `(B, H', W', C)`.

    Returns:
        `(B, H, W, C)`. A filter with one response everywhere gets the style's mean.

    Source: Huang and Belongie 2017, equation 8.
    """
    mean, wanted = (tf.reduce_mean(x, (1, 2), keepdims=True) for x in (content, style))
    deviation, factor = (tf.math.reduce_std(x, (1, 2), keepdims=True) for x in (content, style))
    return factor * (content - mean) / tf.maximum(deviation, tf.cast(1e-5, deviation.dtype)) + wanted


def whiten(activation: Tensor) -> Tensor:
    """Make every mean 0 and the covariance 1, by moving the points as little as possible.

    Args:
        activation: `(1, H, W, C)`.

    Returns:
        `(1, H, W, C)`. Directions without spread become 0.

    Source: Li et al. 2017, equation 1.
    """
    points = _cloud(activation)
    mean, covariance = _moments(points)
    values, vectors = tf.linalg.eigh(covariance)
    inverse = tf.math.rsqrt(tf.where(values > 1e-6 * values[-1], values, values.dtype.max))
    return tf.reshape((points - mean) @ (vectors * inverse) @ tf.transpose(vectors), tf.shape(activation))


def transport_map(covariance: Tensor, target: Tensor) -> Tensor:
    """Find the symmetric matrix A with A covariance A = target: it moves points as little as possible.

    Args:
        covariance: `(C, C)`, which has an inverse.
        target: `(C, C)`.

    Returns:
        `(C, C)`.

    Source: the Monge map of two Gaussians; Peyré and Cuturi 2019, equation 2.40.
    """
    root = _matrix_root(covariance)
    inverse = tf.linalg.inv(root)
    return inverse @ _matrix_root(root @ target @ root) @ inverse


def _cloud(activation: Tensor) -> Tensor:
    """One image's activation `(1, H, W, C)` as points `(M, C)`."""
    return tf.reshape(activation, (-1, activation.shape[-1]))


def _moments(points: Tensor) -> tuple[Tensor, Tensor]:
    """Mean `(C,)` and covariance `(C, C)` of points `(M, C)`."""
    mean = tf.reduce_mean(points, 0)
    covariance = tf.matmul(points - mean, points - mean, transpose_a=True) / tf.cast(tf.shape(points)[0], points.dtype)
    return mean, covariance


def _matrix_root(matrix: Tensor) -> Tensor:
    values, vectors = tf.linalg.eigh(matrix)
    return tf.matmul(vectors * tf.sqrt(tf.maximum(values, tf.zeros_like(values))), vectors, transpose_b=True)
