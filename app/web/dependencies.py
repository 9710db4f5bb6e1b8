"""What a route asks for: sessions, the time, the settings. Everything lives on `app.state`, set by `create_app`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.settings import Settings


def utc_now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


async def _reading(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.database.reading() as session:
        yield session


async def _writing(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.app.state.database.writing() as session:
        yield session


async def _now(request: Request) -> datetime:
    moment: datetime = request.app.state.clock()
    return moment


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


# scope="function": closed, for writers committed, before the answer leaves. With FastAPI's default scope a failed
# commit would still answer 200.
ReadSession = Annotated[AsyncSession, Depends(_reading, scope="function")]
WriteSession = Annotated[AsyncSession, Depends(_writing, scope="function")]
Now = Annotated[datetime, Depends(_now)]
CurrentSettings = Annotated[Settings, Depends(_settings)]
