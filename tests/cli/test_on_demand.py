"""A command imports what it needs, and not what the others need."""

import subprocess
import sys

LOAD = """
import sys
import typer
from app.cli import app

group = typer.main.get_command(app)
assert group.get_command(None, "watch").commands["list"].name == "list"
print(sorted({"fastapi", "uvicorn", "apscheduler", "app.web", "app.backfill"} & sys.modules.keys()))
"""


def test_a_small_command_does_not_wait_for_the_web_server() -> None:
    """What only the long-running processes need is not imported to list the watches: that would double its time."""
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"
