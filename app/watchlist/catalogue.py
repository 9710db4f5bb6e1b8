"""catalogue.toml, and a file of the same shape by the operator: sibling patterns read and checked once."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from app.registry.reference import ReferenceInvalid, Repository
from app.watchlist.defaults import CATALOGUE
from app.watchlist.patterns import PatternInvalid, PatternTemplate, TagPattern
from app.watchlist.siblings import Catalogue, Family, Moves, Rule, Switch

_LARGEST_FILE = 1024 * 1024  # bytes
_LONGEST_LINE = 64  # characters of a release line's name

Table = Mapping[str, Any]


class CatalogueInvalid(ValueError):
    """A file of sibling patterns that cannot be used; str() is one line with the file, the place and the reason."""


def load_catalogue(own: Path | None = None) -> Catalogue:
    """The patterns that come with Tarewatch, after those of the operator's own file; CatalogueInvalid if it is bad."""
    ours = _ours()
    if own is None:
        return ours
    theirs = _read(own)
    return Catalogue(theirs.families + ours.families, theirs.moves + ours.moves)


@cache
def _ours() -> Catalogue:
    return _read(CATALOGUE, ("watches", "platforms"))


def _read(path: Path, also: tuple[str, ...] = ()) -> Catalogue:
    try:
        with path.open("rb") as file:
            body = file.read(_LARGEST_FILE + 1)
    except OSError as problem:
        raise CatalogueInvalid(f"{path} cannot be read: {problem.strerror}") from None
    if len(body) > _LARGEST_FILE:
        raise CatalogueInvalid(f"{path}: larger than {_LARGEST_FILE} bytes")
    try:
        document = tomllib.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise CatalogueInvalid(f"{path} is not valid TOML: {problem}") from None
    return _Reader(path).catalogue(document, also)


class _Reader:
    """Turns tables into values; every complaint names the file and the place in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def catalogue(self, document: Table, also: tuple[str, ...]) -> Catalogue:
        self._only(document, {"siblings", "moves", *also}, "the file")
        families = tuple(self._family(table, place) for table, place in self._tables(document, "siblings"))
        moves = tuple(self._moves(table, place) for table, place in self._tables(document, "moves"))
        return Catalogue(families, moves)

    def _wrong(self, place: str, reason: str) -> NoReturn:
        raise CatalogueInvalid(f"{self._path}: {place}: {reason}")

    def _only(self, table: Table, known: set[str], place: str) -> None:
        for key in table:
            if key not in known:
                self._wrong(place, f"{key!r:.60} is not known here; there are {', '.join(sorted(known))}")

    def _tables(self, table: Table, key: str, place: str = "") -> Iterator[tuple[Table, str]]:
        entries = table.get(key, [])
        where = f"{place}.{key}" if place else key
        if not isinstance(entries, list):
            self._wrong(where, "is not a list of tables")
        for number, entry in enumerate(entries, 1):
            if not isinstance(entry, dict):
                self._wrong(f"{where}[{number}]", "is not a table")
            yield entry, f"{where}[{number}]"

    def _family(self, table: Table, place: str) -> Family:
        self._only(table, {"repositories", "rules"}, place)
        rules = tuple(self._rule(rule, where) for rule, where in self._tables(table, "rules", place))
        if not rules:
            self._wrong(place, "rules are missing")
        return Family(self._repositories(table, place), rules)

    def _rule(self, table: Table, place: str) -> Rule:
        self._only(table, {"tags", "siblings"}, place)
        tags = self._pattern(table, place)
        text = self._text(table, "siblings", place)
        try:
            siblings = PatternTemplate.parse(text)
        except PatternInvalid as problem:
            self._wrong(f"{place}.siblings", str(problem))
        strange = siblings.holes - set(tags.regex.groupindex) - {"line"}
        if strange:
            self._wrong(f"{place}.siblings", f"{{{min(strange)}}} is no group of tags = {tags.text!r}")
        return Rule(tags, siblings)

    def _moves(self, table: Table, place: str) -> Moves:
        self._only(table, {"repositories", "tags", "lines"}, place)
        switches = tuple(self._switch(line, where) for line, where in self._tables(table, "lines", place))
        if not switches:
            self._wrong(place, "lines are missing")
        later = [switch.since for switch in switches[1:]]
        dates = [switch.since for switch in switches if switch.since is not None]
        if None in later or dates != sorted(set(dates)):
            self._wrong(
                f"{place}.lines", "every line but the first needs a day `since`, each later than the one before"
            )
        return Moves(self._repositories(table, place), self._pattern(table, place), switches)

    def _switch(self, table: Table, place: str) -> Switch:
        self._only(table, {"line", "since"}, place)
        line, since = self._text(table, "line", place), table.get("since")
        if not line or len(line) > _LONGEST_LINE:
            self._wrong(f"{place}.line", f"has from 1 to {_LONGEST_LINE} characters")
        if since is not None and (not isinstance(since, date) or isinstance(since, datetime)):
            self._wrong(f"{place}.since", "is not a day: write 2026-05-04, without quotes")
        return Switch(line, since)

    def _repositories(self, table: Table, place: str) -> tuple[str, ...]:
        names = table.get("repositories")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            self._wrong(f"{place}.repositories", 'must be a list of names, such as ["debian", "ghcr.io/example/*"]')
        return tuple(self._repository(name, place) for name in names)

    def _repository(self, name: str, place: str) -> str:
        stem = name.removesuffix("/*")
        try:
            full = str(Repository.parse(f"{stem}/x" if stem != name else name))
        except ReferenceInvalid as problem:
            self._wrong(f"{place}.repositories", str(problem))
        return f"{full.removesuffix('/x')}/*" if stem != name else full

    def _pattern(self, table: Table, place: str) -> TagPattern:
        try:
            return TagPattern.parse(self._text(table, "tags", place))
        except PatternInvalid as problem:
            self._wrong(f"{place}.tags", str(problem))

    def _text(self, table: Table, key: str, place: str) -> str:
        text = table.get(key)
        if not isinstance(text, str):
            self._wrong(f"{place}.{key}", "is missing" if text is None else "is not text")
        return text
