"""Our own `transfer`, just as a user calls it; `watch` hands over the turn."""

from stylelab import load_backend
from stylelab.bench.turns import Turns
from stylelab.bench.work import recipe_of

OPTIONS = ("precision", "scales", "tile")


def run(settings: dict, turns: Turns) -> None:
    """Steps of `transfer` until there is no further order."""
    half = load_backend(settings["backend"])
    options = {name: settings[name] for name in OPTIONS if name in settings}
    import inspect

    options = {k: v for k, v in options.items() if k in inspect.signature(half.transfer).parameters}  # TEMP
    half.transfer(
        settings["content"], settings["style"], recipe=recipe_of(settings["recipe"]), encoder=settings["encoder"],
        size=settings["size"], steps=settings["total_steps"], device=settings["device"],
        watch=lambda step: turns(step.loss, step.read), snapshots=(), **options,
    )  # fmt: skip
