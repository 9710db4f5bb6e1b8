"""Private registries: a CA of one's own, and names with several addresses."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.registry.access import RegistryAccess
from app.registry.errors import Unreachable
from app.registry.manifest import MediaType
from app.registry.reference import Repository
from tests.registry import documents as doc
from tests.registry.fakes import client_at
from tests.requirements import need_program

MANIFEST = doc.encode(doc.manifest(100))


@asynccontextmanager
async def registry(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server on 127.0.0.1 that has one image."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                head = f"HTTP/1.1 200 OK\r\nContent-Type: {MediaType.OCI_MANIFEST}\r\nContent-Length: {len(MANIFEST)}"
                writer.write(head.encode() + b"\r\n\r\n" + MANIFEST)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.1)  # a connection whose handshake failed closes a moment later


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost, its key in the same file."""
    need_program("openssl")
    path = tmp_path / "localhost.pem"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    where = ["-keyout", str(path), "-out", str(tmp_path / "public.pem")]
    subprocess.run(["openssl", "req", *made, *name, *where], check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "public.pem").read_text())
    return path


async def test_a_custom_ca_is_trusted_for_its_registry_only(certificate: Path) -> None:
    """Without it the connection fails, as a TLS failure that no retry mends."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with registry(tls) as port:
        name, endpoint = f"localhost:{port}", f"https://localhost:{port}"
        trusting = RegistryAccess(endpoint=endpoint, ca_file=certificate)
        async with client_at(port, registries={name: trusting}) as (client, _):
            await client.get_manifest(Repository(name, "a"), "latest")
        async with client_at(port, registries={name: RegistryAccess(endpoint=endpoint)}) as (client, _):
            with pytest.raises(Unreachable) as refusal:
                await client.get_manifest(Repository(name, "a"), "latest")
    assert (refusal.value.code, refusal.value.retryable) == ("unreachable-tls", False)


async def test_the_next_address_is_tried() -> None:
    """localhost may be ::1 first, where nobody listens."""
    async with registry() as port, client_at(port) as (client, _):
        await client.get_manifest(Repository(f"localhost:{port}", "a"), "latest")


async def test_a_name_without_an_address() -> None:
    """Is told apart from a host that does not answer."""
    async with client_at(1) as (client, _):
        with pytest.raises(Unreachable) as refusal:
            await client.get_manifest(Repository("no-such-host.invalid", "a"), "latest")
    assert refusal.value.code == "unreachable-dns"
