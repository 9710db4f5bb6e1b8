"""JSON documents from strangers: decoded strictly, read by typed accessors that raise ManifestInvalid."""

import json
from typing import Any, NoReturn

from app.registry.errors import ManifestInvalid

MAX_INTEGER = 2**53  # beyond it JSON numbers are not exact everywhere (image-spec, descriptor.md "size" is int64)
MAX_TEXT = 64 * 1024

JsonObject = dict[str, Any]


def load_object(body: bytes, what: str) -> JsonObject:
    """The JSON object in body; duplicate keys, NaN, other encodings than UTF-8 and depth bombs are refused."""
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise ManifestInvalid(f"the {what} is nested too deeply") from None
    except ValueError as problem:  # bad UTF-8, bad JSON, an integer of thousands of digits
        raise ManifestInvalid(f"the {what} is not valid JSON: {_brief(problem)}") from None
    if not isinstance(document, dict):
        raise ManifestInvalid(f"the {what} is not a JSON object")
    return document


def _brief(problem: ValueError) -> str:
    return "it is not UTF-8" if isinstance(problem, UnicodeDecodeError) else str(problem)


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def optional_text(document: JsonObject, key: str, what: str) -> str | None:
    """The text under key, None if it is absent or null; any other type is refused."""
    value = document.get(key)
    if value is not None and not isinstance(value, str):
        raise ManifestInvalid(f"{what}: {key} is not text")
    return None if value is None else storable(value)


def optional_list(document: JsonObject, key: str, what: str, *, at_most: int) -> list[Any]:
    """The list under key, empty if it is absent or null."""
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ManifestInvalid(f"{what}: {key} is not a list")
    if len(value) > at_most:
        raise ManifestInvalid(f"{what}: {key} has {len(value)} entries, more than {at_most}")
    return value


def optional_object(document: JsonObject, key: str, what: str) -> JsonObject | None:
    """The object under key, None if it is absent or null."""
    value = document.get(key)
    if value is not None and not isinstance(value, dict):
        raise ManifestInvalid(f"{what}: {key} is not an object")
    return value


def byte_count(document: JsonObject, key: str, what: str) -> int:
    """The number of bytes under key: a whole number from 0 to 2^53, nothing that merely looks like one."""
    value = document.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ManifestInvalid(f"{what}: {key} is not a whole number")
    if not 0 <= value <= MAX_INTEGER:
        raise ManifestInvalid(f"{what}: {key} is {'negative' if value < 0 else 'larger than 2^53'}")
    return value


def storable(text: str) -> str:
    """Text that any database takes: bounded, without NUL and lone surrogates, otherwise verbatim."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
