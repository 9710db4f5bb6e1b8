"""The page versions in a clone of docker-library/repo-info: one `git log`, one `git cat-file`, and never a checkout.

A clone may come from anybody, and git runs what a repository's configuration names (pagers, hooks, monitors, signature
checkers, transports), and reads what it names. Whatever could do so here is switched off; git's own check of who owns
the clone stays.
"""

import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, NoReturn

from app.exchange.refusals import FileRefused
from app.exchange.repo_info_page import LONGEST_PAGE
from app.exchange.report import printable

_PAGES = ":(glob)repos/*/remote/*.md"
_SETTINGS = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "log.follow=false",
    "log.showSignature=false",
    "log.mailmap=false",
    "protocol.allow=never",
]
# Every commit once, in order of time and never before its parents; of a merge only what none of its parents had.
_LOG = [
    "log", "-z", "--raw", "-c", "--date-order", "--reverse", "--full-history", "--root", "--no-abbrev", "--no-renames",
    "--no-relative", "--no-ext-diff", "--no-textconv", "--no-color", "--no-notes", "--no-show-signature",
    "-O/dev/null", "--encoding=UTF-8", "--format=%H %ct", "HEAD", "--", _PAGES,
]  # fmt: skip
_AHEAD = 100  # object names on their way to git; 4 KB, so that neither side waits for the other's full pipe
_BLOCK = 1024 * 1024
_PLAIN_FILE = "100"  # a regular file's mode begins so; symbolic links and submodules are no pages


