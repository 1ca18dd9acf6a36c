"""The studio in a real browser, as people meet it: `stylelab studio`, JupyterLab, Notebook 7; with a mouse and without."""

import io
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import browsing
import nbformat
import psutil
import pytest
from PIL import Image

PATIENCE = browsing.PATIENCE
CELL = "from stylelab.tools.studio import presence\npresence.GRACE, presence.IN_SIGHT = {}\nimport stylelab\nstylelab.studio()"
HASTY, PATIENT = (2, 12), (PATIENCE / 1000, PATIENCE / 1000)  # seconds until nobody is taken to look at the studio any more

pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing.browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def voila(tmp_path_factory):
    """(address, process) of `stylelab studio`."""
    port = browsing.free_port()
    home, ready = tmp_path_factory.mktemp("home"), "/voila/static/voila.js"
    with browsing.serving(command_of(port), f"http://127.0.0.1:{port}", home, ready, subprocess.PIPE) as process:
        yield address_in(process.stdout.readline()), process


def command_of(port: int) -> list[str]:
    return [sys.executable, "-P", "-m", "stylelab", "studio", "--port", str(port), "--no-browser"]


def address_in(line: str) -> str:
    """The page's address, in what the command prints first."""
    said = re.fullmatch(r"the studio is at (http://127\.0\.0\.1:\d+/\?token=[0-9a-f]{32}) \(Ctrl-C ends it\)\n", line)
    assert said, line
    return said[1]


@pytest.fixture
def studio(browser, voila):
    """The studio as a page of its own, open."""
    page = browsing.listen(browser.new_page())
    page.goto(voila[0])
    yield Studio(page)
    page.close()


