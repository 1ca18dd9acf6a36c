"""Pairs of one size are painted on a GPU in one run, but each one is saved, fails and is recorded on its own."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image
from threads import Local, connected_to, threads

from stylelab.errors import InputError
from stylelab.result import History, Result, Step
from stylelab.run.numerics import memory
from stylelab.tools import cluster
from stylelab.tools.gallery import schedule, worker
from stylelab.tools.gallery.paint import paint, summary
from stylelab.tools.gallery.plan import plan as plan_gallery

QUICK = {"encoder": "random", "size": 32, "steps": 2}
WIDTHS = {"conv1_1": 64, "conv1_2": 64, "conv2_1": 128}
RUN = memory.Run(512, 512, ("conv1_2",), ("conv1_1", "conv2_1"), WIDTHS)


# --- which pairs, and how many ----------------------------------------------------------------------------------


def test_a_batch_fits_into_the_memory_of_the_gpu_and_has_at_most_eight_pairs():
    sizes = [schedule.batch_size(RUN, free) for free in (0, 3 * 2**30, 5 * 2**30, 80 * 2**30)]
    assert sizes[0] == 1 and sizes == sorted(sizes) and 1 < sizes[2] < sizes[3] == 8
    large = memory.Run(2048, 2048, ("conv1_2",), ("conv1_1", "conv2_1"), WIDTHS)
    assert schedule.batch_size(large, 80 * 2**30) < 8


@pytest.mark.parametrize(("shapes", "most", "workers", "expected"), [
    ("aaaa", 8, 1, ["aaaa"]),
    ("aaaa", 3, 1, ["aaa", "a"]),
    ("abab", 8, 1, ["aa", "bb"]),
    ("aaaaaaaa", 8, 4, ["aa", "aa", "aa", "aa"]),  # four busy GPUs are better than one
    ("aa", 8, 4, ["a", "a"]),
    ("a--a", 8, 1, ["aa", "-", "-"]),  # an image that cannot be opened fails on its own
])  # fmt: skip
def test_pairs_of_one_size_form_batches_and_every_worker_has_something_to_do(shapes, most, workers, expected):
    made = schedule.make_batches(shapes, lambda pair: None if pair == "-" else pair, lambda shape: most, workers)
    assert ["".join(batch) for batch in made] == expected


def test_large_images_start_fewer_workers(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "MEMORY_LIMIT", 16 * 2**30)
    for name in ("content", "style"):
        Image.new("RGB", (48, 32)).save(tmp_path / f"{name}.png")

    def workers(**options):
        plan = plan_gallery(str(tmp_path / "content.png"), str(tmp_path / "style.png"), tmp_path / "out", device="cpu", **options)
        return schedule.parallel_pairs(plan, plan.pairs * 12)

    assert workers(encoder="random", size=64) == 12 and 1 <= workers(encoder="random", size=2048) < 6


# --- what a worker does -----------------------------------------------------------------------------------------


def test_a_batch_paints_the_same_images_as_its_pairs_alone(framework, rng):
    contents, styles = rng.uniform(size=(2, 2, 32, 32, 3)).astype(np.float32)
    options = {"backend": framework, "encoder": "random", "size": 32, "steps": 2, "device": "cpu", "precision": "float32"}
    alone = [worker.paint_pair(content, style, options) for content, style in zip(contents, styles, strict=True)]
    together = worker.paint_batch(list(contents), list(styles), options)
    for one, other in zip(alone, together, strict=True):
        assert_allclose(one["image"], other["image"], atol=2e-3)
        assert one["error"] is other["error"] is None and (one["facts"]["batch"], other["facts"]["batch"]) == (1, 2)
        assert other["facts"]["precision"] == "float32" and other["facts"]["scales"] == [32] and other["facts"]["steps"] == 2


def result(seconds=8.0, **more):
    history = History()
    history.append(Step(1, 3.0, {}, None), 1.0)
    flat = np.zeros((16, 16, 3), np.float32)
    return Result(flat, history, {}, seconds, "cuda", None, "mini", precision="bfloat16", scales=(11, 16), **more)


def test_a_pair_of_a_batch_has_its_share_of_the_time_and_its_own_error(monkeypatch):
    results = [result(), result(stopped="the loss is nan at step 2")]
    half = SimpleNamespace(transfer_batch=lambda *_, **__: results)
    monkeypatch.setattr(worker, "load_backend", lambda name: half)
    good, bad = worker.paint_batch([None] * 2, [None] * 2, {"backend": "torch"})
    assert good["facts"] == {
        "seconds": 4.0, "steps": 1, "device": "cuda", "precision": "bfloat16", "scales": [11, 16], "tile": None, "batch": 2,
        "loss_start": 3.0, "loss_end": 3.0,
    }  # fmt: skip
    assert (good["error"], good["exit_status"]) == (None, 0) and (bad["error"], bad["exit_status"]) == (results[1].stopped, 1)
    json.dumps(good["facts"])


class OutOfMemoryError(RuntimeError):
    """Named like PyTorch's."""


