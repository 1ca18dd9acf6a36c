"""Answers to the exercises in TensorFlow, right and wrong. WRONG pairs each with words that its hint must have."""

import numpy as np
import tensorflow as tf


def flat(activation):
    batch, height, width, channels = activation.shape
    return tf.reshape(activation, (batch, height * width, channels))


def gram_loop(activation):
    rows = flat(activation)
    filters = range(rows.shape[2])
    entries = [[tf.reduce_sum(rows[:, :, i] * rows[:, :, j], 1) for j in filters] for i in filters]
    return tf.stack([tf.stack(row, -1) for row in entries], -2) / rows.shape[1]


def gram_einsum(activation):
    places = activation.shape[1] * activation.shape[2]
    return tf.einsum("bhwi,bhwj->bij", activation, activation) / places


def gram_matmul(activation):
    rows = flat(activation)
    return tf.matmul(rows, rows, transpose_a=True) / rows.shape[1]


def gram_double(activation):
    rows = flat(tf.cast(activation, tf.float64))
    return tf.matmul(rows, rows, transpose_a=True) / rows.shape[1]


def gram_nested(activation, channels):
    """A helper with the wrong number of arguments."""
    return activation


def gram_fails(activation):
    rows = flat(activation)
    return tf.matmul(rows, rows)


def gram_empty(activation):
    """F F^T / (H W)."""


def gram_without_return(activation):
    flat(activation)


def first(activation):
    """(B, H, W, C) memory read as (B, C, H W)."""
    return tf.reshape(activation, (2, 3, 20))


def content_loop(activation, target):
    total = sum(tf.reduce_sum((activation[i] - target[i]) ** 2) for i in range(activation.shape[0]))
    return total / tf.cast(tf.size(activation), activation.dtype)


def gradient(picture, target, loss):
    with tf.GradientTape() as tape:
        tape.watch(picture)
        value = loss(picture, target)
    return tape.gradient(value, picture)


def step_tape(picture, target, loss, learning_rate):
    return tf.clip_by_value(picture - learning_rate * gradient(picture, target, loss), 0.0, 1.0)


def step_variable(picture, target, loss, learning_rate):
    moving = tf.Variable(picture)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    moving.assign_sub(learning_rate * tape.gradient(value, moving))
    return tf.maximum(tf.minimum(moving, 1.0), 0.0)


def step_sgd(picture, target, loss, learning_rate):
    moving = tf.Variable(picture)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    tf.keras.optimizers.SGD(learning_rate).apply_gradients([(tape.gradient(value, moving), moving)])
    return tf.clip_by_value(tf.convert_to_tensor(moving), 0.0, 1.0)


def step_double(picture, target, loss, learning_rate):
    slope = tf.cast(gradient(picture, target, loss), tf.float64)
    return tf.clip_by_value(tf.cast(picture, tf.float64) - learning_rate * slope, 0.0, 1.0)


def step_through_target(picture, target, loss, learning_rate):
    slope = gradient(target, picture, lambda moving, still: loss(still, moving))
    return tf.clip_by_value(picture - learning_rate * slope, 0.0, 1.0)


def step_in_place(picture, target, loss, learning_rate):
    picture -= learning_rate * gradient(picture, target, loss)  # makes a new tensor: right in TensorFlow
    return tf.clip_by_value(picture, 0.0, 1.0)


def variation_loop(picture):
    _, height, width, _ = picture.shape
    down = sum(tf.reduce_sum(abs(picture[:, y + 1] - picture[:, y])) for y in range(height - 1))
    return down + sum(tf.reduce_sum(abs(picture[:, :, x + 1] - picture[:, :, x])) for x in range(width - 1))


def variation_slices(picture):
    down = tf.abs(picture[:, 1:] - picture[:, :-1])
    right = tf.abs(picture[:, :, 1:] - picture[:, :, :-1])
    return tf.reduce_sum(down) + tf.reduce_sum(right)


def differences(picture, *axes):
    pairs = [tf.split(picture, picture.shape[axis], axis) for axis in axes]
    return [tf.concat(parts[1:], axis) - tf.concat(parts[:-1], axis) for parts, axis in zip(pairs, axes, strict=True)]


def summed(parts, function=tf.abs):
    return tf.add_n([tf.reduce_sum(function(part)) for part in parts])


def mse(a, b):
    return tf.reduce_mean(tf.square(a - b))


