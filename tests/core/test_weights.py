"""Encoders in safetensors files are described, read, written and, if damaged, refused."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from safetensors.numpy import load_file, save_file
from scipy.signal import correlate
from vgg import by_name, small_vgg

from stylelab.base.processes import module_environment
from stylelab.encoders import (
    LAYERS,
    OXFORD,
    POOL_AFTER,
    TORCHVISION,
    Encoder,
    find_encoder,
    input_transform,
    open_file,
    read_encoder,
    read_weights,
    save,
    weights,
)  # fmt: skip
from stylelab.encoders.file import digest
from stylelab.encoders.weights import is_intact, random_weights
from stylelab.errors import InputError, MachineError

PREPROCESSING = {
    "channels": "BGR", "scale": "255", "mean": "[103.939, 116.779, 123.68]", "std": "[1, 1, 1]",
}  # fmt: skip


def write(path, tensors, metadata=None):
    """Write tensors as another program would, without our checks."""
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path, metadata)
    return path


@pytest.fixture
def image():
    """Random pixels (35, 50, 3)."""
    return np.random.default_rng(1).random((35, 50, 3), np.float32)


def referee(pixels, weights, padding="constant"):
    """`{layer: activation (H, W, C)}` in float64 by SciPy's correlation, from pixels as the network expects them."""
    x, activations = pixels.astype(np.float64), {}
    for layer, (kernel, bias) in weights.items():
        x = np.pad(x, ((1, 1), (1, 1), (0, 0)), padding)
        x = np.stack([correlate(x, one, "valid")[:, :, 0] for one in kernel.astype(np.float64).transpose(0, 2, 3, 1)], -1)
        activations[layer] = x = np.maximum(x + bias, 0)
        if layer in POOL_AFTER:
            height, width = x.shape[0] // 2 * 2, x.shape[1] // 2 * 2
            x = x[:height, :width].reshape(height // 2, 2, width // 2, 2, -1).max((1, 3))
    return activations


def test_saved_weights_are_read_again_with_their_description(tmp_path):
    preprocessing = {"channels": "RGB", "scale": 2.0, "mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
    encoder = Encoder("small", None, **preprocessing, pooling="average", padding="replicate", source="here")
    save(tmp_path / "deep" / "small.safetensors", small_vgg(), encoder)
    found = read_encoder(tmp_path / "deep" / "small.safetensors")
    assert found == Encoder(**(vars(encoder) | {"path": tmp_path / "deep" / "small.safetensors"}))
    for layer, (kernel, bias) in read_weights(found, LAYERS).items():
        assert_array_equal(kernel, small_vgg()[layer][0])
        assert_array_equal(bias, small_vgg()[layer][1])
        assert kernel.dtype == bias.dtype == np.float32


def test_the_header_has_the_keys_that_other_programs_read(tmp_path):
    from safetensors import safe_open

    save(tmp_path / "a.safetensors", small_vgg(2), Encoder("a", None, source="somewhere"))
    with safe_open(tmp_path / "a.safetensors", "numpy") as file:
        metadata = file.metadata()
    assert metadata["normalised"] == "yes"
    assert json.loads(metadata["mean"]) == [0, 0, 0]
    assert metadata["sha256"] == digest(load_file(tmp_path / "a.safetensors"))
    assert {"name", "channels", "scale", "std", "pooling", "padding", "source"} <= set(metadata)


def test_float16_halves_the_file_and_is_read_as_float32(tmp_path):
    for name, dtype in (("a", np.float32), ("b", np.float16)):
        save(tmp_path / name, small_vgg(), Encoder(name, None), dtype)
    found = read_weights(read_encoder(tmp_path / "b"), LAYERS)
    assert found["conv5_4"][0].dtype == np.float32
    assert_array_equal(found["conv2_1"][0], small_vgg()["conv2_1"][0].astype(np.float16).astype(np.float32))
    assert (tmp_path / "b").stat().st_size < 0.75 * (tmp_path / "a").stat().st_size


def test_numbers_that_do_not_fit_are_not_saved(tmp_path):
    for value, dtype in ((np.nan, np.float32), (1e6, np.float16)):
        bad = small_vgg(1)
        bad["conv1_1"][1][0] = value
        with pytest.raises(InputError, match=r"conv1_1.bias holds NaN, infinity or too large a number"):
            save(tmp_path / "bad", bad, Encoder("bad", None), dtype)
    assert not list(tmp_path.iterdir())


def test_saving_over_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.safetensors").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        save(tmp_path / "a.safetensors", small_vgg(1), Encoder("a", None))
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="cannot create the folder"):
        save(tmp_path / "file" / "a.safetensors", small_vgg(1), Encoder("a", None))


def test_the_digest_depends_on_every_value_name_type_and_shape():
    tensors = {"a": np.arange(6, dtype=np.float32), "b": np.zeros(2, np.float32)}
    others = (
        tensors | {"a": np.arange(1, 7, dtype=np.float32)},
        tensors | {"a": tensors["a"].reshape(2, 3)},
        tensors | {"b": np.zeros(4, np.float16)},
        {"a": tensors["a"], "c": tensors["b"]},
    )
    assert len({digest(other) for other in (tensors, *others)}) == 5
    assert digest(dict(reversed(tensors.items()))) == digest(tensors)


def test_a_file_without_our_description_is_read_as_the_oxford_network(tmp_path):
    found = read_encoder(write(tmp_path / "caffe.safetensors", by_name(small_vgg())))
    assert {key: getattr(found, key) for key in OXFORD} == OXFORD
    assert (found.name, found.padding, found.pooling, found.activations) == ("caffe", "zeros", "max", "vgg19")
    assert found.layers == LAYERS


def test_a_source_that_mentions_normalised_filters_counts(tmp_path):
    for spelling in ("normalised", "Normalized"):
        path = write(tmp_path / "a", by_name(small_vgg(3)), {"source": f"VGG-19, {spelling} as in Gatys et al."})
        assert read_encoder(path).activations == "normalised"


def test_torchvisions_names_imply_torchvisions_preprocessing(tmp_path):
    numbers = (0, 2, 5, 7, 10, 12)
    tensors = {}
    for number, (kernel, bias) in zip(numbers, small_vgg(6).values(), strict=True):
        tensors |= {f"features.{number}.weight": kernel, f"features.{number}.bias": bias}
    tensors["classifier.0.weight"] = np.zeros((4, 5), np.float32)
    found = read_encoder(write(tmp_path / "a", tensors))
    assert {key: getattr(found, key) for key in TORCHVISION} == TORCHVISION
    assert (found.layers, found.activations) == (LAYERS[:6], "vgg19-torchvision")
    for layer, (kernel, bias) in read_weights(found, found.layers).items():
        assert_array_equal(kernel, small_vgg(6)[layer][0])
        assert_array_equal(bias, small_vgg(6)[layer][1])


def test_the_layers_end_before_the_first_one_that_is_incomplete(tmp_path):
    tensors = by_name(small_vgg(6))
    del tensors["conv2_2.bias"]
    assert read_encoder(write(tmp_path / "a", tensors)).layers == ("conv1_1", "conv1_2", "conv2_1")


def test_kernels_in_hwio_order_are_transposed(tmp_path):
    hwio = {layer: (kernel.transpose(2, 3, 1, 0), bias) for layer, (kernel, bias) in small_vgg(4).items()}
    path = write(tmp_path / "a", by_name(hwio), PREPROCESSING | {"channels": "RGB", "layout": "HWIO"})
    for layer, (kernel, _) in read_weights(read_encoder(path), LAYERS[:4]).items():
        assert_array_equal(kernel, small_vgg(4)[layer][0])
        assert kernel.flags.c_contiguous


def test_a_bgr_network_computes_the_same_from_an_rgb_image(tmp_path, image):
    encoder = read_encoder(write(tmp_path / "a", by_name(small_vgg()), PREPROCESSING))
    theirs = referee(255 * image[:, :, ::-1] - np.array([103.939, 116.779, 123.68]), small_vgg())
    factor, offset = input_transform(encoder)
    ours = referee(image * factor + offset, read_weights(encoder, LAYERS))
    for layer in LAYERS:
        assert_allclose(ours[layer], theirs[layer], rtol=1e-4, atol=1e-4 * theirs[layer].max())


def test_weights_are_returned_as_copies(tmp_path):
    encoder = read_encoder(write(tmp_path / "a", by_name(small_vgg(2))))
    read_weights(encoder, LAYERS[:2])["conv1_2"][0][:] = 0
    assert read_weights(encoder, LAYERS[:2])["conv1_2"][0].any()


def test_a_file_is_read_once_and_read_again_when_it_changes(tmp_path, monkeypatch):
    path = write(tmp_path / "a", by_name(small_vgg(2)))
    open_weights, opened = weights.open_weights, []
    monkeypatch.setattr(weights, "open_weights", lambda path: opened.append(path) or open_weights(path))
    encoder = read_encoder(path)
    for count in (2, 1, 2):
        read_weights(encoder, LAYERS[:count])
    assert len(opened) == 2  # once for the description, once for the weights
    write(path, by_name(small_vgg(2, seed=5)))
    os.utime(path, ns=(1, 1))
    assert_array_equal(read_weights(encoder, LAYERS[:2])["conv1_2"][0], small_vgg(2, seed=5)["conv1_2"][0])


def test_weights_are_read_from_the_first_layer_to_the_deepest(tmp_path):
    encoder = read_encoder(write(tmp_path / "a", by_name(small_vgg(3))))
    assert list(read_weights(encoder, ["relu1_2"])) == ["conv1_1", "conv1_2"]
    with pytest.raises(InputError, match="has no conv2_2: choose layers up to conv2_1, its last"):
        read_weights(encoder, LAYERS[:4])


def test_a_file_that_has_lost_layers_since_it_was_described_is_refused(tmp_path):
    encoder = read_encoder(write(tmp_path / "a", by_name(small_vgg(3))))
    write(tmp_path / "a", by_name(small_vgg(1)))
    with pytest.raises(InputError, match="no longer has conv1_2"):
        read_weights(encoder, LAYERS[:3])


def saved(tmp_path):
    """A file with three layers and a checksum."""
    save(tmp_path / "a.safetensors", small_vgg(3), Encoder("a", None))
    return tmp_path / "a.safetensors"


@pytest.mark.parametrize(("limit", "cached"), [(weights.SMALL_FILE, True), (100, False)])
def test_only_a_small_file_stays_in_memory(tmp_path, monkeypatch, limit, cached):
    monkeypatch.setattr(weights, "SMALL_FILE", limit)
    path = saved(tmp_path)
    first, second = (weights._read(path, (limit,)) for _ in range(2))
    assert (first["conv1_1"][0] is second["conv1_1"][0]) == cached


def test_one_flipped_bit_is_noticed(tmp_path):
    path = saved(tmp_path)
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    encoder = open_file(path)
    with pytest.raises(InputError, match=r"its checksum is \w{12}\.\.\., its header says \w{12}\.\.\.: download or save"):
        read_weights(encoder, encoder.layers)
    assert not is_intact(path)


@pytest.mark.parametrize("kept", [0, 4, 60, 1000, -1])
def test_a_truncated_file_is_refused_in_one_line(tmp_path, kept):
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(
        InputError, match=r"is empty: download it again|is not a complete safetensors file .*: download or save"
    ) as caught:
        open_file(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_weights_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.safetensors").write_text("these are not weights\n" * 9)
    (tmp_path / "page.h5").write_text("<html>404</html>")
    for name, words in {
        "text.safetensors": "not a complete safetensors file",
        "page.h5": r"is not a weights file that stylelab can read: give \.safetensors, .*\.pth",
        "absent.safetensors": "no weights file .*check the path",
        "": "is a folder: name the weights file inside it",
    }.items():
        with pytest.raises(InputError, match=words) as caught:
            open_file(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_the_content_of_a_file_decides_and_not_its_name(tmp_path):
    saved(tmp_path).rename(tmp_path / "a.pth")
    assert open_file(tmp_path / "a.pth").layers == LAYERS[:3]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda t: t.pop("conv1_1.weight"), "has no conv1_1 of a VGG-19"),
        (lambda t: t.update({"conv1_2.running_mean": np.zeros(4, np.float32)}), "VGG-19 without batch norm"),
        (lambda t: t.update({"conv1_1.weight": np.zeros((4, 3, 11, 11), np.float32)}), r"kernel \(4, 3, 11, 11\)"),
        (lambda t: t.update({"conv1_2.weight": np.zeros((5, 7, 3, 3), np.float32)}), r"expected \(O, 4, 3, 3\)"),
        (lambda t: t.update({"conv1_2.bias": np.zeros(9, np.float32)}), r"a bias \(9,\)"),
        (lambda t: t.update({"conv1_1.weight": np.zeros(4, np.float32)}), r"kernel \(4,\)"),
        (lambda t: t.update({"conv1_2.bias": np.zeros(5, np.int32)}), "holds conv1_2.bias as I32: save it as"),
    ],
)  # fmt: skip
def test_a_file_with_another_network_is_refused(tmp_path, damage, words):
    tensors = by_name(small_vgg(3))
    damage(tensors)
    with pytest.raises(InputError, match=words):
        read_encoder(write(tmp_path / "a", tensors))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    found = small_vgg(3)
    found["conv2_1"][1][1] = value
    encoder = read_encoder(write(tmp_path / "a", by_name(found)))
    with pytest.raises(InputError, match="holds NaN or infinity in conv2_1"):
        read_weights(encoder, encoder.layers)


