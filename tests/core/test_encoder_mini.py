"""The embedded encoder: what its file holds, and whether its images are better than those of random filters."""

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stylelab import encoders
from stylelab.base import course
from stylelab.encoders import file as encoder_file
from stylelab.encoders.calibrate import calibration_images, convolve, pool
from stylelab.recipes import Gram, SquaredError, Weights, find_recipe

FILE = course.ASSETS / "encoder-mini.safetensors"


@cache
def calibration_activations() -> dict[str, np.ndarray]:
    """Layer -> activations `(6, C, H, W)` of the calibration images."""
    mini = encoders.find_encoder("mini")
    factor, offset = encoders.input_transform(mini)
    stack = [image * factor[:, None, None] + offset[:, None, None] for image in calibration_images()]
    activations = {}
    for layer, (kernel, bias) in encoders.read_weights(mini, encoders.LAYERS).items():
        stack = [convolve(image, kernel, bias, mini.padding) for image in stack]
        activations[layer] = np.stack(stack)
        if layer in encoders.POOL_AFTER:
            stack = [pool(image, mini.pooling) for image in stack]
    return activations


def test_the_file_is_small_enough_for_the_package():
    assert FILE.stat().st_size <= 8_000_000


def test_all_sixteen_convolutions_are_there():
    assert encoders.find_encoder("mini").layers == encoders.LAYERS
    assert len(encoders.LAYERS) == 16


def test_the_header_describes_the_input_and_the_network():
    mini = encoders.find_encoder("mini")
    assert (mini.name, mini.channels, mini.scale) == ("mini", "RGB", 1.0)
    assert (mini.pooling, mini.padding) == ("average", "replicate")
    assert mini.activations == "normalised"
    assert len(mini.mean) == len(mini.std) == 3
    assert mini.source.startswith("trained from scratch")


def test_weights_are_finite_float16_numbers():
    with encoder_file.open_weights(FILE) as (_, file):
        for key in file.keys():
            tensor = file.get_tensor(key)
            assert tensor.dtype == np.float16, key
            assert np.isfinite(tensor).all(), key


@pytest.mark.parametrize("layer", encoders.LAYERS)
def test_every_channel_has_a_mean_activation_of_about_one(layer):
    means = calibration_activations()[layer].mean(axis=(0, 2, 3))
    np.testing.assert_allclose(means, 1, atol=0.05)


@pytest.mark.parametrize("layer", encoders.LAYERS)
def test_no_channel_is_dead(layer):
    firing = (calibration_activations()[layer] > 0).mean(axis=(0, 2, 3))
    assert firing.min() > 0.01


@pytest.mark.parametrize("layer", encoders.LAYERS)
def test_no_two_channels_of_a_layer_are_copies(layer):
    channels = calibration_activations()[layer].swapaxes(0, 1)
    correlation = np.corrcoef(channels.reshape(len(channels), -1)) - np.eye(len(channels))
    assert correlation.max() < 0.999


def test_a_flat_image_gives_flat_activations_up_to_the_border():
    mini = encoders.find_encoder("mini")
    factor, offset = encoders.input_transform(mini)
    activation = np.broadcast_to((0.3 * factor + offset)[:, None, None], (3, 32, 32)).astype(np.float32)
    for layer, (kernel, bias) in encoders.read_weights(mini, encoders.LAYERS).items():
        activation = convolve(activation, kernel, bias, mini.padding)
        corner = np.broadcast_to(activation[:, :1, :1], activation.shape)
        np.testing.assert_allclose(activation, corner, rtol=1e-3, atol=1e-3)
        if layer in encoders.POOL_AFTER:
            activation = pool(activation, mini.pooling)


@pytest.fixture(scope="module")
def judge():
    """The module judge.py; imported here because it needs torch."""
    path = Path(__file__).with_name("judge.py")
    spec = importlib.util.spec_from_file_location("judge", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.available():
        pytest.skip("the real VGG-19 filters are not next to this checkout")
    return module


@pytest.fixture(scope="module")
def pair(judge):
    def opened(side):
        names = ("content/tubingen.jpg", "style/starry_night.jpg")
        return [judge.open_short(judge.SHARED / "pictures" / name, side) for name in names]

    return opened


def test_the_judge_reproduces_the_known_errors_of_the_content_image(judge, pair):
    content, style = pair(192)
    errors = judge.judge(content, content, style)
    np.testing.assert_allclose([errors[layer] for layer in judge.STYLE_LAYERS], [0.287, 0.470, 0.651], atol=1e-3)
    assert errors["content"] == 0


def test_the_style_image_has_no_error_to_itself(judge, pair):
    _, style = pair(96)
    assert max(judge.judge(style, style, style).values()) == 0


def test_the_judge_rejects_images_of_different_sizes(judge, pair):
    content, style = pair(96)
    with pytest.raises(ValueError, match="one size"):
        judge.judge(content[:-1], content, style)


def generate(encoder: str, content: np.ndarray, style: np.ndarray, steps: int = 30) -> np.ndarray:
    """A short run with five low layers."""
    import stylelab.torch as sl

    layers = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
    recipe = replace(
        find_recipe("gatys"), content={"conv2_2": 1.0}, content_loss=SquaredError("mean"), style=dict.fromkeys(layers, 0.2),
        style_loss=Gram("per_location"),
    )  # fmt: skip
    trunk = sl.load_encoder(encoder, layers, normalised=True, device="cpu")
    images = [sl.to_tensor(image) for image in (content, style)]
    loss = sl.transfer_loss(trunk, *images, recipe, Weights(content=0.003, style=1.0))
    return [step for step in sl.optimise(images[0], loss, steps=steps)][-1].image


@pytest.mark.slow
def test_its_images_are_better_than_those_of_random_filters(judge, pair):
    content, style = pair(96)
    mini, random = (judge.judge(generate(name, content, style), content, style) for name in ("mini", "random"))
    assert mini["conv2_1"] < 0.5 * random["conv2_1"]
    assert mini["conv3_1"] < 0.7 * random["conv3_1"]


@pytest.mark.slow
def test_the_default_recipe_is_closer_to_the_style_than_the_paper_s_in_fewer_steps(judge, pair):
    import stylelab.torch as sl

    content, style = pair(128)
    options = dict(encoder="mini", size=max(content.shape), device="cpu")
    images = [sl.transfer(content, style, **options, **own).image for own in (dict(steps=60), dict(recipe="gatys", steps=90))]
    ours, paper = (judge.judge(image, content, style) for image in images)
    assert ours["conv3_1"] < 0.75 * paper["conv3_1"] and ours["conv3_1"] < 0.05
    assert ours["content"] < paper["content"] + 0.2
