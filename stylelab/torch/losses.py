"""What an image must match: activations for content, Gram matrices for style, its neighbours for smoothness.

Activations and images are `(B, C, H, W)`, in float32 or bfloat16; losses are computed in float32. N is the number of
filters C, M the number of positions H W.

A loss is described in `stylelab.recipes`. Here it gets two functions: `statistics`, what it keeps of the content or style
image, and `distance`, how far the generated image is from that.
"""

from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from stylelab.base.values import one_of, pair
from stylelab.errors import InputError
from stylelab.recipes import STYLE_LOSSES, Gram, Loss, Relative, Scale, SquaredError, Sum, TotalVariation
from stylelab.torch.tensors import as_tensor

WITHOUT_IMAGE = ("raw", "per_location", "per_element")  # those that need not know the image


@dataclass(frozen=True)
class Sums:
    """An activation F summed over its positions, for a loss that needs no more of it: see `stylelab.recipes.Loss.needs`.

    Attributes:
        positions: H W, how many it was summed over.
        gram: `(B, C, C)`, F F^T, if the loss needs it.
        total: `(B, C)`, the sum of F, if the loss needs it.
    """

    positions: int
    gram: Tensor | None = None
    total: Tensor | None = None


@singledispatch
def statistics(loss: Loss, activation: "Tensor | Sums") -> Any:
    """What the content or style image leaves behind for a loss, computed once.

    Args:
        loss: a description from `stylelab.recipes`, such as `Gram("per_location")`.
        activation: `(1, C, H, W)` of the content or style image; or its `Sums` where the loss needs no more.

    Returns:
        Whatever `distance` needs of it.

    Raises:
        InputError: nothing is known of such a loss.
    """
    raise InputError(f"no statistics for {loss!r}: register them with @statistics.register")


@singledispatch
def distance(loss: Loss, activation: "Tensor | Sums", statistics: Any) -> Tensor:
    """How far the generated image is from the content or style image: 0 when they match.

    Args:
        loss: a description from `stylelab.recipes`.
        activation: `(1, C, H, W)` of the generated image; or its `Sums` where the loss needs no more.
        statistics: of the other image.

    Returns:
        Scalar, differentiable in the activation.

    Raises:
        InputError: nothing is known of such a loss, or the two images do not fit together.
    """
    raise InputError(f"no distance for {loss!r}: register it with @distance.register")


@singledispatch
def relate(loss: Loss, statistics: Any, activation: "Tensor | Sums") -> Any:
    """The style image's statistics, for a loss that also looks at the content image: see `stylelab.recipes.Relative`.

    Args:
        loss: a description from `stylelab.recipes`.
        statistics: of the style image.
        activation: `(1, C, H, W)` of the content image at the same layer; or its `Sums`.

    Returns:
        Statistics for `distance`.
    """
    return statistics


@singledispatch
def renew(loss: Loss, statistics: Any, step: int) -> bool:
    """Draw again, in place, what a loss has drawn at random; most draw nothing.

    Args:
        loss: a description from `stylelab.recipes`.
        statistics: of the style image.
        step: the same step draws the same numbers.

    Returns:
        Whether it has drawn anything.
    """
    return False


@statistics.register
def _(loss: SquaredError, activation: Tensor) -> Tensor:
    return activation


@distance.register
def _(loss: SquaredError, activation: Tensor, statistics: Tensor) -> Tensor:
    return content_loss(activation, statistics, loss.reduce)


@statistics.register
def _(loss: Gram, activation: "Tensor | Sums") -> Tensor:
    own = sums(activation)
    assert own.gram is not None
    if loss.reduce == "mean":
        return _normalise(own.gram, loss, own.positions)
    return own.gram * ((loss.positions or own.positions) / own.positions)  # as if its image had as many positions


@distance.register
def _(loss: Gram, activation: "Tensor | Sums", statistics: Tensor) -> Tensor:
    return _gram_distance(sums(activation), statistics, loss)


