"""Pages of repo-info, as ten years of them look, and as nobody should have written them."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.exchange.repo_info_page import LONGEST_PAGE, Image, Page, PageRefused, page_text, parse_page
from tests.exchange.repo_info_pages import (
    DOCKER_LAYER,
    MadeLayer,
    attestation,
    digest_of,
    human,
    missing_page,
    page,
    platform,
)

ALPINE = "alpine:latest"


def images(found: Page) -> dict[str, Image]:
    """What a page says of each platform."""
    return {section.platform: section.read() for section in found.sections}


def refusal(text: str) -> str:
    """Why a page, or the first of its platforms, is refused."""
    try:
        found = parse_page(page_text(text.encode()))
        images(found)
    except PageRefused as refused:
        return str(refused)
    return str(found.refused[0][1]) if found.refused else "taken"


def test_a_page_of_2016_has_one_digest() -> None:
    """Then the digest of the tag is that of its only platform."""
    made = platform("linux; amd64", 2_310_286)
    found = parse_page(page(ALPINE, [made], era=2016))
    assert found.title == ALPINE
    assert found.digest == made.digest
    (section,) = found.sections
    assert (section.platform, section.digest) == ("linux/amd64", made.digest)
    manifest = section.read().manifest
    assert (manifest.compressed_bytes, manifest.layer_count) == (2_310_286, 1)
    assert manifest.config_digest == digest_of("config", made.digest)
    assert manifest.created_at == datetime(2017, 2, 27, 20, 34, 36, tzinfo=UTC)
    assert section.read().modified_at == datetime(2017, 2, 27, 20, 36, 36, tzinfo=UTC)


def test_one_digest_cannot_be_that_of_two_platforms() -> None:
    """It is an index's then, and says nothing about either."""
    both = [platform("linux; amd64", 100), platform("linux; s390x", 200)]
    found = parse_page(page(ALPINE, both, era=2016))
    assert not found.sections
    assert [(name, refused.reason) for name, refused in found.refused] == [
        ("linux; amd64", "no digest of its own"),
        ("linux; s390x", "no digest of its own"),
    ]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("linux; amd64", "linux/amd64"),
        ("linux; arm64 variant v8", "linux/arm64"),
        ("linux; arm variant v5", "linux/arm/v5"),
        ("windows version 10.0.14393.1884; amd64", "windows/amd64/10.0.14393.1884"),
        ("windows version 10.0.17763.1 ft. win32k; amd64", "windows/amd64/10.0.17763.1+win32k"),
        ("linux; amd64 variant v3 ft. sse4", "linux/amd64/v3"),
    ],
)
def test_platforms_get_our_keys(name: str, key: str) -> None:
    """As containerd spells them, with a Windows version and features."""
    assert [section.platform for section in parse_page(page(ALPINE, [platform(name)])).sections] == [key]


@pytest.mark.parametrize("size", [1, 985, 1000, 1001, 1030, 999_999, 669_841, 400_686_884, 7_800_000_000_000])
def test_sizes_are_read_to_the_byte(size: int) -> None:
    """Bytes without a count are exact where the unit is the byte."""
    found = parse_page(page(ALPINE, [platform("linux; amd64", size)]))
    assert images(found)["linux/amd64"].manifest.compressed_bytes == size


def test_attestations_are_no_platform() -> None:
    """A page of 2026: every image has a statement beside it."""
    made = [platform("linux; amd64", 50_000_000), attestation(1), platform("linux; arm64 variant v8"), attestation(2)]
    found = parse_page(page("amazonlinux:2023", made, era=2026))
    assert list(images(found)) == ["linux/amd64", "linux/arm64"]
    assert not found.refused


@pytest.mark.parametrize(
    "text",
    [missing_page("alpine:3.15.0"), page(ALPINE, [], era=2026, digest=digest_of(1)), page(ALPINE, [attestation()])],
)
def test_pages_may_say_nothing(text: str) -> None:
    """No such tag, no platforms, nothing but attestations: no fact, and no fault."""
    assert parse_page(text).says_nothing


def test_steps_belong_to_the_layers_that_they_made() -> None:
    """What only changes the configuration made none."""
    made = platform("linux; amd64", 100, 200)
    (image,) = images(parse_page(page(ALPINE, [made]))).values()
    assert [layer.step for layer in image.manifest.layers] == ["ADD file:1 in /", "RUN step 1 of 0"]
    assert [layer.media_type for layer in image.manifest.layers] == [DOCKER_LAYER] * 2


