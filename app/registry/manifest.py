"""Manifests and indexes: documents of the OCI image-spec (and Docker's schema 2) parsed once into values."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from app.registry.errors import ManifestInvalid, NotAnImage, SchemaUnsupported
from app.registry.image_config import ImageConfig, parse_config
from app.registry.platform import Platform, read_platform
from app.registry.reference import is_digest
from app.registry.strict_json import (
    MAX_INTEGER,
    JsonObject,
    byte_count,
    load_object,
    optional_list,
    optional_object,
    optional_text,
    storable,
)

__all__ = [
    "ACCEPT",
    "Descriptor",
    "ImageConfig",
    "ImageManifest",
    "Index",
    "MediaType",
    "Platform",
    "media_type_of",
    "parse_config",
    "parse_document",
]

MAX_LAYERS = 1_000  # overlayfs takes 128
MAX_CHILDREN = 1_000
MAX_ANNOTATIONS = 256
MAX_URLS = 16
MAX_MEDIA_TYPE = 128  # RFC 6838 allows twice that, nobody uses it

_NO_ANNOTATIONS: Mapping[str, str] = MappingProxyType({})
_ATTESTATION = "vnd.docker.reference.type"  # moby/buildkit docs/attestations/attestation-storage.md


def _no_annotations() -> Mapping[str, str]:
    return _NO_ANNOTATIONS


class MediaType(StrEnum):
    """The media types that decide what a document is."""

    OCI_INDEX = "application/vnd.oci.image.index.v1+json"
    DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
    OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
    DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
    OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
    DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
    OCI_EMPTY = "application/vnd.oci.empty.v1+json"
    OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
    DOCKER_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+json"
    DOCKER_SCHEMA1_SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"


INDEXES = frozenset({MediaType.OCI_INDEX, MediaType.DOCKER_LIST})
MANIFESTS = frozenset({MediaType.OCI_MANIFEST, MediaType.DOCKER_MANIFEST})
_SCHEMA1 = frozenset({MediaType.DOCKER_SCHEMA1, MediaType.DOCKER_SCHEMA1_SIGNED})
# application/octet-stream: what Docker 1.10 wrote for schema 2 (moby#22378).
_CONFIGS = frozenset({MediaType.OCI_CONFIG, MediaType.DOCKER_CONFIG, "application/octet-stream"})
_LAYER_PREFIXES = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")
_FOREIGN_PREFIXES = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)

# All four, always: without one of them a registry may answer 200 with the digest of another document.
ACCEPT = ", ".join([MediaType.OCI_INDEX, MediaType.DOCKER_LIST, MediaType.OCI_MANIFEST, MediaType.DOCKER_MANIFEST])


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to a document or layer (image-spec, descriptor.md). `size`: bytes of what it points to."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=_no_annotations, hash=False)
    urls: tuple[str, ...] = ()
    artifact_type: str | None = None

    @property
    def is_attestation(self) -> bool:
        """Whether BuildKit marked it as a statement about another image."""
        return _ATTESTATION in self.annotations

    @property
    def is_index(self) -> bool:
        """Whether it points to an index (nested indexes are legal)."""
        return self.media_type in INDEXES

    @property
    def is_layer(self) -> bool:
        """Whether it points to a file system layer."""
        return self.media_type.startswith(_LAYER_PREFIXES)

    @property
    def is_foreign(self) -> bool:
        """Whether it is a non-distributable layer, possibly not in the registry; its size counts all the same."""
        return self.media_type.startswith(_FOREIGN_PREFIXES)

    @property
    def may_be_image(self) -> bool:
        """Whether it is worth asking for: an index or manifest that does not say it is something else."""
        is_document = self.is_index or self.media_type in MANIFESTS
        unknown = self.platform is not None and self.platform.is_unknown
        return is_document and not unknown and not self.is_attestation and self.artifact_type is None


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """One platform's image."""

    digest: str
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=_no_annotations, hash=False)

    @property
    def compressed_bytes(self) -> int:
        """The plain sum of the layers' sizes, repeated layers and foreign ones included, the config not."""
        return sum(layer.size for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Index:
    """A list of images, usually one per platform."""

    digest: str
    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=_no_annotations, hash=False)

    def images(self) -> tuple[Descriptor, ...]:
        """The children that may be images or nested indexes; of two equal platforms the first (image-index.md)."""
        return first_of_each([child for child in self.manifests if child.may_be_image])


