"""From siblings to the runs of a moving tag."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backfill.lineage import Entry, aliases_by_digest, runs_of, telling_name
from app.registry.reference import split_pattern
from app.watchlist.catalogue import load_catalogue
from app.watchlist.siblings import SiblingRule, order, siblings_of

START = datetime(2025, 1, 1, tzinfo=UTC)


def rule_of(image: str) -> SiblingRule:
    repository, tag = split_pattern(image)
    rule = siblings_of(load_catalogue(), repository, tag)
    assert rule is not None
    return rule


def entries(*names: str, every: timedelta = timedelta(days=30)) -> list[Entry]:
    """These, pushed in this order."""
    return [Entry(name, START + every * number) for number, name in enumerate(names)]


@pytest.mark.parametrize(
    ("pushed", "runs"),
    [
        (["3.21.0", "3.21.1", "3.22.0"], ["3.21.0", "3.21.1", "3.22.0"]),
        (["3.21.0", "3.22.0", "3.21.1"], ["3.21.0", "3.22.0"]),
        (["3.9.6", "3.10.0"], ["3.9.6", "3.10.0"]),
        (["3.21.0", "edge", "20250101", "3.21"], ["3.21.0"]),
        ([], []),
    ],
)
def test_only_what_was_newer(pushed: list[str], runs: list[str]) -> None:
    """A patch of an older line that comes out late was never what the tag named."""
    skipped: Counter[str] = Counter()
    found = runs_of(rule_of("alpine:latest"), entries(*pushed), skipped)
    assert [entry.name for entry in reversed(found)] == runs
    assert skipped.total() == len([name for name in pushed if rule_of("alpine:latest").matches(name)]) - len(runs)


@pytest.mark.parametrize(
    ("tag", "pushed"),
    [
        ("eclipse-temurin:25-jre-noble", ["25_36-jre-noble", "25.0.1_8-jre-noble", "25.0.2_10-jre-noble"]),
        ("eclipse-temurin:21-jre-noble", ["21.0.4_7-jre-noble", "21.0.10_7-jre-noble", "21.0.10.1_2-jre-noble"]),
        ("eclipse-temurin:8-jre-noble", ["8u402-b06-jre-noble", "8u402-b10-jre-noble", "8u412-b08-jre-noble"]),
        ("registry.access.redhat.com/ubi9/ubi-minimal:9.4", ["9.4-949.1716471857", "9.4-1194", "9.4-1734497536"]),
        ("registry.opensuse.org/opensuse/tumbleweed:latest", ["20251007", "20251013", "20251013.34.298"]),
    ],
)
def test_builds_come_after_versions(tag: str, pushed: list[str]) -> None:
    """A version's first release without its zeroes is older than the next one, whatever its build's number."""
    rule = rule_of(tag)
    found = runs_of(rule, entries(*pushed), Counter())
    assert [entry.name for entry in reversed(found)] == [name for name in pushed if rule.matches(name)]


def test_pushed_at_once() -> None:
    """Of several pushed at one moment the order is that of their numbers."""
    found = runs_of(rule_of("alpine:latest"), entries("3.22.1", "3.21.4", every=timedelta(0)), Counter())
    assert [entry.name for entry in found] == ["3.22.1", "3.21.4"]


def test_a_switch_takes_the_newest_of_the_new_line() -> None:
    """debian:latest came to name on 2025-08-11 the trixie that was there; bookworm after that is not its business."""
    day = datetime(2025, 8, 11, tzinfo=UTC)
    pushed = [
        Entry("trixie-20250610", day - timedelta(days=60)),
        Entry("bookworm-20250721", day - timedelta(days=20)),
        Entry("trixie-20250721", day - timedelta(days=19)),
        Entry("bookworm-20250811", day + timedelta(days=1)),
        Entry("trixie-20250908", day + timedelta(days=29)),
    ]
    found = runs_of(rule_of("debian:latest"), pushed, Counter())
    assert found[::-1] == [pushed[1], Entry("trixie-20250721", day, switched=True), pushed[4]]


@given(st.lists(st.tuples(st.integers(20, 22), st.integers(0, 12), st.integers(0, 400)), unique_by=lambda one: one[:2]))
def test_runs_rise_in_time_and_version(releases: list[tuple[int, int, int]]) -> None:
    """Whatever was pushed when, the runs go forward in both."""
    pushed = [Entry(f"3.{minor}.{patch}", START + timedelta(days=day)) for minor, patch, day in releases]
    found = runs_of(rule_of("alpine:latest"), pushed, Counter())[::-1]
    assert [entry.at for entry in found] == sorted(entry.at for entry in found)
    assert [order(entry.name) for entry in found] == sorted(order(entry.name) for entry in found)
    assert set(found) <= set(pushed)


@pytest.mark.parametrize(
    ("name", "aliases", "telling"),
    [
        ("3.12.11-slim", ["3.12.11-slim", "3.12-slim", "3.12.11-slim-trixie", "slim-trixie-x"], "slim-trixie-x"),
        ("bookworm-20260918-slim", ["12-slim-bookworm"], "bookworm-20260918-slim"),
        ("3.12.11-slim", ["3-slim", "slim"], "3.12.11-slim"),
        ("3.12.11-slim", [], "3.12.11-slim"),
    ],
)
def test_the_name_that_tells_more(name: str, aliases: list[str], telling: str) -> None:
    """An alias that spells out the release line is the better source; a name that does is kept."""
    assert telling_name(name, aliases) == telling


def test_names_that_share_a_digest() -> None:
    """Tags without a digest share nothing."""
    assert aliases_by_digest({"a": "1", "b": "2", "c": "1", "d": None, "e": None}) == {"1": ["a", "c"], "2": ["b"]}
