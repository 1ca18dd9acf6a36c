"""The command `stylelab bench`: measure everything, print each part as soon as it is known, write the files."""

import itertools
import json
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console

import stylelab
from stylelab.base.files import quoted, write_text
from stylelab.encoders import LAYERS, TORCHVISION, Encoder, calibrate, file
from stylelab.errors import Interrupted, StylelabError
from stylelab.tools.bench import busy, measure, picture, plan, report
from stylelab.tools.bench.conductor import running
from stylelab.tools.bench.plan import BenchOptions

RANDOM = "vgg19-random"
WIDTHS = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}  # VGG-19's, block by block


def run(**options) -> int:
    """Check the options, measure, print; returns the exit status.

    Raises:
        InputError, MachineError: one line; nothing was measured.
        Interrupted: Ctrl-C; what was measured has been printed and written.
    """
    checked = plan.check(BenchOptions(**options))
    with Console(stderr=True).status("measuring; leave the machine alone"):  # shows nothing unless stderr is a terminal
        try:
            results = measure_all(checked, lambda text: print(text, flush=True))
        except KeyboardInterrupt:
            raise Interrupted("interrupted: only the figures above were measured") from None
    for path in filter(None, (checked.out, checked.plot)):
        print(f"saved {quoted(path)}")
    measured = results["pictures"] + results["steps"] + results["one_pass"]
    return 0 if any("ms" in row or "seconds" in row for found in measured for row in found["rows"]) else 2


def measure_all(options: BenchOptions, show: Callable[[str], object]) -> dict:
    """Measure everything that checked options ask for; `show` is called with text for a terminal.

    Returns:
        `{"machine", "asked", "pictures", "steps", "races", "whole", "one_pass", "left_out"}`, as written to the JSON file; "asked" holds the
        options, "left_out" the names of parts for which there was no time.

    Raises:
        InputError, MachineError: no framework is installed, or none has the device.
    """
    until = time.monotonic() + 60 * (options.minutes or math.inf)
    about = describe_machine()
    shown = {name: value.name if isinstance(value, Path) else value for name, value in vars(options).items()}
    results: dict[str, Any] = {"machine": about, "asked": {name: value for name, value in shown.items() if name not in ("out", "plot")},
               "pictures": [], "steps": [], "races": [], "whole": [], "one_pass": [], "left_out": []}  # fmt: skip
    part = partial(_measure_part, results, until)
    if options.one_pass:
        show(report.machine(about))
        return _measure_one_pass(options, results, show, part)
    with tempfile.TemporaryDirectory(prefix="stylelab-bench-") as name:
        folder = Path(name)
        failures: dict[str, StylelabError] = {}
        probes = [plan.Contender(backend, "limit", backend, {"precision": "float32"}) for backend in options.backends]
        with running([(probe, {"device": options.device}) for probe in probes], failures) as contenders:
            options = replace(options, backends=tuple(process.contender.backend for process in contenders.running))
        if not options.backends:
            raise next(iter(failures.values()))
        for backend, error in failures.items():
            show(f"{backend}: {error}")
        show(report.machine(about))
        encoder = str(write_random(folder)) if plan.lacks_download(options.encoder) else options.encoder
        results["asked"]["backends"] = options.backends
        try:
            for size in options.pictures:
                part(
                    f"a picture of {size} px",
                    "pictures",
                    partial(picture.measure_picture, size, options, plan.picture_encoder(options), folder),
                )
            if results["pictures"]:
                show("\n" + report.pictures(results["pictures"]))
            for group in plan.groups(options):
                name = f"{group.title} at {group.size} px"
                if found := part(name, "steps", partial(measure.measure_steps, group, options, encoder, folder, until)):
                    show("\n" + report.group(found))
            for race in plan.races(options):
                name = f"the race with the {race.against[0].name}"
                if found := part(name, "races", partial(measure.run_race, race, options, encoder, folder, until)):
                    show("\n" + report.race(found))
            for backend, size in itertools.product(options.backends, () if options.quick else options.sizes):
                name = f"a whole run of {backend} at {size} px"
                part(name, "whole", partial(measure.measure_overhead, backend, size, options, encoder, folder))
            if results["whole"]:
                show("\n" + report.overheads(results["whole"]))
            _show_remarks(results, options, show)
        finally:  # Ctrl-C does not lose what has been measured
            if options.out:
                write_text(options.out, json.dumps(results, indent=1) + "\n")
            if options.plot:
                report.save_plot(results, options.plot)
    return results


def _measure_part(results: dict, until: float, name: str, kind: str, work: Callable[[], dict | None]) -> dict | None:
    """What `work` finds, with how busy the machine was; it goes into the results. None, and the name goes there, if the time is over."""
    with busy.watch(name) as seen:
        found = None if time.monotonic() > until else work()
    if found is None:
        results["left_out"].append(name)
        return None
    results[kind].append(found | {"busy": seen})
    return results[kind][-1]


def _show_remarks(results: dict, options: BenchOptions, show: Callable[[str], object]) -> None:
    """A line about what there was no time for, and one about the parts for which the machine was too busy."""
    if results["left_out"]:
        show(f"\nLeft out, as the {options.minutes:g} minutes were over: {', '.join(results['left_out'])}.")
    if line := busy.verdict(results):
        show("\n" + line)


def _measure_one_pass(options: BenchOptions, results: dict, show: Callable[[str], object], part: Callable) -> dict:
    try:
        with tempfile.TemporaryDirectory(prefix="stylelab-bench-") as folder:
            for threads in plan.THREADS:
                part(
                    f"one pass with {threads} threads",
                    "one_pass",
                    partial(measure.measure_one_pass, options, threads, Path(folder)),
                )
        show("\n" + report.one_pass(results["one_pass"]))
        _show_remarks(results, options, show)
    finally:
        if options.out:
            write_text(options.out, json.dumps(results, indent=1) + "\n")
    return results


def describe_machine() -> dict:
    """What one must know about a machine to make sense of its figures. No names of hosts or users."""
    try:
        cpu = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        cpu = []
    names = (line.split(":", 1)[1].strip() for line in cpu if line.startswith("model name"))
    versions: dict[str, str | None] = {}
    for package in stylelab.BACKENDS:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "stylelab": stylelab.__version__,
        "when": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": next(names, platform.processor()),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count(),
        "threads": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
        "load_before": round(os.getloadavg()[0], 2),
    }


def write_random(folder: Path, seed: int = 0) -> Path:
    """A file of VGG-19 with random filters (He's initialisation), normalised to a mean activation of 1.

    The time of a step does not depend on the numbers in the filters, so that speed can be measured without a download.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, equation 10.
    """
    rng, channels, filters = np.random.default_rng(seed), 3, {}
    for layer in LAYERS:
        width = WIDTHS[layer[4]]
        kernel = rng.standard_normal((width, channels, 3, 3), np.float32) * np.float32(np.sqrt(2 / (9 * channels)))
        filters[layer], channels = (kernel, np.zeros(width, np.float32)), width
    encoder = Encoder(RANDOM, None, activations="normalised", source="seeded random weights", **TORCHVISION)
    path = folder / f"{RANDOM}.safetensors"
    file.save(path, calibrate.normalise(filters, encoder), encoder)
    return path
