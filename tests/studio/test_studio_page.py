"""The studio without a browser: the form, messages to and from the page, uploads, downloads, pages that are closed."""

import io
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import fields
from pathlib import Path

import browsing
import numpy as np
import pillow_heif
import pytest
from PIL import Image

import stylelab
from stylelab import images
from stylelab.errors import InputError, MachineError
from stylelab.images.decode import ImageFile
from stylelab.recipes import RECIPES
from stylelab.run.settings import Settings
from stylelab.tools.studio import files, form, runs, serve, session

PAINTER = Path(__file__).with_name("pretended_painter.py")
SECONDS = 30

pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Small runs by the pretended painter, and an empty cache."""
    monkeypatch.setenv("STYLELAB_PRESET", "ci")
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PRETEND_SECONDS", "0.02")
    monkeypatch.setattr(runs, "module_command", lambda module: [sys.executable, "-P", str(PAINTER)])


@pytest.fixture
def page():
    """A studio, as its page sees it: `page.sent` are the messages that the page got, with their bytes under 'bytes'."""
    from stylelab.tools.studio.widget import Studio

    studio = Studio()
    studio.sent = []
    studio.send = lambda message, buffers=(): studio.sent.append({**message, "bytes": list(buffers)})
    yield studio
    studio.close()


def ask(page, kind: str, data: bytes | None = None, **message) -> list[dict]:
    """Send one message as the page does; the answers."""
    page.sent.clear()
    page.receive({"kind": kind, "page": "this one", **message}, [] if data is None else [data])
    return list(page.sent)


def wait_until(condition) -> None:
    """Wait until `condition()` is true."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "the condition was never met"
        time.sleep(0.01)


def image_file(size=(40, 30), **options) -> bytes:
    """The bytes of an image file; a PNG unless options say otherwise."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, **({"format": "PNG"} | options))
    return buffer.getvalue()


def heic_file() -> bytes:
    """The bytes of a HEIC file."""
    pillow_heif.from_pillow(Image.new("RGB", (40, 30), "teal")).save(buffer := io.BytesIO())
    return buffer.getvalue()


def form_of(name, **change):
    """The page's values for a recipe, as when it is chosen."""
    recipe = next(recipe for recipe in form.choices()["recipes"] if recipe["name"] == name)
    own = {key: recipe[key] for key in ("size", "steps", "content_layers", "style_layers")}
    return form.defaults() | own | {"recipe": name, "smoothness": form.USUAL if recipe["tv"] else 0} | change


def test_the_untouched_form_can_be_painted():
    settings, steps, _ = form.settings(form.defaults(), {})
    assert settings == Settings("china", "brushstrokes", size=96, steps=10)
    assert steps == 10


def test_the_values_of_the_form_are_settings_and_two_sliders():
    names = {setting.name for setting in fields(Settings)}
    assert form.defaults().keys() - names == {"balance", "smoothness"}


@pytest.mark.parametrize("name", RECIPES)
def test_the_values_of_a_recipe_on_the_page_change_nothing_about_it(name):
    settings, *_ = form.settings(form_of(name), {})
    assert settings.content_layers is settings.style_layers is settings.style_weight is settings.tv_weight is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 15}, "size must be a whole number from 16 to 4096; got 15"),
        ({"size": 4097}, "size must be a whole number from 16 to 4096"),
        ({"size": None}, "got nothing"),
        ({"size": "64"}, "got text"),
        ({"size": 64.5}, "got 64.5"),
        ({"steps": 0}, "steps must be a whole number from 1"),
        ({"steps": float("inf")}, "steps must be"),
        ({"steps": float("nan")}, "steps must be"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"recipe": "gaty"}, "did you mean 'gatys'"),
        ({"recipe": ["gatys"]}, "unknown recipe"),
        ({"content": "/etc/passwd"}, "content must be chosen from its list"),
        ({"style": ["x"]}, "style must be chosen from its list"),
        ({"encoder": "/etc/passwd"}, "encoder must be chosen from its list"),
        ({"encoder": "vgg19"}, "is not on this machine: run `stylelab encoders download vgg19` once"),
        ({"backend": "jax"}, "backend must be chosen from its list"),
        ({"content": "uploaded"}, "choose its file again"),
        ({"style_layers": []}, "no style layer is chosen"),
        ({"content_layers": ["conv9_9"]}, "unknown layer 'conv9_9'"),
        ({"content_layers": 5}, "content layers"),
        ({"balance": 4}, "balance must be a number from -3 to 3"),
        ({"smoothness": 99}, "smoothness must be"),
        ({"keep_colours": "chroma"}, "keep_colours must be chosen from its list"),
    ],
)
def test_bad_input_is_one_line(change, words):
    with pytest.raises(InputError, match=r"\A[^\n]*\Z") as caught:
        form.settings(form.defaults() | change, {})
    assert words in str(caught.value)


