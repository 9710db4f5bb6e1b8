"""Opaque cursors: where a page of a list ended, and of which list."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

import orjson

from app.history.page import Key, PageKeyInvalid

_LONGEST = 1000
_GREATEST = 2**63  # no database has a greater number


def encode_cursor(listing: str, key: Key) -> str:
    """The cursor after this key of a list ("images:bytes:desc"): url-safe text."""
    return urlsafe_b64encode(orjson.dumps([listing, *key])).rstrip(b"=").decode()


def decode_cursor(listing: str, cursor: str | None) -> Key | None:
    """The key; None without a cursor. PageKeyInvalid for anything that `encode_cursor` did not make for this list."""
    if cursor is None:
        return None
    try:
        found = orjson.loads(_unpacked(cursor))
    except (Error, ValueError):
        raise PageKeyInvalid("the cursor is damaged") from None
    if not isinstance(found, list) or not found or not all(_is_plain(part) for part in found):
        raise PageKeyInvalid("the cursor is damaged")
    if found[0] != listing:
        raise PageKeyInvalid("the cursor belongs to another list or order")
    return tuple(found[1:])


def _unpacked(cursor: str) -> bytes:
    if len(cursor) > _LONGEST or not cursor.isascii():
        raise ValueError(cursor[:20])
    return urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))


def _is_plain(part: object) -> bool:
    if isinstance(part, str):
        return "\0" not in part
    return isinstance(part, int) and not isinstance(part, bool) and -_GREATEST <= part < _GREATEST
