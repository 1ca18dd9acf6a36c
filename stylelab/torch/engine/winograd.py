"""The gradient of a convolution by Winograd's method, in matrix products: see `stylelab.run.numerics.winograd`."""

import torch
from torch import Tensor
from torch.nn import functional as F

from stylelab.run.numerics import winograd
from stylelab.run.numerics.winograd import ANSWERS, WINDOW, bands, transform

ANSWER, POINTS = torch.from_numpy(winograd.ANSWER), torch.from_numpy(winograd.POINTS)


class Winograd:
    """The gradient of a convolution with respect to its input. Made of its kernel `(O, I, 3, 3)`; stride 1."""

    def __init__(self, kernel: Tensor, padding: int):
        taps = kernel.flip(2, 3).permute(2, 3, 0, 1).contiguous()  # row, column, O, I
        self.filters = torch.from_numpy(transform(taps.numpy()))  # (36, O, I)
        self.padding = 2 - padding  # of the gradient, where the convolution has `padding`

    def __call__(self, gradient: Tensor) -> Tensor:
        """`(B, O, H', W')` with respect to the output -> `(B, I, H, W)` with respect to the input."""
        height, width = (size + 2 * self.padding - 2 for size in gradient.shape[2:])
        below, right = (-size % ANSWERS + self.padding for size in (height, width))
        padded = F.pad(gradient.permute(0, 2, 3, 1), (0, 0, self.padding, right, self.padding, below))
        answer = padded.new_empty(len(padded), height, width, self.filters.shape[2])
        for image, own in zip(padded, answer, strict=True):
            for row, rows in bands(height, width, max(self.filters.shape[1:])):
                top, bottom = row * ANSWERS, (row + rows) * ANSWERS
                products = torch.bmm(_look(image[top : bottom + 2]).transpose(0, 1), self.filters)  # (36, h w, I)
                own[top:bottom] = _read_off(products, rows)[: height - top, :width]
        return answer.permute(0, 3, 1, 2)


def _look(image: Tensor) -> Tensor:
    """`(4 h + 2, 4 w + 2, C)` to its h w windows at 6 x 6 points, `(h w, 36, C)`."""
    windows = image.unfold(0, WINDOW, ANSWERS).unfold(1, WINDOW, ANSWERS)  # (h, w, C, 6, 6)
    windows = windows.permute(0, 1, 3, 4, 2).reshape(-1, WINDOW**2, image.shape[2])
    return torch.bmm(POINTS.expand(len(windows), -1, -1), windows)


def _read_off(products: Tensor, rows: int) -> Tensor:
    """`(36, h w, C)` to `(4 h, 4 w, C)`."""
    blocks = torch.bmm(ANSWER.expand(products.shape[1], -1, -1), products.transpose(0, 1))
    blocks = blocks.view(rows, -1, ANSWERS, ANSWERS, products.shape[2])
    return blocks.transpose(1, 2).reshape(rows * ANSWERS, -1, products.shape[2])
