"""Cells that a spreadsheet would take for formulas: made harmless going out, undone coming in.

Of all columns only `source` and `media_type` may begin with such a sign; no name, time, digest or number can.
"""

from app.exchange.refusals import RowRefused

_WIDE = "\uff1d\uff0b\uff0d\uff20"  # = + - @ as East Asian spreadsheets take them (OWASP, "CSV Injection")
_ACTIVE = frozenset("=+-@\t\r\n" + _WIDE)
_GUARD = "'"


def guarded(text: str) -> str:
    """The text as a cell: behind an apostrophe if a spreadsheet would run it, or if it has one of its own."""
    return _GUARD + text if text[:1] in _ACTIVE or _is_guarded(text) else text


def plain(cell: str) -> str:
    """The text of a cell; RowRefused for a formula, since our own exports hold none."""
    if cell[:1] in _ACTIVE:
        raise RowRefused("a cell that a spreadsheet would run; put ' in front to mean the text", repr(cell[:80]))
    return cell[1:] if _is_guarded(cell) else cell


def _is_guarded(text: str) -> bool:
    """Apostrophes with something active behind them: one of them was put there, or will be."""
    return text[:1] == _GUARD and text.lstrip(_GUARD)[:1] in _ACTIVE
