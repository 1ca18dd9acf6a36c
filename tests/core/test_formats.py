"""Files of torchvision (.pth), Keras (.h5) and MatConvNet (.mat) are written here and converted."""

import os
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.io import savemat
from vgg import by_name, small_vgg

from stylelab.encoders import LAYERS, OXFORD, TORCHVISION, convert, find_encoder, open_file, read_encoder, read_weights
from stylelab.errors import InputError, MachineError

NUMBERS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)  # in torchvision's `features`
KERAS = [f"block{block}_conv{n}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for n in range(1, count + 1)]


def hwio(count=16):
    """(name in Keras, HWIO kernel, bias) of each layer."""
    pairs = zip(KERAS, small_vgg(count).values(), strict=False)
    return [(name, kernel.transpose(2, 3, 1, 0), bias) for name, (kernel, bias) in pairs]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet."""
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def check(encoder, count=16, flipped=False):
    """Check that the encoder has the first `count` layers of `small_vgg`, if `flipped` with conv1_1 reordered to RGB."""
    assert encoder.layers == LAYERS[:count]
    weights = read_weights(encoder, encoder.layers)
    for layer, (kernel, bias) in small_vgg(count).items():
        assert_array_equal(weights[layer][0], kernel[:, ::-1] if flipped and layer == "conv1_1" else kernel)
        assert_array_equal(weights[layer][1], bias)


class Bomb:
    """Pickled code: unpickling it would create the file `path`."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture(scope="session")
def torch_files(tmp_path_factory):
    """A folder of .pth files, and the error of each conversion in this process, '' if there was none."""
    torch = pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("pth")
    tensors = {name: torch.from_numpy(array) for name, array in by_name(small_vgg()).items()}
    numbers = dict(zip(LAYERS, NUMBERS, strict=True))
    state = {f"features.{numbers[name[:7]]}.{name[8:]}": tensor for name, tensor in tensors.items()}
    state["classifier.0.weight"] = torch.zeros(5, 5)
    paper = {name: tensor.bfloat16() for name, tensor in tensors.items() if name[:5] in ("conv1", "conv2")}
    torch.save(state, folder / "torchvision.pth")
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, folder / "nested.pt")
    torch.save(paper, folder / "paper.pth")
    torch.save({"features.1.running_mean": torch.zeros(4)} | state, folder / "norm.pth")
    torch.save(state | {"bomb": Bomb(folder / "exploded")}, folder / "bomb.pth")
    torch.save([1, 2], folder / "list.pth")
    whole = (folder / "torchvision.pth").read_bytes()
    (folder / "half.pth").write_bytes(whole[: len(whole) // 2])
    (folder / "garbage.pth").write_bytes(b"PK\x03\x04" + os.urandom(2000))
    outcomes = {}
    for path in sorted(folder.glob("*.pt*")):
        if path.name != "torchvision.pth":  # converted by the next test, in another process
            try:
                convert.convert_to(path, folder / f"{path.stem}.safetensors")
                outcomes[path.stem] = ""
            except InputError as error:
                outcomes[path.stem] = f"InputError: {error}"
    return folder, outcomes


@pytest.mark.slow
def test_a_torchvision_file_is_converted_in_another_process(torch_files, cache):
    before = "torch" in sys.modules
    encoder = find_encoder(torch_files[0] / "torchvision.pth")
    check(encoder)
    assert encoder.name == "torchvision"
    assert encoder.path.parent == cache / "converted"
    assert {key: getattr(encoder, key) for key in TORCHVISION} == TORCHVISION
    assert (encoder.activations, encoder.padding) == ("vgg19-torchvision", "zeros")
    assert ("torch" in sys.modules) == before


@pytest.mark.parametrize("name", ["legacy", "nested"])
def test_older_and_nested_torch_files_are_the_same_encoder(torch_files, name):
    folder, outcomes = torch_files
    assert outcomes[name] == ""
    check(read_encoder(folder / f"{name}.safetensors"))


def test_a_torch_file_with_the_papers_names_is_the_oxford_network(torch_files):
    folder, outcomes = torch_files
    assert outcomes["paper"] == ""
    encoder = read_encoder(folder / "paper.safetensors")
    assert {key: getattr(encoder, key) for key in OXFORD} == OXFORD
    assert (encoder.layers, encoder.activations) == (LAYERS[:4], "vgg19")
    kernel = read_weights(encoder, LAYERS[:2])["conv1_2"][0]
    np.testing.assert_allclose(kernel, small_vgg()["conv1_2"][0], rtol=2**-8)  # stored as bfloat16, which keeps 8 bits


def test_code_in_a_pickle_is_not_run(torch_files):
    folder, outcomes = torch_files
    assert outcomes["bomb"].startswith("InputError")
    assert "does not hold plain PyTorch weights" in outcomes["bomb"]
    assert not (folder / "exploded").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [("half", "not hold plain PyTorch weights"), ("garbage", "not hold plain PyTorch weights"), ("list", "no conv1_1"),
     ("norm", "VGG-19 without batch norm")],
)  # fmt: skip
def test_a_torch_file_that_is_not_a_vgg19_is_refused_in_one_line(torch_files, name, words):
    assert torch_files[1][name].startswith("InputError")
    assert words in torch_files[1][name]
    assert "\n" not in torch_files[1][name]
    assert not (torch_files[0] / f"{name}.safetensors").exists()


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [(1, InputError, "^the last line$"), (2, MachineError, "^the last line$"), (-9, MachineError, "cannot read '.*'")],
)
def test_the_last_line_of_the_process_is_the_message(tmp_path, monkeypatch, status, error, words):
    (tmp_path / "a.pth").write_bytes(b"PK\x03\x04" + bytes(100))
    code = "import os, sys; sys.stderr.write('noise\\nthe last line\\n'); sys.stderr.flush(); s = int(sys.argv[1])\n"
    code += "os.kill(os.getpid(), -s) if s < 0 else sys.exit(s)"
    monkeypatch.setattr(convert, "module_command", lambda *_: [sys.executable, "-c", code, str(status)])
    with pytest.raises(error, match=words):
        open_file(tmp_path / "a.pth")


