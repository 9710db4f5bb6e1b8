"""Manifests, indexes and configs: real documents with real digests, about layers that need not exist."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.imitation import media

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sha256(data: bytes) -> str:
    """`sha256:` and the hex digest of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(value: object) -> bytes:
    """JSON as registries store it: compact, keys in the order given."""
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as its descriptor tells it. `content` makes the blob downloadable, and then gives digest and bytes."""

    compressed_bytes: int
    step: str
    media_type: str = media.OCI_GZIP
    salt: str = ""  # tells apart layers of equal length and step, as two rebuilds may give
    urls: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    unpacked_digest: str = ""  # the true diff_id, where there is one

    @property
    def digest(self) -> str:
        return sha256(self.content if self.content is not None else self._identity("gz"))

    @property
    def diff_id(self) -> str:
        return self.unpacked_digest or sha256(self._identity("tar"))

    def _identity(self, kind: str) -> bytes:
        return f"{kind} {self.compressed_bytes} {self.step} {self.salt}".encode()


def stored_layer(content: bytes, step: str, media_type: str = media.OCI_GZIP, unpacked_digest: str = "") -> Layer:
    """A layer whose bytes can be downloaded."""
    return Layer(len(content), step, media_type, content=content, unpacked_digest=unpacked_digest)


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index: its exact bytes, and what is pushed along with it."""

    media_type: str
    body: bytes
    digest: str
    platform: Mapping[str, str] | None = None  # of an image: as its parent index spells it
    annotations: Mapping[str, str] = field(default_factory=dict)  # on the descriptor in the parent index
    children: tuple["Document", ...] = ()
    blobs: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def descriptor(self) -> dict[str, object]:
        """How a parent index speaks of this document."""
        told: dict[str, object] = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.body)}
        if self.annotations:
            told["annotations"] = dict(self.annotations)
        if self.platform:
            told["platform"] = dict(self.platform)
        return told


def document(media_type: str, value: object) -> Document:
    """Any JSON under any media type: for what the builders below do not foresee."""
    body = value if isinstance(value, bytes) else encode(value)
    return Document(media_type, body, sha256(body))


def platform_fields(platform: str) -> dict[str, str]:
    """`linux/arm/v7` or `windows/amd64/10.0.17763.1` as the fields of a descriptor's `platform`."""
    os, architecture, *rest = platform.split("/")
    told = {"architecture": architecture, "os": os}
    if rest:
        told["os.version" if os == "windows" else "variant"] = rest[0]
    return told


@dataclass(frozen=True, slots=True)
class Format:
    """Which family of media types an image is written in."""

    manifest: str
    config: str
    layer: str


OCI = Format(media.OCI_MANIFEST, media.OCI_CONFIG, media.OCI_GZIP)
ZSTD = Format(media.OCI_MANIFEST, media.OCI_CONFIG, media.OCI_ZSTD)
DOCKER = Format(media.DOCKER_MANIFEST, media.DOCKER_CONFIG, media.DOCKER_GZIP)

Step = Layer | tuple[int, str] | str
"""A layer, a (compressed bytes, build step) pair, or a build step that makes no layer."""


def image(
    platform: str,
    steps: Sequence[Step],
    *,
    created: datetime = EPOCH,
    form: Format = OCI,
    annotations: Mapping[str, str] | None = None,
) -> Document:
    """One platform's manifest with its config; a pair becomes a layer of the form's own media type."""
    full = [_layer(step, form) for step in steps]
    layers = [step for step in full if isinstance(step, Layer)]
    config = encode(_config(platform, full, created))
    body = encode(
        {
            "schemaVersion": 2,
            "mediaType": form.manifest,
            "config": {"mediaType": form.config, "digest": sha256(config), "size": len(config)},
            "layers": [_layer_descriptor(layer) for layer in layers],
        }
    )
    blobs = {layer.digest: layer.content for layer in layers if layer.content is not None} | {sha256(config): config}
    fields = platform_fields(platform)
    return Document(form.manifest, body, sha256(body), fields, annotations or {}, blobs=blobs)


def _layer(step: Step, form: Format) -> Layer | str:
    return Layer(*step, media_type=form.layer) if isinstance(step, tuple) else step


