"""Answers to psnr, content_loss and reconstruct."""

import math

from words import absolute, clip, detached, double, gradient, gram, log, mean, root, square, tf, torch, total


def mse(one, other):
    return mean(square(one - other))


def decibels(error):
    return -10 * log(error) / math.log(10)


def psnr_loop(image, original):
    error = sum(total(square(image[i] - original[i])) for i in range(image.shape[0]))
    return decibels(error / math.prod(image.shape))


def content_loop(activation, target):
    error = sum(total(square(activation[i] - target[i])) for i in range(activation.shape[0]))
    return error / math.prod(activation.shape)


def walk(image, target, loss, steps, learning_rate, step=None, end=lambda image: image):
    step = step or (lambda image: clip(image - learning_rate * gradient(image, target, loss), 0, 1))
    for _ in range(steps):
        image = step(image)
    return end(image)


def walk_unclipped(image, target, loss, steps, learning_rate, end=lambda image: image):
    return walk(image, target, loss, steps, learning_rate, lambda now: now - learning_rate * gradient(now, target, loss), end)


def walk_adds_up(image, target, loss, steps, learning_rate):
    slopes = 0
    for _ in range(steps):
        slopes += gradient(image, target, loss)
        image = clip(image - learning_rate * slopes, 0, 1)
    return image


def walk_one_slope(image, target, loss, steps, learning_rate):
    slope = gradient(image, target, loss)
    return walk(image, target, loss, steps, learning_rate, lambda now: clip(now - learning_rate * slope, 0, 1))


def walk_from_the_start(image, target, loss, steps, learning_rate):
    moved = image
    for _ in range(steps):
        moved = walk(image, target, loss, 1, learning_rate)
    return moved


def walk_torch(image, target, loss, steps, learning_rate, method="SGD"):
    moving = image.detach().clone().requires_grad_(True)
    optimiser = getattr(torch.optim, method)([moving], lr=learning_rate)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(moving, target).backward()
        optimiser.step()
        with torch.no_grad():
            moving.clamp_(0, 1)
    return moving.detach()


