"""The studio in a real browser: `stylelab studio`, JupyterLab and Notebook 7, with a mouse and with the keyboard.

One browser, one page of `stylelab studio` and one JupyterLab serve all tests. Most runs are painted by the pretended painter,
which takes the place of TensorFlow; a run by PyTorch is painted once on the page and once in JupyterLab.
"""

import io
import json
import re
import signal
import stat
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

PAINTER = Path(__file__).parents[1] / "studio" / "pretended_painter.py"
PATIENCE = browsing.PATIENCE
LONG = 100_000  # steps of a run that a test pauses or stops

pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")]


# --- a user's hands and eyes ------------------------------------------------------------------------------------


class Studio:
    """What a person does with the studio on a page."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator(".sl-studio").last
        self.root.wait_for()
        self.root.locator(".sl-thumb img").nth(1).wait_for()

    @property
    def handle(self):
        """The studio's element, for scripts."""
        return self.root.element_handle()

    def fill(self, size: object = None, steps: object = None) -> None:
        """Type a size and a number of steps."""
        for label, value in (("Size (px)", size), ("Steps", steps)):
            if value is not None:
                self.root.get_by_label(label, exact=True).fill(str(value))

    def paint(self, steps: int = 40, framework: str = "tensorflow") -> "Card":
        """Paint at 48 pixels; the card of the new run. 'tensorflow' is the pretended painter."""
        before = self.root.locator("article").count()
        self.root.get_by_label("Framework").select_option(framework)
        self.root.get_by_label("Encoder").select_option("random")
        self.fill(48, steps)
        self.root.get_by_role("button", name="Paint", exact=True).click()
        self.page.wait_for_function(
            "([root, count]) => root.querySelectorAll('article').length > count", arg=[self.handle, before]
        )
        return Card(self, self.root.locator("article").first)

    def upload(self, role: str, file: "dict | Path") -> None:
        """Choose a file of one's own as the 'Content' or 'Style' image."""
        self.root.get_by_label(f"{role} image: a file of your own").set_input_files(file)

    def expect_alert(self, text: str) -> None:
        """Wait for a line that says what is wrong, where the user can see it without scrolling."""
        alert = self.root.get_by_role("alert").filter(has_text=text)
        alert.wait_for()
        inside = "alert => { const box = alert.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"
        self.page.wait_for_function(inside, arg=alert.element_handle())

    def clear(self) -> None:
        """Remove all runs and reset the form, as before the first test."""
        for _ in range(self.root.locator("article").count()):
            Card(self, self.root.locator("article").first).remove()
        self.root.get_by_label("Encoder").select_option("auto")
        self.root.get_by_label("Framework").select_option("torch")
        self.root.get_by_label("Colours").select_option("")
        self.root.get_by_role("button", name="Reset to the recipe").click()
        self.page.evaluate(
            "root => { root.querySelectorAll('.sl-form details').forEach(one => one.open = false); document.activeElement.blur(); }",
            self.handle,
        )


