"""Exercises on the network: what its layers are called, and how much of the image they see."""

import numpy as np

from stylelab import encoders
from stylelab.encoders import CONVOLUTIONS, LAYERS
from stylelab.exercises.checking.definition import Exercise, Mistake, Property


def layer_name(name: str | int) -> str:
    """The paper's name of a layer: 'conv4_2' for 'block4_conv2', 'relu4_2', 'conv4_2', and for 10, the tenth convolution.

    Raises:
        InputError: no such layer in VGG-19.
    """
    if isinstance(name, int) and 1 <= name <= len(LAYERS):
        return LAYERS[name - 1]
    return encoders.layer_name(f"convolution {name}" if isinstance(name, int) else name)


def receptive_field(layers) -> int:
    """The width in pixels of what one place of the last layer sees.

    Args:
        layers: (kernel, stride) of each, from the image up.

    Source: Araujo et al., "Computing receptive fields of convolutional neural networks", Distill 2019.
    """
    width, jump = 1, 1
    for kernel, stride in layers:
        width += (kernel - 1) * jump
        jump *= stride
    return width


def _name_cases(rng):
    block, n = _convolution(rng, 3)
    return {
        "plain": {"name": f"block{block}_conv{n}"},
        "relu": {"name": "relu{}_{}".format(*_convolution(rng, 3))},
        "own": {"name": "conv{}_{}".format(*_convolution(rng, 1))},
        "number": {"name": int(rng.choice([11, 12]))},  # these two together tell every wrong way of counting
        "another": {"name": int(rng.choice([8, 9]))},
        "low": {"name": int(rng.integers(1, 5))},
        "high": {"name": int(rng.integers(13, len(LAYERS) + 1))},
    }


def _convolution(rng, lowest: int) -> tuple[int, int]:
    """A block from `lowest` up and a convolution of it; two different numbers, so that swapping them shows."""
    pairs = [(block, n) for block in range(lowest, 6) for n in range(1, CONVOLUTIONS[block] + 1) if block != n]
    return tuple(int(number) for number in rng.permutation(pairs)[0])


def _digits(name, pattern: str, swapped=False, less=0):
    """The two digits of a spelling, put into another pattern; None for numbers."""
    if isinstance(name, int):
        return None
    block, n = (int(letter) for letter in name if letter.isdigit())
    return pattern.format(*((n, block) if swapped else (block, n - less)))


def _counted(name, per_block: int):
    """The k-th convolution, if every block had as many; None for spellings."""
    return None if isinstance(name, str) else "conv{}_{}".format(*(part + 1 for part in divmod(name - 1, per_block)))


def _at(name, layers, shift=0):
    """The layer of that number in another numbering, if it has one."""
    index = None if isinstance(name, str) else name + shift
    return layers[index] if index is not None and 0 <= index < len(layers) else None


_WITH_RELU = [layer for layer in LAYERS for _ in range(3 if layer in encoders.POOL_AFTER else 2)]  # torchvision's numbering
_WITH_POOLING = ["input"]
for _layer in LAYERS:
    _WITH_POOLING += [_layer] + (["pool"] if _layer in encoders.POOL_AFTER else [])


def _spelt(pattern: str):
    return Mistake("Spelt otherwise: the paper's names look like 'conv4_2', with the word once and one underscore.",
                   lambda name: _digits(name, pattern))  # fmt: skip


