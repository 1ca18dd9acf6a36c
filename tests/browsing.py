"""What the tests in a browser share: where Chromium is, how it is started, servers on loopback with a home of their own."""

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stylelab.processes import module_environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 120_000  # milliseconds for anything to appear, on a machine that is busy with other things


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(home: Path) -> dict[str, str]:
    """This process's, with all that Jupyter and stylelab keep in a folder of its own."""
    kept = {name: value for name, value in module_environment().items() if not name.startswith("JUPYTER")}
    places = {"HOME": home, "JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home, "JUPYTER_RUNTIME_DIR": home / "runtime"}
    places |= {"JUPYTERLAB_SETTINGS_DIR": home / "settings", "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces"}
    more = {"STYLELAB_PRESET": "ci", "STYLELAB_CACHE": str(home / "cache")}
    return kept | {name: str(path) for name, path in places.items()} | more


@contextmanager
def serving(
    command: list[str], address: str, home: Path, ready: str = "", stdout: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen]:
    """A server that answers at `address + ready`; it ends with the block."""
    process = subprocess.Popen(command, env=environment(home), stdout=stdout, stderr=subprocess.DEVNULL, text=True)
    try:
        _wait_for(address + ready, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _wait_for(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=60):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no server at {address}: exit status {process.poll()}")


@contextmanager
def browsing(profile: Path, width: int = 1280, height: int = 900):
    """Chromium; `page.complaints` are the errors in its console, `page.elsewhere` the requests beyond this machine."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=CHROMIUM, headless=True, args=FLAGS, viewport={"width": width, "height": height}
        )
        browser.set_default_timeout(PATIENCE)
        try:
            yield browser
        finally:
            browser.close()


def listen(page):
    """A page that keeps what it complains of and what it asks for elsewhere."""
    page.complaints, page.elsewhere = [], []
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: _outside(request.url) and page.elsewhere.append(request.url))
    return page


def _outside(address: str) -> bool:
    return not address.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:", "chrome"))
