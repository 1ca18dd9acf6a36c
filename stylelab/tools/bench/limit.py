"""This machine's own limit: the best matrix product of a precision that the framework can do on the device."""

import statistics
import time

from stylelab import load_backend
from stylelab.tools.bench.turns import Turns

SIDES = {"cpu": (1024, 2048, 3072), "gpu": (4096, 8192, 12288)}
TRIES = 3


def run(settings: dict, turns: Turns) -> None:
    """A step is one product of two square matrices, of the side that was the fastest per operation in a short trial."""
    make = {"torch": _torch, "tensorflow": _tensorflow}[settings["backend"]]
    device = load_backend(settings["backend"]).find_device(settings["device"])
    sides = SIDES["cpu" if str(device).startswith("cpu") else "gpu"]
    multiply = make(max(sides, key=lambda side: _rate(make(side, settings["precision"], device), side)),
                    settings["precision"], device)  # fmt: skip
    turns.note(flop=2 * multiply.side**3, side=multiply.side)
    while True:
        multiply()
        turns(0.0, None)


def _rate(multiply, side: int) -> float:
    """Operations per second, the median of a few tries."""
    multiply()
    seconds = []
    for _ in range(TRIES):
        began = time.perf_counter()
        multiply()
        seconds.append(time.perf_counter() - began)
    return 2 * side**3 / statistics.median(seconds)


def _torch(side: int, precision: str, device):
    import torch

    one, other, result = (torch.ones(side, side, dtype=getattr(torch, precision), device=device) for _ in range(3))

    def multiply() -> None:
        torch.mm(one, other, out=result)
        result[0, 0].item()  # waits for a GPU

    multiply.side = side
    return multiply


def _tensorflow(side: int, precision: str, device):
    import tensorflow as tf

    with tf.device(device):
        one, other = (tf.ones((side, side), getattr(tf, precision)) for _ in range(2))

    @tf.function(autograph=False)
    def product():
        return tf.linalg.matmul(one, other)[0, 0]

    def multiply() -> None:
        float(product())

    multiply.side = side
    return multiply
