"""A run that was stopped continues from a file, to the very same image."""

import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import save_file

from stylelab.cli import commands
from stylelab.cli import transfer as painting
from stylelab.errors import InputError, NotFiniteError
from stylelab.images import find_built_in
from stylelab.recipes import RECIPES, Optimiser, with_weights
from stylelab.result import Step
from stylelab.run import state
from stylelab.run.collect import collect
from stylelab.run.options import Options
from stylelab.run.prepare import prepare_run
from stylelab.run.resume import keep

# TensorFlow reads each run's layers into a graph anew: few are enough here
LAYERS = dict(content_layers=["conv1_2"], style_layers=["conv1_1", "conv2_1"])
SMALL = dict(encoder="mini", device="cpu", precision="float32", size=48, steps=7, snapshots=[1, 2, 4]) | LAYERS
WAYS = {
    "lbfgs": dict(recipe="gatys"),
    "adam": dict(recipe="tf-tutorial"),
    "sgd": dict(recipe="keras"),
    "lbfgs at two sizes": dict(recipe="gatys", size=128, scales=2),
    "adam at two sizes": dict(recipe="tf-tutorial", size=128, scales=2),
    "lbfgs in tiles": dict(recipe="gatys", tile=16),
    "lbfgs with random draws": dict(recipe="sliced"),
    "adam with random draws": dict(recipe=replace(RECIPES["sliced"], optimiser=Optimiser("adam", 0.02))),
    "noise": dict(recipe="coursera", seed=3),
}


def stop_at(step):
    """A function to call with every step, which stops the run at one of them."""

    def watch(seen):
        if (seen[0] if isinstance(seen, list) else seen).index == step:
            raise KeyboardInterrupt

    return watch


def same(result, unbroken):
    """Whether two results agree in every bit, except in how long they took."""
    np.testing.assert_array_equal(result.image, unbroken.image)
    for column in ("step", "total", "content", "style", "tv"):
        np.testing.assert_array_equal(result.history[column], unbroken.history[column])
    assert list(result.snapshots) == list(unbroken.snapshots)
    for step, image in unbroken.snapshots.items():
        np.testing.assert_array_equal(result.snapshots[step], image)
    assert (np.diff(result.history["seconds"]) >= 0).all() and result.seconds >= result.history["seconds"][-1]
    assert (result.stopped, result.taken, result.notes) == (unbroken.stopped, unbroken.taken, unbroken.notes)
    return True


@pytest.fixture
def short_memory(monkeypatch, framework):
    """L-BFGS remembers two steps, and draws anew every third: so seven steps see everything that five hundred do."""
    monkeypatch.setattr("stylelab.run.numerics.lbfgs.memory", lambda numbers: 2)
    monkeypatch.setattr(f"stylelab.{framework}.loop.KEPT", 3)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_is_stopped_at_every_step_leads_to_the_same_image(sl, tmp_path, short_memory, way):
    options, path = SMALL | WAYS[way], tmp_path / "run.state"
    unbroken = sl.transfer("coffee", "astronaut", **options)
    for step in range(1, 8):
        result = sl.transfer("coffee", "astronaut", resume=path, watch=stop_at(step), **options)
        assert result.stopped.startswith(f"stopped after {step} steps") and path.is_file()
    assert same(sl.transfer("coffee", "astronaut", resume=path, **options), unbroken)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_a_batch_goes_on_with_the_pair_that_has_ended_and_the_one_that_has_not(sl, tmp_path):
    """At that learning rate a flat image, in which there is nothing to smooth, is the only one to stay."""
    wild = with_weights(replace(RECIPES["keras"], optimiser=Optimiser("sgd", 1e30)), content=0, style=0, tv=1e3)
    flat, rough = np.full((48, 48, 3), 0.5, np.float32), np.random.default_rng(0).uniform(size=(48, 48, 3)).astype(np.float32)
    for recipe in (wild, "gatys"):
        options, path, seen = SMALL | dict(recipe=recipe, steps=5, snapshots=()), tmp_path / "run.state", []
        whole = []
        unbroken = sl.transfer_batch([flat, rough], [rough, rough], watch=whole.append, **options)
        for step in (1, 3, 4):
            sl.transfer_batch([flat, rough], [rough, rough], resume=path, watch=stop_at(step), **options)
        results = sl.transfer_batch([flat, rough], [rough, rough], resume=path, watch=seen.append, **options)
        assert all(itertools.starmap(same, zip(results, unbroken, strict=True)))
        assert len(seen) == 1 and isinstance(seen[0][1], NotFiniteError) == (recipe is wild)
        assert str(seen[0][1]) == str(whole[-1][1]) and seen[0][1].index == whole[-1][1].index
        np.testing.assert_array_equal(seen[0][1].image, whole[-1][1].image)
        assert [result.stopped is None for result in results] == [True, recipe != wild]


