"""The reports in a real browser: on a phone and a desktop, in light and dark mode, with the keyboard."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import browsing
import pytest

from stylelab.tools.classroom.marking.model import STAGES, ExerciseMark, Line, Mark
from stylelab.tools.classroom.marking.record import Record
from stylelab.tools.classroom.reports import write as reports
from stylelab.tools.classroom.reports.late import Late
from stylelab.tools.classroom.reports.manual import Entry
from stylelab.tools.classroom.sandbox.inside.form import canonical

DUE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
RECORD = Record("0" * 32, "0.1.0", "e" * 64, {"gram_matrix": 6, "style_loss": 4})
NAMES = [
    "Ada Lovelace",
    "محمد علي",
    "<script>document.title='forged'</script>",
    "x" * 10_000,
    "<img src=//127.0.0.1:9/x onerror=alert(1)>",
]
PAGES = ("overview.html", "similarity.html", "feedback/Ada_Lovelace.html", "hostile")
WIDTHS = (1280, 390)
# for every element with its own text: the contrast with the first opaque background behind it
CONTRASTS = """() => {
    const channels = colour => (colour.match(/[\\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
    const ground = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = channels(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const own = element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    return [...document.querySelectorAll('main *')].filter(own).filter(element => !element.closest('svg')).map(element => {
        const [a, b] = [light(channels(getComputedStyle(element).color)), light(ground(element))];
        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), element.tagName, element.textContent.slice(0, 40)];
    });
}"""
# what an accessibility checker looks for
FAULTS = """() => {
    const faults = [];
    const each = (selector, wrong, words) => document.querySelectorAll(selector)
        .forEach(element => wrong(element) && faults.push(words + ': ' + element.outerHTML.slice(0, 120)));
    each('html', e => e.lang !== 'en', 'no language');
    each('th', e => !['row', 'col'].includes(e.scope), 'no scope');
    each('table', e => !e.caption || !e.tHead || !e.tHead.querySelector('th'), 'no caption or header');
    each('tbody tr', e => e.cells.length !== e.closest('table').tHead.rows[0].cells.length, 'cells are missing');
    each('svg', e => e.getAttribute('aria-hidden') !== 'true' && !e.querySelector('title')?.textContent, 'no title');
    each('[aria-labelledby]', e => !document.getElementById(e.getAttribute('aria-labelledby')), 'labelled by nothing');
    each('[role=region]', e => !e.getAttribute('aria-label') || e.tabIndex !== 0, 'a region without name, or out of reach');
    each('a', e => !e.textContent.trim() || !e.href, 'an empty link');
    const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]));
    if (levels[0] !== 1 || levels.filter(l => l === 1).length !== 1) faults.push('not one h1');
    levels.slice(1).forEach((level, place) => level > levels[place] + 1 && faults.push('a level of headings is left out'));
    const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
    if (new Set(ids).size !== ids.length) faults.push('an id twice');
    if (!document.querySelector('main') || !document.title) faults.push('no main, or no title');
    return faults;
}"""

pytestmark = [pytest.mark.plain, pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")]


def _exercise(place: int, stage: str, student: str) -> ExerciseMark:
    lost = None if stage == "right" else f"Shape (1, 8, 8) for a batch of {place}; expected (2, 4, 4). {student}"
    lines = (Line("value", 2, 0 if lost else 2, lost), Line("symmetric", 4, 4))
    form = canonical("def gram(a):\n    b, c, h, w = a.shape\n    r = a.reshape(b, c, h * w)\n    return r @ r.mT / (h * w)")
    return ExerciseMark(
        "gram_matrix", "Which filters answer together.", stage, lost or "", lines, 0.2, ("A cell was retyped.",), form
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The reports on a class with every kind of mistake, and with hostile names."""
    folder = tmp_path_factory.mktemp("reports")
    students = [*NAMES, *(f"Student {place:02}" for place in range(25))]
    marks = [
        Mark(student, f"{student}.ipynb", "03_style_reconstruction", "torch", "0", (_exercise(place, stage, student),
             ExerciseMark("style_loss", "The sum.", "right", "", (Line("value", 4, 4),))), DUE + timedelta(hours=place), 1.0, (student,))
        for place, (student, stage) in enumerate(zip(students, [*STAGES] * 3, strict=False))
    ]  # fmt: skip
    hand = [Entry(2, student, "gram_matrix", adds=1, comment=f"Well done, {student}") for student in NAMES]
    written = reports.write(folder, marks, RECORD, manual=hand, late=Late(DUE, 10, 50))
    hostile = next(student for student in written.book.students if student.name.startswith("<script>"))
    (folder / "hostile").write_text(f"feedback/{hostile.file}.html")
    return folder


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsing.CHROMIUM, headless=True, args=browsing.FLAGS)
        yield browser
        browser.close()


@pytest.fixture(
    params=[(width, scheme) for width in WIDTHS for scheme in ("light", "dark")], ids=lambda param: f"{param[0]}-{param[1]}"
)
def page(request, browser):
    """A page of that width; `page.requests` are its requests, `page.complaints` its console messages and errors."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.requests, page.complaints = [], []
    page.on("request", lambda asked: page.requests.append(asked.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


def _open(page, folder: Path, name: str) -> None:
    page.goto((folder / ((folder / name).read_text() if name == "hostile" else name)).as_uri())


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_at_every_width_and_fetches_nothing(page, folder, name):
    _open(page, folder, name)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(FAULTS) == []
    assert [found for found in page.evaluate(CONTRASTS) if found[0] < 4.5] == []
    assert len(page.requests) == 1 and page.complaints == []
    assert page.title() in ("Class overview", "Similar answers") or page.title().startswith("Feedback for ")


@pytest.mark.parametrize("name", PAGES[:3])
def test_the_keyboard_reaches_every_link_with_a_visible_focus(page, folder, name):
    _open(page, folder, name)
    reached = set()
    for _ in range(page.locator("a, [tabindex='0']").count()):
        page.keyboard.press("Tab")
        shown = page.evaluate("""() => {
            const at = document.activeElement, style = getComputedStyle(at);
            return [style.outlineStyle, parseFloat(style.outlineWidth), at.tagName === 'A' ? at.href : ''];
        }""")
        assert shown[0] == "solid" and shown[1] >= 2
        reached.add(shown[2])
    assert reached - {""} == set(page.evaluate("[...document.links].map(link => link.href)"))


def test_a_teacher_gets_from_the_overview_to_a_students_page(page, folder):
    _open(page, folder, "overview.html")
    page.locator("#students ~ div a, section a").filter(has_text="Ada Lovelace").first.click()
    assert page.locator("h1").inner_text() == "Feedback for Ada Lovelace"
    page.locator("a", has_text="Lesson 3").click()
    assert page.url.endswith("#lesson-1") and page.complaints == []


def test_bars_are_as_long_as_the_table_says(page, folder):
    _open(page, folder, "overview.html")
    found = page.evaluate("""() => [...document.querySelectorAll('.bars svg')].map(svg => {
        const widths = [...svg.querySelectorAll('rect')].map(rect => rect.getBoundingClientRect().width);
        return widths.slice(1).reduce((sum, width) => sum + width, 0) / widths[0];
    })""")
    top = float(page.locator(".scale span").last.inner_text().rstrip("%"))
    said = page.locator(".bars > :nth-child(3n)").all_inner_texts()[1:]
    assert [round(100 * share * top / 100) for share in found] == [int(text.rstrip("%")) for text in said] and said[0] != "0"
    page.wait_for_function("[...document.querySelectorAll('.bars svg')].every(svg => svg.getBoundingClientRect().width > 100)")
