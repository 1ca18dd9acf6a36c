"""The command line: every mistake gives one line and its exit status, and never a half-written file."""

import errno
import io
import os
import shlex
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
from stylelab.cli import one_pass
from stylelab.cli import transfer as painting
from stylelab.encoders import cache_dir
from stylelab.encoders.file import make_folder
from stylelab.errors import MachineError, NotFiniteError
from stylelab.recipes import LOSSES
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
    for commands in (painting, one_pass):
        monkeypatch.setattr(commands, "load_backend", lambda name: pytest.fail("the run was started"))


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
    assert "is one of the input images" in refused(capsys, "transfer", "mine.png", "cat", "-o", "./mine.png", *SMALL)
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
    assert "saved a.png (32 x 21 pixels), recipe stylelab, encoder random" in out
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


# what the system refuses

LESSONS = Path(__file__).resolve().parents[2] / "lessons"
PATHS = {  # a command with a place for a path, and the ending that it asks for
    "content": ("transfer PATH cat -o a.png", ".png"),
    "style": ("transfer cat PATH -o a.png", ".png"),
    "out": ("transfer cat fluid -o PATH", ".png"),
    "film": ("transfer cat fluid -o a.png --film PATH", ".gif"),
    "save_settings": ("transfer cat fluid -o a.png --save-settings PATH", ".json"),
    "settings": ("transfer -o a.png --settings PATH", ".json"),
    "encoder": ("transfer cat fluid -o a.png --encoder PATH", ".pth"),
    "gallery_content": ("gallery PATH fluid -o g", ""),
    "gallery_style": ("gallery cat PATH -o g", ""),
    "gallery_out": ("gallery cat fluid -o PATH", ""),
    "fast_image": ("fast PATH fluid -o a.png", ".png"),
    "fast_style": ("fast cat PATH -o a.png", ".png"),
    "fast_out": ("fast cat fluid -o PATH", ".png"),
    "fast_network": ("fast cat fluid -o a.png --network PATH", ".safetensors"),
    "train_style": ("train PATH -o a.safetensors", ".png"),
    "train_out": ("train fluid -o PATH", ".safetensors"),
    "train_network": ("train fluid -o a.safetensors --network PATH", ".safetensors"),
    "export_network": ("export PATH -o a.onnx", ".safetensors"),
    "export_out": ("export six -o PATH", ".onnx"),
    "start": ("start PATH", ""),
    "release": ("release -o PATH --lessons 00", ""),
    "submissions": ("grade PATH -o m --sandbox none", ""),
    "grade_out": (f"grade {LESSONS} -o PATH --sandbox none", ""),
    "canvas": (f"grade {LESSONS} -o m --canvas PATH --sandbox none", ".csv"),
    "bench_out": ("bench --quick -o PATH", ".json"),
    "bench_plot": ("bench --quick --plot PATH", ".png"),
    "bench_peers": ("bench --quick --peers PATH", ""),
    "bench_judge": ("bench --quick --judge PATH", ".safetensors"),
    "bench_encoder": ("bench --quick --encoder PATH", ".pth"),
    "bench_content": ("bench --quick --content PATH", ".png"),
    "bench_style": ("bench --quick --style PATH", ".png"),
}


@pytest.fixture
def nothing_starts(monkeypatch, no_run):
    for work in ("cluster.connect", "classroom.marking.batch.run", "bench.command.measure_all"):
        monkeypatch.setattr(f"stylelab.tools.{work}", lambda *args, **kwargs: pytest.fail("the work was started"))


@pytest.mark.slow
@pytest.mark.parametrize("place", PATHS)
def test_a_path_that_the_system_refuses_gives_one_line_in_every_command(capsys, nothing_starts, permissions_count, place):
    command, ending = PATHS[place]
    os.mkdir("closed", 0)
    os.mkfifo(f"pipe{ending}")
    os.symlink(f"circle{ending}", f"circle{ending}")
    Path("file").touch()
    before = sorted(os.listdir())
    refusals = ["closed/x", "x" * 300, "y/" * 2500 + "z", "circle", "file/x", "pipe", "a\0b", "/dev/full", "/proc/x"]
    for path in refusals:
        path += "" if path == "/dev/full" else ending
        line = refused(capsys, *(path if word == "PATH" else word for word in command.split()))
        assert len(line) < 400 and "Errno" not in line, line
        assert sorted(os.listdir()) == before, path


