"""What a chart says above itself about moments: vertical lines with a few words, in rows that do not run together."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

MOST_ROWS = 2  # static/app.css leaves room for so many
_LETTER = 6.8  # pixels, about, of the labels' type
_WIDE, _NARROW = 900, 300  # pixels of the plot on a desktop and on a phone
_EDGE = 0.1  # of the width: closer to it a label lies on one side of its line

# Markup.format escapes what it fills in.
_NOTE = Markup('<g class="note-{0}"><line x1="{1}" x2="{1}" y1="0" y2="100%"/>{2}</g>')
_TEXT = Markup('<text class="{0}{1}" x="{2}" y="0" dy="{3}em">{4}</text>')


@dataclass(frozen=True, slots=True)
class Note:
    """A moment (epoch seconds) and its label; `short` where there is little room."""

    at: int
    kind: Literal["switch", "observed"]
    label: str
    short: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A note in its place: `share` of the width, and the row of its label from below, None where there is no room."""

    note: Note
    share: float
    row: int | None


def placed(notes: Iterable[Note], start: int, end: int) -> tuple[Placed, ...]:
    """The notes inside a window, from the left, each label in the lowest row where it touches no other."""
    found: list[Placed] = []
    taken: list[list[tuple[float, float]]] = [[] for _ in range(MOST_ROWS)]
    for note in sorted(notes, key=lambda note: note.at):
        share = (note.at - start) / (end - start)
        if not 0 < share <= 1:
            continue
        reach = _reach(note, share)
        row = next(
            (
                row
                for row in range(MOST_ROWS)
                if all(left >= reach[1] or right <= reach[0] for left, right in taken[row])
            ),
            None,
        )
        if row is not None:
            taken[row].append(reach)
        found.append(Placed(note, share, row))
    return tuple(found)


def _reach(note: Note, share: float) -> tuple[float, float]:
    """From where to where the label goes, in shares of the width, where that is worst."""
    width = _LETTER * max((len(note.label) + 1) / _WIDE, (len(note.short) + 1) / _NARROW)
    return {"": (share - width / 2, share + width / 2), " from": (share, share + width)}.get(
        _side(share), (share - width, share)
    )


def _side(share: float) -> str:
    """The class that says on which side of its line a label lies."""
    return " from" if share < _EDGE else " upto" if share > 1 - _EDGE else ""


def drawn(notes: Sequence[Placed]) -> Markup:
    """The lines over the whole height, and the labels above the plot."""
    return Markup("").join(_NOTE.format(one.note.kind, _percent(one.share), _texts(one)) for one in notes)


def _texts(one: Placed) -> Markup:
    if one.row is None:
        return Markup("")
    place = (_side(one.share), _percent(one.share), f"{-0.5 - 1.25 * one.row:g}")
    return _TEXT.format("full", *place, one.note.label) + _TEXT.format("short", *place, one.note.short)


def _percent(share: float) -> str:
    return f"{math.floor(share * 10_000 + 0.5) / 100:g}%"
