"""Histories of repo-info, from git to the database."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.db import Database
from app.exchange.repo_info import HistoryReport, import_pages, open_pages
from app.models import Build, Layer, Manifest, Repository, Series, Tag
from tests.conftest import NOW
from tests.exchange.repo_info_history import FIRST, Git, Record, Size, Truth, make_history
from tests.exchange.repo_info_pages import missing_page, page, platform
from tests.exchange.repo_info_reading import DAY, PATH, alpine, facts, refusals, sizes


async def taken_in(database: Database, path: Path, *, dry_run: bool = False) -> HistoryReport:
    """Import a clone or folder."""
    with open_pages(path) as pages:
        return await import_pages(database, pages, NOW, lambda _: None, dry_run=dry_run)


async def builds(database: Database) -> Counter[Record]:
    """What the database knows."""
    query = (
        select(
            Repository.path, Tag.name, Series.platform, Manifest.digest, Manifest.compressed_bytes, Build.first_seen_at
        )
        .join(Tag, Tag.repository_id == Repository.id)
        .join(Series, Series.tag_id == Tag.id)
        .join(Build, Build.series_id == Series.id)
        .join(Manifest, Manifest.id == Build.manifest_id)
    )
    async with database.reading() as session:
        rows = (await session.execute(query)).all()
    return Counter(
        Record(path.removeprefix("library/"), tag, on, digest, count or 0, at)
        for path, tag, on, digest, count, at in rows
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A history of some hundred versions of pages."""
    folder = tmp_path_factory.mktemp("history") / "repo-info.git"
    return folder, make_history(folder, Size(commits=150))


def read_slowly(folder: Path) -> Iterator[tuple[str, str, int]]:
    """(path, digest, bytes) of every page of every commit, by other means than the program's."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout

    seen = set()
    for commit in git("rev-list", "HEAD").split():
        for entry in git("ls-tree", "-r", commit, "repos/").splitlines():
            about, path = entry.split("\t")
            if (blob := about.split()[2]) not in seen:
                seen.add(blob)
                text = git("cat-file", "-p", blob)
                only = re.findall("pull .*@(sha256:.*)", text)[:1]
                for part in re.split("^### ", text, flags=re.MULTILINE)[1:]:
                    layers = re.findall(r"^\t\tSize: (?:.*\((\d+) bytes\)|(\d+)\.0 B)", part, re.MULTILINE)
                    digest = re.findall("pull .*@(sha256:.*)", part) or only
                    yield path, digest[0], sum(int(exact or few) for exact, few in layers)


async def test_a_history_is_taken_in_whole(database: Database, made: tuple[Path, Truth]) -> None:
    """Every change of every page is a build, at its commit's time, to the byte; a second import finds nothing new."""
    folder, truth = made
    report = await taken_in(database, folder)
    assert await builds(database) == Counter(truth.records)
    assert (report.pages, report.silent) == (truth.versions, truth.silent)
    assert (report.read, report.new, report.refusals) == (len(truth.records), len(truth.records), 0)
    again = await taken_in(database, folder)
    assert (again.new, again.known, again.overlapping) == (0, len(truth.records), 0)
    assert await builds(database) == Counter(truth.records)


def test_an_independent_reader_finds_the_same(tmp_path: Path) -> None:
    """Path, digest and bytes of every platform of every page that any commit has."""
    folder = tmp_path / "repo-info.git"
    make_history(folder, Size(commits=40, seed=2))
    slowly = {*read_slowly(folder)}
    assert slowly == {
        (f"repos/{one.repository.familiar}/remote/{one.tag}.md", one.manifest.digest, one.manifest.compressed_bytes)
        for one in facts(folder)
    }
    assert len(slowly) > 100


async def test_what_is_told_of_a_build(sqlite_database: Database, tmp_path: Path) -> None:
    """Layers, config, dates and the commit it is known from are kept; the tag is not watched."""
    git = Git(tmp_path / "clone")
    commit = git.commit({PATH: alpine(100, 1030)}, FIRST)
    await taken_in(sqlite_database, git.folder)
    async with sqlite_database.reading() as session:
        build = (await session.scalars(select(Build))).one()
        manifest = (await session.scalars(select(Manifest))).one()
        watched = (await session.scalars(select(Tag.watched))).one()
        layers = await session.scalar(select(func.count()).select_from(Layer))
    assert (build.origin, build.source, build.first_seen_at) == ("import", f"repo-info {commit[:12]}", FIRST)
    assert (manifest.compressed_bytes, manifest.layer_count, layers) == (1130, 2, 2)
    assert manifest.created_at == datetime(2017, 2, 27, 20, 34, 36, tzinfo=UTC)
    assert not watched


