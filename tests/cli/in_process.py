"""Running `tarewatch` in the test's own process: starting one each time takes a second."""

from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from app.cli import EXPECTED, app
from tests.ops.commands import Ran


@dataclass(frozen=True, slots=True)
class Tarewatch:
    """Commands on one database; `folder` is where the test works."""

    folder: Path
    url: str

    def __call__(self, *words: str, stdin: bytes | None = None) -> Ran:
        """How the command ended, as in a process of its own."""
        ran = CliRunner().invoke(app, words, input=stdin, env={"TAREWATCH_DATABASE_URL": self.url})
        if isinstance(ran.exception, EXPECTED):  # what `main` makes one line of
            return Ran(2, ran.stdout, f"tarewatch: {ran.exception}\n")
        assert isinstance(ran.exception, SystemExit | None), ran.exception
        return Ran(ran.exit_code, ran.stdout, ran.stderr)
