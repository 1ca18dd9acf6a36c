"""Gradescope's list of who handed in what: `submission_metadata.yml` beside the folders `submission_123`."""

import re
from collections.abc import Iterator
from datetime import date, datetime

from stylelab.classroom.owners import Owner

FOLDER = re.compile(r"submission_(\d+)")
FILES = ("submission_metadata.yml", "submission_metadata.yaml")


def submitters(data: bytes) -> dict[str, tuple[Owner, ...]]:
    """Folder -> who handed it in together, and when.

    Raises:
        ValueError: it is not such a list.
    """
    import yaml  # late: most batches have none

    try:
        plain = yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, OverflowError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no YAML: {error}") from None
    if not isinstance(plain, dict):
        raise ValueError("it lists nothing")
    return {folder: tuple(_owners(entry)) for folder, entry in plain.items() if isinstance(folder, str)}


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
    return str(value)[:200] if isinstance(value, str | int) else ""


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
