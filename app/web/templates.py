"""The one Jinja2 environment: autoescape on, unknown names are errors, and what every page needs at hand."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.resources import resource_dir
from app.web.charts.units import Unit, bytes_text, delta_text, percent_text

_TIME = Markup('<time datetime="{}"{}>{}</time>')
_RELATIVE = Markup(" data-relative")
_DIGEST_SHOWN = 12


def render(request: Request, name: str, context: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """The page `name`; the context may override `unit`, `notes` and the like set here."""
    unit = context.get("unit", Unit.MB)
    defaults = {
        "demo": request.app.state.settings.demo,
        "path": request.url.path,
        "unit": unit,
        "to": partial(_to, unit),
        "here": partial(_here, request),
        "as_bytes": partial(bytes_text, unit=unit),
        "as_delta": partial(delta_text, unit=unit),
    }
    return HTMLResponse(environment().get_template(name).render(defaults | dict(context)), status)


@cache
def environment() -> Environment:
    """The environment, made once per process."""
    made = Environment(
        loader=FileSystemLoader(resource_dir("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"when": when, "day": day, "ago": partial(when, relative=True), "short": short_digest}
    made.globals |= {"static": static_url, "as_percent": percent_text, "Unit": Unit}
    return made


@cache
def static_url(name: str) -> str:
    """The address of a static file with its content hash, so that it may be cached for ever."""
    digest = hashlib.sha256((resource_dir("static") / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"


def url(path: str, **parameters: object) -> str:
    """A path with its query, urlencoded: None left out, lists repeated."""
    given = {key: value for key, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def unit_parameter(unit: Unit) -> str | None:
    """What an address says of the unit: nothing of the default."""
    return None if unit is Unit.MB else unit.value


def _to(unit: Unit, path: str, **parameters: object) -> str:
    """Another page, in the same unit."""
    return url(path, **parameters, unit=unit_parameter(unit))


def _here(request: Request, **changes: object) -> str:
    """This page's address with some query parameters changed; None removes one."""
    query: dict[str, object] = {key: request.query_params.getlist(key) for key in request.query_params}
    return url(request.url.path, **(query | changes))


def when(moment: datetime | None, *, relative: bool = False) -> Markup:
    """A `<time>` in UTC; with `relative`, static/times.js turns it into "3 hours ago"."""
    if moment is None:
        return Markup("never")
    text = f"{moment.day} {moment:%b %Y, %H:%M} UTC"
    return _TIME.format(moment.isoformat(timespec="seconds"), _RELATIVE if relative else "", text)


def day(moment: datetime) -> Markup:
    """A `<time>` that says the day alone, in UTC."""
    return _TIME.format(moment.isoformat(timespec="seconds"), "", f"{moment.day} {moment:%b %Y}")


def short_digest(digest: str) -> str:
    """ "sha256:4bcff63911fc", for places where the whole is a title or a link away."""
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}:{value[:_DIGEST_SHOWN]}"
