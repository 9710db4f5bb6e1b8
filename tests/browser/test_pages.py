"""Every page in a real browser: accessible, inside the screen, and loading nothing from elsewhere."""

import gzip
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

from app.resources import resource_dir
from tests.browser.conftest import ADMIN_TOKEN, DESKTOP, Open, Tab
from tests.browser.data import HOSTILE_PLATFORM, LONG_TAG

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PAGES = {
    "images": "/",
    "nothing found": "/?search=zzz",
    "all known": "/?scope=all&search=r",
    "image": "/image?image=debian&tag=bookworm-slim&range=6m",
    "many platforms": "/image?image=golang&tag=1.25&range=3m&unit=MiB",
    "told by others": "/image?image=debian&tag=stable&range=all",
    "not watched": "/image?image=redis&tag=3.2",
    "pending": "/image?image=alpine&tag=3.20&range=6m&y=zero",
    "new": "/image?image=busybox",
    "hostile": f"/image?image=quay.io/hostile/name&tag={LONG_TAG}",
    "build": "/build?id=20",
    "status": "/status",
    "about": "/about",
    "api": "/api",
    "login": "/login",
    "admin": "/admin",
}
PHONE = ViewportSize(width=390, height=844)
Theme = Literal["light", "dark"]
VIEWS = [
    pytest.param(DESKTOP, "light", id="desktop-light"),
    pytest.param(PHONE, "dark", id="phone-dark", marks=pytest.mark.slow),
    pytest.param(DESKTOP, "dark", id="desktop-dark", marks=pytest.mark.slow),
    pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
]


def violations(page: Page) -> list[str]:
    """What axe finds wrong, one line per element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found: list[str] = page.evaluate(
        """() => axe.run(document, { resultTypes: ["violations"] })
            .then(({ violations }) => violations.flatMap(rule =>
                rule.nodes.map(node => `${rule.id}: ${node.target} ${node.failureSummary}`)))"""
    )
    return found


def log_in(tab: Tab) -> None:
    """Give the tab the admin's session."""
    page = tab.open("/login")
    page.get_by_label("Admin token").fill(ADMIN_TOKEN)
    page.get_by_role("main").get_by_role("button").click()


@pytest.mark.parametrize(("viewport", "theme"), VIEWS)
@pytest.mark.parametrize("name", PAGES)
def test_accessible_and_inside_the_screen(tab: Tab, name: str, viewport: ViewportSize, theme: Theme) -> None:
    """axe finds nothing, in both themes, on desktop and phone; no sideways scrolling, a silent console."""
    tab.page.emulate_media(color_scheme=theme)
    if name == "admin":
        log_in(tab)
    page = tab.open(PAGES[name])
    for size in (PHONE, DESKTOP, viewport):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.evaluate("document.querySelectorAll('details').forEach(element => { element.open = true })")
    assert violations(page) == []


def test_an_error_is_a_page_like_the_others(tab: Tab) -> None:
    """Accessible too; the console's only complaint is the 404 itself."""
    page = tab.open("/image?image=debian&tag=bokworm")
    assert "debian:bookworm" in page.get_by_role("main").inner_text()
    assert violations(page) == []
    assert len(tab.errors) == 1
    assert "404" in tab.errors.pop()


def test_hostile_names_stay_text(tab: Tab) -> None:
    """A platform's name full of markup shows as it is, in HTML, in the chart's data and in what the script draws."""
    page = tab.open(PAGES["hostile"])
    assert page.locator("img").count() == 1  # the logo
    page.locator(".plot").hover(position={"x": 900, "y": 50})
    page.locator(".readout table").wait_for()
    shown = page.locator(".readout td").all_text_contents()
    assert HOSTILE_PLATFORM in shown
    assert page.locator("img").count() == 1


def test_pages_work_without_javascript(new_tab: Open) -> None:
    """Chart, table, links and forms are there; choosing platforms is a form."""
    tab = new_tab(java_script_enabled=False, viewport=DESKTOP)
    page = tab.open(PAGES["image"])
    assert page.locator("path.line").count() == 3
    page.get_by_label("linux/arm64").uncheck()
    page.get_by_role("button", name="Show these").click()
    assert page.locator("path.line").count() == 2
    page.get_by_role("link", name="from zero").click()
    assert page.locator(".grid-y text").first.text_content() == "0 MB"
    assert page.locator("path.line").count() == 2


def test_the_theme_is_remembered(tab: Tab) -> None:
    """The button changes it, another page has it from its first paint, and it can be changed back."""
    page = tab.open("/")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Switch to the dark theme").click()
    assert page.evaluate(background) != light
    tab.open("/about")
    assert page.evaluate(background) != light
    page.get_by_role("button", name="Switch to the light theme").click()
    assert page.evaluate(background) == light


def test_a_page_is_small_and_does_not_jump(new_tab: Open) -> None:
    """Few files, few bytes, hardly a layout shift while times become relative: also with ten platforms."""
    tab = new_tab(viewport=DESKTOP)
    received: list[int] = []
    tab.page.on("requestfinished", lambda request: received.append(request.sizes()["responseBodySize"]))
    for path, most in (("/", 24_000), (PAGES["many platforms"], 40_000)):
        received.clear()
        page = tab.open(path)
        page.wait_for_load_state("networkidle")
        assert len(received) <= 7  # the page, three scripts, the stylesheet, the icon twice
        assert sum(received) < most
        shift = page.evaluate(
            """() => new Promise(done => {
                let sum = 0;
                new PerformanceObserver(list => { for (const one of list.getEntries()) sum += one.value; })
                    .observe({ type: "layout-shift", buffered: true });
                requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
            })"""
        )
        assert shift < 0.05


def test_scripts_and_styles_stay_light() -> None:
    """All JavaScript together under 5.5 KB, the stylesheet under 4.5 KB, as sent."""
    sizes = {path.name: len(gzip.compress(path.read_bytes())) for path in resource_dir("static").iterdir()}
    assert sum(size for name, size in sizes.items() if name.endswith(".js")) < 5_500
    assert sizes["app.css"] < 4_500
