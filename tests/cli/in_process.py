"""Running `tarewatch` in the test's own process: starting one each time takes a second."""

import os
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from typer.testing import CliRunner

from app.cli import EXPECTED, app, main
from tests.ops.commands import Ran, environment


def tarewatch_here(folder: Path, *words: str, **settings: str) -> Ran:
    """Run the whole of `main` in `folder`, with nothing but these settings in its environment."""
    out, err = StringIO(), StringIO()
    with (
        chdir(folder),
        patch.dict(os.environ, environment(folder, settings), clear=True),
        patch.object(sys, "argv", ["tarewatch", *words]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            return Ran(int(ended.code or 0), out.getvalue(), err.getvalue())
    raise AssertionError("main returned instead of exiting")


@dataclass(frozen=True, slots=True)
class Tarewatch:
    """Commands on one database; `folder` is where the test works."""

    folder: Path
    url: str

    def __call__(self, *words: str, stdin: bytes | None = None) -> Ran:
        """How the command ended, as in a process of its own."""
        ran = CliRunner().invoke(app, words, input=stdin, env={"TAREWATCH_DATABASE_URL": self.url, "COLUMNS": None})
        if isinstance(ran.exception, EXPECTED):  # what `main` makes one line of
            return Ran(2, ran.stdout, f"tarewatch: {ran.exception}\n")
        assert isinstance(ran.exception, SystemExit | None), ran.exception
        return Ran(ran.exit_code, ran.stdout, ran.stderr)
