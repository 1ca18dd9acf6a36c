"""What people look for around the code: one version, a licence, forms, workflows, hooks, a README that holds its promises."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
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
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def tool(name: str, *arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """A command of this environment. No network is asked: its proxies lead nowhere."""
    nowhere = {
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "PATH": f"{BIN}:/usr/bin:/bin",
        "HOME": str(cwd),
    }
    return subprocess.run([BIN / name, *arguments], cwd=cwd, env=nowhere, capture_output=True, text=True)


# one version


def released() -> list[tuple[str, str]]:
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_the_version_stands_in_one_place_and_is_read_from_there():
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    assert table["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "stylelab.run.backends.__version__"}
    text = (ROOT / "stylelab" / "run" / "backends.py").read_text()
    assert re.findall(r'^__version__ = "(\d+\.\d+\.\d+)"$', text, re.M) == [stylelab.__version__]


def test_citation_and_changelog_know_the_version_and_its_day():
    citation = load("CITATION.cff")
    newest, day = released()[0]
    assert (newest, day) == (stylelab.__version__, str(citation["date-released"])) and citation["version"] == newest


def test_the_changelog_goes_from_new_to_old_and_uses_the_six_words():
    numbers = [tuple(map(int, version.split("."))) for version, _ in released()]
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == len(numbers)
    text = (ROOT / "CHANGELOG.md").read_text()
    assert text.index("## [Unreleased]") < text.index(f"## [{released()[0][0]}]")
    assert set(re.findall(r"^### (.+)$", text, re.M)) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_licence_is_the_same_everywhere():
    assert PROJECT["license"] == load("CITATION.cff")["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_the_repositorys_address_stands_in_one_place():
    owner = REPOSITORY.removeprefix("https://github.com/")
    files = [ROOT / "pyproject.toml", *(ROOT / page for page in PAGES), *(ROOT / ".github").rglob("*.y*ml")]
    assert not [path.name for path in files if owner in path.read_text(encoding="utf-8")]


# files with a schema


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_that_have_a_schema_keep_to_it(schema):
    run = tool("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *SCHEMAS[schema])
    assert run.returncode == 0, run.stdout + run.stderr


def test_there_is_a_form_for_a_bug_a_lesson_a_mark_and_an_idea():
    assert {path.stem for path in FORMS} == {"bug", "lesson", "wrong_mark", "idea"}
    for path in FORMS:
        ids = [part["id"] for part in load(path)["body"] if part["type"] != "markdown"]
        assert len(set(ids)) == len(ids) and all(part["attributes"] for part in load(path)["body"])


# workflows


def steps(path: Path) -> list[dict]:
    return [step for job in load(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_read_and_no_more_and_ends_by_itself(path):
    flow = load(path)
    assert flow["permissions"] == {"contents": "read"} and flow["concurrency"]["group"]
    assert all(job["timeout-minutes"] <= 90 for job in flow["jobs"].values())
    may_write = {name for name, job in flow["jobs"].items() if "write" in job.get("permissions", {}).values()}
    assert may_write <= {"publish"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_what_it_uses(path):
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert used and all(re.fullmatch(r"[\w-]+/[\w/-]+@v\d+\.\d+\.\d+", each) for each in used), used
    assert all(job["runs-on"].endswith("04") for job in load(path)["jobs"].values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_a_person_runs(path):
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


def test_the_tests_run_on_every_python_that_is_promised():
    least, beyond = (int(minor) for minor in re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    matrix = load(".github/workflows/ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert matrix == [f"3.{minor}" for minor in range(least, beyond)]


# hooks, notebooks


def test_commit_hooks_are_the_environments_own():
    run = tool("pre-commit", "validate-config", ".pre-commit-config.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    hooks = [hook for repo in load(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"] if repo["repo"] == "local"]
    assert len(load(".pre-commit-config.yaml")["repos"]) == 1  # a second one would be fetched
    assert {hook["language"] for hook in hooks} <= {"system", "pygrep"}
    assert {"ruff", "format", "lessons"} <= {hook["id"] for hook in hooks}


def test_nbdime_compares_what_people_wrote_and_not_what_a_run_gave(tmp_path):
    source = json.loads(next((ROOT / "lessons").glob("00_*_torch.ipynb")).read_text())
    (tmp_path / "old.ipynb").write_text(json.dumps(source))
    cell = next(cell for cell in source["cells"] if cell.get("outputs"))
    cell["outputs"], cell["execution_count"] = [], 99
    (tmp_path / "run.ipynb").write_text(json.dumps(source))
    cell["source"] = "changed"
    (tmp_path / "written.ipynb").write_text(json.dumps(source))
    run, written = (
        tool("nbdiff", "--no-color", tmp_path / "old.ipynb", tmp_path / name) for name in ("run.ipynb", "written.ipynb")
    )
    assert run.stdout == "" and "changed" in written.stdout, run.stderr + written.stderr


def test_git_is_told_how_notebooks_are_compared():
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("no clone")
    said = subprocess.run(
        ["git", "check-attr", "diff", "eol", "--", "lessons/x.ipynb"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert "diff: jupyternotebook" in said and "eol: lf" in said


# pages


def links(page: str) -> list[str]:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S)
    return [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_the_pages_lead_somewhere(page):
    for target in links(page):
        if target and "://" not in target:
            assert ((ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_paths_that_a_page_names_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:stylelab|lessons|tests|assets|docs|\.ci)/[\w./-]+)`", text):
        assert (ROOT / path).exists() or "NN" in path, path


def test_images_of_the_readme_are_small_and_told_in_words():
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


def test_each_way_to_contribute_is_told_in_ten_lines():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for what in ("lesson", "exercise", "recipe", "encoder"):
        section = re.search(rf"^## An? {what}\n(.+?)(?=^## |\Z)", text, re.M | re.S)[1]
        assert 3 <= len(section.strip().splitlines()) <= 10, what
