"""The page's form: what it offers, and how its values become `Settings` or an error of one line."""

import os
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from stylelab import encoders, images
from stylelab.base.frameworks import installed, usual
from stylelab.errors import InputError, StylelabError
from stylelab.images.decode import ImageFile
from stylelab.images.formats import ENDINGS
from stylelab.languages import ENGLISH, current_language, direction, spoken
from stylelab.recipes import RECIPES, Recipe, Weights, find_recipe, scaled
from stylelab.run.backends import BACKENDS
from stylelab.run.options import WAYS_TO_KEEP_COLOURS, Options, describe, numbered, values_of
from stylelab.run.prepare import Job, prepare, weights_for
from stylelab.run.settings import Settings
from stylelab.tools.studio import live

FRAMEWORKS = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
UPLOADED = "uploaded"  # the form's name for an image that was uploaded
SMOOTHNESS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # positions of the slider, as multiples of the usual weight
USUAL = SMOOTHNESS.index(1.0)
MOST_STEPS, LARGEST = 100_000, 4096
ENCODERS = ("auto", *encoders.NAMES)
STYLE_SCALES = (0.5, 2.0)  # the least and the most that the slider offers
STYLES, MASKS, WEIGHTS = (tuple(name + end for end in ("", "_2", "_3")) for name in ("style", "style_mask", "blend"))
IMAGES = {"content": "Content image", "content_mask": "Content mask"}  # and what the page calls them
IMAGES |= {name: numbered("Style image", index) for index, name in enumerate(STYLES)}
IMAGES |= {name: numbered("Style mask", index) for index, name in enumerate(MASKS)}
COLOURS = {"": "the style's"} | {way: f"the photograph's ({way})" for way in WAYS_TO_KEEP_COLOURS}


def choices() -> dict:
    """Everything that the page offers, as JSON."""
    labels, language = {}, current_language()
    for name in ENCODERS:
        try:
            encoder = encoders.find_encoder(name)
            labels[name] = f"auto ({encoder.name})" if name == "auto" else name
        except StylelabError:
            labels[name] = f"{name} (not downloaded)"
    return {
        "content": [{"name": name, "alt": images.alt(name)} for name in images.content_names()],
        "style": [{"name": name, "alt": images.alt(name)} for name in images.style_names()],
        "images": IMAGES,
        "recipes": [_recipe(recipe) for recipe in RECIPES.values()],
        "encoders": [{"name": name, "label": label} for name, label in labels.items()],
        "backends": [{"name": name, "label": FRAMEWORKS[name]} for name in installed() or BACKENDS],
        "colours": [{"name": name, "label": label} for name, label in COLOURS.items()],
        "layers": list(encoders.LAYERS),
        "help": {option.name: describe(option) for option in fields(Options)},
        "smoothness": list(SMOOTHNESS),
        "scales": list(STYLE_SCALES),
        "usual": USUAL,
        "sizes": [images.SMALLEST, LARGEST],
        "steps": MOST_STEPS,
        "endings": sorted(ENDINGS),
        "live": live.choices(),
        "language": language,
        "direction": direction(language),
        "phrases": spoken(language) if language != ENGLISH else None,
    }


def defaults() -> dict:
    """The values of an untouched form."""
    recipe = _recipe(find_recipe(Options().recipe))
    return {
        "content": "china",
        "style": "brushstrokes",
        "content_mask": "",
        "style_mask": "",
        "recipe": recipe["name"],
        "backend": "tensorflow" if "tensorflow" in sys.modules else usual(),  # as the notebook's other cells
        "encoder": Options().encoder,
        "seed": Options().seed,
        "balance": 0,
        "smoothness": USUAL if recipe["tv"] else 0,
        "keep_colours": "",
        "strength": Options().strength,
        "style_scale": Options().style_scale,
        **{key: recipe[key] for key in ("size", "steps", "content_layers", "style_layers")},
    }


def preset() -> str:
    """$STYLELAB_PRESET, or what this machine can do in a few minutes."""
    if name := os.environ.get("STYLELAB_PRESET"):
        return name
    if not any(Path("/dev").glob("nvidia[0-9]*")):  # the import below takes a second
        return "cpu"
    from stylelab.tools.cluster import find_gpus

    return "full" if find_gpus() else "cpu"


