"""How a sandbox starts, falls back, crashes and ends. What happens inside is in test_attacks.py."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from submitting import HONEST, IMPORTS, LAZY, SEED, mark_answer, needs_bubblewrap, notebook

from stylelab.errors import InputError, MachineError
from stylelab.tools.classroom.marking import mark as marking
from stylelab.tools.classroom.marking.mark import Sandboxes
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.sandbox import sandbox as sandbox_module
from stylelab.tools.classroom.sandbox.sandbox import Limits, Sandbox

ENDS = "def gram_matrix(activation):\n    import os\n    os.kill(os.getpid(), 9)\n"


def children(process: int) -> list[psutil.Process]:
    """All processes that a process has started."""
    return psutil.Process(process).children(recursive=True)


ALONE = "def gram_matrix(activation):\n    import os\n    raise ValueError(os.getsid(0) == os.getpgrp() == os.getpid())\n"  # in its session


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether all of them end within ten seconds."""
    return not psutil.wait_procs(processes, timeout=10)[1]


@pytest.mark.slow
@needs_bubblewrap
def test_without_nested_namespaces_each_answer_gets_a_fresh_process(framework):
    with Sandboxes() as sandboxes:
        sandboxes.running[framework] = sandbox = Sandbox(framework, isolation="fresh")
        processes = [psutil.Process(sandbox.process), *children(sandbox.process)]
        first = mark_answer(sandboxes, framework, f"import builtins\nbuiltins.left = 1\n{HONEST[framework]}")
        assert first.stage == "right", first.reason
        assert len(processes) > 1 and all_gone(processes)
        look = "def gram_matrix(activation):\n    import builtins\n    raise ValueError(hasattr(builtins, 'left'))\n"
        assert "ValueError: False" in mark_answer(sandboxes, framework, look).reason
        assert "ValueError: True" in mark_answer(sandboxes, framework, ALONE).reason


def test_without_a_sandbox_marks_are_the_same(framework, patient):
    before = children(os.getpid())  # other tests of this process may have left a helper of Python's own
    with Sandboxes("none") as sandboxes:
        assert mark_answer(sandboxes, framework, HONEST[framework]).stage == "right"
        assert mark_answer(sandboxes, framework, LAZY).earned == 0
        assert "ValueError: True" in mark_answer(sandboxes, framework, ALONE).reason
        late = mark_answer(sandboxes, framework, "def gram_matrix(activation):\n    while True:\n        pass\n", seconds=1)
        assert late.stage == "time"
        processes = [each for each in children(os.getpid()) if each not in before]
    assert processes and all_gone(processes)


@needs_bubblewrap
@pytest.mark.parametrize(
    "error", [ZeroDivisionError("by zero"), ValueError("no such case"), KeyError("flat"), MemoryError()], ids=repr
)
def test_a_fault_in_our_own_judging_is_not_graded_and_says_what_to_report(sandboxes, framework, monkeypatch, error):
    def judge(*_):
        raise error

    monkeypatch.setattr(marking, "judge_draws", judge)
    result = mark_answer(sandboxes, framework, HONEST[framework])
    assert (result.stage, result.graded) == ("not graded", False)
    assert re.fullmatch(
        rf"The grader has a fault: {type(error).__name__}: .* \(test_sandbox.py, line \d+\). Please report it\.", result.reason
    )
    monkeypatch.undo()
    assert mark_answer(sandboxes, framework, ENDS).stage == "memory"  # that is the answer's own doing


@pytest.mark.slow
@needs_bubblewrap
def test_answers_without_an_end_have_half_as_long_each_time(sandboxes, framework, patient):
    endless = {name: f"def {name}(*given):\n    while True:\n        pass\n" for name in ("gram_matrix", "style_layer_loss")}
    honest = library_source(framework, "style_loss")
    cells = {1: "gram_matrix", 2: "style_layer_loss", 3: "style_loss"}
    data = notebook([IMPORTS[framework], *endless.values(), honest], framework, cells)
    marks = marking.mark(Submission("Mallory", "x.ipynb", data), sandboxes, SEED, Limits(4)).exercises
    said = [(each.stage, re.findall(r"[\d.]+ seconds", each.reason)) for each in marks]
    assert said == [("time", ["4 seconds"]), ("time", ["2 seconds"]), ("right", [])]


@needs_bubblewrap
def test_a_child_that_ends_before_anything_of_the_answer_ran_is_not_graded(sandboxes, framework, monkeypatch):
    monkeypatch.setattr(sandbox_module.wire, "send", lambda channel, *_, **__: channel._socket.shutdown(socket.SHUT_RDWR))
    result = mark_answer(sandboxes, framework, HONEST[framework])
    assert (result.stage, result.reason) == ("not graded", "Its sandbox crashed twice.")
    monkeypatch.undo()
    assert mark_answer(sandboxes, framework, HONEST[framework]).stage == "right"


@needs_bubblewrap
def test_an_answer_that_ends_when_the_kernel_frees_memory_is_not_blamed(sandboxes, framework, monkeypatch):
    counts = iter(range(10))
    monkeypatch.setattr(marking, "_count_kills_for_memory", lambda: next(counts))
    result = mark_answer(sandboxes, framework, ENDS)
    assert (result.stage, result.graded) == ("starved", False) and "too little memory" in result.reason
    assert framework not in sandboxes.running  # the next answer gets a fresh one


