"""The commands of networks that paint in one pass: fast, train and export. Every mistake is one line and its exit status."""

import builtins
import importlib
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

from stylelab import images, networks
from stylelab.cli import commands as cli
from stylelab.cli import one_pass
from stylelab.errors import NotFiniteError
from stylelab.run.one_pass import around, in_strokes

SHORT = ("--steps", "4", "--size", "32", "--batch", "1", "--scales", "1")  # of a training


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every command runs in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def pretended(monkeypatch):
    """A half of the package that paints the negative of an image, without a framework; returns what it was asked for."""
    asked = []

    def negative(styles, options):
        asked.append((styles, options))
        return around(lambda image: 1 - image, options)

    monkeypatch.setattr(one_pass, "load_backend", lambda name: SimpleNamespace(one_pass=negative))
    return asked


@pytest.fixture
def nothing_loads(monkeypatch):
    """A mistake must be found before the framework is imported."""
    monkeypatch.setattr(one_pass, "load_backend", lambda name: pytest.fail("a framework was loaded"))


@pytest.fixture
def photograph(rng):
    """A small photograph in the folder, in colours that a PNG keeps; its array."""
    pixels = rng.integers(0, 256, (24, 37, 3), np.uint8)
    Image.fromarray(pixels).save("me.png")
    return pixels.astype(np.float32) / 255


@pytest.fixture
def folder():
    """A folder of three photographs and a text."""
    Path("photos").mkdir()
    for name, size in (("a.jpg", (40, 30)), ("b.png", (17, 65)), ("c.png", (32, 32))):
        Image.new("RGB", size, (200, 100, 50)).save(f"photos/{name}")
    Path("photos/notes.txt").write_text("mine")
    return Path("photos")


def fast(*arguments):
    return cli.run(["fast", *map(str, arguments)])


def refused(capsys, *arguments, status=1) -> str:
    """Run a command that must exit with `status`; returns its only line of output, on stderr."""
    assert cli.run([str(argument) for argument in arguments]) == status
    out, err = capsys.readouterr()
    assert err.startswith("stylelab: ") and err.count("\n") == 1 and "Traceback" not in err, err
    assert out == ""
    return err


def press(*signals):
    """Send signals to this process."""
    for number in signals:
        os.kill(os.getpid(), number)


# one image


def test_a_built_in_image_is_painted_in_a_learned_style(framework, capsys):
    assert fast("coffee", "fluid", "-o", "a.png", "--size", "65", "--backend", framework, "--device", "cpu") == 0
    assert "saved a.png (65 x 43 pixels), painted in" in capsys.readouterr().out
    painted = images.open_image("a.png")
    assert painted.shape == (43, 65, 3) and painted.std() > 0.05
    assert abs(painted - images.open_image("coffee", 65)).mean() > 0.05
    assert os.listdir() == ["a.png"]


def test_any_image_is_a_style(framework, capsys):
    assert fast("cat", "coffee", "-o", "a.png", "--size", "48", "--backend", framework, "--device", "cpu") == 0
    assert fast("cat", "rocket", "-o", "b.png", "--size", "48", "--backend", framework, "--device", "cpu") == 0
    first, second = (images.open_image(name) for name in ("a.png", "b.png"))
    assert first.shape == (32, 48, 3) and abs(first - second).mean() > 0.02
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("shape", [(16, 16), (17, 67), (101, 33)])
def test_any_size_is_painted_at_that_size(framework, sl, rng, shape):
    image = rng.random((*shape, 3), np.float32)
    painted = sl.stylise(image, "fluid", device="cpu")
    assert painted.shape == image.shape and np.isfinite(painted).all() and 0 <= painted.min() <= painted.max() <= 1


@pytest.mark.parametrize("colour", [0.0, 0.5, 1.0])
def test_an_image_of_one_colour_is_painted(framework, sl, colour):
    painted = sl.stylise(np.full((32, 40, 3), colour, np.float32), "ceramic", device="cpu")
    assert np.isfinite(painted).all() and 0 <= painted.min() <= painted.max() <= 1


