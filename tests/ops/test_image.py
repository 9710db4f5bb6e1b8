"""Dockerfile and Compose file, read as what they are: no engine is needed to see what they promise."""

import json
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml  # type: ignore[import-untyped]  # it comes without types
from sqlalchemy import make_url

from app import cli
from app.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
OURS = ("migrate", "web", "worker")
SECRETS = {"database_url", "admin_token", "secret_key"}
NOT_HANDED_ON = {"host", "port", "demo"}  # the image's own
FILES = {"registries", "docker_config", "siblings"}  # they would have to be mounted too


@pytest.fixture
def compose() -> dict[str, Any]:
    """docker-compose.yml, its merge keys resolved."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return document


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order: ("COPY", "app/ app/")."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", "").splitlines()
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines if line)]


def health_check() -> str:
    """The Python program of the image's HEALTHCHECK."""
    check = next(rest for word, rest in instructions() if word == "HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command[:2] == ["python", "-c"]
    program: str = command[2]
    return program


@pytest.mark.parametrize("name", OURS)
def test_services_are_confined(compose: dict[str, Any], name: str) -> None:
    """Ours cannot write but to /tmp, hold no capability and gain none."""
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert "volumes" not in service
    assert "user" not in service, "the image's own user is no root"


@pytest.mark.parametrize("name", OURS)
def test_commands_are_ours(compose: dict[str, Any], name: str) -> None:
    """Each service's words are a command line that `tarewatch` takes."""
    command, *words = compose["services"][name]["command"]
    typer.main.get_command(cli.app).commands[command].make_context(command, words)  # type: ignore[attr-defined]


def test_order_of_start(compose: dict[str, Any]) -> None:
    """Migrate waits for a healthy database, web and worker for a migration that succeeded."""
    services = compose["services"]
    assert services["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
    for name in ("web", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_health_checks(compose: dict[str, Any]) -> None:
    """Database and worker have their own, web has the image's, migrate ends before one would come."""
    services = compose["services"]
    assert services["db"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]
    assert services["worker"]["healthcheck"]["test"] == ["CMD", "tarewatch", "worker", "--check"]
    assert services["migrate"]["healthcheck"] == {"disable": True}
    assert "healthcheck" not in services["web"]
    compile(health_check(), "HEALTHCHECK", "exec")


def test_only_web_is_published_and_on_loopback(compose: dict[str, Any]) -> None:
    """Nobody beyond this machine reaches anything unless the operator says so; the database has no way out at all."""
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"web": ["${TAREWATCH_PUBLISH:-127.0.0.1:8000}:8000"]}
    assert compose["services"]["db"]["networks"] == ["database"]
    assert compose["networks"]["database"] == {"internal": True}


def test_database_is_kept(compose: dict[str, Any]) -> None:
    """PostgreSQL 18 keeps its data one level above where 17 did: the named volume must lie there."""
    assert compose["services"]["db"]["image"] == "postgres:18"
    assert compose["services"]["db"]["volumes"] == ["database:/var/lib/postgresql"]
    assert "database" in compose["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_every_setting_reaches_the_program(compose: dict[str, Any], name: str) -> None:
    """What an operator sets in `.env` beside the file is handed on, unless it is a secret or a file."""
    handed_on = {variable.lower() for variable in compose["services"][name]["environment"]}
    wanted = set(Settings.model_fields) - SECRETS - NOT_HANDED_ON - FILES
    assert {f"tarewatch_{setting}" for setting in wanted} <= handed_on


def test_variables_are_settings(compose: dict[str, Any]) -> None:
    """Every TAREWATCH_ variable and secret that is handed on exists, and no variable holds a secret."""
    known = {f"tarewatch_{name}" for name in Settings.model_fields}
    for name in OURS:
        variables = compose["services"][name]["environment"]
        assert {variable.lower() for variable in variables} <= known
        assert not any("=" in variable for variable in variables)
        assert set(compose["services"][name]["secrets"]) <= known & set(compose["secrets"])
    assert compose["services"]["web"]["secrets"] == [
        "tarewatch_database_url",
        "tarewatch_admin_token",
        "tarewatch_secret_key",
    ]


def make_secrets(folder: Path) -> dict[str, str]:
    """What `make secrets` leaves in ./secrets."""
    subprocess.run(["make", "-s", "secrets"], cwd=folder, check=True, capture_output=True)
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def test_make_secrets(compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make secrets` makes every file that Compose mounts, once; they fit each other and the settings."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    made = make_secrets(tmp_path)
    assert {f"./secrets/{name}" for name in made} == {secret["file"] for secret in compose["secrets"].values()}
    assert len(set(made.values())) == 4
    monkeypatch.setenv("TAREWATCH_SECRETS_DIR", str(tmp_path / "secrets"))
    url = make_url(load_settings().database_url.get_secret_value())
    assert (url.host, url.username, url.database) == ("db", "tarewatch", "tarewatch")
    assert url.password == made["postgres_password"]
    assert make_secrets(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700, "closed to others"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()} == {0o444}


def test_secrets_stay_out() -> None:
    """Neither git nor the image's build sees ./secrets, ./data or .env."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"/secrets/", "/data/", ".env"} <= set(ignored)
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_image_copies_what_is_there() -> None:
    """Every source of a COPY exists and gets past .dockerignore."""
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [shlex.split(rest) for word, rest in instructions() if word == "COPY" and "--from" not in rest]
    for source in [source for words in copies for source in words[:-1]]:
        assert (ROOT / source).exists(), source
        assert source in let_in or f"{Path(source).parent}/*{Path(source).suffix}" in let_in, source


def test_image_installs_from_the_lock_only() -> None:
    """Each installation is by hash, or of the wheel just built without looking for anything else."""
    commands = [one for word, rest in instructions() if word == "RUN" for one in rest.split("&&")]
    installs = [one for one in commands if " pip install" in one or " pip wheel" in one]
    assert len(installs) == 4
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)


def test_image_runs_as_nobody_in_particular() -> None:
    """A fixed uid that is no root, in the last stage; no secret is set or asked for."""
    found = instructions()
    assert [rest for word, rest in found if word == "USER"] == ["10001:10001"]
    assert [word for word, _ in found].index("USER") > max(n for n, one in enumerate(found) if one[0] == "FROM")
    settings = " ".join(rest for word, rest in found if word in {"ARG", "ENV"}).upper()
    assert not re.search("PASSWORD|TOKEN|SECRET|DATABASE_URL", settings)
