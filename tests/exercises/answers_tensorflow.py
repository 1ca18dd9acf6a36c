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
    return tf.reshape(activation, (activation.shape[0], activation.shape[3], -1))


def places(activation):
    return activation.shape[1] * activation.shape[2]


def content_loop(activation, target):
    total = sum(tf.reduce_sum((activation[i] - target[i]) ** 2) for i in range(activation.shape[0]))
    return total / tf.cast(tf.size(activation), activation.dtype)


def gradient(image, target, loss):
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = loss(image, target)
    return tape.gradient(value, image)


def step_tape(image, target, loss, learning_rate):
    return tf.clip_by_value(image - learning_rate * gradient(image, target, loss), 0.0, 1.0)


def step_variable(image, target, loss, learning_rate):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    moving.assign_sub(learning_rate * tape.gradient(value, moving))
    return tf.maximum(tf.minimum(moving, 1.0), 0.0)


def step_sgd(image, target, loss, learning_rate):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    tf.keras.optimizers.SGD(learning_rate).apply_gradients([(tape.gradient(value, moving), moving)])
    return tf.clip_by_value(tf.convert_to_tensor(moving), 0.0, 1.0)


def step_double(image, target, loss, learning_rate):
    slope = tf.cast(gradient(image, target, loss), tf.float64)
    return tf.clip_by_value(tf.cast(image, tf.float64) - learning_rate * slope, 0.0, 1.0)


def step_through_target(image, target, loss, learning_rate):
    slope = gradient(target, image, lambda moving, still: loss(still, moving))
    return tf.clip_by_value(image - learning_rate * slope, 0.0, 1.0)


def step_in_place(image, target, loss, learning_rate):
    image -= learning_rate * gradient(image, target, loss)  # makes a new tensor: right in TensorFlow
    return tf.clip_by_value(image, 0.0, 1.0)


def variation_loop(image):
    _, height, width, _ = image.shape
    down = sum(tf.reduce_sum(abs(image[:, y + 1] - image[:, y])) for y in range(height - 1))
    return down + sum(tf.reduce_sum(abs(image[:, :, x + 1] - image[:, :, x])) for x in range(width - 1))


def variation_slices(image):
    down = tf.abs(image[:, 1:] - image[:, :-1])
    right = tf.abs(image[:, :, 1:] - image[:, :, :-1])
    return tf.reduce_sum(down) + tf.reduce_sum(right)


def differences(image, *axes):
    pairs = [tf.split(image, image.shape[axis], axis) for axis in axes]
    return [tf.concat(parts[1:], axis) - tf.concat(parts[:-1], axis) for parts, axis in zip(pairs, axes, strict=True)]


def summed(parts, function=tf.abs):
    return tf.add_n([tf.reduce_sum(function(part)) for part in parts])


def mse(a, b):
    return tf.reduce_mean(tf.square(a - b))


MEAN = tf.constant([103.939, 116.779, 123.68])  # B, G, R


def prepare_loop(image):
    red, green, blue = tf.unstack(image, axis=3)
    return tf.stack([255 * blue - 103.939, 255 * green - 116.779, 255 * red - 123.68], 3)


def prepare_slice(image):
    return image[..., ::-1] * 255 - MEAN


def prepare_einsum(image):
    swap = tf.reverse(tf.eye(3), [0])
    return 255 * tf.einsum("oc,bhwc->bhwo", swap, image) - MEAN


def undo_loop(pixels):
    planes = [(pixels[..., c] + MEAN[c]) / 255 for c in (2, 1, 0)]
    return tf.clip_by_value(tf.stack(planes, 3), 0, 1)


def undo(pixels):
    return tf.reverse(pixels + MEAN, [3]) / 255


def clip(image):
    return tf.clip_by_value(image, 0, 1)


def gradient_variable(image, target, loss):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    return tape.gradient(value, moving)


def gradient_double(image, target, loss):
    return tf.cast(gradient(image, target, loss), tf.float64)


def gradient_graph(image, target, loss):
    return tf.function(gradient, autograph=False)(image, target, loss)


def gradient_of_target(image, target, loss):
    return gradient(target, image, lambda moving, still: loss(still, moving))