RIGHT = {
    "content_loss": {
        "loop": content_loop,
        "mean": mse,
        "keras": lambda activation, target: tf.reduce_mean(tf.keras.losses.mse(activation, target)),
        "double": lambda activation, target: mse(tf.cast(activation, tf.float64), tf.cast(target, tf.float64)),
    },
    "gram_matrix": {"loop": gram_loop, "einsum": gram_einsum, "matmul": gram_matmul, "double": gram_double},
    "style_layer_loss": {
        "loop": lambda activation, target_gram: mse(gram_loop(activation), target_gram),
        "einsum": lambda activation, target_gram: mse(gram_einsum(activation), target_gram),
        "double": lambda activation, target_gram: mse(gram_double(activation), tf.cast(target_gram, tf.float64)),
    },
    "total_cost": {
        "sum": lambda content, style, alpha, beta: alpha * content + beta * style,
        "stack": lambda content, style, alpha, beta: tf.tensordot(tf.stack([content, style]), [alpha, beta], 1),
        "double": lambda content, style, alpha, beta: tf.cast(content, tf.float64) * alpha + tf.cast(style, tf.float64) * beta,
    },
    "balance": {
        "fraction": lambda content, style, share: share * content / (style * (1 - share)),
        "odds": lambda content, style, share: share / (1 - share) * content / style,
        "NumPy": lambda content, style, share: np.float64(content / style) / (1 / share - 1),
        "tensor": lambda content, style, share: tf.constant(content / style / (1 / share - 1)),
    },
    "total_variation": {
        "loop": variation_loop,
        "slices": variation_slices,
        "library": lambda picture: tf.reduce_sum(tf.image.total_variation(picture)),
        "double": lambda picture: variation_slices(tf.cast(picture, tf.float64)),
    },
    "one_step": {
        "tape": step_tape, "variable": step_variable, "SGD": step_sgd, "double": step_double, "rebound name": step_in_place,
    },
}  # fmt: skip

