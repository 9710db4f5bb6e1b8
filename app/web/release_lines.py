"""Which release line a build stands on ("bookworm"), and when a floating tag moved to another one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from app.history.series import Point
from app.models import Origin
from app.watchlist.lines import release_line


class Sourced(Protocol):
    """What tells a build's release line; `Point` and `BuildRow` have it."""

    @property
    def origin(self) -> str: ...
    @property
    def source(self) -> str | None: ...
    @property
    def base_step(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Switch:
    """From this build on, a series stands on another release line."""

    at: datetime
    build_id: int
    before: str
    after: str

    @property
    def text(self) -> str:
        """ "bookworm \u2192 trixie"."""
        return f"{self.before} \u2192 {self.after}"


def line_of(build: Sourced) -> str | None:
    """The build's release line; None where neither its sibling's name nor its first step tells."""
    return _line(build.source if build.origin == Origin.SIBLING else None, build.base_step)


@lru_cache(maxsize=4096)
def _line(source: str | None, step: str | None) -> str | None:
    return release_line(source, step)


def switches(points: Iterable[Point]) -> tuple[Switch, ...]:
    """Where a series moved to another line, oldest first; builds whose line is not known are passed over."""
    found, before = list[Switch](), None
    for point in points:
        line = line_of(point)
        if line is not None and before is not None and line != before:
            found.append(Switch(point.at, point.build_id, before, line))
        before = line or before
    return tuple(found)
