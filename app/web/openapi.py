"""The OpenAPI document: what FastAPI derives from the routes, and the problem document that all of them share."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.routing import BaseRoute

DESCRIPTION = """What container base images weigh and weighed: every change of every watched tag on every platform.

- **Bytes** are integers. `compressed_bytes` is the sum of one platform's compressed layers, as a pull moves them.
- **Images** are query parameters in any familiar spelling: `alpine` and `docker.io/library/alpine` are one.
- **Errors** are `application/problem+json` (RFC 9457); `code` never changes.
- **Lists** come in pages: follow `next` (also in the `Link` header) until it is null.
- Every GET has an **ETag** (strong but for exports) and answers 304 to a matching `If-None-Match`.
- Reads are open to pages of any origin.
"""
TAGS = [
    {"name": "Images", "description": "What is watched, and what it weighs now."},
    {"name": "Series", "description": "How that changed over time."},
    {"name": "Builds", "description": "What was behind each change."},
    {"name": "Watches", "description": "What is to be watched; the admin token changes it."},
    {"name": "Backfills", "description": "Past sizes: what was asked for, and what came of it."},
    {"name": "Status", "description": "How the collecting is doing."},
]


class ProblemDocument(BaseModel):
    """What went wrong with a request (RFC 9457)."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(examples=["urn:tarewatch:problem:image-unknown"])
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="What went wrong, for programs.", examples=["image-unknown"])
    hint: str | None = Field(None, description="What may help.")


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=TAGS,
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = ProblemDocument.model_json_schema()
    _make_examples_whole(document, app.routes)
    return document


def _make_examples_whole(document: dict[str, Any], routes: Sequence[BaseRoute]) -> None:
    """Put the answers' examples in as they are: FastAPI leaves out what is null, and nulls are members that we send."""
    known = [one.original_route for one in iter_route_contexts(routes)]
    responses = {route.operation_id: route.responses for route in known if isinstance(route, APIRoute)}
    for operation in (operation for item in document["paths"].values() for operation in item.values()):
        for status, answer in responses[operation["operationId"]].items():
            for media_type, media in answer.get("content", {}).items():
                if "example" in media:
                    operation["responses"][str(status)]["content"][media_type]["example"] = media["example"]
