"""The gallery: every pair is painted and saved when it is finished, a failure affects no other pair, and runs can be resumed."""

import gc
import html
import json
import os
import re
import signal
import socket
import time
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import dask
import numpy as np
import pytest
from dask._task_spec import Task
from distributed import Client
from PIL import Image
from threads import Local, connected_to, threads

from stylelab import images
from stylelab.cli import commands as cli
from stylelab.errors import InputError, MachineError
from stylelab.tools import cluster
from stylelab.tools.gallery import paint as painting
from stylelab.tools.gallery import worker
from stylelab.tools.gallery.paint import paint, summary
from stylelab.tools.gallery.plan import find_images
from stylelab.tools.gallery.plan import plan as plan_gallery

QUICK = {"encoder": "random", "size": 32, "steps": 2, "device": "cpu"}


@pytest.fixture
def folders(tmp_path):
    """Two content and two style images, and one content image that is broken."""
    for kind, names in {"content": "ab", "style": "xy"}.items():
        (tmp_path / kind).mkdir()
        for value, name in enumerate(names, 1):
            Image.new("RGB", (48, 32), (60 * value, 120, 20)).save(tmp_path / kind / f"{name}.png")
    (tmp_path / "content" / "broken.jpg").write_bytes(b"\xff\xd8\xff not an image")
    (tmp_path / "content" / "notes.txt").write_text("not meant as an image")
    return tmp_path


@pytest.fixture(scope="module")
def running():
    """A cluster of one thread."""
    with threads(1) as cluster_of_threads:
        yield cluster_of_threads


@pytest.fixture
def workers(monkeypatch, running):
    """A list of painted pairs. The workers have no framework: each paints the mean of its two images."""
    done = []

    def paint_pair(content, style, options):
        done.append((content, style, options))
        facts = {"seconds": 0.1, "steps": 2, "device": "pretended", "loss_start": 2.0, "loss_end": 1.0}
        return {"image": (content + style) / 2, "facts": facts, "error": None, "exit_status": 0}

    monkeypatch.setattr(worker, "paint_pair", Local(paint_pair))
    monkeypatch.setattr(cluster, "connect", connected_to(running))
    return done


def paint_gallery(folders, out="out", contents="content", **options):
    """Plan and paint the gallery of `folders`: the plan, and the pairs in the order in which they were finished."""
    plan = plan_gallery(str(folders / contents), str(folders / "style"), folders / out, **QUICK | options)
    return plan, list(paint(plan))


def files(folder):
    """Names of the files in a folder."""
    return sorted(os.listdir(folder))


def test_every_pair_becomes_an_image_and_a_broken_one_affects_no_other(folders, workers):
    plan, pairs = paint_gallery(folders)
    assert files(folders / "out") == [
        "a__x.png", "a__y.png", "b__x.png", "b__y.png", "gallery.json", "index.html",
    ]  # fmt: skip
    assert sorted(pair.name for pair in pairs) == sorted(f"{c} in {s}" for c in ("a", "b", "broken") for s in "xy")
    failed = [pair for pair in plan.pairs if pair.state == "failed"]
    assert [pair.content for pair in failed] == ["broken", "broken"] and failed[0].exit_status == 1
    assert "broken.jpg' is a broken or truncated JPEG image" in failed[0].error
    assert summary(plan).startswith("4 painted, 2 failed of 6 pairs (0.1 s each); see ")


def test_each_image_is_that_of_its_own_pair(folders, workers):
    paint_gallery(folders)
    for content, red in {"a": 60, "b": 120}.items():
        for style, other in {"x": 60, "y": 120}.items():
            image = images.open_image(folders / "out" / f"{content}__{style}.png")
            assert image[..., 0] == pytest.approx((red + other) / 2 / 255, abs=0.003)


def test_workers_get_arrays_rather_than_paths(folders, workers):
    paint_gallery(folders)
    content, style, options = workers[0]
    assert content.dtype == style.dtype == np.float32 and content.shape == (21, 32, 3)
    assert QUICK.items() | {("backend", "torch")} <= options.items()
    assert not any(isinstance(value, Path) for value in options.values())


