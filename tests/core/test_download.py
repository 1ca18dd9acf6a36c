"""`stylelab encoders download`, on loopback and with stand-ins for the libraries: no test leaves this machine."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from stylelab.base.processes import module_environment
from stylelab.encoders import DOWNLOADS, LAYERS, OXFORD, TORCHVISION, Encoder, find_encoder, weights
from stylelab.encoders import download as downloads
from stylelab.encoders.download import check_reachable, download
from stylelab.errors import InputError, MachineError

SAVE = """
import sys, time
from pathlib import Path
from stylelab.encoders import weights
from stylelab.encoders import LAYERS, Encoder
target = Path(sys.argv[1])
(target.parent / "models").mkdir()
(target.parent / "models" / "fetched.h5").write_bytes(bytes(3_000_000))
weights.save(target, weights.random_weights(1, LAYERS[:3]), Encoder("vgg19", None, activations="vgg19"))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Were the code to look up any other machine, the test would fail and nothing would leave this one."""
    look_up = socket.getaddrinfo

    def guarded(host, *arguments, **options):
        assert host == "127.0.0.1", f"a test looked up {host}"
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)


@pytest.fixture
def loader(monkeypatch):
    """Replace the library's loader by a script; without a script, starting one fails the test."""

    def use(code):
        monkeypatch.setattr(downloads, "loader_command", lambda name, target: [sys.executable, "-c", code, str(target)])

    use("import sys; sys.exit('a loader was started')")
    return use


@pytest.fixture
def closed():
    """The address of a port on which nobody listens."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{door.getsockname()[1]}"


@pytest.fixture
def mute():
    """The address of a port that takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


