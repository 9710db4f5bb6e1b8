"""What happens to each tag of the demo. Ages are days before the end of the story, so 730 is its beginning."""

from collections.abc import Mapping
from dataclasses import dataclass, field

AMD64, ARM64, ARM_V7 = "linux/amd64", "linux/arm64", "linux/arm/v7"
PPC64LE, S390X, RISCV64 = "linux/ppc64le", "linux/s390x", "linux/riscv64"
START = 730


@dataclass(frozen=True, slots=True)
class Spike:
    """A mistake: larger by `fraction` for a few days."""

    age: float
    days: float
    fraction: float


@dataclass(frozen=True, slots=True)
class Base:
    """From `age` on the tag is built on another tag of the same host."""

    age: float
    repository: str
    tag: str


@dataclass(frozen=True, slots=True)
class Story:
    """One tag. `platforms` gives the compressed bytes of its own layers at the start."""

    host: str
    repository: str
    tag: str
    platforms: Mapping[str, int]
    layers: tuple[tuple[float, str], ...]  # share of the own bytes, build step
    every: int = 24  # days between rebuilds, about
    born: float = START
    ends: float = 0  # no rebuilds after this age
    creep: float = 0  # growth per year
    steps: Mapping[float, float] = field(default_factory=dict)  # age -> lasting change
    spikes: tuple[Spike, ...] = ()
    appears: Mapping[str, float] = field(default_factory=dict)  # platform -> age
    drops: Mapping[str, float] = field(default_factory=dict)
    gone: tuple[tuple[float, float], ...] = ()  # (from age, to age); 0 is for good
    bases: tuple[Base, ...] = ()
    docker_until: float = START  # Docker media types before this age, OCI since
    zstd_since: float = -1
    attested_since: float = -1

    @property
    def ages(self) -> set[float]:
        """Every age at which something other than a routine rebuild happens."""
        turns = {self.born, *self.steps, *self.appears.values(), *self.drops.values()}
        turns |= {s.age for s in self.spikes} | {s.age - s.days for s in self.spikes}
        turns |= {age for span in self.gone for age in span} | {base.age for base in self.bases}
        turns |= {self.docker_until, self.zstd_since, self.attested_since}
        return {age for age in turns if 0 < age <= START}


@dataclass(frozen=True, slots=True)
class Alias:
    """A tag that always points where another tag of its repository does."""

    host: str
    repository: str
    tag: str
    targets: Mapping[float, str]  # age -> tag


ROOTFS = "/bin/sh -c #(nop) ADD file:8d1f5a3b in / "
COPY_ROOTFS = "COPY rootfs.tar.gz / # buildkit"
APT = "RUN /bin/sh -c apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata # buildkit"

HUB, GITHUB, QUAY = "docker.io", "ghcr.io", "quay.io"