@pytest.mark.parametrize("option", ["--size", "--steps", "--seed", "--tile", "--scales"])
@pytest.mark.parametrize("number", ["9" * 20, "-" + "9" * 20, "9" * 400, str(2**63)])
def test_a_number_beyond_64_bits_gives_one_line(capsys, no_run, option, number):
    line = refused(capsys, "transfer", "cat", "fluid", "-o", "a.png", *SMALL, option, number)
    assert option.strip("-") in line and len(line) < 300


def test_the_address_of_a_file_is_opened(steps, capsys):
    Image.new("RGB", (40, 40)).save("my cat.png")
    address = Path("my cat.png").absolute().as_uri()
    assert "%20" in address and "saved a.png" in said(capsys, "transfer", address, "cat", "-o", "a.png", *SMALL)


@pytest.mark.parametrize("cache", ["closed", "file/x", None])
def test_the_embedded_encoder_needs_no_cache_and_no_home(capsys, steps, permissions_count, monkeypatch, cache):
    os.mkdir("closed", 0)
    Path("file").touch()
    if cache:
        monkeypatch.setenv("STYLELAB_CACHE", str(Path(cache).absolute()))
    else:
        monkeypatch.delenv("STYLELAB_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr("pwd.getpwuid", lambda user: {}[user])
    out = said(capsys, "transfer", "cat", "fluid", "-o", "a.png", "--size", "32", "--steps", "2")
    assert "encoder mini (chosen by 'auto')" in out
    assert "encoders download vgg19" in said(capsys, "encoders")
    assert "STYLELAB_CACHE" in str(encoders_error(cache))


def encoders_error(cache):
    with pytest.raises(MachineError) as caught:
        make_folder(cache_dir())
    return caught.value


# messages


@pytest.fixture
def screen(monkeypatch):
    """Sets what is stdout and stderr, in place of pytest's own."""

    def show(stream):
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return show


@pytest.mark.parametrize("name", ["größer→.png", "caf\udce9.png", "two\nlines.png"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_name_that_the_terminal_cannot_show_is_saved_and_said(screen, steps, name, encoding):
    written = screen(io.TextIOWrapper(io.BytesIO(), encoding=encoding)).buffer
    settings, film = name.replace("png", "json"), name.replace("png", "gif")
    assert cli.run(["transfer", "china", "cat", "-o", name, *SMALL, "--save-settings", settings, "--film", film]) == 0
    assert sorted(os.listdir()) == sorted([name, settings, film])
    assert written.getvalue().startswith(b"saved ") and written.getvalue().count(b"\n") == 2


@pytest.mark.parametrize(
    "command", ["transfer", "recipes", "recipes keras", "losses", "encoders", "start .", "--help", "transfer -h", "no-such"]
)
@pytest.mark.parametrize("stream", ["full", "pipe", "closed", "gone", "ascii"])
def test_messages_that_cannot_be_written_change_no_exit_status(screen, steps, command, stream):
    reader, writer = os.pipe()
    os.close(reader)
    made = {
        "full": lambda: open("/dev/full", "w", encoding="utf-8"),
        "pipe": lambda: open(os.dup(writer), "w", encoding="ascii"),
        "closed": lambda: None,
        "gone": lambda: open(os.dup(writer), "w"),
        "ascii": lambda: io.TextIOWrapper(io.BytesIO(), encoding="ascii"),
    }
    screen(made[stream]())
    if stream == "gone":
        sys.stdout.close()
    arguments = ["transfer", "china", "cat", "-o", "a.png", *SMALL] if command == "transfer" else command.split()
    assert cli.run(arguments) == (1 if command == "no-such" else 0)
    assert command != "transfer" or os.listdir() == ["a.png"]
    os.close(writer)
    if stream != "closed":
        sys.stdout.close()  # as when Python ends: nothing is left that could fail


def test_a_lost_message_is_mentioned_where_it_can_be(capsys, steps, monkeypatch):
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 0
    assert capsys.readouterr().err == "stylelab: some messages could not be written: no space left on device\n"


@pytest.mark.slow
def test_a_process_without_stdin_stdout_and_stderr_does_its_work():
    program = f"exec {shlex.quote(sys.executable)} -m stylelab start mine <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", program], check=False).returncode == 0
    assert len(os.listdir("mine")) > 6


# stopping


def press(*signals):
    """An event that sends signals to this process."""
    return lambda *args, **kwargs: [os.kill(os.getpid(), number) for number in signals]


@pytest.fixture
def while_saving(monkeypatch):
    """Sets what happens in the middle of writing an image."""

    def set_event(event, ending="PNG"):
        save = Image.Image.save

        def disturbed(self, stream, **options):
            if options.get("format") == ending:
                event()
            save(self, stream, **options)

        monkeypatch.setattr(Image.Image, "save", disturbed)

    return set_event


def test_a_second_ctrl_c_while_the_image_is_saved_waits(capfd, steps, while_saving):
    steps += [None, None, press(signal.SIGINT)]
    while_saving(press(signal.SIGINT))
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 130
    out, err = capfd.readouterr()
    assert "saved a.png" in out and "one moment, the image is being saved; a third Ctrl-C gives it up" in err
    assert images.open_image("a.png").max() == pytest.approx(1)


def test_a_second_ctrl_c_while_the_image_is_finished_waits(capfd, paint):
    def walk(run):
        for index in (1, 2):
            image = np.full_like(run.job.content, 0.5)
            yield [Step(index, 1.0 / index, {}, lambda image=image: press(signal.SIGINT)() and image)]
        press(signal.SIGINT)()

    paint(lambda run, **how: collect(walk(run), run, backend="torch", device="x", precision="float32", snapshots=()))
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 130
    assert "saved a.png" in capfd.readouterr().out and os.listdir() == ["a.png"]


def test_a_third_ctrl_c_gives_up_and_says_so(capfd, steps, while_saving):
    steps += [None, None, press(signal.SIGINT)]
    while_saving(press(signal.SIGINT, signal.SIGINT))
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 130
    out, err = capfd.readouterr()
    assert out == "" and err.endswith("stylelab: given up: 'a.png' was not saved\n") and not os.listdir()


def test_ctrl_c_after_the_last_step_waits_for_image_film_and_settings(capfd, steps, while_saving):
    while_saving(press(signal.SIGINT), ending="GIF")
    options = ["--film", "a.gif", "--save-settings", "a.json"]
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL, *options]) == 0
    assert sorted(os.listdir()) == ["a.gif", "a.json", "a.png"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_killed_run_saves_its_image(capsys, steps, number, status):
    steps += [None, None, press(number)]
    before = signal.signal(number, signal.SIG_DFL)  # the tests may run under nohup, which ignores SIGHUP
    try:
        assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == status
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    out, err = capsys.readouterr()
    assert "saved a.png" in out and err.startswith("stylelab: stopped after 2 steps") and os.listdir() == ["a.png"]


def test_a_signal_that_is_ignored_stays_ignored(capsys, steps):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    steps += [None, None, press(signal.SIGHUP)]
    assert "4 steps" in said(capsys, "transfer", "china", "cat", "-o", "a.png", *SMALL)
    signal.signal(signal.SIGHUP, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_that_python_ignores_ends_the_run_after_the_step(capsys, steps):
    class Fragile:
        def __del__(self):
            press(signal.SIGINT)()

    steps += [None, lambda index: Fragile() and None]
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 130
    assert "2 steps" in capsys.readouterr().out


def test_ctrl_c_in_any_command_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr("stylelab.cli.listings.recipes", press(signal.SIGINT))
    assert refused(capsys, "recipes", status=130) == "stylelab: interrupted\n"


def test_in_python_a_second_ctrl_c_waits_for_the_result(capfd):
    run = prepare_run(["china"], ["cat"], Options(encoder="random", size=32, steps=3))

    def walk():
        yield [Step(1, 2.0, {}, lambda: press(signal.SIGINT)() and run.job.content)]
        press(signal.SIGINT)()

    (result,) = collect(walk(), run, backend="torch", device="x", precision="float32", snapshots=())
    assert result.stopped.startswith("stopped after 1 steps")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# a full disk


@pytest.fixture
def full(monkeypatch, tmp_path):
    """Sets the folders on a disk that becomes full during the run, and the one for temporary files."""

    def fill(*folders):
        replace = os.replace

        def refuse(source, target):
            if any(Path(target).absolute().is_relative_to(folder) for folder in folders):
                raise OSError(errno.ENOSPC, "No space left on device")
            replace(source, target)

        monkeypatch.setattr(os, "replace", refuse)
        (tmp_path / "spare").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spare"))

    return fill


def test_a_full_disk_does_not_lose_the_image(capsys, steps, full, tmp_path):
    full(Path.cwd())
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 2
    out, err = capsys.readouterr()
    (kept,) = (tmp_path / "spare").iterdir()
    assert f"saved {kept} (32 x 21" in out and os.listdir() == []
    assert "cannot write 'a.png': no space left on device; make room" in err and f"the image is kept as {kept}\n" in err
    np.testing.assert_allclose(images.open_image(kept), 0.25, atol=0.003)


def test_a_folder_that_disappears_during_the_run_does_not_lose_the_image(capsys, steps, full, tmp_path):
    full()
    os.mkdir("out")
    steps += [None, lambda index: os.rmdir("out")]
    assert cli.run(["transfer", "china", "cat", "-o", "out/a.png", *SMALL]) == 1
    assert "the image is kept as" in capsys.readouterr().err and len(os.listdir(tmp_path / "spare")) == 1


def test_where_only_a_small_file_has_room_the_image_is_kept_as_a_jpeg(capsys, steps, tmp_path, monkeypatch, while_saving):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    while_saving(full, ending="PNG")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *SMALL]) == 2
    assert ".jpg" in capsys.readouterr().err and list(tmp_path.glob("*.jpg"))


