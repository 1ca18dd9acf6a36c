"""Names of layers and encoders are found, and wrong ones get a suggestion."""

import dataclasses

import numpy as np
import pytest

from stylelab import encoders
from stylelab.encoders import Encoder, check_layers, find_encoder, input_transform, layer_name, save, trunk
from stylelab.encoders.weights import random_weights
from stylelab.errors import InputError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet."""
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def mini(tmp_path, monkeypatch):
    """Replace the embedded encoder by one of two layers."""
    monkeypatch.setattr(encoders.find, "ASSETS", tmp_path / "assets")
    write_encoder(tmp_path / "assets" / "encoder-mini.safetensors", "mini")


def write_encoder(path, name):
    """Write an encoder of two layers."""
    save(path, random_weights(0, encoders.LAYERS[:2]), Encoder(name, None, padding="replicate"))


def test_vgg19_has_sixteen_layers_in_five_blocks():
    assert len(encoders.LAYERS) == 16
    assert (encoders.LAYERS[0], encoders.LAYERS[8], encoders.LAYERS[-1]) == ("conv1_1", "conv4_1", "conv5_4")
    assert sorted(encoders.POOL_AFTER) == ["conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4"]


@pytest.mark.parametrize("spelling", ["conv4_2", "relu4_2", "block4_conv2", "Conv4_2", " conv4_2 ", "21", 21, 22])
def test_a_layer_has_many_spellings(spelling):
    assert layer_name(spelling) == "conv4_2"


def test_torchvisions_numbers_count_relu_and_pooling_too():
    numbers = {0: "conv1_1", 2: "conv1_2", 5: "conv2_1", 10: "conv3_1", 19: "conv4_1", 28: "conv5_1", 34: "conv5_4"}
    assert {number: layer_name(number) for number in numbers} == numbers


@pytest.mark.parametrize("spelling", ["conv6_1", "conv3_5", "conv1_3", "pool4", "4", 37, "-1", "", None, "conv4_2.weight"])
def test_a_name_that_is_not_a_convolution_of_vgg19_is_refused(spelling):
    with pytest.raises(InputError, match="unknown layer"):
        layer_name(spelling)


def test_the_nearest_layer_is_suggested():
    with pytest.raises(InputError, match="unknown layer 'con4_2': did you mean 'conv4_2'"):
        layer_name("con4_2")


def test_the_trunk_ends_at_the_deepest_layer():
    assert trunk(["conv2_2", "conv1_1"]) == ("conv1_1", "conv1_2", "conv2_1", "conv2_2")


def test_a_layer_that_the_file_lacks_is_refused():
    short = Encoder("short", None, layers=encoders.LAYERS[:5])
    assert check_layers(short, ["relu3_1", 0]) == ("conv3_1", "conv1_1")
    with pytest.raises(InputError, match="encoder 'short' has no conv4_2: choose layers up to conv3_1, its last"):
        check_layers(short, ["conv1_1", "conv4_2"])
    with pytest.raises(InputError, match="no layer given"):
        check_layers(short, [])


def test_preprocessing_becomes_one_multiply_and_one_add_per_rgb_colour():
    red, green, blue = 0.2, 0.5, 0.9
    bgr = Encoder("oxford", None, **encoders.OXFORD)
    factor, offset = input_transform(bgr)
    expected = np.array([255 * red - 123.68, 255 * green - 116.779, 255 * blue - 103.939])
    np.testing.assert_allclose(np.array([red, green, blue]) * factor + offset, expected, rtol=1e-5)
    factor, offset = input_transform(Encoder("torchvision", None, **encoders.TORCHVISION))
    np.testing.assert_allclose(blue * factor[2] + offset[2], (blue - 0.406) / 0.225, rtol=1e-5)


def test_the_name_of_a_random_encoder_has_its_seed(cache):
    assert find_encoder("random").seed == 0
    assert find_encoder("random-7").seed == 7
    assert find_encoder("random-7").path is None


def test_an_encoder_can_be_given_instead_of_a_name():
    encoder = Encoder("mine", None)
    assert find_encoder(encoder) is encoder


def test_auto_is_mini_until_vgg19_has_been_downloaded(cache, mini):
    assert find_encoder("auto").name == "mini"
    write_encoder(cache / "vgg19.safetensors", "vgg19")
    assert find_encoder("auto").name == "vgg19"
    assert find_encoder().path == cache / "vgg19.safetensors"


def test_the_message_for_an_absent_encoder_says_how_to_download_it(cache):
    with pytest.raises(InputError, match="run `stylelab encoders download vgg19-torchvision` once"):
        find_encoder("vgg19-torchvision")


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("vgg91", "vgg19"), ("vgg19-torchvison", "vgg19-torchvision"), ("mni", "mini"), ("randon", "random")],
)
def test_the_nearest_encoder_is_suggested(cache, wrong, nearest):
    with pytest.raises(InputError, match=f"unknown encoder '{wrong}': did you mean '{nearest}'"):
        find_encoder(wrong)


def test_a_path_is_accepted_as_an_encoder(cache, tmp_path):
    write_encoder(tmp_path / "mine.safetensors", "mine")
    for spelling in (tmp_path / "mine.safetensors", str(tmp_path / "mine.safetensors")):
        assert find_encoder(spelling).layers == ("conv1_1", "conv1_2")
    with pytest.raises(InputError, match="no weights file .*absent.safetensors"):
        find_encoder(tmp_path / "absent.safetensors")


def test_weights_are_read_up_to_the_deepest_layer(cache, mini):
    weights = encoders.read_weights(find_encoder("mini"), ["conv1_2"])
    assert list(weights) == ["conv1_1", "conv1_2"]
    with pytest.raises(InputError, match="'mini' has no conv2_1: choose layers up to conv1_2, its last"):
        encoders.read_weights(find_encoder("mini"), ["conv2_1"])


def test_an_encoder_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Encoder("mine", None).pooling = "average"
