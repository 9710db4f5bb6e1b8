"""What is wrong with a file, or with one fact in it."""


class FileRefused(Exception):
    """The file cannot be read at all; str() says "place: reason"."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"{place}: {reason}")


class RowRefused(ValueError):
    """One row cannot be taken: `reason` is the same for all of its kind, `detail` what stood there."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)
