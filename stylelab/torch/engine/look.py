"""One pass of the network for everything that a loss needs, and its exact gradient: of whole images, or tile by tile."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from stylelab.torch.engine import tiles
from stylelab.torch.engine.passes import Layers, Trunk, find_trunk, raw_gram, total


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
        images: `(B, 3, H, W)` RGB in 0..1; H and W at least 16.
        activations, grams, totals: layers, by the paper's names, of those that the encoder was loaded with.
        tile: side of the tiles in pixels, rounded to a multiple of 16; None for whole images.

    Returns:
        `{layer: activation (B, C, H', W')}` in the encoder's precision, `{layer: F F^T (B, C, C)}` and
        `{layer: sum of F over positions (B, C)}` in float32. Their gradient can be computed once.

    Raises:
        InputError: images of another shape, or a tile that is not a number of pixels.
    """
    layers = Layers(*(tuple(dict.fromkeys(some)) for some in (activations, grams, totals)))
    if tile is None:
        return layers.split(_Look.apply(encoder.preprocess(images), find_trunk(encoder), layers))
    return layers.split(tiles.look(encoder, images, layers, tile))


class _Look(Function):
    """The passes of a `Trunk`, for autograd."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, trunk: Trunk, layers: Layers) -> tuple[Tensor, ...]:
        kept = trunk.forward(images, keep=ctx.needs_input_grad[0], seen={*layers.activations, *layers.grams, *layers.totals})
        ctx.trunk, ctx.kept, ctx.layers = trunk, kept, layers
        ctx.set_materialize_grads(False)  # an output that the loss does not use has no gradient, rather than one of zeros
        return (
            *(kept.activations[layer].detach() for layer in layers.activations),
            *(raw_gram(kept.activations[layer]) for layer in layers.grams),
            *(total(kept.activations[layer]) for layer in layers.totals),
        )

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: "Tensor | None") -> tuple[Tensor, None, None]:
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            raise RuntimeError("the gradient of `look` can be computed once: call it again")
        return ctx.trunk.backward(kept, *ctx.layers.split(gradients)), None, None
