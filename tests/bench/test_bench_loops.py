"""The tutorials' loops that ours is measured against compute what they should: the same losses on the same images."""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from stylelab.base import processes
from stylelab.tools.bench import judge, ours, work

LOOPS = {
    "torch": [("pytorch_tutorial", "lab")],
    "tensorflow": [("tensorflow_tutorial", "tf-tutorial"), ("keras_tutorial", "keras")],
}


class Enough(Exception):
    """As many steps as were wanted."""


class Listener:
    """Stands for the conductor: takes down the losses of the first steps and the images that they started from."""

    def __init__(self, steps: int):
        self.steps, self.losses, self.images = steps, [], []

    def note(self, **notes):
        pass

    def __call__(self, loss, read):
        self.losses.append(float(loss))
        self.images.append(read())
        if len(self.losses) == self.steps:
            raise Enough


def settings(framework, recipe, **more):
    return {"content": "china", "style": "coffee", "recipe": recipe, "size": 48, "encoder": "mini", "total_steps": 9,
            "device": "cpu", "backend": framework, **more}  # fmt: skip


@pytest.mark.parametrize("number", [0, 1])
def test_a_tutorials_loss_is_the_recipes(framework, sl, number, monkeypatch):
    if number >= len(LOOPS[framework]):
        pytest.skip("this framework has one tutorial less")
    name, recipe = LOOPS[framework][number]
    if recipe == "tf-tutorial":  # its total variation is too small a part of the loss to be missed
        found = work.recipe_of(recipe)
        heavy = replace(found, normalised=replace(found.normalised, tv=1e-2))
        monkeypatch.setattr(work, "recipe_of", lambda name: heavy)
    given, listener = settings(framework, recipe), Listener(4)
    with pytest.raises(Enough):
        importlib.import_module(f"stylelab.tools.bench.{name}").run(given, listener)
    loss = judge.loss_of(given)
    job = work.job_of(given)
    # PyTorch's closure tells the loss of the image as it is; the others move it before they tell
    before = listener.images if framework == "torch" else [job.start, *listener.images[:-1]]
    np.testing.assert_allclose(listener.losses, [loss(image) for image in before], rtol=2e-3)
    assert len(set(listener.losses)) == 4


def test_ours_is_transfer_as_it_is(framework, sl):
    listener = Listener(3)
    with pytest.raises(Enough):
        ours.run(settings(framework, "lab", precision="float32"), listener)
    loss = judge.loss_of(settings(framework, "lab"))
    assert listener.losses[1] == pytest.approx(loss(listener.images[0]), rel=1e-2)  # images that are read are clipped


def test_a_contender_answers_in_a_process_of_its_own(framework, sl, tmp_path):
    given = settings(framework, "lab", kind="ours", precision="float32")
    orders = [{"steps": 1}, {"steps": 2}, {"image": str(tmp_path / "a.npy")}]
    done = subprocess.run(
        processes.module_command("stylelab.tools.bench.contender", json.dumps(given)),
        input="".join(json.dumps(order) + "\n" for order in orders), capture_output=True, text=True, timeout=600,
        env=processes.module_environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded, first, second, image = map(json.loads, done.stdout.splitlines())
    assert loaded["loaded"]["backend"] == framework and "cpu" in loaded["loaded"]["device"]
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


def test_a_peer_runs_from_the_users_folder_with_our_filters(framework, sl, tmp_path, monkeypatch):
    if framework != "torch":
        pytest.skip("the peers are written in PyTorch")
    from stylelab.errors import MachineError
    from stylelab.tools.bench import peers

    given = settings(framework, "lab", kind="style-transfer-pytorch", peers=str(tmp_path))
    with pytest.raises(MachineError, match="git clone https://github.com/crowsonkb/style-transfer-pytorch"):
        peers.style_transfer_pytorch(given, Listener(2))
    folder = tmp_path / "style-transfer-pytorch" / "style_transfer"
    folder.mkdir(parents=True)
    (folder / "style_transfer.py").write_text(PEER)
    listener = Listener(2)
    with pytest.raises(Enough):
        peers.style_transfer_pytorch(given, listener)
    assert [image[0, 0, 0] for image in listener.images] == [0, 1]
    for name in [name for name in sys.modules if name.startswith("style_transfer")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("preprocessing", ["OXFORD", "TORCHVISION"])
def test_filters_given_to_a_peer_see_the_same_image(framework, sl, rng, preprocessing):
    if framework != "torch":
        pytest.skip("the peers are written in PyTorch")
    import torch

    from stylelab import encoders
    from stylelab.tools.bench import peers

    way, given = getattr(encoders, preprocessing), work.make_ready(settings(framework, "lab"))
    image = rng.random((1, 3, 24, 24), np.float32)
    colours = image[:, ::-1] if way["channels"] == "BGR" else image
    mean, std = (np.array(way[name]).reshape(1, 3, 1, 1) for name in ("mean", "std"))
    theirs = peers.features(given, way)[:2](torch.tensor((colours * way["scale"] - mean) / std, dtype=torch.float32))
    own = sl.load_encoder("mini", ["conv1_1"], device="cpu")(torch.tensor(image))["conv1_1"]
    np.testing.assert_allclose(
        theirs.detach()[:, :, 1:-1, 1:-1], own[:, :, 1:-1, 1:-1], rtol=1e-3, atol=1e-4
    )  # the borders differ


def test_nothing_of_a_tutorial_is_in_the_way_of_the_library():
    """The library never imports what it is measured with."""
    code = "import sys, stylelab.run.prepare, stylelab.cli.transfer; sys.exit(any(name.startswith('stylelab.tools.bench') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ).returncode == 0
