"""Running `tarewatch` as people do: a process of its own, in a folder of its own, with only the given environment."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TAREWATCH = Path(sys.executable).with_name("tarewatch")
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the developer's own settings; nothing is watched unless asked for."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TAREWATCH_DEFAULT_WATCHES": "off",
        "TAREWATCH_HUB_API": "off",
        "PYTHONDONTWRITEBYTECODE": "1",
        **settings,
    }


def tarewatch(folder: Path, *words: str, before: Sequence[str] = (), **settings: str) -> Ran:
    """Run a command to its end in `folder`; `before` may be a program that starts it."""
    done = subprocess.run(
        [*before, str(TAREWATCH), *words],
        cwd=folder,
        env=environment(folder, settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def started(command: Sequence[str], folder: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A long-running command; killed at the end unless it has ended by then. Its stderr is for reading."""
    process = subprocess.Popen(
        list(command), cwd=folder, env=environment(folder, settings), stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def address(process: subprocess.Popen[str]) -> str:
    """The URL that `tarewatch serve` announces; fails with what it said if it ends instead."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if " is at http://" in line:
            return line.split(" is at ")[1].split()[0]
    raise AssertionError(f"no address was announced: {''.join(said)}")
