"""The network's two passes by hand: images to activations, and gradients of activations back to the images.

Style transfer needs only the gradient of the image: the filters are frozen. So it is enough to keep each layer's activation
after the ReLU, which also shows where the ReLU lets the gradient through. The gradient of a convolution is itself a
convolution, with the filters turned round (Dumoulin and Visin 2016, section 4.1). `Encoder.forward` does the
same in the plain way.

A trunk in bfloat16 computes the layers of `FINE` in float32 on the way up. Rounding hardly changes the
sums, but it changes where a ReLU or a pooling lets the gradient through, most of all in the first block: without this the
gradient is 9 % off, with it 2 to 5 % (docs/speed.md). The way back is in bfloat16 throughout.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

from stylelab.base.files import error_text
from stylelab.encoders import POOL_AFTER
from stylelab.run.numerics.precision import FINE
from stylelab.run.numerics.winograd import pays
from stylelab.torch.engine.allocator import layout
from stylelab.torch.engine.winograd import Winograd

# oneDNN's convolution with bias and ReLU in one pass, with filters in oneDNN's own layout; PyTorch's compiler calls it too
FUSED: Any = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
PACK: Any = getattr(torch.ops.mkldnn, "_reorder_convolution_weight", None)
POSITIONS = 2**15  # of an activation in bfloat16 to look at in float32 at one time


class Layers(NamedTuple):
    """What a loss looks at.

    Attributes:
        activations: layers whose activations it needs whole.
        grams: layers of which it needs the raw Gram matrix.
        totals: layers of which it needs the sum over positions.
    """

    activations: tuple[str, ...] = ()
    grams: tuple[str, ...] = ()
    totals: tuple[str, ...] = ()

    def split(self, tensors: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Tensors in the order of the layers here, as layer -> tensor for each of the three."""
        rest = iter(tensors)
        activations, grams, totals = ({layer: next(rest) for layer in layers} for layers in self)
        return activations, grams, totals


@dataclass
class Kept:
    """What the way back needs.

    Attributes:
        activations: layer -> `(B, C, H', W')` after the ReLU, except where `gates` is enough.
        maxima: layer before a pooling -> where in `(H', W')` each maximum stood; empty for average pooling.
        gates: layer before a pooling, whose activation no loss looks at -> its shape, and whether the ReLU let each maximum through.
    """

    activations: dict[str, Tensor] = field(default_factory=dict)
    maxima: dict[str, Tensor] = field(default_factory=dict)
    gates: dict[str, tuple[torch.Size, Tensor]] = field(default_factory=dict)


