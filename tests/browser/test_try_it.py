"""The page *Try it* in Chromium, from a plain server: it paints, it takes the library's steps, and nothing leaves it."""

import http.server
import io
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import browsing
import numpy as np
import pytest
from PIL import Image

from docs.make import graphs, pages, try_it
from docs.make.source_folder import SourceFolder
from stylelab import encoders, images
from stylelab.images import builtin

PATIENCE = browsing.PATIENCE
STEPS = 50
MOST = 12e6  # bytes that a first visit loads, whatever the reader uses
LIBRARY = """
import importlib, json, sys
import numpy as np
sl = importlib.import_module(f"stylelab.{sys.argv[1]}")
with np.load(sys.argv[2]) as given:
    content, style, steps = given["content"] / np.float32(255), given["style"] / np.float32(255), int(given["steps"])
run = sl.transfer(content, style, recipe="gatys", size=max(content.shape[:2]), steps=steps, precision="float32")
print(json.dumps([step["total"] for step in run.history]))
"""

pytestmark = [pytest.mark.plain, pytest.mark.slow]
needs_browser = pytest.mark.skipif(browsing.CHROMIUM is None, reason="there is no Chromium")


def uint8(name: str, height: int, width: int) -> np.ndarray:
    """A built-in image as a browser decodes it, so that page and library start from the same numbers."""
    return (images.fit(images.open_image(builtin.ITEMS[name].path), (height, width)) * 255).round().astype(np.uint8)


def file(name: str, array: np.ndarray, kind: str = "PNG", **how) -> dict:
    written = io.BytesIO()
    Image.fromarray(array).save(written, kind, **how)
    return {"name": name, "mimeType": f"image/{kind.lower()}", "buffer": written.getvalue()}


@pytest.fixture(scope="module")
def runtime() -> try_it.Runtime:
    runtime = try_it.fetch(pages.ROOT / "build" / "npm")
    if runtime.missing:
        pytest.skip(runtime.missing)
    return runtime


@pytest.fixture(scope="module")
def folder(runtime, tmp_path_factory) -> Path:
    """The page's folder, inside one that a site would have."""
    source = SourceFolder(tmp_path_factory.mktemp("site"))
    try_it.add(runtime, source)
    source.copy(pages.DOCS / "_static" / "favicon.svg", "extra/_static/favicon.svg")
    small = source.path / "extra" / "small"
    shutil.copytree(source.path / "extra" / try_it.FOLDER, small)
    (small / "cat.jpg").write_bytes(file("small.jpg", uint8("coffee", 32, 48), "JPEG")["buffer"])
    return source.path / "extra"


@contextmanager
def serving(folder, answer=lambda request, name: False):
    """The page's address on a server for files; `answer` as in `browsing.files`."""
    with browsing.files(folder, answer) as address:
        yield f"{address}/{try_it.PAGE}"


def send(request, data: bytes = b"", status: int = 200, **headers: str) -> bool:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(data)
    return True


