"""HTTP/1.1 on the wire: uvicorn's protocol, with the limit on what comes before a body that it lacks."""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

LONGEST_HEAD_BYTES = 64 * 1024
_PIECE_BYTES = 16 * 1024
_LINGER_SECONDS = 0.5  # closing at once, with bytes unread, would reset the connection before the answer is read
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: 46\r\n"
    b"connection: close\r\n\r\n"
    b"The address and headers are too long together."
)


class LimitedProtocol(HttpToolsProtocol):
    """Answers 431 and closes when a request's head, or its trailers, do not end.

    Up to 64 KiB are always read, more than 96 KiB never: the parser is fed in pieces and counted between them.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._unfinished_bytes = 0  # since a head was complete or a piece of a body came
        self._refused = False

    def data_received(self, data: bytes) -> None:
        """asyncio's callback; a read may bring 256 KiB."""
        if len(data) > _PIECE_BYTES:
            self._in_pieces(data)
        elif not self._refused:
            self._unfinished_bytes += len(data)
            super().data_received(data)
            if self._unfinished_bytes > LONGEST_HEAD_BYTES:
                self._refuse()

    def _in_pieces(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE_BYTES):
            if self.transport.is_closing():
                return
            self.data_received(data[start : start + _PIECE_BYTES])

    def on_headers_complete(self) -> None:
        """The parser's callback."""
        self._unfinished_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """The parser's callback; how long a body may be is `BodyLimit`'s matter."""
        self._unfinished_bytes = 0
        super().on_body(body)

    def _refuse(self) -> None:
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # an answer in the middle of another one would be read as its part
            return
        self.transport.write(_TOO_LARGE)
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)
