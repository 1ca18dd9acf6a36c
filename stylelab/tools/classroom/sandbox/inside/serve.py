"""The warm process: it imports a framework once, and forks an isolated child for each answer.

    python -P -m stylelab.tools.classroom.sandbox.inside.serve FRAMEWORK CONTROL_FD USER ISOLATION
    python -P -m stylelab.tools.classroom.sandbox.inside.serve --try USER      print why children cannot be isolated here

It never sees an answer or an input: each child has its own channel to the grader, which arrives over the control socket and
is passed to the child alone. A child works on a copy of this process's memory.
"""

import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from functools import partial, wraps
from typing import Any

import numpy as np

from stylelab.tools.classroom.sandbox.inside import isolation, wire

PATIENCE = 2.0  # seconds in which a process that has closed its channel can end
MEMORY, THREADS = 2 * 2**30, 64  # bytes of an answer's process beyond the warm one's; its threads
WARM_IMPORTS = {  # imported in advance; the frameworks import some of it only at first use, which takes seconds
    "all": (
        "stylelab.exercises.checking.call", "stylelab.exercises.checking.serialise",
        *(f"stylelab.tools.classroom.sandbox.inside.{name}" for name in ("slice", "form")), "scipy.linalg",
        "IPython.core.interactiveshell", "matplotlib.pyplot", "PIL.Image",
    ),
    "torch": ("torch._dynamo",),  # for the optimisers' steps
    "tensorflow": ("keras",),  # behind tf.keras
    "numpy": (),
}  # fmt: skip
LABS = {"numpy": "stylelab.exercises.checking.plain"}
# namespaces for each child; or only for this process, which then serves a single answer; or none
NESTED, FRESH, UNPROTECTED = "nested", "fresh", "unprotected"


def main(framework: str, control_fd: str, user: str, mode: str) -> None:
    """Import the framework, send a greeting, then serve answers until the grader closes the control socket."""
    control = socket.socket(fileno=int(control_fd))
    if select.select([control], [], [], 0)[0] and not control.recv(1, socket.MSG_PEEK):
        return  # the grader is gone already: too early for bubblewrap, which otherwise ends with it
    if os.getuid() == 0 and int(user):
        isolation.switch_user(int(user), mounts_proc=mode == NESTED)
    began = time.perf_counter()
    lab = importlib.import_module(LABS.get(framework, f"stylelab.{framework}.exercises.lab")).Lab()
    for name in (*WARM_IMPORTS["all"], *WARM_IMPORTS[framework]):
        importlib.import_module(name)  # but compute nothing: it might start threads, which a fork loses
    _draw_nothing()
    if framework == "tensorflow":
        _compile_nothing()
    isolation.hide_memory()
    trouble = nesting_trouble() if mode == NESTED else ""
    control.sendall(json.dumps({"trouble": trouble, "seconds": time.perf_counter() - began}).encode() + b"\n")
    while True:
        message, channels, _, _ = socket.recv_fds(control, wire.LIMIT.size, 1)
        if not channels:
            return  # the grader is gone
        (channel,), (seconds,) = channels, wire.LIMIT.unpack(message)
        child = _fork(partial(_run_isolated, lab, channel, mode, seconds), keep=channel)
        os.close(channel)
        control.sendall(bytes([_accompany(control, child, mode)]))


def _draw_nothing() -> None:
    """Let answers make figures, but draw none of them: nobody would see it, and it takes a tenth of a second each."""
    from matplotlib import figure, pyplot

    for name in ("draw", "tight_layout"):
        setattr(figure.Figure, name, lambda *_, **__: None)
    setattr(figure.Figure, "get_tightbbox", lambda drawn, *_, **__: drawn.bbox_inches)  # noqa: B010  mypy
    pyplot.show = lambda *_, **__: pyplot.close("all")  # as in a notebook


def _compile_nothing() -> None:
    """Let answers make graphs, but compile none: it takes seconds, and a loss that the grader evaluates cannot be compiled."""
    import tensorflow as tf

    make_graph = tf.function

    @wraps(make_graph)
    def function(*arguments, jit_compile=None, **named):
        return make_graph(*arguments, **named)

    tf.function = function


def nesting_trouble() -> str:
    """Why children cannot be isolated here; empty if they can."""
    reader, writer = os.pipe()

    def build() -> int:
        try:
            return _run_in_namespaces(lambda: os.write(writer, b"*") - 1, 60)
        except OSError as error:
            os.write(writer, str(error).encode())
            return 1

    child = _fork(build, keep=writer)
    os.close(writer)
    with open(reader) as stream:
        message = stream.read()
    os.waitpid(child, 0)
    return "" if message == "*" else message or "namespaces cannot be nested here"


def _fork(work, *, keep: int) -> int:
    """Fork a child that does `work` with no open file but `keep` and standard streams to /dev/null."""
    child = os.fork()
    if not child:
        _run_and_exit(partial(_close_files_and_run, work, keep))
    return child


