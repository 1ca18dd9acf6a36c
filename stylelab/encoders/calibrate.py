"""Filters scaled to a mean activation of 1, so that one recipe's weights work on every encoder.

A ReLU lets a positive factor through, so what one layer's filters are divided by can be multiplied into the next
layer's, and the network computes the same function up to these factors.

Source: Gatys, Ecker and Bethge, "Texture synthesis using convolutional neural networks", NIPS 2015, section 2.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from stylelab.encoders.spec import POOL_AFTER, Encoder, Weights, input_transform
from stylelab.errors import MachineError

IMAGES = (
    ("skimage", "data/astronaut.png"),
    ("skimage", "data/chelsea.png"),
    ("skimage", "data/coffee.png"),
    ("skimage", "data/rocket.jpg"),
    ("sklearn", "datasets/images/china.jpg"),
    ("sklearn", "datasets/images/flower.jpg"),
)
SIDE = 96
RARE = 1e-3  # a filter this far below its layer's mean has hardly been seen at work


def normalise(weights: Weights, encoder: Encoder) -> Weights:
    """Divide every filter by its mean activation over the calibration images; undo it in the next layer's input.

    A filter that hardly fires on these images shows no scale of its own. It gets its layer's mean instead: divided
    by a number near 0, it would outweigh all others in a Gram matrix as soon as an image wakes it.

    Args:
        weights: `{layer: (kernel (O, I, 3, 3), bias (O,))}` from conv1_1 on, the first kernel in RGB order.
        encoder: preprocessing, pooling and padding; its path is not read.

    Returns:
        The same layers, float32.

    Raises:
        MachineError: scikit-image or scikit-learn is missing.
    """
    factor, offset = input_transform(encoder)
    activations = [image * factor[:, None, None] + offset[:, None, None] for image in calibration_images()]
    before, result = np.ones(3, np.float32), {}
    for layer, (kernel, bias) in weights.items():
        kernel = kernel * before[:, None, None]
        activations = [rectified(image, kernel, bias, encoder.padding) for image in activations]
        before = _scale(np.mean([a.mean(axis=(1, 2), dtype=np.float64) for a in activations], axis=0))
        result[layer] = kernel / before[:, None, None, None], bias / before
        activations = [a / before[:, None, None] for a in activations]
        if layer in POOL_AFTER:
            activations = [pooled(a, encoder.pooling) for a in activations]
    return result


def _scale(means: np.ndarray) -> np.ndarray:
    overall = means.mean()
    if not overall > 0:  # the whole layer is dead: nothing to go by
        return np.ones(len(means), np.float32)
    return np.where(means > RARE * overall, means, overall).astype(np.float32)


@lru_cache(maxsize=1)
def calibration_images() -> tuple[np.ndarray, ...]:
    """Six built-in images, each (3, 96, 96) float32 in 0..1: the centre square, resized."""
    return tuple(_calibration_image(package, file) for package, file in IMAGES)


def _calibration_image(package: str, file: str) -> np.ndarray:
    # Found by its path: importing scikit-learn takes seconds, and nothing of it is needed.
    spec = find_spec(package)
    path = Path(spec.submodule_search_locations[0], file) if spec else Path(package, file)
    if not path.is_file():
        raise MachineError(f"the calibration image {file} of {package} is missing: install requirements.lock again")
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + short, top + short))
    return np.asarray(square, np.float32).transpose(2, 0, 1) / 255


def rectified(activation: np.ndarray, kernel: np.ndarray, bias: np.ndarray, padding: str) -> np.ndarray:
    """One 3 x 3 convolution and its ReLU: (I, H, W) to (O, H, W)."""
    channels, height, width = activation.shape
    padded = np.pad(activation, ((0, 0), (1, 1), (1, 1)), "edge" if padding == "replicate" else "constant")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))  # (I, H, W, 3, 3)
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(channels * 9, height * width)
    result = kernel.reshape(len(kernel), -1) @ columns + bias[:, None]
    return np.maximum(result, 0, out=result).reshape(-1, height, width)


def pooled(activation: np.ndarray, kind: str) -> np.ndarray:
    """2 x 2 pooling, an odd last row or column dropped: (C, H, W) to (C, H // 2, W // 2)."""
    height, width = activation.shape[1] // 2, activation.shape[2] // 2
    blocks = activation[:, : 2 * height, : 2 * width].reshape(len(activation), height, 2, width, 2)
    return blocks.max(axis=(2, 4)) if kind == "max" else blocks.mean(axis=(2, 4))
