"""Lesson 01: what the layers of a network are called, how much of the image they see, and gradients with respect to it."""

from collections.abc import Sequence

import numpy as np

from stylelab import encoders
from stylelab.encoders import CONVOLUTIONS, LAYERS
from stylelab.exercises.checking.definition import Exercise, Property, of_kind
from stylelab.exercises.common import (
    CHANNEL,
    gradient,
    image_shape,
    loss_value,
    number,
    one_step,
    positions,
    random_image,
    random_loss,
    swapped_gradient,
    target_gradient,
    vanishes,
)


def layer_name(name: str | int) -> str:
    """The paper's name of a layer: 'conv4_2' for 'block4_conv2', 'relu4_2', 'conv4_2', and for 10, the tenth convolution.

    Raises:
        InputError: no such layer in VGG-19.
    """
    if isinstance(name, int) and 1 <= name <= len(LAYERS):
        return LAYERS[name - 1]
    return encoders.layer_name(f"convolution {name}" if isinstance(name, int) else name)


def _name_cases(rng):
    """Every layer in every spelling, in a random order: what is left out might be wrong. The first shows swapped numbers."""
    spellings = {"plain": "block{}_conv{}", "relu": "relu{}_{}", "own": "conv{}_{}"}
    places = [
        tuple(map(int, place))
        for place in rng.permutation([(block, n) for block in CONVOLUTIONS for n in range(1, CONVOLUTIONS[block] + 1)])
    ]
    places.sort(key=lambda place: place[0] < 3 or place[0] == place[1])
    cases = {}
    for kind, spelling in spellings.items():
        names = [spelling.format(*place) for place in places]
        cases |= {kind: {"name": names[0]}} | {f"{kind}: {name}": {"name": name} for name in names[1:]}
    for index in rng.permutation(len(LAYERS)) + 1:
        kind = "low" if index < 5 else "high" if index > 12 else "number"
        cases[f"{kind}: {index}" if kind in cases else kind] = {"name": int(index)}
    return cases


def _spelt(pattern: str, swapped=False, shift=0):
    """The two digits of a spelling, put into another pattern; numbers are left out."""

    def wrong(name):
        if isinstance(name, int):
            return None
        block, n = (int(letter) for letter in name if letter.isdigit())
        return pattern.format(*((n, block) if swapped else (block, n + shift)))

    return wrong


def _counted(layers: Sequence[str], shift=0):
    """The layer at index `number + shift` of another list; spellings are left out."""

    def wrong(name):
        index = -1 if isinstance(name, str) else name + shift
        return layers[index] if 0 <= index < len(layers) else None

    return wrong


def _convolutions(*sizes: int) -> list[str]:
    """The names in blocks of these sizes."""
    return [f"conv{block}_{n}" for block, size in enumerate(sizes, 1) for n in range(1, size + 1)]


_WITH_RELU = [layer for layer in LAYERS for _ in range(3 if layer in encoders.POOL_AFTER else 2)]  # torchvision's numbering
_WITH_POOLING = ["input", *(name for layer in LAYERS for name in [layer] + ["pool"] * (layer in encoders.POOL_AFTER))]

