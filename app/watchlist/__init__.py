"""Watches -> tags: what the operator wants tracked, and the tags that follow from it."""

from app.watchlist.defaults import add_default_watches, default_watches
from app.watchlist.spec import UnknownWatch, WatchExists, WatchInvalid, WatchSpec, parse_interval
from app.watchlist.watches import (
    WatchInfo,
    add_watch,
    ensure_repository,
    find_watch,
    list_watches,
    remove_watch,
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
    "default_watches",
    "ensure_repository",
    "find_watch",
    "list_watches",
    "parse_interval",
    "remove_watch",
    "set_paused",
]
