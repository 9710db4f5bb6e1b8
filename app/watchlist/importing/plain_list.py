"""A plain list: one image or pattern per line, `#` begins a comment."""

from collections.abc import Iterator

from app.watchlist.importing.found import Mention


def read_list(text: str) -> Iterator[Mention]:
    """Every line as an image, with a tag or a pattern over tags; digests beside a tag are passed over."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        image = line.partition("#")[0].strip()
        if image:
            yield Mention(image, number, pattern="@" not in image)
