"""The two frameworks agree: each computes the same things in its own process, and the results are compared."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stylelab.encoders import LAYERS
from stylelab.recipes import RECIPES

MEASURE = Path(__file__).with_name("measure.py")
RELATIVE = 1e-4  # of the largest value, in float32: activations, losses, gradients
IMAGE = 1e-2  # of images in 0..1, after 20 steps
STEPPED = [name for name, recipe in RECIPES.items() if recipe.optimiser.name != "lbfgs"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory, request):
    """What both frameworks computed: `{framework: {name: array}}`."""
    weights = Path(__file__).resolve().parents[3] / "shared" / "weights" / "vgg19-normalised-to-conv3_1.safetensors"
    extra = [str(weights)] if weights.is_file() else []
    folder, values = tmp_path_factory.mktemp("parity"), {}
    python = {"torch": sys.executable, "tensorflow": os.environ.get("STYLELAB_TENSORFLOW_PYTHON", sys.executable)}
    for framework, executable in python.items():
        out = folder / f"{framework}.npz"
        run = subprocess.run([executable, MEASURE, framework, out, *extra], capture_output=True, text=True, timeout=600)
        assert run.returncode == 0, run.stderr[-2000:]
        with np.load(out) as arrays:
            values[framework] = dict(arrays)
    return values


def compare(measured, key, relative=RELATIVE):
    """Assert that a value is finite and the same in both frameworks, within `relative` of its largest entry.

    Of a gradient one entry in two hundred may be ten times as far: where two numbers differ by less than rounding, a maximum, a
    nearest neighbour or an order decides on a hair, and processors round differently.
    """
    torch, tensorflow = measured["torch"][key], measured["tensorflow"][key]
    assert np.isfinite(torch).all()
    limit, most = relative * max(np.abs(torch).max(), 1e-30), 10 if key.endswith("gradient") else 1
    np.testing.assert_allclose(torch, tensorflow, rtol=0, atol=most * limit)
    assert (np.abs(torch - tensorflow) > limit).mean() <= 0.005


@pytest.mark.slow
def test_both_frameworks_computed_the_same_things(measured):
    assert set(measured["torch"]) == set(measured["tensorflow"])


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("layer", LAYERS)
def test_activations_agree(measured, layer, pooling):
    compare(measured, f"mini {pooling} {layer}")


@pytest.mark.parametrize("recipe", RECIPES)
def test_losses_and_image_gradients_agree(measured, recipe):
    keys = [key for key in measured["torch"] if key.startswith(f"mini {recipe} ") and not key.endswith("image")]
    assert f"mini {recipe} gradient" in keys and f"mini {recipe} style" in keys
    for key in keys:
        compare(measured, key)


@pytest.mark.parametrize("part", ["style", "gradient"])
def test_losses_on_clouds_of_points_agree(measured, part):
    keys = [key for key in measured["torch"] if key.startswith("mini loss ") and key.endswith(part)]
    assert len(keys) > 12
    for key in keys:
        compare(measured, key)


@pytest.mark.parametrize("recipe", STEPPED)
def test_images_after_twenty_steps_agree(measured, recipe):
    key = f"mini {recipe} image"
    torch, tensorflow = measured["torch"][key], measured["tensorflow"][key]
    difference = np.abs(torch - tensorflow)
    # Adam divides by the gradient's size: where that is only rounding noise, single pixels may differ
    assert np.quantile(difference, 0.999) < IMAGE and difference.mean() < IMAGE / 10


@pytest.mark.parametrize("name", ["luminance", "match", "blend", "one mask", "regions"])
def test_colours_blends_regions_and_strengths_agree(measured, name):
    compare(measured, f"control {name} losses")
    torch, tensorflow = (measured[framework][f"control {name} image"] for framework in ("torch", "tensorflow"))
    difference = np.abs(torch - tensorflow)
    assert np.quantile(difference, 0.999) < IMAGE / 2 and difference.mean() < IMAGE / 20


@pytest.mark.parametrize("name", ["adain", "whiten_and_colour", "optimal_transport_map"])
def test_activations_moved_by_the_closed_form_maps_agree(measured, name):
    keys = [key for key in measured["torch"] if key.startswith(f"map {name} ")]
    assert len(keys) == 4
    for key in keys:
        compare(measured, key)


@pytest.mark.parametrize("layer", ["conv1_1", "conv2_1", "conv3_1"])
def test_decoded_images_agree(measured, layer):
    compare(measured, f"decoded {layer}")


@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_images_painted_by_the_cascade_agree(measured, strength):
    torch, tensorflow = (measured[framework][f"cascade {strength}"] for framework in ("torch", "tensorflow"))
    assert np.abs(torch - tensorflow).mean() < 1e-3  # whitening enlarges the rounding of float32 where there is little spread


@pytest.mark.parametrize("network", ["six", "any"])
def test_what_a_network_paints_in_one_pass_agrees(measured, network):
    compare(measured, f"network {network} code")
    compare(measured, f"network {network} image", 1e-4 if network == "six" else 1e-3)  # 'any' computes its code, too


def test_the_first_steps_of_a_training_agree(measured):
    compare(measured, "training losses", 1e-3)
    torch, tensorflow = (measured[framework]["training codes"] for framework in ("torch", "tensorflow"))
    # Adam divides by the gradient's size: where that is only rounding noise, single numbers may differ
    assert np.quantile(np.abs(torch - tensorflow), 0.9) < 2e-3


def test_frames_of_a_film_and_their_temporal_loss_agree(measured):
    compare(measured, "film loss")
    compare(measured, "film gradient")
    difference = np.abs(measured["torch"]["film image"] - measured["tensorflow"]["film image"])
    assert np.quantile(difference, 0.999) < IMAGE and difference.mean() < IMAGE / 10


@pytest.mark.parametrize("kind", ["activations", *RECIPES])
def test_the_real_filters_agree(measured, kind):
    keys = [key for key in measured["torch"] if key.startswith("partial ") and not key.endswith("image")]
    if not keys:
        pytest.skip("the real VGG-19 filters are not next to this checkout")
    wanted = [
        key for key in keys if (" conv" in key) == (kind == "activations") and (kind == "activations" or f" {kind} " in key)
    ]
    assert wanted
    for key in wanted:
        compare(measured, key)
