"""Scale filters to a mean activation of 1, so that one recipe's weights work on every encoder.

A ReLU commutes with a positive factor. So the factor by which one layer's filters are divided can be multiplied into the
next layer's, and the network computes the same function up to these factors.

Source: Gatys, Ecker and Bethge, "Texture synthesis using convolutional neural networks", NIPS 2015, section 2.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

from stylelab.encoders.spec import POOL_AFTER, Encoder, Weights, input_transform
from stylelab.errors import MachineError
from stylelab.images.builtin import ITEMS

IMAGES = ("astronaut", "cat", "coffee", "rocket", "china", "flower")
SIDE = 96
RARE = 1e-3  # a filter whose mean is this far below its layer's has hardly responded to any of the images


def normalise(weights: Weights, encoder: Encoder) -> Weights:
    """Divide every filter by its mean activation over the calibration images, and undo it in the next layer's input.

    For a filter that hardly responds to these images the mean does not measure its scale. It is divided by its layer's
    mean instead: divided by a number near 0, it would dominate a Gram matrix as soon as an image activates it.

    Args:
        weights: `{layer: (kernel (O, I, 3, 3), bias (O,))}` from conv1_1 on, the first kernel in RGB order.
        encoder: its preprocessing, pooling and padding are used; its path is not read.

    Returns:
        The same layers, float32.

    Raises:
        MachineError: the images of scikit-image or scikit-learn are missing.
    """
    factor, offset = input_transform(encoder)
    activations = [image * factor[:, None, None] + offset[:, None, None] for image in calibration_images()]
    scale, result = np.ones(3, np.float32), {}
    for layer, (kernel, bias) in weights.items():
        kernel = kernel * scale[:, None, None]
        activations = [convolve(activation, kernel, bias, encoder.padding) for activation in activations]
        means = np.mean([activation.mean(axis=(1, 2), dtype=np.float64) for activation in activations], axis=0)
        if means.mean() > 0:
            scale = np.where(means > RARE * means.mean(), means, means.mean()).astype(np.float32)
        else:  # no filter of this layer responds at all
            scale = np.ones(len(means), np.float32)
        result[layer] = kernel / scale[:, None, None, None], bias / scale
        activations = [activation / scale[:, None, None] for activation in activations]
        if layer in POOL_AFTER:
            activations = [pool(activation, encoder.pooling) for activation in activations]
    return result


@lru_cache(maxsize=1)
def calibration_images() -> tuple[np.ndarray, ...]:
    """The centre squares of six built-in images, each (3, 96, 96) float32 in 0..1."""
    squares = []
    for name in IMAGES:
        item = ITEMS[name]
        if not item.path.is_file():
            raise MachineError(f"the calibration image {item.file} of {item.package} is missing: install requirements.lock again")
        with Image.open(item.path) as file:
            image = file.convert("RGB")
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        squares.append(np.asarray(square, np.float32).transpose(2, 0, 1) / 255)
    return tuple(squares)


def convolve(activation: np.ndarray, kernel: np.ndarray, bias: np.ndarray, padding: str) -> np.ndarray:
    """One 3 x 3 convolution and its ReLU: (I, H, W) to (O, H, W)."""
    channels, height, width = activation.shape
    padded = np.pad(activation, ((0, 0), (1, 1), (1, 1)), "edge" if padding == "replicate" else "constant")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (I, H, W, 3, 3)
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(channels * 9, height * width)
    result = kernel.reshape(len(kernel), -1) @ columns + bias[:, None]
    return np.maximum(result, 0, out=result).reshape(-1, height, width)


def pool(activation: np.ndarray, kind: str) -> np.ndarray:
    """2 x 2 pooling, an odd last row or column dropped: (C, H, W) to (C, H // 2, W // 2)."""
    height, width = activation.shape[1] // 2, activation.shape[2] // 2
    blocks = activation[:, : 2 * height, : 2 * width].reshape(len(activation), height, 2, width, 2)
    return blocks.max(axis=(2, 4)) if kind == "max" else blocks.mean(axis=(2, 4))
