"""Two other programs, run from clones in a folder of the user's. They import their own code and get our filters and images.

Nothing of theirs is in this repository, and nothing is downloaded: our filters replace those that they would download.
"""

import importlib
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from stylelab.encoders import LAYERS, OXFORD, POOL_AFTER, TORCHVISION
from stylelab.errors import MachineError
from stylelab.recipes import find_recipe
from stylelab.tools.bench.plan import PEERS
from stylelab.tools.bench.turns import Turns, Work, work_of
from stylelab.torch import find_device


def find_clone(folder: str, name: str) -> Path:
    """The folder of a clone.

    Raises:
        MachineError: the clone is not there.
    """
    address, file = PEERS[name]
    clone = Path(folder) / name
    if not (clone / file).is_file():
        raise MachineError(f"{name} is not in '{folder}': git clone {address} {clone}")
    return clone


def style_transfer_pytorch(settings: dict, turns: Turns) -> None:
    """crowsonkb/style-transfer-pytorch: at one size to time its steps, or from small to large, which is its default."""
    clone, work = find_clone(settings["peers"], settings["kind"]), work_of(settings)
    package = types.ModuleType("style_transfer")  # without its __init__, which starts a web interface
    package.__path__ = [str(clone / "style_transfer")]
    sys.modules["style_transfer"] = package
    module: Any = importlib.import_module("style_transfer.style_transfer")
    module.models = types.SimpleNamespace(
        vgg19=lambda **_: types.SimpleNamespace(features=features(work)),
        VGG19_Weights=types.SimpleNamespace(IMAGENET1K_V1=None),
    )
    transfer = module.StyleTransfer(devices=[str(find_device(settings["device"]))])
    steps = settings["total_steps"]
    schedule = {"min_scale": settings["size"], "initial_iterations": steps}
    if settings.get("small_to_large"):
        schedule = {"initial_iterations": steps, "iterations": steps // 2}  # the proportion of its defaults, 1000 and 500
    transfer.stylize(
        _image(work.job.content), [_image(work.job.style)], end_scale=settings["size"], **schedule,
        callback=lambda step: turns(step.loss, lambda: transfer.get_image_tensor().cpu().numpy().transpose(1, 2, 0)),
    )  # fmt: skip
    turns.last(lambda: np.asarray(transfer.get_image(), np.float32) / 255)


def neural_style_pt(settings: dict, turns: Turns) -> None:
    """ProGamerGov/neural-style-pt from the content image, with its own L-BFGS. Each evaluation of the loss is a step."""
    clone, work = find_clone(settings["peers"], settings["kind"]), work_of(settings)
    sys.path.insert(0, str(clone))

    class TimedLBFGS(torch.optim.LBFGS):
        def step(self, closure):
            image = self.param_groups[0]["params"][0]

            def timed():
                loss = closure()
                turns(loss.item(), lambda: np.asarray(module.deprocess(image.detach().clone()), np.float32) / 255)
                return loss

            return super().step(timed)

    with tempfile.TemporaryDirectory() as folder:
        for name in ("content", "style"):
            _image(getattr(work.job, name)).save(f"{folder}/{name}.png")
        state = {f"features.{key}": value for key, value in features(work, OXFORD).state_dict().items()}
        torch.save(state, f"{folder}/vgg19.pth")
        on_cpu = find_device(settings["device"]).type == "cpu"
        sys.argv = [
            "neural_style.py", "-content_image", f"{folder}/content.png", "-style_image", f"{folder}/style.png",
            "-model_file", f"{folder}/vgg19.pth", "-disable_check", "-init", "image", "-image_size", str(settings["size"]),
            "-num_iterations", str(settings["total_steps"]), "-print_iter", "0", "-save_iter", "0",
            "-pooling", "max" if work.pooling == "max" else "avg", "-output_image", f"{folder}/out.png", *(["-gpu", "c"] if on_cpu else ["-backend", "cudnn"]),
        ]  # fmt: skip
        widths = [entry for layer in LAYERS for entry in (_width(work, layer), *(["P"] if layer in POOL_AFTER else []))]
        importlib.import_module("CaffeLoader").channel_list["VGG-19"] = widths
        module: Any = importlib.import_module("neural_style")
        module.optim = types.SimpleNamespace(LBFGS=TimedLBFGS)
        module.main()
        raise MachineError(f"neural-style-pt made only {turns.count} steps")


def features(work: Work, preprocessing: dict = TORCHVISION) -> nn.Sequential:
    """torchvision's `vgg19().features` with our filters, for a program that preprocesses images itself.

    The first convolution is adapted to images that enter as (image * scale - mean) / std instead of ours: it gives the same
    responses, except at the borders of an encoder that pads with zeros, which mean another colour. Filters with a mean activation
    of 1 are made as loud as VGG-19's own, for which the program's weights of style, content and total variation are meant. Layers deeper than our filters keep
    their random ones and are not used.
    """
    layers, channels, pool = [], 3, nn.MaxPool2d if work.pooling == "max" else nn.AvgPool2d
    padding: Any = work.job.encoder.padding
    volume = loudness(preprocessing) if work.job.normalised else 1.0
    for layer in LAYERS:
        convolution = nn.Conv2d(channels, _width(work, layer), 3, padding=1, padding_mode=padding)
        if layer in work.filters:
            kernel, bias = work.filters[layer]
            if layer == "conv1_1":
                reverse = -1 if preprocessing["channels"] == "BGR" else 1
                mean, std = (np.array(preprocessing[name])[::reverse] for name in ("mean", "std"))
                offset = work.factor * mean / preprocessing["scale"] + work.offset
                bias = bias + (kernel * offset[:, None, None]).sum((1, 2, 3))
                kernel = (kernel * (work.factor * std / preprocessing["scale"])[:, None, None])[:, ::reverse]
                kernel = kernel * np.float32(volume)
            state = {"weight": torch.tensor(np.ascontiguousarray(kernel)), "bias": torch.tensor(bias * np.float32(volume))}
            convolution.load_state_dict(state)
        layers += [convolution, nn.ReLU(inplace=True), *([pool(2)] if layer in POOL_AFTER else [])]
        channels = _width(work, layer)
    return nn.Sequential(*layers)


def loudness(preprocessing: dict) -> float:
    """The mean activation of VGG-19's own filters, roughly, for images that are prepared in this way.

    The recipe `lab` has weights for torchvision's and for a mean of 1: a Gram loss grows with the fourth power of the
    activations, a content loss with the second. The original filters expect images that are so many times as large.
    """
    recipe = find_recipe("lab")
    assert recipe.normalised is not None
    torchvision = (recipe.normalised.style / recipe.weights.style) ** 0.5
    return torchvision * preprocessing["scale"] / np.mean(preprocessing["std"]) * np.mean(TORCHVISION["std"])


def _width(work: Work, layer: str) -> int:
    return len(work.filters[layer][0]) if layer in work.filters else 512


def _image(array: np.ndarray) -> Image.Image:
    return Image.fromarray(np.round(array * 255).astype(np.uint8))
