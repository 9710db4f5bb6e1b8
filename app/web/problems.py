"""What can go wrong with a request, as a value: RFC 9457's members, and a hint for people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PROBLEM_JSON = "application/problem+json"
_TYPE = "urn:tarewatch:problem:"

TITLES: Mapping[str, tuple[int, str]] = {
    "reference-invalid": (400, "This is not an image reference"),
    "cursor-invalid": (400, "This cursor does not belong here"),
    "request-unreadable": (400, "The request cannot be read"),
    "credentials-wrong": (401, "The admin token is needed"),
    "no-admin-token": (403, "No admin token configured"),
    "cross-site": (403, "This form was sent from another site"),
    "image-unknown": (404, "This image is not known here"),
    "build-unknown": (404, "There is no such build"),
    "manifest-unknown": (404, "There is no such manifest"),
    "watch-unknown": (404, "There is no such watch"),
    "page-unknown": (404, "There is nothing here"),
    "method-not-allowed": (405, "This cannot be done here"),
    "watch-exists": (409, "This is watched already"),
    "body-too-large": (413, "The request's body is too large"),
    "parameter-invalid": (422, "A parameter cannot be used"),
    "too-many-attempts": (429, "Too many wrong tokens"),
    "server-error": (500, "Something broke on our side"),
    "not-ready": (503, "Not ready"),
    "database-unusable": (503, "The database does not answer"),
}


@dataclass(eq=False)  # not frozen: whoever passes an exception on writes its traceback
class Problem(Exception):
    """A request that ends otherwise than asked; `code` is a key of TITLES, `more` are extension members."""

    code: str
    detail: str
    hint: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return TITLES[self.code][0]

    @property
    def title(self) -> str:
        """The same for every problem of this code."""
        return TITLES[self.code][1]

    def document(self, instance: str) -> dict[str, Any]:
        """The body of `application/problem+json`; `instance` is the path that was asked for."""
        members = {
            "type": _TYPE + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "code": self.code,
        }
        return members | ({"hint": self.hint} if self.hint else {}) | dict(self.more)