LAYER_NAME = Exercise(
    id="layer_name",
    title="Give the paper's name of a layer, such as 'conv4_2', for Keras's or PyTorch's name or its number.",
    arguments={"name": "word"},
    result="word",
    cases=_name_cases,
    advice={
        "'int' object|type 'int'|got int|int object": "A number arrives as an int and has no letters: look for it first, with isinstance(name, int).",
        "invalid literal for int": "Not every letter is a digit: use only those for which str.isdigit is true.",
        "KeyError|IndexError|ValueError": "All sixteen layers can be asked for, in every spelling and by their number.",
    },
    reference=layer_name,
    hints=(
        "A number is a position in the list of all sixteen names. Every other spelling has two digits, for the block and "
            "the convolution, and nothing else counts.",
        "Blocks of 2, 2, 4, 4 and 4 give a list that begins with conv1_1, conv1_2, conv2_1; its tenth name is conv4_2. Of "
            "'block4_conv2', keep the digits 4 and 2.",
    ),
    mistakes={
        "The name comes back unchanged: 'block4_conv2' and 'relu4_2' should both become 'conv4_2'.":
            lambda name: None if isinstance(name, int) or name.startswith("conv") else name,
        "Block and convolution are swapped: 'block4_conv2' is the second convolution of block 4, 'conv4_2'.":
            _spelt("conv{}_{}", swapped=True),
        "Off by one: every spelling counts the convolutions of a block from 1.": [
            _spelt("conv{}_{}", shift=-1),
            _spelt("conv{}_{}", shift=1),
        ],
        "That is the name of the activation: here 'relu4_2' is called 'conv4_2'.": _spelt("relu{}_{}"),
        "The spelling is different: the paper's names look like 'conv4_2', with the word once and one underscore.": [
            _spelt(pattern)
            for pattern in ("conv{}_conv{}", "{}_{}", "conv{}{}", "conv_{}_{}", "Conv{}_{}", "conv{}-{}", "block{}_{}",
                            "block{}_conv{}", "conv{}_conv_{}", "_{}_{}", "conv {}_{}", "conv{}.{}", "convblock{}_conv{}")
        ],
        "Off by one: the first convolution has number 1, not 0.": _counted(LAYERS),
        "Off by one: at which index of a list is the k-th convolution?": _counted(LAYERS, -2),
        "That is torchvision's numbering, which counts ReLU and pooling too: count only convolutions.": [
            _counted(_WITH_RELU),
            _counted(_WITH_RELU, -1),
        ],
        "Pooling is counted too, as in Keras's list of layers, which begins with the input: count only convolutions.": [
            _counted(_WITH_POOLING),
            _counted(_WITH_POOLING, 1),
        ],
        "The blocks differ in size: they have 2, 2, 4, 4 and 4 convolutions.": [
            _counted(_convolutions(*[size] * 16), -1) for size in (2, 3, 4)
        ],
        "Those are the blocks of VGG-16, with 3 convolutions from the third block on: VGG-19 has 2, 2, 4, 4 and 4.":
            _counted(_convolutions(2, 2, 3, 3, 3), -1),
    },
    properties=(
        Property("knows relu4_2", "'relu4_2' should become 'conv4_2'.", case="relu"),
        Property("keeps conv4_2", "The paper's own name should stay as it is, and only that.",
                 lambda cases, outputs: all(outputs[name] == cases[name]["name"] for name in of_kind("own", cases))
                 and any(outputs[name] != cases[name]["name"] for name in ("plain", "relu")), case="own"),
        Property("counts convolutions", "A whole number k means the k-th convolution, block after block.", case="number"),
        Property("1 is the first", "Numbers 1 to 4 are the convolutions of the first two blocks.", case="low"),
        Property("16 is the last", "Numbers 13 to 16 are the convolutions of the last block.", case="high"),
    ),
)  # fmt: skip


def receptive_field(layers) -> int:
    """The width in pixels of what one position of the last layer sees.

    Args:
        layers: (kernel, stride) of each, from the image up.

    Source: Araujo et al., "Computing receptive fields of convolutional neural networks", Distill 2019.
    """
    width, jump = 1, 1
    for kernel, stride in layers:
        width += (kernel - 1) * jump
        jump *= stride
    return width


def _field_cases(rng):
    kernels = [int(kernel) for kernel in rng.permutation([9, 5, 7, 4, 6, 2])]
    strides = [*(int(stride) for stride in rng.permutation([2, 1, 3])), 2, 1][: rng.integers(4, 6)]
    ways = [layer for block, sizes in enumerate(CONVOLUTIONS.values()) for layer in [(3, 1)] * sizes + [(2, 2)]]
    return {
        "plain": {"layers": list(zip(kernels, strides, strict=False))},
        "plain: the encoder's own layers": {"layers": ways[: rng.integers(12, len(ways))]},
        "one": {"layers": [(int(rng.integers(3, 12)), 2)]},
        "two": {"layers": [(kernels[0], 1), (kernels[1], 1)]},
        "pooled": {"layers": [(kernels[2], 1), (kernels[3], 1), (2, 2), (int(rng.choice([8, 12])), 1)]},
    }


