"""A real Debian root file system as an image: made by mmdebstrap from the mirror that apt uses, packed by umoci."""

import subprocess
from pathlib import Path

SECONDS = 600


def mirror() -> tuple[str, str]:
    """Address and codename of the first archive with a `main` component in apt's own configuration."""
    line = "$(REPO_URI) $(CODENAME) $(COMPONENT) $(IDENTIFIER)"
    told = _run("apt-get", "indextargets", "--format", line)
    for found in told.splitlines():
        address, codename, *rest = found.split()
        if rest == ["main", "Packages"]:
            return address, codename
    raise AssertionError("apt's configuration names no archive with a main component")


def build_rootfs(folder: Path) -> Path:
    """The smallest Debian that has apt, as a tar file; takes about a minute."""
    target = folder / "rootfs.tar"
    address, codename = mirror()
    _run("mmdebstrap", "--variant=minbase", "--components=main", codename, str(target), address)
    return target


def pack(rootfs: Path, layout: Path) -> Path:
    """An OCI layout with one image, tagged `latest`, of that one layer."""
    image = f"{layout}:latest"
    architecture = _run("dpkg", "--print-architecture").strip()
    _run("umoci", "init", "--layout", str(layout))
    _run("umoci", "new", "--image", image)
    _run("umoci", "raw", "add-layer", "--image", image, "--history.created_by", "mmdebstrap", str(rootfs))
    _run("umoci", "config", "--image", image, "--os", "linux", "--architecture", architecture, "--config.cmd", "bash")
    return layout


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
