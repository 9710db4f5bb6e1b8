"""Siblings with their push times -> the runs of the moving tag: pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.watchlist.lines import line_in_name
from app.watchlist.siblings import SiblingRule, Span, order


@dataclass(frozen=True, slots=True)
class Entry:
    """A sibling as a listing has it: pushed at `at`; `switched` where it was there before the tag went over to it."""

    name: str
    at: datetime
    switched: bool = False


def runs_of(rule: SiblingRule, entries: Iterable[Entry], skipped: Counter[str]) -> list[Entry]:
    """The siblings that the moving tag named, newest first, each at the time when the tag came to name it.

    A registry knows the last push only. So a sibling pushed again after a newer one was out tells nothing of the tag
    at that time, nor does one pushed outside of the span in which the tag followed its line: such are left out.
    """
    by_span: dict[Span, list[Entry]] = {span: [] for span in rule.spans}
    for entry in entries:
        span = rule.span_of(entry.name)
        if span is not None:
            by_span[span].append(entry)
    runs: list[Entry] = []
    for span, found in by_span.items():
        runs += _within(span, _rising(found, skipped), skipped)
    return sorted(runs, key=lambda entry: (entry.at, order(entry.name)), reverse=True)


def _rising(entries: Iterable[Entry], skipped: Counter[str]) -> list[Entry]:
    """In order of time, without those that a newer one had followed already."""
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda entry: (entry.at, order(entry.name))):
        if kept and order(entry.name) < order(kept[-1].name):
            skipped["pushed again after its successor"] += 1
        else:
            kept.append(entry)
    return kept


def _within(span: Span, entries: Sequence[Entry], skipped: Counter[str]) -> list[Entry]:
    """Those of a span of time; the one that was the newest when it began is what the tag went over to."""
    since, until = span.since, span.until
    kept = [entry for entry in entries if (since is None or since <= entry.at) and (until is None or entry.at < until)]
    before = [entry for entry in entries if since is not None and entry.at < since]
    skipped["pushed while the tag followed another line"] += len(entries) - len(kept) - len(before[-1:])
    if before and since is not None:
        kept.insert(0, replace(before[-1], at=since, switched=True))
    return kept


def telling_name(name: str, aliases: Sequence[str]) -> str:
    """Of the names of one document the one that spells out its release line, the shortest; else the sibling's own."""
    if line_in_name(name) is not None:
        return name
    return min((alias for alias in aliases if line_in_name(alias)), key=lambda alias: (len(alias), alias), default=name)


def aliases_by_digest(digests: Mapping[str, str | None]) -> dict[str, list[str]]:
    """Names by the digest that they share."""
    found: dict[str, list[str]] = {}
    for name, digest in digests.items():
        if digest is not None:
            found.setdefault(digest, []).append(name)
    return found
