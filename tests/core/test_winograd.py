"""Convolutions by Winograd's method against the definition, as numbers and inside the network's two passes."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from stylelab import encoders
from stylelab.run.numerics import winograd


def test_sixteen_outputs_of_a_kernel_are_exact(rng):
    kernel, window = rng.normal(size=(3, 3)), rng.normal(size=(6, 6))
    found = winograd.ANSWER @ (winograd.transform(kernel[..., None])[:, 0] * (winograd.POINTS @ window.ravel()))
    expected = [(window[y : y + 3, x : x + 3] * kernel).sum() for y in range(4) for x in range(4)]
    assert_allclose(found, expected, atol=1e-5)


def test_it_is_left_to_wide_layers_of_large_images():
    assert winograd.pays(256, 512, 16, 32)
    assert not winograd.pays(128, 256, 64, 64) and not winograd.pays(512, 512, 10, 16)


@pytest.mark.parametrize(("height", "width", "channels"), [(1, 1, 8), (42, 64, 256), (171, 256, 512), (7, 4000, 512)])
def test_bands_cover_every_row_once(height, width, channels):
    rows = [row for first, number in winograd.bands(height, width, channels) for row in range(first, first + number)]
    assert rows == list(range(-(-height // 4)))


@pytest.fixture
def every_layer(monkeypatch):
    """Winograd's method for every layer, in bands of two rows of blocks."""
    monkeypatch.setattr(winograd, "BAND", 5e4)
    asked = []
    module = "stylelab.{}.engine.passes.pays"

    def use(lab):
        monkeypatch.setattr(module.format(lab.name), lambda *shape: asked.append(shape) or True)
        return asked

    return use


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (21, 27), (35, 18)])
def test_the_passes_give_the_plain_gradient(lab, rng, every_layer, padding, height, width):
    images = rng.uniform(size=(2, height, width, 3)).astype(np.float32)
    spec = dataclasses.replace(encoders.find_encoder("mini"), padding=padding)
    encoder = lab.sl.load_encoder(spec, ("conv1_2", "conv3_1"), pooling="average", device="cpu")
    targets = {layer: 2 * array for layer, array in lab.activations(encoder, images).items()}

    def distance(activations):
        losses = [lab.sl.content_loss(activations[layer], lab.tensor(target), "mean") for layer, target in targets.items()]
        return sum(losses[1:], losses[0])

    asked = every_layer(lab)
    plain = lab.gradient(lambda tensor: distance(encoder(tensor)), images)
    assert not asked
    hand = lab.gradient(lambda tensor: distance(lab.look(encoder, tensor, targets, ())[0]), images)
    assert asked
    assert_allclose(hand, plain, rtol=0, atol=1e-4 * np.abs(plain).max())
