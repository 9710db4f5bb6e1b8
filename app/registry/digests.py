"""Checking bytes against the digest that promises them."""

import hashlib

from app.registry.errors import DigestMismatch
from app.registry.reference import is_digest


def verified(body: bytes, wanted: str, stated: str | None, what: str, registry: str) -> str:
    """The digest of body, after checking it against the one asked for, and the one that the registry states.

    A tag as `wanted` promises nothing. A stated digest that is none is ignored: ours is the one that counts.
    """
    promised = [digest for digest in (wanted, stated or "") if is_digest(digest)]
    for digest in promised:
        algorithm = digest.partition(":")[0]
        found = f"{algorithm}:{hashlib.new(algorithm, body, usedforsecurity=True).hexdigest()}"
        if found != digest:
            raise DigestMismatch(f"{what} came as {found} where {digest} was promised", registry=registry)
    return wanted if is_digest(wanted) else f"sha256:{hashlib.sha256(body).hexdigest()}"
