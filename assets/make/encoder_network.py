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
LIFT = 0.3  # in standard deviations: every filter responds at about 60 % of the positions
MEAN, STD = (0.45, 0.45, 0.45), (0.25, 0.25, 0.25)


class Encoder(nn.Module):
    """3x3 convolution, batch norm, ReLU, sixteen times; 2x2 pooling between the blocks."""

    def __init__(self, widths: dict[str, int], pooling: str = "average"):
        super().__init__()
        self.pool = {"max": F.max_pool2d, "average": F.avg_pool2d}[pooling]
        channels, self.convolutions, self.norms = 3, nn.ModuleDict(), nn.ModuleDict()
        for name, width in widths.items():
            self.convolutions[name] = nn.Conv2d(channels, width, 3, bias=False)
            # Without gain and bias, no filter can learn to respond rarely. Divided by its small mean activation, such a
            # filter would outweigh all others in a Gram matrix.
            self.norms[name] = nn.BatchNorm2d(width, affine=False)
            # The scale does not matter, because of batch norm. Small filters change quickly under Adam, so that little
            # remains of the random initial ones, which would appear as speckle in generated images.
            nn.init.normal_(self.convolutions[name].weight, std=0.03)
            channels = width

    def forward(self, images: torch.Tensor, padding: str = "replicate") -> dict[str, torch.Tensor]:
        """Images `(B, 3, H, W)` in 0..1 -> the activation after each ReLU, by layer."""
        x, activations = standardise(images), {}
        for name in LAYERS:
            x = F.relu(self.norms[name](convolve(x, self.convolutions[name].weight, padding)) + LIFT)
            activations[name] = x
            if name in POOLED:
                x = self.pool(x, 2)
        return activations


def standardise(images: torch.Tensor) -> torch.Tensor:
    """Subtract the mean and divide by the standard deviation."""
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def convolve(x: torch.Tensor, weight: torch.Tensor, padding: str) -> torch.Tensor:
    """A 3 x 3 convolution."""
    if padding == "zeros":  # a third faster, and good enough for the first part of a training
        return F.conv2d(x, weight, padding=1)
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight)


@torch.no_grad()
def fold(encoder: Encoder, images: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """Fold batch norm into the filters: `conv1_1.weight`, `conv1_1.bias`, ...

    The statistics are computed again, layer by layer, on whole images `(1, 3, H, W)`, which is what the encoder will see.
    Training uses crops of 32 px, of which block 5 has only 2 x 2 positions: with those statistics some of its filters
    would hardly ever respond.
    """
    weights, activations = {}, [standardise(image) for image in images]
    for name in LAYERS:
        kernel = encoder.convolutions[name].weight
        responses = [convolve(x, kernel, "replicate") for x in activations]
        mean = torch.stack([x.mean((0, 2, 3)) for x in responses]).mean(0)
        square = torch.stack([x.square().mean((0, 2, 3)) for x in responses]).mean(0)
        gain = (square - mean.square() + encoder.norms[name].eps).rsqrt()
        weights[f"{name}.weight"] = kernel * gain.view(-1, 1, 1, 1)
        weights[f"{name}.bias"] = LIFT - mean * gain
        activations = [F.relu((x - mean.view(1, -1, 1, 1)) * gain.view(1, -1, 1, 1) + LIFT) for x in responses]
        if name in POOLED:
            activations = [encoder.pool(x, 2) for x in activations]
    return weights


def save(path: Path, encoder: Encoder, images: list[torch.Tensor], source: str) -> None:
    """Fold, normalise to a mean activation of 1, and write the float16 file that both frameworks read."""
    tensors = fold(encoder, images)
    pairs = {n: (tensors[f"{n}.weight"].numpy(), tensors[f"{n}.bias"].numpy()) for n in LAYERS}
    pooling = {F.max_pool2d: "max", F.avg_pool2d: "average"}[encoder.pool]
    spec = stylelab.encoders.Encoder("mini", None, mean=MEAN, std=STD, pooling=pooling, padding="replicate", source=source)
    file.save(path, normalise(pairs, spec), spec, np.float16)
