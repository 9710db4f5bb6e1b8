"""Secrets that nobody set: made once and kept in files that only the owner can read."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from app.db import DatabaseUnusable
from app.settings import Settings

ADMIN_TOKEN_FILE = "admin-token"  # noqa: S105 - a file's name
SECRET_KEY_FILE = "secret-key"  # noqa: S105 - a file's name


def with_secrets(settings: Settings) -> Settings:
    """The settings with an admin token and a secret key: those that were set, else those kept beside the database."""
    made: dict[str, SecretStr] = {}
    if settings.admin_token is None:
        made["admin_token"] = _kept(settings.data_dir / ADMIN_TOKEN_FILE)
    if settings.secret_key is None:
        made["secret_key"] = _kept(settings.data_dir / SECRET_KEY_FILE)
    return settings.model_copy(update=made)


def token_file(settings: Settings) -> Path | None:
    """The file that these settings' admin token is kept in; None if it came from elsewhere."""
    path = settings.data_dir / ADMIN_TOKEN_FILE
    if settings.admin_token is None or not path.is_file():
        return None
    return path if _kept(path) == settings.admin_token else None


def _kept(path: Path) -> SecretStr:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise DatabaseUnusable(f"cannot keep a secret in {path}: {error.strerror}; set it in the environment") from None
    if len(text) < 16:
        raise DatabaseUnusable(f"{path} holds no secret of 16 characters or more: delete it to have a new one made")
    return SecretStr(text)


def _make(path: Path) -> None:
    """Write a new secret unless there is one: whole and at once, so that nobody reads half of it."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
