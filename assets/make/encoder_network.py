"""VGG-19's sixteen convolutions at a fraction of its width, and the file that both frameworks read."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import stylelab.encoders
from stylelab import encoder_file
from stylelab.calibration import calibration_pictures, normalise

DEPTHS = (2, 2, 4, 4, 4)
LAYERS = tuple(f"conv{block}_{i}" for block, depth in enumerate(DEPTHS, 1) for i in range(1, depth + 1))
POOLED = ("conv1_2", "conv2_2", "conv3_4", "conv4_4")  # max pooling follows these
MEAN, STD = (0.45, 0.45, 0.45), (0.25, 0.25, 0.25)


class Encoder(nn.Module):
    """3x3 convolution, batch norm, ReLU, sixteen times; 2x2 max pooling between the blocks."""

    def __init__(self, widths: tuple[int, ...]):
        super().__init__()
        channels, self.convolutions, self.norms = 3, nn.ModuleDict(), nn.ModuleDict()
        for name in LAYERS:
            width = widths[int(name[4]) - 1]
            self.convolutions[name] = nn.Conv2d(channels, width, 3, bias=False)
            self.norms[name] = nn.BatchNorm2d(width)
            # Batch norm forgives any scale. Small filters turn fast under Adam, so that little is left of the
            # random ones they began as: what is left shows as speckle in a painted picture.
            nn.init.normal_(self.convolutions[name].weight, std=0.03)
            channels = width

    def forward(self, pictures: torch.Tensor, padding: str = "replicate") -> dict[str, torch.Tensor]:
        """Pictures `(B, 3, H, W)` in 0..1 to the activation after each ReLU."""
        x, activations = standardise(pictures), {}
        for name in LAYERS:
            x = F.relu(self.norms[name](convolve(x, self.convolutions[name].weight, padding)))
            activations[name] = x
            if name in POOLED:
                x = F.max_pool2d(x, 2)
        return activations


def standardise(pictures: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return ((pictures - mean) / std).contiguous(memory_format=torch.channels_last)


def convolve(x: torch.Tensor, weight: torch.Tensor, padding: str) -> torch.Tensor:
    if padding == "zeros":  # a third faster: good enough for the first part of a training
        return F.conv2d(x, weight, padding=1)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight)


@torch.no_grad()
def fold(encoder: Encoder) -> dict[str, torch.Tensor]:
    """Weights with batch norm's running statistics multiplied in: `conv1_1.weight`, `conv1_1.bias`, ..."""
    weights = {}
    for name in LAYERS:
        norm = encoder.norms[name]
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        weights[f"{name}.weight"] = encoder.convolutions[name].weight * gain.view(-1, 1, 1, 1)
        weights[f"{name}.bias"] = norm.bias - norm.running_mean * gain
    return weights


@torch.no_grad()
def wake(weights: dict[str, torch.Tensor], least: float = 0.4) -> dict[str, torch.Tensor]:
    """Make the network ready for average pooling, with no channel that seldom fires on the calibration pictures.

    An average is smaller than a maximum: each channel is raised by the ratio of the two in the next layer's weights.
    The bias of a channel that fires seldom is raised until it fires in `least` of all places: divided by a small mean
    activation, it would have a few huge ones, and weigh more in a Gram matrix than all others together. Of 0.02, 0.1,
    0.25 and 0.4, the last gave the cleanest strokes and the smallest error.
    """
    weights, x = dict(weights), standardise(torch.from_numpy(np.stack(calibration_pictures())))
    ratio = torch.ones(3)
    for name in LAYERS:
        weights[f"{name}.weight"] = weights[f"{name}.weight"] * ratio.view(1, -1, 1, 1)
        x = convolve(x, weights[f"{name}.weight"], "replicate")
        x = x + weights[f"{name}.bias"].view(1, -1, 1, 1)
        flat = x.transpose(0, 1).flatten(1)
        missing = (-flat.quantile(1 - least, dim=1)).clamp(min=0)
        weights[f"{name}.bias"] = weights[f"{name}.bias"] + missing
        x = F.relu(x + missing.view(1, -1, 1, 1))
        ratio = torch.ones(x.shape[1])
        if name in POOLED:
            maximum, x = F.max_pool2d(x, 2), F.avg_pool2d(x, 2)
            ratio = maximum.mean((0, 2, 3)) / x.mean((0, 2, 3))
    return weights


def save(path: Path, encoder: Encoder, source: str) -> None:
    """Fold, wake, normalise to mean activation 1 and write float16: the file that both frameworks read.

    It is trained with max pooling and used with average pooling, as Gatys et al. 2016 use VGG-19: max pooling lets
    every second pixel go free, which shows as fine hatching in flat areas.
    """
    tensors = wake(fold(encoder))
    pairs = {n: (tensors[f"{n}.weight"].numpy(), tensors[f"{n}.bias"].numpy()) for n in LAYERS}
    spec = stylelab.encoders.Encoder("mini", None, mean=MEAN, std=STD, pooling="average", padding="replicate", source=source)
    encoder_file.save(path, normalise(pairs, spec), spec, np.float16)
