"""Commands whose files are imported when they are asked for: `watch list` need not wait for the web server's."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

# Each command, or group of commands, by name, in the order of the help: its file in this folder, and what it is there.
_PLACES = {
    "serve": ("serve", "serve"),
    "worker": ("serve", "worker"),
    "migrate": ("migrate", "migrate"),
    "demo": ("demo", "demo"),
    "poll": ("poll", "poll"),
    "backfill": ("backfill", "backfill"),
    "apply": ("apply", "apply"),
    "prune": ("prune", "prune_"),
    "token": ("token", "token"),
    "watch": ("watch", "app"),
    "import": ("import_", "app"),
    "export": ("export", "app"),
}


class _Commands(Mapping[str, Any]):
    """The commands by name."""

    def __getitem__(self, name: str) -> Any:
        file, attribute = _PLACES[name]
        found = getattr(import_module(f"app.cli.{file}"), attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False)
            single.command(name)(found)
            return typer.main.get_command(single)
        group = typer.main.get_group(found)
        group.name = name
        return group

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


class OnDemand(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = _Commands()
