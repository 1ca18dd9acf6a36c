"""What a contender works with: the turns it takes, the memory it has used, and the same job and filters as all others."""

import contextlib
import re
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil

from stylelab import encoders
from stylelab.base import messages
from stylelab.recipes import Recipe, find_recipe
from stylelab.run.prepare import Job, prepare

MEGABYTE = 2**20
Read = Callable[[], np.ndarray]


class Finished(Exception):
    """No more steps are wanted. Raised inside a contender's loop, which need not know how to end."""


class Turns:
    """A contender calls this after each of its steps; the call returns when it is its turn again.

    `{"steps": 3}` requests three steps; with `"keep": FOLDER, "every": 10` every tenth image is saved as well.
    `{"image": FILE}` requests the current image. The end of the requests ends the contender.
    """

    def __init__(self, requests: BinaryIO, answers: BinaryIO, clock: Callable[[], float] = time.perf_counter):
        self.requests, self.answers, self.clock = requests, answers, clock
        self.count = 0
        self.read: Read | None = None
        self.request: dict[str, Any] = {}
        self.seconds: list[float] = []
        self.kept: list[list] = []
        self.notes: dict[str, Any] = {}
        self.memory_before, self.early_peak = psutil.Process().memory_info().rss / MEGABYTE, peak_memory()
        with contextlib.suppress(OSError):  # start counting the peak again, which only Linux can do
            Path("/proc/self/clear_refs").write_text("5")

    def answer(self, message: dict) -> None:
        """Send one message."""
        messages.write(self.answers, message)

    def note(self, **notes) -> None:
        """Add something to every answer from now on."""
        self.notes |= notes

    def wait(self) -> dict:
        """The next request. The clock starts when it arrives."""
        while received := messages.read(self.requests):
            self.request = received[0]
            if "image" not in self.request:
                self.seconds, self.kept, self.began = [], [], self.clock()
                return self.request
            assert self.read is not None  # an image is asked for after a step
            np.save(self.request["image"], self.read())
            self.answer({})
        raise Finished

    def __call__(self, loss: float, read: Read | None) -> None:
        """A step is done.

        Args:
            loss: a number, or a tensor with one: reading it waits until the device has computed the step.
            read: returns the image `(H, W, 3)` in 0..1.
        """
        loss = float(loss)
        self.seconds.append(self.clock() - self.began)
        self.count, self.read = self.count + 1, read
        if read is not None and "keep" in self.request and self.count % self.request["every"] == 0:
            path = f"{self.request['keep']}/{self.count:06d}.npy"
            np.save(path, read())
            self.kept.append([self.count, path])
        if len(self.seconds) == self.request["steps"]:
            self._report(loss)
            self.wait()
        self.began = self.clock()

    def last(self, read: Read) -> None:
        """The contender has ended by itself; `read` returns its final image. Never returns."""
        self.read = read
        self._report(None, ended=True)
        self.wait()
        raise Finished

    def _report(self, loss: float | None, **more) -> None:
        peak, gpu = peak_memory(), None
        if (torch := sys.modules.get("torch")) and torch.cuda.is_available():
            gpu = torch.cuda.max_memory_allocated() / MEGABYTE
        elif (tf := sys.modules.get("tensorflow")) and tf.config.list_physical_devices("GPU"):
            gpu = tf.config.experimental.get_memory_info("GPU:0")["peak"] / MEGABYTE
        memory = {"own": peak - self.memory_before, "peak": max(peak, self.early_peak), "gpu": gpu}
        self.answer({"seconds": self.seconds, "kept": self.kept, "loss": loss, **self.notes, **memory, **more})


def peak_memory() -> float:
    """The most memory that this process has used, in megabytes."""
    with contextlib.suppress(OSError):
        if match := re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text()):
            return int(match[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEGABYTE


@dataclass(frozen=True)
class Work:
    """A job with its filters.

    Attributes:
        job: images, recipe and weights of the losses.
        filters: layer -> (kernel (O, I, 3, 3), bias (O,)), up to the deepest layer of the recipe.
        factor, offset: (3,) each; the first convolution expects `image * factor + offset`.
    """

    job: Job
    filters: encoders.Weights
    factor: np.ndarray
    offset: np.ndarray

    @property
    def pooling(self) -> str:
        """'max' or 'average'."""
        return self.job.recipe.pooling or self.job.encoder.pooling


def recipe_of(settings: dict) -> Recipe:
    """The recipe with its author's weights, not those that we chose for the embedded encoder.

    On random filters, the Keras example's steps would be too long, and its loss would be infinite after five of them.
    """
    recipe = replace(find_recipe(settings["recipe"]), mini=None)
    if recipe.optimiser.name != "sgd" or "random" not in encoders.find_encoder(settings["encoder"]).name:
        return recipe
    return replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=recipe.optimiser.learning_rate / 1000))


def job_of(settings: dict) -> Job:
    """The job that all contenders share."""
    return prepare(
        settings["content"], settings["style"], recipe=recipe_of(settings), encoder=settings["encoder"],
        size=settings["size"], steps=settings["total_steps"],
    )  # fmt: skip


def work_of(settings: dict) -> Work:
    """The job with its filters, read from the encoder's file."""
    job = job_of(settings)
    filters = encoders.read_weights(job.encoder, job.recipe.layers, normalised=job.normalised)
    return Work(job, filters, *encoders.input_transform(job.encoder))
