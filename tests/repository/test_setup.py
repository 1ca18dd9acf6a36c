"""Setting up a fresh clone: pinned requirements, the conda file, make targets, one framework per process."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = ("requirements.lock", "requirements-gpu-tensorflow.lock", ".ci/uv.lock")


def name_of(requirement: str) -> str:
    """The package's name, in lower case."""
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower()


def test_conda_installs_the_versions_in_pyproject():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    *packages, pip = conda["dependencies"]
    assert pip["pip"] == PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
    assert packages == [f"python{PROJECT['requires-python']}", "pip"]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_have_versions_and_hashes_but_no_index(lock):
    text = (ROOT / lock).read_text()
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", text)
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==", block) and "--hash=sha256:" in block for block in blocks)


def test_lock_files_contain_the_dependencies_in_pyproject():
    pinned = {name_of(line) for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    assert {name_of(line) for line in PROJECT["dependencies"]} <= pinned
    gpu = (ROOT / "requirements-gpu-tensorflow.lock").read_text()
    assert "tensorflow[and-cuda]" in gpu or "nvidia-cudnn-cu12==" in gpu
    assert not re.search(r"^torch==", gpu, re.M)


def test_make_has_its_targets():
    for target in ("lab", "demo", "check", "test", "test-gpu", "lessons", "site", "bench", "bench-gpu", "assets"):
        run = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, env=os.environ | {"MAKEFLAGS": ""})
        assert run.returncode == 0, run.stderr


def test_setup_says_that_python_is_missing(tmp_path):
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHON": "no-such-python"}
    run = subprocess.run([ROOT / ".ci" / "setup"], capture_output=True, text=True, env=env)
    assert run.returncode == 2 and "no Python 3.11, 3.12 or 3.13 found" in run.stderr


@pytest.mark.parametrize(("first", "second"), [("torch", "tensorflow"), ("tensorflow", "torch")])
def test_a_process_with_one_framework_refuses_the_other(first, second):
    # an empty module is enough: stylelab looks only whether one of this name has been imported
    code = f"import sys, types; sys.modules['{first}'] = types.ModuleType('{first}'); import stylelab.{second}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "one process holds one framework" in run.stderr.splitlines()[-1]


def test_importing_stylelab_imports_no_framework():
    code = "import sys, stylelab, stylelab.run.prepare, stylelab.images; assert not {'torch', 'tensorflow'} & set(sys.modules)"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
