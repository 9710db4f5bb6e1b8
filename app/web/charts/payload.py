"""What static/chart.js needs of a chart: change points as deltas, in JSON that is inert inside a script element."""

from collections.abc import Iterable, Iterator, Mapping

import orjson
from markupsafe import Markup

from app.web.charts.geometry import Line, Step
from app.web.charts.svg import Chart

_INERT = {code: f"\\u{code:04x}" for code in map(ord, "<>&\u2028\u2029")}


def payload(chart: Chart) -> Markup:
    """`{"start", "end", "told", "unit", "zero", "sources", "lines": [{"label", "class", "shown", "t", "bytes", "build",
    "from"}]}`.

    t, bytes and build are deltas to the previous entry that is not null, the first one to 0. `told` is where our own
    observations begin. `from` are indexes into `sources`, or one alone where it is the same for a whole line.
    """
    numbers = {step.source: 0 for line in chart.lines for step in line.steps}
    numbers = {source: number for number, source in enumerate(numbers)}
    document = {
        "start": chart.start,
        "end": chart.end,
        "told": chart.told_until,
        "unit": chart.unit.value,
        "zero": chart.zero_based,
        "sources": list(numbers),
        "lines": [_line(chart, index, numbers) for index in range(len(chart.lines))],
    }
    return script_json(document)


def script_json(document: object) -> Markup:
    """JSON for `<script type="application/json">`: no registry's text can end the element."""
    return Markup(orjson.dumps(document).decode().translate(_INERT))  # noqa: S704 - made inert here


def _line(chart: Chart, index: int, numbers: Mapping[str, int]) -> dict[str, object]:
    line: Line = chart.lines[index]
    steps: tuple[Step, ...] = line.steps
    sources = [numbers[step.source] for step in steps]
    return {
        "label": line.label,
        "class": chart.line_class(index),
        "shown": line.shown,
        "t": list(deltas(step.at for step in steps)),
        "bytes": list(deltas(step.compressed_bytes for step in steps)),
        "build": list(deltas(step.build_id for step in steps)),
        "from": sources if len(set(sources)) > 1 else sources[:1],
    }


def deltas(values: Iterable[int | None]) -> Iterator[int | None]:
    """Each value less the one before, None kept and passed over."""
    before = 0
    for value in values:
        if value is None:
            yield None
            continue
        yield value - before
        before = value
