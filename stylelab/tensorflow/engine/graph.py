"""Python functions made into TensorFlow's graphs, and iterators that compute on one device."""

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cache
from typing import Any

import tensorflow as tf


def compiled(function: Callable, signature: Sequence | None = None, tile: int | None = None) -> Callable:
    """`tf.function`, for one kind of arguments, traced when it is first called.

    TensorFlow would print advice when a process traces many functions; ours are for one run each, and this avoids it.

    Args:
        function: of tensors.
        signature: a `tf.TensorSpec` for each argument, in the nesting of the argument; None for no arguments.
        tile: side of the tiles that the function works in, if it does. Then it is returned as it is: a graph would hold
            all tiles at once.
    """
    if tile is not None:
        return function
    trace = cache(tf.function(function, input_signature=signature, autograph=False).get_concrete_function)
    return lambda *arguments: trace()(*arguments)


def placed(device: str, items: Generator[Any, None, None]) -> Iterator[Any]:
    """The same items, each computed on a device. Whoever asks for them is not: `tf.device` in a generator would reach its caller.

    Without it TensorFlow computes on the first GPU, or where there is none on the CPU, wherever an operation's tensors are.
    """
    try:
        while True:
            with tf.device(device):
                item = next(items, None)
            if item is None:
                return
            yield item
    finally:
        items.close()
