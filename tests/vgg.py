"""A VGG-19 of few channels, for the tests that read, write and convert weights."""

import numpy as np

from stylelab.encoders import LAYERS


def small_vgg(count=16, seed=0):
    """`{layer: (OIHW kernel, bias)}` of the first `count` layers; no two axes of a kernel have the same length."""
    rng, channels, weights = np.random.default_rng(seed), 3, {}
    for index, layer in enumerate(LAYERS[:count]):
        width = 4 + index % 5
        kernel = rng.standard_normal((width, channels, 3, 3), np.float32) * np.float32(np.sqrt(2 / 9 / channels))
        weights[layer], channels = (kernel, rng.random(width, np.float32) / 5), width
    return weights


def by_name(weights):
    """The arrays under the names that they have in a file: 'conv1_1.weight', 'conv1_1.bias' ..."""
    return {
        f"{layer}.{part}": array for layer, pair in weights.items() for part, array in zip(("weight", "bias"), pair, strict=True)
    }
