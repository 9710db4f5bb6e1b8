"""Pages of `tags/list` (distribution-spec, "Content Discovery"): reading one, and finding the next."""

import re
from dataclasses import dataclass

import httpx

from app.registry.errors import BadDocument, PaginationEndless, ProtocolError
from app.registry.reference import is_tag
from app.registry.strict_json import load_object

PAGE_SIZE = 1000  # ECR answers 405 to more
_LONGEST_QUERY = 2048
_MOST_IDLE_PAGES = 10

_NEXT = re.compile(r"<([^<>]{1,4096})>([^<]{0,400})")
_IS_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"[^\"]*\bnext\b[^\"]*\"|next\b)", re.IGNORECASE)
# Where cosign and the referrers fallback keep signatures and attestations: no images.
_REFERRER = re.compile(r"sha(?:256|512)-[0-9a-f]{64,128}(?:\.[a-z]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TagList:
    """Tag names in the registry's order, each once.

    `truncated`: the registry has more. `dropped`: how many entries were no tags of images.
    """

    names: tuple[str, ...]
    truncated: bool
    dropped: int = 0


def parse_tags(body: bytes, registry: str) -> tuple[list[str], int]:
    """The tags of one page, and how many entries were dropped: nulls, digests, signatures, impossible names."""
    try:
        entries = load_object(body, "list of tags").get("tags")
    except BadDocument as problem:
        raise ProtocolError(f"{registry}: {problem.message}", registry=registry) from None
    if entries is None:
        return [], 0
    if not isinstance(entries, list):
        raise ProtocolError(f"{registry}: the list of tags is no list", registry=registry)
    tags = [name for name in entries if isinstance(name, str) and is_tag(name) and not _REFERRER.fullmatch(name)]
    return tags, len(entries) - len(tags)


def next_page(links: list[str], here: httpx.URL) -> httpx.URL | None:
    """The next page by `Link: <...>; rel="next"`; None if this is the last.

    Of the link only the query is taken, onto the address we asked. So a relative link, one without the repository
    (Artifactory) or one with the name of a server behind a proxy work, and none leads to another host.
    """
    for line in links[:4]:
        for target, parameters in _NEXT.findall(line[:8192]):
            if _IS_NEXT.search(parameters):
                return _with_query(here, target)
    return None


def next_query(links: list[str]) -> dict[str, str] | None:
    """The query of what `Link: <...>; rel="next"` points to, of which nothing else counts; None on the last page."""
    following = next_page(links, httpx.URL("https://registry.invalid/"))
    return None if following is None else dict(following.params)


def _with_query(here: httpx.URL, target: str) -> httpx.URL | None:
    query = target.partition("#")[0].partition("?")[2]
    if not query or len(query) > _LONGEST_QUERY:
        return None
    try:
        return here.copy_with(query=query.encode("ascii", "strict"))
    except (httpx.InvalidURL, ValueError):
        return None


class TagPages:
    """Tags collected page by page; `url` is the page to ask for next, None when there is no more to ask."""

    def __init__(self, registry: str, url: httpx.URL, limit: int, most_pages: int, most_bytes: int) -> None:
        self.url: httpx.URL | None = url.copy_with(query=f"n={PAGE_SIZE}".encode()) if limit > 0 else None
        self._registry, self._base = registry, url
        self._limit, self._pages_left, self._bytes_left = limit, most_pages, most_bytes
        self._names: dict[str, None] = {}
        self._asked: set[httpx.URL] = set()
        self._dropped = self._idle = 0
        self._more = False

    def add(self, body: bytes, links: list[str]) -> None:
        """Takes in the page at `url` and moves on; PaginationEndless if that leads nowhere."""
        if self.url is not None:
            self._asked.add(self.url)
        names, dropped = parse_tags(body, self._registry)
        before = len(self._names)
        self._names |= dict.fromkeys(names)
        self._dropped += dropped
        self._idle = self._idle + 1 if len(self._names) == before else 0
        self._pages_left -= 1
        self._bytes_left -= len(body)
        following = next_page(links, self._base)
        self._more = following is not None
        self.url = following if len(self._names) < self._limit else None
        if self.url is not None and self._leads_nowhere(self.url):
            raise PaginationEndless(f"the list of tags of {self._registry} never ends", registry=self._registry)

    def _leads_nowhere(self, url: httpx.URL) -> bool:
        spent = self._pages_left <= 0 or self._bytes_left <= 0
        return spent or url in self._asked or self._idle > _MOST_IDLE_PAGES

    def tags(self) -> TagList:
        """What was collected."""
        names = tuple(self._names)
        return TagList(names[: self._limit], self._more or len(names) > self._limit, self._dropped)
