"""A real registry per test session, with real images in it."""

import random
from collections.abc import Iterator

import pytest

from app.imitation import media
from app.imitation.documents import DOCKER, Document, attestation, docker_list, image, index
from tests.real_registry.layouts import gzip_layer, write_layout, zstd_layer
from tests.real_registry.running import RealRegistry, running_registry
from tests.requirements import need_program

PLATFORMS = ("linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64")


@pytest.fixture(scope="session")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """An empty docker-registry; tests use repositories of their own in it."""
    need_program("docker-registry", "skopeo", "umoci")
    with running_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


def noise(seed: str, count: int) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(count)


def gzip_image(platform: str, name: str = "app") -> Document:
    """Two gzip layers with a step that makes none between them."""
    base = gzip_layer({"bin/sh": noise(platform, 40_000)}, "ADD rootfs.tar.gz /")
    app = gzip_layer({name: noise(name + platform, 9_000)}, f"COPY {name} /")
    return image(platform, [base, "ENV LANG=C.UTF-8", app])


def zstd_image(platform: str) -> Document:
    return image(platform, [zstd_layer({"bin/sh": noise(platform, 40_000)}, "ADD rootfs.tar.zst /")])


def docker_image(platform: str) -> Document:
    layer = gzip_layer({"bin/sh": noise(platform, 30_000)}, "ADD file:1 in /", media.DOCKER_GZIP)
    return image(platform, [layer], form=DOCKER)


def attested(images: list[Document]) -> Document:
    """An index of images, each with an attestation that is larger than it."""
    return index([*images, *(attestation(built, noise(built.digest, 120_000)) for built in images)])


@pytest.fixture(scope="session")
def filled_registry(real_registry: RealRegistry, tmp_path_factory: pytest.TempPathFactory) -> RealRegistry:
    """The registry with one tag of every kind under `kinds/...`, pushed by skopeo except what it cannot write."""
    folder = tmp_path_factory.mktemp("layouts")
    documents = {
        "single": gzip_image("linux/arm64"),
        "index": index([gzip_image(platform) for platform in PLATFORMS]),
        "zstd": index([zstd_image(platform) for platform in PLATFORMS[:2]]),
    }
    for name, document in documents.items():
        real_registry.push(write_layout(folder / name, {"latest": document}), f"kinds/{name}:latest")
    real_registry.push(folder / "index", "kinds/converted:latest", "--format=v2s2")
    real_registry.put("kinds/list:latest", docker_list([docker_image(platform) for platform in PLATFORMS[:3]]))
    real_registry.put("kinds/attested:latest", attested([gzip_image(platform) for platform in PLATFORMS[:2]]))
    real_registry.put("kinds/nested:latest", index([documents["zstd"], gzip_image("linux/s390x")]))
    return real_registry


KINDS = ("single", "index", "zstd", "converted", "list", "attested", "nested")


@pytest.fixture(scope="session")
def five_hundred_tags(real_registry: RealRegistry) -> list[str]:
    """`repository:tag` of 20 tags in each of 25 repositories, every one with an index of its own."""
    return [reference for number in range(25) for reference in _fill(real_registry, f"many/image-{number:02}")]


def _fill(registry: RealRegistry, repository: str) -> list[str]:
    images = [gzip_image(platform, repository) for platform in PLATFORMS[:2]]
    registry.put_parts(repository, index(images))
    for number in range(20):
        registry.link_tag(repository, f"v{number}", index(images, annotations={"number": str(number)}))
    return [f"{repository}:v{number}" for number in range(20)]
