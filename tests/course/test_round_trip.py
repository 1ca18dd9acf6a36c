"""From `course new` to marks, with NumPy alone; and a course that adds to stylelab's lessons."""

import csv
import json
import os
import shutil
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest

import stylelab
from stylelab.base.course import choose_course, find_lessons, read_course
from stylelab.errors import InputError
from stylelab.exercises import course_points, verdict
from stylelab.tools.classroom.handout import release
from stylelab.tools.course.build import build_course
from stylelab.tools.course.new import FILES, TEMPLATE, new

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.plain
ANSWERS = {
    "ada": {
        "insertion_sort": "result = []\nfor number in numbers:\n    result.insert(sum(o < number for o in result), number)\nreturn result",
        "fit_line": "return np.polyfit(x, y, 1)",
    },
    "bob": {"insertion_sort": "return sorted(set(numbers))", "fit_line": "return np.array([x @ y / (x @ x), 0])"},
    "eve": {
        "insertion_sort": "import sys, glob\nhere = [m for m in sys.modules if 'course' in m] + glob.glob('/**/exercises/numbers.py', recursive=True)\n"
        "raise ValueError(here)",
        "fit_line": "from stylelab.exercises import find_exercise\nreturn find_exercise('fit_line').reference(x, y)",
    },
    "mia": {},
}
# a package that is in the way of both frameworks, in this process and all that it starts
BLOCKER = """
import importlib.machinery, os, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "tensorflow", "keras"):
            return importlib.machinery.ModuleSpec(name, self)

    def create_module(self, spec):
        with open(os.environ["TRIED"], "a") as file:
            file.write(f"{spec.name} {sys.argv}\\n")
        raise ImportError(f"{spec.name} is out of the way")

    def exec_module(self, module):
        pass

sys.meta_path.insert(0, Blocker())
"""


def answered(notebook: Path, answers: dict[str, str], to: Path) -> None:
    """A student's copy of a released notebook."""
    book = nbformat.read(notebook, as_version=4)
    for cell in book.cells:
        if code := answers.get(cell.metadata.get("stylelab", {}).get("exercise", "")):
            cell.source = cell.source.replace("    raise NotImplementedError", textwrap.indent(code, "    "))
    to.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, to)


@pytest.fixture
def without_frameworks(tmp_path):
    """A function: arguments of Python -> what it printed, in a folder, where no framework can be imported; none was tried."""
    (tmp_path / "way").mkdir()
    (tmp_path / "way" / "sitecustomize.py").write_text(BLOCKER)
    tried = tmp_path / "tried"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path / "way"), str(ROOT)]), "TRIED": str(tried)}

    def run(*arguments: str, cwd: Path, status: int = 0) -> str:
        done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        assert not tried.exists(), tried.read_text()
        return done.stdout

    yield run
    refused = subprocess.run([sys.executable, "-c", "import torch"], env=environment, capture_output=True, text=True)
    assert refused.returncode and tried.exists()  # or the test above says nothing


@pytest.mark.slow
def test_a_course_in_numpy_is_made_checked_built_released_and_graded_without_a_framework(tmp_path, without_frameworks):
    course = tmp_path / "sorting"
    stylelab_ = ("-m", "stylelab")
    without_frameworks(*stylelab_, "course", "new", "sorting", cwd=tmp_path)
    assert "01_sort_and_fit_numpy.ipynb" in without_frameworks(*stylelab_, "lessons", "build", cwd=course)
    assert without_frameworks(*stylelab_, "course", "check", ".", cwd=course) == ".: nothing is missing\n"
    assert "passed" in without_frameworks("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=course)
    without_frameworks(*stylelab_, "release", "--course", ".", "-o", "handout", cwd=course)
    with zipfile.ZipFile(course / "handout" / "01_sort_and_fit.zip") as packed:
        packed.extractall(tmp_path / "student")
        names = {Path(name).relative_to("01_sort_and_fit").as_posix() for name in packed.namelist()}
    assert names == {"README.txt", "course.toml", "exercises/numbers.py", "01_sort_and_fit_numpy.ipynb"}
    desk = tmp_path / "student" / "01_sort_and_fit"
    said = without_frameworks(
        "-c",
        "import numpy as np, stylelab as sl\n"
        "f = sl.check('fit_line', lambda x, y: np.array([x @ y / (x @ x), 0]))\nsl.hint('fit_line')\nprint(f(np.arange(3), np.arange(3)))",
        cwd=desk,
    )
    assert "the lesson continues with the course's own." in said and "hint 1 of 3" in said and "[1. 0.]" in said
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed, so nothing was graded")
    for student, answers in ANSWERS.items():
        answered(desk / "01_sort_and_fit_numpy.ipynb", answers, course / "hand-ins" / f"{student}.ipynb")
    without_frameworks(*stylelab_, "grade", "hand-ins", "-o", "marks", "--course", ".", cwd=course)
    with open(course / "marks" / "grades.csv", newline="", encoding="utf-8") as file:
        earned = {row["student"]: row["earned"] for row in csv.DictReader(file)}
    assert earned == {"ada": "6", "bob": "0", "eve": "0", "mia": "0"}
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (course / "marks" / "feedback").glob("*.html")}
    assert "Numbers that occur twice are lost" in pages["bob"] and "the line through the origin" in pages["bob"]
    assert "numbers.py" not in pages["eve"] and "stylelab_course" not in pages["eve"]
    assert "out of reach" in pages["eve"] and "Not attempted" in pages["mia"]