class Card:
    """One run on the page."""

    def __init__(self, studio: Studio, root):
        self.page = studio.page
        self.number = int(root.locator("h3").inner_text().split(":")[0].removeprefix("Run "))
        self.root = studio.root.get_by_role("article", name=f"Run {self.number}:")

    def press(self, name: str) -> None:
        """Click one of its buttons."""
        self.root.get_by_role("button", name=f"{name} run {self.number}").click()

    def remove(self) -> None:
        """Remove the run, and wait until it is gone."""
        self.press("Remove")
        self.root.wait_for(state="detached")

    def expect_state(self, state: str) -> None:
        """Wait until the run is in this state."""
        self.page.wait_for_function(
            "([card, state]) => card.querySelector('.sl-state').dataset.state === state",
            arg=[self.root.element_handle(), state],
        )

    def step(self) -> int:
        """The step that the card shows."""
        return int(self.root.locator(".sl-facts").inner_text().split()[1])

    def expect_step_after(self, step: int) -> None:
        """Wait until the run is beyond this step."""
        self.page.wait_for_function(
            "([card, step]) => parseInt(card.querySelector('.sl-facts').textContent.slice(5)) > step",
            arg=[self.root.element_handle(), step],
        )

    def save(self, what: str) -> tuple[str, bytes]:
        """Save something of the run: the name and content of the download."""
        with self.page.expect_download() as download:
            self.root.get_by_role("button", name=f"Save the {what} of run {self.number}").click()
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def png(name: str, size=(60, 40), colour="teal", length: int | None = None) -> dict:
    """A PNG as a browser's file input takes it, or its first `length` bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="PNG")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()[:length]}


def painters(parent: int) -> list[psutil.Process]:
    """The painting processes below a process."""
    below = psutil.Process(parent).children(recursive=True)
    return [process for process in below if alive(process) and "stylelab.tools.studio.painter" in " ".join(process.cmdline())]


def alive(process: psutil.Process) -> bool:
    """Whether a process still runs."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition) -> None:
    """Wait until `condition()` is true."""
    end = time.monotonic() + PATIENCE / 1000
    while not condition():
        assert time.monotonic() < end, "the condition was never met"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium."""
    with browsing.browsing(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment of a server in whose studio TensorFlow is the pretended painter."""
    home = tmp_path_factory.mktemp("home")
    python = home / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{PAINTER}" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return browsing.environment(home) | {"STYLELAB_TENSORFLOW_PYTHON": str(python), "PRETEND_SECONDS": "0.02"}


# --- stylelab studio --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def voila(tmp_path_factory, environment):
    """`stylelab studio`: its address, its process, and the file with its stderr."""
    port = browsing.free_port()
    command = [sys.executable, "-P", "-m", "stylelab", "studio", "--port", str(port), "--no-browser"]
    errors = tmp_path_factory.mktemp("voila") / "stderr"
    with errors.open("w") as stderr:
        options = {"stdout": subprocess.PIPE, "stderr": stderr, "env": environment}
        with browsing.serving(command, f"http://127.0.0.1:{port}", Path(), "/voila/static/voila.js", **options) as process:
            line = process.stdout.readline()
            address = re.fullmatch(r"the studio is at (http://127\.0\.0\.1:\d+/\?token=[0-9a-f]{32}) \(Ctrl-C ends it\)\n", line)
            assert address, line
            yield address[1], process, errors


@pytest.fixture(scope="module")
def shared_page(browser, voila):
    """The page of `stylelab studio`, opened once."""
    page = browsing.listen(browser.new_page())
    page.goto(voila[0])
    yield page
    page.close()


@pytest.fixture
def studio(shared_page):
    """The page of `stylelab studio`, without runs."""
    shared_page.set_viewport_size({"width": 1280, "height": 900})
    studio = Studio(shared_page)
    studio.clear()
    return studio


def test_an_image_is_uploaded_painted_paused_compared_and_saved(studio, voila, tmp_path):
    studio.upload("Content", png("my boat.png"))
    studio.root.get_by_alt_text("The content image: my boat.png").wait_for()
    card = studio.paint(LONG, "torch")
    card.expect_state("running")
    card.expect_step_after(3)
    card.press("Pause")
    card.expect_state("paused")
    studio.page.wait_for_timeout(800)
    step = card.step()
    studio.page.wait_for_timeout(800)
    assert card.step() == step
    slider = card.root.get_by_label("Before / after")
    slider.focus()
    studio.page.keyboard.press("PageUp")
    assert slider.input_value() == "10" and slider.get_attribute("aria-valuetext") == "10 % before, 90 % after"
    card.press("Resume")
    card.expect_step_after(step)
    card.press("Stop")
    card.expect_state("stopped")
    name, data = card.save("image")
    assert name.startswith("my-boat-as-brushstrokes-stylelab-48px") and Image.open(io.BytesIO(data)).size == (48, 32)
    name, data = card.save("settings")
    assert json.loads(data)["steps"] > 3 and name.endswith(".json")
    assert card.save("filmstrip")[1].startswith(b"\x89PNG") and card.save("GIF")[1].startswith(b"GIF89a")
    assert studio.page.elsewhere == [] and studio.page.complaints == [] and voila[2].read_text() == ""