WRONG = {
    "content_loss": [
        (lambda activation, target: tf.reduce_sum((activation - target) ** 2), "the sum where the mean"),
        (lambda activation, target: tf.nn.l2_loss(activation - target), "half the sum"),
        (lambda activation, target: tf.reduce_mean(activation - target), "not squared"),
        (lambda activation, target: tf.reduce_mean(tf.abs(activation - target)), "absolute"),
        (lambda activation, target: tf.sqrt(mse(activation, target)), "root"),
        (lambda activation, target: (activation - target) ** 2, "expected a single number"),
        (lambda activation, target: tf.keras.losses.mse(activation, target), "expected a single number"),
        (lambda activation, target: float(mse(activation, target)), "Python number"),
        (lambda activation, target: mse(activation, target).numpy(), "NumPy where a TensorFlow tensor"),
        (lambda activation, target: mse(tf.stop_gradient(activation), target), "goes through `target`"),
        (lambda activation, target: tf.constant(float(mse(activation, target))), "no gradient reaches"),
        (lambda activation, target: mse(gram_einsum(activation), gram_einsum(target)), "Gram"),
    ],
    "gram_matrix": [
        (lambda activation: tf.matmul(flat(activation), flat(activation), transpose_a=True), "forgotten"),
        (lambda activation: gram_einsum(activation) / activation.shape[3], "Divided by C H W"),
        (lambda activation: tf.matmul(flat(activation), flat(activation), transpose_b=True) / 20, "transposed"),
        (lambda activation: tf.einsum("bihw,bjhw->bij", activation, activation), "wrong axis"),
        (lambda activation: tf.einsum("bihw,bjhw->bij", activation, activation) / 12, "wrong axis"),
        (lambda activation: tf.einsum("bhic,bhjc->bij", activation, activation), "wrong axis"),
        (lambda activation: tf.matmul(first(activation), first(activation), transpose_b=True) / 20, "scrambled"),
        (lambda activation: tf.tensordot(activation, activation, [[0, 1, 2], [0, 1, 2]]) / 40, "mixed"),
        (lambda activation: gram_einsum(activation).numpy(), "NumPy where"),
        (lambda activation: tf.constant(gram_einsum(activation).numpy()), "no gradient reaches"),
        (lambda activation: tf.stop_gradient(gram_einsum(activation)), "no gradient reaches"),
        (lambda activation: tf.einsum("bhwi,bhwj->bij", activation, tf.stop_gradient(activation)) / 20, "cut off"),
        (gram_fails, "stops with InvalidArgumentError"),
        (gram_nested, r"gram_matrix\(activation\)"),
        (gram_without_return, "returns None"),
        (lambda activation: gram_einsum(activation - tf.reduce_mean(activation, (1, 2), True)), "mean is subtracted"),
        (lambda activation: gram_einsum(activation)[:, :1], r"expected \(2, 3, 3\)"),
        (lambda activation: gram_einsum(activation) * float("nan"), "not finite"),
        (lambda activation: (gram_einsum(activation), 1), "returns a tuple"),
    ],
    "style_layer_loss": [
        (lambda activation, target_gram: tf.reduce_sum((gram_einsum(activation) - target_gram) ** 2), "the sum where the mean"),
        (lambda activation, target_gram: mse(20 * gram_einsum(activation), target_gram), "normalisation is forgotten"),
        (lambda activation, target_gram: mse(gram_einsum(activation) / 3, target_gram), "divided by C H W"),
        (lambda activation, target_gram: mse(gram_einsum(activation), target_gram) / 4, "quarter"),
        (lambda activation, target_gram: tf.reduce_mean(gram_einsum(activation) - target_gram), "not squared"),
        (lambda activation, target_gram: tf.reduce_mean(abs(gram_einsum(activation) - target_gram)), "absolute"),
        (lambda activation, target_gram: float(mse(gram_einsum(activation), target_gram)), "Python number"),
        (lambda activation, target_gram: mse(tf.stop_gradient(gram_einsum(activation)), target_gram), "goes through `target_gram`"),
        (lambda activation, target_gram: (gram_einsum(activation) - target_gram) ** 2, "single number"),
    ],
    "total_cost": [
        (lambda content, style, alpha, beta: beta * content + alpha * style, "swapped"),
        (lambda content, style, alpha, beta: 10 * content + 40 * style, "written into"),
        (lambda content, style, alpha, beta: content + style, "without their weights"),
        (lambda content, style, alpha, beta: content**alpha * style**beta, "exponents"),
        (lambda content, style, alpha, beta: (alpha * content + beta * style) / (alpha + beta), "divided by alpha"),
        (lambda content, style, alpha, beta: alpha * content, "style is missing"),
        (lambda content, style, alpha, beta: alpha * float(content) + beta * float(style), "Python number"),
        (lambda content, style: content + style, "these arguments"),
    ],
    "balance": [
        (lambda content, style, share: share * content / style, "of the total"),
        (lambda content, style, share: share * style / ((1 - share) * content), "upside down"),
        (lambda content, style, share: (1 - share) * content / (share * style), "swapped"),
        (lambda content, style, share: share / (1 - share), "losses are left out"),
        (lambda content, style, share: share, "share itself"),
        (lambda content, style, share: content / style, "one half"),
        (lambda content, style, share: content / 0, "ZeroDivisionError"),
        (lambda content, style, share: (1, share), "tuple"),
    ],
    "total_variation": [
        (lambda picture: summed(differences(picture, 1, 2), tf.square), "squared"),
        (lambda picture: tf.add_n([tf.reduce_mean(abs(part)) for part in differences(picture, 1, 2)]), "mean where the sum"),
        (lambda picture: summed(differences(picture, 1)), "Only neighbours above"),
        (lambda picture: summed(differences(picture, 2)), "Only neighbours left"),
        (lambda picture: summed([picture - tf.roll(picture, 1, axis) for axis in (1, 2)]), "roll"),
        (lambda picture: summed(differences(picture, 1, 2), tf.identity), "cancel"),
        (lambda picture: summed(differences(picture, 2, 3)), "channels"),
        (lambda picture: float(variation_slices(picture)), "Python number"),
        (lambda picture: tf.stop_gradient(variation_slices(picture)), "no gradient reaches"),
        (lambda picture: tf.image.total_variation(picture), "each picture"),
    ],
    "one_step": [
        (lambda p, t, loss, rate: p - rate * gradient(p, t, loss), "range 0..1"),
        (lambda p, t, loss, rate: tf.clip_by_value(p + rate * gradient(p, t, loss), 0.0, 1.0), "uphill"),
        (lambda p, t, loss, rate: p, "does not move"),
        (lambda p, t, loss, rate: tf.clip_by_value(p - gradient(p, t, loss), 0.0, 1.0), "learning rate"),
        (lambda p, t, loss, rate: gradient(p, t, loss), "That is the gradient"),
        (lambda p, t, loss, rate: tf.clip_by_value(t + rate * gradient(p, t, loss), 0.0, 1.0), "target that moved"),
        (lambda p, t, loss, rate: loss(p, t), "That is the loss"),
        (lambda p, t, loss, rate: step_tape(p, t, loss, rate).numpy(), "NumPy where"),
        (step_through_target, "gradient of the target"),
        (lambda p, t, loss, rate: p.assign_sub(rate * gradient(p, t, loss)), "AttributeError"),
    ],
}
UNUSABLE = {
    "content_loss": lambda activation, target: tf.reduce_sum((activation - target) ** 2) / float(tf.size(activation)),
    "gram_matrix": lambda activation: tf.stack([gram_einsum(picture[None])[0] for picture in activation]),
}
EMPTY = [gram_empty, lambda activation: ..., lambda activation: None, None, ...]
