"""The seeds of the corpus, and which of them train, validate and test."""

from __future__ import annotations

import hashlib
from pathlib import Path

SEEDS = Path(__file__).with_name("seeds.txt")
PARTS = ("train", "validation", "test")


def read_seeds(path: Path) -> list[int]:
    """The seeds of a file: one number or range (`1-40`) in a line; `#` begins a remark."""
    seeds: list[int] = []
    for line in path.read_text().splitlines():
        text = line.split("#")[0].strip()
        if text:
            first, _, last = text.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    return seeds


def part(name: str | int) -> str:
    """The part that a room (by its seed) or a package (by its name) belongs to: 70 % train, 15 %, 15 %.

    It depends on the name alone, so that a corpus that grows moves nothing from one part to another.
    """
    number = int.from_bytes(hashlib.sha256(f"corpus:{name}".encode()).digest()[:4], "big") / 2**32
    return PARTS[0] if number < 0.7 else PARTS[1] if number < 0.85 else PARTS[2]
