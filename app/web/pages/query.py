"""What pages read from addresses: image references in every familiar spelling."""

from app.registry.reference import DEFAULT_TAG, Reference, ReferenceInvalid, Repository


def read_reference(image: str, tag: str) -> tuple[Repository, str]:
    """The repository and tag of `?image=debian&tag=bookworm` or `?image=debian:bookworm`; ReferenceInvalid."""
    reference = Reference.parse(f"{image}:{tag}" if tag else image)
    if reference.digest is not None:
        raise ReferenceInvalid(image, "digest", "pages show tags; a digest has no history")
    return reference.repository, reference.tag or DEFAULT_TAG
