"""Submissions handed out to Dask workers, and their marks taken back. One that brings its worker down costs nobody else."""

import os
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from stylelab.base.files import error_text, printable
from stylelab.errors import MachineError, StylelabError
from stylelab.tools.classroom.marking.mark import Boxes, mark, unmarkable
from stylelab.tools.classroom.marking.model import Mark, Submission
from stylelab.tools.classroom.marking.version import kit

DEATHS = 2  # of workers under one submission, then it is given up
PATIENCE = 120  # seconds for a worker to come when all are gone
LOOK_EVERY = 5  # seconds between two looks at who is there
GO_ON = "what is marked is kept, and the same command goes on from here"


class Outcome(NamedTuple):
    """What came of one submission. `lasting` is False where the machine is at fault: the next run tries again."""

    key: str
    mark: Mark
    lasting: bool


class Died(Exception):
    """So many workers died, with this submission on them."""

    def __init__(self, deaths: int):
        self.deaths = deaths


def work_off(client, submissions: Mapping[str, Submission], terms: Mapping) -> Iterator[Outcome]:
    """Mark all of them, side by side, each outcome as it is known.

    A worker's death may have been the doing of any submission that it held. So all of those are tried again at the end,
    each alone with the workers: whoever dies then is to blame for it.

    Args:
        client: of Dask.
        submissions: key -> submission.
        terms: what `mark_one` needs beside the submission.

    Raises:
        MachineError: no workers, no scheduler any more, or a worker that has no sandbox, lacks a package or has another kit.
    """
    deaths: dict[str, int] = {}
    for key, came in _side_by_side(client, submissions, terms, submissions):
        if isinstance(came, Died):
            deaths[key] = came.deaths
        else:
            yield _outcome(key, came, submissions[key])
    for key in deaths:
        yield _alone(client, key, submissions, terms, deaths[key])


def _alone(client, key: str, submissions: Mapping[str, Submission], terms: Mapping, deaths: int) -> Outcome:
    while True:
        ((_, came),) = _side_by_side(client, submissions, terms, [key])
        if not isinstance(came, Died):
            return _outcome(key, came, submissions[key])
        deaths += came.deaths
        if deaths >= DEATHS:
            return Outcome(key, unmarkable(submissions[key], f"its worker died {deaths} times"), False)


def _outcome(key: str, came: "Mark | Exception", submission: Submission) -> Outcome:
    if isinstance(came, Mark):
        return Outcome(key, came, True)
    why = str(came) if isinstance(came, StylelabError) else f"the worker failed: {type(came).__name__}: {error_text(came)}"
    return Outcome(key, unmarkable(submission, why), False)


def _side_by_side(
    client, submissions: Mapping[str, Submission], terms: Mapping, keys: Iterable[str]
) -> "Iterator[tuple[str, Mark | Exception]]":
    """Hand out as many tasks as there are workers: a task that waits on a worker would share the blame for its death."""
    running, queue = {}, iter(keys)
    while True:
        with _in_touch():
            room = max(1, sum(client.nthreads().values())) - len(running)
        while room > 0 and (key := next(queue, None)) is not None:
            try:
                task = {**terms, "submission": _whole(submissions[key])}
            except StylelabError as error:
                yield key, error
                continue
            with _in_touch():
                running[client.submit(mark_one, task, pure=False)] = key
            room -= 1
        if not running:
            return
        for future in _finished(client, running):
            came = _received(future)
            future.release()  # else it is marked once more when the worker that marked it dies
            yield running.pop(future), came


def _whole(submission: Submission) -> Submission:
    """With its bytes: the worker may be on another machine."""
    return replace(submission, data=b"" if submission.trouble else submission.read())


def _finished(client, running: Iterable) -> list:
    from distributed import wait

    alone = 0.0  # seconds without a worker
    while alone < PATIENCE:
        with _in_touch(), client.as_current():
            try:
                return list(wait(list(running), timeout=LOOK_EVERY, return_when="FIRST_COMPLETED").done)
            except TimeoutError:
                alone = 0.0 if client.nthreads() else alone + LOOK_EVERY
    raise MachineError(f"all workers are gone, and none came back within {PATIENCE} seconds: {GO_ON}")


@contextmanager
def _in_touch() -> Iterator[None]:
    """A scheduler that is gone takes all that was handed out with it; nobody's mark is lost for that."""
    try:
        yield
    except (OSError, CancelledError) as error:
        raise MachineError(f"the Dask scheduler is gone ({error_text(error)}): {GO_ON}") from None


def _received(future) -> "Mark | Exception":
    try:
        answer = future.result()
    except CancelledError:
        raise MachineError(f"the Dask scheduler is gone: {GO_ON}") from None
    except ImportError as error:
        raise MachineError(
            f"a worker lacks a package ({error_text(error)}): install the same stylelab on every machine"
        ) from None
    except Exception as error:  # noqa: BLE001  whatever happened over there, the others go on
        if type(error).__name__ == "KilledWorker":
            return Died(1 + getattr(error, "allowed_failures", 0))
        return error
    if "machine" in answer:
        elsewhere = answer["host"] != socket.gethostname()
        raise MachineError(answer["machine"] + (f" (on {printable(answer['host'])})" if elsewhere else ""))
    return Mark.from_json(answer["mark"])


_OWN = threading.local()  # each thread of a worker has warm processes of its own


def mark_one(task: Mapping) -> dict:
    """What a worker does: one submission. Its warm processes stay for the next one, and end with the worker.

    Args:
        task: the submission with its bytes, and the terms: kind of sandbox, seed, limits, kit.

    Returns:
        Its mark as plain data and the worker's process; or what its machine lacks.
    """
    try:
        if task["kit"] != kit():  # which needs the lessons: where there are none, that is the machine's fault too
            raise MachineError("a worker has another version of stylelab: install the same on every machine")
        given = mark(task["submission"], _boxes(task["kind"]), task["seed"], task["limits"])
    except StylelabError as error:  # nothing that a student hands in raises one
        return {"machine": str(error), "host": socket.gethostname()}
    return {"mark": given.to_json(), "worker": os.getpid()}


def _boxes(kind: str) -> Boxes:
    own = getattr(_OWN, "boxes", None)
    if own is not None and own.kind != kind:
        own.__exit__()
    if own is None or own.kind != kind:
        _OWN.boxes = own = Boxes(kind)
    return own
