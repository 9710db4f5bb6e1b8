"""Watches -> tags: what the operator wants tracked, and the tags that follow from it."""

from app.watchlist.backfills import request_backfills
from app.watchlist.defaults import add_default_watches, default_watches
from app.watchlist.spec import UnknownWatch, WatchExists, WatchInvalid, WatchSpec, parse_interval
from app.watchlist.watches import (
    WatchInfo,
    add_watch,
    add_watches,
    ensure_repository,
    find_watch,
    list_watches,
    pause_watches,
    remove_watch,
    remove_watches,
    set_paused,
)

__all__ = [
    "UnknownWatch",
    "WatchExists",
    "WatchInfo",
    "WatchInvalid",
    "WatchSpec",
    "add_default_watches",
    "add_watch",
    "add_watches",
    "default_watches",
    "ensure_repository",
    "find_watch",
    "list_watches",
    "parse_interval",
    "pause_watches",
    "remove_watch",
    "remove_watches",
    "request_backfills",
    "set_paused",
]
