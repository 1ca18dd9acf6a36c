"""Paint a gallery: every pair on Dask workers, saved as soon as it is finished.

Images are read here and sent as arrays, so workers on other machines need no shared disk. gallery.json records the finished
pairs, so that the same command resumes where the last one stopped.
"""

import json
import time
from collections.abc import Callable, Generator

import numpy as np

from stylelab.base.files import folder_errors, quoted, temporary_files, write_text
from stylelab.base.interrupts import interrupts
from stylelab.tools.gallery import contact_sheet
from stylelab.tools.gallery.plan import DONE, FAILED, KEPT, WAITING, Pair, Plan, read_records
from stylelab.tools.gallery.schedule import paint_pairs, parallel_pairs

REST = 20  # times as long as the last writing of the records took, before they are written again


def paint(plan: Plan, *, scheduler: str | None = None) -> Generator[Pair]:
    """Paint the pairs that are not done yet, and yield each one when it is finished, in no particular order.

    A pair that fails does not affect the others.

    Args:
        plan: from `stylelab.tools.gallery.plan.plan`; its pairs are updated.
        scheduler: address of a Dask scheduler; None starts workers on this machine.

    Raises:
        MachineError: no scheduler at this address, or no workers.
        InputError: the folder cannot be written any more.
    """
    yield from (pair for pair in plan.pairs if pair.state == KEPT)
    waiting = [pair for pair in plan.pairs if pair.state == WAITING]
    if waiting:
        from stylelab.tools.cluster import connect

        tasks = len(waiting) if scheduler else parallel_pairs(plan, waiting)
        with (
            temporary_files(plan.folder),
            interrupts() as signals,
            connect(scheduler, tasks=tasks, device=plan.options.device) as client,
        ):
            signals.once = True  # after the first Ctrl-C, further ones wait until the workers have ended
            with folder_errors(plan.folder):
                plan.folder.mkdir(parents=True, exist_ok=True)
            try:
                yield from paint_pairs(client, plan, waiting, signals, Recorder(plan))
            finally:
                write_records(plan)
    elif plan.folder.is_dir():
        write_records(plan)


class Recorder:
    """Call it when pairs are finished: it writes the records at once, unless that would take a twentieth of the time.

    Both files name all pairs, so to write them after each of a thousand would take longer and longer.
    """

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.perf_counter) -> None:
        self.plan, self.clock, self.due = plan, clock, clock()

    def __call__(self) -> None:
        if (began := self.clock()) >= self.due:
            write_records(self.plan)
            self.due = self.clock() + REST * (self.clock() - began)


def write_records(plan: Plan) -> None:
    """Write gallery.json and index.html as things are now. Records of other galleries in the same folder are kept."""
    records = read_records(plan.folder)
    for pair in plan.pairs:
        if pair.state in (DONE, KEPT):
            records[pair.file] = {"settings": plan.settings, "inputs": list(pair.inputs), "facts": pair.facts}
        elif pair.state == FAILED:
            records.pop(pair.file, None)
    write_text(plan.folder / "gallery.json", json.dumps({"images": records}, indent=1) + "\n")
    write_text(plan.folder / "index.html", contact_sheet.page(plan))


def summary(plan: Plan) -> str:
    """One line: how many pairs were painted, kept or failed, the median time for one, and where the contact sheet is."""
    count = {state: sum(pair.state == state for pair in plan.pairs) for state in (DONE, KEPT, FAILED, WAITING)}
    parts = [f"{count[DONE]} painted"] + [f"{count[state]} {state}" for state in (KEPT, FAILED) if count[state]]
    parts += [f"{count[WAITING]} not started"] if count[WAITING] else []
    pace = ""
    if facts := [pair.facts for pair in plan.pairs if pair.state == DONE and "seconds" in pair.facts]:
        seconds = np.median([fact["seconds"] for fact in facts])
        precisions = sorted({fact["precision"] for fact in facts if "precision" in fact})
        pace = f" ({', '.join([f'{seconds:.1f} s each', *precisions])})"
    sheet = plan.folder / "index.html"
    return f"{', '.join(parts)} of {len(plan.pairs)} pairs{pace}" + (f"; see {quoted(sheet)}" if sheet.is_file() else "")