def test_an_image_can_be_dropped_onto_its_thumbnail(studio):
    drop = """([root, bytes, name]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], name));
        const target = root.querySelectorAll('.sl-image')[1];
        for (const kind of ['dragover', 'drop']) target.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
    }"""
    studio.page.evaluate(drop, [studio.handle, list(png("tomato.png", colour="tomato")["buffer"]), "tomato.png"])
    studio.root.get_by_alt_text("The style image: tomato.png").wait_for()
    studio.page.evaluate(drop, [studio.handle, list(b"Dear diary"), "diary.txt"])
    studio.expect_alert("'diary.txt' is not an image")
    assert "diary" in studio.root.locator(".sl-image").nth(1).inner_text()
    studio.page.evaluate(
        drop.replace("querySelectorAll('.sl-image')[1]", "querySelector('.sl-stage')"), [studio.handle, [], "a.png"]
    )
    studio.expect_alert("drop the file onto the content image or the style image")


def test_bad_input_is_one_line_on_the_page(studio, tmp_path):
    huge = tmp_path / "huge.png"
    huge.write_bytes(b"\0" * (21 * 2**20))
    for file, words in (
        (png("empty.png", length=0), "'empty.png' is empty"),
        (png("cut.png", length=60), "'cut.png' is a broken or truncated"),
        (huge, "'huge.png' has 21 MB, more than 20"),
        (png("strip.png", (400, 4)), "too small"),
    ):
        studio.upload("Style", file)
        studio.expect_alert(words)
    paint = studio.root.get_by_role("button", name="Paint", exact=True)
    studio.fill(size=5)
    paint.click()
    studio.expect_alert("size must be a whole number from 16 to 4096; got 5")
    studio.fill(size="")
    paint.click()
    studio.expect_alert("got nothing")
    studio.fill(size=48)
    studio.root.get_by_label("Encoder").select_option("vgg19")
    paint.click()
    studio.expect_alert("run `stylelab encoders download vgg19` once")
    assert studio.root.locator("article").count() == 0


def test_runs_are_shown_side_by_side_and_can_be_removed(studio):
    first, second = studio.paint(LONG), studio.paint(steps=5)
    second.expect_state("done")
    assert first.root.is_visible() and second.root.get_by_text("step 5 of 5").is_visible()
    assert second.root.get_by_role("img", name="Loss:").is_visible()
    titles = studio.root.locator("h3").all_inner_texts()
    assert titles[0].endswith("48 px · 5 steps · random · TensorFlow") and f"{LONG} steps" in titles[1]
    boxes = [card.root.bounding_box() for card in (first, second)]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[1]["x"] < boxes[0]["x"]
    first.remove()
    assert studio.root.locator("article").count() == 1


def test_colours_are_chosen_from_a_list_and_said_in_the_title_of_the_run(studio):
    studio.root.get_by_label("Colours").select_option("luminance")
    card = studio.paint(steps=5)
    card.expect_state("done")
    assert "colours kept (luminance)" in card.root.locator("h3").inner_text()
    assert b'"keep_colours": "luminance"' in card.save("settings")[1]


