"""Every usable image opens, everything else is refused in one line, and no half-written file is left behind."""

import os
import struct
import zlib

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from stylelab import images
from stylelab.errors import InputError, MachineError

COLOUR = (200, 100, 50)


def refusal(call, *args, **kwargs) -> str:
    """The message of the InputError that a call raises: one line, not too long."""
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message and 10 < len(message) < 320, message
    return message


def flat(mode="RGB", colour=COLOUR, size=(20, 30)):
    """A PIL image of one colour."""
    return Image.new(mode, size, colour)


def check_colour(image, colour=COLOUR, atol=0.004):
    """Check that an opened image has the size of `flat()` and one colour."""
    assert image.shape == (30, 20, 3) and image.dtype == np.float32
    assert_allclose(image, np.broadcast_to(np.array(colour) / 255, image.shape), atol=atol)


# --- opening ----------------------------------------------------------------------------------------------------


def test_a_file_opens_as_an_h_w_3_array_of_floats_in_0_to_1(tmp_path):
    flat().save(tmp_path / "a.png")
    check_colour(images.open_image(tmp_path / "a.png"))
    check_colour(images.open_image(str(tmp_path / "a.png")))


def test_a_pil_image_opens_and_is_not_changed():
    image = flat("P", 0)
    before = image.tobytes()
    images.open_image(image)
    assert image.mode == "P" and image.tobytes() == before
    check_colour(images.open_image(flat()))


def test_an_array_is_copied(rng):
    array = rng.random((20, 30, 3), dtype=np.float32)
    image = images.open_image(array)
    assert_array_equal(image, array)
    image[:] = 0
    assert array.max() > 0.5


def test_a_uint8_array_is_divided_by_255():
    assert_allclose(images.open_image(np.full((4, 4, 3), 51, np.uint8)), 0.2, rtol=1e-6)


def test_grey_becomes_three_equal_channels(tmp_path):
    flat("L", 77).save(tmp_path / "a.png")
    check_colour(images.open_image(tmp_path / "a.png"), (77, 77, 77))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I;16"])
def test_every_pil_mode_opens_as_an_image(mode):
    assert images.open_image(Image.new(mode, (20, 30))).shape == (30, 20, 3)


def test_a_palette_is_looked_up(tmp_path):
    flat().convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.gif")
    check_colour(images.open_image(tmp_path / "a.gif"))


