"""What the program reads in a clone or a folder of pages, without a database."""

from datetime import datetime, timedelta
from pathlib import Path

from app.exchange.repo_info import open_pages
from app.history.past import PastBuild
from tests.conftest import NOW
from tests.exchange.repo_info_pages import page, platform

PATH = "repos/alpine/remote/latest.md"
DAY = timedelta(days=1)


def alpine(*sizes: int, at: datetime | None = None) -> str:
    """A page of alpine:latest whose only image has these layers."""
    return page("alpine:latest", [platform("linux; amd64", *sizes, at=at)])


def facts(path: Path) -> list[PastBuild]:
    """Everything that a clone or folder tells."""
    with open_pages(path) as pages:
        return [fact for chunk in pages.chunks(NOW) for fact in chunk.facts]


def refusals(path: Path) -> list[tuple[str, str]]:
    """What is refused, by place."""
    with open_pages(path) as pages:
        return [(place, str(why)) for chunk in pages.chunks(NOW) for place, why in chunk.refused]


def sizes(path: Path) -> list[tuple[datetime, int | None]]:
    """When which bytes began, in the order of the facts."""
    return [(fact.at, fact.manifest.compressed_bytes) for fact in facts(path)]
