"""canvas.csv, for import into Canvas's gradebook. It works best from the gradebook that Canvas exported, with its ids.

Canvas expects 'Student' and 'ID' as the first two headers, the SIS columns, 'Section', then the assignments, each followed by
its id in brackets if it exists already; a row 'Points Possible'; and students, whom it finds by ID, then SIS id, then name.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylelab.base.files import error_text, printable, read_file
from stylelab.errors import InputError
from stylelab.tools.classroom.reports.gradebook import Gradebook, Student, lesson_title
from stylelab.tools.classroom.reports.tables import csv_text
from stylelab.tools.classroom.reports.text import Exact, name_key, number, plain

HEADER = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POSSIBLE = "Points Possible"
LARGEST = 50_000_000  # bytes
# a file in the zip of submissions that Canvas exports
FROM_CANVAS = re.compile(r"[^_/]+(?:_LATE)?_(?P<id>\d{1,18})_\d+_[^/]*$", re.IGNORECASE)
CALCULATED = re.compile(r"(Current|Final|Override) (Score|Points|Grade|Status)")
NUMBER = re.compile(r"\s*[-+]?(\d[\d.,]*|[.,]\d+)(e[-+]?\d+)?\s*%?\s*|-", re.IGNORECASE)  # or a dash, for no mark
EMPTY = re.compile(r"\s*(Muted|Manual Posting.*)?\s*", re.IGNORECASE)
Row = list[str]


@dataclass
class CanvasExport:
    """The gradebook that Canvas exported: rows of cells, the header first, and the position of each column by name."""

    rows: list[Row]
    delimiter: str
    columns: dict[str, int]

    @property
    def students(self) -> Iterator[Row]:
        return (row for row in self.rows[1:] if POSSIBLE not in row[0] and not all(map(EMPTY.fullmatch, row)))

    @property
    def possible(self) -> Any:
        """The row of the points that can be reached, or None."""
        return next((row for row in self.rows[1:] if POSSIBLE in row[0]), None)


def canvas_text(book: Gradebook, path: "str | Path | None" = None) -> tuple[str, list[str]]:
    """The text of canvas.csv, and warnings for the instructor.

    Args:
        path: a gradebook that Canvas exported, to be filled in. Without one, Canvas has to find students by their names.

    Raises:
        InputError: the file cannot be read, or Canvas did not export it.
    """
    if path is None:
        rows: list[list[object]] = [
            [*HEADER, *map(lesson_title, book.lessons)],
            [f"    {POSSIBLE}", "", "", "", "", *map(book.points_of, book.lessons)],
        ]
        for student in book.students:
            counted = student.counted
            marks = [counted[lesson].total[1] if lesson in counted and counted[lesson].graded else "" for lesson in book.lessons]
            # Canvas would take a name with these words for the row above, and change what all marks are out of
            rows.append([student.name.replace(POSSIBLE, "Points-Possible"), canvas_id(student), "", "", "", *marks])
        return csv_text(rows), []
    export = read_gradebook(Path(path))
    warnings: list[str] = []
    columns = {lesson: _column(export, book, lesson, warnings) for lesson in book.lessons}
    scales = {lesson: _scale(export, book, lesson, columns[lesson], warnings) for lesson in book.lessons}
    for student, row in _matched(export, book.students, warnings):
        for lesson, graded in student.counted.items():
            if graded.graded:
                row[columns[lesson]] = number(graded.total[1] * scales[lesson])
    return csv_text([_exact(export, row) for row in export.rows], export.delimiter), warnings


def _exact(export: CanvasExport, row: Row) -> Row:
    """The row with exact cells where Canvas must find what it wrote: numbers, and the id by which it finds the student.

    Names are not among them: a student may have chosen one that starts a formula.
    """
    ids = [export.columns[name] for name in HEADER[1:4] if name in export.columns]
    found_by = next((column for column in ids if row[column].strip()), None)
    numeric = {*ids, *range(export.columns["Section"] + 1, len(row))}
    return [
        Exact(value) if column == found_by or column in numeric and NUMBER.fullmatch(value) else value
        for column, value in enumerate(row)
    ]


def canvas_id(student: Student) -> str:
    """A student's id in Canvas, from the names that Canvas gave to the files; empty if it is missing or ambiguous."""
    names = (FROM_CANVAS.search(graded.mark.name) for graded in student.submissions)
    ids = {match["id"] for match in names if match}
    return ids.pop() if len(ids) == 1 else ""


