"""Content-addressed rows: found or added, each digest once, whoever else is adding it at the same moment."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from app.db import insert_many, insert_or_pass, one_of
from app.history.observations import LayerFound, Measured
from app.models import BuildStep, Layer, Manifest, ManifestLayer

log = logging.getLogger(__name__)
CHUNK = 2_000  # bound parameters of one statement stay far below every limit


async def intern(
    session: AsyncSession, key: InstrumentedAttribute[str], rows: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """The ids of rows by their unique key, added where they are missing; existing rows stay as they are."""
    found = await ids_of(session, key, rows)
    missing = sorted(set(rows) - set(found))  # one order for everybody, so that two writers cannot deadlock
    if missing:
        added = insert_or_pass(session, key.class_).returning(key, key.class_.id)
        found |= dict((await session.execute(added, [dict(rows[name]) for name in missing])).all())
        rivals = [name for name in missing if name not in found]
        found |= await ids_of(session, key, rivals) if rivals else {}
    return found


async def ids_of(session: AsyncSession, key: InstrumentedAttribute[str], names: Iterable[str]) -> dict[str, int]:
    """The ids of the rows that exist, by their unique key; until the transaction ends, nobody removes these rows.

    The lock is the one that a foreign key takes anyway, taken before rather than after somebody may prune the row.
    """
    table, wanted = key.class_, list(names)
    found: dict[str, int] = {}
    for start in range(0, len(wanted), CHUNK):
        query = select(key, table.id).where(one_of(session, key, wanted[start : start + CHUNK]))
        rows = await session.execute(query.with_for_update(read=True, key_share=True))
        found.update(dict(rows.all()))
    return found


async def intern_manifests(session: AsyncSession, digests: Iterable[str]) -> dict[str, int]:
    """The ids of manifests by digest; new ones wait to be measured."""
    return await intern(session, Manifest.digest, {digest: {"digest": digest} for digest in digests})


async def measure(session: AsyncSession, manifests: Sequence[Measured], ids: Mapping[str, int], at: datetime) -> int:
    """Write down manifests that were read whole, once for ever; how many had not been measured before.

    What was claimed of them by hearsay yields.
    """
    claims = await _claim_measuring(session, [ids[one.digest] for one in manifests], at)
    fresh = {one.digest: one for one in manifests if ids[one.digest] in claims}
    if fresh:
        await _overrule(session, list(fresh.values()), ids, claims)
        await session.execute(update(Manifest), [_measures(ids[one.digest], one) for one in fresh.values()])
        await write_layers(session, list(fresh.values()), ids)
    return len(fresh)


async def _claim_measuring(session: AsyncSession, manifest_ids: Sequence[int], at: datetime) -> dict[int, int | None]:
    """Those that nobody measured before, with the bytes that were claimed; exactly one writer gets each to go on."""
    claimed = await session.execute(
        update(Manifest)
        .where(Manifest.id.in_(manifest_ids), Manifest.fetched_at.is_(None))
        .values(fetched_at=at)
        .returning(Manifest.id, Manifest.compressed_bytes)
        .execution_options(synchronize_session=False)
    )
    return dict(claimed.all())


async def _overrule(
    session: AsyncSession, manifests: Sequence[Measured], ids: Mapping[str, int], claims: Mapping[int, int | None]
) -> None:
    """Make room for what was read; where others had claimed something else, say so."""
    for one in manifests:
        claimed = claims[ids[one.digest]]
        if claimed is not None and claimed != one.compressed_bytes:
            log.warning("%s has %d bytes, not the %d claimed before", one.digest, one.compressed_bytes, claimed)
    told = [ids[one.digest] for one in manifests if claims[ids[one.digest]] is not None]
    if told:
        await session.execute(delete(ManifestLayer).where(ManifestLayer.manifest_id.in_(told)))


def _measures(manifest_id: int, manifest: Measured) -> dict[str, Any]:
    return {
        "id": manifest_id,
        "media_type": manifest.media_type[:128],
        "config_digest": manifest.config_digest,
        "created_at": manifest.created_at,
        "compressed_bytes": manifest.compressed_bytes,
        "layer_count": len(manifest.layers),
        "layers_pruned_at": None,  # given up while they were hearsay, and here again
    }


class Layered(Protocol):
    """A manifest with its layers, base first."""

    @property
    def digest(self) -> str:
        """The manifest's own digest."""

    @property
    def layers(self) -> tuple[LayerFound, ...]:
        """As its descriptors state them."""


async def write_layers(session: AsyncSession, manifests: Sequence[Layered], ids: Mapping[str, int]) -> None:
    """Write down the layers of manifests that have none yet; layers and build steps that are known are shared."""
    layers = [layer for manifest in manifests for layer in manifest.layers]
    if not layers:
        return
    blobs = {layer.digest: {"digest": layer.digest, "diff_id": layer.diff_id} for layer in reversed(layers)}
    layer_ids = await intern(session, Layer.digest, blobs)
    texts = {layer.step for layer in layers if layer.step}
    steps = {_sha256(text): {"sha256": _sha256(text), "text": text} for text in texts}
    step_ids = await intern(session, BuildStep.sha256, steps)
    rows = [
        _placed(ids[manifest.digest], position, layer, layer_ids, step_ids)
        for manifest in manifests
        for position, layer in enumerate(manifest.layers)
    ]
    await insert_many(session, ManifestLayer, rows)


def _placed(
    manifest_id: int, position: int, layer: LayerFound, layer_ids: Mapping[str, int], step_ids: Mapping[str, int]
) -> dict[str, Any]:
    return {
        "manifest_id": manifest_id,
        "position": position,
        "layer_id": layer_ids[layer.digest],
        "compressed_bytes": layer.compressed_bytes,
        "media_type": layer.media_type[:128],
        "build_step_id": step_ids[_sha256(layer.step)] if layer.step else None,
    }


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
