"""Answers that need no framework, or look the same in both. WRONG pairs each with words that its hint must have."""

import math
import re

COUNTS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 4}
NAMES = [f"conv{block}_{n}" for block in COUNTS for n in range(1, COUNTS[block] + 1)]


def name_pattern(name):
    if isinstance(name, int):
        return NAMES[name - 1]
    return "conv{}_{}".format(*re.findall(r"\d", name))


def name_replaced(name):
    """Spellings by replacing words, numbers by going through the blocks."""
    if not isinstance(name, int):
        return name.replace("_conv", "_").replace("block", "conv").replace("relu", "conv")
    for block, count in COUNTS.items():
        if name <= count:
            return f"conv{block}_{name}"
        name -= count


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


WITH_RELU = [name for name in NAMES for _ in range(3 if name in ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4") else 2)]


def field_loop(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field, jump = field + (kernel - 1) * jump, jump * stride
    return field


def field_downwards(layers):
    """From the top down: r <- (r - 1) s + k."""
    field = 1
    for kernel, stride in reversed(layers):
        field = (field - 1) * stride + kernel
    return field


def field_sum(layers):
    return 1 + sum((kernel - 1) * math.prod(s for _, s in layers[:i]) for i, (kernel, _) in enumerate(layers))


def field_recursive(layers):
    return 1 if not layers else (field_recursive(layers[1:]) - 1) * layers[0][1] + layers[0][0]


def field_tops_first(layers):
    field = 1
    for kernel, stride in layers:
        field = (field - 1) * stride + kernel
    return field


def field_own_stride(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        field += (kernel - 1) * jump
    return field


def field_added(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field, jump = field + (kernel - 1) * jump, jump + stride
    return field


def field_returns_early(layers):
    for kernel, _ in layers:
        return kernel


def field_last_stride(layers):
    field, before = 1, 1
    for kernel, stride in layers:
        field, before = field + (kernel - 1) * before, stride
    return field


def field_kernels(layers):
    field, jump = 1, 1
    for kernel, stride in layers:
        field, jump = field + kernel * jump, jump * stride
    return field


def field_pops(layers):
    field = field_loop(layers)
    layers.pop()
    return field


def rate_loop(step, rate, factor):
    for _ in range(step):
        rate *= factor**0.01
    return rate


CALLS = []


def rate_remembers(step, rate, factor):
    """Counts its own calls, as a schedule that is an object does."""
    CALLS.append(step)
    return rate * factor ** ((step + CALLS.count(step) - 1) / 100)


RIGHT = {
    "layer_name": {"pattern": name_pattern, "replace": name_replaced, "table": name_table},
    "receptive_field": {
        "loop": field_loop, "downwards": field_downwards, "sum": field_sum, "recursive": field_recursive,
        "float": lambda layers: float(field_loop(layers)),
    },
    "decayed_rate": {
        "power": lambda step, rate, factor: rate * factor ** (step / 100),
        "exponential": lambda step, rate, factor: rate * math.exp(step / 100 * math.log(factor)),
        "loop": rate_loop,
        "root": lambda step, rate, factor: rate * (factor ** (1 / 100)) ** step,
    },
    "blend": {
        "sum": lambda image, noise, share: share * noise + (1 - share) * image,
        "difference": lambda image, noise, share: image + share * (noise - image),
        "other way": lambda image, noise, share: noise - (1 - share) * (noise - image),
    },
}  # fmt: skip

WRONG = {
    "layer_name": [
        (lambda name: name, "comes back as it went in"),
        (lambda name: str(name), "comes back as it went in"),
        (lambda name: "conv{1}_{0}".format(*digits(name)), "swapped"),
        (lambda name: "block4_conv1", r"layer_name\('block\d_conv\d'\) gives 'block4_conv1' where 'conv\d_\d' is right"),
        (lambda name: str(name).replace("block", "conv").replace("relu", "conv"), "Spelt otherwise"),
        (lambda name: name.replace("block", "layer"), r"at layer_name\(\d+\) with AttributeError"),
        (lambda name: "relu{}_{}".format(*digits(name)), "name of the activation"),
        (lambda name: "conv{}{}".format(*digits(name)), "Spelt otherwise"),
        (lambda name: f"conv{digits(name)[0]}_{int(digits(name)[1]) - 1}", "Off by one"),
        (lambda name: "conv{}_{}".format(*digits(name)), r"at layer_name\(\d+\) with TypeError"),
        (lambda name: name_pattern(name) if name not in range(17) else None, "returns None"),
        (lambda name: numbered(name, [*NAMES, "conv6_1"]), "Off by one: the first convolution has number 1"),
        (lambda name: numbered(name, ["", "", *NAMES]), "Off by one"),
        (lambda name: numbered(name, WITH_RELU), "torchvision"),
        (lambda name: numbered(name, [f"conv{b}_{n}" for b in range(1, 9) for n in (1, 2)], -1), "not of one size"),
        (lambda name: numbered(name, [f"conv{b}_{n}" for b in range(1, 5) for n in (1, 2, 3, 4)], -1), "not of one size"),
        (
            lambda name: name_pattern(name) if name == 1 or isinstance(name, str) else NAMES[-1],
            r"k-th convolution.*gives 'conv5_4' where",
        ),
        (lambda name: name if str(name).startswith("relu") else name_pattern(name), "comes back as it went in"),
        (lambda name: digits(name), "a tuple where a name"),
    ],
    "receptive_field": [
        (lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers), "Strides are left out"),
        (field_own_stride, "own stride"),
        (lambda layers: field_loop(layers) - 1, "Off by one"),
        (lambda layers: field_loop(layers) + 1, r"receptive_field\(\[\(\d, \d\)"),
        (field_kernels, "Off by one"),
        (field_tops_first, "wrong end"),
        (lambda layers: field_loop(layers[::-1]), "wrong end"),
        (field_added, "multiply"),
        (field_last_stride, "all strides below"),
        (field_returns_early, "inside the loop"),
        (lambda layers: sum(kernel for kernel, _ in layers), "overlap"),
        (lambda layers: field_loop(layers) ** 2, "area"),
        (lambda layers: field_loop([pair[::-1] for pair in layers]), "swapped"),
        (lambda layers: math.prod(stride for _, stride in layers), "product of the strides"),
        (lambda layers: layers[-1][0], "Only the last layer"),
        (field_pops, "changes its input `layers` in place"),
        (lambda layers: field_loop(layers) if len(layers) > 1 else 1, "as much as its kernel"),
        (lambda layers: [field_loop(layers)], "a list where one number"),
        (lambda layers: layers.kernel, r"stops at receptive_field\(\[\(.*with AttributeError"),
    ],
    "decayed_rate": [
        (lambda step, rate, factor: rate * factor ** (step // 100), "jumps"),
        (lambda step, rate, factor: rate * factor ** int(step / 100), "jumps"),
        (lambda step, rate, factor: rate * factor**step, "every step"),
        (lambda step, rate, factor: rate * factor**step / 100, "brackets"),
        (lambda step, rate, factor: rate * factor, "once"),
        (lambda step, rate, factor: rate * factor * step / 100, "it is a power"),
        (lambda step, rate, factor: (rate * factor) ** (step / 100), "inside the power"),
        (lambda step, rate, factor: factor ** (step / 100), "rate"),
        (lambda step, rate, factor: rate * factor ** ((step + 1) / 100), "Off by one"),
        (lambda step, rate, factor: rate * factor ** (-step / 100), "grows"),
        (lambda step, rate, factor: rate * 0.96 ** (step / 100), "0.96 is written"),
        (lambda step, rate, factor: rate * math.exp(-factor * step / 100), "exponential"),
        (lambda step, rate, factor: rate / (1 + factor * step / 100), "inverse"),
        (lambda step, rate, factor: rate * (1 - factor) ** (step / 100), "1 - factor"),
        (lambda step, rate, factor: rate * factor ** (step / 100) + 1, r"decayed_rate\(\d+, [\d.]+, 0\.\d+\) gives"),
        (lambda step, rate, factor: rate * factor ** (step / 100) if step else None, r"returns None"),
        (lambda step, rate, factor: rate * factor ** (100 / step), r"upside down|decayed_rate\(0, .* with ZeroDivisionError"),
        (rate_remembers, "second call"),
    ],
    "blend": [
        (lambda image, noise, share: share * image + (1 - share) * noise, "swapped"),
        (lambda image, noise, share: image + share * noise, "nothing taken away"),
        (lambda image, noise, share: image + noise, "in full"),
        (lambda image, noise, share: (image + noise) / 2, "half and half"),
        (lambda image, noise, share: 0.6 * noise + 0.4 * image, "0.6 is written"),
        (lambda image, noise, share: noise, "noise alone"),
        (lambda image, noise, share: image, "image alone"),
        (lambda image, noise, share: image * noise, "multiplied"),
        (lambda image, noise, share: share * (image + noise), "Both are weighed by share"),
        (lambda image, noise, share: share * noise, "image is missing"),
        (lambda image, noise: image, r"blend\(image, noise, share\)"),
        (lambda image, noise, share: image[0], "expected the shape of the image"),
        (lambda image, noise, share: share, "a float where one tensor"),
    ],
}
