"""From an activation back to an image: the decoders of the embedded encoder, in TensorFlow."""

import tensorflow as tf
from tensorflow import Tensor

from stylelab.encoders import Weights
from stylelab.encoders.decoder import decoder_name, read_decoder
from stylelab.errors import InputError
from stylelab.tensorflow.tensors import as_tensor, find_device


class Decoder(tf.Module):
    """Convolutions that lead from one layer of the embedded encoder back to the image. `load_decoder` makes it."""

    def __init__(self, layer: str, weights: Weights, device: str = "cpu:0"):
        super().__init__()
        self.layer, self.names, self.device = layer, tuple(weights), device
        with tf.device(device):
            self.kernels = {name: tf.constant(kernel.transpose(2, 3, 1, 0)) for name, (kernel, _) in weights.items()}
            self.biases = {name: tf.constant(bias) for name, (_, bias) in weights.items()}

    def __call__(self, activation: Tensor) -> Tensor:
        """The images of an activation.

        Args:
            activation: `(B, H, W, C)` of the layer; H and W at least 2.

        Returns:
            `(B, H', W', 3)`, about 0..1 and not clipped, of the size that the encoder's poolings have halved.

        Raises:
            InputError: another shape, or as many channels as another layer has.
        """
        x = as_tensor(activation, "activation", "(B, H, W, C)")
        if x.shape[3] != (channels := self.kernels[self.names[0]].shape[2]) or min(x.shape[1:3]) < 2:
            raise InputError(
                f"activation must be (B, H, W, {channels}) of {self.layer}, H and W at least 2; got {tuple(x.shape)}"
            )
        block = int(self.layer[4])
        with tf.device(self.device):
            for name in self.names:
                if int(name[5]) < block:  # from one block to the next the encoder halves: here double
                    x, block = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2), block - 1
                padded = tf.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "REFLECT")
                x = tf.nn.bias_add(tf.nn.conv2d(padded, self.kernels[name], 1, "VALID"), self.biases[name])
                x = x if name == self.names[-1] else tf.nn.relu(x)
            return x


def load_decoder(layer: str, *, device: str | None = None) -> Decoder:
    """A frozen network that turns a layer's activation of the encoder 'mini' back into the image.

    >>> encoder, decoder = sl.load_encoder("mini", "conv1_1"), sl.load_decoder("conv1_1")
    >>> again = sl.to_image(decoder(encoder(sl.to_tensor(cat))["conv1_1"]))
    >>> bool(np.abs(again - cat).mean() < 0.03)
    True

    Args:
        layer: 'conv1_1', 'conv2_1' or 'conv3_1', in any spelling.
        device: 'cpu', 'gpu'; by default the fastest there is.

    Returns:
        A callable: activation `(B, H, W, C)` -> images `(B, H', W', 3)`, about 0..1 and not clipped.

    Raises:
        InputError: a layer without a decoder, or a damaged file.
        MachineError: a GPU asked for by name that is not there.

    Source: ours, assets/decoders.md; mirrored encoders as in Li et al. 2017, with nearest-neighbour upsampling against lattices
        (Odena et al. 2016).
    """
    name = decoder_name(layer)
    return Decoder(name, read_decoder(name), find_device(device))