@pytest.fixture(scope="module")
def address(folder):
    with serving(folder) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    gpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]  # one in software, which the page takes only if asked
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browsing.CHROMIUM, headless=True, args=[*browsing.FLAGS, browsing.OFFLINE, *gpu, *camera]
        )
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, address):
    """A function that opens the page, with its own photograph or a small one, and waits until it has painted.

    `.requests` and `.complaints` are what they say.
    """
    contexts = []

    def open_page(
        query: str = "", at: str = address, width: int = 1200, paints: bool = True, script: str = "", small: bool = False, **how
    ):
        contexts.append(browser.new_context(viewport={"width": width, "height": 844}, accept_downloads=True, **how))
        if script:
            contexts[-1].add_init_script(script)
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE)
        page.requests, page.complaints = [], []
        page.on("console", lambda message: message.type in ("error", "warning") and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        contexts[-1].on("request", lambda request: page.requests.append((request.method, request.url)))
        page.goto((at.replace(try_it.FOLDER, "small") if small else at) + query)
        if paints:
            painted(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


def wait(page, part: str, words: str) -> str:
    """The text of a part of the page as soon as it has these words."""
    page.locator(f"#{part}", has_text=re.compile(words)).wait_for()
    return page.locator(f"#{part}").text_content()


def at_step(page, words: str, start: str, then: str) -> None:
    """Let the page run `start`, and `then` as soon as its step has these words: a test that asked for it could come too late."""
    page.evaluate(f"""() => new Promise(done => {{
        const text = document.getElementById('step-text');
        const watch = new MutationObserver(() => {{
            if (/{words}/.test(text.textContent)) {{ watch.disconnect(); {then}; done(); }}
        }});
        watch.observe(text, {{childList: true, characterData: true, subtree: true}});
        {start};
    }})""")


def painted(page) -> np.ndarray:
    wait(page, "painted-text", "^(Painted in|用时)")
    return canvas(page, "painted")


def canvas(page, part: str) -> np.ndarray:
    """What a canvas shows, (H, W, 3) in 0..1."""
    width, height, data = page.evaluate(
        """id => { const canvas = document.getElementById(id);
        return [canvas.width, canvas.height, [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]]; }""",
        part,
    )
    return np.array(data, np.float32).reshape(height, width, 4)[..., :3] / 255


def until(page, condition: str) -> None:
    """Wait until what a script says of the page is true; the page lets no test evaluate a string by itself."""
    for _ in range(PATIENCE // 50):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never so: {condition}")


def give(page, part: str, given: dict, until: str = "") -> None:
    """Open a file in the page, and wait until it has been painted again."""
    page.evaluate("document.getElementById('painted-text').textContent = ''")
    page.locator(f"#{part}").set_input_files(given)
    if until:
        wait(page, until, r"\S")


@pytest.fixture(scope="module")
def losses(tmp_path_factory) -> dict[str, list[float]]:
    """The library's losses, step by step, in each framework: a process for each, as one can hold only one."""
    given = tmp_path_factory.mktemp("losses") / "given.npz"
    np.savez(given, content=uint8("coffee", 144, 192), style=uint8("fluid", 144, 160), steps=STEPS)
    runs = {}
    for framework in ("torch", "tensorflow"):
        command = [sys.executable, "-c", LIBRARY, framework, str(given)]
        runs[framework] = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout)
    return runs


@needs_browser
def test_the_page_takes_the_steps_of_the_library_in_both_frameworks(losses, opened):
    page = opened(small=True)
    give(page, "photograph-file", file("content.png", uint8("coffee", 144, 192)), "painted-text")
    give(page, "step-style-file", file("style.png", uint8("fluid", 144, 160)))
    page.locator("#steps").fill(str(STEPS))
    page.locator("#run").click()
    wait(page, "step-text", f"^Done after {STEPS}")
    page_losses = page.evaluate("JSON.parse(document.getElementById('curve').dataset.losses)")
    for framework, expected in losses.items():
        assert page_losses[0] == pytest.approx(expected[0], rel=1e-4), framework
        assert page_losses[-1] == pytest.approx(expected[-1], rel=0.02), framework
        assert page_losses == pytest.approx(expected, rel=0.1), framework  # on the way, small differences grow and fade
    assert page_losses[-1] < 0.02 * page_losses[0]
    assert page.complaints == []


@needs_browser
def test_at_once_is_what_the_library_paints(opened, sl):
    page = opened(small=True)
    photograph, own = uint8("coffee", 96, 144), uint8("brick", 256, 256)
    give(page, "photograph-file", file("photograph.png", photograph), "painted-text")
    learned = sl.stylise(photograph / np.float32(255), "brushstrokes")
    assert np.abs(painted(page) - learned).mean() < 0.004
    give(page, "style-file", file("own.png", own), "painted-text")
    any_style = sl.stylise(photograph / np.float32(255), own / np.float32(255))
    assert np.abs(painted(page) - any_style).mean() < 0.02  # a style's numbers pass through float16
    assert np.abs(painted(page) - learned).mean() > 0.05
    page.locator("#own-remove").click()
    page.locator("#style-ceramic").fill("100")
    page.locator("#style-brushstrokes").fill("100")
    page.evaluate("document.getElementById('painted-text').textContent = ''")
    page.locator("#paint").click()
    mixed = sl.stylise(photograph / np.float32(255), ["brushstrokes", "ceramic"])
    wait(page, "painted-text", "^Painted in")
    page.wait_for_timeout(1500)  # a slider paints again
    assert np.abs(painted(page) - mixed).mean() < 0.004


@needs_browser
def test_a_large_image_is_painted_in_large_strokes_as_the_library_does(opened, sl):
    page = opened(small=True)
    page.locator("#once-size").select_option("768")
    photograph = uint8("coffee", 384, 768)
    give(page, "photograph-file", file("photograph.png", photograph), "painted-text")
    until(page, "document.getElementById('painted').width === 768")
    found, image = painted(page), photograph / np.float32(255)
    assert np.abs(found - sl.stylise(image, "brushstrokes")).mean() < 0.004
    assert np.abs(found - sl.stylise(image, "brushstrokes", strokes=768)).mean() > 0.05


@needs_browser
def test_all_that_a_visit_loads_is_small_and_from_here_and_a_second_visit_loads_no_network(opened, folder, address):
    page = opened()
    give(page, "style-file", file("own.png", uint8("brick", 64, 64)), "painted-text")
    page.locator("#steps").fill("1")
    page.locator("#run").click()
    wait(page, "step-text", "^Done after 1 ")
    root = address.removesuffix(try_it.PAGE)
    asked = {url for _, url in page.requests if not url.startswith(("blob:", "data:"))}
    assert all(url.startswith(root) for url in asked) and {method for method, _ in page.requests} == {"GET"}
    assert sum((folder / url.removeprefix(root).partition("?")[0]).stat().st_size for url in asked) < MOST
    assert page.context.cookies() == []
    page.requests.clear()
    page.goto(address)
    painted(page)
    page.locator("#run").click()
    wait(page, "step-text", "^Step")
    assert [url for _, url in page.requests if ".gz" in url] == [] and page.complaints == []


@needs_browser
def test_the_page_cannot_send_anything_to_another_address(opened, browser, address):
    hits = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        other = f"http://127.0.0.1:{server.server_address[1]}"
        send = f"""async () => {{
            await fetch('{other}/fetch', {{mode: 'no-cors'}}).catch(() => null);
            navigator.sendBeacon('{other}/beacon', 'x');
            await new Promise(done => Object.assign(new Image(), {{src: '{other}/image', onload: done, onerror: done}}));
        }}"""
        opened(small=True).evaluate(send)
        assert hits == []
        unguarded = browser.new_page()
        unguarded.goto(address.replace("index.html", "page.css"))  # a page of the same server, without the policy
        unguarded.evaluate(send)
        assert {"/fetch", "/image"} <= set(hits)
        unguarded.close()
        server.shutdown()


@needs_browser
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.png", b"these are notes", "cannot be read as an image"),
        ("empty.jpg", b"", "cannot be read as an image"),
        ("dot.png", file("dot.png", np.zeros((1, 1, 3), np.uint8))["buffer"], "smaller than 16 pixels"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>", "cannot be read"),
    ],
)
def test_a_file_that_is_no_image_gets_one_line_and_loses_nothing(name, content, words, opened):
    page = opened(small=True)
    before = canvas(page, "painted")
    page.locator("#photograph-file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
    assert name in wait(page, "trouble", words)
    assert np.array_equal(canvas(page, "painted"), before)
    give(page, "photograph-file", file("right.png", uint8("coffee", 64, 96)), "painted-text")
    assert page.locator("#trouble").text_content() == "" and canvas(page, "painted").shape == (64, 96, 3)


@needs_browser
def test_odd_images_are_painted_as_they_look(opened):
    page = opened(small=True)
    photograph = uint8("coffee", 50, 75)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    give(page, "photograph-file", file("turned.jpg", photograph, "JPEG", exif=exif, quality=95), "painted-text")
    assert canvas(page, "painted").shape == (75, 50, 3)
    see_through = np.dstack([photograph, np.zeros((50, 75), np.uint8)])
    give(page, "photograph-file", file("see-through.png", see_through), "painted-text")
    white = canvas(page, "painted")
    give(page, "photograph-file", file("white.png", np.full_like(photograph, 255)), "painted-text")
    assert np.allclose(white, canvas(page, "painted"), atol=1.5 / 255)
    grey = file("grey.png", photograph[..., 0])
    give(page, "photograph-file", grey, "painted-text")
    wide = file("wide.png", np.zeros((17, 4000, 3), np.uint8))
    give(page, "photograph-file", wide, "painted-text")
    page.locator("#steps").fill("2")
    page.locator("#run").click()
    wait(page, "step-text", "^Done after 2 ")
    assert page.locator("#trouble").text_content() == "" and page.complaints == []


@needs_browser
def test_what_is_moved_while_it_runs_acts_at_the_next_step(opened):
    page = opened()
    page.locator("#step-size").select_option("128")
    page.locator("#steps").fill("500")
    page.locator("#run").click()
    wait(page, "step-text", "^Step [5-9] ")
    parts = "JSON.parse(document.getElementById('curve').dataset.parts)"
    assert all(page.evaluate(parts)[part] > 0 for part in ("content", "style", "tv"))
    page.locator("#tv").fill("-1")
    page.get_by_label("none").check()
    for layer in ("conv3_1", "conv4_1", "conv5_1"):
        page.locator(f"#style-layers input[value={layer}]").uncheck()
    until(page, f"{parts}.content + {parts}.tv === 0 && {parts}.style > 0")
    style = page.evaluate(parts)["style"]
    page.locator("#beta").fill("10")
    until(page, f"{parts}.style > {2 * style}")
    page.locator("#gram-layer").select_option("conv1_1")
    until(page, "['gram', 'gram-style'].every(id => document.getElementById(id).width === 32)")
    page.locator("#run").click()
    wait(page, "step-text", "^Paused")
    with page.expect_download() as download:
        page.locator("#image-save").click()
    with Image.open(download.value.path()) as saved:
        assert saved.size == (128, 80) and page.complaints == []


@needs_browser
def test_shuffled_positions_change_the_maps_and_not_the_gram_matrix(opened):
    page = opened()
    page.locator("#shuffle").click()
    text = wait(page, "shuffle-text", "^conv2_1")
    maps, gram = (float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?(?= of|\.$)", text))
    assert maps > 0.3 and gram < 1e-20
    assert page.locator("#shuffled canvas").count() == 8


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (360, "dark")])
def test_the_page_is_accessible(width, scheme, opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe().axe_script
    page = opened(width=width, color_scheme=scheme)
    page.locator("#shuffle").click()
    wait(page, "shuffle-text", "^conv2_1")
    page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run({resultTypes: ['violations'], preload: false})).violations"
                          ".map(one => `${one.impact} ${one.id}: ${one.nodes[0].html}`)")  # fmt: skip
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@needs_browser
def test_the_keyboard_does_all(opened):
    page = opened()
    reached = []
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.value || document.activeElement.tagName")
        )
        if reached[-1] == "style-ceramic":
            page.keyboard.press("End")
            wait(page, "blend", r"ceramic\s*50 %")
        elif reached[-1] == "steps":
            page.keyboard.type("1", delay=10)
    parts = {
        "photograph-file",
        "camera",
        "coffee",
        "style-ceramic",
        "style-file",
        "paint",
        "run",
        "alpha",
        "conv4_2",
        "gram-layer",
        "shuffle",
    }
    assert parts <= set(reached)


