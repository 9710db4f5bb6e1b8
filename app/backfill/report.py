"""What backfills came to, tag by tag, for those who wait for it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from app.history.past import Added
from app.registry.reference import Repository


@dataclass(slots=True)
class TagReport:
    """One tag: past builds `found` at the sources, of them `new`, `known` before, `overlapping` what we saw ourselves.

    `refused`: how many could not be written down, by reason. `error_code`: why there may be more to be had, from
    `next_try_at` on; with `failed` False the registry only asked for a pause.
    """

    repository: Repository
    tag: str
    found: int = 0
    new: int = 0
    known: int = 0
    overlapping: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: bool = False
    error_code: str | None = None
    error_message: str | None = None
    next_try_at: datetime | None = None

    def add(self, added: Added) -> None:
        """Count in what became of some facts."""
        self.new += added.new
        self.known += added.known
        self.overlapping += added.overlapping
        self.refused.update(reason for _, reason in added.refused)
