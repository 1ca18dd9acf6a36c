"""Handing in: to a folder and to nbgrader's exchange, from a notebook and from the command line."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import stylelab
from stylelab.cli import commands
from stylelab.errors import InputError
from stylelab.exercises import hand_in as module
from stylelab.exercises.hand_in import hand_in, place_of, submit, user_name
from stylelab.tools.classroom.intake.collect import collect

pytestmark = pytest.mark.plain
NAME = "01_sort_and_fit_numpy.ipynb"


def notebook(path: Path, *outcomes: str, more: str = "") -> bytes:
    """Write a lesson with an exercise of each outcome, and return its bytes."""
    cells = [new_markdown_cell("# 1 · Sort a list")]
    for number, outcome in enumerate(outcomes):
        name = f"exercise_{number}"
        output = nbformat.v4.new_output(
            "display_data", {"text/plain": ""}, metadata={"stylelab": {"exercise": name, "outcome": outcome}}
        )
        cells.append(new_code_cell(f"check()  # {more}", metadata={"stylelab": {"check": name}}, outputs=[output]))
    nbformat.write(new_notebook(cells=cells), path)
    return path.read_bytes()


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The student's folder, which is the current one; `collected` is beside it."""
    (tmp_path / "lessons").mkdir()
    (tmp_path / "collected").mkdir()
    for name in ("JUPYTERHUB_USER", "STYLELAB_HAND_IN", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTERHUB_USER", "ada")
    monkeypatch.chdir(tmp_path / "lessons")
    return tmp_path / "lessons"


@pytest.fixture
def collected(here) -> Path:
    return here.parent / "collected"


def test_what_is_handed_in_is_read_by_the_grader_as_the_students(here, collected):
    data = notebook(here / NAME, "right")
    [receipt] = hand_in([here / NAME], str(collected))
    assert receipt.digest == hashlib.sha256(data).hexdigest() and receipt.digest in str(receipt)
    [submission] = collect(collected)
    assert (submission.student, submission.read(), submission.notes) == ("ada", data, ())
    assert submission.when == receipt.when


def test_handing_in_again_keeps_the_earlier_one_where_no_grader_counts_it(here, collected):
    first = notebook(here / NAME, "wrong")
    hand_in([here / NAME], str(collected))
    os.utime(collected / "ada" / NAME, (1_000_000_000, 1_000_000_000))
    second = notebook(here / NAME, "right")
    hand_in([here / NAME], str(collected))
    [earlier] = (collected / "ada" / ".earlier").iterdir()
    assert earlier.read_bytes() == first and earlier.stat().st_mtime == 1_000_000_000
    [submission] = collect(collected)
    assert submission.read() == second and submission.notes == ()
    assert len((collected / "ada" / ".receipts").read_text().splitlines()) == 2


def test_handing_in_the_same_again_keeps_its_time(here, collected):
    notebook(here / NAME, "wrong")
    [first] = hand_in([here / NAME], str(collected))
    os.utime(collected / "ada" / NAME, (1_000_000_000, 1_000_000_000))
    [again] = hand_in([here / NAME], str(collected))
    assert again.again and again.when.timestamp() == 1_000_000_000 and "has not changed since" in str(again)
    assert not (collected / "ada" / ".earlier").exists() and first.digest == again.digest


def test_a_failure_on_the_way_leaves_the_earlier_one_in_place(here, collected, monkeypatch):
    first = notebook(here / NAME, "wrong")
    hand_in([here / NAME], str(collected))
    second = notebook(here / NAME, "right")

    def full(stream, data):
        if data == second:
            raise OSError(28, "No space left on device")
        stream.write(data)

    monkeypatch.setattr(module, "_write", full)
    with pytest.raises(stylelab.MachineError, match="no space left on device; make room"):
        hand_in([here / NAME], str(collected))
    assert (collected / "ada" / NAME).read_bytes() == first
    assert [path.name for path in (collected / "ada").iterdir() if path.name.endswith(".part")] == []


@pytest.mark.parametrize(("name", "content", "said"), [
    ("notes.txt", "{}", "'notes.txt' is not a notebook: its name should end in .ipynb"),
    (".hidden.ipynb", "{}", "'.hidden.ipynb' is not a notebook"),
    ("gone.ipynb", None, "'gone.ipynb' does not exist: save the notebook first"),
    ("text.ipynb", "hello", "'text.ipynb' cannot be read as a notebook: open it, save it"),
    ("list.ipynb", "[]", "cannot be read as a notebook"),
    ("deep.ipynb", "[" * 100_000, "cannot be read as a notebook"),
])  # fmt: skip
def test_what_is_not_a_notebook_is_refused_and_nothing_else_is_handed_in(here, collected, name, content, said):
    notebook(here / NAME, "right")
    if content is not None:
        (here / name).write_text(content)
    with pytest.raises(InputError) as error:
        hand_in([Path(NAME), Path(name)], str(collected))
    assert said in str(error.value) and list(collected.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(here):
    notebook(here / NAME, "right")
    with pytest.raises(InputError, match="does not exist: ask your instructor"):
        hand_in([here / NAME], str(here.parent / "gone"))
    assert not (here.parent / "gone").exists()


def test_a_folder_of_ones_name_that_is_a_link_is_refused(here, collected):
    notebook(here / NAME, "right")
    (here.parent / "elsewhere").mkdir()
    (collected / "ada").symlink_to(here.parent / "elsewhere")
    with pytest.raises(InputError, match="belongs to someone else"):
        hand_in([here / NAME], str(collected))
    assert list((here.parent / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "folder"), [("ada", "ada"), ("../bob", "%2E.%2Fbob"), (".ada", "%2Eada"), ("王小明", "王小明"), ("a/b", "a%2Fb")]
)
def test_any_name_is_one_folder_that_the_grader_sees(here, collected, monkeypatch, name, folder):
    monkeypatch.setenv("JUPYTERHUB_USER", name)
    notebook(here / NAME, "right")
    hand_in([here / NAME], str(collected))
    assert user_name() == folder and [path.name for path in collected.iterdir()] == [folder]
    assert [submission.student for submission in collect(collected)] == [folder]


def test_the_place_is_what_is_asked_for_then_the_courses_then_the_hubs(here, monkeypatch):
    with pytest.raises(InputError, match="does not say where to hand in: ask your instructor"):
        place_of("", here)
    monkeypatch.setenv("STYLELAB_HAND_IN", "/from-hub")
    assert place_of("", here) == "/from-hub"
    (here / "course.toml").write_text('title = "Mine"\nhand_in = "../collected"\n')
    assert place_of("", here) == str(here.parent / "collected") and place_of("other", here) == str(here / "other")
    (here / "course.toml").write_text('title = "Mine"\nhand_in = "nbgrader"\n')
    assert place_of("", here) == "nbgrader"


# who may read it


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be several users")
def test_other_students_cannot_read_what_is_handed_in_and_the_instructor_can():
    student, other, instructor, group = 61001, 61002, 61003, 61999
    folder = Path(tempfile.mkdtemp(prefix="stylelab-hand-in-"))
    try:
        folder.chmod(0o755)
        (folder / "in").mkdir()
        os.chown(folder / "in", instructor, group)
        notebook(folder / NAME, "right")

        def as_user(user: int, action: str, *groups: int, name: str = "") -> str:
            """What Python prints as this user; all is imported before, as root's Python may be out of reach."""
            code = (
                "import os, traceback\nfrom pathlib import Path\nfrom stylelab.exercises.hand_in import hand_in\n"
                f"os.setgroups({list(groups)}); os.setgid({user}); os.setuid({user})\n"
                f"try:\n    print({action})\nexcept Exception as error:\n    print(type(error).__name__, error)"
            )
            environment = os.environ | {
                "JUPYTERHUB_USER": name or f"u{user}",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            }
            done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            return done.stdout

        hand = f"hand_in([Path({NAME!r})], {str(folder / 'in')!r})"
        read = f"len(Path({str(folder / 'in' / f'u{student}' / NAME)!r}).read_text())"
        (folder / "in").chmod(0o1777)
        assert "ask your instructor to run `chmod 3733" in as_user(student, hand)
        assert list((folder / "in").iterdir()) == []
        (folder / "in").chmod(0o3733)
        assert "Receipt(" in as_user(student, hand)
        assert int(as_user(student, read)) == int(as_user(instructor, read, group))
        assert "PermissionError" in as_user(other, read)
        assert "PermissionError" in as_user(other, f"os.listdir({str(folder / 'in')!r})")
        (folder / "in").chmod(0o755)  # as where each student's folder is mounted by itself
        assert "again=True" in as_user(student, hand)
        (folder / "in").chmod(0o3733)
        assert "belongs to someone else: tell your instructor" in as_user(other, hand, name=f"u{student}")
        (folder / NAME).write_bytes(notebook(folder / NAME, "wrong"))
        assert "again=False" in as_user(student, hand)
        earlier = f"len(os.listdir({str(folder / 'in' / f'u{student}' / '.earlier')!r}))"
        assert int(as_user(instructor, earlier, group)) == 1 and "PermissionError" in as_user(other, earlier)
    finally:
        shutil.rmtree(folder)


# from the command line, and in a notebook


def test_the_command_hands_in_what_was_begun_and_prints_receipts(here, collected, capsys):
    notebook(here / NAME, "partly right", "not attempted")
    notebook(here / "02_untouched_numpy.ipynb", "not attempted")
    assert commands.run(["hand-in", "--to", str(collected)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0].startswith(f"{NAME} was submitted to {collected / 'ada'} at 20") and "SHA-256" in lines[0]
    assert lines[1] == "This is what was last saved. Changes since then: save, and hand in again."
    assert [path.name for path in sorted((collected / "ada").glob("*"))] == [".receipts", NAME]
    assert commands.run(["hand-in", "02_untouched_numpy.ipynb", "--to", str(collected)]) == 0
    assert (collected / "ada" / "02_untouched_numpy.ipynb").is_file()


def test_the_command_says_in_a_line_that_nothing_was_begun_or_no_place_is_known(here, capsys):
    notebook(here / NAME, "not attempted")
    assert commands.run(["hand-in", "--to", "x"]) == 1
    assert "no exercise in this folder was attempted yet: name the notebooks" in capsys.readouterr().err
    assert commands.run(["hand-in", NAME]) == 1
    assert "does not say where to hand in" in capsys.readouterr().err


def test_in_a_terminal_submit_lists_what_would_be_handed_in(here, collected, capsys):
    notebook(here / NAME, "right", "wrong")
    stylelab.submit(to=collected)
    first, *rest = capsys.readouterr().out.splitlines()
    assert (
        first.startswith(f"{NAME}: 1 of 2 exercises right, saved at 20")
        and "save first" in rest[0]
        and "stylelab hand-in" in rest[1]
    )
    hand_in([here / NAME], str(collected))
    stylelab.submit(to=collected)
    assert ", submitted at 20" in capsys.readouterr().out.splitlines()[0]
    notebook(here / NAME, "right", "wrong", more="changed")
    stylelab.submit(to=collected)
    assert ", changed since it was submitted at 20" in capsys.readouterr().out.splitlines()[0]
    assert (collected / "ada" / NAME).read_bytes() != (here / NAME).read_bytes()


@pytest.fixture
def widget(here, monkeypatch):
    """Call `submit` as in a notebook; the parts of its widget by their kind."""
    from stylelab import page

    shown = []
    monkeypatch.setattr(module, "in_notebook", lambda: True)
    monkeypatch.setattr(page, "display_widget", lambda widget, html, text: shown.append((widget, html)))

    def call(to):
        submit(Path(), to)
        box, html = shown[-1]
        *boxes, explained, button, told = box.children
        return boxes, button, told, html

    return call


def test_the_button_hands_in_what_is_chosen_and_shows_the_receipt(here, collected, widget):
    data = notebook(here / NAME, "right", "not attempted")
    notebook(here / "02_untouched_numpy.ipynb", "not attempted")
    boxes, button, told, html = widget(collected)
    assert [box.value for box in boxes] == [True, False] and "1 of 2 exercises right" in boxes[0].description
    assert "1 of 2 exercises right" in html and "save first (Ctrl+S)" in html
    button.click()
    assert hashlib.sha256(data).hexdigest() in told.value and 'role="status"' in told.value
    assert [path.name for path in (collected / "ada").glob("*.ipynb")] == [NAME]
    data = notebook(here / NAME, "right", "right")  # saved after the button was shown
    button.click()
    assert (collected / "ada" / NAME).read_bytes() == data and "2 of 2 exercises right" in boxes[0].description


def test_the_button_answers_whatever_goes_wrong(here, collected, widget, monkeypatch):
    notebook(here / NAME, "right")
    boxes, button, told, _ = widget(collected)
    collected.rmdir()
    button.click()
    assert "Not submitted: the folder for hand-ins" in told.value and not button.disabled
    monkeypatch.setattr(module, "hand_in", lambda *_: 1 / 0)
    button.click()
    assert "Not submitted: division by zero" in told.value
    boxes[0].value = False
    button.click()
    assert "Choose a notebook first." in told.value


def test_a_notebook_that_is_open_is_chosen_even_before_its_first_check(here, collected, widget, monkeypatch):
    notebook(here / NAME, "not attempted")
    notebook(here / "02_untouched_numpy.ipynb", "not attempted")
    monkeypatch.setenv("JPY_SESSION_NAME", f"/home/ada/lessons/{NAME}")
    assert [box.value for box in widget(collected)[0]] == [True, False]


# nbgrader


@pytest.mark.slow
def test_nbgraders_exchange_gets_what_nbgrader_collects(here, tmp_path, monkeypatch):
    pytest.importorskip("nbgrader")
    exchange, course, assignment = tmp_path / "exchange", tmp_path / "course", Path(NAME).stem
    exchange.mkdir()
    exchange.chmod(0o777)
    config = f'c = get_config()\nc.Exchange.root = "{exchange}"\nc.CourseDirectory.course_id = "sorting"\nc.Exchange.cache = "{tmp_path / "cache"}"\n'
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "nbgrader_config.py").write_text(config)
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # `nbgrader collect` calls alembic
    released = course / "release" / assignment
    released.mkdir(parents=True)
    notebook(released / NAME, "not attempted")
    with pytest.raises(InputError, match=f"nbgrader did not take '{NAME}': "):
        hand_in_one(here)  # not released yet
    nbgrader(course, "release_assignment", assignment)
    data, receipt = hand_in_one(here)
    assert receipt.place.startswith(f"nbgrader (sorting {assignment} 20")
    [inbound] = (exchange / "sorting" / "inbound").iterdir()
    assert inbound.name.startswith(f"ada+{assignment}+20") and (inbound / NAME).read_bytes() == data
    nbgrader(course, "collect", assignment)
    [submission] = collect(course / "submitted")
    assert (submission.student, submission.read()) == ("ada", data)


def hand_in_one(here: Path):
    data = notebook(here / NAME, "right")
    return data, hand_in([here / NAME], "nbgrader")[0]


def nbgrader(course: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=course, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_without_nbgrader_one_line_says_so(here, monkeypatch):
    notebook(here / NAME, "right")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        stylelab.MachineError, match="collects with nbgrader, which is not installed here: run `pip install nbgrader`"
    ):
        hand_in([here / NAME], "nbgrader")


def test_a_notebook_that_a_grader_would_not_read_is_refused_before(here, collected, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 2_000_000)
    (here / NAME).write_text(json.dumps({"cells": [], "x": "y" * 2_000_000}))
    with pytest.raises(InputError, match="is larger than 2 MB"):
        hand_in([here / NAME], str(collected))
