"""Train a network that paints in one pass, in PyTorch: the encoder measures its images as in style transfer, but what the gradient
moves are the filters and the codes of the network, and no longer an image.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylelab import images as pictures
from stylelab.errors import NotFiniteError
from stylelab.images import Source
from stylelab.networks import STYLE_LAYERS, Weights
from stylelab.networks.spec import COLOURS, read_size
from stylelab.networks.training import (
    BETA1,
    BETA2,
    CODE_RATE,
    CONTENT_LAYER,
    LONGEST,
    SHARES,
    STYLE_LOSS,
    Crops,
    TrainingState,
    TrainingStep,
    ended,
    learning_rate,
    open_styles,
    practice,
    start_of,
)  # fmt: skip
from stylelab.recipes import SquaredError
from stylelab.run.options import TrainingOptions, keywords
from stylelab.torch.features import Encoder, load_encoder
from stylelab.torch.loop import Inside
from stylelab.torch.losses import distance, statistics
from stylelab.torch.networks import Painter
from stylelab.torch.objective import Part, observe
from stylelab.torch.tensors import find_device, to_tensor

DEFAULT = TrainingOptions()
Parameters = dict[str, Tensor]
PARTS = {
    "content": Part(1.0, {CONTENT_LAYER: 1.0}, {CONTENT_LAYER: SquaredError("mean")}),
    "style": Part(1.0, SHARES, dict.fromkeys(SHARES, STYLE_LOSS)),
}


@keywords(TrainingOptions)
def train(
    style: "Source | Sequence[Source] | Mapping[str, Source]", photographs: "Sequence[Source] | None" = None,
    options: TrainingOptions = DEFAULT,
) -> Iterator[TrainingStep]:  # fmt: skip
    """Teach a network that paints in one pass a new style: a step for each batch of crops of photographs.

    >>> for step in sl.train("fluid", steps=2, size=64, batch=1):
    ...     print(step.index, sorted(step.parts))
    1 ['content', 'range', 'style']
    2 ['content', 'range', 'style']
    >>> step.network.styles
    ('fluid',)

    Args:
        style: a path, built-in name or array; several as a list of names, or as `{name: image}`.
        photographs: to practise on; by default the built-in ones.
        options: the fields of `stylelab.run.options.TrainingOptions`, as keywords.

    Returns:
        An iterator of `TrainingStep`: index, loss, its parts, and the network as it is after the step, which `save` writes.
        A network never holds anything but finite numbers.

    Raises:
        InputError: an image, a name or a number is wrong, or the file to resume is of another training.
        NotFiniteError: a loss or a gradient was not finite; the network is as it was before that step.

    Source: Johnson et al. 2016; Dumoulin et al. 2017, section 3.2, for training no more than a code. The loss is `covariance_loss`.
    """
    return _steps(open_styles(style), photographs, options)


def _steps(
    styles: Mapping[str, np.ndarray], photographs: "Sequence[Source] | None", options: TrainingOptions
) -> Iterator[TrainingStep]:
    kept, device = TrainingState(options, styles), find_device(options.device)
    network, weights = start_of(styles, options)
    painter = Painter(network, weights).to(device)
    learned, colours = np.split(weights["codes"], [-COLOURS], axis=1)
    parameters, fixed = {"codes": torch.tensor(learned, device=device)}, torch.tensor(colours, device=device)
    if options.whole:
        parameters |= dict(painter.kernels.items())
    else:
        painter.requires_grad_(False)
    encoder = load_encoder("mini", STYLE_LAYERS, device=device)
    targets = [style_targets(encoder, image, options.scales) for image in styles.values()]
    crops = Crops(practice(photographs), options.size, options.seed)

    def codes() -> Tensor:
        return torch.cat([parameters["codes"], fixed], 1)

    def loss(step: int) -> dict[str, Tensor]:
        photographs = torch.from_numpy(crops.draw(step, options.batch)).permute(0, 3, 1, 2).to(device)
        chosen = crops.choose(step, options.batch, len(styles))
        painted = painter(photographs, codes()[chosen])
        return painting_loss(encoder, painted, photographs, [targets[i] for i in chosen], options.content_weight)

    def read() -> Weights:
        filters = {f"{name}.weight": array(kernel) for name, kernel in painter.kernels.items()}
        return {**filters, "codes": array(codes())}

    for index, parts in lower(parameters, loss, options, kept):
        yield TrainingStep(index, sum(parts.values()), parts, kept.clock(), network, read)


def style_targets(encoder: Encoder, style: np.ndarray, scales: int) -> list[dict[str, Any]]:
    """What a style image leaves behind at each scale: layer -> statistics.

    Args:
        encoder: must give `STYLE_LAYERS`.
        style: `(H, W, 3)` in 0..1.
        scales: how many: the size at which styles are read, half of it, and so on.
    """
    small = to_tensor(pictures.resize(style, read_size(style)), next(encoder.buffers()).device)
    targets = []
    for _ in range(scales):
        with torch.no_grad():
            seen = observe(encoder, small, {"style": PARTS["style"]})[0]["style"]
            targets.append({layer: statistics(STYLE_LOSS, seen[layer]) for layer in SHARES})
        small = F.avg_pool2d(small, 2)
    return targets


def painting_loss(
    encoder: Encoder, painted: Tensor, photographs: Tensor, targets: list[list[dict[str, Any]]], content_weight: float
) -> dict[str, Tensor]:
    """How far painted crops are from the styles wanted, at each scale, and from the photographs.

    Args:
        encoder: must give `STYLE_LAYERS`.
        painted: `(B, 3, H, W)`, not clipped.
        photographs: `(B, 3, H, W)` in 0..1.
        targets: `style_targets` for each.
        content_weight: of the squared error at conv3_1, as a part of the photograph's own sum of squares.

    Returns:
        `{"style", "content", "range"}`: scalars, means over the batch; the last draws colours back into 0..1.
    """
    with torch.no_grad():
        contents = encoder(photographs)[CONTENT_LAYER]
    inside = Inside.apply(painted)
    seen = observe(encoder, inside, PARTS)
    content = sum(
        (one["content"][CONTENT_LAYER] - wanted).square().mean() / wanted.square().mean()
        for one, wanted in zip(seen, contents, strict=True)
    )
    style: Any = 0
    for scale in range(len(targets[0])):
        if scale:
            seen = observe(encoder, F.avg_pool2d(inside, 2**scale), {"style": PARTS["style"]})
        for one, wanted in zip(seen, targets, strict=True):
            losses = (share * distance(STYLE_LOSS, one["style"][layer], wanted[scale][layer]) for layer, share in SHARES.items())
            style = style + sum(losses) / len(targets[0])
    count = len(targets)
    return {"style": style / count, "content": content_weight * content / count, "range": (painted - inside).square().mean()}


def lower(
    parameters: Parameters, loss: Callable[[int], dict[str, Tensor]], options: TrainingOptions, kept: TrainingState
) -> Iterator[tuple[int, dict[str, float]]]:
    """Lower a loss by moving parameters, in place, with Adam (Kingma and Ba 2015): an item for each step.

    Args:
        parameters: by name; those whose names begin with 'codes' learn faster.
        loss: step -> parts, computed from the parameters.
        options: steps, minutes and learning rate.
        kept: where the training is kept, and continues from.

    Raises:
        NotFiniteError: a loss or a gradient was not finite; the parameters are as they were before that step.
    """
    for tensor in parameters.values():
        tensor.requires_grad_(True)
    moments = {f"{name}.{part}": torch.zeros_like(value) for name, value in parameters.items() for part in ("mean", "square")}
    everything = {**parameters, **moments}
    with torch.no_grad():
        for name, before in kept.arrays.items():
            everything[name].copy_(torch.tensor(before))
    index, done = kept.step + 1, False

    def read() -> dict[str, np.ndarray]:
        return {name: array(value) for name, value in everything.items()}

    try:
        while not ended(options, index, kept.clock()):
            parts = loss(index)
            total: Any = sum(parts.values())
            gradients = torch.autograd.grad(total, list(parameters.values()))
            length = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
            if not torch.isfinite(length + total):
                raise NotFiniteError(index, float(total.detach()), np.zeros((1, 1, 3), np.float32))
            rate, shorter = learning_rate(options, index, kept.clock()), min(1.0, LONGEST / (float(length) + 1e-12))
            with torch.no_grad():
                for (name, value), gradient in zip(parameters.items(), gradients, strict=True):
                    mean, square = moments[f"{name}.mean"], moments[f"{name}.square"]
                    mean.lerp_(gradient * shorter, 1 - BETA1)
                    square.lerp_((gradient * shorter).square(), 1 - BETA2)
                    size = (square / (1 - BETA2**index)).sqrt_().add_(1e-8)
                    faster = CODE_RATE if name.startswith("codes") else 1.0
                    value.addcdiv_(mean, size, value=-rate * faster / (1 - BETA1**index))
            kept.step = index
            yield index, {name: float(part.detach()) for name, part in parts.items()}
            index += 1
            kept.keep(kept.step, read)
        done = True
    finally:
        if not done:
            kept.keep(kept.step, read, now=True)
    kept.remove()


def array(tensor: Tensor) -> np.ndarray:
    """A copy of a tensor's numbers."""
    return tensor.detach().cpu().numpy().copy()
