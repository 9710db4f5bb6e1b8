"""Credentials from Docker's config.json and its helper programs."""

import base64
import json
from pathlib import Path

import pytest

from app.registry.access import Credentials, RegistriesFileInvalid
from app.registry.docker_config import ask_helper, docker_credentials
from app.registry.errors import CredentialHelperFailed


def write(folder: Path, document: object) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(document))
    return path


def auth(pair: str) -> dict[str, str]:
    return {"auth": base64.b64encode(pair.encode()).decode()}


@pytest.fixture
def helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the PATH for docker-credential-* programs."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def install(folder: Path, name: str, script: str) -> None:
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


async def test_auths(tmp_path: Path) -> None:
    """Keys are hosts in many spellings, the Hub's a special one; a password may hold colons."""
    config = {
        "auths": {
            "https://index.docker.io/v1/": auth("hub:p:w"),
            "https://ghcr.io": {"username": "octo", "password": "cat"},
            "quay.io/v2/": {"identitytoken": "refresh"},
            "empty.example": {},
            "broken.example": {"auth": "%%%"},
            "odd.example": [],
        }
    }
    lookup = docker_credentials(write(tmp_path, config))
    assert await lookup("docker.io") == Credentials("hub", "p:w")
    assert await lookup("ghcr.io") == Credentials("octo", "cat")
    assert await lookup("quay.io") == Credentials("", "", "refresh")
    for host in ("empty.example", "broken.example", "odd.example", "unknown.example"):
        assert await lookup(host) is None


async def test_helpers_come_first(helpers: Path) -> None:
    """The host's own helper, else the store, else what the file holds; each asked once in a while only."""
    install(
        helpers,
        "one",
        f'read host; echo x >> {helpers}/asked; echo "{{\\"Username\\":\\"u-$host\\",\\"Secret\\":\\"s\\"}}"',
    )
    install(helpers, "none", "echo credentials not found in native keychain; exit 1")
    config = {
        "credHelpers": {"ghcr.io": "one", "docker.io": "one"},
        "credsStore": "none",
        "auths": {"ghcr.io": auth("file:file"), "quay.io": auth("file:file")},
    }
    lookup = docker_credentials(write(helpers, config))
    assert await lookup("ghcr.io") == await lookup("ghcr.io") == Credentials("u-ghcr.io", "s")
    assert (helpers / "asked").read_text() == "x\n"
    assert await lookup("docker.io") == Credentials("u-https://index.docker.io/v1/", "s")
    assert await lookup("quay.io") == Credentials("file", "file")


async def test_a_helper_may_give_an_identity_token(helpers: Path) -> None:
    """It says so by the user name "<token>"."""
    install(helpers, "tok", 'echo \'{"Username":"<token>","Secret":"refresh"}\'')
    assert await ask_helper("tok", "reg.example") == Credentials("", "", "refresh")


@pytest.mark.parametrize("script", ["exit 3", "echo nonsense", 'echo "{}"', "echo 1"])
async def test_failing_helpers(helpers: Path, script: str) -> None:
    """A helper that fails or talks nonsense is a typed error that shows nothing of its output."""
    install(helpers, "bad", script)
    with pytest.raises(CredentialHelperFailed) as refusal:
        await ask_helper("bad", "reg.example")
    assert refusal.value.registry == "reg.example"
    assert "nonsense" not in refusal.value.message


@pytest.mark.parametrize("name", ["", "../evil", "a b", "a/b", "-x", "no-such-helper-here"])
async def test_names_of_helpers(name: str) -> None:
    """Only plain names are run, and one that is not installed is a typed error."""
    with pytest.raises(CredentialHelperFailed):
        await ask_helper(name, "reg.example")


async def test_no_file_means_no_credentials(tmp_path: Path) -> None:
    """Docker need not be installed."""
    assert await docker_credentials(tmp_path / "config.json")("docker.io") is None


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_malformed_file(tmp_path: Path, text: str) -> None:
    """It is reported at once, with its path."""
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(RegistriesFileInvalid, match=r"config\.json"):
        docker_credentials(path)
