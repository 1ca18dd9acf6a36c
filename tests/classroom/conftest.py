"""One sandbox for all tests of the grader: starting one imports a framework, which takes seconds."""

import notebooks
import pytest
from submitting import HONEST, POINTS, mark_answer, own_course

from stylelab.base.course import choose_course
from stylelab.tools.classroom.marking.mark import Sandboxes
from stylelab.tools.classroom.sandbox import sandbox


@pytest.fixture(scope="session")
def sandboxes():
    """Warm sandboxes that stay open until the last test."""
    with Sandboxes() as running:
        yield running


@pytest.fixture
def patient(monkeypatch):
    """The grader never gives an answer up because the machine is busy, as it may be with other tests: a batch would run it again."""
    monkeypatch.setattr(sandbox, "BACKSTOP", 10_000)


@pytest.fixture(scope="session")
def kernel(framework):
    """A process that runs notebooks in IPython."""
    running = notebooks.Kernel(framework)
    yield running
    running.close()


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """A course of one's own."""
    return own_course(tmp_path_factory.mktemp("course") / "gram")


@pytest.fixture(params=["our lesson", "own course"])
def edition(request, framework, course):
    """What a lesson is written for: a framework, and then NumPy in a course of one's own."""
    if request.param == "our lesson":
        yield framework
    elif framework == "tensorflow":
        pytest.skip("runs with --framework torch")
    else:
        with choose_course(course):
            yield "numpy"


@pytest.fixture
def grade(sandboxes, edition):
    """A function: code of the answer's cell -> its mark. Afterwards an honest answer must still get all points."""

    def graded(answer: str, *before: str, **options):
        for _ in range(3):  # as a batch does with what a busy machine could not judge
            result = mark_answer(sandboxes, edition, answer, *before, **options)
            if result.stage != "starved":
                break
        return result

    yield graded
    after = graded(HONEST[edition])
    assert (after.stage, after.earned) == ("right", POINTS), after.reason
