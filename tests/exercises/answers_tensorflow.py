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


MEAN = tf.constant([103.939, 116.779, 123.68])  # B, G, R


def prepare_loop(picture):
    red, green, blue = tf.unstack(picture, axis=3)
    return tf.stack([255 * blue - 103.939, 255 * green - 116.779, 255 * red - 123.68], 3)


def prepare_slice(picture):
    return picture[..., ::-1] * 255 - MEAN


def prepare_einsum(picture):
    swap = tf.reverse(tf.eye(3), [0])
    return 255 * tf.einsum("oc,bhwc->bhwo", swap, picture) - MEAN


def undo_loop(pixels):
    planes = [(pixels[..., c] + MEAN[c]) / 255 for c in (2, 1, 0)]
    return tf.clip_by_value(tf.stack(planes, 3), 0, 1)


def undo(pixels):
    return tf.reverse(pixels + MEAN, [3]) / 255


def clip(picture):
    return tf.clip_by_value(picture, 0, 1)


def gradient_variable(picture, target, loss):
    moving = tf.Variable(picture)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    return tape.gradient(value, moving)


def gradient_double(picture, target, loss):
    return tf.cast(gradient(picture, target, loss), tf.float64)


def gradient_graph(picture, target, loss):
    return tf.function(gradient, autograph=False)(picture, target, loss)


def gradient_of_target(picture, target, loss):
    return gradient(target, picture, lambda moving, still: loss(still, moving))


def gradient_unwatched(picture, target, loss):
    with tf.GradientTape() as tape:
        value = loss(picture, target)
    return tape.gradient(value, picture)


def gradient_persistent(picture, target, loss):
    with tf.GradientTape() as tape:
        tape.watch(picture)
        value = loss(picture, target)
    return tape.gradient(value, picture) + tape.gradient(value, picture)


def walk(picture, target, loss, steps, learning_rate, step=None, end=lambda picture: picture):
    step = step or (lambda picture: clip(picture - learning_rate * gradient(picture, target, loss)))
    for _ in range(steps):
        picture = step(picture)
    return end(picture)


def walk_optimiser(picture, target, loss, steps, learning_rate, method=tf.keras.optimizers.SGD, end=tf.identity):
    moving, optimiser = tf.Variable(picture), method(learning_rate)
    for _ in range(steps):
        optimiser.apply_gradients([(gradient_variable_of(moving, target, loss), moving)])
        moving.assign(clip(moving))
    return end(moving)


def gradient_variable_of(moving, target, loss):
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    return tape.gradient(value, moving)


def walk_variable(picture, target, loss, steps, learning_rate):
    moving = tf.Variable(picture)
    for _ in range(steps):
        moving.assign(clip(moving - learning_rate * gradient_variable_of(moving, target, loss)))
    return moving


def walk_double(picture, target, loss, steps, learning_rate):
    picture = tf.cast(picture, tf.float64)
    for _ in range(steps):
        slope = gradient(tf.cast(picture, tf.float32), target, loss)
        picture = clip(picture - learning_rate * tf.cast(slope, tf.float64))
    return picture


def walk_adds_up(picture, target, loss, steps, learning_rate):
    total = 0
    for _ in range(steps):
        total += gradient(picture, target, loss)
        picture = clip(picture - learning_rate * total)
    return picture


def walk_one_slope(picture, target, loss, steps, learning_rate):
    slope = gradient(picture, target, loss)
    return walk(picture, target, loss, steps, learning_rate, lambda now: clip(now - learning_rate * slope))


def walk_from_the_start(picture, target, loss, steps, learning_rate):
    moved = picture
    for _ in range(steps):
        moved = step_tape(picture, target, loss, learning_rate)
    return moved


def walk_one_tape(picture, target, loss, steps, learning_rate):
    moving = tf.Variable(picture)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    for _ in range(steps):
        moving.assign_sub(learning_rate * tape.gradient(value, moving))
    return moving


def walk_unwatched(picture, target, loss, steps, learning_rate):
    for _ in range(steps):
        picture = clip(picture - learning_rate * gradient_unwatched(picture, target, loss))
    return picture


