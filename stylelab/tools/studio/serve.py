"""The command `stylelab studio`: the studio as a page of its own, served on this machine only, by Voila.

Voila runs in this very process. Its kernels watch for its end, and runs for their kernel's: so nothing outlives it, even
if it is killed. Who can speak to a kernel can do what its owner can, so the address holds a secret: other users of the
machine, and other pages in the same browser, do not know it.
"""

import logging
import os
import secrets
import socket
import tempfile
import webbrowser
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from stylelab.base.processes import module_environment
from stylelab.errors import InputError, MachineError

HERE = Path(__file__).parent
NOTEBOOK = HERE / "page" / "studio.ipynb"
ADDRESS, PORT = "127.0.0.1", 8866
EXTENSIONS = ["anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]  # no others are needed
INTERRUPTED = 130


def serve(port: int = PORT, browser: bool = True) -> int:
    """Serve the page until Ctrl-C; returns the exit status.

    Raises:
        InputError: the port is none, or somebody uses it.
        MachineError: Voila is not installed.
    """
    _check_port(port)
    for package in ("voila", "anywidget"):
        if find_spec(package) is None:
            raise MachineError(f"the studio's page needs {package}: run `pip install {package}`")
    os.environ.update(_environment())
    with suppress(KeyboardInterrupt):  # Voila takes the first one itself, and ends its kernels
        _run(port, browser)
    return INTERRUPTED


def _check_port(port: int) -> None:
    if not 1 <= port <= 65535:
        raise InputError(f"port is {port}: give a number from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise InputError(f"port {port} cannot be used: {error.strerror.lower()}; choose another with --port") from None


def _environment() -> dict[str, str]:
    """For Voila and its kernels: our page's template is found, and the package, wherever the command is run."""
    path = os.pathsep.join(filter(None, (str(HERE / "share"), os.environ.get("JUPYTER_PATH"))))
    return {"JUPYTER_PATH": path, "PYTHONPATH": module_environment()["PYTHONPATH"]}


def _run(port: int, browser: bool) -> None:
    from tornado.ioloop import IOLoop
    from traitlets.config import Config
    from voila.app import Voila

    token = secrets.token_hex(16)
    where = f"http://{ADDRESS}:{port}/?token={token}"

    class Page(Voila):
        def listen(self) -> None:
            IOLoop.current().add_callback(lambda: print(f"the studio is at {where} (Ctrl-C ends it)", flush=True))
            super().listen()  # returns at the end of all

        def launch_browser(self) -> None:
            webbrowser.open(_way_in(where, folder).as_uri())

    logging.getLogger("tornado.general").setLevel(logging.ERROR)  # it warns of Jupyter's own settings
    with tempfile.TemporaryDirectory() as folder:
        page = Page(config=Config(_settings(port, browser, token)))
        page.initialize([str(NOTEBOOK)])
        page.start()


def _way_in(address: str, folder: str) -> Path:
    """A file that leads to the address. Everybody on the machine can read what a browser is started with; not this file."""
    path = Path(folder, "studio.html")
    path.write_text(f'<meta http-equiv="refresh" content="0; url={address}">', encoding="utf-8")
    return path


def _settings(port: int, browser: bool, token: str) -> dict:
    return {
        "Voila": {
            "ip": ADDRESS, "port": port, "port_retries": 0, "open_browser": browser, "log_level": logging.ERROR, "token": token,
            "tornado_settings": {"disable_check_xsrf": True},  # the page's last word, that its kernel may end, has no token
        },
        "VoilaConfiguration": {"template": "stylelab", "extension_allowlist": EXTENSIONS},
        "KernelManager": {"transport": "tcp" if os.name == "nt" else "ipc"},  # no port at which others could listen
    }  # fmt: skip
