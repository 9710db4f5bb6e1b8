"""`tarewatch serve`, `worker`: the long-running processes and what goes before them."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import typer
import uvicorn
from fastapi import FastAPI

from app.cli import printing
from app.cli.asking import backfilling_with, host_name, polling_with
from app.cli.running import ready_database, run
from app.db import Database, DatabaseUnusable
from app.history.health import workers
from app.main import create_app
from app.polling.round import utc_now
from app.registry.access import RegistryAccess
from app.secret_files import token_file, with_secrets
from app.settings import Settings, load_settings
from app.watchlist import add_default_watches
from app.web.protocol import LimitedProtocol
from app.worker import working

console = printing.console(stderr=True)


class Server(uvicorn.Server):
    """uvicorn, with the signals left to us: it raises them again when it is done, before we could tidy up."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers alone."""
        yield


def serve(
    with_worker: bool = typer.Option(True, "--worker/--no-worker", help="Poll in this process too."),
    migrate: bool | None = typer.Option(
        None, "--migrate/--no-migrate", help="Migrate the database first. Default: an SQLite file yes, PostgreSQL no."
    ),
    host: str | None = typer.Option(None, help="Listen on this address. Default: TAREWATCH_HOST."),
    port: int | None = typer.Option(None, min=0, max=65535, help="Listen on this port. Default: TAREWATCH_PORT."),
) -> None:
    """Serve the pages and the API, and poll."""
    overrides = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(**overrides)
    configure_logging(settings)
    with listening(settings) as listener:
        database = ready_database(settings, migrate=migrate)
        run(serve_on(listener, with_secrets(settings), database, with_worker=with_worker))


def worker(
    check: bool = typer.Option(
        False, "--check", help="Only say whether a worker on this machine is alive: exit code 0 or 1."
    ),
) -> None:
    """Poll only; another process serves the pages."""
    settings = load_settings()
    configure_logging(settings)
    database = ready_database(settings)
    if check:
        raise typer.Exit(0 if run(_beating(database)) else 1)
    run(_work(settings, database))


async def serve_on(
    listener: socket.socket,
    settings: Settings,
    database: Database,
    *,
    with_worker: bool,
    registries: Mapping[str, RegistryAccess] | None = None,
) -> None:
    """Serve on a bound socket until a signal comes; then finish requests, give back leases, close the database."""
    app = create_app(settings, database)
    server = Server(_uvicorn_config(app, settings))
    try:
        await _ensure_watches(settings, database)
        async with _maybe_working(settings, database, with_worker, registries):
            with signals(lambda: setattr(server, "should_exit", True)):
                announce(listener, settings)
                await server.serve(sockets=[listener])
    finally:
        await database.close()


@asynccontextmanager
async def _maybe_working(
    settings: Settings, database: Database, wanted: bool, registries: Mapping[str, RegistryAccess] | None
) -> AsyncIterator[None]:
    if not wanted:
        yield
        return
    async with (
        polling_with(settings, database, registries) as polling,
        working(polling, backfilling_with(settings, polling), keep_details=settings.keep_details),
    ):
        yield


async def _work(settings: Settings, database: Database) -> None:
    stop = asyncio.Event()
    try:
        await _ensure_watches(settings, database)
        async with (
            polling_with(settings, database) as polling,
            working(polling, backfilling_with(settings, polling), keep_details=settings.keep_details),
        ):
            with signals(stop.set):
                console.print("Tarewatch's worker is polling (Ctrl+C stops it)")
                await stop.wait()
    finally:
        await database.close()


async def _beating(database: Database) -> bool:
    """Whether a worker of this host has been heard of lately; said in one line."""
    try:
        async with database.reading() as session:
            known = [one for one in await workers(session, utc_now()) if one.id.startswith(f"{host_name()}-")]
    finally:
        await database.close()
    if not known:
        console.print("no worker on this machine")
        return False
    console.print(f"the worker was last heard of at {known[0].beat_at:%Y-%m-%d %H:%M:%S} UTC")
    return known[0].alive


async def _ensure_watches(settings: Settings, database: Database) -> None:
    if settings.default_watches == "on" and not settings.demo:
        async with database.writing() as session:
            await add_default_watches(session, utc_now())


@contextmanager
def signals(stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` on SIGINT or SIGTERM instead of dying at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _uvicorn_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=5,
        http=LimitedProtocol,
        ws="none",
    )


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """A socket bound to the settings' address, before anything else is touched."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        why = (error.strerror or str(error)).partition(" (while attempting")[0]  # Python repeats the address
        raise DatabaseUnusable(f"cannot listen on {where}: {why}; choose another with --port or --host") from None
    with listener:
        yield listener


def announce(listener: socket.socket, settings: Settings) -> None:
    """Say where the pages are."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    console.print(f"Tarewatch is at http://{shown}:{port} (Ctrl+C stops it)")
    if not settings.demo and (path := token_file(settings)):
        console.print(f"The admin token is in {path}", style="dim")


def configure_logging(settings: Settings) -> None:
    """Log to stderr; libraries that log URLs stay quiet, since URLs can hold secrets."""
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    for name in ("alembic", "httpx", "httpcore", "apscheduler", "uvicorn", "aiosqlite", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
