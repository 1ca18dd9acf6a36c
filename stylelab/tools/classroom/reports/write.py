"""Write all reports once the marks are known. Each file is written completely or not at all, and writing again is safe."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from stylelab.base.files import check_folder, folder_errors, write_text
from stylelab.base.handed_out import NOT_A_FILE, file_sha256, sha256
from stylelab.errors import InputError
from stylelab.tools.classroom.marking.model import Mark
from stylelab.tools.classroom.marking.record import HIDDEN, Record, read_record, write_record
from stylelab.tools.classroom.reports import canvas, gradescope, pages, tables
from stylelab.tools.classroom.reports.glance import at_a_glance, by_lesson
from stylelab.tools.classroom.reports.gradebook import Gradebook, Term, make_gradebook
from stylelab.tools.classroom.reports.late import Late
from stylelab.tools.classroom.reports.manual import Entry, read_manual
from stylelab.tools.classroom.reports.similarity import compare
from stylelab.tools.classroom.reports.text import name_key, plural

PAGE = re.compile(r"(?!.*\.\.)(feedback/[^/]+\.html|gradescope/([^/]+/)?results\.json)")  # a file about single students


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
    term: Term | None = None,
    labels: Mapping[str, str] | None = None,
) -> Written:
    """Write all reports into a folder, which is created if it is missing. What is for import elsewhere waits until names are shown.

    Args:
        marks: one per submission, in any order.
        record: of this run; written to record.json and nowhere else.
        manual: changes and comments by hand; None reads the folder's manual.csv, or creates it.
        late: the late policy; None deducts nothing.
        canvas_export: a gradebook exported from Canvas, to be filled in as canvas.csv.
        lessons: those that count, such as '03_style_reconstruction'; None leaves out those that hardly anyone submitted.
        term: how submissions and lessons make a total.
        labels: label -> student, of marks that were anonymous: a line of manual.csv may have either.

    Raises:
        InputError: the folder cannot be written, or manual.csv or the gradebook cannot be read. Then nothing is written.
    """
    folder = Path(folder).expanduser()
    with folder_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    check_folder(folder)
    hidden = record.names == HIDDEN
    entries = read_manual(folder, anonymous=hidden) if manual is None else manual
    by_label = {name_key(label): student for label, student in (labels or {}).items()}
    entries = [replace(entry, student=by_label.get(name_key(entry.student), entry.student)) for entry in entries]
    book = make_gradebook(marks, record, entries, late, lessons, term)
    canvas_text, warnings = ("", []) if hidden else canvas.canvas_text(book, canvas_export)
    book = replace(book, warnings=(*book.warnings, *warnings))
    results, earlier = {} if hidden else gradescope.results(book), _earlier_pages(folder)
    names = {f"feedback/{student.file}.html" for student in book.students} | {f"gradescope/{name}" for name in results}
    # without a SHA-256 while they are being written: after a kill, the file is the old one or the new one
    write_record(folder, replace(record, pages=earlier | dict.fromkeys(names, "")))
    warnings = _remove_stale(folder, {name: digest for name, digest in earlier.items() if name not in names})
    files, digests = ["record.json"], {}
    for name, text in _texts(book, marks, canvas_text, results):
        files.append(name)
        if name in names:
            digests[name] = sha256(text.encode())
        path = folder / name
        with folder_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            if not path.is_symlink() and path.read_bytes() == text.encode():  # reading a file is faster than replacing it
                continue
        write_text(path, text)
    write_record(folder, replace(record, pages=digests))
    return Written(tuple(files), (*book.warnings, *warnings), book)


def _earlier_pages(folder: Path) -> dict[str, str]:
    """The pages about single students that earlier runs have written -> their SHA-256, or '' if it is not known."""
    with suppress(InputError):
        if earlier := read_record(folder):
            return {name: digest for name, digest in earlier.pages.items() if PAGE.fullmatch(name)}
    return {}


def _remove_stale(folder: Path, stale: Mapping[str, str]) -> list[str]:
    """Remove the pages of renamed or removed students, except changed ones; returns warnings about it."""
    removed = kept = 0
    for name, digest in stale.items():
        path, found = folder / name, file_sha256(folder / name)
        if found == NOT_A_FILE or digest not in ("", found):
            kept += found is not None
            continue
        with suppress(OSError):
            path.unlink()
            removed += 1
            if path.parent.parent != folder:
                path.parent.rmdir()  # only if nothing else is in it
    gone = "of students who are no longer in this batch"
    lines = [f"removed {plural(removed, 'page')} {gone}"] if removed else []
    return lines + ([f"kept {plural(kept, 'page')} {gone}, changed by hand"] if kept else [])


def _texts(book: Gradebook, marks: Sequence[Mark], canvas_text: str, results: Mapping[str, dict]) -> Iterator[tuple[str, str]]:
    """(name, text) of each file; the overview comes last, because it links to the others."""
    yield "grades.csv", tables.csv_text(tables.grades(book))
    yield "details.csv", tables.csv_text(tables.details(book))
    if book.record.names != HIDDEN:
        yield "canvas.csv", canvas_text
    for name, result in results.items():
        yield f"gradescope/{name}", json.dumps(result, allow_nan=False) + "\n"
    for student in book.students:
        yield f"feedback/{student.file}.html", pages.feedback(book, student)
    similarity = compare(mark for mark in marks if mark.lesson in book.lessons)
    yield "similarity.csv", tables.csv_text(tables.similarity(similarity))
    yield "similarity.html", pages.similarity_page(similarity, {student.name: student.file for student in book.students})
    glance = at_a_glance(book)
    yield "class.csv", tables.csv_text(tables.class_rows(glance, by_lesson(book)))
    yield "overview.html", pages.overview(book, glance, similarity.sentence())
