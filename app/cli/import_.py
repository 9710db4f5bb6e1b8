"""`tarewatch import ...`: history that others recorded, from files."""

from functools import partial
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from app.cli.import_repo_info import repo_info
from app.cli.importing import AsJson, DryRun, KeepGoing, conclude, progress_bar
from app.cli.running import ready_database, run
from app.exchange.csv_in import read_csv
from app.exchange.jsonl_in import read_jsonl
from app.exchange.load import Reader, Terms, load
from app.exchange.report import Report
from app.exchange.source import opened
from app.polling.round import utc_now
from app.settings import load_settings

app = typer.Typer(help="Take in history that others recorded, from files.", no_args_is_help=True)
app.command("repo-info")(repo_info)

File = Annotated[str, typer.Argument(metavar="FILE", help='A file, plain or gzip; "-" is standard input.')]


@app.callback()
def import_() -> None:
    """Take in history that others recorded, from files. Nothing that was observed is ever overwritten."""


@app.command("csv")
def csv_(file: File, dry_run: DryRun = False, keep_going: KeepGoing = False, as_json: AsJson = False) -> None:
    """Import builds from a CSV file; docs/exchange.md has its columns."""
    conclude(_load(file, read_csv, Terms(dry_run, keep_going)), as_json=as_json)


@app.command()
def jsonl(file: File, dry_run: DryRun = False, keep_going: KeepGoing = False, as_json: AsJson = False) -> None:
    """Import builds from a JSONL file, an object per line: the columns of CSV, and lists of layers."""
    conclude(_load(file, read_jsonl, Terms(dry_run, keep_going)), as_json=as_json)


def _load(file: str, read: Reader, terms: Terms) -> Report:
    with opened(file) as source:
        database = ready_database(load_settings())

        async def main() -> Report:
            try:
                with progress_bar() as bar:
                    task = bar.add_task(source.name, total=1.0)
                    return await load(database, source, read, terms, utc_now(), partial(_advance, bar, task))
            finally:
                await database.close()

        return run(main())


def _advance(bar: Progress, task: TaskID, done: float) -> None:
    bar.update(task, completed=done)
