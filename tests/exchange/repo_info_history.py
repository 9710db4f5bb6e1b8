"""A made-up history of repo-info, as a git repository of any length: written by `git fast-import`, its truth kept."""

import os
import random
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.exchange.repo_info_pages import MadeLayer, MadePlatform, digest_of, missing_page, page
from tests.requirements import need_program

FIRST = datetime(2016, 7, 1, tzinfo=UTC)
PLATFORMS = {
    "linux; amd64": "linux/amd64",
    "linux; arm variant v7": "linux/arm/v7",
    "linux; arm64 variant v8": "linux/arm64",
    "linux; 386": "linux/386",
    "linux; s390x": "linux/s390x",
    "windows version 10.0.14393.1884; amd64": "windows/amd64/10.0.14393.1884",
}


@dataclass(frozen=True, slots=True)
class Record:
    """From `at` on, this tag and platform ran on this digest."""

    image: str
    tag: str
    platform: str
    digest: str
    compressed_bytes: int
    at: datetime


@dataclass(slots=True)
class Truth:
    """What a history really says."""

    commits: int = 0
    versions: int = 0
    silent: int = 0
    records: list[Record] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Size:
    """How long a history is, and over how many pages it is spread."""

    commits: int = 120
    images: int = 5
    tags: int = 6
    pages_per_commit: int = 4
    seed: int = 1


class Git:
    """A repository for a test, deaf to the developer's own configuration."""

    def __init__(self, folder: Path, *, bare: bool = False) -> None:
        need_program("git")
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self("init", "-q", "--initial-branch=main", *(["--bare"] if bare else []))

    def __call__(self, *words: str, feed: bytes | None = None, at: datetime = FIRST) -> str:
        """What a git command prints."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words], input=feed, stdout=subprocess.PIPE, check=True, env=_identity(at)
        )
        return done.stdout.decode("utf-8", "replace")

    def commit(self, files: Mapping[str, str | bytes | None], at: datetime) -> str:
        """Write files (None deletes one), commit them, and tell the commit's name."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", "Run update.sh", at=at)
        return self("rev-parse", "HEAD").strip()


def _identity(at: datetime) -> dict[str, str]:
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _PERSON.items()}
    when = {f"GIT_{role}_DATE": f"{int(at.timestamp())} +0000" for role in ("AUTHOR", "COMMITTER")}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "PATH": os.environ["PATH"]}
    return who | when | quiet


_PERSON = {"NAME": "Tester", "EMAIL": "tester@example.invalid"}


def make_history(folder: Path, size: Size) -> Truth:
    """Fill a bare repository at folder, and tell what is in it."""
    git, truth = Git(folder, bare=True), Truth()
    with subprocess.Popen(
        ["git", "-C", str(git.folder), "fast-import", "--quiet"], stdin=subprocess.PIPE, env=_identity(FIRST)
    ) as process:
        assert process.stdin is not None
        for command in _stream(size, truth):
            process.stdin.write(command)
    assert process.returncode == 0
    return truth


def _stream(size: Size, truth: Truth) -> Iterator[bytes]:
    chance, images = random.Random(size.seed), [f"image{number}" for number in range(size.images)]
    now: dict[tuple[str, str], dict[str, MadePlatform]] = {}
    for number in range(size.commits):
        at = FIRST + timedelta(minutes=65 * number)
        image = chance.choice(images)
        tags = [f"{chance.randrange(size.tags)}.0" for _ in range(size.pages_per_commit)]
        changed = dict(_changed(chance, truth, now, image, sorted(set(tags)), at))
        truth.commits += 1
        truth.versions += len(changed)
        yield _commit(at, changed)


def _changed(
    chance: random.Random,
    truth: Truth,
    now: dict[tuple[str, str], dict[str, MadePlatform]],
    image: str,
    tags: Iterable[str],
    at: datetime,
) -> Iterator[tuple[str, str]]:
    """New pages of some tags: mostly one new build that several tags name, sometimes a tag that is not there."""
    fresh = _platforms(chance, image, at)
    for tag in tags:
        title, path = f"{image}:{tag}", f"repos/{image}/remote/{tag}.md"
        if chance.random() < 0.02:
            truth.silent += 1
            yield path, f"{missing_page(title)}\n<!-- {at} -->\n"
            continue
        known = now.setdefault((image, tag), {})
        for name, one in fresh.items():
            if name not in known or known[name].digest != one.digest:
                record = Record(image, tag, PLATFORMS[name], one.digest, one.compressed_bytes, at)
                truth.records.append(record)
        known.update(fresh)
        yield path, page(title, list(fresh.values()), 2016 if len(fresh) == 1 else 2018)


def _platforms(chance: random.Random, image: str, at: datetime) -> dict[str, MadePlatform]:
    names = list(PLATFORMS) if chance.random() < 0.015 else ["linux; amd64"]
    return {name: _platform(chance, name, image, at) for name in names}


def _platform(chance: random.Random, name: str, image: str, at: datetime) -> MadePlatform:
    base = MadeLayer(digest_of(image, at.date(), name), 20_000_000 + at.toordinal(), "ADD file:6f in / ")
    layers = [base] + [
        MadeLayer(
            digest_of(image, at, name, number), chance.randrange(100, 9_000_000), f"RUN make {number} # {'x' * 150}"
        )
        for number in range(chance.randrange(1, 8))
    ]
    empty = ("ENV PATH=/usr/local/bin:/usr/bin:/bin", "EXPOSE 80/tcp", 'CMD ["sh"]')
    return MadePlatform(name, digest_of(image, at, name), tuple(layers), at - timedelta(hours=2), empty)


def _commit(at: datetime, changed: Mapping[str, str]) -> bytes:
    committer = f"committer Tester <tester@example.invalid> {int(at.timestamp())} +0000"
    head = f"commit refs/heads/main\n{committer}\ndata 6\nupdate\n"
    files = (f"M 100644 inline {path}\n{_data(text)}" for path, text in changed.items())
    return (head + "".join(files) + "\n").encode()


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
