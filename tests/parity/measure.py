"""`measure.py FRAMEWORK OUT.npz [WEIGHTS]`, which tests/parity/test_parity.py runs once for each framework.

Everything is written as channels-last NumPy: activations of every layer, and for every recipe the parts of its loss,
the gradient of the image, and the image after 20 steps.
"""

import importlib
import sys
from dataclasses import replace

import numpy as np

from stylelab import encoders, images
from stylelab.errors import InputError
from stylelab.recipes import (
    MMD,
    RECIPES,
    BatchNorm,
    Histogram,
    MeanCovariance,
    NearestNeighbour,
    Optimiser,
    Relative,
    RelaxedEarthMover,
    Sliced,
    Wasserstein,
    Weights,
    with_layers,
)
from stylelab.run.options import Options
from stylelab.run.prepare import Previous, follow, prepare, prepare_run

SIZE, STEPS = 64, 20
CLOUD_LOSSES = (
    MMD("linear"), MMD("polynomial", offset=1), MMD("polynomial", degree=3, offset=1), MMD("gaussian"),
    MMD("gaussian", gamma="mean", estimate="unbiased", samples=300), MMD("gaussian", estimate="linear"), BatchNorm(),
    MeanCovariance(), MeanCovariance(relative=False), Wasserstein(), Relative(Wasserstein(relative=True)), Sliced(),
    Histogram(), NearestNeighbour(), RelaxedEarthMover(), NearestNeighbour(samples=500),
)  # fmt: skip

HALVES = np.repeat(np.indices((43, 64))[1:] > 25, 3, axis=0).transpose(1, 2, 0).astype(np.float32)  # black, then white
SQUARE = np.repeat(np.indices((64, 64))[1:] > 25, 3, axis=0).transpose(1, 2, 0).astype(np.float32)  # as the second style image
CONTROL = {
    "luminance": dict(keep_colours="luminance"),
    "match": dict(keep_colours="match", strength=0.6),
    "blend": dict(blend=(0.7, 0.3)),
    "one mask": dict(content_mask=HALVES, style_scale=0.5),
    "regions": dict(content_mask=HALVES, style_mask=[HALVES, SQUARE], blend=(0.4, 0.6), strength=0.8),
}


def main(framework: str, out: str, *weights: str) -> None:
    """Compute everything with the embedded encoder, and with a file of weights if one is given."""
    sl = importlib.import_module(f"stylelab.{framework}")
    lab = load_lab(framework, sl)
    values = {}
    losses = [
        replace(RECIPES["lab"], name=f"loss {loss}", style_loss=loss, mini=Weights(0.0, 1.0), normalised=Weights(0.0, 1.0))
        for loss in CLOUD_LOSSES
    ]
    for name in ("mini", *weights):
        label = "partial" if name in weights else name
        spec = encoders.find_encoder(name)
        layers = spec.layers
        image = prepare("china", "coffee", encoder="mini", size=SIZE).content[None]
        for pooling in ("max", "average"):
            encoder = sl.load_encoder(spec, layers, pooling=pooling, device="cpu")
            for layer, activation in lab.activations(encoder, image).items():
                values[f"{label} {pooling} {layer}"] = activation
        for recipe in [*RECIPES.values(), *(losses if name == "mini" else [])]:
            for key, value in measure_recipe(lab, sl, recipe_for(recipe, spec), spec).items():
                values[f"{label} {recipe.name} {key}"] = value
    values |= measure_maps(lab, sl)
    values |= measure_film(lab, sl)
    for name, options in CONTROL.items():
        for key, value in measure_control(sl, **options).items():
            values[f"control {name} {key}"] = value
    values |= measure_networks(sl)
    np.savez(out, **values)


def measure_networks(sl) -> dict:
    """What the embedded networks paint in one pass, and the first steps of a training."""
    values, photograph = {}, images.open_image("china", 75)[:, :61]
    for name, styles in (("six", ("fluid", "ceramic")), ("any", ("coffee", "fluid"))):
        painter = sl.load_network(name, device="cpu")
        code = values[f"network {name} code"] = painter.code(styles, blend=(0.3, 0.7))
        values[f"network {name} image"] = painter.paint(photograph, code)
    steps = []
    for step in sl.train(["fluid", "ceramic"], [images.open_image("china", 75)], size=40, steps=3, batch=2, device="cpu"):
        steps.append([step.parts[name] for name in ("style", "content", "range", "variation")])
    return values | {"training losses": np.array(steps), "training codes": step.weights()["codes"]}


