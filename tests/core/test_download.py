"""Downloads of encoders, with servers on loopback and scripts in place of the loaders: no test leaves this machine."""

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
from vgg import small_vgg

from stylelab.base.processes import module_environment
from stylelab.encoders import DOWNLOADS, LAYERS, OXFORD, TORCHVISION, Encoder, find_encoder, read_encoder, read_weights, save
from stylelab.encoders import download as downloads
from stylelab.encoders.download import check_reachable, download
from stylelab.encoders.weights import is_intact, random_weights
from stylelab.errors import InputError, MachineError

SAVE = """
import sys, time
from pathlib import Path
from stylelab.encoders import LAYERS, Encoder, save
from stylelab.encoders.weights import random_weights
target = Path(sys.argv[1])
(target.parent / "models").mkdir()
(target.parent / "models" / "fetched.h5").write_bytes(bytes(3_000_000))
save(target, random_weights(1, LAYERS[:3]), Encoder("vgg19", None, activations="vgg19"))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache folder that does not exist yet, and no proxy."""
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Fail a test that looks up any other machine, before anything is sent."""
    look_up = socket.getaddrinfo

    def guarded(host, *arguments, **options):
        assert host == "127.0.0.1", f"a test looked up {host}"
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)


@pytest.fixture
def loader(monkeypatch):
    """Replace the library's loader by a script. Without a script, starting the loader fails."""

    def use(code):
        monkeypatch.setattr(downloads, "loader_command", lambda name, target: [sys.executable, "-c", code, str(target)])

    use("import sys; sys.exit('a loader was started')")
    return use


@pytest.fixture
def closed():
    """The address of a closed port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def silent():
    """The address of a port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def server():
    """Start a server on loopback that answers every request with this status; returns its address."""
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
    for each in running:
        each.shutdown()
        each.server_close()


def files_in(cache):
    """The names of everything in the cache."""
    return sorted(path.name for path in cache.rglob("*")) if cache.exists() else []


def alive(pid):
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("wrong", "nearest"), [("vgg91", "vgg19"), ("vgg19-torchvison", "vgg19-torchvision")])
def test_an_unknown_name_gets_a_suggestion(wrong, nearest):
    with pytest.raises(InputError, match=f"unknown encoder to download '{wrong}': did you mean '{nearest}'"):
        download(wrong)


@pytest.mark.parametrize("name", DOWNLOADS)
def test_without_a_network_the_error_is_one_line_and_nothing_is_left(name, closed, loader, cache):
    started = time.monotonic()
    with pytest.raises(MachineError, match=f"cannot reach {closed} .*refused.*: connect this machine") as caught:
        download(name, server=closed)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 10
    assert files_in(cache) == []


def test_without_a_network_the_command_exits_with_status_2_and_one_line(closed, cache):
    command = [sys.executable, "-P", "-m", "stylelab", "encoders", "download", "vgg19"]
    environment = module_environment(https_proxy=closed, no_proxy="", STYLELAB_CACHE=str(cache))
    started = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert time.monotonic() - started < 10
    assert done.returncode == 2
    assert re.fullmatch(r".*cannot reach https://storage.googleapis.com \(connection refused\).*\n", done.stderr)
    assert files_in(cache) == []


def test_a_proxy_in_the_environment_is_used(closed, monkeypatch, loader):
    monkeypatch.setenv("https_proxy", closed)
    with pytest.raises(MachineError, match=r"cannot reach https://storage.googleapis.com \(.*refused"):
        download("vgg19")


def test_a_server_that_does_not_answer_is_given_up(silent, monkeypatch, loader):
    assert 2 * downloads.PATIENCE < 8  # the command may take 10 s
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    with pytest.raises(MachineError, match="cannot reach .*timed out"):
        download("vgg19", server=silent)


def test_a_name_server_that_does_not_answer_is_given_up(monkeypatch):
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


def test_a_server_that_forbids_its_front_page_is_reachable(server):
    for status in (200, 403, 404):
        check_reachable(server(status))
    with pytest.raises(MachineError, match="cannot reach .*503"):
        check_reachable(server(503))


def test_a_download_becomes_one_file_in_the_cache(server, loader, cache):
    loader(SAVE)
    lines = []
    path = download("vgg19", lines.append, server=server(200))
    assert path == cache / "vgg19.safetensors"
    assert files_in(cache) == ["vgg19.safetensors"]
    assert lines[0] == "downloading vgg19 from https://storage.googleapis.com"
    encoder = find_encoder("vgg19")
    assert_array_equal(read_weights(encoder, LAYERS[:1])["conv1_1"][0], random_weights(1)["conv1_1"][0])


def test_an_intact_file_is_not_downloaded_again(cache, closed, loader):
    save(cache / "vgg19.safetensors", random_weights(2, LAYERS[:2]), Encoder("vgg19", None))
    lines = []
    assert download("vgg19", lines.append, server=closed) == cache / "vgg19.safetensors"
    assert lines == ["vgg19 has been downloaded already"]


def test_a_damaged_file_is_replaced_only_by_an_intact_one(cache, closed, server, loader):
    path = cache / "vgg19.safetensors"
    save(path, random_weights(2, LAYERS[:2]), Encoder("vgg19", None))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MachineError, match="cannot reach"):
        download("vgg19", server=closed)
    assert files_in(cache) == ["vgg19.safetensors"]
    loader(SAVE)
    lines = []
    download("vgg19", lines.append, server=server(200))
    assert "vgg19.safetensors is damaged: downloading it again" in lines[0]
    assert is_intact(path)


