"""The contenders compute what they claim: the tutorials' losses are the recipes' on the same images, ours is `transfer`."""

import importlib
import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace

import devices
import numpy as np
import pytest

from stylelab.base import processes
from stylelab.errors import MachineError
from stylelab.tools.bench import contender, turns

LOOPS = {
    "torch": [("pytorch_tutorial", "run", "lab")],
    "tensorflow": [("tensorflow_tutorial", "run", "tf-tutorial"), ("tensorflow_tutorial", "run_keras", "keras")],
}


class Enough(Exception):
    """All wanted steps have been made."""


class Recorder:
    """Takes the place of `Turns`: records the losses of the first steps and the images after them."""

    def __init__(self, steps: int):
        self.steps, self.losses, self.images = steps, [], []

    def note(self, **notes):
        pass

    def __call__(self, loss, read):
        self.losses.append(float(loss))
        self.images.append(read and read())
        if len(self.losses) == self.steps:
            raise Enough


def settings(framework, recipe, **more):
    return {"content": "china", "style": "coffee", "recipe": recipe, "size": 48, "encoder": "mini", "total_steps": 9,
            "device": "cpu", "backend": framework, **more}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1])
def test_a_tutorials_loss_is_the_recipes(framework, sl, number, monkeypatch):
    if number >= len(LOOPS[framework]):
        pytest.skip("PyTorch has one tutorial")
    module, function, recipe = LOOPS[framework][number]
    if recipe == "tf-tutorial":  # its total variation is too small a part of the loss for an error in it to show
        original = turns.recipe_of(settings(framework, recipe))
        heavy = replace(original, normalised=replace(original.normalised, tv=1e-2))
        monkeypatch.setattr(turns, "recipe_of", lambda given: heavy)
    given, recorder = settings(framework, recipe), Recorder(4)
    with pytest.raises(Enough):
        getattr(importlib.import_module(f"stylelab.tools.bench.{module}"), function)(given, recorder)
    loss, job = contender.loss_of(given), turns.job_of(given)
    # PyTorch's closure reports the loss of the image as it is; the others update the image before they report
    before = recorder.images if framework == "torch" else [job.start, *recorder.images[:-1]]
    np.testing.assert_allclose(recorder.losses, [loss(image) for image in before], rtol=2e-3)
    assert len(set(recorder.losses)) == 4


@pytest.mark.slow
def test_on_random_filters_the_losses_of_the_keras_example_and_of_ours_fall(framework, sl):
    """With its own learning rate they are infinite after five steps."""
    runs, given = [contender.ours], settings(framework, "keras", encoder="random", precision="float32")
    if framework == "tensorflow":
        runs.append(importlib.import_module("stylelab.tools.bench.tensorflow_tutorial").run_keras)
    for run in runs:
        recorder = Recorder(6)
        with pytest.raises(Enough):
            run(given, recorder)
        assert np.all(np.diff(recorder.losses) < 0)
    assert turns.recipe_of(given).optimiser.learning_rate < turns.recipe_of(given | {"encoder": "mini"}).optimiser.learning_rate


def test_ours_is_transfer_itself(framework, sl):
    recorder = Recorder(3)
    with pytest.raises(Enough):
        contender.ours(settings(framework, "lab", precision="float32"), recorder)
    loss = contender.loss_of(settings(framework, "lab"))
    assert recorder.losses[1] == pytest.approx(loss(recorder.images[0]), rel=1e-2)  # images are clipped when they are read


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_limit_multiplies_square_matrices(framework, sl, precision, monkeypatch):
    monkeypatch.setattr(contender, "SIDES", {"cpu": (16, 32)})
    monkeypatch.setattr(sl, "find_precision", lambda name, device: "bfloat16")
    recorder, notes = Recorder(2), {}
    recorder.note = notes.update
    with pytest.raises(Enough):
        contender.limit({"backend": framework, "device": "cpu", "precision": precision}, recorder)
    assert notes["side"] in (16, 32) and notes["flop"] == 2 * notes["side"] ** 3