def _close_files_and_run(work, keep: int) -> int:
    os.setsid()  # signals and priorities for a process group or a session must not reach the warm process
    null = os.open("/dev/null", os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.closerange(3, keep)
    os.closerange(keep + 1, 4096)
    return work() or 0


def _run_and_exit(work) -> None:
    """End this process with the status that `work` returns, or 1, without returning to the code that forked it."""
    status = 1
    try:
        status = work()
    finally:
        os._exit(status)


def _run_isolated(lab, channel: int, mode: str, seconds: float) -> int:
    if mode == NESTED:
        return _run_in_namespaces(lambda: _answer(lab, channel), seconds)
    isolation.set_limits(MEMORY, THREADS if mode == FRESH else None, seconds)  # unprotected, the user has other processes
    if mode == FRESH:
        isolation.refuse_system_calls()
    return _answer(lab, channel)


def _run_in_namespaces(work, seconds: float) -> int:
    """Do `work` in new namespaces, two processes further down; returns the exit status of the process in between."""

    def run_first_process() -> int:
        """The first process of the namespace: it sets it up and waits for the student's; when it ends, so does all in it."""
        isolation.die_with_parent()
        isolation.set_up_namespace()
        student = os.fork()
        if not student:
            _run_and_exit(run_student)
        os.closerange(3, 4096)
        return _exit_status(os.waitpid(student, 0)[1], 127)

    def run_student() -> int:
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        isolation.set_limits(MEMORY, THREADS, seconds)
        isolation.refuse_system_calls()
        return work() or 0

    isolation.enter_namespaces()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    first = os.fork()
    if not first:
        _run_and_exit(run_first_process)
    os.closerange(3, 4096)
    if signal.sigwait({signal.SIGTERM, signal.SIGCHLD}) == signal.SIGTERM:
        os.kill(first, signal.SIGKILL)
    return _exit_status(os.waitpid(first, 0)[1])


def _exit_status(status: int, most: int = 255) -> int:
    """How a process ended, in a byte: 128 and the number of the signal, or else its own exit status, `most` at most."""
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else min(code, most)


def _accompany(control: socket.socket, child: int, mode: str) -> int:
    """Measure the child's time and report it when the grader asks, until the grader wants an end; returns its exit status."""
    measured = isolation.Usage(child if mode == UNPROTECTED else None)
    while True:
        if not select.select([control], [], [], measured.pause())[0]:
            measured.sample()
            continue
        command = control.recv(1)
        if command == wire.USAGE:
            measured.sample()
            control.sendall(wire.REPORT.pack(measured.computed, measured.active, measured.asleep))
        else:
            return _end(child, mode, PATIENCE if command == wire.ENDED else 0.02)


def _end(child: int, mode: str, patience: float) -> int:
    """Give a child some seconds to end by itself, with a status that tells the reason, then end it; returns the status or 0."""
    until = time.monotonic() + patience
    while not (found := os.waitpid(child, os.WNOHANG))[0] and time.monotonic() < until:
        time.sleep(0.001)
    if not found[0]:
        os.kill(child, signal.SIGTERM if mode == NESTED else signal.SIGKILL)
        os.waitpid(child, 0)
    if mode == UNPROTECTED:
        with suppress(ProcessLookupError, PermissionError):  # everything that stayed in its session
            os.killpg(child, signal.SIGKILL)
    return _exit_status(found[1], 255 if mode == NESTED else 127)


def _answer(lab, channel: int) -> int:
    """Receive the cells, report whether they load, then call the answer whenever the grader asks.

    While an answer runs, the frames above it know the arguments of this one call: not what they are for, nor what comes next.
    """
    from stylelab.exercises.checking.call import Respondent
    from stylelab.exercises.checking.serialise import pack_reply, unpack

    grader = socket.socket(fileno=channel)
    exercise, function = _load(grader)
    respondent = Respondent(exercise, function, lab, partial(_evaluate, grader, threading.Lock()))
    with suppress(EOFError):
        while True:
            plain, arrays = wire.receive(grader)
            ((what, arguments),) = unpack(arrays, plain).items()
            packed, rest = pack_reply(getattr(respondent, what)(**arguments))
            wire.send(grader, rest, packed)
    return 0


def _load(grader: socket.socket):
    """The exercise, without anything that decides, and the answer's function."""
    from stylelab.exercises.checking.definition import Exercise
    from stylelab.tools.classroom.sandbox.inside import form
    from stylelab.tools.classroom.sandbox.inside.slice import become_notebook, load

    job, _ = wire.receive(grader)
    unknown: dict[str, Any] = dict(cases=None, reference=None, mistakes=(), properties=())  # only the grader knows these
    exercise = Exercise(**job["exercise"], **unknown)
    wire.send(grader, {"form": form.canonical(job["cells"][job["answer"]])})
    random.seed(0)  # an answer that draws at random fails alike in every run
    np.random.seed(0)
    loaded = load(job["cells"], job["answer"], exercise.id, job["given"], become_notebook(), job["until"])
    wire.send(grader, {"trouble": loaded.trouble, "loaded": loaded.function is not None})
    return exercise, loaded.function


def _evaluate(grader: socket.socket, lock, *images):
    """Ask the grader for the value of this call's loss, and for its gradient with respect to each image."""
    from stylelab.exercises.checking.serialise import pack, unpack

    packed, rest = pack({"images": images})
    with lock:  # an answer may use threads
        wire.send(grader, rest, packed)
        plain, arrays = wire.receive(grader)
    found = unpack(arrays, plain)
    if "trouble" in found:
        raise ValueError(found["trouble"])
    return found["slopes"]


def try_isolation(user: str) -> None:
    """Print why children cannot be isolated here; nothing if they can."""
    if os.getuid() == 0 and int(user):
        isolation.switch_user(int(user), mounts_proc=True)
    print(nesting_trouble())


if __name__ == "__main__":
    try_isolation(sys.argv[2]) if sys.argv[1] == "--try" else main(*sys.argv[1:])
