"""The registry itself: a plain ASGI application that answers from a world, at the clock's time."""

import re
from collections import Counter
from datetime import datetime
from typing import NamedTuple

from app.imitation import media
from app.imitation.documents import Document, schema1
from app.imitation.faults import Exchange, Fault
from app.imitation.gate import PING, Clock, Gate
from app.imitation.histories import QUAY_API, show_history, wanted_history
from app.imitation.listing import list_tags
from app.imitation.options import DISTRIBUTION, Options
from app.imitation.quota import Pulls, Traffic, pull_limit_reached
from app.imitation.wire import Answer, Headers, Receive, Request, Scope, Send, error, json_answer, text_answer
from app.imitation.world import World

VERSION = (b"docker-distribution-api-version", b"registry/2.0")
NOT_FOUND = text_answer(404, "404 page not found\n", [VERSION])
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_ROUTES = re.compile(
    rf"/v2/(?P<name>{_NAME})/(?:manifests/(?P<manifest>\w[\w.-]{{0,127}}|sha256:[0-9a-f]{{64}})"
    rf"|blobs/(?P<blob>sha256:[0-9a-f]{{64}})|(?P<tags>tags/list))",
    re.ASCII,
)


class Asked(NamedTuple):
    """One line of the request log; `path` with its query, `status` 0 when no answer was begun."""

    method: str
    path: str
    status: int


class ImitationRegistry:
    """Answers `/v2/...`, `/token` and `/cdn/...`, keeps a log of requests, and misbehaves where `faults` says so.

    The same object may be served on several ports: point `gate.token_origin` or `blob_origin` at another of them to
    have the token endpoint or the blobs on another origin, as Docker Hub has.
    """

    def __init__(self, world: World, clock: Clock, options: Options = DISTRIBUTION) -> None:
        self.world = world
        self.clock = clock
        self.options = options
        self.gate = Gate(options, world, clock)
        self.counted = Pulls(options)
        self.traffic = Traffic(options)
        self.blob_origin: str | None = None
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []
        self.authorizations: list[str] = []  # of each logged request, "" where it had none

    @property
    def pulls(self) -> int:
        """Pulls counted against anybody's limit since the start."""
        return self.counted.total

    def counts(self) -> dict[str, int]:
        """Logged requests by kind: ping, token, head, manifest_get, blob_get, tags_list, cdn, other."""
        return dict(Counter(_kind(asked) for asked in self.requests))

    def forget_requests(self) -> None:
        """Empty the log, so that the next counts are of what follows."""
        self.requests, self.authorizations = [], []  # new lists: requests under way end their line in the old one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        exchange = Exchange(request, self.answer, receive, send)
        log, position = self.requests, len(self.requests)
        log.append(Asked(request.method, request.target, 0))
        self.authorizations.append(request.header(b"authorization"))
        fault = self._fault(request) if self.faults else None
        try:
            await (fault.behaviour(exchange) if fault else exchange.reply(self.answer(request)))
        finally:
            log[position] = Asked(request.method, request.target, exchange.status)

    def _fault(self, request: Request) -> Fault | None:
        for fault in self.faults:
            if fault.meets(request.method, request.target) and (fault.before_auth or not self._refused(request)):
                fault.met += 1
                return fault
        return None

    def _refused(self, request: Request) -> bool:
        found = _ROUTES.fullmatch(request.path)
        return found is not None and self.gate.refusal(request, found["name"]) is not None

    def answer(self, request: Request) -> Answer:
        """The answer that the registry would give if it meant well."""
        busy = self.traffic.refusal(request.address, self.clock())
        if busy is not None:
            return busy
        if request.path == "/token":
            return self.gate.token(request)
        if request.path.startswith("/cdn/"):
            return self._cdn(request)
        if request.method not in ("GET", "HEAD"):
            return text_answer(405, "Method not allowed\n", [VERSION, (b"allow", b"GET, HEAD")])
        if request.path == "/v2/":
            return self.gate.refusal(request, PING) or json_answer({}, [VERSION])
        return self._resource(request)

    def _resource(self, request: Request) -> Answer:
        found = _ROUTES.fullmatch(request.path)
        if found is None:
            return self._history(request)
        name = found["name"]
        refusal = self.gate.refusal(request, name)
        if refusal is not None:
            return refusal
        if found["manifest"]:
            return self._manifest(request, name, found["manifest"])
        if found["blob"]:
            return self._blob(request, name, found["blob"])
        return list_tags(self.world, self.options, name, request, self.clock())

    def _history(self, request: Request) -> Answer:
        """Tag histories are read like manifests; Quay's is its web API's, where public repositories need no token."""
        asked = wanted_history(self.options, request.path)
        if asked is None:
            return NOT_FOUND
        if asked.kind != QUAY_API and (refusal := self.gate.refusal(request, asked.repository)) is not None:
            return refusal
        return show_history(self.world, self.options, asked, request, self.clock())

    def _manifest(self, request: Request, name: str, reference: str) -> Answer:
        now = self.clock()
        held = self._held(name, reference, now)
        if isinstance(held, Answer):
            return held
        account = self.gate.account(request)
        source = account or request.address
        counted = request.method == "HEAD" or self.counted.take(source, account, now)
        quota = [VERSION, *self.counted.headers(source, account, now)]
        if not counted:
            return pull_limit_reached(quota)
        if self.options.etag and request.header(b"if-none-match").strip('"') == held.digest:
            return Answer(304, [*quota, *self._names(held)])
        shown = self._negotiate(_accepted(request), held, name, reference)
        if isinstance(shown, Answer):
            return shown
        return Answer(200, [(b"content-type", shown.media_type.encode()), *quota, *self._names(shown)], shown.body)

    def _names(self, document: Document) -> Headers:
        digest = document.digest.encode()
        etag = [(b"etag", b'"%s"' % digest)] if self.options.etag else []
        return [(b"docker-content-digest", digest), *etag]

    def _held(self, name: str, reference: str, now: datetime) -> Document | Answer:
        if ":" in reference:
            found = self.world.document(name, reference)
            detail = {"Name": name, "Revision": reference}
        else:
            found = self.world.resolve(name, reference, now)
            detail = {"Tag": reference}
        return found or error(404, "MANIFEST_UNKNOWN", "manifest unknown", detail, [VERSION])

    def _negotiate(self, accepted: set[str], held: Document, name: str, reference: str) -> Document | Answer:
        """The document to show to a client that accepts these types, as distribution decides it."""
        kind = held.media_type
        if kind in accepted or kind not in media.FOUR:
            return held
        if self.options.converts_to_schema1 and ":" not in reference:
            return schema1(name, reference)
        if kind in (media.OCI_INDEX, media.OCI_MANIFEST):
            message = f"OCI {'index' if kind == media.OCI_INDEX else 'manifest'} found, but accept header does not"
            return error(404, "MANIFEST_UNKNOWN", f"{message} support it", headers=[VERSION])
        return held if ":" in reference else _for_old_clients(held, name, reference, accepted)

    def _blob(self, request: Request, name: str, digest: str) -> Answer:
        content = self.world.blob(name, digest)
        if content is None:
            return error(404, "BLOB_UNKNOWN", "blob unknown to registry", digest, [VERSION])
        if self.options.redirect_blobs:
            location = f"{self.blob_origin or request.origin}/cdn/{digest}?signature=1"
            return Answer(307, [VERSION, (b"location", location.encode())])
        return _bytes(request, content, digest)

    def _cdn(self, request: Request) -> Answer:
        """Storage behind a presigned address: it refuses requests that are authorised twice."""
        if request.header(b"authorization"):
            return text_answer(400, "Only one auth mechanism allowed")
        digest = request.path.removeprefix("/cdn/")
        content = self.world.any_blob(digest)
        return text_answer(403, "AccessDenied") if content is None else _bytes(request, content, digest)


