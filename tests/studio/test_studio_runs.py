"""The studio's runs, without a page and without a framework: commands at bad moments, and processes that die."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from stylelab.run.settings import Settings
from stylelab.tools.studio import runs

PAINTER = Path(__file__).with_name("pretended_painter.py")
SECONDS = 30  # that anything may take on a busy machine

pytestmark = pytest.mark.plain


@pytest.fixture
def pretend(monkeypatch):
    """Runs use the pretended painter. Calling the fixture sets how it behaves, and the seconds of a step."""

    def behave(how: str = "", seconds: float = 0.02) -> None:
        monkeypatch.setenv("PRETEND", how)
        monkeypatch.setenv("PRETEND_SECONDS", str(seconds))

    monkeypatch.setattr(runs, "module_command", lambda module: [sys.executable, "-P", str(PAINTER)])
    behave()
    return behave


@pytest.fixture
def all_runs(pretend):
    """An empty list of runs."""
    all_runs = runs.Runs()
    yield all_runs
    all_runs.close()


def settings(steps: int = 5, **more) -> Settings:
    """Settings of a small run."""
    return Settings("china", "brushstrokes", encoder="mini", size=32, steps=steps, **more)


def wait_until(condition) -> None:
    """Wait until `condition()` is true."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition was never met"
        time.sleep(0.01)


def dead(process: int) -> bool:
    """Whether the process with this id has ended."""
    return not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE


def test_a_run_ends_with_its_image_losses_and_settings(all_runs):
    changes = []
    all_runs.on_change = lambda run, what: changes.append((what, run.state))
    run = all_runs.add(settings(), 5)
    assert run.state == "waiting" and all_runs.wait(SECONDS)
    assert (run.state, run.error) == ("done", "")
    assert [row[0] for row in run.rows] == [1, 2, 3, 4, 5] and run.rows[-1][2] == 20.0
    assert run.image.startswith(b"\x89PNG") and run.preview.startswith(b"\xff\xd8")
    assert sorted(run.frames) == [1, 2, 3, 4, 5]
    assert (run.final_settings.steps, run.final_settings.device) == (5, "cpu")
    assert ("loading", "waiting") in changes and changes[-1] == ("state", "done")


def test_pause_takes_effect_at_once_and_resume_continues(all_runs):
    run = all_runs.add(settings(steps=400), 400)
    wait_until(lambda: run.rows)
    run.pause()
    assert run.state == "paused"
    wait_until(lambda: _is_at_rest(run))
    before = len(run.rows)
    run.pause()  # a second time changes nothing
    run.resume()
    assert run.state == "running"
    wait_until(lambda: len(run.rows) > before)
    run.stop()
    wait_until(lambda: run.ended)
    assert run.state == "stopped" and [row[0] for row in run.rows] == list(range(1, len(run.rows) + 1))


def _is_at_rest(run, seconds: float = 0.6) -> bool:
    """Whether no step is made within some time."""
    before = len(run.rows)
    time.sleep(seconds)
    return len(run.rows) == before


def test_time_spent_paused_is_not_counted(all_runs):
    run = all_runs.add(settings(steps=40), 40)
    wait_until(lambda: run.rows)
    run.pause()
    time.sleep(1.5)
    run.resume()
    assert all_runs.wait(SECONDS)
    gaps = [after[1] - before[1] for before, after in zip(run.rows, run.rows[1:], strict=False)]
    assert max(gaps) < 1.2


def test_a_stopped_run_keeps_an_image_and_settings_that_reproduce_it(all_runs):
    run = all_runs.add(settings(steps=1000), 1000)
    wait_until(lambda: len(run.rows) > 3)
    run.stop()
    assert run.stopping or run.ended
    wait_until(lambda: run.ended)
    assert run.state == "stopped" and run.image.startswith(b"\x89PNG")
    assert 1 <= run.final_settings.steps <= len(run.rows) < 1000


def test_a_paused_run_can_be_stopped(all_runs):
    run = all_runs.add(settings(steps=1000), 1000)
    wait_until(lambda: run.rows)
    run.pause()
    run.stop()
    wait_until(lambda: run.ended)
    assert run.state == "stopped" and run.image


def test_a_run_stopped_while_it_loads_ends_at_once_and_leaves_no_process(all_runs, pretend):
    pretend("slow-load")
    run = all_runs.add(settings(), 5)
    wait_until(lambda: run.loading)
    run.stop()
    assert run.state == "stopped" and not run.image
    wait_until(lambda: dead(run.process.pid))


