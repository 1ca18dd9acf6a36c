"""The network that computes activations: its layers, its preprocessing, where its weights come from, and how they are read."""

from stylelab.encoders.file import save
from stylelab.encoders.find import downloaded, find_encoder, open_file
from stylelab.encoders.spec import (
    CONVOLUTIONS, DOWNLOADS, LAYERS, NAMES, OXFORD, POOL_AFTER, TORCHVISION, Encoder, EncoderName, Weights, cache_dir,
    check_layers, input_transform, layer_name, layer_names, layer_size, trunk,
)  # fmt: skip
from stylelab.encoders.weights import read_encoder, read_weights

__all__ = [
    "CONVOLUTIONS", "DOWNLOADS", "LAYERS", "NAMES", "OXFORD", "POOL_AFTER", "TORCHVISION", "Encoder", "EncoderName",
    "Weights", "cache_dir", "check_layers", "downloaded", "find_encoder", "input_transform", "layer_name", "layer_names",
    "layer_size", "open_file", "read_encoder", "read_weights", "save", "trunk",
]  # fmt: skip
