"""What others tell of a series' past, put beside what is known of it already: pure, one series at a time.

The runs of a series are in order of `first_seen_at`, and neighbours run on different manifests. What we observed
ourselves is never contradicted: a fact that falls into that time changes nothing.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import takewhile
from operator import attrgetter


@dataclass(slots=True)
class Run:
    """A build that is known, `id` None where it is new."""

    id: int | None
    manifest_id: int
    first_seen_at: datetime
    pushed_at: datetime | None = None
    known_since: datetime | None = None
    changed: bool = False  # an older run that now has a `pushed_at` or `known_since`
    fact: int | None = None  # the number of the fact that a new run comes from

    @property
    def start(self) -> datetime:
        """The earliest moment from which anybody knows this run."""
        return min(moment for moment in (self.first_seen_at, self.pushed_at, self.known_since) if moment is not None)


@dataclass(frozen=True, slots=True)
class Fact:
    """From `at` on the series ran on this manifest. `push`: the registry's word on when that manifest was pushed."""

    number: int
    at: datetime
    manifest_id: int
    push: bool = False
    pushed_at: datetime | None = None
    known_since: datetime | None = None


class Fate(StrEnum):
    """What became of a fact."""

    NEW = "new"
    KNOWN = "known"
    OVERLAPPING = "overlapping"  # falls into time that we observed ourselves, or inside of a run that is known


@dataclass(slots=True)
class Timeline:
    """One series' runs, and from when on (`observed_from`) only our own word counts."""

    runs: list[Run]
    observed_from: datetime | None = None
    _by_manifest: dict[int, list[Run]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for run in self.runs:
            self._by_manifest.setdefault(run.manifest_id, []).append(run)

    def add(self, facts: Iterable[Fact]) -> list[tuple[Fact, Fate]]:
        """Put facts in their places, in order of time; what became of each."""
        return [(fact, self._add(fact)) for fact in sorted(facts, key=attrgetter("at", "number"))]

    def _add(self, fact: Fact) -> Fate:
        if fact.push and self._pushed_before(fact):
            return Fate.KNOWN
        position = bisect_right(self.runs, fact.at, key=attrgetter("first_seen_at"))
        before, after = self.runs[:position][-1:], self.runs[position : position + 1]
        if self._in_force(position, fact):
            return Fate.KNOWN
        if after and after[0].start <= fact.at:  # both ends of that span are known to run on its manifest
            return Fate.KNOWN if after[0].manifest_id == fact.manifest_id else Fate.OVERLAPPING
        if after and after[0].manifest_id == fact.manifest_id:
            return self._extend(after[0], before, fact)
        if self.observed_from is not None and fact.at >= self.observed_from:
            return Fate.OVERLAPPING
        self._insert(fact)
        return Fate.NEW

    def _pushed_before(self, fact: Fact) -> bool:
        """Whether some run has that manifest; the first of them learns when it was pushed, if it did not know."""
        same = self._by_manifest.get(fact.manifest_id)
        if not same:
            return False
        run, position = same[0], self.runs.index(same[0])
        fits = position == 0 or self.runs[position - 1].first_seen_at < fact.at
        if run.pushed_at is None and fits and fact.at <= run.start:
            run.pushed_at, run.changed = fact.at, run.id is not None
        return True

    def _in_force(self, position: int, fact: Fact) -> bool:
        """Whether that manifest runs then already; several builds may bear the same time."""
        if position and self.runs[position - 1].manifest_id == fact.manifest_id:
            return True
        same_time = takewhile(lambda run: run.first_seen_at == fact.at, reversed(self.runs[:position]))
        return any(run.manifest_id == fact.manifest_id for run in same_time)

    def _extend(self, run: Run, before: Sequence[Run], fact: Fact) -> Fate:
        """The same run, known from an earlier moment."""
        if not before or before[0].first_seen_at < fact.at:
            run.known_since, run.changed = fact.at, run.id is not None
        return Fate.KNOWN

    def _insert(self, fact: Fact) -> None:
        pushed_at = fact.at if fact.push else fact.pushed_at
        run = Run(None, fact.manifest_id, fact.at, pushed_at, fact.known_since, fact=fact.number)
        insort(self.runs, run, key=attrgetter("first_seen_at"))
        self._by_manifest.setdefault(fact.manifest_id, []).append(run)


def observed_from(runs: Sequence[Run], first_answer: datetime | None) -> datetime | None:
    """From when on our own observations hold: the start of the run that was in force at our first look.

    `first_answer`: when polling first got an answer about the tag, None if never.
    """
    if first_answer is None:
        return None
    in_force = [run.first_seen_at for run in runs if run.first_seen_at <= first_answer]
    return in_force[-1] if in_force else first_answer