def test_a_style_is_added_weighted_masked_and_removed(studio):
    more = studio.root.locator(".sl-more")
    more.locator("summary").click()
    assert not studio.root.get_by_label("Weight of the first style image").is_visible()
    studio.root.get_by_role("button", name="Add a style image").click()
    studio.root.get_by_alt_text("The style image 2: ").wait_for()
    weight = studio.root.get_by_label("Weight of style image 2")
    weight.fill("0.25")
    assert weight.get_attribute("aria-valuetext") == "20 % of the style"
    assert studio.root.get_by_label("Weight of the first style image").get_attribute("aria-valuetext") == "80 % of the style"
    studio.upload("Content", png("boat.png"))
    studio.root.get_by_label("Content mask: a file of your own").set_input_files(png("mask.png", size=(40, 40), colour="white"))
    studio.root.get_by_alt_text("The content mask: mask.png").wait_for()
    assert more.locator("summary").inner_text().endswith("2 styles, 1 mask")
    studio.root.get_by_role("button", name="Paint", exact=True).click()
    studio.expect_alert("the content mask has 40 x 40 pixels and the content image 60 x 40")
    studio.root.get_by_label("Content mask: a file of your own").set_input_files(png("mask.png", colour="white"))
    studio.page.wait_for_function(
        "root => root.querySelector('.sl-content_mask .sl-hint').textContent.startsWith('60')", arg=studio.handle
    )
    card = studio.paint(5)
    card.expect_state("done")
    assert "blend 80 : 20 · content mask" in card.root.locator("h3").inner_text()
    settings = json.loads(card.save("settings")[1])
    assert settings["blend"] == [0.8, 0.2] and len(settings["style"]) == 2 and settings["content_mask"]["file"] == "mask.png"
    studio.root.get_by_role("button", name="Remove style image 2").click()
    studio.root.get_by_alt_text("The style image 2: ").wait_for(state="hidden")
    assert more.locator("summary").inner_text().endswith("1 mask")
    studio.root.get_by_label("Content mask", exact=True).select_option("")
    assert more.locator("summary").inner_text().endswith("none")
    more.locator("summary").click()


def test_a_stopped_run_goes_on(studio):
    card = studio.paint(120)
    card.expect_step_after(3)
    card.press("Stop")
    card.expect_state("stopped")
    stopped = card.step()
    card.root.get_by_role("button", name=f"Continue with run {card.number}").click()
    card.expect_state("done")
    assert stopped < 120 and card.step() == 120
    assert not card.root.get_by_role("button", name=f"Continue with run {card.number}").is_visible()


def test_unweighted_losses_of_two_runs_have_one_scale(studio):
    first = studio.paint(steps=5)
    first.expect_state("done")
    studio.root.get_by_label("Style versus content, β / α").fill("1")
    second = studio.paint(steps=9)
    second.expect_state("done")

    def axes() -> list[list[str]]:
        return [card.root.locator(".sl-plot text").all_text_contents() for card in (first, second)]

    (one, other), words = axes(), "loss, weighted (log)"
    assert words in one and words in other and one != other
    studio.root.get_by_label("Losses").select_option("style")
    (one, other), words = axes(), "loss, unweighted (log)"
    assert words in one and one == other and "9" in one
    assert "75" in one  # the pretended painter begins at a weighted 75, and the weights are 1 and 10
    studio.root.get_by_label("Losses").select_option("weighted")


def test_every_slider_shows_its_number(studio):
    for slider in studio.root.locator("input[type=range]:visible").all():
        shown = studio.page.evaluate("slider => slider.parentNode.querySelector('output').textContent", slider.element_handle())
        assert re.search(r"\d", shown), shown
    studio.root.get_by_label("Encoder").select_option("random")
    assert studio.root.get_by_text("0, the recipe’s own").is_visible()


def test_on_a_phone_the_page_goes_to_the_run_that_has_begun(studio):
    studio.page.set_viewport_size({"width": 390, "height": 844})
    for _ in range(2):
        card = studio.paint(steps=60)
        card.expect_state("done")
        assert 0 <= card.root.bounding_box()["y"] < 100


def test_a_run_that_was_stopped_is_not_red(studio):
    card = studio.paint(LONG)
    card.expect_step_after(1)
    card.press("Stop")
    card.expect_state("stopped")
    red = studio.page.evaluate("root => getComputedStyle(root).getPropertyValue('--fault')", studio.handle)
    colours = """card => [...card.querySelectorAll('*')].filter(element => element.innerText)
        .map(element => getComputedStyle(element).color)"""
    red = "rgb({}, {}, {})".format(*bytes.fromhex(red.strip("# ")))
    assert red not in studio.page.evaluate(colours, card.root.element_handle())


FOCUSED_NAME = """() => {
    const element = document.activeElement;
    return (element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.firstChild?.textContent ?? '').trim();
}"""


