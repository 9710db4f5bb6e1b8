"""What `docker compose up` does, without an engine: migrate, serve and work as nobody, on what root installed."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from zipfile import ZipFile

import psycopg
import pytest
from sqlalchemy import make_url

from tests.ops.commands import address, environment, started
from tests.ops.forward import over_tcp
from tests.ops.installation import build_wheel, install
from tests.ops.test_image import health_check

NOBODY = 65534

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("deployment")]


@dataclass(frozen=True, slots=True)
class Place:
    """An installation and the folder that its processes may write to."""

    wheel: Path
    tarewatch: Path
    data: Path
    secrets: Path

    def run(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A command as nobody, to its end."""
        return subprocess.run(
            [*as_nobody(), str(self.tarewatch), *words],
            cwd=self.data,
            env=environment(Path("/nonexistent"), settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def installed(self) -> dict[str, tuple[int, int]]:
        """Size and time of change of every installed file."""
        files = [path.lstat() for path in sorted(self.tarewatch.parents[1].rglob("*"))]
        return {str(n): (one.st_size, one.st_mtime_ns) for n, one in enumerate(files)}


def as_nobody() -> list[str]:
    """Words that start a program without root's rights and capabilities; none when we have none."""
    if os.geteuid() != 0:
        return []
    ids = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return ["setpriv", *ids, "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]


@dataclass(frozen=True, slots=True)
class Installation:
    """What an installation consists of before anybody used it."""

    folder: Path
    wheel: Path
    tarewatch: Path


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Made once for this file, outside of pytest's own folder, which other users may not enter."""
    with tempfile.TemporaryDirectory(prefix="tarewatch-ops-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        wheel = build_wheel(folder)
        yield Installation(folder, wheel, install(folder, wheel))
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o700)


@pytest.fixture
def place(installation: Installation) -> Place:
    """The installation with an empty folder for this test alone: what one test wrote, another must not find."""
    mine = Path(tempfile.mkdtemp(dir=installation.folder))
    mine.chmod(0o755)
    made = Place(installation.wheel, installation.tarewatch, mine / "data", mine / "secrets")
    for path in (made.data, made.secrets):
        path.mkdir()
    if os.geteuid() == 0:
        os.chown(made.data, NOBODY, NOBODY)
    return made


@pytest.fixture
def empty_postgres(postgres_url: str) -> Iterator[str]:
    """An empty PostgreSQL database that every user of this machine may reach."""
    deployment = make_url(postgres_url).set(database="deployment")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS deployment WITH (FORCE)")
        connection.execute("CREATE DATABASE deployment")
        with over_tcp(deployment.render_as_string(hide_password=False)) as url:
            yield url
        connection.execute("DROP DATABASE deployment WITH (FORCE)")


def get(url: str, path: str) -> tuple[int, bytes]:
    """Status and body."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def until_ready(url: str, seconds: float = 20) -> int:
    """The status of /readyz, given time for the worker's first heartbeat."""
    end = time.monotonic() + seconds
    while (status := get(url, "/readyz")[0]) != 200 and time.monotonic() < end:
        time.sleep(0.2)
    return status


def stop(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Exit code and seconds after SIGTERM."""
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    return process.wait(30), time.monotonic() - before


@pytest.mark.postgres
def test_web_and_worker_on_postgres(place: Place, empty_postgres: str) -> None:
    """One-shot migrate, then web and worker apart; secrets from files, healthy, ended by SIGTERM, nothing written."""
    (place.secrets / "tarewatch_database_url").write_text(empty_postgres + "\n")
    (place.secrets / "tarewatch_admin_token").write_text("an-admin-token-from-a-file")
    (place.secrets / "tarewatch_secret_key").write_text("a-secret-key-from-a-file")
    settings = {"TAREWATCH_SECRETS_DIR": str(place.secrets)}
    before = place.installed()

    too_early = place.run("serve", "--no-worker", "--port", "0", **settings)
    assert (too_early.returncode, "run `tarewatch migrate`" in too_early.stderr) == (2, True)
    migrated = place.run("migrate", **settings)
    assert migrated.returncode == 0, migrated.stderr
    with ExitStack() as stack:
        web = _start(stack, place, settings, "serve", "--no-worker", "--host", "127.0.0.1", "--port", "0")
        url = address(web)
        assert get(url, "/healthz")[0] == 200
        assert get(url, "/readyz")[0] == 503, "no worker yet"
        assert place.run("worker", "--check", **settings).returncode == 1
        worker = _start(stack, place, settings, "worker")
        assert until_ready(url) == 200
        assert place.run("worker", "--check", **settings).returncode == 0
        assert _looks_right(url)
        assert _image_finds_healthy(url)
        assert _owners(web, worker) <= {NOBODY, os.geteuid() or NOBODY}
        for process in (web, worker):
            code, seconds = stop(process)
            assert code == 0
            assert seconds < 10
    assert place.run("worker", "--check", **settings).returncode == 1
    assert place.installed() == before
    assert list(place.data.iterdir()) == []


def _start(stack: ExitStack, place: Place, settings: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    return stack.enter_context(started([*as_nobody(), str(place.tarewatch), *words], place.data, settings))


def _looks_right(url: str) -> bool:
    """Templates, static files and the API come out of the wheel."""
    page, style, api = (get(url, path) for path in ("/", "/static/app.css", "/api/v1/status"))
    return (page[0], style[0], api[0]) == (200, 200, 200) and b"<html" in page[1] and b"{" in style[1]


def _image_finds_healthy(url: str) -> bool:
    """The Dockerfile's own health check, run against this server, and against a port where nothing listens."""
    port = url.rpartition(":")[2]
    codes = [
        subprocess.run(
            [sys.executable, "-c", health_check()], env={"TAREWATCH_PORT": one}, check=False, capture_output=True
        ).returncode
        for one in (port, "1")
    ]
    return codes == [0, 1]


def _owners(*processes: subprocess.Popen[str]) -> set[int]:
    return {Path(f"/proc/{process.pid}").stat().st_uid for process in processes}


def test_one_process_on_sqlite(place: Place) -> None:
    """The wheel alone, with nothing set: the database and the made secrets lie under ./data, and stay there."""
    assert "tarewatch 0." in place.run("--version").stdout
    assert place.run("migrate").returncode == 0
    before = place.installed()
    tokens = []
    for _ in range(2):
        with started([*as_nobody(), str(place.tarewatch), "serve", "--port", "0"], place.data, {}) as process:
            url = address(process)
            assert until_ready(url) == 200
            assert _looks_right(url)
            assert stop(process)[0] == 0
        tokens.append((place.data / "data" / "admin-token").read_text())
    assert tokens[0] == tokens[1]
    assert place.installed() == before
    kept = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (place.data / "data").iterdir()}
    assert {"admin-token", "secret-key", "tarewatch.db"} <= set(kept)
    assert kept["admin-token"] == kept["secret-key"] == 0o600


def test_wheel_holds_what_it_needs(place: Place) -> None:
    """Templates, static files and migrations are inside of the package; tests and secrets are not."""
    with ZipFile(place.wheel) as archive:
        names = archive.namelist()
    for kind, file in (("templates", "base.html"), ("static", "app.css"), ("migrations", "env.py")):
        assert f"app/_resources/{kind}/{file}" in names
    assert "app/watchlist/catalogue.toml" in names
    roots = {name.partition("/")[0] for name in names}
    assert roots == {"app", *(root for root in roots if root.endswith(".dist-info"))}
