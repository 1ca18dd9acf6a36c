"""The whole site in a real browser, built with a small gallery: at a desk from a server's subfolder, on a phone from files."""

import re
import subprocess
import sys
from pathlib import Path

import browsing
import pytest

from docs.make import try_it

PATIENCE = browsing.PATIENCE
KINDS = ("index.html", "lessons/03_style_reconstruction_torch.html", "gallery.html", "reference/torch.html")
# what search engines, screen readers and phones need, and what is missing
FAULTS = """() => {
    const faults = [];
    const check = (selector, isFault, name) => document.querySelectorAll(selector)
        .forEach(element => isFault(element) && faults.push(name + ': ' + element.outerHTML.slice(0, 120)));
    const head = selector => document.head.querySelector(selector)?.content?.trim() ?? '';
    if (document.documentElement.lang !== 'en') faults.push('no language');
    if (!document.title.includes('stylelab')) faults.push('no title');
    if (head('meta[name=description]').length < 40) faults.push('no description');
    if (document.querySelectorAll('meta[name=description]').length > 1) faults.push('two descriptions');
    if (!head('meta[name=viewport]')) faults.push('no viewport');
    if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
    check('img', e => !e.hasAttribute('alt') || (!e.alt.trim() && !e.closest('[aria-hidden=true]')), 'no alt');
    check('article img', e => !e.getAttribute('width') && !e.complete, 'an image without a size');
    check('merror, [data-mml-node=merror]', () => true, 'an invalid formula');
    check('a', e => !e.textContent.trim() && !e.ariaLabel && !e.querySelector('img, svg'), 'an empty link');
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide > 0) faults.push(`the page is ${wide} pixels too wide`);
    return faults;
}"""
SOURCE_CODE = re.compile("_modules/")
TWINS = re.compile("(lessons/.*_|reference/)tensorflow")  # they differ from PyTorch's page in words only
# axe, whose slowest rule by far measures the contrast of every piece of text: three of each combination of colours are enough
AXE = """async () => {
    const backgrounds = new Map([[null, '']]), samples = {};
    const background = element => {
        if (!backgrounds.has(element)) {
            const style = getComputedStyle(element);
            backgrounds.set(element, [style.backgroundColor, style.backgroundImage, style.opacity, background(element.parentElement)]
                .filter(part => !['rgba(0, 0, 0, 0)', 'none', '1'].includes(part)).join());
        }
        return backgrounds.get(element);
    };
    for (const element of document.body.querySelectorAll('*')) {
        if (!element.checkVisibility() || ![...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
        const style = getComputedStyle(element);
        const key = [style.color, style.fontSize, style.fontWeight, style.position, background(element)].join();
        samples[key] = (samples[key] ?? 0) + 1;
        if (samples[key] <= 3) element.dataset.sample = '';
    }
    axe.configure({rules: [{id: 'color-contrast', selector: '[data-sample]'}]});
    // preload would fetch stylesheets again, which browsers do not allow for files
    const {violations} = await axe.run({resultTypes: ['violations'], preload: false});
    return violations.filter(violation => ['serious', 'critical'].includes(violation.impact))
        .map(violation => `${violation.id}: ${violation.nodes[0].html.slice(0, 200)}`);
}"""
SETTLED = """() => (typeof MathJax === 'undefined' || (MathJax.startup?.promise ?? null) !== null)
    && !document.querySelector('script[src*=mathjax]') || document.querySelectorAll('div.math, span.math').length
    === document.querySelectorAll('.math mjx-container').length"""

pytestmark = [pytest.mark.plain, pytest.mark.slow]
needs_browser = pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> subprocess.CompletedProcess:
    """The finished process of `make site` with the smallest gallery; `.folder` has the pages."""
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "docs.make", "--gallery", "tiny"]
    command += ["-o", str(folder / "site"), "--work", str(folder / "work")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600)
    run.folder = folder / "site"
    return run


@pytest.fixture(scope="module")
def site(built) -> Path:
    """The folder of the pages."""
    assert built.returncode == 0, built.stderr[-3000:]
    return built.folder


@pytest.fixture(scope="module")
def pages(site) -> list[str]:
    """The names of all HTML pages; *Try it*, which lets no test evaluate a string, has tests of its own."""
    return [
        path.relative_to(site).as_posix() for path in sorted(site.rglob("*.html")) if not {"_static", "try-it"} & {*path.parts}
    ]


