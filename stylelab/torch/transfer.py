"""Style transfer in PyTorch: a loss made of two pictures, and a loop that lowers it."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from stylelab import job as jobs
from stylelab.errors import InputError, NotFiniteError, unknown
from stylelab.recipes import OPTIMISERS, Optimiser, Recipe, Weights
from stylelab.result import Result, Step
from stylelab.torch.features import Encoder, find_device, load_encoder
from stylelab.torch.losses import content_loss, gram_matrix, style_layer_loss, total_variation

Loss = Callable[[Tensor], "Tensor | dict[str, Tensor]"]
MEMORY = 20  # past steps that L-BFGS remembers; each costs two pictures of memory


def to_tensor(picture: np.ndarray, device: "str | torch.device | None" = None) -> Tensor:
    """A picture as an encoder takes it.

    Args:
        picture: `(H, W, 3)` array in 0..1; it is copied.
        device: where to put the tensor; by default the fastest there is, as for `load_encoder`.

    Returns:
        `(1, 3, H, W)` float32.

    Raises:
        InputError: another shape, or not the name of a device.
        MachineError: a GPU asked for by name that is not there.

    Source: ours; the seeds do it with their framework's image loaders.
    """
    array = np.array(picture, dtype=np.float32)  # a copy: the tensor must not share the caller's memory
    if array.ndim != 3 or array.shape[2] != 3:
        raise InputError(f"picture must be (H, W, 3); got {array.shape}")
    return torch.from_numpy(array).permute(2, 0, 1)[None].contiguous().to(find_device(device))


def to_picture(tensor: Tensor) -> np.ndarray:
    """The inverse of `to_tensor`, clipped.

    Args:
        tensor: `(1, 3, H, W)`, on any device.

    Returns:
        `(H, W, 3)` float32 array in 0..1.

    Raises:
        InputError: another shape.

    Source: ours; as `deprocess_img` of seeds/000, without the way through 8 bits.
    """
    if tensor.ndim != 4 or tensor.shape[:2] != (1, 3):
        raise InputError(f"tensor must be (1, 3, H, W); got {tuple(tensor.shape)}")
    return tensor.detach()[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy().copy()


def transfer_loss(encoder: Encoder, content: Tensor, style: Tensor, recipe: Recipe, weights: Weights | None = None) -> Loss:
    """The total loss of a recipe, in its parts. Targets are computed here, once.

    Args:
        encoder: must give the recipe's layers.
        content: `(1, 3, H, W)` in 0..1.
        style: `(1, 3, H', W')` in 0..1, of any size.
        recipe: layers and normalisations.
        weights: of the parts; by default the author's.

    Returns:
        A function: picture `(1, 3, H, W)` -> `{"content", "style", "tv"}`, weighted scalars.

    Raises:
        InputError: the encoder was loaded without one of the recipe's layers, or an unknown normalisation.

    Source: Gatys et al. 2016, equations 1 to 7.
    """
    if missing := [layer for layer in recipe.layers if layer not in encoder.layers]:
        raise InputError(f"the encoder was loaded without {', '.join(missing)}: load it with layers=recipe.layers")
    weights = weights or recipe.weights
    height, width = content.shape[2:]
    with torch.no_grad():
        content_targets, style_activations = encoder(content), encoder(style)
        places = {layer: content_targets[layer][0, 0].numel() for layer in recipe.style}
        grams = {layer: _target_gram(style_activations[layer], recipe, places[layer]) for layer in recipe.style}
    content_targets = {layer: content_targets[layer] for layer in recipe.content}

    def loss(picture: Tensor) -> dict[str, Tensor]:
        activations = encoder(picture)
        content_part = sum(
            share * content_loss(activations[layer], content_targets[layer], recipe.content_loss)
            for layer, share in recipe.content.items()
        )
        style_part = sum(
            share * style_layer_loss(
                activations[layer], grams[layer], recipe.style_loss, gram=recipe.gram, picture_size=(height, width)
            )
            for layer, share in recipe.style.items()
        )
        parts = {"content": weights.content * content_part, "style": weights.style * style_part}
        if weights.tv:
            parts["tv"] = weights.tv * total_variation(picture, recipe.tv)
        return parts

    return loss


def _target_gram(activation: Tensor, recipe: Recipe, places: int) -> Tensor:
    """The style picture's Gram matrix, as if it had as many places as the picture being painted."""
    if recipe.style_loss == "mean":
        return gram_matrix(activation, recipe.gram)
    return gram_matrix(activation, "per_location") * places