def test_transparent_parts_become_white_and_half_transparent_ones_lighter(tmp_path):
    flat("RGBA", (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert_allclose(images.open_image(tmp_path / "a.png"), 1)
    flat("RGBA", (0, 0, 0, 128)).save(tmp_path / "b.png")
    assert_allclose(images.open_image(tmp_path / "b.png"), 127 / 255, atol=0.005)


def test_a_transparent_palette_colour_becomes_white(tmp_path):
    flat("P", 0).save(tmp_path / "a.png", transparency=0)
    assert_allclose(images.open_image(tmp_path / "a.png"), 1)


def test_cmyk_becomes_rgb(tmp_path):
    flat().convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    check_colour(images.open_image(tmp_path / "a.jpg"), atol=0.02)


@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_16_bit_grey_keeps_its_brightness(tmp_path, ending):
    Image.fromarray(np.full((30, 20), 77 * 257, np.uint16)).save(tmp_path / f"a.{ending}")
    check_colour(images.open_image(tmp_path / f"a.{ending}"), (77, 77, 77), atol=1e-4)


def test_dark_16_bit_grey_stays_dark_and_keeps_its_shades(tmp_path):
    ramp = np.tile(np.arange(200, dtype=np.uint16), (30, 1))
    Image.fromarray(ramp).save(tmp_path / "a.png")
    image = images.open_image(tmp_path / "a.png")
    assert image.max() == pytest.approx(199 / 65535) and len(np.unique(image)) == 200


def test_a_dark_16_bit_pgm_stays_dark(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 20 30 65535\n" + struct.pack(">600H", *range(600)))
    assert images.open_image(tmp_path / "a.pgm").max() == pytest.approx(599 / 65535)


def test_a_12_bit_tiff_has_its_white_at_4095(tmp_path):
    pixels = bytes([0x7D, 0x07, 0xD0]) * 300  # two pixels of 2000 in three bytes
    tags = {256: 20, 257: 30, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 30, 279: len(pixels)}
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory + bytes(4))
    assert_allclose(images.open_image(tmp_path / "a.tif"), 2000 / 4095, rtol=1e-6)


def test_16_bit_colour_keeps_its_brightness(tmp_path):
    row = b"\0" + struct.pack(">3H", *[value * 257 for value in COLOUR]) * 20
    header = struct.pack(">IIBBBBB", 20, 30, 16, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png((b"IHDR", header), (b"IDAT", zlib.compress(row * 30)), (b"IEND", b"")))
    check_colour(images.open_image(tmp_path / "a.png"))


def png(*chunks):
    """The bytes of a PNG file with these chunks."""
    parts = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_a_float_tiff_is_scaled_by_the_white_that_its_values_suggest(tmp_path, white):
    values = np.linspace(0, white, 600, dtype=np.float32).reshape(30, 20)
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert_allclose(images.open_image(tmp_path / "a.tif")[..., 1], values / white, rtol=1e-5)


def test_exif_rotation_is_applied(tmp_path):
    image = flat(size=(30, 20))
    image.paste((0, 0, 255), (0, 0, 5, 5))  # a blue mark at the top left
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: rotate a quarter turn clockwise
    image.save(tmp_path / "a.png", exif=exif)
    image = images.open_image(tmp_path / "a.png")
    assert image.shape == (30, 20, 3)
    assert_allclose(image[2, -3], (0, 0, 1))


def test_an_image_with_a_broken_exif_block_still_opens(tmp_path):
    flat().save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    check_colour(images.open_image(tmp_path / "a.jpg"), atol=0.02)


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif"])
def test_an_animation_opens_at_its_first_frame(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    options = {"lossless": True} if ending == "webp" else {}
    flat().save(path, save_all=True, append_images=[flat(colour=(0, 0, 0))], **options)
    with pytest.warns(UserWarning, match=f"a.{ending}' has 2 {'pages' if ending == 'tif' else 'frames'}: the first is used"):
        check_colour(images.open_image(path))


def test_a_pil_image_with_a_broken_colour_profile_opens_with_a_warning():
    image = flat()
    image.info["icc_profile"] = b"no profile at all"
    with pytest.warns(UserWarning, match="^the image: its colour profile is broken, so its colours are read as sRGB$"):
        check_colour(images.open_image(image))


# --- built-in images ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", images.names())
def test_every_built_in_image_opens_and_has_a_credit_and_a_description(name):
    image = images.open_image(name, 32)
    assert max(image.shape) == 32 and image.std() > 0.02
    assert len(images.credit(name)) > 8 and len(images.alt(name)) > 12


def test_the_style_images_are_the_projects_own_six():
    assert images.style_names() == ("brushstrokes", "ceramic", "woodblock", "stained-glass", "fluid", "pointillism")
    assert all("CC0" in images.credit(name) for name in images.style_names())


def test_both_packages_photographs_are_built_in():
    assert {"astronaut", "cat", "china", "coffee", "flower", "rocket"} <= set(images.content_names())
    assert not set(images.content_names()) & set(images.style_names())


def test_a_built_in_image_can_be_named_as_its_package_names_it():
    assert_array_equal(images.open_image("chelsea", 20), images.open_image("Cat", 20))


def test_a_file_takes_precedence_over_a_built_in_name_and_a_folder_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    built_in = images.open_image("china")
    (tmp_path / "china").mkdir()
    assert_array_equal(images.open_image("china"), built_in)
    flat().save(tmp_path / "cat", "PNG")
    check_colour(images.open_image("cat"))


def test_the_credit_of_an_unknown_name_suggests_the_nearest_one():
    assert "did you mean 'coffee'" in refusal(images.credit, "cofee")


# --- refusing ---------------------------------------------------------------------------------------------------


def test_a_missing_file_suggests_a_similar_one_in_the_folder(tmp_path):
    flat().save(tmp_path / "holiday.jpg")
    assert f"did you mean '{tmp_path}/holiday.jpg'" in refusal(images.open_image, tmp_path / "holliday.jpg")


def test_a_misspelt_name_suggests_the_built_in_image():
    assert "did you mean 'astronaut'" in refusal(images.open_image, "astronaught")


def test_without_a_similar_name_the_message_says_what_can_be_given(tmp_path):
    assert "built-in image such as" in refusal(images.open_image, tmp_path / "none" / "zzz.png")


def test_a_folder_is_refused(tmp_path):
    assert "is a folder" in refusal(images.open_image, tmp_path)


def test_a_text_file_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_text("Dear diary")
    assert "is not an image" in refusal(images.open_image, tmp_path / "a.jpg")


def test_a_postscript_file_is_refused_because_opening_it_would_run_it(tmp_path):
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    assert "is not an image but a PostScript program: save" in refusal(images.open_image, tmp_path / "a.eps")


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert "is empty" in refusal(images.open_image, tmp_path / "a.jpg")


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif", "tif", "bmp"])
def test_a_truncated_file_is_refused(tmp_path, rng, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(rng.integers(0, 255, (60, 60, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "broken or truncated" in refusal(images.open_image, path)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif", "tif", "bmp", "pgm", "avif", "jp2"])
def test_a_file_cut_off_anywhere_opens_or_is_refused_in_one_line(tmp_path, rng, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(rng.integers(0, 255, (9, 9), np.uint8)).save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        try:
            assert images.open_with_notes(path).image.shape == (9, 9, 3)  # only the trailer is missing
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("side", [10_001, 20_000, 60_000])
def test_a_decompression_bomb_is_refused_from_its_header(tmp_path, side):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(png((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")))
    assert f"has {side * side} pixels, more than 100 million" in refusal(images.open_image, tmp_path / "a.png")


def test_a_device_is_refused_and_never_read():
    assert "not a regular file" in refusal(images.open_image, "/dev/zero")


def test_a_web_address_is_refused_and_never_fetched():
    assert "download the image first" in refusal(images.open_image, "https://localhost/a.jpg")


@pytest.mark.parametrize("text", ["x" * 5000, "a\0b", "a\nb", "", " "])
def test_a_strange_path_is_refused_in_one_line(text):
    refusal(images.open_image, text)


@pytest.mark.parametrize("thing", [None, 3, b"abc", {"a": 1}, [[1, 2]], True])
def test_a_value_that_is_not_an_image_is_refused(thing):
    assert "an image must be" in refusal(images.open_image, thing)


@pytest.mark.parametrize("shape", [(30, 20), (3, 30, 20), (1, 30, 20, 3), (30, 20, 4), (0, 20, 3)])
def test_an_array_of_another_shape_is_refused_with_its_shape(shape):
    assert f"must be (H, W, 3); got {shape}" in refusal(images.open_image, np.zeros(shape))


def test_an_array_in_0_to_255_gets_the_hint_to_divide():
    assert "got 0 to 200: divide by 255" in refusal(images.open_image, np.linspace(0, 200, 48).reshape(4, 4, 3))


def test_values_below_0_are_refused():
    assert "got -1 to -1" in refusal(images.open_image, -np.ones((4, 4, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    image = np.zeros((4, 4, 3))
    image[1, 2, 0] = value
    assert "NaN or infinity" in refusal(images.open_image, image)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, bool, complex, object])
def test_an_array_of_another_type_is_refused(dtype):
    refusal(images.open_image, np.zeros((4, 4, 3), dtype))


# --- sizes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "size", "expected"), [
    ((40, 60), 30, (20, 30)), ((60, 40), 30, (30, 20)), ((40, 60), 120, (80, 120)), ((40, 60), 60, (40, 60)),
    ((3, 5000), 100, (1, 100)), ((1, 1), 7, (7, 7)),
])  # fmt: skip
def test_resizing_sets_the_long_side_and_keeps_the_proportions(shape, size, expected):
    assert images.resize(np.zeros((*shape, 3), np.float32), size).shape == (*expected, 3)


def test_an_image_can_be_opened_at_a_size():
    assert images.open_image("astronaut", size=50).shape == (50, 50, 3)


def test_resizing_does_not_alias():
    columns = np.zeros((64, 64, 3), np.float32)
    columns[:, ::2] = 1  # the finest possible stripes, which become grey when made smaller
    assert_allclose(images.resize(columns, 16)[:, 2:-2], 0.5, atol=0.02)


def test_resizing_does_not_round_to_8_bits():
    ramp = np.broadcast_to(np.linspace(0.5, 0.501, 400, dtype=np.float32)[:, None, None], (400, 400, 3))
    assert len(np.unique(images.resize(ramp, 200))) > 100


def test_resizing_stays_within_0_and_1():
    edge = np.zeros((20, 20, 3), np.float32)
    edge[:, 10:] = 1
    larger = images.resize(edge, 200)
    assert larger.min() == 0 and larger.max() == 1


def test_fit_stretches_to_the_shape():
    assert images.fit(np.full((20, 30, 3), 0.25, np.float32), (7, 50)).shape == (7, 50, 3)
    assert_allclose(images.fit(np.full((20, 30, 3), 0.25, np.float32), (7, 50)), 0.25, atol=1e-6)


@pytest.mark.parametrize("size", [0, -1, 2.5, 64.0, "64", True, float("nan")])
def test_a_size_that_is_not_a_whole_number_of_at_least_1_is_refused(size):
    assert f"1 or more; got {size!r}" in refusal(images.open_image, "astronaut", size)
    if size != 64.0:  # a shape may come from a division
        assert "shape is" in refusal(images.fit, np.zeros((4, 4, 3)), (4, size))


def test_a_size_that_would_not_fit_in_memory_is_refused():
    assert "more than 100 million" in refusal(images.open_image, "astronaut", 10**6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5000, 3), (3, 5000), (15, 16)])
def test_an_image_too_small_for_the_encoder_is_refused(height, width):
    message = refusal(images.check_size, np.zeros((height, width, 3)), "the style image")
    assert f"the style image of {width} x {height} pixels is too small" in message


def test_an_image_of_16_pixels_is_large_enough():
    images.check_size(np.zeros((16, 16, 3)))


# --- saving -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "atol"), [("png", 0.002), ("jpg", 0.03), ("jpeg", 0.03), ("webp", 0.05), ("PNG", 0.002)])
def test_a_saved_image_opens_again(tmp_path, ending, atol):
    image = images.resize(images.open_image("coffee"), 64)
    path = images.save(image, tmp_path / f"a.{ending}")
    assert_allclose(images.open_image(path), image, atol=atol if ending.lower() == "png" else 0.3)
    assert np.abs(images.open_image(path) - image).mean() < atol
    assert os.listdir(tmp_path) == [f"a.{ending}"]


def test_a_saved_file_has_the_permissions_of_any_other_new_file(tmp_path):
    images.save(np.zeros((16, 16, 3)), tmp_path / "a.png")
    (tmp_path / "b").touch()
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_an_8_bit_image_survives_saving_exactly(tmp_path, rng):
    values = rng.integers(0, 256, (20, 30, 3), np.uint8)
    images.save(images.open_image(values), tmp_path / "a.png")
    assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), values)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(self, stream, **options):
        stream.write(b"half an image")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(MachineError, match="no space left on device; make room"):
        images.save(np.zeros((16, 16, 3)), path)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt", "a."])
def test_the_message_for_an_unknown_ending_lists_the_known_ones(tmp_path, name):
    for call in (images.check_writable, lambda path: images.save(np.zeros((16, 16, 3)), path)):
        assert ".png, .jpg, .jpeg, .webp" in refusal(call, tmp_path / name)


def test_a_missing_folder_is_reported_before_the_run_and_not_created(tmp_path):
    message = refusal(images.check_writable, tmp_path / "a" / "b.png")
    assert "does not exist: run `mkdir -p" in message and not os.listdir(tmp_path)


def test_a_folder_as_output_is_refused(tmp_path):
    assert "is a folder: name a file in it" in refusal(images.check_writable, tmp_path)


def test_a_file_where_a_folder_should_be_is_refused(tmp_path):
    (tmp_path / "a").touch()
    assert "is not a folder" in refusal(images.check_writable, tmp_path / "a" / "b.png")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that even root cannot write")
def test_a_folder_that_cannot_be_written_is_refused():
    assert "cannot write into folder '/proc'" in refusal(images.check_writable, "/proc/a.png")


def test_checking_an_output_leaves_nothing_behind(tmp_path):
    assert images.check_writable(tmp_path / "a.png") == tmp_path / "a.png"
    assert not os.listdir(tmp_path)
