"""Which models a run uses, and where their files are: in an attached folder, or fetched by pinned revision."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from .documents import ModelSet, Order, Part, Photo, model_set
from .errors import Stop, WorkerStopped
from .files import sha256_of
from .find import walk

NOTE = "remedia-model.json"
"""Beside an attached model: `{"repository": …, "revision": …}`, where the folder's name does not say it."""

_SMALL = 64 * 1024**2
_LEFT_OUT = ("safety_checker/", "feature_extractor/", "vae_1_0/")
_WEIGHTS = (".safetensors", ".bin")
_TEXTS = (".json", ".txt", ".model", ".md")


@dataclass(frozen=True)
class Located:
    """A part with its folder on this machine, and what is known of the bytes in it."""

    part: Part
    folder: Path
    revision: str
    sha256: str | None

    def record(self) -> dict[str, str]:
        """How it stands in the results."""
        one = {"role": self.part.role, "repository": self.part.repository, "revision": self.revision}
        one["licence"] = self.part.licence
        if self.sha256 is not None:
            one["sha256"] = self.sha256
        return one


def read_catalogue() -> dict[str, Any]:
    """`model_sets.json`: the default sets and the sizes at which model families work."""
    path = os.environ.get("REMEDIA_MODEL_SETS")
    source = Path(path) if path else resources.files(__package__).joinpath("model_sets.json")
    document: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return document


def choose_set(order: Order, memory_bytes: int, catalogue: dict[str, Any]) -> ModelSet:
    """The order's models, or the first default set that fits the GPU's memory."""
    if order.models is not None:
        return order.models
    for one in catalogue["sets"]:
        if memory_bytes >= float(one.get("min_memory_gb", 0)) * 1e9:
            return model_set(one)
    return model_set(catalogue["sets"][-1])


def family_of(folder: Path) -> str:
    """The family of a base model: `sdxl`, which has two text encoders, or `sd15`."""
    return "sdxl" if (folder / "text_encoder_2").is_dir() else "sd15"


def needed_roles(order: Order, bundle: Path, models: ModelSet) -> list[str]:
    """The roles without which something that is asked for cannot be done."""
    roles: list[str] = []
    stages = order.operations("stage")
    kinds = {net.kind for _, one in stages for try_ in one.attempts for net in _nets(try_.parameters)}
    if stages:
        roles += ["base", *(f"controlnet:{kind}" for kind in sorted(kinds))]
        roles += ["vae"] if models.part("vae") else []
        roles += ["depth"] if "depth" in kinds and _lack(stages, bundle, "maps", "depth.png") else []
        unmasked = [pair for pair in stages if not (bundle / "masks" / f"{pair[0].photo_id}.png").is_file()]
        labelled = stages if "segmentation" in kinds else unmasked
        roles += ["segmentation"] if _lack(labelled, bundle, "maps", "labels.png") else []
    if order.operations("enhance"):
        roles += ["img2img"] if models.part("img2img") else ["base"]
        roles += ["vae"] if models.part("vae") else []
    if any(one.clip for photo in order.photos for one in photo.operations) and models.part("clip"):
        roles.append("clip")
    if order.operations("video"):
        roles.append("video")
    return list(dict.fromkeys(roles))


def _nets(parameters: object) -> Iterable[Any]:
    return getattr(parameters, "controlnets", ())


def _lack(stages: list[tuple[Photo, Any]], bundle: Path, folder: str, suffix: str) -> bool:
    return any(not (bundle / folder / f"{photo.photo_id}.{suffix}").is_file() for photo, _ in stages)


def accepted(part: Part, order: Order) -> bool:
    """Whether a part whose licence has conditions may be used: the order names it, or REMEDIA_ACCEPT_LICENCES does."""
    named = order.models is not None and order.models.part(part.role) == part
    said = os.environ.get("REMEDIA_ACCEPT_LICENCES", "")
    return part.notice is None or named or part.repository in re.split(r"[,\s]+", said)


