"""Which models a run uses, and where their files are: in an attached folder, or fetched by pinned revision."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from .documents import ModelSet, Order, Part, Photo, model_set
from .environment import is_kept_offline
from .errors import Stop, WorkerStopped
from .find import walk
from .weights import choose_files, digest, lacking

NOTE = "remedia-model.json"
"""Beside an attached model: `{"repository": …, "revision": …}`, where the folder's name does not say it."""

_FULL = ("depth", "segmentation", "clip")
"""Small models, of which every GPU gets the 32-bit form, if there is one."""
_PIPELINES = ("base", "img2img", "video")


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


def locate(part: Part, roots: list[Path], online: bool, precision: str, others: Iterable[Part] = ()) -> Located:
    """Finds a part in an attached folder, or fetches it; WorkerStopped (`model_missing`) where neither works.

    `others` are the parts of its set, whose folders may lie beside its own.
    """
    attached = _attached(part, roots, others)
    lack = None if attached is None else lacking(attached.folder, part.role in _PIPELINES)
    if attached is not None and lack is None:
        return attached
    if online:
        return _fetched(part, precision)
    name = part.repository.rsplit("/", 1)[-1]
    why = lack or f"is in no attached folder named `{name}`"
    text = f"{part.role} ({part.repository}) {why}, and this session is offline"
    raise WorkerStopped(Stop.MODEL_MISSING, text, retryable=not is_kept_offline())


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _slugs(repository: str) -> set[str]:
    """How a folder may be called that holds a repository."""
    owner, _, name = repository.rpartition("/")
    return {_slug(name), _slug(f"{owner}-{name}"), _slug(f"models--{owner}--{name}")}


def _attached(part: Part, roots: list[Path], others: Iterable[Part]) -> Located | None:
    names = _slugs(part.repository)
    foreign = {slug for one in others if one.repository != part.repository for slug in _slugs(one.repository)} - names
    entry = "model_index.json" if part.role in _PIPELINES else "config.json"
    extra = os.environ.get("REMEDIA_MODELS")
    fitting: list[tuple[int, str, Path]] = []
    for root in [*([Path(extra)] if extra else []), *roots]:
        for folder in [folder for folder, files in walk(root) if entry in files]:
            note = _note(folder)
            distance = 0
            if note is not None:
                if note.get("repository") != part.repository:
                    continue
            else:
                near = [_slug(one) for one in reversed(folder.relative_to(root).parts)]
                named = next((place for place, one in enumerate(near) if one in names), None)
                # A folder of its name may hold another model of its owner, whose name is nearer.
                if named is None or foreign.intersection(near[:named]):
                    continue
                if entry == "config.json" and _is_component(folder):
                    continue
                distance = named
            fitting.append((distance, (note or {}).get("revision") or _snapshot(folder) or "unknown", folder))
    exact = [one for one in fitting if one[1] == part.revision]
    # A folder that says to be another revision is another model.
    unsure = [one for one in fitting if one[1] == "unknown"]
    nearest = min(exact or unsure, key=lambda one: one[0], default=None)
    return None if nearest is None else Located(part, nearest[2], nearest[1], digest(nearest[2]))


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


def _fetched(part: Part, precision: str) -> Located:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    wanted = f"{part.role} ({part.repository} at {part.revision})"
    found: Located | None = None
    error: Exception | None = None
    retryable = True
    for wait in (0, 5, 15):
        time.sleep(wait)
        try:
            info = HfApi().model_info(part.repository, revision=part.revision)
            names = choose_files(
                [file.rfilename for file in info.siblings or []], "fp32" if part.role in _FULL else precision
            )
            folder = Path(snapshot_download(part.repository, revision=str(info.sha), allow_patterns=names))
            found = Located(part, folder, str(info.sha), digest(folder))
            break
        except (RepositoryNotFoundError, RevisionNotFoundError) as caught:
            error, retryable = caught, False
            break
        except Exception as caught:  # The client raises errors of several libraries; each may pass.
            error = caught
    if found is None:
        raise WorkerStopped(Stop.MODEL_MISSING, f"{wanted} cannot be fetched: {error}", retryable) from error
    lack = lacking(found.folder, part.role in _PIPELINES)
    if lack is not None:
        raise WorkerStopped(Stop.MODEL_MISSING, f"{wanted} {lack}", retryable=False)
    return found
