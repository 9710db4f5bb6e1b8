"""What a registry holds: documents and blobs by digest, and for every tag where it pointed at which time."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from app.imitation.documents import Document


@dataclass(slots=True)
class Timeline:
    """The past and future of one tag; `None` is a tag that is gone."""

    times: list[datetime] = field(default_factory=list)
    digests: list[str | None] = field(default_factory=list)

    def put(self, at: datetime, digest: str | None) -> None:
        position = bisect_right(self.times, at)
        self.times.insert(position, at)
        self.digests.insert(position, digest)

    def at(self, now: datetime) -> str | None:
        position = bisect_right(self.times, now)
        return self.digests[position - 1] if position else None

    def until(self, now: datetime) -> list[tuple[datetime, str | None]]:
        """What happened up to now, oldest first."""
        return list(zip(self.times, self.digests, strict=True))[: bisect_right(self.times, now)]


@dataclass(slots=True)
class Contents:
    """One repository. Digests stay readable for ever, as long as nobody collects garbage."""

    tags: dict[str, Timeline] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def keep(self, document: Document) -> None:
        self.documents[document.digest] = document
        self.blobs.update(document.blobs)
        for child in document.children:
            self.keep(child)

    def uploads(self, now: datetime) -> dict[str, datetime]:
        """Every document that a tag ever named until now, and when the first tag did."""
        found: dict[str, datetime] = {}
        for timeline in self.tags.values():
            for at, digest in timeline.until(now):
                if digest is not None:
                    found[digest] = min(at, found.get(digest, at))
        return found


class World:
    """Everything on one registry host, at all times. Times are aware; looking up takes the time of asking."""

    def __init__(self) -> None:
        self.repositories: dict[str, Contents] = {}

    def push(self, repository: str, tag: str, document: Document, *, at: datetime) -> Document:
        """From `at` on the tag points at `document`, which is given back."""
        contents = self.repositories.setdefault(repository, Contents())
        contents.keep(document)
        contents.tags.setdefault(tag, Timeline()).put(at, document.digest)
        return document

    def remove(self, repository: str, tag: str, *, at: datetime) -> None:
        """From `at` on the tag is unknown; what it pointed at can still be had by digest."""
        self.repositories[repository].tags[tag].put(at, None)

    def resolve(self, repository: str, tag: str, now: datetime) -> Document | None:
        contents = self.repositories.get(repository)
        timeline = contents.tags.get(tag) if contents else None
        digest = timeline.at(now) if timeline else None
        return contents.documents[digest] if contents and digest else None

    def document(self, repository: str, digest: str) -> Document | None:
        contents = self.repositories.get(repository)
        return contents.documents.get(digest) if contents else None

    def blob(self, repository: str, digest: str) -> bytes | None:
        contents = self.repositories.get(repository)
        return contents.blobs.get(digest) if contents else None

    def any_blob(self, digest: str) -> bytes | None:
        """A blob wherever it is: content delivery networks know no repositories."""
        return next((c.blobs[digest] for c in self.repositories.values() if digest in c.blobs), None)

    def tags(self, repository: str, now: datetime) -> list[str] | None:
        """Tags that exist now in the order of their first push, or None for an unknown repository."""
        contents = self.repositories.get(repository)
        if contents is None:
            return None
        alive = [(line.times[0], tag) for tag, line in contents.tags.items() if line.at(now)]
        return [tag for _, tag in sorted(alive)]

    def changes(self) -> Iterator[tuple[datetime, str, str, str | None]]:
        """Every (time, repository, tag, digest or None) in no particular order."""
        for repository, contents in self.repositories.items():
            for tag, timeline in contents.tags.items():
                for at, digest in zip(timeline.times, timeline.digests, strict=True):
                    yield at, repository, tag, digest
