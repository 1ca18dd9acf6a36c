"""The drawings that train the network for any style: the same twice, in range, and unlike each other."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

SIDE, COUNT = 64, 24  # one for each painter in the list


@pytest.fixture(scope="module")
def drawings():
    """The module assets/make/drawings.py."""
    pytest.importorskip("torch", reason="assets/make/encoder_data.py, which has the training images, needs PyTorch")
    folder = str(Path(__file__).resolve().parents[2] / "assets" / "make")
    sys.path.insert(0, folder)
    import drawings

    yield drawings
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def some(drawings):
    """A drawing by each painter."""
    return drawings.drawings(COUNT, side=SIDE)


def test_every_painter_has_a_turn(drawings):
    assert len(drawings.PAINTERS) == COUNT


def test_drawings_are_square_and_in_range(some):
    for drawing in some:
        assert drawing.shape == (SIDE, SIDE, 3) and drawing.dtype == np.float32
        assert 0 <= drawing.min() and drawing.max() <= 1


def test_a_seed_always_gives_the_same_drawing(drawings, some):
    for seed in range(COUNT):
        assert_array_equal(drawings.draw(seed, SIDE), some[seed])


def test_no_drawing_is_empty(some):
    assert min(drawing.std((0, 1)).max() for drawing in some) > 0.05


def test_painters_differ_and_so_do_the_drawings_of_one(drawings, some):
    again = drawings.draw(COUNT, SIDE)  # the first painter's next
    for first, second in itertools.combinations([*some, again], 2):
        assert np.abs(first - second).mean() > 0.04


def test_the_contact_sheet_shows_all(drawings, some, tmp_path):
    sheet = drawings.contact_sheet(some, columns=5, gap=4)
    assert sheet.shape == (5 * (SIDE + 4), 5 * (SIDE + 4), 3)
    assert_array_equal(sheet[:SIDE, 68 : 68 + SIDE], np.rint(some[1] * 255))


def test_the_command_writes_the_sheet(drawings, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["drawings.py", str(tmp_path / "sheet.png"), "--count", "3", "--side", "32"])
    drawings.main()
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (12 * 38, 38)
