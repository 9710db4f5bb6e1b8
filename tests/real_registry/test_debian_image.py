"""A Debian root file system of today, measured on its way through packer, pusher, registry and client."""

from pathlib import Path

import pytest

from app.registry.access import RegistryAccess
from app.registry.client import open_client
from app.registry.manifest import ImageManifest
from app.registry.reference import Repository
from tests.real_registry.debian_rootfs import build_rootfs, pack
from tests.real_registry.running import RealRegistry
from tests.requirements import need_program

pytestmark = [
    pytest.mark.real_registry,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("real_registry"),
]


@pytest.fixture(scope="session")
def debian_layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OCI layout of a minimal Debian."""
    need_program("mmdebstrap", "umoci", "skopeo")
    folder = tmp_path_factory.mktemp("debian")
    return pack(build_rootfs(folder), folder / "layout")


async def test_debian_has_the_bytes_of_its_layer(real_registry: RealRegistry, debian_layout: Path) -> None:
    """The client, skopeo and the length of the compressed file on disk agree."""
    real_registry.push(f"{debian_layout}:latest", "debian/minbase:latest")
    access = RegistryAccess(endpoint=real_registry.url, insecure=True, allow_private=True)
    async with open_client({real_registry.host: access}, user_agent="tarewatch-tests") as client:
        manifest = await client.get_manifest(Repository.parse(f"{real_registry.host}/debian/minbase"), "latest")
    assert isinstance(manifest, ImageManifest)
    largest = max(path.stat().st_size for path in (debian_layout / "blobs" / "sha256").iterdir())
    assert real_registry.compressed_bytes("debian/minbase:latest") == {manifest.digest: manifest.compressed_bytes}
    assert manifest.compressed_bytes == largest > 20_000_000
