"""Reading a page back as elements, as a browser would see them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

_VOID = {"meta", "link", "input", "img", "br", "wbr", "line", "rect", "path", "circle"}


@dataclass
class Element:
    """An element with its attributes and what is inside it."""

    tag: str
    attributes: dict[str, str]
    children: list["Element | str"] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> list["Element"]:
        """Descendants of this tag with these attributes; `cls` asks for one of the classes."""
        wanted_class = attributes.pop("cls", None)
        return [
            one
            for one in self._descendants()
            if one.tag == tag
            and all(one.attributes.get(key) == value for key, value in attributes.items())
            and (wanted_class is None or wanted_class in one.attributes.get("class", "").split())
        ]

    def one(self, tag: str, **attributes: str) -> "Element":
        """The only such descendant."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} x <{tag}> {attributes}"
        return found[0]

    @property
    def text(self) -> str:
        """All text inside, its white space made single."""
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            else:
                yield from child._texts()

    def _descendants(self) -> Iterator["Element"]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._descendants()


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        closed = self.open.pop()
        assert closed.tag == tag, f"</{tag}> closes <{closed.tag}>"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parse(text: str) -> Element:
    """The tree of a page; AssertionError where elements are not properly nested."""
    builder = _Builder()
    builder.feed(text)
    builder.close()
    assert len(builder.open) == 1, f"never closed: {[element.tag for element in builder.open[1:]]}"
    return builder.open[0]


async def fetch(client: httpx.AsyncClient, address: str, *, status: int = 200) -> Element:
    """The page at this address, as a browser asks for it."""
    answer = await client.get(address, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"].startswith("text/html")
    return parse(answer.text)
