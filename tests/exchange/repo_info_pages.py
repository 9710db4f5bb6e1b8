"""Made-up pages in the formats that docker-library/repo-info has had: written here, to be read by the program."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

Era = Literal[2016, 2018, 2026]  # one digest per page; one per platform; and the number of platforms, and attestations


@dataclass(frozen=True, slots=True)
class MadeLayer:
    """A layer and the step that made it."""

    digest: str
    compressed_bytes: int
    step: str
    media_type: str = DOCKER_LAYER


@dataclass(frozen=True, slots=True)
class MadePlatform:
    """One platform of a page. `empty_steps` come after those of the layers, and make none."""

    name: str
    digest: str
    layers: tuple[MadeLayer, ...]
    at: datetime
    empty_steps: tuple[str, ...] = ('CMD ["sh"]',)

    @property
    def compressed_bytes(self) -> int:
        """The sum of its layers."""
        return sum(layer.compressed_bytes for layer in self.layers)


def digest_of(*words: object) -> str:
    """A digest that stands for these words."""
    return f"sha256:{hashlib.sha256(repr(words).encode()).hexdigest()}"


def platform(name: str = "linux; amd64", *sizes: int, seed: object = 0, at: datetime | None = None) -> MadePlatform:
    """A platform with a layer for each of these sizes, all its digests made of the arguments."""
    layers = tuple(
        MadeLayer(
            digest_of(name, number, size, seed), size, f"RUN step {number} of {seed}" if number else "ADD file:1 in / "
        )
        for number, size in enumerate(sizes or (2_310_286,))
    )
    return MadePlatform(name, digest_of(name, sizes, seed), layers, at or datetime(2017, 2, 27, 20, 34, 36, tzinfo=UTC))


def attestation(seed: object = 0) -> MadePlatform:
    """What BuildKit puts beside an image."""
    made = platform("unknown; unknown", 8_822, seed=seed)
    return replace(made, layers=(replace(made.layers[0], media_type="application/vnd.in-toto+json"),), empty_steps=())


def page(title: str, platforms: Sequence[MadePlatform], era: Era = 2018, digest: str | None = None) -> str:
    """The page about a tag."""
    own = digest or (platforms[0].digest if era == 2016 else digest_of(title, [one.digest for one in platforms]))
    lines = [f"## `{title}`", "", *_pull(title, own), ""]
    if era != 2016:
        lines.append(f"-\tManifest MIME: `{DOCKER_LIST if era == 2018 else OCI_INDEX}`")
    lines.append(f"-\tPlatforms: {len(platforms)}" if era == 2026 else "-\tPlatforms:")
    lines += [f"\t-\t{one.name}" for one in platforms]
    for one in platforms:
        lines += ["", f"### `{title}` - {one.name}", "", *_section(title, one, era)]
    return "\n".join(lines) + "\n"


def missing_page(title: str) -> str:
    """The page about a tag that is not there."""
    return f"## `{title}`\n\n**does not exist** (yet?)\n"


def human(size: int) -> str:
    """Bytes as the pages have them: exact in brackets, except where the unit is the byte."""
    unit, shown = 0, float(size)
    while int(shown) > 1000 and unit < 4:
        shown, unit = shown / 1000, unit + 1
    rounded = f"{shown:.1f} {('B', 'KB', 'MB', 'GB', 'TB')[unit]}"
    return f"{rounded} ({size} bytes)" if unit else rounded


def http_date(at: datetime) -> str:
    """The date as web servers write it."""
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _pull(title: str, digest: str) -> list[str]:
    return ["```console", f"$ docker pull {title.partition(':')[0]}@{digest}", "```"]


def _section(title: str, one: MadePlatform, era: Era) -> list[str]:
    own = [*_pull(title, one.digest), ""] if era != 2016 else []
    made = http_date(one.at)
    steps = [line for step in (*(layer.step for layer in one.layers), *one.empty_steps) for line in (f"# {made}", step)]
    return [
        *own,
        "-\tDocker Version: 17.06.2-ce",
        f"-\tManifest MIME: `{DOCKER_MANIFEST}`",
        f"-\tTotal Size: **{human(one.compressed_bytes)}**  ",
        "\t(compressed transfer size, not on-disk size)",
        f"-\tImage ID: `{digest_of('config', one.digest)}`",
        '-\tDefault Command: `["sh"]`',
        "",
        *["```dockerfile", *steps, "```"],
        "",
        "-\tLayers:",
        *[line for layer in one.layers for line in _layer(layer, one.at)],
    ]


def _layer(layer: MadeLayer, at: datetime) -> list[str]:
    return [
        f"\t-\t`{layer.digest}`  ",
        f"\t\tLast Modified: {http_date(at + timedelta(minutes=2))}  ",
        f"\t\tSize: {human(layer.compressed_bytes)}  ",
        f"\t\tMIME: {layer.media_type}",
    ]
