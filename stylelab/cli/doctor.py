"""Check what this machine has and what it lacks. Nothing is downloaded, and no connection is opened."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from stylelab import encoders
from stylelab.base.files import check_parent_folder, error_text, printable
from stylelab.errors import InputError
from stylelab.run.numerics.precision import cpu_has_bfloat16

PYTHON = ((3, 11), (3, 14))  # from, below
NEEDED = ("numpy", "pillow", "pi-heif", "scipy", "scikit-image", "scikit-learn", "safetensors", "matplotlib", "distributed")
GPU_FILE = Path("/dev/nvidia0")  # exists if the system has an NVIDIA GPU and its driver
TIMEOUT = 180  # seconds for importing a framework
PROBES = {
    "torch": "import torch; version = torch.__version__; mps = torch.backends.mps.is_available()\n"
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
    """Check Python, packages, frameworks, encoders, tools, memory and disk. It takes as long as importing a framework."""
    running = {name: _start_probe(name) for name in PROBES}
    findings = _python_and_packages()
    frameworks = [_framework(name, process) for name, process in running.items()]
    if any(finding.broken for finding in frameworks) and not all(finding.broken for finding in frameworks):
        frameworks = [finding._replace(broken=False) for finding in frameworks]  # one of the two is enough
    findings += frameworks
    if GPU_FILE.exists():
        advice = "install its CUDA build, or update the driver"
        blind = [finding.what for finding in frameworks if "no GPU" in finding.state]
        findings += [Finding(f"GPU for {framework}", "present, but not found", advice) for framework in blind]
    fast = "multiplies bfloat16: --precision auto is about twice as fast" if cpu_has_bfloat16() else "float32"
    findings += [Finding("processor", f"{os.cpu_count()} cores, {fast}"), *_encoders_and_cache(), *_tools_and_kernels()]
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(Path.cwd()).free / 2**30
    state = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GB free, {os.cpu_count()} cores"
    advice = "" if memory.available > 2 * 2**30 else "close other programs, or choose a smaller --size"
    findings.append(Finding("memory", state, advice))
    advice = "" if disk > 1 else "free some disk space, or images cannot be saved"
    return [*findings, Finding("disk", f"{disk:.1f} GB free here", advice)]


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
    if importlib.util.find_spec(framework) is None:
        return None
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    command = [sys.executable, "-P", "-c", PROBE.format(PROBES[framework])]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | quiet, text=True)


def _framework(name: str, process: subprocess.Popen | None) -> Finding:
    if process is None:
        return Finding(name, "not installed", "run `make lab` to install it", True)
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
    try:
        check_parent_folder(folder)
    except InputError as error:
        return [*findings, Finding("cache", str(error), "set STYLELAB_CACHE to a writable folder")]
    return [*findings, Finding("cache", str(folder))]


def _tools_and_kernels() -> list[Finding]:
    """Programs that only some commands need, and the kernels of Jupyter."""
    wanted = {
        "chromium": (("chromium", "chromium-browser", "google-chrome"), "optional: for the browser tests"),
        "bubblewrap": (("bwrap",), "optional: for `stylelab grade`; install bubblewrap"),
    }
    findings = []
    for what, (commands, advice) in wanted.items():
        path = next(filter(None, map(shutil.which, commands)), None)
        findings.append(Finding(what, path or "not installed", "" if path else advice))
    try:
        from jupyter_client.kernelspec import KernelSpecManager

        names = sorted(KernelSpecManager().find_kernel_specs())
    except Exception as error:  # noqa: BLE001  Jupyter raises many kinds for a folder that cannot be read
        return [*findings, Finding("Jupyter kernels", error_text(error), "run `make lab`")]
    return [*findings, Finding("Jupyter kernels", ", ".join(names) or "none", "" if names else "run `make lab`")]
