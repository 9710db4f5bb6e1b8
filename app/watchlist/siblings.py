"""Siblings: the dated or numbered tags that keep a moving tag's past, `bookworm-20260918-slim` of `bookworm-slim`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from app.registry.reference import HUB, Repository
from app.watchlist.patterns import PatternInvalid, PatternTemplate, TagPattern

_NUMBERS = re.compile(r"\d+(?:\.\d+)*", re.ASCII)
_DAY = re.compile(r"(?<!\d)(20\d\d)([01]\d)([0-3]\d)(?!\d)", re.ASCII)
_EPOCH = re.compile(r"(?<!\d)1[3-9]\d{8}(?!\d)", re.ASCII)  # 2011 to 2033
# Copies of the official images under the same tags: what is known of "debian" holds for them too.
_COPIES = {"public.ecr.aws": "docker/library/", "mirror.gcr.io": "library/"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A moving tag and the template of its siblings' names, whose holes are the groups of `tags`, or `{line}`."""

    tags: TagPattern
    siblings: PatternTemplate


@dataclass(frozen=True, slots=True)
class Switch:
    """From `since` on (None: always) a tag follows this release line."""

    line: str
    since: date | None


@dataclass(frozen=True, slots=True)
class Family:
    """Repositories whose tags are alike, and the rules for them; the first that fits a tag counts."""

    repositories: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Moves:
    """A floating tag that has followed several release lines, in their order."""

    repositories: tuple[str, ...]
    tags: TagPattern
    switches: tuple[Switch, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is known of repositories; the first that fits counts, so that people's own go before ours."""

    families: tuple[Family, ...] = ()
    moves: tuple[Moves, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Names of siblings, and from when until when the tag followed them. `line` where it followed several."""

    pattern: TagPattern
    line: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SiblingRule:
    """How one tag's siblings are called: in spans of time, where it is known to have followed several release lines."""

    spans: tuple[Span, ...]

    def matches(self, name: str) -> bool:
        """Whether a tag is a sibling."""
        return self.span_of(name) is not None

    def span_of(self, name: str) -> Span | None:
        """Where a sibling's name belongs; None if it is no sibling."""
        return next((span for span in self.spans if span.pattern.match(name)), None)

    @property
    def queries(self) -> tuple[str, ...]:
        """Texts of which every sibling's name contains one, the longest there are: what to have a listing search."""
        return tuple(dict.fromkeys(span.pattern.literal for span in self.spans))

    @property
    def query(self) -> str:
        """The one text that every sibling's name contains, or "" where there is none."""
        return self.queries[0] if len(self.queries) == 1 else ""


def siblings_of(catalogue: Catalogue, repository: Repository, tag: str) -> SiblingRule | None:
    """How a tag's siblings are called; None if none are known."""
    switches = switches_of(catalogue, repository, tag)
    for rule in _rules_for(catalogue, repository):
        match = rule.tags.match(tag)
        if match is not None:
            values = {name: text or "" for name, text in match.groupdict().items()}
            spans = tuple(_spans(rule.siblings, values, switches))
            return SiblingRule(spans) if spans else None
    return None


def switches_of(catalogue: Catalogue, repository: Repository, tag: str) -> tuple[Switch, ...]:
    """The release lines that a tag is known to have followed, oldest first; empty if nothing is known."""
    for moves in catalogue.moves:
        if _names(moves.repositories, repository) and moves.tags.match(tag):
            return moves.switches
    return ()


def order(name: str) -> tuple[tuple[int, ...], ...]:
    """Sorts siblings by their dates and versions as numbers: 3.9.1 before 3.10.0, and 25_36 before 25.0.1_8."""
    return tuple(tuple(map(int, version.split("."))) for version in _NUMBERS.findall(name))


def date_in(name: str) -> datetime | None:
    """The day or the second that a tag's name states ("9.6-20250909", "9.6-1752587672"), midnight UTC for a day."""
    day = _DAY.search(name)
    if day is not None:
        try:
            return datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC)
        except ValueError:
            return None
    second = _EPOCH.search(name)
    return datetime.fromtimestamp(int(second[0]), UTC) if second else None


def midnight(day: date) -> datetime:
    """The first moment of a day, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _rules_for(catalogue: Catalogue, repository: Repository) -> Iterator[Rule]:
    for family in catalogue.families:
        if _names(family.repositories, repository):
            yield from family.rules


def _names(patterns: Sequence[str], repository: Repository) -> bool:
    """Whether a repository is among these full names; one that ends in "/*" stands for all below."""
    names = {str(repository), str(_original(repository))}
    return any(
        pattern in names or (pattern.endswith("/*") and any(name.startswith(pattern[:-1]) for name in names))
        for pattern in patterns
    )


def _original(repository: Repository) -> Repository:
    prefix = _COPIES.get(repository.registry)
    if prefix is None or not repository.path.startswith(prefix):
        return repository
    return Repository(HUB, f"library/{repository.path.removeprefix(prefix)}")


def _spans(template: PatternTemplate, values: Mapping[str, str], switches: Sequence[Switch]) -> Iterator[Span]:
    """One pattern, or with a hole for the line one of each that the tag has followed."""
    if "line" not in template.holes or "line" in values:
        pattern = _filled(template, values)
        if pattern is not None:
            yield Span(pattern)
        return
    following = [one.since for one in switches[1:]] + [None]
    for switch, until in zip(switches, following, strict=True):
        pattern = _filled(template, {**values, "line": switch.line})
        if pattern is not None:
            since = midnight(switch.since) if switch.since else None
            yield Span(pattern, switch.line, since, midnight(until) if until else None)


def _filled(template: PatternTemplate, values: Mapping[str, str]) -> TagPattern | None:
    try:
        return template.fill(values)
    except PatternInvalid:  # a tag of a hundred characters leaves no room for a pattern
        return None
