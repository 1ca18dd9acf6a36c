"""The TensorFlow half of the kit. `import stylelab.tensorflow as sl` is how a lesson begins."""

import sys

if "torch" in sys.modules:
    raise ImportError("this process has imported PyTorch, and one process holds one framework: start another for TensorFlow")

from stylelab.base.frameworks import check_installed, nothing_to_collect

check_installed("tensorflow")

from stylelab.tensorflow._quiet import allow_memory_growth, keras_later, quiet_stderr

with quiet_stderr(), keras_later(), nothing_to_collect():
    import tensorflow

    allow_memory_growth(tensorflow)

from stylelab import progress as progress
from stylelab import submit as submit
from stylelab.tensorflow.cascade import move_statistics
from stylelab.tensorflow.clouds import (
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
from stylelab.tensorflow.decoders import load_decoder
from stylelab.tensorflow.exercises.check import check, hint, solution
from stylelab.tensorflow.features import load_encoder
from stylelab.tensorflow.losses import content_loss, gram_matrix, style_layer_loss, temporal_loss, total_variation
from stylelab.tensorflow.loop import optimise
from stylelab.tensorflow.maps import adain, optimal_transport_map, whiten_and_colour
from stylelab.tensorflow.networks import conditional_instance_norm, instance_norm, load_network
from stylelab.tensorflow.objective import transfer_loss
from stylelab.tensorflow.seeing import guided_gradient, response
from stylelab.tensorflow.stylise import one_pass as one_pass
from stylelab.tensorflow.stylise import stylise
from stylelab.tensorflow.tensors import find_device, find_precision, to_array, to_image, to_tensor
from stylelab.tensorflow.training import train
from stylelab.tensorflow.transfer import paint as paint
from stylelab.tensorflow.transfer import transfer, transfer_batch

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
