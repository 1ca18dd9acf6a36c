"""The PyTorch half of the kit. `import stylelab.torch as sl` is how a lesson begins."""

import sys
from importlib import import_module

if "tensorflow" in sys.modules:
    raise ImportError("this process has imported TensorFlow, and one process holds one framework: start another for PyTorch")

from stylelab.base.frameworks import check_installed, nothing_to_collect

check_installed("torch")

with nothing_to_collect():
    import_module("torch")

from stylelab import progress as progress
from stylelab import submit as submit
from stylelab.torch.cascade import move_statistics
from stylelab.torch.clouds import (
    batch_norm_loss,
    wasserstein_loss,
    histogram_loss,
    match_histogram,
    mmd_loss,
    covariance_loss,
    nearest_neighbour_loss,
    nearest_neighbours,
    relaxed_emd_loss,
    sliced_wasserstein_loss,
)
from stylelab.torch.decoders import load_decoder
from stylelab.torch.exercises.check import check, hint, solution
from stylelab.torch.features import load_encoder
from stylelab.torch.losses import content_loss, gram_matrix, style_layer_loss, temporal_loss, total_variation
from stylelab.torch.loop import optimise
from stylelab.torch.maps import adain, optimal_transport_map, whiten_and_colour
from stylelab.torch.networks import conditional_instance_norm, instance_norm, load_network
from stylelab.torch.objective import transfer_loss
from stylelab.torch.seeing import guided_gradient, response
from stylelab.torch.stylise import one_pass as one_pass
from stylelab.torch.stylise import stylise
from stylelab.torch.tensors import find_device, find_precision, to_array, to_image, to_tensor
from stylelab.torch.training import train
from stylelab.torch.transfer import paint as paint
from stylelab.torch.transfer import transfer, transfer_batch

__all__ = [
    "adain",
    "batch_norm_loss",
    "check",
    "hint",
    "solution",
    "conditional_instance_norm",
    "content_loss",
    "find_device",
    "find_precision",
    "wasserstein_loss",
    "gram_matrix",
    "guided_gradient",
    "histogram_loss",
    "instance_norm",
    "load_decoder",
    "load_encoder",
    "load_network",
    "match_histogram",
    "mmd_loss",
    "move_statistics",
    "covariance_loss",
    "nearest_neighbour_loss",
    "nearest_neighbours",
    "optimal_transport_map",
    "optimise",
    "relaxed_emd_loss",
    "response",
    "sliced_wasserstein_loss",
    "style_layer_loss",
    "stylise",
    "temporal_loss",
    "to_array",
    "to_image",
    "to_tensor",
    "total_variation",
    "train",
    "transfer",
    "transfer_batch",
    "transfer_loss",
    "whiten_and_colour",
]