def gradient_unwatched(image, target, loss):
    with tf.GradientTape() as tape:
        value = loss(image, target)
    return tape.gradient(value, image)


def gradient_persistent(image, target, loss):
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = loss(image, target)
    return tape.gradient(value, image) + tape.gradient(value, image)


def walk(image, target, loss, steps, learning_rate, step=None, end=lambda image: image):
    step = step or (lambda image: clip(image - learning_rate * gradient(image, target, loss)))
    for _ in range(steps):
        image = step(image)
    return end(image)


def walk_optimiser(image, target, loss, steps, learning_rate, method=tf.keras.optimizers.SGD, end=tf.identity):
    moving, optimiser = tf.Variable(image), method(learning_rate)
    for _ in range(steps):
        optimiser.apply_gradients([(gradient_variable_of(moving, target, loss), moving)])
        moving.assign(clip(moving))
    return end(moving)


def gradient_variable_of(moving, target, loss):
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    return tape.gradient(value, moving)


def walk_variable(image, target, loss, steps, learning_rate):
    moving = tf.Variable(image)
    for _ in range(steps):
        moving.assign(clip(moving - learning_rate * gradient_variable_of(moving, target, loss)))
    return moving


def walk_double(image, target, loss, steps, learning_rate):
    image = tf.cast(image, tf.float64)
    for _ in range(steps):
        slope = gradient(tf.cast(image, tf.float32), target, loss)
        image = clip(image - learning_rate * tf.cast(slope, tf.float64))
    return image


def walk_adds_up(image, target, loss, steps, learning_rate):
    total = 0
    for _ in range(steps):
        total += gradient(image, target, loss)
        image = clip(image - learning_rate * total)
    return image


def walk_one_slope(image, target, loss, steps, learning_rate):
    slope = gradient(image, target, loss)
    return walk(image, target, loss, steps, learning_rate, lambda now: clip(now - learning_rate * slope))


def walk_from_the_start(image, target, loss, steps, learning_rate):
    moved = image
    for _ in range(steps):
        moved = step_tape(image, target, loss, learning_rate)
    return moved


def walk_one_tape(image, target, loss, steps, learning_rate):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    for _ in range(steps):
        moving.assign_sub(learning_rate * tape.gradient(value, moving))
    return moving


def walk_unwatched(image, target, loss, steps, learning_rate):
    for _ in range(steps):
        image = clip(image - learning_rate * gradient_unwatched(image, target, loss))
    return image


def decibels(error):
    return -10 * tf.math.log(error) / tf.math.log(tf.constant(10, error.dtype))


def doubled(tensor):
    return tf.cast(tensor, tf.float64)


def psnr_loop(image, original):
    total = sum(tf.reduce_sum((image[0, y] - original[0, y]) ** 2) for y in range(image.shape[1]))
    return decibels(total / image.shape.num_elements())


def styles_loop(activations, target_grams, weights):
    total = 0.0
    for layer, activation in activations.items():
        total += weights[layer] * mse(gram_matmul(activation), target_grams[layer])
    return total


def styles(activations, target_grams, weights, gram=gram_einsum, layer_loss=mse):
    return sum(weights[layer] * layer_loss(gram(activations[layer]), target_grams[layer]) for layer in weights)


def styles_stacked(activations, target_grams, weights):
    losses = tf.stack([mse(gram_einsum(activations[layer]), target_grams[layer]) for layer in weights])
    return tf.tensordot(losses, tf.constant(list(weights.values())), 1)


def styles_overwritten(activations, target_grams, weights):
    for layer in activations:
        total = weights[layer] * mse(gram_einsum(activations[layer]), target_grams[layer])
    return total


def styles_by_place(activations, target_grams, weights):
    triples = zip(activations.values(), target_grams.values(), weights.values(), strict=True)
    return sum(weight * mse(gram_einsum(activation), target) for activation, target, weight in triples)


def styles_early(activations, target_grams, weights):
    for layer in activations:
        return weights[layer] * mse(gram_einsum(activations[layer]), target_grams[layer])


def styles_pop(activations, target_grams, weights):
    total = styles(activations, target_grams, weights)
    activations.pop("conv1_1", None)
    return total


