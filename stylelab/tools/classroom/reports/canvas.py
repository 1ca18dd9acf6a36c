"""canvas.csv: what Canvas's gradebook imports. Best made from the gradebook that Canvas exported, whose ids it keeps.

What Canvas looks for: 'Student' and 'ID' in the first two headers, the SIS columns, then 'Section', then assignments, each
with its id in brackets if it exists already; a row that says 'Points Possible'; students by ID, then SIS, then name.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stylelab.base.files import error_text, printable
from stylelab.errors import InputError
from stylelab.tools.classroom.reports.gradebook import Book, Student, lesson_title
from stylelab.tools.classroom.reports.tables import csv_text
from stylelab.tools.classroom.reports.text import number, plain, same

HEADER = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
POSSIBLE = "Points Possible"
LARGEST = 50_000_000  # bytes
FROM_CANVAS = re.compile(r"[^_/]+(?:_LATE)?_(?P<id>\d{1,18})_\d+_[^/]*$", re.IGNORECASE)  # a file in its zip of submissions
CALCULATED = re.compile(r"(Current|Final|Override) (Score|Points|Grade|Status)")


@dataclass
class Gradebook:
    """What Canvas exported: `rows` of cells, the first of them the header."""

    rows: list[list[str]]
    delimiter: str = ","
    columns: dict[str, int] = field(default_factory=dict)

    @property
    def students(self) -> Iterator[list[str]]:
        return (row for row in self.rows[1:] if not _is_no_student(row))

    @property
    def possible(self) -> list[str] | None:
        return next((row for row in self.rows[1:] if POSSIBLE in row[0]), None)


def canvas_text(book: Book, path: "str | Path | None" = None) -> tuple[str, list[str]]:
    """The text of canvas.csv, and what the instructor should know about it.

    Args:
        path: a gradebook that Canvas exported, to be filled in; without one Canvas finds students by their names.

    Raises:
        InputError: the gradebook cannot be read, or is none.
    """
    if path is None:
        return csv_text(_rows(book)), []
    gradebook, warnings = read_gradebook(Path(path)), []
    places = {lesson: _place(gradebook, book, lesson, warnings) for lesson in book.lessons}
    scales = {lesson: _scale(gradebook, book, lesson, places[lesson], warnings) for lesson in book.lessons}
    for student, row in _matched(gradebook, book.students, warnings):
        for lesson, handed in student.counted.items():
            row[places[lesson]] = number(handed.final * scales[lesson])
    return csv_text(gradebook.rows, gradebook.delimiter), warnings


def _rows(book: Book) -> Iterator[list[object]]:
    lessons = list(book.lessons)
    yield [*HEADER, *(lesson_title(lesson) for lesson in lessons)]
    yield [f"    {POSSIBLE}", "", "", "", "", *(book.points_of(lesson) for lesson in lessons)]
    for student in book.students:
        counted = student.counted
        marks = [counted[lesson].final if lesson in counted else "" for lesson in lessons]
        # Canvas takes a name with these words for the row above, which would change what everybody's marks are out of
        yield [student.name.replace(POSSIBLE, "Points-Possible"), canvas_id(student), "", "", "", *marks]


def canvas_id(student: Student) -> str:
    """Canvas's id of a student, from the names that Canvas gave to the files; empty if they have none, or several."""
    found = {match["id"] for each in student.handed if (match := FROM_CANVAS.search(each.mark.name))}
    return found.pop() if len(found) == 1 else ""


