"""Tile by tile: what a loss needs of an image that is too large to be held whole, and its exact gradient.

A third of the memory or less, for half as much time again: the way back runs each tile forward once more.
`stylelab.run.numerics.tiling` says which tiles, and why the sums are exact.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from stylelab.base.interrupts import stop_if_asked
from stylelab.encoders import layer_size
from stylelab.run.numerics.memory import give_back
from stylelab.run.numerics.tiling import Stage, Tile, stages, stride, tiles
from stylelab.torch.engine.allocator import layout
from stylelab.torch.engine.passes import Layers, Trunk, find_trunk, raw_gram, through_gram, total


def look(encoder: Any, images: Tensor, layers: Layers, tile: int) -> tuple[Tensor, ...]:
    """Activations, raw Gram matrices and sums over positions of these layers: see `engine.look.look`."""
    return _Look.apply(images, _Network(encoder, layers, tile))


class _Look(torch.autograd.Function):
    """`look` for autograd."""

    @staticmethod
    def forward(ctx, images: Tensor, network: "_Network"):
        ctx.set_materialize_grads(False)  # what no loss looks at has no gradient, rather than one of zeros
        ctx.network = network
        return network.forward(images, keep=ctx.needs_input_grad[0])

    @staticmethod
    @once_differentiable
    def backward(ctx, *gradients):
        return ctx.network.backward(gradients), None


class _Network:
    """One look at one image: its stages, and what entered each of them."""

    def __init__(self, encoder: Any, layers: Layers, tile: int):
        self.encoder, self.layers, self.tile = encoder, layers, tile
        self.stages = stages([*layers.activations, *layers.grams, *layers.totals])
        self.trunks = [_part(find_trunk(encoder), stage) for stage in self.stages]
        self.entered: list[Tensor] = []

    def forward(self, images: Tensor, keep: bool) -> tuple[Tensor, ...]:
        """Activations, then Gram matrices, then sums over positions. With `keep`, ready for `backward`."""
        self.size, entering = (images.shape[2], images.shape[3]), images
        activations: dict[str, Tensor] = {}
        grams: dict[str, Tensor] = {}
        totals: dict[str, Tensor] = {}
        for stage, trunk in zip(self.stages, self.trunks, strict=True):
            self.entered.append(entering)
            leaving: Any = None  # still so after the last stage
            for tile in tiles(*self.size, self.tile, stage):
                stop_if_asked()
                found = trunk.forward(self._enter(entering, tile, stage), keep=False).activations
                for layer in stage.layers:
                    core = _cut(found.pop(layer), tile.crop(layer))
                    if layer in self.layers.grams:
                        grams[layer] = grams.get(layer, 0) + raw_gram(core)
                    if layer in self.layers.totals:
                        totals[layer] = totals.get(layer, 0) + total(core)
                    if layer in self.layers.activations:
                        self._put(activations, layer, core, tile.region(layer))
                if stage.pooled:
                    leaving = self._leave(leaving, _pool(trunk, core), tile, stage)
            if not keep:
                self.entered.clear()
            entering = leaving
            give_back()
        parts = zip((activations, grams, totals), self.layers, strict=True)
        return tuple(part[layer] for part, layers in parts for layer in layers)

    def _put(self, activations: dict[str, Tensor], layer: str, core: Tensor, region: tuple[slice, slice]) -> None:
        if layer not in activations:
            activations[layer] = _empty(core, layer_size(layer, *self.size))
        _cut(activations[layer], region).copy_(core)

    def _leave(self, leaving: Tensor | None, pooled: Tensor, tile: Tile, stage: Stage) -> Tensor:
        step = 2 * stride(stage.layers[-1])
        if leaving is None:
            leaving = _empty(pooled, [length // step for length in self.size])
        _cut(leaving, tile.core.at(step)).copy_(pooled)
        return leaving

    def backward(self, gradients: tuple[Tensor | None, ...]) -> Tensor:
        """The gradient with respect to the images that `forward` saw, from those of its answers."""
        if not self.entered:
            raise RuntimeError("the gradient of `look` can be computed once: call it again")
        # an output that the loss does not use has no gradient
        parts = self.layers.split(gradients)
        content, grams, totals = ({layer: own for layer, own in part.items() if own is not None} for part in parts)
        gradient: Tensor | None = None  # with respect to what leaves a stage
        for stage, trunk in zip(reversed(self.stages), reversed(self.trunks), strict=True):
            entered = self.entered.pop()
            if gradient is None and not any(layer in part for part in (content, grams, totals) for layer in stage.layers):
                continue
            entering = _zeros(entered)
            for tile in tiles(*self.size, self.tile, stage):
                stop_if_asked()
                kept = trunk.forward(self._enter(entered, tile, stage))
                wanted = _Gradients(trunk, stage, tile, kept, content, grams, totals, gradient)
                _cut(entering, tile.outer.at(stage.stride)).add_(trunk.backward(kept, wanted, {}, {}))
            gradient = entering
            give_back()
        assert gradient is not None
        return gradient.mul_(self.encoder.factor)

    def _enter(self, entering: Tensor, tile: Tile, stage: Stage) -> Tensor:
        """What a tile looks at: preprocessed only now, as a second image would take as much memory as the first."""
        outer = _cut(entering, tile.outer.at(stage.stride))
        return outer * self.encoder.factor + self.encoder.offset if stage.stride == 1 else outer


class _Gradients(Mapping):
    """A tile's gradients by its activations, layer by layer, each made when it is asked for: zero outside the core."""

    def __init__(self, trunk: Trunk, stage: Stage, tile: Tile, kept, content, grams, totals, left: Tensor | None):
        self.trunk, self.stage, self.tile, self.content, self.grams, self.totals = trunk, stage, tile, content, grams, totals
        self.left = left if stage.pooled else None
        last = set() if self.left is None else {stage.layers[-1]}
        self.activations = {
            layer: activation for layer, activation in kept.activations.items() if layer in {*content, *grams, *totals, *last}
        }

    def __contains__(self, layer: object) -> bool:
        return layer in self.activations

    def __getitem__(self, layer: str) -> Tensor:
        activation = self.activations.pop(layer)  # asked for once: no longer kept than the way back needs it
        core = _cut(activation, self.tile.crop(layer))
        gradient = torch.zeros_like(activation)
        inside = _cut(gradient, self.tile.crop(layer))
        if layer in self.grams:
            inside += through_gram(core, self.grams[layer])
        if layer in self.totals:
            inside += self.totals[layer][:, :, None, None].to(core.dtype)
        if layer in self.content:
            inside += _cut(self.content[layer], self.tile.region(layer)).to(core.dtype)
        if self.left is not None and layer == self.stage.layers[-1]:
            inside += _unpool(self.trunk, core, _cut(self.left, self.tile.core.at(2 * stride(layer))))
        return gradient

    def __iter__(self):
        return iter(self.activations)

    def __len__(self) -> int:
        return len(self.activations)


def _part(trunk: Trunk, stage: Stage) -> Trunk:
    """The passes of one stage, with the whole network's filters."""
    part = copy.copy(trunk)
    part.layers = stage.layers
    return part


def _cut(activation: Tensor, region: tuple[slice, slice]) -> Tensor:
    return activation[:, :, region[0], region[1]]


def _empty(like: Tensor, size: Iterable[int]) -> Tensor:
    return like.new_empty((*like.shape[:2], *size)).contiguous(memory_format=layout(like.device))


def _zeros(like: Tensor) -> Tensor:
    return torch.zeros_like(like, dtype=torch.float32)


def _pool(trunk: Trunk, core: Tensor) -> Tensor:
    return F.avg_pool2d(core, 2) if trunk.pooling == "average" else F.max_pool2d(core, 2)


def _unpool(trunk: Trunk, core: Tensor, gradient: Tensor) -> Tensor:
    maxima = None if trunk.pooling == "average" else F.max_pool2d(core, 2, return_indices=True)[1]
    return trunk.unpool(gradient.to(core.dtype), core, maxima)
