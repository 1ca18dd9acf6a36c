"""Anonymous marking: nothing but the key tells a name, labels last, and the names come back."""

import csv
import hashlib
import io
import json
import os
import re
import stat
import zipfile
from pathlib import Path

import pytest
from threads import Local, connected_to, threads

from stylelab.cli import commands as cli
from stylelab.tools import cluster
from stylelab.tools.classroom import grade as grading
from stylelab.tools.classroom.marking import workers
from stylelab.tools.classroom.marking.anonymous import LABEL, Names
from stylelab.tools.classroom.marking.mark import not_graded, unmarkable
from stylelab.tools.classroom.marking.model import Claims, ExerciseMark, Line, Mark
from stylelab.tools.classroom.notebooks.identify import identify
from stylelab.tools.classroom.notebooks.read import read_notebook

LESSON = "03_style_reconstruction"
FILE = f"{LESSON}_torch.ipynb"
pytestmark = pytest.mark.plain
PEOPLE = {  # name -> user name, number, address
    "Ada Lovelace": ("alovelace12", "7001815", "ada.lovelace@uni.example"),
    "Bo Li": ("boli34", "7001900", "bo@uni.example"),
    "Zoë O'Brien-Núñez": ("zobrien5", "7001777", "zoe@uni.example"),
    "王小明": ("wxm77", "7002000", "wang@uni.example"),
}


def notebook(name: str, by: str | None = None) -> bytes:
    """A notebook whose author is everywhere in it, by name, or by what else the platform knows them by."""
    _, number, address = PEOPLE[name]
    name = by or name
    joined = re.sub(r"\W", "", name)
    source = (
        f"# by {name}\ndef gram_matrix(activation):\n    '''{address}'''\n"
        f"    {joined}_gram = 1\n    raise ValueError('{joined} {number}: ask {address}, not {name}')"
    )
    cell = {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": "gram_matrix"}}, "source": source, "outputs": []}
    ours = {"lesson": LESSON, "framework": "torch"}
    text = {"cell_type": "markdown", "metadata": {}, "source": f"{name}, {address}"}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {"stylelab": ours, "authors": [{"name": name}]}, "cells": [text, cell]}
    ).encode()


def fake_mark(task) -> dict:
    """A mark that quotes everything that a student wrote."""
    submission = task["submission"]
    if submission.trouble:
        return {"mark": unmarkable(submission, submission.trouble).to_json()}
    book = read_notebook(submission.data)
    said = book.cells[1].source
    if "7002000" in said:
        return {"mark": not_graded(submission, f"{said.splitlines()[0]} was too busy").to_json()}
    lesson, framework = identify(book, submission.name)
    line = Line("value", 7, 0, f"It stops: {said}")
    exercise = ExerciseMark(
        "gram_matrix", "Which filters respond together.", "error", f"It stops: {said}", (line,), 0.1, (f"found: {said}",),
        form=said, source=said, mistake="Divide by H W.", claims=Claims(2, 1),
    )  # fmt: skip
    digest = hashlib.sha256(submission.data).hexdigest()
    notes = (*submission.notes, said)
    return {
        "mark": Mark(
            submission.student, submission.name, lesson, framework, digest, (exercise,), submission.when, 0.1, notes
        ).to_json()
    }


@pytest.fixture(scope="module")
def running():
    with threads(1) as cluster_of_threads:
        yield cluster_of_threads


@pytest.fixture(autouse=True)
def marked(monkeypatch, running, tmp_path):
    """Labels of the submissions in the order in which they were marked, by a worker without a sandbox."""
    done = []

    def mark_one(task):
        done.append(task["submission"].student)
        return fake_mark(task)

    monkeypatch.setattr(workers, "mark_one", Local(mark_one))
    monkeypatch.setattr(cluster, "connect", connected_to(running))
    monkeypatch.setattr("stylelab.tools.classroom.marking.batch.check_sandbox", lambda kind: None)
    monkeypatch.setattr(grading, "isolation_trouble", lambda: "")
    monkeypatch.chdir(tmp_path)
    return done


def put(*paths: str, by_user: bool = False, data=notebook) -> None:
    for path, (name, (user, *_)) in zip(paths, PEOPLE.items(), strict=False):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data(name, user) if by_user else data(name))


def zipped(names: list[str], by_user: bool = False) -> None:
    with zipfile.ZipFile("in.zip", "w") as archive:
        for path, (name, (user, *_)) in zip(names, PEOPLE.items(), strict=True):
            archive.writestr(path, notebook(name, user if by_user else None))


def in_folders() -> str:
    put(*(f"in/{name}/{FILE}" for name in PEOPLE))
    Path("in/Ada Lovelace", f"Ada Lovelace {FILE}").write_bytes(notebook("Ada Lovelace"))  # a second one: a note names both
    os.utime(f"in/Ada Lovelace/{FILE}", (1e9, 1e9))
    Path("in/Bo Li/Bo Li's.py").write_text("x")
    Path("in/Bo Li/by bobby tables.py").write_text("x")  # a name that no other file tells
    return "in"