def optimise(picture: Tensor, loss: Loss, *, optimiser: "str | Optimiser" = "lbfgs", steps: int) -> Iterator[Step]:
    """Lower a loss by changing a picture, one step at a time. The reader of the iterator may stop whenever it likes.

    Args:
        picture: `(1, 3, H, W)` in 0..1, where to start; it is not changed.
        loss: picture -> a scalar, or a dict of named scalars whose sum is lowered.
        optimiser: 'lbfgs', 'adam', 'sgd', or an `Optimiser` with its settings.
        steps: how many.

    Yields:
        Step(index from 1, the loss that the step started from, its parts, the picture after the step).

    Raises:
        InputError: an unknown optimiser.
        NotFiniteError: the loss is NaN or infinite; it carries the last good picture.

    Source: Gatys et al. 2016 for L-BFGS; Liu and Nocedal 1989; Kingma and Ba 2015 for Adam.
    """
    settings = optimiser if isinstance(optimiser, Optimiser) else Optimiser(optimiser, *_LEARNING_RATES.get(optimiser, ()))
    if settings.name not in OPTIMISERS:
        raise unknown("optimiser", settings.name, OPTIMISERS)
    start = picture.detach().clone(memory_format=torch.contiguous_format)  # L-BFGS flattens it
    start.requires_grad_(True)
    # made here and not at the first step: PyTorch's first optimiser imports for seconds
    return _steps(start, loss, settings, _method(start, settings), steps)


_LEARNING_RATES = {"adam": (0.02,), "sgd": (0.1,)}


def _steps(picture: Tensor, loss: Loss, settings: Optimiser, method, steps: int) -> Iterator[Step]:
    parts: dict[str, Tensor] = {}

    def total() -> Tensor:
        picture.grad = None
        parts.update(_named(loss(picture)))
        value = sum(parts.values())
        value.backward()
        return value.detach()

    good = before = picture.detach().clone()
    for index in range(1, steps + 1):
        method.step(total)
        names, values = list(parts), torch.stack([part.detach() for part in parts.values()]).double().tolist()
        if not np.isfinite(sum(values)):
            raise NotFiniteError(index, sum(values), to_picture(good))
        with torch.no_grad():
            if settings.clip:
                picture.clamp_(0, 1)
            if index == steps and isinstance(method, _LBFGS):
                method.check(sum(_named(loss(picture)).values()))
        good, before = before, picture.detach().clone()
        yield Step(index, sum(values), dict(zip(names, values, strict=True)), lambda after=before: to_picture(after))