def _grown(grow, jump=lambda jump, stride: jump * stride, width=1, start=1):
    """Like the reference, with another rule for the width or the jump."""

    def wrong(layers):
        wide, far = width, start
        for kernel, stride in layers:
            wide, far = grow(wide, far, kernel, stride), jump(far, stride)
        return wide

    return wrong


def _usual(width, jump, kernel, stride):
    return width + (kernel - 1) * jump


def _whole_kernel(width, jump, kernel, stride):
    return width + kernel * jump


RECEPTIVE_FIELD = Exercise(
    id="receptive_field",
    title="Say how many pixels wide the part of the image is that one position of the last layer sees.",
    arguments={"layers": "pairs"},
    result="whole",
    cases=_field_cases,
    advice={
        "tuple indices|values to unpack|'tuple' object|not 'tuple'|and 'tuple'": "Each layer is a pair: `for kernel, stride in layers`.",
    },
    reference=receptive_field,
    hints=(
        "Begin with one pixel and go up. Each kernel adds its further positions, and these lie as many pixels apart as the "
            "strides below have made it.",
        "Width and step begin as 1 and 1. A layer (3, 1) makes them 3 and 1, another one 5 and 1, a pooling (2, 2) makes 6 "
            "and 2, and one more (3, 1) makes 10 and 2.",
    ),
    mistakes={
        "Strides are left out: after a layer of stride 2, each step is two pixels wide.":
            lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers),
        "A layer's own stride already widens its own kernel: it should only widen the layers above.":
            _grown(lambda width, jump, kernel, stride: width + (kernel - 1) * jump * stride),
        "Off by one: without any layer, how many pixels does a position see?": _grown(_usual, width=0),
        "Off by one: how much does a kernel add to what is already seen?": [
            _grown(_whole_kernel),
            _grown(_whole_kernel, width=0),
        ],
        "The layers are taken from the wrong end: the list starts at the image, and a stride widens the layers above it.": [
            _grown(lambda width, jump, kernel, stride: (width - 1) * stride + kernel),
            lambda layers: receptive_field(layers[::-1]),
        ],
        "Strides are added up, but they multiply: two layers of stride 2 make steps of 4 pixels.": [
            _grown(_usual, lambda jump, stride: jump + stride, start=start) for start in (1, 0)
        ],
        "Only the stride of the layer directly below is used: the strides of all layers below multiply.":
            _grown(_usual, lambda jump, stride: stride),
        "Only a stride of 2 widens the steps: multiply them by every stride, whatever it is.": [
            _grown(_usual, lambda jump, stride: 2 * jump if stride == 2 else jump),
            _grown(_usual, lambda jump, stride: 2 * jump if stride > 1 else jump),
            _grown(_usual, lambda jump, stride: 2 * jump),
        ],
        "Every kernel is taken to be 3 wide: use its own width.": _grown(lambda width, jump, kernel, stride: width + 2 * jump),
        "Only an odd kernel gets its own width: a kernel of width k adds k - 1 steps, not twice the half of it.":
            _grown(lambda width, jump, kernel, stride: width + 2 * (kernel // 2) * jump),
        "Only the last layer counts: go through all of them.": lambda layers: layers[-1][0],
        "Only the first layer counts: is the return inside the loop?": lambda layers: layers[0][0],
        "The last layer is left out.": lambda layers: receptive_field(layers[:-1]),
        "The first layer is left out.": lambda layers: receptive_field(layers[1:]),
        "That is the sum of the kernels, but neighbouring windows overlap.": lambda layers: sum(kernel for kernel, _ in layers),
        "That is the product of the kernels, but neighbouring windows overlap, so they do not multiply.":
            lambda layers: np.prod([kernel for kernel, _ in layers]),
        "That is the step between two neighbours, the product of the strides: the field is wider.":
            lambda layers: np.prod([stride for _, stride in layers]),
        "That is the product of the strides below the last layer: the field is wider.":
            lambda layers: np.prod([stride for _, stride in layers[:-1]]),
        "That is the area: give the width of one side.": lambda layers: receptive_field(layers) ** 2,
        "Kernel and stride are swapped: each pair is (kernel, stride).": lambda layers: receptive_field([pair[::-1] for pair in layers]),
    },
    properties=(
        Property("one layer", "One layer sees as many pixels as its kernel is wide.", case="one"),
        Property("two of stride 1", "Two kernels of 3 with stride 1 see 5 pixels, because their windows overlap.", case="two"),
        Property("behind a pooling", "After a pooling of stride 2, a kernel of 3 adds 4 pixels, not 2.", case="pooled"),
    ),
)  # fmt: skip


def _gradient_cases(rng):
    shape = image_shape(rng)
    image, target = random_image(rng, shape), random_image(rng, shape)
    flat = np.full((1, 4, 5, 3), number(rng, 0.1, 0.4), np.float32)
    plain, response = {"image": image, "target": target, "loss": random_loss(rng)}, random_loss(rng, target=None)
    return {
        "plain": plain,
        "plain: one image of one colour": plain | {"image": flat, "target": flat + np.float32(0.5)},
        "plain: a loss that ignores its target": {"image": image, "target": image, "loss": response},
        "arrived": plain | {"image": target.copy()},
        "nearly": plain | {"image": target + (image - target) / 100},
        "twice as far": plain | {"image": target + 2 * (image - target)},
    }


def _steeper(cases, outputs):
    """Whether the gradient further away is right, up to the factor by which the first one is wrong."""
    one, further = (gradient(**cases[name]) for name in ("plain", "twice as far"))
    factor = np.sum(outputs["plain"] * one) / np.sum(one**2)
    return np.allclose(outputs["twice as far"], factor * further, rtol=1e-3, atol=1e-4)


def _negated(slope):
    """A gradient in the opposite direction, or None where there is none."""
    return lambda **case: None if (found := slope(**case)) is None else -found


def _rescaled(how):
    """The gradient, changed by a function of it."""
    return lambda **case: how(gradient(**case))


IMAGE_GRADIENT = Exercise(
    id="picture_gradient",
    title="Take the gradient of loss(image, target) with respect to the image; the network and the target do not change.",
    arguments={"image": "image", "target": "image", "loss": "loss"},
    result="image",
    cases=_gradient_cases,
    reference=gradient,
    hints=(
        "The image is the unknown here: make a copy whose use is recorded, compute the loss of that copy, and ask how the "
            "loss changes with each of its pixels.",
        "The copy is [image], its loss a scalar, and the gradient [image] again, one number for each number of the image.",
    ),
    mistakes={
        "Image and target are swapped: the loss is called as `loss(target, image)`.": [
            swapped_gradient,
            _negated(swapped_gradient),
        ],
        "That is the gradient with respect to the target: take it with respect to the image.": [
            target_gradient,
            _negated(target_gradient),
        ],
        "Image and target are swapped: the gradient is taken at the target, of `loss(target, image)`.":
            lambda image, target, loss: gradient(target, image, loss),
        "The gradient has the opposite sign: return it as it is, it points uphill.": lambda **case: -gradient(**case),
        "That is the loss: return its gradient with respect to the image.": loss_value,
        "That is the image itself: return its gradient.": lambda image, **_: image,
        "That is the target itself: return the gradient with respect to the image.": lambda target, **_: target,
        "That is the image after a step: return only the gradient.": [
            lambda **case: case["image"] - gradient(**case),
            lambda **case: case["image"] + gradient(**case),
            lambda **case: one_step(**case, learning_rate=1),
        ],
        "That is the difference from the target: differentiate the loss that you are given.": [
            lambda image, target, loss: image - target,
            lambda image, target, loss: target - image,
        ],
        "That is the gradient of a loss of your own: differentiate the one that you are given.": [
            lambda image, target, loss: 2 * (image - target),
            lambda image, target, loss: 2 * (image - target) / image.size,
            lambda image, target, loss: (image - target) / image.size,
        ],
        "Only the first image of the batch has a gradient: take it for the whole batch at once.":
            lambda **case: gradient(**case) * (np.arange(len(case["image"])) == 0).reshape(-1, 1, 1, 1),
        "That is twice the gradient: is it computed twice and added up?": lambda **case: 2 * gradient(**case),
        "Only the sign of the gradient is left.": _rescaled(np.sign),
        "The gradient is clipped to 0..1, but it is not an image: it may be negative.": _rescaled(lambda slope: np.clip(slope, 0, 1)),
        "The gradient is clipped, but it may be as large as it is: return it unchanged.": [
            _rescaled(lambda slope, most=most: np.clip(slope, -most, most)) for most in (1, 0.5, 0.2, 0.1, 0.01)
        ],
        "The gradient is moved and stretched to 0..1, as for a figure: return it as it is.": [
            _rescaled(lambda slope: (slope - slope.min()) / np.ptp(slope)),
            _rescaled(lambda slope: 0.5 + slope / (8 * slope.std())),
        ],
        "The gradient has lost its sign: keep it, it says which way is up.": _rescaled(np.abs),
        "The gradient is squared: return it as it is.": _rescaled(np.square),
        "The gradient is divided by its length, or cut to a length of 1: return it as it is.": [
            _rescaled(lambda slope: slope / np.sqrt(np.sum(slope**2))),
            _rescaled(lambda slope: slope / np.sqrt(np.sum(slope**2, (1, 2, 3), keepdims=True))),
            _rescaled(lambda slope: slope / np.sqrt(np.sum(slope**2, 3, keepdims=True))),
        ],
        "The gradient is divided by its largest entry: return it as it is.": _rescaled(lambda slope: slope / np.abs(slope).max()),
        "The gradient is divided by its mean or its spread: return it as it is.": [
            _rescaled(lambda slope: slope / np.abs(slope).mean()),
            _rescaled(lambda slope: slope / (np.sqrt(np.mean(slope**2)) + 1e-5)),
            _rescaled(lambda slope: slope / np.sqrt(np.mean(slope**2))),
            _rescaled(lambda slope: slope / slope.std()),
            _rescaled(lambda slope: slope / slope.std(ddof=1)),
            _rescaled(lambda slope: (slope - slope.mean()) / slope.std()),
            _rescaled(lambda slope: (slope - slope.mean()) / slope.std(ddof=1)),
        ],
        "The gradient's own mean is subtracted: return it as it is.": _rescaled(lambda slope: slope - slope.mean()),
        "The gradient is divided by the number of pixels: return it as it is.": [
            lambda **case: gradient(**case) / case["image"].size,
            lambda **case: gradient(**case) / positions(case["image"]),
        ],
        "The gradient is averaged over the batch: each image has its own.": [
            lambda **case: gradient(**case) / len(case["image"]),
            _rescaled(lambda slope: np.broadcast_to(slope.mean(0, keepdims=True), slope.shape)),
            _rescaled(lambda slope: slope.mean(0)),
            _rescaled(lambda slope: slope.mean(0, keepdims=True)),
        ],
        "The gradient is 0 everywhere: is the loss taken at the target, or of an image that is not recorded?":
            lambda image, **_: np.zeros_like(image),
        "The gradient is taken at a black image: take it where the image is.":
            lambda image, target, loss: gradient(0 * image, target, loss),
        "The gradient is summed up, but every pixel has its own.": _rescaled(np.sum),
        "The gradient is averaged, but every pixel has its own.": _rescaled(np.mean),
        "The colours are added up or averaged, but each has its own gradient.": [
            _rescaled(lambda slope, how=how: how(slope, CHANNEL)) for how in (np.sum, np.mean)
        ],
    },
    properties=(
        Property("0 at the target", "Where image and target agree, the gradient should be 0.",
                 lambda cases, outputs: vanishes(outputs, "arrived", "nearly")),
        Property("steeper further away", "Right near the target, but not at twice the distance: take the gradient where the image is.",
                 _steeper),
    ),
)  # fmt: skip
