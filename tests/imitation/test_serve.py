"""Serving in this process and in another."""

import os
import signal
import ssl
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.imitation import faults
from app.imitation.faults import Fault
from app.imitation.options import HUB
from app.imitation.registry import ImitationRegistry
from app.imitation.serve import SettableClock, serve, start_process, with_clock_control
from app.imitation.wire import Receive, Scope, Send
from app.imitation.world import World
from tests.imitation.conftest import MANIFEST, NOW
from tests.requirements import need_program


async def test_stopping_drops_hanging_requests(world: World, clock: SettableClock) -> None:
    """Leaving the block ends at once even while a request hangs."""
    registry = ImitationRegistry(world, clock)
    registry.faults.append(Fault("GET", ".", faults.hang()))
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as http, serve(registry) as url:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(f"{url}/v2/", timeout=0.05)
    assert time.monotonic() - began < 2


async def test_connections_are_kept_alive(world: World, clock: SettableClock) -> None:
    """Requests after each other come over one connection, as a client's pool expects."""
    registry, peers = ImitationRegistry(world, clock), set()

    async def noting_peers(scope: Scope, receive: Receive, send: Send) -> None:
        peers.add(scope["client"])
        await registry(scope, receive, send)

    async with serve(noting_peers) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        for _ in range(3):
            await http.head(MANIFEST)
    assert len(peers) == 1


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a certificate for 127.0.0.1, and of a client that trusts it."""
    need_program("openssl")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-nodes"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", *subject, "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=certificate)


async def test_https(world: World, clock: SettableClock, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """Served over TLS, the challenge sends for the token by https too."""
    server, client = tls
    async with (
        serve(ImitationRegistry(world, clock, HUB), tls=server) as url,
        httpx.AsyncClient(base_url=url, verify=client, trust_env=False) as http,
    ):
        answer = await http.get("/v2/")
    assert url.startswith("https://")
    assert f'realm="{url}/token"' in answer.headers["www-authenticate"]


async def test_clock_control(world: World, clock: SettableClock) -> None:
    """PUT sets the clock; a time without a zone or no time at all is refused."""
    async with (
        serve(with_clock_control(ImitationRegistry(world, clock), clock)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        later = NOW + timedelta(days=1)
        assert (await http.put("/_imitation/clock", content=later.isoformat())).status_code == 200
        assert (await http.put("/_imitation/clock", content="2026-01-01T00:00:00")).status_code == 400
        assert (await http.put("/_imitation/clock", content="soon")).status_code == 400
        assert (await http.get("/_imitation/clock")).text == later.isoformat()
        assert (await http.get("/v2/")).status_code == 200


def test_process_serves_each_registry_on_its_port_and_ends() -> None:
    """The demo's registries: one port each, one clock for all, gone when the block ends."""
    with start_process(["--now", NOW.isoformat()]) as process:
        assert set(process.urls) == {"docker.io", "hub.docker.com", "ghcr.io", "quay.io"}
        process.set_clock(NOW)
        for url in process.urls.values():
            assert httpx.get(f"{url}/_imitation/clock", trust_env=False).text == NOW.isoformat()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_process_ends_with_its_parent(tmp_path: Path) -> None:
    """kill -9 of the parent closes the pipe, and the registries end by themselves."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from app.imitation.serve import start_process\n"
        f"with start_process(['--now', {NOW.isoformat()!r}]) as process:\n"
        "    print(process.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert ended(child)


def ended(pid: int) -> bool:
    """Whether the process ends within 10 seconds; one that nobody has waited for yet counts as ended."""
    for _ in range(200):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False