def loose() -> str:
    put(*(f"in/{user}_{FILE}" for user, *_ in PEOPLE.values()), by_user=True)
    return "in"


def only_a_script() -> str:
    put(*(f"in/{name}/{FILE}" for name in PEOPLE))
    Path("in/Ada Lovelace", FILE).rename("in/Ada Lovelace/ada lovelace's.py")
    return "in"


def from_canvas() -> str:
    names = [re.sub(r"\W", "", "".join(reversed(name.split()))).lower() for name in PEOPLE]
    zipped(
        [
            f"{name}_LATE_{number}_99887{n}_{name}.ipynb"
            for n, (name, (_, number, _)) in enumerate(zip(names, PEOPLE.values(), strict=True))
        ]
    )
    return "in.zip"


def from_moodle() -> str:
    zipped([f"{name}_{number}_assignsubmission_file/{name}.ipynb" for name, (_, number, _) in PEOPLE.items()])
    return "in.zip"


def from_blackboard() -> str:
    users = [user for user, *_ in PEOPLE.values()]
    zipped([f"Homework 3_{user}_attempt_2026-11-0{n}-12-00-00_{user}.ipynb" for n, user in enumerate(users, 1)], by_user=True)
    return "in.zip"


def from_gradescope() -> str:
    zipped([f"export/submission_{n}/{name}.ipynb" for n, name in enumerate(PEOPLE)])
    entries = [
        f"submission_{n}:\n  :submitters:\n  - :name: {name}\n    :sid: '{number}'\n    :email: {address}\n  :created_at: 2026-11-01 10:00:00\n"
        for n, (name, (_, number, address)) in enumerate(PEOPLE.items())
    ]
    with zipfile.ZipFile("in.zip", "a") as archive:
        archive.writestr("export/submission_metadata.yml", "---\n" + "".join(entries))
    return "in.zip"


LAYOUTS = [in_folders, loose, only_a_script, from_canvas, from_moodle, from_blackboard, from_gradescope]
TELLING = [
    *("lovelace", "bobby", "bo li", "boli", "brien", "núñez", "nunez", "小明"),
    *(each for account in PEOPLE.values() for each in account),
]


def grade(*arguments: str) -> int:
    return cli.run(["grade", *arguments, "-o", "out"])


def key() -> dict:
    return json.loads(Path("out/key.json").read_text())


def label_of(name: str) -> str:
    return next(label for label, each in key().items() if each["student"].startswith(name))


def told(but=("key.json",)) -> list[tuple[str, str]]:
    """(file, what it tells) for everything in the folder that tells who somebody is."""
    found = []
    for path in (path for path in Path("out").rglob("*") if path.name not in but):
        text = str(path.relative_to("out"))
        text += (
            path.read_text() + json.dumps(path.read_text()).encode().decode("unicode_escape", "replace") if path.is_file() else ""
        )
        found += [(str(path), word) for word in TELLING if word in text.lower()]
    return found


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path("out", name).read_text())))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_but_the_key_tells_a_name(layout, marked, capsys):
    assert grade(layout(), "--anonymous") == 0, capsys.readouterr().err
    assert told() == []
    assert len(key()) == 4 and all(map(LABEL.fullmatch, key())) and {row["student"] for row in rows("grades.csv")} == set(key())
    assert marked[:4] == sorted(marked[:4])  # not in the order of the names
    names = {path.stem for path in Path("out/feedback").iterdir()}
    assert names == set(key()) and not Path("out/canvas.csv").exists() and not Path("out/gradescope").exists()
    assert stat.S_IMODE(os.stat("out/key.json").st_mode) == 0o600


@pytest.mark.parametrize("layout", [in_folders, from_canvas, from_gradescope])
def test_the_names_come_back_with_the_same_marks(layout, marked, capsys):
    source = layout()
    assert grade(source, "--anonymous") == 0
    before = {key()[row["student"]]["student"]: row["final"] for row in rows("grades.csv")}
    marked.clear()
    assert grade(source, "--reveal") == 0
    assert set(marked) == {label_of("王")}  # not graded: it is tried again
    assert {row["student"]: row["final"] for row in rows("grades.csv")} == before
    assert not [path for path in Path("out/feedback").iterdir() if LABEL.match(path.name)]
    assert Path("out/canvas.csv").exists() and Path("out/gradescope/results.json").exists()
    names = {each["student"] for each in key().values()}
    assert {row["student"] for row in rows("details.csv")} == names
    assert all(not LABEL.match(row["file"]) for row in rows("details.csv"))
    assert grade(source) == 0 and {row["student"] for row in rows("grades.csv")} == names  # and stay


def test_labels_last_whatever_is_added_and_whether_the_key_is_there(capsys):
    put(*(f"in/{name}/{FILE}" for name in list(PEOPLE)[:2]))
    assert grade("in", "--anonymous") == 0
    before = key()
    put(*(f"in/{name}/{FILE}" for name in PEOPLE))
    Path("out/key.json").rename("key.json")
    assert grade("in", "--anonymous", "--again") == 0
    assert before.items() <= key().items() and len(key()) == 4
    seed = json.loads(Path("out/record.json").read_text())["seed"]
    assert (
        grade("in", "--anonymous", "--seed", seed[::-1]) == 0
        and before.items() <= {label: each | {"files": before.get(label, each)["files"]} for label, each in key().items()}.items()
    )
    assert told() == []