@pytest.mark.parametrize("way", ["luminance", "match"])
def test_a_worker_gets_the_images_in_their_own_colours_and_is_told_to_keep_them(folders, workers, way):
    plan, _ = paint_gallery(folders, keep_colours=way)
    content, style, options = workers[0]
    np.testing.assert_allclose(content[0, 0], [60 / 255, 120 / 255, 20 / 255], atol=1e-6)
    np.testing.assert_array_equal(style, content)
    assert options["keep_colours"] == way
    assert f"the photographs' colours kept by {way}" in (folders / "out" / "index.html").read_text().replace("&#39;", "'")


def test_a_finished_pair_is_not_painted_again(folders, workers):
    paint_gallery(folders)
    before = {name: os.stat(folders / "out" / name).st_mtime_ns for name in files(folders / "out") if "__" in name}
    workers.clear()
    plan, _ = paint_gallery(folders)
    assert workers == [] and summary(plan).startswith("0 painted, 4 kept, 2 failed")
    assert before == {name: os.stat(folders / "out" / name).st_mtime_ns for name in before}


@pytest.mark.parametrize(("change", "count"), [
    (lambda folders: (folders / "out" / "a__x.png").unlink(), 1),
    (lambda folders: Image.new("RGB", (48, 32)).save(folders / "content" / "a.png"), 2),
    (lambda folders: Image.new("RGB", (48, 32)).save(folders / "content" / "broken.jpg"), 2),
    (lambda folders: (folders / "out" / "gallery.json").write_text("{ half a fi"), 4),
    (lambda folders: (folders / "out" / "gallery.json").write_text('{"images": 3}'), 4),
])  # fmt: skip
def test_only_what_has_changed_is_painted_again(folders, workers, change, count):
    paint_gallery(folders)
    workers.clear()
    change(folders)
    paint_gallery(folders)
    assert len(workers) == count


@pytest.mark.parametrize(
    "facts",
    [None, [], "fast", {"seconds": "fast"}, {"seconds": None}, {"seconds": 1.0, "batch": "two"}, {"notes": 5}, {"tile": "x"}],
)
def test_a_record_with_facts_of_the_wrong_kind_is_painted_again(folders, workers, facts):
    paint_gallery(folders)
    path = folders / "out" / "gallery.json"
    records = json.loads(path.read_text())
    records["images"]["a__x.png"]["facts"] = facts
    path.write_text("\ufeff" + json.dumps(records), encoding="utf-8")  # as some editors save it
    workers.clear()
    plan, _ = paint_gallery(folders)
    assert len(workers) == 1 and summary(plan).startswith("1 painted, 3 kept")


@pytest.mark.parametrize("options", [
    {"steps": 3}, {"size": 40}, {"seed": 1}, {"recipe": "lab"}, {"encoder": "random-2"}, {"style_layers": ("conv1_1",)},
    {"backend": "tensorflow"}, {"precision": "float32"}, {"scales": 2}, {"tile": 32}, {"tv_weight": 1.0}, {"keep_colours": "match"},
])  # fmt: skip
def test_other_settings_are_painted_again(folders, workers, options):
    paint_gallery(folders)
    workers.clear()
    paint_gallery(folders, **options)
    assert len(workers) == 4


@pytest.mark.parametrize(("options", "count"), [
    ({"precision": "float32"}, 0), ({}, 4), ({"precision": "float32", "scales": 2}, 4), ({"precision": "float32", "tile": 32}, 4),
])  # fmt: skip
def test_a_record_without_a_precision_counts_as_float32_at_one_size(folders, workers, options, count):
    paint_gallery(folders, recipe="gatys", precision="float32")
    path = folders / "out" / "gallery.json"
    records = json.loads(path.read_text())
    for record in records["images"].values():
        for name in ("precision", "scales", "tile", "keep_colours"):
            del record["settings"][name]
    path.write_text(json.dumps(records))
    workers.clear()
    paint_gallery(folders, recipe="gatys", **options)
    assert len(workers) == count


def test_another_gallery_in_the_same_folder_keeps_the_records_of_the_first(folders, workers):
    paint_gallery(folders)
    (folders / "more").mkdir()
    Image.new("RGB", (48, 32)).save(folders / "more" / "c.png")
    paint_gallery(folders, contents="more")
    workers.clear()
    paint_gallery(folders)
    assert workers == []