def decibels(error):
    return -10 * tf.math.log(error) / tf.math.log(tf.constant(10, error.dtype))


def doubled(tensor):
    return tf.cast(tensor, tf.float64)


def psnr_loop(picture, original):
    total = sum(tf.reduce_sum((picture[0, y] - original[0, y]) ** 2) for y in range(picture.shape[1]))
    return decibels(total / picture.shape.num_elements())


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


def slices(picture):
    here = picture[:, :-1, :-1]
    return picture[:, 1:, :-1] - here, picture[:, :-1, 1:] - here


def power(dy, dx, exponent=1.25):
    return tf.reduce_sum((dx**2 + dy**2) ** exponent)


def keras_slices(picture):
    return power(*slices(picture))


def keras_split(picture):
    dy, dx = differences(picture, 1, 2)
    return tf.reduce_sum(tf.pow(tf.square(dy[:, :, :-1]) + tf.square(dx[:, :-1]), 1.25))


def keras_loop(picture):
    total = 0
    for y in range(picture.shape[1] - 1):
        for x in range(picture.shape[2] - 1):
            total += power(picture[:, y + 1, x] - picture[:, y, x], picture[:, y, x + 1] - picture[:, y, x])
    return total


def each_over_whole(picture):
    return [tf.reduce_sum(tf.abs(part) ** 2.5) for part in differences(picture, 1, 2)]


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
    "preprocess": {
        "loop": prepare_loop, "slice": prepare_slice, "einsum": prepare_einsum,
        "keras": lambda picture: tf.keras.applications.vgg19.preprocess_input(picture * 255),
        "double": lambda picture: doubled(picture)[..., ::-1] * 255 - np.array([103.939, 116.779, 123.68]),
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
        "mean": lambda picture, original: decibels(mse(picture, original)),
        "library": lambda picture, original: tf.image.psnr(picture, original, 1.0)[0],
        "root": lambda picture, original: -20 * tf.math.log(tf.sqrt(mse(picture, original))) / np.log(10).astype("float32"),
        "double": lambda picture, original: decibels(mse(doubled(picture), doubled(original))),
    },
    "style_loss": {
        "loop": styles_loop, "sum": styles, "stack": styles_stacked,
        "double": lambda activations, target_grams, weights: styles(
            {layer: doubled(each) for layer, each in activations.items()},
            {layer: doubled(each) for layer, each in target_grams.items()}, weights),
    },
    "keras_variation": {
        "loop": keras_loop, "slices": keras_slices, "split": keras_split,
        "double": lambda picture: keras_slices(doubled(picture)),
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
        (lambda activation, target: mse(activation[0], target[0]), "first picture"),
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
        (lambda picture: summed(differences(picture, 1, 2), tf.square), "squared"),
        (lambda picture: tf.add_n([tf.reduce_mean(abs(part)) for part in differences(picture, 1, 2)]), "mean where the sum"),
        (lambda picture: summed(differences(picture, 1)), "Only neighbours above"),
        (lambda picture: summed(differences(picture, 2)), "Only neighbours left"),
        (lambda picture: summed([picture - tf.roll(picture, 1, axis) for axis in (1, 2)]), "roll"),
        (lambda picture: summed(differences(picture, 1, 2), tf.identity), "cancel"),
        (lambda picture: summed(differences(picture, 2, 3)), "channels"),
        (lambda picture: float(variation_slices(picture)), "Python number"),
        (lambda picture: variation_slices(255 * picture), "0..255"),
        (lambda picture: tf.reduce_sum(abs(picture[:, 1:, 1:] - picture[:, :-1, :-1])), "across the corner"),
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
        (lambda p, t, loss, rate: clip(p - rate * (p - t)), "loss of your own"),
        (lambda p, t, loss, rate: clip(p - rate * loss(p, t)), "loss itself is subtracted"),
        (step_through_target, "gradient of the target"),
        (lambda p, t, loss, rate: p.assign_sub(rate * gradient(p, t, loss)), "AttributeError"),
    ],
    "preprocess": [
        (lambda picture: picture, "comes back as it went in"),
        (lambda picture: picture * 255 - MEAN, "RGB and BGR are swapped"),
        (lambda picture: picture * 255 - MEAN[::-1], "RGB and BGR are swapped"),
        (lambda picture: picture[..., ::-1] * 255 - MEAN[::-1], "swapped in the mean"),
        (lambda picture: (picture[..., ::-1] - MEAN) * 255, "before scaling"),
        (lambda picture: tf.keras.applications.vgg19.preprocess_input(picture), "not scaled"),
        (lambda picture: picture[..., ::-1] * 255, "mean is not subtracted"),
        (lambda picture: picture[..., ::-1] * 255 + MEAN, "is added"),
        (lambda picture: picture[..., ::-1] * 255 - MEAN / 255, "divided by 255"),
        (lambda picture: picture[:, ::-1] * 255 - MEAN, "mirrored"),
        (lambda picture: picture[:, :, ::-1] * 255 - MEAN, "mirrored"),
        (lambda picture: picture[::-1] * 255 - MEAN, "mirrored"),
        (lambda picture: tf.clip_by_value(prepare_slice(picture), 0, 255), "clipped"),
        (lambda picture: tf.transpose(prepare_slice(picture), (0, 3, 1, 2)), "The axes are in another order"),
        (lambda picture: tf.cast(tf.cast(picture * 255, tf.uint8), tf.float32)[..., ::-1] - MEAN, "rounded"),
        (lambda picture: prepare_slice(picture).numpy(), "NumPy where"),
        (lambda picture: prepare_slice(tf.stop_gradient(picture)), "no gradient reaches"),
        (lambda picture: picture * 255 - tf.reshape(MEAN, (1, 3, 1, 1)), "InvalidArgumentError.*channels are the last"),
        (lambda picture: prepare_slice(picture)[0], "expected the shape of the picture"),
        (lambda picture: picture * 2 - 1, "-1..1"),
        (lambda picture: (picture - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], "torchvision"),
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
        (lambda picture, target, loss: -gradient(picture, target, loss), "opposite sign"),
        (lambda picture, target, loss: loss(picture, target), "That is the loss"),
        (lambda picture, target, loss: picture - gradient(picture, target, loss), "moved picture"),
        (lambda picture, target, loss: picture - target, "difference to the target"),
        (lambda picture, target, loss: gradient(picture, target, mse), "loss of your own"),
        (lambda picture, target, loss: 2 * gradient(picture, target, loss), "twice the gradient"),
        (lambda picture, target, loss: tf.sign(gradient(picture, target, loss)), "Only the sign"),
        (lambda picture, target, loss: clip(gradient(picture, target, loss)), "clipped"),
        (lambda picture, target, loss: tf.abs(gradient(picture, target, loss)), "keep the sign"),
        (lambda picture, target, loss: gradient(picture, target, loss).numpy(), "NumPy where"),
        (gradient_unwatched, r"returns None.*tape\.watch"),
        (gradient_persistent, "RuntimeError.*a tape of its own"),
        (lambda picture, target, loss: gradient(target, target, loss), "0 everywhere"),
        (lambda picture, target, loss: gradient(target, picture, loss), "opposite sign"),
        (lambda picture, target, loss: tf.transpose(gradient(picture, target, loss), (0, 3, 1, 2)), "another order"),
        (lambda picture, target, loss: [gradient(picture, target, loss)], "a list where one tensor"),
        (lambda picture, target, loss: tf.linalg.normalize(gradient(picture, target, loss))[0], "divided by its size"),
    ],
    "reconstruct": [
        (lambda picture, target, loss, steps, rate: picture, "does not move"),
        (lambda picture, target, loss, steps, rate: target, "the target itself"),
        (walk_from_the_start, "Only one step"),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, steps - 1, rate), "one step too few"),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, steps + 1, rate), "one step too many"),
        (
            lambda picture, target, loss, steps, rate: walk(
                picture, target, loss, steps, rate, lambda now: now - rate * gradient(now, target, loss), clip
            ),
            "only at the end",
        ),
        (
            lambda picture, target, loss, steps, rate: walk(
                picture, target, loss, steps, rate, lambda now: now - rate * gradient(now, target, loss)
            ),
            "range 0..1",
        ),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, steps, -rate), "uphill"),
        (walk_adds_up, "add up"),
        (walk_one_slope, "same gradient"),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, steps, 1.0), "learning rate is not used"),
        (lambda *case: walk_optimiser(*case, method=tf.keras.optimizers.Adam), "Adam"),
        (walk_one_tape, "a tape of its own|never clipped"),
        (walk_unwatched, r"tape\.watch"),
        (lambda *case: walk(*case).numpy(), "NumPy where"),
        (lambda picture, target, loss, steps, rate: loss(walk(picture, target, loss, steps, rate), target), "That is the loss"),
        (lambda picture, target, loss, steps, rate: walk(picture, target, loss, max(steps, 1), rate), "steps = 0"),
    ],
    "psnr": [
        (lambda picture, original: -decibels(mse(picture, original)), "sign"),
        (lambda picture, original: -10 * tf.math.log(mse(picture, original)), "natural logarithm"),
        (lambda picture, original: -10 * tf.math.log(mse(picture, original)) / np.log(2).astype("float32"), "base 2"),
        (lambda picture, original: decibels(mse(picture, original)) / 10, "bels"),
        (lambda picture, original: 2 * decibels(mse(picture, original)), "20 goes with the root"),
        (lambda picture, original: tf.image.psnr(picture, original, 255.0)[0], "255"),
        (lambda picture, original: decibels(mse(255 * picture, 255 * original)), "peak is left at 1"),
        (lambda picture, original: decibels(tf.reduce_sum((picture - original) ** 2)), "sum of the squares"),
        (lambda picture, original: decibels(tf.reduce_mean(tf.abs(picture - original))), "mean absolute error"),
        (lambda picture, original: mse(picture, original), "error alone"),
        (lambda picture, original: tf.reduce_mean(decibels((picture - original) ** 2)), "every pixel"),
        (lambda picture, original: tf.image.psnr(picture, original, 1.0), "single number"),
        (lambda picture, original: float(decibels(mse(picture, original))), "Python number"),
        (lambda picture, original: decibels(mse(picture, original)).numpy(), "NumPy where"),
        (lambda picture, original: decibels(tf.keras.losses.mse(picture, original)), "single number"),
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
        (lambda picture: power(*slices(picture), 1), "exponent 1.25 is missing"),
        (lambda picture: power(*slices(picture), 0.5), "root"),
        (lambda picture: power(*slices(picture), 2.5), "2.5"),
        (lambda picture: power(*slices(picture), 1) ** 1.25, "whole sum"),
        (lambda picture: tf.add_n([tf.reduce_sum(abs(part) ** 2.5) for part in slices(picture)]), "apart"),
        (lambda picture: tf.add_n(each_over_whole(picture)), "apart"),
        (lambda picture: keras_slices(picture) / (12 * 5), "mean where the sum|times as much"),
        (lambda picture: variation_slices(picture), "absolute differences"),
        (lambda picture: power(*(picture - tf.roll(picture, -1, axis) for axis in (1, 2))), "roll"),
        (lambda picture: keras_slices(picture[:, :-1]), "ends of the slices"),
        (lambda picture: power(slices(picture)[0], picture[:, :-1, :-1] - picture[:, -1:, 1:]), "colon"),
        (lambda picture: power(slices(picture)[0], picture[:, :-1, :-1] - picture[:, picture.shape[1] - 1, 1:]), "colon"),
        (lambda picture: power(*slices(tf.transpose(picture, (0, 3, 1, 2)))), "channels"),
        (lambda picture: float(keras_slices(picture)), "Python number"),
        (lambda picture: keras_slices(tf.stop_gradient(picture)), "no gradient reaches"),
        (lambda picture: keras_slices(picture) / picture.shape[0], "sum over the batch"),
        (lambda picture: power(*differences(picture, 1, 2)), "InvalidArgumentError"),
    ],
}
UNUSABLE = {
    "content_loss": lambda activation, target: tf.reduce_sum((activation - target) ** 2) / float(tf.size(activation)),
    "gram_matrix": lambda activation: tf.stack([gram_einsum(picture[None])[0] for picture in activation]),
}
EMPTY = [gram_empty, lambda activation: ..., lambda activation: None, None, ...]
