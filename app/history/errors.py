"""What was asked for is not known here.

NotKnown
├── UnknownImage      no such repository or tag is watched, or ever was
├── UnknownBuild      no build with this number
└── UnknownManifest   no platform manifest with this digest
"""


class NotKnown(LookupError):
    """str() says what is missing; `suggestions` are close things that do exist, best first."""

    def __init__(self, message: str, suggestions: tuple[str, ...] = ()) -> None:
        self.suggestions = suggestions
        super().__init__(message)


class UnknownImage(NotKnown):
    """No history for this reference (familiar spelling, "debian" or "debian:bookworm")."""

    def __init__(self, reference: str, suggestions: tuple[str, ...] = ()) -> None:
        self.reference = reference
        super().__init__(f"{reference} is not watched here", suggestions)


class UnknownBuild(NotKnown):
    """No build has this number."""

    def __init__(self, build_id: int) -> None:
        self.build_id = build_id
        super().__init__(f"there is no build {build_id}")


class UnknownManifest(NotKnown):
    """No platform manifest with this digest is known of any tag."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"no tag here ever had the platform manifest {digest}")
