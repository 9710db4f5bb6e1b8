"""Registries that misbehave on a real socket: each ends as a typed error, in time, and harms no other."""

import asyncio
import time

import pytest

from app.registry.access import RegistryAccess
from app.registry.client import Limits
from app.registry.errors import (
    BodyTooLarge,
    BodyTruncated,
    Deadline,
    HostPaused,
    ProtocolError,
    RegistryError,
    Unreachable,
    UnsafeAddress,
)
from app.registry.manifest import MediaType
from app.registry.reference import Repository
from tests.registry import documents as doc
from tests.registry.fakes import Behaviour, client_at, raw_server

MANIFEST = doc.encode(doc.manifest(100))
TYPE = f"Content-Type: {MediaType.OCI_MANIFEST}\r\n".encode()


def replying(*parts: bytes, close: bool = False, seconds_between: float = 0.0) -> Behaviour:
    """Sends parts, with pauses, and perhaps hangs up."""

    async def behave(head: bytes, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(seconds_between)
        if close:
            writer.close()

    return behave


def ok(length: object, *, headers: bytes = TYPE) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + headers + f"Content-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (replying(ok(len(MANIFEST)), MANIFEST[:-5], close=True), BodyTruncated),
        (replying(ok(len(MANIFEST) + 50), MANIFEST, close=True), BodyTruncated),
        (replying(ok(len(MANIFEST) - 5), MANIFEST, close=True), RegistryError),
        (replying(ok(10**9)), BodyTooLarge),
        (replying(ok(-1)), ProtocolError),
        (replying(ok("1, 2")), ProtocolError),
        (replying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", close=True), BodyTruncated),
        (replying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), BodyTruncated),
        (replying(b"HTTP/1.1 200 OK\r\n" + TYPE + b"\r\n", b"x" * 70_000, close=True), BodyTooLarge),
        (replying(b"HTTP/1.1 200 OK\r\n" + b"X-Flood: " + b"x" * 200_000), ProtocolError),
        (replying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), ProtocolError),
        (replying(b"SSH-2.0-OpenSSH_9.9\r\n\r\n"), ProtocolError),
        (replying(b"HTTP/1.1 999999 What\r\n\r\n"), ProtocolError),
        (replying(close=True), Unreachable),
    ],
    ids=range(14),
)
async def test_broken_http(behaviour: Behaviour, kind: type[RegistryError]) -> None:
    """Truncated, oversized, wrongly measured or plainly odd answers are typed errors."""
    async with raw_server(behaviour) as port, client_at(port, limits=Limits(manifest_bytes=64_000)) as (client, repo):
        with pytest.raises(kind) as refusal:
            await client.get_manifest(repo, "latest")
    assert refusal.value.registry == repo.registry


@pytest.mark.parametrize(
    "behaviour",
    [
        replying(ok(500), *[b" "] * 100, seconds_between=0.05),
        replying(*[b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100], seconds_between=0.05),
        replying(b"", seconds_between=5),
    ],
    ids=["body", "headers", "silence"],
)
async def test_slow_drips_end_at_the_deadline(behaviour: Behaviour) -> None:
    """However busy the server keeps us, a call takes no longer than allowed."""
    started = time.monotonic()
    async with raw_server(behaviour) as port, client_at(port, limits=Limits(seconds=0.4)) as (client, repo):
        with pytest.raises(Deadline):
            await client.get_manifest(repo, "latest")
        assert time.monotonic() - started < 2


