"""Platforms: what an image runs on, spelled one way (containerd's normalisation)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.registry.errors import ManifestInvalid
from app.registry.strict_json import JsonObject, optional_list, optional_text

LONGEST_KEY = 120  # what a database column of keys holds

_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_ARCHITECTURES = {"i386": "386", "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"}
_ARM = {"armhf": "v7", "armel": "v6"}
_PLAIN_VARIANTS = {("amd64", "v1"), ("arm64", "v8"), ("arm64", "v8.0")}


@dataclass(frozen=True, slots=True)
class Platform:
    """Operating system, architecture and what refines them; made by `normalised` or `parse`.

    `str()` is its key: "linux/amd64", "linux/arm/v7", "windows/amd64/10.0.17763.1", with features behind a plus sign,
    "windows/amd64/10.0.17763.1+win32k". `Platform.parse(str(platform)) == platform`.
    """

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @property
    def is_unknown(self) -> bool:
        """Whether it says "unknown/unknown", as BuildKit marks attestations."""
        return self.os == "unknown" and self.architecture == "unknown"

    def __str__(self) -> str:
        parts = (self.os, self.architecture, self.variant, self.os_version)
        return "+".join(["/".join(part for part in parts if part), *self.os_features])

    @classmethod
    def normalised(
        cls, os: str, architecture: str, variant: str = "", os_version: str = "", os_features: Iterable[str] = ()
    ) -> "Platform":
        """The one spelling of a platform; ValueError if a part holds anything but letters, digits, '.', '_', '-'.

        So is a key of more than 120 characters, which only a long list of features makes.
        `os_version` counts on Windows only, where images of different builds differ; elsewhere it is dropped.
        """
        os, architecture, variant = (part.lower() for part in (os, architecture, variant))
        os = "darwin" if os == "macos" else os
        architecture, variant = _normalise_architecture(architecture, variant)
        os_version = os_version.lower() if os == "windows" and os_version[:1].isdigit() else ""
        features = tuple(sorted({feature.lower() for feature in os_features}))
        for part in filter(None, (os, architecture, *features, variant, os_version)):
            _check(part)
        if not os or not architecture:
            raise ValueError("a platform needs an operating system and an architecture")
        platform = cls(os, architecture, variant, os_version, features)
        if len(str(platform)) > LONGEST_KEY:
            raise ValueError(f"a platform of {len(str(platform))} characters; {LONGEST_KEY} at most are understood")
        return platform

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """The platform of a key such as "linux/arm64"; ValueError if it is none."""
        head, *features = text.split("+")
        parts = head.split("/")
        if not 2 <= len(parts) <= 4:
            raise ValueError(f"{text[:80]!r} is not a platform; write os/architecture, for example linux/amd64")
        variant = os_version = ""
        for part in parts[2:]:
            if part[:1].isdigit() and parts[0].lower() == "windows":
                os_version = part
            else:
                variant = part
        return cls.normalised(parts[0], parts[1], variant, os_version, features)


def _check(part: str) -> None:
    if _WORD.fullmatch(part) is None:
        raise ValueError(f"{part[:80]!r} cannot be part of a platform; letters, digits, '.', '_' and '-' can")


def _normalise_architecture(architecture: str, variant: str) -> tuple[str, str]:
    architecture = _ARCHITECTURES.get(architecture, architecture)
    if architecture in _ARM:
        return "arm", _ARM[architecture]
    if variant[:1].isdigit():
        variant = f"v{variant}"
    if architecture == "arm" and not variant:
        variant = "v7"
    if (architecture, variant) in _PLAIN_VARIANTS:
        variant = ""
    return architecture, variant


def read_platform(document: JsonObject, what: str) -> Platform | None:
    """The platform that a document states (config.md, image-index.md); None where it leaves out os or architecture."""
    os, architecture, variant, os_version = (
        optional_text(document, key, what) or "" for key in ("os", "architecture", "variant", "os.version")
    )
    features = optional_list(document, "os.features", what, at_most=32)
    if not os or not architecture:
        return None
    try:
        texts = [text for text in features if isinstance(text, str)]
        return Platform.normalised(os, architecture, variant, os_version, texts)
    except ValueError as problem:
        raise ManifestInvalid(f"{what}: {problem}") from None
