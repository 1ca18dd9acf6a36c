"""The figures as Markdown, for the terminal and for docs/speed.md, and as a plot.

To replace the figures of a page:

    python -m stylelab.tools.bench.report bench.json docs/speed.md

To compare two runs, with status 1 if they do not agree:

    python -m stylelab.tools.bench.report bench.json later.json
"""

import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylelab.base import processes
from stylelab.base.files import write_file, write_text
from stylelab.errors import InputError
from stylelab.tools.bench import busy, plan
from stylelab.tools.bench.compare import compare

if TYPE_CHECKING:
    from stylelab.plots import Figure

BEGIN, END = "<!-- figures: written by stylelab.tools.bench.report -->", "<!-- end of the figures -->"
ONE_PASS = ("<!-- one pass: written by stylelab.tools.bench.report -->", "<!-- end of one pass -->")


def main(arguments: list[str]) -> None:
    """Replace what is between the two markers of a page by the figures of a JSON file, or compare two such files.

    Raises:
        InputError: the page has no such markers.
        Disagreement: the two runs differ by more than their spread.
    """
    figures, page = map(Path, arguments)
    results = json.loads(figures.read_text())
    if page.suffix == ".json":
        print("\n".join(compare(results, json.loads(page.read_text()))))
        return
    parts = [" ".join(filter(None, (machine(results["machine"]), busy.verdict(results))))]
    parts += [pictures(results["pictures"])] if results.get("pictures") else []
    parts += [one_pass(results["one_pass"])] if results.get("one_pass") else []
    parts += [group(found) for found in results["steps"] if any("ms" in row for row in found["rows"])]
    parts += [race(found) for found in results["races"] if "loss" in found]
    parts += [overheads(results["whole"])] if results["whole"] else []
    replace(page, ONE_PASS if results.get("one_pass") else (BEGIN, END), parts)


def replace(page: Path, markers: tuple[str, str], parts: list[str]) -> None:
    """Replace what is between two markers of a page.

    Raises:
        InputError: the page has no such markers.
    """
    first, last = markers
    before, begin, rest = page.read_text().partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        raise InputError(f"'{page}' has no place for figures: add these two lines, {first} and {last}")
    write_text(page, "".join([before, begin, "\n", "\n\n".join(parts), "\n", end, after]))


def machine(about: dict) -> str:
    """When and on what machine."""
    return (
        f"Measured {about['when']} on {about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; PyTorch "
        f"{about['torch']}, TensorFlow {about['tensorflow']}. Load before the start: {about['load_before']}."
    )


def pictures(sizes: list[dict]) -> str:
    """A table of seconds from the command to a good picture, at each size: ours, and others until theirs is as good."""
    first, lost = sizes[0], []
    second = any("filters" in row["errors"] for found in sizes for row in found["rows"])
    heads = [
        "",
        "size",
        "seconds",
        "not steps",
        "steps",
        "style error",
        "content error",
        *(["by other filters"] if second else []),
    ]
    cells = [
        [row["name"], f"{found['size']} px", _seconds(row), _outside(row), str(row["steps"]), *_errors(row), *([_by_filters(row)] if second else [])]
        for found in sizes for row in found["rows"]
    ]  # fmt: skip
    for found in sizes:
        lost += [f"- {name} failed at {found['size']} px: {error}" for name, error in found["lost"].items()]
    title = (
        f"### A good picture: seconds from the command to the image, {first['encoder']}, {first['content']} and {first['style']}"
    )
    lines = [title, "", *([_table(heads, cells)] if cells else []), *([""] if lost else []), *lost]
    if first["steps_at_most"]:
        lines += ["", f"With at most {first['steps_at_most']} steps, for a quick look: these pictures are not good yet."]
    return "\n".join(lines)


def _seconds(row: dict) -> str:
    if "seconds" not in row:
        return f"not reached in {row['last_seconds']:.0f}"
    spread = row["seconds"]
    return f"{spread['median']:.1f}" + (f" ({spread['low']:.1f}-{spread['high']:.1f})" if spread["count"] > 1 else "")


def _outside(row: dict) -> str:
    if not row["ours"]:
        return f"{row['start_seconds']:.1f} import"
    return f"{row['outside_seconds']:.1f}, {row['import_seconds']:.1f} of them import"


def _errors(row: dict) -> list[str]:
    by_encoder = row["errors"].get("encoder")
    return [f"{by_encoder[part]:.3f}" for part in ("style", "content")] if by_encoder else ["", ""]


def _by_filters(row: dict) -> str:
    if not (errors := row["errors"].get("filters")):
        return ""
    reached = row.get("reached", {}).get("filters")
    when = "" if row["ours"] else "; not reached" if reached is None else f"; as good after {reached:.1f} s"
    return f"style {errors['style']:.3f}, content {errors['content']:.3f}{when}"


