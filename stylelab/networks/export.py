"""Write a network that paints in one pass as an ONNX file, for other programs, phones and browsers. No framework is needed."""

import os
from typing import Any

import numpy as np

from stylelab.base.files import check_target, expand_home, printable, write_file
from stylelab.errors import InputError, MachineError
from stylelab.networks.file import load_weights
from stylelab.networks.spec import COLOURS, EPSILON, PLANES, TWICE, Shape, Weights

OPSET, FORMAT = 18, 9  # what onnxruntime and onnxruntime-web have read since 2023


def export_onnx(network: "str | os.PathLike[str]", path: "str | os.PathLike[str]", code: np.ndarray | None = None) -> int:
    """Write a network as ONNX: `image` `(1, 3, H, W)` in 0..1 -> `painted`, the same; H and W are multiples of `shape.multiple`.

    Args:
        network: as for `load_network`.
        path: the file, ending in .onnx.
        code: `(N,)` of the style that is fixed in the file; without it, `code` `(N,)` is a second input.

    Returns:
        The size of the file in bytes.

    Raises:
        InputError: no such network, or the file cannot be written.
        MachineError: the package onnx is not installed.
    """
    path = expand_home(path)
    if path.suffix != ".onnx":
        raise InputError(f"'{printable(path)}' must end in .onnx")
    check_target(path)
    try:
        import onnx
    except ImportError:
        raise MachineError("the package onnx is not installed: run `pip install 'stylelab[onnx]'`") from None
    found, weights = load_weights(network)
    graph = _Graph(found.shape, weights)
    graph.build()
    if code is not None:
        graph.constant("code", np.asarray(code, np.float32))
    tensor = onnx.helper.make_tensor_value_info
    inputs = [tensor("image", onnx.TensorProto.FLOAT, [1, 3, "height", "width"])]
    inputs += [tensor("code", onnx.TensorProto.FLOAT, [found.shape.code])] if code is None else []
    outputs = [tensor("painted", onnx.TensorProto.FLOAT, [1, 3, "height", "width"])]
    whole = onnx.helper.make_graph(graph.nodes, "stylelab", inputs, outputs, graph.constants)
    model = onnx.helper.make_model(
        whole, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=FORMAT, producer_name="stylelab"
    )
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    write_file(path, lambda stream: stream.write(data))
    return len(data)


