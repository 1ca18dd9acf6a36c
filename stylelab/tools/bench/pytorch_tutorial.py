"""The loop of the PyTorch tutorial 'Neural transfer using PyTorch', as it computes: for comparison, never for use.

NCHW float32, eager; `nn.Sequential` with loss modules that let activations through; ReLUs that copy; targets once;
torch.optim.LBFGS as it comes (20 evaluations a call, 100 past steps), the image clamped inside its closure.
The loss modules stand after the ReLU, where the recipes look, and not before it: the same work, and a loss to compare.

Source: A. Jacq, 'Neural transfer using PyTorch', PyTorch tutorials.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylelab.encoders import POOL_AFTER
from stylelab.errors import InputError
from stylelab.recipes import Gram, SquaredError
from stylelab.tools.bench.turns import Turns
from stylelab.tools.bench.work import Work, make_ready
from stylelab.torch import find_device, to_image, to_tensor


def run(settings: dict, turns: Turns) -> None:
    """Evaluations of the closure until there is no further order: the tutorial calls each of them a step."""
    torch.backends.cudnn.allow_tf32 = True  # PyTorch's own setting, which our package changes
    work, device = make_ready(settings), find_device(settings["device"])
    score, image = prepare(work, device)
    method = torch.optim.LBFGS([image])

    def closure() -> Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        method.zero_grad()
        loss = score(image)
        loss.backward()
        turns(loss.item(), lambda: to_image(image))
        return loss

    while True:
        method.step(closure)


def prepare(work: Work, device: torch.device):
    """The tutorial's score as a function of an image `(1, 3, H, W)`, and the image to start from.

    Raises:
        InputError: a recipe that has more or other parts than the tutorial's loss.
    """
    recipe, weights = work.job.recipe, work.job.weights
    if (recipe.content_loss, recipe.style_loss, weights.tv) != (SquaredError("mean"), Gram("per_element"), 0):
        raise InputError(f"the PyTorch tutorial's loss is not that of recipe '{recipe.name}': use 'lab'")
    content, style, start = (to_tensor(image, device) for image in (work.job.content, work.job.style, work.job.start))
    model, content_losses, style_losses = build(work, content, style, device)
    model.eval().requires_grad_(False)

    def score(image: Tensor) -> Tensor:
        model(image)
        style_score = sum(share * module.loss for share, module in style_losses)
        content_score = sum(share * module.loss for share, module in content_losses)
        return weights.style * style_score + weights.content * content_score

    return score, start.requires_grad_(True)


def build(work: Work, content: Tensor, style: Tensor, device: torch.device):
    """The network with its loss modules, cut off after the last of them, and both kinds with their shares."""
    recipe, model = work.job.recipe, nn.Sequential(Normalise(work)).to(device)
    content_losses, style_losses = [], []
    for layer, filters in work.filters.items():
        model.add_module(layer, _convolution(*filters, work.job.encoder.padding).to(device))
        model.add_module(f"relu_{layer}", nn.ReLU(inplace=False))
        if layer in recipe.content:
            content_losses.append((recipe.content[layer], ContentLoss(model(content).detach())))
            model.add_module(f"content_{layer}", content_losses[-1][1])
        if layer in recipe.style:
            style_losses.append((recipe.style[layer], StyleLoss(model(style).detach())))
            model.add_module(f"style_{layer}", style_losses[-1][1])
        if layer in POOL_AFTER and layer != list(work.filters)[-1]:
            model.add_module(f"pool_{layer}", nn.MaxPool2d(2) if _pooling(work) == "max" else nn.AvgPool2d(2))
    return model, content_losses, style_losses


def _pooling(work: Work) -> str:
    return work.job.recipe.pooling or work.job.encoder.pooling


def _convolution(kernel, bias, padding: str) -> nn.Conv2d:
    convolution = nn.utils.skip_init(nn.Conv2d, kernel.shape[1], len(kernel), 3, padding=1, padding_mode=padding)
    convolution.load_state_dict({"weight": torch.from_numpy(kernel), "bias": torch.from_numpy(bias)})
    return convolution


class Normalise(nn.Module):
    """What the first convolution expects, as (image - mean) / std."""

    def __init__(self, work: Work):
        super().__init__()
        factor, offset = (torch.from_numpy(array.copy()).view(-1, 1, 1) for array in (work.factor, work.offset))
        self.register_buffer("mean", -offset / factor)
        self.register_buffer("std", 1 / factor)

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std


class ContentLoss(nn.Module):
    """Takes note of its loss and hands the activation on."""

    def __init__(self, target: Tensor):
        super().__init__()
        self.target = target

    def forward(self, activation: Tensor) -> Tensor:
        self.loss = F.mse_loss(activation, self.target)
        return activation


class StyleLoss(nn.Module):
    """The same for the Gram matrix."""

    def __init__(self, target: Tensor):
        super().__init__()
        self.target = gram(target)

    def forward(self, activation: Tensor) -> Tensor:
        self.loss = F.mse_loss(gram(activation), self.target)
        return activation


def gram(activation: Tensor) -> Tensor:
    """`(1, C, H, W)` -> `(C, C)`, divided by the number of entries."""
    batch, channels, height, width = activation.shape
    rows = activation.view(batch * channels, height * width)
    return (rows @ rows.t()).div(batch * channels * height * width)