def test_the_first_pair_is_recorded_as_soon_as_it_is_finished(folders, workers):
    plan = plan_gallery(str(folders / "content" / "a.png"), str(folders / "style"), folders / "out", **QUICK)
    painting = paint(plan)
    first = next(painting)
    record = json.loads((folders / "out" / "gallery.json").read_text())["images"]
    assert list(record) == [first.file] and record[first.file]["facts"]["loss_end"] == 1.0
    assert "Not painted yet" in (folders / "out" / "index.html").read_text()
    painting.close()  # as Ctrl-C does
    assert (folders / "out" / first.file).is_file()


def test_writing_the_records_takes_a_twentieth_of_the_time_at_most(monkeypatch):
    now, written = [0.0], []

    def write(plan):
        written.append(now[0])
        now[0] += 1

    monkeypatch.setattr(painting, "write_records", write)
    record = painting.Recorder(None, clock=lambda: now[0])
    for _ in range(60):  # a pair is finished each second
        record()
        now[0] += 1
    assert written == [0, 21, 42]


def test_a_worker_has_its_next_pair_before_the_last_one_is_saved(folders, workers, monkeypatch):
    save, begun = images.save, []

    def patient(image, path, text=None):
        deadline = time.monotonic() + 2
        while len(workers) < min(4, len(begun) + 2) and time.monotonic() < deadline:
            time.sleep(0.01)
        begun.append(len(workers))
        return save(image, path, text)

    monkeypatch.setattr("stylelab.tools.gallery.schedule.images.save", patient)
    paint_gallery(folders)
    assert begun == [2, 3, 4, 4]


def test_ctrl_c_keeps_finished_pairs_and_says_how_to_resume(folders, workers, monkeypatch, capsys):
    good = worker.paint_pair

    def interrupted(content, style, options):
        if len(workers) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        return good(content, style, options)

    monkeypatch.setattr(worker, "paint_pair", Local(interrupted))
    paths = [str(folders / name) for name in ("content", "style", "out")]
    assert cli.run(["gallery", *paths[:2], "-o", paths[2], "--encoder", "random", "--size", "32", "--steps", "2"]) == 130
    out, err = capsys.readouterr()
    assert out == "" and "interrupted: 2 painted" in err and "run it again to resume" in err
    assert len([name for name in files(folders / "out") if "__" in name]) == 2


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_while_a_pair_is_saved_waits_until_it_is_recorded(capsys, workers, folders, monkeypatch, presses):
    save = images.save

    def disturbed(image, path, text=None):
        for _ in range(presses):
            os.kill(os.getpid(), signal.SIGINT)
        return save(image, path, text)

    monkeypatch.setattr("stylelab.tools.gallery.schedule.images.save", disturbed)
    arguments = ["gallery", str(folders / "content" / "a.png"), str(folders / "style"), "-o", str(folders / "out")]
    assert cli.run([*arguments, "--encoder", "random", "--size", "32", "--steps", "2", "--device", "cpu"]) == 130
    assert "interrupted: 1 painted" in capsys.readouterr().err
    (recorded,) = json.loads((folders / "out" / "gallery.json").read_text())["images"]
    assert images.open_image(folders / "out" / recorded).shape == (21, 32, 3)


def test_a_killed_gallery_exits_as_a_killed_program(capsys, workers, folders, monkeypatch):
    monkeypatch.setattr("stylelab.tools.gallery.schedule.images.save", lambda *image: os.kill(os.getpid(), signal.SIGTERM))
    arguments = ["gallery", *(str(folders / kind) for kind in ("content", "style")), "-o", str(folders / "out")]
    arguments += ["--encoder", "random", "--size", "32", "--steps", "2"]
    assert cli.run([*arguments, "--device", "cpu"]) == 143
    assert "stylelab: interrupted: " in capsys.readouterr().err


def test_an_exception_in_a_worker_is_one_failed_pair(folders, workers, monkeypatch):
    good = worker.paint_pair

    def sometimes(content, style, options):
        if content[0, 0, 0] < 0.3 and style[0, 0, 0] < 0.3:
            raise RuntimeError("the driver\nis on fire")
        return good(content, style, options)

    monkeypatch.setattr(worker, "paint_pair", Local(sometimes))
    plan, _ = paint_gallery(folders)
    lost = next(pair for pair in plan.pairs if pair.file == "a__x.png")
    assert lost.exit_status == 2 and "RuntimeError" in lost.error and "\n" not in lost.error
    assert sum(pair.state == "done" for pair in plan.pairs) == 3