@pytest.fixture
def server():
    """Start a server on loopback that answers every request with one status: status -> address."""
    running = []

    def start(status):
        class Answer(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        running.append(HTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=running[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{running[-1].server_port}"

    yield start
    for one in running:
        one.shutdown()
        one.server_close()


def left_behind(cache):
    return sorted(path.name for path in cache.rglob("*")) if cache.exists() else []


def alive(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("wrong", "nearest"), [("vgg91", "vgg19"), ("vgg19-torchvison", "vgg19-torchvision")])
def test_an_unknown_name_gets_a_suggestion(wrong, nearest):
    with pytest.raises(InputError, match=f"unknown encoder to download '{wrong}': did you mean '{nearest}'"):
        download(wrong)


@pytest.mark.parametrize("name", DOWNLOADS)
def test_without_a_network_it_ends_in_one_line_and_leaves_nothing(name, closed, loader, cache):
    started = time.monotonic()
    with pytest.raises(MachineError, match=f"cannot reach {closed} .*refused.*: connect this machine") as caught:
        download(name, server=closed)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 10
    assert left_behind(cache) == []


def test_the_command_without_a_network_ends_with_status_2_and_one_line(closed, cache):
    command = [sys.executable, "-P", "-m", "stylelab", "encoders", "download", "vgg19"]
    environment = module_environment(https_proxy=closed, no_proxy="", STYLELAB_CACHE=str(cache))
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert time.monotonic() - started < 10
    assert done.returncode == 2
    assert re.fullmatch(r".*cannot reach https://storage.googleapis.com \(Connection refused\).*\n", done.stderr)
    assert left_behind(cache) == []


def test_the_proxy_of_the_environment_is_the_way_out(closed, monkeypatch, loader):
    monkeypatch.setenv("https_proxy", closed)
    with pytest.raises(MachineError, match=r"cannot reach https://storage.googleapis.com \(.*refused"):
        download("vgg19")


def test_a_server_that_never_answers_is_given_up(mute, monkeypatch, loader):
    assert 2 * downloads.PATIENCE < 8  # the whole command has 10 s
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    with pytest.raises(MachineError, match="cannot reach .*timed out"):
        download("vgg19", server=mute)


def test_a_name_server_that_never_answers_is_given_up(monkeypatch):
    awake = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: awake.wait(30) and [])
    monkeypatch.setattr(downloads, "PATIENCE", 0.2)
    started = time.monotonic()
    try:
        with pytest.raises(MachineError, match=r"cannot reach http://localhost.invalid \(no answer within 0 s\)"):
            check_reachable("http://localhost.invalid")
    finally:
        awake.set()
    assert time.monotonic() - started < 5


def test_a_server_that_forbids_its_front_page_is_there_all_the_same(server):
    for status in (200, 403, 404):
        check_reachable(server(status))
    with pytest.raises(MachineError, match="cannot reach .*503"):
        check_reachable(server(503))


def test_a_download_ends_as_one_file_in_the_cache(server, loader, cache):
    loader(SAVE)
    said = []
    path = download("vgg19", said.append, server=server(200))
    assert path == cache / "vgg19.safetensors"
    assert left_behind(cache) == ["vgg19.safetensors"]
    assert said[0] == "fetching vgg19 from https://storage.googleapis.com"
    encoder = find_encoder("vgg19")
    assert_array_equal(weights.read(encoder, LAYERS[:1])["conv1_1"][0], weights.random_weights(1)["conv1_1"][0])


def test_a_good_file_is_not_fetched_again(cache, closed, loader):
    weights.save(cache / "vgg19.safetensors", weights.random_weights(2, LAYERS[:2]), Encoder("vgg19", None))
    said = []
    assert download("vgg19", said.append, server=closed) == cache / "vgg19.safetensors"
    assert said == ["vgg19 is in the cache already"]


def test_a_damaged_file_is_replaced_but_only_by_a_good_one(cache, closed, server, loader):
    path = cache / "vgg19.safetensors"
    weights.save(path, weights.random_weights(2, LAYERS[:2]), Encoder("vgg19", None))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MachineError, match="cannot reach"):
        download("vgg19", server=closed)
    assert left_behind(cache) == ["vgg19.safetensors"]
    loader(SAVE)
    said = []
    download("vgg19", said.append, server=server(200))
    assert "vgg19.safetensors is damaged: fetching it again" in said[0]
    assert weights.is_whole(path)


def test_what_the_loader_complains_of_is_passed_on_in_one_line(server, loader, cache):
    loader("import sys; sys.exit('much\\nnoise\\ninvalid hash value')")
    with pytest.raises(MachineError, match="^could not fetch 'vgg19': invalid hash value$"):
        download("vgg19", server=server(200))
    loader("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(MachineError, match="^could not fetch 'vgg19': its loader was stopped$"):
        download("vgg19", server=server(200))
    assert left_behind(cache) == []


def test_a_loader_that_brings_something_else_is_not_believed(server, loader, cache):
    loader("import sys; open(sys.argv[1], 'w').write('<html>login</html>')")
    with pytest.raises(MachineError, match="what came for 'vgg19' is damaged"):
        download("vgg19", server=server(200))
    assert left_behind(cache) == []


STUCK = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, file=open(r"{pids}", "w"), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("patience", [{"quiet": 1.5}, {"limit": 1.5}], ids=["quiet", "limit"])
def test_a_loader_that_gets_stuck_is_ended_with_all_it_started(server, loader, cache, tmp_path, patience):
    loader(STUCK.format(pids=tmp_path / "pids"))
    with pytest.raises(MachineError, match="gave up after 2 s, 0 MB fetched"):
        download("vgg19", server=server(200), **patience)
    assert left_behind(cache) == []
    deadline = time.monotonic() + 5
    while alive(int((tmp_path / "pids").read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(int((tmp_path / "pids").read_text()))


def test_an_interrupt_ends_the_loader_and_leaves_nothing(server, loader, cache, tmp_path):
    loader(f"import os, sys, time; open(r'{tmp_path / 'pid'}', 'w').write(str(os.getpid()))\n"
           "open(sys.argv[1] + '.part', 'wb').write(bytes(2_000_000)); time.sleep(60)")  # fmt: skip

    def interrupt(line):
        if "MB so far" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download("vgg19", interrupt, server=server(200), quiet=20)
    assert left_behind(cache) == []
    assert not alive(int((tmp_path / "pid").read_text()))


def test_the_loaders_keep_their_own_caches_out_of_the_home(tmp_path):
    environment = downloads._environment(tmp_path)
    assert environment["KERAS_HOME"] == environment["TORCH_HOME"] == str(tmp_path)
    assert environment["PATH"] == os.environ["PATH"]


def small_vgg(count=16):
    rng = np.random.default_rng(0)
    channels = (3, *[4 + index % 3 for index in range(count)])
    return {
        layer: (
            rng.standard_normal((channels[i + 1], channels[i], 3, 3), np.float32),
            rng.random(channels[i + 1], np.float32),
        )
        for i, layer in enumerate(LAYERS[:count])
    }


def test_the_keras_loader_is_asked_for_the_file_with_no_top(tmp_path, monkeypatch):
    kernels = {layer.replace("conv", "block").replace("_", "_conv"): pair for layer, pair in small_vgg().items()}

    def vgg19(*, include_top, weights):
        assert (include_top, weights) == (False, "imagenet")
        return SimpleNamespace(get_layer=lambda name: SimpleNamespace(
            get_weights=lambda: [kernels[name][0].transpose(2, 3, 1, 0), kernels[name][1]]
        ))  # fmt: skip

    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(applications=SimpleNamespace(VGG19=vgg19)))
    downloads.fetch_to("vgg19", tmp_path / "a.safetensors")
    encoder = weights.describe(tmp_path / "a.safetensors")
    assert {key: getattr(encoder, key) for key in OXFORD} == OXFORD
    assert (encoder.name, encoder.activations, encoder.layers) == ("vgg19", "vgg19", LAYERS)
    found = weights.read(encoder, LAYERS)
    assert_array_equal(found["conv1_1"][0], small_vgg()["conv1_1"][0][:, ::-1])
    assert_array_equal(found["conv4_2"][0], small_vgg()["conv4_2"][0])


def torchvision(count):
    numbers = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    state = {"classifier.0.weight": np.ones((2, 2))}
    for number, (kernel, bias) in zip(numbers, small_vgg(count).values(), strict=False):
        state |= {f"features.{number}.weight": kernel, f"features.{number}.bias": bias}

    def get_state_dict(*, check_hash, progress, weights_only):
        assert check_hash
        assert weights_only
        return state

    return SimpleNamespace(VGG19_Weights=SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(get_state_dict=get_state_dict)))


def test_the_torchvision_loader_is_asked_to_check_the_hash(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "torchvision.models", torchvision(16))
    downloads.fetch_to("vgg19-torchvision", tmp_path / "a.safetensors")
    encoder = weights.describe(tmp_path / "a.safetensors")
    assert {key: getattr(encoder, key) for key in TORCHVISION} == TORCHVISION
    assert (encoder.name, encoder.activations) == ("vgg19-torchvision", "vgg19-torchvision")
    assert_array_equal(weights.read(encoder, LAYERS)["conv5_4"][0], small_vgg()["conv5_4"][0])


def test_a_library_whose_network_has_changed_is_not_believed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "torchvision.models", torchvision(9))
    with pytest.raises(InputError, match="has 9 of VGG-19's 16 convolutions"):
        downloads.fetch_to("vgg19-torchvision", tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("name", "package", "file"),
    [("vgg19", "keras", "src/applications/vgg19.py"), ("vgg19-torchvision", "torchvision", "models/vgg.py")],
)
def test_the_servers_asked_are_those_of_the_installed_loaders(name, package, file):
    spec = find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed")
    assert downloads.SERVERS[name] in Path(spec.submodule_search_locations[0], file).read_text()
