"""A class of a course of one's own: graded in the same sandbox, marked again when its files change, mixed with our lessons."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pytest
from submitting import HONEST, LESSON, OWN_EXERCISES, needs_bubblewrap, notebook, own_course

from stylelab.base.course import choose_course, chosen_course, find_course, packed, read_course, work_on
from stylelab.cli import commands as cli
from stylelab.exercises import course_points, find_exercise
from stylelab.tools.classroom.handout.release import release
from stylelab.tools.classroom.marking import batch
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.marking.version import grader_digest
from stylelab.tools.classroom.notebooks.identify import identify
from stylelab.tools.classroom.notebooks.lessons import all_editions
from stylelab.tools.classroom.notebooks.read import read_notebook
from stylelab.tools.classroom.sandbox.sandbox import bubblewrap_command

pytestmark = pytest.mark.plain
LOSS = "def style_layer_loss(activation, target_gram):\n    return np.mean((gram_matrix(activation) - target_gram) ** 2)\n"


def hand_in(student: str, gram: str, loss: str = LOSS) -> None:
    path = Path("in", student, f"{LESSON}_numpy.ipynb")
    path.parent.mkdir(parents=True)
    path.write_bytes(notebook(["import numpy as np\n", gram, loss], "numpy", {1: "gram_matrix", 2: "style_layer_loss"}))


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return own_course(tmp_path / "mine")


@needs_bubblewrap
def test_a_class_is_graded_in_worker_processes_and_a_hostile_answer_costs_nobody_else(course, capsys):
    """The workers have never seen the course: its files travel to them."""
    hand_in("Ada", HONEST["numpy"])
    hand_in("Bo", "def gram_matrix(activation):\n    f = activation.reshape(2, -1, 3)\n    return f.transpose(0, 2, 1) @ f\n")
    hand_in("Mallory", "if True:\n    import os\n    os._exit(0)\n    def gram_matrix(activation):\n        return 1\n")
    looks = f"    import glob\n    raise ValueError(glob.glob({str(course.folder)!r} + '*') + glob.glob('/tmp/*') + glob.glob('/*/*/gram.py'))\n"
    hand_in("Trudy", f"def gram_matrix(activation):\n{looks}")
    assert cli.run(["grade", "in", "-o", "out", "--course", "mine"]) == 0, capsys.readouterr().err
    found = {(row["student"], row["exercise"]): row for row in csv.DictReader(io.StringIO(Path("out/details.csv").read_text()))}
    stages = {student: found[student, "gram_matrix"]["outcome"] for student in ("Ada", "Bo", "Mallory", "Trudy")}
    assert stages == {"Ada": "right", "Bo": "wrong", "Mallory": "could not run", "Trudy": "could not run"}
    assert found["Bo", "gram_matrix"]["mistake"] == "Divide by the number of positions."
    assert {row["outcome"] for (_, exercise), row in found.items() if exercise == "style_layer_loss"} == {"right"}
    assert "<h1>Class overview: Gram</h1>" in Path("out/overview.html").read_text()
    assert "ValueError: []" in found["Trudy", "gram_matrix"]["reason"]
    assert "_reference_that_students" not in "".join(path.read_text() for path in Path("out/feedback").iterdir())


def test_a_changed_exercise_or_lesson_is_noticed_at_once(course):
    hand_in("Ada", HONEST["numpy"])
    with choose_course(course):
        stamps = {batch.plan("in", "out", kind="none").stamp}
        stamps.add(batch.plan("in", "out", kind="none").stamp)
        assert len(stamps) == 1
        exercises = course.folder / "exercises" / "gram.py"
        exercises.write_text(OWN_EXERCISES.replace("value_points=4", "value_points=9"))
        stamps.add(batch.plan("in", "out", kind="none").stamp)
        assert len(stamps) == 2 and course_points()["gram_matrix"] == 12
        lesson = course.folder / "lessons" / f"{LESSON}_numpy.ipynb"
        lesson.write_text(lesson.read_text().replace("NotImplementedError", "NotImplementedError  # yet"))
        stamps.add(batch.plan("in", "out", kind="none").stamp)
        assert len(stamps) == 3 and "# yet" in all_editions()[LESSON, "numpy"].stubs["gram_matrix"]
        (course.folder / "course.toml").write_text('title = "Another"\n')  # decides no mark
        assert batch.plan("in", "out", kind="none").stamp in stamps


def test_a_worker_takes_the_files_of_a_course_that_is_not_on_its_machine(course, monkeypatch):
    monkeypatch.setattr("stylelab.base.course._chosen", [])
    with choose_course(course):
        files, digest, source = packed(course), grader_digest(), library_source("numpy", "gram_matrix")
    shutil.rmtree(course.folder)
    assert files is not None and set(files) == {"course.toml", "exercises/gram.py", f"lessons/{LESSON}_numpy.ipynb"}
    for _ in range(2):
        work_on(files)
        assert chosen_course().folder != course.folder
        assert grader_digest() == digest and library_source("numpy", "gram_matrix") == source
    work_on(files | {"exercises/gram.py": OWN_EXERCISES + "\n"})
    assert grader_digest() != digest
    work_on(None)
    assert chosen_course().folder is None and find_exercise("gram_matrix").points == 7


def test_what_is_given_to_a_later_answer_holds_no_mistake_no_property_and_no_case(course):
    with choose_course(course):
        source = library_source("numpy", "gram_matrix")
    assert "_reference_that_students" in source
    assert not any(word in source for word in ("Exercise", "Property", "mistakes", "_cases", "lambda", "stylelab"))


def test_a_course_in_a_folder_that_the_sandbox_sees_is_hidden_there(course, monkeypatch):
    monkeypatch.setattr(
        "stylelab.tools.classroom.sandbox.sandbox._system_paths", lambda python: ["/usr", str(course.folder.parent)]
    )
    with choose_course(course):
        command = bubblewrap_command("/usr/bin/python3", 0)
    own = os.path.realpath(course.folder)
    at = command.index(own)
    assert command[at - 1] == "--tmpfs" and command[at + 1 : at + 3] == ["--remount-ro", own]
    assert command.index(str(course.folder.parent)) < at
    assert own not in bubblewrap_command("/usr/bin/python3", 0)


def test_a_folder_belongs_to_the_nearest_course_above_it(course):
    deep = course.folder / "lessons" / "deep"
    deep.mkdir()
    assert find_course(deep).folder == course.folder and find_course(course.folder.parent).folder is None


def test_nbgrader_knows_a_course_by_the_name_of_its_folder(course):
    with choose_course(course):
        release(Path("out"), nbgrader=True)
    assert 'c.CourseDirectory.course_id = "mine"' in Path("out/nbgrader_config.py").read_text()


def test_lessons_of_a_course_and_ours_can_be_mixed(course):
    (course.folder / "course.toml").write_text('title = "Both"\nstylelab = true\n')
    lesson = course.folder / "lessons" / f"{LESSON}_numpy.ipynb"
    lesson.rename(course.folder / "lessons" / "11_gram_numpy.ipynb")
    mine = json.loads((course.folder / "lessons" / "11_gram_numpy.ipynb").read_text())
    mine["metadata"]["stylelab"]["lesson"] = "11_gram"
    exercises = course.folder / "exercises" / "gram.py"
    exercises.write_text(
        exercises.read_text().replace('id="gram_matrix"', 'id="my_gram"').replace('id="style_layer_loss"', 'id="my_loss"')
    )
    with choose_course(read_course(course.folder)):
        assert ("11_gram", "numpy") in all_editions() and (LESSON, "torch") in all_editions()
        assert {"my_gram", "gram_matrix"} <= course_points().keys()
        assert identify(read_notebook(json.dumps(mine).encode())) == ("11_gram", "numpy")
        ours = notebook([HONEST["torch"]], "torch", {0: "gram_matrix"})
        assert identify(read_notebook(ours)) == (LESSON, "torch")
        assert "_reference_that_students" in library_source("numpy", "my_gram")
        assert "flatten" in library_source("torch", "gram_matrix")
