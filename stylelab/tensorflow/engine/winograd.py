"""The gradient of a convolution by Winograd's method, in matrix products: see `stylelab.run.numerics.winograd`."""

import tensorflow as tf
from tensorflow import Tensor

from stylelab.run.numerics.winograd import ANSWER, ANSWERS, POINTS, WINDOW, bands, transform


class Winograd:
    """The gradient of a convolution with respect to its input. Made of its kernel `(3, 3, I, O)`; stride 1."""

    def __init__(self, kernel: Tensor, padding: int):
        with tf.init_scope():  # outside the graph that asks for it, so that every other may have it
            taps = kernel.numpy()[::-1, ::-1].transpose(0, 1, 3, 2)  # row, column, O, I
            self.filters = tf.constant(transform(taps))  # (36, O, I)
        self.padding = 2 - padding  # of the gradient, where the convolution has `padding`

    def __call__(self, gradient: Tensor) -> Tensor:
        """`(B, H', W', O)` with respect to the output -> `(B, H, W, I)` with respect to the input."""
        batch, height, width, _ = gradient.shape
        height, width = (size + 2 * self.padding - 2 for size in (height, width))
        # whole blocks of four, and one more, of which the last window sees the first half
        below, right = (-size % ANSWERS + self.padding + 2 for size in (height, width))
        padded = tf.pad(gradient, ((0, 0), (self.padding, below), (self.padding, right), (0, 0)))
        answers = []
        for image in tf.unstack(padded, num=batch):
            parts = []
            for row, rows in bands(height, width, max(self.filters.shape[1:])):
                windows = _look(image[row * ANSWERS : (row + rows + 1) * ANSWERS])
                products = tf.matmul(tf.transpose(windows, (1, 0, 2)), self.filters)  # (36, h w, I)
                parts.append(_read_off(products, rows))
            answers.append(tf.concat(parts, 0))
        return tf.stack(answers)[:, :height, :width]


def _look(image: Tensor) -> Tensor:
    """`(4 h + 4, 4 w + 4, C)` to its h w windows at 6 x 6 points, `(h w, 36, C)`."""
    windows = tf.transpose(_unfold(_unfold(image, 1), 0), (0, 2, 1, 3, 4))  # (h, w, 6, 6, C)
    return tf.matmul(POINTS, tf.reshape(windows, (-1, WINDOW**2, image.shape[2])))


def _unfold(tensor: Tensor, axis: int) -> Tensor:
    """`(..., 4 n + 4, ...)` to its windows `(..., n, 6, ...)`: each block of four and the first half of the next."""
    shape = tensor.shape.as_list()
    blocks = tf.reshape(tensor, [*shape[:axis], shape[axis] // ANSWERS, ANSWERS, *shape[axis + 1 :]])
    before = (slice(None),) * axis
    return tf.concat([blocks[(*before, slice(None, -1))], blocks[(*before, slice(1, None), slice(2))]], axis + 1)


def _read_off(products: Tensor, rows: int) -> Tensor:
    """`(36, h w, C)` to `(4 h, 4 w, C)`."""
    blocks = tf.matmul(ANSWER, tf.transpose(products, (1, 0, 2)))
    blocks = tf.reshape(blocks, (rows, -1, ANSWERS, ANSWERS, products.shape[2]))
    return tf.reshape(tf.transpose(blocks, (0, 2, 1, 3, 4)), (rows * ANSWERS, -1, products.shape[2]))