@needs_browser
def test_the_camera_is_painted_until_it_is_stopped(opened):
    page = opened()
    page.locator("#camera").click()
    page.locator("#camera", has_text="Stop").wait_for()
    before = canvas(page, "painted")
    for _ in range(40):
        page.wait_for_timeout(250)
        if (after := canvas(page, "painted")).shape != before.shape or not np.array_equal(after, before):
            break
    assert max(after.shape) == 256
    page.locator("#camera").click()
    page.locator("#camera", has_text=re.compile("^Camera")).wait_for()
    assert page.evaluate("document.getElementById('video').srcObject.getTracks()[0].readyState") == "ended"


@needs_browser
def test_what_is_chosen_last_counts(opened, sl):
    page = opened()
    page.evaluate("""() => {
        document.getElementById('paint').click();
        document.getElementById('once-size').value = '256';
        document.getElementById('once-size').onchange();
    }""")
    until(page, "document.getElementById('painted').width === 256")
    large = file("large.png", uint8("coffee", 2000, 3000))
    page.locator("#photograph-file").set_input_files(large)
    page.locator("#photograph-file").set_input_files(file("small.png", uint8("coffee", 64, 96)))
    until(page, "document.getElementById('painted').width === 96")
    page.wait_for_timeout(1500)
    assert canvas(page, "painted").shape == (64, 96, 3)
    first, second = (uint8(name, 256, 256) for name in ("brick", "fluid"))
    give(page, "style-file", file("first.png", first), "painted-text")
    picture = page.locator("#style-own").locator("xpath=..").locator("img")
    before = picture.get_attribute("src")
    give(page, "style-file", file("second.png", second), "painted-text")
    assert picture.get_attribute("src") != before and picture.count() == 1
    page.locator("#style-brushstrokes").fill("100")  # which was not read while it was at 0
    mixed = sl.stylise(uint8("coffee", 64, 96) / np.float32(255), ["brushstrokes", second / np.float32(255)])
    page.wait_for_timeout(2000)
    assert np.abs(painted(page) - mixed).mean() < 0.03


