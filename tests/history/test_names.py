"""Names to choose from, on both databases."""

from datetime import datetime

from app.db import Database
from app.history.names import TagName, platform_names, tag_names
from app.registry.reference import Repository
from tests.history.seed import add_series, add_tag


async def test_only_what_is_offered_or_has_a_history(database: Database, now: datetime) -> None:
    """Platforms once each and tags, byte by byte; dropped platforms and tags without a history are left out."""
    async with database.writing() as session:
        for name in ("debian:b", "debian:B", "debian:a.10"):
            await add_series(session, await add_tag(session, name, now), "linux/arm64", [(now, 1)])
        left = await add_tag(session, "debian:left", now, watched=False)
        await add_series(session, left, "linux/386", [(now, 1)])
        await add_tag(session, "debian:never", now, watched=False)
        other = await add_tag(session, "alpine:3", now)
        await add_series(session, other, "linux/amd64", [(now, 1)])
        (await add_series(session, other, "linux/s390x", [(now, 1)])).dropped_at = now
    async with database.reading() as session:
        assert await platform_names(session) == ("linux/amd64", "linux/arm64")
        assert await platform_names(session, "all") == ("linux/386", "linux/amd64", "linux/arm64")
        assert await tag_names(session, Repository.parse("debian")) == (
            TagName("B", True),
            TagName("a.10", True),
            TagName("b", True),
            TagName("left", False),
        )
        assert await tag_names(session, Repository.parse("busybox")) == ()
