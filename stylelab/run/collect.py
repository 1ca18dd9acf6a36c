"""Read a run to its end and collect its results: every step's loss, some images, and a clean stop.

A run stops early on Ctrl-C, at a loss that is not finite, and when its image has settled, and still has results.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from stylelab import images
from stylelab.base.interrupts import interrupts
from stylelab.errors import NotFiniteError
from stylelab.result import COLUMNS, History, Result, Step
from stylelab.run.numerics import memory
from stylelab.run.prepare import Job, Run
from stylelab.run.provenance import record_provenance
from stylelab.run.settings import installed_versions
from stylelab.run.state import Keeper

StepOrError = Step | NotFiniteError | None  # one pair's step; the error, or None, stands for a pair that has failed, or settled


def collect(
    steps: Iterable[list[StepOrError]],
    run: Run,
    *,
    backend: str,
    device: str,
    precision: str,
    tile: int | None = None,
    notes: Sequence[str] = (),
    watch: Callable[[list[StepOrError]], object] | None = None,
    snapshots: Sequence[int] | None = None,
) -> list[Result]:
    """Read the steps of a run to the end.

    Args:
        steps: for each step of the optimiser, a list with each pair's Step, the error that ended it, or None if it has settled.
        run: what is being painted.
        backend, device, precision, tile, notes: for the Results. A pair's own notes come first.
        watch: called with each list of steps.
        snapshots: the steps whose images are kept; by default eight, closer together at the start.

    Returns:
        A Result for each pair. After Ctrl-C it has the best image so far, after a loss that is not finite the last good one;
        `stopped` says which. A run that is kept in a file leaves it there after Ctrl-C, and removes it otherwise.
    """
    counts = [batch[0].recipe.steps for batch in run.stages]
    if snapshots is None:  # fewer for an image whose eight snapshots would take 0.1 GB
        count = 8 if run.job.content.nbytes < 1e8 / 8 else 2
        snapshots = [round(float(step)) for step in np.geomspace(1, run.steps, count)]
    kept = set(snapshots)
    first_steps = {1 + sum(counts[:index]) for index in range(len(counts))}  # losses at different sizes cannot be compared
    provenance = record_provenance(run, backend)
    logs = [_Log(job.finish(job.start)) for job in run.stages[0]]
    keeper, began, interrupted = run.keeper, time.perf_counter(), False
    facts = {
        "precision": precision, "tile": tile, "notes": list(notes), "device": device, "threads": provenance[0].threads,
        "versions": installed_versions(backend),
    }  # fmt: skip
    if keeper and keeper.found:
        began -= _restore(logs, keeper)
    with interrupts() as signals:
        try:
            signals.once = True  # from the first Ctrl-C on, further ones wait
            for batch in steps:
                seconds = time.perf_counter() - began
                for log, step in zip(logs, batch, strict=True):
                    log.add(step, seconds, kept, first_steps)
                signals.defers = keeper is not None and keeper.progress.read is not None  # a step that was cut cannot be kept
                if all(log.stopped or log.settled for log in logs):
                    break
                if keeper and keeper.due():
                    _save(keeper, logs, facts | {"seconds": seconds})
                if watch is not None:
                    watch(batch)
                if signals.overdue:
                    raise KeyboardInterrupt
            signals.waits = True
        except KeyboardInterrupt:
            signals.waits = interrupted = True
        except NotFiniteError as error:
            signals.waits = True
            logs[0].add(error, 0.0, kept, first_steps)
        signals.defers, seconds = False, time.perf_counter() - began
        if keeper and interrupted:
            with suppress(KeyboardInterrupt):  # the third one gives this up, not the image
                _save(keeper, logs, facts | {"seconds": seconds})
        elif keeper:
            keeper.remove()
        for log in logs:
            log.end(interrupted and not log.settled)
        remarks = _remarks(keeper, facts) if keeper else []
        memory.give_back()
        return [
            Result(
                image=_at_full_size(log.image, job),
                history=log.history,
                snapshots=log.snapshots,
                seconds=seconds,
                device=device,
                recipe=replace(job.recipe, steps=run.steps),
                encoder=job.encoder.name,
                stopped=log.stopped,
                precision=precision,
                scales=tuple(max(batch[0].content.shape[:2]) for batch in run.stages),
                tile=tile,
                notes=(*job.notes, *notes, *remarks),
                taken=log.taken if len(run.stages) == 1 else 0,
                provenance=record,
            )
            for log, job, record in zip(logs, run.stages[-1], provenance, strict=True)
        ]


def _at_full_size(image: np.ndarray, job: Job) -> np.ndarray:
    """An image as it is, or, if the run has ended at a smaller size, enlarged."""
    return image if image.shape == job.content.shape else job.finish(images.fit(image, job.content.shape[:2]))


def _save(keeper: Keeper, logs: "list[_Log]", facts: Mapping[str, Any]) -> None:
    """Keep the run as it is after its last step, unless that was cut before it came into the logs."""
    if all(log.stopped or log.settled or len(log.history) == keeper.progress.step for log in logs):
        arrays = {f"pair {i}.{name}": array for i, log in enumerate(logs) for name, array in log.arrays().items()}
        keeper.save(arrays, {**facts, "stopped": [log.stopped for log in logs]})


def _restore(logs: "list[_Log]", keeper: Keeper) -> float:
    """Fill the logs of a run that continues; returns the seconds that it has taken so far."""
    found = keeper.found
    assert found is not None
    for i, (log, stopped) in enumerate(zip(logs, found.about["stopped"], strict=True)):
        log.restore(found.part(f"pair {i}"), stopped)
    keeper.found = replace(found, arrays={})  # the loop has its own, as long as it needs them
    return float(found.about["seconds"])


def _remarks(keeper: Keeper, facts: Mapping[str, Any]) -> list[str]:
    """Why a run may not be kept, and what may make one that has gone on differ from one that was never stopped."""
    remarks = [f"the state of the run could not be kept: {keeper.trouble}"] if keeper.trouble else []
    if keeper.found:
        words = {"device": "on another device", "precision": "in another precision"}
        words |= {"threads": "with another number of threads", "versions": "with other versions"}
        changed = [how for name, how in words.items() if keeper.found.about[name] != facts[name]]
        remarks += [f"begun {how}: the image may differ in details from that of an unbroken run" for how in changed]
    return remarks


class _Log:
    """What is kept of one pair's run: its history, snapshots, and the images that it may end with."""

    def __init__(self, start: np.ndarray):
        self.history = History()
        self.snapshots: dict[int, np.ndarray] = {}
        self.stopped: str | None = None
        self.image = start
        self.best: Step | np.ndarray = start
        self.last: Step | np.ndarray = start
        self.lowest, self.taken, self.settled = np.inf, 0, False

    def add(self, step: StepOrError, seconds: float, kept: set[int], first_steps: set[int]) -> None:
        if step is None:
            self.settled = True
        if self.stopped or step is None:
            return
        if isinstance(step, NotFiniteError):
            self.stopped, self.image = str(step), step.image
            self.taken = max(0, step.index - 2)  # the last step whose image had a finite loss
            return
        if step.index in first_steps:
            self.lowest = np.inf
        self.history.append(step, seconds)
        if step.loss < self.lowest:  # a step's loss belongs to the image that it started from
            self.lowest, self.best = step.loss, self.last
        self.last = step
        if step.index in kept:
            self.snapshots[step.index] = step.image

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything in it, except why it stopped."""
        best, last = ((each.index, each.image) if isinstance(each, Step) else (0, each) for each in (self.best, self.last))
        return {
            "history": np.array([[row[name] for name in COLUMNS] for row in self.history], float).reshape(-1, len(COLUMNS)),
            "numbers": np.array([self.lowest, self.taken, best[0], last[0]]),
            "best": best[1], "last": last[1], **({"image": self.image} if self.stopped else {}),
            **{f"snapshot.{step}": image for step, image in self.snapshots.items()},
        }  # fmt: skip

    def restore(self, arrays: Mapping[str, np.ndarray], stopped: str | None) -> None:
        """Bring back what `arrays` gave."""
        for step, seconds, total, *parts in arrays["history"].tolist():
            self.history.append(Step(int(step), total, dict(zip(COLUMNS[3:], parts, strict=True)), lambda: self.image), seconds)
        self.lowest, taken, *indices = arrays["numbers"].tolist()
        self.taken, self.stopped, self.image = int(taken), stopped, arrays.get("image", self.image)
        self.best, self.last = (
            Step(int(index), np.nan, {}, partial(arrays.__getitem__, name)) if index else arrays[name]
            for name, index in zip(("best", "last"), indices, strict=True)
        )
        self.snapshots = {int(name[9:]): image for name, image in arrays.items() if name.startswith("snapshot.")}

    def end(self, interrupted: bool) -> None:
        if self.stopped is None:
            chosen = self.best if interrupted else self.last
            self.image, self.taken = (chosen.image, chosen.index) if isinstance(chosen, Step) else (chosen, 0)
            if interrupted:
                self.stopped = f"stopped after {len(self.history)} steps: this is the best image so far"
        self.snapshots[len(self.history)] = self.image