def _method(picture: Tensor, settings: Optimiser) -> "torch.optim.Optimizer | _LBFGS":
    if settings.name == "lbfgs":
        return _LBFGS(picture)
    if settings.name == "adam":
        # the frameworks put epsilon in two different places: so small that neither is felt, the steps are the same
        method = torch.optim.Adam([picture], settings.learning_rate, betas=(settings.beta1, 0.999), eps=1e-12)
    else:
        method = torch.optim.SGD([picture], settings.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(method, lambda step: settings.decay ** (step / 100))
    method.register_step_post_hook(lambda *_: schedule.step())
    return method


class _LBFGS:
    """torch.optim.LBFGS with one evaluation a step and, instead of a line search, two limits on its moves.

    Its own first move is too short for pictures, by a factor of their number of pixels, and an early one may leap
    over a ridge. So the first move is set, later ones are limited, and one that doubles the loss is taken back. It
    takes a small loss for a flat one, so gradients reach it at one scale, whatever the loss is multiplied with.
    """

    FIRST = 0.01  # mean change of a pixel in the first step, for pictures in 0..1
    LIMIT = 0.05  # root mean square change of the pixels in any step

    def __init__(self, picture: Tensor):
        self.picture, self.first = picture, self.FIRST
        self.good, self.lowest, self.scale = picture.detach().clone(), np.inf, None
        self._forget()

    def _forget(self) -> None:
        # tolerances at 0, or it stops by itself
        self.method = torch.optim.LBFGS([self.picture], max_iter=1, history_size=MEMORY, tolerance_grad=0, tolerance_change=0)

    def step(self, total: Callable[[], Tensor]) -> None:
        before = self.picture.detach().clone()
        value = self.method.step(lambda: self._scaled(total))
        with torch.no_grad():
            if self.check(value):
                self.good, self.lowest = before, float(value)
                self._limit(before)

    def _scaled(self, total: Callable[[], Tensor]) -> Tensor:
        value = total()
        self.scale = self.scale or 1 / max(float(self.picture.grad.abs().mean()), 1e-30)
        self.picture.grad *= self.scale
        return value

    def check(self, value: Tensor) -> bool:
        """Whether the picture with that loss may stay. If not, the last good one is back."""
        leapt = float(value) > self.lowest + abs(self.lowest)
        if leapt:
            self.picture.copy_(self.good)
            self.first /= 4
            self._forget()
        return not leapt

    def _limit(self, before: Tensor) -> None:
        state = self.method.state[self.picture]
        move = self.picture - before
        if not move.any():
            return
        if state["n_iter"] == 1:
            factor = self.first / move.abs().mean()
        else:
            factor = (self.LIMIT / move.square().mean().sqrt()).clamp(max=1)
        self.picture.copy_(before + factor * move)
        state["t"] *= float(factor)  # so that its memory holds the move that was made


def _named(loss: "Tensor | dict[str, Tensor]") -> dict[str, Tensor]:
    return loss if isinstance(loss, dict) else {"loss": loss}


def transfer(
    content,
    style,
    *,
    recipe: "str | Recipe" = "gatys",
    encoder="auto",
    size: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str | None = None,
    content_layers: Sequence[str] | None = None,
    style_layers: Sequence[str] | None = None,
    watch: jobs.Watch | None = None,
    snapshots: Sequence[int] | None = None,
) -> Result:
    """Paint one picture's content in another's style.

    Args:
        content, style: path, built-in name, PIL image, or float array `(H, W, 3)` in 0..1.
        recipe: a name of `stylelab.recipes.RECIPES`, or a Recipe.
        encoder: 'auto' (`vgg19` when it is in the cache, else `mini`), another name, or a path.
        size: long side in pixels; by default the recipe's.
        steps: by default the recipe's.
        seed: of the noise that some recipes start from.
        device: 'cpu', 'gpu', 'cuda', 'mps'; by default the fastest there is.
        content_layers, style_layers: instead of the recipe's, for an encoder that stops early, say.
        watch: called with every Step.
        snapshots: the steps whose pictures are kept.

    Returns:
        Result: picture, history, snapshots, seconds, device. On Ctrl-C the best picture so far, at a loss that is
        not finite the last good one; `stopped` says so.

    Raises:
        InputError: something about the pictures, names or numbers given.
        MachineError: a GPU asked for by name that is not there.

    Source: Gatys, Ecker and Bethge 2016.
    """
    job = jobs.prepare(
        content, style, recipe=recipe, encoder=encoder, size=size, steps=steps, seed=seed,
        content_layers=content_layers, style_layers=style_layers,
    )  # fmt: skip
    recipe = job.recipe
    network = load_encoder(
        job.encoder, recipe.layers, pooling=recipe.pooling, normalised=job.normalised, device=device
    )
    where = network.factor.device
    loss = transfer_loss(network, to_tensor(job.content, where), to_tensor(job.style, where), recipe, job.weights)
    run = optimise(to_tensor(job.start, where), loss, optimiser=recipe.optimiser, steps=recipe.steps)
    return jobs.collect(run, job, device=str(where), watch=watch, snapshots=snapshots)
