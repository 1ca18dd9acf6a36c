"""Setting up a fresh clone: pinned requirements, the conda file, make targets, one framework only, one framework per process."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
FRAMEWORKS = EXTRAS["torch"] + EXTRAS["tensorflow"]
LOCKS = ("requirements.lock", "requirements-gpu-tensorflow.lock", ".ci/uv.lock", "requirements-hub.lock")


def name_of(requirement: str) -> str:
    """The package's name, in lower case."""
    return re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower()


def test_conda_installs_the_versions_in_pyproject():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    *packages, pip = conda["dependencies"]
    assert pip["pip"] == PROJECT["dependencies"] + FRAMEWORKS + EXTRAS["test"]
    assert packages == [f"python{PROJECT['requires-python']}", "pip"]


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_have_versions_and_hashes_but_no_index(lock):
    text = (ROOT / lock).read_text()
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", text)
    blocks = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==", block) and "--hash=sha256:" in block for block in blocks)


def test_lock_files_contain_the_dependencies_in_pyproject():
    pinned = {name_of(line) for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    assert {name_of(line) for line in PROJECT["dependencies"] + FRAMEWORKS} <= pinned
    gpu = (ROOT / "requirements-gpu-tensorflow.lock").read_text()
    assert "tensorflow[and-cuda]" in gpu or "nvidia-cudnn-cu12==" in gpu
    assert not re.search(r"^torch==", gpu, re.M)


# one framework only


def test_neither_framework_is_a_dependency_and_each_is_an_extra():
    assert not {"torch", "torchvision", "tensorflow"} & set(map(name_of, PROJECT["dependencies"]))
    assert [name_of(line) for line in FRAMEWORKS] == ["torch", "torchvision", "tensorflow"]


def part_of_lock(*parts: str, lock: str = LOCKS[0]) -> str:
    command = [sys.executable, ".ci/packages.py", lock, *parts]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def names(text: str) -> set[str]:
    return {name_of(line) for line in text.splitlines() if re.match(r"\S+==", line)}


def test_all_parts_of_a_lock_are_the_lock():
    assert part_of_lock("torch", "tensorflow", "test", "site") == (ROOT / LOCKS[0]).read_text()
    assert part_of_lock("tensorflow", "test", "site", lock=LOCKS[1]) == (ROOT / LOCKS[1]).read_text()
    assert part_of_lock("hub", lock=LOCKS[3]) == (ROOT / LOCKS[3]).read_text()


@pytest.mark.parametrize(("parts", "inside", "outside"), [
    (["torch"], {"torch", "torchvision", "triton", "sympy", "nvidia-cublas", "jupyterlab", "setuptools"}, {"tensorflow", "keras", "ruff"}),
    (["tensorflow"], {"tensorflow", "keras", "jupyterlab", "setuptools"}, {"torch", "torchvision", "triton", "nvidia-cublas", "ruff"}),
    (["torch", "cpu"], {"sympy", "jupyterlab", "setuptools"}, {"torch", "torchvision", "triton", "nvidia-cublas", "cuda-toolkit"}),
    ([], {"jupyterlab", "numpy", "setuptools"}, {"torch", "tensorflow", "sympy", "keras", "ruff"}),
])  # fmt: skip
def test_a_part_of_the_lock_has_what_it_needs_and_no_more(parts, inside, outside):
    found = names(part_of_lock(*parts))
    assert inside <= found and not outside & found


def test_the_part_of_a_framework_has_all_that_its_packages_ask_for():
    lock = (ROOT / LOCKS[0]).read_text()
    users = {
        name_of(block): set(re.findall(r"^ +#(?: via)? +(\S+)$", block, re.M)) for block in re.split(r"\n(?=[a-z0-9])", lock)
    }
    for framework in ("torch", "tensorflow"):
        found = names(part_of_lock(framework))
        assert not [name for name in users if name not in found and users[name] & found]


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, env=os.environ | {"MAKEFLAGS": ""})


