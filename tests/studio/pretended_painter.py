"""A painting process without a framework, for tests of the studio: `stylelab.tools.studio.painter` with a `transfer` of our own.

What it does is written in the environment variable PRETEND: 'slow-load', 'die', 'chatter', 'not-finite', 'bad-words' or ''.
"""

import os
import sys
import time

import numpy as np

import stylelab
from stylelab.errors import NotFiniteError
from stylelab.result import Step
from stylelab.run.collect import collect
from stylelab.run.options import Options
from stylelab.run.prepare import prepare_run
from stylelab.tools.studio import painter

PRETEND = os.environ.get("PRETEND", "")
SECONDS = float(os.environ.get("PRETEND_SECONDS", "0.02"))  # of a step


def transfer(content, style, *, watch, snapshots, backend, **options):
    run = prepare_run([content], [style], Options(**options))
    steps = walk(run.stages[0][0])
    show = lambda batch: watch(batch[0])  # noqa: E731
    return collect(steps, run, backend=backend, device="cpu", precision="float32", watch=show, snapshots=snapshots)[0]


def walk(job):
    for index in range(1, job.recipe.steps + 1):
        time.sleep(SECONDS)
        if PRETEND == "die" and index == 3:
            os.kill(os.getpid(), 9)
        if PRETEND == "chatter":
            print("a library says something", flush=True)
        if PRETEND == "bad-words" and index == 3:
            os.write(int(os.environ["MESSAGES"]), b"x" * 64)
        image = np.full_like(job.content, 1 / index)
        if PRETEND == "not-finite" and index == 3:
            raise NotFiniteError(index, float("nan"), image)
        yield [Step(index, 100.0 / index, {"content": 25.0 / index, "style": 75.0 / index}, lambda image=image: image)]


def load(name):
    if PRETEND == "slow-load":
        time.sleep(60)
    if PRETEND == "no-framework":
        raise stylelab.MachineError(f"cannot use {name}: it is not installed")


if __name__ == "__main__":
    stylelab.transfer, stylelab.load_backend = transfer, load
    sys.stdout.flush()
    painter.main()
