"""Objectives for training the encoder without labels.

Each is a module: `objective(activations, classes) -> (loss, share of correct answers)`. The activations are those of a batch
of augmented windows; `classes` holds the number of the window that each one shows.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Exemplar(nn.Module):
    """Classify the window by the spatial mean of one or more layers.

    Source: Dosovitskiy et al. 2014, "Discriminative unsupervised feature learning with exemplar CNNs".
    """

    views = 1

    def __init__(self, channels: dict[str, int], count: int, layers=("conv5_4",)):
        super().__init__()
        self.heads = nn.ModuleDict({name: make_head(channels[name], count) for name in layers})

    def forward(self, activations, classes):
        scores = [head(activations[name].float().mean((2, 3))) for name, head in self.heads.items()]
        return classify(scores, classes)


class Texture(nn.Module):
    """Classify the window by Gram matrices, that is, by which channels respond together, regardless of position.

    Style transfer uses Gram matrices of these layers. Each layer is first reduced to 24 channels; entries x become
    sign(x) sqrt|x|, as is usual for bilinear pooling (Lin et al. 2015).
    """

    views = 1
    LAYERS = ("conv1_2", "conv2_2", "conv3_1", "conv3_4", "conv4_2", "conv5_1")

    def __init__(self, channels: dict[str, int], count: int, layers=LAYERS, mixed: int = 24):
        super().__init__()
        self.mix = nn.ModuleDict({n: nn.Conv2d(channels[n], mixed, 1) for n in layers})
        size = mixed * (mixed + 1) // 2
        self.heads = nn.ModuleDict({name: make_head(size, count) for name in layers})
        self.upper = torch.triu_indices(mixed, mixed)

    def forward(self, activations, classes):
        scores = [head(self.gram(self.mix[name](activations[name]))) for name, head in self.heads.items()]
        return classify(scores, classes)

    def gram(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, C, H, W)` -> the different entries of the Gram matrices, `(B, C (C + 1) / 2)`."""
        flat = x.float().flatten(2)
        entries = (flat @ flat.transpose(1, 2) / flat.shape[2])[:, self.upper[0], self.upper[1]]
        return entries.sign() * (entries.abs() + 1e-4).sqrt()


class Contrastive(nn.Module):
    """Find the other view of the same window in the batch.

    Source: Chen et al. 2020, "A simple framework for contrastive learning" (NT-Xent, temperature 0.2).
    """

    views = 2

    def __init__(self, channels: dict[str, int], count: int, layer: str = "conv5_4"):
        super().__init__()
        width = channels[layer]
        self.layer = layer
        self.project = nn.Sequential(nn.Linear(width, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Linear(256, 64))

    def forward(self, activations, classes):
        x = F.normalize(self.project(activations[self.layer].float().mean((2, 3))), dim=1)
        similarity = (x @ x.T / 0.2).fill_diagonal_(-1e4)
        half = len(x) // 2
        partner = torch.arange(len(x)).roll(half)
        return F.cross_entropy(similarity, partner), (similarity.argmax(1) == partner).float().mean()


class Both(nn.Module):
    """Exemplar and texture together, so that every block of the network has an objective."""

    views = 1

    def __init__(self, channels: dict[str, int], count: int):
        super().__init__()
        self.exemplar = Exemplar(channels, count, ("conv3_4", "conv4_4", "conv5_4"))
        self.texture = Texture(channels, count)

    def forward(self, activations, classes):
        loss, correct = self.exemplar(activations, classes)
        return loss + self.texture(activations, classes)[0], correct


class Diverse(Both):
    """Both, plus a penalty for channels that repeat others.

    A Gram matrix of C channels that all respond to brightness constrains an image as little as that of a single channel.
    Without the penalty, 256 channels hold what 7 could; with it, what 140 could.

    Source: after Zbontar et al. 2021, "Barlow twins", and Bardes, Ponce and LeCun 2022, "VICReg".
    """

    SPREAD = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_4", "conv4_1", "conv4_2", "conv5_1")
    WEIGHT = 1.0  # 0.5 leaves conv3_1 with 40 effective channels; 2 spreads the first layers before they have learnt anything

    def forward(self, activations, classes):
        loss, correct = super().forward(activations, classes)
        return loss + self.WEIGHT * torch.stack([repetition(activations[name]) for name in self.SPREAD]).mean(), correct


def repetition(x: torch.Tensor) -> torch.Tensor:
    """log(C / effective channels) of `(B, C, H, W)`: 0 when the channels are uncorrelated.

    The number of effective channels is C^2 over the sum of squared correlations.
    """
    if x.shape[2] > 8:
        x = x[:, :, ::2, ::2]  # neighbours hardly differ, so every second one is enough
    rows = x.transpose(0, 1).flatten(1).float()
    rows = rows - rows.mean(1, keepdim=True)
    rows = (rows / (rows.square().mean(1, keepdim=True) + 1e-6).sqrt()).to(torch.bfloat16)
    squared = ((rows @ rows.T).float() / rows.shape[1]).square()
    return (1 + (squared.sum() - squared.diagonal().sum()) / len(squared)).log()


def make_head(width: int, count: int) -> nn.Sequential:
    """A classifier: `(B, width)` -> the scores of all windows, `(B, count)`."""
    return nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, count))


def classify(scores: list[torch.Tensor], classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean cross-entropy of all heads, and the share of correct answers of the last one."""
    losses = [F.cross_entropy(score, classes, label_smoothing=0.1) for score in scores]
    return torch.stack(losses).mean(), (scores[-1].argmax(1) == classes).float().mean()


OBJECTIVES = {"exemplar": Exemplar, "texture": Texture, "contrastive": Contrastive, "both": Both, "diverse": Diverse}
