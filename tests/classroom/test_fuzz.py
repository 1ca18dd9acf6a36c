"""Random but right notebooks get full marks, and the notebook's own check calls them right.

make test-long                                                    a hundred for each framework
SEED=20261128000 NUMBER=1 pytest tests/classroom/test_fuzz.py        one of them again
"""

import json
import os

import pytest
import styles
from submitting import SEED, needs_bubblewrap

from stylelab.tools.classroom.marking.mark import mark
from stylelab.tools.classroom.marking.model import Submission

pytestmark = [needs_bubblewrap, pytest.mark.slow]
FIRST, NUMBER = int(os.environ.get("SEED", 1)), int(os.environ.get("NUMBER", 8))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + NUMBER))
def test_a_random_right_notebook_gets_full_marks_in_notebook_and_grader(kernel, sandboxes, framework, seed):
    exercise, description, book = styles.notebook(framework, seed)
    printed = kernel.run(book)
    about = f"SEED={seed}, {exercise}: {description}\n{styles.show(book)}"
    assert f"{exercise}: right, in shape" in printed, f"the notebook: {printed}\n{about}"
    marks = mark(Submission("Ada", "x.ipynb", json.dumps(book).encode()), sandboxes, SEED)
    there = next(each for each in marks.exercises if each.exercise == exercise)
    assert there.stage == "right" and all(line.earned == line.points for line in there.lines), (
        f"the grader: {there.reason}\n{about}"
    )
