"""What kind of file it is: by its name in a folder, and by its content where it was named itself."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import PurePath

from app.watchlist.importing.compose import is_compose, read_compose
from app.watchlist.importing.dockerfile import read_dockerfile
from app.watchlist.importing.found import Build, Mention
from app.watchlist.importing.instructions import instructions
from app.watchlist.importing.kubernetes import is_kubernetes, read_kubernetes
from app.watchlist.importing.plain_list import read_list
from app.watchlist.importing.workflow import is_workflow, read_workflow
from app.watchlist.importing.yaml_tree import Table, YamlInvalid, documents

_DOCKERFILE = re.compile(r"(?:docker|container)file(?:[.-].+)?|.+\.(?:docker|container)file", re.IGNORECASE)
_NOT_DOCKERFILE = re.compile(r".*\.(?:dockerignore|md|txt|json|sh|py|ya?ml)", re.IGNORECASE)
_YAML = (".yaml", ".yml")
_LIST = re.compile(r"(?:.+[.-])?images\.(?:txt|list)", re.IGNORECASE)


class Kind(StrEnum):
    """How a file is read."""

    DOCKERFILE = "Dockerfile"
    YAML = "YAML"
    LIST = "list"


class NotRead(ValueError):
    """The file is of no kind that is read, or is a template; str() says so."""


def kind_by_name(path: PurePath) -> Kind | None:
    """The kind of a file in a folder, or None where its name promises no images."""
    if _DOCKERFILE.fullmatch(path.name) and not _NOT_DOCKERFILE.fullmatch(path.name):
        return Kind.DOCKERFILE
    if path.suffix.lower() in _YAML:
        return Kind.YAML
    return Kind.LIST if _LIST.fullmatch(path.name) else None


def kind_by_content(text: str) -> Kind:
    """The kind of a file whose name says nothing: a Dockerfile has a FROM after nothing but ARGs, a list has no colon
    and space."""
    for instruction in instructions(text):
        if instruction.keyword != "ARG":
            if instruction.keyword == "FROM" and instruction.rest:
                return Kind.DOCKERFILE
            break
    return Kind.YAML if re.search(r"^[\w.\"'{-]+\s*:(?:\s|$)|^\s*\{", text, re.MULTILINE) else Kind.LIST


def read(kind: Kind, text: str, variables: Mapping[str, str]) -> Iterator[Mention | Build]:
    """The images of a file's text; NotRead, YamlInvalid. `variables` count in compose files."""
    if kind == Kind.DOCKERFILE:
        yield from read_dockerfile(text)
    elif kind == Kind.LIST:
        yield from read_list(text)
    else:
        yield from _read_yaml(text, variables)


def _read_yaml(text: str, variables: Mapping[str, str]) -> Iterator[Mention | Build]:
    try:
        every = list(documents(text))
    except YamlInvalid:
        if "{{" in text or "{%" in text:
            raise NotRead("a template (Helm or alike): render it first") from None
        raise
    for document in every:
        if not isinstance(document, Table):
            continue
        if is_kubernetes(document):
            yield from read_kubernetes(document)
        elif is_compose(document):
            yield from read_compose(document, variables)
        elif is_workflow(document):
            yield from read_workflow(document)
