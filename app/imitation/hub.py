"""Docker Hub's web API: pages of tags with digests, compressed bytes and push times, from the same world.

After docker/docs, content/reference/api/hub/latest.yaml, and recorded answers; what neither shows is marked as assumed.
"""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from app.imitation.faults import Behaviour, Exchange, Fault, other_bytes, reply
from app.imitation.gate import Clock
from app.imitation.hub_entries import HUB_WEB, HubOptions, Tagged, layered_entries, tag_entry
from app.imitation.registry import Asked
from app.imitation.wire import Answer, Headers, Receive, Request, Scope, Send, json_answer
from app.imitation.world import World

HUB_API = "hub.docker.com"
_PAGE_SIZE, _LARGEST_PAGE = 10, 100
_MINUTE = timedelta(minutes=1)
_PATHS = re.compile(
    r"/v2/(?:namespaces/(?P<ns>[a-z0-9_-]+)/repositories|repositories/(?P<old_ns>[a-z0-9_-]+))/(?P<name>[a-z0-9._-]+)"
    r"/tags(?:/(?P<tag>\w[\w.-]{0,127})(?P<images>/images)?)?/?",
    re.ASCII,
)


class ImitationHub:
    """Answers `/v2/namespaces/{ns}/repositories/{repo}/tags[/{tag}[/images]]` and the older `/v2/repositories/...`.

    It keeps a log of requests, and misbehaves where `faults` says so.
    """

    def __init__(self, world: World, clock: Clock, options: HubOptions = HUB_WEB) -> None:
        self.world = world
        self.clock = clock
        self.options = options
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []
        self.authorizations: list[str] = []
        self.agents: set[str] = set()
        self._minutes: dict[str, tuple[datetime, int]] = {}

    def forget_requests(self) -> None:
        """Empty the log, so that the next counts are of what follows."""
        self.requests = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        exchange = Exchange(request, self.answer, receive, send)
        log, position = self.requests, len(self.requests)
        log.append(Asked(request.method, request.target, 0))
        self.authorizations.append(request.header(b"authorization"))
        self.agents.add(request.header(b"user-agent"))
        fault = next((one for one in self.faults if one.meets(request.method, request.target)), None)
        try:
            if fault is not None:
                fault.met += 1
                await fault.behaviour(exchange)
            else:
                await exchange.reply(self.answer(request))
        finally:
            log[position] = Asked(request.method, request.target, exchange.status)

    def answer(self, request: Request) -> Answer:
        """The answer that the Hub would give if it meant well."""
        now = self.clock()
        used, headers = self._rate(request.address, now)
        if self.options.per_minute is not None and used > self.options.per_minute:
            wait = (b"x-retry-after", b"%d" % (now + _MINUTE).timestamp())
            return json_answer({"detail": "Rate limit exceeded", "error": False}, [*headers, wait], 429)
        if request.method not in ("GET", "HEAD"):
            return json_answer({"message": "method not allowed"}, headers, 405)
        found = _PATHS.fullmatch(request.path)
        if found is None:
            return json_answer({"message": "not found"}, headers, 404)
        return self._resource(request, found, headers, now)

    def _rate(self, address: str, now: datetime) -> tuple[int, Headers]:
        """Requests of this address in its minute, this one included, and what the headers say of them."""
        if self.options.per_minute is None:
            return 0, []
        began, used = self._minutes.get(address, (now, 0))
        if now >= began + _MINUTE:
            began, used = now, 0
        self._minutes[address] = (began, used + 1)
        left = max(self.options.per_minute - used - 1, 0)
        headers = [
            (b"x-ratelimit-limit", b"%d" % self.options.per_minute),
            (b"x-ratelimit-remaining", b"%d" % left),
            (b"x-ratelimit-reset", b"%d" % (began + _MINUTE).timestamp()),
        ]
        return used + 1, headers

    def _resource(self, request: Request, found: re.Match[str], headers: Headers, now: datetime) -> Answer:
        namespace, name = found["ns"] or found["old_ns"], found["name"]
        repository, errinfo = f"{namespace}/{name}", {"namespace": namespace, "repository": name}
        tagged = self._tagged(repository, now)
        if tagged is None:
            return json_answer({"message": "httperror 404: object not found", "errinfo": errinfo}, headers, 404)
        if found["tag"] is None:
            return self._page(request, tagged, headers)
        one = next((one for one in tagged if one.name == found["tag"]), None)
        if one is None:
            message = f"httperror 404: tag '{found['tag']}' not found"
            return json_answer({"message": message, "errinfo": {**errinfo, "tag": found["tag"]}}, headers, 404)
        if found["images"]:
            return json_answer(layered_entries(one, self.options), headers)
        return json_answer(tag_entry(one, self.options), headers)

    def _tagged(self, repository: str, now: datetime) -> list[Tagged] | None:
        """The repository's tags as they are now, by name; None where anybody may not see it."""
        contents = self.world.repositories.get(repository)
        if contents is None or repository in self.options.private:
            return None
        found = []
        for name, timeline in sorted(contents.tags.items()):
            digest = timeline.at(now)
            if digest is not None:
                pushed_at = max(at for at in timeline.times if at <= now)
                found.append(Tagged(name, contents.documents[digest], pushed_at))
        return found

    def _page(self, request: Request, tagged: list[Tagged], headers: Headers) -> Answer:
        query = {key: values[-1] for key, values in request.query().items()}
        chosen = [one for one in tagged if query.get("name", "") in one.name]
        if query.get("ordering", "last_updated") == "last_updated":  # without it the order is assumed
            chosen.sort(key=lambda one: one.pushed_at, reverse=True)
        length = min(max(_number(query.get("page_size"), _PAGE_SIZE), 1), _LARGEST_PAGE)
        page = _number(query.get("page"), 1)
        start = (page - 1) * length
        if page < 1 or (start >= len(chosen) and page > 1):  # assumed
            return json_answer({"message": "httperror 404: page not found", "errinfo": {}}, headers, 404)

        def other(number: int) -> str:
            return f"{request.origin}{request.path}?{urlencode({**query, 'page': number, 'page_size': length})}"

        told: dict[str, Any] = {
            "count": len(chosen),
            "next": other(page + 1) if start + length < len(chosen) else None,
            "previous": other(page - 1) if page > 1 else None,
            "results": [tag_entry(one, self.options) for one in chosen[start : start + length]],
        }
        return json_answer(told, headers)


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdecimal() else otherwise


# Ways in which this API is ill


def shut_out(status: int = 404, *, web_page: bool = True) -> Behaviour:
    """A block: a web page, or the same JSON as for a repository that does not exist (docker/hub-feedback#2252)."""
    if web_page:
        page = b"<!DOCTYPE html><html><head><title>Docker Hub</title></head><body>Not found</body></html>"
        return reply(Answer(status, [(b"content-type", b"text/html; charset=utf-8")], page))
    return reply(json_answer({"message": "httperror 404: object not found", "errinfo": {}}, status=status))


def endless_pages() -> Behaviour:
    """Every page is full of new tags and has a successor, on another host too."""

    async def behave(exchange: Exchange) -> None:
        number = _number(exchange.request.query().get("page", ["1"])[0], 1)
        tags = [{"name": f"v{number * 100 + n}", "images": []} for n in range(100)]
        await exchange.reply(json_answer({"count": 10**9, "next": "https://evil.example/tags?page=2", "results": tags}))

    return behave


def changed_page(change: Callable[[dict[str, Any]], None]) -> Behaviour:
    """The true page, its document changed in place."""

    def changed(body: bytes) -> bytes:
        document = json.loads(body)
        change(document)
        return json.dumps(document).encode()

    return other_bytes(changed)