@needs_browser
def test_a_run_that_was_paused_goes_on_as_if_it_had_not_been(opened):
    page = opened(small=True)
    losses = "JSON.parse(document.getElementById('curve').dataset.losses)"
    page.locator("#step-size").select_option("128")
    page.locator("#steps").fill("24")
    page.locator("#run").click()
    wait(page, "step-text", "^Done after 24 ")
    whole = page.evaluate(losses)
    at_step(page, "^Step 1?[5-9] ", "document.getElementById('again').click()", "document.getElementById('run').click()")
    wait(page, "step-text", "^Paused")
    page.locator("#run", has_text="Continue").click()
    wait(page, "step-text", "^Done after 24 ")
    assert page.evaluate(losses) == pytest.approx(whole, rel=1e-5)
    page.locator("#run", has_text="Continue").wait_for()
    assert page.locator("#steps").is_enabled()
    fewer = "const steps = document.getElementById('steps'); steps.value = '-5'; steps.dispatchEvent(new Event('change'))"
    at_step(page, "^Step 2[5-9] of 48", "document.getElementById('run').click()", fewer)
    wait(page, "step-text", "^Done after")
    assert page.locator("#steps").input_value() == "1" and page.complaints == []


@needs_browser
def test_buttons_that_are_pressed_twice_or_early_act_once(opened, folder):
    def slow(request, name: str) -> bool:
        time.sleep(1 if name == "six.onnx.gz" else 0)
        return False

    with serving(folder, slow) as address:
        page = opened(at=address, paints=False)
        page.locator("#step-size").select_option("128")
        page.locator("#image[width='128']").wait_for()
        page.locator("#steps").fill("6")
        page.locator("#run").click()  # while the networks are being loaded
        wait(page, "step-text", "^Done after 6 ")
        assert page.locator("#trouble").text_content() == ""
        twice = "[1, 2].forEach(() => document.getElementById('again').click())"
        at_step(page, "^Step [2-5] ", twice, twice)
        wait(page, "step-text", "^Done after 6 ")
        page.wait_for_timeout(2000)
        assert page.locator("#step-text").text_content() == "Done after 6 steps."
        assert page.locator("#run").text_content() == "Continue" and page.complaints == []


