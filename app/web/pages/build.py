"""`/build?id=N`: one build with its layers."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.history.builds import build_detail
from app.models import Origin
from app.web.charts.units import Unit
from app.web.dependencies import ReadSession
from app.web.pages.words import ORIGINS, dated_by, known_from
from app.web.release_lines import line_of
from app.web.templates import render

router = APIRouter()
_LARGEST_ID = 2**63 - 1


@router.get("/build")
async def build(
    request: Request,
    session: ReadSession,
    build_id: Annotated[int, Query(alias="id", ge=1, le=_LARGEST_ID)],
    unit: Unit = Unit.MB,
) -> HTMLResponse:
    """Digests, dates, layers with bytes and steps, and the builds before and after."""
    detail = await build_detail(session, build_id)
    context = {
        "detail": detail,
        "unit": unit,
        "origin": ORIGINS[Origin(detail.build.origin)][0],
        "known_from": known_from(detail.build.origin, detail.build.source),
        "dated_by": dated_by(detail.build),
        "release_line": line_of(detail.build),
    }
    return render(request, "build.html", context)
