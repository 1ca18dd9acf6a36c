"""The lesson in a real browser: JupyterLab on loopback, headless Chromium, a folder and a home of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from stylelab import lessons

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
LOADED = """() => {
    const images = [...document.querySelectorAll('.jp-OutputArea img')];
    return images.length >= 2 && images.every(image => image.complete && image.naturalWidth > 100 && image.alt);
}"""
PATIENCE = 60_000  # milliseconds for anything to appear, on a machine that is busy with other things

pytestmark = [pytest.mark.plain, pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a JupyterLab without a token, over a folder with one lesson; it ends with the tests."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "lessons"
    folder.mkdir()
    shutil.copy(lessons.notebook_path(lessons.sources(["04"])[0], "torch"), folder)
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(NO_NEWS))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(_command(port, folder), env=_environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        yield _wait_for(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _command(port: int, folder: Path) -> list[str]:
    options = [
        "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={folder}",
        "--IdentityProvider.token=", "--ServerApp.password=", "--LabApp.extension_manager=readonly",
    ]  # fmt: skip
    return [sys.executable, "-P", "-m", "jupyterlab", *options]


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    places = {"HOME": home, "JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home, "JUPYTER_RUNTIME_DIR": home / "runtime"}
    places |= {"JUPYTERLAB_SETTINGS_DIR": home / "settings", "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces"}
    return kept | {name: str(path) for name, path in places.items()} | {"STYLELAB_PRESET": "ci"}


def _wait_for(address: str, process: subprocess.Popen) -> str:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api", timeout=5):
                return address
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start: exit status {process.poll()}")


@pytest.fixture(scope="module")
def page(server, tmp_path_factory):
    """The lesson, open; `page.complaints` are the errors in the browser's console."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        browser = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=CHROMIUM, headless=True, args=FLAGS, viewport={"width": 1280, "height": 900}
        )
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.complaints = []
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{server}/lab/tree/04_style_transfer_torch.ipynb")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        yield page
        browser.close()


def test_stored_pictures_are_there_before_any_cell_is_run(page):
    page.wait_for_function(LOADED)  # fails after a while if they never come


def test_the_set_up_cell_runs_and_reports_the_device(page):
    cell = page.locator(".jp-Notebook .jp-CodeCell").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    report = cell.locator(".jp-OutputArea-output", has_text="preset 'ci'")
    report.wait_for()
    assert "torch" in report.inner_text() and "seed 0" in report.inner_text()


def test_the_quiz_answers_in_the_browser(page):
    page.evaluate("() => document.querySelector('.jp-WindowedPanel-outer')?.scrollTo(0, 1e6)")
    cell = page.locator(".jp-CodeCell", has_text="studio.quiz")
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    answer = cell.locator("label", has_text="It becomes diagonal.")
    answer.wait_for()
    answer.click()
    cell.locator("text=Filters that answered together still do").wait_for()


def test_the_console_has_no_error_of_ours(page):
    assert [line for line in page.complaints if "stylelab" in line or "04_style" in line or "TypeError" in line] == []