def test_the_style_slider_multiplies_the_recipes_own_weight():
    settings, *_ = form.settings(form_of("gatys", balance=1), {})
    assert (settings.content_weight, settings.style_weight) == (None, pytest.approx(1e9))


def test_the_smoothness_slider_multiplies_the_recipes_own_weight_or_the_usual_one():
    own = form.prepared(form.settings(form_of("gatys"), {})[0]).weights.tv
    assert form.settings(form_of("gatys", smoothness=0), {})[0].tv_weight == 0
    assert form.settings(form_of("gatys", smoothness=form.USUAL + 2), {})[0].tv_weight == pytest.approx(10 * own)
    assert form.settings(form_of("coursera", smoothness=form.USUAL), {})[0].tv_weight > 0


def test_what_distinguishes_a_run_from_its_recipe_is_said_in_few_words():
    assert form.settings(form.defaults(), {})[2]["changes"] == []
    change = {
        "balance": 0.25,
        "smoothness": 0,
        "content_layers": ["conv4_1"],
        "encoder": "random",
        "seed": 7,
        "recipe": "coursera",
    }
    told = form.settings(form.defaults() | change, {})[2]
    assert told["changes"][:2] == ["β/α × 1.78", "content conv4_1"] and told["changes"][-2:] == ["random", "seed 7"]
    assert told["layers"]["content"] == ["conv4_1"]
    for change in ({"balance": -1}, {"smoothness": 0}, {"smoothness": 5}, {"backend": "tensorflow"}, {"encoder": "random"}):
        assert form.settings(form_of("gatys", **change), {})[2]["changes"]


@pytest.mark.parametrize("way", ["luminance", "match"])
def test_the_page_offers_to_keep_the_photographs_colours(way):
    assert way in [colours["name"] for colours in form.choices()["colours"]]
    settings, _, told = form.settings(form.defaults() | {"keep_colours": way}, {})
    assert settings.keep_colours == way and told["changes"] == [f"colours kept ({way})"]


def test_a_page_from_before_colours_could_be_kept_paints_in_the_styles():
    older = {name: value for name, value in form.defaults().items() if name != "keep_colours"}
    assert form.settings(older, {})[0].keep_colours is None


@pytest.mark.parametrize("name", RECIPES)
def test_the_weight_that_the_page_computes_for_the_smoothness_slider_is_the_one_of_the_run(name):
    recipe = next(recipe for recipe in form.choices()["recipes"] if recipe["name"] == name)
    values = form.defaults() | {"recipe": name, "size": 64}  # china becomes 64 x 43
    for encoder, position in (("mini", form.USUAL), ("mini", form.USUAL + 1), ("random", form.USUAL)):
        shown = recipe["weights"][encoder]
        weight = form.SMOOTHNESS[position] * shown["usual"] / (64 * 43 if shown["per_pixel"] else 1)
        told = form.settings(values | {"encoder": encoder, "smoothness": position}, {})[2]
        assert told["weights"]["tv"] == pytest.approx(weight)


def test_pieces_of_a_file_are_put_together():
    uploads, data = files.Uploads(), image_file()
    assert uploads.add("content", "a.png", 0, 2, data[:50]) is None
    assert uploads.add("style", "b.png", 0, 1, data) == ImageFile("b.png", data)
    assert uploads.add("content", "a.png", 1, 2, data[50:]) == ImageFile("a.png", data)


