"""`/image` and its chart and table as files: one tag's history."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from app.history.backfills import backfill_of
from app.history.builds import BuildFilter, builds_page
from app.history.names import tag_names
from app.history.series import Point, TagHistory, series_of
from app.web.charts.payload import payload
from app.web.charts.standalone import Theme, standalone
from app.web.charts.svg import Chart, plot
from app.web.charts.units import Unit
from app.web.cursor import decode_cursor, encode_cursor
from app.web.dependencies import CurrentSettings, Now, ReadSession
from app.web.login import form_token_of
from app.web.pages.figure import Range, View, chart_of, known_until, ordered, release_switches, table_of
from app.web.pages.login import NOT_KEPT
from app.web.pages.query import read_reference
from app.web.pages.words import EVENTS, dated_by, known_from
from app.web.release_lines import line_of
from app.web.security import IMAGE_POLICY
from app.web.templates import render, unit_parameter, url

router = APIRouter()
_LISTING = "image-builds"
_BUILDS = 25
_EVENTS = 15
_YOUNG = timedelta(days=2)
_MONTH, _YEAR = timedelta(days=30), timedelta(days=365)
_RANGES = (("3m", "3 m"), ("6m", "6 m"), ("1y", "1 y"), ("3y", "3 y"), ("all", "all"))


class ImageQuery(BaseModel):
    """Which tag, and how its chart is wanted: the whole state of the page is in its address."""

    image: str = Field(max_length=400)
    tag: str = Field("", max_length=400)
    range: Range = "1y"
    y: Literal["fit", "zero"] = "fit"
    unit: Unit = Unit.MB
    platform: tuple[str, ...] = Field((), max_length=100)
    after: str | None = None

    @property
    def view(self) -> View:
        """What the chart needs of it."""
        return View(self.range, self.platform, self.unit, self.y == "zero")


Wanted = Annotated[ImageQuery, Query()]


@dataclass(frozen=True, slots=True)
class Headline:
    """The numbers on top, of the tag's first platform; bytes None where not known."""

    platform: str
    compressed_bytes: int | None
    month_ago: int | None
    year_ago: int | None
    changed_at: datetime


@router.get("/image")
async def image(
    request: Request, session: ReadSession, settings: CurrentSettings, now: Now, query: Wanted
) -> HTMLResponse:
    """Headline, chart, table, builds, events, other tags."""
    repository, tag = read_reference(query.image, query.tag)
    history = await series_of(session, repository, tag)
    chart = chart_of(history, query.view, now)
    wanted = BuildFilter(repository, tag, query.platform or None)
    builds = await builds_page(session, wanted, limit=_BUILDS, after=decode_cursor(_LISTING, query.after))
    context = {
        "past": await backfill_of(session, repository, tag, now),
        "past_by_itself": settings.backfill == "on",
        "chart": chart,
        "plot": plot(chart),
        "payload": payload(chart),
        "table": table_of(history, chart),
        "builds": builds,
        "next_cursor": encode_cursor(_LISTING, builds.after) if builds.after else None,
        "siblings": [one for one in await tag_names(session, repository) if one.name != tag],
    }
    csrf = form_token_of(request)
    answer = render(
        request, "image.html", context | {"csrf": csrf} | _state(history, now) | _wording(query, history, chart)
    )
    answer.headers.update(NOT_KEPT if csrf else {})
    return answer


def _state(history: TagHistory, now: datetime) -> dict[str, Any]:
    """What is known of the tag now, and what happened to it."""
    began = min((one.points[0].at for one in history.series if one.points), default=now)
    return {
        "history": history,
        "headline": headline(history, known_until(history, now)),
        "known_until": known_until(history, now),
        "switches": release_switches(history),
        "pending": is_pending(history),
        "dropped": {one.platform for one in history.series if one.dropped_at},
        "began": began,
        "young": history.watched and now - began < _YOUNG,
        "events": history.events[: -_EVENTS - 1 : -1],
        "hidden_events": max(len(history.events) - _EVENTS, 0),
    }


def _wording(query: ImageQuery, history: TagHistory, chart: Chart) -> dict[str, Any]:
    """Names, links and the form's state."""
    named = {"image": history.image, "tag": history.tag}
    unit = unit_parameter(query.unit)
    state = {"range": query.range, "y": query.y} | ({"unit": unit} if unit else {})
    platforms = list(query.platform) or None
    exported = named | {"platform": platforms, "since": None if query.range == "all" else _shown_since(chart)}
    return {
        "query": query,
        "unit": query.unit,
        "ranges": _RANGES,
        "known_from": known_from,
        "dated_by": dated_by,
        "line_of": line_of,
        "event_names": EVENTS,
        "kept": [*named.items(), *state.items()],
        "build_link": url("/build", unit=unit, id=""),
        "links": {
            "json": url("/api/v1/series", **exported),
            "csv": url("/api/v1/export.csv", **exported),
            "jsonl": url("/api/v1/export.jsonl", **exported),
            "svg": url("/chart.svg", platform=platforms, **named, **state),
        },
    }


def _shown_since(chart: Chart) -> str:
    """When the oldest build that the chart shows came into force: before the window, where it held when that opens."""
    inside = [[step.at for step in line.steps] for line in chart.lines if line.shown and line.steps]
    first = min(
        (max((at for at in steps if at <= chart.start), default=steps[0]) for steps in inside), default=chart.start
    )
    return f"{datetime.fromtimestamp(first, UTC):%Y-%m-%dT%H:%M:%SZ}"


def headline(history: TagHistory, until: datetime) -> Headline | None:
    """The first platform's numbers: the last ones, and what it was 30 days and a year before; None without a build."""
    series = next((one for one in ordered(history.series) if one.points), None)
    if series is None:
        return None
    return Headline(
        series.platform,
        _measured_at(series.points, until),
        _measured_at(series.points, until - _MONTH),
        _measured_at(series.points, until - _YEAR),
        series.points[-1].at,
    )


def _measured_at(points: tuple[Point, ...], moment: datetime) -> int | None:
    known = (point.compressed_bytes for point in reversed(points) if point.at <= moment)
    return next((amount for amount in known if amount is not None), None)


def is_pending(history: TagHistory) -> bool:
    """Whether a platform's newest build has not been measured yet."""
    return any(one.points and one.points[-1].compressed_bytes is None for one in history.series)


@router.get("/chart.svg")
async def chart_svg(session: ReadSession, now: Now, query: Wanted, theme: Theme = "auto") -> Response:
    """The chart as a file of its own."""
    history = await series_of(session, *read_reference(query.image, query.tag))
    drawn = standalone(chart_of(history, query.view, now), theme)
    headers = {"Content-Disposition": 'inline; filename="tarewatch.svg"', "Content-Security-Policy": IMAGE_POLICY}
    return Response(drawn, media_type="image/svg+xml", headers=headers)


@router.get("/image.csv")
async def image_csv(query: Wanted) -> RedirectResponse:
    """The builds of the tag as CSV: the API's export."""
    repository, tag = read_reference(query.image, query.tag)
    return RedirectResponse(url("/api/v1/export.csv", image=repository.familiar, tag=tag), 308)
