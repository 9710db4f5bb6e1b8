"""Cells and spreadsheets."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchange.cells import guarded, plain
from app.exchange.refusals import RowRefused

SIGNS = st.text("=+-@\t\r\n'ab,\" ", max_size=6)


@given(SIGNS | st.text(max_size=20))
def test_guarding_can_be_undone(text: str) -> None:
    """Whatever the text, with apostrophes of its own or without, and through a CSV file."""
    cell = guarded(text)
    assert cell[:1] not in set("=+-@\t\r\n")
    file = io.StringIO()
    csv.writer(file).writerow([cell, "."])
    (back,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert plain(back[0]) == text


@pytest.mark.parametrize("text", ["bookworm-20260101", "'quoted'", "don't", "'", ""])
def test_harmless_texts_stay_as_they_are(text: str) -> None:
    """In both directions."""
    assert guarded(text) == text == plain(text)


def test_formulas_are_refused() -> None:
    """None of our own files has one; whoever means the text says so by an apostrophe."""
    with pytest.raises(RowRefused, match="spreadsheet"):
        plain("=HYPERLINK()")
    assert plain("'=HYPERLINK()") == "=HYPERLINK()"


@pytest.mark.parametrize("sign", ["\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_wide_signs_begin_formulas_too(sign: str) -> None:
    """East Asian spreadsheets read them so."""
    assert guarded(f"{sign}1") == f"'{sign}1"
    assert plain(guarded(f"{sign}1")) == f"{sign}1"
