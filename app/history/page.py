"""A page of a longer list, cut by key and not by offset, so that rows arriving meanwhile shift nothing."""

from dataclasses import dataclass
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
