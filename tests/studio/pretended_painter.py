"""A painting process without a framework, for tests of the studio: `stylelab.tools.studio.painter` with another `transfer`.

The environment variable PRETEND says how it behaves: 'slow-load', 'die', 'chatter', 'not-finite', 'no-framework', 'full-disk' or ''.
"""

import errno
import os
import time
from types import SimpleNamespace

import numpy as np

from stylelab.errors import MachineError, NotFiniteError
from stylelab.result import Step
from stylelab.run.collect import collect
from stylelab.run.options import Options
from stylelab.run.prepare import prepare_run
from stylelab.run.resume import keep
from stylelab.tools.studio import painter

PRETEND = os.environ.get("PRETEND", "")
SECONDS = float(os.environ.get("PRETEND_SECONDS", "0.02"))  # of a step


def transfer(content, style, *, watch, snapshots, resume, **options):
    """Like a framework's `transfer`, with the steps of `walk`."""
    run = keep(prepare_run([content], [style], Options(**options)), resume, "torch")
    return collect(
        walk(run.job, run.progress), run, backend="torch", device="cpu", precision="float32", watch=lambda steps: watch(steps[0]),
        snapshots=snapshots,
    )[0]  # fmt: skip


def walk(job, progress):
    """Steps that take SECONDS each, whose image gets darker and whose loss is 100 / step."""
    for index in range(progress.step + 1, job.recipe.steps + 1):
        time.sleep(SECONDS)
        if PRETEND == "die" and index == 3:
            os.kill(os.getpid(), 9)
        if PRETEND == "chatter":
            print("a library says something", flush=True)
        image = np.full_like(job.content, 1 / index)
        if PRETEND == "not-finite" and index == 3:
            raise NotFiniteError(index, float("nan"), image)
        progress.step, progress.read = index, dict
        yield [Step(index, 100.0 / index, {"content": 25.0 / index, "style": 75.0 / index}, lambda image=image: image)]


def no_space(*arguments, **options):
    """What a full disk answers."""
    raise OSError(errno.ENOSPC, "No space left on device")


def load_backend(name):
    """A framework that is loaded at once, or as slowly or badly as PRETEND says."""
    if PRETEND == "slow-load":
        time.sleep(60)
    if PRETEND == "full-disk":
        painter.tempfile.mkdtemp = no_space
    if PRETEND == "no-framework":
        raise MachineError(f"cannot use {name}: it is not installed")
    return SimpleNamespace(transfer=transfer)


if __name__ == "__main__":
    painter.load_backend = load_backend
    painter.main()
