"""What the tests in a browser share: Chromium, servers on loopback with a home folder of their own, scripts for JupyterLab."""

import functools
import http.server
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import stylelab
from stylelab.base.processes import module_environment

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
SETTINGS = Path(stylelab.__file__).parent / "cli" / "jupyterlab" / "stylelab.json"  # installed with the package
CLOSE = """async () => {
    await window.jupyterapp.restored;
    await window.panel?.context.save();  // otherwise a dialog asks whether to, and blocks the page
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
SHOW = """async index => {
    lesson.activeCellIndex = index;
    await lesson.scrollToItem(index, 'smart').catch(() => null);
}"""
RUN_ABOVE = """async index => {
    lesson.activeCellIndex = index;
    await window.jupyterapp.commands.execute('notebook:run-all-above');
    return lesson.widgets.slice(0, index).flatMap(cell =>
        (cell.model.toJSON().outputs ?? []).filter(output => output.output_type === 'error').map(output => output.evalue));
}"""
PATIENCE = 300_000  # milliseconds that anything may take on a busy machine


def free_port() -> int:
    """A port on loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(home: Path) -> dict[str, str]:
    """This process's environment, with all folders of Jupyter and stylelab moved to `home`."""
    kept = {name: value for name, value in module_environment().items() if not name.startswith("JUPYTER")}
    folders = {"HOME": home, "JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home, "JUPYTER_RUNTIME_DIR": home / "runtime"}
    folders |= {"JUPYTERLAB_SETTINGS_DIR": home / "settings", "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces"}
    more = {"STYLELAB_PRESET": "ci", "STYLELAB_CACHE": str(home / "cache")}
    return kept | {name: str(path) for name, path in folders.items()} | more


@contextmanager
def files(folder: Path, answer=lambda request, name: False) -> Iterator[str]:
    """The address of a server on loopback for the files of a folder, which neither compresses nor sends headers of its own.

    `answer` may send another answer to a request for a file of that name, and then returns true.
    """

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if not answer(self, self.path.partition("?")[0].rpartition("/")[2]):
                super().do_GET()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def serving(
    command: list[str], address: str, home: Path, ready: str = "", stdout: int = subprocess.DEVNULL, **options
) -> Iterator[subprocess.Popen]:
    """The process of a server, once it answers at `address + ready`. It ends with the block.

    Args:
        home: for `environment`, unless `options` has an env.
        options: for Popen.
    """
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
    """The address and process of a JupyterLab that shows a folder, without a token. `options` are for Popen."""
    overrides = home / "application" / "overrides.d"
    overrides.mkdir(parents=True)
    shutil.copy(SETTINGS, overrides)
    port = free_port()
    command = [
        sys.executable, "-P", "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--ServerApp.root_dir={folder}", "--IdentityProvider.token=", "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True", "--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True",
        f"--LabApp.app_settings_dir={overrides.parent}",
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
    """Chromium with a profile of its own. `more` are additional flags."""
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
    """The page, with lists of its console's errors (`complaints`) and its requests to other machines (`elsewhere`)."""
    page.complaints, page.elsewhere = [], []
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:", "chrome")
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith(local) or page.elsewhere.append(request.url))
    return page
