"""The network's two passes by hand: images to activations, and gradients of activations back to the images.

Style transfer needs only the gradient of the image: the filters are frozen. So it is enough to keep each layer's activation
after the ReLU, which also shows where the ReLU lets the gradient through. The gradient of a convolution is itself a
convolution, with the filters turned round (Dumoulin and Visin 2016, section 4.1). `Encoder.__call__` does the
same in the plain way.

A trunk in bfloat16 computes the layers of `FINE` in float32 on the way up. Rounding hardly changes the
sums, but it changes where a ReLU or a pooling lets the gradient through, most of all in the first block: without this the
gradient is 9 % off, with it 2 to 5 % (docs/speed.md). The way back is in bfloat16 throughout.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import tensorflow as tf
from tensorflow import Tensor

from stylelab.base.files import error_text
from stylelab.encoders import POOL_AFTER
from stylelab.run.numerics.precision import FINE
from stylelab.run.numerics.winograd import pays
from stylelab.tensorflow.engine.winograd import Winograd

BORDER = ((0, 0), (1, 1), (1, 1), (0, 0))  # one pixel round each image
AROUND = ((0, 0), (2, 2), (2, 2), (0, 0))  # two, where the way forward has none
TURNED = ("conv1_1", "conv1_2", "conv2_1", "conv2_2")  # few filters, at many positions
HALF = dict(ksize=(1, 2, 2, 1), strides=(1, 2, 2, 1), padding="VALID")  # pooling: the positions of 2 x 2


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
        tensors = iter(tensors)
        activations, grams, totals = ({layer: next(tensors) for layer in layers} for layers in self)
        return activations, grams, totals


@dataclass
class Kept:
    """What the way back needs.

    Attributes:
        activations: layer -> `(B, H', W', C)` after the ReLU.
        maxima: layer before a pooling -> the maxima `(B, H'/2, W'/2, C)`; empty for average pooling.
    """

    activations: dict[str, Tensor] = field(default_factory=dict)
    maxima: dict[str, Tensor] = field(default_factory=dict)


class Trunk:
    """VGG-19 up to one layer. Made of `{layer: (kernel (3, 3, I, O), bias (O,))}`, on one device; `dtype` is the way back's."""

    def __init__(self, filters: Mapping[str, tuple[Tensor, Tensor]], *, padding: str, pooling: str, dtype: tf.DType = tf.float32):
        self.layers, self.filters, self.pooling, self.dtype = tuple(filters), dict(filters), pooling, dtype
        self.repeats = padding != "zeros"  # a border that repeats its pixel is put round the image beforehand
        self.padding = "VALID" if self.repeats else "SAME"
        self.plain = dtype == tf.float32 and not tf.config.list_physical_devices("GPU")
        self.winograds: dict[str, Winograd] = {}  # made when first needed

    def forward(self, images: Tensor) -> Kept:
        """Activations of every layer. `images` is `(B, H, W, 3)`, preprocessed."""
        kept, last = Kept(), self.layers[-1]
        activation = images
        for layer in self.layers:
            activation = self._convolve(layer, activation)
            kept.activations[layer] = tf.cast(activation, self.dtype)
            if layer in POOL_AFTER and layer != last:
                if self.pooling == "average":
                    activation = tf.nn.avg_pool2d(activation, 2, 2, "VALID")
                else:
                    activation = tf.nn.max_pool2d(activation, 2, 2, "VALID")
                    kept.maxima[layer] = tf.cast(activation, self.dtype)
        return kept

    def backward(
        self, kept: Kept, activations: Mapping[str, Tensor], grams: Mapping[str, Tensor], totals: Mapping[str, Tensor]
    ) -> Tensor:
        """The gradient with respect to the images, `(B, H, W, 3)` float32.

        Args:
            kept: from `forward`.
            activations, grams, totals: layer -> gradient of the loss with respect to its activation, its raw Gram matrix
                `(B, C, C)`, its sum over positions `(B, C)`.
        """
        gradient = None
        for layer in reversed(self.layers):
            activation = kept.activations[layer]
            if gradient is not None and layer in POOL_AFTER:
                gradient = self.unpool(gradient, activation, kept.maxima.get(layer))
            if layer in activations:
                gradient = _add(gradient, tf.cast(activations[layer], self.dtype))
            if layer in grams:
                # a graph would compute these products first of all, and hold them until their turn comes
                with tf.control_dependencies([] if gradient is None else [gradient]):
                    gradient = through_gram(activation, grams[layer], onto=gradient)
            if layer in totals:  # the same at every position
                spread = tf.cast(totals[layer], self.dtype)[:, None, None, :]
                gradient = _add(gradient, tf.broadcast_to(spread, tf.shape(activation)))
            if gradient is None:
                continue
            gradient = tf.raw_ops.ReluGrad(gradients=gradient, features=activation)
            gradient = self._convolve_back(layer, gradient)
        return tf.cast(gradient, tf.float32)

    def _convolve(self, layer: str, activation: Tensor) -> Tensor:
        kernel, bias = self.filters[layer]
        activation = tf.cast(activation, kernel.dtype)
        if self.repeats:
            activation = tf.pad(activation, BORDER, "SYMMETRIC")  # PyTorch's 'replicate', by one pixel
        # one kernel of oneDNN's: convolution, bias and ReLU are fused in a graph
        return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(activation, kernel, 1, self.padding), bias))

    def _convolve_back(self, layer: str, gradient: Tensor) -> Tensor:
        if self._few_products(layer, gradient):
            gradient = self._winograd(layer)(gradient)
            return _fold_border(gradient) if self.repeats else gradient
        kernel = tf.cast(self.filters[layer][0], self.dtype)
        if layer in TURNED:
            gradient = tf.nn.conv2d(gradient, _turned(kernel), 1, AROUND if self.repeats else "SAME")
            return _fold_border(gradient) if self.repeats else gradient
        batch, height, width, _ = tf.unstack(tf.shape(gradient))
        border = 2 if self.repeats else 0
        shape = (batch, height + border, width + border, kernel.shape[2])
        # as fast as a convolution with the filters turned round, which would be a second copy of them
        gradient = tf.nn.conv2d_transpose(gradient, kernel, shape, 1, self.padding)
        return _fold_border(gradient) if self.repeats else gradient

    def _few_products(self, layer: str, gradient: Tensor) -> bool:
        """Whether Winograd's method pays; it wants to know the shape, and a tile's is not known when its graph is made."""
        return self.plain and None not in gradient.shape and pays(*self.filters[layer][0].shape[2:], *gradient.shape[1:3])

    def _winograd(self, layer: str) -> Winograd:
        if layer not in self.winograds:
            self.winograds[layer] = Winograd(self.filters[layer][0], 0 if self.repeats else 1)
        return self.winograds[layer]

    def unpool(self, gradient: Tensor, activation: Tensor, maxima: Tensor | None) -> Tensor:
        if maxima is None:
            return tf.raw_ops.AvgPoolGrad(orig_input_shape=tf.shape(activation), grad=gradient, **HALF)
        return tf.raw_ops.MaxPoolGrad(orig_input=activation, orig_output=maxima, grad=gradient, **HALF)


