"""Courses of one's own for the tests: the one that `stylelab course new` writes, in a folder that a test may change."""

import shutil
from pathlib import Path

import pytest

from stylelab.base.course import choose_course, read_course
from stylelab.tools.course.build import build_course
from stylelab.tools.course.new import new


@pytest.fixture(scope="session")
def example(tmp_path_factory) -> Path:
    """The example, with its notebook built but not run. Not to be changed."""
    folder = tmp_path_factory.mktemp("example") / "course"
    new(folder)
    build_course(read_course(folder), run=False)
    return folder


@pytest.fixture
def course(example, tmp_path) -> Path:
    """A copy of the example to change."""
    return Path(shutil.copytree(example, tmp_path / "course"))


@pytest.fixture
def define(tmp_path, monkeypatch):
    """A function: code -> the folder of a course whose only file of exercises has it; the current folder from then on."""

    def defined(code: str, settings: str = "") -> Path:
        folder = tmp_path / "defined"
        (folder / "exercises").mkdir(parents=True, exist_ok=True)
        (folder / "course.toml").write_text(settings)
        (folder / "exercises" / "mine.py").write_text(
            f"import numpy as np\nfrom stylelab.exercises import Exercise, Property\n{code}"
        )
        monkeypatch.chdir(folder)
        return folder

    yield defined


@pytest.fixture
def chosen(course):
    """The copy of the example is the course that everything works on."""
    with choose_course(read_course(course)):
        yield course
