"""The lessons in a real browser: JupyterLab on loopback, headless Chromium, a student's copy in a separate home folder."""

import json
import re
import urllib.request
from pathlib import Path

import browsing
import pytest
import solving

from stylelab.cli import start
from stylelab.tools.course import build as lessons

SOURCES = lessons.sources()
LOADED = """() => {
    const images = [...document.querySelectorAll('.jp-OutputArea img')];
    return images.length >= 1 && images.every(image => image.complete && image.naturalWidth > 40 && image.alt);
}"""
READABLE = """() => [...document.querySelectorAll('.jp-DirListing-itemText')].map(text => {
    const letters = document.createTreeWalker(text, NodeFilter.SHOW_TEXT).nextNode(), range = document.createRange();
    const pen = document.createElement('canvas').getContext('2d');
    pen.font = getComputedStyle(text).font;
    const dots = text.scrollWidth > text.clientWidth ? pen.measureText('\u2026').width : 0;
    const right = text.getBoundingClientRect().right - dots;
    return [...letters.data].filter((_, index) => {
        range.setStart(letters, index);
        range.setEnd(letters, index + 1);
        return range.getBoundingClientRect().right <= right;
    }).join('');
})"""
# what a reader of a cell sees: its visible images, and its text
SEEN = """index => {
    const node = lesson.widgets[index].outputArea.node;
    return [[...node.querySelectorAll('img')].filter(image => image.offsetHeight).length, node.innerText];
}"""
RESTART = "async () => await panel.sessionContext.restartKernel()"

pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a JupyterLab without a token, in a student's copy of the lessons."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "my lessons"
    start.start(folder)
    with browsing.jupyterlab(folder, home) as (address, _):
        yield address


@pytest.fixture(scope="module")
def page(server, tmp_path_factory):
    """JupyterLab, open; `page.complaints` are the errors in the browser's console."""
    with browsing.browsing(tmp_path_factory.mktemp("profile")) as browser:
        page = browsing.listen(browser.new_page())
        page.goto(f"{server}/lab")
        page.wait_for_function("() => window.jupyterapp")
        yield page


def test_a_new_user_meets_no_dialog_and_can_tell_twin_lessons_apart(page):
    page.locator(".jp-DirListing-itemText").nth(11).wait_for()
    names = page.evaluate(READABLE)
    assert len(names) == 2 * len(SOURCES) == len(set(names)), names
    page.wait_for_timeout(3000)  # the dialog would come up after a second or two
    assert page.locator(".Toastify__toast").count() == 0


@pytest.fixture(params=SOURCES, ids=lambda source: source.stem, scope="module")
def lesson(request, page, server) -> "Lesson":
    """One lesson after another, open in the browser; its kernel is stopped afterwards."""
    yield Lesson(page, request.param)
    shut_down(server)


def shut_down(server: str) -> None:
    """End all kernels."""
    with urllib.request.urlopen(f"{server}/api/sessions", timeout=20) as answer:
        sessions = json.load(answer)
    for session in sessions:
        urllib.request.urlopen(urllib.request.Request(f"{server}/api/sessions/{session['id']}", method="DELETE"), timeout=20)