def measure_maps(lab, sl) -> dict:
    """Correlated points, fewer of them than channels, and none but one colour, moved by the closed-form maps; the cascade."""
    rng = np.random.default_rng(2)
    mix = rng.normal(size=(24, 24))
    many, few = (np.maximum(rng.normal(size=(1, side, 9, 24)) @ mix + 1, 0).astype(np.float32) for side in (12, 2))
    pairs = {"many": (many, many[:, ::-1] ** 2), "few": (few, many), "to few": (many, few), "one colour": (0 * many + 0.1, many)}
    moved = {}
    for name in ("adain", "whiten_and_colour", "optimal_transport_map"):
        for key, pair in pairs.items():
            moved[f"map {name} {key}"] = lab.array(getattr(sl, name)(*(lab.tensor(array) for array in pair)))
    job = prepare("china", "coffee", encoder="mini", size=SIZE)
    for layer in ("conv1_1", "conv2_1", "conv3_1"):
        activation = sl.load_encoder("mini", layer, device="cpu")(lab.tensor(job.content[None]))[layer]
        moved[f"decoded {layer}"] = lab.array(sl.load_decoder(layer, device="cpu")(activation))
    for strength in (0.4, 1.0):
        moved[f"cascade {strength}"] = sl.move_statistics(job.content, job.style, strength=strength, device="cpu")
    return moved


def measure_film(lab, sl) -> dict:
    """The temporal loss, its gradient, and a frame that follows another."""
    job = prepare("china", "coffee", encoder="mini", size=SIZE)
    warped, mask = np.roll(job.content, 3, axis=1), np.arange(SIZE)[None] * np.ones(job.content.shape[:1])[:, None] > 5
    reliable = lab.tensor(mask[None, ..., None].astype(np.float32))
    options = Options(recipe=replace(RECIPES["stylelab"], optimiser=Optimiser("adam", learning_rate=0.02)), encoder="mini", size=SIZE,
                      device="cpu", precision="float32")  # fmt: skip
    run = follow(prepare_run(["china"], ["coffee"], options), Previous(warped, mask, 5.0), STEPS)
    return {
        "film loss": lab.array(sl.temporal_loss(lab.tensor(job.content[None]), lab.tensor(warped[None]), reliable)),
        "film gradient": lab.gradient(lambda x: sl.temporal_loss(x, lab.tensor(warped[None]), reliable), job.content[None]),
        "film image": sl.paint(run)[0].image,
    }


def measure_control(sl, **options) -> dict:
    """The losses of the first step, and the image after some steps of plain gradient descent.

    Adam divides by the size of the gradient, even where that is nothing but rounding, and L-BFGS takes rounding further still.
    """
    recipe = replace(RECIPES["stylelab"], optimiser=Optimiser("sgd", learning_rate=1.0))
    styles = ["coffee", "fluid"] if "blend" in options else "coffee"
    how = dict(recipe=recipe, encoder="mini", size=SIZE, steps=STEPS, device="cpu", precision="float32")
    result = sl.transfer("china", styles, **how, **options)
    losses = [result.history[part][0] for part in ("total", "content", "style")]
    return {"losses": np.array(losses), "image": result.image}


def recipe_for(recipe, spec):
    """The recipe, changed to use only layers that the encoder has."""
    try:
        encoders.check_layers(spec, recipe.layers)
        return recipe
    except InputError:
        return with_layers(recipe, content=["conv3_1"], style=[s for s in recipe.style if s in spec.layers])


def measure_recipe(lab, sl, recipe, spec) -> dict:
    """The parts of the loss, their gradient, and the image after some steps."""
    job = prepare("china", "coffee", recipe=recipe, encoder=spec, size=SIZE, seed=1)
    recipe = job.recipe
    encoder = sl.load_encoder(spec, recipe.layers, pooling=recipe.pooling, normalised=job.normalised, device="cpu")
    content, style, start = (sl.to_tensor(image) for image in (job.content, job.style, job.start))
    loss = sl.transfer_loss(encoder, content, style, recipe, job.weights)
    nudge = np.random.default_rng(0).normal(0, 0.02, job.start.shape).astype(np.float32)
    nudged = np.clip(job.start + nudge, 0, 1)[None]  # at the content image itself the content gradient is 0
    values = {name: lab.array(part) for name, part in loss(lab.tensor(nudged)).items()}
    values["gradient"] = lab.gradient(lambda tensor: sum(loss(tensor).values()), nudged)
    if recipe.optimiser.name != "lbfgs":
        *_, last = sl.optimise(start, loss, optimiser=replace(recipe.optimiser), steps=STEPS)
        values["image"] = last.image
    return values


def load_lab(framework, sl):
    """The class Lab of tests/conftest.py, which cannot be imported by its name here."""
    import importlib.util
    from pathlib import Path

    spec = importlib.util.spec_from_file_location("conftest", Path(__file__).parents[1] / "conftest.py")
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    return conftest.Lab(framework, sl)


if __name__ == "__main__":
    main(*sys.argv[1:])