class Studio:
    """What a person does with the studio, in the page or in a frame of it."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator(".sl-studio").last
        self.root.wait_for()
        self.root.locator(".sl-thumb img").last.wait_for()

    def fill(self, size: object = None, steps: object = None) -> None:
        for label, value in (("Size (px)", size), ("Steps", steps)):
            if value is not None:
                self.root.get_by_label(label, exact=True).fill(str(value))

    def paint(self, size: int = 48, steps: int = 40, encoder: str = "random") -> "Card":
        before = self.root.locator("article").count()
        self.root.get_by_label("Encoder").select_option(encoder)
        self.fill(size, steps)
        self.root.get_by_role("button", name="Paint", exact=True).click()
        self.page.wait_for_function(
            "([root, count]) => root.querySelectorAll('article').length > count", arg=[self.handle, before]
        )
        return Card(self, self.root.locator("article").first)

    @property
    def handle(self):
        return self.root.element_handle()

    def alert(self, text: str) -> None:
        self.root.get_by_role("alert").filter(has_text=text).wait_for()


class Card:
    """One run on the page."""

    def __init__(self, studio: Studio, root):
        self.studio, self.page = studio, studio.page
        self.number = int(root.locator("h3").inner_text().split(":")[0].removeprefix("Run "))
        self.root = studio.root.get_by_role("article", name=f"Run {self.number}:")

    def press(self, name: str) -> None:
        self.root.get_by_role("button", name=f"{name} run {self.number}").click()

    def state(self, *words: str) -> None:
        """Wait until it is in one of these states."""
        self.page.wait_for_function(
            "([card, words]) => words.includes(card.querySelector('.sl-state').dataset.state)",
            arg=[self.root.element_handle(), words],
        )

    def step(self) -> int:
        return int(self.root.locator(".sl-facts").inner_text().split()[1])

    def beyond(self, step: int) -> None:
        self.page.wait_for_function(
            "([card, step]) => parseInt(card.querySelector('.sl-facts').textContent.slice(5)) > step",
            arg=[self.root.element_handle(), step],
        )

    def save(self, what: str) -> tuple[str, bytes]:
        with self.page.expect_download() as download:
            self.root.get_by_role("button", name=f"Save the {what} of run {self.number}").click()
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def image(size=(60, 40), colour="teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="PNG")
    return buffer.getvalue()


def upload(studio: Studio, role: str, name: str, data: bytes) -> None:
    files = {"name": name, "mimeType": "image/png", "buffer": data}
    studio.root.get_by_label(f"{role} image: a file of your own").set_input_files(files)


def test_an_image_is_uploaded_painted_paused_compared_and_saved(studio, tmp_path):
    upload(studio, "Content", "my boat.png", image())
    studio.root.get_by_alt_text("The content image: my boat.png").wait_for()
    card = studio.paint(steps=100_000)
    card.state("running")
    card.beyond(3)
    card.press("Pause")
    card.state("paused")
    studio.page.wait_for_timeout(1500)
    rested = card.step()
    studio.page.wait_for_timeout(1500)
    assert card.step() == rested
    slider = card.root.get_by_label("Before / after")
    slider.focus()
    studio.page.keyboard.press("PageUp")
    assert slider.input_value() == "10" and slider.get_attribute("aria-valuetext") == "10 % before, 90 % after"
    card.press("Resume")
    card.beyond(rested)
    card.press("Stop")
    card.state("stopped")
    name, data = card.save("image")
    assert name.startswith("my-boat-as-brushstrokes-gatys-48px") and Image.open(io.BytesIO(data)).size == (48, 32)
    name, data = card.save("settings")
    (tmp_path / name).write_bytes(data)
    assert json.loads(data)["steps"] > 3 and name.endswith(".json")
    assert card.save("filmstrip")[1].startswith(b"\x89PNG") and card.save("GIF")[1].startswith(b"GIF89a")
    assert studio.page.elsewhere == [] and studio.page.complaints == []


def test_an_image_is_dropped_onto_its_place(studio):
    drop = """([root, bytes, name]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], name));
        const place = root.querySelectorAll('.sl-image')[1];
        for (const kind of ['dragover', 'drop']) place.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
    }"""
    studio.page.evaluate(drop, [studio.handle, list(image(colour="tomato")), "tomato.png"])
    studio.root.get_by_alt_text("The style image: tomato.png").wait_for()
    studio.page.evaluate(drop, [studio.handle, list(b"Dear diary"), "diary.txt"])
    studio.alert("'diary.txt' is not an image")


def test_bad_input_is_one_line_on_the_page(studio):
    for name, data, words in (
        ("empty.png", b"", "'empty.png' is empty"),
        ("cut.png", image((900, 900))[:400], "'cut.png' is a broken or truncated image"),
        ("huge.png", b"\0" * (21 * 2**20), "'huge.png' has 21 MB, more than 20"),
        ("strip.png", image((400, 4)), "too small"),
    ):
        upload(studio, "Style", name, data)
        studio.alert(words)
    paint = studio.root.get_by_role("button", name="Paint", exact=True)
    studio.fill(size=5)
    paint.click()
    studio.alert("size must be a whole number from 16 to 4096; got 5")
    studio.fill(size="")
    paint.click()
    studio.alert("got nothing")
    studio.fill(size=48)
    studio.root.get_by_label("Encoder").select_option("vgg19")
    paint.click()
    studio.alert("run `stylelab encoders download vgg19` once")
    assert studio.root.locator("article").count() == 0


def test_runs_stand_side_by_side_and_are_removed(studio):
    first, second = studio.paint(steps=100_000), studio.paint(steps=5)
    second.state("done")
    assert first.root.is_visible() and second.root.get_by_text("step 5 of 5").is_visible()
    assert second.root.get_by_role("img", name="Loss:").is_visible()
    first.press("Remove")
    first.root.wait_for(state="detached")
    assert studio.root.locator("article").count() == 1


def test_the_keyboard_alone_is_enough(studio):
    page, seen = studio.page, []

    def tab_to(name: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("() => [document.activeElement.textContent.slice(0, 30), document.activeElement.tagName]"))
            if page.evaluate(NAME) == name:
                return
        raise AssertionError(f"Tab never came to '{name}': {seen}")

    tab_to("Encoder")
    page.keyboard.type("random")
    tab_to("Size (px)")
    page.keyboard.type("48")
    tab_to("Steps")
    page.keyboard.type("100000")
    tab_to("Style against content, β / α")
    page.keyboard.press("ArrowRight")
    tab_to("Layers")
    page.keyboard.press("Enter")
    tab_to("conv1_1")
    page.keyboard.press("Space")
    tab_to("Paint")
    page.keyboard.press("Enter")
    card = Card(studio, studio.root.locator("article").first)
    tab_to("Pause run 1")
    card.beyond(1)
    page.keyboard.press("Enter")
    card.state("paused")
    assert page.evaluate(NAME) == "Resume run 1"
    page.keyboard.press("Space")
    card.state("running")
    tab_to("Stop run 1")
    page.keyboard.press("Enter")
    card.state("stopped")
    assert page.evaluate(NAME) == "Save the image of run 1"
    with page.expect_download():
        page.keyboard.press("Enter")
    settings = json.loads(card.save("settings")[1])
    assert settings["size"] == 48 and settings["style_weight"] == pytest.approx(1e8 * 10**0.25)
    assert settings["content_layers"] == ["conv1_1", "conv4_2"]


NAME = """() => {
    const element = document.activeElement;
    return (element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.firstChild?.textContent ?? '').trim();
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser, voila, theme):
    axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = browser.new_page()
    page.emulate_media(color_scheme=theme)
    page.goto(voila[0])
    studio = Studio(page)
    assert page.evaluate("() => document.body.dataset.jpThemeLight") == str(theme == "light").lower()
    studio.root.locator(".sl-layers summary").click()
    studio.paint(steps=4).state("done")
    upload(studio, "Style", "empty.png", b"")
    studio.alert("is empty")
    faults = axe_playwright.Axe().run(page).response["violations"]
    page.close()
    grave = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in grave] == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_window_is_wide_enough(browser, voila, width):
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(voila[0])
    studio = Studio(page)
    studio.root.locator(".sl-layers summary").click()
    card = studio.paint(steps=4)
    card.state("done")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    wide = "root => [...root.querySelectorAll('*')].filter(each => each.getBoundingClientRect().right > innerWidth + 1).map(each => each.className)"
    assert page.evaluate(wide, studio.handle) == []
    page.close()


