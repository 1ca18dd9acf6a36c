"""What an image must match: activations for content, Gram matrices for style, its neighbours for smoothness.

Activations and images are `(B, H, W, C)`, in float32 or bfloat16; losses are computed in float32. N is the number of
filters C, M the number of places H W.
"""

import tensorflow as tf
from tensorflow import Tensor

from stylelab.errors import InputError, unknown
from stylelab.recipes import CONTENT_NORMALISATIONS, GRAM_NORMALISATIONS, STYLE_NORMALISATIONS, TV_KINDS


def content_loss(activation: Tensor, target: Tensor, normalisation: str = "mean") -> Tensor:
    """How far a layer's activation is from that of the content image, place by place: 0 when they match.

    Args:
        activation: `(B, H, W, C)` of the image being painted.
        target: `(B, H, W, C)` of the content image.
        normalisation: 'half_sum' 1/2 sum d^2; 'sum'; 'mean' over all entries; 'quarter_mean' sum d^2 / (4 C H W).

    Returns:
        Scalar, summed over the batch (except 'mean').

    Raises:
        InputError: the shapes differ, or an unknown normalisation.

    Source: 'half_sum' Gatys et al. 2016, equation 1; 'sum' the Keras example; 'quarter_mean' deeplearning.ai's exercise,
        equation 1.
    """
    activation, target = tf.convert_to_tensor(activation), tf.convert_to_tensor(target)
    if _shape(activation) != _shape(target):
        raise InputError(f"activation is {_shape(activation)} but target is {_shape(target)}: use one layer and one size")
    squared = tf.square(wide(activation) - wide(target))
    match normalisation:
        case "half_sum":
            return tf.reduce_sum(squared) / 2
        case "sum":
            return tf.reduce_sum(squared)
        case "mean":
            return tf.reduce_mean(squared)
        case "quarter_mean":
            return tf.reduce_sum(squared) / _number(4 * tf.size(squared[0]), squared)
    raise unknown("content normalisation", normalisation, CONTENT_NORMALISATIONS)


def gram_matrix(activation: Tensor, normalisation: str = "per_location") -> Tensor:
    """Which filters answer together, wherever in the image that is.

    Args:
        activation: `(B, H, W, C)`.
        normalisation: 'raw' F F^T; 'per_location' / (H W); 'per_element' / (C H W).

    Returns:
        `(B, C, C)`, symmetric, positive semi-definite, blind to the order of places.

    Raises:
        InputError: not four dimensions, or an unknown normalisation.

    Source: Gatys et al. 2016, equation 3 ('raw'); TensorFlow's tutorial ('per_location'); PyTorch's ('per_element').
    """
    activation = tf.convert_to_tensor(activation)
    if len(activation.shape) != 4:
        raise InputError(f"activation must be (B, H, W, C); got {_shape(activation)}")
    batch, height, width, channels = tf.unstack(tf.shape(activation))
    features = tf.reshape(wide(activation), (batch, height * width, channels))  # (B, H W, C)
    gram = tf.matmul(features, features, transpose_a=True)  # (B, C, C)
    return normalised_gram(gram, normalisation, height * width)


def normalised_gram(gram: Tensor, normalisation: str, places: "int | Tensor") -> Tensor:
    """A raw Gram matrix, divided as `gram_matrix` divides it.

    Args:
        gram: `(B, C, C)`, F F^T.
        normalisation: 'raw', 'per_location' or 'per_element'.
        places: H W, how many it was summed over.

    Returns:
        `(B, C, C)`.

    Raises:
        InputError: an unknown normalisation.

    Source: as `gram_matrix`.
    """
    match normalisation:
        case "raw":
            return gram
        case "per_location":
            return gram / _number(places, gram)
        case "per_element":
            return gram / (_number(tf.shape(gram)[1], gram) * _number(places, gram))
    raise unknown("Gram normalisation", normalisation, GRAM_NORMALISATIONS)


