"""The late policy: no deduction, or a percentage for every day or part of a day, up to a maximum."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from stylelab.base.files import printable
from stylelab.errors import InputError

DUE_EXAMPLE = "such as '2026-11-20 23:59 Europe/Berlin', '2026-11-20T23:59+01:00' or '2026-11-20'"
LATE_EXAMPLE = "'none' or '10/day, cap 50, grace 15 min'"
YEARS = 3650  # days after which changes of the clocks are ignored
DUE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?\s*(Z|[+-]\d\d:?\d\d|[A-Za-z_]+(?:/[\w+-]+)*)?")
PARTS = {  # attribute of Late -> its pattern and its largest value
    "per_day": (re.compile(r"(?P<value>[\d.]+)\s*%?\s*(/|per|a|each)?\s*day"), 100),
    "cap": (re.compile(r"cap\s*(?:at\s*)?(?P<value>[\d.]+)\s*%?"), 100),
    "grace": (re.compile(r"grace\s*(?P<value>[\d.]+)\s*(?P<unit>m|min|minutes?|h|hours?)?"), 100_000),
}


@dataclass(frozen=True)
class Late:
    """How many of its points a late submission loses.

    Attributes:
        due: the deadline, with a time zone; None for no deadline.
        per_day: percent for each day or part of a day after `due`. A day ends at the same time of day as `due`, even when the
            clocks change.
        cap: the largest deduction, in percent.
        grace: minutes after `due` that cost nothing.
        lessons: lesson number, such as '03' -> a deadline of its own.
    """

    due: datetime | None = None
    per_day: float = 0
    cap: float = 100
    grace: float = 0
    lessons: Mapping[str, datetime] = field(default_factory=dict)

    def due_for(self, lesson: str) -> datetime | None:
        """The deadline for a lesson such as '03_style_reconstruction'."""
        return self.lessons.get(lesson.partition("_")[0], self.due)

    def to_json(self) -> dict:
        """The policy as plain data, for record.json."""
        dates = {lesson: due.isoformat() for lesson, due in self.lessons.items()}
        due = self.due and self.due.isoformat()
        return {"due": due, "per_day": self.per_day, "cap": self.cap, "grace": self.grace, "lessons": dates}

    def sentence(self) -> str:
        """The policy in words.

        >>> parse_late("10/day, cap 50", "2026-11-20").sentence()
        'Late submissions lose 10% of their points per day or part of a day, up to 50%.'
        """
        if self.due is None and not self.lessons:
            return "Late submissions lose no points."
        if not self.per_day:
            return "Late days are counted but cost no points."
        cap = f", up to {self.cap:g}%" if self.cap < 100 else ""
        grace = f" The first {self.grace:g} minutes cost nothing." if self.grace else ""
        return f"Late submissions lose {self.per_day:g}% of their points per day or part of a day{cap}.{grace}"


def lateness(when: datetime | None, late: Late, lesson: str = "") -> tuple[int, float]:
    """How many days late a submission is, and the factor for its points.

    Args:
        when: when it was submitted; None, if unknown, counts as on time. Without a time zone, that of the deadline is used.
        lesson: its lesson, which may have a deadline of its own.
    """
    due = late.due_for(lesson)
    if when is None or due is None:
        return 0, 1.0
    when = when if when.tzinfo else when.replace(tzinfo=due.tzinfo)
    try:
        when = when.astimezone(UTC)
    except OverflowError:  # on the first or the last day of the calendar
        when = when.replace(tzinfo=UTC)
    if when <= due.astimezone(UTC) + timedelta(minutes=late.grace):
        return 0, 1.0
    days = max((when - due.astimezone(UTC)).days - 1, 1)
    # adding days before converting keeps the time of day: a day has 23 or 25 hours when the clocks change
    while days < YEARS and when > (due + timedelta(days=days)).astimezone(UTC):
        days += 1
    return days, 1 - min(days * late.per_day, late.cap, 100) / 100


def parse_due(text: str) -> datetime:
    """Read a deadline such as '2026-11-20 23:59 Europe/Berlin'.

    Without a time it is the end of the day, without a zone it is in this machine's zone.

    Raises:
        InputError: the text is not a date.
    """
    match = DUE.fullmatch(text.strip())
    if not match:
        raise InputError(f"'{printable(text)}' is not a date: write one {DUE_EXAMPLE}")
    day, time, zone = match.groups()
    try:
        due = datetime.fromisoformat(f"{day}T{time or '23:59:59'}{zone if zone and zone[0] in '+-Z' else ''}")
        if due.tzinfo is not None:
            return due
        return due.replace(tzinfo=ZoneInfo(zone)) if zone else due.astimezone()
    except (ValueError, OSError, KeyError, OverflowError):  # an unknown zone is a KeyError
        raise InputError(f"'{printable(text)}' has no such day, time or zone: write a date {DUE_EXAMPLE}") from None


def parse_late(text: str, due: "str | Iterable[str] | None" = None) -> Late:
    """Read a policy such as '10/day, cap 50, grace 15 min', or 'none'.

    Args:
        due: a deadline for `parse_due`; or several, where one for a single lesson is written '03=2026-11-20 23:59'.

    Raises:
        InputError: the policy or a deadline cannot be read, or there is a deduction but no deadline.
    """
    dates: dict[str, datetime] = {}  # lesson number -> deadline; '' for all other lessons
    for date in [due] if isinstance(due, str) else due or ():
        lesson, equals, day = date.rpartition("=")
        lesson = lesson.strip().partition("_")[0]
        if equals and not re.fullmatch(r"\d{1,2}", lesson):
            message = "does not start with the number of a lesson: write it like '03=2026-11-20 23:59'"
            raise InputError(f"'{printable(date)}' {message}")
        dates[lesson.zfill(2) if lesson else ""] = parse_due(day)
    values: dict[str, float] = {}  # attribute of Late -> its value
    for part in map(str.strip, text.lower().split(",")):
        if part in ("", "none"):
            continue
        matches = [(name, match, most) for name, (pattern, most) in PARTS.items() if (match := pattern.fullmatch(part))]
        if not matches:
            raise InputError(f"late policy '{printable(text)}': cannot read '{printable(part)}': write {LATE_EXAMPLE}")
        name, match, most = matches[0]
        try:
            value = float(match["value"])
        except ValueError:
            value = -1.0
        if not 0 <= value <= most:
            number = printable(match["value"])
            raise InputError(f"late policy '{printable(text)}': {number} is not a number from 0 to {most}")
        hours = (match.groupdict().get("unit") or "").startswith("h")
        values[name] = value * 60 if hours else value
    if values.get("per_day") and not dates:
        raise InputError(f"late policy '{printable(text)}' needs a deadline: set one with --due, {DUE_EXAMPLE}")
    return Late(dates.pop("", None), lessons=dates, **values)
