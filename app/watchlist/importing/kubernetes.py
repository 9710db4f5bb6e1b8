"""Images of Kubernetes manifests: wherever a pod is described, in whatever kind of object, Lists included."""

from collections.abc import Iterator

from app.watchlist.importing.found import Mention
from app.watchlist.importing.yaml_tree import Items, Node, Scalar, Table

_CONTAINERS = {"containers": "container", "initContainers": "init container", "ephemeralContainers": "container"}
_TEMPLATED = ("{{", "${", "$(")


def is_kubernetes(document: Table) -> bool:
    """Whether a mapping is an object of Kubernetes: it says its version and kind."""
    return document.scalar("apiVersion") is not None and document.scalar("kind") is not None


def read_kubernetes(document: Table) -> Iterator[Mention]:
    """The images of every container in it, and of image volumes."""
    seen, queue = set[int](), [(document, _named(document, ""))]
    while queue:
        table, place = queue.pop()
        if id(table) in seen:  # an alias, perhaps of itself
            continue
        seen.add(id(table))
        yield from _pod(table, place)
        queue.extend((below, _named(below, place)) for below in _below(table)[::-1])


def _named(table: Table, above: str) -> str:
    """ "Deployment web" for an object, what it is part of for everything else."""
    kind, name = table.scalar("kind"), table.table("metadata").scalar("name")
    return f"{kind.text} {name.text if name else ''}".strip() if kind and table.get("metadata") else above


def _below(table: Table) -> list[Table]:
    return [one for value in table.entries().values() for one in _tables(value)]


def _tables(node: Node) -> list[Table]:
    if isinstance(node, Table):
        return [node]
    return [one for one in node.items if isinstance(one, Table)] if isinstance(node, Items) else []


def _pod(table: Table, place: str) -> Iterator[Mention]:
    for key, word in _CONTAINERS.items():
        for container in _tables(Items(table.line, table.items(key))):
            name = container.scalar("name")
            yield from _image(container.get("image"), f"{place}, {word} {name.text if name else ''}")
    for volume in _tables(Items(table.line, table.items("volumes"))):
        yield from _image(volume.table("image").get("reference"), f"{place}, volume")


def _image(image: Node | None, where: str) -> Iterator[Mention]:
    """What a container runs; `{{ .Values.image }}` without quotes is a mapping to YAML."""
    if isinstance(image, Table):
        yield Mention("{{ ... }}", image.line, where.strip(" ,"), "a template")
    elif isinstance(image, Scalar) and image.text:
        problem = "a template" if any(sign in image.text for sign in _TEMPLATED) else None
        yield Mention(image.text, image.line, where.strip(" ,"), problem)
