"""Histories of tags, as three registries tell them: Quay, Chainguard, and the draft of the OCI.

After quay/quay endpoints/api/tag.py, edu.chainguard.dev "Using the Tag History API", and distribution-spec pull request
606; what none of them says is marked as assumed.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from app.imitation import media
from app.imitation.documents import Document
from app.imitation.options import Options
from app.imitation.wire import Answer, Request, json_answer
from app.imitation.world import World

QUAY_API, CHAINGUARD, OCI = "quay", "chainguard", "oci"
_NEVER = datetime(9999, 12, 31, tzinfo=UTC)
_CHAINGUARD_MOST = 1_000
_TAG = r"(?P<tag>\w[\w.-]{0,127})"
_PATHS = {
    QUAY_API: re.compile(r"/api/v1/repository/(?P<name>[a-z0-9._-]+/[a-z0-9._-]+)/tag/", re.ASCII),
    CHAINGUARD: re.compile(rf"/v2/(?P<name>[a-z0-9._/-]+)/_chainguard/history/{_TAG}", re.ASCII),
    OCI: re.compile(rf"/v2/(?P<name>[a-z0-9._/-]+)/_oci/tag-history/{_TAG}", re.ASCII),
}


class WantedHistory(NamedTuple):
    """Which kind of history is asked for, and of what; Quay's has the tag in its query."""

    kind: str
    repository: str
    tag: str


def wanted_history(options: Options, path: str) -> WantedHistory | None:
    """What this path asks for, if the registry has such a thing."""
    offered = {
        QUAY_API: options.quay_api,
        CHAINGUARD: options.chainguard_history,
        OCI: options.tag_history is not None,
    }
    for kind, pattern in _PATHS.items():
        found = pattern.fullmatch(path)
        if found is not None and offered[kind]:
            return WantedHistory(kind, found["name"], found.groupdict().get("tag") or "")
    return None


def show_history(world: World, options: Options, asked: WantedHistory, request: Request, now: datetime) -> Answer:
    """The history as it is known now."""
    query = {key: values[-1] for key, values in request.query().items()}
    if asked.kind == QUAY_API:
        return _quay(world, options, asked.repository, query, now)
    if asked.kind == CHAINGUARD:
        return _chainguard(_past(world, asked, now), query)
    return _oci(world, asked, query, options.tag_history or 0, _past(world, asked, now))


def _past(world: World, asked: WantedHistory, now: datetime) -> list[tuple[datetime, str | None]]:
    contents = world.repositories.get(asked.repository)
    timeline = contents.tags.get(asked.tag) if contents else None
    return timeline.until(now) if timeline else []


def _quay(world: World, options: Options, repository: str, query: dict[str, str], now: datetime) -> Answer:
    if repository not in world.repositories or repository in options.private:
        return json_answer({"detail": "Not Found", "error_message": "Not Found", "error_type": "not_found"}, status=404)
    entries = _quay_entries(world, repository, query.get("specificTag"), now)
    if query.get("onlyActiveTags") == "true":
        entries = [entry for entry in entries if "end_ts" not in entry]
    page, limit = int(query.get("page", "1")), min(int(query.get("limit", "50")), 100)
    shown = entries[(page - 1) * limit : page * limit]
    return json_answer({"tags": shown, "page": page, "has_additional": len(entries) > page * limit})


def _quay_entries(world: World, repository: str, tag: str | None, now: datetime) -> list[dict[str, Any]]:
    """Newest first; an entry that was replaced has its end."""
    contents = world.repositories[repository]
    entries = []
    for name, timeline in contents.tags.items():
        past = timeline.until(now)
        ends = [at for at, _ in past[1:]] + [None]
        for (at, digest), end in zip(past, ends, strict=True):
            if digest is not None and tag in (None, name):
                entries.append(_quay_entry(name, contents.documents[digest], at, end))
    return sorted(entries, key=lambda entry: entry["start_ts"], reverse=True)


def _quay_entry(name: str, document: Document, at: datetime, end: datetime | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": name,
        "reversion": False,
        "start_ts": int(at.timestamp()),
        "manifest_digest": document.digest,
        "is_manifest_list": bool(document.children),
        "size": None if document.children else sum(layer["size"] for layer in json.loads(document.body)["layers"]),
        "last_modified": f"{at:%a, %d %b %Y %H:%M:%S} -0000",
    }
    if end is not None:
        told |= {"end_ts": int(end.timestamp()), "expiration": f"{end:%a, %d %b %Y %H:%M:%S} -0000"}
    return told


def _chainguard(past: list[tuple[datetime, str | None]], query: dict[str, str]) -> Answer:
    """Oldest first; of more than a thousand those before `end` (assumed)."""
    if not past:
        return json_answer({"errors": [{"code": "NAME_UNKNOWN", "message": "tag not found"}]}, status=404)
    start, end = (datetime.fromisoformat(query[key]) if key in query else None for key in ("start", "end"))
    chosen = [
        {"updateTimestamp": _to_the_millisecond(at), "digest": digest}
        for at, digest in past
        if digest is not None and (start is None or at >= start) and (end is None or at <= end)
    ]
    return json_answer({"history": chosen[-_CHAINGUARD_MOST:]})


def _to_the_millisecond(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _oci(
    world: World, asked: WantedHistory, query: dict[str, str], cap: int, past: list[tuple[datetime, str | None]]
) -> Answer:
    """Newest first, with a Link to the rest; 200 even for what does not exist."""
    before = datetime.fromisoformat(query["before"]) if "before" in query else _NEVER
    events = [event for event in reversed(_events(world, asked.repository, past)) if event[0] < before]
    number = min(int(query.get("n", cap)), cap)
    shown = [descriptor for _, descriptor in events[:number]]
    told = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": shown}
    headers = []
    if 0 < number < len(events):
        after = urlencode({"n": number, "before": events[number - 1][0].isoformat()})
        path = f"/v2/{asked.repository}/_oci/tag-history/{asked.tag}"
        headers.append((b"link", f'<{path}?{after}>; rel="next"'.encode()))
    return json_answer(told, headers)


def _events(
    world: World, repository: str, past: list[tuple[datetime, str | None]]
) -> list[tuple[datetime, dict[str, object]]]:
    """A deletion is told with what the tag named until then."""
    events, named = [], None
    for at, digest in past:
        document = world.document(repository, digest or named or "")
        if document is not None:
            notes = {
                "org.opencontainers.distribution.tag.timestamp": at.isoformat().replace("+00:00", "Z"),
                "org.opencontainers.distribution.tag.event": "created" if digest else "deleted",
            }
            told = {"mediaType": document.media_type, "digest": document.digest, "size": len(document.body)}
            events.append((at, {**told, "annotations": notes}))
        named = digest
    return events
