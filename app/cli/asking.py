"""The means of asking registries, as the settings describe them: for polling, and for backfilling."""

import os
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from app import __version__
from app.backfill.gather import Memory, gather
from app.backfill.run import Backfilling
from app.db import Database
from app.history.schedule import Schedule
from app.polling.hosts import restore_hosts
from app.polling.round import Polling
from app.registry.access import RegistryAccess, load_registries
from app.registry.client import open_client
from app.registry.docker_config import docker_credentials
from app.registry.hub import HUB_API_URL, HubApi, open_hub
from app.registry.pace import Pace
from app.registry.politeness import Politeness
from app.registry.reference import HUB
from app.settings import Settings
from app.watchlist.catalogue import load_catalogue


@asynccontextmanager
async def polling_with(
    settings: Settings, database: Database, registries: Mapping[str, RegistryAccess] | None = None
) -> AsyncIterator[Polling]:
    """The means of polling, as the settings describe them; connections are closed at the end."""
    if registries is None:
        registries = load_registries(settings.registries) if settings.registries else {}
    politeness = Politeness()
    await restore_hosts(database, politeness)
    client_opened = open_client(
        registries,
        user_agent=user_agent(settings),
        politeness=politeness,
        credentials=docker_credentials(docker_config_path(settings)),
    )
    async with client_opened as client, _hub(settings, registries, politeness) as hub:
        yield Polling(
            database,
            client,
            owner_name(),
            Schedule(settings.poll_interval),
            pull_reserve=settings.pull_reserve,
            tags_per_watch=settings.max_tags_per_watch,
            hub=hub,
        )


@asynccontextmanager
async def _hub(
    settings: Settings, registries: Mapping[str, RegistryAccess], politeness: Politeness
) -> AsyncIterator[HubApi | None]:
    """Docker Hub's web API; None where it is off."""
    url = hub_api_url(settings, registries)
    if url is None:
        yield None
        return
    pace = Pace(per_minute=None) if settings.demo else Pace()  # two made-up years are polled in seconds
    async with open_hub(url, user_agent=user_agent(settings), politeness=politeness, pace=pace) as hub:
        yield hub


def hub_api_url(settings: Settings, registries: Mapping[str, RegistryAccess]) -> str | None:
    """Where Docker Hub's web API is asked; None: nowhere.

    Who has docker.io asked at another address wants no requests to the Hub, unless they name the API's address too.
    """
    if settings.hub_api == "off":
        return None
    if settings.hub_api_url is not None:
        return settings.hub_api_url.rstrip("/")
    mirrored = HUB in registries and registries[HUB].endpoint is not None
    return None if mirrored else HUB_API_URL


def backfilling_with(settings: Settings, polling: Polling) -> Backfilling:
    """The means of backfilling, as the settings describe them; CatalogueInvalid if their file of siblings is wrong."""
    gathering = partial(gather, polling, load_catalogue(settings.siblings), memory=Memory())
    return Backfilling(polling, gathering, automatic=settings.backfill == "on")


def user_agent(settings: Settings) -> str:
    """Who we are, for the operators of registries."""
    where = f"; +{settings.public_url}" if settings.public_url else ""
    return f"Tarewatch/{__version__} (container image size history{where})"


def docker_config_path(settings: Settings) -> Path:
    """Docker's config.json: from the settings, $DOCKER_CONFIG, or the home folder."""
    if settings.docker_config is not None:
        return settings.docker_config
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path("~/.docker").expanduser()) / "config.json"


def owner_name() -> str:
    """A name for this process in leases and heartbeats: host, process, and something that never repeats."""
    return f"{host_name()}-{os.getpid()}-{secrets.token_hex(4)}"


def host_name() -> str:
    """This machine or container, as far as it fits into an owner's name."""
    return socket.gethostname()[:20]
