"""`stylelab bench`: what is counted, who is paired with whom, what a contender that dies costs. No time is asserted."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from stylelab.cli import commands as cli
from stylelab.encoders import LAYERS, find_encoder
from stylelab.errors import InputError, MachineError
from stylelab.tools.bench import (
    chart,
    conductor,
    cost,
    network,
    options,
    page,
    plan,
    race,
    report,
    run,
    steps,
    sums,
    turns,
    whole,
)
from stylelab.tools.bench.options import Asked

# A contender without a framework: a step takes 2 ms, ours 1 ms, by its own account; judged images have the loss of their mean.
FAKE = """
import json, sys
import numpy as np
given = json.loads(sys.argv[1])
kind, precision = given["kind"], given.get("precision")
def tell(**message):
    print(json.dumps(message), flush=True)
if kind == "absent":
    sys.exit("no such program here")
tell(loaded={"device": "cpu"})
made = 0
for line in sys.stdin:
    order = json.loads(line)
    if "judge" in order:
        tell(losses=[float(np.load(path).mean()) for path in order["judge"]])
    elif "image" in order:
        np.save(order["image"], np.full(given["shape"], 1 / made))
        tell()
    else:
        if kind == "dies" and made >= 2:
            sys.exit("out of luck")
        each = {"ours": 0.001, "limit": 0.004}.get(kind, 0.002)
        kept = []
        for _ in range(order["steps"]):
            made += 1
            if "keep" in order and made % order["every"] == 0:
                kept.append([made, f"{order['keep']}/{made}.npy"])
                np.save(kept[-1][1], np.full(given["shape"], 1 / made if kind != "ours" else 0.5 / made))
        tell(seconds=[each] * order["steps"], kept=kept, loss=1.0, own=100.0 if kind == "ours" else 200.0, peak=900.0, gpu=None,
             flop=1e9, side=8, **({"precision": "bfloat16"} if precision == "auto" else {}))
