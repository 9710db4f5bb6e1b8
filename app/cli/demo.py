"""`tarewatch demo`: the whole program on made-up data, without a network."""

import tempfile
from pathlib import Path

import typer
from pydantic import SecretStr
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

from app.cli import printing
from app.cli.asking import polling_with
from app.cli.running import ready_database, run
from app.cli.serve import configure_logging, listening, serve_on
from app.db import Database
from app.demo import Demo, live_through, serving_demo
from app.secret_files import with_secrets
from app.settings import Settings, load_settings

console = printing.console(stderr=True)


def demo(
    port: int | None = typer.Option(None, min=0, max=65535, help="Listen on this port. Default: TAREWATCH_PORT."),
    seed: int = typer.Option(1, help="Another seed, other made-up sizes."),
) -> None:
    """Show the program on two made-up years of images; needs no network, leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="tarewatch-demo-") as folder:
        settings = _settings(Path(folder), port)
        configure_logging(settings)
        with listening(settings) as listener, serving_demo(seed) as made_up:
            settings = settings.model_copy(update={"hub_api_url": made_up.hub_api_url})
            database = ready_database(settings)
            run(_demo(settings, database, made_up))
            database = ready_database(settings)
            _say_token(settings)
            run(serve_on(listener, settings, database, with_worker=True, registries=made_up.registries))


def _say_token(settings: Settings) -> None:
    """The demo's data is made up and gone at its end: its token may be shown."""
    if settings.admin_token is not None:
        console.print(f"Its admin token is {settings.admin_token.get_secret_value()}", style="dim")


def _settings(folder: Path, port: int | None) -> Settings:
    overrides: dict[str, object] = {} if port is None else {"port": port}
    return with_secrets(
        load_settings(
            database_url=SecretStr(f"sqlite:///{folder}/demo.db"),
            demo=True,
            docker_config=folder / "no-credentials.json",
            registries=None,
            **overrides,
        )
    )


async def _demo(settings: Settings, database: Database, made_up: Demo) -> None:
    """Two years go by."""
    columns = (
        TextColumn("polling two made-up years"),
        BarColumn(),
        TextColumn("{task.percentage:.0f}%"),
        TimeElapsedColumn(),
    )
    try:
        async with polling_with(settings, database, made_up.registries) as polling:
            with printing.progress_bar(*columns, on=console) as bar:
                task = bar.add_task("polling")
                await live_through(made_up, polling, lambda done, total: bar.update(task, completed=done, total=total))
    finally:
        await database.close()
