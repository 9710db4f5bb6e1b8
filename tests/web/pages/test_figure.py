"""From a history to steps: where a line has gaps."""

from datetime import UTC, datetime, timedelta

from app.history.series import Point, SeriesHistory, TagEventRow
from app.models import TagEventKind
from app.web.charts.geometry import Step
from app.web.pages.figure import ordered, steps_of
from app.web.pages.words import duration_text

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
