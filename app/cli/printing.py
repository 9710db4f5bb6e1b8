"""How commands print: as wide as the terminal, and never cut or wrapped where a file or another program reads."""

import os

from rich.console import Console, ConsoleOptions
from rich.progress import Progress, ProgressColumn
from rich.table import Table

_UNLIMITED = 10_000


class _Console(Console):
    """As wide as the terminal; where there is none, as wide as what is printed."""

    @property
    def options(self) -> ConsoleOptions:
        options = super().options
        return options if self.is_terminal or "COLUMNS" in os.environ else options.update_width(_UNLIMITED)


def console(*, stderr: bool = False) -> Console:
    """Prints sentences unbroken, and tables as wide as there is room."""
    return _Console(stderr=stderr, highlight=False, soft_wrap=True)


def table(*headings: str) -> Table:
    """An empty table; what is too long for its column goes on below, for a name that lacks its end is none."""
    made = Table(box=None)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def progress_bar(*columns: ProgressColumn, on: Console) -> Progress:
    """A bar that leaves nothing behind, and that only a terminal shows."""
    return Progress(*columns, console=on, transient=True, disable=not on.is_terminal)


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 tag", "2,000 tags"."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
