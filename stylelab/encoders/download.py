"""`stylelab encoders download`: VGG-19 through the libraries' own loaders, which check a hash; converted once.

The loaders run in a process of their own, in a folder that is removed afterwards: nothing half-fetched stays behind.
"""

import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from stylelab.base.processes import exit_status, module_command, module_environment
from stylelab.encoders.convert import Found, from_hwio, from_state_dict
from stylelab.encoders.file import make_folder, one_line, save
from stylelab.encoders.spec import DOWNLOADS, LAYERS, OXFORD, Encoder, cache_dir
from stylelab.encoders.weights import is_whole
from stylelab.errors import InputError, MachineError, unknown

SERVERS = {"vgg19": "https://storage.googleapis.com", "vgg19-torchvision": "https://download.pytorch.org"}
SOURCES = {
    "vgg19": "Simonyan and Zisserman, ICLR 2015 (CC BY 4.0), through keras.applications.VGG19",
    "vgg19-torchvision": "torchvision.models.VGG19_Weights.IMAGENET1K_V1",
}
PATIENCE = 3.0  # seconds for each step towards the server, twice as much for all of them
LIMIT = 3600.0  # seconds for the whole download
QUIET = 180.0  # seconds in which nothing new has come: importing a framework on a busy machine takes one


def download(
    name: str, say: Callable[[str], object] = lambda line: None, *, server: str | None = None,
    limit: float = LIMIT, quiet: float = QUIET,
) -> Path:  # fmt: skip
    """Fetch an encoder's weights, unless a good file is in the cache already.

    Args:
        name: 'vgg19' or 'vgg19-torchvision'.
        say: called with one line whenever there is something to report.
        server: the address that must answer before anything is started; the loader's own if None. A proxy named in
            the environment (`https_proxy`) is used, as the loaders do.
        limit: seconds for all of it.
        quiet: seconds in which nothing new arrives, after which it ends.

    Returns:
        The safetensors file in the cache.

    Raises:
        InputError: nothing of that name can be downloaded.
        MachineError: no network, no answer, a wrong hash, no room, or a library is missing.
    """
    if name not in DOWNLOADS:
        raise unknown("encoder to download", name, DOWNLOADS)
    target = cache_dir() / f"{name}.safetensors"
    if is_whole(target):
        say(f"{name} is in the cache already")
        return target
    if target.exists():
        say(f"{target} is damaged: fetching it again")
    check_reachable(server or SERVERS[name])
    make_folder(target.parent)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as folder:
        fetched = Path(folder, target.name)
        say(f"fetching {name} from {SERVERS[name]}")
        _run(name, fetched, say, limit, quiet)
        if not is_whole(fetched):
            raise MachineError(f"what came for '{name}' is damaged: try again")
        os.replace(fetched, target)
    return target


def check_reachable(server: str) -> None:
    """Ask the server for its headers: a closed door is known in seconds, before a framework is imported.

    In a thread, because looking up a name can hang for minutes and obeys no timeout.

    Raises:
        MachineError: no answer in time, or none that a loader could use.
    """
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_trouble(server)), daemon=True).start()
    try:
        trouble = answers.get(timeout=2 * PATIENCE)
    except queue.Empty:
        trouble = f"no answer within {2 * PATIENCE:.0f} s"
    if trouble:
        raise MachineError(
            f"cannot reach {server} ({trouble}): connect this machine to the network, "
            "or name a weights file that you have as the encoder"
        )


def _trouble(server: str) -> str:
    """What is wrong with the way to the server, '' if it answers."""
    request = urllib.request.Request(server, method="HEAD")
    try:
        with urllib.request.build_opener().open(request, timeout=PATIENCE):  # urlopen keeps the first proxy it saw
            return ""
    except urllib.error.HTTPError as error:  # its front page may be forbidden, but somebody is there
        error.close()
        return "" if error.code < 500 else one_line(error)
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason  # without its number
        return " ".join(str(reason).split())
    except Exception as error:  # a server that speaks something else
        return one_line(error)


def _run(name: str, target: Path, say: Callable[[str], object], limit: float, quiet: float) -> None:
    log = target.with_suffix(".log")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            loader_command(name, target), env=_environment(target.parent), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
        )  # fmt: skip
        try:
            _watch(process, target.parent, say, limit, quiet)
        finally:
            _end(process)
    if process.returncode:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise MachineError(f"could not fetch '{name}': {lines[-1] if lines else 'its loader was stopped'}")


def loader_command(name: str, target: Path) -> list[str]:
    """The process that asks the library's loader and converts what it gives."""
    return module_command("stylelab.encoders.download", name, str(target))


def _environment(folder: Path) -> dict[str, str]:
    # The libraries' own caches are moved here: torch.hub does not check the hash of a file that it finds in its own.
    return module_environment(
        KERAS_HOME=str(folder), TORCH_HOME=str(folder), KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_VISIBLE_DEVICES="-1",
    )  # fmt: skip


def _watch(process: subprocess.Popen, folder: Path, say: Callable[[str], object], limit: float, quiet: float) -> None:
    """Wait for the loader; say how much has come; give up when nothing more does."""
    started = latest = time.monotonic()
    size = 0
    while process.poll() is None:
        try:
            process.wait(min(2.0, limit, quiet))
        except subprocess.TimeoutExpired:
            now, arrived = time.monotonic(), _size(folder)
            if arrived > size:
                size, latest = arrived, now
                say(f"{size / 1e6:.0f} MB so far")
            if now - latest > quiet or now - started > limit:
                raise MachineError(
                    f"gave up after {now - started:.0f} s, {size / 1e6:.0f} MB fetched: try again on a better line"
                ) from None


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() and path.suffix != ".log" else 0
        except FileNotFoundError:
            continue  # renamed in the meantime
    return total


def _end(process: subprocess.Popen) -> None:
    """The loader and whatever it has started: it leads a group of its own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def fetch_vgg19() -> Found:
    """Keras's no-top file, 80 MB; Keras checks its hash."""
    import keras

    model = keras.applications.VGG19(include_top=False, weights="imagenet")
    names = {layer: re.sub(r"conv(\d)_(\d)", r"block\1_conv\2", layer) for layer in LAYERS}
    return (
        from_hwio({layer: tuple(model.get_layer(name).get_weights()) for layer, name in names.items()}),
        OXFORD,
        "vgg19",
    )


def fetch_torchvision() -> Found:
    """Torchvision's file, 548 MB, most of it a classifier that is dropped here; torch.hub checks its hash."""
    from torchvision.models import VGG19_Weights

    return from_state_dict(VGG19_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True, progress=False, weights_only=True))


def fetch_to(name: str, target: Path) -> None:
    """What the loader's process does.

    Raises:
        InputError: the library's network is not the one we know.
    """
    weights, preprocessing, activations = {"vgg19": fetch_vgg19, "vgg19-torchvision": fetch_torchvision}[name]()
    if tuple(weights) != LAYERS:
        raise InputError(f"the library's '{name}' has {len(weights)} of VGG-19's 16 convolutions: install requirements.lock")
    save(target, weights, Encoder(name, None, **preprocessing, activations=activations, source=SOURCES[name]))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: fetch_to(sys.argv[1], Path(sys.argv[2]))))
