"""From a tag's history to the chart that is drawn of it, and to the table that says the same in words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from app.history.series import SeriesHistory, TagEventRow, TagHistory
from app.models import TagEventKind
from app.web.charts.geometry import Line, Step, clipped
from app.web.charts.notes import Note
from app.web.charts.svg import MOST_COLOURED, Chart
from app.web.charts.units import Unit
from app.web.pages.words import day_text, known_from
from app.web.release_lines import Switch, switches

Range = Literal["3m", "6m", "1y", "3y", "all"]
_DAYS: dict[Range, int] = {"3m": 91, "6m": 182, "1y": 365, "3y": 1096}
_LEAST_WINDOW = timedelta(days=7)
_LEAST_TREAD = timedelta(days=1)
_TREAD = 0.03  # of the window: how far the last known value of an unwatched tag is drawn
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
    """A change in words; bytes None: pending with a build, not offered without. `before`: the last known value.

    `switch`: with it the tag moved to another release line. `source`: where it is known from.
    """

    at: datetime
    platform: str
    compressed_bytes: int | None
    before: int | None
    build_id: int | None
    source: str
    switch: Switch | None


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
    start, end = _window(lines, view.range, known_until(history, now), now)
    began = _observations_begin(history, lines)
    return Chart(
        title=f"Compressed size of {history.image}:{history.tag} over time",
        lines=lines,
        start=start,
        end=end,
        unit=view.unit,
        zero_based=view.zero_based,
        emphasised=shown if len(shown) < MOST_COLOURED else frozenset(_FIRST_PLATFORMS),
        observed_from=end if history.observed_since is None else began,
        notes=tuple(_notes(history, began)),
    )


def known_until(history: TagHistory, now: datetime) -> datetime:
    """Until when the last values hold for sure: of a tag that nobody watches, its last look or its last build."""
    if history.watched:
        return now
    last = [one.points[-1].at for one in history.series if one.points]
    return min(now, max([*last, *([history.checked_at] if history.checked_at else [])], default=now))


def _window(lines: Sequence[Line], wanted: Range, until: datetime, now: datetime) -> tuple[int, int]:
    first = min((line.steps[0].at for line in lines if line.steps), default=int(until.timestamp()))
    born = min(datetime.fromtimestamp(first, UTC), until - _LEAST_WINDOW)
    start = max(born, until - timedelta(days=_DAYS[wanted])) if wanted in _DAYS else born
    end = min(now, until + max(_LEAST_TREAD, (until - start) * _TREAD))
    return int(start.timestamp()), int(end.timestamp())


def _observations_begin(history: TagHistory, lines: Iterable[Line]) -> int | None:
    """When our own looks began; None where that is no news: nothing older is known, or we never looked."""
    if history.observed_since is None:
        return None
    began = int(history.observed_since.timestamp())
    return began if any(step.at < began for line in lines for step in line.steps) else None


def _notes(history: TagHistory, began: int | None) -> Iterator[Note]:
    """Moves to other release lines, and where our own looks began."""
    for switch in release_switches(history):
        yield Note(int(switch.at.timestamp()), "switch", switch.text, f"\u2192 {switch.after}")
    if began is not None:
        yield Note(began, "observed", f"watched since {day_text(datetime.fromtimestamp(began, UTC))}", "watched")


def release_switches(history: TagHistory) -> tuple[Switch, ...]:
    """The moves that stand for the tag: those of the first platform that made any; others follow within days."""
    return next(filter(None, (switches(one.points) for one in ordered(history.series))), ())


def steps_of(series: SeriesHistory, events: Iterable[TagEventRow]) -> tuple[Step, ...]:
    """The builds of a series as steps, with gaps where the tag was gone or the platform not offered."""
    builds = [
        Step(
            int(point.at.timestamp()),
            point.compressed_bytes,
            point.build_id,
            known_from(point.origin, point.source),
        )
        for point in series.points
    ]
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
                yield replace(last, at=at) if offered else Step(at, None)


def table_of(history: TagHistory, chart: Chart) -> list[TableRow]:
    """The shown lines' changes inside the window, newest first."""
    moved = {switch.build_id: switch for one in history.series for switch in switches(one.points)}
    rows = [row for line in chart.lines if line.shown for row in _rows(line, chart, moved)]
    return sorted(rows, key=lambda row: (row.at, row.platform), reverse=True)


def _rows(line: Line, chart: Chart, moved: Mapping[int, Switch]) -> Iterator[TableRow]:
    before = None
    for step in clipped(line.steps, chart.start, chart.end):
        at = datetime.fromtimestamp(step.at, UTC)
        switch = moved.get(step.build_id or 0) if step.at > chart.start else None
        yield TableRow(at, line.label, step.compressed_bytes, before, step.build_id, step.source, switch)
        before = step.compressed_bytes if step.compressed_bytes is not None else before
