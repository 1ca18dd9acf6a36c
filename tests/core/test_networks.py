"""Networks that paint in one pass: instance normalisation, codes, images of any size, and their files."""

import importlib
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from safetensors.numpy import save_file

from stylelab import images, networks
from stylelab.errors import InputError
from stylelab.networks.training import first_filters

TINY = networks.Shape(fold=2, widths=(4, 6), blocks=1, kernel=3, waves=(8, 24))
CONTRAST, BRIGHTNESS = 3.0, -0.7


@pytest.fixture(scope="module")
def six(sl):
    return sl.load_network("six", device="cpu")


@pytest.fixture
def activation(rng) -> np.ndarray:
    return rng.normal(0.4, 2.0, (3, 9, 14, 5)).astype(np.float32)


@pytest.fixture
def tiny() -> tuple:
    """A small network for the styles 'a' and 'b', and its weights."""
    codes = [networks.plain_code(TINY, np.arange(12) / 12), networks.plain_code(TINY, np.ones(12))]
    return networks.Network("tiny", TINY, ("a", "b"), source="a test"), {**first_filters(TINY, 3), "codes": np.stack(codes)}


def instance_norm(lab, activation) -> np.ndarray:
    return lab.array(lab.sl.instance_norm(lab.tensor(activation)))


def conditional(lab, activation, gain, bias) -> np.ndarray:
    return lab.array(lab.sl.conditional_instance_norm(lab.tensor(activation), lab.tensor(gain), lab.tensor(bias)))


def photograph(height, width) -> np.ndarray:
    return np.resize(images.open_image("cat", 96), (height, width, 3))


# --- instance normalisation


def test_instance_norm_gives_every_filter_of_every_image_mean_0_and_deviation_1(lab, activation):
    normalised = instance_norm(lab, activation)
    assert_allclose(normalised.mean((1, 2)), 0, atol=1e-6)
    assert_allclose(normalised.std((1, 2)), 1, atol=1e-5)


def test_instance_norm_forgets_contrast_and_brightness(lab, activation):
    assert_allclose(instance_norm(lab, CONTRAST * activation + BRIGHTNESS), instance_norm(lab, activation), rtol=1e-4, atol=1e-5)


def test_instance_norm_of_a_batch_is_that_of_its_images_one_by_one(lab, activation):
    one_by_one = np.concatenate([instance_norm(lab, image[None]) for image in activation])
    assert_allclose(instance_norm(lab, activation), one_by_one, rtol=1e-6, atol=1e-6)


def test_instance_norm_is_what_the_framework_computes(lab, activation):
    if lab.name == "torch":
        referee = lab.array(importlib.import_module("torch.nn.functional").instance_norm(lab.tensor(activation), eps=1e-5))
    else:  # groups of one filter each
        keras = importlib.import_module("keras")
        referee = lab.array(keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)(lab.tensor(activation)))
    assert_allclose(instance_norm(lab, activation), referee, rtol=1e-5, atol=1e-5)


def test_conditional_instance_norm_with_gain_1_and_bias_0_is_the_plain_one(lab, activation):
    ones = np.ones((1, 5), np.float32)
    assert_allclose(conditional(lab, activation, ones, 0 * ones), instance_norm(lab, activation), rtol=1e-5, atol=1e-5)


def test_conditional_instance_norm_is_linear_in_gains_and_biases(lab, activation, rng):
    gains, biases = rng.normal(size=(2, 2, 3, 5)).astype(np.float32)
    mixed = conditional(lab, activation, *(0.3 * one[0] + 0.7 * one[1] for one in (gains, biases)))
    each = [conditional(lab, activation, gain, bias) for gain, bias in zip(gains, biases, strict=True)]
    assert_allclose(mixed, 0.3 * each[0] + 0.7 * each[1], rtol=1e-4, atol=1e-5)


def test_an_activation_of_one_position_becomes_its_bias(lab, activation):
    one, biases = activation[:1, :1, :1], np.arange(5, dtype=np.float32)[None]
    found = conditional(lab, one, 2 + biases, biases)
    assert_allclose(found, np.broadcast_to(biases[:, None, None], one.shape), atol=1e-4)
    assert_allclose(instance_norm(lab, one), 0, atol=1e-4)


def test_norms_say_what_they_need(lab, activation):
    ones = np.ones((1, 4), np.float32)
    with pytest.raises(InputError, match=r"gain must be \(3, 5\), a number for each filter; got \(1, 4\)"):
        conditional(lab, activation, ones, ones)
    with pytest.raises(InputError, match="activation must be"):
        lab.sl.instance_norm(lab.tensor(activation[0, 0]))


