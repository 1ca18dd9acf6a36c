"""Answers to total_cost, one_step, balance and total_variation."""

import math

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
    root,
    square,
    stack,
    tf,
    torch,
    total,
)


def step(image, target, loss, learning_rate):
    return clip(image - learning_rate * gradient(image, target, loss), 0, 1)


def unclipped(image, target, loss, learning_rate):
    return image - learning_rate * gradient(image, target, loss)


def along(change):
    """Steps along a changed gradient."""

    def answer(image, target, loss, learning_rate):
        return clip(image - learning_rate * change(gradient(image, target, loss)), 0, 1)

    return answer


def step_swapped(image, target, loss, learning_rate):
    return step(image, target, lambda image, target: loss(target, image), learning_rate)


def step_on_its_own_result(image, target, loss, learning_rate):
    """The result records its gradient, so that there is no `.grad` when it comes in."""
    moving = image.clone().requires_grad_(True)
    loss(moving, target).backward()
    return (moving - learning_rate * moving.grad).clamp(0, 1)


def step_of_a_tuple(image, target, loss, learning_rate):
    moving = image.detach().clone().requires_grad_(True)
    return (moving - learning_rate * torch.autograd.grad(loss(moving, target), moving)).clamp(0, 1)


def step_of_a_list(image, target, loss, learning_rate):
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = loss(image, target)
    return tf.clip_by_value(image - learning_rate * tape.gradient(value, [image]), 0, 1)


def step_of_a_function(image, target, loss, learning_rate):
    with tf.GradientTape() as tape:
        tape.watch(image)
    return tf.clip_by_value(image - learning_rate * tape.gradient(loss, image), 0, 1)


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


def balance_in_steps(content, style, share):
    """beta = share (content + beta style) / style, until it stays."""
    beta = 1.0
    for _ in range(400):
        beta = share * (content + beta * style) / style
    return beta


def variation_loop(image):
    height, width = image.shape[DOWN], image.shape[ACROSS]
    down = sum(total(absolute(part(image, y + 1) - part(image, y))) for y in range(height - 1))
    return down + sum(total(absolute(part(image, across=x + 1) - part(image, across=x))) for x in range(width - 1))


def variation_slices(image):
    down = absolute(part(image, slice(1, None)) - part(image, slice(None, -1)))
    across = absolute(part(image, across=slice(1, None)) - part(image, across=slice(None, -1)))
    return total(down) + total(across)


def part_of_colours(image):
    return image[:, :1] if torch else image[..., :1]


def summed(image, *axes, how=absolute):
    return sum(total(how(diff(image, axis))) for axis in axes)


