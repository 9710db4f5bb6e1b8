"""`tarewatch import repo-info`: years of official images' sizes from a clone of docker-library/repo-info."""

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
    with open_pages(path) as pages:
        report = run(_import(ready_database(load_settings()), pages, dry_run))
    conclude(report, as_json=as_json)


async def _import(database: Database, pages: Pages, dry_run: bool) -> HistoryReport:
    try:
        with progress_bar() as bar:
            task = bar.add_task("pages", total=pages.count)
            return await import_pages(database, pages, utc_now(), lambda read: bar.advance(task, read), dry_run=dry_run)
    finally:
        await database.close()
