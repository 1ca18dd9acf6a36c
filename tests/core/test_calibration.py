"""Filters are normalised to a mean activation of 1."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.signal import correlate
from vgg import small_vgg

from stylelab.encoders import (
    LAYERS,
    OXFORD,
    POOL_AFTER,
    Encoder,
    find_encoder,
    input_transform,
    open_file,
    read_encoder,
    read_weights,
    save,
)  # fmt: skip
from stylelab.encoders.calibrate import ITEMS, calibration_images, convolve, normalise, pool
from stylelab.errors import MachineError
from stylelab.images.builtin import Item


def activations(weights, encoder, images=None):
    """`{layer: [activation (C, H, W) of each image]}`."""
    factor, offset = (constant[:, None, None] for constant in input_transform(encoder))
    current, result = [image * factor + offset for image in images or calibration_images()], {}
    for layer, (kernel, bias) in weights.items():
        current = result[layer] = [convolve(x, kernel, bias, encoder.padding) for x in current]
        if layer in POOL_AFTER:
            current = [pool(x, encoder.pooling) for x in current]
    return result


def means(weights, encoder):
    """`{layer: mean activation of each filter over the calibration images}`."""
    return {layer: np.mean([x.mean((1, 2)) for x in maps], 0) for layer, maps in activations(weights, encoder).items()}


@pytest.mark.parametrize(("padding", "mode"), [("zeros", "constant"), ("replicate", "edge")])
def test_a_convolution_agrees_with_scipy(padding, mode):
    rng = np.random.default_rng(0)
    x, kernel, bias = rng.random((4, 6, 9)), rng.standard_normal((5, 4, 3, 3)), rng.standard_normal(5)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode)
    expected = np.stack([correlate(padded, one, "valid")[0] for one in kernel]) + bias[:, None, None]
    assert_allclose(convolve(x, kernel, bias, padding), np.maximum(expected, 0), rtol=1e-12, atol=1e-12)
    assert (expected < 0).any()


def test_pooling_takes_each_square_of_four_and_drops_an_odd_edge():
    x = np.arange(15.0).reshape(1, 3, 5)
    assert_array_equal(pool(x, "max"), [[[6, 8]]])
    assert_array_equal(pool(x, "average"), [[[3, 5]]])


@pytest.mark.parametrize(
    "encoder",
    [Encoder("a", None, padding="replicate"), Encoder("b", None, pooling="average", **OXFORD)],
    ids=["replicate, max", "zeros, average, Oxford"],
)
def test_every_filters_mean_activation_becomes_one(encoder):
    before, after = means(small_vgg(), encoder), means(normalise(small_vgg(), encoder), encoder)
    for layer in LAYERS:
        alive = before[layer] > 1e-3 * before[layer].mean()
        assert alive.any()
        assert_allclose(after[layer][alive], 1, rtol=1e-3)


def test_a_normalised_network_computes_the_same_up_to_a_factor_per_filter():
    encoder = Encoder("a", None, padding="replicate")
    image = (np.random.default_rng(3).random((3, 40, 33), np.float32),)
    before = activations(small_vgg(), encoder, image)
    after = activations(normalise(small_vgg(), encoder), encoder, image)
    for layer in LAYERS:
        (raw,), (scaled,) = before[layer], after[layer]
        factor = scaled.sum((1, 2)) / np.maximum(raw.sum((1, 2)), 1e-9)
        assert_allclose(scaled, raw * factor[:, None, None], rtol=1e-3, atol=1e-4 * scaled.max())


def test_a_filter_that_hardly_responds_gets_the_scale_of_its_layer():
    encoder, weights = Encoder("a", None), small_vgg(2)
    kernel, bias = weights["conv1_2"]
    weights["conv1_2"] = kernel, np.array([*bias[:-1], -1e4], np.float32)
    result = normalise(weights, encoder)
    scale = means(weights, encoder)["conv1_2"].mean()
    assert result["conv1_2"][1][-1] == pytest.approx(-1e4 / scale, rel=1e-3)


def test_a_filter_that_responds_at_one_position_gets_the_scale_of_its_layer_too():
    encoder, weights = Encoder("a", None), small_vgg(2)
    kernel, bias = weights["conv1_2"]
    peak = max(x[-1].max() for x in activations(weights, encoder)["conv1_2"]) - bias[-1]
    weights["conv1_2"] = kernel, np.array([*bias[:-1], -0.999 * peak], np.float32)
    mean = means(weights, encoder)["conv1_2"]
    assert 0 < mean[-1] < 1e-4 * mean.mean()
    assert means(normalise(weights, encoder), encoder)["conv1_2"][-1] == pytest.approx(mean[-1] / mean.mean(), rel=1e-2)


def test_a_layer_that_never_responds_is_not_scaled():
    weights = small_vgg(2)
    weights["conv1_1"] = weights["conv1_1"][0], np.full(4, -1e4, np.float32)
    result = normalise(weights, Encoder("a", None))
    assert_array_equal(result["conv1_1"][0], weights["conv1_1"][0])
    assert all(np.isfinite(array).all() for pair in result.values() for array in pair)


def test_normalising_does_not_change_the_given_weights():
    weights = small_vgg(3)
    normalise(weights, Encoder("a", None))
    for layer, (kernel, bias) in small_vgg(3).items():
        assert_array_equal(weights[layer][0], kernel)
        assert_array_equal(weights[layer][1], bias)


def test_reading_normalises_on_request_and_only_once(tmp_path):
    save(tmp_path / "raw", small_vgg(5), Encoder("raw", None, activations="vgg19", **OXFORD))
    raw = read_encoder(tmp_path / "raw")
    weights = read_weights(raw, LAYERS[:5], normalised=True)
    for layer, mean in means(weights, raw).items():
        assert_allclose(np.median(mean), 1, rtol=1e-3, err_msg=layer)
    save(tmp_path / "done", small_vgg(5), Encoder("done", None, activations="normalised", **OXFORD))
    done = read_encoder(tmp_path / "done")
    assert_array_equal(read_weights(done, LAYERS[:5], normalised=True)["conv2_1"][0], small_vgg(5)["conv2_1"][0])


def test_random_weights_are_normalised():
    encoder = find_encoder("random-5")
    for mean in means(read_weights(encoder, LAYERS[:4]), encoder).values():
        assert_allclose(np.median(mean), 1, rtol=1e-3)


def test_the_calibration_images_are_six_in_colour():
    images = calibration_images()
    assert {image.shape for image in images} == {(3, 96, 96)}
    assert len(images) == 6
    for image in images:
        assert image.dtype == np.float32
        assert 0 <= image.min() < 0.2 < 0.7 < image.max() <= 1


@pytest.mark.parametrize("package", ["skimage", "no_such_package"])
def test_a_missing_calibration_image_is_a_machine_error(monkeypatch, package):
    monkeypatch.setitem(ITEMS, "astronaut", Item("content", package, "data/absent.png", "", ""))
    calibration_images.cache_clear()
    try:
        with pytest.raises(MachineError, match=f"absent.png of {package} is missing: install requirements.lock again"):
            calibration_images()
    finally:
        calibration_images.cache_clear()


def test_vgg19_normalised_by_others_has_mean_activations_near_1_on_our_images(real_weights):
    encoder = open_file(real_weights)
    for layer, mean in means(read_weights(encoder, encoder.layers), encoder).items():
        assert 0.5 < np.median(mean) < 2.5, layer  # normalised over the images of ImageNet
