"""What is watched or has a history: a row per tag, and the tags of a repository."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from app.history.latest import ImageFilter, ImageSort, Scope, image_rows
from app.history.listing import default_scope
from app.history.tags import tags_page
from app.web.api import examples
from app.web.api.answering import link, next_page, reads, send
from app.web.api.parameters import CursorText, Image, Limit, parse_platform
from app.web.api.schemas import ImageList, ImageOut, TagList, TagOut
from app.web.cursor import decode_cursor
from app.web.dependencies import Now, ReadSession

router = APIRouter(tags=["Images"])


async def _filter(
    session: ReadSession,
    search: Annotated[
        str, Query(max_length=400, description="A piece of `image:tag`, in any case.", examples=["bookworm"])
    ] = "",
    platform: Annotated[
        str | None, Query(description="Tags that have it, with its values. Default: linux/amd64 or the first one.")
    ] = None,
    sort: Annotated[ImageSort, Query(description="Tags without such a value come last.")] = "image",
    order: Annotated[Literal["asc", "desc"], Query()] = "asc",
    scope: Annotated[
        Scope | None,
        Query(
            description="`all`: also tags that nobody watches, but that have a history. Default: `watched`, or `all` "
            "where nothing is watched."
        ),
    ] = None,
) -> ImageFilter:
    wanted = parse_platform(platform) if platform else None
    return ImageFilter(wanted, search, sort, order == "desc", scope or await default_scope(session))


@router.get(
    "/images",
    operation_id="listImages",
    summary="List images",
    responses=reads(ImageList, examples.IMAGES, "cursor-invalid"),
)
async def list_images(
    request: Request,
    session: ReadSession,
    now: Now,
    wanted: Annotated[ImageFilter, Depends(_filter)],
    limit: Limit = 100,
    cursor: CursorText = None,
) -> Response:
    """One row per tag on one platform: what it weighs now, and how that changed."""
    listing = f"images:{wanted.sort}:{wanted.descending}"
    page = await image_rows(session, wanted, now=now, limit=limit, after=decode_cursor(listing, cursor))
    following = next_page(request, listing, page.after)
    items = [ImageOut.model_validate(row) for row in page.items]
    return send(ImageList(items=items, total=page.total or 0, next=following), headers=link(following))


@router.get(
    "/tags",
    operation_id="listTags",
    summary="List the tags of an image",
    responses=reads(TagList, examples.TAGS, "reference-invalid", "cursor-invalid", "image-unknown"),
)
async def list_tags(
    request: Request, session: ReadSession, named: Image, limit: Limit = 100, cursor: CursorText = None
) -> Response:
    """Every tag of a repository that is or was watched, with the value of each of its platforms now."""
    after = decode_cursor("tags", cursor)
    page = await tags_page(session, named.repository, named.tag, limit=limit, after=after)
    following = next_page(request, "tags", page.after)
    items = [TagOut.model_validate(row) for row in page.items]
    return send(TagList(items=items, next=following), headers=link(following))
