"""The late policy: nothing, or a percentage for every day begun, up to a cap."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from stylelab.base.files import printable
from stylelab.errors import InputError

DUE_EXAMPLE = "such as '2026-11-20 23:59 Europe/Berlin', '2026-11-20T23:59+01:00' or '2026-11-20'"
YEARS = 3650  # days after which an hour no longer matters
PER_DAY = re.compile(r"(?P<value>[\d.]+)\s*%?\s*(/|per|a|each)?\s*day")
CAP = re.compile(r"cap\s*(?:at\s*)?(?P<value>[\d.]+)\s*%?")
GRACE = re.compile(r"grace\s*(?P<value>[\d.]+)\s*(?P<unit>m|min|minutes?|h|hours?)?")


@dataclass(frozen=True)
class Late:
    """What a late submission loses, of the points that it earned.

    Attributes:
        due: until when a submission is on time, with a time zone; None for no date.
        per_day: percent for each day begun after `due`; a day ends at the same time of day as `due`, whatever the clocks did.
        cap: percent that can be lost at most.
        grace: minutes after `due` that cost nothing.
        lessons: other dates for single lessons, by their number, such as '03'.
    """

    due: datetime | None = None
    per_day: float = 0
    cap: float = 100
    grace: float = 0
    lessons: Mapping[str, datetime] = field(default_factory=dict)

    def due_for(self, lesson: str) -> datetime | None:
        """The date for a lesson such as '03_style_reconstruction'."""
        return self.lessons.get(lesson.partition("_")[0], self.due)

    def to_json(self) -> dict:
        """Plain data for the record."""
        dates = {lesson: due.isoformat() for lesson, due in self.lessons.items()}
        due = self.due and self.due.isoformat()
        return {"due": due, "per_day": self.per_day, "cap": self.cap, "grace": self.grace, "lessons": dates}

    def sentence(self) -> str:
        """The policy in words."""
        if self.due is None and not self.lessons:
            return "Nothing is taken off for being late."
        if not self.per_day:
            return "Late days are counted, and nothing is taken off."
        cap = f", {self.cap:g} % at most" if self.cap < 100 else ""
        grace = f" The first {self.grace:g} minutes cost nothing." if self.grace else ""
        return f"Each day late, once begun, takes {self.per_day:g} % off{cap}.{grace}"


def lateness(when: datetime | None, late: Late, lesson: str = "") -> tuple[int, float]:
    """How many days late a submission is, and what its points are multiplied with.

    Args:
        when: when it was handed in; None if nobody knows, which counts as on time. Without a zone it is in the date's.
        lesson: its lesson, which may have a date of its own.
    """
    due = late.due_for(lesson)
    if when is None or due is None:
        return 0, 1.0
    handed = _utc(when if when.tzinfo else when.replace(tzinfo=due.tzinfo))
    if handed <= due.astimezone(UTC) + timedelta(minutes=late.grace):
        return 0, 1.0
    days = max((handed - due.astimezone(UTC)).days - 1, 1)
    while days < YEARS and handed > _days_after(due, days):
        days += 1
    return days, 1 - min(days * late.per_day, late.cap, 100) / 100


def _utc(when: datetime) -> datetime:
    try:
        return when.astimezone(UTC)
    except OverflowError:  # the first or the last day of the calendar
        return when.replace(tzinfo=UTC)


def _days_after(due: datetime, days: int) -> datetime:
    """The same time of day some days later: 23 or 25 hours a day when the clocks change, and the zone is known by name."""
    return (due + timedelta(days=days)).astimezone(UTC)


def parse_due(text: str) -> datetime:
    """A date such as '2026-11-20 23:59 Europe/Berlin'; without a time the day's end, without a zone this machine's.

    Raises:
        InputError: it is no such date.
    """
    found = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?\s*(Z|[+-]\d\d:?\d\d|[A-Za-z_]+(?:/[\w+-]+)*)?", text.strip()
    )
    if not found:
        raise InputError(f"'{printable(text)}' is no date: write one {DUE_EXAMPLE}")
    day, time, zone = found.groups()
    try:
        due = datetime.fromisoformat(f"{day}T{time or '23:59:59'}{zone if zone and zone[0] in '+-Z' else ''}")
        if due.tzinfo is not None:
            return due
        return due.replace(tzinfo=ZoneInfo(zone)) if zone else due.astimezone()
    except (ValueError, OSError, KeyError, OverflowError):  # an unknown zone is a KeyError
        raise InputError(f"'{printable(text)}' has no such day, time or zone: write a date {DUE_EXAMPLE}") from None


def parse_late(text: str, due: "str | Iterable[str] | None" = None) -> Late:
    """A policy such as '10/day, cap 50, grace 15 min', or 'none'.

    Args:
        due: a date for `parse_due`; or several, each for one lesson: '03=2026-11-20 23:59'.

    Raises:
        InputError: the policy or a date cannot be read, or points are to be taken off with no date.
    """
    dates = _dates([due] if isinstance(due, str) else due or ())
    values = {}
    for part in (part.strip().lower() for part in text.split(",")):
        if part not in ("", "none"):
            name, value = _part(part, text)
            values[name] = value
    if values.get("per_day") and not dates:
        raise InputError(f"late policy '{printable(text)}' needs a date: give one with --due, {DUE_EXAMPLE}")
    return Late(dates.pop("", None), lessons=dates, **values)


def _part(part: str, text: str) -> tuple[str, float]:
    for name, pattern, most in (("per_day", PER_DAY, 100), ("cap", CAP, 100), ("grace", GRACE, 100_000)):
        if found := pattern.fullmatch(part):
            hours = found.groupdict().get("unit") or ""
            value = _percent(found["value"], text, most) * (60 if hours.startswith("h") else 1)
            return name, value
    raise InputError(
        f"late policy '{printable(text)}': '{printable(part)}' is unclear: write 'none' or '10/day, cap 50, grace 15 min'"
    )


def _percent(value: str, text: str, most: float) -> float:
    try:
        if 0 <= float(value) <= most:
            return float(value)
    except ValueError:
        pass
    raise InputError(f"late policy '{printable(text)}': {printable(value)} is no number from 0 to {most}")


def _dates(texts: Iterable[str]) -> dict[str, datetime]:
    """Lesson's number -> date; '' is for all other lessons."""
    dates = {}
    for text in texts:
        lesson, found, date = text.rpartition("=")
        lesson = lesson.strip().partition("_")[0]
        if found and not re.fullmatch(r"\d{1,2}", lesson):
            raise InputError(f"'{printable(text)}' names no lesson: write its number first, such as '03=2026-11-20 23:59'")
        dates[lesson.zfill(2) if lesson else ""] = parse_due(date)
    return dates
