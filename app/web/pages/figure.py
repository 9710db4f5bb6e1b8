"""From a tag's history to the chart that is drawn of it, and to the table that says the same in words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from app.history.series import SeriesHistory, TagEventRow, TagHistory
from app.models import TagEventKind
from app.web.charts.geometry import Line, Step, clipped
from app.web.charts.svg import MOST_COLOURED, Chart
from app.web.charts.units import Unit

Range = Literal["3m", "6m", "1y", "3y", "all"]
_DAYS: dict[Range, int] = {"3m": 91, "6m": 182, "1y": 365, "3y": 1096}
_LEAST_WINDOW = timedelta(days=7)
_FIRST_PLATFORMS = ("linux/amd64", "linux/arm64")
_ABSENCE = {TagEventKind.GONE, TagEventKind.PLATFORM_DROPPED}


@dataclass(frozen=True, slots=True)
class View:
    """How a reader wants the chart: `platforms` empty means all."""

    range: Range = "1y"
    platforms: tuple[str, ...] = ()
    unit: Unit = Unit.MB
    zero_based: bool = False


@dataclass(frozen=True, slots=True)
class TableRow:
    """A change in words; bytes None: pending with a build, not offered without. `before`: the last known value."""

    at: datetime
    platform: str
    compressed_bytes: int | None
    before: int | None
    build_id: int | None


def ordered(series: Iterable[SeriesHistory]) -> list[SeriesHistory]:
    """linux/amd64 and linux/arm64 first, what is no longer offered last, the rest by name."""
    return sorted(series, key=lambda one: (one.dropped_at is not None, _rank(one.platform), one.platform))


def _rank(platform: str) -> int:
    return _FIRST_PLATFORMS.index(platform) if platform in _FIRST_PLATFORMS else len(_FIRST_PLATFORMS)


def chart_of(history: TagHistory, view: View, now: datetime) -> Chart:
    """The chart of a tag's platforms; the window starts with the first build where that is later than the range."""
    series = ordered(history.series)
    lines = tuple(
        Line(one.platform, steps_of(one, history.events), not view.platforms or one.platform in view.platforms)
        for one in series
    )
    shown = frozenset(line.label for line in lines if line.shown)
    return Chart(
        title=f"Compressed size of {history.image}:{history.tag} over time",
        lines=lines,
        start=int(_window_start(lines, view.range, now).timestamp()),
        end=int(now.timestamp()),
        unit=view.unit,
        zero_based=view.zero_based,
        emphasised=shown if len(shown) < MOST_COLOURED else frozenset(_FIRST_PLATFORMS),
    )


def _window_start(lines: Sequence[Line], wanted: Range, now: datetime) -> datetime:
    first = min((line.steps[0].at for line in lines if line.steps), default=int(now.timestamp()))
    born = min(datetime.fromtimestamp(first, UTC), now - _LEAST_WINDOW)
    return max(born, now - timedelta(days=_DAYS[wanted])) if wanted in _DAYS else born


def steps_of(series: SeriesHistory, events: Iterable[TagEventRow]) -> tuple[Step, ...]:
    """The builds of a series as steps, with gaps where the tag was gone or the platform not offered."""
    builds = [Step(int(point.at.timestamp()), point.compressed_bytes, point.build_id) for point in series.points]
    merged = _merged(builds, _presence(series, events))
    return tuple({step.at: step for step in merged}.values())  # of several in one second the last holds


def _presence(series: SeriesHistory, events: Iterable[TagEventRow]) -> Iterator[tuple[int, bool]]:
    """Whether the series is offered from a moment on: the tag must be there, and the platform in it."""
    changes = [
        (int(event.at.timestamp()), event.platform is None, event.kind not in _ABSENCE)
        for event in events
        if event.platform in (None, series.platform)
    ]
    if series.dropped_at:
        changes.append((int(series.dropped_at.timestamp()), False, False))
    tag_there = platform_there = True
    for at, of_tag, there in sorted(changes, key=lambda change: change[0]):
        tag_there, platform_there = (there, platform_there) if of_tag else (tag_there, there)
        yield at, tag_there and platform_there


def _merged(builds: Iterable[Step], presence: Iterable[tuple[int, bool]]) -> Iterator[Step]:
    """Presence goes before builds of the same second: a return and its build come together."""
    changes: list[tuple[int, Step | bool]] = [(step.at, step) for step in builds]
    changes += presence
    last, offered = None, True
    for at, change in sorted(changes, key=lambda change: (change[0], isinstance(change[1], Step))):
        if isinstance(change, Step):
            last = change
            if offered:
                yield change
        elif change != offered:
            offered = change
            if last is not None:
                yield Step(at, last.compressed_bytes, last.build_id) if offered else Step(at, None)


def table_of(chart: Chart) -> list[TableRow]:
    """The shown lines' changes inside the window, newest first."""
    rows = [row for line in chart.lines if line.shown for row in _rows(line, chart)]
    return sorted(rows, key=lambda row: (row.at, row.platform), reverse=True)


def _rows(line: Line, chart: Chart) -> Iterator[TableRow]:
    before = None
    for step in clipped(line.steps, chart.start, chart.end):
        at = datetime.fromtimestamp(step.at, UTC)
        yield TableRow(at, line.label, step.compressed_bytes, before, step.build_id)
        before = step.compressed_bytes if step.compressed_bytes is not None else before
