"""The measurements: milliseconds per step, seconds to a given loss, and what a run costs outside its steps."""

import itertools
import math
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stylelab import encoders
from stylelab.base import processes
from stylelab.encoders import POOL_AFTER, trunk
from stylelab.errors import StylelabError
from stylelab.images import open_image, save
from stylelab.recipes import find_recipe
from stylelab.tools.bench.conductor import ContenderFailed, ContenderProcess, running
from stylelab.tools.bench.plan import LITE, ONE_PASS, WARM_UP, BenchOptions, Contender, Group, painters, tasks
from stylelab.tools.bench.turns import recipe_of

PAUSE = 0.02  # seconds between turns: the threads of a process spin for a while before they sleep
FEWEST = 2  # rounds that count, also when the time is up
BURST = 10  # steps per turn of a race
COARSE = 2 / 3  # of a race's steps for a coarse-to-fine run: it plans all of its steps, so with fewer it ends sooner
EVERY = 5  # steps from one judged image of a race to the next
QUALITY = 100  # steps after which a race compares the losses of our precisions
LIMITS = ("float32", "bfloat16")  # precisions of the matrix products
OVERHEAD_RUNS, OVERHEAD_STEPS, OVERHEAD_RECIPE = 4, 5, "lab"


def shared_settings(options: BenchOptions, group: Group, encoder: str, total_steps: int) -> dict:
    """What all contenders of a group are given."""
    return {
        "content": options.content, "style": options.style, "recipe": group.recipe, "size": group.size, "encoder": encoder,
        "total_steps": total_steps, "device": options.device, "peers": str(options.peers) if options.peers else None,
    }  # fmt: skip


# milliseconds per step


def measure_steps(group: Group, options: BenchOptions, encoder: str, folder: Path, until: float = math.inf) -> dict:
    """Time a group's steps in turn: `{"rows", "ratios", "limits", "lost"}`.

    After the moment `until` of `time.monotonic` there are no further rounds than the least that have quartiles.
    """

    def step(process: ContenderProcess) -> None:
        time.sleep(PAUSE)
        process.seconds += process.request(steps=1)["seconds"]

    def save_image(process: ContenderProcess) -> None:
        if process.contender.kind != "limit":
            path = str(folder / f"{len(images)}.npy")
            process.request(image=path)
            images[process.contender.name] = path

    assert options.steps is not None
    failures: dict[str, StylelabError] = {}
    images: dict[str, str] = {}
    settings = shared_settings(options, group, encoder, WARM_UP + options.steps + 1)
    spec, recipe = encoders.find_encoder(encoder), recipe_of(settings)
    height, width = open_image(options.content, group.size).shape[:2]
    common = {"group": group.title, "recipe": recipe.name, "encoder": spec.name, "width": width, "height": height}
    products = [
        Contender(f"limit {backend} {precision}", "limit", backend, {"precision": precision})
        for backend in dict.fromkeys(contender.backend for contender in group.contenders) for precision in LIMITS
    ]  # fmt: skip
    with running([(contender, settings) for contender in (*group.contenders, *products)], failures) as contenders:
        for rounds in range(1, WARM_UP + options.steps + 1):
            contenders.for_each(step)
            if rounds >= WARM_UP + FEWEST and time.monotonic() > until:
                break
        contenders.for_each(save_image)
    by_name = {process.contender.name: process for process in contenders.running}
    losses = judge(images, by_name[next(iter(images))].contender.backend, settings, failures) if images else {}
    widths = {layer: len(kernel) for layer, (kernel, _) in encoders.read_weights(spec, recipe.layers).items()}
    operations = convolution_operations(widths, recipe.layers, height, width)
    limits = [process for process in contenders.running if process.contender.kind == "limit"]
    rows = []
    for contender in group.contenders:
        row = {**common, "name": contender.name, "backend": contender.backend, "precision": contender.precision,
               "tile": contender.options.get("tile"), "ours": contender.kind == "ours"}  # fmt: skip
        if process := by_name.get(contender.name):
            row |= _step_row(process, limits, operations)
            row |= {"loss": losses.get(contender.name), "loss_after": rounds}
        error = failures.get(contender.name)
        rows.append(row | {"error": None if error is None else str(error)})
    names = {contender.name for contender in group.contenders}
    return {
        "rows": rows,
        "ratios": [common | ratio for ratio in _ratios(group, by_name)],
        "limits": [
            common | {"backend": process.contender.backend, "precision": process.contender.precision,
                      "gflops": spread([rate / 1e9 for rate in _rates(process)]), "side": process.last["side"]}
            for process in limits
        ],
        "lost": {name: str(error) for name, error in failures.items() if name not in names},
    }  # fmt: skip