def style_layer_loss(
    activation: Tensor,
    target_gram: Tensor,
    normalisation: str = "gatys",
    *,
    gram: str = "per_location",
    image_size: tuple[int, int] | None = None,
) -> Tensor:
    """How far one layer's Gram matrix is from the style image's: 0 when they match.

    Args:
        activation: `(B, H, W, C)` of the image being painted.
        target_gram: `(B, C, C)` of the style image; raw for 'gatys' and 'keras', normalised by `gram` for 'mean'.
        normalisation: 'gatys' sum d^2 / (4 N^2 M^2) of raw Grams; 'mean' of d^2 over the C C entries;
            'keras' sum d^2 / (4 * 3^2 * (H W of the image)^2) of raw Grams.
        gram: how 'mean' normalises the activation's Gram matrix. 'mean' of 'per_location' is 4 times 'gatys'.
        image_size: (H, W) of the image for 'keras'; by default the activation's own, which is the image's in
            the first block.

    Returns:
        Scalar, summed over the batch (except 'mean').

    Raises:
        InputError: the numbers of filters differ, or an unknown normalisation.

    Source: Gatys et al. 2016, equation 4; TensorFlow's and PyTorch's tutorials ('mean'); the Keras example ('keras').
    """
    own = gram_matrix(activation, gram if normalisation == "mean" else "raw")
    return style_distance(own, target_gram, normalisation, tuple(tf.unstack(tf.shape(activation))[1:3]), image_size)


def style_distance(
    own: Tensor,
    target_gram: Tensor,
    normalisation: str,
    layer_size: tuple[int, int],
    image_size: tuple[int, int] | None = None,
) -> Tensor:
    """How far one Gram matrix is from another, as `style_layer_loss` counts it.

    Args:
        own: `(B, C, C)` of the image being painted; raw for 'gatys' and 'keras'.
        target_gram: `(B, C, C)` of the style image, normalised likewise.
        normalisation: 'gatys', 'mean' or 'keras'.
        layer_size: (H, W) of the activation that `own` was made of.
        image_size: (H, W) of the image for 'keras'; by default `layer_size`.

    Returns:
        Scalar, summed over the batch (except 'mean').

    Raises:
        InputError: the numbers of filters differ, or an unknown normalisation.

    Source: as `style_layer_loss`.
    """
    own, target_gram = tf.convert_to_tensor(own), tf.convert_to_tensor(target_gram)
    if _shape(own)[1:] != _shape(target_gram)[-2:]:
        raise InputError(f"Gram matrix is {_shape(own)} but target is {_shape(target_gram)}: use one layer")
    squared = tf.square(own - target_gram)
    if normalisation == "mean":
        return tf.reduce_mean(squared)
    filters, (height, width) = tf.shape(own)[1], layer_size
    if normalisation == "gatys":
        return tf.reduce_sum(squared) / (4 * _number(filters, squared) ** 2 * _number(height * width, squared) ** 2)
    if normalisation == "keras":
        height, width = image_size or layer_size
        return tf.reduce_sum(squared) / (4 * 3**2 * _number(height * width, squared) ** 2)
    raise unknown("style normalisation", normalisation, STYLE_NORMALISATIONS)


def total_variation(image: Tensor, kind: str = "l1") -> Tensor:
    """How much neighbouring pixels differ: 0 for one flat colour.

    Args:
        image: `(B, H, W, 3)`; any range, the value scales with it.
        kind: 'l1' sum |d|, as tf.image.total_variation; 'l2' sum d^2; 'keras' sum of (dx^2 + dy^2)^1.25 over the
            places that have both neighbours.

    Returns:
        Scalar, summed over the batch.

    Raises:
        InputError: not four dimensions, or an unknown kind.

    Source: Rudin, Osher and Fatemi 1992 for the idea; TensorFlow's tutorial ('l1'); the Keras example
        with its slice mended ('keras').
    """
    image = tf.convert_to_tensor(image)
    if len(image.shape) != 4:
        raise InputError(f"image must be (B, H, W, 3); got {_shape(image)}")
    down = image[:, 1:, :, :] - image[:, :-1, :, :]  # (B, H-1, W, 3)
    right = image[:, :, 1:, :] - image[:, :, :-1, :]  # (B, H, W-1, 3)
    match kind:
        case "l1":
            return tf.reduce_sum(tf.abs(down)) + tf.reduce_sum(tf.abs(right))
        case "l2":
            return tf.reduce_sum(tf.square(down)) + tf.reduce_sum(tf.square(right))
        case "keras":
            return tf.reduce_sum(tf.pow(tf.square(down[:, :, :-1, :]) + tf.square(right[:, :-1, :, :]), 1.25))
    raise unknown("total variation", kind, TV_KINDS)


def wide(tensor: Tensor) -> Tensor:
    """A bfloat16 tensor as float32, of which it holds the first 16 bits; every other as it is."""
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor


def _shape(tensor: Tensor) -> tuple[int | None, ...]:
    return tuple(tensor.shape)


def _number(count: "int | Tensor", like: Tensor) -> Tensor:
    """A count as a floating-point tensor: H W squared does not fit into 32-bit integers."""
    return tf.cast(count, like.dtype)
