"""The documentation keeps up: settings, commands, API paths, links and make targets are what the code says."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from app.cli import app as command_line
from app.db import open_database
from app.main import create_app
from app.registry.access import RegistriesFileInvalid, load_registries
from app.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
DECISIONS = DOCS / "decisions"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
NOT_SETTINGS = {"TAREWATCH_SECRETS_DIR", "TAREWATCH_PUBLISH"}  # of load_settings and of docker-compose.yml

CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
API = (DOCS / "api.md").read_text(encoding="utf-8")
CLI = (DOCS / "cli.md").read_text(encoding="utf-8")

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(params=PAGES, ids=_name)
def document(request: pytest.FixtureRequest) -> Path:
    """A page of the documentation."""
    found: Path = request.param
    return found


def variable(field: str) -> str:
    return f"TAREWATCH_{field.upper()}"


@pytest.mark.parametrize("field", Settings.model_fields)
def test_every_setting_is_explained(field: str) -> None:
    """A setting has a line of its own in the table, with its variable, default and meaning."""
    row = re.search(rf"^\| `{variable(field)}` \| \S.* \| \S.{{20,}} \|$", CONFIGURATION, re.MULTILINE)
    assert row is not None


def test_stated_defaults_are_the_real_ones() -> None:
    """What the table calls a default is the field's own, once read."""
    rows = re.findall(r"^\| `TAREWATCH_(\w+)` \| `([^`]+)` \|", CONFIGURATION, re.MULTILINE)
    stated = {name.lower(): value for name, value in rows}
    read = Settings(_env_file=None, **stated)  # texts, as in the environment
    assert {name: getattr(read, name) for name in stated} == {
        name: Settings.model_fields[name].default for name in stated
    }
    assert len(stated) > 5


def test_no_unknown_variable_is_named(document: Path) -> None:
    """Whoever copies a variable from the documentation sets something."""
    named = set(re.findall(r"TAREWATCH_[A-Z][A-Z_]*[A-Z]", document.read_text(encoding="utf-8")))
    assert named <= {variable(field) for field in Settings.model_fields} | NOT_SETTINGS


def test_every_key_of_the_registries_file_is_explained(tmp_path: Path) -> None:
    """The keys that the file may hold are the rows of its table: an unknown key's error lists them."""
    file = tmp_path / "registries.toml"
    file.write_text('[registries."ghcr.io"]\nno_such_key = 1\n', encoding="utf-8")
    with pytest.raises(RegistriesFileInvalid) as refused:
        load_registries(file)
    keys = set(str(refused.value).partition("there are ")[2].split(", "))
    table = CONFIGURATION.partition("\n| key |")[2].partition("\n\n")[0]
    assert keys == set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))


def test_the_example_of_the_registries_file_can_be_loaded(tmp_path: Path) -> None:
    """It is valid, and uses every key."""
    example = re.search(r"```toml\n(.*?)```", CONFIGURATION, re.DOTALL)
    assert example is not None
    secret = tmp_path / "hub_token"
    secret.write_text("not a real one\n", encoding="utf-8")
    (tmp_path / "corp-ca.pem").touch()
    file = tmp_path / "registries.toml"
    file.write_text(example[1].replace("/run/secrets/hub_token", str(secret)), encoding="utf-8")
    loaded = load_registries(file)
    assert loaded["docker.io"].password == "not a real one"
    assert loaded["quay.io"].endpoint == "https://cache.corp.example"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its whole name, groups included."""

    def below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for child, inner in getattr(command, "commands", {}).items():
            yield from below(f"{name} {child}", inner)

    yield from below("tarewatch", typer.main.get_command(command_line))


@pytest.mark.parametrize(
    ("name", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_and_option_is_explained(name: str, command: Any) -> None:
    """A command has a section, which names all of its options."""
    section = re.search(rf"^#+ {name}\n(.*?)(?=^#|\Z)", CLI, re.MULTILINE | re.DOTALL)
    assert section is not None
    options = {
        option
        for parameter in command.params
        if parameter.param_type_name == "option"
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert options - {"--help", "-h"} == set(re.findall(r"`(--[a-z-]+)`", section[1]))


def test_no_unknown_command_is_named(document: Path) -> None:
    """Every `tarewatch word` in the documentation can be typed."""
    known = {name.split()[1] for name, _ in commands() if " " in name}
    text = document.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|bin/|^    )tarewatch ([a-z]+)", text, re.MULTILINE)) <= known


def test_every_api_path_is_in_the_guide() -> None:
    """Paths and methods of the OpenAPI document, and no others."""
    app = create_app(Settings(_env_file=None), open_database("sqlite:///never-opened.db"))
    paths = app.openapi()["paths"]
    assert set(paths) == set(re.findall(r"`(?:[A-Z]+ )?(/api/v1/[^`?]+)`", API))
    methods = {method.upper() for operations in paths.values() for method in operations}
    assert methods == set(re.findall(r"`(GET|POST|PUT|PATCH|DELETE)\b", API))


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_relative_links_lead_somewhere(document: Path) -> None:
    """A link to a file of the repository finds it, and the heading that it names."""
    text = _FENCED.sub("", document.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        found = (document.parent / place).resolve() if place else document
        assert found.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(found), f"{target}: no such heading"


def test_make_targets_exist(document: Path) -> None:
    """Every `make target` that the documentation shows can be made."""
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = re.findall(r"(?:`|^    )make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(shown) <= made


def test_decisions_are_short() -> None:
    """Each is numbered by itself, has one bold decision, consequences and alternatives, and under 60 lines."""
    files = sorted(DECISIONS.glob("*.md"))
    numbers = Counter(file.name[:4] for file in files)
    assert set(numbers.values()) == {1}
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.count("\n") < 60, file.name
        assert re.fullmatch(r"\d{4}(-[a-z0-9]+)+\.md", file.name)
        assert len(re.findall(r"^\*\*.+?\*\*$", text, re.MULTILINE | re.DOTALL)) == 1, file.name
        assert "\nConsequences\n" in text, file.name
        assert "\nAlternatives" in text, file.name
