"""Hand the pairs of a gallery out to workers, and take back what becomes of them.

A broken image, or a worker that dies, costs its own pair and no other: a batch that fails is painted pair by pair, and one
that was too large for the memory in two halves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylelab import images
from stylelab.base.files import error_text
from stylelab.errors import MachineError, StylelabError
from stylelab.run.prepare import prepare
from stylelab.tools.gallery.batches import batch_size, cut, make_batches, worker_memory
from stylelab.tools.gallery.worker import free_gpu_memory

if TYPE_CHECKING:
    from stylelab.tools.gallery.plan import Pair, Plan

DONE, KEPT, FAILED, WAITING = "done", "kept", "failed", "waiting"


def at_once(made: Plan, waiting: list[Pair]) -> int:
    """How many pairs can be worked on here: fewer than there are where large images need the memory of several workers."""
    from stylelab.tools.cluster import fitting, gpus_for

    if gpus_for(made.options.get("device")):
        return len(waiting)
    run = made.memory(*made.job.content.shape[:2])
    return min(len(waiting), fitting(worker_memory(run, made.options.get("tile"))))


def work_off(client, made: Plan, waiting: list[Pair], paint_pair, paint_batch) -> Iterator[Pair]:
    """Paint pairs, and yield each when it is finished. As many tasks are handed out as there are workers: one that waits
    on a worker would be blamed for its death.

    Args:
        client: of Dask.
        made, waiting: a gallery, and those of its pairs that are to be painted; both are updated.
        paint_pair, paint_batch: what workers do, see `stylelab.tools.gallery.worker`.
    """
    from distributed import as_completed

    from stylelab.tools.cluster import spread_cores

    running, queue = {}, deque(_batches(client, made, waiting))
    finished = as_completed(loop=client.loop)
    while True:
        while queue and (not running or len(running) < sum(client.nthreads().values())):  # none, while one starts again
            batch = queue.popleft()
            future = _submit(client, made, batch, paint_pair, paint_batch)
            yield from (pair for pair in batch if pair.state == FAILED)
            if future is not None:
                running[future] = [pair for pair in batch if pair.state == WAITING]
                finished.add(future)
        if not running:
            return
        if not queue:
            spread_cores(client, len(running), made.options.get("device"))
        future = next(finished)
        batch = running.pop(future)
        most = _receive(future, made, batch)
        yield from (pair for pair in batch if pair.state != WAITING)
        if most:  # what was too much for one run would be too much again
            queue = deque(part for each in (batch, *queue) for part in cut(each, most))
        else:
            queue.extendleft([pair] for pair in batch if pair.state == WAITING)


def _batches(client, made: Plan, waiting: list[Pair]) -> list[list[Pair]]:
    free = None if made.options.get("device") == "cpu" else _free_on_gpus(client)
    if free is None:
        return cut(waiting, 1)
    shapes = {name: _shape(made, path) for name, path in made.contents.items()}
    return make_batches(
        waiting,
        lambda pair: shapes[pair.content],
        lambda shape: batch_size(made.memory(*shape), free),
        workers=sum(client.nthreads().values()),
    )


def _free_on_gpus(client) -> int | None:
    """Bytes free on the fullest of the workers' GPUs; None if one of them has none."""
    answers = client.run(free_gpu_memory, on_error="return").values()
    return min(answers) if all(isinstance(answer, int) for answer in answers) else None


def _shape(made: Plan, content: Path) -> tuple[int, int] | None:
    """Height and width of a content image as it will be painted; None if it cannot be used."""
    flat = np.zeros((64, 64, 3), np.float32)
    try:
        return prepare(content, flat, **made.preparing).content.shape[:2]
    except StylelabError:
        return None


def _submit(client, made: Plan, batch: list[Pair], paint_pair, paint_batch):
    """A task for the pairs whose images can be used; the others have failed. None if there are no others."""
    jobs = []
    for pair in batch:
        try:
            jobs.append(prepare(made.contents[pair.content], made.styles[pair.style], **made.preparing))
        except StylelabError as error:
            pair.state, pair.error, pair.exit_status = FAILED, str(error), error.exit_status
    if not jobs:
        return None
    options = made.options | {"size": max(jobs[0].content.shape[:2])}
    if client.cluster is not None and "device" in options:
        from stylelab.tools.cluster import device_of_worker

        options["device"] = device_of_worker(options["device"])
    if len(jobs) == 1:
        return client.submit(paint_pair, jobs[0].content, jobs[0].style, options, pure=False)
    contents, styles = zip(*((job.content, job.style) for job in jobs), strict=True)
    return client.submit(paint_batch, list(contents), list(styles), options, pure=False)


def _receive(future, made: Plan, batch: list[Pair]) -> int | None:
    """Write down what came of a task. If a batch failed as a whole its pairs go on waiting; for want of memory, how many
    to try at once is returned."""
    try:
        answers = future.result()
    except Exception as error:  # noqa: BLE001  whatever happened over there, the other pairs go on
        answers = {"error": _lost(error), "exit_status": MachineError.exit_status}
    if isinstance(answers, dict) and len(batch) > 1:
        return len(batch) // 2 if answers.get("memory") else None
    for pair, answer in zip(batch, [answers] if isinstance(answers, dict) else answers, strict=True):
        _record(made, pair, answer)
    return None


def _record(made: Plan, pair: Pair, answer: dict) -> None:
    pair.error, pair.exit_status, pair.facts = answer["error"], answer["exit_status"], answer.get("facts", {})
    pair.state = FAILED if pair.error else DONE
    if "image" in answer:
        images.save(answer["image"], made.folder / pair.file)
        pair.facts |= dict(zip(("height", "width"), answer["image"].shape, strict=False))


def _lost(error: Exception) -> str:
    if type(error).__name__ == "KilledWorker":
        return "its worker died again and again, perhaps for want of memory: choose a smaller size"
    return f"the worker failed: {type(error).__name__}: {error_text(error)}"
