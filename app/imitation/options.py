"""How registries differ, as one value per registry that people poll.

Facts come from the distribution specification, the registries' documentation and clients that talk to them; what is
not documented anywhere is marked as assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Options:
    """Behaviour of one registry; the defaults are CNCF distribution without authentication."""

    # Who may read
    challenge: Literal["none", "token", "basic"] = "none"
    service: str = "registry"
    public_without_token: bool = False  # a token is only asked for private repositories
    ping_scope: str | None = None  # a scope in the challenge of /v2/ that is only a placeholder
    bare_401: bool = False  # repository requests are refused without WWW-Authenticate
    tokens_bound: bool = True  # a token is good for the repositories of its scope only
    token_refused: bool = False  # no token at all for what may not be read, instead of an empty grant
    token_seconds: int | None = None  # `expires_in`; None leaves it out, which means 60
    private: frozenset[str] = frozenset()  # repositories that only accounts may read
    accounts: Mapping[str, str] = field(default_factory=dict)  # user name -> password
    # How much one may ask
    pull_limit: int | None = None  # counted manifest GETs per window and address
    account_pull_limit: int | None = None  # the same per account
    window_seconds: int = 21_600
    requests_per_minute: int | None = None  # abuse limit on requests of every kind
    abuse_body: str = "Too Many Requests"
    # Documents
    etag: bool = True
    converts_to_schema1: bool = False  # instead of 404 when no accepted type fits
    redirect_blobs: bool = False  # 307 to another address
    # Tag listing
    page: int | None = None  # tags on a page when n is not given
    page_cap: int | None = None  # a larger n is cut to this
    page_refused_above: int | None = None  # a larger n is answered 405
    oldest_first: bool = False  # instead of by name
    manifest_map: bool = False  # adds Google's `manifest` object
    # History of tags
    quay_api: bool = False  # Quay's /api/v1/repository/.../tag/, for public repositories
    chainguard_history: bool = False  # Chainguard's _chainguard/history/<tag>
    tag_history: int | None = None  # the draft _oci/tag-history/<tag>, at most so many entries to a page


DISTRIBUTION = Options()

HUB = Options(
    challenge="token",
    service="registry.docker.io",
    token_seconds=300,
    pull_limit=100,
    account_pull_limit=200,
    redirect_blobs=True,
    page=100,  # assumed: that Hub's registry paginates with Link is known, its page length is not
)
GHCR = Options(
    challenge="token",
    service="ghcr.io",
    ping_scope="repository:user/image:pull",
    tokens_bound=False,
    token_refused=True,
    abuse_body="toomanyrequests: retry-after: 331µs, allowed: 44000/minute",
    redirect_blobs=True,
    page=100,
    oldest_first=True,
)
QUAY = Options(
    quay_api=True,
    challenge="token",
    service="quay.io",
    public_without_token=True,
    etag=False,
    converts_to_schema1=True,
    redirect_blobs=True,
    page=100,
    page_cap=100,
)
GCR = Options(challenge="token", service="gcr.io", bare_401=True, manifest_map=True, redirect_blobs=True)
MCR = Options(redirect_blobs=True)
ECR = Options(challenge="token", service="public.ecr.aws", page_refused_above=1000, redirect_blobs=True)
CHAINGUARD = Options(challenge="token", service="cgr.dev", chainguard_history=True, redirect_blobs=True)
