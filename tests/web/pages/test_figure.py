"""From a history to steps: where a line has gaps."""

from datetime import UTC, datetime, timedelta

import pytest

from app.history.series import Point, SeriesHistory, TagEventRow, TagHistory
from app.models import Origin, TagEventKind
from app.web.charts.geometry import Step
from app.web.pages.figure import View, chart_of, known_until, ordered, steps_of, table_of
from app.web.pages.words import duration_text, known_from
from app.web.release_lines import switches

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(days: int) -> datetime:
    """So many days after the start."""
    return START + timedelta(days=days)


def series(*points: tuple[int, int | None], platform: str = "linux/amd64", dropped: int | None = None) -> SeriesHistory:
    """A series with builds on these days."""
    builds = tuple(Point(number, at(day), amount, "sha256:x") for number, (day, amount) in enumerate(points, start=1))
    return SeriesHistory(platform, at(points[0][0]), None if dropped is None else at(dropped), builds)


def event(day: int, kind: TagEventKind, platform: str | None = None) -> TagEventRow:
    """An event on a day."""
    return TagEventRow(at(day), kind, None, platform)


def known(steps: tuple[Step, ...]) -> list[tuple[int, int | None, int | None]]:
    """Steps as (day, bytes, build)."""
    return [(int(step.at - START.timestamp()) // 86_400, step.compressed_bytes, step.build_id) for step in steps]


def test_a_tag_that_was_gone_leaves_a_gap() -> None:
    """From GONE to RETURNED nothing is drawn; then the build in force goes on."""
    events = [event(0, TagEventKind.SEEN), event(10, TagEventKind.GONE), event(20, TagEventKind.RETURNED)]
    assert known(steps_of(series((0, 5)), events)) == [(0, 5, 1), (10, None, None), (20, 5, 1)]


def test_a_dropped_platform_ends_even_if_the_tag_moves_on() -> None:
    """The tag's later moves do not bring a platform back."""
    events = [event(10, TagEventKind.PLATFORM_DROPPED, "linux/amd64"), event(15, TagEventKind.MOVED)]
    assert known(steps_of(series((0, 5), dropped=10), events)) == [(0, 5, 1), (10, None, None)]


def test_a_platform_that_returns_goes_on() -> None:
    """Dropped and back with a new build in the same look: one step, no flicker of the old value."""
    events = [
        event(10, TagEventKind.PLATFORM_DROPPED, "linux/amd64"),
        event(20, TagEventKind.PLATFORM_RETURNED, "linux/amd64"),
    ]
    assert known(steps_of(series((0, 5), (20, 7)), events)) == [(0, 5, 1), (10, None, None), (20, 7, 2)]


def test_other_platforms_events_do_not_matter() -> None:
    """What happens to arm64 leaves amd64's line alone."""
    events = [event(10, TagEventKind.PLATFORM_DROPPED, "linux/arm64")]
    assert known(steps_of(series((0, 5)), events)) == [(0, 5, 1)]


def test_pending_builds_are_kept_without_a_value() -> None:
    """The chart can say "size pending" of them, since they carry their build."""
    assert known(steps_of(series((0, 5), (3, None)), [])) == [(0, 5, 1), (3, None, 2)]


def test_platforms_in_the_order_that_people_ask_for() -> None:
    """amd64, arm64, the rest by name, dropped ones last."""
    names = ("linux/s390x", "linux/arm64", "linux/386", "linux/amd64")
    offered = [series((0, 1), platform=name) for name in names]
    dropped = series((0, 1), platform="linux/amd64/v2", dropped=3)
    assert [one.platform for one in ordered([dropped, *offered])] == [
        "linux/amd64",
        "linux/arm64",
        "linux/386",
        "linux/s390x",
        "linux/amd64/v2",
    ]


def test_durations_in_words() -> None:
    """Exact where that is short, else rounded down to a sensible unit."""
    texts = [duration_text(timedelta(seconds=seconds)) for seconds in (0, 1, 90, 3600, 5400, 21_600, 86_400, 100_000)]
    assert texts == ["0 seconds", "1 second", "90 seconds", "1 hour", "90 minutes", "6 hours", "1 day", "27 hours"]


def told(*points: tuple[int, str, str | None]) -> tuple[Point, ...]:
    """Builds on these days, of this origin, from this source."""
    return tuple(
        Point(number, at(day), 5 + number, "sha256:x", origin, source)
        for number, (day, origin, source) in enumerate(points, start=1)
    )


def history(*points: Point, seen: int | None = None, watched: bool = True, checked: int | None = None) -> TagHistory:
    """A tag with one series; `seen`: the day of our first look."""
    return TagHistory(
        image="python",
        full_name="docker.io/library/python",
        tag="3.12-slim",
        watched=watched,
        status="ok",
        error_code=None,
        error_message=None,
        failing_since=None,
        digest=None,
        media_type=None,
        first_seen_at=START,
        checked_at=None if checked is None else at(checked),
        changed_at=None,
        next_check_at=START,
        observed_since=None if seen is None else at(seen),
        series=(SeriesHistory("linux/amd64", START, None, points),),
        events=(),
    )


SIBLINGS = told(
    (0, Origin.SIBLING, "3.12.1-slim-bookworm"),
    (10, Origin.SIBLING, "3.12.2"),
    (20, Origin.SIBLING, "3.12.3-slim-trixie"),
    (30, Origin.IMPORT, "bookworm.csv"),
    (40, Origin.POLL, None),
)


def test_a_move_to_another_release_line_is_found() -> None:
    """Builds that tell no line are passed over, and the name of an imported file is no line."""
    assert [(one.text, one.build_id) for one in switches(SIBLINGS)] == [("bookworm → trixie", 3)]
    assert switches(SIBLINGS[:2]) == switches(SIBLINGS[2:]) == switches(()) == ()


def test_the_first_step_of_an_observed_build_tells_its_line() -> None:
    """Polled builds have no source; the step that made the first layer says what they stand on."""
    step = "# debian.sh --arch 'amd64' out/ 'forky' '@1726000000'"
    polled = Point(9, at(50), 9, "sha256:y", Origin.POLL, None, step)
    assert [one.text for one in switches((*SIBLINGS, polled))] == ["bookworm → trixie", "trixie → forky"]


def test_the_chart_notes_moves_and_the_first_look() -> None:
    """A mark for each, in words; none for the first look where nothing older is known."""
    chart = chart_of(history(*SIBLINGS, seen=40), View("all"), at(60))
    assert [(note.kind, note.label) for note in chart.notes] == [
        ("switch", "bookworm → trixie"),
        ("observed", "watched since 10 Feb 2026"),
    ]
    assert chart.told_until == int(at(40).timestamp())
    alone = chart_of(history(SIBLINGS[-1], seen=40), View("all"), at(60))
    assert (alone.notes, alone.told_until) == ((), alone.start)


def test_without_any_look_all_is_told() -> None:
    """The whole line is drawn as hearsay."""
    chart = chart_of(history(*SIBLINGS[:3], watched=False), View("all"), at(60))
    assert chart.told_until == chart.end


@pytest.mark.parametrize(
    ("watched", "checked", "day"), [(True, 30, 900), (False, None, 40), (False, 500, 500), (False, 20, 40)]
)
def test_an_unwatched_history_ends(watched: bool, checked: int | None, day: int) -> None:
    """Its last values hold until the last look or the last build, not until today; the chart ends soon after."""
    found = history(*SIBLINGS, watched=watched, checked=checked)
    assert known_until(found, at(900)) == at(day)
    chart = chart_of(found, View("3m"), at(900))
    assert at(day).timestamp() <= chart.end <= min(at(day + 4), at(900)).timestamp()


def test_the_table_says_the_same_in_words() -> None:
    """Where each change is known from, and where it moved to another line; not at the window's edge."""
    found = history(*SIBLINGS, seen=40)
    rows = table_of(found, chart_of(found, View("all"), at(60)))
    assert [(row.source, row.switch.text if row.switch else None) for row in rows] == [
        ("seen by Tarewatch", None),
        ("imported from bookworm.csv", None),
        ("from the tag 3.12.3-slim-trixie", "bookworm → trixie"),
        ("from the tag 3.12.2", None),
        ("from the tag 3.12.1-slim-bookworm", None),
    ]
    late = table_of(found, chart_of(found, View("3m"), at(117)))
    assert late[-1].source == "from the tag 3.12.3-slim-trixie"  # in force when the window opens
    assert [row.switch for row in late] == [None] * len(late)


def test_every_origin_has_words() -> None:
    """With a source and without; a new kind of origin is not lost."""
    texts = {known_from(origin, source) for origin in Origin for source in (None, "x")}
    assert len(texts) == 7
    assert not texts & set(Origin)
    assert known_from("another", None) == "another"
