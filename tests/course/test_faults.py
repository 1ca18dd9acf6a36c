"""`stylelab course check` and `lessons build`: what is wrong with a course is said in a line, whatever it is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stylelab.base.course import read_course
from stylelab.cli.commands import run
from stylelab.errors import InputError
from stylelab.exercises import EXERCISES
from stylelab.tools.course import trial
from stylelab.tools.course.build import build_course
from stylelab.tools.course.check import check

EXERCISES_FILE, LESSON, SETTINGS = "exercises/numbers.py", "lessons/source/01_sort_and_fit.py", "course.toml"
NOTEBOOK = "lessons/01_sort_and_fit_numpy.ipynb"
RIGHT, TWICE = "lambda numbers: sorted(numbers)", "lambda numbers: sorted(set(numbers))"
pytestmark = pytest.mark.plain


def swap(path: str, old: str, new: str) -> Callable[[Path], object]:
    """A change: the first `old` in a file becomes `new`."""

    def change(course: Path) -> None:
        text = (course / path).read_text(encoding="utf-8")
        assert old in text
        (course / path).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def put(path: str, data: str | bytes) -> Callable[[Path], object]:
    """A change: a file with this in it."""
    return lambda course: (course / path).write_bytes(data if isinstance(data, bytes) else data.encode())


def folder_instead(path: str) -> Callable[[Path], object]:
    """A change: a folder where a file should be."""
    return lambda course: ((course / path).unlink(), (course / path).mkdir())


def faults(course: Path) -> list[str]:
    """The lines of `course check`."""
    try:
        return check(read_course(course))
    except InputError as error:
        return [str(error)]


DEFINITIONS = {
    "a file that is missing": (put(EXERCISES_FILE, "from .helpers import draw\n"), "No module named 'exercises.helpers'"),
    "kind of an argument": (swap(EXERCISES_FILE, '"numbers": "list"}', '"numbers": "lists"}'), "an unknown kind 'lists': choose one of"),
    "kind of the result": (swap(EXERCISES_FILE, 'result="list"', 'result="lst"'), "its result is of an unknown kind 'lst'"),
    "another kind of result": (swap(EXERCISES_FILE, 'result="list"', 'result="text"'), "returns a list, where `result` is 'text' (case 'plain')"),
    "arguments in a list": (swap(EXERCISES_FILE, '{"numbers": "list"}', '["numbers"]'), "`arguments` should be a dict"),
    "no arguments": (swap(EXERCISES_FILE, '{"numbers": "list"}', "{}"), "it has no arguments"),
    "one property": (swap(EXERCISES_FILE, "properties=(\n", "properties=Property('a', 'b', lambda cases, outputs: True) or (\n"), "a tuple with a comma"),
    "hints as a text": (swap(EXERCISES_FILE, "hints=(\n", "hints='think' or (\n"), "`hints` should be a list of texts"),
    "one hint": (swap(EXERCISES_FILE, "hints=(\n", "hints=('think',) or (\n"), "hints: 1, but a student who is stuck can ask for three"),
    "no mistakes": (swap(EXERCISES_FILE, "mistakes={\n", "mistakes={} and {\n"), "`mistakes` is empty"),
    "cases without rng": (swap(EXERCISES_FILE, "def _lists(rng)", "def _lists()"), "`cases` should take one argument, `rng`"),
    "cases in a list": (swap(EXERCISES_FILE, 'return {\n        "plain"', 'return [] and {\n        "plain"'), "a dict whose first key is 'plain'"),
    "no plain case": (swap(EXERCISES_FILE, '"plain": {"numbers"', '"first": {"numbers"'), "a dict whose first key is 'plain'"),
    "other arguments": (swap(EXERCISES_FILE, '"plain": {"x": x, "y": y}', '"plain": {"x": x}'), "case 'plain' should be a dict with x and y"),
    "another value": (swap(EXERCISES_FILE, '"plain": {"numbers": numbers}', '"plain": {"numbers": "abc"}'), "`numbers` is a str, which is not of the kind 'list'"),
    "not seeded": (swap(EXERCISES_FILE, "rng.uniform(-3, 3,", "np.random.uniform(-3, 3,"), "something else for the same seed"),
    "always the same": (swap(EXERCISES_FILE, "numbers = rng.permutation(100)[: rng.integers(6, 12)].tolist()", "numbers = [3, 1, 2, 4]"), "its inputs are the same for every seed"),
    "reference stops": (swap(EXERCISES_FILE, "reference=_line", "reference=lambda x, y: 1 / 0"), "line 63: ZeroDivisionError: division by zero"),
    "reference ends Python": (swap(EXERCISES_FILE, "reference=_line", "reference=lambda x, y: exit(3)"), "line 63: SystemExit: 3"),
    "reference returns nothing": (swap(EXERCISES_FILE, "reference=_line", "reference=lambda x, y: None"), "its reference returns nothing"),
    "reference with other names": (swap(EXERCISES_FILE, "reference=_line", "reference=lambda a, b: 1"), "`reference` should take these arguments by name: x, y"),
    "reference changes its input": (swap(EXERCISES_FILE, RIGHT, "lambda numbers: numbers.sort() or numbers"), "It changes its input `numbers` in place"),
    "reference is not finite": (swap(EXERCISES_FILE, "reference=_line", "reference=lambda x, y: x * np.nan"), "not a finite number"),
    "lists not equally long": (swap(EXERCISES_FILE, RIGHT, "lambda numbers: [[1], [1, 2]]"), "lists that are not equally long"),
    "reference far too long": (swap(EXERCISES_FILE, RIGHT, "lambda numbers: [1] * 400_000"), "more than 300000 numbers"),
    "mistake stops": (swap(EXERCISES_FILE, TWICE, "lambda numbers: 1 / 0"), "keep all of them.': it stops with ZeroDivisionError"),
    "mistake is right": (swap(EXERCISES_FILE, TWICE, RIGHT), "keep all of them.': it is a right answer"),
    "mistake is right for some": (swap(EXERCISES_FILE, TWICE, "lambda numbers: sorted(set(numbers) if len(numbers) % 2 else numbers)"), "for some inputs (seed"),
    "mistake is another": (swap(EXERCISES_FILE, TWICE, "lambda numbers: sorted(numbers)[::-1]"), "reads something else: The largest comes first"),
    "property stops": (swap(EXERCISES_FILE, 'outputs["reversed"], ', 'outputs["revresed"], '), "line 35: KeyError: 'revresed'"),
    "no title": (swap(EXERCISES_FILE, 'title="', 'title="" and "'), "`title` is empty"),
    "points of the value": (swap(EXERCISES_FILE, 'result="list",', 'result="list", value_points=-2,'), "its points are -2, 1: each should be a whole number from 1 on"),
    "points of a property": (swap(EXERCISES_FILE, 'lambda cases, outputs: np.array_equal(outputs["reversed"], outputs["plain"]),', 'lambda cases, outputs: True, points="1",'), "its points are 2, 1: each should be a whole number"),
    "tolerance": (swap(EXERCISES_FILE, 'result="list",', 'result="list", rtol="1e-3",'), "`rtol` should be a number"),
    "advice": (swap(EXERCISES_FILE, 'result="list",', 'result="list", advice=["think"],'), "`advice` should be a dict"),
    "a file beside it": (lambda course: (swap(EXERCISES_FILE, RIGHT, "lambda numbers: sorted(numbers)[: len(HERE)]")(course), swap(EXERCISES_FILE, "import numpy as np", "import numpy as np; HERE = __file__")(course)), "students and graders get only exercises/*.py"),
    "property asks for too much": (swap(EXERCISES_FILE, 'np.array_equal(outputs["reversed"], outputs["plain"])', 'outputs["reversed"] == outputs["plain"]'), "property 'ignores the order': ValueError: The truth value"),
    "property is missing": (swap(EXERCISES_FILE, 'np.array_equal(outputs["reversed"]', 'not np.array_equal(outputs["reversed"]'), "its own reference does not have it"),
    "syntax": (swap(EXERCISES_FILE, "def _line(x, y):", "def _line(x, y)"), "numbers.py', line 52: SyntaxError: expected ':'"),
    "name": (swap(EXERCISES_FILE, "reference=_line", "reference=_Line"), "line 63: NameError: name '_Line' is not defined"),
    "the file ends Python": (swap(EXERCISES_FILE, "import numpy as np", "import numpy as np; exit()"), "SystemExit"),
    "a field too few": (swap(EXERCISES_FILE, '    result="list",\n', ""), "Exercise.__init__() missing 1 required positional argument: 'result'"),
    "a field too many": (swap(EXERCISES_FILE, 'result="list"', 'result="list", colour=1'), "unexpected keyword argument 'colour'"),
    "an id twice": (swap(EXERCISES_FILE, 'id="fit_line"', 'id="insertion_sort"'), "another exercise has the id 'insertion_sort'"),
    "no id": (swap(EXERCISES_FILE, 'id="fit_line"', 'id="fit line"'), "'fit line' is not an id"),
    "an id of another type": (swap(EXERCISES_FILE, 'id="fit_line"', "id=[3]"), "[3] is not an id"),
    "a keyword as id": (swap(EXERCISES_FILE, 'id="fit_line"', 'id="class"'), "'class' is not an id"),
    "latin-1": (put(EXERCISES_FILE, b"# \xe9\n"), "numbers.py' is not a text in UTF-8"),
    "no exercises": (put(EXERCISES_FILE, ""), "exercises: there are none in"),
    "a folder": (folder_instead(EXERCISES_FILE), "cannot read exercises"),
    "exercises missing": (lambda course: shutil.rmtree(course / "exercises"), "exercises', which does not exist"),
    "exercises are a file": (lambda course: (shutil.rmtree(course / "exercises"), put("exercises", "")(course)), "exercises', which is not a folder"),
    "a gradient without a framework": (swap(EXERCISES_FILE, 'arguments={"x"', 'differentiable=["x"],\n    arguments={"x"'), "gradients and losses need an edition in PyTorch"),
    "a definition made by a loop": (
        lambda course: (
            swap(EXERCISES_FILE, "INSERTION_SORT = Exercise(", "FIELDS = dict(")(course),
            swap(EXERCISES_FILE, "def _points(rng)", "INSERTION_SORT = Exercise(**FIELDS)\n\n\ndef _points(rng)")(course),
            swap(EXERCISES_FILE, 'id="insertion_sort"', 'id="insertion" + "_sort"')(course),
        ),
        "a grader looks for the reference there",
    ),
}  # fmt: skip
LESSONS = {
    "an unknown exercise": (swap(LESSON, 'exercise="fit_line"', 'exercise="fit_lines"'), "unknown exercise 'fit_lines': did you mean 'fit_line'?"),
    "an exercise of stylelab's": (swap(LESSON, 'exercise="fit_line"', 'exercise="gram_matrix"'), "'gram_matrix' is one of stylelab's: write `stylelab = true`"),
    "no cell for the check": (swap(LESSON, ' check="fit_line"', ""), 'needs a cell with check="fit_line"'),
    "nothing checked": (swap(LESSON, 'sl.check("fit_line", fit_line)', "fit_line"), 'needs a cell with check="fit_line"'),
    "no place for the answer": (swap(LESSON, "raise NotImplementedError", "return numbers"), "has 0 lines `raise NotImplementedError`"),
    "another function": (swap(LESSON, "def fit_line(x, y)", "def fit_lines(x, y)"), "should begin with `def fit_line(x, y):`"),
    "other arguments": (swap(LESSON, "def fit_line(x, y)", "def fit_line(x)"), "should begin with `def fit_line(x, y):`"),
    "not asked for": (swap(LESSON, ' exercise="fit_line"', ""), "exercise fit_line: no lesson asks for it"),
    "asked for twice": (lambda course: shutil.copy(course / LESSON, course / "lessons/source/02_again.py"), "exercise fit_line: 2 cells ask for it"),
    "a cell without a name": (swap(LESSON, '# %% name="sorted"', "# %%"), "a cell has no name"),
    "a name twice": (swap(LESSON, 'name="sorted"', 'name="setup"'), "2 cells have the name 'setup'"),
    "older than its source": (swap(LESSON, "hold some cards", "hold cards"), "older than its source: run `stylelab lessons build`"),
    "not built": (lambda course: (course / NOTEBOOK).unlink(), "not built: run `stylelab lessons build`"),
    "damaged": (put(NOTEBOOK, "{"), "01_sort_and_fit_numpy.ipynb: cannot be read"),
    "of another kind": (put(NOTEBOOK, "[]"), "01_sort_and_fit_numpy.ipynb: cannot be read"),
    "latin-1": (put(LESSON, b'# %% name="a"\n# \xe9'), "01_sort_and_fit.py: not a text in UTF-8"),
    "empty": (put(LESSON, ""), "01_sort_and_fit.py: no cells"),
    "one digit": (put("lessons/source/2_more.py", '# %% name="a"\n1'), "lesson 2_more.py: name it with two digits"),
    "no number": (put("lessons/source/more.py", '# %% name="a"\n1'), "lesson more.py: name it with two digits"),
    "a number twice": (put("lessons/source/01_more.py", '# %% name="a"\n1'), "01_more.py has the same number"),
    "none": (lambda course: shutil.rmtree(course / "lessons"), "lessons: there are none in"),
    "no tests": (lambda course: shutil.rmtree(course / "tests"), "tests: there are none"),
}  # fmt: skip
WITH_STYLELAB = {
    "an id that is taken": (swap(EXERCISES_FILE, 'id="fit_line"', 'id="gram_matrix"'), "exercise gram_matrix: stylelab has one of this name"),
    "a number that is taken": (lambda course: None, "stylelab has a lesson 01: choose another number, from 10 on"),
}  # fmt: skip
SETTINGS_FAULTS = {
    "missing": (lambda course: (course / SETTINGS).unlink(), "is not a course: it has no course.toml; `stylelab course new` makes one"),
    "a folder": (folder_instead(SETTINGS), "cannot read"),
    "syntax": (put(SETTINGS, "title = "), "cannot read"),
    "latin-1": (put(SETTINGS, b'title = "\xe9"'), "cannot read"),
    "a name": (put(SETTINGS, 'titel = "a"'), "unknown setting 'titel': did you mean 'title'?"),
    "an edition": (put(SETTINGS, 'editions = ["pytorch"]'), "unknown edition 'pytorch': did you mean 'torch'?"),
    "a type": (put(SETTINGS, "title = 3"), "title should be a text"),
    "no editions": (put(SETTINGS, "editions = []"), "editions should be a list"),
    "less than none": (put(SETTINGS, "[help]\nhints_after = -1"), "hints_after should be a whole number, or 'never'"),
    "a word of its own": (put(SETTINGS, '[help]\nsolution_after = "later"'), "solution_after should be a whole number, or 'never'"),
    "a help of its own": (put(SETTINGS, "[help]\nhint_after = 1"), "unknown setting 'hint_after': did you mean 'hints_after'?"),
}  # fmt: skip


def test_nothing_is_missing_in_the_example(course):
    assert faults(course) == []


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_fault_of_a_definition_is_a_line(course, name):
    change, sentence = DEFINITIONS[name]
    change(course)
    found = faults(course)
    assert any(sentence in line for line in found) and not any("\n" in line for line in found), found


def test_of_a_lesson_that_cannot_be_read_nothing_else_is_said(course):
    swap(LESSON, '# %% name="sorted"', "# %%")(course)
    (line,) = faults(course)
    assert "a cell has no name" in line


@pytest.mark.parametrize("name", LESSONS)
def test_a_fault_of_a_lesson_is_a_line(course, name):
    change, sentence = LESSONS[name]
    change(course)
    found = faults(course)
    assert any(sentence in line for line in found) and not any("\n" in line for line in found), found


@pytest.mark.parametrize("name", WITH_STYLELAB)
def test_what_stylelab_has_already_is_a_line(course, name):
    change, sentence = WITH_STYLELAB[name]
    put(SETTINGS, 'stylelab = true\neditions = ["numpy"]')(course)
    change(course)
    assert any(sentence in line for line in faults(course))


@pytest.mark.parametrize("name", SETTINGS_FAULTS)
def test_a_fault_of_the_settings_is_a_line(course, name):
    change, sentence = SETTINGS_FAULTS[name]
    change(course)
    (line,) = faults(course)
    assert sentence in line and "\n" not in line


@pytest.mark.parametrize(
    "change",
    [
        swap(EXERCISES_FILE, "def _line(x, y):", "def _line(x, y):\n    while True:\n        pass"),
        swap(EXERCISES_FILE, "def _points(rng):", "def _points(rng):\n    while True:\n        pass"),
        swap(EXERCISES_FILE, TWICE, "lambda numbers: [1 for _ in iter(int, 1)]"),
        swap(EXERCISES_FILE, "import numpy as np\n", "import numpy as np\nwhile True:\n    pass\n"),
    ],
    ids=["reference", "cases", "mistake", "file"],
)
def test_a_loop_without_an_end_is_found(course, monkeypatch, change):
    monkeypatch.setattr(trial, "SECONDS", 3)
    change(course)
    (line,) = [line for line in faults(course) if "took more than 3 seconds" in line]
    assert "numbers.py', line " in line and line.endswith("end the loop, or draw smaller inputs")


def test_a_file_that_may_not_be_read_is_a_line(course, permissions_count):
    (course / EXERCISES_FILE).chmod(0)
    assert "permission denied" in faults(course)[0]


def test_what_a_courses_code_prints_is_not_among_the_lines(course, capsys):
    swap(EXERCISES_FILE, "import numpy as np", "import numpy as np; print('hello')")(course)
    assert run(["course", "check", str(course)]) == 0
    assert capsys.readouterr().out == f"{course}: nothing is missing\n"


def test_the_exit_status_says_whether_something_is_missing(course, capsys):
    assert run(["course", "check", str(course)]) == 0
    (course / NOTEBOOK).unlink()
    assert run(["course", "check", str(course)]) == 1
    assert capsys.readouterr().out.count("\n") == 2


@pytest.mark.parametrize("name", ["layer_name", "receptive_field", "content_loss", "total_cost", "balance", "psnr"])
def test_stylelabs_own_exercises_have_no_faults(name):
    assert list(trial.exercise_faults(EXERCISES[name])) == []


def test_a_cell_that_fails_is_named_with_its_line(course):
    swap(LESSON, "hand = rng.permutation(10).tolist()", "hand = [1]\n1 / 0")(course)
    with pytest.raises(InputError) as caught:
        build_course(read_course(course))
    assert (
        str(caught.value)
        == "01_sort_and_fit.py, NumPy: a cell fails: ZeroDivisionError: division by zero (cell 'sorted', line 2)"
    )


@pytest.mark.parametrize(
    ("numbers", "edition", "sentence"),
    [(["02"], None, "unknown lesson '02'"), ([], "torch", "unknown edition 'torch': choose one of numpy")],
)
def test_a_lesson_or_edition_that_is_not_there_is_refused(course, numbers, edition, sentence):
    with pytest.raises(InputError, match=sentence):
        build_course(read_course(course), numbers, edition)


def test_a_lesson_with_a_wrong_name_is_all_that_is_said_about_its_exercises(course):
    (course / LESSON).rename(course / "lessons" / "source" / "sorting.py")
    (course / "lessons" / "source" / "02_next.py").write_text('# %% [markdown] name="title"\n# # 2 · Next\n', encoding="utf-8")
    found = faults(course)
    assert any("sorting.py: name it with two digits" in line for line in found)
    assert not any("no lesson asks for it" in line for line in found)
