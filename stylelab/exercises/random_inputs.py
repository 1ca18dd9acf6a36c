"""Small shapes drawn from a seed, so that no answer can count on one size.

Sides differ from each other: a mixed-up axis shows in the shape. There are several images in a batch, for with one alone
many a mistake would give the right value.
"""

import numpy as np


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


def number(rng: np.random.Generator, low: float, high: float) -> float:
    """A float that float32 holds exactly, so that an array full of it is full of this very number."""
    return float(np.float32(rng.uniform(low, high)))


def edge(rng: np.random.Generator) -> tuple[np.ndarray, int, float]:
    """An image with one upright edge, (1, H, W, 3), its height in pixels, and how high the step is."""
    height, width = int(rng.integers(3, 6)), int(rng.integers(6, 9))
    rise = number(rng, 0.4, 0.9)
    image = np.zeros((1, height, width, 3), np.float32)
    image[:, :, int(rng.integers(2, width - 1)) :] = rise
    return image, height, rise
