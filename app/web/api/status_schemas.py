"""The status document: how the collecting is doing."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AliasChoices, Field, PlainSerializer

from app.web.api.backfill_schemas import BackfillHealthOut
from app.web.api.schemas import ImageName, Schema, TagName

Seconds = Annotated[timedelta, PlainSerializer(timedelta.total_seconds, return_type=float)]


class QuotaOut(Schema):
    """A registry's own word about counted pulls."""

    limit: int = Field(examples=[100])
    remaining: int = Field(examples=[76])
    window_seconds: int | None = Field(examples=[21600])
    seen_at: datetime | None


class HostOut(Schema):
    """A registry as last met."""

    name: str = Field(examples=["docker.io"])
    state: str = Field(description="ok, failing, paused or unmet.", examples=["ok"])
    tags: int
    cause_code: str | None
    cause: str | None
    failures: int
    failing_since: datetime | None
    ok_at: datetime | None
    paused_until: datetime | None
    next_try_at: datetime | None
    quota: QuotaOut | None
    pulls_paused_until: datetime | None = Field(description="The pull quota is used up; changes are still noticed.")


class FailingTagOut(Schema):
    """A tag whose last look failed, or that is gone."""

    image: ImageName
    tag: TagName
    status: str = Field(examples=["failing"])
    failures: int
    failing_since: datetime | None
    error_code: str | None = Field(examples=["server-error"])
    error_message: str | None
    next_check_at: datetime


class PendingOut(Schema):
    """Documents still to be read: for the bytes of a change, or only for its layers."""

    reason: str = Field(
        description="quota: waits for pulls; platforms: more are wanted; layers: only those are missing; "
        "error: not readable; lost: never can be",
        examples=["quota"],
    )
    priority: int = Field(description="0 goes first.")
    count: int


class WorkerOut(Schema):
    """A worker process."""

    id: str
    version: str
    started_at: datetime
    beat_at: datetime
    alive: bool


class WarningOut(Schema):
    """A watch that covers less than its pattern says."""

    watch_id: int
    image: ImageName
    tag_pattern: str
    matched_tags: int | None
    truncated: bool
    expand_error: str | None


class CountsOut(Schema):
    """How much is watched."""

    repositories: int
    tags: int
    series: int
    failing_tags: int
    gone_tags: int
    new_tags: int


class StatusDocument(Schema):
    """The state of the collecting now."""

    revision: int = Field(description="Grows with every recorded change.")
    counts: CountsOut
    hosts: list[HostOut]
    due_tags: int
    lag_seconds: Seconds = Field(
        validation_alias=AliasChoices("lag", "lag_seconds"), description="How long the most overdue tag has waited."
    )
    last_check_at: datetime | None
    failing: list[FailingTagOut]
    pending: list[PendingOut]
    backfills: BackfillHealthOut = Field(description="Past sizes that are still to be fetched.")
    workers: list[WorkerOut]
    warnings: list[WarningOut]
