"""docs/hub.md for real: JupyterHub on loopback, two students in the browser who fetch, answer and hand in, and a teacher who grades."""

import csv
import hashlib
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import browsing
import psutil
import pytest
from submitting import needs_bubblewrap

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-hub" / "bin" / "python"
RIGHT = """def insertion_sort(numbers):
    result = []
    for number in numbers:
        result.insert(sum(other < number for other in result), number)
    return result"""
WRONG = """def insertion_sort(numbers):
    return sorted(numbers, reverse=True)"""
ANSWERS = {"ada": (RIGHT, "in shape, value and every property"), "bob": (WRONG, "The largest comes first: the smallest should.")}

pytestmark = [
    pytest.mark.plain,
    pytest.mark.slow,
    pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.skipif(shutil.which("git") is None, reason="there is no git"),
    pytest.mark.skipif(not (ROOT / ".venv-hub" / ".ready").is_file(), reason="JupyterHub is not set up: make .venv-hub/.ready"),
]


class Hub:
    """A hub that has been started, and what its script said."""

    def __init__(self, folder: Path, port: int):
        self.folder = folder
        environment = browsing.environment(folder / "home") | {"LANGUAGE": "en"}
        command = [str(PYTHON), str(ROOT / "docs" / "hub" / "start.py"), "--folder", str(folder), "--port", str(port)]
        self.log = folder / "log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        self.said = ""
        while "Ctrl-C ends it" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.log.read_text()[-3000:]
            self.said += line
        self.password = re.search(r"the password (\S+)", self.said)[1]
        self.link = re.search(r"students' link +(\S+)", self.said)[1]

    def family(self) -> list[psutil.Process]:
        """All processes of the hub: they have the folder or the environment in their command line, or work in the folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.folder) in " ".join([*process.cmdline(), process.cwd()]) or str(PYTHON.parents[1]) in " ".join(
                    process.cmdline()
                ):
                    found.append(process)
            except psutil.Error:
                pass
        return found


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("hub"), browsing.free_port())
    try:
        yield hub
    finally:
        if hub.process.poll() is None:
            hub.process.send_signal(signal.SIGINT)
            try:
                hub.process.wait(120)
            except subprocess.TimeoutExpired:
                hub.process.kill()
        hub.process.stdout.close()


@pytest.fixture(scope="module")
def handed_in(hub, tmp_path_factory) -> dict[str, str]:
    """Student -> the receipt on the page, after both have fetched the lesson, answered, saved and submitted."""
    return {name: study(hub, name, answer, said, tmp_path_factory.mktemp(name)) for name, (answer, said) in ANSWERS.items()}


def study(hub: Hub, name: str, answer: str, said: str, profile: Path) -> str:
    """What a student does, with mouse and keyboard alone; returns the receipt."""
    with browsing.browsing(profile, more=(browsing.OFFLINE,)) as browser:
        page = browsing.listen(browser.new_page())
        page.timeouts = pytest.importorskip("playwright.sync_api").TimeoutError
        page.goto(hub.link)
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(hub.password)
        page.keyboard.press("Enter")
        page.locator(
            ".jp-CodeCell", has_text="def insertion_sort"
        ).wait_for()  # nbgitpuller has fetched it, and JupyterLab opens it
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        run(page, "import stylelab")
        run(page, "def insertion_sort", answer)
        run(page, 'sl.check("insertion_sort"')
        page.locator(".jp-OutputArea", has_text=said).wait_for()
        run(page, 'print(f"y = ', "sl.submit()")
        page.keyboard.press("Escape")
        save(page)
        button = page.get_by_role("button", name="Hand in")
        button.focus()
        page.keyboard.press("Enter")
        receipt = page.get_by_role("status").filter(has_text="was submitted to")
        receipt.wait_for()
        page.screenshot(path=profile / "submitted.png")
        assert page.elsewhere == []
        return receipt.inner_text()


def run(page, begin: str, text: str = "") -> None:
    """Click into the cell that has this in it, type another text into it, and press Shift+Enter until it runs: at first JupyterLab
    may be too busy to hear it."""
    page.locator(".jp-CodeCell", has_text=begin).first.locator(".cm-content").click()
    if text:
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(text)
    cell = page.locator(".jp-CodeCell", has_text=text.splitlines()[-1].strip() if text else begin).first
    for _ in range(5):
        page.keyboard.press("Shift+Enter")
        try:
            return cell.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]:")).wait_for(timeout=20_000)
        except page.timeouts:
            cell.locator(".cm-content").click()
    raise AssertionError(f"{begin!r} did not run")


def save(page) -> None:
    """Press Ctrl+S, and wait until JupyterLab has written the file."""
    with page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url) as saved:
        page.keyboard.press("Control+S")
    assert saved.value.ok


def test_a_receipt_names_the_file_that_is_in_the_folder(hub, handed_in):
    for name, receipt in handed_in.items():
        path = hub.folder / "hand-in" / name / "01_sort_and_fit_numpy.ipynb"
        assert hashlib.sha256(path.read_bytes()).hexdigest() in receipt and str(path.parent) in receipt


def test_each_hands_in_under_their_own_name(hub, handed_in):
    assert sorted(path.name for path in (hub.folder / "hand-in").iterdir()) == ["ada", "bob"]
    for name, (answer, _) in ANSWERS.items():
        text = (hub.folder / "hand-in" / name / "01_sort_and_fit_numpy.ipynb").read_text()
        assert answer.splitlines()[-1].strip() in text


@needs_bubblewrap
def test_the_teacher_grades_the_folder_and_the_marks_are_right(hub, handed_in, tmp_path):
    marks = tmp_path / "marks"
    folders = [str(hub.folder / "hand-in"), "-o", str(marks), "--course", str(hub.folder / "course")]
    graded = subprocess.run([sys.executable, "-m", "stylelab", "grade", *folders], capture_output=True, text=True, timeout=300)
    assert graded.returncode == 0, graded.stderr
    with open(marks / "details.csv", newline="") as stream:
        rows = {(row["student"], row["exercise"]): row for row in csv.DictReader(stream)}
    right, wrong = rows["ada", "insertion_sort"], rows["bob", "insertion_sort"]
    assert float(right["earned"]) == float(right["points"]) > float(wrong["earned"])


def test_nothing_is_left_of_the_hub_after_ctrl_c(hub, handed_in):
    assert len(hub.family()) > 4  # this script, JupyterHub, its proxy, two servers
    hub.process.send_signal(signal.SIGINT)
    assert hub.process.wait(120) == 0
    assert hub.family() == []
