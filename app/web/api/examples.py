"""An example of every document of the API; a test holds each against its schema."""

from typing import Any

_DIGEST = "sha256:" + "4b" * 32
_INDEX = "sha256:" + "9e" * 32
_AT = "2026-08-22T09:14:03Z"
_NAMES = {"image": "debian", "tag": "bookworm-slim"}

CHANGE: dict[str, Any] = {
    "before_bytes": 28_228_399,
    "after_bytes": 29_639_818,
    "difference_bytes": 1_411_419,
    "ratio": 0.05,
}
IMAGES: dict[str, Any] = {
    "items": [
        {
            **_NAMES,
            "watched": True,
            "platform": "linux/amd64",
            "compressed_bytes": 29_639_818,
            "pending": False,
            "status": "ok",
            "error_message": None,
            "changed_at": _AT,
            "checked_at": "2026-09-01T11:00:00Z",
            "change_30d": CHANGE,
            "change_1y": None,
            "platforms": 8,
        }
    ],
    "total": 200,
    "next": "/api/v1/images?limit=1&cursor=WyJpbWFnZXMiLCJkZWJpYW4iLDFd",
}
TAGS: dict[str, Any] = {
    "items": [
        {
            **_NAMES,
            "watched": True,
            "status": "ok",
            "error_code": None,
            "error_message": None,
            "digest": _INDEX,
            "media_type": "application/vnd.oci.image.index.v1+json",
            "first_seen_at": "2024-09-02T12:00:00Z",
            "checked_at": "2026-09-01T11:00:00Z",
            "changed_at": _AT,
            "platforms": [
                {
                    "platform": "linux/amd64",
                    "compressed_bytes": 29_639_818,
                    "pending": False,
                    "build_id": 4711,
                    "digest": _DIGEST,
                    "at": _AT,
                    "dropped_at": None,
                }
            ],
        }
    ],
    "next": None,
}
SERIES: dict[str, Any] = {
    **_NAMES,
    "metric": "compressed_bytes",
    "unit": "bytes",
    "status": "ok",
    "checked_at": 1_788_260_400,
    "observed_since": 1_753_000_000,
    "series": [
        {
            "platform": "linux/amd64",
            "dropped_at": None,
            "t": [1_753_000_000, 1_787_390_043],
            "bytes": [28_228_399, 29_639_818],
            "build": [17, 4711],
        }
    ],
    "events": [{"t": 1_753_000_000, "kind": "seen", "digest": _INDEX, "platform": None}],
}
BUILD: dict[str, Any] = {
    "id": 4711,
    **_NAMES,
    "platform": "linux/amd64",
    "at": _AT,
    "first_seen_at": _AT,
    "pushed_at": _AT,
    "known_since": None,
    "origin": "sibling",
    "source": "bookworm-20260822-slim",
    "release_line": "bookworm",
    "digest": _DIGEST,
    "compressed_bytes": 29_639_818,
    "layer_count": 1,
    "previous_bytes": 28_228_399,
    "difference_bytes": 1_411_419,
}
BUILDS: dict[str, Any] = {"items": [BUILD], "next": None}
MANIFEST: dict[str, Any] = {
    "digest": _DIGEST,
    "media_type": "application/vnd.oci.image.manifest.v1+json",
    "config_digest": "sha256:" + "c0" * 32,
    "created_at": "2026-08-22T00:00:00Z",
    "fetched_at": "2026-08-22T10:00:01Z",
    "compressed_bytes": 29_639_818,
    "layer_count": 1,
    "layers_pruned_at": None,
    "layers": [
        {
            "position": 0,
            "digest": "sha256:" + "1a" * 32,
            "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
            "compressed_bytes": 29_639_818,
            "step": "# debian.sh --arch 'amd64' out/ 'bookworm'",
            "share": 1.0,
        }
    ],
}
BUILD_DOCUMENT: dict[str, Any] = {
    "build": BUILD,
    "tag_digest": _INDEX,
    "manifest": MANIFEST,
    "previous_id": 17,
    "next_id": None,
}
MANIFEST_DOCUMENT: dict[str, Any] = {"manifest": MANIFEST, "builds": [BUILD]}
WATCH: dict[str, Any] = {
    "id": 12,
    "image": "alpine",
    "tag_pattern": "3.2*",
    "platforms": ["linux/amd64", "linux/arm64"],
    "interval_seconds": 21_600,
    "paused": False,
    "origin": "api",
    "created_at": _AT,
    "tags": 14,
    "matched_tags": 14,
    "truncated": False,
    "expanded_at": _AT,
    "expand_error": None,
    "sources": [],
}
WATCHES: dict[str, Any] = {"items": [WATCH]}
BACKFILL: dict[str, Any] = {
    "id": 7,
    **_NAMES,
    "state": "done",
    "reason": "watch",
    "requested_at": _AT,
    "next_try_at": None,
    "done_at": "2026-08-22T09:14:31Z",
    "found": 352,
    "added": 344,
    "failures": 0,
    "error_code": None,
    "error_message": None,
}
BACKFILLS: dict[str, Any] = {"items": [BACKFILL], "next": None}
STATUS: dict[str, Any] = {
    "revision": 4711,
    "counts": {"repositories": 30, "tags": 64, "series": 412, "failing_tags": 0, "gone_tags": 1, "new_tags": 0},
    "hosts": [
        {
            "name": "docker.io",
            "state": "ok",
            "tags": 40,
            "cause_code": None,
            "cause": None,
            "failures": 0,
            "failing_since": None,
            "ok_at": _AT,
            "paused_until": None,
            "next_try_at": "2026-09-01T13:00:00Z",
            "quota": {"limit": 100, "remaining": 76, "window_seconds": 21_600, "seen_at": _AT},
            "pulls_paused_until": None,
        }
    ],
    "due_tags": 0,
    "lag_seconds": 0.0,
    "last_check_at": _AT,
    "failing": [
        {
            "image": "ghcr.io/owner/tool",
            "tag": "v1",
            "status": "gone",
            "failures": 0,
            "failing_since": None,
            "error_code": "not-found",
            "error_message": "manifest unknown",
            "next_check_at": "2026-09-01T18:00:00Z",
        }
    ],
    "pending": [{"reason": "quota", "priority": 0, "count": 3}],
    "backfills": {"waiting": 2, "running": 1, "failing_count": 0, "failing": []},
    "workers": [{"id": "host-1", "version": "0.1.0", "started_at": _AT, "beat_at": _AT, "alive": True}],
    "warnings": [],
}
EXPORT_CSV = (
    "repository,tag,platform,first_seen_at,pushed_at,known_since,origin,source,digest,compressed_bytes,layers,"
    "media_type,config_digest,created_at\n"
    f"debian,bookworm-slim,linux/amd64,{_AT},,,poll,,{_DIGEST},29639818,1,,,2026-08-22T00:00:00Z\n"
)
EXPORT_JSONL = (
    f'{{"repository":"debian","tag":"bookworm-slim","platform":"linux/amd64","first_seen_at":"{_AT}","pushed_at":null,'
    f'"known_since":null,"origin":"poll","source":null,"digest":"{_DIGEST}","compressed_bytes":29639818,"layers":1,'
    '"media_type":null,"config_digest":null,"created_at":"2026-08-22T00:00:00Z"}\n'
)
