"""`/login` and `/logout`: a session for whoever has the admin token."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.web.login import AdminForm, close_session, open_session
from app.web.problems import Problem
from app.web.templates import render

router = APIRouter()
NOT_KEPT = {"Cache-Control": "no-store"}
_HOME = "/admin"

Next = Annotated[str, Query(max_length=1000)]


@router.get("/login")
async def login_form(request: Request, next: Next = _HOME) -> HTMLResponse:  # noqa: A002 - its name in the address
    """The form; `next` is where it leads."""
    return _form(request, next)


@router.post("/login")
async def login(
    request: Request,
    token: Annotated[str, Form(max_length=1000)] = "",
    next: Annotated[str, Form(max_length=1000)] = _HOME,  # noqa: A002 - its name in the form
) -> Response:
    """A session and on to `next`, or the form again, saying what was wrong."""
    answer = RedirectResponse(own_path(next), 303)
    try:
        open_session(request, answer, token)
    except Problem as problem:
        return _form(request, next, problem)
    return answer


@router.post("/logout", dependencies=[AdminForm])
async def logout(request: Request) -> Response:
    """The session is over, its cookie taken back."""
    answer = RedirectResponse("/", 303)
    close_session(request, answer)
    return answer


def _form(request: Request, target: str, problem: Problem | None = None) -> HTMLResponse:
    wrong = f"{problem.detail} {problem.hint or ''}".strip() if problem else ""
    page = render(
        request, "login.html", {"next": own_path(target), "wrong": wrong}, status=problem.status if problem else 200
    )
    page.headers.update(NOT_KEPT | dict(problem.headers if problem else {}))
    return page


def own_path(target: str, otherwise: str = _HOME) -> str:
    """The target if it is a path of ours: "//evil.example" and "/\\evil.example" lead elsewhere."""
    own = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if own else otherwise
