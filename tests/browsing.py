"""What the tests in a browser share: where Chromium is, how it is started, servers on loopback with a home of their own."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stylelab.base.processes import module_environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
CLOSE = """async () => {
    await window.jupyterapp.restored;
    await window.panel?.context.save();  // or a dialog asks whether to, and nothing else can be clicked
    await window.jupyterapp.commands.execute('application:close-all');
}"""
OPEN = """async path => {
    await window.jupyterapp.restored;
    const panel = await window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    window.panel = panel;
    window.lesson = panel.content;
}"""
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
    command: list[str], address: str, home: Path, ready: str = "", stdout: int = subprocess.DEVNULL, **options
) -> Iterator[subprocess.Popen]:
    """A server that answers at `address + ready`; it ends with the block. `options` are Popen's."""
    options = {"env": environment(home), "stdout": stdout, "stderr": subprocess.DEVNULL, "text": True} | options
    process = subprocess.Popen(command, **options)
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


@contextmanager
def jupyterlab(folder: Path, home: Path, **options) -> Iterator[tuple[str, subprocess.Popen]]:
    """(address, process) of a JupyterLab over a folder, without a token and without news; `options` are Popen's."""
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(NO_NEWS))
    port = free_port()
    command = [
        sys.executable, "-P", "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=", "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True", "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    with serving(command, f"http://127.0.0.1:{port}", home, "/api", **options) as process:
        yield f"http://127.0.0.1:{port}", process


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
def browsing(profile: Path, width: int = 1280, height: int = 900, more: tuple[str, ...] = ()):
    """Chromium, in a profile of its own; `more` are flags of its."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=CHROMIUM, headless=True, args=[*FLAGS, *more],
            viewport={"width": width, "height": height},
        )  # fmt: skip
        browser.set_default_timeout(PATIENCE)
        try:
            yield browser
        finally:
            browser.close()


def listen(page):
    """A page that keeps what it complains of in its console, and what it asks for beyond this machine."""
    page.complaints, page.elsewhere = [], []
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: _outside(request.url) and page.elsewhere.append(request.url))
    return page


def _outside(address: str) -> bool:
    return not address.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:", "chrome"))
