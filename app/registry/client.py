"""The registry client: head, manifests, configs, tags. HTTP to values; every failure is a RegistryError."""

import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace

import httpx

from app.registry.access import CredentialLookup, Endpoint, RegistryAccess, endpoint_of
from app.registry.answers import refusal
from app.registry.attempts import persist
from app.registry.authenticator import Authenticator, Grant
from app.registry.deadline import Budget, deadline
from app.registry.digests import verified
from app.registry.errors import (
    AnswerInvalid,
    BadDocument,
    BodyTooLarge,
    DigestMismatch,
    ManifestInvalid,
    Missing,
    ProtocolError,
    RegistryError,
    shown_host,
)
from app.registry.manifest import (
    ACCEPT,
    INDEXES,
    MANIFESTS,
    Descriptor,
    ImageConfig,
    ImageManifest,
    Index,
    first_of_each,
    media_type_of,
    parse_config,
    parse_document,
)
from app.registry.pagination import TagList, TagPages, next_query
from app.registry.politeness import HostState, Politeness
from app.registry.reference import Repository, is_digest, is_tag
from app.registry.strict_json import JsonObject, load_object
from app.registry.transport import GuardedTransport
from app.registry.wire import Answer, Outgoing, Wire

__all__ = ["Head", "Limits", "Page", "RegistryClient", "TagList", "open_client"]

MIB = 1024 * 1024
_PLACE = re.compile(r"/?\w[\w.:-]*(?:/\w[\w.:-]*)*/?", re.ASCII)  # path segments: no "..", no "//", nothing escaped


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a registry may ask of us.

    `seconds`: per call, redirects and retries included, waiting for a slot not.
    """

    manifest_bytes: int = 4 * MIB
    config_bytes: int = 2 * MIB
    page_bytes: int = 4 * MIB  # what a page takes to parse, everything else waits
    pages_bytes: int = 64 * MIB
    pages: int = 1_000
    seconds: float = 60.0
    tries: int = 3
    index_depth: int = 3
    nested_indexes: int = 20
    images: int = 100  # of one index, nested ones included


@dataclass(frozen=True, slots=True)
class Head:
    """What a tag points to now."""

    digest: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Page:
    """A JSON object, and the query that asks for the next page by the answer's Link; None where it names none."""

    document: JsonObject
    headers: httpx.Headers
    next_query: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class _Question:
    """A request about one repository, and how to speak of it."""

    repository: Repository
    outgoing: Outgoing
    what: str
    missing: Missing


