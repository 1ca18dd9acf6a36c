"""What measures grading: a made-up class, the comparison with nbgrader, and a thousand of which one worker is killed."""

import json
import re

import pytest

from stylelab.errors import InputError, MachineError
from stylelab.tools.bench import grading as versus
from stylelab.tools.bench import submissions, thousand
from stylelab.tools.classroom.marking import batch, workers
from stylelab.tools.classroom.marking.model import ExerciseMark, Line, Mark
from stylelab.tools.classroom.notebooks.find_answers import find_answers
from stylelab.tools.classroom.notebooks.read import read_notebook
from stylelab.tools.classroom.notebooks.stubs import find_given
from stylelab.tools.classroom.sandbox import sandbox

pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def no_sandbox_needed(monkeypatch):
    for module in (versus, batch):
        monkeypatch.setattr(module, "check_sandbox", lambda kind: None)


@pytest.fixture
def in_place_of_the_sandbox(monkeypatch):
    def mark_one(task):
        submission = task["submission"]
        kind = submissions.CLASS[int(submission.student.removeprefix("student")) % len(submissions.CLASS)]
        earned = {"right": 6, "first": 3}.get(kind, 0)
        line = Line("value", 6, earned, None)
        exercise = ExerciseMark("gram_matrix", "", "right" if earned else "open", "", (line,), 0.1)
        return {"mark": Mark(submission.student, submission.name, "03_style_reconstruction", "torch", "", (exercise,)).to_json()}

    monkeypatch.setattr(workers, "mark_one", mark_one)
    return mark_one


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_a_made_up_class_hands_in_what_it_says_and_no_two_the_same(tmp_path, framework):
    students = list(submissions.made_up_class(tmp_path, 8, "03", framework))
    files = [path.read_bytes() for student in students for path in (tmp_path / student).iterdir()]
    assert len(set(files)) == len(files) == 8
    given = find_given("03_style_reconstruction", framework)
    for kind, data in zip(submissions.CLASS, files, strict=False):
        script = find_answers(read_notebook(data), given)
        stages = [found.stage for found in script.answers.values()]
        opened = {"right": 0, "wrong": 0, "first": 2, "open": 3}[kind]
        assert sum("NotImplementedError" in script.cells[found.cell] for found in script.answers.values()) == opened, stages


def test_a_lesson_cut_down_keeps_set_up_answers_and_checks():
    whole = submissions.lesson("03", "torch")
    cut = submissions.cut_down(whole)
    names = [cell.metadata.stylelab.name for cell in cut.cells]
    assert names[0] == "setup" and [name for name in names if not name.startswith("check_")][1:] == list(
        find_given("03_style_reconstruction", "torch").exercises
    )
    assert len(names) == 7 < len(whole.cells)


def test_an_unknown_lesson_is_told():
    with pytest.raises(InputError, match="unknown lesson '33'"):
        submissions.lesson("33", "torch")


@pytest.mark.slow
def test_a_class_of_forty_with_a_worker_killed_half_way_has_every_mark_once(in_place_of_the_sandbox, capsys):
    numbers = thousand.measure(40, "torch")
    out = capsys.readouterr().out
    assert numbers["count"] == 40 and out.endswith("every mark is there, none twice: 40 of 40\n")
    assert numbers["workers at the beginning"] == 2 and numbers["workers killed"] == 1


@pytest.mark.parametrize(("kind", "fair"), [("right", [6]), ("first", [1, 3]), ("open", [0]), ("wrong", [0])])
def test_an_unjust_mark_is_noticed(kind, fair):
    def mark(earned, points=6):
        line = Line("value", points, earned)
        return Mark("", "", "", "", "", (ExerciseMark("gram_matrix", "", "value", "", (line,)),))

    assert [earned for earned in (0, 1, 3, 6) if thousand._as_expected(kind, mark(earned))] == fair
    assert not thousand._as_expected(kind, Mark("", "", "", "", "", ()))


def test_a_mark_that_is_not_on_the_disk_is_noticed(tmp_path, monkeypatch):
    list(submissions.made_up_class(tmp_path / "in", 2, "03", "torch"))
    made = batch.plan(tmp_path / "in", tmp_path / "out")
    made.marks = {key: Mark(each.student, "", "", "", "", ()) for key, each in made.submissions.items()}
    with pytest.raises(MachineError, match="2 submissions, 0 marks on the disk, 2 students"):
        thousand._check(made, ["student0000", "student0001"])


def test_without_nbgrader_it_says_so_in_one_line_and_measures_ours(monkeypatch, capsys, tmp_path):
    def mark(submission, boxes, seed):
        line = Line("value", 6, 6)
        return Mark("", "", "", "", "", (ExerciseMark("gram_matrix", "", "right", "", (line,)),))

    monkeypatch.setattr(versus, "mark", mark)
    monkeypatch.setattr(versus.importlib.util, "find_spec", lambda name: None)
    assert versus.main(["--framework", "torch", "--lessons", "03", "-o", str(tmp_path / "x.json")]) == 0
    first, head, *rows = capsys.readouterr().out.splitlines()
    assert first == "nbgrader is not installed (pip install nbgrader): ours alone" and "ratio" in head
    assert [re.split("  +", row)[0] for row in rows] == [
        "03_style_reconstruction_torch-whole", "03_style_reconstruction_torch-cut", "median, whole", "median, cut down",
    ]  # fmt: skip
    assert [row["points"] for row in json.loads((tmp_path / "x.json").read_text())["rows"]] == [[6, 6], [6, 6]]


@pytest.mark.slow
def test_what_nbgrader_does_not_manage_is_one_line(tmp_path):
    pytest.importorskip("nbgrader")
    course = versus.Course(tmp_path, "torch", {})
    try:
        with pytest.raises(MachineError, match="nbgrader cannot grade 'no-such-assignment'") as caught:
            course._ask("no-such-assignment")
        assert "\n" not in str(caught.value)
    finally:
        course.close()


@pytest.mark.slow
@pytest.mark.skipif(not sandbox.shutil.which("bwrap"), reason="bubblewrap is not installed (.ci/run installs it)")
def test_nbgrader_and_ours_give_a_solved_lesson_all_points(tmp_path):
    pytest.importorskip("nbgrader")
    book = submissions.cut_down(submissions.solved(submissions.lesson("03", "torch")))
    course = versus.Course(tmp_path, "torch", {"03-cut": book})
    try:
        with versus.Boxes() as boxes:
            row = versus._row("03-cut", book, boxes, course)
    finally:
        course.close()
    assert row["points"] == row["nbgrader_points"] == [18, 18]
    assert row["ratio"] == pytest.approx(row["nbgrader"] / row["ours"]) and row["nbgrader"] > 0 < row["ours"]
