"""The encoder in TensorFlow: images in, named activations out."""

from collections.abc import Callable, Iterable
from functools import cached_property

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab import encoders
from stylelab.encoders import EncoderName
from stylelab.errors import InputError, MachineError, unknown
from stylelab.run.numerics.precision import FINE, check_precision, cpu_has_bfloat16
from stylelab.tensorflow.engine.passes import Trunk, raw_gram

# TensorFloat-32 keeps 10 bits of a product: a Gram matrix would differ from PyTorch's in the third digit.
tf.config.experimental.enable_tensor_float_32_execution(False)

DEVICES = ("cpu", "gpu", "cuda", "mps")
LARGE = 128 * 96  # pixels from which bfloat16 was seen to gain


def find_device(name: str | None = None) -> str:
    """The device of that name, or the fastest there is.

    Args:
        name: 'cpu', 'gpu', 'gpu:1', or 'cuda' and 'mps' as in PyTorch, which mean the same as 'gpu' here; None for a
            GPU, else the CPU.

    Returns:
        TensorFlow's name of it, such as 'gpu:0'.

    Raises:
        InputError: not the name of a device.
        MachineError: a GPU asked for by name that is not there.

    Source: ours.
    """
    gpus = len(tf.config.list_logical_devices("GPU"))
    if name is None:
        return "gpu:0" if gpus else "cpu:0"
    kind, _, index = str(name).partition(":")
    if kind not in DEVICES or not (index or "0").isdigit():
        raise unknown("device", name, DEVICES)
    if kind == "cpu":
        return "cpu:0"
    if int(index or 0) >= gpus:
        raise MachineError(f"no '{name}' on this machine: leave the device out, or choose 'cpu'")
    return f"gpu:{int(index or 0)}"


def find_precision(name: str, device: str | None = None, pixels: int | None = None) -> str:
    """What 'auto' comes to on a device: bfloat16 where it multiplies that faster and the image is large enough to gain.

    Args:
        name: 'auto', 'float32' or 'bfloat16'; the last two are returned as they are.
        device: as for `load_encoder`.
        pixels: of the image, height times width; None for a large one.

    Returns:
        'float32' or 'bfloat16'.

    Raises:
        InputError: another name.
        MachineError: a GPU asked for by name that is not there.

    Source: ours; the figures are in docs/speed.md.
    """
    if check_precision(name) != "auto":
        return name
    kind, _, index = find_device(device).partition(":")
    if kind == "gpu":
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[int(index)])
        fast = details.get("compute_capability", (0, 0)) >= (8, 0)  # Ampere
    else:
        fast = cpu_has_bfloat16()
    return "bfloat16" if fast and (pixels is None or pixels >= LARGE) else "float32"


class Encoder(tf.Module):
    """VGG-19 up to the deepest layer asked for, frozen. Made by `load_encoder`."""

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
        activation, activations = self._enter(images), {}
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

    def look(self, images: Tensor, content: Iterable[str], style: Iterable[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What a loss needs, in one pass: activations of some layers, raw Gram matrices of others. Faster than `__call__`,
        and its gradient takes half of the memory.

        Args:
            images: `(B, H, W, 3)` RGB in 0..1.
            content, style: layers, by the paper's names, of those that the encoder was loaded with.

        Returns:
            `{layer: activation (B, H', W', C)}` of `content` in the encoder's precision, `{layer: F^T F (B, C, C)}` of
            `style` in float32.

        Raises:
            InputError: another shape.
        """
        content, style = tuple(content), tuple(style)

        @tf.custom_gradient
        def passes(entered: Tensor) -> tuple[list[Tensor], Callable]:
            kept = self._passes.forward(entered)
            answers = [kept.activations[layer] for layer in content] + [raw_gram(kept.activations[layer]) for layer in style]

            def backward(*gradients: Tensor) -> Tensor:
                of_activations = dict(zip(content, gradients[: len(content)], strict=True))
                of_grams = dict(zip(style, gradients[len(content) :], strict=True))
                return self._passes.backward(kept, of_activations, of_grams)

            return answers, backward

        answers = passes(self._enter(images))
        return dict(zip(content, answers[: len(content)], strict=True)), dict(zip(style, answers[len(content) :], strict=True))

    @cached_property
    def _passes(self) -> Trunk:
        return Trunk(self.filters, padding=self.spec.padding, pooling=self.pooling, dtype=self.dtype)

    def _enter(self, images: Tensor) -> Tensor:
        images = tf.convert_to_tensor(images)
        if len(images.shape) != 4 or images.shape[3] != 3:
            raise InputError(f"images must be (B, H, W, 3); got {tuple(images.shape)}")
        return images * self.factor + self.offset


def load_encoder(
    name_or_spec: EncoderName,
    layers: Iterable[str],
    *,
    pooling: str | None = None,
    normalised: bool = False,
    device: str | None = None,
    precision: str = "float32",
) -> Encoder:
    """A frozen network that turns images into activations. The trunk stops at the deepest layer asked for.

    Args:
        name_or_spec: 'auto', 'mini', 'vgg19', 'vgg19-torchvision', 'random', a path, or a `stylelab.encoders.Encoder`.
        layers: such as ('conv1_1', 'conv4_2'); other spellings are accepted, the paper's names are returned.
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
    pooling = pooling or spec.pooling
    if pooling not in ("max", "average"):
        raise unknown("pooling", pooling, ("max", "average"))
    device = find_device(device)
    precision = find_precision(precision, device)
    weights = encoders.read_weights(spec, names, normalised=normalised)
    return Encoder(spec, weights, names, pooling, precision, device)
