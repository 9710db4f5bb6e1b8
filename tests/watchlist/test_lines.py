"""Which release line a build stands on, by the words of its tag or of its first step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.watchlist.lines import release_line


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("bookworm-20260918-slim", "bookworm"),
        ("3.12.11-slim-trixie", "trixie"),
        ("noble-20260410", "noble"),
        ("21.0.8_9-jre-noble", "noble"),
        ("3.13.7-alpine3.22", "alpine3.22"),
        ("8.0.19-jammy-chiseled", "jammy"),
        ("21-jre-ubi9-minimal", "ubi9"),
        ("21-al2023", "al2023"),
        ("1.25.0-nanoserver-ltsc2022", "ltsc2022"),
        ("8.0.19-azurelinux3.0-distroless", "azurelinux3.0"),
        ("3.12.11-slim", None),
        ("3.13.7-alpine", None),
        ("3.22.1", None),
        ("stable-20260918", None),
        ("oldbookworms", None),
        ("", None),
        (None, None),
    ],
)
def test_by_name(source: str | None, line: str | None) -> None:
    """Names that spell their line out, and names that do not."""
    assert release_line(source, None) == line


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("# debian.sh --arch 'amd64' out/ 'bookworm' '@1733097600'", "bookworm"),
        ("# debian.sh --arch 'arm64' out/ 'trixie' '@1754870400'", "trixie"),
        ("# debian.sh --arch 'amd64' out/ 'stable' '@1754870400'", None),
        ("ADD alpine-minirootfs-3.22.1-x86_64.tar.gz / # buildkit", "alpine3.22"),
        ("ADD alpine-minirootfs-20250108-x86_64.tar.gz / # buildkit", None),
        ("ADD almalinux-8-default-amd64.tar.xz / # buildkit", "almalinux8"),
        ("/bin/sh -c #(nop)  LABEL org.opencontainers.image.version=24.04", "noble"),
        ("LABEL org.opencontainers.image.version=26.04", "resolute"),
        ("LABEL org.opencontainers.image.version=9.99", None),
        ("/bin/sh -c #(nop)  ARG RELEASE=noble", "noble"),
        ("ADD ubuntu-noble-oci-amd64-root.tar.gz / # buildkit", "noble"),
        ("/bin/sh -c #(nop) ADD file:187fe0df97a4c529 in / ", None),
        ("RUN apt-get install bookworm", None),
    ],
)
def test_by_step(step: str, line: str | None) -> None:
    """Steps of real base images."""
    assert release_line(None, step) == line


def test_the_step_knows_better() -> None:
    """A name outlives what it was given to."""
    assert release_line("3.12.11-slim-bookworm", "# debian.sh --arch 'amd64' out/ 'trixie' '@1754870400'") == "trixie"
    assert release_line("3.12.11-slim-bookworm", "ADD file:187fe0df97a4 in /") == "bookworm"


@given(st.text(), st.text())
def test_any_text(source: str, step: str) -> None:
    """Whatever stands in a step or a name, the answer is a short word or none."""
    line = release_line(source, step)
    assert line is None or (line.isascii() and len(line) < 300)