class _Graph:
    """The nodes of a network, as `Painter.forward` computes it."""

    def __init__(self, shape: Shape, weights: Weights):
        from onnx import helper, numpy_helper

        self.shape, self.weights = shape, weights
        self.make, self.array = helper.make_node, numpy_helper.from_array
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: Any, dtype: Any = np.float32) -> str:
        self.constants.append(self.array(np.ascontiguousarray(values, dtype), name))
        return name

    def weight(self, name: str, values: np.ndarray) -> str:
        """A constant that takes half the room where float16 holds it exactly, as networks are saved."""
        half = np.asarray(values, np.float16)
        if not np.array_equal(half, values):
            return self.constant(name, values)
        return self.node("Cast", self.constant(name, half, np.float16), to=1)

    def node(self, kind: str, *inputs: str, named: str = "", **how: Any) -> str:
        name = named or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(self.make(kind, list(inputs), [name], **how))
        return name

    def build(self) -> None:
        shape = self.shape
        x = self.node("Sub", "image", self.constant("half", 0.5))
        if shape.fold > 1:
            x = self.node("SpaceToDepth", x, blocksize=shape.fold)
        if shape.waves:
            x = self.node("Concat", x, self.field(), axis=1)
        x = self.node("Relu", self.convolve("first", x))
        for i in range(1, len(shape.widths)):
            x = self.node("Relu", self.convolve(f"down{i}", x, stride=2))
        for i in range(1, shape.blocks + 1):
            inner = self.node("Relu", self.convolve(f"block{i}a", x))
            x = self.node("Add", x, self.convolve(f"block{i}b", inner))
        for i in range(len(shape.widths) - 1, 0, -1):
            x = self.node("Relu", self.convolve(f"up{i}", x))
        x = self.convolve("last", x)
        if shape.fold > 1:
            x = self.smooth(self.node("DepthToSpace", x, blocksize=shape.fold, mode="CRD"))
        self.colour(x)

    def convolve(self, name: str, x: str, stride: int = 1) -> str:
        kernel = self.weights[f"{name}.weight"]
        filters, channels, side, _ = kernel.shape
        if name == "first" and self.shape.fold > 1:  # SpaceToDepth has the colours of a pixel side by side, PyTorch its pixels
            own, rest = np.split(kernel, [3 * self.shape.fold**2], 1)
            own = own.reshape(filters, 3, -1, side, side).swapaxes(1, 2).reshape(own.shape)
            kernel = np.concatenate([own, rest], 1)
        weight = self.weight(f"{name}.weight", kernel)
        if name.startswith("up"):  # see `convolve_twice`
            twice = self.constant(f"{name}.twice", TWICE)
            weight = self.node("Einsum", twice, twice, weight, equation="ark,bsl,oikl->oabirs")
            weight = self.node("Reshape", weight, self.constant(f"{name}.shape", [-1, channels, side, side], np.int64))
        x = self.node("Conv", self.pad(x, side // 2), weight, strides=[stride, stride])
        if name.startswith("up"):
            x = self.node("DepthToSpace", x, blocksize=2, mode="CRD")
        if name not in self.shape.normalised:
            return x
        names = list(self.shape.normalised)
        start = sum(list(self.shape.normalised.values())[: names.index(name)])
        gain, bias = (self.part(begin, filters) for begin in (start, self.shape.channels + start))
        return self.node("InstanceNormalization", x, gain, bias, epsilon=EPSILON)

    def field(self) -> str:
        """The waves of `Shape.waves_along`, for the height and width of the image: `(1, N, H / fold, W / fold)`."""
        along_y, along_x, phase = (self.shape.planes[:, [part]] for part in range(3))  # (N, 1, PLANES)
        size = self.node("Shape", "image")
        sides = []
        for axis, radians, offset in ((2, along_y, phase), (3, along_x, 0 * phase)):
            side = self.node("Gather", size, self.constant(f"axis{axis}", axis, np.int64))
            places = self.node(
                "Range", self.constant(f"from{axis}", 0, np.int64), side, self.constant(f"fold{axis}", self.shape.fold, np.int64)
            )
            places = self.node("Unsqueeze", self.node("Cast", places, to=1), self.constant(f"last{axis}", [1], np.int64))
            angles = self.node("Mul", places, self.constant(f"radians{axis}", radians))
            angles = self.node("Add", angles, self.constant(f"phase{axis}", offset))
            sides.append((self.node("Sin", angles), self.node("Cos", angles)))  # (N, side / fold, PLANES)
        (sin_y, cos_y), (sin_x, cos_x) = sides
        y, x = self.node("Concat", sin_y, cos_y, axis=2), self.node("Concat", cos_x, sin_x, axis=2)
        fields = self.node("MatMul", y, self.node("Transpose", x, perm=[0, 2, 1]))
        fields = self.node("Mul", fields, self.constant("unit", (2 / PLANES) ** 0.5))
        return self.node("Unsqueeze", fields, self.constant("batch", [0], np.int64))

    def pad(self, x: str, margin: int) -> str:
        pads = self.constant(f"pads{len(self.nodes)}", [0, 0, margin, margin] * 2, np.int64)
        return self.node("Pad", x, pads, mode="reflect")

    def part(self, begin: int, count: int) -> str:
        """Some numbers of the code."""
        ends = (self.constant(f"at{len(self.constants)}", [place], np.int64) for place in (begin, begin + count))
        return self.node("Slice", "code", *ends)

    def smooth(self, x: str) -> str:
        weights = np.array([1, 2, 1]) / 4
        kernel = self.constant("smooth", np.broadcast_to(np.outer(weights, weights), (3, 1, 3, 3)))
        return self.node("Conv", self.pad(x, 1), kernel, group=3)

    def colour(self, x: str) -> None:
        x = self.node(
            "InstanceNormalization", x, self.constant("ones", np.ones(3)), self.constant("zeros", np.zeros(3)), epsilon=EPSILON
        )
        begin = 2 * self.shape.channels
        matrix = self.node("Reshape", self.part(begin, 9), self.constant("square", [3, 3, 1, 1], np.int64))
        x = self.node("Conv", x, matrix, self.part(begin + 9, COLOURS - 9))
        self.node("Clip", x, self.constant("black", 0.0), self.constant("white", 1.0), named="painted")