def _recipe(recipe: Recipe) -> dict:
    small = scaled(recipe, preset())
    weights = {}
    for name in ENCODERS:
        square, strip = (1, 1), (1, 2)
        try:
            own, on_strip = (weights_for(recipe, encoders.find_encoder(name), shape) for shape in (square, strip))
        except StylelabError:  # not downloaded; the user reads that after pressing Paint
            own = on_strip = recipe.weights
        usual = usual_tv(recipe, own, square)
        weights[name] = {
            "alpha": own.content, "beta": own.style, "tv": own.tv,
            "usual": usual, "per_pixel": usual_tv(recipe, on_strip, strip) != usual,
        }  # fmt: skip
    return {
        "name": recipe.name, "source": recipe.source, "summary": recipe.summary, "size": small.size, "steps": small.steps,
        "author": f"{recipe.size} px, {recipe.steps} steps", "content_layers": list(recipe.content),
        "style_layers": list(recipe.style), "weights": weights, "tv": weights["auto"]["tv"], "seeded": recipe.start != "content",
    }  # fmt: skip


def usual_tv(recipe: Recipe, weights: Weights, shape: tuple[int, int]) -> float:
    """The weight of the total variation at the slider's usual position: the recipe's own, or one that makes a difference."""
    if weights.tv:
        return weights.tv
    if recipe.mini is not None and recipe.mini.pixels:
        return recipe.mini.tv * recipe.mini.pixels / (shape[0] * shape[1])
    return weights.style * 2e-7  # the ratio in 'gatys'


def settings(form: dict, uploaded: dict[str, ImageFile]) -> tuple[Settings, int, dict]:
    """The settings that a form asks for, and their number of steps. Everything is checked that does not need a framework.

    Args:
        form: values as from `defaults`.
        uploaded: the files of the images in `IMAGES`, where the form says 'uploaded'.

    Returns:
        The settings, the steps, and what a page shows of the run: its 'weights', its 'layers', and its 'changes' to the recipe.

    Raises:
        InputError: one line about the first value that is wrong.
    """
    recipe = find_recipe(str(form.get("recipe")))
    settings = Settings(
        content=_image(form, "content", uploaded),
        **_styles(form, uploaded),
        content_mask=_mask(form, "content_mask", uploaded),
        recipe=recipe.name,
        backend=_choice(form, "backend", BACKENDS),
        encoder=_choice(form, "encoder", ENCODERS),
        size=_whole(form, "size", images.SMALLEST, LARGEST),
        steps=_whole(form, "steps", 1, MOST_STEPS),
        seed=_whole(form, "seed", 0, 2**32 - 1),
        content_layers=_layers(form, "content", recipe.content),
        style_layers=_layers(form, "style", recipe.style),
        strength=_number({"strength": 1} | form, "strength", 0, 1),
        style_scale=_number({"style_scale": 1} | form, "style_scale", *STYLE_SCALES),
        keep_colours=_choice({"keep_colours": ""} | form, "keep_colours", COLOURS) or None,
    )
    job = prepared(settings)
    balance, smoothness = _number(form, "balance", -3, 3), int(_number(form, "smoothness", 0, len(SMOOTHNESS) - 1))
    if balance:
        settings = replace(settings, style_weight=job.weights.style * 10**balance)
    if smoothness != (USUAL if job.weights.tv else 0):
        usual = usual_tv(recipe, job.weights, job.content.shape[:2])
        settings = replace(settings, tv_weight=SMOOTHNESS[smoothness] * usual)
    weights = {name: getattr(settings, f"{name}_weight") for name in ("content", "style", "tv")}
    weights = {name: getattr(job.weights, name) if value is None else value for name, value in weights.items()}
    layers = {"content": list(job.recipe.content), "style": list(job.recipe.style)}
    return settings, job.recipe.steps, {"weights": weights, "layers": layers, "changes": _changes(settings, balance, smoothness)}