def test_a_missing_piece_and_a_file_that_is_too_large_are_refused(monkeypatch):
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    monkeypatch.setattr("stylelab.images.decode.MOST_BYTES", 100)
    uploads = files.Uploads()
    with pytest.raises(InputError, match="did not arrive completely"):
        uploads.add("content", "a.png", 1, 2, b"x")
    uploads.add("content", "a.png", 0, 9, b"x" * 60)
    with pytest.raises(InputError, match="save it smaller"):
        uploads.add("content", "a.png", 1, 9, b"x" * 60)
    assert uploads._pieces == {}


def test_an_uploaded_image_is_shown_painted_and_embedded_in_the_settings(page):
    sent = ask(page, "upload", image_file(), role="content", name="tea <b>.png", index=0, count=1)
    assert [message["kind"] for message in sent] == ["thumbnail", "notice"] and sent[0]["size"] == [40, 30]
    assert (sent[0]["name"], sent[0]["label"]) == ("uploaded", "tea <b>.png")
    ask(page, "start", form=page.form | {"content": "uploaded", "size": 32, "steps": 3})
    assert page.runs.wait(SECONDS)
    _, _, data = files.download(page.runs.all[1], "settings")
    assert Settings.parse(data.decode()).content == ImageFile("tea <b>.png", image_file())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"Dear diary", "is not an image"),
        (image_file()[:60], "broken or truncated"),
        (image_file((8, 200)), "too small"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "odd.png"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_and_the_old_image_stays(page, data, words):
    sent = ask(page, "upload", data, role="style", name="odd.png", index=0, count=1)
    assert [message["kind"] for message in sent] == ["notice"] and sent[0]["alert"] and words in sent[0]["text"]
    assert sent[0]["role"] == "style"  # the page shows it below this image box
    assert "style" not in page.uploaded


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "BMP", "AVIF", "HEIC"])
def test_images_of_other_formats_are_accepted_and_shown_as_a_jpeg(page, kind):
    data = heic_file() if kind == "HEIC" else image_file(format=kind)
    sent = ask(page, "upload", data, role="style", name="odd", index=0, count=1)
    assert sent[0]["kind"] == "thumbnail" and sent[0]["bytes"][0].startswith(b"\xff\xd8")
    assert f".{kind.lower()}" in page.choices["endings"]  # the file chooser offers it


def test_what_an_image_file_lacks_is_said_on_the_page(page):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(buffer := io.BytesIO(), format="JPEG")
    sent = ask(page, "upload", buffer.getvalue()[:-40], role="content", name="cut.jpg", index=0, count=1)
    assert [message["kind"] for message in sent] == ["thumbnail", "notice"] and "is cut off" in sent[1]["text"]


def test_what_there_is_to_say_of_an_uploaded_file_is_said(page):
    sent = ask(page, "upload", image_file(format="JPEG")[:-2], role="style", name="cut.jpg", index=0, count=1)
    text = "the style image is now cut.jpg; 'cut.jpg' lacks its end marker, but no part of the image"
    assert sent[0]["kind"] == "thumbnail" and (sent[1]["text"], sent[1]["alert"]) == (text, False)


def test_a_run_is_reported_until_it_is_done_and_can_be_saved_and_removed(page):
    assert ask(page, "start", form=page.form | {"size": 32, "steps": 5})[-1]["text"] == "run 1 started"
    assert page.runs.wait(SECONDS)
    wait_until(lambda: any(message["kind"] == "run" and message["run"]["state"] == "done" for message in page.sent))
    last = [message for message in page.sent if message["kind"] == "run"][-1]
    assert last["run"]["step"] == last["run"]["steps"] == 5 and last["bytes"][0] == page.runs.all[1].image
    assert last["run"]["curves"]["total"] == [100, 50, 33.33, 25, 20] and "tv" not in last["run"]["curves"]
    json.dumps(last["run"], allow_nan=False)
    for what, start in {"image": b"\x89PNG", "settings": b"{", "filmstrip": b"\x89PNG", "film": b"GIF89a"}.items():
        file = ask(page, "save", run=1, what=what)[0]
        assert file["kind"] == "file" and file["page"] == "this one" and file["bytes"][0].startswith(start)
        assert file["name"].startswith("china-as-brushstrokes-stylelab-32px-5steps-1")
    assert ask(page, "remove", run=1)[0] == {"kind": "removed", "run": 1, "bytes": []}
    assert ask(page, "save", run=1, what="image")[0]["text"] == "this run has been removed"