class Trunk:
    """VGG-19 up to one layer. Made of `{layer: (kernel (O, I, 3, 3), bias (O,))}`, on one device; `dtype` is the way back's."""

    def __init__(
        self, filters: Mapping[str, tuple[Tensor, Tensor]], *, padding: str, pooling: str, dtype: torch.dtype = torch.float32
    ):
        self.layers, self.pooling, self.dtype = tuple(filters), pooling, dtype
        border = 1 if padding == "zeros" else 0  # a border that repeats its pixel is put round the image beforehand
        self.repeats = padding != "zeros"
        self.convolutions = {layer: _Layer(kernel, bias, border, dtype) for layer, (kernel, bias) in filters.items()}

    def forward(self, images: Tensor, keep: bool = True, seen: Collection[str] | None = None) -> Kept:
        """Activations of the layers in `seen`, or of all; with `keep` also what the way back needs besides.

        `images` is `(B, 3, H, W)`, preprocessed; no gradient is recorded.
        """
        kept, last, seen = Kept(), self.layers[-1], self.layers if seen is None else seen
        activation = images.contiguous(memory_format=layout(images.device))
        for layer in self.layers:
            if self.repeats:
                activation = F.pad(activation, (1, 1, 1, 1), mode="replicate")
            activation = self.convolutions[layer].forward(activation)
            pools = layer in POOL_AFTER and layer != last
            if layer in seen or (keep and not (pools and self.pooling == "max")):
                kept.activations[layer] = activation.to(self.dtype)
            if pools:
                activation = self._pool(layer, activation, kept if keep else None)
        return kept

    def _pool(self, layer: str, activation: Tensor, kept: Kept | None) -> Tensor:
        if self.pooling == "average":
            return F.avg_pool2d(activation, 2)
        if kept is None:
            return F.max_pool2d(activation, 2)
        pooled, maxima = F.max_pool2d(activation, 2, return_indices=True)
        kept.maxima[layer] = maxima.int()
        if layer not in kept.activations:
            kept.gates[layer] = activation.shape, pooled > 0
        return pooled

    def backward(
        self,
        kept: Kept,
        activations: Mapping[str, Tensor | None],
        grams: Mapping[str, Tensor | None],
        totals: Mapping[str, Tensor | None],
    ) -> Tensor:
        """The gradient with respect to the images, `(B, 3, H, W)` float32. What was kept is used up on the way.

        Args:
            kept: from `forward` with `keep`.
            activations, grams, totals: layer -> gradient of the loss with respect to its activation, its raw Gram matrix
                `(B, C, C)`, its sum over positions `(B, C)`; None where the loss does not use it.
        """
        gradient: Tensor | None = None
        for layer in reversed(self.layers):
            if layer in kept.gates:
                gradient = self._through_gate(gradient, *kept.gates.pop(layer), kept.maxima.pop(layer))
                gradient = gradient if gradient is None else self._convolve_back(layer, gradient)
                continue
            activation = kept.activations.pop(layer)
            if gradient is not None and layer in POOL_AFTER:
                gradient = self.unpool(gradient, activation, kept.maxima.pop(layer, None))
            if (own := activations.get(layer)) is not None:
                # in the order of the others: PyTorch multiplies bfloat16 matrices of another order a thousand times slower
                gradient = _add(gradient, own.to(self.dtype, memory_format=layout(own.device)))
            if (own := grams.get(layer)) is not None:
                gradient = through_gram(activation, own, onto=gradient)
            if (own := totals.get(layer)) is not None:  # the same at every position
                spread = own.to(self.dtype)[:, :, None, None].expand_as(activation)
                gradient = spread if gradient is None else gradient + spread
            if gradient is None:
                continue
            gradient = torch.ops.aten.threshold_backward(gradient, activation, 0)  # the ReLU
            gradient = self._convolve_back(layer, gradient)
        assert gradient is not None
        return gradient.float()

    def forget_filters(self, encoder: Any, tile: int | None = None) -> None:
        """Drop its encoder's filters as they were read: both ways go on for images of the last ones' size. Not for tiles."""
        if tile is None and self.convolutions[self.layers[0]].kernel is not None:
            for layer, convolution in self.convolutions.items():
                convolution.kernel = None
                encoder.register_buffer(f"{layer}_kernel", None)

    def _convolve_back(self, layer: str, gradient: Tensor) -> Tensor:
        gradient = self.convolutions[layer].backward(gradient)
        return _fold_border(gradient) if self.repeats else gradient

    def _through_gate(self, gradient: Tensor | None, shape: torch.Size, gate: Tensor, maxima: Tensor) -> Tensor | None:
        """The gradient before a ReLU and a pooling, from that after them: only a maximum that the ReLU let through has any."""
        if gradient is None:
            return None
        like = _new(gradient, shape)
        return self.unpool(torch.where(gate, gradient, 0), like, maxima)

    def unpool(self, gradient: Tensor, activation: Tensor, maxima: Tensor | None) -> Tensor:
        """The gradient before a pooling; of `activation` only its shape counts."""
        if maxima is None:
            return torch.ops.aten.avg_pool2d_backward(gradient, activation, [2, 2], [2, 2], [0, 0], False, True, None)
        return torch.ops.aten.max_pool2d_with_indices_backward(
            gradient, activation, [2, 2], [2, 2], [0, 0], [1, 1], False, maxima.long()
        )


_TRUNKS: "WeakKeyDictionary[Any, Trunk]" = WeakKeyDictionary()


def find_trunk(encoder: Any) -> Trunk:
    """The passes of an encoder, made once."""
    if encoder not in _TRUNKS:
        _TRUNKS[encoder] = Trunk(encoder.filters, padding=encoder.spec.padding, pooling=encoder.pooling, dtype=encoder.dtype)
    return _TRUNKS[encoder]


class _Layer:
    """One convolution, both ways. Each way's filters are prepared when it is first used."""

    def __init__(self, kernel: Tensor, bias: Tensor, border: int, dtype: torch.dtype):
        self.kernel: Any = kernel  # None once it is forgotten
        self.widths, self.bias, self.border, self.dtype = kernel.shape[:2], bias, border, dtype
        self.plain = FUSED is not None and kernel.device.type == "cpu" and kernel.dtype == dtype == torch.float32

    def forward(self, activation: Tensor) -> Tensor:
        return self._ahead(activation)

    def backward(self, gradient: Tensor) -> Tensor:
        fast = self.plain and pays(*self.widths, *gradient.shape[2:])
        return (self._winograd if fast else self._back)(gradient)

    @cached_property
    def _ahead(self) -> "_Convolution":
        return _Convolution(self.kernel, self.bias, self.border, relu=True)

    @cached_property
    def _back(self) -> "_Convolution":
        return _Convolution(self.kernel.to(self.dtype).flip(2, 3).transpose(0, 1), None, 2 - self.border)

    @cached_property
    def _winograd(self) -> Winograd:
        return Winograd(self.kernel, self.border)


