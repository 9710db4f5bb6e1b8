"""Requests and answers as values, and the error bodies of the distribution specification."""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json; charset=utf-8")
TEXT = (b"content-type", b"text/plain; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers, body. A content-length among the headers is sent as it is, else the true one is added."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    def full_headers(self) -> Headers:
        if self.status == 304 or any(name == b"content-length" for name, _ in self.headers):
            return self.headers
        return [*self.headers, (b"content-length", b"%d" % len(self.body))]


class Request:
    """The parts of an ASGI scope that a registry looks at."""

    __slots__ = ("headers", "method", "path", "query_string", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query_string: str = scope["query_string"].decode("latin-1")
        self.headers: Headers = scope["headers"]

    @property
    def target(self) -> str:
        """Path and query as the client wrote them."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    def header(self, name: bytes) -> str:
        """The header's first value, or an empty string."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")

    def query(self) -> dict[str, list[str]]:
        return parse_qs(self.query_string, keep_blank_values=True)

    @property
    def origin(self) -> str:
        """Scheme, host and port under which the client sees this server."""
        return f"{self.scope.get('scheme', 'http')}://{self.header(b'host')}"

    @property
    def address(self) -> str:
        client = self.scope.get("client")
        return client[0] if client else "127.0.0.1"


def error(
    status: int, code: str, message: str, detail: object = None, headers: Iterable[tuple[bytes, bytes]] = ()
) -> Answer:
    """An error answer in the form of the distribution specification, `errors[0].code` and so on."""
    told = {"code": code, "message": message} | ({} if detail is None else {"detail": detail})
    body = json.dumps({"errors": [told]}, separators=(",", ":")).encode() + b"\n"
    return Answer(status, [JSON, *headers], body)


def json_answer(value: object, headers: Iterable[tuple[bytes, bytes]] = (), status: int = 200) -> Answer:
    return Answer(status, [JSON, *headers], json.dumps(value, separators=(",", ":")).encode())


def text_answer(status: int, text: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    return Answer(status, [TEXT, *headers], text.encode())
