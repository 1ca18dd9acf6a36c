"""`stylelab start`: a student's copy is made, updated, and never overwritten."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stylelab.base import handed_out
from stylelab.cli import commands as cli
from stylelab.cli import start as starting
from stylelab.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("00_first_tensorflow.ipynb", "00_first_torch.ipynb", "01_second_tensorflow.ipynb", "01_second_torch.ipynb")
ONE = NAMES[1]
BESIDE = "00_first_torch_newer.ipynb"
pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch) -> Path:
    """Four small notebooks that stand for the lessons, and what else may lie there."""
    folder = tmp_path / "course" / "lessons"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    for name in (*NAMES, "draft_torch.ipynb", ".ipynb_checkpoints/00_first_torch.ipynb", "README.md"):
        (folder / name).write_text(f"{name}, first edition")
    monkeypatch.setattr("stylelab.base.course.LESSONS", folder)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


@pytest.fixture
def mine(tmp_path) -> Path:
    return tmp_path / "a student's folder"


def publish(course: Path, edition: str, *names: str) -> None:
    for name in names or NAMES:
        (course / name).write_text(f"{name}, {edition} edition")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file() and path.name != starting.RECORD}


def test_a_missing_folder_is_created_with_every_lesson(mine, course):
    said = starting.start(mine / "and" / "deeper")
    assert contents(mine / "and" / "deeper") == {name: f"{name}, first edition" for name in NAMES}
    assert "4 notebooks" in said and "4 new" in said and len(said.splitlines()) <= 4


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_the_lessons_of_one_framework_can_be_chosen(mine, framework):
    starting.start(mine, framework)
    assert sorted(contents(mine)) == [name for name in NAMES if framework in name]


def test_a_second_run_changes_nothing(mine):
    starting.start(mine)
    before = {path: path.stat().st_mtime_ns for path in mine.iterdir()}
    assert "4 up to date" in starting.start(mine)
    assert {path: path.stat().st_mtime_ns for path in mine.iterdir()} == before


def test_an_unchanged_lesson_is_updated_in_place(mine, course):
    starting.start(mine)
    publish(course, "second")
    assert "4 updated" in starting.start(mine)
    assert contents(mine) == {name: f"{name}, second edition" for name in NAMES}


def test_a_changed_lesson_is_kept_and_the_newer_one_gets_another_name(mine, course):
    starting.start(mine)
    (mine / ONE).write_text("my answers")
    assert f"1 kept: you have changed them ({ONE})" in starting.start(mine)
    publish(course, "second", ONE)
    assert f"1 newer than yours, saved under another name ({BESIDE})" in starting.start(mine)
    expected = {name: f"{name}, first edition" for name in NAMES}
    assert contents(mine) == expected | {ONE: "my answers", BESIDE: f"{ONE}, second edition"}


def test_the_newer_copy_is_updated_until_it_is_changed_too(mine, course):
    starting.start(mine)
    (mine / ONE).write_text("my answers")
    for edition in ("second", "third"):
        publish(course, edition, ONE)
        starting.start(mine)
        assert contents(mine)[BESIDE] == f"{ONE}, {edition} edition"
    (mine / BESIDE).write_text("my other answers")
    assert BESIDE in starting.start(mine) and len(contents(mine)) == 5
    publish(course, "fourth", ONE)
    starting.start(mine)
    now = contents(mine)
    assert (now[ONE], now[BESIDE], now["00_first_torch_newer_2.ipynb"]) == (
        "my answers", "my other answers", f"{ONE}, fourth edition",
    )  # fmt: skip


def test_a_deleted_lesson_is_copied_again_but_its_newer_edition_only_once(mine, course):
    starting.start(mine)
    (mine / ONE).unlink()
    assert "1 new" in starting.start(mine) and (mine / ONE).is_file()
    (mine / ONE).write_text("my answers")
    publish(course, "second", ONE)
    starting.start(mine)
    (mine / ONE).unlink()  # continues with the newer one
    starting.start(mine)
    assert ONE not in contents(mine)


@pytest.mark.parametrize("record", [None, "", "{", "[1]", '{"00_first_torch.ipynb": null}'])
def test_without_a_record_every_difference_counts_as_the_students(mine, course, record):
    starting.start(mine)
    publish(course, "second", ONE)
    (mine / starting.RECORD).unlink()
    if record is not None:
        (mine / starting.RECORD).write_text(record)
    assert "1 newer than yours" in starting.start(mine)
    assert contents(mine)[ONE] == f"{ONE}, first edition"
    assert len(json.loads((mine / starting.RECORD).read_text())) == 4


def test_links_and_folders_under_a_lessons_name_are_left_alone(mine, course, tmp_path):
    kept = tmp_path / "kept.ipynb"
    kept.write_text("far away")
    mine.mkdir()
    (mine / ONE).symlink_to(kept)
    (mine / NAMES[0]).symlink_to(tmp_path / "nowhere")
    (mine / NAMES[2]).mkdir()
    os.mkfifo(mine / NAMES[3])
    starting.start(mine)
    assert kept.read_text() == "far away" and not (tmp_path / "nowhere").exists()
    assert sum("_newer" in name for name in contents(mine)) == 4


def test_a_lesson_moved_away_and_linked_to_is_left_alone(mine, course, tmp_path):
    starting.start(mine)
    (mine / ONE).rename(tmp_path / "moved.ipynb")
    (mine / ONE).symlink_to(tmp_path / "moved.ipynb")
    publish(course, "second", ONE)
    starting.start(mine)
    assert (tmp_path / "moved.ipynb").read_text() == f"{ONE}, first edition" and (mine / ONE).is_symlink()
    assert contents(mine)[BESIDE] == f"{ONE}, second edition"


def test_a_link_to_a_folder_is_a_folder(mine, tmp_path):
    (tmp_path / "big disk").mkdir()
    mine.symlink_to(tmp_path / "big disk")
    starting.start(mine)
    assert len(contents(tmp_path / "big disk")) == 4


def test_other_things_in_the_folder_are_not_touched(mine):
    (mine / ".ipynb_checkpoints").mkdir(parents=True)
    others = [mine / ".ipynb_checkpoints" / "00_first_torch-checkpoint.ipynb", mine / "me.jpg", mine / "04_mine.ipynb"]
    for path in others:
        path.write_text("mine")
    starting.start(mine)
    assert [path.read_text() for path in others] == ["mine"] * 3
    assert os.listdir(mine / ".ipynb_checkpoints") == ["00_first_torch-checkpoint.ipynb"]


def test_a_notebook_saved_at_the_last_moment_is_kept(mine, course, monkeypatch):
    starting.start(mine)
    publish(course, "second", ONE)
    write_file = handed_out.write_file

    def saved_meanwhile(path, write):
        if path.name == ONE:
            path.write_text("saved by Jupyter")
        write_file(path, write)

    monkeypatch.setattr(handed_out, "write_file", saved_meanwhile)
    starting.start(mine)
    assert contents(mine)[ONE] == "saved by Jupyter" and contents(mine)[BESIDE] == f"{ONE}, second edition"


@pytest.mark.parametrize("moment", range(8))
def test_ctrl_c_at_any_moment_leaves_complete_files_and_the_next_run_finishes(mine, course, monkeypatch, capsys, moment):
    starting.start(mine)
    publish(course, "second")
    replace, left = os.replace, [moment]

    def interrupted(part, path):
        if left[0] == 0:
            left[0] = -1
            raise KeyboardInterrupt
        left[0] -= 1
        replace(part, path)

    monkeypatch.setattr(os, "replace", interrupted)
    assert cli.run(["start", str(mine)]) == 130
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("stylelab: interrupted") and err.count("\n") == 1
    assert {text.split(", ")[1] for text in contents(mine).values()} <= {"first edition", "second edition"}
    assert sorted(contents(mine)) == sorted(NAMES), "something half-written is left"
    starting.start(mine)
    assert contents(mine) == {name: f"{name}, second edition" for name in NAMES}


def refused(capsys, *arguments) -> str:
    assert cli.run(["start", *map(str, arguments)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("stylelab: ") and err.count("\n") == 1, err
    return err


def test_an_unusable_folder_gives_one_line(capsys, tmp_path, course):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert "is not a folder" in refused(capsys, tmp_path / "file")
    assert "cannot make folder" in refused(capsys, tmp_path / "file" / "deeper")
    assert "circle" in refused(capsys, tmp_path / "circle")
    assert "is not a folder" in refused(capsys, tmp_path / "nowhere")
    assert "where the lessons come from" in refused(capsys, course)
    assert "where the lessons come from" in refused(capsys, course / "mine")
    assert "cannot make folder" in refused(capsys, tmp_path / ("long" * 100))
    assert "unknown framework 'pytorch': did you mean 'torch'?" in refused(capsys, tmp_path / "new", "--framework", "pytorch")
    assert not (tmp_path / "new").exists() and (tmp_path / "file").read_text() == "mine"


def test_an_unwritable_folder_gives_one_line(capsys, mine, monkeypatch):
    mine.mkdir()
    monkeypatch.setattr("stylelab.base.files.open", _write_protected, raising=False)  # root may write everywhere
    assert "cannot write into folder" in refused(capsys, mine)


def _write_protected(path, mode="r"):
    raise PermissionError(13, "Permission denied")


def test_without_lessons_one_line_says_where_to_find_them(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("stylelab.base.course.LESSONS", tmp_path / "none")
    assert "this installation has no lessons: clone https://" in refused(capsys, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_installed_package_finds_the_lessons_of_the_folder_it_is_run_in(mine, course, tmp_path, monkeypatch):
    monkeypatch.setattr("stylelab.base.course.LESSONS", tmp_path / "none")
    monkeypatch.chdir(course.parent)
    starting.start(mine)
    assert len(contents(mine)) == 4


def test_a_lesson_that_cannot_be_read_is_named(mine, course):
    (course / NAMES[3]).unlink()
    (course / NAMES[3]).mkdir()
    with pytest.raises(InputError, match="cannot read lesson .*01_second_torch"):
        starting.start(mine)


def test_a_killed_process_leaves_complete_lessons(mine):
    code = (
        "import os, signal, sys; from pathlib import Path; from stylelab.cli import start\n"
        "start.handed_out.file_sha256 = lambda path: os.kill(os.getpid(), signal.SIGKILL) if list(path.parent.glob('.*.part')) else None\n"
        "start.start(Path(sys.argv[1]))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(mine)], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == -signal.SIGKILL, run.stderr
    starting.start(mine)
    assert {name: text for name, text in contents(mine).items() if name.endswith(".ipynb")} == {
        name: f"{name}, first edition" for name in NAMES
    }


def test_the_command_imports_neither_frameworks_nor_jupyter(mine):
    code = (
        f"import sys; from stylelab.cli import commands as cli; assert cli.run(['start', {str(mine)!r}]) == 0\n"
        "sys.exit(', '.join({'torch', 'tensorflow', 'jupytext', 'nbformat', 'numpy'} & set(sys.modules)) or None)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert len(contents(mine)) >= 2


def test_make_lab_opens_a_folder_that_git_and_the_tests_do_not_see():
    run = subprocess.run(
        ["make", "--no-print-directory", "-n", "lab"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"MAKEFLAGS": ""},
    )
    assert 'stylelab start "my-lessons"' in run.stdout and run.stdout.rstrip().endswith('"my-lessons"')
    assert ("--allow-root" in run.stdout) == (os.geteuid() == 0)  # Jupyter refuses root that does not say so
    if shutil.which("git") and (ROOT / ".git").exists():
        ignored = subprocess.run(["git", "check-ignore", "-q", "my-lessons/04_style_transfer_torch.ipynb"], cwd=ROOT)
        assert ignored.returncode == 0


def test_an_environment_of_pip_gets_the_kernel_that_the_tensorflow_lessons_name(mine, tmp_path, monkeypatch):
    specs: dict[str, str] = {}
    monkeypatch.setattr(starting.KernelSpecManager, "find_kernel_specs", lambda self: specs)
    monkeypatch.setattr(starting.importlib.util, "find_spec", lambda name: True)
    monkeypatch.setattr(starting.sys, "prefix", str(tmp_path / "python"))
    assert "kernel" not in starting.start(mine, "torch") and not (tmp_path / "python").exists()
    assert "kernel added to this Python: stylelab (TensorFlow)" in starting.start(mine)
    kernel = json.loads((tmp_path / "python/share/jupyter/kernels/stylelab-tensorflow/kernel.json").read_text())
    assert kernel["argv"][0] == sys.executable and kernel["display_name"] == "stylelab (TensorFlow)"
    specs["stylelab-tensorflow"] = "anywhere"
    assert "kernel" not in starting.start(mine)
    specs.clear()
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(starting.sys, "prefix", str(tmp_path / "file"))
    assert "choose Python 3" in starting.start(mine)
