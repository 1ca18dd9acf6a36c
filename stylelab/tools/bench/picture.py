"""Seconds to a good picture: our command as a user gives it, and how long others take to an image that is as good.

Style and content error are those of the recipe `stylelab`, in float32, by the encoder that all use: the style error is 1 at the
content image, the content error 0. A second judge, if there is one, has other filters and compares Gram matrices.
"""

import subprocess
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from stylelab import encoders
from stylelab.base import processes
from stylelab.encoders import OXFORD, Encoder, file
from stylelab.errors import StylelabError
from stylelab.images import open_image
from stylelab.tools.bench.conductor import ContenderProcess, running
from stylelab.tools.bench.measure import shared_settings, spread, time_transfer
from stylelab.tools.bench.plan import PICTURE_RECIPE, QUICK_STEPS, BenchOptions, Contender, Group, rivals

EVERY = 10  # steps from one judged image to the next
PATIENT = 1000  # steps that others may plan: what neural-style-pt makes by default
PRODUCTS = 6  # matrix products, before and after each size
SMALL = 256  # pixels of the long side up to which our command runs twice
LARGE = 1024  # pixels of the long side from which others have twice our seconds, and three times below


def measure_picture(size: int, options: BenchOptions, encoder: str, folder: Path) -> dict:
    """Our command in each framework, then everyone else: `{"size", "encoder", "rows", "limits", "lost"}`.

    A row of ours has the seconds from the command to the saved image, those outside the steps, and the errors of the image. A row
    of another program has the seconds to its first image that is as good as our first row's, or none, and the errors of that
    image, or of its last one.
    """
    limits = limit_now(options)
    rows, lost, place = [], {}, folder / f"picture-{size}"
    place.mkdir()
    group = Group("picture", PICTURE_RECIPE, size, (), ())
    settings = shared_settings(options, group, encoder, QUICK_STEPS if options.quick else PATIENT)
    judge = Judge(settings | {"backend": options.backends[0]}, options.judge, folder)
    for backend in options.backends if size <= 512 else options.backends[:1]:
        try:
            rows.append(paint(backend, size, options, encoder, place))
        except StylelabError as error:
            lost[f"ours {backend}"] = str(error)
    for row, errors in zip(rows, judge([row.pop("file") for row in rows]), strict=True):
        row["errors"] = errors
    chased = []
    for rival in rivals(options) if rows else ():
        most, failures = (2 if size >= LARGE else 3) * rows[0]["seconds"]["median"], dict[str, StylelabError]()
        found = chase(rival, settings | _schedule(rival, rows[0]["steps"]), most, place, failures)
        lost |= {name: str(error) for name, error in failures.items()}
        chased += [found] if found["files"] else []
    judged = iter(judge([path for found in chased for path in found["files"]]))
    rows += [reached(found, list(islice(judged, len(found["files"]))), rows[0]["errors"]) for found in chased]
    lost |= {name: str(error) for name, error in judge.failures.items()}
    return {
        "size": size, "encoder": encoders.find_encoder(encoder).name, "content": options.content, "style": options.style,
        "steps_at_most": QUICK_STEPS if options.quick else None, "rows": rows, "limits": limits + limit_now(options), "lost": lost,
    }  # fmt: skip


def _schedule(rival: Contender, steps: int) -> dict:
    """style-transfer-pytorch plans its steps for each size: as many as ours in all at its first, and half as many at the others,
    which is the proportion of its defaults."""
    if rival.kind != "style-transfer-pytorch":
        return {"recipe": "lab"}
    return {"recipe": "lab", "total_steps": max(2, steps), "small_to_large": True}


def paint(backend: str, size: int, options: BenchOptions, encoder: str, place: Path) -> dict:
    """Run our command, twice if the image is small, and an import of what it imports.

    Raises:
        StylelabError: it failed.
    """
    more = ["--steps", str(QUICK_STEPS)] if options.quick else []
    path = place / f"{backend}.png"
    runs = [time_transfer(backend, size, options, encoder, path, *more) for _ in range(2 if size <= SMALL else 1)]
    np.save(path.with_suffix(".npy"), open_image(path))
    outside = spread([run["wall_seconds"] - run["step_seconds"] for run in runs])["median"]
    return {
        "name": f"ours {backend}", "backend": backend, "ours": True, "seconds": spread([run["wall_seconds"] for run in runs]),
        "steps": runs[-1]["steps"], "outside_seconds": outside, "import_seconds": time_import(backend),
        "file": str(path.with_suffix(".npy")),
    }  # fmt: skip


def time_import(backend: str) -> float:
    """Seconds of a process that imports what our command imports, and does nothing."""
    code = f"import stylelab, stylelab.cli.commands; stylelab.load_backend({backend!r})"
    began = time.perf_counter()
    command = [processes.python_of(backend), "-P", "-c", code]
    subprocess.run(command, capture_output=True, env=processes.module_environment(), check=True)
    return time.perf_counter() - began


