"""What holds for every route of the API: it is described, with examples that are true, and behaves like the others."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from app.web.api import backfill_schemas, examples, schemas, status_schemas
from app.web.problems import PROBLEM_JSON, TITLES

READS = (
    "/api/v1/images",
    "/api/v1/tags?image=debian",
    "/api/v1/series?image=debian&tag=bookworm-slim",
    "/api/v1/builds",
    "/api/v1/builds/1",
    "/api/v1/watches",
    "/api/v1/watches/1",
    "/api/v1/backfills",
    "/api/v1/status",
    "/openapi.json",
    "/metrics",
)
FILES = {"/api/v1/export.csv": "text/csv", "/api/v1/export.jsonl": "application/x-ndjson"}
METHODS = {"get", "post", "patch", "delete"}

Document = dict[str, Any]


@pytest.fixture
def document(app: FastAPI) -> Document:
    """The OpenAPI document."""
    return app.openapi()


def operations(document: Document) -> list[tuple[str, str, Document]]:
    """(path, method, operation) of everything that is described."""
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_every_route_is_described(document: Document) -> None:
    """The API's routes, no page among them, each with words, a name of its own and a tag that is explained."""
    paths = {(path, method) for path, method, _ in operations(document)}
    assert paths == {
        ("/api/v1/images", "get"),
        ("/api/v1/tags", "get"),
        ("/api/v1/series", "get"),
        ("/api/v1/builds", "get"),
        ("/api/v1/builds/{build_id}", "get"),
        ("/api/v1/export.csv", "get"),
        ("/api/v1/export.jsonl", "get"),
        ("/api/v1/manifests/{digest}", "get"),
        ("/api/v1/watches", "get"),
        ("/api/v1/watches", "post"),
        ("/api/v1/watches/{watch_id}", "get"),
        ("/api/v1/watches/{watch_id}", "patch"),
        ("/api/v1/watches/{watch_id}", "delete"),
        ("/api/v1/backfills", "get"),
        ("/api/v1/backfills", "post"),
        ("/api/v1/status", "get"),
    }
    names = [operation["operationId"] for *_, operation in operations(document)]
    assert len(names) == len(set(names))
    explained = {tag["name"] for tag in document["tags"]}
    for *_, operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        assert set(operation["tags"]) <= explained


def test_every_answer_has_an_example(document: Document) -> None:
    """Success and error alike, in the media type that is sent, and nothing of FastAPI's own error shape is left."""
    assert document["openapi"].startswith("3.1")
    assert "HTTPValidationError" not in str(document)
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert answer["description"], (path, method, status)
            if status in {"204", "304"}:
                continue
            (media,) = answer["content"].items()
            sent = FILES.get(path, "application/json")
            assert media[0] == (PROBLEM_JSON if int(status) >= 400 else sent), (path, method, status)
            assert media[1].get("example") or media[1]["examples"], (path, method, status)
            assert media[1]["schema"], (path, method, status)


