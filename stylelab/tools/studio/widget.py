"""The studio as a Jupyter widget: messages from the page become runs, and what happens to them is sent to the page.

The page is studio.js, live.js and language.js with studio.css. A message is a dict with a 'kind'; images travel with it as bytes.
"""

import asyncio
import base64
import threading
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from stylelab.base.files import error_text
from stylelab.base.html import with_code
from stylelab.errors import InputError, StylelabError
from stylelab.images import check_size, open_with_notes, resize
from stylelab.languages import say
from stylelab.page import display_widget
from stylelab.result import COLUMNS
from stylelab.tools import encode
from stylelab.tools.studio import files, form
from stylelab.tools.studio.live import Live
from stylelab.tools.studio.runs import PARALLEL, PAUSED, Run, Runs
from stylelab.tools.studio.session import Session

HERE = Path(__file__).parent
THUMBNAIL, BEFORE = 320, 768  # long side in pixels
CURVE_POINTS = 160  # of a loss curve; more could not be seen
TICK = 3.0  # seconds between two checks for pages that have gone silent
NO_KERNEL = "choose two images, move the sliders, and watch the image being painted. Without a notebook, run `stylelab studio` in a terminal."
ALT = "The studio: on the left the content and style image, the recipe and sliders; on the right two runs with their losses"


