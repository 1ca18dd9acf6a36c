"""manual.csv: the instructor's changes and comments, in a file next to the reports. It is read and never overwritten."""

import csv
import io
import math
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from stylelab.base.files import error_text, printable, read_file, write_text
from stylelab.errors import InputError

NAME = "manual.csv"
COLUMNS = ("student", "exercise", "points", "comment")  # `regrade` and `reply` may be missing
EXAMPLE = """student,exercise,points,comment,regrade,reply
# {student},gram_matrix,add 1,"points: 6 sets them, or add 1, take 1, or nothing; exercise: may be a lesson, such as 03",what a student asks for,your answer
"""
LARGEST = 10_000_000  # bytes
POINTS = re.compile(r"'?(?P<sign>\+|-|−|add\b|take\b)?\s*(?P<value>\d+(?:[.,]\d+)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One line of the file.

    Attributes:
        line: its number.
        student: a name, not yet matched to the students with submissions.
        target: an exercise or a lesson.
        sets: the new points; None if `adds` changes them.
        adds: points to add, negative to deduct.
        regrade, reply: a student's request to look again, and the answer to it.
    """

    line: int
    student: str
    target: str
    sets: float | None = None
    adds: float = 0
    comment: str = ""
    regrade: str = ""
    reply: str = ""

    def change(self, earned: float, most: float) -> float:
        """The points after this line, between 0 and the maximum `most`."""
        return min(max(earned + self.adds if self.sets is None else self.sets, 0.0), most)


def read_manual(folder: Path, *, anonymous: bool = False) -> tuple[Entry, ...]:
    """The lines of manual.csv in a folder. A missing file is created, with a commented example.

    Args:
        anonymous: the example has a label instead of a name.

    Raises:
        InputError: the file or one of its lines, which is named, cannot be read.
    """
    path = Path(folder) / NAME
    if not os.path.lexists(path):
        write_text(path, EXAMPLE.format(student="S-4f2a" if anonymous else "Ada Lovelace"))
    rows = _rows(path)
    if not rows:
        return ()
    line, header = rows[0]
    header = [name.lower() for name in header]
    if missing := [name for name in COLUMNS if name not in header]:
        message = f"column '{missing[0]}' is missing: the first line must be {','.join(COLUMNS)}"
        raise InputError(f"{printable(path)}, line {line}: {message}")
    entries = []
    for line, row in rows[1:]:
        where = f"{printable(path)}, line {line}"
        if any(row[len(header) :]):
            message = f"{len(row)} cells instead of {len(header)}: put a comment with commas in quotes"
            raise InputError(f"{where}: {message}")
        entries.append(_entry(where, line, dict(zip(header, row + [""] * len(header), strict=False))))
    return tuple(each for each in entries if each.sets is not None or each.adds or each.comment or each.regrade or each.reply)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, cells) of each row, without empty lines and comments."""
    data = read_file(path, "the file of marks", LARGEST)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{printable(path)}, line {line}: not UTF-8: save it as 'CSV UTF-8'") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{printable(path)}, line {line}: contains a NUL character: save it as 'CSV UTF-8'")
    head = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    delimiter = max(",;\t", key=head.count)  # a spreadsheet uses that of its language
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, line = [], 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) and not cells[0].startswith("#"):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        message = f"{error_text(error)}: close the quotes, and put text that contains quotes in quotes"
        raise InputError(f"{printable(path)}, line {reader.line_num}: {message}") from None
    return rows


def _entry(where: str, line: int, row: dict[str, str]) -> Entry:
    for name in ("student", "exercise"):
        if not row[name]:
            raise InputError(f"{where}: no {name}: name one, or start the line with #")
    entry = Entry(
        line, row["student"], row["exercise"], comment=row["comment"], regrade=row.get("regrade", ""), reply=row.get("reply", "")
    )
    if not row["points"]:
        return entry
    match = POINTS.fullmatch(row["points"])
    value = float(match["value"].replace(",", ".")) if match else math.inf
    if not match or not math.isfinite(value):
        raise InputError(f"{where}: cannot read points '{printable(row['points'], 30)}': write 6, add 1, take 1 or nothing")
    if not match["sign"]:
        return replace(entry, sets=value)
    return replace(entry, adds=value if match["sign"].lower() in ("+", "add") else -value)
