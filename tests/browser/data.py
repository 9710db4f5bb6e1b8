"""What the browser looks at: the seeded history, pasts told by others, many platforms, and names that mean harm."""

from datetime import datetime, timedelta

from app.db import open_database
from tests.history.seed import add_series, add_tag, seed_history
from tests.history.seed_past import seed_past

HOSTILE_PLATFORM = "linux/</script><img src=x onerror=alert(1)>\"'`{{7*7}}\u2028"
LONG_TAG = "v" + "-very-long" * 12
PLATFORMS = (
    "linux/386",
    "linux/amd64",
    "linux/arm/v5",
    "linux/arm/v7",
    "linux/arm64",
    "linux/mips64le",
    "linux/ppc64le",
    "linux/riscv64",
    "linux/s390x",
    "windows/amd64/10.0.20348.4171",
)


async def fill(url: str, now: datetime) -> None:
    """Write it all into a migrated database."""
    database = open_database(url)
    async with database.writing() as session:
        await seed_history(session, now)
        await seed_past(session, now)
        many = await add_tag(session, "golang:1.25", now - timedelta(days=480))
        for index, platform in enumerate(PLATFORMS):
            changes = [
                (now - timedelta(days=480 - 20 * step + index), 280_000_000 + index * 9_000_000 + step % 5 * 3_100_000)
                for step in range(23)
            ]
            await add_series(session, many, platform, changes)
        hostile = await add_tag(session, f"quay.io/hostile/name:{LONG_TAG}", now - timedelta(days=90))
        await add_series(session, hostile, HOSTILE_PLATFORM, [(now - timedelta(days=90), 5_000_000)])
        await add_series(session, hostile, "linux/amd64", [(now - timedelta(days=80), 6_000_000)])
    await database.close()
