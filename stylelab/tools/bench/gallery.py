"""What a large gallery costs: whether it keeps the cores busy and its memory flat, and what Dask takes for a pair.

python -m stylelab.tools.bench.gallery [--framework torch] [--pairs 1000] [-o FILE] [--page docs/speed.md]
python -m stylelab.tools.bench.gallery --quick          a dozen pairs
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from stylelab import images
from stylelab.base.course import TITLES
from stylelab.base.files import check_target, write_text
from stylelab.base.frameworks import installed
from stylelab.base.processes import exit_status, module_environment, python_of
from stylelab.errors import MachineError
from stylelab.tools.bench import busy, report
from stylelab.tools.bench.command import describe_machine

MARKS = (0.1, 0.5, 1.0)  # shares of the pairs after which memory is measured
GLANCE = 0.05  # seconds between two looks at the folder
SMALL, LARGE = 48, 512  # pixels
SETTINGS = {"size": SMALL, "steps": 3, "encoder": "mini", "device": "cpu"}
TASKS = 300  # empty ones, for what Dask takes
MEGABYTE = 2**20
LEAST = 64  # MB that a worker takes
PAGE = ("<!-- gallery: written by stylelab.tools.bench.gallery -->", "<!-- end of the gallery -->")


def main(arguments: list[str]) -> None:
    """Print the figures; `-o` writes them as JSON, `--page` into a page."""
    parser = argparse.ArgumentParser(prog="python -m stylelab.tools.bench.gallery", description=__doc__.split("\n")[0])
    parser.add_argument("--framework", choices=tuple(TITLES), action="append", help="only this one; may be repeated")
    parser.add_argument("--pairs", type=int, default=1000, metavar="N", help="1000 by default")
    parser.add_argument("--quick", action="store_true", help="a dozen pairs")
    parser.add_argument("-o", "--out", type=Path, help="a JSON file")
    parser.add_argument("--page", type=Path, help="a page whose section on the gallery is written again")
    options = parser.parse_args(arguments)
    for path in filter(None, (options.out, options.page)):
        check_target(path)
    found: dict[str, Any] = {"machine": describe_machine(), "settings": SETTINGS, "runs": []}
    print(report.machine(found["machine"]), flush=True)
    count, tasks = (12, 30) if options.quick else (options.pairs, TASKS)
    frameworks = options.framework or installed()
    for framework in frameworks:
        python_of(framework)  # raises if it is not installed
    for framework in frameworks:
        with busy.watch(f"gallery, {framework}") as seen:
            run = {**paint_gallery(count, framework), "cluster": measure_cluster(framework, tasks)}
        found["runs"].append(run | {"too_busy": busy.reasons(seen)})
        print("\n" + describe(found["runs"][-1:]), flush=True)
    found["files"] = measure_files(count)
    print("\n" + describe_files(found["files"]))
    if options.out:
        write_text(options.out, json.dumps(found, indent=1) + "\n")
    if options.page:
        report.replace(
            options.page, PAGE, [report.machine(found["machine"]), describe(found["runs"]), describe_files(found["files"])]
        )


# the gallery


def paint_gallery(count: int, framework: str) -> dict:
    """Run `stylelab gallery` on `count` pairs, and watch its processes.

    Returns:
        pairs, workers, seconds, the share of the cores that was busy in the whole command and while painting, and at each of
        MARKS the seconds so far, CPU seconds and memory in MB.

    Raises:
        MachineError: the command failed, or a pair is missing.
    """
    with tempfile.TemporaryDirectory(prefix="stylelab-gallery-") as name:
        folder = Path(name)
        make_images(folder, count)
        command = [python_of(framework), "-P", "-m", "stylelab", "gallery", "content", "style", "-o", "out"]
        command += ["--backend", framework, *(text for name, value in SETTINGS.items() for text in (f"--{name}", str(value)))]
        began = time.perf_counter()
        with open(folder / "said", "w") as said:
            process = subprocess.Popen(command, cwd=folder, env=module_environment(), stdout=said, stderr=said)
            marks = watch(process.pid, folder / "out", count, began)
            status, usage = os.wait4(process.pid, 0)[1:]  # with the time of its workers
        process.returncode, seconds = os.waitstatus_to_exitcode(status), time.perf_counter() - began
        if process.returncode or len(marks) < len(MARKS):
            raise MachineError(f"stylelab gallery failed: {(folder / 'said').read_text().strip()[-300:]}")
        facts = [record["facts"] for record in json.loads((folder / "out" / "gallery.json").read_text())["images"].values()]
    cores, first, last = psutil.cpu_count() or 1, marks[0], marks[-1]
    painting = (last["cpu"] - first["cpu"]) / (last["seconds"] - first["seconds"]) / cores
    return {
        "framework": framework,
        "pairs": len(facts),
        "cores": cores,
        "workers": last["workers"],
        "seconds": seconds,
        "pairs_per_minute": 60 * count / seconds,
        "busy": (usage.ru_utime + usage.ru_stime) / seconds / cores,
        "busy_painting": painting,
        "seconds_per_pair": statistics.median(fact["seconds"] for fact in facts),
        "marks": marks,
    }


def make_images(folder: Path, count: int) -> None:
    """Write content and style images that make `count` pairs."""
    styles = next(number for number in range(math.isqrt(count), 0, -1) if count % number == 0)
    rng = np.random.default_rng(0)
    for kind, number in (("content", count // styles), ("style", styles)):
        (folder / kind).mkdir()
        for index in range(number):
            images.save(images.resize(rng.uniform(size=(8, 12, 3)).astype(np.float32), 96), folder / kind / f"{index:03}.png")


def watch(pid: int, folder: Path, count: int, began: float) -> list[dict]:
    """What the processes of a running command have used when each of MARKS is reached. It ends when they have ended."""
    marks: list[dict] = []
    command = psutil.Process(pid)
    for share in MARKS:
        while command.status() != psutil.STATUS_ZOMBIE:
            if painted(folder) >= share * count:
                marks.append({"share": share, "seconds": time.perf_counter() - began, **usage_of(command)})
                break
            time.sleep(GLANCE)
    return marks


def painted(folder: Path) -> int:
    """How many images are in a gallery's folder."""
    return sum(name.endswith(".png") and not name.startswith(".") for name in os.listdir(folder)) if folder.is_dir() else 0


