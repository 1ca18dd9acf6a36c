"""Somebody's text made fit for a line, a page, a table or a file name. Nothing from a student goes out untouched."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from html import escape

LINE_ENDS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# control characters, halves of characters, and what turns the direction of the text that follows
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
FORMULA = tuple("=+-@＝＋－＠")  # a spreadsheet calculates a cell that starts with one of them
AFTER_SEMICOLON = re.compile(r";(\s*)(?=[=+\-@＝＋－＠])")  # where the semicolon parts cells, the next one starts here
# device names of Windows, and what stands beside the students' folders
RESERVED = re.compile(r"(results\.json$|con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)
LONGEST_NAME = 60


def plain(value: object, longest: int = 500) -> str:
    """A text on one line, printable and not too long; what is unfit shows as U+FFFD."""
    text = str(value)
    if not text.isprintable():
        text = UNFIT.sub("\ufffd", LINE_ENDS.sub(" ", text[: 4 * longest]))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def html(value: object, longest: int = 500) -> str:
    """`plain`, escaped for a page: in an attribute too."""
    return escape(plain(value, longest), quote=True)


def person(value: object) -> str:
    """A name on a page: in its own direction, and without bearing on the text around it."""
    return f'<bdi dir="auto">{html(value, 120)}</bdi>'


def number(value: float, digits: int = 2) -> str:
    """3 for 3.0, and two digits at most of anything else."""
    text = f"{round(value, digits) + 0.0:.{digits}f}"  # and no -0
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell(value: "str | float | None") -> str:
    """A cell of a CSV file: on one line, and nothing that a spreadsheet would calculate."""
    if isinstance(value, int | float):
        return number(value)
    if value and len(value) < 500 and value[0].isalnum() and ";" not in value and value.isprintable():
        return value
    text = AFTER_SEMICOLON.sub(r";\1'", plain(value or "", 2000))
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def same(name: object) -> str:
    """What two spellings of a name have in common: case, kinds of spaces and the quote that `cell` puts in front."""
    return " ".join(unicodedata.normalize("NFKC", plain(name, 2000)).casefold().lstrip("'").split())


def file_names(students: Iterable[str]) -> dict[str, str]:
    """Student -> a file name without ending, good on every system, and no two the same even where case is not told apart."""
    stems = {student: _stem(student) for student in students}
    taken = Counter(_folded(stem) for stem in stems.values())
    return {
        student: stem if taken[_folded(stem)] == 1 else f"{stem}-{hashlib.sha256(_bytes(student)).hexdigest()[:10]}"
        for student, stem in stems.items()
    }


def _stem(student: str) -> str:
    text = unicodedata.normalize("NFC", student[: 4 * LONGEST_NAME])
    kept = "".join(each if each in "-." or unicodedata.category(each)[0] in "LMN" else "_" for each in text)
    kept = re.sub(r"_{2,}|\.{2,}", "_", kept).strip("._-")[:LONGEST_NAME].rstrip("._-")
    while len(kept.encode()) > 3 * LONGEST_NAME:  # a file's name has 255 bytes at most
        kept = kept[:-1]
    return f"_{kept}" if RESERVED.match(kept) else kept or "student"


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", stem).casefold())


def _bytes(student: str) -> bytes:
    return student.encode("utf-8", "surrogatepass")