def test_commands_before_there_is_a_process_are_carried_out(all_runs):
    run = runs.Run(settings(steps=1000), 1000)
    run.pause()
    assert run.state == "paused" and not run.started
    run.start()
    wait_until(lambda: run.rows)
    wait_until(lambda: _is_at_rest(run))
    assert run.state == "paused" and len(run.rows) < 10
    run.close()
    assert run.state == "stopped" and dead(run.process.pid)


def test_commands_after_the_end_change_nothing(all_runs):
    run = all_runs.add(settings(), 5)
    assert all_runs.wait(SECONDS)
    for command in (run.pause, run.resume, run.stop, run.close, run.start):
        command()
        assert run.state == "done" and run.image


def test_stop_does_not_wait_for_ever_for_a_step(all_runs, pretend, monkeypatch):
    monkeypatch.setattr(runs, "STOP_TIMEOUT", 0.2)
    pretend(seconds=60)
    run = all_runs.add(settings(steps=50), 50)
    wait_until(lambda: run.loading == "encoder")
    run.rows.append((1, 0.1, 1.0, 1.0, 0.0, 0.0))  # as after a first step
    run.stop()
    assert run.stopping
    wait_until(lambda: run.ended)
    assert run.state == "stopped" and [row[0] for row in run.rows] == [1]
    wait_until(lambda: dead(run.process.pid))


def test_a_second_stop_does_not_wait_for_the_step(all_runs, pretend):
    pretend(seconds=60)
    run = all_runs.add(settings(steps=50), 50)
    wait_until(lambda: run.loading == "encoder")
    run.rows.append((1, 0.1, 1.0, 1.0, 0.0, 0.0))  # as after a first step
    run.stop()
    assert run.stopping and not run.ended
    run.stop()
    assert run.state == "stopped"
    wait_until(lambda: dead(run.process.pid))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("die", "killed, perhaps for lack of memory: choose a smaller size"),
        ("not-finite", "the loss is nan at step 3"),
        ("no-framework", "cannot use torch: it is not installed"),
    ],
)
def test_a_run_that_fails_says_why_in_one_line(all_runs, pretend, how, words):
    pretend(how, seconds=0.1)
    run = all_runs.add(settings(), 5)
    assert all_runs.wait(SECONDS)
    assert run.state == "failed" and words in run.error and "\n" not in run.error


def test_a_run_whose_loss_is_not_finite_keeps_the_last_good_image(all_runs, pretend):
    pretend("not-finite")
    run = all_runs.add(settings(), 5)
    assert all_runs.wait(SECONDS)
    assert run.image.startswith(b"\x89PNG")


def test_a_full_disk_does_not_cost_the_image(all_runs, pretend):
    pretend("full-disk")
    run = all_runs.add(settings(), 5)
    assert all_runs.wait(SECONDS)
    assert (run.state, run.error) == ("done", "") and run.image.startswith(b"\x89PNG")


def test_what_a_library_prints_does_not_disturb_the_messages(all_runs, pretend):
    pretend("chatter")
    run = all_runs.add(settings(), 5)
    assert all_runs.wait(SECONDS)
    assert run.state == "done"


def test_a_missing_python_fails_in_one_line(all_runs, monkeypatch):
    monkeypatch.setenv("STYLELAB_TENSORFLOW_PYTHON", "/no/such/python")
    monkeypatch.setattr(runs, "module_command", lambda module: [sys.executable])
    run = all_runs.add(settings(backend="tensorflow"), 5)
    assert all_runs.wait(SECONDS)
    assert run.state == "failed" and "cannot be started" in run.error


def test_a_process_that_sends_no_messages_is_killed(all_runs, monkeypatch):
    monkeypatch.setattr(
        runs, "module_command", lambda module: [sys.executable, "-c", "print('x' * 99, flush=True); import time; time.sleep(99)"]
    )
    run = all_runs.add(settings(), 5)
    assert all_runs.wait(SECONDS)
    assert run.state == "failed" and dead(run.process.pid)


def test_two_runs_are_painted_at_a_time_and_a_third_waits_for_its_turn(all_runs):
    first, second, third = (all_runs.add(settings(steps=steps), steps) for steps in (1000, 1000, 5))
    wait_until(lambda: first.rows and second.rows)
    assert (third.state, third.started) == ("waiting", False)
    second.stop()
    wait_until(lambda: third.state == "done")
    assert first.state == "running"
    first.stop()
    assert all_runs.wait(SECONDS)