def lacking(value: Any, schema: Document, document: Document, place: str) -> Iterator[str]:
    """The members that a schema requires and an example has not."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema and value is not None:
        schema = schema["anyOf"][0]
        yield from lacking(value, schema, document, place)
    if isinstance(value, dict):
        yield from (f"{place}.{name}" for name in schema.get("required", []) if name not in value)
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from lacking(value[name], inner, document, f"{place}.{name}")
    for item in value if isinstance(value, list) else []:
        yield from lacking(item, schema.get("items", {}), document, f"{place}[]")


def test_described_examples_lack_nothing(document: Document) -> None:
    """In the document too, every member that is required is there, also where it is null."""
    found = [
        lack
        for path, method, operation in operations(document)
        for status, answer in operation["responses"].items()
        if status < "300" and path not in FILES
        for media in answer.get("content", {}).values()
        for lack in lacking(media["example"], media["schema"], document, f"{method} {path}")
    ]
    assert found == []


def test_writes_name_their_token(document: Document) -> None:
    """Each write needs the bearer, no read does."""
    assert document["components"]["securitySchemes"]["adminToken"]["scheme"] == "bearer"
    for path, method, operation in operations(document):
        assert bool(operation.get("security")) == (method != "get"), (path, method)


def test_every_parameter_is_described(document: Document) -> None:
    """A reader learns what each parameter means, or takes, from the document alone."""
    for path, _, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            schema = parameter["schema"]
            told = (
                parameter.get("description") or schema.get("enum") or schema.get("examples") or parameter.get("example")
            )
            assert told or parameter["name"] in {"digest", "until"}, (path, parameter)


@pytest.mark.parametrize(
    ("example", "schema"),
    [
        (examples.IMAGES, schemas.ImageList),
        (examples.TAGS, schemas.TagList),
        (examples.SERIES, schemas.SeriesDocument),
        (examples.BUILDS, schemas.BuildList),
        (examples.BUILD_DOCUMENT, schemas.BuildDocument),
        (examples.MANIFEST_DOCUMENT, schemas.ManifestDocument),
        (examples.WATCHES, schemas.WatchList),
        (examples.BACKFILLS, backfill_schemas.BackfillList),
        (examples.STATUS, status_schemas.StatusDocument),
    ],
)
def test_examples_are_true(example: Document, schema: type[BaseModel]) -> None:
    """An example is exactly what its schema sends: no member missing, none invented."""
    assert schema.model_validate(example).model_dump(mode="json").keys() == example.keys()


async def test_examples_have_the_shape_of_real_answers(client: httpx.AsyncClient) -> None:
    """The same members at every depth as what is really sent."""
    for path, example in {
        "/api/v1/images": examples.IMAGES,
        "/api/v1/tags?image=debian": examples.TAGS,
        "/api/v1/series?image=debian&tag=bookworm": examples.SERIES,
        "/api/v1/builds": examples.BUILDS,
        "/api/v1/builds/1": examples.BUILD_DOCUMENT,
        "/api/v1/watches": examples.WATCHES,
        "/api/v1/status": examples.STATUS,
    }.items():
        assert members(example) <= members((await client.get(path)).json()), path


def members(value: Any, path: str = "") -> set[str]:
    """Every member's path, those of lists as one."""
    if isinstance(value, dict):
        return {f"{path}.{key}" for key in value}.union(*(members(one, f"{path}.{key}") for key, one in value.items()))
    return set().union(*(members(one, f"{path}[]") for one in value)) if isinstance(value, list) else set()


@pytest.mark.parametrize("path", READS)
async def test_every_read_has_an_etag_and_answers_304(client: httpx.AsyncClient, path: str) -> None:
    """A client that has it is told so, in a few bytes; HEAD says what GET would."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    unchanged = await client.get(path, headers={"if-none-match": answer.headers["etag"]})
    head = await client.head(path)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-type", "content-length"):
        assert head.headers[name] == answer.headers[name]


@pytest.mark.parametrize("path", READS)
async def test_reads_are_open_to_other_origins(client: httpx.AsyncClient, path: str) -> None:
    """A page anywhere may read the API, without credentials; it may not write."""
    origin = {"origin": "https://dashboard.example"}
    answer = await client.get(path, headers=origin)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    asked = origin | {"access-control-request-method": "GET"}
    preflight = await client.options(path, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "authorization" not in preflight.headers["access-control-allow-headers"].lower()


async def test_pages_are_not_open_to_other_origins(client: httpx.AsyncClient) -> None:
    """CORS is for the API alone."""
    assert "access-control-allow-origin" not in (await client.get("/static/app.css")).headers


def test_every_problem_is_listed_once() -> None:
    """Codes are stable names: kebab-case, with a 4xx or 5xx status and a title that ends without a stop."""
    for code, (status, title) in TITLES.items():
        assert code == code.lower().replace("_", "-")
        assert 400 <= status < 600
        assert title == title.rstrip(".")
