"""The command `video`: folders, GIFs and video files in and out, steady, resumed, in constant memory; mistakes cost one line."""

import sys
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from stylelab import images
from stylelab.cli import commands as cli
from stylelab.run.options import VideoOptions
from stylelab.tools.video import film as films
from stylelab.tools.video import frames as reading
from stylelab.tools.video import paint as painting
from stylelab.tools.video.frames import open_film

SIDE, STEP = 24, 4  # pixels: of the square, and how far it moves from frame to frame


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every command runs in an empty folder, with an empty cache."""
    monkeypatch.setenv("STYLELAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def scene(index: int) -> np.ndarray:
    """A frame `(64, 96, 3)`: a square that moves over a ground that does not."""
    frame = images.open_image("china", 160)[20:84, 20:116].copy()
    left = 20 + STEP * index
    frame[20 : 20 + SIDE, left : left + SIDE] = images.open_image("coffee", 120)[20 : 20 + SIDE, 20 : 20 + SIDE]
    return frame


@pytest.fixture(scope="module")
def scenes():
    return [scene(index) for index in range(5)]


@pytest.fixture
def folder(elsewhere, scenes):
    """A folder of five frames, the last two of them named so that their order is that of numbers."""
    (elsewhere / "frames").mkdir()
    for name, frame in zip(("f1", "f2", "f3", "f10", "f11"), scenes, strict=True):
        images.save(frame, elsewhere / "frames" / f"{name}.png")
    return elsewhere / "frames"


@pytest.fixture
def painted(monkeypatch):
    """A network that needs no framework: it adds noise, other noise to another frame. Counts the frames; may be interrupted."""
    calls = SimpleNamespace(count=0, at={})

    def paint(frame):
        calls.count += 1
        if error := calls.at.pop(calls.count, None):
            raise error
        noise = np.random.default_rng(zlib.crc32(frame.tobytes())).normal(0, 0.1, frame.shape)
        return (0.2 + 0.6 * frame + noise).clip(0, 1).astype(np.float32)

    monkeypatch.setattr(painting, "load_backend", lambda name: SimpleNamespace(one_pass=lambda styles, options: paint))
    calls.paint = paint
    return calls


def run(*arguments, status=0):
    assert cli.run(["video", *map(str, arguments)]) == status


def refused(capsys, *arguments, status=1) -> str:
    """Run a command that must fail with one line."""
    capsys.readouterr()
    run(*arguments, status=status)
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("stylelab: ") and err.count("\n") == 1 and "Traceback" not in err, err
    return err


def opened(folder):
    return {file.name: images.open_image(file) for file in sorted(folder.iterdir())}


def gif(path, frames, duration=80):
    first, *others = [Image.fromarray((frame * 255).astype(np.uint8)) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=duration, loop=0)
    return path


# in and out


def test_a_folder_becomes_a_folder_in_the_order_of_its_numbers_with_its_names(folder, painted, elsewhere, capsys):
    run(folder, "fluid", "-o", "out")
    frames = opened(elsewhere / "out")
    assert list(frames) == ["f1.png", "f10.png", "f11.png", "f2.png", "f3.png"]
    np.testing.assert_allclose(frames["f1.png"], painted.paint(images.open_image(folder / "f1.png")), atol=0.003)  # 8 bits
    assert "saved out (5 frames of 96 x 64 pixels)" in capsys.readouterr().out
    assert not (elsewhere / "out.state").exists()
    paths = [path.name for path in elsewhere.iterdir()]
    assert sorted(paths) == ["frames", "out"]


def test_a_gif_becomes_a_gif_of_the_same_speed_and_any_size(scenes, painted, elsewhere):
    gif(elsewhere / "in.gif", scenes, duration=120)
    run("in.gif", "fluid", "-o", "out.gif", "--size", "48")
    with Image.open("out.gif") as film:
        assert film.n_frames == 5 and film.size == (48, 32) and film.info["loop"] == 0
        film.seek(3)
        assert film.info["duration"] == 120
        assert len(np.unique(np.asarray(film.convert("RGB")).reshape(-1, 3), axis=0)) > 30
    run("in.gif", "fluid", "-o", "faster.gif", "--fps", "20")
    with Image.open("faster.gif") as film:
        assert film.info["duration"] == 50


def test_every_frame_of_a_gif_is_written_as_it_was_painted(scenes, painted, elsewhere):
    gif(elsewhere / "in.gif", scenes)
    run("in.gif", "fluid", "-o", "out.gif")
    run("in.gif", "fluid", "-o", "out")
    with Image.open("out.gif") as film:
        for index, frame in enumerate(opened(elsewhere / "out").values()):
            film.seek(index)
            assert np.abs(np.asarray(film.convert("RGB")) / 255 - frame).mean() < 0.04  # of 256 colours


@pytest.mark.parametrize("ending", ["mp4", "webm"])
def test_a_video_file_becomes_a_video_file(folder, painted, elsewhere, ending):
    pytest.importorskip("av")
    run(folder, "fluid", "-o", f"one.{ending}", "--fps", "10")
    film = open_film(f"one.{ending}")
    frames = list(film.read(0))
    assert (film.count, film.fps, len(frames), frames[0].shape) == (5, 10, 5, (64, 96, 3))
    run(f"one.{ending}", "fluid", "-o", f"two.{ending}", "--size", "47")
    assert [frame.shape for frame in open_film(f"two.{ending}").read(3)] == [(32, 48, 3)] * 2  # sides are even
    assert not list(elsewhere.glob("*.state"))


def test_the_sound_is_dropped_and_that_is_said(elsewhere, painted, capsys):
    av = pytest.importorskip("av")
    with av.open("sound.mp4", "w") as container:
        video, audio = container.add_stream("mpeg4", rate=10), container.add_stream("aac", rate=44100)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        for index in range(3):
            container.mux(video.encode(av.VideoFrame.from_ndarray((scene(index) * 255).astype(np.uint8), format="rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.rate = 44100
        container.mux([*video.encode(), *audio.encode(silence), *audio.encode()])
    run("sound.mp4", "fluid", "-o", "out.gif")
    assert "stylelab: the sound is left out" in capsys.readouterr().err


def test_frames_of_another_size_are_stretched_to_the_first_and_counted(folder, painted, elsewhere, capsys):
    images.save(scene(1)[:40], folder / "f2.png")
    run(folder, "fluid", "-o", "out")
    assert "1 frames of another size than the first were resized to it" in capsys.readouterr().out
    assert {frame.shape for frame in opened(elsewhere / "out").values()} == {(64, 96, 3)}


# without flicker, and without dragging


def test_the_flicker_is_at_most_half_of_that_of_frames_painted_by_themselves(folder, painted, capsys):
    run(folder, "fluid", "-o", "out", "--report")
    words = capsys.readouterr().out.split("flicker ")[1].split()
    assert 0 < 2 * float(words[0].rstrip(";")) < float(words[-1])
    run(folder, "fluid", "-o", "plain", "--temporal-weight", "0")
    plain = float(capsys.readouterr().out.split("flicker ")[1])
    np.testing.assert_allclose(plain, float(words[-1]), rtol=0.05)


def test_what_a_moving_square_uncovers_is_painted_anew(folder, painted, elsewhere):
    run(folder, "fluid", "-o", "out")
    frames = opened(elsewhere / "out")
    for index, name in enumerate(("f2.png", "f3.png"), 1):
        strip = (slice(22, 18 + SIDE), slice(20 + STEP * (index - 1), 20 + STEP * index))
        difference = np.abs(frames[name] - painted.paint(images.open_image(folder / name)))[strip].max(-1)
        assert (difference < 0.01).mean() > 0.9


def test_a_film_that_stands_still_becomes_steady(elsewhere, painted):
    (elsewhere / "still").mkdir()
    for index in range(4):
        images.save(scene(0), elsewhere / "still" / f"{index}.png")
    run("still", "fluid", "-o", "out")
    first, *others = opened(elsewhere / "out").values()
    assert all(np.abs(frame - first).max() < 0.01 for frame in others)


# stopped and resumed


@pytest.mark.parametrize("report", [[], ["--report"]])
def test_a_film_that_was_stopped_continues_to_the_same_frames(folder, painted, elsewhere, capsys, report):
    run(folder, "fluid", "-o", "whole", *report)
    whole = opened(elsewhere / "whole")
    painted.count, painted.at = 0, {4: KeyboardInterrupt()}
    words = refused(capsys, folder, "fluid", "-o", "out", *report, status=130)
    assert "of 5 frames are painted; repeat the command with --resume to continue" in words
    assert not (elsewhere / "out").exists() and len(list((elsewhere / "out.state").glob("*.png"))) == (2 if report else 3)
    run(folder, "fluid", "-o", "out", "--resume", *report)
    resumed = opened(elsewhere / "out")
    assert whole.keys() == resumed.keys() and all(np.array_equal(whole[name], resumed[name]) for name in whole)
    assert not (elsewhere / "out.state").exists()


def test_a_stopped_film_is_neither_lost_nor_mixed_with_another(folder, painted, elsewhere, capsys):
    painted.at = {3: KeyboardInterrupt()}
    run(folder, "fluid", "-o", "out.gif", status=130)
    assert "holds 2 painted frames: add --resume to continue" in refused(capsys, folder, "fluid", "-o", "out.gif")
    for other, words in (
        ([folder, "fluid", "--size", "64"], "another size"),
        ([folder, "ceramic"], "another style"),
        ([folder, "fluid", "--temporal-weight", "3"], "another temporal_weight"),
        ([folder, "fluid", "--backend", "tensorflow"], "another backend"),
    ):
        assert words in refused(capsys, *other, "-o", "out.gif", "--resume")
    (folder / "f12.png").write_bytes((folder / "f11.png").read_bytes())
    assert "another film" in refused(capsys, folder, "fluid", "-o", "out.gif", "--resume")
    (elsewhere / "out.gif.state" / films.RECORD).write_text("{")
    assert "is damaged" in refused(capsys, folder, "fluid", "-o", "out.gif", "--resume")
    assert len(list((elsewhere / "out.gif.state").glob("*.png"))) == 2


def test_a_broken_frame_stops_the_film_and_keeps_what_is_painted(folder, painted, elsewhere, capsys):
    whole = (folder / "f3.png").read_bytes()
    (folder / "f3.png").write_bytes(whole[:200])
    words = refused(capsys, folder, "fluid", "-o", "out")
    assert "f3.png" in words and "2 of 5 frames are painted; repeat the command with --resume" in words
    (folder / "f3.png").write_bytes(whole)
    run(folder, "fluid", "-o", "out", "--resume")
    assert len(opened(elsewhere / "out")) == 5


# constant memory


def test_no_frame_is_read_before_the_one_before_it_is_saved(folder, painted, monkeypatch):
    read = []
    real = images.open_with_notes
    monkeypatch.setattr(reading.images, "open_with_notes", lambda source: read.append(source) or real(source))
    film, seen = open_film(str(folder)), []
    kept = films.Kept(folder.parent / "out.state", {}, False)
    painter = painting.make_painter(["fluid"], scene(0), VideoOptions(), "torch")
    films.paint_film(
        film,
        painter,
        kept,
        shape=(64, 96),
        size=(64, 96),
        smooth=True,
        compare=False,
        show=lambda count: seen.append((count, len(read))),
    )
    assert seen == [(count, count) for count in range(1, 6)]


# mistakes


@pytest.mark.parametrize(("arguments", "words"), [
    (["nowhere", "fluid", "-o", "out"], "no film 'nowhere'"),
    (["empty", "fluid", "-o", "out"], "no frame in folder 'empty'"),
    (["frames/f1.png", "fluid", "-o", "out"], "is a single image: paint it with `stylelab fast`"),
    (["frames", "fluid", "-o", "out.avi"], "end it in .gif, .mp4, .webm, or name a folder"),
    (["frames", "fluid", "-o", "frames"], "is not empty: name a new one"),
    (["frames", "fluid", "-o", "text"], "'text' is a file"),
    (["frames", "fluid", "-o", "no/out.gif"], "folder 'no' does not exist"),
    (["frames", "fluidd", "-o", "out", "--network", "six"], "did you mean 'fluid'?"),
    (["frames", "fluid", "-o", "out", "--network", "seven"], "unknown network 'seven'"),
    (["frames", "fluid", "-o", "out", "--recipe", "gatis"], "did you mean 'gatys'?"),
    (["frames", "fluid", "-o", "out", "--recipe", "gatys", "--network", "six"], "give one"),
    (["frames", "fluid", "-o", "out", "--temporal-weight", "-1"], "temporal_weight is -1"),
    (["frames", "fluid", "-o", "out", "--fps", "0"], "fps is 0: give 0.1 to 120"),
    (["frames", "fluid", "-o", "out", "--size", "8"], "size is 8"),
    (["frames", "fluid", "-o", "out", "--backend", "jax"], "unknown backend 'jax'"),
])  # fmt: skip
def test_a_mistake_costs_one_line_and_nothing_else(folder, painted, elsewhere, capsys, arguments, words):
    (elsewhere / "empty").mkdir()
    (elsewhere / "text").write_text("Dear diary")
    before = sorted(path.name for path in elsewhere.rglob("*"))
    assert words in refused(capsys, *arguments)
    assert sorted(path.name for path in elsewhere.rglob("*")) == before and painted.count == 0


def test_a_file_that_is_no_film_is_refused(elsewhere, painted, capsys):
    (elsewhere / "bad.gif").write_bytes(b"GIF89a" + b"\0" * 20)
    assert "bad.gif" in refused(capsys, "bad.gif", "fluid", "-o", "out")
    pytest.importorskip("av")
    (elsewhere / "bad.mp4").write_bytes(b"no film" * 100)
    assert "'bad.mp4' is not a film that can be read" in refused(capsys, "bad.mp4", "fluid", "-o", "out")


def test_without_pyav_a_video_file_is_refused_with_what_to_install(folder, painted, elsewhere, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (elsewhere / "in.mp4").write_bytes(b"film")
    assert "pip install av" in refused(capsys, "in.mp4", "fluid", "-o", "out", status=2)
    assert "pip install av" in refused(capsys, folder, "fluid", "-o", "out.mp4", status=2)


# with the real painters


@pytest.mark.slow
def test_the_network_paints_a_film_in_both_frameworks(framework, sl, folder, elsewhere):
    run(folder, "fluid", "-o", "out", "--backend", framework, "--size", "64")
    frames = opened(elsewhere / "out")
    assert len(frames) == 5 and all(frame.shape == (43, 64, 3) and frame.std() > 0.02 for frame in frames.values())


@pytest.mark.slow
def test_by_optimisation_the_temporal_loss_halves_the_flicker_and_a_stopped_film_continues(
    framework, sl, folder, elsewhere, capsys
):
    for name in ("f10", "f11"):
        (folder / f"{name}.png").unlink()
    how = ["--backend", framework, "--recipe", "stylelab", "--encoder", "mini", "--size", "64", "--steps", "12"]
    flicker = []
    for weight in ("0", "100"):
        run(folder, "fluid", "-o", f"out{weight}", *how, "--temporal-weight", weight)
        flicker.append(float(capsys.readouterr().out.split("flicker ")[1]))
    assert 2 * flicker[1] < flicker[0]
    state = elsewhere / "again.state"
    real = films.Kept.add

    def stop(self, image):
        real(self, image)
        if self.progress.painted == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(films.Kept, "add", stop)
        run(folder, "fluid", "-o", "again", *how, status=130)
    assert len(list(state.glob("*.png"))) == 2
    run(folder, "fluid", "-o", "again", *how, "--resume")
    one, other = (opened(elsewhere / name) for name in ("out100", "again"))
    assert one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)
