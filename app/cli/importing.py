"""What all `tarewatch import` commands share: options, a progress bar, and how they end."""

import json
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.cli import printing
from app.exchange.report import Report

DryRun = Annotated[bool, typer.Option("--dry-run", help="Do all the work, write nothing, say what would be new.")]
KeepGoing = Annotated[bool, typer.Option("--keep-going", help="Write what is good; leave out what is refused.")]
AsJson = Annotated[bool, typer.Option("--json", help="The report as JSON, for programs.")]

_out = printing.console()
_err = printing.console(stderr=True)


def progress_bar() -> Progress:
    """A bar on standard error that leaves nothing behind; `add_task(words, total=...)`, then `update`."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    return printing.progress_bar(*columns, on=_err)


def conclude(report: Report, *, as_json: bool) -> None:
    """Print the report and leave: 0 all taken, 1 some left out (`--keep-going`), 2 refused and nothing written."""
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        for line in report.lines():
            _out.print(line, markup=False)
    if report.outcome == "nothing written":
        raise typer.Exit(2)
    if report.refusals:
        raise typer.Exit(1)