def test_a_blend_of_one_style_with_itself_is_that_style(framework, sl, rng):
    image = rng.random((32, 32, 3), np.float32)
    alone, first = (sl.stylise(image, *style, device="cpu") for style in (["fluid"], [["fluid", "fluid"]]))
    np.testing.assert_allclose(first, alone, atol=1e-5)
    all_of_one = sl.stylise(image, ["fluid", "ceramic"], blend=[1, 0], device="cpu")
    np.testing.assert_allclose(all_of_one, alone, atol=1e-5)
    between = sl.stylise(image, ["fluid", "ceramic"], device="cpu")
    assert abs(between - alone).max() > 0.02


def test_colours_that_are_matched_are_the_photographs(framework, sl, cat):
    painted = sl.stylise(cat, "fluid", keep_colours="match", device="cpu")
    own = sl.stylise(cat, "fluid", device="cpu")
    wanted = cat.mean((0, 1))
    assert abs(painted.mean((0, 1)) - wanted).max() < 0.04  # colours beyond 0..1 are clipped
    assert abs(own.mean((0, 1)) - wanted).max() > 0.06


@pytest.fixture
def cat():
    return images.open_image("cat", 64)


def test_the_command_line_reaches_the_painter(pretended, photograph):
    assert fast("me.png", "fluid", "ceramic", "-o", "a.png", "--blend", "3", "1", "--strength", "0.5", "--network", "six") == 0
    ((styles, options),) = pretended
    assert styles == ["fluid", "ceramic"] and options.network == "six" and options.strength == 0.5
    assert tuple(options.blend) == (3, 1)


def test_strength_goes_from_the_photograph_to_the_painting(pretended, photograph):
    for strength, wanted in ((0, photograph), (0.25, 0.75 * photograph + 0.25 * (1 - photograph)), (1, 1 - photograph)):
        assert fast("me.png", "fluid", "-o", "a.png", "--strength", strength) == 0
        np.testing.assert_allclose(images.open_image("a.png"), wanted, atol=0.5 / 255 + 1e-6)


def test_luminance_changes_and_chroma_stays(pretended):
    small = images.open_image("coffee", 48) * 0.2 + 0.4  # far from black and white, where nothing is clipped
    images.save(small, "small.png")
    assert fast("small.png", "fluid", "-o", "a.png", "--keep-colours", "luminance") == 0
    before, after = images.open_image("small.png"), images.open_image("a.png")
    chroma = [image - images.luminance(image)[..., None] for image in (before, after)]
    np.testing.assert_allclose(chroma[1], chroma[0], atol=2 / 255)
    np.testing.assert_allclose(images.luminance(after), images.luminance(1 - before), atol=2 / 255)


# large images


def striped(image, period=8):
    """A painting of stripes that are as many pixels wide whatever the image, as a network's strokes are, over the image itself."""
    stripes = np.sin(2 * np.pi * np.arange(image.shape[1]) / period)
    return (image + 0.2 * stripes[None, :, None]).astype(np.float32)


def strength_of(period, painted):
    """How strong stripes of that width are."""
    row = painted.mean((0, 2)) - painted.mean()
    return 2 * abs(np.mean(row * np.exp(2j * np.pi * np.arange(len(row)) / period)))


