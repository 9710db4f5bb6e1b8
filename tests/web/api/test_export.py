"""The history as one file over HTTP: streamed, chosen, and honest about errors."""

import asyncio
import csv
import io

import httpx
import orjson
import pytest
from fastapi import FastAPI

from app.db import Database
from app.exchange.selection import Selection, select_pages
from app.web.answers import Message

PATHS = ("/api/v1/export.csv", "/api/v1/export.jsonl")


async def count(database: Database, wanted: Selection) -> int:
    return sum([len(page) async for page in select_pages(database, wanted)])


def rows(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_all_of_it(client: httpx.AsyncClient, seeded: Database) -> None:
    """Without parameters every build comes, as a file to be saved, in order, in both forms alike."""
    as_csv, as_jsonl = [await client.get(path) for path in PATHS]
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert as_csv.headers["content-disposition"] == 'attachment; filename="tarewatch.csv"'
    assert as_jsonl.headers["content-type"] == "application/x-ndjson"
    found = rows(as_csv)
    assert len(found) == await count(seeded, Selection()) > 100
    order = [(row["repository"], row["tag"], row["platform"], row["first_seen_at"]) for row in found]
    assert [place[1:] for place in order if place[0] == "debian"] == sorted(
        place[1:] for place in order if place[0] == "debian"
    )
    told = [orjson.loads(line) for line in as_jsonl.text.splitlines()]
    assert [row["digest"] for row in found] == [row["digest"] for row in told]
    assert any(row.get("layer_list") for row in told)


async def test_a_part_of_it(client: httpx.AsyncClient) -> None:
    """Image, tag, platform and time choose, in any spelling that the rest of the API takes."""
    query = "image=docker.io/library/debian:bookworm-slim&platform=linux/arm64/v8&since=2026-01-01&until=2026-06-30"
    answer = await client.get(f"{PATHS[0]}?{query}")
    found = rows(answer)
    assert {(row["repository"], row["tag"], row["platform"]) for row in found} == {
        ("debian", "bookworm-slim", "linux/arm64")
    }
    assert all("2026-01-01" <= row["first_seen_at"] <= "2026-06-30" for row in found)
    assert "tarewatch-debian-bookworm-slim.csv" in answer.headers["content-disposition"]


@pytest.mark.parametrize("path", PATHS)
async def test_unchanged_is_not_sent_again(app: FastAPI, client: httpx.AsyncClient, path: str) -> None:
    """The ETag stands for the revision and what was asked for."""
    first = await client.get(path)
    etag = first.headers["etag"]
    assert etag.startswith('W/"')
    again = await client.get(path, headers={"if-none-match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = await client.get(f"{path}?image=debian", headers={"if-none-match": etag})
    assert other.status_code == 200
    assert app.state.cache.get(("http", b"testserver", b"", path)) is None


@pytest.mark.parametrize("path", PATHS)
async def test_head_costs_no_export(client: httpx.AsyncClient, path: str) -> None:
    """The headers of GET, without the body, and those that every answer has."""
    whole, head = await client.get(path), await client.head(path)
    assert head.status_code == 200
    assert head.content == b""
    assert "content-length" not in head.headers  # nobody knows it
    for name in (
        "etag",
        "content-type",
        "content-disposition",
        "x-content-type-options",
        "access-control-allow-origin",
    ):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("image=nobody/knows", 404, "image-unknown"),
        ("image=debian:nothing", 404, "image-unknown"),
        ("image=Debian", 400, "reference-invalid"),
        ("tag=bookworm", 422, "parameter-invalid"),
        ("platform=amd64", 422, "parameter-invalid"),
        ("since=yesterday", 422, "parameter-invalid"),
    ],
)
async def test_mistakes_are_problems(client: httpx.AsyncClient, query: str, status: int, code: str) -> None:
    """They are told before the stream begins, as everywhere in the API."""
    answer = await client.get(f"{PATHS[0]}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


class Reader:
    """A client that stops at the first bytes until told to go on, or leaves there."""

    def __init__(self, *, leaves: bool = False) -> None:
        self.sent: list[Message] = []
        self.reached, self.goes_on, self._leaves = asyncio.Event(), asyncio.Event(), leaves

    async def receive(self) -> Message:
        """Nothing more, but that it has left."""
        await self.reached.wait()
        if not self._leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """What a slow network would do."""
        self.sent.append(message)
        if message["type"] == "http.response.body":
            self.reached.set()
            await self.goes_on.wait()

    def scope(self, path: str) -> dict[str, object]:
        """As the server makes it."""
        server = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "scheme": "http", "root_path": ""}
        return {**server, "method": "GET", "path": path, "query_string": b"", "headers": [], "state": {}}


async def test_a_slow_reader_does_not_keep_others_waiting(app: FastAPI) -> None:
    """Turns are taken for reading from the database, not for as long as somebody downloads."""
    readers = [Reader() for _ in range(5)]
    async with asyncio.TaskGroup() as group:
        for reader in readers:
            group.create_task(app(reader.scope(PATHS[0]), reader.receive, reader.send))
        for reader in readers:
            await reader.reached.wait()
        assert not app.state.exporting.locked()
        for reader in readers:
            reader.goes_on.set()
    assert all(reader.sent[-1]["more_body"] is False for reader in readers)


async def test_nobody_writes_on_for_who_has_left(app: FastAPI) -> None:
    """A client that goes away ends its export; its turn is free."""
    reader = Reader(leaves=True)
    await app(reader.scope(PATHS[1]), reader.receive, reader.send)
    assert [message["type"] for message in reader.sent] == ["http.response.start", "http.response.body"]
    assert not app.state.exporting.locked()
