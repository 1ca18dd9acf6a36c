"""One sandbox for all tests of the grader: starting one imports a framework, which takes seconds."""

import notebooks
import pytest
from submitting import HONEST, POINTS, mark_answer

from stylelab.tools.classroom.marking.mark import Sandboxes


@pytest.fixture(scope="session")
def sandboxes():
    """Warm sandboxes that stay open until the last test."""
    with Sandboxes() as running:
        yield running


@pytest.fixture(scope="session")
def kernel(framework):
    """A process that runs notebooks in IPython."""
    running = notebooks.Kernel(framework)
    yield running
    running.close()


@pytest.fixture
def grade(sandboxes, framework):
    """A function: code of the answer's cell -> its mark. Afterwards an honest answer must still get all points."""

    def graded(answer: str, *before: str, **options):
        for _ in range(3):  # as a batch does with what a busy machine could not judge
            result = mark_answer(sandboxes, framework, answer, *before, **options)
            if result.stage != "starved":
                break
        return result

    yield graded
    after = graded(HONEST[framework])
    assert (after.stage, after.earned) == ("right", POINTS), after.reason
