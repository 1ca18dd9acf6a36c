"""The embedded networks as ONNX graphs for the page *Try it*: what a loss needs of an image, the loss of `gatys` with its gradient.

The way back is written out as `stylelab.torch.engine.passes` computes it, so that a runtime without gradients can take it. All that
a reader may change while it runs is an input. The filters are not in the graphs: they share one file.
"""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from stylelab import encoders
from stylelab.networks import STYLE_LAYERS, load_weights
from stylelab.networks.export import FORMAT, OPSET
from stylelab.networks.file import READER

STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT = ("conv2_2", "conv3_1", "conv4_2")
DEPTHS = ("conv2_1", "conv3_1", "conv4_2", "conv5_1")  # of the graphs of the loss: a shallow one is quicker
FILTERS = "encoder.bin"


class Filters:
    """The embedded encoder's filters down to conv5_1, in a row, in float16."""

    def __init__(self) -> None:
        self.spec = encoders.find_encoder("mini")
        self.data, self.places = b"", {}
        for layer, arrays in encoders.read_weights(self.spec, STYLE).items():
            for name, array in zip(("kernel", "bias"), arrays, strict=True):
                self.places[f"{layer}_{name}"] = len(self.data), array.shape
                self.data += array.astype(np.float16).tobytes()


class Graph:
    """A graph that is being written. A node's name is that of its result."""

    def __init__(self, filters: Filters):
        self.from_file = filters
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def node(self, kind: str, *inputs: str, named: str = "", **how: Any) -> str:
        name = named or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **how))
        return name

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def weight(self, values: np.ndarray) -> str:
        """A constant that is stored in float16."""
        return self.node("Cast", self.constant(values, np.float16), to=TensorProto.FLOAT)

    def filter(self, name: str) -> str:
        """A kernel or a bias from the file, in float32."""
        offset, shape = self.from_file.places[name]
        half = TensorProto(name=name, data_type=TensorProto.FLOAT16, dims=shape, data_location=TensorProto.EXTERNAL)
        for key, value in {"location": FILTERS, "offset": offset, "length": 2 * int(np.prod(shape))}.items():
            half.external_data.add(key=key, value=str(value))
        self.constants.append(half)
        return self.node("Cast", name, to=TensorProto.FLOAT)

    def width(self, layer: str) -> int:
        """How many filters a layer has."""
        return self.from_file.places[f"{layer}_bias"][1][0]

    def input(self, name: str, *shape: "int | str") -> str:
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, name: str, *shape: "int | str") -> None:
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def finish(self) -> bytes:
        """The file."""
        whole = helper.make_graph(self.nodes, "stylelab", self.inputs, self.outputs, self.constants)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(whole, opset_imports=[opset], ir_version=FORMAT, producer_name="stylelab")
        return model.SerializeToString()

    def forward(self, layers: tuple[str, ...]) -> dict[str, str]:
        """The pass of an image through `layers`. Returns each layer's kernel; its activation has the layer's name."""
        self.input("image", 1, 3, "height", "width")
        factor, offset = self.preprocessing()
        x = self.node("Add", self.node("Mul", "image", self.constant(factor)), self.constant(offset))
        kernels = {}
        for layer in layers:
            kernels[layer] = self.filter(f"{layer}_kernel")
            padded = self.node("Pad", x, self.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="edge")
            x = self.node("Relu", self.node("Conv", padded, kernels[layer], self.filter(f"{layer}_bias")), named=layer)
            if layer in encoders.POOL_AFTER and layer != layers[-1]:
                x = self.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
        return kernels

    def preprocessing(self) -> list[np.ndarray]:
        return [array.reshape(1, 3, 1, 1) for array in encoders.input_transform(self.from_file.spec)]

    def activation(self, layer: str) -> tuple["int | str", ...]:
        """The shape of an activation."""
        return 1, self.width(layer), f"{layer}_height", f"{layer}_width"

    def gram(self, layer: str) -> tuple[str, str, str]:
        """F of `(N, M)`, the number of positions M, and F F^T / M, an output."""
        flat = self.node("Reshape", layer, self.constant([self.width(layer), -1], np.int64))
        positions = self.node(
            "Cast", self.node("Gather", self.node("Shape", flat), self.constant(1, np.int64)), to=TensorProto.FLOAT
        )
        product = self.node("MatMul", flat, self.node("Transpose", flat, perm=[1, 0]))
        self.output(f"gram_{layer}", self.width(layer), self.width(layer))
        return flat, positions, self.node("Div", product, positions, named=f"gram_{layer}")

    def backward(self, layers: tuple[str, ...], kernels: dict[str, str]) -> None:
        """From the losses at `layers` back to the image."""
        x = ""
        for layer in reversed(layers):
            if x and layer in encoders.POOL_AFTER:
                how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                x = self.node("Resize", x, "", self.constant([1, 1, 2, 2]), **how)
                x = self.node("Mul", x, self.constant(0.25))
            for own in [*self.content_loss(layer), *self.style_loss(layer)]:
                x = self.node("Add", x, own) if x else own
            x = self.node("Mul", x, self.node("Sign", layer))  # of the ReLU
            turned = self.node("Transpose", kernels[layer], perm=[1, 0, 2, 3])
            ends = (self.constant(numbers, np.int64) for numbers in ([-1, -1], [-9, -9], [2, 3], [-1, -1]))
            x = self.node("Conv", x, self.node("Slice", turned, *ends), pads=[2, 2, 2, 2])
            x = self.fold(self.fold(x, axis=2), axis=3)
        self.node("Mul", x, self.constant(self.preprocessing()[0]), named="gradient")
        self.output("gradient", 1, 3, "height", "width")

    def content_loss(self, layer: str) -> list[str]:
        """sum (F - P)^2 / 2, an output; its gradient, times the weight, is returned."""
        if layer not in CONTENT:
            return []
        shape = 1, *(f"{layer}_{side}" for side in ("filters", "height", "width"))  # or (1, 1, 1, 1) where the weight is 0
        target, weight = self.input(f"content_{layer}", *shape), self.input(f"weight_content_{layer}")
        apart = self.node("Sub", layer, target)
        self.loss("content", layer, apart, 0.5)
        return [self.node("Mul", apart, weight)]

    def style_loss(self, layer: str) -> list[str]:
        """sum (G - A)^2 / (4 N^2) for Gram matrices over their numbers of positions, as content_loss."""
        if layer not in STYLE:
            return []
        filters = self.width(layer)
        flat, positions, gram = self.gram(layer)
        target, weight = self.input(f"style_{layer}", filters, filters), self.input(f"weight_style_{layer}")
        apart = self.node("Sub", gram, target)
        self.loss("style", layer, apart, 1 / (4 * filters**2))
        factor = self.node("Div", weight, self.node("Mul", positions, self.constant(filters**2)))
        return [self.node("Reshape", self.node("MatMul", self.node("Mul", apart, factor), flat), self.node("Shape", layer))]

    def loss(self, part: str, layer: str, apart: str, factor: float) -> None:
        name = f"loss_{part}_{layer}"
        self.node("Mul", self.node("ReduceSumSquare", apart, keepdims=0), self.constant(factor), named=name)
        self.output(name)

    def fold(self, x: str, axis: int) -> str:
        """The gradient of a repeated border, brought back to the pixels repeated, along one axis."""

        def part(begin: int, end: int) -> str:
            return self.node("Slice", x, *(self.constant([place], np.int64) for place in (begin, end, axis)))

        first, last = self.node("Add", part(0, 1), part(1, 2)), self.node("Add", part(-2, -1), part(-1, 2**31))
        return self.node("Concat", first, part(2, -2), last, axis=axis)


