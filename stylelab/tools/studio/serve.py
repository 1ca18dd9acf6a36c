"""The command `stylelab studio`: the studio as a web page, served by Voila to this machine only.

Voila runs in this process. Its kernels end when it does, and runs end with their kernel, so nothing is left even if it is
killed. Anyone who can send messages to a kernel can run any code as its owner. The address therefore contains a secret, which
other users of the machine and other pages in the same browser do not know.

The user's own Jupyter folders are left alone: they may be read-only or missing, and their settings and kernels are meant for
other work. What Jupyter writes goes into a private temporary folder, and the kernel is this Python (share/kernels).
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

from stylelab.base.files import temporary_folder
from stylelab.base.processes import module_environment
from stylelab.errors import INTERRUPTED, InputError, MachineError
from stylelab.languages import current_language, direction, say

HERE = Path(__file__).parent
NOTEBOOK = HERE / "page" / "studio.ipynb"
ADDRESS, PORT = "127.0.0.1", 8866
JUPYTER_FOLDERS = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
SOCKET = "voila_01234567/kernel-01234567-0123-0123-0123-0123456789ab-ipc-1"  # Jupyter's name for one, in the private folder
EXTENSIONS = ["anywidget", "@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]  # the ones it needs


def serve(port: int = PORT, browser: bool = True) -> int:
    """Serve the page until Ctrl-C; returns the exit status.

    Args:
        port: from 1 to 65535.
        browser: whether to open the page in the browser.

    Raises:
        InputError: not a port, or one that is in use.
        MachineError: Voila is not installed, or there is no folder for temporary files.
    """
    check_port(port)
    for package in ("voila", "anywidget"):
        if find_spec(package) is None:
            raise MachineError(f"the studio's page needs {package}: run `pip install {package}`")
    parent = socket_folder()
    # Voila must find the page's template and kernel, and its kernels the package, from any folder
    share = os.pathsep.join(filter(None, (str(HERE / "share"), os.environ.get("JUPYTER_PATH"))))
    os.environ.update(JUPYTER_PATH=share, PYTHONPATH=module_environment()["PYTHONPATH"])
    os.environ["STYLELAB_LANGUAGE"] = current_language()  # of the lessons in the working folder, or JupyterLab's
    # Voila handles the first Ctrl-C itself and ends its kernels
    with tempfile.TemporaryDirectory(dir=parent) as folder, suppress(KeyboardInterrupt):
        os.environ.update(dict.fromkeys(JUPYTER_FOLDERS, folder))
        if os.path.expanduser("~") == "~":  # a user whom the system does not know, as in some containers
            os.environ["HOME"] = folder
        os.chdir(HERE)  # the working folder may have been removed, or hold settings for another Voila
        _run(port, browser, folder, "ipc" if parent else "tcp")
    return INTERRUPTED


def check_port(port: int) -> None:
    """Raises an InputError if the studio cannot be served at this port."""
    if not 1 <= port <= 65535:
        raise InputError(f"port is {port}: give a number from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise InputError(
                f"port {port} cannot be used: {(error.strerror or str(error)).lower()}; choose another with --port"
            ) from None


def socket_folder() -> str | None:
    """A folder for temporary files in which a kernel's sockets can be made, if the machine has one.

    The path of a socket may have some 100 bytes, and on a Mac the usual folder for temporary files takes half of them.

    Raises:
        MachineError: there is no folder for temporary files.
    """
    for parent in (str(temporary_folder()), os.environ.get("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp"):
        with suppress(OSError, AttributeError), tempfile.TemporaryDirectory(dir=parent) as trial:  # Windows has no AF_UNIX
            with socket.socket(socket.AF_UNIX) as probe:
                probe.bind(os.path.join(trial, SOCKET.replace("/", "-")))
            return parent
    return None


def _run(port: int, browser: bool, folder: str, transport: str) -> None:
    from tornado.ioloop import IOLoop
    from traitlets.config import Config
    from voila.app import Voila

    token = secrets.token_hex(16)
    address = f"http://{ADDRESS}:{port}/?token={token}"
    settings = {
        "Voila": {
            "ip": ADDRESS, "port": port, "port_retries": 0, "open_browser": browser, "log_level": logging.ERROR, "token": token,
            "connection_dir_root": folder,
            "tornado_settings": {"disable_check_xsrf": True},  # a page that is closed asks to end its kernel, without a token
        },
        "VoilaConfiguration": {"template": "stylelab", "extension_allowlist": EXTENSIONS, "resources": {"stylelab": texts()}},
        "VoilaExporter": {"language_code": current_language()},
        "KernelManager": {"transport": transport},  # ipc opens no port that others could use
    }  # fmt: skip

    class Page(Voila):
        def listen(self) -> None:
            IOLoop.current().add_callback(lambda: print(say(f"the studio is at {address} (Ctrl-C ends it)"), flush=True))
            super().listen()  # returns when the server ends

        def launch_browser(self) -> None:
            webbrowser.open(redirect(address, folder).as_uri())

    logging.getLogger("tornado.general").setLevel(logging.ERROR)  # it warns of Jupyter's own settings
    page = Page(config=Config(settings))
    page.initialize([str(NOTEBOOK)])
    page.start()


def texts() -> dict[str, str]:
    """What the page's template says around the studio, in the user's language, and where its lines begin."""
    return {
        "direction": direction(current_language()),
        "title": say("stylelab studio"),
        "about": say("Paint one image in the style of another."),
        "starting": say("The studio is starting …"),
    }


def redirect(address: str, folder: str) -> Path:
    """A private file that leads to the address. Other users can see with which arguments a browser is started."""
    path = Path(folder, "studio.html")
    path.write_text(f'<meta http-equiv="refresh" content="0; url={address}">', encoding="utf-8")
    return path
