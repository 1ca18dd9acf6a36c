"""Read Gradescope's list of who submitted what: `submission_metadata.yml`, next to the folders `submission_123`."""

import re
from collections.abc import Iterator
from datetime import date, datetime

from stylelab.tools.classroom.intake.students import Student

FOLDER = re.compile(r"submission_(\d+)")
KEY = re.compile(r" *:?(\w+):(?: |$)")
FILES = ("submission_metadata.yml", "submission_metadata.yaml")


def submitters(data: bytes) -> dict[str, tuple[Student, ...]]:
    """Return folder -> students who submitted it together, with the time. Unreadable entries are left out."""
    return {folder: tuple(_read_students(lines)) for folder, lines in _split_entries(data.decode("utf-8", "replace"))}


def _split_entries(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder with its lines on who and when. The rest, all test results, is long, and YAML parsing is slow."""
    folder, indent, wanted = "", 0, False
    lines: list[str] = []
    for line in [*text.replace("\r\n", "\n").split("\n"), "end:"]:
        line_indent = len(line) - len(line.lstrip(" "))
        if not line_indent and line.rstrip().endswith(":"):
            if folder:
                yield folder, lines
            folder, lines, indent, wanted = line.rstrip().strip("'\":"), [], 0, False
            continue
        indent = indent or line_indent
        if line_indent == indent and (key := KEY.match(line)):
            wanted = key[1] in ("submitters", "created_at")
        if wanted:
            lines.append(line)


def _read_students(lines: list[str]) -> Iterator[Student]:
    import yaml  # lazy: most batches have no such file

    try:  # not the loader in C: it is faster, but deep nesting crashes it
        entry = yaml.load("\n".join(lines), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError, TypeError, AttributeError):
        return
    when = _parse_time(_get(entry, "created_at"))
    people = _get(entry, "submitters")
    for person in people if isinstance(people, list) else []:
        name, number, email = (_as_text(_get(person, key)) for key in ("name", "sid", "email"))
        if name or number or email:
            yield Student(("gradescope", number or email or name), name or email or number, number or email, when)


def _get(entry: object, key: str) -> object:
    """A value from a mapping whose keys may be written as Ruby symbols, such as `:name`."""
    return entry.get(f":{key}", entry.get(key)) if isinstance(entry, dict) else None


def _as_text(value: object) -> str:
    if isinstance(value, int) and abs(value) < 10**20:
        value = str(value)
    return value[:200] if isinstance(value, str) else ""


def _parse_time(value: object) -> datetime | None:
    """A time as YAML parsed it: some versions drop the zone after a 'Z', and Gradescope's times are UTC."""
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        if not isinstance(value, datetime):
            return None
        return datetime.fromisoformat(f"{value}+00:00" if value.tzinfo is None else str(value)).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
