"""Words of the answers in TensorFlow; words_torch.py has the same."""

import tensorflow as tf

torch = None
CHANNEL = 3
DOWN = 1
ACROSS = 2
absolute = tf.abs
constant = tf.constant
detached = tf.stop_gradient
diagonal = tf.linalg.diag
exp = tf.exp
floor = tf.floor
eigh = tf.linalg.eigh
eigvalsh = tf.linalg.eigvalsh
einsum = tf.einsum
inverse = tf.linalg.inv
log = tf.math.log
matmul = tf.matmul
mean = tf.reduce_mean
roll = tf.roll
root = tf.sqrt
sign = tf.sign
square = tf.square
stack = tf.stack
total = tf.reduce_sum
trace = tf.linalg.trace
transposed = tf.linalg.matrix_transpose


def clip(x, low, high):
    return tf.clip_by_value(x, low, high)


def at_least(x, low):
    return tf.maximum(x, tf.cast(low, x.dtype))


def in_order(x):
    """Sorted along the first axis"""
    return tf.sort(x, 0)


def singular_vectors(x):
    """U (m, k), the singular values, and V^T (k, n)"""
    values, left, right = tf.linalg.svd(x)
    return left, values, transposed(right)


def selected(columns, which):
    return tf.boolean_mask(columns, which, axis=1)


def singular(x):
    return tf.linalg.svd(x, compute_uv=False)


def cloud_like(points, image):
    """(M, C) in the shape of an image of one in the batch"""
    return tf.reshape(points, image.shape)


def diff(x, axis):
    parts = tf.split(x, x.shape[axis], axis)
    return tf.concat(parts[1:], axis) - tf.concat(parts[:-1], axis)


def double(x):
    return tf.cast(x, tf.float64)


def as_bytes(x):
    return tf.cast(tf.cast(x, tf.uint8), tf.float32)


def flip(x, axis):
    return tf.reverse(x, [axis])


def channel(x, index):
    return x[..., index]


def part(x, down=slice(None), across=slice(None)):
    return x[:, down, across]


def other_layout(x):
    return tf.transpose(x, (0, 3, 1, 2))


def per_colour(values):
    return tf.constant(values)


def per_filter(numbers):
    """(B, C), ready to be multiplied with an activation"""
    return numbers[:, None, None]


def per_pixel(numbers):
    """(H, W), ready to be multiplied with an image"""
    return numbers[None, ..., None]


def looked_up(image, rows, columns):
    """The pixels of an image of one in the batch, at whole positions (H, W)"""
    return tf.gather_nd(image[0], tf.stack([tf.cast(rows, tf.int32), tf.cast(columns, tf.int32)], -1))[None]


def filters(activation):
    return activation.shape[3]


def positions(activation):
    return activation.shape[1] * activation.shape[2]


def rows(activation):
    """(B, C, H W)"""
    batch, height, width, channels = activation.shape
    return transposed(tf.reshape(activation, (batch, height * width, channels)))


def misread(activation):
    """(B, H, W, C) memory read as (B, C, H W)"""
    return tf.reshape(activation, (activation.shape[0], activation.shape[3], -1))


def gram(activation):
    return tf.einsum("bhwi,bhwj->bij", activation, activation) / (activation.shape[1] * activation.shape[2])


def gradient(image, target, loss):
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = loss(image, target)
    return tape.gradient(value, image)
