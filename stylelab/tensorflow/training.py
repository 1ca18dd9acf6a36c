"""Train a network that paints in one pass, in TensorFlow: the encoder measures its images as in style transfer, but what the gradient
moves are the filters and the codes of the network, and no longer an image.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from stylelab import images as pictures
from stylelab.errors import NotFiniteError
from stylelab.images import Source
from stylelab.networks import STYLE_LAYERS, Weights
from stylelab.networks.spec import COLOURS, read_size
from stylelab.networks.training import (
    BETA1,
    BETA2,
    CODE_RATE,
    CONTENT_LAYER,
    FILTER_RATE,
    LONGEST,
    MOMENTS,
    MOMENTUM,
    SCHULZ,
    SHARES,
    STYLE_LOSS,
    VARIATION,
    Crops,
    TrainingState,
    TrainingStep,
    ended,
    learning_rate,
    open_styles,
    practice,
    start_of,
)  # fmt: skip
from stylelab.recipes import SquaredError
from stylelab.run.options import TrainingOptions, keywords
from stylelab.tensorflow.engine.graph import compiled, placed
from stylelab.tensorflow.features import Encoder, load_encoder
from stylelab.tensorflow.loop import inside
from stylelab.tensorflow.losses import distance, statistics, total_variation, wide
from stylelab.tensorflow.networks import Painter, waves
from stylelab.tensorflow.objective import Part, observe
from stylelab.tensorflow.tensors import find_device, find_precision, to_tensor

DEFAULT = TrainingOptions()
Parameters = dict[str, "tf.Variable | Tensor"]
PARTS = {
    "content": Part(1.0, {CONTENT_LAYER: 1.0}, {CONTENT_LAYER: SquaredError("mean")}),
    "style": Part(1.0, SHARES, dict.fromkeys(SHARES, STYLE_LOSS)),
}


@keywords(TrainingOptions)
def train(
    style: "Source | Sequence[Source] | Mapping[str, Source]", photographs: "Sequence[Source] | None" = None,
    options: TrainingOptions = DEFAULT,
) -> Iterator[TrainingStep]:  # fmt: skip
    """Teach a network that paints in one pass a new style: a step for each batch of crops of photographs.

    >>> for step in sl.train("fluid", steps=2, size=64, batch=1):
    ...     print(step.index, sorted(step.parts))
    1 ['content', 'range', 'style', 'variation']
    2 ['content', 'range', 'style', 'variation']
    >>> step.network.styles
    ('fluid',)

    Args:
        style: a path, built-in name or array; several as a list of names, or as `{name: image}`.
        photographs: to practise on; by default the built-in ones.
        options: the fields of `stylelab.run.options.TrainingOptions`, as keywords.

    Returns:
        An iterator of `TrainingStep`: index, loss, its parts, and the network as it is after the step, which `save` writes.
        A network never holds anything but finite numbers.

    Raises:
        InputError: an image, a name or a number is wrong, or the file to resume is of another training.
        NotFiniteError: a loss or a gradient was not finite; the network is as it was before that step.

    Source: Johnson et al. 2016; Dumoulin et al. 2017, section 3.2, for training no more than a code. The loss is `covariance_loss`.
    """
    return _steps(open_styles(style), photographs, options)


def _steps(
    styles: Mapping[str, np.ndarray], photographs: "Sequence[Source] | None", options: TrainingOptions
) -> Iterator[TrainingStep]:
    kept, device = TrainingState(options, styles), find_device(options.device)
    network, weights = start_of(styles, options)
    painter = Painter(network, weights, device, trainable=options.whole)
    encoder = load_encoder("mini", STYLE_LAYERS, device=device, precision=find_precision("auto", device, options.size**2))
    with tf.device(device):
        learned, colours = (tf.Variable(part) for part in np.split(weights["codes"], [-COLOURS], 1))
        targets = [style_targets(encoder, image, options.scales) for image in styles.values()]
        targets = tf.nest.map_structure(lambda *each: tf.stack(each), *targets)  # a graph chooses among them
        first = waves(network.shape, options.size, options.size)
    parameters = {"codes": learned, **(painter.kernels if options.whole else {})}
    crops = Crops(practice(photographs), options.size, options.seed)

    def codes() -> Tensor:
        return tf.concat([learned, colours], 1)

    def evaluate(photographs: Tensor, chosen: Tensor, field: Tensor) -> dict[str, Tensor]:
        painted = painter(photographs, tf.gather(codes(), chosen), field)
        own = [tf.nest.map_structure(lambda each, i=i: tf.gather(each, chosen[i]), targets) for i in range(options.batch)]
        return painting_loss(encoder, painted, photographs, own, options.content_weight)

    shape = (options.batch, options.size, options.size, 3)
    graph = compiled(evaluate, [tf.TensorSpec(shape), tf.TensorSpec(shape[:1], tf.int32), tf.TensorSpec(first.shape)])

    def loss(step: int) -> dict[str, Tensor]:
        chosen = crops.choose(step, options.batch, len(styles))
        field = waves(network.shape, options.size, options.size, crops.start(step))
        return graph(tf.constant(crops.draw(step, options.batch)), tf.constant(chosen), field)

    def read() -> Weights:
        with tf.device(device):
            filters = {f"{name}.weight": array(kernel) for name, kernel in painter.kernels.items()}
            return {**filters, "codes": array(codes())}

    for index, parts in placed(device, lower(parameters, loss, options, kept)):
        yield TrainingStep(index, sum(parts.values()), parts, kept.clock(), network, read)


def style_targets(encoder: Encoder, style: np.ndarray, scales: int) -> list[dict[str, Any]]:
    """What a style image leaves behind at each scale: layer -> statistics.

    Args:
        encoder: must give `STYLE_LAYERS`.
        style: `(H, W, 3)` in 0..1.
        scales: how many: the size at which styles are read, half of it, and so on.
    """
    small = to_tensor(pictures.resize(style, read_size(style)), encoder.device)
    targets = []
    for _ in range(scales):
        seen = observe(encoder, small, {"style": PARTS["style"]})[0]["style"]
        targets.append({layer: statistics(STYLE_LOSS, seen[layer]) for layer in SHARES})
        small = tf.nn.avg_pool2d(small, 2, 2, "VALID")
    return targets


def painting_loss(
    encoder: Encoder, painted: Tensor, photographs: Tensor, targets: list[list[dict[str, Any]]], content_weight: float
) -> dict[str, Tensor]:
    """How far painted crops are from the styles wanted, at each scale, and from the photographs.

    Args:
        encoder: must give `STYLE_LAYERS`.
        painted: `(B, H, W, 3)`, not clipped.
        photographs: `(B, H, W, 3)` in 0..1.
        targets: `style_targets` for each.
        content_weight: of the squared error at conv3_1, as a part of the photograph's own sum of squares.

    Returns:
        `{"style", "content", "range", "variation"}`: scalars, means over the batch; 'range' draws colours back into 0..1, and
        'variation' is `total_variation`, which keeps grain out of flat areas.
    """
    contents = wide(encoder(photographs)[CONTENT_LAYER])
    clipped = inside(painted)
    seen = observe(encoder, clipped, PARTS)
    found: list[Any] = [one["content"][CONTENT_LAYER] for one in seen]
    content = sum(
        tf.reduce_mean(tf.square(wide(one) - wanted)) / tf.reduce_mean(tf.square(wanted))
        for one, wanted in zip(found, tf.unstack(contents), strict=True)
    )
    style: Any = 0
    for scale in range(len(targets[0])):
        if scale:
            seen = observe(encoder, tf.nn.avg_pool2d(clipped, 2**scale, 2**scale, "VALID"), {"style": PARTS["style"]})
        for one, wanted in zip(seen, targets, strict=True):
            losses = (share * distance(STYLE_LOSS, one["style"][layer], wanted[scale][layer]) for layer, share in SHARES.items())
            style = style + sum(losses) / len(targets[0])
    count = len(targets)
    return {
        "style": style / count,
        "content": content_weight * content / count,
        "range": tf.reduce_mean(tf.square(painted - clipped)),
        "variation": VARIATION * total_variation(painted, "l2") / tf.size(painted, tf.float32),
    }


def lower(
    parameters: Parameters, loss: Callable[[int], dict[str, Tensor]], options: TrainingOptions, kept: TrainingState
) -> Iterator[tuple[int, dict[str, float]]]:
    """Lower a loss by moving parameters, in place: an item for each step.

    Codes move with Adam (Kingma and Ba 2015). Filters move with momentum of which all directions are made equally strong (Jordan
    et al. 2024, 'Muon'), which gets further in as many steps.

    Args:
        parameters: by name; those whose names begin with 'codes' learn faster.
        loss: step -> parts, computed from the parameters.
        options: steps, minutes and learning rate.
        kept: where the training is kept, and continues from.

    Raises:
        NotFiniteError: a loss or a gradient was not finite; the parameters are as they were before that step.
    """
    device = next(iter(parameters.values())).device
    moments = {f"{name}.{moment}": tf.zeros_like(value) for name, value in parameters.items() for moment in MOMENTS}
    values = {**{name: tf.identity(value) for name, value in parameters.items()}, **moments}
    if kept.arrays:
        values = {name: _tensor(kept.arrays[name], device) for name in values}
    latest = kept.step, values  # replaced at once, so that a stop at any moment leaves a whole step

    def put() -> None:
        for name, parameter in parameters.items():
            parameter.assign(latest[1][name])

    def read() -> dict[str, np.ndarray]:
        return {name: array(value) for name, value in latest[1].items()}

    try:
        put()
        while not ended(options, index := latest[0] + 1, kept.clock()):
            with tf.device(device):
                with tf.GradientTape() as tape:
                    parts = loss(index)
                    total = tf.add_n(list(parts.values()))
                gradients = dict(zip(parameters, tape.gradient(total, list(parameters.values())), strict=True))
                moved = _moved(latest[1], gradients, index, learning_rate(options, index, kept.clock()))
            if not all(np.isfinite(value.numpy()).all() for value in (total, *moved.values())):
                raise NotFiniteError(index, float(total), np.zeros((1, 1, 3), np.float32))
            latest = index, moved
            put()
            yield index, {name: float(part) for name, part in parts.items()}
            kept.keep(latest[0], read)
    except BaseException:
        put()
        kept.keep(latest[0], read, now=True)
        raise
    kept.end(latest[0])


def _moved(values: Parameters, gradients: Parameters, step: int, rate: float) -> Parameters:
    """Parameters and their moments, as they are after a step: filters by orthogonalised momentum, all others by Adam."""
    length = tf.linalg.global_norm(list(gradients.values()))
    shorter = tf.minimum(LONGEST / (length + 1e-12), 1.0)
    moved: Parameters = {}
    for name, gradient in gradients.items():
        mean, square = (values[f"{name}.{moment}"] for moment in MOMENTS)
        if len(gradient.shape) == 4:
            mean = MOMENTUM * mean + gradient
            move = FILTER_RATE * rate * _orthogonal(gradient + MOMENTUM * mean)
        else:
            mean += (1 - BETA1) * (gradient * shorter - mean)
            square += (1 - BETA2) * (tf.square(gradient * shorter) - square)
            own = CODE_RATE * rate if name.startswith("codes") else rate
            move = own / (1 - BETA1**step) * mean / (tf.sqrt(square / (1 - BETA2**step)) + 1e-8)
        moved |= {name: values[name] - move, f"{name}.mean": mean, f"{name}.square": square}
    return moved


def _orthogonal(momentum: Tensor) -> Tensor:
    """Filters `(3, 3, I, O)` with roughly all singular values brought to 1, by Newton's and Schulz's iteration."""
    matrix = tf.transpose(tf.reshape(momentum, (-1, momentum.shape[-1])))
    matrix = matrix / (tf.norm(matrix) + 1e-12)
    for _ in range(5):
        gram = tf.matmul(matrix, matrix, transpose_b=True)
        matrix = SCHULZ[0] * matrix + (SCHULZ[1] * gram + SCHULZ[2] * gram @ gram) @ matrix
    return tf.reshape(tf.transpose(matrix), momentum.shape)


def array(tensor: Tensor) -> np.ndarray:
    """A copy of a tensor's numbers, in the order of a file."""
    numbers = tensor.numpy().copy()
    return numbers.transpose(3, 2, 0, 1) if numbers.ndim == 4 else numbers  # a filter's (3, 3, I, O) -> (O, I, 3, 3)


def _tensor(array: np.ndarray, device: str) -> Tensor:
    """The inverse of `array`."""
    with tf.device(device):
        return tf.constant(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array)
