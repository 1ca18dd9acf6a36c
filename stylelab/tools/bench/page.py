"""The figures of a JSON file as Markdown, put into docs/speed.md: `python -m stylelab.tools.bench.page bench.json docs/speed.md`."""

import json
import sys
from pathlib import Path

from stylelab.base import processes
from stylelab.base.files import write_text
from stylelab.errors import InputError

BEGIN, END = "<!-- figures: written by stylelab.tools.bench.page -->", "<!-- end of the figures -->"
BUSY = 0.3  # processes for each core, before the bench began, from which a machine counts as busy


def main(arguments: list[str]) -> None:
    """Replace what stands between the two marks of a page.

    Raises:
        InputError: the page has no such marks.
    """
    figures, page = map(Path, arguments)
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError(f"'{page}' has no place for figures: put these two lines in, {BEGIN} and {END}")
    write_text(page, f"{before}{BEGIN}\n{markdown(json.loads(figures.read_text()))}\n{END}{after}")


def markdown(results: dict) -> str:
    """Where it was measured, a table for each group, the races, and what a run costs outside its steps."""
    parts = [_machine(results["machine"])]
    parts += [_group(found) for found in results["steps"] if any("ms" in row for row in found["rows"])]
    parts += [_race(found) for found in results["races"] if "loss" in found]
    if whole := [row for row in results["whole"] if "share_outside" in row]:
        parts.append(_whole(whole))
    return "\n\n".join(parts)


def _machine(about: dict) -> str:
    busy = about["load_before"] > BUSY * about["cores"]
    warning = " Others were at work on it: trust the ratios, which are paired, and not the milliseconds." if busy else ""
    return (
        f"Measured {about['when']} on {about['processor']}, {about['cores']} cores, {about['memory_gb']} GB; PyTorch "
        f"{about['torch']}, TensorFlow {about['tensorflow']}. Load before it began: {about['load_before']}.{warning}"
    )


def _group(found: dict) -> str:
    first = found["rows"][0]
    ratios = {}
    for each in found["ratios"]:
        ratios.setdefault(each["ours"], {})[each["against"]] = each["times_as_fast"]
    theirs = list(dict.fromkeys(each["against"] for each in found["ratios"] if not each["against"].startswith("ours")))
    heads = ["", "ms per step", "of the limit", "memory MB", "peak MB", *(f"times as fast as {name}" for name in theirs)]
    rows = [
        [row["name"] + (f" ({row['ran_in']})" if row["precision"] == "auto" else ""), _span(row["ms"], ".0f"),
         f"{row['share_of_limit']['median']:.0%}" if "share_of_limit" in row else "",
         f"{row['gpu_mb'] or row['memory_mb']:.0f}", f"{row['peak_mb']:.0f}",
         *(_span(ratios.get(row["name"], {}).get(name), ".2f") for name in theirs)]
        for row in found["rows"] if "ms" in row
    ]  # fmt: skip
    limits = ", ".join(f"{each['backend']} {each['precision']} {each['gflops']['median']:.0f}" for each in found["limits"])
    title = f"### {first['group']}: {first['encoder']}, {first['width']} x {first['height']}, recipe `{first['recipe']}`"
    between = [
        f"- {each['ours']} is {_span(each['times_as_fast'], '.2f')} times as fast as {each['against']}."
        for each in found["ratios"] if each["against"].startswith("ours")
    ]  # fmt: skip
    return "\n".join([title, "", _table(heads, rows), "", f"Limits in the same run, GFLOP/s: {limits}.", *between])


def _span(spread: dict | None, number: str) -> str:
    return f"{spread['median']:{number}} ({spread['low']:{number}}-{spread['high']:{number}})" if spread else ""


def _race(found: dict) -> str:
    title = (
        f"### To the loss of {found['against']}'s last image: {found['encoder']}, {found['size']} px, recipe `{found['recipe']}`"
    )
    rows = [[found["against"], str(found["steps"]), f"{found['seconds']:.1f}", f"{found['loss']:.5g}", ""]]
    rows += [
        [row["name"], str(row["steps"]), f"{row['seconds']:.1f}", "", f"{row['times_as_fast']:.2f}"] if "seconds" in row
        else [row["name"], "", "not reached", f"{row['last_loss']:.5g} at its end" if row["last_loss"] is not None else "", ""]
        for row in found["rows"]
    ]  # fmt: skip
    lines = [title, "", _table(["", "steps", "seconds", "loss", "times as fast"], rows)]
    if len(told := found.get("precisions", [])) > 1:
        losses = ", ".join(f"{each['precision']} {each['loss']:.5g}" for each in told)
        lines += ["", f"Loss after {told[0]['steps']} steps at full size: {losses}."]
    return "\n".join(lines)


def _whole(rows: list[dict]) -> str:
    cells = [
        [row["backend"], str(row["size"]), f"{row['outside_seconds']:.1f}", f"{row['share_outside']:.1%} of {row['recipe_steps']} steps"]
        for row in rows
    ]  # fmt: skip
    return "### Outside the steps of a whole `stylelab transfer`\n\n" + _table(["", "size", "seconds", "share of a run"], cells)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(processes.report(lambda: main(sys.argv[1:])))