@needs_browser
def test_a_choice_made_at_the_first_moment_is_kept_though_the_page_is_loaded_twice(opened, folder):
    def slow(request, name: str) -> bool:
        time.sleep(1 if name in ("files.json", "threads.js") else 0)
        return False

    with serving(folder, slow) as address:
        page = opened(at=address, paints=False)
        page.locator("#once-size").select_option("256")
        page.locator("#step-size").select_option("128")
        painted(page)
        assert page.locator("#once-size").input_value() == "256" and canvas(page, "painted").shape[1] == 256
        assert canvas(page, "image").shape[1] == 128


@needs_browser
def test_the_gram_matrices_are_of_the_layer_that_is_chosen(opened):
    page = opened()
    page.locator("#begin").select_option("noise")
    assert canvas(page, "image").std() > 0.25  # it starts from noise, and shows that
    page.locator("#step-size").select_option("128")
    page.locator("#steps").fill("2")
    page.get_by_label("none").check()
    for layer in ("conv2_1", "conv3_1", "conv4_1", "conv5_1"):
        page.locator(f"#style-layers input[value={layer}]").uncheck()
    page.locator("#gram-layer").select_option("conv5_1")  # deeper than the loss looks
    page.locator("#run").click()
    wait(page, "step-text", "^Done after 2 ")
    sides = "['gram', 'gram-style'].map(id => document.getElementById(id).width)"
    widths = page.evaluate(sides)
    assert widths[0] == widths[1] > 96
    page.locator("#gram-layer").select_option("conv1_1")
    assert "not computed yet" in page.locator("#gram").get_attribute("aria-label")