def judge(files: Mapping[str, str], backend: str, settings: dict, failures: dict[str, StylelabError]) -> dict[str, float]:
    """Name -> the recipe's loss in float32 of the image in that file; empty if the judge fails."""
    losses: dict[str, float] = {}
    with running([(Contender("judge", "judge", backend), settings)], failures) as judges:
        judges.for_each(
            lambda process: losses.update(zip(files, process.request(judge=list(files.values()))["losses"], strict=True))
        )
    return losses


def _step_row(process: ContenderProcess, limits: list[ContenderProcess], operations: int) -> dict:
    """One contender's figures. Its operations per second are compared with the limit of the same round."""
    precision = process.last.get("precision", process.contender.precision)
    row = {
        "ms": spread([1000 * seconds for seconds in process.counted]),
        "first_step_seconds": process.seconds[0], "device": process.last["device"], "ran_in": precision,
        "memory_mb": process.last["own"], "peak_mb": process.last["peak"], "gpu_mb": process.last["gpu"],
        "gflop": operations / 1e9,
    }  # fmt: skip
    rates = [_rates(limit) for limit in limits if limit.contender.precision == precision]
    if rates:
        best = max(rates, key=lambda rate: spread(rate)["median"])
        row["share_of_limit"] = spread([
            operations / seconds / rate for seconds, rate in zip(process.counted, best, strict=True)
        ])  # fmt: skip
    return row


def _rates(limit: ContenderProcess) -> list[float]:
    """Operations per second of a matrix product, round by round."""
    return [limit.last["flop"] / seconds for seconds in limit.counted]


def _ratios(group: Group, by_name: dict[str, ContenderProcess]) -> list[dict]:
    """How many times as fast ours is as each of the others, and TensorFlow as PyTorch; and the ratios of their memory."""
    pairs = [(other, own) for other in group.against for own in group.ours]
    pairs += [(first, second) for first in group.ours for second in group.ours
              if (first.backend, second.backend) == ("torch", "tensorflow") and first.options == second.options]  # fmt: skip
    ratios = []
    for other, own in pairs:
        if other.name in by_name and own.name in by_name:
            theirs, ours = by_name[other.name], by_name[own.name]
            kind = "gpu" if theirs.last["gpu"] and ours.last["gpu"] else "own"
            memory, peak = (ours.last[key] / theirs.last[key] if theirs.last[key] > 0 else None for key in (kind, "peak"))
            ratios.append({"ours": own.name, "against": other.name, "times_as_fast": paired(theirs.counted, ours.counted),
                           "memory": memory, "peak": peak})  # fmt: skip
    return ratios


def convolution_operations(widths: Mapping[str, int], layers: Iterable[str], height: int, width: int) -> int:
    """Floating-point operations of a step's 3 x 3 convolutions: forward, and the gradient of their input.

    A multiplication and an addition count as two. Gram matrices, losses, pooling and the optimiser are left out: they are a
    few per cent. The filters are frozen, so they have no gradient. A method with fewer multiplications than the definition
    of a convolution can exceed its limit.

    Args:
        widths: layer -> number of filters.
        layers: those of the recipe; the network is computed up to the deepest.
        height, width: of the image.

    Source: ours.
    """
    channels, total = 3, 0
    for layer in trunk(layers):
        total += 2 * 9 * channels * widths[layer] * height * width
        channels = widths[layer]
        if layer in POOL_AFTER:
            height, width = height // 2, width // 2
    return 2 * total


def spread(values: Sequence[float]) -> dict[str, float]:
    """`{"median", "low", "high", "count"}`, where low and high are the quartiles.

    >>> spread([5, 1, 4, 2, 3])
    {'median': 3.0, 'low': 2.0, 'high': 4.0, 'count': 5}
    """
    low, median, high = np.percentile(np.asarray(values, dtype=float), (25, 50, 75))
    return {"median": float(median), "low": float(low), "high": float(high), "count": len(values)}


def paired(theirs: Sequence[float], ours: Sequence[float]) -> dict[str, float]:
    """The spread of theirs / ours, taken round by round, so that a slow moment of the machine affects both.

    Raises:
        ValueError: the numbers of rounds differ.
    """
    return spread([their / our for their, our in zip(theirs, ours, strict=True)])


# milliseconds per image


