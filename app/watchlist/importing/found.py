"""What files mention, as plain values: images, where they stand, and why some of them cannot be told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from app.registry.reference import Reference, ReferenceInvalid
from app.watchlist.spec import WatchInvalid, WatchSpec

_LONGEST_SHOWN = 200
_DIGEST_ONLY = "pinned to a digest: there is no tag to watch"


@dataclass(frozen=True, slots=True)
class Mention:
    """An image as a file names it; `where` is its place in the file ("stage build", "service web").

    `problem`: why it cannot be told which image it is. `pattern`: it may be a glob over tags.
    """

    text: str
    line: int
    where: str = ""
    problem: str | None = None
    pattern: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """A compose service that is built: its Dockerfile, relative to the compose file, and the arguments it gets."""

    dockerfile: str
    line: int
    where: str
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """One mention: `location` is "api/Dockerfile:3"; either `spec` is what to watch, or `problem` says why not."""

    location: str
    where: str
    text: str
    spec: WatchSpec | None
    problem: str | None

    @property
    def file(self) -> str:
        """The location without its line."""
        return file_of(self.location)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was not read, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything found under one `root`, an absolute path. `complete` is False where a limit ended the search."""

    root: str
    found: tuple[Found, ...]
    skipped: tuple[Skipped, ...]
    files: int
    complete: bool = True


def file_of(location: str) -> str:
    """ "api/Dockerfile:3" -> "api/Dockerfile"."""
    return location.rpartition(":")[0]


def judged(mention: Mention, file: str) -> Found:
    """A mention as what to watch; a tag beside a digest counts, a digest alone names nothing that moves."""
    location, text = f"{file}:{mention.line}", shown(mention.text)
    if mention.problem is not None:
        return Found(location, shown(mention.where), text, None, shown(mention.problem))
    try:
        spec = WatchSpec.parse(mention.text) if mention.pattern else _spec(mention.text)
    except (ReferenceInvalid, WatchInvalid) as error:
        return Found(location, shown(mention.where), text, None, shown(str(error)))
    return Found(location, shown(mention.where), text, spec, None if spec else _DIGEST_ONLY)


def _spec(text: str) -> WatchSpec | None:
    reference = Reference.parse(text.strip())
    return WatchSpec(reference.repository, reference.tag) if reference.tag is not None else None


def shown(text: str) -> str:
    """Text of a stranger's file for a terminal or a database: printable, and not too long."""
    text = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def shown_path(path: PurePath) -> str:
    """A relative path with forward slashes, printable."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in path.as_posix())