def group(found: dict) -> str:
    """A table of who took how long and how much memory, with the ratios; below it losses, limits and failures."""
    first, rows = found["rows"][0], [row for row in found["rows"] if "ms" in row]
    ratios = {(ratio["ours"], ratio["against"]): ratio["times_as_fast"] for ratio in found["ratios"]}
    others = list(dict.fromkeys(against for _, against in ratios if not against.startswith("ours")))
    heads = ["", "ms per step", "of the limit", "memory MB", "peak MB", *(f"times as fast as {name}" for name in others)]
    cells = [
        [_name(row), _spread(row["ms"], ".0f"), f"{row['share_of_limit']['median']:.0%}" if "share_of_limit" in row else "",
         f"{row['gpu_mb'] or row['memory_mb']:.0f}", f"{row['peak_mb']:.0f}",
         *(_spread(ratios.get((row["name"], other)), ".2f") for other in others)]
        for row in rows
    ]  # fmt: skip
    lines = [
        f"### {first['group']}: {first['encoder']}, {first['width']} x {first['height']}, recipe `{first['recipe']}`",
        "", *([_table(heads, cells), ""] if rows else []),
    ]  # fmt: skip
    if limits := [f"{limit['backend']} {limit['precision']} {limit['gflops']['median']:.0f}" for limit in found["limits"]]:
        lines += [f"Limits in the same run, GFLOP/s: {', '.join(limits)}."]
    if first_steps := [f"{_name(row)} {row['first_step_seconds']:.1f}" for row in rows]:
        lines += [f"First step, s: {', '.join(first_steps)}."]
    if losses := [f"{_name(row)} {row['loss']:.4g}" for row in rows if row["loss"] is not None]:
        lines += [f"Loss after {rows[0]['loss_after']} steps: {', '.join(losses)}."]
    lines += [
        f"- {own} is {_spread(ratio, '.2f')} times as fast as {against}."
        for (own, against), ratio in ratios.items() if against.startswith("ours")
    ]  # fmt: skip
    lines += [f"- {row['name']} failed: {row['error']}" for row in found["rows"] if row["error"]]
    return "\n".join(lines + [f"- {name} failed: {error}" for name, error in found["lost"].items()])


def _name(row: dict) -> str:
    return f"{row['name']} ({row['ran_in']})" if row["precision"] == "auto" else row["name"]


def _spread(spread: dict | None, number: str) -> str:
    return f"{spread['median']:{number}} ({spread['low']:{number}}-{spread['high']:{number}})" if spread else ""


def race(found: dict) -> str:
    """When an image of ours was as good as the other program's last one."""
    title = f"To the loss of {found['against']}'s last image: {found['encoder']}, {found['size']} px, recipe `{found['recipe']}`"
    lines = [f"### {title}", ""]
    if "loss" in found:
        rows = [[found["against"], str(found["steps"]), f"{found['seconds']:.1f}", f"{found['loss']:.5g}", ""]]
        for row in found["rows"]:
            if "seconds" in row:
                rows.append([row["name"], str(row["steps"]), f"{row['seconds']:.1f}", "", f"{row['times_as_fast']:.2f}"])
            else:
                last = "" if row["last_loss"] is None else f"{row['last_loss']:.5g} at its end"
                rows.append([row["name"], "", "not reached", last, ""])
        lines.append(_table(["", "steps", "seconds", "loss", "times as fast"], rows))
    if len(found.get("precisions", ())) > 1:
        losses = ", ".join(f"{run['precision']} {run['loss']:.5g}" for run in found["precisions"])
        lines += ["", f"Loss after {found['precisions'][0]['steps']} steps at full size: {losses}."]
    return "\n".join(lines + [f"- {name} failed: {error}" for name, error in found["lost"].items()])


def one_pass(found: list[dict]) -> str:
    """A table for each task: milliseconds per image at each size, and how many times as fast as the other program that is."""
    rows = [row | {"threads": part["threads"]} for part in found for row in part["rows"]]
    sizes, parts = list(dict.fromkeys(row["size"] for row in rows)), []
    for task, title in plan.ONE_PASS.items():
        by_line: dict[tuple[str, int], dict[int, dict]] = {}
        for row in rows:
            if row["task"] == task:
                by_line.setdefault((row["name"], row["threads"]), {})[row["size"]] = row
        if not by_line:
            continue
        cells = [
            [name, str(threads), *(_one_pass_cell(line.get(size)) for size in sizes)] for (name, threads), line in by_line.items()
        ]
        parts += [
            f"### {title[0].upper()}{title[1:]}: ms per image",
            _table(["", "threads", *(f"{size} px" for size in sizes)], cells),
        ]
    lost = [f"- {name} failed, {part['threads']} threads: {error}" for part in found for name, error in part["lost"].items()]
    return "\n\n".join(parts + ["\n".join(lost)] * bool(lost))


def _one_pass_cell(row: dict | None) -> str:
    if row is None:
        return ""
    ratio = f", {row['times_as_fast']['median']:.2f} times as fast" if "times_as_fast" in row else ""
    return _spread(row["ms"], ".0f") + ratio


