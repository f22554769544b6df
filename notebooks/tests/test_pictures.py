"""Masks, surfaces, maps and sizes."""

from __future__ import annotations

import numpy as np
import pytest
from bundles import LISTING, SIZE
from PIL import Image

from remedia_worker.errors import AttemptFailed, Code
from remedia_worker.maps import find_lines
from remedia_worker.mask import check_mask, make_mask, masked_share
from remedia_worker.pictures import put_detail_back, working_size
from remedia_worker.surfaces import PROTECTED, Surface, coloured, lookup, surface_of

ROOMS = ["01-living-a", "02-living-b", "03-bedroom", "04-kitchen", "05-bathroom"]


def labels(name: str) -> np.ndarray:
    with Image.open(LISTING / "truth" / f"{name}_labels.png") as plane:
        return np.asarray(plane.resize((2 * SIZE[0], 2 * SIZE[1]), Image.Resampling.NEAREST))


@pytest.mark.parametrize("name", ROOMS)
def test_a_mask_holds_the_floor_and_nothing_that_is_fixed(name: str) -> None:
    surfaces = labels(name)
    mask = make_mask(surfaces, 8.0)
    assert not mask[np.isin(surfaces, PROTECTED)].any()
    floor = surfaces == Surface.FLOOR
    assert np.mean(mask[floor] > 127) > 0.9
    assert 0.05 < masked_share(mask) < 0.8
    soft = (mask > 0) & (mask < 255)
    assert soft.any()


def test_only_the_lower_part_of_a_wall_may_change() -> None:
    surfaces = np.full((100, 60), Surface.WALL, dtype=np.uint8)
    surfaces[:20], surfaces[70:] = Surface.CEILING, Surface.FLOOR
    mask = make_mask(surfaces, 0.0)
    assert (mask[70:] == 255).all()
    assert not mask[:40].any()
    assert (mask[55:70] == 255).all()


def wall_and_floor() -> np.ndarray:
    surfaces = np.full((100, 60), Surface.WALL, dtype=np.uint8)
    surfaces[:20], surfaces[70:] = Surface.CEILING, Surface.FLOOR
    return surfaces


@pytest.mark.parametrize("what", [Surface.FURNITURE, Surface.FLOOR])
def test_what_hangs_on_a_wall_does_not_open_it(what: Surface) -> None:
    plain = make_mask(wall_and_floor(), 0.0)
    surfaces = wall_and_floor()
    # A picture; and a few pixels that a model mistakes for floor.
    picture = (slice(25, 32), slice(20, 40)) if what is Surface.FURNITURE else (slice(25, 27), slice(20, 22))
    surfaces[picture] = what
    mask = make_mask(surfaces, 0.0)
    near = np.zeros_like(mask, dtype=bool)
    near[20:38, 15:45] = True
    assert (mask[~near] == plain[~near]).all()
    if what is Surface.FURNITURE:
        assert not mask[near].any()


def test_what_stands_on_the_floor_may_change_and_hides_no_more_than_the_edge_of_it() -> None:
    plain = make_mask(wall_and_floor(), 0.0)
    surfaces = wall_and_floor()
    surfaces[60:85, 20:40] = Surface.FURNITURE
    # The edge behind a sofa is where it is beside it.
    assert (make_mask(surfaces, 0.0) == plain).all()
    # A wall that comes forward, with a low bench before it: the edge is nowhere above the bench.
    surfaces = wall_and_floor()
    surfaces[70:85, 20:40], surfaces[85:90, 20:40] = Surface.WALL, Surface.FURNITURE
    mask = make_mask(surfaces, 0.0)
    assert not mask[20:50, 24:36].any()
    assert (mask[60:90, 24:36] == 255).all()
    # A bookcase may change as a whole, and the wall above it may not.
    surfaces[:, 20:40] = wall_and_floor()[:, 20:40]
    surfaces[30:90, 20:40] = Surface.FURNITURE
    mask = make_mask(surfaces, 0.0)
    assert (mask[30:90, 20:40] == 255).all()
    assert not mask[20:27].any()


