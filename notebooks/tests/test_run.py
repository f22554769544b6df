"""Whole runs of the worker on a CPU with tiny models, and what happens when something goes wrong."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, ClassVar

import cv2
import jsonschema
import numpy as np
import pytest
from bundles import CONTRAST, NOTEBOOKS, PHOTOS, RUN_ID, SIZE, operation, order, seal
from conftest import Service
from PIL import Image

from remedia_worker import run as run_module
from remedia_worker.documents import Attempt, Marker, Operation, Photo, read_order
from remedia_worker.environment import Device
from remedia_worker.errors import Code
from remedia_worker.progress import Progress
from remedia_worker.results import Results
from remedia_worker.run import Run

FIRST, SECOND, THIRD = PHOTOS
SCHEMAS = NOTEBOOKS.parent / "fixtures" / "schemas"


def check_answer(service: Service) -> None:
    """Every file is what the answer says, and the answer is of remedia's form."""
    answer = service.results()
    schema = json.loads((SCHEMAS / "results.schema.json").read_text())
    jsonschema.validate(answer, schema)
    for photo in answer["photos"]:
        for one in (attempt for answer in photo["operations"] for attempt in answer["attempts"]):
            for what in ("image", "mask", "labels"):
                if what in one:
                    content = (service.output / one[what]["file"]).read_bytes()
                    assert hashlib.sha256(content).hexdigest() == one[what]["sha256"]


def size_of(service: Service, record: dict[str, object]) -> tuple[int, int]:
    with Image.open(service.output / str(record["file"])) as picture:
        assert (record["width"], record["height"]) == picture.size
        return picture.size


def test_every_operation_gives_what_remedia_expects(service: Service) -> None:
    asked = {FIRST: [operation("enhance"), operation()], SECOND: [operation()], THIRD: [operation("video")]}
    service.bundle(asked, labels=(FIRST,))
    said = service.run(RUN_ID)
    check_answer(service)
    answer = service.results()
    assert answer["complete"]
    assert answer["run_id"] == RUN_ID
    assert [photo["photo_id"] for photo in answer["photos"]] == [FIRST, SECOND, THIRD]
    for photo_id in (FIRST, SECOND):
        (stage,) = service.attempts(photo_id)
        assert stage["state"] == "produced"
        assert size_of(service, stage["image"]) == size_of(service, stage["mask"]) == SIZE
        assert set(stage["clip"]) == {"model", "cosine", "clip_score", "contrast"}
        assert stage["clip"]["clip_score"] == pytest.approx(2.5 * max(stage["clip"]["cosine"], 0.0), abs=1e-5)
        with Image.open(service.output / stage["mask"]["file"]) as mask:
            assert mask.mode == "L"
    (enhanced,) = service.attempts(FIRST, "enhance")
    assert size_of(service, enhanced["image"]) == (2 * SIZE[0], 2 * SIZE[1])
    (clip,) = service.attempts(THIRD, "video")
    film = cv2.VideoCapture(str(service.output / clip["image"]["file"]))
    assert int(film.get(cv2.CAP_PROP_FRAME_COUNT)) == 3
    assert film.get(cv2.CAP_PROP_FPS) == pytest.approx(7)
    roles = {model["role"] for model in answer["worker"]["models"]}
    assert {"base", "controlnet:depth", "controlnet:segmentation", "depth", "clip", "video"} <= roles
    assert [one["event"] for one in said if one["event"] in ("device", "bundle", "worker_ready", "end")] == [
        "device",
        "bundle",
        "worker_ready",
        "end",
    ]


def test_the_photo_outside_the_mask_stays_and_inside_is_drawn(service: Service) -> None:
    bundle = service.bundle({FIRST: [operation()]}, labels=(FIRST,))
    service.run()
    (stage,) = service.attempts(FIRST)
    made = cv2.imread(str(service.output / stage["image"]["file"]))
    photo = cv2.imread(str(bundle / "photos" / f"{FIRST}.jpg"))
    mask = cv2.imread(str(service.output / stage["mask"]["file"]), cv2.IMREAD_GRAYSCALE)
    outside = cv2.erode((mask == 0).astype(np.uint8), np.ones((9, 9))) > 0
    change = np.abs(made.astype(float) - photo).mean(axis=2)
    assert change[outside].mean() < 6
    assert change[mask == 255].mean() > 12
    grey = [cv2.cvtColor(one, cv2.COLOR_BGR2GRAY) for one in (made, photo)]
    energy = [float(np.var(cv2.Laplacian(one, cv2.CV_64F)[outside])) for one in grey]
    # The photo is larger than what the model makes: a picture that was only enlarged has less than half of it.
    assert energy[0] > 0.72 * energy[1]


