"""One question to a registry and its answer: guarded redirects, capped bodies, typed failures. No retries here."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from socket import gaierror

import httpx

from app.registry.access import Endpoint, ascii_host, origin
from app.registry.addresses import Policy, check_literal
from app.registry.deadline import Budget
from app.registry.errors import (
    BodyTooLarge,
    BodyTruncated,
    Cause,
    ProtocolError,
    RegistryError,
    TooManyRedirects,
    Unreachable,
    UnsafeRedirect,
    shown_host,
)
from app.registry.politeness import Politeness

ERROR_BYTES = 16 * 1024
MOST_REDIRECTS = 5
_CONNECT_SECONDS = 10.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to make. `pull`: it counts against a pull quota. Authorization goes in `secret_headers` only."""

    endpoint: Endpoint
    method: str
    url: httpx.URL
    body_cap: int
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)
    pull: bool = False
    redirects: int = MOST_REDIRECTS
    go_ahead: Callable[[], None] | None = None  # asked when its turn comes; may raise a RegistryError instead

    @property
    def host(self) -> str:
        """Whose pauses, slots and failures this request counts towards: the registry, or another host by its name."""
        return host_of(self.endpoint, self.url)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; of an error's body the first 16 KiB. `host` is who gave it (`host_of`), after redirects."""

    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)
    host: str


def host_of(endpoint: Endpoint, url: httpx.URL) -> str:
    """The registry's name on its own origin, else "@" with the host and its port.

    So nothing that happens at http://docker.io, to where any registry may lead us, counts as the registry docker.io's.
    """
    return endpoint.registry if endpoint.is_own_origin(url) else f"@{url.netloc.decode('ascii')}"


def policy_for(endpoint: Endpoint, url: httpx.URL) -> Policy:
    """How far url's address is trusted."""
    if endpoint.access.allow_private:
        return Policy.ANYWHERE
    return Policy.OWN_HOST if ascii_host(url) == ascii_host(endpoint.url) else Policy.PUBLIC_ONLY


def check_target(endpoint: Endpoint, url: httpx.URL, came_from: httpx.URL) -> None:
    """Raises UnsafeRedirect or UnsafeAddress if a registry must not lead us from `came_from` to `url`."""
    host = endpoint.registry
    if not _is_plain(url):
        raise UnsafeRedirect(f"refused to follow {host} to something that is no plain web address", registry=host)
    if url.scheme == "http" and (came_from.scheme == "https" or endpoint.url.scheme == "https"):
        raise UnsafeRedirect(f"refused to follow {host} from https to http", registry=host)
    check_address(endpoint, url)


def _is_plain(url: httpx.URL) -> bool:
    try:
        return url.scheme in {"http", "https"} and bool(url.host) and not url.userinfo
    except ValueError:  # an "xn--" name that encodes nothing
        return False


def check_address(endpoint: Endpoint, url: httpx.URL) -> None:
    """Raises UnsafeAddress if url's host is an address that must not be asked; names are checked when connecting."""
    try:
        check_literal(ascii_host(url), policy_for(endpoint, url))
    except RegistryError as problem:
        problem.registry = endpoint.registry
        raise


