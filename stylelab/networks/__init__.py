"""Networks that paint in one pass: their shape, their files, and how they are trained. No framework is imported here."""

from stylelab.networks.file import NAMES, find_network, load_weights, read_network, save_network
from stylelab.networks.spec import (
    COLOURS, EPSILON, SHAPES, STYLE_LAYERS, Network, Shape, Weights, colours_of, fit_size, mix, plain_code,
)  # fmt: skip

__all__ = [
    "COLOURS", "EPSILON", "NAMES", "SHAPES", "STYLE_LAYERS", "Network", "Shape", "Weights", "colours_of", "find_network", "fit_size",
    "load_weights", "mix", "plain_code", "read_network", "save_network",
]  # fmt: skip