def _layer_descriptor(layer: Layer) -> dict[str, object]:
    told: dict[str, object] = {
        "mediaType": layer.media_type,
        "digest": layer.digest,
        "size": layer.compressed_bytes,
    }
    if layer.urls:
        told["urls"] = list(layer.urls)
    if layer.annotations:
        told["annotations"] = dict(layer.annotations)
    return told


def _config(platform: str, steps: Sequence[Layer | str], created: datetime) -> dict[str, object]:
    when = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        **platform_fields(platform),
        "created": when,
        "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [step.diff_id for step in steps if isinstance(step, Layer)]},
        "history": [_history(step, when) for step in steps],
    }


def _history(step: Layer | str, when: str) -> dict[str, object]:
    if isinstance(step, Layer):
        return {"created": when, "created_by": step.step}
    return {"created": when, "created_by": step, "empty_layer": True}


def index(
    children: Sequence[Document],
    *,
    attestations: bool = False,
    media_type: str = media.OCI_INDEX,
    annotations: Mapping[str, str] | None = None,
) -> Document:
    """An index of images, or of other indexes. `attestations` adds BuildKit's companion to each image."""
    found = tuple(children)
    if attestations:
        found += tuple(attestation(child) for child in children if child.platform)
    told: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": [child.descriptor for child in found],
    }
    if annotations:
        told["annotations"] = dict(annotations)
    body = encode(told)
    return Document(media_type, body, sha256(body), children=found)


def docker_list(children: Sequence[Document]) -> Document:
    """Docker's manifest list, the index of schema 2."""
    return index(children, media_type=media.DOCKER_LIST)


def attestation(subject: Document, statement: bytes | None = None) -> Document:
    """BuildKit's attestation manifest of an image: an index child of platform unknown/unknown.

    Without a statement to store its length is that of a Debian image's list of packages, 2.4 MB.
    """
    layer = Layer(
        2_400_000 if statement is None else len(statement),
        "",
        media.IN_TOTO,
        salt=subject.digest,
        annotations={"in-toto.io/predicate-type": "https://spdx.dev/Document"},
        content=statement,
    )
    rootfs = {"type": "layers", "diff_ids": [layer.digest]}
    config = encode({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": rootfs})
    body = encode(
        {
            "schemaVersion": 2,
            "mediaType": media.OCI_MANIFEST,
            "config": {"mediaType": media.OCI_CONFIG, "digest": sha256(config), "size": len(config)},
            "layers": [_layer_descriptor(layer)],
        }
    )
    marks = {
        "vnd.docker.reference.digest": subject.digest,
        "vnd.docker.reference.type": "attestation-manifest",
    }
    platform = {"architecture": "unknown", "os": "unknown"}
    blobs = {sha256(config): config} | ({} if statement is None else {layer.digest: statement})
    return Document(media.OCI_MANIFEST, body, sha256(body), platform, marks, blobs=blobs)


def artifact(artifact_type: str, layers: Iterable[Layer] = (), subject: Document | None = None) -> Document:
    """An OCI 1.1 artifact: no container image, the empty config and an `artifactType`."""
    told: dict[str, object] = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": {"mediaType": media.OCI_EMPTY, "digest": sha256(b"{}"), "size": 2, "data": "e30="},
        "layers": [_layer_descriptor(layer) for layer in layers],
    }
    if subject is not None:
        plain = ("mediaType", "digest", "size")
        told["subject"] = {key: subject.descriptor[key] for key in plain}
    body = encode(told)
    return Document(media.OCI_MANIFEST, body, sha256(body), blobs={sha256(b"{}"): b"{}"})


def schema1(repository: str, tag: str, layers: int = 1) -> Document:
    """Docker's first manifest format: layers without lengths, no longer pulled by anybody."""
    told = {
        "schemaVersion": 1,
        "name": repository,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": [{"blobSum": sha256(f"{repository} {n}".encode())} for n in range(layers)],
        "history": [{"v1Compatibility": '{"architecture":"amd64","os":"linux"}'} for _ in range(layers)],
        "signatures": [{"header": {"alg": "ES256"}, "signature": "", "protected": ""}],
    }
    body = json.dumps(told, indent=3).encode()
    return Document(media.DOCKER_SCHEMA1, body, sha256(body))