def locate(part: Part, roots: list[Path], online: bool, precision: str) -> Located:
    """Finds a part in an attached folder, or fetches it; WorkerStopped (`model_missing`) where neither works."""
    attached = _attached(part, roots)
    if attached is not None:
        return attached
    if not online:
        name = part.repository.rsplit("/", 1)[-1]
        raise WorkerStopped(
            Stop.MODEL_MISSING,
            f"{part.role} ({part.repository}) is in no attached folder named `{name}`, and this session is offline",
            retryable=False,
        )
    return _fetched(part, precision)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _attached(part: Part, roots: list[Path]) -> Located | None:
    owner, _, name = part.repository.rpartition("/")
    names = {_slug(name), _slug(f"{owner}-{name}"), _slug(f"models--{owner}--{name}")}
    entry = "model_index.json" if part.role in ("base", "img2img", "video") else "config.json"
    extra = os.environ.get("REMEDIA_MODELS")
    fitting: list[Located] = []
    for root in [*([Path(extra)] if extra else []), *roots]:
        for folder in [folder for folder, files in walk(root) if entry in files]:
            note = _note(folder)
            parts = [_slug(one) for one in folder.relative_to(root).parts]
            if note is not None:
                if note.get("repository") != part.repository:
                    continue
            elif not names.intersection(parts) or (entry == "config.json" and _is_component(folder)):
                continue
            revision = (note or {}).get("revision") or _snapshot(folder) or "unknown"
            fitting.append(Located(part, folder, revision, _digest(folder)))
    exact = [one for one in fitting if one.revision == part.revision]
    # A folder that says to be another revision is another model.
    unsure = [one for one in fitting if one.revision == "unknown"]
    return next(iter(exact or unsure), None)


def _is_component(folder: Path) -> bool:
    return (folder.parent / "model_index.json").is_file()


def _note(folder: Path) -> dict[str, str] | None:
    try:
        document = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _snapshot(folder: Path) -> str | None:
    if folder.parent.name == "snapshots" and re.fullmatch(r"[0-9a-f]{40}", folder.name):
        return folder.name
    return None


def _digest(folder: Path) -> str | None:
    """SHA-256 of a model's weights; of several files, that of their sorted lines `<sha256>  <name>`.

    None where it would take long: the Hub's cache names large files by their digests, and others are read only where
    they are small together.
    """
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.suffix in _WEIGHTS}
    weights = {name: path for name, path in found.items() if not name.startswith(_LEFT_OUT)}
    digests = {name: path.resolve().name for name, path in weights.items()}
    unnamed = [name for name, digest in digests.items() if not re.fullmatch(r"[0-9a-f]{64}", digest)]
    if not weights or sum(weights[name].stat().st_size for name in unnamed) > _SMALL:
        return None
    digests.update({name: sha256_of(weights[name]) for name in unnamed})
    if len(digests) == 1:
        return next(iter(digests.values()))
    lines = sorted(f"{digest}  {name}\n" for name, digest in digests.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def choose_files(names: Iterable[str], precision: str) -> list[str]:
    """The files of a repository that are needed: all texts, and in each folder one form of the weights.

    Safetensors are preferred to pickles, and the 16-bit form where the run works in 16 bits.
    """
    texts: list[str] = []
    weights: dict[str, list[tuple[tuple[bool, bool], str]]] = {}
    for name in names:
        folder, file = str(PurePosixPath(name).parent), PurePosixPath(name).name
        if name.startswith(_LEFT_OUT) and not file.startswith("preprocessor_config"):
            continue
        if file.endswith(_TEXTS) and ".index." not in file:
            texts.append(name)
        match = re.fullmatch(r"(model|pytorch_model|diffusion_pytorch_model)(\.fp16)?\.(safetensors|bin)", file)
        if match is not None:
            half, form = match.group(2) is not None, match.group(3)
            rank = (form != "safetensors", half != (precision == "fp16"))
            weights.setdefault(folder, []).append((rank, name))
    return sorted(texts) + sorted(min(found)[1] for found in weights.values())


def _fetched(part: Part, precision: str) -> Located:
    from huggingface_hub import HfApi, snapshot_download

    error: Exception | None = None
    for wait in (0, 5, 15):
        time.sleep(wait)
        try:
            info = HfApi().model_info(part.repository, revision=part.revision)
            names = choose_files([file.rfilename for file in info.siblings or []], precision)
            folder = snapshot_download(part.repository, revision=part.revision, allow_patterns=names)
            return Located(part, Path(folder), str(info.sha), _digest(Path(folder)))
        except Exception as caught:  # The client raises errors of several libraries; each may pass.
            error = caught
    raise WorkerStopped(
        Stop.MODEL_MISSING, f"{part.role} ({part.repository} at {part.revision}) cannot be fetched: {error}"
    ) from error