def test_without_arithmetic_in_bfloat16_its_limit_is_not_measured_for_minutes(framework, sl, monkeypatch):
    monkeypatch.setattr(contender, "SIDES", {"cpu": (16, 32)})
    monkeypatch.setattr(sl, "find_precision", lambda name, device: "float32")
    with pytest.raises(MachineError, match="^cpu.* has no fast arithmetic in bfloat16$"):
        contender.limit({"backend": framework, "device": "cpu", "precision": "bfloat16"}, Recorder(2))


@pytest.mark.slow
def test_a_contender_answers_in_a_process_of_its_own(framework, sl, tmp_path):
    given = settings(framework, "lab", kind="ours", precision="float32")
    requests = [{"steps": 1}, {"steps": 2}, {"image": str(tmp_path / "a.npy")}]
    done = subprocess.run(
        processes.module_command("stylelab.tools.bench.contender", json.dumps(given)),
        input="".join(json.dumps(request) + "\n" for request in requests), capture_output=True, text=True, timeout=600,
        env=processes.module_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded, first, second, image = map(json.loads, done.stdout.splitlines())
    assert loaded["backend"] == framework and "cpu" in loaded["device"].lower()
    assert len(first["seconds"]) == 1 and len(second["seconds"]) == 2 and second["loss"] < first["loss"]
    assert 0 < second["own"] < second["peak"] and second["gpu"] is None and image == {}
    assert np.load(tmp_path / "a.npy").shape == (32, 48, 3)


PEER = """
import torch
class STIterate:
    def __init__(self, loss): self.loss = loss
class StyleTransfer:
    def __init__(self, devices): self.features = models.vgg19(weights=models.VGG19_Weights.IMAGENET1K_V1).features
    def get_image_tensor(self): return self.image
    def stylize(self, content, styles, *, end_scale, initial_iterations, callback, min_scale=0, iterations=0):
        assert content.size == (48, 32) and (end_scale, min_scale) == (48, 48)
        for index in range(initial_iterations):
            self.image = torch.full((3, 32, 48), float(index))
            callback(STIterate(self.features(self.image[None]).sum().detach()))
"""

NEURAL_STYLE = """
import argparse, sys
import numpy, torch
from torch import optim
import CaffeLoader
parser = argparse.ArgumentParser()
for name in ("content_image", "style_image", "model_file", "init", "image_size", "num_iterations", "print_iter", "save_iter",
             "output_image", "gpu", "pooling"):
    parser.add_argument("-" + name)
parser.add_argument("-disable_check", action="store_true")
params = parser.parse_args()
def deprocess(image): return (255 * image[0].permute(1, 2, 0)).numpy().astype(numpy.uint8)
def main():
    assert CaffeLoader.channel_list["VGG-19"][:3] == [32, 48, "P"] and params.num_iterations == "9"
    assert params.pooling == "avg"
    assert "features.0.weight" in torch.load(params.model_file)
    image = torch.nn.Parameter(torch.full((1, 3, 4, 6), 0.6))
    optimizer = optim.LBFGS([image], max_iter=4)
    def feval():
        optimizer.zero_grad()
        loss = (image - 0.2).square().sum()
        loss.backward()
        return loss
    optimizer.step(feval)
"""


def test_neural_style_pt_runs_from_the_users_folder_until_it_ends(framework, sl, tmp_path, monkeypatch):
    if framework != "torch":
        pytest.skip("the peers are written in PyTorch")
    from stylelab.tools.bench import peers

    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "neural-style-pt"
    folder.mkdir()
    (folder / "CaffeLoader.py").write_text("channel_list = {}")
    (folder / "neural_style.py").write_text(NEURAL_STYLE)
    recorder = Recorder(99)
    recorder.count = 2
    with pytest.raises(MachineError, match="neural-style-pt made only 2 steps"):
        peers.neural_style_pt(settings(framework, "lab", kind="neural-style-pt", peers=str(tmp_path)), recorder)
    assert recorder.losses[0] == pytest.approx(72 * 0.16) and recorder.losses[1] < recorder.losses[0]
    assert recorder.images[0].shape == (4, 6, 3) and recorder.images[0].mean() == pytest.approx(0.6, abs=0.01)
    for name in ("CaffeLoader", "neural_style"):
        monkeypatch.delitem(sys.modules, name)


def test_style_transfer_pytorch_runs_from_the_users_folder_with_our_filters(framework, sl, tmp_path, monkeypatch):
    if framework != "torch":
        pytest.skip("the peers are written in PyTorch")
    from stylelab.tools.bench import peers

    given = settings(framework, "lab", kind="style-transfer-pytorch", peers=str(tmp_path))
    with pytest.raises(MachineError, match="git clone https://github.com/crowsonkb/style-transfer-pytorch"):
        peers.style_transfer_pytorch(given, Recorder(2))
    folder = tmp_path / "style-transfer-pytorch" / "style_transfer"
    folder.mkdir(parents=True)
    (folder / "style_transfer.py").write_text(PEER)
    recorder = Recorder(2)
    with pytest.raises(Enough):
        peers.style_transfer_pytorch(given, recorder)
    assert [image[0, 0, 0] for image in recorder.images] == [0, 1]
    for name in [name for name in sys.modules if name.startswith("style_transfer")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("preprocessing", ["OXFORD", "TORCHVISION"])
def test_filters_adapted_to_a_peer_give_the_same_responses(framework, sl, rng, preprocessing):
    if framework != "torch":
        pytest.skip("the peers are written in PyTorch")
    import torch

    from stylelab import encoders
    from stylelab.tools.bench import peers

    way, given = getattr(encoders, preprocessing), turns.work_of(settings(framework, "lab"))
    image = rng.random((1, 3, 24, 24), np.float32)
    colours = image[:, ::-1] if way["channels"] == "BGR" else image
    mean, std = (np.array(way[name]).reshape(1, 3, 1, 1) for name in ("mean", "std"))
    theirs = peers.features(given, way)[:7](torch.tensor((colours * way["scale"] - mean) / std, dtype=torch.float32))
    own = sl.load_encoder("mini", ["conv2_1"], device="cpu")(torch.tensor(image))["conv2_1"]  # with its padding and pooling
    np.testing.assert_allclose(theirs.detach() / peers.loudness(way), own, rtol=1e-3, atol=1e-3)
    assert peers.loudness(way) == pytest.approx({"OXFORD": 128.7, "TORCHVISION": 2.24}[preprocessing], rel=0.01)


def test_the_library_never_imports_the_bench():
    code = "import sys, stylelab.run.prepare, stylelab.cli.transfer; sys.exit('stylelab.tools.bench' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ours", "limit", *(kind for kind in contender.KINDS if kind.endswith("tutorial"))])
def test_a_contender_is_the_same_on_a_gpu(framework, sl, kind, monkeypatch):
    monkeypatch.setattr(contender, "SIDES", dict.fromkeys(("cpu", "gpu"), (16, 32)))
    module, function, only = contender.KINDS[kind]
    if only not in (None, framework):
        pytest.skip(f"of {only}")
    run = getattr(importlib.import_module(f"stylelab.tools.bench.{module}"), function)
    recipe = "keras" if function == "run_keras" else "lab"
    play, second = {"torch": (devices.nvidia, "cuda:1"), "tensorflow": (devices.other_processors, "gpu:1")}[framework]
    losses = []
    for playing, device in ((nullcontext(), "cpu"), (play(), second)):
        recorder = Recorder(3)
        with playing, pytest.raises(Enough):
            run(settings(framework, recipe, precision="float32", device=device), recorder)
        losses.append(recorder.losses)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
