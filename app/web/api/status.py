"""How the collecting is doing."""

from dataclasses import fields

from fastapi import APIRouter, Response

from app.history.backfills import backfill_health
from app.history.health import status
from app.web.api import examples
from app.web.api.answering import reads, send
from app.web.api.status_schemas import StatusDocument
from app.web.dependencies import CurrentSettings, Now, ReadSession

router = APIRouter(tags=["Status"])


@router.get(
    "/status",
    operation_id="getStatus",
    summary="State of the collecting",
    responses=reads(StatusDocument, examples.STATUS),
)
async def get_status(session: ReadSession, now: Now, settings: CurrentSettings) -> Response:
    """Registries with cause and next try, lag, failing tags, what waits for quota, past sizes, workers."""
    found = await status(session, now)
    state = {one.name: getattr(found, one.name) for one in fields(found)}
    backfills = await backfill_health(session, now, automatic=settings.backfill == "on")
    return send(StatusDocument.model_validate(state | {"backfills": backfills}))