@pytest.mark.parametrize(("width", "wide"), [(896, 16), (1344, 24), (3584, 64)])
def test_strokes_are_as_large_a_part_of_a_large_image(width, wide):
    grey = np.full((width // 8, width, 3), 0.5, np.float32)
    painted = in_strokes(striped, grey, 448)
    assert painted.shape == grey.shape and painted.dtype == np.float32
    assert strength_of(wide, painted) == pytest.approx(0.2, rel=0.1)
    assert strength_of(8, painted) < 0.7 * 0.2  # the small ones do not cover them


def test_what_is_fine_in_the_photograph_stays_in_a_large_painting(rng):
    image = rng.random((448, 896, 3), np.float32) * 0.2 + 0.4
    painted = in_strokes(lambda part: part.copy(), image, 448)
    fine = [picture - images.fit(images.fit(picture, (224, 448)), (448, 896)) for picture in (painted, image)]
    np.testing.assert_allclose(fine[0], 0.6 * fine[1], atol=0.03)
    smooth = images.fit(rng.random((8, 16, 3), np.float32), (448, 896))
    np.testing.assert_allclose(in_strokes(lambda part: part.copy(), smooth, 448), smooth, atol=0.01)


@pytest.mark.parametrize(("shape", "paintings"), [
    ((30, 40), [(30, 40)]), ((384, 512), [(384, 512)]), ((410, 513), [(410, 513), (358, 448)]),
    ((20, 1000), [(20, 1000)]),  # so narrow that a smaller one has nothing to paint
    ((3000, 4000), [(3000, 4000), (1000, 1334), (336, 448)]),
])  # fmt: skip
def test_how_many_paintings_a_large_image_takes(shape, paintings):
    asked = []

    def paint(image):
        asked.append(image.shape[:2])
        return 1 - image

    in_strokes(paint, np.zeros((*shape, 3), np.float32), 448)
    assert asked == paintings


def test_the_width_of_strokes_can_be_chosen(framework, sl):
    image = images.open_image("coffee", 600)
    painted, fine, large = (sl.stylise(image, "brushstrokes", strokes=side, device="cpu") for side in (448, 600, 128))
    network = sl.load_network("six", device="cpu")
    one_pass = network.paint(image, network.code("brushstrokes"))
    np.testing.assert_allclose(fine, one_pass, atol=1e-5)
    assert painted.shape == large.shape == image.shape
    rough = [abs(np.diff(picture, axis=1)).mean() for picture in (fine, painted, large)]
    assert rough == sorted(rough, reverse=True) and rough[0] > 1.2 * rough[2]


def test_statistics_have_no_strokes_to_be_kept(framework, sl):
    image = images.open_image("coffee", 120)
    given = [sl.stylise(image, "fluid", network="statistics", strokes=side, device="cpu") for side in (64, 448)]
    np.testing.assert_array_equal(*given)


@pytest.fixture
def judge(framework):
    """The real filters; the judge is written in PyTorch, which the process of TensorFlow's tests does not import."""
    if framework != "torch":
        pytest.skip("judged in PyTorch")
    judge = importlib.import_module("judge")
    return judge if judge.available() else pytest.skip("the real filters are not on this machine")


def test_a_large_painting_is_close_to_its_style_and_shows_the_scene(judge, sl):
    content = judge.open_short(judge.SHARED / "pictures/content/golden_gate.jpg", 734)
    style = judge.open_short(images.find_built_in("brushstrokes"), 734)
    errors = judge.judge(sl.stylise(content, "brushstrokes", device="cpu"), content, style)
    assert errors["conv3_1"] < 0.55 and errors["content"] < 1.35, errors  # in one painting 0.98 and 1.76


def test_size_is_the_long_side(pretended, photograph):
    assert fast("coffee", "fluid", "-o", "a.jpg", "--size", "48") == 0
    assert images.open_image("a.jpg").shape == (32, 48, 3)


@pytest.mark.parametrize(("options", "words"), [
    (("--network", "sixx"), "unknown network 'sixx': did you mean 'six'?"),
    (("--network", "nowhere.safetensors"), "nowhere.safetensors"),
    (("--backend", "pytorch"), "unknown backend 'pytorch': did you mean 'torch'?"),
    (("--strength", "2"), "strength is 2: give a number from 0"),
    (("--strength", "nan"), "strength"),
    (("--blend", "0.5,0.5"), "blend has 2 weights for 1 styles"),
    (("--blend", "0"), "blend is all zero"),
    (("--keep-colours", "lumin"), "did you mean 'luminance'?"),
    (("--size", "8"), "size is 8"),
    (("--size", "big"), "'--size'"),
    (("--strokes", "8"), "strokes is 8"),
    (("--strokes", "fine"), "'--strokes'"),
    (("-o", "a.gif"), "its ending"),
    (("-o", "a"), "got no ending"),
    (("-o", "nowhere/a.png"), "does not exist: run `mkdir -p nowhere` first"),
    (("-o", "."), "is a folder"),
])  # fmt: skip
def test_a_wrong_option_gives_one_line(capsys, nothing_loads, options, words):
    given = {"-o": "a.png", options[0]: options[1]}
    assert words in refused(capsys, "fast", "coffee", "fluid", *(text for pair in given.items() for text in pair))
    assert not os.listdir()


@pytest.mark.parametrize(("arguments", "words"), [
    (("chnia", "fluid"), "did you mean 'china'?"),
    (("missing.jpg", "fluid"), "no image 'missing.jpg'"),
    (("text.jpg", "fluid"), "is not an image"),
    (("coffee", "fliud"), "did you mean 'fluid'?"),
    (("coffee", "fliud", "--network", "six"), "has not learned the style 'fliud': did you mean 'fluid'?"),
    (("coffee", "cat", "--network", "six"), "has not learned the style 'cat'"),
    (("coffee", "missing.jpg"), "no image 'missing.jpg'"),
    (("coffee", "fluid", "--network", "broken.safetensors"), "is not a complete network file"),
])  # fmt: skip
def test_a_wrong_image_style_or_network_gives_one_line(capsys, nothing_loads, arguments, words):
    Path("text.jpg").write_text("Dear diary")
    Path("broken.safetensors").write_bytes(b"no tensors")
    assert words in refused(capsys, "fast", *arguments, "-o", "a.png")
    assert not Path("a.png").exists()


@pytest.mark.parametrize("name", ["me.png", "./me.png", "~/me.png"])
def test_an_input_is_never_overwritten(capsys, nothing_loads, photograph, monkeypatch, name):
    monkeypatch.setenv("HOME", os.getcwd())
    before = Path("me.png").read_bytes()
    assert "is one of the input images" in refused(capsys, "fast", name, "fluid", "-o", "me.png")
    assert Path("me.png").read_bytes() == before


def test_a_full_disk_leaves_the_older_image(capsys, pretended, photograph, monkeypatch):
    Path("a.png").write_bytes(b"older")

    def half(self, stream, **options):
        stream.write(b"half of an image")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", half)
    assert "no space left" in refused(capsys, "fast", "me.png", "fluid", "-o", "a.png", status=2)
    assert Path("a.png").read_bytes() == b"older" and sorted(os.listdir()) == ["a.png", "me.png"]


def test_ctrl_c_leaves_nothing(capsys, photograph, monkeypatch):
    paint = lambda image: press(signal.SIGINT) or image  # noqa: E731
    monkeypatch.setattr(one_pass, "load_backend", lambda name: SimpleNamespace(one_pass=lambda *_: paint))
    assert refused(capsys, "fast", "me.png", "fluid", "-o", "a.png", status=130) == "stylelab: interrupted\n"
    assert os.listdir() == ["me.png"]


# standard input and output


@pytest.fixture
def typed(monkeypatch):
    """Sets what comes on standard input."""
    return lambda data: monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))


