"""Pages of Docker Hub's web API -> values. Of a field that is missing or impossible nothing is taken, and no more lost.

Reference: docker/docs, content/reference/api/hub/latest.yaml, "tag" and "image".
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from app.registry.errors import AnswerInvalid, BadDocument
from app.registry.manifest import MAX_MEDIA_TYPE, media_type_of
from app.registry.platform import Platform
from app.registry.reference import is_digest, is_tag
from app.registry.strict_json import MAX_INTEGER, JsonObject, load_object

PAGE_SIZE = 100  # the API cuts a larger one to this
_MOST_IMAGES = 100  # of one tag
_FIRST_YEAR = 2013  # Docker's own; before it lies only the "0001-01-01" that stands for never

_FEATURES = re.compile(r"[,\s]+")


@dataclass(frozen=True, slots=True)
class HubImage:
    """One platform of a tag: the digest of its manifest and the sum of its layers' compressed bytes, never 0.

    `platform` is its key, "linux/arm/v7". `pushed_at` may lie hours before the tag's own.
    """

    platform: str
    digest: str | None
    compressed_bytes: int | None
    pushed_at: datetime | None


@dataclass(frozen=True, slots=True)
class HubTag:
    """A tag as the web API tells it now; `digest` is what a HEAD of the tag would give. Attestations are left out.

    `updated_at` is what pages are ordered by; never before the push.
    """

    name: str
    digest: str | None
    media_type: str | None
    pushed_at: datetime | None
    images: tuple[HubImage, ...]
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HubPage:
    """Up to 100 tags. `count`: of all pages, as the API says; `last`: there is no page after this one.

    `dropped`: how many entries were no tags.
    """

    tags: tuple[HubTag, ...]
    count: int | None
    last: bool
    dropped: int


def parse_page(body: bytes) -> HubPage:
    """A page of tags; AnswerInvalid if it is none."""
    document = _object(body, "page of tags")
    entries = document.get("results")
    if not isinstance(entries, list) or len(entries) > PAGE_SIZE * 10:
        raise AnswerInvalid("the page of tags holds no list of them, or far too many")
    tags = tuple(tag for entry in entries if (tag := _tag(entry)) is not None)
    last = document.get("next") in (None, "")
    return HubPage(tags, _whole(document.get("count"), 0), last, len(entries) - len(tags))


def parse_tag(body: bytes, name: str) -> HubTag:
    """The answer about one tag; AnswerInvalid if it is about another, or none."""
    tag = _tag(_object(body, "tag"))
    if tag is None or tag.name != name:
        raise AnswerInvalid(f"the answer about the tag {name} is not about it")
    return tag


def _object(body: bytes, what: str) -> JsonObject:
    try:
        return load_object(body, what)
    except BadDocument as problem:
        raise AnswerInvalid(problem.message) from None


def _tag(entry: Any) -> HubTag | None:
    if not isinstance(entry, dict):
        return None
    name, images = entry.get("name"), entry.get("images")
    if not isinstance(name, str) or not is_tag(name):
        return None
    media_type = media_type_of(_text(entry, "media_type"))
    updated_at = _moment(entry.get("last_updated"))
    return HubTag(
        name,
        _digest(entry),
        media_type if 0 < len(media_type) <= MAX_MEDIA_TYPE else None,
        _moment(entry.get("tag_last_pushed")) or updated_at,
        _images(images if isinstance(images, list) else ()),
        updated_at,
    )


def _images(entries: Iterable[Any]) -> tuple[HubImage, ...]:
    """The first of each platform, as a registry's client would take it (image-spec, image-index.md)."""
    found: dict[str, HubImage] = {}
    for entry in list(entries)[:_MOST_IMAGES]:
        platform = _platform(entry) if isinstance(entry, dict) else None
        if platform is not None and not platform.is_unknown:
            compressed_bytes, pushed_at = _whole(entry.get("size"), 1), _moment(entry.get("last_pushed"))
            image = HubImage(str(platform), _digest(entry), compressed_bytes, pushed_at)
            found.setdefault(image.platform, image)
    return tuple(found.values())


def _platform(entry: JsonObject) -> Platform | None:
    os, architecture, variant, os_version = (
        _text(entry, key) for key in ("os", "architecture", "variant", "os_version")
    )
    stated = entry.get("os_features")
    features = stated if isinstance(stated, list) else _FEATURES.split(_text(entry, "os_features"))
    try:
        texts = [feature for feature in features[:32] if isinstance(feature, str) and feature]
        return Platform.normalised(os, architecture, variant, os_version, texts)
    except ValueError:
        return None


def _text(entry: JsonObject, key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _digest(entry: JsonObject) -> str | None:
    digest = _text(entry, "digest")
    return digest if is_digest(digest) else None


def _whole(value: Any, least: int) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if least <= value <= MAX_INTEGER else None


def _moment(value: Any) -> datetime | None:
    """An RFC 3339 time in UTC."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year >= _FIRST_YEAR else None
