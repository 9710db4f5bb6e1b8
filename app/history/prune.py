"""Give up old detail to save room: the layers of manifests that nothing has run on for long. Never sizes, never dates.

Short transactions, each of which leaves everything consistent: it may be stopped at any time, run again, and run beside
workers and beside itself. On PostgreSQL rows are locked before they are judged: whoever is about to refer to a layer
holds a lock on it (app/history/intern.py), so that a layer in use is skipped, and one that goes is made anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.db import Database
from app.models import Build, BuildStep, Layer, Manifest, ManifestLayer, bump_revision

_BATCH = 200  # manifests, some ten layers each, or orphans: a transaction of some milliseconds


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many manifests lost their layers, and how many rows went with that."""

    manifests: int = 0
    manifest_layers: int = 0
    layers: int = 0
    build_steps: int = 0


async def prunable(session: AsyncSession, ended_before: datetime) -> Pruned:
    """What `prune` would remove now."""
    pruned = select(Manifest.id).where(_is_over(ended_before)).cte()
    mine = select(func.count()).select_from(ManifestLayer).where(ManifestLayer.manifest_id.in_(select(pruned.c.id)))
    return Pruned(
        manifests=await session.scalar(select(func.count()).select_from(pruned)) or 0,
        manifest_layers=await session.scalar(mine) or 0,
        layers=await _orphaned(session, pruned, ManifestLayer.layer_id),
        build_steps=await _orphaned(session, pruned, ManifestLayer.build_step_id),
    )


async def _orphaned(session: AsyncSession, pruned: Any, key: InstrumentedAttribute[Any]) -> int:
    """How many rows only the manifests that are to be pruned refer to."""
    of_pruned = select(
        select(key)
        .outerjoin(pruned, pruned.c.id == ManifestLayer.manifest_id)
        .where(key.is_not(None))
        .group_by(key)
        .having(func.count() == func.count(pruned.c.id))
        .subquery()
    )
    return await session.scalar(select(func.count()).select_from(of_pruned.subquery())) or 0


async def prune(
    database: Database, ended_before: datetime, now: datetime, progress: Callable[[Pruned], None] = lambda _: None
) -> Pruned:
    """Remove the layers of manifests whose every build was followed by another one before `ended_before`.

    Then the layers and build steps that no manifest has any more. `progress` is told the sums after each transaction.
    """
    manifests = manifest_layers = 0
    after: int | None = 0
    while after is not None:
        async with database.writing() as session:
            after, some, rows = await _prune_some(session, ended_before, now, after)
        manifests, manifest_layers = manifests + some, manifest_layers + rows
        progress(Pruned(manifests, manifest_layers))
    layers = await _remove_orphans(database, Layer, ManifestLayer.layer_id)
    steps = await _remove_orphans(database, BuildStep, ManifestLayer.build_step_id)
    if manifests:
        # In a transaction of its own: whoever waits for this row must hold no lock that a long import may want.
        async with database.writing() as session:
            await bump_revision(session)
    return Pruned(manifests, manifest_layers, layers, steps)


def _is_over(ended_before: datetime) -> ColumnElement[bool]:
    """A manifest with layers, with builds, and with no build that is in force still or was so after that time."""
    later = aliased(Build)
    followed = exists().where(
        later.series_id == Build.series_id,
        later.first_seen_at >= Build.first_seen_at,
        later.first_seen_at < ended_before,
        tuple_(later.first_seen_at, later.id) > tuple_(Build.first_seen_at, Build.id),
    )
    mine = Build.manifest_id == Manifest.id
    has_layers = exists().where(ManifestLayer.manifest_id == Manifest.id)
    return has_layers & exists().where(mine) & ~exists().where(mine, ~followed)


async def _prune_some(
    session: AsyncSession, ended_before: datetime, now: datetime, after: int
) -> tuple[int | None, int, int]:
    """One batch: the last manifest's id, None at the end; how many manifests; how many rows."""
    over = _is_over(ended_before)
    chosen = select(Manifest.id).where(Manifest.id > after, over).order_by(Manifest.id).limit(_BATCH)
    locked = list(await session.scalars(chosen.with_for_update(skip_locked=True, of=Manifest)))
    # Judged again under the lock: a build may have come between, and no other can come now.
    ids = list(await session.scalars(select(Manifest.id).where(Manifest.id.in_(locked), over)))
    if not locked:
        return None, 0, 0
    gone = await session.execute(
        delete(ManifestLayer)
        .where(ManifestLayer.manifest_id.in_(ids))
        .returning(ManifestLayer.manifest_id)
        .execution_options(synchronize_session=False)
    )
    await session.execute(update(Manifest).where(Manifest.id.in_(ids)).values(layers_pruned_at=now))
    return locked[-1], len(ids), len(gone.all())


async def _remove_orphans(
    database: Database, table: type[Layer] | type[BuildStep], reference: InstrumentedAttribute[Any]
) -> int:
    """Remove the rows of a table that no manifest's layer refers to; how many there were."""
    removed, after = 0, 0
    unused = ~exists().where(reference == table.id)
    while True:
        async with database.writing() as session:
            chosen = select(table.id).where(table.id > after, unused).order_by(table.id).limit(_BATCH)
            locked = list(await session.scalars(chosen.with_for_update(skip_locked=True, of=table)))
            if not locked:
                return removed
            gone = await session.execute(
                delete(table)
                .where(table.id.in_(locked), unused)
                .returning(table.id)
                .execution_options(synchronize_session=False)
            )
            removed, after = removed + len(gone.all()), locked[-1]
