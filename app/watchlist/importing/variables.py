"""Variables in Dockerfiles and compose files: `$X`, `${X}`, `${X:-y}`, `${X-y}`, `${X:+y}`, `${X+y}`, `${X:?why}`.

Follows https://docs.docker.com/reference/dockerfile/#environment-replacement and
https://docs.docker.com/reference/compose-file/interpolation/.
"""

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-+?]")
_LONGEST = 1_000  # of an image's name; so values that double one another come to an end
_DEEPEST = 10


class Unresolved(ValueError):
    """A variable has no value here; `name` is the variable, or empty where the text is not understood."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


def expand(text: str, values: Mapping[str, str | None], depth: int = 0) -> str:
    """The text with its variables replaced, `$$` being a dollar sign; Unresolved where one has no value."""
    if depth > _DEEPEST or len(text) > _LONGEST:
        raise Unresolved("", "its variables go too deep")
    done, at = "", 0
    while (dollar := text.find("$", at)) >= 0:
        value, end = _replaced(text, dollar + 1, values, depth)
        done, at = done + text[at:dollar] + value, end
        if len(done) > _LONGEST:
            raise Unresolved("", "its variables make it too long")
    return done + text[at:]


def _replaced(text: str, at: int, values: Mapping[str, str | None], depth: int) -> tuple[str, int]:
    """The value of what follows a dollar sign, and where the text goes on."""
    if text.startswith("$", at):
        return "$", at + 1
    if text.startswith("{", at):
        end = _closing(text, at)
        return _braced(text[at + 1 : end], values, depth), end + 1
    if name := _NAME.match(text, at):
        return _value(name[0], values), name.end()
    return "$", at


def _closing(text: str, opening: int) -> int:
    open_braces = 0
    for at in range(opening, len(text)):
        open_braces += {"{": 1, "}": -1}.get(text[at], 0)
        if open_braces == 0:
            return at
    raise Unresolved("", "a ${ is not closed")


def _braced(inner: str, values: Mapping[str, str | None], depth: int) -> str:
    name = _NAME.match(inner)
    if name is None:
        raise Unresolved("", f"${{{inner}}} is not understood")
    if name.end() == len(inner):
        return _value(name[0], values)
    operator = _OPERATOR.match(inner, name.end())
    if operator is None:
        raise Unresolved("", f"${{{inner}}} is not understood")
    value, other = values.get(name[0]), inner[operator.end() :]
    there = bool(value) if operator[0].startswith(":") else value is not None
    if operator[0].endswith("+"):
        return expand(other, values, depth + 1) if there else ""
    if there:
        return value or ""
    if operator[0].endswith("?"):
        raise Unresolved(name[0], f"{name[0]} is not set")
    return expand(other, values, depth + 1)


def _value(name: str, values: Mapping[str, str | None]) -> str:
    value = values.get(name)
    if value is None:
        raise Unresolved(name, f"{name} is not set")
    return value