def measure_one_pass(options: BenchOptions, threads: int, folder: Path) -> dict:
    """Time networks that paint in one pass, image by image in turn: `{"threads", "rows", "lost"}`.

    A row is one contender at one task and size, with the ratio of the other program's time to its own.
    """
    assert options.steps is not None
    files = {size: str(save(open_image(options.content, size), folder / f"{size}.png")) for size in options.sizes}
    settings = {
        "threads": threads, "folder": str(folder), "images": files, "device": options.device or "cpu", "peers": str(options.peers),
        "style": str(save(open_image(options.style), folder / "style.png")),
    }  # fmt: skip
    failures: dict[str, StylelabError] = {}
    rows = []
    with running([(contender, settings) for contender in painters(options)], failures) as contenders:
        for task, size in itertools.product(ONE_PASS, options.sizes):
            seconds: dict[str, list[float]] = {}

            def paint(process: ContenderProcess, task: str = task, size: int = size, seconds: Any = seconds) -> None:
                if task in tasks(process.contender):
                    time.sleep(PAUSE)
                    seconds.setdefault(process.contender.name, []).extend(process.request(task=task, size=size)["seconds"])

            for _ in range(WARM_UP + options.steps):
                contenders.for_each(paint)
            rows += _one_pass_rows(task, size, seconds, contenders.running)
    return {"threads": threads, "rows": rows, "lost": {name: str(error) for name, error in failures.items()}}


def _one_pass_rows(task: str, size: int, seconds: Mapping[str, list[float]], running: Sequence[ContenderProcess]) -> list[dict]:
    counted = {process.contender.name: seconds[process.contender.name][WARM_UP:]
               for process in running if process.contender.name in seconds}  # fmt: skip
    return [
        {"task": task, "size": size, "name": name, "ms": spread([1000 * value for value in own])}
        | ({"times_as_fast": paired(counted[LITE], own)} if LITE in counted and name != LITE else {})
        for name, own in counted.items()
    ]


# seconds to a given loss


def run_race(group: Group, options: BenchOptions, encoder: str, folder: Path, until: float = math.inf) -> dict | None:
    """Let the other program run to its end, and find the first image of ours whose loss is at most its last one's.

    None if that takes longer than to the moment `until` of `time.monotonic`.

    style-transfer-pytorch follows its own schedule of sizes, and says itself when it has ended.
    """
    assert options.race is not None
    (against,) = group.against
    failures: dict[str, StylelabError] = {}
    settings = shared_settings(options, group, encoder, options.race) | {"small_to_large": True}
    left: dict[str, float] = dict.fromkeys((contender.name for contender in group.contenders), options.race)
    left |= {own.name: max(BURST, round(COARSE * options.race)) for own in group.ours if "scales" in own.options}
    entries = [(contender, settings | {"total_steps": left[contender.name]}) for contender in group.contenders]
    if against.kind == "style-transfer-pytorch":
        left[against.name] = float("inf")
    tracks: dict[str, dict[str, Any]] = {name: {"seconds": [], "images": []} for name in left}

    def burst(process: ContenderProcess) -> None:
        name = process.contender.name
        if left[name] <= 0:
            return
        images, track = Path(place, name), tracks[name]
        images.mkdir(exist_ok=True)
        time.sleep(PAUSE)
        answer = process.request(steps=int(min(BURST, left[name])), keep=str(images), every=EVERY)
        track["seconds"] += answer["seconds"]
        track["images"] += answer["kept"]
        track |= {"memory_mb": answer["own"], "peak_mb": answer["peak"], "gpu_mb": answer["gpu"]}
        left[name] = 0 if answer.get("ended") else left[name] - len(answer["seconds"])
        if left[name] <= 0:
            process.request(image=str(images / "last.npy"))
            track["images"].append([len(track["seconds"]), str(images / "last.npy")])

    with tempfile.TemporaryDirectory(dir=folder) as place:
        with running(entries, failures) as contenders:
            while any(left[process.contender.name] > 0 for process in contenders.running):
                if time.monotonic() > until:
                    return None
                contenders.for_each(burst)
        judge_tracks(tracks, settings, failures)
    theirs = tracks[against.name]
    result: dict[str, Any] = {
        "against": against.name, "recipe": group.recipe, "encoder": encoders.find_encoder(encoder).name, "size": group.size,
        "steps": theirs["steps"][-1] if theirs["steps"] else 0, "tracks": tracks, "rows": [],
        "lost": {name: str(error) for name, error in failures.items()},
    }  # fmt: skip
    if not theirs["losses"] or against.name in failures:
        return result
    result |= {"loss": theirs["losses"][-1], "seconds": theirs["seconds"][-1], "precisions": []}
    # the losses of our full-size runs after the same number of steps, one for each precision
    runs = {own.precision: tracks[own.name] for own in group.ours if "scales" not in own.options and tracks[own.name]["losses"]}
    step = min((max(step for step in track["steps"] if step <= QUALITY) for track in runs.values()), default=0)
    for precision, track in runs.items():
        loss = track["losses"][track["steps"].index(step)]
        result["precisions"].append({"precision": precision, "steps": step, "loss": loss})
    for own in group.ours:
        track = tracks[own.name]
        row = {"name": own.name, "last_loss": track["losses"][-1] if track["losses"] else None}
        reached = next((index for index, loss in enumerate(track["losses"]) if loss <= result["loss"]), None)
        if reached is not None:
            row |= {"steps": track["steps"][reached], "seconds": track["seconds"][reached]}
            row["times_as_fast"] = result["seconds"] / row["seconds"]
        result["rows"].append(row)
    return result