class Lesson:
    """A notebook in the browser. Cells have the names that the lesson's source gives them."""

    def __init__(self, page, source: Path):
        self.page = page
        self.cells = lessons.assemble(source, "torch").cells
        page.evaluate(browsing.CLOSE)
        page.evaluate(browsing.OPEN, lessons.notebook_path(source, "torch").name)

    def index(self, name: str) -> int:
        """The position of the cell of this name."""
        return next(index for index, cell in enumerate(self.cells) if cell.metadata.stylelab.name == name)

    def shown_image(self) -> int:
        """The position of the first cell that shows an image which is not folded."""
        cells = [cell if "jupyter" not in cell.metadata else {"source": ""} for cell in self.cells]
        return next(index for index, cell in enumerate(cells) if re.search(r"page\.show\(|live\.finish\(", cell["source"]))

    def cell(self, index: int):
        """The cell's element, scrolled into view."""
        self.page.evaluate(browsing.SHOW, index)
        return self.page.evaluate_handle("index => lesson.widgets[index].node", index).as_element()

    def click(self, index: int) -> None:
        """Click into a cell's code. JupyterLab may put another element in its place meanwhile: then once more."""
        for turn in range(5):
            try:
                return self.cell(index).wait_for_selector(".cm-content").click()
            except Exception as error:
                if turn == 4 or "not attached" not in str(error):
                    raise

    def type(self, index: int, text: str) -> None:
        """Replace the content of a cell, as a student who types would."""
        self.click(index)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)

    def run(self, index: int) -> str:
        """Click into a cell, press Shift+Enter, and return what it prints."""
        self.page.evaluate("index => lesson.widgets[index].model.sharedModel.setOutputs([])", index)
        self.click(index)
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function("index => Number.isInteger(lesson.widgets[index].model.executionCount)", arg=index)
        self.page.wait_for_function("index => lesson.widgets[index].model.executionState !== 'running'", arg=index)
        return self.cell(index).inner_text()


def test_the_stored_images_are_there_before_any_cell_is_run(lesson):
    lesson.cell(lesson.shown_image())
    lesson.page.wait_for_function(LOADED)  # fails after a while if they never come


def test_what_follows_a_prediction_is_folded_until_its_cell_is_run(lesson):
    prompt = next(index for index, cell in enumerate(lesson.cells) if "**Predict" in cell.source)
    answer = next(index for index in range(prompt + 1, len(lesson.cells)) if lesson.cells[index].cell_type == "markdown")
    hidden = "index => lesson.widgets[index].outputHidden"
    assert not lesson.page.evaluate(hidden, prompt + 1) and "page.predict(" in lesson.cells[prompt + 1].source
    first = prompt + 2
    assert first < answer and all(lesson.page.evaluate(hidden, index) for index in range(first, answer))
    dots = lesson.cell(first).wait_for_selector(".jp-OutputPlaceholder")
    assert dots.inner_text().strip() == ""  # JupyterLab would show an output's first line
    fold = lesson.cell(answer).wait_for_selector("details")
    assert fold.get_attribute("open") is None and not fold.query_selector("p").is_visible()
    fold.query_selector("summary").click()
    assert fold.query_selector("p").is_visible()
    lesson.run(first)
    assert not lesson.page.evaluate(hidden, first)


def test_an_image_is_as_sharp_as_the_screen(lesson):
    cell = lesson.cell(lesson.shown_image())
    screen = lesson.page.context.new_cdp_session(lesson.page)
    for density in (1, 2):
        metrics = {"width": 1280, "height": 900, "deviceScaleFactor": density, "mobile": False}
        screen.send("Emulation.setDeviceMetricsOverride", metrics)
        image = cell.wait_for_selector(".jp-OutputArea img")
        lesson.page.wait_for_function("image => image.complete && image.naturalWidth", arg=image)
        sizes = "image => [devicePixelRatio, image.getBoundingClientRect().width, image.naturalWidth]"
        ratio, width, pixels = lesson.page.evaluate(sizes, image)
        assert ratio == density and 2 * width == pixels  # at 1 it is halved exactly, at 2 it is drawn as it is
    screen.send("Emulation.clearDeviceMetricsOverride")
    screen.detach()


def test_the_setup_cell_reports_the_device(lesson):
    report = lesson.run(lesson.index("setup"))
    assert "preset 'ci'" in report and "torch" in report and "seed 0" in report