# --- what a network consists of


def test_the_ordinary_shape_has_as_many_filters_as_published():
    """pytorch/examples has 1,679,235 numbers: biases of all convolutions, and one gain and bias for each normalised filter, too."""
    ordinary = networks.SHAPES["ordinary"]
    filters = sum(filters * channels * side**2 for filters, channels, side in ordinary.convolutions.values())
    assert filters == 1_674_432
    assert filters + (ordinary.channels + 3) + 2 * ordinary.channels == 1_679_235
    assert ordinary.code == 3200 + 12  # Dumoulin et al. 2017: 3206, as there the three channels of the image are normalised too


def test_a_code_holds_every_gain_and_bias_once():
    for shape in networks.SHAPES.values():
        positions = [index for spans in shape.spans.values() for span in spans for index in range(shape.code)[span]]
        assert sorted(positions) == list(range(shape.code - networks.COLOURS))


def test_the_embedded_network_paints_six_styles_in_six_ways(six):
    assert sorted(six.network.styles) == sorted(images.style_names()) and len(six.network.styles) == 6
    painted = [six.paint(photograph(32, 48), six.code(style)) for style in six.network.styles]
    assert all(np.abs(one - other).mean() > 0.01 for i, one in enumerate(painted) for other in painted[:i])


def test_codes_mix_linearly(six):
    one, other = six.code("fluid"), six.code("ceramic")
    assert_allclose(six.code(["fluid", "ceramic"], blend=[3, 1]), 0.75 * one + 0.25 * other, rtol=1e-5, atol=1e-6)
    assert_allclose(six.code(["fluid", "ceramic"]), (one + other) / 2, rtol=1e-5, atol=1e-6)


# --- waves


def field(shape, *size) -> np.ndarray:
    rows, columns = shape.waves_along(*size)
    return np.moveaxis(rows @ columns, 0, -1)


def test_waves_have_mean_0_and_variance_1_and_about_their_lengths():
    """The length of the strongest frequency of each field, by the Fourier transform along both axes."""
    waves = field(TINY, 1024, 1024)
    assert waves.shape == (512, 512, 2) and waves.dtype == np.float32
    assert_allclose(waves.mean((0, 1)), 0, atol=0.05)
    assert_allclose(waves.std((0, 1)), 1, atol=0.1)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(512, 2), np.fft.fftfreq(512, 2)))  # a pixel
    for one, length in zip(np.moveaxis(waves, -1, 0), TINY.waves, strict=True):
        power = np.abs(np.fft.fft2(one)) ** 2
        within = (frequencies > 0.7 / length) & (frequencies < 1.4 / length)
        assert power[within].sum() > 0.95 * power.sum()


def test_waves_elsewhere_are_a_part_of_the_same_waves():
    assert_allclose(field(TINY, 20, 30, (14, 6)), field(TINY, 40, 40)[7:17, 3:18], atol=1e-4)
    assert np.abs(field(TINY, 20, 30, (1000.5, 3)) - field(TINY, 20, 30)).mean() > 0.5
    assert field(networks.SHAPES["ordinary"], 8, 12).shape == (8, 12, 0)


def test_an_even_image_gets_marks_that_differ_from_place_to_place(six):
    """But for waves, every position far from the border would look like every other."""
    painted = six.paint(np.full((128, 128, 3), 0.6, np.float32), six.code("brushstrokes"))[32:96, 32:96]
    assert painted.std((0, 1)).min() > 0.05


def test_waves_are_the_painters_to_choose(lab, six):
    layers = importlib.import_module(f"stylelab.{lab.name}.networks")
    image, code = lab.tensor(photograph(32, 48)[None]), lab.tensor(six.code("fluid")[None])
    own, other = (layers.waves(six.shape, 32, 48, start) for start in ((0, 0), (300, 40)))
    assert_allclose(lab.array(six(image, code, own)), lab.array(six(image, code)), atol=1e-5)
    assert np.abs(lab.array(six(image, code, other)) - lab.array(six(image, code))).mean() > 0.01


# --- images


@pytest.mark.parametrize("size", [(64, 64), (17, 33), (1, 1), (257, 1023)])
def test_an_image_of_any_size_is_painted_at_that_size(six, size):
    painted = six.paint(photograph(*size), six.code("fluid"))
    assert painted.shape == (*size, 3) and painted.dtype == np.float32
    assert painted.min() >= 0 and painted.max() <= 1 and (size == (1, 1) or painted.std() > 0.05)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_an_image_of_one_colour_is_painted_in_finite_ones(six, value):
    assert np.isfinite(six.paint(np.full((32, 40, 3), value), six.code("fluid"))).all()


