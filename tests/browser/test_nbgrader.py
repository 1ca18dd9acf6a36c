"""docs/nbgrader.md, followed to the letter: its commands in a shell, then nbgrader's own buttons in JupyterLab."""

import csv
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "docs" / "nbgrader.md").read_text()
ASSIGNMENT = "03_style_reconstruction_torch"
POINTS = 18.0
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
CLEAR = """async () => {
    await window.jupyterapp.restored;
    await window.jupyterapp.commands.execute('application:close-all');
}"""


def _neighbour(name: str):
    """Another file of this folder, as a module: how a server is started and waited for stands there."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lab = _neighbour("test_lesson")
pytest.importorskip("nbgrader")
pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(lab.CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """A home of its own, and the environment's commands by name: what `activate` does."""
    home = tmp_path_factory.mktemp("home")
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(lab.NO_NEWS))
    kept = {name: value for name, value in lab._environment(home).items() if name != "STYLELAB_PRESET"}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def course(tmp_path_factory, environment) -> Path:
    """The folder in which the recipe ends, all of its commands run but the last, which is the server."""
    folder = tmp_path_factory.mktemp("recipe")
    *commands, last = re.findall(r"^```sh\n(.*?)^```", RECIPE, flags=re.MULTILINE | re.DOTALL)
    assert last == "jupyter lab\n"
    script = "\n".join(["set -e", *commands])
    run = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr[-3000:]
    return folder / "course"


@pytest.fixture(scope="module")
def server(course, environment):
    """The address of a JupyterLab, started in the course's folder; it ends with the tests."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        lab._command(port, course), cwd=course, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield lab._wait_for(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def page(server, tmp_path_factory):
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")), executable_path=lab.CHROMIUM, headless=True, args=[*lab.FLAGS, OFFLINE],
            viewport={"width": 1280, "height": 900},
        )  # fmt: skip
        page = browser.new_page()
        page.set_default_timeout(lab.PATIENCE)
        page.goto(f"{server}/lab")
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate(CLEAR)  # a tab opened by itself would hide the next
        yield page
        browser.close()


def test_the_recipe_ends_in_marks_and_feedback(course):
    with open(course / "grades.csv", newline="") as stream:
        rows = [(row["assignment"], row["student_id"], row["score"], row["max_score"]) for row in csv.DictReader(stream)]
    assert rows == [(ASSIGNMENT, "ada", "0.0", str(POINTS))]
    feedback = (course / "feedback" / "ada" / ASSIGNMENT / f"{ASSIGNMENT}.html").read_text()
    assert "gram_matrix: not attempted yet" in feedback


def test_formgrader_lists_the_assignment_and_what_was_handed_in(page):
    page.get_by_text("Nbgrader", exact=True).first.click()
    page.get_by_text("Formgrader", exact=True).first.click()
    formgrader = page.frame_locator("iframe").first
    assert shown(formgrader, ASSIGNMENT, "# Submissions") == "1"
    formgrader.get_by_text("Manage Students").first.click()
    assert shown(formgrader, "ada", "Overall Score") == f"0 / {POINTS:.0f}"


def shown(formgrader, row: str, column: str) -> str:
    """What a table of formgrader's says."""
    cells = formgrader.locator("tbody tr", has_text=row)
    cells.wait_for()
    titles = [" ".join(title.split()) for title in formgrader.locator("thead th").all_inner_texts()]
    return cells.locator("td").nth(titles.index(column)).inner_text()


def test_validate_says_what_nbgrader_says_of_an_untouched_notebook(page):
    page.evaluate(lab.OPEN, f"source/{ASSIGNMENT}/{ASSIGNMENT}.ipynb")
    page.get_by_text("Validate", exact=True).first.click()
    said = page.locator("#validation-message")
    said.wait_for()
    text = said.inner_text()
    page.get_by_text("Ok", exact=True).first.click()
    exercises = ("gram_matrix", "style_layer_loss", "style_loss")
    assert text.count("The following cell failed:") == len(exercises)
    assert [each for each in exercises if f"AssertionError: {each}: not attempted yet." not in text] == []
    said.wait_for(state="detached")
