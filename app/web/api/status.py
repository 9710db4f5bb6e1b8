"""How the collecting is doing."""

from fastapi import APIRouter, Response

from app.history.health import status
from app.web.api import examples
from app.web.api.answering import reads, send
from app.web.api.status_schemas import StatusDocument
from app.web.dependencies import Now, ReadSession

router = APIRouter(tags=["Status"])


@router.get(
    "/status",
    operation_id="getStatus",
    summary="State of the collecting",
    responses=reads(StatusDocument, examples.STATUS),
)
async def get_status(session: ReadSession, now: Now) -> Response:
    """Registries with cause and next try, lag, failing tags, what waits for quota, workers."""
    return send(StatusDocument.model_validate(await status(session, now)))
