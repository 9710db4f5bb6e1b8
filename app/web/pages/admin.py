"""`/admin`: what is watched, behind the login."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.watchlist import (
    UnknownWatch,
    WatchExists,
    WatchInvalid,
    WatchSpec,
    add_watch,
    list_watches,
    remove_watch,
    set_paused,
)
from app.web.dependencies import Now, ReadSession, WriteSession
from app.web.login import AdminForm, gate_of, session_of
from app.web.pages.login import NOT_KEPT, own_path
from app.web.pages.words import duration_text
from app.web.templates import render, url

router = APIRouter()
_DONE = {
    "add": "The watch was added. Its first look is due now.",
    "pause": "The watch is paused; what was recorded stays.",
    "resume": "The watch is active again.",
    "remove": "The watch was removed; what was recorded stays.",
}

Action = Literal["pause", "resume", "remove"]
WatchId = Annotated[int, Form(ge=1)]


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed into the form, kept when it was wrong."""

    image: str = ""
    platforms: str = ""
    interval: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What the page has to say about the last action: done, or wrong by field."""

    done: str = ""
    wrong: Mapping[str, str] | None = None
    typed: Typed = Typed()


async def _typed(
    image: Annotated[str, Form(max_length=1000)] = "",
    platforms: Annotated[str, Form(max_length=2000)] = "",
    interval: Annotated[str, Form(max_length=100)] = "",
) -> Typed:
    return Typed(image, platforms, interval)


@router.get("/admin")
async def admin(
    request: Request,
    session: ReadSession,
    done: Annotated[str, Query(max_length=20)] = "",
    image: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """The watches and the form for a new one, of `image` if that is given; without a session, the login."""
    if session_of(request) is None:
        own = url("/admin", image=image) if image else "/admin"
        return RedirectResponse(url("/login", next=own) if image else "/login?next=/admin", 303, headers=NOT_KEPT)
    return await _page(request, session, Said(_DONE.get(done, ""), typed=Typed(image)))


@router.post("/admin/add", dependencies=[AdminForm])
async def add(
    request: Request,
    session: WriteSession,
    now: Now,
    typed: Annotated[Typed, Depends(_typed)],
    back: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """A new watch and `back` to where it was asked for, or the form again with what was typed and what is wrong."""
    try:
        spec = WatchSpec.parse(typed.image, typed.platforms.replace(",", " ").split(), typed.interval)
        await add_watch(session, spec, origin="page", now=now)
    except WatchInvalid as error:
        return await _page(request, session, Said(wrong={error.field: str(error)}, typed=typed))
    except WatchExists as error:
        return await _page(request, session, Said(wrong={"image": f"{error}."}, typed=typed))
    return RedirectResponse(own_path(back, "/admin?done=add"), 303)


@router.post("/admin/{action}", dependencies=[AdminForm])
async def change(request: Request, session: WriteSession, now: Now, action: Action, watch: WatchId) -> Response:
    """Pause, resume or remove a watch; its history stays whatever happens."""
    try:
        if action == "remove":
            await remove_watch(session, watch, now)
        else:
            await set_paused(session, watch, action == "pause", now)
    except UnknownWatch as error:
        return await _page(request, session, Said(wrong={"form": f"{error}; somebody may have removed it."}))
    return _back(action)


async def _page(request: Request, session: AsyncSession, said: Said) -> HTMLResponse:
    admin_session = session_of(request) or ""
    context = {
        "watches": await list_watches(session),
        "csrf": gate_of(request).form_token(admin_session),
        "done": said.done,
        "wrong": said.wrong or {},
        "typed": said.typed,
        "duration": duration_text,
    }
    page = render(request, "admin.html", context, status=422 if said.wrong else 200)
    page.headers.update(NOT_KEPT)
    return page


def _back(done: str) -> RedirectResponse:
    """After a change, so that a reload repeats nothing."""
    return RedirectResponse(f"/admin?done={done}", 303)
