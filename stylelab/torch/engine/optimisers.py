"""How the gradient moves a batch of images: L-BFGS, Adam, plain descent. Each keeps its state on the images' device.

A method takes the losses `(B,)` and the gradient `(B, 3, H, W)` of the images as they are, and moves them in place.
`enlarged` returns the same method for larger images, with what it has learnt so far. `state` gives that as arrays, to be saved;
`restore` brings it back into a new method for images of the same size.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylelab.errors import unknown
from stylelab.recipes import OPTIMISERS, Optimiser
from stylelab.run.numerics import lbfgs


def make_method(settings: Optimiser, images: Tensor) -> "_LBFGS | _Adam | _Descent":
    """The method of those settings for `(B, 3, H, W)` float32.

    Raises:
        InputError: an unknown optimiser.
    """
    methods: dict[str, Callable[[Optimiser, Tensor], _LBFGS | _Adam | _Descent]] = {
        "lbfgs": _LBFGS,
        "adam": _Adam,
        "sgd": _Descent,
    }
    if settings.name not in methods:
        raise unknown("optimiser", settings.name, OPTIMISERS)
    return methods[settings.name](settings, images)


class _Descent:
    """Against the gradient, by the learning rate."""

    def __init__(self, settings: Optimiser, images: Tensor):
        self.settings, self.steps = settings, 0

    def step(self, images: Tensor, losses: Sequence[float], gradient: Tensor) -> None:
        images.sub_(gradient, alpha=self._rate())

    def check(self, images: Tensor, losses: Callable[[], Sequence[float]]) -> None:
        """Check the images after the last step; `losses` computes theirs if the method needs them."""

    def renewed(self) -> None:
        """What the loss draws at random was drawn again: its values and gradients are no longer comparable with earlier ones."""

    def enlarged(self, settings: Optimiser, images: Tensor) -> Self:
        larger = type(self)(settings, images)
        larger.steps = self.steps
        return larger

    def state(self) -> dict[str, np.ndarray]:
        return {"steps": np.array([self.steps])}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        self.steps = int(state["steps"][0])

    def _rate(self) -> float:
        self.steps += 1
        return self.settings.learning_rate * self.settings.decay ** ((self.steps - 1) / 100)


class _Adam(_Descent):
    """Kingma and Ba 2015, algorithm 1. Epsilon only avoids a division by zero."""

    BETA2, EPSILON = 0.999, 1e-12

    def __init__(self, settings: Optimiser, images: Tensor):
        super().__init__(settings, images)
        self.mean, self.square = torch.zeros_like(images), torch.zeros_like(images)
        self.last_size: Tensor | None = None  # mean size of the last gradient, until a gradient at the new size is known

    def step(self, images: Tensor, losses: Sequence[float], gradient: Tensor) -> None:
        if self.last_size is not None:
            change = gradient.abs().mean() / self.last_size
            self.mean *= change
            self.square *= change**2
            self.last_size = None
        rate, beta1 = self._rate(), self.settings.beta1
        self.mean.lerp_(gradient, 1 - beta1)
        self.square.mul_(self.BETA2).addcmul_(gradient, gradient, value=1 - self.BETA2)
        root = (self.square / (1 - self.BETA2**self.steps)).sqrt_().add_(self.EPSILON)
        images.addcdiv_(self.mean, root, value=-rate / (1 - beta1**self.steps))
        self.last = gradient.abs().mean()

    def enlarged(self, settings: Optimiser, images: Tensor) -> Self:
        larger = super().enlarged(settings, images)
        larger.mean, larger.square = (enlarge(moment, images.shape[2:]) for moment in (self.mean, self.square))
        larger.last_size = self.last
        return larger

    def state(self) -> dict[str, np.ndarray]:
        return super().state() | {name: getattr(self, name).cpu().numpy() for name in ("mean", "square", "last")}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        super().restore(state)
        self.mean, self.square, last = (torch.tensor(state[name]).to(self.mean.device) for name in ("mean", "square", "last"))
        self.last = last.reshape(())


class _LBFGS:
    """One L-BFGS for each image of the batch."""

    def __init__(self, settings: Optimiser, images: Tensor):
        self.curvatures = [_Curvature(image, settings.softness) for image in images]

    def step(self, images: Tensor, losses: Sequence[float], gradient: Tensor) -> None:
        for one, image, loss, slope in zip(self.curvatures, images, losses, gradient, strict=True):
            one.step(image, loss, slope)

    def check(self, images: Tensor, losses: Callable[[], Sequence[float]]) -> None:
        """Undo the last step of an image whose loss has doubled."""
        for one, image, loss in zip(self.curvatures, images, losses(), strict=True):
            one.leapt(image, loss)

    def renewed(self) -> None:
        """Compare neither the next loss with the lowest one nor the next gradient with the last one."""
        for one in self.curvatures:
            one.before, one.lowest = None, np.inf

    def enlarged(self, settings: Optimiser, images: Tensor) -> "_LBFGS":
        larger = _LBFGS(settings, images)
        for new, old in zip(larger.curvatures, self.curvatures, strict=True):
            new.inherit(old)
        return larger

    def state(self) -> dict[str, np.ndarray]:
        return {f"{i}.{name}": array for i, one in enumerate(self.curvatures) for name, array in one.state().items()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        for i, one in enumerate(self.curvatures):
            one.restore({name.removeprefix(f"{i}."): array for name, array in state.items() if name.startswith(f"{i}.")})


def _stored(image: Tensor) -> torch.dtype:
    """What pairs are rounded to: `lbfgs.STORED`, or float32 if the image's device lacks it."""
    dtype: torch.dtype = getattr(torch, lbfgs.STORED)
    try:
        image.new_zeros(1, dtype=dtype).float()
    except (RuntimeError, TypeError):
        return torch.float32
    return dtype


