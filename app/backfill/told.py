"""What a source tells of a tag's past, and what sources are given to ask with: plain values."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app.models import Origin, covers
from app.registry.client import RegistryClient
from app.registry.errors import BadAnswer, NotFound, RegistryError, ServerError
from app.registry.hub import HubApi
from app.registry.reference import Repository
from app.watchlist.siblings import Catalogue

EARLIEST = datetime(2013, 1, 1, tzinfo=UTC)  # Docker's first year: earlier dates stand for none
_AHEAD = timedelta(days=1)
_ILL = 3  # server errors in a row: it is not the tags


@dataclass(frozen=True, slots=True)
class Wanted:
    """A tag whose past is wanted, on these platforms; None: on all."""

    tag: str
    platforms: tuple[str, ...] | None = None

    def wants(self, platform: str) -> bool:
        """Whether some watch wants this platform."""
        return covers(self.platforms, platform)


@dataclass(frozen=True, slots=True)
class PlatformTold:
    """One platform's manifest; without bytes it has to be read."""

    platform: str
    digest: str
    compressed_bytes: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """At `at` a moving tag came to name a document.

    `at` None: the source gives no time. `pushed_at`: the registry's word on the push, None where `at` is something
    else. `digest`: of an index or manifest; None where only its tag, `source`, is known. `platforms`: the wanted ones,
    None where the source does not say. `source` is a sibling's name or, of a tag's own history, the digest.
    """

    wanted: Wanted
    origin: Origin
    source: str
    at: datetime | None
    pushed_at: datetime | None = None
    digest: str | None = None
    platforms: tuple[PlatformTold, ...] | None = None

    @property
    def is_sized(self) -> bool:
        """Whether there is nothing left to ask."""
        told = self.platforms
        return told is not None and all(one.compressed_bytes is not None for one in told)


@dataclass(slots=True)
class Memory:
    """What a process remembers between runs, so as not to ask in vain.

    `without_history`: registries without a tag history, and until when that holds. `fruitless`: what a tag was told of
    and nothing came of (repository, tag, source), since it is gone, no image, or has no date.
    """

    without_history: dict[str, datetime] = field(default_factory=dict)
    fruitless: set[tuple[Repository, str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Asking:
    """What sources ask with. `skipped` counts, by reason, what they were told and could not use."""

    client: RegistryClient
    hub: HubApi | None
    catalogue: Catalogue
    now: datetime
    memory: Memory = field(default_factory=Memory)
    skipped: Counter[str] = field(default_factory=Counter)

    def believable(self, moment: datetime | None) -> datetime | None:
        """A time that can be one; None for none, for what lies ahead and for what stands for no date."""
        if moment is None or not EARLIEST <= moment <= self.now + _AHEAD:
            return None
        return moment


class Source(Protocol):
    """Something that remembers what tags named."""

    def covers(self, repository: Repository) -> bool:
        """Whether it may know this repository."""
        ...

    def past(self, asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
        """What it knows, in portions as it learns it, the newest first; RegistryError where it cannot go on."""
        ...


async def tag_by_tag(
    tags: Sequence[Wanted], history: Callable[[Wanted], AsyncIterator[list[Told]]]
) -> AsyncIterator[list[Told]]:
    """Each tag's history. What is wrong with one costs no other its own, and is raised behind the last.

    A tag that is not found has none: it is gone, or only customers may see it.
    """
    troubles: list[RegistryError] = []
    in_a_row = 0
    for wanted in tags:
        try:
            async for told in history(wanted):
                in_a_row = 0
                yield told
        except NotFound:
            in_a_row = 0
        except (BadAnswer, ServerError) as problem:
            troubles.append(problem)
            in_a_row += isinstance(problem, ServerError)
        if in_a_row >= _ILL:
            break
    if troubles:
        raise next((problem for problem in troubles if problem.retryable), troubles[0])