def test_the_image_saved_during_a_run_is_the_image_so_far(page):
    ask(page, "start", form=page.form | {"size": 32, "steps": 5000})
    run = page.runs.all[1]
    wait_until(lambda: run.preview)
    name, kind, data = files.download(run, "image")
    assert name.endswith("-so-far.jpg") and kind == "image/jpeg" and data.startswith(b"\xff\xd8")
    ask(page, "command", run=1, command="stop")
    assert page.runs.wait(SECONDS)


def test_nothing_can_be_saved_before_the_first_step(page):
    run = runs.Run(Settings("china", "brushstrokes"), 5)
    run.id = 1
    for what in ("image", "filmstrip", "film", "nonsense"):
        with pytest.raises(InputError):
            files.download(run, what)


def test_a_senseless_message_gets_an_answer(page):
    for message in (
        {},
        {"kind": "nonsense"},
        {"kind": "command", "run": 7, "command": "stop"},
        {"kind": "upload"},
        {"kind": "start"},
    ):
        sent = ask(page, **({"kind": None} | message))
        assert sent[-1]["kind"] == "notice" and sent[-1]["alert"]


def test_a_reloaded_page_gets_everything_again(page):
    ask(page, "start", form=page.form | {"size": 32, "steps": 3})
    assert page.runs.wait(SECONDS)
    wait_until(lambda: any(message["kind"] == "run" and message["run"]["state"] == "done" for message in page.sent))
    sent = ask(page, "hello")
    assert [message["kind"] for message in sent] == ["thumbnail", "thumbnail", "runs", "run"]
    assert sent[-1]["images"] == ["after", "before"] and all(sent[-1]["bytes"])


def test_runs_pause_when_the_last_page_is_closed_and_resume_when_it_comes_back(page):
    ask(page, "hello")
    ask(page, "start", form=page.form | {"size": 32, "steps": 5000})
    ask(page, "start", form=page.form | {"size": 32, "steps": 5000})
    first, second = page.runs.all.values()
    wait_until(lambda: first.rows and second.rows)
    second.pause()
    ask(page, "goodbye")
    assert (first.state, second.state) == ("paused", "paused")
    page.receive({"kind": "hello", "page": "another"}, [])
    assert (first.state, second.state) == ("running", "paused")


def test_runs_stop_and_keep_their_images_when_no_page_comes_back(page):
    page.session.grace = 0.1
    ask(page, "hello")
    ask(page, "start", form=page.form | {"size": 32, "steps": 5000})
    run = page.runs.all[1]
    wait_until(lambda: run.rows)
    ask(page, "goodbye")
    wait_until(lambda: run.ended)
    assert run.state == "stopped" and run.image


def test_a_silent_page_counts_as_closed_and_later_if_it_is_hidden():
    seen = []
    watch = session.Session(lambda: seen.append("left"), lambda: seen.append("back"), lambda: seen.append("ended"), grace=60)
    watch.heard("one")
    watch.heard("two", hidden=True)
    watch.tick(session.VISIBLE_TIMEOUT - 1)
    assert list(watch.silence) == ["one", "two"]
    watch.tick(2)
    assert seen == [] and list(watch.silence) == ["two"]
    watch.tick(session.HIDDEN_TIMEOUT)
    assert seen == ["left"]
    watch.gone("two")
    watch.gone("nobody")
    assert seen == ["left"]
    watch.heard("two")
    watch.close()
    assert seen == ["left", "back"]