@dataclass(frozen=True, slots=True)
class PageVersion:
    """A page as one commit left it. `blob` is "" where it is no plain file there."""

    path: str
    blob: str
    commit: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Clone:
    """A repository whose history has been listed; `count` page versions."""

    folder: Path
    is_shallow: bool
    count: int
    _listing: IO[bytes]

    def versions(self) -> Iterator[PageVersion]:
        """Every version of every page, oldest first."""
        return _versions(self._listing)

    @contextmanager
    def blobs(self) -> Iterator["Blobs"]:
        """The reader of blobs; its process ends with the block."""
        process = subprocess.Popen(  # noqa: S603 - git itself, no shell; names come from its own listing
            [*_command(self.folder), "cat-file", "--batch"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=_environment(self.folder), process_group=0,  # Ctrl+C is for us, who then end it
        )  # fmt: skip
        try:
            yield Blobs(process, self.folder)
        finally:
            process.kill()
            process.communicate()


class Blobs:
    """Contents by object name, through one running `git cat-file --batch`."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        self._ask, self._answer = process.stdin, process.stdout
        self._folder = folder

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Each blob in the order asked for; None where the clone lacks it. One longer than a page is cut off."""
        waiting, asked = iter(names), deque[str]()
        while True:
            if len(asked) <= _AHEAD // 2:
                more = list(islice(waiting, _AHEAD - len(asked)))
                self._send(more)
                asked.extend(more)
            if not asked:
                return
            name = asked.popleft()
            yield name, self._next()

    def _send(self, names: Sequence[str]) -> None:
        try:
            self._ask.write("".join(f"{name}\n" for name in names).encode("ascii"))
            self._ask.flush()
        except BrokenPipeError:
            self._ended()

    def _next(self) -> bytes | None:
        header = self._answer.readline(1024).split()
        if not header:
            self._ended()
        if len(header) != 3:
            return None
        length = int(header[2])
        body = self._answer.read(min(length, LONGEST_PAGE + 1))
        left = length - len(body) + 1  # and a line end
        while left > 0:
            skipped = self._answer.read(min(left, _BLOCK))
            if not skipped:
                self._ended()
            left -= len(skipped)
        return body

    def _ended(self) -> NoReturn:
        raise FileRefused(str(self._folder), "git ended in the middle of reading; `git fsck` there may say why")


def is_clone(path: Path) -> bool:
    """Whether path itself is a git repository: a work tree or a bare one. A folder inside of one is not."""
    parts = ("HEAD", "objects", "refs")
    return os.path.exists(path / ".git") or all(os.path.exists(path / name) for name in parts)  # never raises


@contextmanager
def open_clone(path: Path, *, patience: float = 60.0) -> Iterator[Clone]:
    """List the history of the clone at path; FileRefused if there is none. The list waits in a temporary file.

    `patience`: seconds for git to begin with; a clone's configuration may have it read what never ends.
    """
    shallow = _run(path, "rev-parse", "--is-shallow-repository", patience=patience)
    if not _run(path, "rev-parse", "--revs-only", "HEAD^{commit}", patience=patience):
        raise FileRefused(str(path), "a repository without commits")
    if "promisor" in _run(path, "config", "--list", "--local", "--name-only", patience=patience):
        raise FileRefused(str(path), "a partial clone, which lacks pages; clone it without --filter")
    with tempfile.TemporaryFile(prefix="tarewatch-") as listing:
        _run(path, *_LOG, into=listing)
        yield Clone(path, shallow == "true", sum(1 for _ in _versions(listing)), listing)


def _command(folder: Path) -> list[str]:
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    return ["git", "-C", str(folder), "--no-pager", "--no-replace-objects", *settings]


def _environment(folder: Path) -> Mapping[str, str]:
    """Nothing of git's own variables but ours: no other repository, no traces, no network, no questions."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_ALLOW_PROTOCOL": "none",  # over any protocol that the clone's configuration allows
        "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent),  # this repository or none
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _run(folder: Path, *words: str, into: IO[bytes] | None = None, patience: float | None = None) -> str:
    """What a git command prints, or nothing where it goes into a file; FileRefused with git's reason."""
    try:
        done = subprocess.run(  # noqa: S603 - git itself, no shell
            [*_command(folder), *words],
            stdin=subprocess.DEVNULL, stdout=into or subprocess.PIPE, stderr=subprocess.PIPE,
            env=_environment(folder), check=False, timeout=patience,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FileRefused(str(folder), "git does not come to an end; `git config --list` there may say why") from None
    except FileNotFoundError:
        raise FileRefused(str(folder), "git is not installed, and the history of a clone is read with it") from None
    if done.returncode:
        raise FileRefused(str(folder), _explained(folder, done.stderr.decode("utf-8", "replace")))
    return "" if into else done.stdout.decode("utf-8", "replace").strip()


def _explained(folder: Path, said: str) -> str:
    if "dubious ownership" in said:
        return (
            "it belongs to another user, and git does not read such clones: "
            f"run `git config --global --add safe.directory {folder.resolve()}`, or import as its owner"
        )
    lines = [line for line in said.splitlines() if line.strip()]
    return f"git cannot read it: {printable(lines[0]) if lines else 'it does not say why'}"


def _versions(listing: IO[bytes]) -> Iterator[PageVersion]:
    """The listing is "<commit> <time>", then ":<modes> <names> <status>" and a path for each change, all NUL-ended."""
    commit, at, change = "", datetime.fromtimestamp(0, UTC), b""
    for token in _tokens(listing):
        if change:
            mode, blob = _now(change)
            if set(blob) != {"0"}:
                yield PageVersion(token.decode("utf-8", "replace"), blob if mode else "", commit, at)
            change = b""
        elif token.lstrip(b"\n").startswith(b":"):
            change = token.lstrip(b"\n")
        elif token.strip():
            name, _, seconds = token.strip().partition(b" ")
            commit, at = name.decode("ascii"), _moment(int(seconds))


def _tokens(listing: IO[bytes]) -> Iterator[bytes]:
    listing.seek(0)
    rest = b""
    while block := listing.read(_BLOCK):
        *tokens, rest = (rest + block).split(b"\0")
        yield from tokens
    if rest:
        yield rest


def _now(change: bytes) -> tuple[bool, str]:
    """Whether it is a plain file after the change, and its blob; a merge has as many colons as parents."""
    parents = len(change) - len(change.lstrip(b":"))
    fields = change[parents:].decode("ascii").split(" ")
    return fields[parents].startswith(_PLAIN_FILE), fields[2 * parents + 1]


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # a commit's time may be any number
        return datetime.max.replace(tzinfo=UTC)
