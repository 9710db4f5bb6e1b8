"""Repositories as the Hub has them: real tag names, made from the dates and versions by which publishers go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.imitation.documents import Document, image, index
from app.imitation.world import World

PLATFORMS = ("linux/amd64", "linux/arm64")
FIRST = datetime(2023, 8, 14, tzinfo=UTC)
LAST = datetime(2026, 8, 24, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Push:
    """One sibling: when it was pushed, and its bytes on linux/amd64 (a thousand more on the next platform)."""

    name: str
    at: datetime
    compressed_bytes: int


def document(seed: str, compressed_bytes: int, platforms: Sequence[str] = PLATFORMS, **options: object) -> Document:
    """An attested index of images of one layer each; the seed tells apart what is equally large."""
    created = options.get("created", datetime(1970, 1, 1, tzinfo=UTC))
    assert isinstance(created, datetime)
    step = str(options.get("step", f"ADD rootfs {seed}"))
    images = [image(p, [(compressed_bytes + 1000 * n, step)], created=created) for n, p in enumerate(platforms)]
    return index(images, attestations=True)


def days(gap: int = 21, first: datetime = FIRST, last: datetime = LAST) -> Iterator[datetime]:
    """Every so many days."""
    while first <= last:
        yield first
        first += timedelta(days=gap)


def push_debian(
    world: World, suites: Sequence[str] = ("bookworm", "trixie", "bullseye"), gap: int = 21
) -> dict[str, list[Push]]:
    """Dated tags of each suite and its slim variant, the moving tags along with them; what was pushed by moving tag."""
    pushed: dict[str, list[Push]] = {}
    for day in days(gap):
        for number, suite in enumerate(suites):
            for slim in ("", "-slim"):
                amount = (28 if slim else 48) * 1_000_000 + number * 100_000 + day.toordinal()
                push = Push(f"{suite}-{day:%Y%m%d}{slim}", day + timedelta(hours=20, minutes=number), amount)
                made = document(push.name, amount, step=f"# debian.sh --arch 'amd64' out/ '{suite}' '@{day:%s}'")
                for tag in (push.name, f"{suite}{slim}"):
                    world.push("library/debian", tag, made, at=push.at)
                pushed.setdefault(f"{suite}{slim}", []).append(push)
    return pushed


def push_ubuntu(world: World) -> dict[str, list[Push]]:
    """Dated tags of two LTS releases; latest is the one, then from 2026-05-04 the other."""
    pushed: dict[str, list[Push]] = {}
    for day in days(27, datetime(2024, 2, 12, tzinfo=UTC)):
        for suite, first in (("noble", "2024-02-12"), ("resolute", "2025-11-20")):
            if f"{day:%Y-%m-%d}" >= first:
                push = Push(f"{suite}-{day:%Y%m%d}", day + timedelta(hours=9), 29_000_000 + day.toordinal())
                world.push("library/ubuntu", push.name, document(push.name, push.compressed_bytes), at=push.at)
                pushed.setdefault(suite, []).append(push)
    return pushed


def push_alpine(world: World) -> list[Push]:
    """Patch releases of three lines; 3.21 still gets one when 3.22 is out."""
    releases = [
        ("3.20.0", "2024-05-22"), ("3.20.1", "2024-06-20"), ("3.20.3", "2024-09-06"), ("3.21.0", "2024-12-05"),
        ("3.21.2", "2025-01-08"), ("3.21.3", "2025-02-14"), ("3.22.0", "2025-05-30"), ("3.21.4", "2025-07-16"),
        ("3.22.1", "2025-07-16"), ("3.22.2", "2025-10-08"),
    ]  # fmt: skip
    pushed = []
    for number, (version, day) in enumerate(releases):
        push = Push(
            version, datetime.fromisoformat(day).replace(tzinfo=UTC, hour=18, minute=number), 3_600_000 + number
        )
        made = document(version, push.compressed_bytes)
        for tag in (version, version.rpartition(".")[0]):
            world.push("library/alpine", tag, made, at=push.at)
        pushed.append(push)
    return pushed


def push_python(world: World, newest: int = 12) -> list[Push]:
    """3.12.N-slim and its alias that names the Debian release: bookworm, from 3.12.11 on trixie."""
    pushed = []
    for patch in range(newest + 1):
        line = "bookworm" if patch < 11 else "trixie"
        at = datetime(2023, 10, 2, 22, tzinfo=UTC) + timedelta(days=62 * patch)
        push = Push(f"3.12.{patch}-slim", at, 43_000_000 + patch)
        made = document(push.name, push.compressed_bytes)
        for tag in (push.name, f"{push.name}-{line}", "3.12-slim"):
            world.push("library/python", tag, made, at=at)
        world.push("library/python", f"3.12.{patch}-alpine", document(f"alpine {patch}", 17_000_000), at=at)
        pushed.append(push)
    return pushed
