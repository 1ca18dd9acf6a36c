"""Answers to total_cost, one_step, balance and total_variation."""

import numpy as np
from words import (
    ACROSS,
    CHANNEL,
    DOWN,
    absolute,
    clip,
    constant,
    detached,
    diff,
    double,
    gradient,
    mean,
    part,
    roll,
    square,
    stack,
    tf,
    torch,
    total,
)


def step(image, target, loss, learning_rate):
    return clip(image - learning_rate * gradient(image, target, loss), 0, 1)


def step_backward(image, target, loss, learning_rate):
    moving = image.detach().clone().requires_grad_(True)
    loss(moving, target).backward()
    with torch.no_grad():
        return torch.clamp(moving - learning_rate * moving.grad, 0.0, 1.0)


def step_torch(image, target, loss, learning_rate):
    moving = torch.nn.Parameter(image.clone())
    loss(moving, target).backward()
    torch.optim.SGD([moving], learning_rate).step()
    return moving.detach().clamp(0, 1)


def step_variable(image, target, loss, learning_rate):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    moving.assign_sub(learning_rate * tape.gradient(value, moving))
    return tf.maximum(tf.minimum(moving, 1.0), 0.0)


def step_keras(image, target, loss, learning_rate):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    tf.keras.optimizers.SGD(learning_rate).apply_gradients([(tape.gradient(value, moving), moving)])
    return tf.clip_by_value(tf.convert_to_tensor(moving), 0.0, 1.0)


def step_through_target(image, target, loss, learning_rate):
    slope = gradient(target, image, lambda moving, still: loss(still, moving))
    return clip(image - learning_rate * slope, 0, 1)


def step_moves_target(image, target, loss, learning_rate):
    moved = step(image, target, loss, learning_rate)
    target += 0.1
    return moved


def step_rebinds(image, target, loss, learning_rate):
    image -= learning_rate * gradient(image, target, loss)  # changes the image in PyTorch, but makes a new tensor in TensorFlow
    return clip(image, 0, 1)


def variation_loop(image):
    height, width = image.shape[DOWN], image.shape[ACROSS]
    down = sum(total(absolute(part(image, y + 1) - part(image, y))) for y in range(height - 1))
    return down + sum(total(absolute(part(image, across=x + 1) - part(image, across=x))) for x in range(width - 1))


def variation_slices(image):
    down = absolute(part(image, slice(1, None)) - part(image, slice(None, -1)))
    across = absolute(part(image, across=slice(1, None)) - part(image, across=slice(None, -1)))
    return total(down) + total(across)


def summed(image, *axes, how=absolute):
    return sum(total(how(diff(image, axis))) for axis in axes)


RIGHT = {
    "total_cost": {
        "sum": lambda content, style, alpha, beta: alpha * content + beta * style,
        "stack": lambda content, style, alpha, beta: total(stack([content, style]) * constant([alpha, beta])),
        "double": lambda content, style, alpha, beta: double(content) * alpha + double(style) * beta,
    },
    "one_step": {
        "usual": step,
        "torch: backward": step_backward,
        "torch: SGD": step_torch,
        "torch: double": lambda image, target, loss, learning_rate: step(image.double(), target.double(), loss, learning_rate),
        "tensorflow: variable": step_variable,
        "tensorflow: SGD": step_keras,
        "tensorflow: rebound name": step_rebinds,
        "tensorflow: double": lambda image, target, loss, learning_rate: clip(
            double(image) - learning_rate * double(gradient(image, target, loss)), 0, 1
        ),
    },
    "balance": {
        "fraction": lambda content, style, share: share * content / (style * (1 - share)),
        "odds": lambda content, style, share: share / (1 - share) * content / style,
        "NumPy": lambda content, style, share: np.float64(content / style) / (1 / share - 1),
        "tensor": lambda content, style, share: constant(content / style / (1 / share - 1)),
    },
    "total_variation": {
        "loop": variation_loop,
        "slices": variation_slices,
        "diff": lambda image: summed(image, DOWN, ACROSS),
        "double": lambda image: variation_slices(double(image)),
        "tensorflow: library": lambda image: tf.reduce_sum(tf.image.total_variation(image)),
    },
}