"""
SHAPE = (21, 32, 3)


@pytest.fixture
def fakes(monkeypatch):
    """Contenders that need no framework; every kind behaves as FAKE says."""
    monkeypatch.setattr(
        conductor.processes, "module_command", lambda module, *arguments: [sys.executable, "-c", FAKE, *arguments]
    )
    told = steps.settings_of
    monkeypatch.setattr(steps, "settings_of", lambda *given: told(*given) | {"shape": SHAPE})
    monkeypatch.setattr(race, "settings_of", steps.settings_of)


def asked(**given) -> Asked:
    return options.check(Asked(**{"encoder": "mini", "sizes": (32,), "steps": 3, "race": 20, "backends": ("torch",)} | given))


# --- what is counted --------------------------------------------------------------------------------------------


def test_operations_are_those_of_a_count_by_hand():
    # 8 x 6 pixels, 3 colours -> 4 filters -> 5 filters, pooled to 4 x 3, -> 7 filters; 9 weights each, 2 operations each
    forward = 2 * 9 * (3 * 4 * 48 + 4 * 5 * 48 + 5 * 7 * 12)
    widths = {"conv1_1": 4, "conv1_2": 5, "conv2_1": 7, "conv2_2": 9}
    assert cost.convolutions(widths, ("conv2_1", "conv1_1"), 8, 6) == 2 * forward


def test_an_odd_side_loses_its_last_row_to_the_pooling():
    widths = dict.fromkeys(LAYERS, 1)
    assert cost.convolutions(widths, ("conv2_1",), 5, 7) == 2 * 2 * 9 * (3 * 35 + 35 + 2 * 3)


def test_the_random_encoder_is_a_whole_vgg19(tmp_path):
    spec = find_encoder(network.write_random(tmp_path))
    from stylelab.encoders import read_weights

    found = read_weights(spec, ("conv5_1",))
    assert [len(kernel) for kernel, _ in found.values()] == [64, 64, 128, 128] + [256] * 4 + [512] * 5
    assert (spec.padding, spec.pooling, spec.activations) == ("zeros", "max", "normalised")


# --- medians and pairs ------------------------------------------------------------------------------------------


def test_a_spread_is_median_and_quartiles():
    assert sums.spread([5, 1, 4, 2, 3]) == {"median": 3, "low": 2, "high": 4, "count": 5}


def test_ratios_are_paired_round_by_round():
    # the machine was three times as slow in the last rounds, for both alike: the ratio does not notice
    assert sums.paired([2, 2, 6, 6], [1, 1, 3, 3]) == {"median": 2, "low": 2, "high": 2, "count": 4}
    with pytest.raises(ValueError):
        sums.paired([1, 2], [1])


def test_the_first_loss_below_counts():
    assert sums.first_below([3, 2, 1, 2], 2) == 1
    assert sums.first_below([3.0, 2.0], 1.0) is None


def test_the_share_outside_the_steps_is_of_a_run_of_the_recipes_length():
    found = whole.shares(wall=16.0, steps_seconds=10.0, recipe_steps=300)  # 20 steps of half a second
    assert (found["outside_seconds"], found["share_outside"]) == (6.0, 6 / 156)


# --- taking turns -----------------------------------------------------------------------------------------------


def test_a_contender_steps_when_told_and_keeps_images(tmp_path):
    orders = io.StringIO(json.dumps({"steps": 1}) + "\n" + json.dumps({"steps": 2, "keep": str(tmp_path), "every": 2}) + "\n"
                         + json.dumps({"image": str(tmp_path / "last.npy")}) + "\n")  # fmt: skip
    answers, ticks = io.StringIO(), iter(range(100))
    turn = turns.Turns(orders, answers, clock=lambda: next(ticks))
    turn.wait()
    with pytest.raises(turns.Finished):
        for index in range(9):
            turn(index, lambda index=index: np.full((2, 2, 3), index))
    first, second, image = map(json.loads, answers.getvalue().splitlines())
    assert (first["seconds"], first["kept"], first["loss"]) == ([1], [], 0)
    assert (second["seconds"], second["loss"]) == ([1, 1], 2) and second["kept"] == [[2, str(tmp_path / "000002.npy")]]
    assert np.load(second["kept"][0][1]).mean() == 1 and np.load(tmp_path / "last.npy").mean() == 2
    assert image == {}


# --- a run with contenders that need no framework ---------------------------------------------------------------


def test_a_group_is_measured_paired_and_judged(fakes, tmp_path):
    group = plan.groups(asked())[0]
    found = steps.measure(group, asked(), "mini", tmp_path)
    names = ["PyTorch tutorial", "ours torch float32", "ours torch auto", "ours torch auto, tile 16"]
    assert [row["name"] for row in found["rows"]] == names
    first, ours, auto, _ = found["rows"]
    assert (first["ms"]["median"], ours["ms"]["median"], ours["ms"]["count"]) == (2.0, 1.0, 3)
    assert (first["memory_mb"], ours["memory_mb"], ours["peak_mb"], ours["ours"], first["ours"]) == (200, 100, 900, True, False)
    assert ours["loss"] == pytest.approx(1 / (steps.WARM_UP + 3)) and ours["loss_after"] == steps.WARM_UP + 3
    assert (ours["ran_in"], auto["ran_in"]) == ("float32", "bfloat16")
    assert ours["share_of_limit"]["median"] == pytest.approx(ours["gflop"] * 1e9 / 0.001 / (1e9 / 0.004))
    assert found["ratios"][0]["times_as_fast"]["median"] == 2 and found["ratios"][0]["memory"] == 0.5
    assert [limit["precision"] for limit in found["limits"]] == ["float32", "bfloat16"] and found["lost"] == {}
    assert "2.00 (2.00-2.00) times as fast as PyTorch tutorial" in report.group(found)


@pytest.mark.parametrize(("kind", "words"), [("dies", "out of luck"), ("absent", "no such program here")])
def test_a_contender_that_dies_is_one_line_and_the_others_go_on(fakes, tmp_path, kind, words):
    lame = plan.Contender("lame", kind, "torch")
    group = plan.Group("PyTorch tutorial", "lab", 32, (lame,), (plan.ours("torch", "float32"),))
    found = steps.measure(group, asked(), "mini", tmp_path)
    assert found["rows"][0]["error"] == words and "ms" not in found["rows"][0]
    assert found["rows"][1]["ms"]["count"] == 3 and found["ratios"] == []
    assert f"  lame: {words}" in report.group(found).splitlines()


def test_a_race_ends_where_ours_is_as_good_as_their_last_image(fakes, tmp_path):
    found = race.run(race.races(asked())[0], asked(), "mini", tmp_path)
    # theirs: 1 / 20 after 20 steps of 2 ms; ours: 0.5 / n after n steps of 1 ms, an image every 5 steps
    assert (found["loss"], found["seconds"], found["steps"]) == (pytest.approx(1 / 20), pytest.approx(0.04), 20)
    assert (found["rows"][0]["steps"], found["rows"][0]["seconds"]) == (10, pytest.approx(0.01))
    assert found["rows"][0]["times_as_fast"] == pytest.approx(4)
    assert found["precisions"] == [{"precision": name, "steps": 20, "loss": 0.5 / 20} for name in ("float32", "auto")]
    assert "4.00 times as fast" in report.race(found) and "after 20 steps: float32 0.025, auto 0.025" in report.race(found)


def test_a_race_counts_steps_and_not_what_comes_before_them():
    assert race.steps_only([9.0, 1.0, 2.0]) == [1.0, 1.0, 2.0] and race.steps_only([9.0]) == [9.0] and race.steps_only([]) == []


def test_a_race_that_is_not_won_says_so():
    found = {"against": "a", "recipe": "lab", "encoder": "mini", "size": 32, "loss": 1.0, "steps": 3, "seconds": 2.0,
             "rows": [{"name": "ours", "last_loss": 1.5}], "lost": {}}  # fmt: skip
    assert "ours: not reached; its last loss is 1.5" in report.race(found)


def test_everything_is_written_as_json_and_drawn(fakes, tmp_path, monkeypatch):
    monkeypatch.setattr(run.whole, "measure", lambda backend, size, *_: {"backend": backend, "size": size, "error": "not here"})
    said = []
    run.run(asked(out=tmp_path / "a.json", plot=tmp_path / "a.png"), said.append)
    found = json.loads((tmp_path / "a.json").read_text())
    assert set(found) == {"machine", "asked", "steps", "races", "whole"}
    assert {"processor", "cores", "memory_gb", "torch", "load_before"} <= set(found["machine"])
    assert set(found["steps"][0]) == {"rows", "ratios", "limits", "lost"}
    assert {
        "group", "recipe", "encoder", "width", "height", "name", "backend", "precision", "ran_in", "tile", "ours", "ms", "device",
        "first_step_seconds", "memory_mb", "peak_mb", "gpu_mb", "gflop", "share_of_limit", "loss", "loss_after", "error",
    } == set(found["steps"][0]["rows"][0])  # fmt: skip
    assert str(tmp_path) not in json.dumps(found)
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert "torch, 32 px: not here" in "\n".join(said)
    (tmp_path / "page.md").write_text(f"# Speed\n{page.BEGIN}\nold\n{page.END}\nend\n")
    page.main([tmp_path / "a.json", tmp_path / "page.md"])
    written = (tmp_path / "page.md").read_text()
    assert written.startswith("# Speed\n") and written.endswith(f"{page.END}\nend\n") and "old" not in written
    assert "| ours torch float32 | 1 (1-1) |" in written and "| 2.00 (2.00-2.00) |" in written
    assert "| ours torch float32 | 10 | 0.0 |  | 4.00 |" in written


def test_a_plot_needs_no_race(fakes, tmp_path):
    found = steps.measure(plan.groups(asked())[0], asked(), "mini", tmp_path)
    assert len(chart.draw({"steps": [found], "races": []}).subfigs) == 1


def test_both_frameworks_meet_on_one_recipe_and_each_on_its_tutorials():
    both = plan.groups(asked(backends=("torch", "tensorflow")))
    assert [(group.title, group.recipe) for group in both] == [
        ("PyTorch tutorial", "lab"), ("TensorFlow tutorial", "tf-tutorial"), ("Keras example", "keras"),
    ]  # fmt: skip
    assert {contender.backend for contender in both[0].ours} == {"torch", "tensorflow"}
    assert {contender.backend for contender in both[1].contenders} == {"tensorflow"}
    assert [group.title for group in plan.groups(asked(peers=Path(".")))][-1] == "peers"


# --- what may be wrong in what is asked for ---------------------------------------------------------------------


@pytest.mark.parametrize(("given", "words"), [
    ({"backends": ("jax",)}, "unknown backend 'jax'"), ({"precisions": ("float16",)}, "unknown precision 'float16'"),
    ({"sizes": (8,)}, "too small"), ({"sizes": (0,)}, "got 0"), ({"steps": 1}, "--steps is 1"), ({"race": -1}, "--race is -1"),
    ({"tile": -3}, "--tile is -3"), ({"device": "tpu"}, "unknown device 'tpu'"), ({"encoder": "vgg91"}, "did you mean 'vgg19'?"),
    ({"content": "chnia"}, "did you mean 'china'?"), ({"style": "no.png"}, "no image 'no.png'"),
    ({"peers": Path("nowhere")}, "is no folder"), ({"out": Path("nowhere/a.json")}, "does not exist"),
    ({"out": Path()}, "is a folder"), ({"plot": Path("a.txt")}, "its ending is none of"),
])  # fmt: skip
def test_a_mistake_is_one_line(given, words):
    with pytest.raises(InputError, match="^[^\n]*$") as caught:
        asked(**given)
    assert words in str(caught.value)


def test_what_is_not_said_is_the_usual(monkeypatch, tmp_path):
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path))
    usual = options.check(Asked())
    assert (usual.backends, usual.sizes, usual.precisions) == (("torch", "tensorflow"), (256, 512), ("float32", "auto"))
    quick = options.check(Asked(quick=True))
    assert (quick.sizes, quick.race, quick.tile) == ((256,), 0, 0) and race.races(quick) == []
    assert options.check(Asked(quick=True, race=5)).race == 5


def test_a_framework_that_is_not_installed_is_the_machines_fault(monkeypatch):
    monkeypatch.delenv("STYLELAB_TENSORFLOW_PYTHON", raising=False)
    monkeypatch.setattr(options, "find_spec", lambda name: None)
    with pytest.raises(MachineError, match="tensorflow is not installed"):
        options.python_of("tensorflow")


def test_the_command_line_hands_its_options_on(monkeypatch, capsys):
    from stylelab.tools.bench import command

    seen = {}
    monkeypatch.setattr(command, "run", lambda **given: seen.update(given) or 0)
    line = "bench --quick --backend torch --size 64 --size 32 --precision auto --steps 7 --device cpu --peers DIR -o a.json"
    assert cli.run(line.split()) == 0
    assert seen == {
        "backends": ("torch",), "sizes": (64, 32), "precisions": ("auto",), "encoder": "vgg19", "steps": 7, "race": None,
        "tile": None, "device": "cpu", "content": "china", "style": "coffee", "peers": Path("DIR"), "out": Path("a.json"),
        "plot": None, "quick": True,
    }  # fmt: skip
    assert cli.run(["bench", "--nope"]) == 1 and "--nope" in capsys.readouterr().err
    assert cli.run(["bench", "--size", "big"]) == 1 and "--size" in capsys.readouterr().err


@pytest.mark.parametrize("status", [1, 2])
def test_what_no_framework_can_do_costs_one_line_and_its_status(monkeypatch, capsys, status):
    script = f"import sys; print('no \\'gpu\\' on this machine: leave the device out', file=sys.stderr); sys.exit({status})"
    monkeypatch.setattr(conductor.processes, "module_command", lambda *_: [sys.executable, "-c", script])
    assert cli.run(["bench", "--device", "gpu", "--encoder", "mini", "--size", "32"]) == status
    out, err = capsys.readouterr()
    assert out == "" and err == "stylelab: no 'gpu' on this machine: leave the device out\n"
