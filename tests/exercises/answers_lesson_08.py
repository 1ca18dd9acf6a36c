"""Answers to instance_norm, conditional_instance_norm and warp."""

from words import (
    ACROSS,
    CHANNEL,
    DOWN,
    absolute,
    at_least,
    channel,
    clip,
    constant,
    detached,
    double,
    einsum,
    floor,
    looked_up,
    mean,
    per_filter,
    per_pixel,
    root,
    square,
    stack,
    tf,
    torch,
)

# instance_norm

PLACES = (DOWN, ACROSS)


def centred(x, axes=PLACES):
    return x - mean(x, axes, keepdims=True)


def variance(x, axes=PLACES):
    return mean(square(centred(x, axes)), axes, keepdims=True)


def normalised(activation, epsilon, axes=PLACES):
    return centred(activation, axes) / root(variance(activation, axes) + epsilon)


def in_from_squares(activation, epsilon):
    middle = mean(activation, PLACES, keepdims=True)
    return (activation - middle) * (mean(activation * activation, PLACES, keepdims=True) - middle**2 + epsilon) ** -0.5


def in_image_by_image(activation, epsilon):
    return stack([normalised(activation[i : i + 1], epsilon)[0] for i in range(activation.shape[0])])


def in_double(activation, epsilon):
    return normalised(double(activation), epsilon)


def in_torch(activation, epsilon):
    return torch.nn.functional.instance_norm(activation, eps=epsilon)


def in_tensorflow(activation, epsilon):
    middle, spread = tf.nn.moments(activation, (1, 2), keepdims=True)
    return tf.nn.batch_normalization(activation, middle, spread, None, None, epsilon)


def less_one(x):
    count = x.shape[DOWN] * x.shape[ACROSS]
    return variance(x) * count / (count - 1)


# conditional_instance_norm


def styled(activation, gain, bias, epsilon):
    return per_filter(gain) * normalised(activation, epsilon) + per_filter(bias)


def cin_as_one_factor(activation, gain, bias, epsilon):
    factor = per_filter(gain) / root(variance(activation) + epsilon)
    return activation * factor + (per_filter(bias) - mean(activation, PLACES, keepdims=True) * factor)


def cin_double(activation, gain, bias, epsilon):
    return styled(double(activation), double(gain), double(bias), epsilon)


def cin_image_by_image(activation, gain, bias, epsilon):
    one = [styled(activation[i : i + 1], gain[i : i + 1], bias[i : i + 1], epsilon)[0] for i in range(activation.shape[0])]
    return stack(one)


# warp


def own(image):
    """Rows (H, 1) and columns (1, W)."""
    rows, columns = ([float(i) for i in range(image.shape[axis])] for axis in (DOWN, ACROSS))
    return constant([[row] for row in rows]), constant([columns])


def target_positions(image, flow, across=0, down=1, sign=1):
    rows, columns = own(image)
    return rows + sign * channel(flow, down)[0], columns + sign * channel(flow, across)[0]


def mixed(image, down, across, swapped=False):
    last = image.shape[DOWN] - 1, image.shape[ACROSS] - 1
    top, left = floor(down), floor(across)
    lower, right = down - top, across - left
    if swapped:
        lower, right = 1 - lower, 1 - right
    result = 0
    for step_down, along in ((0, 1 - lower), (1, lower)):
        for step_right, aside in ((0, 1 - right), (1, right)):
            row, column = clip(top + step_down, 0, last[0]), clip(left + step_right, 0, last[1])
            result = result + per_pixel(along * aside) * looked_up(image, row, column)
    return result


def warp_four(image, flow, **how):
    return mixed(image, *target_positions(image, flow, **how))


def clipped(image, down, across):
    return clip(down, 0, image.shape[DOWN] - 1), clip(across, 0, image.shape[ACROSS] - 1)


def warp_clipped_first(image, flow):
    return mixed(image, *clipped(image, *target_positions(image, flow)))


def warp_tents(image, flow):
    """Every pixel counts by how near it is, in both directions: all but four of the weights are 0."""
    down, across = clipped(image, *target_positions(image, flow))
    rows, columns = own(image)
    along = at_least(1 - absolute(down[..., None] - rows[:, 0]), 0)  # (H, W, H)
    aside = at_least(1 - absolute(across[..., None] - columns[0]), 0)
    return einsum("bchw,ijh,ijw->bcij" if CHANNEL == 1 else "bhwc,ijh,ijw->bijc", image, along, aside)


def warp_double(image, flow):
    down, across = (double(position) for position in target_positions(image, flow))
    return mixed(double(image), down, across)


def grid_sampled(image, flow, aligned=True, border="border", pixels=True):
    height, width = image.shape[2:]
    down, across = target_positions(image, flow) if pixels else target_positions(image, flow * 0)
    grid = torch.stack([2 * across / (width - 1) - 1, 2 * down / (height - 1) - 1], -1)[None]
    if not pixels:
        grid = grid + flow.permute(0, 2, 3, 1)
    return torch.nn.functional.grid_sample(image, grid, padding_mode=border, align_corners=aligned)


def nearest(image, flow, whole=lambda position: floor(position + 0.5)):
    return looked_up(image, *clipped(image, *(whole(position) for position in target_positions(image, flow))))


