"""Make text from students fit for a line, a table or a file name. Nothing that they wrote is printed as it came."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

LINE_ENDS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# control characters, lone surrogates, and characters that reverse the direction of the text after them
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
FORMULA = tuple("=+-@＝＋－＠")  # a spreadsheet evaluates a cell that starts with one of these
AFTER_SEMICOLON = re.compile(r";(\s*)(?=[=+\-@＝＋－＠])")  # where semicolons separate cells, a new one starts here
# device names on Windows, and the file next to the students' folders
RESERVED = re.compile(r"(results\.json$|con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)
MAX_NAME = 60


def plain(value: object, max_length: int = 500) -> str:
    """Text on one line, of limited length; unprintable characters become U+FFFD."""
    text = str(value)
    if not text.isprintable():
        text = UNPRINTABLE.sub("\ufffd", LINE_ENDS.sub(" ", text[: 4 * max_length]))
    return text if len(text) <= max_length else text[: max_length - 1] + "…"


def number(value: float, digits: int = 2) -> str:
    """A number with a few digits at most.

    >>> number(3.0), number(2 / 3), number(-0.001)
    ('3', '0.67', '0')
    """
    text = f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0 turns -0.0 into 0.0
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(count: int, word: str) -> str:
    """A count with its noun, such as '1 day' or '2 days'."""
    return f"{count} {word}{'' if count == 1 else 's'}"


class Exact(str):
    """Text that `cell` leaves as it is, because another program has to find it again: no student has written it."""


def cell(value: "str | float | None") -> str:
    """The text of a CSV cell: on one line, and never a formula.

    >>> cell("=1+1"), cell("-1"), cell(-1), cell(Exact("-1.50"))
    ("'=1+1", "'-1", '-1', '-1.50')
    """
    if isinstance(value, Exact):
        return value
    if isinstance(value, int | float):
        return number(value)
    if value and len(value) < 500 and value[0].isalnum() and ";" not in value and value.isprintable():
        return value
    text = AFTER_SEMICOLON.sub(r";\1'", plain(value or "", 2000))
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def name_key(name: object) -> str:
    """What all spellings of a name have in common: case, spaces and the quote that `cell` adds are ignored."""
    return " ".join(unicodedata.normalize("NFKC", plain(name, 2000)).casefold().lstrip("'").split())


def file_names(students: Iterable[str]) -> dict[str, str]:
    """Student -> a file name without suffix that is valid on every system, and different for every student even without case."""

    def folded(stem: str) -> str:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", stem).casefold())

    stems = {}
    for student in students:
        text = unicodedata.normalize("NFC", student[: 4 * MAX_NAME])
        text = "".join(letter if letter in "-." or unicodedata.category(letter)[0] in "LMN" else "_" for letter in text)
        text = re.sub(r"_{2,}|\.{2,}", "_", text).strip("._-")[:MAX_NAME].rstrip("._-")
        while len(text.encode()) > 3 * MAX_NAME:  # the limit for a file name is 255 bytes
            text = text[:-1]
        stems[student] = f"_{text}" if RESERVED.match(text) else text or "student"
    counts = Counter(map(folded, stems.values()))
    for student, stem in stems.items():
        if counts[folded(stem)] > 1:
            stems[student] = f"{stem}-{hashlib.sha256(student.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"
    return stems