def styles_three(activations, target_grams, weights):
    layers = ("conv1_1", "conv2_1", "conv3_1")
    return sum(weights[layer] * mse(gram_einsum(activations[layer]), target_grams[layer]) for layer in layers)


def slices(image):
    here = image[:, :-1, :-1]
    return image[:, 1:, :-1] - here, image[:, :-1, 1:] - here


def power(dy, dx, exponent=1.25):
    return tf.reduce_sum((dx**2 + dy**2) ** exponent)


def keras_slices(image):
    return power(*slices(image))


def keras_split(image):
    dy, dx = differences(image, 1, 2)
    return tf.reduce_sum(tf.pow(tf.square(dy[:, :, :-1]) + tf.square(dx[:, :-1]), 1.25))


def keras_loop(image):
    total = 0
    for y in range(image.shape[1] - 1):
        for x in range(image.shape[2] - 1):
            total += power(image[:, y + 1, x] - image[:, y, x], image[:, y, x + 1] - image[:, y, x])
    return total


def each_over_whole(image):
    return [tf.reduce_sum(tf.abs(part) ** 2.5) for part in differences(image, 1, 2)]


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
        "library": lambda image: tf.reduce_sum(tf.image.total_variation(image)),
        "double": lambda image: variation_slices(tf.cast(image, tf.float64)),
    },
    "one_step": {
        "tape": step_tape, "variable": step_variable, "SGD": step_sgd, "double": step_double, "rebound name": step_in_place,
    },
    "preprocess": {
        "loop": prepare_loop, "slice": prepare_slice, "einsum": prepare_einsum,
        "keras": lambda image: tf.keras.applications.vgg19.preprocess_input(image * 255),
        "double": lambda image: doubled(image)[..., ::-1] * 255 - np.array([103.939, 116.779, 123.68]),
    },
    "deprocess": {
        "loop": undo_loop, "reverse": lambda pixels: clip(undo(pixels)),
        "gather": lambda pixels: clip(tf.gather(pixels + MEAN, [2, 1, 0], axis=3) / 255),
        "double": lambda pixels: clip(doubled(undo(pixels))),
    },
    "picture_gradient": {
        "tape": gradient, "variable": gradient_variable, "graph": gradient_graph, "double": gradient_double,
    },
    "reconstruct": {"loop": walk, "SGD": walk_optimiser, "variable": walk_variable, "double": walk_double},
    "psnr": {
        "loop": psnr_loop,
        "mean": lambda image, original: decibels(mse(image, original)),
        "library": lambda image, original: tf.image.psnr(image, original, 1.0)[0],
        "root": lambda image, original: -20 * tf.math.log(tf.sqrt(mse(image, original))) / np.log(10).astype("float32"),
        "double": lambda image, original: decibels(mse(doubled(image), doubled(original))),
    },
    "style_loss": {
        "loop": styles_loop, "sum": styles, "stack": styles_stacked,
        "double": lambda activations, target_grams, weights: styles(
            {layer: doubled(each) for layer, each in activations.items()},
            {layer: doubled(each) for layer, each in target_grams.items()}, weights),
    },
    "keras_variation": {
        "loop": keras_loop, "slices": keras_slices, "split": keras_split,
        "double": lambda image: keras_slices(doubled(image)),
    },
    "decayed_rate": {
        "keras": lambda step, rate, factor: tf.keras.optimizers.schedules.ExponentialDecay(rate, 100, factor)(step),
    },
}  # fmt: skip

