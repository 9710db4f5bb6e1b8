"""The chart in a real browser: the same arithmetic as the server's, and usable by mouse, keyboard and finger."""

import random
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import expect

from app.web.charts.geometry import Frame, Step, path
from app.web.charts.scale import byte_axis
from app.web.charts.units import Unit, bytes_text
from tests.browser.conftest import Open, Tab

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SLIM = "/image?image=debian&tag=bookworm-slim"
YEAR = 365 * 86_400


def drawings(count: int) -> list[tuple[list[Step], Frame, int, int]]:
    """Random lines in random windows and parts of them: days to decades, bytes to terabytes, gaps and coincidences."""
    rng = random.Random(20260901)
    made = []
    for _ in range(count):
        start, span = rng.randrange(10**9, 2 * 10**9), rng.choice((7 * 86_400, 91 * 86_400, YEAR, 3 * YEAR, 20 * YEAR))
        middle = rng.choice((5_000, 3_629_945, 40_197_130, 1_240_000_000, 2 * 10**12))
        values = [middle + rng.randrange(-middle // 50, middle // 50) for _ in range(rng.randrange(1, 8))]
        times = sorted(rng.randrange(start - span // 2, start + span + span // 10) for _ in range(rng.randrange(0, 60)))
        steps = [Step(at, rng.choice([*values, *values, None])) for at in times]
        axis = byte_axis(min(values), max(values), zero_based=rng.random() < 0.3, unit=rng.choice(list(Unit)))
        since, until = rng.choice(((0, span), sorted(rng.sample(range(span), 2))))
        made.append((steps, Frame(start, start + span, axis.bottom, axis.top), start + since, start + until))
    return made


def test_paths_are_the_same_to_the_byte(tab: Tab) -> None:
    """Python and JavaScript draw the same path over ranges from a week to twenty years."""
    given = drawings(400)
    page = tab.open("/about")
    drawn = page.evaluate(
        """async (given) => {
            const { path } = await import("/static/chart.js");
            return given.map(([steps, frame]) => path(steps, frame));
        }""",
        [
            (
                [{"at": step.at, "bytes": step.compressed_bytes} for step in steps],
                {"start": frame.start, "end": frame.end, "bottom": frame.bottom, "top": frame.top}
                | ({} if (since, until) == (frame.start, frame.end) else {"since": since, "until": until}),
            )
            for steps, frame, since, until in given
        ],
    )
    assert drawn == [path(steps, frame, since, until) for steps, frame, since, until in given]
    assert len(set(drawn)) > 300


def test_axes_and_numbers_are_the_same(tab: Tab) -> None:
    """The domain, every tick's place and label, and every rounded number, in MB and MiB."""
    rng = random.Random(20260902)
    values = [rng.randrange(1, 10 ** rng.randrange(2, 13)) for _ in range(400)] + [0, 125_000, 104_858, 99_999, 999_950]
    pairs = [(min(pair), max(pair)) for pair in pairwise(values)]
    page = tab.open("/about")
    seen: dict[str, Any] = page.evaluate(
        """async ({ values, pairs }) => {
            const { byteAxis, bytesText } = await import("/static/chart.js");
            const all = (make) => ["MB", "MiB"].map(make);
            return {
                texts: all((unit) => values.map((value) => bytesText(value, unit))),
                axes: all((unit) => pairs.flatMap(([low, high]) =>
                    [true, false].map((zero) => byteAxis(low, high, zero, unit)))),
            };
        }""",
        {"values": values, "pairs": pairs},
    )
    assert seen["texts"] == [[bytes_text(value, unit) for value in values] for unit in Unit]
    assert seen["axes"] == [
        [
            {"bottom": axis.bottom, "top": axis.top, "ticks": [[tick.share, tick.label] for tick in axis.ticks]}
            for low, high in pairs
            for zero in (True, False)
            for axis in (byte_axis(low, high, zero_based=zero, unit=unit),)
        ]
        for unit in Unit
    ]


READ_DRAWING = """() => [".grid-y text", ".lines path", ".ends circle"].map((what) =>
    [...document.querySelectorAll(what)].map((one) => [one.textContent, one.dataset.line,
        one.classList.contains("told"), one.getAttribute("d"), one.getAttribute("cy")]))"""


@pytest.mark.parametrize("query", ["range=3m", "range=1y&y=zero", "range=all&unit=MiB"])
def test_switching_a_line_off_redraws_what_the_server_would(tab: Tab, query: str) -> None:
    """Axis labels, paths and dots after a click equal those of a fresh page at the address that the click wrote."""
    page = tab.open(f"/image?image=golang&tag=1.25&{query}")
    for platform in ("linux/s390x", "windows/amd64/10.0.20348.4171", "linux/386"):
        page.get_by_label(platform).uncheck()
    redrawn, written = page.evaluate(READ_DRAWING), page.url
    page.goto(written)
    assert page.evaluate(READ_DRAWING) == redrawn
    assert len(redrawn[1]) == 7
    assert "platform=linux%2Famd64" in written


def test_what_others_tell_is_redrawn_as_the_server_would(tab: Tab) -> None:
    """Both parts of a line, with their classes, and the notes above stay as they were."""
    page = tab.open("/image?image=python&tag=3.12-slim&range=3y")
    notes = page.locator(".notes").inner_html()
    page.get_by_label("linux/arm64").uncheck()
    redrawn = page.evaluate(READ_DRAWING)
    page.goto(page.url)
    assert page.evaluate(READ_DRAWING) == redrawn
    assert [told for _, _, told, *_ in redrawn[1]] == [True, False]
    assert page.locator(".notes").inner_html() == notes


def test_the_readout_says_where_a_value_is_known_from(tab: Tab) -> None:
    """Told by a dated tag, or seen by us; spoken as well as shown."""
    page = tab.open("/image?image=python&tag=3.12-slim&range=3y")
    page.locator(".plot").focus()
    page.keyboard.press("End")
    spoken, readout = page.locator("[aria-live]"), page.locator(".readout")
    expect(readout).to_contain_text("seen by Tarewatch")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(spoken).to_contain_text("from the tag 3.12.0-slim-bookworm")


def test_notes_fit_the_screen(new_tab: Open) -> None:
    """Five moves in eleven years: full labels on a desktop, short ones on a phone, none over another."""
    boxes = """() => [...document.querySelectorAll(".notes text")].filter((one) => one.getClientRects().length)
        .map((one) => [one.textContent, one.getBoundingClientRect()]).map(([text, { left, right, top, bottom }]) =>
            [text, left, right, top, bottom])"""
    for viewport, first in (((1180, 900), "jessie \u2192 stretch"), ((390, 844), "\u2192 stretch")):
        page = new_tab(viewport={"width": viewport[0], "height": viewport[1]}).open(
            "/image?image=debian&tag=stable&range=all"
        )
        labels = page.evaluate(boxes)
        assert labels[0][0] == first
        assert len(labels) >= 5
        for index, (_, left, right, top, bottom) in enumerate(labels):
            assert left >= 0
            assert right <= viewport[0]
            for _, other_left, other_right, other_top, other_bottom in labels[index + 1 :]:
                assert right <= other_left or other_right <= left or bottom <= other_top + 1 or other_bottom <= top + 1


def test_hovering_reads_the_nearest_line_first(tab: Tab) -> None:
    """Eight rows at most, the one under the pointer on top, with its value and its last change."""
    page = tab.open("/image?image=golang&tag=1.25")
    plot = page.locator(".plot")
    box = plot.bounding_box()
    assert box is not None
    lowest = page.locator("circle[data-line='2']").bounding_box()  # linux/386 weighs least
    assert lowest is not None
    plot.hover(position={"x": box["width"] - 3, "y": lowest["y"] + 3 - box["y"]})
    rows = page.locator(".readout tr")
    expect(rows).to_have_count(9)
    expect(rows.first).to_contain_text("linux/386")
    expect(rows.first).to_contain_text(" MB on ")
    expect(rows.last).to_contain_text("and 2 more")
    page.mouse.move(5, 5)
    expect(page.locator(".readout")).to_be_hidden()


def test_a_click_pins_and_leads_to_the_build(tab: Tab) -> None:
    """Pinned, the read-out stays when the pointer leaves, and its numbers are links."""
    page = tab.open(SLIM)
    page.locator(".plot").click(position={"x": 500, "y": 100})
    page.mouse.move(5, 5)
    readout = page.locator(".readout")
    expect(readout).to_be_visible()
    readout.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("debian:bookworm-slim on linux/")


def test_the_keyboard_reads_every_change(tab: Tab) -> None:
    """End, arrows and Home move from change to change and are spoken; Enter pins; Escape closes."""
    page = tab.open(SLIM)
    page.locator(".plot").focus()
    spoken = page.locator("[aria-live]")
    page.keyboard.press("End")
    expect(spoken).to_contain_text("1 Sep 2026: linux/amd64 40.")
    page.keyboard.press("ArrowLeft")
    expect(spoken).to_contain_text("22 Aug 2026: linux/amd64 40.")
    expect(spoken).to_contain_text("+12.0 MB on 22 Aug 2026")
    page.keyboard.press("ArrowLeft")
    expect(spoken).to_contain_text("linux/amd64 28.")
    page.keyboard.press("ArrowRight")
    expect(spoken).to_contain_text("22 Aug 2026")
    page.keyboard.press("Home")
    expect(spoken).to_contain_text("1 Sep 2025")
    page.keyboard.press("Enter")
    expect(page.locator(".readout a")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.locator(".readout")).to_be_hidden()
    expect(spoken).to_be_empty()


def test_pending_sizes_are_said_not_drawn(tab: Tab) -> None:
    """alpine's amd64 moved an hour ago: at the right edge it has no dot, and the read-out says why."""
    page = tab.open("/image?image=alpine&tag=3.20")
    assert page.locator(".ends circle").count() == 2
    page.locator(".plot").focus()
    page.keyboard.press("End")
    expect(page.locator("[aria-live]")).to_contain_text("linux/amd64 size pending")


def test_a_finger_reads_the_chart(new_tab: Open) -> None:
    """On a phone a tap shows the read-out under the chart, inside the screen, with links."""
    tab = new_tab(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = tab.open("/image?image=golang&tag=1.25")
    page.locator(".plot").tap(position={"x": 150, "y": 80})
    readout, plot = page.locator(".readout"), page.locator(".plot")
    expect(readout.get_by_role("link").first).to_be_visible()
    below, above = readout.bounding_box(), plot.bounding_box()
    assert below is not None
    assert above is not None
    assert below["y"] >= above["y"] + above["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
