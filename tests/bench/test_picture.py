"""The time to a good picture: what is counted, when another program's image is as good, what the table says."""

import json
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stylelab import encoders
from stylelab.encoders import find_encoder
from stylelab.errors import InputError, MachineError
from stylelab.images import save
from stylelab.tools.bench import conductor, contender, picture, plan, report, turns
from stylelab.tools.bench.plan import BenchOptions

SHAPE = (21, 32, 3)


class Rival(conductor.ContenderProcess):
    """A program in this process, whose steps take 2 s by its own account; after n of them, its image is 1 / n everywhere.

    The judge's style error is the image's mean, and so is its content error; the filters' judge doubles them.
    """

    ends, fails = 10**6, 10**6

    def __init__(self, contender, settings):
        self.contender, self.settings, self.last, self.made = contender, settings, {}, 0

    def answer(self):
        return {}

    def request(self, **request):
        if "judge" in request:
            means = [float(np.load(path).mean()) * (2 if "gram" in self.settings else 1) for path in request["judge"]]
            return {"parts": [{"style": mean, "content": mean} for mean in means]}
        if "image" in request:
            np.save(request["image"], np.full(SHAPE, 1 / self.made))
            return {}
        if self.made >= self.fails:
            raise conductor.ContenderFailed("out of luck")
        steps = min(request["steps"], self.ends - self.made)
        self.made += steps
        self.last |= {"seconds": [2.0] * steps, "flop": 1e9} | ({"ended": True} if self.made == self.ends else {})
        return self.last

    def end(self):
        pass


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Measure a picture of 32 px, made by 24 steps in 30 and 32 s of which 20 are steps; its errors are `error`."""

    def measure(error, *, rival=Rival, **given):
        wall = iter((30.0, 32.0, 30.0, 32.0))

        def transfer(backend, size, options, encoder, path, *more):
            save(np.full(SHAPE, error), path)
            return {"wall_seconds": next(wall), "steps": 24, "step_seconds": 20.0}

        monkeypatch.setattr(picture, "time_transfer", transfer)
        monkeypatch.setattr(picture, "time_import", lambda backend: 3.0)
        monkeypatch.setattr(conductor, "ContenderProcess", rival)
        ticks = count()
        monkeypatch.setattr(picture, "time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
        options = plan.check(BenchOptions(**{"encoder": "mini", "sizes": (32,), "backends": ("torch",)} | given))
        return picture.measure_picture(32, options, "mini", tmp_path)

    monkeypatch.setattr(plan, "REAL_FILTERS", tmp_path / "no such file")
    return measure


def test_ours_is_timed_from_the_command_to_the_image(run):
    ours = run(0.6)["rows"][0]
    assert (ours["name"], ours["seconds"]["median"], ours["seconds"]["count"], ours["steps"]) == ("ours torch", 31, 2, 24)
    assert (ours["outside_seconds"], ours["import_seconds"]) == (11, 3)
    assert ours["errors"]["encoder"] == {"style": pytest.approx(0.6), "content": pytest.approx(0.6)}


def test_another_program_is_timed_from_its_start_to_its_first_image_that_is_as_good(run):
    found = run(0.06)
    tutorial = found["rows"][1]
    # its start takes 1 s; 1/10 after ten steps, 1/20 after twenty: the first of at most 0.06 (15.3 levels of 255 are 15)
    assert (tutorial["name"], tutorial["steps"], tutorial["seconds"]["median"]) == ("PyTorch tutorial", 20, 41)
    assert tutorial["reached"] == {"encoder": 41} and tutorial["errors"]["encoder"]["style"] == pytest.approx(1 / 20)
    assert [limit["gflops"]["median"] for limit in found["limits"]] == [0.5, 0.5]


def test_another_program_has_three_times_our_seconds(run):
    tutorial = run(0.001)["rows"][1]  # 93 s: with ten steps of 2 s each, it starts its last ten after 81
    assert (tutorial["steps"], tutorial["last_seconds"], tutorial["reached"]) == (50, 101, {"encoder": None})
    assert "seconds" not in tutorial and tutorial["errors"]["encoder"]["style"] == pytest.approx(1 / 50)


def test_a_program_that_ends_or_fails_keeps_the_images_that_it_has_made(run, monkeypatch, tmp_path):
    class Ending(Rival):
        ends = 13

    found = run(0.08, rival=Ending, backends=("torch",))
    assert found["rows"][1]["track"]["steps"] == [10, 13] and found["rows"][1]["seconds"]["median"] == 27 and not found["lost"]

    class Failing(Rival):
        fails = 10

    (tmp_path / "picture-32").rename(tmp_path / "before")
    found = run(0.08, rival=Failing)
    assert found["rows"][1]["track"]["steps"] == [10] and found["rows"][1]["reached"] == {"encoder": None}
    assert found["lost"] == {"PyTorch tutorial": "out of luck"}


def test_a_quick_bench_makes_a_few_steps(run, monkeypatch):
    found = run(0.01, quick=True)
    assert found["steps_at_most"] == found["rows"][1]["steps"] == plan.QUICK_STEPS
    assert "these pictures are not good yet" in report.pictures([found])


@pytest.mark.parametrize(
    ("style", "content", "good"), [(0.2, 0.3, True), (0.1, 0.1, True), (0.21, 0.1, False), (0.1, 0.31, False)]
)
def test_both_errors_must_be_as_small(style, content, good):
    target = {"encoder": {"style": 0.2, "content": 0.3}}
    assert picture.as_good({"encoder": {"style": style, "content": content}}, target, "encoder") is good
    assert not picture.as_good({}, target, "encoder")  # a judge that failed


def test_without_our_picture_nobody_is_measured(run, monkeypatch):
    def fail(*_):
        raise MachineError("no room")

    monkeypatch.setattr(picture, "spread", fail)
    monkeypatch.setattr(picture, "limit_now", lambda options: [])
    found = run(0.1)
    assert found["rows"] == [] and found["lost"] == {"ours torch": "no room"}
    assert report.pictures([found]).endswith("- ours torch failed at 32 px: no room")


def test_other_filters_judge_too(run, tmp_path, monkeypatch):
    file = tmp_path / "filters.safetensors"
    monkeypatch.setattr(plan, "REAL_FILTERS", file)
    encoder = find_encoder("mini")
    encoders.save(file, encoders.read_weights(encoder, ["conv3_1"]), encoder)
    found = run(0.06)
    assert found["rows"][0]["errors"]["filters"]["style"] == pytest.approx(2 * found["rows"][0]["errors"]["encoder"]["style"])
    assert found["rows"][1]["reached"] == {"encoder": 41, "filters": 41}
    text = report.pictures([found])
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    assert cells[2] == ["ours torch", "32 px", "31.0 (30.5-31.5)", "11.0, 3.0 of them import", "24", "0.059", "0.059",
                        "style 0.118, content 0.118"]  # fmt: skip
    assert cells[3] == ["PyTorch tutorial", "32 px", "41.0", "1.0 import", "20", "0.050", "0.050",
                        "style 0.100, content 0.100; as good after 41.0 s"]  # fmt: skip
    worse = found["rows"][1] | {"reached": {"encoder": None, "filters": None}}
    del worse["seconds"]
    text = report.pictures([found | {"rows": [worse]}])
    assert f"not reached in {worse['last_seconds']:.0f}" in text and "content 0.100; not reached" in text


def test_peers_plan_their_steps_as_their_command_lines_do(run, tmp_path):
    seen = {}

    class Noting(Rival):
        def __init__(self, contender, settings):
            super().__init__(contender, settings)
            seen[contender.name] = settings

    found = run(0.06, rival=Noting, peers=tmp_path)
    assert [row["name"] for row in found["rows"][1:]] == ["PyTorch tutorial", *plan.PEERS]
    assert {name: (seen[name]["total_steps"], seen[name]["recipe"]) for name in ("PyTorch tutorial", *plan.PEERS)} == {
        "PyTorch tutorial": (1000, "lab"), "style-transfer-pytorch": (24, "lab"), "neural-style-pt": (1000, "lab"),
    }  # fmt: skip
    assert seen["style-transfer-pytorch"]["small_to_large"] and seen["judge by encoder"]["recipe"] == "stylelab"


def test_pictures_have_their_own_sizes_and_can_be_left_out(monkeypatch, tmp_path):
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path))
    monkeypatch.setattr(plan, "REAL_FILTERS", tmp_path / "no such file")
    usual = plan.check(BenchOptions())
    assert usual.pictures == (256, 512, 1024) and usual.judge is None and plan.picture_encoder(usual) == "mini"
    assert plan.check(BenchOptions(race=0)).pictures == (256, 512, 1024)
    assert plan.check(BenchOptions(quick=True)).pictures == (256,) and plan.check(BenchOptions(sizes=(64,))).pictures == (64,)
    assert plan.check(BenchOptions(picture=False)).pictures == plan.check(BenchOptions(one_pass=True)).pictures == ()
    with pytest.raises(InputError, match="no weights file"):
        plan.check(BenchOptions(judge=Path("nowhere.safetensors")))


# the judge


def settings(framework, **more):
    return {"content": "china", "style": "coffee", "recipe": "stylelab", "size": 48, "encoder": "mini", "total_steps": 9,
            "device": "cpu", "backend": framework, **more}  # fmt: skip


@pytest.mark.parametrize("gram", [False, True])
def test_the_content_image_has_no_content_error_and_a_style_error_of_one(framework, sl, gram):
    given = settings(framework, gram=gram)
    errors, job = contender.parts_of(given), turns.job_of(given)
    image = np.random.default_rng(0).random(job.content.shape, np.float32)
    own, noise = errors(job.content), errors(image)
    assert own == {"content": pytest.approx(0, abs=1e-5), "style": pytest.approx(1, rel=1e-3)}
    encoder = sl.load_encoder("mini", ["conv3_1"], device="cpu")
    deep = [encoder(sl.to_tensor(each, "cpu"))["conv3_1"] for each in (image, job.content)]
    assert noise["content"] == pytest.approx(float(sl.content_loss(*deep)), rel=1e-3)  # without its weight
    assert noise["content"] > 0.1 and abs(noise["style"] - 1) > 0.1
    half = job.content[::2, ::2].copy()  # of a smaller size: it is enlarged
    assert 0 < errors(half)["content"] < noise["content"]
    assert errors(job.content)["style"] == own["style"]


def test_weights_without_a_description_are_read_as_vgg19(framework, sl, tmp_path, real_weights):
    if framework != "torch":
        pytest.skip("the other judge is written in PyTorch")
    sys.path.insert(0, str(Path(__file__).parents[1] / "core"))
    import judge

    sys.path.pop(0)
    file = picture.as_encoder(real_weights, tmp_path)
    encoder = sl.load_encoder(str(file), ["conv3_1"], device="cpu")
    image = np.random.default_rng(0).random((32, 48, 3), np.float32)
    theirs = judge.activations(image)["conv3_1"].numpy()
    np.testing.assert_allclose(encoder(sl.to_tensor(image, "cpu"))["conv3_1"][0].detach().numpy(), theirs, rtol=1e-3, atol=1e-3)
    assert picture.as_encoder(file, tmp_path / "elsewhere") == file


@pytest.mark.slow
def test_the_real_command_and_the_real_tutorial(framework, sl, tmp_path, monkeypatch):
    if framework != "torch":
        pytest.skip("the tutorial is written in PyTorch")
    monkeypatch.setattr(picture, "SMALL", 0)
    monkeypatch.setattr(picture, "limit_now", lambda options: [])
    monkeypatch.setattr(plan, "REAL_FILTERS", tmp_path / "no such file")
    options = plan.check(BenchOptions(sizes=(48,), backends=("torch",), device="cpu", encoder="mini", quick=True))
    found = picture.measure_picture(48, options, "mini", tmp_path)
    json.dumps(found)
    assert found["lost"] == {} and [row["name"] for row in found["rows"]] == ["ours torch", "PyTorch tutorial"]
    ours, tutorial = found["rows"]
    assert 0 < ours["outside_seconds"] < ours["seconds"]["median"] and ours["steps"] == plan.QUICK_STEPS
    assert 0 < ours["errors"]["encoder"]["style"] < 1 and ours["errors"]["encoder"]["content"] > 0
    assert tutorial["track"]["steps"][0] == picture.EVERY and 0 < tutorial["start_seconds"] < tutorial["last_seconds"]
