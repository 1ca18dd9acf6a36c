"""The command `stylelab grade`: exit statuses, one-line errors, progress and summary."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from threads import Local, connected_to, threads

from stylelab.cli import commands as cli
from stylelab.tools import cluster
from stylelab.tools.classroom import grade as grading
from stylelab.tools.classroom.marking import workers
from stylelab.tools.classroom.marking.model import ExerciseMark, Line, Mark
from stylelab.tools.classroom.marking.model_answers import library_source
from stylelab.tools.classroom.reports import write as reports

LESSON = "03_style_reconstruction"
SEED = "0123456789abcdef0123456789abcdef"
pytestmark = pytest.mark.plain
needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed (.ci/run installs it)")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with three submissions, in which all commands run."""
    for student in ("Ada", "Bob", "Eve"):
        (tmp_path / "in" / student).mkdir(parents=True)
        (tmp_path / "in" / student / f"{LESSON}_torch.ipynb").write_text(notebook(f"# by {student}"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def notebook(source: str) -> str:
    cell = {"cell_type": "code", "metadata": {}, "source": source, "outputs": []}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})


@pytest.fixture(scope="module")
def running():
    with threads(1) as cluster_of_threads:
        yield cluster_of_threads


@pytest.fixture
def stages(monkeypatch, running):
    """Student -> the stage of the mark, or a function that is called instead. A worker without a sandbox gives the marks."""
    stages = {"Ada": "right", "Bob": "open", "Eve": "value"}

    def mark_one(task):
        submission = task["submission"]
        stage = stages[submission.student]
        if callable(stage):
            return stage(submission)
        return {"mark": made(submission, stage).to_json()}

    monkeypatch.setattr(workers, "mark_one", Local(mark_one))
    monkeypatch.setattr(cluster, "connect", connected_to(running))
    monkeypatch.setattr("stylelab.tools.classroom.marking.batch.check_sandbox", lambda kind: None)
    monkeypatch.setattr(grading, "isolation_trouble", lambda: "")
    return stages


def made(submission, stage) -> Mark:
    """6 of 6 points, none, or half of them."""
    earned = {"right": 3, "open": 0}.get(stage, 1)
    wrong = None if stage == "right" else "every entry is twice too large"
    lines = (Line("value", 3, earned, wrong), Line("symmetric", 3, 3 if earned else 0, None if earned else wrong))
    mark = ExerciseMark("gram_matrix", "Which filters answer together.", stage, wrong or "", lines, 0.1)
    return Mark(submission.student, submission.name, LESSON, "torch", "0" * 64, (mark,), submission.when, 0.1)


def refused(capsys, *arguments, status=1) -> str:
    """Run a command that must exit with `status`, and return its only output, one line on stderr."""
    assert cli.run(["grade", *map(str, arguments)]) == status
    out, err = capsys.readouterr()
    assert re.fullmatch(r"stylelab: [^\n]+\n", err) and "Traceback" not in err, err
    assert out == ""
    return err