LAYER_NAME = Exercise(
    id="layer_name",
    title="The paper's name of a layer, such as 'conv4_2', from Keras's, PyTorch's or its number.",
    arguments={"name": "word"},
    result="word",
    cases=_name_cases,
    reference=layer_name,
    mistakes=(
        Mistake("The name comes back as it went in: 'block4_conv2' and 'relu4_2' must both become 'conv4_2'.",
                lambda name: None if isinstance(name, int) or name.startswith("conv") else name),
        Mistake("Block and convolution are swapped: 'block4_conv2' is the second convolution of block 4, 'conv4_2'.",
                lambda name: _digits(name, "conv{}_{}", swapped=True)),
        Mistake("Off by one: the convolutions of a block are counted from 1 in every spelling.",
                lambda name: _digits(name, "conv{}_{}", less=1)),
        Mistake("Off by one: the convolutions of a block are counted from 1 in every spelling.",
                lambda name: _digits(name, "conv{}_{}", less=-1)),
        Mistake("That is the name of the activation: here 'relu4_2' is called 'conv4_2'.", lambda name: _digits(name, "relu{}_{}")),
        *(_spelt(pattern) for pattern in ("conv{}_conv{}", "{}_{}", "conv{}{}", "conv_{}_{}", "Conv{}_{}", "conv{}-{}", "block{}_{}",
                                          "block{}_conv{}", "conv{}_conv_{}", "_{}_{}", "conv {}_{}", "conv{}.{}", "convblock{}_conv{}")),
        Mistake("Off by one: the first convolution has number 1, not 0.", lambda name: _at(name, LAYERS)),
        Mistake("Off by one: number k is the k-th convolution, which a list from 0 keeps at k - 1.",
                lambda name: _at(name, LAYERS, -2)),
        Mistake("That is torchvision's numbering, which counts ReLU and pooling too: count convolutions only.",
                lambda name: _at(name, _WITH_RELU)),
        Mistake("That is torchvision's numbering, which counts ReLU and pooling too: count convolutions only.",
                lambda name: _at(name, _WITH_RELU, -1)),
        *(Mistake("Pooling is counted too, as in Keras's list of layers, which begins with the input: count convolutions only.",
                  lambda name, shift=shift: _at(name, _WITH_POOLING, shift)) for shift in (0, 1)),
        *(Mistake("The blocks are not of one size: they have 2, 2, 4, 4 and 4 convolutions.",
                  lambda name, size=size: _counted(name, size)) for size in (2, 3, 4)),
        Mistake("Those are the blocks of VGG-16, with 3 convolutions from the third on: VGG-19 has 2, 2, 4, 4 and 4.",
                lambda name: _at(name, _SIXTEEN, -1)),
    ),
    properties=(
        Property("knows relu4_2", "'relu4_2' must become 'conv4_2'.",
                 lambda cases, outputs: _agrees(cases, outputs, "relu"), case="relu"),
        Property("keeps conv4_2", "The paper's own name must stay, and only that.", lambda cases, outputs: _agrees(cases, outputs, "own")
                 and any(str(outputs[name]) != cases[name]["name"] for name in ("plain", "relu")), case="own"),
        Property("counts convolutions", "A whole number k is the k-th convolution, block after block.",
                 lambda cases, outputs: _agrees(cases, outputs, "number") and _agrees(cases, outputs, "another"), case="number"),
        Property("1 is the first", "Numbers 1 to 4 are the convolutions of the first two blocks.",
                 lambda cases, outputs: _agrees(cases, outputs, "low"), case="low"),
        Property("16 is the last", "Numbers 13 to 16 are the convolutions of the last block.",
                 lambda cases, outputs: _agrees(cases, outputs, "high"), case="high"),
    ),
)  # fmt: skip

_SIXTEEN = [f"conv{block}_{n}" for block, count in enumerate((2, 2, 3, 3, 3), 1) for n in range(1, count + 1)]


def _agrees(cases, outputs, case: str) -> bool:
    return str(outputs[case]) == layer_name(**cases[case])


def _field_cases(rng):
    kernels = [int(kernel) for kernel in rng.permutation([3, 5, 7, 4, 6, 2])]
    strides = [int(rng.integers(2, 4)), 1, 2, int(rng.integers(2, 4)), int(rng.integers(1, 3))][: rng.integers(4, 6)]
    return {
        "plain": {"layers": list(zip(kernels, strides, strict=False))},
        "one": {"layers": [(int(rng.integers(3, 12)), 2)]},
        "two": {"layers": [(kernels[0], 1), (kernels[1], 1)]},
        "pooled": {"layers": [(kernels[2], 1), (kernels[3], 1), (2, 2), (int(rng.integers(3, 8)), 1)]},
    }


def _field(layers, before=False, start=1):
    """As the reference; `before`: the layer's own stride counts already for its own kernel."""
    width, jump = start, 1
    for kernel, stride in layers:
        jump *= stride if before else 1
        width += (kernel - 1) * jump
        jump *= 1 if before else stride
    return width


