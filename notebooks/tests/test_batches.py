"""Runs in batches: which photos share a call, and that nothing that befalls one of them harms the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bundles
import numpy as np
import pytest
from bundles import CONTRAST, PHOTOS, SIZE, operation, order, seal, write_bundle
from conftest import Service
from PIL import Image
from test_run import check_answer

from remedia_worker.batches import MOST, capacity, divided, plan
from remedia_worker.documents import read_order
from remedia_worker.models import read_catalogue

FIRST, SECOND, THIRD = PHOTOS
FOURTH = "d" * 32
T4, L4 = 15_360 * 1024**2, 23_034 * 1024**2


def task(folder: Path, family: str = "sd15", precision: str = "fp16", nets: int = 2) -> dict[str, Any]:
    """What the plan must know of the models, which it takes from where they lie."""
    base = folder / family
    (base / "text_encoder_2" if family == "sdxl" else base).mkdir(parents=True, exist_ok=True)
    models = [{"role": "base", "folder": str(base)}]
    models += [{"role": f"controlnet:{index}", "folder": str(folder / f"net-{index}")} for index in range(nets)]
    return {"models": models, "families": read_catalogue()["families"], "precision": precision}


def planned(folder: Path, operations: dict[str, Any], memory: int = T4, **more: Any) -> list[str]:
    """The batches by the first letters of their photos."""
    bundle = write_bundle(folder / f"bundle-{len(list(folder.iterdir()))}", order(operations), **more)
    batches = plan(read_order(bundle / "job.json", "0" * 64), bundle, task(folder), memory)
    return ["".join(photo[0] for photo in batch) for batch in batches]


def started(said: list[dict[str, Any]]) -> list[int]:
    (event,) = (one for one in said if one["event"] == "batches")
    return list(event["sizes"])


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bundles.PHOTOS, FOURTH, "04-kitchen")


@pytest.mark.usefixtures("four")
def test_photos_that_fit_share_a_batch_in_the_order_of_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REMEDIA_BATCH", raising=False)
    asked = {photo: [operation(prompt=f"a room, {photo[0]}")] for photo in (FIRST, SECOND, THIRD, FOURTH)}
    assert planned(tmp_path, asked) == planned(tmp_path, asked) == ["ab", "cd"]
    assert planned(tmp_path, asked, memory=0) == ["a", "b", "c", "d"]
    monkeypatch.setenv("REMEDIA_BATCH", "3")
    assert planned(tmp_path, asked) == planned(tmp_path, asked, memory=0) == ["abc", "d"]
    assert planned(tmp_path, asked, corrupt=(SECOND,)) == ["acd", "b"]


@pytest.mark.parametrize(
    "changes",
    [
        {"strength": 0.8},
        {"guidance_scale": 6.0},
        {"num_inference_steps": 4},
        {"scheduler": "DDIMScheduler"},
        {"controlnets": []},
    ],
)
def test_what_a_call_has_once_must_be_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setenv("REMEDIA_BATCH", "4")
    asked = {FIRST: [operation()], SECOND: [operation(**changes)], THIRD: [operation(mask_growth=2.0)]}
    assert planned(tmp_path, asked) == ["ac", "b"]


def test_working_sizes_and_operations_must_be_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMEDIA_BATCH", "4")
    asked = {FIRST: [operation()], SECOND: [operation("enhance"), operation()], THIRD: [operation()]}
    assert planned(tmp_path, asked) == ["ac", "b"]
    bundle = write_bundle(tmp_path / "upright", order({photo: [operation()] for photo in PHOTOS}))
    with Image.open(bundle / "photos" / f"{FIRST}.jpg") as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(bundle / "photos" / f"{FIRST}.jpg")
    batches = plan(read_order(bundle / "job.json", "0" * 64), bundle, task(tmp_path), T4)
    assert batches == [[FIRST], [SECOND, THIRD]]


def test_two_gpus_have_the_same_to_do() -> None:
    photos = [str(number) for number in range(20)]
    assert [len(one) for one in divided(photos, 4, even=True)] == [3, 3, 4, 3, 3, 4]
    assert [len(one) for one in divided(photos[:3], 4, even=True)] == [1, 2]
    assert [len(one) for one in divided(photos[:1], 4, even=True)] == [1]
    assert [len(one) for one in divided(photos[:7], 3, even=False)] == [3, 3, 1]
    for count in range(1, 21):
        for size in range(1, 6):
            for even in (False, True):
                batches = divided(photos[:count], size, even=even)
                assert [photo for batch in batches for photo in batch] == photos[:count]
                assert all(0 < len(batch) <= size for batch in batches)


def test_the_size_follows_from_memory_family_and_area(tmp_path: Path) -> None:
    small, large = task(tmp_path / "one"), task(tmp_path / "two", "sdxl", nets=1)
    assert capacity([("sd15", 393_216)], small, T4) == MOST
    assert capacity([("sdxl", 1_048_576)], large, L4) == MOST
    # A GPU that the models nearly fill, and one that is not there.
    assert capacity([("sdxl", 1_048_576)], large, 12 * 10**9) == 1
    assert capacity([("sd15", 393_216)], small, 0) == 1
    assert capacity([], small, T4) == 1
    sizes = [capacity([("sd15", area)], small, 8 * 10**9) for area in (393_216, 1_000_000, 2_000_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[-1]
    wide = task(tmp_path / "one", precision="fp32")
    assert capacity([("sd15", 393_216)], wide, 10 * 10**9) < capacity([("sd15", 393_216)], small, 10 * 10**9)


def test_a_cpu_makes_one_at_a_time_unless_it_is_told(service: Service) -> None:
    service.bundle({photo: [operation()] for photo in PHOTOS})
    assert started(service.run()) == [1, 1, 1]
    assert "adjustments" not in service.attempts(FIRST)[0]
    said = service.run(REMEDIA_BATCH="2")
    assert started(said) == [2, 1]
    check_answer(service)
    assert [service.attempts(photo)[0].get("adjustments") for photo in PHOTOS] == [
        {"batch_size": 2},
        {"batch_size": 2},
        None,
    ]
    # Every photo answers for its own part of the time, and all parts together are the time.
    seconds = [one["seconds"] for photo in PHOTOS for one in service.attempts(photo)]
    timings = service.results()["timings"]
    assert min(seconds) > 0
    assert timings["stage"] < sum(seconds) < timings["photos"]
    told = [one["seconds"] for one in said if one["event"] == "photo"]
    assert sum(told) == pytest.approx(sum(seconds), abs=0.1)


def test_batches_give_the_same_bytes_on_one_device_and_on_two(service: Service, tiny: Path) -> None:
    sums = []
    for devices in ("1", "2"):
        other = Service(service.folder / devices, tiny)
        other.bundle({photo: [operation("enhance"), operation()] for photo in PHOTOS})
        other.run(REMEDIA_BATCH="2", REMEDIA_WORKERS=devices)
        made = [other.attempts(photo, kind)[0] for photo in PHOTOS for kind in ("enhance", "stage")]
        sums.append([one["image"]["sha256"] for one in made])
    assert sums[0] == sums[1]
    assert len(set(sums[0])) == 6


@pytest.mark.parametrize(
    ("times", "steps", "adjusted"),
    [
        (1, [{"batch_size": 2}], [{"batch_size": 2}, {"batch_size": 2}, {}]),
        (2, [{"batch_size": 2}, {"batch_size": 1}], [{}, {}, {}]),
        (
            4,
            [
                {"batch_size": 2},
                {"batch_size": 1},
                {"vae_tiling": True},
                {"vae_tiling": True, "size_factor": 0.75},
            ],
            [{"vae_tiling": True, "size_factor": 0.75}] * 3,
        ),
    ],
)
def test_short_memory_halves_the_batch_before_anything_else(
    service: Service, times: int, steps: list[dict[str, Any]], adjusted: list[dict[str, Any]]
) -> None:
    service.bundle({photo: [operation()] for photo in PHOTOS})
    said = service.run(REMEDIA_BATCH="3", REMEDIA_FAULT=f"oom:{times}")
    check_answer(service)
    known = ("batch_size", "attention_slicing", "vae_tiling", "size_factor")
    downs = [one for one in said if one["event"] == "step_down"]
    assert [{key: one[key] for key in known if key in one} for one in downs] == steps
    made = [service.attempts(photo) for photo in PHOTOS]
    assert [len(one) for one in made] == [1, 1, 1]
    assert [one[0]["state"] for one in made] == ["produced"] * 3
    assert [one[0].get("adjustments", {}) for one in made] == adjusted


@pytest.mark.usefixtures("four")
def test_a_bad_photo_leaves_the_others_of_its_batch_alone(service: Service) -> None:
    photos = (FIRST, SECOND, THIRD, FOURTH)
    bundle = service.bundle({photo: [operation()] for photo in photos})
    # Its header is whole, so it is in the batch: only reading all of it fails.
    path = bundle / "photos" / f"{SECOND}.jpg"
    path.write_bytes(path.read_bytes()[:3000])
    Image.fromarray(np.zeros(SIZE[::-1], dtype=np.uint8)).save(bundle / "masks" / f"{THIRD}.png")
    seal(bundle)
    said = service.run(REMEDIA_BATCH="4", REMEDIA_FAULT="nan:1")
    check_answer(service)
    assert started(said) == [4]
    answers = {
        photo: [(one["number"], one.get("reason", {}).get("code")) for one in service.attempts(photo)]
        for photo in photos
    }
    assert answers == {
        FIRST: [(1, "nan_latents"), (2, None)],
        SECOND: [(1, "bad_input")],
        THIRD: [(number, "mask_refused") for number in (1, 2, 3)],
        FOURTH: [(1, None)],
    }
    assert service.attempts(FOURTH)[0]["adjustments"] == {"batch_size": 2}
    assert "adjustments" not in service.attempts(FIRST)[1]
    assert service.results()["complete"]


def test_a_batch_that_fails_is_done_one_by_one(service: Service) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()]})
    said = service.run(REMEDIA_BATCH="2", REMEDIA_FAULT="batch:1")
    assert [one["photos"] for one in said if one["event"] == "batch_divided"] == [[FIRST, SECOND]]
    for photo in (FIRST, SECOND):
        (made,) = service.attempts(photo)
        assert made["state"] == "produced"
        assert "adjustments" not in made


def test_a_photo_that_ends_the_process_takes_no_neighbour_with_it(service: Service) -> None:
    service.bundle({photo: [operation()] for photo in PHOTOS})
    said = service.run(REMEDIA_BATCH="3", REMEDIA_FAULT=f"die-on={SECOND[:4]}")
    check_answer(service)
    deaths = [one["again"] for one in said if one["event"] == "worker_died"]
    assert deaths == [[FIRST, SECOND, THIRD], []]
    assert service.attempts(SECOND)[0]["reason"]["code"] == "internal"
    for photo in (FIRST, THIRD):
        (made,) = service.attempts(photo)
        assert made["state"] == "produced"
        assert "adjustments" not in made
    assert service.results()["complete"]


def test_a_gpu_that_is_lost_divides_its_batch(service: Service) -> None:
    service.bundle({photo: [operation()] for photo in PHOTOS})
    said = service.run(REMEDIA_BATCH="3", REMEDIA_FAULT=f"poison-on={SECOND[:4]}")
    check_answer(service)
    assert [one["again"] for one in said if one["event"] == "worker_died"] == [list(PHOTOS), []]
    reasons = [service.attempts(photo)[0].get("reason", {}).get("code") for photo in PHOTOS]
    assert reasons == [None, "internal", None]


def test_what_a_dead_process_had_answered_is_not_made_again(service: Service) -> None:
    asked = operation(attempts=3)
    asked["clip"] = {"prompt": "a sofa", "contrast": CONTRAST, "clip_score_threshold": 2.6}
    service.bundle({FIRST: [asked], SECOND: [json.loads(json.dumps(asked))]})
    said = service.run(REMEDIA_BATCH="2", REMEDIA_FAULT="die-attempt:2")
    check_answer(service)
    # Once with both in hand, then once with each.
    assert [one["again"] for one in said if one["event"] == "worker_died"] == [[FIRST, SECOND], [], []]
    made = [one for one in said if one["event"] == "attempt"]
    assert [(one["photo_id"], one["number"]) for one in made] == [(FIRST, 1), (SECOND, 1)]
    for photo in (FIRST, SECOND):
        answers = [(one["number"], one["reason"]["code"]) for one in service.attempts(photo)]
        assert answers == [(1, "prompt_score"), (2, "internal")]
