"""How the gradient moves a batch of pictures: L-BFGS, Adam, plain descent. Each keeps its state on the pictures' device.

A method is told the losses `(B,)` and the gradient `(B, 3, H, W)` of the pictures as they are, and moves them in place.
`enlarged` gives the same method for larger pictures, with all that it has learnt.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from stylelab.errors import unknown
from stylelab.recipes import OPTIMISERS, Optimiser
from stylelab.run.numerics import lbfgs


def make_method(settings: Optimiser, pictures: Tensor) -> "_LBFGS | _Adam | _Descent":
    """The method of those settings for `(B, 3, H, W)` float32.

    Raises:
        InputError: an unknown optimiser.
    """
    methods = {"lbfgs": _LBFGS, "adam": _Adam, "sgd": _Descent}
    if settings.name not in methods:
        raise unknown("optimiser", settings.name, OPTIMISERS)
    return methods[settings.name](settings, pictures)


class _Descent:
    """Along the gradient, as far as the learning rate says."""

    def __init__(self, settings: Optimiser, pictures: Tensor):
        self.settings, self.steps = settings, 0

    def step(self, pictures: Tensor, losses: Sequence[float], gradient: Tensor) -> None:
        pictures.sub_(gradient, alpha=self._rate())

    def check(self, pictures: Tensor, losses: Callable[[], Sequence[float]]) -> None:
        """A last look at the pictures; `losses` is asked for theirs if that matters."""

    def enlarged(self, settings: Optimiser, pictures: Tensor) -> "_Descent":
        larger = type(self)(settings, pictures)
        larger.steps = self.steps
        return larger

    def _rate(self) -> float:
        self.steps += 1
        return self.settings.learning_rate * self.settings.decay ** ((self.steps - 1) / 100)


class _Adam(_Descent):
    """Kingma and Ba 2015, algorithm 1. Epsilon is so small that it is never felt."""

    BETA2, EPSILON = 0.999, 1e-12

    def __init__(self, settings: Optimiser, pictures: Tensor):
        super().__init__(settings, pictures)
        self.mean, self.square = torch.zeros_like(pictures), torch.zeros_like(pictures)
        self.size = None  # of the last gradient, while it is not known whether the next picture has others

    def step(self, pictures: Tensor, losses: Sequence[float], gradient: Tensor) -> None:
        if self.size is not None:
            change = gradient.abs().mean() / self.size
            self.mean *= change
            self.square *= change**2
            self.size = None
        rate, beta1 = self._rate(), self.settings.beta1
        self.mean.lerp_(gradient, 1 - beta1)
        self.square.mul_(self.BETA2).addcmul_(gradient, gradient, value=1 - self.BETA2)
        root = (self.square / (1 - self.BETA2**self.steps)).sqrt_().add_(self.EPSILON)
        pictures.addcdiv_(self.mean, root, value=-rate / (1 - beta1**self.steps))
        self.last = gradient.abs().mean()

    def enlarged(self, settings: Optimiser, pictures: Tensor) -> "_Adam":
        larger = super().enlarged(settings, pictures)
        larger.mean, larger.square = (enlarge(each, pictures.shape[2:]) for each in (self.mean, self.square))
        larger.size = self.last
        return larger


class _LBFGS:
    """One L-BFGS for each picture of the batch."""

    def __init__(self, settings: Optimiser, pictures: Tensor):
        self.each = [_Curvature(picture, settings.softness) for picture in pictures]

    def step(self, pictures: Tensor, losses: Sequence[float], gradient: Tensor) -> None:
        for one, picture, loss, slope in zip(self.each, pictures, losses, gradient, strict=True):
            one.step(picture, loss, slope)

    def check(self, pictures: Tensor, losses: Callable[[], Sequence[float]]) -> None:
        """Take back a last step that leapt."""
        for one, picture, loss in zip(self.each, pictures, losses(), strict=True):
            one.leapt(picture, loss)

    def enlarged(self, settings: Optimiser, pictures: Tensor) -> "_LBFGS":
        larger = _LBFGS(settings, pictures)
        for new, old in zip(larger.each, self.each, strict=True):
            new.inherit(old)
        return larger


class _Curvature:
    """L-BFGS of one picture `(3, H, W)`, with one evaluation a step and, instead of a line search, two limits on its moves.

    The gradient says nothing of how far to go before there is a second one, and an early step may leap over a ridge. So
    the first move is set, later ones are limited, and one that doubles the loss is taken back.
    """

    def __init__(self, picture: Tensor, softness: float = 0.0):
        self.shape = picture.shape
        self.memory = lbfgs.memory(picture.numel())
        self.vectors = picture.new_zeros(2 * self.memory + 1, picture.numel())  # moves s, changes of the gradient y, the gradient
        self.before = self.move = None  # the last good picture, and the move from there
        self.softness = torch.from_numpy(lbfgs.softness(*picture.shape[1:], softness)).to(picture) if softness else None
        self.first, self.lowest, self.scale = lbfgs.FIRST, np.inf, None
        self._forget()

    def _forget(self) -> None:
        self.pairs: list[tuple[int, int]] = []  # rows of s and y, oldest first
        self.dots = np.zeros((2 * self.memory + 1,) * 2)
        self.learnt = 0

    def step(self, picture: Tensor, loss: float, gradient: Tensor) -> None:
        if not self.leapt(picture, loss):
            self.scale = self.scale or 1 / max(float(gradient.abs().mean()), 1e-30)  # so that no square leaves float32
            self._learn(picture, self._soften(gradient * self.scale).reshape(-1))
            self.lowest = loss
            self._move(picture)

    def leapt(self, picture: Tensor, loss: float) -> bool:
        """Whether the loss has doubled since the last good picture. If so, that one is back."""
        if not loss > self.lowest + abs(self.lowest):
            return False
        picture.copy_(self.before)
        self.before = None  # the move from there does not count
        self.first /= 4
        self._forget()
        return True

    def _learn(self, picture: Tensor, gradient: Tensor) -> None:
        """A new gradient; with the one before, if there is one, it makes a pair."""
        rows = [-1]
        if self.before is None:
            self.before = picture.clone()
        else:
            rows = [self.learnt % self.memory, self.memory + self.learnt % self.memory, -1]
            self.vectors[rows[0]] = self.move
            torch.sub(gradient, self.vectors[-1], out=self.vectors[rows[1]])
            self.before.copy_(picture)
        self.vectors[-1] = gradient
        self._multiply(rows)
        if len(rows) > 1:
            self._remember(*rows[:2])

    def _multiply(self, rows: list[int]) -> None:
        products = (self.vectors[rows] @ self.vectors.T).double().cpu().numpy()
        self.dots[rows], self.dots[:, rows] = products, products.T

    def _remember(self, s: int, y: int) -> None:
        self.pairs = [pair for pair in self.pairs if pair != (s, y)]  # the oldest, when the memory is full
        if lbfgs.curved(self.dots[s, s], self.dots[s, y], self.dots[y, y]):
            self.pairs.append((s, y))
            self.learnt += 1

    def _move(self, picture: Tensor) -> None:
        coefficients = lbfgs.direction(self.dots, self.pairs)
        self.move = picture.new_tensor(coefficients) @ self.vectors
        change = self._soften(self.move.view(picture.shape))
        if self.pairs:
            factor = lbfgs.LIMIT / max(float(change.square().mean().sqrt()), lbfgs.LIMIT)
        else:
            factor = self.first / max(float(change.abs().mean()), 1e-30)
        picture.add_(change, alpha=factor)
        self.move *= factor

    def _soften(self, picture: Tensor) -> Tensor:
        """`lbfgs.softness` applied to `(3, H, W)`."""
        if self.softness is None:
            return picture
        return torch.fft.irfft2(torch.fft.rfft2(picture) * self.softness, s=picture.shape[1:])

    def inherit(self, smaller: "_Curvature") -> None:
        """The memory of a smaller picture, enlarged. A pixel's share of a loss falls as their number grows, and its
        gradient with it."""
        share = smaller.shape[1:].numel() / self.shape[1:].numel()
        self.scale = smaller.scale
        for s, y in smaller.pairs[-self.memory :]:
            row = self.learnt
            for target, source, factor in ((row, s, 1), (self.memory + row, y, share)):
                small = factor * smaller.vectors[source].view(1, *smaller.shape)
                self.vectors[target] = enlarge(small, self.shape[1:]).reshape(-1)
            self._multiply([row, self.memory + row])
            self._remember(row, self.memory + row)


def enlarge(vectors: Tensor, size: tuple[int, int]) -> Tensor:
    """What a method remembers, `(B, C, H, W)` of either sign, at another (H, W)."""
    return F.interpolate(vectors, size=tuple(size), mode="bilinear", align_corners=False)
