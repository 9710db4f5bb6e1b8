"""Facts from a JSONL file: an object per line, the same names as in CSV, and lists of layers."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO

import orjson

from app.exchange.columns import COLUMNS, LAYER_LIST, column_of, ignoring
from app.exchange.facts import MOST_BYTES, MOST_LAYERS, FactParser, whole_number
from app.exchange.refusals import FileRefused, RowRefused
from app.exchange.report import Report
from app.exchange.source import UNREADABLE, Source
from app.history.observations import LayerFound
from app.history.past import PastBuild
from app.registry.image_config import LONGEST_STEP
from app.registry.reference import is_digest

_LONGEST_LINE_BYTES = 16 * 2**20
_LONGEST_MEDIA_TYPE = 128
_BOM = b"\xef\xbb\xbf"
_MOST_IGNORED = 100

_Key = tuple[int, str]  # the place of a column in `Cells`, its name


def read_jsonl(source: Source, report: Report, now: datetime) -> Iterator[PastBuild]:
    """The facts of a JSONL file; what is refused goes into the report. FileRefused if it cannot be read as a whole."""
    reader = _Reader(FactParser(source.name, now))
    line = 0
    try:
        for line, content in _lines(source.content()):
            report.read += 1
            try:
                yield reader.fact(_object(content), line)
            except RowRefused as refused:
                report.refuse(f"{source.name}:{line}", refused.reason, refused.detail)
    except UNREADABLE as error:
        raise FileRefused(f"{source.name}:{line}", f"cannot be read: {error}") from None
    if reader.ignored:
        report.notes.append(ignoring(sorted(reader.ignored)))


def _lines(content: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Every line with its number, without the empty ones; an over-long one as it begins."""
    number = 0
    while line := content.readline(_LONGEST_LINE_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(_BOM)
        rest = line
        while len(rest) == _LONGEST_LINE_BYTES and not rest.endswith(b"\n"):
            rest = content.readline(_LONGEST_LINE_BYTES)
        if not line.isspace():
            yield number, line


def _object(line: bytes) -> dict[str, Any]:
    if len(line) == _LONGEST_LINE_BYTES:
        raise RowRefused(f"a line of more than {_LONGEST_LINE_BYTES:,} bytes")
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise RowRefused("not JSON", str(error)) from None
    if not isinstance(found, dict):
        raise RowRefused("not a JSON object")
    return found


class _Reader:
    """Makes facts of objects; `ignored` are the keys that mean nothing to us."""

    def __init__(self, parser: FactParser) -> None:
        self.ignored: set[str] = set()
        self._parser = parser
        self._columns: dict[str, _Key | None] = {}

    def fact(self, found: dict[str, Any], line: int) -> PastBuild:
        """The fact that an object states; RowRefused."""
        cells = [""] * len(COLUMNS)
        stated: set[str] = set()
        for key, value in found.items():
            column = self._column(key)
            if column is None or value is None or (column[1] == "layers" and isinstance(value, list)):
                continue
            if column[1] in stated:
                raise RowRefused("a value is given twice", f"{column[1]} by {key!r} too")
            stated.add(column[1])
            cells[column[0]] = _cell(key, value)
        return self._parser.fact(tuple(cells), line, own="origin" in found, layers=_layers(found))

    def _column(self, key: str) -> _Key | None:
        if key not in self._columns:
            name = column_of(key)
            if name is None and key != LAYER_LIST and len(self.ignored) < _MOST_IGNORED:
                self.ignored.add(key)
            if len(self._columns) >= _MOST_IGNORED:
                return (COLUMNS.index(name), name) if name else None
            self._columns[key] = (COLUMNS.index(name), name) if name else None
        return self._columns[key]


def _cell(key: str, value: Any) -> str:
    """The value as a CSV cell would state it."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise RowRefused("neither text nor a whole number", f"{key} is {_shown(value)}")


def _layers(found: dict[str, Any]) -> tuple[LayerFound, ...]:
    """The list of layers, called `layer_list` or, where it is no number, `layers`."""
    layers = found.get(LAYER_LIST)
    if layers is None and isinstance(found.get("layers"), list):
        layers = found["layers"]
    if layers is None:
        return ()
    if not isinstance(layers, list) or len(layers) > MOST_LAYERS:
        raise RowRefused(f"not a list of at most {MOST_LAYERS:,} layers")
    return tuple(_layer(layer) for layer in layers)


def _layer(stated: Any) -> LayerFound:
    if not isinstance(stated, dict):
        raise RowRefused("a layer that is no JSON object")
    digest = _layer_text(stated, "digest")
    media_type = _layer_text(stated, "media_type")
    diff_id = _layer_text(stated, "diff_id") or None
    amount = stated.get("compressed_bytes", stated.get("size"))
    if not is_digest(digest) or (diff_id and not is_digest(diff_id)):
        raise RowRefused("a layer with something else than a digest", repr((digest, diff_id))[:180])
    if len(media_type) > _LONGEST_MEDIA_TYPE:
        raise RowRefused("a layer with a longer media type than there are", repr(media_type[:80]))
    step = (_layer_text(stated, "step") or _layer_text(stated, "created_by"))[:LONGEST_STEP] or None
    layer_bytes = whole_number(_cell("compressed_bytes", amount), "a layer's compressed_bytes", MOST_BYTES)
    return LayerFound(digest, media_type, layer_bytes, diff_id, step)


def _layer_text(stated: dict[str, Any], key: str) -> str:
    text = stated.get(key)
    if text is None:
        return ""
    if not isinstance(text, str) or "\0" in text:
        raise RowRefused("a layer's value is no text", f"{key} is {_shown(text)}")
    return text


def _shown(value: Any) -> str:
    return str(value)[:80]