def loss(filters: Filters, deepest: str) -> bytes:
    """`image`, targets and weights -> the losses, the Gram matrices and `gradient`, of the layers down to `deepest`."""
    graph, layers = Graph(filters), encoders.trunk((deepest,))
    graph.backward(layers, graph.forward(layers))
    return graph.finish()


def features(filters: Filters) -> bytes:
    """`image` -> all that a loss may compare with: activations and Gram matrices."""
    graph = Graph(filters)
    graph.forward(encoders.trunk(STYLE))
    for layer in sorted({*STYLE, *CONTENT}):
        graph.output(layer, *graph.activation(layer))
        if layer in STYLE:
            graph.gram(layer)
    return graph.finish()


def reader(filters: Filters) -> bytes:
    """A style `image` -> `code` without its colours, of the network that paints any style: `Painter.code`."""
    graph, (network, weights) = Graph(filters), load_weights("any")
    graph.forward(encoders.trunk(STYLE_LAYERS))
    moments = []
    for layer in STYLE_LAYERS:
        mean = graph.node("ReduceMean", layer, graph.constant([2, 3], np.int64))
        apart = graph.node("Sub", layer, mean)
        variance = graph.node("ReduceMean", graph.node("Mul", apart, apart), graph.constant([2, 3], np.int64))
        moments += [mean, graph.node("Sqrt", variance)]
    x = graph.node("Flatten", graph.node("Concat", *moments, axis=1))
    x = graph.node("Log", graph.node("Add", x, graph.constant(1.0)))
    for name in READER:
        x = graph.node("Gemm", x, *(graph.weight(weights[f"{name}.{part}"]) for part in ("weight", "bias")), transB=1)
        x = graph.node("Relu", x) if name == "hidden" else x
    graph.node("Reshape", x, graph.constant([-1], np.int64), named="code")
    graph.output("code", network.shape.code - 12)
    return graph.finish()


def soften(filters: Filters) -> bytes:
    """`image` `(3, H, W)` -> `softened`: transformed along both axes, each frequency times its factor, and back."""
    graph = Graph(filters)
    graph.input("image", 3, "height", "width")
    graph.input("factors", "height", "width")
    for name, side in (("across", "width"), ("down", "height")):
        graph.input(name, side, side)
    x = graph.node("MatMul", "down", graph.node("MatMul", "image", "across"))
    x = graph.node("MatMul", "down", graph.node("MatMul", graph.node("Mul", x, "factors"), "across"), named="softened")
    graph.output(x, 3, "height", "width")
    return graph.finish()
