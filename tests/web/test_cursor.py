"""Cursors."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.history.page import Key, PageKeyInvalid
from app.web.cursor import decode_cursor, encode_cursor

PARTS = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=60)
)


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.lists(PARTS, max_size=4).map(tuple))
def test_cursors_come_back(listing: str, key: Key) -> None:
    """A cursor read for its own list is the key that it was made of."""
    if "\0" not in listing:
        assert decode_cursor(listing, encode_cursor(listing, key)) == key


@given(st.text(max_size=200))
def test_other_text_is_refused(text: str) -> None:
    """Text that is no cursor is one kind of error, never a crash."""
    with pytest.raises(PageKeyInvalid):
        decode_cursor("images", text)


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[]",
        b'["images",null]',
        b'["images",1.5]',
        b'["images",true]',
        b'["images","\\u0000"]',
        b'["images",9223372036854775808]',
        b'["images",[1]]',
    ],
)
def test_forged_cursors_are_refused(content: bytes) -> None:
    """Only texts and 64-bit integers reach the database."""
    with pytest.raises(PageKeyInvalid):
        decode_cursor("images", base64.urlsafe_b64encode(content).decode())


def test_no_cursor_is_the_start() -> None:
    """None begins a list."""
    assert decode_cursor("images", None) is None
