"""One pass of the network for everything that a loss needs, and its exact gradient: of whole images, or tile by tile."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from stylelab.tensorflow.engine import tiles
from stylelab.tensorflow.engine.passes import Layers, Trunk, find_trunk, raw_gram, total


def look(
    encoder: Any,
    images: Tensor,
    activations: Iterable[str],
    grams: Iterable[str],
    totals: Iterable[str] = (),
    tile: int | None = None,
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Activations of some layers, sums over the positions of others: in less time and memory than by `Encoder.__call__`.

    Args:
        encoder: from `load_encoder`.
        images: `(B, H, W, 3)` RGB in 0..1; H and W at least 16. For tiles a tensor with numbers in it, outside any
            `tf.function`.
        activations, grams, totals: layers, by the paper's names, of those that the encoder was loaded with.
        tile: side of the tiles in pixels, rounded to a multiple of 16; None for whole images.

    Returns:
        `{layer: activation (B, H', W', C)}` in the encoder's precision, `{layer: F^T F (B, C, C)}` and
        `{layer: sum of F over positions (B, C)}` in float32.

    Raises:
        InputError: images of another shape, or a tile that is not a number of pixels.
    """
    layers = Layers(*(tuple(dict.fromkeys(some)) for some in (activations, grams, totals)))
    if tile is None:
        return layers.split(_look(encoder.preprocess(images), find_trunk(encoder), layers))
    return layers.split(tiles.look(encoder, images, layers, tile))


def _look(images: Tensor, trunk: Trunk, layers: Layers) -> list[Tensor]:
    """The passes of a `Trunk`, for a tape."""

    @tf.custom_gradient
    def passes(images: Tensor) -> tuple[list[Tensor], Callable]:
        kept = trunk.forward(images)
        outputs = [
            *(kept.activations[layer] for layer in layers.activations),
            *(raw_gram(kept.activations[layer]) for layer in layers.grams),
            *(total(kept.activations[layer]) for layer in layers.totals),
        ]
        return outputs, lambda *gradients: trunk.backward(kept, *layers.split(gradients))

    return passes(images)