def test_long_curves_are_thinned_out_and_keep_their_ends():
    from stylelab.tools.studio.widget import CURVE_POINTS, curves

    rows = [(step, 0.1 * step, 1000.0 / step, 0.0, 1000.0 / step, 0.0) for step in range(1, 5001)]
    thin = curves(rows)
    assert (
        len(thin["step"]) <= CURVE_POINTS
        and (thin["step"][0], thin["step"][-1]) == (1, 5000)
        and set(thin) == {"step", "total", "style"}
    )
    assert curves([]) == {}


def test_a_notebook_shows_a_screenshot_and_the_studio(page, monkeypatch):
    shown = []
    monkeypatch.setattr("stylelab.page.display", lambda data, raw: shown.append(data))
    page._ipython_display_()
    static, live = shown
    assert "stylelab studio" in static["text/html"] and static["text/plain"] == "The studio: run this cell to see it."
    assert set(live) == {"application/vnd.jupyter.widget-view+json", "text/plain"} and live["text/plain"] == ""


def test_importing_stylelab_does_not_import_the_studio():
    code = "import sys, stylelab; print([name for name in ('ipywidgets', 'anywidget', 'torch') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, env=_environment())
    assert done.stdout.strip() == "[]"
    assert callable(stylelab.studio)


def _environment() -> dict[str, str]:
    from stylelab.base.processes import module_environment

    return module_environment()


def test_a_port_in_use_and_an_impossible_port_are_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match=r"port \d+ cannot be used: .*; choose another with --port"):
            serve.serve(taken.getsockname()[1])
    with pytest.raises(InputError, match="from 1 to 65535"):
        serve.serve(70000)


def test_without_voila_the_command_says_what_to_install(monkeypatch):
    monkeypatch.setattr(serve, "check_port", lambda port: None)
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "voila" else "there")
    with pytest.raises(MachineError, match="pip install voila"):
        serve.serve()


