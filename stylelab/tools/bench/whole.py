"""What a whole `stylelab transfer` costs outside its steps: start, imports, filters, targets, saving."""

import os
import re
import subprocess
import time
from pathlib import Path

from stylelab.base import processes
from stylelab.base.processes import python_of
from stylelab.errors import StylelabError
from stylelab.recipes import find_recipe
from stylelab.tools.bench.options import Asked

STEPS = 20
RECIPE = "lab"


def measure(backend: str, size: int, asked: Asked, encoder: str, folder: Path) -> dict:
    """Run the command line once, for a few steps, and set the rest of its time against the recipe's own number of steps."""
    found = {"backend": backend, "size": size, "recipe": RECIPE, "steps": STEPS}
    try:
        command = processes.module_command(
            "stylelab", "transfer", asked.content, asked.style, "-o", str(folder / f"{backend}.png")
        )
        command[0] = python_of(backend)
    except StylelabError as error:
        return found | {"error": str(error)}
    command += ["--backend", backend, "--encoder", encoder, "--size", str(size), "--steps", str(STEPS), "--recipe", RECIPE]
    command += ["--device", asked.device] if asked.device else []
    environment = processes.module_environment() | {"COLUMNS": "200"}
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=os.getcwd())
    wall = time.perf_counter() - began
    told = re.search(r"^(\d+) steps in ([\d.]+) s", done.stdout, re.M)
    if done.returncode or not told:
        return found | {"error": (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]}
    return found | shares(wall, float(told[2]), find_recipe(RECIPE).steps)


def shares(wall: float, steps_seconds: float, recipe_steps: int) -> dict:
    """The part outside the steps, in seconds, and its share of a run of the recipe's own length at the same pace."""
    outside = wall - steps_seconds
    usual = outside + steps_seconds / STEPS * recipe_steps
    return {"wall_seconds": wall, "outside_seconds": outside, "recipe_steps": recipe_steps, "share_outside": outside / usual}