def test_standard_input_and_output_hold_an_image_and_nothing_else(capsysbinary, pretended, photograph, typed):
    typed(Path("me.png").read_bytes())
    assert fast("-", "fluid", "-o", "-") == 0
    out, err = capsysbinary.readouterr()
    painted = np.asarray(Image.open(io.BytesIO(out)), np.float32) / 255
    np.testing.assert_allclose(painted, 1 - photograph, atol=1e-6)
    assert err == b"" and os.listdir() == ["me.png"]


@pytest.mark.parametrize(("data", "words"), [(b"", "no image on standard input"), (b"Dear diary", "standard input")])
def test_wrong_input_gives_one_line(capsys, nothing_loads, typed, data, words):
    typed(data)
    assert words in refused(capsys, "fast", "-", "fluid", "-o", "-")


def test_a_terminal_gets_no_image(capsys, nothing_loads, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "standard output is a terminal" in refused(capsys, "fast", "coffee", "fluid", "-o", "-")


def test_an_output_that_is_full_is_one_line(capsys, pretended, photograph, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=Full(), isatty=lambda: False, flush=lambda: None))
    assert fast("me.png", "fluid", "-o", "-") == 2
    err = capsys.readouterr().err
    assert err.startswith("stylelab: cannot write to standard output") and err.count("\n") == 1


