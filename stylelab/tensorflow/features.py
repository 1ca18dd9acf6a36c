"""The encoder in TensorFlow: pictures in, named activations out."""

from collections.abc import Iterable

import tensorflow as tf
from tensorflow import Tensor

from stylelab import encoders
from stylelab.errors import InputError, MachineError, unknown

# TensorFloat-32 keeps 10 bits of a product: a Gram matrix would differ from PyTorch's in the third digit.
tf.config.experimental.enable_tensor_float_32_execution(False)

DEVICES = ("cpu", "gpu", "cuda", "mps")


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


class Encoder(tf.Module):
    """VGG-19 up to the deepest layer asked for, frozen. Made by `load_encoder`."""

    def __init__(
        self,
        spec: encoders.Encoder,
        weights: encoders.Weights,
        layers: tuple[str, ...],
        pooling: str,
        device: str = "cpu:0",
    ):
        super().__init__()
        self.spec, self.layers, self.pooling, self.device = spec, layers, pooling, device
        self.trunk = encoders.trunk(layers)
        with tf.device(device):
            self.factor, self.offset = (tf.constant(array) for array in encoders.input_transform(spec))
            self.kernels = {layer: tf.constant(weights[layer][0].transpose(2, 3, 1, 0)) for layer in self.trunk}
            self.biases = {layer: tf.constant(weights[layer][1]) for layer in self.trunk}

    def __call__(self, pictures: Tensor) -> dict[str, Tensor]:
        """Activations after the ReLU.

        Args:
            pictures: `(B, H, W, 3)` RGB in 0..1; H and W at least 16.

        Returns:
            `{layer: (B, H', W', C)}` in the order asked for, float32.

        Raises:
            InputError: another shape.
        """
        pictures = tf.convert_to_tensor(pictures)
        if len(pictures.shape) != 4 or pictures.shape[3] != 3:
            raise InputError(f"pictures must be (B, H, W, 3); got {tuple(pictures.shape)}")
        activation, activations = pictures * self.factor + self.offset, {}
        for layer in self.trunk:
            activation = activations[layer] = tf.nn.relu(self._convolve(layer, activation))
            if layer in encoders.POOL_AFTER and layer != self.trunk[-1]:
                pool = tf.nn.max_pool2d if self.pooling == "max" else tf.nn.avg_pool2d
                activation = pool(activation, 2, 2, "VALID")
        return {layer: activations[layer] for layer in self.layers}

    def _convolve(self, layer: str, activation: Tensor) -> Tensor:
        # SYMMETRIC by one pixel repeats the border pixel: PyTorch's 'replicate'
        mode = "CONSTANT" if self.spec.padding == "zeros" else "SYMMETRIC"
        padded = tf.pad(activation, ((0, 0), (1, 1), (1, 1), (0, 0)), mode)
        return tf.nn.conv2d(padded, self.kernels[layer], 1, "VALID") + self.biases[layer]


def load_encoder(
    name_or_spec: "str | encoders.Encoder",
    layers: Iterable[str],
    *,
    pooling: str | None = None,
    normalised: bool = False,
    device: str | None = None,
) -> Encoder:
    """A frozen network that turns pictures into activations. The trunk stops at the deepest layer asked for.

    Args:
        name_or_spec: 'auto', 'mini', 'vgg19', 'vgg19-torchvision', 'random', a path, or a `stylelab.encoders.Encoder`.
        layers: such as ('conv1_1', 'conv4_2'); other spellings are accepted, the paper's names are returned.
        pooling: 'max' or 'average'; by default the encoder's own.
        normalised: scale every filter to a mean activation of 1 (Gatys et al. 2015), unless it is already.
        device: 'cpu', 'gpu'; by default the fastest there is.

    Returns:
        A callable: pictures `(B, H, W, 3)` in 0..1 -> `{layer: activation (B, H', W', C)}`.

    Raises:
        InputError: unknown encoder or layer, a layer that the file lacks, a corrupt file, unknown pooling.
        MachineError: a GPU asked for by name that is not there.

    Source: Simonyan and Zisserman 2015 for the network, Gatys et al. 2015 for average pooling and normalisation.
    """
    spec = encoders.find_encoder(name_or_spec)
    names = encoders.check_layers(spec, layers)
    pooling = pooling or spec.pooling
    if pooling not in ("max", "average"):
        raise unknown("pooling", pooling, ("max", "average"))
    weights = encoders.read_weights(spec, names, normalised=normalised)
    return Encoder(spec, weights, names, pooling, find_device(device))