UV = """#!/usr/bin/env bash
echo "$*" >>calls
if [[ "$*" = *--dry-run* && -e unreachable ]]; then echo "error: x
  cause: no such host" >&2; exit 1; fi
if [[ "$*" = *"-r -"* ]]; then grep -oE '^[a-z0-9._-]+==' >>calls || true; fi
"""
PYTHON = """#!/usr/bin/env bash
if [[ "$*" = *--gigabytes* ]]; then echo -n 1.2; elif [[ "$*" = *ipykernel* ]]; then echo kernel >>calls; else exec {python} "$@"; fi
"""


@pytest.fixture
def clone(tmp_path) -> Path:
    """What sets up an environment, with a pretended Python and uv in .venv."""
    for name in ("Makefile", "pyproject.toml", *LOCKS, ".ci/setup", ".ci/packages.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, text in {"uv": UV, "python": PYTHON.format(python=sys.executable)}.items():
        (tmp_path / ".venv" / "bin" / name).write_text(text)
        (tmp_path / ".venv" / "bin" / name).chmod(0o755)
    return tmp_path


def set_up(clone: Path, *arguments: str) -> str:
    """What was asked of uv, after `make setup` on a machine without a GPU."""
    (clone / "calls").write_text("")
    run = make(clone, "setup", "GPU=", *arguments)
    assert run.returncode == 0, run.stderr
    return (clone / "calls").read_text()


def has(clone: Path) -> str:
    return (clone / ".venv" / ".ready").read_text().strip()


def test_make_installs_one_framework_and_later_the_other(clone):
    calls = set_up(clone, "FRAMEWORK=tensorflow")
    assert "tensorflow==" in calls and not re.search(r"^(torch|ruff|nvidia-cublas)==", calls, re.M)
    assert has(clone) == "tensorflow" and "kernel" in calls
    assert set_up(clone, "FRAMEWORK=tensorflow") == ""
    assert "torch==" in set_up(clone) and has(clone) == "torch tensorflow test site"
    assert set_up(clone, "FRAMEWORK=torch") == "" == set_up(clone)


def test_set_up_compiles_what_the_first_start_would(clone):
    modules = [clone / ".venv" / "lib" / "python3" / "site-packages" / "one.py", clone / "stylelab" / "two.py"]
    for module in modules:
        module.parent.mkdir(parents=True)
        module.write_text("x = 1\n")
    modules[0].with_name("for_another_python.py").write_text("def f[T](:\n")
    set_up(clone)
    assert all(list(module.parent.glob(f"__pycache__/{module.stem}.*.pyc")) for module in modules)


def test_a_clone_from_before_is_looked_at_once(clone):
    (clone / ".venv" / ".ready").touch()
    assert "torch==" in set_up(clone) and has(clone) == "torch tensorflow test site"


def test_what_is_downloaded_is_said_first_with_its_size(clone):
    for arguments, said in {
        ("FRAMEWORK=torch", "GPU="): "CPU=yes",
        ("FRAMEWORK=tensorflow", "GPU="): "",
        ("FRAMEWORK=torch", "GPU=yes"): "",
    }.items():
        (clone / ".venv" / ".ready").unlink(missing_ok=True)
        first, *more = make(clone, "setup", *arguments).stderr.splitlines()
        assert first.endswith(f"downloading 1.2 GB at most: {arguments[0].partition('=')[2]}")
        assert ("CPU=yes" in "".join(more)) == bool(said and sys.platform == "linux")


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch has a build for the CPU only on Linux")
def test_pytorch_without_cuda_comes_from_its_own_index_in_the_pinned_version(clone):
    calls = set_up(clone, "FRAMEWORK=torch", "CPU=yes", "TORCH_INDEX=file:///copy")
    index, torch, vision = "--default-index file:///copy", r"torch==2\.\d+\.\d+\+cpu", r"torchvision==0\.\d+\.\d+"
    assert re.match(rf"pip install --no-deps {index} .* {torch} {vision} --dry-run", calls)  # before anything is changed
    assert "uninstall -r -" in calls and not re.search(r"^(torch|nvidia-cublas)==", calls, re.M)
    assert has(clone) == "torch cpu"
    assert "--default-index" in set_up(clone, "FRAMEWORK=tensorflow") and has(clone) == "tensorflow torch cpu"  # and it stays so
    assert "torch==" in set_up(clone, "CPU=no") and has(clone) == "torch tensorflow test site"


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch has a build for the CPU only on Linux")
def test_an_index_that_does_not_answer_is_one_line_and_changes_nothing(clone):
    (clone / "unreachable").touch()
    (clone / ".venv" / ".ready").write_text("tensorflow\n")
    run = make(clone, "setup", "FRAMEWORK=torch", "CPU=yes", "TORCH_INDEX=https://nowhere.invalid/cpu")
    said = [line for line in run.stderr.splitlines() if line.startswith("stylelab")]
    assert run.returncode == 2 and len(said) == 1
    assert "from https://nowhere.invalid/cpu: no such host. Nothing was changed" in said[0] and "TORCH_INDEX" in said[0]
    assert has(clone) == "tensorflow" and len((clone / "calls").read_text().splitlines()) == 1


def test_make_refuses_a_framework_where_both_are_needed_or_that_is_none(clone):
    for arguments, said in {
        ("check", "FRAMEWORK=torch"): "check needs both", ("lab", "FRAMEWORK=keras"): "torch or tensorflow, not keras",
    }.items():  # fmt: skip
        run = make(clone, "-n", *arguments)
        assert run.returncode == 2 and said in run.stderr and "packages" not in run.stdout
    assert "--framework" not in make(clone, "-n", "demo").stdout
    for target in ("lab", "demo", "lessons"):
        done = make(clone, "-n", target, "FRAMEWORK=tensorflow").stdout
        assert "--framework tensorflow" in done and "--framework torch" not in done


def test_make_has_its_targets():
    for target in ("lab", "demo", "check", "test", "test-gpu", "lessons", "site", "bench", "bench-gpu", "assets", "hub"):
        run = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, env=os.environ | {"MAKEFLAGS": ""})
        assert run.returncode == 0, run.stderr


