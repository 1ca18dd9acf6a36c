"""One lesson as a student gets it: a notebook without outputs that nbgrader can grade, and a zip of its editions."""

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from stylelab.base.course import REPOSITORY, TITLES
from stylelab.base.files import error_text, printable
from stylelab.errors import InputError

STUB = "raise NotImplementedError"
# nbgrader replaces all of an answer cell but what stands outside these two: here the `def` and its docstring stay
BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"
README = """{title}

{editions}

One of them is enough: the two editions ask the same, each in its own framework. You need stylelab and
JupyterLab, and no network; {repository} says how to install them. In this folder:

    jupyter lab

Write each answer between `{begin}` and `{end}`, in the place of `{stub}`,
and run the cell below it. It says at once whether the answer is right, and if not, why.
Leave the cells where they are, and hand in the notebook under the name that it has.
"""


def hand_out(lesson: Path) -> NotebookNode:
    """One lesson as a student gets it: no outputs, no execution counts, answers to be written between two marks.

    Args:
        lesson: a notebook of the course, named LESSON_FRAMEWORK.ipynb.

    Raises:
        InputError: it cannot be read, or an answer cell has no line to put an answer in the place of.
    """
    try:
        notebook = nbformat.read(lesson, as_version=4)
        nbformat.validate(notebook)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError) as error:
        raise InputError(f"cannot read lesson '{printable(lesson)}': {error_text(error)}; fetch the repository again") from None
    name, _, framework = lesson.stem.rpartition("_")
    notebook.metadata["stylelab"] = {"lesson": name, "framework": framework}  # whatever the file is called one day
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if "nbgrader" in cell.metadata:
            _prepare(cell)
    return notebook


def _prepare(cell: NotebookNode) -> None:
    """What nbgrader's generate_assignment does to an answer or a check: it cannot be deleted, a check not edited."""
    ours = cell.metadata.nbgrader
    cell.metadata["deletable"] = False
    if ours.solution:
        cell.source = _marked(cell.source, ours.grade_id)
    else:
        cell.metadata["editable"] = False
    ours["cell_type"] = cell.cell_type
    ours["checksum"] = checksum(cell)


def _marked(source: str, exercise: str) -> str:
    marked, count = re.subn(rf"^( *){STUB}$", rf"\1{BEGIN}\n\1{STUB}\n\1{END}", source, flags=re.MULTILINE)
    if count != 1:
        raise InputError(f"exercise '{exercise}' has {count} lines `{STUB}`: nbgrader needs one, for the answer's place")
    return marked


def checksum(cell: NotebookNode) -> str:
    """By what nbgrader tells that a cell was changed: an MD5 of its text, its kind, its id and its points."""
    ours = cell.metadata.nbgrader
    locked = not ours.solution and (ours.grade or ours.locked)
    parts = [cell.source, cell.cell_type, ours.grade, ours.solution, locked, ours.grade_id]
    parts += [float(ours.points)] if ours.grade else []
    return hashlib.md5("".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def as_bytes(notebook: NotebookNode) -> bytes:
    """The notebook as a file. The same notebook always gives the same bytes."""
    nbformat.validate(notebook)
    return (nbformat.writes(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def as_zip(lesson: str, notebooks: Mapping[str, NotebookNode]) -> bytes:
    """A folder with all editions and a note. Stored, not deflated: its bytes do not depend on a version of zlib."""
    contents = {name: as_bytes(notebook) for name, notebook in notebooks.items()} | {"README.txt": _readme(notebooks)}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(f"{lesson}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # the same on every system: a plain file
            archive.writestr(entry, contents[name])
    return stream.getvalue()


def _readme(notebooks: Mapping[str, NotebookNode]) -> bytes:
    title = next(iter(notebooks.values())).cells[0].source.splitlines()[0].lstrip("# ")
    editions = "\n".join(f"    {TITLES[each.metadata.stylelab.framework]:<12}{name}" for name, each in notebooks.items())
    filled = README.format(title=title, editions=editions, repository=REPOSITORY, begin=BEGIN, end=END, stub=STUB)
    return filled.encode()
