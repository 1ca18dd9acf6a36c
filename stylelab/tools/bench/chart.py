"""The figures as one image: time per step against this machine's limit, memory, and loss against time."""

import io
from pathlib import Path

import numpy as np

from stylelab.base.files import write_file
from stylelab.plots import LINES, Figure

OURS, THEIRS = LINES[1][0], "#999999"


def save(results: dict, path: Path) -> None:
    """Write the plot as PNG, PDF or SVG, by the ending of `path`.

    Raises:
        InputError: the file cannot be written.
    """
    stream = io.BytesIO()
    draw(results).savefig(stream, format=path.suffix[1:].lower(), dpi=150)
    write_file(path, lambda file: file.write(stream.getvalue()))


def draw(results: dict) -> Figure:
    """A row of panels for each part that has figures: steps by size, then races."""
    groups = [found["rows"] for found in results["steps"] if any("ms" in row for row in found["rows"])]
    races = [found for found in results["races"] if found["rows"]]
    heights = [0.9 + 0.3 * sum("ms" in row for row in rows) for rows in groups] + [3.6] * bool(races)
    figure = Figure(figsize=(10, sum(heights) + 0.5), layout="constrained")
    parts = np.atleast_1d(figure.subfigures(len(heights), 1, height_ratios=heights)) if heights else []
    for part, rows in zip(parts, groups, strict=False):
        _bars(part, [row for row in rows if "ms" in row])
    if races:
        _curves(parts[-1], races)
    return figure


def _bars(part, rows: list[dict]) -> None:
    """Time and memory of one group, a bar for each contender, ours in colour."""
    first, places = rows[0], np.arange(len(rows))[::-1]
    part.suptitle(f"{first['group']}: {first['encoder']}, {first['width']} x {first['height']}", x=0.01, ha="left", fontsize=11)
    time, memory = part.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    colours = [OURS if row["ours"] else THEIRS for row in rows]
    medians = np.array([row["ms"]["median"] for row in rows])
    ends = np.abs(np.array([[row["ms"]["low"], row["ms"]["high"]] for row in rows]).T - medians)
    time.barh(places, medians, 0.7, color=colours, xerr=ends, error_kw={"ecolor": "#333333", "capsize": 2, "linewidth": 1})
    farthest = (medians + ends[1]).max()
    for place, row, median, end in zip(places, rows, medians, medians + ends[1], strict=True):
        share = f", {row['share_of_limit']['median']:.0%} of the limit" if "share_of_limit" in row else ""
        time.text(end + 0.01 * farthest, place, f"{median:.0f}{share}", va="center", fontsize=8)
    megabytes = [row["gpu_mb"] or row["memory_mb"] for row in rows]
    memory.barh(places, megabytes, 0.7, color=colours)
    for place, value in zip(places, megabytes, strict=True):
        memory.text(value + 0.01 * max(megabytes), place, f"{value:.0f}", va="center", fontsize=8)
    time.set_yticks(places, [_name(row) for row in rows], fontsize=9)
    time.set(xlabel="milliseconds per step (median and quartiles)", xlim=(0, farthest * 1.35))
    memory.set(xlabel="memory of its own (MB)", xlim=(0, max(megabytes) * 1.18))
    for axis in (time, memory):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(axis="y", length=0)


def _name(row: dict) -> str:
    return f"{row['name']} ({row['ran_in']})" if row["precision"] == "auto" else row["name"]


def _curves(part, races: list[dict]) -> None:
    """Everybody's loss against the seconds of the steps, with the loss that was to be reached."""
    part.suptitle("Loss against time, judged by one loss in float32", x=0.01, ha="left", fontsize=11)
    axes = part.subplots(1, len(races), squeeze=False)[0]
    for axis, race in zip(axes, races, strict=True):
        looks = dict(zip(_ours(race), LINES[1:], strict=False)) | {race["against"]: ("#666666", "-")}
        for name, track in race["tracks"].items():
            colour, dashes = looks.get(name, LINES[0])
            axis.plot(track["seconds"], track["losses"], color=colour, linestyle=dashes, label=name)
        if "loss" in race:
            axis.axhline(race["loss"], color="#666666", linewidth=0.8, linestyle=":", label="its last image's loss")
        axis.set(xlabel="seconds", yscale="log", title=f"{race['against']}, {race['size']} px")
        axis.title.set_fontsize(10)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("loss (weighted, no unit)")


def _ours(race: dict) -> list[str]:
    return [name for name in race["tracks"] if name != race["against"]]
