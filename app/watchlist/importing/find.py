"""Find the images that files name: one file, or every file below a folder. Reads, and runs nothing."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from app.watchlist.importing.compose import read_env
from app.watchlist.importing.dockerfile import read_dockerfile
from app.watchlist.importing.found import Build, Findings, Found, Mention, Skipped, judged, shown_path
from app.watchlist.importing.kinds import Kind, NotRead, kind_by_content, kind_by_name, read
from app.watchlist.importing.walk import Ended, Limits, Unreadable, files_below, read_text
from app.watchlist.importing.yaml_tree import YamlInvalid

_LONGEST_PATH = 900  # with a line number it fits into a database's column
_TOO_LONG = "its path is too long"
_DEFAULT_LIMITS = Limits()


class ImportPathInvalid(ValueError):
    """There is nothing to import at a path; str() says why."""


@dataclass(slots=True)
class _Search:
    """One search below `folder`, and what it has found so far."""

    folder: Path
    limits: Limits
    found: dict[tuple[str, str, object], Found] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    files: int = 0
    variables: dict[PurePath, dict[str, str]] = field(default_factory=dict)
    built: set[tuple[str, frozenset[tuple[str, str]]]] = field(default_factory=set)  # Dockerfiles with arguments

    def is_new(self, file: str, build: Build) -> bool:
        """Whether this Dockerfile was not read with these arguments before; Ended where there are too many."""
        before = len(self.built)
        self.built.add((file, frozenset(build.args.items())))
        if len(self.built) > self.limits.builds:
            raise Ended(f"more than {self.limits.builds} Dockerfiles of services")
        return len(self.built) > before

    def add(self, file: str, mentions: Iterable[Mention]) -> None:
        for mention in mentions:
            one = judged(mention, file)
            self.found.setdefault((one.location, one.where, one.spec), one)

    def skip(self, file: str, reason: str) -> None:
        one = Skipped(file, reason)
        if one not in self.skipped:
            self.skipped.append(one)


def find_images(path: Path, limits: Limits = _DEFAULT_LIMITS) -> Findings:
    """What a file or the files below a folder name; ImportPathInvalid where there is neither."""
    root = _root(path)
    search, complete = _Search(root if root.is_dir() else root.parent, limits), True
    try:
        for one in files_below(root, limits) if root.is_dir() else [PurePath(root.name)]:
            if isinstance(one, Skipped):
                search.skipped.append(one)
            else:
                _read_file(search, one, kind_by_name(one))
    except Ended as error:
        search.skipped.append(Skipped(".", f"{error}: the search ended there"))
        complete = False
    return Findings(str(root), tuple(_told(search.found.values())), tuple(search.skipped), search.files, complete)


def _root(path: Path) -> Path:
    try:
        root = path.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImportPathInvalid(f"{path} cannot be imported: {reason}") from None
    if not root.is_dir() and not root.is_file():
        raise ImportPathInvalid(f"{path} cannot be imported: neither a file nor a folder")
    if not str(root).isprintable() or len(str(root)) > _LONGEST_PATH:
        raise ImportPathInvalid(f"{path!s:.100} cannot be imported: its path is too long, or has unprintable signs")
    return root


def _read_file(search: _Search, path: PurePath, kind: Kind | None) -> None:
    file = shown_path(path)
    if len(file) > _LONGEST_PATH:
        search.skip(file[:100], _TOO_LONG)
        return
    try:
        text = read_text(search.folder / path, search.limits.file_bytes)
        kind = kind or kind_by_content(text)
        variables = _variables(search, path.parent) if kind == Kind.YAML else {}
        mentions = list(read(kind, text, variables))
    except (NotRead, Unreadable, YamlInvalid) as error:
        search.skip(file, str(error))
        return
    search.files += 1
    search.add(file, (one for one in mentions if isinstance(one, Mention)))
    for build in mentions:
        if isinstance(build, Build):
            _follow(search, path, build)


def _variables(search: _Search, folder: PurePath) -> dict[str, str]:
    """Those of the `.env` file in a folder; compose reads them for what stands beside it."""
    if folder not in search.variables:
        env = search.folder / folder / ".env"
        try:
            text = read_text(env, search.limits.file_bytes) if _is_inside(search, env) else ""
        except Unreadable:
            text = ""
        search.variables[folder] = read_env(text)
    return search.variables[folder]


def _follow(search: _Search, compose: PurePath, build: Build) -> None:
    """Read the Dockerfile of a service with the arguments that it gives; nothing outside of what is imported."""
    path = search.folder / compose.parent / build.dockerfile
    here = shown_path(compose)
    if not _is_inside(search, path):
        reason = "its Dockerfile is not there, or outside of what is imported"
        search.add(here, [Mention(build.dockerfile, build.line, build.where, reason)])
        return
    file = shown_path(PurePath(os.path.relpath(path.resolve(), search.folder)))
    if len(file) > _LONGEST_PATH:
        search.skip(file[:100], _TOO_LONG)
        return
    if not search.is_new(file, build):
        return
    try:
        text = read_text(path, search.limits.file_bytes)
    except Unreadable as error:
        search.skip(file, str(error))
        return
    search.add(file, read_dockerfile(text, build.args))


def _is_inside(search: _Search, path: Path) -> bool:
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return False
    return resolved.is_relative_to(search.folder) and resolved.is_file()


def _told(found: Iterable[Found]) -> Iterator[Found]:
    """By place; what could not be told is left out where somebody else could tell it."""
    every = sorted(found, key=lambda one: (one.file, _line(one), one.text))
    told = {(one.location, one.where) for one in every if one.spec is not None}
    return (one for one in every if one.spec is not None or (one.location, one.where) not in told)


def _line(found: Found) -> int:
    return int(found.location.rpartition(":")[2])
