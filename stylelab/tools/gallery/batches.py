"""Which pairs are painted in one run on a GPU: those whose content images have one size, as many as it has room for.

On a CPU every pair is painted by itself: measured with `mini` in turn (two busy cores, PyTorch, medians of ratios of the time
for an image and a step, in a batch of 2 and of 4 against alone, one thread): at 128 pixels 0.95 and 0.89 in bfloat16, 0.96
and 1.01 in float32; at 256 pixels 1.05 and 1.17 in bfloat16. Cores are kept busy by workers instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil

from stylelab.run.numerics import memory

MOST = 8  # pairs in a batch: by then a GPU is busy, and no more than that is lost when a run fails
FRAMEWORK = 2**30  # bytes that a framework takes before an image is in sight

Shape = tuple[int, int]


def batch_size(run: memory.Run, free: int | None) -> int:
    """How many pairs a GPU paints at once, 1 to MOST.

    Args:
        run: one of them.
        free: bytes on the GPU; None on a CPU, or where nobody can tell.
    """
    if free is None:
        return 1
    room = memory.SHARE * (free - FRAMEWORK)
    fitting = (count for count in range(MOST, 1, -1) if memory.estimate(replace(run, batch=count)) <= room)
    return next(fitting, 1)


def worker_memory(run: memory.Run, tile: int | None) -> int:
    """Bytes that a worker here should have, so that workers beside each other do not drive each other to tiles."""
    return round(FRAMEWORK + memory.estimate(run, tile) / memory.SHARE)


def make_batches(pairs: Sequence, shape: Callable[[object], Shape | None], most: Callable[[Shape], int], workers: int) -> list:
    """The pairs in lists, each for one run, so that all workers have something to do.

    Args:
        pairs: in the order in which they should come.
        shape: pair -> size of its content image as it will be painted; None for one that cannot be opened.
        most: size -> how many pairs of it fit.
        workers: how many lists there should be at least, if there are as many pairs.
    """
    together: dict = {}
    for pair in pairs:
        together.setdefault(shape(pair), []).append(pair)
    share = ceil(len(pairs) / max(1, workers))
    made = []
    for size, alike in together.items():
        made += cut(alike, 1 if size is None else min(share, most(size)))
    return made


def cut(batch: list, most: int) -> list[list]:
    """A list in pieces of at most so many."""
    return [batch[first : first + most] for first in range(0, len(batch), most)]
