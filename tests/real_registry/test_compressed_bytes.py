"""The client's numbers are those that skopeo shows for the same real images."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.registry.access import RegistryAccess
from app.registry.client import RegistryClient, open_client
from app.registry.manifest import ImageManifest, Index
from app.registry.reference import Reference, Repository
from tests.real_registry.conftest import KINDS
from tests.real_registry.running import RealRegistry

pytestmark = [pytest.mark.real_registry, pytest.mark.xdist_group("real_registry")]


@pytest.fixture
async def client(real_registry: RealRegistry) -> AsyncIterator[RegistryClient]:
    access = RegistryAccess(endpoint=real_registry.url, insecure=True, allow_private=True)
    async with open_client({real_registry.host: access}, user_agent="tarewatch-tests") as client:
        yield client


async def images(client: RegistryClient, reference: Reference) -> dict[str, ImageManifest]:
    """Every image behind a tag by its digest, as polling reads them: HEAD, then the documents."""
    repository, tag = reference.repository, str(reference.tag)
    head = await client.head(repository, tag)
    document = await client.get_manifest(repository, head.digest)
    if isinstance(document, ImageManifest):
        return {document.digest: document}
    found = {}
    for descriptor in await client.images(repository, document):
        manifest = await client.get_manifest(repository, descriptor.digest)
        assert isinstance(manifest, ImageManifest)
        found[manifest.digest] = manifest
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_sums_equal_those_of_skopeo(filled_registry: RealRegistry, client: RegistryClient, kind: str) -> None:
    """Single and many platforms, gzip and zstd, OCI and Docker, attested and nested: equal to the byte."""
    reference = Reference.parse(f"{filled_registry.host}/kinds/{kind}:latest")
    found = await images(client, reference)
    sums = {digest: manifest.compressed_bytes for digest, manifest in found.items()}
    assert sums == filled_registry.compressed_bytes(f"kinds/{kind}:latest")


async def test_configs_tell_platform_and_steps(filled_registry: RealRegistry, client: RegistryClient) -> None:
    """The config of a single manifest gives its platform, and a build step for each layer."""
    reference = Reference.parse(f"{filled_registry.host}/kinds/single:latest")
    (manifest,) = (await images(client, reference)).values()
    config = await client.get_config(reference.repository, manifest.config)
    assert str(config.platform) == "linux/arm64"
    assert config.steps_for(len(manifest.layers)) == ("ADD rootfs.tar.gz /", "COPY app /")


@pytest.mark.slow
async def test_500_tags(real_registry: RealRegistry, client: RegistryClient, five_hundred_tags: list[str]) -> None:
    """HEADs of 500 tags side by side give the digests that the registry holds, and lists find every tag."""
    references = [Reference.parse(f"{real_registry.host}/{name}") for name in five_hundred_tags]
    heads = await asyncio.gather(*(client.head(r.repository, str(r.tag)) for r in references))
    for name, head in list(zip(five_hundred_tags, heads, strict=True))[::25]:
        repository, _, tag = name.partition(":")
        told = real_registry.http.head(f"/v2/{repository}/manifests/{tag}").headers
        assert (head.digest, head.media_type) == (told["docker-content-digest"], told["content-type"])
    listed = await client.list_tags(Repository.parse(f"{real_registry.host}/many/image-00"), limit=100)
    assert (set(listed.names), listed.truncated) == ({f"v{number}" for number in range(20)}, False)


async def test_an_index_is_not_an_image(filled_registry: RealRegistry, client: RegistryClient) -> None:
    """Attestations are in the index and not among its images."""
    repository = Repository.parse(f"{filled_registry.host}/kinds/attested")
    index = await client.get_manifest(repository, "latest")
    assert isinstance(index, Index)
    assert (len(index.manifests), len(index.images())) == (4, 2)