def overheads(rows: Iterable[dict]) -> str:
    """What a whole run costs outside its steps: start, imports, filters, targets and saving."""
    cells = [
        [row["backend"], str(row["size"]), "failed", row["error"]] if "error" in row else
        [row["backend"], str(row["size"]), _spread(row["outside_seconds"], ".1f"), f"{row['share_outside']:.1%} of {row['recipe_steps']} steps"]
        for row in rows
    ]  # fmt: skip
    return "### Outside the steps of a whole `stylelab transfer`\n\n" + _table(["", "size", "seconds", "share of a run"], cells)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    widths = [max(3, *map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


# the plot


def save_plot(results: dict, path: Path) -> None:
    """Write the plot as PNG, PDF or SVG, depending on the ending of `path`.

    Raises:
        InputError: the file cannot be written.
    """
    stream = io.BytesIO()
    draw(results).savefig(stream, format=path.suffix[1:].lower(), dpi=150)
    write_file(path, lambda file: file.write(stream.getvalue()))


def draw(results: dict) -> "Figure":
    """Rows of panels: time and memory for each group that has figures, then the loss against time of the races."""
    from stylelab.plots import Figure

    groups = [[row for row in found["rows"] if "ms" in row] for found in results["steps"]]
    groups, races = [rows for rows in groups if rows], [found for found in results["races"] if found["rows"]]
    heights = [0.9 + 0.3 * len(rows) for rows in groups] + [3.6] * bool(races)
    figure = Figure(figsize=(10, sum(heights) + 0.5), layout="constrained")
    subfigures: Any = figure.subfigures(len(heights), 1, height_ratios=heights) if heights else []
    panels = np.atleast_1d(subfigures)
    for panel, rows in zip(panels, groups, strict=False):
        _draw_bars(panel, rows)
    if races:
        _draw_races(panels[-1], races)
    return figure


def _draw_bars(panel, rows: list[dict]) -> None:
    """Time with its quartiles, and memory; a bar for each contender, ours in colour."""
    from stylelab.plots import LINES

    first, positions = rows[0], np.arange(len(rows))[::-1]
    panel.suptitle(f"{first['group']}: {first['encoder']}, {first['width']} x {first['height']}", x=0.01, ha="left", fontsize=11)
    time, memory = panel.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    colours = [LINES[1][0] if row["ours"] else "#999999" for row in rows]
    low, median, high = (np.array([row["ms"][name] for row in rows]) for name in ("low", "median", "high"))
    errors = {"ecolor": "#333333", "capsize": 2, "linewidth": 1}
    time.barh(positions, median, 0.7, color=colours, xerr=(median - low, high - median), error_kw=errors)
    megabytes = [row["gpu_mb"] or row["memory_mb"] for row in rows]
    memory.barh(positions, megabytes, 0.7, color=colours)
    for position, row, end, value in zip(positions, rows, high, megabytes, strict=True):
        share = f", {row['share_of_limit']['median']:.0%} of the limit" if "share_of_limit" in row else ""
        time.text(end + 0.01 * high.max(), position, f"{row['ms']['median']:.0f}{share}", va="center", fontsize=8)
        memory.text(value + 0.01 * max(megabytes), position, f"{value:.0f}", va="center", fontsize=8)
    time.set_yticks(positions, [_name(row) for row in rows], fontsize=9)
    time.set(xlabel="milliseconds per step (median and quartiles)", xlim=(0, high.max() * 1.35))
    memory.set(xlabel="memory above the framework's own (MB)", xlim=(0, max(megabytes) * 1.18))
    for axis in (time, memory):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(axis="y", length=0)


def _draw_races(panel, races: list[dict]) -> None:
    """Everyone's loss against the seconds of the steps, and the loss to be reached."""
    from stylelab.plots import LINES

    panel.suptitle("Loss against time, judged by one loss in float32", x=0.01, ha="left", fontsize=11)
    axes = panel.subplots(1, len(races), squeeze=False)[0]
    for axis, found in zip(axes, races, strict=True):
        ours = [name for name in found["tracks"] if name != found["against"]]
        looks = dict(zip(ours, LINES[1:], strict=False)) | {found["against"]: ("#666666", "-")}
        for name, track in found["tracks"].items():
            colour, dashes = looks.get(name, LINES[0])
            axis.plot(track["seconds"], track["losses"], color=colour, linestyle=dashes, label=name)
        if "loss" in found:
            axis.axhline(found["loss"], color="#666666", linewidth=0.8, linestyle=":", label="its last image's loss")
        axis.set(xlabel="seconds", yscale="log")
        axis.set_title(f"{found['against']}, {found['size']} px", fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("loss (weighted, no unit)")


if __name__ == "__main__":
    sys.exit(processes.exit_status(lambda: main(sys.argv[1:])))
