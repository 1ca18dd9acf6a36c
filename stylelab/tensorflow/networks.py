"""Networks that paint in one pass, in TensorFlow. `stylelab.networks` describes them, and says what a code is.

Activations are `(B, H, W, C)`, images `(B, H, W, 3)` in 0..1, codes `(B, N)`.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab import images as pictures
from stylelab.base.values import check_axes, numbers
from stylelab.errors import InputError
from stylelab.images import Source
from stylelab.networks import EPSILON, STYLE_LAYERS, Network, Shape, Weights, colours_of, fit_size, load_weights, mix
from stylelab.networks.file import READER, check_style
from stylelab.networks.spec import BAND, COLOURS, TWICE, read_size
from stylelab.tensorflow.engine.graph import compiled
from stylelab.tensorflow.features import Encoder, load_encoder
from stylelab.tensorflow.tensors import as_tensor, find_device, to_image, to_tensor

LARGE = 2**21  # pixels of an image from which it is painted in bands


def instance_norm(activation: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Each image's filters brought to mean 0 and variance 1, one by one.

    >>> normalised = sl.to_array(sl.instance_norm(sl.to_tensor(cat)))
    >>> print(f"{abs(normalised.mean()):.3f} {normalised.std():.3f}")
    0.000 1.000

    Args:
        activation: `(B, H, W, C)`.
        epsilon: added to the variance, which is divided by the number of positions.

    Returns:
        `(B, H, W, C)`; brightness and contrast of the activation no longer matter.

    Raises:
        InputError: not four dimensions.

    Source: Ulyanov, Vedaldi and Lempitsky 2016.
    """
    activation = as_tensor(activation, "activation", "(B, H, W, C)")
    centred = activation - tf.reduce_mean(activation, (1, 2), keepdims=True)
    return centred * tf.math.rsqrt(tf.reduce_mean(tf.square(centred), (1, 2), keepdims=True) + epsilon)


def conditional_instance_norm(activation: Tensor, gain: Tensor, bias: Tensor, epsilon: float = EPSILON) -> Tensor:
    """Each image's filters brought to a style's means and deviations, one by one.

    >>> image = sl.to_tensor(cat)
    >>> import tensorflow as tf
    >>> grey = sl.conditional_instance_norm(image, tf.zeros((1, 3)), tf.fill((1, 3), 0.5))
    >>> float(tf.reduce_min(grey)), float(tf.reduce_max(grey))
    (0.5, 0.5)

    Args:
        activation: `(B, H, W, C)`.
        gain: `(B, C)`, the deviations.
        bias: `(B, C)`, the means.
        epsilon: as for `instance_norm`.

    Returns:
        `(B, H, W, C)`: `gain * instance_norm(activation) + bias`.

    Raises:
        InputError: not four dimensions, or not a gain and a bias for every filter.

    Source: Dumoulin, Shlens and Kudlur 2017, equation 5.
    """
    activation = as_tensor(activation, "activation", "(B, H, W, C)")
    gain, bias = as_tensor(gain, "gain"), as_tensor(bias, "bias")
    batch, channels = activation.shape[0], activation.shape[-1]
    for name, given in (("gain", gain), ("bias", bias)):
        if tuple(given.shape) not in ((batch, channels), (1, channels)):
            raise InputError(f"{name} must be {(batch, channels)}, a number for each filter; got {tuple(given.shape)}")
    mean = tf.reduce_mean(activation, (1, 2), keepdims=True)
    variance = tf.reduce_mean(tf.square(activation - mean), (1, 2), keepdims=True)
    factor = gain[:, None, None] * tf.math.rsqrt(variance + epsilon)
    return activation * factor + (bias[:, None, None] - mean * factor)