@needs_browser
def test_the_camera_is_opened_once_and_its_last_picture_is_the_photograph(opened):
    page = opened()
    page.evaluate("""() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        self.streams = [];
        navigator.mediaDevices.getUserMedia = async (how) => (streams.push(await ask(how)), streams.at(-1));
        [1, 2].forEach(() => document.getElementById('camera').click());
    }""")
    until(page, "document.getElementById('painted').width === 256")
    page.locator("#style-brushstrokes").fill("0")
    wait(page, "trouble", "All styles are at 0")
    page.locator("#style-ceramic").fill("50")
    before = canvas(page, "painted")
    until(page, "document.getElementById('trouble').textContent === ''")
    page.wait_for_timeout(1500)
    assert not np.array_equal(before, canvas(page, "painted"))
    page.locator("#camera").click()
    page.locator("#image[height='144']").wait_for()  # 4:3, unlike the cat
    assert page.evaluate("streams.map(stream => stream.getTracks()[0].readyState)") == ["ended"]


@needs_browser
def test_a_file_that_comes_in_part_is_not_kept(opened, folder):
    broken = {"loss-conv5_1.onnx.gz"}

    def half(request, name: str) -> bool:
        return name in broken and send(request, (folder / try_it.FOLDER / name).read_bytes()[:3000])

    with serving(folder, half) as address:
        page = opened(at=address)
        page.locator("#steps").fill("1")
        page.locator("#run").click()
        assert "loss-conv5_1.onnx" in wait(page, "trouble", "could not be loaded")
        assert page.locator("#run").text_content() == "Continue" and page.locator("#loading").is_hidden()
        broken.clear()
        page.locator("#run").click()
        wait(page, "step-text", "^Done after 1 ")
        assert page.locator("#trouble").text_content() == ""
    page.locator("#style-file").set_input_files(file("own.png", uint8("brick", 64, 64)))  # the server has stopped
    wait(page, "trouble", "could not be loaded: check the connection")


@needs_browser
@pytest.mark.parametrize("missing", ["files.json", "descent.js", "ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "cat.jpg"])
def test_a_page_with_a_missing_file_says_so(missing, opened, folder):
    with serving(folder, lambda request, name: name == missing and send(request, status=404)) as address:
        page = opened(at=address, paints=False)
        text = wait(page, "trouble", "could not be loaded.*reload the page|cannot be read")
        assert missing == "descent.js" or missing in text
        page.locator("#loading").wait_for(state="hidden")


@needs_browser
def test_it_paints_whatever_the_server_and_the_browser_do(opened, folder):
    def odd(request, name: str) -> bool:
        path = folder / try_it.FOLDER / name
        if name == "index.html":  # as hosts do that like short addresses
            return send(request, status=308, Location="./")
        if name.endswith(".gz"):  # the browser unpacks it
            return send(request, path.read_bytes(), Content_Encoding="gzip")
        if name == "painter.js":  # Safari, with storage blocked
            old = b"""delete ReadableStream.prototype[Symbol.asyncIterator]; delete ReadableStream.prototype.values;
                Object.defineProperty(self, 'caches', {get() { throw new DOMException('denied', 'SecurityError'); }});"""
            return send(request, old + path.read_bytes(), Content_Type="text/javascript")
        return False

    with serving(folder, odd) as address:
        page = opened(at=address)
        page.goto(address)  # through the service worker
        painted(page)
        assert [line for line in page.complaints if "308" not in line] == []


@needs_browser
@pytest.mark.parametrize(("query", "script"), [
    ("", "Object.defineProperty(self, 'sessionStorage', {get() { throw new DOMException('denied', 'SecurityError'); }})"),
    ("?language=constructor", ""),
])  # fmt: skip
def test_blocked_storage_and_unknown_languages_are_no_obstacle(query, script, opened):
    page = opened(query, script=script, small=True)
    assert page.locator("h1").inner_text() == "Try it" and page.complaints == []


@needs_browser
def test_messages_are_seen_wherever_one_is_on_the_page_and_what_is_pressed_without_colours(opened):
    page = opened(small=True, width=360, forced_colors="active")
    page.locator("#shuffle").scroll_into_view_if_needed()
    page.locator("#step-style-file").set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"notes"})
    wait(page, "trouble", "cannot be read")
    place = page.locator("#trouble").bounding_box()
    assert 0 <= place["y"] < 844 - place["height"]
    outlines = page.evaluate("[...document.querySelectorAll('#styles button')].map(one => getComputedStyle(one).outlineStyle)")
    assert outlines == ["solid", *["none"] * 5]