def test_the_mean_colour_is_the_styles(lab, six):
    codes = np.stack([six.code("fluid"), six.code("ceramic")])
    painted = lab.array(six(lab.tensor(np.stack([photograph(32, 48)] * 2)), lab.tensor(codes)))
    assert_allclose(painted.mean((1, 2)), codes[:, -3:], atol=1e-4)


def test_each_image_of_a_batch_is_painted_as_if_alone(lab, six):
    codes = np.stack([six.code("fluid"), six.code("ceramic")])
    batch = np.stack([photograph(32, 48), photograph(48, 32).transpose(1, 0, 2)])
    painted = lab.array(six(lab.tensor(batch), lab.tensor(codes)))
    alone = [six.paint(image, code) for image, code in zip(batch, codes, strict=True)]
    assert_allclose(np.clip(painted, 0, 1), alone, atol=1e-4)
    same = lab.array(six(lab.tensor(batch), lab.tensor(codes[:1])))
    assert_allclose(np.clip(same[0], 0, 1), alone[0], atol=1e-4)


def test_bytes_are_taken_as_0_to_255(six):
    image = (255 * photograph(32, 32)).astype(np.uint8)
    assert_allclose(six.paint(image, six.code("fluid")), six.paint(image / 255, six.code("fluid")), atol=1e-4)


def test_wrong_images_and_codes_get_one_clear_line(lab, six):
    image, code = photograph(32, 32), six.code("fluid")
    for wrong, words in (
        (image[0], r"image must be \(H, W, 3\); got \(32, 3\)"),
        (image[..., :2], r"image must be \(H, W, 3\); got \(32, 32, 2\)"),
        (image[:0], r"image must be \(H, W, 3\); got \(0, 32, 3\)"),
        (image * np.nan, "image must be finite"),
    ):
        with pytest.raises(InputError, match=words):
            six.paint(wrong, code)
    for wrong, words in ((code[:-1], r"code must be \(2060\); got \(2059,\)"), (code * np.inf, "code must be finite")):
        with pytest.raises(InputError, match=words):
            six.paint(image, wrong)
    with pytest.raises(InputError, match=r"30 x 32 pixels: give multiples of 4, at least 16; paint takes any size"):
        six(lab.tensor(image[None, :30]), lab.tensor(code[None]))
    with pytest.raises(InputError, match="2 codes for 1 images: give one for all, or one for each"):
        six(lab.tensor(image[None]), lab.tensor(np.stack([code] * 2)))


def test_wrong_styles_and_blends_get_one_clear_line(six):
    for wrong, words in (
        ("fluit", "network 'six' has not learned the style 'fluit': did you mean 'fluid'?"),
        ("xyz", "the network 'any' reads any image"),
        (np.zeros((8, 8, 3)), "style must be a name; the network 'any' reads images; got ndarray"),
        ([], "no style is given: name at least one"),
    ):
        with pytest.raises(InputError, match=re.escape(words)):
            six.code(wrong)
    for blend, words in (([1], "1 weights for 2 styles"), ([0, 0], "all zero"), ([1, -1], "zero or more"), ("1,1", "a list")):
        with pytest.raises(InputError, match=words):
            six.code(["fluid", "ceramic"], blend)


# --- files


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_network_survives_its_file(sl, tiny, tmp_path, dtype):
    network, weights = tiny
    path = networks.save_network(tmp_path / "net.safetensors", network, weights, dtype)
    found, read = networks.load_weights(path)
    assert (found.name, found.shape, found.styles, found.source, found.path) == ("tiny", TINY, ("a", "b"), "a test", path)
    assert read.keys() == weights.keys() and all(array.dtype == np.float32 for array in read.values())
    for name, array in weights.items():
        np.testing.assert_array_equal(read[name], array.astype(dtype).astype(np.float32))
    painter = sl.load_network(path, device="cpu")
    assert np.isfinite(painter.paint(photograph(20, 24), painter.code(["a", "b"]))).all()


@pytest.mark.parametrize("spoil", ["cut", "changed", "foreign", "text", "missing", "folder"])
def test_a_file_that_is_no_whole_network_gets_one_clear_line(sl, tiny, tmp_path, spoil):
    path = networks.save_network(tmp_path / "net.safetensors", *tiny)
    data = bytearray(path.read_bytes())
    match spoil:
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "changed":
            data[-1] ^= 1
            path.write_bytes(data)
        case "foreign":
            save_file({"x": np.zeros(3, np.float32)}, path)
        case "text":
            path.write_text("no network")
        case "missing":
            path.unlink()
        case "folder":
            path.unlink()
            path.mkdir()
    words = {
        "cut": "is not a complete network",
        "changed": "is damaged .*its numbers have changed",
        "foreign": "is not a network",
    }
    with pytest.raises(InputError, match=words.get(spoil, "net.safetensors")) as error:
        sl.load_network(path)
    assert "\n" not in str(error.value)


