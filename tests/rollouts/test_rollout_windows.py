"""Maintenance windows go by a clock on a wall, in the nights too in which that clock is changed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ota_server.rollouts.windows import MaintenanceWindow, is_open


def opened(text, *moments):
    window = MaintenanceWindow.parse(text)
    return [window.is_open(datetime.fromisoformat(moment)) for moment in moments]


def test_a_window_is_open_from_its_first_minute_to_before_its_last():
    moments = ("09:59:59", "10:00:00", "11:59:59", "12:00:00")
    assert opened("10:00-12:00", *(f"2026-06-01T{at}Z" for at in moments)) == [False, True, True, False]


def test_a_window_past_midnight_belongs_to_the_day_on_which_it_begins():
    # 2026-06-05 is a Friday
    friday, saturday, sunday = ("2026-06-05", "2026-06-06", "2026-06-07")
    moments = (f"{friday}T02:00Z", f"{friday}T23:00Z", f"{saturday}T02:00Z", f"{saturday}T04:00Z")
    assert opened("Fri 22:00-04:00", *moments) == [False, True, True, False]
    assert opened("Fri 22:00-04:00", f"{saturday}T23:00Z", f"{sunday}T02:00Z") == [False, False]


def test_days_go_round_the_end_of_the_week():
    assert MaintenanceWindow.parse("Sat-Mon 01:00-02:00").days == {5, 6, 0}
    assert MaintenanceWindow.parse("Mon,Wed-Thu 01:00-02:00").days == {0, 2, 3}


def test_a_window_from_midnight_to_midnight_is_always_open():
    assert opened("00:00-24:00", "2026-06-01T00:00Z", "2026-06-01T23:59:59Z") == [True, True]


def test_the_zone_decides_which_day_it_is():
    # Monday 23:30 in UTC is Tuesday 01:30 in Berlin
    assert opened("Tue 01:00-02:00 Europe/Berlin", "2026-06-01T23:30Z") == [True]
    assert opened("Tue 01:00-02:00", "2026-06-01T23:30Z") == [False]


def test_a_window_in_the_hour_that_is_skipped_does_not_open_that_night():
    # on 2026-03-29 clocks in Berlin go from 02:00 to 03:00, at 01:00 UTC
    window = MaintenanceWindow.parse("02:00-03:00 Europe/Berlin")
    night = datetime(2026, 3, 29, tzinfo=UTC)
    assert not any(window.is_open(night + timedelta(minutes=m)) for m in range(0, 180, 5))


def test_a_window_over_the_skipped_hour_is_shorter():
    assert opened(
        "01:30-03:30 Europe/Berlin",
        "2026-03-29T00:29Z",
        "2026-03-29T00:30Z",
        "2026-03-29T01:29Z",
        "2026-03-29T01:30Z",
    ) == [False, True, True, False]


def test_a_window_in_the_hour_that_comes_twice_is_open_twice():
    # on 2026-10-25 clocks in Berlin go from 03:00 to 02:00, at 01:00 UTC
    window = MaintenanceWindow.parse("02:00-03:00 Europe/Berlin")
    night = datetime(2026, 10, 25, tzinfo=UTC)
    open_minutes = [m for m in range(180) if window.is_open(night + timedelta(minutes=m))]
    assert open_minutes == list(range(120))


def test_without_windows_it_is_always_open_and_with_several_one_is_enough():
    windows = tuple(map(MaintenanceWindow.parse, ("01:00-02:00", "12:00-13:00")))
    noon = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
    assert is_open((), noon)
    assert is_open(windows, noon)
    assert not is_open(windows, noon + timedelta(hours=1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "22:00",
        "Mon 22:00-25:00",
        "Mon 24:00-04:00",
        "Mo 22:00-04:00",
        "mon 22:00-04:00",
        "Mon 22:00-04:00 Mars/Base",
        "Mon 22:00-04:00 ../../etc/passwd",
        "Mon 22:00-04:00 /etc/localtime",
    ],
)
def test_what_is_no_window_is_refused_in_one_sentence(text):
    with pytest.raises(ValueError, match=r"^expected a (window|time zone)"):
        MaintenanceWindow.parse(text)


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns"]),
)
def test_a_window_reads_back_as_it_was_written(days, start, end, zone):
    minute = {"second": 0, "microsecond": 0, "fold": 0}
    window = MaintenanceWindow(frozenset(days), start.replace(**minute), end.replace(**minute), zone)
    assert MaintenanceWindow.parse(str(window)) == window