class Painter(tf.Module):
    """A network that paints in one pass. `load_network` makes it."""

    def __init__(self, network: Network, weights: Weights, device: str = "cpu:0", trainable: bool = False):
        super().__init__()
        self.network, self.weights, self.shape, self.device = network, weights, network.shape, device
        with tf.device(device):
            kernels = {name: weights[f"{name}.weight"].transpose(2, 3, 1, 0) for name in self.shape.convolutions}
            self.kernels = {name: tf.Variable(kernel, trainable=trainable) for name, kernel in kernels.items()}  # (3, 3, I, O)
        # a colour's pixels are neighbours in the file, and a pixel's colours are in TensorFlow
        self.order = np.arange(3 * self.shape.fold**2).reshape(3, -1).T.ravel()
        shapes = (1, None, None, 3), (1, self.shape.code), (1, None, None, len(self.shape.waves))
        self._painted = compiled(self._paint, [tf.TensorSpec(shape) for shape in shapes])

    def __call__(self, images: Tensor, code: Tensor, field: Tensor | None = None) -> Tensor:
        """Paint images.

        Args:
            images: `(B, H, W, 3)` in 0..1; H and W multiples of `shape.multiple`. `paint` takes any size.
            code: `(B, N)` or `(1, N)`, of the styles.
            field: from `waves`; by default those that begin at 0, 0.

        Returns:
            `(B, H, W, 3)`, where colours beyond 0..1 are not yet clipped.

        Raises:
            InputError: another shape, or not a code for each image.
        """
        images, code = as_tensor(images, "images", "(B, H, W, 3)"), as_tensor(code, "code", f"(B, {self.shape.code})")
        batch, height, width, _ = images.shape
        self.shape.check(batch, height, width, code.shape[0])
        with tf.device(self.device):
            return self._paint(images, code, waves(self.shape, height, width) if field is None else field)

    def _paint(self, images: Tensor, code: Tensor, field: Tensor) -> Tensor:
        x = images - 0.5
        if self.shape.fold > 1:
            x = tf.nn.space_to_depth(x, self.shape.fold)  # (B, H / fold, W / fold, 3 fold^2)
        x = tf.concat([x, tf.repeat(field, tf.shape(x)[0], 0)], -1)
        x = tf.nn.relu(self._convolve("first", x, code))
        for i in range(1, len(self.shape.widths)):
            x = tf.nn.relu(self._convolve(f"down{i}", x, code, stride=2))
        for i in range(1, self.shape.blocks + 1):
            x = x + self._convolve(f"block{i}b", tf.nn.relu(self._convolve(f"block{i}a", x, code)), code)
        for i in range(len(self.shape.widths) - 1, 0, -1):
            x = tf.nn.relu(self._convolve(f"up{i}", x, code))
        x = self._convolve("last", x, code)
        if self.shape.fold > 1:
            x = smooth(tf.nn.depth_to_space(x, self.shape.fold))  # (B, H, W, 3)
        return colour(x, code[:, -COLOURS:])

    def _convolve(self, name: str, x: Tensor, code: Tensor, stride: int = 1) -> Tensor:
        kernel = tf.convert_to_tensor(self.kernels[name])
        if name in ("first", "last"):
            order = [*self.order, *range(len(self.order), kernel.shape[2])] if name == "first" else self.order
            kernel = tf.gather(kernel, order, axis=2 if name == "first" else 3)
        x = convolve_twice(x, kernel) if name.startswith("up") else convolve(x, kernel, stride)
        if name not in self.shape.spans:
            return x
        gains, biases = self.shape.spans[name]
        return conditional_instance_norm(x, code[:, gains], code[:, biases])

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
        paint = self._painted if height * width <= LARGE else self._paint  # a graph would hold all bands at once
        with tf.device(self.device):
            whole = to_tensor(fit_size(image, self.shape.multiple), self.device)
            painted = paint(whole, tf.constant(code[None]), waves(self.shape, *whole.shape[1:3]))
            return to_image(painted[:, :height, :width])

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
        image = pictures.resize(style, read_size(style))
        with tf.device(self.device):
            x = style_numbers(load_encoder("mini", STYLE_LAYERS, device=self.device), to_tensor(image, self.device))
            for name in READER:
                weight, bias = (self.weights[f"{name}.{part}"] for part in ("weight", "bias"))
                x = tf.matmul(x, weight, transpose_b=True) + bias
                x = tf.nn.relu(x) if name == "hidden" else x
        return np.concatenate([*x.numpy(), colours_of(image)])


def style_numbers(encoder: Encoder, images: Tensor) -> Tensor:
    """What a network that paints any style sees of the style image: the two numbers of AdaIN for each filter of the encoder.

    Args:
        encoder: must give `STYLE_LAYERS`.
        images: `(B, H, W, 3)` in 0..1.

    Returns:
        `(B, 1120)`: log(1 + mean) and log(1 + deviation) of each filter of `STYLE_LAYERS`, layer by layer.
    """
    moments = []
    for activation in encoder(images).values():
        moments += [tf.reduce_mean(activation, (1, 2)), tf.math.reduce_std(activation, (1, 2))]
    return tf.math.log1p(tf.concat(moments, 1))


def waves(shape: Shape, height: int, width: int, start: tuple[float, float] = (0, 0)) -> Tensor:
    """The waves that a network sees besides an image of this size: `(1, height / fold, width / fold, N)`."""
    rows, columns = shape.waves_along(height, width, start)
    return tf.transpose(tf.matmul(rows, columns), (1, 2, 0))[None]