_TRUNKS: "WeakKeyDictionary[Any, Trunk]" = WeakKeyDictionary()


def find_trunk(encoder: Any) -> Trunk:
    """The passes of an encoder, made once."""
    if encoder not in _TRUNKS:
        _TRUNKS[encoder] = Trunk(encoder.filters, padding=encoder.spec.padding, pooling=encoder.pooling, dtype=encoder.dtype)
    return _TRUNKS[encoder]


def positions_first(activation: Tensor) -> Tensor:
    """`(B, H, W, C)` as the matrix `(B, H W, C)`, without a copy where channels are last in memory."""
    batch, height, width, channels = tf.unstack(tf.shape(activation))
    return tf.reshape(activation, (batch, height * width, channels))


def raw_gram(activation: Tensor) -> Tensor:
    """`(B, H, W, C)` of any precision -> `(B, C, C)`, summed in float32."""
    features = tf.cast(positions_first(activation), tf.float32)
    return tf.matmul(features, features, transpose_a=True)


def total(activation: Tensor) -> Tensor:
    """`(B, H, W, C)` of any precision -> `(B, C)`, its sum over positions in float32."""
    return tf.reduce_sum(tf.cast(activation, tf.float32), (1, 2))


def through_gram(activation: Tensor, gram_gradient: Tensor, onto: Tensor | None = None) -> Tensor:
    """The gradient of a function of the raw Gram matrix with respect to the activation, added to `onto`.

    d/dF of a function of F^T F is F (D + D^T), with D its derivative by the Gram matrix: one product, where a tape needs two.
    """
    both = tf.cast(gram_gradient + tf.linalg.matrix_transpose(gram_gradient), activation.dtype)
    return _add(onto, tf.reshape(tf.matmul(positions_first(activation), both), tf.shape(activation)))


@cache
def fault(precision: str, device: str) -> str:
    """Why a device cannot compute the way there and back in a precision; '' if it can. A small network is tried."""
    widths, dtype = {"conv1_1": 3, "conv1_2": 8, "conv2_1": 8, "conv2_2": 8, "conv3_1": 8}, tf.as_dtype(precision)
    try:
        with tf.device(device):
            filters = {}
            for layer, width in widths.items():
                own = tf.float32 if layer in FINE else dtype
                filters[layer] = tf.ones((3, 3, width, 8), own), tf.ones((8,), own)
            for pooling in ("max", "average"):
                trunk = Trunk(filters, padding="replicate", pooling=pooling, dtype=dtype)
                kept = trunk.forward(tf.ones((1, 16, 16, 3)))
                own = kept.activations["conv3_1"]
                trunk.backward(kept, {"conv3_1": own}, {"conv2_2": raw_gram(own)}, {"conv2_1": total(own)}).numpy()
    except (tf.errors.OpError, TypeError, ValueError) as error:  # in TensorFlow's own words, which differ from device to device
        return error_text(error)
    return ""


def _add(gradient: Tensor | None, more: Tensor) -> Tensor:
    return more if gradient is None else gradient + more


def _turned(kernel: Tensor) -> Tensor:
    """`(3, 3, I, O)` as the filters of the way back `(3, 3, O, I)`."""
    return tf.transpose(tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))


def _fold_border(gradient: Tensor) -> Tensor:
    """The gradient of an image with a repeated border, `(B, H + 2, W + 2, C)`, brought back to the pixels repeated."""
    return tf.raw_ops.MirrorPadGrad(input=gradient, paddings=BORDER, mode="SYMMETRIC")