STORIES = (
    Story(
        HUB,
        "library/alpine",
        "3.20",
        {AMD64: 3_622_000, ARM64: 4_090_000},
        ((1, "ADD alpine-minirootfs.tar.gz / # buildkit"),),
        every=42,
        ends=150,
        steps={590: 0.004},
    ),
    Story(
        HUB,
        "library/alpine",
        "3.22",
        {AMD64: 3_797_000, ARM64: 4_131_000, ARM_V7: 3_470_000, RISCV64: 3_580_000},
        ((1, "ADD alpine-minirootfs.tar.gz / # buildkit"),),
        every=36,
        born=470,
        steps={310: 0.006, 96: 0.021},
        appears={RISCV64: 365},
        attested_since=365,
    ),
    Story(
        HUB,
        "library/debian",
        "bookworm-slim",
        {AMD64: 29_126_000, ARM64: 29_156_000, ARM_V7: 24_740_000},
        ((1, ROOTFS),),
        every=22,
        creep=-0.012,
        steps={402: -0.031},
        attested_since=402,
    ),
    Story(
        HUB,
        "library/debian",
        "trixie-slim",
        {AMD64: 28_410_000, ARM64: 28_760_000, ARM_V7: 24_900_000, PPC64LE: 32_800_000, RISCV64: 28_120_000},
        ((1, ROOTFS),),
        every=22,
        creep=0.018,
        steps={515: 0.052},
        appears={RISCV64: 470},
        attested_since=470,
    ),
    Story(
        HUB,
        "library/ubuntu",
        "24.04",
        {AMD64: 29_536_000, ARM64: 28_702_000, S390X: 29_900_000},
        ((1, COPY_ROOTFS),),
        every=27,
        creep=0.006,
        steps={208: 0.046},
    ),
    Story(
        HUB,
        "library/python",
        "3.13-slim",
        {AMD64: 15_420_000, ARM64: 15_280_000, ARM_V7: 13_900_000},
        (
            (0.24, APT),
            (0.75, "RUN /bin/sh -c set -eux; ./configure --enable-optimizations; make -j; make install # buildkit"),
            (0.01, "RUN /bin/sh -c for src in idle3 pip3 pydoc3 python3; do ln -svT $src ${src%3}; done # buildkit"),
        ),
        every=60,
        steps={61: 0.205, 640: 0.012},
        bases=(Base(START, "library/debian", "bookworm-slim"), Base(468, "library/debian", "trixie-slim")),
        attested_since=468,
    ),
    Story(
        HUB,
        "library/node",
        "22-alpine",
        {AMD64: 47_900_000, ARM64: 48_600_000},
        (
            (0.955, "RUN /bin/sh -c addgroup -g 1000 node && apk add --no-cache libstdc++ && make install # buildkit"),
            (0.044, "RUN /bin/sh -c apk add --no-cache --virtual .build-deps-yarn curl gnupg tar # buildkit"),
            (0.001, "COPY docker-entrypoint.sh /usr/local/bin/ # buildkit"),
        ),
        every=25,
        creep=0.021,
        steps={301: 0.058},
        spikes=(Spike(152, 4, 0.31),),
        bases=(Base(START, "library/alpine", "3.20"), Base(440, "library/alpine", "3.22")),
        attested_since=440,
    ),
    Story(
        HUB,
        "library/golang",
        "1.25-bookworm",
        {AMD64: 288_400_000, ARM64: 281_700_000},
        (
            (0.17, ROOTFS),
            (0.08, APT),
            (0.23, "RUN /bin/sh -c apt-get install -y --no-install-recommends g++ gcc libc6-dev make # buildkit"),
            (0.51, "COPY /target/ / # buildkit"),
            (0.01, 'RUN /bin/sh -c mkdir -p "$GOPATH/src" "$GOPATH/bin" # buildkit'),
        ),
        every=29,
        creep=0.026,
        steps={421: 0.118, 255: -0.04},
        attested_since=600,
    ),
    Story(
        HUB,
        "library/nginx",
        "stable",
        {AMD64: 43_900_000, ARM64: 42_800_000, ARM_V7: 36_500_000},
        (
            (0.96, "RUN /bin/sh -c apt-get install -y nginx nginx-module-xslt nginx-module-geoip # buildkit"),
            (0.02, "COPY docker-entrypoint.sh / # buildkit"),
            (0.02, "COPY 20-envsubst-on-templates.sh /docker-entrypoint.d # buildkit"),
        ),
        every=80,
        steps={19: 0.294, 333: 0.017},
        spikes=(Spike(503, 3, 0.24),),
        bases=(Base(START, "library/debian", "bookworm-slim"),),
    ),
    Story(
        GITHUB,
        "example/toolbox",
        "latest",
        {AMD64: 118_300_000, ARM64: 112_900_000},
        (
            (0.3, "COPY --from=rootfs / / # buildkit"),
            (0.45, "RUN /bin/sh -c apk add --no-cache bash curl git jq openssh-client python3 # buildkit"),
            (0.25, "COPY --from=build /out/toolbox /usr/local/bin/toolbox # buildkit"),
        ),
        every=21,
        creep=0.05,
        steps={334: 0.38},
        spikes=(Spike(82, 5, 0.17),),
        zstd_since=252,
        attested_since=START,
    ),
    Story(
        GITHUB,
        "example/toolbox",
        "v1",
        {AMD64: 96_200_000, ARM64: 91_800_000},
        (
            (0.4, "COPY --from=rootfs / / # buildkit"),
            (0.6, "COPY --from=build /out/toolbox /usr/local/bin/ # buildkit"),
        ),
        every=35,
        gone=((281, 0),),
    ),
    Story(
        QUAY,
        "example/runtime",
        "stable",
        {AMD64: 71_600_000, ARM64: 69_300_000, PPC64LE: 75_900_000, S390X: 70_800_000},
        (
            (0.55, "ADD rootfs.tar.xz / "),
            (0.45, "RUN /bin/sh -c microdnf -y install java-headless && microdnf clean all"),
        ),
        every=26,
        creep=0.034,
        steps={127: 0.083},
        drops={S390X: 191},
        docker_until=365,
    ),
    Story(
        QUAY,
        "example/runtime",
        "edge",
        {AMD64: 73_000_000, ARM64: 70_900_000},
        (
            (0.5, "ADD rootfs.tar.xz / "),
            (0.5, "RUN /bin/sh -c microdnf -y install java-headless && microdnf clean all"),
        ),
        every=20,
        creep=0.11,
        steps={545: -0.06, 170: 0.12},
        gone=((303, 279),),
        docker_until=365,
    ),
)
ALIASES = (Alias(HUB, "library/alpine", "latest", {START: "3.20", 468: "3.22"}),)

UNWATCHED = (
    (
        Story(
            HUB,
            "library/ubuntu",
            "22.04",
            {AMD64: 29_500_000, ARM64: 27_300_000, ARM_V7: 26_600_000},
            ((1, ROOTFS),),
            every=30,
            creep=0.012,
            steps={210: -0.03},
        ),
        "jammy-{:%Y%m%d}",
    ),
)
"""Tags that the demo does not watch, and how their dated siblings are called: who watches one sees its past."""

WATCHES = (
    ("alpine:3.2*", 12),
    ("alpine:latest", 6),
    ("debian:bookworm-slim", 6),
    ("debian:trixie-slim", 6),
    ("ubuntu:24.04", 6),
    ("python:3.13-slim", 6),
    ("node:22-alpine", 6),
    ("golang:1.25-bookworm", 12),
    ("nginx:stable", 6),
    ("ghcr.io/example/toolbox:latest", 6),
    ("ghcr.io/example/toolbox:v1", 24),
    ("quay.io/example/runtime:stable", 6),
    ("quay.io/example/runtime:edge", 12),
)
"""What the demo watches: reference pattern and hours between checks."""