def _whole_kernels(layers, width):
    jump = 1
    for kernel, stride in layers:
        width += kernel * jump
        jump *= stride
    return width


def _added_jumps(layers, start=1):
    width, jump = 1, start
    for kernel, stride in layers:
        width += (kernel - 1) * jump
        jump += stride
    return width


def _last_stride(layers):
    width, last = 1, 1
    for kernel, stride in layers:
        width, last = width + (kernel - 1) * last, stride
    return width


def _outwards(layers):
    """r <- (r - 1) s + k, which must begin at the top."""
    width = 1
    for kernel, stride in layers:
        width = (width - 1) * stride + kernel
    return width


_ORDER = "The layers are gone through from the wrong end: the list begins at the image, and a stride widens the layers above it."
_OWN_STRIDE = (
    "A layer's own stride is counted already for its own kernel: it widens only the layers above. Multiply after adding."
)

RECEPTIVE_FIELD = Exercise(
    id="receptive_field",
    title="How many pixels wide the part of the image is that one place of the last layer sees.",
    arguments={"layers": "pairs"},
    result="whole",
    cases=_field_cases,
    reference=receptive_field,
    mistakes=(
        Mistake("Strides are left out: behind a layer of stride 2 each step is two pixels wide.",
                lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers)),
        Mistake(_OWN_STRIDE, lambda layers: _field(layers, before=True)),
        Mistake("Off by one: it begins with the one pixel itself, so at 1.", lambda layers: _field(layers, start=0)),
        Mistake("Off by one: a kernel adds kernel - 1 steps to what is seen already, not kernel.",
                lambda layers: _whole_kernels(layers, 1)),
        Mistake("Off by one: a kernel adds kernel - 1 steps to what is seen already, not kernel.",
                lambda layers: _whole_kernels(layers, 0)),
        Mistake(_ORDER, _outwards),
        Mistake(_ORDER, lambda layers: _field(layers[::-1])),
        *(Mistake("Strides are added up: they multiply, two layers of stride 2 make steps of 4 pixels.",
                  lambda layers, start=start: _added_jumps(layers, start)) for start in (1, 0)),
        Mistake("Only the stride of the layer just below counts there: all strides below multiply.", _last_stride),
        Mistake("Only the last layer is seen: begin with 1 and go through all of them.", lambda layers: layers[-1][0]),
        Mistake("Only the first layer is seen: the return stands inside the loop?", lambda layers: layers[0][0]),
        Mistake("The last layer is left out.", lambda layers: _field(layers[:-1])),
        Mistake("The first layer is left out.", lambda layers: _field(layers[1:])),
        Mistake("That is the sum of the kernels, but neighbouring windows overlap: each adds kernel - 1 steps.",
                lambda layers: sum(kernel for kernel, _ in layers)),
        Mistake("That is the product of the kernels, but neighbouring windows overlap: each adds kernel - 1 steps.",
                lambda layers: np.prod([kernel for kernel, _ in layers])),
        Mistake("That is the step between two neighbours, the product of the strides: the field is wider.",
                lambda layers: np.prod([stride for _, stride in layers])),
        Mistake("That is the product of the strides below the last layer: the field is wider.",
                lambda layers: np.prod([stride for _, stride in layers[:-1]])),
        Mistake("That is the area: the width of one side is asked for.", lambda layers: _field(layers) ** 2),
        Mistake("(kernel, stride) are swapped: the kernel comes first.", lambda layers: _field([pair[::-1] for pair in layers])),
    ),
    properties=(
        Property("one layer", "One layer sees as much as its kernel is wide.",
                 lambda cases, outputs: outputs["one"] == cases["one"]["layers"][0][0], case="one"),
        Property("two of stride 1", "Two kernels with stride 1 see the sum of both less 1: 5 pixels for two kernels of 3.",
                 lambda cases, outputs: outputs["two"] == receptive_field(**cases["two"]), case="two"),
        Property("behind a pooling", "Behind a pooling of stride 2 a kernel of 3 adds 4 pixels, not 2.",
                 lambda cases, outputs: outputs["pooled"] == receptive_field(**cases["pooled"]), case="pooled"),
    ),
)  # fmt: skip
