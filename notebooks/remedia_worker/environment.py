"""The machine: which GPUs it has, whether it reaches the internet, and whether it has the packages that are needed.

Nothing here imports torch, so that a machine that will not do is told so in a second.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .errors import Stop, WorkerStopped
from .find import walk

_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)(==|>=)([0-9.]+)")


@dataclass(frozen=True)
class Device:
    """What pictures are made on; `index` is None for a CPU."""

    name: str
    memory_bytes: int
    index: str | None


def find_devices() -> list[Device]:
    """The GPUs of this machine, or its CPU where REMEDIA_ALLOW_CPU=1; WorkerStopped (`no_gpu`) otherwise."""
    gpus = _gpus()
    if gpus:
        return gpus
    if os.environ.get("REMEDIA_ALLOW_CPU") == "1":
        count = max(1, int(os.environ.get("REMEDIA_WORKERS", "1")))
        return [Device(name="CPU", memory_bytes=0, index=None)] * count
    raise WorkerStopped(
        Stop.NO_GPU,
        "this session has no GPU; choose one (Kaggle: GPU T4 x2; Colab: Runtime, Change runtime type, T4 GPU)",
    )


def _gpus() -> list[Device]:
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = [command, "--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    allowed = None if visible is None else [one.strip() for one in visible.split(",")]
    found = []
    for line in answer.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 3 and parts[2].isdigit() and (allowed is None or parts[0] in allowed):
            found.append(Device(name=parts[1], memory_bytes=int(parts[2]) * 1024**2, index=parts[0]))
    return found


def is_online() -> bool:
    """Whether the model host, or the mirror that HF_ENDPOINT names, can be reached; a notebook with internet switched
    off cannot. Asked three times, because what follows from a no is final.
    """
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return False
    place = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    port = place.port or (80 if place.scheme == "http" else 443)
    for wait in (0, 1, 2):
        time.sleep(wait)
        try:
            with socket.create_connection((place.hostname or "", port), timeout=5):
                return True
        except OSError:
            continue
    return False


def missing_requirements(text: str) -> list[str]:
    """The lines of `requirements.txt` that this Python does not meet."""
    missing = []
    for line in text.splitlines():
        match = _REQUIREMENT.fullmatch(line.strip())
        if match is None:
            continue
        name, relation, version = match.groups()
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = _other_opencv() if name.startswith("opencv") else ""
        wanted = _numbers(version)
        fits = _numbers(installed)[: len(wanted)] == wanted if relation == "==" else _numbers(installed) >= wanted
        if not installed or not fits:
            missing.append(line.strip())
    return missing


def _other_opencv() -> str:
    for name in ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+", maxsplit=1)[0]))


def install_missing(requirements: str, roots: list[Path], online: bool) -> list[str]:
    """Installs what is missing, from the internet or from wheels below the input folders; gives what was installed."""
    missing = missing_requirements(requirements)
    if not missing:
        return []
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    found = [folder for root in roots for folder, files in walk(root) if any(one.endswith(".whl") for one in files)]
    for folder in dict.fromkeys(found):
        command += ["--find-links", str(folder)]
    if not online:
        command.append("--no-index")
    done = subprocess.run([*command, *missing], capture_output=True, text=True, check=False)
    importlib.invalidate_caches()
    left = missing_requirements(requirements) if done.returncode == 0 else missing
    if done.returncode != 0 or left:
        how = "from the internet" if online else "offline; attach a data set with their wheels or switch internet on"
        last = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        text = f"{', '.join(left)} cannot be installed {how}: {last}"
        raise WorkerStopped(Stop.INSTALL_FAILED, text, retryable=online)
    return missing


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that make pixels."""
    found = {"python": ".".join(str(part) for part in sys.version_info[:3])}
    for name in ("torch", "diffusers", "transformers", "accelerate", "safetensors", "numpy", "pillow"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
