"""The encoder in PyTorch: images in, named activations out."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylelab import encoders
from stylelab.base.values import one_of
from stylelab.encoders import EncoderName
from stylelab.run.numerics.precision import FINE
from stylelab.torch.engine.allocator import layout
from stylelab.torch.tensors import as_tensor, find_device, find_precision

# TensorFloat-32 keeps 10 bits of a product: a Gram matrix would differ from TensorFlow's in the third digit.
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False


class Encoder(torch.nn.Module):
    """VGG-19 up to the deepest layer asked for, frozen. `load_encoder` makes it."""

    factor: Tensor  # (1, 3, 1, 1), both: preprocessing
    offset: Tensor

    def __init__(
        self,
        spec: encoders.Encoder,
        weights: encoders.Weights,
        layers: tuple[str, ...],
        pooling: str,
        precision: str = "float32",
    ):
        super().__init__()
        self.spec, self.layers, self.pooling, self.precision = spec, layers, pooling, precision
        self.dtype = getattr(torch, precision)
        self.trunk = encoders.trunk(layers)
        factor, offset = encoders.input_transform(spec)
        self.register_buffer("factor", torch.from_numpy(factor).reshape(1, 3, 1, 1))
        self.register_buffer("offset", torch.from_numpy(offset).reshape(1, 3, 1, 1))
        self.widths = {layer: len(weights[layer][1]) for layer in self.trunk}
        for layer in self.trunk:
            dtype = torch.float32 if layer in FINE else self.dtype
            kernel, bias = (torch.from_numpy(np.array(array)).to(dtype) for array in weights[layer])  # (O, I, 3, 3), (O,)
            self.register_buffer(f"{layer}_kernel", kernel.contiguous(memory_format=torch.channels_last))
            self.register_buffer(f"{layer}_bias", bias)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Activations after the ReLU.

        Args:
            images: `(B, 3, H, W)` RGB in 0..1; H and W at least 16.

        Returns:
            `{layer: (B, C, H', W')}` in the order asked for, in the encoder's precision.

        Raises:
            InputError: another shape.
        """
        activation = self.preprocess(images).contiguous(memory_format=layout(images.device))
        activations = {}
        for layer in self.trunk:
            activation = activations[layer] = F.relu(self._convolve(layer, activation))
            if layer in encoders.POOL_AFTER and layer != self.trunk[-1]:
                pool = F.max_pool2d if self.pooling == "max" else F.avg_pool2d
                activation = pool(activation, 2)
        return {layer: activations[layer].to(self.dtype) for layer in self.layers}

    def _convolve(self, layer: str, activation: Tensor) -> Tensor:
        kernel, bias = getattr(self, f"{layer}_kernel"), getattr(self, f"{layer}_bias")
        activation = activation.to(kernel.dtype)
        if self.spec.padding == "zeros":
            return F.conv2d(activation, kernel, bias, padding=1)
        return F.conv2d(F.pad(activation, (1, 1, 1, 1), mode="replicate"), kernel, bias)

    def preprocess(self, images: Tensor) -> Tensor:
        """Images `(B, 3, H, W)` in 0..1 as the first layer takes them.

        Raises:
            InputError: another shape.
        """
        images = as_tensor(images, "images", "(B, 3, H, W)")
        return images * self.factor + self.offset

    @property
    def filters(self) -> dict[str, tuple[Tensor, Tensor]]:
        """`{layer: (kernel (O, I, 3, 3), bias (O,))}` of the trunk, in order."""
        return {layer: (getattr(self, f"{layer}_kernel"), getattr(self, f"{layer}_bias")) for layer in self.trunk}


def load_encoder(
    name_or_spec: EncoderName,
    layers: "str | Iterable[str]",
    *,
    pooling: str | None = None,
    normalised: bool = False,
    device: "str | torch.device | None" = None,
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
        device: 'cpu', 'cuda', 'mps'; by default the fastest there is.
        precision: of filters and activations: 'float32', 'bfloat16', or 'auto' for what `find_precision` says.

    Returns:
        A callable: images `(B, 3, H, W)` in 0..1 -> `{layer: activation (B, C, H', W')}`.

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
    return Encoder(spec, weights, names, pooling, precision).to(device).to(memory_format=layout(device)).eval()
