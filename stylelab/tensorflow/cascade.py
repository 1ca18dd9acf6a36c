"""Any style in one pass and without training for it: move the statistics of layer after layer, and decode."""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.base.values import one_of
from stylelab.encoders.decoder import cascade_inputs
from stylelab.images import match_colours
from stylelab.tensorflow.decoders import load_decoder
from stylelab.tensorflow.features import load_encoder
from stylelab.tensorflow.maps import adain, optimal_transport_map, whiten_and_colour
from stylelab.tensorflow.tensors import find_device, to_image, to_tensor

MAPS = {"transport": optimal_transport_map, "whiten": whiten_and_colour, "adain": adain}
BAND = 2**19  # pixels that go through an encoder or a decoder at a time
HALO = 16  # more pixels than one pixel of the result is computed from, up and down; a multiple of every layer's scale


def move_statistics(
    image: np.ndarray,
    style: np.ndarray,
    *,
    layers: "str | Iterable[str]" = ("conv3_1", "conv2_1", "conv1_1"),
    map: str = "transport",
    strength: float = 1.0,
    device: str | None = None,
) -> np.ndarray:
    """Paint an image in one pass in a style of which nothing was learned: colours, tone and texture, but no long strokes.

    At each layer, from coarse to fine, the image's activation of the encoder 'mini' gets the mean and covariance of the style
    image's, and is decoded. Last, the colours get the mean and covariance of the style image's.

    >>> sl.move_statistics(cat, painting).shape
    (40, 60, 3)
    >>> np.allclose(sl.move_statistics(cat, painting, strength=0), cat, atol=1e-5)
    True

    Args:
        image: `(H, W, 3)` in 0..1, at least 16 px high and wide.
        style: `(H', W', 3)`, of any other size; its texture is carried over at the size that it has.
        layers: of those with a decoder, 'conv1_1', 'conv2_1' and 'conv3_1'; in any order.
        map: 'transport' moves activations least, 'whiten' moves more and paints more, 'adain' moves each channel on its own.
        strength: 0 for the image itself, 1 for the whole style; numbers between mix activations.
        device: 'cpu', 'gpu'; by default the fastest there is.

    Returns:
        `(H, W, 3)` float32 in 0..1. Memory grows by about 0.5 KB for each pixel, to 6 GB at 4000 x 3000: at conv1_1 two
            activations of 32 channels are held; everything else is computed in bands of rows.

    Raises:
        InputError: no image, a small one, a layer without a decoder, an unknown map, or a strength outside 0..1.
        MachineError: a GPU asked for by name that is not there.

    Source: Li et al., 'Universal style transfer via feature transforms', NeurIPS 2017, from three layers instead of five; the
        map is of Lu et al. 2019. Figures in assets/decoders.md.
    """
    content, painting, names, strength = cascade_inputs(image, style, layers, strength)
    move, device = MAPS[one_of("map", map, MAPS)], find_device(device)
    with tf.device(device):
        x, y = to_tensor(content, device), to_tensor(painting, device)
        for layer in names:
            x = _moved(x, y, layer, move, strength, device)
    moved = to_image(x)[: image.shape[0], : image.shape[1]]
    matched = match_colours(moved, style, clip=False)
    return np.clip(moved + strength * (matched - moved), 0, 1).astype(np.float32)


def _moved(x: Tensor, y: Tensor, layer: str, move: Callable[[Tensor, Tensor], Tensor], strength: float, device: str) -> Tensor:
    """Images `(1, H, W, 3)`: x with the statistics of y at this layer."""
    network, decode = load_encoder("mini", layer, device=device), load_decoder(layer, device=device)

    def encode(images: Tensor) -> Tensor:
        return network(images)[layer]

    scale = 2 ** (int(layer[4]) - 1)
    content = _in_bands(encode, x, HALO, 1 / scale)
    moved = move(content, _in_bands(encode, y, HALO, 1 / scale))
    if strength == 1:
        del content  # a large image's activations are most of what is in memory
        return tf.clip_by_value(_in_bands(decode, moved, HALO // scale, scale), 0, 1)
    # what the decoder loses of the image itself is given back, so that strength 0 is the image
    lost = x - _in_bands(decode, content, HALO // scale, scale)
    mixed = content + strength * (moved - content)
    return tf.clip_by_value(_in_bands(decode, mixed, HALO // scale, scale) + (1 - strength) * lost, 0, 1)


def _in_bands(function: Callable[[Tensor], Tensor], tensor: Tensor, halo: int, scale: float) -> Tensor:
    """`function(tensor)`, which multiplies height and width by `scale`, computed in bands of rows that overlap by a halo."""
    height, width = tensor.shape[1:3]
    rows = max(halo, int(BAND * min(1, 1 / scale) ** 2 / width) // halo * halo)
    bands = []
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        above, below = min(halo, start), min(halo, height - stop)
        band = function(tensor[:, start - above : stop + below])
        bands.append(band[:, round(above * scale) : round((stop - start + above) * scale)])
    return tf.concat(bands, 1)
