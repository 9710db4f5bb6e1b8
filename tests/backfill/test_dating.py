"""When a build was made, where only the image itself says so."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.backfill.dating import Dating
from app.backfill.told import Asking
from app.registry.access import RegistryAccess
from app.registry.client import open_client
from app.watchlist.siblings import Catalogue
from tests.conftest import NOW

AMD = "linux/amd64"


@pytest.fixture
async def dating() -> AsyncIterator[Dating]:
    """One that knows nothing; nobody is asked."""
    async with open_client(dict[str, RegistryAccess](), user_agent="test") as client:
        yield Dating(Asking(client, None, Catalogue(), NOW))


@pytest.mark.parametrize(
    ("source", "made", "dated"),
    [
        ("9.6", NOW - timedelta(days=3), NOW - timedelta(days=3)),
        ("9.6", datetime(1970, 1, 1, tzinfo=UTC), None),
        ("9.6", datetime(1980, 1, 1, tzinfo=UTC), None),
        ("9.6", NOW + timedelta(days=2), None),
        ("9.6", None, None),
        ("9.6-20250909", None, datetime(2025, 9, 9, tzinfo=UTC)),
        ("9.6-20250909", datetime(1970, 1, 1, tzinfo=UTC), datetime(2025, 9, 9, tzinfo=UTC)),
        ("9.6-20290909", None, None),
        ("sha256:" + "a20250909fff".ljust(64, "0"), None, None),
    ],
)
async def test_dates(dating: Dating, source: str, made: datetime | None, dated: datetime | None) -> None:
    """The config's word, unless it stands for none; else the day in the sibling's name; never the future."""
    assert dating.date("latest", AMD, source, made) == dated


async def test_a_date_that_builds_share_is_a_constant(dating: Dating) -> None:
    """Two builds of a tag and platform with one date: the builder's constant. Of two tags, or platforms, it is none."""
    made = NOW - timedelta(days=30)
    dating.learn("latest", [(AMD, "sha256:1", made), ("linux/arm64", "sha256:2", made)])
    dating.learn("other", [(AMD, "sha256:3", made)])
    assert dating.date("latest", AMD, "1.0", made) == made
    dating.learn("latest", [(AMD, "sha256:4", made)])
    assert dating.date("latest", AMD, "1.0", made) is None
    assert dating.date("latest", "linux/arm64", "1.0", made) == made
    assert dating.date("other", AMD, "1.0", made) == made
