"""The grading benchmark: made-up classes, the comparison with nbgrader, and a class of which one worker is killed."""

import json
import re

import pytest

from stylelab import exercises
from stylelab.errors import InputError, MachineError
from stylelab.tools.bench import grading
from stylelab.tools.classroom.marking import batch, workers
from stylelab.tools.classroom.marking.model import ExerciseMark, Line, Mark
from stylelab.tools.classroom.notebooks.find_answers import find_answers
from stylelab.tools.classroom.notebooks.lessons import find_edition
from stylelab.tools.classroom.notebooks.read import read_notebook
from stylelab.tools.classroom.sandbox import sandbox

pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def skip_sandbox_check(monkeypatch):
    for module in (grading, batch):
        monkeypatch.setattr(module, "check_sandbox", lambda kind: None)


@pytest.fixture
def fake_sandbox(monkeypatch):
    def mark_one(task):
        submission = task["submission"]
        kind = grading.CLASS[int(submission.student.removeprefix("student")) % len(grading.CLASS)]
        earned = {"right": 6, "first": 3}.get(kind, 0)
        line = Line("value", 6, earned, None)
        exercise = ExerciseMark("gram_matrix", "", "right" if earned else "open", "", (line,), 0.1)
        return {"mark": Mark(submission.student, submission.name, "03_style_reconstruction", "torch", "", (exercise,)).to_json()}

    monkeypatch.setattr(workers, "mark_one", mark_one)
    return mark_one


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_a_made_up_class_hands_in_what_it_should_and_no_two_the_same(tmp_path, framework):
    students = grading.make_class(tmp_path, 8, "03", framework)
    files = [path.read_bytes() for student in students for path in (tmp_path / student).iterdir()]
    assert len(set(files)) == len(files) == 8
    given = find_edition("03_style_reconstruction", framework)
    for kind, data in zip(grading.CLASS, files, strict=False):
        script = find_answers(read_notebook(data), given)
        stages = [found.stage for found in script.answers.values()]
        opened = {"right": 0, "wrong": 0, "first": 2, "open": 3}[kind]
        assert sum("NotImplementedError" in script.cells[found.cell] for found in script.answers.values()) == opened, stages


def test_a_lesson_cut_down_keeps_set_up_answers_and_checks():
    whole = grading.lesson("03", "torch")
    cut = grading.cut_down(whole)
    names = [cell.metadata.stylelab.name for cell in cut.cells]
    assert names[0] == "setup" and [name for name in names if not name.startswith("check_")][1:] == list(
        find_edition("03_style_reconstruction", "torch").exercises
    )
    assert len(names) == 7 < len(whole.cells)


def test_an_unknown_lesson_is_an_error():
    with pytest.raises(InputError, match="unknown lesson '33'"):
        grading.lesson("33", "torch")


@pytest.mark.slow
def test_a_class_of_forty_with_a_worker_killed_half_way_has_every_mark_once(fake_sandbox, capsys):
    numbers = grading.grade_class(40, "torch")
    out = capsys.readouterr().out
    assert numbers["count"] == 40 and out.endswith("every mark is there, none twice: 40 of 40\n")
    assert numbers["workers at the beginning"] == 2 and numbers["workers killed"] == 1


def test_one_submission_in_twenty_is_hostile_and_they_are_spread_among_the_others(tmp_path):
    honest = grading.make_class(tmp_path, 38, "03", "torch")
    hostile = list(grading.add_hostile(tmp_path, 2, "03", "torch"))
    everyone = sorted(path.name for path in tmp_path.iterdir())
    assert sorted(honest + hostile) == everyone and [everyone.index(student) for student in hostile] == [19, 39]
    script = find_answers(
        read_notebook(next((tmp_path / hostile[0]).iterdir()).read_bytes()), find_edition("03_style_reconstruction", "torch")
    )
    assert all("while True: pass" in script.cells[found.cell] for found in script.answers.values())


def test_a_hostile_submission_may_have_one_hostile_answer_each_time_another_one(tmp_path):
    hostile = grading.add_hostile(tmp_path, 3, "03", "torch", one_answer=True)
    assert [len(chosen) for chosen in hostile.values()] == [1, 1, 1] and len(set().union(*hostile.values())) == 3
    for index, (student, (chosen,)) in enumerate(hostile.items()):
        book = json.loads(next((tmp_path / student).iterdir()).read_text())
        answers = {cell["metadata"].get("stylelab", {}).get("exercise"): "".join(cell["source"]) for cell in book["cells"]}
        del answers[None]
        first = grading.HOSTILE[index].splitlines()[0]
        assert [name for name, source in answers.items() if first in source] == [chosen] and len(answers) == 3


