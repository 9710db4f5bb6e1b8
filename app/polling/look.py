"""Look into the document that a tag names: index -> platform manifests -> configs, only what is new to us."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from sqlalchemy import select

from app.history.observations import LayerFound, Measured, PlatformFound, Target, Waits
from app.history.waiting import priority
from app.models import Manifest
from app.polling.budget import PullBudget
from app.polling.round import Polling
from app.registry.client import RegistryClient
from app.registry.errors import BadDocument, HostPaused, NotAnImage, NotFound, RateLimited, RegistryError
from app.registry.image_config import ImageConfig
from app.registry.manifest import Descriptor, ImageManifest, Index
from app.registry.politeness import Quota
from app.registry.reference import Repository
from app.registry.single_flight import SingleFlight

Known = Callable[[Iterable[str]], Awaitable[set[str]]]


_Value = TypeVar("_Value")


class Recent(Generic[_Value]):
    """The last documents read in a round: aliases of one digest come up close together."""

    def __init__(self, most: int = 64) -> None:
        self._values: OrderedDict[tuple[Repository, str], _Value] = OrderedDict()
        self._most = most

    def get(self, key: tuple[Repository, str]) -> _Value | None:
        """What was read, if it is among the last."""
        return self._values.get(key)

    def keep(self, key: tuple[Repository, str], value: _Value) -> None:
        """Remember it, and forget the oldest beyond the most."""
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Looking:
    """What looking needs: whom to ask, what it may cost, and which manifests were measured before."""

    client: RegistryClient
    budget: PullBudget
    known: Known
    flights: SingleFlight[tuple[Repository, str], ImageManifest | Index] = field(default_factory=SingleFlight)
    measuring: SingleFlight[tuple[Repository, str], Measured | Waits | None] = field(default_factory=SingleFlight)
    read: Recent[ImageManifest | Index | Measured] = field(default_factory=Recent)

    async def document(self, repository: Repository, digest: str) -> ImageManifest | Index:
        """A document by digest, by one pull, however many tags name it at the same time; NoPulls if none is left."""
        known = self.read.get((repository, digest))
        if isinstance(known, ImageManifest | Index):
            return known
        if not self.budget.covers(1):
            raise NoPulls
        with self.budget.spend():  # reserved before anything is awaited, so that many looks cannot overspend
            return await self.flights.run((repository, digest), lambda: self._fetch(repository, digest))

    async def _fetch(self, repository: Repository, digest: str) -> ImageManifest | Index:
        document = await self.client.get_manifest(repository, digest)
        self.read.keep((repository, digest), document)  # before the flight lands: nobody starts another in between
        return document


class NoPulls(Exception):
    """The pulls that may still be spent do not cover another one."""


def looking_at(polling: Polling, host: str) -> Looking:
    """The means of looking at one registry: its own pull budget, and our memory of manifests."""

    async def known(digests: Iterable[str]) -> set[str]:
        wanted = select(Manifest.digest).where(Manifest.digest.in_(list(digests)), Manifest.fetched_at.is_not(None))
        async with polling.database.reading() as session:
            return set(await session.scalars(wanted))

    def quota() -> Quota | None:
        """What the registry last said of pulls, unless that window is over."""
        said = polling.client.host_state(host).quota
        over = said is not None and said.seen_at + timedelta(seconds=said.window_seconds) < polling.clock()
        return None if over else said

    budget = PullBudget(quota, polling.pull_reserve)
    return Looking(polling.client, budget, known)


async def look_into(
    looking: Looking, repository: Repository, digest: str, target: Target
) -> tuple[PlatformFound, ...] | Waits:
    """Each wanted platform of a document, measured, known before, or waiting with the reason.

    `Waits` in place of them: the pulls did not suffice for the document itself. RegistryError: it could not be read.
    """
    try:
        document = await looking.document(repository, digest)
        if isinstance(document, ImageManifest):
            return await _single(looking, repository, document, target)
        return await _index(looking, repository, document, target)
    except NoPulls:
        return Waits("quota")
    except (RateLimited, HostPaused) as error:
        return _limited(error)


async def _single(
    looking: Looking, repository: Repository, manifest: ImageManifest, target: Target
) -> tuple[PlatformFound, ...]:
    """A tag that names a manifest directly: the platform stands in the config."""
    config = await looking.client.get_config(repository, manifest.config)
    platform = str(config.platform)
    found = PlatformFound(platform, manifest.digest, measured(manifest, config))
    return (found,) if target.wants(platform) else ()


async def _index(looking: Looking, repository: Repository, index: Index, target: Target) -> tuple[PlatformFound, ...]:
    children = await looking.client.images(repository, index)
    if not children:
        raise NotAnImage("the index lists no container image", registry=repository.registry)
    wanted = [child for child in children if child.platform is None or target.wants(str(child.platform))]
    wanted.sort(key=lambda child: priority(str(child.platform)))
    known = await looking.known(child.digest for child in wanted)
    found = await asyncio.gather(*(_child(looking, repository, child, child.digest in known) for child in wanted))
    images = [one for one in found if one is not None]
    if not images and wanted:
        raise NotAnImage("none of the index's children is a container image", registry=repository.registry)
    return _first_of_each(one for one in images if target.wants(one.platform))


async def _child(looking: Looking, repository: Repository, child: Descriptor, known: bool) -> PlatformFound | None:
    """One platform of an index; None for a child that turns out to be no image."""
    if child.platform is None:  # the spec lets an index leave it out: only the config can tell
        return await _nameless(looking, repository, child)
    platform = str(child.platform)
    if known:
        return PlatformFound(platform, child.digest, None)
    if priority(platform) and not looking.budget.plenty(1):
        # Scarce: first what matters most of every tag, then the rest of each, in the order of the queue.
        return PlatformFound(platform, child.digest, Waits("quota"))
    content = await read_manifest(looking, repository, child.digest)
    return None if content is None else PlatformFound(platform, child.digest, content)


async def _nameless(looking: Looking, repository: Repository, child: Descriptor) -> PlatformFound | None:
    document = await looking.document(repository, child.digest)
    if not isinstance(document, ImageManifest):
        return None
    config = await looking.client.get_config(repository, document.config)
    return PlatformFound(str(config.platform), child.digest, measured(document, config))


async def read_manifest(looking: Looking, repository: Repository, digest: str) -> Measured | Waits | None:
    """A platform's manifest, measured; or why it waits; None if it is no container image. Asked once at a time."""
    known = looking.read.get((repository, digest))
    if isinstance(known, Measured):
        return known
    if not looking.budget.covers(1):
        return Waits("quota")
    with looking.budget.spend() as answered:
        return await looking.measuring.run((repository, digest), lambda: _read(looking, repository, digest, answered))


