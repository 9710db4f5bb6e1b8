"""Every environment variable that Tarewatch reads: typed, with a sentence each."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SHORT = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
SECRETS_DIR = Path("/run/secrets")
_PLAIN = {  # where pydantic's words help nobody
    "time_delta_parsing": "not a duration: write 30m, 6h or 1d",
    "string_pattern_mismatch": "not a web address: write https:// and a host, perhaps with a port",
}


def parse_duration(value: object) -> object:
    """ "90s", "15m", "6h" or "1d" or seconds as a timedelta; anything else is left for pydantic (ISO 8601) to judge."""
    if isinstance(value, str) and value.strip().isdecimal():
        return timedelta(seconds=int(value))
    if isinstance(value, str) and (match := _SHORT.fullmatch(value.strip().lower())):
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


class Settings(BaseSettings):
    """The settings of one process, from `TAREWATCH_*` variables, `.env`, or files in /run/secrets."""

    model_config = SettingsConfigDict(
        env_prefix="TAREWATCH_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
    )

    database_url: SecretStr = Field(
        SecretStr("sqlite:///data/tarewatch.db"),
        description="Where the history is kept: `sqlite:///relative/path`, `sqlite:////absolute/path` or "
        "`postgresql://user:password@host/name`.",
    )
    host: str = Field("127.0.0.1", description="The address that the web server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="The port that the web server listens on; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="The address under which people reach the pages; registries are told it, to know whom to ask."
    )
    trusted_proxies: str = Field(
        "127.0.0.1",
        description="Addresses of reverse proxies whose X-Forwarded-* headers are believed, comma-separated.",
    )
    poll_interval: Duration = Field(
        timedelta(hours=6),
        ge=timedelta(minutes=1),
        description="How often a tag is looked at, unless its watch says otherwise.",
    )
    default_watches: Literal["on", "off"] = Field(
        "on", description="Whether an empty database gets the default watch list of well-known base images."
    )
    backfill: Literal["on", "off"] = Field(
        "on", description="Whether past sizes are fetched for what is newly watched, without being asked."
    )
    keep_details: Annotated[timedelta, Field(ge=timedelta(days=1)), BeforeValidator(parse_duration)] | None = Field(
        None,
        description="How long the layers of builds are kept once the builds have ended; not set: for ever.",
    )
    registries: Path | None = Field(
        None, description="A TOML file with a table per registry: mirrors, credentials, custom CAs, plain http."
    )
    docker_config: Path | None = Field(
        None, description="Docker's config.json, read for credentials; default: `$DOCKER_CONFIG` or `~/.docker`."
    )
    hub_api: Literal["auto", "off"] = Field(
        "auto", description="Whether Docker Hub's web API is asked for sizes, which costs no pulls."
    )
    hub_api_url: str | None = Field(
        None,
        pattern=r"^https?://[^/?#@\s]+/?$",
        description="Where that API is; default: `https://hub.docker.com`, or nowhere if docker.io has an `endpoint`.",
    )
    siblings: Path | None = Field(
        None, description="A TOML file of further patterns of sibling tags, asked before those that Tarewatch knows."
    )
    max_tags_per_watch: int = Field(
        500, ge=1, le=10_000, description="How many tags one pattern may expand to; a warning is shown beyond it."
    )
    pull_reserve: int = Field(
        20,
        ge=0,
        description="Counted pulls left untouched for the other users of this address when a registry limits them.",
    )
    admin_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="The token that may change watches, by API or after login; "
        "default: made once and kept beside the database.",
    )
    secret_key: SecretStr | None = Field(
        None, min_length=16, description="Signs login cookies; default: made once and kept beside the database."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged to stderr.")
    demo: bool = Field(False, description="Set by `tarewatch demo`: every page says that the data is made up.")

    @property
    def data_dir(self) -> Path:
        """The folder for what is kept beside the database: that of the SQLite file, else ./data."""
        url = self.database_url.get_secret_value()
        prefix, _, path = url.partition(":///")
        path = path.partition("?")[0]
        return Path(path).parent if prefix.startswith("sqlite") and path else Path("data")


class SettingsInvalid(ValueError):
    """A setting that cannot be used; str() names the variable and says what to do."""


def secrets_dir() -> Path | None:
    """The folder of secrets kept as files: $TAREWATCH_SECRETS_DIR, else /run/secrets if there is one."""
    named = os.environ.get("TAREWATCH_SECRETS_DIR")
    if named and not Path(named).is_dir():
        raise SettingsInvalid(f"TAREWATCH_SECRETS_DIR: {named} is not a folder (see docs/configuration.md)")
    if named:
        return Path(named)
    return SECRETS_DIR if SECRETS_DIR.is_dir() else None


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, overrides first; SettingsInvalid names each wrong variable."""
    try:
        return Settings(_secrets_dir=secrets_dir(), **overrides)  # type: ignore[arg-type]  # pydantic judges the values
    except ValidationError as error:
        lines = [f"TAREWATCH_{str(e['loc'][0]).upper()}: {_PLAIN.get(e['type'], e['msg'])}" for e in error.errors()]
        raise SettingsInvalid("; ".join(lines) + " (see docs/configuration.md)") from None
    except OSError as error:  # .env, or a secret's file
        raise SettingsInvalid(f"{error.filename} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsInvalid(".env or a secret's file is not UTF-8 text") from None
    except SettingsError as error:
        raise SettingsInvalid(f"{error} (see docs/configuration.md)") from None
