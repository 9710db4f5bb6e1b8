"""Which tags the table of images shows, in which order: search, sort and paging in one query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import BigInteger, ColumnElement, ScalarSelect, Select, case, exists, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.history.page import Key, PageKeyInvalid, moment_and_id
from app.history.values import build_at, bytewise, current_bytes, image_text, measured_at
from app.models import Build, Manifest, Series, Tag
from app.models import Repository as RepositoryRow

MONTH = timedelta(days=30)
YEAR = timedelta(days=365)
PREFERRED_PLATFORM = "linux/amd64"
_NEVER = -(2**62)  # sorts tags without a value behind all others
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPELLINGS = ("https://", "index.docker.io/", "docker.io/", "library/")

ImageSort = Literal["image", "bytes", "change_30d", "change_1y", "changed"]
IMAGE_SORTS: tuple[ImageSort, ...] = get_args(ImageSort)
Scope = Literal["watched", "all"]  # all: also what nobody watches, but has a history

Chosen = Sequence[tuple[int, int | None]]  # (tag, the series that stands for it)


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which rows of the table, and in which order. Without a platform: linux/amd64 where a tag has it."""

    platform: str | None = None
    search: str = ""
    sort: ImageSort = "image"
    descending: bool = False
    scope: Scope = "watched"


@dataclass(frozen=True, slots=True)
class ScopeCounts:
    """How many tags each scope has."""

    watched: int
    all: int

    @property
    def default(self) -> Scope:
        """What to show unless somebody chooses: what is watched, but where nothing is, all there is."""
        return "watched" if self.watched or not self.all else "all"


async def scope_counts(session: AsyncSession) -> ScopeCounts:
    """How many tags are watched, and how many there are to show at all."""
    has_history = exists().where(Series.tag_id == Tag.id, Series.latest_build_id.is_not(None))
    left = select(func.count()).select_from(Tag).where(Tag.watched.is_(False), has_history)
    watched = await session.scalar(select(func.count()).select_from(Tag).where(Tag.watched)) or 0
    return ScopeCounts(watched, watched + (await session.scalar(left) or 0))


async def default_scope(session: AsyncSession) -> Scope:
    """`ScopeCounts.default` without the counting."""
    return "watched" if await session.scalar(select(exists().where(Tag.watched))) else "all"


async def chosen_tags(
    session: AsyncSession, wanted: ImageFilter, *, now: datetime, limit: int, after: Key | None
) -> tuple[Chosen, Key | None, int]:
    """One page of (tag, series) ids, the key of the next page, and how many there are in all."""
    listed = _listed(session, wanted, now).subquery()
    query = select(listed.c.tag_id, listed.c.series_id, listed.c.key).limit(limit + 1)
    if after is not None:
        here, start = tuple_(listed.c.key, listed.c.tag_id), tuple_(*_after_values(after, wanted.sort))
        query = query.where(here < start if wanted.descending else here > start)
    for column in (listed.c.key, listed.c.tag_id):
        query = query.order_by(column.desc() if wanted.descending else column.asc())
    found = (await session.execute(query)).all()
    total = await session.scalar(select(func.count()).select_from(listed)) or 0
    shown = found[:limit]
    key = _key(shown[-1].key, shown[-1].tag_id) if shown and len(found) > limit else None
    return [(tag_id, series_id) for tag_id, series_id, _ in shown], key, total


def _key(value: Any, tag_id: int) -> Key:
    return (value.isoformat() if isinstance(value, datetime) else value, tag_id)


def _listed(session: AsyncSession, wanted: ImageFilter, now: datetime) -> Select[Any]:
    """tag_id, series_id and sort key of every row that fits the filter."""
    key = _sort_key(session, wanted, now)
    query = select(Tag.id.label("tag_id"), Series.id.label("series_id"), key.label("key")).join(
        RepositoryRow, RepositoryRow.id == Tag.repository_id
    )
    if wanted.platform is None:
        query = query.outerjoin(Series, Series.id == _primary_series())
    else:
        query = query.join(Series, (Series.tag_id == Tag.id) & (Series.platform == wanted.platform))
    query = query.outerjoin(Build, Build.id == Series.latest_build_id)
    query = query.outerjoin(Manifest, Manifest.id == Build.manifest_id)
    query = query.where(Tag.watched if wanted.scope == "watched" else or_(Tag.watched, Build.id.is_not(None)))
    if search := _plain_spelling(wanted.search):
        query = query.where((image_text() + ":" + Tag.name).icontains(search, autoescape=True))
    return query


def _plain_spelling(search: str) -> str:
    """The search as a piece of a familiar name: "docker.io/library/debian" finds what "debian" finds."""
    search = search.strip()
    for prefix in _SPELLINGS:
        search = search.removeprefix(prefix)
    return search


def _primary_series() -> ScalarSelect[int]:
    """The one series that stands for the joined tag: offered before dropped, linux/amd64 first, else the oldest."""
    series = aliased(Series)
    return (
        select(series.id)
        .where(series.tag_id == Tag.id)
        .order_by(
            case((series.dropped_at.is_(None), 0), else_=1),
            case((series.platform == PREFERRED_PLATFORM, 0), else_=1),
            series.id,
        )
        .limit(1)
        .correlate(Tag)
        .scalar_subquery()
    )


def _sort_key(session: AsyncSession, wanted: ImageFilter, now: datetime) -> ColumnElement[Any]:
    last = literal(_NEVER if wanted.descending else -_NEVER, BigInteger())
    match wanted.sort:
        case "image":
            return bytewise(session, image_text() + ":" + Tag.name)
        case "bytes":
            return func.coalesce(current_bytes(), last)
        case "changed":
            end = _EPOCH if wanted.descending else datetime(9999, 1, 1, tzinfo=UTC)
            return func.coalesce(build_at(), literal(end, Build.first_seen_at.type), type_=Build.first_seen_at.type)
        case "change_30d":
            return func.coalesce(_change_since(now - MONTH, wanted.scope), last)
        case "change_1y":
            return func.coalesce(_change_since(now - YEAR, wanted.scope), last)


def _change_since(moment: datetime, scope: Scope) -> ColumnElement[int | None]:
    """How much the series has grown since; NULL where the value then is not known, or nothing later."""
    change = current_bytes() - measured_at(Series.id, moment)
    return change if scope == "watched" else case((is_known_since(moment), change))


def is_known_since(moment: datetime) -> ColumnElement[bool]:
    """Whether anything is known of the joined tag and build after a moment: a history that ended before says nothing
    of what came then."""
    return or_(Tag.watched, Tag.checked_at >= moment, build_at() >= moment)


def _after_values(after: Key, sort: ImageSort) -> tuple[Any, Any]:
    """The key as bound values; PageKeyInvalid if it was made by another sort order."""
    if sort == "changed":
        moment, tag_id = moment_and_id(after)
        return literal(moment, Build.first_seen_at.type), literal(tag_id)
    if len(after) != 2 or not isinstance(after[1], int) or isinstance(after[0], str) != (sort == "image"):
        raise PageKeyInvalid("the cursor belongs to another list")
    return literal(after[0]), literal(after[1])