async def _read(
    looking: Looking, repository: Repository, digest: str, answered: Callable[[], None]
) -> Measured | Waits | None:
    try:
        return await _measure(looking, repository, digest, answered)
    except NotAnImage:
        return None
    except (RateLimited, HostPaused) as error:
        return _limited(error)
    except RegistryError as error:
        return unreadable(error)


async def _measure(
    looking: Looking, repository: Repository, digest: str, answered: Callable[[], None]
) -> Measured | None:
    document = await looking.client.get_manifest(repository, digest)
    answered()
    if not isinstance(document, ImageManifest):
        return None
    found = measured(document, await _config(looking, repository, document))
    looking.read.keep((repository, digest), found)
    return found


def unreadable(error: RegistryError) -> Waits:
    """Why a document could not be read, and whether it ever can: a digest names the same bytes for ever."""
    lost = isinstance(error, NotFound | BadDocument)
    return Waits("lost" if lost else "error", error.code, error.message, error.retryable, error.retry_after)


async def _config(looking: Looking, repository: Repository, manifest: ImageManifest) -> ImageConfig | None:
    """The config, for build steps and dates; a broken one costs us those, not the size."""
    try:
        return await looking.client.get_config(repository, manifest.config)
    except NotAnImage:
        raise
    except BadDocument:
        return None


def measured(manifest: ImageManifest, config: ImageConfig | None) -> Measured:
    """A manifest's layers with what the config says of them; NotAnImage if it has none, since zero is no size."""
    if not manifest.layers:
        raise NotAnImage("the manifest lists no layers")
    count = len(manifest.layers)
    steps: Sequence[str | None] = config.steps_for(count) if config else [None] * count
    diff_ids: Sequence[str | None] = config.diff_ids if config and len(config.diff_ids) == count else [None] * count
    layers = tuple(
        LayerFound(layer.digest, layer.media_type, layer.size, diff_id, _storable(step))
        for layer, diff_id, step in zip(manifest.layers, diff_ids, steps, strict=True)
    )
    created = config.created if config else None
    return Measured(manifest.digest, manifest.media_type, manifest.config.digest, created, layers)


def _storable(step: str | None) -> str | None:
    """Text that every database takes: PostgreSQL has no NUL, UTF-8 no lone surrogates."""
    return None if step is None else step.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _limited(error: RegistryError) -> Waits:
    return Waits("quota", error.code, error.message, True, error.retry_after)


def _first_of_each(found: Iterable[PlatformFound]) -> tuple[PlatformFound, ...]:
    """Of two children for one platform the first counts (image-spec, image-index.md)."""
    first: dict[str, PlatformFound] = {}
    for one in found:
        first.setdefault(one.platform, one)
    return tuple(first.values())
