"""Weights to measure with: a full-width VGG-19 of random filters where the real ones are not at hand.

Speed does not depend on the numbers in the filters, and an image of nothing but speed needs no download.
"""

from pathlib import Path

import numpy as np

from stylelab.encoders import LAYERS, TORCHVISION, Encoder, save
from stylelab.encoders.calibrate import normalise

WIDTHS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}  # VGG-19's, block by block
NAME = "vgg19-random"


def write_random(folder: Path, seed: int = 0) -> Path:
    """A safetensors file of VGG-19 with He's initialisation, filters normalised to a mean activation of 1.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
    """
    rng, channels, found = np.random.default_rng(seed), 3, {}
    for layer in LAYERS:
        width = WIDTHS[layer[4]]
        kernel = rng.standard_normal((width, channels, 3, 3), np.float32) * np.float32(np.sqrt(2 / (9 * channels)))
        found[layer], channels = (kernel, np.zeros(width, np.float32)), width
    encoder = Encoder(NAME, None, activations="normalised", source="seeded random weights", **TORCHVISION)
    path = folder / f"{NAME}.safetensors"
    save(path, normalise(found, encoder), encoder)
    return path
