"""`tarewatch ...`: the command line. Exit codes: 0 done, 1 a finding, 2 wrong usage or failure."""

import sys

import typer
from sqlalchemy.exc import InterfaceError, OperationalError

from app import __version__
from app.cli.on_demand import OnDemand
from app.db import DatabaseUnusable, why_unusable
from app.exchange.parquet_out import ParquetMissing
from app.exchange.refusals import FileRefused
from app.registry.access import RegistriesFileInvalid
from app.settings import SettingsInvalid
from app.watchlist import UnknownWatch, WatchExists, WatchInvalid
from app.watchlist.catalogue import CatalogueInvalid
from app.watchlist.declared import DeclarationInvalid
from app.watchlist.importing import ImportPathInvalid

EXPECTED = (
    CatalogueInvalid,
    DatabaseUnusable,
    FileRefused,
    ParquetMissing,
    DeclarationInvalid,
    ImportPathInvalid,
    RegistriesFileInvalid,
    SettingsInvalid,
    UnknownWatch,
    WatchExists,
    WatchInvalid,
)

app = typer.Typer(
    cls=OnDemand,
    help="Watches what container base images weigh.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tarewatch {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Say the version."),
) -> None:
    """Watches what container base images weigh."""


def main() -> None:
    """Run the command line; what can be expected to go wrong is one line and exit code 2."""
    try:
        sys.exit(app(standalone_mode=False))
    except EXPECTED as error:
        _fail(str(error))
    except (OperationalError, InterfaceError) as error:  # the database went away or stayed locked
        _fail(why_unusable(error))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except typer.TyperException as error:
        _fail(_usage(error))


def _usage(error: typer.TyperException) -> str:
    """What is wrong with the command line; nothing when its help has been shown in place of an error."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "tarewatch"
    return f"{message} (`{command} --help` shows what there is)" if message else ""


def _fail(message: str) -> None:
    if message:
        print(f"tarewatch: {message}", file=sys.stderr)  # noqa: T201 - a command's output
    sys.exit(2)
