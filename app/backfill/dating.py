"""When a build came to be, where its registry does not say: pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from app.backfill.told import Asking
from app.registry.reference import is_digest
from app.watchlist.siblings import date_in


@dataclass(slots=True)
class Dating:
    """Knows creation dates that several builds of one tag and platform share: reproducible builds state a constant."""

    asking: Asking
    _made: dict[tuple[str, str, datetime], set[str]] = field(default_factory=dict)

    def learn(self, tag: str, made: Iterable[tuple[str, str, datetime | None]]) -> None:
        """Take note of builds of a tag: platform, manifest digest, and when its config says that it was made."""
        for platform, digest, created_at in made:
            if created_at is not None:
                self._made.setdefault((tag, platform, created_at), set()).add(digest)

    def date(self, tag: str, platform: str, source: str, created_at: datetime | None) -> datetime | None:
        """The config's word, unless it is no date or that of another build too; else the day in the source's name."""
        stated = self.asking.believable(created_at)
        if stated is not None and len(self._made.get((tag, platform, stated), ())) <= 1:
            return stated
        return None if is_digest(source) else self.asking.believable(date_in(source))
