"""What the API sends of backfills."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from app.web.api.schemas import ImageName, Listing, Schema, TagName


class BackfillIn(BaseModel):
    """Whose past to fetch: one watched tag."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(max_length=500, description="`debian`, or `debian:bookworm-slim`.", examples=["debian"])
    tag: str | None = Field(None, max_length=128, description="Without one it is latest.", examples=["bookworm-slim"])


class BackfillOut(Schema):
    """A tag whose past was asked for, and what came of it."""

    id: int = Field(examples=[7])
    image: ImageName
    tag: TagName
    state: str = Field(description="waiting, running, failing or done.", examples=["done"])
    reason: str = Field(description="Who asked: watch (a new watch), page, api or cli.", examples=["watch"])
    requested_at: datetime
    next_try_at: datetime | None = Field(description="null once it is done.")
    done_at: datetime | None
    found: int | None = Field(description="Past builds that the sources told of; null until it is done.")
    added: int | None = Field(description="Those that were new, so far.")
    failures: int = Field(description="In a row; a pause that the registry asked for is none.")
    error_code: str | None
    error_message: str | None = Field(description="Why it is failing, or has to wait.")


class BackfillList(Listing):
    """What was asked for, oldest first."""

    items: list[BackfillOut]


class BackfillHealthOut(Schema):
    """What is open of past sizes."""

    waiting: int
    running: int
    failing_count: int
    failing: list[BackfillOut] = Field(description="The worst of them, at most 50.")
