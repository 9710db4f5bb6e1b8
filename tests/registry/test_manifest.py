"""Manifests and indexes: what is counted, what is skipped, what is refused."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.registry.errors import BadDocument, ManifestInvalid, NotAnImage, SchemaUnsupported
from app.registry.manifest import ImageManifest, Index, MediaType, parse_document
from tests.registry import documents as doc

LAYER = "application/vnd.oci.image.layer.v1.tar"
LONG_PLATFORM = {"os": "linux", "architecture": "amd64", "os.features": [f"feature{number}" for number in range(12)]}


def parse(document: object, content_type: str | None = None) -> ImageManifest | Index:
    return parse_document(doc.encode(document), content_type)


def parse_image(document: object) -> ImageManifest:
    image = parse(document)
    assert isinstance(image, ImageManifest)
    return image


def parse_index(document: object) -> Index:
    index = parse(document)
    assert isinstance(index, Index)
    return index


def test_compressed_bytes_are_the_plain_sum_of_layers() -> None:
    """The config is not counted, a repeated layer is counted twice, a foreign one too."""
    document = doc.manifest(100, 50)
    document["layers"].append(document["layers"][0])
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    document["layers"].append(doc.descriptor(foreign, 1000, urls=["https://example.com/layer"]))
    image = parse_image(document)
    assert image.compressed_bytes == 100 + 50 + 100 + 1000
    assert [layer.is_foreign for layer in image.layers] == [False, False, False, True]
    assert image.layers[3].urls == ("https://example.com/layer",)


def test_the_digest_is_that_of_the_bytes() -> None:
    """The document is known by the sha256 of what was received."""
    body = doc.encode(doc.manifest(1))
    assert parse_document(body, None).digest == doc.digest_of(body)


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "Application/VND.oci.image.manifest.v1+JSON; charset=x"]
)
def test_content_type_may_be_missing_vague_or_odd(content_type: str | None) -> None:
    """The body decides where the header does not."""
    assert isinstance(parse(doc.manifest(1), content_type), ImageManifest)


def test_media_type_may_be_missing_in_the_body() -> None:
    """It is optional in OCI documents; the shape tells."""
    for document, kind in ((doc.manifest(1), ImageManifest), (doc.index(doc.child()), Index)):
        del document["mediaType"]
        assert isinstance(parse(document), kind)


@pytest.mark.parametrize(
    ("document", "content_type"),
    [
        (doc.manifest(1), MediaType.OCI_INDEX),
        (doc.index(), MediaType.DOCKER_MANIFEST),
        (doc.manifest(1, manifests=[]), None),
        (doc.index(layers=[]), None),
        (doc.manifest(1, mediaType=MediaType.OCI_INDEX), None),
    ],
)
def test_contradictions_are_refused(document: dict[str, Any], content_type: str | None) -> None:
    """A document that could be read as two kinds is read as none (CVE-2021-41190)."""
    with pytest.raises(ManifestInvalid):
        parse(document, content_type)


def test_schema_1_is_refused_with_its_reason() -> None:
    """It has no sizes to add."""
    signed = MediaType.DOCKER_SCHEMA1_SIGNED
    for document, content_type in (({"schemaVersion": 1, "fsLayers": []}, None), ({"fsLayers": []}, signed)):
        with pytest.raises(SchemaUnsupported, match="no layer sizes"):
            parse(document, content_type)


@pytest.mark.parametrize(
    "document",
    [
        doc.manifest(1, artifactType="application/vnd.example.sbom"),
        doc.manifest(1, config=doc.descriptor(MediaType.OCI_EMPTY, 2)),
        doc.manifest(1, config=doc.descriptor("application/vnd.cncf.helm.config.v1+json")),
        doc.manifest(1, layers=[doc.descriptor("application/vnd.in-toto+json")]),
        doc.manifest(),
        {"mediaType": MediaType.OCI_ARTIFACT, "blobs": []},
        doc.manifest(1, layers=None),
        doc.manifest(0, 0),
    ],
)
def test_artifacts_are_no_images(document: dict[str, Any]) -> None:
    """Signatures, charts, attestations and images without layers, or with nothing in them, have no size to record."""
    with pytest.raises(NotAnImage):
        parse(document)


def test_an_index_offers_images_only() -> None:
    """Attestations (marked, unknown or artifacts) and foreign documents are skipped, nested indexes kept."""
    attestation = doc.child(seed="a", annotations={"vnd.docker.reference.type": "attestation-manifest"})
    children = [
        doc.child(),
        attestation,
        doc.child("unknown", "unknown"),
        doc.child(seed="artifact", artifactType="application/x"),
        doc.descriptor("application/vnd.example+json", seed="other"),
        doc.descriptor(MediaType.DOCKER_LIST, seed="nested"),
        doc.child("linux", "arm64"),
    ]
    assert [str(image.platform) for image in parse_index(doc.index(*children)).images()] == [
        "linux/amd64",
        "None",
        "linux/arm64",
    ]


def test_the_first_of_two_equal_platforms_wins() -> None:
    """Also when they are spelled differently (image-index.md)."""
    first, second = doc.child(seed="one"), doc.child(architecture="x86_64", seed="two")
    (image,) = parse_index(doc.index(first, second)).images()
    assert image.digest == first["digest"]


def test_windows_builds_are_platforms_of_their_own() -> None:
    """Two children that differ in os.version only are both kept."""
    builds = [
        doc.child(seed=build, platform={"os": "windows", "architecture": "amd64", "os.version": build})
        for build in ("10.0.17763.1", "10.0.20348.1")
    ]
    assert len(parse_index(doc.index(*builds)).images()) == 2


def test_a_child_may_leave_its_platform_to_the_config() -> None:
    """No platform, or an empty one, is None and not an error."""
    for platform in (None, {}, {"os": "", "architecture": "amd64"}):
        (image,) = parse_index(doc.index(doc.child(platform=platform))).images()
        assert image.platform is None


@pytest.mark.parametrize("size", [True, 1.0, "1", -1, 2**53 + 1, None, [], float("1e300")])
def test_lying_sizes(size: object) -> None:
    """A size is a whole number from 0 to 2^53, or the manifest is refused."""
    with pytest.raises(ManifestInvalid, match="size"):
        parse(doc.manifest(size))


def test_the_sum_is_bounded_too() -> None:
    """Layers that are possible one by one may not be in sum."""
    assert parse_image(doc.manifest(2**53)).compressed_bytes == 2**53
    with pytest.raises(ManifestInvalid, match="add up"):
        parse(doc.manifest(2**53, 1))


GOOD = json.dumps(doc.manifest(1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"\xff\xfe",
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode("utf-16"),
        GOOD.encode() + b"x",
        GOOD.encode()[:-1],
        b'{"schemaVersion": 2, "schemaVersion": 2}',
        b'{"schemaVersion": NaN}',
        b'{"layers": [{"size": 1' + b"0" * 5000 + b"}]}",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"{}",
    ],
    ids=range(16),
)
def test_malformed_bodies(body: bytes) -> None:
    """Anything that is not one sound JSON object in UTF-8 is ManifestInvalid."""
    with pytest.raises(ManifestInvalid):
        parse_document(body, MediaType.OCI_MANIFEST)


@pytest.mark.parametrize(
    "document",
    [
        doc.manifest(1, config=None),
        doc.manifest(1, config=[]),
        doc.manifest(1, layers={}),
        doc.manifest(1, layers=[None]),
        doc.manifest(1, layers=[doc.descriptor()] * 1001),
        doc.manifest(1, layers=[doc.descriptor(digest="sha256:abc")]),
        doc.manifest(1, layers=[doc.descriptor(digest=None)]),
        doc.manifest(1, layers=[doc.descriptor("")]),
        doc.manifest(1, layers=[doc.descriptor(LAYER.ljust(129, "x"))]),
        doc.manifest(1, mediaType=1),
        doc.manifest(1, annotations=[]),
        doc.manifest(1, annotations={str(number): "" for number in range(257)}),
        doc.index(None, *[]),  # type: ignore[arg-type]  # what a hostile registry sends
        doc.index(*[doc.child()] * 1001),
        doc.index(doc.child("li/nux")),
        doc.index(doc.child(platform=LONG_PLATFORM)),
        doc.index(doc.child(platform="linux")),
    ],
    ids=range(17),
)
def test_malformed_documents(document: dict[str, Any]) -> None:
    """Wrong types, wrong digests and lists beyond our caps are ManifestInvalid."""
    with pytest.raises(ManifestInvalid):
        parse(document)


def test_texts_can_be_stored() -> None:
    """NUL and lone surrogates, which databases refuse, are replaced; long texts are cut."""
    annotations = {"a": "x\0y", "b": "\ud800", "c": "z" * 100_000, "d": 1}
    found = parse(doc.manifest(1, annotations=annotations)).annotations
    assert found["a"] == "x\ufffdy"
    assert found["b"] == "?"
    assert len(found["c"]) == 65_536
    assert "d" not in found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [*doc.manifest(annotations={}, artifactType=""), *doc.index(), *doc.child(urls=[]), "os", "architecture"]
)
MEDIA_TYPES = st.none() | st.sampled_from([*MediaType])
DOCUMENTS = st.dictionaries(KEYS, JSON | st.just(doc.descriptor()) | st.lists(st.just(doc.child()), max_size=2))


@given(DOCUMENTS, MEDIA_TYPES)
def test_any_document_parses_or_is_refused(document: dict[str, Any], content_type: str | None) -> None:
    """No JSON raises anything but a typed error."""
    with contextlib.suppress(BadDocument):
        assert parse(document, content_type).digest == doc.digest_of(doc.encode(document))


@given(st.binary(max_size=200), MEDIA_TYPES)
def test_any_bytes_are_refused(body: bytes, content_type: str | None) -> None:
    """Nor do any bytes."""
    with pytest.raises(BadDocument):
        parse_document(body, content_type)
