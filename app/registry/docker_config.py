"""Credentials as Docker keeps them: `config.json` with auths, credsStore and credHelpers."""

import asyncio
import base64
import binascii
import json
import re
import time
from pathlib import Path
from typing import Any

from app.registry.access import CredentialLookup, Credentials, RegistriesFileInvalid
from app.registry.errors import CredentialHelperFailed
from app.registry.reference import HUB

HUB_KEY = "https://index.docker.io/v1/"  # where Docker files the Hub's credentials

_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
_HELPER_SECONDS = 15.0
_REMEMBERED_SECONDS = 300.0


def docker_credentials(config_path: Path) -> CredentialLookup:
    """A lookup over Docker's config.json: credHelpers first, then credsStore, then auths, as Docker does.

    A missing file means no credentials; a malformed one is RegistriesFileInvalid, at once. The lookup runs helpers
    as `docker-credential-NAME get`, remembers answers for five minutes, and raises CredentialHelperFailed.
    """
    return _DockerConfig(_load(config_path)).credentials


def _load(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise RegistriesFileInvalid(path, None, None, f"cannot be read ({problem.strerror})") from None
    except (ValueError, RecursionError):
        raise RegistriesFileInvalid(path, None, None, "is not valid JSON") from None
    if not isinstance(document, dict):
        raise RegistriesFileInvalid(path, None, None, "is not a JSON object")
    return document


class _DockerConfig:
    def __init__(self, document: dict[str, Any]) -> None:
        self._auths = {_host(key): entry for key, entry in _table(document, "auths").items()}
        self._helpers = {_host(key): name for key, name in _table(document, "credHelpers").items()}
        self._store = document.get("credsStore")
        self._remembered: dict[str, tuple[float, Credentials | None]] = {}

    async def credentials(self, registry: str) -> Credentials | None:
        if registry in self._remembered and self._remembered[registry][0] > time.monotonic():
            return self._remembered[registry][1]
        found = await self._ask(registry)
        self._remembered[registry] = (time.monotonic() + _REMEMBERED_SECONDS, found)
        return found

    async def _ask(self, registry: str) -> Credentials | None:
        helper = self._helpers.get(registry) or self._store
        if helper:
            found = await ask_helper(str(helper), registry)
            if found is not None:
                return found
        return _inline(self._auths.get(registry))


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    table = document.get(key)
    return table if isinstance(table, dict) else {}


def _host(key: str) -> str:
    """Docker files credentials under host, https://host or https://host/v1/; all mean the host."""
    host = re.sub(r"^https?://", "", key).partition("/")[0].lower()
    return HUB if host in {"index.docker.io", "registry-1.docker.io"} else host


def _inline(entry: object) -> Credentials | None:
    if not isinstance(entry, dict):
        return None
    username, password = entry.get("username"), entry.get("password")
    try:
        decoded = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        decoded = ""
    if ":" in decoded:
        username, _, password = decoded.partition(":")
    token = entry.get("identitytoken") or None
    if not username and not token:
        return None
    return Credentials(str(username or ""), str(password or "").rstrip("\0"), token)


async def ask_helper(name: str, registry: str) -> Credentials | None:
    """What `docker-credential-NAME get` says of the registry; None if it knows none."""
    if _HELPER_NAME.fullmatch(name) is None:
        raise CredentialHelperFailed("the credential helper's name is not one", registry=registry)
    program = f"docker-credential-{name}"
    server = HUB_KEY if registry == HUB else registry
    code, output = await _run(program, server.encode(), registry)
    if code != 0:
        if b"not found" in output:  # "credentials not found in native keychain": the protocol's way to say none
            return None
        raise CredentialHelperFailed(f"{program} ended with code {code}", registry=registry)
    return _answer(program, output, registry)


async def _run(program: str, question: bytes, registry: str) -> tuple[int, bytes]:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            program, "get", stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as problem:
        raise CredentialHelperFailed(f"{program} cannot be run ({problem.strerror})", registry=registry) from None
    try:
        async with asyncio.timeout(_HELPER_SECONDS):
            output, _ = await process.communicate(question)
    except TimeoutError:
        raise CredentialHelperFailed(f"{program} took more than {_HELPER_SECONDS:.0f} s", registry=registry) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output


def _answer(program: str, output: bytes, registry: str) -> Credentials:
    try:
        document = json.loads(output)
        username, secret = str(document["Username"]), str(document["Secret"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CredentialHelperFailed(f"{program} gave no user name and secret", registry=registry) from None
    if username == "<token>":
        return Credentials("", identity_token=secret)
    return Credentials(username, secret)