@pytest.fixture(scope="module")
def address(site, tmp_path_factory):
    """The address of the site in a subfolder of a web server."""
    root = tmp_path_factory.mktemp("server")
    (root / "course").mkdir()
    (root / "course" / "style").symlink_to(site)

    with browsing.files(root) as address:
        yield f"{address}/course/style"


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browsing.CHROMIUM, headless=True, args=[*browsing.FLAGS, browsing.OFFLINE]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """A function that opens an empty page; `.requests` has the addresses it fetched, `.complaints` the console's errors and warnings."""
    contexts = []

    def open_page(width: int = 1280, scheme: str = "light"):
        contexts.append(browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.requests, page.complaints = [], []
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("console", lambda message: message.type in ("error", "warning") and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()


def test_the_site_is_built_without_warnings(built):
    assert built.returncode == 0, built.stderr[-3000:]
    assert built.stderr == ""
    assert built.stdout.splitlines()[-1].endswith(f"open {built.folder / 'index.html'}")


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_is_accessible_and_fetches_nothing_from_elsewhere(width, scheme, site, pages, address, opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe().axe_script
    phone = width == 390
    root = site.as_uri() if phone else address
    page, faults_by_page = opened(width, scheme), {}
    for name in pages:
        if phone and SOURCE_CODE.match(name):
            continue
        page.goto(f"{root}/{name}")
        page.wait_for_function(SETTLED)
        faults = page.evaluate(FAULTS) + [url for url in page.requests if not url.startswith((root, "data:"))] + page.complaints
        if not name.startswith("_modules/stylelab/") and not (phone and TWINS.match(name)):
            page.evaluate(axe)
            faults += page.evaluate(AXE)
        if faults:
            faults_by_page[name] = faults
        page.requests.clear(), page.complaints.clear()
    assert faults_by_page == {}


@needs_browser
@pytest.mark.parametrize("from_file", [False, True], ids=["server", "files"])
def test_search_finds_a_page_and_opens_it(from_file, site, address, opened):
    page = opened()
    page.goto(f"{site.as_uri() if from_file else address}/index.html")
    page.get_by_role("textbox", name="Search").fill("bubblewrap")
    page.keyboard.press("Enter")
    page.locator("ul.search li a", has_text="Grading").first.click()
    page.wait_for_url(re.compile("grading"))
    assert page.complaints == []


@needs_browser
@pytest.mark.parametrize("name", KINDS)
def test_the_keyboard_reaches_the_navigation_and_then_the_text(name, site, opened):
    page = opened()
    page.goto((site / name).as_uri())
    page.wait_for_function(SETTLED)
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('.sidebar-tree, article')?.tagName ?? ''"))
        if reached[-1] == "ARTICLE":
            break
    assert "DIV" in reached and reached[-1] == "ARTICLE"


@needs_browser
def test_on_a_phone_wide_content_scrolls_in_a_box_that_the_keyboard_reaches(site, opened):
    page = opened(390)
    page.goto((site / "lessons/03_style_reconstruction_torch.html").as_uri())
    page.wait_for_function(SETTLED)
    boxes = page.evaluate("""() => [...document.querySelectorAll('article *')]
        .filter(e => e.scrollWidth > e.clientWidth + 1 && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX))
        .map(e => [e.tagName, e.tabIndex])""")
    assert len(boxes) >= 3 and all(tab_index == 0 for _, tab_index in boxes)


def test_links_to_try_it_lead_to_the_page_of_this_build_or_to_the_published_one(built, site):
    home, lesson = ((site / name).read_text() for name in ("index.html", "lessons/03_style_reconstruction_torch.html"))
    if "'Try it' is left out" in built.stdout:
        assert "try-it" not in home and f'href="{try_it.ADDRESS}"' in lesson
    else:
        assert f'href="{try_it.PAGE}"' in home and f'href="../{try_it.PAGE}"' in lesson and (site / try_it.PAGE).is_file()
        assert f'href="{try_it.PAGE}?language=zh"' in (site / "student.zh.html").read_text()


@needs_browser
def test_exercises_and_quizzes_can_be_read_without_a_kernel(site, opened):
    page = opened()
    page.goto((site / "lessons/03_style_reconstruction_torch.html").as_uri())
    assert page.get_by_text("raise NotImplementedError").count() == 3
    assert page.get_by_text("not attempted").count() == 3
    answer = page.locator(".quiz details").first
    assert not answer.evaluate("e => e.open")
    answer.locator("summary").focus()
    page.keyboard.press("Enter")
    assert answer.evaluate("e => e.open")
    assert len(page.locator("article .image img").all()) >= 9
    page.get_by_role("link", name="lesson 3, TensorFlow").first.click()
    assert "TensorFlow" in page.locator("h1").inner_text()


@needs_browser
def test_formulas_are_drawn_and_can_be_read_by_screen_readers(site, opened):
    page = opened()
    page.goto((site / "how-it-works.html").as_uri())
    page.wait_for_function(SETTLED)
    assert page.locator("mjx-container svg").count() >= 15
    assert page.locator("mjx-assistive-mml math").count() == page.locator("mjx-container").count()