@pytest.mark.parametrize(
    "damage",
    [{"channels": "GBR"}, {"mean": "[1, 2]"}, {"mean": "not a list"}, {"std": "[1, 0, 1]"}, {"scale": "x"}, {"scale": "0"},
     {"scale": "nan"}, {"padding": "mirror"}, {"pooling": "median"}, {"mean": "5"}],
)  # fmt: skip
def test_a_damaged_description_is_refused(tmp_path, damage):
    path = write(tmp_path / "a", by_name(small_vgg(1)), PREPROCESSING | damage)
    with pytest.raises(InputError, match="has a damaged description"):
        read_encoder(path)


def test_a_description_that_lacks_a_key_is_refused(tmp_path):
    path = write(tmp_path / "a", by_name(small_vgg(1)), {"channels": "BGR"})
    with pytest.raises(InputError, match="damaged description .*mean"):
        read_encoder(path)


def test_random_weights_depend_on_the_seed_and_not_on_the_depth():
    first, again, other = find_encoder("random"), find_encoder("random-0"), find_encoder("random-1")
    shallow, deep = read_weights(first, LAYERS[:3]), read_weights(again, LAYERS[:5])
    for layer in shallow:
        assert_allclose(shallow[layer][0], deep[layer][0], rtol=1e-5)
    assert not np.allclose(read_weights(other, LAYERS[:3])["conv1_2"][0], shallow["conv1_2"][0], rtol=0.1)
    assert deep["conv3_1"][0].shape == (128, 64, 3, 3)


def test_random_filters_have_the_variance_of_he_et_al():
    kernel, bias = random_weights(3)["conv4_2"]
    assert kernel.shape == (256, 256, 3, 3)
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 256)), rel=0.01)
    assert not bias.any()


def test_the_real_partial_file_is_described_and_read(real_weights):
    encoder = open_file(real_weights)
    assert encoder.layers == ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
    assert {key: getattr(encoder, key) for key in OXFORD} == OXFORD
    assert (encoder.activations, encoder.padding, encoder.pooling) == ("normalised", "zeros", "max")
    found = read_weights(encoder, encoder.layers, normalised=True)
    assert [len(bias) for _, bias in found.values()] == [64, 64, 128, 128, 256]
    assert_array_equal(found["conv1_1"][0], load_file(real_weights)["conv1_1.weight"][:, ::-1])


def test_reading_weights_imports_no_framework():
    code = (
        "import sys; from stylelab.encoders import find_encoder, read_weights\n"
        "read_weights(find_encoder('random'), ['conv1_1'])\n"
        "sys.exit(str([n for n in ('torch', 'tensorflow', 'scipy', 'h5py', 'sklearn', 'skimage') if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=module_environment(), capture_output=True, text=True)
    assert done.stderr.strip() == "[]"
