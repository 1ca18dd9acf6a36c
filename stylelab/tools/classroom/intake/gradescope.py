"""Gradescope's list of who handed in what: `submission_metadata.yml` beside the folders `submission_123`."""

import re
from collections.abc import Iterator
from datetime import date, datetime

from stylelab.tools.classroom.intake.students import Owner

FOLDER = re.compile(r"submission_(\d+)")
KEY = re.compile(r" *:?(\w+):(?: |$)")
FILES = ("submission_metadata.yml", "submission_metadata.yaml")


def submitters(data: bytes) -> dict[str, tuple[Owner, ...]]:
    """Folder -> who handed it in together, and when. What cannot be read is left out."""
    return {folder: tuple(_owners(_loaded(lines))) for folder, lines in _entries(data.decode("utf-8", "replace"))}


def _entries(text: str) -> Iterator[tuple[str, list[str]]]:
    """Folder and the lines on who and when. The rest, with all test results, is long, and the reader of YAML slow."""
    folder, lines, indent, wanted = "", [], 0, False
    for line in [*text.replace("\r\n", "\n").split("\n"), "end:"]:
        inner = len(line) - len(line.lstrip(" "))
        if not inner and line.rstrip().endswith(":"):
            if folder:
                yield folder, lines
            folder, lines, indent, wanted = line.rstrip().strip("'\":"), [], 0, False
            continue
        indent = indent or inner
        if inner == indent and (key := KEY.match(line)):
            wanted = key[1] in ("submitters", "created_at")
        if wanted:
            lines.append(line)


def _loaded(lines: list[str]) -> object:
    import yaml  # late: most batches have none

    try:  # the loader in C is faster, and deep nesting ends its process
        return yaml.load("\n".join(lines), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError, TypeError, AttributeError):
        return None


def _owners(entry: object) -> Iterator[Owner]:
    when = _time(_get(entry, "created_at"))
    people = _get(entry, "submitters")
    for person in people if isinstance(people, list) else []:
        name, number, mail = (_text(_get(person, key)) for key in ("name", "sid", "email"))
        if name or number or mail:
            yield Owner(("gradescope", number or mail or name), name or mail or number, number or mail, when)


def _get(entry: object, key: str) -> object:
    """Keys are written as Ruby writes them, `:name`."""
    return entry.get(f":{key}", entry.get(key)) if isinstance(entry, dict) else None


def _text(value: object) -> str:
    if isinstance(value, int) and abs(value) < 10**20:
        value = str(value)
    return value[:200] if isinstance(value, str) else ""


def _time(value: object) -> datetime | None:
    """YAML makes a time of it, without a zone after a 'Z' in some versions: Gradescope's times are UTC."""
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
