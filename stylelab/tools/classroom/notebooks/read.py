"""A student's notebook as data: its cells in order, whatever the file holds. Nothing in it is run."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from stylelab.errors import InputError
from stylelab.tools.classroom.notebooks.encoding import decoded

KINDS = ("code", "markdown", "raw")


@dataclass(frozen=True)
class Limits:
    """How much of a notebook is looked at. Sizes in bytes, or in characters where text is meant."""

    file: int = 20_000_000
    brackets: int = 1_000_000  # in the file: every list and dict costs memory
    cells: int = 1_000
    cell: int = 50_000
    code: int = 500_000  # of all cells together


LIMITS = Limits()


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        index: its place in the notebook, from 0.
        source: its text, lines ended by newlines alone.
        kind: one of KINDS.
        grade_id: nbgrader's name of the cell.
        exercise: the exercise that the cell is to answer, by our own metadata.
        id: Jupyter's name of the cell.
    """

    index: int
    source: str
    kind: str = "code"
    grade_id: str | None = None
    exercise: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Notebook:
    """What `read_notebook` found.

    Attributes:
        cells: all cells, in order.
        lesson, framework: what our own metadata says that it is; not yet compared with what there is.
        kernel: the name of the kernel that it asks for.
        notes: what was repaired, one sentence each.
        trouble: why it cannot be graded, one sentence; there are no cells then.
    """

    cells: tuple[Cell, ...] = ()
    lesson: str | None = None
    framework: str | None = None
    kernel: str | None = None
    notes: tuple[str, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True)
class Found:
    """Where the answer to an exercise is.

    Attributes:
        cell: index into `Script.cells`; None when `stage` says why there is none.
        notes: what was repaired to find it, one sentence each.
        stage: None for an answer to be graded, 'open' for an untouched stub, 'missing' when there is no such cell.
    """

    cell: int | None
    notes: tuple[str, ...] = ()
    stage: str | None = None


@dataclass(frozen=True)
class Script:
    """The code of a notebook, ready to be sliced: magics taken out, cells cut in two joined, check cells left out.

    Attributes:
        cells: sources, in the notebook's order.
        answers: exercise id -> where its answer is, for every exercise that the lesson asks for, in its order.
    """

    cells: tuple[str, ...]
    answers: Mapping[str, Found] = field(default_factory=dict)


def read_notebook(data: bytes) -> Notebook:
    """Read a notebook of any make, and repair what can be repaired.

    Returns:
        Its cells and notes on what was repaired; a notebook without cells and with `trouble` when it cannot be graded.
    """
    try:
        return _Reader(data).notebook()
    except InputError as trouble:
        return Notebook(trouble=str(trouble))


class _Reader:
    """One notebook being read: notes gather on the way, and an InputError is the notebook's trouble."""

    def __init__(self, data: bytes):
        self.notes: dict[str, None] = {}  # in order, each once
        self.plain = self._parsed(data)

    def notebook(self) -> Notebook:
        cells = tuple(self._cell(index, cell) for index, cell in enumerate(self._cells()) if self._is_cell(index, cell))
        if sum(len(cell.source) for cell in cells if cell.kind == "code") > LIMITS.code:
            raise InputError(f"there are more than {LIMITS.code:,} characters of code: leave out what is not needed")
        metadata = _dict(self.plain.get("metadata"))
        ours, kernel = _dict(metadata.get("stylelab")), _dict(metadata.get("kernelspec"))
        named = (_word(each) for each in (ours.get("lesson"), ours.get("framework"), kernel.get("name")))
        return Notebook(cells, *named, notes=tuple(self.notes))

    def _parsed(self, data: bytes) -> dict:
        if len(data) > LIMITS.file:
            raise InputError(f"the file has {len(data):,} bytes; {LIMITS.file:,} at most")
        if data.count(b"[") + data.count(b"{") > LIMITS.brackets:
            raise InputError("the file holds too many lists: clear its outputs and save it again")
        text, note = decoded(data)
        self._note(note)
        if not text.strip():
            raise InputError("the file is empty")
        try:
            plain = self._loaded(text)
        except (ValueError, RecursionError, MemoryError):
            raise InputError("the file is not a notebook: it is not JSON") from None
        if not isinstance(plain, dict):
            raise InputError("the file is not a notebook: it is JSON, but has no cells")
        return plain

    def _loaded(self, text: str) -> object:
        try:
            return json.loads(text, object_pairs_hook=self._object)
        except json.JSONDecodeError:
            raise
        except ValueError:  # Python makes no number of thousands of digits, and none in a notebook matters
            self._note("a number in the file has thousands of digits: left out")
            return json.loads(
                text, object_pairs_hook=self._object, parse_int=lambda digits: int(digits) if len(digits) < 20 else 0
            )

    def _object(self, pairs: list) -> dict:
        made = dict(pairs)
        if len(made) != len(pairs):
            self._note("something stands in the file twice: the last one counts")
        return made

    def _note(self, note: str | None) -> None:
        if note:
            self.notes[note] = None

    def _cells(self) -> list:
        """The cells of format 4, or of format 3, which has sheets of them."""
        cells = self.plain.get("cells")
        if not isinstance(cells, list) and isinstance(sheets := self.plain.get("worksheets"), list):
            self._note("the notebook is in format 3, of 2013")
            cells = [cell for sheet in sheets for cell in _list(_dict(sheet).get("cells"))]
        if not isinstance(cells, list):
            raise InputError("the file is not a notebook: it has no cells")
        if len(cells) > LIMITS.cells:
            raise InputError(f"the notebook has {len(cells):,} cells; {LIMITS.cells:,} at most")
        return cells

    def _is_cell(self, index: int, cell: object) -> bool:
        if not isinstance(cell, dict):
            self._note(f"cell {index + 1} is no cell: left out")
        return isinstance(cell, dict)

    def _cell(self, index: int, cell: dict) -> Cell:
        metadata = _dict(cell.get("metadata"))
        ours, nbgrader = _dict(metadata.get("stylelab")), _dict(metadata.get("nbgrader"))
        kind = cell.get("cell_type")
        if kind not in KINDS:
            kind = "code" if "outputs" in cell and not isinstance(kind, str) else "markdown" if kind == "heading" else "raw"
        words = (nbgrader.get("grade_id"), ours.get("exercise"), cell.get("id"))
        return Cell(index, self._source(index, cell, kind), kind, *map(_word, words))

    def _source(self, index: int, cell: dict, kind: str) -> str:
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list):
            source = "".join(line for line in source if isinstance(line, str))
        if not isinstance(source, str):
            self._note(f"cell {index + 1} has no text: taken as empty")
            return ""
        if len(source) > LIMITS.cell:
            self._note(f"cell {index + 1} has {len(source):,} characters; {LIMITS.cell:,} at most: taken as empty")
            return ""
        return self._clean(index, source, kind)

    def _clean(self, index: int, source: str, kind: str) -> str:
        if "\0" in source and kind == "code":
            self._note(f"cell {index + 1} holds NUL characters: taken out")
        source = re.sub("\r\n?", "\n", source.replace("\0", ""))
        return source.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list:
    return value if isinstance(value, list) else []


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 200 else None