class Wire:
    """Sends requests over an httpx client, politely."""

    def __init__(self, http: httpx.AsyncClient, politeness: Politeness) -> None:
        self._http = http
        self._politeness = politeness

    async def ask(self, outgoing: Outgoing, budget: Budget) -> Answer:
        """The final answer to outgoing, whatever its status; redirects are followed without Authorization."""
        try:
            return await self._follow(outgoing, budget)
        except (httpx.InvalidURL, ValueError) as problem:  # httpx decodes the host even of a redirect not followed
            registry = outgoing.endpoint.registry
            raise ProtocolError(f"{registry}: an impossible address: {problem}", registry=registry) from problem

    async def _follow(self, outgoing: Outgoing, budget: Budget) -> Answer:
        check_address(outgoing.endpoint, outgoing.url)
        url, seen = outgoing.url, {outgoing.url}
        while True:
            answer = await self._hop(outgoing, url, budget)
            location = answer.headers.get("location")
            if answer.status not in _REDIRECTS or location is None or outgoing.redirects == 0:
                return answer
            url = _next_hop(outgoing.endpoint, url, location)
            if url in seen or len(seen) > outgoing.redirects:
                message = f"{outgoing.endpoint.registry} redirects in a loop or more than {outgoing.redirects} times"
                raise TooManyRedirects(message, registry=outgoing.endpoint.registry)
            seen.add(url)

    async def _hop(self, outgoing: Outgoing, url: httpx.URL, budget: Budget) -> Answer:
        host = host_of(outgoing.endpoint, url)
        self._politeness.check(host, pull=outgoing.pull)
        request = self._request(outgoing, url, budget)
        try:
            response = await self._http.send(request, stream=True, follow_redirects=False)
        except httpx.TransportError as problem:
            raise _not_answered(problem, host) from problem
        except RegistryError as problem:
            problem.registry = problem.registry or outgoing.endpoint.registry
            raise
        try:
            self._politeness.observe(host, response.headers)
            body = await _read(response, outgoing, host)
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, body, host)

    def _go_ahead(self, outgoing: Outgoing, host: str) -> None:
        """What was true when a request began to wait for its slot may not be any more."""
        self._politeness.check(host, pull=outgoing.pull)
        if outgoing.go_ahead is not None:
            outgoing.go_ahead()

    def _request(self, outgoing: Outgoing, url: httpx.URL, budget: Budget) -> httpx.Request:
        endpoint = outgoing.endpoint
        headers = {
            "Accept-Encoding": "identity",
            "User-Agent": self._http.headers.get("User-Agent", ""),
            **outgoing.headers,
        }
        if _may_see_secrets(outgoing, url):
            headers |= outgoing.secret_headers
        extensions = {
            "policy": policy_for(endpoint, url),
            "ca_file": endpoint.access.ca_file,
            "waiting": budget.waiting,
            "go_ahead": partial(self._go_ahead, outgoing, host_of(endpoint, url)),
            "timeout": {"connect": _CONNECT_SECONDS},  # the budget covers the rest
        }
        return httpx.Request(outgoing.method, url, headers=headers, content=outgoing.content, extensions=extensions)


def _may_see_secrets(outgoing: Outgoing, url: httpx.URL) -> bool:
    """Authorization is for the address asked, and after redirects for the same origin's API: not for a signed blob."""
    return url == outgoing.url or (origin(url) == origin(outgoing.url) and url.path.startswith("/v2/"))


def _next_hop(endpoint: Endpoint, url: httpx.URL, location: str) -> httpx.URL:
    try:
        target = url.join(location).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        raise UnsafeRedirect("redirected to something that is no address", registry=endpoint.registry) from None
    check_target(endpoint, target, url)
    return target


def _not_answered(problem: httpx.TransportError, host: str) -> RegistryError:
    if isinstance(problem, httpx.RemoteProtocolError) and "disconnected" not in str(problem):
        return ProtocolError(f"{shown_host(host)} does not speak HTTP properly: {problem}", registry=host)
    if isinstance(problem, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return ProtocolError(f"{shown_host(host)} cannot be asked: {problem}", registry=host)
    cause = _cause(problem)
    return Unreachable(f"{shown_host(host)} could not be reached ({cause}): {problem}", cause=cause, registry=host)


def _cause(problem: BaseException) -> Cause:
    """What went wrong, from the chain of exceptions below."""
    link: BaseException | None = problem
    while link is not None:
        if isinstance(link, gaierror):
            return "dns"
        if isinstance(link, ConnectionRefusedError):
            return "refused"
        if isinstance(link, ssl.SSLError):
            return "tls"
        if isinstance(link, httpx.TimeoutException):
            return "timeout"
        link = link.__cause__ or link.__context__
    return "network"


async def _read(response: httpx.Response, outgoing: Outgoing, host: str) -> bytes:
    """The body, at most `body_cap` bytes of it; of an error or redirect no more than the beginning."""
    failed = not response.is_success
    cap = ERROR_BYTES if failed else outgoing.body_cap
    if not failed and outgoing.method != "HEAD":
        _check_head(response, cap, host)
    body = bytearray()
    try:
        # A response that a mock made whole has no raw stream any more.
        async for part in response.aiter_bytes() if response.is_stream_consumed else response.aiter_raw():
            body += part
            if len(body) > cap:
                if failed:
                    return bytes(body[:cap])
                raise BodyTooLarge(f"{shown_host(host)} sent more than {cap} bytes", registry=host)
    except httpx.TransportError as problem:
        if failed:
            return bytes(body)
        message = f"{shown_host(host)} broke off in the middle of its answer: {problem}"
        raise BodyTruncated(message, registry=host) from problem
    return bytes(body)


def _check_head(response: httpx.Response, cap: int, host: str) -> None:
    if response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise ProtocolError(f"{shown_host(host)} compressed its answer although asked not to", registry=host)
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > cap:
        raise BodyTooLarge(f"{shown_host(host)} announced {declared} bytes, more than {cap}", registry=host)
