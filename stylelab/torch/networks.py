"""Networks that paint in one pass, in PyTorch. `stylelab.networks` describes them, and says what a code is.

Activations are `(B, C, H, W)`, images `(B, 3, H, W)` in 0..1, codes `(B, N)`.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylelab import images as pictures
from stylelab.base.values import check_axes, numbers
from stylelab.errors import InputError
from stylelab.images import Source
from stylelab.networks import EPSILON, STYLE_LAYERS, Network, Shape, Weights, colours_of, fit_size, load_weights, mix
from stylelab.networks.file import READER, check_style
from stylelab.networks.spec import BAND, COLOURS, TWICE, read_size
from stylelab.torch.features import Encoder, load_encoder
from stylelab.torch.tensors import as_tensor, find_device, to_image, to_tensor


def instance_norm(activation: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Each image's filters brought to mean 0 and variance 1, one by one.

    >>> normalised = sl.to_array(sl.instance_norm(sl.to_tensor(cat)))
    >>> print(f"{abs(normalised.mean()):.3f} {normalised.std():.3f}")
    0.000 1.000

    Args:
        activation: `(B, C, H, W)`.
        epsilon: added to the variance, which is divided by the number of positions.

    Returns:
        `(B, C, H, W)`; brightness and contrast of the activation no longer matter.

    Raises:
        InputError: not four dimensions.

    Source: Ulyanov, Vedaldi and Lempitsky 2016.
    """
    activation = as_tensor(activation, "activation", "(B, C, H, W)")
    centred = activation - activation.mean((2, 3), keepdim=True)
    return centred * (centred.square().mean((2, 3), keepdim=True) + epsilon).rsqrt()


