"""What a run lowers: the loss of a recipe, made of two images."""

from collections.abc import Callable, Sequence
from functools import partial

import tensorflow as tf
from tensorflow import Tensor

from stylelab import encoders
from stylelab.errors import InputError
from stylelab.recipes import Recipe, Weights
from stylelab.tensorflow.engine import tiles
from stylelab.tensorflow.features import Encoder
from stylelab.tensorflow.losses import content_loss, normalised_gram, style_distance, total_variation

Loss = Callable[[Tensor], "Tensor | dict[str, Tensor]"]


def transfer_loss(
    encoder: Encoder,
    content: Tensor,
    style: "Tensor | Sequence[Tensor]",
    recipe: Recipe,
    weights: Weights | None = None,
    tile: int | None = None,
) -> Loss:
    """The total loss of a recipe, in its parts. Targets are computed here, once.

    Args:
        encoder: must give the recipe's layers.
        content: `(B, H, W, 3)` in 0..1.
        style: `(1, H', W', 3)` in 0..1, of any size; for a batch a sequence of B such images.
        recipe: layers and normalisations.
        weights: of the parts; by default the author's.
        tile: side in pixels of the tiles to work in; None for whole images.

    Returns:
        A function: images `(B, H, W, 3)` -> `{"content", "style", "tv"}`, weighted: scalars, for a batch `(B,)`.

    Raises:
        InputError: the encoder was loaded without one of the recipe's layers, or an unknown normalisation.

    Source: Gatys et al. 2016, equations 1 to 7.
    """
    if missing := [layer for layer in recipe.layers if layer not in encoder.layers]:
        raise InputError(f"the encoder was loaded without {', '.join(missing)}: load it with layers=recipe.layers")
    weights = weights or recipe.weights
    image_size, styles = tuple(content.shape[1:3]), [style] if tf.is_tensor(style) else list(style)
    sizes = {layer: encoders.layer_size(layer, *image_size) for layer in recipe.style}
    look = encoder.look if tile is None else partial(tiles.look, encoder, tile=tile)
    content_targets, _ = look(content, recipe.content, ())
    grams = [_target_grams(look, each, recipe, sizes) for each in styles]

    def of_one(index: int, image: Tensor, activations: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
        content_part = sum(
            share * content_loss(activations[layer], content_targets[layer][index : index + 1], recipe.content_loss)
            for layer, share in recipe.content.items()
        )
        style_part = sum(
            share * _style_distance(own[layer], grams[index][layer], recipe, sizes[layer], image_size)
            for layer, share in recipe.style.items()
        )
        parts = {"content": weights.content * content_part, "style": weights.style * style_part}
        if weights.tv:
            parts["tv"] = weights.tv * total_variation(image, recipe.tv)
        return parts

    def loss(images: Tensor) -> dict[str, Tensor]:
        activations, own = look(images, recipe.content, recipe.style)
        parts = [
            of_one(index, images[index : index + 1], _slice(activations, index), _slice(own, index))
            for index in range(len(styles))
        ]
        return parts[0] if len(parts) == 1 else {name: tf.stack([each[name] for each in parts]) for name in parts[0]}

    return loss


def _target_grams(look: Callable, style: Tensor, recipe: Recipe, sizes: dict) -> dict[str, Tensor]:
    """The style image's Gram matrices, as if it had as many places as the image being painted."""
    _, grams = look(style, (), recipe.style)
    targets = {}
    for layer, gram in grams.items():
        places, own_places = (height * width for height, width in (sizes[layer], encoders.layer_size(layer, *style.shape[1:3])))
        mean = recipe.style_loss == "mean"
        targets[layer] = normalised_gram(gram, recipe.gram, own_places) if mean else gram * (places / own_places)
    return targets


def _style_distance(own: Tensor, target: Tensor, recipe: Recipe, size: tuple, image_size: tuple) -> Tensor:
    if recipe.style_loss == "mean":
        own = normalised_gram(own, recipe.gram, size[0] * size[1])
    return style_distance(own, target, recipe.style_loss, size, image_size)


def _slice(tensors: dict[str, Tensor], index: int) -> dict[str, Tensor]:
    return {layer: tensor[index : index + 1] for layer, tensor in tensors.items()}
