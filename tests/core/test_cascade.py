"""Decoders give the image back, and the cascade paints any style: its colours, its statistics, at every size."""

import importlib

import numpy as np
import pytest
from numpy.testing import assert_allclose
from safetensors.numpy import load_file, save_file

from stylelab import images
from stylelab.encoders import decoder as files
from stylelab.errors import InputError

LOSSES = {"conv1_1": 0.03, "conv2_1": 0.06, "conv3_1": 0.11}  # root of the mean squared error of pixels, at most


@pytest.fixture(scope="module")
def cat() -> np.ndarray:
    """The cat, 64 x 96 px."""
    return images.open_image("cat", 96)[:64]


@pytest.fixture(scope="module")
def fluid() -> np.ndarray:
    return images.open_image("fluid", 80)


# --- decoders


@pytest.mark.parametrize(("layer", "loss"), LOSSES.items())
def test_a_decoder_gives_the_image_back(lab, cat, layer, loss):
    sl = lab.sl
    again = sl.to_image(sl.load_decoder(layer)(sl.load_encoder("mini", layer)(sl.to_tensor(cat))[layer]))
    assert again.shape == cat.shape
    assert np.sqrt(np.square(again - cat).mean()) < loss


@pytest.mark.parametrize("layer", LOSSES)
def test_a_decoder_leaves_no_lattice_in_a_flat_image(lab, layer):
    sl = lab.sl
    flat = np.full((48, 48, 3), [0.2, 0.5, 0.7], np.float32)
    again = sl.to_image(sl.load_decoder(layer)(sl.load_encoder("mini", layer)(sl.to_tensor(flat))[layer]))
    assert np.ptp(again[4:-4, 4:-4], axis=(0, 1)).max() < 0.005


@pytest.mark.plain
def test_the_files_are_small_and_in_half_precision():
    paths = [files.decoder_path(layer) for layer in files.DECODERS]
    assert sum(path.stat().st_size for path in paths) <= 0.95e6
    assert {array.dtype for path in paths for array in load_file(path).values()} == {np.dtype(np.float16)}


@pytest.mark.plain
def test_a_file_that_is_damaged_or_of_another_layer_is_refused(tmp_path):
    tensors, path = load_file(files.decoder_path("conv1_1")), tmp_path / "decoder.safetensors"
    save_file(tensors, path)  # without its checksum
    with pytest.raises(InputError, match="damaged or not a decoder of conv1_1"):
        files.read_decoder("conv1_1", path)
    with pytest.raises(InputError, match="damaged or not a decoder of conv2_1"):
        files.read_decoder("conv2_1", files.decoder_path("conv1_1"))
    path.write_bytes(files.decoder_path("conv1_1").read_bytes()[:-9])
    with pytest.raises(InputError, match="not a complete safetensors file"):
        files.read_decoder("conv1_1", path)
    with pytest.raises(InputError, match="no weights file"):
        files.read_decoder("conv1_1", tmp_path / "absent")


def test_a_layer_without_a_decoder_and_the_activation_of_another_layer_are_refused(lab, rng):
    assert lab.sl.load_decoder("relu2_1").layer == "conv2_1"
    with pytest.raises(InputError, match="unknown layer with a decoder 'conv4_1'"):
        lab.sl.load_decoder("conv4_1")
    with pytest.raises(InputError, match="unknown layer 'conv9_9'"):
        lab.sl.load_decoder("conv9_9")
    for shape in ((1, 8, 8, 96), (1, 1, 8, 32)):
        with pytest.raises(InputError, match="of conv1_1, H and W at least 2"):
            lab.sl.load_decoder("conv1_1")(lab.tensor(rng.normal(size=shape).astype(np.float32)))


# --- the cascade


