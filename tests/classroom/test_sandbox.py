"""The sandbox's own life: how it starts, falls back, is lost and ends. What goes on inside is in test_attacks.py."""

import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest
import test_attacks as attacks

from stylelab.errors import InputError, MachineError
from stylelab.tools.classroom.marking.mark import Sandboxes, mark
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.sandbox import sandbox
from stylelab.tools.classroom.sandbox.sandbox import Limits, Sandbox

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed (.ci/run installs it)")


def graded(boxes: Sandboxes, framework: str, code: str, seconds: float = 10.0):
    submission = Submission("Ada", "x.ipynb", attacks.notebook(framework, "gram_matrix", code))
    return mark(submission, boxes, attacks.SEED, Limits(seconds)).exercises[0]


def inside(process: int) -> list[psutil.Process]:
    """All that a process has started."""
    return psutil.Process(process).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=10)[1]


@needs_bubblewrap
def test_where_walls_cannot_be_nested_each_answer_gets_a_process_of_its_own(framework):
    with Sandboxes() as boxes:
        boxes.open_[framework] = Sandbox(framework, isolation="shared")
        first = graded(boxes, framework, f"import builtins\nbuiltins.left = 1\n{attacks.HONEST[framework]}")
        look = "def gram_matrix(activation):\n    import builtins\n    raise ValueError(hasattr(builtins, 'left'))\n"
        assert first.stage == "right", first.reason
        assert "ValueError: False" in graded(boxes, framework, look).reason


def test_without_a_sandbox_marks_are_the_same(framework):
    before = inside(os.getpid())  # other tests of this process may have left a helper of Python's own
    with Sandboxes("none") as boxes:
        assert graded(boxes, framework, attacks.HONEST[framework]).stage == "right"
        assert graded(boxes, framework, "def gram_matrix(activation):\n    return zeros(activation)\n").earned == 0
        late = graded(boxes, framework, "def gram_matrix(activation):\n    while True:\n        pass\n", seconds=1)
        assert late.stage == "time"
        processes = [each for each in inside(os.getpid()) if each not in before]
    assert processes and all_gone(processes)


@needs_bubblewrap
def test_a_warm_process_that_is_gone_is_replaced_and_the_answer_asked_again(framework):
    with Sandboxes() as boxes:
        box = boxes.of(framework)
        os.killpg(box.process, signal.SIGKILL)
        assert all_gone(inside(box.process) if psutil.pid_exists(box.process) else [])
        assert graded(boxes, framework, attacks.HONEST[framework]).stage == "right"
        assert boxes.of(framework) is not box


@needs_bubblewrap
def test_nothing_is_left_when_a_sandbox_is_closed_or_its_owner_is_killed(framework):
    with Sandbox(framework) as box:
        processes = [psutil.Process(box.process), *inside(box.process)]
        assert len(processes) > 1
    assert all_gone(processes)
    reader, writer = os.pipe()
    owner = os.fork()
    if not owner:  # a grader that is killed while an answer runs
        try:
            box = Sandbox(framework)
            job = {"exercise": {}, "cells": ["while True: pass"], "answer": 0, "given": {}}
            box.open(job, seconds=60)
            os.write(writer, f"{box.process}\n".encode())
            time.sleep(100)
        finally:
            os._exit(1)
    with os.fdopen(reader) as stream:
        processes = [psutil.Process(number := int(stream.readline())), *inside(number)]
    os.close(writer)
    os.kill(owner, signal.SIGKILL)
    os.waitpid(owner, 0)
    assert all_gone(processes)


def test_without_bubblewrap_it_refuses_in_one_line_that_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    for refuse in (lambda: sandbox.check_sandbox("bwrap"), lambda: Sandbox("torch")):
        with pytest.raises(MachineError, match="bubblewrap is missing: install it .*--sandbox none") as told:
            refuse()
        assert told.value.exit_status == 2 and "\n" not in str(told.value)
    sandbox.check_sandbox("none")
    with pytest.raises(InputError, match="choose bwrap or none"):
        sandbox.check_sandbox("docker")


def test_a_framework_that_cannot_be_imported_is_the_machines_fault(monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ModuleNotFoundError: No module named tensorflow' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("STYLELAB_TENSORFLOW_PYTHON", str(broken))
    with pytest.raises(MachineError, match="sandbox for tensorflow does not start: ModuleNotFoundError"):
        Sandbox("tensorflow", "none")


def test_nothing_that_knows_an_answer_is_laid_out_inside():
    knowing = {"losses.py", "answers.py", "check.py", "judging.py", "image.py", "style.py", "colours.py", "measures.py"}
    assert not {Path(name).name for name in sandbox.KIT} & knowing
    for outside in sandbox.KIT.values():
        text = (sandbox.PACKAGE / outside).read_text()
        assert "reference=" not in text.replace("reference=None", "")
        assert "def gram_matrix" not in text


def test_the_outer_wall_shows_the_system_and_this_python_and_nothing_else(monkeypatch):
    monkeypatch.setattr(sandbox.sys, "prefix", "/home/me/kit/.venv")
    monkeypatch.setattr(sandbox.os.path, "exists", lambda path: True)
    command = sandbox.bubblewrap("/home/me/kit/.venv/bin/python", {"A": "b"}, 0)
    bound = [command[index + 1] for index, word in enumerate(command) if word == "--ro-bind"]
    ours = [path for path in bound if not path.startswith(str(sandbox.PACKAGE))]
    assert "/home/me/kit/.venv" in ours and "/home/me" not in ours and "/home" not in ours
    assert not any(word in ("--bind", "--dev-bind", "--share-net") for word in command)
    assert {"--unshare-net", "--unshare-pid", "--unshare-user", "--die-with-parent", "--clearenv"} <= set(command)
