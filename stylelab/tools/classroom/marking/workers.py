"""Distribute submissions to Dask workers and collect their marks. A submission that crashes its worker affects no other."""

import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from stylelab.base.course import work_on
from stylelab.base.files import error_text, printable
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.tools.classroom.marking.mark import Sandboxes, mark, not_graded, unmarkable
from stylelab.tools.classroom.marking.model import ExerciseMark, Mark, Submission
from stylelab.tools.classroom.marking.version import grader_digest

MOST_CRASHES = 2  # of workers with the same submission, after which it is given up
PATIENCE = 120  # seconds to wait for a worker when all are gone
POLL_SECONDS = 5
RESUME = "finished marks are kept; run the same command again to resume"


class Outcome(NamedTuple):
    """The mark of one submission. `final` is False if something was not graded or not read: the next run tries again."""

    key: str
    mark: Mark
    final: bool


class WorkerCrashed(Exception):
    """Workers crashed while they held this submission."""

    def __init__(self, count: int):
        self.count = count


def mark_all(client, submissions: Mapping[str, Submission], conditions: Mapping) -> Iterator[Outcome]:
    """Mark all submissions in parallel and yield each outcome as it arrives.

    Whatever was not graded for a reason that is not the student's is run again at the end, alone: an answer that lacked time
    or memory on a busy machine, and everything that a crashed worker held. A worker that crashes then leaves no doubt.

    Args:
        client: a Dask client.
        submissions: key -> submission.
        conditions: what `mark_one` needs apart from the submission.

    Raises:
        MachineError: no workers, the scheduler is gone, or a worker has no sandbox, lacks a package or has another version.
    """
    again: dict[str, Mark | Exception] = {}
    for key, result in _run_in_parallel(client, submissions, conditions, submissions):
        if isinstance(result, Mark) and result.graded:
            yield Outcome(key, result, True)
        else:
            again[key] = result
    for key, first in again.items():
        results, crashes = [first], _crashes(first)
        while len(results) == 1 or (isinstance(results[-1], WorkerCrashed) and crashes < MOST_CRASHES):
            ((_, result),) = _run_in_parallel(client, submissions, conditions, [key])
            results.append(result)
            crashes += _crashes(result)
        yield _outcome(key, results, submissions[key])


def _crashes(result: Mark | Exception) -> int:
    return result.count if isinstance(result, WorkerCrashed) else 0


def _outcome(key: str, results: Sequence[Mark | Exception], submission: Submission) -> Outcome:
    """The outcome of a submission that was run several times: each exercise counts as it was graded last."""
    if marks := [result for result in results if isinstance(result, Mark)]:
        exercises = dict[str, ExerciseMark]()
        for exercise in (exercise for mark in marks for exercise in mark.exercises):
            if exercise.graded or exercise.exercise not in exercises:
                stage = exercise.stage if exercise.graded else "not graded"
                exercises[exercise.exercise] = replace(exercise, stage=stage)
        mark = replace(marks[-1], exercises=tuple(exercises.values()))
        return Outcome(key, mark, mark.graded)
    error = results[-1]
    assert isinstance(error, Exception)
    if isinstance(error, InputError):
        return Outcome(key, unmarkable(submission, str(error)), False)
    if isinstance(error, WorkerCrashed):
        why = f"Its worker crashed {sum(map(_crashes, results))} times."
    elif isinstance(error, StylelabError):
        why = str(error)
    else:
        why = f"Its worker failed: {type(error).__name__}: {error_text(error)}"
    return Outcome(key, not_graded(submission, why), False)


def _run_in_parallel(
    client, submissions: Mapping[str, Submission], conditions: Mapping, keys: Iterable[str]
) -> Iterator[tuple[str, Mark | Exception]]:
    """Submit only as many tasks as there are workers: a task that waits on a worker would be blamed for its crash too."""
    running: dict[Any, str] = {}  # future -> key
    queue = iter(keys)
    while True:
        with _scheduler_errors():
            room = max(1, sum(client.nthreads().values())) - len(running)
        while room > 0 and (key := next(queue, None)) is not None:
            submission = submissions[key]
            try:  # with its bytes: the worker may be on another machine
                submission = replace(submission, data=b"" if submission.trouble else submission.read())
            except StylelabError as error:
                yield key, error
                continue
            with _scheduler_errors():
                running[client.submit(mark_one, {**conditions, "submission": submission}, pure=False)] = key
            room -= 1
        if not running:
            return
        for future in _wait_for_some(client, running):
            result = _read_result(future)
            future.release()  # otherwise it is marked again if the worker that marked it crashes
            yield running.pop(future), result


def _wait_for_some(client, running: Iterable) -> list:
    from distributed import wait

    without_workers = 0.0  # seconds
    while without_workers < PATIENCE:
        with _scheduler_errors(), client.as_current():
            try:
                return list(wait(list(running), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED").done)
            except TimeoutError:
                without_workers = 0.0 if client.nthreads() else without_workers + POLL_SECONDS
    raise MachineError(f"all workers are gone, and none came back within {PATIENCE} seconds: {RESUME}")


@contextmanager
def _scheduler_errors() -> Iterator[None]:
    """Report a scheduler that is gone: all tasks are lost with it, but no marks."""
    try:
        yield
    except (OSError, CancelledError) as error:
        raise MachineError(f"the Dask scheduler is gone ({error_text(error)}): {RESUME}") from None


def _read_result(future) -> Mark | Exception:
    try:
        answer = future.result()
    except CancelledError:
        raise MachineError(f"the Dask scheduler is gone: {RESUME}") from None
    except ImportError as error:
        raise MachineError(
            f"a worker lacks a package ({error_text(error)}): install the same stylelab on every machine"
        ) from None
    except Exception as error:  # noqa: BLE001  whatever failed there, the other submissions continue
        if type(error).__name__ == "KilledWorker":
            return WorkerCrashed(1 + getattr(error, "allowed_failures", 0))
        return error
    if "machine" in answer:
        elsewhere = answer["host"] != socket.gethostname()
        raise MachineError(answer["machine"] + (f" (on {printable(answer['host'])})" if elsewhere else ""))
    return Mark.from_json(answer["mark"])


_thread = threading.local()  # each thread of a worker has its own sandboxes


def mark_one(task: Mapping) -> dict:
    """Mark one submission on a worker. The worker's sandboxes stay warm for the next one and end with the worker.

    Args:
        task: the submission with its bytes, and the conditions: kind of sandbox, seed, limits, course, version of the grader.

    Returns:
        The mark as plain data and the worker's process id; or what its machine lacks.
    """
    try:
        work_on(task.get("course"))
        if task["kit"] != grader_digest():  # raises where there are no lessons, which is the machine's fault too
            raise MachineError("a worker has another version of stylelab: install the same on every machine")
        sandboxes = _sandboxes_of_thread(task["kind"])
        result = mark(task["submission"], sandboxes, task["seed"], task["limits"])
    except StylelabError as error:  # nothing that a student submits raises one
        return {"machine": str(error), "host": socket.gethostname()}
    return {"mark": result.to_json(), "worker": os.getpid()}


def _sandboxes_of_thread(kind: str) -> Sandboxes:
    current = getattr(_thread, "sandboxes", None)
    if current is not None and current.kind != kind:
        current.__exit__()
        current = None
    if current is None:
        _thread.sandboxes = current = Sandboxes(kind)
    return current
