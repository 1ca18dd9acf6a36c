"""The arithmetic of L-BFGS, which needs only the dot products of its vectors. No framework is imported.

The two-loop recursion combines the gradient g with m past moves s and as many past changes of the gradient y. The
coefficients depend only on the (2m + 1)^2 dot products of those vectors (Chen, Wang and Zhou 2014). So a framework
multiplies the large vectors, and this file does the rest in float64 for both.

With `softness` coarse structures of an image move faster than fine ones. This preconditioner saves a third of the steps of
a style transfer to a given loss (docs/speed.md).

Source: Nocedal 1980; Liu and Nocedal 1989; Nocedal and Wright 2006, algorithm 7.4. For coordinates other than pixels:
Mordvintsev et al., "Differentiable image parameterizations", Distill 2018.
"""

import numpy as np

FIRST = 0.01  # mean change of a pixel in the first step, for images in 0..1
LIMIT = 0.05  # root mean square change of the pixels in any step
COARSE = 0.02  # cycles per pixel below which all move alike
MEMORY, ROOM = 20, 0.75e9  # past steps to remember, and the bytes they may take: each is two images of bfloat16
STORED = "bfloat16"  # what the pairs are rounded to: the loss after 100 steps stays within 1 % (docs/speed.md)
BLOCK, LARGE_BLOCK = 2**16, 2**21  # numbers of each vector to look at in float32 at one time, in a cache or on a GPU
FLAT = 1e-8  # a pair whose move and change of gradient are this close to a right angle says nothing about the curvature


def direction(dots: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """How to combine the vectors into the step of L-BFGS.

    Args:
        dots: `(n, n)` dot products of n vectors, the last of which is the gradient.
        pairs: (index of s, index of y) among them, oldest first.

    Returns:
        `(n,)` coefficients: the step is their sum of the vectors.
    """
    step = np.zeros(len(dots))
    step[-1] = -1.0
    shares = []
    for s, y in reversed(pairs):
        shares.append(dots[s] @ step / dots[s, y])
        step[y] -= shares[-1]
    if pairs:
        s, y = pairs[-1]
        step *= dots[s, y] / dots[y, y]
    for s, y in pairs:
        step[s] += shares.pop() - dots[y] @ step / dots[s, y]
    return step


def memory(numbers: int) -> int:
    """How many past steps to remember, for an image of that many numbers: fewer from three million pixels on."""
    return min(MEMORY, max(5, int(ROOM // (2 * 2 * numbers))))


def curved(ss: float, sy: float, yy: float) -> bool:
    """Whether to remember a pair: the loss must be convex along the move, judging by the two gradients."""
    return sy > FLAT * (ss * yy) ** 0.5 > 0


def softness(height: int, width: int, exponent: float) -> np.ndarray:
    """How much more coarse structures of an image move than fine ones: a factor for each spatial frequency.

    Args:
        height, width: of the image.
        exponent: the factor is the size of the structure to this power; 0 for all alike.

    Returns:
        `(H, W // 2 + 1)` float32, for a real Fourier transform; its mean square is 1.
    """
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))  # cycles per pixel
    factors = np.maximum(frequency, COARSE) ** -exponent
    return (factors / np.sqrt(np.mean(factors**2))).astype(np.float32)
