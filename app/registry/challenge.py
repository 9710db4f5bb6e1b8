"""`WWW-Authenticate`: several challenges, on several lines or in one, as registries send them (RFC 9110, 11.6.1)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_MOST_LINES = 16
_LONGEST_LINE = 8192

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  a grammar's word, no secret
_SKIP = re.compile(r"[\s,]*")
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))', re.ASCII | re.DOTALL)
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|$)", re.ASCII)
_REST = re.compile(r"[^,]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate that a server offers; scheme and parameter names in lower case."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def realm(self) -> str:
        """Bearer: the token service's address, perhaps relative. Basic: a name, no address."""
        return self.parameters.get("realm", "")

    @property
    def service(self) -> str:
        """What the token service calls this registry."""
        return self.parameters.get("service", "")

    @property
    def scope(self) -> str:
        """What the request would have needed."""
        return self.parameters.get("scope", "")


def parse_challenges(lines: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges of the header's lines, in order; what cannot be read is left out."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in list(lines)[:_MOST_LINES]:
        _parse_line(line[:_LONGEST_LINE], found)
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def _parse_line(line: str, found: list[tuple[str, dict[str, str]]]) -> None:
    first = len(found)  # a parameter belongs to a challenge of its own line
    position = _skip(line, 0)
    while position < len(line):
        if match := _PARAMETER.match(line, position):
            if len(found) > first:
                found[-1][1].setdefault(match[1].lower(), _unquoted(match))
        elif match := _SCHEME.match(line, position):
            found.append((match[1].lower(), {}))
        else:
            match = _REST.match(line, position)
        position = _skip(line, max(match.end() if match else 0, position + 1))


def _skip(line: str, position: int) -> int:
    match = _SKIP.match(line, position)
    return match.end() if match else position


def _unquoted(match: re.Match[str]) -> str:
    if match[2] is None:
        return match[3] or ""
    return re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL)


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """The challenge to answer: Bearer if it names a realm, else Basic; None if there is neither."""
    offered = list(challenges)
    bearer = [challenge for challenge in offered if challenge.scheme == "bearer" and challenge.realm]
    basic = [challenge for challenge in offered if challenge.scheme == "basic"]
    return next(iter(bearer + basic), None)
