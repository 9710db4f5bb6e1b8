"""What the API sends, as it stands in OpenAPI. Bytes are integers, times RFC 3339 in UTC."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Digest = Annotated[str, Field(examples=["sha256:" + "4b" * 32])]
ImageName = Annotated[str, Field(description="As people write it.", examples=["debian"])]
TagName = Annotated[str, Field(examples=["bookworm-slim"])]
PlatformName = Annotated[str, Field(examples=["linux/amd64"])]
Bytes = Annotated[int, Field(ge=0, examples=[28228399])]


class Schema(BaseModel):
    """The base of all: read from our own values, nothing unnamed gets out."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")


class ChangeOut(Schema):
    """From the value then to the value now, in compressed bytes."""

    before_bytes: Bytes
    after_bytes: Bytes
    difference_bytes: int = Field(description="Positive when it grew.", examples=[12_000_000])
    ratio: float | None = Field(description="0.05 means 5 % more; null when there was nothing before.", examples=[0.05])


class ImageOut(Schema):
    """A tag on one platform."""

    image: ImageName
    tag: TagName
    watched: bool = Field(description="false: its history is kept, nothing is added by polling.")
    platform: PlatformName | None = Field(description="null until the first look.")
    compressed_bytes: Bytes | None = Field(description="The last measured value.")
    pending: bool = Field(description="A newer build is known whose bytes are not.")
    status: str = Field(description="new, ok, failing or gone.", examples=["ok"])
    error_message: str | None = Field(description="Why it is failing.")
    changed_at: datetime | None = Field(description="When this platform last changed.")
    checked_at: datetime | None = Field(description="The last look that got an answer.")
    change_30d: ChangeOut | None = Field(description="null where the value then is not known, or nothing since.")
    change_1y: ChangeOut | None
    platforms: int = Field(description="How many platforms the tag offers.", examples=[8])


class Listing(Schema):
    """A page of a list."""

    next: str | None = Field(
        None,
        description="The next page, relative to this one; null on the last.",
        examples=["/api/v1/builds?cursor=WyJ"],
    )


class ImageList(Listing):
    """Tags that fit the filter."""

    items: list[ImageOut]
    total: int = Field(description="How many rows fit the filter, on all pages.", examples=[200])


class LatestOut(Schema):
    """A platform of a tag, as it is now."""

    platform: PlatformName
    compressed_bytes: Bytes | None
    pending: bool
    build_id: int | None = Field(examples=[4711])
    digest: Digest | None = Field(description="Of the platform's manifest.")
    at: datetime | None = Field(description="Since when.")
    dropped_at: datetime | None = Field(description="The tag no longer offers this platform.")


class TagOut(Schema):
    """A tag of a repository, watched now or once."""

    image: ImageName
    tag: TagName
    watched: bool
    status: str = Field(examples=["ok"])
    error_code: str | None
    error_message: str | None
    digest: Digest | None = Field(description="What the tag names now: an index, or a manifest.")
    media_type: str | None
    first_seen_at: datetime
    checked_at: datetime | None
    changed_at: datetime | None = Field(description="When the tag last moved to another digest.")
    platforms: list[LatestOut]


class TagList(Listing):
    """Tags of one repository, by name."""

    items: list[TagOut]


class SeriesOut(Schema):
    """One platform's change points as columns of equal length; each value holds until the next point."""

    platform: PlatformName
    dropped_at: int | None = Field(description="Seconds since 1970; the tag no longer offers this platform.")
    t: list[int] = Field(description="Seconds since 1970, rising.", examples=[[1753000000, 1755000000]])
    bytes: list[int | None] = Field(description="null: not measured yet.", examples=[[28_000_000, 28_228_399]])
    build: list[int] = Field(description="Ids for /api/v1/builds/{id}.", examples=[[17, 42]])


class EventOut(Schema):
    """What a look at the tag found to be different."""

    t: int = Field(description="Seconds since 1970.")
    kind: str = Field(description="seen, moved, gone, returned, platform_added, platform_dropped, platform_returned.")
    digest: Digest | None
    platform: PlatformName | None


class SeriesDocument(Schema):
    """The history of a tag: a step function per platform."""

    image: ImageName
    tag: TagName
    metric: Literal["compressed_bytes"]
    unit: Literal["bytes"]
    status: str
    checked_at: int | None = Field(description="Seconds since 1970: until when the last values are known to hold.")
    observed_since: int | None = Field(
        description="Seconds since 1970: our own first look; what came before is known from others. null: never looked."
    )
    series: list[SeriesOut]
    events: list[EventOut]


