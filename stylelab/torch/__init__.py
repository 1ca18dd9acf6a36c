"""The PyTorch half of the kit. `import stylelab.torch as sl` is how a lesson begins."""

import sys

if "tensorflow" in sys.modules:
    raise ImportError("this process has imported TensorFlow, and one process holds one framework: start another for PyTorch")

from stylelab.torch.exercises.check import check
from stylelab.torch.features import find_device, find_precision, load_encoder
from stylelab.torch.losses import content_loss, gram_matrix, style_layer_loss, total_variation
from stylelab.torch.seeing import guided_gradient, response, to_array
from stylelab.torch.transfer import optimise, to_image, to_tensor, transfer, transfer_batch, transfer_loss

__all__ = [
    "check",
    "content_loss",
    "find_device",
    "find_precision",
    "gram_matrix",
    "guided_gradient",
    "load_encoder",
    "optimise",
    "response",
    "style_layer_loss",
    "to_array",
    "to_image",
    "to_tensor",
    "total_variation",
    "transfer",
    "transfer_batch",
    "transfer_loss",
]
