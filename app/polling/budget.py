"""Counted pulls: how many may still be spent on a registry, by its own word."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.registry.politeness import Quota


class PullBudget:
    """Lets a manifest GET pass while the quota, less what is under way, stays above the reserve.

    A registry that states no quota has none. The reserve is never more than half of the limit.
    """

    def __init__(self, quota: Callable[[], Quota | None], reserve: int) -> None:
        self._quota = quota
        self._reserve = reserve
        self._under_way = 0

    @property
    def is_told(self) -> bool:
        """Whether the registry has said anything of pulls; if not, it may be because nobody asked it lately."""
        return self._quota() is not None

    def covers(self, pulls: int) -> bool:
        """Whether this many more pulls leave the reserve untouched."""
        quota = self._quota()
        if quota is None:
            return True
        reserve = min(self._reserve, quota.limit // 2)
        return quota.remaining - self._under_way - pulls >= reserve

    def plenty(self, pulls: int) -> bool:
        """Whether so much is left that the order of fetching does not matter: more than half of the limit, after."""
        quota = self._quota()
        return quota is None or quota.remaining - self._under_way - pulls >= quota.limit // 2

    @contextmanager
    def spend(self) -> Iterator[Callable[[], None]]:
        """One pull is under way; call what is given once the answer's own header has told what is left."""
        self._under_way += 1
        under_way = [1]

        def answered() -> None:
            self._under_way -= under_way.pop() if under_way else 0

        try:
            yield answered
        finally:
            answered()
