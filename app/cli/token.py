"""`tarewatch token`: the admin token, for those who may read it."""

import typer

from app.secret_files import with_secrets
from app.settings import load_settings


def token() -> None:
    """Print the admin token, made and kept beside the database if none was set."""
    settings = with_secrets(load_settings())
    assert settings.admin_token is not None  # noqa: S101 - with_secrets sets it
    typer.echo(settings.admin_token.get_secret_value())