class Studio(anywidget.AnyWidget):
    """Choose two images and a recipe, paint, pause, compare, save. Every run is a process of its own.

    Attributes:
        runs: the runs on the page, a `stylelab.tools.studio.runs.Runs`.
    """

    _esm = "\n".join(
        (HERE / name).read_text(encoding="utf-8") for name in ("studio.js", "live.js", "language.js")
    )  # a widget is one module
    _css = HERE / "studio.css"
    choices = traitlets.Dict().tag(sync=True)
    form = traitlets.Dict().tag(sync=True)

    def __init__(self, parallel: int = PARALLEL):
        super().__init__(choices=form.choices(), form=form.defaults())
        self.runs = Runs(self._send_run, parallel)
        self.live = Live(self._send_frame)
        self.uploads = files.Uploads()
        self.uploaded: dict[str, Any] = {}
        self.session = Session(self._pause_runs, self._resume_runs, self.runs.stop)
        self.paused_runs: list[Run] = []  # because no page was open
        self._originals: dict[int, bytes] = {}
        self._lock = threading.RLock()
        self.on_msg(lambda _, message, buffers: self.receive(message, buffers))
        self._count_silence()

    @traitlets.observe("comm")
    def _use_named_subshell(self, change: dict) -> None:
        """Handle each message in the subshell that the page names.

        ipykernel 7.4 uses the subshell for which the widget sent its latest message. Runs send messages at any time, so that
        may be one that JupyterLab is about to end; messages to a subshell that has ended are lost, as happened after reloads.
        """
        if change["new"] is not None:
            change["new"]._reply_subshell_for = lambda data, named: named

    def _ipython_display_(self, **options) -> None:
        """Display the studio, and a screenshot for the time when its kernel has ended."""
        display_widget(self, static_page(), say("The studio: run this cell to see it."))

    def close(self) -> None:
        """End every run, and the widget."""
        if "runs" in self.__dict__:
            self.session.close()
            self.runs.close()
            self.live.close()
        super().close()

    def receive(self, message: dict, buffers: list) -> None:
        """Do what the page asks for. An error is shown on the page as one line."""
        try:
            with self._lock:  # a kernel with subshells may deliver two messages at a time
                self._answer(message, buffers)
        except Exception as error:  # noqa: BLE001  a page should always get an answer
            known = isinstance(error, StylelabError)
            text = str(error) if known else f"that did not work: {type(error).__name__}: {error_text(error)}"
            self._notify(text, alert=True, role=message.get("role"))

    def _answer(self, message: dict, buffers: list) -> None:
        match message.get("kind"):
            case "hello":
                self.session.heard(message["page"])
                self._thumbnails()
                self.send({"kind": "runs", "numbers": list(self.runs.all)})
                for run in list(self.runs.all.values()):
                    self._send_run(run, "all")
            case "alive":
                self.session.heard(message["page"], bool(message.get("hidden")))
                self.send({"kind": "alive"})
            case "goodbye":
                self.session.gone(message["page"])
            case "thumbnail":
                self._thumbnail(message["role"], message["name"])
            case "remove style":
                self.uploaded = form.without_style(self.uploaded, message["role"])
                self.form = form.without_style(message["form"], message["role"])
                self._thumbnails()
                self._notify(f"{form.IMAGES[message['role']].lower()} removed")
            case "upload":
                self._upload(message, buffers)
            case "start":
                run = self.runs.add(*form.settings(message["form"], self.uploaded))
                self._notify(f"run {run.id} started")
            case "command":
                run = self._find_run(message)
                {"pause": run.pause, "resume": run.resume, "stop": run.stop, "continue": run.go_on}[message["command"]]()
                self._send_run(run, "command")  # even if it came too late to change anything
            case "remove":
                run = self._find_run(message)
                self.send({"kind": "removed", "run": run.id})
                self._originals.pop(run.id, None)
                self.runs.remove(run.id)
            case "save":
                name, media_type, data = files.download(self._find_run(message), message["what"])
                self.send({"kind": "file", "name": name, "type": media_type, "page": message.get("page")}, buffers=[data])
                self._notify(f"saved {name}")
            case "live":
                self.live.paint(message, *map(bytes, buffers[:2]))
            case unknown:
                raise KeyError(unknown)

    def _thumbnails(self) -> None:
        for role in form.IMAGES:
            self._thumbnail(role, self.form.get(role))

    def _thumbnail(self, role: str, name: Any) -> None:
        """Send a small copy of the chosen image. An upload is lost when its kernel ends: then the default image is sent, if any."""
        if name == form.UPLOADED and role not in self.uploaded:
            name = form.defaults().get(role, "")
            if not name:
                self.send({"kind": "thumbnail", "role": role, "name": ""})
        if name == form.UPLOADED:
            self._send_thumbnail(role, name, open_with_notes(self.uploaded[role]).image, self.uploaded[role].name)
        elif name in {choice["name"] for choice in self.choices["content" if role == "content" else "style"]}:
            self._send_thumbnail(role, name, open_with_notes(name).image, name)

    def _send_thumbnail(self, role: str, name: str, image: np.ndarray, label: str) -> None:
        message = {"kind": "thumbnail", "role": role, "name": name, "label": label, "size": list(image.shape[1::-1])}
        self.send(message, buffers=[encode.jpeg(image, THUMBNAIL)])

    def _upload(self, message: dict, buffers: list) -> None:
        role = message["role"]
        if role not in form.IMAGES:
            raise InputError(f"an image must be one of {', '.join(form.IMAGES)}")
        file = self.uploads.add(role, str(message["name"]), message["index"], message["count"], bytes(buffers[0]))
        if file is None:
            return
        opened = open_with_notes(file)
        check_size(opened.image, f"'{file.name}'")
        self.uploaded = self.uploaded | {role: file}
        self._send_thumbnail(role, form.UPLOADED, opened.image, file.name)
        self._notify("; ".join([f"the {form.IMAGES[role].lower()} is now {file.name}", *opened.notes]))

    def _find_run(self, message: dict) -> Run:
        run = self.runs.all.get(message["run"])
        if run is None:
            raise InputError("this run has been removed")
        return run

    def _notify(self, text: str, alert: bool = False, role: Any = None) -> None:
        """Show a line on the page. `role`: under the image box that it is about."""
        self.send({"kind": "notice", "text": text, "alert": alert, "role": role})

    def _send_run(self, run: Run, what: str) -> None:
        """Send a summary of a run, a few kilobytes, with its current image if that is new."""
        images = {"after": run.shown} if what in ("steps", "state", "all") else {}
        new = run.id not in self._originals
        if new:
            size = min(run.settings.size or BEFORE, BEFORE)
            self._originals[run.id] = encode.jpeg(resize(open_with_notes(run.settings.images()[0]).image, size), BEFORE)
        if new or what == "all":
            images["before"] = self._originals[run.id]
        images = {role: data for role, data in images.items() if data}
        self.send({"kind": "run", "run": summary(run), "images": list(images)}, buffers=list(images.values()))

    def _send_frame(self, message: dict, painted: bytes) -> None:
        self.send({"kind": "live", **message}, buffers=[painted] if painted else [])

    def _pause_runs(self) -> None:
        self.paused_runs = [run for run in self.runs.active() if run.state != PAUSED]
        for run in self.paused_runs:
            run.pause()

    def _resume_runs(self) -> None:
        for run in self.paused_runs:
            run.resume()
        self.paused_runs = []

    def _count_silence(self) -> None:
        """Count the silence of pages on the kernel's event loop, which stands still while no message could be received."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # not in a kernel, so it has no page
            return

        def tick() -> None:
            if self.comm is not None:
                self.session.tick(TICK)
                loop.call_later(TICK, tick)

        loop.call_later(TICK, tick)


def summary(run: Run) -> dict:
    """What the page shows of a run, as JSON."""
    pace, left = run.pace()
    settings = run.settings
    styles = files.image_names(settings.style)
    if settings.blend:
        styles = [f"{name} ({100 * share:.0f} %)" for name, share in zip(styles, settings.blend, strict=True)]
    return {
        "content": files.image_names(settings.content)[0], "style": " and ".join(styles), "kept": run.kept,
        "id": run.id, "state": run.state, "stopping": run.stopping, "loading": run.loading, "error": run.error,
        "step": run.rows[-1][0] if run.rows else 0, "steps": run.rows[-1][0] if run.state == "done" and run.rows else run.steps, "pace": pace, "left": left,
        "curves": curves(run.rows), "recipe": settings.recipe, "backend": form.FRAMEWORKS.get(settings.backend, settings.backend),
        "encoder": run.facts.get("encoder", settings.encoder), "size": settings.size, "seed": settings.seed,
        "own": [name for name in ("style", "tv") if getattr(settings, f"{name}_weight") is None],
        "weights": run.facts["weights"], "layers": run.facts["layers"], "changes": run.facts["changes"],
        "notes": run.facts.get("notes", []), "device": run.facts.get("device", ""),
    }  # fmt: skip


def curves(rows: list[tuple]) -> dict[str, list[float]]:
    """Steps and losses for a plot, at evenly spaced rows. A part of the loss that is always zero is left out."""
    if not rows:
        return {}
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(CURVE_POINTS, len(rows))).round().astype(int))
    table = np.array([rows[index] for index in chosen], float)
    columns = {name: column for name, column in zip(COLUMNS, table.T, strict=True) if name != "seconds"}
    rounded = {name: [float(f"{value:.4g}") for value in column] for name, column in columns.items()}
    return {name: column for name, column in rounded.items() if name in ("step", "total") or any(column)}


def static_page() -> str:
    """What a notebook shows instead of the studio when no kernel runs."""
    text, screenshot = f"<p><strong>{say('The studio:')}</strong> {with_code(say(NO_KERNEL))}</p>", HERE / "studio.jpg"
    if not screenshot.is_file():
        return text
    data = base64.b64encode(screenshot.read_bytes()).decode()
    return f'{text}<img src="data:image/jpeg;base64,{data}" alt="{say(ALT)}" width="720">'
