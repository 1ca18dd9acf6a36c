"""How many floating-point operations a step cannot do without, counted from the layers and the image."""

from collections.abc import Iterable, Mapping

from stylelab.encoders import POOL_AFTER, trunk


def convolutions(widths: Mapping[str, int], layers: Iterable[str], height: int, width: int) -> int:
    """Operations of the 3 x 3 convolutions of one step, forward and the gradient of their input; 2 for each multiply and add.

    Gram matrices, losses, pooling and the optimiser are not counted: they are a few in a hundred. The filters are frozen, so
    there is no gradient of theirs. A method that needs fewer multiplications than the definition can come out above its limit.

    Args:
        widths: layer -> number of filters.
        layers: those that are looked at; the trunk is computed up to the deepest.
        height, width: of the image.

    Source: ours.
    """
    channels, total = 3, 0
    for layer in trunk(layers):
        total += 2 * 9 * channels * widths[layer] * height * width
        channels = widths[layer]
        if layer in POOL_AFTER:
            height, width = height // 2, width // 2
    return 2 * total
