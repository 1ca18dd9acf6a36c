"""The command line: every mistake gives one line and its exit status, and never a half-written file."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from stylelab import images
from stylelab.cli import commands as cli
from stylelab.cli import transfer as painting
from stylelab.errors import MachineError, NotFiniteError
from stylelab.result import Step
from stylelab.run.collect import collect
from stylelab.run.options import Options, values_of
from stylelab.run.prepare import prepare_run

SMALL = ("--encoder", "random", "--size", "32", "--steps", "4")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every command runs in an empty folder, with an empty cache."""
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def paint(monkeypatch):
    """Sets what the half of the package does with a prepared run, in place of a framework."""

    def pretend(function):
        monkeypatch.setattr(painting, "load_backend", lambda name: SimpleNamespace(paint=function))

    return pretend


@pytest.fixture
def steps(paint):
    """A run without a framework: put what should happen at each step into the list that comes back."""
    events = []

    def walk(run):
        for index in range(1, run.steps + 1):
            event = events.pop(0) if events else None
            if event is not None:
                event(index)
            loss = 100.0 / index
            image = np.full_like(run.job.content, 1 / index)
            yield [Step(index, loss, {"content": loss / 4, "style": 3 * loss / 4}, lambda image=image: image)]

    paint(lambda run, **how: collect(walk(run), run, backend="torch", device="pretended", precision="float32", **how))
    return events


@pytest.fixture
def no_run(monkeypatch):
    """A mistake must be found before the framework is imported: a run that starts is a failure."""
    monkeypatch.setattr(painting, "load_backend", lambda name: pytest.fail("the run was started"))


def refused(capsys, *arguments, status=1) -> str:
    """Run a command that must exit with `status`; returns its only line of output, on stderr."""
    assert cli.run([str(argument) for argument in arguments]) == status
    out, err = capsys.readouterr()
    assert err.startswith("stylelab: ") and err.count("\n") == 1 and "Traceback" not in err, err
    assert out == ""
    return err


def said(capsys, *arguments, status=0) -> str:
    assert cli.run([str(argument) for argument in arguments]) == status
    return capsys.readouterr().out


# mistakes in the input


@pytest.mark.parametrize(("options", "words"), [
    (("--recipe", "gatis"), "unknown recipe 'gatis': did you mean 'gatys'?"),
    (("--encoder", "vgg91"), "unknown encoder 'vgg91': did you mean 'vgg19'?"),
    (("--encoder", "vgg19"), "stylelab encoders download vgg19"),
    (("--encoder", "none.safetensors"), "none.safetensors"),
    (("--backend", "pytorch"), "unknown backend 'pytorch': did you mean 'torch'?"),
    (("--style-layers", "conv1_1,conv9_1"), "unknown layer 'conv9_1'"),
    (("--content-layers", "conv4_20"), "unknown layer 'conv4_20': did you mean 'conv4_2'?"),
    (("--content-layers", ","), "no layer given"),
    (("--size", "0"), "got 0"),
    (("--size", "-5"), "got -5"),
    (("--size", "8"), "too small"),
    (("--size", "large"), "'--size'"),
    (("--size", "2.5"), "'--size'"),
    (("--size", "99999999"), "more than 100 million"),
    (("--steps", "0"), "steps is 0"),
    (("--steps", "-1"), "steps is -1"),
    (("--steps", "many"), "'--steps'"),
    (("--seed", "-1"), "seed is -1"),
    (("--colour", "red"), "--colour"),
])  # fmt: skip
def test_a_wrong_option_gives_one_line(capsys, no_run, options, words):
    given = dict(zip(SMALL[::2], SMALL[1::2], strict=True)) | {options[0]: options[1]}
    flat = [text for pair in given.items() for text in pair]
    assert words in refused(capsys, "transfer", "china", "cat", "-o", "a.png", *flat)
    assert not os.listdir()


