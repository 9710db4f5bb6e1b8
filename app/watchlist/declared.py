"""`tarewatch.toml`: the watch list as a file, read strictly, and written."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from app.watchlist.spec import WatchInvalid, WatchSpec
from app.watchlist.watches import WatchInfo

_HEADER = re.compile(r"[ \t]*\[\[[ \t]*watches[ \t]*\]\]")
_KEYS = {"image": str, "platforms": list, "interval": str, "paused": bool}
_WORDS = {str: "a text", list: "a list of texts", bool: "true or false"}
_MOST_BYTES = 5_000_000


class DeclarationInvalid(ValueError):
    """The file cannot be applied; str() begins with its name, and the line where it is known."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A watch that the file asks for."""

    spec: WatchSpec
    paused: bool = False


def load_declared(path: Path) -> tuple[Declared, ...]:
    """The watches of a file; DeclarationInvalid says what is wrong in which line, table and key."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise DeclarationInvalid(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DeclarationInvalid(f"{path} is not UTF-8 text") from None
    if len(content) > _MOST_BYTES:
        raise DeclarationInvalid(f"{path} is longer than {_MOST_BYTES:,} bytes")
    return parse_declared(text, str(path))


def parse_declared(text: str, name: str) -> tuple[Declared, ...]:
    """The watches of a file's text; `name` is what messages call the file."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DeclarationInvalid(f"{name}: {error or 'nested too deep'}") from None
    for key in document:
        if key != "watches":
            raise DeclarationInvalid(
                f"{_place(name, _line_of_key(text, key))}: {key!r} is not known here; there is [[watches]]"
            )
    tables = document.get("watches", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise DeclarationInvalid(f"{_place(name, _line_of_key(text, 'watches'))}: write [[watches]], once for each")
    return _all_declared(tables, _places(text, name, len(tables)))


def _places(text: str, name: str, count: int) -> list[str]:
    """How messages name each table: by line where every header is found, and by number."""
    lines = [number for number, line in enumerate(text.split("\n"), 1) if _HEADER.match(line)]
    known = lines if len(lines) == count else [None] * count
    return [f"{_place(name, line)}: watches[{index}]" for index, line in enumerate(known)]


def _place(name: str, line: int | None) -> str:
    return f"{name}:{line}" if line else name


def _line_of_key(text: str, key: str) -> int | None:
    """The line of a top-level key or table; None where it is written in an unusual way."""
    begins = re.compile(rf"[ \t]*\[*[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*[\].=]")
    return next((number for number, line in enumerate(text.split("\n"), 1) if begins.match(line)), None)


def _all_declared(tables: Iterable[Mapping[str, Any]], places: list[str]) -> tuple[Declared, ...]:
    found: dict[tuple[object, str], tuple[int, Declared]] = {}
    for index, (table, place) in enumerate(zip(tables, places, strict=True)):
        one = _declared(table, place)
        key = (one.spec.repository, one.spec.tag_pattern)
        if key in found:
            raise DeclarationInvalid(f"{place}.image: {one.spec} is watches[{found[key][0]}] already")
        found[key] = index, one
    return tuple(one for _, one in found.values())


def _declared(table: Mapping[str, Any], place: str) -> Declared:
    for key, value in table.items():
        _check(key, value, place)
    if "image" not in table:
        raise DeclarationInvalid(f"{place}.image: is missing")
    try:
        spec = WatchSpec.parse(table["image"], table.get("platforms"), table.get("interval"))
    except WatchInvalid as error:
        raise DeclarationInvalid(f"{place}.{error.field}: {error}") from None
    return Declared(spec, table.get("paused", False))


def _check(key: str, value: object, place: str) -> None:
    kind = _KEYS.get(key)
    if kind is None:
        near = get_close_matches(key, _KEYS, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(_KEYS)}"
        raise DeclarationInvalid(f"{place}.{key}: no such key{hint}")
    texts = not isinstance(value, list) or all(isinstance(one, str) for one in value)
    if not isinstance(value, kind) or not texts:
        raise DeclarationInvalid(f"{place}.{key}: is to be {_WORDS[kind]}")


def as_toml(watches: Iterable[WatchInfo]) -> str:
    """The watch list in the shape that `load_declared` reads."""
    return "\n".join(_table(watch) for watch in watches)


def _table(watch: WatchInfo) -> str:
    lines = ["[[watches]]", f"image = {_text(str(watch.spec))}"]
    if watch.spec.platforms:
        lines.append(f"platforms = [{', '.join(_text(one) for one in watch.spec.platforms)}]")
    if watch.spec.interval:
        lines.append(f"interval = {_text(interval_text(int(watch.spec.interval.total_seconds())))}")
    if watch.paused:
        lines.append("paused = true")
    return "\n".join(lines) + "\n"


def interval_text(seconds: int) -> str:
    """ "6h", "90m" or "75s": the largest unit that leaves no rest."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _text(text: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's, which wants DEL escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