class _Convolution:
    """3 x 3, stride 1, and the ReLU if wanted: fused and with packed filters where PyTorch can, plain elsewhere."""

    def __init__(self, kernel: Tensor, bias: Tensor | None, padding: int, relu: bool = False):
        self.kernel: Any = kernel.contiguous(memory_format=layout(kernel.device))  # None once it is packed
        self.bias, self.padding, self.relu = bias, padding, relu
        self.fused = kernel.device.type == "cpu" and None not in (FUSED, PACK) and torch.backends.mkldnn.is_available()
        self.packed, self.dtype = None, kernel.dtype

    def __call__(self, activation: Tensor) -> Tensor:
        activation = activation.to(self.dtype)
        if not self.fused:
            answer = F.conv2d(activation, self.kernel, self.bias, padding=self.padding)
            return answer.relu_() if self.relu else answer
        pair = [self.padding] * 2
        if self.packed is None:  # best for images of this size, and correct for every other
            self.packed = PACK(self.kernel, pair, [1, 1], [1, 1], 1, list(activation.shape))
            self.kernel = None
        return FUSED(activation, self.packed, self.bias, pair, [1, 1], [1, 1], 1, "relu" if self.relu else "none", [], "")


def positions_first(activation: Tensor) -> Tensor:
    """`(B, C, H, W)` as the matrix `(B, H W, C)`, without a copy where channels are last in memory."""
    return activation.permute(0, 2, 3, 1).flatten(1, 2)


def raw_gram(activation: Tensor) -> Tensor:
    """`(B, C, H, W)` of any precision -> `(B, C, C)`, summed in float32."""
    features = positions_first(activation)
    if features.dtype == torch.float32:
        return features.transpose(1, 2) @ features
    parts = (part.float() for part in features.split(POSITIONS, 1))  # never all of them in float32
    return torch.stack([part.transpose(1, 2) @ part for part in parts]).sum(0)


def total(activation: Tensor) -> Tensor:
    """`(B, C, H, W)` of any precision -> `(B, C)`, its sum over positions in float32."""
    return activation.sum((2, 3), dtype=torch.float32)


def through_gram(activation: Tensor, gram_gradient: Tensor, onto: Tensor | None = None) -> Tensor:
    """The gradient of a function of the raw Gram matrix with respect to the activation, added to `onto`.

    d/dF of a function of F^T F is F (D + D^T), with D its derivative by the Gram matrix: one product, where autograd needs
    two.
    """
    features = positions_first(activation)
    both = (gram_gradient + gram_gradient.transpose(1, 2)).to(features.dtype)
    product = features @ both if onto is None else positions_first(onto).baddbmm_(features, both)
    batch, channels, height, width = activation.shape
    product = product.view(batch, height, width, channels).permute(0, 3, 1, 2)
    return product.contiguous(memory_format=layout(product.device))


@cache
def fault(precision: str, device: torch.device) -> str:
    """Why a device cannot compute the way there and back in a precision; '' if it can. A small network is tried."""
    widths, dtype = {"conv1_1": 3, "conv1_2": 8, "conv2_1": 8, "conv2_2": 8, "conv3_1": 8}, getattr(torch, precision)
    try:
        filters = {}
        for layer, width in widths.items():
            own = torch.float32 if layer in FINE else dtype
            filters[layer] = torch.ones(8, width, 3, 3, dtype=own, device=device), torch.ones(8, dtype=own, device=device)
        for pooling in ("max", "average"):
            trunk = Trunk(filters, padding="replicate", pooling=pooling, dtype=dtype)
            kept = trunk.forward(torch.ones(1, 3, 16, 16, device=device), seen=("conv2_1", "conv2_2", "conv3_1"))
            own = kept.activations["conv3_1"]
            trunk.backward(kept, {"conv3_1": own}, {"conv2_2": raw_gram(own)}, {"conv2_1": total(own)}).cpu()
    except (RuntimeError, TypeError) as error:  # in PyTorch's own words, which differ from device to device
        return error_text(error)
    return ""


def _new(gradient: Tensor, shape: Sequence[int]) -> Tensor:
    """An activation of that shape whose numbers do not count, in the gradient's precision and memory layout, on its device."""
    if layout(gradient.device) == torch.contiguous_format:
        return gradient.new_empty(shape)
    batch, channels, height, width = shape
    return gradient.new_empty((batch, height, width, channels)).permute(0, 3, 1, 2)


def _add(gradient: Tensor | None, more: Tensor) -> Tensor:
    return more if gradient is None else gradient.add_(more)


def _fold_border(gradient: Tensor) -> Tensor:
    """The gradient of an image with a repeated border, `(B, C, H + 2, W + 2)`, brought back to the pixels repeated."""
    gradient[:, :, 1] += gradient[:, :, 0]
    gradient[:, :, -2] += gradient[:, :, -1]
    gradient[:, :, :, 1] += gradient[:, :, :, 0]
    gradient[:, :, :, -2] += gradient[:, :, :, -1]
    return gradient[:, :, 1:-1, 1:-1].contiguous(memory_format=layout(gradient.device))
