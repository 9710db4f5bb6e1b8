"""Secrets that nobody set: made once and kept in files that only the owner can read."""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
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
    with suppress(DatabaseUnusable):  # a file that is not in use may be as it likes
        return path if _kept(path) == settings.admin_token else None
    return None


def _kept(path: Path) -> SecretStr:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        make_secret(path)
        with path.open(encoding="utf-8") as file:
            unsafe = why_unsafe(os.fstat(file.fileno()))
            text = file.read(1_000).strip()
    except OSError as error:
        raise DatabaseUnusable(f"cannot keep a secret in {path}: {error.strerror}; set it in the environment") from None
    if unsafe is not None:
        raise DatabaseUnusable(f"{path} {unsafe}, or set the secret in the environment")
    if len(text) < 16:
        raise DatabaseUnusable(f"{path} holds no secret of 16 characters or more: delete it to have a new one made")
    return SecretStr(text)


def why_unsafe(status: os.stat_result, user: int | None = None) -> str | None:
    """Why a file is no place for a secret of this user (else of the one who runs this), and what to do; POSIX only."""
    if os.name != "posix":
        return None
    user = os.geteuid() if user is None else user
    if status.st_uid != user:
        return f"belongs to the user with id {status.st_uid}, and this runs as {user}: chown it"
    if status.st_mode & 0o077:
        return f"can be read by others (mode {status.st_mode & 0o777:o}): chmod 600 it"
    return None


def make_secret(path: Path, link: Callable[[Path, Path], None] = os.link) -> None:
    """Write a new secret unless there is one: whole and at once, so that nobody reads half of it."""
    if path.exists():
        return
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    _write_new(draft)
    try:
        link(draft, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        with suppress(FileExistsError):
            _write_new(path)
    finally:
        draft.unlink()


def _write_new(path: Path) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
