"""The encoder in TensorFlow: images in, named activations out."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab import encoders
from stylelab.base.values import one_of
from stylelab.encoders import EncoderName
from stylelab.run.numerics.precision import FINE
from stylelab.tensorflow.tensors import as_tensor, find_device, find_precision

# TensorFloat-32 keeps 10 bits of a product: a Gram matrix would differ from PyTorch's in the third digit.
tf.config.experimental.enable_tensor_float_32_execution(False)


class Encoder(tf.Module):
    """VGG-19 up to the deepest layer asked for, frozen. `load_encoder` makes it."""

    def __init__(
        self,
        spec: encoders.Encoder,
        weights: encoders.Weights,
        layers: tuple[str, ...],
        pooling: str,
        precision: str = "float32",
        device: str = "cpu:0",
    ):
        super().__init__()
        self.spec, self.layers, self.pooling, self.precision, self.device = spec, layers, pooling, precision, device
        self.dtype = tf.as_dtype(precision)
        self.trunk = encoders.trunk(layers)
        with tf.device(device):
            self.factor, self.offset = (tf.constant(array) for array in encoders.input_transform(spec))
            self.filters = {layer: self._filters(layer, *weights[layer]) for layer in self.trunk}
        self.widths = {layer: len(weights[layer][1]) for layer in self.trunk}

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Activations after the ReLU.

        Args:
            images: `(B, H, W, 3)` RGB in 0..1; H and W at least 16.

        Returns:
            `{layer: (B, H', W', C)}` in the order asked for, in the encoder's precision.

        Raises:
            InputError: another shape.
        """
        activation, activations = self.preprocess(images), {}
        with tf.device(self.device):
            for layer in self.trunk:
                activation = activations[layer] = tf.nn.relu(self._convolve(layer, activation))
                if layer in encoders.POOL_AFTER and layer != self.trunk[-1]:
                    pool = tf.nn.max_pool2d if self.pooling == "max" else tf.nn.avg_pool2d
                    activation = pool(activation, 2, 2, "VALID")
            return {layer: tf.cast(activations[layer], self.dtype) for layer in self.layers}

    def _filters(self, layer: str, kernel: np.ndarray, bias: np.ndarray) -> tuple[Tensor, Tensor]:
        dtype = tf.float32 if layer in FINE else self.dtype
        return tf.cast(tf.constant(kernel.transpose(2, 3, 1, 0)), dtype), tf.cast(tf.constant(bias), dtype)  # (3, 3, I, O), (O,)

    def _convolve(self, layer: str, activation: Tensor) -> Tensor:
        kernel, bias = self.filters[layer]
        activation = tf.cast(activation, kernel.dtype)
        if self.spec.padding == "zeros":
            return tf.nn.bias_add(tf.nn.conv2d(activation, kernel, 1, "SAME"), bias)
        # SYMMETRIC by one pixel repeats the border pixel: PyTorch's 'replicate'
        padded = tf.pad(activation, ((0, 0), (1, 1), (1, 1), (0, 0)), "SYMMETRIC")
        return tf.nn.bias_add(tf.nn.conv2d(padded, kernel, 1, "VALID"), bias)

    def preprocess(self, images: Tensor) -> Tensor:
        """Images `(B, H, W, 3)` in 0..1 as the first layer takes them.

        Raises:
            InputError: another shape.
        """
        with tf.device(self.device):
            images = tf.cast(as_tensor(images, "images", "(B, H, W, 3)"), self.factor.dtype)
            return images * self.factor + self.offset


def load_encoder(
    name_or_spec: EncoderName,
    layers: "str | Iterable[str]",
    *,
    pooling: str | None = None,
    normalised: bool = False,
    device: str | None = None,
    precision: str = "float32",
) -> Encoder:
    """A frozen network that turns images into activations. The trunk stops at the deepest layer asked for.

    >>> encoder = sl.load_encoder("mini", ["conv1_1", "conv2_1"])
    >>> {layer: sl.to_array(activation).shape for layer, activation in encoder(sl.to_tensor(cat)).items()}
    {'conv1_1': (40, 60, 32), 'conv2_1': (20, 30, 96)}

    Args:
        name_or_spec: 'auto', 'mini', 'vgg19', 'vgg19-torchvision', 'random', a path, or a `stylelab.encoders.Encoder`.
        layers: such as ('conv1_1', 'conv4_2'), or one; other spellings are accepted, the paper's names are returned.
        pooling: 'max' or 'average'; by default the encoder's own.
        normalised: scale every filter to a mean activation of 1 (Gatys et al. 2015), unless it is already.
        device: 'cpu', 'gpu'; by default the fastest there is.
        precision: of filters and activations: 'float32', 'bfloat16', or 'auto' for what `find_precision` says.

    Returns:
        A callable: images `(B, H, W, 3)` in 0..1 -> `{layer: activation (B, H', W', C)}`.

    Raises:
        InputError: unknown encoder or layer, a layer that the file lacks, a corrupt file, unknown pooling or precision.
        MachineError: a GPU asked for by name that is not there.

    Source: Simonyan and Zisserman 2015 for the network, Gatys et al. 2015 for average pooling and normalisation.
    """
    spec = encoders.find_encoder(name_or_spec)
    names = encoders.check_layers(spec, layers)
    pooling = one_of("pooling", spec.pooling if pooling is None else pooling, ("max", "average"))
    device = find_device(device)
    precision = find_precision(precision, device)
    weights = encoders.read_weights(spec, names, normalised=normalised)
    return Encoder(spec, weights, names, pooling, precision, device)
