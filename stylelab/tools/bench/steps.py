"""Milliseconds per step: everyone steps in turn, so that ratios are of the same moments of this machine."""

import time
from pathlib import Path

from stylelab import encoders
from stylelab.errors import StylelabError
from stylelab.images import open_image
from stylelab.tools.bench import cost
from stylelab.tools.bench.conductor import Player, excused, stage
from stylelab.tools.bench.options import Asked
from stylelab.tools.bench.plan import Contender, Group, limits
from stylelab.tools.bench.sums import paired, spread
from stylelab.tools.bench.work import recipe_of

WARM_UP = 3  # rounds that are made first and not counted
PAUSE = 0.02  # seconds between turns: the threads of the one before spin for a while before they sleep


def settings_of(asked: Asked, recipe: str, size: int, encoder: str, total_steps: int) -> dict:
    """What all contenders are told."""
    return {
        "content": asked.content, "style": asked.style, "recipe": recipe, "size": size, "encoder": encoder,
        "total_steps": total_steps, "device": asked.device, "peers": str(asked.peers) if asked.peers else None,
    }  # fmt: skip


def measure(group: Group, asked: Asked, encoder: str, folder: Path) -> dict:
    """One group's rows, ratios and limits, and who was lost on the way."""
    lost: dict[str, StylelabError] = {}
    settings = settings_of(asked, group.recipe, group.size, encoder, WARM_UP + asked.steps + 1)
    entries = [(contender, settings) for contender in group.contenders + limits(group)]
    with stage(entries, lost) as players:
        for _ in range(WARM_UP):
            _round(players, lost, "warm")
        for _ in range(asked.steps):
            _round(players, lost, "counted")
        losses = _losses(players, settings, folder, lost)
    return _found(group, players, losses, lost, asked, encoder)


def _round(players: list[Player], lost: dict[str, StylelabError], kind: str) -> None:
    for player in list(players):
        with excused(player, players, lost):
            time.sleep(PAUSE)
            seconds = player.order(steps=1)["seconds"][0]
            player.__dict__.setdefault(kind, []).append(seconds)


def _losses(players: list[Player], settings: dict, folder: Path, lost: dict[str, StylelabError]) -> dict[str, float]:
    """Everybody's image after the last step, by the recipe's own loss in float32."""
    files = {}
    for number, player in enumerate(list(players)):
        if player.contender.kind != "limit":
            with excused(player, players, lost):
                player.order(image=str(folder / f"{number}.npy"))
                files[player.contender.name] = str(folder / f"{number}.npy")
    backend = next((player.contender.backend for player in players if player.contender.name in files), None)
    return judged(files, backend, settings, lost) if backend else {}


def judged(files: dict[str, str], backend: str, settings: dict, lost: dict[str, StylelabError]) -> dict[str, float]:
    """Name -> loss of the image in that file."""
    with stage([(Contender("judge", "judge", backend), settings)], lost) as players:
        for player in list(players):
            with excused(player, players, lost):
                return dict(zip(files, player.order(judge=list(files.values()))["losses"], strict=True))
    return {}


def _found(group: Group, players: list[Player], losses: dict, lost: dict, asked: Asked, encoder: str) -> dict:
    by_name = {player.contender.name: player for player in players}
    spec = encoders.find_encoder(encoder)
    recipe = recipe_of(group.recipe)
    height, width = open_image(asked.content, group.size).shape[:2]
    widths = {layer: len(pair[0]) for layer, pair in encoders.read_weights(spec, recipe.layers).items()}
    operations = cost.convolutions(widths, recipe.layers, height, width)
    common = {"group": group.title, "recipe": recipe.name, "encoder": spec.name, "width": width, "height": height}
    best = {precision: _limit(players, precision) for precision in ("float32", "bfloat16")}
    rows = []
    for contender in group.contenders:
        row = {**common, "name": contender.name, "backend": contender.backend, **_options(contender)}
        if player := by_name.get(contender.name):
            row |= _row(player, best, operations) | {"loss": losses.get(contender.name), "loss_after": WARM_UP + asked.steps}
        rows.append(row | {"error": _why(lost.get(contender.name))})
    return {
        "rows": rows,
        "ratios": [common | ratio for ratio in _ratios(group, by_name)],
        "limits": [common | _limit_row(by_name[limit.name]) for limit in limits(group) if limit.name in by_name],
        "lost": {name: str(why) for name, why in lost.items() if name not in {c.name for c in group.contenders}},
    }


def _why(error: StylelabError | None) -> str | None:
    return None if error is None else str(error)


def _options(contender: Contender) -> dict:
    return {"precision": contender.precision or "float32", "tile": contender.tile, "ours": contender.kind == "ours"}


def _row(player: Player, best: dict[str, list[float] | None], operations: int) -> dict:
    """What one contender's steps came to. Operations per second of the limit are those of the same round."""
    ran_in = player.last.get("precision") or player.contender.precision or "float32"
    row = {
        "ms": spread([1000 * seconds for seconds in player.counted]),
        "first_step_seconds": player.warm[0],
        "device": player.about["device"],
        "ran_in": ran_in,
        "memory_mb": player.last["own"], "peak_mb": player.last["peak"], "gpu_mb": player.last["gpu"],
        "gflop": operations / 1e9,
    }  # fmt: skip
    if rates := best.get(ran_in):
        row["share_of_limit"] = spread([
            operations / seconds / rate for seconds, rate in zip(player.counted, rates, strict=True)
        ])  # fmt: skip
    return row


def _limit(players: list[Player], precision: str) -> list[float] | None:
    """Operations per second of the best framework's matrix product, round by round."""
    rates = [
        [player.last["flop"] / seconds for seconds in player.counted]
        for player in players
        if player.contender.kind == "limit" and player.contender.precision == precision
    ]
    return max(rates, key=lambda each: spread(each)["median"], default=None)


def _limit_row(player: Player) -> dict:
    rates = [player.last["flop"] / seconds / 1e9 for seconds in player.counted]
    contender = player.contender
    return {"backend": contender.backend, "precision": contender.precision, "gflops": spread(rates), "side": player.last["side"]}


def _ratios(group: Group, by_name: dict[str, Player]) -> list[dict]:
    """How many times as fast ours is as each of the others, and which part of their memory it takes."""
    pairs = [(theirs, own) for theirs in group.against for own in group.ours]
    pairs += [(torch, own) for torch in group.ours for own in group.ours
              if (torch.backend, own.backend) == ("torch", "tensorflow") and torch.options == own.options]  # fmt: skip
    found = []
    for theirs, own in pairs:
        if theirs.name in by_name and own.name in by_name:
            one, other = by_name[theirs.name], by_name[own.name]
            found.append({
                "ours": own.name, "against": theirs.name, "times_as_fast": paired(one.counted, other.counted),
                "memory": _share(other.last, one.last, "gpu" if one.last["gpu"] and other.last["gpu"] else "own"),
                "peak": _share(other.last, one.last, "peak"),
            })  # fmt: skip
    return found


def _share(own: dict, theirs: dict, kind: str) -> float | None:
    return own[kind] / theirs[kind] if theirs[kind] > 0 else None
