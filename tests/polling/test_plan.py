"""Pages or HEADs: what is cheaper, and what pages prove."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.history.observations import Moved, Target, Unchanged
from app.polling.listing import Listing, compare
from app.polling.plan import Covered, Wanted, wanted, worth_a_page
from app.registry.hub import HubImage, HubPage, HubTag
from app.registry.reference import Repository
from tests.conftest import NOW

DEBIAN = Repository("docker.io", "library/debian")
HOUR = timedelta(hours=1)
OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def known(number: int, hours: float = 6) -> Wanted:
    """Tags that were looked at so many hours ago."""
    return Wanted(frozenset(), {f"v{n}": NOW - hours * HOUR for n in range(number)})


def new(number: int) -> Wanted:
    return Wanted(frozenset(f"n{n}" for n in range(number)), {})


@pytest.mark.parametrize(
    ("left", "read", "worth"),
    [
        pytest.param(known(1), Covered(), False, id="one tag: a HEAD"),
        pytest.param(known(3), Covered(), False, id="three HEADs cost no more than a page"),
        pytest.param(known(4), Covered(), True, id="four do"),
        pytest.param(new(3), Covered(), False, id="three new tags"),
        pytest.param(new(40), Covered(), True, id="forty new tags"),
        pytest.param(known(0), Covered(1, NOW, 900), False, id="nothing left"),
        pytest.param(known(300), Covered(1, NOW - HOUR, 2_000), True, id="six more pages reach back far enough"),
        pytest.param(known(12), Covered(1, NOW - HOUR, 2_000), False, id="they cost more than twelve HEADs"),
        pytest.param(known(300, 600), Covered(1, NOW - HOUR, 2_000), True, id="nineteen pages hold everything"),
        pytest.param(known(300, 600), Covered(1, NOW - HOUR, 60_000), False, id="six hundred pages do"),
        pytest.param(known(300), Covered(1, None, None), False, id="no order, no end in sight"),
        pytest.param(new(100), Covered(1, NOW - HOUR, 4_000), False, id="too many pages to find the new ones"),
        pytest.param(known(300), Covered(50, NOW - HOUR, 9_000), False, id="enough is enough"),
        pytest.param(known(300), Covered(2, NOW - HOUR, 150, complete=True), False, id="the end"),
    ],
)
def test_worth_a_page(left: Wanted, read: Covered, worth: bool) -> None:
    """Pages are read as long as they are likely to cost less than a request per tag."""
    assert worth_a_page(left, read, NOW) is worth


def target(name: str = "bookworm", **fields: object) -> Target:
    """A healthy tag, looked at an hour ago."""
    made = Target(1, name, OLD, "ok", None, None, checked_at=NOW - HOUR)
    return replace(made, **fields)  # type: ignore[arg-type]  # a test's shorthand


def test_every_tag_is_seen_once_a_day() -> None:
    """Of looks every hour, one a day demands the tags themselves: one that was deleted is on no page."""
    demands = [wanted(DEBIAN, [target(checked_at=NOW + n * HOUR)], NOW + (n + 1) * HOUR).seen for n in range(72)]
    assert [bool(one) for one in demands].count(True) == 3


@pytest.mark.parametrize(
    ("field", "value"), [("digest", None), ("checked_at", None), ("status", "gone"), ("status", "failing")]
)
def test_what_is_not_healthy_must_be_seen(field: str, value: object) -> None:
    """New, gone and failing tags are not taken to be as they were."""
    assert wanted(DEBIAN, [replace(target(), **{field: value})], NOW).seen == {"bookworm"}  # type: ignore[arg-type]  # any field


def entry(name: str, hours: float | None, digest: str | None = OLD) -> HubTag:
    """A tag as the API tells it, updated so many hours ago."""
    at = None if hours is None else NOW - hours * HOUR
    return HubTag(name, digest, None, at, (HubImage("linux/amd64", NEW, 5, at),), at)


def listing(*pages: tuple[HubTag, ...], counts: tuple[int | None, ...] = (500, 500), last: bool = False) -> Listing:
    found = Listing()
    for number, tags in enumerate(pages):
        found.add(HubPage(tags, counts[number], last and number == len(pages) - 1, 0))
    return found


SOUGHT = Wanted(frozenset(), {"absent": NOW - 3 * HOUR})


@pytest.mark.parametrize(
    ("found", "proved"),
    [
        pytest.param(listing((entry("a", 1), entry("b", 4))), True, id="the page reaches back far enough"),
        pytest.param(listing((entry("a", 1), entry("b", 2))), False, id="it does not"),
        pytest.param(listing((entry("a", 1), entry("b", 3))), False, id="another of that time may follow"),
        pytest.param(listing((entry("a", 4), entry("b", 1))), False, id="out of order"),
        pytest.param(listing((entry("a", None), entry("b", None))), False, id="no dates"),
        pytest.param(listing((entry("a", 1), entry("b", None), entry("c", 4))), True, id="a date missing"),
        pytest.param(listing((entry("a", 1),), (entry("b", 4),)), True, id="two pages"),
        pytest.param(listing((entry("a", 2),), (entry("b", 1),)), False, id="two pages out of order"),
        pytest.param(
            listing((entry("a", 2), entry("b", 3)), (entry("b", 3), entry("c", 4))), True, id="pushed meanwhile"
        ),
        pytest.param(listing((entry("a", 1),), (entry("b", 4),), counts=(500, 499)), False, id="deleted meanwhile"),
        pytest.param(listing((entry("a", 1),), (entry("b", 4),), counts=(500, None)), False, id="no count"),
        pytest.param(listing((entry("a", 1), entry("b", 4)), last=True), False, id="complete: it would be there"),
    ],
)
def test_what_pages_prove_of_others(found: Listing, proved: bool) -> None:
    """A tag that is on none of them is unchanged only if all updates since its last look must be on them."""
    assert found.says_unchanged("absent", SOUGHT) is proved
    assert (len(found.left(SOUGHT)) == 0) is proved
    assert found.says_unchanged("never asked for", SOUGHT) is False


def test_what_the_api_says_of_a_tag() -> None:
    """The digest decides; a move must be newer than our last look; what is missing is for the registry."""
    assert compare(target(), entry("bookworm", 9)) == Unchanged(target())
    assert compare(target(), entry("bookworm", 0.5, None)) is None
    assert isinstance(compare(target(), entry("bookworm", 0.5, NEW)), Moved)
    assert compare(target(), entry("bookworm", 2, NEW)) is None
    assert compare(target(), entry("bookworm", None, NEW)) is None
    assert isinstance(compare(target(digest=None, checked_at=None), entry("bookworm", 900, NEW)), Moved)
    returned = compare(target(status="gone"), entry("bookworm", 9))
    assert isinstance(returned, Moved)
    assert returned.contents is None


def test_only_wanted_platforms() -> None:
    """What no watch wants is neither recorded nor missed."""
    told = entry("bookworm", 0.5, NEW)
    images = (*told.images, HubImage("linux/s390x", None, None, None))
    narrow = compare(target(platforms=("linux/amd64",)), replace(told, images=images))
    assert isinstance(narrow, Moved)
    assert isinstance(narrow.contents, tuple)
    assert [one.platform for one in narrow.contents] == ["linux/amd64"]
    assert compare(target(), replace(told, images=images)) is None
