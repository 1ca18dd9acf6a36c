"""Two runs of the bench agree within their spread, or a part of one was too busy to tell."""

import copy
import json

import pytest

from stylelab.base import processes
from stylelab.errors import InputError
from stylelab.tools.bench import compare, report


def spread(low, median, high, count=9):
    return {"median": median, "low": low, "high": high, "count": count}


QUIET = {"seconds": 9.0, "others": 0.0, "stolen": 0.0}
RESULTS = {
    "machine": {},
    "pictures": [{
        "size": 256, "busy": QUIET | {"part": "picture 256 px"},
        "rows": [{"name": "ours torch", "seconds": spread(9, 10, 11, 2)}, {"name": "PyTorch tutorial", "last_seconds": 30.0}],
    }],
    "steps": [{
        "busy": QUIET | {"part": "a 256 px"}, "limits": [],
        "rows": [{"group": "a", "width": 256, "height": 171, "name": "ours", "ms": spread(98, 100, 103)}],
        "ratios": [{"group": "a", "width": 256, "height": 171, "ours": "ours", "against": "a", "times_as_fast": spread(1.9, 2, 2.1)}],
    }],
    "races": [{
        "size": 256, "against": "a", "busy": QUIET | {"part": "race to a"},
        "rows": [{"name": "ours", "seconds": 20.0}, {"name": "auto", "last_loss": 1.0}],
    }],
    "whole": [{"backend": "torch", "size": 256, "outside_seconds": spread(3.9, 4, 4.1, 4), "busy": QUIET | {"part": "whole"}}, {"error": "no room"}],
    "one_pass": [{
        "threads": 2, "busy": QUIET | {"part": "one pass"}, "rows": [{"task": "six", "size": 256, "name": "ours", "ms": spread(5, 6, 7)}],
    }],
}  # fmt: skip


@pytest.fixture
def later():
    return copy.deepcopy(RESULTS)


def test_a_run_agrees_with_itself(later):
    assert compare.compare(RESULTS, later) == ["6 of 6 figures agree."]


@pytest.mark.parametrize(("other", "same"), [
    (spread(103, 105, 107), True), (spread(104, 105, 107), False), (spread(90, 92, 98), True), (spread(90, 92, 97), False),
    (spread(107, 107, 107, 1), True), (spread(109, 109, 109, 1), False),
])  # fmt: skip
def test_quartiles_must_meet_and_a_single_figure_has_five_per_cent(other, same):
    assert compare.agree(RESULTS["steps"][0]["rows"][0]["ms"], other) is same
    assert compare.agree(other, RESULTS["steps"][0]["rows"][0]["ms"]) is same


