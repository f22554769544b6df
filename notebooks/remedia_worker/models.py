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
_FULL = ("depth", "segmentation", "clip")
"""Small models, of which every GPU gets the 32-bit form, if there is one."""
_PIPELINES = ("base", "img2img", "video")
_STEM = r"(?:model|pytorch_model|diffusion_pytorch_model)"
_WEIGHTS = re.compile(_STEM + r"(\.fp16)?(?:-(\d{5})-of-(\d{5}))?\.(safetensors|bin)")
_INDEX = re.compile(_STEM + r"\.(safetensors|bin)\.index(\.fp16)?\.json")


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
    lacking = None if attached is None else _lacking(attached)
    if attached is not None and lacking is None:
        return attached
    if online:
        return _fetched(part, precision)
    name = part.repository.rsplit("/", 1)[-1]
    why = lacking or f"is in no attached folder named `{name}`"
    raise WorkerStopped(
        Stop.MODEL_MISSING, f"{part.role} ({part.repository}) {why}, and this session is offline", retryable=False
    )


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
    return None if nearest is None else Located(part, nearest[2], nearest[1], _digest(nearest[2]))


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
    """The files of a repository that are needed: all texts, and in each folder one form of the weights."""
    texts: list[str] = []
    folders: dict[str, list[str]] = {}
    for name in names:
        folder, file = str(PurePosixPath(name).parent), PurePosixPath(name).name
        if name.startswith(_LEFT_OUT) and not file.startswith("preprocessor_config"):
            continue
        if file.endswith(_TEXTS) and ".index." not in file:
            texts.append(name)
        folders.setdefault(folder, []).append(file)
    weights = [
        str(PurePosixPath(folder) / file) for folder, files in folders.items() for file in _form(files, precision)
    ]
    return sorted(texts) + sorted(weights)


def _form(files: Iterable[str], precision: str) -> list[str]:
    """The files of one form of the weights of a folder: one file, or shards with their index; none where there is none.

    Safetensors are preferred to pickles, the 16-bit form where the run works in 16 bits, and one file to shards.
    """
    forms: dict[tuple[bool, bool, bool], list[str]] = {}
    indexes: dict[tuple[bool, bool], str] = {}
    counts: dict[tuple[bool, bool, bool], int] = {}
    for file in files:
        if match := _WEIGHTS.fullmatch(file):
            half, _, count, form = match.groups()
            key = (form != "safetensors", (half is not None) != (precision == "fp16"), count is not None)
            forms.setdefault(key, []).append(file)
            counts[key] = int(count or 1)
        elif match := _INDEX.fullmatch(file):
            form, half = match.groups()
            indexes[form != "safetensors", (half is not None) != (precision == "fp16")] = file
    for key in sorted(forms):
        found = forms[key]
        if not key[2]:
            return found[:1]
        if key[:2] in indexes and len(found) == counts[key]:
            return [*sorted(found), indexes[key[:2]]]
    return []


def variant_of(folder: Path) -> str | None:
    """The variant by which one of the small models is loaded: its 16-bit form only where there is no other."""
    return "fp16" if any(".fp16" in file for file in _form(_files(folder), "fp32")) else None


def _files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _lacking(found: Located) -> str | None:
    """What keeps a folder from being loaded: that it has no weights, or that a part of it has none."""
    if found.part.role not in _PIPELINES:
        return None if _form(_files(found.folder), "fp16") else f"has no weights in {found.folder}"
    try:
        index = json.loads((found.folder / "model_index.json").read_text(encoding="utf-8"))
        # A part is named with its library and its class, and with none where the pipeline does without it.
        named = [key for key, value in index.items() if isinstance(value, list) and value[0] is not None]
    except (OSError, ValueError, AttributeError, IndexError) as error:
        return f"has a model_index.json in {found.folder} that cannot be read: {error}"
    models = [one for one in named if not f"{one}/".startswith(_LEFT_OUT)]
    without = [one for one in models if _is_without_weights(found.folder / one)]
    if without or not models:
        return f"has no weights in {found.folder}" + (f" for {', '.join(without)}" if without else "")
    return None


def _is_without_weights(folder: Path) -> bool:
    """Whether a part of a pipeline lacks weights; schedulers and tokenizers, which have none, have no config.json."""
    files = _files(folder)
    return not files or ("config.json" in files and not _form(files, "fp16"))


def _fetched(part: Part, precision: str) -> Located:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    wanted = f"{part.role} ({part.repository} at {part.revision})"
    found: Located | None = None
    error: Exception | None = None
    for wait in (0, 5, 15):
        time.sleep(wait)
        try:
            info = HfApi().model_info(part.repository, revision=part.revision)
            names = choose_files(
                [file.rfilename for file in info.siblings or []], "fp32" if part.role in _FULL else precision
            )
            folder = Path(snapshot_download(part.repository, revision=str(info.sha), allow_patterns=names))
            found = Located(part, folder, str(info.sha), _digest(folder))
            break
        except (RepositoryNotFoundError, RevisionNotFoundError) as caught:
            error = caught
            break
        except Exception as caught:  # The client raises errors of several libraries; each may pass.
            error = caught
    if found is None:
        raise WorkerStopped(Stop.MODEL_MISSING, f"{wanted} cannot be fetched: {error}") from error
    lacking = _lacking(found)
    if lacking is not None:
        raise WorkerStopped(Stop.MODEL_MISSING, f"{wanted} {lacking}", retryable=False)
    return found