def conditional_instance_norm(activation: Tensor, gain: Tensor, bias: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Each image's filters brought to a style's means and deviations, one by one.

    >>> image = sl.to_tensor(cat)
    >>> import torch
    >>> grey = sl.conditional_instance_norm(image, torch.zeros(1, 3), torch.full((1, 3), 0.5))
    >>> float(grey.min()), float(grey.max())
    (0.5, 0.5)

    Args:
        activation: `(B, C, H, W)`.
        gain: `(B, C)`, the deviations.
        bias: `(B, C)`, the means.
        epsilon: as for `instance_norm`.

    Returns:
        `(B, C, H, W)`: `gain * instance_norm(activation) + bias`.

    Raises:
        InputError: not four dimensions, or not a gain and a bias for every filter.

    Source: Dumoulin, Shlens and Kudlur 2017, equation 5.
    """
    activation = as_tensor(activation, "activation", "(B, C, H, W)")
    for name, given in (("gain", gain), ("bias", bias)):
        if tuple(given.shape) not in (tuple(activation.shape[:2]), (1, activation.shape[1])):
            raise InputError(f"{name} must be {tuple(activation.shape[:2])}, a number for each filter; got {tuple(given.shape)}")
    # as `instance_norm`, but in one pass; `F.group_norm` refuses an activation of one position
    normalised = torch.group_norm(activation, activation.shape[1], eps=epsilon)
    return torch.addcmul(bias[:, :, None, None], normalised, gain[:, :, None, None])


class Painter(torch.nn.Module):
    """A network that paints in one pass. `load_network` makes it."""

    def __init__(self, network: Network, weights: Weights):
        super().__init__()
        self.network, self.weights, self.shape = network, weights, network.shape
        kernels = {name: torch.tensor(weights[f"{name}.weight"]) for name in self.shape.convolutions}
        self.kernels = torch.nn.ParameterDict(kernels)

    def forward(self, images: Tensor, code: Tensor, field: Tensor | None = None) -> Tensor:
        """Paint images.

        Args:
            images: `(B, 3, H, W)` in 0..1; H and W multiples of `shape.multiple`. `paint` takes any size.
            code: `(B, N)` or `(1, N)`, of the styles.
            field: from `waves`; by default those that begin at 0, 0.

        Returns:
            `(B, 3, H, W)`, where colours beyond 0..1 are not yet clipped.

        Raises:
            InputError: another shape, or not a code for each image.
        """
        images, code = as_tensor(images, "images", "(B, 3, H, W)"), as_tensor(code, "code", f"(B, {self.shape.code})")
        batch, _, height, width = images.shape
        self.shape.check(batch, height, width, len(code))
        field = waves(self.shape, height, width).to(images.device) if field is None else field
        x = F.pixel_unshuffle(images - 0.5, self.shape.fold)  # (B, 3 fold^2, H / fold, W / fold)
        x = torch.cat([x, field.expand(batch, -1, -1, -1)], 1).contiguous(memory_format=torch.channels_last)  # a third faster
        x = F.relu(self._convolve("first", x, code))
        for i in range(1, len(self.shape.widths)):
            x = F.relu(self._convolve(f"down{i}", x, code, stride=2))
        for i in range(1, self.shape.blocks + 1):
            x = x + self._convolve(f"block{i}b", F.relu(self._convolve(f"block{i}a", x, code)), code)
        for i in range(len(self.shape.widths) - 1, 0, -1):
            x = F.relu(self._convolve(f"up{i}", x, code))
        x = F.pixel_shuffle(self._convolve("last", x, code), self.shape.fold)  # (B, 3, H, W)
        return colour(smooth(x) if self.shape.fold > 1 else x, code[:, -COLOURS:])

    def _convolve(self, name: str, x: Tensor, code: Tensor, stride: int = 1) -> Tensor:
        kernel = self.kernels[name]
        x = convolve_twice(x, kernel) if name.startswith("up") else convolve(x, kernel, stride)
        if name not in self.shape.spans:
            return x
        gains, biases = self.shape.spans[name]
        return conditional_instance_norm(x, code[:, gains], code[:, biases])

    @torch.no_grad()
    def paint(self, image: np.ndarray, code: np.ndarray) -> np.ndarray:
        """Paint one image of any size.

        Args:
            image: `(H, W, 3)` in 0..1.
            code: `(N,)`, from `code`.

        Returns:
            `(H, W, 3)` float32 in 0..1.

        Raises:
            InputError: another shape.
        """
        image, code = np.asarray(image), numbers(code, "code")
        check_axes(image.shape, "image", "(H, W, 3)")
        check_axes(code.shape, "code", f"({self.shape.code})")
        height, width = image.shape[:2]
        device = self.kernels["first"].device
        whole = to_tensor(fit_size(image, self.shape.multiple), device)
        painted = self(whole, torch.from_numpy(code)[None].to(device))
        return to_image(painted[:, :, :height, :width])

    @torch.no_grad()
    def code(self, styles: "Source | Sequence[Source]", blend: "Sequence[float] | None" = None) -> np.ndarray:
        """The code of a style, or of a mixture of several.

        Args:
            styles: names that the network has learned; for one that reads any style, also paths, PIL images or arrays.
            blend: weights of several styles; by default equal.

        Returns:
            `(N,)` float32.

        Raises:
            InputError: a style that the network has not learned, an image that cannot be read, or wrong weights.
        """
        given: list[Any] = list(styles) if isinstance(styles, list | tuple) else [styles]
        if self.network.styles:
            known = [self.network.styles.index(check_style(self.network, style)) for style in given]
            return mix(list(self.weights["codes"][known]), blend)
        return mix([self._read(pictures.open_image(style)) for style in given], blend)

    def _read(self, style: np.ndarray) -> np.ndarray:
        device = self.kernels["first"].device
        image = pictures.resize(style, read_size(style))
        x = style_numbers(load_encoder("mini", STYLE_LAYERS, device=device), to_tensor(image, device))
        for name in READER:
            weight, bias = (torch.tensor(self.weights[f"{name}.{part}"], device=device) for part in ("weight", "bias"))
            x = x @ weight.T + bias
            x = F.relu(x) if name == "hidden" else x
        return np.concatenate([x[0].cpu().numpy(), colours_of(image)])


def style_numbers(encoder: Encoder, images: Tensor) -> Tensor:
    """What a network that paints any style sees of the style image: the two numbers of AdaIN for each filter of the encoder.

    Args:
        encoder: must give `STYLE_LAYERS`.
        images: `(B, 3, H, W)` in 0..1.

    Returns:
        `(B, 1120)`: log(1 + mean) and log(1 + deviation) of each filter of `STYLE_LAYERS`, layer by layer.
    """
    moments = []
    for activation in encoder(images).values():
        moments += [activation.mean((2, 3)), activation.std((2, 3), correction=0)]
    return torch.cat(moments, 1).log1p()


def waves(shape: Shape, height: int, width: int, start: tuple[float, float] = (0, 0)) -> Tensor:
    """The waves that a network sees besides an image of this size: `(1, N, height / fold, width / fold)`."""
    rows, columns = map(torch.from_numpy, shape.waves_along(height, width, start))
    return (rows @ columns)[None]


def convolve(x: Tensor, kernel: Tensor, stride: int = 1, unfold: int = 1, band: int = BAND) -> Tensor:
    """A convolution with mirrored borders; of a large activation in bands of rows, which saves memory.

    Args:
        x: `(B, I, H, W)`.
        kernel: `(O, I, K, K)`.
        stride: of the kernel.
        unfold: each position of the result becomes a square of that many, with fewer filters.
        band: how many positions the padded copies may have.

    Returns:
        `(B, O / unfold^2, unfold ceil(H / stride), unfold ceil(W / stride))`.
    """
    border, (height, width) = kernel.shape[-1] // 2, x.shape[2:]
    count = -(-height // stride)
    rows, bands = max(1, band // (width * stride)), []
    for top in range(0, count, rows):
        first, end = top * stride - border, (min(top + rows, count) - 1) * stride + border + 1
        start, stop = max(first, 0), min(end, height)
        part = F.pad(x[:, :, start:stop], (border, border, start - first, end - stop), mode="reflect")
        part = F.conv2d(part, kernel, stride=stride)
        bands.append(F.pixel_shuffle(part, unfold) if unfold > 1 else part)
    return torch.cat(bands, 2) if len(bands) > 1 else bands[0]


def convolve_twice(x: Tensor, kernel: Tensor, band: int = BAND) -> Tensor:
    """A convolution of an activation made twice as large, bilinearly, which leaves no lattice, without making it larger first.

    Args:
        x: `(B, I, H, W)`.
        kernel: `(O, I, 3, 3)`, for the larger activation.
        band: as for `convolve`.

    Returns:
        `(B, O, 2 H, 2 W)`.
    """
    twice = torch.from_numpy(TWICE).to(kernel)
    four = torch.einsum("ark,bsl,oikl->oabirs", twice, twice, kernel)  # filters for even and odd rows and columns
    return convolve(x, four.reshape(-1, *kernel.shape[1:]), unfold=2, band=band)


def smooth(x: Tensor) -> Tensor:
    """Blurred by 1-2-1 in both directions, which leaves nothing of the lattice of unfolded pixels."""
    weights = torch.tensor([1.0, 2.0, 1.0], device=x.device) / 4
    kernel = (weights[:, None] * weights).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, groups=x.shape[1])


def colour(x: Tensor, numbers: Tensor) -> Tensor:
    """Three channels brought to the mean colour of a style, and to its covariance if they are not correlated.

    Args:
        x: `(B, 3, H, W)`.
        numbers: `(B, 12)`, of `stylelab.networks.colours_of`.
    """
    matrix, mean = numbers[:, :9].reshape(-1, 3, 3), numbers[:, 9:]
    batch, _, height, width = x.shape
    mixed = matrix @ instance_norm(x).flatten(2)
    return mixed.reshape(batch, 3, height, width) + mean[:, :, None, None]


def load_network(name: "str | os.PathLike[str] | Network", *, device: "str | torch.device | None" = None) -> Painter:
    """A network that paints in one pass.

    >>> painter = sl.load_network("six")
    >>> painter.paint(cat, painter.code(["brushstrokes", "fluid"], blend=[0.7, 0.3])).shape
    (40, 60, 3)

    Args:
        name: 'six' for the six built-in styles, 'any' for any style image, or the path of a file that `stylelab train` wrote.
        device: 'cpu', 'cuda', 'mps'; by default the fastest there is.

    Returns:
        A callable, images `(B, 3, H, W)` and codes -> images; its `paint` takes an array of any size.

    Raises:
        InputError: an unknown name, no such file, or a damaged one.
        MachineError: a GPU asked for by name that is not there.

    Source: Johnson et al. 2016; Dumoulin et al. 2017; for 'any' Ghiasi et al. 2017.
    """
    return Painter(*load_weights(name)).to(find_device(device)).eval().requires_grad_(False)
