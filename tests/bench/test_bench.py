"""`stylelab bench`: what is counted, who is compared with whom, what happens when a contender fails. No time is asserted."""

import io
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from stylelab.base import frameworks, processes
from stylelab.cli import commands as cli
from stylelab.encoders import LAYERS, find_encoder, read_weights
from stylelab.errors import InputError, Interrupted, MachineError
from stylelab.images import save
from stylelab.tools.bench import command, conductor, measure, picture, plan, report, turns
from stylelab.tools.bench.plan import BenchOptions

SHAPE = (21, 32, 3)


class FakeProcess(conductor.ContenderProcess):
    """A contender in this process: a step takes 2 ms, ours 1 ms, by its own account; the loss of an image is its mean."""

    def __init__(self, contender, settings):
        self.contender, self.last, self.seconds, self.count = contender, {"device": "cpu"}, [], 0

    def answer(self):
        return {}

    def request(self, **request):
        answer = self.carry_out(request)
        self.last |= answer
        return answer

    def carry_out(self, request):
        kind = self.contender.kind
        if "judge" in request:
            means = [float(np.load(path).mean()) for path in request["judge"]]
            return {"losses": means, "parts": [{"style": mean, "content": mean} for mean in means]}
        if "image" in request:
            np.save(request["image"], np.full(SHAPE, 1 / self.count))
            return {}
        kept = []
        for _ in range(request["steps"]):
            self.count += 1
            if "keep" in request and self.count % request["every"] == 0:
                kept.append([self.count, f"{request['keep']}/{self.count}.npy"])
                np.save(kept[-1][1], np.full(SHAPE, 1 / self.count if kind != "ours" else 0.5 / self.count))
        seconds = {"ours": 0.001, "limit": 0.004}.get(kind, 0.002)
        answer = {"seconds": [seconds] * request["steps"], "kept": kept, "loss": 1.0, "own": 100.0 if kind == "ours" else 200.0,
                  "peak": 900.0, "gpu": None, "flop": 1e9, "side": 8}  # fmt: skip
        return answer | ({"precision": "bfloat16"} if self.contender.precision == "auto" else {})

    def end(self):
        pass


@pytest.fixture
def fakes(monkeypatch):
    """Contenders that need no framework and no process."""
    monkeypatch.setattr(conductor, "ContenderProcess", FakeProcess)


@pytest.fixture
def run_script(monkeypatch):
    """Replace the contenders' program by a script that gets its settings as `given`, and can `say` an answer."""
    head = "import json, sys, time\ngiven = json.loads(sys.argv[1])\ndef say(**answer): print(json.dumps(answer), flush=True)\n"

    def replace(script):
        start = [sys.executable, "-S", "-c", head + script]
        monkeypatch.setattr(processes, "module_command", lambda module, *arguments: [*start, *arguments])

    return replace


def options(**given) -> BenchOptions:
    return plan.check(
        BenchOptions(
            **{"encoder": "mini", "sizes": (32,), "steps": 3, "race": 20, "backends": ("torch",), "picture": False} | given
        )
    )


# what is counted


def test_operations_agree_with_a_count_by_hand():
    # 8 x 6 pixels, 3 colours -> 4 filters -> 5 filters, pooled to 4 x 3, -> 7 filters; 9 weights each, 2 operations each
    forward = 2 * 9 * (3 * 4 * 48 + 4 * 5 * 48 + 5 * 7 * 12)
    widths = {"conv1_1": 4, "conv1_2": 5, "conv2_1": 7, "conv2_2": 9}
    assert measure.convolution_operations(widths, ("conv2_1", "conv1_1"), 8, 6) == 2 * forward


def test_pooling_drops_the_last_row_of_an_odd_side():
    widths = dict.fromkeys(LAYERS, 1)
    assert measure.convolution_operations(widths, ("conv2_1",), 5, 7) == 2 * 2 * 9 * (3 * 35 + 35 + 2 * 3)


