"""Builds as CSV and JSONL: bytes, a page at a time."""

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime

import orjson

from app.db import Database
from app.exchange.cells import guarded
from app.exchange.columns import EXPORTED, LAYER_LIST
from app.exchange.layers_out import LayerOut, layers_of
from app.exchange.selection import BuildOut, Selection, select_pages

_NO_LAYERS: Sequence[LayerOut] = ()
_MOST_LAYERS = 2_000  # that are in memory at once: each may have kilobytes of build step, and readers may be slow


async def write_csv(database: Database, wanted: Selection) -> AsyncIterator[bytes]:
    """A header and a line per build; the bytes of a page of them at a time."""
    yield _csv([EXPORTED])
    async for page in select_pages(database, wanted):
        yield _csv([_cells(build) for build in page])


async def write_jsonl(database: Database, wanted: Selection) -> AsyncIterator[bytes]:
    """An object per build, with its layers where they are known; the bytes of some of them at a time."""
    async for page in select_pages(database, wanted):
        for portion in _portions(page):
            async with database.reading() as session:
                layers = await layers_of(session, (build.manifest_id for build in portion))
            yield b"".join(_line(build, layers.get(build.manifest_id, _NO_LAYERS)) for build in portion)


def _portions(page: Sequence[BuildOut]) -> Iterator[list[BuildOut]]:
    portion: list[BuildOut] = []
    count = 0
    for build in page:
        portion.append(build)
        count += build.layers or 0
        if count >= _MOST_LAYERS:
            yield portion
            portion, count = [], 0
    if portion:
        yield portion


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cells(build: BuildOut) -> tuple[object, ...]:
    """The values of EXPORTED; csv writes None as an empty cell."""
    return (
        build.repository,
        build.tag,
        build.platform,
        rfc3339(build.first_seen_at),
        rfc3339(build.pushed_at),
        rfc3339(build.known_since),
        build.origin,
        build.source and guarded(build.source),
        build.digest,
        build.compressed_bytes,
        build.layers,
        build.media_type and guarded(build.media_type),
        build.config_digest,
        rfc3339(build.created_at),
    )


def _line(build: BuildOut, layers: Sequence[LayerOut]) -> bytes:
    values = {name: getattr(build, name) for name in EXPORTED}
    if layers:
        values[LAYER_LIST] = layers
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


def rfc3339(moment: datetime | None) -> str | None:
    """ "2026-01-05T18:20:45Z", to the microsecond where there are any."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None
