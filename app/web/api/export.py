"""The builds as one file: streamed page by page, never held as a whole."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.exchange.selection import Selection
from app.exchange.text_out import write_csv, write_jsonl
from app.history.health import revision
from app.history.lookup import find_repository, find_tag
from app.web.api import examples
from app.web.api.answering import streams
from app.web.api.parameters import Moment, PerhapsImage, Platforms
from app.web.dependencies import ReadSession

router = APIRouter(tags=["Builds"])

CSV = "text/csv"
JSONL = "application/x-ndjson"


class CsvStream(StreamingResponse):
    """A CSV file as it is written."""

    media_type = CSV


class JsonlStream(StreamingResponse):
    """A JSONL file as it is written."""

    media_type = JSONL


@dataclass(frozen=True, slots=True)
class _Wanted:
    selection: Selection
    headers: dict[str, str]  # of a whole answer, and of a 304
    current: bool  # whoever asks has it already


async def _wanted(
    request: Request,
    session: ReadSession,
    named: PerhapsImage,
    platforms: Platforms,
    since: Annotated[Moment | None, Query(description="Only builds that came into force from then on.")] = None,
    until: Annotated[Moment | None, Query(description="Only builds that came into force up to then.")] = None,
) -> _Wanted:
    if named is not None and named.tag is not None:
        await find_tag(session, named.repository, named.tag)
    elif named is not None:
        await find_repository(session, named.repository)
    chosen = Selection(
        repository=named.repository if named else None,
        tag=named.tag if named else None,
        platforms=platforms,
        since=since,
        until=until,
    )
    asked = hashlib.blake2b(request.scope["query_string"], digest_size=8).hexdigest()
    etag = f'W/"{await revision(session)}-{asked}"'
    known = {tag.strip() for tag in request.headers.get("if-none-match", "").split(",")}
    headers = {"etag": etag, "cache-control": "no-cache"}
    return _Wanted(chosen, headers, bool(known & {etag, "*"}))


Wanted = Annotated[_Wanted, Depends(_wanted)]


@router.head("/export.csv", include_in_schema=False)
@router.get(
    "/export.csv",
    operation_id="exportCsv",
    summary="Export builds as CSV",
    response_class=CsvStream,
    responses=streams(CSV, examples.EXPORT_CSV, "reference-invalid", "image-unknown"),
)
async def export_csv(request: Request, wanted: Wanted) -> Response:
    """Every build that was ever recorded, one per line, by repository, tag, platform and time; no paging."""
    parts = write_csv(request.app.state.database, wanted.selection)
    return _answer(request, wanted, parts, CsvStream, "csv")


@router.head("/export.jsonl", include_in_schema=False)
@router.get(
    "/export.jsonl",
    operation_id="exportJsonl",
    summary="Export builds as JSONL",
    response_class=JsonlStream,
    responses=streams(JSONL, examples.EXPORT_JSONL, "reference-invalid", "image-unknown"),
)
async def export_jsonl(request: Request, wanted: Wanted) -> Response:
    """The same as JSON objects, one per line, with the layers of each manifest and their build steps."""
    parts = write_jsonl(request.app.state.database, wanted.selection)
    return _answer(request, wanted, parts, JsonlStream, "jsonl")


def _answer(
    request: Request, wanted: _Wanted, parts: AsyncIterator[bytes], kind: type[StreamingResponse], ending: str
) -> Response:
    if wanted.current:
        return Response(status_code=304, headers=wanted.headers)
    headers = {**wanted.headers, "content-disposition": f'attachment; filename="{_file_name(wanted)}.{ending}"'}
    if request.method == "HEAD":
        return kind(iter(()), headers=headers)
    return kind(_in_turn(parts, request.app.state.exporting), headers=headers)


async def _in_turn(parts: AsyncIterator[bytes], turns: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """The parts; only a few exports at a time read the next one, however many are open and however slow."""
    while True:
        async with turns:
            part = await anext(parts, None)
        if part is None:
            return
        yield part


def _file_name(wanted: _Wanted) -> str:
    chosen = wanted.selection
    named = [chosen.repository.familiar if chosen.repository else None, chosen.tag]
    return re.sub(r"[^A-Za-z0-9._-]", "-", "-".join(["tarewatch", *filter(None, named)]))
