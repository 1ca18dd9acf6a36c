"""Tests use one half of the package through NumPy arrays, channels last: `pytest --framework torch`, then `tensorflow`.

A process holds one framework. Tests that use none of the fixtures below need no framework, and run only with `torch`.
"""

import ctypes
import importlib
import os
import signal
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
REAL_WEIGHTS = SHARED / "weights" / "vgg19-normalised-to-conv3_1.safetensors"

os.environ.setdefault("OMP_NUM_THREADS", "2")


def pytest_addoption(parser):
    """Add the option --framework."""
    parser.addoption("--framework", choices=("torch", "tensorflow"), default="torch")


def pytest_configure(config):
    """Register the markers, and let tests receive Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a background job: the tests of Ctrl-C need it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "plain: needs no framework")
    config.addinivalue_line("markers", "gpu: needs a GPU")
    config.addinivalue_line("markers", "slow: takes more than a second or two, and is not part of `make check`")


def pytest_collection_modifyitems(config, items):
    """Leave out the tests that need a GPU unless `-m gpu` asks for them, and with TensorFlow those that need no framework."""
    if "gpu" not in config.getoption("-m"):
        there = [item for item in items if item.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=there)
        items[:] = [item for item in items if item not in there]
    if config.getoption("--framework") == "tensorflow":
        plain = [item for item in items if "framework" not in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=plain)
        items[:] = [item for item in items if item not in plain]


@pytest.fixture(scope="session")
def framework(request) -> str:
    """'torch' or 'tensorflow'. TensorFlow's CPU is divided while that is still possible: two parts can then play GPUs."""
    name = request.config.getoption("--framework")
    if name == "tensorflow":
        importlib.import_module("stylelab.tensorflow")  # which silences TensorFlow's first lines
        import devices

        devices.three_processors()
    return name


@pytest.fixture(scope="session")
def sl(framework):
    """The module `stylelab.torch` or `stylelab.tensorflow`."""
    return importlib.import_module(f"stylelab.{framework}")


@pytest.fixture(scope="session")
def lab(framework, sl) -> "Lab":
    """This process's half of the package, with NumPy arrays in and out."""
    return Lab(framework, sl)


@pytest.fixture
def rng() -> np.random.Generator:
    """A new random generator with the same seed for every test."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def ot():
    """POT, a referee, without the frameworks, of which this process holds one."""
    disabled = {f"POT_BACKEND_DISABLE_{name}": "1" for name in ("PYTORCH", "TENSORFLOW", "JAX", "CUPY")}
    with mock.patch.dict(os.environ, disabled), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("ot")


@pytest.fixture
def permissions_count():
    """Folders without permission are closed to root too: two of its capabilities are laid down during the test."""
    if os.geteuid():
        yield
        return
    system = ctypes.CDLL(None)
    if not hasattr(system, "capset"):
        pytest.skip("root sees through permissions here")
    header, before = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert system.capget(header, before) == 0
    fewer = (ctypes.c_uint32 * 6)(before[0] & ~0b110, *before[1:])  # DAC_OVERRIDE and DAC_READ_SEARCH
    assert system.capset(header, fewer) == 0
    yield
    assert system.capset(header, before) == 0


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """A file with the first layers of the real VGG-19; the test is skipped without it."""
    if not REAL_WEIGHTS.is_file():
        pytest.skip("the real VGG-19 filters are not next to this checkout")
    return REAL_WEIGHTS


@pytest.fixture
def bfloat16(sl):
    """The test is skipped where the processor does not compute in bfloat16; the package then says so and takes float32."""
    if sl.find_precision("bfloat16", "cpu") != "bfloat16":
        pytest.skip("this processor does not compute in bfloat16")


class Lab:
    """One half of the package, which takes and returns float32 NumPy arrays, channels last: (B, H, W, C)."""

    def __init__(self, name, sl):
        self.name, self.sl = name, sl
        self.native = importlib.import_module(name)

    def tensor(self, array):
        """A tensor in the framework's own layout."""
        array = np.asarray(array)
        if self.name == "torch":
            array = np.moveaxis(array, -1, 1) if array.ndim == 4 else array
            return self.native.from_numpy(np.ascontiguousarray(array))
        return self.native.constant(array)

    def array(self, tensor) -> np.ndarray:
        """A tensor's values, channels last."""
        if self.name == "tensorflow":
            return np.array(tensor)
        array = tensor.detach().cpu().numpy()
        return np.moveaxis(array, 1, -1) if array.ndim == 4 else array

    # the public functions of the half, from arrays to arrays or numbers

    def gram_matrix(self, activation, normalisation="per_location"):
        return self.array(self.sl.gram_matrix(self.tensor(activation), normalisation))

    def content_loss(self, activation, target, normalisation="mean") -> float:
        return float(self.array(self.sl.content_loss(self.tensor(activation), self.tensor(target), normalisation)))

    def style_layer_loss(self, activation, target_gram, normalisation="gatys", **options) -> float:
        loss = self.sl.style_layer_loss(self.tensor(activation), self.tensor(target_gram), normalisation, **options)
        return float(self.array(loss))

    def total_variation(self, image, kind="l1") -> float:
        return float(self.array(self.sl.total_variation(self.tensor(image), kind)))

    def look(self, encoder, images, activations, grams, tile=None):
        """`engine.look.look`: activations of some layers, raw Gram matrices of others."""
        engine = importlib.import_module(f"stylelab.{self.name}.engine.look")
        return engine.look(encoder, images, activations, grams, tile=tile)[:2]

    def gradient(self, function, array) -> np.ndarray:
        """d function(tensor) / d array."""
        if self.name == "torch":
            tensor = self.tensor(array).requires_grad_(True)
            function(tensor).backward()
            return self.array(tensor.grad)
        tensor = self.tensor(array)
        with self.native.GradientTape() as tape:
            tape.watch(tensor)
            value = function(tensor)
        return self.array(tape.gradient(value, tensor))

    def activations(self, encoder, images) -> dict[str, np.ndarray]:
        """What an encoder computes for a batch of images, layer by layer."""
        return {layer: self.array(activation) for layer, activation in encoder(self.tensor(images)).items()}
