"""Images for a real registry: layers that are real archives, and the OCI layouts that skopeo copies from."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import zstandard

from app.imitation import media
from app.imitation.documents import Document, Layer, sha256, stored_layer


def tar(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files, the same bytes every time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def gzip_layer(files: Mapping[str, bytes], step: str, media_type: str = media.OCI_GZIP) -> Layer:
    unpacked = tar(files)
    return stored_layer(gzip.compress(unpacked, mtime=0), step, media_type, sha256(unpacked))


def zstd_layer(files: Mapping[str, bytes], step: str) -> Layer:
    unpacked = tar(files)
    return stored_layer(zstandard.compress(unpacked), step, media.OCI_ZSTD, sha256(unpacked))


def write_layout(folder: Path, tagged: Mapping[str, Document]) -> Path:
    """An OCI image layout (image-spec image-layout.md) with these documents under these tags."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    entries = []
    for tag, document in tagged.items():
        _write(blobs, document)
        entries.append({**document.descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}})
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return folder


def _write(blobs: Path, document: Document) -> None:
    for digest, content in {**document.blobs, document.digest: document.body}.items():
        (blobs / digest.removeprefix("sha256:")).write_bytes(content)
    for child in document.children:
        _write(blobs, child)
