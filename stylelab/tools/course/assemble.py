"""Make one framework's notebook from a lesson's source: select cells, turn names into ids, mark exercises for nbgrader."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from stylelab import exercises
from stylelab.base.course import EDITIONS, FILE, KERNELS, LESSONS, REPOSITORY
from stylelab.base.files import read_file
from stylelab.errors import InputError, unknown
from stylelab.languages import ENGLISH, fill_in, mark_of, render

# the set-up makes the second kernel: TensorFlow's own environment on a machine with a GPU, the same one elsewhere
# replaces "# {{colab}}" in a lesson's first cell
COLAB = f"""if "COLAB_RELEASE_TAG" in os.environ:  # Colab starts without the kit
    os.path.exists("kit") or os.system("git clone -q --depth=1 {REPOSITORY} kit")
    sys.path.insert(0, os.path.abspath("kit")); from stylelab import colab; colab.set_up()"""
# what a reader should guess before reading on, and the answer, folded, with which the next text begins
PROMPT = re.compile(r"\*\*[Pp]redict\b")
GUESS = "guess_"  # how the name of a cell begins that asks for the guess
ANSWER = re.compile(r"<details><summary>Compare with your guess</summary>\n\n(.+?)\n\n</details>", re.DOTALL)
LARGEST = 10_000_000  # bytes of a source
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}


def sources(numbers: Iterable[str] = (), folder: Path = LESSONS) -> list[Path]:
    """The source files of the lessons with these numbers; by default of all lessons.

    Raises:
        InputError: no such lesson.
    """
    found = {path.name.partition("_")[0]: path for path in source_files(folder) if path.name[0].isdigit()}
    for number in numbers:
        if number not in found:
            raise unknown("lesson", number, found)
    return [path for number, path in found.items() if not numbers or number in numbers]


def source_files(folder: Path) -> list[Path]:
    """All Python files in a folder's `source`, sorted."""
    return sorted((folder / "source").glob("*.py"))


def notebook_path(source: Path, framework: str, language: str = ENGLISH) -> Path:
    """Where the notebook of a source belongs: next to the folder `source`, or in the language's folder there."""
    folder = source.parent.parent
    return (folder if language == ENGLISH else folder / language) / f"{source.stem}_{framework}.ipynb"


def metadata(framework: str) -> dict:
    """A notebook's own metadata: its kernel, but no versions, so that builds do not differ."""
    name, title = KERNELS[framework]
    return {"kernelspec": {"display_name": title, "language": "python", "name": name}, "language_info": LANGUAGE}


def assemble(source: Path, framework: str, language: str = ENGLISH) -> NotebookNode:
    """One framework's notebook, not executed. The same source always gives the same bytes.

    Raises:
        InputError: no text in UTF-8, a cell without a name, an exercise that is not defined, or an unknown language.
    """
    notebook, asked = nbformat.v4.new_notebook(metadata=metadata(framework)), False
    for cell in _cells(source):
        tags = cell.metadata.pop("tags", [])
        if set(tags) & set(EDITIONS) and framework not in tags:
            continue
        notebook.cells.append(finished := _finished(cell, source, framework))
        if cell.cell_type == "markdown":
            asked = bool(PROMPT.search(cell.source))
            finished.metadata["stylelab"]["mark"] = mark_of(cell.source)
        elif asked and not finished.metadata["stylelab"]["name"].startswith(
            GUESS
        ):  # between a prediction and its answer; JupyterLab shows it when the cell is run
            finished.metadata["jupyter"] = {"outputs_hidden": True}
    return render(notebook, source.stem, framework, language)


def _cells(source: Path) -> list[NotebookNode]:
    """The cells of a source.

    Raises:
        InputError: it cannot be read, or has no cell.
    """
    try:
        cells = jupytext.reads(read_file(source, "a lesson", LARGEST).decode(), fmt="py:percent").cells
    except UnicodeDecodeError:
        raise InputError(f"{source.name}: not a text in UTF-8: save it again in that encoding") from None
    if not cells:
        raise InputError(f'{source.name}: no cells: each begins with a line # %% name="..."')
    return cells


def _finished(cell: NotebookNode, source: Path, framework: str) -> NotebookNode:
    if not (name := cell.metadata.get("name")):
        first = next(iter(cell.source.strip().splitlines()), "")
        raise InputError(f"{source.name}: a cell has no name: write # %% name=\"...\" above '{first}'")
    digest = hashlib.sha256(f"{source.stem.partition('_')[0]}/{name}".encode()).hexdigest()
    text = fill_in(cell.source.replace("# {{colab}}", COLAB), source.stem, framework)
    new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
    return new(source=text, id=f"{name[:48].replace('_', '-')}-{digest[:8]}", metadata=_metadata(cell.metadata, name))


def _metadata(given: NotebookNode, name: str) -> dict:
    """Our data under `stylelab`, and nbgrader's schema 3 for the cells of an exercise."""
    ours: dict = {"name": name}
    if exercise := given.get("exercise"):
        _points(exercise)
        return {"nbgrader": _nbgrader(exercise, solution=True), "stylelab": ours | {"exercise": exercise}}
    if exercise := given.get("check"):
        nbgrader = _nbgrader(f"check_{exercise}", solution=False) | {"points": _points(exercise)}
        return {"nbgrader": nbgrader, "stylelab": ours | {"check": exercise}}
    return {"stylelab": ours}


def _points(exercise: str) -> int:
    """What an exercise of the chosen course is worth.

    Raises:
        InputError: it is not defined there.
    """
    if exercise in exercises.EXERCISES and exercise not in exercises.course_points():
        raise InputError(
            f"exercise '{exercise}' is one of stylelab's: write `stylelab = true` into {FILE}, and its lessons come too"
        )
    return exercises.find_exercise(exercise).points


def _nbgrader(grade_id: str, *, solution: bool) -> dict:
    return {
        "schema_version": 3, "grade_id": grade_id, "grade": not solution, "locked": not solution, "solution": solution,
        "task": False,
    }  # fmt: skip