@pytest.mark.parametrize(
    "error", [MemoryError(), OutOfMemoryError("CUDA"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_lack_of_memory_is_distinguished_from_other_errors(monkeypatch, error):
    def transfer(*_, **__):
        raise error

    monkeypatch.setattr(worker, "load_backend", lambda name: SimpleNamespace(transfer=transfer))
    answer = worker.paint_pair(None, None, {"backend": "torch"})
    assert answer["memory"] and answer["exit_status"] == 2 and "choose a smaller size" in answer["error"]
    error = InputError("too narrow")
    assert worker.paint_pair(None, None, {"backend": "torch"}) == {"error": "too narrow", "exit_status": 1}
    error = RuntimeError("the driver is on fire")
    with pytest.raises(RuntimeError, match="on fire"):
        worker.paint_pair(None, None, {"backend": "torch"})


@pytest.mark.parametrize(("visible", "answer", "expected"), [
    (None, "1000\n500\n", 500 * 2**20), ("1", "700", 700 * 2**20), (None, "[N/A]", None), (None, None, None),
])  # fmt: skip
def test_free_memory_comes_from_the_driver(monkeypatch, visible, answer, expected):
    commands = []

    def run(command, **_):
        commands.extend(command)
        if answer is None:
            raise FileNotFoundError
        return SimpleNamespace(stdout=answer)

    monkeypatch.setattr(cluster, "find_gpus", lambda: ("0", "1"))
    monkeypatch.setattr(worker.subprocess, "run", run)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible) if visible else monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert worker.free_gpu_memory() == expected and (commands[-2:] == ["-i", "1"]) == bool(visible)
    monkeypatch.setattr(cluster, "find_gpus", lambda: ())
    assert worker.free_gpu_memory() is None


# --- a gallery in batches ---------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path):
    """Four content images, one of another size and one broken, and two styles."""
    for kind, names in {"content": "abcd", "style": "xy"}.items():
        (tmp_path / kind).mkdir()
        for value, name in enumerate(names, 1):
            Image.new("RGB", (48, 48 if name == "d" else 32), (60 * value, 120, 20)).save(tmp_path / kind / f"{name}.png")
    (tmp_path / "content" / "c.png").write_bytes(b"\x89PNG, or not")
    return tmp_path


@pytest.fixture(scope="module")
def running():
    """A cluster of one thread."""
    with threads(1) as cluster_of_threads:
        yield cluster_of_threads


@pytest.fixture
def batched(monkeypatch, running):
    """A list with the number of pairs of each run, on a pretended GPU. An image is the mean of its two."""
    done = []

    def answer(content, style):
        return {"image": (content + style[: len(content), :1]) / 2, "facts": {"seconds": 0.5}, "error": None, "exit_status": 0}

    def paint_batch(contents, styles, options):
        done.append(len(contents))
        return [answer(content, style) for content, style in zip(contents, styles, strict=True)]

    def paint_pair(content, style, options):
        done.append(1)
        return answer(content, style)

    monkeypatch.setattr(worker, "paint_pair", Local(paint_pair))
    monkeypatch.setattr(worker, "paint_batch", Local(paint_batch))
    monkeypatch.setattr(worker, "free_gpu_memory", Local(lambda: 80 * 2**30))
    monkeypatch.setattr(cluster, "connect", connected_to(running))
    return done


def paint_gallery(folders, **options):
    """Plan and paint the gallery of `folders`: the plan, and the pairs in the order in which they were finished."""
    plan = plan_gallery(str(folders / "content"), str(folders / "style"), folders / "out", **QUICK | options)
    return plan, list(paint(plan))


def states(plan):
    """{content + style: state} of all pairs."""
    return {f"{pair.content}{pair.style}": pair.state for pair in plan.pairs}


WANTED = {f"{content}{style}": "failed" if content == "c" else "done" for content in "abcd" for style in "xy"}


def test_pairs_of_one_size_are_painted_in_one_run(folders, batched):
    plan, pairs = paint_gallery(folders)
    assert batched == [4, 2] and states(plan) == WANTED and len(pairs) == 8
    records = json.loads((folders / "out" / "gallery.json").read_text())["images"]
    assert sorted(records) == [f"{content}__{style}.png" for content in "abd" for style in "xy"]
    for content, red in {"a": 60, "b": 120}.items():
        for style, other in {"x": 60, "y": 120}.items():
            with Image.open(folders / "out" / f"{content}__{style}.png") as image:
                assert image.size == (32, 21) and abs(image.getpixel((0, 0))[0] - (red + other) / 2) <= 1
    batched.clear()
    assert paint_gallery(folders) and batched == []


def test_on_a_cpu_every_pair_is_painted_on_its_own(folders, batched, monkeypatch):
    paint_gallery(folders, device="cpu")
    assert batched == [1] * 6
    monkeypatch.setattr(worker, "free_gpu_memory", Local(lambda: None))
    batched.clear()
    paint_gallery(folders, seed=1)
    assert batched == [1] * 6


def test_a_batch_that_is_too_large_is_halved_and_so_are_the_queued_ones(folders, batched, monkeypatch):
    good = worker.paint_batch

    def cramped(contents, styles, options):
        return dict(worker.TOO_LARGE) if len(contents) > 2 else good(contents, styles, options)

    monkeypatch.setattr(worker, "paint_batch", Local(cramped))
    plan, _ = paint_gallery(folders)
    assert batched == [2, 2, 2] and states(plan) == WANTED


def test_a_single_pair_that_is_too_large_fails(folders, batched, monkeypatch):
    monkeypatch.setattr(worker, "paint_batch", Local(lambda *_: dict(worker.TOO_LARGE)))
    monkeypatch.setattr(worker, "paint_pair", Local(lambda *_: dict(worker.TOO_LARGE)))
    plan, pairs = paint_gallery(folders)
    assert set(states(plan).values()) == {"failed"} and len(pairs) == 8
    assert plan.pairs[0].error == worker.TOO_LARGE["error"] and plan.pairs[0].exit_status == 2


def test_a_pair_that_breaks_its_batch_does_not_affect_the_others(folders, batched, monkeypatch):
    good, good_batch = worker.paint_pair, worker.paint_batch

    def fatal(content, style):
        return content[0, 0, 0] < 0.3 and style[0, 0, 0] < 0.3

    def batch(contents, styles, options):
        if any(map(fatal, contents, styles)):
            raise RuntimeError("the driver is on fire")
        return good_batch(contents, styles, options)

    def pair(content, style, options):
        if fatal(content, style):
            raise RuntimeError("the driver is on fire")
        return good(content, style, options)

    monkeypatch.setattr(worker, "paint_batch", Local(batch))
    monkeypatch.setattr(worker, "paint_pair", Local(pair))
    plan, _ = paint_gallery(folders)
    assert states(plan) == WANTED | {"ax": "failed"} and sorted(batched) == [1, 1, 1, 2]
    assert "on fire" in plan.pairs[0].error and plan.pairs[0].exit_status == 2


def test_a_pair_whose_loss_is_not_finite_fails_alone(folders, batched, monkeypatch):
    good = worker.paint_batch

    def second_breaks(contents, styles, options):
        answers = good(contents, styles, options)
        answers[1] |= {"error": "the loss is nan at step 1", "exit_status": 1}
        return answers

    monkeypatch.setattr(worker, "paint_batch", Local(second_breaks))
    plan, _ = paint_gallery(folders)
    assert states(plan) == WANTED | {"ay": "failed", "dy": "failed"} and batched == [4, 2]


def test_a_finished_batch_is_kept_and_the_next_run_resumes(folders, batched):
    plan = plan_gallery(str(folders / "content"), str(folders / "style"), folders / "out", **QUICK)
    painting = paint(plan)
    next(painting)
    painting.close()  # as Ctrl-C does
    assert len(json.loads((folders / "out" / "gallery.json").read_text())["images"]) == batched[0] == 4
    again, _ = paint_gallery(folders)
    assert batched[-1] == 2 and 4 not in batched[1:]
    assert summary(again).startswith("2 painted, 4 kept, 2 failed of 8 pairs (0.5 s each); see ")


def test_a_link_in_a_circle_is_left_out_with_a_line(tmp_path):
    from stylelab.tools.gallery import plan

    (tmp_path / "loop").symlink_to("loop")
    assert "'loop'" in plan.note_left_out(str(tmp_path), tmp_path / "out")
