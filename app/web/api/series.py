"""The history of a tag, columnar: change points only, as bytes ready to be sent."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response

from app.history.series import SeriesHistory, TagHistory, Window, series_of
from app.web.api import examples
from app.web.api.answering import JSON, reads
from app.web.api.parameters import Image, Moment, Platforms
from app.web.api.schemas import SeriesDocument
from app.web.dependencies import ReadSession

router = APIRouter(tags=["Series"])


@router.get(
    "/series",
    operation_id="getSeries",
    summary="Size history of a tag",
    responses=reads(SeriesDocument, examples.SERIES, "reference-invalid", "image-unknown"),
)
async def get_series(
    session: ReadSession,
    named: Image,
    platforms: Platforms,
    since: Annotated[Moment | None, Query(description="The value in force then is included.")] = None,
    until: Annotated[Moment | None, Query()] = None,
) -> Response:
    """A step function per platform: a value holds from its time until the next one. Never interpolate.

    Without `tag` it is the tag `latest`.
    """
    window = Window(platforms, since, until)
    history = await series_of(session, named.repository, named.tag_or_latest, window)
    return Response(orjson.dumps(document(history)), media_type=JSON)


def document(history: TagHistory) -> dict[str, Any]:
    """The history as `SeriesDocument` describes it; plain containers, since a schema would cost 90 times as much."""
    return {
        "image": history.image,
        "tag": history.tag,
        "metric": "compressed_bytes",
        "unit": "bytes",
        "status": history.status,
        "checked_at": int(history.checked_at.timestamp()) if history.checked_at else None,
        "observed_since": int(history.observed_since.timestamp()) if history.observed_since else None,
        "series": [_columns(one) for one in history.series],
        "events": [
            {"t": int(one.at.timestamp()), "kind": one.kind, "digest": one.digest, "platform": one.platform}
            for one in history.events
        ],
    }


def _columns(series: SeriesHistory) -> dict[str, Any]:
    return {
        "platform": series.platform,
        "dropped_at": int(series.dropped_at.timestamp()) if series.dropped_at else None,
        "t": [int(point.at.timestamp()) for point in series.points],
        "bytes": [point.compressed_bytes for point in series.points],
        "build": [point.build_id for point in series.points],
    }
