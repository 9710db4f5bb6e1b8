"""The charts as SVG markup: percent coordinates outside, a stretched inner drawing with non-scaling strokes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from app.web.charts.geometry import Frame, Line, Step, path, value_range
from app.web.charts.notes import Note, Placed, drawn, placed
from app.web.charts.scale import ByteAxis, Tick, byte_axis, spread, time_ticks
from app.web.charts.units import Unit

HUES = 6  # static/app.css has as many; from the seventh line on they repeat, dashed
MOST_COLOURED = 8  # beyond it every line is grey except the chosen ones
SPARK_WIDTH, SPARK_HEIGHT = 100, 28
_SPARK_MARGIN = 3

# Markup.format escapes what it fills in.
_PLOT = Markup(
    '<svg class="plot" role="group" aria-labelledby="plot-title"><title id="plot-title">{title}</title>'
    '<g class="grid-x">{times}</g><g class="grid-y">{values}</g>'
    '<g class="notes">{notes}</g>'
    '<svg class="lines" viewBox="0 0 {width} {height}" preserveAspectRatio="none">{paths}</svg>'
    '<g class="ends">{ends}</g></svg>'
)
_TIME_TICK = Markup(
    '<line x1="{0}" x2="{0}" y1="0" y2="100%"/><text class="{1}" x="{0}" y="100%" dy="1.6em">{2}</text>'
)
_BYTE_TICK = Markup('<line x1="0" x2="100%" y1="{0}" y2="{0}"/><text x="0" y="{0}" dx="-.6em" dy=".32em">{1}</text>')
_PATH = Markup('<path class="line {}" data-line="{}" d="{}"/>')
_END = Markup('<circle class="{}" data-line="{}" r="3.5" cx="100%" cy="{}"/>')
_SPARK = Markup(
    '<svg class="spark" viewBox="0 0 {0} {1}" width="{0}" height="{1}" preserveAspectRatio="none" aria-hidden="true">'
    '<path d="{2}"/></svg>'
)


@dataclass(frozen=True, slots=True)
class Chart:
    """What a step chart shows: lines over a window of epoch seconds; `emphasised` labels stand out among many.

    `observed_from`: what lies before is known from others only, and drawn as such; None: all is our own.
    """

    title: str
    lines: tuple[Line, ...]
    start: int
    end: int
    unit: Unit = Unit.MB
    zero_based: bool = False
    emphasised: frozenset[str] = frozenset()
    observed_from: int | None = None
    notes: tuple[Note, ...] = ()

    @property
    def told_until(self) -> int:
        """Where in the window our own observations begin: its start if all are ours, its end if none is."""
        return self.start if self.observed_from is None else min(max(self.observed_from, self.start), self.end)

    @property
    def placed_notes(self) -> tuple[Placed, ...]:
        """The notes that lie in the window."""
        return placed(self.notes, self.start, self.end)

    @property
    def note_rows(self) -> int:
        """How many rows of labels stand above the plot."""
        return max((one.row + 1 for one in self.placed_notes if one.row is not None), default=0)

    @property
    def axis(self) -> ByteAxis | None:
        """The byte axis of the shown lines; None when no size is known in the window."""
        extent = value_range(self.lines, self.start, self.end)
        return None if extent is None else byte_axis(*extent, zero_based=self.zero_based, unit=self.unit)

    def frame(self, axis: ByteAxis) -> Frame:
        """The frame that all lines are drawn in."""
        return Frame(self.start, self.end, axis.bottom, axis.top)

    def line_class(self, index: int) -> str:
        """The class of a line: its hue, dashed from the seventh on, muted where too many are shown."""
        muted = len(self.lines) > MOST_COLOURED and self.lines[index].label not in self.emphasised
        return f"s{index % HUES + 1}" + (" dashed" if index >= HUES else "") + (" muted" if muted else "")


def plot(chart: Chart) -> Markup | None:
    """The chart's `<svg class="plot">`, to be sized by CSS; None when there is nothing to draw."""
    axis = chart.axis
    if axis is None:
        return None
    frame = chart.frame(axis)
    return _PLOT.format(
        title=chart.title,
        times=_time_grid(time_ticks(chart.start, chart.end)),
        values=_byte_grid(axis.ticks),
        notes=drawn(chart.placed_notes),
        width=frame.width,
        height=frame.height,
        paths=_paths(chart, frame),
        ends=_ends(chart, frame),
    )


def _time_grid(ticks: Sequence[Tick]) -> Markup:
    return _joined(
        _TIME_TICK.format(_percent(tick.share), "crowded" if index % 2 else "", tick.label)
        for index, tick in enumerate(ticks)
    )


def _byte_grid(ticks: Sequence[Tick]) -> Markup:
    return _joined(_BYTE_TICK.format(_percent(1 - tick.share), tick.label) for tick in ticks)


def _paths(chart: Chart, frame: Frame) -> Markup:
    """Each line in up to two parts that meet: what others tell of it, and what we saw ourselves."""
    told = chart.told_until
    return _joined(
        _PATH.format(chart.line_class(index) + extra, index, path(line.steps, frame, since, until))
        for index, line in _from_behind(chart)
        for since, until, extra in ((chart.start, told, " told"), (told, chart.end, ""))
        if since < until
    )


def _from_behind(chart: Chart) -> list[tuple[int, Line]]:
    """The shown lines in the order of drawing: the first of the chart comes last, on top."""
    return [(index, line) for index, line in enumerate(chart.lines) if line.shown][::-1]


def _ends(chart: Chart, frame: Frame) -> Markup:
    """A dot at the newest value: without it a history of minutes would be invisible."""
    newest = [(index, _last_value(line, chart.end)) for index, line in _from_behind(chart)]
    extra = " told" if chart.told_until == chart.end else ""
    return _joined(
        _END.format(chart.line_class(index) + extra, index, _percent(frame.y(value) / frame.height))
        for index, value in newest
        if value is not None
    )


def _last_value(line: Line, end: int) -> int | None:
    known = [step for step in line.steps if step.at <= end]
    return known[-1].compressed_bytes if known else None


def _percent(share: float) -> str:
    return f"{math.floor(share * 10_000 + 0.5) / 100:g}%"


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)


def sparkline(steps: Sequence[Step], start: int, end: int) -> Markup:
    """One small path without axes, decoration beside the number; "" when no size is known."""
    extent = value_range([Line("", tuple(steps))], start, end)
    if extent is None:
        return Markup("")
    bottom, top = spread(*extent)
    margin = (top - bottom) * _SPARK_MARGIN / (SPARK_HEIGHT - 2 * _SPARK_MARGIN)
    frame = Frame(start, end, bottom - margin, top + margin, SPARK_WIDTH, SPARK_HEIGHT)
    return _SPARK.format(SPARK_WIDTH, SPARK_HEIGHT, path(steps, frame))
