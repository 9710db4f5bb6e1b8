"""A file that can be read again: plain or gzip, or standard input, which is copied to a temporary file first."""

import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from app.exchange.refusals import FileRefused

_GZIP = b"\x1f\x8b"
UNREADABLE = (OSError, EOFError, zlib.error)  # what reading may raise, gzip's complaints included


@dataclass(frozen=True, slots=True)
class Source:
    """An open file. `name` is what messages call it; `length_bytes` as it lies on the disk."""

    name: str
    raw: BinaryIO
    length_bytes: int

    @property
    def position(self) -> int:
        """How far it has been read, of `length_bytes`."""
        return self.raw.tell()

    def content(self) -> BinaryIO:
        """The content from its beginning, unpacked."""
        self.raw.seek(0)
        packed = self.raw.read(2) == _GZIP
        self.raw.seek(0)
        return gzip.GzipFile(fileobj=self.raw, mode="rb") if packed else self.raw  # type: ignore[return-value]  # a BinaryIO in all but name


@contextmanager
def opened(path: str) -> Iterator[Source]:
    """The file at this path, "-" for standard input; FileRefused if it cannot be read."""
    name = "stdin" if path == "-" else Path(path).name
    with ExitStack() as stack:
        try:
            raw: BinaryIO = sys.stdin.buffer if path == "-" else stack.enter_context(Path(path).open("rb"))
            if path == "-" or not raw.seekable():
                copy = stack.enter_context(tempfile.TemporaryFile(prefix="tarewatch-import-"))
                shutil.copyfileobj(raw, copy)
                raw = copy
            length_bytes = raw.seek(0, io.SEEK_END)
        except OSError as error:
            raise FileRefused(path, error.strerror or str(error)) from None
        yield Source(name, raw, length_bytes)