WRONG = {
    "total_cost": [
        (lambda content, style, alpha, beta: beta * content + alpha * style, "swapped"),
        (lambda content, style, alpha, beta: 10 * content + 40 * style, "written into"),
        (lambda content, style, alpha, beta: content + style, "without their weights"),
        (lambda content, style, alpha, beta: content**alpha * style**beta, "exponents"),
        (lambda content, style, alpha, beta: (alpha * content + beta * style) / (alpha + beta), "divided by alpha"),
        (lambda content, style, alpha, beta: alpha * content, "style is missing"),
        (lambda content, style, alpha, beta: alpha * float(content) + beta * float(style), "Python number"),
        (lambda content, style, alpha, beta: alpha * content + (1 - alpha) * style, "1 - alpha"),
        (lambda content, style: content + style, "these arguments"),
    ],
    "one_step": [
        (lambda image, target, loss, learning_rate: image - learning_rate * gradient(image, target, loss), "range 0..1"),
        (lambda image, target, loss, learning_rate: clip(image + learning_rate * gradient(image, target, loss), 0, 1), "uphill"),
        (lambda image, target, loss, learning_rate: image, "does not move"),
        (lambda image, target, loss, learning_rate: clip(image - gradient(image, target, loss), 0, 1), "learning rate"),
        (lambda image, target, loss, learning_rate: gradient(image, target, loss), "That is the gradient"),
        (
            lambda image, target, loss, learning_rate: clip(target + learning_rate * gradient(image, target, loss), 0, 1),
            "target moves",
        ),
        (lambda image, target, loss, learning_rate: loss(image, target), "That is the loss"),
        (lambda image, target, loss, learning_rate: step(image, target, loss, learning_rate).numpy(), "NumPy where"),
        (lambda image, target, loss, learning_rate: clip(image - learning_rate * (image - target), 0, 1), "loss of your own"),
        (
            lambda image, target, loss, learning_rate: clip(image - learning_rate * loss(image, target), 0, 1),
            "loss itself is subtracted",
        ),
        (step_through_target, "with respect to the target"),
        (step_moves_target, "changes its input `target` in place", "torch"),
        (step_rebinds, "changes its input `image` in place", "torch"),
        (lambda image, target, loss, learning_rate: image.assign_sub(learning_rate * target), "AttributeError", "tensorflow"),
    ],
    "balance": [
        (lambda content, style, share: share * content / style, "of the total"),
        (lambda content, style, share: share * style / ((1 - share) * content), "upside down"),
        (lambda content, style, share: (1 - share) * content / (share * style), "swapped"),
        (lambda content, style, share: share / (1 - share), "losses are left out"),
        (lambda content, style, share: share, "share itself"),
        (lambda content, style, share: content / style, "one half"),
        (lambda content, style, share: int(share * content / ((1 - share) * style)), "rounded"),
        (lambda content, style, share: content / 0, "ZeroDivisionError"),
        (lambda content, style, share: (1, share), "tuple"),
    ],
    "total_variation": [
        (lambda image: summed(image, DOWN, ACROSS, how=square), "squared"),
        (lambda image: mean(absolute(diff(image, DOWN))) + mean(absolute(diff(image, ACROSS))), "That is the mean"),
        (lambda image: summed(image, DOWN), "Only neighbours above"),
        (lambda image: summed(image, ACROSS), "Only neighbours left"),
        (lambda image: sum(total(absolute(image - roll(image, 1, axis))) for axis in (DOWN, ACROSS)), "roll"),
        (lambda image: total(diff(image, DOWN)) + total(diff(image, ACROSS)), "cancel"),
        (lambda image: summed(image, CHANNEL, DOWN), "channels"),
        (lambda image: float(variation_slices(image)), "Python number"),
        (lambda image: variation_slices(255 * image), "0..255"),
        (
            lambda image: total(
                absolute(part(image, slice(1, None), slice(1, None)) - part(image, slice(None, -1), slice(None, -1)))
            ),
            "diagonal",
        ),
        (lambda image: variation_slices(detached(image)), "no gradient reaches"),
        (lambda image: stack([variation_slices(image[i : i + 1]) for i in range(image.shape[0])]), "each image"),
        (lambda image: tf.image.total_variation(image), "each image", "tensorflow"),
    ],
}