def said(capsys, *arguments) -> list[str]:
    """Run a command that must succeed without warnings, and return the lines on stdout."""
    assert cli.run(["grade", *map(str, arguments)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out.splitlines()


# --- mistakes in the command


@pytest.mark.parametrize(("arguments", "words"), [
    (("nowhere", "-o", "out"), "'nowhere' does not exist: name a folder, a notebook or a zip"),
    (("empty", "-o", "out"), "no notebook in 'empty'"),
    (("text.txt", "-o", "out"), "'text.txt' is not a notebook, a zip or a folder"),
    (("~unknown-user/in", "-o", "out"), "cannot find '~unknown-user/in'"),
    (("in", "-o", "~unknown-user/out"), "cannot find '~unknown-user/out'"),
    (("in",), "Missing option '--out' / '-o' (see `stylelab grade --help`)"),
    (("in", "-o", "text.txt"), "cannot make folder 'text.txt'"),
    (("in", "-o", "/proc/none"), "cannot make folder '/proc/none'"),
    (("in", "-o", "in"), "'in' is in the folder of submissions: choose another folder"),
    (("in", "-o", "in/Ada"), "'in/Ada' is in the folder of submissions"),
    (("in", "-o", "in/new"), "'in/new' is in the folder of submissions"),
    (("in", "-o", "out", "--sandbox", "bogus"), "unknown sandbox 'bogus': choose bwrap or none"),
    (("in", "-o", "out", "--seed", "12"), "seed '12' is not 32 hexadecimal digits: take it from a record.json"),
    (("in", "-o", "out", "--seed", "g" * 32), "is not 32 hexadecimal digits"),
    (("in", "-o", "out", "--seconds", "0"), "0 seconds for an answer: choose from 0.1 to 3600"),
    (("in", "-o", "out", "--seconds", "nan"), "nan seconds for an answer"),
    (("in", "-o", "out", "--seconds", "inf"), "inf seconds for an answer"),
    (("in", "-o", "out", "--seconds", "ten"), "Invalid value for '--seconds'"),
    (("in", "-o", "out", "--late", "a lot"), "late policy 'a lot': cannot read 'a lot': write 'none' or"),
    (("in", "-o", "out", "--late", "10/day"), "late policy '10/day' needs a deadline: set one with --due"),
    (("in", "-o", "out", "--due", "tomorrow"), "'tomorrow' is not a date: write one such as"),
    (("in", "-o", "out", "--due", "x=2026-11-20"), "does not start with the number of a lesson"),
    (("in", "-o", "out", "--lessons", "99"), "unknown lesson '99': choose one of 00_start_here, 01"),
    (("in", "-o", "out", "--lessons", ""), "unknown lesson ''"),
    (("in", "-o", "out", "--canvas", "gone.csv"), "cannot read the gradebook 'gone.csv': no such file"),
    (("in", "-o", "out", "--canvas", "in"), "cannot read the gradebook 'in': is a directory"),
    (("in", "-o", "out", "--canvas", "text.txt"), "'text.txt' is not a gradebook exported from Canvas"),
    (("in", "-o", "out", "--canvas", "~unknown-user/x.csv"), "cannot find '~unknown-user/x.csv'"),
    (("in", "-o", "out", "--colour", "red"), "No such option"),
])  # fmt: skip
def test_a_mistake_in_the_command_is_reported_in_one_line_and_nothing_is_created(
    here, stages, monkeypatch, capsys, arguments, words
):
    if "bogus" in arguments:
        monkeypatch.undo()
        monkeypatch.chdir(here)
    (here / "empty").mkdir()
    (here / "text.txt").write_text("not meant as a notebook")
    before = sorted(here.rglob("*"))
    assert words in refused(capsys, *arguments)
    assert sorted(here.rglob("*")) == before


def test_without_bubblewrap_the_command_fails_and_says_how_to_install_it(here, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(here))
    line = refused(capsys, "in", "-o", "out", status=2)
    assert "bubblewrap is missing: install it (Debian: apt install bubblewrap), or" in line and "--sandbox none" in line
    assert not (here / "out").exists()


@pytest.mark.parametrize(("name", "text", "words"), [
    ("record.json", "{ half a fi", "record.json' is not the record of a grading run"),
    ("manual.csv", "student,exercise\nAda,gram_matrix\n", "manual.csv"),
    ("manual.csv", "student,exercise,points,comment\nAda,gram_matrix,lots,\n", "lots"),
])  # fmt: skip
def test_a_mistake_in_the_output_folder_is_reported_before_anything_is_marked(
    here, stages, monkeypatch, capsys, name, text, words
):
    monkeypatch.setattr(cluster, "connect", lambda *_, **__: pytest.fail("workers were started"))
    (here / "out").mkdir()
    (here / "out" / name).write_text(text)
    assert words in refused(capsys, "in", "-o", "out")
    assert (here / "out" / name).read_text() == text


def test_a_machine_fault_exits_with_2_and_keeps_the_marks_made_so_far(here, stages, capsys):
    stages["Eve"] = lambda submission: {"machine": "the sandbox for torch does not start: no room", "host": os.uname().nodename}
    assert "stylelab: the sandbox for torch does not start: no room\n" == refused(capsys, "in", "-o", "out", status=2)
    assert len(os.listdir(here / "out" / "marks")) == 2 and not (here / "out" / "grades.csv").exists()
    stages["Eve"] = "right"
    assert "3 submissions of 3 students marked, 2 of them earlier: 67% of all points earned" in said(capsys, "in", "-o", "out")


# --- Ctrl-C


def interrupt(*_):
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.5)


def test_ctrl_c_exits_with_130_and_reports_progress(here, stages, capsys):
    stages["Bob"] = lambda submission: interrupt() or {"mark": made(submission, "right").to_json()}
    line = refused(capsys, "in", "-o", "out", status=130)
    assert line == "stylelab: interrupted: 1 of 3 marked; run it again to resume and to write the reports\n"
    stages["Bob"] = "right"
    assert "marked, 1 of them earlier" in said(capsys, "in", "-o", "out")[0]


def test_ctrl_c_while_planning_or_writing_exits_with_130_too(here, stages, monkeypatch, capsys):
    with monkeypatch.context() as patched:
        patched.setattr(grading.batch, "collect", interrupt)
        assert "interrupted before the first mark" in refused(capsys, "in", "-o", "out", status=130)
    with monkeypatch.context() as patched:
        patched.setattr(grading, "isolation_trouble", interrupt)
        assert "interrupted: 0 of 3 marked" in refused(capsys, "in", "-o", "out", status=130)
    with monkeypatch.context() as patched:
        patched.setattr(reports, "make_gradebook", interrupt)
        assert "interrupted: 3 of 3 marked; run it again" in refused(capsys, "in", "-o", "out", status=130)
    assert "marked, 3 of them earlier" in said(capsys, "in", "-o", "out")[0]


# --- output


def test_the_command_prints_a_summary(here, stages, capsys):
    assert said(capsys, "in", "-o", "out") == [
        "3 submissions of 3 students marked: 56% of all points earned",
        "see out/overview.html",
    ]  # fmt: skip
    written = {
        "canvas.csv",
        "class.csv",
        "details.csv",
        "feedback",
        "grades.csv",
        "gradescope",
        "manual.csv",
        "marks",
        "overview.html",
    }
    assert written | {"record.json", "similarity.csv", "similarity.html"} == set(os.listdir("out"))


def test_answers_that_need_a_look_and_files_that_cannot_be_graded_are_counted(here, stages, capsys):
    (here / "in" / "Bob" / f"{LESSON}_torch.ipynb").write_text("[]")
    stages.update(Ada="time", Bob=lambda submission: {"mark": workers.unmarkable(submission, "it is no notebook").to_json()})
    assert said(capsys, "in", "-o", "out") == [
        "3 submissions of 3 students marked: 67% of all points earned",
        f"1 could not be graded, for instance Bob/{LESSON}_torch.ipynb: it is no notebook",
        "1 need a look: an answer ran out of time or memory, ended early, or returned no result",
        "see out/overview.html",
    ]  # fmt: skip


def test_the_last_lines_say_what_was_not_graded_until_it_is(here, stages, capsys):
    stages["Ada"] = "not graded"
    lines = said(capsys, "in", "-o", "out")
    assert lines[1].startswith(f"1 not graded, through no fault of the student, for instance Ada/{LESSON}_torch.ipynb: ")
    assert "run the same command again, or enter points in manual.csv" in lines[2]
    assert "Ada" not in json.loads(Path("out/gradescope/results.json").read_text())["students"]
    Path("out/manual.csv").write_text("student,exercise,points,comment\nAda,lesson,6,\n")
    assert not [line for line in said(capsys, "in", "-o", "out") if "not graded" in line]
    Path("out/manual.csv").unlink()
    stages["Ada"] = "right"
    assert "marked, 2 of them earlier" in said(capsys, "in", "-o", "out")[0]


def test_a_file_name_cannot_forge_a_line(here, stages, capsys):
    odd = "x\nstylelab: all is well\x1b[2J.ipynb"
    (here / "in" / "Bob" / f"{LESSON}_torch.ipynb").rename(here / "in" / "Bob" / odd)
    stages["Bob"] = lambda submission: {"mark": workers.unmarkable(submission, "it is no notebook").to_json()}
    lines = said(capsys, "in", "-o", "out")
    assert len(lines) == 3 and "\x1b" not in "".join(lines)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_progress_bar_appears_only_in_a_terminal_and_names_are_not_markup(here, stages, monkeypatch, capsys, terminal):
    for student in list(stages):
        (here / "in" / student).rename(here / "in" / f"[red]{student}")
        stages[f"[red]{student}"] = "right"
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    monkeypatch.setattr(grading, "Console", lambda **_: console)
    said(capsys, "in", "-o", "out")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert ("3/3" in shown and "[red]" in shown) is terminal and bool(stream.getvalue()) is terminal


def test_without_a_sandbox_the_command_warns_and_continues(here, stages, capsys):
    assert cli.run(["grade", "in", "-o", "out", "--sandbox", "none"]) == 0
    out, err = capsys.readouterr()
    assert err == "stylelab: no sandbox: students' code runs as you, can read your files, and can forge marks\n"
    assert json.loads(Path("out/record.json").read_text())["settings"]["sandbox"] == "none"


def test_when_answers_cannot_share_a_warm_process_a_warning_explains_why_it_is_slow(here, stages, monkeypatch, capsys):
    monkeypatch.setattr(grading, "isolation_trouble", lambda: "unshare: operation not permitted")
    assert cli.run(["grade", "in", "-o", "out"]) == 0
    assert re.fullmatch(
        r"stylelab: this machine cannot separate answers inside one sandbox[^\n]+operation not permitted\)\n",
        capsys.readouterr().err,
    )
    assert "3 of them earlier" in said(capsys, "in", "-o", "out")[0]  # nothing is left to mark, so there is no warning


def test_the_options_take_effect(here, stages, capsys):
    os.utime(f"in/Ada/{LESSON}_torch.ipynb", (1_700_000_000, 1_700_000_000))  # 14 November 2023
    options = ("--seed", SEED, "--seconds", "3", "--due", "2023-11-13 12:00 UTC", "--late", "10/day", "--again")
    said(capsys, "in", "-o", "out", *options)
    record = json.loads(Path("out/record.json").read_text())
    assert (record["seed"], record["settings"]["limits"]["seconds"]) == (SEED, 3)
    with open("out/grades.csv", newline="", encoding="utf-8-sig") as stream:
        (ada,) = (row for row in csv.DictReader(stream) if "Ada" in row.values())
    assert any(value.startswith("4.8") for value in ada.values()), ada  # two days late: 6 points less 20 %


def test_of_several_lessons_only_the_chosen_ones_count(here, stages, capsys):
    other = lambda submission: {"mark": replace(made(submission, "right"), lesson="02_content").to_json()}  # noqa: E731
    stages |= {"Bob": other, "Eve": "open"}
    assert cli.run(["grade", "in", "-o", "out", "--lessons", "3"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("3 submissions of 3 students marked: 50% of all points earned\n")
    assert err == "stylelab: not counted: 1 notebook of other lessons (02), from Bob\n"
    assert json.loads(Path("out/record.json").read_text())["settings"]["lessons"] == [LESSON]
    assert said(capsys, "in", "-o", "out", "--lessons", "02,03")[0] == (
        "3 submissions of 3 students marked, 3 of them earlier: 67% of all points earned"
    )


def test_the_pages_of_a_student_who_was_renamed_are_removed(here, stages, capsys):
    said(capsys, "in", "-o", "out")
    (here / "in/Eve").rename(here / "in/Eva")
    stages["Eva"] = "right"
    assert cli.run(["grade", "in", "-o", "out"]) == 0
    assert capsys.readouterr().err == "stylelab: removed 2 pages of students who are no longer in this batch\n"
    assert {path.stem for path in Path("out/feedback").iterdir()} == {"Ada", "Bob", "Eva"}
    assert len(list(Path("out/marks").iterdir())) == 4  # a mark is kept, in case the student comes back
    said(capsys, "in", "-o", "out")  # without a warning: nothing is left to remove


def test_a_single_notebook_can_be_graded(here, stages, capsys):
    stages[f"{LESSON}_torch"] = "right"
    one = f"in/Ada/{LESSON}_torch.ipynb"
    assert said(capsys, one, "-o", "out")[0].startswith("1 submissions of 1 students marked: ")


def test_the_help_lists_every_option_and_fits_on_a_screen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERMINAL_WIDTH", "100")
    assert cli.run(["grade", "--help"]) == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    for option in ("scheduler", "sandbox", "seconds", "due", "late", "lessons", "canvas", "seed", "again", "out"):
        assert f"--{option}" in text
    assert len(text.splitlines()) < 45


@pytest.mark.slow
@needs_bubblewrap
def test_real_answers_are_graded_in_a_real_sandbox(here):
    lesson = json.loads((Path(__file__).parents[2] / "lessons" / f"{LESSON}_torch.ipynb").read_text())
    for cell in lesson["cells"]:
        if exercise := cell["metadata"].get("stylelab", {}).get("exercise"):
            cell["source"] = library_source("torch", exercise)
    (here / "in" / "Ada" / f"{LESSON}_torch.ipynb").write_text(json.dumps(lesson))
    (here / "in" / "Eve" / f"{LESSON}_torch.ipynb").write_text("{")
    command = [sys.executable, "-m", "stylelab", "grade", "in", "-o", "out"]
    run = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, "")
    assert "3 submissions of 3 students marked: 50% of all points earned" in run.stdout
    assert "1 could not be graded, for instance Eve/" in run.stdout
    marks = [json.loads(path.read_text())["mark"] for path in Path("out/marks").iterdir()]
    ada = next(mark for mark in marks if mark["student"] == "Ada")
    assert [exercise["stage"] for exercise in ada["exercises"]] == ["right"] * 3 and 0 < ada["seconds"] < 120
    assert oct(os.stat("out/record.json").st_mode)[-3:] == "600"
