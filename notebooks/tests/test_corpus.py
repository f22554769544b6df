"""The corpus's rules: what is right stays right, faults are what they are said to be, rooms stay in their part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from corpus import camera, develop, real, reference
from corpus.camera import Shot
from corpus.colour import decode, encode, kelvin, luminance
from corpus.reference import Render, shoulder
from corpus.rooms import scene
from corpus.seeds import PARTS, SEEDS, part, read_seeds


def render(light: tuple[float, float, float], kind: str = "day", paint: float = 0.4) -> Render:
    """A grey room with white and dark surfaces in this light, a bright window in its middle."""
    own = np.full((40, 60, 3), paint, np.float32)
    own[:, :12], own[:, 48:] = min(1.6 * paint, 0.9), 0.5 * paint
    labels = np.ones((40, 60), np.uint8)
    labels[10:26, 22:38] = reference.VIEW
    picture = own * np.array(light, np.float32)
    picture[labels == reference.VIEW] *= 40
    return Render(picture, own, labels, {"classes": {"kind": "interior", "light": kind}, "openings": []})


@pytest.mark.parametrize("temperature", [2700, 6500, 12000])
def test_the_reference_is_neutral_and_exposed_by_what_surfaces_reflect(temperature: int) -> None:
    found = reference.develop(render(tuple(0.02 * v for v in kelvin(temperature))), 1.0)
    room = found.encoded()[:8]
    assert np.ptp(room, axis=-1).max() < 0.004
    middle = np.exp(np.log(luminance(decode(found.encoded()))[render((1, 1, 1)).subject]).mean())
    assert middle == pytest.approx(0.34, rel=0.08)


def test_lamplight_keeps_some_warmth_and_stays_lower_than_daylight() -> None:
    warm, day = (reference.develop(render(kelvin(2700), kind), 1.0) for kind in ("lamplight", "day"))
    grey = warm.picture[0, 20]
    assert 1.04 < grey[0] / grey[2] < 2
    assert warm.exposure < day.exposure


def test_a_dark_room_stays_darker_than_a_white_one() -> None:
    levels = [float(reference.develop(render((1, 1, 1), paint=p), 1.0).picture[0, 20, 1]) for p in (0.06, 0.3, 0.55)]
    assert levels == sorted(levels)
    assert levels[2] / levels[0] < 0.55 / 0.06


def test_the_view_comes_above_the_room_but_not_far() -> None:
    found = reference.develop(render((1, 1, 1)), 1.0)
    room, view = (np.median(luminance(found.picture)[m]) for m in (render((1, 1, 1)).subject, render((1, 1, 1)).view))
    assert view == pytest.approx(min(2 * room, 0.7), rel=0.02)
    assert found.view_gain < 0.1


def test_a_camera_without_a_fault_gives_the_reference() -> None:
    found = reference.develop(render(kelvin(5000)), 1.0)
    photo = camera.photograph(found.picture, Shot(), np.random.default_rng(1))
    assert np.abs(photo - found.encoded()).max() < 1e-5


def test_faults_are_what_they_are_said_to_be() -> None:
    grey, rng = np.full((40, 60, 3), 0.1, np.float32), np.random.default_rng(1)
    photo = decode(camera.photograph(grey, Shot(ev=1.0, cast=(1.2, 1.0, 0.8)), rng))
    np.testing.assert_allclose(photo[20, 30], [0.24, 0.2, 0.16], rtol=1e-3)
    noisy = [float(camera.photograph(grey, Shot(iso=iso), rng).std()) for iso in (100, 800, 3200)]
    assert noisy[0] < noisy[1] < noisy[2] < 0.1
    two = camera.photograph(grey, Shot(second=(1.3, 1.0, 0.7)), rng)
    assert two[0, -1, 0] > two[0, 0, 0] + 0.02


def test_real_photos_survive_where_nothing_is_wrong() -> None:
    given = np.random.default_rng(1).uniform(0, 0.995, (8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(encode(shoulder(real.unshouldered(given))), given, atol=2e-3)


def test_seeds_and_parts() -> None:
    seeds = read_seeds(SEEDS)
    assert len(seeds) == len(set(seeds)) >= 400
    shares = {name: sum(part(s) == name for s in seeds) / len(seeds) for name in PARTS}
    assert shares["train"] == pytest.approx(0.7, abs=0.06)
    assert min(shares.values()) > 0.08


def test_scenes_repeat_and_differ() -> None:
    assert json.dumps(scene(7).document()) == json.dumps(scene(7).document())
    found = [scene(seed) for seed in range(1, 121)]
    assert {s.classes["light"] for s in found} == {"day", "overcast", "mixed", "lamplight", "dusk", "night"}
    for key, least in (("walls", 7), ("floor", 5), ("tone", 3), ("use", 7), ("shape", 7)):
        assert len({s.classes[key] for s in found}) >= least, key
    for one in found:
        assert all(o.start < o.end and o.low < o.high for o in one.openings)


def test_a_room_is_developed_into_its_part(tmp_path: Path) -> None:
    one = render(kelvin(4000))
    np.savez_compressed(
        tmp_path / "5.npz", light=one.light.astype(np.float16), paint=one.paint.astype(np.float16), labels=one.labels
    )
    (tmp_path / "5.json").write_text(json.dumps(one.scene))
    develop.room(tmp_path / "5.npz", tmp_path / "out", 3)
    develop.write_split(tmp_path / "out")
    folder = tmp_path / "out" / part(5) / "5"
    what = json.loads((folder / "what.json").read_text())
    size = Image.open(folder / "reference.png").size
    assert all(Image.open(folder / p["file"]).size == size for p in what["photos"])
    assert [[f["step"] for f in b["frames"]] for b in what["brackets"]] == [[0, -2, 2], [0, -2, -1, 1, 2]]
    assert json.loads((tmp_path / "out" / "split.json").read_text())[part(5)] == ["5"]
