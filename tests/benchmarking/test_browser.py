"""The page of a report in a real browser, as a phone and as a desk show it."""

import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="drives the browser; it is in keraseq[browser]")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next((path for name in NAMES if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium")
WIDTHS = {"phone": 360, "desk": 1280}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, file):
    """The page at some width, with what its console said and what it asked for."""
    pages = []

    def open_at(width, **settings):
        page = browser.new_page(viewport={"width": width, "height": 900}, **settings)
        pages.append(page)
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        for summary in page.locator("details > summary").all():
            summary.evaluate("node => node.parentNode.open = true")
        return page, said, asked

    yield open_at
    for page in pages:
        page.close()


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_says_nothing_and_asks_for_nothing(opened, file, width, scheme):
    page, said, asked = opened(width, color_scheme=scheme)
    root = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert root[0] <= root[1] == width
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]


def test_what_is_wider_than_a_phone_scrolls_in_a_box_of_its_own(opened):
    page, _, _ = opened(360)
    inside = page.evaluate(
        """[...document.querySelectorAll('table, svg, p, h1, h2, h3, dl, code')].filter(one => {
            const box = one.closest('.wide, .drawn .picture');
            return !box && one.getBoundingClientRect().right > innerWidth;
        }).map(one => one.outerHTML.slice(0, 200))"""
    )
    assert inside == []
    scrolling = page.evaluate(
        """[...document.querySelectorAll('.wide')].filter(one => one.scrollWidth > one.clientWidth)
            .map(one => getComputedStyle(one).overflowX)"""
    )
    assert set(scrolling) == {"auto"}


def test_every_figure_has_a_name_and_words_stay_inside(opened):
    page, _, _ = opened(1280)
    figures = page.locator("figure")
    assert figures.count() > 20
    for figure in figures.all():
        name = figure.locator("figcaption").inner_text()
        assert figure.get_by_role("img", name=name, exact=True).count() == 1
        assert figure.get_by_role("table").count() == 1
    cut = page.evaluate(
        """[...document.querySelectorAll('figure:not(.drawn) svg text')].filter(text => {
            const [inner, outer] = [text, text.ownerSVGElement].map(one => one.getBoundingClientRect());
            return inner.left < outer.left - 2 || inner.right > outer.right + 2
                || inner.top < outer.top - 2 || inner.bottom > outer.bottom + 2;
        }).map(text => text.textContent)"""
    )
    assert cut == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_out_from_the_card(opened, scheme):
    """Lines and markers by 3 : 1, words by 4.5 : 1, as WCAG 2.2 asks."""
    page, _, _ = opened(1280, color_scheme=scheme)
    names = ["ink", "soft", "accent", *(f"series-{k}" for k in range(10))]
    told = page.evaluate(
        "names => names.map(name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim())",
        ["card", "page", *names],
    )
    card, ground, *rest = map(_luminance, told)
    for name, value in zip(names, rest, strict=True):
        least = 3 if name.startswith("series") else 4.5
        for behind in (card, ground):
            assert _contrast(value, behind) >= least, name


def test_a_page_is_printed_in_black_on_white(opened, tmp_path):
    page, _, _ = opened(1280, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert not page.locator("nav").is_visible()
    page.pdf(path=str(tmp_path / "report.pdf"))
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def _luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)