class BuildOut(Schema):
    """One run of a tag on one platform manifest; in force from `at` until the next build."""

    id: int = Field(examples=[4711])
    image: ImageName
    tag: TagName
    platform: PlatformName
    at: datetime = Field(description="`pushed_at` where known, else `known_since` where known, else `first_seen_at`.")
    first_seen_at: datetime = Field(description="By polling; of a build from another source, that source's word.")
    pushed_at: datetime | None = Field(description="The registry's word.")
    known_since: datetime | None = Field(description="An earlier moment from which another source knows this build.")
    origin: str = Field(description="poll, sibling, hub, history or import.", examples=["poll"])
    source: str | None = Field(
        description="Where exactly it is known from: the sibling tag, the imported file; null for polls.",
        examples=["bookworm-20260918-slim"],
    )
    release_line: str | None = Field(
        description="The distribution's release that it stands on, where a sibling's name or the first layer's build "
        "step tells: a floating tag moves from one to the next.",
        examples=["bookworm"],
    )
    digest: Digest = Field(description="Of the platform's manifest.")
    compressed_bytes: Bytes | None
    layer_count: int | None
    previous_bytes: Bytes | None
    difference_bytes: int | None = Field(description="Growth over the last measured build before it.")


class BuildList(Listing):
    """Builds, last seen first."""

    items: list[BuildOut]


class LayerOut(Schema):
    """A layer; position 0 is the base."""

    position: int
    digest: Digest
    media_type: str
    compressed_bytes: Bytes
    step: str | None = Field(description="The build step from the image's own history: untrusted text.")
    share: float = Field(description="Part of the manifest's bytes, 0 to 1.", examples=[0.93])


class ManifestOut(Schema):
    """A platform manifest; layers are empty and bytes null while it waits to be measured."""

    digest: Digest
    media_type: str | None
    config_digest: Digest | None
    created_at: datetime | None = Field(description="The image config's word: often not the push time.")
    fetched_at: datetime | None
    compressed_bytes: Bytes | None = Field(description="Sum of the layers' compressed bytes.")
    layer_count: int | None
    layers_pruned_at: datetime | None = Field(description="The layers were given up to save room; the bytes stay.")
    layers: list[LayerOut]


class BuildDocument(Schema):
    """A build in full."""

    build: BuildOut
    tag_digest: Digest | None = Field(description="What the tag named then: an index, or the manifest itself.")
    manifest: ManifestOut
    previous_id: int | None
    next_id: int | None


class ManifestDocument(Schema):
    """A manifest, and the newest builds that ran on it."""

    manifest: ManifestOut
    builds: list[BuildOut]


class WatchIn(BaseModel):
    """What to watch."""

    model_config = ConfigDict(extra="forbid")

    image: str = Field(max_length=500, description="A tag, or a pattern of * ? [ ].", examples=["alpine:3.2*"])
    platforms: list[str] | None = Field(
        None, max_length=50, description="null means all.", examples=[["linux/amd64", "linux/arm64"]]
    )
    interval: str | None = Field(
        None, max_length=20, description="30m, 6h, 1d; null means the default.", examples=["6h"]
    )


class WatchChange(BaseModel):
    """What can be changed of a watch."""

    model_config = ConfigDict(extra="forbid")

    paused: bool


class WatchOut(Schema):
    """A watch and what became of it."""

    id: int = Field(examples=[12])
    image: ImageName
    tag_pattern: str = Field(examples=["3.2*"])
    platforms: list[str] | None
    interval_seconds: int | None = Field(description="null: the default.", examples=[21600])
    paused: bool
    origin: str = Field(description="Who added it: default, cli, api, page, import, apply or demo.", examples=["api"])
    created_at: datetime
    tags: int = Field(description="Tags that it covers now.")
    matched_tags: int | None = Field(description="Tags that match the pattern; null for a plain tag.")
    truncated: bool = Field(description="More tags match than the cap allows.")
    expanded_at: datetime | None
    expand_error: str | None
    sources: list[str] = Field(
        description="Where `tarewatch watch import` found it, relative to what was imported.",
        examples=[["api/Dockerfile:3"]],
    )


class WatchList(Schema):
    """All watches, by name."""

    items: list[WatchOut]
