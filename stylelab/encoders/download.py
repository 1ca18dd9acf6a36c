"""Download VGG-19 for `stylelab encoders download`, through the libraries' own loaders, and convert it once.

The loaders check a hash. They run in a process of their own, in a folder that is removed afterwards, so an interrupted
download leaves nothing behind.
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
from contextlib import suppress
from pathlib import Path

from stylelab.base.files import error_text
from stylelab.base.processes import exit_status, module_command, module_environment
from stylelab.encoders.convert import Converted, from_hwio, from_state_dict
from stylelab.encoders.file import make_folder, save
from stylelab.encoders.spec import DOWNLOADS, LAYERS, OXFORD, Encoder, cache_dir
from stylelab.encoders.weights import is_intact
from stylelab.errors import InputError, MachineError, unknown

SERVERS = {"vgg19": "https://storage.googleapis.com", "vgg19-torchvision": "https://download.pytorch.org"}
SOURCES = {
    "vgg19": "Simonyan and Zisserman, ICLR 2015 (CC BY 4.0), through keras.applications.VGG19",
    "vgg19-torchvision": "torchvision.models.VGG19_Weights.IMAGENET1K_V1",
}
PATIENCE = 3.0  # seconds for each step of reaching the server, twice as much for all of them
INTERVAL = 2.0  # seconds between two measurements of how much has arrived
LIMIT = 3600.0  # seconds for the whole download
QUIET = 180.0  # seconds without new data: importing a framework on a busy machine takes one minute


def download(
    name: str, say: Callable[[str], object] = lambda line: None, *, server: str | None = None,
    limit: float = LIMIT, quiet: float = QUIET,
) -> Path:  # fmt: skip
    """Download an encoder's weights, unless the cache has an intact file already.

    Args:
        name: 'vgg19' or 'vgg19-torchvision'.
        say: called with one line whenever there is something to report.
        server: the address that must answer before anything is started; by default the loader's own. A proxy named in
            the environment (`https_proxy`) is used, as the loaders do.
        limit: seconds for the whole download.
        quiet: seconds without new data after which the download is given up.

    Returns:
        The safetensors file in the cache.

    Raises:
        InputError: the name is not one of an encoder to download.
        MachineError: no network, no answer, a wrong hash, a full disk, or a missing library.
    """
    if name not in DOWNLOADS:
        raise unknown("encoder to download", name, DOWNLOADS)
    target = cache_dir() / f"{name}.safetensors"
    if is_intact(target):
        say(f"{name} has been downloaded already")
        return target
    if os.path.lexists(target):  # False, too, where the folder may not be read
        say(f"{target} is damaged: downloading it again")
    check_reachable(server or SERVERS[name])
    make_folder(target.parent)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as folder:
        part = Path(folder, target.name)
        say(f"downloading {name} from {SERVERS[name]}")
        _run_loader(name, part, say, limit, quiet)
        if not is_intact(part):
            raise MachineError(f"the download of '{name}' is damaged: try again")
        os.replace(part, target)
    return target


def check_reachable(server: str) -> None:
    """Ask the server for its headers: without a network, this fails in seconds, before a framework is imported.

    It runs in a thread, because looking up a name can hang for minutes and has no timeout.

    Raises:
        MachineError: the server does not answer in time, or answers with an error.
    """
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_problem_with(server)), daemon=True).start()
    try:
        problem = answers.get(timeout=2 * PATIENCE)
    except queue.Empty:
        problem = f"no answer within {2 * PATIENCE:.0f} s"
    if problem:
        raise MachineError(
            f"cannot reach {server} ({problem}): connect this machine to the network, "
            "or use a weights file that you have as the encoder"
        )


def _problem_with(server: str) -> str:
    """Why the server cannot be reached; '' if it answers."""
    request = urllib.request.Request(server, method="HEAD")
    try:
        with urllib.request.build_opener().open(request, timeout=PATIENCE):  # urlopen would keep the first proxy it found
            return ""
    except urllib.error.HTTPError as error:  # an error such as 403 for the front page is an answer, too
        error.close()
        return "" if error.code < 500 else error_text(error)
    except urllib.error.URLError as error:
        return error_text(error.reason)
    except Exception as error:  # such as a server that does not speak HTTP
        return error_text(error)


def _run_loader(name: str, target: Path, say: Callable[[str], object], limit: float, quiet: float) -> None:
    """Run the loader, report how much has arrived, and stop it with all its children when nothing more does."""
    folder, log = target.parent, target.with_suffix(".log")
    # The libraries' own caches are moved here: torch.hub does not check the hash of a file that it finds in its cache.
    environment = module_environment(
        KERAS_HOME=str(folder), TORCH_HOME=str(folder), KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_VISIBLE_DEVICES="-1",
    )  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(
            loader_command(name, target), env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
        )  # fmt: skip
        try:
            _watch(process, folder, say, limit, quiet)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # it leads a process group of its own
                process.wait()
    if process.returncode:
        lines = log.read_text(errors="replace").strip().splitlines()
        raise MachineError(f"could not download '{name}': {lines[-1] if lines else 'its loader was stopped'}")


def loader_command(name: str, target: Path) -> list[str]:
    """The command that calls the library's loader and converts the result."""
    return module_command("stylelab.encoders.download", name, str(target))


def _watch(process: subprocess.Popen, folder: Path, say: Callable[[str], object], limit: float, quiet: float) -> None:
    started = latest = time.monotonic()
    size = 0
    while process.poll() is None:
        try:
            process.wait(min(INTERVAL, limit, quiet))
        except subprocess.TimeoutExpired:
            now, arrived = time.monotonic(), 0
            for path in folder.rglob("*"):
                with suppress(FileNotFoundError):  # renamed in the meantime
                    arrived += path.stat().st_size if path.is_file() and path.suffix != ".log" else 0
            if arrived > size:
                size, latest = arrived, now
                say(f"{size / 1e6:.0f} MB so far")
            if now - latest > quiet or now - started > limit:
                raise MachineError(
                    f"gave up after {now - started:.0f} s and {size / 1e6:.0f} MB: try again on a better connection"
                ) from None


def load_vgg19() -> Converted:
    """Keras's file without the classifier, 80 MB; Keras checks its hash."""
    import keras

    model = keras.applications.VGG19(include_top=False, weights="imagenet")
    names = {layer: re.sub(r"conv(\d)_(\d)", r"block\1_conv\2", layer) for layer in LAYERS}
    weights = {layer: tuple(model.get_layer(name).get_weights()) for layer, name in names.items()}
    return from_hwio(weights), OXFORD, "vgg19"


def load_torchvision() -> Converted:
    """Torchvision's file, 548 MB, most of it a classifier that is not kept; torch.hub checks its hash."""
    from torchvision.models import VGG19_Weights

    return from_state_dict(VGG19_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True, progress=False, weights_only=True))


def load_to(name: str, target: Path) -> None:
    """What the loader's process does.

    Raises:
        InputError: the library's network is not VGG-19 as we know it.
    """
    weights, preprocessing, activations = {"vgg19": load_vgg19, "vgg19-torchvision": load_torchvision}[name]()
    if tuple(weights) != LAYERS:
        raise InputError(f"the library's '{name}' has {len(weights)} of VGG-19's 16 convolutions: install requirements.lock")
    save(target, weights, Encoder(name, None, **preprocessing, activations=activations, source=SOURCES[name]))


if __name__ == "__main__":
    sys.exit(exit_status(lambda: load_to(sys.argv[1], Path(sys.argv[2]))))