def test_make_gives_what_needs_a_gpu_eight_minutes():
    run = subprocess.run(
        ["make", "-n", "bench-gpu"], cwd=ROOT, capture_output=True, text=True, env=os.environ | {"MAKEFLAGS": ""}
    )
    assert "--device gpu" in run.stdout and "--minutes 6" in run.stdout
    limits = re.findall(r"timeout (\d+)", (ROOT / ".ci" / "test-gpu").read_text())
    assert 2 * sum(map(int, limits)) <= 7 * 60  # one framework after the other, and half a minute each to look for a GPU


@pytest.mark.parametrize(
    ("there", "passes", "status"),
    [("", True, 2), ("torch", True, 2), ("tensorflow", True, 2), ("torch tensorflow", True, 0), ("torch tensorflow", False, 1)],
)
def test_the_tests_on_a_gpu_say_in_one_line_that_there_is_none(tmp_path, there, passes, status):
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\n[ "$1" = -c ] && case " $THERE " in *" $3 "*) exit 0;; *) echo Traceback >&2; exit 3;; esac\n'
        'echo "$@"; exit "$ENDS"\n'
    )
    python.chmod(0o755)
    run = subprocess.run(
        [ROOT / ".ci" / "test-gpu", tmp_path, tmp_path], capture_output=True, text=True,
        env=os.environ | {"THERE": there, "ENDS": "0" if passes else "1"},
    )  # fmt: skip
    missing = [framework for framework in ("torch", "tensorflow") if framework not in there.split()]
    assert run.returncode == status
    assert re.findall(r"--framework (\w+) -m gpu", run.stdout) == there.split()
    lines = [line for line in run.stderr.splitlines() if "network namespace" not in line]
    assert lines == ([f"no working GPU for {'/'.join(missing)} here: tests/core/test_devices.py plays one"] if missing else [])


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
