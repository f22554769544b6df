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
    """What pictures are made on. `index` is what CUDA_VISIBLE_DEVICES must hold, None for a CPU; `memory_bytes` is 0
    where nobody tells.
    """

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
    listed = _listed()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return [device for _, device in listed]
    found: list[Device] = []
    for one in (token.strip() for token in visible.split(",")):
        device = _named(one, listed)
        # As CUDA does: what stands behind a name that is none is not looked at.
        if device is None:
            break
        if device not in found:
            found.append(device)
    return found


def _listed() -> list[tuple[str, Device]]:
    """The GPUs by the numbers that nvidia-smi gives them, which are not CUDA's where their kinds differ."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    query = [command, "--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found = []
    for line in answer.splitlines():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 4 and parts[0].isdecimal():
            number, uuid, name, memory = parts
            # Some GPUs share the machine's memory and tell none of their own.
            known = int(memory) * 1024**2 if memory.isdecimal() else 0
            found.append((number, Device(name, known, uuid if uuid.startswith("GPU-") else number)))
    return found


def _named(token: str, listed: list[tuple[str, Device]]) -> Device | None:
    """The GPU that an entry of CUDA_VISIBLE_DEVICES means: by number, by UUID or its beginning, or a part of a GPU."""
    if token.startswith("MIG-"):
        names = {device.name for _, device in listed}
        # How much memory such a part has is not told.
        return Device(f"{names.pop()} MIG" if len(names) == 1 else "NVIDIA MIG", 0, token)
    for number, device in listed:
        if token == number or (token.startswith("GPU-") and str(device.index).startswith(token)):
            return device
    return None


def is_kept_offline() -> bool:
    """Whether somebody wants no internet, rather than that there is none at the moment."""
    return os.environ.get("HF_HUB_OFFLINE") == "1"


def is_online() -> bool:
    """Whether the model host, or the mirror that HF_ENDPOINT names, can be reached; a notebook with internet switched
    off cannot. Asked three times, because the run ends where something has to be fetched.
    """
    if is_kept_offline():
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
        raise WorkerStopped(Stop.INSTALL_FAILED, text, retryable=online or not is_kept_offline())
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
