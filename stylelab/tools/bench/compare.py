"""Whether two runs of the bench agree: every figure that both have, within the quartiles of each.

The quartiles of a figure say how it varied from round to round. From run to run the machine varies as well, which its matrix
products, timed in the same rounds, tell: no figure is known better than they are, so they give it room.
"""

from collections.abc import Iterator
from typing import Any

from stylelab.errors import InputError, StylelabError
from stylelab.tools.bench import busy

ENOUGH = 4  # with fewer measurements than this, quartiles say little
ROOM = 0.05  # share of a figure of few measurements that stands for its quartiles, to each side

ASKED = ("encoder", "content", "style", "device", "quick")

Figure = tuple[dict[str, float], str]  # a spread, and the part of the bench that it comes from


class Disagreement(StylelabError):
    """Two runs, of which neither was too busy, do not agree."""

    exit_status = 1


def compare(first: dict, second: dict) -> list[str]:
    """The lines to print: each figure that differs by more than its spread, and how many agree.

    Raises:
        InputError: the runs have no figure in common, or were asked for different things.
        Disagreement: a figure differs, and neither run says that its part was too busy. It holds the same lines.
    """
    if different := [name for name in ASKED if first.get("asked", {}).get(name) != second.get("asked", {}).get(name)]:
        raise InputError(f"these two runs differ in {', '.join(different)}: run both with the same options")
    before, after = dict(figures(first)), dict(figures(second))
    common = [name for name in before if name in after]
    if not common:
        raise InputError("these two runs have no figure in common: run both with the same options")
    slowed = {part for part, gap in _gaps(first, second, "median", "median").items() if gap > busy.DRIFT}
    too_busy = slowed | {seen["part"] for results in (first, second) for seen in busy.parts(results) if busy.reasons(seen)}
    rooms = {part: min(gap, busy.DRIFT) for part, gap in _gaps(first, second, "low", "high").items()}
    differ = [name for name in common if not agree(before[name][0], after[name][0], rooms.get(before[name][1], 0.0))]
    wrong = [name for name in differ if before[name][1] not in too_busy]
    lines = [
        f"{name}: {_shown(before[name][0])} and {_shown(after[name][0])}" + ("" if name in wrong else ", too busy to compare")
        for name in differ
    ]
    lines.append(f"{len(common) - len(differ)} of {len(common)} figures agree.")
    if only := len(before) + len(after) - 2 * len(common):
        lines.append(f"{only} figures are in one of the runs only.")
    if wrong:
        raise Disagreement("\n".join(lines))
    return lines


def _gaps(first: dict, second: dict, low: str, high: str) -> dict[str, float]:
    """For each part that both runs have, the share by which the lowest `low` of a matrix product is below its highest `high`.

    A part without such products, as the seconds outside the steps, has the best ones of all other parts.
    """
    rates = [{part: dict(busy.limits(found)) for part, found in busy.watched(results)} for results in (first, second)]
    best: list[dict[str, dict[str, float]]] = [{}, {}]
    for found, most in zip(rates, best, strict=True):
        for own in found.values():
            most |= {name: max(rate, most.get(name, rate), key=lambda each: each["median"]) for name, rate in own.items()}

    def gap(one: dict[str, dict[str, float]], other: dict[str, dict[str, float]]) -> float:
        pairs = [(one[name], other[name]) for name in one.keys() & other.keys()]
        return max((1 - min(pair[low] for pair in both) / max(pair[high] for pair in both) for both in pairs), default=0.0)

    return {part: gap(own, rates[1][part]) if own else gap(*best) for part, own in rates[0].items() if part in rates[1]}


def agree(first: dict[str, float], second: dict[str, float], room: float = 0.0) -> bool:
    """Whether the quartiles of two spreads meet, or are apart by no more than a share of them.

    >>> from stylelab.tools.bench.compare import agree
    >>> agree({"median": 3, "low": 2, "high": 4, "count": 9}, {"median": 6, "low": 4, "high": 7, "count": 9})
    True
    """
    (low, high), (other_low, other_high) = _quartiles(first), _quartiles(second)
    return low * (1 - room) <= other_high and other_low * (1 - room) <= high


def _quartiles(spread: dict[str, float]) -> tuple[float, float]:
    low, median, high = (spread[name] for name in ("low", "median", "high"))
    room = 0.0 if spread["count"] >= ENOUGH else ROOM * abs(median)
    return min(low, median - room), max(high, median + room)


def _shown(spread: dict[str, float]) -> str:
    return f"{spread['median']:.3g} ({spread['low']:.3g}-{spread['high']:.3g})"


def figures(results: dict) -> Iterator[tuple[str, Figure]]:
    """Every figure of a run by its name."""
    for found in results.get("pictures", ()):
        for row in found["rows"]:
            if "seconds" in row:
                yield f"picture {found['size']} px: {row['name']}, s", (row["seconds"], _part(found))
    for found in results.get("steps", ()):
        for row in found["rows"]:
            if "ms" in row:
                yield f"{_group(row)}: {row['name']}, ms per step", (row["ms"], _part(found))
        for ratio in found["ratios"]:
            name = f"{_group(ratio)}: {ratio['ours']} against {ratio['against']}, times as fast"
            yield name, (ratio["times_as_fast"], _part(found))
    for found in results.get("races", ()):
        for row in found["rows"]:
            if "seconds" in row:
                yield (
                    f"race {found['size']} px: {row['name']} against {found['against']}, s",
                    (_one(row["seconds"]), _part(found)),
                )
    for row in results.get("whole", ()):
        if "outside_seconds" in row:
            yield f"outside the steps {row['size']} px: {row['backend']}, s", (row["outside_seconds"], _part(row))
    for found in results.get("one_pass", ()):
        for row in found["rows"]:
            yield (
                f"one pass {row['task']} {row['size']} px, {found['threads']} threads: {row['name']}, ms",
                (row["ms"], _part(found)),
            )


def _part(found: dict[str, Any]) -> str:
    return found.get("busy", {}).get("part", "")


def _group(row: dict) -> str:
    return f"{row['group']} {row['width']} x {row['height']}"


def _one(value: float) -> dict[str, float]:
    return {"median": value, "low": value, "high": value, "count": 1}