def test_the_keyboard_alone_is_enough(studio):
    page, names = studio.page, []

    def tab_to(name: str) -> None:
        for _ in range(200):
            page.keyboard.press("Tab")
            names.append(page.evaluate(FOCUSED_NAME))
            if names[-1] == name:
                return
        raise AssertionError(f"Tab never came to '{name}': {names}")

    tab_to("Framework")
    page.keyboard.type("TensorFlow")
    tab_to("Encoder")
    page.keyboard.type("random")
    tab_to("Size (px)")
    page.keyboard.type("48")
    tab_to("Steps")
    page.keyboard.type(str(LONG))
    tab_to("Style versus content, β / α")
    page.keyboard.press("ArrowRight")
    tab_to("Layers")
    page.keyboard.press("Enter")
    tab_to("conv1_1")
    page.keyboard.press("Space")
    tab_to("Paint")
    page.keyboard.press("Enter")
    card = Card(studio, studio.root.locator("article").first)
    tab_to(f"Pause run {card.number}")
    card.expect_step_after(1)
    page.keyboard.press("Enter")
    card.expect_state("paused")
    assert page.evaluate(FOCUSED_NAME) == f"Resume run {card.number}"
    page.keyboard.press("Space")
    card.expect_state("running")
    tab_to(f"Stop run {card.number}")
    page.keyboard.press("Enter")
    card.expect_state("stopped")
    assert page.evaluate(FOCUSED_NAME) == f"Save the image of run {card.number}"
    with page.expect_download():
        page.keyboard.press("Enter")
    settings = json.loads(card.save("settings")[1])
    assert settings["size"] == 48 and settings["style_weight"] == pytest.approx(10**0.25)
    assert settings["content_layers"] == ["conv1_1", "conv3_1"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_fault(studio, theme):
    axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = studio.page
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("light => document.body.dataset.jpThemeLight === light", arg=str(theme == "light").lower())
    studio.root.locator(".sl-layers summary").click()
    studio.paint(steps=4).expect_state("done")
    studio.upload("Style", png("empty.png", length=0))
    studio.expect_alert("is empty")
    faults = axe_playwright.Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="light")
    grave = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in grave] == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_the_page_fits_a_narrow_window(studio, width):
    studio.page.set_viewport_size({"width": width, "height": 800})
    studio.root.locator(".sl-layers summary").click()
    studio.paint(steps=4).expect_state("done")
    assert studio.page.evaluate("() => document.documentElement.scrollWidth") <= width
    too_wide = """root => [...root.querySelectorAll('*')]
        .filter(element => element.getBoundingClientRect().right > innerWidth + 1).map(element => element.className)"""
    assert studio.page.evaluate(too_wide, studio.handle) == []


