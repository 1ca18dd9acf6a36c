"""What a run lowers: the loss of a recipe, made of two images."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.base.values import instance, several
from stylelab.encoders import layer_size
from stylelab.errors import InputError
from stylelab.recipes import Loss, Recipe, Weights, find_recipe
from stylelab.run.numerics import clouds
from stylelab.run.regions import Regions
from stylelab.tensorflow.engine.look import look
from stylelab.tensorflow.features import Encoder
from stylelab.tensorflow.losses import Sums, distance, relate, renew, statistics, sums
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
        in_regions: whether it is compared region by region, which takes the activations themselves.
    """

    weight: float
    shares: Mapping[str, float]
    losses: Mapping[str, Loss]
    in_regions: bool = False

    def needs(self, layer: str) -> frozenset[str]:
        """What it needs of a layer: see `stylelab.recipes.Loss.needs`."""
        return frozenset({"activation"}) if self.in_regions else self.losses[layer].needs


class Target(NamedTuple):
    """What the generated image is compared with at one layer, in all of it or in one region.

    Attributes:
        loss: what is compared.
        statistics: what `statistics` returned for the content or style image.
        share: of the layer's positions.
        positions: of the region, counted row by row; None for all.
    """

    loss: Loss
    statistics: Any
    share: float = 1.0
    positions: "np.ndarray | None" = None


@dataclass(frozen=True)
class TransferLoss:
    """The loss of a run: call it with images.

    Attributes:
        evaluate: images -> named scalars.
        parts: name -> part.
        targets: for each image of a batch, name -> layer -> what it is compared with, region by region.
    """

    evaluate: Objective
    parts: Mapping[str, Part]
    targets: "Sequence[Mapping[str, Mapping[str, Sequence[Target]]]]"

    def __call__(self, images: Tensor) -> "Tensor | dict[str, Tensor]":
        return self.evaluate(images)

    def renew(self, step: int) -> bool:
        """Draw again what the losses have drawn at random, if any; the same step draws the same."""
        drawn = [
            renew(target.loss, target.statistics, step)
            for part in self.targets
            for layers in part.values()
            for targets in layers.values()
            for target in targets
        ]
        return any(drawn)


Seen = dict[str, dict[str, "Tensor | Sums"]]  # of one image: part -> layer -> activation


