"""Docker Hub's web API: digests and compressed bytes of a hundred tags in one request, and none of them a pull.

Not the registry, which stays the authority: what the API leaves out or gets wrong is asked there. No credentials go to
it. Reference: docker/docs, content/reference/api/hub/latest.yaml; `ordering` and `name` are what its own pages use.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta

import httpx

from app.registry.access import Endpoint, RegistryAccess
from app.registry.answers import refusal
from app.registry.attempts import persist
from app.registry.client import Limits
from app.registry.deadline import Budget, deadline
from app.registry.errors import (
    ApiBlocked,
    Deadline,
    Missing,
    NotFound,
    PaginationEndless,
    ProtocolError,
    RateLimited,
    RegistryError,
    ServerError,
)
from app.registry.hub_tags import PAGE_SIZE, HubImage, HubPage, HubTag, parse_page, parse_tag
from app.registry.manifest import media_type_of
from app.registry.pace import Pace
from app.registry.politeness import Politeness
from app.registry.reference import HUB, Repository, is_tag
from app.registry.transport import GuardedTransport
from app.registry.wire import Answer, Outgoing, Wire

__all__ = ["HUB_API", "HubApi", "HubImage", "HubPage", "HubTag", "open_hub"]

HUB_API = "hub.docker.com"
"""The name of the API among hosts: its pauses and failures are not those of the registry docker.io."""
HUB_API_URL = "https://hub.docker.com"

_LIMITS = Limits(seconds=20.0)  # the registry can be asked instead
_CONCURRENCY = 2
_BLOCKED_SECONDS = 3_600.0
_LONGEST_PAUSE_SECONDS = 3_600.0
_TROUBLE_SECONDS = 60.0
_PATIENCE_SECONDS = 900.0  # enough for a thousand requests at our own pace
_DISBELIEVED = timedelta(hours=6)
_TO_BE_BLOCKED = 3
_RIGHT_LATELY = timedelta(minutes=5)


class HubApi:
    """Asks the web API about repositories of docker.io. Every failure is a RegistryError of the host `HUB_API`.

    `patience`: seconds that all questions of one round may take together, waiting for their turns included.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        endpoint: Endpoint,
        *,
        politeness: Politeness,
        pace: Pace | None = None,
        limits: Limits = _LIMITS,
    ) -> None:
        self._endpoint = endpoint
        self._politeness = politeness
        self._pace = pace or Pace()
        self._limits = limits
        self.patience = _PATIENCE_SECONDS
        self._wire = Wire(http, politeness)
        self._disbelieved: dict[Repository, datetime] = {}
        self._contradictions: set[Repository] = set()  # since it was last right
        self._right_at: datetime | None = None

    async def tags(
        self, repository: Repository, *, name: str | None = None, newest_first: bool = True, most_pages: int
    ) -> AsyncGenerator[HubPage]:
        """Page after page of a repository's tags, up to `most_pages`; `name`: only those that contain this text.

        Of the API's `next` only that there is one counts: the address is always ours. PaginationEndless beyond
        `Limits.pages_bytes`, and after an empty page that claims to have a successor.
        """
        query = {"page_size": str(PAGE_SIZE)}
        query |= {"ordering": "last_updated"} if newest_first else {}
        query |= {"name": name} if name else {}
        bytes_left = self._limits.pages_bytes
        for number in range(1, most_pages + 1):
            answer = await self._ask(repository, "tags", "repository", query | {"page": str(number)})
            with _named():
                page = parse_page(answer.body)
            yield page
            if page.last:
                return
            bytes_left -= len(answer.body)
            if bytes_left <= 0 or not (page.tags or page.dropped):
                raise PaginationEndless(f"the list of tags of {repository} never ends", registry=HUB_API)

    async def tag(self, repository: Repository, name: str) -> HubTag:
        """One tag; NotFound ("manifest") where the API has none of this name, which proves nothing."""
        if not is_tag(name):
            raise ProtocolError(f"{name!r} is not a tag", registry=HUB_API)
        answer = await self._ask(repository, f"tags/{name}", "manifest", {})
        with _named():
            return parse_tag(answer.body, name)

    def took_too_long(self) -> None:
        """Take note that a round lost its patience: the registry, which answers at once, is asked for a while."""
        self._politeness.pause(HUB_API, _BLOCKED_SECONDS, Deadline.code)

    def contradicted(self, repository: Repository) -> None:
        """Take note that the registry has a repository that the API said was missing.

        It is not asked about that one for hours, since it may be private. Three in a row, and nothing else known for
        minutes, are a block in disguise (docker/hub-feedback#2252), and pause the API as a whole.
        """
        now = self._politeness.now()
        if self._disbelieved.get(repository, now) > now:
            return
        self._disbelieved[repository] = now + _DISBELIEVED
        self._contradictions.add(repository)
        lately_right = self._right_at is not None and self._right_at > now - _RIGHT_LATELY
        if len(self._contradictions) >= _TO_BE_BLOCKED and not lately_right:
            self._contradictions.clear()
            self._politeness.pause(HUB_API, _BLOCKED_SECONDS, ApiBlocked.code)

    async def _ask(self, repository: Repository, place: str, missing: Missing, query: Mapping[str, str]) -> Answer:
        what = f"{place} of {repository} on Docker Hub's web API"
        outgoing = self._outgoing(repository, place, query)
        self._check(repository, what)

        def judge(answer: Answer) -> RegistryError | None:
            return _problem(answer, what, missing, self._politeness.now())

        async def once() -> Answer:
            return await self._in_turn(outgoing, budget)

        with self._troubles():
            async with deadline(self._limits.seconds, what, HUB_API) as budget:
                answer = await persist(once, judge, self._politeness, budget, self._limits.tries)
        if (problem := judge(answer)) is not None:
            raise problem
        self._contradictions.clear()
        self._right_at = self._politeness.now()
        return answer

    def _outgoing(self, repository: Repository, place: str, query: Mapping[str, str]) -> Outgoing:
        namespace, slash, name = repository.path.partition("/")
        if repository.registry != HUB or not slash or "/" in name:
            raise ProtocolError(f"{repository} is no repository of Docker Hub", registry=HUB_API)
        path = f"/v2/namespaces/{namespace}/repositories/{name}/{place}"
        url = self._endpoint.url.copy_with(path=path, params=dict(query))
        return Outgoing(self._endpoint, "GET", url, self._limits.page_bytes, {"Accept": "application/json"})

    def _check(self, repository: Repository, what: str) -> None:
        """Raises HostPaused, or NotFound where the API was wrong about the repository lately."""
        self._politeness.check(HUB_API, pull=False)
        until = self._disbelieved.get(repository)
        if until is None:
            return
        if until > self._politeness.now():
            raise NotFound(f"{what} were missing lately, although they exist", missing="repository", registry=HUB_API)
        del self._disbelieved[repository]

    async def _in_turn(self, outgoing: Outgoing, budget: Budget) -> Answer:
        with budget.waiting():
            await self._pace.turn()
        answer = await self._wire.ask(outgoing, budget)
        self._pace.note(answer.headers, self._politeness.now())
        return answer

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        """Leaves a slow or ill API alone for a while: asking the registry costs less than waiting for it."""
        try:
            yield
        except (Deadline, ServerError) as problem:
            wait = min(max(problem.retry_after or 0.0, _TROUBLE_SECONDS), _LONGEST_PAUSE_SECONDS)
            self._politeness.pause(HUB_API, wait, problem.code)
            raise