def test_nobody_reaches_a_kernel_without_the_secret_in_the_address(studio, voila):
    address, process, _ = voila
    paths = studio.page.evaluate("() => performance.getEntriesByType('resource').map(entry => new URL(entry.name).pathname)")
    kernel = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", studio.page.content() + " ".join(paths))[0]
    root = address.partition("?")[0]
    before = len(psutil.Process(process.pid).children(recursive=True))
    with urllib.request.urlopen(root) as answer:  # a form that asks for the secret
        assert "/login" in answer.url and kernel not in answer.read().decode()
    for path in (f"api/kernels/{kernel}", f"api/kernels/{kernel}/channels"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(root + path)
    assert len(psutil.Process(process.pid).children(recursive=True)) == before


def test_a_lost_connection_is_reported_and_taken_up_again(studio):
    card = studio.paint(LONG)
    card.expect_step_after(1)
    network = studio.page.context.new_cdp_session(studio.page)
    network.send("Network.enable")
    for offline in (True, False):
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        network.send("Network.emulateNetworkConditions", conditions)
        if offline:
            studio.expect_alert("the kernel does not answer")
            step = card.step()
    card.expect_step_after(step)
    studio.root.get_by_role("alert").filter(has_text="does not answer").wait_for(state="detached")
    studio.page.complaints.clear()


def test_a_lost_hello_is_repeated_and_closing_the_page_leaves_no_run(browser, voila):
    address, process, _ = voila
    page, lost = browser.new_page(), []

    def forward_all_but_the_first_hello(page_side):
        server_side = page_side.connect_to_server()

        def forward(message):
            if not lost and b'"kind":"hello"' in (message if isinstance(message, bytes) else message.encode()):
                lost.append(message)
            else:
                server_side.send(message)

        page_side.on_message(forward)

    page.route_web_socket("**/channels*", forward_all_but_the_first_hello)
    page.goto(address)
    studio = Studio(page)
    assert lost
    others = {painter.pid for painter in painters(process.pid)}
    studio.paint(LONG).expect_step_after(1)
    own = [painter for painter in painters(process.pid) if painter.pid not in others]
    assert own
    page.close(run_before_unload=True)
    wait_until(lambda: not any(map(alive, own)))


def test_ctrl_c_ends_the_command_and_all_below_it(studio, voila):
    """The last test of `stylelab studio`, because it ends it."""
    _, process, errors = voila
    studio.paint(LONG).expect_step_after(1)
    below = psutil.Process(process.pid).children(recursive=True)
    assert len(below) >= 2 and painters(process.pid)
    logged = errors.read_text()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130 and errors.read_text() == logged
    wait_until(lambda: not any(map(alive, below)))


# --- in a notebook ----------------------------------------------------------------------------------------------

SHOW = """async seconds => {
    const {commands} = window.jupyterapp, {kernel} = panel.sessionContext.session;
    await commands.execute('notebook:clear-all-cell-outputs');
    await kernel.requestExecute({code: `from stylelab.tools.studio import session
session.GRACE, session.VISIBLE_TIMEOUT = ${seconds}`}).done;
    panel.content.activeCellIndex = 0;
    await commands.execute('notebook:run-cell');
}"""


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory, environment):
    """The address and process of a server for JupyterLab and Notebook 7, with notebooks that show the studio."""
    folder = tmp_path_factory.mktemp("notebooks")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    sources = "import stylelab\nstylelab.studio()", "import time; time.sleep(30); print('over')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources], metadata=kernel)
    for name in ("lab.ipynb", "notebook7.ipynb"):
        nbformat.write(notebook, folder / name)
    with browsing.jupyterlab(folder, Path(environment["HOME"]), env=environment) as server:
        yield server


@pytest.fixture(scope="module")
def lab_page(browser, jupyter):
    """JupyterLab, opened once."""
    page = browsing.listen(browser.new_page())
    page.goto(f"{jupyter[0]}/lab")
    page.wait_for_function("() => window.jupyterapp")
    yield page
    page.close()


@pytest.fixture
def lab(lab_page, request):
    """A new studio in JupyterLab. The parameter is (grace, timeout): after how many seconds runs end without a page."""
    lab_page.evaluate(browsing.OPEN, "lab.ipynb")
    lab_page.evaluate(SHOW, getattr(request, "param", (PATIENCE / 1000, PATIENCE / 1000)))
    return Studio(lab_page)


def faults(page) -> list[str]:
    """What the page's console has complained about, as far as it concerns the studio."""
    return [line for line in page.complaints if "anywidget" in line or "stylelab" in line or "TypeError" in line]


def test_in_jupyterlab_an_image_is_uploaded_painted_paused_and_saved(lab):
    lab.upload("Style", png("tomato.png", colour="tomato"))
    lab.root.get_by_alt_text("The style image: tomato.png").wait_for()
    card = lab.paint(LONG, "torch")
    card.expect_step_after(2)
    card.press("Pause")
    card.expect_state("paused")
    slider = lab.root.get_by_label("Style versus content, β / α")
    slider.focus()
    lab.page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext").endswith("1.78 times the recipe’s")
    card.press("Stop")
    card.expect_state("stopped")
    assert card.save("image")[0].startswith("china-as-tomato-stylelab-48px")
    cells = lab.page.evaluate("() => panel.content.widgets.length")
    for key in "abdd":  # shortcuts of the notebook must not work inside the studio
        lab.page.keyboard.press(key)
    assert lab.page.evaluate("() => panel.content.widgets.length") == cells
    assert faults(lab.page) == []


