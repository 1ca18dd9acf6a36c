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
    FILTER_RATE,
    LONGEST,
    MOMENTS,
    MOMENTUM,
    SCHULZ,
    SHARES,
    STYLE_LOSS,
    VARIATION,
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
from stylelab.torch.loop import inside
from stylelab.torch.losses import distance, statistics, total_variation, wide
from stylelab.torch.networks import Painter, waves
from stylelab.torch.objective import Part, observe
from stylelab.torch.tensors import find_device, find_precision, to_tensor

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
    1 ['content', 'range', 'style', 'variation']
    2 ['content', 'range', 'style', 'variation']
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
    painter = Painter(network, weights).to(device).requires_grad_(options.whole)
    learned, colours = (torch.tensor(part, device=device) for part in np.split(weights["codes"], [-COLOURS], 1))
    parameters = {"codes": learned, **(painter.kernels if options.whole else {})}
    encoder = load_encoder("mini", STYLE_LAYERS, device=device, precision=find_precision("auto", device, options.size**2))
    targets = [style_targets(encoder, image, options.scales) for image in styles.values()]
    crops = Crops(practice(photographs), options.size, options.seed)

    def codes() -> Tensor:
        return torch.cat([learned, colours], 1)

    def loss(step: int) -> dict[str, Tensor]:
        photographs = torch.from_numpy(crops.draw(step, options.batch)).permute(0, 3, 1, 2).to(device)
        chosen = crops.choose(step, options.batch, len(styles))
        field = waves(network.shape, options.size, options.size, crops.start(step)).to(device)
        painted = painter(photographs, codes()[chosen], field)
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
        `{"style", "content", "range", "variation"}`: scalars, means over the batch; 'range' draws colours back into 0..1, and
        'variation' is `total_variation`, which keeps grain out of flat areas.
    """
    with torch.no_grad():
        contents = wide(encoder(photographs)[CONTENT_LAYER])
    clipped = inside(painted)
    seen = observe(encoder, clipped, PARTS)
    found: list[Any] = [one["content"][CONTENT_LAYER] for one in seen]
    content = sum(
        (wide(one) - wanted).square().mean() / wanted.square().mean() for one, wanted in zip(found, contents, strict=True)
    )
    style: Any = 0
    for scale in range(len(targets[0])):
        if scale:
            seen = observe(encoder, F.avg_pool2d(clipped, 2**scale), {"style": PARTS["style"]})
        for one, wanted in zip(seen, targets, strict=True):
            losses = (share * distance(STYLE_LOSS, one["style"][layer], wanted[scale][layer]) for layer, share in SHARES.items())
            style = style + sum(losses) / len(targets[0])
    count = len(targets)
    return {
        "style": style / count,
        "content": content_weight * content / count,
        "range": (painted - clipped).square().mean(),
        "variation": VARIATION * total_variation(painted, "l2") / painted.numel(),
    }


def lower(
    parameters: Parameters, loss: Callable[[int], dict[str, Tensor]], options: TrainingOptions, kept: TrainingState
) -> Iterator[tuple[int, dict[str, float]]]:
    """Lower a loss by moving parameters, in place: an item for each step.

    Codes move with Adam (Kingma and Ba 2015). Filters move with momentum of which all directions are made equally strong (Jordan
    et al. 2024, 'Muon'), which gets further in as many steps.

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
    moments = {f"{name}.{moment}": torch.zeros_like(value) for name, value in parameters.items() for moment in MOMENTS}
    values = {**{name: value.detach().clone() for name, value in parameters.items()}, **moments}
    if kept.arrays:
        values = {name: torch.tensor(kept.arrays[name], device=value.device) for name, value in values.items()}
    latest = kept.step, values  # replaced at once, so that a stop at any moment leaves a whole step

    def put() -> None:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(latest[1][name])

    def read() -> dict[str, np.ndarray]:
        return {name: array(value) for name, value in latest[1].items()}

    try:
        put()
        while not ended(options, index := latest[0] + 1, kept.clock()):
            parts = loss(index)
            total: Any = sum(parts.values())
            gradients = dict(zip(parameters, torch.autograd.grad(total, list(parameters.values())), strict=True))
            moved = _moved(latest[1], gradients, index, learning_rate(options, index, kept.clock()))
            if not all(torch.isfinite(value).all() for value in (total, *moved.values())):
                raise NotFiniteError(index, float(total.detach()), np.zeros((1, 1, 3), np.float32))
            latest = index, moved
            put()
            yield index, {name: float(part.detach()) for name, part in parts.items()}
            kept.keep(latest[0], read)
    except BaseException:
        put()
        kept.keep(latest[0], read, now=True)
        raise
    kept.end(latest[0])


@torch.no_grad()
def _moved(values: Parameters, gradients: Parameters, step: int, rate: float) -> Parameters:
    """Parameters and their moments, as they are after a step: filters by orthogonalised momentum, all others by Adam."""
    length = torch.stack([gradient.square().sum() for gradient in gradients.values()]).sum().sqrt()
    shorter = (LONGEST / (length + 1e-12)).clamp(max=1.0)
    moved: Parameters = {}
    for name, gradient in gradients.items():
        mean, square = (values[f"{name}.{moment}"] for moment in MOMENTS)
        if gradient.dim() == 4:
            mean = MOMENTUM * mean + gradient
            move = FILTER_RATE * rate * _orthogonal(gradient + MOMENTUM * mean)
        else:
            mean = mean.lerp(gradient * shorter, 1 - BETA1)
            square = square.lerp((gradient * shorter).square(), 1 - BETA2)
            own = CODE_RATE * rate if name.startswith("codes") else rate
            move = own / (1 - BETA1**step) * mean / ((square / (1 - BETA2**step)).sqrt() + 1e-8)
        moved |= {name: values[name] - move, f"{name}.mean": mean, f"{name}.square": square}
    return moved


def _orthogonal(momentum: Tensor) -> Tensor:
    """Filters `(O, I, 3, 3)` with roughly all singular values brought to 1, by Newton's and Schulz's iteration."""
    matrix = momentum.flatten(1)
    matrix = matrix / (matrix.norm() + 1e-12)
    for _ in range(5):
        gram = matrix @ matrix.T
        matrix = SCHULZ[0] * matrix + (SCHULZ[1] * gram + SCHULZ[2] * gram @ gram) @ matrix
    return matrix.reshape(momentum.shape)


def array(tensor: Tensor) -> np.ndarray:
    """A copy of a tensor's numbers, in the order of a file."""
    return tensor.detach().cpu().numpy().copy()
