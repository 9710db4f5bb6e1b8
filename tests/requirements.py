"""What a test needs of the machine: a missing piece is a loud skip here, a failure where everything is required."""

import os
import shutil

import pytest


def need(present: bool, what: str, install: str) -> None:
    """Go on if `present`; else skip, naming the install line, or fail under TAREWATCH_TEST_REQUIRE_ALL=1 (CI)."""
    if present:
        return
    message = f"{what} is missing: {install}"
    if os.environ.get("TAREWATCH_TEST_REQUIRE_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)


def need_program(*programs: str) -> None:
    """Go on if each Debian program is installed (the package has the program's name)."""
    missing = [name for name in programs if shutil.which(name) is None]
    need(not missing, ", ".join(missing), f"apt-get install {' '.join(missing)}")
