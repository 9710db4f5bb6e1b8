"""Axes: round numbers, honest spans, calendar ticks."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.charts.scale import byte_axis, time_ticks
from app.web.charts.units import Unit

BYTES = st.integers(min_value=1, max_value=10**12)


@given(low=BYTES, high=BYTES, zero_based=st.booleans(), unit=st.sampled_from(Unit))
def test_axis_holds_its_values(low: int, high: int, zero_based: bool, unit: Unit) -> None:
    """Whatever the values, they lie on the axis, which has 2 to 8 different labels."""
    low, high = sorted((low, high))
    axis = byte_axis(low, high, zero_based=zero_based, unit=unit)
    assert axis.bottom <= low <= high <= axis.top
    assert axis.bottom < axis.top
    assert axis.ticks[0].share == 0.0
    assert axis.ticks[-1].share == 1.0
    assert 2 <= len(axis.ticks) <= 8
    assert len({tick.label for tick in axis.ticks}) == len(axis.ticks)


def test_zero_based_starts_at_zero() -> None:
    """An axis from zero says so in its first label."""
    axis = byte_axis(28_000_000, 31_000_000, zero_based=True, unit=Unit.MB)
    assert [tick.label for tick in axis.ticks] == ["0 MB", "10 MB", "20 MB", "30 MB", "40 MB"]


def test_a_wobble_stays_a_wobble() -> None:
    """A change of 0.1 % takes a tenth of the height at most: the axis spans at least 1 % of the value."""
    axis = byte_axis(100_000_000, 100_100_000, zero_based=False, unit=Unit.MB)
    assert axis.top - axis.bottom >= 1_000_000


def test_mebibytes_get_round_mebibytes() -> None:
    """The unit switch moves the ticks, it does not only rename them."""
    axis = byte_axis(2 * 1024**2, 10 * 1024**2, zero_based=False, unit=Unit.MIB)
    assert [tick.label for tick in axis.ticks] == ["2 MiB", "4 MiB", "6 MiB", "8 MiB", "10 MiB"]


@pytest.mark.parametrize(
    ("begin", "end", "labels"),
    [
        ("2026-08-25T12:00Z", "2026-09-01T12:00Z", ["26 Aug", "27 Aug", "28 Aug", "29 Aug", "30 Aug"]),
        ("2026-06-02T12:00Z", "2026-09-01T12:00Z", ["8 Jun", "22 Jun", "6 Jul", "20 Jul", "3 Aug"]),
        ("2025-09-02T12:00Z", "2026-09-01T12:00Z", ["Nov 2025", "Jan 2026", "Mar", "May", "Jul"]),
        ("2023-09-01T12:00Z", "2026-09-01T12:00Z", ["Jan 2024", "Jul", "Jan 2025", "Jul", "Jan 2026"]),
    ],
)
def test_time_ticks_are_calendar_days(begin: str, end: str, labels: list[str]) -> None:
    """Days, weeks, months and years, each tick where the calendar has it."""
    ticks = time_ticks(*(int(datetime.fromisoformat(text).timestamp()) for text in (begin, end)))
    assert [tick.label for tick in ticks][:5] == labels


@given(start=st.integers(0, 2 * 10**9), days=st.integers(7, 366 * 40))
def test_time_ticks_are_few_and_in_order(start: int, days: int) -> None:
    """From a week to forty years: some ticks, not many, inside the window."""
    ticks = time_ticks(start, start + days * 86_400)
    shares = [tick.share for tick in ticks]
    assert 1 <= len(ticks) <= 8
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
