"""The Dockerfile's steps without an engine: an empty environment, the lock, a wheel; nothing of it can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.requirements import need

ROOT = Path(__file__).parents[2]
IN_WHEEL = ("app", "migrations", "static", "templates", "pyproject.toml", "README.md", "LICENSE")


def everybodys_python() -> str:
    """A Python that other users may run too: often ours, but not one in root's home."""
    mine = Path(sys.executable).resolve()
    candidates = [str(mine)] if all(parent.stat().st_mode & 0o005 == 0o005 for parent in mine.parents) else []
    if system := shutil.which("python3", path="/usr/local/bin:/usr/bin"):
        candidates.append(system)
    for candidate in candidates:
        check = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
        if subprocess.run([candidate, "-c", check], check=False, capture_output=True).returncode in {0, 1}:
            return candidate
    need(False, "a Python 3.11 that every user may run", "apt-get install python3")
    raise AssertionError


def build_wheel(folder: Path) -> Path:
    """The wheel, built from a copy of what belongs into it."""
    source = folder / "source"
    source.mkdir()
    for name in IN_WHEEL:
        here = ROOT / name
        if here.is_dir():
            shutil.copytree(here, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(here, source)
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "dist"), str(source))
    (wheel,) = (folder / "dist").glob("*.whl")
    return wheel


def install(folder: Path, wheel: Path) -> Path:
    """The `tarewatch` command of a new environment that holds the lock and the wheel, read-only."""
    environment = folder / "environment"
    subprocess.run([everybodys_python(), "-m", "venv", "--without-pip", str(environment)], check=True)
    into = ("--python", str(environment / "bin" / "python"))
    _pip(*into, "install", "--require-hashes", "-r", str(ROOT / "requirements" / "runtime.txt"))
    _pip(*into, "install", "--no-deps", str(wheel))
    for path in [environment, *environment.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555)
    return environment / "bin" / "tarewatch"


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=dict(os.environ), timeout=600)
    assert done.returncode == 0, done.stderr
