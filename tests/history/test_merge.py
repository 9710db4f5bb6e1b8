"""What others tell beside what we know: in its place, once, and never against what we saw."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import process_time

from hypothesis import given
from hypothesis import strategies as st

from app.history.merge import Fact, Fate, Run, Timeline, observed_from

START = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = 1, 2, 3


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def run(manifest_id: int, at: float) -> Run:
    return Run(100 + manifest_id, manifest_id, day(at))


def told(*facts: tuple[int, float], push: bool = False) -> list[Fact]:
    return [
        Fact(number, day(at), manifest, push, day(at) if push else None) for number, (manifest, at) in enumerate(facts)
    ]


def course(timeline: Timeline) -> list[tuple[int, float]]:
    """(manifest, day) of every run, in order."""
    return [(one.manifest_id, (one.first_seen_at - START) / timedelta(days=1)) for one in timeline.runs]


def fates(timeline: Timeline, facts: list[Fact]) -> list[Fate]:
    return [fate for _, fate in timeline.add(facts)]


def test_facts_become_runs_in_order_of_time() -> None:
    """However they come."""
    timeline = Timeline([])
    assert fates(timeline, told((C, 3), (A, 1), (B, 2))) == [Fate.NEW] * 3
    assert course(timeline) == [(A, 1), (B, 2), (C, 3)]


def test_a_return_is_a_run_of_its_own() -> None:
    """An observer who saw A, B, and A again saw three runs."""
    timeline = Timeline([])
    assert fates(timeline, told((A, 1), (B, 2), (A, 3), (A, 4))) == [Fate.NEW] * 3 + [Fate.KNOWN]
    assert course(timeline) == [(A, 1), (B, 2), (A, 3)]


def test_a_push_is_told_once() -> None:
    """A registry's push dates name each manifest once: aliases and re-pushes are no new runs."""
    timeline = Timeline([])
    assert fates(timeline, told((A, 1), (B, 2), (A, 3), push=True)) == [Fate.NEW, Fate.NEW, Fate.KNOWN]
    assert [one.pushed_at for one in timeline.runs] == [day(1), day(2)]


def test_an_observed_run_learns_its_push_date() -> None:
    """The build that we saw first stays ours; it is known now to have begun when it was pushed."""
    seen = run(B, 20)
    timeline = Timeline([seen], observed_from=day(20))
    assert fates(timeline, told((A, 1), (B, 10), push=True)) == [Fate.NEW, Fate.KNOWN]
    assert (seen.first_seen_at, seen.pushed_at, seen.changed) == (day(20), day(10), True)
    assert course(timeline) == [(A, 1), (B, 20)]


def test_a_push_without_a_date_is_no_push_date() -> None:
    """Where the registry names no time of the push, what dates the fact is only an earlier moment."""
    seen = run(B, 20)
    timeline = Timeline([seen], observed_from=day(20))
    assert timeline.add([Fact(0, day(5), A, push=True), Fact(1, day(10), B, push=True)])[0][1] == Fate.NEW
    assert [(one.pushed_at, one.known_since) for one in timeline.runs] == [(None, None), (None, day(10))]


def test_a_push_date_out_of_order_is_not_believed() -> None:
    """A build cannot have begun before the one that it followed."""
    seen = run(B, 20)
    timeline = Timeline([run(A, 15), seen], observed_from=day(15))
    assert fates(timeline, told((B, 10), push=True)) == [Fate.KNOWN]
    assert (seen.pushed_at, seen.changed) == (None, False)


def test_another_observer_saw_it_earlier() -> None:
    """The same run, known from an earlier moment; our own date stays."""
    seen = run(B, 20)
    timeline = Timeline([seen], observed_from=day(20))
    assert fates(timeline, told((B, 12), (B, 10))) == [Fate.KNOWN, Fate.KNOWN]
    assert (seen.first_seen_at, seen.known_since) == (day(20), day(10))
    assert fates(timeline, told((C, 15))) == [Fate.OVERLAPPING]  # both ends of that time ran on B
    assert fates(timeline, told((A, 5))) == [Fate.NEW]
    assert course(timeline) == [(A, 5), (B, 20)]