def test_closing_the_page_leaves_nothing_running(browser, voila):
    page = browser.new_page()
    page.goto(voila[0])
    card = Studio(page).paint(steps=100_000)
    card.beyond(1)
    assert painters(voila[1].pid)
    page.close(run_before_unload=True)
    until(lambda: not painters(voila[1].pid))


def test_a_greeting_that_is_lost_is_said_again(browser, voila):
    page, lost = browser.new_page(), []

    def between(page_side):
        server_side = page_side.connect_to_server()

        def pass_on(message):
            if not lost and b'"kind":"hello"' in (message if isinstance(message, bytes) else message.encode()):
                lost.append(message)
            else:
                server_side.send(message)

        page_side.on_message(pass_on)

    page.route_web_socket("**/channels*", between)
    page.goto(voila[0])
    Studio(page)
    assert lost
    page.close()


def test_without_the_secret_in_the_address_nobody_gets_at_a_kernel(browser, studio, voila):
    paths = studio.page.evaluate("() => performance.getEntriesByType('resource').map(each => new URL(each.name).pathname)")
    kernel = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", studio.page.content() + " ".join(paths))[0]
    root = voila[0].partition("?")[0]
    before = len(psutil.Process(voila[1].pid).children(recursive=True))
    with urllib.request.urlopen(root) as answer:  # the page: a form that asks for the secret
        assert "/login" in answer.url and kernel not in answer.read().decode()
    for path in (f"api/kernels/{kernel}", f"api/kernels/{kernel}/channels"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(root + path)
    assert len(psutil.Process(voila[1].pid).children(recursive=True)) == before


def test_control_c_ends_the_command_and_all_below_it(browser, tmp_path):
    port = browsing.free_port()
    process = subprocess.Popen(
        command_of(port), env=browsing.environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        address = address_in(process.stdout.readline())
        page = browser.new_page()
        until(lambda: _opens(page, address))
        Studio(page).paint(steps=100_000).beyond(1)
        below = psutil.Process(process.pid).children(recursive=True)
        assert len(below) >= 2
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130 and process.stderr.read() == ""
        until(lambda: not any(map(alive, below)))
        page.close()
    finally:
        process.kill()
        process.communicate()


def _opens(page, address: str) -> bool:
    try:
        return bool(page.goto(address))
    except Exception:  # noqa: BLE001  it is not listening yet
        return False


def painters(parent: int) -> list[psutil.Process]:
    """The processes below that paint."""
    below = psutil.Process(parent).children(recursive=True)
    return [each for each in below if alive(each) and "stylelab.tools.studio.painter" in " ".join(each.cmdline())]


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(condition) -> None:
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """(address, process) of a server for JupyterLab and Notebook 7, with a notebook that shows the studio."""
    folder = tmp_path_factory.mktemp("notebooks")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for name, seconds in (("studio.ipynb", HASTY), ("plain.ipynb", HASTY), ("patient.ipynb", PATIENT)):
        sources = CELL.format(seconds), "import time; time.sleep(30); print('over')"
        cells = [nbformat.v4.new_code_cell(text) for text in sources]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / name)
    with browsing.jupyterlab(folder, tmp_path_factory.mktemp("home")) as found:
        yield found


RUN = """async index => {
    panel.content.activeCellIndex = index;
    await window.jupyterapp.commands.execute('notebook:run-cell');
}"""


@pytest.fixture
def lab(browser, jupyter, request):
    """The studio in JupyterLab, in a kernel of its own."""
    page = browsing.listen(browser.new_page())
    page.goto(f"{jupyter[0]}/lab")
    page.wait_for_function("() => window.jupyterapp")
    page.evaluate(browsing.OPEN, getattr(request, "param", "studio.ipynb"))
    page.evaluate(RUN, 0)
    yield Studio(page)
    page.close()
    with urllib.request.urlopen(f"{jupyter[0]}/api/sessions", timeout=60) as answer:
        sessions = json.load(answer)
    for session in sessions:
        urllib.request.urlopen(urllib.request.Request(f"{jupyter[0]}/api/sessions/{session['id']}", method="DELETE"), timeout=60)


def test_in_jupyterlab_an_image_is_uploaded_painted_paused_and_saved(lab):
    upload(lab, "Style", "tomato.png", image(colour="tomato"))
    lab.root.get_by_alt_text("The style image: tomato.png").wait_for()
    card = lab.paint(steps=100_000)
    card.beyond(2)
    card.press("Pause")
    card.state("paused")
    slider = lab.root.get_by_label("Style against content, β / α")
    slider.focus()
    lab.page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext").endswith("1.78 times the recipe’s")
    card.press("Stop")
    card.state("stopped")
    assert card.save("image")[0].startswith("china-as-tomato-gatys-48px")
    cells = lab.page.evaluate("() => panel.content.widgets.length")
    for key in "abdd":  # a shortcut of the notebook must not be reached from here
        lab.page.keyboard.press(key)
    assert lab.page.evaluate("() => panel.content.widgets.length") == cells
    assert [line for line in lab.page.complaints if "anywidget" in line or "stylelab" in line or "TypeError" in line] == []


def test_in_jupyterlab_the_buttons_work_while_another_cell_runs(lab):
    card = lab.paint(steps=100_000)
    card.beyond(1)
    lab.page.evaluate("() => { panel.content.activeCellIndex = 1; window.jupyterapp.commands.execute('notebook:run-cell'); }")
    lab.page.wait_for_function("() => panel.sessionContext.session.kernel.status === 'busy'")
    card.press("Pause")
    card.state("paused")
    card.press("Stop")
    card.state("stopped")
    assert "over" not in lab.page.evaluate("() => JSON.stringify(panel.content.widgets[1].model.toJSON().outputs)")


def test_in_jupyterlab_closing_the_notebook_ends_its_runs(lab, jupyter):
    card = lab.paint(steps=100_000)
    card.beyond(1)
    assert painters(jupyter[1].pid)
    lab.page.evaluate("async () => { await panel.context.save(); panel.dispose(); }")
    until(lambda: not painters(jupyter[1].pid))


def test_in_jupyterlab_a_restart_of_the_kernel_ends_its_runs(lab, jupyter):
    card = lab.paint(steps=100_000)
    card.beyond(1)
    lab.page.evaluate("async () => { await panel.sessionContext.restartKernel(); }")
    until(lambda: not painters(jupyter[1].pid))


@pytest.mark.parametrize("lab", ["patient.ipynb"], indirect=True)
def test_in_jupyterlab_runs_go_on_after_a_reload(lab):
    card = lab.paint(steps=100_000)
    card.beyond(1)
    lab.page.evaluate("async () => { await panel.context.save(); }")
    step = card.step()
    lab.page.reload()
    lab.page.wait_for_function("() => window.jupyterapp")
    lab.page.evaluate(browsing.OPEN, "patient.ipynb")
    again = Studio(lab.page)
    again.root.locator("article").first.wait_for()
    Card(again, again.root.locator("article").first).beyond(step)


def _run_first_cell(page, times: int = 6) -> None:
    """As a person does: on a busy machine the keys may come before the notebook listens to them."""
    number = page.locator(".jp-CodeCell .jp-InputPrompt").first
    for _ in range(times):
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        for _ in range(50):
            if any(mark in number.inner_text() for mark in "*123456789"):
                return
            page.wait_for_timeout(200)
    raise AssertionError(f"the cell did not run, {times} times")


def test_in_notebook_7_an_image_is_painted(browser, jupyter):
    page = browsing.listen(browser.new_page())
    page.goto(f"{jupyter[0]}/notebooks/plain.ipynb")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    _run_first_cell(page)
    studio = Studio(page)
    studio.paint(steps=4).state("done")
    assert [line for line in page.complaints if "anywidget" in line or "stylelab" in line or "TypeError" in line] == []
    page.close()