CHANGES = {
    "picture 256 px: ours torch, s": lambda later: later["pictures"][0]["rows"][0].update(seconds=spread(19, 20, 21, 2)),
    "a 256 x 171: ours, ms per step": lambda later: later["steps"][0]["rows"][0].update(ms=spread(198, 200, 203)),
    "a 256 x 171: ours against a, times as fast": lambda later: later["steps"][0]["ratios"][0].update(
        times_as_fast=spread(1, 1, 1)
    ),
    "race 256 px: ours against a, s": lambda later: later["races"][0]["rows"][0].update(seconds=40.0),
    "outside the steps 256 px: torch, s": lambda later: later["whole"][0].update(outside_seconds=spread(8, 8, 8, 4)),
    "one pass six 256 px, 2 threads: ours, ms": lambda later: later["one_pass"][0]["rows"][0].update(ms=spread(15, 16, 17)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_figure_that_differs_is_named_unless_one_of_the_runs_was_too_busy(later, name):
    CHANGES[name](later)
    with pytest.raises(compare.Disagreement) as caught:
        compare.compare(RESULTS, later)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{name}: ") and lines[1:] == ["5 of 6 figures agree."] and caught.value.exit_status == 1
    part = dict(compare.figures(later))[name][1]
    for found in (found for kind in later.values() if isinstance(kind, list) for found in kind):
        if found.get("busy", {}).get("part") == part:
            found["busy"]["others"] = 0.2
    assert compare.compare(RESULTS, later)[0].endswith("too busy to compare")
    assert compare.compare(later, RESULTS)[0].endswith("too busy to compare")


@pytest.mark.parametrize(("rates", "same"), [((290, 294, 298), True), ((298, 300, 302), False), ((275, 294, 313), True)])
def test_no_figure_is_known_better_than_the_machines_products(later, rates, same):
    """The second run's quartiles begin 3 % above the end of the first one's."""
    first = copy.deepcopy(RESULTS)
    for results, (low, median, high) in ((first, (300, 302, 304)), (later, rates)):
        results["steps"][0]["limits"] = [{"backend": "torch", "precision": "float32", "gflops": spread(low, median, high)}]
    later["steps"][0]["rows"][0]["ms"] = spread(106.1, 107, 108)
    if same:
        assert compare.compare(first, later) == compare.compare(later, first) == ["6 of 6 figures agree."]
    else:
        for runs in ((first, later), (later, first)):
            with pytest.raises(compare.Disagreement):
                compare.compare(*runs)


def test_a_machine_that_was_slower_throughout_is_too_busy_to_compare(later):
    for results, rate in ((RESULTS | {"steps": copy.deepcopy(RESULTS["steps"])}, 300.0), (later, 240.0)):
        results["steps"][0]["limits"] = [{"backend": "torch", "precision": "float32", "gflops": spread(rate, rate, rate)}]
        if rate == 300.0:
            first = results
    later["steps"][0]["rows"][0]["ms"] = spread(123, 125, 127)
    assert compare.compare(first, later)[0].endswith("too busy to compare")
    later["steps"][0]["limits"][0]["gflops"] = spread(290.0, 290.0, 290.0)
    with pytest.raises(compare.Disagreement):
        compare.compare(first, later)


@pytest.mark.parametrize(("rate", "comparable"), [(90.0, False), (104.0, True), (130.0, False)])
def test_a_part_without_products_of_its_own_has_those_of_the_others(later, rate, comparable):
    first = copy.deepcopy(RESULTS)
    for results, best in ((first, 110.0), (later, rate)):
        slow = {"backend": "torch", "precision": "float32", "gflops": spread(70.0, 70.0, 70.0)}
        results["steps"][0]["limits"] = [slow]
        results["pictures"][0]["limits"] = [slow | {"gflops": spread(best, best, best)}]
    later["whole"][0]["outside_seconds"] = spread(5, 5, 5, 4)
    if comparable:
        with pytest.raises(compare.Disagreement):
            compare.compare(first, later)
    else:
        assert compare.compare(first, later)[0].endswith("too busy to compare")


def test_runs_of_different_things_are_not_compared(later):
    with pytest.raises(InputError, match="these two runs differ in encoder, device: run both with the same options"):
        compare.compare(RESULTS | {"asked": {"encoder": "mini"}}, later | {"asked": {"encoder": "vgg19", "device": "cpu"}})


def test_figures_of_one_run_only_are_counted(later):
    later["steps"] = []
    assert compare.compare(RESULTS, later) == ["4 of 4 figures agree.", "2 figures are in one of the runs only."]
    with pytest.raises(InputError, match="no figure in common"):
        compare.compare(RESULTS, {})


@pytest.mark.parametrize(("median", "status"), [(102, 0), (150, 1)])
def test_the_command_compares_two_files(later, tmp_path, capsys, median, status):
    later["steps"][0]["rows"][0]["ms"] = spread(median, median, median)
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, results in zip(files, (RESULTS, later), strict=True):
        file.write_text(json.dumps(results))
    assert processes.exit_status(lambda: report.main(files)) == status
    out, err = capsys.readouterr()
    assert ("6 of 6 figures agree." in out) if status == 0 else ("150 (150-150)" in err)
