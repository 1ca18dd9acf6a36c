"""Other people's programs, run from a folder of the user's: theirs is imported, our filters and images are put in.

Nothing of theirs is in this repository, and nothing is downloaded: the filters they would fetch are ours here.
"""

import importlib
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from stylelab.encoders import LAYERS, OXFORD, POOL_AFTER, TORCHVISION
from stylelab.errors import MachineError
from stylelab.tools.bench.plan import PEERS
from stylelab.tools.bench.turns import Turns
from stylelab.tools.bench.work import Work, make_ready
from stylelab.torch import find_device


def find_clone(folder: str, name: str) -> Path:
    """Where the clone is.

    Raises:
        MachineError: it is not in that folder.
    """
    address, file = PEERS[name]
    clone = Path(folder) / name
    if not (clone / file).is_file():
        raise MachineError(f"{name} is not in '{folder}': git clone {address} {clone}")
    return clone


def style_transfer_pytorch(settings: dict, turns: Turns) -> None:
    """crowsonkb/style-transfer-pytorch, at one size for the time of a step, or from small to large as it comes."""
    clone, work = find_clone(settings["peers"], settings["kind"]), make_ready(settings)
    package = types.ModuleType("style_transfer")  # without the web interface that its __init__ starts
    package.__path__ = [str(clone / "style_transfer")]
    sys.modules["style_transfer"] = package
    module = importlib.import_module("style_transfer.style_transfer")
    module.models = types.SimpleNamespace(
        vgg19=lambda **_: types.SimpleNamespace(features=features(work)),
        VGG19_Weights=types.SimpleNamespace(IMAGENET1K_V1=None),
    )
    painter = module.StyleTransfer(devices=[str(find_device(settings["device"]))])
    steps = settings["total_steps"]
    schedule = {"min_scale": settings["size"], "initial_iterations": steps}
    if settings.get("small_to_large"):
        schedule = {"initial_iterations": steps, "iterations": steps // 2}  # its own proportion: 1000 and 500
    content, style = (Image.fromarray(_bytes(image)) for image in (work.job.content, work.job.style))
    painter.stylize(
        content, [style], end_scale=settings["size"], **schedule,
        callback=lambda step: turns(step.loss, lambda: _image(painter.get_image_tensor())),
    )  # fmt: skip
    turns.last(lambda: np.asarray(painter.get_image(), np.float32) / 255)


def neural_style_pt(settings: dict, turns: Turns) -> None:
    """ProGamerGov/neural-style-pt, from the content image, with its own L-BFGS."""
    clone, work = find_clone(settings["peers"], settings["kind"]), make_ready(settings)
    device = find_device(settings["device"])
    with tempfile.TemporaryDirectory() as folder:
        for name in ("content", "style"):
            Image.fromarray(_bytes(getattr(work.job, name))).save(f"{folder}/{name}.png")
        state = {f"features.{key}": value for key, value in features(work, OXFORD).state_dict().items()}
        torch.save(state, f"{folder}/vgg19.pth")
        sys.path.insert(0, str(clone))
        sys.argv = [
            "neural_style.py", "-content_image", f"{folder}/content.png", "-style_image", f"{folder}/style.png",
            "-model_file", f"{folder}/vgg19.pth", "-disable_check", "-init", "image", "-image_size", str(settings["size"]),
            "-num_iterations", str(settings["total_steps"]), "-print_iter", "0", "-save_iter", "0",
            "-output_image", f"{folder}/out.png", *(["-gpu", "c"] if device.type == "cpu" else ["-backend", "cudnn"]),
        ]  # fmt: skip
        widths = [step for layer in LAYERS for step in (_width(work, layer), *(["P"] if layer in POOL_AFTER else []))]
        importlib.import_module("CaffeLoader").channel_list["VGG-19"] = widths
        module = importlib.import_module("neural_style")
        module.optim = types.SimpleNamespace(LBFGS=lambda images, **options: _Watched(images, module, turns, **options))
        module.main()
        raise MachineError(f"neural-style-pt made only {turns.count} steps")


class _Watched(torch.optim.LBFGS):
    """Their optimiser; each evaluation of the loss is a turn."""

    def __init__(self, images: list, module, turns: Turns, **options):
        super().__init__(images, **options)
        self.read = lambda: np.asarray(module.deprocess(images[0].detach().clone()), np.float32) / 255
        self.turns = turns

    def step(self, closure):
        def watched():
            loss = closure()
            self.turns(loss.item(), self.read)
            return loss

        return super().step(watched)


def features(work: Work, preprocessing: dict = TORCHVISION) -> nn.Sequential:
    """torchvision's `vgg19().features` with our filters, for a program that does that preprocessing itself.

    The first convolution is changed so that it gives the same on images prepared that way (but for the borders, where
    zeros mean another colour). Layers that we have no filters of stay as they are made: nobody looks at them.
    """
    found, channels = [], 3
    for layer in LAYERS:
        convolution = nn.Conv2d(channels, _width(work, layer), 3, padding=1)
        if layer in work.filters:
            kernel, bias = work.filters[layer]
            if layer == "conv1_1":
                kernel, bias = _for(preprocessing, work, kernel, bias)
            convolution.load_state_dict({"weight": torch.tensor(kernel), "bias": torch.tensor(bias)})
        found += [convolution, nn.ReLU(inplace=True), *([nn.MaxPool2d(2)] if layer in POOL_AFTER else [])]
        channels = _width(work, layer)
    return nn.Sequential(*found)


def _width(work: Work, layer: str) -> int:
    return len(work.filters[layer][0]) if layer in work.filters else 512


def _for(preprocessing: dict, work: Work, kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first filters for an image that enters as (image * scale - mean) / std instead of ours."""
    scale, mean, std = preprocessing["scale"], np.array(preprocessing["mean"]), np.array(preprocessing["std"])
    if preprocessing["channels"] == "BGR":
        mean, std = mean[::-1], std[::-1]
    factor = work.factor * std / scale  # ours of theirs: image = (theirs * std + mean) / scale
    offset = work.factor * mean / scale + work.offset
    bias = bias + (kernel * offset[:, None, None]).sum((1, 2, 3))
    kernel = kernel * factor[:, None, None]
    if preprocessing["channels"] == "BGR":
        kernel = kernel[:, ::-1]
    return np.ascontiguousarray(kernel, np.float32), np.asarray(bias, np.float32)


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.round(image * 255).astype(np.uint8)


def _image(tensor: torch.Tensor) -> np.ndarray:
    return tensor.cpu().numpy().transpose(1, 2, 0)
