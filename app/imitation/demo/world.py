"""The demo's registries: worlds by host, what to watch in them, and when anything changes."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.imitation.demo.lives import Life
from app.imitation.demo.stories import ALIASES, GITHUB, HUB, QUAY, START, STORIES, UNWATCHED, WATCHES
from app.imitation.gate import Clock
from app.imitation.hub import ImitationHub
from app.imitation.hub_entries import HubOptions
from app.imitation.options import GHCR, Options
from app.imitation.options import HUB as HUB_OPTIONS
from app.imitation.options import QUAY as QUAY_OPTIONS
from app.imitation.registry import ImitationRegistry
from app.imitation.world import World

INSTANT_EVERY = 11  # days between the moments at which routine rebuilds come, so that few polls see them all
OPTIONS: Mapping[str, Options] = {
    HUB: replace(HUB_OPTIONS, pull_limit=20_000, redirect_blobs=False),
    GITHUB: replace(GHCR, redirect_blobs=False),
    QUAY: replace(QUAY_OPTIONS, redirect_blobs=False),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Requests that a client needs to see every change: one poll of all tags per change time, tokens not counted."""

    heads: int
    manifest_gets: int
    config_gets: int

    @property
    def gets(self) -> int:
        return self.manifest_gets + self.config_gets


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """Worlds by registry host; `watches` are (reference pattern, interval)."""

    worlds: Mapping[str, World]
    watches: tuple[tuple[str, timedelta], ...]
    unwatched: frozenset[tuple[str, str]]  # repository and tag, of the Hub

    def registries(self, clock: Clock) -> dict[str, ImitationRegistry]:
        """A registry per host at the clock's time; tokens live in real time, or every poll would need new ones."""
        found = {host: ImitationRegistry(world, clock, OPTIONS[host]) for host, world in self.worlds.items()}
        for registry in found.values():
            registry.gate.clock = _real_time
        return found

    def hub(self, clock: Clock) -> ImitationHub:
        """The web API of the demo's Docker Hub, without a limit: two years are polled in seconds."""
        return ImitationHub(self.worlds[HUB], clock, HubOptions(per_minute=None))

    def change_times(self) -> list[datetime]:
        """The sorted times at which anything changes; polling just after each misses nothing."""
        return sorted({at for world in self.worlds.values() for at, *_ in world.changes()})

    def estimate(self) -> Cost:
        """What it costs to poll at every change time."""
        tags = sum(len(contents.tags) for world in self.worlds.values() for contents in world.repositories.values())
        tags -= len(self.unwatched)
        manifests, configs = 0, 0
        for world in self.worlds.values():
            seen: set[str] = set()
            for _, repository, tag, digest in sorted(world.changes(), key=lambda change: change[0]):
                if (repository, tag) in self.unwatched:
                    continue
                new = _new_images(world, repository, digest, seen)
                manifests += len(new) + (digest is not None)
                configs += len(new)
        return Cost(len(self.change_times()) * tags, manifests, configs)


def build_demo_world(now: datetime, seed: int = 1) -> DemoWorld:
    """Two years that end at `now`; the same arguments give the same bytes."""
    worlds = {host: World() for host in (HUB, GITHUB, QUAY)}
    lives = {
        (s.host, s.repository, s.tag): Life(s, random.Random(f"{seed} {s.host}/{s.repository}:{s.tag}"))
        for s in STORIES
    }
    for age in _ages(random.Random(seed)):
        for life in lives.values():
            _live(life, lives, worlds[life.story.host], age, now)
        _follow(lives, worlds, age, now)
    moments = sorted({at for world in worlds.values() for at, *_ in world.changes()})
    unwatched = frozenset(_push_unwatched(worlds[HUB], moments, now, seed))
    return DemoWorld(worlds, tuple((pattern, timedelta(hours=hours)) for pattern, hours in WATCHES), unwatched)


def _push_unwatched(world: World, moments: list[datetime], now: datetime, seed: int) -> Iterator[tuple[str, str]]:
    """Let tags that nobody watches move when others do, and leave a dated sibling each time; all of their names."""
    for story, sibling in UNWATCHED:
        life = Life(story, random.Random(f"{seed} {story.repository}:{story.tag}"))
        yield story.repository, story.tag
        for at in moments:
            age = (now - at) / timedelta(days=1)
            if life.due(age, None):
                document = life.rebuild(age, now, None)
                for name in (sibling.format(at), story.tag):
                    world.push(story.repository, name, document, at=at)
                yield story.repository, sibling.format(at)


def _ages(dice: random.Random) -> list[float]:
    """All moments of the story, oldest first: turns of any tag, and one for rebuilds every eleven days or so."""
    turns = {age for story in STORIES for age in story.ages}
    turns |= {float(age) for alias in ALIASES for age in alias.targets}
    count = START // INSTANT_EVERY
    routine = [START - INSTANT_EVERY * (n + dice.uniform(0.2, 0.8)) for n in range(count)]
    apart = {age for age in routine if all(abs(age - turn) > 2 for turn in turns)}
    return sorted(turns | apart, reverse=True)


def _live(life: Life, lives: Mapping[tuple[str, str, str], Life], world: World, age: float, now: datetime) -> None:
    """Let one tag go through one moment."""
    story, at = life.story, now - timedelta(days=age)
    wanted = life.base(age)
    base = lives[story.host, wanted.repository, wanted.tag] if wanted else None
    if life.gone(age):
        if age in {since for since, _ in story.gone}:
            world.remove(story.repository, story.tag, at=at)
    elif life.due(age, base):
        world.push(story.repository, story.tag, life.rebuild(age, now, base), at=at)


def _follow(lives: Mapping[tuple[str, str, str], Life], worlds: Mapping[str, World], age: float, now: datetime) -> None:
    """Point aliases where their target points now."""
    at = now - timedelta(days=age)
    for alias in ALIASES:
        target = alias.targets[min(since for since in alias.targets if since >= age)]
        document = lives[alias.host, alias.repository, target].document
        world = worlds[alias.host]
        if document and world.resolve(alias.repository, alias.tag, at) != document:
            world.push(alias.repository, alias.tag, document, at=at)


def _new_images(world: World, repository: str, digest: str | None, seen: set[str]) -> list[str]:
    """Digests of platform manifests that a client has not read yet; `seen` grows by them."""
    return list(_walk(world, repository, digest, seen)) if digest else []


def _walk(world: World, repository: str, digest: str, seen: set[str]) -> Iterator[str]:
    document = world.document(repository, digest)
    for child in document.children if document else ():
        attested = "vnd.docker.reference.type" in child.annotations
        if not attested and child.digest not in seen:
            seen.add(child.digest)
            yield child.digest


def _real_time() -> datetime:
    return datetime.now(UTC)
