"""docs/own-course.md: every file and command on it, in its order, in an empty folder."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "own-course.md").read_text(encoding="utf-8")
WORKED, _, IN_TORCH = PAGE.partition("\n## In PyTorch or TensorFlow\n")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.plain


def blocks(text: str) -> list[tuple[str, str]]:
    """(language, code) of each block; for a file, its path instead of the language."""
    found = []
    for match in BLOCK.finditer(text):
        language, code = match.groups()
        paragraph = text[: match.start()].rstrip().rpartition("\n\n")[2]
        paths = re.findall(r"`([\w./-]+\.(?:py|toml))`", paragraph) if language in ("python", "toml") else []
        found.append((paths[-1] if paths else language, code))
    return found


@pytest.fixture
def shell(tmp_path):
    """A function: lines of commands, run in a folder where `stylelab` and `python` are those of this test -> what they print."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, arguments in {"stylelab": "-m stylelab", "python": "", "python3": ""}.items():
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (tools / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "STYLELAB", "MAKE"))}
    environment = kept | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def run(commands: str, folder: Path, status: int = 0) -> str:
        done = subprocess.run(["bash", "-e"], input=commands, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_the_page_leads_from_an_empty_folder_to_a_graded_class(tmp_path, shell):
    if shutil.which("bwrap") is None or shutil.which("make") is None:
        pytest.skip("bubblewrap or make is not installed")
    home, course = tmp_path / "home", tmp_path / "home" / "signals"
    home.mkdir()
    steps, ran, printed = blocks(WORKED), [], ""
    for index, (kind, code) in enumerate(steps):
        if kind == "text":
            assert code == printed
        elif kind == "sh":
            shown = next((text for language, text in steps[index + 1 : index + 2] if language == "text"), "")
            printed = shell(code, course if course.exists() else home, status=1 if shown else 0)
            ran += code.splitlines()
        else:
            (course / kind).write_text(code, encoding="utf-8")
    assert ["stylelab release --course . -o handout", "stylelab grade hand-ins -o marks --course ."] == [
        line for line in ran if re.match("stylelab (release|grade)", line)
    ]
    with open(course / "marks" / "grades.csv", newline="", encoding="utf-8") as file:
        earned = {row["student"]: row["earned"] for row in csv.DictReader(file)}
    assert earned == {"ada": "6", "bob": "0", "eve": "0"}
    assert "divide it by the width" in next((course / "marks" / "feedback").glob("*bob*.html")).read_text(encoding="utf-8")
    shell("stylelab release --course . --solutions -o solutions", course)
    assert "np.convolve" in (course / "solutions" / "01_signals_numpy_solutions.ipynb").read_text(encoding="utf-8")


def test_the_pages_files_are_named_and_follow_its_rules():
    files = [kind for kind, _ in blocks(PAGE) if kind not in ("sh", "text")]
    assert files == [
        "exercises/signals.py",
        "lessons/source/01_signals.py",
        "tests/test_exercises.py",
        "course.toml",
        "pretend.py",
        "exercises/losses.py",
        "exercises/answers_torch.py",
    ]
    assert not [line for kind, code in blocks(PAGE) for line in code.splitlines() if len(line) > 140 and kind != "text"]


@pytest.mark.slow
def test_the_pages_exercise_in_pytorch_is_right_and_checks_its_gradient(tmp_path, shell, framework):
    pytest.importorskip("torch")
    shell("stylelab course new c", tmp_path)
    course = tmp_path / "c"
    (course / "course.toml").write_text('editions = ["torch"]')
    (course / "exercises" / "numbers.py").unlink()
    for name, code in blocks(IN_TORCH):
        (course / name).write_text(code)
    (course / "lessons" / "source" / "01_sort_and_fit.py").write_text(
        '# %% name="setup"\nimport stylelab.torch as sl\n'
        '# %% name="mean_square" exercise="mean_square"\ndef mean_square(x, y):\n    raise NotImplementedError\n'
        '# %% name="check" check="mean_square"\nmean_square = sl.check("mean_square", mean_square)\n'
    )
    shell("stylelab lessons build\nstylelab course check .", course)
    (course / "exercises" / "answers_torch.py").write_text(
        "def mean_square(x, y):\n    return (x.detach() - y).square().mean()\n"
    )
    assert "instead of `x`" in shell("stylelab course check .", course, status=1)