def judge_tracks(tracks: dict[str, dict], settings: dict, failures: dict[str, StylelabError]) -> None:
    """Replace a track's images by their steps, seconds and losses. Smaller images of a coarse-to-fine run are left out.

    A contender's first step also imports, loads filters and computes targets: it counts for as much as its second.
    """
    shape = open_image(settings["content"], settings["size"]).shape
    for track in tracks.values():
        track["images"] = [[step, path] for step, path in track["images"] if np.load(path, mmap_mode="r").shape == shape]
    files = {path: path for track in tracks.values() for _, path in track["images"]}
    losses = judge(files, "torch", settings, failures) if files else {}
    for track in tracks.values():
        seconds = track["seconds"]
        elapsed = np.cumsum(seconds[1:2] + seconds[1:] if len(seconds) > 1 else seconds)
        judged = [(step, path) for step, path in track.pop("images") if path in losses]
        track["steps"] = [step for step, _ in judged]
        track["seconds"] = [float(elapsed[step - 1]) for step in track["steps"]]
        track["losses"] = [losses[path] for _, path in judged]


# outside the steps


def measure_overhead(backend: str, size: int, options: BenchOptions, encoder: str, folder: Path) -> dict:
    """Run `stylelab transfer` for a few steps, several times, and compare the rest of its time with a run of the recipe's length."""
    result = {"backend": backend, "size": size, "recipe": OVERHEAD_RECIPE, "steps": OVERHEAD_STEPS}
    more = "--steps", str(OVERHEAD_STEPS), "--recipe", OVERHEAD_RECIPE
    try:
        runs = [time_transfer(backend, size, options, encoder, folder / f"{backend}.png", *more) for _ in range(OVERHEAD_RUNS)]
    except StylelabError as error:
        return result | {"error": str(error)}
    return result | overhead(runs, find_recipe(OVERHEAD_RECIPE).steps)


def time_transfer(backend: str, size: int, options: BenchOptions, encoder: str, path: Path, *more: str) -> dict[str, Any]:
    """Run `stylelab transfer` as from a shell: `{"wall_seconds", "steps", "step_seconds"}`.

    Raises:
        MachineError: the framework is not installed.
        ContenderFailed: the run failed; with its last words.
    """
    command = processes.module_command(
        "stylelab", "transfer", options.content, options.style, "-o", str(path), "--backend", backend,
        "--encoder", encoder, "--size", str(size), *more, *(["--device", options.device] if options.device else []),
    )  # fmt: skip
    command[0] = processes.python_of(backend)
    environment = processes.module_environment(COLUMNS="200", STYLELAB_LANGUAGE="en")
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=os.getcwd())
    wall = time.perf_counter() - began
    summary = re.search(r"^(\d+) steps in ([\d.]+) s", done.stdout, re.M)
    if done.returncode or not summary:
        raise ContenderFailed((done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1])
    return {"wall_seconds": wall, "steps": int(summary[1]), "step_seconds": float(summary[2])}


def overhead(runs: Sequence[dict], recipe_steps: int) -> dict:
    """The seconds outside the steps, and their share of a run of `recipe_steps` steps at the same pace."""
    outside = spread([run["wall_seconds"] - run["step_seconds"] for run in runs])
    pace = spread([run["step_seconds"] / OVERHEAD_STEPS for run in runs])["median"]
    share = outside["median"] / (outside["median"] + pace * recipe_steps)
    return {"outside_seconds": outside, "recipe_steps": recipe_steps, "share_outside": share}