def _changes(settings: Settings, balance: float, smoothness: int) -> list[str]:
    """What distinguishes a run from the recipe at this size and number of steps, in few words each."""
    changes = [f"β/α × {10**balance:.3g}"] if balance else []
    if settings.tv_weight is not None:
        changes.append(f"smoothness × {SMOOTHNESS[smoothness]:g}" if smoothness else "no smoothing")
    for role in ("content", "style"):
        if layers := getattr(settings, f"{role}_layers"):
            changes.append(f"{role} {', '.join(layers)}")
    if settings.blend:
        changes.append(f"blend {' : '.join(f'{100 * share:.0f}' for share in settings.blend)}")
    if settings.content_mask:
        changes.append("content and style masks" if settings.style_mask else "content mask")
    if settings.keep_colours:
        changes.append(f"colours kept ({settings.keep_colours})")
    if settings.strength != 1:
        changes.append(f"strength {settings.strength:g}")
    if settings.style_scale != 1:
        changes.append(f"style image × {settings.style_scale:g}")
    if settings.encoder != Options().encoder:
        changes.append(str(settings.encoder))
    if settings.backend != defaults()["backend"]:
        changes.append(FRAMEWORKS[settings.backend])
    if settings.seed != Options().seed and find_recipe(settings.recipe).start != "content":
        changes.append(f"seed {settings.seed}")
    return changes


def prepared(settings: Settings) -> Job:
    """The run before its weights are changed."""
    return prepare(*settings.images(), **values_of(settings, Options))


def _styles(form: dict, uploaded: dict[str, ImageFile]) -> dict[str, Any]:
    """The style images, their masks, and their weights, which are brought to a sum of 1."""
    used = [index for index, role in enumerate(STYLES) if index == 0 or form.get(role)]
    weights = [_number({WEIGHTS[index]: 1} | form, WEIGHTS[index], 0, 1) for index in used]
    masks = [mask for index in used if (mask := _mask(form, MASKS[index], uploaded))]
    return {
        "style": tuple(_image(form, STYLES[index], uploaded) for index in used),
        "blend": [round(weight / (sum(weights) or 1), 4) for weight in weights] if len(used) > 1 else None,
        "style_mask": masks or None,
    }


def without_style(values: dict, role: str) -> dict:
    """Values by name, such as a form's, without a style and its mask and weight. The styles after it move up."""
    values = dict(values)
    for names in (STYLES, MASKS, WEIGHTS):
        place = STYLES.index(role)
        later = [values.pop(name, None) for name in names[place:]]
        values |= {name: value for name, value in zip(names[place:], later[1:], strict=False) if value is not None}
    return values


def _mask(form: dict, role: str, uploaded: dict[str, ImageFile]) -> "str | ImageFile | None":
    return _image(form, role, uploaded) if form.get(role) else None


def _image(form: dict, role: str, uploaded: dict[str, ImageFile]) -> "str | ImageFile":
    if form.get(role) == UPLOADED:
        if role not in uploaded:
            raise InputError(f"the {IMAGES[role].lower()} was lost: choose its file again")
        return uploaded[role]
    return _choice(form, role, () if role in ("content_mask", *MASKS) else images.names())


def _choice(form: dict, key: str, allowed) -> str:
    """Only names from the lists, so that a page cannot make the kernel open any file on its machine."""
    if form.get(key) not in allowed:
        raise InputError(f"{key} must be chosen from its list")
    return form[key]


def _whole(form: dict, key: str, least: int, most: int) -> int:
    value: Any = form.get(key)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= value <= most or value != int(value):
        got = "nothing" if value in (None, "") else f"{value:g}" if is_number else "text"
        raise InputError(f"{key} must be a whole number from {least} to {most}; got {got}")
    return int(value)


def _number(form: dict, key: str, least: float, most: float) -> float:
    value = form.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise InputError(f"{key} must be a number from {least:g} to {most:g}")
    return float(value)


def _layers(form: dict, role: str, own) -> tuple[str, ...] | None:
    """The chosen layers; None for the recipe's own, whose weights may differ from each other."""
    chosen = form.get(f"{role}_layers") or []
    if not isinstance(chosen, list):
        raise InputError("content layers and style layers must be chosen from their lists")
    if not chosen:
        raise InputError(f"no {role} layer is chosen: choose at least one")
    return None if set(chosen) == set(own) else tuple(encoders.layer_name(layer) for layer in chosen)
