"""Images of a compose file: what its services run, and the Dockerfiles of those that are built.

Follows https://docs.docker.com/reference/compose-file/. Every profile counts; `include` and `extends` are not followed.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from app.watchlist.importing.dockerfile import read_dockerfile
from app.watchlist.importing.found import Build, Mention
from app.watchlist.importing.variables import Unresolved, expand
from app.watchlist.importing.yaml_tree import Scalar, Table

_ELSEWHERE = ("http://", "https://", "git@", "git://", "ssh://", "github.com/", "oci-layout://", "docker-image://")


def is_compose(document: Table) -> bool:
    """Whether a mapping looks like a compose file: `services`, each of which has an image or is built."""
    services = document.table("services").entries().values()
    tables = [service for service in services if isinstance(service, Table)]
    return bool(tables) and any(service.get("image") or service.get("build") for service in tables)


def read_compose(document: Table, variables: Mapping[str, str]) -> Iterator[Mention | Build]:
    """What every service runs or is built from; `variables` are those of the `.env` file beside it."""
    services = document.table("services").entries().items()
    tables = [(name, service) for name, service in services if isinstance(service, Table)]
    built = {image.text for _, service in tables if service.get("build") and (image := service.scalar("image"))}
    for name, service in tables:
        where, image = _where(name, service), service.scalar("image")
        if service.get("build") is not None:
            yield from _build(service, where, variables)
        elif image is not None and image.text in built:
            yield Mention(image.text, image.line, where, "built by another service of this file")
        elif image is not None:
            yield _image(image, where, variables)


def _where(name: str, service: Table) -> str:
    profiles = [one.text for one in service.items("profiles") if isinstance(one, Scalar)]
    return f"service {name}" + (f" (profile {', '.join(profiles)})" if profiles else "")


def _image(image: Scalar, where: str, variables: Mapping[str, str]) -> Mention:
    try:
        return Mention(expand(image.text, variables), image.line, where)
    except Unresolved as error:
        return Mention(image.text, image.line, where, str(error))


def _build(service: Table, where: str, variables: Mapping[str, str]) -> Iterator[Mention | Build]:
    build = service.get("build")
    if build is None:
        return
    table = build if isinstance(build, Table) else Table(build.line)
    args = _args(table, variables)
    if (inline := table.scalar("dockerfile_inline")) is not None:
        for one in read_dockerfile(inline.text, args):
            yield Mention(one.text, inline.line + one.line, f"{where}, {one.where}", one.problem)
        return
    context = build.text if isinstance(build, Scalar) else _text(table, "context", ".")
    dockerfile = _text(table, "dockerfile", "Dockerfile")
    try:
        context, dockerfile = expand(context, variables), expand(dockerfile, variables)
    except Unresolved as error:
        yield Mention(context, build.line, where, f"where it is built cannot be told: {error}")
        return
    if context.startswith(_ELSEWHERE):
        yield Mention(context, build.line, where, "built from what lies elsewhere")
        return
    yield Build(str(PurePosixPath(context) / dockerfile), build.line, where, args)


def _text(table: Table, key: str, default: str) -> str:
    scalar = table.scalar(key)
    return scalar.text if scalar is not None else default


def _args(table: Table, variables: Mapping[str, str]) -> dict[str, str]:
    """Build arguments, written as a mapping or as a list of NAME=value; those without a value here are left out."""
    pairs = [(key, value.text) for key, value in table.table("args").entries().items() if isinstance(value, Scalar)]
    listed = [one.text.partition("=") for one in table.items("args") if isinstance(one, Scalar)]
    pairs += [(name, value) for name, equals, value in listed if equals]
    found: dict[str, str] = {}
    for name, text in pairs:
        try:
            found[name] = expand(text, variables)
        except Unresolved:
            continue
    return found


def read_env(text: str) -> dict[str, str]:
    """The variables of an `.env` file: NAME=value, quotes taken off; what else there is is passed over."""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not equals or name.startswith("#") or not name.strip().isidentifier():
            continue
        value = value.strip()
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[name.strip()] = value[1:-1] if quoted else value.partition(" #")[0].rstrip()
    return found