async def test_a_hanging_host_delays_no_other() -> None:
    """Each host has its own slots."""

    async def good(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(len(MANIFEST)) + MANIFEST)

    async with (
        raw_server(replying(b"", seconds_between=5)) as sick_port,
        raw_server(good) as port,
        client_at(port, limits=Limits(seconds=1.5)) as (client, repo),
    ):
        sick = Repository(f"127.0.0.1:{sick_port}", "a")
        hanging = [asyncio.create_task(client.get_manifest(sick, f"t{n}")) for n in range(8)]
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await asyncio.gather(*(client.get_manifest(repo, f"t{n}") for n in range(20)))
        assert time.monotonic() - started < 1
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_a_dead_host_is_soon_left_alone() -> None:
    """After a few failures its calls fail at once and cost no connection."""
    async with raw_server(replying()) as port:
        pass
    async with client_at(port) as (client, repo):
        for number in range(4):
            with pytest.raises(Unreachable) as refusal:
                await client.head(repo, f"t{number}")
            assert refusal.value.code == "unreachable-refused"
        with pytest.raises(HostPaused):
            await client.head(repo, "latest")


async def test_a_kept_connection_that_the_server_closed_is_replaced() -> None:
    """Without an error, and without a wait."""

    async def once(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(ok(len(MANIFEST)) + MANIFEST)
        await writer.drain()
        writer.close()

    async with raw_server(once) as port, client_at(port) as (client, repo):
        for _ in range(5):
            await client.get_manifest(repo, "latest")


async def test_redirects_and_names_to_inside_are_refused_when_connecting() -> None:
    """A name that resolves to this machine is no way in; the registry's own host is."""
    location = b"HTTP/1.1 307 x\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n"
    for target in (b"localhost:1", b"127.0.0.2:1", b"[::ffff:127.0.0.1]:1"):
        async with raw_server(replying(location % target)) as port, client_at(port) as (client, repo):
            with pytest.raises(UnsafeAddress):
                await client.get_manifest(repo, "latest")


async def test_an_unusable_answer_does_not_spoil_the_next() -> None:
    """A body after HEAD, which HTTP forbids, costs the connection and nothing else."""

    async def chatty(head: bytes, writer: asyncio.StreamWriter) -> None:
        digest = f"Docker-Content-Digest: {doc.digest_of(MANIFEST)}\r\n".encode()
        writer.write(ok(len(MANIFEST), headers=TYPE + digest) + MANIFEST)

    async with raw_server(chatty) as port, client_at(port) as (client, repo):
        for _ in range(3):
            assert (await client.head(repo, "latest")).digest == doc.digest_of(MANIFEST)


async def test_waiting_for_a_token_holds_no_slot() -> None:
    """With one slot at the registry, a repository whose token is slow to come delays no other."""
    go_on = asyncio.Event()

    async def tokens(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"slow" in head:
            await go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b'{"token":"T"}')

    async def registry(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"authorization: bearer" in head.lower():
            writer.write(ok(len(MANIFEST)) + MANIFEST)
        else:
            realm = f'Bearer realm="http://127.0.0.1:{token_port}/"'.encode()
            writer.write(b"HTTP/1.1 401 x\r\nWWW-Authenticate: " + realm + b"\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(tokens) as token_port, raw_server(registry) as port:
        name = f"127.0.0.1:{port}"
        async with client_at(port, registries={name: RegistryAccess(max_concurrency=1)}) as (client, repo):
            slow = asyncio.create_task(client.get_manifest(Repository(name, "slow"), "latest"))
            await asyncio.sleep(0.1)
            async with asyncio.timeout(3):
                await client.get_manifest(repo, "latest")
            assert not slow.done()
            go_on.set()
            await slow


async def test_waiting_for_a_slot_does_not_use_up_the_deadline() -> None:
    """A long queue at a slow host is not a slow answer."""
    manifest = replying(ok(len(MANIFEST)) + MANIFEST, seconds_between=0.1)
    limits = Limits(seconds=0.6)
    async with raw_server(manifest) as port:
        registries = {f"127.0.0.1:{port}": RegistryAccess(max_concurrency=1)}
        async with client_at(port, limits=limits, registries=registries) as (client, repo):
            await asyncio.gather(*(client.get_manifest(repo, f"t{number}") for number in range(12)))
