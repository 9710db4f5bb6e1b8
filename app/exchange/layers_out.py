"""The layers of manifests, with the build steps that made them, as they go out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.exchange.columns import LAYER
from app.models import BuildStep, Layer, ManifestLayer

_CHUNK = 500
LayerOut = dict[str, object]  # the keys of `columns.LAYER`


async def layers_of(session: AsyncSession, manifest_ids: Iterable[int]) -> Mapping[int, Sequence[LayerOut]]:
    """The layers of each manifest, base first; nothing for one whose layers are not known."""
    found: defaultdict[int, list[LayerOut]] = defaultdict(list)
    wanted = sorted(set(manifest_ids))
    query = (
        select(
            ManifestLayer.manifest_id,
            Layer.digest,
            ManifestLayer.compressed_bytes,
            ManifestLayer.media_type,
            Layer.diff_id,
            BuildStep.text,
        )
        .join(Layer, Layer.id == ManifestLayer.layer_id)
        .outerjoin(BuildStep, BuildStep.id == ManifestLayer.build_step_id)
        .order_by(ManifestLayer.manifest_id, ManifestLayer.position)
    )
    for start in range(0, len(wanted), _CHUNK):
        rows = await session.execute(query.where(ManifestLayer.manifest_id.in_(wanted[start : start + _CHUNK])))
        for manifest_id, *values in rows:
            found[manifest_id].append(dict(zip(LAYER, values, strict=True)))
    return found