def test_labels_cannot_be_guessed_from_the_names(capsys):
    put(*(f"in/{name}/{FILE}" for name in PEOPLE))
    labels = set()
    for _ in range(2):
        assert grade("in", "--anonymous") == 0
        labels |= key().keys()
        os.rename("out", f"out{len(labels)}")
    assert len(labels) == 8


def test_two_students_with_the_same_digest_get_different_labels(monkeypatch, capsys):
    from stylelab.tools.classroom.marking import anonymous

    digest = anonymous._digest
    monkeypatch.setattr(
        anonymous,
        "_digest",
        lambda seed, what, text: "abcd" + digest(seed, what, text) if what == "student" else digest(seed, what, text),
    )
    put(*(f"in/{name}/{FILE}" for name in PEOPLE))
    assert grade("in", "--anonymous") == 0
    assert len(key()) == 4 and "S-abcd" in key()


def test_a_name_that_comes_later_is_removed_from_earlier_marks(capsys):
    put(f"in/Ada Lovelace/{FILE}", data=lambda name: notebook("Bo Li"))
    assert grade("in", "--anonymous") == 0
    assert "bo" in "".join(path.read_text() for path in Path("out/marks").iterdir()).lower().split("ask")[0]
    put(f"in/Ada Lovelace/{FILE}", f"in/Bo Li/{FILE}", data=lambda name: notebook("Bo Li"))
    assert grade("in", "--anonymous") == 0
    assert told() == []


def test_manual_csv_takes_labels_before_and_after_the_names_are_back(capsys):
    source = in_folders()
    assert grade(source, "--anonymous") == 0
    assert "S-4f2a" in Path("out/manual.csv").read_text() and "Ada" not in Path("out/manual.csv").read_text()
    label = label_of("Ada")
    Path("out/manual.csv").write_text(f"student,exercise,points,comment\n{label.lower()},gram_matrix,5,good\n")
    for option, student in (("--anonymous", label), ("--reveal", "Ada Lovelace")):
        assert grade(source, option) == 0
        (row,) = (row for row in rows("grades.csv") if row["student"] == student)
        assert row["final"] == "5"
    assert "no such student" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        ("--anonymous", "", "is anonymous: add --anonymous to keep it so, or --reveal"), ("", "--anonymous", "has reports with names"),
        ("", "--reveal", "nothing to reveal"), (None, "--reveal", "nothing to reveal"), (None, "--reveal --anonymous", "choose one"),
        (None, "--anonymous --canvas book.csv", "--canvas fills in names"), ("--anonymous --reveal", "", None),
    ],
)  # fmt: skip
def test_what_would_mix_names_and_labels_costs_one_line(first, then, words, capsys):
    put(f"in/Ada Lovelace/{FILE}")
    if words is None:
        assert grade("in", "--anonymous") == grade("in", "--reveal") == 0
        then, words = "--anonymous", "has reports with names"
    elif first is not None:
        assert grade("in", *first.split()) == 0
    before = {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}
    capsys.readouterr()
    assert grade("in", *then.split()) == 1
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
    assert before == {path: path.read_bytes() for path in Path("out").rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}x", '{"Ada": {}}', '{"S-1234": 5}', '{"S-1234": {"student": 5, "files": {}}}', "[" * 10**5]
)
def test_a_damaged_key_is_not_replaced(text, capsys):
    put(f"in/Ada Lovelace/{FILE}")
    assert grade("in", "--anonymous") == 0
    Path("out/key.json").write_text(text)
    capsys.readouterr()
    assert grade("in", "--anonymous") == 1
    assert "move it elsewhere" in capsys.readouterr().err and Path("out/key.json").read_text() == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ada Lovelace wrote", "… wrote"), ("lovelace, ada", "…"), ("AdaLovelace = 1", "… = 1"), ("x_lovelace_2", "x_…_2"), ("LOVELACE", "…"),
        ("max(x)", "max(x)"), ("Max Frisch said max", "… said max"), ("gram_matrix", "gram_matrix"), ("我是王小明吗", "…"), ("by Bo Li.", "by …."),
        ("Bo knows", "Bo knows"), ("mail me@a.b.example now", "mail … now"), ("id 7001815", "id …"), ("adamant", "adamant"), ("alovelace12", "…"),
        ("boli34 bolide", "… bolide"), ("1234567 or 123456.7", "… or 123456.7"),
        ("Zoe\u0308", "…"), ("", ""),
    ],
)  # fmt: skip
def test_names_are_found_as_words(text, expected):
    names = Names([*PEOPLE, "Max Frisch", "gram", "Lovelace (7001815)"], ["x/7001815/al12"])
    assert names.remove(text) == expected
