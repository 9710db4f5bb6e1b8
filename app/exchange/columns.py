"""The one shape of a build in a file: its columns in CSV and Parquet, its keys in JSONL.

A row says: from `first_seen_at` on, this tag ran on this platform manifest. docs/exchange.md explains every column.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.exchange.refusals import RowRefused

EXPORTED = (
    "repository",
    "tag",
    "platform",
    "first_seen_at",
    "pushed_at",
    "known_since",
    "origin",
    "source",
    "digest",
    "compressed_bytes",
    "layers",
    "media_type",
    "config_digest",
    "created_at",
)
LAYER_LIST = "layer_list"  # in JSONL only: base first, each with the keys of LAYER
LAYER = ("digest", "compressed_bytes", "media_type", "diff_id", "step")

_WHERE = ("repository", "tag", "platform", "os", "architecture", "variant", "os_version")
COLUMNS = (*_WHERE, *(name for name in EXPORTED if name not in _WHERE))  # what a row may hold, in the order of `Cells`
PLATFORM, TOLD, MANIFEST = slice(2, 7), slice(7, 12), slice(12, 17)  # parts of `Cells` that are read together
ALIASES = {
    "image": "repository",
    "arch": "architecture",
    "os.version": "os_version",
    "at": "first_seen_at",
    "created": "created_at",
    "layer_count": "layers",
    "manifest_digest": "digest",
    "manifest_media_type": "media_type",
    "image_id": "config_digest",
}
_NEEDED = ("repository", "tag", "digest", "compressed_bytes")
_PLATFORM = ({"platform"}, {"os", "architecture"})
_TIMES = {"first_seen_at", "pushed_at", "created_at"}
_SHOWN = 20

Cells = tuple[str, ...]  # the texts of one row in the order of COLUMNS, "" where there is none


@dataclass(frozen=True, slots=True)
class Header:
    """Where each of COLUMNS stands in a row of `width` cells, -1 for nowhere; what the file has besides."""

    places: tuple[int, ...]
    width: int
    ignored: tuple[str, ...]

    @property
    def has_origin(self) -> bool:
        """Whether the file says where its builds are known from, as our own files do."""
        return self.places[COLUMNS.index("origin")] >= 0

    @classmethod
    def parse(cls, names: Sequence[str]) -> "Header":
        """The columns that a first line names; RowRefused where they are not enough, or one comes twice."""
        known = [column_of(name) for name in names]
        twice = [name for name, count in Counter(filter(None, known)).items() if count > 1]
        if twice:
            raise RowRefused("the header names a column twice", ", ".join(twice))
        if lacking := _lacking({name for name in known if name}):
            hint = "; cells are separated by commas" if len(names) == 1 and {";", "\t"} & set(names[0]) else ""
            raise RowRefused("the header lacks columns", ", ".join(lacking) + hint)
        places = {name: place for place, name in enumerate(known) if name}
        ignored = tuple(name for name, column in zip(names, known, strict=True) if column is None)
        return cls(tuple(places.get(name, -1) for name in COLUMNS), len(names), ignored)


def column_of(name: str) -> str | None:
    """The column that a name means, whatever its case and surrounding spaces; None for an unknown one."""
    plain = name.strip().lower()
    plain = ALIASES.get(plain, plain)
    return plain if plain in COLUMNS else None


def _lacking(known: set[str]) -> list[str]:
    lacking = [name for name in _NEEDED if name not in known]
    if not any(names <= known for names in _PLATFORM):
        lacking.append("platform (or os and architecture)")
    if not known & _TIMES:
        lacking.append("first_seen_at (or pushed_at, or created_at)")
    return lacking


def ignoring(names: Sequence[str]) -> str:
    """The note about columns that mean nothing to us."""
    shown = ", ".join(repr(name[:60]) for name in names[:_SHOWN])
    return f"ignored columns: {shown}{', ...' if len(names) > _SHOWN else ''}"
