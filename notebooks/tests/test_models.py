"""Choosing models and finding their files, and what the machine must have."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import torch
from bundles import PHOTOS, operation, order, write_bundle
from transformers import AutoModel

from remedia_worker import environment, weights
from remedia_worker.documents import Part, model_set, read_order
from remedia_worker.environment import find_devices, missing_requirements
from remedia_worker.errors import Stop, WorkerStopped
from remedia_worker.maps import DepthModel, SurfaceModel
from remedia_worker.models import accepted, choose_set, locate, needed_roles, read_catalogue
from remedia_worker.scoring import Scorer
from remedia_worker.weights import choose_files

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
    monkeypatch.setattr(weights, "_SMALL", 12)
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


def shards(name: str, half: str = "", form: str = "safetensors") -> list[str]:
    stem, folder = PurePosixPath(name).name, str(PurePosixPath(name).parent)
    files = [f"{stem}{half}-{number:05}-of-00002.{form}" for number in (1, 2)]
    return sorted(str(PurePosixPath(folder) / one) for one in [*files, f"{stem}.{form}.index{half}.json"])


def test_weights_in_shards_are_fetched_with_their_index() -> None:
    unet, text = "unet/diffusion_pytorch_model", "text_encoder/model"
    names = [*shards(unet), *shards(unet, ".fp16"), *shards(text), f"{text}.safetensors", "unet/config.json"]
    assert choose_files(names, "fp16") == ["unet/config.json", f"{text}.safetensors", *shards(unet, ".fp16")]
    assert choose_files(names, "fp32") == ["unet/config.json", f"{text}.safetensors", *shards(unet)]
    # Shards that are not all there are no weights.
    whole = [*shards("model"), *shards("pytorch_model", form="bin")]
    assert choose_files(whole, "fp16") == shards("model")
    for missing in shards("model"):
        left = [one for one in whole if one != missing]
        assert choose_files(left, "fp16") == shards("pytorch_model", form="bin")


@pytest.mark.parametrize("forms", [("",), (".fp16",), ("", ".fp16"), ("shards",)])
def test_small_models_are_loaded_from_every_form(tmp_path: Path, tiny: Path, forms: tuple[str, ...]) -> None:
    cpu = (torch.device("cpu"), torch.float32)
    loaders: dict[str, Callable[[Path], Any]] = {
        "clip": lambda folder: Scorer(folder, "clip", cpu[0]),
        "depth": lambda folder: DepthModel(folder, *cpu),
        "segmentation": lambda folder: SurfaceModel(folder, *cpu),
    }
    for role, load in loaders.items():
        folder = tmp_path / role
        shutil.copytree(tiny / f"tiny--{role}", folder)
        if forms == ("shards",):
            weights = AutoModel.from_pretrained(folder) if role == "clip" else load(folder)._model
            (folder / "model.safetensors").unlink()
            weights.save_pretrained(folder, max_shard_size="10KB")
            assert len(list(folder.glob("model-*-of-*.safetensors"))) > 1
        else:
            content = (folder / "model.safetensors").read_bytes()
            (folder / "model.safetensors").unlink()
            for one in forms:
                (folder / f"model{one}.safetensors").write_bytes(content)
        found = locate(Part(role, f"tiny/{role}", "0" * 40), [tmp_path], False, "fp16")
        before, after = load(tiny / f"tiny--{role}")._model.state_dict(), load(found.folder)._model.state_dict()
        assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_a_model_without_weights_is_missing(tmp_path: Path, tiny: Path) -> None:
    (attach(tmp_path / "control-depth") / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(WorkerStopped, match=r"controlnet:depth \(owner/control_depth\) has no weights") as missing:
        locate(DEPTH, [tmp_path], False, "fp16")
    assert missing.value.stop is Stop.MODEL_MISSING
    shutil.copytree(tiny / "tiny--sd15", tmp_path / "base")
    base = Part("base", "tiny/sd15", "0" * 40)
    assert locate(base, [tmp_path], False, "fp16").folder == tmp_path / "base"
    (weights,) = (tmp_path / "base" / "unet").glob("*.safetensors")
    weights.unlink()
    with pytest.raises(WorkerStopped, match=r"base \(tiny/sd15\) has no weights in .* for unet,"):
        locate(base, [tmp_path], False, "fp16")
    # A part that the pipeline names and whose folder is not there lacks them as well.
    shutil.rmtree(tmp_path / "base" / "vae")
    with pytest.raises(WorkerStopped, match=r"for (vae, unet|unet, vae),"):
        locate(base, [tmp_path], False, "fp16")
    (tmp_path / "base" / "model_index.json").write_text("half a fi")
    with pytest.raises(WorkerStopped, match="cannot be read"):
        locate(base, [tmp_path], False, "fp16")


def pipeline(folder: Path) -> Path:
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text('{"unet": ["diffusers", "UNet2DConditionModel"]}')
    (folder / "unet" / "config.json").write_text("{}")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"weights")
    return folder


def test_a_model_beside_another_of_its_owner_is_not_taken_for_it(tmp_path: Path) -> None:
    parts = model_set(read_catalogue()["sets"][-1]).parts
    base, plain = parts[:2]
    assert (base.role, plain.role) == ("base", "img2img")
    root = tmp_path / "stable-diffusion-v1-5"
    inpainting = pipeline(root / "stable-diffusion-inpainting")
    with pytest.raises(WorkerStopped) as missing:
        locate(plain, [tmp_path], False, "fp16", parts)
    assert missing.value.stop is Stop.MODEL_MISSING
    expected = pipeline(root / "stable-diffusion-v1-5")
    assert locate(plain, [tmp_path], False, "fp16", parts).folder == expected
    # Without knowing the set, the name that is nearest to the folder counts.
    assert locate(plain, [tmp_path], False, "fp16").folder == expected
    assert locate(base, [tmp_path], False, "fp16", parts).folder == inpainting


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


T4, A100 = "GPU-11111111-aaaa-bbbb-cccc-000000000000", "GPU-22222222-aaaa-bbbb-cccc-000000000000"


def smi(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """What nvidia-smi says."""
    command = folder / "nvidia-smi"
    asked = "--query-gpu=index,uuid,name,memory.total --format=csv,noheader,nounits"
    says = "".join(f"echo '{line}'\n" for line in lines)
    command.write_text(f'#!/bin/sh\n[ "$*" = "{asked}" ] || exit 2\n{says}')
    command.chmod(0o755)
    monkeypatch.setattr(environment.shutil, "which", lambda _: str(command))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("REMEDIA_ALLOW_CPU", raising=False)


def test_gpus_are_listed_and_their_absence_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, f"0, {T4}, Tesla T4, 15360", f"1, {A100}, NVIDIA A100-SXM4-80GB, 81920")
    assert [(one.name, one.index) for one in find_devices()] == [("Tesla T4", T4), ("NVIDIA A100-SXM4-80GB", A100)]
    assert find_devices()[0].memory_bytes == 15360 * 1024**2
    monkeypatch.setattr(environment.shutil, "which", lambda _: None)
    with pytest.raises(WorkerStopped) as none:
        find_devices()
    assert none.value.stop is Stop.NO_GPU


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", [A100]),
        ("1, 0", [A100, T4]),
        (A100, [A100]),
        ("GPU-2222", [A100]),
        (f"{A100},{T4}", [A100, T4]),
        ("0,0", [T4]),
        ("0,-1,1", [T4]),
        ("MIG-c7384736-a75d-5afc-978f-d2f1294409fd", ["MIG-c7384736-a75d-5afc-978f-d2f1294409fd"]),
        ("", []),
        ("7", []),
        ("GPU-3", []),
    ],
)
def test_the_gpus_that_a_service_gives_are_those_of_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[str]
) -> None:
    smi(tmp_path, monkeypatch, f"0, {T4}, Tesla T4, 15360", f"1, {A100}, NVIDIA A100-SXM4-80GB, 81920")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    if expected:
        assert [one.index for one in find_devices()] == expected
    else:
        with pytest.raises(WorkerStopped, match="no_gpu"):
            find_devices()


def test_a_gpu_that_does_not_tell_its_memory_works_with_the_smallest_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smi(tmp_path, monkeypatch, f"0, {T4}, NVIDIA GB10, [N/A]")
    (device,) = find_devices()
    assert (device.name, device.memory_bytes, device.index) == ("NVIDIA GB10", 0, T4)
    asked = read_order_of({FIRST: [operation()]})
    assert choose_set(asked, device.memory_bytes, read_catalogue()).name == "sd15-inpaint"


def read_order_of(operations: dict[str, list[dict[str, object]]]):  # type: ignore[no-untyped-def]
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(order(operations)))
        return read_order(path, "0" * 64)
