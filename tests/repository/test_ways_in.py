"""The other ways to install stylelab, tested as far as possible without the services that they use."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import types
import zipfile
from pathlib import Path

import jsonschema
import pytest
import yaml

import stylelab
from stylelab import colab
from stylelab.base.course import ASSETS, KERNELS, LESSONS, REPOSITORY
from stylelab.errors import MachineError
from stylelab.languages.lessons import badges
from stylelab.tools.course.assemble import COLAB

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PYTHONS = range(*(int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"])))
LITTER = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.egg-info")
pytestmark = pytest.mark.plain


def python(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run this Python in another folder, from which it does not see this clone."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STYLELAB"))}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=clean | environment, capture_output=True, text=True)


# a wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """What pip would install, built from a copy of the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("stylelab", "lessons", "assets"):
        shutil.copytree(ROOT / name, folder / "clone" / name, ignore=LITTER)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "clone")
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    run = python("-W", "ignore", "-c", code, cwd=folder / "clone")
    assert run.returncode == 0, run.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel) -> Path:
    """A folder for PYTHONPATH with the content of the wheel, without a clone next to it."""
    folder = wheel.parent / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def test_a_wheel_contains_the_package_the_lessons_and_the_assets(wheel):
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    package = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "stylelab").rglob("*") if path.is_file() and path.suffix != ".pyc"
    }
    shipped = {f"stylelab/shipped/{path.relative_to(ROOT).as_posix()}" for path in (
        *LESSONS.glob("*.ipynb"), *ASSETS.glob("style/*.jpg"), ASSETS / "encoder-mini.safetensors",
    )}  # fmt: skip
    assert package | shipped <= names
    assert not [name for name in names if "/make/" in name or "/source/" in name or "tests/" in name or "__pycache__" in name]


def test_jupyterlabs_settings_for_students_are_installed_from_a_wheel_and_from_a_clone(wheel, tmp_path):
    code = f"from setuptools import build_meta; build_meta.build_editable({str(tmp_path)!r})"
    run = python("-W", "ignore", "-c", code, cwd=wheel.parent / "clone")
    assert run.returncode == 0, run.stderr
    (editable,) = tmp_path.glob("*.whl")
    for path in (wheel, editable):
        with zipfile.ZipFile(path) as packed:
            (name,) = [
                name for name in packed.namelist() if name.endswith("/share/jupyter/lab/settings/overrides.d/stylelab.json")
            ]
            assert json.loads(packed.read(name)).keys() == {
                "@jupyterlab/apputils-extension:notification",
                "@jupyterlab/filebrowser-extension:browser",
            }


def test_a_wheel_has_the_version_and_the_licence(wheel):
    with zipfile.ZipFile(wheel) as packed:
        (name,) = [name for name in packed.namelist() if name.endswith("METADATA")]
        text, names = packed.read(name).decode(), packed.namelist()
    assert f"\nVersion: {stylelab.__version__}\n" in text
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_an_installed_wheel_finds_its_lessons_and_images(installed, tmp_path):
    code = (
        "from stylelab import encoders, images\nfrom stylelab.base import course\nfrom stylelab.cli import start\n"
        "print(start.start('mine', 'torch'))\n"
        "print(images.open_image('brushstrokes', 32).shape, encoders.find_encoder('mini').name, course.LESSONS)"
    )
    run = python("-c", code, cwd=tmp_path, PYTHONPATH=str(installed))
    assert run.returncode == 0, run.stderr
    assert "new" in run.stdout and "(26, 32, 3) mini" in run.stdout and str(installed) in run.stdout
    assert len(list((tmp_path / "mine").glob("0*_torch.ipynb"))) == len(list(LESSONS.glob("0*_torch.ipynb")))


def test_the_command_works_in_an_installed_wheel(installed, tmp_path):
    run = python("-m", "stylelab", "recipes", cwd=tmp_path, PYTHONPATH=str(installed))
    assert run.returncode == 0 and "gatys" in run.stdout, run.stderr


# Colab


@pytest.fixture
def on_colab(tmp_path, monkeypatch) -> "dict[str, str]":
    """Environment variables with which git clones the package when asked for the repository."""
    kit = tmp_path / "origin"
    shutil.copytree(ROOT / "stylelab", kit / "stylelab", ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "kit"]):
        subprocess.run([*git, *command], cwd=kit, check=True)
    return {
        "COLAB_RELEASE_TAG": "release", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{kit}.insteadOf",
        "GIT_CONFIG_VALUE_0": REPOSITORY,
    }  # fmt: skip


