"""Read a student's notebook as data: its cells in order, whatever the file holds. Nothing in it is run."""

import codecs
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stylelab.errors import InputError
from stylelab.tools.classroom.marking.model import Claims

KINDS = ("code", "markdown", "raw")
BYTE_ORDER_MARKS = {  # UTF-32 first: its mark begins like UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
UNMARKED: dict[tuple[int, ...], str] = {
    (0, 1): "utf-16-be",
    (1, 0): "utf-16-le",
}  # zero and non-zero bytes: JSON begins with two ASCII characters

# what marks the edition with the solutions, which `stylelab release --solutions` writes
MODEL_ANSWER = "Model answer, for instructors: do not hand out"
WATERMARK = """> **Solutions, for instructors.** Do not hand this notebook out: it holds the model answers.
>
> Made by `stylelab release --solutions`. The grader reports a submission that was made from it."""


@dataclass(frozen=True)
class Limits:
    """How much of a notebook is read. Sizes in bytes for the file, in characters for text."""

    file: int = 20_000_000
    brackets: int = 1_000_000  # in the file: every list and dict costs memory
    cells: int = 1_000
    cell: int = 50_000
    code: int = 500_000  # all cells together


LIMITS = Limits()


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        index: its position in the notebook, from 0.
        source: its text, with newlines only.
        kind: one of KINDS.
        grade_id: nbgrader's name of the cell.
        exercise: the exercise that the cell is to answer, from our own metadata.
        id: Jupyter's id of the cell.
    """

    index: int
    source: str
    kind: str = "code"
    grade_id: str | None = None
    exercise: str | None = None
    id: str | None = None


@dataclass(frozen=True)
class Notebook:
    """What `read_notebook` returns.

    Attributes:
        cells: all cells, in order.
        lesson, framework: from our own metadata, not yet checked.
        kernel: the name of the kernel that it asks for.
        notes: what was repaired, one sentence each.
        claims: exercise -> what the notebook says about hints and wrong answers, in the metadata of its outputs.
        solutions: how it shows that it was made from the edition with the solutions; empty if it does not.
        trouble: why it cannot be graded, in one sentence; `cells` is empty then.
    """

    cells: tuple[Cell, ...] = ()
    lesson: str | None = None
    framework: str | None = None
    kernel: str | None = None
    notes: tuple[str, ...] = ()
    trouble: str | None = None
    claims: Mapping[str, Claims] = field(default_factory=dict)
    solutions: str = ""


def read_notebook(data: bytes) -> Notebook:
    """Read a notebook that any program may have saved, and repair what can be repaired.

    Returns:
        Its cells, with notes on what was repaired; if it cannot be graded, a notebook without cells but with `trouble`.
    """
    try:
        return _Reader().read(data)
    except InputError as error:
        return Notebook(trouble=str(error))


class _Reader:
    """Reads one notebook and collects notes; an InputError becomes the notebook's trouble."""

    def __init__(self):
        self.notes: dict[str, None] = {}  # ordered, without duplicates

    def read(self, data: bytes) -> Notebook:
        plain = self._parse(data)
        cells = tuple(self._read_cell(index, cell) for index, cell in enumerate(self._list_cells(plain)) if cell is not None)
        if sum(len(cell.source) for cell in cells if cell.kind == "code") > LIMITS.code:
            raise InputError(f"there are more than {LIMITS.code:,} characters of code: leave out what is not needed")
        metadata = _as_dict(plain.get("metadata"))
        ours, kernel = _as_dict(metadata.get("stylelab")), _as_dict(metadata.get("kernelspec"))
        lesson, framework, name = (_as_word(name) for name in (ours.get("lesson"), ours.get("framework"), kernel.get("name")))
        found = _solutions(ours, cells)
        return Notebook(
            cells, lesson, framework, name, tuple(self.notes), claims=_claims(self._list_cells(plain)), solutions=found
        )

    def _note(self, note: str) -> None:
        self.notes[note] = None

    def _parse(self, data: bytes) -> dict:
        if len(data) > LIMITS.file:
            raise InputError(f"the file has {len(data):,} bytes; {LIMITS.file:,} at most: clear its outputs and save it again")
        if data.count(b"[") + data.count(b"{") > LIMITS.brackets:
            raise InputError("the file holds too many lists: clear its outputs and save it again")
        encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if data.startswith(mark)), None)
        encoding = encoding or UNMARKED.get(tuple(min(byte, 1) for byte in data[:2]), "utf-8")
        try:
            text = data.decode(encoding)
            if encoding not in ("utf-8", "utf-8-sig"):
                self._note(f"the file is in {encoding[:6].upper()}, not UTF-8")
        except UnicodeDecodeError:
            text = data.decode(encoding, "replace")
            self._note("the file is not UTF-8: some letters are lost")
        if not text.strip():
            raise InputError("the file is empty")
        try:
            try:
                plain = json.loads(text, object_pairs_hook=self._make_dict)
            except json.JSONDecodeError:
                raise
            except ValueError:  # Python refuses integers of thousands of digits, and none in a notebook matters
                self._note("a number in the file has thousands of digits: left out")
                plain = json.loads(
                    text, object_pairs_hook=self._make_dict, parse_int=lambda digits: int(digits) if len(digits) < 20 else 0
                )
        except (ValueError, RecursionError, MemoryError):
            raise InputError("the file is not a notebook: it is not JSON") from None
        if not isinstance(plain, dict):
            raise InputError("the file is not a notebook: it is JSON, but has no cells")
        return plain

    def _make_dict(self, pairs: list) -> dict:
        if len(plain := dict(pairs)) != len(pairs):
            self._note("a name occurs twice in the file: the last one counts")
        return plain

    def _list_cells(self, plain: dict) -> list[dict | None]:
        """The cells of format 4, or of format 3, which groups them in worksheets; None for what is not a cell."""
        cells = plain.get("cells")
        if not isinstance(cells, list) and isinstance(sheets := plain.get("worksheets"), list):
            self._note("the notebook is in format 3, of 2013")
            nested = (_as_dict(sheet).get("cells") for sheet in sheets)
            cells = [cell for sheet_cells in nested if isinstance(sheet_cells, list) for cell in sheet_cells]
        if not isinstance(cells, list):
            raise InputError("the file is not a notebook: it has no cells")
        if len(cells) > LIMITS.cells:
            raise InputError(f"the notebook has {len(cells):,} cells; {LIMITS.cells:,} at most")
        for index, cell in enumerate(cells):
            if not isinstance(cell, dict):
                self._note(f"item {index + 1} is not a cell: left out")
        return [cell if isinstance(cell, dict) else None for cell in cells]

    def _read_cell(self, index: int, cell: dict) -> Cell:
        metadata = _as_dict(cell.get("metadata"))
        ours, nbgrader = _as_dict(metadata.get("stylelab")), _as_dict(metadata.get("nbgrader"))
        kind = cell.get("cell_type")
        if kind not in KINDS:
            kind = "code" if "outputs" in cell and not isinstance(kind, str) else "markdown" if kind == "heading" else "raw"
        source = cell.get("source", cell.get("input", ""))
        if isinstance(source, list):
            source = "".join(line for line in source if isinstance(line, str))
        if not isinstance(source, str):
            self._note(f"cell {index + 1} has no text: treated as empty")
            source = ""
        if len(source) > LIMITS.cell:
            self._note(f"cell {index + 1} has {len(source):,} characters; {LIMITS.cell:,} at most: treated as empty")
            source = ""
        if "\0" in source and kind == "code":
            self._note(f"cell {index + 1} holds NUL characters: removed")
        source = re.sub("\r\n?", "\n", source.replace("\0", ""))
        source = source.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        names = (nbgrader.get("grade_id"), ours.get("exercise"), cell.get("id"))
        return Cell(index, source, kind, *map(_as_word, names))


