"""Submissions of lesson 03 for the tests of the sandbox: notebooks, honest and lazy answers, and code that looks around."""

import json
import shutil
import textwrap
from pathlib import Path

import pytest

from stylelab.base.course import Course, read_course
from stylelab.tools.classroom.marking.mark import Sandboxes, mark
from stylelab.tools.classroom.marking.model import ExerciseMark, Submission
from stylelab.tools.classroom.sandbox.sandbox import Limits

SEED = "8badf00d5eedc0de8badf00d5eedc0de"
LESSON = "03_style_reconstruction"
POINTS = 7  # of gram_matrix
HONEST = {
    "torch": "def gram_matrix(activation):\n    f = activation.flatten(2)\n    return f @ f.transpose(1, 2) / f.shape[2]\n",
    "tensorflow": "def gram_matrix(activation):\n    b, h, w, c = activation.shape\n    f = tf.reshape(activation, (b, h * w, c))\n"
    "    return tf.matmul(f, f, transpose_a=True) / (h * w)\n",
    "numpy": "def gram_matrix(activation):\n    b, h, w, c = activation.shape\n    f = activation.reshape(b, h * w, c)\n"
    "    return f.transpose(0, 2, 1) @ f / (h * w)\n",
}
IMPORTS = {
    "torch": "import numpy as np\nimport torch\nimport stylelab.torch as sl\nzeros = lambda a: torch.zeros(a.shape[0], a.shape[1], a.shape[1])\n",
    "tensorflow": "import numpy as np\nimport tensorflow as tf\nimport stylelab.tensorflow as sl\n"
    "zeros = lambda a: tf.zeros((a.shape[0], a.shape[3], a.shape[3]))\n",
    "numpy": "import numpy as np\nimport stylelab as sl\nzeros = lambda a: np.zeros((a.shape[0], a.shape[3], a.shape[3]))\n",
}
OWN_EXERCISES = """import numpy as np

from stylelab.exercises import Exercise, Property


def _cases(rng):
    shape = (2, *rng.integers(4, 7, 2), 3)
    activation = rng.standard_normal(shape)
    return {"plain": {"activation": activation}, "flipped": {"activation": activation[:, ::-1]}}


def _reference_that_students_must_not_read(activation):
    return np.einsum("bhwi,bhwj->bij", activation, activation) / np.prod(activation.shape[1:3])


GRAM_MATRIX = Exercise(
    id="gram_matrix", title="Which filters respond together.", arguments={"activation": "array"}, result="array", cases=_cases,
    reference=_reference_that_students_must_not_read, value_points=4,
    mistakes={
        "Divide by the number of positions.": lambda activation: np.einsum("bhwi,bhwj->bij", activation, activation),
    },
    properties=(
        Property("forgets where", "Order makes no difference.", lambda cases, outputs: np.allclose(outputs["plain"], outputs["flipped"]), points=3),
    ),
    hints=("Multiply.", "Sum.", "Divide."),
)


def _loss_cases(rng):
    return {"plain": {"activation": rng.standard_normal((1, 4, 5, 3)), "target_gram": rng.standard_normal((1, 3, 3))}}


STYLE_LAYER_LOSS = Exercise(
    id="style_layer_loss", title="Compare two.", arguments={"activation": "array", "target_gram": "array"}, result="array", cases=_loss_cases,
    reference=lambda activation, target_gram: np.mean((_reference_that_students_must_not_read(activation) - target_gram) ** 2),
    mistakes={}, hints=("Subtract.", "Square.", "Take the mean."),
)
"""
LAZY = "def gram_matrix(activation):\n    return zeros(activation)\n"
needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed (.ci/run installs it)")


def notebook(sources, framework: str = "torch", exercises=(), metadata: dict | None = None) -> bytes:
    """A notebook with these code cells.

    Args:
        exercises: index of a cell -> the exercise that its metadata names.
        metadata: the notebook's own; by default it says which lesson and framework it is.
    """
    cells = [{"cell_type": "code", "metadata": {}, "source": source, "outputs": []} for source in sources]
    for index, exercise in dict(exercises).items():
        cells[index]["metadata"] = {"nbgrader": {"grade_id": exercise, "solution": True}}
    metadata = {"stylelab": {"lesson": LESSON, "framework": framework}} if metadata is None else metadata
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}).encode()


def answered(framework: str, answer: str, *before: str, exercise: str = "gram_matrix") -> Submission:
    """A submission: imports, cells of the student's own, and the cell with the answer."""
    data = notebook([IMPORTS[framework], *before, answer], framework, {len(before) + 1: exercise})
    return Submission("Mallory", "x.ipynb", data)


def own_course(folder: Path) -> Course:
    """A course of one's own in this folder, with one lesson for NumPy, whose exercises are named like two of lesson 03."""
    (folder / "exercises").mkdir(parents=True)
    (folder / "lessons").mkdir()
    (folder / "course.toml").write_text('title = "Gram"\n')
    (folder / "exercises" / "gram.py").write_text(OWN_EXERCISES)
    names = {0: "gram_matrix", 1: "style_layer_loss"}
    plain = json.loads(notebook([f"def {name}():\n    raise NotImplementedError" for name in names.values()], "numpy", names))
    for cell, name in zip(plain["cells"], names.values(), strict=True):
        cell["metadata"]["stylelab"] = {"exercise": name}
        cell["metadata"]["nbgrader"] |= {"grade": False, "locked": False, "schema_version": 3, "task": False}
        cell |= {"id": name, "execution_count": None}
    (folder / "lessons" / f"{LESSON}_numpy.ipynb").write_text(json.dumps(plain))
    return read_course(folder)


def mark_answer(
    sandboxes: Sandboxes, framework: str, answer: str, *before: str, seconds: float = 10.0, exercise: str = "gram_matrix"
) -> ExerciseMark:
    """The mark of one answer."""
    marks = mark(answered(framework, answer, *before, exercise=exercise), sandboxes, SEED, Limits(seconds))
    return next(each for each in marks.exercises if each.exercise == exercise)


def as_one_statement(code: str) -> str:
    """The cell as a single statement: of several, only those that the answer depends on would run, and an attack is not one."""
    return f"if True:\n{textwrap.indent(code, '    ')}"


def reveal(grade, body: str, seconds: float = 10.0) -> str:
    """What the body of a function returns inside the sandbox: it comes back as the words of an exception."""
    code = (
        "def gram_matrix(activation):\n    def look():\n        import ctypes, mmap, os, socket, sys\n"
        "        c = ctypes.CDLL(None, use_errno=True)\n"
        f"{textwrap.indent(body, ' ' * 8)}\n    raise ValueError('revealed: ' + str(look()))\n"
    )
    result = grade(code, seconds=seconds)
    assert result.earned == 0 and "revealed: " in result.reason, result.reason
    return result.reason.partition("revealed: ")[2]
