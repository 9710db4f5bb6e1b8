"""Query parameters that several routes share, parsed once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import AfterValidator

from app.registry.platform import Platform
from app.registry.reference import DEFAULT_TAG, Reference, ReferenceInvalid, Repository
from app.web.problems import Problem

MOST_ITEMS = 1000
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Named:
    """A repository and, where one was named, a tag."""

    repository: Repository
    tag: str | None

    @property
    def tag_or_latest(self) -> str:
        """As Docker reads it: without a tag, "latest"."""
        return self.tag or DEFAULT_TAG


def parse_image(image: str, tag: str | None) -> Named:
    """`?image=debian&tag=bookworm` or `?image=debian:bookworm`; ReferenceInvalid, also for two different tags."""
    try:
        repository, inner = Repository.parse(image), None
    except ReferenceInvalid as error:
        if error.part != "tag":
            raise
        found = Reference.parse(image)
        repository, inner = found.repository, found.tag
    if inner and tag and inner != tag:
        raise ReferenceInvalid(f"{image}:{tag}"[:200], "tag", f"two tags are given, {inner!r} and {tag[:128]!r}")
    if tag:
        Reference.parse(f"{repository}:{tag}")
    return Named(repository, tag or inner)


_IMAGE = Query(
    description="A repository in any familiar spelling: `alpine`, `library/alpine`, `docker.io/library/alpine`, "
    "`ghcr.io/owner/name`; `alpine:3.20` names the tag as well.",
    examples=["debian"],
)
_TAG = Query(description="A tag.", examples=["bookworm-slim"])


async def _named(image: Annotated[str, _IMAGE], tag: Annotated[str | None, _TAG] = None) -> Named:
    return parse_image(image, tag)


async def _perhaps_named(
    image: Annotated[str | None, _IMAGE] = None, tag: Annotated[str | None, _TAG] = None
) -> Named | None:
    if image is None and tag is not None:
        raise Problem("parameter-invalid", "tag: a tag alone names nothing; give `image` too.")
    return None if image is None else parse_image(image, tag)


async def _platforms(
    platform: Annotated[
        list[str] | None,
        Query(description="Only this platform; may be repeated.", examples=[["linux/amd64"]], max_length=50),
    ] = None,
) -> tuple[str, ...] | None:
    return tuple(parse_platform(one) for one in platform) if platform else None


def parse_platform(text: str) -> str:
    """The platform as we write it ("linux/arm64/v8" is "linux/arm64"); a Problem says what is allowed."""
    try:
        return str(Platform.parse(text))
    except ValueError as error:
        errors = [{"parameter": "platform", "in": "query", "message": str(error)}]
        raise Problem("parameter-invalid", f"platform: {error}", more={"errors": errors}) from None


def _in_range(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not _FIRST <= aware <= _LAST:
        raise ValueError("a time between 1970 and 9999")
    return aware.astimezone(UTC)


Image = Annotated[Named, Depends(_named)]
PerhapsImage = Annotated[Named | None, Depends(_perhaps_named)]
Platforms = Annotated[tuple[str, ...] | None, Depends(_platforms)]
Moment = Annotated[datetime, AfterValidator(_in_range)]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many at most.")]
CursorText = Annotated[str | None, Query(description="Where the page before ended: from its `next`.")]
RowId = Annotated[int, Path(ge=1, lt=2**63, examples=[4711])]
