"""The drawn charts, read back as XML."""

import json

import pytest

from app.web.charts.geometry import Line, Step
from app.web.charts.payload import deltas, payload, script_json
from app.web.charts.standalone import Theme, standalone
from app.web.charts.svg import SPARK_HEIGHT, Chart, plot, sparkline
from tests.web.charts.drawing import NOW, YEAR, elements, line, parsed, strokes

HOSTILE = "</script><script>alert(1)</script>\"'&\u2028"


def chart(*lines: object, **options: object) -> Chart:
    """A chart of the last year."""
    return Chart("Sizes", tuple(lines), NOW - YEAR, NOW, **options)  # type: ignore[arg-type]


def test_one_path_per_shown_line() -> None:
    """Hidden lines are left out; each path is integer steps inside the frame."""
    drawn = plot(chart(line("a", 10**6, 2 * 10**6), line("b", 3 * 10**6), line("c", 9 * 10**6, shown=False)))
    assert drawn is not None
    paths = elements(parsed(drawn), "path")
    assert [element.get("data-line") for element in paths] == ["1", "0"]
    for element in paths:
        for x, y in (point for stroke in strokes(element.get("d", "")) for point in stroke):
            assert 0 <= x <= 10_000
            assert 0 <= y <= 4_000


def test_everything_outside_the_lines_is_in_percent() -> None:
    """The chart is fluid without script or inline style: labels and grid carry no pixel positions."""
    drawn = plot(chart(line("a", 10**6, 2 * 10**6)))
    root = parsed(str(drawn))
    assert "style" not in {key for element in root.iter() for key in element.attrib}
    for tick in elements(root, "line"):
        assert all(tick.get(key, "").endswith("%") or tick.get(key) == "0" for key in ("x1", "x2", "y1", "y2"))


def test_an_unknown_chart_is_none() -> None:
    """Nothing is drawn of sizes that nobody knows yet."""
    assert plot(chart(line("a", None))) is None
    assert sparkline((), NOW - YEAR, NOW) == ""


def test_a_dot_ends_every_line_that_is_still_offered() -> None:
    """A platform that was dropped has no current value."""
    drawn = plot(chart(line("a", 10**6), line("dropped", 10**6, None)))
    assert [dot.get("data-line") for dot in elements(parsed(str(drawn)), "circle")] == ["0"]


def test_the_seventh_line_is_dashed_and_many_are_muted() -> None:
    """Hues repeat with dashes; beyond eight lines only the chosen ones keep their colour."""
    seven = chart(*(line(str(n), 10**6 + n) for n in range(7)))
    nine = chart(*(line(str(n), 10**6 + n) for n in range(9)), emphasised=frozenset({"0"}))
    assert seven.line_class(0) == "s1"
    assert seven.line_class(6) == "s1 dashed"
    assert nine.line_class(0) == "s1"
    assert nine.line_class(1) == "s2 muted"


def test_what_others_tell_is_drawn_apart() -> None:
    """Two parts that meet where our own looks began; a line that only others know ends in a hollow dot."""
    half = NOW - YEAR // 2
    both = parsed(str(plot(chart(line("a", 10**6, 2 * 10**6, 3 * 10**6), observed_from=half))))
    told, seen = elements(both, "path")
    assert (told.get("class"), seen.get("class")) == ("line s1 told", "line s1")
    assert strokes(told.get("d", ""))[-1][-1] == strokes(seen.get("d", ""))[0][0]
    assert [dot.get("class") for dot in elements(both, "circle")] == ["s1"]
    never = parsed(str(plot(chart(line("a", 10**6), observed_from=NOW))))
    assert [one.get("class") for one in elements(never, "path")] == ["line s1 told"]
    assert [dot.get("class") for dot in elements(never, "circle")] == ["s1 told"]
    always = parsed(str(plot(chart(line("a", 10**6), observed_from=NOW - 2 * YEAR))))
    assert [one.get("class") for one in elements(always, "path")] == ["line s1"]


def test_the_payload_names_each_source_once() -> None:
    """Indexes into a list of sources; one alone where a whole line has the same."""
    steps = [Step(NOW - 9 + number, 10**6, number, f"from the tag {number // 2}") for number in range(4)]
    data = json.loads(payload(chart(Line("a", tuple(steps)), Line("b", tuple(steps[2:])), observed_from=NOW - 3)))
    assert data["sources"] == ["from the tag 0", "from the tag 1"]
    assert [one["from"] for one in data["lines"]] == [[0, 0, 1, 1], [1]]
    assert data["told"] == NOW - 3


def test_a_sparkline_of_a_wobble_is_nearly_flat() -> None:
    """0.1 % is at most a tenth of the height."""
    drawn = parsed(sparkline(line("a", 100_000_000, 100_100_000).steps, NOW - YEAR, NOW))
    rows = [y for stroke in strokes(elements(drawn, "path")[0].get("d", "")) for _, y in stroke]
    assert max(rows) - min(rows) <= SPARK_HEIGHT / 10
    assert drawn.get("aria-hidden") == "true"


def test_payload_holds_deltas_that_add_up() -> None:
    """Change points only, as differences; None passes through."""
    data = json.loads(payload(chart(line("a", 5_000_000, None, 5_100_000))))
    assert data["lines"][0]["bytes"] == [5_000_000, None, 100_000]
    assert data["lines"][0]["build"] == [1, 1, 1]
    assert sum(data["lines"][0]["t"][:1]) == NOW - YEAR
    assert list(deltas([None, 4, None, 9])) == [None, 4, None, 5]


def test_hostile_names_are_inert_everywhere() -> None:
    """A label can end neither the script element nor an attribute, and survives as the same text."""
    hostile = chart(line(HOSTILE, 10**6))
    assert not set("<>&\u2028") & set(payload(hostile))
    assert json.loads(payload(hostile))["lines"][0]["label"] == HOSTILE
    assert json.loads(script_json({"a": HOSTILE})) == {"a": HOSTILE}
    named = Chart(HOSTILE, hostile.lines, NOW - YEAR, NOW)
    assert elements(parsed(str(plot(named))), "script") == []
    assert elements(parsed(str(plot(named))), "title")[0].text == HOSTILE
    assert elements(parsed(standalone(named, "auto")), "script") == []


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_a_standalone_chart_brings_its_style(theme: Theme) -> None:
    """The file is well-formed, has a size, and names no address to load anything from."""
    text = standalone(chart(line("linux/amd64", 10**6, 2 * 10**6)), theme)
    root = parsed(text)
    assert (root.get("width"), root.get("height")) == ("960", "420")
    assert "href" not in text
    assert "url(" not in text
    assert ("prefers-color-scheme" in text) == (theme == "auto")
    assert any(element.text == "linux/amd64" for element in elements(root, "text"))


def test_a_standalone_chart_without_sizes_says_so() -> None:
    """No blank picture."""
    assert "No size known yet" in standalone(chart(), "light")
