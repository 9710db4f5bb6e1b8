"""How routes answer: bodies as bytes, and what OpenAPI says about them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from pydantic import BaseModel

from app.history.page import Key
from app.web.cursor import encode_cursor
from app.web.problems import PROBLEM_JSON, TITLES

JSON = "application/json"
PROBLEM_REF = "#/components/schemas/Problem"
Responses = dict[int | str, dict[str, Any]]

_PROBLEM_DETAILS = {
    "reference-invalid": "'Debian': 'Debian' has capital letters; a repository is lower-case letters and digits, ...",
    "cursor-invalid": "the cursor is damaged",
    "credentials-wrong": "The admin token is wrong.",
    "no-admin-token": "No admin token configured.",
    "image-unknown": "debian:bookwrm is not watched here.",
    "build-unknown": "there is no build 4711.",
    "manifest-unknown": "no tag here ever had this platform manifest.",
    "watch-unknown": "there is no watch 12.",
    "watch-exists": "alpine:3.2* is watched already.",
    "body-too-large": "The request's body is too large.",
    "parameter-invalid": "limit: Input should be less than or equal to 1000",
    "too-many-attempts": "Too many wrong tokens came from your address.",
    "server-error": "The cause is in the server's log.",
    "database-unusable": "The history cannot be read now.",
}
_ETAG = {"ETag": {"description": "Send it back as If-None-Match.", "schema": {"type": "string"}}}


def send(document: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The document as JSON."""
    return Response(document.model_dump_json(), status, dict(headers or {}), JSON)


def next_page(request: Request, listing: str, after: Key | None) -> str | None:
    """The address of the next page, relative to this server; None on the last one."""
    if after is None:
        return None
    query = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{request.url.path}?{urlencode([*query, ('cursor', encode_cursor(listing, after))])}"


def link(url: str | None) -> dict[str, str]:
    """The Link header for a next page (RFC 8288)."""
    return {"link": f'<{url}>; rel="next"'} if url else {}


def reads(model: type[BaseModel], example: Any, *problems: str) -> Responses:
    """What a GET may answer: the document, 304, and these problems beside those that any request may meet."""
    whole = {"model": model, "content": {JSON: {"example": example}}, "headers": _ETAG}
    unchanged = {"description": "What you have, by If-None-Match, is current.", "headers": _ETAG}
    found: Responses = {200: whole, 304: unchanged}
    return found | _problems((*problems, "parameter-invalid", "server-error", "database-unusable"))


def streams(media_type: str, example: str, *problems: str) -> Responses:
    """What a GET of a whole file may answer, in this media type."""
    weak = {"ETag": {"description": "Of the revision; send it back as If-None-Match.", "schema": {"type": "string"}}}
    whole = {"description": "The file.", "content": {media_type: {"example": example}}, "headers": weak}
    unchanged = {"description": "What you have, by If-None-Match, is current.", "headers": weak}
    found: Responses = {200: whole, 304: unchanged}
    return found | _problems((*problems, "parameter-invalid", "server-error", "database-unusable"))


def writes(status: int, answer: dict[str, Any], *problems: str) -> Responses:
    """What a change may answer: this on success, and what the admin token may meet."""
    token = ("credentials-wrong", "no-admin-token", "too-many-attempts")
    always = ("parameter-invalid", "server-error", "database-unusable")
    return {status: answer} | _problems((*token, *problems, *always))


def _problems(codes: tuple[str, ...]) -> Responses:
    found: Responses = {}
    for code in codes:
        status, title = TITLES[code]
        answer = found.setdefault(status, {"description": title, "content": {PROBLEM_JSON: _content()}})
        answer["content"][PROBLEM_JSON]["examples"][code] = {"summary": title, "value": problem_example(code)}
    return found


def _content() -> dict[str, Any]:
    return {"schema": {"$ref": PROBLEM_REF}, "examples": {}}


def problem_example(code: str) -> dict[str, Any]:
    """A problem document as it is sent."""
    status, title = TITLES[code]
    return {
        "type": f"urn:tarewatch:problem:{code}",
        "title": title,
        "status": status,
        "detail": _PROBLEM_DETAILS[code],
        "instance": "/api/v1/series",
        "code": code,
    }