WRONG = {
    "content_loss": [
        (lambda activation, target: tf.reduce_sum((activation - target) ** 2), "the sum where the mean"),
        (lambda activation, target: tf.nn.l2_loss(activation - target), "half the sum"),
        (lambda activation, target: tf.reduce_mean(activation - target), "not squared"),
        (lambda activation, target: mse(activation, target) / 4, "quarter"),
        (lambda activation, target: mse(activation, target)[None], r"Shape \(1,\).*with \[0\]"),
        (lambda activation, target: tf.norm(activation - target), "length"),
        (lambda activation, target: mse(activation[0], target[0]), "first image"),
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
        (lambda activation: tf.matmul(flat(activation), flat(activation), transpose_b=True) / places(activation), "transposed"),
        (lambda activation: tf.einsum("bihw,bjhw->bij", activation, activation), "wrong axis"),
        (
            lambda activation: tf.einsum("bihw,bjhw->bij", activation, activation) / tf.size(activation[0, 0], tf.float32),
            "wrong axis",
        ),
        (lambda activation: tf.einsum("bhic,bhjc->bij", activation, activation), "wrong axis"),
        (lambda activation: tf.matmul(first(activation), first(activation), transpose_b=True) / places(activation), "scrambled"),
        (
            lambda activation: (
                tf.tensordot(activation, activation, [[0, 1, 2], [0, 1, 2]]) / tf.size(activation[..., 0], tf.float32)
            ),
            "mixed",
        ),
        (lambda activation: gram_einsum(activation).numpy(), "NumPy where"),
        (lambda activation: tf.constant(gram_einsum(activation).numpy()), "no gradient reaches"),
        (lambda activation: tf.stop_gradient(gram_einsum(activation)), "no gradient reaches"),
        (
            lambda activation: tf.einsum("bhwi,bhwj->bij", activation, tf.stop_gradient(activation)) / places(activation),
            "cut off",
        ),
        (lambda activation: gram_einsum(activation) * 1.5, "every value is 1.5 times"),
        (
            lambda activation: gram_einsum(activation) * places(activation) / 24,
            "Right for one input, but not for another, of . x . places",
        ),
        (
            lambda activation: gram_einsum(tf.reshape(activation, (3, 4, 6, 5))),
            r"Right for one input, but not for another, .*: Line \d+ stops",
        ),
        (lambda activation: gram_einsum(tf.nn.l2_normalize(activation, (1, 2))) * places(activation), "cosine"),
        (gram_fails, "stops with InvalidArgumentError"),
        (gram_nested, r"gram_matrix\(activation\)"),
        (gram_without_return, "returns None"),
        (lambda activation: gram_einsum(activation - tf.reduce_mean(activation, (1, 2), True)), "mean is subtracted"),
        (lambda activation: gram_einsum(activation)[:, :1], r"expected \(\d, (\d), \1\)"),
        (lambda activation: gram_einsum(activation) * float("nan"), "not finite"),
        (lambda activation: (gram_einsum(activation), 1), "returns a tuple"),
    ],
    "style_layer_loss": [
        (lambda activation, target_gram: tf.reduce_sum((gram_einsum(activation) - target_gram) ** 2), "the sum where the mean"),
        (
            lambda activation, target_gram: mse(places(activation) * gram_einsum(activation), target_gram),
            "normalisation is forgotten",
        ),
        (lambda activation, target_gram: mse(gram_einsum(activation) / activation.shape[3], target_gram), "divided by C H W"),
        (lambda activation, target_gram: mse(gram_einsum(activation), target_gram) / 4, "quarter"),
        (
            lambda activation, target_gram: (
                tf.nn.l2_loss(places(activation) * gram_einsum(activation) - target_gram) / (2 * activation[0].numpy().size ** 2)
            ),
            "Gatys.*like with like",
        ),
        (lambda activation, target_gram: tf.reduce_mean(gram_einsum(activation) - target_gram), "not squared"),
        (lambda activation, target_gram: tf.reduce_mean(abs(gram_einsum(activation) - target_gram)), "absolute"),
        (lambda activation, target_gram: float(mse(gram_einsum(activation), target_gram)), "Python number"),
        (
            lambda activation, target_gram: mse(tf.stop_gradient(gram_einsum(activation)), target_gram),
            "goes through `target_gram`",
        ),
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
        (lambda content, style, alpha, beta: alpha * content + (1 - alpha) * style, "1 - alpha"),
        (lambda content, style: content + style, "these arguments"),
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
        (lambda image: summed(differences(image, 1, 2), tf.square), "squared"),
        (lambda image: tf.add_n([tf.reduce_mean(abs(part)) for part in differences(image, 1, 2)]), "mean where the sum"),
        (lambda image: summed(differences(image, 1)), "Only neighbours above"),
        (lambda image: summed(differences(image, 2)), "Only neighbours left"),
        (lambda image: summed([image - tf.roll(image, 1, axis) for axis in (1, 2)]), "roll"),
        (lambda image: summed(differences(image, 1, 2), tf.identity), "cancel"),
        (lambda image: summed(differences(image, 2, 3)), "channels"),
        (lambda image: float(variation_slices(image)), "Python number"),
        (lambda image: variation_slices(255 * image), "0..255"),
        (lambda image: tf.reduce_sum(abs(image[:, 1:, 1:] - image[:, :-1, :-1])), "across the corner"),
        (lambda image: tf.stop_gradient(variation_slices(image)), "no gradient reaches"),
        (lambda image: tf.image.total_variation(image), "each image"),
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
        (lambda p, t, loss, rate: clip(p - rate * (p - t)), "loss of your own"),
        (lambda p, t, loss, rate: clip(p - rate * loss(p, t)), "loss itself is subtracted"),
        (step_through_target, "gradient of the target"),
        (lambda p, t, loss, rate: p.assign_sub(rate * gradient(p, t, loss)), "AttributeError"),
    ],
    "preprocess": [
        (lambda image: image, "comes back as it went in"),
        (lambda image: image * 255 - MEAN, "RGB and BGR are swapped"),
        (lambda image: image * 255 - MEAN[::-1], "RGB and BGR are swapped"),
        (lambda image: image[..., ::-1] * 255 - MEAN[::-1], "swapped in the mean"),
        (lambda image: (image[..., ::-1] - MEAN) * 255, "before scaling"),
        (lambda image: tf.keras.applications.vgg19.preprocess_input(image), "not scaled"),
        (lambda image: image[..., ::-1] * 255, "mean is not subtracted"),
        (lambda image: image[..., ::-1] * 255 + MEAN, "is added"),
        (lambda image: image[..., ::-1] * 255 - MEAN / 255, "divided by 255"),
        (lambda image: image[:, ::-1] * 255 - MEAN, "mirrored"),
        (lambda image: image[:, :, ::-1] * 255 - MEAN, "mirrored"),
        (lambda image: image[::-1] * 255 - MEAN, "mirrored"),
        (lambda image: tf.clip_by_value(prepare_slice(image), 0, 255), "clipped"),
        (lambda image: tf.transpose(prepare_slice(image), (0, 3, 1, 2)), "The axes are in another order"),
        (lambda image: tf.cast(tf.cast(image * 255, tf.uint8), tf.float32)[..., ::-1] - MEAN, "rounded"),
        (lambda image: prepare_slice(image).numpy(), "NumPy where"),
        (lambda image: prepare_slice(tf.stop_gradient(image)), "no gradient reaches"),
        (lambda image: image * 255 - tf.reshape(MEAN, (1, 3, 1, 1)), "InvalidArgumentError.*channels are the last"),
        (lambda image: prepare_slice(image)[0], "expected the shape of the image"),
        (lambda image: image * 2 - 1, "-1..1"),
        (lambda image: (image - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], "torchvision"),
    ],
    "deprocess": [
        (lambda pixels: pixels, "come back as they went in"),
        (undo, "leaves its range 0..1"),
        (lambda pixels: clip((pixels + MEAN) / 255), "RGB and BGR are swapped"),
        (lambda pixels: clip((pixels[..., ::-1] + MEAN) / 255), "for the mean"),
        (lambda pixels: clip(pixels[..., ::-1] / 255), "mean is not added"),
        (lambda pixels: pixels[..., ::-1] / 255 + MEAN, "added after dividing"),
        (lambda pixels: clip((pixels - MEAN)[..., ::-1] / 255), "subtracted once more"),
        (lambda pixels: tf.clip_by_value((pixels + MEAN)[..., ::-1], 0, 255), "not divided by 255"),
        (lambda pixels: clip((pixels + MEAN)[..., ::-1]), "divide first"),
        (lambda pixels: clip(undo(tf.clip_by_value(pixels, 0, 255))), "before the mean"),
        (lambda pixels: tf.maximum(undo(pixels), 0), "lower end"),
        (lambda pixels: tf.minimum(undo(pixels), 1), "upper end"),
        (lambda pixels: tf.cast(tf.cast(255 * clip(undo(pixels)), tf.uint8), tf.float32) / 255, "8 bits"),
        (lambda pixels: tf.transpose(clip(undo(pixels)), (0, 3, 1, 2)), "another order"),
        (lambda pixels: clip(undo(pixels)).numpy(), "NumPy where a TensorFlow tensor"),
        (lambda pixels: pixels.assign_add(MEAN), "AttributeError.*cannot be changed"),
    ],
    "picture_gradient": [
        (gradient_of_target, "gradient with respect to the target"),
        (lambda image, target, loss: -gradient(image, target, loss), "opposite sign"),
        (lambda image, target, loss: loss(image, target), "That is the loss"),
        (lambda image, target, loss: image - gradient(image, target, loss), "moved image"),
        (lambda image, target, loss: image - target, "difference to the target"),
        (lambda image, target, loss: gradient(image, target, mse), "loss of your own"),
        (lambda image, target, loss: 2 * gradient(image, target, loss), "twice the gradient"),
        (lambda image, target, loss: tf.sign(gradient(image, target, loss)), "Only the sign"),
        (lambda image, target, loss: clip(gradient(image, target, loss)), "clipped"),
        (lambda image, target, loss: tf.abs(gradient(image, target, loss)), "keep the sign"),
        (lambda image, target, loss: gradient(image, target, loss).numpy(), "NumPy where"),
        (gradient_unwatched, r"returns None.*tape\.watch"),
        (gradient_persistent, "RuntimeError.*a tape of its own"),
        (lambda image, target, loss: gradient(target, target, loss), "0 everywhere"),
        (lambda image, target, loss: gradient(target, image, loss), "opposite sign"),
        (lambda image, target, loss: tf.transpose(gradient(image, target, loss), (0, 3, 1, 2)), "another order"),
        (lambda image, target, loss: [gradient(image, target, loss)], "a list where one tensor"),
        (lambda image, target, loss: tf.linalg.normalize(gradient(image, target, loss))[0], "divided by its size"),
    ],
    "reconstruct": [
        (lambda image, target, loss, steps, rate: image, "does not move"),
        (lambda image, target, loss, steps, rate: target, "the target itself"),
        (walk_from_the_start, "Only one step"),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, steps - 1, rate), "one step too few"),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, steps + 1, rate), "one step too many"),
        (
            lambda image, target, loss, steps, rate: walk(
                image, target, loss, steps, rate, lambda now: now - rate * gradient(now, target, loss), clip
            ),
            "only at the end",
        ),
        (
            lambda image, target, loss, steps, rate: walk(
                image, target, loss, steps, rate, lambda now: now - rate * gradient(now, target, loss)
            ),
            "range 0..1",
        ),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, steps, -rate), "uphill"),
        (walk_adds_up, "add up"),
        (walk_one_slope, "same gradient"),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, steps, 1.0), "learning rate is not used"),
        (lambda *case: walk_optimiser(*case, method=tf.keras.optimizers.Adam), "Adam"),
        (walk_one_tape, "a tape of its own|never clipped"),
        (walk_unwatched, r"tape\.watch"),
        (lambda *case: walk(*case).numpy(), "NumPy where"),
        (lambda image, target, loss, steps, rate: loss(walk(image, target, loss, steps, rate), target), "That is the loss"),
        (lambda image, target, loss, steps, rate: walk(image, target, loss, max(steps, 1), rate), "steps = 0"),
    ],
    "psnr": [
        (lambda image, original: -decibels(mse(image, original)), "sign"),
        (lambda image, original: -10 * tf.math.log(mse(image, original)), "natural logarithm"),
        (lambda image, original: -10 * tf.math.log(mse(image, original)) / np.log(2).astype("float32"), "base 2"),
        (lambda image, original: decibels(mse(image, original)) / 10, "bels"),
        (lambda image, original: 2 * decibels(mse(image, original)), "20 goes with the root"),
        (lambda image, original: tf.image.psnr(image, original, 255.0)[0], "255"),
        (lambda image, original: decibels(mse(255 * image, 255 * original)), "peak is left at 1"),
        (lambda image, original: decibels(tf.reduce_sum((image - original) ** 2)), "sum of the squares"),
        (lambda image, original: decibels(tf.reduce_mean(tf.abs(image - original))), "mean absolute error"),
        (lambda image, original: mse(image, original), "error alone"),
        (lambda image, original: tf.reduce_mean(decibels((image - original) ** 2)), "every pixel"),
        (lambda image, original: tf.image.psnr(image, original, 1.0), "single number"),
        (lambda image, original: float(decibels(mse(image, original))), "Python number"),
        (lambda image, original: decibels(mse(image, original)).numpy(), "NumPy where"),
        (lambda image, original: decibels(tf.keras.losses.mse(image, original)), "single number"),
    ],
    "style_loss": [
        (lambda a, t, w: styles(a, t, dict.fromkeys(w, 1.0)), "without their weights"),
        (lambda a, t, w: styles(a, t, w) / len(w), "number of layers"),
        (lambda a, t, w: styles(a, t, w) / sum(w.values()), "sum of the weights"),
        (styles_overwritten, "Only one layer"),
        (styles_early, "Only one layer"),
        (styles_by_place, "position"),
        (lambda a, t, w: styles(a, t, w, lambda x: gram_einsum(x) * (x.shape[1] * x.shape[2])), "normalisation is forgotten"),
        (lambda a, t, w: styles(a, t, w, lambda x: gram_einsum(x) / x.shape[3]), "C H W"),
        (lambda a, t, w: styles(a, t, w, layer_loss=lambda x, y: tf.reduce_sum((x - y) ** 2)), "sum over the entries"),
        (lambda a, t, w: styles(a, t, w, layer_loss=lambda x, y: tf.reduce_mean(x - y)), "not squared"),
        (lambda a, t, w: float(styles(a, t, w)), "Python number"),
        (lambda a, t, w: styles({layer: tf.stop_gradient(x) for layer, x in a.items()}, t, w), "goes through `target_grams`"),
        (
            lambda a, t, w: styles({k: tf.stop_gradient(x) if k == "conv1_1" and len(a) > 1 else x for k, x in a.items()}, t, w),
            "cut off",
        ),
        (styles_pop, "changes its input `activations` in place"),
        (styles_three, "KeyError"),
        (lambda a, t, w: tf.stack([w[k] * mse(gram_einsum(a[k]), t[k]) for k in a]), "one number for each layer"),
    ],
    "keras_variation": [
        (lambda image: power(*slices(image), 1), "exponent 1.25 is missing"),
        (lambda image: power(*slices(image), 0.5), "root"),
        (lambda image: power(*slices(image), 2.5), "2.5"),
        (lambda image: power(*slices(image), 1) ** 1.25, "whole sum"),
        (lambda image: tf.add_n([tf.reduce_sum(abs(part) ** 2.5) for part in slices(image)]), "apart"),
        (lambda image: tf.add_n(each_over_whole(image)), "apart"),
        (lambda image: keras_slices(image) / (12 * 5), "mean where the sum|times as much"),
        (lambda image: variation_slices(image), "absolute differences"),
        (lambda image: power(*(image - tf.roll(image, -1, axis) for axis in (1, 2))), "roll"),
        (lambda image: keras_slices(image[:, :-1]), "ends of the slices"),
        (lambda image: power(slices(image)[0], image[:, :-1, :-1] - image[:, -1:, 1:]), "colon"),
        (lambda image: power(slices(image)[0], image[:, :-1, :-1] - image[:, image.shape[1] - 1, 1:]), "colon"),
        (lambda image: power(*slices(tf.transpose(image, (0, 3, 1, 2)))), "channels"),
        (lambda image: float(keras_slices(image)), "Python number"),
        (lambda image: keras_slices(tf.stop_gradient(image)), "no gradient reaches"),
        (lambda image: keras_slices(image) / image.shape[0], "sum over the batch"),
        (lambda image: power(*differences(image, 1, 2)), "InvalidArgumentError"),
    ],
}
UNUSABLE = {
    "content_loss": lambda activation, target: tf.reduce_sum((activation - target) ** 2) / float(tf.size(activation)),
    "gram_matrix": lambda activation: tf.stack([gram_einsum(image[None])[0] for image in activation]),
}
EMPTY = [gram_empty, lambda activation: ..., lambda activation: None, None, ...]