def test_the_same_bundle_gives_the_same_bytes(service: Service, tiny: Path) -> None:
    asked = {FIRST: [operation()], SECOND: [operation("enhance")]}
    sums = []
    for name in ("one", "two"):
        other = Service(service.folder / name, tiny)
        other.bundle(asked)
        other.run()
        sums.append(
            [other.attempts(FIRST)[0]["image"]["sha256"], other.attempts(SECOND, "enhance")[0]["image"]["sha256"]]
        )
    assert sums[0] == sums[1]


@pytest.mark.parametrize(
    ("models", "kinds"),
    [
        ("tiny-sdxl-union", ("depth", "segmentation")),
        ("tiny-sdxl-inpaint", ("depth",)),
        ("tiny-sd15-inpaint", ("depth",)),
        ("tiny-sd15", ("lines",)),
        ("tiny-sd15", ()),
    ],
)
def test_every_family_stages(service: Service, models: str, kinds: tuple[str, ...]) -> None:
    nets = [
        {"kind": kind, "conditioning_scale": 0.5, "control_guidance_start": 0.0, "control_guidance_end": 0.7}
        for kind in kinds
    ]
    schedulers = ["DDIMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler", "UniPCMultistepScheduler"]
    photos = {
        FIRST: [operation(controlnets=nets, scheduler=schedulers[0]), operation("enhance", scheduler=schedulers[1])],
        SECOND: [operation(controlnets=nets, scheduler=schedulers[2])],
        THIRD: [operation(controlnets=nets, scheduler=schedulers[3])],
    }
    service.bundle(photos)
    service.run(**service.only(models))
    check_answer(service)
    made = [service.attempts(photo)[0] for photo in photos] + service.attempts(FIRST, "enhance")
    assert [one["state"] for one in made] == ["produced"] * 4, made


def test_an_order_that_names_its_models_gets_those(service: Service) -> None:
    document = json.loads((service.models / "model_sets.json").read_text())
    models = {key: document["sets"][2][key] for key in ("name", "precision", "parts")}
    service.bundle({FIRST: [operation()]}, version=3, models=models, limits={"deadline_seconds": 3600})
    service.run()
    assert service.results()["worker"]["model_set"] == "tiny-sdxl-union"
    assert service.attempts(FIRST)[0]["state"] == "produced"


def test_maps_and_a_mask_of_the_bundle_win(service: Service) -> None:
    bundle = service.bundle({FIRST: [operation()]}, labels=(FIRST,))
    mask = np.zeros((SIZE[1], SIZE[0]), dtype=np.uint8)
    mask[90:, 20:150] = 255
    Image.fromarray(mask).save(bundle / "masks" / f"{FIRST}.png")
    depth = np.tile(np.linspace(0, 65535, SIZE[0]), (SIZE[1], 1)).astype(np.uint16)
    Image.fromarray(depth).save(bundle / "maps" / f"{FIRST}.depth.png")
    seal(bundle)
    service.run()
    (stage,) = service.attempts(FIRST)
    with Image.open(service.output / stage["mask"]["file"]) as used:
        assert (np.asarray(used) == mask).all()
    with Image.open(service.output / stage["maps"]["depth"]["file"]) as used:
        assert np.asarray(used)[0, [0, -1]].tolist() == [0, 255]
    roles = {model["role"] for model in service.results()["worker"]["models"]}
    assert not roles & {"depth", "segmentation"}


def test_a_score_that_is_too_low_leads_to_the_next_attempt(service: Service) -> None:
    asked = operation(attempts=2)
    asked["clip"] = {"prompt": "a sofa", "contrast": CONTRAST, "clip_score_threshold": 2.6}
    service.bundle({FIRST: [asked], SECOND: [operation(attempts=2)]}, limits={"clip_score_threshold": -1.0})
    service.run()
    check_answer(service)
    made = service.attempts(FIRST)
    assert [(one["number"], one["state"], one["reason"]["code"]) for one in made] == [
        (1, "produced", "prompt_score"),
        (2, "produced", "prompt_score"),
    ]
    assert made[0]["image"]["sha256"] != made[1]["image"]["sha256"]
    assert len(service.attempts(SECOND)) == 1


def test_a_mask_that_is_too_large_is_refused_with_its_share(service: Service) -> None:
    service.bundle({FIRST: [operation(attempts=1)]}, limits={"max_masked_share": 0.01})
    service.run()
    (only,) = service.attempts(FIRST)
    assert only["reason"]["code"] == "mask_refused"


