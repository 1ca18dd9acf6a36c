"""Optical flow and warping: what a flow says, where it can be trusted, and what a moving square uncovers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import map_coordinates

from stylelab import images
from stylelab.errors import InputError

pytestmark = pytest.mark.plain
STEP = 6  # pixels that the square moves to the right


@pytest.fixture(scope="module")
def ground():
    return images.open_image("china", 200)[20:92, 20:116].copy()  # (72, 96, 3)


def constant(rows, columns, shape=(72, 96)):
    return np.broadcast_to(np.float32([rows, columns]), (*shape, 2))


def with_square(ground, left):
    scene = ground.copy()
    scene[20:52, left : left + 32] = images.open_image("coffee", 120)[20:52, 20:52]
    return scene


@pytest.fixture(scope="module")
def moved(ground):
    """A square that moves over a ground that does not: both frames, and the flows forward and backward."""
    first, second = with_square(ground, 30), with_square(ground, 30 + STEP)
    return first, second, images.optical_flow(first, second), images.optical_flow(second, first)


# warping


def test_a_flow_of_zero_changes_nothing(ground):
    assert_array_equal(images.warp(ground, constant(0, 0)), ground)


def test_a_flow_of_whole_pixels_is_a_roll_inside_and_repeats_the_border(ground):
    warped = images.warp(ground, constant(2, -3))
    assert_array_equal(warped[:-2, 3:], np.roll(ground, (-2, 3), (0, 1))[:-2, 3:])
    assert_array_equal(warped[:-2, :3], np.repeat(ground[2:, :1], 3, axis=1))
    assert_array_equal(warped[-1, 3:], ground[-1, :-3])


def test_between_pixels_it_is_bilinear_as_in_scipy(ground, rng):
    flow = rng.normal(0, 4, (72, 96, 2)).astype(np.float32)
    rows, columns = np.indices((72, 96)) + np.moveaxis(flow, -1, 0)
    expected = [map_coordinates(ground[..., c], (rows, columns), order=1, mode="nearest") for c in range(3)]
    assert_allclose(images.warp(ground, flow), np.stack(expected, -1), atol=1e-5)


# the flow


def test_the_flow_of_a_shifted_image_is_the_shift_and_brings_it_back(ground):
    shifted = np.roll(ground, (2, -3), (0, 1))
    flow = images.optical_flow(ground, shifted)
    assert flow.shape == (72, 96, 2) and flow.dtype == np.float32
    assert_allclose(np.median(flow, (0, 1)), [2, -3], atol=0.2)
    inside = (slice(8, -8), slice(8, -8))
    before, after = (np.square(ground - image)[inside].mean() for image in (shifted, images.warp(shifted, flow)))
    assert after < before / 20


def test_the_flow_of_a_large_image_is_estimated_at_a_smaller_size_in_its_own_pixels():
    large = images.open_image("china", 400)
    flow = images.optical_flow(large, np.roll(large, (4, 6), (0, 1)))
    assert flow.shape == (*large.shape[:2], 2)
    assert_allclose(np.median(flow, (0, 1)), [4, 6], atol=0.4)


def test_images_of_one_colour_do_not_move():
    white = np.ones((20, 30, 3), np.float32)
    assert np.abs(images.optical_flow(white, white)).max() < 1e-3


# where it can be trusted


@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (-1.5, 0.25), (0, 9)])
def test_a_flow_and_its_negative_are_reliable_but_where_they_lead_outside(shift):
    mask = images.reliable(-constant(*shift), constant(*shift))
    rows, columns = np.indices((72, 96)).astype(float)
    inside = (abs(rows + shift[0] - 35.5) <= 36) & (abs(columns + shift[1] - 47.5) <= 48)
    assert_array_equal(mask, inside)


def test_flows_that_do_not_cancel_are_not_reliable():
    assert not images.reliable(constant(0, 0), constant(0, 1)).any()
    assert images.reliable(constant(0, 0), constant(0, 0.5))[:, :-1].all()  # rounding of half a pixel is allowed


def test_the_edge_of_a_motion_is_not_reliable():
    flow = np.zeros((72, 96, 2), np.float32)
    flow[:, 48:, 0] = 0.3  # small enough that what is uncovered cannot be seen from it
    mask = images.reliable(-flow, flow)
    assert not mask[:, 47:49].any() and mask[:71, :46].all() and mask[:71, 50:].all()


def test_the_strip_that_a_moving_square_uncovers_is_not_reliable_and_hardly_anything_else(moved):
    mask = images.reliable(*moved[2:])
    assert (~mask[22:50, 30 : 30 + STEP]).mean() > 0.9
    far = np.ones_like(mask)
    far[14:58, 22 : 72 + STEP] = False
    assert mask[far].mean() > 0.92  # the rest is in the sky, where a flow can hardly be told
    assert mask[24:48, 34 + STEP : 58 + STEP].mean() > 0.9  # the square itself, which is seen in both frames


# flicker


def test_a_film_does_not_flicker_where_only_its_contents_move(moved):
    first, second, forward, backward = moved
    mask = images.reliable(forward, backward)
    steady = images.flicker(second, images.warp(first, backward), mask)
    assert steady < images.flicker(second, first, np.ones_like(mask)) / 20
    noise = np.random.default_rng(0).normal(0, 0.1, second.shape)
    assert_allclose(images.flicker(second + noise, images.warp(first, backward), mask), steady + 0.01, rtol=0.1)


def test_flicker_counts_only_the_positions_of_the_mask():
    image, mask = np.zeros((4, 5, 3)), np.zeros((4, 5), bool)
    other = image + 0.5
    assert images.flicker(image, other, mask) == 0
    mask[1, 2] = True
    assert images.flicker(image, other, mask) == 0.25
    other[1, 2] = 0
    assert images.flicker(image, other, mask) == 0


# wrong input


@pytest.mark.parametrize(("call", "words"), [
    (lambda a, f: images.optical_flow(a, a[1:]), "the first image is 12 x 9 but the second is 12 x 8"),
    (lambda a, f: images.optical_flow(a[..., 0], a), r"first must be \(H, W, 3\); got \(9, 12\)"),
    (lambda a, f: images.warp(a, f[:, 1:]), "image is 12 x 9 but flow is 11 x 9"),
    (lambda a, f: images.warp(a, a), r"flow must be \(H, W, 2\); got \(9, 12, 3\)"),
    (lambda a, f: images.warp("cat", f), "image must be an array of numbers"),
    (lambda a, f: images.warp(a, f * np.nan), "flow must be finite"),
    (lambda a, f: images.reliable(f, f[1:]), "forward is 12 x 9 but backward is 12 x 8"),
    (lambda a, f: images.flicker(a, a, f), r"mask must be \(H, W\)"),
    (lambda a, f: images.flicker(a, a[1:], f[..., 0]), "image is 12 x 9 but warped is 12 x 8"),
])  # fmt: skip
def test_arrays_of_other_shapes_are_refused(call, words):
    with pytest.raises(InputError, match=words):
        call(np.ones((9, 12, 3)), np.zeros((9, 12, 2)))