# --- the contact sheet ------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags of a page with their attributes. Every tag must be closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        """The attributes of all tags of this name."""
        return [attributes for name, attributes in self.tags if name == tag]


def page(folder):
    """The contact sheet in a folder."""
    parsed = Page((folder / "index.html").read_text())
    assert parsed.open == []
    return parsed


def test_the_contact_sheet_is_accessible(folders, workers):
    paint_gallery(folders)
    sheet = page(folders / "out")
    assert sheet.all("html") == [{"lang": "en"}] and len(sheet.all("title")) == len(sheet.all("h1")) == 1
    assert all("alt" in image for image in sheet.all("img"))
    image = next(image for image in sheet.all("img") if image["alt"] == "a in the style of x")
    assert (image["width"], image["height"]) == ("32", "21")
    assert [head["scope"] for head in sheet.all("th")] == ["col", "col", "row", "row", "row"]


def test_the_contact_sheet_can_be_moved_and_needs_no_network(folders, workers):
    paint_gallery(folders)
    sheet = page(folders / "out")
    links = [tag.get("href") or tag.get("src") for name, tag in sheet.tags if name in ("a", "img")]
    own = [link for link in links if not link.startswith("data:image/jpeg;base64,")]
    assert sorted(set(own)) == ["a__x.png", "a__y.png", "b__x.png", "b__y.png"]
    assert not sheet.all("script") and "//" not in re.sub('data:[^"]*', "", (folders / "out" / "index.html").read_text())


def test_the_contact_sheet_says_what_failed_and_why(folders, workers):
    paint_gallery(folders)
    assert (folders / "out" / "index.html").read_text().count("is a broken or truncated JPEG image") == 2


def test_the_contact_sheet_shows_seconds_and_precision(folders, workers, monkeypatch):
    good = worker.paint_pair
    facts = {"seconds": 12.34, "precision": "bfloat16", "device": "cuda", "batch": 4, "tile": None}

    monkeypatch.setattr(worker, "paint_pair", Local(lambda *arguments: good(*arguments) | {"facts": dict(facts)}))
    plan, _ = paint_gallery(folders, precision="auto", scales=2)
    text = (folders / "out" / "index.html").read_text()
    assert text.count("<p>12.3 s of a batch of 4, bfloat16, cuda</p>") == 4 and page(folders / "out")
    assert "precision auto, from coarse to fine in 2 sizes." in text
    assert "(12.3 s each, bfloat16); see " in summary(plan)
    again, _ = paint_gallery(folders, precision="auto", scales=2)
    assert summary(again).startswith("0 painted, 4 kept, 2 failed of 6 pairs; see ")


def test_strange_file_names_are_escaped_in_the_contact_sheet(folders, workers):
    name = '<b>"&#x;% ü'
    Image.new("RGB", (48, 32)).save(folders / "content" / f"{name}.png")
    paint_gallery(folders)
    assert f"{name} in the style of x" in [image["alt"] for image in page(folders / "out").all("img")]
    assert (folders / "out" / f"{name}__x.png").is_file()


def test_built_in_images_keep_their_credits(folders, workers):
    plan = plan_gallery("cat", str(folders / "style"), folders / "out", **QUICK)
    list(paint(plan))
    assert "Stefan van der Walt, CC0" in (folders / "out" / "index.html").read_text()
    paint_gallery(folders, out="other")
    assert "Credits" not in (folders / "other" / "index.html").read_text()


# --- inputs and settings --------------------------------------------------------------------------------------


def test_contents_and_styles_may_be_a_folder_a_file_or_built_in(folders):
    assert list(find_images(str(folders / "content"), ())) == ["a", "b", "broken"]
    assert list(find_images(str(folders / "style" / "x.png"), ())) == ["x"]
    assert list(find_images("coffee", ())) == ["coffee"]
    assert tuple(find_images("builtin", images.content_names())) == images.content_names()


def test_nothing_in_a_folder_is_left_out_without_a_line(folders, workers, capsys):
    content = folders / "content"
    (content / "2019").mkdir()
    (content / ".hidden").touch()
    (content / "Thumbs.db").touch()
    (content / "lost.png").symlink_to(content / "nowhere.png")
    for number in range(3):
        (content / f"drawing {number}.psd").write_bytes(b"8BPS")
    plan, _ = paint_gallery(folders, out="content/gallery")
    (line,) = plan.notes
    names = "folder '2019', 'drawing 0.psd', 'drawing 1.psd', 'drawing 2.psd', 'lost.png', 'notes.txt'"
    assert line.startswith(f"left out of '{content}': {names}; a gallery takes files that end in .jpg, ")
    assert line in html.unescape((content / "gallery" / "index.html").read_text())
    assert cli.run(["gallery", str(content), str(folders / "style"), "-o", str(content / "gallery"), "--encoder", "random"]) == 1
    assert f"stylelab: {line}\n" in capsys.readouterr().err