def test_thousands_of_one_time() -> None:
    """A file that gives every build the same time does not cost the square of its length; before, half a minute."""
    timeline, begun = Timeline([]), process_time()
    facts = told(*((manifest, 1) for manifest in range(15_000)))
    assert set(fates(timeline, facts)) == {Fate.NEW}
    assert set(fates(timeline, facts)) == {Fate.KNOWN}
    assert process_time() - begun < 5


def test_our_own_time_is_not_contradicted() -> None:
    """From our first look on, only our own word counts."""
    timeline = Timeline([run(A, 10), run(B, 20)], observed_from=day(10))
    assert fates(timeline, told((C, 15), (B, 16), (C, 25), (A, 26), (A, 12))) == [
        Fate.KNOWN,  # A@12: it is what we saw
        Fate.OVERLAPPING,
        Fate.KNOWN,  # B, seen before us
        Fate.OVERLAPPING,
        Fate.OVERLAPPING,
    ]
    assert course(timeline) == [(A, 10), (B, 20)]


def test_observation_reaches_back_to_the_run_that_we_met() -> None:
    """Told of B since day 10, we saw it on day 20 with our own eyes: nothing comes between."""
    runs = [run(A, 1), run(B, 10)]
    assert observed_from(runs, day(20)) == day(10)
    assert observed_from(runs, None) is None
    assert observed_from([], day(20)) == day(20)
    timeline = Timeline(runs, observed_from(runs, day(20)))
    assert fates(timeline, told((C, 15))) == [Fate.OVERLAPPING]


_FACTS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 30)), max_size=20)


@given(_FACTS, _FACTS, st.booleans(), st.none() | st.integers(0, 30))
def test_telling_it_again_changes_nothing(
    first: list[tuple[int, float]], second: list[tuple[int, float]], push: bool, watched_from: int | None
) -> None:
    """What was told a moment ago is not new any more, and the runs stay in order."""
    timeline = Timeline([], None if watched_from is None else day(watched_from))
    for source in (told(*first, push=push), told(*second)):
        timeline.add(source)
        before = course(timeline)
        assert Fate.NEW not in fates(timeline, source)
        assert course(timeline) == before
        assert [at for _, at in before] == sorted(at for _, at in before)


@given(_FACTS, _FACTS)
def test_sources_that_disagree_come_to_rest(first: list[tuple[int, float]], second: list[tuple[int, float]]) -> None:
    """What one tells may lend weight to what the other told before; but not for ever."""
    timeline = Timeline([])
    for _ in range(3):
        timeline.add(told(*first))
        timeline.add(told(*second))
    before = course(timeline)
    assert Fate.NEW not in fates(timeline, told(*first)) + fates(timeline, told(*second))
    assert course(timeline) == before


@given(_FACTS)
def test_one_observer_is_believed(facts: list[tuple[int, float]]) -> None:
    """The value at any time is that of the last fact at or before it, where no two facts share a time."""
    distinct = {at: manifest for manifest, at in facts}
    timeline = Timeline([])
    timeline.add(told(*((manifest, at) for at, manifest in distinct.items())))
    runs = course(timeline)
    for at, manifest in distinct.items():
        assert [one for one, since in runs if since <= at][-1] == manifest
    assert all(earlier[0] != later[0] for earlier, later in pairwise(runs))


@given(_FACTS, st.integers(0, 30))
def test_what_we_saw_stays(facts: list[tuple[int, float]], since: int) -> None:
    """Whatever is told, our own runs keep their dates and their order."""
    own = [run(A, since), run(B, since + 5)]
    before = [(one.manifest_id, one.first_seen_at) for one in own]
    timeline = Timeline(list(own), observed_from=day(since))
    timeline.add(told(*facts))
    timeline.add(told(*facts, push=True))
    assert [(one.manifest_id, one.first_seen_at) for one in own] == before
    assert [one.manifest_id for one in timeline.runs if one.first_seen_at >= day(since)] == [A, B]