@pytest.mark.parametrize("name", ["01-living-a", "02-living-b", "03-bedroom"])
def test_a_picture_and_a_sofa_in_a_room_leave_the_upper_wall_alone(name: str) -> None:
    empty = labels(name)
    before = make_mask(empty, 8.0)
    height, width = empty.shape
    furnished = empty.copy()
    furnished[int(0.24 * height) : int(0.36 * height), int(0.4 * width) : int(0.58 * width)] = Surface.FURNITURE
    sofa = (slice(int(0.55 * height), int(0.85 * height)), slice(int(0.35 * width), int(0.6 * width)))
    furnished[sofa] = Surface.FURNITURE
    mask = make_mask(furnished, 8.0)
    elsewhere = np.ones_like(mask, dtype=bool)
    elsewhere[int(0.5 * height) :] = False
    more = (mask > 127) & (before < 128) & elsewhere
    assert not more.any()
    assert (mask[sofa] > 127).mean() > 0.9


def test_growth_grows_and_shrinks() -> None:
    surfaces = labels("03-bedroom")
    shares = [masked_share(make_mask(surfaces, growth)) for growth in (-5.0, 0.0, 8.0, 20.0)]
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]


def test_a_mask_of_nothing_and_one_of_too_much_are_refused() -> None:
    nothing = np.zeros((10, 10), dtype=np.uint8)
    for mask, limit in ((nothing, None), (nothing + 255, 0.6)):
        with pytest.raises(AttemptFailed) as refused:
            check_mask(mask, limit)
        assert refused.value.code is Code.MASK_REFUSED
    check_mask(nothing + 255, None)


def test_classes_of_ade20k_find_their_surfaces() -> None:
    assert surface_of("floor, flooring") is Surface.FLOOR
    assert surface_of("windowpane, window ") is Surface.WINDOW
    assert surface_of("screen door, screen") is Surface.DOOR
    assert surface_of("sofa, couch, lounge") is Surface.FURNITURE
    assert surface_of("painting, picture") is Surface.FURNITURE
    assert list(lookup({0: "wall", 1: "bed ", 2: "kitchen island"})) == [1, 9, 7]
    assert coloured(np.array([[2]], dtype=np.uint8)).tolist() == [[[80, 50, 50]]]


@pytest.mark.parametrize(
    "name",
    [
        *("sky", "building, edifice", "tree", "road, route", "grass", "sidewalk, pavement", "person, individual"),
        *("earth, ground", "mountain, mount", "car, auto, automobile", "water", "house", "sea", "fence, fencing"),
        *("rock, stone", "skyscraper", "river", "bridge, span", "boat", "bus, autobus", "truck, motortruck"),
        *("streetlight, street lamp", "airplane, aeroplane, plane", "land, ground, soil", "pole", "van", "ship"),
        *("swimming pool", "waterfall, falls", "minibike, motorbike", "animal", "bicycle, bike", "lake", "palm"),
        *("hill", "field", "sand", "path", "runway", "tower", "traffic light, traffic signal", "pier, wharf", "flag"),
    ],
)
def test_what_is_seen_through_a_window_is_protected(name: str) -> None:
    assert surface_of(name) in PROTECTED
    assert surface_of(name) is not Surface.FURNITURE


def test_sizes_keep_proportions_and_fit_the_model() -> None:
    for width, height in ((1536, 1024), (1024, 1536), (1536, 512), (300, 200)):
        small = working_size(width, height, 393216)
        assert all(side % 8 == 0 for side in small)
        assert small[0] * small[1] <= 1.05 * 393216
        assert abs(small[0] / small[1] - width / height) < 0.05 * width / height
    assert working_size(1536, 1024, 393216, 0.5) < working_size(1536, 1024, 393216)


def test_detail_comes_back_where_nothing_may_be_drawn() -> None:
    rng = np.random.default_rng(1)
    photo = rng.integers(60, 200, (96, 144, 3), dtype=np.uint8)
    size = (72, 48)
    coarse = Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS).resize((144, 96), Image.Resampling.LANCZOS)
    free = np.zeros((96, 144), dtype=np.float32)
    free[:, 72:] = 1.0
    made = put_detail_back(np.asarray(coarse), photo, size, free)
    assert np.abs(made[:, :72].astype(int) - photo[:, :72]).max() <= 1
    assert (made[:, 72:] == np.asarray(coarse)[:, 72:]).all()


def test_a_change_by_the_model_stays_visible() -> None:
    photo = np.full((64, 64, 3), 120, dtype=np.uint8)
    changed = photo.copy()
    changed[10:30, 10:30] = 220
    made = put_detail_back(changed, photo, (32, 32), np.zeros((64, 64), dtype=np.float32))
    assert (made == changed).all()


def test_lines_are_found() -> None:
    picture = np.full((60, 80, 3), 200, dtype=np.uint8)
    picture[:, 40:] = 60
    lines = find_lines(Image.fromarray(picture))
    assert lines[:, 36:44].max() == 255
    assert not lines[:, :30].any()