def test_many_left_out_files_are_counted(folders):
    for number in range(40):
        (folders / "style" / f"{number:02}.doc").touch()
    plan = plan_gallery("cat", str(folders / "style"), folders / "out", **QUICK)
    assert "'09.doc' and 30 more; a gallery takes" in plan.notes[0]


def test_a_folder_of_images_and_a_single_one_leave_nothing_out(folders):
    assert plan_gallery("builtin", str(folders / "style"), folders / "out", **QUICK).notes == []
    assert plan_gallery(str(folders / "content" / "a.png"), "fluid", folders / "out", **QUICK).notes == []


def test_photographs_of_phones_are_not_left_out(folders):
    for name in ("IMG_1.HEIC", "b.heif", "c.AVIF", "d.jfif"):
        (folders / "style" / name).touch()
    assert {"IMG_1", "b", "c", "d"} <= set(find_images(str(folders / "style"), ()))


def test_the_notes_on_a_pair_are_recorded_shown_and_printed_once(folders, workers, capsys):
    (folders / "content" / "notes.txt").unlink()
    paths = [str(folders / name) for name in ("content", "style", "out")]
    assert cli.run(["gallery", *paths[:2], "-o", paths[2], "--encoder", "random", "--size", "64", "--steps", "2"]) == 1
    note = "the content image 'a.png' of 48 x 32 pixels was enlarged to 64 x 43, which adds no detail"
    out = capsys.readouterr().out
    assert out.count(note) == 1 and out.splitlines()[-1].startswith("4 painted")
    record = json.loads((folders / "out" / "gallery.json").read_text())["images"]["a__x.png"]
    assert record["facts"]["notes"][0] == note
    assert html.unescape((folders / "out" / "index.html").read_text()).count(f"<p>{note}</p>") == 2


def test_images_with_the_same_name_are_distinguished(folders):
    Image.new("RGB", (48, 32)).save(folders / "content" / "A.jpg")
    plan = plan_gallery(str(folders / "content"), str(folders / "style"), folders / "out", **QUICK)
    assert {"a.png", "A.jpg", "b"} <= set(plan.contents)
    assert len({pair.file.lower() for pair in plan.pairs}) == len(plan.pairs) == 8


def refusal(*arguments, **options):
    """The error of a plan, which must be one line."""
    with pytest.raises(InputError) as caught:
        plan_gallery(*map(str, arguments), **QUICK | options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_wrong_input_is_reported_before_anything_is_written(folders):
    content, style, out = folders / "content", folders / "style", folders / "out"
    assert "no image" in refusal(folders / "none", style, out)
    (folders / "bare").mkdir()
    assert "no image in folder" in refusal(folders / "bare", style, out)
    assert "did you mean 'gatys'" in refusal(content, style, out, recipe="gatsy")
    assert "unknown layer" in refusal(content, style, out, style_layers=("conv7_1",))
    assert "got 0" in refusal(content, style, out, size=0)
    assert "unknown precision 'float16'" in refusal(content, style, out, precision="float16")
    assert "scales is 0" in refusal(content, style, out, scales=0)
    assert "tile is 3" in refusal(content, style, out, tile=3)
    assert "the folder of its images" in refusal(content, style, content)
    assert "is not a folder" in refusal(content, style, content / "a.png" / "out")
    assert "cannot write into folder '/proc'" in refusal(content, style, "/proc/none/out")
    assert not out.exists()


# --- schedulers and workers -------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch):
    """Wait half a second for a scheduler."""
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)


