"""The encoder that ships: what its file holds, and whether the real VGG-19 finds its pictures better than chance's."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from stylelab import encoder_file, encoders
from stylelab.calibration import calibration_pictures, pooled, rectified
from stylelab.recipes import Weights, find_recipe

FILE = encoders.ASSETS / "encoder-mini.safetensors"
JUDGE = Path(__file__).parents[2] / "shared" / "weights" / "vgg19-normalised-to-conv3_1.safetensors"
PICTURES = Path(__file__).parents[2] / "shared" / "pictures"


@cache
def calibration_activations() -> dict[str, np.ndarray]:
    """Layer -> activations `(6, C, H, W)` of the calibration pictures."""
    mini = encoders.find_encoder("mini")
    factor, offset = encoders.input_transform(mini)
    stack = [picture * factor[:, None, None] + offset[:, None, None] for picture in calibration_pictures()]
    found = {}
    for layer, (kernel, bias) in encoders.read_weights(mini, encoders.LAYERS).items():
        stack = [rectified(picture, kernel, bias, mini.padding) for picture in stack]
        found[layer] = np.stack(stack)
        if layer in encoders.POOL_AFTER:
            stack = [pooled(picture, mini.pooling) for picture in stack]
    return found


def test_the_file_is_small_enough_to_ship():
    assert FILE.stat().st_size <= 8_000_000


def test_all_sixteen_convolutions_are_there():
    assert encoders.find_encoder("mini").layers == encoders.LAYERS
    assert len(encoders.LAYERS) == 16


def test_the_header_says_how_to_feed_it():
    mini = encoders.find_encoder("mini")
    assert (mini.name, mini.channels, mini.scale, mini.pooling, mini.padding) == ("mini", "RGB", 1.0, "max", "replicate")
    assert mini.activations == "normalised"
    assert len(mini.mean) == len(mini.std) == 3
    assert mini.source.startswith("trained from scratch")


def test_numbers_are_stored_as_float16_and_finite():
    with encoder_file.opened(FILE) as (_, file):
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
    flat = calibration_activations()[layer].swapaxes(0, 1).reshape(len(encoders.read_weights(
        encoders.find_encoder("mini"), [layer])[layer][1]), -1)
    likeness = np.corrcoef(flat) - np.eye(len(flat))
    assert likeness.max() < 0.9999


def test_a_flat_picture_meets_no_frame():
    """Replicate padding: on one colour every place of every layer is alike, the border too."""
    mini = encoders.find_encoder("mini")
    factor, offset = encoders.input_transform(mini)
    activation = np.broadcast_to((0.3 * factor + offset)[:, None, None], (3, 32, 32)).astype(np.float32)
    for layer, (kernel, bias) in encoders.read_weights(mini, encoders.LAYERS).items():
        activation = rectified(activation, kernel, bias, mini.padding)
        np.testing.assert_allclose(activation, activation[:, :1, :1] + 0 * activation, rtol=1e-3, atol=1e-3)
        if layer in encoders.POOL_AFTER:
            activation = pooled(activation, mini.pooling)