@pytest.mark.parametrize("size", [(16, 16), (17, 67), (64, 64), (33, 129)])
def test_an_image_of_any_size_is_painted_in_a_style_of_any_size(lab, cat, fluid, size):
    image = np.resize(cat, (*size, 3))
    painted = lab.sl.move_statistics(image, fluid[:51, :43])
    assert painted.shape == image.shape and painted.dtype == np.float32
    assert painted.min() >= 0 and painted.max() <= 1


@pytest.mark.parametrize("map", ["transport", "whiten", "adain"])
def test_the_colours_are_the_styles(lab, cat, fluid, map):
    painted = lab.sl.move_statistics(cat, fluid, map=map).reshape(-1, 3)
    colours = fluid.reshape(-1, 3)
    assert_allclose(painted.mean(0), colours.mean(0), atol=0.03)  # up to what the clip takes
    assert_allclose(np.cov(painted.T), np.cov(colours.T), atol=0.015)


def test_statistics_come_nearer_to_the_styles_with_each_layer(lab, cat, fluid):
    def apart(layers):
        painted = lab.sl.move_statistics(cat, fluid, layers=layers)
        encoder = lab.sl.load_encoder("mini", "conv1_1")
        return float(lab.sl.wasserstein_loss(*(encoder(lab.sl.to_tensor(image))["conv1_1"] for image in (painted, fluid))))

    assert apart(["conv3_1", "conv2_1", "conv1_1"]) < apart(["conv3_1", "conv2_1"]) < apart("conv3_1")


def test_strength_zero_is_the_image_and_layers_may_come_in_any_order(lab, cat, fluid):
    assert_allclose(lab.sl.move_statistics(cat, fluid, strength=0), cat, atol=1e-5)
    half = lab.sl.move_statistics(cat, fluid, layers=["conv1_1", "relu3_1"], strength=0.5)
    assert_allclose(half, lab.sl.move_statistics(cat, fluid, layers=["conv3_1", "conv1_1"], strength=0.5), atol=1e-6)
    whole = lab.sl.move_statistics(cat, fluid, layers=["conv3_1", "conv1_1"])
    assert 0.1 < np.abs(half - cat).mean() / np.abs(whole - cat).mean() < 0.9


def test_an_image_in_its_own_style_stays_almost_what_it_is(lab, cat):
    assert np.sqrt(np.square(lab.sl.move_statistics(cat, cat) - cat).mean()) < 0.13


def test_a_large_image_is_computed_in_bands_with_the_same_result(lab, cat, fluid, monkeypatch):
    module = importlib.import_module(f"stylelab.{lab.name}.cascade")
    at_once = lab.sl.move_statistics(cat, fluid)
    monkeypatch.setattr(module, "BAND", 16 * 96)
    assert_allclose(lab.sl.move_statistics(cat, fluid), at_once, atol=2e-4)


def test_an_image_or_a_style_of_one_colour_gives_numbers(lab, cat, fluid):
    gray = np.full((32, 32, 3), 0.5, np.float32)
    for image, style in ((gray, fluid), (cat, gray), (gray, gray)):
        assert np.isfinite(lab.sl.move_statistics(image, style)).all()
    assert_allclose(lab.sl.move_statistics(cat, gray), 0.5, atol=0.01)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"image": np.zeros((15, 40, 3))}, "image must be at least 16 px high and wide; got 15 x 40"),
        ({"style": np.zeros((40, 40))}, "style must be"),
        ({"image": np.full((40, 40, 3), np.nan)}, "image must be finite"),
        ({"layers": "conv4_1"}, "unknown layer with a decoder 'conv4_1'"),
        ({"layers": []}, "no layer given"),
        ({"map": "monge"}, "unknown map 'monge'"),
        ({"strength": 1.5}, "strength must be 0..1; got 1.5"),
        ({"strength": -1}, "strength is -1"),
    ],
)
def test_wrong_input_is_refused(lab, cat, fluid, wrong, words):
    with pytest.raises(InputError, match=words):
        lab.sl.move_statistics(**{"image": cat, "style": fluid} | wrong)