def test_the_random_encoder_is_a_whole_vgg19(tmp_path, monkeypatch):
    monkeypatch.setattr(command.calibrate, "normalise", lambda filters, spec: filters)  # it takes seconds
    spec = find_encoder(command.write_random(tmp_path))
    filters = read_weights(spec, ("conv5_1",))
    assert [len(kernel) for kernel, _ in filters.values()] == [64, 64, 128, 128] + [256] * 4 + [512] * 5
    assert (spec.padding, spec.pooling, spec.activations) == ("zeros", "max", "normalised")


def test_a_spread_is_median_and_quartiles():
    assert measure.spread([5, 1, 4, 2, 3]) == {"median": 3, "low": 2, "high": 4, "count": 5}


def test_ratios_are_taken_round_by_round():
    # the machine was three times as slow in the last rounds, for both: the ratio is not affected
    assert measure.paired([2, 2, 6, 6], [1, 1, 3, 3]) == {"median": 2, "low": 2, "high": 2, "count": 4}
    with pytest.raises(ValueError):
        measure.paired([1, 2], [1])


def test_the_overhead_is_compared_with_a_run_of_the_recipes_length():
    runs = [{"wall_seconds": outside + 2.5, "step_seconds": 2.5} for outside in (9.0, 6.0, 5.0, 6.0)]  # 5 steps of half a second
    row = measure.overhead(runs, recipe_steps=300)
    assert (row["outside_seconds"]["median"], row["share_outside"]) == (6.0, 6 / 156)


# turns


def test_a_contender_makes_the_requested_steps_and_saves_images(tmp_path):
    requests = [{"steps": 1}, {"steps": 2, "keep": str(tmp_path), "every": 2}, {"image": str(tmp_path / "last.npy")}]
    stream = io.BytesIO("".join(json.dumps(request) + "\n" for request in requests).encode())
    answers, ticks = io.BytesIO(), iter(range(100))
    turn = turns.Turns(stream, answers, clock=lambda: next(ticks))
    turn.wait()
    with pytest.raises(turns.Finished):
        for index in range(9):
            turn(index, lambda index=index: np.full((2, 2, 3), index))
    first, second, image = map(json.loads, answers.getvalue().splitlines())
    assert (first["seconds"], first["kept"], first["loss"]) == ([1], [], 0)
    assert (second["seconds"], second["loss"]) == ([1, 1], 2) and second["kept"] == [[2, str(tmp_path / "000002.npy")]]
    assert np.load(second["kept"][0][1]).mean() == 1 and np.load(tmp_path / "last.npy").mean() == 2
    assert image == {}


# a run with contenders that need no framework


def test_a_group_is_timed_paired_and_judged(fakes, tmp_path):
    found = measure.measure_steps(plan.groups(options())[0], options(), "mini", tmp_path)
    names = ["PyTorch tutorial", "ours torch float32", "ours torch auto", "ours torch auto, tile 16"]
    assert [row["name"] for row in found["rows"]] == names
    first, ours, auto, _ = found["rows"]
    assert (first["ms"]["median"], ours["ms"]["median"], ours["ms"]["count"]) == (2.0, 1.0, 3)
    assert (first["memory_mb"], ours["memory_mb"], ours["peak_mb"], ours["ours"], first["ours"]) == (200, 100, 900, True, False)
    assert ours["loss"] == pytest.approx(1 / (plan.WARM_UP + 3)) and ours["loss_after"] == plan.WARM_UP + 3
    assert (ours["ran_in"], auto["ran_in"]) == ("float32", "bfloat16")
    assert ours["share_of_limit"]["median"] == pytest.approx(ours["gflop"] * 1e9 / 0.001 / (1e9 / 0.004))
    assert found["ratios"][0]["times_as_fast"]["median"] == 2 and found["ratios"][0]["memory"] == 0.5
    assert [limit["precision"] for limit in found["limits"]] == ["float32", "bfloat16"] and found["lost"] == {}
    text = report.group(found)
    assert "times as fast as PyTorch tutorial" in text and "2.00 (2.00-2.00)" in text
    assert "Loss after 6 steps: PyTorch tutorial 0.1667, ours torch float32 0.1667" in text


