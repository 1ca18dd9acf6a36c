"""One pass of the network for everything that a loss needs, and its exact gradient: of whole images, or tile by tile."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from stylelab.tensorflow.engine import tiles
from stylelab.tensorflow.engine.passes import Trunk, find_trunk, raw_gram


def look(
    encoder: Any, images: Tensor, activations: Iterable[str], grams: Iterable[str], tile: int | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Activations of some layers, raw Gram matrices of others: what `Encoder.__call__` gives, in less time and memory.

    Args:
        encoder: from `load_encoder`.
        images: `(B, H, W, 3)` RGB in 0..1; H and W at least 16. For tiles a tensor with numbers in it, outside any
            `tf.function`.
        activations, grams: layers, by the paper's names, of those that the encoder was loaded with.
        tile: side of the tiles in pixels, rounded to a multiple of 16; None for whole images.

    Returns:
        `{layer: activation (B, H', W', C)}` in the encoder's precision, `{layer: F^T F (B, C, C)}` in float32.

    Raises:
        InputError: images of another shape, or a tile that is not a number of pixels.
    """
    activations, grams = tuple(dict.fromkeys(activations)), tuple(dict.fromkeys(grams))
    if tile is None:
        outputs = _look(encoder.preprocess(images), find_trunk(encoder), activations, grams)
    else:
        outputs = tiles.look(encoder, images, activations, grams, tile)
    count = len(activations)
    return dict(zip(activations, outputs[:count], strict=True)), dict(zip(grams, outputs[count:], strict=True))


def _look(images: Tensor, trunk: Trunk, activations: tuple[str, ...], grams: tuple[str, ...]) -> list[Tensor]:
    """The passes of a `Trunk`, for a tape."""

    @tf.custom_gradient
    def passes(images: Tensor) -> tuple[list[Tensor], Callable]:
        kept = trunk.forward(images)
        outputs = [kept.activations[layer] for layer in activations] + [raw_gram(kept.activations[layer]) for layer in grams]

        def backward(*gradients: Tensor) -> Tensor:
            by_activations = dict(zip(activations, gradients[: len(activations)], strict=True))
            by_grams = dict(zip(grams, gradients[len(activations) :], strict=True))
            return trunk.backward(kept, by_activations, by_grams)

        return outputs, backward

    return passes(images)
