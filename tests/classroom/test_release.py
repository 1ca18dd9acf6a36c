"""`stylelab release`: the released notebooks and zips, and that it overwrites no file of the instructor."""

import copy
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from submitting import own_course

from stylelab import exercises
from stylelab.base import handed_out
from stylelab.base.course import choose_course, find_lessons
from stylelab.cli import commands as cli
from stylelab.errors import InputError
from stylelab.tools.classroom.handout import release as releasing
from stylelab.tools.classroom.handout import strip
from stylelab.tools.classroom.notebooks.read import MODEL_ANSWER, WATERMARK, read_notebook

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {"schema_version", "grade", "locked", "solution", "task", "grade_id", "points", "checksum", "cell_type"}
NAMES = ("03_style_tensorflow.ipynb", "03_style_torch.ipynb", "04_transfer_tensorflow.ipynb", "04_transfer_torch.ipynb")
ZIPS = ("03_style.zip", "04_transfer.zip")
ONE = NAMES[1]
NOT_OURS = "was not written by `stylelab release` or has changed"
pytestmark = pytest.mark.plain


@pytest.fixture(scope="module")
def released(tmp_path_factory) -> Path:
    """The real lessons, released once."""
    folder = tmp_path_factory.mktemp("released")
    releasing.release(folder)
    return folder


@pytest.fixture(scope="module")
def notebooks(released) -> dict[str, nbformat.NotebookNode]:
    return {path.name: nbformat.read(path, as_version=4) for path in sorted(released.glob("*.ipynb"))}


@pytest.fixture
def course(tmp_path, monkeypatch) -> Path:
    """Four small notebooks in place of the lessons."""
    folder = tmp_path / "course" / "lessons"
    folder.mkdir(parents=True)
    publish(folder, "first")
    monkeypatch.setattr("stylelab.base.course.LESSONS", folder)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def out(tmp_path, course) -> Path:
    return tmp_path / "to hand out"


def publish(course: Path, edition: str) -> None:
    for name in NAMES:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# {name}, {edition} edition", id="title")])
        nbformat.write(notebook, course / name)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def visible(folder: Path) -> list[str]:
    return sorted(name for name in contents(folder) if name != releasing.RECORD)


