"""Whether the machine was quiet while a part of the bench ran: who took processor time, and whether the limit drifted."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

OTHERS = 0.05  # share of the processors' time, taken by others, above which a part counts as too busy
KINDS = ("pictures", "steps", "races", "whole", "one_pass")
DRIFT = 0.10  # share of the best limit of a run that a part may lack


@contextmanager
def watch(part: str) -> Iterator[dict[str, Any]]:
    """Yield a dict that holds, at the end, what share of the processors' time others took, and the hypervisor.

    Others are all processes but this one and its children that have ended meanwhile, as contenders do.

    Args:
        part: of the bench, for the report.
    """
    figures: dict[str, Any] = {"part": part}
    began, (busy, stolen), own = time.perf_counter(), _machine(), _own()
    try:
        yield figures
    finally:
        (busy_after, stolen_after), seconds = _machine(), time.perf_counter() - began
        there = seconds * (os.cpu_count() or 1)
        others = max(0.0, (busy_after - busy) - (_own() - own))
        figures |= {"seconds": seconds, "others": others / there, "stolen": (stolen_after - stolen) / there}


def _machine() -> tuple[float, float]:
    """Seconds that all processors together have been busy, and seconds that the hypervisor has withheld from them."""
    times = psutil.cpu_times()
    return sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq")), getattr(times, "steal", 0.0)


def _own() -> float:
    """Processor seconds of this process and of its children that have ended, with theirs."""
    times = psutil.Process().cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def parts(results: dict) -> list[dict]:
    """What `watch` saw of each part, with the part's lowest limit as a share of the best in the run, if limits were measured."""
    seen = {}
    for kind in KINDS:
        best: dict[str, float] = {}
        for found in results.get(kind, ()):
            for name, rate in limits(found):
                best[name] = max(rate["median"], best.get(name, 0.0))
        for part, found in watched(results, kind):
            shares = [rate["median"] / best[name] for name, rate in limits(found)]
            seen[part] = found["busy"] | ({"limit": min(shares)} if shares else {})
    return list(seen.values())


def watched(results: dict, *kinds: str) -> list[tuple[str, dict]]:
    """Each part of a run that was watched, by its name, with what was found; of some kinds only, if they are given."""
    return [(found["busy"]["part"], found) for kind in kinds or KINDS for found in results.get(kind, ()) if found.get("busy")]


def limits(found: dict) -> Iterable[tuple[str, dict[str, float]]]:
    """The fastest matrix products of a part, in GFLOP/s, by framework and precision."""
    return ((f"{limit['backend']} {limit['precision']}", limit["gflops"]) for limit in found.get("limits", ()))


def reasons(figures: dict) -> list[str]:
    """Why a part was too busy; empty if it was not."""
    found = []
    if figures["others"] + figures["stolen"] > OTHERS:
        found.append(f"others took {figures['others']:.0%} of the processors' time, the hypervisor {figures['stolen']:.0%}")
    if figures.get("limit", 1.0) < 1 - DRIFT:
        found.append(f"the limit fell to {figures['limit']:.0%} of the run's best")
    return found


def verdict(results: dict) -> str:
    """One line: which parts were too busy, and why; empty if none was, or nothing was watched."""
    found = [f"{figures['part']} ({'; '.join(why)})" for figures in parts(results) if (why := reasons(figures))]
    return f"Too busy: {', '.join(found)}." if found else ""