def test_a_corrupt_photo_does_not_end_the_run(service: Service) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()]}, corrupt=(FIRST,))
    service.run()
    check_answer(service)
    (bad,) = service.attempts(FIRST)
    assert (bad["state"], bad["reason"]["code"]) == ("failed", "bad_input")
    assert service.attempts(SECOND)[0]["state"] == "produced"
    assert service.results()["complete"]


def test_memory_that_runs_out_is_met_step_by_step(service: Service) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()]})
    said = service.run(REMEDIA_FAULT="oom:2")
    assert [one["level"] for one in said if one["event"] == "step_down"] == [1, 2]
    (first,) = service.attempts(FIRST)
    assert first["adjustments"] == {"vae_tiling": True, "size_factor": 0.75}
    assert size_of(service, first["image"]) == SIZE
    assert service.attempts(SECOND)[0]["adjustments"] == first["adjustments"]


def test_a_clip_that_is_too_much_shrinks_no_photo(service: Service) -> None:
    service.bundle({FIRST: [operation("video", 1)], SECOND: [operation()]}, labels=(SECOND,))
    said = service.run(REMEDIA_FAULT="oom:2")
    check_answer(service)
    # The clip's VAE knows no tiles, so that the first step is the second one.
    assert [one["level"] for one in said if one["event"] == "step_down"] == [2, 3]
    assert service.attempts(FIRST, "video")[0]["adjustments"] == {"size_factor": 0.5}
    (stage,) = service.attempts(SECOND)
    assert stage["state"] == "produced"
    assert "adjustments" not in stage


def test_memory_that_never_suffices_fails_every_attempt(service: Service) -> None:
    service.bundle({FIRST: [operation(attempts=2)]})
    service.run(REMEDIA_FAULT="oom:99")
    check_answer(service)
    assert [one["reason"]["code"] for one in service.attempts(FIRST)] == ["out_of_memory"] * 2


def test_lost_numbers_lead_to_the_next_attempt(service: Service) -> None:
    service.bundle({FIRST: [operation(attempts=2)]})
    service.run(REMEDIA_FAULT="nan:1")
    first, second = service.attempts(FIRST)
    assert first["reason"]["code"] == "nan_latents"
    assert second["state"] == "produced"


def test_two_devices_share_the_photos(service: Service) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()], THIRD: [operation()]})
    said = service.run(REMEDIA_WORKERS="2", REMEDIA_FAULT="slow:2")
    check_answer(service)
    assert {one["worker"] for one in said if one["event"] == "photo"} == {0, 1}
    assert service.results()["complete"]
    assert service.results()["worker"]["device"] == "CPU + CPU"


def test_a_process_that_dies_costs_its_photo_only(service: Service) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()]})
    said = service.run(REMEDIA_FAULT="die:1")
    check_answer(service)
    # Every process dies at its first photo: two photos, two deaths.
    assert len([one for one in said if one["event"] == "worker_died"]) == 2
    for photo in (FIRST, SECOND):
        assert service.attempts(photo)[0]["reason"]["code"] == "internal"


def test_a_gpu_that_is_lost_costs_one_photo(service: Service) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()], THIRD: [operation()]})
    said = service.run(REMEDIA_FAULT=f"poison-on={SECOND[:4]}")
    check_answer(service)
    (lost,) = (one["text"] for one in said if one["event"] == "device_lost")
    assert "CUDA error: an illegal memory access" in lost
    (died,) = (one["text"] for one in said if one["event"] == "worker_died")
    assert lost in died
    (second,) = service.attempts(SECOND)
    assert second["reason"]["code"] == "internal"
    assert lost in second["reason"]["text"]
    assert [service.attempts(photo)[0]["state"] for photo in (FIRST, THIRD)] == ["produced"] * 2


class Played:
    """In place of the processes: photos that are answered by a reason, others by a picture, or not begun."""

    reasons: ClassVar[dict[str, str | None]] = {}

    def __init__(self, _devices: object, _task: object, hear: Any, *_: object) -> None:
        self._hear = hear

    def run(self, batches: list[list[str]], _deadline: float) -> list[str]:
        photos = [photo for batch in batches for photo in batch]
        for photo in photos:
            if photo in self.reasons:
                code = self.reasons[photo]
                reason = {} if code is None else {"reason": {"code": code, "text": "as the test wants it"}}
                attempt = {"number": 1, "seed": 1, "state": "failed" if code else "produced", **reason}
                self._hear(0, {"message": "attempt", "photo_id": photo, "kind": "stage", "attempt": attempt})
        return [photo for photo in photos if photo not in self.reasons]


