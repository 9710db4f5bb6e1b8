"""From an exception to an answer: problem+json for programs, a page for people. All statuses are mapped here."""

import json
import logging
from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.history.errors import NotKnown, UnknownBuild, UnknownImage, UnknownManifest
from app.history.page import PageKeyInvalid
from app.registry.reference import ReferenceInvalid
from app.watchlist import UnknownWatch, WatchExists, WatchInvalid
from app.web.problems import PROBLEM_JSON, TITLES, Problem
from app.web.security import is_api
from app.web.templates import render

log = logging.getLogger(__name__)

_SHOWN_INPUT = 120
_SHOWN_PATH = 300
_METHODS = ("GET", "POST", "PATCH", "DELETE")
_BY_STATUS = {status: code for code, (status, _) in TITLES.items()}
_BY_STATUS |= {400: "request-unreadable", 403: "no-admin-token", 404: "page-unknown", 503: "not-ready"}
_UNKNOWN = {UnknownImage: "image-unknown", UnknownBuild: "build-unknown", UnknownManifest: "manifest-unknown"}
# What is expected to go wrong. Anything else is our fault: 500.
EXPECTED = (
    Problem,
    NotKnown,
    PageKeyInvalid,
    ReferenceInvalid,
    UnknownWatch,
    WatchExists,
    WatchInvalid,
    RequestValidationError,
    HTTPException,
    OperationalError,
    InterfaceError,
    NoConnectionFree,
)


def add_error_handlers(app: FastAPI) -> None:
    """Every exception of a route becomes an answer; an unexpected one is logged by the server as well."""
    for kind in (*EXPECTED, Exception):
        app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> Response:
    """The problem in the form that whoever asks can read."""
    problem = problem_of(error)
    if problem.status == 405:
        problem.headers = {"Allow": ", ".join(_allowed(request))}
    if problem.code == "database-unusable":
        log.error("the database does not answer: %s", error)
    if is_api(request.url.path) or "text/html" not in request.headers.get("accept", ""):
        body = _encoded(problem.document(request.url.path[:_SHOWN_PATH]))
        return Response(body, problem.status, dict(problem.headers), PROBLEM_JSON)
    context = {name: getattr(problem, name) for name in ("status", "title", "detail", "hint")}
    page = render(request, "error.html", context, status=problem.status)
    page.headers.update(problem.headers)
    return page


def _encoded(document: Mapping[str, Any]) -> bytes:
    """JSON, whatever was given: orjson refuses lone surrogates and huge numbers, which a request's JSON may hold."""
    return json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "replace")


@singledispatch
def problem_of(_error: Exception) -> Problem:
    """The problem that an exception means; what is not expected tells nothing of our insides."""
    return Problem("server-error", "The cause is in the server's log.", "Trying again may help.")


@problem_of.register
def _(error: Problem) -> Problem:
    return error


@problem_of.register
def _(error: NotKnown) -> Problem:
    hint = f"Did you mean {_joined(error.suggestions)}?" if error.suggestions else None
    more = {"suggestions": list(error.suggestions)} if error.suggestions else {}
    return Problem(_UNKNOWN[type(error)], f"{error}.", hint, more=more)


@problem_of.register
def _(error: ReferenceInvalid) -> Problem:
    return Problem("reference-invalid", str(error), more={"part": error.part, "reason": error.reason})


@problem_of.register
def _(error: PageKeyInvalid) -> Problem:
    return Problem("cursor-invalid", str(error), "Start again without a cursor.")


@problem_of.register
def _(error: UnknownWatch) -> Problem:
    return Problem("watch-unknown", f"{error}.")


@problem_of.register
def _(error: WatchExists) -> Problem:
    return Problem("watch-exists", f"{error}.")


@problem_of.register
def _(error: WatchInvalid) -> Problem:
    return _parameters([{"parameter": error.field, "in": "body", "message": str(error)}])


@problem_of.register
def _(error: RequestValidationError) -> Problem:
    return _parameters([_described(one) for one in error.errors()])


@problem_of.register(OperationalError)
@problem_of.register(InterfaceError)
@problem_of.register(NoConnectionFree)
def _(_error: Exception) -> Problem:
    hint = "Trying again in a moment may help."
    return Problem("database-unusable", "The history cannot be read now.", hint, {"Retry-After": "5"})


@problem_of.register
def _(error: HTTPException) -> Problem:
    code = _BY_STATUS.get(error.status_code, "server-error")
    detail = {
        404: "No page and no API route has this address.",
        405: "This address exists, but not for this method; `Allow` says which ones it takes.",
    }.get(error.status_code, str(error.detail))
    return Problem(code, detail, headers=error.headers or {})


def _parameters(errors: list[dict[str, Any]]) -> Problem:
    first = f"{errors[0]['parameter']}: {errors[0]['message']}"
    return Problem("parameter-invalid", first, more={"errors": errors})


def _described(error: Mapping[str, Any]) -> dict[str, Any]:
    """Which parameter, what is allowed, and what was given, cut short."""
    where, *names = error["loc"]
    found: dict[str, Any] = {
        "parameter": ".".join(str(name) for name in names) or str(where),
        "in": str(where),
        "message": str(error["msg"]),
    }
    allowed = {key: value for key, value in (error.get("ctx") or {}).items() if key != "error"}
    if allowed:
        found["allowed"] = allowed
    if isinstance(given := error.get("input"), str | int | float):
        found["given"] = str(given)[:_SHOWN_INPUT]
    return found


def _allowed(request: Request) -> list[str]:
    """Every method that some route takes at this path; the framework names those of the first route only."""
    taken = [method for method in _METHODS if _takes(request, method)]
    return [*taken, "HEAD", "OPTIONS"] if "GET" in taken else taken


def _takes(request: Request, method: str) -> bool:
    scope = {**request.scope, "method": method}
    return any(route.matches(dict(scope))[0] is Match.FULL for route in request.app.router.routes)


def _joined(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