class RegistryClient:
    """Asks registries about images. `http` should have been made by `open_client`; tests may pass any other."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        registries: Mapping[str, RegistryAccess],
        politeness: Politeness,
        credentials: CredentialLookup | None = None,
        limits: Limits = Limits(),
    ) -> None:
        self._registries = registries
        self._politeness = politeness
        self._limits = limits
        self._wire = Wire(http, politeness)
        self._auth = Authenticator(self._ask_plainly, politeness, credentials)
        self._endpoints: dict[str, Endpoint] = {}

    async def head(self, repository: Repository, reference: str, *, go_ahead: Callable[[], None] | None = None) -> Head:
        """Digest and media type of a tag or digest by one HEAD, which counts as no pull.

        Where HEAD is refused, or its answer names no digest or another kind of document, by one GET of the manifest.
        `go_ahead` is called when the request's turn has come, and may raise a RegistryError in place of it.
        """
        question = self._manifest_question("HEAD", repository, reference)
        question = replace(question, outgoing=replace(question.outgoing, go_ahead=go_ahead))
        answer = await self._try(question)
        if answer.status != 405:
            self._raise_refusal(question, answer)
            digest = answer.headers.get("docker-content-digest", "")
            media_type = media_type_of(answer.headers.get("content-type"))
            if is_digest(digest) and media_type in INDEXES | MANIFESTS:
                if is_digest(reference) and digest != reference:
                    message = f"{question.what} was answered with {digest}"
                    raise DigestMismatch(message, registry=repository.registry)
                return Head(digest, media_type)
        document = await self.get_manifest(repository, reference)
        return Head(document.digest, document.media_type)

    async def get_manifest(self, repository: Repository, reference: str) -> ImageManifest | Index:
        """The manifest or index of a tag or digest, by one GET (a pull); its bytes checked against the digest."""
        question = self._manifest_question("GET", repository, reference)
        answer = await self._ask(question)
        stated = answer.headers.get("docker-content-digest")
        digest = verified(answer.body, reference, stated, question.what, repository.registry)
        with _named(repository):
            return parse_document(answer.body, answer.headers.get("content-type"), digest)

    async def get_config(self, repository: Repository, descriptor: Descriptor) -> ImageConfig:
        """The image configuration that a manifest's `config` points to; a blob, so no pull."""
        if descriptor.size > self._limits.config_bytes:
            message = f"the config of {repository} has {descriptor.size} bytes, more than {self._limits.config_bytes}"
            raise BodyTooLarge(message, registry=repository.registry)
        outgoing = self._outgoing(repository, "GET", f"blobs/{descriptor.digest}", self._limits.config_bytes)
        question = _Question(repository, replace(outgoing, pull=True), f"a config of {repository}", "blob")
        answer = await self._ask(question)
        digest = verified(answer.body, descriptor.digest, None, question.what, repository.registry)
        with _named(repository):
            return parse_config(answer.body, digest)

    async def list_tags(self, repository: Repository, *, limit: int) -> TagList:
        """At most `limit` tags in the registry's order; PaginationEndless if its pages lead nowhere."""
        outgoing = self._outgoing(repository, "GET", "tags/list", self._limits.page_bytes)
        pages = TagPages(repository.registry, outgoing.url, limit, self._limits.pages, self._limits.pages_bytes)
        while pages.url is not None:
            page = replace(outgoing, url=pages.url)
            answer = await self._ask(_Question(repository, page, f"the tags of {repository}", "repository"))
            pages.add(answer.body, answer.headers.get_list("link"))
        return pages.tags()

    async def get_json(
        self,
        repository: Repository,
        place: str,
        *,
        what: str,
        query: Mapping[str, str] | None = None,
        most_bytes: int | None = None,
    ) -> Page:
        """A JSON object that a registry offers beyond the distribution-spec; `what` names it in errors. No pull.

        `place` "_oci/tag-history/3.22" is below `/v2/<repository>/`, asked like a manifest; "/api/v1/..." is a path of
        the registry's own origin outside of it, asked without authorisation. A 404 is NotFound ("resource"), a body
        that is no JSON object AnswerInvalid. `most_bytes` replaces `Limits.page_bytes`.
        """
        if _PLACE.fullmatch(place) is None:
            raise ProtocolError(f"{place!r} is no path of a registry", registry=repository.registry)
        outgoing = self._outgoing(repository, "GET", place, most_bytes or self._limits.page_bytes)
        outgoing = replace(outgoing, headers={"Accept": "application/json, */*;q=0.1"})
        if query is not None:
            outgoing = replace(outgoing, url=outgoing.url.copy_merge_params(query))
        question = _Question(repository, outgoing, what, "resource")
        answer = await self._ask_openly(question) if place.startswith("/") else await self._ask(question)
        try:
            document = load_object(answer.body, what)
        except BadDocument as problem:
            raise AnswerInvalid(problem.message, registry=answer.host) from None
        return Page(document, answer.headers, next_query(answer.headers.get_list("link")))

    async def images(self, repository: Repository, index: Index) -> tuple[Descriptor, ...]:
        """The images of an index, nested indexes (one GET each) taken apart; the first of each platform.

        ManifestInvalid if there are more than `Limits.images`, or if it nests beyond reason.
        """
        found: list[Descriptor] = []
        waiting = [(child, 1) for child in index.images()]
        seen = {index.digest}
        while waiting:
            child, depth = waiting.pop(0)
            if not child.is_index:
                found.append(child)
                self._check_number(found, repository)
                continue
            if child.digest in seen or depth > self._limits.index_depth or len(seen) > self._limits.nested_indexes:
                message = f"an index of {repository} nests in a circle, too deeply or too often"
                raise ManifestInvalid(message, registry=repository.registry)
            seen.add(child.digest)
            nested = await self.get_manifest(repository, child.digest)
            if isinstance(nested, Index):
                waiting[:0] = [(grandchild, depth + 1) for grandchild in nested.images()]
        return first_of_each(found)

    def _check_number(self, found: list[Descriptor], repository: Repository) -> None:
        if len(found) > self._limits.images:
            message = f"an index of {repository} lists more than {self._limits.images} images"
            raise ManifestInvalid(message, registry=repository.registry)

    def host_state(self, registry: str) -> HostState:
        """The host's pause and quota."""
        return self._politeness.state(registry)

    async def aclose(self) -> None:
        """Ends pings and token requests under way."""
        await self._auth.aclose()

    def _manifest_question(self, method: str, repository: Repository, reference: str) -> _Question:
        if not is_tag(reference) and not is_digest(reference):
            raise ProtocolError(f"{reference!r} is neither a tag nor a digest", registry=repository.registry)
        outgoing = self._outgoing(repository, method, f"manifests/{reference}", self._limits.manifest_bytes)
        outgoing = replace(outgoing, headers={"Accept": ACCEPT}, pull=method == "GET")
        separator = "@" if is_digest(reference) else ":"
        return _Question(repository, outgoing, f"{repository}{separator}{reference}", "manifest")

    def _outgoing(self, repository: Repository, method: str, place: str, body_cap: int) -> Outgoing:
        endpoint = self._endpoints.get(repository.registry)
        if endpoint is None:
            endpoint = self._endpoints[repository.registry] = endpoint_of(repository.registry, self._registries)
        path = place if place.startswith("/") else f"/v2/{repository.path}/{place}"
        return Outgoing(endpoint, method, endpoint.url.copy_with(path=path), body_cap)

    async def _ask(self, question: _Question) -> Answer:
        answer = await self._try(question)
        self._raise_refusal(question, answer)
        return answer

    async def _ask_openly(self, question: _Question) -> Answer:
        """As `_ask`, of what needs no authorisation."""
        host = question.outgoing.host
        async with deadline(self._limits.seconds, question.what, host) as budget:
            answer = await self._persist(question.outgoing, question.what, question.missing, budget)
        self._raise_refusal(question, answer)
        return answer

    def _raise_refusal(self, question: _Question, answer: Answer) -> None:
        problem = refusal(answer, question.what, question.missing, self._politeness.now())
        if problem is not None:
            raise problem

    async def _try(self, question: _Question) -> Answer:
        """The answer to a question, authorised and after retries; it may be a refusal that no retry mends."""
        endpoint, path = question.outgoing.endpoint, question.repository.path
        self._politeness.check(endpoint.registry, pull=question.outgoing.pull)
        asked_at = time.monotonic()
        async with deadline(self._limits.seconds, question.what, endpoint.registry) as budget:
            grant = self._auth.at_hand(endpoint, path)
            if grant is None:
                with budget.waiting():  # no slot is held meanwhile
                    grant = await self._auth.authorise(endpoint, path)
            answer = await self._granted(question, grant, budget)
            if answer.status != 401 or answer.host != endpoint.registry:
                return answer
            with budget.waiting():
                other = await self._auth.again(endpoint, path, grant, asked_at, answer)
            return answer if other is None else await self._granted(question, other, budget)

    async def _granted(self, question: _Question, grant: Grant, budget: Budget) -> Answer:
        outgoing = replace(question.outgoing, secret_headers=grant.headers)
        return await self._persist(outgoing, question.what, question.missing, budget)

    async def _ask_plainly(self, outgoing: Outgoing) -> Answer:
        """A ping or token request: no authorisation beyond its own headers."""
        async with deadline(self._limits.seconds, f"asking {shown_host(outgoing.host)}", outgoing.host) as budget:
            return await self._persist(outgoing, outgoing.url.path, "repository", budget)

    async def _persist(self, outgoing: Outgoing, what: str, missing: Missing, budget: Budget) -> Answer:
        def judge(answer: Answer) -> RegistryError | None:
            return refusal(answer, what, missing, self._politeness.now())

        def once() -> Awaitable[Answer]:
            return self._wire.ask(outgoing, budget)

        return await persist(once, judge, self._politeness, budget, self._limits.tries)


@contextmanager
def _named(repository: Repository) -> Iterator[None]:
    """Tells errors about documents which registry they came from."""
    try:
        yield
    except RegistryError as problem:
        problem.registry = repository.registry
        raise


@asynccontextmanager
async def open_client(
    registries: Mapping[str, RegistryAccess],
    *,
    user_agent: str,
    politeness: Politeness | None = None,
    credentials: CredentialLookup | None = None,
    limits: Limits = Limits(),
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[RegistryClient]:
    """A client over the guarded transport; `transport` replaces it in tests. Proxy variables are not followed."""
    _quieten_logs()
    transport = transport or GuardedTransport(registries)
    headers = {"User-Agent": user_agent}
    async with httpx.AsyncClient(transport=transport, headers=headers, timeout=None, trust_env=False) as http:  # noqa: S113  calls have deadlines
        client = RegistryClient(
            http,
            registries=registries,
            politeness=politeness or Politeness(),
            credentials=credentials,
            limits=limits,
        )
        try:
            yield client
        finally:
            await client.aclose()


def _quieten_logs() -> None:
    """httpx logs whole addresses, and those of blobs are signed; whoever sets a level for it gets what they ask for."""
    for name in ("httpx", "httpcore"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
