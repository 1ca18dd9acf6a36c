"""Python functions made into TensorFlow's graphs."""

from collections.abc import Callable, Sequence
from functools import cache

import tensorflow as tf


def compiled(function: Callable, signature: Sequence | None = None) -> Callable:
    """`tf.function`, for one kind of arguments, traced when it is first called.

    It does without the advice that TensorFlow prints when a process traces many functions: each of ours is for one run.

    Args:
        function: of tensors.
        signature: a `tf.TensorSpec` for each argument, in the nesting of the argument; None for no arguments.
    """
    trace = cache(tf.function(function, input_signature=signature, autograph=False).get_concrete_function)
    return lambda *arguments: trace()(*arguments)