@needs_bubblewrap
def test_a_killed_sandbox_is_replaced_and_the_answer_runs_again(sandboxes, framework):
    sandbox = sandboxes.get(framework)
    processes = [psutil.Process(sandbox.process), *children(sandbox.process)]
    os.killpg(sandbox.process, signal.SIGKILL)
    assert all_gone(processes)
    assert mark_answer(sandboxes, framework, HONEST[framework]).stage == "right"
    assert sandboxes.get(framework) is not sandbox


@needs_bubblewrap
def test_no_process_is_left_when_the_grader_is_killed_while_an_answer_runs(framework):
    reader, writer = os.pipe()
    grader = os.fork()
    if not grader:
        try:
            sandbox = Sandbox(framework)
            job = {"exercise": {}, "cells": ["while True: pass"], "answer": 0, "given": {}}
            sandbox.open(job, seconds=60)
            os.write(writer, f"{sandbox.process}\n".encode())
            time.sleep(100)
        finally:
            os._exit(1)
    with os.fdopen(reader) as stream:
        processes = [psutil.Process(number := int(stream.readline())), *children(number)]
    os.close(writer)
    os.kill(grader, signal.SIGKILL)
    os.waitpid(grader, 0)
    assert len(processes) > 1 and all_gone(processes)


def test_a_process_that_starts_when_the_grader_is_gone_ends_before_it_imports_anything():
    ours, theirs = socket.socketpair()
    serve = "stylelab.tools.classroom.sandbox.inside.serve"
    command = [sys.executable, "-P", "-m", serve, "no_framework", str(theirs.fileno()), "0", "unprotected"]
    for gone in (False, True):
        if gone:
            ours.close()
        done = subprocess.run(command, pass_fds=[theirs.fileno()], capture_output=True, text=True, timeout=60)
        assert ("no_framework" in done.stderr, done.returncode) == ((False, 0) if gone else (True, 1))
    theirs.close()


def test_a_trial_that_is_interrupted_leaves_no_process(monkeypatch, tmp_path):
    # bubblewrap's child waits for it, and hears no SIGINT: it ends only if it is killed
    script = """import os, signal, sys, time
if not os.fork():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    open(sys.argv[1], "w").write(f"{os.getpid()} {os.getsid(0)}")
time.sleep(20)
open(sys.argv[1] + "-awake", "w")"""
    note = tmp_path / "child"
    monkeypatch.setattr(sandbox_module, "bubblewrap_command", lambda *_: [sys.executable, "-c", script, str(note)])
    monkeypatch.setattr(sandbox_module, "TRIAL", 2)
    assert "timed out" in sandbox_module.isolation_trouble()
    child, session = map(int, note.read_text().split())
    assert session != os.getsid(0)
    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(child).status() == psutil.STATUS_ZOMBIE
    assert not (tmp_path / "child-awake").exists()  # it was ended, and did not end by itself


def test_a_missing_bubblewrap_is_one_line_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for refuse in (lambda: sandbox_module.check_sandbox("bwrap"), lambda: Sandbox("torch")):
        with pytest.raises(MachineError, match="bubblewrap is missing: install it .*--sandbox none") as raised:
            refuse()
        assert raised.value.exit_status == 2 and "\n" not in str(raised.value)
    sandbox_module.check_sandbox("none")
    with pytest.raises(InputError, match="choose bwrap or none"):
        sandbox_module.check_sandbox("docker")


def test_a_framework_that_cannot_be_imported_is_a_machine_error(monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ModuleNotFoundError: No module named tensorflow' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("STYLELAB_TENSORFLOW_PYTHON", str(broken))
    with pytest.raises(MachineError, match="sandbox for tensorflow does not start: ModuleNotFoundError"):
        Sandbox("tensorflow", "none")


def test_no_copied_file_contains_an_answer():
    knowing = {"losses.py", "answers.py", "check.py", "judging.py", "image.py", "style.py", "colours.py", "measures.py"}
    assert not {Path(name).name for name in sandbox_module.KIT} & knowing
    for outside in sandbox_module.KIT.values():
        text = (sandbox_module.PACKAGE / outside).read_text()
        assert "reference=" not in text.replace("reference=None", "")
        assert "def gram_matrix" not in text


def test_bubblewrap_binds_only_the_system_and_this_python(monkeypatch):
    monkeypatch.setattr(sandbox_module.sys, "prefix", "/home/me/kit/.venv")
    monkeypatch.setattr(sandbox_module.os.path, "exists", lambda path: True)
    command = sandbox_module.bubblewrap_command("/home/me/kit/.venv/bin/python", 0)
    bound = [command[index + 1] for index, word in enumerate(command) if word == "--ro-bind"]
    ours = [path for path in bound if not path.startswith(str(sandbox_module.PACKAGE))]
    assert "/home/me/kit/.venv" in ours and "/home/me" not in ours and "/home" not in ours
    assert not any(word in ("--bind", "--dev-bind", "--share-net") for word in command)
    assert {"--unshare-net", "--unshare-pid", "--unshare-user", "--die-with-parent", "--clearenv"} <= set(command)
