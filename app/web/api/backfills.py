"""Past sizes: what was asked for and what came of it; the admin token asks for more."""

from typing import Annotated

from fastapi import APIRouter, Body, Request, Response

from app.history.backfills import backfill_of, backfills_page
from app.web.api import examples
from app.web.api.answering import JSON, link, next_page, reads, send, writes
from app.web.api.backfill_schemas import BackfillIn, BackfillList, BackfillOut
from app.web.api.parameters import CursorText, Limit, PerhapsImage, parse_image
from app.web.cursor import decode_cursor
from app.web.dependencies import Now, ReadSession, WriteSession
from app.web.login import ApiAdmin
from app.web.past import ask_for_past

router = APIRouter(tags=["Backfills"])

_BACKFILL = {"model": BackfillOut, "content": {JSON: {"example": examples.BACKFILL}}}


@router.get(
    "/backfills",
    operation_id="listBackfills",
    summary="List backfills",
    responses=reads(BackfillList, examples.BACKFILLS, "reference-invalid", "cursor-invalid", "image-unknown"),
)
async def list_backfills(
    request: Request, session: ReadSession, now: Now, named: PerhapsImage, limit: Limit = 100, cursor: CursorText = None
) -> Response:
    """Every tag whose past was asked for, by a new watch or a person; of one image, or one tag."""
    repository, tag = (named.repository, named.tag) if named else (None, None)
    after = decode_cursor("backfills", cursor)
    page = await backfills_page(session, now, repository=repository, tag=tag, limit=limit, after=after)
    following = next_page(request, "backfills", page.after)
    items = [BackfillOut.model_validate(one) for one in page.items]
    return send(BackfillList(items=items, next=following), headers=link(following))


@router.post(
    "/backfills",
    status_code=202,
    operation_id="requestBackfill",
    summary="Ask for past sizes",
    dependencies=[ApiAdmin],
    responses=writes(202, _BACKFILL, "reference-invalid", "image-unknown", "body-too-large"),
)
async def post_backfill(session: WriteSession, now: Now, wanted: Annotated[BackfillIn, Body()]) -> Response:
    """A worker fetches the past of this watched tag within seconds; what is done already is done once more."""
    named = parse_image(wanted.image, wanted.tag)
    await ask_for_past(session, named.repository, named.tag_or_latest, "api", now)
    state = await backfill_of(session, named.repository, named.tag_or_latest, now)
    return send(BackfillOut.model_validate(state), status=202)