@needs_browser
@pytest.mark.parametrize(
    ("query", "how", "machine"), [("", {"service_workers": "block"}, "one core"), ("?gpu=software", {}, "GPU")]
)
def test_it_paints_the_same_on_one_core_and_on_a_gpu(query, how, machine, opened):
    """A GPU in software takes a minute for a large photograph."""
    expected = painted(opened("?gpu=no", small=True))
    page = opened(query, small=True, **how)
    assert machine in page.locator("#machine").text_content()
    found = painted(page)
    assert found.shape == (32, 48, 3)
    assert np.abs(found - expected).max() < 0.05 and np.abs(found - expected).mean() < 2e-3


@needs_browser
def test_the_page_speaks_the_browsers_language_or_the_one_chosen(opened):
    page = opened(locale="zh-CN")
    assert page.locator("html").get_attribute("lang") == "zh" and page.locator("h1").inner_text() == "动手试试"
    page.locator("#steps").fill("1")
    page.locator("#run").click()
    wait(page, "step-text", "^完成")
    page.locator("#shuffle").click()
    wait(page, "shuffle-text", "格拉姆矩阵")
    page.locator("#photograph-file").set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"notes"})
    assert "notes.png" in wait(page, "trouble", "不能作为图像读取")
    names = r"stylelab|English|Chelsea|cookie|Gatys|Ecker|Bethge|conv|notes.png|onnxruntime-web|JPEG|PNG|WebP|MIT|GPU|px"
    spoken = page.evaluate("""() => [document.body.innerText, ...[...document.querySelectorAll('[aria-label], img[alt]')]
        .map(one => one.ariaLabel ?? one.alt)].join(' ').split(document.getElementById('credits').innerText).join('')""")
    assert re.findall(r"[A-Za-z]{3,}", re.sub(names, "", spoken)) == []
    page.locator("#language").select_option("English")
    page.locator("h1", has_text="Try it").wait_for()
    assert page.locator("html").get_attribute("lang") == "en"


@needs_browser
def test_a_further_language_is_a_file_and_may_be_read_from_right_to_left(folder, opened, address):
    other = folder / "other"
    shutil.copytree(folder / "small", other)
    manifest = json.loads((other / "files.json").read_text())
    manifest["languages"]["xx"] = {"name": "Xx", "direction": "rtl"}
    (other / "files.json").write_text(json.dumps(manifest))
    (other / "xx.json").write_text(json.dumps({"At once": "Ecno ta"}))
    page = opened("?language=xx", address.replace(try_it.FOLDER, "other"))
    assert page.locator("html").get_attribute("dir") == "rtl" and page.get_by_text("Ecno ta").count() == 1
    assert page.get_by_text("Step by step").count() == 1  # what has no translation stays English
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@needs_browser
def test_going_back_to_the_page_leaves_no_sliders_where_others_were(opened):
    page = opened(small=True)
    values = "['alpha', 'beta', 'tv', 'steps', 'begin'].map(id => document.getElementById(id).value)"
    before = page.evaluate(values)
    page.locator("#begin").select_option("noise")
    page.goto("about:blank")
    page.go_back()
    painted(page)
    assert page.evaluate(values) == before