def usage_of(command: psutil.Process) -> dict:
    """CPU seconds and memory in MB of a command and all its processes, and the number of its workers."""
    found: dict[str, float] = {"cpu": 0.0, "command_mb": 0.0, "workers_mb": 0.0, "workers": 0}
    for process in (command, *command.children(recursive=True)):
        try:
            times, used = process.cpu_times(), memory_of(process.pid)
        except (psutil.Error, OSError):  # it has just ended
            continue
        found["cpu"] += times.user + times.system
        found["command_mb" if process.pid == command.pid else "workers_mb"] += used
        found["workers"] += process.pid != command.pid and used > LEAST  # the others only clean up
    return found | {"memory_mb": found["command_mb"] + found["workers_mb"]}


def memory_of(pid: int) -> float:
    """MB that a process has written to. The files of libraries are left out: the system shares them, and may drop them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) / 1024
    except FileNotFoundError:  # not Linux
        return psutil.Process(pid).memory_info().rss / MEGABYTE


# what one pair costs besides being painted


def measure_cluster(framework: str, tasks: int) -> dict:
    """Seconds until workers are there and a first pair is painted, and what Dask takes for a task that does nothing."""
    from stylelab.tools.cluster import connect

    options = {"backend": framework, **SETTINGS}
    began = time.perf_counter()
    with connect(None, tasks=psutil.cpu_count() or 1, device="cpu") as client:
        client.wait_for_workers(len(client.cluster.worker_spec))
        found: dict[str, Any] = {"seconds_until_workers": time.perf_counter() - began}
        one = next(iter(client.nthreads()))
        found["seconds_first_pair"], found["seconds_next_pair"] = (
            seconds(lambda: painted_by(client, one, options)) for _ in range(2)
        )
        for size in (SMALL, LARGE):
            found[str(size)] = measure_tasks(client, size, tasks)
    return found


def painted_by(client, worker: str, options: dict) -> dict:
    """The answer of one worker that paints one pair.

    Raises:
        MachineError: it could not.
    """
    from stylelab.tools.gallery.worker import paint_pair

    answer = client.submit(paint_pair, *two_images(SMALL), options, pure=False, workers=[worker]).result()
    if answer["error"]:
        raise MachineError(answer["error"])
    return answer


def measure_tasks(client, size: int, tasks: int) -> dict:
    """What Dask takes for a task that carries two images there and one back: alone, and as one of many."""
    pair = two_images(size)

    def submit():
        return client.submit(nothing, *pair, {}, pure=False)

    alone = [seconds(lambda: submit().result()) for _ in range(tasks)]
    cpu = time.process_time()
    together = seconds(lambda: client.gather([submit() for _ in range(tasks)]))
    cpu = time.process_time() - cpu
    return {"ms": 1000 * statistics.median(alone), "per_second": tasks / together, "cpu_ms": 1000 * cpu / tasks}


def measure_files(records: int) -> dict:
    """Milliseconds for reading, saving and recording, and bytes on disk and on the network."""
    from stylelab.tools.gallery.paint import write_records
    from stylelab.tools.gallery.plan import DONE, Pair, plan

    found: dict[str, Any] = {"records": records}
    with tempfile.TemporaryDirectory(prefix="stylelab-gallery-") as name:
        folder = Path(name)
        photo, image = two_images(4000)[0], two_images(LARGE)[0]
        images.save(photo, folder / "photo.jpg")
        planned = plan(str(folder / "photo.jpg"), str(folder / "photo.jpg"), folder / "out", encoder="mini", size=LARGE)
        path = planned.contents["photo"]
        found["prepare_ms"] = 1000 * seconds(lambda: planned.prepare(path, path))
        found["save_ms"] = 1000 * seconds(lambda: images.save(image, folder / "image.png"))
        found["image_bytes"], found["array_bytes"] = (folder / "image.png").stat().st_size, image.nbytes
        planned.folder.mkdir()
        facts = {
            "seconds": 0.2,
            "steps": 3,
            "device": "cpu",
            "precision": "bfloat16",
            "scales": [32, 48],
            "tile": None,
            "batch": 1,
        }
        digest = "0" * 64
        planned.pairs = [
            Pair("photo", "photo", f"{number}.png", (digest, digest), DONE, facts=facts) for number in range(records)
        ]
        write_records(planned)
        found["records_ms"] = 1000 * seconds(lambda: write_records(planned))
        found["record_bytes"] = sum((planned.folder / name).stat().st_size for name in ("gallery.json", "index.html")) / records
    return found


def two_images(size: int) -> np.ndarray:
    """Two images as a task carries them, `(2, H, W, 3)`, three to two."""
    return np.random.default_rng(0).random((2, size * 2 // 3, size, 3), np.float32)


def nothing(content: np.ndarray, style: np.ndarray, options: dict) -> dict:
    """A task that takes no time."""
    return {"image": content, "facts": {}, "error": None, "exit_status": 0}


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


# the figures


def describe(runs: list[dict]) -> str:
    """A table with a column for each framework."""
    lines = ["", "---", "pairs, workers", "seconds", "pairs per minute", "seconds of painting per pair, median"]
    lines += ["cores kept busy, the whole command", "... from the first tenth of the pairs to the last"]
    lines += [f"memory after {share:.0%} of the pairs, MB" for share in MARKS]
    lines += ["seconds until all workers are there", "seconds of a worker's first pair", "... of its next"]
    for size in (SMALL, LARGE):
        lines += [f"an empty task with images of {size} pixels, ms", "... many at once, per second"]
        lines += ["... CPU of scheduler and command for each, ms"]
    for run in runs:
        cluster, tasks = run["cluster"], [run["cluster"][str(size)] for size in (SMALL, LARGE)]
        cells = [TITLES[run["framework"]], "---", f"{run['pairs']}, {run['workers']}", f"{run['seconds']:.0f}"]
        cells += [f"{run['pairs_per_minute']:.0f}", f"{run['seconds_per_pair']:.2f}", f"{run['busy']:.0%}"]
        cells += [f"{run['busy_painting']:.0%}", *(f"{mark['memory_mb']:.0f}" for mark in run["marks"])]
        cells += [f"{cluster[name]:.1f}" for name in ("seconds_until_workers", "seconds_first_pair", "seconds_next_pair")]
        cells += [text for each in tasks for text in (f"{each['ms']:.1f}", f"{each['per_second']:.0f}", f"{each['cpu_ms']:.1f}")]
        lines = [f"{line} | {cell}" for line, cell in zip(lines, cells, strict=True)]
    return "\n".join(f"| {line} |" for line in lines)


def describe_files(found: dict) -> str:
    """A sentence."""
    return (
        f"The command itself, in one process: {found['prepare_ms']:.0f} ms to read two photographs of 11 megapixels and resize them "
        f"to {LARGE} pixels, {found['save_ms']:.0f} ms to save an image of noise ({found['image_bytes'] / 1e6:.1f} MB; "
        f"{found['array_bytes'] / 1e6:.1f} MB as it is sent), {found['records_ms']:.0f} ms to write the records of "
        f"{found['records']} pairs ({found['record_bytes'] / 1000:.1f} kB each)."
    )


if __name__ == "__main__":
    sys.exit(exit_status(lambda: main(sys.argv[1:])))