def read_gradebook(path: Path) -> CanvasExport:
    """Read a gradebook that Canvas exported.

    Raises:
        InputError: the file cannot be read, or Canvas did not export it.
    """
    try:
        text = read_file(path, "the gradebook", LARGEST).decode("utf-8-sig")
    except UnicodeDecodeError:
        message = "is not UTF-8: export the gradebook from Canvas again, and do not save it in another program"
        raise InputError(f"'{printable(path)}' {message}") from None
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise InputError(f"'{printable(path)}' is not a gradebook: {error_text(error)}") from None
    header = [name.strip() for name in rows[0]] if rows else []
    columns = {name: header.index(name) for name in (*HEADER, "LastName", "FirstName") if name in header}
    if "ID" not in columns or "Section" not in columns or not {"Student", "LastName"} & set(columns):
        message = "is not a gradebook exported from Canvas: its header must have Student, ID and Section"
        raise InputError(f"'{printable(path)}' {message}")
    width = max(map(len, rows))
    export = CanvasExport([row + [""] * (width - len(row)) for row in rows], delimiter, columns)
    if export.possible is None:
        export.rows.insert(1, [f"    {POSSIBLE}"] + [""] * (width - 1))
    return export


def _column(export: CanvasExport, book: Gradebook, lesson: str, warnings: list[str]) -> int:
    """The column whose title has all words of the lesson, or else its number; a new one at the end if there is none."""
    header = export.rows[0]
    assignments = range(export.columns["Section"] + 1, len(header))
    titles = {column: _words(header[column]) for column in assignments if not CALCULATED.search(header[column])}
    words = _words(lesson)
    found = [column for column, title in titles.items() if words and words <= title]
    if not found:
        digits = {word for word in _words(lesson.partition("_")[0]) if word.isdecimal()}
        found = [column for column, title in titles.items() if title == {"lesson"} | digits]
    if found:
        if len(found) > 1:
            warnings.append(f"Canvas: several columns match {lesson}: '{plain(header[found[0]], 80)}' was filled in")
        return found[0]
    for row in export.rows:
        row.append("")
    header[-1] = lesson_title(lesson)
    export.possible[-1] = str(book.points_of(lesson))
    warnings.append(f"Canvas: no column for {lesson or 'an unknown lesson'}: added a new one, '{header[-1]}'")
    return len(header) - 1


def _words(title: str) -> set[str]:
    """The words of a title, without leading zeros in numbers and without Canvas's id at the end."""
    words = re.findall(r"[^\W_]+", re.sub(r"\(\d+\)\s*$", "", title).casefold())
    return {word.lstrip("0") or "0" if word.isdecimal() else word for word in words}


def _scale(export: CanvasExport, book: Gradebook, lesson: str, column: int, warnings: list[str]) -> float:
    """The factor for marks, because a lesson may be worth a different number of points in Canvas."""
    there, here = export.possible[column].replace(",", ".").strip(), book.points_of(lesson)
    try:
        worth = float(there) if re.fullmatch(r"[\d.]+", there) else float(here)
    except ValueError:
        worth = float(here)
    if here and worth and worth != here:
        warnings.append(f"Canvas: {lesson} is worth {number(worth)} points there and {here} here: its marks were scaled")
        return worth / here
    return 1.0


def _matched(export: CanvasExport, students: Iterable[Student], warnings: list[str]) -> Iterator[tuple[Student, Row]]:
    """Students with the one row that is theirs. A warning names those who have no row, or who share one."""
    rows: dict[tuple[str, str], list[Row]] = defaultdict(list)  # (kind, text) -> rows that it may refer to
    for row in export.students:
        for key in set(_row_keys(export, row)):
            rows[key].append(row)
    students_of = defaultdict(list)
    for student in students:
        own = next((rows[key][0] for key in _student_keys(student) if len(rows.get(key, ())) == 1), None)
        if own is None:
            warnings.append(f"Canvas: '{plain(student.name, 80)}' is not in the gradebook: enter the mark by hand")
        else:
            students_of[id(own)].append((student, own))
    for matches in students_of.values():
        if len(matches) == 1:
            yield matches[0]
        else:
            names = ", ".join(f"'{plain(student.name, 80)}'" for student, _ in matches)
            warnings.append(f"Canvas: {names} match the same row of the gradebook: enter their marks by hand")


def _row_keys(export: CanvasExport, row: Row) -> Iterator[tuple[str, str]]:
    value = {name: row[column].strip() for name, column in export.columns.items()}
    yield "id", value["ID"]
    for name in ("SIS Login ID", "SIS User ID"):
        if value.get(name):
            yield "login", name_key(value[name])
            yield "login", name_key(value[name].partition("@")[0])
    last, comma, first = value.get("Student", "").partition(",")
    if "LastName" in value:
        last, comma, first = value["LastName"], ",", value.get("FirstName", "")
    for name in (f"{first} {last}", f"{last} {first}") if comma else (last,):
        yield "name", name_key(name)
        yield "letters", _letters(name)


def _student_keys(student: Student) -> Iterator[tuple[str, str]]:
    """Keys by which a student may be found, the most reliable first."""
    if canvas_id(student):
        yield "id", canvas_id(student)
    yield "login", name_key(student.name)
    yield "name", name_key(student.name)
    last, comma, first = student.name.partition(",")
    if comma:
        yield "name", name_key(f"{first} {last}")
    if _letters(student.name):
        yield "letters", _letters(student.name)  # 'lovelaceada', as in the names of Canvas's files


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name_key(name)))