def test_sockets_are_made_in_a_folder_whose_path_is_short_enough(monkeypatch, tmp_path):
    monkeypatch.setattr(serve.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    for letters in (200, 108, 48):
        long = tmp_path / ("v" * letters)
        long.mkdir()
        monkeypatch.setattr(serve.tempfile, "tempdir", str(long))
        assert serve.socket_folder() in ("/tmp", "/var/tmp") and not list(long.iterdir())


def test_without_a_folder_for_temporary_files_the_command_says_what_to_set(monkeypatch):
    def refuse():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(serve.tempfile, "gettempdir", refuse)
    with pytest.raises(MachineError, match="no folder for temporary files can be written: set TMPDIR"):
        serve.serve(browsing.free_port())


def _odd_places(folder: Path) -> dict[str, str]:
    """A folder for temporary files with a long and odd name, and a home that is a file."""
    (folder / "home").touch()
    temporary = folder / f"a 'b\" é 漢字 {'v' * 100}"
    temporary.mkdir()
    return {"TMPDIR": str(temporary), "HOME": str(folder / "home")}


def _odd_settings(folder: Path) -> dict[str, str]:
    """A home whose Jupyter has another Python, a start-up file and settings, each of which would stop the studio."""
    for path, text in {
        ".local/share/jupyter/kernels/python3/kernel.json": '{"argv": ["/no/such/python"], "display_name": "x", "language": "python"}',
        ".jupyter/jupyter_config.json": '{"Voila": {"strip_sources": "no truth value"}}',
        ".ipython/profile_default/startup/mine.py": "raise SystemExit('my start-up file')",
    }.items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(text)
    return {"HOME": str(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("surroundings", [_odd_places, _odd_settings])
def test_the_page_appears_in_odd_surroundings(surroundings, tmp_path):
    folders = surroundings(tmp_path)
    port, gone = browsing.free_port(), tmp_path / "gone"
    gone.mkdir()
    kept = {name: value for name, value in _environment().items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    command = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", sys.executable, "-P", "-m", "stylelab", "studio"]
    command += ["--port", str(port), "--no-browser"]
    options = {"env": kept | folders, "cwd": gone, "stdout": subprocess.PIPE}
    with browsing.serving(command, f"http://127.0.0.1:{port}", Path(), "/voila/static/voila.js", **options) as process:
        address = process.stdout.readline().split()[4]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(address, timeout=120) as answer:
            assert "application/vnd.jupyter.widget-view+json" in answer.read().decode()


def test_the_secret_is_not_among_the_arguments_of_the_browser(tmp_path):
    path = serve.redirect("http://127.0.0.1:1/?token=abc", str(tmp_path))
    assert "abc" not in path.as_uri() and 'content="0; url=http://127.0.0.1:1/?token=abc"' in path.read_text()


def test_the_page_names_no_other_host():
    texts = [path.read_text() for path in serve.HERE.rglob("*") if path.suffix in (".js", ".css", ".j2", ".ipynb")]
    assert len(texts) >= 4
    assert [word for text in texts for word in text.split() if "://" in word and "www.w3.org/2000/svg" not in word] == []


@pytest.mark.slow
def test_the_settings_of_a_real_run_reproduce_its_image(sl, framework, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
    all_runs = runs.Runs()
    settings = Settings("china", "brushstrokes", backend=framework, encoder="mini", size=48, steps=3, style_weight=1e9)
    try:
        run = all_runs.add(settings, 3)
        assert all_runs.wait(120) and (run.state, run.error) == ("done", "")
    finally:
        all_runs.close()
    again = run.final_settings
    result = sl.transfer(*again.images(), **{name: value for name, value in again.options().items() if name != "backend"})
    result.save(tmp_path / "again.png")
    np.testing.assert_array_equal(images.open_image(Image.open(io.BytesIO(run.image))), images.open_image(tmp_path / "again.png"))


@pytest.fixture
def kernel():
    """A client of a new kernel, which shows a studio. `client.comm_id` is the id of the studio's comm."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(env=_environment())
    client.comm_id = _printed(client, "import stylelab; studio = stylelab.studio(); print(studio.comm.comm_id)")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def _printed(client, code: str) -> str:
    """What code prints in the kernel."""
    lines = []
    client.execute_interactive(
        code, timeout=SECONDS, output_hook=lambda message: lines.append(message["content"].get("text", ""))
    )
    return "".join(lines).strip()


def _control(client, kind: str, **content) -> dict:
    """The answer to a message on the control channel."""
    client.control_channel.send(client.session.msg(kind, content))
    return client.get_control_msg(timeout=SECONDS)["content"]


def _answers_hello(client, subshell: str | None) -> bool:
    """Whether the studio answers a hello in this subshell."""
    data = {"method": "custom", "content": {"kind": "hello", "page": "a"}}
    message = client.session.msg("comm_msg", {"comm_id": client.comm_id, "data": data})
    message["header"]["subshell_id"] = subshell
    client.shell_channel.send(message)
    kinds = []
    while True:
        answer = client.get_iopub_msg(timeout=SECONDS)
        if answer["parent_header"].get("msg_id") != message["header"]["msg_id"]:
            continue
        if answer["msg_type"] == "comm_msg":
            kinds.append(answer["content"]["data"]["content"]["kind"])
        if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
            return "runs" in kinds


def test_the_studio_answers_after_the_subshell_that_it_last_used_has_ended(kernel):
    subshell = _control(kernel, "create_subshell_request")["subshell_id"]
    assert _answers_hello(kernel, subshell)
    assert _control(kernel, "delete_subshell_request", subshell_id=subshell)["status"] == "ok"
    assert _answers_hello(kernel, None)


@pytest.mark.parametrize(("given", "change"), [({"strength": 0.5}, "strength 0.5"), ({"style_scale": 2}, "style image × 2")])
def test_a_form_has_strength_and_the_size_of_the_style_image(given, change):
    settings, _, told = form.settings(form.defaults() | given, {})
    assert {name: getattr(settings, name) for name in given} == given and told["changes"] == [change]
    older = {name: value for name, value in form.defaults().items() if name not in ("strength", "style_scale")}
    assert form.settings(older, {})[0] == form.settings(form.defaults(), {})[0]


def test_a_strength_that_no_slider_gives_costs_one_line():
    with pytest.raises(InputError, match="strength must be a number from 0 to 1"):
        form.settings(form.defaults() | {"strength": 1.5}, {})


def test_several_styles_have_weights_that_add_up_to_1():
    given = {"style_2": "fluid", "style_3": "ceramic", "blend": 0.5, "blend_2": 0.25}
    settings, _, told = form.settings(form.defaults() | given, {})
    assert settings.style == ("brushstrokes", "fluid", "ceramic") and sum(settings.blend) == pytest.approx(1, abs=0.005)
    assert settings.blend == pytest.approx((0.5 / 1.75, 0.25 / 1.75, 1 / 1.75), abs=1e-3)  # a weight that is not given is 1
    assert told["changes"] == ["blend 29 : 14 : 57"]
    with pytest.raises(InputError, match="blend_2 must be a number from 0 to 1"):
        form.settings(form.defaults() | given | {"blend_2": 2}, {})
    with pytest.raises(InputError, match="the weights of blend add up to 0"):
        form.settings(form.defaults() | {"style_2": "fluid", "blend": 0, "blend_2": 0}, {})


def test_a_style_that_is_removed_takes_its_mask_and_weight_along_and_the_next_moves_up():
    given = {
        "style": "a",
        "style_2": "b",
        "style_3": "c",
        "style_mask_2": "m2",
        "style_mask_3": "m3",
        "blend_2": 0.2,
        "blend_3": 0.3,
    }
    assert form.without_style(given, "style_2") == {
        "style": "a", "style_2": "c", "style_mask_2": "m3", "blend_2": 0.3
    }  # fmt: skip
    assert form.without_style(given, "style_3") == {
        "style": "a", "style_2": "b", "style_mask_2": "m2", "blend_2": 0.2
    }  # fmt: skip


def mask(left=255, right=0, size=(40, 30)) -> ImageFile:
    """The left half of one grey, the right half of another."""
    image = Image.new("L", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    image.save(buffer := io.BytesIO(), "PNG")
    return ImageFile("mask.png", buffer.getvalue())


def test_masks_are_files_and_their_faults_are_told_in_the_librarys_words():
    photograph = ImageFile("me.png", image_file())
    given = form.defaults() | {"content": "uploaded", "content_mask": "uploaded", "size": 40}
    settings, _, told = form.settings(given, {"content": photograph, "content_mask": mask()})
    assert settings.content_mask.name == "mask.png" and settings.style_mask is None and told["changes"][-1] == "content mask"
    with pytest.raises(InputError, match="the content mask was lost: choose its file again"):
        form.settings(given, {"content": photograph})
    with pytest.raises(InputError, match="has 40 x 60 pixels"):
        form.settings(given, {"content": photograph, "content_mask": mask(size=(40, 60))})
    both = given | {"style": "uploaded", "style_mask": "uploaded"}
    files = {"content": photograph, "style": photograph, "content_mask": mask()}
    settings, _, told = form.settings(both, files | {"style_mask": mask()})
    assert [file.name for file in settings.style_mask] == ["mask.png"] and told["changes"][-1] == "content and style masks"
    with pytest.raises(InputError, match="region"):
        form.settings(both, files | {"style_mask": mask(left=255, right=255)})
    with pytest.raises(InputError, match="content_mask must be chosen from its list"):
        form.settings(form.defaults() | {"content_mask": "/etc/passwd"}, {})


def test_a_style_is_removed_on_the_page_with_its_file(page):
    data = image_file()
    given = page.form | {"style_2": "uploaded", "style_3": "ceramic"}
    page.form = given
    ask(page, "upload", data, role="style_2", name="mine.png", index=0, count=1)
    assert "style_2" in page.uploaded
    sent = ask(page, "remove style", role="style_2", form=given)
    assert page.form["style_2"] == "ceramic" and "style_3" not in page.form and page.uploaded == {}
    assert {message["role"] for message in sent if message["kind"] == "thumbnail"} >= {"style", "style_2"}
    assert sent[-1]["text"] == "style image 2 removed"
