"""How to reach each registry: address, trust and credentials, from the operator's TOML file."""

import ipaddress
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import httpx

from app.registry.reference import HUB, ReferenceInvalid, normalise_registry

HUB_ENDPOINT = "https://registry-1.docker.io"
DEFAULT_CONCURRENCY = 4


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or an identity token to exchange for access tokens (then the password is empty)."""

    username: str
    password: str = field(default="", repr=False)
    identity_token: str | None = field(default=None, repr=False)


CredentialLookup = Callable[[str], Awaitable[Credentials | None]]
"""From a registry's host to its credentials; None for anonymous access."""


@dataclass(frozen=True)
class RegistryAccess:
    """What the operator says of one registry; the defaults suit a public one.

    `endpoint`: another address that serves it, such as a mirror; http:// there is trusted. `insecure`: plain http.
    `allow_private`: its tokens, blobs and redirects may live on private addresses.
    """

    endpoint: str | None = None
    insecure: bool = False
    allow_private: bool = False
    ca_file: Path | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    max_concurrency: int = DEFAULT_CONCURRENCY

    @property
    def credentials(self) -> Credentials | None:
        """The user name and password of the TOML file."""
        if self.username is None or self.password is None:
            return None
        return Credentials(self.username, self.password)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a registry is asked, and by which rules."""

    registry: str
    url: httpx.URL
    access: RegistryAccess

    @property
    def credential_key(self) -> str:
        """Whose credentials may be sent here: a mirror's own, never those of the registry that it mirrors."""
        if self.registry == HUB and ascii_host(self.url) == ascii_host(httpx.URL(HUB_ENDPOINT)):
            return HUB
        return self.url.netloc.decode("ascii")

    def is_own_origin(self, url: httpx.URL) -> bool:
        """Whether url is on the very origin that the operator named."""
        return origin(url) == origin(self.url)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port, the default port spelled out."""
    return url.scheme, ascii_host(url), url.port or {"http": 80, "https": 443}.get(url.scheme)


def ascii_host(url: httpx.URL) -> str:
    """The host as it is asked for. `url.host` is for people: it decodes "xn--" names, and raises where it cannot."""
    return url.raw_host.decode("ascii")


def endpoint_of(registry: str, registries: Mapping[str, RegistryAccess]) -> Endpoint:
    """Where to ask `registry`: as configured; else https, or plain http on localhost as Docker does."""
    access = registries.get(registry) or RegistryAccess()
    if access.endpoint is not None:
        return Endpoint(registry, httpx.URL(access.endpoint), access)
    if registry == HUB:
        return Endpoint(registry, httpx.URL(HUB_ENDPOINT), access)
    url = httpx.URL(f"https://{registry}")
    plain = access.insecure or is_localhost(ascii_host(url))
    return Endpoint(registry, url.copy_with(scheme="http") if plain else url, access)


def is_localhost(host: str) -> bool:
    """Docker's rule for registries spoken to without TLS: localhost, 127.0.0.0/8 and ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class RegistriesFileInvalid(ValueError):
    """The file of registries cannot be used; names the file, the table, the key, and what to do."""

    def __init__(self, file: Path, table: str | None, key: str | None, hint: str) -> None:
        self.file, self.table, self.key, self.hint = file, table, key, hint
        place = ", ".join([str(file), *([f'[registries."{table}"]'] if table else []), *([key] if key else [])])
        super().__init__(f"{place}: {hint}")


_KEYS: dict[str, type] = {
    "endpoint": str,
    "insecure": bool,
    "allow_private": bool,
    "ca_file": str,
    "username": str,
    "password": str,
    "password_file": str,
    "max_concurrency": int,
}
_NAMES = {str: "a text in quotes", bool: "true or false", int: "a whole number"}


def load_registries(path: Path) -> dict[str, RegistryAccess]:
    """Registry -> access, from the tables `[registries."docker.io"]` of a TOML file.

    Raises RegistriesFileInvalid. Relative paths in it are relative to it.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise RegistriesFileInvalid(path, None, None, f"cannot be read ({problem.strerror})") from None
    except ValueError as problem:
        raise RegistriesFileInvalid(path, None, None, f"is not valid TOML: {problem}") from None
    tables = document.get("registries", {})
    if not isinstance(tables, dict) or set(document) - {"registries"}:
        raise RegistriesFileInvalid(path, None, None, 'may hold tables of the form [registries."docker.io"] only')
    found: dict[str, RegistryAccess] = {}
    for name, table in tables.items():
        registry = _registry_name(path, name)
        if registry in found:
            raise RegistriesFileInvalid(path, name, None, f"a second table for {registry}; keep one of them")
        found[registry] = _Table(path, name, table).access()
    return found


def _registry_name(path: Path, name: str) -> str:
    try:
        return normalise_registry(name)
    except ReferenceInvalid as problem:
        hint = f'{problem.reason}; quote the name: [registries."ghcr.io"]'
        raise RegistriesFileInvalid(path, name, None, hint) from None


class _Table:
    """One table of the file, read key by key."""

    def __init__(self, file: Path, name: str, table: object) -> None:
        self._file, self._name = file, name
        if not isinstance(table, dict):
            raise self._invalid(None, "is not a table")
        self._table: dict[str, Any] = table
        for key, value in table.items():
            self._check(key, value)

    def access(self) -> RegistryAccess:
        values = {key: value for key, value in self._table.items() if key in {f.name for f in fields(RegistryAccess)}}
        values |= {"endpoint": self._endpoint(), "ca_file": self._ca_file(), "password": self._password()}
        if not 1 <= values.get("max_concurrency", 1) <= 64:
            raise self._invalid("max_concurrency", "must be from 1 to 64")
        if (values.get("username") is None) != (values["password"] is None):
            raise self._invalid("username", "and password (or password_file) go together; give both or neither")
        return RegistryAccess(**values)

    def _invalid(self, key: str | None, hint: str) -> RegistriesFileInvalid:
        return RegistriesFileInvalid(self._file, self._name, key, hint)

    def _check(self, key: str, value: object) -> None:
        kind = _KEYS.get(key)
        if kind is None:
            raise self._invalid(key, f"is not a setting; there are {', '.join(_KEYS)}")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self._invalid(key, f"must be {_NAMES[kind]}")

    def _endpoint(self) -> str | None:
        text: str | None = self._table.get("endpoint")
        if text is None:
            return None
        try:
            url = httpx.URL(text.rstrip("/"))
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in {"http", "https"} or not ascii_host(url) or url.path != "/" or url.query or url.userinfo:
            raise self._invalid("endpoint", "must be http:// or https:// with a host and perhaps a port, nothing else")
        return str(url)

    def _ca_file(self) -> Path | None:
        if "ca_file" not in self._table:
            return None
        path: Path = self._file.parent / self._table["ca_file"]
        if not path.is_file():
            raise self._invalid("ca_file", f"{path} is not a file")
        return path

    def _password(self) -> str | None:
        if "password_file" not in self._table:
            password: str | None = self._table.get("password")
            return password
        if "password" in self._table:
            raise self._invalid("password_file", "and password are both given; keep one of them")
        path: Path = self._file.parent / self._table["password_file"]
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError):
            raise self._invalid("password_file", f"{path} cannot be read") from None