def test_a_race_ends_where_ours_is_as_good_as_their_last_image(fakes, tmp_path):
    found = measure.run_race(plan.races(options())[0], options(), "mini", tmp_path)
    # theirs: 1 / 20 after 20 steps of 2 ms; ours: 0.5 / n after n steps of 1 ms, an image every 5 steps
    assert (found["loss"], found["seconds"], found["steps"]) == (pytest.approx(1 / 20), pytest.approx(0.04), 20)
    assert (found["rows"][0]["steps"], found["rows"][0]["seconds"]) == (10, pytest.approx(0.01))
    assert found["rows"][0]["times_as_fast"] == pytest.approx(4)
    assert found["precisions"] == [{"precision": name, "steps": 20, "loss": 0.5 / 20} for name in ("float32", "auto")]
    assert "Loss after 20 steps at full size: float32 0.025, auto 0.025." in report.race(found)


def test_the_first_step_of_a_race_counts_for_as_much_as_the_second(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "judge", lambda files, *_: dict.fromkeys(files, 0.5))
    np.save(tmp_path / "a.npy", np.zeros((32, 48, 3)))
    for seconds, elapsed in (([9.0, 1.0, 2.0], 4.0), ([9.0], 9.0)):
        tracks = {"a": {"seconds": seconds, "images": [[len(seconds), str(tmp_path / "a.npy")]]}}
        measure.judge_tracks(tracks, {"content": "china", "size": 48}, {})
        assert tracks == {"a": {"steps": [len(seconds)], "seconds": [elapsed], "losses": [0.5]}}
    tracks = {"a": {"seconds": [1.0], "images": [[1, str(tmp_path / "a.npy")]]}, "b": {"seconds": [], "images": []}}
    measure.judge_tracks(tracks, {"content": "china", "size": 64}, {})  # images of another size are left out
    assert tracks == dict.fromkeys("ab", {"steps": [], "seconds": [], "losses": []})


def test_the_report_of_a_race_says_when_ours_does_not_reach_the_loss():
    found = {"against": "a", "recipe": "lab", "encoder": "mini", "size": 32, "loss": 1.0, "steps": 3, "seconds": 2.0,
             "rows": [{"name": "ours", "last_loss": 1.5}], "lost": {}}  # fmt: skip
    assert "not reached | 1.5 at its end" in report.race(found)


def test_everything_is_printed_written_as_json_and_drawn(fakes, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        measure, "measure_overhead", lambda backend, size, *_: {"backend": backend, "size": size, "error": "not here"}
    )

    def transfer(backend, size, options, encoder, path, *more):
        save(np.full(SHAPE, 0.2), path)
        return {"wall_seconds": 3.0, "steps": 9, "step_seconds": 1.0}

    monkeypatch.setattr(picture, "time_transfer", transfer)
    monkeypatch.setattr(picture, "time_import", lambda backend: 1.0)
    given = {"encoder": "mini", "sizes": (32,), "steps": 3, "race": 20, "backends": ("torch",)}
    assert command.run(**given, out=tmp_path / "a.json", plot=tmp_path / "a.png") == 0
    printed = capsys.readouterr().out
    titles = [line.partition(":")[0] for line in printed.splitlines() if line.startswith("###")]
    assert titles[:2] == ["### A good picture", "### PyTorch tutorial"]
    assert "not here" in printed and printed.endswith(f"saved {tmp_path / 'a.json'}\nsaved {tmp_path / 'a.png'}\n")
    results = json.loads((tmp_path / "a.json").read_text())
    assert set(results) == {"machine", "asked", "pictures", "steps", "races", "whole", "one_pass", "left_out"}
    assert {"processor", "cores", "memory_gb", "torch", "load_before"} <= set(results["machine"])
    assert set(results["steps"][0]) == {"rows", "ratios", "limits", "lost", "busy"}
    watched = [found["busy"] for kind in ("pictures", "steps", "races", "whole") for found in results[kind]]
    assert [each["part"] for each in watched] == [
        "a picture of 32 px", "PyTorch tutorial at 32 px", "the race with the PyTorch tutorial", "a whole run of torch at 32 px",
    ]  # fmt: skip
    assert all(set(each) == {"part", "seconds", "others", "stolen"} for each in watched)
    assert {
        "group", "recipe", "encoder", "width", "height", "name", "backend", "precision", "ran_in", "tile", "ours", "ms", "device",
        "first_step_seconds", "memory_mb", "peak_mb", "gpu_mb", "gflop", "share_of_limit", "loss", "loss_after", "error",
    } == set(results["steps"][0]["rows"][0])  # fmt: skip
    assert str(tmp_path) not in json.dumps(results)
    assert (tmp_path / "a.png").stat().st_size > 10_000
    page = tmp_path / "page.md"
    page.write_text(f"# Speed\n{report.BEGIN}\nold\n{report.END}\nend\n")
    results["steps"][0]["busy"]["others"] = 0.5
    (tmp_path / "a.json").write_text(json.dumps(results))
    report.main([tmp_path / "a.json", page])
    written = page.read_text()
    assert "PyTorch tutorial at 32 px (others took 50% of the processors' time" in written.splitlines()[2]
    assert written.splitlines()[4].startswith("### A good picture")
    assert written.startswith("# Speed\n") and written.endswith(f"{report.END}\nend\n") and "old" not in written
    drawn, *cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in written.splitlines() if line.startswith("| ours")
    ]
    assert drawn[:5] == ["ours torch", "32 px", "3.0 (3.0-3.0)", "2.0, 1.0 of them import", "9"]
    assert cells[0][:2] == ["ours torch float32", "1 (1-1)"] and cells[0][-1] == "2.00 (2.00-2.00)"
    assert ["ours torch float32", "10", "0.0", "", "4.00"] in cells
    page.write_text("# Speed\n")
    with pytest.raises(InputError, match="has no place for figures"):
        report.main([tmp_path / "a.json", page])