def test_of_equal_platforms_the_first_counts() -> None:
    """As in an index."""
    twice = [platform("linux; amd64", 100), platform("linux; amd64", 200)]
    found = images(parse_page(page(ALPINE, twice)))
    assert [image.manifest.compressed_bytes for image in found.values()] == [100]


def test_schema_1_lists_the_newest_layer_first() -> None:
    """Its image id is no digest, and its steps do not fit its layers."""
    text = page(ALPINE, [platform("linux; amd64", 100, 200)])
    text = text.replace("distribution.manifest.v2+json", "distribution.manifest.v1+json")
    text = text.replace("Image ID: `sha256:", "Image ID: `")
    (image,) = images(parse_page(text)).values()
    assert [layer.compressed_bytes for layer in image.manifest.layers] == [200, 100]
    assert [layer.step for layer in image.manifest.layers] == [None, None]
    assert image.manifest.config_digest is None


def test_line_ends_and_marks_do_not_matter() -> None:
    """A page that went through Windows says the same."""
    text = page(ALPINE, [platform("linux; amd64", 100, 200)])
    other = page_text(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert images(parse_page(other)) == images(parse_page(text))


def test_a_step_that_poses_as_a_section_is_found_out() -> None:
    """A build step's text is the author's: it must not be able to tell of another platform."""
    forged = page(ALPINE, [platform("linux; s390x", 1)]).partition("\n### ")[2]
    layer = MadeLayer(digest_of(1), 100, f"RUN cat <<EOF\n### {forged}EOF")
    made = replace(platform(), layers=(layer,))
    assert refusal(page(ALPINE, [made])) == "its sections are not the platforms that it lists"


def test_a_step_may_hold_fences_and_lists_of_layers() -> None:
    """The last list of layers is the page's own."""
    layer = MadeLayer(digest_of(1), 100, f"RUN cat <<EOF\n```\n\n-\tLayers:\n\t-\t`{digest_of(2)}`\nEOF")
    (image,) = images(parse_page(page(ALPINE, [replace(platform(), layers=(layer,))]))).values()
    assert [found.digest for found in image.manifest.layers] == [digest_of(1)]


GOOD = page(ALPINE, [platform("linux; amd64", 2_310_286, 1030)])


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("Total Size: **2.3 MB (2311316", "Total Size: **2.3 MB (2311317", "its bytes are not the sum of its layers"),
        ("Size: 1.0 KB (1030 bytes)", "Size: 1.0 KB", "a size without an exact number of bytes"),
        ("Size: 1.0 KB (1030 bytes)", "Size: 1.0 KB (-1030 bytes)", "a size without an exact number of bytes"),
        ("Size: 1.0 KB (1030 bytes)", "Size: 1.0 KB (=cmd() bytes)", "a size without an exact number of bytes"),
        ("Size: 1.0 KB (1030 bytes)", f"Size: 1.0 KB ({'9' * 5000} bytes)", "a size without an exact number of bytes"),
        ("Size: 1.0 KB (1030 bytes)", "Size: 1.0 KB (\u0661\u0662 bytes)", "a size without an exact number of bytes"),
        ("\t\tSize: 1.0 KB (1030 bytes)  \n", "", "a size without an exact number of bytes"),
        ("-\tTotal Size", "-\tNo Size", "a size without an exact number of bytes"),
        ("-\tLayers:", "-\tOnions:", "no list of layers"),
        ("\t-\t`sha256:", "\t-\t`sha257:", "a layer without a digest"),
        ("$ docker pull alpine@sha256:", "$ docker pull alpine@sha1:", "no digest of its own"),
        ("linux; amd64", "li nux; amd64", "not a platform"),
        ("\t-\tlinux; amd64\n", "", "its sections are not the platforms that it lists"),
        ("\t-\tlinux; amd64\n", "\t-\tlinux; amd64\n\t-\tlinux; 386\n", "listed, but not on the page: it was cut off"),
        ("## `alpine:latest`\n", "# `alpine:latest`\n", "not a page about a tag in a registry"),
        (GOOD, "<!DOCTYPE html><title>Not found</title>", "not a page about a tag in a registry"),
        (GOOD, "", "not a page about a tag in a registry"),
        (GOOD, "## `alpine:latest`\n", "neither a list of platforms nor a word that the tag does not exist"),
    ],
)
def test_what_cannot_be_right_is_refused(before: str, after: str, reason: str) -> None:
    """With the kind of fault; nothing is guessed."""
    assert before in GOOD
    assert refusal(GOOD.replace(before, after)).startswith(reason)


