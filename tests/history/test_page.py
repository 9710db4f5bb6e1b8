"""Keys of pages."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.history.page import Key, PageKeyInvalid, moment_and_id

ROW_ID = st.integers(-(2**63), 2**63 - 1)
ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
PARTS = st.one_of(ROW_ID, st.text(), st.datetimes().map(datetime.isoformat))


@given(st.datetimes(timezones=st.just(UTC)), ROW_ID)
def test_a_moment_and_a_row_come_back(moment: datetime, row_id: int) -> None:
    """The key that a page ends with is read as it was written."""
    assert moment_and_id((moment.isoformat(), row_id)) == (moment, row_id)


@given(st.datetimes(timezones=ZONES), ROW_ID)
def test_every_aware_time_is_one_of_ours_or_refused(moment: datetime, row_id: int) -> None:
    """Whatever the zone, the same moment in UTC; a moment before year 1 or after 9999 is no crash."""
    try:
        found, _ = moment_and_id((moment.isoformat(), row_id))
    except PageKeyInvalid:
        assert moment.year in {1, 9999}
    else:
        assert (found, found.utcoffset()) == (moment, timedelta(0))


@given(st.lists(PARTS, max_size=3).map(tuple))
def test_other_keys_are_refused(key: Key) -> None:
    """No other shape, no naive time gets through."""
    with pytest.raises(PageKeyInvalid):
        moment_and_id(key)


@pytest.mark.parametrize("text", ["2020-01-01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", ""])
def test_forged_times_are_refused(text: str) -> None:
    """Naive, or out of the calendar once in UTC."""
    with pytest.raises(PageKeyInvalid):
        moment_and_id((text, 1))
