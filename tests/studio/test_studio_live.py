"""The studio's Live tab without a browser: frames in and painted frames out, one at a time, in a process of its own."""

import io
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from stylelab import images
from stylelab.errors import InputError
from stylelab.tools.studio import live

SECONDS = 60
pytestmark = pytest.mark.plain

# answers each frame with itself: 'slow' takes a second, 'die' ends the process
ECHO = """
import os, sys, time
from stylelab.base import messages
answers = messages.claim_stdout()
while (request := messages.read(sys.stdin.buffer)) is not None:
    if request[1] == b"die": os._exit(1)
    if request[1] == b"slow": time.sleep(1)
    messages.write(answers, {"milliseconds": 1.0, "weights": request[0]["weights"], "process": os.getpid()}, request[1])
"""


def jpeg(width=64, height=48, kind="JPEG", colour=(30, 90, 160)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def echo(monkeypatch):
    """A `Live` whose process sends every frame back; `echo.answers` are what it was told, and `echo.ask` waits for one more."""
    monkeypatch.setattr(live, "module_command", lambda module: [sys.executable, "-c", ECHO])
    arrived, answers = threading.Condition(), []

    def answer(message, data):
        with arrived:
            answers.append((message, data))
            arrived.notify_all()

    def wait(count):
        with arrived:
            assert arrived.wait_for(lambda: len(answers) >= count, SECONDS), answers
        return answers[count - 1]

    def ask(data, **message):
        count = len(answers)
        painter.paint({"page": "one", "turn": 1, "weights": {"fluid": 1}, **message}, data)
        return wait(count + 1)

    painter = live.Live(answer)
    painter.answers, painter.ask, painter.wait = answers, ask, wait
    yield painter
    painter.close()


def test_a_frame_comes_back_with_its_page_and_turn(echo):
    message, data = echo.ask(b"frame", turn=7)
    assert data == b"frame" and message["page"] == "one" and message["turn"] == 7 and message["milliseconds"] == 1
    assert echo.ask(b"next", weights={"woodblock": 0.5})[0]["weights"] == {"woodblock": 0.5}


def test_a_frame_that_comes_while_another_is_painted_is_dropped(echo):
    echo.ask(b"first")
    echo.paint({"page": "one", "turn": 1, "weights": {}}, b"slow")
    message, data = echo.ask(b"too early")
    assert message["dropped"] and data == b""
    assert echo.wait(3)[1] == b"slow"
    assert echo.ask(b"in time")[1] == b"in time"


def test_a_process_that_dies_costs_one_line_and_is_started_again(echo):
    first = echo.ask(b"frame")[0]["process"]
    message, data = echo.ask(b"die")
    assert message["error"] == live.DIED and data == b""
    assert echo.ask(b"frame")[0]["process"] != first


def test_without_frames_the_process_is_ended(echo, monkeypatch):
    monkeypatch.setattr(live, "IDLE", 0.2)
    first = echo.ask(b"frame")[0]["process"]
    process, end = echo.process, time.monotonic() + SECONDS
    while echo.process is not None:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert process.wait(SECONDS) is not None
    assert echo.ask(b"frame")[0]["process"] != first


def test_closing_ends_the_process_even_while_it_paints(echo):
    echo.ask(b"frame")
    process = echo.process
    echo.paint({"page": "one", "turn": 1, "weights": {}}, b"slow")
    began = time.monotonic()
    echo.close()
    assert process.wait(SECONDS) != 0 and time.monotonic() - began < 5
    assert echo.ask(b"late")[0]["dropped"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"Dear diary", "did not arrive as a whole JPEG"),
        (jpeg()[:200], "did not arrive as a whole JPEG"),
        (jpeg(kind="PNG"), "did not arrive as a whole JPEG"),
        (b"", "did not arrive as a whole JPEG"),
        (jpeg(8, 48), "too small"),
        (jpeg(1600, 48), "1600 x 48 pixels, more than 1024"),
        (jpeg() + bytes(5 * 2**20), "has 5 MB, more than 4"),
    ],
)
def test_a_frame_that_cannot_be_used_gives_one_line(data, words):
    with pytest.raises(InputError, match=words) as raised:
        live.decode(data)
    assert "\n" not in str(raised.value)


def test_a_frame_is_decoded_as_it_is():
    np.testing.assert_allclose(live.decode(jpeg())[0, 0], np.array((30, 90, 160)) / 255, atol=0.02)


@pytest.mark.parametrize("weights", [None, {}, {"fluid": 0}, 3])
def test_sliders_at_zero_give_one_line(weights):
    with pytest.raises(InputError, match="every style is at 0"):
        live.Canvas().paint({"weights": weights}, jpeg())


def test_the_network_paints_frames_in_the_styles_asked_for():
    canvas = live.Canvas()
    frame = io.BytesIO()
    Image.fromarray((images.open_image("cat", 96) * 255).astype(np.uint8)).save(frame, "JPEG")

    def paint(**weights):
        said, painted = canvas.paint({"weights": weights}, frame.getvalue())
        assert said["milliseconds"] > 0
        return live.decode(painted)

    fluid, woodblock, both = paint(fluid=1), paint(woodblock=0.5), paint(fluid=1, woodblock=1)
    assert fluid.shape == (64, 96, 3)
    assert np.abs(fluid - woodblock).mean() > 0.05
    assert np.abs(both - fluid).mean() > 0.02 and np.abs(both - woodblock).mean() > 0.02
    np.testing.assert_array_equal(paint(fluid=1), fluid)


def test_a_style_image_that_comes_with_the_frame_is_painted_and_blended():
    canvas = live.Canvas()
    red, frame = jpeg(colour=(200, 20, 20)), jpeg(96, 64)

    def paint(image, **weights):
        return live.decode(canvas.paint({"weights": weights, "own": len(image)}, image + frame)[1])

    own = paint(red, own=1)
    assert own.shape == (64, 96, 3) and own[..., 0].mean() > 2 * own[..., 1:].mean()
    assert own[..., 0].mean() > paint(red, own=0.5, fluid=0.5)[..., 0].mean() + 0.05
    assert np.abs(paint(b"", fluid=1) - own).mean() > 0.1
    with pytest.raises(InputError, match="the style image did not arrive"):
        paint(b"Dear diary", own=1)
    np.testing.assert_array_equal(paint(red, own=1), own)


def test_the_tab_offers_the_styles_of_the_network():
    offered = live.choices()
    assert [style["name"] for style in offered["styles"]] == images.style_names() or len(offered["styles"]) == 6
    assert offered["sizes"][0] <= offered["size"] <= offered["sizes"][1]
