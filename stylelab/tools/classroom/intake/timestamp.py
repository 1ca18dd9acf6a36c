"""The time that nbgrader lays beside what is handed in."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

TIME = re.compile(r"\s*(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s*(\S*)")


def time_of(text: str) -> datetime | None:
    """The time in nbgrader's timestamp.txt: UTC where it names no zone, local where it names one that nobody knows."""
    if not (found := TIME.match(text)):
        return None
    try:
        when = datetime.fromisoformat(f"{found[1]} {found[2]}")
        return _zoned(when, found[3]).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _zoned(when: datetime, zone: str) -> datetime:
    if zone in ("", "Z", "UTC", "GMT"):
        return when.replace(tzinfo=UTC)
    if re.fullmatch(r"[+-]\d\d:?\d\d", zone):
        return datetime.fromisoformat(f"{when.isoformat()}{zone}")
    try:
        return when.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, KeyError, OSError):
        return when
