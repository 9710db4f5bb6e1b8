"""Secrets that are made and kept beside the database."""

import errno
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.db import DatabaseUnusable
from app.secret_files import ADMIN_TOKEN_FILE, SECRET_KEY_FILE, make_secret, token_file, why_unsafe, with_secrets
from app.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    database_url = SecretStr(f"sqlite:///{tmp_path}/x.db")
    return Settings(database_url=database_url, admin_token=None, secret_key=None)


def test_secrets_are_made_once_and_private(settings: Settings) -> None:
    """The next start reads the same ones, from files of mode 600; nothing else is left behind."""
    first = with_secrets(settings)
    assert with_secrets(settings) == first
    assert first.admin_token != first.secret_key
    kept = sorted(settings.data_dir.iterdir())
    assert [path.name for path in kept] == [ADMIN_TOKEN_FILE, SECRET_KEY_FILE]
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert token_file(first) == kept[0]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
@pytest.mark.parametrize("name", [ADMIN_TOKEN_FILE, SECRET_KEY_FILE])
def test_a_secret_that_others_can_read_is_refused(settings: Settings, name: str, mode: int) -> None:
    """It is none any more; the message names the file and the remedy, not the secret."""
    path = settings.data_dir / name
    path.write_text("a-secret-of-some-length")
    path.chmod(mode)
    with pytest.raises(DatabaseUnusable, match=rf"{name} .*chmod 600") as refusal:
        with_secrets(settings)
    assert "a-secret" not in str(refusal.value)
    path.chmod(0o600)
    with_secrets(settings)


def test_a_secret_of_another_user_is_refused(tmp_path: Path) -> None:
    """Whoever owns the file can read it, whatever its mode."""
    path = tmp_path / "secret"
    make_secret(path)
    status = path.stat()
    assert why_unsafe(status) is None
    assert f"id {status.st_uid}, and this runs as {status.st_uid + 1}" in (why_unsafe(status, status.st_uid + 1) or "")


def test_a_stale_file_is_nobodys_business(settings: Settings) -> None:
    """With a token from the environment, the file may be readable by all."""
    path = settings.data_dir / ADMIN_TOKEN_FILE
    path.write_text("a-secret-of-some-length")
    path.chmod(0o644)
    assert token_file(with_secrets(settings.model_copy(update={"admin_token": SecretStr("x" * 20)}))) is None


def test_a_file_system_without_hard_links(tmp_path: Path) -> None:
    """The secret is made all the same, private, and never over one that exists."""

    def no_links(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    path = tmp_path / "secret"
    make_secret(path, no_links)
    text = path.read_text()
    assert len(text) > 40
    assert path.stat().st_mode & 0o777 == 0o600
    make_secret(path, no_links)
    assert (path.read_text(), [*tmp_path.iterdir()]) == (text, [path])