def test_without_any_room_there_is_one_line(capsys, steps, full):
    full(Path("/"))
    assert "no space left" in refused(capsys, "transfer", "china", "cat", "-o", "a.png", *SMALL, status=2)


def test_a_film_without_room_does_not_take_the_image_with_it(capsys, steps, while_saving):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    while_saving(full, ending="GIF")
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", "--film", "a.gif", *SMALL]) == 2
    out, err = capsys.readouterr()
    assert "saved a.png" in out and "cannot write 'a.gif'" in err and os.listdir() == ["a.png"]


# the other commands


@pytest.mark.parametrize("command", [
    (), ("transfer",), ("gallery",), ("encoders",), ("encoders", "download"), ("recipes",), ("losses",), ("doctor",), ("bench",),
])  # fmt: skip
def test_every_command_has_help(capsys, command):
    out = said(capsys, *command, "--help")
    assert " ".join(["usage: stylelab", *command]) in " ".join(out.split()).lower()


def test_the_help_gives_units(capsys):
    assert "pixels" in said(capsys, "transfer", "--help")


def test_recipes_lists_all_ten_with_their_sources(capsys):
    out = said(capsys, "recipes")
    names = "gatys keras tf-tutorial coursera pytorch-adam lab mmd wasserstein sliced nnst".split()
    for name in (*names, "CVPR 2016", "IJCAI 2017", "Crowson", "Heitz", "Kolkin"):
        assert name in out


def test_losses_are_listed_with_what_they_see_and_their_sources(capsys):
    out = said(capsys, "losses")
    for text in (*LOSSES, "is blind to", "how often", "CVPR 2021", "C M log M"):
        assert text in out


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