RIGHT = {
    "instance_norm": {
        "by hand": normalised,
        "from squares": in_from_squares,
        "image by image": in_image_by_image,
        "double": in_double,
        "torch: its own": in_torch,
        "tensorflow: its own": in_tensorflow,
    },
    "conditional_instance_norm": {
        "by hand": styled,
        "one factor": cin_as_one_factor,
        "image by image": cin_image_by_image,
        "double": cin_double,
    },
    "warp": {
        "four pixels": warp_four,
        "clipped first": warp_clipped_first,
        "tents": warp_tents,
        "double": warp_double,
        "torch: grid_sample": grid_sampled,
    },
}

WRONG = {
    "instance_norm": [
        (lambda activation, epsilon: normalised(activation, epsilon, (0, DOWN, ACROSS)), "whole batch"),
        (lambda activation, epsilon: normalised(activation, epsilon, (1, 2, 3)), "all filters together"),
        (lambda activation, epsilon: normalised(activation, epsilon, (CHANNEL,)), "over the filters of a position"),
        (lambda activation, epsilon: normalised(activation, epsilon, (2, 3) if CHANNEL == 3 else (1, 2)), "wrong axes"),
        (lambda activation, epsilon: centred(activation) / (root(variance(activation)) + epsilon), "inside the root"),
        (lambda activation, epsilon: centred(activation) / (variance(activation) + epsilon), "divide by its root"),
        (lambda activation, epsilon: centred(activation) / root(less_one(activation) + epsilon), "less one"),
        (lambda activation, epsilon: centred(activation), "Only the mean is subtracted"),
        (lambda activation, epsilon: activation / root(variance(activation) + epsilon), "mean is not subtracted"),
        (lambda activation, epsilon: at_least(normalised(activation, epsilon), 0), "cut off"),
        (lambda activation, epsilon: activation, "comes back as it is"),
        (lambda activation, epsilon: normalised(detached(activation), epsilon), "no gradient"),
        (lambda activation, epsilon: activation / detached(root(variance(activation) + epsilon)), "not subtracted"),
        (lambda activation, epsilon: centred(activation) / detached(root(variance(activation) + epsilon)), "cut off, by detaching"),
        (lambda activation, epsilon: mean(normalised(activation, epsilon), PLACES), "expected the shape of the input activation"),
        (lambda activation, epsilon: normalised(activation, epsilon).numpy(), "NumPy where"),
        (lambda activation, epsilon: activation - mean(activation, PLACES), "do not fit"),
        (lambda activation: activation, r"instance_norm\(activation, epsilon\)"),
    ],
    "conditional_instance_norm": [
        (lambda activation, gain, bias, epsilon: styled(activation, bias, gain, epsilon), "swapped"),
        (lambda activation, gain, bias, epsilon: normalised(activation, epsilon), "style is not used"),
        (lambda activation, gain, bias, epsilon: per_filter(gain) * normalised(activation, epsilon), "bias is not added"),
        (lambda activation, gain, bias, epsilon: per_filter(gain) * (normalised(activation, epsilon) + per_filter(bias)), "bias last"),
        (lambda activation, gain, bias, epsilon: per_filter(gain) * activation + per_filter(bias), "not normalised first"),
        (lambda activation, gain, bias, epsilon: styled(activation, 1 + gain, bias, epsilon), "1 too large"),
        (lambda activation, gain, bias, epsilon: styled(activation, gain[:1], bias[:1], epsilon), "of the first"),
        (lambda activation, gain, bias, epsilon: per_filter(gain) * centred(activation) + per_filter(bias), "Only the mean is"),
        (lambda activation, gain, bias, epsilon: per_filter(gain) * normalised(activation, epsilon, (0, DOWN, ACROSS)) + per_filter(bias), "whole batch"),
        (lambda activation, gain, bias, epsilon: styled(activation, gain, bias, epsilon) + mean(activation, PLACES, keepdims=True), "added again"),
        (lambda activation, gain, bias, epsilon: styled(activation, detached(gain), bias, epsilon), "no gradient reaches `gain`"),
        (lambda activation, gain, bias, epsilon: styled(activation, gain, detached(bias), epsilon), "no gradient reaches `bias`"),
        (lambda activation, gain, bias, epsilon: gain * normalised(activation, epsilon) + bias, "do not fit"),
    ],
    "warp": [
        (lambda image, flow: warp_four(image, flow, across=1, down=0), "Across and down are swapped"),
        (lambda image, flow: warp_four(image, flow, sign=-1), "flow is subtracted"),
        (nearest, "nearest pixel is taken"),
        (lambda image, flow: nearest(image, flow, floor), "rounded down"),
        (lambda image, flow: mixed(image, *target_positions(image, flow), swapped=True), "weights are swapped"),
        (lambda image, flow: warp_four(image, 2 * flow), "doubled"),
        (lambda image, flow: image, "comes back as it is"),
        (lambda image, flow: looked_up(image, *(floor(position) for position in target_positions(image, 0 * flow))), "comes back as it is"),
        (lambda image, flow: grid_sampled(image, flow, aligned=False), "align_corners", "torch"),
        (lambda image, flow: grid_sampled(image, flow, border="zeros"), "Beyond the edge it is black", "torch"),
        (lambda image, flow: grid_sampled(image, flow, pixels=False), "given in pixels", "torch"),
        (lambda image, flow: image[0][:, target_positions(image, flow)[0]], "into integers", "torch"),
        (lambda image, flow: looked_up(image, *(floor(position) for position in target_positions(image, 3 + abs(flow)))), "outside the image", "torch"),
        (lambda image, flow: warp_four(image, flow)[0], "Keep all four axes"),
        (lambda image, flow: warp_four(image, flow).numpy(), "NumPy where"),
    ],
}  # fmt: skip