CELL = f"import os, sys\n\n{COLAB}\n\nimport stylelab; print(stylelab.__file__)"


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_colabs_first_cell_clones_the_kit_and_works_again_after_a_restart(on_colab, tmp_path):
    (tmp_path / "content").mkdir()
    for _ in ("first run", "run after a restart of the session"):
        run = python(
            "-I", "-S", "-c", f"import sys; sys.path[-1:] = {sys.path[1:]!r}\n{CELL}", cwd=tmp_path / "content", **on_colab
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.strip() == str(tmp_path / "content" / "kit" / "stylelab" / "__init__.py")


def test_colabs_first_cell_does_nothing_elsewhere(monkeypatch):
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    names: dict = {}
    exec(f"import os, sys\n{COLAB}", names)  # the lines as they are in the cell
    assert "colab" not in names


def test_every_lesson_has_the_lines_for_colab_in_its_first_cell():
    for path in LESSONS.glob("*.ipynb"):
        first = next(cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code")
        assert COLAB in "".join(first["source"]), path.name


def test_on_colab_missing_packages_are_installed_but_no_framework(monkeypatch):
    ran = []
    monkeypatch.setattr(colab.importlib.util, "find_spec", lambda name: None if name in ("anywidget", "skimage") else 1)
    monkeypatch.setattr(colab.subprocess, "run", lambda command: ran.append(command) or subprocess.CompletedProcess(command, 0))
    colab.set_up()
    assert [command[-2:] for command in ran] == [["anywidget", "scikit-image"]]
    assert not {"torch", "tensorflow", "numpy"} & set(colab.NEEDED)


def test_on_colab_without_a_network_there_is_a_one_line_error(monkeypatch):
    monkeypatch.setattr(colab, "missing", lambda: ["anywidget"])
    monkeypatch.setattr(colab.subprocess, "run", lambda command: subprocess.CompletedProcess(command, 1))
    with pytest.raises(MachineError, match="cannot install anywidget: is the network on"):
        colab.set_up()


def test_on_colab_third_party_widgets_are_enabled(monkeypatch):
    enabled = []
    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = lambda: enabled.append(True)
    for name, module in {
        "google": types.ModuleType("google"),
        "google.colab": types.ModuleType("google.colab"),
        output.__name__: output,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(colab, "missing", lambda: [])
    colab.set_up()
    assert enabled == [True]


def test_packages_installed_on_colab_are_dependencies_of_the_project():
    dependencies = {re.match(r"[\w.-]+", line)[0].lower() for line in PROJECT["dependencies"]}
    assert set(colab.NEEDED.values()) <= dependencies


# Binder


def test_binder_installs_the_lock_file_on_a_supported_python():
    lines = [line for line in (ROOT / ".binder" / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == ["-r ../requirements.lock"] and (ROOT / ".binder" / lines[0].split()[1]).resolve().is_file()
    major, minor = re.fullmatch(r"python-(\d+)\.(\d+)", (ROOT / ".binder" / "runtime.txt").read_text().strip()).groups()
    assert int(major) == 3 and int(minor) in PYTHONS


def test_binder_installs_the_kernel_that_the_tensorflow_lessons_use():
    path = ROOT / ".binder" / "postBuild"
    assert os.access(path, os.X_OK) and subprocess.run(["bash", "-n", path]).returncode == 0
    words = shlex.split(path.read_text(), comments=True)
    name, title = KERNELS["tensorflow"]
    assert words[words.index("--name") + 1] == name and words[words.index("--display-name") + 1] == title


def test_badges_open_their_lesson():
    for path in LESSONS.glob("*.ipynb"):
        links = badges(path.name)
        assert f"/main/lessons/{path.name}" in links and f"labpath=lessons%2F{path.name}" in links


# the development container: the part of the specification's schema that is used
DEVCONTAINER = {
    "type": "object",
    "required": ["name", "image"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "image": {"type": "string", "pattern": r"^[\w./-]+:\d[\w.-]*$"},
        "onCreateCommand": {"type": ["string", "array", "object"]},
        "updateContentCommand": {"type": ["string", "array", "object"]},
        "postCreateCommand": {"type": ["string", "array", "object"]},
        "forwardPorts": {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}},
        "portsAttributes": {"type": "object", "additionalProperties": {"type": "object", "required": ["label"]}},
        "remoteUser": {"type": "string", "not": {"const": "root"}},
        "hostRequirements": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "cpus": {"type": "integer", "minimum": 1},
                "memory": {"type": "string", "pattern": r"^\d+(tb|gb|mb|kb)?$"},
                "storage": {"type": "string", "pattern": r"^\d+(tb|gb|mb|kb)?$"},
                "gpu": {"anyOf": [{"type": "boolean"}, {"const": "optional"}, {"type": "object"}]},
            },
        },
        "customizations": {
            "type": "object",
            "properties": {
                "vscode": {
                    "type": "object",
                    "properties": {"extensions": {"type": "array", "items": {"pattern": r"^[\w-]+\.[\w-]+$"}}},
                }
            },
        },
    },
}


def test_the_development_container_follows_the_specification():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    jsonschema.Draft202012Validator(DEVCONTAINER).validate(container)
    assert container["updateContentCommand"] == "make setup"
    assert set(container["portsAttributes"]) == set(map(str, container["forwardPorts"]))
    assert int(re.search(r":3\.(\d+)", container["image"])[1]) in PYTHONS


# the Dockerfile


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments) of each line of the Dockerfile, with continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile, by its name."""
    by_name: dict[str, list] = {}
    for word, rest in instructions():
        if word == "FROM":
            name = re.fullmatch(r"\S+ AS (\w+)", rest)[1]
            by_name[name] = []
        by_name[name].append((word, rest))
    return by_name


def sources(rest: str) -> list[str]:
    """The files that a COPY instruction copies."""
    return [part for part in rest.split()[:-1] if not part.startswith("--")]


def early() -> list[str]:
    """The files that are copied before the environment is created."""
    return [source for word, rest in stages()["base"] if word == "COPY" for source in sources(rest)]


def test_the_dockerfile_has_a_stage_for_each_kind_of_machine_on_a_pinned_base():
    assert list(stages()) == ["base", "gpu", "cpu"]  # `docker build` without --target builds the last
    froms = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", froms[0]) and froms[1:] == ["base", "base"]
    assert int(froms[0].split(".")[1]) in PYTHONS


def test_the_files_that_the_dockerfile_copies_exist_and_are_not_ignored():
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for word, rest in instructions():
        assert word != "ADD"
        for source in sources(rest) if word == "COPY" else ():
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] not in ignored, source


def test_files_that_git_ignores_are_not_copied_into_containers():
    ignored = set((ROOT / ".dockerignore").read_text().splitlines())
    for line in (ROOT / ".gitignore").read_text().splitlines():
        name = line.rstrip("/")
        assert {name, f"**/{name}", ".venv*" if name.startswith(".venv") else name} & ignored, name


def test_containers_run_as_an_ordinary_user_and_require_jupyters_token():
    base = stages()["base"]
    users = [rest for word, rest in base if word == "USER"]
    assert users == ["student"] and not [rest for name in ("cpu", "gpu") for word, rest in stages()[name] if word == "USER"]
    assert all("--chown=student:student" in rest for word, rest in instructions() if word == "COPY")
    command = json.loads(next(rest for word, rest in base if word == "CMD"))
    assert "stylelab start my-lessons" in command[-1] and "jupyter lab" in command[-1]
    assert "token" not in command[-1] and "password" not in command[-1]


def test_the_dockerfile_leaves_no_package_lists_behind():
    for word, rest in instructions():
        if word == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest and "rm -rf /var/lib/apt/lists/*" in rest


def test_a_containers_environment_can_be_created_from_the_files_copied_before_it(tmp_path):
    for source in early():
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, target)
    dry = subprocess.run(
        ["make", "-n", "setup", "GPU="], cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"MAKEFLAGS": ""}
    )
    assert dry.returncode == 0 and ".ci/setup" in dry.stdout, dry.stderr
    code = (
        f"import sys; sys.path += ['', {sysconfig.get_path('purelib')!r}]\n"  # installed packages, without the .pth file that leads to this clone
        "from setuptools import build_meta; print(build_meta.prepare_metadata_for_build_editable(sys.argv[1]))"
    )
    (tmp_path / "metadata").mkdir()
    run = python("-I", "-S", "-W", "ignore", "-c", code, tmp_path / "metadata", cwd=tmp_path)
    assert run.returncode == 0 and "stylelab-" in run.stdout, run.stderr
    required = set(re.findall(r"(requirements[\w-]*\.lock|\.ci/uv\.lock)", (ROOT / ".ci" / "setup").read_text()))
    assert all((tmp_path / name).is_file() for name in required)


# the table of all ways to install


def rows() -> list[list[str]]:
    """The cells of the first table in docs/ways-in.md."""
    first = (ROOT / "docs" / "ways-in.md").read_text().partition("\n## ")[0]
    table = [line for line in first.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1:]]


def test_the_table_lists_every_way_and_how_it_was_checked():
    ways = {row[0]: row for row in rows()}
    assert {"make", "conda", "Binder", "Colab", "development container", "pip, in a clone"} <= set(ways)
    assert all(re.fullmatch(r"not run yet|\d{4}-\d\d-\d\d", row[3]) and len(row[2]) > 20 for row in rows())


def test_the_documented_commands_use_files_and_stages_that_exist():
    text = (ROOT / "docs" / "ways-in.md").read_text() + (ROOT / "Dockerfile").read_text()
    assert set(re.findall(r"--target (\w+)", text)) == {"cpu", "gpu"}
    for name in re.findall(r"-[fr] (\S+\.(?:yml|lock))", text):
        assert (ROOT / name).is_file()
    assert yaml.safe_load((ROOT / "environment.yml").read_text())["name"] == re.search(r"conda activate (\w+)", text)[1]
