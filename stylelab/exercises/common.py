"""Inputs drawn from a seed, and small functions that several exercises share.

Shapes vary, so that no answer can count on one size, and all sides differ, so that a mixed-up axis shows. A batch has several
images, because many mistakes would give the right value for a single one.
"""

import numpy as np

COLUMN, ROW, CHANNEL = 1, 2, 3  # the axes of an image along which neighbours are compared


def activation_shape(rng: np.random.Generator) -> tuple[int, ...]:
    """(B, H, W, C), four different numbers."""
    batch = int(rng.integers(2, 4))
    sides = rng.permutation([side for side in range(3, 7) if side != batch])[:3]
    return batch, *(int(side) for side in sides)


def image_shape(rng: np.random.Generator) -> tuple[int, ...]:
    """(B, H, W, 3), four different numbers."""
    height, width = rng.permutation([5, 6, 7])[:2]
    return int(rng.choice((2, 4))), int(height), int(width), 3


def random_image(rng: np.random.Generator, shape: tuple[int, ...], low: float = 0, high: float = 1) -> np.ndarray:
    """Noise in `low`..`high`, channels last, float32."""
    return rng.uniform(low, high, shape).astype(np.float32)


def random_activation(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """After a ReLU nothing is negative."""
    return random_image(rng, shape, 0.1, 2)


def number(rng: np.random.Generator, low: float, high: float) -> float:
    """A float that float32 holds exactly, so that an array filled with it holds exactly this number."""
    return float(np.float32(rng.uniform(low, high)))


def edge_image(rng: np.random.Generator) -> np.ndarray:
    """An image with one vertical edge, (1, H, W, 3)."""
    height, width = int(rng.integers(3, 6)), int(rng.integers(6, 9))
    step = number(rng, 0.4, 0.9)
    image = np.zeros((1, height, width, 3), np.float32)
    image[:, :, int(rng.integers(2, width - 1)) :] = step
    return image


def neighbours(image, first: int = COLUMN, second: int = ROW) -> tuple[np.ndarray, np.ndarray]:
    """Differences along two axes, down and right, at the positions that have a neighbour along both."""
    return np.delete(np.diff(image, axis=first), -1, second), np.delete(np.diff(image, axis=second), -1, first)


def vanishes(outputs, at: str, near: str, atol: float = 1e-5) -> bool:
    """Whether a result is 0 in one case, and small nearby: an answer that only recognises the case does not pass."""
    return bool(np.abs(outputs[at]).max() < atol and np.abs(outputs[near]).max() <= 0.2 * np.abs(outputs["plain"]).max())


def stays_in_range(output) -> bool:
    """Whether an image is in 0..1."""
    return bool(output.min() >= 0 and output.max() <= 1)


def lowers_the_loss(case, output) -> bool:
    """Whether 1/2 sum w (image - target)^2 is lower for the output than for the image that came in."""
    before, after = (np.sum(case["loss"] * (image - case["target"]) ** 2) for image in (case["image"], output))
    return bool(after < before)


def gradient(image, target, loss):
    """Of the loss 1/2 sum w (image - target)^2; with respect to the target it is the opposite."""
    return loss * (image - target)


def one_step(image, target, loss, learning_rate):
    """One step of gradient descent, clipped to 0..1."""
    return np.clip(image - learning_rate * gradient(image, target, loss), 0, 1)


def gram_product(activation, axes="bhwi,bhwj->bij"):
    """F F^T, not divided by anything."""
    return np.einsum(axes, activation, activation)


def positions(activation) -> int:
    """H W."""
    return activation.shape[1] * activation.shape[2]


def gram(activation):
    """F F^T / (H W)."""
    return gram_product(activation) / positions(activation)