def test_a_run_goes_on_where_it_was_stopped(sl, tmp_path):
    options, path, seen = SMALL | dict(steps=4, recipe="gatys"), tmp_path / "run.state", []
    unbroken = sl.transfer("coffee", "astronaut", **options)
    sl.transfer("coffee", "astronaut", resume=str(path), watch=stop_at(2), **options)
    result = sl.transfer("coffee", "astronaut", resume=path, watch=seen.append, **options)
    assert [step.index for step in seen] == [3, 4] and same(result, unbroken)
    assert result.settings == unbroken.settings and not path.exists()


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam", "sgd"])
def test_a_method_goes_on_with_all_that_it_knows(lab, rng, optimiser):
    """Also after a move that doubled the loss and was undone, and after what a loss draws at random was drawn again."""
    engine = __import__(f"stylelab.{lab.name}.engine.optimisers", fromlist=["optimisers"])
    start, gradients = rng.uniform(size=(1, 8, 8, 3)).astype(np.float32), rng.normal(size=(9, 1, 8, 8, 3)).astype(np.float32)

    def walk(restored):
        settings, image = Optimiser(optimiser, 0.1, decay=0.5), start
        method = engine.make_method(settings, lab.tensor(image))
        for index, (loss, gradient) in enumerate(zip([9, 8, 20, 7, 15, 6, 5, 30, 4], gradients, strict=True)):
            if index == 6:
                method.renewed()
            if restored:
                known, method = method.state() if index else {}, engine.make_method(settings, lab.tensor(image))
                if index:
                    method.restore({name: np.array(array) for name, array in known.items()})
            tensor = lab.tensor(image)
            moved = method.step(tensor, [float(loss)], lab.tensor(image - 0.5 + 0.1 * gradient))
            image = lab.array(tensor if moved is None else moved)
            yield image

    for broken, unbroken in zip(walk(True), walk(False), strict=True):
        np.testing.assert_array_equal(broken, unbroken)


@pytest.mark.parametrize(("then", "now"), [(None, 16), (16, None)])
def test_a_run_goes_on_with_the_tiles_that_it_began_with(sl, tmp_path, monkeypatch, then, now):
    """How much memory is free when it continues must not change the image."""
    options, path = SMALL | dict(steps=2, recipe="gatys"), tmp_path / "run.state"
    monkeypatch.setattr("stylelab.run.numerics.memory.choose_tile", lambda *args, **how: then)
    unbroken = sl.transfer("coffee", "astronaut", **options)
    sl.transfer("coffee", "astronaut", resume=path, watch=stop_at(1), **options)
    monkeypatch.setattr("stylelab.run.numerics.memory.choose_tile", lambda *args, **how: now)
    result = sl.transfer("coffee", "astronaut", resume=path, **options)
    assert result.tile == then and len(result.notes) == (then is not None) and same(result, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["first", "last"])
