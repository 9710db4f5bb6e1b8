"""What an import did: what was read, what of it was new, and what was refused for which reason."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from app.history.past import Added

EXAMPLES = 20
_MOST_REASONS = 100  # a file that finds ever new ways to be wrong does not fill the memory
_OTHER = "other reasons"
_LONGEST = 300

Outcome = Literal["written", "dry run", "nothing written"]


@dataclass(slots=True)
class Report:
    """Counts of one import. `read` counts facts as the source has them (rows, entries of pages), refused ones included.

    `layered` counts manifests whose layers became known, also of builds that were known without them.
    `refused` counts by reason, in words that are the same for all of its kind; `examples` are the first 20 as
    (place, reason with the value at fault). `notes` are worth saying without being refusals.
    """

    read: int = 0
    new: int = 0
    known: int = 0
    overlapping: int = 0
    layered: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    outcome: Outcome = "written"

    @property
    def refusals(self) -> int:
        """How many were refused, for whatever reason."""
        return self.refused.total()

    def refuse(self, place: str, reason: str, detail: str = "") -> None:
        """Count a refusal: `reason` is the kind ("not a digest"), `detail` what stood there."""
        known = reason in self.refused or len(self.refused) < _MOST_REASONS
        self.refused[reason if known else _OTHER] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append((place, f"{reason}: {detail}" if detail else reason))

    def take(self, added: Added) -> None:
        """Count what the database said to some facts."""
        self.new += added.new
        self.known += added.known
        self.overlapping += added.overlapping
        self.layered += added.layered
        for fact, reason in added.refused:
            self.refuse(fact.place, "contradicts what is recorded of this digest", reason)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "outcome": self.outcome,
            "read": self.read,
            "new": self.new,
            "known": self.known,
            "overlapping": self.overlapping,
            "layered": self.layered,
            "refused": self.refusals,
            "reasons": dict(self.refused.most_common()),
            "examples": [{"place": place, "reason": reason} for place, reason in self.examples],
            "notes": self.notes,
        }

    def lines(self) -> Iterator[str]:
        """For people; what files say comes without control characters, so that it cannot steer a terminal."""
        yield from (printable(note) for note in self.notes)
        yield from (printable(f"{place}: {reason}") for place, reason in self.examples)
        if self.refusals > len(self.examples):
            yield f"... {self.refusals:,} refused in all:"
            yield from (f"{count:>9,}  {printable(reason)}" for reason, count in self.refused.most_common())
        yield self._summary()

    def _summary(self) -> str:
        counts = (
            f"{self.read:,} read, {self.new:,} new, {self.known:,} known, "
            f"{self.overlapping:,} overlapping what was observed, {self.refusals:,} refused"
        )
        if self.layered:
            counts += f"; the layers of {self.layered:,} {'manifest' if self.layered == 1 else 'manifests'} are new"
        ends = {"written": "", "dry run": "; dry run, nothing written", "nothing written": "; nothing written"}
        return counts + ends[self.outcome]


def printable(text: str) -> str:
    """The text with everything that is no visible character or space spelled out, and cut short."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    if cut.isprintable():
        return cut
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in cut)
