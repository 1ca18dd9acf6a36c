"""`make bench`: time per step and memory, beside what the tutorials' own way of writing the loop costs, in one run.

seeds/000 sends the content and the style picture through the network again at every step, and computes every layer.
`ours` is `transfer` as it is; `tutorial` is the same loss and the same optimiser, written that way.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import psutil

from stylelab import BACKENDS, encoders, load_backend
from stylelab.errors import StylelabError
from stylelab.files import write_text
from stylelab.job import prepare
from stylelab.recipes import RECIPES

CONTENT, STYLE = "china", "coffee"


def main(arguments: list[str]) -> int:
    """Measure every recipe and print a table; `-o` writes the numbers as JSON."""
    parser = argparse.ArgumentParser(prog="stylelab bench", description=__doc__.split("\n")[0])
    parser.add_argument("--backend", choices=BACKENDS, default="torch")
    parser.add_argument("--encoder", default="auto", help="'auto', another name, or a weights file")
    parser.add_argument("--size", type=int, default=256, help="long side in pixels")
    parser.add_argument("--steps", type=int, default=15, help="steps of each run; the first three are not counted")
    parser.add_argument("--device", help="'cpu', 'gpu', ...")
    parser.add_argument("-o", "--out", type=Path, help="a JSON file")
    asked = parser.parse_args(arguments)
    if asked.steps < 4:
        parser.error("--steps must be at least 4: the first three are not counted")
    half, rows = load_backend(asked.backend), []
    print(f"{asked.backend}, {asked.size} px, median of {asked.steps - 3} steps; peak memory is this process's so far")
    print(f"{'recipe':<14}{'ours ms':>10}{'tutorial ms':>13}{'ratio':>8}{'memory MB':>11}")
    for name in RECIPES:
        rows.append(measure(half, name, asked))
        row = rows[-1]
        print(f"{name:<14}{row['ours']:>10.1f}{row['tutorial']:>13.1f}{row['ratio']:>8.2f}{row['memory']:>11.0f}", flush=True)
    if asked.out:
        write_text(asked.out, json.dumps({"backend": asked.backend, "size": asked.size, "rows": rows}, indent=1))
    return 0


def measure(half, name: str, asked) -> dict:
    """Both ways of one recipe, step by step in turn, so that the machine's mood meets both alike."""
    job = prepare(CONTENT, STYLE, recipe=name, encoder=asked.encoder, size=asked.size, steps=asked.steps)
    runs = {"ours": ours(half, job, asked.device), "tutorial": tutorial(half, job, asked.device)}
    seconds = {kind: [] for kind in runs}
    for _ in range(asked.steps):
        for kind, run in runs.items():
            seconds[kind].append(_seconds(run))
    median = {kind: 1000 * statistics.median(values[3:]) for kind, values in seconds.items()}
    memory = psutil.Process().memory_info().rss / 2**20
    return {"recipe": name, **median, "ratio": median["tutorial"] / median["ours"], "memory": memory}


def _seconds(run) -> float:
    began = time.perf_counter()
    next(run)
    return time.perf_counter() - began


def ours(half, job, device):
    """The steps of `transfer`."""
    encoder = _encoder(half, job, job.recipe.layers, device)
    where = _where(encoder)
    content, style, start = (half.to_tensor(picture, where) for picture in (job.content, job.style, job.start))
    loss = half.transfer_loss(encoder, content, style, job.recipe, job.weights)
    return half.optimise(start, loss, optimiser=job.recipe.optimiser, steps=job.recipe.steps)


def tutorial(half, job, device):
    """The same steps, with the targets computed anew each time and every layer run."""
    encoder = _encoder(half, job, encoders.LAYERS[: len(job.encoder.layers)], device)
    where = _where(encoder)
    content, style, start = (half.to_tensor(picture, where) for picture in (job.content, job.style, job.start))

    def loss(picture):
        return half.transfer_loss(encoder, content, style, job.recipe, job.weights)(picture)

    return half.optimise(start, loss, optimiser=job.recipe.optimiser, steps=job.recipe.steps)


def _encoder(half, job, layers, device):
    return half.load_encoder(job.encoder, layers, pooling=job.recipe.pooling, normalised=job.normalised, device=device)


def _where(encoder):
    return getattr(encoder, "device", None) or encoder.factor.device


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except StylelabError as error:
        print(f"stylelab: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
