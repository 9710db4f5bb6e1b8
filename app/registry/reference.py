"""Image references: "debian:bookworm-slim" <-> `Reference`, with Docker's normalisation and the OCI grammar."""

import re
from dataclasses import dataclass
from typing import Literal

HUB = "docker.io"
DEFAULT_TAG = "latest"

_HUB_ALIASES = frozenset({HUB, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_PATH_LIMIT = 255  # distribution-spec: of the repository path, the host not counted
_REGISTRY_LIMIT = 255  # a DNS name has 253 at most; what a database column of names holds

_TEXT_LIMIT = 1_000

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# re.ASCII and fullmatch throughout: Go's \w is ASCII, and Python's $ tolerates a trailing newline.
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{{1,5}}))?", re.ASCII)
_PATH = re.compile(r"{c}(?:/{c})*".format(c=r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"), re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_TAG_PATTERN = re.compile(r"(?:[\w.*?-]|\[!?[\w.-]+\])+", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)
_BARE_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)

Part = Literal["registry", "repository", "tag", "digest"]

_ALLOWED: dict[Part, str] = {
    "registry": "a host name such as ghcr.io or localhost:5000",
    "repository": "lower-case letters and digits, joined by one '.', one or two '_', or '-', in parts separated by '/'"
    f", {_PATH_LIMIT} characters at most",
    "tag": "letters, digits, '_', '.' and '-', not starting with '.' or '-', 128 characters at most",
    "digest": "sha256: and 64 lower-case hexadecimal digits, or sha512: and 128",
}


class ReferenceInvalid(ValueError):
    """The text is not an image reference; `part` names the offending piece, `reason` what is wrong with it."""

    def __init__(self, text: str, part: Part, reason: str) -> None:
        self.text = _shown(text)
        self.part = part
        self.reason = reason
        super().__init__(f"{self.text!r}: {reason}; a {part} is {_ALLOWED[part]}")


def _shown(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."


def is_digest(text: str) -> bool:
    """Whether text is a complete sha256 or sha512 digest, lower-case (image-spec, descriptor.md "Digests")."""
    return _DIGEST.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether text is a tag by the distribution-spec's grammar."""
    return _TAG.fullmatch(text) is not None


def parse_digest(text: str) -> str:
    """The digest itself, or ReferenceInvalid."""
    if not is_digest(text):
        raise ReferenceInvalid(text, "digest", f"{_shown(text)!r} is not a digest")
    return text


@dataclass(frozen=True, slots=True)
class Repository:
    """Where an image's tags live: registry host (lower-case, Hub's aliases folded) and path."""

    registry: str
    path: str

    @property
    def familiar(self) -> str:
        """The shortest spelling that parses back to this repository: "debian", "grafana/grafana", "ghcr.io/a/b"."""
        if self.registry != HUB:
            return str(self)
        short = self.path.removeprefix("library/") if self.path.count("/") == 1 else self.path
        first, slash, _ = short.partition("/")
        ambiguous = (slash and _is_registry(first)) or _BARE_ID.fullmatch(short)
        return str(self) if ambiguous else short

    def __str__(self) -> str:
        """The full name, "docker.io/library/debian"."""
        return f"{self.registry}/{self.path}"

    @classmethod
    def parse(cls, text: str) -> "Repository":
        """The repository that text names; ReferenceInvalid if it also holds a tag or a digest."""
        name, tag, digest = _split(text)
        if digest is not None:
            raise ReferenceInvalid(text, "digest", "a repository is wanted, without a digest")
        if tag is not None:
            raise ReferenceInvalid(text, "tag", "a repository is wanted, without a tag")
        return _repository(name, text)


@dataclass(frozen=True, slots=True)
class Reference:
    """One image: a repository and a tag, a digest or both."""

    repository: Repository
    tag: str | None
    digest: str | None

    @property
    def target(self) -> str:
        """What to ask the registry for: the digest if there is one, else the tag."""
        return self.digest or self.tag or DEFAULT_TAG

    @property
    def familiar(self) -> str:
        """As people write it: "debian:bookworm-slim"."""
        return self._spelled(self.repository.familiar)

    def __str__(self) -> str:
        """In full: "docker.io/library/debian:bookworm-slim"."""
        return self._spelled(str(self.repository))

    def _spelled(self, name: str) -> str:
        return name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """The reference that text names, as Docker reads it; without tag and digest it is "latest"."""
        name, tag, digest = _split(text)
        if tag is not None and not is_tag(tag):
            raise ReferenceInvalid(text, "tag", f"{_shown(tag)!r} is not a tag")
        if digest is not None and not is_digest(digest):
            raise ReferenceInvalid(text, "digest", f"{_shown(digest)!r} is not a digest")
        default = DEFAULT_TAG if digest is None else None
        return cls(_repository(name, text), tag if tag is not None else default, digest)


def split_pattern(text: str) -> tuple[Repository, str]:
    """ "alpine:3.2*" -> the repository and a glob over its tags (`*`, `?`, `[...]`); "alpine" means "latest"."""
    name, pattern, digest = _split(text)
    if digest is not None:
        raise ReferenceInvalid(text, "digest", "a pattern selects tags, a digest has none")
    pattern = DEFAULT_TAG if pattern is None else pattern
    globs = any(sign in pattern for sign in "*?[")
    if len(pattern) > 128 or (_TAG_PATTERN if globs else _TAG).fullmatch(pattern) is None:
        raise ReferenceInvalid(text, "tag", f"{_shown(pattern)!r} is not a tag, nor a pattern of * ? [ ]")
    return _repository(name, text), pattern


def _split(text: str) -> tuple[str, str | None, str | None]:
    """Name, tag and digest as written; the pieces are not checked yet."""
    if len(text) > _TEXT_LIMIT:
        raise ReferenceInvalid(text, "repository", f"the text has {len(text)} characters")
    if "://" in text:
        raise ReferenceInvalid(text, "registry", "an image is named without https://")
    name, at, digest = text.partition("@")
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return head + slash + last, tag if colon else None, digest if at else None


def _repository(name: str, text: str) -> Repository:
    first, slash, rest = name.partition("/")
    if slash and _is_registry(first):
        return Repository(_registry(first, text), _path(rest, first, text))
    if _BARE_ID.fullmatch(name):
        raise ReferenceInvalid(text, "repository", "64 hexadecimal digits are an image id, not a name")
    return Repository(HUB, _path(name, HUB, text))


def _is_registry(component: str) -> bool:
    """Docker's rule: a first component without '.' or ':' is a user of the Hub, unless it is localhost.

    Docker also takes one with a capital letter for a host; here it is a misspelt Hub name, and refused as such.
    """
    return "." in component or ":" in component or component.lower() == "localhost"


def normalise_registry(text: str) -> str:
    """A registry's host (and port) as `Repository.registry` spells it: lower-case, Hub's aliases folded."""
    return _registry(text, text)


def _registry(host: str, text: str) -> str:
    match = _REGISTRY.fullmatch(host)
    if match is None or len(host) > _REGISTRY_LIMIT:
        raise ReferenceInvalid(text, "registry", f"{_shown(host)!r} is not a registry's host name")
    if match["port"] is not None and not 0 < int(match["port"]) < 65536:
        raise ReferenceInvalid(text, "registry", f"port {match['port']} does not exist")
    host = host.lower()
    return HUB if host in _HUB_ALIASES else host


def _path(path: str, registry: str, text: str) -> str:
    if not path:
        raise ReferenceInvalid(text, "repository", "the name is empty")
    if path != path.lower():
        raise ReferenceInvalid(text, "repository", f"{_shown(path)!r} has capital letters")
    if _PATH.fullmatch(path) is None:
        raise ReferenceInvalid(text, "repository", f"{_shown(path)!r} is not a repository's name")
    if registry.lower() in _HUB_ALIASES and "/" not in path:
        path = f"library/{path}"
    if len(path) > _PATH_LIMIT:
        raise ReferenceInvalid(text, "repository", f"the name has {len(path)} characters")
    return path
