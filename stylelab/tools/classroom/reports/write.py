"""Everything that is written once the marks are known. Each file is whole or not there, and writing again is safe."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stylelab.base.files import check_folder, error_text, printable, write_text
from stylelab.errors import InputError
from stylelab.tools.classroom.marking.model import Mark
from stylelab.tools.classroom.marking.record import Record, write_record
from stylelab.tools.classroom.reports import canvas, gradescope, tables
from stylelab.tools.classroom.reports.feedback import feedback
from stylelab.tools.classroom.reports.gradebook import Book, make_book
from stylelab.tools.classroom.reports.late import Late
from stylelab.tools.classroom.reports.manual import Entry, read_manual
from stylelab.tools.classroom.reports.overview import overview
from stylelab.tools.classroom.reports.similarity import compare
from stylelab.tools.classroom.reports.similarity_page import rows, similarity_page


@dataclass(frozen=True)
class Written:
    """What came of it.

    Attributes:
        files: what was written, in order, relative to the folder.
        warnings: what the instructor should know, one line each.
        book: the marks as they stand in the end.
    """

    files: tuple[str, ...]
    warnings: tuple[str, ...]
    book: Book


def write(
    folder: "str | Path",
    marks: Sequence[Mark],
    record: Record,
    manual: Sequence[Entry] | None = None,
    late: Late | None = None,
    canvas_export: "str | Path | None" = None,
) -> Written:
    """Write all reports into a folder, which is made if it is missing.

    Args:
        marks: one for each submission, in any order.
        record: of this run; it goes into record.json, and nowhere else.
        manual: marks and comments by hand; None reads, or begins, the folder's manual.csv.
        late: the policy; None takes nothing off.
        canvas_export: a gradebook exported from Canvas, for canvas.csv to keep its students, ids and columns.

    Raises:
        InputError: the folder cannot be written, or manual.csv or the gradebook cannot be read. Nothing is written then.
    """
    folder = _ready(Path(folder))
    entries = read_manual(folder) if manual is None else manual
    book = make_book(marks, record, entries, late)
    canvas_text, warnings = canvas.canvas_text(book, canvas_export)
    book = Book(book.students, book.lessons, record, book.late, (*book.warnings, *warnings))
    write_record(folder, record)
    files = ["record.json"]
    for name, text in _texts(book, marks, canvas_text):
        path = folder / name
        _make(path.parent)
        _write(path, text)
        files.append(name)
    return Written(tuple(files), book.warnings, book)


def _texts(book: Book, marks: Sequence[Mark], canvas_text: str) -> Iterator[tuple[str, str]]:
    """(name, text) of each file; the overview comes last, for it links to the others."""
    yield "grades.csv", tables.csv_text(tables.grades(book))
    yield "details.csv", tables.csv_text(tables.details(book))
    yield "canvas.csv", canvas_text
    yield from _gradescope(book)
    for student in book.students:
        yield f"feedback/{student.file}.html", feedback(book, student)
    found = compare(marks)
    yield "similarity.csv", tables.csv_text(rows(found))
    yield "similarity.html", similarity_page(found, {student.name: student.file for student in book.students})
    yield "overview.html", overview(book, found.sentence())


def _gradescope(book: Book) -> Iterator[tuple[str, str]]:
    made = gradescope.results(book)
    if len(made) == 1:
        yield "gradescope/results.json", _json(next(iter(made.values())))
        return
    for name, result in made.items():
        yield f"gradescope/{name}/results.json", _json(result)
    yield "gradescope/results.json", _json(gradescope.index(book, made))


def _write(path: Path, text: str) -> None:
    """A file that says the same already is left alone: to read one is quicker than to replace it."""
    try:
        if not path.is_symlink() and path.read_bytes() == text.encode():
            return
    except OSError:
        pass
    write_text(path, text)


def _json(plain: dict) -> str:
    return json.dumps(plain, allow_nan=False) + "\n"


def _ready(folder: Path) -> Path:
    folder = folder.expanduser()
    _make(folder)
    check_folder(folder)
    return folder


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make folder '{printable(folder)}': {error_text(error)}; choose another") from None
