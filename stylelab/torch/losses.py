"""What an image must match: activations for content, Gram matrices for style, its neighbours for smoothness.

Activations and images are `(B, C, H, W)`, in float32 or bfloat16; losses are computed in float32. N is the number of filters C, M the number of places H W.
"""

import torch
from torch import Tensor

from stylelab.errors import InputError, unknown
from stylelab.recipes import CONTENT_NORMALISATIONS, GRAM_NORMALISATIONS, STYLE_NORMALISATIONS, TV_KINDS


def content_loss(activation: Tensor, target: Tensor, normalisation: str = "mean") -> Tensor:
    """How far a layer's activation is from that of the content image, place by place: 0 when they match.

    Args:
        activation: `(B, C, H, W)` of the image being painted.
        target: `(B, C, H, W)` of the content image.
        normalisation: 'half_sum' 1/2 sum d^2; 'sum'; 'mean' over all entries; 'quarter_mean' sum d^2 / (4 C H W).

    Returns:
        Scalar, summed over the batch (except 'mean').

    Raises:
        InputError: the shapes differ, or an unknown normalisation.

    Source: 'half_sum' Gatys et al. 2016, equation 1; 'sum' the Keras example; 'quarter_mean' deeplearning.ai's exercise,
        equation 1.
    """
    if activation.shape != target.shape:
        raise InputError(f"activation is {_shape(activation)} but target is {_shape(target)}: use one layer and one size")
    squared = (wide(activation) - wide(target)).square()
    match normalisation:
        case "half_sum":
            return squared.sum() / 2
        case "sum":
            return squared.sum()
        case "mean":
            return squared.mean()
        case "quarter_mean":
            return squared.sum() / (4 * squared[0].numel())
    raise unknown("content normalisation", normalisation, CONTENT_NORMALISATIONS)


def gram_matrix(activation: Tensor, normalisation: str = "per_location") -> Tensor:
    """Which filters answer together, wherever in the image that is.

    Args:
        activation: `(B, C, H, W)`.
        normalisation: 'raw' F F^T; 'per_location' / (H W); 'per_element' / (C H W).

    Returns:
        `(B, C, C)`, symmetric, positive semi-definite, blind to the order of places.

    Raises:
        InputError: not four dimensions, or an unknown normalisation.

    Source: Gatys et al. 2016, equation 3 ('raw'); TensorFlow's tutorial ('per_location'); PyTorch's ('per_element').
    """
    if activation.ndim != 4:
        raise InputError(f"activation must be (B, C, H, W); got {_shape(activation)}")
    features = wide(activation).flatten(2)  # (B, C, H W)
    gram = features @ features.transpose(1, 2)  # (B, C, C)
    return normalised_gram(gram, normalisation, features.shape[2])


def normalised_gram(gram: Tensor, normalisation: str, places: int) -> Tensor:
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
            return gram / places
        case "per_element":
            return gram / (gram.shape[1] * places)
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
        activation: `(B, C, H, W)` of the image being painted.
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
    height, width = activation.shape[2:]
    return style_distance(own, target_gram, normalisation, (height, width), image_size)


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
    if own.shape[1:] != target_gram.shape[-2:]:
        raise InputError(f"Gram matrix is {_shape(own)} but target is {_shape(target_gram)}: use one layer")
    squared = (own - target_gram).square()
    if normalisation == "mean":
        return squared.mean()
    filters, (height, width) = own.shape[1], layer_size
    if normalisation == "gatys":
        return squared.sum() / (4 * filters**2 * (height * width) ** 2)
    if normalisation == "keras":
        height, width = image_size or layer_size
        return squared.sum() / (4 * 3**2 * (height * width) ** 2)
    raise unknown("style normalisation", normalisation, STYLE_NORMALISATIONS)


def total_variation(image: Tensor, kind: str = "l1") -> Tensor:
    """How much neighbouring pixels differ: 0 for one flat colour.

    Args:
        image: `(B, 3, H, W)`; any range, the value scales with it.
        kind: 'l1' sum |d|, as tf.image.total_variation; 'l2' sum d^2; 'keras' sum of (dx^2 + dy^2)^1.25 over the
            places that have both neighbours.

    Returns:
        Scalar, summed over the batch.

    Raises:
        InputError: not four dimensions, or an unknown kind.

    Source: Rudin, Osher and Fatemi 1992 for the idea; TensorFlow's tutorial ('l1'); the Keras example
        with its slice mended ('keras').
    """
    if image.ndim != 4:
        raise InputError(f"image must be (B, 3, H, W); got {_shape(image)}")
    down = image[:, :, 1:, :] - image[:, :, :-1, :]  # (B, 3, H-1, W)
    right = image[:, :, :, 1:] - image[:, :, :, :-1]  # (B, 3, H, W-1)
    match kind:
        case "l1":
            return down.abs().sum() + right.abs().sum()
        case "l2":
            return down.square().sum() + right.square().sum()
        case "keras":
            return (down[:, :, :, :-1].square() + right[:, :, :-1, :].square()).pow(1.25).sum()
    raise unknown("total variation", kind, TV_KINDS)


def wide(tensor: Tensor) -> Tensor:
    """A bfloat16 tensor as float32, of which it holds the first 16 bits; every other as it is."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
