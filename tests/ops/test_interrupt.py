"""Ctrl+C goes to every process of the terminal's foreground group: only ours should feel it."""

import os
import signal
from pathlib import Path

from app.imitation.serve import start_process
from tests.conftest import NOW
from tests.ops.commands import TAREWATCH, address, started


def test_imitation_is_not_interrupted() -> None:
    """The imitation registry ends with the demo, not with a traceback of its own before it."""
    with start_process(["--now", NOW.isoformat()]) as served:
        assert os.getpgid(served.pid) != os.getpgid(0)


def test_serve_ends_quietly(tmp_path: Path) -> None:
    """Ctrl+C is how `make run` is meant to end: exit code 0, nothing more to say."""
    with started([str(TAREWATCH), "serve", "--port", "0"], tmp_path, {}) as process:
        address(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert [line for line in process.stderr if "admin token" not in line] == []
