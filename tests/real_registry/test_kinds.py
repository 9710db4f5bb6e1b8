"""The real registry holds what was meant to be pushed, as skopeo and plain HTTP see it."""

import httpx
import pytest

from app.imitation import media
from tests.real_registry.running import RealRegistry

pytestmark = [pytest.mark.real_registry, pytest.mark.xdist_group("real_registry")]


@pytest.mark.parametrize(
    ("kind", "media_type", "images"),
    [
        ("single", media.OCI_MANIFEST, 1),
        ("index", media.OCI_INDEX, 4),
        ("zstd", media.OCI_INDEX, 2),
        ("converted", media.DOCKER_LIST, 4),
        ("list", media.DOCKER_LIST, 3),
        ("attested", media.OCI_INDEX, 2),
    ],
)
def test_kinds_are_what_they_say(filled_registry: RealRegistry, kind: str, media_type: str, images: int) -> None:
    """skopeo and the Content-Type agree on the kind of document, and sums are those of real layers."""
    reference = f"kinds/{kind}:latest"
    head = filled_registry.http.head(f"/v2/kinds/{kind}/manifests/latest")
    sums = filled_registry.compressed_bytes(reference)
    assert head.headers["content-type"] == media_type
    assert len(sums) == images
    assert all(30_000 < total < 60_000 for total in sums.values())


def test_layers_can_be_downloaded_and_have_their_length(filled_registry: RealRegistry) -> None:
    """Layer descriptors tell the true length of the blobs."""
    for layer in filled_registry.inspect_raw("kinds/single:latest")["layers"]:
        blob = filled_registry.http.get(f"/v2/kinds/single/blobs/{layer['digest']}")
        assert len(blob.content) == layer["size"]


@pytest.mark.slow
def test_500_tags(real_registry: RealRegistry, five_hundred_tags: list[str]) -> None:
    """25 repositories with 20 tags each, all digests different."""
    assert len(five_hundred_tags) == 500
    digests = set()
    for reference in five_hundred_tags:
        repository, _, tag = reference.partition(":")
        head: httpx.Response = real_registry.http.head(f"/v2/{repository}/manifests/{tag}")
        digests.add(head.headers["docker-content-digest"])
    assert len(digests) == 500
