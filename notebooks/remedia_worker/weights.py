"""The weights of a model, in a repository or a folder: which form to take, whether any are there, and their digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from .files import sha256_of

_SMALL = 64 * 1024**2
_LEFT_OUT = ("safety_checker/", "feature_extractor/", "vae_1_0/")
_SUFFIXES = (".safetensors", ".bin")
_TEXTS = (".json", ".txt", ".model", ".md")
_STEM = r"(?:model|pytorch_model|diffusion_pytorch_model)"
_WEIGHTS = re.compile(_STEM + r"(\.fp16)?(?:-(\d{5})-of-(\d{5}))?\.(safetensors|bin)")
_INDEX = re.compile(_STEM + r"\.(safetensors|bin)\.index(\.fp16)?\.json")


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


def lacking(folder: Path, pipeline: bool) -> str | None:
    """What keeps a folder from being loaded: that it has no weights, or that a part of it has none."""
    if not pipeline:
        return None if _form(_files(folder), "fp16") else f"has no weights in {folder}"
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
        # A part is named with its library and its class, and with none where the pipeline does without it.
        named = [key for key, value in index.items() if isinstance(value, list) and value[0] is not None]
    except (OSError, ValueError, AttributeError, IndexError) as error:
        return f"has a model_index.json in {folder} that cannot be read: {error}"
    models = [one for one in named if not f"{one}/".startswith(_LEFT_OUT)]
    without = [one for one in models if _is_without_weights(folder / one)]
    if without or not models:
        return f"has no weights in {folder}" + (f" for {', '.join(without)}" if without else "")
    return None


def _is_without_weights(folder: Path) -> bool:
    """Whether a part of a pipeline lacks weights; schedulers and tokenizers, which have none, have no config.json."""
    files = _files(folder)
    return not files or ("config.json" in files and not _form(files, "fp16"))


def digest(folder: Path) -> str | None:
    """SHA-256 of a model's weights; of several files, that of their sorted lines `<sha256>  <name>`.

    None where it would take long: the Hub's cache names large files by their digests, and others are read only where
    they are small together.
    """
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.suffix in _SUFFIXES}
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
