"""Images named in files that people have: Dockerfiles, compose files, Kubernetes manifests, workflows, lists."""

from app.watchlist.importing.find import ImportPathInvalid, find_images
from app.watchlist.importing.found import Findings, Found, Skipped, file_of
from app.watchlist.importing.walk import Limits

__all__ = ["Findings", "Found", "ImportPathInvalid", "Limits", "Skipped", "file_of", "find_images"]
