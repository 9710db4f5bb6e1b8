"""Google's registries add to `tags/list` what is behind each digest, and when it was uploaded.

It tells when the document that a tag names now, and those of its siblings, came. Of documents that lost their last tag
it does not tell which tags they had: for gcr.io/distroless there is no more than the present. Its `imageSizeBytes` is
not used: Artifact Registry states 0. Reference: google/go-containerregistry, pkg/v1/google/list.go.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from app.backfill.lineage import Entry, runs_of
from app.backfill.told import Asking, Told, Wanted
from app.models import Origin
from app.registry.errors import AnswerInvalid
from app.registry.reference import Repository, is_digest, is_tag
from app.watchlist.siblings import date_in, siblings_of

MOST_BYTES = 16 * 1024 * 1024  # the map is not paginated
_MILLISECONDS = re.compile(r"\d{1,14}", re.ASCII)


class Uploaded(NamedTuple):
    """What a tag names, and since when, as far as is told: `uploaded_at` is the registry's, `made_at` the config's."""

    digest: str
    uploaded_at: datetime | None
    made_at: datetime | None


class GcrMap:
    """Repositories of gcr.io, its regions, and Artifact Registry."""

    def covers(self, repository: Repository) -> bool:
        """Not mirror.gcr.io: what it states is when it took its copy."""
        host = repository.registry
        return host != "mirror.gcr.io" and (host == "gcr.io" or host.endswith((".gcr.io", "-docker.pkg.dev")))

    async def past(self, asking: Asking, repository: Repository, tags: Sequence[Wanted]) -> AsyncIterator[list[Told]]:
        """Each tag's present document and its siblings, by one request for all of them."""
        what = f"the manifests of {repository}"
        page = await asking.client.get_json(repository, "tags/list", what=what, most_bytes=MOST_BYTES)
        manifests = page.document.get("manifest", {})
        if not isinstance(manifests, dict):
            raise AnswerInvalid(f"{what} are no map", registry=repository.registry)
        named = _by_tag(asking, manifests)
        for wanted in tags:
            yield [*_own(wanted, named), *_siblings(asking, repository, wanted, named)]


def _by_tag(asking: Asking, manifests: Mapping[str, Any]) -> dict[str, Uploaded]:
    found: dict[str, Uploaded] = {}
    for digest, entry in manifests.items():
        names = entry.get("tag") if isinstance(entry, dict) else None
        if not is_digest(digest) or not isinstance(names, list):
            continue
        uploaded_at, made_at = (_moment(asking, entry.get(key)) for key in ("timeUploadedMs", "timeCreatedMs"))
        for name in names:
            if isinstance(name, str) and is_tag(name):
                found[name] = Uploaded(digest, uploaded_at, made_at)
    return found


def _moment(asking: Asking, text: object) -> datetime | None:
    """Milliseconds since 1970 as text; "0" and what cannot be are no time."""
    if not isinstance(text, str) or _MILLISECONDS.fullmatch(text) is None:
        return None
    return asking.believable(datetime.fromtimestamp(int(text) / 1000, UTC))


def _own(wanted: Wanted, named: Mapping[str, Uploaded]) -> Iterator[Told]:
    one = named.get(wanted.tag)
    if one is not None:
        at = one.uploaded_at or one.made_at
        yield Told(wanted, Origin.HISTORY, one.digest, at, one.uploaded_at, one.digest)


def _siblings(asking: Asking, repository: Repository, wanted: Wanted, named: Mapping[str, Uploaded]) -> Iterator[Told]:
    rule = siblings_of(asking.catalogue, repository, wanted.tag)
    if rule is None:
        return
    dated = {name: one.uploaded_at or one.made_at or date_in(name) for name, one in named.items() if rule.matches(name)}
    entries = [Entry(name, at) for name, at in dated.items() if at is not None]
    for entry in runs_of(rule, entries, asking.skipped):
        one = named[entry.name]
        pushed_at = None if entry.switched else one.uploaded_at
        yield Told(wanted, Origin.SIBLING, entry.name, entry.at, pushed_at, one.digest)
    for name in dated.keys() - {entry.name for entry in entries}:  # their configs may know
        yield Told(wanted, Origin.SIBLING, name, None, None, named[name].digest)
