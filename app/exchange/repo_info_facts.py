"""From pages to facts: which page speaks of which tag, and what of it is new since the page's version before."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from app.exchange.facts import FIRST
from app.exchange.repo_info_git import PageVersion
from app.exchange.repo_info_page import Image, Page, PageRefused, Section
from app.history.past import PastBuild
from app.models import Origin
from app.registry.reference import ReferenceInvalid, Repository, is_tag

_LEEWAY = timedelta(days=1)  # clocks differ
_NEXT = timedelta(microseconds=1)
_MOST_FACTS = 5_000
_MOST_BYTES = 32 * 1024 * 1024  # of pages, so that a chunk of long ones stays small too


@dataclass(slots=True)
class Chunk:
    """What some pages gave: as much as one transaction takes in. `read` counts entries of pages, refused ones too."""

    pages: int = 0
    silent: int = 0
    page_bytes: int = 0
    facts: list[PastBuild] = field(default_factory=list)
    refused: list[tuple[str, PageRefused]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether it is time to write it down."""
        full = len(self.facts) + len(self.refused) >= _MOST_FACTS or self.pages >= _MOST_FACTS
        return full or self.page_bytes >= _MOST_BYTES

    def count(self, page: Page | PageRefused, length: int) -> None:
        """Count a page that was read."""
        self.pages += 1
        self.page_bytes += length
        self.silent += isinstance(page, Page) and page.says_nothing


@dataclass(slots=True)
class _Last:
    """What a page said of its platforms when it last changed; a platform that went keeps its digest."""

    at: datetime
    digests: dict[str, str] = field(default_factory=dict)


class Changes:
    """The facts of a history, version by version in order of time: each change of a platform's digest is one.

    It keeps one digest per page and platform, whatever the length of the history.
    """

    def __init__(self, now: datetime) -> None:
        self._latest = now + _LEEWAY
        self._pages: dict[str, _Last] = {}

    def take(self, version: PageVersion, page: Page | PageRefused, chunk: Chunk) -> None:
        """Put into the chunk what this version says that the one before it did not."""
        place = f"{version.path}@{version.commit[:12]}"
        try:
            repository, tag = subject(version.path, page)
            at = happened(version.at, self._latest, "the commit's time")
        except PageRefused as refused:
            chunk.refused.append((place, refused))
            return
        last = self._pages.get(version.path) or _Last(FIRST)
        at = max(at, last.at + _NEXT)  # commits of one second, or of a clock that went back, keep their order
        source = f"repo-info {version.commit[:12]}"
        for section, image in _images(page, place, last.digests, chunk):
            last.at, last.digests[section.platform] = at, section.digest
            fact = PastBuild(
                repository, tag, section.platform, at, image.manifest, Origin.IMPORT, source=source, place=place
            )
            chunk.facts.append(fact)
        self._pages[version.path] = last


def take_alone(path: str, page: Page | PageRefused, now: datetime, chunk: Chunk) -> None:
    """Put into the chunk what a page without history says: its layers' dates, or its steps', tell since when."""
    try:
        repository, tag = subject(path, page)
    except PageRefused as refused:
        chunk.refused.append((path, refused))
        return
    for section, image in _images(page, path, {}, chunk):
        try:
            at = happened(image.modified_at or image.manifest.created_at, now + _LEEWAY, "its newest date")
        except PageRefused as refused:
            chunk.refused.append((f"{path} {section.platform}", refused))
            continue
        fact = PastBuild(repository, tag, section.platform, at, image.manifest, Origin.IMPORT, source=path, place=path)
        chunk.facts.append(fact)


def _images(
    page: Page | PageRefused, place: str, known: dict[str, str], chunk: Chunk
) -> Iterator[tuple[Section, Image]]:
    """The platforms of a page whose digest is not the known one; those that cannot be right are refused."""
    if isinstance(page, PageRefused):
        return
    chunk.refused += [(f"{place} {platform}", refused) for platform, refused in page.refused]
    for section in page.sections:
        if known.get(section.platform) == section.digest:
            continue
        try:
            yield section, section.read()
        except PageRefused as refused:
            chunk.refused.append((f"{place} {section.platform}", refused))


def subject(path: str, page: Page | PageRefused) -> tuple[Repository, str]:
    """Repository and tag by the page's title; PageRefused where a path such as `repos/x/remote/y.md` says otherwise."""
    if isinstance(page, PageRefused):
        raise page
    return _subject(path, page.title)


@lru_cache(maxsize=8192)
def _subject(path: str, title: str) -> tuple[Repository, str]:
    name, _, tag = title.rpartition(":")
    *_, folder, kind, file = ["", "", *path.split("/")]
    if kind == "remote" and f"{folder}:{file.removesuffix('.md')}" != title:
        raise PageRefused("the page's title is another tag than its path", title)
    if not is_tag(tag):
        raise PageRefused("the page's title names no tag", title)
    try:
        return Repository.parse(name), tag
    except ReferenceInvalid as error:
        raise PageRefused("the page's title names no image", str(error)) from None


def happened(at: datetime | None, latest: datetime, what: str) -> datetime:
    """The moment itself; PageRefused if there is none, or one that cannot be."""
    if at is None:
        raise PageRefused("no date: neither its layers nor its steps have one")
    if at < FIRST:
        raise PageRefused(f"{what} is before 2013", at.isoformat())
    if at > latest:
        raise PageRefused(f"{what} is in the future", at.isoformat())
    return at