def read_gradebook(path: Path) -> Gradebook:
    """A gradebook that Canvas exported.

    Raises:
        InputError: it cannot be read, or is none.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"'{printable(path)}' is larger than {LARGEST // 1_000_000} MB: that is no gradebook")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read the gradebook '{printable(path)}': {error_text(error)}") from None
    except UnicodeDecodeError:
        raise InputError(f"'{printable(path)}' is not UTF-8: export the gradebook from Canvas again and do not open it") from None
    head = text.partition("\n")[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise InputError(f"'{printable(path)}' is no gradebook: {error_text(error)}") from None
    return _checked(path, rows, delimiter)


def _checked(path: Path, rows: list[list[str]], delimiter: str) -> Gradebook:
    header = [name.strip() for name in rows[0]] if rows else []
    columns = {name: header.index(name) for name in (*HEADER, "LastName", "FirstName") if name in header}
    if "ID" not in columns or "Section" not in columns or not ({"Student", "LastName"} & set(columns)):
        raise InputError(f"'{printable(path)}' is no gradebook that Canvas exported: its header needs Student, ID and Section")
    widest = max(len(row) for row in rows)
    made = Gradebook([row + [""] * (widest - len(row)) for row in rows], delimiter, columns)
    if made.possible is None:
        made.rows.insert(1, [f"    {POSSIBLE}"] + [""] * (widest - 1))
    return made


def _is_no_student(row: list[str]) -> bool:
    return POSSIBLE in row[0] or all(re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", value, re.IGNORECASE) for value in row)


def _place(gradebook: Gradebook, book: Book, lesson: str, warnings: list[str]) -> int:
    """The column of a lesson: the one whose title has all of its words, or its number; else a new one at the end."""
    header = gradebook.rows[0]
    titles = {place: _words(header[place]) for place in range(gradebook.columns["Section"] + 1, len(header))}
    titles = {place: words for place, words in titles.items() if not CALCULATED.search(header[place])}
    wanted = _words(lesson)
    found = [place for place, words in titles.items() if wanted and wanted <= words]
    found = found or [place for place, words in titles.items() if words == {"lesson", *list(_number(lesson))}]
    if found:
        if len(found) > 1:
            warnings.append(f"Canvas: several columns may be {lesson}: '{plain(header[found[0]], 80)}' was filled in")
        return found[0]
    for row in gradebook.rows:
        row.append("")
    header[-1] = lesson_title(lesson)
    gradebook.possible[-1] = str(book.points_of(lesson))
    warnings.append(f"Canvas: no column for {lesson or 'an unknown lesson'}: a new one, '{header[-1]}', was added")
    return len(header) - 1


def _words(title: str) -> set[str]:
    """The words of a title, its number without zeros in front and without Canvas's id at its end."""
    words = re.findall(r"[^\W_]+", re.sub(r"\(\d+\)\s*$", "", title).casefold())
    return {word.lstrip("0") or "0" if word.isdecimal() else word for word in words}


def _number(lesson: str) -> set[str]:
    return {word for word in _words(lesson.partition("_")[0]) if word.isdecimal()}


def _scale(gradebook: Gradebook, book: Book, lesson: str, place: int, warnings: list[str]) -> float:
    """What marks are multiplied with: in Canvas a lesson may be worth another number of points."""
    there, here = gradebook.possible[place].replace(",", ".").strip(), book.points_of(lesson)
    try:
        worth = float(there) if re.fullmatch(r"[\d.]+", there) else float(here)
    except ValueError:
        worth = float(here)
    if here and worth and worth != here:
        warnings.append(f"Canvas: {lesson} is worth {number(worth)} points there and {here} here: its marks were scaled")
        return worth / here
    return 1.0


def _matched(gradebook: Gradebook, students: Iterable[Student], warnings: list[str]) -> Iterator[tuple[Student, list[str]]]:
    """Each student with the one row that is theirs; who has none, or shares one, is told."""
    keys = _keys(gradebook)
    found = defaultdict(list)
    for student in students:
        row = next((keys[key][0] for key in _ways(student) if len(keys.get(key, ())) == 1), None)
        if row is None:
            warnings.append(f"Canvas: '{plain(student.name, 80)}' is not in the gradebook: fill that mark in by hand")
        else:
            found[id(row)].append((student, row))
    for matches in found.values():
        if len(matches) == 1:
            yield matches[0]
        else:
            names = ", ".join(f"'{plain(student.name, 80)}'" for student, _ in matches)
            warnings.append(f"Canvas: {names} all match one line of the gradebook: fill their marks in by hand")


def _keys(gradebook: Gradebook) -> Mapping[tuple[str, str], list[list[str]]]:
    """(kind, text) -> the rows that it stands for."""
    keys = defaultdict(list)
    for row in gradebook.students:
        for key in set(_row_keys(gradebook, row)):
            keys[key].append(row)
    return keys


def _row_keys(gradebook: Gradebook, row: list[str]) -> Iterator[tuple[str, str]]:
    value = {name: row[place].strip() for name, place in gradebook.columns.items()}
    yield "id", value["ID"]
    for name in ("SIS Login ID", "SIS User ID"):
        if value.get(name):
            yield "login", same(value[name])
            yield "login", same(value[name].partition("@")[0])
    last, comma, first = value.get("Student", "").partition(",")
    if "LastName" in value:
        last, comma, first = value["LastName"], ",", value.get("FirstName", "")
    for name in (f"{first} {last}", f"{last} {first}") if comma else (last,):
        yield "name", same(name)
        yield "letters", _letters(name)


def _ways(student: Student) -> Iterator[tuple[str, str]]:
    """What a student may be found by, the surest first."""
    if canvas_id(student):
        yield "id", canvas_id(student)
    yield "login", same(student.name)
    yield "name", same(student.name)
    last, comma, first = student.name.partition(",")
    if comma:
        yield "name", same(f"{first} {last}")
    if _letters(student.name):
        yield "letters", _letters(student.name)  # 'lovelaceada', as in the names of Canvas's files


def _letters(name: str) -> str:
    return "".join(each for each in same(name) if each.isalnum())
