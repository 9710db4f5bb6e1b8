"""Cursors that nobody was given: every list refuses them, or begins somewhere; none of them breaks it."""

from base64 import urlsafe_b64encode
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LISTS = {
    "/api/v1/builds?cursor=": "builds",
    "/api/v1/backfills?cursor=": "backfills",
    "/api/v1/images?sort=changed&cursor=": "images:changed:False",
    "/api/v1/images?sort=bytes&order=desc&cursor=": "images:bytes:True",
    "/api/v1/images?cursor=": "images:image:False",
    "/api/v1/tags?image=debian&cursor=": "tags",
    "/?sort=changed&after=": "images:changed:asc",
    "/?sort=bytes&after=": "images:bytes:asc",
    "/image?image=debian&tag=bookworm-slim&after=": "image-builds",
}
BY_TIME = [address for address, listing in LISTS.items() if "changed" in listing or "builds" in listing]
TIMES = st.one_of(st.datetimes(), st.datetimes(timezones=st.timezones())).map(lambda moment: moment.isoformat())
NUMBERS = st.integers(-(2**63), 2**64 - 1)
PARTS = st.one_of(TIMES, NUMBERS, NUMBERS.map(str), st.none(), st.booleans(), st.text(max_size=9))


def _cursor(listing: str, key: list[Any]) -> str:
    return urlsafe_b64encode(orjson.dumps([listing, *key])).decode()


@pytest.mark.parametrize("address", BY_TIME)
@pytest.mark.parametrize(
    "key",
    [
        ["2020-01-01", 1],
        ["2020-01-01T00:00:00", 1],
        ["0001-01-01T00:00:00+23:59", 1],
        ["9999-12-31T23:59:59-23:59", 1],
        ["2020-01-01T00:00:00Z", 2**63],
        ["2020-01-01T00:00:00Z", "9" * 30],
        ["2020-01-01T00:00:00Z", "1"],
        ["2020-01-01T00:00:00Z", True],
        ["2020-01-01T00:00:00Z"],
        ["2020-01-01T00:00:00Z", 1, 1],
        [],
    ],
)
async def test_bad_keys_are_bad_cursors(client: httpx.AsyncClient, address: str, key: list[Any]) -> None:
    """400 with the same words for people and programs; only an aware time and a row's number are a key."""
    answer = await client.get(address + _cursor(LISTS[address], key), headers={"accept": "text/html"})
    assert answer.status_code == 400
    assert "This cursor does not belong here" in answer.text


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(key=st.lists(PARTS, max_size=3))
async def test_no_key_breaks_a_list(client: httpx.AsyncClient, key: list[Any]) -> None:
    """Any key, in any list: the page after it, or 400."""
    for address, listing in LISTS.items():
        answer = await client.get(address + _cursor(listing, key))
        assert answer.status_code in {200, 400}, (address, key)