def walk_backward(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image = image.detach().requires_grad_(True)
        loss(image, target).backward()
        image = torch.clip(image - learning_rate * image.grad, 0, 1)
    return image


def walk_grad_not_cleared(image, target, loss, steps, learning_rate):
    moving = image.detach().clone().requires_grad_(True)
    for _ in range(steps):
        loss(moving, target).backward()
        with torch.no_grad():
            moving.copy_((moving - learning_rate * moving.grad).clamp(0, 1))
    return moving.detach()


def walk_one_loss(image, target, loss, steps, learning_rate):
    moving = image.detach().clone().requires_grad_(True)
    value = loss(moving, target)
    for _ in range(steps):
        value.backward()
    return moving.detach()


def walk_in_place(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image -= learning_rate * gradient(image, target, loss)
        image.clamp_(0, 1)
    return image


def walk_leaf(image, target, loss, steps, learning_rate):
    moving = image.clone().requires_grad_(True)
    for _ in range(steps):
        moving -= learning_rate * gradient(moving, target, loss)
    return moving


def variable_gradient(moving, target, loss):
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    return tape.gradient(value, moving)


def walk_keras(image, target, loss, steps, learning_rate, method="SGD"):
    moving, optimiser = tf.Variable(image), getattr(tf.keras.optimizers, method)(learning_rate)
    for _ in range(steps):
        optimiser.apply_gradients([(variable_gradient(moving, target, loss), moving)])
        moving.assign(clip(moving, 0, 1))
    return tf.identity(moving)


def walk_variable(image, target, loss, steps, learning_rate):
    moving = tf.Variable(image)
    for _ in range(steps):
        moving.assign(clip(moving - learning_rate * variable_gradient(moving, target, loss), 0, 1))
    return moving


def walk_double(image, target, loss, steps, learning_rate):
    return walk(double(image), target, lambda x, y: loss(tf.cast(x, tf.float32), y), steps, learning_rate)


def walk_one_tape(image, target, loss, steps, learning_rate):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    for _ in range(steps):
        moving.assign_sub(learning_rate * tape.gradient(value, moving))
    return moving


def walk_along(direction):
    """Steps along a function of the gradient and of the number of the step."""

    def answer(image, target, loss, steps, learning_rate):
        for index in range(steps):
            image = clip(image - learning_rate * direction(gradient(image, target, loss), index), 0, 1)
        return image

    return answer


def walk_with_momentum(image, target, loss, steps, learning_rate):
    velocity = 0
    for _ in range(steps):
        velocity = 0.9 * velocity + gradient(image, target, loss)
        image = clip(image - learning_rate * velocity, 0, 1)
    return image


def walk_swapped(image, target, loss, steps, learning_rate):
    return walk(image, target, lambda x, t: loss(t, x), steps, learning_rate)


def walk_reassigned(image, target, loss, steps, learning_rate):
    moving = image.clone().requires_grad_(True)
    for _ in range(steps):
        loss(moving, target).backward()
        moving = (moving - learning_rate * moving.grad).clamp(0, 1)
    return moving


def walk_from_black(image, target, loss, steps, learning_rate):
    return walk(0 * image, target, loss, steps, learning_rate)


RIGHT = {
    "psnr": {
        "loop": psnr_loop,
        "mean": lambda image, original: decibels(mse(image, original)),
        "root": lambda image, original: 20 * log(1 / root(mse(image, original))) / math.log(10),
        "double": lambda image, original: decibels(mse(double(image), double(original))),
        "torch: log10": lambda image, original: -10 * mse(image, original).log10(),
    },
    "content_loss": {
        "loop": content_loop,
        "mean": lambda activation, target: mse(activation, target),
        "double": lambda activation, target: mse(double(activation), double(target)),
        "torch: functional": lambda activation, target: torch.nn.functional.mse_loss(activation, target),
        "tensorflow: keras": lambda activation, target: tf.reduce_mean(tf.keras.losses.mse(activation, target)),
    },
    "reconstruct": {
        "loop": walk,
        "torch: SGD": walk_torch,
        "torch: backward": walk_backward,
        "torch: double": lambda image, target, loss, steps, learning_rate: walk(
            image.double(), target, loss, steps, learning_rate
        ),
        "tensorflow: SGD": walk_keras,
        "tensorflow: variable": walk_variable,
        "tensorflow: double": walk_double,
    },
}

WRONG = {
    "psnr": [
        (lambda image, original: -decibels(mse(image, original)), "sign"),
        (lambda image, original: -10 * log(mse(image, original)), "natural logarithm"),
        (lambda image, original: -10 * log(mse(image, original)) / math.log(2), "base 2"),
        (lambda image, original: decibels(mse(image, original)) / 10, "bels"),
        (lambda image, original: 2 * decibels(mse(image, original)), "20 belongs to the root"),
        (lambda image, original: decibels(mse(image, original) / 255**2), "255"),
        (lambda image, original: tf.image.psnr(image, original, 1.0)[0], "first image", "tensorflow"),
        (lambda image, original: decibels(mse(255 * image, 255 * original)), "peak is left at 1"),
        (lambda image, original: decibels(total(square(image - original))), "sum of the squares"),
        (lambda image, original: decibels(mean(absolute(image - original))), "mean absolute error"),
        (lambda image, original: mse(image, original), "error alone"),
        (lambda image, original: mean(decibels(square(image - original))), "every pixel"),
        (lambda image, original: decibels(mean(square(image - original), (2, 3))), "single number"),
        (lambda image, original: tf.image.psnr(image, original, 1.0), "one logarithm", "tensorflow"),
        (lambda image, original: mean(tf.image.psnr(image, original, 1.0)), "one logarithm", "tensorflow"),
        (lambda image, original: float(decibels(mse(image, original))), "Python number"),
        (lambda image, original: decibels(mse(image, original)).numpy(), "NumPy where"),
        (lambda image, original: log(mean(image - original)), "not finite|value is"),
        (lambda image, original: decibels(mean(square(image.sub_(original)))), "changes its input `image`", "torch"),
    ],
    "content_loss": [
        (lambda activation, target: total(square(activation - target)), "That is the sum"),
        (lambda activation, target: total(square(activation - target)) / 2, "half the sum"),
        (lambda activation, target: mean(square((activation - target).view(-1))), "no response.*reshape or flatten", "torch"),
        (lambda activation, target: square(root(mean(square(activation - target)))), "not finite where .* the same", "torch"),
        (lambda activation, target: mean(activation - target), "not squared"),
        (lambda activation, target: mse(activation, target) / 4, "quarter"),
        (lambda activation, target: mse(activation, target)[None], r"Shape \(1,\).*with \[0\]"),
        (lambda activation, target: root(total(square(activation - target))), "length"),
        (lambda activation, target: mse(activation[0], target[0]), "first image"),
        (lambda activation, target: mean(absolute(activation - target)), "absolute"),
        (lambda activation, target: root(mse(activation, target)), "root"),
        (lambda activation, target: square(activation - target), "expected a single number"),
        (lambda activation, target: tf.keras.losses.mse(activation, target), "expected a single number", "tensorflow"),
        (lambda activation, target: float(mse(activation, target)), "Python number"),
        (lambda activation, target: mse(activation, target).numpy(), "NumPy where a (PyTorch|TensorFlow) tensor"),
        (lambda activation, target: mse(detached(activation), target), "passes through `target` instead of `activation`"),
        (lambda activation, target: mse(detached(activation), detached(target)), "no gradient reaches"),
        (lambda activation, target: mean(square(activation.sub_(target))), "changes its input `activation` in place", "torch"),
        (lambda activation, target: mse(gram(activation), gram(target)), "Gram"),
    ],
    "reconstruct": [
        (lambda image, target, loss, steps, learning_rate: image, "does not move"),
        (lambda image, target, loss, steps, learning_rate: target, "the target itself"),
        (walk_swapped, "called as `loss.target, image.`"),
        (walk_along(lambda slope, index: slope / root(total(square(slope)))), "divided by its length"),
        (walk_along(lambda slope, index: slope / mean(absolute(slope))), "its mean or its spread"),
        (walk_along(lambda slope, index: clip(slope, -1, 1)), "gradient is clipped"),
        (walk_along(lambda slope, index: clip(slope, -0.2, 0.2)), "gradient is clipped"),
        (walk_along(lambda slope, index: slope / (root(mean(square(slope))) + 1e-5)), "its mean or its spread"),
        (walk_along(lambda slope, index: slope / slope.shape[0]), "averaged over the batch"),
        (walk_along(lambda slope, index: 0.96**index * slope), "gets smaller from step to step"),
        (walk_along(lambda slope, index: 0.5 ** (index // 10) * slope), "Right for one input, but not for many steps"),
        (walk_along(lambda slope, index: 0.9**index * slope), "smaller from step to step"),
        (walk_along(lambda slope, index: slope / (index + 1)), "smaller from step to step"),
        (walk_with_momentum, "descent with momentum"),
        (walk_reassigned, "`.grad` is None for every image", "torch"),
        (walk_from_black, "starts from a black image"),
        (
            lambda image, target, loss, steps, learning_rate: walk(image, target, loss, 10, learning_rate),
            "written into the function",
        ),
        (walk_from_the_start, "Only one step"),
        (
            lambda image, target, loss, steps, learning_rate: walk(image, target, loss, steps - 1, learning_rate),
            "one step too few",
        ),
        (
            lambda image, target, loss, steps, learning_rate: walk(image, target, loss, steps + 1, learning_rate),
            "one step too many",
        ),
        (lambda *case: walk_unclipped(*case, end=lambda image: clip(image, 0, 1)), "only at the end"),
        (walk_unclipped, "range 0..1"),
        (lambda image, target, loss, steps, learning_rate: walk(image, target, loss, steps, -learning_rate), "uphill"),
        (walk_adds_up, "add up"),
        (walk_grad_not_cleared, "add up", "torch"),
        (walk_one_slope, "same gradient"),
        (lambda image, target, loss, steps, learning_rate: walk(image, target, loss, steps, 1.0), "learning rate is not used"),
        (lambda *case: walk_torch(*case, method="Adam"), "Adam", "torch"),
        (lambda *case: walk_keras(*case, method="Adam"), "Adam", "tensorflow"),
        (walk_one_loss, "second time.*inside the loop", "torch"),
        (walk_one_tape, "its own tape|never clipped", "tensorflow"),
        (walk_in_place, "changes its input `image` in place", "torch"),
        (walk_leaf, "cannot be changed in place", "torch"),
        (
            lambda image, target, loss, steps, learning_rate: image - learning_rate * variable_gradient(image, target, loss),
            "tape.watch",
            "tensorflow",
        ),
        (lambda *case: walk(*case).numpy(), "NumPy where"),
        (
            lambda image, target, loss, steps, learning_rate: loss(walk(image, target, loss, steps, learning_rate), target),
            "That is the loss",
        ),
        (lambda image, target, loss, steps, learning_rate: walk(image, target, loss, max(steps, 1), learning_rate), "steps = 0"),
    ],
}
UNUSABLE = {
    "content_loss": lambda activation, target: total(square(activation - target)) / float(tf.size(activation)),
}