async def test_a_dry_run_writes_nothing(database: Database, made: tuple[Path, Truth]) -> None:
    """It says what would be new."""
    folder, truth = made
    report = await taken_in(database, folder, dry_run=True)
    assert (report.new, report.outcome) == (len(truth.records), "dry run")
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Repository)) == 0


def test_only_changes_are_facts(tmp_path: Path) -> None:
    """A page that says the same in other words is no news; a return to an older digest is."""
    git = Git(tmp_path)
    texts = [
        alpine(1),
        alpine(1).replace("17.06.2", "17.06.3"),
        alpine(2),
        missing_page("alpine:latest"),
        alpine(2),
        alpine(1),
    ]
    for number, text in enumerate(texts):
        git.commit({PATH: text}, FIRST + number * DAY)
    assert sizes(tmp_path) == [(FIRST, 1), (FIRST + 2 * DAY, 2), (FIRST + 5 * DAY, 1)]


def test_a_deleted_page_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Deleting says nothing; neither does the same page when it is back."""
    git = Git(tmp_path)
    for number, text in enumerate([alpine(1), None, alpine(1), alpine(2)]):
        git.commit({PATH: text}, FIRST + number * DAY)
    assert sizes(tmp_path) == [(FIRST, 1), (FIRST + 3 * DAY, 2)]


def test_a_renamed_page_speaks_of_its_new_tag(tmp_path: Path) -> None:
    """If its title does; else it is refused."""
    git = Git(tmp_path)
    other = "repos/alpine/remote/edge.md"
    git.commit({PATH: alpine(1)}, FIRST)
    git.commit({PATH: None, other: alpine(1)}, FIRST + DAY)
    git.commit({other: alpine(1).replace("alpine:latest", "alpine:edge")}, FIRST + 2 * DAY)
    assert [(fact.tag, fact.at) for fact in facts(tmp_path)] == [("latest", FIRST), ("edge", FIRST + 2 * DAY)]
    ((place, reason),) = refusals(tmp_path)
    assert place.startswith(f"{other}@")
    assert reason == "the page's title is another tag than its path: alpine:latest"


def test_merges_add_only_what_is_theirs(tmp_path: Path) -> None:
    """Both branches count, in order of time; the merge where it differs from both."""
    git = Git(tmp_path)
    git.commit({PATH: alpine(1)}, FIRST)
    git("checkout", "-q", "-b", "side")
    git.commit({PATH: alpine(2)}, FIRST + DAY)
    git("checkout", "-q", "main")
    git.commit({PATH: alpine(3)}, FIRST + 2 * DAY)
    git("merge", "-q", "-s", "ours", "side", "-m", "keep 3", at=FIRST + 3 * DAY)
    git("checkout", "-q", "side")
    git.commit({PATH: alpine(4)}, FIRST + 4 * DAY)
    git("checkout", "-q", "main")
    git("merge", "-q", "-s", "ours", "--no-commit", "side")
    git.commit({PATH: alpine(5)}, FIRST + 5 * DAY)
    days = [(FIRST + number * DAY, size) for number, size in [(0, 1), (1, 2), (2, 3), (4, 4), (5, 5)]]
    assert sizes(tmp_path) == days


def test_time_goes_on_within_a_page(tmp_path: Path) -> None:
    """Commits of one second, as a rebase makes them, and of a clock that went back keep their order."""
    git = Git(tmp_path)
    for number, at in enumerate([FIRST, FIRST, FIRST - DAY, FIRST + DAY], 1):
        git.commit({PATH: alpine(number)}, at)
    step = timedelta(microseconds=1)
    assert sizes(tmp_path) == [(FIRST, 1), (FIRST + step, 2), (FIRST + 2 * step, 3), (FIRST + DAY, 4)]


def test_impossible_times_are_refused(tmp_path: Path) -> None:
    """Before there were images, and after now."""
    git = Git(tmp_path)
    git.commit({PATH: alpine(1)}, datetime(2001, 1, 1, tzinfo=UTC))
    git.commit({PATH: alpine(2)}, NOW + 2 * DAY)
    git.commit({PATH: alpine(3)}, NOW)
    assert [reason.partition(":")[0] for _, reason in refusals(tmp_path)] == [
        "the commit's time is before 2013",
        "the commit's time is in the future",
    ]
    assert sizes(tmp_path) == [(NOW, 3)]


def test_one_bad_platform_does_not_spoil_the_page(tmp_path: Path) -> None:
    """The others are taken; the bad one is, once a version has it right."""
    git = Git(tmp_path)
    both = page("alpine:latest", [platform("linux; amd64", 7), platform("linux; s390x", 1030)])
    git.commit({PATH: both.replace("**1.0 KB (1030", "**1.0 KB (1031")}, FIRST)
    git.commit({PATH: both}, FIRST + DAY)
    assert [(fact.platform, fact.at) for fact in facts(tmp_path)] == [
        ("linux/amd64", FIRST),
        ("linux/s390x", FIRST + DAY),
    ]
    ((place, reason),) = refusals(tmp_path)
    assert place.endswith(" linux/s390x")
    assert reason == "its bytes are not the sum of its layers: 1031 stated, 1030 counted"


async def test_a_folder_of_pages_is_dated_by_its_layers(sqlite_database: Database, tmp_path: Path) -> None:
    """Several versions of a page may lie beside each other; without any date a page is refused."""
    (tmp_path / "a.md").write_text(alpine(1, at=datetime(2016, 6, 23, tzinfo=UTC)))
    (tmp_path / "b.md").write_text(alpine(2, at=datetime(2018, 1, 9, tzinfo=UTC)))
    (tmp_path / "c.md").write_text(re.sub("(?m)^(# |\t\tLast Modified).*\n", "", alpine(3)))
    (tmp_path / "d.md").write_text(re.sub("(?m)^\t\tLast Modified.*\n", "", alpine(4)))
    (tmp_path / "e.md").write_text(missing_page("alpine:3.15.0"))
    report = await taken_in(sqlite_database, tmp_path)
    assert (report.pages, report.silent, report.new) == (5, 1, 3)
    assert report.examples == [("c.md linux/amd64", "no date: neither its layers nor its steps have one")]
    assert {(one.at, one.compressed_bytes) for one in await builds(sqlite_database)} == {
        (datetime(2016, 6, 23, 0, 2, tzinfo=UTC), 1),
        (datetime(2018, 1, 9, 0, 2, tzinfo=UTC), 2),
        (datetime(2017, 2, 27, 20, 34, 36, tzinfo=UTC), 4),
    }


async def test_other_bytes_of_a_known_digest_are_refused(sqlite_database: Database, tmp_path: Path) -> None:
    """What is recorded stands."""
    one = platform("linux; amd64", 100)
    other = replace(platform("linux; amd64", 200), digest=one.digest)
    git = Git(tmp_path)
    git.commit({PATH: page("alpine:latest", [one])}, FIRST)
    await taken_in(sqlite_database, tmp_path)
    git.commit({"repos/alpine/remote/edge.md": page("alpine:edge", [other])}, FIRST + DAY)
    report = await taken_in(sqlite_database, tmp_path)
    assert (report.new, report.known, dict(report.refused)) == (0, 1, {"contradicts what is recorded": 1})


def test_refusals_make_no_huge_chunk(tmp_path: Path) -> None:
    """A fork whose pages list nothing but nonsense does not fill the memory with what is wrong with them."""
    nonsense = [f"p{number}" for number in range(200)]
    for number in range(60):
        listed = "".join(f"\t-\t{one}\n" for one in nonsense)
        sections = "".join(f"\n### `a:{number}` - {one}\n" for one in nonsense)
        (tmp_path / f"{number}.md").write_text(f"## `a:{number}`\n\n-\tPlatforms:\n{listed}{sections}")
    with open_pages(tmp_path) as pages:
        counts = [len(chunk.refused) for chunk in pages.chunks(NOW)]
    assert sum(counts) == 12_000
    assert max(counts) <= 5_200


def test_links_in_a_folder_are_no_pages(tmp_path: Path) -> None:
    """Nothing is read, or told of, that lies elsewhere."""
    (tmp_path / "secret").write_text("password: 12345\n")
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "link.md").symlink_to(tmp_path / "secret")
    (folder / "latest.md").write_text(alpine(1, at=FIRST))
    assert len(facts(folder)) == 1
    assert refusals(folder) == [("link.md", "not a plain file")]
