"""Seconds to a given loss: the others run to their end, and what counts is when an image of ours is as good as their last."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylelab.encoders import find_encoder
from stylelab.errors import StylelabError
from stylelab.images import open_image
from stylelab.tools.bench.conductor import Player, excused, stage
from stylelab.tools.bench.options import Asked
from stylelab.tools.bench.plan import PEERS, Contender, ours
from stylelab.tools.bench.steps import PAUSE, judged, settings_of
from stylelab.tools.bench.sums import first_below

BURST = 10  # steps of a turn
EVERY = 5  # steps from one image that is judged to the next
QUALITY = 100  # steps after which the losses of our precisions are compared
SCALES = 4  # sizes of a run from coarse to fine: half a size every second time
COARSE = 2 / 3  # of the steps, for a run from coarse to fine: it plans them, and the fewer it has the sooner it is done


@dataclass(frozen=True)
class Race:
    """One of the others against ours, all on the recipe whose loss is the judge.

    Attributes:
        steps: how many the other one makes; ours makes `share` of them at most.
    """

    against: Contender
    ours: tuple[tuple[Contender, float], ...]
    size: int
    steps: int
    options: tuple[tuple[str, object], ...] = ()
    recipe: str = "lab"


def races(asked: Asked) -> list[Race]:
    """What is raced, at the smallest of the sizes: against the PyTorch tutorial, and against each of the peers."""
    if not asked.race or "torch" not in asked.backends:
        return []
    best, size = asked.precisions[-1], min(asked.sizes)
    entries = tuple((ours("torch", precision), 1.0) for precision in asked.precisions)
    entries += ((ours("torch", best, scales=SCALES), COARSE),)
    found = [Race(Contender("PyTorch tutorial", "pytorch tutorial", "torch"), entries, size, asked.race)]
    if asked.peers:
        fast = ((ours("torch", best), 1.0), (ours("torch", best, scales=SCALES), COARSE))
        small_to_large = (("small_to_large", True),)
        found += [
            Race(Contender(name, name, "torch"), fast, size, asked.race, small_to_large if name == next(iter(PEERS)) else ())
            for name in PEERS
        ]
    return found


def run(race: Race, asked: Asked, encoder: str, folder: Path) -> dict:
    """Let all of them run in turn, then judge everybody's images by one loss."""
    lost: dict[str, StylelabError] = {}
    settings = settings_of(asked, race.recipe, race.size, encoder, race.steps)
    entries = [(race.against, settings | dict(race.options))]
    entries += [(contender, settings | {"total_steps": _steps(race, share)}) for contender, share in race.ours]
    left = {contender.name: given["total_steps"] for contender, given in entries} | _as_long_as_it_takes(race)
    tracks = {contender.name: {"seconds": [], "images": []} for contender, _ in entries}
    with tempfile.TemporaryDirectory(dir=folder) as place:
        with stage(entries, lost) as players:
            while any(left[player.contender.name] > 0 for player in players):
                for player in list(players):
                    with excused(player, players, lost):
                        _burst(player, left, tracks, Path(place))
        judge(tracks, settings, lost)
    return _found(race, settings, tracks, lost)


def _steps(race: Race, share: float) -> int:
    return max(BURST, round(share * race.steps))


def _as_long_as_it_takes(race: Race) -> dict[str, float]:
    """A program with a schedule of its own says itself when it is done."""
    return {race.against.name: float("inf")} if race.options else {}


def _burst(player: Player, left: dict, tracks: dict, folder: Path) -> None:
    name = player.contender.name
    if left[name] <= 0:
        return
    place = folder / name
    place.mkdir(exist_ok=True)
    time.sleep(PAUSE)
    told = player.order(steps=int(min(BURST, left[name])), keep=str(place), every=EVERY)
    track = tracks[name]
    track["seconds"] += told["seconds"]
    track["images"] += told["kept"]
    track |= {"memory_mb": told["own"], "peak_mb": told["peak"], "gpu_mb": told["gpu"]}
    left[name] = 0 if told.get("ended") else left[name] - len(told["seconds"])
    if left[name] <= 0:
        last = str(place / "last.npy")
        player.order(image=last)
        track["images"].append([len(track["seconds"]), last])


def judge(tracks: dict[str, dict], settings: dict, lost: dict[str, StylelabError]) -> None:
    """Put the losses of a track's images beside them. Images of a smaller size on the way are left out."""
    shape = open_image(settings["content"], settings["size"]).shape
    for track in tracks.values():
        track["images"] = [[step, path] for step, path in track["images"] if np.load(path, mmap_mode="r").shape == shape]
    files = {path: path for track in tracks.values() for _, path in track["images"]}
    losses = judged(files, "torch", settings, lost) if files else {}
    for track in tracks.values():
        elapsed = np.cumsum(steps_only(track.pop("seconds")))
        known = [(step, path) for step, path in track.pop("images") if path in losses]
        track["steps"] = [step for step, _ in known]
        track["seconds"] = [float(elapsed[step - 1]) for step in track["steps"]]
        track["losses"] = [losses[path] for _, path in known]


def steps_only(seconds: list[float]) -> list[float]:
    """The first step also imports, loads filters and computes targets: it counts for as much as the second."""
    return seconds[1:2] + seconds[1:] if len(seconds) > 1 else seconds


def _found(race: Race, settings: dict, tracks: dict[str, dict], lost: dict[str, StylelabError]) -> dict:
    theirs = tracks[race.against.name]
    found = {
        "against": race.against.name, "recipe": race.recipe, "encoder": find_encoder(settings["encoder"]).name,
        "size": race.size, "steps": theirs["steps"][-1] if theirs["steps"] else 0, "tracks": tracks, "rows": [],
        "lost": {name: str(error) for name, error in lost.items()},
    }  # fmt: skip
    if not theirs["losses"] or race.against.name in lost:
        return found
    found["precisions"] = _precisions(race, tracks)
    found |= {"loss": theirs["losses"][-1], "seconds": theirs["seconds"][-1]}
    for contender, _ in race.ours:
        track = tracks[contender.name]
        reached = first_below(track["losses"], found["loss"])
        row = {"name": contender.name, "last_loss": track["losses"][-1] if track["losses"] else None}
        if reached is not None:
            row |= {"steps": track["steps"][reached], "seconds": track["seconds"][reached]}
            row["times_as_fast"] = found["seconds"] / row["seconds"]
        found["rows"].append(row)
    return found


def _precisions(race: Race, tracks: dict[str, dict]) -> list[dict]:
    """How much the loss of our runs at full size depends on the precision: after a hundred steps, or as many as all made."""
    runs = {c.precision: tracks[c.name] for c, _ in race.ours if c.scales is None and tracks[c.name]["losses"]}
    step = min((max(step for step in track["steps"] if step <= QUALITY) for track in runs.values()), default=0)
    return [
        {"precision": name, "steps": step, "loss": track["losses"][track["steps"].index(step)]} for name, track in runs.items()
    ]
