"""`/about` says what is measured, `/api` lists the API's calls from its OpenAPI document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.web.charts.units import Unit
from app.web.pages.words import ORIGINS
from app.web.templates import render

router = APIRouter()
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a call, in words."""

    name: str
    place: str
    required: bool
    type: str
    description: str


@dataclass(frozen=True, slots=True)
class Call:
    """A method on a path, with what it takes and answers."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...]
    responses: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The calls under one heading."""

    name: str
    calls: tuple[Call, ...]


@router.get("/about")
async def about(request: Request, unit: Unit = Unit.MB) -> HTMLResponse:
    """What is measured, and how it is kept."""
    return render(request, "about.html", {"unit": unit, "origins": ORIGINS.values()})


@router.get("/api")
async def api(request: Request, unit: Unit = Unit.MB) -> HTMLResponse:
    """The API for people; the document itself is linked."""
    document = request.app.openapi()
    context = {
        "unit": unit,
        "groups": list(groups(document)),
        "openapi_version": document["openapi"],
        "document_link": request.app.openapi_url,
        "origin": str(request.base_url).rstrip("/"),
    }
    return render(request, "api.html", context)


def groups(document: dict[str, Any]) -> Iterator[Group]:
    """The document's operations by their first tag, in the order in which tags appear."""
    found: dict[str, list[Call]] = {}
    for path, operations in document.get("paths", {}).items():
        for method in _METHODS:
            if operation := operations.get(method):
                found.setdefault(operation.get("tags", ["Other"])[0], []).append(_call(method, path, operation))
    return (Group(name, tuple(calls)) for name, calls in found.items())


def _call(method: str, path: str, operation: dict[str, Any]) -> Call:
    return Call(
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=tuple(_parameter(one) for one in operation.get("parameters", ())),
        responses=tuple((status, one.get("description", "")) for status, one in operation.get("responses", {}).items()),
    )


def _parameter(parameter: dict[str, Any]) -> Parameter:
    schema = parameter.get("schema", {})
    return Parameter(
        name=parameter["name"],
        place=parameter["in"],
        required=parameter.get("required", False),
        type=_type_text(schema),
        description=parameter.get("description") or schema.get("description", ""),
    )


def _type_text(schema: dict[str, Any]) -> str:
    """ "integer", "text", "one of image, bytes", "list of text"."""
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if options:
        return " or ".join(_type_text(one) for one in options)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_type_text(schema.get('items', {}))}"
    kind = str(schema.get("type", "any"))
    return "text" if kind == "string" else kind
