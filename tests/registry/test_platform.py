"""Platforms: one spelling for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.platform import Platform


@pytest.mark.parametrize(
    ("parts", "key"),
    [
        (("linux", "amd64"), "linux/amd64"),
        (("Linux", "x86_64"), "linux/amd64"),
        (("linux", "amd64", "v1"), "linux/amd64"),
        (("linux", "amd64", "v3"), "linux/amd64/v3"),
        (("linux", "i386"), "linux/386"),
        (("linux", "aarch64"), "linux/arm64"),
        (("linux", "arm64", "v8"), "linux/arm64"),
        (("linux", "arm64", "8"), "linux/arm64"),
        (("linux", "arm64", "v9"), "linux/arm64/v9"),
        (("linux", "arm"), "linux/arm/v7"),
        (("linux", "arm", "6"), "linux/arm/v6"),
        (("linux", "armhf"), "linux/arm/v7"),
        (("linux", "armel"), "linux/arm/v6"),
        (("linux", "riscv64"), "linux/riscv64"),
        (("macos", "arm64"), "darwin/arm64"),
        (("linux", "amd64", "", "6.1"), "linux/amd64"),
        (("windows", "amd64", "", "10.0.17763.1"), "windows/amd64/10.0.17763.1"),
        (("windows", "amd64", "", "10.0.17763.1", ["win32k"]), "windows/amd64/10.0.17763.1+win32k"),
        (("unknown", "unknown"), "unknown/unknown"),
    ],
)
def test_normalisation(parts: tuple[str, ...], key: str) -> None:
    """Spellings that mean one platform get one key, as containerd has it."""
    assert str(Platform.normalised(*parts)) == key


@pytest.mark.parametrize("text", ["", "linux", "linux/", "/amd64", "linux/amd64/a/b/c", "linux/am d64", "linux/\u00e9"])
def test_refusals(text: str) -> None:
    """What names no platform is a ValueError that shows the text."""
    with pytest.raises(ValueError, match="platform"):
        Platform.parse(text)


def test_a_key_has_120_characters_at_most() -> None:
    """As many as can be stored."""
    features = ["f" * 50, "g" * 57]  # linux/amd64 and two plus signs
    assert len(str(Platform.normalised("linux", "amd64", os_features=features))) == 120
    with pytest.raises(ValueError, match="120 at most"):
        Platform.normalised("linux", "amd64", os_features=[*features, "h"])


WORDS = st.sampled_from(
    ["linux", "windows", "arm", "arm64", "amd64", "x86_64", "armhf", "v8", "8", "7", "v1", "1.2", ""]
)


@given(WORDS, WORDS, WORDS, WORDS, st.lists(st.sampled_from(["win32k", "a.b", "Z"]), max_size=3))
def test_a_key_parses_back(os: str, architecture: str, variant: str, os_version: str, features: list[str]) -> None:
    """Normalising is idempotent, and a key stands for exactly one platform."""
    try:
        platform = Platform.normalised(os, architecture, variant, os_version, features)
    except ValueError:
        return
    assert Platform.parse(str(platform)) == platform