def test_good_is_good() -> None:
    """What the refusals above are made of is taken as it stands."""
    assert refusal(GOOD) == "taken"


def test_absurd_sizes_are_refused() -> None:
    """Zero is an error, not a size; and no image has ten terabytes."""
    assert refusal(page(ALPINE, [platform("linux; amd64", 10**13 + 1)])).startswith("more than ten terabytes")
    text = GOOD.replace("(2311316 bytes)", "(0 bytes)").replace("(2310286 bytes)", "(0 bytes)")
    assert refusal(text.replace("(1030 bytes)", "(0 bytes)")) == "its layers have no bytes: 0"


def test_pages_have_a_length() -> None:
    """A line of ten megabytes, a million layers, a thousand platforms: refused before they are taken apart."""
    assert refusal(f"## `{'x' * 10**7}`\n") == "a page of more than two megabytes"
    layers = GOOD + "\t-\t`\n" * 300_000
    assert len(layers) < LONGEST_PAGE
    assert refusal(layers) == "more than a thousand layers"
    assert refusal(page(ALPINE, [platform(f"linux; a{number}") for number in range(201)])).endswith("hundred platforms")


def test_texts_are_kept_as_they_are() -> None:
    """Scripts, formulas and escape sequences are a step's text; only NUL, which no database takes, is replaced."""
    step = "RUN echo '<script>alert(1)</script>' '=cmd()' \x1b[2J\0"
    made = replace(platform(), layers=(MadeLayer(digest_of(1), 100, step),))
    (image,) = images(parse_page(page_text(page(ALPINE, [made]).encode()))).values()
    assert image.manifest.layers[0].step == step.replace("\0", "\ufffd")


def test_impossible_dates_are_no_dates() -> None:
    """Go's zero time, a thirtieth of February: the newest of the others counts."""
    text = GOOD.replace("Mon, 27 Feb 2017 20:34:36 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", 1)
    text = text.replace("Mon, 27 Feb 2017 20:34:36 GMT", "Mon, 30 Feb 2017 20:34:36 GMT", 1)
    (image,) = images(parse_page(text)).values()
    assert image.manifest.created_at == datetime(2017, 2, 27, 20, 34, 36, tzinfo=UTC)


@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=6), st.sampled_from([2016, 2018, 2026]))
def test_what_was_written_is_read(sizes: list[int], era: int) -> None:
    """Any image, in any year's format."""
    made = platform("linux; amd64", *sizes)
    (image,) = images(parse_page(page(ALPINE, [made], era=era))).values()  # type: ignore[arg-type]  # one of the three
    assert [layer.compressed_bytes for layer in image.manifest.layers] == sizes
    assert image.manifest.compressed_bytes == sum(sizes)
    assert [layer.digest for layer in image.manifest.layers] == [layer.digest for layer in made.layers]


@given(st.binary())
@example(b"## `a`\n\xff")
def test_any_bytes_are_a_page_or_refused(body: bytes) -> None:
    """Nothing but a refusal comes out of garbage."""
    with suppress(PageRefused):
        images(parse_page(page_text(body)))


@given(st.data())
def test_damaged_pages_are_read_or_refused(data: st.DataObject) -> None:
    """Cut, doubled or overwritten anywhere: a page or a refusal, and never other bytes than its layers have."""
    text = page(ALPINE, [platform("linux; amd64", 100, 1030), platform("linux; s390x", 999)], era=2026)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 200)))
    put = data.draw(
        st.one_of(st.text(max_size=20), st.just(text[start:end] * 2), st.sampled_from(["\n", "`", "\t-\t`"]))
    )
    with suppress(PageRefused):
        found = parse_page(page_text((text[:start] + put + text[end:]).encode()))
        for image in images(found).values():
            layers = image.manifest.layers
            assert image.manifest.compressed_bytes == sum(layer.compressed_bytes for layer in layers)


def test_human_sizes_are_as_the_robot_writes_them() -> None:
    """The made-up pages are true to the format."""
    assert [human(size) for size in (985, 1000, 1030, 2_310_286)] == [
        "985.0 B",
        "1000.0 B",
        "1.0 KB (1030 bytes)",
        "2.3 MB (2310286 bytes)",
    ]
