"""Tile by tile: what a loss needs of an image that is too large to be held whole, and its exact gradient.

A third of the memory or less, for half as much time again: the way back runs each tile forward once more.
`stylelab.run.numerics.tiling` says which tiles, and why the sums are exact.

One tile's passes are a `tf.function` each, traced once for tiles of every size; the loop over tiles is Python's, so that a
tile's memory is free before the next begins.
"""

import copy
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import tensorflow as tf
from tensorflow import Tensor

from stylelab.base.interrupts import stop_if_asked
from stylelab.encoders import layer_size
from stylelab.run.numerics.memory import give_back
from stylelab.run.numerics.tiling import Stage, Tile, stages, stride, tiles
from stylelab.tensorflow.engine.graph import compiled
from stylelab.tensorflow.engine.passes import Layers, Trunk, find_trunk, raw_gram, through_gram, total


def look(encoder: Any, images: Tensor, layers: Layers, tile: int) -> list[Tensor]:
    """Activations, raw Gram matrices and sums over positions of these layers: see `engine.look.look`.

    `images` is a tensor with numbers in it: call this, and the tape around it, outside any `tf.function`.
    """
    if tf.inside_function():
        raise RuntimeError("tiles are worked on one after the other: call `look` outside tf.function")

    @tf.custom_gradient
    def passes(images: Tensor):
        network = _Network(encoder, layers, tile)
        return network.forward(tf.stop_gradient(images)), network.backward

    with tf.device(encoder.device):
        return passes(tf.convert_to_tensor(images))


