"""Masks, surfaces, maps and sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from bundles import LISTING, SIZE
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from remedia_worker.diffusion import _control_tensor
from remedia_worker.errors import AttemptFailed, Code
from remedia_worker.maps import Maps, SurfaceModel, find_lines, upsampled_argmax
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


def room() -> Image.Image:
    with Image.open(LISTING / "03-bedroom.jpg") as picture:
        return picture.convert("RGB").resize((384, 256), Image.Resampling.BOX)


WORKING = (248, 168)


def given_to_a_controlnet(maps: Maps, kind: str, size: tuple[int, int]) -> np.ndarray:
    return np.rint(_control_tensor(maps, kind, size).permute(1, 2, 0).numpy() * 255.0).astype(np.uint8)


def test_a_controlnet_is_given_lines_that_are_lines(tmp_path: Path) -> None:
    maps = Maps(tmp_path, "one", room(), None, None)
    given = given_to_a_controlnet(maps, "lines", WORKING)
    assert given.shape == (WORKING[1], WORKING[0], 3)
    assert set(np.unique(given)) == {0, 255}
    assert (given[..., 0] == find_lines(room().resize(WORKING, Image.Resampling.LANCZOS))).all()
    # What is written stays at the photo's size.
    maps.control("lines")
    assert (maps.made()["lines"] == find_lines(room())).all()


@pytest.mark.parametrize("size", [(192, 128), (248, 168), (128, 88), (96, 64), (384, 256), (512, 344)])
def test_lines_of_a_bundle_stay_lines(tmp_path: Path, size: tuple[int, int]) -> None:
    lines = np.zeros((256, 384), dtype=np.uint8)
    cv2.line(lines, (10, 41), (374, 41), 255, 1)
    cv2.line(lines, (101, 60), (101, 240), 255, 1)
    cv2.line(lines, (150, 70), (320, 230), 255, 1)
    (tmp_path / "maps").mkdir()
    Image.fromarray(lines).save(tmp_path / "maps" / "one.lines.png")
    maps = Maps(tmp_path, "one", room(), None, None)
    given = given_to_a_controlnet(maps, "lines", size)[..., 0]
    assert set(np.unique(given)) == {0, 255}
    assert (maps.made()["lines"] == lines).all()
    # Each is whole, and there is nothing else.
    count, _, pieces, _ = cv2.connectedComponentsWithStats(given, connectivity=8)
    assert count == 4
    across, down = size[0] / 384, size[1] / 256
    upright, slanting, level = sorted(pieces[1:], key=lambda one: one[cv2.CC_STAT_WIDTH])
    assert upright[cv2.CC_STAT_HEIGHT] == pytest.approx(181 * down, abs=2)
    assert slanting[cv2.CC_STAT_WIDTH] == pytest.approx(171 * across, abs=2)
    assert slanting[cv2.CC_STAT_HEIGHT] == pytest.approx(161 * down, abs=2)
    assert level[cv2.CC_STAT_WIDTH] == pytest.approx(365 * across, abs=2)
    assert level[cv2.CC_STAT_HEIGHT] <= 2


def test_a_controlnet_is_given_the_colours_of_surfaces_alone(tmp_path: Path) -> None:
    with Image.open(LISTING / "truth" / "03-bedroom_labels.png") as plane:
        (tmp_path / "maps").mkdir()
        plane.resize((384, 256), Image.Resampling.NEAREST).save(tmp_path / "maps" / "one.labels.png")
    maps = Maps(tmp_path, "one", room(), None, None)
    given = given_to_a_controlnet(maps, "segmentation", WORKING)
    assert given.shape == (WORKING[1], WORKING[0], 3)
    palette = {tuple(colour) for colour in coloured(np.array(list(Surface), dtype=np.uint8)).tolist()}
    assert {tuple(colour) for colour in given.reshape(-1, 3).tolist()} <= palette
    assert maps.made()["labels"].shape == (256, 384)


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that is made."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.numbers = max(self.numbers, made.numel())
        return made


@pytest.mark.parametrize("size", [(450, 300), (90, 60), (333, 257), (60, 45)])
def test_classes_are_chosen_in_little_memory(size: tuple[int, int]) -> None:
    logits = torch.randn(150, 60, 90, generator=torch.Generator().manual_seed(3))
    with Largest() as largest:
        found = upsampled_argmax(logits, *size)
    whole = torch.nn.functional.interpolate(logits[None], size=size[::-1], mode="bilinear", align_corners=False)
    assert torch.equal(found, whole.argmax(dim=1)[0])
    if size[1] >= 256:
        assert largest.numbers < whole.numel() / 3


def test_surfaces_are_those_of_the_model(tiny: Path) -> None:
    model = SurfaceModel(tiny / "tiny--segmentation", torch.device("cpu"), torch.float32)
    for size in ((384, 256), (200, 300)):
        photo = room().resize(size)
        logits = model._model(pixel_values=model._pixels(photo, 640, 32)).logits
        whole = torch.nn.functional.interpolate(logits, size=size[::-1], mode="bilinear", align_corners=False)
        assert (model(photo) == model._table[whole.argmax(dim=1)[0].numpy()]).all()
