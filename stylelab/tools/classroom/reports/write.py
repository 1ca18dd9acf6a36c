"""Write all reports once the marks are known. Each file is written completely or not at all, and writing again is safe."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from stylelab.base.files import check_folder, folder_errors, write_text
from stylelab.tools.classroom.marking.model import Mark
from stylelab.tools.classroom.marking.record import Record, write_record
from stylelab.tools.classroom.reports import canvas, gradescope, pages, tables
from stylelab.tools.classroom.reports.gradebook import Gradebook, make_gradebook
from stylelab.tools.classroom.reports.late import Late
from stylelab.tools.classroom.reports.manual import Entry, read_manual
from stylelab.tools.classroom.reports.similarity import compare


@dataclass(frozen=True)
class Written:
    """What `write` has done.

    Attributes:
        files: in the order in which they were written, relative to the folder.
        warnings: messages for the instructor, one line each.
        book: the final marks.
    """

    files: tuple[str, ...]
    warnings: tuple[str, ...]
    book: Gradebook


def write(
    folder: "str | Path",
    marks: Sequence[Mark],
    record: Record,
    manual: Sequence[Entry] | None = None,
    late: Late | None = None,
    canvas_export: "str | Path | None" = None,
    lessons: Collection[str] | None = None,
) -> Written:
    """Write all reports into a folder, which is created if it is missing.

    Args:
        marks: one per submission, in any order.
        record: of this run; written to record.json and nowhere else.
        manual: changes and comments by hand; None reads the folder's manual.csv, or creates it.
        late: the late policy; None deducts nothing.
        canvas_export: a gradebook exported from Canvas, to be filled in as canvas.csv.
        lessons: those that count, such as '03_style_reconstruction'; None leaves out those that next to nobody handed in.

    Raises:
        InputError: the folder cannot be written, or manual.csv or the gradebook cannot be read. Then nothing is written.
    """
    folder = Path(folder).expanduser()
    with folder_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    check_folder(folder)
    entries = read_manual(folder) if manual is None else manual
    book = make_gradebook(marks, record, entries, late, lessons)
    canvas_text, warnings = canvas.canvas_text(book, canvas_export)
    book = replace(book, warnings=(*book.warnings, *warnings))
    write_record(folder, record)
    files = ["record.json"]
    for name, text in _texts(book, marks, canvas_text):
        files.append(name)
        path = folder / name
        with folder_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            if not path.is_symlink() and path.read_bytes() == text.encode():  # reading a file is faster than replacing it
                continue
        write_text(path, text)
    return Written(tuple(files), book.warnings, book)


def _texts(book: Gradebook, marks: Sequence[Mark], canvas_text: str) -> Iterator[tuple[str, str]]:
    """(name, text) of each file; the overview comes last, because it links to the others."""
    yield "grades.csv", tables.csv_text(tables.grades(book))
    yield "details.csv", tables.csv_text(tables.details(book))
    yield "canvas.csv", canvas_text
    for name, result in gradescope.results(book).items():
        yield f"gradescope/{name}", json.dumps(result, allow_nan=False) + "\n"
    for student in book.students:
        yield f"feedback/{student.file}.html", pages.feedback(book, student)
    similarity = compare(mark for mark in marks if mark.lesson in book.lessons)
    yield "similarity.csv", tables.csv_text(tables.similarity(similarity))
    yield "similarity.html", pages.similarity_page(similarity, {student.name: student.file for student in book.students})
    yield "overview.html", pages.overview(book, similarity.sentence())