def test_a_waiting_run_can_be_paused_stopped_and_removed(all_runs):
    all_runs.parallel = 1
    first, *rest = (all_runs.add(settings(steps=1000), 1000) for _ in range(4))
    paused, stopped, removed = rest
    paused.pause()
    stopped.stop()
    all_runs.remove(removed.id)
    assert (paused.state, stopped.state) == ("paused", "stopped") and removed.id not in all_runs.all
    first.stop()
    wait_until(lambda: first.ended)
    assert not paused.started
    paused.resume()
    wait_until(lambda: paused.rows)
    all_runs.stop()
    assert all_runs.wait(SECONDS)


def test_a_run_reports_changes_without_holding_its_lock(all_runs):
    free = []

    def changed(run, what):
        def take():
            free.append((what, run.state, run.lock.acquire(timeout=1) and not run.lock.release()))

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()

    all_runs.parallel, all_runs.on_change = 1, changed
    first, second = (all_runs.add(settings(steps=1000), 1000) for _ in range(2))
    wait_until(lambda: first.rows)
    second.stop()  # before it has begun
    first.pause()
    first.stop()
    first.stop()  # and does not wait
    assert all_runs.wait(SECONDS)
    assert {("state", "stopped", True), ("state", "paused", True)} <= set(free) and all(taken for *_, taken in free)


def test_a_removed_run_leaves_no_process(all_runs):
    run = all_runs.add(settings(steps=1000), 1000)
    wait_until(lambda: run.rows)
    all_runs.remove(run.id)
    assert dead(run.process.pid) and not all_runs.all


PARENT = """
import sys, time
sys.path.insert(0, {tests!r})
from stylelab.tools.studio import runs
from stylelab.run.settings import Settings
runs.module_command = lambda module: [sys.executable, "-P", {painter!r}]
all_runs = runs.Runs()
started = [all_runs.add(Settings("china", "brushstrokes", encoder="mini", size=32, steps=10**5), 10**5) for _ in range(2)]
while not all(run.rows for run in started):
    time.sleep(0.01)
if {pause}:
    started[0].pause()
print(*(run.process.pid for run in started), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("pause", [False, True])
def test_no_process_outlives_a_killed_kernel(pretend, pause):
    text = PARENT.format(tests=str(PAINTER.parent), painter=str(PAINTER), pause=pause)
    parent = subprocess.Popen([sys.executable, "-P", "-c", text], stdout=subprocess.PIPE, text=True, env=_environment())
    try:
        children = [int(word) for word in parent.stdout.readline().split()]
        assert len(children) == 2 and not any(map(dead, children))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    wait_until(lambda: all(map(dead, children)))


def _environment() -> dict[str, str]:
    from stylelab.base.processes import module_environment

    return module_environment(PRETEND="", PRETEND_SECONDS="0.02")


def test_an_interrupt_of_the_kernel_does_not_reach_a_run(all_runs):
    run = all_runs.add(settings(steps=50), 50)
    wait_until(lambda: run.rows)
    os.kill(run.process.pid, signal.SIGINT)
    assert os.getpgid(run.process.pid) != os.getpgid(0)
    assert all_runs.wait(SECONDS)
    assert run.state == "done"


def test_a_stopped_run_goes_on_to_the_image_of_one_that_was_never_stopped(all_runs):
    whole = all_runs.add(settings(steps=30), 30)
    run = all_runs.add(settings(steps=30), 30)
    wait_until(lambda: len(run.rows) > 3)
    run.stop()
    wait_until(lambda: run.ended)
    assert run.kept and run.state == "stopped" and len(run.rows) < 30
    run.go_on()
    assert run.state == "waiting" and not run.ended
    wait_until(lambda: run.ended and whole.ended)
    assert run.state == "done" and not run.kept and [row[0] for row in run.rows] == list(range(1, 31))
    assert run.image == whole.image


def test_a_run_that_is_done_or_removed_cannot_go_on(all_runs):
    run = all_runs.add(settings(steps=3), 3)
    wait_until(lambda: run.ended)
    run.go_on()
    assert run.state == "done" and not run.kept
    other = all_runs.add(settings(steps=1000), 1000)
    wait_until(lambda: len(other.rows) > 3)
    other.stop()
    wait_until(lambda: other.ended)
    other.close()
    other.go_on()
    assert other.state == "stopped" and not other.kept
