"""Choosing models and finding their files, and what the machine must have."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from bundles import PHOTOS, operation, order, write_bundle

from remedia_worker import environment, models
from remedia_worker.documents import Part, model_set, read_order
from remedia_worker.environment import find_devices, missing_requirements
from remedia_worker.errors import Stop, WorkerStopped
from remedia_worker.models import accepted, choose_files, choose_set, locate, needed_roles, read_catalogue

FIRST, SECOND = list(PHOTOS)[:2]
DEPTH = Part("controlnet:depth", "owner/control_depth", "1" * 40, "MIT")


def attach(folder: Path, note: dict[str, str] | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(b"weights")
    if note is not None:
        (folder / "remedia-model.json").write_text(json.dumps(note))
    return folder


@pytest.mark.parametrize(
    "where",
    [
        "control-depth",
        "datasets/somebody/control-depth",
        "models/somebody/control-depth/pytorch/default/1",
        f"hub/models--owner--control_depth/snapshots/{'1' * 40}",
    ],
)
def test_an_attached_model_is_found_by_its_name(tmp_path: Path, where: str) -> None:
    folder = attach(tmp_path / where)
    found = locate(DEPTH, [tmp_path], False, "fp16")
    assert found.folder == folder
    assert found.sha256 is not None
    assert found.revision == ("1" * 40 if "snapshots" in where else "unknown")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_digest_of_several_files_is_that_of_their_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = attach(tmp_path / "control-depth")
    alone = locate(DEPTH, [tmp_path], False, "fp16").sha256
    assert alone == sha256(b"weights")
    (folder / "vae").mkdir()
    (folder / "vae" / "model.bin").write_bytes(b"others")
    # It is never loaded.
    (folder / "safety_checker").mkdir()
    (folder / "safety_checker" / "model.safetensors").write_bytes(b"unused")
    lines = [f"{alone}  diffusion_pytorch_model.safetensors\n", f"{sha256(b'others')}  vae/model.bin\n"]
    together = sha256("".join(sorted(lines)).encode())
    assert locate(DEPTH, [tmp_path], False, "fp16").sha256 == together
    # Read only where they are small together; of what the Hub's cache names by its digest, nothing is read.
    monkeypatch.setattr(models, "_SMALL", 12)
    assert locate(DEPTH, [tmp_path], False, "fp16").sha256 is None
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    (folder / "vae" / "model.bin").rename(blobs / sha256(b"others"))
    (folder / "vae" / "model.bin").symlink_to(blobs / sha256(b"others"))
    assert locate(DEPTH, [tmp_path], False, "fp16").sha256 == together


def test_another_revision_is_another_model(tmp_path: Path) -> None:
    attach(tmp_path / "control-depth", {"repository": "owner/control_depth", "revision": "2" * 40})
    with pytest.raises(WorkerStopped) as missing:
        locate(DEPTH, [tmp_path], False, "fp16")
    assert missing.value.stop is Stop.MODEL_MISSING


def test_one_form_of_the_weights_is_fetched() -> None:
    names = [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "text_encoder/pytorch_model.bin",
        "safety_checker/model.safetensors",
        "sd-v1-5.ckpt",
        "images/example.png",
    ]
    texts = ["model_index.json", "unet/config.json"]
    half = "unet/diffusion_pytorch_model.fp16.safetensors"
    full = "unet/diffusion_pytorch_model.safetensors"
    assert choose_files(names, "fp16") == [*texts, "text_encoder/pytorch_model.bin", half]
    assert choose_files(names, "fp32") == [*texts, "text_encoder/pytorch_model.bin", full]


def test_the_default_set_fits_the_memory_and_is_pinned() -> None:
    catalogue = read_catalogue()
    for one in catalogue["sets"]:
        for part in model_set(one).parts:
            assert len(part.revision) == 40, part
            assert part.licence != "unknown"
    asked = read_order_of({FIRST: [operation()]})
    assert choose_set(asked, 16 * 10**9, catalogue).name == "sd15-inpaint"
    assert choose_set(asked, 24 * 10**9, catalogue).name == "sdxl-union"


def test_a_licence_with_conditions_must_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = read_order_of({FIRST: [operation("video")]})
    video = choose_set(asked, 0, read_catalogue()).part("video")
    assert video is not None
    assert not accepted(video, asked)
    monkeypatch.setenv("REMEDIA_ACCEPT_LICENCES", video.repository)
    assert accepted(video, asked)


def test_only_what_is_needed_is_loaded(tmp_path: Path) -> None:
    models = model_set(json.loads(json.dumps(read_catalogue()["sets"][-1])))
    bundle = write_bundle(tmp_path, order({FIRST: [operation()], SECOND: [operation("video")]}), labels=(FIRST,))
    asked = read_order(bundle / "job.json", "0" * 64)
    roles = needed_roles(asked, bundle, models)
    assert roles == ["base", "controlnet:depth", "controlnet:segmentation", "depth", "clip", "video"]


def test_requirements_that_are_not_met_are_listed() -> None:
    assert missing_requirements("numpy>=1.0\n# a comment\n") == []
    assert missing_requirements("numpy==0.1\nno-such-package-at-all>=1\n") == [
        "numpy==0.1",
        "no-such-package-at-all>=1",
    ]


def test_gpus_are_listed_and_their_absence_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\necho '0, Tesla T4, 15360'\necho '1, Tesla T4, 15360'\n")
    command.chmod(0o755)
    monkeypatch.setattr(environment.shutil, "which", lambda _: str(command))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [(one.name, one.index) for one in find_devices()] == [("Tesla T4", "0"), ("Tesla T4", "1")]
    monkeypatch.setattr(environment.shutil, "which", lambda _: None)
    monkeypatch.delenv("REMEDIA_ALLOW_CPU", raising=False)
    with pytest.raises(WorkerStopped) as none:
        find_devices()
    assert none.value.stop is Stop.NO_GPU


def read_order_of(operations: dict[str, list[dict[str, object]]]):  # type: ignore[no-untyped-def]
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(order(operations)))
        return read_order(path, "0" * 64)
