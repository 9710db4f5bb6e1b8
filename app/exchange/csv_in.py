"""Facts from a CSV file: streamed, whatever its line ends, quotes and mistakes."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from operator import itemgetter

from app.exchange.cells import plain
from app.exchange.columns import COLUMNS, Cells, Header, ignoring
from app.exchange.facts import FactParser
from app.exchange.refusals import FileRefused, RowRefused
from app.exchange.report import Report
from app.exchange.source import UNREADABLE, Source
from app.history.past import PastBuild

_LONGEST_LINE = 2**18  # characters
_MOST_LINES = 100  # of one row, by quoted line ends; a quote that is never closed ends there
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SOURCE, _MEDIA_TYPE = COLUMNS.index("source"), COLUMNS.index("media_type")


class _Lines:
    """The lines of a text, over-long ones cut and told; `number` is that of the line given last."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.number = 0
        self.of_row = 0
        self._text = text

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(_LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        self.of_row += 1
        if self.of_row > _MOST_LINES:
            raise RowRefused(f"a row of more than {_MOST_LINES} lines: a quote is not closed")
        if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
            self._skip()
            raise RowRefused(f"a line of more than {_LONGEST_LINE:,} characters")
        if not line.isascii():
            _require_utf8(line)
        return line

    def _skip(self) -> None:
        while (rest := self._text.readline(_LONGEST_LINE)) and rest[-1] not in "\r\n":
            pass


def read_csv(source: Source, report: Report, now: datetime) -> Iterator[PastBuild]:
    """The facts of a CSV file; what is refused goes into the report. FileRefused if it cannot be read as a whole."""
    text = io.TextIOWrapper(source.content(), encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines = _Lines(text)
    try:
        rows = csv.reader(lines, strict=True)
        header = _header(source, lines, rows)
        if header.ignored:
            report.notes.append(ignoring(header.ignored))
        every = _rows(rows, lines, report, source.name)
        yield from _facts(every, header, FactParser(source.name, now), report, source.name)
    except UNREADABLE as error:
        raise FileRefused(f"{source.name}:{lines.number}", f"cannot be read: {error}") from None
    finally:
        text.detach()


def _header(source: Source, lines: _Lines, rows: Iterator[list[str]]) -> Header:
    try:
        return Header.parse(next(rows, []))
    except (RowRefused, csv.Error) as error:
        raise FileRefused(f"{source.name}:{max(lines.number, 1)}", str(error)) from None


def _facts(
    rows: Iterator[tuple[int, list[str]]], header: Header, parser: FactParser, report: Report, name: str
) -> Iterator[PastBuild]:
    pick: Callable[[list[str]], Cells] = itemgetter(*header.places)
    own = header.has_origin
    for line, row in rows:
        try:
            yield parser.fact(_cells(row, header, pick), line, own=own)
        except RowRefused as refused:
            report.refuse(f"{name}:{line}", refused.reason, refused.detail)


def _rows(rows: Iterator[list[str]], lines: _Lines, report: Report, name: str) -> Iterator[tuple[int, list[str]]]:
    """Every row with the number of its first line; empty lines are none."""
    while True:
        lines.of_row, line = 0, lines.number + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            report.read += 1
            report.refuse(f"{name}:{line}", "not CSV", str(error))
            continue
        except RowRefused as refused:
            report.read += 1
            report.refuse(f"{name}:{line}", refused.reason, refused.detail)
            continue
        if row is None:
            return
        if row:
            report.read += 1
            yield line, row


def _cells(row: list[str], header: Header, pick: Callable[[list[str]], Cells]) -> Cells:
    if len(row) != header.width:
        raise RowRefused("a row with another number of cells than the header", f"{len(row)}, not {header.width}")
    row.append("")  # what the places of columns that the file lacks lead to
    cells = pick(row)
    return _unguarded(cells) if cells[_SOURCE] or cells[_MEDIA_TYPE] else cells


def _unguarded(cells: Cells) -> Cells:
    found = list(cells)
    for place in (_SOURCE, _MEDIA_TYPE):
        found[place] = plain(cells[place])
    return tuple(found)


def _require_utf8(line: str) -> None:
    try:
        line.encode()
    except UnicodeEncodeError:
        utf16 = "; it looks like UTF-16" if line.encode(errors="surrogateescape")[:2] in _UTF16 else ""
        raise RowRefused("not UTF-8", f"save the file as UTF-8{utf16}") from None
