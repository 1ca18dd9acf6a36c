"""Runs as filmstrips and GIFs, made by the functions and by the command."""

import os

import numpy as np
import pytest
from PIL import Image, ImageSequence

from stylelab.cli import commands as cli
from stylelab.errors import InputError
from stylelab.images.film import GAP, SIDE, check_film_path, filmstrip, save_film, save_gif, snapshot_steps

RED, BLUE = (np.full((30, 40, 3), colour, np.float32) for colour in ((1, 0, 0), (0, 0, 1)))


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Run each test in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


def test_a_strip_holds_every_image_in_order():
    shades = [np.full((30, 40, 3), shade, np.float32) for shade in np.linspace(0.1, 0.9, 6)]
    strip = filmstrip(shades, columns=3)
    assert strip.shape == (2 * (30 + GAP) + GAP, 3 * (40 + GAP) + GAP, 3) and strip.dtype == np.float32
    for index, shade in enumerate(shades):
        row, column = divmod(index, 3)
        cell = strip[GAP + row * (30 + GAP) :, GAP + column * (40 + GAP) :][:30, :40]
        np.testing.assert_array_equal(cell, shade)
    assert (strip[:GAP] == 1).all() and (strip[:, -GAP:] == 1).all()


@pytest.mark.parametrize(("count", "shape"), [(1, (30, 40)), (8, (30, 40)), (9, (30, 40)), (7, (40, 30)), (5, (20, 90))])
def test_a_strip_is_wider_than_high_and_has_few_empty_cells(count, shape):
    strip = filmstrip([np.zeros((*shape, 3), np.float32)] * count)
    cells = (strip.shape[0] // (shape[0] + GAP)) * (strip.shape[1] // (shape[1] + GAP))
    assert count <= cells <= count + 1 and 0.9 <= strip.shape[1] / strip.shape[0] <= 5.5


def test_snapshots_are_fitted_to_the_last_ones_shape_and_large_ones_are_made_smaller():
    small, large = np.zeros((20, 30, 3), np.float32), np.ones((960, 1440, 3), np.float32)
    strip = filmstrip({1: small, 2: large}, columns=2)
    assert strip.shape == (320 + 2 * GAP, 2 * SIDE + 3 * GAP, 3)
    assert (strip[GAP : GAP + 320, GAP : GAP + SIDE] == 0).all()


def frames(path):
    """(image in 0..1, milliseconds) of each frame of a GIF that repeats for ever."""
    with Image.open(path) as film:
        assert film.info["loop"] == 0
        return [(np.asarray(frame.convert("RGB")) / 255, frame.info["duration"]) for frame in ImageSequence.Iterator(film)]


def test_a_gif_shows_every_image_and_the_last_one_longest():
    save_gif("a.gif", [RED, BLUE, RED, BLUE], seconds=2)
    film = frames("a.gif")
    for (frame, _), image in zip(film, [RED, BLUE, RED, BLUE], strict=True):
        assert np.abs(frame - image).max() < 0.02
    durations = [duration for _, duration in film]
    assert sum(durations) == pytest.approx(2000, abs=40) and durations[-1] > 1.2 * durations[0]
    assert os.listdir() == ["a.gif"]


def test_the_colours_of_a_gif_are_close_to_those_of_the_image():
    ramp = np.linspace(0, 1, 64, dtype=np.float32)
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None], 1 - ramp[:, None]), axis=-1)
    save_gif("a.gif", [image])
    ((frame, duration),) = frames("a.gif")
    blocks = np.abs((frame - image).reshape(16, 4, 16, 4, 3).mean((1, 3)))
    assert blocks.mean() < 0.02 and duration == 4000


def test_of_too_many_images_for_the_time_some_are_left_out_but_not_the_last():
    shades = [np.full((16, 16, 3), shade, np.float32) for shade in np.linspace(0, 1, 200)]
    save_gif("a.gif", shades, seconds=1)
    film = frames("a.gif")
    assert len(film) <= 25 and min(duration for _, duration in film) >= 40
    assert film[0][0].max() < 0.05 and film[-1][0].min() > 0.95


@pytest.mark.parametrize(("call", "words"), [
    (lambda: filmstrip([]), "no image"), (lambda: filmstrip([RED], columns=0), "columns is 0"),
    (lambda: filmstrip([RED * 255]), "divide by 255"), (lambda: save_gif("a.png", [RED]), "must be .gif"),
    (lambda: save_gif("a.gif", []), "no image"), (lambda: save_gif("a.gif", [RED], seconds=float("nan")), "nan seconds"),
    (lambda: save_gif("a.gif", [RED], seconds=0), "0 seconds"), (lambda: save_film("a.mp4", [RED]), "must be .gif or .png"),
    (lambda: check_film_path("no/a.gif"), "does not exist"), (lambda: check_film_path("d.gif"), "is a folder"),
])  # fmt: skip
def test_a_film_that_cannot_be_made_is_one_line_and_no_file(call, words):
    os.mkdir("d.gif")
    with pytest.raises(InputError, match=words):
        call()
    assert os.listdir() == ["d.gif"]


def test_snapshot_steps_are_close_together_at_the_start_and_few_for_large_images():
    steps = snapshot_steps("a.gif", 500, 10**5)
    assert steps[0] == 1 and steps[-1] == 500 and len(steps) > 15 and (np.diff(steps) >= 1).all()
    assert np.diff(steps)[0] < np.diff(steps)[-1]
    assert len(snapshot_steps("a.png", 500, 10**5)) <= 8 and len(snapshot_steps("a.gif", 500, 10**8)) == 2


@pytest.mark.parametrize("film", ["run.gif", "run.png"])
def test_the_command_saves_a_film_of_a_run(capsys, framework, film):
    options = ("--backend", framework, "--encoder", "mini", "--size", "48", "--steps", "5", "--device", "cpu")
    assert cli.run(["transfer", "china", "cat", "-o", "a.png", *options, "--film", film]) == 0
    assert sorted(os.listdir()) == ["a.png", film]
    with Image.open(film) as saved, Image.open("a.png") as last:
        if film == "run.png":
            assert saved.width > 2 * 48
            return
        assert saved.size == (48, 32) and saved.n_frames > 4
        saved.seek(saved.n_frames - 1)
        assert np.abs(np.asarray(saved.convert("RGB"), float) - np.asarray(last, float)).mean() < 8