@statistics.register
def _(loss: TotalVariation, activation: Tensor) -> None:
    return None


@distance.register
def _(loss: TotalVariation, activation: Tensor, statistics: None) -> Tensor:
    return total_variation(activation, loss.kind)


@statistics.register
def _(loss: Scale, activation: "Tensor | Sums") -> Any:
    return statistics(loss.loss, activation)


@distance.register
def _(loss: Scale, activation: "Tensor | Sums", statistics: Any) -> Tensor:
    return loss.factor * distance(loss.loss, activation, statistics)


@statistics.register
def _(loss: Sum, activation: "Tensor | Sums") -> list:
    return [statistics(term, activation) for term in loss.losses]


@distance.register
def _(loss: Sum, activation: "Tensor | Sums", statistics: list) -> Tensor:
    return torch.stack([distance(term, activation, own) for term, own in zip(loss.losses, statistics, strict=True)]).sum()


@relate.register
def _(loss: Scale, statistics: Any, activation: "Tensor | Sums") -> Any:
    return relate(loss.loss, statistics, activation)


@relate.register
def _(loss: Sum, statistics: list, activation: "Tensor | Sums") -> list:
    return [relate(term, own, activation) for term, own in zip(loss.losses, statistics, strict=True)]


@renew.register
def _(loss: Scale, statistics: Any, step: int) -> bool:
    return renew(loss.loss, statistics, step)


@renew.register
def _(loss: Sum, statistics: list, step: int) -> bool:
    return any([renew(term, own, step) for term, own in zip(loss.losses, statistics, strict=True)])


@statistics.register
def _(loss: Relative, activation: "Tensor | Sums") -> tuple[Any, Tensor | None]:
    return statistics(loss.loss, activation), None


@relate.register
def _(loss: Relative, statistics: tuple[Any, Any], activation: "Tensor | Sums") -> tuple[Any, Tensor]:
    own = relate(loss.loss, statistics[0], activation)
    value = distance(loss.loss, activation, own)
    return own, torch.where(value > 0, value, 1)


@distance.register
def _(loss: Relative, activation: "Tensor | Sums", statistics: tuple[Any, Any]) -> Tensor:
    own, whole = statistics
    if whole is None:
        raise InputError(f"{loss!r} is divided by its value at the content image: use it in a recipe's style_loss")
    return distance(loss.loss, activation, own) / whole


@renew.register
def _(loss: Relative, statistics: tuple[Any, Any], step: int) -> bool:
    return renew(loss.loss, statistics[0], step)


def content_loss(activation: Tensor, target: Tensor, normalisation: str = "mean") -> Tensor:
    """How far a layer's activation is from that of the content image, position by position: 0 when they match.

    >>> black, white = sl.to_tensor(np.zeros((2, 2, 3))), sl.to_tensor(np.ones((2, 2, 3)))
    >>> float(sl.content_loss(black, white, "sum"))
    12.0

    Args:
        activation: `(B, C, H, W)` of the generated image.
        target: `(B, C, H, W)` of the content image.
        normalisation: 'half_sum' 1/2 sum d^2; 'sum'; 'mean' over all entries; 'quarter_mean' sum d^2 / (4 C H W);
            'quarter_sum' 1/4 sum d^2.

    Returns:
        Scalar, summed over the batch (except 'mean').

    Raises:
        InputError: the shapes differ, or an unknown normalisation.

    Source: 'half_sum' Gatys et al. 2016, equation 1; 'sum' the Keras example; 'quarter_mean' deeplearning.ai's exercise,
        equation 1.
    """
    activation, target = as_tensor(activation, "activation"), as_tensor(target, "target")
    if activation.shape != target.shape:
        raise InputError(f"activation is {_shape(activation)} but target is {_shape(target)}: use one layer and one size")
    return _reduce((wide(activation) - wide(target)).square(), SquaredError(normalisation).reduce)


