"""The studio's Live tab in Chromium, with its pretended camera: painted, blended, stopped, refused."""

import re
import subprocess
import sys
from pathlib import Path

import browsing
import psutil
import pytest
from PIL import Image

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")]

PIXELS = """canvas => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return Array.from({length: 64}, (_, i) => data[4 * Math.floor(i * data.length / 256)]);
}"""

MEANS = """canvas => {
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const sums = [0, 0, 0];
    for (let i = 0; i < data.length; i++) if (i % 4 < 3) sums[i % 4] += data[i];
    return sums.map(sum => 4 * sum / data.length);
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where `stylelab studio` is."""
    port = browsing.free_port()
    command = [sys.executable, "-P", "-m", "stylelab", "studio", "--port", str(port), "--no-browser"]
    home = tmp_path_factory.mktemp("home")
    with browsing.serving(command, f"http://127.0.0.1:{port}", home, "/voila/static/voila.js", stdout=subprocess.PIPE) as process:
        yield re.search(r"http://\S+", process.stdout.readline())[0]


def open_tab(browser, address):
    page = browsing.listen(browser.new_page())
    page.goto(address)
    page.get_by_role("tab", name="Live").click()
    page.get_by_role("button", name="Start the camera").wait_for()
    return page


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium with a camera."""
    with browsing.browsing(tmp_path_factory.mktemp("profile"), more=CAMERA) as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    page = open_tab(browser, address)
    yield page
    page.close()


def wait_for_frames(page):
    page.get_by_text(re.compile(r"frames a second")).wait_for()
    return page.locator("canvas[role=img]")


def live_tracks(page) -> int:
    return page.evaluate("() => window.tracks.filter(track => track.readyState === 'live').length")


def watch_camera(page):
    """Remember every track that the page gets of the camera."""
    page.evaluate(
        """() => {
            window.tracks = [];
            const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async wanted => {
                const stream = await ask(wanted);
                window.tracks.push(...stream.getTracks());
                return stream;
            };
        }"""
    )


def test_the_camera_is_painted_and_blended_until_it_is_stopped(page):
    watch_camera(page)
    page.get_by_role("button", name="Start the camera").click()
    canvas = wait_for_frames(page)
    before = canvas.evaluate(PIXELS)
    assert len(set(before)) > 8  # not one flat colour
    page.get_by_role("slider", name="woodblock").fill("1")
    page.get_by_role("slider", name="brushstrokes").fill("0")
    page.get_by_role("img", name="The painted frame, in woodblock").wait_for()
    page.wait_for_function(
        f"before => {{ const now = ({PIXELS})(document.querySelector('canvas[role=img]'));"
        " return now.reduce((sum, value, i) => sum + Math.abs(value - before[i]), 0) / now.length > 15; }",
        arg=before,
    )
    assert re.search(r"\d.* frames a second · \d+ × \d+ pixels", page.locator(".sl-rate").inner_text())
    assert live_tracks(page) == 1
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("The camera is off.").wait_for()
    assert live_tracks(page) == 0
    assert page.elsewhere == [] and page.complaints == []


def test_a_style_image_of_ones_own_is_painted_and_blended(page, tmp_path):
    own = tmp_path / "my red painting.png"
    Image.effect_noise((300, 200), 200).convert("RGB").point([*range(256), *[0] * 512]).save(own)  # red on black
    page.get_by_label("A style image of your own").set_input_files(own)
    slider = page.get_by_role("slider", name="my red painting.png")
    assert slider.input_value() == "1" and page.get_by_role("slider", name="brushstrokes").input_value() == "0"
    page.get_by_role("button", name="Start the camera").click()
    wait_for_frames(page)
    canvas = page.get_by_role("img", name="The painted frame, in my red painting.png")
    canvas.wait_for()
    red, green, blue = canvas.evaluate(MEANS)
    assert red > 2 * green and red > 2 * blue
    page.get_by_role("slider", name="fluid").fill("1")
    page.get_by_role("img", name="The painted frame, in fluid and my red painting.png").wait_for()
    assert page.elsewhere == [] and page.complaints == []


def test_a_file_that_is_no_image_costs_one_line(page, tmp_path):
    (tmp_path / "notes.txt").write_text("Dear diary")
    page.get_by_label("A style image of your own").set_input_files(tmp_path / "notes.txt")
    page.get_by_role("alert").filter(has_text="'notes.txt' cannot be read by this browser").wait_for()


def test_leaving_the_tab_gives_the_camera_back(page):
    watch_camera(page)
    page.get_by_role("button", name="Start the camera").click()
    wait_for_frames(page)
    page.get_by_role("tab", name="Still images").click()
    page.wait_for_function("() => window.tracks.every(track => track.readyState === 'ended')")
    page.get_by_role("tab", name="Live").click()
    assert page.get_by_text("because its tab was left").is_visible()


def test_all_sliders_at_zero_say_what_to_do(page):
    page.get_by_role("slider", name="brushstrokes").fill("0")
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("alert").filter(has_text="every style is at 0").wait_for()
    page.get_by_role("slider", name="fluid").fill("0.5")
    wait_for_frames(page)
    page.get_by_role("button", name="Stop", exact=True).click()


def test_a_picture_is_saved_when_asked_for_and_the_page_says_what_happens_to_frames(page):
    assert page.get_by_text("are not stored").is_visible()
    page.get_by_role("button", name="Start the camera").click()
    wait_for_frames(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this picture").click()
    assert download.value.suggested_filename == "live-brushstrokes-256px.png"
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_the_tab_is_used_with_the_keyboard_and_axe_finds_no_serious_fault(page):
    axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")
    page.get_by_role("button", name="Start the camera").focus()
    page.keyboard.press("Enter")
    wait_for_frames(page)
    assert page.evaluate("() => document.activeElement.textContent") == "Stop"
    faults = axe_playwright.Axe().run(page).response["violations"]
    grave = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], [node["html"][:120] for node in fault["nodes"]]) for fault in grave] == []


@pytest.mark.parametrize("width", [320, 390, 768])
def test_the_tab_fits_a_narrow_window(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("() => document.scrollingElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotFoundError", "no camera was found"),
        ("NotAllowedError", "was not allowed"),
        ("NotReadableError", "another program has it"),
    ],
)
def test_a_camera_that_cannot_be_had_costs_one_line_that_says_what_to_do(page, name, words):
    page.evaluate("name => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', name); }; }", name)
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_role("alert").filter(has_text=words).wait_for()
    assert page.get_by_role("button", name="Start the camera").is_visible()


def test_the_painting_process_ends_with_the_studio(browser, tmp_path):
    port = browsing.free_port()
    command = [sys.executable, "-P", "-m", "stylelab", "studio", "--port", str(port), "--no-browser"]
    with browsing.serving(
        command, f"http://127.0.0.1:{port}", tmp_path, "/voila/static/voila.js", stdout=subprocess.PIPE
    ) as process:
        page = open_tab(browser, re.search(r"http://\S+", process.stdout.readline())[0])
        page.get_by_role("button", name="Start the camera").click()
        wait_for_frames(page)
        below = psutil.Process(process.pid).children(recursive=True)
        painters = [one for one in below if "stylelab.tools.studio.live" in " ".join(one.cmdline())]
        assert painters
        page.close()
    psutil.wait_procs(painters, timeout=20)
    assert not [one for one in painters if one.is_running()]
