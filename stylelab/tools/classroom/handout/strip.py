"""Turn one lesson into what a student gets: a notebook without outputs that nbgrader can grade, and a zip."""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from stylelab.base.course import EDITIONS, REPOSITORY, how_to_restore
from stylelab.base.files import error_text, printable
from stylelab.errors import InputError
from stylelab.exercises import find_exercise
from stylelab.exercises.ladder import all_hints
from stylelab.tools.classroom.marking.model_answers import model_answer
from stylelab.tools.classroom.notebooks.read import MODEL_ANSWER, WATERMARK

STUB = "raise NotImplementedError"
# nbgrader replaces the lines between these two; without them it would also remove the `def` and its docstring
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
README = """{title}

{editions}
{choose}
You need stylelab and JupyterLab, and no network.
How to install them: {repository}

Then, in this folder:

    jupyter lab

Write each answer between `{begin}` and `{end}`, in place of `{stub}`,
and run the cell below it. It checks the answer at once and explains any mistake.
Keep the cells in their order, and submit the notebook without renaming it.
"""


def strip(lesson: Path) -> NotebookNode:
    """Read a lesson, remove its outputs, and mark up its exercises for nbgrader.

    Args:
        lesson: a notebook of the course, named LESSON_FRAMEWORK.ipynb.

    Raises:
        InputError: it cannot be read, or an exercise has not exactly one line for the answer to replace.
    """
    try:
        notebook = nbformat.read(lesson, as_version=4)
        nbformat.validate(notebook)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError) as error:
        raise InputError(f"cannot read lesson '{printable(lesson)}': {error_text(error)}; {how_to_restore(lesson)}") from None
    name, _, framework = lesson.stem.rpartition("_")
    notebook.metadata["stylelab"] = {"lesson": name, "framework": framework}  # survives when a student renames the file
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("jupyter", None)  # no outputs are left to fold
        if "nbgrader" not in cell.metadata:
            continue
        # as nbgrader's generate_assignment does: no such cell can be deleted, and a check cannot be edited either
        nbgrader = cell.metadata.nbgrader
        cell.metadata["deletable"] = False
        if nbgrader.solution:
            marked = rf"\1{BEGIN}\n\1{STUB}\n\1{END}"
            cell.source, count = re.subn(rf"^( *){STUB}$", marked, cell.source, flags=re.MULTILINE)
            if count != 1:
                raise InputError(f"exercise '{nbgrader.grade_id}' has {count} lines `{STUB}`: write one, where the answer goes")
        else:
            cell.metadata["editable"] = False
        nbgrader["cell_type"] = cell.cell_type
        nbgrader["checksum"] = checksum(cell)
    return notebook


def solve(lesson: Path) -> NotebookNode:
    """Read a lesson and put the model answers into its cells, with the hints below: for instructors.

    nbgrader's metadata is left out, so that it cannot be handed out or graded by mistake.

    Raises:
        InputError: it cannot be read.
    """
    notebook = strip(lesson)
    framework = notebook.metadata.stylelab.framework
    notebook.metadata.stylelab["solutions"] = True
    cells = [nbformat.v4.new_markdown_cell(WATERMARK, id="solutions")]
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
        cell.metadata.pop("deletable", None)
        cell.metadata.pop("editable", None)
        cells.append(cell)
        if name := cell.metadata.get("stylelab", {}).get("exercise"):
            model = model_answer(framework, name)
            cell.source = f"# {MODEL_ANSWER}\n{model}"
            hints = "\n".join(
                f"{number}. {hint}" for number, hint in enumerate(all_hints(find_exercise(name), framework, model), 1)
            )
            cells.append(
                nbformat.v4.new_markdown_cell(f"**Hints that a student gets, one at a time**\n\n{hints}", id=f"hints-{name}"[:64])
            )
    notebook.cells = cells
    return notebook


def checksum(cell: NotebookNode) -> str:
    """nbgrader's checksum, which shows that a cell was changed: an MD5 of its text, type, id and points."""
    nbgrader = cell.metadata.nbgrader
    locked = not nbgrader.solution and (nbgrader.grade or nbgrader.locked)
    parts = [cell.source, cell.cell_type, nbgrader.grade, nbgrader.solution, locked, nbgrader.grade_id]
    parts += [float(nbgrader.points)] if nbgrader.grade else []
    return hashlib.md5("".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def as_bytes(notebook: NotebookNode) -> bytes:
    """A notebook as the contents of a file. The same notebook always gives the same bytes."""
    nbformat.validate(notebook)
    return (nbformat.writes(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


CHOOSE = "\nChoose one of them: both ask for the same, each in its own framework.\n"


def as_zip(lesson: str, notebooks: Mapping[str, NotebookNode], files: Mapping[str, bytes]) -> bytes:
    """A zip of one folder: all editions of a lesson, a README and other files. Not compressed, so its bytes depend on no version of zlib."""
    title = next(iter(notebooks.values())).cells[0].source.splitlines()[0].lstrip("# ")
    editions = "\n".join(f"    {EDITIONS[book.metadata.stylelab.framework]:<12}{name}" for name, book in notebooks.items())
    choose = CHOOSE if len(notebooks) > 1 else ""
    readme = README.format(title=title, editions=editions, choose=choose, repository=REPOSITORY, begin=BEGIN, end=END, stub=STUB)
    contents = {name: as_bytes(notebook) for name, notebook in notebooks.items()} | {"README.txt": readme.encode()} | dict(files)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(f"{lesson}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # an ordinary file, on every system
            archive.writestr(entry, contents[name])
    return stream.getvalue()
