"""Over the term: several releases in one book, weights, the price of help, regrade requests, and the class at a glance."""

import csv
import io
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from threads import Local, connected_to, threads

from stylelab.base.course import Course, Help, choose_course
from stylelab.cli import commands as cli
from stylelab.tools import cluster
from stylelab.tools.classroom import grade as grading
from stylelab.tools.classroom.marking import workers
from stylelab.tools.classroom.marking.model import OUTCOMES, STAGES, Claims, ExerciseMark, Line, Mark
from stylelab.tools.classroom.marking.record import Record
from stylelab.tools.classroom.notebooks.read import read_notebook
from stylelab.tools.classroom.reports import write
from stylelab.tools.classroom.reports.glance import at_a_glance, by_attempt, by_lesson
from stylelab.tools.classroom.reports.gradebook import Term, make_gradebook
from stylelab.tools.classroom.reports.late import Late
from stylelab.tools.classroom.reports.manual import Entry

STYLE, CONTENT = "03_style_reconstruction", "02_content"
DUE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
RECORD = Record("0" * 32, "0.1.0", "e" * 64, {"gram_matrix": 10, "psnr": 10})
HINT = "The normalisation is forgotten: divide by H W."
pytestmark = pytest.mark.plain


def mark(student: str, earned: int, attempt: int = 0, lesson: str = STYLE, stage: str = "", days: float = 0, **more) -> Mark:
    """A submission with one exercise of ten points."""
    stage = stage or ("right" if earned == 10 else "value")
    lines = (Line("value", 6, min(earned, 6)), Line("symmetric", 4, max(earned - 6, 0)))
    exercise = ExerciseMark("gram_matrix" if lesson == STYLE else "psnr", "Which.", stage, "It is wrong.", lines, 0.5, **more)
    name = f"{student}_{lesson}_{9 - attempt}.ipynb"  # its name does not tell which came last
    return Mark(student, name, lesson, "torch", "0" * 64, (exercise,), DUE + timedelta(days=days), attempt=attempt)


def book(*marks: Mark, attempts: str = "best", weights=None, **options):
    return make_gradebook(marks, RECORD, term=Term(attempts, weights or {}), **options)


def total(*marks: Mark, attempts: str = "best", **options) -> float:
    (student,) = book(*marks, attempts=attempts, **options).students
    return student.final


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / name).read_text(encoding="utf-8"))))


# which attempt counts


@pytest.mark.parametrize(("attempts", "expected"), [("best", 9), ("last", 5), ("average", 6)])
def test_the_best_the_last_or_the_average_counts_in_any_order(attempts, expected):
    marks = [mark("Ada", 4), mark("Ada", 9, 1), mark("Ada", 5, 2)]
    assert {total(*order, attempts=attempts) for order in itertools.permutations(marks)} == {expected}


@pytest.mark.parametrize("attempts", ["best", "last", "average"])
def test_a_student_or_a_lesson_may_be_in_one_release_only(attempts):
    made = book(mark("Ada", 5), mark("Bo", 7, 1), mark("Ada", 9, 1, CONTENT), mark("Bo", 6, 0, CONTENT), attempts=attempts)
    assert {student.name: student.final for student in made.students} == {"Ada": 14, "Bo": 13}


def test_each_attempt_has_its_own_late_days():
    late = Late(DUE, per_day=10)
    marks = [mark("Ada", 6), mark("Ada", 10, 1, days=3)]
    assert total(*marks, late=late) == 7 and total(*marks, late=late, attempts="average") == 6.5
    assert total(mark("Ada", 8), mark("Ada", 10, 1, days=3), late=late) == 8
    assert total(mark("Ada", 8), mark("Ada", 10, 1, days=3), late=late, attempts="last") == 7


@pytest.mark.parametrize("attempts", ["best", "last", "average"])
def test_an_attempt_that_could_not_be_graded_costs_nothing(attempts):
    (student,) = book(mark("Ada", 8), mark("Ada", 0, 1, stage="not graded"), attempts=attempts).students
    assert student.percent is None and student.ungraded == 10  # the lesson waits for the instructor
    (student,) = book(
        mark("Ada", 0, stage="not graded"), mark("Ada", 8, 1), mark("Ada", 6, 0, CONTENT), attempts=attempts
    ).students
    assert student.percent == 60 if attempts == "best" else 70


