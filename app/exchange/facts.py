"""From the cells of a row to one fact about the past. What a file repeats on every line is parsed once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from app.exchange.columns import MANIFEST, PLATFORM, TOLD, Cells
from app.exchange.refusals import RowRefused
from app.exchange.report import printable
from app.history.observations import LayerFound
from app.history.past import PastBuild, PastManifest
from app.models import Origin
from app.registry.platform import Platform
from app.registry.reference import ReferenceInvalid, Repository, is_digest, is_tag

FIRST = datetime(2013, 1, 1, tzinfo=UTC)  # Docker was shown in March of that year
MOST_BYTES = 10**13  # ten terabytes: no image, and a typing error
MOST_LAYERS = 1_000
_LEEWAY = timedelta(days=1)  # clocks differ
_LONGEST_TEXT = {"source": 255, "media_type": 128}
_REMEMBERED = 20_000
_DIGITS = 16

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Remembered(dict[_K, _V]):
    """What a function gave for each key; forgotten when there are too many, so that no file fills the memory."""

    def __init__(self, function: Callable[[_K], _V]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, key: _K) -> _V:
        if len(self) >= _REMEMBERED:
            self.clear()
        value = self[key] = self._function(key)
        return value


class FactParser:
    """Makes facts of the rows of one file called `name`; everything that is impossible is a RowRefused."""

    def __init__(self, name: str, now: datetime) -> None:
        self._name = name
        self._source = printable(name)[: _LONGEST_TEXT["source"]]
        self._latest = now + _LEEWAY
        self._repositories = _Remembered(_repository)
        self._tags = _Remembered(_tag)
        self._platforms = _Remembered(_platform)
        self._origins = _Remembered(_origin)
        self._texts = _Remembered(_text)
        self._counts = _Remembered(_count)

    def fact(self, cells: Cells, line: int, *, own: bool, layers: tuple[LayerFound, ...] = ()) -> PastBuild:
        """The fact of a row. `own`: the file says itself where its builds are known from, as our exports do."""
        first_seen, pushed, known, origin, source = cells[TOLD]
        created_at = moment(cells[-1]) if cells[-1] else None
        pushed_at = self._happened(moment(pushed), "pushed_at") if pushed else None
        at = self._happened(moment(first_seen), "first_seen_at") if first_seen else pushed_at
        return PastBuild(
            self._repositories[cells[0]],
            self._tags[cells[1]],
            self._platforms[cells[PLATFORM]],
            at or self._happened(created_at, "created_at"),
            self._manifest(cells[MANIFEST], created_at, layers),
            self._origins[origin] if own else Origin.IMPORT,
            pushed_at,
            self._happened(moment(known), "known_since") if known else None,
            self._text("source", source) if own else self._source,
            f"{self._name}:{line}",
        )

    def _manifest(self, cells: Cells, created_at: datetime | None, layers: tuple[LayerFound, ...]) -> PastManifest:
        digest, amount, stated_count, media_type, config = cells
        if not is_digest(digest):
            raise RowRefused("not a digest", repr(digest[:80]))
        if config and not is_digest(config):
            raise RowRefused("config_digest is not a digest", repr(config[:80]))
        count = self._counts[stated_count]
        if layers:
            count = _same_count(count, layers)
        return PastManifest(
            digest,
            _measured(amount, count, layers),
            count,
            layers,
            self._text("media_type", media_type),
            config or None,
            created_at,
        )

    def _happened(self, at: datetime | None, what: str) -> datetime:
        if at is None:
            raise RowRefused("no time: first_seen_at, pushed_at and created_at are empty")
        if at < FIRST:
            raise RowRefused(f"{what} is before 2013", str(at))
        if at > self._latest:
            raise RowRefused(f"{what} is in the future", str(at))
        return at

    def _text(self, what: str, text: str) -> str | None:
        return self._texts[what, text] if text else None


def moment(text: str) -> datetime:
    """A time of RFC 3339 or its date alone, in UTC; one without a zone is taken to be in UTC."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not UTC:
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _no_time(text) from None
    if text[4] != "-" or text[5] == "W":  # ISO 8601 has dates without signs, and dates of weeks, as well
        raise _no_time(text)
    return found


def _no_time(text: str) -> RowRefused:
    return RowRefused("not a time such as 2026-01-05T18:20:45Z", repr(text[:80]))


def whole_number(text: str, what: str, most: int) -> int:
    """A number in digits only, at most so great."""
    if not (text.isascii() and text.isdigit()):
        raise RowRefused(f"{what} is not a whole number", repr(text[:80]))
    number = int(text[:_DIGITS])
    if number > most or len(text) > _DIGITS:
        raise RowRefused(f"{what} is more than {most:,}", repr(text[:80]))
    return number


def _measured(text: str, count: int | None, layers: tuple[LayerFound, ...]) -> int | None:
    total = sum(layer.compressed_bytes for layer in layers) if layers else None
    amount = whole_number(text, "compressed_bytes", MOST_BYTES) if text else total
    if amount == 0 and count != 0:
        raise RowRefused("compressed_bytes is 0, but only an image without layers weighs nothing")
    if amount and count == 0:
        raise RowRefused("compressed_bytes of an image without layers", text)
    if total is not None and amount != total:
        raise RowRefused("compressed_bytes is not the sum of the layers", f"{amount}, not {total}")
    return amount


def _count(text: str) -> int | None:
    return whole_number(text, "layers", MOST_LAYERS) if text else None


def _same_count(count: int | None, layers: tuple[LayerFound, ...]) -> int:
    if count is not None and count != len(layers):
        raise RowRefused("layers is not the length of the list of layers", f"{count}, not {len(layers)}")
    return len(layers)


def _repository(text: str) -> Repository:
    try:
        return Repository.parse(text)
    except ReferenceInvalid as error:
        raise RowRefused("not a repository", f"{error.text!r}: {error.reason}") from None


def _tag(text: str) -> str:
    if not is_tag(text):
        raise RowRefused("not a tag", repr(text[:80]))
    return text


def _platform(parts: Cells) -> str:
    """The one spelling of a platform, from its key or from its parts; where both are there, they must agree."""
    key, os, architecture, variant, os_version = parts
    try:
        whole = Platform.parse(key) if key else None
        parted = Platform.normalised(os, architecture, variant, os_version) if os or architecture else None
    except ValueError as error:
        raise RowRefused("not a platform", str(error)) from None
    if whole is not None and parted is not None and whole != parted:
        raise RowRefused("platform and os/architecture/variant contradict each other", f"{whole} and {parted}")
    found = whole or parted
    if found is None or found.is_unknown:
        raise RowRefused("no platform" if found is None else "not a platform: unknown/unknown marks attestations")
    return str(found)


def _origin(text: str) -> Origin:
    try:
        return Origin(text) if text else Origin.IMPORT
    except ValueError:
        raise RowRefused(f"origin is none of {', '.join(Origin)}", repr(text[:80])) from None


def _text(named: tuple[str, str]) -> str:
    what, text = named
    if len(text) > _LONGEST_TEXT[what]:
        raise RowRefused(f"{what} has more than {_LONGEST_TEXT[what]} characters", repr(text[:80]))
    if not text.isprintable():
        raise RowRefused(f"{what} holds control characters", repr(text[:80]))
    return text
