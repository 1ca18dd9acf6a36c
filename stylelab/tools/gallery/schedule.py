"""Schedule the pairs of a gallery on Dask workers, and collect the results.

On a GPU, pairs whose content images have the same size are painted in one run, as many as fit into its memory. On a CPU each
pair is painted by itself, because a batch is not faster there. Time per image and step in a batch of 2 and of 4, relative to
one image (encoder `mini`, PyTorch, one thread, two busy cores, medians of runs in turn): at 128 pixels 0.95 and 0.89 in
bfloat16, 0.96 and 1.01 in float32; at 256 pixels 1.05 and 1.17 in bfloat16. Several workers keep the cores busy instead.

A broken image or a worker that dies affects only its own pair: if a batch fails, its pairs are painted one by one; if it was
too large for the memory, in two halves.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from stylelab import images
from stylelab.base.files import error_text
from stylelab.base.interrupts import Interrupts
from stylelab.errors import MachineError, StylelabError
from stylelab.run.numerics import memory
from stylelab.run.options import Options, values_of
from stylelab.tools.gallery import worker
from stylelab.tools.gallery.plan import DONE, FAILED, WAITING, Pair, Plan

LARGEST_BATCH = 8  # pairs: enough to keep a GPU busy, and few enough to lose when a run fails
FRAMEWORK = 2**30  # bytes that a framework takes before there is any image

Shape = tuple[int, int]


def parallel_pairs(plan: Plan, waiting: list[Pair]) -> int:
    """How many pairs can be painted on this machine at once: fewer than are waiting if large images need much memory."""
    from stylelab.tools.cluster import gpus_for, workers_fitting

    if gpus_for(plan.options.device):
        return len(waiting)
    run = plan.memory(*plan.job.content.shape[:2])
    # as much memory as lets several workers run side by side without changing to tiles
    needed = round(FRAMEWORK + memory.estimate(run, plan.options.tile) / memory.SHARE)
    return min(len(waiting), workers_fitting(needed))


def paint_pairs(client, plan: Plan, waiting: list[Pair], signals: Interrupts, record: Callable[[], object]) -> Iterator[Pair]:
    """Paint pairs, and yield each one when it is finished.

    Args:
        client: of Dask.
        plan, waiting: a gallery, and those of its pairs that are to be painted; both are updated.
        signals: Ctrl-C waits until finished pairs are saved.
        record: called after pairs have been saved.
    """
    from distributed import as_completed

    from stylelab.tools.cluster import spread_cores

    running: dict[Any, list[Pair]] = {}  # future -> batch
    queue = deque(_batches(client, plan, waiting))
    finished = as_completed(loop=client.loop)

    def fill() -> list[Pair]:
        """Give every free worker a batch; returns the pairs that cannot be painted.

        One task per worker: a second one, queued at a worker that dies, would be blamed for it, too. While the only worker is
        being restarted, the number of workers is 0.
        """
        failed = []
        while queue and (not running or len(running) < sum(client.nthreads().values())):
            batch = queue.popleft()
            future = _submit(client, plan, batch)
            failed += [pair for pair in batch if pair.state == FAILED]
            if future is not None:
                running[future] = [pair for pair in batch if pair.state == WAITING]
                finished.add(future)
        if running and not queue:
            spread_cores(client, len(running), plan.options.device)
        return failed

    while True:
        yield from fill()
        if not running:
            return
        future = next(finished)
        batch = running.pop(future)
        with signals.held():
            failed = fill()  # now, so that no worker waits until the batch is saved
            smaller = _collect(future, plan, batch)
            future.release()  # otherwise the batch is painted again if its worker dies
            record()
        yield from failed
        yield from (pair for pair in batch if pair.state != WAITING)
        if smaller:  # the batches that are still queued would be too large as well
            queue = deque(part for pairs in (batch, *queue) for part in split(pairs, smaller))
        else:
            queue.extendleft([pair] for pair in batch if pair.state == WAITING)


def _batches(client, plan: Plan, waiting: list[Pair]) -> list[list[Pair]]:
    """The waiting pairs in lists, each for one run."""
    on_cpu = plan.options.device == "cpu"
    free = [] if on_cpu else list(client.run(worker.free_gpu_memory, on_error="return").values())
    if not free or not all(isinstance(number, int) for number in free):  # a worker without a GPU
        return split(waiting, 1)
    grey = np.zeros((64, 64, 3), np.float32)
    shapes: dict[str, Shape | None] = {}
    for name, path in plan.contents.items():
        try:
            shapes[name] = plan.prepare(path, grey).content.shape[:2]
        except StylelabError:
            shapes[name] = None
    return make_batches(
        waiting,
        lambda pair: shapes[pair.content],
        lambda shape: batch_size(plan.memory(*shape), min(free)),
        workers=sum(client.nthreads().values()),
    )


def make_batches(pairs: Sequence, shape_of: Callable[[Any], Shape | None], largest: Callable[[Shape], int], workers: int) -> list:
    """Group pairs into batches of one size, so that every worker has something to do.

    Args:
        pairs: in the order in which they should be painted.
        shape_of: pair -> height and width of its content image when it is painted; None if it cannot be opened.
        largest: shape -> how many pairs of it fit into memory.
        workers: make at least this many batches, if there are as many pairs.
    """
    same_size: dict = {}
    for pair in pairs:
        same_size.setdefault(shape_of(pair), []).append(pair)
    share = ceil(len(pairs) / max(1, workers))
    batches = []
    for shape, group in same_size.items():
        batches += split(group, 1 if shape is None else min(share, largest(shape)))
    return batches


def batch_size(run: memory.Run, free: int) -> int:
    """How many pairs like `run` a GPU with `free` bytes of free memory paints at once, from 1 to LARGEST_BATCH."""
    room = memory.SHARE * (free - FRAMEWORK)
    fitting = (count for count in range(LARGEST_BATCH, 1, -1) if memory.estimate(replace(run, batch=count)) <= room)
    return next(fitting, 1)


def split(batch: list, size: int) -> list[list]:
    """A list in parts of at most `size`."""
    return [batch[start : start + size] for start in range(0, len(batch), size)]


def _submit(client, plan: Plan, batch: list[Pair]):
    """Submit a task for those pairs of a batch whose images can be used, and mark the others as failed.

    Returns the task's future, or None if no pair is left.
    """
    jobs = []
    for pair in batch:
        try:
            jobs.append(plan.prepare(plan.contents[pair.content], plan.styles[pair.style]))
            pair.facts = {"notes": list(jobs[-1].notes)}
        except StylelabError as error:
            pair.state, pair.error, pair.exit_status = FAILED, str(error), error.exit_status
    if not jobs:
        return None
    options = values_of(plan.options, Options) | {"backend": plan.backend, "size": max(jobs[0].content.shape[:2])}
    if client.cluster is not None:  # workers on this machine
        from stylelab.tools.cluster import device_of_worker

        options["device"] = device_of_worker(plan.options.device)
    contents, styles = [job.content for job in jobs], [job.style for job in jobs]
    if len(jobs) == 1:
        return client.submit(worker.paint_pair, contents[0], styles[0], options, pure=False)
    return client.submit(worker.paint_batch, contents, styles, options, pure=False)


def _collect(future, plan: Plan, batch: list[Pair]) -> int | None:
    """Save the images of a finished task and update its pairs.

    If a batch fails as a whole, its pairs stay 'waiting'. If it lacked memory, the size of batch to try next is returned.
    """
    try:
        answers = future.result()
    except Exception as error:  # noqa: BLE001  whatever it is, the other pairs are painted
        text = f"the worker failed: {type(error).__name__}: {error_text(error)}"
        if type(error).__name__ == "KilledWorker":
            text = "its worker died several times, perhaps for lack of memory: choose a smaller size"
        answers = {"error": text, "exit_status": MachineError.exit_status}
    if isinstance(answers, dict) and len(batch) > 1:
        return len(batch) // 2 if answers.get("memory") else None
    for pair, answer in zip(batch, [answers] if isinstance(answers, dict) else answers, strict=True):
        notes = pair.facts.pop("notes", []) + answer.get("facts", {}).get("notes", [])
        pair.error, pair.exit_status = answer["error"], answer["exit_status"]
        pair.facts = answer.get("facts", {}) | ({"notes": notes} if notes else {})
        pair.state = FAILED if pair.error else DONE
        if "image" in answer:
            images.save(answer["image"], plan.folder / pair.file)
            pair.facts |= dict(zip(("height", "width"), answer["image"].shape, strict=False))
    return None
