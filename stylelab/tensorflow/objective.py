"""What a run lowers: the loss of a recipe, made of two images."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from stylelab.base.values import instance, several
from stylelab.encoders import layer_size
from stylelab.errors import InputError
from stylelab.recipes import Loss, Recipe, Weights, find_recipe
from stylelab.tensorflow.engine.look import look
from stylelab.tensorflow.features import Encoder
from stylelab.tensorflow.losses import Sums, distance, relate, renew, statistics
from stylelab.tensorflow.tensors import as_tensor

SUMS = ("gram", "total")  # over positions; the other thing that a loss may need is the activation
Objective = Callable[[Tensor], "Tensor | dict[str, Tensor]"]  # images -> a scalar, or named scalars whose sum is lowered


@dataclass(frozen=True)
class Part:
    """One part of a loss, content or style.

    Attributes:
        weight: of the part in the total.
        shares: layer -> its share of the part.
        losses: layer -> what is compared there.
    """

    weight: float
    shares: Mapping[str, float]
    losses: Mapping[str, Loss]


@dataclass(frozen=True)
class TransferLoss:
    """The loss of a run: call it with images.

    Attributes:
        evaluate: images -> named scalars.
        parts: name -> part.
        targets: for each image of a batch, name -> layer -> what `statistics` returned.
    """

    evaluate: Objective
    parts: Mapping[str, Part]
    targets: "Sequence[Mapping[str, Mapping[str, Any]]]"

    def __call__(self, images: Tensor) -> "Tensor | dict[str, Tensor]":
        return self.evaluate(images)

    def renew(self, step: int) -> bool:
        """Draw again what the losses have drawn at random, if any; the same step draws the same."""
        drawn = [
            renew(self.parts[name].losses[layer], own, step)
            for target in self.targets
            for name, layers in target.items()
            for layer, own in layers.items()
        ]
        return any(drawn)


Seen = dict[str, dict[str, "Tensor | Sums"]]  # of one image: part -> layer -> activation


def transfer_loss(
    encoder: Encoder,
    content: Tensor,
    style: "Tensor | Sequence[Tensor]",
    recipe: "str | Recipe",
    weights: Weights | None = None,
    tile: int | None = None,
) -> TransferLoss:
    """The total loss of a recipe, in its parts. Targets are computed here, once.

    >>> recipe = recipes.find_recipe("gatys")
    >>> encoder = sl.load_encoder("mini", recipe.layers)
    >>> loss = sl.transfer_loss(encoder, sl.to_tensor(cat), sl.to_tensor(painting), recipe)
    >>> parts = loss(sl.to_tensor(cat))  # no total variation: it has no weight
    >>> list(parts), round(float(parts["content"]), 3)
    (['content', 'style'], 0.0)

    Args:
        encoder: must give the recipe's layers.
        content: `(B, H, W, 3)` in 0..1.
        style: `(1, H', W', 3)` in 0..1, of any size; for a batch a sequence of B such images.
        recipe: layers and losses, or a recipe's name.
        weights: of the parts; by default the author's.
        tile: side in pixels of the tiles to work in; None for whole images.

    Returns:
        A function: images `(B, H, W, 3)` -> `{"content", "style", "tv"}`, weighted: scalars, for a batch `(B,)`.

    Raises:
        InputError: the encoder was loaded without one of the recipe's layers, or something is of the wrong kind.

    Source: Gatys et al. 2016, equations 1 to 7.
    """
    instance("encoder", encoder, Encoder, words="an encoder of load_encoder")
    recipe, weights = find_recipe(recipe), instance("weights", weights, Weights, type(None), words="Weights")
    if missing := [layer for layer in recipe.layers if layer not in encoder.layers]:
        raise InputError(f"the encoder was loaded without {', '.join(missing)}: load it with layers=recipe.layers")
    weights = weights or recipe.weights
    content = as_tensor(content, "content", "(B, H, W, 3)")
    styles = [style] if tf.is_tensor(style) else several("style", style, "[style]")
    if len(styles) != len(content):
        raise InputError(f"{len(styles)} style images for {len(content)} content images: give as many")
    parts = {
        "content": _part(weights.content, recipe.content, recipe.content_loss, content.shape[1:3]),
        "style": _part(weights.style, recipe.style, recipe.style_loss, content.shape[1:3]),
    }
    at_content = parts if "content" in recipe.style_loss.needs else {"content": parts["content"]}
    of_contents = observe(encoder, content, at_content, tile=tile)
    of_styles = [observe(encoder, image, {"style": parts["style"]}, tile=tile)[0] for image in styles]
    targets = [_targets(parts, one, other) for one, other in zip(of_contents, of_styles, strict=True)]

    def loss_of_one(image: Tensor, seen: Seen, target: dict[str, dict[str, Any]]) -> dict[str, Tensor]:
        totals: dict[str, Any] = {
            name: sum(
                share * distance(part.losses[layer], seen[name][layer], target[name][layer])
                for layer, share in part.shares.items()
            )
            for name, part in parts.items()
        }
        values = {name: part.weight * totals[name] for name, part in parts.items()}
        if weights.tv:
            values["tv"] = weights.tv * distance(recipe.tv, image, None)
        return values

    def loss(images: Tensor) -> dict[str, Tensor]:
        seen = observe(encoder, images, parts, tile=tile)
        values = [loss_of_one(images[i : i + 1], seen[i], targets[i]) for i in range(len(seen))]
        return values[0] if len(values) == 1 else {name: tf.stack([one[name] for one in values]) for name in values[0]}

    return TransferLoss(loss, parts, targets)


def observe(encoder: Encoder, images: Tensor, parts: dict[str, Part], tile: int | None = None) -> list[Seen]:
    """What the parts of a loss need of each image, in one pass of the network.

    Args:
        encoder: must give the layers of all parts.
        images: `(B, H, W, 3)` in 0..1.
        parts: name -> part.
        tile: side in pixels of the tiles to work in; None for whole images.

    Returns:
        For each image, name -> layer -> `(1, C, H', W')`, or its `Sums` where the part's loss needs no more.
    """
    needs = [(layer, loss.needs) for part in parts.values() for layer, loss in part.losses.items()]
    whole = [layer for layer, needed in needs if "activation" in needed]
    grams, totals = ([layer for layer, needed in needs if "activation" not in needed and word in needed] for word in SUMS)
    activations, *sums = look(encoder, images, whole, grams, totals, tile=tile)

    def of_one(index: int, layer: str, loss: Loss) -> "Tensor | Sums":
        if "activation" in loss.needs:
            return activations[layer][index : index + 1]
        own = {word: by_layer[layer][index : index + 1] for word, by_layer in zip(SUMS, sums, strict=True) if word in loss.needs}
        return Sums(_positions(layer, images.shape[1:3]), **own)

    return [
        {name: {layer: of_one(index, layer, loss) for layer, loss in part.losses.items()} for name, part in parts.items()}
        for index in range(images.shape[0])
    ]


def _part(weight: float, shares: Mapping[str, float], loss: Loss, size: Sequence[int]) -> Part:
    losses = {layer: loss.at_size(_positions(layer, size), math.prod(size)) for layer in shares}
    return Part(weight, shares, losses)


def _positions(layer: str, size: Sequence[int]) -> int:
    """How many positions a layer has of an image of (height, width) pixels."""
    return math.prod(layer_size(layer, *size))


def _targets(parts: dict[str, Part], of_content: Seen, of_style: Seen) -> dict[str, dict[str, Any]]:
    targets = {
        name: {layer: statistics(parts[name].losses[layer], activation) for layer, activation in layers.items()}
        for name, layers in (of_content | of_style).items()
    }
    for layer, activation in of_content.get("style", {}).items():
        targets["style"][layer] = relate(parts["style"].losses[layer], targets["style"][layer], activation)
    return targets