def unreachable(address):
    """The error for a scheduler that cannot be used, which must come soon and be one line."""
    began = time.monotonic()
    with pytest.raises(MachineError) as caught, cluster.connect(address, tasks=1):
        pass
    assert time.monotonic() - began < 10 and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_scheduler_is_one_line_and_status_2(folders, capsys, impatient):
    with socket.socket() as taken:  # bound but not listening, so nothing answers here
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        arguments = ("content", "style", "-o", "out", "--encoder", "random", "--size", "32", "--scheduler", address)
        paths = [str(folders / text) if text in ("content", "style", "out") else text for text in arguments]
        assert cli.run(["gallery", *paths]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 2 and f"no Dask scheduler answers at {address}" in err  # and what was left out
    assert not (folders / "out").exists()


def test_a_listener_that_is_not_a_scheduler_is_given_up(impatient):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "no Dask scheduler answers" in unreachable(f"tcp://127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:1", "tcp://127.0.0.1:port"])
def test_a_malformed_address_is_an_input_error(address):
    with pytest.raises(InputError, match="is not a scheduler's address"), cluster.connect(address, tasks=1):
        pass


def test_a_running_scheduler_is_used_and_left_running(folders, running, monkeypatch):
    def paint_pair(content, style, options):
        return {"image": content, "facts": {}, "error": None, "exit_status": 0}

    monkeypatch.setattr(worker, "paint_pair", paint_pair)
    plan = plan_gallery(str(folders / "content"), str(folders / "style"), folders / "out", **QUICK)
    list(paint(plan, scheduler=running.scheduler_address))
    assert sum(pair.state == "done" for pair in plan.pairs) == 4
    with Client(running, set_as_default=False) as client:
        assert client.submit(lambda: 7).result() == 7


def test_the_address_of_a_worker_is_refused(running):
    assert "is not a Dask scheduler" in unreachable(running.workers[0].address)


def test_a_scheduler_without_workers_is_refused():
    with threads(0) as idle:
        assert "has no workers: start `dask worker" in unreachable(idle.scheduler_address)


def mortal_workers(folders, monkeypatch, lives):
    """Real worker processes; the one that paints a in x kills itself until it has done so `lives` times."""
    marks = folders / "marks"
    marks.mkdir()

    def paint_pair(content, style, options):
        if content[0, 0, 0] < 0.3 and style[0, 0, 0] < 0.3 and len(os.listdir(marks)) < lives:
            (marks / str(os.getpid())).touch()
            os._exit(9)
        return {"image": content, "facts": {}, "error": None, "exit_status": 0}

    monkeypatch.setattr(worker, "paint_pair", paint_pair)
    monkeypatch.setattr(cluster, "worker_count", lambda tasks, device: 1)
    plan, _ = paint_gallery(folders)
    return plan, len(files(marks))


def test_a_killed_worker_is_replaced_and_its_pair_painted_again(folders, monkeypatch):
    plan, deaths = mortal_workers(folders, monkeypatch, lives=1)
    assert deaths == 1 and sum(pair.state == "done" for pair in plan.pairs) == 4


def test_a_pair_that_kills_every_worker_is_given_up_and_the_others_are_painted(folders, monkeypatch):
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        plan, _ = mortal_workers(folders, monkeypatch, lives=99)
    lost = next(pair for pair in plan.pairs if pair.file == "a__x.png")
    assert lost.exit_status == 2 and "its worker died several times" in lost.error
    assert sum(pair.state == "done" for pair in plan.pairs) == 3


def painted_images(folder):
    """Name -> bytes of the images in a gallery's folder."""
    return {name: (folder / name).read_bytes() for name in files(folder) if name.endswith(".png")}


def test_a_worker_killed_among_several_loses_no_pair_and_changes_none(folders, workers, monkeypatch):
    whole, _ = paint_gallery(folders, out="whole")
    log, go_on = folders / "log", folders / "go on"

    def paint_pair(content, style, options):
        with open(log, "a") as stream:
            stream.write(f"{os.getpid()}\n")
        is_first, deadline = (content + style)[..., 0].max() < 0.5, time.monotonic() + 60
        while not is_first and not go_on.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return {"image": (content + style) / 2, "facts": {}, "error": None, "exit_status": 0}

    monkeypatch.undo()
    monkeypatch.setattr(worker, "paint_pair", paint_pair)
    monkeypatch.setattr(cluster, "worker_count", lambda tasks, device: 3)
    plan = plan_gallery(str(folders / "content"), str(folders / "style"), folders / "out", **QUICK)
    painting = paint(plan)
    assert next(pair for pair in painting if pair.state == "done").file == whole.pairs[0].file

    def wait_until_begun(pairs):
        deadline = time.monotonic() + 60
        while len(log.read_text().split()) < pairs and time.monotonic() < deadline:
            time.sleep(0.02)

    wait_until_begun(4)  # each worker waits with a pair
    ((pid, count),) = Counter(log.read_text().split()).most_common(1)
    os.kill(int(pid), signal.SIGKILL)  # it painted the first pair, which is not to be painted again
    wait_until_begun(5)
    go_on.touch()
    list(painting)
    assert painted_images(folders / "out") == painted_images(folders / "whole")
    assert [pair.state for pair in plan.pairs] == [pair.state for pair in whole.pairs]
    begun = log.read_text().split()
    assert count == 2 and len(begun) == 4 + 1 and len(set(begun)) >= 3


