"""`tags/list`: order, pages and extras, each registry in its own way."""

from datetime import datetime
from urllib.parse import urlencode

from app.imitation.options import Options
from app.imitation.wire import Answer, Headers, Request, error, json_answer, text_answer
from app.imitation.world import World


def list_tags(world: World, options: Options, repository: str, request: Request, now: datetime) -> Answer:
    """One page of names with a relative Link to the next (distribution spec, "Listing Tags")."""
    names = world.tags(repository, now)
    if names is None:
        return error(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": repository})
    query = request.query()
    length = _page_length(query.get("n", [""])[0], options)
    if length == -1:
        return text_answer(405, "Method Not Allowed")
    if options.manifest_map:
        return json_answer(_with_manifest_map(world, repository, names, now))
    ordered = names if options.oldest_first else sorted(names)
    rest = _after(ordered, query.get("last", [""])[0], options.oldest_first)
    page = rest if length is None else rest[:length]
    more = length is not None and len(page) < len(rest) and bool(page)
    return json_answer({"name": repository, "tags": page}, _link(repository, page, length) if more else [])


def _page_length(wanted: str, options: Options) -> int | None:
    """Tags on this page; None is all of them, -1 a refusal."""
    if not wanted.isdecimal():
        return options.page
    length = int(wanted)
    if options.page_refused_above is not None and length > options.page_refused_above:
        return -1
    return length if options.page_cap is None else min(length, options.page_cap)


def _after(names: list[str], last: str, oldest_first: bool) -> list[str]:
    if not last:
        return names
    if oldest_first:
        return names[names.index(last) + 1 :] if last in names else []
    return [name for name in names if name > last]


def _link(repository: str, page: list[str], length: int | None) -> Headers:
    query = urlencode({"last": page[-1], "n": length})
    return [(b"link", f'</v2/{repository}/tags/list?{query}>; rel="next"'.encode())]


def _with_manifest_map(world: World, repository: str, names: list[str], now: datetime) -> dict[str, object]:
    """Google's answer: unpaginated, and all that there ever was by digest, tagged or not, numbers as strings.

    As Artifact Registry had it, `imageSizeBytes` and `timeCreatedMs` are zero.
    """
    contents = world.repositories[repository]
    tagged = {name: timeline.at(now) for name, timeline in contents.tags.items()}
    manifests = {
        digest: {
            "imageSizeBytes": "0",
            "mediaType": contents.documents[digest].media_type,
            "tag": sorted(name for name, named in tagged.items() if named == digest),
            "timeCreatedMs": "0",
            "timeUploadedMs": str(int(at.timestamp() * 1000)),
        }
        for digest, at in contents.uploads(now).items()
    }
    return {"child": [], "manifest": manifests, "name": repository, "tags": sorted(names)}
