"""Notes above a chart: in the window, in rows, at the edges on the inner side."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.web.charts.notes import MOST_ROWS, Note, drawn, placed
from app.web.charts.svg import Chart, plot
from tests.web.charts.drawing import NOW, YEAR, elements, line, parsed


def note(at: int, text: str = "bookworm → trixie") -> Note:
    """A move to another release line."""
    return Note(at, "switch", text, "→ trixie")


def test_a_note_is_a_line_and_two_labels() -> None:
    """The long label for wide screens, the short one for phones; CSS shows one of them."""
    drawing = plot(Chart("Sizes", (line("a", 10**6),), NOW - YEAR, NOW, notes=(note(NOW - YEAR // 2),)))
    assert drawing is not None
    root = parsed(drawing)
    (group,) = [one for one in elements(root, "g") if one.get("class") == "note-switch"]
    assert [(text.get("class"), text.text) for text in elements(group, "text")] == [
        ("full", "bookworm → trixie"),
        ("short", "→ trixie"),
    ]
    assert elements(group, "line")[0].get("x1") == "50%"


def test_only_the_window_counts() -> None:
    """What was before it or at its very start is no news; its end is."""
    found = placed([note(-5), note(0), note(50), note(100), note(101)], 0, 100)
    assert [one.note.at for one in found] == [50, 100]


def test_labels_turn_inwards_at_the_edges() -> None:
    """None leaves the chart."""
    found = drawn(placed([note(1), note(50), note(99)], 0, 100))
    sides = [text.get("class") for text in elements(parsed(f"<svg>{found}</svg>"), "text")][::2]
    assert sides == ["full from", "full", "full upto"]


def test_where_there_is_no_room_the_line_stands_alone() -> None:
    """A third move on the same day keeps its line and loses its label."""
    found = placed([note(50), note(50), note(50)], 0, 100)
    assert [one.row for one in found] == [0, 1, None]
    assert len(elements(parsed(f"<svg>{drawn(found)}</svg>"), "text")) == 4


@given(st.lists(st.integers(1, 1000), max_size=30))
def test_labels_never_touch(moments: list[int]) -> None:
    """On a phone, where a label takes most of the width, those in one row keep their distance."""
    found = placed([note(at) for at in moments], 0, 1000)
    assert [one.share for one in found] == sorted(one.share for one in found)
    for row in range(MOST_ROWS):
        shares = [one.share for one in found if one.row == row]
        assert all(right - left > 0.09 for left, right in pairwise(shares))


def test_hostile_labels_are_text() -> None:
    """A tag's name is in the label: markup in it stays text."""
    hostile = note(50, "</text><script>alert(1)</script>")
    root = parsed(f"<svg>{drawn(placed([hostile], 0, 100))}</svg>")
    assert elements(root, "script") == []
    assert elements(root, "text")[0].text == hostile.label
