"""The studio's runs without a page and without a framework: orders at bad moments, processes that die or are left alone."""

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
    """Runs use the pretended painter; what is given is how it behaves."""

    def behave(how: str = "", seconds: float = 0.02) -> None:
        monkeypatch.setenv("PRETEND", how)
        monkeypatch.setenv("PRETEND_SECONDS", str(seconds))

    monkeypatch.setattr(runs, "module_command", lambda module: [sys.executable, "-P", str(PAINTER)])
    behave()
    return behave


@pytest.fixture
def all_runs(pretend):
    made = runs.Runs()
    yield made
    made.close()


def asked(steps: int = 5, **more) -> Settings:
    return Settings("china", "brushstrokes", encoder="mini", size=32, steps=steps, **more)


def until(condition) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def dead(process) -> bool:
    return not psutil.pid_exists(process) or psutil.Process(process).status() == psutil.STATUS_ZOMBIE


def test_a_run_ends_with_its_image_its_losses_and_the_settings_that_led_there(all_runs):
    seen = []
    all_runs.on_change = lambda run, what: seen.append((what, run.state))
    run = all_runs.add(asked(), 5)
    assert run.state == "waiting" and all_runs.wait(SECONDS)
    assert (run.state, run.error) == ("done", "")
    assert [row[0] for row in run.rows] == [1, 2, 3, 4, 5] and run.rows[-1][2] == 20.0
    assert run.image.startswith(b"\x89PNG") and run.preview.startswith(b"\xff\xd8")
    assert sorted(run.frames) == [1, 2, 3, 4, 5]
    assert (run.final_settings.steps, run.final_settings.device) == (5, "cpu")
    assert ("loading", "waiting") in seen and seen[-1] == ("state", "done")


def test_pause_takes_effect_at_once_and_resume_goes_on_where_it_was(all_runs):
    run = all_runs.add(asked(steps=400), 400)
    until(lambda: run.rows)
    run.pause()
    assert run.state == "paused"
    until(lambda: _rests(run))
    before = len(run.rows)
    run.pause()  # twice is once
    run.resume()
    assert run.state == "running"
    until(lambda: len(run.rows) > before)
    run.stop()
    until(lambda: run.ended)
    assert run.state == "stopped" and [row[0] for row in run.rows] == list(range(1, len(run.rows) + 1))


def _rests(run, seconds: float = 0.6) -> bool:
    before = len(run.rows)
    time.sleep(seconds)
    return len(run.rows) == before


def test_time_spent_paused_is_not_counted(all_runs):
    run = all_runs.add(asked(steps=40), 40)
    until(lambda: run.rows)
    run.pause()
    time.sleep(1.5)
    run.resume()
    assert all_runs.wait(SECONDS)
    gaps = [after[1] - before[1] for before, after in zip(run.rows, run.rows[1:], strict=False)]
    assert max(gaps) < 1.2


def test_a_stopped_run_keeps_an_image_and_settings_that_lead_to_it(all_runs):
    run = all_runs.add(asked(steps=1000), 1000)
    until(lambda: len(run.rows) > 3)
    run.stop()
    assert run.stopping or run.ended
    until(lambda: run.ended)
    assert run.state == "stopped" and run.image.startswith(b"\x89PNG")
    assert 1 <= run.final_settings.steps <= len(run.rows) < 1000


def test_a_run_that_is_stopped_while_paused_ends(all_runs):
    run = all_runs.add(asked(steps=1000), 1000)
    until(lambda: run.rows)
    run.pause()
    run.stop()
    until(lambda: run.ended)
    assert run.state == "stopped" and run.image


def test_a_run_that_is_stopped_while_it_loads_ends_at_once_and_leaves_no_process(all_runs, pretend):
    pretend("slow-load")
    run = all_runs.add(asked(), 5)
    until(lambda: run.loading)
    run.stop()
    assert run.state == "stopped" and not run.image
    until(lambda: dead(run.process.pid))


def test_orders_before_there_is_a_process_are_carried_out(all_runs):
    run = runs.Run(asked(steps=1000), 1000)
    run.pause()
    assert run.state == "paused" and not run.started
    run.start()
    until(lambda: run.rows)
    until(lambda: _rests(run))
    assert run.state == "paused" and len(run.rows) < 10
    run.close()
    assert run.state == "stopped" and dead(run.process.pid)


def test_orders_after_the_end_change_nothing(all_runs):
    run = all_runs.add(asked(), 5)
    assert all_runs.wait(SECONDS)
    for order in (run.pause, run.resume, run.stop, run.close, run.start):
        order()
        assert run.state == "done" and run.image


def test_a_step_that_takes_too_long_is_not_waited_for(all_runs, pretend, monkeypatch):
    monkeypatch.setattr(runs, "STOP_TIMEOUT", 0.2)
    pretend(seconds=60)
    run = all_runs.add(asked(steps=50), 50)
    until(lambda: run.loading == "encoder")
    run.rows.append((1, 0.1, 1.0, 1.0, 0.0, 0.0))  # as after a first step
    run.stop()
    assert run.stopping
    until(lambda: run.ended)
    assert run.state == "stopped" and [row[0] for row in run.rows] == [1]
    until(lambda: dead(run.process.pid))