def transfer_loss(
    encoder: Encoder,
    content: Tensor,
    style: "Tensor | Sequence[Tensor | Sequence[Tensor]]",
    recipe: "str | Recipe",
    weights: Weights | None = None,
    tile: int | None = None,
    blend: "Sequence[Sequence[float]] | None" = None,
    regions: "Sequence[Regions | None] | None" = None,
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
        style: `(1, H', W', 3)` in 0..1, of any size; for a batch a sequence of B such images, or of B sequences of images to blend.
        recipe: layers and losses, or a recipe's name.
        weights: of the parts; by default the author's.
        tile: side in pixels of the tiles to work in; None for whole images.
        blend: for each content image the weights of its style images, which add up to 1; by default they are equal.
        regions: for each content image its regions and its style images', or None where there are none.

    Returns:
        A function: images `(B, H, W, 3)` -> `{"content", "style", "tv"}`, weighted: scalars, for a batch `(B,)`.

    Raises:
        InputError: the encoder was loaded without one of the recipe's layers, or something is of the wrong kind.

    Source: Gatys et al. 2016, equations 1 to 7; Gatys et al. 2017, section 4, for regions.
    """
    instance("encoder", encoder, Encoder, words="an encoder of load_encoder")
    recipe, weights = find_recipe(recipe), instance("weights", weights, Weights, type(None), words="Weights")
    if missing := [layer for layer in recipe.layers if layer not in encoder.layers]:
        raise InputError(f"the encoder was loaded without {', '.join(missing)}: load it with layers=recipe.layers")
    weights = weights or recipe.weights
    content = as_tensor(content, "content", "(B, H, W, 3)")
    given = [style] if tf.is_tensor(style) else several("style", style, "[style]")
    if len(given) != len(content):
        raise InputError(f"{len(given)} style images for {len(content)} content images: give as many")
    styles = [[one] if tf.is_tensor(one) else several("style", one, "[style]") for one in given]
    blend = blend or [[1 / len(some)] * len(some) for some in styles]
    regions = regions or [None] * len(styles)
    parts = {
        "content": _part(weights.content, recipe.content, recipe.content_loss, content.shape[1:3]),
        "style": _part(weights.style, recipe.style, recipe.style_loss, content.shape[1:3], in_regions=any(regions)),
    }
    at_content = parts if "content" in recipe.style_loss.needs else {"content": parts["content"]}
    with tf.device(encoder.device):
        of_contents = observe(encoder, content, at_content, tile=tile)
        of_styles = [[observe(encoder, one, {"style": parts["style"]}, tile=tile)[0]["style"] for one in some] for some in styles]
        targets = [
            {
                "content": {
                    layer: [Target(loss, statistics(loss, seen["content"][layer]))] for layer, loss in parts["content"].losses.items()
                },
                "style": {
                    layer: _style_targets(
                        parts["style"].losses[layer], seen.get("style", {}).get(layer), [one[layer] for one in some], shares, own,
                        layer, content.shape[1:3],
                    )
                    for layer in recipe.style
                },
            }
            for seen, some, shares, own in zip(of_contents, of_styles, blend, regions, strict=True)
        ]  # fmt: skip

    def loss_of_one(image: Tensor, seen: Seen, target: Mapping[str, Mapping[str, Sequence[Target]]]) -> dict[str, Tensor]:
        totals: dict[str, Any] = {
            name: sum(
                share
                * sum(
                    own.share * distance(own.loss, _within(seen[name][layer], own), own.statistics) for own in target[name][layer]
                )
                for layer, share in part.shares.items()
            )
            for name, part in parts.items()
        }
        values = {name: part.weight * totals[name] for name, part in parts.items()}
        if weights.tv:
            values["tv"] = weights.tv * distance(recipe.tv, image, None)
        return values

    def loss(images: Tensor) -> dict[str, Tensor]:
        with tf.device(encoder.device):
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
    needs = [(layer, part.needs(layer)) for part in parts.values() for layer in part.losses]
    whole = [layer for layer, needed in needs if "activation" in needed]
    grams, totals = ([layer for layer, needed in needs if "activation" not in needed and word in needed] for word in SUMS)
    activations, *added = look(encoder, images, whole, grams, totals, tile=tile)

    def of_one(index: int, layer: str, needed: frozenset[str]) -> "Tensor | Sums":
        if "activation" in needed:
            return activations[layer][index : index + 1]
        own = {word: by_layer[layer][index : index + 1] for word, by_layer in zip(SUMS, added, strict=True) if word in needed}
        return Sums(_positions(layer, images.shape[1:3]), **own)

    return [
        {name: {layer: of_one(index, layer, part.needs(layer)) for layer in part.losses} for name, part in parts.items()}
        for index in range(images.shape[0])
    ]


def _part(weight: float, shares: Mapping[str, float], loss: Loss, size: Sequence[int], in_regions: bool = False) -> Part:
    losses = {layer: loss.at_size(_positions(layer, size), math.prod(size)) for layer in shares}
    return Part(weight, shares, losses, in_regions)


def _positions(layer: str, size: Sequence[int]) -> int:
    """How many positions a layer has of an image of (height, width) pixels."""
    return math.prod(layer_size(layer, *size))


def _style_targets(
    loss: Loss,
    of_content: Any,
    of_styles: Sequence[Any],
    blend: Sequence[float],
    regions: Regions | None,
    layer: str,
    size: Sequence[int],
) -> list[Target]:
    """What a layer of an image of (height, width) pixels must match; `of_content` is for a loss that looks at it too."""
    if regions is None:
        own = statistics(loss, blended(loss, of_styles, blend))
        return [Target(loss, own if of_content is None else relate(loss, own, of_content))]
    targets, style_sizes = [], [activation.shape[1:3] for activation in of_styles]
    for region in regions.at(layer_size(layer, *size), style_sizes):
        sized = loss.at_size(len(region.positions), max(1, round(region.share * math.prod(size))))
        some = [_at(of_styles[index], positions) for index, positions in region.styles.items()]
        total = sum(blend[index] for index in region.styles)
        own = statistics(sized, blended(sized, some, [blend[index] / total for index in region.styles]))
        if of_content is not None:
            own = relate(sized, own, _at(of_content, region.positions))
        targets.append(Target(sized, own, region.share, region.positions))
    return targets


def blended(loss: Loss, activations: Sequence[Any], weights: Sequence[float]) -> "Tensor | Sums":
    """Several style images' activations of one layer as if they were one image's, in which each has its weight's share.

    Args:
        loss: decides whether sums are enough: then the result has the weighted mean of their means. Otherwise it is a cloud to
            which each image gives as many of its positions as are its share.
        activations: `(1, H, W, C)` of each image, or its `Sums`.
        weights: as many; they add up to 1.

    Returns:
        For one image its activation, unchanged; else `Sums`, or `(1, 1, n, C)`.
    """
    if len(activations) == 1:
        return activations[0]
    if "activation" in loss.needs:
        drawn = clouds.shares([math.prod(each.shape[1:3]) for each in activations], weights)
        return tf.concat([_at(activation, own) for activation, own in zip(activations, drawn, strict=True)], axis=2)
    means = [sums(activation) for activation in activations]
    positions = sum(own.positions for own in means)
    parts = {}
    for word in SUMS:
        values = [getattr(own, word) for own in means]
        if all(value is not None for value in values):
            parts[word] = sum(
                value * (weight * positions / own.positions) for value, weight, own in zip(values, weights, means, strict=True)
            )
    return Sums(positions, **parts)


def _within(activation: Any, target: Target) -> Any:
    """The part of an activation that a target is about."""
    return activation if target.positions is None else _at(activation, target.positions)


def _at(activation: Tensor, positions: np.ndarray) -> Tensor:
    """Some positions of an activation, counted row by row, as `(1, 1, n, C)`."""
    flat = tf.reshape(activation, (1, -1, activation.shape[-1]))
    return tf.gather(flat, positions, axis=1)[:, None]