@pytest.mark.slow
def test_a_pipe_of_two_programs_paints(framework, photograph):
    program = [sys.executable, "-m", "stylelab", "fast", "-", "fluid", "-o", "-", "--backend", framework, "--device", "cpu"]
    done = subprocess.run(program, input=Path("me.png").read_bytes(), capture_output=True, check=True)
    assert np.asarray(Image.open(io.BytesIO(done.stdout))).shape == (24, 37, 3)


# a folder


def test_a_folder_of_images_becomes_another(capsys, pretended, folder):
    assert fast("photos", "fluid", "-o", "painted") == 0
    out, err = capsys.readouterr()
    assert "painted 3 of 3 images in" in out and "left out of 'photos': 'notes.txt'" in err
    assert sorted(os.listdir("painted")) == ["a.png", "b.png", "c.png"]
    assert images.open_image("painted/b.png").shape == (65, 17, 3)
    assert len(pretended) == 1  # the network is loaded once


def test_a_broken_image_does_not_stop_the_others(capsys, pretended, folder):
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:50])
    assert fast("photos", "fluid", "-o", "painted") == 1
    out, err = capsys.readouterr()
    assert "painted 2 of 3 images" in out and "stylelab: b: " in err and "Traceback" not in err
    assert sorted(os.listdir("painted")) == ["a.png", "c.png"]


def test_ctrl_c_keeps_what_is_painted(capsys, folder, monkeypatch):
    painted = []

    def paint(image):
        painted.append(image)
        if len(painted) == 2:
            press(signal.SIGINT)
        return image

    monkeypatch.setattr(one_pass, "load_backend", lambda name: SimpleNamespace(one_pass=lambda *_: paint))
    assert fast("photos", "fluid", "-o", "painted") == 130
    assert "interrupted: 1 of 3 images are painted" in capsys.readouterr().err
    assert os.listdir("painted") == ["a.png"]


@pytest.mark.parametrize(("out", "words"), [
    ("me.png", "is not a folder"), ("photos", "is the folder of the images"), ("./photos/", "is the folder of the images"),
    ("-", "cannot be written to standard output"),
])  # fmt: skip
def test_a_wrong_folder_to_write_to_gives_one_line(capsys, nothing_loads, folder, photograph, out, words):
    assert words in refused(capsys, "fast", "photos", "fluid", "-o", out)


def test_a_style_image_is_not_overwritten_by_a_painted_one(capsys, nothing_loads, folder, monkeypatch):
    Path("painted").mkdir()
    Image.new("RGB", (40, 40)).save("painted/a.png")
    monkeypatch.setattr(one_pass, "choose_network", lambda styles, options: "statistics")
    assert "is one of the input images" in refused(capsys, "fast", "photos", "painted/a.png", "-o", "painted")


def test_an_empty_folder_gives_one_line(capsys, nothing_loads):
    Path("empty").mkdir()
    assert "no image in folder 'empty'" in refused(capsys, "fast", "empty", "fluid", "-o", "painted")
    assert os.listdir() == ["empty"]


# train


def train(framework, *arguments):
    return cli.run(["train", *SHORT, "--backend", framework, "--device", "cpu", *arguments])


@pytest.fixture
def stop_after(framework, sl, monkeypatch):
    """Sets after which step a training gets Ctrl-C."""

    def set_step(step):
        def stopped(style, **options):
            for seen in sl.train(style, **options):
                if seen.index == step:
                    press(signal.SIGINT)
                yield seen

        monkeypatch.setattr(one_pass, "load_backend", lambda name: SimpleNamespace(train=stopped))

    yield set_step


def test_a_style_is_learned_and_can_be_painted(framework, capsys):
    assert train(framework, "coffee", "-o", "mine.safetensors") == 0
    out, err = capsys.readouterr()
    assert "saved mine.safetensors (coffee): 4 steps in" in out and "--network mine.safetensors" in out and err == ""
    assert os.listdir() == ["mine.safetensors"]
    assert networks.find_network("mine.safetensors").styles == ("coffee",)
    assert fast("cat", "coffee", "--network", "mine.safetensors", "-o", "a.png", "--size", "32", "--backend", framework) == 0
    capsys.readouterr()
    assert "has not learned the style 'fluid'" in refused(
        capsys, "fast", "cat", "fluid", "--network", "mine.safetensors", "-o", "b.png"
    )


