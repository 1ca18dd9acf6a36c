"""What a network sees: a NumPy referee for guided backpropagation, receptive fields that are measured, hand-made numbers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from stylelab import encoders
from stylelab.errors import InputError

SIDE = 8  # of the small images, in pixels
FIELDS = {"conv1_1": 3, "conv2_1": 10, "conv3_1": 24, "conv4_1": 68, "conv5_1": 156}  # VGG-19's, in pixels
RED, GREEN, BLUE = np.eye(3, dtype=np.float32)


@pytest.fixture
def noise(rng):
    return rng.uniform(size=(1, SIDE, SIDE, 3)).astype(np.float32)


@pytest.fixture
def kernels(rng):
    """Three narrow layers with a pooling before the last; half of the filters' numbers are negative."""
    shapes = {"conv1_1": (5, 3, 3, 3), "conv1_2": (4, 5, 3, 3), "conv2_1": (3, 4, 3, 3)}
    return {layer: rng.normal(0, 0.5, shape).astype(np.float32) for layer, shape in shapes.items()}


def encoder_of(lab, kernels):
    """An encoder with these filters, zero padding, average pooling, and images taken as they are."""
    features = __import__(f"stylelab.{lab.name}.features", fromlist=["Encoder"])
    weights = {layer: (kernel, np.full(len(kernel), 0.1, np.float32)) for layer, kernel in kernels.items()}
    return features.Encoder(encoders.Encoder("small", None), weights, tuple(kernels), "average")


def centre(*rows):
    """A layer whose filters look at one pixel only: (O, I) weights in the middle of (O, I, 3, 3)."""
    kernel = np.zeros((len(rows), len(rows[0]), 3, 3), np.float32)
    kernel[:, :, 1, 1] = rows
    return kernel


# --- numbers to look at


def test_an_array_is_the_tensor_channels_last_neither_clipped_nor_scaled(lab, sl, rng):
    activation = rng.normal(0, 9, (1, 4, 6, 5)).astype(np.float32)
    assert_array_equal(sl.to_array(lab.tensor(activation)), activation[0])


def test_an_array_is_a_copy(lab, sl, noise):
    tensor = lab.tensor(noise.copy())
    sl.to_array(tensor)[:] = 7
    assert_array_equal(lab.array(tensor), noise)


def test_two_images_are_no_array(lab, sl):
    with pytest.raises(InputError, match=r"tensor must be \(1, .*; got \(2, "):
        sl.to_array(lab.tensor(np.zeros((2, 4, 4, 3), np.float32)))


# --- how strongly a filter answers


@pytest.mark.parametrize(
    ("chosen", "part"),
    [
        ({}, np.s_[:]),
        ({"filter": 3}, np.s_[..., 3]),
        ({"position": (1, 5)}, np.s_[:, 1, 5]),
        ({"filter": 0, "position": (3, 2)}, np.s_[:, 3, 2, 0]),
    ],
)
def test_a_response_is_the_mean_over_what_was_not_chosen(lab, sl, rng, chosen, part):
    activation = rng.uniform(size=(2, 4, 6, 5)).astype(np.float32)
    assert_allclose(lab.array(sl.response(lab.tensor(activation), **chosen)), activation[part].mean(), rtol=1e-5)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"filter": 5}, "no filter 5: this activation has 5, counted from 0"),
        ({"filter": -1}, "no filter -1"),
        ({"position": (4, 0)}, "no row 4: this activation has 4"),
        ({"position": (0, 6)}, "no column 6: this activation has 6"),
    ],
)
def test_a_filter_or_a_position_that_is_not_there_is_named(lab, sl, chosen, words):
    with pytest.raises(InputError, match=words):
        sl.response(lab.tensor(np.zeros((1, 4, 6, 5), np.float32)), **chosen)


def test_a_response_of_three_dimensions_is_refused(lab, sl):
    with pytest.raises(InputError, match=r"activation must be \(B, .*; got \(4, 6, 5\)"):
        sl.response(lab.tensor(np.zeros((4, 6, 5), np.float32)))


# --- receptive fields


@pytest.mark.parametrize("layer", FIELDS)
def test_one_unit_depends_on_exactly_the_pixels_of_its_receptive_field(lab, sl, rng, layer):
    size = 16 * (FIELDS[layer] // 16 + 3)
    encoder = sl.load_encoder("mini", [layer], device="cpu")
    image = rng.uniform(size=(1, size, size, 3)).astype(np.float32)
    middle = size // 2 // 2 ** (int(layer[4]) - 1)
    gradient = lab.gradient(lambda x: sl.response(encoder(x)[layer], position=(middle, middle)), image)
    seen = np.abs(gradient[0]).sum(-1) > 0
    assert [int(seen.any(axis).sum()) for axis in (0, 1)] == [FIELDS[layer]] * 2


# --- where a filter looks


def linear(function, shape):
    """A linear map as a matrix, by what it does to each unit vector."""
    units = np.eye(np.prod(shape)).reshape(-1, *shape)
    return np.stack([function(unit).ravel() for unit in units], axis=1)


def convolved(activation, kernel):
    padded = np.pad(activation, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))  # (H, W, I, 3, 3)
    return np.einsum("hwiyx,oiyx->hwo", windows, kernel)


