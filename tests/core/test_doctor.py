"""The doctor reports what is there, what is missing, and what to do about it, without a network."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from stylelab import encoders
from stylelab.cli import doctor


class Probe:
    """A framework's process that has ended."""

    def __init__(self, answer, status=0, trouble=""):
        self.answer, self.returncode, self.trouble = answer, status, trouble

    def communicate(self, timeout=None):
        if self.answer == "hangs" and timeout is not None:
            raise subprocess.TimeoutExpired("python", timeout)
        return self.answer, self.trouble

    def kill(self):
        pass


WELL = Probe(json.dumps(["1.2.3", [], 4.5]) + "\n")
WITH_GPU = Probe("some other line\n" + json.dumps(["1.2.3", ["H100"], 4.5]) + "\n")
BROKEN = Probe("", 1, "Traceback (most recent call last):\nImportError: libcuda.so is missing\n")


@pytest.fixture
def probes(monkeypatch):
    """What the two frameworks answer."""
    answers = {"torch": WELL, "tensorflow": WELL}
    monkeypatch.setattr(doctor, "_start_probe", answers.get)
    monkeypatch.setattr(doctor, "sandbox_trouble", lambda: "")  # it takes a second
    return answers


def findings() -> dict[str, doctor.Finding]:
    return {finding.what: finding for finding in doctor.report()}


def test_a_finding_has_what_state_and_advice():
    assert tuple(doctor.Finding("disk", "full", "make room"))[:3] == ("disk", "full", "make room")


def test_everything_is_checked(probes):
    wanted = {"Python", "packages", "torch", "tensorflow", "encoder mini", "encoder vgg19", "cache", "chromium",
              "bubblewrap", "Jupyter kernels", "memory", "disk", "home folder", "temporary files", "terminal", "image formats"}  # fmt: skip
    assert wanted <= set(findings())


def test_a_framework_is_reported_with_version_gpu_and_seconds(probes):
    probes["torch"] = WITH_GPU
    found = findings()
    assert found["torch"].state == "1.2.3, H100, imported in 4.5 s" and not found["torch"].broken
    assert "no GPU" in found["tensorflow"].state


@pytest.mark.parametrize(("probe", "state"), [
    (BROKEN, "cannot be imported: ImportError: libcuda.so is missing"), (None, "not installed"),
    (Probe("hangs"), "not imported after"),
])  # fmt: skip
def test_one_framework_is_enough_and_none_is_not(probes, probe, state):
    probes["tensorflow"] = probe
    one = findings()["tensorflow"]
    assert one.state.startswith(state) and one.advice and not one.broken
    probes["torch"] = probe
    assert findings()["torch"].broken and findings()["tensorflow"].broken


def test_a_framework_that_is_not_installed_is_optional_if_the_other_is_there(probes):
    probes["tensorflow"] = None
    advice = "run `make lab FRAMEWORK=tensorflow` in a clone, or `pip install 'stylelab[tensorflow]'`"
    assert findings()["tensorflow"] == ("tensorflow", "not installed", f"optional: {advice}", False)
    probes["torch"] = None
    assert findings()["tensorflow"] == ("tensorflow", "not installed", advice, True)


@pytest.mark.parametrize(
    ("cuda", "mps", "version"), [("13.2", False, "2.15.0 (CUDA 13.2)"), (None, False, "2.15.0 (CPU)"), (None, True, "2.15.0")]
)
def test_the_doctor_says_which_build_of_pytorch_it_is(monkeypatch, cuda, mps, version):
    torch = SimpleNamespace(
        __version__="2.15.0+any", version=SimpleNamespace(cuda=cuda), cuda=SimpleNamespace(device_count=lambda: 0),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch", torch)
    exec(doctor.PROBES["torch"], names := {})
    assert names["version"] == version and names["gpus"] == ["Apple MPS"] * mps


def test_a_gpu_that_a_framework_does_not_find_is_reported(probes, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "GPU_FILE", tmp_path)
    probes["torch"] = WITH_GPU
    found = findings()
    assert found["GPU for tensorflow"].advice and "GPU for torch" not in found


def test_a_missing_package_breaks_everything(probes, monkeypatch):
    monkeypatch.setattr(doctor, "NEEDED", ("numpy", "no-such-package-anywhere"))
    assert findings()["no-such-package-anywhere"].broken


@pytest.mark.parametrize(("has", "state"), [(True, "multiplies bfloat16"), (False, "float32")])
def test_the_processor_row_says_what_auto_precision_means(probes, monkeypatch, has, state):
    monkeypatch.setattr(doctor, "cpu_has_bfloat16", lambda: has)
    assert state in next(finding.state for finding in doctor.report() if finding.what == "processor")


def test_an_unsupported_python_is_reported_with_the_versions_to_install(probes, monkeypatch):
    monkeypatch.setattr(doctor, "PYTHON", ((3, 98), (3, 99)))
    python = findings()["Python"]
    assert python.broken and "3.98" in python.advice


def test_a_missing_embedded_encoder_breaks_everything_and_a_download_nothing(probes, monkeypatch, tmp_path):
    monkeypatch.setattr(encoders.find, "ASSETS", tmp_path)
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path))
    found = findings()
    assert found["encoder mini"].broken
    assert not found["encoder vgg19"].broken and "stylelab encoders download vgg19" in found["encoder vgg19"].advice


def test_an_unwritable_cache_is_reported_with_a_way_out(probes, monkeypatch):
    monkeypatch.setenv("STYLELAB_CACHE", "/proc/nowhere")
    assert "STYLELAB_CACHE" in findings()["cache"].advice


