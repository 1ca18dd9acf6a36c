"""What the benchmark of a gallery counts. No time is asserted."""

import json
import subprocess
import sys
import time

import pytest

from stylelab.errors import InputError, MachineError
from stylelab.tools.bench import gallery

WORKER = """
import time
held, began = bytearray(b"x") * (100 * 2**20), time.process_time()
while time.process_time() - began < 0.5:
    pass
print("ready", flush=True)
time.sleep(60)
"""
COMMAND = f"""
import pathlib, subprocess, sys, time
with subprocess.Popen([sys.executable, "-c", {WORKER!r}], stdout=subprocess.PIPE) as worker:
    worker.stdout.readline()
    out = pathlib.Path("out")
    out.mkdir()
    for number in range(4):
        time.sleep(0.2)
        (out / f".{{number}}.png").touch()
        (out / f"{{number}}.png").touch()
    time.sleep(0.5)
    worker.kill()
"""


def run() -> dict:
    """Figures as a run has them."""
    tasks = {"ms": 9.0, "per_second": 200.0, "cpu_ms": 4.0}
    cluster = {"seconds_until_workers": 3.0, "seconds_first_pair": 7.0, "seconds_next_pair": 0.25, "48": tasks, "512": tasks}
    marks = [{"share": share, "memory_mb": 1000 + share} for share in gallery.MARKS]
    return {"framework": "torch", "pairs": 1000, "workers": 2, "seconds": 100.0, "pairs_per_minute": 600.0, "busy": 0.93,
            "busy_painting": 0.97, "seconds_per_pair": 0.17, "marks": marks, "cluster": cluster}  # fmt: skip


@pytest.mark.parametrize(("count", "contents", "styles"), [(1000, 40, 25), (12, 4, 3), (7, 7, 1)])
def test_the_images_make_as_many_pairs_as_asked_for(tmp_path, count, contents, styles):
    gallery.make_images(tmp_path, count)
    found = {kind: [path.read_bytes() for path in (tmp_path / kind).iterdir()] for kind in ("content", "style")}
    assert [len(files) for files in found.values()] == [contents, styles]
    assert all(len(set(files)) == len(files) for files in found.values())


def test_memory_and_time_are_those_of_the_command_and_its_workers(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", COMMAND], cwd=tmp_path)
    marks = gallery.watch(process.pid, tmp_path / "out", 4, time.perf_counter())
    assert process.wait() == 0
    assert [mark["share"] for mark in marks] == list(gallery.MARKS)
    assert all(mark["workers_mb"] > 100 > mark["command_mb"] > 1 and mark["cpu"] > 0.5 and mark["workers"] == 1 for mark in marks)
    seconds = [mark["seconds"] for mark in marks]
    assert seconds == sorted(seconds) and seconds[2] - seconds[0] > 0.4  # three of the four pauses lie between


def test_a_command_that_fails_is_one_line(monkeypatch):
    monkeypatch.setitem(gallery.SETTINGS, "size", 0)
    with pytest.raises(MachineError, match="stylelab gallery failed: .*got 0") as caught:
        gallery.paint_gallery(4, "torch")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_quick_run_has_every_figure_and_writes_it_into_the_page(tmp_path, framework, capsys):
    page, out = tmp_path / "page.md", tmp_path / "out.json"
    page.write_text("\n".join(["before", *gallery.PAGE, "after"]))
    gallery.main(["--quick", "--framework", framework, "-o", str(out), "--page", str(page)])
    (found,) = json.loads(out.read_text())["runs"]
    assert found["pairs"] == 12 and [mark["share"] for mark in found["marks"]] == list(gallery.MARKS)
    assert 0 < found["busy"] < 1.1 and found["workers"] == min(found["cores"], 12)
    assert all(mark["memory_mb"] > 200 for mark in found["marks"])  # a framework at least
    assert found["cluster"]["seconds_first_pair"] > found["cluster"]["seconds_next_pair"] > 0
    assert all(found["cluster"][size].keys() == {"ms", "per_second", "cpu_ms"} for size in ("48", "512"))
    table = gallery.describe([found])
    assert table in capsys.readouterr().out and table in page.read_text()
    assert page.read_text().startswith("before\n<!-- gallery") and page.read_text().endswith("-->\nafter")


def test_each_framework_has_a_column():
    lines = gallery.describe([run(), run() | {"framework": "tensorflow", "pairs": 200}]).splitlines()
    assert lines[0] == "|  | PyTorch | TensorFlow |" and {line.count("|") for line in lines} == {4}
    assert lines[2] == "| pairs, workers | 1000, 2 | 200, 2 |"
    assert (
        "| cores kept busy, the whole command | 93% | 93% |" in lines
        and "| memory after 50% of the pairs, MB | 1000 | 1000 |" in lines
    )


def test_files_and_records_are_measured():
    found = gallery.measure_files(20)
    assert found["array_bytes"] == 341 * 512 * 3 * 4 > found["image_bytes"] > 341 * 512 and found["record_bytes"] > 500
    assert min(found["prepare_ms"], found["save_ms"], found["records_ms"]) > 0
    assert "the records of 20 pairs" in gallery.describe_files(found)


def test_a_page_without_the_markers_is_an_error(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(InputError, match="has no place for figures"):
        gallery.report.replace(page, gallery.PAGE, [gallery.describe([run()])])
