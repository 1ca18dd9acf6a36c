"""What the encoder is asked while it learns: three questions that need no label, their sum, and one demand.

Each objective is a module: `loss(activations, classes) -> (scalar, share of right answers)`.
Activations come from a batch of augmented windows; `classes` says which window each one shows.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Exemplar(nn.Module):
    """Which of the K windows is this? Asked of the spatial mean of a layer, at the end and half way.

    Source: Dosovitskiy et al. 2014, "Discriminative unsupervised feature learning with exemplar CNNs".
    """

    views = 1

    def __init__(self, channels: dict[str, int], count: int, layers=("conv5_4",)):
        super().__init__()
        self.heads = nn.ModuleDict({name: head(channels[name], count) for name in layers})

    def forward(self, activations, classes):
        scores = [ask(activations[name].float().mean((2, 3))) for name, ask in self.heads.items()]
        return classify(scores, classes)


class Texture(nn.Module):
    """Which window is this, asked of Gram matrices: of what occurs together, wherever it lies.

    Style transfer will read Gram matrices of these very layers, so that is where the question is put.
    Each layer is first mixed down to 24 channels; entries x become sign(x) sqrt|x|, as is usual for
    bilinear pooling (Lin et al. 2015).
    """

    views = 1
    LAYERS = ("conv1_2", "conv2_2", "conv3_1", "conv3_4", "conv4_2", "conv5_1")

    def __init__(self, channels: dict[str, int], count: int, layers=LAYERS, mixed: int = 24):
        super().__init__()
        self.mix = nn.ModuleDict({n: nn.Conv2d(channels[n], mixed, 1) for n in layers})
        size = mixed * (mixed + 1) // 2
        self.heads = nn.ModuleDict({name: head(size, count) for name in layers})
        self.upper = torch.triu_indices(mixed, mixed)

    def forward(self, activations, classes):
        scores = [ask(self.gram(self.mix[name](activations[name]))) for name, ask in self.heads.items()]
        return classify(scores, classes)

    def gram(self, x: torch.Tensor) -> torch.Tensor:
        """`(B, C, H, W)` to the `(B, C (C + 1) / 2)` different entries of its Gram matrices."""
        flat = x.float().flatten(2)
        entries = (flat @ flat.transpose(1, 2) / flat.shape[2])[:, self.upper[0], self.upper[1]]
        return entries.sign() * (entries.abs() + 1e-4).sqrt()


class Contrastive(nn.Module):
    """Which other view in the batch shows the same window?

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
        alike = (x @ x.T / 0.2).fill_diagonal_(-1e4)
        half = len(x) // 2
        partner = torch.arange(len(x)).roll(half)
        return F.cross_entropy(alike, partner), (alike.argmax(1) == partner).float().mean()


class Both(nn.Module):
    """Exemplar and texture together: every block of the network is asked something."""

    views = 1

    def __init__(self, channels: dict[str, int], count: int):
        super().__init__()
        self.exemplar = Exemplar(channels, count, ("conv3_4", "conv4_4", "conv5_4"))
        self.texture = Texture(channels, count)

    def forward(self, activations, classes):
        loss, right = self.exemplar(activations, classes)
        return loss + self.texture(activations, classes)[0], right


class Diverse(Both):
    """Both questions, and a demand: no channel may repeat another.

    A Gram matrix of C channels that all say "bright here" constrains an image as little as one of a single channel.
    Asked nothing of the kind, 256 channels come to say what 7 could; with this demand, what 140 could.

    Source: after Zbontar et al. 2021, "Barlow twins", and Bardes, Ponce and LeCun 2022, "VICReg".
    """

    SPREAD = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_4", "conv4_1", "conv4_2", "conv5_1")
    WEIGHT = 1.0  # 0.5 leaves conv3_1 with 40 effective channels; 2 spreads the first layers before they see anything

    def forward(self, activations, classes):
        loss, right = super().forward(activations, classes)
        return loss + self.WEIGHT * torch.stack([repetition(activations[name]) for name in self.SPREAD]).mean(), right


def repetition(x: torch.Tensor) -> torch.Tensor:
    """log of how many channels of `(B, C, H, W)` say the same thing: 0 when none is correlated with another.

    It is log(C / effective channels), their number being C^2 over the sum of squared correlations.
    """
    if x.shape[2] > 8:
        x = x[:, :, ::2, ::2]  # neighbours hardly differ: every second one will do
    rows = x.transpose(0, 1).flatten(1).float()
    rows = rows - rows.mean(1, keepdim=True)
    rows = (rows / (rows.square().mean(1, keepdim=True) + 1e-6).sqrt()).to(torch.bfloat16)
    squared = ((rows @ rows.T).float() / rows.shape[1]).square()
    return (1 + (squared.sum() - squared.diagonal().sum()) / len(squared)).log()


def head(width: int, count: int) -> nn.Sequential:
    """Numbers `(B, width)` to the scores of all windows, `(B, count)`."""
    return nn.Sequential(nn.BatchNorm1d(width), nn.Linear(width, count))


def classify(scores: list[torch.Tensor], classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean cross-entropy of all heads, and how often the last one is right."""
    losses = [F.cross_entropy(score, classes, label_smoothing=0.1) for score in scores]
    return torch.stack(losses).mean(), (scores[-1].argmax(1) == classes).float().mean()


OBJECTIVES = {"exemplar": Exemplar, "texture": Texture, "contrastive": Contrastive, "both": Both, "diverse": Diverse}
