"""Check what this machine has and what it lacks. Nothing is downloaded, and no connection is opened."""

import csv
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from stylelab import encoders
from stylelab.base.files import check_parent_folder, error_text, printable, temporary_folder
from stylelab.base.frameworks import how_to_install, is_installed
from stylelab.errors import InputError, MachineError, StylelabError
from stylelab.run.numerics.precision import cpu_has_bfloat16
from stylelab.tools.classroom.sandbox.sandbox import isolation_trouble as sandbox_trouble

PYTHON = ((3, 11), (3, 14))  # from, below
NEEDED = ("numpy", "pillow", "scipy", "scikit-image", "scikit-learn", "safetensors", "matplotlib", "distributed")
FOLDERS = (  # variables that libraries take a folder from
    "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "TORCH_HOME", "KERAS_HOME", "IPYTHONDIR",
    "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
)  # fmt: skip
LONGEST = 255  # bytes of a file's name, almost everywhere
MACOS = 14  # the oldest with a wheel of PyTorch
CACHE = "set STYLELAB_CACHE to a writable folder, for downloaded encoders"
NO_WHEELS = "PyTorch and TensorFlow have no wheels for it: use a container or Colab, see docs/ways-in.md"
NOT_INSTALLED = "not installed"
GPU_FILE = Path("/dev/nvidia0")  # exists if the system has an NVIDIA GPU and its driver
TIMEOUT = 180  # seconds for importing a framework
PROBES = {
    "torch": "import torch; mps = torch.backends.mps.is_available()\n"
    "build = f' (CUDA {torch.version.cuda})' if torch.version.cuda else '' if mps else ' (CPU)'\n"
    "version = torch.__version__.partition('+')[0] + build\n"
    "gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] + ['Apple MPS'] * mps",
    "tensorflow": "import tensorflow as tf; version = tf.__version__\n"
    "gpus = [device.name for device in tf.config.list_physical_devices('GPU')]",
}
PROBE = "import json, time; t = time.perf_counter()\n{}\nprint(json.dumps([version, gpus, time.perf_counter() - t]))"


class Finding(NamedTuple):
    """The result of one check.

    Attributes:
        what: what was checked.
        state: its state here.
        advice: what to do; empty if nothing needs to be done.
        broken: whether nothing works without it.
    """

    what: str
    state: str
    advice: str = ""
    broken: bool = False


def report() -> list[Finding]:
    """Check Python, packages, frameworks, encoders, folders, tools, memory and disk, as long as a framework is imported."""
    running = {name: _start_probe(name) for name in PROBES}
    findings = [*_python_and_packages(), *_mac()]
    frameworks = [_framework(name, process) for name, process in running.items()]
    if not all(finding.broken for finding in frameworks):  # one of the two is enough
        frameworks = [finding._replace(broken=False, advice=_optional(finding)) for finding in frameworks]
    findings += frameworks
    if GPU_FILE.exists():
        advice = "install its CUDA build, or update the driver"
        blind = [finding.what for finding in frameworks if "no GPU" in finding.state]
        findings += [Finding(f"GPU for {framework}", "present, but not found", advice) for framework in blind]
    fast = "multiplies bfloat16: --precision auto is about twice as fast" if cpu_has_bfloat16() else "float32"
    findings += [Finding("processor", f"{os.cpu_count()} cores, {fast}"), *_encoders_and_cache(), *_folders()]
    findings += [_terminal(), _formats(), *_tools_and_kernels()]
    memory = psutil.virtual_memory()
    state = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GB free, {os.cpu_count()} cores"
    advice = "" if memory.available > 2 * 2**30 else "close other programs, or choose a smaller --size"
    return [*findings, Finding("memory", state, advice), _environment(), _disk("disk", Path(), 1)]