def first_of_each(children: list[Descriptor]) -> tuple[Descriptor, ...]:
    """Children in order, without repeated documents and without a second image of the same platform."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for child in children:
        by_platform = child.platform is not None and not child.is_index
        key = (str(child.platform), "") if by_platform else ("", child.digest)
        if key not in seen:
            seen.add(key)
            kept.append(child)
    return tuple(kept)


def media_type_of(content_type: str | None) -> str:
    """A Content-Type without parameters, lower-case; "" if there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def parse_document(body: bytes, content_type: str | None, digest: str | None = None) -> ImageManifest | Index:
    """The image manifest or index in body.

    `digest` is the one already verified for these bytes; without it their sha256 is taken. The Content-Type decides
    what the document is, then its own mediaType, then its shape; a contradiction between them is refused
    (CVE-2021-41190). Raises ManifestInvalid, SchemaUnsupported or NotAnImage.
    """
    document = load_object(body, "manifest")
    media_type = _classify(document, media_type_of(content_type))
    digest = digest or f"sha256:{hashlib.sha256(body).hexdigest()}"
    annotations = _annotations(document, "manifest")
    if media_type in INDEXES:
        return Index(digest, media_type, _descriptors(document, "manifests", MAX_CHILDREN), annotations)
    manifest = _image(document, digest, media_type, annotations)
    if manifest.compressed_bytes > MAX_INTEGER:
        raise ManifestInvalid("the layers' sizes add up to more than 2^53 bytes")
    if manifest.compressed_bytes == 0:
        raise NotAnImage("its layers have no bytes")
    return manifest


def _classify(document: JsonObject, declared: str) -> str:
    own = media_type_of(optional_text(document, "mediaType", "manifest"))
    if declared in _SCHEMA1 or own in _SCHEMA1 or document.get("schemaVersion") == 1:
        raise SchemaUnsupported("a schema 1 manifest: it states no layer sizes; the image must be pushed again")
    is_index, is_manifest = "manifests" in document, "layers" in document or "config" in document
    for known, fits in ((INDEXES, is_index and not is_manifest), (MANIFESTS, is_manifest and not is_index)):
        if (declared in known or own in known) and not fits:
            raise ManifestInvalid(f"the manifest says it is {declared or own}, but its contents are of another kind")
    for media_type in (declared, own):
        if media_type in INDEXES | MANIFESTS:
            return media_type
    if own:
        raise NotAnImage(f"a document of type {own}, not a container image")
    if is_index is is_manifest:
        raise ManifestInvalid("neither an image manifest nor an index")
    return MediaType.OCI_INDEX if is_index else MediaType.OCI_MANIFEST


def _image(document: JsonObject, digest: str, media_type: str, annotations: Mapping[str, str]) -> ImageManifest:
    artifact_type = optional_text(document, "artifactType", "manifest")
    config = _descriptor(document.get("config"), "config")
    layers = _descriptors(document, "layers", MAX_LAYERS)
    if artifact_type or config.media_type not in _CONFIGS:
        raise NotAnImage(f"an artifact of type {artifact_type or config.media_type}, not a container image")
    if not any(layer.is_layer for layer in layers):
        kinds = layers[0].media_type if layers else "none at all"
        raise NotAnImage(f"no file system layers (its layers: {kinds})")
    return ImageManifest(digest, media_type, config, layers, annotations)


def _descriptors(document: JsonObject, key: str, at_most: int) -> tuple[Descriptor, ...]:
    entries = optional_list(document, key, "manifest", at_most=at_most)
    return tuple(_descriptor(entry, f"{key}[{number}]") for number, entry in enumerate(entries))


def _descriptor(entry: object, what: str) -> Descriptor:
    if not isinstance(entry, dict):
        raise ManifestInvalid(f"{what} is not a descriptor")
    digest = optional_text(entry, "digest", what)
    if digest is None or not is_digest(digest):
        raise ManifestInvalid(f"{what}: digest {digest or 'is missing'!r:.90} is not a sha256 or sha512 digest")
    media_type = media_type_of(optional_text(entry, "mediaType", what))
    if not media_type or len(media_type) > MAX_MEDIA_TYPE:
        raise ManifestInvalid(f"{what}: mediaType is missing or too long")
    platform = optional_object(entry, "platform", what)
    return Descriptor(
        media_type,
        digest,
        byte_count(entry, "size", what),
        None if platform is None else read_platform(platform, what),
        _annotations(entry, what),
        _urls(entry, what),
        optional_text(entry, "artifactType", what) or None,
    )


def _annotations(entry: JsonObject, what: str) -> Mapping[str, str]:
    found = optional_object(entry, "annotations", what)
    if not found:
        return _NO_ANNOTATIONS
    if len(found) > MAX_ANNOTATIONS:
        raise ManifestInvalid(f"{what}: {len(found)} annotations, more than {MAX_ANNOTATIONS}")
    texts = {storable(key): storable(value) for key, value in found.items() if isinstance(value, str)}
    return MappingProxyType(texts)


def _urls(entry: JsonObject, what: str) -> tuple[str, ...]:
    urls = optional_list(entry, "urls", what, at_most=MAX_URLS)
    return tuple(storable(url) for url in urls if isinstance(url, str))
