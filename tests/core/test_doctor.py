"""The doctor reports what is there, what is missing, and what to do about it, without a network."""

import json
import subprocess
import sys

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
    return answers


def findings() -> dict[str, doctor.Finding]:
    return {finding.what: finding for finding in doctor.report()}


def test_a_finding_has_what_state_and_advice():
    assert tuple(doctor.Finding("disk", "full", "make room"))[:3] == ("disk", "full", "make room")


def test_everything_is_checked(probes):
    wanted = {"Python", "packages", "torch", "tensorflow", "encoder mini", "encoder vgg19", "cache", "chromium",
              "bubblewrap", "Jupyter kernels", "memory", "disk"}  # fmt: skip
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


def test_the_check_creates_no_folder(probes, monkeypatch, tmp_path):
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    assert findings()["cache"].advice == "" and not (tmp_path / "cache").exists()


def test_the_probe_is_a_separate_process_that_ignores_the_working_folder(monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the folder was imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(doctor.PROBES, "sys", "import sys; version = sys.version; gpus = []")
    finding = doctor._framework("sys", doctor._start_probe("sys"))
    assert finding.state.startswith(sys.version) and not finding.broken