def _python_and_packages() -> list[Finding]:
    least, beyond = PYTHON
    version = ".".join(map(str, sys.version_info[:3]))
    python = Finding("Python", version)
    if not least <= sys.version_info[:2] < beyond:
        advice = f"install Python {least[0]}.{least[1]} or later, below {beyond[0]}.{beyond[1]}"
        python = Finding("Python", version, advice, True)
    missing = []
    for name in NEEDED:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(Finding(name, "not installed", "run `make lab`, or install stylelab again", True))
    return [python, *(missing or [Finding("packages", f"all {len(NEEDED)} installed")])]


def _start_probe(framework: str) -> subprocess.Popen | None:
    """A process that imports one framework, as a process can hold only one."""
    if not is_installed(framework):
        return None
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, "-P", "-c", PROBE.format(PROBES[framework])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | quiet, text=True)


def _framework(name: str, process: subprocess.Popen | None) -> Finding:
    if process is None:
        return Finding(name, NOT_INSTALLED, how_to_install(name), True)
    began = time.monotonic()
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return Finding(name, f"not imported after {time.monotonic() - began:.0f} s", "free some memory, then try again", True)
    if process.returncode:
        last = (err.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
        return Finding(name, f"cannot be imported: {printable(last)}", "install it again: `make lab`", True)
    version, gpus, seconds = json.loads(out.strip().splitlines()[-1])
    return Finding(name, f"{version}, {', '.join(gpus) or 'no GPU'}, imported in {seconds:.1f} s")


def _optional(finding: Finding) -> str:
    """The advice for a framework, as the other one works."""
    return f"optional: {finding.advice}" if finding.state == NOT_INSTALLED else finding.advice


def _environment() -> Finding:
    """How much of the disk the packages take, as their lists of files say: to ask each file would take seconds."""
    sizes = {dist.name: _size(dist.read_text("RECORD") or "") for dist in importlib.metadata.distributions()}
    cuda = sum(size for name, size in sizes.items() if name.startswith(("nvidia-", "cuda-", "triton")))
    state = f"{sum(sizes.values()) / 2**30:.1f} GB of packages in {printable(Path(sys.prefix))}"
    return Finding("environment", f"{state}, {cuda / 2**30:.1f} of them for NVIDIA GPUs" if cuda else state)


def _size(record: str) -> int:
    """The bytes of the files that a package's RECORD lists: a path, a hash and a size in each row."""
    return sum(int(row[2]) for row in csv.reader(record.splitlines()) if len(row) == 3 and row[2].isdigit())


def _encoders_and_cache() -> list[Finding]:
    findings = []
    for name in ("mini", *encoders.DOWNLOADS):
        try:
            found = encoders.find_encoder(name)
            findings.append(Finding(f"encoder {name}", f"ready, to {found.layers[-1]}"))
        except InputError as error:
            if name in encoders.DOWNLOADS:
                findings.append(Finding(f"encoder {name}", "not downloaded", f"optional: `stylelab encoders download {name}`"))
            else:
                findings.append(Finding(f"encoder {name}", printable(error), "install stylelab again", True))
    folder = encoders.cache_dir()
    if str(folder).startswith("~"):
        return [*findings, Finding("cache", "none, as there is no home folder", CACHE)]
    return [*findings, _folder("cache", folder, CACHE) or Finding("cache", str(folder))]


def _folder(what: str, folder: Path, advice: str) -> Finding | None:
    """What is wrong with a folder that files should be written to; None if nothing is."""
    try:
        check_parent_folder(folder)
    except StylelabError as error:
        return Finding(what, str(error).partition(";")[0], advice)
    return None


def _folders() -> list[Finding]:
    """The home folder, the one for temporary files, and those that variables name."""
    home = os.path.expanduser("~")
    advice = "images are painted without; for JupyterLab set HOME to a folder of yours"
    if home == "~":
        findings = [Finding("home folder", "none", f"{advice}. {CACHE}")]
    else:
        findings = [_folder("home folder", Path(home), advice) or Finding("home folder", home)]
    for name in FOLDERS:
        if (value := os.environ.get(name)) and (
            trouble := _folder(name, Path(value), f"unset {name}, or name a writable folder")
        ):
            findings.append(trouble)
    try:
        temporary = temporary_folder()
    except MachineError:
        return [*findings, Finding("temporary files", "no folder can be written", "set TMPDIR to one of yours")]
    findings.append(_disk("temporary files", temporary, 0.2))
    from stylelab.tools.studio.serve import socket_folder

    if socket_folder() is None:
        findings.append(
            Finding("studio", f"'{printable(temporary)}' is too long for its sockets", "set TMPDIR to a shorter path")
        )
    return findings


def _disk(what: str, folder: Path, least: float) -> Finding:
    """Whether a folder can be written, has `least` GB of free space, and takes names of the usual length."""
    if trouble := _folder(what, folder, "change to a folder of yours, or name one with -o"):
        return trouble
    free = shutil.disk_usage(folder).free / 2**30
    space = f"{free:.1f} GB free in {folder}" if folder.is_absolute() else f"{free:.1f} GB free here"
    longest = LONGEST
    with suppress(AttributeError, OSError, ValueError):  # Windows has no pathconf
        longest = os.pathconf(folder, "PC_NAME_MAX")
    if longest < LONGEST:
        return Finding(what, f"names up to {longest} bytes only, {space}", "give images short names")
    return Finding(what, space, "" if free > least else "free some disk space, or images cannot be saved")


def _terminal() -> Finding:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        "é█".encode(encoding)
    except (UnicodeError, LookupError):
        return Finding("terminal", f"{encoding}: other characters appear as escapes", "set LC_ALL=C.UTF-8 and PYTHONUTF8=1")
    return Finding("terminal", encoding)


def _formats() -> Finding:
    """Whether photographs of phones and from the web can be opened."""
    from PIL import features

    missing = [] if importlib.util.find_spec("pi_heif") else ["HEIC"]
    missing += [] if features.check("avif") else ["AVIF"]
    if missing:
        return Finding("image formats", f"{' and '.join(missing)} cannot be opened", "run `pip install pi-heif -U pillow`")
    return Finding("image formats", "HEIC and AVIF can be opened, too")


def _mac() -> list[Finding]:
    """A Mac that the frameworks have no wheels for."""
    if sys.platform != "darwin":
        return []
    if "ARM64" in os.uname().version and platform.machine() != "arm64":
        return [Finding("processor", "Apple silicon, but this Python is made for Intel", "install Python for arm64")]
    if platform.machine() != "arm64":
        return [Finding("processor", "a Mac with an Intel processor", NO_WHEELS)]
    if int(platform.mac_ver()[0].partition(".")[0] or MACOS) < MACOS:
        return [Finding("macOS", platform.mac_ver()[0], f"update to macOS {MACOS} or later: PyTorch needs it")]
    return []


def _tools_and_kernels() -> list[Finding]:
    """Programs that only some commands need, and the kernels of Jupyter."""
    wanted = {
        "chromium": (("chromium", "chromium-browser", "google-chrome"), "optional: for the browser tests"),
        "bubblewrap": (("bwrap",), "optional: for `stylelab grade`, on Linux; install bubblewrap"),
    }
    findings = []
    for what, (commands, advice) in wanted.items():
        path = next(filter(None, map(shutil.which, commands)), None)
        findings.append(Finding(what, path or "not installed", "" if path else advice))
    if shutil.which("bwrap") and (trouble := sandbox_trouble()):
        advice = "`stylelab grade` is slower, or in a container needs --privileged: see docs/ways-in.md"
        findings[-1] = Finding("bubblewrap", printable(trouble), advice)
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        names = sorted(KernelSpecManager().find_kernel_specs())
    except Exception as error:  # noqa: BLE001  Jupyter raises many kinds for a folder that cannot be read
        return [*findings, Finding("Jupyter kernels", error_text(error), "run `make lab`")]
    return [*findings, Finding("Jupyter kernels", ", ".join(names) or "none", "" if names else "run `make lab`")]
