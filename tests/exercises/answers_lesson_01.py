"""Answers to layer_name, receptive_field and picture_gradient."""

import math
import re

from words import absolute, clip, double, gradient, mean, other_layout, sign, square, tf, torch

SIZES = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}
NAMES = [f"conv{block}_{n}" for block in SIZES for n in range(1, SIZES[block] + 1)]
WITH_RELU = [name for name in NAMES for _ in range(3 if name in ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4") else 2)]


def name_pattern(name):
    if isinstance(name, int):
        return NAMES[name - 1]
    return "conv{}_{}".format(*re.findall(r"\d", name))


def name_replaced(name):
    """Spellings by replacing words, numbers by going through the blocks."""
    if not isinstance(name, int):
        return name.replace("_conv", "_").replace("block", "conv").replace("relu", "conv")
    for block, size in SIZES.items():
        if name <= size:
            return f"conv{block}_{name}"
        name -= size


def name_table(name):
    table = dict(enumerate(NAMES, 1))
    for spelling in NAMES:
        block, n = spelling[4:].split("_")
        table |= {spelling: spelling, f"relu{block}_{n}": spelling, f"block{block}_conv{n}": spelling}
    return table[name]


def digits(name):
    return tuple(re.findall(r"\d", name))


def numbered(name, layers, shift=0):
    """Right for spellings, but numbers count in another list."""
    return layers[name + shift] if isinstance(name, int) else name_pattern(name)


def field(layers, grow=lambda width, jump, k, s: width + (k - 1) * jump, jump=lambda jump, s: jump * s):
    width, far = 1, 1
    for kernel, stride in layers:
        width, far = grow(width, far, kernel, stride), jump(far, stride)
    return width


def field_downwards(layers):
    """From the top down: r <- (r - 1) s + k."""
    width = 1
    for kernel, stride in reversed(layers):
        width = (width - 1) * stride + kernel
    return width


def field_sum(layers):
    return 1 + sum((kernel - 1) * math.prod(s for _, s in layers[:i]) for i, (kernel, _) in enumerate(layers))


def field_recursive(layers):
    return 1 if not layers else (field_recursive(layers[1:]) - 1) * layers[0][1] + layers[0][0]


def field_returns_early(layers):
    for kernel, _ in layers:
        return kernel


def field_pops(layers):
    width = field(layers)
    layers.pop()
    return width


def gradient_backward(image, target, loss):
    moving = image.clone().detach().requires_grad_(True)
    loss(moving, target.detach()).backward()
    return moving.grad


def gradient_variable(image, target, loss):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(moving, target)
    return tape.gradient(value, moving)


def gradient_of_target(image, target, loss):
    return gradient(target, image, lambda moving, still: loss(still, moving))


def gradient_keeps_adding(image, target, loss):
    image.requires_grad_(True)
    loss(image, target).backward()
    return image.grad


def gradient_twice(image, target, loss):
    moving = image.clone().requires_grad_(True)
    loss(moving, target).backward()
    loss(moving, target).backward()
    return moving.grad


def gradient_unwatched(image, target, loss):
    with tf.GradientTape() as tape:
        value = loss(image, target)
    return tape.gradient(value, image)


def gradient_persistent(image, target, loss):
    with tf.GradientTape() as tape:
        tape.watch(image)
        value = loss(image, target)
    return tape.gradient(value, image) + tape.gradient(value, image)


def gradient_without_backward(image, target, loss):
    moving = image.detach().clone().requires_grad_(True)
    loss(moving, target)
    return moving.grad


def gradient_reassigned(image, target, loss):
    moving = image.clone().requires_grad_(True)
    moving = moving * 1.0
    loss(moving, target).backward()
    return moving.grad


def gradient_of_both(image, target, loss):
    one, other = (x.detach().clone().requires_grad_(True) for x in (image, target))
    return torch.autograd.grad(loss(one, other), (one, other))[0]


def gradient_of_a_copy(image, target, loss):
    copy = tf.identity(image)
    with tf.GradientTape() as tape:
        tape.watch(copy)
        value = loss(image, target)
    return tape.gradient(value, copy)


def gradient_of_another_variable(image, target, loss):
    moving = tf.Variable(image)
    with tf.GradientTape() as tape:
        value = loss(image, target)
    return tape.gradient(value, moving)


def name_without_the_last(name):
    return "conv5_3" if name == 16 else name_pattern(name)


def name_of_two_branches(name):
    if isinstance(name, int):
        return NAMES[name - 1]
    if name.startswith(("block", "relu")):
        return name_pattern(name)


RIGHT = {
    "layer_name": {"pattern": name_pattern, "replace": name_replaced, "table": name_table},
    "receptive_field": {
        "loop": field,
        "downwards": field_downwards,
        "sum": field_sum,
        "recursive": field_recursive,
        "float": lambda layers: float(field(layers)),
    },
    "picture_gradient": {
        "usual": gradient,
        "torch: backward": gradient_backward,
        "torch: functional": lambda image, target, loss: torch.autograd.functional.vjp(lambda x: loss(x, target), image)[1],
        "torch: double": lambda image, target, loss: gradient(image.double(), target.double(), loss),
        "tensorflow: variable": gradient_variable,
        "tensorflow: graph": lambda image, target, loss: tf.function(gradient, autograph=False)(image, target, loss),
        "tensorflow: double": lambda image, target, loss: double(gradient(image, target, loss)),
    },
}

WRONG = {
    "layer_name": [
        (lambda name: name, "comes back unchanged"),
        (lambda name: str(name), "comes back unchanged"),
        (lambda name: "conv{1}_{0}".format(*digits(name)), "swapped"),
        (lambda name: "block4_conv1", r"layer_name\('block\d_conv\d'\) gives 'block4_conv1' where 'conv\d_\d' is right"),
        (lambda name: str(name).replace("block", "conv").replace("relu", "conv"), "The spelling is different"),
        (lambda name: name.replace("block", "layer"), r"at layer_name\(\d+\) with AttributeError"),
        (lambda name: "relu{}_{}".format(*digits(name)), "name of the activation"),
        (lambda name: "conv{}{}".format(*digits(name)), "The spelling is different"),
        (lambda name: f"conv{digits(name)[0]}_{int(digits(name)[1]) - 1}", "Off by one"),
        (lambda name: "conv{}_{}".format(*digits(name)), r"at layer_name\(\d+\) with TypeError"),
        (lambda name: name_pattern(name) if name not in range(17) else None, "returns None"),
        (lambda name: numbered(name, [*NAMES, "conv6_1"]), "Off by one: the first convolution has number 1"),
        (lambda name: numbered(name, ["", "", *NAMES]), "Off by one"),
        (lambda name: numbered(name, WITH_RELU), "torchvision"),
        (lambda name: numbered(name, [f"conv{b}_{n}" for b in range(1, 9) for n in (1, 2)], -1), "differ in size"),
        (lambda name: numbered(name, [f"conv{b}_{n}" for b in range(1, 5) for n in (1, 2, 3, 4)], -1), "differ in size"),
        (
            lambda name: name_pattern(name) if name == 1 or isinstance(name, str) else NAMES[-1],
            r"k-th conv.*gives 'conv5_4' where",
        ),
        (lambda name: name if str(name).startswith("relu") else name_pattern(name), "comes back unchanged"),
        (lambda name: digits(name), "a tuple where a name"),
        (name_without_the_last, r"layer_name\(16\) gives 'conv5_3' where 'conv5_4' is right"),
        (name_of_two_branches, r"layer_name\('conv\d_\d'\) returns None: end every branch"),
        (lambda name: "conv5_1" if name == "relu5_4" else name_pattern(name), r"layer_name\('relu5_4'\) gives"),
        (lambda name: {"block4_conv2": "conv4_2"}[name], "KeyError.*All sixteen layers"),
        (lambda name: NAMES[int(name) - 1] if name.isdigit() else name_pattern(name), "arrives as an int"),
    ],
    "receptive_field": [
        (lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers), "Strides are left out"),
        (lambda layers: field(layers, lambda width, jump, k, s: width + (k - 1) * jump * s), "own stride"),
        (lambda layers: field(layers) - 1, "Off by one"),
        (lambda layers: field(layers) + 1, r"receptive_field\(\[\(\d, \d\)"),
        (lambda layers: field(layers, lambda width, jump, k, s: width + k * jump), "Off by one"),
        (lambda layers: field(layers, lambda width, jump, k, s: (width - 1) * s + k), "wrong end"),
        (lambda layers: field(layers[::-1]), "wrong end"),
        (lambda layers: field(layers, jump=lambda jump, s: jump + s), "multiply"),
        (lambda layers: field(layers, jump=lambda jump, s: s), "all layers below"),
        (field_returns_early, "inside the loop"),
        (lambda layers: sum(kernel for kernel, _ in layers), "overlap"),
        (lambda layers: field(layers) ** 2, "area"),
        (lambda layers: field([pair[::-1] for pair in layers]), "swapped"),
        (lambda layers: math.prod(stride for _, stride in layers), "product of the strides"),
        (lambda layers: layers[-1][0], "Only the last layer"),
        (field_pops, "changes its input `layers` in place"),
        (lambda layers: field(layers) if len(layers) > 1 else 1, "as its kernel is wide"),
        (lambda layers: [field(layers)], "a list where one number"),
        (lambda layers: field(layers, jump=lambda jump, s: 2 * jump if s == 2 else jump), "Only a stride of 2"),
        (lambda layers: field(layers, lambda width, jump, k, s: width + 2 * (k // 2) * jump), "Only an odd kernel"),
        (lambda layers: field(layers, lambda width, jump, k, s: width + 2 * jump), "3 wide"),
        (lambda layers: 1 + sum(layer["kernel"] - 1 for layer in layers), "Each layer is a pair"),
        (lambda layers: layers.kernel, r"stops at receptive_field\(\[\(.*with AttributeError"),
    ],
    "picture_gradient": [
        (gradient_of_target, "gradient with respect to the target"),
        (lambda image, target, loss: -gradient(image, target, loss), "opposite sign"),
        (lambda image, target, loss: gradient(target, image, loss), "swapped: the gradient is taken at the target"),
        (lambda image, target, loss: loss(image, target), "That is the loss"),
        (lambda image, target, loss: image - gradient(image, target, loss), "image after a step"),
        (lambda image, target, loss: image - target, "difference from the target"),
        (lambda image, target, loss: gradient(image, target, lambda a, b: mean(square(a - b))), "loss of your own"),
        (lambda image, target, loss: 2 * gradient(image, target, loss), "twice the gradient"),
        (gradient_twice, "computed twice", "torch"),
        (gradient_keeps_adding, "second call", "torch"),
        (lambda image, target, loss: sign(gradient(image, target, loss)), "Only the sign"),
        (lambda image, target, loss: clip(gradient(image, target, loss), 0, 1), "clipped"),
        (lambda image, target, loss: absolute(gradient(image, target, loss)), "lost its sign"),
        (lambda image, target, loss: gradient(image, target, loss).numpy(), "NumPy where"),
        (lambda image, target, loss: torch.autograd.grad(loss(image, target), image), "RuntimeError.*was recorded", "torch"),
        (
            lambda image, target, loss: loss(image.requires_grad_(True), target).backward(),
            r"backward\(\) returns nothing",
            "torch",
        ),
        (lambda image, target, loss: gradient(image, target, lambda x, t: loss(t, x)), "called as `loss.target, image.`"),
        (lambda image, target, loss: gradient(image[:1], target[:1], loss), "Only one image of the batch"),
        (lambda image, target, loss: clip(gradient(image, target, loss), -1, 1), "is clipped, but"),
        (lambda image, target, loss: gradient(0 * image, target, loss), "black image"),
        (lambda image, target, loss: gradient(image, target, loss)[0], "Only one image of the batch"),
        (gradient_without_backward, r"returns None: `.grad` is filled in by backward", "torch"),
        (gradient_reassigned, "`.grad` is None for every image that was computed", "torch"),
        (gradient_of_both, "ignores its target.*alone", "torch"),
        (lambda image, target, loss: loss(image.requires_grad_(True), target).item().backward(), "keep the tensor", "torch"),
        (gradient_of_a_copy, "must watch the very image", "tensorflow"),
        (gradient_of_another_variable, "of the variable itself", "tensorflow"),
        (gradient_unwatched, r"returns None: the tape did not watch.*tape\.watch", "tensorflow"),
        (gradient_persistent, "RuntimeError.*its own tape", "tensorflow"),
        (lambda image, target, loss: tf.linalg.normalize(gradient(image, target, loss))[0], "by its length", "tensorflow"),
        (lambda image, target, loss: gradient(target, target, loss), "0 everywhere"),
        (lambda image, target, loss: other_layout(gradient(image, target, loss)), "another order"),
        (lambda image, target, loss: [gradient(image, target, loss)], "a list where one tensor"),
    ],
}