def chase(rival: Contender, settings: dict, most: float, place: Path, failures: dict[str, StylelabError]) -> dict[str, Any]:
    """Let another program run alone, from its start, for `most` seconds or to its end: `{"name", "backend", "start_seconds"}`, and of
    each image "steps", "seconds" and "files".

    Seconds are counted from the start of its process, without those in which images are kept for the judge.
    """
    images = place / rival.name
    images.mkdir()
    found: dict[str, Any] = {"name": rival.name, "backend": rival.backend, "steps": [], "seconds": [], "files": []}
    steps_at_most = settings["total_steps"] if rival.kind != "style-transfer-pytorch" else np.inf

    def run(process: ContenderProcess) -> None:
        found["start_seconds"] = elapsed = time.perf_counter() - began
        made = 0
        while elapsed < most and made < steps_at_most and not process.last.get("ended"):
            answer = process.request(steps=int(min(EVERY, steps_at_most - made)))
            elapsed, made = elapsed + sum(answer["seconds"]), made + len(answer["seconds"])
            if answer["seconds"] or not found["files"]:
                path = str(images / f"{made}.npy")
                process.request(image=path)
                for name, value in (("steps", made), ("seconds", elapsed), ("files", path)):
                    found[name].append(value)

    began = time.perf_counter()
    with running([(rival, settings)], failures) as contenders:
        contenders.for_each(run)
    return found


class Judge:
    """Gives the errors of images: by the encoder of the run, and by other filters if there are any.

    Attributes:
        failures: of the judges.
    """

    def __init__(self, settings: dict, filters: Path | None, folder: Path):
        self.settings, self.failures = settings, dict[str, StylelabError]()
        self.by: dict[str, dict] = {"encoder": {}}
        if filters:
            self.by["filters"] = {"encoder": str(as_encoder(filters, folder)), "gram": True}

    def __call__(self, files: list[str]) -> list[dict[str, dict[str, float]]]:
        """For each image `{"encoder": {"style", "content"}, "filters": {"style", "content"}}`."""
        errors: list[dict[str, dict[str, float]]] = [{} for _ in files]
        for by, own in self.by.items() if files else ():
            contender = Contender(f"judge by {by}", "judge", self.settings["backend"])
            with running([(contender, self.settings | own)], self.failures) as judges:

                def ask(process: ContenderProcess, by: str = by) -> None:
                    for found, parts in zip(errors, process.request(judge=files)["parts"], strict=True):
                        found[by] = parts

                judges.for_each(ask)
        return errors


def as_encoder(path: Path, folder: Path) -> Path:
    """A weights file as one of our encoders. Without a description of how images enter it, it is VGG-19 as in Gatys et al. 2015.

    Raises:
        InputError: it is no VGG-19.
    """
    with file.open_weights(path) as (header, opened):
        if "channels" in header.metadata:
            return path
        filters = {layer: (opened.get_tensor(kernel), opened.get_tensor(bias)) for layer, (kernel, bias) in header.keys.items()}
    described = folder / "judge.safetensors"
    file.save(described, filters, Encoder("judge", None, activations="normalised", **OXFORD))
    return described


def reached(found: dict, errors: list[dict[str, dict[str, float]]], target: dict[str, dict[str, float]]) -> dict:
    """A row: when each judge met the first image whose errors are both at most those of `target`, and the errors of that one or,
    if the judge by the run's encoder met none, of the last one.

    Args:
        found: from `chase`, with its images' `errors`.
    """
    first = {by: next((index for index, each in enumerate(errors) if as_good(each, target, by)), None) for by in target}
    index, by_encoder = len(errors) - 1, first.get("encoder")
    row: dict[str, Any] = {
        "name": found["name"], "backend": found["backend"], "ours": False, "start_seconds": found["start_seconds"], "errors": errors[index], "steps": found["steps"][index],
        "last_seconds": found["seconds"][index], "track": {name: found[name] for name in ("steps", "seconds")} | {"errors": errors},
        "reached": {by: None if at is None else found["seconds"][at] for by, at in first.items()},
    }  # fmt: skip
    if by_encoder is not None:
        row |= {
            "seconds": spread([found["seconds"][by_encoder]])
            | {"low": found["seconds"][max(0, by_encoder - 1)]},  # as the one before was not
            "steps": found["steps"][by_encoder],
            "errors": errors[by_encoder],
        }
    return row


def as_good(errors: dict, target: dict, by: str) -> bool:
    """Whether style and content error are both at most the target's."""
    return by in errors and all(errors[by][part] <= target[by][part] for part in ("style", "content"))


def limit_now(options: BenchOptions) -> list[dict]:
    """The machine's limit at this moment, in float32; empty if it cannot be measured."""
    backend, limits = options.backends[0], []
    contender = Contender("limit", "limit", backend, {"precision": "float32"})
    with running([(contender, {"device": options.device})], {}) as contenders:

        def multiply(process: ContenderProcess) -> None:
            seconds = process.request(steps=PRODUCTS)["seconds"]
            gflops = spread([process.last["flop"] / 1e9 / each for each in seconds])
            limits.append({"backend": backend, "precision": "float32", "gflops": gflops})

        contenders.for_each(multiply)
    return limits