def test_dask_does_not_keep_the_images_of_finished_pairs(folders, monkeypatch):
    """It would remember a thousand messages; here the scheduler, too, is part of this process."""
    monkeypatch.setattr(cluster, "worker_count", lambda tasks, device: 1)
    with cluster.connect(None, tasks=1, device="cpu") as client:
        for number in range(20):
            image = np.full((64, 64, 3), number, np.float32)
            assert client.submit(np.mean, image, pure=False).result() == number
        deadline, kept = time.monotonic() + 20, 20
        while kept >= 5 and time.monotonic() < deadline:  # the scheduler forgets a task when it comes to it
            time.sleep(0.1)
            gc.collect()
            # `isinstance` would ask each object for its class, and one of PyTorch's answers with a warning
            kept = sum(issubclass(type(each), Task) and "mean" in str(each.key) for each in gc.get_objects())
    assert kept < 5


@pytest.mark.slow
def test_a_framework_paints_the_same_images_if_a_worker_of_a_running_scheduler_is_killed(folders, framework):
    (folders / "content" / "broken.jpg").unlink()
    settings = {**QUICK, "encoder": "mini", "steps": 20, "backend": framework}
    with cluster.connect(None, tasks=2, device="cpu") as client:
        for out in ("whole", "out"):
            plan = plan_gallery(str(folders / "content"), str(folders / "style"), folders / out, **settings)
            painting = paint(plan, scheduler=client.scheduler.address)
            next(painting)
            if out == "out":
                pids = client.run(os.getpid)
                busy = [address for address, tasks in client.processing().items() if tasks]
                os.kill(pids[busy[0]], signal.SIGKILL)
            list(painting)
            assert [pair.state for pair in plan.pairs] == ["done"] * 4
        assert len(set(pids.values()) | set(client.run(os.getpid).values())) > 2
    assert painted_images(folders / "out") == painted_images(folders / "whole")


@pytest.mark.parametrize(("tasks", "cores", "gigabytes", "expected"), [(9, 4, 64, 4), (2, 8, 64, 2), (9, 8, 7, 2), (9, 1, 1, 1)])
def test_workers_fit_the_machine(monkeypatch, tasks, cores, gigabytes, expected):
    monkeypatch.setattr(cluster, "CPU_COUNT", cores)
    monkeypatch.setattr(cluster, "MEMORY_LIMIT", gigabytes * 2**30)
    assert cluster.worker_count(tasks, "cpu") == expected


@pytest.mark.slow
def test_a_gallery_painted_by_a_framework(folders, capfd, monkeypatch):
    monkeypatch.setattr(cluster, "worker_count", lambda tasks, device: 1)
    monkeypatch.chdir(folders)
    options = ("--encoder", "random", "--size", "32", "--steps", "2", "--device", "cpu")
    assert cli.run(["gallery", "content", "style", "-o", "out", *options]) == 1
    out, err = lines(capfd)
    assert len(err) == 2 and err[0].startswith("stylelab: left out of 'content': 'notes.txt'; "), err
    assert "broken in x: 'content/broken.jpg' is a broken or truncated JPEG image" in err[1]
    assert re.fullmatch(r"4 painted, 2 failed of 6 pairs \(\d+\.\d s each, float32\); see out/index\.html", *out)
    facts = json.loads((folders / "out" / "gallery.json").read_text())["images"]["b__x.png"]["facts"]
    assert facts["device"] == "cpu" and facts["steps"] == 2 and facts["loss_end"] > 0
    assert images.open_image(folders / "out" / "b__y.png").shape == (21, 32, 3)


def lines(captured):
    out, err = captured.readouterr()
    return out.splitlines(), err.splitlines()