def test_ctrl_c_keeps_what_has_been_measured(fakes, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "run_race", interrupt)
    given = {"encoder": "mini", "sizes": (32,), "steps": 2, "race": 20, "backends": ("torch",), "picture": False}
    given |= {"out": tmp_path / "a.json"}
    with pytest.raises(Interrupted) as caught:
        command.run(**given)
    assert caught.value.exit_status == 130
    results = json.loads((tmp_path / "a.json").read_text())
    assert len(results["steps"]) == 1 and results["races"] == []


def test_when_the_minutes_are_over_nothing_more_begins_and_what_was_measured_is_kept(fakes, tmp_path, monkeypatch, capsys):
    """The clock moves by a minute whenever it is read."""
    clock = iter(range(0, 100_000, 60))
    monkeypatch.setattr(command.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(
        measure, "measure_overhead", lambda backend, size, *_: {"backend": backend, "size": size, "error": "not here"}
    )
    given = {"encoder": "mini", "sizes": (32, 48), "steps": 6, "race": 20, "backends": ("torch",), "out": tmp_path / "a.json"}
    assert command.run(**given, picture=False, minutes=1.5) == 0
    printed = capsys.readouterr().out
    left = "PyTorch tutorial at 48 px, the race with the PyTorch tutorial, a whole run of torch at 32 px, a whole run of torch at 48 px"
    assert printed.count("Left out") == 1 and f"\nLeft out, as the 1.5 minutes were over: {left}.\n" in printed
    results = json.loads((tmp_path / "a.json").read_text())
    (found,), rounds = results["steps"], plan.WARM_UP + measure.FEWEST
    assert {row["ms"]["count"] for row in found["rows"]} == {measure.FEWEST} and found["rows"][0]["loss_after"] == rounds
    assert f"Loss after {rounds} steps: PyTorch tutorial {1 / rounds:.3g}" in printed
    assert (results["races"], results["whole"], results["asked"]["minutes"]) == ([], [], 1.5)
    assert results["left_out"] == left.split(", ")


def test_a_race_that_does_not_end_in_time_has_no_winner(fakes, tmp_path):
    assert measure.run_race(plan.races(options())[0], options(), "mini", tmp_path, until=0.0) is None


def test_one_pass_ends_in_time_too(fakes, tmp_path, monkeypatch, capsys):
    clock = iter(range(0, 100_000, 60))
    monkeypatch.setattr(command.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(
        measure, "measure_one_pass", lambda options, threads, folder: {"threads": threads, "rows": [], "lost": {}}
    )
    command.run(encoder="mini", sizes=(32,), one_pass=True, minutes=1.5)
    assert "Left out, as the 1.5 minutes were over: one pass with 2 threads." in capsys.readouterr().out


def test_a_plot_needs_no_race(fakes, tmp_path):
    found = measure.measure_steps(plan.groups(options())[0], options(), "mini", tmp_path)
    assert len(report.draw({"steps": [found], "races": []}).subfigs) == 1


# contenders that fail


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("sys.exit('no such program here')", "no such program here"),
        ("say(device='cpu'); sys.stdin.readline(); sys.exit('out of luck')", "out of luck"),
        ("print('what a library prints', flush=True)", "ended with status 0"),
        ("import os; os.kill(os.getpid(), 9)", "killed by the system: too little memory"),
        ("sys.stdin.readline()", "no answer in 1 s"),
    ],
)
def test_a_contender_that_fails_costs_one_line_and_the_others_continue(run_script, monkeypatch, script, message):
    monkeypatch.setattr(conductor, "PATIENCE", 1 if "no answer" in message else 60)
    good = "say(device='cpu')\nfor line in sys.stdin: say(seconds=[1.0])"
    run_script(f"if given['kind'] == 'bad':\n    {script}\nelse:\n    exec({good!r})")
    failures = {}
    entries = [(plan.Contender(kind, kind, "torch"), {}) for kind in ("bad", "good")]
    with conductor.running(entries, failures) as contenders:
        contenders.for_each(lambda process: process.seconds.extend(process.request(steps=1)["seconds"]))
        (process,) = contenders.running
        assert process.contender.name == "good" and process.seconds == [1.0]
    assert {name: str(error) for name, error in failures.items()} == {"bad": message}
    assert process.process.returncode == 0


