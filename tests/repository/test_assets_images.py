"""The six style images: their files, and the code that draws them."""

import importlib.util
import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ASSETS = Path(__file__).resolve().parents[2] / "assets"
NAMES = ("brushstrokes", "ceramic", "woodblock", "stained-glass", "fluid", "pointillism")


@pytest.fixture(scope="module")
def images():
    """The module assets/make/images.py, imported as if the file were run."""
    sys.path.insert(0, str(ASSETS / "make"))
    spec = importlib.util.spec_from_file_location("images_under_test", ASSETS / "make" / "images.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ASSETS / "make"))


@pytest.fixture(scope="module")
def small(images):
    """Each image at 96 pixels."""
    return {name: images.draw(name, 96) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_rgb_with_a_long_side_of_1024(name):
    path = ASSETS / "style" / f"{name}.jpg"
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert max(image.size) == 1024
        assert min(image.size) >= 640
    assert path.stat().st_size <= 900 * 1024


@pytest.mark.parametrize("name", NAMES)
def test_no_part_of_the_image_is_flat(name):
    with Image.open(ASSETS / "style" / f"{name}.jpg") as image:
        grey = np.asarray(image.convert("L"), float) / 255
    rows, columns = (n // 128 for n in grey.shape)
    blocks = grey[: rows * 128, : columns * 128].reshape(rows, 128, columns, 128)
    assert blocks.std(axis=(1, 3)).min() > 0.035


@pytest.mark.parametrize("name", NAMES)
def test_drawing_twice_gives_the_same_bytes(name, images, small):
    assert small[name].dtype == np.uint8
    assert max(small[name].shape) == 96
    assert images.draw(name, 96).tobytes() == small[name].tobytes()


def test_all_styles_differ(small):
    for first, second in itertools.combinations(NAMES, 2):
        a, b = (small[name][:64, :64].astype(float) for name in (first, second))
        assert np.abs(a - b).mean() > 15, (first, second)


def test_the_code_and_the_folder_have_the_same_names(images):
    assert set(images.NAMES) == {path.stem for path in (ASSETS / "style").glob("*.jpg")} == set(NAMES)


def test_every_image_has_a_line_with_licence_and_alternative_text():
    lines = (ASSETS / "style" / "README.md").read_text(encoding="utf-8").splitlines()
    for name in NAMES:
        (line,) = [line for line in lines if f"`{name}.jpg`" in line]
        assert "CC0" in line and "Alt text:" in line


@pytest.mark.parametrize("name, size, message", [("cubism", 96, "pointillism"), ("fluid", 8, "got 8")])
def test_a_wrong_name_or_size_is_an_error(images, name, size, message):
    with pytest.raises(ValueError, match=message):
        images.draw(name, size)


def test_saving_replaces_the_old_file_and_leaves_no_other(images, small, tmp_path):
    target = tmp_path / "fluid.jpg"
    target.write_text("old")
    images.save(small["fluid"], target)
    with Image.open(target) as image:
        assert image.size == (96, 96)
    assert list(tmp_path.iterdir()) == [target]