class _Network:
    """One look at one image: its stages, and what entered each of them."""

    def __init__(self, encoder: Any, layers: Layers, tile: int):
        self.encoder, self.layers, self.tile = encoder, layers, tile
        self.stages = stages([*layers.activations, *layers.grams, *layers.totals])
        self.passes = [_find_passes(encoder, stage, layers) for stage in self.stages]
        self.entered: list[Tensor] = []

    def forward(self, images: Tensor) -> list[Tensor]:
        """Activations, then Gram matrices, then sums over positions. Then it is ready for `backward`."""
        self.size, entering = tuple(images.shape[1:3]), images
        activations, sums = {}, ({}, {})
        for stage, passes in zip(self.stages, self.passes, strict=True):
            self.entered.append(entering)
            leaving = None
            for tile in tiles(*self.size, self.tile, stage):
                stop_if_asked()
                cores, *own_sums, pooled = passes.forward(self._enter(entering, tile, stage), _inside(tile))
                for so_far, own in zip(sums, own_sums, strict=True):
                    for layer in own:
                        so_far[layer] = so_far.get(layer, 0) + own[layer]
                for layer, core in cores.items():
                    if layer not in activations:
                        activations[layer] = _blank(core, layer_size(layer, *self.size))
                    _cut(activations[layer], tile.region(layer)).assign(core)
                if stage.pooled:
                    step = 2 * stride(stage.layers[-1])
                    leaving = _blank(pooled, [length // step for length in self.size]) if leaving is None else leaving
                    _cut(leaving, tile.core.at(step)).assign(pooled)
            entering = leaving
            give_back()
        parts = zip(({layer: whole.read_value() for layer, whole in activations.items()}, *sums), self.layers, strict=True)
        return [part[layer] for part, layers in parts for layer in layers]

    def backward(self, *gradients: Tensor) -> Tensor:
        """The gradient with respect to the images that `forward` saw, from those of its answers."""
        parts = self.layers.split(gradients)
        gradient = None  # with respect to what leaves a stage
        with tf.device(self.encoder.device):
            for stage, passes in zip(reversed(self.stages), reversed(self.passes), strict=True):
                gradient = self._stage_backward(stage, passes, *parts, gradient)
                give_back()
            return gradient.read_value() * self.encoder.factor

    def _stage_backward(self, stage: Stage, passes: "_Passes", activations, grams, totals, left) -> tf.Variable:
        entered = self.entered.pop()
        gradient = _blank(entered, entered.shape[1:3], tf.float32)
        grams = {layer: grams[layer] for layer in passes.layers.grams}
        totals = {layer: totals[layer] for layer in passes.layers.totals}
        for tile in tiles(*self.size, self.tile, stage):
            stop_if_asked()
            cores = {layer: _cut(activations[layer], tile.region(layer)) for layer in passes.layers.activations}
            below = _cut(left, tile.core.at(2 * stride(stage.layers[-1]))) if stage.pooled else 0.0
            outer = _cut(gradient, tile.outer.at(stage.stride))
            entering = self._enter(entered, tile, stage)
            outer.assign(outer + passes.backward(entering, _inside(tile), cores, grams, totals, below))
        return gradient

    def _enter(self, entering: "Tensor | tf.Variable", tile: Tile, stage: Stage) -> Tensor:
        """What a tile looks at: preprocessed only now, as a second image would take as much memory as the first."""
        outer = _cut(entering, tile.outer.at(stage.stride))
        return outer * self.encoder.factor + self.encoder.offset if stage.stride == 1 else outer


class _Passes:
    """Both ways of one tile through one stage. `inside` is the core in pixels, counted from the corner of what enters."""

    def __init__(self, trunk: Trunk, stage: Stage, layers: Layers):
        self.trunk, self.stage = copy.copy(trunk), stage
        self.trunk.layers = stage.layers
        self.layers = Layers(*(tuple(layer for layer in stage.layers if layer in some) for some in layers))
        width = {layer: trunk.filters[layer][0].shape[3] for layer in stage.layers}
        entering = _spec(trunk.filters[stage.layers[0]][0].shape[2], tf.float32 if stage.stride == 1 else trunk.dtype)
        inside = tf.TensorSpec((4,), tf.int32)
        below = _spec(width[stage.layers[-1]], tf.float32) if stage.pooled else tf.TensorSpec((), tf.float32)
        cores = {layer: _spec(width[layer], trunk.dtype) for layer in self.layers.activations}
        grams = {layer: tf.TensorSpec((None, width[layer], width[layer]), tf.float32) for layer in self.layers.grams}
        totals = {layer: tf.TensorSpec((None, width[layer]), tf.float32) for layer in self.layers.totals}
        # whatever its shape: one trace serves tiles in the middle, at the border, in a corner
        self.forward = compiled(self._forward, [entering, inside])
        self.backward = compiled(self._backward, [entering, inside, cores, grams, totals, below])

    def _forward(self, entering: Tensor, inside: Tensor):
        activations = self.trunk.forward(entering).activations
        cores = {layer: _core(activations[layer], layer, inside) for layer in activations}
        pooled = self._pool(cores[self.stage.layers[-1]]) if self.stage.pooled else 0.0
        return (
            {layer: cores[layer] for layer in self.layers.activations},
            {layer: raw_gram(cores[layer]) for layer in self.layers.grams},
            {layer: total(cores[layer]) for layer in self.layers.totals},
            pooled,
        )

    def _backward(self, entering: Tensor, inside: Tensor, content: dict, grams: dict, totals: dict, below: Tensor) -> Tensor:
        kept, gradients = self.trunk.forward(entering), {}
        for layer in self.stage.layers:
            core, parts = _core(kept.activations[layer], layer, inside), []
            if layer in grams:
                parts.append(through_gram(core, grams[layer]))
            if layer in totals:
                parts.append(tf.broadcast_to(tf.cast(totals[layer], core.dtype)[:, None, None, :], tf.shape(core)))
            if layer in content:
                parts.append(tf.cast(content[layer], core.dtype))
            if self.stage.pooled and layer == self.stage.layers[-1]:
                maxima = None if self.trunk.pooling == "average" else self._pool(core)
                parts.append(self.trunk.unpool(tf.cast(below, core.dtype), core, maxima))
            if parts:
                gradients[layer] = _surround(tf.add_n(parts), kept.activations[layer], layer, inside)
        return self.trunk.backward(kept, gradients, {}, {})

    def _pool(self, core: Tensor) -> Tensor:
        pool = tf.nn.avg_pool2d if self.trunk.pooling == "average" else tf.nn.max_pool2d
        return pool(core, 2, 2, "VALID")


_KNOWN: "WeakKeyDictionary[Any, dict]" = WeakKeyDictionary()


def _find_passes(encoder: Any, stage: Stage, layers: Layers) -> _Passes:
    """Traced once for an encoder."""
    known = _KNOWN.setdefault(encoder, {})
    if (stage, layers) not in known:
        known[stage, layers] = _Passes(find_trunk(encoder), stage, layers)
    return known[stage, layers]


def _spec(channels: int, dtype: tf.DType) -> tf.TensorSpec:
    return tf.TensorSpec((None, None, None, channels), dtype)


def _cut(activation: "Tensor | tf.Variable", region: tuple[slice, slice]) -> Tensor:
    return activation[:, region[0], region[1]]


def _blank(like: Tensor, size: Iterable[int], dtype: tf.DType | None = None) -> tf.Variable:
    """A variable, as its parts can be assigned."""
    return tf.Variable(tf.zeros((like.shape[0], *size, like.shape[-1]), dtype or like.dtype), trainable=False)


def _inside(tile: Tile) -> Tensor:
    core, outer = tile.core, tile.outer
    edges = core.top - outer.top, core.bottom - outer.top, core.left - outer.left, core.right - outer.left
    return tf.constant(edges, tf.int32)


def _core(activation: Tensor, layer: str, inside: Tensor) -> Tensor:
    top, bottom, left, right = tf.unstack(inside // stride(layer))
    return activation[:, top:bottom, left:right]


def _surround(core: Tensor, activation: Tensor, layer: str, inside: Tensor) -> Tensor:
    """Zeros round a core, up to the size of the activation."""
    top, bottom, left, right = tf.unstack(inside // stride(layer))
    _, height, width, _ = tf.unstack(tf.shape(activation))
    return tf.pad(core, ((0, 0), (top, height - bottom), (left, width - right), (0, 0)))
