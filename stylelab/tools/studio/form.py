"""What the page offers to choose from, and what it asks for, as `Settings` or as one line that says what is wrong."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from stylelab import encoders, images
from stylelab.errors import InputError, StylelabError
from stylelab.images.decode import ImageFile
from stylelab.recipes import RECIPES, Recipe, Weights, find_recipe, scaled
from stylelab.run.backends import BACKENDS
from stylelab.run.prepare import prepare, weights_for
from stylelab.run.settings import Settings

FRAMEWORKS = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
UPLOADED = "uploaded"  # the name of an image that the page has handed over
SMOOTHER = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # steps of the slider, as multiples of a usual weight
USUAL = SMOOTHER.index(1.0)
MOST_STEPS, LARGEST = 100_000, 4096


def choices() -> dict:
    """All that the page shows for choosing, as JSON."""
    return {
        "content": [{"name": name, "alt": images.alt(name)} for name in images.content_names()],
        "style": [{"name": name, "alt": images.alt(name)} for name in images.style_names()],
        "recipes": [_recipe(recipe) for recipe in RECIPES.values()],
        "encoders": [_encoder(name) for name in ("auto", *encoders.NAMES)],
        "backends": [{"name": name, "label": FRAMEWORKS[name]} for name in BACKENDS],
        "layers": list(encoders.LAYERS),
        "smoother": list(SMOOTHER),
        "usual": USUAL,
        "sizes": [images.SMALLEST, LARGEST],
        "steps": MOST_STEPS,
    }


def first() -> dict:
    """What the form holds before anybody has touched it."""
    recipe = _recipe(find_recipe("gatys"))
    pair = {"content": "china", "style": "brushstrokes"}
    machine = {"encoder": "auto", "backend": _backend(), "seed": 0, "balance": 0, "smoother": USUAL if recipe["tv"] else 0}
    return (
        pair | {"recipe": "gatys"} | machine | {key: recipe[key] for key in ("size", "steps", "content_layers", "style_layers")}
    )


def _backend() -> str:
    """The framework that this notebook is about."""
    return "tensorflow" if "tensorflow" in sys.modules else "torch"


def preset() -> str:
    """$STYLELAB_PRESET, else what this machine can do in a few minutes."""
    if asked := os.environ.get("STYLELAB_PRESET"):
        return asked
    if not any(Path("/dev").glob("nvidia[0-9]*")):  # to ask more closely takes a second
        return "cpu"
    from stylelab.tools.cluster import find_gpus

    return "full" if find_gpus() else "cpu"


def _recipe(recipe: Recipe) -> dict:
    small = scaled(recipe, preset())
    weights = {}
    for name in ("auto", *encoders.NAMES):
        try:
            found = weights_for(recipe, encoders.find_encoder(name), (small.size, small.size))
        except StylelabError:  # it is not on this machine, and the user is told so when it is asked for
            found = recipe.weights
        weights[name] = {"alpha": found.content, "beta": found.style, "tv": found.tv}
    return {
        "name": recipe.name, "source": recipe.source, "summary": recipe.summary, "size": small.size, "steps": small.steps,
        "author": f"{recipe.size} px, {recipe.steps} steps", "content_layers": list(recipe.content),
        "style_layers": list(recipe.style), "weights": weights, "tv": weights["auto"]["tv"], "seeded": recipe.start != "content",
    }  # fmt: skip


def _encoder(name: str) -> dict:
    try:
        found = encoders.find_encoder(name)
    except StylelabError:
        return {"name": name, "label": f"{name} (not downloaded)"}
    return {"name": name, "label": f"auto ({found.name})" if name == "auto" else name}


def settings(form: dict, uploaded: dict[str, ImageFile]) -> tuple[Settings, int]:
    """What a filled-in form asks for, checked as far as it can be without a framework, and how many steps that will be.

    Args:
        form: as `first` gives it.
        uploaded: the files for 'content' and 'style', where the form says 'uploaded'.

    Raises:
        InputError: one line about the first thing that is wrong.
    """
    recipe = find_recipe(str(form.get("recipe")))
    asked = Settings(
        content=_image(form, "content", uploaded),
        style=_image(form, "style", uploaded),
        recipe=recipe.name,
        backend=_among(form, "backend", BACKENDS),
        encoder=_among(form, "encoder", ("auto", *encoders.NAMES)),
        size=_whole(form, "size", "size", images.SMALLEST, LARGEST),
        steps=_whole(form, "steps", "steps", 1, MOST_STEPS),
        seed=_whole(form, "seed", "seed", 0, 2**32 - 1),
        content_layers=_layers(form, "content", recipe.content),
        style_layers=_layers(form, "style", recipe.style),
    )
    job = _prepared(asked)
    return replace(asked, **_weighed(form, recipe, job.weights, job.content.shape[:2])), job.recipe.steps


def _prepared(asked: Settings):
    content, style = asked.images()
    names = ("recipe", "encoder", "size", "steps", "seed", "content_layers", "style_layers")
    return prepare(content, style, **{name: getattr(asked, name) for name in names})


def _image(form: dict, role: str, uploaded: dict[str, ImageFile]) -> "str | ImageFile":
    name = form.get(role)
    if name == UPLOADED:
        if role not in uploaded:
            raise InputError(f"the {role} image is not here: choose its file again")
        return uploaded[role]
    return _among(form, role, images.names())


def _among(form: dict, key: str, allowed) -> str:
    """Only names from the lists: a page must not make the kernel open any file of its machine."""
    if form.get(key) not in allowed:
        raise InputError(f"{key} must be chosen from its list")
    return form[key]


def _whole(form: dict, key: str, name: str, least: int, most: int) -> int:
    value = form.get(key)
    given = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not given or not least <= value <= most or value != int(value):
        came = "nothing" if value in (None, "") else f"{value:g}" if given else "text"
        raise InputError(f"{name} must be a whole number from {least} to {most}; got {came}")
    return int(value)


def _layers(form: dict, role: str, own) -> tuple[str, ...] | None:
    """None for the recipe's own, whose shares need not be equal."""
    chosen = form.get(f"{role}_layers") or []
    if not isinstance(chosen, list):
        raise InputError("content layers and style layers must be chosen from their lists")
    if not chosen:
        raise InputError(f"no {role} layer is chosen: choose at least one")
    return None if set(chosen) == set(own) else tuple(encoders.layer_name(layer) for layer in chosen)


def _weighed(form: dict, recipe: Recipe, own: Weights, shape: tuple[int, int]) -> dict[str, float]:
    """The weights that are not the recipe's own."""
    balance, smoother = _number(form, "balance", -3, 3), int(_number(form, "smoother", 0, len(SMOOTHER) - 1))
    asked = {"style_weight": own.style * 10**balance} if balance else {}
    if smoother != (USUAL if own.tv else 0):
        asked["tv_weight"] = SMOOTHER[smoother] * (own.tv or _usual_tv(recipe, own, shape))
    return asked


def _usual_tv(recipe: Recipe, own: Weights, shape: tuple[int, int]) -> float:
    """A total variation that can be seen, for a recipe that has none."""
    if recipe.mini is not None and recipe.mini.pixels:
        return recipe.mini.tv * recipe.mini.pixels / (shape[0] * shape[1])
    return own.style * 2e-7  # as in 'gatys', whose units it has


def _number(form: dict, key: str, least: float, most: float) -> float:
    value = form.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise InputError(f"{key} must be a number from {least:g} to {most:g}")
    return float(value)