def test_a_process_that_takes_too_long_is_stopped(tmp_path, monkeypatch):
    (tmp_path / "a.pth").write_bytes(b"\x80\x02" + bytes(100))
    monkeypatch.setattr(convert, "SECONDS", 0.5)
    monkeypatch.setattr(convert, "module_command", lambda *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(MachineError, match=r"PyTorch has not read .* within 0.5 s"):
        open_file(tmp_path / "a.pth")


def classic(file, prefix=""):
    """Keras 1 and 2, keras-applications' file with no top: block1_conv1/block1_conv1_W_1:0."""
    for name, kernel, bias in hwio():
        file[f"{prefix}{name}/{name}_W_1:0"], file[f"{prefix}{name}/{name}_b_1:0"] = kernel, bias
    file.create_group(f"{prefix}block1_pool")


def nested(file, prefix="model_weights/"):
    """tf.keras and Keras 3's old format: model_weights/block1_conv1/block1_conv1/kernel:0, and an optimiser."""
    file.create_group(f"{prefix}top_level_model_weights")
    for name, kernel, bias in hwio():
        file[f"{prefix}{name}/{name}/kernel:0"], file[f"{prefix}{name}/{name}/bias:0"] = kernel, bias
        momentum = f"optimizer_weights/Adam/m/{name}"
        file[f"{momentum}/kernel:0"], file[f"{momentum}/bias:0"] = kernel * 7, bias * 7


def inside(file):
    """A model that holds VGG-19 as a layer: model_weights/vgg19/block1_conv1/kernel."""
    for name, kernel, bias in hwio():
        file[f"model_weights/vgg19/{name}/kernel"], file[f"model_weights/vgg19/{name}/bias"] = kernel, bias
    file["model_weights/dense/dense/kernel"], file["model_weights/dense/dense/bias"] = np.ones((5, 2)), np.ones(2)


def keras_3(file, prefix="layers", named=True):
    """Keras 3's .weights.h5: layers/conv2d_1/vars/0, the layer's name an attribute of `vars`."""
    for index, (name, kernel, bias) in enumerate(reversed(hwio()) if named else hwio()):
        group = file.create_group(f"{prefix}/conv2d_{index}/vars" if index else f"{prefix}/conv2d/vars")
        group["0"], group["1"] = kernel, bias
        if named:
            group.attrs["name"] = name
    if named:  # a layer that a student put in front: names take precedence over numbers
        group = file.create_group(f"{prefix}/conv2d_16/vars")
        group["0"], group["1"] = np.ones((1, 1, 3, 3)), np.ones(3)
        group.attrs["name"] = "colours"
    for index, array in enumerate((np.ones((3, 3, 3, 4)), np.ones(4))):
        file[f"optimizer/vars/{index}"] = array


LAYOUTS = {
    "classic": classic,
    "with an optimiser": nested,
    "as a layer": inside,
    "Keras 3": keras_3,
    "Keras 3, numbered": lambda file: keras_3(file, named=False),
    "Keras 3, as a layer": lambda file: keras_3(file, "layers/functional/layers"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_keras_files_of_every_version_are_the_oxford_network(tmp_path, layout):
    with h5py.File(tmp_path / "keras.h5", "w") as file:
        LAYOUTS[layout](file)
    encoder = open_file(tmp_path / "keras.h5")
    check(encoder, flipped=True)
    assert {key: getattr(encoder, key) for key in OXFORD} == OXFORD
    assert (encoder.name, encoder.activations, encoder.padding) == ("keras", "vgg19", "zeros")


def test_a_keras_file_that_stops_early_has_fewer_layers(tmp_path):
    with h5py.File(tmp_path / "short.h5", "w") as file:
        for name, kernel, bias in hwio(5):
            file[f"{name}/kernel:0"], file[f"{name}/bias:0"] = kernel, bias
    check(open_file(tmp_path / "short.h5"), 5, flipped=True)


def test_damaged_and_foreign_keras_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        classic(file)
    whole = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "half.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="is not a complete Keras file"):
        open_file(tmp_path / "half.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["dense/kernel:0"] = np.ones((3, 3))
    with pytest.raises(InputError, match="has no conv1_1 of a VGG-19"):
        open_file(tmp_path / "other.h5")
    with h5py.File(tmp_path / "theano.h5", "w") as file:
        for name, kernel, bias in hwio(3):
            file[f"{name}/kernel:0"], file[f"{name}/bias:0"] = kernel.transpose(3, 2, 0, 1), bias
    with pytest.raises(InputError, match=r"is not a VGG-19: conv1_1 has a kernel \(3, 3, 4, 3\)"):
        open_file(tmp_path / "theano.h5")


def matconvnet(count=16, old=False):
    """A cell array of structs, as MATLAB stores it: convolutions, ReLUs, and a fully connected layer at the end."""
    layers = []
    for layer, (kernel, bias) in small_vgg(count).items():
        kernel, bias = kernel.transpose(2, 3, 1, 0), bias.reshape(1, -1) if old else bias.reshape(-1, 1)
        cell = np.empty((1, 2), object)
        cell[0, 0], cell[0, 1] = kernel, bias
        arrays = {"filters": kernel, "biases": bias} if old else {"weights": cell}
        layers += [{"name": layer, "type": "conv", "pad": [1, 1, 1, 1]} | arrays]
        layers += [{"name": layer.replace("conv", "relu"), "type": "relu"}]
    layers += [{"name": "fc6", "type": "conv", "filters": np.ones((7, 7, 4, 5), np.float32), "biases": np.ones(5)}]
    cells = np.empty((1, len(layers)), object)
    cells[0, :] = layers
    return cells


@pytest.mark.parametrize("old", [False, True], ids=["weights", "filters and biases"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["layers", "net.layers"])
def test_a_matconvnet_file_has_kernels_for_rgb(tmp_path, old, wrapped):
    content = {"layers": matconvnet(old=old), "meta": {"classes": "cat"}}
    savemat(tmp_path / "deep.mat", {"net": content} if wrapped else content)
    encoder = open_file(tmp_path / "deep.mat")
    check(encoder)
    assert (encoder.channels, encoder.scale, encoder.mean) == ("RGB", 255, (123.68, 116.779, 103.939))
    assert (encoder.activations, encoder.padding, encoder.pooling) == ("vgg19", "zeros", "max")


def test_matlab_files_without_a_vgg19_are_refused(tmp_path):
    savemat(tmp_path / "deep.mat", {"layers": matconvnet(4)})
    check(open_file(tmp_path / "deep.mat"), 4)
    whole = (tmp_path / "deep.mat").read_bytes()
    (tmp_path / "half.mat").write_bytes(whole[: len(whole) // 2])
    savemat(tmp_path / "other.mat", {"x": np.ones(3)})
    savemat(tmp_path / "numbers.mat", {"layers": np.ones(3)})
    (tmp_path / "hdf.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(600))
    for name, words in {
        "half": "is not a complete MATLAB file",
        "other": "has no conv1_1",
        "numbers": "has no conv1_1",
        "hdf": "save it with -v7",
    }.items():
        with pytest.raises(InputError, match=words):
            open_file(tmp_path / f"{name}.mat")


def test_a_file_is_converted_once_and_converted_again_when_the_cache_is_damaged(tmp_path, monkeypatch):
    savemat(tmp_path / "deep.mat", {"layers": matconvnet(4)})
    convert_to, calls = convert.convert_to, []
    monkeypatch.setattr(convert, "convert_to", lambda *paths: calls.append(paths) or convert_to(*paths))
    converted = open_file(tmp_path / "deep.mat").path
    (tmp_path / "copy.mat").write_bytes((tmp_path / "deep.mat").read_bytes())
    assert open_file(tmp_path / "copy.mat").path == converted
    assert open_file(tmp_path / "copy.mat").name == "copy"
    assert len(calls) == 1
    converted.write_bytes(converted.read_bytes()[:-40])
    check(open_file(tmp_path / "deep.mat"), 4)
    assert len(calls) == 2
    assert list(converted.parent.iterdir()) == [converted]


def test_a_cache_folder_that_cannot_be_created_is_a_machine_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "file" / "cache"))
    savemat(tmp_path / "deep.mat", {"layers": matconvnet(2)})
    with pytest.raises(MachineError, match="cannot create the folder .*STYLELAB_CACHE names the one for the cache"):
        open_file(tmp_path / "deep.mat")