class _Curvature:
    """L-BFGS of one image `(3, H, W)`, with one evaluation a step and, instead of a line search, two limits on each move.

    A single gradient does not say how far to go, and an early step may jump over a ridge. So the first move has a fixed
    length, later ones are limited, and a move that doubles the loss is undone.

    What it remembers is in bfloat16, where the device has that, and the dot products are those of the rounded vectors: so the step is that of L-BFGS with
    slightly other pairs.
    """

    def __init__(self, image: Tensor, softness: float = 0.0):
        self.shape = image.shape
        self.memory = lbfgs.memory(image.numel())
        self.vectors = image.new_zeros(2 * self.memory, image.numel(), dtype=_stored(image))  # moves s, changes of the gradient y
        self.gradient = image.new_zeros(image.numel())  # the last one, which follows them as row -1
        self.before: Tensor | None = None  # the last good image
        self.move: Tensor | None = None  # from there
        self.room = image.new_empty(image.numel())  # for the next one
        height, width = image.shape[1:]
        self.softness = torch.from_numpy(lbfgs.softness(height, width, softness)).to(image) if softness else None
        self.first, self.lowest = lbfgs.FIRST, np.inf
        self.scale: float | None = None
        self._forget()

    def _forget(self) -> None:
        self.pairs: list[tuple[int, int]] = []  # rows of s and y, oldest first
        self.dots = np.zeros((2 * self.memory + 1,) * 2)
        self.learnt = 0

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> None:
        if not self.leapt(image, loss):
            self.scale = self.scale or 1 / max(float(gradient.abs().mean()), 1e-30)  # so that squares stay within float32
            self._learn(image, self._soften(gradient * self.scale).reshape(-1))
            self.lowest = loss
            self._move(image)

    def leapt(self, image: Tensor, loss: float) -> bool:
        """Whether the loss has doubled since the last good image. If so, that one is back."""
        if not loss > self.lowest + abs(self.lowest):
            return False
        assert self.before is not None
        image.copy_(self.before)
        self.before = None  # the undone move must not make a pair
        self.first /= 4
        self._forget()
        return True

    def _learn(self, image: Tensor, gradient: Tensor) -> None:
        """Store a new gradient. With the one before, if there is one, it makes a pair."""
        rows = [-1]
        if self.before is None or self.move is None:
            self.before = image.clone()
        else:
            rows = [self.learnt % self.memory, self.memory + self.learnt % self.memory, -1]
            self.vectors[rows[0]] = self.move
            self.vectors[rows[1]] = gradient - self.gradient
            self.before.copy_(image)
        self.gradient.copy_(gradient)
        self._multiply(rows)
        if len(rows) > 1:
            self._remember(*rows[:2])

    def _multiply(self, rows: list[int]) -> None:
        products = torch.stack([block[rows] @ block.T for block in self._blocks()]).sum(0).cpu().numpy()
        self.dots[rows], self.dots[:, rows] = products, products.T

    def _blocks(self) -> Iterator[Tensor]:
        """All rows in float32, the gradient's last, some columns at a time."""
        width = lbfgs.BLOCK if self.gradient.device.type == "cpu" else lbfgs.LARGE_BLOCK
        for coarse, fine in zip(self.vectors.split(width, 1), self.gradient.split(width), strict=True):
            yield torch.cat([coarse.float(), fine[None]])

    def _remember(self, s: int, y: int) -> None:
        self.pairs = [pair for pair in self.pairs if pair != (s, y)]  # the oldest one, when the memory is full
        if lbfgs.curved(self.dots[s, s], self.dots[s, y], self.dots[y, y]):
            self.pairs.append((s, y))
            self.learnt += 1

    def _move(self, image: Tensor) -> None:
        coefficients = torch.from_numpy(lbfgs.direction(self.dots, self.pairs).astype(np.float32)).to(image.device)
        move = self.move = torch.cat([coefficients @ block for block in self._blocks()], out=self.room)
        change = self._soften(move.view(image.shape))
        if self.pairs:
            factor = lbfgs.LIMIT / max(float(change.square().mean().sqrt()), lbfgs.LIMIT)
        else:
            factor = self.first / max(float(change.abs().mean()), 1e-30)
        image.add_(change, alpha=factor)
        move *= factor

    def _soften(self, image: Tensor) -> Tensor:
        """`lbfgs.softness` applied to `(3, H, W)`."""
        if self.softness is None:
            return image
        return torch.fft.irfft2(torch.fft.rfft2(image) * self.softness, s=image.shape[1:])

    def state(self) -> dict[str, np.ndarray]:
        """Its memory, without rows that no pair is in."""
        used = min(self.learnt, self.memory)
        bits = self.vectors.view(torch.uint16) if self.vectors.dtype == torch.bfloat16 else self.vectors
        parts = {"s": bits[:used], "y": bits[self.memory :][:used], "gradient": self.gradient}
        parts |= {name: part for name, part in (("before", self.before), ("move", self.move)) if part is not None}
        return {name: part.cpu().numpy() for name, part in parts.items()} | {
            "pairs": np.array(self.pairs, np.int64).reshape(-1, 2),
            "dots": self.dots,
            "numbers": np.array([self.learnt, self.first, self.lowest, self.scale or 0.0]),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        parts = {name: torch.tensor(array) for name, array in state.items()}
        used = len(parts["s"])
        for name, rows in (("s", self.vectors[:used]), ("y", self.vectors[self.memory :][:used])):
            rows.copy_(parts[name].view(torch.bfloat16) if parts[name].dtype == torch.uint16 else parts[name])
        self.gradient.copy_(parts["gradient"])
        self.before, self.move = (parts[name].to(self.gradient.device) if name in parts else None for name in ("before", "move"))
        self.pairs, self.dots = [(int(s), int(y)) for s, y in state["pairs"]], state["dots"].copy()
        learnt, self.first, self.lowest, scale = state["numbers"].tolist()
        self.learnt, self.scale = int(learnt), scale or None

    def inherit(self, smaller: "_Curvature") -> None:
        """Take over the memory of a smaller image, enlarged.

        With more pixels each has a smaller share of the loss, and so a smaller gradient.
        """
        share = smaller.shape[1:].numel() / self.shape[1:].numel()
        self.scale = smaller.scale
        for s, y in smaller.pairs[-self.memory :]:
            row = self.learnt
            for target, source, factor in ((row, s, 1), (self.memory + row, y, share)):
                small = factor * smaller.vectors[source].float().view(1, *smaller.shape)
                self.vectors[target] = enlarge(small, self.shape[1:]).reshape(-1)
            self._multiply([row, self.memory + row])
            self._remember(row, self.memory + row)


def enlarge(vectors: Tensor, size: Sequence[int]) -> Tensor:
    """The vectors that a method remembers, `(B, C, H, W)` of either sign, at another (H, W)."""
    return F.interpolate(vectors, size=tuple(size), mode="bilinear", align_corners=False)