@pytest.mark.parametrize(("variable", "what"), [
    ("HOME", "home folder"), ("STYLELAB_CACHE", "cache"), ("TMPDIR", "TMPDIR"), ("MPLCONFIGDIR", "MPLCONFIGDIR"),
    ("TORCH_HOME", "TORCH_HOME"), ("KERAS_HOME", "KERAS_HOME"), ("XDG_CACHE_HOME", "XDG_CACHE_HOME"), ("IPYTHONDIR", "IPYTHONDIR"),
])  # fmt: skip
def test_a_folder_that_is_closed_is_reported_with_a_way_out(probes, monkeypatch, tmp_path, permissions_count, variable, what):
    (tmp_path / "closed").mkdir(0)
    assert what not in findings() or not findings()[what].advice
    monkeypatch.setenv(variable, str(tmp_path / "closed"))
    finding = findings()[what]
    assert "permission denied" in finding.state and variable in finding.advice and not finding.broken


def test_a_user_without_a_home_folder_learns_what_still_works(probes, monkeypatch):
    for variable in ("HOME", "STYLELAB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda user: {}[user])
    found = findings()
    assert found["home folder"].state == "none" and "HOME" in found["home folder"].advice
    assert "STYLELAB_CACHE" in found["cache"].advice and not any(finding.broken for finding in found.values())


def test_no_folder_for_temporary_files_is_reported(probes, monkeypatch):
    def none():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    assert findings()["temporary files"].advice == "set TMPDIR to one of yours"


def test_a_path_too_long_for_the_studios_sockets_is_reported(probes, monkeypatch):
    monkeypatch.setattr("stylelab.tools.studio.serve.socket_folder", lambda: None)
    assert findings()["studio"].advice == "set TMPDIR to a shorter path"


@pytest.mark.parametrize(("free", "longest", "state", "advice"), [
    (10, 255, "10.0 GB free here", ""), (0.5, 255, "0.5 GB free here", "free some disk space"),
    (10, 143, "names up to 143 bytes only", "short names"),
])  # fmt: skip
def test_the_disk_row_says_how_much_is_free_and_how_long_names_may_be(probes, monkeypatch, free, longest, state, advice):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free * 2**30))
    monkeypatch.setattr("os.pathconf", lambda folder, name: longest)
    assert state in findings()["disk"].state and advice in findings()["disk"].advice


def test_a_working_folder_that_is_gone_or_closed_is_reported(probes, monkeypatch, tmp_path, permissions_count):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").chmod(0o500)
    assert "permission denied" in findings()["disk"].state
    (tmp_path / "gone").rmdir()
    assert "cannot write" in findings()["disk"].state and findings()["disk"].advice


@pytest.mark.parametrize(("encoding", "advice"), [("utf-8", ""), ("ascii", "PYTHONUTF8=1"), ("cp1252", "PYTHONUTF8=1")])
def test_a_terminal_that_lacks_characters_is_reported(probes, monkeypatch, encoding, advice):
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(encoding=encoding))
    assert advice in doctor._terminal().advice and encoding in doctor._terminal().state


def test_a_missing_reader_of_photographs_is_reported(probes, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pi_heif" else find_spec(name))
    assert "HEIC cannot be opened" in findings()["image formats"].state and "pip install" in findings()["image formats"].advice


def test_a_sandbox_that_is_installed_but_does_not_work_is_reported(probes, monkeypatch):
    monkeypatch.setattr(doctor, "sandbox_trouble", lambda: "no permission to create a namespace")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    finding = findings()["bubblewrap"]
    assert "namespace" in finding.state and "--privileged" in finding.advice and not finding.broken


@pytest.mark.parametrize(("machine", "kernel", "version", "what", "advice"), [
    ("x86_64", "Darwin Kernel Version 23.5.0; RELEASE_X86_64", "14.5", "processor", "docs/ways-in.md"),
    ("x86_64", "Darwin Kernel Version 23.5.0; RELEASE_ARM64_T8103", "14.5", "processor", "arm64"),
    ("arm64", "Darwin Kernel Version 21.6.0; RELEASE_ARM64_T8103", "12.7", "macOS", "macOS 14"),
    ("arm64", "Darwin Kernel Version 23.5.0; RELEASE_ARM64_T8103", "14.5", "", ""),
])  # fmt: skip
def test_a_mac_without_wheels_is_reported(monkeypatch, machine, kernel, version, what, advice):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.mac_ver", lambda: (version, ("", "", ""), machine))
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(version=kernel))
    found = doctor._mac()
    assert [finding.what for finding in found] == ([what] if what else []) and all(advice in finding.advice for finding in found)


def test_a_package_takes_what_its_list_of_files_adds_up_to():
    for name in ("numpy", "matplotlib", "distributed"):
        distribution = importlib.metadata.distribution(name)
        assert doctor._size(distribution.read_text("RECORD")) == sum(file.size or 0 for file in distribution.files) > 10**5
    assert doctor._size("") == doctor._size('a.py,,\n"b,c.py",sha256=x\nd.py,,many\n') == 0


def test_the_check_creates_no_folder(probes, monkeypatch, tmp_path):
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    assert findings()["cache"].advice == "" and not (tmp_path / "cache").exists()


def test_the_probe_is_a_separate_process_that_ignores_the_working_folder(monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the folder was imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(doctor.PROBES, "sys", "import sys; version = sys.version; gpus = []")
    finding = doctor._framework("sys", doctor._start_probe("sys"))
    assert finding.state.startswith(sys.version) and not finding.broken
