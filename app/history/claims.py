"""Manifests by hearsay: what Hub's web API, a sibling or a file says of a manifest that nobody here has read yet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import insert_many, one_of
from app.history.intern import CHUNK, write_layers
from app.history.observations import LayerFound
from app.models import Manifest, ManifestLayer


@dataclass(frozen=True, slots=True)
class PastManifest:
    """What a source says of one platform's manifest. `layers`, base first, is empty where it lists none."""

    digest: str
    compressed_bytes: int | None = None
    layer_count: int | None = None
    layers: tuple[LayerFound, ...] = ()
    media_type: str | None = None
    config_digest: str | None = None
    created_at: datetime | None = None


class Held(NamedTuple):
    """A manifest's row: its id, and the bytes that are recorded of it."""

    id: int
    compressed_bytes: int | None


class Claims(NamedTuple):
    """What is held of manifests, by digest; `layered`: of how many of them the layers became known just now."""

    held: dict[str, Held]
    layered: int


async def claim(session: AsyncSession, manifests: Sequence[PastManifest]) -> Claims:
    """The rows of these manifests, made where they are new, their bytes and layers filled in where unknown.

    Nothing that is recorded is overwritten: whoever calls compares `compressed_bytes` with what his source says.
    """
    told = _first_of_each(manifests)
    held = await _held(session, told)
    missing = sorted(set(told) - set(held))  # one order for everybody, so that two writers cannot deadlock
    unsized = [told[digest] for digest, row in held.items() if row.compressed_bytes is None]
    await _fill(session, [one for one in unsized if one.compressed_bytes is not None], held)
    held |= await _add(session, [told[digest] for digest in missing])
    return Claims(held, await _claim_layers(session, told, held))


def _first_of_each(manifests: Iterable[PastManifest]) -> dict[str, PastManifest]:
    """One per digest: the first, but rather one with bytes, and rather one with layers."""
    told: dict[str, PastManifest] = {}
    for one in manifests:
        known = told.get(one.digest)
        if known is None or _rank(one) > _rank(known):
            told[one.digest] = one
    return told


def _rank(manifest: PastManifest) -> tuple[bool, bool]:
    return manifest.compressed_bytes is not None, bool(manifest.layers)


async def _held(session: AsyncSession, digests: Iterable[str]) -> dict[str, Held]:
    connection, wanted = await session.connection(), sorted(digests)
    query = select(Manifest.digest, Manifest.id, Manifest.compressed_bytes)
    held: dict[str, Held] = {}
    for start in range(0, len(wanted), CHUNK):
        rows = await connection.execute(query.where(one_of(session, Manifest.digest, wanted[start : start + CHUNK])))
        held.update((digest, Held(row_id, amount)) for digest, row_id, amount in rows)
    return held


async def _add(session: AsyncSession, manifests: Sequence[PastManifest]) -> dict[str, Held]:
    """Inserted and looked up again: that is twice as fast as RETURNING, row by row, and finds what a rival added."""
    if not manifests:
        return {}
    await insert_many(session, Manifest, [_row(one) for one in manifests])
    return await _held(session, [one.digest for one in manifests])


def _row(manifest: PastManifest) -> dict[str, Any]:
    return {"digest": manifest.digest, **_claims(manifest)}


def _claims(manifest: PastManifest) -> dict[str, Any]:
    return {
        "media_type": manifest.media_type[:128] if manifest.media_type else None,
        "config_digest": manifest.config_digest,
        "created_at": manifest.created_at,
        "compressed_bytes": manifest.compressed_bytes,
        "layer_count": len(manifest.layers) or manifest.layer_count,
    }


async def _fill(session: AsyncSession, manifests: Sequence[PastManifest], held: dict[str, Held]) -> None:
    """Bytes for manifests that were known by their digest only."""
    if not manifests:
        return
    statement = (
        update(Manifest)
        .where(
            Manifest.id == bindparam("row_id"),
            Manifest.fetched_at.is_(None),
            Manifest.compressed_bytes.is_(None),
        )
        .values({name: bindparam(name) for name in _claims(manifests[0])})
    )
    connection = await session.connection()
    rows = [{"row_id": held[one.digest].id, **_claims(one)} for one in manifests]
    await connection.execute(statement, sorted(rows, key=itemgetter("row_id")))  # in one order, as everybody does
    held |= await _held(session, [one.digest for one in manifests])


async def _claim_layers(session: AsyncSession, told: Mapping[str, PastManifest], held: Mapping[str, Held]) -> int:
    """Layers where a source lists them and nobody did before; only if they belong to the bytes that are recorded."""
    listed = [one for one in told.values() if one.layers and held[one.digest].compressed_bytes == one.compressed_bytes]
    taken = await _with_layers(session, [held[one.digest].id for one in listed])
    fresh = [one for one in listed if held[one.digest].id not in taken]
    await write_layers(session, fresh, {one.digest: held[one.digest].id for one in fresh})
    return len(fresh)


async def _with_layers(session: AsyncSession, manifest_ids: Sequence[int]) -> set[int]:
    """Manifests whose layers are known, or were read and given up since."""
    connection = await session.connection()
    found: set[int] = set()
    for start in range(0, len(manifest_ids), CHUNK):
        ids = manifest_ids[start : start + CHUNK]
        listed = select(ManifestLayer.manifest_id).where(
            ManifestLayer.manifest_id.in_(ids), ManifestLayer.position == 0
        )
        read = select(Manifest.id).where(
            Manifest.id.in_(ids), Manifest.fetched_at.is_not(None) | Manifest.layers_pruned_at.is_not(None)
        )
        found |= set((await connection.execute(listed.union(read))).scalars())
    return found