@pytest.mark.parametrize(
    ("reasons", "complete"),
    [
        ({FIRST: None, SECOND: None}, True),
        ({FIRST: None, SECOND: "internal"}, True),
        ({FIRST: None, SECOND: "deadline"}, False),
        ({FIRST: None}, False),
    ],
)
def test_a_late_end_is_no_stop_where_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reasons: dict[str, str | None], complete: bool
) -> None:
    monkeypatch.setattr(run_module, "Pool", Played)
    monkeypatch.setattr(Played, "reasons", reasons)
    monkeypatch.setattr(Run, "_plan", lambda *_: [[FIRST], [SECOND]])
    (tmp_path / "job.json").write_text(json.dumps(order({FIRST: [operation()], SECOND: [operation()]})))
    results = Results(tmp_path, Marker(RUN_ID, "0" * 64), "CPU")
    work = Run("", tmp_path, Progress(io.StringIO()))
    work._work_on_photos(read_order(tmp_path / "job.json", "0" * 64), [], {}, time.time() - 1, results)
    answer = json.loads((tmp_path / "results.json").read_text())
    assert answer["complete"] == complete
    assert answer.get("stopped", {}).get("code") == (None if complete else "deadline")
    given = [photo["operations"][0]["attempts"][0].get("reason", {}).get("code") for photo in answer["photos"]]
    assert given == [reasons.get(photo, "deadline") for photo in (FIRST, SECOND)]


def test_the_memory_of_gpus_is_told(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.bundle({FIRST: [operation()]})
    for name, value in service.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Run, "_prepare", lambda *_: {})
    monkeypatch.setattr(Run, "_work_on_photos", lambda *_: None)
    for devices, told in (
        ([Device("Tesla T4", 16 * 1024**3, "0"), Device("Tesla T4", 15 * 1024**3, "1")], [16 * 1024**3, 15 * 1024**3]),
        ([Device("CPU", 0, None)], None),
    ):
        monkeypatch.setattr(run_module, "find_devices", lambda found=devices: found)
        run_module.run(progress=Progress(io.StringIO()))
        check_answer(service)
        assert service.results()["worker"].get("memory_bytes") == told


def test_the_deadline_leaves_a_whole_answer(service: Service) -> None:
    service.bundle(
        {FIRST: [operation()], SECOND: [operation()], THIRD: [operation()]}, version=3, limits={"deadline_seconds": 9.0}
    )
    service.run(REMEDIA_FAULT="slow:6")
    check_answer(service)
    answer = service.results()
    assert answer["stopped"]["code"] == "deadline"
    assert not answer["complete"]
    assert service.attempts(THIRD)[0]["reason"]["code"] == "deadline"


def kill_after_a_photo(process: subprocess.Popen[str]) -> str:
    """Kills a run as soon as one photo is done; gives the number of its child."""
    assert process.stdout is not None
    for line in process.stdout:
        if '"event": "photo"' in line:
            break
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return child


def test_a_run_that_is_killed_leaves_what_it_made(service: Service) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()], THIRD: [operation()]})
    child = kill_after_a_photo(service.start(REMEDIA_FAULT="slow:1.5"))
    check_answer(service)
    assert not service.results()["complete"]
    assert service.attempts(FIRST)[0]["state"] == "produced"
    end = time.monotonic() + 20
    while Path(f"/proc/{child}").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists(), "the child outlived its parent"


def test_what_an_earlier_session_left_is_gone_on_with(service: Service) -> None:
    service.bundle({FIRST: [operation()], SECOND: [operation()], THIRD: [operation()]})
    kill_after_a_photo(service.start(REMEDIA_FAULT="slow:1.5"))
    (first,) = service.attempts(FIRST)
    assert first["state"] == "produced"
    # For the next one there was no time.
    document = service.results()
    late = {"number": 1, "seed": 1, "state": "failed", "reason": {"code": "deadline", "text": "over"}, "seconds": 0.0}
    document["photos"].append({"photo_id": SECOND, "operations": [{"kind": "stage", "attempts": [late]}]})
    (service.output / "results.json").write_text(json.dumps(document))
    made = {path: path.stat().st_mtime_ns for path in service.output.rglob(f"{FIRST}*")}
    assert made
    said = service.run(again=True)
    check_answer(service)
    assert service.results()["complete"]
    assert service.attempts(FIRST) == [first]
    assert {path: path.stat().st_mtime_ns for path in service.output.rglob(f"{FIRST}*")} == made
    assert all(service.attempts(photo)[0]["state"] == "produced" for photo in (SECOND, THIRD))
    assert [one["attempts"] for one in said if one["event"] == "taken_up"] == [1]
    # What is not what was written is made again.
    (service.output / first["image"]["file"]).write_bytes(b"half")
    said = service.run(again=True)
    assert [one["attempts"] for one in said if one["event"] == "taken_up"] == [2]
    check_answer(service)
    assert service.results()["complete"]
    # Another run's, or what is no answer, is none of it.
    (service.output / "results.json").write_text("[]")
    assert not [one for one in service.run(again=True) if one["event"] == "taken_up"]