def broken_files(folder):
    """Write files that cannot be used as images, named after their fault."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)).save(folder / "truncated.jpg")
    whole = (folder / "truncated.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("Dear diary")
    (folder / "folder").mkdir()
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    Image.new("RGB", (3, 5000)).save(folder / "strip.png")


@pytest.mark.parametrize(("name", "words"), [
    ("missing.jpg", "no image 'missing.jpg'"), ("folder", "is a folder"), ("text.jpg", "is not an image"),
    ("empty.jpg", "is empty"), ("truncated.jpg", "broken or truncated"), ("chnia", "did you mean 'china'?"),
    ("strip.png", "too small"),
])  # fmt: skip
@pytest.mark.parametrize("place", ["content", "style"])
def test_a_bad_image_gives_one_line(capsys, tmp_path, no_run, monkeypatch, name, words, place):
    broken_files(tmp_path)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    pair = (name, "cat") if place == "content" else ("cat", name)
    assert words in refused(capsys, "transfer", *pair, "-o", "out/a.png", *SMALL)
    assert not os.listdir("out")


@pytest.mark.parametrize(("out", "words"), [
    ("nowhere/a.png", "does not exist: run `mkdir -p nowhere` first"), (".", "is a folder"), ("a.gif", "its ending"),
    ("a", "got no ending"), ("/proc/a.png", "cannot write into folder '/proc'"),
])  # fmt: skip
def test_an_output_that_cannot_be_written_is_found_before_the_run(capsys, no_run, out, words):
    assert words in refused(capsys, "transfer", "china", "cat", "-o", out, *SMALL)
    assert not os.listdir()


def test_an_input_image_is_never_overwritten(capsys, no_run):
    Image.new("RGB", (40, 40)).save("mine.png")
    before = Path("mine.png").read_bytes()
    assert "is one of the two input images" in refused(capsys, "transfer", "mine.png", "cat", "-o", "./mine.png", *SMALL)
    assert Path("mine.png").read_bytes() == before


@pytest.mark.parametrize(("arguments", "words"), [
    (("transfr",), "transfer"), (("--nope",), "--nope"), (("transfer", "china", "cat"), "--out"),
    (("transfer", "china"), "style"), (("recipes", "gatis"), "did you mean 'gatys'?"),
    (("encoders", "download", "vgg16"), "did you mean 'vgg19'?"), (("encoders", "upload"), "upload"),
    (("encoders", "download", "mini"), "needs no download"),
    (("gallery", "nowhere", "cat", "-o", "a", "--encoder", "random"), "nowhere"),
])  # fmt: skip
def test_a_wrong_command_line_exits_with_1(capsys, arguments, words):
    assert words.lower() in refused(capsys, *arguments).lower()


def test_no_command_at_all_shows_the_help(capsys):
    assert cli.run([]) == 1
    out, err = capsys.readouterr()
    assert "transfer" in out + err and "stylelab: \n" not in err


# faults of the machine


def test_a_missing_gpu_exits_with_2(capsys, paint):
    def no_gpu(*args, **kwargs):
        raise MachineError("no 'cuda' on this machine")

    paint(no_gpu)
    assert "no 'cuda'" in refused(capsys, "transfer", "china", "cat", "-o", "a.png", *SMALL, "--device", "cuda", status=2)
    assert not os.listdir()


def test_too_little_memory_exits_with_2(capsys, paint):
    def too_much(*args, **kwargs):
        raise MemoryError

    paint(too_much)
    assert "smaller --size" in refused(capsys, "transfer", "china", "cat", "-o", "a.png", *SMALL, status=2)


def test_doctor_exits_with_2_only_if_something_necessary_is_missing(capsys, monkeypatch):
    from stylelab.cli import doctor

    monkeypatch.setattr(doctor, "report", lambda: [doctor.Finding("chromium", "not here", "optional: install it")])
    assert "optional: install it" in said(capsys, "doctor")
    monkeypatch.setattr(doctor, "report", lambda: [doctor.Finding("torch", "not installed", "run `make lab`", True)])
    assert cli.run(["doctor"]) == 2
    out, err = capsys.readouterr()
    assert "run `make lab`" in out and err == "stylelab: missing here: torch; see the last column\n"


# a run


def test_a_run_saves_its_image_and_prints_a_summary(capsys, steps):
    out = said(capsys, "transfer", "china", "cat", "-o", "a.png", *SMALL)
    assert "saved a.png (32 x 21 pixels), recipe gatys, encoder random" in out
    assert "4 steps in" in out and "on pretended" in out and "ms per step, loss 100 -> 25" in out
    np.testing.assert_allclose(images.open_image("a.png"), 0.25, atol=0.003)
    assert os.listdir() == ["a.png"]


def test_options_of_the_command_line_reach_the_run(capsys, paint):
    runs = []

    def far_enough(run, **how):
        runs.append(run)
        raise MachineError("far enough")

    paint(far_enough)
    layers = ("--content-layers", "conv2_2", "--style-layers", "conv1_1, conv2_1")
    how = ("--seed", "3", "--device", "cpu", "--precision", "bfloat16", "--scales", "3", "--tile", "128")
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL, *layers, *how]) == 2
    expected = Options(
        encoder="random", size=32, steps=4, content_layers=("conv2_2",), style_layers=("conv1_1", "conv2_1"), seed=3,
        device="cpu", precision="bfloat16", scales=3, tile=128,
    )  # fmt: skip
    assert values_of(runs[0].options, Options) == vars(expected)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [("--precision", "float16", "unknown precision 'float16'"), ("--scales", "0", "scales is 0"), ("--tile", "8", "tile is 8")],
)
def test_wrong_options_of_the_computation_give_one_line(capsys, no_run, option, value, words):
    assert words in refused(capsys, "transfer", "china", "cat", "-o", "a.png", *SMALL, option, value)


def test_there_is_no_progress_bar_without_a_terminal(capsys, steps):
    cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL])
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_step_loss_and_time_per_step(steps, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr("stylelab.cli.progress.Console", lambda stderr: Console(file=screen, force_terminal=True, width=140))
    cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL])
    assert "4/4" in screen.getvalue() and "loss 25" in screen.getvalue() and "ms per step" in screen.getvalue()


def test_ctrl_c_saves_the_best_image_so_far(capsys, steps):
    steps += [None, None, lambda index: os.kill(os.getpid(), signal.SIGINT)]
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 130
    out, err = capsys.readouterr()
    assert "saved a.png" in out and "2 steps" in out and err.startswith("stylelab: stopped after 2 steps")
    assert images.open_image("a.png").max() == pytest.approx(1)  # the image whose loss was the lowest known


def test_ctrl_c_before_the_first_step_gives_one_line(capsys, paint):
    def interrupted(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)

    paint(interrupted)
    assert "interrupted" in refused(capsys, "transfer", "china", "cat", "-o", "a.png", *SMALL, status=130)
    assert not os.listdir()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_after_a_loss_that_is_not_finite_the_last_good_image_is_saved(capsys, steps):
    def explode(index):
        raise NotFiniteError(index, float("nan"), np.full((21, 32, 3), 0.5, np.float32))

    steps += [None, explode]
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 1
    out, err = capsys.readouterr()
    assert "saved a.png" in out and "the loss is nan at step 2" in err and err.count("\n") == 1
    np.testing.assert_allclose(images.open_image("a.png"), 0.5, atol=0.003)


def test_the_summary_says_which_encoder_auto_chose(steps):
    run = prepare_run(["china"], ["cat"], Options(encoder="random", size=32, steps=1))
    (result,) = collect([], run, backend="torch", device="cpu", precision="float32")
    assert "encoder random (chosen by 'auto')" in painting.summary(result, "a.png", "auto")
    assert "chosen" not in painting.summary(result, "a.png", "random")


# the other commands


@pytest.mark.parametrize("command", [
    (), ("transfer",), ("gallery",), ("encoders",), ("encoders", "download"), ("recipes",), ("doctor",), ("bench",),
])  # fmt: skip
def test_every_command_has_help(capsys, command):
    out = said(capsys, *command, "--help")
    assert " ".join(["usage: stylelab", *command]) in " ".join(out.split()).lower()


def test_the_help_gives_units(capsys):
    assert "pixels" in said(capsys, "transfer", "--help")


def test_recipes_lists_all_six_with_their_sources(capsys):
    out = said(capsys, "recipes")
    for name in ("gatys", "keras", "tf-tutorial", "coursera", "pytorch-adam", "lab", "CVPR 2016"):
        assert name in out


def test_one_recipe_is_shown_in_full(capsys):
    out = said(capsys, "recipes", "keras")
    assert "conv5_2" in out and "4000 steps" in out and "slice" in out


def test_encoders_are_listed_with_their_state(capsys):
    out = said(capsys, "encoders")
    assert "run `stylelab encoders download vgg19`" in out and "computed" in out and "mini" in out


def test_a_download_prints_the_path_of_the_file(capsys, monkeypatch):
    monkeypatch.setattr("stylelab.encoders.download.download", lambda name, say: f"/cache/{name}.safetensors")
    assert "vgg19 is ready: /cache/vgg19.safetensors" in said(capsys, "encoders", "download", "vgg19")


def test_help_and_mistakes_import_no_framework():
    code = (
        "import sys; from stylelab.cli import commands as cli; cli.run(['--help']); assert 'numpy' not in sys.modules\n"
        "assert cli.run(['transfer', 'chnia', 'cat', '-o', 'a.png', '--encoder', 'random']) == 1\n"
        "sys.exit(bool({'torch', 'tensorflow', 'keras', 'matplotlib', 'distributed'} & set(sys.modules)))"
    )
    assert command("-c", code).returncode == 0


# in a process, with a framework


def command(*arguments):
    """A process of its own, whose working folder is not the repository."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=900, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_a_transfer_from_files_to_a_file(backend):
    Image.new("RGBA", (90, 60), (200, 30, 30, 128)).save("content.png")
    arguments = ("content.png", "coffee", "-o", "out.png", "--encoder", "random", "--size", "64", "--steps", "3")
    done = command("-m", "stylelab", "transfer", *arguments, "--backend", backend, "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 steps" in done.stdout and "on " in done.stdout
    assert images.open_image("out.png").shape == (43, 64, 3)
    assert sorted(os.listdir()) == ["content.png", "out.png"]


@pytest.mark.slow
@pytest.mark.skipif(os.path.exists("/dev/nvidia0"), reason="this machine has the GPU that must be missing")
def test_a_missing_gpu_gives_one_line_and_status_2():
    arguments = ("china", "coffee", "-o", "out.png", "--encoder", "random", "--size", "64", "--device", "cuda")
    done = command("-m", "stylelab", "transfer", *arguments)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "cuda" in done.stderr
    assert not os.listdir()