def pooled(activation):
    height, width, filters = activation.shape
    return activation.reshape(height // 2, 2, width // 2, 2, filters).mean((1, 3))


def referee(image, kernels, unit):
    """Guided backpropagation as Springenberg et al. write it: R = (f > 0) (R > 0) R, through matrices."""
    activation, layers = image.astype(float), []
    for layer, kernel in kernels.items():
        if layer == "conv2_1":
            layers.append((linear(pooled, activation.shape), None))
            activation = pooled(activation)
        matrix = linear(lambda x, kernel=kernel: convolved(x, kernel), activation.shape)
        activation = np.maximum(convolved(activation, kernel) + 0.1, 0)
        layers.append((matrix, activation.ravel() > 0))
    back = np.zeros(activation.shape)
    back[unit] = 1
    back = back.ravel()
    for matrix, fired in reversed(layers):
        back = matrix.T @ (back if fired is None else fired * np.maximum(back, 0))
    return back.reshape(image.shape)


def test_the_guided_gradient_agrees_with_the_referee(lab, sl, kernels, noise):
    encoder = encoder_of(lab, kernels)
    found = sl.guided_gradient(encoder, lab.tensor(noise), "conv2_1", 1, (1, 2))
    expected = referee(noise[0], kernels, (1, 2, 1))
    assert np.abs(expected).max() > 0.01
    assert_allclose(lab.array(found)[0], expected, rtol=1e-4, atol=1e-6)


def test_without_a_position_the_response_is_the_mean_over_all_of_them(lab, sl, kernels, noise):
    single = {"conv1_1": kernels["conv1_1"]}
    expected = referee(noise[0], single, np.s_[:, :, 2]) / SIDE**2  # one layer: each position's share adds up
    found = sl.guided_gradient(encoder_of(lab, single), lab.tensor(noise), "conv1_1", 2)
    assert_allclose(lab.array(found)[0], expected, rtol=1e-4, atol=1e-6)


def test_what_speaks_against_the_answer_is_dropped(lab, sl):
    # filter 0 of conv1_2 wants red and no green: the plain gradient is (1, -1, 0), the guided one knows of red only
    encoder = encoder_of(lab, {"conv1_1": centre(RED, GREEN), "conv1_2": centre((1, -1))})
    image = np.broadcast_to(np.float32([0.9, 0.2, 0.1]), (1, SIDE, SIDE, 3)).copy()
    plain = lab.gradient(lambda x: sl.response(encoder(x)["conv1_2"], 0, (3, 3)), image)
    guided = lab.array(sl.guided_gradient(encoder, lab.tensor(image), "conv1_2", 0, (3, 3)))
    assert plain[0, 3, 3].tolist() == [1, -1, 0]
    assert guided[0, 3, 3].tolist() == [1, 0, 0]
    assert np.count_nonzero(guided) == 1


def test_where_nothing_is_negative_the_guided_gradient_is_the_plain_one(lab, sl, kernels, noise):
    encoder = encoder_of(lab, {layer: np.abs(kernel) for layer, kernel in kernels.items()})
    plain = lab.gradient(lambda x: sl.response(encoder(x)["conv2_1"], 0, (2, 1)), noise)
    guided = lab.array(sl.guided_gradient(encoder, lab.tensor(noise), "conv2_1", 0, (2, 1)))
    assert_allclose(guided, plain, rtol=1e-4, atol=1e-6)


def test_a_layer_on_the_way_may_be_asked_and_the_encoder_stays_as_it_was(lab, sl, kernels, noise):
    encoder = encoder_of(lab, kernels)
    encoder.layers, tensor = ("conv2_1",), lab.tensor(noise.copy())
    found = sl.guided_gradient(encoder, tensor, "block1_conv1", 0, (4, 4))
    alone = sl.guided_gradient(encoder_of(lab, {"conv1_1": kernels["conv1_1"]}), tensor, "conv1_1", 0, (4, 4))
    assert_allclose(lab.array(found), lab.array(alone), rtol=1e-5)
    assert list(encoder(tensor)) == ["conv2_1"] and len(encoder.trunk) == 3
    assert_array_equal(lab.array(tensor), noise)


def test_a_layer_beyond_the_encoder_is_refused_in_words(lab, sl, kernels, noise):
    with pytest.raises(InputError, match="the encoder stops at conv2_1: load it with conv5_1"):
        sl.guided_gradient(encoder_of(lab, kernels), lab.tensor(noise), "conv5_1", 0)


def test_a_filter_that_is_not_there_is_named_for_the_guided_gradient_too(lab, sl, kernels, noise):
    with pytest.raises(InputError, match="no filter 3"):
        sl.guided_gradient(encoder_of(lab, kernels), lab.tensor(noise), "conv2_1", 3)
