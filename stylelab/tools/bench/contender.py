"""A contender's process: `python -m stylelab.tools.bench.contender '{"kind": "ours", ...}'`. Requests arrive on stdin."""

import importlib
import json
import os
import statistics
import sys
import time
from dataclasses import replace

import numpy as np

from stylelab import load_backend
from stylelab.base import messages, processes
from stylelab.errors import InputError, MachineError
from stylelab.images import enlarge
from stylelab.recipes import Gram, Relative
from stylelab.run.prepare import precision_for
from stylelab.tools.bench.turns import Finished, Turns, job_of, recipe_of

KINDS = {  # kind -> (module of this package, function, its framework; None for the one in the settings)
    "ours": ("contender", "ours", None),
    "judge": ("contender", "judge", None),
    "limit": ("contender", "limit", None),
    "pytorch tutorial": ("pytorch_tutorial", "run", "torch"),
    "tensorflow tutorial": ("tensorflow_tutorial", "run", "tensorflow"),
    "keras tutorial": ("tensorflow_tutorial", "run_keras", "tensorflow"),
    "style-transfer-pytorch": ("peers", "style_transfer_pytorch", "torch"),
    "neural-style-pt": ("peers", "neural_style_pt", "torch"),
}
SIDES = {"cpu": (1024, 2048, 3072), "gpu": (4096, 8192, 12288)}


def main(text: str) -> None:
    """Import the framework, find the device, report both, and run the contender until the requests end.

    Raises:
        StylelabError: whatever the contender raises.
    """
    settings = json.loads(text)
    answers = messages.claim_stdout()
    module, function, backend = KINDS[settings["kind"]]
    settings["backend"] = backend or settings["backend"]
    device = load_backend(settings["backend"]).find_device(settings["device"])
    run = getattr(importlib.import_module(f"stylelab.tools.bench.{module}"), function)
    turns = Turns(sys.stdin.buffer, answers)
    turns.answer({"backend": settings["backend"], "device": str(device)})
    try:
        turns.wait()
        run(settings, turns)
        raise RuntimeError("it ended before all its steps were made")
    except Finished:
        pass


def ours(settings: dict, turns: Turns) -> None:
    """Our own `transfer`, called as a user calls it; `watch` takes the turns."""
    half, job, options = load_backend(settings["backend"]), job_of(settings), ("precision", "scales", "tile")
    features = importlib.import_module(f"stylelab.{settings['backend']}.features")
    precision = precision_for(job, settings.get("precision", "auto"))
    height, width = job.content.shape[:2]
    turns.note(precision=features.find_precision(precision, settings["device"], height * width))
    result = half.transfer(
        settings["content"], settings["style"], recipe=recipe_of(settings), encoder=settings["encoder"],
        size=settings["size"], steps=settings["total_steps"], device=settings["device"],
        watch=lambda step: turns(step.loss, step.read), snapshots=(),
        **{name: settings[name] for name in options if name in settings},
    )  # fmt: skip
    if result.stopped:
        raise InputError(result.stopped)


def judge(settings: dict, turns: Turns) -> None:
    """Answer each request `{"judge": [files of images]}` with the losses of these images, and their parts without weights."""
    errors, weights, request = parts_of(settings), job_of(settings).weights, turns.request
    while True:
        found = [errors(np.load(path)) for path in request["judge"]]
        losses = [sum(getattr(weights, name) * value for name, value in parts.items()) for parts in found]
        turns.answer({"losses": losses, "parts": found})
        request = turns.wait()


def loss_of(settings: dict):
    """The recipe's total loss in float32, as a function of an image `(H, W, 3)` in 0..1."""
    errors, weights = parts_of(settings), job_of(settings).weights
    return lambda image: sum(getattr(weights, name) * value for name, value in errors(image).items())


def parts_of(settings: dict):
    """The recipe's content and style losses in float32, and total variation if it counts, each without its weight.

    Returns:
        A function of an image `(H, W, 3)` in 0..1; a smaller one, of a run from coarse to fine, is enlarged.
    """
    half, job = load_backend(settings["backend"]), job_of(settings)
    device = half.find_device(settings["device"])
    encoder = half.load_encoder(
        job.encoder, job.recipe.layers, pooling=job.recipe.pooling, normalised=job.normalised, device=device
    )
    content, style = (half.to_tensor(image, device) for image in (job.content, job.style))
    recipe = replace(job.recipe, style_loss=Relative(Gram("per_location"))) if settings.get("gram") else job.recipe
    loss = half.transfer_loss(encoder, content, style, recipe, job.weights)

    def parts(image: np.ndarray) -> dict[str, float]:
        image = image if image.shape == job.content.shape else enlarge(image, job.content.shape[:2])
        return {name: float(part) / getattr(job.weights, name) for name, part in loss(half.to_tensor(image, device)).items()}

    return parts


def limit(settings: dict, turns: Turns) -> None:
    """The best product of two square matrices in a precision. A step is one product, of the side that is the fastest per
    operation in a short trial.

    Raises:
        MachineError: bfloat16, where 'auto' would not choose it: on such a processor one product can take minutes.
    """
    native = load_backend(settings["backend"])
    device, dtype = native.find_device(settings["device"]), getattr(sys.modules[settings["backend"]], settings["precision"])
    if settings["precision"] == "bfloat16" and native.find_precision("auto", device) == "float32":
        raise MachineError(f"{device} has no fast arithmetic in bfloat16")

    def torch_product(side: int):
        import torch

        first, second, result = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(3))
        return lambda: torch.mm(first, second, out=result)[0, 0].item()  # which waits for a GPU

    def tensorflow_product(side: int):
        import tensorflow as tf

        with tf.device(device):
            first, second = (tf.ones((side, side), dtype) for _ in range(2))
        product = tf.function(lambda: tf.linalg.matmul(first, second)[0, 0], autograph=False)

        def multiply() -> float:
            with tf.device(device):
                return float(product())

        return multiply

    product = {"torch": torch_product, "tensorflow": tensorflow_product}[settings["backend"]]

    def seconds_per_operation(side: int) -> float:
        multiply, seconds = product(side), []
        for _ in range(4):
            began = time.perf_counter()
            multiply()
            seconds.append(time.perf_counter() - began)
        return statistics.median(seconds[1:]) / side**3

    side = min(SIDES["cpu" if str(device).startswith("cpu") else "gpu"], key=seconds_per_operation)
    multiply = product(side)
    turns.note(flop=2 * side**3, side=side)
    while True:
        multiply()
        turns(0.0, None)


if __name__ == "__main__":
    status = processes.exit_status(lambda: main(sys.argv[1]))
    sys.stderr.flush()
    os._exit(status)  # a framework's threads take seconds to end, and may fail while doing so