@needs_browser
def test_a_slider_is_wide_enough_for_a_thumb(opened):
    page = opened(small=True, width=320)
    assert all(slider.bounding_box()["width"] > 200 for slider in page.locator(".slider input").all())


@needs_browser
def test_opened_as_a_file_the_page_says_what_to_do(folder, browser):
    page = browser.new_page()
    page.goto((folder / try_it.PAGE).as_uri())
    assert "from a web server" in wait(page, "trouble", r"\S")
    page.close()


def test_the_graph_has_the_librarys_loss_and_gradient(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    import stylelab.torch as sl

    filters = graphs.Filters()
    (tmp_path / graphs.FILTERS).write_bytes(filters.data)
    rng = np.random.default_rng(0)
    content, style, image = (rng.uniform(size=(1, 3, 32, 48)).astype(np.float32) for _ in range(3))
    encoder = sl.load_encoder("mini", {*graphs.CONTENT, *graphs.STYLE})

    def run(graph: bytes, **given) -> dict[str, np.ndarray]:
        (tmp_path / "graph.onnx").write_bytes(graph)
        session = onnxruntime.InferenceSession(str(tmp_path / "graph.onnx"))
        return dict(zip([output.name for output in session.get_outputs()], session.run(None, given), strict=True))

    of_content, of_style = run(graphs.features(filters), image=content), run(graphs.features(filters), image=style)
    for deepest, own in {"conv3_1": "conv2_2", "conv5_1": "conv4_2"}.items():
        leaf = sl.to_tensor(image[0].transpose(1, 2, 0)).requires_grad_(True)
        seen, seen_content, seen_style = (
            encoder(one) for one in (leaf, *(sl.to_tensor(one[0].transpose(1, 2, 0)) for one in (content, style)))
        )
        expected = {f"loss_content_{own}": sl.content_loss(seen[own], seen_content[own], "half_sum")}
        given = {"image": image}
        layers = encoders.trunk((deepest,))
        for layer in (layer for layer in graphs.CONTENT if layer in layers):  # what has no weight need not be given
            given[f"content_{layer}"] = of_content[layer] if layer == own else np.zeros((1, 1, 1, 1), np.float32)
            given[f"weight_content_{layer}"] = np.array(2.0 if layer == own else 0.0, np.float32)
        for layer in (layer for layer in graphs.STYLE if layer in layers):
            given[f"style_{layer}"], given[f"weight_style_{layer}"] = of_style[f"gram_{layer}"], np.array(1e6, np.float32)
            expected[f"loss_style_{layer}"] = sl.style_layer_loss(seen[layer], sl.gram_matrix(seen_style[layer], "raw"))
        total = sum(one * (2.0 if "content" in name else 1e6) for name, one in expected.items())
        total.backward()
        found = run(graphs.loss(filters, deepest), **given)
        for name, one in expected.items():
            assert found[name] == pytest.approx(float(one.detach()), rel=1e-4), name
        slope = leaf.grad.numpy()
        assert np.linalg.norm(found["gradient"] - slope) < 1e-3 * np.linalg.norm(slope)


def test_without_npm_the_page_is_left_out_with_one_line(monkeypatch, tmp_path):
    monkeypatch.setattr(try_it.shutil, "which", lambda name: None)
    assert try_it.fetch(tmp_path / "npm") == ({}, "npm is not installed")


def test_a_runtime_that_is_not_the_known_one_is_not_used(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\nfor last; do :; done\necho nonsense > "$last/onnxruntime-web-9.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setattr(try_it.shutil, "which", lambda name: str(npm))
    assert "checksum" in try_it.fetch(tmp_path / "kept").missing and not (tmp_path / "kept").exists()
    npm.write_text("#!/bin/sh\necho 'npm error code E404' >&2\nexit 1\n")
    assert try_it.fetch(tmp_path / "kept").missing == f"npm could not fetch {try_it.RUNTIME}: npm error code E404"
