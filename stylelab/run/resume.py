"""Let a run be kept in a file, and continue from what an earlier one has left there."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from stylelab.base.files import expand_home, file_kind, printable, quoted
from stylelab.errors import InputError
from stylelab.recipes import Recipe
from stylelab.run import state
from stylelab.run.options import Options
from stylelab.run.prepare import Job, Run

IMAGES = {"content": "content image", "styles": "style image", "regions": "mask"}
# options whose effect is seen in the parts of a run: they may be given in other words; any other option must be the same
SEEN = set("recipe encoder size steps seed scales content_layers style_layers content_weight style_weight tv_weight".split())
SEEN |= set("settle strength style_scale blend content_mask style_mask".split())
RESOLVED = {"precision": "auto", "tile": None}  # options, with the value that leaves the choice to the machine


def keep(run: Run, path: "str | os.PathLike[str] | None", backend: str, *, afresh: bool = False) -> Run:
    """The run, to be kept in a file while it is painted. If an earlier one was stopped, it continues from there.

    Args:
        run: from `prepare_run`.
        path: the file; None to keep the run nowhere.
        backend: 'torch' or 'tensorflow'.
        afresh: start at the first step, whatever is there.

    Raises:
        InputError: the file is of a run with other settings, damaged, or something else; or its folder does not exist.
    """
    if path is None:
        return run
    path, described = expand_home(path), describe(run, backend)
    if file_kind(path.parent) != "folder":
        folder = path.parent
        raise InputError(f"folder '{printable(folder)}' does not exist: run `mkdir -p {quoted(folder)}` first")
    found = state.read(path)
    if found is None:
        return replace(run, keeper=state.Keeper(path, described))
    different = _differences(found, described, run.options)
    if afresh:
        return replace(run, keeper=state.Keeper(path, described, rival=found.about["step"], foreign=bool(different)))
    if different:
        raise InputError(f"'{printable(path)}' is the state of another run ({different}): repeat its settings, or remove it")
    return replace(run, keeper=state.Keeper(path, described, found))


def describe(run: Run, backend: str) -> dict[str, Any]:
    """What a run is: two that agree in `parts` lead to the same image, and `options` says in words what differs."""
    options = {each.name: repr(getattr(run.options, each.name)) for each in fields(Options)}
    jobs = [job for batch in run.stages for job in batch]
    parts = {
        each.name: _digest([getattr(job, each.name) for job in jobs])
        for each in fields(Job)
        if each.name not in ("encoder", "notes")
    }
    encoder = run.inputs[0].sha256.get("encoder", repr(run.job.encoder))
    return {"backend": backend, "options": options, "parts": parts | {"encoder": _digest(encoder)}}


def _differences(found: state.State, now: Mapping[str, Any], options: Options) -> str:
    """In which settings a state differs from a run that is about to begin, in a few words; empty if in none that matters."""
    then = found.about["run"]
    if then["backend"] != now["backend"]:
        return f"backend was '{then['backend']}'"
    for name, free in RESOLVED.items():
        if getattr(options, name) not in (free, found.about[name]):
            return f"{name} was {found.about[name]!r}"
    parts = [name for name, digest in now["parts"].items() if then["parts"].get(name) != digest]
    names = [name for name in now["options"] if name not in (*RESOLVED, "device")]
    changed = [name for name in names if then["options"].get(name) != now["options"][name]]
    if not parts and SEEN.issuperset(changed):
        return ""
    if changed:
        return ", ".join(f"{name} was {printable(then['options'].get(name), 60)}" for name in changed)
    image = next((IMAGES[name] for name in IMAGES if name in parts), None)
    return f"with another {image or parts[0]}"


def _digest(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return hashlib.sha256(f"{value.dtype.str} {value.shape}".encode() + np.ascontiguousarray(value).tobytes()).hexdigest()
    if isinstance(value, Recipe):  # without the prose
        value = replace(value, source="", differs=())
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)} | {"": type(value).__name__}
    if isinstance(value, Mapping):
        value = [*value.items()]
    if isinstance(value, list | tuple):
        value = [_digest(each) for each in value]
    return hashlib.sha256(repr(value).encode()).hexdigest()
