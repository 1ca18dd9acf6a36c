"""One pass of the network for everything that a loss needs, and its exact gradient: of whole images, or tile by tile."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from stylelab.torch.engine import tiles
from stylelab.torch.engine.passes import Trunk, find_trunk, raw_gram


def look(
    encoder: Any, images: Tensor, activations: Iterable[str], grams: Iterable[str], tile: int | None = None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Activations of some layers, raw Gram matrices of others: what `Encoder.__call__` gives, in less time and memory.

    Args:
        encoder: from `load_encoder`.
        images: `(B, 3, H, W)` RGB in 0..1; H and W at least 16.
        activations, grams: layers, by the paper's names, of those that the encoder was loaded with.
        tile: side of the tiles in pixels, rounded to a multiple of 16; None for whole images.

    Returns:
        `{layer: activation (B, C, H', W')}` in the encoder's precision, `{layer: F F^T (B, C, C)}` in float32. The gradient
        of both can be computed once.

    Raises:
        InputError: images of another shape, or a tile that is not a number of pixels.
    """
    activations, grams = tuple(dict.fromkeys(activations)), tuple(dict.fromkeys(grams))
    if tile is None:
        outputs = _Look.apply(encoder.preprocess(images), find_trunk(encoder), activations, grams)
    else:
        outputs = tiles.look(encoder, images, activations, grams, tile)
    count = len(activations)
    return dict(zip(activations, outputs[:count], strict=True)), dict(zip(grams, outputs[count:], strict=True))


class _Look(Function):
    """The passes of a `Trunk`, for autograd."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, trunk: Trunk, activations: tuple[str, ...], grams: tuple[str, ...]
    ) -> tuple[Tensor, ...]:
        kept = trunk.forward(images, keep=ctx.needs_input_grad[0])
        ctx.trunk, ctx.kept, ctx.activations, ctx.grams = trunk, kept, activations, grams
        ctx.set_materialize_grads(False)  # an output that the loss does not use has no gradient, rather than one of zeros
        products = (raw_gram(kept.activations[layer]) for layer in grams)
        return *(kept.activations[layer].detach() for layer in activations), *products

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: "Tensor | None") -> tuple[Tensor, None, None, None]:
        kept, ctx.kept = ctx.kept, None
        if kept is None:
            raise RuntimeError("the gradient of `look` can be computed once: call it again")
        count = len(ctx.activations)
        by_activations = dict(zip(ctx.activations, gradients[:count], strict=True))
        by_grams = dict(zip(ctx.grams, gradients[count:], strict=True))
        return ctx.trunk.backward(kept, by_activations, by_grams), None, None, None
