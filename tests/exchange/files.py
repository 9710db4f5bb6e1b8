"""Small files of the shapes that people have, and reading them without a database."""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import orjson

from app.exchange.csv_in import read_csv
from app.exchange.jsonl_in import read_jsonl
from app.exchange.report import Report
from app.exchange.source import Source
from app.history.past import PastBuild

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
HEADER = "repository,tag,platform,first_seen_at,digest,compressed_bytes"


def digest(text: object) -> str:
    """A digest that is the same for the same text."""
    return f"sha256:{hashlib.sha256(str(text).encode()).hexdigest()}"


def row(**other: str) -> str:
    """A line of HEADER, with other cells where they are given."""
    cells = {
        "repository": "debian",
        "tag": "bookworm",
        "platform": "linux/amd64",
        "first_seen_at": "2026-01-05T18:20:45Z",
        "digest": digest("one"),
        "compressed_bytes": "48497210",
    } | other
    return ",".join(cells.values())


def table(*rows: str, header: str = HEADER) -> bytes:
    """A CSV file of these lines."""
    return "".join(f"{line}\n" for line in (header, *rows)).encode()


def build(**other: object) -> dict[str, object]:
    """The object of a JSONL line, with other values where they are given."""
    cells = dict(zip(HEADER.split(","), row().split(","), strict=True))
    return cells | {"compressed_bytes": 48_497_210} | other


def lines(*builds: Mapping[str, object]) -> bytes:
    """A JSONL file of these objects."""
    return b"".join(orjson.dumps(one) + b"\n" for one in builds)


def source(content: bytes, name: str = "sizes.csv") -> Source:
    """An open file with this content."""
    return Source(name, io.BytesIO(content), len(content))


Read = Callable[[Source, Report, datetime], Iterator[PastBuild]]


def read(content: bytes, reader: Read = read_csv) -> tuple[list[PastBuild], Report]:
    """The facts of a file, and the report."""
    report = Report()
    name = "sizes.jsonl" if reader is read_jsonl else "sizes.csv"
    return list(reader(source(content, name), report, NOW)), report
