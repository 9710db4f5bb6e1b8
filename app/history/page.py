"""A page of a longer list, cut by key and not by offset, so that rows arriving meanwhile shift nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

T = TypeVar("T")
Key = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items, and the key to pass as `after` for the next page; `after` is None on the last page.

    `total` counts the whole list where that is cheap, else None.
    """

    items: tuple[T, ...]
    after: Key | None
    total: int | None = None


class PageKeyInvalid(ValueError):
    """The `after` key does not fit this list: it came from another list or another sort order."""


def moment_and_id(after: Key) -> tuple[datetime, int]:
    """The key of a list by time, the moment in UTC; PageKeyInvalid unless it is an aware time and a row's number."""
    match after:
        case (str() as text, int() as row_id):
            return _moment(text), row_id
    raise PageKeyInvalid("the cursor belongs to another list")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # year 1 at +23:59 began before there are dates
        pass
    raise PageKeyInvalid("the cursor holds no time")