def test_what_nobody_planned_for_is_told_as_a_stop(service: Service) -> None:
    service.bundle({FIRST: [operation()]})
    broken = service.folder / "broken.json"
    broken.write_text("{")
    service.run(code=1, REMEDIA_MODEL_SETS=str(broken))
    stop = json.loads((service.output / "remedia-stop.json").read_text())
    assert (stop["code"], stop["exit_code"], stop["retryable"]) == ("internal", 1, True)
    told = {key: stop[key] for key in ("code", "text", "retryable")}
    assert service.results()["stopped"] == told
    assert "JSONDecodeError" in told["text"]


def test_a_wrong_run_stops_at_once_with_a_word(service: Service) -> None:
    service.bundle({FIRST: [operation()]})
    service.run("another-run-r1", code=11)
    stop = json.loads((service.output / "remedia-stop.json").read_text())
    assert (stop["code"], stop["run_id"]) == ("wrong_run", "another-run-r1")
    assert RUN_ID in stop["text"]
    assert not (service.output / "results.json").exists()


def test_half_of_the_photos_missing_stops_at_once_with_a_word(service: Service) -> None:
    bundle = service.bundle({FIRST: [operation()], SECOND: [operation()]})
    (bundle / "photos" / f"{SECOND}.jpg").unlink()
    service.run(code=12)
    assert SECOND in json.loads((service.output / "remedia-stop.json").read_text())["text"]


def test_no_gpu_stops_at_once_with_a_word(service: Service) -> None:
    service.bundle({FIRST: [operation()]})
    started = time.monotonic()
    service.run(code=14, REMEDIA_ALLOW_CPU="0", PATH="/nonexistent")
    assert time.monotonic() - started < 10


def test_a_model_that_is_nowhere_stops_the_run_with_its_name(service: Service, tmp_path: Path) -> None:
    service.bundle({FIRST: [operation()]})
    service.run(code=17, REMEDIA_MODELS=str(tmp_path / "empty"))
    answer = service.results()
    assert answer["stopped"]["code"] == "model_missing"
    assert not answer["complete"]


def test_what_was_done_before_a_process_died_is_not_asked_again(tmp_path: Path) -> None:
    results = Results(tmp_path, Marker(RUN_ID, "0" * 64), "CPU")
    done = {"number": 1, "seed": 1, "state": "produced"}
    rejected = {**done, "reason": {"code": "prompt_score", "text": "too low"}}
    results.add(FIRST, "enhance", done)
    results.add(FIRST, "stage", rejected)
    ladder = tuple(Attempt(number, number, None) for number in (1, 2))
    asked = tuple(Operation(kind, ladder, None) for kind in ("enhance", "stage", "video"))
    Run.answer_rest(Photo(FIRST, 8, 8, asked), Code.INTERNAL, "it died", results)
    numbers = {kind: [one["number"] for one in results.answered(FIRST, kind)] for kind in ("enhance", "stage", "video")}
    assert numbers == {"enhance": [1], "stage": [1, 2], "video": [1]}


def test_several_runs_share_a_session(service: Service) -> None:
    for run in ("oak-1-r1", "elm-1-r1"):
        service.bundle({FIRST: [operation()]}, where=f"datasets/somebody/{run}", run_id=run)
    said = service.python("from remedia_worker.run import run_all; run_all('oak-1-r1,gone-1-r1,elm-1-r1')")
    assert "run gone-1-r1: " in said
    for run in ("oak-1-r1", "elm-1-r1"):
        results = json.loads((service.output / run / "results.json").read_text())
        assert results["complete"]
        assert results["run_id"] == run
        (attempt,) = results["photos"][0]["operations"][0]["attempts"]
        assert (service.output / run / attempt["image"]["file"]).is_file()