def _accepted(request: Request) -> set[str]:
    """Media types of all Accept headers; weights and wildcards mean nothing to distribution."""
    values = [value.decode("latin-1") for key, value in request.headers if key == b"accept"]
    return {part.partition(";")[0].strip() for value in values for part in value.split(",")}


def _for_old_clients(found: Document, name: str, tag: str, accepted: set[str]) -> Document | Answer:
    """A Docker list or manifest by tag for who does not accept it: the linux/amd64 child, or schema 1."""
    if found.media_type == media.DOCKER_LIST:
        wanted = {"os": "linux", "architecture": "amd64"}
        child = next((c for c in found.children if c.platform == wanted), None)
        if child is None:
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown", headers=[VERSION])
        found = child
    return found if found.media_type in accepted else schema1(name, tag)


def _bytes(request: Request, content: bytes, digest: str) -> Answer:
    """A blob or the one range of it that was asked for."""
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"docker-content-digest", digest.encode()),
        (b"accept-ranges", b"bytes"),
    ]
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header(b"range"))
    if wanted is None:
        return Answer(200, headers, content)
    first, last = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
    if first > last:
        return Answer(416, [(b"content-range", b"bytes */%d" % len(content))])
    headers.append((b"content-range", b"bytes %d-%d/%d" % (first, last, len(content))))
    return Answer(206, headers, content[first : last + 1])


def _kind(asked: Asked) -> str:
    path = asked.path.partition("?")[0]
    if path in ("/v2/", "/token"):
        return "ping" if path == "/v2/" else "token"
    if path.startswith("/cdn/"):
        return "cdn"
    if "/manifests/" in path:
        return "head" if asked.method == "HEAD" else "manifest_get"
    if "/blobs/" in path:
        return "blob_get"
    return "tags_list" if path.endswith("/tags/list") else "other"
