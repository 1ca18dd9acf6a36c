"""The late policy at its boundaries: seconds, days, changes of the clocks, time zones."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from stylelab.errors import InputError
from stylelab.tools.classroom.reports.late import Late, lateness, parse_due, parse_late

DUE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
pytestmark = pytest.mark.plain


@pytest.mark.parametrize(
    ("late_by", "days"),
    [
        (timedelta(days=-3), 0),
        (timedelta(0), 0),
        (timedelta(seconds=1), 1),
        (timedelta(days=1), 1),
        (timedelta(days=1, seconds=1), 2),
        (timedelta(days=9, hours=23), 10),
        (timedelta(days=400), 400),
    ],
)
def test_every_started_day_counts_and_the_last_second_is_on_time(late_by, days):
    assert lateness(DUE + late_by, Late(DUE, per_day=0.1))[0] == days


@pytest.mark.parametrize(("days", "factor"), [(0, 1), (1, 0.9), (4, 0.6), (5, 0.5), (6, 0.5), (300, 0.5)])
def test_the_cap_limits_the_deduction(days, factor):
    found = lateness(DUE + timedelta(days=days), Late(DUE, per_day=10, cap=50))
    assert found == (days, pytest.approx(factor))


def test_without_a_cap_the_points_fall_to_zero_and_not_below():
    assert lateness(DUE + timedelta(days=50), Late(DUE, per_day=10)) == (50, 0)


@pytest.mark.parametrize("when", [datetime.max, datetime.min, datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))])
def test_the_first_and_the_last_day_of_the_calendar_are_accepted(when):
    days, factor = lateness(when, Late(DUE, per_day=10))
    assert (days > 2_900_000, factor) == ((True, 0) if when.year == 9999 else (False, 1))


def test_without_a_deadline_or_a_time_no_submission_is_late():
    assert lateness(DUE, Late(None, per_day=10)) == (0, 1)
    assert lateness(None, Late(DUE, per_day=10)) == (0, 1)


def test_the_same_moment_is_on_time_in_every_zone():
    there = DUE.astimezone(timezone(timedelta(hours=13)))
    assert there.day == 21 and lateness(there, Late(DUE, per_day=10))[0] == 0
    assert lateness(there + timedelta(seconds=1), Late(DUE, per_day=10))[0] == 1


def test_a_time_without_a_zone_is_in_the_zone_of_the_deadline():
    due = datetime(2026, 11, 20, 23, 59, tzinfo=BERLIN)
    assert lateness(datetime(2026, 11, 20, 23, 59), Late(due, per_day=10))[0] == 0
    assert lateness(datetime(2026, 11, 21, 0, 0), Late(due, per_day=10))[0] == 1


@pytest.mark.parametrize("clocks_change", [datetime(2026, 3, 28), datetime(2026, 10, 24)])
def test_a_day_ends_at_the_same_time_of_day_when_the_clocks_change(clocks_change):
    due = clocks_change.replace(hour=23, minute=59, tzinfo=BERLIN)
    a_day_later = (clocks_change + timedelta(days=1)).replace(hour=23, minute=59, tzinfo=BERLIN).astimezone(UTC)
    assert a_day_later - due.astimezone(UTC) != timedelta(days=1)
    assert lateness(a_day_later, Late(due, per_day=10))[0] == 1
    assert lateness(a_day_later + timedelta(seconds=1), Late(due, per_day=10))[0] == 2


def test_the_grace_period_costs_nothing_and_does_not_shift_the_days():
    late = Late(DUE, per_day=10, grace=15)
    assert lateness(DUE + timedelta(minutes=15), late)[0] == 0
    assert lateness(DUE + timedelta(minutes=15, seconds=1), late)[0] == 1
    assert lateness(DUE + timedelta(days=1, seconds=1), late)[0] == 2


def test_a_lesson_can_have_its_own_deadline():
    late = parse_late("10/day", ["2026-11-20 23:59 UTC", "3=2026-12-01 12:00 UTC"])
    when = datetime(2026, 11, 30, tzinfo=UTC)
    assert lateness(when, late, "03_style_reconstruction")[0] == 0
    assert lateness(when, late, "04_style_transfer")[0] == 10


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("2026-11-20 23:59 UTC", DUE),
        ("2026-11-20T23:59Z", DUE),
        (" 2026-11-21T00:59+01:00 ", DUE),
        ("2026-11-21 00:59:00 Europe/Berlin", DUE),
        ("2026-11-20", datetime(2026, 11, 20, 23, 59, 59).astimezone()),
    ],
)
def test_a_deadline_can_be_written_in_several_ways(text, due):
    assert parse_due(text) == due and parse_due(text).tzinfo


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "20.11.2026", "2026-13-01", "2026-11-20 25:00", "2026-11-20 23:59 Mars/Olympus", "2026-11-20 12:00 ../etc"],
)
def test_an_invalid_deadline_is_quoted_in_a_one_line_error(text):
    with pytest.raises(InputError, match="2026-11-20") as error:
        parse_due(text)
    assert text in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["10/day, cap 50, grace 1 h", "10% per day,cap 50%, grace 60 min", "grace 60, CAP 50, 10 % a day"]
)
def test_a_policy_can_be_written_in_several_ways(text):
    assert parse_late(text, "2026-11-20 23:59 UTC") == Late(DUE, 10, 50, 60)


def test_the_policy_none_deducts_nothing():
    assert parse_late("none") == parse_late("") == Late()


@pytest.mark.parametrize(
    "text", ["10", "ten/day", "110/day", "10/day cap 50", "cap 101", "-5/day", "1.2.3/day", "10/day,\nrm -rf"]
)
def test_an_unclear_policy_is_a_one_line_error(text):
    with pytest.raises(InputError, match="late policy") as error:
        parse_late(text, "2026-11-20")
    assert "\n" not in str(error.value)


def test_a_deduction_needs_a_deadline():
    with pytest.raises(InputError, match="needs a deadline"):
        parse_late("10/day")


def test_a_deadline_for_something_other_than_a_lesson_is_refused():
    with pytest.raises(InputError, match="number of a lesson"):
        parse_late("10/day", ["gram_matrix=2026-11-20"])