def test_an_exercise_reports_a_wrong_answer_and_then_a_right_one(lesson):
    exercise, index = next(
        (cell.metadata.stylelab.exercise, index)
        for index, cell in enumerate(lesson.cells)
        if "exercise" in cell.metadata.stylelab
    )
    for answer, words in (
        (solving.wrong, "(?:✗ Wrong|◐ Partly right|! Could not run) {}: "),
        (solving.right, "✓ Right {}: in shape, value and every property"),
    ):
        lesson.type(index, answer("torch", exercise))
        lesson.run(index)
        assert re.search(words.format(exercise), " ".join(lesson.run(index + 1).split()))


def test_the_first_slider_changes_its_image(lesson):
    index = lesson.index("try_it")
    assert lesson.page.evaluate(browsing.RUN_ABOVE, index) == []
    lesson.run(index)
    cell = lesson.cell(index)
    handle = cell.wait_for_selector(".noUi-handle")
    before = cell.wait_for_selector(".jupyter-widgets img").get_attribute("src")
    handle.focus()
    first, last = (handle.get_attribute(f"aria-value{which}") for which in ("now", "max"))
    lesson.page.keyboard.press("ArrowLeft" if float(first) == float(last) else "ArrowRight")
    lesson.page.wait_for_function(
        "([cell, before]) => cell.querySelector('.jupyter-widgets img').src !== before", arg=[cell, before]
    )


def test_the_quiz_gives_feedback(lesson):
    index = lesson.index("quiz")
    lesson.run(index)
    cell = lesson.cell(index)
    cell.wait_for_selector("input[type=radio]").click()
    lesson.page.wait_for_function("cell => /[✓✗]/.test(cell.innerText)", arg=cell)


def test_a_cell_stopped_on_purpose_shows_one_line_and_no_red(page, server):
    lesson = Lesson(page, SOURCES[0])
    lesson.run(lesson.index("setup"))
    index = lesson.index("bad_files")  # no other test needs it
    lesson.type(index, "import time\nprint('started')\nfor second in range(60):\n    time.sleep(1)")
    lesson.cell(index)
    page.keyboard.press("Shift+Enter")
    shows = "([index, text]) => lesson.widgets[index].outputArea.node.innerText.includes(text)"
    page.wait_for_function(shows, arg=[index, "started"])
    page.evaluate("async () => await panel.sessionContext.session.kernel.interrupt()")
    page.wait_for_function(shows, arg=[index, "Stopped at line 4"])
    outputs = page.evaluate("index => lesson.widgets[index].model.toJSON().outputs.map(output => output.output_type)", index)
    assert set(outputs) == {"stream"}
    shut_down(server)


def test_widgets_without_their_kernel_show_their_static_version(page, server):
    """Live, after a restart, and after shutdown and reload."""
    lesson = Lesson(page, SOURCES[0])
    cells = [lesson.index(name) for name in ("try_it", "quiz")]
    assert page.evaluate(browsing.RUN_ABOVE, cells[0]) == []
    for index in cells:
        lesson.run(index)
        lesson.cell(index).wait_for_selector(".jupyter-widgets input, .jupyter-widgets .noUi-handle")

    def seen() -> list:
        return [page.evaluate(SEEN, index) for index in cells if lesson.cell(index)]

    def check(live: bool) -> None:
        for (images, text), expected in zip(seen(), (1, 0), strict=True):
            assert images == expected and "Error" not in text and ("Run the cell above to make it live." in text) is not live

    check(live=True)
    page.evaluate(RESTART)
    page.wait_for_selector(".jupyter-widgets-disconnected", state="attached")
    check(live=False)
    page.evaluate("async () => await panel.context.save()")
    shut_down(server)
    page.reload()
    page.wait_for_function("() => window.jupyterapp")
    lesson = Lesson(page, SOURCES[0])
    for index in cells:
        lesson.cell(index)
        page.wait_for_function("index => lesson.widgets[index].outputArea.node.innerText.includes('live.')", arg=index)
    check(live=False)
    shut_down(server)


def test_the_console_has_no_error_of_ours(page):
    names = [source.stem for source in SOURCES]
    assert [line for line in page.complaints if any(word in line for word in ("stylelab", "TypeError", *names))] == []