def refuse(capsys, *arguments: str) -> str:
    """Run a command that must fail, and return its one-line error."""
    assert cli.run(["release", *arguments]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("stylelab: ") and err.count("\n") == 1
    return err


def test_every_lesson_comes_in_both_editions_and_in_a_zip(released, notebooks):
    lessons = {path.stem.rpartition("_")[0] for path in find_lessons()}
    assert set(notebooks) == {path.name for path in find_lessons()}
    assert {path.stem for path in released.glob("*.zip")} == lessons and len(lessons) >= 6


def test_released_notebooks_are_valid_and_have_no_outputs(notebooks):
    for notebook in notebooks.values():
        nbformat.validate(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                assert cell.outputs == [] and cell.execution_count is None
            assert not {"execution", "jupyter"} & set(cell.metadata) and "attachments" not in cell


def test_a_released_notebook_records_its_lesson_and_framework(notebooks):
    for name, notebook in notebooks.items():
        said = notebook.metadata.stylelab
        assert f"{said.lesson}_{said.framework}.ipynb" == name and said.framework in ("torch", "tensorflow")


def test_the_markup_has_only_keys_of_nbgrader(notebooks):
    for notebook in notebooks.values():
        markups = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
        ids = [markup.grade_id for markup in markups]
        assert len(set(ids)) == len(ids) >= 4
        for markup in markups:
            assert set(markup) <= ALLOWED and markup.schema_version == 3 and markup.task is False
            assert (markup.grade, markup.locked, markup.solution) in ((False, False, True), (True, True, False))
        answers = {markup.grade_id for markup in markups if markup.solution}
        points = {markup.grade_id.removeprefix("check_"): markup.points for markup in markups if markup.grade}
        assert points == {exercise: exercises.find_exercise(exercise).points for exercise in answers}


def test_nbgrader_accepts_the_markup_and_the_checksums(notebooks):
    utils = pytest.importorskip("nbgrader.utils")
    from nbgrader.preprocessors import CheckCellMetadata

    for notebook in notebooks.values():
        CheckCellMetadata().preprocess(notebook, {})
        for cell in notebook.cells:
            if "nbgrader" in cell.metadata:
                assert cell.metadata.nbgrader.checksum == utils.compute_checksum(cell)


def test_checks_cannot_be_edited_and_answers_can(notebooks):
    for cell in (cell for notebook in notebooks.values() for cell in notebook.cells if "nbgrader" in cell.metadata):
        assert cell.metadata.deletable is False
        assert cell.metadata.get("editable", True) is cell.metadata.nbgrader.solution


def test_the_answer_goes_below_the_def_and_the_docstring(notebooks):
    for notebook in notebooks.values():
        for cell in (cell for cell in notebook.cells if "exercise" in cell.metadata.stylelab):
            above, inside, below = cell.source.partition(f"    {strip.BEGIN}\n    {strip.STUB}\n    {strip.END}")
            assert f"def {cell.metadata.stylelab.exercise}(" in above and above.rstrip().endswith('"""') and inside
            assert strip.STUB not in below
            compile(cell.source, "cell", "exec")


def test_a_zip_contains_both_editions_and_a_readme_in_one_folder(released, notebooks):
    for path in released.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None and archive.namelist() == sorted(archive.namelist())
            files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        editions = [name for name in notebooks if name.startswith(path.stem)]
        assert set(files) == {f"{path.stem}/{name}" for name in (*editions, "README.txt")} and len(editions) == 2
        assert all(files[f"{path.stem}/{name}"] == (released / name).read_bytes() for name in editions)
        note = files[f"{path.stem}/README.txt"].decode()
        assert all(word in note for word in (*editions, "PyTorch", "TensorFlow", "jupyter lab", strip.BEGIN, strip.END))
        assert max(map(len, note.splitlines())) < 120


def test_the_same_lessons_give_the_same_bytes(out, tmp_path):
    releasing.release(out)
    releasing.release(tmp_path / "again")
    assert contents(out) == contents(tmp_path / "again")


def test_the_bytes_do_not_depend_on_the_time_zone_and_no_framework_or_nbgrader_is_imported(out, course, tmp_path):
    other = tmp_path / "other"
    code = (
        "import sys; from pathlib import Path; from stylelab.base import course; from stylelab.cli import commands\n"
        f"course.LESSONS = Path({str(course)!r})\n"
        f"assert commands.run(['release', '-o', {str(other)!r}]) == 0\n"
        "sys.exit(', '.join({'torch', 'tensorflow', 'nbgrader', 'jupytext'} & set(sys.modules)) or None)"
    )
    env = os.environ | {"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    releasing.release(out)
    assert contents(out) == contents(other)


def test_a_second_release_writes_nothing(out):
    releasing.release(out)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert "0 files written, 6 already up to date" in releasing.release(out)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_a_newer_lesson_replaces_the_released_one(out, course):
    releasing.release(out)
    publish(course, "second")
    assert "6 files written" in releasing.release(out)
    assert b"second edition" in (out / ONE).read_bytes()


@pytest.mark.parametrize("name", [ONE, ZIPS[0]])
def test_a_file_that_was_not_released_stops_the_command_before_anything_is_written(out, course, capsys, name):
    out.mkdir()
    (out / name).write_text("mine")
    assert f"{name}' {NOT_OURS}" in refuse(capsys, "-o", str(out))
    assert contents(out) == {name: b"mine"}


def test_a_changed_file_is_not_replaced(out, course, capsys):
    releasing.release(out)
    (out / ONE).write_text("changed")
    publish(course, "second")
    before = contents(out)
    assert NOT_OURS in refuse(capsys, "-o", str(out))
    assert contents(out) == before


@pytest.mark.parametrize("record", [None, "", "{", "[1]", "[" * 100_000, f'{{"{ONE}": null}}', f'{{"{ONE}": "x"}}'])
def test_without_a_record_no_different_file_is_replaced(out, course, record):
    releasing.release(out)
    releasing.release(out)
    publish(course, "second")
    (out / releasing.RECORD).unlink()
    if record is not None:
        (out / releasing.RECORD).write_text(record)
    with pytest.raises(InputError, match=NOT_OURS):
        releasing.release(out)


def test_links_folders_and_pipes_are_not_replaced(out, course, tmp_path):
    far = tmp_path / "far.ipynb"
    releasing.release(out)
    (out / ONE).rename(far)
    for make in (lambda path: path.symlink_to(far), lambda path: path.mkdir(), os.mkfifo):
        make(out / ONE)
        with pytest.raises(InputError, match=NOT_OURS):
            releasing.release(out)
        (out / ONE).rmdir() if (out / ONE).is_dir() else (out / ONE).unlink()


def test_other_things_in_the_folder_are_not_touched(out):
    out.mkdir()
    (out / "notes.ipynb").write_text("mine")
    releasing.release(out)
    assert (out / "notes.ipynb").read_text() == "mine"


def test_a_file_saved_at_the_last_moment_is_kept(out, course, monkeypatch):
    releasing.release(out)
    publish(course, "second")
    write_file = handed_out.write_file

    def saved_meanwhile(path, write):
        if path.name == ONE:
            path.write_text("saved by Jupyter")
        write_file(path, write)

    monkeypatch.setattr(handed_out, "write_file", saved_meanwhile)
    with pytest.raises(InputError, match=NOT_OURS):
        releasing.release(out)
    assert (out / ONE).read_text() == "saved by Jupyter" and not list(out.glob(".*.part"))


@pytest.mark.parametrize("moment", range(8))
def test_ctrl_c_at_any_moment_leaves_complete_files_and_the_next_run_succeeds(out, course, monkeypatch, capsys, moment):
    releasing.release(out)
    publish(course, "second")
    replace, left = os.replace, [moment]

    def interrupted(part, path):
        left[0] -= 1
        if left[0] == -1:
            raise KeyboardInterrupt
        replace(part, path)

    monkeypatch.setattr(os, "replace", interrupted)
    assert cli.run(["release", "-o", str(out)]) == 130
    printed, err = capsys.readouterr()
    assert printed == "" and err.startswith("stylelab: interrupted") and err.count("\n") == 1
    for name in NAMES:
        nbformat.read(out / name, as_version=4)
    publish(course, "third")  # files of the interrupted run are still recognised
    assert cli.run(["release", "-o", str(out)]) == 0
    assert all(b"third edition" in (out / name).read_bytes() for name in NAMES)
    assert visible(out) == sorted((*NAMES, *ZIPS))


def test_after_a_kill_the_command_can_be_run_again(out, course):
    code = (
        "import os, signal, sys; from pathlib import Path; from stylelab.cli import start\n"
        "from stylelab.tools.classroom.handout import release\n"
        f"from stylelab.base import course; course.LESSONS = Path({str(course)!r})\n"
        "replace, left = os.replace, [3]\n"
        "def killed(*paths):\n    left[0] -= 1\n    left[0] or os.kill(os.getpid(), signal.SIGKILL)\n    replace(*paths)\n"
        "os.replace = killed; release.release(Path(sys.argv[1]))"
    )
    run = subprocess.run([sys.executable, "-c", code, str(out)], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == -signal.SIGKILL, run.stderr
    publish(course, "second")
    releasing.release(out)
    assert all(b"second edition" in (out / name).read_bytes() for name in NAMES)


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_one_framework_can_be_chosen(out, framework):
    releasing.release(out, framework)
    chosen = [name for name in NAMES if framework in name]
    assert visible(out) == sorted((*chosen, *ZIPS))
    with zipfile.ZipFile(out / ZIPS[0]) as archive:
        assert sorted(archive.namelist()) == sorted([f"03_style/{chosen[0]}", "03_style/README.txt"])


@pytest.mark.parametrize(("asked", "count"), [("03", 1), ("03,04", 2), ("04, 03", 2), ("03 04", 2), ("03,03", 1)])
def test_some_lessons_can_be_chosen(out, course, capsys, asked, count):
    assert cli.run(["release", "-o", str(out), "--lessons", asked, "--framework", "torch"]) == 0
    assert len(visible(out)) == 2 * count and f"notebooks {count}, zips {count}" in capsys.readouterr().out


def test_the_layout_of_an_nbgrader_course(out, course):
    said = releasing.release(out, "torch", nbgrader=True)
    stems = [Path(name).stem for name in NAMES if "torch" in name]
    assert visible(out) == sorted((*ZIPS, releasing.CONFIG, *(f"source/{stem}/{stem}.ipynb" for stem in stems)))
    assert f"nbgrader generate_assignment {stems[0]}" in said.splitlines()[-1]
    before = contents(out)
    assert "0 files written" in releasing.release(out, "torch", nbgrader=True) and contents(out) == before


def test_a_changed_configuration_is_kept(out, course):
    releasing.release(out, nbgrader=True)
    (out / releasing.CONFIG).write_text("mine")
    publish(course, "second")
    assert f"kept your own {releasing.CONFIG}" in releasing.release(out, nbgrader=True)
    assert (out / releasing.CONFIG).read_text() == "mine"
    assert b"second edition" in (out / "source" / Path(ONE).stem / ONE).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--lessons", "3"), "unknown lesson '3': did you mean '03'?"),
        (("--lessons", "03,99"), "unknown lesson '99': choose one of 03, 04"),
        (("--lessons", ""), "unknown lesson ''"),
        (("--lessons", ","), "unknown lesson ','"),
        (("--framework", "pytorch"), "unknown framework 'pytorch': did you mean 'torch'?"),
        (("--framework", "x\ny"), "unknown framework 'x?y'"),
    ],
)
def test_a_wrong_option_is_a_one_line_error(out, course, capsys, arguments, words):
    assert words in refuse(capsys, "-o", str(out), *arguments)
    assert not out.exists()


def test_the_output_folder_is_required(course, capsys):
    assert "--out" in refuse(capsys)


@pytest.mark.parametrize("inside", ["", "deeper/still"])
def test_the_output_folder_cannot_be_among_the_lessons(course, capsys, inside):
    before = contents(course)
    assert "is where the lessons come from" in refuse(capsys, "-o", str(course / inside))
    assert contents(course) == before


@pytest.mark.parametrize("name", ["file", "file/below", "gone/x", "circle/x", "n" * 300])
def test_an_impossible_folder_is_a_one_line_error(course, tmp_path, capsys, name):
    (tmp_path / "file").write_text("here")
    (tmp_path / "gone").symlink_to(tmp_path / "file" / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert "choose another" in refuse(capsys, "-o", str(tmp_path / name))


def test_a_read_only_folder_is_a_one_line_error(course, out, capsys, monkeypatch):
    def protected(path, mode="r", *args, **options):
        if "x" in mode:
            raise PermissionError(13, "Permission denied")
        return open(path, mode, *args, **options)

    out.mkdir()
    monkeypatch.setattr("stylelab.base.files.open", protected, raising=False)  # root may write everywhere
    assert "cannot write into folder" in refuse(capsys, "-o", str(out))
    assert contents(out) == {}


ODD_CELL = '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "id": "odd", "metadata": {}}]}'


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 7}', ODD_CELL, "\udcff"])
def test_the_error_names_a_broken_lesson(out, course, capsys, text):
    (course / ONE).write_bytes(text.encode(errors="surrogateescape"))
    assert f"cannot read lesson '{course / ONE}'" in refuse(capsys, "-o", str(out))
    assert not out.exists() or contents(out) == {}


def test_the_error_names_an_exercise_without_a_line_for_the_answer(out, course, capsys):
    notebook = nbformat.read(course / ONE, as_version=4)
    ours = {"nbgrader": {"solution": True, "grade": False, "locked": False, "grade_id": "odd"}}
    notebook.cells.append(nbformat.v4.new_code_cell("def odd():\n    pass", metadata=ours, id="odd"))
    nbformat.write(notebook, course / ONE)
    assert "exercise 'odd' has 0 lines" in refuse(capsys, "-o", str(out))


def test_the_record_has_the_digest_of_every_file(out, course):
    releasing.release(out)
    record = json.loads((out / releasing.RECORD).read_text())
    assert record == {name: [hashlib.sha256((out / name).read_bytes()).hexdigest()] for name in (*NAMES, *ZIPS)}


# --- the edition with the solutions


@pytest.fixture(scope="module")
def solved() -> list[nbformat.NotebookNode]:
    """The lessons of one half, with the solutions."""
    return [strip.solve(path) for path in find_lessons("torch")]


def test_every_exercise_is_solved_with_its_three_hints_below(solved):
    for notebook in solved:
        assert notebook.cells[0].source == WATERMARK and notebook.metadata.stylelab["solutions"] is True
        assert not any("nbgrader" in cell.metadata for cell in notebook.cells)
        for cell, below in zip(notebook.cells, notebook.cells[1:], strict=False):
            if "exercise" in cell.metadata.get("stylelab", {}):
                assert cell.source.startswith(f"# {MODEL_ANSWER}\n") and strip.STUB not in cell.source
                assert [line[:3] for line in below.source.splitlines() if line[:1].isdigit()] == ["1. ", "2. ", "3. "]


def test_no_lesson_that_is_shipped_or_released_holds_a_model_answer(notebooks):
    shipped = {path.name: nbformat.read(path, as_version=4) for path in find_lessons()}
    for name, notebook in (*shipped.items(), *notebooks.items()):
        assert not name.endswith(releasing.SOLVED)
        assert read_notebook(nbformat.writes(notebook).encode()).solutions == ""
        for cell in notebook.cells:
            if "exercise" in cell.metadata.get("stylelab", {}):
                assert cell.source.count(strip.STUB) == 1, name


def test_a_wheel_takes_no_solutions_along(tmp_path):
    for name in ("lessons/03_x_torch.ipynb", "lessons/03_x_torch_solutions.ipynb", "lessons/README.md", "stylelab/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    shutil.copy(ROOT / "setup.py", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\nversion = '1'\n[tool.setuptools]\npackages = ['stylelab']\n")
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_py", "--build-lib", "built"], cwd=tmp_path, check=True, capture_output=True
    )
    assert sorted(os.listdir(tmp_path / "built/stylelab/shipped/lessons")) == ["03_x_torch.ipynb", "README.md"]


@pytest.mark.parametrize(("left", "words"), [
    ("metadata", "it is marked in its metadata"), ("watermark", "its first note is there"), ("answers", "have the line of a model answer"),
    ("one answer", "1 of its cells has the line of a model answer"), ("nothing", ""),
])  # fmt: skip
def test_whatever_is_left_of_the_solutions_tells_where_a_notebook_comes_from(solved, left, words):
    notebook = copy.deepcopy(solved[3])
    if left != "metadata":
        del notebook.metadata.stylelab["solutions"]
    if left != "watermark":
        del notebook.cells[0]
    answers = [cell for cell in notebook.cells if cell.source.startswith(f"# {MODEL_ANSWER}")]
    assert len(answers) > 1
    for cell in answers[left in ("one answer",) :] if left != "answers" else ():
        cell.source = cell.source.partition("\n")[2]
    found = read_notebook(nbformat.writes(notebook).encode()).solutions
    assert words in found and bool(found) == bool(words) and "," not in found


def test_solutions_and_lessons_never_share_a_folder(out, course, capsys):
    releasing.release(out, solutions=True)
    assert visible(out) == sorted(name.replace(".ipynb", releasing.SOLVED) for name in NAMES)
    assert "0 files written" in releasing.release(out, solutions=True)
    with pytest.raises(InputError, match="holds solutions: choose another folder for the lessons to hand out"):
        releasing.release(out)
    releasing.release(out.parent / "two")
    with pytest.raises(InputError, match="holds lessons to hand out: choose another folder for the solutions"):
        releasing.release(out.parent / "two", solutions=True)
    with pytest.raises(InputError, match="leave one of the two out"):
        releasing.release(out, nbgrader=True, solutions=True)


def test_the_solutions_of_a_course_can_be_written_again(tmp_path):
    with choose_course(own_course(tmp_path / "mine")):
        releasing.release(tmp_path / "out", solutions=True)
        assert "0 files written" in releasing.release(tmp_path / "out", solutions=True)
        with pytest.raises(InputError, match="where the lessons come from"):
            releasing.release(tmp_path / "mine" / "lessons" / "out")
