"""`tarewatch.toml`: read strictly, written so that it can be read, applied so that it is true."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db import Database
from app.models import Watch
from app.watchlist import WatchSpec, add_watch, list_watches, set_paused
from app.watchlist.applying import Differences, apply_declared, differences
from app.watchlist.declared import DeclarationInvalid, Declared, as_toml, load_declared, parse_declared

FILE = """
[[watches]]
image = "docker.io/library/debian:12"

[[watches]]
image = "alpine:3.2*"
platforms = ["linux/arm64", "linux/amd64"]
interval = "1d"
paused = true
"""


def test_a_file() -> None:
    """Every key, in every spelling that a watch may have."""
    assert parse_declared(FILE, "f") == (
        Declared(WatchSpec.parse("debian:12")),
        Declared(WatchSpec.parse("alpine:3.2*", ["linux/amd64", "linux/arm64"], "24h"), paused=True),
    )
    assert parse_declared("", "f") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[watches]]\nimage = 'a'\nimage = 'b'\nx = 1", "f: Cannot overwrite a value (at line 3,"),
        ("[[watches]]\nimage = 'a", "f: "),
        ("\n\n[rules]\nx = 1", "f:3: 'rules' is not known here; there is [[watches]]"),
        ("[[watches]]\nimage = 'a'\n\n[[rules.sizes]]", "f:4: 'rules' is not known here"),
        ("watches = 3", "f:1: write [[watches]], once for each"),
        ("watches = ['a']", "f:1: write [[watches]], once for each"),
        ("[[watches]]\n[[watches]]", "f:1: watches[0].image: is missing"),
        ("[[watches]]\nimage = 'a'\n\n[[watches]]\nimage = 'B'", "f:4: watches[1].image: 'B'"),
        ("[[watches]]\nimage = 'a'\nintervall = '6h'", "f:1: watches[0].intervall: no such key; did you mean interval"),
        ("[[watches]]\nimage = 'a'\nx = 1", "watches[0].x: no such key; there are image, platforms, interval, paused"),
        ("[[watches]]\nimage = 'a'\ninterval = 6", "watches[0].interval: is to be a text"),
        ("[[watches]]\nimage = 'a'\ninterval = '1s'", "watches[0].interval: '1s' is out of range"),
        ("[[watches]]\nimage = 'a'\nplatforms = 'linux/amd64'", "watches[0].platforms: is to be a list of texts"),
        ("[[watches]]\nimage = 'a'\nplatforms = [1]", "watches[0].platforms: is to be a list of texts"),
        ("[[watches]]\nimage = 'a'\nplatforms = ['x']", "watches[0].platforms: 'x' is not a platform"),
        ("[[watches]]\nimage = 'a'\npaused = 'no'", "watches[0].paused: is to be true or false"),
        ("[[watches]]\nimage='a'\n[[watches]]\nimage='docker.io/a:latest'", "f:3: watches[1].image: a:latest is watch"),
        ("watches = [{image = 'a'}, {}]", "f: watches[1].image: is missing"),
        ("x = " + "[" * 5000, "f: "),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    """File, line where it is known, table and key."""
    with pytest.raises(DeclarationInvalid) as refused:
        parse_declared(text, "f")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff", "not UTF-8")])
def test_files_that_cannot_be_read(tmp_path: Path, content: bytes | None, why: str) -> None:
    """Missing, or no text."""
    if content is not None:
        (tmp_path / "f").write_bytes(content)
    with pytest.raises(DeclarationInvalid, match=why):
        load_declared(tmp_path / "f")


@given(st.text(alphabet=st.sampled_from("[]watches=\"'{}\n\\#.,1 "), max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No other error than the one that callers expect."""
    try:
        parse_declared(text, "f")
    except DeclarationInvalid:
        return


async def _found(database: Database, declared: tuple[Declared, ...]) -> Differences:
    async with database.reading() as session:
        return await differences(session, declared)


async def _applied(database: Database, text: str, now: datetime) -> Differences:
    """Apply a file's text; what it did."""
    declared = parse_declared(text, "f")
    found = await _found(database, declared)
    async with database.writing() as session:
        assert await apply_declared(session, declared, found, now)
    return found


