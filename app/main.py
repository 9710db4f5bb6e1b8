"""The web application: routers, the cache in front, error handlers. Made of settings and a database, nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI, Request

from app.db import Database
from app.settings import Settings
from app.web import api, metrics, pages, probes, static
from app.web.body_limit import BodyLimit
from app.web.cache import AnswerCache, CachedAnswers, Receive, Scope, Send
from app.web.dependencies import utc_now
from app.web.errors import add_error_handlers
from app.web.login import Gate
from app.web.openapi import DESCRIPTION, describe
from app.web.problems import Problem
from app.web.revision import watching

_LONGEST_BODY_BYTES = 64 * 1024
_EXPORTS_AT_ONCE = 2  # that read from the database at the same moment; pages go first


class Application(FastAPI):
    """FastAPI behind `CachedAnswers`: what is kept never reaches its middleware or routing."""

    def __init__(self, cache: AnswerCache, **options: Any) -> None:
        super().__init__(**options)
        self._front = CachedAnswers(super().__call__, cache)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._front(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


def create_app(settings: Settings, database: Database, *, clock: Callable[[], datetime] = utc_now) -> FastAPI:
    """The application. Touches neither database nor network before its first request or its lifespan.

    `app.state.bump()` forgets the kept answers at once; the lifespan does so when the database's revision moves.
    """
    cache = AnswerCache()
    app = Application(
        cache,
        title="Tarewatch",
        version=version("tarewatch"),
        summary="Size history of container base images.",
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's own pages load scripts from elsewhere; /api is ours
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_refuse_nul)],
        lifespan=_lifespan,
    )
    app.state.settings, app.state.database, app.state.clock = settings, database, clock
    app.state.gate, app.state.cache, app.state.bump = Gate.of(settings), cache, cache.clear
    app.state.exporting = asyncio.Semaphore(_EXPORTS_AT_ONCE)
    app.add_middleware(BodyLimit, max_bytes=_LONGEST_BODY_BYTES)
    for part in (pages, api, metrics, probes, static):
        app.include_router(part.router)
    add_error_handlers(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with watching(app.state.database, app.state.cache):
        yield


async def _refuse_nul(request: Request) -> None:
    """No name that we know holds a NUL, and PostgreSQL refuses to compare with one."""
    if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
        raise Problem("request-unreadable", "The address holds a NUL character.")