def test_a_stopped_training_is_saved_and_continues_to_the_very_same_network(framework, capsys, stop_after):
    assert train(framework, "fluid", "-o", "whole.safetensors") == 0
    stop_after(2)
    assert train(framework, "fluid", "-o", "mine.safetensors") == 130
    assert "--resume" in capsys.readouterr().err and Path("mine.safetensors.state").exists()
    stopped = networks.read_network("mine.safetensors")[1]
    stop_after(0)
    assert train(framework, "fluid", "-o", "mine.safetensors", "--resume") == 0
    assert sorted(os.listdir()) == ["mine.safetensors", "whole.safetensors"]
    whole, mine = (networks.read_network(name)[1] for name in ("whole.safetensors", "mine.safetensors"))
    for name in whole:
        np.testing.assert_array_equal(mine[name], whole[name])
    assert (stopped["codes"] != whole["codes"]).any()


@pytest.mark.parametrize(("options", "words"), [
    (("fluid", "--learning-rate", "0.02"), "is of another training (learning_rate differ): give the same options"),
    (("ceramic",), "is of another training (the styles differ)"),
])  # fmt: skip
def test_a_training_does_not_continue_with_other_options(framework, capsys, stop_after, options, words):
    stop_after(1)
    assert train(framework, "fluid", "-o", "mine.safetensors") == 130
    capsys.readouterr()
    assert train(framework, *options, "-o", "mine.safetensors", "--resume") == 1
    out, err = capsys.readouterr()
    assert words in err and err.count("\n") == 1 and out == ""
    assert Path("mine.safetensors.state").exists()


def test_a_training_ends_after_its_minutes(framework, capsys):
    assert train(framework, "fluid", "-o", "mine.safetensors", "--steps", "100000", "--minutes", "0.02") == 0
    assert "saved mine.safetensors" in capsys.readouterr().out and os.listdir() == ["mine.safetensors"]


def test_nothing_to_resume_starts_at_the_first_step(capsys, pretended_training):
    assert cli.run(["train", "fluid", "-o", "mine.safetensors", "--resume"]) == 0
    assert "no stopped training in 'mine.safetensors.state': this one starts at step 1" in capsys.readouterr().err


@pytest.fixture
def pretended_training(monkeypatch):
    """A training without a framework, whose steps do what is put into the list that comes back."""
    events = []
    network, weights = networks.load_weights("six")

    def steps(style, **options):
        for index in (1, 2, 3):
            if events:
                events.pop(0)()
            save = lambda path: networks.save_network(path, network, weights)  # noqa: E731
            yield SimpleNamespace(index=index, loss=3.0 / index, seconds=index, network=network, save=save)

    monkeypatch.setattr(one_pass, "load_backend", lambda name: SimpleNamespace(train=steps))
    return events


def test_ctrl_c_before_the_first_step_saves_nothing(capsys, pretended_training):
    pretended_training.append(lambda: press(signal.SIGINT, signal.SIGINT, signal.SIGINT))
    assert "nothing was saved" in refused(capsys, "train", "fluid", "-o", "mine.safetensors", status=130).splitlines()[-1]
    assert not os.listdir()


def test_a_loss_that_is_not_finite_keeps_the_network_before_it(capsys, pretended_training):
    def explode():
        raise NotFiniteError(2, float("nan"), np.zeros((1, 1, 3), np.float32))

    pretended_training += [lambda: None, explode]
    assert cli.run(["train", "fluid", "-o", "mine.safetensors"]) == 1
    out, err = capsys.readouterr()
    assert "saved mine.safetensors" in out and "the loss is nan at step 2" in err and err.count("\n") == 1
    assert networks.find_network("mine.safetensors").styles


