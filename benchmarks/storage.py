"""Storing history and finding the latest sizes in it, against a row per poll and the window query over it.

Ten thousand series looked at daily for a hundred days, each changing every twenty-fifth day or so, on SQLite.
"""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from app.db import open_database
from app.history.latest import latest_all
from app.schema import upgrade
from benchmarks.ratio import Ratio

SERIES, DAYS, EVERY, ROUNDS = 10_000, 100, 25, 7
DAY = 86_400_000_000  # SQLite keeps microseconds

_LATEST = """
SELECT series_id, compressed_bytes FROM (
  SELECT series_id, compressed_bytes, row_number() OVER (PARTITION BY series_id ORDER BY at DESC) AS n FROM polls
) WHERE n = 1
"""


def run() -> Iterator[Ratio]:
    """Size on disk by that of a row per poll; time of the latest sizes by that of the window query."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.db", Path(folder) / "polls.db"
        _fill_ours(ours)
        _fill_polls(theirs)
        yield Ratio("bytes on disk by a row per poll", ours.stat().st_size / theirs.stat().st_size, 0.5)
        pointer, window, whole = _times(ours, theirs)
        yield Ratio(f"latest of {SERIES} series, SQL only, by the window query", pointer / window, 0.05)
        yield Ratio(f"latest of {SERIES} series, as values, by the window query", whole / window, 0.5)


def _changes() -> Iterable[tuple[int, int, int]]:
    """(series, day, bytes) of every change."""
    for series in range(1, SERIES + 1):
        for day in range(series % EVERY, DAYS, EVERY):
            yield series, day, 28_000_000 + series * 13 + day * 997


def _fill_ours(path: Path) -> None:
    """The rows that polling would have left; one manifest of one layer a change."""
    upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO repositories (id, host, path) VALUES (1, 'docker.io', 'library/debian')")
        database.executemany(
            "INSERT INTO tags"
            " (id, repository_id, name, first_seen_at, watched, on_default, status, failures, next_check_at)"
            " VALUES (?, 1, ?, 0, 1, 1, 'ok', 0, 0)",
            ((n, f"v{n}") for n in range(1, SERIES + 1)),
        )
        database.executemany(
            "INSERT INTO series (id, tag_id, platform, first_seen_at, watched) VALUES (?, ?, 'linux/amd64', 0, 1)",
            ((n, n) for n in range(1, SERIES + 1)),
        )
        rows = [(number, *change) for number, change in enumerate(_changes(), start=1)]
        database.executemany(
            "INSERT INTO manifests (id, digest, compressed_bytes, fetched_at) VALUES (?, ?, ?, 0)",
            ((number, f"sha256:{number:064x}", size) for number, _, _, size in rows),
        )
        database.executemany(
            "INSERT INTO builds (id, series_id, manifest_id, first_seen_at, origin) VALUES (?, ?, ?, ?, 'poll')",
            ((number, series, number, day * DAY) for number, series, day, _ in rows),
        )
        database.execute(
            "UPDATE series SET latest_build_id = (SELECT max(id) FROM builds WHERE builds.series_id = series.id)"
        )
    with closing(sqlite3.connect(path)) as database:
        database.execute("ANALYZE")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _fill_polls(path: Path) -> None:
    """The obvious table: what was seen, each time that it was seen."""
    sizes = {(series, day): size for series, day, size in _changes()}
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE polls (series_id INTEGER, at INTEGER, digest TEXT, compressed_bytes INTEGER)")
        database.execute("CREATE INDEX ix ON polls (series_id, at)")
        database.executemany("INSERT INTO polls VALUES (?, ?, ?, ?)", _polls(sizes))


def _polls(sizes: dict[tuple[int, int], int]) -> Iterable[tuple[int, int, str, int]]:
    seen: dict[int, int] = {}
    for day in range(DAYS):
        for series in range(1, SERIES + 1):
            seen[series] = sizes.get((series, day), seen.get(series, 0))
            yield series, day * DAY, f"sha256:{seen[series]:064x}", seen[series]


def _times(ours: Path, theirs: Path) -> tuple[float, float, float]:
    """Median seconds of: the latest pointers in SQL, the window query, and the pointers as the program reads them."""
    pointer = (
        "SELECT series.id, manifests.compressed_bytes FROM series"
        " JOIN builds ON builds.id = series.latest_build_id JOIN manifests ON manifests.id = builds.manifest_id"
    )
    with closing(sqlite3.connect(ours)) as one, closing(sqlite3.connect(theirs)) as other:
        pairs = [(_seconds(one, pointer), _seconds(other, _LATEST)) for _ in range(ROUNDS)]
    whole = asyncio.run(_values(f"sqlite:///{ours}"))
    return statistics.median(p for p, _ in pairs), statistics.median(w for _, w in pairs), whole


def _seconds(database: sqlite3.Connection, query: str) -> float:
    started = time.perf_counter()
    assert len(database.execute(query).fetchall()) == SERIES
    return time.perf_counter() - started


async def _values(url: str) -> float:
    database, times = open_database(url), []
    for _ in range(ROUNDS):
        async with database.reading() as session:
            started = time.perf_counter()
            assert len(await latest_all(session)) == SERIES
            times.append(time.perf_counter() - started)
    await database.close()
    return statistics.median(times)


if __name__ == "__main__":
    for ratio in run():
        print(ratio)
