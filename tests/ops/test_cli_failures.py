"""What a person can get wrong ends in one clear line and exit code 2, and never in a traceback."""

import os
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cli.in_process import tarewatch_here
from tests.ops.commands import Ran, tarewatch

# root may write everywhere; without capabilities it is held to permissions like everybody else
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()


def one_line(ran: Ran) -> str:
    """The line that the command failed with."""
    assert ran.code == 2, ran
    assert ran.out == ""
    assert ran.err.startswith("tarewatch: ")
    assert ran.err.count("\n") == 1, ran.err
    return ran.err


def test_port_taken(tmp_path: Path) -> None:
    """The address and the way out are named; no database has been made by then."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = one_line(tarewatch(tmp_path, "serve", "--port", str(port)))
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said
    assert "--port" in said
    assert list(tmp_path.iterdir()) == []


def test_host_unknown(tmp_path: Path) -> None:
    """A host that is none of this machine's addresses."""
    assert "cannot listen on 192.0.2.1:8000" in one_line(tarewatch(tmp_path, "serve", "--host", "192.0.2.1"))


def test_database_locked(tmp_path: Path, sqlite_url: str) -> None:
    """Another process holds the database and does not let go: each command waits its seconds, here at once."""
    commands = [("migrate",), ("serve", "--port", "0"), ("watch", "list"), ("poll",)]
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        holder.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(len(commands)) as threads:
            ended = list(
                threads.map(lambda words: tarewatch(tmp_path, *words, TAREWATCH_DATABASE_URL=sqlite_url), commands)
            )
    finally:
        holder.close()
    for ran in ended:
        assert "the database is locked by another process" in one_line(ran)


@pytest.mark.parametrize("words", [("migrate",), ("serve", "--port", "0"), ("worker",), ("watch", "list")])
def test_database_newer(tmp_path: Path, sqlite_url: str, words: tuple[str, ...]) -> None:
    """A database that a later version migrated is left alone."""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    said = one_line(tarewatch_here(tmp_path, *words, TAREWATCH_DATABASE_URL=sqlite_url))
    assert "the database (schema 9999) is newer than this program" in said


@pytest.mark.postgres
def test_postgres_not_migrated(tmp_path: Path, fresh_postgres_url: str) -> None:
    """A PostgreSQL database is not migrated in passing: several processes share it."""
    empty = fresh_postgres_url.replace(fresh_postgres_url.rpartition("/")[2], "postgres")
    if "?" in fresh_postgres_url:
        empty = f"{empty}?{fresh_postgres_url.partition('?')[2]}"
    said = one_line(tarewatch_here(tmp_path, "serve", "--port", "0", TAREWATCH_DATABASE_URL=empty))
    assert "run `tarewatch migrate`" in said


def test_database_unreachable(tmp_path: Path) -> None:
    """The reason is said, the password is not."""
    url = "postgresql://someone:the-password@127.0.0.1:1/tarewatch"
    said = one_line(tarewatch_here(tmp_path, "migrate", TAREWATCH_DATABASE_URL=url))
    assert "refused" in said
    assert "the-password" not in said


@pytest.mark.parametrize("words", [("migrate",), ("serve", "--port", "0")])
def test_folder_unwritable(tmp_path: Path, words: tuple[str, ...]) -> None:
    """The file that could not be made is named."""
    tmp_path.chmod(0o555)
    said = one_line(tarewatch(tmp_path, *words, before=POWERLESS))
    assert "cannot write data/tarewatch.db: Permission denied" in said
    assert "TAREWATCH_DATABASE_URL" in said


def test_database_read_only(tmp_path: Path, sqlite_url: str) -> None:
    """A database of somebody else's."""
    Path(sqlite_url.removeprefix("sqlite:///")).chmod(0o444)
    assert "Permission denied" in one_line(
        tarewatch(tmp_path, "migrate", before=POWERLESS, TAREWATCH_DATABASE_URL=sqlite_url)
    )