def test_in_jupyterlab_runs_stand_side_by_side_next_to_the_file_list(lab):
    assert lab.page.locator(".jp-FileBrowser").is_visible()
    cards = [lab.paint(steps=4) for _ in range(2)]
    left, right = (card.root.bounding_box() for card in reversed(cards))
    assert left["y"] == right["y"] and left["x"] < right["x"] and right["x"] + right["width"] <= 1280


def test_in_jupyterlab_the_buttons_work_while_another_cell_runs(lab):
    card = lab.paint(LONG)
    card.expect_step_after(1)
    lab.page.evaluate("() => { panel.content.activeCellIndex = 1; window.jupyterapp.commands.execute('notebook:run-cell'); }")
    lab.page.wait_for_function("() => panel.sessionContext.session.kernel.status === 'busy'")
    card.press("Pause")
    card.expect_state("paused")
    card.press("Stop")
    card.expect_state("stopped")
    outputs = "() => JSON.stringify(panel.content.widgets[1].model.toJSON().outputs)"
    assert "over" not in lab.page.evaluate(outputs)
    lab.page.evaluate("async () => { await panel.sessionContext.session.kernel.interrupt(); }")
    lab.page.wait_for_function(f"() => ({outputs})().includes('KeyboardInterrupt')")


def test_in_jupyterlab_runs_continue_after_a_reload(lab):
    card = lab.paint(LONG)
    card.expect_step_after(1)
    lab.page.evaluate("async () => { await panel.context.save(); }")
    step = card.step()
    lab.page.reload()
    lab.page.wait_for_function("() => window.jupyterapp")
    lab.page.evaluate(browsing.OPEN, "lab.ipynb")
    again = Studio(lab.page)
    again.root.locator("article").first.wait_for()
    card = Card(again, again.root.locator("article").first)
    card.expect_step_after(step)
    card.press("Stop")
    card.expect_state("stopped")


@pytest.mark.parametrize("lab", [(1, 9)], indirect=True)
def test_in_jupyterlab_closing_the_notebook_ends_its_runs(lab, jupyter):
    lab.paint(LONG).expect_step_after(1)
    assert painters(jupyter[1].pid)
    lab.page.evaluate("async () => { await panel.context.save(); panel.dispose(); }")
    wait_until(lambda: not painters(jupyter[1].pid))


def test_in_jupyterlab_a_screenshot_replaces_the_studio_whose_kernel_has_ended(lab):
    screenshot = lab.page.locator(".jp-OutputArea img[alt^='The studio:']").first
    assert not screenshot.is_visible()
    lab.page.evaluate("async () => { await panel.context.save(); await panel.sessionContext.shutdown(); }")
    lab.page.reload()
    lab.page.wait_for_function("() => window.jupyterapp")
    lab.page.evaluate(browsing.OPEN, "lab.ipynb")
    screenshot.wait_for()
    lab.page.get_by_text("Error displaying widget").wait_for(state="hidden")
    assert lab.page.get_by_text("Run the cell above to make it live.").first.is_visible()


def test_in_jupyterlab_a_restart_of_the_kernel_ends_its_runs(lab, jupyter):
    lab.paint(LONG).expect_step_after(1)
    assert painters(jupyter[1].pid)
    lab.page.evaluate("async () => { await panel.sessionContext.restartKernel(); }")
    wait_until(lambda: not painters(jupyter[1].pid))


def run_first_cell(page, attempts: int = 6) -> None:
    """Run it with the keyboard, as a person does. On a busy machine the keys may come before the notebook listens."""
    prompt = page.locator(".jp-CodeCell .jp-InputPrompt").first
    for _ in range(attempts):
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        for _ in range(50):
            if any(mark in prompt.inner_text() for mark in "*123456789"):
                return
            page.wait_for_timeout(200)
    raise AssertionError(f"the cell did not run in {attempts} attempts")


def test_in_notebook_7_an_image_is_painted(browser, jupyter):
    page = browsing.listen(browser.new_page())
    page.goto(f"{jupyter[0]}/notebooks/notebook7.ipynb")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    run_first_cell(page)
    Studio(page).paint(steps=4).expect_state("done")
    assert faults(page) == []
    page.close()
