"""All of `stylelab bench`, part by part, each told as soon as it is known."""

import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from stylelab.base.files import write_text
from stylelab.errors import StylelabError
from stylelab.tools.bench import machine, options, plan, race, report, steps, whole
from stylelab.tools.bench.conductor import stage
from stylelab.tools.bench.network import write_random
from stylelab.tools.bench.options import Asked

Say = Callable[[str], object]


def run(asked: Asked, say: Say) -> dict:
    """Measure everything asked for; what is said is text for a terminal.

    Returns:
        `{"machine", "asked", "steps", "races", "whole"}`, as written to the JSON file.

    Raises:
        InputError, MachineError: one line; nothing was measured.
    """
    asked = options.check(asked)
    about = machine.describe()
    with tempfile.TemporaryDirectory(prefix="stylelab-bench-") as name:
        folder = Path(name)
        asked = _with_backends(asked, say)
        say(report.heading(about))
        encoder = _encoder(asked, folder)
        results = {"machine": about, "asked": _plain(asked), "steps": [], "races": [], "whole": []}
        try:
            _measure(asked, encoder, folder, results, say)
        finally:  # what was measured before Ctrl-C was not for nothing
            _write(results, asked)
    return results


def _measure(asked: Asked, encoder: str, folder: Path, results: dict, say: Say) -> None:
    for group in plan.groups(asked):
        results["steps"].append(steps.measure(group, asked, encoder, folder))
        say(report.group(results["steps"][-1]))
    for each in race.races(asked):
        results["races"].append(race.run(each, asked, encoder, folder))
        say(report.race(results["races"][-1]))
    if asked.quick:
        return
    for backend, size in itertools.product(asked.backends, asked.sizes):
        results["whole"].append(whole.measure(backend, size, asked, encoder, folder))
    say(report.whole(results["whole"]))


def _with_backends(asked: Asked, say: Say) -> Asked:
    """Only the frameworks that are here, with the device that was asked for.

    Raises:
        InputError, MachineError: there is none.
    """
    lost: dict[str, StylelabError] = {}
    probes = [plan.Contender(backend, "limit", backend, "float32") for backend in asked.backends]
    with stage([(probe, {"device": asked.device}) for probe in probes], lost) as players:
        there = tuple(player.contender.backend for player in players)
    if not there:
        raise next(iter(lost.values()))
    for name, why in lost.items():
        say(f"{name}: {why}")
    return replace(asked, backends=there)


def _encoder(asked: Asked, folder: Path) -> str:
    """The encoder's name, or the file of a random one that takes the place of what is not downloaded."""
    if asked.encoder == "vgg19" and not options.in_cache("vgg19"):
        return str(write_random(folder))
    return asked.encoder


def _plain(asked: Asked) -> dict:
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(asked).items()
        if name not in ("out", "plot")
    }


def _write(results: dict, asked: Asked) -> None:
    if asked.out:
        write_text(asked.out, json.dumps(results, indent=1) + "\n")
    if asked.plot:
        from stylelab.tools.bench import chart

        chart.save(results, asked.plot)