def test_one_network_always_gives_one_file(tiny, tmp_path):
    files = [networks.save_network(tmp_path / f"{i}.safetensors", *tiny).read_bytes() for i in range(8)]
    assert len(set(files)) == 1


def test_what_cannot_be_saved_is_refused(tiny, tmp_path):
    network, weights = tiny
    for name, changed, words in (
        ("net.pt", {}, "must end in .safetensors"),
        ("net.safetensors", {"codes": weights["codes"] * np.nan}, "codes holds NaN"),
        ("net.safetensors", {"codes": weights["codes"] * 1e6}, "too large a number for float16"),
        ("net.safetensors", {"codes": weights["codes"][:1]}, r"cannot be saved: codes is \(1, "),
        ("net.safetensors", {"more": np.zeros(1)}, "cannot be saved: its arrays are"),
    ):
        with pytest.raises(InputError, match=words):
            networks.save_network(tmp_path / name, network, weights | changed)
    assert not list(tmp_path.iterdir())


def test_an_unknown_network_gets_one_clear_line(sl, tiny):
    with pytest.raises(InputError, match="unknown network 'sixx': did you mean 'six'?"):
        sl.load_network("sixx")
    with pytest.raises(InputError, match="has no file yet"):
        sl.load_network(tiny[0])
    with pytest.raises(InputError, match="network must be a name, a path or a Network; got 6"):
        sl.load_network(6)


@pytest.mark.parametrize("stride, unfold", [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("side", [3, 9])
def test_a_convolution_in_bands_is_one_of_the_whole(lab, rng, stride, unfold, side):
    layers = importlib.import_module(f"stylelab.{lab.name}.networks")
    x, kernel = rng.normal(size=(2, 14, 11, 3)).astype(np.float32), rng.normal(size=(4, 3, side, side)).astype(np.float32)
    kernel = lab.native.as_tensor(kernel) if lab.name == "torch" else lab.tensor(kernel.transpose(2, 3, 1, 0))
    whole, bands = (lab.array(layers.convolve(lab.tensor(x), kernel, stride, unfold, band)) for band in (10**6, 40))
    assert_allclose(bands, whole, atol=1e-4)


@pytest.mark.parametrize("band", [10**6, 20])
def test_a_convolution_of_twice_the_size_is_that_of_a_resized_activation(lab, rng, band):
    layers = importlib.import_module(f"stylelab.{lab.name}.networks")
    x, kernel = rng.normal(size=(2, 6, 9, 3)).astype(np.float32), rng.normal(size=(4, 3, 3, 3)).astype(np.float32)
    if lab.name == "torch":
        functional = importlib.import_module("torch.nn.functional")
        native = lab.native.as_tensor(kernel)
        larger = functional.interpolate(lab.tensor(x), scale_factor=2, mode="bilinear")
        referee = functional.conv2d(larger, native, padding=1)
    else:
        native = lab.tensor(kernel.transpose(2, 3, 1, 0))
        referee = lab.native.nn.conv2d(lab.native.image.resize(x, (12, 18)), native, 1, "SAME")
    own = lab.array(layers.convolve_twice(lab.tensor(x), native, band))
    assert own.shape == (2, 12, 18, 4)
    assert_allclose(own[:, 2:-2, 2:-2], lab.array(referee)[:, 2:-2, 2:-2], atol=1e-4)  # borders are mirrored, not filled


def test_a_large_image_is_painted_as_a_small_one_is(sl, framework, monkeypatch):
    """In bands, which one that fits is not."""
    layers = importlib.import_module(f"stylelab.{framework}.networks")
    image, painter = images.open_image("cat", 96), sl.load_network("six")
    plain = painter.paint(image, painter.code("fluid"))
    whole, sizes = layers.convolve, []
    if framework == "tensorflow":
        monkeypatch.setattr(layers, "LARGE", 0)

    def in_bands(x, kernel, stride=1, unfold=1, band=0):
        sizes.append(x.shape)
        return whole(x, kernel, stride, unfold, band=200)

    monkeypatch.setattr(layers, "convolve", in_bands)
    assert_allclose(painter.paint(image, painter.code("fluid")), plain, atol=1e-4)
    assert sizes and None not in sizes[0]
