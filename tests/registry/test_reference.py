"""References: Docker's normalisation, the grammar and its limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.reference import (
    Reference,
    ReferenceInvalid,
    Repository,
    is_digest,
    is_tag,
    parse_digest,
    split_pattern,
)

DIGEST = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("written", "full", "familiar"),
    [
        ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("library/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("docker.io/alpine:3.22", "docker.io/library/alpine:3.22", "alpine:3.22"),
        ("docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("index.docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("registry-1.docker.io/grafana/grafana", "docker.io/grafana/grafana:latest", "grafana/grafana:latest"),
        ("registry.hub.docker.com/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("GHCR.io/owner/name:V1", "ghcr.io/owner/name:V1", "ghcr.io/owner/name:V1"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("[::1]:5000/a/b", "[::1]:5000/a/b:latest", "[::1]:5000/a/b:latest"),
        ("a__b/c--d.e", "docker.io/a__b/c--d.e:latest", "a__b/c--d.e:latest"),
        ("docker.io/foo.bar/baz", "docker.io/foo.bar/baz:latest", "docker.io/foo.bar/baz:latest"),
        (f"alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}", f"alpine@{DIGEST}"),
        (f"alpine:3@{DIGEST}", f"docker.io/library/alpine:3@{DIGEST}", f"alpine:3@{DIGEST}"),
    ],
)
def test_spellings(written: str, full: str, familiar: str) -> None:
    """Every familiar spelling means what Docker takes it for."""
    reference = Reference.parse(written)
    assert (str(reference), reference.familiar) == (full, familiar)


def test_the_digest_wins_over_the_tag() -> None:
    """With both, the digest is what the registry is asked for."""
    assert Reference.parse(f"alpine:3@{DIGEST}").target == DIGEST
    assert Reference.parse("alpine:3").target == "3"


@pytest.mark.parametrize(
    ("written", "part"),
    [
        ("", "repository"),
        ("Alpine", "repository"),
        ("Foo/bar", "repository"),
        ("a//b", "repository"),
        ("-a", "repository"),
        ("a___b", "repository"),
        ("a..b", "repository"),
        ("alpine/", "repository"),
        ("ghcr.io/", "repository"),
        ("f" * 64, "repository"),
        ("a" * 256, "repository"),
        ("a" * 5000, "repository"),
        ("\u00e9", "repository"),
        ("alpine:", "tag"),
        ("alpine:.x", "tag"),
        ("alpine:a:b", "tag"),
        ("alpine:latest\n", "tag"),
        ("alpine:" + "x" * 129, "tag"),
        ("alpine:\u0663", "tag"),
        ("alpine@", "digest"),
        ("alpine@sha256:abc", "digest"),
        ("alpine@" + DIGEST.upper(), "digest"),
        ("alpine@md5:" + "a" * 32, "digest"),
        ("https://ghcr.io/a/b", "registry"),
        ("-bad.io/a", "registry"),
        ("ghcr.io:0/a", "registry"),
        ("ghcr.io:65536/a", "registry"),
        ("user@ghcr.io/a", "digest"),
    ],
)
def test_refusals_name_the_offending_part(written: str, part: str) -> None:
    """What is not a reference is refused, saying which part is wrong and what is allowed."""
    with pytest.raises(ReferenceInvalid) as refusal:
        Reference.parse(written)
    assert refusal.value.part == part
    assert f"a {part} is " in str(refusal.value)
    assert len(str(refusal.value)) < 500


def test_the_path_limit_does_not_count_the_host() -> None:
    """255 characters of path are fine behind any host (distribution-spec), and so is a host of 255."""
    assert Repository.parse("registry.example.com/" + "a" * 255).path == "a" * 255
    host = ("h" * 63 + ".") * 3 + "h" * 63
    assert Repository.parse(f"{host}/a").registry == host
    with pytest.raises(ReferenceInvalid) as refusal:
        Repository.parse(f"{host}:5000/a")
    assert refusal.value.part == "registry"


@pytest.mark.parametrize(("text", "part"), [("alpine:3", "tag"), (f"alpine@{DIGEST}", "digest")])
def test_a_repository_takes_no_tag(text: str, part: str) -> None:
    """Where a repository is asked for, a tag or digest is an error and not dropped."""
    with pytest.raises(ReferenceInvalid) as refusal:
        Repository.parse(text)
    assert refusal.value.part == part


@pytest.mark.parametrize("pattern", ["3.2*", "3.?", "[0-9]*", "[!a]x", "latest"])
def test_patterns(pattern: str) -> None:
    """A tag pattern is kept as written."""
    assert split_pattern(f"localhost:5000/alpine:{pattern}") == (Repository("localhost:5000", "alpine"), pattern)


def test_a_pattern_defaults_to_latest() -> None:
    """As everywhere, no tag means "latest"."""
    assert split_pattern("alpine") == (Repository("docker.io", "library/alpine"), "latest")


@pytest.mark.parametrize("text", ["alpine:", "alpine:[", "alpine:a b", "alpine:" + "*" * 129, f"alpine@{DIGEST}"])
def test_bad_patterns(text: str) -> None:
    """An unclosed bracket, a blank, an empty or endless pattern, or a digest is no pattern."""
    with pytest.raises(ReferenceInvalid):
        split_pattern(text)


def test_digests() -> None:
    """sha256 and sha512 in full and in lower case are digests, nothing else is."""
    assert is_digest(DIGEST)
    assert is_digest("sha512:" + "0" * 128)
    assert not is_digest(DIGEST + "\n")
    assert parse_digest(DIGEST) == DIGEST
    with pytest.raises(ReferenceInvalid, match="digest"):
        parse_digest("latest")


REGISTRIES = st.sampled_from(["docker.io", "ghcr.io", "localhost:5000", "localhost", "[::1]:80"])
COMPONENTS = st.from_regex(r"[a-z0-9]{1,5}((\.|__?|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
PATHS = st.lists(COMPONENTS, min_size=1, max_size=4).map("/".join)


@given(REGISTRIES, PATHS, st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True), st.booleans())
def test_both_spellings_parse_back(registry: str, path: str, tag: str, with_digest: bool) -> None:
    """The full and the familiar spelling of any reference mean the same thing."""
    reference = Reference.parse(f"{registry}/{path}:{tag}" + (f"@{DIGEST}" if with_digest else ""))
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference


@given(st.text(max_size=80))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """No text raises anything but ReferenceInvalid, and what is accepted obeys the grammar."""
    try:
        reference = Reference.parse(text)
    except ReferenceInvalid:
        return
    assert reference.tag is None or is_tag(reference.tag)
    assert Reference.parse(str(reference)) == reference
