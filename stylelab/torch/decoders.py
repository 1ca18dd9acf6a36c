"""From an activation back to an image: the decoders of the embedded encoder, in PyTorch."""

import torch
from torch import Tensor
from torch.nn import functional as F

from stylelab.encoders import Weights
from stylelab.encoders.decoder import decoder_name, read_decoder
from stylelab.errors import InputError
from stylelab.torch.tensors import as_tensor, find_device


class Decoder(torch.nn.Module):
    """Convolutions that lead from one layer of the embedded encoder back to the image. `load_decoder` makes it."""

    def __init__(self, layer: str, weights: Weights):
        super().__init__()
        self.layer, self.names = layer, tuple(weights)
        self.kernels = torch.nn.ParameterDict({name: torch.from_numpy(kernel) for name, (kernel, _) in weights.items()})
        self.biases = torch.nn.ParameterDict({name: torch.from_numpy(bias) for name, (_, bias) in weights.items()})

    def forward(self, activation: Tensor) -> Tensor:
        """The images of an activation.

        Args:
            activation: `(B, C, H, W)` of the layer; H and W at least 2.

        Returns:
            `(B, 3, H', W')`, about 0..1 and not clipped, of the size that the encoder's poolings have halved.

        Raises:
            InputError: another shape, or as many channels as another layer has.
        """
        x = as_tensor(activation, "activation", "(B, C, H, W)")
        if x.shape[1] != (channels := self.kernels[self.names[0]].shape[1]) or min(x.shape[2:]) < 2:
            raise InputError(
                f"activation must be (B, {channels}, H, W) of {self.layer}, H and W at least 2; got {tuple(x.shape)}"
            )
        block = int(self.layer[4])
        for name in self.names:
            if int(name[5]) < block:  # from one block to the next the encoder halves: here double
                x, block = F.interpolate(x, scale_factor=2, mode="nearest"), block - 1
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.kernels[name], self.biases[name])
            x = x if name == self.names[-1] else F.relu(x)
        return x


def load_decoder(layer: str, *, device: "str | torch.device | None" = None) -> Decoder:
    """A frozen network that turns a layer's activation of the encoder 'mini' back into the image.

    >>> encoder, decoder = sl.load_encoder("mini", "conv1_1"), sl.load_decoder("conv1_1")
    >>> again = sl.to_image(decoder(encoder(sl.to_tensor(cat))["conv1_1"]))
    >>> bool(np.abs(again - cat).mean() < 0.03)
    True

    Args:
        layer: 'conv1_1', 'conv2_1' or 'conv3_1', in any spelling.
        device: 'cpu', 'cuda', 'mps'; by default the fastest there is.

    Returns:
        A callable: activation `(B, C, H, W)` -> images `(B, 3, H', W')`, about 0..1 and not clipped.

    Raises:
        InputError: a layer without a decoder, or a damaged file.
        MachineError: a GPU asked for by name that is not there.

    Source: ours, assets/decoders.md; mirrored encoders as in Li et al. 2017, with nearest-neighbour upsampling against lattices
        (Odena et al. 2016).
    """
    name = decoder_name(layer)
    return Decoder(name, read_decoder(name)).to(find_device(device)).eval().requires_grad_(False)
