"""Builds as a Parquet file, in row groups. Needs pyarrow, which is an extra."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.db import Database
from app.exchange.columns import EXPORTED
from app.exchange.selection import BuildOut, Selection, select_pages

_ROW_GROUP = 50_000
_TIMES = {"first_seen_at", "pushed_at", "known_since", "created_at"}
_NUMBERS = {"compressed_bytes", "layers"}
_REPEATED = ["repository", "tag", "platform", "origin", "source", "media_type"]  # worth a dictionary


class ParquetMissing(Exception):
    """pyarrow is not installed; str() says how to get it."""


def load_pyarrow() -> Any:
    """pyarrow with its Parquet part; ParquetMissing."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ParquetMissing("Parquet needs pyarrow: pip install 'tarewatch[parquet]'") from None
    return pyarrow


async def write_parquet(database: Database, wanted: Selection, path: Path) -> None:
    """Write the file; times become timestamps in UTC, bytes and layers integers."""
    pyarrow = load_pyarrow()
    schema = _schema(pyarrow)
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd", use_dictionary=_REPEATED) as writer:
        rows: list[BuildOut] = []
        async for page in select_pages(database, wanted):
            rows += page
            if len(rows) >= _ROW_GROUP:
                writer.write_table(_table(pyarrow, schema, rows))
                rows.clear()
        writer.write_table(_table(pyarrow, schema, rows))


def _schema(pyarrow: Any) -> Any:
    text, number, moment = pyarrow.string(), pyarrow.int64(), pyarrow.timestamp("us", tz="UTC")
    kinds = [moment if name in _TIMES else number if name in _NUMBERS else text for name in EXPORTED]
    return pyarrow.schema(list(zip(EXPORTED, kinds, strict=True)))


def _table(pyarrow: Any, schema: Any, rows: Sequence[BuildOut]) -> Any:
    columns = {name: [getattr(row, name) for row in rows] for name in EXPORTED}
    return pyarrow.Table.from_pydict(columns, schema=schema)