def gram_matrix(activation: Tensor, normalisation: str = "per_location") -> Tensor:
    """Which filters respond together, regardless of position.

    >>> tuple(sl.gram_matrix(sl.to_tensor(cat)).shape)
    (1, 3, 3)

    Args:
        activation: `(B, C, H, W)`.
        normalisation: 'raw' F F^T; 'per_location' / (H W); 'per_element' / (C H W).

    Returns:
        `(B, C, C)`, symmetric, positive semi-definite, independent of the order of positions.

    Raises:
        InputError: not four dimensions, or an unknown normalisation.

    Source: Gatys et al. 2016, equation 3 ('raw'); TensorFlow's tutorial ('per_location'); PyTorch's ('per_element').
    """
    activation = as_tensor(activation, "activation", "(B, C, H, W)")
    one_of("Gram normalisation", normalisation, WITHOUT_IMAGE)
    features = wide(activation).flatten(2)  # (B, C, H W)
    gram = features @ features.transpose(1, 2)  # (B, C, C)
    return gram if normalisation == "raw" else _normalise(gram, Gram(normalisation), features.shape[2])


def style_layer_loss(
    activation: Tensor,
    target_gram: Tensor,
    normalisation: str = "gatys",
    *,
    gram: str = "per_location",
    image_size: tuple[int, int] | None = None,
) -> Tensor:
    """How far one layer's Gram matrix is from the style image's: 0 when they match.

    >>> activation = sl.to_tensor(cat)
    >>> float(sl.style_layer_loss(activation, sl.gram_matrix(activation, "raw")))
    0.0

    Args:
        activation: `(B, C, H, W)` of the generated image.
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
    loss = STYLE_LOSSES[one_of("style normalisation", normalisation, STYLE_LOSSES)]
    if normalisation == "mean":
        loss = replace(loss, normalisation=gram)
    if image_size is not None:
        height, width = pair("image_size", image_size)
        loss = replace(loss, pixels=height * width)
    return _gram_distance(sums(activation), as_tensor(target_gram, "target_gram"), loss)


def total_variation(image: Tensor, kind: str = "l1") -> Tensor:
    """How much neighbouring pixels differ: 0 for one flat colour.

    >>> chequered = np.repeat([[[0], [1]], [[1], [0]]], 3, axis=2)
    >>> float(sl.total_variation(sl.to_tensor(chequered)))
    12.0

    Args:
        image: `(B, 3, H, W)`; any range, the value scales with it.
        kind: 'l1' sum |d|, as tf.image.total_variation; 'l2' sum d^2; 'keras' sum of (dx^2 + dy^2)^1.25 over the
            positions that have both neighbours.

    Returns:
        Scalar, summed over the batch.

    Raises:
        InputError: not four dimensions, or an unknown kind.

    Source: Rudin, Osher and Fatemi 1992 for the idea; TensorFlow's tutorial ('l1'); the Keras example
        with its slice mended ('keras').
    """
    image = as_tensor(image, "image", "(B, C, H, W)")
    down = image[:, :, 1:, :] - image[:, :, :-1, :]  # (B, 3, H-1, W)
    right = image[:, :, :, 1:] - image[:, :, :, :-1]  # (B, 3, H, W-1)
    match TotalVariation(kind).kind:
        case "l1":
            return down.abs().sum() + right.abs().sum()
        case "l2":
            return down.square().sum() + right.square().sum()
        case _:  # 'keras'
            return (down[:, :, :, :-1].square() + right[:, :, :-1, :].square()).pow(1.25).sum()


def temporal_loss(image: Tensor, warped: Tensor, reliable: Tensor) -> Tensor:
    """How much a frame of a film differs from the one before it, where both show the same: 0 for a steady one.

    >>> white, black = sl.to_tensor(np.ones((2, 2, 3))), sl.to_tensor(np.zeros((2, 2, 3)))
    >>> float(sl.temporal_loss(white, black, white[:, :1]))
    1.0

    Args:
        image: `(B, 3, H, W)` in 0..1, the frame being painted.
        warped: `(B, 3, H, W)`, the painted frame before it, moved to where this one is: see `stylelab.images.warp`.
        reliable: `(B, 1, H, W)` in 0..1: 1 where the motion is known, 0 where something has been uncovered; see
            `stylelab.images.reliable`.

    Returns:
        Scalar, the mean of reliable (image - warped)^2 over all positions and colours.

    Raises:
        InputError: not tensors, or of other shapes.

    Source: the short-term loss of Ruder, Dosovitskiy and Brox 2016, with factor 1.
    """
    image, warped = as_tensor(image, "image", "(B, C, H, W)"), as_tensor(warped, "warped", "(B, C, H, W)")
    reliable = as_tensor(reliable, "reliable", "(B, 1, H, W)")
    if image.shape != warped.shape or image[:, :1].shape != reliable.shape:
        raise InputError(
            f"image is {_shape(image)} but warped is {_shape(warped)} and reliable is {_shape(reliable)}: use one size"
        )
    return (reliable * (wide(image) - wide(warped)).square()).mean()


def wide(tensor: Tensor) -> Tensor:
    """A bfloat16 tensor as float32, of which it holds the first 16 bits; every other as it is."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor


def sums(activation: "Tensor | Sums") -> Sums:
    """The sums over positions of an activation `(B, C, H, W)`; sums are returned as they are."""
    if isinstance(activation, Sums):
        return activation
    activation = as_tensor(activation, "activation", "(B, C, H, W)")
    return Sums(activation.shape[2:].numel(), gram_matrix(activation, "raw"), wide(activation).sum((2, 3)))


def _gram_distance(own: Sums, target: Tensor, loss: Gram) -> Tensor:
    """From raw Gram matrices to a target that is normalised for a mean, and raw for a sum.

    A mean is taken of normalised matrices, as in the tutorials. A sum is divided once, at its end, as in the paper.
    """
    assert own.gram is not None
    if own.gram.shape[1:] != target.shape[-2:]:
        raise InputError(f"Gram matrix is {_shape(own.gram)} but target is {_shape(target)}: use one layer")
    if loss.reduce == "mean":
        return (_normalise(own.gram, loss, own.positions) - target).square().mean()
    channels, positions = _divisors(own.gram, loss, own.positions)
    squared = (own.gram - target).square()
    return squared.sum() / (_parts(squared, loss.reduce, channels**2) * float(positions**2))


def _normalise(gram: Tensor, loss: Gram, positions: int) -> Tensor:
    channels, positions = _divisors(gram, loss, positions)
    return gram / (channels * positions)


def _divisors(gram: Tensor, loss: Gram, positions: int) -> tuple[int, int]:
    """By how many channels and by how many positions a raw Gram matrix is divided."""
    match loss.normalisation:
        case "raw":
            return 1, 1
        case "per_location":
            return 1, positions
        case "per_element":
            return gram.shape[1], positions
    pixels = positions if loss.pixels is None else loss.pixels  # 'per_pixel'
    if loss.positions is not None:
        pixels = pixels * positions // loss.positions  # those of the image that the matrix is of
    return 3, pixels


def _reduce(squared: Tensor, reduce: str) -> Tensor:
    if reduce == "mean":
        return squared.mean()
    return squared.sum() / _parts(squared, reduce)


def _parts(squared: Tensor, reduce: str, scale: int = 1) -> int:
    """What a sum of squared differences is divided by, times `scale`; `reduce` is one of `stylelab.recipes.REDUCTIONS`."""
    parts = scale * {"half_sum": 2, "sum": 1, "quarter_sum": 4, "quarter_mean": 4}[reduce]
    return parts * squared[0].numel() if reduce == "quarter_mean" else parts


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
