"""What others tell of a series' past, put beside what is known of it already: pure, one series at a time.

The runs of a series are in order of `first_seen_at`, and neighbours run on different manifests. What we observed
ourselves is never contradicted: a fact that falls into that time changes nothing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple


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


class Fact(NamedTuple):
    """From `at` on the series ran on this manifest. `push`: told by pushes, so that each manifest comes up once."""

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
    _oldest: dict[int, Run] = field(default_factory=dict)  # of each manifest, once pushes ask for it
    _moment: datetime | None = None
    _then: set[int] = field(default_factory=set)  # manifests of runs that begin at `_moment`: there may be thousands

    def add(self, facts: Iterable[Fact]) -> list[tuple[Fact, Fate]]:
        """Put facts in their places, in order of time; what became of each."""
        ordered = sorted(facts, key=attrgetter("at"))  # stable: facts of one time stay in the order they were told
        return [(fact, self._add(fact)) for fact in ordered]

    def _add(self, fact: Fact) -> Fate:
        if fact.push and self._pushed_before(fact):
            return Fate.KNOWN
        position = self._position(fact.at)
        if self._in_force(position, fact):
            return Fate.KNOWN
        if position < len(self.runs) and (fate := self._before_a_run(position, fact)) is not None:
            return fate
        if self.observed_from is not None and fact.at >= self.observed_from:
            return Fate.OVERLAPPING
        self._insert(position, fact)
        return Fate.NEW

    def _position(self, at: datetime) -> int:
        """Where a run that begins then would stand: behind those of the same time. Mostly it is the newest."""
        if not self.runs or self.runs[-1].first_seen_at <= at:
            return len(self.runs)
        return bisect_right(self.runs, at, key=attrgetter("first_seen_at"))

    def _pushed_before(self, fact: Fact) -> bool:
        """Whether some run has that manifest; the first of them may learn that it is older."""
        if not self._oldest:
            self._oldest = {run.manifest_id: run for run in reversed(self.runs)}
        run = self._oldest.get(fact.manifest_id)
        if run is None:
            return False
        position = self._first_of(run.first_seen_at)
        fits = position == 0 or self.runs[position - 1].first_seen_at < fact.at
        if self.runs[position] is run and fits and fact.at <= run.start:
            self._learn(run, fact)
        return True

    def _learn(self, run: Run, fact: Fact) -> None:
        """An earlier moment of a run that is known: the registry's push date, or somebody's word."""
        if fact.pushed_at is not None and run.pushed_at is None:
            run.pushed_at, run.changed = fact.pushed_at, run.id is not None
        elif fact.pushed_at is None and fact.at < run.start:
            run.known_since, run.changed = fact.at, run.id is not None

    def _in_force(self, position: int, fact: Fact) -> bool:
        """Whether that manifest runs then already. Of several builds of one time nobody knows the order: any counts,
        and so does the one before them."""
        if position and self.runs[position - 1].first_seen_at == fact.at:
            first = self._first_of(fact.at)
            if fact.at != self._moment:
                self._moment, self._then = fact.at, {run.manifest_id for run in self.runs[first:position]}
            if fact.manifest_id in self._then:
                return True
            position = first
        return position > 0 and self.runs[position - 1].manifest_id == fact.manifest_id

    def _first_of(self, at: datetime) -> int:
        return bisect_left(self.runs, at, key=attrgetter("first_seen_at"))

    def _before_a_run(self, position: int, fact: Fact) -> Fate | None:
        """What the run after it says of a fact; None where it says nothing."""
        after = self.runs[position]
        same = after.manifest_id == fact.manifest_id
        if after.start <= fact.at:  # both ends of that span are known to run on its manifest
            return Fate.KNOWN if same else Fate.OVERLAPPING
        if not same:
            return None
        after.known_since, after.changed = fact.at, after.id is not None  # the same run, known from earlier on
        return Fate.KNOWN

    def _insert(self, position: int, fact: Fact) -> None:
        run = Run(None, fact.manifest_id, fact.at, fact.pushed_at, fact.known_since, fact=fact.number)
        self.runs.insert(position, run)
        if run.first_seen_at == self._moment:
            self._then.add(run.manifest_id)
        known = self._oldest.get(run.manifest_id)
        if self._oldest and (known is None or run.first_seen_at < known.first_seen_at):
            self._oldest[run.manifest_id] = run


def observed_from(runs: Sequence[Run], first_answer: datetime | None) -> datetime | None:
    """From when on our own observations hold: the start of the run that was in force at our first look.

    `first_answer`: when polling first got an answer about the tag, None if never.
    """
    if first_answer is None:
        return None
    in_force = [run.first_seen_at for run in runs if run.first_seen_at <= first_answer]
    return in_force[-1] if in_force else first_answer
