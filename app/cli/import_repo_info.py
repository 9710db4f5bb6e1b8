"""`tarewatch import repo-info`: years of official images' sizes from a clone of docker-library/repo-info."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from app.cli.importing import AsJson, DryRun, conclude, progress_bar
from app.cli.running import ready_database, run
from app.db import Database
from app.exchange.repo_info import HistoryReport, Pages, import_pages, open_pages
from app.polling.round import utc_now
from app.settings import load_settings


def repo_info(
    path: Annotated[Path, typer.Argument(help="A clone of docker-library/repo-info, or a folder of its pages.")],
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take in the sizes that docker-library/repo-info recorded since 2016."""
    with progress_bar() as bar:
        task = bar.add_task("listing the history", total=None)
        with open_pages(path) as pages:
            bar.update(task, description="pages", total=pages.count)
            advance = partial(bar.advance, task)
            report = run(_import(ready_database(load_settings()), pages, advance, dry_run))
    conclude(report, as_json=as_json)


async def _import(database: Database, pages: Pages, advance: Callable[[int], None], dry_run: bool) -> HistoryReport:
    try:
        return await import_pages(database, pages, utc_now(), advance, dry_run=dry_run)
    finally:
        await database.close()