@pytest.mark.parametrize(("student", "earned", "stage"), [("eve", 1, "value"), ("ada", 5, "value"), ("ada", 6, "not graded")])
def test_a_mark_that_a_hostile_submission_changed_is_noticed(student, earned, stage):
    def mark(earned, stage="right"):
        return Mark("", "", "", "", "", (ExerciseMark("gram_matrix", "", stage, "", (Line("value", 6, earned),)),))

    without, among = {"ada": mark(6)}, {"ada": mark(6), "eve": mark(0, "time")}
    grading.compare_marks(without, among, ["ada"], {"eve": ["gram_matrix"]})
    grading.compare_marks(without, among | {"eve": mark(6)}, ["ada"], {"eve": ["style_loss"]})  # earned with another answer
    with pytest.raises(MachineError, match=student):
        grading.compare_marks(without, among | {student: mark(earned, stage)}, ["ada"], {"eve": ["gram_matrix"]})


@pytest.mark.parametrize(("kind", "fair"), [("right", [6]), ("first", [1, 3]), ("open", [0]), ("wrong", [0])])
def test_an_unfair_mark_is_noticed(kind, fair):
    def mark(earned, points=6):
        line = Line("value", points, earned)
        return Mark("", "", "", "", "", (ExerciseMark("gram_matrix", "", "value", "", (line,)),))

    assert [earned for earned in (0, 1, 3, 6) if grading.is_fair(kind, mark(earned))] == fair
    assert not grading.is_fair(kind, Mark("", "", "", "", "", ()))


def test_a_mark_missing_on_disk_is_noticed(tmp_path, monkeypatch):
    grading.make_class(tmp_path / "in", 2, "03", "torch")
    made = batch.plan(tmp_path / "in", tmp_path / "out")
    made.marks = {key: Mark(each.student, "", "", "", "", ()) for key, each in made.submissions.items()}
    with pytest.raises(MachineError, match="2 submissions, 0 marks on disk, 2 students"):
        grading.check_marks(made, ["student0000", "student0001"])


def test_without_nbgrader_only_ours_is_measured(monkeypatch, capsys, tmp_path):
    def mark(submission, boxes, seed):
        line = Line("value", 6, 6)
        return Mark("", "", "", "", "", (ExerciseMark("gram_matrix", "", "right", "", (line,)),))

    monkeypatch.setattr(grading, "mark", mark)
    monkeypatch.setattr(grading.importlib.util, "find_spec", lambda name: None)
    grading.main(["--framework", "torch", "--lessons", "03", "-o", str(tmp_path / "x.json")])
    first, head, *rows, checks = capsys.readouterr().out.splitlines()
    assert first == "nbgrader is not installed (pip install nbgrader): only ours is measured" and "ratio" in head
    assert [re.split("  +", row)[0] for row in rows] == [
        "03_style_reconstruction_torch-whole", "03_style_reconstruction_torch-cut", "median, whole", "median, cut down",
    ]  # fmt: skip
    numbers = json.loads((tmp_path / "x.json").read_text())
    assert [row["points"] for row in numbers["rows"]] == [[6, 6], [6, 6]]
    assert re.fullmatch(r"torch: 30 checks, median 0\.\d\d s, slowest [a-z_]+ \d+\.\d\d s", checks)
    assert numbers["checks"]["torch"].keys() == exercises.EXERCISES.keys()


@pytest.mark.slow
@pytest.mark.skipif(not sandbox.shutil.which("bwrap"), reason="bubblewrap is not installed (.ci/run installs it)")
def test_nbgrader_and_ours_give_a_solved_lesson_all_points_and_a_failure_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("nbgrader")
    monkeypatch.setattr(grading, "REPEATS", 1)
    book = grading.cut_down(grading.solved("03", "torch"))
    course = grading.NbgraderCourse(tmp_path, "torch", {"03-cut": book})
    try:
        with grading.Sandboxes() as boxes:
            row = grading.grade_both("03-cut", book, boxes, course)
        with pytest.raises(MachineError, match="nbgrader cannot grade 'no-such-assignment'") as caught:
            course.request("no-such-assignment")
    finally:
        course.close()
    assert row["points"] == row["nbgrader_points"] == [18, 18]
    assert row["ratio"] == pytest.approx(row["nbgrader"] / row["ours"]) and row["nbgrader"] > 0 < row["ours"]
    assert "\n" not in str(caught.value)