def test_between_two_tiles_ctrl_c_waits_no_longer_and_the_step_before_is_kept(sl, framework, tmp_path, monkeypatch, where):
    """A step of a large image takes minutes. Nothing has changed yet when it is cut there."""
    options, path, calls = SMALL | dict(steps=3, recipe="gatys", tile=16), tmp_path / "run.state", [0]
    unbroken = sl.transfer("coffee", "astronaut", **options)
    tiles = __import__(f"stylelab.{framework}.engine.tiles", fromlist=["tiles"])
    proceed = tiles.stop_if_asked

    def between():
        calls[-1] += 1
        if len(calls) == 3 and calls[2] == (1 if where == "first" else calls[1]):
            ctrl_c()
        proceed()

    monkeypatch.setattr(tiles, "stop_if_asked", between)
    result = sl.transfer("coffee", "astronaut", resume=path, watch=lambda step: calls.append(0), **options)
    assert result.stopped.startswith("stopped after 2 steps") and calls[2] == (1 if where == "first" else calls[1]) > 0
    monkeypatch.undo()
    assert same(sl.transfer("coffee", "astronaut", resume=path, **options), unbroken)


KILLED = """
import os, signal, sys
import stylelab
from stylelab.run import state

state.INTERVAL = state.COST = 0
stylelab.transfer("coffee", "astronaut", resume=sys.argv[1], backend=sys.argv[2], encoder="mini", size=48, steps=6, device="cpu",
                  precision="float32", content_layers=["conv1_2"], style_layers=["conv1_1", "conv2_1"],
                  watch=lambda step: step.index == 4 and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
def test_a_killed_process_leaves_a_state_to_go_on_from(sl, framework, tmp_path):
    path, seen = tmp_path / "run.state", []
    killed = subprocess.run([sys.executable, "-c", KILLED, path, framework], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL and os.listdir(tmp_path) == ["run.state"]
    options = SMALL | dict(steps=6, snapshots=None)
    result = sl.transfer("coffee", "astronaut", resume=path, watch=seen.append, **options)
    assert [step.index for step in seen] == [5, 6]
    np.testing.assert_array_equal(result.image, sl.transfer("coffee", "astronaut", **options).image)


# without a framework: a loop that only pretends to paint


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder, in which every step is kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(state, "INTERVAL", 0.0)
    monkeypatch.setattr(state, "COST", 0.0)
    return tmp_path


def pretend(run, events=None):
    """The steps of a run without a framework; each image is the one before and its number."""
    progress, image = run.progress, run.job.content * 0
    if progress.step:
        image = progress.arrays["images"]
    for index in range(progress.step + 1, run.steps + 1):
        progress.read = None
        if events and index in events:
            events[index]()
        image = image + np.float32(index / 100)
        progress.step, progress.read = index, lambda image=image: {"images": image}
        yield [Step(index, 1.0 + abs(index - 2), {"content": 1.0}, lambda image=image: image)]  # the second starts from the best


def paint(path="run.state", contents=("china",), styles=("cat",), events=None, afresh=False, backend="torch", **options):
    """A pretended run, kept in a file."""
    options = dict(encoder="random", size=32, steps=5) | options
    run = keep(prepare_run(contents, styles, Options(**options)), path, backend, afresh=afresh)
    (result,) = collect(pretend(run, events), run, backend=backend, device="cpu", precision="float32")
    return result


def stop():
    raise KeyboardInterrupt


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("other", [
    dict(size=48), dict(steps=9), dict(recipe="lab"), dict(style_weight=3.0), dict(style_layers=["conv1_1"]), dict(scales=2, size=64),
    dict(contents=["cat"]), dict(styles=["coffee"]), dict(encoder="mini"), dict(precision="bfloat16"), dict(tile=16),
    dict(backend="tensorflow"), dict(keep_colours="match"), dict(recipe="coursera"), dict(contents=["china", "china"], styles=["cat", "cat"]),
], ids=str)  # fmt: skip
def test_the_state_of_another_run_is_refused_and_stays(here, other):
    paint(events={3: ctrl_c})
    before = Path("run.state").read_bytes()
    with pytest.raises(
        InputError, match=r"^'run.state' is the state of another run \(.*\): repeat its settings, or remove it$"
    ) as caught:
        paint(**other)
    name = next(iter(other))
    words = {"contents": "(with another content image)", "styles": "(with another style image)"}
    assert words.get(name, f"{name} was ") in str(caught.value) and str(caught.value).count(" was ") <= len(other)
    assert Path("run.state").read_bytes() == before and os.listdir() == ["run.state"]


def test_the_seed_counts_where_there_is_noise(here):
    paint(events={3: ctrl_c}, recipe="coursera")
    with pytest.raises(InputError, match="seed was 0"):
        paint(recipe="coursera", seed=1)
    paint("other.state", events={3: ctrl_c})
    assert list(paint("other.state", seed=1).history["step"]) == [1, 2, 3, 4, 5]


def test_an_option_that_is_not_known_to_be_seen_in_the_run_itself_must_be_the_same(here, monkeypatch):
    """So a new option counts from the beginning."""
    paint(events={3: ctrl_c})
    monkeypatch.setattr("stylelab.run.resume.SEEN", set())
    with pytest.raises(InputError, match=r"\(seed was 0\)"):
        paint(seed=1)


def test_what_is_not_part_of_the_run_may_change(here):
    shutil.copy(find_built_in("china"), "copy.jpg")
    paint(events={3: ctrl_c})
    assert len(paint(contents=["copy.jpg"], size=32, tile=None, precision="float32", device="cpu").history) == 5


def spoil(how):
    data = bytearray(Path("run.state").read_bytes())
    if how == "byte":
        data[-1] ^= 1
    if how == "words":
        data[data.index(b"float32")] ^= 1
    Path("run.state").write_bytes(
        b"" if how == "empty" else b"Dear diary" if how == "text" else data[:-9] if how == "cut" else data
    )
    if how == "network":
        save_file({"conv1_1.weight": np.zeros((3, 3), np.float32)}, "run.state")
    if how == "folder":
        os.unlink("run.state")
        os.mkdir("run.state")


@pytest.mark.parametrize(("how", "words"), [
    ("empty", "is no complete state of a run: remove it, or name another file"),
    ("text", "is no complete state of a run: remove it"), ("cut", "is no complete state of a run: remove it"),
    ("byte", "is damaged: remove it to start the run again"), ("words", "is damaged: remove it"),
    ("network", "is not the state of a run: name another file"), ("folder", "is not a file: name another one"),
])  # fmt: skip
def test_a_broken_file_is_refused_with_a_line_and_stays(here, how, words):
    paint(events={3: ctrl_c})
    spoil(how)
    with pytest.raises(InputError, match=words) as caught:
        paint()
    assert "\n" not in str(caught.value) and "'run.state'" in str(caught.value) and os.listdir() == ["run.state"]


def test_a_state_of_another_format_is_refused(here, monkeypatch):
    monkeypatch.setattr(state, "FORMAT", state.FORMAT + 1)
    paint(events={3: ctrl_c})
    monkeypatch.undo()
    with pytest.raises(InputError, match="is of another version of stylelab: use that one, or remove the file"):
        paint(here / "run.state")


def test_a_folder_that_does_not_exist_is_said_before_the_run(here):
    with pytest.raises(InputError, match="folder 'none' does not exist: run `mkdir -p none` first"):
        paint("none/run.state")


def test_a_path_must_be_one(sl):
    with pytest.raises(InputError, match="resume must be a path"):
        sl.transfer("china", "cat", resume=3)


def test_short_runs_write_nothing_and_long_ones_every_half_minute(here, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(here)
    now, written = [0.0], []
    monkeypatch.setattr(state, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def write(path, arrays, about):
        now[0] += 4
        written.append(about["step"])

    monkeypatch.setattr(state, "write", write)

    def later():
        now[0] += 10

    paint(steps=20, events={index: later for index in range(1, 21)})
    # after 30 s; then not before 20 times as long as writing took: 80 s, or 8 steps
    assert written == [3, 11, 19]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_disk_that_cannot_be_written_costs_the_state_and_is_said_once(here, monkeypatch, error):
    tried = []

    def refuse(source, target):
        tried.append(target)
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "replace", refuse)
    result = paint()
    (note,) = result.notes
    assert note.startswith("the state of the run could not be kept: cannot write 'run.state': ")
    assert result.stopped is None and len(result.history) == 5 and len(tried) == 1 and os.listdir() == []


def test_the_state_before_survives_a_disk_that_is_full_now(here, monkeypatch):
    paint(events={3: ctrl_c})
    before = Path("run.state").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", no_room)
        result = paint(events={5: ctrl_c})
    assert "no space left on device" in result.notes[0] and Path("run.state").read_bytes() == before
    assert len(paint().history) == 5


def no_room(source, target):
    raise OSError(errno.ENOSPC, "no space left on device")


def test_what_a_killed_process_left_half_written_is_replaced_and_removed(here, monkeypatch):
    Path("run.state.part").write_bytes(b"half")
    paint(events={3: ctrl_c})
    assert os.listdir() == ["run.state"]
    Path("run.state.part").write_bytes(b"half")
    monkeypatch.setattr(state, "INTERVAL", 30.0)
    paint()
    assert os.listdir() == []


def test_ctrl_c_waits_for_the_end_of_a_step_that_would_be_half_done(here):
    """The step counts, and what is kept is complete."""
    result = paint(events={3: ctrl_c})
    assert result.stopped.startswith("stopped after 3 steps")
    np.testing.assert_array_equal(paint().image, paint("none.state").image)


def test_ctrl_c_after_going_on_gives_the_best_image_of_both_parts(here):
    paint(events={3: ctrl_c})
    result = paint(events={5: ctrl_c})
    assert result.stopped.startswith("stopped after 5 steps") and result.taken == 1
    np.testing.assert_array_equal(result.image, np.full_like(result.image, 0.01))


def test_the_third_ctrl_c_cuts_the_step_and_what_was_kept_before_stays(here, capfd):
    result = paint(events={4: lambda: [ctrl_c(), ctrl_c(), ctrl_c()]})
    assert result.stopped.startswith("stopped after 3 steps") and capfd.readouterr().err.count("one moment") == 1
    assert state.read(Path("run.state")).about["step"] == 3
    np.testing.assert_array_equal(paint().image, paint("none.state").image)


def test_a_loss_that_is_not_finite_leaves_no_state(here):
    def fail():
        raise NotFiniteError(3, np.nan, np.zeros((4, 4, 3), np.float32))

    assert "the loss is nan at step 3" in paint(events={3: fail}).stopped and os.listdir() == []


def test_a_state_of_the_same_run_is_not_replaced_by_one_of_fewer_steps(here):
    paint(events={4: ctrl_c})
    paint(events={2: ctrl_c}, afresh=True)
    assert state.read(Path("run.state")).about["step"] == 4
    paint(events={5: ctrl_c}, afresh=True)
    assert state.read(Path("run.state")).about["step"] == 5


def test_the_state_of_another_run_survives_a_short_one(here, monkeypatch):
    paint(events={4: ctrl_c})
    monkeypatch.setattr(state, "INTERVAL", 30.0)
    assert paint(steps=9, afresh=True).stopped is None
    assert state.read(Path("run.state")).about["step"] == 4


def test_a_run_with_other_threads_or_versions_says_so(here, monkeypatch):
    paint(events={3: ctrl_c})
    monkeypatch.setattr("stylelab.run.collect.installed_versions", lambda backend: {"stylelab": "0"})
    assert paint().notes == ("begun with other versions: the image may differ in details from that of an unbroken run",)


# the command


@pytest.fixture
def command(here, monkeypatch, capsys):
    """Runs `stylelab transfer`, with a pretended loop; returns its exit status, output and errors."""

    def run(*arguments, events=None):
        def half(prepared, **how):
            return collect(pretend(prepared, events), prepared, backend="torch", device="cpu", precision="float32", **how)

        monkeypatch.setattr(painting, "load_backend", lambda name: SimpleNamespace(paint=half))
        small = ("--encoder", "random", "--size", "32", "--steps", "5")
        status = commands.run(["transfer", "china", "cat", "-o", "a.png", *small, *arguments])
        return status, *capsys.readouterr()

    return run


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_after_a_stop_the_command_says_how_to_go_on_and_does(command, number, status):
    given, out, err = command(events={3: lambda: os.kill(os.getpid(), number)})
    assert given == status and "saved a.png" in out and sorted(os.listdir()) == ["a.png", "a.png.state"]
    assert err == (
        "stylelab: stopped after 3 steps: this is the best image so far; repeat the command with --resume to continue\n"
    )
    stopped = Path("a.png").read_bytes()
    given, out, err = command("--resume")
    assert given == 0 and "5 steps in" in out and err == "stylelab: going on after step 3 of 5\n"
    assert os.listdir() == ["a.png"] and Path("a.png").read_bytes() != stopped


def test_without_a_state_resume_starts_at_the_first_step(command):
    given, out, err = command("--resume")
    assert given == 0 and "5 steps in" in out
    assert err == "stylelab: no stopped run in 'a.png.state': this one starts at step 1\n"


def test_ctrl_c_before_the_first_new_step_loses_nothing(command, monkeypatch):
    command(events={3: ctrl_c})
    monkeypatch.setattr("stylelab.cli.progress.Progress.__enter__", lambda self: stop())
    given, out, err = command("--resume")
    assert given == 130 and "interrupted before the first step: repeat the command with --resume to continue" in err
    assert state.read(Path("a.png.state")).about["step"] == 3


def test_a_new_run_says_that_there_is_a_stopped_one(command):
    command(events={3: ctrl_c})
    given, _, err = command("--steps", "4")
    assert given == 0 and "'a.png.state' holds a stopped run with other settings, which this one replaces" in err
    command(events={3: ctrl_c})
    given, _, err = command()
    assert given == 0 and "'a.png.state' holds a stopped run with these settings, which --resume continues with" in err
    assert os.listdir() == ["a.png"]


def test_a_refused_state_is_one_line_and_no_run(command):
    command(events={3: ctrl_c})
    image, kept = (Path(name).read_bytes() for name in ("a.png", "a.png.state"))
    given, out, err = command("--resume", "--style-weight", "3")
    assert given == 1 and out == "" and err.count("\n") == 1
    assert "(style_weight was None): repeat its settings, or remove it" in err
    assert (image, kept) == tuple(Path(name).read_bytes() for name in ("a.png", "a.png.state"))


def test_a_file_of_that_name_that_is_no_state_is_left_alone(command):
    Path("a.png.state").write_text("Dear diary")
    given, _, err = command(events={3: ctrl_c})
    assert given == 130 and "'a.png.state' is no complete state of a run" in err and "this run is not kept" in err
    assert "--resume" not in err and Path("a.png.state").read_text() == "Dear diary"


def test_the_image_is_worth_more_than_the_state_if_there_is_room_for_one(command, monkeypatch):
    move = os.replace

    def one_file(source, target):
        move(source, target) if target.name == "a.png.state" or not os.path.exists("a.png.state") else no_room(source, target)

    monkeypatch.setattr(os, "replace", one_file)
    given, out, err = command(events={3: ctrl_c})
    assert given == 130 and "saved a.png" in out and os.listdir() == ["a.png"] and "--resume" not in err


def test_a_run_from_settings_goes_on_too(here, command, monkeypatch):
    assert command("--save-settings", "b.json")[0] == 0
    os.unlink("a.png")

    def half(events):
        return lambda name: SimpleNamespace(
            paint=lambda run, **how: collect(pretend(run, events), run, backend="torch", device="cpu", precision="float32", **how)
        )

    monkeypatch.setattr(painting, "load_backend", half({3: ctrl_c}))
    assert commands.run(["transfer", "--settings", "b.json"]) == 130 and Path("b.png.state").is_file()
    monkeypatch.setattr(painting, "load_backend", half({}))
    assert commands.run(["transfer", "--settings", "b.json", "--resume"]) == 0
    assert sorted(os.listdir()) == ["b.json", "b.png"]


def test_a_film_has_the_steps_of_both_parts(command):
    from PIL import Image

    command("--film", "a.gif", events={3: ctrl_c})
    command("--film", "a.gif", "--resume")
    with Image.open("a.gif") as film:
        assert film.n_frames >= 5
