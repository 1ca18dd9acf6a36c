"""The loop of the PyTorch tutorial 'Neural transfer using PyTorch', written again to be timed.

NCHW float32, eager; `nn.Sequential` with loss modules that pass activations through; ReLUs that copy; targets computed once;
torch.optim.LBFGS with its defaults (20 evaluations per call, 100 past steps); the image clamped in the closure.
The loss modules follow the ReLU, as in our recipe, where the tutorial puts them before it: the same amount of work, and
losses that can be compared.

Source: A. Jacq, 'Neural transfer using PyTorch', PyTorch tutorials.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stylelab.encoders import POOL_AFTER
from stylelab.tools.bench.turns import Turns, Work, work_of
from stylelab.torch import find_device, to_image, to_tensor


def run(settings: dict, turns: Turns) -> None:
    """Minimise the loss of the recipe 'lab'. Each evaluation of the closure is a step, as the tutorial counts."""
    torch.backends.cudnn.allow_tf32 = True  # PyTorch's default, which our package changes
    work, device = work_of(settings), find_device(settings["device"])
    content, style, image = (to_tensor(array, device) for array in (work.job.content, work.job.style, work.job.start))
    model, content_losses, style_losses = build(work, content, style, device)
    model.eval().requires_grad_(False)
    weights, image = work.job.weights, image.requires_grad_(True)
    optimiser = torch.optim.LBFGS([image])

    def closure() -> Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        optimiser.zero_grad()
        model(image)
        style_score = sum(share * module.loss for share, module in style_losses)
        content_score = sum(share * module.loss for share, module in content_losses)
        loss = weights.style * style_score + weights.content * content_score
        loss.backward()
        turns(loss.item(), lambda: to_image(image))
        return loss

    while True:
        optimiser.step(closure)


def build(work: Work, content: Tensor, style: Tensor, device: torch.device):
    """The network with its loss modules, up to the last of them; and the content and style modules with their shares."""
    recipe, encoder, model = work.job.recipe, work.job.encoder, nn.Sequential(Normalise(work)).to(device)
    content_losses, style_losses = [], []
    for layer, (kernel, bias) in work.filters.items():
        convolution = nn.utils.skip_init(
            nn.Conv2d, kernel.shape[1], len(kernel), 3, padding=1, padding_mode=encoder.padding, device=device
        )
        convolution.load_state_dict({"weight": torch.from_numpy(kernel), "bias": torch.from_numpy(bias)})
        model.add_module(layer, convolution)
        model.add_module(f"relu_{layer}", nn.ReLU(inplace=False))
        if layer in recipe.content:
            content_losses.append((recipe.content[layer], Loss(model(content).detach(), lambda activation: activation)))
            model.add_module(f"content_{layer}", content_losses[-1][1])
        if layer in recipe.style:
            style_losses.append((recipe.style[layer], Loss(model(style).detach(), gram)))
            model.add_module(f"style_{layer}", style_losses[-1][1])
        if layer in POOL_AFTER and layer != list(work.filters)[-1]:
            model.add_module(f"pool_{layer}", nn.MaxPool2d(2) if work.pooling == "max" else nn.AvgPool2d(2))
    return model, content_losses, style_losses


class Normalise(nn.Module):
    """Prepare an image for the first convolution: (image - mean) / std."""

    mean: Tensor
    std: Tensor

    def __init__(self, work: Work):
        super().__init__()
        factor, offset = (torch.from_numpy(array.copy()).view(-1, 1, 1) for array in (work.factor, work.offset))
        self.register_buffer("mean", -offset / factor)
        self.register_buffer("std", 1 / factor)

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std


class Loss(nn.Module):
    """Store the mean squared error of a statistic of the activation, and pass the activation through."""

    def __init__(self, target: Tensor, statistic: Callable[[Tensor], Tensor]):
        super().__init__()
        self.target, self.statistic = statistic(target), statistic

    def forward(self, activation: Tensor) -> Tensor:
        self.loss = F.mse_loss(self.statistic(activation), self.target)
        return activation


def gram(activation: Tensor) -> Tensor:
    """`(1, C, H, W)` -> `(C, C)`, divided by C H W."""
    batch, channels, height, width = activation.shape
    rows = activation.view(batch * channels, height * width)
    return (rows @ rows.t()).div(batch * channels * height * width)