async def _state(database: Database) -> dict[str, tuple[object, ...]]:
    async with database.reading() as session:
        return {
            str(one.spec): (one.origin, one.spec.platforms, one.spec.interval, one.paused)
            for one in await list_watches(session)
        }


async def test_applying_makes_it_true_once(database: Database, now: datetime) -> None:
    """What is missing is added; the second time nothing is to be done; what vanishes from the file is removed."""
    assert len((await _applied(database, FILE, now)).add) == 2
    day = timedelta(days=1)
    expected = {
        "alpine:3.2*": ("apply", ("linux/amd64", "linux/arm64"), day, True),
        "debian:12": ("apply", None, None, False),
    }
    assert await _state(database) == expected
    assert not await _found(database, parse_declared(FILE, "f"))
    removed = (await _applied(database, "[[watches]]\nimage = 'debian:12'", now)).remove
    assert [str(watch.spec) for watch in removed] == ["alpine:3.2*"]
    assert list(await _state(database)) == ["debian:12"]


async def test_changes_and_what_belongs_to_others(database: Database, now: datetime) -> None:
    """A watch that the file names is taken over and made as it says; others are left alone."""
    async with database.writing() as session:
        for image in ("debian:12", "mine:1"):
            await add_watch(session, WatchSpec.parse(image, ["linux/amd64"], "1h"), origin="cli", now=now)
    found = await _applied(database, FILE.replace("alpine:3.2*", "a:1"), now)
    assert [one.what for one in found.change] == [
        ("platforms linux/amd64 -> all", "interval 1h -> default", "managed by cli -> apply")
    ]
    assert [str(watch.spec) for watch in found.unmanaged] == ["mine:1"]
    state = await _state(database)
    assert state["debian:12"] == ("apply", None, None, False)
    assert state["mine:1"] == ("cli", ("linux/amd64",), timedelta(hours=1), False)
    assert [str(watch.spec) for watch in (await _applied(database, "", now)).unmanaged] == ["mine:1"]


async def test_what_was_not_agreed_to_is_not_done(sqlite_database: Database, now: datetime) -> None:
    """Somebody else changes the list between the question and the answer: nothing happens."""
    declared = parse_declared(FILE, "f")
    agreed = await _found(sqlite_database, declared)
    async with sqlite_database.writing() as session:
        watch = await add_watch(session, WatchSpec.parse("debian:12"), origin="cli", now=now)
        await set_paused(session, watch.id, True, now)
    async with sqlite_database.writing() as session:
        assert not await apply_declared(session, declared, agreed, now)
    assert list(await _state(sqlite_database)) == ["debian:12"]


async def test_a_failure_in_the_middle_changes_nothing(sqlite_database: Database, now: datetime) -> None:
    """All of it is one transaction."""
    declared = parse_declared(FILE, "f")
    found = await _found(sqlite_database, declared)

    class Interrupted(Exception):
        pass

    with pytest.raises(Interrupted):
        async with sqlite_database.writing() as session:
            await apply_declared(session, declared, found, now)
            raise Interrupted
    assert await _state(sqlite_database) == {}


async def test_a_listed_watch_list_can_be_applied(sqlite_database: Database, now: datetime) -> None:
    """`watch list --toml` and `apply` agree: everything is taken over, nothing else changes."""
    async with sqlite_database.writing() as session:
        await add_watch(session, WatchSpec.parse("a:[1-3]?", ["windows/amd64"], "75s"), origin="cli", now=now)
        paused: Watch = await add_watch(session, WatchSpec.parse("ghcr.io/a/b:*", None, "36h"), origin="api", now=now)
        await set_paused(session, paused.id, True, now)
        text = as_toml(await list_watches(session))
    assert 'interval = "36h"\npaused = true' in text
    found = await _applied(sqlite_database, text, now)
    assert [one.what for one in found.change] == [("managed by cli -> apply",), ("managed by api -> apply",)]
    assert not found.add