def test_not_a_database(tmp_path: Path) -> None:
    """A file of something else is said to be one, and stays as it is."""
    garbage = bytes(range(256)) * 16
    (tmp_path / "letter.db").write_bytes(garbage)
    said = one_line(tarewatch_here(tmp_path, "migrate", TAREWATCH_DATABASE_URL="sqlite:///letter.db"))
    assert "is no SQLite database" in said
    assert (tmp_path / "letter.db").read_bytes() == garbage


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("TAREWATCH_PORT", "eighty", "valid integer"),
        ("TAREWATCH_POLL_INTERVAL", "often", "not a duration: write 30m, 6h or 1d"),
        ("TAREWATCH_POLL_INTERVAL", "1s", "greater than or equal to 1 minute"),
        ("TAREWATCH_KEEP_DETAILS", "1h", "greater than or equal to 1 day"),
        ("TAREWATCH_DEFAULT_WATCHES", "maybe", "'on' or 'off'"),
        ("TAREWATCH_HUB_API", "on", "'auto' or 'off'"),
        ("TAREWATCH_HUB_API_URL", "hub.example", "not a web address: write https://"),
        ("TAREWATCH_HUB_API_URL", "https://someone@hub.example", "not a web address"),
        ("TAREWATCH_ADMIN_TOKEN", "short", "at least 16"),
        ("TAREWATCH_DATABASE_URL", "mysql://localhost/x", "mysql://"),
        ("TAREWATCH_DATABASE_URL", "over there", "no URL"),
        ("TAREWATCH_DATABASE_URL", "sqlite://", "names no file"),
        ("TAREWATCH_SECRETS_DIR", "nowhere", "not a folder"),
    ],
)
def test_setting_malformed(tmp_path: Path, name: str, value: str, complaint: str) -> None:
    """The variable is named, with what is wrong with it."""
    said = one_line(tarewatch_here(tmp_path, "migrate", **{name: value}))
    assert complaint in said
    assert name in said or value in said


def test_secret_not_repeated(tmp_path: Path) -> None:
    """A secret that cannot be used is not printed."""
    assert "geheim" not in one_line(tarewatch_here(tmp_path, "serve", TAREWATCH_ADMIN_TOKEN="geheim"))


def test_env_file_unreadable(tmp_path: Path) -> None:
    """A `.env` that is no text."""
    (tmp_path / ".env").write_bytes(b"TAREWATCH_PORT=\xff\xfe")
    assert "not UTF-8" in one_line(tarewatch_here(tmp_path, "migrate"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("registries = 3", "may hold tables of the form"),
        ('[registries."docker.io"\n', "not valid TOML"),
        ('[registries."docker.io"]\nendpont = "https://mirror"', "endpont"),
        ('[registries."docker.io"]\ninsecure = "yes"', "true or false"),
        ('[registries."docker.io"]\nca_file = "none.pem"', "none.pem is not a file"),
        ('[registries."docker.io"]\nusername = "me"', "go together"),
    ],
)
def test_registries_malformed(tmp_path: Path, text: str, complaint: str) -> None:
    """The file is named, and the table and key where there is one."""
    (tmp_path / "registries.toml").write_text(text)
    said = one_line(tarewatch_here(tmp_path, "worker", TAREWATCH_REGISTRIES="registries.toml"))
    assert "registries.toml" in said
    assert complaint in said


@pytest.mark.parametrize("words", [("serve", "--port", "0"), ("poll",)])
def test_registries_missing(tmp_path: Path, words: tuple[str, ...]) -> None:
    """Whatever polls says so before it polls; no address is announced."""
    said = one_line(tarewatch_here(tmp_path, *words, TAREWATCH_REGISTRIES="nowhere.toml"))
    assert "nowhere.toml: cannot be read" in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["wach"], "No such command 'wach'"),
        (["watch", "ad"], "No such command 'ad'"),
        (["serve", "--prot", "80"], "--prot"),
        (["serve", "--port", "eighty"], "'--port'"),
        (["serve", "--port", "65536"], "65535"),
        (["watch", "add"], "'IMAGE...' (`tarewatch watch add --help` shows"),
        (["watch", "add", "Debian:bookworm"], "Debian"),
        (["watch", "add", "debian:sid", "--interval", "often"], "'often' is not an interval"),
        (["watch", "add", "debian:sid", "--platform", "a/b/c/d/e"], "platform"),
        (["watch", "remove", "17"], "there is no watch 17"),
        (["watch", "pause", "debian:sid"], "debian:sid is not watched"),
        (["poll", "debian:sid"], "`tarewatch watch add debian:sid`"),
        (["poll", "UPPER/case"], "UPPER"),
    ],
)
def test_command_line_wrong(tmp_path: Path, words: list[str], complaint: str) -> None:
    """The offending word is named."""
    assert complaint in one_line(tarewatch_here(tmp_path, *words))


def test_watched_twice(tmp_path: Path) -> None:
    """A watch that is there already; with it, none of the others is added."""
    assert tarewatch_here(tmp_path, "watch", "add", "debian:sid").code == 0
    again = one_line(tarewatch_here(tmp_path, "watch", "add", "alpine:3.22", "debian:sid"))
    assert "debian:sid is watched already" in again
    assert "alpine" not in tarewatch_here(tmp_path, "watch", "list").out


def test_second_run_keeps_data(tmp_path: Path) -> None:
    """What one run wrote, the next one finds; migrating again has nothing to do; the secrets stay."""
    assert tarewatch_here(tmp_path, "watch", "add", "debian:bookworm-slim", "--interval", "1d").code == 0
    before = tarewatch_here(tmp_path, "watch", "list", "--json").out
    assert "nothing to do" in tarewatch_here(tmp_path, "migrate").err
    assert "bookworm-slim" in before
    assert tarewatch_here(tmp_path, "watch", "list", "--json").out == before
