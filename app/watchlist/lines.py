"""Release lines: which Debian, Ubuntu, Alpine a build stands on, from its sibling's name or its first build step."""

import re

# Versions that stand in labels and names -> the code name that people and tags use.
_UBUNTU = {
    "14.04": "trusty", "16.04": "xenial", "18.04": "bionic", "20.04": "focal", "22.04": "jammy", "22.10": "kinetic",
    "23.04": "lunar", "23.10": "mantic", "24.04": "noble", "24.10": "oracular", "25.04": "plucky",
    "25.10": "questing", "26.04": "resolute",
}  # fmt: skip
_DEBIAN = ("wheezy", "jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid")
_NAMES = frozenset((*_UBUNTU.values(), *_DEBIAN))

_NAMED = re.compile(
    r"alpine-?(?P<alpine>\d+\.\d+)"
    r"|(?P<other>ubi\d+|al2023|al2|ltsc\d{4}|azurelinux\d+\.\d+|oraclelinux\d+)|(?P<word>[a-z]+)",
    re.ASCII,
)
_ALPINE_ROOT = re.compile(r"alpine-minirootfs-(\d+\.\d+)(?:\.|-|_)", re.ASCII)
_ALMALINUX_ROOT = re.compile(r"\balmalinux-(\d+)-", re.ASCII)
_DEBUERREOTYPE = re.compile(r"debian\.sh\b[^\n]{0,200}?\bout/?\s+'([a-z]+)'", re.ASCII)
_UBUNTU_VERSION = re.compile(r"org\.opencontainers\.image\.version=['\"]?(\d\d\.\d\d)\b", re.ASCII)
_UBUNTU_RELEASE = re.compile(r"\bARG RELEASE=?\s*['\"]?([a-z]+)", re.ASCII)
_UBUNTU_ROOT = re.compile(r"\bubuntu-([a-z]+)-(?:oci|core|base|minimal)", re.ASCII)
_SUITES = (_DEBUERREOTYPE, _UBUNTU_RELEASE, _UBUNTU_ROOT)


def release_line(source: str | None, step: str | None) -> str | None:
    """The release line of a build: "bookworm", "noble", "alpine3.22"; None where neither text tells.

    `source` is a sibling tag's name, `step` the text of the build step that made the first layer. The step knows
    better: names keep still when a tag moves on.
    """
    return (step and _of_step(step[:4096])) or (source and line_in_name(source)) or None


def line_in_name(name: str) -> str | None:
    """The release line that a tag's name spells out: "3.12.10-slim-bookworm" -> "bookworm"."""
    for match in _NAMED.finditer(name.lower()[:255]):
        if match["alpine"]:
            return f"alpine{match['alpine']}"
        if match["other"] or match["word"] in _NAMES:
            return match["other"] or match["word"]
    return None


def _of_step(step: str) -> str | None:
    for name, pattern in (("alpine", _ALPINE_ROOT), ("almalinux", _ALMALINUX_ROOT)):
        root = pattern.search(step)
        if root is not None:
            return f"{name}{root[1]}"
    version = _UBUNTU_VERSION.search(step)
    if version is not None:
        return _UBUNTU.get(version[1])
    for pattern in _SUITES:
        suite = pattern.search(step)
        if suite is not None and suite[1] in _NAMES:
            return suite[1]
    return None
