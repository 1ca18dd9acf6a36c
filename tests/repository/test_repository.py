"""Everything around the code: one version, a licence, issue forms, workflows, hooks, and a README that is true."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import check_jsonschema
import pytest
import yaml
from click.testing import CliRunner
from nbdime import nbdiffapp
from PIL import Image

import stylelab
from stylelab.base.course import REPOSITORY

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "docs/ways-in.md"]
SCHEMAS = {
    "citation-file-format": ["CITATION.cff"],
    "dependabot": [".github/dependabot.yml"],
    "github-issue-config": [".github/ISSUE_TEMPLATE/config.yml"],
    "github-issue-forms": FORMS,
    "github-workflows": WORKFLOWS,
}
pytestmark = pytest.mark.plain


def load(path: "str | Path"):
    """A YAML file of the repository."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


# one version


def releases() -> list[tuple[str, str]]:
    """Version and date of each release in the changelog, newest first."""
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_the_version_is_written_in_one_place():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    assert table["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "stylelab.run.backends.__version__"}
    text = (ROOT / "stylelab" / "run" / "backends.py").read_text()
    assert re.findall(r'^__version__ = "(\d+\.\d+\.\d+)"$', text, re.M) == [stylelab.__version__]


def test_citation_and_changelog_have_the_version_and_its_date():
    citation = load("CITATION.cff")
    newest, date = releases()[0]
    assert (newest, date) == (stylelab.__version__, str(citation["date-released"])) and citation["version"] == newest


def test_the_changelog_starts_with_the_newest_version_and_uses_the_six_standard_headings():
    numbers = [tuple(map(int, version.split("."))) for version, _ in releases()]
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == len(numbers)
    text = (ROOT / "CHANGELOG.md").read_text()
    assert text.index("## [Unreleased]") < text.index(f"## [{releases()[0][0]}]")
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_licence_is_the_same_everywhere():
    assert PROJECT["license"] == load("CITATION.cff")["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_the_repositorys_address_is_written_in_one_place():
    owner = REPOSITORY.removeprefix("https://github.com/")
    files = [ROOT / "pyproject.toml", *(ROOT / page for page in PAGES), *(ROOT / ".github").rglob("*.y*ml")]
    assert not [path.name for path in files if owner in path.read_text(encoding="utf-8")]


# files with a schema


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_with_a_public_schema_are_valid(schema):
    files = [str(ROOT / file) for file in SCHEMAS[schema]]
    result = CliRunner().invoke(check_jsonschema.main, ["--builtin-schema", f"vendor.{schema}", *files])  # no network needed
    assert result.exit_code == 0, result.output


def test_there_is_a_form_for_a_bug_a_lesson_a_mark_and_an_idea():
    assert {path.stem for path in FORMS} == {"bug", "lesson", "wrong_mark", "idea"}
    for path in FORMS:
        ids = [part["id"] for part in load(path)["body"] if part["type"] != "markdown"]
        assert len(set(ids)) == len(ids) and all(part["attributes"] for part in load(path)["body"])


# workflows


def steps(path: Path) -> list[dict]:
    """The steps of all jobs of a workflow."""
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_read_access_only_and_a_time_limit(path):
    flow = load(path)
    assert flow["permissions"] == {"contents": "read"} and flow["concurrency"]["group"]
    assert all(job["timeout-minutes"] <= 90 for job in flow["jobs"].values())
    writers = {name for name, job in flow["jobs"].items() if "write" in job.get("permissions", {}).values()}
    assert writers <= {"publish"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_the_actions_that_it_uses(path):
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used and all(re.fullmatch(r"[\w-]+/[\w/-]+@v\d+\.\d+\.\d+", action) for action in used), used
    assert all(job["runs-on"].endswith("04") for job in load(path)["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_commands_that_people_run_too(path):
    runs = [step["run"] for step in steps(path) if "run" in step]
    targets = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    for command in runs:
        first, *rest = command.split()
        if first == "make":
            assert rest[0] in targets, f"make {rest[0]}"
        elif first.startswith(".ci/"):
            assert (ROOT / first).stat().st_mode & 0o100
        else:
            assert first in ("docker", ".venv/bin/uv"), command


def test_the_tests_run_on_every_supported_python():
    least, beyond = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    matrix = load(".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert matrix == [f"3.{minor}" for minor in range(least, beyond)]


# hooks, notebooks


def test_commit_hooks_need_no_network():
    run = subprocess.run([BIN / "pre-commit", "validate-config"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    (local,) = load(".pre-commit-config.yaml")["repos"]  # any other would be downloaded
    hooks = local["hooks"]
    assert local["repo"] == "local"
    assert {hook["language"] for hook in hooks} <= {"system", "pygrep"}
    assert {"ruff", "format", "lessons"} <= {hook["id"] for hook in hooks}


def test_the_lessons_hook_runs_when_something_that_lessons_are_made_of_changes():
    hook = next(hook for hook in load(".pre-commit-config.yaml")["repos"][0]["hooks"] if hook["id"] == "lessons")
    for path in (
        "lessons/source/00_start_here.py",
        "lessons/make/lint.py",
        "stylelab/exercises/lesson_05.py",
        "stylelab/base/course.py",
    ):
        assert (ROOT / path).is_file() and re.search(hook["files"], path), path


def test_nbdime_compares_sources_and_ignores_outputs(tmp_path, monkeypatch, capsys):
    source = json.loads(next((ROOT / "lessons").glob("00_*_torch.ipynb")).read_text())
    (tmp_path / "old.ipynb").write_text(json.dumps(source))
    cell = next(cell for cell in source["cells"] if cell.get("outputs"))
    cell["outputs"], cell["execution_count"] = [], 99
    (tmp_path / "run.ipynb").write_text(json.dumps(source))
    cell["source"] = "changed"
    (tmp_path / "written.ipynb").write_text(json.dumps(source))
    monkeypatch.chdir(ROOT)  # for nbdime_config.json, which nbdime reads for a command of this name
    monkeypatch.setattr(sys, "argv", ["nbdiff"])
    differences = []
    for name in ("run.ipynb", "written.ipynb"):
        nbdiffapp.main(["--no-color", str(tmp_path / "old.ipynb"), str(tmp_path / name)])
        differences.append(capsys.readouterr().out)
    assert differences[0] == "" and "changed" in differences[1]


def test_git_compares_notebooks_with_nbdime():
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("no clone")
    command = ["git", "check-attr", "diff", "eol", "--", "lessons/x.ipynb"]
    attributes = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
    assert "diff: jupyternotebook" in attributes and "eol: lf" in attributes


# pages


def links(page: str) -> list[str]:
    """The targets of a page's links, without anchors."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S)
    return [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_work(page):
    for target in links(page):
        if target and "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_paths_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:stylelab|lessons|tests|assets|docs|\.ci)/[\w./-]+)`", text):
        assert (ROOT / path).exists() or "NN" in path, path


def test_images_of_the_readme_are_small_and_have_alternative_text():
    text = (ROOT / "README.md").read_text()
    shown = re.findall(r"!\[([^\]]*)\]\((assets/readme/[^)]+)\)", text)
    assert len(shown) >= 7 and len(shown) == text.count("![")
    assert {(ROOT / path).resolve() for _, path in shown} == set((ROOT / "assets" / "readme").glob("*.jpg"))
    for words, path in shown:
        assert 20 <= len(words) <= 160, words
        with Image.open(ROOT / path) as image:
            assert (ROOT / path).stat().st_size < 60_000 and min(image.size) >= 200


def test_the_readme_has_the_two_commands_and_every_lesson():
    text = (ROOT / "README.md").read_text()
    assert re.search(r"^    make lab\b", text, re.M) and re.search(r"^    make demo\b", text, re.M)
    for path in sorted((ROOT / "lessons").glob("[0-9]*_torch.ipynb")):
        title = json.loads(path.read_text())["cells"][0]["source"]
        claim = "".join(title).splitlines()[0].partition("·")[2].strip()
        assert f"lessons/{path.name}" in text and claim in text, claim


def test_each_kind_of_contribution_is_described_in_three_to_seven_steps():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for what in ("lesson", "exercise", "recipe", "loss", "encoder"):
        section = re.search(rf"^## An? {what}\n(.+?)(?=^## |\Z)", text, re.M | re.S)[1]
        assert 3 <= len(re.findall(r"^\d\. ", section, re.M)) <= 7, what
