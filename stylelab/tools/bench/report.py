"""The figures as lines of text, for a terminal."""

from collections.abc import Iterable

COLUMNS = ("", "ms per step", "of the limit", "first step s", "memory MB", "peak MB", "loss")


def heading(machine: dict) -> str:
    """Where this was measured."""
    parts = (f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB",
             f"torch {machine['torch']}, TensorFlow {machine['tensorflow']}, Python {machine['python']}",
             f"load before the start {machine['load_before']}")  # fmt: skip
    return "; ".join(parts)


def group(found: dict) -> str:
    """One group: a table of who took what, the ratios below it."""
    first = found["rows"][0]
    title = f"{first['group']}: recipe {first['recipe']}, {first['encoder']}, {first['width']} x {first['height']}"
    lines = [f"\n{title}", table([COLUMNS, *map(_row, found["rows"])])]
    lines += [
        f"  limit of {each['backend']} {each['precision']}: {_span(each['gflops'], '.0f')} GFLOP/s" for each in found["limits"]
    ]
    lines += [_ratio(each) for each in found["ratios"]]
    lines += [f"  {row['name']}: {row['error']}" for row in found["rows"] if row["error"]]
    lines += [f"  {name}: {why}" for name, why in found["lost"].items()]
    return "\n".join(lines)


def _row(row: dict) -> tuple[str, ...]:
    if "ms" not in row:
        return (row["name"], "failed", *[""] * 5)
    ran_in = f" ({row['ran_in']})" if row["precision"] == "auto" else ""
    share = row.get("share_of_limit")
    return (
        row["name"] + ran_in, _span(row["ms"], ".0f"), f"{share['median']:.0%}" if share else "-",
        f"{row['first_step_seconds']:.1f}", f"{row['gpu_mb'] or row['memory_mb']:.0f}", f"{row['peak_mb']:.0f}",
        "-" if row.get("loss") is None else f"{row['loss']:.4g}",
    )  # fmt: skip


def _span(spread: dict, number: str) -> str:
    return f"{spread['median']:{number}} ({spread['low']:{number}}-{spread['high']:{number}})"


def _ratio(ratio: dict) -> str:
    memory = "" if ratio["memory"] is None else f"; memory {ratio['memory']:.2f} of theirs"
    return f"  {ratio['ours']} is {_span(ratio['times_as_fast'], '.2f')} times as fast as {ratio['against']}{memory}"


def race(found: dict) -> str:
    """When ours was as good as their last image."""
    lines = [
        f"\nSeconds to the loss of {found['against']}'s last image: recipe {found['recipe']}, {found['encoder']}, {found['size']} px"
    ]
    if "loss" in found:
        lines.append(f"  {found['against']}: loss {found['loss']:.5g} after {found['steps']} steps, {found['seconds']:.1f} s")
    for row in found["rows"]:
        if "seconds" in row:
            lines.append(
                f"  {row['name']}: there after {row['steps']} steps, {row['seconds']:.1f} s: {row['times_as_fast']:.2f} times as fast"
            )
        else:
            lines.append(f"  {row['name']}: not reached; its last loss is {row['last_loss']}")
    if len(found.get("precisions", ())) > 1:
        told = ", ".join(f"{each['precision']} {each['loss']:.5g}" for each in found["precisions"])
        lines.append(f"  loss after {found['precisions'][0]['steps']} steps: {told}")
    return "\n".join(lines + [f"  {name}: {why}" for name, why in found["lost"].items()])


def whole(rows: Iterable[dict]) -> str:
    """What a run costs outside its steps."""
    lines = ["\nOutside the steps of a whole `stylelab transfer`: start, imports, filters, targets, saving"]
    for row in rows:
        where = f"  {row['backend']}, {row['size']} px: "
        if "error" in row:
            lines.append(where + row["error"])
        else:
            lines.append(
                f"{where}{row['outside_seconds']:.1f} s, {row['share_outside']:.1%} of a run of {row['recipe_steps']} steps"
            )
    return "\n".join(lines)


def table(rows: list[tuple[str, ...]]) -> str:
    """Columns set under each other, the first to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )  # fmt: skip