def test_stop_said_twice_does_not_wait_for_the_step(all_runs, pretend):
    pretend(seconds=60)
    run = all_runs.add(asked(steps=50), 50)
    until(lambda: run.loading == "encoder")
    run.rows.append((1, 0.1, 1.0, 1.0, 0.0, 0.0))  # as after a first step
    run.stop()
    assert run.stopping and not run.ended
    run.stop()
    assert run.state == "stopped"
    until(lambda: dead(run.process.pid))


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
    run = all_runs.add(asked(), 5)
    assert all_runs.wait(SECONDS)
    assert run.state == "failed" and words in run.error and "\n" not in run.error


def test_a_run_with_a_loss_that_is_no_number_keeps_the_last_good_image(all_runs, pretend):
    pretend("not-finite")
    run = all_runs.add(asked(), 5)
    assert all_runs.wait(SECONDS)
    assert run.image.startswith(b"\x89PNG")


def test_what_a_library_prints_does_not_come_between(all_runs, pretend):
    pretend("chatter")
    run = all_runs.add(asked(), 5)
    assert all_runs.wait(SECONDS)
    assert run.state == "done"


def test_a_python_that_is_not_there_fails_in_one_line(all_runs, monkeypatch):
    monkeypatch.setenv("STYLELAB_TENSORFLOW_PYTHON", "/no/such/python")
    monkeypatch.setattr(runs, "module_command", lambda module: [sys.executable])
    run = all_runs.add(asked(backend="tensorflow"), 5)
    assert all_runs.wait(SECONDS)
    assert run.state == "failed" and "cannot be started" in run.error


def test_a_process_that_speaks_otherwise_is_ended(all_runs, monkeypatch):
    monkeypatch.setattr(
        runs, "module_command", lambda module: [sys.executable, "-c", "print('x' * 99, flush=True); import time; time.sleep(99)"]
    )
    run = all_runs.add(asked(), 5)
    assert all_runs.wait(SECONDS)
    assert run.state == "failed" and dead(run.process.pid)


def test_two_runs_go_on_side_by_side_and_the_third_waits_for_its_turn(all_runs):
    first, second, third = (all_runs.add(asked(steps=steps), steps) for steps in (1000, 1000, 5))
    until(lambda: first.rows and second.rows)
    assert (third.state, third.started) == ("waiting", False)
    second.stop()
    until(lambda: third.state == "done")
    assert first.state == "running"
    first.stop()
    assert all_runs.wait(SECONDS)


def test_a_run_that_waits_can_be_paused_stopped_and_removed(all_runs):
    all_runs.parallel = 1
    first, *rest = (all_runs.add(asked(steps=1000), 1000) for _ in range(4))
    paused, stopped, removed = rest
    paused.pause()
    stopped.stop()
    all_runs.remove(removed.id)
    assert (paused.state, stopped.state) == ("paused", "stopped") and removed.id not in all_runs.all
    first.stop()
    until(lambda: first.ended)
    assert not paused.started
    paused.resume()
    until(lambda: paused.rows)
    all_runs.stop()
    assert all_runs.wait(SECONDS)


def test_a_run_that_tells_of_itself_holds_no_lock_that_another_thread_may_wait_for(all_runs):
    free = []

    def changed(run, what):
        def take():
            free.append((what, run.state, run.lock.acquire(timeout=1) and not run.lock.release()))

        thread = threading.Thread(target=take)
        thread.start()
        thread.join()

    all_runs.parallel, all_runs.on_change = 1, changed
    first, second = (all_runs.add(asked(steps=1000), 1000) for _ in range(2))
    until(lambda: first.rows)
    second.stop()  # before it has begun
    first.pause()
    first.stop()
    first.stop()  # and does not wait
    assert all_runs.wait(SECONDS)
    assert {("state", "stopped", True), ("state", "paused", True)} <= set(free) and all(taken for *_, taken in free)


def test_a_run_that_is_removed_leaves_no_process(all_runs):
    run = all_runs.add(asked(steps=1000), 1000)
    until(lambda: run.rows)
    all_runs.remove(run.id)
    assert dead(run.process.pid) and not all_runs.all


PARENT = """
import sys, time
sys.path.insert(0, {tests!r})
from stylelab.tools.studio import runs
from stylelab.run.settings import Settings
runs.module_command = lambda module: [sys.executable, "-P", {painter!r}]
made = runs.Runs()
started = [made.add(Settings("china", "brushstrokes", encoder="mini", size=32, steps=10**5), 10**5) for _ in range(2)]
while not all(run.rows for run in started):
    time.sleep(0.01)
if {pause}:
    started[0].pause()
print(*(run.process.pid for run in started), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("pause", [False, True])
def test_when_the_kernel_is_killed_no_process_goes_on(pretend, pause):
    text = PARENT.format(tests=str(PAINTER.parent), painter=str(PAINTER), pause=pause)
    parent = subprocess.Popen([sys.executable, "-P", "-c", text], stdout=subprocess.PIPE, text=True, env=_environment())
    try:
        children = [int(word) for word in parent.stdout.readline().split()]
        assert len(children) == 2 and not any(map(dead, children))
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()
    until(lambda: all(map(dead, children)))


def _environment() -> dict[str, str]:
    from stylelab.base.processes import module_environment

    return module_environment(PRETEND="", PRETEND_SECONDS="0.02")


def test_an_interrupt_of_the_kernel_does_not_reach_a_run(all_runs):
    run = all_runs.add(asked(steps=50), 50)
    until(lambda: run.rows)
    os.kill(run.process.pid, signal.SIGINT)
    assert os.getpgid(run.process.pid) != os.getpgid(0)
    assert all_runs.wait(SECONDS)
    assert run.state == "done"
