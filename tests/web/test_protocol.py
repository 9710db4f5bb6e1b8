"""What is on the wire before a body has a limit. Over real sockets, with the server as `tarewatch serve` makes it."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from app.cli.serve import Server, _uvicorn_config, listening
from app.settings import Settings

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ASKED = b"GET / HTTP/1.1\r\nhost: here\r\n"


async def _body_length(_scope: Any, receive: Any, send: Any) -> None:
    """An application that answers with the number of bytes that it was sent."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    text = str(length).encode()
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where the server listens."""
    settings = Settings(_env_file=None, host="127.0.0.1", port=0)
    config = _uvicorn_config(_body_length, settings)  # type: ignore[arg-type]  # any ASGI application will do
    config.lifespan = "off"
    server = Server(config)
    with listening(settings) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield int(listener.getsockname()[1])
        server.should_exit = True
        await serving


@pytest.fixture
async def link(port: int) -> AsyncIterator[Link]:
    """A connection to it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()


async def _send(link: Link, pieces: Iterable[bytes], pause_seconds: float = 0.0) -> None:
    """Send until all is sent or the server has answered, as a client would that does not mind."""
    reader, writer = link
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_seconds)
        if reader.at_eof() or writer.is_closing():
            return


async def _answer(link: Link) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    head = await link[0].readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return int(head.split()[1]), await link[0].readexactly(length)


@pytest.mark.parametrize(
    "head",
    [
        ASKED + b"x: " + b"y" * 2_000_000 + b"\r\n\r\n",
        ASKED + b"x" * 2_000_000 + b": y\r\n\r\n",
        b"GET /" + b"y" * 2_000_000 + b" HTTP/1.1\r\nhost: here\r\n\r\n",
        ASKED + b"x: y\r\n" * 100_000 + b"\r\n",
        ASKED + b"x: " + b"y" * 100 * 1024 + b"\r\n\r\n",
    ],
    ids=["value", "name", "address", "many", "one read"],
)
async def test_endless_heads_are_refused(link: Link, head: bytes) -> None:
    """A huge header, name, address or number of headers: 431, and the connection ends."""
    await _send(link, [head])
    status, text = await _answer(link)
    assert (status, text[:11]) == (431, b"The address")
    assert await link[0].read() == b""


async def test_slow_heads_are_counted_too(link: Link) -> None:
    """Small pieces add up."""
    await _send(link, [ASKED, *[b"x: " + b"y" * 4000 + b"\r\n"] * 30], 0.001)
    assert (await _answer(link))[0] == 431


async def test_endless_trailers_end_the_connection(link: Link) -> None:
    """Headers after a chunked body are kept as well, so they have the same limit; the request is under way then."""
    start = b"POST / HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    await _send(link, [start, *[b"x: " + b"y" * 4000 + b"\r\n"] * 30], 0.001)
    assert await link[0].read() == b""


async def test_heads_up_to_the_limit_are_read(link: Link) -> None:
    """60 KiB of headers are large, and fine, again and again on one connection."""
    for _ in range(3):
        await _send(link, [ASKED + b"x: " + b"y" * 60 * 1024 + b"\r\n\r\n"])
        assert await _answer(link) == (200, b"0")


@pytest.mark.parametrize("pause_seconds", [0.0, 0.001])
async def test_long_connections_are_not_long_heads(link: Link, pause_seconds: float) -> None:
    """Many requests with bodies on one connection, pipelined or not: only what is before a body counts."""
    plain = b"POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 30000\r\n\r\n" + b"b" * 30_000
    chunk = b"7530\r\n" + b"b" * 30_000 + b"\r\n"
    chunked = b"POST / HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 5 + b"0\r\n\r\n"
    await _send(link, [ASKED + b"\r\n", plain, chunked] * 10, pause_seconds)
    assert [await _answer(link) for _ in range(30)] == [(200, b"0"), (200, b"30000"), (200, b"150000")] * 10


async def test_what_is_no_http_is_400(link: Link) -> None:
    """What the parser refuses is refused once, however many pieces it comes in."""
    await _send(link, [b"\x16\x03\x01" * 7000])
    assert (await link[0].read()).count(b"HTTP/1.1 400") == 1