def _problem(answer: Answer, what: str, missing: Missing, now: datetime) -> RegistryError | None:
    """What is wrong with an answer. A web page in place of JSON, or a 403, is a block, whatever its status says."""
    problem = refusal(answer, what, missing, now)
    if isinstance(problem, RateLimited):
        seconds = None if problem.retry_after is None else min(problem.retry_after, _LONGEST_PAUSE_SECONDS)
        return RateLimited(problem.message, pull_limit=False, registry=answer.host, retry_after=seconds)
    if isinstance(problem, ServerError):
        return problem
    if answer.status == 403 or _is_web_page(answer):
        message = f"Docker Hub's web API shuts us out: {answer.status} for {what}"
        return ApiBlocked(message, registry=answer.host, retry_after=_BLOCKED_SECONDS)
    return problem


def _is_web_page(answer: Answer) -> bool:
    return "html" in media_type_of(answer.headers.get("content-type")) or answer.body.lstrip()[:1] == b"<"


@contextmanager
def _named() -> Iterator[None]:
    """Tells errors about documents which host they came from."""
    try:
        yield
    except RegistryError as problem:
        problem.registry = HUB_API
        raise


@asynccontextmanager
async def open_hub(
    url: str,
    *,
    user_agent: str,
    politeness: Politeness,
    pace: Pace | None = None,
    limits: Limits = _LIMITS,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[HubApi]:
    """The web API at `url`, which may lie on a private address, being the operator's own word; its redirects may not.

    `politeness` is the registry client's, so that one place knows every host. `transport` replaces the guarded one.
    """
    access = RegistryAccess(endpoint=url, max_concurrency=_CONCURRENCY)
    endpoint = Endpoint(HUB_API, httpx.URL(url), access)
    headers = {"User-Agent": user_agent}
    transport = transport or GuardedTransport({HUB_API: access})
    async with httpx.AsyncClient(transport=transport, headers=headers, timeout=None, trust_env=False) as http:  # noqa: S113  calls have deadlines
        yield HubApi(http, endpoint, politeness=politeness, pace=pace, limits=limits)