def test_the_title_may_have_any_letters_and_the_folder_must_be_new(tmp_path):
    title = 'Graphs "and" \\ trees\n图'
    assert "1 lesson and 2 exercises" in new(tmp_path / "a b", title)
    assert tomllib.loads((tmp_path / "a b" / "course.toml").read_text(encoding="utf-8"))["title"] == title
    new(tmp_path / "linear-algebra")
    assert read_course(tmp_path / "linear-algebra").title == "Linear algebra"
    with pytest.raises(InputError, match="is not empty: choose a new folder"):
        new(tmp_path / "a b")
    with pytest.raises(InputError, match="is not a folder: choose another name"):
        new(tmp_path / "a b" / "course.toml")


def test_a_course_can_begin_in_a_new_repository(tmp_path):
    (tmp_path / ".git").mkdir()
    new(tmp_path)
    assert (tmp_path / ".gitignore").is_file()


def test_the_templates_are_in_the_package_where_a_wheel_takes_them():
    assert {path.name for path in TEMPLATE.iterdir()} == set(FILES.values())  # flat: a wheel has nothing in tests/ or source/
    assert all(path.suffix == ".j2" for path in TEMPLATE.iterdir())
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["stylelab"]
    assert "**/*.j2" in patterns


def test_a_course_is_found_from_a_folder_inside_it_and_not_outside(course, monkeypatch):
    monkeypatch.chdir(course / "lessons" / "source")
    assert verdict("insertion_sort", sorted).right
    monkeypatch.chdir(course.parent)
    with pytest.raises(InputError, match="unknown exercise 'insertion_sort'"):
        verdict("insertion_sort", sorted)


def test_an_unknown_exercise_is_compared_with_the_courses_own(course, monkeypatch):
    monkeypatch.chdir(course)
    with pytest.raises(InputError, match="unknown exercise 'gram': choose one of insertion_sort, fit_line$"):
        stylelab.check("gram", len)


def test_a_changed_exercise_is_read_again(course, monkeypatch):
    monkeypatch.chdir(course)
    assert verdict("insertion_sort", sorted).right
    file = course / "exercises" / "numbers.py"
    file.write_text(file.read_text().replace("lambda numbers: sorted(numbers),", "lambda numbers: sorted(numbers)[::-1],"))
    assert not verdict("insertion_sort", sorted).right


def test_files_of_a_course_share_what_they_use(define):
    folder = define(
        "from .shared import twice\n"
        "DOUBLE = Exercise(id='double', title='Double it.', arguments={'x': 'whole'}, result='whole', reference=twice,\n"
        "    cases=lambda rng: {'plain': {'x': int(rng.integers(3, 99))}}, mistakes={'No.': lambda x: x})\n"
    )
    (folder / "exercises" / "shared.py").write_text("def twice(x):\n    return 2 * x\n")
    assert verdict("double", lambda x: x + x).right and verdict("double", lambda x: x).sentence == "No."


def test_stylelabs_lessons_come_too_in_the_courses_editions(course, tmp_path):
    source = course / "lessons" / "source"
    (source / "01_sort_and_fit.py").rename(source / "10_sort_and_fit.py")
    for old in (course / "lessons").glob("*.ipynb"):
        old.unlink()
    (course / "course.toml").write_text('stylelab = true\neditions = ["torch"]')
    own = read_course(course)
    build_course(own, run=False)
    with choose_course(own):
        names = [path.name for path in find_lessons()]
        assert names[0] == "00_start_here_torch.ipynb" and names[-1] == "10_sort_and_fit_torch.ipynb" and len(names) == 11
        points = course_points()
        assert points["fit_line"] == 3 and points["gram_matrix"] == 7
        release.release(tmp_path / "handout", None, ["03", "10"])
    handed_out = {path.name for path in (tmp_path / "handout").iterdir() if not path.name.startswith(".")}
    assert handed_out == {
        "03_style_reconstruction_torch.ipynb", "10_sort_and_fit_torch.ipynb", "03_style_reconstruction.zip", "10_sort_and_fit.zip",
        "course.toml", "exercises",
    }  # fmt: skip


def test_a_lesson_may_ask_for_an_exercise_of_stylelabs(course):
    source = course / "lessons" / "source" / "01_sort_and_fit.py"
    source.rename(source.with_name("10_sort_and_fit.py"))
    source = source.with_name("10_sort_and_fit.py")
    source.write_text(source.read_text().replace("fit_line(x, y)", "gram_matrix(activation)").replace("fit_line", "gram_matrix"))
    with pytest.raises(InputError, match="is one of stylelab's: write `stylelab = true` into course.toml"):
        build_course(read_course(course), run=False)
    (course / "course.toml").write_text('stylelab = true\neditions = ["torch"]')
    (path,) = build_course(read_course(course), run=False)
    cells = [cell["metadata"]["nbgrader"] for cell in json.loads(path.read_text())["cells"] if "nbgrader" in cell["metadata"]]
    assert ("check_gram_matrix", 7) in {(cell["grade_id"], cell.get("points")) for cell in cells}
