"""Our own `transfer`, just as a user calls it; `watch` hands over the turn."""

import importlib

from stylelab import load_backend
from stylelab.errors import InputError
from stylelab.run.prepare import precision_for
from stylelab.tools.bench.turns import Turns
from stylelab.tools.bench.work import job_of, recipe_of

OPTIONS = ("precision", "scales", "tile")


def run(settings: dict, turns: Turns) -> None:
    """Steps of `transfer` until there is no further order."""
    half = load_backend(settings["backend"])
    options = {name: settings[name] for name in OPTIONS if name in settings}
    turns.note(precision=_ran_in(settings))
    result = half.transfer(
        settings["content"], settings["style"], recipe=recipe_of(settings["recipe"]), encoder=settings["encoder"],
        size=settings["size"], steps=settings["total_steps"], device=settings["device"],
        watch=lambda step: turns(step.loss, step.read), snapshots=(), **options,
    )  # fmt: skip
    if result.stopped:
        raise InputError(result.stopped)


def _ran_in(settings: dict) -> str:
    """What 'auto' comes to for this image."""
    features = importlib.import_module(f"stylelab.{settings['backend']}.features")
    job = job_of(settings)
    height, width = job.content.shape[:2]
    asked = precision_for(job, settings.get("precision", "auto"))
    return features.find_precision(asked, settings["device"], height * width)