def _solutions(ours: dict, cells: Iterable[Cell]) -> str:
    """What is left in it of the edition with the solutions."""
    texts = [cell.source for cell in cells]
    found = ["it is marked in its metadata"] if ours.get("solutions") is True else []
    found += ["its first note is there"] if any(WATERMARK.splitlines()[0] in text for text in texts) else []
    answers = sum(MODEL_ANSWER in text for text in texts)
    found += [f"{answers} of its cells {'has' if answers == 1 else 'have'} the line of a model answer"] if answers else []
    return ", ".join(found)


def _claims(cells: list[dict | None]) -> dict[str, Claims]:
    """What checks and hints have left in the metadata of their outputs: the most of each."""
    found: dict[str, Claims] = {}
    for cell in cells:
        outputs = _as_dict(cell).get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            ours = _as_dict(_as_dict(_as_dict(output).get("metadata")).get("stylelab"))
            if name := _as_word(ours.get("exercise")):
                known = found.get(name, Claims())
                wrong, hints = (
                    value if type(value) is int and 0 <= value < 1000 else 0 for value in map(ours.get, ("wrong", "hints"))
                )
                seen = known.solution or ours.get("solution") is True
                found[name] = Claims(max(known.wrong, wrong), max(known.hints, min(hints, 3)), seen)
    return found


def _as_dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _as_word(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 200 else None
