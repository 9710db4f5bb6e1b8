"""From steps to SVG paths. Only changes are drawn: a value holds until the next. static/chart.js repeats `path`."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` (epoch seconds) on, a line has this value. None leaves a gap: with a build, its size is still
    pending; without one, the tag or the platform was gone. `source` says in words where that is known from."""

    at: int
    compressed_bytes: int | None
    build_id: int | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart, its steps in order of time."""

    label: str
    steps: tuple[Step, ...]
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Frame:
    """What the drawing covers: a window of time (epoch seconds), a range of bytes, and its size in user units."""

    start: int
    end: int
    bottom: float
    top: float
    width: int = 10_000
    height: int = 4_000

    def x(self, at: int) -> int:
        """The column of a moment. Floats throughout, so that the browser's arithmetic gives the same integer."""
        return math.floor(float(at - self.start) * self.width / float(self.end - self.start) + 0.5)

    def y(self, compressed_bytes: int) -> int:
        """The row of a value, 0 at the top."""
        return math.floor((self.top - float(compressed_bytes)) * self.height / (self.top - self.bottom) + 0.5)


def clipped(steps: Sequence[Step], start: int, end: int) -> Iterator[Step]:
    """The steps of a window; what held when it opened comes first, moved to its start."""
    carried = None
    for step in steps:
        if step.at <= start:
            carried = step
            continue
        if carried is not None:
            yield replace(carried, at=start)
            carried = None
        if step.at > end:
            return
        yield step
    if carried is not None:
        yield replace(carried, at=start)


def path(steps: Sequence[Step], frame: Frame, since: int | None = None, until: int | None = None) -> str:
    """The step line as relative integer commands, "M0 1200h500v-40h9500"; a gap lifts the pen. "" if never seen.

    `since` and `until` draw a part of the frame's window only; two parts that meet join to the whole line.
    """
    begin, end = frame.start if since is None else since, frame.end if until is None else until
    parts: list[str] = []
    pen: tuple[int, int] | None = None
    for step in clipped(steps, begin, end):
        x, y = frame.x(step.at), None if step.compressed_bytes is None else frame.y(step.compressed_bytes)
        if pen is not None and y == pen[1]:
            continue
        if pen is not None and (x > pen[0] or parts[-1][0] == "M"):
            parts.append(f"h{x - pen[0]}")
        if y is not None:
            parts.append(f"M{x} {y}" if pen is None else f"v{y - pen[1]}")
        pen = None if y is None else (x, y)
    if pen is not None:
        parts.append(f"h{frame.x(end) - pen[0]}")
    return "".join(parts)


def value_range(lines: Iterable[Line], start: int, end: int) -> tuple[int, int] | None:
    """The lowest and highest value that shown lines have in a window; None without any."""
    values = [
        step.compressed_bytes
        for line in lines
        if line.shown
        for step in clipped(line.steps, start, end)
        if step.compressed_bytes is not None
    ]
    return (min(values), max(values)) if values else None