def convolve(x: Tensor, kernel: Tensor, stride: int = 1, unfold: int = 1, band: int = BAND) -> Tensor:
    """A convolution with mirrored borders; of a large activation in bands of rows, which saves memory.

    Args:
        x: `(B, H, W, I)`. In a graph that does not know its size there is one band.
        kernel: `(K, K, I, O)`.
        stride: of the kernel.
        unfold: each position of the result becomes a square of that many, with fewer filters.
        band: how many positions the padded copies may have.

    Returns:
        `(B, unfold ceil(H / stride), unfold ceil(W / stride), O / unfold^2)`.
    """
    border, known = int(kernel.shape[0]) // 2, None not in x.shape[1:3]
    height, width = x.shape[1:3] if known else (1, 1)
    count = -(-height // stride)
    rows, bands = max(1, band // (width * stride)), []
    if rows >= count:  # padded by hand: SAME pads other rows for a stride of 2
        return _unfolded(tf.nn.conv2d(_mirrored(x, border), kernel, stride, "VALID"), unfold)
    for top in range(0, count, rows):
        first, end = top * stride - border, (min(top + rows, count) - 1) * stride + border + 1
        start, stop = max(first, 0), min(end, height)
        part = _mirrored(x[:, start:stop], border, (start - first, end - stop))
        bands.append(_unfolded(tf.nn.conv2d(part, kernel, stride, "VALID"), unfold))
    return tf.concat(bands, 1)


def convolve_twice(x: Tensor, kernel: Tensor, band: int = BAND) -> Tensor:
    """A convolution of an activation made twice as large, bilinearly, which leaves no lattice, without making it larger first.

    Args:
        x: `(B, H, W, I)`.
        kernel: `(3, 3, I, O)`, for the larger activation.
        band: as for `convolve`.

    Returns:
        `(B, 2 H, 2 W, O)`.
    """
    four = tf.einsum("ark,bsl,klio->rsiabo", TWICE, TWICE, kernel)  # filters for even and odd rows and columns
    return convolve(x, tf.reshape(four, (3, 3, kernel.shape[2], -1)), unfold=2, band=band)


def smooth(x: Tensor) -> Tensor:
    """Blurred by 1-2-1 in both directions, which leaves nothing of the lattice of unfolded pixels."""
    weights = np.array([1.0, 2.0, 1.0], np.float32) / 4
    kernel = np.repeat((weights[:, None] * weights)[:, :, None, None], x.shape[-1], 2)  # (3, 3, C, 1)
    return tf.nn.depthwise_conv2d(_mirrored(x, 1), kernel, (1, 1, 1, 1), "VALID")


def colour(x: Tensor, numbers: Tensor) -> Tensor:
    """Three channels brought to the mean colour of a style, and to its covariance if they are not correlated.

    Args:
        x: `(B, H, W, 3)`.
        numbers: `(B, 12)`, of `stylelab.networks.colours_of`.
    """
    matrix, mean = tf.reshape(numbers[:, :9], (-1, 3, 3)), numbers[:, 9:]
    pixels = tf.reshape(instance_norm(x), (tf.shape(x)[0], -1, 3))  # (B, H W, 3)
    return tf.reshape(tf.matmul(pixels, matrix, transpose_b=True) + mean[:, None], tf.shape(x))


def load_network(name: "str | os.PathLike[str] | Network", *, device: str | None = None) -> Painter:
    """A network that paints in one pass.

    >>> painter = sl.load_network("six")
    >>> painter.paint(cat, painter.code(["brushstrokes", "fluid"], blend=[0.7, 0.3])).shape
    (40, 60, 3)

    Args:
        name: 'six' for the six built-in styles, 'any' for any style image, or the path of a file that `stylelab train` wrote.
        device: 'cpu', 'gpu'; by default the fastest there is.

    Returns:
        A callable, images `(B, H, W, 3)` and codes -> images; its `paint` takes an array of any size.

    Raises:
        InputError: an unknown name, no such file, or a damaged one.
        MachineError: a GPU asked for by name that is not there.

    Source: Johnson et al. 2016; Dumoulin et al. 2017; for 'any' Ghiasi et al. 2017.
    """
    return Painter(*load_weights(name), find_device(device))


def _mirrored(x: Tensor, border: int, rows: tuple[int, int] | None = None) -> Tensor:
    """With columns and rows beyond the border, as in a mirror there; `rows` are those above and below, as many unless given."""
    return tf.pad(x, ((0, 0), rows or (border, border), (border, border), (0, 0)), "REFLECT")


def _unfolded(x: Tensor, times: int) -> Tensor:
    """Each position as a square of that many, with fewer filters."""
    return tf.nn.depth_to_space(x, times) if times > 1 else x
