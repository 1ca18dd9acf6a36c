"""What a network sees: how strongly a filter responds, and which pixels made it respond.

Activations are `(B, H', W', C)` float32, images `(B, H, W, 3)` in 0..1.
"""

from copy import copy
from itertools import pairwise

import tensorflow as tf
from tensorflow import Tensor

from stylelab import encoders
from stylelab.base.values import instance, pair, whole
from stylelab.errors import InputError
from stylelab.tensorflow.features import Encoder
from stylelab.tensorflow.tensors import as_tensor

Position = tuple[int, int]  # (row, column) of an activation, from 0 at the top left


def response(activation: Tensor, filter: int | None = None, position: Position | None = None) -> Tensor:
    """How strongly a filter responds: at one position, or on average over all positions.

    >>> float(sl.response(sl.to_tensor(np.ones((4, 4, 3))), filter=2))
    1.0

    Args:
        activation: `(B, H', W', C)`.
        filter: which of the C filters, from 0; None for the mean of all.
        position: (row, column) in the activation, from 0; None for the mean of all positions.

    Returns:
        Scalar, the mean over the batch.

    Raises:
        InputError: not four dimensions, or no such filter or position.

    Source: Erhan et al. 2009, whose activation maximisation raises it.
    """
    activation = as_tensor(activation, "activation", "(B, H, W, C)")
    _, height, width, filters = activation.shape
    if filter is not None:
        filter = _check("filter", filter, filters)
        activation = activation[..., filter : filter + 1]
    if position is not None:
        row, column = pair("position", position, least=0)
        row, column = _check("row", row, height), _check("column", column, width)
        activation = activation[:, row, column]
    return tf.reduce_mean(activation)


def guided_gradient(encoder: Encoder, image: Tensor, layer: str, filter: int, position: Position | None = None) -> Tensor:
    """Which pixels raise a filter's response: the gradient, with everything negative dropped on its way back.

    >>> encoder = sl.load_encoder("mini", ["conv2_1"])
    >>> sl.to_array(sl.guided_gradient(encoder, sl.to_tensor(cat), "conv2_1", filter=3)).shape
    (40, 60, 3)

    Args:
        encoder: from `load_encoder`.
        image: `(B, H, W, 3)` in 0..1; it is not changed.
        layer: any up to the deepest that the encoder was loaded with.
        filter: which filter, from 0.
        position: (row, column) in the layer's activation; None for the mean of all positions.

    Returns:
        `(B, H, W, 3)`, either sign: where it is positive, a brighter pixel would raise the response.

    Raises:
        InputError: the encoder stops before that layer, or no such filter or position.

    Source: Springenberg et al. 2015, section 3.4. The plain gradient is Simonyan et al. 2014.
    """
    trunk, image = _trunk(encoder, layer), as_tensor(image, "image", "(B, H, W, 3)")
    with tf.device(encoder.device):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(image)
            activations = trunk(image)
            target = response(activations[encoders.layer_name(layer)], filter, position)
        way_back = list(reversed([image, *activations.values()]))
        gradient = tape.gradient(target, way_back[0])
        for above, below in pairwise(way_back):
            gradient = tape.gradient(above, below, tf.nn.relu(gradient))  # the guide: only what raises the response
        return gradient


def _trunk(encoder: Encoder, layer: str) -> Encoder:
    """The same network, which gives every activation up to `layer`, each made from the one before."""
    name = encoders.layer_name(layer)
    if name not in instance("encoder", encoder, Encoder, words="an encoder of load_encoder").trunk:
        raise InputError(f"the encoder stops at {encoder.trunk[-1]}: load it with {name}")
    whole = copy(encoder)  # its weights are shared
    whole.layers = whole.trunk = encoders.trunk((name,))
    return whole


def _check(what: str, index: int, count: int) -> int:
    if (index := whole(what, index)) not in range(count):
        raise InputError(f"no {what} {index}: this activation has {count}, counted from 0")
    return index
