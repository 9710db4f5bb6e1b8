"""Errors: stable codes, safe messages."""

import pytest

from app.registry import errors


def tree(root: type[errors.RegistryError]) -> list[type[errors.RegistryError]]:
    return [root, *(found for child in root.__subclasses__() for found in tree(child))]


def test_the_docstring_draws_every_error() -> None:
    """The tree in the module's docstring is the tree."""
    assert errors.__doc__ is not None
    assert [kind.__name__ for kind in tree(errors.RegistryError) if kind.__name__ not in errors.__doc__] == []


def test_codes_are_unique() -> None:
    """Each leaf has a code of its own."""
    leaves = [kind for kind in tree(errors.RegistryError) if not kind.__subclasses__()]
    own = [kind.code for kind in leaves if kind.code != "registry-error"]
    assert len(own) == len(set(own))
    assert errors.Unreachable("x", cause="dns").code == "unreachable-dns"
    assert errors.RateLimited("x", pull_limit=True).code == "pull-limit"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("GET https://user:secret@host/path?token=abc failed", "GET https://host/path?... failed"),
        ("sent Bearer eyJhbGciOi.abc-def", "sent Bearer [redacted]"),
        ("Authorization: basic dXNlcjpwYXNz", "Authorization: basic [redacted]"),
        ("a\r\nb\x1b[31m\u202ec", "a b [31m c"),
        ("x" * 1000, "x" * 297 + "..."),
    ],
)
def test_messages_are_safe_to_show(text: str, safe: str) -> None:
    """No query, no credentials, no control characters, one bounded line."""
    assert errors.RegistryError(text).message == safe
