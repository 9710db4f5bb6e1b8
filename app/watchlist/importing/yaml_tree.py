"""YAML of strangers as a tree with line numbers: nothing is constructed, aliases are not copied, sizes are capped."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml  # type: ignore[import-untyped]  # it comes without types

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_NODES = 200_000
_MOST_EXPANDED = 400_000  # what is read through aliases counts each time, long texts for more
_DEEPEST = 100
_NULL = {"", "~", "null", "Null", "NULL"}


class YamlInvalid(ValueError):
    """The text is no YAML, or more than is read; str() says what is wrong and where."""


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A text as it was written; `line` counts from 1."""

    text: str
    line: int


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A sequence."""

    line: int
    items: "list[Node]" = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A mapping with text keys; the last of several alike keys counts, as do merge keys (`<<`)."""

    line: int
    own: "dict[str, Node]" = field(default_factory=dict)
    merged: "list[Node]" = field(default_factory=list)

    def entries(self) -> "dict[str, Node]":
        """All keys with their values, those of merged mappings included."""
        found: dict[str, Node] = {}
        for table in self._tables():
            for key, value in table.own.items():
                found.setdefault(key, value)
        return found

    def get(self, key: str) -> "Node | None":
        """The value of a key, None where there is none."""
        return next((table.own[key] for table in self._tables() if key in table.own), None)

    def _tables(self) -> "Iterator[Table]":
        """Itself and the merged ones, those first that win."""
        seen, queue = set[int](), [self]
        while queue:
            table = queue.pop()
            if id(table) not in seen:
                seen.add(id(table))
                yield table
                queue.extend(one for one in table.merged[::-1] if isinstance(one, Table))

    def table(self, key: str) -> "Table":
        """The mapping under a key; an empty one where there is none."""
        value = self.get(key)
        return value if isinstance(value, Table) else Table(self.line)

    def items(self, key: str) -> "list[Node]":
        """The sequence under a key; an empty one where there is none."""
        value = self.get(key)
        return value.items if isinstance(value, Items) else []

    def scalar(self, key: str) -> Scalar | None:
        """The text under a key; None where there is none, or it is null."""
        value = self.get(key)
        return value if isinstance(value, Scalar) and value.text not in _NULL else None


Node = Scalar | Items | Table


def documents(text: str) -> Iterator[Node]:
    """Every document of the text; YamlInvalid once one of them cannot be read."""
    try:
        yield from _documents(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise YamlInvalid(f"no YAML: {error.problem or error.context}{where}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: what the parser makes of some broken escapes
        raise YamlInvalid(f"no YAML: {' '.join(str(error).split())}") from None


def _documents(text: str) -> Iterator[Node]:
    tree = _Tree()
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        if count > _MOST_NODES:
            raise YamlInvalid(f"more than {_MOST_NODES} nodes")
        if isinstance(event, yaml.DocumentStartEvent):
            tree = _Tree()
        elif isinstance(event, yaml.DocumentEndEvent):
            if tree.root is not None:
                yield tree.root
        else:
            tree.add(event)


@dataclass(slots=True)
class _Tree:
    """A document in the making: `open` are the containers around the next node, each with the key that waits.

    `weights`: how much is in each of them so far, and in the document; `anchors`: nodes with their weights.
    """

    root: Node | None = None
    open: list[Items | Table] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)  # their anchors
    weights: list[int] = field(default_factory=lambda: [0])
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)

    def add(self, event: yaml.Event) -> None:
        """Take the next event in."""
        if isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.NodeEvent):
            node = self._node(event)
            self._place(node)
            if isinstance(event, yaml.CollectionStartEvent) and isinstance(node, Items | Table):
                if len(self.open) >= _DEEPEST:
                    raise YamlInvalid(f"nested deeper than {_DEEPEST}")
                self.open.append(node)
                self.keys.append(None)
                self.names.append(event.anchor)
                self.weights.append(0)

    def _close(self) -> None:
        node, name, weight = self.open.pop(), self.names.pop(), self.weights.pop()
        self.keys.pop()
        self._weigh(weight)
        if name and self.anchors[name][0] is node:
            self.anchors[name] = node, weight + 1

    def _weigh(self, weight: int) -> None:
        self.weights[-1] += weight
        if self.weights[-1] > _MOST_EXPANDED:
            raise YamlInvalid(f"more than {_MOST_EXPANDED} nodes once its aliases are followed")

    def _node(self, event: yaml.NodeEvent) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            aliased, weight = self.anchors.get(event.anchor) or (Scalar("", line), 1)
            self._weigh(weight)
            return aliased
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(event.value, line)
        else:
            node = Items(line) if isinstance(event, yaml.SequenceStartEvent) else Table(line)
        weight = 1 + len(node.text) // 64 if isinstance(node, Scalar) else 1
        self._weigh(weight)
        if event.anchor:
            self.anchors[event.anchor] = node, weight
        return node

    def _place(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        holder = self.open[-1]
        if isinstance(holder, Items):
            holder.items.append(node)
        elif self.keys[-1] is None:
            self.keys[-1] = node.text if isinstance(node, Scalar) else ""
        else:
            _set(holder, self.keys[-1], node)
            self.keys[-1] = None


def _set(table: Table, key: str, value: Node) -> None:
    if key == "<<":
        table.merged.extend(value.items if isinstance(value, Items) else [value])
    else:
        table.own[key] = value