def test_no_clock_runs_on_after_ctrl_c(run_script, monkeypatch):
    """It would keep the command waiting for `PATIENCE` seconds, and then end a process of that number."""
    run_script("say(device='cpu'); sys.stdin.readline()")

    def interrupt(stream):
        raise KeyboardInterrupt

    process = conductor.ContenderProcess(plan.Contender("a", "a", "torch"), {})
    try:
        monkeypatch.setattr(conductor.messages, "read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            process.answer()
        assert not [
            thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and not thread.finished.is_set()
        ]
    finally:
        process.end()


def test_the_report_names_what_failed(fakes, tmp_path, monkeypatch):
    class Failing(FakeProcess):
        def request(self, **request):
            if self.contender.name in ("lame", "limit torch bfloat16") and self.count == 2:
                raise conductor.ContenderFailed("out of luck")
            return super().request(**request)

    monkeypatch.setattr(conductor, "ContenderProcess", Failing)
    group = plan.Group("a", "lab", 32, (plan.Contender("lame", "lame", "torch"),), (plan.ours("torch", "float32"),))
    found = measure.measure_steps(group, options(), "mini", tmp_path)
    assert found["rows"][0]["error"] == "out of luck" and "ms" not in found["rows"][0]
    assert found["rows"][1]["ms"]["count"] == 3 and found["ratios"] == []
    assert found["lost"] == {"limit torch bfloat16": "out of luck"} and len(found["limits"]) == 1
    lines = report.group(found).splitlines()
    assert lines[-2:] == ["- lame failed: out of luck", "- limit torch bfloat16 failed: out of luck"]


@pytest.mark.parametrize("status", [1, 2])
def test_a_device_that_no_framework_has_is_one_line_with_its_status(run_script, capsys, status):
    run_script(f"print('no \\'gpu\\' on this machine: leave the device out', file=sys.stderr); sys.exit({status})")
    assert cli.run(["bench", "--device", "gpu", "--encoder", "mini", "--size", "32"]) == status
    out, err = capsys.readouterr()
    assert out == "" and err == "stylelab: no 'gpu' on this machine: leave the device out\n"


# options


def test_both_frameworks_share_one_group_and_each_has_those_of_its_tutorials():
    both = plan.groups(options(backends=("torch", "tensorflow")))
    assert [(group.title, group.recipe) for group in both] == [
        ("PyTorch tutorial", "lab"), ("TensorFlow tutorial", "tf-tutorial"), ("Keras example", "keras"),
    ]  # fmt: skip
    assert {contender.backend for contender in both[0].ours} == {"torch", "tensorflow"}
    assert {contender.backend for contender in both[1].contenders} == {"tensorflow"}
    assert [group.title for group in plan.groups(options(peers=Path(".")))][-1] == "peers"


@pytest.mark.parametrize(("given", "message"), [
    ({"backends": ("jax",)}, "unknown backend 'jax'"), ({"precisions": ("float16",)}, "unknown precision 'float16'"),
    ({"sizes": (8,)}, "too small"), ({"sizes": (0,)}, "got 0"), ({"steps": 1}, "--steps is 1"), ({"minutes": 0.0}, "--minutes is 0"), ({"race": -1}, "--race is -1"),
    ({"tile": -3}, "--tile is -3"), ({"device": "tpu"}, "unknown device 'tpu'"), ({"encoder": "vgg91"}, "did you mean 'vgg19'?"),
    ({"content": "chnia"}, "did you mean 'china'?"), ({"style": "no.png"}, "no image 'no.png'"),
    ({"peers": Path("nowhere")}, "is not a folder"), ({"out": Path("nowhere/a.json")}, "does not exist"),
    ({"out": Path()}, "is a folder"), ({"plot": Path("a.txt")}, "its ending must be one of"),
])  # fmt: skip
def test_a_wrong_option_is_one_line(given, message):
    with pytest.raises(InputError, match="^[^\n]*$") as caught:
        options(**given)
    assert message in str(caught.value)


def test_defaults_depend_on_quick(monkeypatch, tmp_path):
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path))
    usual = plan.check(BenchOptions())
    assert (usual.backends, usual.sizes, usual.precisions) == (("torch", "tensorflow"), (256, 512), ("float32", "auto"))
    assert (usual.steps, usual.race, usual.tile) == (10, 300, None)
    quick = plan.check(BenchOptions(quick=True))
    assert (quick.sizes, quick.steps, quick.race, quick.tile) == ((256,), 5, 0, 0) and plan.races(quick) == []
    assert plan.check(BenchOptions(quick=True, race=5)).race == 5


