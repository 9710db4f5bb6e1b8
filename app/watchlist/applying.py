"""Make the watch list what a file declares: first the differences, then all of them in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from app.registry.reference import Repository
from app.watchlist.declared import Declared, interval_text
from app.watchlist.spec import WatchSpec
from app.watchlist.watches import WatchInfo, add_watches, change_watch, list_watches, pause_watches, remove_watches

ORIGIN = "apply"

_Key = tuple[Repository, str]


@dataclass(frozen=True, slots=True)
class Changed:
    """A watch that is there and is to be as the file says; `what` are the differences, for people."""

    watch: WatchInfo
    wanted: Declared
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """What applying a file would do. `unmanaged`: watched, not in the file, and not from it: they stay."""

    add: tuple[Declared, ...]
    change: tuple[Changed, ...]
    remove: tuple[WatchInfo, ...]
    unmanaged: tuple[WatchInfo, ...]

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.add or self.change or self.remove)


async def differences(session: AsyncSession, declared: Sequence[Declared]) -> Differences:
    """Compare the watch list with what a file declares; nothing is written."""
    watches = {_key(watch.spec): watch for watch in await list_watches(session)}
    wanted = {_key(one.spec): one for one in declared}
    both = [_changed(watch, wanted[key]) for key, watch in watches.items() if key in wanted]
    others = [watch for key, watch in watches.items() if key not in wanted]
    return Differences(
        add=tuple(one for key, one in wanted.items() if key not in watches),
        change=tuple(one for one in both if one.what),
        remove=tuple(watch for watch in others if watch.origin == ORIGIN),
        unmanaged=tuple(watch for watch in others if watch.origin != ORIGIN),
    )


async def apply_declared(
    session: AsyncSession, declared: Sequence[Declared], agreed: Differences, now: datetime
) -> bool:
    """Do what was agreed to; False, and nothing is done, where the watch list has changed since."""
    found = await differences(session, declared)
    if _todo(found) != _todo(agreed):
        return False
    if found.add:
        added = await add_watches(session, [one.spec for one in found.add], origin=ORIGIN, now=now)
        paused = [watch.id for watch, one in zip(added, found.add, strict=True) if one.paused]
        if paused:
            await pause_watches(session, paused, True, now)
    for one in found.change:
        await change_watch(session, one.watch.id, one.wanted.spec, paused=one.wanted.paused, origin=ORIGIN, now=now)
    if found.remove:
        await remove_watches(session, [watch.id for watch in found.remove], now)
    return True


def _key(spec: WatchSpec) -> _Key:
    return spec.repository, spec.tag_pattern


def _todo(one: Differences) -> tuple[object, ...]:
    return one.add, [(each.watch.id, each.what) for each in one.change], [watch.id for watch in one.remove]


def _changed(watch: WatchInfo, wanted: Declared) -> Changed:
    pairs = [
        ("platforms", _platforms(watch.spec), _platforms(wanted.spec)),
        ("interval", _interval(watch.spec), _interval(wanted.spec)),
        ("paused", _yes_or_no(watch.paused), _yes_or_no(wanted.paused)),
        ("managed by", watch.origin, ORIGIN),
    ]
    return Changed(watch, wanted, tuple(f"{name} {old} -> {new}" for name, old, new in pairs if old != new))


def _platforms(spec: WatchSpec) -> str:
    return " ".join(spec.platforms or ("all",))


def _interval(spec: WatchSpec) -> str:
    return interval_text(int(spec.interval.total_seconds())) if spec.interval else "default"


def _yes_or_no(value: bool) -> str:
    return "yes" if value else "no"
