"""Whether Docker Hub's web API is asked, and where: as the settings say, and never behind the operator's back."""

from pathlib import Path

import pytest

from app.cli.asking import hub_api_url, polling_with
from app.cli.running import ready_database
from app.registry.access import RegistryAccess
from app.settings import Settings, load_settings

MIRROR = {"docker.io": RegistryAccess(endpoint="https://mirror.example")}


def settings(**stated: object) -> Settings:
    return load_settings(_env_file=None, **stated)


@pytest.mark.parametrize(
    ("stated", "registries", "url"),
    [
        ({}, {}, "https://hub.docker.com"),
        ({}, {"docker.io": RegistryAccess(username="x", password="y")}, "https://hub.docker.com"),
        ({}, {"quay.io": RegistryAccess(endpoint="https://mirror.example")}, "https://hub.docker.com"),
        ({}, MIRROR, None),
        ({"hub_api_url": "http://127.0.0.1:8080/"}, MIRROR, "http://127.0.0.1:8080"),
        ({"hub_api": "off"}, {}, None),
        ({"hub_api": "off", "hub_api_url": "http://127.0.0.1:8080"}, {}, None),
    ],
    ids=["default", "credentials", "another mirrored", "mirrored", "both named", "off", "off and named"],
)
def test_where_it_is_asked(stated: dict[str, object], registries: dict[str, RegistryAccess], url: str | None) -> None:
    """Who has docker.io asked elsewhere is not led to the Hub by our own default."""
    assert hub_api_url(settings(**stated), registries) == url


@pytest.mark.parametrize("mode", ["auto", "off"])
async def test_polling_has_it_or_not(tmp_path: Path, mode: str) -> None:
    """The switch decides what polling is handed."""
    chosen = settings(
        database_url=f"sqlite:///{tmp_path}/x.db", hub_api=mode, docker_config=tmp_path / "none.json", registries=None
    )
    database = ready_database(chosen)
    try:
        async with polling_with(chosen, database, {}) as polling:
            assert (polling.hub is None) is (mode == "off")
    finally:
        await database.close()
