"""Small manifests, indexes and configs to put into requests and answers."""

import hashlib
import json
from typing import Any

from app.registry.manifest import MediaType

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(body: bytes) -> str:
    """The sha256 digest of body."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def encode(document: object) -> bytes:
    """The document as JSON."""
    return json.dumps(document).encode()


def descriptor(media_type: str = LAYER, size: object = 100, seed: str = "x", **extra: object) -> dict[str, Any]:
    """A descriptor of something that need not exist."""
    return {"mediaType": media_type, "digest": digest_of(seed.encode()), "size": size, **extra}


def manifest(*sizes: object, **extra: object) -> dict[str, Any]:
    """An image manifest with a layer of each size."""
    return {
        "schemaVersion": 2,
        "mediaType": MediaType.OCI_MANIFEST,
        "config": descriptor(MediaType.OCI_CONFIG, 7, "config"),
        "layers": [descriptor(size=size, seed=f"layer {number}") for number, size in enumerate(sizes)],
        **extra,
    }


def child(os: str = "linux", architecture: str = "amd64", seed: str = "", **extra: object) -> dict[str, Any]:
    """An index's entry for one platform."""
    platform = {"os": os, "architecture": architecture}
    seed = seed or f"{os}/{architecture}"
    return descriptor(MediaType.OCI_MANIFEST, 500, seed, **{"platform": platform, **extra})


def index(*children: dict[str, Any], **extra: object) -> dict[str, Any]:
    """An index of children."""
    return {"schemaVersion": 2, "mediaType": MediaType.OCI_INDEX, "manifests": list(children), **extra}


def config(**extra: object) -> dict[str, Any]:
    """An image configuration for linux/amd64."""
    return {"os": "linux", "architecture": "amd64", **extra}