def test_hints_cost_each_attempt_what_it_used():
    claims = Claims(wrong=3, hints=2, solution=True)
    marks = [mark("Ada", 10, claims=claims), mark("Ada", 8, 1)]
    with choose_course(Course(help=Help(hint_costs=1, solution_costs=2))):
        assert total(*marks) == 8 and total(*marks, attempts="average") == 7 and total(marks[0]) == 6
        assert total(mark("Ada", 1, claims=claims)) == 0  # and never more than there was
    assert total(marks[0]) == 10


# weights


def test_weights_make_the_percentage_and_missing_lessons_count_as_zero():
    made = book(mark("Ada", 10), mark("Ada", 5, 0, CONTENT), mark("Bo", 8), weights={STYLE: 3, CONTENT: 1})
    assert [round(student.percent, 2) for student in made.students] == [87.5, 60]


def test_what_is_not_graded_is_left_out_of_the_weights():
    made = book(
        mark("Ada", 10), mark("Ada", 0, 0, CONTENT, stage="not graded"), mark("Bo", 8), mark("Bo", 4, 0, CONTENT), weights={STYLE: 3, CONTENT: 1}
    )  # fmt: skip
    assert [round(student.percent, 2) for student in made.students] == [100, 70]


def test_a_weight_without_effect_is_reported():
    made = book(mark("Ada", 10), mark("Ada", 5, 0, CONTENT), weights={STYLE: 3, "04_style_transfer": 1})
    assert [line for line in made.warnings if "lesson 04 has no effect" in line] and [
        line for line in made.warnings if "lesson 02 has no weight" in line
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--weights", "03"], "write 03=2"), (["--weights", "03=x"], "write 03=2"), (["--weights", "77=1"], "unknown lesson"),
        (["--weights", "03=-1"], "write 03=2"), (["--weights", "03=0"], "all weights are 0"), (["--weights", "03=1,3=2"], "two weights"),
        (["--attempts", "first"], "unknown attempts 'first'"), (["in"], "named twice"), (["./in/"], "named twice"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_option_costs_one_line(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in", f"ada_{STYLE}_torch.ipynb").write_text("{}")
    assert cli.run(["grade", "in", *options, "-o", "out"]) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and not Path("out").exists()


# one more release


@pytest.fixture(scope="module")
def running():
    with threads(1) as cluster_of_threads:
        yield cluster_of_threads


def test_one_more_release_marks_only_what_is_new(tmp_path, monkeypatch, running, capsys):
    done = []

    def mark_one(task):
        submission = task["submission"]
        done.append(submission.student)
        points = int(submission.data)
        return {"mark": replace(mark(submission.student, points), name=submission.name, when=submission.when).to_json()}

    monkeypatch.setattr(workers, "mark_one", Local(mark_one))
    monkeypatch.setattr(cluster, "connect", connected_to(running))
    monkeypatch.setattr("stylelab.tools.classroom.marking.batch.check_sandbox", lambda kind: None)
    monkeypatch.setattr(grading, "isolation_trouble", lambda: "")
    monkeypatch.chdir(tmp_path)
    for folder, earned in (("one", {"Ada": 4, "Bo": 6}), ("two", {"Ada": 9, "Zoë": 3})):
        Path(folder).mkdir()
        for student, points in earned.items():
            Path(folder, f"{student}_{STYLE}_torch.ipynb").write_text(str(points))
    assert cli.run(["grade", "one", "-o", "out"]) == 0 and done == ["Ada", "Bo"]
    assert cli.run(["grade", "one", "two", "-o", "out", "--attempts", "average"]) == 0 and done == ["Ada", "Bo", "Ada", "Zoë"]
    finals = {row["student"]: row["final"] for row in rows(Path("out"), "grades.csv")}
    assert finals == {"Ada": "6.5", "Bo": "6", "Zoë": "3"}
    page = Path("out/overview.html").read_text()
    assert "Release 1: 2 submissions, mean 50%. Release 2: 2 submissions, mean 60%." in page
    assert "the average of those graded counts" in page
    assert "The average counts: 6.5 points" in Path("out/feedback/Ada.html").read_text()
    assert "average" not in Path("out/feedback/Bo.html").read_text()


def test_names_that_differ_only_in_case_are_reported_if_they_come_from_two_releases():
    assert "two students" in book(mark("ada lee", 5), mark("Ada Lee", 6, 1)).warnings[0]
    assert not book(mark("ada lee", 5), mark("Ada Lee", 6)).warnings


# regrade requests


def test_a_regrade_request_survives_is_answered_and_is_counted(tmp_path):
    marks = [mark("Ada", 5), mark("Bo", 7), mark("Zoë", 9)]
    write.write(tmp_path, marks, RECORD)
    lines = [
        "student,exercise,points,comment,regrade,reply", "Ada,gram_matrix,add 1,,the axes were swapped,<b>you are right</b>",
        "Bo,03,,,please look again,",
    ]  # fmt: skip
    (tmp_path / "manual.csv").write_text("\n".join(lines) + "\n")
    for _ in range(2):
        write.write(tmp_path, marks, RECORD)
        ada, bo, zoe = ((tmp_path / f"feedback/{name}.html").read_text() for name in ("Ada", "Bo", "Zoë"))
        assert "the axes were swapped" in ada and "&lt;b&gt;you are right&lt;/b&gt;" in ada and "6 of 10 points" in ada
        assert "please look again" in bo and "not yet" in bo and "Regrade" not in zoe
        page = (tmp_path / "overview.html").read_text()
        assert "<dt>Regrade requests</dt><dd>2, 1 open</dd>" in page
        assert "Regrade request without a reply. please look again" in page and "swapped" not in page
        found = {(row["student"], row["exercise"]): (row["regrade"], row["reply"]) for row in rows(tmp_path, "details.csv")}
        assert found["Ada", "gram_matrix"] == ("the axes were swapped", "<b>you are right</b>")
        assert found["Bo", "lesson"] == ("please look again", "") and found["Zoë", "gram_matrix"] == ("", "")
    assert (tmp_path / "manual.csv").read_text() == "\n".join(lines) + "\n"


def test_a_request_about_a_lesson_handed_in_twice_is_counted_once(tmp_path):
    entries = [Entry(2, "Ada", "gram_matrix", regrade="why?")]
    write.write(tmp_path, [mark("Ada", 5), mark("Ada", 6, 1)], RECORD, manual=entries)
    assert "<dd>1, 1 open</dd>" in (tmp_path / "overview.html").read_text()


# submissions made from the solutions


def test_a_submission_from_the_solutions_is_reported_to_the_instructor_alone(tmp_path):
    solved = replace(mark("Ada", 10), solutions="it is marked in its metadata")
    write.write(tmp_path, [solved, mark("Bo", 7)], RECORD)
    page = (tmp_path / "overview.html").read_text()
    assert (
        "<dt>Made from the solutions</dt><dd>1</dd>" in page
        and "edition with the solutions: it is marked in its metadata" in page
    )
    ada, bo = rows(tmp_path, "details.csv")
    assert ada["model_answers"] == "it is marked in its metadata" and bo["model_answers"] == "" and ada["earned"] == "10"
    assert "solutions" not in (tmp_path / "feedback/Ada.html").read_text()
    assert Mark.from_json(solved.to_json()) == solved


# the class at a glance


def test_each_check_counts_those_who_passed_of_those_graded():
    made = book(mark("Ada", 10), mark("Bo", 6), mark("Cy", 0, stage="open"), mark("Di", 0, stage="not graded"))
    (each,) = at_a_glance(made)
    assert (each.students, each.graded, dict(each.passed)) == (4, 3, {"value": 2, "symmetric": 1})
    assert each.outcomes == {"right": 1, "partly right": 1, "wrong": 0, "could not run": 0, "not attempted": 1, "not graded": 1}
    assert each.seconds == 0.5


def test_the_seconds_are_those_of_the_middle_answer_and_the_median_that_of_the_class():
    marks = [mark(student, earned) for student, earned in (("Ada", 10), ("Bo", 3), ("Cy", 2))]
    times = zip(marks, (0.25, 0.5, 40.0), strict=True)
    made = book(*(replace(each, exercises=(replace(each.exercises[0], seconds=seconds),)) for each, seconds in times))
    assert at_a_glance(made)[0].seconds == 0.5 and by_lesson(made)[0].median == 0.3


def test_the_help_that_a_notebook_tells_of_is_counted_and_called_its_own_account(tmp_path):
    def said(**ours):
        return {"output_type": "display_data", "metadata": {"stylelab": {"exercise": "gram_matrix", **ours}}, "data": {}}

    outputs = [said(wrong=2, hints=1), said(hints=7), said(hints=True, wrong="3"), said(solution=True), 7, {"metadata": []}]
    cells = [{"cell_type": "code", "source": "", "metadata": {}, "outputs": outputs, "execution_count": None}]
    plain = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    claims = read_notebook(json.dumps(plain).encode()).claims["gram_matrix"]
    assert claims == Claims(wrong=2, hints=3, solution=True)
    made = book(mark("Ada", 10, claims=claims), mark("Bo", 10))
    assert at_a_glance(made)[0].helped == 1
    write.write(tmp_path, [mark("Ada", 10, claims=claims)], RECORD)
    page = (tmp_path / "feedback/Ada.html").read_text()
    assert "By its own account the notebook used 3 of 3 hints and the solution, after 2 wrong answers." in page
    assert ">Used help</th>" in (tmp_path / "overview.html").read_text()


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_one_outcome(stage):
    assert mark("Ada", 0, stage=stage).exercises[0].outcome in OUTCOMES
    expected = {"right": "right", "open": "not attempted", "load": "could not run", "starved": "not graded", "forged": "wrong"}
    assert mark("Ada", 0, stage=stage).exercises[0].outcome == expected.get(
        stage, mark("Ada", 0, stage=stage).exercises[0].outcome
    )


def test_an_example_of_a_mistake_shows_what_it_does_and_not_whose_it_is():
    sources = {
        "Ada Lovelace": "def gram_matrix(a):\n    lovelace = 'AL was here'\n    return np.einsum('bhwi,bhwj->bij', a, a, optimize='greedy')",
        "Bo Li": "def gram_matrix(a):\n    long_name_of_bo = f'{a} of mine'\n    print('Bo Li', b'Bo')\n    return np.einsum('bhwi,bhwj->bij', a, a, optimize='greedy')",
    }
    (each,) = at_a_glance(book(*(mark(name, 0, mistake=HINT, source=source) for name, source in sources.items())))
    ((hint, (count, example)),) = each.mistakes.items()
    assert (hint, count) == (HINT, 2)
    assert "einsum('bhwi,bhwj->bij', a, a, optimize='greedy')" in example  # what two wrote, and what says which axes are summed
    assert "lovelace" not in example.lower() and "was here" not in example and "…" in example


def test_a_source_that_cannot_be_read_is_no_example():
    (each,) = at_a_glance(book(mark("Ada", 0, mistake=HINT, source="def (")))
    assert each.mistakes == {HINT: (1, "")}


def test_lessons_and_releases_over_the_term(tmp_path):
    marks = [
        mark("Ada", 5),
        mark("Ada", 10, 1),
        mark("Bo", 6, days=2),
        mark("Ada", 8, 0, CONTENT),
        mark("Bo", 0, 0, CONTENT, stage="not graded"),
    ]
    made = book(*marks, late=Late(DUE, per_day=10))
    content, style, term = by_lesson(made)
    assert (content.students, content.of, content.mean, content.late) == (2, 2, 0.8, 0)
    assert (style.students, style.late, round(style.mean, 2), style.seconds) == (2, 1, 0.74, 0.5)
    assert (term.lesson, round(term.mean, 2), term.seconds) == ("", 0.69, 1.0)
    assert [(number, count) for number, count, _ in by_attempt(made)] == [(1, 3), (2, 1)]
    assert by_attempt(book(mark("Ada", 5))) == [] and len(by_lesson(book(mark("Ada", 5)))) == 1
    write.write(tmp_path, marks, RECORD, late=Late(DUE, per_day=10))
    found = {(row["lesson"], row["what"], row["name"]): row["share"] for row in rows(tmp_path, "class.csv")}
    assert found[STYLE, "points", "mean"] == "0.74" and found["all", "points", "mean"] == "0.69"
    assert found[STYLE, "check passed", "value"] == "1" and found[STYLE, "outcome", "right"] == "0.5"
    page = (tmp_path / "overview.html").read_text()
    assert "Over the term" in page and "All lessons" in page
