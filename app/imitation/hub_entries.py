"""What the web API says of one tag: its platforms, and on request their layers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.imitation.documents import Document

_PLATFORM_LEAD = timedelta(hours=4)  # platforms are pushed before the index that joins them (php:8.3.8-fpm-alpine)
_SINCE_DIGESTS = ("digest", "media_type", "tag_last_pushed", "tag_last_pulled")  # null on old tags


@dataclass(frozen=True, slots=True)
class HubOptions:
    """Behaviour of the web API. `null`: fields that are null, "images.size" those of images; "-digest" is left out.

    `old_tags` were pushed before the API knew digests and push times.
    """

    per_minute: int | None = 180
    private: frozenset[str] = frozenset()
    shows_attestations: bool = False
    null: frozenset[str] = frozenset()
    old_tags: frozenset[str] = frozenset()


HUB_WEB = HubOptions()


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag at one moment."""

    name: str
    document: Document
    pushed_at: datetime


def tag_entry(tagged: Tagged, options: HubOptions) -> dict[str, Any]:
    """A tag as lists and the tag's own resource show it; `full_size` is that of the first image alone."""
    images = image_entries(tagged, options)
    told: dict[str, Any] = {
        "creator": 7,
        "id": int(tagged.document.digest[7:15], 16),
        "images": images,
        "last_updated": _time(tagged.pushed_at),
        "last_updater": 7,
        "last_updater_username": "publisher",
        "name": tagged.name,
        "repository": 21179,
        "full_size": images[0].get("size") if images else 0,
        "v2": True,
        "tag_status": "active",
        "tag_last_pulled": None,
        "tag_last_pushed": _time(tagged.pushed_at),
        "media_type": tagged.document.media_type,
        "content_type": "image",
        "digest": tagged.document.digest,
    }
    nulls = set(options.null) | (set(_SINCE_DIGESTS) if tagged.name in options.old_tags else set())
    return _with_gaps(told, nulls)


def image_entries(tagged: Tagged, options: HubOptions) -> list[dict[str, Any]]:
    """The platforms of a tag in the order of its index; attestations only where `shows_attestations`."""
    nulls = {field.replace("images.", "", 1) for field in options.null if "images." in field}
    return [
        _with_gaps(_image_entry(image, tagged.pushed_at - _PLATFORM_LEAD), nulls)
        for image in _images(tagged.document)
        if options.shows_attestations or (image.platform or {}).get("os") != "unknown"
    ]


def layered_entries(tagged: Tagged, options: HubOptions) -> list[dict[str, Any]]:
    """The same with `layers`: a step each, those without a digest and bytes made none."""
    images = {image.digest: image for image in _images(tagged.document)}
    entries = image_entries(tagged, options)
    return [entry | {"layers": _layers(images[entry["digest"]])} for entry in entries if entry.get("digest") in images]


def _images(document: Document) -> Iterator[Document]:
    if not document.children:
        yield document
    for child in document.children:
        yield from _images(child)


def _image_entry(image: Document, pushed_at: datetime) -> dict[str, Any]:
    platform = image.platform or {}
    return {
        "architecture": platform.get("architecture", ""),
        "features": "",
        "variant": platform.get("variant"),
        "digest": image.digest,
        "os": platform.get("os", ""),
        "os_features": "",
        "os_version": platform.get("os.version"),
        "size": sum(layer["size"] for layer in _manifest(image).get("layers", [])),
        "status": "active",
        "last_pulled": None,
        "last_pushed": _time(pushed_at),
    }


def _layers(image: Document) -> list[dict[str, Any]]:
    manifest = _manifest(image)
    config = json.loads(image.blobs[manifest["config"]["digest"]])
    layers = iter(manifest["layers"])
    told = []
    for step in config.get("history", []):
        layer = {} if step.get("empty_layer") else next(layers)
        digest = {"digest": layer["digest"]} if layer else {}
        told.append({**digest, "size": layer.get("size", 0), "instruction": step["created_by"]})
    return told


def _manifest(image: Document) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(image.body)
    return found


def _with_gaps(told: dict[str, Any], fields: set[str]) -> dict[str, Any]:
    """Fields null, or left out where their name stands behind a minus sign."""
    kept = {key: value for key, value in told.items() if f"-{key}" not in fields}
    return {key: None if key in fields else value for key, value in kept.items()}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
