"""Files below a folder: bounded, in one order, following no symbolic link, and what could not be looked into."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from app.watchlist.importing.found import Skipped, shown_path
from app.watchlist.importing.kinds import kind_by_name

_PASSED_OVER = {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".terraform"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read at most; beyond it the search ends, or the file is passed over.

    `builds`: Dockerfiles that services are built from, once for each set of arguments.
    """

    entries: int = 300_000
    files: int = 20_000
    depth: int = 50
    builds: int = 1_000
    file_bytes: int = 1_000_000


class Ended(Exception):
    """A limit ended the search; str() says which."""


def files_below(root: Path, limits: Limits) -> Iterator[PurePath | Skipped]:
    """Relative paths of files whose names promise images, and what was passed over; Ended at a limit."""
    entries = files = 0
    queue = [PurePath()]
    while queue:
        folder = queue.pop()
        try:
            found = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Skipped(shown_path(folder), f"cannot be read: {error.strerror}")
            continue
        entries += len(found)
        if entries > limits.entries:
            raise Ended(f"more than {limits.entries} files and folders")
        below = []
        for entry in found:
            path = folder / entry.name
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _PASSED_OVER and len(path.parts) <= limits.depth:
                    below.append(path)
            elif kind_by_name(path) is not None:
                files += 1
                if files > limits.files:
                    raise Ended(f"more than {limits.files} files that may name images")
                yield path if entry.is_file(follow_symlinks=False) else Skipped(shown_path(path), _strange(entry))
        queue.extend(reversed(below))


def _strange(entry: "os.DirEntry[str]") -> str:
    return "a symbolic link" if entry.is_symlink() else "no regular file"


class Unreadable(ValueError):
    """The file is not read; str() says why."""


def read_text(path: Path, limit: int) -> str:
    """A file's text, line ends as they are; Unreadable when it is too long, binary, or cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise Unreadable(f"longer than {limit:,} bytes")
    if b"\0" in content:
        raise Unreadable("a binary file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("not UTF-8 text") from None
