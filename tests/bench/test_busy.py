"""Whether the machine was quiet: what others took of it, and whether its limit moved. One test makes it busy."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from stylelab.tools.bench import busy

SPIN = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"


def limits(*rates):
    return [{"backend": "torch", "precision": "float32", "gflops": {"median": rate}} for rate in rates]


def seen(part, others=0.0, stolen=0.0):
    return {"part": part, "seconds": 9.0, "others": others, "stolen": stolen}


def test_others_have_what_is_neither_ours_nor_idle(monkeypatch):
    machine = iter([
        SimpleNamespace(user=10.0, nice=1.0, system=2.0, idle=50.0, steal=1.0),
        SimpleNamespace(user=16.0, nice=1.5, system=3.5, idle=58.0, steal=3.0),
    ])  # fmt: skip
    own = iter([
        SimpleNamespace(user=1.0, system=0.5, children_user=0.0, children_system=0.0),
        SimpleNamespace(user=1.5, system=0.5, children_user=4.0, children_system=0.5),
    ])  # fmt: skip
    ticks = iter([100.0, 110.0])
    monkeypatch.setattr(busy.psutil, "cpu_times", lambda: next(machine))
    monkeypatch.setattr(busy.psutil, "Process", lambda: SimpleNamespace(cpu_times=lambda: next(own)))
    monkeypatch.setattr(busy.time, "perf_counter", lambda: next(ticks))
    monkeypatch.setattr(busy.os, "cpu_count", lambda: 2)
    with busy.watch("a part") as figures:
        pass
    # busy for 8 s, of them 5 ours; 2 s stolen; 10 s of 2 processors
    assert figures == {"part": "a part", "seconds": 10.0, "others": pytest.approx(3 / 20), "stolen": pytest.approx(2 / 20)}


def test_a_system_without_a_hypervisors_count_is_watched_too(monkeypatch):
    monkeypatch.setattr(busy.psutil, "cpu_times", lambda: SimpleNamespace(user=1.0, system=1.0, idle=1.0))
    with busy.watch("a part") as figures:
        pass
    assert figures["others"] == figures["stolen"] == 0


def test_a_busy_process_is_noticed():
    other = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    try:
        with busy.watch("a part") as figures, pytest.raises(subprocess.TimeoutExpired):
            other.wait(1.5)
    finally:
        other.kill()
        other.wait()
    assert figures["others"] > 0.3 / os.cpu_count()
    assert figures["others"] <= busy.OTHERS or "others took" in busy.verdict({"races": [{"busy": figures}]})


def test_processes_of_ours_that_have_ended_are_not_others():
    before = busy._own()
    subprocess.run([sys.executable, "-S", "-c", SPIN], check=True)
    assert busy._own() - before > 0.25


def test_a_quiet_run_has_no_verdict():
    found = {"busy": seen("a", 0.03, 0.01), "limits": limits(100, 92)}
    assert busy.verdict({"steps": [found], "races": [{}], "one_pass": []}) == ""


def test_the_verdict_names_the_parts_and_says_why():
    results = {
        "pictures": [{"busy": seen("picture 256 px", 0.04, 0.02), "limits": limits(70, 71)}],
        "steps": [{"busy": seen("first"), "limits": limits(100)}, {"busy": seen("second"), "limits": limits(88)}],
        "races": [{"busy": seen("race", 0.5), "limits": []}],
    }
    assert busy.verdict(results) == (
        "Too busy: picture 256 px (others took 4% of the processors' time, the hypervisor 2%), "
        "second (the limit fell to 88% of the run's best), "
        "race (others took 50% of the processors' time, the hypervisor 0%)."
    )


def test_a_limit_that_moves_within_a_part_is_noticed():
    assert "70 px (the limit fell to 80%" in busy.verdict({"pictures": [{"busy": seen("70 px"), "limits": limits(100, 80)}]})
