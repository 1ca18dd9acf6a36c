"""The warm process: it imports a framework once, and forks a child behind walls of its own for each answer.

    python -P -m stylelab.tools.classroom.sandbox.inside.serve FRAMEWORK CONTROL_FD USER ISOLATION
    python -P -m stylelab.tools.classroom.sandbox.inside.serve --try USER      why walls cannot be built here, if so

It never sees an answer or an input: each child has a channel of its own to the grader, which comes over the control socket
and goes to the child alone. What a child does to its memory is done to a copy.
"""

import importlib
import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial

from stylelab.tools.classroom.sandbox.inside import walls

MEMORY, PROCESSES = 2 * 2**30, 64  # of one process beyond what is warm already; of all processes and threads of an answer
TOTAL = 3 * 2**30  # of all processes together
WARM = {  # imported ahead; the frameworks import some of it only at first use, which takes seconds
    "both": (
        "stylelab.exercises.checking.call", "stylelab.exercises.checking.serialise", "stylelab.tools.classroom.sandbox.inside.slice", "stylelab.tools.classroom.sandbox.inside.form",
        "stylelab.tools.classroom.sandbox.inside.wire", "scipy.linalg",
    ),
    "torch": ("torch._dynamo",),  # the optimisers' steps
    "tensorflow": ("keras",),  # behind tf.keras
}  # fmt: skip
# namespaces for each child; or those of this process alone, which then serves one answer only; or none at all
WALLED, SHARED, BARE = "walled", "shared", "bare"
TRY = "--try"


def main(framework: str, control_fd: str, user: str, isolation: str) -> None:
    control = socket.socket(fileno=int(control_fd))
    if os.getuid() == 0 and int(user):
        walls.become(int(user))
    began = time.perf_counter()
    lab = _warm(framework)
    walls.hide()
    trouble = _try_walls() if isolation == WALLED else ""
    control.sendall(json.dumps({"trouble": trouble, "seconds": time.perf_counter() - began}).encode() + b"\n")
    while True:
        _, channels, _, _ = socket.recv_fds(control, 1, 1)
        if not channels:
            return  # the grader is gone
        (channel,) = channels
        child = _fork(partial(_behind_walls, lab, channel, isolation), keep=channel)
        os.close(channel)
        control.recv(1)  # the grader has what it wants, or waits no longer
        control.sendall(bytes([_end(child)]))


def _warm(framework: str):
    """All that an answer may need, imported; nothing computed, lest threads be started, which a fork would lose."""
    lab = importlib.import_module(f"stylelab.{framework}.exercises.lab").Lab()
    for name in (*WARM["both"], *WARM[framework]):
        importlib.import_module(name)
    return lab


def _try_walls() -> str:
    """Why children cannot be walled off here; empty when they can."""
    reader, writer = os.pipe()

    def build() -> int:
        try:
            return _inner(lambda: os.write(writer, b"*") - 1)
        except OSError as error:
            os.write(writer, str(error).encode())
            return 1

    child = _fork(build, keep=writer)
    os.close(writer)
    with open(reader) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    return "" if said == "*" else said or "namespaces cannot be nested here"


def _fork(work, *, keep: int) -> int:
    """A child that does `work` and has no other file open than standard streams that lead nowhere, and `keep`."""
    child = os.fork()
    if not child:
        _guarded(lambda: _alone(work, keep))
    return child


def _alone(work, keep: int) -> int:
    nowhere = os.open("/dev/null", os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.closerange(3, keep)
    os.closerange(keep + 1, 4096)
    return work() or 0


def _behind_walls(lab, channel: int, isolation: str) -> int:
    if isolation != WALLED:
        os.setsid()
        walls.limit(MEMORY, PROCESSES if isolation == SHARED else None)  # else the user is not this answer's own
        if isolation == SHARED:
            walls.silence()
        return _answer(lab, channel)
    return _inner(lambda: _answer(lab, channel))


def _inner(work) -> int:
    """Do `work` in namespaces of its own; returns the watchman's exit status."""
    walls.separate()
    first = os.fork()
    if not first:
        _guarded(lambda: _first(work))
    signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGKILL))
    os.closerange(3, 4096)
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 0x7F


def _first(work) -> int:
    """The first process of a new namespace: it furnishes, watches, and takes all others with it when it leaves."""
    walls.die_with_parent()
    walls.furnish()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    student = os.fork()
    if not student:
        _guarded(lambda: _confined(work))
    os.closerange(3, 4096)
    return walls.watch(student, TOTAL, PROCESSES)


def _confined(work) -> int:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    walls.limit(MEMORY, PROCESSES)
    walls.silence()
    return work() or 0


def _guarded(work) -> None:
    """End this process with the status that `work` returns, or 1, without going back to where it was forked."""
    status = 1
    try:
        status = work()
    finally:
        os._exit(status)


def _end(child: int) -> int:
    """End a child that still runs, and say how it ended: the watchman's status tells even when we were quicker."""
    status = 0
    for _ in range(20):  # it may be on its way out, with a status that says why
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.001)
    else:
        os.kill(child, signal.SIGTERM)
    with suppress(ProcessLookupError, PermissionError):  # without walls: all that has stayed in its session
        os.killpg(child, signal.SIGKILL)
    if not ended:
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) & 0x7F


def _answer(lab, channel: int) -> int:
    """Hold one conversation with the grader: the cells, what came of loading them, then inputs and answers by turns."""
    from stylelab.exercises.checking.call import ask
    from stylelab.exercises.checking.definition import Exercise
    from stylelab.exercises.checking.serialise import pack_answer, unpack
    from stylelab.tools.classroom.sandbox.inside import form, wire
    from stylelab.tools.classroom.sandbox.inside import slice as cells

    grader = socket.socket(fileno=channel)
    job, _ = wire.receive(grader)
    exercise = Exercise(**job["exercise"], cases=None, reference=None, mistakes=(), properties=())
    wire.send(grader, {"form": form.canonical(job["cells"][job["answer"]])})
    loaded = cells.load(job["cells"], job["answer"], exercise.id, job["given"])
    wire.send(grader, {"trouble": loaded.trouble, "loaded": loaded.function is not None})
    while True:
        try:
            plain, arrays = wire.receive(grader)
        except EOFError:
            return 0
        packed, rest = pack_answer(ask(exercise, loaded.function, lab, unpack(arrays, plain)))
        wire.send(grader, rest, packed)


def try_walls(user: str) -> None:
    """Print why children cannot be walled off here; nothing when they can."""
    if os.getuid() == 0 and int(user):
        walls.become(int(user))
    print(_try_walls())


if __name__ == "__main__":
    try_walls(sys.argv[2]) if sys.argv[1] == TRY else main(*sys.argv[1:])