RIGHT = {
    "total_cost": {
        "sum": lambda content, style, alpha, beta: alpha * content + beta * style,
        "stack": lambda content, style, alpha, beta: total(stack([content, style]) * constant([alpha, beta])),
        "double": lambda content, style, alpha, beta: double(content) * alpha + double(style) * beta,
        "pairs": lambda content, style, alpha, beta: sum(weight * loss for weight, loss in ((alpha, content), (beta, style))),
        "other names": lambda J_content, J_style, a, b: b * J_style + a * J_content,
        "torch: add": lambda content, style, alpha, beta: torch.add(alpha * content, style, alpha=beta),
        "tensorflow: add_n": lambda content, style, alpha, beta: tf.add_n([alpha * content, beta * style]),
    },
    "one_step": {
        "usual": step,
        "torch: backward": step_backward,
        "torch: SGD": step_torch,
        "torch: double": lambda image, target, loss, learning_rate: step(image.double(), target.double(), loss, learning_rate),
        "torch: functional": lambda image, target, loss, rate: (image - rate * torch.func.grad(loss)(image, target)).clamp(0, 1),
        "torch: bounds": lambda image, target, loss, rate: step(image, target, loss, rate).minimum(torch.ones(())),
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
        "logarithms": lambda content, style, share: math.exp(math.log(share * content) - math.log(style) - math.log1p(-share)),
        "steps": balance_in_steps,
    },
    "total_variation": {
        "loop": variation_loop,
        "slices": variation_slices,
        "diff": lambda image: summed(image, DOWN, ACROSS),
        "double": lambda image: variation_slices(double(image)),
        "both signs": lambda image: summed(image, DOWN, ACROSS, how=lambda change: clip(change, 0, 1) + clip(-change, 0, 1)),
        "torch: loss": lambda image: sum(
            torch.nn.functional.l1_loss(*pair, reduction="sum")
            for pair in ((image[:, :, 1:], image[:, :, :-1]), (image[..., 1:], image[..., :-1]))
        ),
        "torch: norm": lambda image: image.diff(dim=2).norm(p=1) + image.diff(dim=3).norm(p=1),
        "torch: where": lambda image: summed(image, DOWN, ACROSS, how=lambda change: torch.where(change > 0, change, -change)),
        "tensorflow: gradients": lambda image: sum(tf.reduce_sum(tf.abs(change)) for change in tf.image.image_gradients(image)),
        "tensorflow: norm": lambda image: sum(tf.norm(diff(image, axis), ord=1) for axis in (DOWN, ACROSS)),
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
        (lambda content, style, alpha, beta: alpha * detached(content) + beta * style, "no gradient reaches `content`"),
        (lambda content, style, alpha, beta: alpha * content + beta * detached(style), "no gradient reaches `style`"),
        (lambda content, style, alpha, beta: content + beta * style, "`alpha` is forgotten"),
        (lambda content, style, alpha, beta: alpha * content + style, "`beta` is forgotten"),
        (lambda content, style, alpha, beta: 10 * content + beta * style, "number 10"),
        (lambda content, style, alpha, beta: alpha * content + 40 * style, "number 40"),
        (lambda content, style, alpha, beta: content + beta / alpha * style, "divided by `alpha`"),
        (lambda content, style, alpha, beta: (alpha + beta) * (content + style), "added up by themselves"),
        (lambda content, style, alpha, beta: ((alpha * content) ** 2 + (beta * style) ** 2) ** 0.5, "squares already"),
        (lambda content, style, alpha, beta: absolute(alpha * content - beta * style), "subtracted"),
        (lambda content, style, alpha, beta: [alpha * content, beta * style], "Add them up"),
        (lambda content, style, alpha, beta: (alpha * content + beta * style).backward(), "return the sum", "torch"),
    ],
    "one_step": [
        (lambda image, target, loss, learning_rate: image - learning_rate * gradient(image, target, loss), "range 0..1"),
        (lambda image, target, loss, learning_rate: clip(image + learning_rate * gradient(image, target, loss), 0, 1), "uphill"),
        (lambda image, target, loss, learning_rate: image, "does not move"),
        (along(lambda slope: clip(slope, -0.5, 0.5)), "gradient is clipped"),
        (along(lambda slope: slope / root(mean(square(slope)))), "divided by its own size"),
        (along(lambda slope: slope / math.prod(slope.shape)), "number of pixels"),
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
        (step_swapped, "Image and target are swapped"),
        (along(lambda slope: slope / total(square(slope)) ** 0.5), "divided by its own size"),
        (along(lambda slope: slope / mean(absolute(slope))), "divided by its own size"),
        (along(lambda slope: clip(slope, -1, 1)), "gradient is clipped"),
        (along(lambda slope: slope / 2), "half a step"),
        (along(lambda slope: 2 * slope), "twice as long"),
        (along(lambda slope: 0.9 * slope), "momentum or a decay"),
        (along(mean), "averaged over the pixels"),
        (lambda image, target, loss, learning_rate: step(image, target, loss, 1 / learning_rate), "divided by the learning rate"),
        (lambda image, target, loss, learning_rate: step(image, target, loss, learning_rate**2), "squared"),
        (lambda image, target, loss, rate: step(step(image, target, loss, rate), target, loss, rate), "two steps"),
        (lambda image, target, loss, rate: step(image, target, loss, rate)[:1] + 0 * image, "values are not"),
        (lambda image, target, loss, learning_rate: clip(unclipped(image, target, loss, learning_rate), 0, 255), "One end"),
        (lambda image, target, loss, learning_rate: clip(unclipped(image, target, loss, learning_rate), -1, 1), "One end"),
        (lambda image, target, loss, learning_rate: unclipped(image, target, loss, learning_rate) % 1, "squeezed into its range"),
        (
            lambda image, target, loss, learning_rate: step(image, target, loss, learning_rate)[0],
            "expected the shape of the input",
        ),
        (lambda image, target, loss, learning_rate: image - learning_rate * loss, "That is a function: call it"),
        (step_on_its_own_result, "The second call gets the result of the first, and fails", "torch"),
        (step_of_a_tuple, "returns a tuple", "torch"),
        (step_of_a_list, "ask for the gradient of one image", "tensorflow"),
        (step_of_a_function, "That is a function: call it", "tensorflow"),
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
        (lambda content, style, share: round(share * content / ((1 - share) * style), 2), "is nearly right, but not quite"),
        (lambda content, style, share: round(share * content / ((1 - share) * style)), "rounded"),
        (lambda content, style, share: share * content / ((share - 1) * style), "sign"),
        (lambda content, style, share: share * content / ((1 + share) * style), "1 [+] share"),
        (lambda content, style, share: 0.9 * content / (0.1 * style), "number of the lesson"),
        (lambda content, style, share: share * (content + style), "unweighted total"),
        (lambda content, style, share: share * content / ((1 - share) * style) + 0.002, "is nearly right, but not quite"),
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
        (
            lambda image: summed(image, DOWN, ACROSS, how=lambda change: root(change**2)),
            "gradient is not finite where neighbours are equal",
        ),
        (lambda image: summed(image, DOWN, ACROSS, how=lambda change: (change**2) ** 0.5), "gradient is not finite"),
        (lambda image: summed(image, DOWN, ACROSS, how=lambda change: root(change**2 + 1e-6)), "is a small number added"),
        (lambda image: variation_slices(image[:1]), "Only the first image"),
        (lambda image: variation_slices(part_of_colours(image)), "Only the first colour"),
        (lambda image: summed(image, 0, DOWN), "images of the batch"),
        (lambda image: variation_slices(image) / (image.shape[DOWN] * image.shape[ACROSS]), "That is the mean"),
        (lambda image: variation_slices(image) / 3, "mean over the colours"),
        (lambda image: summed(image, DOWN, ACROSS, how=square) ** 0.5, "whole sum of squares"),
        (lambda image: total(absolute(diff(image, DOWN)) + absolute(diff(image, ACROSS))), "add up each of them by itself"),
        (lambda image: total(absolute(part(image, slice(1, None)) - image)), "both slices need the same length"),
        (lambda image: variation_slices(part(image, slice(None, -1))), "last row or column"),
        (lambda image: (summed(image, DOWN), summed(image, ACROSS)), "tuple.* Add them up"),
    ],
}