def test_the_loaders_last_line_is_the_message(server, loader, cache):
    loader("import sys; sys.exit('much\\nnoise\\ninvalid hash value')")
    with pytest.raises(MachineError, match="^could not download 'vgg19': invalid hash value$"):
        download("vgg19", server=server(200))
    loader("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(MachineError, match="^could not download 'vgg19': its loader was stopped$"):
        download("vgg19", server=server(200))
    assert files_in(cache) == []


def test_a_loader_that_downloads_something_else_is_noticed(server, loader, cache):
    loader("import sys; open(sys.argv[1], 'w').write('<html>login</html>')")
    with pytest.raises(MachineError, match="the download of 'vgg19' is damaged"):
        download("vgg19", server=server(200))
    assert files_in(cache) == []


HANG = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, file=open(r"{pids}", "w"), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("patience", [{"quiet": 1.5}, {"limit": 1.5}], ids=["quiet", "limit"])
def test_a_loader_that_hangs_is_stopped_with_its_child_processes(server, loader, cache, tmp_path, patience):
    loader(HANG.format(pids=tmp_path / "pids"))
    with pytest.raises(MachineError, match="gave up after 2 s and 0 MB"):
        download("vgg19", server=server(200), **patience)
    assert files_in(cache) == []
    deadline = time.monotonic() + 5
    while alive(int((tmp_path / "pids").read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(int((tmp_path / "pids").read_text()))


def test_an_interrupt_stops_the_loader_and_leaves_nothing(server, loader, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "INTERVAL", 0.1)
    loader(f"import os, sys, time; open(r'{tmp_path / 'pid'}', 'w').write(str(os.getpid()))\n"
           "open(sys.argv[1] + '.part', 'wb').write(bytes(2_000_000)); time.sleep(60)")  # fmt: skip

    def interrupt(line):
        if "MB so far" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download("vgg19", interrupt, server=server(200), quiet=20)
    assert files_in(cache) == []
    assert not alive(int((tmp_path / "pid").read_text()))


def test_the_libraries_caches_are_in_the_folder_that_is_removed(server, loader, cache):
    loader("import os, sys; print(*(os.environ[name] for name in ('KERAS_HOME', 'TORCH_HOME', 'PATH'))); sys.exit(1)")
    with pytest.raises(MachineError) as caught:
        download("vgg19", server=server(200))
    keras, torch, path = str(caught.value).removeprefix("could not download 'vgg19': ").split(" ", 2)
    assert keras == torch and Path(keras).parent == cache
    assert path == os.environ["PATH"]


def test_keras_is_asked_for_the_file_without_the_classifier(tmp_path, monkeypatch):
    kernels = {layer.replace("conv", "block").replace("_", "_conv"): pair for layer, pair in small_vgg().items()}

    def vgg19(*, include_top, weights):
        assert (include_top, weights) == (False, "imagenet")
        return SimpleNamespace(get_layer=lambda name: SimpleNamespace(
            get_weights=lambda: [kernels[name][0].transpose(2, 3, 1, 0), kernels[name][1]]
        ))  # fmt: skip

    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(applications=SimpleNamespace(VGG19=vgg19)))
    downloads.load_to("vgg19", tmp_path / "a.safetensors")
    encoder = read_encoder(tmp_path / "a.safetensors")
    assert {key: getattr(encoder, key) for key in OXFORD} == OXFORD
    assert (encoder.name, encoder.activations, encoder.layers) == ("vgg19", "vgg19", LAYERS)
    weights = read_weights(encoder, LAYERS)
    assert_array_equal(weights["conv1_1"][0], small_vgg()["conv1_1"][0][:, ::-1])
    assert_array_equal(weights["conv4_2"][0], small_vgg()["conv4_2"][0])


def torchvision(count):
    """A stand-in for `torchvision.models` whose VGG-19 has `count` convolutions."""
    numbers = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    state = {"classifier.0.weight": np.ones((2, 2))}
    for number, (kernel, bias) in zip(numbers, small_vgg(count).values(), strict=False):
        state |= {f"features.{number}.weight": kernel, f"features.{number}.bias": bias}

    def get_state_dict(*, check_hash, progress, weights_only):
        assert check_hash
        assert weights_only
        return state

    return SimpleNamespace(VGG19_Weights=SimpleNamespace(IMAGENET1K_V1=SimpleNamespace(get_state_dict=get_state_dict)))


def test_torchvision_is_asked_to_check_the_hash(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "torchvision.models", torchvision(16))
    downloads.load_to("vgg19-torchvision", tmp_path / "a.safetensors")
    encoder = read_encoder(tmp_path / "a.safetensors")
    assert {key: getattr(encoder, key) for key in TORCHVISION} == TORCHVISION
    assert (encoder.name, encoder.activations) == ("vgg19-torchvision", "vgg19-torchvision")
    assert_array_equal(read_weights(encoder, LAYERS)["conv5_4"][0], small_vgg()["conv5_4"][0])


def test_a_library_whose_vgg19_has_changed_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "torchvision.models", torchvision(9))
    with pytest.raises(InputError, match="has 9 of VGG-19's 16 convolutions"):
        downloads.load_to("vgg19-torchvision", tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("name", "package", "file"),
    [("vgg19", "keras", "src/applications/vgg19.py"), ("vgg19-torchvision", "torchvision", "models/vgg.py")],
)
def test_our_servers_are_those_in_the_libraries_code(name, package, file):
    spec = find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed")
    assert downloads.SERVERS[name] in Path(spec.submodule_search_locations[0], file).read_text()
