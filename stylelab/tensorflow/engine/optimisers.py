"""How the gradient moves a batch of images: L-BFGS, Adam, plain descent. Each keeps its state on the images' device.

A method takes the losses `(B,)` and the gradient `(B, H, W, 3)` of the images as they are, and gives them moved.
`enlarged` returns the same method for larger images, with what it has learnt so far. `state` gives that as arrays, to be saved;
`restore` brings it back into a new method for images of the same size.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab.errors import unknown
from stylelab.recipes import OPTIMISERS, Optimiser
from stylelab.run.numerics import lbfgs


def make_method(settings: Optimiser, images: Tensor) -> "_LBFGS | _Adam | _Descent":
    """The method of those settings for `(B, H, W, 3)` float32.

    Raises:
        InputError: an unknown optimiser.
    """
    methods = {"lbfgs": _LBFGS, "adam": _Adam, "sgd": _Descent}
    if settings.name not in methods:
        raise unknown("optimiser", settings.name, OPTIMISERS)
    return methods[settings.name](settings, images)


class _Descent:
    """Against the gradient, by the learning rate."""

    def __init__(self, settings: Optimiser, images: Tensor):
        self.settings, self.steps = settings, 0

    def step(self, images: Tensor, losses: Sequence[float], gradient: Tensor) -> Tensor:
        return images - self._rate() * gradient

    def check(self, images: Tensor, losses: Callable[[], Sequence[float]]) -> Tensor:
        """Check the images after the last step; `losses` computes theirs if the method needs them."""
        return images

    def renewed(self) -> None:
        """What the loss draws at random was drawn again: its values and gradients are no longer comparable with earlier ones."""

    def enlarged(self, settings: Optimiser, images: Tensor) -> "_Descent":
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
        self.mean, self.square = tf.zeros_like(images), tf.zeros_like(images)
        self.last_size = None  # mean size of the last gradient, until a gradient at the new size is known

    def step(self, images: Tensor, losses: Sequence[float], gradient: Tensor) -> Tensor:
        if self.last_size is not None:
            change = _mean_size(gradient) / self.last_size
            self.mean *= change
            self.square *= change**2
            self.last_size = None
        rate, beta1 = self._rate(), self.settings.beta1
        self.mean += (1 - beta1) * (gradient - self.mean)
        self.square = self.BETA2 * self.square + (1 - self.BETA2) * tf.square(gradient)
        root = tf.sqrt(self.square / (1 - self.BETA2**self.steps)) + self.EPSILON
        self.last = _mean_size(gradient)
        return images - rate / (1 - beta1**self.steps) * self.mean / root

    def enlarged(self, settings: Optimiser, images: Tensor) -> "_Adam":
        larger = super().enlarged(settings, images)
        larger.mean, larger.square = (enlarge(moment, images.shape[1:3]) for moment in (self.mean, self.square))
        larger.last_size = self.last
        return larger

    def state(self) -> dict[str, np.ndarray]:
        return super().state() | {name: getattr(self, name).numpy() for name in ("mean", "square", "last")}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        super().restore(state)
        with tf.device(self.mean.device):
            self.mean, self.square, last = (tf.constant(state[name]) for name in ("mean", "square", "last"))
            self.last = tf.reshape(last, ())


class _LBFGS:
    """One L-BFGS for each image of the batch."""

    def __init__(self, settings: Optimiser, images: Tensor):
        self.curvatures = [_Curvature(image, settings.softness) for image in images]

    def step(self, images: Tensor, losses: Sequence[float], gradient: Tensor) -> Tensor:
        return tf.stack([one.step(*rest) for one, *rest in zip(self.curvatures, images, losses, gradient, strict=True)])

    def check(self, images: Tensor, losses: Callable[[], Sequence[float]]) -> Tensor:
        """Undo the last step of an image whose loss has doubled."""
        return tf.stack([one.checked(image, loss) for one, image, loss in zip(self.curvatures, images, losses(), strict=True)])

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


def _stored() -> tf.DType:
    """What pairs are rounded to: `lbfgs.STORED`; with a GPU float32, as its in-place update was not tried in bfloat16."""
    return tf.float32 if tf.config.list_logical_devices("GPU") else tf.as_dtype(lbfgs.STORED)


class _Curvature:
    """L-BFGS of one image `(H, W, 3)`, with one evaluation a step and, instead of a line search, two limits on each move.

    A single gradient does not say how far to go, and an early step may jump over a ridge. So the first move has a fixed
    length, later ones are limited, and a move that doubles the loss is undone.

    What it remembers is in bfloat16, except on a GPU, and the dot products are those of the rounded vectors: so the step is that of L-BFGS with
    slightly other pairs.
    """

    def __init__(self, image: Tensor, softness: float = 0.0):
        self.shape = tuple(image.shape)
        self.memory = lbfgs.memory(int(tf.size(image)))
        with tf.device(image.device):
            self.vectors = tf.zeros((2 * self.memory, int(tf.size(image))), _stored())  # moves s, changes of the gradient y
            self.gradient = tf.zeros(int(tf.size(image)))  # the last one, which follows them as row -1
        self.before = self.move = None  # the last good image, and the move from there
        self.softness = tf.constant(lbfgs.softness(*self.shape[:2], softness), tf.complex64) if softness else None
        self.first, self.lowest, self.scale = lbfgs.FIRST, np.inf, None
        self._forget()

    def _forget(self) -> None:
        self.pairs: list[tuple[int, int]] = []  # rows of s and y, oldest first
        self.dots = np.zeros((2 * self.memory + 1,) * 2)
        self.learnt = 0

    def step(self, image: Tensor, loss: float, gradient: Tensor) -> Tensor:
        if (checked := self.checked(image, loss)) is not image:
            return checked
        self.scale = self.scale or 1 / max(float(_mean_size(gradient)), 1e-30)  # so that squares stay within float32
        self._learn(image, tf.reshape(self._soften(gradient * self.scale), (-1,)))
        self.lowest = loss
        return self._moved(image)

    def checked(self, image: Tensor, loss: float) -> Tensor:
        """The image, or the last good one if the loss has doubled since."""
        if not loss > self.lowest + abs(self.lowest):
            return image
        good, self.before = self.before, None  # the undone move must not make a pair
        self.first /= 4
        self._forget()
        return good

    def _learn(self, image: Tensor, gradient: Tensor) -> None:
        """Store a new gradient. With the one before, if there is one, it makes a pair."""
        rows = [-1]
        if self.before is not None:
            rows = [self.learnt % self.memory, self.memory + self.learnt % self.memory, -1]
            self._write(rows[:2], [self.move, gradient - self.gradient])
        self.before, self.gradient = image, gradient
        self._multiply(rows)
        if len(rows) > 1:
            self._remember(*rows[:2])

    def _write(self, rows: list[int], vectors: list[Tensor]) -> None:
        # in place: a tf.Variable whose rows are changed is copied at each read, at three times the cost of a step
        self.vectors = tf.raw_ops.InplaceUpdate(x=self.vectors, i=rows, v=tf.cast(tf.stack(vectors), self.vectors.dtype))

    def _multiply(self, rows: list[int]) -> None:
        parts = [
            tf.matmul(tf.gather(block, np.array(rows) % len(self.dots)), block, transpose_b=True) for block in self._blocks()
        ]
        products = tf.add_n(parts).numpy()
        self.dots[rows], self.dots[:, rows] = products, products.T

    def _blocks(self) -> Iterator[Tensor]:
        """All rows in float32, the gradient's last, some columns at a time."""
        width = lbfgs.LARGE_BLOCK if "GPU" in self.gradient.device else lbfgs.BLOCK
        for start in range(0, len(self.gradient), width):
            coarse, fine = self.vectors[:, start : start + width], self.gradient[None, start : start + width]
            yield tf.concat([tf.cast(coarse, tf.float32), fine], 0)

    def _remember(self, s: int, y: int) -> None:
        self.pairs = [pair for pair in self.pairs if pair != (s, y)]  # the oldest one, when the memory is full
        if lbfgs.curved(self.dots[s, s], self.dots[s, y], self.dots[y, y]):
            self.pairs.append((s, y))
            self.learnt += 1

    def _moved(self, image: Tensor) -> Tensor:
        coefficients = lbfgs.direction(self.dots, self.pairs)
        coefficients = tf.constant(coefficients, tf.float32)
        move = tf.concat([tf.linalg.matvec(block, coefficients, transpose_a=True) for block in self._blocks()], 0)
        change = self._soften(tf.reshape(move, self.shape))
        if self.pairs:
            factor = lbfgs.LIMIT / max(float(tf.sqrt(tf.reduce_mean(tf.square(change)))), lbfgs.LIMIT)
        else:
            factor = self.first / max(float(_mean_size(change)), 1e-30)
        self.move = factor * move
        return image + factor * change

    def _soften(self, image: Tensor) -> Tensor:
        """`lbfgs.softness` applied to `(H, W, 3)`."""
        if self.softness is None:
            return image
        spectrum = tf.signal.rfft2d(tf.transpose(image, (2, 0, 1))) * self.softness  # (3, H, W // 2 + 1)
        return tf.transpose(tf.signal.irfft2d(spectrum, self.shape[:2]), (1, 2, 0))

    def state(self) -> dict[str, np.ndarray]:
        """Its memory, without rows that no pair is in."""
        used = min(self.learnt, self.memory)
        with tf.device(self.vectors.device):
            s, y = (self.vectors[start : start + used] for start in (0, self.memory))
            s, y = (tf.bitcast(each, tf.uint16) if each.dtype == tf.bfloat16 else each for each in (s, y))
        parts = {"s": s, "y": y, "gradient": self.gradient}
        parts |= {name: part for name, part in (("before", self.before), ("move", self.move)) if part is not None}
        return {name: part.numpy() for name, part in parts.items()} | {
            "pairs": np.array(self.pairs, np.int64).reshape(-1, 2),
            "dots": self.dots,
            "numbers": np.array([self.learnt, self.first, self.lowest, self.scale or 0.0]),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        used = range(len(state["s"]))
        with tf.device(self.gradient.device):
            vectors = [tf.constant(row) for name in ("s", "y") for row in state[name]]
            vectors = [tf.bitcast(each, tf.bfloat16) if each.dtype == tf.uint16 else each for each in vectors]
            if vectors:
                self._write([*used, *(self.memory + row for row in used)], vectors)
            self.gradient = tf.constant(state["gradient"])
            self.before, self.move = (tf.constant(state[name]) if name in state else None for name in ("before", "move"))
        self.pairs, self.dots = [(int(s), int(y)) for s, y in state["pairs"]], state["dots"].copy()
        learnt, self.first, self.lowest, scale = state["numbers"].tolist()
        self.learnt, self.scale = int(learnt), scale or None

    def inherit(self, smaller: "_Curvature") -> None:
        """Take over the memory of a smaller image, enlarged.

        With more pixels each has a smaller share of the loss, and so a smaller gradient.
        """
        share = smaller.shape[0] * smaller.shape[1] / (self.shape[0] * self.shape[1])
        self.scale = smaller.scale
        for s, y in smaller.pairs[-self.memory :]:
            row = self.learnt
            for target, source, factor in ((row, s, 1), (self.memory + row, y, share)):
                small = factor * tf.reshape(tf.cast(smaller.vectors[source], tf.float32), (1, *smaller.shape))
                self._write([target], [tf.reshape(enlarge(small, self.shape[:2]), (-1,))])
            self._multiply([row, self.memory + row])
            self._remember(row, self.memory + row)


def enlarge(vectors: Tensor, size: tuple[int, int]) -> Tensor:
    """The vectors that a method remembers, `(B, H, W, C)` of either sign, at another (H, W)."""
    return tf.image.resize(vectors, size, "bilinear")


def _mean_size(gradient: Tensor) -> Tensor:
    return tf.reduce_mean(tf.abs(gradient))
