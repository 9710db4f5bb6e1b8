"""Axes: round byte ticks and their domain, calendar ticks of a time window. static/chart.js repeats `byte_axis`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.web.charts.units import Unit

_STEPS = 4  # about so many gaps between byte ticks
_MOST_TIME_TICKS = 7
_LEAST_SPAN = 0.01  # of the largest value: a wobble of 0.1 % must not fill the chart
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where (0 to 1 along the axis, from the bottom or the left) and what it says."""

    share: float
    label: str


@dataclass(frozen=True, slots=True)
class ByteAxis:
    """The bytes from bottom to top of the chart, with round ticks at both ends and between."""

    bottom: int
    top: int
    ticks: tuple[Tick, ...]


def spread(low: int, high: int) -> tuple[float, float]:
    """The range to show for values between low and high: at least 1 % of the value tall."""
    missing = max(high * _LEAST_SPAN, 1.0) - (high - low)
    return (max(low - missing / 2, 0.0), high + missing / 2) if missing > 0 else (float(low), float(high))


def byte_axis(low: int, high: int, *, zero_based: bool, unit: Unit) -> ByteAxis:
    """An axis that holds low to high, from zero or fitted to them."""
    bottom, top = (0.0, float(max(high, 1))) if zero_based else spread(low, high)
    name, in_bytes = (unit.value, unit.in_bytes) if top * 10 >= unit.in_bytes else unit.smaller
    step, digits = _round_step((top - bottom) / in_bytes / _STEPS)
    first, last = math.floor(bottom / in_bytes / step), math.ceil(top / in_bytes / step)
    ticks = tuple(
        Tick((index - first) / (last - first), f"{index * step:,.{digits}f} {name}") for index in range(first, last + 1)
    )
    return ByteAxis(math.floor(first * step * in_bytes + 0.5), math.floor(last * step * in_bytes + 0.5), ticks)


def _round_step(rough: float) -> tuple[float, int]:
    """The next of 1, 2, 5 x 10^n at or above rough, and the decimals that print it; log10 would differ by platform."""
    power, digits = 1.0, 0
    while power > rough:
        power, digits = power / 10, digits + 1
    while power * 10 <= rough:
        power *= 10
    for factor in (1, 2, 5):
        if factor * power >= rough:
            return factor * power, digits
    return 10 * power, max(digits - 1, 0)


def time_ticks(start: int, end: int) -> tuple[Tick, ...]:
    """Calendar ticks (UTC) of a window in epoch seconds: days, weeks, months or years, 7 at most."""
    begin, finish = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    moments = _moments(begin, finish)
    span = end - start
    by_month = all(moment.day == 1 for moment in moments) and len(moments) > 1
    return tuple(
        Tick((moment.timestamp() - start) / span, _label(moment, by_month=by_month, first=index == 0))
        for index, moment in enumerate(moments)
    )


def _moments(begin: datetime, finish: datetime) -> Sequence[datetime]:
    for days in (1, 2, 7, 14):
        if (finish - begin).days / days <= _MOST_TIME_TICKS:
            return list(_every_days(begin, finish, days))
    months = next(n for n in (1, 2, 3, 6, 12, 24, 60, 120, 1200) if (finish - begin).days / 30.4 / n < _MOST_TIME_TICKS)
    return list(_every_months(begin, finish, months))


def _every_days(begin: datetime, finish: datetime, days: int) -> Iterator[datetime]:
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = midnight + timedelta(days=-(midnight.toordinal() - 1) % days)  # ordinal 1 is a Monday
    while moment <= finish:
        if moment >= begin:
            yield moment
        moment += timedelta(days=days)


def _every_months(begin: datetime, finish: datetime, months: int) -> Iterator[datetime]:
    index = -(-(begin.year * 12 + begin.month - 1) // months) * months
    while (moment := datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)) <= finish:
        if moment >= begin:
            yield moment
        index += months


def _label(moment: datetime, *, by_month: bool, first: bool) -> str:
    month = _MONTHS[moment.month - 1]
    if not by_month:
        return f"{moment.day} {month}"
    return f"{month} {moment.year}" if first or moment.month == 1 else month
