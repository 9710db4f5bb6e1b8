"""Static files; with `?v=<content hash>` they may be kept for ever."""

import hashlib
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Response

from app.resources import resource_dir
from app.web.problems import Problem

router = APIRouter(include_in_schema=False)

_FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".webmanifest": "application/json"}


@router.get("/static/{name:path}")
async def static_file(name: str, v: str | None = None) -> Response:
    """A file of `static/`; small, so read whole, and kept by the cache in front."""
    path = _file(name)
    content = path.read_bytes()
    mine = hashlib.sha256(content).hexdigest()
    lasting = v is not None and len(v) >= 8 and mine.startswith(v)
    return Response(content, headers={"cache-control": _FOR_EVER if lasting else "no-cache"}, media_type=_type(path))


def _file(name: str) -> Path:
    """The file, from the list of those that exist: no spelling of a path leads out of the folder."""
    folder = resource_dir("static")
    for path in folder.rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() == name:
            return path
    raise Problem("page-unknown", "There is no such file.")


def _type(path: Path) -> str:
    return _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
