"""Paths: steps only, gaps where nothing is known, integers throughout."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.web.charts.geometry import Frame, Line, Step, path, value_range
from tests.web.charts.drawing import strokes

FRAME = Frame(start=0, end=100, bottom=0, top=40, width=100, height=40)


def test_a_value_holds_until_the_next() -> None:
    """A change is vertical, everything else horizontal, and the last value runs to the window's end."""
    assert path([Step(10, 10), Step(30, 25)], FRAME) == "M10 30h20v-15h70"


def test_what_held_before_the_window_enters_from_its_edge() -> None:
    """The value at the start is that of the last step before it."""
    assert path([Step(-50, 5), Step(-10, 20), Step(50, 30)], FRAME) == "M0 20h50v-10h50"


def test_unknown_values_lift_the_pen() -> None:
    """A pending size or a gone tag is a gap, not a value and not a bridge."""
    drawn = strokes(path([Step(10, 10), Step(30, None), Step(60, 20), Step(80, None)], FRAME))
    assert drawn == [[(10, 30), (30, 30)], [(60, 20), (80, 20)]]


def test_equal_neighbours_add_nothing() -> None:
    """A rebuild of the same size costs no bytes in the page."""
    assert path([Step(0, 10), Step(20, 10), Step(40, 10)], FRAME) == "M0 30h100"


def test_a_series_seen_this_moment_still_leaves_a_dot() -> None:
    """A stroke of no length is drawn by its round cap."""
    assert path([Step(100, 10)], FRAME) == "M100 30h0"


def test_nothing_known_draws_nothing() -> None:
    """Steps after the window, unknown values, or none at all."""
    assert path([], FRAME) == path([Step(500, 10)], FRAME) == path([Step(-5, None)], FRAME) == ""


steps = st.lists(st.tuples(st.integers(-50, 120), st.none() | st.integers(0, 40)), max_size=40).map(
    lambda found: [Step(at, value) for at, value in sorted(found, key=lambda one: one[0])]
)


@given(steps)
def test_the_drawing_says_what_held(given_steps: list[Step]) -> None:
    """At every moment between changes the line is at the value in force, or lifted where none is known."""
    drawn = strokes(path(given_steps, FRAME))
    level = [(x0, x1, y) for stroke in drawn for (x0, y), (x1, y1) in pairwise(stroke) if y == y1]
    moments = {step.at for step in given_steps}
    for at in (moment for moment in range(1, 100) if moment not in moments):
        held = [step for step in given_steps if step.at < at]
        wanted = held[-1].compressed_bytes if held else None
        assert {40 - y for x0, x1, y in level if x0 < at < x1} == (set() if wanted is None else {wanted})


@given(steps, st.integers(0, 100))
def test_two_parts_join_to_the_whole(given_steps: list[Step], border: int) -> None:
    """Cut anywhere, the parts draw what the whole draws: no gap, nothing twice, nothing else."""
    whole, parts = (
        path(given_steps, FRAME),
        [path(given_steps, FRAME, 0, border), path(given_steps, FRAME, border, 100)],
    )

    def level(drawn: list[str]) -> set[tuple[int, int]]:
        strokes_of = [stroke for one in drawn for stroke in strokes(one)]
        return {(x, y) for s in strokes_of for (x0, y), (x1, y1) in pairwise(s) if y == y1 for x in range(x0, x1)}

    assert level(parts) == level([whole])


def test_only_shown_lines_in_the_window_stretch_the_axis() -> None:
    """Switching a line off rescales; a peak before the window does not count."""
    lines = [
        Line("a", (Step(-90, 99), Step(-80, 10), Step(50, 20))),
        Line("b", (Step(0, 1000),), shown=False),
        Line("c", (Step(10, None),)),
    ]
    assert value_range(lines, 0, 100) == (10, 20)
    assert value_range(lines[2:], 0, 100) is None
