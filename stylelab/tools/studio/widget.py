"""The studio as a widget: what the page says goes to the runs, and what becomes of them goes to the page.

The page itself is studio.js and studio.css. Messages to it have a 'kind'; an image comes beside its message, as bytes.
"""

import asyncio
import base64
import threading
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from stylelab.base.files import error_text
from stylelab.errors import InputError, StylelabError
from stylelab.images import check_size, open_image
from stylelab.images.decode import ImageFile
from stylelab.tools.studio import downloads, form, images
from stylelab.tools.studio.presence import Presence
from stylelab.tools.studio.runs import PAUSED, Run, Runs
from stylelab.tools.studio.uploads import Uploads

HERE = Path(__file__).parent
THUMB, BEFORE = 320, 768  # pixels of the long side
POINTS = 160  # of a curve: more cannot be told apart
TICK = 3.0  # seconds between two looks at who has gone silent
NO_KERNEL = (
    "<p><strong>The studio</strong> is here as soon as this cell is run: choose two images, move the sliders, and watch the "
    "image being painted. Without a notebook: <code>stylelab studio</code> in a terminal.</p>"
)
ALT = "The studio: content and style image, recipe and sliders at the left; at the right two runs with their losses"


class Studio(anywidget.AnyWidget):
    """Choose two images and a recipe, paint, pause, compare, save. Every run is a process of its own.

    Attributes:
        runs: the runs that the page shows, `stylelab.tools.studio.runs.Runs`.
    """

    _esm = HERE / "studio.js"
    _css = HERE / "studio.css"
    choices = traitlets.Dict().tag(sync=True)
    form = traitlets.Dict().tag(sync=True)

    def __init__(self, at_once: int | None = None):
        super().__init__(choices=form.choices(), form=form.first())
        self.runs = Runs(self._tell, **({"at_once": at_once} if at_once else {}))
        self.uploads, self.uploaded = Uploads(), {}
        self.presence = Presence(self._left, self._back, self.runs.stop)
        self.left_alone: list[Run] = []  # paused because nobody was looking
        self._befores: dict[int, bytes] = {}
        self._handling = threading.RLock()
        self.on_msg(lambda _, message, buffers: self.receive(message, buffers))
        self._look_out()

    @traitlets.observe("comm")
    def _hear_where_it_is_said(self, change: dict) -> None:
        """Take each message in the subshell that the page names. ipykernel 7.4 takes it in the one for which this widget spoke
        last instead; a run speaks at any moment, also for a subshell that JupyterLab is about to end, and a message to one that
        has ended is lost: after a reload, now and then, every one was."""
        if change["new"] is not None:
            change["new"]._reply_subshell_for = lambda data, named: named

    def _repr_mimebundle_(self, **options):
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/html": static_page(), "text/plain": "The studio: run this cell to see it."}, metadata

    def close(self) -> None:
        """End every run, and the widget."""
        if "runs" in self.__dict__:
            self.presence.close()
            self.runs.close()
        super().close()

    def receive(self, message: dict, buffers: list) -> None:
        """Do what the page asks. Whatever is wrong with it becomes one line on the page."""
        try:
            with self._handling:  # a kernel may hand us two messages at once
                self._acts[message.get("kind")](self, message, buffers)
        except StylelabError as error:
            self._say(str(error), alert=True)
        except Exception as error:  # noqa: BLE001  a page that gets no answer is the worst answer
            self._say(f"that did not work: {type(error).__name__}: {error_text(error)}", alert=True)

    def _hello(self, message: dict, _) -> None:
        self.presence.heard(message["page"])
        for role in ("content", "style"):
            self._thumb({"role": role, "name": self.form.get(role)}, [])
        self.send({"kind": "runs", "numbers": list(self.runs.all)})
        for run in list(self.runs.all.values()):
            self._tell(run, "all")

    def _alive(self, message: dict, _) -> None:
        self.presence.heard(message["page"], bool(message.get("hidden")))

    def _gone(self, message: dict, _) -> None:
        self.presence.gone(message["page"])

    def _thumb(self, message: dict, _) -> None:
        """The image that is chosen, small. One that was handed to a kernel before this is gone: then the first one."""
        role, name = message["role"], message["name"]
        if name == form.UPLOADED and role not in self.uploaded:
            name = form.first()[role]
        if name == form.UPLOADED:
            self._show(role, name, self.uploaded[role], self.uploaded[role].name)
        elif name in {each["name"] for each in self.choices[role]}:
            self._show(role, name, name, name)

    def _show(self, role: str, name: str, source: "str | ImageFile", label: str) -> None:
        image = open_image(source)
        size = list(image.shape[1::-1])
        message = {"kind": "thumb", "role": role, "name": name, "label": label, "size": size}
        self.send(message, buffers=[images.jpeg(image, THUMB)])

    def _piece(self, message: dict, buffers: list) -> None:
        role = message["role"]
        if role not in ("content", "style"):
            raise InputError("an image is either content or style")
        file = self.uploads.take(role, str(message["name"]), message["index"], message["count"], bytes(buffers[0]))
        if file is None:
            return
        check_size(open_image(file), f"'{file.name}'")
        self.uploaded = self.uploaded | {role: file}
        self._show(role, form.UPLOADED, file, file.name)
        self._say(f"{file.name} is the {role} image now")

    def _start(self, message: dict, _) -> None:
        asked, steps = form.settings(message["form"], self.uploaded)
        run = self.runs.start(asked, steps)
        self._say(f"run {run.id} starts")

    def _order(self, message: dict, _) -> None:
        run = self._run(message)
        {"pause": run.pause, "resume": run.resume, "stop": run.stop}[message["order"]]()
        self._tell(run, "order")  # an order that comes too late is answered too

    def _remove(self, message: dict, _) -> None:
        run = self._run(message)
        self.send({"kind": "removed", "run": run.id})
        self._befores.pop(run.id, None)
        self.runs.remove(run.id)

    def _save(self, message: dict, _) -> None:
        name, kind, data = downloads.keep(self._run(message), message["what"])
        self.send({"kind": "file", "name": name, "type": kind, "page": message.get("page")}, buffers=[data])
        self._say(f"saved {name}")

    _acts = {
        "hello": _hello, "alive": _alive, "gone": _gone, "thumb": _thumb, "piece": _piece, "start": _start, "order": _order,
        "remove": _remove, "save": _save,
    }  # fmt: skip

    def _run(self, message: dict) -> Run:
        run = self.runs.all.get(message["run"])
        if run is None:
            raise InputError("that run is not here any more")
        return run

    def _say(self, text: str, alert: bool = False) -> None:
        self.send({"kind": "said", "text": text, "alert": alert})

    def _tell(self, run: Run, what: str) -> None:
        """Everything about a run, in a few kilobytes, and its image if that is new."""
        images = {"after": run.image or run.preview} if what in ("steps", "state", "all") else {}
        if what == "all" or run.id not in self._befores:
            images["before"] = self._before(run)
        images = {role: data for role, data in images.items() if data}
        self.send({"kind": "run", "run": summary(run), "images": list(images)}, buffers=list(images.values()))

    def _before(self, run: Run) -> bytes:
        if run.id not in self._befores:
            size = min(run.settings.size or BEFORE, BEFORE)
            self._befores[run.id] = images.jpeg(open_image(run.settings.images()[0], size), BEFORE)
        return self._befores[run.id]

    def _left(self) -> None:
        self.left_alone = [run for run in self.runs.active() if run.state != PAUSED]
        for run in self.left_alone:
            run.pause()

    def _back(self) -> None:
        for run in self.left_alone:
            run.resume()
        self.left_alone = []

    def _look_out(self) -> None:
        """Count the silence of pages on the kernel's own loop: while a long cell runs there, no page can be heard."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel, so no page
            return

        def tick() -> None:
            if self.comm is not None:
                self.presence.tick(TICK)
                loop.call_later(TICK, tick)

        loop.call_later(TICK, tick)


def summary(run: Run) -> dict:
    """What the page shows of a run, as JSON."""
    each, left = run.pace()
    settings = run.settings
    label = {role: str(getattr(getattr(settings, role), "name", getattr(settings, role))) for role in ("content", "style")}
    return label | {
        "id": run.id, "state": run.state, "ending": run.ending, "loading": run.loading, "error": run.error,
        "step": run.rows[-1][0] if run.rows else 0, "steps": run.steps, "each": each, "left": left,
        "curves": curves(run.rows), "recipe": settings.recipe, "backend": form.FRAMEWORKS.get(settings.backend, settings.backend),
        "encoder": run.facts.get("encoder", settings.encoder), "size": settings.size, "seed": settings.seed,
        "weights": {name: getattr(settings, f"{name}_weight") for name in ("content", "style", "tv")},
        "layers": {role: getattr(settings, f"{role}_layers") for role in ("content", "style")},
        "notes": run.facts.get("notes", []), "device": run.facts.get("device", ""), "saved": bool(run.image),
    }  # fmt: skip


def curves(rows: list[tuple]) -> dict[str, list[float]]:
    """Columns of the losses for a plot, thinned out evenly; a part that is zero throughout is left out."""
    if not rows:
        return {}
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(POINTS, len(rows))).round().astype(int))
    table = np.array([rows[index] for index in chosen], float)
    columns = dict(zip(("step", "seconds", "total", "content", "style", "tv"), table.T, strict=True))
    del columns["seconds"]
    tidy = {name: [float(f"{value:.4g}") for value in column] for name, column in columns.items()}
    return {name: column for name, column in tidy.items() if name in ("step", "total") or any(column)}


def static_page() -> str:
    """What stands in the studio's place where no kernel runs, such as in a stored notebook."""
    image = HERE / "studio.jpg"
    if not image.is_file():
        return NO_KERNEL
    data = base64.b64encode(image.read_bytes()).decode()
    return f'{NO_KERNEL}<img src="data:image/jpeg;base64,{data}" alt="{ALT}" width="720">'
