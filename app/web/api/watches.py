"""What the operator wants tracked: open to read, the admin token changes it."""

from typing import Annotated

from fastapi import APIRouter, Body, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.watchlist import (
    UnknownWatch,
    WatchInfo,
    WatchSpec,
    add_watch,
    list_watches,
    remove_watch,
    set_paused,
)
from app.web.api import examples
from app.web.api.answering import JSON, reads, send, writes
from app.web.api.parameters import RowId
from app.web.api.schemas import WatchChange, WatchIn, WatchList, WatchOut
from app.web.dependencies import Now, ReadSession, WriteSession
from app.web.login import ApiAdmin

router = APIRouter(tags=["Watches"])

_WATCH = {"model": WatchOut, "content": {JSON: {"example": examples.WATCH}}}


@router.get(
    "/watches",
    operation_id="listWatches",
    summary="List watches",
    responses=reads(WatchList, examples.WATCHES),
)
async def get_watches(session: ReadSession) -> Response:
    """All watches by name, with what became of their patterns."""
    return send(WatchList(items=[_out(info) for info in await list_watches(session)]))


@router.get(
    "/watches/{watch_id}",
    operation_id="getWatch",
    summary="One watch",
    responses=reads(WatchOut, examples.WATCH, "watch-unknown"),
)
async def get_watch(session: ReadSession, watch_id: RowId) -> Response:
    """What it covers, and whether its pattern could be expanded."""
    return send(await _found(session, watch_id))


@router.post(
    "/watches",
    status_code=201,
    operation_id="addWatch",
    summary="Add a watch",
    dependencies=[ApiAdmin],
    responses=writes(201, _WATCH, "watch-exists", "body-too-large"),
)
async def post_watch(session: WriteSession, now: Now, wanted: WatchIn) -> Response:
    """Its first look is due at once."""
    spec = WatchSpec.parse(wanted.image, platforms=wanted.platforms, interval=wanted.interval)
    watch = await add_watch(session, spec, origin="api", now=now)
    headers = {"location": f"/api/v1/watches/{watch.id}"}
    return send(await _found(session, watch.id), status=201, headers=headers)


@router.patch(
    "/watches/{watch_id}",
    operation_id="changeWatch",
    summary="Pause or resume a watch",
    dependencies=[ApiAdmin],
    responses=writes(200, _WATCH, "watch-unknown", "body-too-large"),
)
async def patch_watch(
    session: WriteSession, now: Now, watch_id: RowId, change: Annotated[WatchChange, Body()]
) -> Response:
    """While paused it is not looked at; its history stays."""
    await set_paused(session, watch_id, change.paused, now)
    return send(await _found(session, watch_id))


@router.delete(
    "/watches/{watch_id}",
    status_code=204,
    operation_id="removeWatch",
    summary="Remove a watch",
    dependencies=[ApiAdmin],
    responses=writes(204, {"description": "It is gone; what it recorded stays."}, "watch-unknown"),
)
async def delete_watch(session: WriteSession, now: Now, watch_id: RowId) -> Response:
    """Its tags are no longer looked at, unless another watch covers them; their history stays."""
    await remove_watch(session, watch_id, now)
    return Response(status_code=204)


async def _found(session: AsyncSession, watch_id: int) -> WatchOut:
    for info in await list_watches(session):
        if info.id == watch_id:
            return _out(info)
    raise UnknownWatch(f"there is no watch {watch_id}")


def _out(info: WatchInfo) -> WatchOut:
    spec = info.spec
    return WatchOut(
        id=info.id,
        image=spec.repository.familiar,
        tag_pattern=spec.tag_pattern,
        platforms=list(spec.platforms) if spec.platforms else None,
        interval_seconds=int(spec.interval.total_seconds()) if spec.interval else None,
        paused=info.paused,
        origin=info.origin,
        created_at=info.created_at,
        tags=info.tags,
        matched_tags=info.matched_tags,
        truncated=info.truncated,
        expanded_at=info.expanded_at,
        expand_error=info.expand_error,
        sources=[source.location for source in info.sources],
    )