@pytest.mark.parametrize(("arguments", "words"), [
    (("fluid", "-o", "mine.onnx"), "must end in .safetensors"),
    (("fluid", "-o", "nowhere/mine.safetensors"), "does not exist"),
    (("fliud", "-o", "a.safetensors"), "did you mean 'fluid'?"),
    (("fluid", "fluid", "-o", "a.safetensors"), "a name of its own"),
    (("fluid", "-o", "a.safetensors", "--steps", "0"), "steps is 0"),
    (("fluid", "-o", "a.safetensors", "--minutes", "0"), "minutes is 0"),
    (("fluid", "-o", "a.safetensors", "--size", "100"), "a multiple of 8"),
    (("fluid", "-o", "a.safetensors", "--size", "32", "--scales", "4"), "cannot be compared at 4 scales"),
    (("fluid", "-o", "a.safetensors", "--network", "smal"), "did you mean 'small'?"),
    (("fluid", "-o", "a.safetensors", "--backend", "tf"), "unknown backend 'tf'"),
])  # fmt: skip
def test_a_training_with_a_mistake_does_not_begin(capsys, nothing_loads, arguments, words):
    assert words in refused(capsys, "train", *arguments)
    assert not os.listdir()


# export


def test_an_exported_network_paints_the_same(framework, sl, capsys, rng):
    runtime, image = pytest.importorskip("onnxruntime"), rng.random((32, 40, 3), np.float32)
    pytest.importorskip("onnx")
    painter = sl.load_network("six", device="cpu")
    code = painter.code(["fluid", "ceramic"], [0.7, 0.3])
    assert cli.run(["export", "six", "--onnx", "a.onnx"]) == 0
    assert cli.run(["export", "six", "--onnx", "b.onnx", "--style", "fluid", "--style", "ceramic", "--blend", "0.7,0.3"]) == 0
    assert "saved a.onnx" in capsys.readouterr().out
    wanted, given = painter.paint(image, code), {"image": image.transpose(2, 0, 1)[None]}
    for path, inputs in (("a.onnx", given | {"code": code}), ("b.onnx", given)):
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        assert {one.name for one in session.get_inputs()} == inputs.keys()
        (painted,) = session.run(["painted"], inputs)
        np.testing.assert_allclose(painted[0].transpose(1, 2, 0), wanted, atol=1e-4)


def test_a_network_that_reads_any_style_is_exported_with_one(framework, sl, rng):
    runtime, image = pytest.importorskip("onnxruntime"), rng.random((32, 40, 3), np.float32)
    pytest.importorskip("onnx")
    assert cli.run(["export", "any", "--onnx", "a.onnx", "--style", "coffee", "--backend", framework]) == 0
    session = runtime.InferenceSession("a.onnx", providers=["CPUExecutionProvider"])
    (painted,) = session.run(["painted"], {"image": image.transpose(2, 0, 1)[None]})
    painter = sl.load_network("any", device="cpu")
    np.testing.assert_allclose(painted[0].transpose(1, 2, 0), painter.paint(image, painter.code("coffee")), atol=1e-4)


@pytest.mark.parametrize(("arguments", "words"), [
    (("six", "--onnx", "a.pb"), "must end in .onnx"),
    (("sixx", "--onnx", "a.onnx"), "did you mean 'six'?"),
    (("six", "--onnx", "nowhere/a.onnx"), "does not exist"),
    (("six", "--onnx", "a.onnx", "--style", "fliud"), "did you mean 'fluid'?"),
    (("six", "--onnx", "a.onnx", "--style", "fluid", "--blend", "1,2"), "blend has 2 weights for 1 styles"),
    (("six", "--onnx", "a.onnx", "--blend", "1,2"), "blend"),
])  # fmt: skip
def test_an_export_with_a_mistake_writes_nothing(capsys, nothing_loads, arguments, words):
    assert words in refused(capsys, "export", *arguments)
    assert not os.listdir()


def test_a_missing_onnx_is_the_machines_fault(capsys, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "onnx":
            raise ImportError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'stylelab[onnx]'" in refused(capsys, "export", "six", "--onnx", "a.onnx", status=2)
    assert not os.listdir()
