"""The operator's file of registries, and where each registry is asked."""

from pathlib import Path

import httpx
import pytest

from app.registry.access import RegistriesFileInvalid, RegistryAccess, endpoint_of, load_registries


def write(folder: Path, text: str) -> Path:
    path = folder / "registries.toml"
    path.write_text(text)
    return path


def test_every_setting(tmp_path: Path) -> None:
    """All keys are read, paths are relative to the file, names folded as in references."""
    (tmp_path / "ca.pem").write_text("x")
    (tmp_path / "secret").write_text("hunter2\n")
    path = write(
        tmp_path,
        """
        [registries."index.docker.io"]
        endpoint = "http://127.0.0.1:5001/"
        [registries."Reg.Example:5000"]
        insecure = true
        allow_private = true
        ca_file = "ca.pem"
        username = "me"
        password_file = "secret"
        max_concurrency = 9
        """,
    )
    assert load_registries(path) == {
        "docker.io": RegistryAccess(endpoint="http://127.0.0.1:5001"),
        "reg.example:5000": RegistryAccess(
            insecure=True,
            allow_private=True,
            ca_file=tmp_path / "ca.pem",
            username="me",
            password="hunter2",
            max_concurrency=9,
        ),
    }


def test_passwords_are_not_shown() -> None:
    """Not in the repr either."""
    access = RegistryAccess(username="me", password="hunter2")
    assert "hunter2" not in repr(access) + repr(access.credentials)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[registries", "not valid TOML"),
        ("[registry.x]", "may hold tables"),
        ("registries = 1", "may hold tables"),
        ('[registries]\n"ghcr.io" = 1', "not a table"),
        ('[registries."a b"]', "host name"),
        ('[registries."ghcr.io"]\nx = 1', "x: is not a setting"),
        ('[registries."ghcr.io"]\ninsecure = 1', "insecure: must be true or false"),
        ('[registries."ghcr.io"]\nmax_concurrency = true', "whole number"),
        ('[registries."ghcr.io"]\nmax_concurrency = 0', "from 1 to 64"),
        ('[registries."ghcr.io"]\nendpoint = "ftp://x"', "endpoint: must be http"),
        ('[registries."ghcr.io"]\nendpoint = "https://u:p@x"', "endpoint: must be http"),
        ('[registries."ghcr.io"]\nendpoint = "https://x/path"', "endpoint: must be http"),
        ('[registries."ghcr.io"]\nca_file = "none"', "not a file"),
        ('[registries."ghcr.io"]\nusername = "x"', "go together"),
        ('[registries."ghcr.io"]\nusername = "x"\npassword = "y"\npassword_file = "z"', "keep one"),
        ('[registries."ghcr.io"]\nusername = "x"\npassword_file = "z"', "cannot be read"),
        ('[registries."docker.io"]\n[registries."index.docker.io"]', "second table"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, text: str, complaint: str) -> None:
    """Each names the file and says what to do."""
    path = write(tmp_path, text)
    with pytest.raises(RegistriesFileInvalid, match=complaint) as refusal:
        load_registries(path)
    assert str(path) in str(refusal.value)


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    """It was named, so it should be there."""
    with pytest.raises(RegistriesFileInvalid, match="cannot be read"):
        load_registries(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("registry", "access", "url", "key"),
    [
        ("docker.io", None, "https://registry-1.docker.io", "docker.io"),
        ("docker.io", RegistryAccess(endpoint="http://127.0.0.1:5001"), "http://127.0.0.1:5001", "127.0.0.1:5001"),
        ("docker.io", RegistryAccess(endpoint="https://mirror.example"), "https://mirror.example", "mirror.example"),
        ("ghcr.io", None, "https://ghcr.io", "ghcr.io"),
        ("reg.example:5000", RegistryAccess(insecure=True), "http://reg.example:5000", "reg.example:5000"),
        ("localhost:5000", None, "http://localhost:5000", "localhost:5000"),
        ("127.3.2.1", None, "http://127.3.2.1", "127.3.2.1"),
        ("[::1]:5000", None, "http://[::1]:5000", "[::1]:5000"),
        ("10.0.0.1:5000", None, "https://10.0.0.1:5000", "10.0.0.1:5000"),
    ],
)
def test_endpoints(registry: str, access: RegistryAccess | None, url: str, key: str) -> None:
    """Plain http only on localhost or by the operator's word; a mirror gets its own credentials, never the Hub's."""
    endpoint = endpoint_of(registry, {registry: access} if access else {})
    assert (endpoint.url, endpoint.credential_key) == (httpx.URL(url), key)
