"""Marks and comments by hand: a small CSV file beside the reports, the instructor's own. It is read, never overwritten."""

import csv
import io
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from stylelab.base.files import error_text, printable, write_text
from stylelab.errors import InputError

NAME = "manual.csv"
COLUMNS = ("student", "exercise", "points", "comment")
EXAMPLE = """student,exercise,points,comment
# Ada Lovelace,gram_matrix,add 1,"6 sets the points; add 1, take 1 or nothing; for exercise also a lesson, such as 03"
"""
LARGEST = 10_000_000  # bytes
POINTS = re.compile(r"'?(?P<sign>\+|-|−|add\b|take\b)?\s*(?P<value>\d+(?:[.,]\d+)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One line of the file.

    Attributes:
        line: its number.
        student, target: as they stand there; the target is an exercise or a lesson.
        sets: the points are these; None if they stay, or change by `adds`.
        adds: points more, or fewer when negative.
    """

    line: int
    student: str
    target: str
    sets: float | None = None
    adds: float = 0
    comment: str = ""

    def change(self, earned: float, most: float) -> float:
        """The points after this line: never fewer than none, nor more than there are."""
        return min(max(earned + self.adds if self.sets is None else self.sets, 0.0), most)


def read_manual(folder: Path) -> tuple[Entry, ...]:
    """The lines of manual.csv in a folder; the file is begun if there is none.

    Raises:
        InputError: the file or one of its lines cannot be read; the line is named.
    """
    path = Path(folder) / NAME
    if not os.path.lexists(path):
        write_text(path, EXAMPLE)
    rows = _rows(path)
    if not rows:
        return ()
    order = _columns(path, *rows[0])
    found = (_entry(path, line, _by_name(path, line, row, order)) for line, row in rows[1:])
    return tuple(entry for entry in found if entry.sets is not None or entry.adds or entry.comment)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """(number, cells) of each line that is not empty and no comment."""
    text = _text(path)
    head = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    delimiter = max(",;\t", key=head.count)  # a spreadsheet takes the one of its language
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, line = [], 1
    try:
        for row in reader:
            if any(each.strip() for each in row) and not row[0].lstrip().startswith("#"):
                rows.append((line, [each.strip() for each in row]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{printable(path)}, line {reader.line_num}: {error_text(error)}: put a text with quotes into quotes"
        ) from None
    return rows


def _text(path: Path) -> str:
    try:
        data = path.read_bytes() if path.stat().st_size <= LARGEST else None
    except OSError as error:
        raise InputError(f"cannot read '{printable(path)}': {error_text(error)}") from None
    if data is None:
        raise InputError(f"'{printable(path)}' is larger than {LARGEST // 1_000_000} MB: that is no file of marks")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{printable(path)}, line {line}: not UTF-8: save it as 'CSV UTF-8'") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{printable(path)}, line {line}: it holds a NUL character: save it as 'CSV UTF-8'")
    return text


def _columns(path: Path, line: int, row: list[str]) -> list[str]:
    order = [name.lower() for name in row]
    missing = [name for name in COLUMNS if name not in order]
    if missing:
        raise InputError(
            f"{printable(path)}, line {line}: column '{missing[0]}' is missing: the first line must be {','.join(COLUMNS)}"
        )
    return order


def _by_name(path: Path, line: int, row: list[str], order: list[str]) -> dict[str, str]:
    if len(row) > len(order) and any(row[len(order) :]):
        raise InputError(
            f"{printable(path)}, line {line}: {len(row)} cells, {len(order)} expected: put a comment with commas into quotes"
        )
    return dict(zip(order, row + [""] * len(order), strict=False))


def _entry(path: Path, line: int, row: dict[str, str]) -> Entry:
    for name in ("student", "exercise"):
        if not row[name]:
            raise InputError(f"{printable(path)}, line {line}: no {name}: name one, or start the line with #")
    if not row["points"]:
        return Entry(line, row["student"], row["exercise"], comment=row["comment"])
    found = POINTS.fullmatch(row["points"])
    value = float(found["value"].replace(",", ".")) if found else math.inf
    if not found or not math.isfinite(value):
        raise InputError(
            f"{printable(path)}, line {line}: points '{printable(row['points'], 30)}' are unclear: write 6, add 1, take 1 or nothing"
        )
    if not found["sign"]:
        return Entry(line, row["student"], row["exercise"], sets=value, comment=row["comment"])
    adds = value if found["sign"].lower() in ("+", "add") else -value
    return Entry(line, row["student"], row["exercise"], adds=adds, comment=row["comment"])
