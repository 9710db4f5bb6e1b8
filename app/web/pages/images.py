"""`/`: the table of images."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from app.history import health
from app.history.backfills import backfill_health
from app.history.latest import ImageFilter, ImageRow, ImageSort, Scope, image_rows
from app.history.listing import scope_counts
from app.history.names import platform_names
from app.web.charts.geometry import Step
from app.web.charts.svg import sparkline
from app.web.charts.units import Unit
from app.web.cursor import decode_cursor, encode_cursor
from app.web.dependencies import CurrentSettings, Now, ReadSession
from app.web.login import form_token_of
from app.web.pages.login import NOT_KEPT
from app.web.templates import render, url

router = APIRouter()
_PAGE = 100
_YEAR = timedelta(days=365)
_TREAD = timedelta(days=11)  # how far the last known value of an unwatched tag is drawn, so that one can see it
_SORTS: tuple[tuple[ImageSort, str], ...] = (
    ("image", "name"),
    ("bytes", "size"),
    ("change_30d", "change in 30 days"),
    ("change_1y", "change in 1 year"),
    ("changed", "last change"),
)


class ImagesQuery(BaseModel):
    """The query of the table; `after` is where the page before ended, `scope` None leaves the choice to us."""

    search: str = Field("", max_length=400)
    platform: str = Field("", max_length=120)
    sort: ImageSort = "image"
    order: Literal["asc", "desc"] = "asc"
    scope: Scope | None = None
    unit: Unit = Unit.MB
    after: str | None = None


@router.get("/")
async def images(
    request: Request,
    session: ReadSession,
    now: Now,
    settings: CurrentSettings,
    query: Annotated[ImagesQuery, Query()],
) -> HTMLResponse:
    """Every watched tag, or every known one: size, trend, changes."""
    scopes = await scope_counts(session)
    scope = query.scope or scopes.default
    wanted = ImageFilter(query.platform or None, query.search, query.sort, query.order == "desc", scope)
    listing = f"images:{query.sort}:{query.order}"
    page = await image_rows(session, wanted, now=now, limit=_PAGE, after=decode_cursor(listing, query.after))
    state = await health.status(session, now)
    context = {
        "filter": wanted,
        "sorts": _SORTS,
        "unit": query.unit,
        "page": page,
        "rows": [(row, _spark(row, now)) for row in page.items],
        "next_cursor": encode_cursor(listing, page.after) if page.after else None,
        "after": query.after,
        "platforms": await platform_names(session, scope),
        "scopes": scopes,
        "scope_chosen": query.scope,
        "counts": state.counts,
        "past": await backfill_health(session, now, automatic=settings.backfill == "on"),
        "csrf": form_token_of(request),
        "links": _links(query),
        "unreachable": state.unreachable,
        "worker_alive": any(worker.alive for worker in state.workers),
    }
    answer = render(request, "images.html", context)
    answer.headers.update(NOT_KEPT if context["csrf"] else {})
    return answer


def _links(query: ImagesQuery) -> dict[str, str]:
    """What is shown, as JSON; every build of the chosen platform, as files."""
    platform = query.platform or None
    rows = {"search": query.search or None, "sort": query.sort, "order": query.order, "scope": query.scope}
    return {
        "json": url("/api/v1/images", platform=platform, **rows),
        "csv": url("/api/v1/export.csv", platform=platform),
        "jsonl": url("/api/v1/export.jsonl", platform=platform),
    }


def _spark(row: ImageRow, now: datetime) -> str:
    """The line of the last year; of a tag that nobody watches it ends where the knowledge does."""
    steps = [Step(int(at.timestamp()), amount) for at, amount in row.points]
    if not row.watched and row.points:
        last = max(row.points[-1][0], row.checked_at or row.points[-1][0])
        steps.append(Step(int((last + _TREAD).timestamp()), None))
    return sparkline(steps, int((now - _YEAR).timestamp()), int(now.timestamp()))
