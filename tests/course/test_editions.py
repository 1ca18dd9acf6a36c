"""A course of one's own in PyTorch and in TensorFlow: its answers, its gradients, and its marks."""

import json
import shutil

import pytest

from stylelab.base.course import choose_course, read_course
from stylelab.exercises import course_answers
from stylelab.tools.classroom.handout import release
from stylelab.tools.classroom.marking.mark import Sandboxes, mark
from stylelab.tools.classroom.marking.model import Submission
from stylelab.tools.classroom.sandbox.sandbox import Limits
from stylelab.tools.course.build import build_course
from stylelab.tools.course.check import check as faults

DEFINITION = """
def _pairs(rng):
    x, y = rng.normal(size=(2, 6)).astype(np.float32)
    return {"plain": {"x": x, "y": y}, "swapped": {"x": y, "y": x}}


MEAN_SQUARE = Exercise(
    id="mean_square",
    title="Return the mean of the squared differences.",
    arguments={"x": "array", "y": "array"},
    result="scalar",
    cases=_pairs,
    reference=lambda x, y: np.mean((x - y) ** 2),
    differentiable=["x"],
    mistakes={"That is the sum: take the mean.": lambda x, y: np.sum((x - y) ** 2)},
    properties=[Property("both ways", "x and y can change places.", lambda cases, outputs: np.isclose(outputs["swapped"], outputs["plain"]))],
    hints=["Subtract, square, average.", "(N,) less (N,) is (N,); the mean of that is a scalar."],
)
"""
ANSWER = {
    "torch": "def mean_square(x, y):\n    return (x - y).square().mean()\n",
    "tensorflow": "import tensorflow as tf\n\n\ndef mean_square(x, y):\n    return tf.reduce_mean(tf.square(x - y))\n",
}
SUM = {
    "torch": "def mean_square(x, y):\n    return (x - y).square().sum()\n",
    "tensorflow": "import tensorflow as tf\n\n\ndef mean_square(x, y):\n    return tf.reduce_sum(tf.square(x - y))\n",
}
CUT = {
    "torch": "def mean_square(x, y):\n    return (x.detach() - y).square().mean()\n",
    "tensorflow": "import tensorflow as tf\n\n\ndef mean_square(x, y):\n    return tf.reduce_mean(tf.square(tf.stop_gradient(x) - y))\n",
}
LESSON = """# %% name="setup"
import stylelab.{0} as sl
# %% name="only_torch" tags=["torch"]
import torch
# %% name="only_tensorflow" tags=["tensorflow"]
import tensorflow as tf
# %% name="mean_square" exercise="mean_square"
def mean_square(x, y):
    raise NotImplementedError
# %% name="check" check="mean_square"
mean_square = sl.check("mean_square", mean_square)
"""


@pytest.fixture
def folder(define, framework):
    """A course with one exercise, in this process's framework."""
    folder = define(DEFINITION, f'editions = ["{framework}"]')
    (folder / "exercises" / f"answers_{framework}.py").write_text(ANSWER[framework])
    for name, text in {"lessons/source/01_squares.py": LESSON.format(framework), "tests/test_squares.py": ""}.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    build_course(read_course(folder), run=False)
    return folder


def function(code: str):
    """The function that some code defines."""
    namespace: dict = {}
    exec(code, namespace)
    return namespace["mean_square"]


def test_a_check_gives_the_courses_own_function_until_the_answer_is_right(folder, framework, sl, capsys):
    own = course_answers(read_course(folder), framework)["mean_square"]
    assert sl.check("mean_square", function(SUM[framework])) is own
    said = capsys.readouterr().out
    assert "That is the sum: take the mean." in said and "continues with the course's own." in said
    assert sl.check("mean_square", own) is own and "That is the course's own function" in capsys.readouterr().out
    assert sl.check("mean_square", function(CUT[framework])) is own and "The value is right, but" in capsys.readouterr().out
    right = function(ANSWER[framework])
    assert sl.check("mean_square", right) is right


@pytest.mark.slow
def test_model_answers_are_tried_in_their_framework(folder, framework):
    course = read_course(folder)
    assert faults(course) == []
    answers = folder / "exercises" / f"answers_{framework}.py"
    answers.write_text("print('hello')\n" + CUT[framework])
    (line,) = faults(course)
    assert line.startswith("exercise mean_square: its answer in ") and "gradient" in line
    answers.write_text("")
    assert faults(course) == [f"exercise mean_square: exercises/answers_{framework}.py has no function of this name"]
    answers.write_text("import this_is_not_there\n")
    (line,) = faults(course)
    assert line.startswith(f"edition {framework}: ") and "ModuleNotFoundError" in line


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed (.ci/run installs it)")
def test_answers_are_graded_in_the_frameworks_sandbox(folder, framework, tmp_path):
    course = read_course(folder)
    with choose_course(course), Sandboxes() as sandboxes:
        release.release(tmp_path / "handout")
        released = tmp_path / "handout" / f"01_squares_{framework}.ipynb"
        stages = {}
        for name, code in {"right": ANSWER, "sum": SUM, "cut": CUT}.items():
            notebook = json.loads(released.read_text())
            for cell in notebook["cells"]:
                if cell["metadata"]["stylelab"].get("exercise"):
                    cell["source"] = code[framework]
            (one,) = mark(
                Submission("Ada", "a.ipynb", json.dumps(notebook).encode()), sandboxes, "8badf00d" * 4, Limits(20.0)
            ).exercises
            stages[name] = (one.stage, one.earned, one.reason)
    assert stages["right"][:2] == ("right", 4), stages
    assert stages["sum"][1] == 0 and "take the mean" in stages["sum"][2], stages
    assert stages["cut"][1] == 3, stages


@pytest.mark.plain
def test_an_edition_that_is_not_installed_is_a_line(define, monkeypatch):
    folder = define(DEFINITION, 'editions = ["torch"]')
    monkeypatch.setattr("stylelab.tools.course.check.is_installed", lambda name: False)
    assert "edition torch: PyTorch is not installed, so its model answers were not tried" in faults(read_course(folder))


def test_without_a_model_answer_a_check_says_so(define, framework, sl):
    define(DEFINITION, f'editions = ["{framework}"]')
    with pytest.raises(ValueError, match="exercise 'mean_square' has no model answer in"):
        sl.check("mean_square", len)
