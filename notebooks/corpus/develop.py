"""Develops renders into references, faulty camera files and brackets.

    python -m corpus.develop RENDERS OUT [--files 4]

OUT/PART/SEED/ holds `reference.png`, `photo-N.jpg` (aligned with it to the pixel; `kept` ones are right as they are),
`bracket-N/0.jpg`, …, `labels.png` and `what.json`; OUT/split.json says which seeds train, validate and test. What is
there is not made again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import camera
from .camera import CURVES, Shot
from .colour import Array
from .finishes import Random
from .reference import Reference, load
from .reference import develop as refer
from .seeds import PARTS, part


def photos(scene: Array, clean: Array, folder: Path, rng: Random, count: int) -> list[dict[str, Any]]:
    """`count` single photos of linear light, the last of every other folder right as it is; what is told of them."""
    told = []
    for i in range(count):
        kept = i == count - 1 and rng.random() < 0.5
        shot = (
            Shot(quality=int(rng.integers(85, 97)), iso=int(rng.choice([0, 100, 200]))) if kept else camera.fault(rng)
        )
        tags = (
            camera.exif(camera.BODIES[int(rng.integers(5))], shot.iso or 100, 1 / 60, 8.0, i)
            if rng.random() < 0.6
            else None
        )
        camera.write(
            folder / f"photo-{i}.jpg", camera.photograph(clean if kept else scene, shot, rng), shot.quality, tags
        )
        told.append({"file": f"photo-{i}.jpg", "kept": kept, "exif": tags is not None, **shot.document()})
    return told


def bracket(scene: Array, folder: Path, rng: Random, steps: list[int]) -> dict[str, Any]:
    """A bracket of `steps` EV, the first as metered; half are held by hand, two thirds have EXIF."""
    folder.mkdir(exist_ok=True)
    by_hand, tagged = rng.random() < 0.5, rng.random() < 0.67
    name = str(rng.choice(list(CURVES)))
    base = Shot(
        ev=float(rng.uniform(-0.7, 0.4)),
        curve=CURVES[name],
        maker=name,
        iso=int(rng.choice([100, 200, 400])),
        glare=float(rng.uniform(0, 0.02)),
        quality=int(rng.integers(85, 97)),
    )
    base = replace(base, cast=camera.cast(rng)) if rng.random() < 0.5 else base
    seconds, body, frames = (
        float(rng.choice([1 / 30, 1 / 60, 1 / 125, 1 / 15])),
        camera.BODIES[int(rng.integers(5))],
        [],
    )
    for i, step in enumerate(steps):
        shot = replace(base, ev=base.ev + step)
        if by_hand and step:
            a, r = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(3, 6))
            shot = replace(
                shot,
                shift=(r * float(np.cos(a)), r * float(np.sin(a))),
                turn=float(rng.choice([-0.2, 0.2]) * rng.uniform(0.3, 1)),
            )
        tags = camera.exif(body, shot.iso, seconds * 2.0**step, 8.0, 1, step) if tagged else None
        camera.write(folder / f"{i}.jpg", camera.photograph(scene, shot, rng), shot.quality, tags)
        frames.append({"file": f"{folder.name}/{i}.jpg", "step": step, **shot.document()})
    return {"by_hand": by_hand, "exif": tagged, "frames": frames}


def room(path: Path, out: Path, count: int) -> None:
    """All files of one render."""
    seed = int(path.stem)
    folder = out / part(seed) / path.stem
    if (folder / "what.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng, render = np.random.default_rng([seed, 99]), load(path)
    above = float(rng.uniform(0.7, 1.3))
    reference: Reference = refer(render, above)
    Image.fromarray(camera.as_bytes(reference.encoded())).save(folder / "reference.png")
    Image.fromarray(render.labels).save(folder / "labels.png")
    what: dict[str, Any] = {
        "seed": seed,
        "part": part(seed),
        "classes": render.classes,
        "view_share": round(float(render.view.mean()), 4),
    }
    what["reference"] = {
        "gains": reference.gains.tolist(),
        "exposure": reference.exposure,
        "view_gain": reference.view_gain,
        "view_above_ev": above,
    }
    what["photos"] = photos(reference.scene, reference.picture, folder, rng, count)
    what["brackets"] = [
        bracket(reference.scene, folder / f"bracket-{len(steps)}", rng, steps)
        for steps in ([0, -2, 2], [0, -2, -1, 1, 2])
    ]
    (folder / "what.json").write_text(json.dumps(what, indent=1))


def write_split(out: Path) -> None:
    """The list of seeds (or packages) by part, from what is there."""
    names = {name: sorted(f.parent.name for f in (out / name).glob("*/what.json")) for name in PARTS}
    (out / "split.json").write_text(json.dumps(names, indent=1))


def main() -> None:
    """Develops what has been rendered and not been developed yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("renders", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--files", type=int, default=4)
    given = parser.parse_args()
    for path in sorted(given.renders.glob("[0-9]*.npz")):
        if not path.name.endswith(".part.npz"):
            room(path, given.out, given.files)
    write_split(given.out)


if __name__ == "__main__":
    main()
