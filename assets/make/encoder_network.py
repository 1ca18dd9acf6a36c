"""VGG-19's sixteen convolutions at a fraction of its width, and the file that both frameworks read."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import stylelab.encoders
from stylelab.encoders import file
from stylelab.encoders.calibrate import normalise

DEPTHS = (2, 2, 4, 4, 4)
LAYERS = tuple(f"conv{block}_{i}" for block, depth in enumerate(DEPTHS, 1) for i in range(1, depth + 1))
POOLED = ("conv1_2", "conv2_2", "conv3_4", "conv4_4")  # pooling follows these
LIFT = 0.3  # in standard deviations: every filter fires in about 60 % of all places
MEAN, STD = (0.45, 0.45, 0.45), (0.25, 0.25, 0.25)


class Encoder(nn.Module):
    """3x3 convolution, batch norm, ReLU, sixteen times; 2x2 pooling between the blocks."""

    def __init__(self, widths: dict[str, int], pooling: str = "average"):
        super().__init__()
        self.pool = {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling]
        channels, self.convolutions, self.norms = 3, nn.ModuleDict(), nn.ModuleDict()
        for name, width in widths.items():
            self.convolutions[name] = nn.Conv2d(channels, width, 3, bias=False)
            # Without a gain and a bias of its own no filter can learn to fire seldom: divided by a small mean
            # activation, it would outweigh all others in a Gram matrix.
            self.norms[name] = nn.BatchNorm2d(width, affine=False)
            # Batch norm forgives any scale. Small filters turn fast under Adam, so that little is left of the
            # random ones they began as: what is left shows as speckle in a painted image.
            nn.init.normal_(self.convolutions[name].weight, std=0.03)
            channels = width

    def forward(self, images: torch.Tensor, padding: str = "replicate") -> dict[str, torch.Tensor]:
        """Images `(B, 3, H, W)` in 0..1 to the activation after each ReLU."""
        x, activations = standardise(images), {}
        for name in LAYERS:
            x = F.relu(self.norms[name](convolve(x, self.convolutions[name].weight, padding)) + LIFT)
            activations[name] = x
            if name in POOLED:
                x = self.pool(x, 2)
        return activations


def standardise(images: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def convolve(x: torch.Tensor, weight: torch.Tensor, padding: str) -> torch.Tensor:
    if padding == "zeros":  # a third faster: good enough for the first part of a training
        return F.conv2d(x, weight, padding=1)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight)


@torch.no_grad()
def fold(encoder: Encoder, images: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights with batch norm multiplied in: `conv1_1.weight`, `conv1_1.bias`, ...

    Its statistics are taken anew, layer by layer, on whole images `(1, 3, H, W)`, as the encoder will see them. In
    training it saw crops of 32 px, of which block 5 has 2 x 2 places: with those statistics some of its filters would
    hardly ever fire.
    """
    weights, activations = {}, [standardise(image) for image in images]
    for name in LAYERS:
        kernel = encoder.convolutions[name].weight
        answers = [convolve(x, kernel, "replicate") for x in activations]
        mean = torch.stack([x.mean((0, 2, 3)) for x in answers]).mean(0)
        square = torch.stack([x.square().mean((0, 2, 3)) for x in answers]).mean(0)
        gain = (square - mean.square() + encoder.norms[name].eps).rsqrt()
        weights[f"{name}.weight"] = kernel * gain.view(-1, 1, 1, 1)
        weights[f"{name}.bias"] = LIFT - mean * gain
        activations = [F.relu((x - mean.view(1, -1, 1, 1)) * gain.view(1, -1, 1, 1) + LIFT) for x in answers]
        if name in POOLED:
            activations = [encoder.pool(x, 2) for x in activations]
    return weights


def save(path: Path, encoder: Encoder, images: list[torch.Tensor], source: str) -> None:
    """Fold, normalise to mean activation 1 and write float16: the file that both frameworks read."""
    tensors = fold(encoder, images)
    pairs = {n: (tensors[f"{n}.weight"].numpy(), tensors[f"{n}.bias"].numpy()) for n in LAYERS}
    pooling = {F.max_pool2d: "max", F.avg_pool2d: "average"}[encoder.pool]
    spec = stylelab.encoders.Encoder("mini", None, mean=MEAN, std=STD, pooling=pooling, padding="replicate", source=source)
    file.save(path, normalise(pairs, spec), spec, np.float16)
