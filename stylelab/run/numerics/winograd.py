"""Convolutions of 3 x 3 with fewer multiplications, by Winograd's method. No framework is imported here.

4 x 4 outputs of a convolution depend on a window of 6 x 6 inputs. Filter and window are treated as polynomials: evaluated
at six points in each direction, multiplied point by point (36 products where the definition takes 144), and interpolated.
At each point, the sums over channels are matrix products.

It is used on the way back only. The rounding error grows from 5e-7 to 5e-6 of the result. On the way forward that would flip
a few ReLUs and maxima, and so change gradients; the way back is linear.

Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", CVPR 2016; the matrices are Toom's and Cook's.
"""

import numpy as np

ABSCISSAE = (0.0, 1.0, -1.0, 2.0, 0.5)  # and infinity
ANSWERS, WINDOW = 4, 6  # outputs and inputs in one direction
CHANNELS, POSITIONS = 256, 512  # below these, the definition was measured to be as fast or faster (docs/speed.md)
BAND = 12e6  # bytes of transformed windows to work on at once, so that they stay in the cache


def _matrices() -> list[np.ndarray]:
    """A (16, 36), G (36, 9), B (36, 36) with `A ((G kernel) * (B window))` = 4 x 4 outputs; all of them flattened."""
    answer = [[point**power for point in ABSCISSAE] + [power == ANSWERS - 1] for power in range(ANSWERS)]
    kernel = [*np.power.outer(ABSCISSAE, range(3)), [0, 0, 1]]
    window: list[list[float]] = []
    for point in ABSCISSAE:  # Lagrange's polynomials, lowest power first
        others = [other for other in ABSCISSAE if other != point]
        window.append([*(np.poly(others)[::-1] / np.prod(point - np.array(others))), 0])
    window.append([*np.poly(ABSCISSAE)[::-1]])
    return [np.kron(one, one) for one in (answer, kernel, window)]  # one direction, then both


ANSWER, KERNEL, POINTS = _matrices()
ANSWER, POINTS = ANSWER.astype(np.float32), POINTS.astype(np.float32)


def pays(before: int, after: int, height: int, width: int) -> bool:
    """Whether a convolution from `before` to `after` channels over height x width positions is faster this way."""
    return min(before, after) >= CHANNELS and height * width >= POSITIONS


def transform(kernels: np.ndarray) -> np.ndarray:
    """`(3, 3, ...)` to `(36, ...)` float32: each kernel at 6 x 6 points."""
    return (KERNEL @ kernels.reshape(9, -1)).astype(np.float32).reshape(-1, *kernels.shape[2:])


def bands(height: int, width: int, channels: int) -> list[tuple[int, int]]:
    """First row of 4 x 4 blocks and how many rows, for each band of an answer of `height` x `width`."""
    rows, across = -(-height // ANSWERS), -(-width // ANSWERS)
    most = max(1, int(BAND / (4 * WINDOW**2 * across * channels)))
    each = -(-rows // -(-rows // most))
    return [(row, min(each, rows - row)) for row in range(0, rows, each)]
