"""docs/nbgrader.md, followed exactly: its commands in a shell, then nbgrader's buttons in JupyterLab."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import browsing
import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "nbgrader.md").read_text()
ASSIGNMENT = "03_style_reconstruction_torch"
POINTS = 18.0
CLEAR = """async () => {
    await window.jupyterapp.restored;
    await window.jupyterapp.commands.execute('application:close-all');
}"""


pytest.importorskip("nbgrader")
pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def environment(home) -> dict[str, str]:
    """A separate home folder, and the environment's commands on the PATH, as after `activate`."""
    kept = {name: value for name, value in browsing.environment(home).items() if name != "STYLELAB_PRESET"}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def course(tmp_path_factory, environment) -> Path:
    """The course's folder after all commands of the guide except the last, which starts the server."""
    folder = tmp_path_factory.mktemp("recipe")
    *commands, last = re.findall(r"^```sh\n(.*?)^```", GUIDE, flags=re.MULTILINE | re.DOTALL)
    assert last == "jupyter lab\n"
    script = "\n".join(["set -e", *commands])
    run = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr[-3000:]
    return folder / "course"


@pytest.fixture(scope="module")
def server(course, home, environment):
    """The address of a JupyterLab in the course's folder, which stops after the tests."""
    with browsing.jupyterlab(course, home, cwd=course, env=environment) as (address, _):
        yield address


@pytest.fixture(scope="module")
def page(server, tmp_path_factory):
    with browsing.browsing(tmp_path_factory.mktemp("profile"), more=(browsing.OFFLINE,)) as browser:
        page = browser.new_page()
        page.goto(f"{server}/lab")
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate(CLEAR)  # a tab that JupyterLab opens would hide the next one
        yield page


def test_the_commands_in_the_guide_produce_marks_and_feedback(course):
    with open(course / "grades.csv", newline="") as stream:
        rows = [(row["assignment"], row["student_id"], row["score"], row["max_score"]) for row in csv.DictReader(stream)]
    assert rows == [(ASSIGNMENT, "ada", "0.0", str(POINTS))]
    feedback = (course / "feedback" / "ada" / ASSIGNMENT / f"{ASSIGNMENT}.html").read_text()
    assert "gram_matrix: not attempted" in feedback


def test_formgrader_lists_the_assignment_and_the_submission(page):
    page.get_by_text("Nbgrader", exact=True).first.click()
    page.get_by_text("Formgrader", exact=True).first.click()
    formgrader = page.frame_locator("iframe").first
    assert shown(formgrader, ASSIGNMENT, "# Submissions") == "1"
    formgrader.get_by_text("Manage Students").first.click()
    assert shown(formgrader, "ada", "Overall Score") == f"0 / {POINTS:.0f}"


def shown(formgrader, row: str, column: str) -> str:
    """The text of a cell in formgrader's table."""
    cells = formgrader.locator("tbody tr", has_text=row)
    cells.wait_for()
    titles = [" ".join(title.split()) for title in formgrader.locator("thead th").all_inner_texts()]
    return cells.locator("td").nth(titles.index(column)).inner_text()


def test_validate_reports_every_check_of_an_untouched_notebook(page):
    page.evaluate(browsing.CLOSE)
    page.evaluate(browsing.OPEN, f"source/{ASSIGNMENT}/{ASSIGNMENT}.ipynb")
    page.get_by_text("Validate", exact=True).first.click()
    said = page.locator("#validation-message")
    said.wait_for()
    text = said.inner_text()
    page.get_by_text("Ok", exact=True).first.click()
    exercises = ("gram_matrix", "style_layer_loss", "style_loss")
    assert text.count("The following cell failed:") == len(exercises)
    assert [name for name in exercises if f"AssertionError: {name}: not attempted." not in text] == []
    said.wait_for(state="detached")