@pytest.mark.parametrize(("name", "message"), [
    ("tensorflow", "TensorFlow is not installed: run `make lab FRAMEWORK=tensorflow`"), ("onnxruntime", "onnxruntime is not installed"),
])  # fmt: skip
def test_a_missing_framework_is_the_machines_fault(monkeypatch, name, message):
    monkeypatch.delenv("STYLELAB_TENSORFLOW_PYTHON", raising=False)
    for module in (frameworks, processes):
        monkeypatch.setattr(module, "is_installed", lambda each: each == "torch")
    with pytest.raises(MachineError, match=message):
        conductor.ContenderProcess(plan.Contender("a", "limit", name), {})


def test_the_command_line_passes_its_options_on(monkeypatch, capsys):
    seen = {}
    monkeypatch.setattr(command, "run", lambda **given: seen.update(given) or 0)
    line = "bench --quick --backend torch --size 64 --size 32 --precision auto --steps 7 --minutes 2 --device cpu --peers DIR -o a.json"
    assert cli.run(line.split()) == 0
    assert seen == {
        "backends": ("torch",), "sizes": (64, 32), "precisions": ("auto",), "encoder": "vgg19", "steps": 7, "race": None,
        "picture": True, "judge": None,
        "tile": None, "device": "cpu", "content": "china", "style": "coffee", "peers": Path("DIR"), "out": Path("a.json"),
        "plot": None, "minutes": 2.0, "quick": True, "one_pass": False,
    }  # fmt: skip
    assert cli.run(["bench", "--nope"]) == 1 and "--nope" in capsys.readouterr().err
    assert cli.run(["bench", "--size", "big"]) == 1 and "--size" in capsys.readouterr().err
